//! Tests of: sources.

use crate::shared;
use entra_bundle::event::{Outcome, Reason};
use entra_bundle::source::local::{LocalFiles, Options};
use entra_bundle::source::{Cursor, End, Fault, Item, Source};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// What came out of one unit.
#[derive(Debug)]
struct Read {
    name: String,
    /// Stream → records.
    records: BTreeMap<String, u64>,
    bytes: u64,
    faults: Vec<Fault>,
    end: End,
}

impl Read {
    fn total(&self) -> u64 {
        self.records.values().sum()
    }

    fn lost(&self, reason: Reason) -> u64 {
        self.faults.iter().filter(|f| f.reason == reason).map(|f| f.count).sum()
    }
}

fn read_with(inputs: Vec<PathBuf>, change: impl FnOnce(&mut Options<'_>)) -> Vec<Read> {
    let stop = AtomicBool::new(false);
    let mut options = Options::new(&stop);
    change(&mut options);
    let source = LocalFiles::new(inputs, options).unwrap();
    let mut all = Vec::new();
    for unit in source.units().unwrap() {
        let mut items = source.open(&unit, None).unwrap();
        let (mut records, mut faults, mut bytes) = (BTreeMap::new(), vec![], 0);
        while let Some(item) = items.next() {
            match item.unwrap() {
                Item::Record(stream, raw) => {
                    *records.entry(format!("{}/{}", stream.source.id(), stream.dataset)).or_default() += 1;
                    bytes += raw.len() as u64;
                }
                Item::Fault(fault) => faults.push(fault),
                Item::Checkpoint(_) | Item::Progress(_) => {}
            }
        }
        all.push(Read { name: unit.name, records, bytes, faults, end: items.end() });
    }
    all
}

fn read(inputs: Vec<PathBuf>) -> Vec<Read> {
    read_with(inputs, |_| {})
}

fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

fn one(path: PathBuf) -> Read {
    let mut all = read(vec![path]);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn user(id: usize) -> String {
    format!(r#"{{"id":"{id}","userPrincipalName":"u{id}@contoso.com"}}"#)
}

fn users(count: usize) -> String {
    format!("[{}]", (0..count).map(user).collect::<Vec<_>>().join(",\n"))
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

// ---- shared data

/// Everything in the shared folder: records, or a fault with its reason, or both.
#[test]
fn every_shared_file_gives_records_or_a_named_fault() {
    let Some(shared) = shared::folder("every_shared_file_gives_records_or_a_named_fault") else { return };
    let all = read(vec![shared.join("data")]);
    let files = walkdir::WalkDir::new(shared.join("data"))
        .into_iter()
        .filter(|e| e.as_ref().is_ok_and(|e| e.file_type().is_file()));
    assert_eq!(all.len(), files.count());
    for unit in &all {
        let named = !unit.faults.is_empty() && unit.end.reason.is_some();
        assert!(unit.total() > 0 || named, "{}", unit.name);
        assert_eq!(unit.end.outcome == Outcome::Complete, !named, "{}", unit.name);
    }
}

/// Counts that other means agree on: JSON values, CSV rows, files, `data-quirks.md` part 1.
#[test]
fn shared_counts_are_those_of_an_independent_count() {
    let Some(shared) = shared::folder("shared_counts_are_those_of_an_independent_count") else { return };
    let all = read(vec![shared.join("data")]);
    let data = |name: &str| std::fs::read(shared.join("data").join(name)).unwrap();
    let values = |name: &str| {
        serde_json::Deserializer::from_slice(&data(name))
            .into_iter::<serde_json::Value>()
            .map(Result::unwrap)
            .count()
    };
    let rows =
        |name: &str| csv::Reader::from_reader(&data(name)[..]).into_records().map(Result::unwrap).count();
    let of = |name: &str| all.iter().find(|unit| unit.name == format!("data/{name}")).unwrap();
    for (name, count) in [
        ("msticpy/aad_logons.sentinel.jsonl", values("msticpy/aad_logons.sentinel.jsonl")),
        ("msticpy/demo_exchange_data.csv", rows("msticpy/demo_exchange_data.csv")),
        ("otrf/AADAuditEvents.json", values("otrf/AADAuditEvents.json")),
        ("otrf/OfficeActivityEvents.json", values("otrf/OfficeActivityEvents.json")),
        ("otrf/WindowsEvents.json", values("otrf/WindowsEvents.json")),
        ("panther/azure_signin_rules.jsonl", values("panther/azure_signin_rules.jsonl")),
        ("panther/microsoft_rules.jsonl", values("panther/microsoft_rules.jsonl")),
        ("evtx/Application_no_crc32.evtx", 17),
        ("evtx/MSExchange_Management_wec.evtx", 1),
        ("evtx/Microsoft-Windows-HelloForBusiness%4Operational.evtx", 6),
        ("evtx/Security_short_selected.evtx", 7),
        ("evtx/new-user-security.evtx", 4),
        ("evtx/system.evtx", 1881),
        ("dsregcmd/hybrid-joined.txt", 1),
    ] {
        assert_eq!((of(name).total(), of(name).faults.len()), (count as u64, 0), "{name}");
    }
    let known = [86, 1334, 4, 1, 38, 47, 25];
    let names = [
        "msticpy/aad_logons.sentinel.jsonl",
        "msticpy/demo_exchange_data.csv",
        "otrf/AADAuditEvents.json",
        "otrf/OfficeActivityEvents.json",
        "otrf/WindowsEvents.json",
        "panther/azure_signin_rules.jsonl",
        "panther/microsoft_rules.jsonl",
    ];
    assert_eq!(names.map(|name| of(name).total()), known);
    let xml: Vec<_> = all.iter().filter(|unit| unit.end.form.as_deref() == Some("xml")).collect();
    assert_eq!((xml.len(), xml.iter().map(|unit| unit.total()).sum::<u64>()), (65, 65));
    assert!(xml.iter().all(|unit| unit.records.contains_key("onprem/adsync_server_configuration")));
    // Every section of the composite is either taken, empty, a plain value, or counted.
    let composite: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&data("scubagear/ProviderSettingsExport.json")).unwrap();
    let unit = of("scubagear/ProviderSettingsExport.json");
    let holding = |v: &&serde_json::Value| {
        v.as_array().is_some_and(|a| !a.is_empty()) || v.as_object().is_some_and(|o| !o.is_empty())
    };
    let taken = 9 + 1;
    assert_eq!(
        unit.lost(Reason::UnrecognisedRecords),
        composite.values().filter(holding).count() as u64 - taken
    );
    assert_eq!(unit.records["powershell/conditional_access_policies"], 7);
    for (name, rows) in [
        ("scubagear/TestResults.json", 93),
        ("scubagear/ScubaResults.csv", 92),
        ("microsoft-info/MicrosoftApps.csv", 4428),
    ] {
        assert_eq!((of(name).total(), of(name).lost(Reason::UnrecognisedRecords)), (0, rows), "{name}");
    }
}

/// Chunks without their magic, and a damaged record: what is readable comes out, the rest is named.
#[test]
fn a_damaged_event_log_gives_its_readable_records_and_faults() {
    let Some(shared) = shared::folder("a_damaged_event_log_gives_its_readable_records_and_faults") else {
        return;
    };
    let unit = one(shared.join("data/evtx/sample_with_a_bad_chunk_magic.evtx"));
    // 14 in front of the first bad chunk, the others in the good chunks behind it.
    assert_eq!((unit.total(), unit.lost(Reason::Damaged)), (301, 3));
    assert_eq!(unit.end.outcome, Outcome::Partial);
}

/// A damaged file header costs no record.
#[test]
fn an_event_log_with_a_damaged_header_is_read() {
    let Some(shared) = shared::folder("an_event_log_with_a_damaged_header_is_read") else {
        return;
    };
    let mut log = std::fs::read(shared.join("data/evtx/system.evtx")).unwrap();
    log[8..128].fill(0xFF);
    let folder = tempfile::tempdir().unwrap();
    let unit = one(file(folder.path(), "system.evtx", log));
    assert_eq!(unit.total(), 1881);
}

// ---- the catalogue

#[test]
fn recognition_names_datasets_of_the_catalogue_only() {
    let catalogue = entra_bundle::catalogue::Catalogue::builtin();
    let mut missing: Vec<_> =
        LocalFiles::datasets().into_iter().filter(|id| catalogue.dataset(id).is_none()).collect();
    // Text of unknown shape, which only `--accept-text` takes.
    missing.retain(|id| *id != "other_text");
    assert!(missing.is_empty(), "{missing:?}");
}

/// The prefixes that the parts keep for themselves are those that are refused here.
#[test]
fn private_prefixes_are_those_of_their_owners() {
    use entra_bundle::source::local::private;
    assert_eq!(private::WORKSPACE_MAGIC, entra_bundle::workspace::MAGIC);
    let key = entra_bundle::workspace::WorkspaceKey::generate().unwrap();
    assert!(key.to_text().starts_with(private::WORKSPACE_KEY));
    let key = entra_bundle::privacy::IncidentKey::generate().unwrap();
    assert!(key.to_text().starts_with(private::INCIDENT_KEY));
    assert!(entra_bundle::crypto::encryption::generate().unwrap().0.starts_with(private::IDENTITY));
}

/// The folder of the simulated tenant: every file is recognised as a whole, and counts are those of
/// the tenant.
#[test]
fn the_export_of_the_simulated_tenant_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let scale = entra_bundle::demo::tenant::Scale::new("2026-03-01T00:00:00Z".parse().unwrap());
    let tenant = entra_bundle::demo::tenant::Tenant::simulate(&scale);
    tenant.export(folder.path()).unwrap();
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for unit in read(vec![folder.path().to_owned()]) {
        if !unit.name.ends_with("README.txt") {
            assert_eq!((unit.end.outcome, unit.faults), (Outcome::Complete, vec![]), "{}", unit.name);
        }
        for (stream, count) in unit.records {
            *sums.entry(stream).or_default() += count;
        }
    }
    let sign_ins: u64 = sums.iter().filter(|(stream, _)| stream.contains("/signins_")).map(|(_, n)| n).sum();
    assert_eq!((sign_ins, sums["graph/directory_audits"]), (scale.sign_ins as u64, scale.audits as u64));
    for dataset in entra_bundle::demo::tenant::Tenant::datasets() {
        let objects = tenant.collection(dataset).unwrap().len() as u64;
        // Sign-ins are spread over several ways out of the tenant.
        let records = sums.get(&format!("graph/{dataset}")).filter(|_| !dataset.starts_with("signins_"));
        if let Some(records) = records {
            assert_eq!(*records, objects, "{dataset}");
        }
    }
    assert!(sums.keys().filter(|stream| stream.starts_with("onprem/")).count() >= 4);
}

// ---- bad input

#[test]
fn every_bad_input_has_its_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let deep = format!(
        "[{},{{\"id\":\"1\",\"userPrincipalName\":\"x\",\"a\":{}{}}}]",
        user(0),
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let large = format!(
        "[{},{{\"id\":\"1\",\"userPrincipalName\":\"{}\"}},{}]",
        user(0),
        "x".repeat(17 << 20),
        user(1)
    );
    let cut = users(9);
    for (name, content, records, outcome, reason) in [
        ("empty.json", Vec::new(), 0, Outcome::Empty, Reason::EmptyFile),
        ("blank.txt", b" \r\n\t\n".to_vec(), 0, Outcome::Empty, Reason::EmptyFile),
        ("mark.json", b"\xEF\xBB\xBF".to_vec(), 0, Outcome::Empty, Reason::EmptyFile),
        ("none.json", b"{\"value\":[]}".to_vec(), 0, Outcome::Empty, Reason::EmptyFile),
        ("cut.json", cut.as_bytes()[..cut.len() - 20].to_vec(), 8, Outcome::Partial, Reason::Damaged),
        ("comma.json", format!("[{},]", user(0)).into(), 1, Outcome::Partial, Reason::Damaged),
        (
            "bytes.json",
            b"[{\"id\":\"1\",\"userPrincipalName\":\"\xFF\xFE\"}]".to_vec(),
            1,
            Outcome::Partial,
            Reason::Damaged,
        ),
        ("deep.json", deep.into_bytes(), 1, Outcome::Partial, Reason::NestedTooDeep),
        ("large.json", large.into_bytes(), 2, Outcome::Partial, Reason::RecordTooLarge),
        (
            "page.json",
            b"<!DOCTYPE html>\n<html></html>".to_vec(),
            0,
            Outcome::Skipped,
            Reason::UnrecognisedText,
        ),
        (
            "notes.txt",
            b"Call Greta about the sync.\n".to_vec(),
            0,
            Outcome::Skipped,
            Reason::UnrecognisedText,
        ),
        ("image.log", b"\x89PNG\r\n\x1A\n\0\0\0".to_vec(), 0, Outcome::Skipped, Reason::Binary),
        ("other.json", b"{\"a\":[1,2]}".to_vec(), 0, Outcome::Skipped, Reason::UnrecognisedRecords),
        ("broken.evtx", b"ElfFile\0garbage".to_vec(), 0, Outcome::Failed, Reason::Damaged),
        ("broken.gz", gzip(b"[{\"id\":\"1\"}]")[..14].to_vec(), 0, Outcome::Failed, Reason::Damaged),
        ("broken.zip", b"PK\x03\x04garbage".to_vec(), 0, Outcome::Failed, Reason::Damaged),
        (
            "bomb.xml",
            b"<!DOCTYPE ma-data [<!ENTITY a \"b\">]><ma-data>&a;</ma-data>".to_vec(),
            0,
            Outcome::Failed,
            Reason::Damaged,
        ),
        ("key.txt", b"entra-bundle-key-1:aaaa:00000000\n".to_vec(), 0, Outcome::Skipped, Reason::Private),
        (
            "wkey.txt",
            utf16("entra-bundle-workspace-key-1:aaaa:00000000\r\n"),
            0,
            Outcome::Skipped,
            Reason::Private,
        ),
        ("segment", b"entra-bundle/workspace\n\x01\0\0".to_vec(), 0, Outcome::Skipped, Reason::Private),
        (
            "pem.txt",
            b"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n".to_vec(),
            0,
            Outcome::Skipped,
            Reason::Private,
        ),
        (
            "preview.json",
            b"{\"schema\":\"entra-bundle-private/preview/1\",\"id\":\"1\",\"userPrincipalName\":\"x\"}"
                .to_vec(),
            0,
            Outcome::Skipped,
            Reason::Private,
        ),
    ] {
        let unit = one(file(folder.path(), name, content));
        assert_eq!(
            (unit.total(), unit.end.outcome, unit.end.reason),
            (records, outcome, Some(reason)),
            "{name}: {unit:?}"
        );
        assert!(name == "none.json" || unit.lost(reason) == 1 || reason == Reason::EmptyFile, "{name}");
    }
}

#[test]
fn duplicate_members_and_marks_are_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let twice = r#"[{"id":"1","id":"2","userPrincipalName":"x","userPrincipalName":"y"}]"#;
    let unit = one(file(folder.path(), "a.json", twice));
    assert_eq!((unit.total(), unit.bytes, unit.end.outcome), (1, twice.len() as u64 - 2, Outcome::Complete));
    let marked = one(file(folder.path(), "b.json", [b"\xEF\xBB\xBF", users(3).as_bytes()].concat()));
    assert_eq!((marked.total(), marked.end.encoding.as_deref()), (3, Some("utf-8-bom")));
    let wide = one(file(folder.path(), "c.json", utf16(&users(3000))));
    assert_eq!((wide.total(), wide.end.encoding.as_deref()), (3000, Some("utf-16le")));
    assert_eq!(wide.bytes, (0..3000).map(|id| user(id).len() as u64).sum::<u64>());
    let ansi = one(file(folder.path(), "d.csv", b"UserPrincipalName,DisplayName\r\nzoe,Zo\xEB\r\n"));
    assert_eq!((ansi.total(), ansi.end.encoding.as_deref()), (1, Some("windows-1252")));
}

#[test]
fn a_missing_input_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let error = LocalFiles::new(vec![folder.path().join("absent")], Options::new(&stop)).err().unwrap();
    assert_eq!(error.code(), 2);
}

