//! What Microsoft declares: the properties of the Graph types behind the datasets (v1.0 and beta), the
//! columns of Log Analytics tables and portal downloads, envelopes of diagnostic settings, members of
//! Office 365 records and of the Connect configuration, properties that audit records tell of. Facts from public metadata, carried as names
//! only. They decide nothing; `policy coverage` and the tests hold the catalogue against them.
//!
//! In `inventory.json` one text holds the members of a type: `name`, or `name>type` where the value is
//! an object of a listed type; `+type` names a derived type whose members may stand there too.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// `inventory.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Where the rows come from.
    #[serde(rename = "source")]
    _source: String,
    /// Under which licence.
    #[serde(rename = "licence")]
    _licence: String,
    /// Dataset id → Graph type of its records.
    datasets: BTreeMap<String, String>,
    /// Source id → dataset id → column headers.
    columns: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Source id → member in which records of that shape hold the object.
    inside: BTreeMap<String, String>,
    /// Type of the catalogue → names that a sibling may hold.
    names: BTreeMap<String, Vec<String>>,
    /// Graph type → members.
    types: BTreeMap<String, String>,
}

/// A declared property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Property {
    /// Its name as Microsoft spells it.
    pub name: &'static str,
    /// The type of its value, if that is an object of a listed type.
    pub holds: Option<&'static str>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        serde_json::from_str(include_str!("inventory.json"))
            .expect("the embedded inventory is tested to be valid")
    })
}

/// The Graph type of a dataset's records, if its records are Graph objects.
pub fn root(dataset: &str) -> Option<&'static str> {
    table().datasets.get(dataset).map(String::as_str)
}

/// Column headers of a dataset's flat shapes: source id → headers.
pub fn columns(dataset: &str) -> impl Iterator<Item = (&'static str, &'static [String])> {
    table()
        .columns
        .iter()
        .filter_map(move |(source, tables)| Some((source.as_str(), tables.get(dataset)?.as_slice())))
}

/// The member in which records of a shape hold the object itself, behind an envelope.
pub fn inside(source: &str) -> Option<&'static str> {
    table().inside.get(source).map(String::as_str)
}

/// Names that a sibling may hold, by the type of the catalogue that has rows for them: properties that
/// audit records tell of.
pub fn names() -> impl Iterator<Item = (&'static str, &'static [String])> {
    table().names.iter().map(|(of, names)| (of.as_str(), names.as_slice()))
}

/// The properties of a type and of every type derived from it, sorted. An unknown type has none.
pub fn properties(of: &str) -> BTreeSet<Property> {
    let mut found = BTreeSet::new();
    let mut open = vec![of];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some((name, members)) = table().types.get_key_value(name) else { continue };
        if !seen.insert(name) {
            continue;
        }
        for word in members.split(' ').filter(|word| !word.is_empty()) {
            if let Some(derived) = word.strip_prefix('+') {
                open.push(derived);
            } else {
                let (name, holds) = match word.split_once('>') {
                    Some((name, holds)) => (name, Some(holds)),
                    None => (word, None),
                };
                found.insert(Property { name, holds });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_lead_to_types_and_types_to_types() {
        let table = table();
        for (dataset, of) in &table.datasets {
            assert!(table.types.contains_key(of), "{dataset}: {of}");
        }
        for (name, members) in &table.types {
            for word in members.split(' ').filter(|word| !word.is_empty()) {
                let other = word.strip_prefix('+').or(word.split_once('>').map(|(_, holds)| holds));
                assert!(other.is_none_or(|other| table.types.contains_key(other)), "{name}: {word}");
            }
        }
    }

    #[test]
    fn derived_types_count_for_their_base() {
        let names: Vec<&str> = properties("namedLocation").iter().map(|one| one.name).collect();
        assert!(names.contains(&"displayName") && names.contains(&"ipRanges"), "{names:?}");
        assert!(properties("noSuchType").is_empty());
        assert_eq!(root("users"), Some("user"));
        assert_eq!(root("aadc_wizard_trace"), None);
    }
}
