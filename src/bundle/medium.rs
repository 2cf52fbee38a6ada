//! Where the bytes of an archive lie, and reading one entry of it.
//!
//! All reads go by position to one open handle, so that the file that was checked is the file that
//! is read, and several entries can be read at once.

use super::finding::Rule;
use crate::crypto::Sha256;
use flate2::{Decompress, FlushDecompress, Status};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Bytes that are read by position.
pub trait Medium: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether there are no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads some bytes at `offset`; 0 only at the end or for an empty buffer.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Fills the buffer, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(offset, buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    offset += read as u64;
                    buffer = buffer.get_mut(read..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Medium for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }
}

impl Medium for Vec<u8> {
    fn len(&self) -> io::Result<u64> {
        Ok(Vec::len(self) as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }
}

/// Where an entry's data lie and what the headers say of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Name, within the grammar.
    pub name: String,
    /// Whether the data are deflated; otherwise they are stored.
    pub deflated: bool,
    /// CRC-32 of the uncompressed data.
    pub crc: u32,
    /// Size in the archive.
    pub compressed: u64,
    /// Uncompressed size.
    pub size: u64,
    /// Offset of the local header.
    pub header: u64,
    /// Offset of the data.
    pub data: u64,
}

/// Damage found while reading an entry; travels inside an [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage(pub Rule);

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Rule::Deflate => "the deflate stream is damaged or does not end where the entry ends",
            Rule::Size => "the data have another length than declared",
            Rule::Crc => "the CRC-32 differs",
            Rule::Digest => "the SHA-256 differs from the manifest's",
            _ => "the entry is damaged",
        })
    }
}

impl std::error::Error for Damage {}

impl Damage {
    /// The damage inside an error, if it is one.
    pub fn of(error: &io::Error) -> Option<Damage> {
        error.get_ref()?.downcast_ref::<Damage>().copied()
    }
}

fn damaged(rule: Rule) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Damage(rule))
}

const BUFFER: usize = 64 * 1024;

/// The uncompressed bytes of one entry. Memory is bounded; never gives more bytes than declared;
/// at the end, length, CRC-32 and (if given) SHA-256 have been compared. An error is final.
pub struct EntryReader {
    medium: Arc<dyn Medium>,
    slot: Slot,
    expected: Option<[u8; 32]>,
    inflater: Option<Decompress>,
    buffer: Vec<u8>,
    filled: usize,
    used: usize,
    fetched: u64,
    produced: u64,
    crc: crc32fast::Hasher,
    digest: Sha256,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
    Failed(Rule),
}

impl EntryReader {
    /// Opens the entry in `slot`. `sha256` is compared at the end if given.
    pub fn new(medium: Arc<dyn Medium>, slot: Slot, sha256: Option<[u8; 32]>) -> Self {
        EntryReader {
            inflater: slot.deflated.then(|| Decompress::new(false)),
            buffer: vec![0; BUFFER.min(usize::try_from(slot.compressed).unwrap_or(BUFFER)).max(1)],
            medium,
            slot,
            expected: sha256,
            filled: 0,
            used: 0,
            fetched: 0,
            produced: 0,
            crc: crc32fast::Hasher::new(),
            digest: Sha256::new(),
            state: State::Open,
        }
    }

    /// Loads compressed bytes when all loaded ones are used; `false` at the end of the entry.
    fn load(&mut self) -> io::Result<bool> {
        if self.used < self.filled {
            return Ok(true);
        }
        let left = self.slot.compressed - self.fetched;
        if left == 0 {
            return Ok(false);
        }
        let want = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let Some(space) = self.buffer.get_mut(..want) else { return Ok(false) };
        self.medium.read_exact_at(self.slot.data + self.fetched, space)?;
        self.fetched += want as u64;
        (self.used, self.filled) = (0, want);
        Ok(true)
    }

