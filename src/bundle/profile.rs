//! The strict zip reader: structure only, nothing is inflated.
//!
//! A bundle is a zip file in one canonical profile: every byte of its headers follows from names,
//! sizes and checksums, so there is nothing left for two readers to disagree about. What deviates is
//! a finding. Memory is bounded by the limits before anything is allocated.

mod central;

use self::central::{Record, u16_at, u32_at, u64_at};
use super::finding::{Finding, Findings, Rule, printable};
use super::medium::{Medium, Slot};
use super::path;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;

/// Upper bounds of what a reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Entries.
    pub entries: u64,
    /// Uncompressed bytes of one entry.
    pub entry_bytes: u64,
    /// Uncompressed bytes of all entries.
    pub total_bytes: u64,
    /// Uncompressed bytes for each compressed one.
    pub ratio: u64,
    /// Bytes of the manifest, and of `meta/collection.json`.
    pub manifest_bytes: u64,
    /// Bytes of the attestations, embedded and of each detached file.
    pub attestation_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            entries: 100_000,
            entry_bytes: 256 << 20,
            total_bytes: 64 << 30,
            ratio: 1100,
            manifest_bytes: 64 << 20,
            attestation_bytes: 4 << 20,
        }
    }
}

impl Limits {
    /// The lower of these and the limits for bundles without a proven origin.
    #[must_use]
    pub fn untrusted(self) -> Self {
        Limits {
            entries: self.entries.min(10_000),
            entry_bytes: self.entry_bytes.min(64 << 20),
            total_bytes: self.total_bytes.min(4 << 30),
            manifest_bytes: self.manifest_bytes.min(8 << 20),
            ..self
        }
    }
}

/// The table of an archive that keeps the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Entries in physical order.
    pub entries: Vec<Slot>,
    /// Offset of the central directory.
    pub directory: u64,
    /// Length of the file.
    pub length: u64,
}

impl Structure {
    /// An entry by name.
    pub fn entry(&self, name: &str) -> Option<&Slot> {
        let key = (path::rank(name)?, name);
        let found = self.entries.binary_search_by(|slot| {
            (path::rank(&slot.name).unwrap_or(u8::MAX), slot.name.as_str()).cmp(&key)
        });
        self.entries.get(found.ok()?)
    }
}

const END: usize = 22;
const LOCATOR: usize = 20;
const END64: usize = 56;
const LOCAL: usize = 30;
const CENTRAL: usize = 46;
/// Longest legal central record: name and the ZIP64 extra field with an offset.
const CENTRAL_MAX: u64 = CENTRAL as u64 + 180 + 12;
const NONE16: u64 = 0xFFFF;
const NONE32: u64 = 0xFFFF_FFFF;

/// Reads and checks the structure. `Ok(Err(_))` holds all deviations that were found; `Err` is a
/// failure to read.
pub fn read(medium: &dyn Medium, limits: &Limits) -> io::Result<Result<Structure, Vec<Finding>>> {
    let length = medium.len()?;
    let one = |finding| Ok(Err(vec![finding]));
    let ends = match ends(medium, length)? {
        Ok(ends) => ends,
        Err(finding) => return one(finding),
    };
    if ends.count > limits.entries {
        return one(Finding::new(Rule::Limit, format!("more than {} entries", limits.entries)));
    }
    let bound = ends.count.saturating_mul(CENTRAL_MAX);
    if ends.size > bound || ends.offset.checked_add(ends.size) != Some(ends.start) {
        let text = "the central directory does not lie directly before the end record, or is too long";
        return one(Finding::new(Rule::Directory, text).at(ends.start));
    }
    let mut directory = vec![0; usize::try_from(ends.size).map_err(io::Error::other)?];
    medium.read_exact_at(ends.offset, &mut directory)?;
    let mut walk = Walk { medium, limits, findings: Findings::default(), next: 0, total: 0 };
    let entries = walk.entries(&directory, &ends)?;
    walk.set(&entries);
    Ok(walk.findings.none_or().map(|()| Structure { entries, directory: ends.offset, length }))
}

