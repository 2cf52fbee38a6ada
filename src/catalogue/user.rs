//! A user's catalogue: it may add fields, and types for their values; it never shows more of a field
//! that the built-in catalogue knows.
//!
//! ```json
//! { "schema": "entra-bundle/catalogue/1",
//!   "types": { "user": { "fields": { "extension_costCentre": "free_attribute", "badge": "@badge" } },
//!              "badge": { "fields": { "number": "hardware_id" } } } }
//! ```
//!
//! `"datasets"` and `"requests"` add rows to the tables of the same names: what Microsoft Graph serves
//! beyond the built-in rows.
//!
//! `"lines": {"our-tool": "^OurTool "}` adds patterns of lines for the selector `line:our-tool`.

use super::graph::{Requests, Row};
use super::{Catalogue, DATASETS, Dataset, Field, Layout, TYPES, Type, TypeRow, fold};
use crate::crypto;
use crate::error::{Error, Result};
use crate::kind::Kind;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The version of the file format.
#[derive(Deserialize, JsonSchema)]
enum Version1 {
    /// The only one.
    #[serde(rename = "entra-bundle/catalogue/1")]
    V1,
}

/// A user's catalogue as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserFile {
    /// The version of the format.
    #[serde(rename = "schema")]
    _schema: Version1,
    /// Type → its further fields.
    #[serde(default)]
    types: BTreeMap<String, TypeRow>,
    /// Further patterns for `line:` selectors: name → regular expression.
    #[serde(default)]
    lines: BTreeMap<String, String>,
    /// Further datasets.
    #[serde(default)]
    datasets: Vec<Dataset>,
    /// How further datasets are asked from Microsoft Graph.
    #[serde(default)]
    requests: Vec<Row>,
}

/// What a user adds to the tables.
#[derive(Default)]
pub(super) struct Added {
    types: BTreeMap<String, TypeRow>,
    /// Patterns of lines.
    pub(super) lines: BTreeMap<String, String>,
    datasets: Vec<Dataset>,
    digest: Option<[u8; 32]>,
}

impl Added {
    /// Puts the rows into the table; a row replaces every spelling of its name. Gives the datasets back.
    pub fn put_into(self, rows: &mut BTreeMap<String, TypeRow>) -> Vec<Dataset> {
        for (name, row) in self.types {
            let held = rows.entry(name).or_default();
            for (member, text) in row.fields {
                held.fields.retain(|known, _| fold(known) != fold(&member));
                held.fields.insert(member, text);
            }
            held.extends.extend(row.extends);
            held.keys = row.keys.or(held.keys);
        }
        self.datasets
    }

    /// The digest of the built-in tables and these.
    pub fn digest(&self, builtin: [u8; 32]) -> [u8; 32] {
        self.digest.map_or(builtin, |own| crypto::sha256(&[builtin, own].concat()))
    }
}

