//! Exceptions that hold in some records or on some lines only.

use super::super::policy::ExceptionRule;
use super::super::policy::condition::Holds;
use super::{Rules, Settled};
use crate::catalogue::{Field, Layout, LinePattern, TypeId};
use crate::kind::Kind;
use std::borrow::Cow;

/// Name of the row that holds the free text of a record.
pub const REST: &str = "*";

impl Rules {
    /// Whether an exception holds in some records only.
    pub fn is_conditional(&self, index: u16) -> bool {
        self.exceptions[usize::from(index)].when.is_some()
    }

    /// The exceptions of a list that hold in every record, and with each conditional one once more.
    pub fn cases(&self, matched: &[u16]) -> Vec<(Option<u16>, Vec<u16>)> {
        let (conditions, always): (Vec<u16>, Vec<u16>) =
            matched.iter().partition(|index| self.is_conditional(**index));
        let with = |index: u16| {
            let mut all = always.clone();
            all.push(index);
            all.sort_unstable();
            (Some(index), all)
        };
        std::iter::once((None, always.clone())).chain(conditions.iter().map(|index| with(*index))).collect()
    }

    /// Those of `conditions` that hold beside `members`. Where members of one name contradict each
    /// other, an exception holds unless it shows more.
    pub fn holding(
        &self,
        conditions: &[u16],
        members: &[(String, Cow<'_, str>)],
        name: &str,
        field: Option<&Field>,
    ) -> Vec<u16> {
        let holds = |index: &u16| {
            let rule = &self.exceptions[usize::from(*index)];
            match rule.when.as_ref().map_or(Holds::Yes, |when| when.holds(members)) {
                Holds::Yes => true,
                Holds::No => false,
                Holds::Unclear => self
                    .apply(rule, name, field)
                    .is_ok_and(|settled| !self.loosens(&settled, rule, name, field)),
            }
        };
        conditions.iter().copied().filter(holds).collect()
    }

    /// The exceptions for lines of a dataset, with their patterns. Only texts have lines.
    pub fn lines(&self, dataset: &str) -> Vec<(u16, &LinePattern)> {
        let catalogue: &super::Catalogue = self.catalogue;
        if catalogue.dataset(dataset).is_none_or(|one| one.layout != Layout::Text) {
            return Vec::new();
        }
        let all = self.exceptions.iter().zip(0u16..);
        all.filter(|(rule, _)| rule.says.dataset == "*" || rule.says.dataset == dataset)
            .filter_map(|(rule, index)| Some((index, catalogue.line_pattern(rule.selector.line()?)?)))
            .collect()
    }

    /// The row that decides about the free text of a record of this type.
    pub fn free_text(&self, root: TypeId) -> Field {
        let rest = self.catalogue.record_type(root).rest.clone();
        rest.unwrap_or(Field::Value { kind: Kind::Text, grammar: None })
    }

    /// Why an exception for lines fits no dataset that it names.
    pub(super) fn misfit_of_lines(&self, pattern: &str, rule: &ExceptionRule, held: bool) -> Option<String> {
        if self.catalogue.line_pattern(pattern).is_none() {
            let known: Vec<&str> = self.catalogue.line_patterns().collect();
            return Some(format!("unknown pattern of lines; allowed are {}", known.join(", ")));
        }
        let says = &rule.says;
        let texts: Vec<_> = self
            .catalogue
            .datasets()
            .filter(|one| one.layout == Layout::Text && (says.dataset == "*" || says.dataset == one.id))
            .collect();
        if texts.is_empty() {
            return Some("the records of this dataset have no lines; name a member of them".into());
        }
        for dataset in texts {
            let root = self.catalogue.type_named(&dataset.record)?;
            let field = self.free_text(root);
            let settled = match self.apply(rule, REST, Some(&field)) {
                Ok(settled) => settled,
                Err(message) => return Some(message),
            };
            if !held && self.loosens(&settled, rule, REST, Some(&field)) {
                return Some("for lines of text this is looser than their rule; a looser exception needs `ticket` and `until`".into());
            }
        }
        None
    }

    /// What happens to lines for which these exceptions were written; `root` is the type of the record.
    pub fn settle_lines(&self, root: TypeId, matched: &[u16]) -> Option<Settled> {
        self.settle(REST, Some(&self.free_text(root)), matched)
    }
}
