//! The workspace: the encrypted local spool of raw records between gather and seal.
//!
//! A folder of its owner alone. Records go to *segments*, one file per process and stream under a
//! random name; the *ledger* says up to where they count. [`Workspace::commit`] is the only way
//! forward: what was appended before it is there after any crash, what was appended after the last
//! one is not. Without the key nothing is readable but a magic, a format version and salts.
//!
//! A file is written by one process, from its first byte on, and never continued after it was
//! closed: a reopened workspace cuts torn tails and writes to new files with new salts. So no two
//! plaintexts are ever encrypted under one key and nonce.
//!
//! Setting the whole folder, or the ledger's last lines, back to an earlier state is not detected;
//! it costs a second collection, not secrecy. Everything else (a changed byte, a missing, swapped
//! or shortened file, chunks cut out, repeated or moved) is refused when it is met.
//!
//! ```
//! use entra_bundle::catalogue::{Source, Stream};
//! use entra_bundle::record::{Form, Raw};
//! use entra_bundle::workspace::{Workspace, WorkspaceKey};
//! # fn main() -> entra_bundle::error::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("workspace");
//! let key = WorkspaceKey::generate()?;
//! let users = Stream::new(Source::Graph, "users");
//! let mut workspace = Workspace::create(&path, &key, &serde_json::json!({"inputs": ["export"]}))?;
//! workspace.append(&users, &Raw::new(b"{}".to_vec(), Form::Json))?;
//! workspace.commit(&serde_json::json!({"unit": "export/users.json", "done": true}))?;
//! drop(workspace);
//!
//! let workspace = Workspace::open(&path, &key)?;
//! assert_eq!(workspace.notes().count(), 1);
//! assert_eq!(workspace.slice(&users, 0)?.count(), 1);
//! # Ok(())
//! # }
//! ```

mod disk;
mod index;
mod key;
mod ledger;
mod notes;
mod scratch;
mod segment;
mod slice;
mod spool;
#[cfg(test)]
mod tests;

pub use key::WorkspaceKey;
pub use notes::{ServiceNote, Span, UnitNote, WindowNote};
pub use scratch::{RunReader, RunWriter, Runs};
pub use slice::Records;

use crate::catalogue::Stream;
use crate::crypto;
use crate::error::{self, Error, Result};
use crate::record::Raw;
use ledger::{Committed, Ledger};
use segment::{Fault, Name, Owner, Reader};
use serde_json::Value;
use spool::Spool;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The first bytes of every file of a workspace, so that it is never taken for input.
pub const MAGIC: &[u8] = b"entra-bundle/workspace\n";

/// Records are read in slices of so many bytes: slice `k` holds the records that begin in
/// `[k · SLICE_BYTES, (k + 1) · SLICE_BYTES)` of their stream.
pub const SLICE_BYTES: u64 = 32 << 20;

const LOCK: &str = "lock";

/// An open workspace. There is at most one handle in the world; reading works from many threads.
pub struct Workspace {
    place: Place,
    ledger: Ledger,
    spools: BTreeMap<Stream, Spool>,
    /// Whether there are segments whose names are not durable yet.
    new_names: bool,
    /// Whether writing has failed: the ends of the files are unknown, so nothing more is written.
    failed: bool,
    _lock: File,
}

struct Place {
    folder: PathBuf,
    key: WorkspaceKey,
    id: [u8; 16],
}

/// How much is committed of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSize {
    /// Which.
    pub stream: Stream,
    /// Number of records.
    pub records: u64,
    /// Sum of their bytes.
    pub bytes: u64,
    /// Number of slices; the last one is not empty.
    pub slices: u64,
}

impl Workspace {
    /// Makes a new workspace. `dir` must not exist or be empty; it becomes readable by its owner
    /// alone. `header` is kept for [`Workspace::header`]; comparing it on resume is the caller's part.
    ///
    /// # Errors
    /// Usage, if there is something in `dir` or another process is making a workspace there; I/O.
    pub fn create(dir: &Path, key: &WorkspaceKey, header: &Value) -> Result<Self> {
        let occupied = |folder: &Path| match fs::read_dir(folder) {
            // What a process that was killed in here leaves behind does not count.
            Ok(entries) => entries.into_iter().try_fold(false, |found, entry| {
                Ok(found || !entry?.file_name().to_str().is_some_and(|n| n == LOCK || n == ledger::NEW_NAME))
            }),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(cause),
        };
        let refuse = || {
            Error::usage("the folder for the workspace is not empty")
                .hint("name a folder that does not exist, or continue the workspace with --resume")
        };
        if occupied(dir).map_err(unlistable)? {
            return Err(refuse());
        }
        disk::create_folder(dir)?;
        let lock = disk::lock(&dir.join(LOCK))?;
        if occupied(dir).map_err(unlistable)? {
            return Err(refuse());
        }
        remove_file(&dir.join(ledger::NEW_NAME))?;
        let place = Place { folder: dir.to_owned(), key: key.clone(), id: crypto::random()? };
        let ledger = Ledger::create(&place, header)?;
        Ok(Workspace { place, ledger, spools: BTreeMap::new(), new_names: false, failed: false, _lock: lock })
    }

