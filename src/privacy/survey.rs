//! A survey: every field that the catalogue declares for a stream, with what the rules make of it.

use super::policy::selector::States;
use super::policy::treatment::Treatment;
use super::rules::{REST, Rules, Settled};
use crate::catalogue::{Field, Source, Stream};
use crate::kind::Kind;
use std::collections::{BTreeMap, HashSet};

/// A declared field under resolved rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// Path from the record in catalogue spelling; `#` stands before a name that a sibling holds.
    pub path: String,
    /// In which records, where an exception holds in some only: the condition in words.
    pub when: Option<String>,
    /// What its values are; `None` for objects and for what is declared and never wanted.
    pub kind: Option<Kind>,
    /// Whether kept values have a grammar.
    pub grammar: bool,
    /// What happens to its values, or to the object as a whole.
    pub treatment: Treatment,
    /// Whether its members have rules of their own.
    pub object: bool,
    /// The exceptions whose selectors end here.
    pub matched: Vec<u16>,
    /// The exception that decides, if one does.
    pub winner: Option<u16>,
}

/// Streams whose records have one type and meet the same exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// One of them.
    pub stream: Stream,
    /// The datasets of all of them, sorted.
    pub datasets: Vec<String>,
}

impl Rules {
    /// Streams grouped so that each distinct survey is made once. `also` tells streams apart that
    /// these rules treat alike.
    pub fn alike<T: std::fmt::Debug>(&self, also: impl Fn(&Stream) -> T) -> Vec<Alike> {
        let mut groups: BTreeMap<String, Alike> = BTreeMap::new();
        for dataset in self.catalogue().datasets() {
            for source in Source::ALL {
                let stream = Stream::new(source, &*dataset.id);
                let Some(root) = self.catalogue().root(&stream) else { continue };
                let lines: Vec<u16> = self.lines(&stream.dataset).iter().map(|(index, _)| *index).collect();
                let key = format!("{root:?} {:?} {lines:?} {:?}", self.start(&stream.dataset), also(&stream));
                let group = groups.entry(key).or_insert(Alike { stream, datasets: Vec::new() });
                if group.datasets.last() != Some(&dataset.id) {
                    group.datasets.push(dataset.id.clone());
                }
            }
        }
        groups.into_values().collect()
    }

    /// Surveys a stream. With `touched` only fields that an exception names or may still name below.
    /// A type that was seen under the same exceptions is not entered again.
    pub fn survey(&self, stream: &Stream, touched: bool) -> Vec<Surveyed> {
        let mut found = Vec::new();
        let Some(root) = self.catalogue().root(stream) else { return found };
        let mut seen = HashSet::new();
        let mut open = vec![(root, self.start(&stream.dataset), String::new(), '/')];
        while let Some((at, states, path, separator)) = open.pop() {
            if (touched && states.is_empty()) || !seen.insert((at, states.clone())) {
                continue;
            }
            let of = self.catalogue().record_type(at);
            let rest = of.rest.as_ref().map(|rest| ("*", "*", rest));
            let named = of
                .names
                .iter()
                .filter_map(|(folded, name)| Some((folded.as_str(), name.as_str(), of.fields.get(folded)?)));
            for (folded, name, field) in named.chain(rest) {
                let path = format!("{path}{separator}{name}");
                let below = states.member(folded, |index| self.selector(index));
                let elements = below.element(|index| self.selector(index));
                let mut matched = below.matched(|index| self.selector(index));
                matched.extend(elements.matched(|index| self.selector(index)));
                matched.sort_unstable();
                matched.dedup();
                match field {
                    Field::Object(inner) => open.push((*inner, elements, path.clone(), '/')),
                    Field::By { table, .. } => open.push((*table, States::default(), path.clone(), '#')),
                    _ => {}
                }
                if touched && matched.is_empty() {
                    continue;
                }
                for (condition, matched) in self.cases(&matched) {
                    let when = condition.and_then(|index| self.spelled_condition(index));
                    found.push(Surveyed { when, ..self.surveyed(folded, field, path.clone(), matched) });
                }
            }
        }
        let text = self.free_text(root);
        for (index, _) in self.lines(&stream.dataset) {
            let path = format!("/{}", self.selector(index).text());
            found.push(self.surveyed(REST, &text, path, vec![index]));
        }
        found.sort_by(|a, b| (&a.path, &a.when).cmp(&(&b.path, &b.when)));
        found
    }

    /// The condition of an exception in words.
    pub fn spelled_condition(&self, index: u16) -> Option<String> {
        self.exceptions()[usize::from(index)].when.as_ref().map(|when| when.spelled())
    }

    fn surveyed(&self, folded: &str, field: &Field, path: String, matched: Vec<u16>) -> Surveyed {
        let locked = matches!(self.plain(folded, Some(field)), Some(Settled::Drop(Some(Kind::Secret))));
        let winner = match locked {
            true => None,
            false => self.winner(folded, Some(field), &matched).map(|(index, _)| index),
        };
        let settled = self.settle(folded, Some(field), &matched).unwrap_or(Settled::Drop(None));
        let (kind, grammar) = match (&settled, field) {
            (Settled::Leaf(leaf), _) => (Some(leaf.kind), leaf.grammar.is_some()),
            (Settled::Drop(Some(kind)), _) => (Some(*kind), false),
            (_, Field::Value { kind, .. }) => (Some(*kind), false),
            _ => (None, false),
        };
        Surveyed {
            path,
            when: None,
            kind,
            grammar,
            treatment: settled.treatment(),
            object: matches!(settled, Settled::Object(_) | Settled::By { .. }),
            matched,
            winner,
        }
    }
}
