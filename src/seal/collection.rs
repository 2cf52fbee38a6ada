//! `meta/collection.json`: what was read, what it gave, what was refused and why.
//!
//! Original file names stand here after their treatment, keyed by part and record range; no clock
//! value does, so that equal runs over local files have equal content roots.

use crate::bundle::{Completeness, DatasetOutcome};
use crate::catalogue::{Order, Stream};
use crate::event::{Outcome, Reason};
use crate::record::{Label, Stated, sealed};
use crate::workspace::UnitNote;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Stands in the list of datasets for what was refused, and whose dataset is therefore not known:
/// whole files, or the sections of no known kind of a file.
pub const REFUSED_FILES: &str = "refused_files";

/// The account of the collection.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Collection {
    /// `entra-bundle/collection/1`.
    pub schema: &'static str,
    /// What is there, and what is missing and why; equal to the manifest's.
    pub completeness: Completeness,
    /// Every file that was given, in the order of reading.
    pub files: Vec<GatheredFile>,
    /// What the recipient already holds by another way, as the collector said.
    pub uploaded: Vec<Uploaded>,
    /// Every dataset that a service was asked for, in order.
    pub services: Vec<Service>,
}

/// A log that was handed over by another way, for example from the Authenticator app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Uploaded {
    /// What it is.
    kind: Label,
    /// The reference under which the recipient finds it.
    reference: Label,
}

impl Uploaded {
    /// The kinds of logs that are uploaded from their own programs.
    pub const KINDS: [&str; 6] =
        ["authenticator", "company-portal", "feedback-hub", "har", "support-case", "trace"];

    /// A known kind and a reference of at most 64 letters, digits, `.`, `_` and `-`.
    pub fn new(kind: &str, reference: &str) -> Option<Self> {
        let known = Self::KINDS.contains(&kind) && crate::bundle::grammar::is_reference(reference);
        let label = |text: &str| Label::new(text).ok();
        known.then(|| Some(Uploaded { kind: label(kind)?, reference: label(reference)? })).flatten()
    }

    /// Those that the header of a workspace names.
    pub(super) fn of_header(header: &Value) -> Vec<Self> {
        let all = header.get("uploaded").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        all.iter()
            .filter_map(|one| Uploaded::new(one["kind"].as_str()?, one["reference"].as_str()?))
            .collect()
    }
}

/// What a service gave of one dataset.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// The dataset.
    pub dataset: Label,
    /// The service.
    pub source: Label,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, unless complete.
    pub reason: Option<Reason>,
    /// How many records the service counted, where it does.
    pub expected: Option<u64>,
    /// Records kept.
    pub got: u64,
    /// Records that came more than once, and were kept once.
    pub duplicates: u64,
    /// Records outside the time window.
    pub outside_window: u64,
    /// Records outside the scope.
    pub outside_scope: u64,
    /// Records kept although their time could not be read.
    pub untimed: u64,
    /// Parts of the scope that the service applied.
    pub scoped_by_service: Vec<Label>,
    /// Parts of the scope that were applied here.
    pub scoped_here: Vec<Label>,
    /// What of the query the service did not support: 0 nothing, 1 its order, 2 the selection of
    /// members too, 3 the filter too.
    pub degraded: u8,
    /// Requests sent.
    pub requests: u64,
    /// Of these answered 429.
    pub throttled: u64,
    /// Milliseconds spent waiting for the throttle.
    pub waited_ms: u64,
    /// Ids under which the service knows requests that failed, at most 20.
    pub failed_requests: Vec<Label>,
    /// Its windows.
    pub windows: Vec<Window>,
    /// Where its records stand.
    pub records: Vec<RecordRange>,
}

/// What one window gave.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Start, where the dataset is cut by time.
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// End, exclusive.
    #[schemars(with = "Option<String>")]
    pub to: Option<Timestamp>,
    /// Records kept.
    pub got: u64,
    /// Records that came more than once.
    pub duplicates: u64,
    /// Hour of the oldest record.
    #[schemars(with = "Option<String>")]
    pub oldest: Option<Timestamp>,
    /// Hour of the newest record.
    #[schemars(with = "Option<String>")]
    pub newest: Option<Timestamp>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, unless complete.
    pub reason: Option<Reason>,
}

impl Collection {
    /// The account in a volume that is not the last one: what became of the whole, without files and requests.
    pub fn without_files(&self) -> Self {
        Collection { files: Vec::new(), services: Vec::new(), ..self.clone() }
    }
}

impl sealed::Sealed for Collection {}
impl Stated for Collection {}

/// A file name after its treatment under the policy.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct TreatedName(String);

/// What one file gave.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatheredFile {
    /// Number in the order of reading, from 1.
    pub file: u64,
    /// Its name, pseudonymized.
    pub name: TreatedName,
    /// Size in bytes, where known.
    pub bytes: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, unless complete.
    pub reason: Option<Reason>,
    /// Form in our words (`ndjson`, `csv`, `evtx`, …).
    pub form: Option<Label>,
    /// Original encoding, where it was not plain UTF-8.
    pub encoding: Option<Label>,
    /// Where its records stand.
    pub records: Vec<RecordRange>,
    /// What was left out or is damaged.
    pub faults: Vec<Fault>,
    /// Records of datasets that were not asked for.
    pub unselected: u64,
    /// Records outside the time window.
    pub outside_window: u64,
    /// Records kept although their time could not be read.
    pub untimed: u64,
}

