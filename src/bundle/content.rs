//! Content checks: everything that a manifest says is measured again on the bytes.
//!
//! Steps 7 to 9 of the verification. Entries are read in parallel; memory does not grow with them.

use super::finding::{Finding, Findings, Rule};
use super::grammar;
use super::manifest::{Completeness, Entry, Manifest};
use super::medium::{Damage, EntryReader, Medium, Slot};
use super::path::{self, PartPath};
use super::profile::{Limits, Structure};
use crate::catalogue::Layout;
use crate::crypto::Sha256;
use serde::Deserialize;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An open archive whose structure is checked, with its checked manifest.
pub(crate) struct Contents<'a> {
    pub(crate) medium: &'a Arc<dyn Medium>,
    pub(crate) structure: &'a Structure,
    pub(crate) manifest: &'a Manifest,
    pub(crate) limits: &'a Limits,
}

/// Outcome of reading the archive's bytes as they lie.
pub(crate) struct FileDigest {
    /// Whether the bytes before the manifest are those that were signed.
    pub(crate) signed: Result<(), Vec<Finding>>,
    /// SHA-256 of the file.
    pub(crate) whole: [u8; 32],
}

type Checked = io::Result<Result<(), Vec<Finding>>>;

impl Contents<'_> {
    /// Step 7: the archive holds exactly the entries of the manifest.
    pub(crate) fn set(&self) -> Result<(), Vec<Finding>> {
        let mut findings = Findings::default();
        let listed: HashSet<&str> = self.manifest.entries.iter().map(|entry| entry.path.as_str()).collect();
        for slot in &self.structure.entries {
            let own = matches!(slot.name.as_str(), path::MANIFEST | path::ATTESTATIONS);
            if !own && !listed.contains(slot.name.as_str()) {
                let text = "the manifest does not list this entry";
                findings.add(Finding::new(Rule::EntryUnlisted, text).of(&slot.name));
            }
        }
        let required =
            path::REQUIRED.iter().filter(|name| !matches!(**name, path::MANIFEST | path::ATTESTATIONS));
        for name in self.manifest.entries.iter().map(|entry| entry.path.as_str()).chain(required.copied()) {
            if self.structure.entry(name).is_none() {
                findings.add(Finding::new(Rule::EntryAbsent, "the entry is not in the archive").of(name));
            }
        }
        findings.none_or()
    }

    /// Step 8: every entry by size, CRC-32, SHA-256 and rows, with `workers` threads. `known` are
    /// those that whoever packed them inflated again: of them the size is compared.
    pub(crate) fn entries(&self, workers: usize, known: &HashSet<String>) -> Checked {
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::new());
        let work = || {
            while let Some(entry) = self.manifest.entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = self.entry(entry, known.contains(&entry.path));
                let stop = outcome.is_err();
                if !matches!(outcome, Ok(None)) {
                    results
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((entry.path.as_str(), outcome));
                }
                if stop {
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..workers.max(1) {
                scope.spawn(work);
            }
            work();
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(path, _)| *path);
        let mut findings = Findings::default();
        for (_, outcome) in results {
            if let Some(finding) = outcome? {
                findings.add(finding);
            }
        }
        Ok(findings.none_or())
    }

    fn entry(&self, entry: &Entry, known: bool) -> io::Result<Option<Finding>> {
        let Some(slot) = self.structure.entry(&entry.path) else { return Ok(None) };
        let finding = |rule, text: String| Ok(Some(Finding::new(rule, text).of(&entry.path)));
        if slot.size != entry.size {
            return finding(Rule::Size, "the size differs from the manifest's".to_owned());
        }
        if known {
            return Ok(None);
        }
        let counts = entry.path.ends_with(".jsonl") && entry.part.is_some();
        let mut reader = self.reader(slot, grammar::digest(&entry.sha256));
        let mut buffer = vec![0; 64 * 1024];
        let (mut feeds, mut last) = (0, b'\n');
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) if counts => {
                    let bytes = buffer.get(..read).unwrap_or_default();
                    feeds += memchr::memchr_iter(b'\n', bytes).count() as u64;
                    last = bytes.last().copied().unwrap_or(last);
                }
                Ok(_) => {}
                Err(error) => return damage(&entry.path, error).map(Some),
            }
        }
        if counts && (Some(feeds) != entry.rows || last != b'\n') {
            return finding(Rule::Rows, "the number of lines differs from the manifest's".to_owned());
        }
        Ok(None)
    }

    /// The digest of the archive up to the manifest, and of the whole file.
    pub(crate) fn archive(&self) -> io::Result<FileDigest> {
        let until = self.structure.entry(path::MANIFEST).map_or(0, |slot| slot.header);
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut at = 0;
        let mut signed = None;
        while at < self.structure.length {
            if at == until {
                signed = Some(hash.clone().finish());
            }
            let stop = if at < until { until } else { self.structure.length };
            let want = usize::try_from(stop - at).unwrap_or(usize::MAX).min(buffer.len());
            let Some(space) = buffer.get_mut(..want) else { break };
            self.medium.read_exact_at(at, space)?;
            hash.update(space);
            at += want as u64;
        }
        let stated = &self.manifest.hash.archive;
        let same = stated.size == until && signed.is_some() && signed == grammar::digest(&stated.sha256);
        let text = "the archive's bytes before the manifest are not those that were signed";
        let outcome = if same { Ok(()) } else { Err(vec![Finding::new(Rule::ArchiveDigest, text)]) };
        Ok(FileDigest { signed: outcome, whole: hash.finish() })
    }

    /// Step 9: the files of the bundle agree with each other.
    pub(crate) fn agreement(&self) -> Checked {
        let mut findings = Findings::default();
        let manifest = self.manifest;
        if manifest.entry(path::POLICY).is_none_or(|entry| entry.sha256 != manifest.policy.sha256) {
            let text = "the policy is not the one whose digest the manifest states";
            findings.add(Finding::new(Rule::PolicyDigest, text).of(path::POLICY));
        }
        if !self.checksums()? {
            let text = "the list differs from the manifest";
            findings.add(Finding::new(Rule::ChecksumFile, text).of(path::CHECKSUMS));
        }
        if let Err(text) = self.completeness()? {
            findings.add(Finding::new(Rule::Completeness, text).of(path::COLLECTION));
        }
        self.indexes(&mut findings)?;
        Ok(findings.none_or())
    }

    fn checksums(&self) -> io::Result<bool> {
        let Some(mut reader) = self.open(path::CHECKSUMS) else { return Ok(false) };
        let mut line = Vec::new();
        for entry in self.manifest.entries.iter().filter(|entry| entry.path != path::CHECKSUMS) {
            let expected = format!("{}  {}\n", entry.sha256, entry.path);
            line.resize(expected.len(), 0);
            match reader.read_exact(&mut line) {
                Ok(()) if line == expected.as_bytes() => {}
                Ok(()) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(reader.read(&mut [0; 1])? == 0)
    }

    fn completeness(&self) -> io::Result<Result<(), &'static str>> {
        #[derive(Deserialize)]
        struct Collection {
            completeness: Completeness,
        }
        let Some(slot) = self.structure.entry(path::COLLECTION) else { return Ok(Err("it is missing")) };
        if slot.size > self.limits.manifest_bytes {
            return Ok(Err("it is larger than the limit of a manifest"));
        }
        let reader = BufReader::new(self.reader(slot, None));
        Ok(match serde_json::from_reader::<_, Collection>(reader) {
            Ok(collection) if collection.completeness == self.manifest.completeness => Ok(()),
            Ok(_) => Err("its `completeness` differs from the manifest's"),
            Err(error) if error.is_io() => return Err(error.into()),
            Err(_) => Err("it is not JSON with the member `completeness`"),
        })
    }

    /// Every text and XML part has an index that fits, and nothing else has one.
    fn indexes(&self, findings: &mut Findings) -> io::Result<()> {
        let mut wanted = HashSet::new();
        for entry in &self.manifest.entries {
            let Some(part) = PartPath::parse(&entry.path) else { continue };
            let Some(index) = part.index_path() else { continue };
            let Some(reader) = self.open(&index) else {
                findings.add(Finding::new(Rule::Index, "the part has no index").of(&entry.path));
                continue;
            };
            if let Err((line, text)) = check_index(reader, entry, part.layout)? {
                findings.add(Finding::new(Rule::Index, text).of(&index).at(line));
            }
            wanted.insert(index);
        }
        for entry in &self.manifest.entries {
            if entry.path.starts_with("meta/index/") && !wanted.contains(&entry.path) {
                findings.add(Finding::new(Rule::Index, "an index without its part").of(&entry.path));
            }
        }
        Ok(())
    }

    fn open(&self, name: &str) -> Option<EntryReader> {
        self.structure.entry(name).map(|slot| self.reader(slot, None))
    }

    fn reader(&self, slot: &Slot, sha256: Option<[u8; 32]>) -> EntryReader {
        EntryReader::new(Arc::clone(self.medium), slot.clone(), sha256)
    }
}

