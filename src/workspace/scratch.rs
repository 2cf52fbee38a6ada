//! Scratch: redacted records that are being put in order, in encrypted files of the workspace.
//!
//! A file holds sorted *runs*, written one after the other. It has the form of a segment (a salt and
//! so a key of its own) that no ledger line names: the next opening of the workspace removes what a
//! killed process left, and dropping a [`Runs`] removes the file at once. Reading back is the only
//! way to a [`Redacted`] beside the redactor: every chunk is authenticated under the key of the file.

use super::segment::{CHUNK_BYTES, CONTINUES, Fault, Owner, Reader, Writer};
use super::{Place, Workspace, damaged, remove_file};
use crate::error::Result;
use crate::record::Redacted;
use std::path::PathBuf;

/// Plaintext after which a chunk is closed: what one run holds in memory while runs are merged.
const CHUNK: usize = 128 << 10;
/// Bytes in front of an item: the lengths of its key and its record.
const FRAME: usize = 8;
/// What the chunks of a scratch file bind in place of a stream.
const LABEL: &str = "scratch";

/// Writes sorted runs into one file.
pub struct RunWriter<'w> {
    place: &'w Place,
    generation: u64,
    writer: Option<Writer>,
    path: PathBuf,
    open: Vec<u8>,
    /// Number of the next chunk of the file, and where it begins.
    next: (u64, u64),
    runs: Vec<Run>,
    /// Whether the next record begins a run.
    begins: bool,
}

/// A sorted run: its chunks, and its last key.
#[derive(Debug, Default)]
struct Run {
    marks: Vec<Mark>,
    last: Vec<u8>,
}

/// A chunk in which a record begins.
#[derive(Debug)]
struct Mark {
    key: Box<[u8]>,
    number: u64,
    at: u64,
    bytes: u64,
}

/// The runs of a finished file, which is removed with this.
pub struct Runs<'w> {
    place: &'w Place,
    path: PathBuf,
    runs: Vec<Run>,
}

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        // What cannot be removed is encrypted, and removed by the next opening of the workspace.
        let _ = remove_file(&self.path);
    }
}

impl Workspace {
    /// A new scratch file. It is made when the first record comes.
    pub fn scratch(&self) -> RunWriter<'_> {
        RunWriter {
            place: &self.place,
            generation: self.ledger.generation,
            writer: None,
            path: PathBuf::new(),
            open: Vec::new(),
            next: (0, 0),
            runs: Vec::new(),
            begins: true,
        }
    }
}

impl<'w> RunWriter<'w> {
    /// Adds a record under its key; keys ascend within a run.
    ///
    /// # Errors
    /// I/O (a full disk).
    pub fn push(&mut self, key: &[u8], record: &Redacted) -> Result<()> {
        if self.writer.is_none() {
            let owner = Owner { workspace: &self.place.id, stream: LABEL };
            let writer =
                Writer::segment(&self.place.folder, &self.place.key, owner, &self.generation.to_be_bytes())?;
            self.path = self.place.folder.join(writer.name().text());
            self.next = (writer.next(), writer.position());
            self.writer = Some(writer);
        }
        if self.open.len() >= CHUNK {
            self.flush(0)?;
        }
        if self.begins {
            self.flush(0)?;
            self.runs.push(Run::default());
            self.begins = false;
        }
        let size = (FRAME + key.len() + record.bytes().len()) as u64;
        if let Some(run) = self.runs.last_mut() {
            match run.marks.last_mut() {
                Some(mark) if !self.open.is_empty() => mark.bytes += size,
                _ => run.marks.push(Mark {
                    key: key.into(),
                    number: self.next.0,
                    at: self.next.1,
                    bytes: size,
                }),
            }
            run.last.clear();
            run.last.extend_from_slice(key);
        }
        self.open.extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.open.extend_from_slice(&(record.bytes().len() as u32).to_le_bytes());
        self.open.extend_from_slice(key);
        let mut rest = record.bytes();
        let mut flags = 0;
        while self.open.len() + rest.len() > CHUNK_BYTES {
            let (piece, more) = rest.split_at(CHUNK_BYTES - self.open.len().min(CHUNK_BYTES));
            self.open.extend_from_slice(piece);
            self.flush(flags)?;
            flags = CONTINUES;
            rest = more;
        }
        self.open.extend_from_slice(rest);
        if flags == CONTINUES {
            self.flush(CONTINUES)?;
        }
        Ok(())
    }

    /// Ends a run: keys may begin anew.
    pub fn end_run(&mut self) {
        self.begins = true;
    }