/// Where records of a file stand: a run of records in a part, or in all parts of a dataset.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordRange {
    /// The part; the folder of the parts where the records of the dataset were put in an order of
    /// their own, which does not tell the file they came from.
    pub part: Label,
    /// First record, from 0; null where `part` is a folder.
    pub first: Option<u64>,
    /// How many.
    pub count: u64,
}

/// A place in a file where something could not be taken.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Why.
    pub reason: Reason,
    /// How many records or members it concerns.
    pub count: u64,
    /// Number of the record in the file, from 1, if known.
    pub record: Option<u64>,
    /// Byte offset in the file, if known.
    pub offset: Option<u64>,
}

/// Rows of every part of a stream.
pub type PartRows = BTreeMap<Stream, Rows>;

/// Rows of the parts of a stream, in order.
pub struct Rows {
    /// File ending of the parts.
    pub ending: &'static str,
    /// Order of the records.
    pub order: Order,
    /// Rows of each part.
    pub parts: Vec<u64>,
}

/// Draws up the account. `treat` pseudonymizes a file name; `too_large` counts, by dataset, the
/// records whose rewritten form did not fit.
pub fn of(
    ledger: &[UnitNote],
    rows: &PartRows,
    too_large: &BTreeMap<String, u64>,
    uploaded: Vec<Uploaded>,
    treat: &mut dyn FnMut(&str) -> String,
) -> Collection {
    let own: Vec<&UnitNote> = ledger.iter().filter(|note| note.service.is_none()).collect();
    let files = own.into_iter().zip(1..).map(|(note, file)| gathered(note, file, rows, treat)).collect();
    let services = ledger.iter().filter_map(|note| served(note, rows)).collect();
    Collection {
        services,
        schema: "entra-bundle/collection/1",
        completeness: completeness(ledger, rows, too_large),
        files,
        uploaded,
    }
}

fn gathered(
    note: &UnitNote,
    file: u64,
    rows: &PartRows,
    treat: &mut dyn FnMut(&str) -> String,
) -> GatheredFile {
    let label = |text: &Option<String>| text.as_ref().and_then(|text| Label::new(text.as_str()).ok());
    let end = note.end.as_ref();
    GatheredFile {
        file,
        name: TreatedName(treat(&note.unit.name)),
        bytes: note.unit.bytes,
        outcome: note.outcome(),
        reason: note.reason(),
        form: end.and_then(|end| label(&end.form)),
        encoding: end.and_then(|end| label(&end.encoding)),
        records: places(note, rows),
        faults: note
            .faults
            .iter()
            .map(|f| Fault { reason: f.reason, count: f.count, record: f.record, offset: f.offset })
            .collect(),
        unselected: note.unselected,
        outside_window: note.outside_window,
        untimed: note.untimed,
    }
}

/// Where the records of a file stand.
fn places(note: &UnitNote, rows: &PartRows) -> Vec<RecordRange> {
    let mut found: Vec<RecordRange> = Vec::new();
    let mut in_order: BTreeMap<&Stream, u64> = BTreeMap::new();
    for span in &note.spans {
        match rows.get(&span.stream) {
            Some(rows) if rows.order != Order::Given => {
                *in_order.entry(&span.stream).or_default() += span.count;
            }
            _ => found.extend(ranges(&span.stream, span.first, span.count, rows)),
        }
    }
    for (stream, count) in in_order {
        if let Ok(part) = Label::new(format!("data/{}/{}/", stream.source.id(), stream.dataset)) {
            found.push(RecordRange { part, first: None, count });
        }
    }
    found
}

fn served(note: &UnitNote, rows: &PartRows) -> Option<Service> {
    let service = note.service.as_ref()?;
    let labels = |texts: &[String]| texts.iter().filter_map(|text| Label::new(text.as_str()).ok()).collect();
    // To the hour: when exactly somebody was first or last seen is told by the records, if the policy lets it.
    let hour = |time: Option<Timestamp>| {
        time.and_then(|t| Timestamp::from_second(t.as_second().div_euclid(3600) * 3600).ok())
    };
    let mut windows: Vec<Window> = service
        .windows
        .iter()
        .map(|window| {
            let reason = if window.ended { window.reason } else { Some(Reason::Interrupted) };
            let outcome = match (window.got, reason) {
                (0, None) => Outcome::Empty,
                (_, None) => Outcome::Complete,
                (0, Some(_)) => Outcome::Skipped,
                (_, Some(_)) => Outcome::Partial,
            };
            Window {
                from: window.from,
                to: window.to,
                got: window.got,
                duplicates: window.duplicates,
                oldest: hour(window.oldest),
                newest: hour(window.newest),
                outcome,
                reason,
            }
        })
        .collect();
    windows.sort_by_key(|window| (window.from, window.to));
    Some(Service {
        dataset: Label::new(service.dataset.as_str()).ok()?,
        source: Label::new(note.source.as_str()).ok()?,
        outcome: note.outcome(),
        reason: note.reason(),
        expected: service.expected,
        got: note.records(),
        duplicates: service.duplicates(),
        outside_window: note.outside_window,
        outside_scope: note.outside_scope,
        untimed: note.untimed,
        scoped_by_service: labels(&service.scoped_by_service),
        scoped_here: labels(&service.scoped_here),
        degraded: service.plain,
        requests: service.requests,
        throttled: service.throttled,
        waited_ms: service.waited_ms,
        failed_requests: labels(&service.failures),
        windows,
        records: places(note, rows),
    })
}