#[cfg(unix)]
#[test]
fn links_and_special_files_are_named_and_never_opened() {
    let folder = tempfile::tempdir().unwrap();
    let outside = file(folder.path(), "outside/users.json", users(1));
    let inside = folder.path().join("in");
    file(&inside, "users.json", users(2));
    std::os::unix::fs::symlink(&outside, inside.join("link.json")).unwrap();
    std::os::unix::fs::symlink(folder.path(), inside.join("loop")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(inside.join("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(inside.join("socket")).unwrap();
    let all = read(vec![inside.clone()]);
    let seen: Vec<_> = all.iter().map(|u| (u.name.as_str(), u.total(), u.end.reason)).collect();
    assert_eq!(
        seen,
        [
            ("in/link.json", 0, Some(Reason::Link)),
            ("in/loop", 0, Some(Reason::Link)),
            ("in/pipe", 0, Some(Reason::SpecialFile)),
            ("in/socket", 0, Some(Reason::SpecialFile)),
            ("in/users.json", 2, None),
        ]
    );
    // An input that is a link itself is not followed either.
    assert_eq!(one(inside.join("link.json")).end.reason, Some(Reason::Link));
    assert_eq!(one(inside.join("loop")).end.reason, Some(Reason::Link));
}

/// In a folder that others can write to, a second name of a file may be of a file that is not theirs.
#[cfg(unix)]
#[test]
fn a_hard_link_in_a_folder_of_others_is_refused_and_in_ones_own_it_is_a_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (own, others) = (folder.path().join("own"), folder.path().join("others"));
    let secret = file(&own, "a.json", users(2));
    std::fs::hard_link(&secret, own.join("b.json")).unwrap();
    file(&others, "c.json", users(1));
    std::fs::hard_link(&secret, others.join("d.json")).unwrap();
    std::fs::set_permissions(&others, std::fs::Permissions::from_mode(0o777)).unwrap();
    let all = read(vec![folder.path().to_owned()]);
    let seen: Vec<_> = all.iter().map(|u| (u.total(), u.end.reason)).collect();
    assert_eq!(seen, [(1, None), (0, Some(Reason::Link)), (2, None), (2, None)]);
}

/// What happens to a file between its listing and its opening is a fault of that file alone.
#[cfg(unix)]
#[test]
fn a_file_that_vanishes_shrinks_or_is_replaced_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["gone.json", "linked.json", "other.json", "short.json", "stays.json"];
    for name in names {
        file(folder.path(), name, users(3));
    }
    let stop = AtomicBool::new(false);
    let source = LocalFiles::new(vec![folder.path().to_owned()], Options::new(&stop)).unwrap();
    let units = source.units().unwrap();
    let [gone, linked, other, _, stays] = names.map(|name| folder.path().join(name));
    std::fs::remove_file(gone).unwrap();
    std::fs::remove_file(&linked).unwrap();
    std::os::unix::fs::symlink(stays, linked).unwrap();
    let replacement = file(folder.path(), "new", users(3));
    std::fs::rename(replacement, other).unwrap();
    file(folder.path(), "short.json", users(1));
    let seen: Vec<_> = units
        .iter()
        .map(|unit| {
            let mut items = source.open(unit, None).unwrap();
            let records =
                std::iter::from_fn(|| items.next()).filter(|i| matches!(i, Ok(Item::Record(..)))).count();
            (records, items.end().reason)
        })
        .collect();
    let error = (0, Some(Reason::Error));
    assert_eq!(seen, [error, (0, Some(Reason::Link)), error, error, (3, None)]);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_or_folder_is_a_fault_and_the_rest_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "a.json", users(1));
    let locked = file(folder.path(), "b.json", users(1));
    let closed = folder.path().join("c");
    file(&closed, "d.json", users(1));
    for path in [&locked, &closed] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o0)).unwrap();
    }
    if std::fs::read_dir(&closed).is_ok() {
        eprintln!(
            "SKIPPED an_unreadable_file_or_folder_is_a_fault_and_the_rest_is_read: this user may read everything"
        );
        return;
    }
    let all = read(vec![folder.path().to_owned()]);
    let reasons: Vec<_> = all.iter().map(|u| (u.total(), u.end.reason)).collect();
    assert_eq!(reasons, [(1, None), (0, Some(Reason::Permission)), (0, Some(Reason::Permission))]);
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
}