    fn step(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let more = self.load()?;
            let input = self.buffer.get(self.used..self.filled).unwrap_or_default();
            let Some(inflater) = &mut self.inflater else {
                if !more {
                    return self.close();
                }
                let length = input.len().min(out.len());
                if let (Some(to), Some(from)) = (out.get_mut(..length), input.get(..length)) {
                    to.copy_from_slice(from);
                }
                self.used += length;
                return self.give(out, length);
            };
            let (read, written) = (inflater.total_in(), inflater.total_out());
            let status =
                inflater.decompress(input, out, FlushDecompress::None).map_err(|_| damaged(Rule::Deflate))?;
            let (took, made) =
                ((inflater.total_in() - read) as usize, (inflater.total_out() - written) as usize);
            self.used += took;
            if made > 0 {
                return self.give(out, made);
            }
            match status {
                Status::StreamEnd => {
                    if inflater.total_in() != self.slot.compressed {
                        return Err(damaged(Rule::Deflate));
                    }
                    return self.close();
                }
                _ if took == 0 && !more => return Err(damaged(Rule::Deflate)),
                _ => {}
            }
        }
    }

    fn give(&mut self, out: &[u8], length: usize) -> io::Result<usize> {
        let bytes = out.get(..length).unwrap_or_default();
        self.produced += length as u64;
        if self.produced > self.slot.size {
            return Err(damaged(Rule::Size));
        }
        self.crc.update(bytes);
        self.digest.update(bytes);
        Ok(length)
    }

    fn close(&mut self) -> io::Result<usize> {
        if self.produced != self.slot.size {
            return Err(damaged(Rule::Size));
        }
        if self.crc.clone().finalize() != self.slot.crc {
            return Err(damaged(Rule::Crc));
        }
        if self.expected.is_some_and(|expected| self.digest.clone().finish() != expected) {
            return Err(damaged(Rule::Digest));
        }
        self.state = State::Done;
        Ok(0)
    }
}

impl Read for EntryReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Done => return Ok(0),
            State::Failed(rule) => return Err(damaged(rule)),
            State::Open => {}
        }
        if out.is_empty() {
            return Ok(0);
        }
        self.step(out).inspect_err(|error| {
            if let Some(Damage(rule)) = Damage::of(error) {
                self.state = State::Failed(rule);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn slot(content: &[u8], compressed: &[u8]) -> Slot {
        Slot {
            name: "data/x".to_owned(),
            deflated: true,
            crc: crc32fast::hash(content),
            compressed: compressed.len() as u64,
            size: content.len() as u64,
            header: 0,
            data: 0,
        }
    }

    fn deflate(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn read(slot: Slot, bytes: Vec<u8>, sha256: Option<[u8; 32]>) -> Result<Vec<u8>, Rule> {
        let mut out = Vec::new();
        match EntryReader::new(Arc::new(bytes), slot, sha256).read_to_end(&mut out) {
            Ok(_) => Ok(out),
            Err(error) => Err(Damage::of(&error).unwrap().0),
        }
    }

    #[test]
    fn every_kind_of_damage_has_its_name() {
        let content = b"0123456789abcdef\n".repeat(20_000);
        let packed = deflate(&content);
        let good = slot(&content, &packed);
        let digest = crate::crypto::sha256(&content);
        assert_eq!(read(good.clone(), packed.clone(), Some(digest)), Ok(content.clone()));
        assert_eq!(read(good.clone(), packed.clone(), Some([0; 32])), Err(Rule::Digest));
        assert_eq!(read(Slot { crc: 1, ..good.clone() }, packed.clone(), None), Err(Rule::Crc));
        let short = content.len() as u64 - 1;
        assert_eq!(read(Slot { size: short, ..good.clone() }, packed.clone(), None), Err(Rule::Size));
        assert_eq!(read(Slot { size: short + 2, ..good.clone() }, packed.clone(), None), Err(Rule::Size));
        let cut = packed.len() as u64 - 1;
        assert_eq!(read(Slot { compressed: cut, ..good.clone() }, packed.clone(), None), Err(Rule::Deflate));
        let longer = [&packed[..], b"x"].concat();
        assert_eq!(read(slot(&content, &longer), longer.clone(), None), Err(Rule::Deflate));
        let stored = Slot { deflated: false, compressed: good.size, ..good };
        assert_eq!(read(stored, content.clone(), Some(digest)), Ok(content));
    }

    #[test]
    fn an_empty_entry_and_a_reader_after_its_end_give_nothing() {
        let packed = deflate(b"");
        assert_eq!(read(slot(b"", &packed), packed, None), Ok(Vec::new()));
        let stored = Slot { deflated: false, compressed: 0, ..slot(b"", b"") };
        let mut reader = EntryReader::new(Arc::new(Vec::new()), stored, None);
        for _ in 0..3 {
            assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
        }
    }
}
