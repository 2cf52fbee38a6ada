//! Gathering that is killed, meets a full disk, or is asked to stop: the next run continues to an
//! equal workspace, and no key and number ever serve twice.

use super::{Files, KEY, gather, inputs, load, states, store};
use crate::catalogue::{Catalogue, Stream};
use crate::error::{self, Result};
use crate::fault;
use crate::gather::{Run, Selection, Summary};
use crate::source::local::{LocalFiles, Options};
use crate::source::{Cursor, Item, Items, Source, Unit};
use crate::workspace::{MAGIC, Workspace, WorkspaceKey};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Header of a workspace file: magic, version, salt.
const HEADER: usize = MAGIC.len() + 1 + 32;

type Contents = Vec<(Stream, Vec<Vec<u8>>)>;

fn contents(workspace: &Workspace) -> Contents {
    workspace
        .streams()
        .into_iter()
        .map(|size| {
            let records = (0..size.slices).flat_map(|slice| workspace.slice(&size.stream, slice).unwrap());
            let records = records.map(|raw| raw.unwrap().bytes().to_vec()).collect();
            (size.stream, records)
        })
        .collect()
}

/// The longest state of every file ever seen, by salt.
#[derive(Default)]
struct Seen(HashMap<Vec<u8>, Vec<u8>>);

impl Seen {
    /// Of two states of a file with one salt one begins with the other: chunks stand at fixed
    /// places, so no number ever stood for two of them.
    fn note(&mut self, files: &Files) {
        for bytes in files.values().filter(|bytes| bytes.len() > HEADER) {
            let longest = self.0.entry(bytes[HEADER - 32..HEADER].to_vec()).or_default();
            let common = longest.len().min(bytes.len());
            assert!(longest[..common] == bytes[..common], "a key and a number served twice");
            if bytes.len() > longest.len() {
                longest.clone_from(bytes);
            }
        }
    }
}

struct Fixture {
    folder: tempfile::TempDir,
    input: PathBuf,
    expected: Contents,
    summary: Summary,
}

impl Fixture {
    fn new() -> Self {
        fault::UNSYNCED.set(true);
        fault::COMMIT.set(Some(2000));
        let folder = tempfile::tempdir().unwrap();
        let input = inputs(folder.path());
        let (workspace, summary) = gather(&input, &folder.path().join("whole")).unwrap();
        let expected = contents(&workspace);
        assert_eq!((summary.units, summary.records, expected.len()), (3, 90, 3));
        assert!(workspace.notes().count() > 5, "several commits: {}", workspace.notes().count());
        Fixture { folder, input, expected, summary }
    }

    fn continues(&self, folder: &Path) {
        let (workspace, summary) = gather(&self.input, folder).unwrap();
        assert!(contents(&workspace) == self.expected, "the workspaces differ");
        assert_eq!(summary, self.summary);
    }
}

#[test]
fn gathering_that_is_killed_at_any_step_continues_to_an_equal_workspace() {
    let fixture = Fixture::new();
    let at = fixture.folder.path().join("w");
    let (states, done) = states(&at, || gather(&fixture.input, &at).map(drop));
    done.unwrap();
    assert!(states.len() > 50, "{}", states.len());
    let mut seen = Seen::default();
    states.iter().for_each(|state| seen.note(state));
    let torn = fixture.folder.path().join("torn");
    for state in &states {
        store(&torn, state);
        fixture.continues(&torn);
        seen.note(&load(&torn));
    }
    // Torn in the continuation of a torn one, too.
    store(&torn, &states[states.len() / 2]);
    let (again, done) = self::states(&torn, || gather(&fixture.input, &torn).map(drop));
    done.unwrap();
    for state in again.iter().step_by(3) {
        store(&torn, state);
        fixture.continues(&torn);
        seen.note(&load(&torn));
    }
}

#[test]
fn gathering_that_meets_a_full_disk_continues_to_an_equal_workspace() {
    let fixture = Fixture::new();
    let at = fixture.folder.path().join("w");
    gather(&fixture.input, &at).unwrap();
    let total: usize = load(&at).values().map(Vec::len).sum();
    let mut seen = Seen::default();
    let mut failed = 0;
    for room in (0..total).step_by(total / 60) {
        store(&at, &Files::new());
        if let Err(error) = fault::with_room(room, || gather(&fixture.input, &at).map(drop)) {
            assert_eq!(error.kind(), error::Kind::Io, "{error}");
            failed += 1;
        }
        seen.note(&load(&at));
        // Full a second time, a little further; then there is room.
        let _ = fault::with_room(400, || gather(&fixture.input, &at).map(drop));
        seen.note(&load(&at));
        fixture.continues(&at);
        seen.note(&load(&at));
    }
    assert!(failed > 55, "{failed}");
}

/// A source that asks to stop at the given item, and counts the records it hands over.
struct Stopping<'a> {
    inner: LocalFiles<'a>,
    stop: &'a AtomicBool,
    left: AtomicU64,
    handed: AtomicU64,
}

impl Source for Stopping<'_> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn units(&self) -> Result<Vec<Unit>> {
        self.inner.units()
    }

    fn open<'a>(&'a self, unit: &Unit, after: Option<&Cursor>) -> Result<Box<dyn Items + 'a>> {
        Ok(Box::new(Counting { items: self.inner.open(unit, after)?, of: self }))
    }
}

struct Counting<'a> {
    items: Box<dyn Items + 'a>,
    of: &'a Stopping<'a>,
}

impl Items for Counting<'_> {
    fn next(&mut self) -> Option<Result<Item>> {
        if self.of.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.of.stop.store(true, Ordering::Relaxed);
        }
        let item = self.items.next();
        if matches!(item, Some(Ok(Item::Record(..)))) {
            self.of.handed.fetch_add(1, Ordering::Relaxed);
        }
        item
    }

    fn end(&mut self) -> crate::event::End {
        self.items.end()
    }
}

#[test]
fn ctrl_c_loses_nothing_that_was_read() {
    let fixture = Fixture::new();
    fault::COMMIT.set(None);
    let at = fixture.folder.path().join("w");
    for left in [1, 5, 17, 30, 60, 90] {
        store(&at, &Files::new());
        let mut workspace =
            Workspace::create(&at, &WorkspaceKey::from_bytes(KEY), &serde_json::json!({})).unwrap();
        let stop = AtomicBool::new(false);
        let options = Options { checkpoint_every: 700, ..Options::new(&stop) };
        let inner = LocalFiles::new(vec![fixture.input.clone()], options).unwrap();
        let source = Stopping { inner, stop: &stop, left: AtomicU64::new(left), handed: AtomicU64::new(0) };
        let run = Run {
            source: &source,
            selection: Selection::default(),
            catalogue: Catalogue::builtin(),
            observer: &crate::event::silent,
        };
        let error = crate::gather::run(&run, &mut workspace).unwrap_err();
        assert_eq!(error.kind(), error::Kind::Interrupted);
        let committed: u64 = workspace.streams().iter().map(|size| size.records).sum();
        assert_eq!(committed, source.handed.load(Ordering::Relaxed), "stopped at item {left}");
        drop(workspace);
        fixture.continues(&at);
    }
}