// ---- archives

#[test]
fn archives_are_opened_member_by_member() {
    let folder = tempfile::tempdir().unwrap();
    let list = users(3);
    let inner = zip(&[("deep/users.json", list.as_bytes()), ("notes.txt", b"words\n")]);
    let outer = zip(&[
        ("users.json", list.as_bytes()),
        ("inner.zip", &inner),
        ("users.json.gz", &gzip(list.as_bytes())),
        ("empty", b""),
    ]);
    let all = read(vec![
        file(folder.path(), "export.zip", outer),
        file(folder.path(), "u.gz", gzip(&gzip(list.as_bytes()))),
    ]);
    let seen: Vec<_> = all.iter().map(|u| (u.name.as_str(), u.total(), u.end.reason)).collect();
    assert_eq!(
        seen,
        [
            ("export.zip/users.json", 3, None),
            ("export.zip/inner.zip/deep/users.json", 3, None),
            ("export.zip/inner.zip/notes.txt", 0, Some(Reason::UnrecognisedText)),
            ("export.zip/users.json.gz", 3, None),
            ("export.zip/empty", 0, Some(Reason::EmptyFile)),
            ("u.gz", 3, None),
        ]
    );
}

#[test]
fn an_event_log_inside_an_archive_is_read() {
    let Some(shared) = shared::folder("an_event_log_inside_an_archive_is_read") else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = std::fs::read(shared.join("data/evtx/new-user-security.evtx")).unwrap();
    assert_eq!(one(file(folder.path(), "a.zip", zip(&[("x.evtx", &log)]))).total(), 4);
}

