//! Bytes of files and of members of archives, read by position; zip and gzip with limits.
//!
//! Nothing is ever unpacked to disk. Members stream; only a nested archive is held in memory, up to
//! a limit. A member is refused by name, encryption, ratio or size; the others are taken.

use super::sniff;
use super::window::{reason, refuse};
use crate::event::Reason;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::rc::Rc;
use std::sync::Arc;
use zip::{CompressionMethod, ZipArchive};

/// Limits for archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Archives inside archives: 1 takes no nested one.
    pub depth: usize,
    /// Inflated bytes per compressed byte, once a member has passed `floor`.
    pub ratio: u64,
    /// Inflated bytes below which no ratio is judged.
    pub floor: u64,
    /// Inflated bytes of one archive with all that is nested in it.
    pub total: u64,
    /// Members of one archive with all that is nested in it.
    pub members: u64,
    /// Bytes of a nested archive, or of an event log inside an archive, which are held in memory.
    pub in_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 3,
            ratio: 250,
            floor: 64 << 20,
            total: 256 << 30,
            members: 200_000,
            in_memory: 256 << 20,
        }
    }
}

/// A member of a zip archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number in the central directory.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its inflated size as declared; more is damage.
    pub size: u64,
    /// Its CRC-32 as declared.
    pub crc: u32,
    start: u64,
    compressed: u64,
    deflated: bool,
}

/// Bytes that can be read from the start any number of times.
#[derive(Clone, Debug)]
pub enum Blob {
    /// A file, up to the size that it had when it was listed.
    File(Arc<File>, u64),
    /// Bytes in memory.
    Memory(Arc<Vec<u8>>),
    /// A member of an archive.
    Member(Box<Blob>, Member),
    /// The content of a gzip stream.
    Gzip(Box<Blob>, Limits),
}

/// Read and seek.
pub trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Blob {
    /// An open file.
    pub fn file(file: File, size: u64) -> Blob {
        Blob::File(Arc::new(file), size)
    }

    /// A member of this archive.
    #[must_use]
    pub fn member(&self, member: &Member) -> Blob {
        Blob::Member(Box::new(self.clone()), member.clone())
    }

    /// The content, where this is a gzip stream (also of a gzip stream).
    pub fn unzipped(mut self, limits: &Limits) -> Result<Blob, Reason> {
        for _ in 0..=limits.depth {
            let mut magic = Vec::new();
            // An error here comes again when the content is read, with what came before it.
            let _ = self.reader()?.take(3).read_to_end(&mut magic);
            if magic != sniff::GZIP {
                return Ok(self);
            }
            self = Blob::Gzip(Box::new(self), *limits);
        }
        Err(Reason::ArchiveLimit)
    }

    /// A reader from the start.
    pub fn reader(&self) -> Result<Box<dyn Read>, Reason> {
        match self {
            Blob::File(..) | Blob::Memory(_) => self.range(0, u64::MAX),
            Blob::Member(archive, member) => {
                let packed = archive.range(member.start, member.compressed)?;
                let inflated: Box<dyn Read> =
                    if member.deflated { Box::new(DeflateDecoder::new(packed)) } else { packed };
                let (crc, left) = (member.crc, member.size);
                Ok(Box::new(Checked { inflated, hash: crc32fast::Hasher::new(), crc, left }))
            }
            Blob::Gzip(packed, limits) => {
                let read = Rc::new(Cell::new(0));
                let counted = Counted { packed: packed.reader()?, read: Rc::clone(&read) };
                let inflated = MultiGzDecoder::new(counted);
                Ok(Box::new(Guarded { inflated, read, given: 0, limits: *limits }))
            }
        }
    }

    /// A reader that can seek; what cannot is taken into memory first.
    pub fn seekable(&self, limit: u64) -> Result<Box<dyn ReadSeek>, Reason> {
        match self {
            Blob::File(file, size) => Ok(Box::new(Positioned { file: Arc::clone(file), at: 0, end: *size })),
            Blob::Memory(bytes) => Ok(Box::new(Cursor::new(Shared(Arc::clone(bytes))))),
            other => other.in_memory(limit)?.seekable(limit),
        }
    }

    /// The bytes in memory; above `limit` they are refused.
    pub fn in_memory(&self, limit: u64) -> Result<Blob, Reason> {
        let mut bytes = Vec::new();
        self.reader()?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| reason(&e))?;
        if bytes.len() as u64 > limit {
            return Err(Reason::ArchiveLimit);
        }
        Ok(Blob::Memory(Arc::new(bytes)))
    }

    fn range(&self, from: u64, length: u64) -> Result<Box<dyn Read>, Reason> {
        match self {
            Blob::File(file, size) => {
                let end = from.saturating_add(length).min(*size);
                Ok(Box::new(Positioned { file: Arc::clone(file), at: from, end }))
            }
            Blob::Memory(bytes) => {
                let mut cursor = Cursor::new(Shared(Arc::clone(bytes)));
                cursor.set_position(from);
                Ok(Box::new(cursor.take(length)))
            }
            other => Ok(Box::new({
                let mut reader = other.reader()?;
                io::copy(&mut reader.as_mut().take(from), &mut io::sink()).map_err(|e| reason(&e))?;
                reader.take(length)
            })),
        }
    }
}