    fn flush(&mut self, flags: u8) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write(flags, &mut self.open)?;
        self.next = (writer.next(), writer.position());
        Ok(())
    }

    /// Ends writing.
    ///
    /// # Errors
    /// I/O (a full disk).
    pub fn finish(mut self) -> Result<Runs<'w>> {
        self.flush(0)?;
        Ok(Runs {
            place: self.place,
            path: std::mem::take(&mut self.path),
            runs: std::mem::take(&mut self.runs),
        })
    }
}

impl Drop for RunWriter<'_> {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = remove_file(&self.path);
        }
    }
}

impl Runs<'_> {
    /// Number of runs.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// First key and bytes of every chunk, for cutting the merged sequence into pieces of a size.
    pub fn marks(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.runs.iter().flat_map(|run| &run.marks).map(|mark| (&*mark.key, mark.bytes))
    }

    /// The records of a run whose keys lie in `[from, to)`; `None` is an open end. The file is opened
    /// at the first record: a run that lies outside costs nothing.
    pub fn read(&self, run: usize, from: Option<&[u8]>, to: Option<&[u8]>) -> RunReader<'_> {
        let Run { marks, last } = &self.runs[run];
        // Records of one key may begin in the chunk before the first one that is marked with it.
        let first = from.map_or(0, |from| marks.partition_point(|mark| *mark.key < *from).saturating_sub(1));
        let end = match from.is_some_and(|from| **last < *from) {
            true => first,
            false => to.map_or(marks.len(), |to| marks.partition_point(|mark| *mark.key < *to)),
        };
        RunReader {
            place: self.place,
            path: &self.path,
            marks: marks.get(first..end).unwrap_or_default(),
            next: 0,
            reader: None,
            at: 0,
            from: from.map(Into::into),
            to: to.map(Into::into),
            done: false,
        }
    }
}

/// Reads a stretch of a run. Ends after an error.
pub struct RunReader<'w> {
    place: &'w Place,
    path: &'w PathBuf,
    marks: &'w [Mark],
    next: usize,
    reader: Option<Reader>,
    at: usize,
    from: Option<Box<[u8]>>,
    to: Option<Box<[u8]>>,
    done: bool,
}

impl RunReader<'_> {
    fn step(&mut self) -> Result<Option<(Vec<u8>, Redacted)>> {
        loop {
            let here = self.reader.as_ref().map_or(0, |reader| reader.body().len());
            if self.at >= here {
                let Some(mark) = self.marks.get(self.next) else { return Ok(None) };
                self.next += 1;
                if self.reader.is_none() {
                    let owner = Owner { workspace: &self.place.id, stream: LABEL };
                    self.reader = Some(Reader::open(self.path, &self.place.key, owner).map_err(refuse)?);
                }
                let Some(reader) = &mut self.reader else { return Ok(None) };
                reader.seek(mark.number, mark.at)?;
                reader.next().map_err(refuse)?.ok_or_else(changed)?;
                self.at = 0;
            }
            let Some(reader) = &mut self.reader else { return Ok(None) };
            let body = &reader.body()[self.at..];
            let (frame, rest) = body.split_first_chunk::<FRAME>().ok_or_else(changed)?;
            let [a, b, c, d, e, f, g, h] = *frame;
            let (key, length) =
                (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize);
            let (key, rest) = rest.split_at_checked(key).ok_or_else(changed)?;
            let key = key.to_vec();
            let mut bytes = Vec::with_capacity(length);
            bytes.extend_from_slice(&rest[..rest.len().min(length)]);
            self.at += FRAME + key.len() + bytes.len();
            while bytes.len() < length {
                let (flags, piece) = reader.next().map_err(refuse)?.ok_or_else(changed)?;
                if flags & CONTINUES == 0 || piece.is_empty() || bytes.len() + piece.len() > length {
                    return Err(changed());
                }
                bytes.extend_from_slice(piece);
                self.at = piece.len();
            }
            if self.to.as_ref().is_some_and(|to| key >= to.to_vec()) {
                return Ok(None);
            }
            if self.from.as_ref().is_some_and(|from| key < from.to_vec()) {
                continue;
            }
            return Ok(Some((key, Redacted::recalled(bytes))));
        }
    }
}

impl Iterator for RunReader<'_> {
    type Item = Result<(Vec<u8>, Redacted)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        if self.done {
            // Many runs are merged at once; the chunk of one that has ended is not needed.
            self.reader = None;
        }
        item
    }
}

fn refuse(fault: Fault) -> crate::error::Error {
    match fault {
        Fault::Other(error) => error,
        Fault::Torn | Fault::Damaged => changed(),
    }
}

fn changed() -> crate::error::Error {
    damaged("a scratch file was changed or cut")
}