#[test]
fn unsafe_members_are_refused_and_the_others_taken() {
    let folder = tempfile::tempdir().unwrap();
    let list = users(2);
    let mut bytes = zip(&[
        ("aa/bb/x.json", list.as_bytes()),
        ("/abs.json", list.as_bytes()),
        ("locked.json", list.as_bytes()),
        ("good.json", list.as_bytes()),
    ]);
    // `..` cannot be written by the library, nor an encrypted member: patch both.
    for at in memchr::memmem::find_iter(&bytes.clone(), b"aa/bb/x.json") {
        bytes[at..at + 5].copy_from_slice(b"../..");
    }
    for (at, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let places: Vec<usize> = memchr::memmem::find_iter(&bytes, at).collect();
        bytes[places[2] + flags] |= 1;
    }
    let all = read(vec![file(folder.path(), "evil.zip", bytes)]);
    let seen: Vec<_> = all.iter().map(|u| (u.total(), u.end.reason)).collect();
    let refused = (0, Some(Reason::UnsafeArchiveEntry));
    assert_eq!(seen, [refused, refused, refused, (2, None)]);
}

/// Of two members with one name the library shows one; the other does not vanish silently.
#[test]
fn members_of_one_name_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = zip(&[("aa.json", users(1).as_bytes()), ("ab.json", users(2).as_bytes())]);
    for at in memchr::memmem::find_iter(&bytes.clone(), b"ab.json") {
        bytes[at + 1] = b'a';
    }
    let all = read(vec![file(folder.path(), "twice.zip", bytes)]);
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].end.reason, all[1].end.reason), (Some(Reason::UnsafeArchiveEntry), None));
}

