//! What personal data a dataset holds at its origin, by the classes of its fields.

use super::{Catalogue, Field, TypeId};
use crate::kind::{Class, Kind};
use serde::Serialize;
use std::collections::HashSet;

/// How a dataset tells of persons where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It holds names, accounts or addresses.
    Identifiable,
    /// It holds only identifiers that lead to a person through the directory.
    Pseudonymous,
    /// It holds neither.
    Impersonal,
}

impl Catalogue {
    /// The kinds of values that a dataset may hold, in the order of the kinds.
    pub fn kinds_of(&self, dataset: &str) -> Vec<Kind> {
        let Some(dataset) = self.dataset(dataset) else { return Vec::new() };
        let mut kinds = HashSet::new();
        let mut seen = HashSet::new();
        let names = std::iter::once(&dataset.record).chain(dataset.shapes.values());
        let mut open: Vec<TypeId> = names.filter_map(|name| self.type_named(name)).collect();
        while let Some(at) = open.pop() {
            if !seen.insert(at) {
                continue;
            }
            let of = self.record_type(at);
            for field in of.fields.values().chain(&of.rest) {
                match field {
                    Field::Value { kind, .. } => {
                        kinds.insert(*kind);
                    }
                    Field::Object(inner) => open.push(*inner),
                    Field::By { table, .. } => open.push(*table),
                    Field::Drop => {}
                }
            }
        }
        let mut kinds: Vec<Kind> = kinds.into_iter().collect();
        kinds.sort_unstable();
        kinds
    }

    /// How it tells of persons where it comes from.
    pub fn origin_of(&self, dataset: &str) -> Origin {
        let kinds = self.kinds_of(dataset);
        let has = |class: Class| kinds.iter().any(|kind| kind.spec().class == class);
        match () {
            () if has(Class::Euii) => Origin::Identifiable,
            () if has(Class::Eupi) => Origin::Pseudonymous,
            () => Origin::Impersonal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_those_of_the_fields() {
        let catalogue = Catalogue::builtin();
        for (dataset, origin) in [
            ("users", Origin::Identifiable),
            ("signins_interactive_user", Origin::Identifiable),
            ("subscribed_skus", Origin::Impersonal),
        ] {
            assert_eq!(catalogue.origin_of(dataset), origin, "{dataset}: {:?}", catalogue.kinds_of(dataset));
        }
        assert!(catalogue.kinds_of("nothing").is_empty());
    }
}