impl Catalogue {
    /// The built-in catalogue with a user's fields. `source` is what messages call the file.
    ///
    /// # Errors
    /// A usage error if the file is invalid, or if a row would show more than the built-in catalogue:
    /// a field that it declares may only become `drop` or `secret`.
    pub fn with_user(text: &str, source: &str) -> Result<Catalogue> {
        let wrong = |message: String| {
            Error::usage(format!("catalogue `{source}`: {message}"))
                .hint("a user's catalogue adds fields to types, and types; it loosens nothing")
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file: UserFile = serde_json::from_str(text)
            .map_err(|e| wrong(format!("line {}, column {}: {e}", e.line(), e.column())))?;
        let builtin = Catalogue::builtin();
        for (name, row) in &file.types {
            let known = builtin.type_named(name).is_some();
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if known && (!row.extends.is_empty() || row.keys.is_some() || row.fields.contains_key("*")) {
                return Err(wrong(format!("type `{name}` is built in; it can be given named fields only")));
            }
            if !known && (name.is_empty() || name.len() > 64 || !name.bytes().all(word)) {
                return Err(wrong("the name of a type is made of letters, digits and `_`".into()));
            }
            if row.fields.keys().any(|member| member.trim().is_empty() || member.len() > 128) {
                return Err(wrong(format!("type `{name}`: a name of a field is empty or too long")));
            }
        }
        let digest = Some(crypto::sha256(text.as_bytes()));
        check_datasets(&file.datasets, &file.requests).map_err(&wrong)?;
        let added = Added { types: file.types, lines: file.lines, datasets: file.datasets, digest };
        let mut extended = Catalogue::assemble_with(DATASETS, TYPES, added)
            .map_err(|error| wrong(error.message().to_owned()))?;
        if !file.requests.is_empty() {
            let requests = Requests::with_user(file.requests);
            extended.requests = Some(requests.map_err(|error| wrong(error.message().to_owned()))?);
        }
        let secrets = always_secret(builtin);
        for of in builtin.types() {
            let Some(id) = extended.type_named(&of.name) else { continue };
            let now = extended.record_type(id);
            for (folded, name) in &now.names {
                let Some(field) = now.fields.get(folded) else { continue };
                let was = of.fields.get(folded).or(of.rest.as_ref());
                let same = was.is_some_and(|was| described(builtin, was) == described(&extended, field));
                if same || removed(field) {
                    continue;
                }
                if was.is_some() {
                    return Err(wrong(format!(
                        "`{name}` of type `{}` is covered by the built-in catalogue; it can only become `drop` or `secret`",
                        of.name
                    )));
                }
            }
        }
        for now in extended.types() {
            let known = builtin.type_named(&now.name).map(|id| builtin.record_type(id));
            let added = |folded: &str| known.is_none_or(|of| !of.fields.contains_key(folded));
            for (folded, name) in now.names.iter().filter(|(folded, _)| added(folded)) {
                if secrets.contains(folded) && !now.fields.get(folded).is_some_and(removed) {
                    return Err(wrong(format!(
                        "`{name}` of type `{}` has the name of a secret; it can only be `secret` or `drop`",
                        now.name
                    )));
                }
            }
        }
        Ok(extended)
    }
}

/// Further datasets are JSON that Graph serves, and each is asked by a row that fits it. That no id is
/// built in is seen when the tables are joined.
fn check_datasets(datasets: &[Dataset], requests: &[Row]) -> std::result::Result<(), String> {
    for dataset in datasets {
        let id = &dataset.id;
        let title = dataset.title.trim();
        if id.is_empty() || id.len() > 64 || title.is_empty() || title.chars().any(char::is_control) {
            return Err("a dataset has no id, a long one, or no title".into());
        }
        if dataset.layout != Layout::default() || !dataset.shapes.is_empty() {
            return Err(format!("dataset `{id}`: a further dataset has records of Graph alone"));
        }
        let Some(row) = requests.iter().find(|row| row.id == *id) else {
            return Err(format!("dataset `{id}` has no row in `requests`"));
        };
        if !row.single && dataset.key.is_empty() {
            return Err(format!("dataset `{id}` is a list and has no `key`"));
        }
        if row.window.as_ref().is_some_and(|window| !dataset.time.contains(&window.field)) {
            return Err(format!("dataset `{id}`: the field of its window is not among `time`"));
        }
    }
    let known = |row: &&Row| {
        let own = datasets.iter().any(|dataset| dataset.id == row.id);
        own || Catalogue::builtin().dataset(&row.id).is_some()
    };
    match requests.iter().all(|row| known(&row)) {
        true => Ok(()),
        false => Err("a row of `requests` has no row in `datasets`".into()),
    }
}

/// Whether nothing of the field leaves under any policy.
fn removed(field: &Field) -> bool {
    matches!(field, Field::Drop | Field::Value { kind: Kind::Secret, .. })
}

/// Folded names that hold secrets wherever the catalogue declares them.
fn always_secret(catalogue: &Catalogue) -> BTreeSet<String> {
    let mut names: BTreeMap<&String, bool> = BTreeMap::new();
    for of in catalogue.types() {
        for folded in of.names.keys() {
            let secret = matches!(of.fields.get(folded), Some(Field::Value { kind: Kind::Secret, .. }));
            *names.entry(folded).or_insert(true) &= secret;
        }
    }
    names.into_iter().filter(|(_, secret)| *secret).map(|(name, _)| name.clone()).collect()
}

/// A field in words that do not depend on the numbering of types.
fn described(catalogue: &Catalogue, field: &Field) -> String {
    let name = |of: &Type| of.name.clone();
    match field {
        Field::Object(id) => format!("@{}", name(catalogue.record_type(*id))),
        Field::By { sibling, table } => format!("by {sibling} @{}", name(catalogue.record_type(*table))),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Source, Stream};

    fn with(types: &str) -> Result<Catalogue> {
        Catalogue::with_user(
            &format!(r#"{{"schema":"entra-bundle/catalogue/1","types":{types}}}"#),
            "mine.json",
        )
    }

    fn refused(types: &str, part: &str) {
        let error = with(types).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("mine.json") && error.contains(part), "{types}: {error}");
    }

    #[test]
    fn fields_and_types_are_added() {
        let own = with(
            r#"{"user":{"fields":{"extension_cost centre":"free_attribute","badge":"@badge"}},
                "badge":{"fields":{"number":"hardware_id","*":"drop"}}}"#,
        )
        .map_err(|e| e.to_string())
        .unwrap();
        let user = own.record_type(own.root(&Stream::new(Source::Graph, "users")).unwrap());
        assert!(matches!(
            user.field("extension_costCentre"),
            Some(Field::Value { kind: Kind::FreeAttribute, grammar: None })
        ));
        assert!(matches!(user.field("badge"), Some(Field::Object(_))));
        assert_ne!(own.digest(), Catalogue::builtin().digest());
        let other = with(r#"{"user":{"fields":{"x":"free_attribute"}}}"#).map_err(|e| e.to_string()).unwrap();
        assert_ne!(own.digest(), other.digest());
        // A stricter row is no addition, and allowed.
        let less = with(r#"{"user":{"fields":{"Display Name":"drop"}}}"#).map_err(|e| e.to_string()).unwrap();
        let user = less.record_type(less.root(&Stream::new(Source::Graph, "users")).unwrap());
        assert_eq!(user.field("displayName"), Some(&Field::Drop));
    }

    /// A file with one dataset and one request; `more` are further members of the request.
    fn dataset(id: &str, path: &str, more: &str) -> Result<Catalogue> {
        let text = format!(
            r#"{{"schema":"entra-bundle/catalogue/1","types":{{"badge":{{"fields":{{"id":"object_id guid","number":"hardware_id"}}}}}},
                "datasets":[{{"id":"{id}","title":"Badges","group":"objects","record":"badge","key":["id"]}}],
                "requests":[{{"id":"{id}","version":"beta","path":"{path}","bucket":"other","delegated":"Badge.Read.All",
                    "application":"Badge.Read.All","role":"r","licence":"free"{more}}}]}}"#
        );
        Catalogue::with_user(&text, "mine.json")
    }

