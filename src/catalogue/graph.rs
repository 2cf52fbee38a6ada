//! How each dataset is asked from Microsoft Graph: address, query, throttle bucket, permission,
//! licence. Data in `graph.json`; facts from the Graph permission and schema files and the Graph
//! documentation (August 2026).

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;

const TABLE: &str = include_str!("graph.json");

/// A set of addresses whose requests the service counts together.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Bucket {
    /// `auditLogs` and `reports`: 5 requests in 10 s per app and tenant.
    Reports,
    /// Identity protection and Conditional Access: 1 request in 1 s per tenant for all apps; its 429
    /// carries no `Retry-After`.
    IdentityProtection,
    /// Directory objects: resource units in 10 s per app and tenant.
    Directory,
    /// Service health: 240 requests in 60 s, 800 in an hour.
    ServiceCommunications,
    /// Security: 150 requests in 60 s.
    Security,
    /// No documented limit.
    Other,
}

impl Bucket {
    /// All buckets in order.
    pub const ALL: [Bucket; 6] = [
        Bucket::Reports,
        Bucket::IdentityProtection,
        Bucket::Directory,
        Bucket::ServiceCommunications,
        Bucket::Security,
        Bucket::Other,
    ];

    /// Its name in tables and messages.
    pub const fn id(self) -> &'static str {
        match self {
            Bucket::Reports => "reports",
            Bucket::IdentityProtection => "identity-protection",
            Bucket::Directory => "directory",
            Bucket::ServiceCommunications => "service-communications",
            Bucket::Security => "security",
            Bucket::Other => "other",
        }
    }
}

/// The licence under which the service answers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Licence {
    /// Any edition.
    Free,
    /// Entra ID P1.
    P1,
    /// Entra ID P2.
    P2,
    /// Workload Identities Premium.
    Workload,
}

/// A log that is cut into time windows.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Windowed {
    /// The time field, which can be filtered and ordered by.
    pub field: String,
    /// The service documents `gt` and `lt` alone: the start is asked as `gt` one millisecond earlier.
    #[serde(default)]
    pub strict: bool,
}

/// How a dataset is asked.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Row {
    /// The dataset.
    pub id: String,
    /// `v1.0` or `beta`.
    pub version: String,
    /// Path behind the version; `{id}` is the parent's, `{type}` one of `values`, `{from}` and `{to}`
    /// are the ends of the window.
    pub path: String,
    /// One object, not a list.
    #[serde(default)]
    pub single: bool,
    /// The first page is all that is wanted.
    #[serde(default)]
    pub one: bool,
    /// The dataset whose objects are the parents.
    #[serde(default)]
    pub of: Option<String>,
    /// Fixed values of `{type}`.
    #[serde(default)]
    pub values: Vec<String>,
    /// `$select`.
    #[serde(default)]
    pub select: Option<String>,
    /// `$expand`.
    #[serde(default)]
    pub expand: Option<String>,
    /// A condition that always stands in `$filter`.
    #[serde(default)]
    pub filter: Option<String>,
    /// `$top`.
    #[serde(default)]
    pub top: Option<u32>,
    /// The log is cut into windows.
    #[serde(default)]
    pub window: Option<Windowed>,
    /// Only the start of the window can be filtered, by this field.
    #[serde(default)]
    pub since: Option<String>,
    /// `$count=true` is supported: the answer tells how many to expect.
    #[serde(default)]
    pub count: bool,
    /// `Prefer` header.
    #[serde(default)]
    pub prefer: Option<String>,
    /// Whose requests are counted together with it.
    pub bucket: Bucket,
    /// Permission asked for in a delegated sign-in.
    pub delegated: String,
    /// Permission asked for as an application.
    #[serde(default)]
    pub application: Option<String>,
    /// An application cannot read it at all.
    #[serde(default)]
    pub delegated_only: bool,
    /// Directory role that a delegated sign-in needs beside the permission.
    pub role: String,
    /// Under which licence it answers.
    pub licence: Licence,
    /// Days that the service keeps it, by edition.
    #[serde(default)]
    pub retention_days: BTreeMap<String, u32>,
    /// Clouds whose schema does not have it.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Conditions for `$filter` by scope: `{}` is the quoted value, `{n}` a number.
    #[serde(default)]
    pub scope: BTreeMap<String, String>,
    /// Only by name: sensitive, or needs a permission that can write.
    #[serde(default)]
    pub opt_in: bool,
    /// Part of what is collected without `--profile` and `--dataset`.
    #[serde(default)]
    pub default: bool,
}

impl Row {
    /// Whether one of its permissions can change something.
    pub fn can_write(&self) -> bool {
        let permissions = [Some(&self.delegated), self.application.as_ref()];
        permissions.into_iter().flatten().any(|permission| permission.contains("Write"))
    }

    /// Whether it is asked once for each parent.
    pub fn is_child(&self) -> bool {
        self.of.is_some()
    }
}

/// The rows.
#[derive(Debug)]
pub struct Requests(Vec<Row>);

