//! The shared development data against readers of the test's own: every file's records are counted by
//! code that shares nothing with the sources, and what is technical comes out byte for byte.

use crate::shared;
use entra_bundle::catalogue::{Catalogue, Field, Stream, TypeId};
use entra_bundle::event::{Outcome, Reason};
use entra_bundle::kind::Kind;
use entra_bundle::privacy::{IncidentKey, Learner, Policy, Pseudonymizer, Redactor, Rules, Visitor};
use entra_bundle::source::local::{LocalFiles, Options};
use entra_bundle::source::{Item, Source as _};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The files of the shared folder, by their path below `data`.
fn files(data: &Path) -> BTreeMap<String, PathBuf> {
    walkdir::WalkDir::new(data)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let below = entry.path().strip_prefix(data).unwrap().to_str().unwrap().replace('\\', "/");
            (below, entry.into_path())
        })
        .collect()
}

/// Text without its mark; UTF-16LE where the mark says so.
fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    match bytes.strip_prefix(&[0xFF, 0xFE]) {
        Some(wide) => {
            let units: Vec<u16> =
                wide.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).unwrap()
        }
        None => String::from_utf8(bytes).unwrap().trim_start_matches('\u{feff}').to_owned(),
    }
}

/// Rows behind the header, by quotes alone (RFC 4180).
fn rows(text: &str) -> usize {
    let (mut quoted, mut rows, mut filled) = (false, 0, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '\n' if !quoted => {
                rows += usize::from(filled);
                filled = false;
                continue;
            }
            '\r' => continue,
            _ => {}
        }
        filled = true;
    }
    (rows + usize::from(filled)).saturating_sub(1)
}

/// Records that `path` holds: events, lines, elements of the outermost list, rows, or one document.
fn count(path: &Path) -> usize {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "evtx" => evtx::EvtxParser::from_path(path).unwrap().records().filter(Result::is_ok).count(),
        "csv" => rows(&text(path)),
        "jsonl" => text(path).lines().filter(|line| !line.trim().is_empty()).count(),
        "json" => {
            let text = text(path);
            match serde_json::from_str::<Value>(&text) {
                Ok(Value::Array(all)) => all.len(),
                Ok(_) => 1,
                Err(_) => text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(),
            }
        }
        // Documents: one root, one record.
        _ => 1,
    }
}

struct Unit {
    name: String,
    records: u64,
    unrecognised: u64,
    damaged: u64,
    outcome: Outcome,
    reason: Option<Reason>,
}

fn units(data: &Path) -> Vec<Unit> {
    let stop = AtomicBool::new(false);
    let source = LocalFiles::new(vec![data.to_owned()], Options::new(&stop)).unwrap();
    let mut all = Vec::new();
    for unit in source.units().unwrap() {
        let mut items = source.open(&unit, None).unwrap();
        let (mut records, mut lost) = (0, HashMap::<Reason, u64>::new());
        while let Some(item) = items.next() {
            match item.unwrap() {
                Item::Record(..) => records += 1,
                Item::Fault(fault) => *lost.entry(fault.reason).or_default() += fault.count,
                _ => {}
            }
        }
        let end = items.end();
        let of = |reason| lost.get(&reason).copied().unwrap_or(0);
        all.push(Unit {
            name: unit.name.strip_prefix("data/").unwrap().to_owned(),
            records,
            unrecognised: of(Reason::UnrecognisedRecords),
            damaged: of(Reason::Damaged),
            outcome: end.outcome,
            reason: end.reason,
        });
    }
    all
}

