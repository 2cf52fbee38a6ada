//! The list view: rows of a verified bundle by columns that the catalogue names, filtered.

use super::log_rows;
use crate::bundle::Verified;
use crate::bundle::manifest::Entry;
use crate::catalogue::member::Path as Member;
use crate::catalogue::{Catalogue, Dataset, Layout, time};
use crate::error::{self, Error, Result};
use jiff::Timestamp;

/// The audit actor whose entries are write-backs of other services, not actions (documented by
/// Microsoft in "What are audit logs in Microsoft Entra ID").
const SUBSTRATE: &str = "Microsoft Substrate Management";
/// Values of one cell are joined with this.
const JOIN: &str = "; ";

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The dataset; `None` lists every dataset that has the filtered columns, in time order.
    pub dataset: Option<String>,
    /// Column names; empty means the default ones.
    pub columns: Vec<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Column name and wanted value; all must match.
    pub filters: Vec<(&'static str, String)>,
    /// Leave informational entries out.
    pub hide_informational: bool,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Dataset it comes from.
    pub dataset: String,
    /// Time of the record, if readable.
    pub time: Option<Timestamp>,
    /// Cells in the order of [`Listing::columns`].
    pub cells: Vec<String>,
    /// Whether the entry only informs (see [`Query::hide_informational`]).
    pub informational: bool,
}

/// Column titles, and whether rows of several datasets are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Column names; `dataset` first where datasets are merged, `note` last.
    pub columns: Vec<String>,
}

/// How many rows were looked at and given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that matched.
    pub matched: u64,
    /// Rows read.
    pub read: u64,
    /// Rows read whose time is unknown and which a time filter therefore kept.
    pub untimed: u64,
}

/// Lists rows: of one dataset in the order of the bundle, of several merged in time order.
/// `row` is called once a matching row and may stop the listing by returning `false`.
///
/// # Errors
/// An unknown dataset or column (usage), a dataset without records in this bundle (usage), I/O and integrity errors.
pub fn list(
    bundle: &Verified,
    catalogue: &Catalogue,
    query: &Query,
    begin: &mut dyn FnMut(&Listing) -> Result<()>,
    row: &mut dyn FnMut(&Row) -> Result<bool>,
) -> Result<Counts> {
    let datasets = chosen(bundle, catalogue, query)?;
    let merged = query.dataset.is_none();
    let names = column_names(&datasets, query)?;
    let mut listing = Listing { columns: names.clone() };
    if merged {
        listing.columns.insert(0, "dataset".into());
    }
    listing.columns.push("note".into());
    begin(&listing)?;
    let mut counts = Counts::default();
    let mut held = Vec::new();
    'datasets: for dataset in datasets {
        let reader = match dataset.layout {
            Layout::Jsonl => Some(Reader::new(dataset, &names, query)?),
            Layout::Text | Layout::Xml => None,
        };
        let parts = bundle.manifest().entries.iter().filter(|entry| is_part_of(entry, &dataset.id));
        for part in parts {
            for line in bundle.records(&part.path)? {
                let line = line?;
                counts.read += 1;
                let found = match &reader {
                    Some(reader) => reader.row(&line.bytes, query, &mut counts),
                    None => log_rows::row(&line.bytes, line.utc.as_deref(), &names, query, &mut counts),
                };
                let Some(mut found) = found else { continue };
                counts.matched += 1;
                if merged {
                    found.cells.insert(0, dataset.id.clone());
                    held.push(found);
                } else if !row(&found)? {
                    break 'datasets;
                }
            }
        }
    }
    held.sort_by_key(|found| (found.time.is_none(), found.time));
    for found in held {
        if !row(&found)? {
            break;
        }
    }
    Ok(counts)
}