impl Requests {
    /// The built-in table.
    pub fn builtin() -> &'static Requests {
        static BUILTIN: OnceLock<Requests> = OnceLock::new();
        BUILTIN.get_or_init(|| Requests::parse(TABLE).expect("the embedded table is tested to be valid"))
    }

    /// Parses and checks a table.
    ///
    /// # Errors
    /// Usage: the place, never a value.
    pub fn parse(text: &str) -> Result<Requests> {
        let rows: Vec<Row> = serde_json::from_str(text).map_err(|e| {
            Error::usage(format!("the request table is wrong at line {}, column {}", e.line(), e.column()))
        })?;
        for (at, row) in rows.iter().enumerate() {
            row.check(&rows[..at]).map_err(|what| Error::usage(format!("request row {}: {what}", at + 1)))?;
        }
        Ok(Requests(rows))
    }

    /// The built-in rows and further ones of a user, which pass the same checks and more: they are taken
    /// by name only, and a permission that can write is their own opt-in.
    ///
    /// # Errors
    /// Usage: the row by its number, never a value.
    pub fn with_user(further: Vec<Row>) -> Result<Requests> {
        let mut rows = Requests::builtin().0.clone();
        for (number, row) in (1..).zip(further) {
            let wrong = |what: &str| Error::usage(format!("request row {number}: {what}"));
            row.check(&rows).map_err(wrong)?;
            if row.default {
                return Err(wrong("it cannot be part of the default collection"));
            }
            if row.can_write() && !row.opt_in {
                return Err(wrong("its permission can write, and it is not marked `optIn`"));
            }
            let visible = |text: &str| !text.is_empty() && text.bytes().all(|b| matches!(b, b' '..=b'~'));
            let prefer = row.prefer.as_deref().is_none_or(|text| visible(text) && text.len() <= 256);
            let permissions = [Some(&row.delegated), row.application.as_ref()];
            let named = |name: &&String| {
                name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            };
            if !prefer || !permissions.iter().flatten().all(named) || row.top == Some(0) {
                return Err(wrong("`prefer`, `top` or a permission is not allowed"));
            }
            rows.push(row);
        }
        Ok(Requests(rows))
    }

    /// All rows, parents before their children.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.iter()
    }

    /// The row of a dataset.
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.id == id)
    }
}

impl Row {
    fn check(&self, before: &[Row]) -> std::result::Result<(), &'static str> {
        let plain = |text: &str, more: &[u8]| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        if !plain(&self.id, b"_") || before.iter().any(|row| row.id == self.id) {
            return Err("the id is not allowed, or occurs twice");
        }
        if !matches!(self.version.as_str(), "v1.0" | "beta") {
            return Err("the version is neither v1.0 nor beta");
        }
        // Nothing of a path may lead to another host or out of the version's folder.
        if !self.path.starts_with('/')
            || self.path.contains("//")
            || !plain(&self.path, b"/{}.()='_,")
            || self.path.contains("..")
        {
            return Err("the path is not allowed");
        }
        if self.path.contains("{from}") != self.path.contains("{to}") {
            return Err("the path names one end of the window only");
        }
        let holes = self.path.replace("{from}", "").replace("{to}", "").matches('{').count();
        let parents = usize::from(self.is_child()) + usize::from(!self.values.is_empty());
        if (holes == 0) != (parents == 0) || parents > 1 {
            return Err("the path and its parents do not fit");
        }
        if self.of.as_ref().is_some_and(|of| !before.iter().any(|row| row.id == *of)) {
            return Err("the parent is no dataset above it");
        }
        if self.application.is_none() && !self.delegated_only {
            return Err("no permission is named");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn every_row_is_a_dataset_with_a_key_or_one_object() {
        for row in Requests::builtin().rows() {
            let dataset =
                Catalogue::builtin().dataset(&row.id).unwrap_or_else(|| panic!("{} is no dataset", row.id));
            assert!(
                row.single || !dataset.key.is_empty() || row.id.starts_with("cross_tenant"),
                "{} has no key",
                row.id
            );
            if let Some(window) = &row.window {
                assert!(dataset.time.contains(&window.field), "{}", row.id);
            }
        }
    }

    #[test]
    fn no_row_asks_for_a_permission_to_write_without_opt_in() {
        for row in Requests::builtin().rows() {
            assert!(!row.can_write() || row.opt_in, "{}", row.id);
        }
    }

    #[test]
    fn all_four_kinds_of_sign_ins_come_from_beta_and_are_named() {
        for (id, kind) in [
            ("signins_interactive_user", "interactiveUser"),
            ("signins_non_interactive_user", "nonInteractiveUser"),
            ("signins_service_principal", "servicePrincipal"),
            ("signins_managed_identity", "managedIdentity"),
        ] {
            let row = Requests::builtin().row(id).unwrap();
            assert_eq!(row.version, "beta");
            assert!(row.filter.as_ref().unwrap().contains(&format!("t eq '{kind}'")));
        }
    }

    #[test]
    fn rows_that_lead_elsewhere_are_refused() {
        let row = |path: &str| {
            format!(
                r#"[{{"id":"x","version":"v1.0","path":"{path}","bucket":"other","delegated":"A.Read.All","application":"A.Read.All","role":"r","licence":"free"}}]"#
            )
        };
        assert!(Requests::parse(&row("/users")).is_ok());
        assert!(Requests::parse(&row("/a(from={from},to={to})")).is_ok());
        for path in [
            "/a(from={from})",
            "/a(to={to})",
            "/{from}{to}{id}",
            "users",
            "//evil.example",
            "/../beta",
            "/users?$top=1",
            "/a/{id}",
            "/a#b",
            "/a@b",
            "",
        ] {
            assert!(Requests::parse(&row(path)).is_err(), "{path}");
        }
    }
}
