//! A bundle that was verified: reading and unpacking it.
//!
//! Only a successful verification makes one. Every reader compares the digest again at its end, so
//! a file that changes under the reader's hands is noticed.

use super::content::{IndexLine, index_lines};
use super::encrypted;
use super::grammar;
use super::manifest::Manifest;
use super::medium::{Damage, EntryReader, Medium};
use super::path::{self, PartPath};
use super::profile::Structure;
use crate::catalogue::Layout;
use crate::error::{self, Error, Result};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

/// A bundle whose integrity and origin are proven.
pub struct Verified {
    medium: Arc<dyn Medium>,
    structure: Structure,
    manifest: Arc<Manifest>,
    /// All volumes of a series in their order, the last one too; empty for a bundle that stands alone.
    volumes: Vec<Verified>,
}

/// Longest record that [`Verified::records`] gives.
pub const RECORD_BYTES: u64 = 64 << 20;

impl Verified {
    pub(super) fn new(medium: Arc<dyn Medium>, structure: Structure, manifest: Arc<Manifest>) -> Self {
        Verified { medium, structure, manifest, volumes: Vec::new() }
    }

    pub(super) fn structure(&self) -> &Structure {
        &self.structure
    }

    pub(super) fn medium(&self) -> &dyn Medium {
        &*self.medium
    }

    /// Volumes of one series, in their order, as one bundle. The caller has held them against each other.
    pub(super) fn join(volumes: Vec<Verified>) -> Option<Self> {
        let last = volumes.last()?;
        let mut manifest = (*last.manifest).clone();
        for volume in volumes.iter().rev().skip(1) {
            manifest
                .entries
                .extend(volume.manifest.entries.iter().filter(|entry| common(&entry.path)).cloned());
        }
        manifest.entries.sort_by(|a, b| a.path.cmp(&b.path));
        manifest.totals.entries = manifest.entries.len() as u64;
        manifest.totals.raw_bytes = manifest.entries.iter().map(|entry| entry.size).sum();
        manifest.totals.rows = manifest.entries.iter().filter_map(|entry| entry.rows).sum();
        let (medium, structure) = (Arc::clone(&last.medium), last.structure.clone());
        Some(Verified { medium, structure, manifest: Arc::new(manifest), volumes })
    }

    /// The volumes of a series in their order, each as a bundle of its own; none for a bundle that
    /// stands alone.
    pub fn volumes(&self) -> &[Verified] {
        &self.volumes
    }

    pub(super) fn shared_manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest)
    }

    /// The signed inventory. Of a series: that of the last volume, with the parts of all volumes and
    /// totals over them; root and digests are those of the last volume, see [`Verified::volumes`].
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Names of all entries in the order of the archive; of a series, the parts of the other volumes first.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        let earlier = self.volumes.split_last().map_or(&[][..], |(_, earlier)| earlier);
        let parts = earlier.iter().flat_map(|volume| volume.structure.entries.iter());
        let parts = parts.filter(|slot| common(&slot.name));
        parts.chain(&self.structure.entries).map(|slot| slot.name.as_str())
    }

    /// The parts in the order of the manifest.
    pub fn parts(&self) -> impl Iterator<Item = (PartPath, &super::manifest::Entry)> {
        self.manifest.entries.iter().filter_map(|entry| Some((PartPath::parse(&entry.path)?, entry)))
    }

    /// The bytes of an entry as a stream. Memory is bounded; the digest is compared at the end.
    pub fn reader(&self, name: &str) -> Result<EntryReader> {
        if common(name)
            && let Some(volume) = self.volumes.iter().find(|volume| volume.structure.entry(name).is_some())
        {
            return volume.reader(name);
        }
        let slot =
            self.structure.entry(name).ok_or_else(|| Error::usage("the bundle has no entry of this name"))?;
        let digest = self.manifest.entry(name).and_then(|entry| grammar::digest(&entry.sha256));
        Ok(EntryReader::new(Arc::clone(&self.medium), slot.clone(), digest))
    }

    /// All bytes of an entry.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader(name)?.read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    /// The records of a part, one after the other: lines of a `.jsonl` part without their LF, records
    /// of a `.txt` or `.xml` part by its index. Memory is that of one record.
    pub fn records(&self, part: &str) -> Result<Records> {
        let place = PartPath::parse(part).ok_or_else(|| Error::usage("the entry is no part"))?;
        let index = match place.index_path() {
            Some(path) => Some(Box::new(index_lines(self.reader(&path)?)) as Index),
            None => None,
        };
        let reader = BufReader::with_capacity(64 * 1024, self.reader(part)?);
        Ok(Records { reader, index, at: 0, layout: place.layout, ended: false })
    }

    /// Unpacks everything into `to`, which must not exist; a series into a folder for each volume. The files appear at once, by the rename of
    /// a finished folder; after an error nothing is left.
    pub fn unpack(&self, to: &Path) -> Result<()> {
        let failed = |e| Error::io("cannot unpack the bundle", e);
        if to.symlink_metadata().is_ok() {
            return Err(
                Error::usage("the destination already exists").hint("name a folder that does not exist yet")
            );
        }
        let name = to.file_name().ok_or_else(|| Error::usage("the destination is not a folder name"))?;
        let parent = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut prefix = name.to_owned();
        prefix.push(".partial-");
        let staging = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).map_err(failed)?;
        if self.volumes.is_empty() {
            self.unpack_entries(staging.path())?;
        }
        for volume in &self.volumes {
            let folder = staging.path().join(format!("vol{:02}", volume.manifest.volume.index));
            private_folder(&folder).map_err(failed)?;
            volume.unpack_entries(&folder)?;
        }
        sync_folders(staging.path()).map_err(failed)?;
        let staging = staging.keep();
        if let Err(e) = rename_folder(&staging, to) {
            let _ = fs::remove_dir_all(&staging);
            return Err(failed(e));
        }
        sync_folder(parent).map_err(failed)
    }

    fn unpack_entries(&self, root: &Path) -> Result<()> {
        self.structure.entries.iter().try_for_each(|slot| self.unpack_entry(&slot.name, root))
    }

    fn unpack_entry(&self, name: &str, root: &Path) -> Result<()> {
        let failed = |e| Error::io("cannot unpack the bundle", e);
        path::check(name.as_bytes()).map_err(|why| Error::new(error::Kind::NotABundle, why))?;
        let mut target = root.to_owned();
        let mut components = name.split('/').peekable();
        while let Some(component) = components.next() {
            target.push(component);
            if components.peek().is_some() {
                match private_folder(&target) {
                    Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(failed(e)),
                    _ => {}
                }
            }
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&target).map_err(failed)?;
        io::copy(&mut self.reader(name)?, &mut file).map_err(unreadable)?;
        file.sync_all().map_err(failed)
    }
}