struct Ends {
    count: u64,
    size: u64,
    offset: u64,
    /// Where the end records start.
    start: u64,
    /// Version in the ZIP64 end record, if there is one.
    version: Option<u16>,
}

/// Finds the end records and holds them against their canonical form.
fn ends(medium: &dyn Medium, length: u64) -> io::Result<Result<Ends, Finding>> {
    let mut tail = vec![0; usize::try_from(length.min((END + LOCATOR + END64) as u64)).unwrap_or_default()];
    medium.read_exact_at(length - tail.len() as u64, &mut tail)?;
    let Some(at) = tail.len().checked_sub(END).filter(|at| tail.get(*at..*at + 4) == Some(b"PK\x05\x06"))
    else {
        return Ok(Err(no_end(medium, length)?));
    };
    let mut ends = Ends {
        count: u64::from(u16_at(&tail, at + 10)),
        size: u64::from(u32_at(&tail, at + 12)),
        offset: u64::from(u32_at(&tail, at + 16)),
        start: length - END as u64,
        version: None,
    };
    let before = at.checked_sub(LOCATOR);
    let wide = before.is_some_and(|at| tail.get(at..at + 4) == Some(b"PK\x06\x07"));
    if wide {
        let Some(at) = before.and_then(|at| at.checked_sub(END64)) else {
            return Ok(Err(Finding::new(Rule::EndRecord, "the ZIP64 end record is cut")));
        };
        ends.count = u64_at(&tail, at + 32);
        ends.size = u64_at(&tail, at + 40);
        ends.offset = u64_at(&tail, at + 48);
        ends.start = length - tail.len() as u64;
    }
    let written = tail.get(tail.len() - (length - ends.start) as usize..).unwrap_or_default();
    let version = if wide { u16_at(written, 12) } else { 0 };
    if written != canonical_ends(&ends, wide, version) {
        let text = "the end records are not in their canonical form";
        return Ok(Err(Finding::new(Rule::EndRecord, text).at(ends.start)));
    }
    let needed = ends.count > NONE16 || ends.size > NONE32 || ends.offset > NONE32;
    ends.version = wide.then_some(version);
    if wide != needed {
        let text = "ZIP64 end records stand where they are not needed, or are missing";
        return Ok(Err(Finding::new(Rule::EndRecord, text).at(ends.start)));
    }
    Ok(Ok(ends))
}

/// Size of an entry's record in the central directory.
pub(super) fn record_size(slot: &Slot) -> u64 {
    let wide = if slot.header >= NONE32 { 12 } else { 0 };
    CENTRAL as u64 + slot.name.len() as u64 + wide
}

/// Size of the central directory of these entries.
pub(super) fn directory_size(entries: &[Slot]) -> u64 {
    entries.iter().map(record_size).sum()
}

/// The end records behind a central directory of `size` bytes at `offset`.
pub(super) fn end_records(entries: &[Slot], size: u64, offset: u64) -> Vec<u8> {
    let count = entries.len() as u64;
    let wide = count > NONE16 || size > NONE32 || offset > NONE32;
    let version = if entries.iter().any(|slot| slot.deflated) { 20 } else { 10 };
    canonical_ends(&Ends { count, size, offset, start: 0, version: None }, wide, version)
}