fn chosen<'c>(bundle: &Verified, catalogue: &'c Catalogue, query: &Query) -> Result<Vec<&'c Dataset>> {
    let held = |id: &str| bundle.manifest().entries.iter().any(|entry| is_part_of(entry, id));
    match &query.dataset {
        Some(id) => {
            let dataset = catalogue.dataset(id).ok_or_else(|| {
                Error::usage(format!("`{id}` is no dataset")).hint("`entra-bundle datasets` lists them")
            })?;
            if !held(id) {
                return Err(Error::usage(format!("the bundle has no records of `{id}`")).hint(
                    "`entra-bundle info BUNDLE` tells what it holds, `--missing` what it lacks and why",
                ));
            }
            if dataset.layout != Layout::Jsonl && !log_rows::can_match(query) {
                return Err(Error::usage(format!("`{id}` is text or XML and has no such column")).hint(
                    "filter it by user, device, app, correlation id, request id or time, or unpack the bundle",
                ));
            }
            Ok(vec![dataset])
        }
        None => {
            let able = |d: &&Dataset| {
                held(&d.id)
                    && match d.layout {
                        Layout::Jsonl => {
                            query.filters.iter().all(|(name, _)| d.columns.iter().any(|c| c.name == *name))
                        }
                        Layout::Text | Layout::Xml => log_rows::can_match(query),
                    }
            };
            Ok(catalogue.datasets().filter(able).collect())
        }
    }
}

fn is_part_of(entry: &Entry, dataset: &str) -> bool {
    entry.part.as_ref().is_some_and(|part| part.dataset == dataset)
}

fn column_names(datasets: &[&Dataset], query: &Query) -> Result<Vec<String>> {
    if !query.columns.is_empty() {
        for wanted in &query.columns {
            let mut known: Vec<&str> =
                datasets.iter().flat_map(|d| d.columns.iter().map(|c| c.name.as_str())).collect();
            if datasets.iter().any(|d| d.layout != Layout::Jsonl) {
                known.extend(log_rows::COLUMNS);
            }
            if !known.contains(&wanted.as_str()) {
                known.sort_unstable();
                known.dedup();
                return Err(Error::usage(format!("`{wanted}` is no column here"))
                    .hint(format!("columns: {}", known.join(", "))));
            }
        }
        return Ok(query.columns.clone());
    }
    if query.dataset.is_none() {
        return Ok(["date", "activity", "status", "user", "target", "app"].map(str::to_owned).to_vec());
    }
    if datasets.iter().all(|d| d.layout != Layout::Jsonl) {
        return Ok(log_rows::COLUMNS.map(str::to_owned).to_vec());
    }
    Ok(datasets.iter().flat_map(|d| &d.columns).filter(|c| c.shown).map(|c| c.name.clone()).collect())
}

/// A column and its wanted value.
struct Filter {
    /// Paths, and whether what stands there is an error code of Entra ID or its word.
    candidates: Vec<(Member, bool)>,
    wanted: String,
    /// What the wanted value means for error codes.
    outcome: Option<Outcome>,
}

/// Success and failure as sign-ins tell them: by error code, and by word in the portal's download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Success,
    Failure,
}

/// Members that hold an error code of Entra ID, 0 for success, or say the same in a word. Other
/// numbers (HTTP status, event level) are no such codes.
const CODES: [&str; 5] =
    ["status/errorCode", "properties/status/errorCode", "Sign-in error code", "Status", "ResultType"];

impl Outcome {
    /// What a wanted status asks for, in normal form.
    fn of(wanted: &str) -> Option<Outcome> {
        match wanted {
            "success" | "0" => Some(Outcome::Success),
            "failure" => Some(Outcome::Failure),
            _ => None,
        }
    }

    fn matches(self, value: &str) -> bool {
        let code = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        match self {
            Outcome::Success => value == "0" || value.eq_ignore_ascii_case("success"),
            Outcome::Failure => code && value != "0",
        }
    }
}

impl Filter {
    fn new(name: &str, paths: &[String], wanted: &str) -> Self {
        let wanted = normal(wanted);
        Filter {
            candidates: paths.iter().map(|p| (Member::new(p), CODES.contains(&p.as_str()))).collect(),
            outcome: Outcome::of(&wanted).filter(|_| name == "status"),
            wanted,
        }
    }

    fn takes(&self, line: &[u8]) -> bool {
        self.candidates.iter().any(|(path, code)| {
            let outcome = self.outcome.filter(|_| *code);
            path.values(line).iter().any(|value| {
                matches(value, &self.wanted) || outcome.is_some_and(|outcome| outcome.matches(value))
            })
        })
    }
}

struct Reader {
    /// Candidate paths of each column asked for; empty where the dataset lacks the column.
    columns: Vec<Vec<Member>>,
    filters: Vec<Filter>,
    time: Vec<Member>,
    initiator: Vec<Member>,
}