/// Takes the way from the outermost member to a listed one, and why that one is refused, if it is.
pub type Each<'e> = dyn FnMut(&[Member], Result<(), Reason>) + 'e;

/// Lists the members of an archive, those of nested archives in place.
pub fn list(blob: &Blob, limits: &Limits, each: &mut Each<'_>) {
    let mut lister = Lister { limits, each, members: 0, total: 0 };
    lister.archive(blob, &mut Vec::new());
}

struct Lister<'l> {
    limits: &'l Limits,
    each: &'l mut Each<'l>,
    members: u64,
    total: u64,
}

impl Lister<'_> {
    fn archive(&mut self, blob: &Blob, way: &mut Vec<Member>) {
        let opened = blob
            .seekable(self.limits.in_memory)
            .and_then(|reader| ZipArchive::new(io::BufReader::new(reader)).map_err(|_| Reason::Damaged));
        let mut archive = match opened {
            Ok(archive) => archive,
            Err(reason) => return (self.each)(way, Err(reason)),
        };
        // The library keeps one of several members of the same name; the loss is named.
        match declared(blob, self.limits.in_memory) {
            Some(count) if count > archive.len() => (self.each)(way, Err(Reason::UnsafeArchiveEntry)),
            _ if archive.is_empty() => (self.each)(way, Ok(())),
            _ => {}
        }
        for index in 0..archive.len() {
            let Some((member, judged)) = member(&mut archive, index) else { continue };
            self.members += 1;
            self.total = self.total.saturating_add(member.size);
            if self.members > self.limits.members {
                return (self.each)(way, Err(Reason::ArchiveLimit));
            }
            let judged = judged.and_then(|()| self.allowed(&member));
            let inner = blob.member(&member);
            way.push(member);
            match judged {
                Ok(()) if starts_a_zip(&inner) => self.nested(&inner, way),
                judged => (self.each)(way, judged),
            }
            way.pop();
        }
    }

    fn nested(&mut self, inner: &Blob, way: &mut Vec<Member>) {
        // The outermost archive is depth 1 and has an empty way.
        if way.len() >= self.limits.depth {
            return (self.each)(way, Err(Reason::ArchiveLimit));
        }
        match inner.in_memory(self.limits.in_memory) {
            Ok(blob) => self.archive(&blob, way),
            Err(reason) => (self.each)(way, Err(reason)),
        }
    }

    fn allowed(&self, member: &Member) -> Result<(), Reason> {
        let ratio = member.size / member.compressed.max(1);
        if self.total > self.limits.total || member.size > self.limits.floor && ratio > self.limits.ratio {
            return Err(Reason::ArchiveLimit);
        }
        Ok(())
    }
}

fn starts_a_zip(blob: &Blob) -> bool {
    let mut magic = Vec::new();
    let read = blob.reader().map(|reader| reader.take(4).read_to_end(&mut magic));
    read.is_ok() && sniff::is_zip(&magic)
}