    /// Opens a workspace as its last commit left it: what was written after it is cut off.
    ///
    /// # Errors
    /// Usage, if this is no workspace or another process uses it; decryption, if the key is wrong;
    /// integrity, if a file is missing or was changed; unsupported, if the format is another's; I/O.
    pub fn open(dir: &Path, key: &WorkspaceKey) -> Result<Self> {
        if !dir.join(ledger::NAME).is_file() {
            return Err(no_workspace());
        }
        let lock = disk::lock(&dir.join(LOCK))?;
        let mut spools = BTreeMap::<Stream, Spool>::new();
        let (ledger, id) = Ledger::open(dir, key, |Committed { stream, segment, chunks, last }| {
            let name = Name::parse(&segment).ok_or_else(|| damaged("its ledger names no segment"))?;
            spools.entry(stream).or_default().index.add(name, &chunks, last)
        })?;
        let place = Place { folder: dir.to_owned(), key: key.clone(), id };
        let workspace = Workspace { place, ledger, spools, new_names: false, failed: false, _lock: lock };
        workspace.cut_tails()?;
        Ok(workspace)
    }

    /// Checks that all that counts is there, and only then removes what does not.
    fn cut_tails(&self) -> Result<()> {
        let folder = &self.place.folder;
        let mut known = BTreeSet::new();
        let mut tails = Vec::new();
        for segment in self.spools.values().flat_map(|spool| &spool.index.segments) {
            let path = folder.join(segment.name.text());
            let length = match fs::metadata(&path) {
                Ok(found) if found.is_file() => found.len(),
                Ok(_) => return Err(damaged("a segment was replaced or changed")),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                    return Err(damaged("a segment is missing"));
                }
                Err(cause) => return Err(Error::io("cannot read a file of the workspace", cause)),
            };
            if length < segment.end {
                return Err(damaged("a segment was cut"));
            }
            if self.origin(&path)?.is_none_or(|(name, _)| name != segment.name) {
                return Err(damaged("a segment was replaced or changed"));
            }
            known.insert(segment.name);
            if length > segment.end {
                tails.push((path, segment.end));
            }
        }
        let mut leftovers = vec![folder.join(ledger::NEW_NAME)];
        for name in segment_names(folder)? {
            if !known.contains(&name) {
                let path = folder.join(name.text());
                if self.origin(&path)?.is_some_and(|(_, found)| found > self.ledger.generation) {
                    return Err(damaged("its ledger is older than its segments"));
                }
                leftovers.push(path);
            }
        }
        tails.iter().try_for_each(|(path, end)| disk::cut(path, *end))?;
        self.ledger.cut_tail(folder)?;
        leftovers.iter().try_for_each(|path| remove_file(path))
    }

    /// The name of a segment and the generation of the ledger under which it was made, if its
    /// start is whole.
    fn origin(&self, path: &Path) -> Result<Option<(Name, u64)>> {
        let owner = Owner { workspace: &self.place.id, stream: "" };
        let found = Reader::open(path, &self.place.key, owner).and_then(|mut reader| {
            let generation = reader.next()?.and_then(|(_, bytes)| (*bytes).try_into().ok());
            Ok(generation.map(|bytes| (reader.name(), u64::from_be_bytes(bytes))))
        });
        match found {
            Ok(origin) => Ok(origin),
            Err(Fault::Other(error)) => Err(error),
            Err(Fault::Torn | Fault::Damaged) => Ok(None),
        }
    }

    /// The key that opened the workspace, for the leak check, which looks for every secret in memory.
    pub fn key(&self) -> &WorkspaceKey {
        &self.place.key
    }

    /// What [`Workspace::create`] was given.
    pub fn header(&self) -> &Value {
        &self.ledger.header
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.place.folder
    }

    /// Adds a record to a stream. It counts after the next [`Workspace::commit`].
    ///
    /// # Errors
    /// I/O (a full disk). The handle then reads, but writes no more; open the workspace again.
    pub fn append(&mut self, stream: &Stream, raw: &Raw) -> Result<()> {
        self.write(|this| {
            let spool = match this.spools.get_mut(stream) {
                Some(spool) => spool,
                None => this.spools.entry(stream.clone()).or_default(),
            };
            this.new_names |= !spool.is_open();
            spool.append(&this.place, this.ledger.generation, stream, raw)
        })
    }

    /// Commits all that was appended so far, in all streams, together with a note (a cursor, an
    /// outcome). Data first, then one line of the ledger, each on the disk before the next.
    ///
    /// # Errors
    /// I/O (a full disk). Nothing since the last commit counts then, unless the very last sync
    /// failed; the handle writes no more.
    pub fn commit(&mut self, note: &Value) -> Result<()> {
        self.write(|this| {
            let mut committed = Vec::new();
            for (stream, spool) in &mut this.spools {
                spool.flush()?;
                committed.extend(spool.pending(stream));
            }
            if std::mem::take(&mut this.new_names) {
                disk::sync_folder(&this.place.folder)?;
            }
            this.ledger.append(note, committed)?;
            this.spools.values_mut().try_for_each(Spool::committed)
        })
    }

    fn write(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.failed {
            return Err(Error::new(error::Kind::Io, "writing to the workspace has failed before")
                .hint("what was committed is kept: continue with --resume"));
        }
        // A failed write leaves part of a chunk in a file. Going on behind it would reuse its
        // number, so this handle stops here.
        let place = &self.place;
        let done = self.ledger.begin(place).and_then(|()| work(self));
        self.failed = done.is_err();
        done
    }

    /// The notes of all commits, in order.
    pub fn notes(&self) -> impl Iterator<Item = &Value> {
        self.ledger.notes.iter()
    }

    /// The streams with committed records, sorted.
    pub fn streams(&self) -> Vec<StreamSize> {
        let sizes = self.spools.iter().filter(|(_, spool)| spool.index.records > 0);
        sizes
            .map(|(stream, spool)| StreamSize {
                stream: stream.clone(),
                records: spool.index.records,
                bytes: spool.index.bytes,
                slices: spool.index.slices(SLICE_BYTES),
            })
            .collect()
    }

    /// The committed records of slice `index` of a stream: those before which the stream holds at
    /// least `index · SLICE_BYTES` and less than `(index + 1) · SLICE_BYTES` bytes of records. So
    /// slices depend on the sequence of records alone. One chunk and one record are in memory.
    ///
    /// # Errors
    /// Internal, if the workspace has no such stream. The iterator yields an integrity error where
    /// a segment was changed, and then ends.
    pub fn slice(&self, stream: &Stream, index: u64) -> Result<Records<'_>> {
        let from = index.saturating_mul(SLICE_BYTES);
        self.between(stream, from, from.saturating_add(SLICE_BYTES))
    }

    /// SHA-256 of every committed record of a stream, in order: what two workspaces hold can be
    /// compared without showing a byte of it.
    ///
    /// # Errors
    /// As [`Workspace::slice`].
    pub fn digests(&self, stream: &Stream) -> Result<Vec<[u8; 32]>> {
        self.between(stream, 0, u64::MAX)?.map(|record| Ok(crypto::sha256(record?.bytes()))).collect()
    }

    /// The committed records that begin in `[from, to)`.
    fn between(&self, stream: &Stream, from: u64, to: u64) -> Result<Records<'_>> {
        let spool = self.spools.get(stream).ok_or_else(|| {
            Error::new(error::Kind::Internal, "the workspace has no records of this stream")
        })?;
        Ok(Records::new(&self.place, stream, &spool.index, from, to))
    }

    /// Whether `path` is the folder of a workspace, or a file of one.
    pub fn is_workspace(path: &Path) -> bool {
        disk::has_magic(path) || disk::has_magic(&path.join(ledger::NAME))
    }

    /// Removes a workspace: its files, and its folder unless something else is in there too.
    ///
    /// # Errors
    /// Usage, if this is no workspace or another process uses it; I/O.
    pub fn remove(dir: &Path) -> Result<()> {
        let ledgers = [dir.join(ledger::NEW_NAME), dir.join(ledger::NAME)];
        if !ledgers.iter().any(|path| disk::has_magic(path)) {
            return Err(no_workspace());
        }
        let lock = disk::lock(&dir.join(LOCK))?;
        for name in segment_names(dir)? {
            remove_file(&dir.join(name.text()))?;
        }
        // The ledger comes last: until then the folder is known as a workspace.
        ledgers.iter().try_for_each(|path| remove_file(path))?;
        remove_file(&dir.join(LOCK))?;
        drop(lock);
        match fs::remove_dir(dir) {
            Err(cause) if cause.kind() != io::ErrorKind::DirectoryNotEmpty => {
                Err(Error::io("cannot remove the folder of the workspace", cause))
            }
            _ => disk::sync_above(dir),
        }
    }
}

/// The files in `folder` that are named as segments are, and are empty or begin as they do.
fn segment_names(folder: &Path) -> Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unlistable)? {
        let entry = entry.map_err(unlistable)?;
        let Some(name) = entry.file_name().to_str().and_then(Name::parse) else { continue };
        // Opening a FIFO would wait for ever.
        if entry.file_type().map_err(unlistable)?.is_file()
            && !matches!(segment::name_of(&entry.path()), Err(Fault::Damaged))
        {
            names.push(name);
        }
    }
    Ok(names)
}

fn remove_file(path: &Path) -> Result<()> {
    disk::step();
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("cannot remove a file of the workspace", cause))
        }
        _ => Ok(()),
    }
}

fn damaged(what: &str) -> Error {
    Error::new(error::Kind::Integrity, format!("the workspace is damaged: {what}"))
        .hint("collect again into a new workspace")
}

fn no_workspace() -> Error {
    Error::usage("not a workspace: there is no ledger in this folder")
}

fn unlistable(cause: io::Error) -> Error {
    Error::io("cannot list the folder of the workspace", cause)
}