/// Whether the volumes of a series hold entries of this name side by side: parts and their indexes.
fn common(name: &str) -> bool {
    name.starts_with("data/") || name.starts_with("meta/index/")
}

fn private_folder(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Renames without replacing. A folder replaces an empty folder on Unix, which holds nothing to lose.
fn rename_folder(from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(folder)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn unreadable(error: io::Error) -> Error {
    match Damage::of(&error) {
        Some(damage) => {
            Error::new(error::Kind::Integrity, format!("the bundle changed while it was read: {damage}"))
        }
        None => encrypted::failure("cannot read or unpack the bundle", error),
    }
}

type Index = Box<dyn Iterator<Item = io::Result<Option<IndexLine>>> + Send>;

/// One record of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its bytes; JSON without the LF at its end, text with it.
    pub bytes: Vec<u8>,
    /// Its time from the index (text and XML parts), if known.
    pub utc: Option<String>,
}

/// The records of one part, in order. After an error it ends.
pub struct Records {
    reader: BufReader<EntryReader>,
    index: Option<Index>,
    at: u64,
    layout: Layout,
    ended: bool,
}

impl Records {
    fn step(&mut self) -> Result<Option<Line>> {
        let Some(index) = &mut self.index else {
            let mut bytes = Vec::new();
            (&mut self.reader).take(RECORD_BYTES + 1).read_until(b'\n', &mut bytes).map_err(unreadable)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            if bytes.pop() != Some(b'\n') {
                return Err(Error::new(error::Kind::Limit, "a record is longer than a part may be"));
            }
            return Ok(Some(Line { bytes, utc: None }));
        };
        let misfit = || Error::new(error::Kind::Integrity, "the index of a part does not fit");
        let Some(line) = index.next() else {
            // Reading on to the end compares the digest of the part.
            io::copy(&mut self.reader, &mut io::sink()).map_err(unreadable)?;
            return Ok(None);
        };
        let IndexLine(offset, length, utc) = line.map_err(unreadable)?.ok_or_else(misfit)?;
        let skip = offset.checked_sub(self.at).ok_or_else(misfit)?;
        if (self.layout == Layout::Text && skip > 0) || length > RECORD_BYTES {
            return Err(misfit());
        }
        io::copy(&mut (&mut self.reader).take(skip), &mut io::sink()).map_err(unreadable)?;
        let mut bytes = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 != length {
            return Err(misfit());
        }
        self.at = offset + length;
        Ok(Some(Line { bytes, utc }))
    }
}

impl Iterator for Records {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Result<Line>> {
        if self.ended {
            return None;
        }
        let step = self.step().transpose();
        self.ended = !matches!(step, Some(Ok(_)));
        step
    }
}