/// A member and whether it may be read; `None` for a folder.
fn member<R: Read + Seek>(archive: &mut ZipArchive<R>, index: usize) -> Option<(Member, Result<(), Reason>)> {
    let refused = |reason| {
        let name = format!("member {index}");
        let member = Member { index, name, size: 0, crc: 0, start: 0, compressed: 0, deflated: false };
        Some((member, Err(reason)))
    };
    let Ok(file) = archive.by_index_raw(index) else { return refused(Reason::Damaged) };
    let Some(start) = file.data_start() else { return refused(Reason::Damaged) };
    // A name in no known encoding is taken byte for byte where it is ASCII.
    let name = match file.name() {
        Ok(name) => name.into_owned(),
        Err(_) => String::from_utf8_lossy(file.name_raw()).into_owned(),
    };
    let link = file.unix_mode().is_some_and(|mode| mode & 0o170_000 == 0o120_000);
    let judged = if leaves(&name) || file.encrypted() {
        Err(Reason::UnsafeArchiveEntry)
    } else if link {
        Err(Reason::Link)
    } else if !matches!(file.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        Err(Reason::Binary)
    } else {
        Ok(())
    };
    if file.is_dir() && judged.is_ok() {
        return None;
    }
    let member = Member {
        index,
        name,
        size: file.size(),
        crc: file.crc32(),
        start,
        compressed: file.compressed_size(),
        deflated: file.compression() == CompressionMethod::Deflated,
    };
    Some((member, judged))
}

/// The number of members that the end of the archive declares, where it fits 16 bits.
fn declared(blob: &Blob, limit: u64) -> Option<usize> {
    const LONGEST: i64 = 22 + 65_535;
    let mut reader = blob.seekable(limit).ok()?;
    let size = i64::try_from(reader.seek(SeekFrom::End(0)).ok()?).ok()?;
    reader.seek(SeekFrom::End(-size.min(LONGEST))).ok()?;
    let mut tail = Vec::new();
    reader.take(LONGEST as u64).read_to_end(&mut tail).ok()?;
    let end = tail.get(memchr::memmem::rfind(&tail, b"PK\x05\x06")?..)?;
    let count = u16::from_le_bytes([*end.get(10)?, *end.get(11)?]);
    (count != u16::MAX).then_some(usize::from(count))
}

/// Whether a name leaves its archive on any system.
fn leaves(name: &str) -> bool {
    let drive = name.as_bytes().get(1) == Some(&b':');
    drive
        || name.starts_with(['/', '\\'])
        || name.contains('\0')
        || name.split(['/', '\\']).any(|part| part == "..")
}

struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A file read by position, so that readers of one file do not disturb one another.
struct Positioned {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        #[cfg(unix)]
        let got = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let got = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Holds a member to its declared size and checksum.
struct Checked {
    inflated: Box<dyn Read>,
    hash: crc32fast::Hasher,
    crc: u32,
    left: u64,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inflated.read(buffer)?;
        self.hash.update(buffer.get(..got).unwrap_or_default());
        match self.left.checked_sub(got as u64) {
            None => return Err(refuse(Reason::Damaged)),
            Some(left) => self.left = left,
        }
        let ended = got == 0 && !buffer.is_empty();
        if ended && (self.left > 0 || self.hash.clone().finalize() != self.crc) {
            return Err(refuse(Reason::Damaged));
        }
        Ok(got)
    }
}

struct Counted {
    packed: Box<dyn Read>,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.packed.read(buffer)?;
        self.read.set(self.read.get() + got as u64);
        Ok(got)
    }
}

/// Holds a gzip stream to the ratio.
struct Guarded {
    inflated: MultiGzDecoder<Counted>,
    read: Rc<Cell<u64>>,
    given: u64,
    limits: Limits,
}

impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inflated.read(buffer)?;
        self.given += got as u64;
        let ratio = self.given / self.read.get().max(1);
        if self.given > self.limits.total || self.given > self.limits.floor && ratio > self.limits.ratio {
            return Err(refuse(Reason::ArchiveLimit));
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_archive() {
        for name in ["../x", "a/../../x", "a\\..\\x", "/etc/x", "\\\\host\\x", "C:\\x", "c:x", "a\0b"] {
            assert!(leaves(name), "{name}");
        }
        for name in ["a/b.json", "..a/b", "a..b", "y=2024/m=01/PT1H.json"] {
            assert!(!leaves(name), "{name}");
        }
    }
}
