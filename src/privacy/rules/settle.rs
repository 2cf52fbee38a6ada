//! How catalogue row, rule of the kind and exceptions settle what happens to one member.

use super::super::policy::model::Do;
use super::super::policy::selector::States;
use super::super::policy::treatment::Treatment;
use super::super::policy::{ExceptionRule, Wrong};
use super::{Leaf, PlacePart, Rules, Settled};
use crate::catalogue::{Field, Grammar, Source, Stream, TypeId};
use crate::kind::Kind;
use std::collections::HashSet;

impl Rules {
    /// Settles a member: `name` is its folded name, `field` its catalogue row if there is one,
    /// `matched` the exceptions whose selectors end at it. `None` is an undeclared member.
    pub fn settle(&self, name: &str, field: Option<&Field>, matched: &[u16]) -> Option<Settled> {
        let plain = self.plain(name, field);
        if matched.is_empty() || matches!(plain, Some(Settled::Drop(Some(Kind::Secret)))) {
            return plain;
        }
        let winner = self.winner(name, field, matched);
        winner.map(|(_, settled)| settled).or(plain)
    }

    /// The exception that wins at a field, with what it makes of it.
    pub fn winner(&self, name: &str, field: Option<&Field>, matched: &[u16]) -> Option<(u16, Settled)> {
        let mut best: Option<(u16, Settled)> = None;
        for index in matched {
            let rule = &self.exceptions[usize::from(*index)];
            let Ok(settled) = self.apply(rule, name, field) else { continue };
            if self.loosens(&settled, rule, name, field) && !self.loosening_in_force(rule) {
                continue;
            }
            let better = match &best {
                None => true,
                Some((other, held)) => {
                    let held_rule = &self.exceptions[usize::from(*other)];
                    let key = |rule: &ExceptionRule| {
                        (
                            rule.selector.wildcards() + usize::from(rule.says.dataset == "*"),
                            rule.when.is_none(),
                            usize::MAX - rule.rank,
                        )
                    };
                    match key(rule).cmp(&key(held_rule)) {
                        std::cmp::Ordering::Less => true,
                        std::cmp::Ordering::Greater => false,
                        std::cmp::Ordering::Equal => held.treatment().looser_than(settled.treatment()),
                    }
                }
            };
            if better {
                best = Some((*index, settled));
            }
        }
        best
    }

    /// What the rule of the kind makes of a field.
    pub fn plain(&self, name: &str, field: Option<&Field>) -> Option<Settled> {
        Some(match field? {
            Field::Drop => Settled::Drop(None),
            Field::Object(id) => Settled::Object(Some(*id)),
            Field::By { sibling, table } => {
                // Only old and new values of audit records have a rule as a whole.
                let modified = self.catalogue.record_type(*table).name.starts_with("modified");
                match self.treatment(Kind::ModifiedValue) {
                    treatment if modified && !matches!(treatment, Treatment::Parse(_)) => {
                        self.leaf(name, Kind::ModifiedValue, treatment, None, false)
                    }
                    _ => Settled::By { sibling: sibling.clone(), table: *table },
                }
            }
            // No table says what the value of an unknown property is: nothing of it can be told apart.
            Field::Value { kind: Kind::ModifiedValue, .. }
                if matches!(self.treatment(Kind::ModifiedValue), Treatment::Parse(_)) =>
            {
                Settled::Drop(Some(Kind::ModifiedValue))
            }
            Field::Value { kind, grammar } => {
                self.leaf(name, *kind, self.treatment(*kind), grammar.clone(), false)
            }
        })
    }

    fn leaf(
        &self,
        name: &str,
        kind: Kind,
        treatment: Treatment,
        grammar: Option<Grammar>,
        verbatim: bool,
    ) -> Settled {
        if treatment == Treatment::Drop || kind == Kind::Secret {
            return Settled::Drop(Some(kind));
        }
        let place = if kind == Kind::Place { place_part(name) } else { PlacePart::Mixed };
        Settled::Leaf(Leaf { kind, treatment, grammar: grammar.or_else(|| natural(kind)), verbatim, place })
    }