#[test]
fn archive_limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut nested = zip(&[("users.json", users(1).as_bytes())]);
    for _ in 0..3 {
        nested = zip(&[("inner.zip", &nested)]);
    }
    assert_eq!(one(file(folder.path(), "deep.zip", nested)).end.reason, Some(Reason::ArchiveLimit));
    let bomb = vec![b' '; 3 << 20];
    let list = users(1);
    let path = file(folder.path(), "bomb.zip", zip(&[("bomb", &bomb), ("users.json", list.as_bytes())]));
    let packed = file(folder.path(), "bomb.gz", gzip(&[list.as_bytes(), &bomb].concat()));
    let small = |options: &mut Options<'_>| {
        options.limits.floor = 1 << 20;
        options.limits.ratio = 100;
    };
    let all = read_with(vec![path, packed], small);
    let seen: Vec<_> = all.iter().map(|u| (u.total(), u.end.reason)).collect();
    assert_eq!(seen, [(0, Some(Reason::ArchiveLimit)), (1, None), (1, Some(Reason::ArchiveLimit))]);
}

/// A member whose bytes do not fit its checksum gives its records and says that they are damaged.
#[test]
fn a_damaged_member_keeps_its_records_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let list = users(2000);
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("users.json", stored).unwrap();
    writer.write_all(list.as_bytes()).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    let at = memchr::memmem::find(&bytes, b"u1999@").unwrap();
    bytes[at] = b'v';
    let unit = one(file(folder.path(), "a.zip", bytes));
    assert_eq!((unit.total(), unit.end.outcome, unit.lost(Reason::Damaged)), (2000, Outcome::Partial, 1));
}