    #[test]
    fn datasets_of_graph_are_added_under_the_same_checks() {
        let own = dataset("badges", "/directory/badges", "").map_err(|e| e.to_string()).unwrap();
        assert_eq!(own.requests().row("badges").unwrap().path, "/directory/badges");
        assert!(own.requests().row("users").is_some() && own.dataset("badges").is_some());
        assert!(own.root(&Stream::new(Source::Graph, "badges")).is_some());
        assert!(Requests::builtin().row("badges").is_none());
        for (id, path, more, part) in [
            ("users", "/users", "", "occurs twice"),
            ("badges", "//evil.example/badges", "", "path is not allowed"),
            ("badges", "/../beta/badges", "", "path is not allowed"),
            ("badges", "/badges?$top=1", "", "path is not allowed"),
            ("badges", "/badges", r#","default":true"#, "default collection"),
            ("badges", "/badges", r#","prefer":"a\r\nX: y""#, "`prefer`"),
            ("badges", "/badges", r#","method":"POST""#, "unknown field"),
            ("badges", "/badges", r#","window":{"field":"at"}"#, "not among `time`"),
        ] {
            let error = dataset(id, path, more).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains("mine.json") && error.contains(part), "{id} {path} {more}: {error}");
        }
        let text = r#"{"schema":"entra-bundle/catalogue/1","requests":[{"id":"audit_activity_types_2","version":"beta",
            "path":"/x","bucket":"other","delegated":"A","application":"A","role":"r","licence":"free"}]}"#;
        assert!(Catalogue::with_user(text, "mine.json").is_err());
    }

    #[test]
    fn a_permission_that_can_write_is_no_accident() {
        let writing = |more: &str| {
            let text = format!(
                r#"{{"schema":"entra-bundle/catalogue/1","types":{{"badge":{{"fields":{{"id":"object_id guid"}}}}}},
                    "datasets":[{{"id":"badges","title":"Badges","group":"objects","record":"badge","key":["id"]}}],
                    "requests":[{{"id":"badges","version":"beta","path":"/badges","bucket":"other","delegated":"Badge.ReadWrite.All",
                        "application":"Badge.Read.All","role":"r","licence":"free"{more}}}]}}"#
            );
            Catalogue::with_user(&text, "mine.json")
        };
        let error = writing("").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("can write"), "{error}");
        assert!(writing(r#","optIn":true"#).is_ok());
    }

    #[test]
    fn nothing_that_is_known_shows_more() {
        let covered = "only become `drop` or `secret`";
        refused(r#"{"user":{"fields":{"displayName":"fact pattern:phrase"}}}"#, covered);
        refused(r#"{"user":{"fields":{"DISPLAY NAME":"fact pattern:phrase"}}}"#, covered);
        refused(r#"{"user":{"fields":{"manager":"text"}}}"#, covered);
        // Not by a base type either, nor past a row for every name.
        refused(r#"{"odata":{"fields":{"userPrincipalName":"fact pattern:phrase"}}}"#, covered);
        refused(r#"{"textLog":{"fields":{"Account":"fact pattern:phrase"}}}"#, covered);
        refused(r#"{"user":{"fields":{"*":"text"}}}"#, "named fields only");
        refused(r#"{"user":{"extends":["signIn"]}}"#, "named fields only");
        refused(r#"{"user":{"fields":{"x":"fact nonsense"}}}"#, "no field");
        refused(r#"{"mine ":{"fields":{}}}"#, "letters");
        refused(r#"{"mine":{"fields":{"x":"@nowhere"}}}"#, "no field");
        refused(r#"{"group":{"fields":{"clientSecret":"text"}}}"#, "secret");
        assert!(Catalogue::with_user("{}", "mine.json").is_err());
    }
}
