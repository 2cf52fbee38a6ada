//! Tests that look at the bytes of records, or break the disk on purpose.

use super::*;
use crate::catalogue::Source;
use crate::fault;
use crate::record::Form;
use serde_json::json;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use tempfile::TempDir;

type Record = (Form, Vec<u8>);
/// Header, notes, and the records of each stream.
type Contents = (Value, Vec<Value>, Vec<(Stream, Vec<Record>)>);

const MIB: usize = 1 << 20;

/// A folder for one test, in memory where the system has such a place, and without syncs: these
/// tests write tens of thousands of small files.
fn folder() -> TempDir {
    fault::UNSYNCED.set(true);
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn key() -> WorkspaceKey {
    WorkspaceKey::from_bytes([42; 32])
}

fn users() -> Stream {
    Stream::new(Source::Graph, "users")
}

fn logs() -> Stream {
    Stream::new(Source::OnPrem, "dsregcmd")
}

/// A record of `length` bytes that differs from every other.
fn record(seed: usize, length: usize) -> Record {
    let form = [Form::Json, Form::Text, Form::Xml][seed % 3];
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (form, std::iter::repeat_with(next).take(length).collect())
}

fn raw((form, bytes): &Record) -> Raw {
    Raw::new(bytes.clone(), *form)
}

fn read(records: Records<'_>) -> Result<Vec<Record>> {
    records.map(|raw| raw.map(|raw| (raw.form(), raw.bytes().to_vec()))).collect()
}

fn all(workspace: &Workspace, stream: &Stream) -> Result<Vec<Record>> {
    match workspace.spools.contains_key(stream) {
        true => read(workspace.between(stream, 0, u64::MAX)?),
        false => Ok(Vec::new()),
    }
}

/// Everything that a workspace gives, as far as it opens.
fn contents(path: &Path) -> Result<Contents> {
    let workspace = Workspace::open(path, &key())?;
    let streams = workspace.streams().into_iter().map(|size| {
        let records = all(&workspace, &size.stream)?;
        assert_eq!(size.records, records.len() as u64);
        assert_eq!(size.bytes, records.iter().map(|record| record.1.len() as u64).sum::<u64>());
        Ok((size.stream, records))
    });
    let streams = streams.collect::<Result<_>>()?;
    Ok((workspace.header().clone(), workspace.notes().cloned().collect(), streams))
}

type Files = BTreeMap<String, Vec<u8>>;

fn load(path: &Path) -> Files {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

/// Makes the folder hold these files and no others; what is right already is not written again.
fn store(path: &Path, files: &Files) {
    fs::create_dir_all(path).unwrap();
    let mut found = load(path);
    for (name, bytes) in files {
        if found.remove(name).as_ref() != Some(bytes) {
            fs::write(path.join(name), bytes).unwrap();
        }
    }
    found.keys().for_each(|name| fs::remove_file(path.join(name)).unwrap());
}

/// Every file ever seen, by salt: the longest state of each.
#[derive(Default)]
struct Seen(HashMap<Vec<u8>, Vec<u8>>);

impl Seen {
    /// One of two states of a file with the same salt begins with the other: under one key, no
    /// number ever stood for two chunks.
    fn note(&mut self, path: &Path) {
        for (name, bytes) in load(path) {
            let header = segment::HEADER_BYTES as usize;
            if name != LOCK && bytes.len() > header {
                let longest = self.0.entry(bytes[MAGIC.len()..header].to_vec()).or_default();
                let common = longest.len().min(bytes.len());
                assert!(longest[..common] == bytes[..common], "a key and a number served twice in {name}");
                if bytes.len() > longest.len() {
                    *longest = bytes;
                }
            }
        }
    }
}

#[test]
fn records_of_every_size_come_back_in_order() {
    let folder = folder();
    let path = folder.path().join("w");
    let sizes =
        [0, 1, 4096, MIB - 6, MIB - 5, MIB - 4, MIB - 1, MIB, MIB + 1, 0, 3 * MIB, 16 * MIB, 16 * MIB + 1, 2];
    let streams: Vec<Stream> =
        Source::ALL.into_iter().flat_map(|source| ["a", "b"].map(|name| Stream::new(source, name))).collect();
    let mut expected: BTreeMap<Stream, Vec<Record>> = BTreeMap::new();
    let mut workspace = Workspace::create(&path, &key(), &json!({"inputs": 3})).unwrap();
    for (number, &size) in sizes.iter().enumerate() {
        for (column, stream) in streams.iter().enumerate().filter(|(column, _)| size < MIB || column % 7 == 0)
        {
            let record = record(number * 100 + column, size);
            workspace.append(stream, &raw(&record)).unwrap();
            expected.entry(stream.clone()).or_default().push(record);
            if (number + column) % 5 == 0 {
                workspace.commit(&json!([number, column])).unwrap();
            }
        }
    }
    assert!(all(&workspace, &streams[0]).unwrap().len() <= expected[&streams[0]].len());
    workspace.commit(&Value::Null).unwrap();
    for reopened in [false, true] {
        if reopened {
            drop(workspace);
            workspace = Workspace::open(&path, &key()).unwrap();
        }
        assert_eq!(workspace.header(), &json!({"inputs": 3}));
        assert_eq!(workspace.notes().last(), Some(&Value::Null));
        assert_eq!(workspace.streams().len(), streams.len());
        for (stream, records) in &expected {
            assert!(all(&workspace, stream).unwrap() == *records, "{stream:?}");
        }
    }
}

/// The definition of slices, word for word.
fn slices_of(records: &[Record], size: u64) -> Vec<Vec<Record>> {
    let mut slices = Vec::new();
    let mut start = 0;
    for record in records {
        let index = (start / size) as usize;
        slices.resize(slices.len().max(index + 1), Vec::new());
        slices[index].push(record.clone());
        start += record.1.len() as u64;
    }
    slices
}

#[test]
fn slices_depend_on_the_records_alone() {
    let lengths = [0, 10, 0, 0, 90, 100, 0, 1, 99, 2 * MIB + 5, 0, MIB - 5, 7, MIB, 0, 300, 0];
    let records: Vec<Record> = lengths.iter().enumerate().map(|(i, &length)| record(i, length)).collect();
    // After which records there is a commit, and after which of those the process is another one.
    type Every = fn(usize) -> bool;
    let ways: [(Every, Every); 5] = [
        (|_| false, |_| false),
        (|_| true, |_| false),
        (|_| true, |_| true),
        (|i| i % 3 == 1, |i| i == 4),
        (|i| i == 9, |_| true),
    ];
    for (commits, reopens) in ways {
        let folder = folder();
        let path = folder.path().join("w");
        let mut workspace = Workspace::create(&path, &key(), &json!({})).unwrap();
        for (i, record) in records.iter().enumerate() {
            workspace.append(&users(), &raw(record)).unwrap();
            workspace.append(&logs(), &raw(&(Form::Text, vec![b'x'; i]))).unwrap();
            if commits(i) {
                workspace.commit(&json!(i)).unwrap();
                if reopens(i) {
                    drop(workspace);
                    workspace = Workspace::open(&path, &key()).unwrap();
                }
            }
        }
        workspace.commit(&json!("end")).unwrap();
        for size in [1, 10, 99, 100, 101, 4096, MIB as u64, 2 * MIB as u64 + 205, 3 * MIB as u64, SLICE_BYTES]
        {
            let expected = slices_of(&records, size);
            assert_eq!(workspace.spools[&users()].index.slices(size), expected.len() as u64);
            // Small sizes give millions of empty slices inside a large record: look around the full ones.
            for (k, slice) in expected.iter().enumerate() {
                let near = |i: usize| expected.get(i).is_some_and(|slice| !slice.is_empty());
                if near(k) || near(k + 1) || k.checked_sub(1).is_some_and(near) {
                    let from = k as u64 * size;
                    let got = read(workspace.between(&users(), from, from + size).unwrap()).unwrap();
                    assert!(got == *slice, "slice {k} of {size} bytes");
                }
            }
            let beyond = expected.len() as u64 * size;
            assert!(read(workspace.between(&users(), beyond, u64::MAX).unwrap()).unwrap().is_empty());
        }
    }
}

/// A small workspace of three processes; commit `i` holds the note `i`. The last process was
/// killed when the data of a further commit was on the disk and its ledger line was not.
fn killed(path: &Path) -> Vec<Vec<(Stream, Record)>> {
    let mut commits = Vec::new();
    let mut workspace = Workspace::create(path, &key(), &json!({"window": 7})).unwrap();
    for number in 0..6 {
        let batch = [(users(), record(number, 20 + number)), (logs(), record(100 + number, 9))];
        let batch = batch[..1 + number % 2].to_vec();
        for (stream, record) in &batch {
            workspace.append(stream, &raw(record)).unwrap();
        }
        workspace.commit(&json!(number)).unwrap();
        commits.push(batch);
        if number == 1 || number == 3 {
            drop(workspace);
            workspace = Workspace::open(path, &key()).unwrap();
        }
    }
    workspace.append(&users(), &raw(&record(77, 30))).unwrap();
    workspace.append(&logs(), &raw(&record(78, 30))).unwrap();
    workspace.spools.values_mut().for_each(|spool| spool.flush().unwrap());
    commits
}

fn expected(commits: &[Vec<(Stream, Record)>], stream: &Stream) -> Vec<Record> {
    commits.iter().flatten().filter(|(found, _)| found == stream).map(|(_, record)| record.clone()).collect()
}

/// Nothing is in the folder but what is committed.
fn assert_cut(workspace: &Workspace) {
    let segments = workspace.spools.values().flat_map(|spool| &spool.index.segments);
    let mut expected: BTreeMap<String, u64> =
        segments.map(|segment| (segment.name.text(), segment.end)).collect();
    let files = load(workspace.path());
    expected.insert(LOCK.to_owned(), MAGIC.len() as u64);
    expected.insert(ledger::NAME.to_owned(), workspace.ledger.end());
    assert_eq!(
        files.into_iter().map(|(name, bytes)| (name, bytes.len() as u64)).collect::<BTreeMap<_, _>>(),
        expected
    );
}

/// Opens what a crash left, checks it against the commits, and goes on working in it.
fn recover(path: &Path, commits: &[Vec<(Stream, Record)>], seen: &mut Seen) -> Result<usize> {
    seen.note(path);
    let mut workspace = Workspace::open(path, &key())?;
    let kept = workspace.notes().count();
    assert_cut(&workspace);
    for stream in [users(), logs()] {
        assert!(all(&workspace, &stream).unwrap() == expected(&commits[..kept], &stream));
    }
    seen.note(path);
    let more = record(1000, 40);
    workspace.append(&users(), &raw(&more)).unwrap();
    workspace.commit(&json!("more")).unwrap();
    seen.note(path);
    drop(workspace);
    let workspace = Workspace::open(path, &key()).unwrap();
    seen.note(path);
    assert_eq!(workspace.notes().count(), kept + 1);
    let mut records = expected(&commits[..kept], &users());
    records.push(more);
    assert!(all(&workspace, &users()).unwrap() == records);
    assert!(all(&workspace, &logs()).unwrap() == expected(&commits[..kept], &logs()));
    Ok(kept)
}

#[test]
fn a_tail_torn_anywhere_costs_nothing_that_was_committed_and_reuses_no_number() {
    let folder = folder();
    let path = folder.path().join("w");
    let commits = killed(&path);
    let whole = load(&path);
    let mut seen = Seen::default();
    for (name, bytes) in whole.iter().filter(|(name, _)| *name != LOCK) {
        let mut before = 0;
        let mut states = BTreeSet::new();
        for length in 0..=bytes.len() {
            let mut files = whole.clone();
            files.insert(name.clone(), bytes[..length].to_vec());
            store(&path, &files);
            match recover(&path, &commits, &mut seen) {
                Ok(kept) if name == ledger::NAME => {
                    // Lines of the last process alone may be lost, from the end on.
                    assert!(kept >= 4 && kept >= before);
                    before = kept;
                    states.insert(Some(kept));
                }
                Ok(kept) => {
                    assert_eq!(kept, commits.len());
                    states.insert(Some(kept));
                }
                Err(error) => {
                    // An error never comes at a greater length than a success.
                    assert!(states.iter().all(Option::is_none), "{name} cut at {length}: {error}");
                    assert_eq!(error.kind(), error::Kind::Integrity, "{error}");
                    states.insert(None);
                }
            }
        }
        assert!(states.contains(&Some(commits.len())));
        if name == ledger::NAME {
            assert_eq!(states, BTreeSet::from([None, Some(4), Some(5), Some(6)]));
        }
    }
    assert!(seen.0.len() > whole.len() * 100);
}

#[test]
fn zeros_after_a_crash_count_as_absent_and_zeros_before_data_do_not() {
    let folder = folder();
    let path = folder.path().join("w");
    let commits = killed(&path);
    let whole = load(&path);
    let mut seen = Seen::default();
    let ledger = &whole[ledger::NAME];
    for zeros in [0, 8, 20, 21, 22, 37, 200, 5000] {
        let mut files = whole.clone();
        files.get_mut(ledger::NAME).unwrap().extend(vec![0; zeros]);
        store(&path, &files);
        assert_eq!(recover(&path, &commits, &mut seen).unwrap(), 6);
    }
    // The last line has its length, but only some of its bytes.
    for zeros in 8..100 {
        let mut files = whole.clone();
        files.insert(ledger::NAME.into(), [&ledger[..ledger.len() - zeros], &vec![0; zeros]].concat());
        store(&path, &files);
        assert_eq!(recover(&path, &commits, &mut Seen::default()).unwrap(), 5);
    }
    let mut files = whole.clone();
    let at = ledger.len() - 50;
    files.get_mut(ledger::NAME).unwrap()[at..at + 30].fill(0);
    store(&path, &files);
    assert_eq!(contents(&path).unwrap_err().kind(), error::Kind::Integrity);
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let folder = folder();
    let path = folder.path().join("w");
    killed(&path);
    contents(&path).unwrap();
    let whole = load(&path);
    for (name, bytes) in whole.iter().filter(|(name, _)| *name != LOCK) {
        for at in 0..bytes.len() {
            let mut files = whole.clone();
            files.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            store(&path, &files);
            let Err(error) = contents(&path) else { panic!("byte {at} of {name} was changed unnoticed") };
            use error::Kind::{Decryption, Integrity, Unsupported};
            assert!(matches!(error.kind(), Integrity | Decryption | Unsupported), "{error}");
            assert!(load(&path) == files, "a damaged workspace was changed by opening it");
        }
    }
}

#[test]
fn a_missing_swapped_copied_or_older_file_is_refused() {
    let folder = folder();
    let path = folder.path().join("w");
    killed(&path);
    contents(&path).unwrap();
    let whole = load(&path);
    let segments: Vec<&String> = whole.keys().filter(|name| Name::parse(name).is_some()).collect();
    assert_eq!(segments.len(), 6);
    let refused = |files: &Files, why: &str| {
        store(&path, files);
        let error = contents(&path).unwrap_err();
        assert_eq!(error.kind(), error::Kind::Integrity);
        assert!(error.message().contains(why), "{error} instead of {why}");
        // Nothing is removed or cut where something is wrong.
        let _ = fs::remove_file(path.join(LOCK));
        let mut files = files.clone();
        files.remove(LOCK);
        assert!(load(&path) == files);
    };
    for name in &segments {
        let mut files = whole.clone();
        files.remove(*name);
        refused(&files, "a segment is missing");
        for other in segments.iter().filter(|other| other > &name) {
            let mut files = whole.clone();
            files.insert((*name).clone(), whole[*other].clone());
            files.insert((*other).clone(), whole[*name].clone());
            store(&path, &files);
            let error = contents(&path).unwrap_err();
            assert_eq!(error.kind(), error::Kind::Integrity, "{error}");
        }
    }
    let mut files = whole.clone();
    files.remove(ledger::NAME);
    store(&path, &files);
    assert_eq!(contents(&path).unwrap_err().kind(), error::Kind::Usage);

    // The ledger of an earlier process.
    let mut workspace = {
        store(&path, &whole);
        Workspace::open(&path, &key()).unwrap()
    };
    workspace.append(&users(), &raw(&record(5, 5))).unwrap();
    workspace.commit(&json!("later")).unwrap();
    drop(workspace);
    let mut files = load(&path);
    let now = files.insert(ledger::NAME.into(), whole[ledger::NAME].clone()).unwrap();
    refused(&files, "its ledger is older than its segments");
    files.insert(ledger::NAME.into(), now);
    store(&path, &files);
    contents(&path).unwrap();

    // The ledger of another workspace under the same key.
    let other = folder.path().join("other");
    killed(&other);
    files.insert(ledger::NAME.into(), load(&other)[ledger::NAME].clone());
    refused(&files, "a segment is missing");
}

#[test]
fn chunks_cannot_be_repeated_exchanged_or_taken_out() {
    let folder = folder();
    let path = folder.path().join("w");
    let mut workspace = Workspace::create(&path, &key(), &json!({})).unwrap();
    for number in 0..4 {
        workspace.append(&users(), &raw(&record(number, 50))).unwrap();
        workspace.commit(&json!(number)).unwrap();
    }
    let chunks = workspace.spools[&users()].index.chunks.clone();
    let name = workspace.spools[&users()].index.segments[0].name.text();
    drop(workspace);
    let whole = load(&path);
    let start = chunks[0].at as usize;
    let size = (chunks[1].at - chunks[0].at) as usize;
    let parts: Vec<&[u8]> = whole[&name][start..].chunks(size).collect();
    for order in [&[0, 0, 2, 3][..], &[1, 0, 2, 3], &[0, 1, 3, 3], &[0, 1, 3], &[0, 2, 3], &[3, 2, 1, 0]] {
        let mut bytes = whole[&name][..start].to_vec();
        order.iter().for_each(|&part| bytes.extend_from_slice(parts[part]));
        let mut files = whole.clone();
        files.insert(name.clone(), bytes);
        store(&path, &files);
        assert_eq!(contents(&path).unwrap_err().kind(), error::Kind::Integrity, "{order:?}");
    }
    // Behind what is committed, a repeated chunk is a tail like any other.
    let mut files = whole.clone();
    files.get_mut(&name).unwrap().extend_from_slice(parts[3]);
    store(&path, &files);
    assert_eq!(contents(&path).unwrap().2[0].1.len(), 4);
    assert!(load(&path)[&name] == whole[&name]);
}

#[test]
fn a_full_disk_loses_nothing_that_was_committed() {
    let folder = folder();
    let path = folder.path().join("w");
    let mut seen = Seen::default();
    let mut full = 0;
    for room in 0.. {
        let _ = fs::remove_dir_all(&path);
        fault::ROOM.set(Some(room));
        let mut commits = Vec::new();
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| -> Result<()> {
            let mut workspace = Workspace::create(&path, &key(), &json!({}))?;
            for number in 0..3 {
                let batch = [(users(), record(number, 15)), (logs(), record(10 + number, 7))].to_vec();
                let result =
                    batch.iter().try_for_each(|(stream, record)| workspace.append(stream, &raw(record)));
                if let Err(error) = result.and_then(|()| workspace.commit(&json!(number))) {
                    // The handle reads on, and writes no more even when there is room again.
                    fault::ROOM.set(None);
                    assert_eq!(all(&workspace, &users())?, expected(&commits, &users()));
                    assert!(workspace.append(&users(), &raw(&record(0, 1))).is_err());
                    assert!(workspace.commit(&json!("after")).is_err());
                    return Err(error);
                }
                commits.push(batch);
                if number == 1 {
                    drop(workspace);
                    workspace = Workspace::open(&path, &key())?;
                }
            }
            Ok(())
        }));
        fault::ROOM.set(None);
        match outcome.unwrap() {
            Ok(()) => {
                assert_eq!(commits.len(), 3);
                break;
            }
            Err(error) => assert_eq!(error.kind(), error::Kind::Io, "{error}"),
        }
        full += 1;
        if path.join(ledger::NAME).exists() {
            assert_eq!(recover(&path, &commits, &mut seen).unwrap(), commits.len());
        } else {
            assert!(commits.is_empty());
            Workspace::create(&path, &key(), &json!({})).unwrap();
        }
    }
    assert!(full > 1000, "{full}");
}