/// The finding of a damaged entry; other errors stay errors.
pub(crate) fn damage(name: &str, error: io::Error) -> io::Result<Finding> {
    match Damage::of(&error) {
        Some(damage) => Ok(Finding::new(damage.0, damage.to_string()).of(name)),
        None => Err(error),
    }
}

/// One record in an index: where it lies in its part, and its time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IndexLine(
    /// Offset in bytes.
    pub u64,
    /// Length in bytes.
    pub u64,
    /// Time in UTC, if known.
    pub Option<String>,
);

/// Longest line of an index.
const INDEX_LINE: u64 = 128;

/// Reads an index line by line; `None` inside is a malformed line.
pub(crate) fn index_lines(reader: impl Read) -> impl Iterator<Item = io::Result<Option<IndexLine>>> {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    std::iter::from_fn(move || {
        line.clear();
        match (&mut reader).take(INDEX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line.ends_with(b"\n").then(|| serde_json::from_slice(&line).ok()).flatten())),
            Err(error) => Some(Err(error)),
        }
    })
}

type Place = (u64, &'static str);

fn check_index(reader: impl Read, entry: &Entry, layout: Layout) -> io::Result<Result<(), Place>> {
    let (mut end, mut lines) = (0u64, 0u64);
    for line in index_lines(reader) {
        lines += 1;
        let Some(IndexLine(offset, length, utc)) = line? else {
            return Ok(Err((lines, "the line is not `[offset,length,utc]`")));
        };
        let tiled = if layout == Layout::Text { offset == end } else { offset >= end };
        match offset.checked_add(length) {
            Some(next) if tiled && length > 0 && next <= entry.size => end = next,
            _ => return Ok(Err((lines, "the records overlap, leave gaps or lie outside the part"))),
        }
        if utc.is_some_and(|utc| !grammar::is_utc(&utc)) {
            return Ok(Err((lines, "the time is not UTC in its fixed form")));
        }
    }
    if layout == Layout::Text && (end != entry.size || Some(lines) != entry.rows) {
        return Ok(Err((lines, "the index does not cover the part, or gives another number of records")));
    }
    Ok(Ok(()))
}