// ---- units, order, resume

#[test]
fn units_are_sorted_unique_and_change_with_the_content() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.json", "a/z.json", "a.json", "c.json"] {
        file(folder.path(), name, users(1));
    }
    let stop = AtomicBool::new(false);
    let list = || {
        let inputs = vec![folder.path().to_owned(), folder.path().join("a.json")];
        LocalFiles::new(inputs, Options::new(&stop)).unwrap().units().unwrap()
    };
    let first = list();
    assert_eq!(first, list());
    let root = folder.path().file_name().unwrap().to_str().unwrap();
    let names: Vec<_> = first.iter().map(|u| u.name.strip_prefix(root).unwrap()).collect();
    assert_eq!(names, ["/a.json", "/a/z.json", "/b.json", "/c.json"]);
    file(folder.path(), "b.json", users(1).replace("u0", "v0"));
    let changed: Vec<_> = list().iter().zip(&first).map(|(a, b)| a.id != b.id).collect();
    assert_eq!(changed, [false, false, true, false]);
}

/// The ids under which the ledger knows files tell nothing to those who have the same file.
#[test]
fn the_digest_of_a_unit_is_keyed() {
    use entra_bundle::source::local::DigestKey;
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a.json", users(1));
    let stop = AtomicBool::new(false);
    let id = |key: u8| {
        let options = Options { digest_key: DigestKey::new(&[key; 32]), ..Options::new(&stop) };
        LocalFiles::new(vec![path.clone()], options).unwrap().units().unwrap().remove(0).id
    };
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
    let plain = entra_bundle::crypto::hex(&entra_bundle::crypto::sha256(users(1).as_bytes()));
    assert!(!id(1).contains(&plain[..16]));
}