#[test]
fn data_is_on_the_disk_before_its_ledger_line_and_names_before_both() {
    let folder = folder();
    let path = folder.path().join("w");
    fault::TRACE.take();
    let mut workspace = Workspace::create(&path, &key(), &json!({})).unwrap();
    for number in 0..3 {
        workspace.append(&users(), &raw(&record(number, 2 * MIB))).unwrap();
        workspace.append(&logs(), &raw(&record(number, 3))).unwrap();
        workspace.commit(&json!(number)).unwrap();
        if number == 1 {
            drop(workspace);
            workspace = Workspace::open(&path, &key()).unwrap();
        }
    }
    let trace = fault::TRACE.take();
    let mut unsynced = BTreeSet::new();
    let mut unnamed = BTreeSet::new();
    let mut known = BTreeSet::new();
    let mut lines = 0;
    for (what, name) in &trace {
        match (*what, name.as_str()) {
            ("write", ledger::NEW_NAME) => {
                // Parts of the new ledger's start, or the lines of this process.
                assert!(unsynced.iter().all(|name| *name == ledger::NEW_NAME), "{unsynced:?}");
                assert!(unnamed.is_empty(), "{unnamed:?}");
                unsynced.insert(name.as_str());
            }
            ("write", name) => {
                unsynced.insert(name);
                if known.insert(name) {
                    unnamed.insert(name);
                }
            }
            ("sync", "folder") => unnamed.clear(),
            ("sync", name) => {
                lines += usize::from(name == ledger::NEW_NAME);
                unsynced.remove(name);
            }
            _ => unreachable!(),
        }
    }
    assert!(unsynced.is_empty());
    assert_eq!(known.len(), 4);
    assert_eq!(lines, 2 + 3, "two new ledgers and three commits");
}