/// Whatever the file: what was taken and what was passed over with a reason are all that it holds.
#[test]
fn every_staged_record_is_taken_or_counted_with_its_reason() {
    let Some(shared) = shared::folder("every_staged_record_is_taken_or_counted_with_its_reason") else {
        return;
    };
    let data = shared.join("data");
    let files = files(&data);
    let units = units(&data);
    assert_eq!(units.len(), files.len());
    for unit in &units {
        let path = &files[&unit.name];
        let held = count(path) as u64;
        let (name, seen) = (&unit.name, unit.records + unit.unrecognised);
        assert_eq!(unit.reason.is_none(), unit.outcome == Outcome::Complete, "{name}");
        match (unit.outcome, unit.reason) {
            // Sections of one document are records of their own kinds.
            _ if name == "scubagear/ProviderSettingsExport.json" => {
                let Value::Object(sections) = serde_json::from_str(&text(path)).unwrap() else { panic!() };
                assert!(unit.records > 0 && seen >= sections.len() as u64 / 2, "{name}: {seen}");
            }
            // Bodies of examples inside the lines: 542 of them, of which 31 are no JSON.
            _ if name.starts_with("graph-docs/") => assert!(seen > 0, "{name}"),
            // What another tool's reader gives up at the first damage, and we do not.
            (Outcome::Partial, Some(Reason::Damaged)) if name.ends_with(".evtx") => {
                assert!(unit.records >= held && unit.damaged > 0, "{name}: {} {held}", unit.records);
            }
            // A document of no known kind: its members are what was looked at.
            (Outcome::Skipped, Some(Reason::UnrecognisedRecords)) if held == 1 => {
                assert!(unit.records == 0 && seen > 0, "{name}");
            }
            (Outcome::Skipped, Some(Reason::UnrecognisedText | Reason::Binary)) => {
                assert_eq!(seen, 0, "{name}")
            }
            (_, reason) => assert_eq!(seen, held, "{name}: {:?} {reason:?}", unit.outcome),
        }
    }
}

/// Kinds that `balanced` keeps and that say nothing about people: what support reads.
const TECHNICAL: [Kind; 10] = [
    Kind::Fact,
    Kind::TraceId,
    Kind::EventTime,
    Kind::AppId,
    Kind::PublicId,
    Kind::Platform,
    Kind::Asn,
    Kind::RiskDetail,
    Kind::Credential,
    Kind::Lint,
];

type Members<'j> = BTreeMap<String, &'j RawValue>;

/// Compares the technical leaves of an input record with those at the same place of the output.
struct Compared {
    equal: usize,
    /// Place, input, output.
    different: Vec<(String, String, String)>,
}

impl Compared {
    fn object(&mut self, id: TypeId, input: &str, output: &str, place: &str) {
        let (Ok(input), Ok(output)) =
            (serde_json::from_str::<Members<'_>>(input), serde_json::from_str::<Members<'_>>(output))
        else {
            return;
        };
        let record_type = Catalogue::builtin().record_type(id);
        for (name, value) in &input {
            let place = format!("{place}/{name}");
            let out = output.get(name).map_or("", |out| out.get());
            match record_type.field(name) {
                Some(Field::Value { kind, grammar: Some(_) }) if TECHNICAL.contains(kind) => {
                    self.leaf(value.get(), out, place);
                }
                Some(Field::Object(inner)) => self.value(*inner, value.get(), out, &place),
                _ => {}
            }
        }
    }

    /// A value; of a list, each of its elements (the space between them is no part of any).
    fn leaf(&mut self, input: &str, output: &str, place: String) {
        let list = |text| serde_json::from_str::<Vec<&RawValue>>(text);
        if let (Ok(inputs), Ok(outputs)) = (list(input), list(output))
            && inputs.len() == outputs.len()
        {
            for (input, output) in inputs.iter().zip(outputs) {
                self.leaf(input.get(), output.get(), place.clone());
            }
        } else if input == output {
            self.equal += 1;
        } else {
            self.different.push((place, input.to_owned(), output.to_owned()));
        }
    }

    fn value(&mut self, id: TypeId, input: &str, output: &str, place: &str) {
        if input.starts_with('{') {
            return self.object(id, input, output, place);
        }
        if let (Ok(input), Ok(output)) =
            (serde_json::from_str::<Vec<&RawValue>>(input), serde_json::from_str::<Vec<&RawValue>>(output))
        {
            for (input, output) in input.iter().zip(&output) {
                self.value(id, input.get(), output.get(), place);
            }
        }
    }
}

/// The text of a record as the test finds it: a line, or the member of a line that another tool wraps.
fn own(line: &str, length: usize) -> Option<String> {
    if line.len() == length {
        return Some(line.to_owned());
    }
    let members: Members<'_> = serde_json::from_str(line).ok()?;
    members.values().map(|value| value.get()).find(|text| text.len() == length).map(str::to_owned)
}