impl Reader {
    fn new(dataset: &Dataset, names: &[String], query: &Query) -> Result<Self> {
        let paths = |name: &str| -> Vec<Member> {
            let column = dataset.columns.iter().find(|c| c.name == name);
            column.map(|c| c.paths.iter().map(|p| Member::new(p)).collect()).unwrap_or_default()
        };
        let mut filters = Vec::new();
        for (name, wanted) in &query.filters {
            let Some(column) = dataset.columns.iter().find(|c| c.name == *name) else {
                return Err(Error::new(
                    error::Kind::Usage,
                    format!("`{}` has no column `{name}`", dataset.id),
                )
                .hint("choose another dataset, or leave --dataset out"));
            };
            filters.push(Filter::new(name, &column.paths, wanted));
        }
        Ok(Reader {
            columns: names.iter().map(|name| paths(name)).collect(),
            filters,
            time: dataset.time.iter().map(|p| Member::new(p)).collect(),
            initiator: paths("initiator"),
        })
    }

    fn row(&self, line: &[u8], query: &Query, counts: &mut Counts) -> Option<Row> {
        if !self.filters.iter().all(|filter| filter.takes(line)) {
            return None;
        }
        let time = self.time.iter().find_map(|path| time::parse(&path.first(line)?));
        if query.since.is_some() || query.to.is_some() {
            match time {
                None => counts.untimed += 1,
                Some(time) => {
                    if query.since.is_some_and(|since| time < since) || query.to.is_some_and(|to| time >= to)
                    {
                        return None;
                    }
                }
            }
        }
        let informational =
            self.initiator.iter().any(|path| path.values(line).iter().any(|v| v == SUBSTRATE));
        if informational && query.hide_informational {
            return None;
        }
        let mut cells: Vec<String> = self.columns.iter().map(|candidates| cell(candidates, line)).collect();
        cells.push(if informational { "informational".into() } else { String::new() });
        Some(Row { dataset: String::new(), time, cells, informational })
    }
}

fn cell(candidates: &[Member], line: &[u8]) -> String {
    for path in candidates {
        let mut values = path.values(line);
        values.retain(|value| !value.is_empty());
        values.dedup();
        if !values.is_empty() {
            return values.join(JOIN);
        }
    }
    String::new()
}

/// Case, dashes and runs of spaces do not count: the service writes an en dash and a trailing space
/// in `Update application – Certificates and secrets management `.
fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => out.push('-'),
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// Whether a value is the wanted one, or a composite (`u-…@d-….example`, `d-…\u-…`) of which it is a part.
fn matches(value: &str, wanted: &str) -> bool {
    let value = normal(value);
    value == wanted || value.split(['@', '\\', ',', ';']).any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_comparison_ignores_dash_case_and_spaces_only() {
        assert_eq!(normal("Update application – Certificates  "), "update application - certificates");
        assert!(matches("u-5ruvv4drp33lo@d-4t3ff5tundavp.example", "u-5ruvv4drp33lo"));
        assert!(matches("Success", "success"));
        assert!(!matches("Successful", "success"));
    }

    #[test]
    fn success_and_failure_ask_for_error_codes_of_sign_ins_and_for_words_elsewhere() {
        let paths = ["status/errorCode", "Sign-in error code", "Status"].map(str::to_owned);
        let takes = |wanted: &str, line: &str| Filter::new("status", &paths, wanted).takes(line.as_bytes());
        let (good, bad) = (r#"{"status":{"errorCode":0}}"#, r#"{"status":{"errorCode":50126}}"#);
        let portal = r#"{"Status":"Success","Sign-in error code":""}"#;
        let asked = r#"{"Status":"Interrupted","Sign-in error code":"50140"}"#;
        for (wanted, taken) in [
            ("Success", [true, false, true, false]),
            ("0", [true, false, true, false]),
            ("failure", [false, true, false, true]),
            ("50126", [false, true, false, false]),
            ("interrupted", [false, false, false, true]),
        ] {
            assert_eq!([good, bad, portal, asked].map(|line| takes(wanted, line)), taken, "{wanted}");
        }
        let level = Filter::new("status", &["Level".to_owned()], "failure");
        assert!(!level.takes(br#"{"Level":"4"}"#));
        let activity = Filter::new("activity", &paths, "failure");
        assert!(!activity.takes(bad.as_bytes()));
    }
}