fn canonical_ends(ends: &Ends, wide: bool, version: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(END + LOCATOR + END64);
    if wide {
        out.extend_from_slice(b"PK\x06\x06");
        out.extend_from_slice(&44u64.to_le_bytes());
        out.extend_from_slice(&version.to_le_bytes());
        out.extend_from_slice(&version.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        for value in [ends.count, ends.count, ends.size, ends.offset] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(b"PK\x06\x07");
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&ends.offset.wrapping_add(ends.size).to_le_bytes());
        out.extend_from_slice(&1u32.to_le_bytes());
    }
    out.extend_from_slice(b"PK\x05\x06");
    out.extend_from_slice(&[0; 4]);
    let count = (ends.count.min(NONE16) as u16).to_le_bytes();
    out.extend_from_slice(&count);
    out.extend_from_slice(&count);
    let size = if wide { NONE32 } else { ends.size };
    out.extend_from_slice(&(size as u32).to_le_bytes());
    out.extend_from_slice(&(ends.offset.min(NONE32) as u32).to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

/// Why there is no end record in the last 22 bytes.
fn no_end(medium: &dyn Medium, length: u64) -> io::Result<Finding> {
    let mut tail = vec![0; usize::try_from(length.min(65_557)).unwrap_or_default()];
    medium.read_exact_at(length - tail.len() as u64, &mut tail)?;
    Ok(match memchr::memmem::rfind(&tail, b"PK\x05\x06") {
        Some(at) => Finding::new(Rule::TrailingBytes, "bytes follow the end record, or it has a comment")
            .at(length - (tail.len() - at) as u64),
        None => Finding::new(Rule::NotAZip, "no end record: not a zip archive, or cut off"),
    })
}

struct Walk<'a> {
    medium: &'a dyn Medium,
    limits: &'a Limits,
    findings: Findings,
    /// Where the next local header has to start.
    next: u64,
    total: u64,
}

impl Walk<'_> {
    fn entries(&mut self, directory: &[u8], ends: &Ends) -> io::Result<Vec<Slot>> {
        let mut entries = Vec::with_capacity(usize::try_from(ends.count).unwrap_or_default());
        let mut rest = directory;
        for _ in 0..ends.count {
            let place = ends.start - rest.len() as u64;
            let Some(record) = Record::split(&mut rest) else {
                let text = "the central directory ends inside a record, or holds something else";
                self.findings.add(Finding::new(Rule::Directory, text).at(place));
                return Ok(entries);
            };
            let slot = self.entry(&record, place, ends)?;
            entries.push(slot);
        }
        if !rest.is_empty() {
            let text = "the central directory holds more than its entries";
            self.findings.add(Finding::new(Rule::Directory, text).at(ends.start - rest.len() as u64));
        }
        let version = if entries.iter().any(|slot| slot.deflated) { 20 } else { 10 };
        if ends.version.is_some_and(|written| written != version) {
            let text = "the version of the ZIP64 end record is not the greatest of the entries";
            self.findings.add(Finding::new(Rule::EndRecord, text).at(ends.start));
        }
        if self.next != ends.offset {
            let text = "the data do not end where the central directory starts";
            self.findings.add(Finding::new(Rule::Gap, text).at(ends.offset));
        }
        Ok(entries)
    }

    fn entry(&mut self, record: &Record<'_>, place: u64, ends: &Ends) -> io::Result<Slot> {
        let shown = printable(record.name);
        let mut wrong = Vec::new();
        record.check(&mut wrong);
        let offset = match record.offset() {
            Ok(offset) => offset,
            Err(text) => {
                wrong.push((Rule::ExtraField, text));
                u64::from(record.u32(42))
            }
        };
        let (compressed, size) = (u64::from(record.u32(20)), u64::from(record.u32(24)));
        self.total = self.total.saturating_add(size);
        if let Err(text) = self.limit(record.name, compressed, size) {
            self.findings
                .add(Finding { entry: Some(shown.clone()), ..Finding::new(Rule::Limit, text).at(place) });
        }
        if offset != self.next {
            wrong.push((Rule::Gap, "the entry does not start where the one before ends"));
        }
        for (rule, text) in wrong {
            self.findings.add(Finding { entry: Some(shown.clone()), ..Finding::new(rule, text).at(place) });
        }
        let data = offset.saturating_add(LOCAL as u64 + record.name.len() as u64);
        self.local(record, &shown, offset, ends)?;
        self.next = data.saturating_add(compressed);
        let name = String::from_utf8_lossy(record.name).into_owned();
        let deflated = record.u16(10) == 8;
        Ok(Slot { name, deflated, crc: record.u32(16), compressed, size, header: offset, data })
    }

    fn limit(&self, name: &[u8], compressed: u64, size: u64) -> Result<(), String> {
        let limits = self.limits;
        let most = if name == path::MANIFEST.as_bytes() {
            limits.manifest_bytes.min(limits.entry_bytes)
        } else if name == path::ATTESTATIONS.as_bytes() {
            limits.attestation_bytes.min(limits.entry_bytes)
        } else {
            limits.entry_bytes
        };
        if size > most || compressed > most.saturating_add(most / 100 + 1024) {
            return Err(format!("the entry is larger than {most} bytes"));
        }
        if self.total > limits.total_bytes {
            return Err(format!("the entries together are larger than {} bytes", limits.total_bytes));
        }
        if size > compressed.saturating_mul(limits.ratio) {
            return Err(format!("the entry is compressed by more than {}:1", limits.ratio));
        }
        Ok(())
    }

    /// The local header must be the one that follows from the central record.
    fn local(&mut self, record: &Record<'_>, shown: &str, offset: u64, ends: &Ends) -> io::Result<()> {
        let mut add = |rule, text: &str| {
            let finding = Finding::new(rule, text).at(offset);
            self.findings.add(Finding { entry: Some(shown.to_owned()), ..finding });
        };
        let mut header = vec![0; LOCAL + record.name.len()];
        if offset.checked_add(header.len() as u64).is_none_or(|end| end > ends.offset) {
            add(Rule::LocalHeader, "the local header does not lie before the central directory");
            return Ok(());
        }
        self.medium.read_exact_at(offset, &mut header)?;
        if !header.starts_with(b"PK\x03\x04") {
            add(Rule::LocalHeader, "there is no local header where the central directory says");
            return Ok(());
        }
        let same = |at: usize, length: usize, from: usize| {
            header.get(at..at + length) == record.fixed.get(from..from + length)
        };
        for (at, length, from, text) in [
            (4, 2, 6, "the local header has another version"),
            (6, 2, 8, "the local header has other flags"),
            (8, 2, 10, "the local header has another method"),
            (10, 4, 12, "the local header has another time"),
            (14, 4, 16, "the local header has another CRC-32"),
            (18, 8, 20, "the local header has other sizes"),
            (26, 2, 28, "the local header has another name"),
        ] {
            if !same(at, length, from) {
                add(Rule::HeaderMismatch, text);
            }
        }
        if header.get(LOCAL..) != Some(record.name) {
            add(Rule::HeaderMismatch, "the local header has another name");
        }
        if u16_at(&header, 28) != 0 {
            add(Rule::ExtraField, "the local header has extra fields");
        }
        Ok(())
    }

    /// Rules about the entries as a whole: order, doubles, files that every bundle has.
    fn set(&mut self, entries: &[Slot]) {
        let mut seen = HashSet::with_capacity(entries.len());
        let mut last: Option<(u8, &str)> = None;
        for slot in entries {
            if !seen.insert(slot.name.as_str()) {
                self.findings.add(Finding::new(Rule::DuplicateName, "the name occurs twice").of(&slot.name));
            }
            let Some(rank) = path::rank(&slot.name) else {
                let text = "the layout has no place for an entry of this name";
                self.findings.add(Finding::new(Rule::EntryOrder, text).of(&slot.name));
                continue;
            };
            let key = (rank, slot.name.as_str());
            if last.is_some_and(|last| last > key) {
                self.findings.add(Finding::new(Rule::EntryOrder, "the entry is out of order").of(&slot.name));
            }
            last = Some(key);
        }
        for name in [path::README, path::CHECKSUMS, path::MANIFEST, path::ATTESTATIONS] {
            if !seen.contains(name) {
                self.findings.add(Finding::new(Rule::EntryMissing, "every bundle has this entry").of(name));
            }
        }
    }
}
