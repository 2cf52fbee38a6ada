//! The catalogue: which datasets exist, and what each of their fields holds.
//!
//! Two embedded tables: `datasets.json` (datasets with their shapes and list columns) and
//! `types/*.json` (record types: member name → kind and value grammar). Redaction is the join of
//! these tables with a policy; a member that no row covers is dropped by default. Beside them
//! `enums.json` holds the value lists of grammars, `sets.json` the lists whose order tells nothing, `origins.json` the marks by which a file is
//! recognised, and `first_party.json` the ids that Microsoft publishes,
//! `lines.json` patterns of lines that policies may name.
//!
//! A field row of a type is a short text:
//!
//! | text | meaning |
//! |---|---|
//! | `"upn"` | a value of kind `upn` |
//! | `"fact number"` | a value of kind `fact`, kept only if it fits the grammar `number` |
//! | `"object_id guid\|enum:ca_words"` | either grammar; a word of the list (`All`) names nobody and stays whatever the policy |
//! | `"@status"` | an object (or an array of objects) of type `status`; a string that holds JSON is parsed |
//! | `"by displayName @modified"` | the kind of this value stands in type `modified` under the name that the sibling member `displayName` holds |
//! |  | (a row found in that type may be a `by` row itself; where the sibling is absent, the row `*` of that type decides) |
//! | `"drop"` | declared, and never wanted |
//!
//! Member names compare case-insensitively with spaces removed, so that portal columns, Log
//! Analytics columns and Graph members share rows. Arrays are transparent. The member `*` covers
//! every name without a row of its own. The member `#text` is the value itself where a plain text
//! stands in place of the object (a CSV cell, the text of an XML element with attributes); `@name` is
//! an XML attribute. `keys` gives the kind of member *names* that are data.

pub mod cloud;
pub mod first_party;
mod grammar;
pub mod graph;
pub mod inventory;
mod lines;
pub mod member;
pub mod order;
pub mod permission;
pub mod personal;
pub mod profile;
pub mod time;
mod user;

pub use grammar::{Grammar, is_nobody};
pub use lines::LinePattern;
pub use order::Order;
pub use user::UserFile;

use crate::error::{Error, Result};
use crate::kind::Kind;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

/// The shape in which records came, whatever way they took.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Diagnostic-settings records: Event Hubs, storage archive, files.
    Diagnostic,
    /// Microsoft Graph objects.
    Graph,
    /// Log Analytics and Sentinel table rows.
    LogAnalytics,
    /// Office 365 and unified audit records.
    O365,
    /// Logs and event logs of servers and clients.
    OnPrem,
    /// Portal downloads, CSV or JSON.
    Portal,
    /// Output of PowerShell cmdlets.
    PowerShell,
}

impl Source {
    /// Every source in order.
    pub const ALL: [Source; 7] = [
        Source::Diagnostic,
        Source::Graph,
        Source::LogAnalytics,
        Source::O365,
        Source::OnPrem,
        Source::Portal,
        Source::PowerShell,
    ];

    /// The name in paths and tables.
    pub const fn id(self) -> &'static str {
        match self {
            Source::Diagnostic => "diagnostic",
            Source::Graph => "graph",
            Source::LogAnalytics => "loganalytics",
            Source::O365 => "o365",
            Source::OnPrem => "onprem",
            Source::Portal => "portal",
            Source::PowerShell => "powershell",
        }
    }

    /// The source of a name.
    pub fn parse(id: &str) -> Option<Source> {
        Source::ALL.into_iter().find(|source| source.id() == id)
    }
}

/// One kind of data in one shape: the unit in which records are spooled, rewritten and cut into parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stream {
    /// The shape.
    pub source: Source,
    /// The dataset's id.
    pub dataset: String,
}

impl Stream {
    /// A stream of the dataset in this shape.
    pub fn new(source: Source, dataset: impl Into<String>) -> Self {
        Stream { source, dataset: dataset.into() }
    }
}

/// Outer form of a dataset's parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One JSON value a line (`.jsonl`).
    #[default]
    Jsonl,
    /// Text with an index (`.txt`).
    Text,
    /// XML with an index (`.xml`).
    Xml,
}