/// Where records `first .. first + count` of a stream stand in its parts.
fn ranges(stream: &Stream, first: u64, count: u64, rows: &PartRows) -> Vec<RecordRange> {
    let Some(Rows { ending, parts, .. }) = rows.get(stream) else { return Vec::new() };
    let mut found = Vec::new();
    let mut before = 0;
    for (number, rows) in parts.iter().enumerate() {
        let (from, to) = (first.max(before), (first + count).min(before + rows));
        if from < to {
            let path = format!("data/{}/{}/part-{number:05}.{ending}", stream.source.id(), stream.dataset);
            if let Ok(part) = Label::new(path) {
                found.push(RecordRange { part, first: Some(from - before), count: to - from });
            }
        }
        before += rows;
    }
    found
}

/// Outcomes by dataset, sorted; refused files by reason under [`REFUSED_FILES`].
fn completeness(ledger: &[UnitNote], rows: &PartRows, too_large: &BTreeMap<String, u64>) -> Completeness {
    let mut datasets: BTreeMap<String, Option<Reason>> =
        rows.keys().map(|stream| (stream.dataset.clone(), None)).collect();
    let mut refused: BTreeMap<Reason, u64> = BTreeMap::new();
    let mut absent: BTreeMap<String, (Outcome, Option<Reason>)> = BTreeMap::new();
    for note in ledger {
        let (outcome, reason) = (note.outcome(), note.reason());
        if let Some(service) = note.service.as_ref().filter(|_| note.spans.is_empty()) {
            let outcome = if outcome == Outcome::Partial { Outcome::Skipped } else { outcome };
            absent.insert(service.dataset.clone(), (outcome, reason));
            continue;
        }
        if !outcome.is_incomplete() {
            continue;
        }
        let reason = reason.or(note.faults.first().map(|fault| fault.reason)).unwrap_or(Reason::Error);
        // Sections of no known kind say nothing against the datasets beside them.
        let unknown = note.faults.iter().all(|fault| fault.reason == Reason::UnrecognisedRecords);
        if note.spans.is_empty() || (unknown && !note.faults.is_empty()) {
            *refused.entry(reason).or_default() += 1;
            continue;
        }
        for span in &note.spans {
            datasets.entry(span.stream.dataset.clone()).or_default().get_or_insert(reason);
        }
    }
    for dataset in too_large.keys() {
        datasets.entry(dataset.clone()).or_default().get_or_insert(Reason::RecordTooLarge);
    }
    let mut rows: Vec<DatasetOutcome> = datasets
        .into_iter()
        .map(|(dataset, reason)| DatasetOutcome {
            dataset,
            outcome: if reason.is_some() { Outcome::Partial } else { Outcome::Complete },
            reason,
            detail: None,
        })
        .collect();
    // What a service did not give may have come from a file.
    absent.retain(|dataset, _| !rows.iter().any(|row| row.dataset == *dataset));
    rows.extend(absent.into_iter().map(|(dataset, (outcome, reason))| DatasetOutcome {
        dataset,
        outcome,
        reason,
        detail: None,
    }));
    rows.extend(refused.into_iter().map(|(reason, count)| DatasetOutcome {
        dataset: REFUSED_FILES.into(),
        outcome: Outcome::Skipped,
        reason: Some(reason),
        detail: Some(count.to_string()),
    }));
    rows.sort_by(|a, b| (&a.dataset, a.reason).cmp(&(&b.dataset, b.reason)));
    Completeness::of(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Source;

    #[test]
    fn ranges_follow_the_parts() {
        let stream = Stream::new(Source::OnPrem, "other_text");
        let rows: PartRows =
            [(stream.clone(), Rows { ending: "txt", order: Order::Given, parts: vec![10, 5, 20] })].into();
        let found: Vec<_> = ranges(&stream, 8, 10, &rows)
            .into_iter()
            .map(|r| (r.part.to_string(), r.first.unwrap(), r.count))
            .collect();
        assert_eq!(
            found,
            [
                ("data/onprem/other_text/part-00000.txt".to_owned(), 8, 2),
                ("data/onprem/other_text/part-00001.txt".to_owned(), 0, 5),
                ("data/onprem/other_text/part-00002.txt".to_owned(), 0, 3),
            ]
        );
    }
}