#[test]
fn every_technical_field_of_the_staged_data_is_byte_identical() {
    let Some(shared) = shared::folder("every_technical_field_of_the_staged_data_is_byte_identical") else {
        return;
    };
    let data = shared.join("data");
    let names = [
        "msticpy/aad_logons.sentinel.jsonl",
        "otrf/AADAuditEvents.json",
        "otrf/OfficeActivityEvents.json",
        "otrf/WindowsEvents.json",
        "panther/azure_signin_rules.jsonl",
        "panther/microsoft_rules.jsonl",
    ];
    let stop = AtomicBool::new(false);
    let policy = Policy::builtin("balanced").unwrap();
    let rules = Rules::resolve_on(&policy, Catalogue::builtin(), Some("2026-11-20"))
        .map_err(|e| e.to_string())
        .unwrap();
    let pseudonyms = Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).unwrap();
    let records = |each: &mut dyn FnMut(&str, &Stream, entra_bundle::record::Raw)| {
        for name in names {
            let source = LocalFiles::new(vec![data.join(name)], Options::new(&stop)).unwrap();
            let unit = source.units().unwrap().remove(0);
            let mut items = source.open(&unit, None).unwrap();
            while let Some(item) = items.next() {
                if let Item::Record(stream, raw) = item.unwrap() {
                    each(name, &stream, raw);
                }
            }
        }
    };
    let mut learner = Learner::new();
    records(&mut |_, stream, raw| {
        let mut visitor = Visitor::new(Catalogue::builtin(), stream).unwrap();
        visitor.visit(&raw, &mut |kind, value| learner.learn(kind, value, &stream.dataset));
    });
    let dictionary = learner.freeze();
    let mut redactors = HashMap::new();
    let mut lines: HashMap<&str, std::vec::IntoIter<String>> = names
        .into_iter()
        .map(|name| {
            let text = text(&data.join(name));
            let lines: Vec<String> =
                text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
            (name, lines.into_iter())
        })
        .collect();
    let mut compared = Compared { equal: 0, different: Vec::new() };
    records(&mut |name, stream, raw| {
        let line = lines.get_mut(name).unwrap().next().unwrap();
        let input = own(&line, raw.len()).unwrap_or_else(|| panic!("{name}: another record than the line"));
        let redactor = redactors
            .entry(stream.clone())
            .or_insert_with(|| Redactor::new(&rules, &pseudonyms, &dictionary, stream).unwrap());
        let output = redactor.apply(raw).map_err(|e| e.to_string()).unwrap();
        let output = std::str::from_utf8(output.bytes()).unwrap();
        let root = Catalogue::builtin().root(stream).unwrap();
        compared.object(root, &input, output, &format!("{name} {}", stream.dataset));
    });
    for (place, input, output) in compared.different.iter().take(40) {
        eprintln!("{place}: {input} -> {output}");
    }
    assert!(compared.equal > 10_000, "{}", compared.equal);
    assert_eq!(compared.different.len(), 0, "of {}", compared.equal);
}

/// Event logs: what stands in the head of each event is what another walk over the same file gives.
#[test]
fn the_heads_of_events_are_those_of_the_log() {
    let Some(shared) = shared::folder("the_heads_of_events_are_those_of_the_log") else { return };
    let path = shared.join("data/evtx/system.evtx");
    let machine = crate::program::Machine::new();
    machine.ok(&["collect", "--input", path.to_str().unwrap(), "--out", "out"]);
    let bundle = machine.bundle("out");
    machine.ok(&[
        "unpack",
        bundle.to_str().unwrap(),
        "--to",
        "case",
        "--public-key",
        "config/signing.pub.pem",
    ]);
    let mut out: Vec<[String; 5]> = Vec::new();
    for entry in walkdir::WalkDir::new(machine.path("case/data")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            for line in std::fs::read_to_string(entry.path()).unwrap().lines() {
                let event: Value = serde_json::from_str(line).unwrap();
                out.push(
                    ["EventRecordID", "EventID", "Level", "Provider", "TimeCreated"]
                        .map(|name| plain(&event[name])),
                );
            }
        }
    }
    let mut log = evtx::EvtxParser::from_path(&path).unwrap();
    let mut wanted: Vec<[String; 5]> = log
        .records_json_value()
        .map(|record| {
            let system = record.unwrap().data["Event"]["System"].clone();
            let id = &system["EventID"];
            let id = if id.is_object() { &id["#text"] } else { id };
            let provider = &system["Provider"]["#attributes"]["Name"];
            let time = &system["TimeCreated"]["#attributes"]["SystemTime"];
            [&system["EventRecordID"], id, &system["Level"], provider, time].map(plain)
        })
        .collect();
    out.sort();
    wanted.sort();
    assert_eq!(out.len(), 1881);
    assert!(out == wanted, "{:?}", out.iter().zip(&wanted).find(|(a, b)| a != b));
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