/// Which way a dataset belongs, for listings and plans.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Tenant objects.
    Objects,
    /// Service configuration.
    Configuration,
    /// Logs.
    Logs,
    /// Service health.
    Health,
    /// Artifacts of servers and clients.
    OnPremises,
}

/// A named kind of data.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Stable id, `[a-z0-9_]+`; also the folder name in a bundle.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// Which way it belongs.
    pub group: Group,
    /// Form of its parts.
    #[serde(default)]
    pub layout: Layout,
    /// Record type of the plain (Graph) shape: a name in `types.json`.
    pub record: String,
    /// Record types of other shapes where they differ: source id → type name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shapes: BTreeMap<Source, String>,
    /// Candidates for the time of a record, as member paths `a/b`, first match wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time: Vec<String>,
    /// Members that identify a record, for deduplication and order, as member paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Order of its records, where it is not that of [`Dataset::order`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Default columns of the list view.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
}

/// A column of the list view: a role (`user`, `activity`, …) and where its value stands.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Stable name, used by `--columns` and by the filters of `records`.
    pub name: String,
    /// Candidate member paths `a/b` (arrays are transparent, all their values are joined), first match wins.
    pub paths: Vec<String>,
    /// Whether the column is shown without `--columns`.
    #[serde(default)]
    pub shown: bool,
}

/// Index of a record type in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A value. A field of a kept kind without grammar is treated as text.
    Value {
        /// What it is.
        kind: Kind,
        /// What a kept value must look like.
        grammar: Option<Grammar>,
    },
    /// An object, an array of objects, or a string that holds either as JSON.
    Object(TypeId),
    /// A value whose meaning the sibling member `sibling` names; looked up in `table`.
    By {
        /// Folded name of the sibling member.
        sibling: String,
        /// The type whose members are the possible names.
        table: TypeId,
    },
    /// Declared and never wanted.
    Drop,
}

/// A record type.
#[derive(Clone, Debug, Default)]
pub struct Type {
    /// Its name in `types.json`.
    pub name: String,
    /// Folded member name → field.
    pub fields: HashMap<String, Field>,
    /// Declared spelling of every member, by folded name.
    pub names: BTreeMap<String, String>,
    /// Field of every member that has no row.
    pub rest: Option<Field>,
    /// Kind of the member names themselves where they are data.
    pub keys: Option<Kind>,
}

impl Type {
    /// The field of a member, by any spelling. Unknown members give the `*` row, or `None`.
    pub fn field(&self, member: &str) -> Option<&Field> {
        self.fields.get(member).or_else(|| self.fields.get(fold(member).as_str())).or(self.rest.as_ref())
    }
}

/// Folds a member name: ASCII lower case, spaces removed, without the column suffixes of Log
/// Analytics (`_dynamic`, `_string`, `[UTC]`) and the `#2` of a repeated CSV header.
pub fn fold(member: &str) -> String {
    let mut folded: String =
        member.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    for suffix in ["[utc]", "#2", "_dynamic", "_string"] {
        if folded.len() > suffix.len() && folded.ends_with(suffix) {
            folded.truncate(folded.len() - suffix.len());
        }
    }
    folded
}

#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct TypeRow {
    /// Types whose rows are taken over first; later ones and own rows win.
    #[serde(default)]
    extends: Vec<String>,
    /// Kind of the member names where they are data.
    #[serde(default)]
    keys: Option<Kind>,
    /// Member name → field text.
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

/// The effective catalogue.
#[derive(Debug)]
pub struct Catalogue {
    datasets: BTreeMap<String, Dataset>,
    types: Vec<Type>,
    by_name: HashMap<String, TypeId>,
    lines: BTreeMap<String, LinePattern>,
    /// The request table, where a user added to it.
    requests: Option<graph::Requests>,
    digest: [u8; 32],
}

const DATASETS: &str = include_str!("datasets.json");
/// The origins: by which table, category, container, file name and header the records of a dataset
/// are recognised where they come in another shape than that of Graph. Plain data for the recogniser:
/// an array of `{id, source, dataset, table?, category?, container?, file?, header?}`.
pub const ORIGINS: &str = include_str!("origins.json");

