//! `policy coverage`: whether every property that Microsoft declares has a rule, and which.

use super::policy::selector::States;
use super::rules::{Rules, Settled};
use crate::catalogue::inventory::{self, Property};
use crate::catalogue::{Field, Source, Stream, TypeId, fold};
use crate::kind::Kind;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// A declared property and what happens to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Covered {
    /// The shape it comes in.
    pub source: Source,
    /// The dataset in which it was met first; for names that a sibling holds, the type with their rows.
    pub dataset: String,
    /// Path from the record.
    pub path: String,
    /// What its values are; absent for objects and for what is declared and never wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What happens; absent where no row covers it: then it is dropped and counted.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
}

/// Coverage of the inventory.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// Datasets whose declared properties are known.
    pub datasets: usize,
    /// Every declared property once for each type it stands in.
    pub properties: Vec<Covered>,
}

impl Coverage {
    /// Properties with a rule.
    pub fn covered(&self) -> usize {
        self.properties.iter().filter(|one| one.action.is_some()).count()
    }

    /// Covered properties in percent, rounded down: 100 means all.
    pub fn percent(&self) -> u64 {
        percent(self.covered() as u64, self.properties.len() as u64)
    }

    /// Properties by kind (or `object`, `never wanted`) and treatment.
    pub fn by_kind(&self) -> BTreeMap<(&'static str, &'static str), usize> {
        let mut counts = BTreeMap::new();
        for one in &self.properties {
            let Some(action) = one.action else { continue };
            let holds = match (one.kind, action) {
                (Some(kind), _) => kind.id(),
                (None, "drop") => "(never wanted)",
                (None, _) => "(object)",
            };
            *counts.entry((holds, action)).or_default() += 1;
        }
        counts
    }
}

/// `part` of `all` in percent, rounded down; of nothing, all.
pub fn percent(part: u64, all: u64) -> u64 {
    (part * 100).checked_div(all).unwrap_or(100)
}

impl Rules {
    /// Holds the inventory of declared properties and columns against the rules.
    pub fn coverage(&self) -> Coverage {
        let mut walk = Walk { rules: self, seen: HashSet::new(), found: Vec::new() };
        let mut datasets = 0;
        for dataset in self.catalogue().datasets() {
            let graph = inventory::root(&dataset.id);
            if let (Some(of), Some(root)) =
                (graph, self.catalogue().root(&Stream::new(Source::Graph, &*dataset.id)))
            {
                walk.properties(of, root, self.start(&dataset.id), &dataset.id, "");
            }
            let mut flat = false;
            for (source, columns) in inventory::columns(&dataset.id) {
                let Some(source) = Source::parse(source) else { continue };
                flat = true;
                let stream = Stream::new(source, &*dataset.id);
                walk.columns(&stream, columns);
                if let (Some(of), Some(member)) = (graph, inventory::inside(source.id())) {
                    walk.inside(of, &stream, member);
                }
            }
            datasets += usize::from(graph.is_some() || flat);
        }
        for (of, names) in inventory::names() {
            walk.names(of, names);
        }
        walk.found.sort();
        Coverage { datasets, properties: walk.found }
    }
}

struct Walk<'r> {
    rules: &'r Rules,
    seen: HashSet<(&'static str, TypeId, States)>,
    found: Vec<Covered>,
}

impl Walk<'_> {
    fn properties(&mut self, of: &'static str, at: TypeId, states: States, dataset: &str, path: &str) {
        if !self.seen.insert((of, at, states.clone())) {
            return;
        }
        for Property { name, holds } in inventory::properties(of) {
            let path = format!("{path}/{name}");
            let (field, below) = self.member(at, &states, name);
            self.note(Source::Graph, dataset, &path, name, field.as_ref(), &below);
            if let (Some(Field::Object(inner)), Some(holds)) = (field, holds) {
                let elements = below.element(|index| self.rules.selector(index));
                self.properties(holds, inner, elements, dataset, &path);
            }
        }
    }

    fn columns(&mut self, stream: &Stream, columns: &[String]) {
        let Some(root) = self.rules.catalogue().root(stream) else { return };
        let states = self.rules.start(&stream.dataset);
        for column in columns {
            let (field, below) = self.member(root, &states, column);
            self.note(stream.source, &stream.dataset, &format!("/{column}"), column, field.as_ref(), &below);
        }
    }

    /// The object behind an envelope.
    fn inside(&mut self, of: &'static str, stream: &Stream, member: &str) {
        let Some(root) = self.rules.catalogue().root(stream) else { return };
        let states = self.rules.start(&stream.dataset);
        if let (Some(Field::Object(inner)), below) = self.member(root, &states, member) {
            self.properties(of, inner, below, &stream.dataset, &format!("/{member}"));
        }
    }

    /// Names that a sibling holds.
    fn names(&mut self, of: &str, names: &[String]) {
        let Some(at) = self.rules.catalogue().type_named(of) else { return };
        for name in names {
            let (field, below) = self.member(at, &States::default(), name);
            let path = format!("#{name}");
            self.note(Source::Graph, of, &path, name, field.as_ref(), &below);
        }
    }

    fn member(&self, at: TypeId, states: &States, name: &str) -> (Option<Field>, States) {
        let folded = fold(name);
        let of = self.rules.catalogue().record_type(at);
        let field = of.fields.get(&folded).cloned();
        (field, states.member(&folded, |index| self.rules.selector(index)))
    }

    fn note(
        &mut self,
        source: Source,
        dataset: &str,
        path: &str,
        name: &str,
        field: Option<&Field>,
        below: &States,
    ) {
        let mut matched = below.matched(|index| self.rules.selector(index));
        // What holds in some records only covers no field.
        matched.retain(|index| !self.rules.is_conditional(*index));
        let settled = self.rules.settle(&fold(name), field, &matched);
        let kind = match (&settled, field) {
            (Some(Settled::Leaf(leaf)), _) => Some(leaf.kind),
            (Some(Settled::Drop(kind)), _) => *kind,
            (_, Some(Field::Value { kind, .. })) => Some(*kind),
            _ => None,
        };
        let action = settled.as_ref().map(|settled| match settled {
            Settled::Object(_) | Settled::By { .. } => "parse",
            other => other.treatment().id(),
        });
        self.found.push(Covered { source, dataset: dataset.to_owned(), path: path.to_owned(), kind, action });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::privacy::Policy;

    #[test]
    fn every_declared_property_has_a_rule_under_every_preset() {
        for preset in Policy::presets() {
            let policy = Policy::builtin(preset).unwrap();
            let rules = Rules::resolve(&policy, Catalogue::builtin()).map_err(|e| e.to_string()).unwrap();
            let coverage = rules.coverage();
            let open: Vec<&Covered> = coverage.properties.iter().filter(|one| one.action.is_none()).collect();
            assert!(open.is_empty(), "{preset}: {open:?}");
            assert_eq!(coverage.percent(), 100);
            assert!(coverage.datasets > 110 && coverage.properties.len() > 3_000);
        }
    }

    #[test]
    fn percents_are_rounded_down() {
        assert_eq!((percent(999, 1000), percent(1, 1), percent(0, 0)), (99, 100, 100));
    }
}
