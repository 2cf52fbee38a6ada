//! Writing one bundle, or a series of volumes none of which is larger than allowed.
//!
//! Every volume is a bundle of its own: parts with their indexes, a manifest, a signature. All stay
//! open until the end, so that each can say what became of the whole, and none has its name before
//! the last one is checked.

use super::archive::{Method, Packed};
use super::draft::{Draft, ManifestFacts, PartFacts, Sealed};
use super::grammar;
use super::manifest::Volume;
use super::part::{PackedPart, PackedStatement};
use crate::crypto::encryption::Recipients;
use crate::crypto::{self, Signer};
use crate::error::{Error, Kind, Result};
use crate::record::Statement;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Room for the parts of a manifest that are there once, for signatures and end records.
const ONCE: u64 = 48 * 1024;
/// Most volumes of a series: two digits in the name.
const MOST: usize = 99;

/// One of our own files, as it is or packed line by line.
pub enum OwnFile {
    /// As it is.
    Stated(Statement),
    /// Packed.
    Packed(PackedStatement),
}

impl OwnFile {
    /// Its content.
    pub fn reader(&self) -> Box<dyn Read + '_> {
        match self {
            OwnFile::Stated(statement) => Box::new(statement.bytes()),
            OwnFile::Packed(packed) => Box::new(packed.inflate()),
        }
    }

    /// Bytes that it takes in a volume, at most.
    fn footprint(&self) -> Result<u64> {
        let packed = match self {
            OwnFile::Stated(statement) => Packed::of(statement.bytes(), Method::Deflated)?.footprint(),
            OwnFile::Packed(packed) => packed.0.footprint(),
        };
        Ok(packed + 600)
    }

    fn put(&self, draft: &mut Draft, path: &str) -> Result<()> {
        match self {
            OwnFile::Stated(statement) => draft.statement(path, statement),
            OwnFile::Packed(packed) => draft.packed_statement(path, packed),
        }
    }
}

impl From<Statement> for OwnFile {
    fn from(statement: Statement) -> Self {
        OwnFile::Stated(statement)
    }
}

impl From<PackedStatement> for OwnFile {
    fn from(packed: PackedStatement) -> Self {
        OwnFile::Packed(packed)
    }
}

/// Our own files of a bundle, by path.
pub type Statements = BTreeMap<String, OwnFile>;

/// A bundle that is being written, in as many volumes as it takes.
pub struct Volumes {
    out: PathBuf,
    force: bool,
    recipients: Option<Recipients>,
    most: Option<u64>,
    workers: usize,
    drafts: Vec<Draft>,
}

impl Volumes {
    /// Opens the first volume beside `out`, the name of a bundle that needs one volume only.
    ///
    /// # Errors
    /// Exit 2 if `out` or its first volume exists (unless `force`).
    pub fn create(
        out: &Path,
        force: bool,
        recipients: Option<Recipients>,
        most: Option<u64>,
    ) -> Result<Self> {
        if most.is_some() && !force && out.symlink_metadata().is_ok() {
            return Err(Error::usage("the output already exists")
                .hint("choose another --out, or replace it with --force"));
        }
        let mut volumes =
            Volumes { out: out.to_owned(), force, recipients, most, workers: 1, drafts: Vec::new() };
        volumes.open()?;
        Ok(volumes)
    }

    /// Reads the finished files back with this many threads.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// For whom it is encrypted.
    pub fn recipients(&self) -> Option<&Recipients> {
        self.recipients.as_ref()
    }

    /// Uncompressed bytes that a part should not pass, so that it fits a volume even where it does
    /// not compress. `None`: no volume is limited.
    pub fn part_bytes(&self) -> Option<u64> {
        self.most.map(|most| most / 2)
    }

    fn open(&mut self) -> Result<()> {
        let number = self.drafts.len() + 1;
        if number > MOST {
            return Err(Error::new(Kind::Limit, "the bundle needs more than 99 volumes")
                .hint("allow larger ones with --max-volume, or narrow the window"));
        }
        let out = if self.most.is_some() { volume_name(&self.out, number)? } else { self.out.clone() };
        let mut draft = Draft::create_for(&out, self.force, self.recipients.as_ref())?;
        if let Some(last) = self.drafts.last() {
            draft.follow(last);
        }
        self.drafts.push(draft);
        Ok(())
    }

    /// What an archive may have so that the file, encrypted or not, keeps the limit.
    fn room(&self) -> Option<u64> {
        let names = self.recipients.as_ref().map_or(0, |recipients| recipients.names().len() as u64);
        // age adds a header of about 110 bytes a recipient and 16 bytes for each 64 KiB.
        self.most.map(|most| most.saturating_sub(ONCE + names * 160 + most / 4096))
    }

    fn last(&mut self) -> Result<&mut Draft> {
        self.drafts.last_mut().ok_or_else(|| Error::new(Kind::Internal, "there is no volume"))
    }