#[cfg(test)]
mod tests {
    use super::super::WorkspaceKey;
    use super::*;

    fn workspace(folder: &std::path::Path) -> Workspace {
        let key = WorkspaceKey::generate().unwrap();
        Workspace::create(&folder.join("w"), &key, &serde_json::json!({})).unwrap()
    }

    fn record(text: &str) -> Redacted {
        Redacted::recalled(text.as_bytes().to_vec())
    }

    #[test]
    fn runs_come_back_whole_and_by_range_and_the_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        let files = || std::fs::read_dir(workspace.path()).unwrap().count();
        let before = files();
        let mut writer = workspace.scratch();
        let long = "x".repeat(3 * CHUNK_BYTES + 17);
        for run in 0..3 {
            for number in 0..5_000 {
                let key = format!("{number:06}");
                let text = if number == 2_500 && run == 1 { &long } else { "a record of some length" };
                writer.push(key.as_bytes(), &record(text)).unwrap();
            }
            writer.end_run();
        }
        let runs = writer.finish().unwrap();
        assert_eq!(runs.len(), 3);
        assert!(files() > before);
        for run in 0..3 {
            let all: Vec<_> = runs.read(run, None, None).map(|item| item.unwrap()).collect();
            assert_eq!(all.len(), 5_000);
            assert!(all.iter().zip(0..).all(|((key, _), at)| *key == format!("{at:06}").into_bytes()));
            assert_eq!(all[2_500].1.bytes().len(), if run == 1 { long.len() } else { 23 });
            for (from, to) in [(0, 1), (17, 4_003), (2_499, 2_502), (4_999, 9_000)] {
                let (low, high) = (format!("{from:06}"), format!("{to:06}"));
                let found = runs.read(run, Some(low.as_bytes()), Some(high.as_bytes()));
                let keys: Vec<_> = found.map(|item| item.unwrap().0).collect();
                let wanted: Vec<_> = (from..to.min(5_000)).map(|n| format!("{n:06}").into_bytes()).collect();
                assert_eq!(keys, wanted);
            }
        }
        // A run that ends before is not even opened.
        let elsewhere = folder.path().join("elsewhere");
        std::fs::rename(&runs.path, &elsewhere).unwrap();
        assert!(runs.read(0, Some(b"005000"), None).next().is_none());
        assert!(runs.read(0, Some(b"004999"), None).next().unwrap().is_err());
        std::fs::rename(&elsewhere, &runs.path).unwrap();
        let text = std::fs::read(&runs.path).unwrap();
        assert!(!text.windows(8).any(|window| window == b"a record"));
        drop(runs);
        assert_eq!(files(), before);
    }

    #[test]
    fn equal_keys_across_chunks_are_all_found() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        let mut writer = workspace.scratch();
        for number in 0..4_000 {
            let key: &[u8] = if number < 10 { b"a" } else { b"b" };
            writer.push(key, &record(&"y".repeat(200))).unwrap();
        }
        let runs = writer.finish().unwrap();
        assert_eq!(runs.read(0, Some(b"b"), None).count(), 3_990);
        assert_eq!(runs.read(0, None, Some(b"b")).count(), 10);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_a_changed_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = WorkspaceKey::generate().unwrap();
        let path = folder.path().join("w");
        let mut held = Workspace::create(&path, &key, &serde_json::json!({})).unwrap();
        held.commit(&serde_json::json!({})).unwrap();
        let mut writer = held.scratch();
        writer.push(b"k", &record("kept")).unwrap();
        let runs = writer.finish().unwrap();
        let mut bytes = std::fs::read(&runs.path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&runs.path, &bytes).unwrap();
        assert!(runs.read(0, None, None).next().unwrap().is_err());
        let left = runs.path.clone();
        std::mem::forget(runs);
        drop(held);
        let _again = Workspace::open(&path, &key).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn a_full_disk_ends_the_work_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let held = workspace(folder.path());
        let files = || std::fs::read_dir(held.path()).unwrap().count();
        let before = files();
        let fill = || -> Result<()> {
            let mut writer = held.scratch();
            for number in 0..2_000u32 {
                writer.push(&number.to_be_bytes(), &record(&"z".repeat(300)))?;
            }
            writer.finish().map(drop)
        };
        // Behind the header, inside the first chunk and in later ones. (A file without a whole header
        // holds nothing; the next opening removes it.)
        for room in [5_000, 70_000, 140_000, 300_000, 500_000] {
            let error = crate::fault::with_room(room, fill).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Io);
            assert_eq!(files(), before, "{room}: a file is left");
        }
        fill().unwrap();
        assert_eq!(files(), before);
    }
}
