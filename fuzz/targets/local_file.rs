//! A local file of any content: an answer, and the same records when reading goes on at a checkpoint.
#![no_main]
use entra_bundle::source::local::{LocalFiles, Options};
use entra_bundle::source::{Cursor, Item, Source, Unit};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

static STOP: AtomicBool = AtomicBool::new(false);
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// What a unit gives: stream and length of its records, and where they stood at each checkpoint.
type Read = (Vec<(String, usize)>, Vec<(usize, Cursor)>);

fn read(source: &LocalFiles<'_>, unit: &Unit, after: Option<&Cursor>) -> Read {
    let (mut records, mut cursors) = (Vec::new(), Vec::new());
    let mut items = source.open(unit, after).unwrap();
    while let Some(item) = items.next() {
        match item.unwrap() {
            Item::Record(stream, raw) => {
                records.push((format!("{}/{}", stream.source.id(), stream.dataset), raw.len()))
            }
            Item::Checkpoint(cursor) => cursors.push((records.len(), cursor)),
            Item::Fault(_) | Item::Progress(_) => {}
        }
    }
    items.end();
    (records, cursors)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path: PathBuf = FOLDER.path().join("SignIns.csv");
    std::fs::write(&path, bytes).unwrap();
    let mut options = Options::new(&STOP);
    (options.accept_text, options.max_record, options.checkpoint_every) = (bytes.len() % 2 == 1, 4096, 64);
    let source = LocalFiles::new(vec![path], options).unwrap();
    for unit in source.units().unwrap() {
        let (records, cursors) = read(&source, &unit, None);
        for (before, cursor) in cursors.iter().take(3) {
            assert_eq!(read(&source, &unit, Some(cursor)).0, records[*before..]);
        }
    }
});
