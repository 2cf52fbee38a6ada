//! Ids that Microsoft publishes: tenants of its own, role templates, authenticator models,
//! first-party applications, Graph permissions. They name no customer and no person, and support
//! needs to read them; a value that is also an entity of the directory is treated as that entity.
//!
//! The table is curated: the documentation's long list of well-known ids is left out, because it
//! also holds ids of samples.

use foldhash::fast::RandomState;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

/// The embedded table, also for the digest of the catalogue.
pub(super) const TABLE: &str = include_str!("first_party.json");

/// `first_party.json`: id in lower case with dashes → name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Where the rows come from.
    #[serde(rename = "source")]
    _source: String,
    /// Under which licence.
    #[serde(rename = "licence")]
    _licence: String,
    tenants: BTreeMap<String, String>,
    role_templates: BTreeMap<String, String>,
    authenticators: BTreeMap<String, String>,
    applications: BTreeMap<String, String>,
    permissions: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Index {
    names: HashMap<[u8; 16], String, RandomState>,
    /// Bits over the ids and over the names: the cheap question asked of every value.
    ids: Bits,
    applications: HashSet<String, RandomState>,
    application_ends: Bits,
}

/// A bit table over 16 bits of a hash.
#[derive(Debug)]
struct Bits(Vec<u64>);

impl Default for Bits {
    fn default() -> Self {
        Bits(vec![0; 1 << 10])
    }
}

impl Bits {
    fn set(&mut self, hash: u16) {
        self.0[usize::from(hash >> 6)] |= 1 << (hash & 63);
    }

    fn has(&self, hash: u16) -> bool {
        self.0[usize::from(hash >> 6)] >> (hash & 63) & 1 != 0
    }
}

/// Bits of an id: of its first half, which differs where the second one is a fixed ending.
fn id_hash(guid: &[u8; 16]) -> u16 {
    let word = u128::from_le_bytes(*guid);
    let mixed = ((word as u64).rotate_left(17) ^ (word >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 48) as u16
}

/// Length and ends of a name without case; `None` beyond ASCII, where case may change the length.
fn name_hash(name: &str) -> Option<u16> {
    let bytes = name.as_bytes();
    let (first, last) = (bytes.first()?, bytes.last()?);
    let middle = bytes[bytes.len() / 2] | 0x20;
    let word = u64::from_le_bytes([first | 0x20, last | 0x20, middle, bytes.len() as u8, 0, 0, 0, 0]);
    name.is_ascii().then_some((word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16)
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let table: Table =
            serde_json::from_str(TABLE).expect("the embedded list of published ids is tested to be valid");
        let mut index = Index {
            applications: table
                .applications
                .values()
                .filter(|name| *name != "unnamed")
                .map(|name| name.to_lowercase())
                .collect(),
            ..Index::default()
        };
        // Where an id stands in two lists the later one, the narrower meaning, gives the name.
        for list in
            [table.permissions, table.applications, table.authenticators, table.role_templates, table.tenants]
        {
            index.names.extend(list.into_iter().filter_map(|(id, name)| Some((bytes(&id)?, name))));
        }
        for id in index.names.keys() {
            index.ids.set(id_hash(id));
        }
        for hash in index.applications.iter().filter_map(|name| name_hash(name)) {
            index.application_ends.set(hash);
        }
        index
    })
}

/// The sixteen bytes of a GUID in the order of its text.
fn bytes(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|b| *b != b'-')
        .map(|b| char::from(b).to_digit(16).map(|d| d as u8))
        .collect::<Option<_>>()?;
    let pairs: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    pairs.try_into().ok()
}

/// Whether Microsoft publishes this id (bytes in the order of the text form).
pub fn is_public_guid(guid: &[u8; 16]) -> bool {
    let index = index();
    index.ids.has(id_hash(guid)) && index.names.contains_key(guid)
}

/// The published name of the id: of an application, a role, a permission, an authenticator, a tenant.
pub fn first_party_name(guid: &[u8; 16]) -> Option<&'static str> {
    Some(index().names.get(guid)?.as_str())
}

/// The published name of an id in its text form.
pub fn name_of_id(id: &str) -> Option<&'static str> {
    first_party_name(&bytes(id)?)
}

/// Whether this is the name of a first-party application, compared without case.
pub fn is_first_party_name(name: &str) -> bool {
    let (index, name) = (index(), name.trim());
    name_hash(name).is_none_or(|hash| index.application_ends.has(hash))
        && index.applications.contains(&name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_guid_and_is_found() {
        let table: Table = serde_json::from_str(TABLE).unwrap();
        let mut rows = 0;
        for list in [
            &table.tenants,
            &table.role_templates,
            &table.authenticators,
            &table.applications,
            &table.permissions,
        ] {
            for (id, name) in list {
                assert_eq!(id.len(), 36, "{id}");
                assert_eq!(id, &id.to_lowercase());
                assert!(!name.trim().is_empty(), "{id} has no name");
                assert!(is_public_guid(&bytes(id).unwrap()), "{id}");
                rows += 1;
            }
        }
        assert!(rows > 1_500);
    }

    #[test]
    fn known_ids_have_their_names() {
        let name = |id| first_party_name(&bytes(id).unwrap());
        assert_eq!(name("00000003-0000-0000-c000-000000000000"), Some("Microsoft Graph"));
        assert_eq!(name("62e90394-69f5-4237-9190-012177145e10"), Some("Global Administrator"));
        assert_eq!(name("72f988bf-86f1-41af-91ab-2d7cd011db47"), Some("Microsoft"));
        assert!(is_public_guid(&[0; 16]));
        assert!(!is_public_guid(&[7; 16]));
    }

    #[test]
    fn names_compare_without_case() {
        assert!(is_first_party_name("microsoft graph"));
        assert!(!is_first_party_name("Contoso Payroll"));
        assert!(!is_first_party_name(""));
    }

    #[test]
    fn a_text_that_is_no_guid_gives_no_bytes() {
        for text in ["", "-", "0", "zz", "00000003-0000-0000-c000-0000000000", &"0".repeat(34)] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