/// The files of the type table. One type stands in one file.
const TYPES: &[&str] = &[
    include_str!("types/applications.json"),
    include_str!("types/audit.json"),
    include_str!("types/authentication.json"),
    include_str!("types/cloud.json"),
    include_str!("types/directory.json"),
    include_str!("types/events.json"),
    include_str!("types/health.json"),
    include_str!("types/logs.json"),
    include_str!("types/o365.json"),
    include_str!("types/onprem.json"),
    include_str!("types/policies.json"),
    include_str!("types/portal.json"),
];

impl Catalogue {
    /// The built-in catalogue, parsed once.
    pub fn builtin() -> &'static Catalogue {
        static BUILTIN: OnceLock<Catalogue> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Catalogue::assemble(DATASETS, TYPES).expect("the embedded catalogue is tested to be valid")
        })
    }

    /// Parses and checks the two tables.
    pub fn parse(datasets: &str, types: &str) -> Result<Catalogue> {
        Catalogue::assemble(datasets, &[types])
    }

    /// Parses and checks the two tables, the second one in several files.
    fn assemble(datasets: &str, types: &[&str]) -> Result<Catalogue> {
        Catalogue::assemble_with(datasets, types, user::Added::default())
    }

    /// As [`Catalogue::assemble`], with what a user adds.
    fn assemble_with(datasets: &str, types: &[&str], added: user::Added) -> Result<Catalogue> {
        // Value lists and published ids decide what is kept, so the digest covers them too.
        let digest = crate::crypto::sha256(
            std::iter::once(&datasets)
                .chain(types)
                .chain(&[grammar::TABLE, first_party::TABLE, order::TABLE, lines::TABLE])
                .map(|table| crate::crypto::sha256(table.as_bytes()))
                .collect::<Vec<_>>()
                .concat()
                .as_slice(),
        );
        let rows: Vec<Dataset> = serde_json::from_str(datasets).map_err(|e| place("dataset table", &e))?;
        let mut type_rows: BTreeMap<String, TypeRow> = BTreeMap::new();
        for file in types {
            let rows: BTreeMap<String, TypeRow> =
                serde_json::from_str(file).map_err(|e| place("type table", &e))?;
            for (name, row) in rows {
                if type_rows.insert(name.clone(), row).is_some() {
                    return Err(Error::usage(format!("type `{name}` occurs twice")));
                }
            }
        }
        let digest = added.digest(digest);
        let lines = lines::assemble(&added.lines)?;
        let rows = rows.into_iter().chain(added.put_into(&mut type_rows));
        let by_name: HashMap<String, TypeId> =
            type_rows.keys().enumerate().map(|(at, name)| (name.clone(), TypeId(at as u32))).collect();
        let mut parsed = Vec::with_capacity(type_rows.len());
        for name in type_rows.keys() {
            let mut kind = Type { name: name.clone(), ..Type::default() };
            inherit(&mut kind, name, &type_rows, &by_name, 0)?;
            parsed.push(kind);
        }
        let mut by_id = BTreeMap::new();
        for dataset in rows {
            for record in std::iter::once(&dataset.record).chain(dataset.shapes.values()) {
                if !by_name.contains_key(record) {
                    return Err(Error::usage(format!(
                        "dataset `{}` names the unknown type `{record}`",
                        dataset.id
                    )));
                }
            }
            let id = dataset.id.clone();
            if !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
                return Err(Error::usage(format!("dataset id `{id}` breaks its grammar [a-z0-9_]")));
            }
            if by_id.insert(id.clone(), dataset).is_some() {
                return Err(Error::usage(format!("dataset `{id}` occurs twice")));
            }
        }
        Ok(Catalogue { datasets: by_id, types: parsed, by_name, lines, requests: None, digest })
    }

    /// How the datasets of Microsoft Graph are asked.
    pub fn requests(&self) -> &graph::Requests {
        self.requests.as_ref().unwrap_or_else(|| graph::Requests::builtin())
    }

    /// All datasets by id.
    pub fn datasets(&self) -> impl Iterator<Item = &Dataset> {
        self.datasets.values()
    }

    /// A dataset by id.
    pub fn dataset(&self, id: &str) -> Option<&Dataset> {
        self.datasets.get(id)
    }

    /// A record type.
    pub fn record_type(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// All record types, by name.
    pub fn types(&self) -> impl Iterator<Item = &Type> {
        self.types.iter()
    }

    /// A record type by name.
    pub fn type_named(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// The record type of a stream.
    pub fn root(&self, stream: &Stream) -> Option<TypeId> {
        let dataset = self.dataset(&stream.dataset)?;
        self.type_named(dataset.shapes.get(&stream.source).unwrap_or(&dataset.record))
    }

    /// A pattern of lines by name.
    pub fn line_pattern(&self, name: &str) -> Option<&LinePattern> {
        self.lines.get(name)
    }

    /// The names of all patterns of lines, sorted.
    pub fn line_patterns(&self) -> impl Iterator<Item = &str> {
        self.lines.keys().map(String::as_str)
    }

    /// SHA-256 over both tables: the digest that approvals, headers and manifests carry.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

fn inherit(
    into: &mut Type,
    name: &str,
    rows: &BTreeMap<String, TypeRow>,
    by_name: &HashMap<String, TypeId>,
    depth: usize,
) -> Result<()> {
    let row = rows
        .get(name)
        .ok_or_else(|| Error::usage(format!("type `{}` extends the unknown type `{name}`", into.name)))?;
    if depth > 8 {
        return Err(Error::usage(format!("type `{}` extends itself", into.name)));
    }
    for base in &row.extends {
        inherit(into, base, rows, by_name, depth + 1)?;
    }
    into.keys = row.keys.or(into.keys);
    for (member, text) in &row.fields {
        let field = Field::parse(text, by_name)
            .ok_or_else(|| Error::usage(format!("type `{name}`, member `{member}`: `{text}` is no field")))?;
        if member == "*" {
            into.rest = Some(field);
        } else {
            into.names.insert(fold(member), member.clone());
            into.fields.insert(member.clone(), field.clone());
            into.fields.insert(fold(member), field);
        }
    }
    Ok(())
}

impl Field {
    fn parse(text: &str, types: &HashMap<String, TypeId>) -> Option<Field> {
        let named = |name: &str| types.get(name.strip_prefix('@')?).copied();
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["drop"] => Some(Field::Drop),
            ["by", sibling, table] => Some(Field::By { sibling: fold(sibling), table: named(table)? }),
            [one] if one.starts_with('@') => named(one).map(Field::Object),
            [kind] => Some(Field::Value { kind: Kind::parse(kind)?, grammar: None }),
            [kind, grammar] => {
                Some(Field::Value { kind: Kind::parse(kind)?, grammar: Some(Grammar::parse(grammar)?) })
            }
            _ => None,
        }
    }
}

fn place(what: &str, error: &serde_json::Error) -> Error {
    Error::usage(format!("the {what} is invalid at line {}, column {}", error.line(), error.column()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_catalogue_is_valid() {
        assert!(
            Catalogue::assemble(DATASETS, TYPES).map_err(|e| e.to_string()).unwrap().datasets().count() > 0
        );
    }

    #[test]
    fn folding_joins_the_spellings_of_one_column() {
        assert_eq!(fold("Application ID "), "applicationid");
        assert_eq!(fold("TimeGenerated [UTC]"), "timegenerated");
        assert_eq!(fold("Status_dynamic"), "status");
        assert_eq!(fold("Incoming token type#2"), "incomingtokentype");
    }

    #[test]
    fn rows_inherit_and_own_rows_win() {
        let types = r#"{"a":{"fields":{"x":"upn","y":"@b"}},"b":{"fields":{"*":"text"}},
            "c":{"extends":["a"],"fields":{"X":"fact number"}}}"#;
        let datasets = r#"[{"id":"d","title":"D","group":"logs","record":"c"}]"#;
        let catalogue = Catalogue::parse(datasets, types).map_err(|e| e.to_string()).unwrap();
        let root = catalogue.root(&Stream::new(Source::Graph, "d")).unwrap();
        let kind = catalogue.record_type(root);
        assert_eq!(
            kind.field("x"),
            Some(&Field::Value { kind: Kind::Fact, grammar: Grammar::parse("number") })
        );
        let Some(Field::Object(nested)) = kind.field("Y") else { panic!() };
        assert!(catalogue.record_type(*nested).field("anything").is_some());
        assert_eq!(kind.field("z"), None);
    }
}
