//! What an application must be allowed to read: permissions of Microsoft Graph with their ids. Data in
//! `permissions.json`; ids after the list of Graph roles of merill/microsoft-info (MIT), what
//! `Directory.Read.All` covers after Microsoft's permission files.

use super::graph::Row;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const TABLE: &str = include_str!("permissions.json");

/// How a permission is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Given {
    /// To an application that signs in by itself.
    Application,
    /// To an application on behalf of the user who signed in.
    Delegated,
}

/// Which permissions are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// For each dataset the least that reads it.
    Minimal,
    /// One broad permission where it stands for many.
    Convenient,
}

/// A permission.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// Its name, `AuditLog.Read.All`.
    pub name: String,
    /// Id of the role of an application.
    #[serde(default)]
    pub application: Option<String>,
    /// Id of the scope on behalf of a user.
    #[serde(default)]
    pub delegated: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    resource: String,
    convenient: String,
    covered: BTreeMap<Given, BTreeSet<String>>,
    permissions: Vec<Permission>,
}

fn table() -> &'static Table {
    static TABLE_: OnceLock<Table> = OnceLock::new();
    TABLE_.get_or_init(|| serde_json::from_str(TABLE).expect("the embedded table is tested to be valid"))
}

/// The application id of Microsoft Graph, whose permissions these are.
pub fn resource() -> &'static str {
    &table().resource
}

/// A permission by its name.
pub fn named(name: &str) -> Option<&'static Permission> {
    table().permissions.iter().find(|permission| permission.name == name)
}

/// The permission that a dataset needs; `None` where it cannot be given that way.
pub fn of_row(row: &Row, given: Given, set: Set) -> Option<&str> {
    let least = match given {
        Given::Application => row.application.as_deref().filter(|_| !row.delegated_only)?,
        Given::Delegated => &row.delegated,
    };
    let covered = table().covered.get(&given).is_some_and(|ids| ids.contains(&row.id));
    match set {
        Set::Convenient if covered => Some(&table().convenient),
        _ => Some(least),
    }
}

/// Whether the permissions that a token carries let it read a dataset.
pub fn allows(held: &BTreeSet<&str>, row: &Row, given: Given) -> bool {
    let wider = |name: &str| held.contains(name.replace(".Read.", ".ReadWrite.").as_str());
    [Set::Minimal, Set::Convenient]
        .into_iter()
        .filter_map(|set| of_row(row, given, set))
        .any(|name| held.contains(name) || wider(name))
}

/// Permissions and the datasets that need them; datasets that cannot be read that way under `None`.
pub fn needed<'r>(
    rows: impl IntoIterator<Item = &'r Row>,
    given: Given,
    set: Set,
) -> BTreeMap<Option<String>, Vec<String>> {
    let mut needed: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for row in rows {
        needed.entry(of_row(row, given, set).map(str::to_owned)).or_default().push(row.id.clone());
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::graph::Requests;

    #[test]
    fn every_permission_that_a_row_names_has_its_id() {
        // Newer than the list of ids: it is granted by its name in the portal.
        const WITHOUT_ID: &str = "Policy.Read.HybridAuthentication";
        for row in Requests::builtin().rows() {
            for given in [Given::Application, Given::Delegated] {
                for set in [Set::Minimal, Set::Convenient] {
                    let Some(name) = of_row(row, given, set) else { continue };
                    let permission = named(name).unwrap_or_else(|| panic!("{name}"));
                    let id = match given {
                        Given::Application => &permission.application,
                        Given::Delegated => &permission.delegated,
                    };
                    if name == WITHOUT_ID {
                        continue;
                    }
                    assert_eq!(id.as_ref().map(String::len), Some(36), "{} {name} {given:?}", row.id);
                }
            }
        }
    }

    #[test]
    fn the_default_set_is_least_and_the_convenient_one_smaller() {
        let rows = || Requests::builtin().rows().filter(|row| row.default);
        let minimal = needed(rows(), Given::Application, Set::Minimal);
        let convenient = needed(rows(), Given::Application, Set::Convenient);
        assert!(convenient.len() < minimal.len(), "{} {}", convenient.len(), minimal.len());
        assert!(minimal.keys().flatten().all(|name| !name.contains("Write")), "{minimal:?}");
    }

    #[test]
    fn a_broad_permission_reads_what_it_covers() {
        let row = |id: &str| Requests::builtin().row(id).unwrap();
        let held = BTreeSet::from(["Directory.Read.All"]);
        assert!(allows(&held, row("groups"), Given::Application));
        assert!(!allows(&held, row("risky_users"), Given::Application));
        assert!(allows(&BTreeSet::from(["AuditLog.Read.All"]), row("directory_audits"), Given::Delegated));
    }
}