    /// What an exception makes of a field. The error says why it does not fit.
    pub(super) fn apply(
        &self,
        rule: &ExceptionRule,
        name: &str,
        field: Option<&Field>,
    ) -> Result<Settled, String> {
        let says = &rule.says;
        if let Some(Field::Object(of) | Field::By { table: of, .. }) = field
            && !self.removes(says)
            && self.holds_secret(*of)
        {
            return Err("the selector names an object that holds a secret; it can be dropped or redacted, or name a field in it".into());
        }
        let own = says.grammar.as_deref().and_then(Grammar::parse);
        if let Some(kind) = says.kind {
            let old = match field {
                Some(Field::Value { grammar, .. }) => grammar.clone(),
                _ => None,
            };
            return Ok(self.leaf(name, kind, self.treatment(kind), own.or(old), false));
        }
        let action = says.action.unwrap_or(Do::Drop);
        if action == Do::Parse
            && let (Some(by), Some(table)) = (&says.by, &says.table)
        {
            let named = table.strip_prefix("builtin:").unwrap_or(table);
            let Some(table) = self.catalogue.type_named(named) else {
                return Err("`table` names no type of the catalogue".into());
            };
            let sibling = crate::catalogue::fold(by.trim_start_matches("../"));
            return Ok(Settled::By { sibling, table });
        }
        let (kind, grammar) = match field {
            Some(Field::Value { kind, grammar }) => (*kind, grammar.clone()),
            Some(Field::By { .. }) => (Kind::ModifiedValue, None),
            Some(Field::Object(_)) if matches!(action, Do::Drop | Do::Redact | Do::Scan) => {
                (Kind::Text, None)
            }
            Some(Field::Object(_)) => {
                return Err(
                    "the selector names an object; allowed are drop, redact and scan, or name a field in it"
                        .into(),
                );
            }
            Some(Field::Drop) | None => (Kind::Text, None),
        };
        let treatment = Treatment::new(kind, action, &says.parameters())?;
        if kind == Kind::ModifiedValue && matches!(treatment, Treatment::Parse(_)) {
            return self.plain(name, field).ok_or_else(|| "nothing to parse by".into());
        }
        Ok(self.leaf(name, kind, treatment, own.or(grammar), says.verbatim == Some(true)))
    }

    /// Whether nothing of a value is left by an exception.
    fn removes(&self, says: &super::super::policy::model::Exception) -> bool {
        match says.kind {
            Some(kind) => matches!(self.treatment(kind), Treatment::Drop | Treatment::Redact),
            None => matches!(says.action.unwrap_or(Do::Drop), Do::Drop | Do::Redact),
        }
    }

    /// Whether a secret stands somewhere in an object: scanned as a whole it would be text.
    fn holds_secret(&self, of: TypeId) -> bool {
        let (mut open, mut seen) = (vec![of], HashSet::from([of]));
        while let Some(of) = open.pop() {
            let of = self.catalogue.record_type(of);
            for field in of.fields.values().chain(of.rest.as_ref()) {
                match field {
                    Field::Value { kind: Kind::Secret, .. } => return true,
                    Field::Object(inner) | Field::By { table: inner, .. } if seen.insert(*inner) => {
                        open.push(*inner)
                    }
                    _ => {}
                }
            }
        }
        false
    }

    /// Whether the exception shows more than the field shows without it.
    pub(super) fn loosens(
        &self,
        settled: &Settled,
        rule: &ExceptionRule,
        name: &str,
        field: Option<&Field>,
    ) -> bool {
        match self.plain(name, field) {
            Some(plain) => settled.treatment().looser_than(plain.treatment()),
            // A label for a field that the catalogue does not know adds it; that loosens nothing.
            None if rule.says.kind.is_some() => false,
            None => settled.treatment().looser_than(Treatment::Pseudonymize),
        }
    }