/// Whatever the form: after any checkpoint come exactly the items that were missing.
#[test]
fn reading_continues_after_every_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let trace: String =
        (0..400).map(|n| format!("[07:08:09.123] [ {n:2}] [INFO ] Step {n}\n more\n")).collect();
    let lines: String = (0..400).map(|n| user(n) + "\n").collect();
    let rows: String = (0..400).map(|n| format!("u{n},\"a\n{n}\",{n}\n")).collect();
    let elements: String = (0..400).map(|n| format!("<cs-object id='{n}'/>\n")).collect();
    file(folder.path(), "a.log", trace);
    file(folder.path(), "b.jsonl", format!("{lines}{{cut"));
    file(folder.path(), "c.csv", format!("userPrincipalName,displayName,id\n{rows}"));
    file(folder.path(), "d.json", users(400));
    file(folder.path(), "e.xml", format!("<cs-objects>{elements}</cs-objects>"));
    file(folder.path(), "f.json", utf16(&users(400)));
    file(folder.path(), "g.zip", zip(&[("u.json", users(400).as_bytes())]));
    let stop = AtomicBool::new(false);
    let options = Options { checkpoint_every: 2000, ..Options::new(&stop) };
    let source = LocalFiles::new(vec![folder.path().to_owned()], options).unwrap();
    for unit in source.units().unwrap() {
        let run = |after: Option<&Cursor>| {
            let mut items = source.open(&unit, after).unwrap();
            let (mut seen, mut cursors) = (Vec::new(), Vec::new());
            while let Some(item) = items.next() {
                match item.unwrap() {
                    Item::Record(_, raw) => seen.push(format!("{raw:?}")),
                    Item::Fault(fault) => seen.push(format!("{fault:?}")),
                    Item::Checkpoint(cursor) => cursors.push((cursor, seen.len())),
                    Item::Progress(_) => {}
                }
            }
            (seen, cursors, items.end())
        };
        let (all, cursors, end) = run(None);
        assert!(all.len() >= 400 && cursors.len() > 2, "{}: {} {}", unit.name, all.len(), cursors.len());
        for (cursor, before) in &cursors {
            let (rest, _, again) = run(Some(cursor));
            assert_eq!(rest, all[*before..], "{} {cursor:?}", unit.name);
            assert_eq!(again, end);
        }
    }
}