#[test]
fn another_version_and_another_file_are_told_apart() {
    let folder = folder();
    let path = folder.path().join("w");
    drop(Workspace::create(&path, &key(), &json!({})).unwrap());
    let mut bytes = fs::read(path.join(ledger::NAME)).unwrap();
    bytes[MAGIC.len()] = 2;
    fs::write(path.join(ledger::NAME), &bytes).unwrap();
    assert_eq!(contents(&path).unwrap_err().kind(), error::Kind::Unsupported);
    assert!(Workspace::is_workspace(&path));
    fs::write(path.join(ledger::NAME), b"something else").unwrap();
    assert_eq!(contents(&path).unwrap_err().kind(), error::Kind::Integrity);
    assert!(!Workspace::is_workspace(&path));
}

#[test]
fn a_ledger_line_longer_than_a_chunk_comes_back() {
    let folder = folder();
    let path = folder.path().join("w");
    let note = json!("x".repeat(3 * MIB));
    let mut workspace = Workspace::create(&path, &key(), &note).unwrap();
    workspace.commit(&note).unwrap();
    drop(workspace);
    let mut workspace = Workspace::open(&path, &key()).unwrap();
    workspace.commit(&json!(1)).unwrap();
    drop(workspace);
    let (header, notes, _) = contents(&path).unwrap();
    assert!(header == note && notes == [note, json!(1)]);
}