    fn loosening_in_force(&self, rule: &ExceptionRule) -> bool {
        let ticket = rule.says.ticket.as_deref().is_some_and(|ticket| !ticket.trim().is_empty());
        ticket && self.today.zip(rule.until).is_some_and(|(today, until)| today <= until)
    }

    /// Every exception is tried on every field of the catalogue that it names; those that do not fit
    /// come back by their index, with what is wrong.
    pub fn wrong_exceptions(&self) -> Vec<(usize, Wrong)> {
        let tried = self.exceptions.iter().enumerate();
        tried
            .filter_map(|(index, rule)| {
                let message = self.misfit(index as u16, rule)?;
                let (line, column) = rule.at;
                Some((index, Wrong { line, column, message }))
            })
            .collect()
    }

    /// Why an exception fits none or not all of the fields it names.
    fn misfit(&self, index: u16, rule: &ExceptionRule) -> Option<String> {
        let says = &rule.says;
        if says.dataset != "*" && self.catalogue.dataset(&says.dataset).is_none() {
            return Some("unknown dataset; `entra-bundle datasets` lists them, `*` stands for all".into());
        }
        let allowed = says.ticket.as_deref().is_some_and(|t| !t.trim().is_empty()) && rule.until.is_some();
        if let Some(pattern) = rule.selector.line() {
            return self.misfit_of_lines(pattern, rule, allowed);
        }
        let mut seen = HashSet::new();
        for dataset in self.catalogue.datasets() {
            if says.dataset != "*" && says.dataset != dataset.id {
                continue;
            }
            for source in Source::ALL {
                let Some(root) = self.catalogue.root(&Stream::new(source, &*dataset.id)) else {
                    continue;
                };
                let start = States::start(&[(index, &rule.selector)]);
                if let Err(message) = self.walk(root, start, index, allowed, &mut seen) {
                    return Some(message);
                }
            }
        }
        None
    }

    fn walk(
        &self,
        at: TypeId,
        states: States,
        index: u16,
        loosening_allowed: bool,
        seen: &mut HashSet<(TypeId, States)>,
    ) -> Result<(), String> {
        let mut open = vec![(at, states)];
        let rule = &self.exceptions[usize::from(index)];
        while let Some((at, states)) = open.pop() {
            if states.is_empty() || !seen.insert((at, states.clone())) {
                continue;
            }
            let fields = self.catalogue.record_type(at);
            for (name, field) in &fields.fields {
                let direct = states.member(name, |i| self.selector(i));
                // A member may be an array: `*` then stands for its elements.
                for after in [direct.element(|i| self.selector(i)), direct] {
                    if !after.matched(|i| self.selector(i)).is_empty() {
                        let settled = self.apply(rule, name, Some(field))?;
                        if !loosening_allowed && self.loosens(&settled, rule, name, Some(field)) {
                            return Err(format!(
                                "for field `{name}` this is looser than its rule; a looser exception needs `ticket` and `until`"
                            ));
                        }
                    }
                    if let Field::Object(inner) = field {
                        open.push((*inner, after));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Grammar of kinds whose values have one form wherever they stand.
fn natural(kind: Kind) -> Option<Grammar> {
    match kind {
        Kind::EventTime | Kind::ProfileTime => Some(Grammar::Timestamp),
        Kind::Asn => Some(Grammar::Number),
        _ => None,
    }
}

fn place_part(name: &str) -> PlacePart {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["latitude", "longitude", "altitude", "coordinate"]) {
        PlacePart::Coordinate
    } else if has(&["city", "town"]) {
        PlacePart::City
    } else if has(&["state", "province"]) || name == "region" {
        PlacePart::State
    } else {
        PlacePart::Mixed
    }
}