#[test]
fn a_stop_ends_reading_with_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a.json", users(50));
    let stop = AtomicBool::new(false);
    let source = LocalFiles::new(vec![path], Options::new(&stop)).unwrap();
    let unit = source.units().unwrap().remove(0);
    let mut items = source.open(&unit, None).unwrap();
    assert!(matches!(items.next(), Some(Ok(Item::Record(..)))));
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    // At the next checkpoint, so that all that was handed over can be kept.
    let rest: Vec<_> = std::iter::from_fn(|| items.next()).collect();
    let [.., Ok(Item::Checkpoint(_)), Err(error)] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!(error.code(), 130);
    assert_eq!(items.end().reason, Some(Reason::Interrupted));
}

/// A log that grows after it was listed is read up to the size that it had.
#[test]
fn a_growing_file_is_read_up_to_its_listed_size() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |n: std::ops::Range<usize>| n.map(|id| user(id) + "\n").collect::<String>();
    let path = file(folder.path(), "a.jsonl", lines(0..5));
    let stop = AtomicBool::new(false);
    let source = LocalFiles::new(vec![path.clone()], Options::new(&stop)).unwrap();
    let unit = source.units().unwrap().remove(0);
    let mut log = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    log.write_all(lines(5..9).as_bytes()).unwrap();
    let mut items = source.open(&unit, None).unwrap();
    let records = std::iter::from_fn(|| items.next()).filter(|i| matches!(i, Ok(Item::Record(..)))).count();
    assert_eq!((records, items.end().outcome), (5, Outcome::Complete));
}

#[test]
fn unknown_text_is_taken_on_request_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "notes.txt", "one\ntwo\n");
    let taken = read_with(vec![path], |options| options.accept_text = true);
    assert_eq!(taken[0].records, BTreeMap::from([("onprem/other_text".to_owned(), 2)]));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Any bytes behind the marks of any form end in an outcome, without panic.
    #[test]
    fn any_bytes_end(start in 0usize..12, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        let marks: [&[u8]; 12] = [b"", b"{\"value\":[", b"[{", b"ElfFile\0", b"PK\x03\x04", b"\x1F\x8B\x08", b"<ma-data>",
            b"<cs-objects><cs-object>", b"userPrincipalName,displayName\n", b"\xFF\xFE{", b"{\"tables\":[{\"columns\":[",
            b"[07:08:09.123] [  1] [INFO ] "];
        let folder = tempfile::tempdir().unwrap();
        for unit in read(vec![file(folder.path(), "x", [marks[start], &bytes].concat())]) {
            proptest::prop_assert!(unit.total() > 0 || unit.end.reason.is_some());
        }
    }

    /// Real event logs with bytes changed end too.
    #[test]
    fn damaged_event_logs_end(places in proptest::collection::vec((0usize..69_632, proptest::prelude::any::<u8>()), 1..40)) {
        let Some(shared) = shared::folder("damaged_event_logs_end") else { return Ok(()) };
        let mut log = std::fs::read(shared.join("data/evtx/Security_short_selected.evtx")).unwrap();
        for (at, byte) in places {
            let at = at % log.len();
            log[at] = byte;
        }
        let folder = tempfile::tempdir().unwrap();
        read(vec![file(folder.path(), "x.evtx", log)]);
    }
}