#[test]
fn slices_are_read_from_many_threads_at_once() {
    let folder = folder();
    let mut workspace = Workspace::create(&folder.path().join("w"), &key(), &json!({})).unwrap();
    let records: Vec<Record> = (0..400).map(|i| record(i, 10_000)).collect();
    for (i, record) in records.iter().enumerate() {
        workspace.append(&users(), &raw(record)).unwrap();
        if i % 90 == 0 {
            workspace.commit(&json!(i)).unwrap();
        }
    }
    workspace.commit(&Value::Null).unwrap();
    let (workspace, size) = (&workspace, 500_000);
    let parts: Vec<Vec<Record>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|k| {
                scope.spawn(move || {
                    read(workspace.between(&users(), k * size, (k + 1) * size).unwrap()).unwrap()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert!(parts.iter().all(|part| part.len() == 50));
    assert!(parts.concat() == records);
}

/// Sealing follows on the last commit: what the streams held for writing is not held on.
#[test]
fn streams_hold_no_room_behind_a_commit() {
    let folder = folder();
    let mut workspace = Workspace::create(&folder.path().join("w"), &key(), &json!({})).unwrap();
    for round in 0..2 {
        for (seed, stream) in [users(), logs()].iter().enumerate() {
            workspace.append(stream, &raw(&record(seed + round, 1000))).unwrap();
        }
        assert!(workspace.spools.values().all(|spool| spool.room() >= MIB));
        workspace.commit(&json!({})).unwrap();
        assert!(workspace.spools.values().all(|spool| spool.room() == 0));
    }
    assert_eq!(all(&workspace, &users()).unwrap().len(), 2);
}