    /// Appends a part, in a new volume where the last one is full. `meta` is what each volume needs
    /// besides parts, in bytes.
    pub fn append(&mut self, part: PackedPart, about: PartFacts, meta: u64) -> Result<String> {
        if let Some(room) = self.room() {
            let full = |draft: &Draft| draft.projected(Some(&part)) + meta > room;
            if self.drafts.last().is_some_and(|draft| draft.has_parts() && full(draft)) {
                self.open()?;
            }
            if self.drafts.last().is_some_and(full) {
                return Err(too_small("a part of the bundle alone does not fit into a volume"));
            }
        }
        self.last()?.append(part, about)
    }

    /// Writes what is still to be written, signs and reads back every volume, and gives them their
    /// names, the last one first. The last one has `statements`, the others have `each`.
    ///
    /// # Errors
    /// As [`Draft::seal`]. After an error no volume has its name.
    pub fn seal(
        mut self,
        statements: &Statements,
        each: &Statements,
        facts: &ManifestFacts,
        signer: &dyn Signer,
        inspect: &mut dyn FnMut(&str, &[u8]) -> Result<()>,
    ) -> Result<Vec<Sealed>> {
        if let Some(room) = self.room() {
            let need = footprint(statements)?;
            let full = |draft: &Draft| draft.projected(None) + need > room;
            if self.drafts.last().is_some_and(|draft| draft.has_parts() && full(draft)) {
                self.open()?;
            }
            if self.drafts.last().is_some_and(full) {
                return Err(too_small("the account of the collection alone does not fit into a volume"));
            }
        }
        let count = self.drafts.len();
        if count == 1 {
            let out = self.out.clone();
            self.last()?.rename(&out)?;
        }
        let series = if count > 1 { Some(grammar::new_bundle_id()?) } else { None };
        let mut sealed = Vec::new();
        let mut digests: Vec<String> = Vec::new();
        let (workers, most) = (self.workers, self.most);
        for (draft, index) in self.drafts.iter_mut().zip(1u32..) {
            let last = index as usize == count;
            draft.read_back_with(workers);
            for (path, statement) in if last { statements } else { each } {
                statement.put(draft, path)?;
            }
            let volume = Volume {
                index,
                last,
                count: last.then_some(index),
                series_id: series.clone(),
                prev_manifest_sha256: digests.last().cloned(),
            };
            let one = draft.complete(facts.clone(), volume, &digests, signer, inspect)?;
            if most.is_some_and(|most| one.size > most) {
                return Err(too_small("a volume became larger than allowed"));
            }
            digests.push(crypto::hex(&crypto::sha256(Statement::of(&one.manifest)?.bytes())));
            sealed.push(one);
        }
        let mut named: Vec<&Path> = Vec::new();
        for (draft, one) in self.drafts.iter_mut().zip(&sealed).rev() {
            if let Err(error) = draft.publish() {
                // Part of a series is worth nothing, and looks like a bundle.
                for path in named {
                    let _ = std::fs::remove_file(path);
                }
                return Err(error);
            }
            named.push(&one.path);
        }
        Ok(sealed)
    }
}

/// Bytes that a set of our own files takes in a volume, at most.
pub fn footprint(statements: &Statements) -> Result<u64> {
    statements.values().map(OwnFile::footprint).sum()
}

fn too_small(message: &str) -> Error {
    Error::new(Kind::Limit, message).hint("allow larger volumes with --max-volume")
}

/// `x.zip` → `x.vol01.zip`, `x.zip.age` → `x.vol01.zip.age`.
fn volume_name(out: &Path, number: usize) -> Result<PathBuf> {
    let name = out.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::usage("the output is not a file name"))?;
    let lower = name.to_ascii_lowercase();
    let ending = [".zip.age", ".zip"].into_iter().find(|ending| lower.ends_with(ending)).unwrap_or_default();
    let (stem, ending) = name.split_at(name.len() - ending.len());
    Ok(out.with_file_name(format!("{stem}.vol{number:02}{ending}")))
}

/// Whether a file name is that of a volume: `….vol01.zip`, `….vol01.zip.age`.
pub fn is_volume_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let stem = name.strip_suffix(".zip").or_else(|| name.strip_suffix(".zip.age"));
    stem.and_then(|stem| stem.rsplit_once(".vol"))
        .is_some_and(|(_, number)| number.len() >= 2 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_volumes() {
        let name = |out: &str, number| volume_name(Path::new(out), number).unwrap().display().to_string();
        assert_eq!(name("a/x.zip", 1), "a/x.vol01.zip");
        assert_eq!(name("x.zip.age", 12), "x.vol12.zip.age");
        for (text, volume) in [
            ("x.vol01.zip", true),
            ("x.vol12.zip.age", true),
            ("x.zip", false),
            ("x.vol01.zip.partial", false),
            ("x.vol.zip", false),
        ] {
            assert_eq!(is_volume_name(text), volume, "{text}");
        }
    }
}
