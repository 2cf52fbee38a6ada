//! Writing the archive: entries are compressed first, then appended; nothing is ever patched.
//!
//! An entry is packed on its own (in any worker) into a one-entry zip in memory. The archive takes
//! over its compressed bytes under the final name. Underneath lies a sink that can only grow: a
//! seek to any other place than the end is an error, so that an encrypting stream fits below it,
//! and so that what was once written cannot change.

use crate::crypto::Sha256;
use crate::error::{self, Error, Result};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, System, ZipArchive, ZipWriter};

/// The name inside the one-entry zip; never seen in a bundle.
const PLACEHOLDER: &str = "p";

/// How an entry's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// As they are: the manifest and the attestations, so that no byte of theirs has two spellings.
    Stored,
    /// Deflate, level 6.
    Deflated,
}

fn options(method: Method) -> SimpleFileOptions {
    let plain = SimpleFileOptions::DEFAULT.system(System::Unix).unix_permissions(0o644);
    match method {
        Method::Stored => plain.compression_method(CompressionMethod::Stored).compression_level(None),
        Method::Deflated => plain.compression_method(CompressionMethod::Deflated).compression_level(Some(6)),
    }
}

/// Compresses one entry in memory.
pub(crate) struct Packer {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    method: Option<Method>,
    digest: Sha256,
    size: u64,
    /// Content that waits: compressing and hashing record by record costs more than the bytes do.
    waiting: Vec<u8>,
}

/// Content that is compressed at a time.
const AT_A_TIME: usize = 64 << 10;

impl Packer {
    pub(crate) fn new(method: Method) -> Self {
        let zip = ZipWriter::new(Cursor::new(Vec::new()));
        Packer { zip, method: Some(method), digest: Sha256::new(), size: 0, waiting: Vec::new() }
    }

    fn start(&mut self) -> Result<()> {
        match self.method.take() {
            Some(method) => self.zip.start_file(PLACEHOLDER, options(method)).map_err(broken),
            None => Ok(()),
        }
    }

    /// Adds content.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.waiting.len() + bytes.len() <= AT_A_TIME {
            self.waiting.extend_from_slice(bytes);
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.compress(&waiting)?;
        self.waiting = waiting;
        self.waiting.clear();
        if bytes.len() <= AT_A_TIME {
            self.waiting.extend_from_slice(bytes);
            return Ok(());
        }
        self.compress(bytes)
    }

    fn compress(&mut self, bytes: &[u8]) -> Result<()> {
        self.start()?;
        self.zip.write_all(bytes).map_err(|e| Error::io("cannot compress an entry", e))?;
        self.digest.update(bytes);
        Ok(())
    }

    /// Content bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn finish(mut self) -> Result<Packed> {
        let waiting = std::mem::take(&mut self.waiting);
        self.compress(&waiting)?;
        let zip = self.zip.finish().map_err(broken)?.into_inner();
        let mut reader = ZipArchive::new(Cursor::new(&zip[..])).map_err(broken)?;
        let entry = reader.by_index_raw(0).map_err(broken)?;
        let start = entry.data_start().ok_or_else(|| internal("a packed entry has no place"))?;
        let (compressed, crc) = (entry.compressed_size(), entry.crc32());
        let deflated = entry.compression() == CompressionMethod::Deflated;
        drop(entry);
        drop(reader);
        Ok(Packed {
            start,
            compressed,
            crc,
            deflated,
            size: self.size,
            sha256: self.digest.finish(),
            proven: AtomicBool::new(false),
            zip,
        })
    }
}

/// A compressed entry without its name.
pub(crate) struct Packed {
    zip: Vec<u8>,
    start: u64,
    compressed: u64,
    crc: u32,
    deflated: bool,
    size: u64,
    sha256: [u8; 32],
    /// Whether it was inflated again to its end, and was what went in.
    proven: AtomicBool,
}

impl Packed {
    /// Packs bytes that are all there.
    pub(crate) fn of(bytes: &[u8], method: Method) -> Result<Self> {
        let mut packer = Packer::new(method);
        packer.write(bytes)?;
        packer.finish()
    }

    /// Uncompressed size.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Memory that the entry occupies until it is appended.
    pub(crate) fn footprint(&self) -> u64 {
        self.zip.len() as u64
    }

    /// SHA-256 of the uncompressed bytes.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The content, inflated again from the finished compressed bytes. Its end is an error if size or
    /// CRC-32 are not those of what was packed.
    pub(crate) fn inflate(&self) -> impl Read + '_ {
        let range = self.start as usize..(self.start + self.compressed) as usize;
        let bytes = self.zip.get(range).unwrap_or_default();
        let content: Box<dyn Read + '_> =
            if self.deflated { Box::new(flate2::read::DeflateDecoder::new(bytes)) } else { Box::new(bytes) };
        Inflated { content, crc: crc32fast::Hasher::new(), size: 0, packed: self }
    }

    /// Whether the content was inflated again and is what went in.
    pub(crate) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// The one-entry zip and the way back from it, to park an entry outside the memory.
    pub(crate) fn into_parked(self) -> (Vec<u8>, Parked) {
        let Packed { zip, start, compressed, crc, deflated, size, sha256, proven } = self;
        (zip, Parked { start, compressed, crc, deflated, size, sha256, proven })
    }
}

/// Content on its way back, measured as it passes.
struct Inflated<'p> {
    content: Box<dyn Read + 'p>,
    crc: crc32fast::Hasher,
    size: u64,
    packed: &'p Packed,
}

impl Read for Inflated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.crc.update(buffer.get(..read).unwrap_or_default());
        self.size += read as u64;
        if read == 0 && !buffer.is_empty() {
            if (self.packed.crc, self.packed.size) != (self.crc.clone().finalize(), self.size) {
                let text = "an entry does not inflate to what was packed";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            self.packed.proven.store(true, Ordering::Relaxed);
        }
        Ok(read)
    }
}

/// A packed entry whose bytes lie elsewhere.
pub(crate) struct Parked {
    start: u64,
    compressed: u64,
    crc: u32,
    deflated: bool,
    size: u64,
    sha256: [u8; 32],
    proven: AtomicBool,
}

impl Parked {
    pub(crate) fn unpark(self, zip: Vec<u8>) -> Packed {
        let Parked { start, compressed, crc, deflated, size, sha256, proven } = self;
        Packed { zip, start, compressed, crc, deflated, size, sha256, proven }
    }
}

/// Appends packed entries to a file.
pub(crate) struct Archive<W: Write> {
    zip: Option<ZipWriter<Tail<W>>>,
    state: Arc<Mutex<State>>,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(sink: W) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let tail = Tail { sink: Some(sink), position: 0, state: Arc::clone(&state) };
        Archive { zip: Some(ZipWriter::new(tail)), state }
    }

    /// Appends an entry. The caller has checked the name and its order.
    pub(crate) fn append(&mut self, name: &str, entry: &Packed) -> Result<()> {
        self.still_whole()?;
        let zip = self.zip.as_mut().ok_or_else(|| internal("the archive is closed"))?;
        let mut packed = ZipArchive::new(Cursor::new(&entry.zip[..])).map_err(broken)?;
        let entry = packed.by_index_raw(0).map_err(broken)?;
        let done = zip.raw_copy_file_rename(entry, name);
        done.map_err(|error| self.failure(error))
    }

    /// Bytes written so far, and their SHA-256.
    pub(crate) fn so_far(&self) -> (u64, [u8; 32]) {
        let state = self.lock();
        (state.written, state.digest.clone().finish())
    }

    /// Writes the central directory and hands the sink back.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.still_whole()?;
        let zip = self.zip.take().ok_or_else(|| internal("the archive is closed"))?;
        let mut tail = zip.finish().map_err(|error| self.failure(error))?;
        tail.flush().map_err(|e| Error::io("cannot write the bundle", e))?;
        tail.sink.take().ok_or_else(|| internal("the archive is closed"))
    }

    fn still_whole(&self) -> Result<()> {
        if self.lock().abandoned {
            Err(internal("the archive is closed after a failed write"))
        } else {
            Ok(())
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, error: zip::result::ZipError) -> Error {
        match error {
            zip::result::ZipError::Io(cause) => Error::io("cannot write the bundle", cause),
            other => broken(other),
        }
    }
}

impl<W: Write> Drop for Archive<W> {
    fn drop(&mut self) {
        // An unfinished `ZipWriter` finishes itself when dropped, and complains on standard error
        // when it cannot. An abandoned archive has nothing more to write.
        self.lock().abandoned = true;
    }
}

#[derive(Default)]
struct State {
    digest: Sha256,
    written: u64,
    abandoned: bool,
}

/// A sink that can only grow.
struct Tail<W> {
    sink: Option<W>,
    position: u64,
    state: Arc<Mutex<State>>,
}

impl<W: Write> Write for Tail<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match &mut self.sink {
            Some(sink) if !state.abandoned => sink.write(bytes).inspect_err(|error| {
                // Nothing may follow a failed write, also not what a dropped `ZipWriter` would add.
                state.abandoned = error.kind() != io::ErrorKind::Interrupted;
            })?,
            _ => bytes.len(),
        };
        state.digest.update(bytes.get(..written).unwrap_or(bytes));
        state.written += written as u64;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let abandoned = self.state.lock().unwrap_or_else(PoisonError::into_inner).abandoned;
        match &mut self.sink {
            Some(sink) if !abandoned => sink.flush(),
            _ => Ok(()),
        }
    }
}

impl<W> Seek for Tail<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(0) | SeekFrom::End(0) => Ok(self.position),
            SeekFrom::Start(at) if at == self.position => Ok(at),
            _ => Err(io::Error::other("the archive is append-only")),
        }
    }
}

fn broken(error: zip::result::ZipError) -> Error {
    match error {
        zip::result::ZipError::Io(cause) => Error::io("cannot build the archive", cause),
        _ => internal("cannot build the archive"),
    }
}

fn internal(message: &str) -> Error {
    Error::new(error::Kind::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_exactly_the_bytes_of_the_profile() {
        let mut archive = Archive::new(Vec::new());
        archive.append("data/a", &Packed::of(b"hello", Method::Stored).unwrap()).unwrap();
        let (written, digest) = archive.so_far();
        let bytes = archive.finish().unwrap();
        assert_eq!(digest, crate::crypto::sha256(&bytes[..written as usize]));
        let expected = [
            // local header: version 1.0, flags 0, stored, 1980-01-01 00:00, crc, sizes, name, no extra
            b"PK\x03\x04\x0a\0\0\0\0\0\0\0\x21\0\x86\xa6\x10\x36\x05\0\0\0\x05\0\0\0\x06\0\0\0data/ahello".as_slice(),
            b"PK\x01\x02\x0a\x03\x0a\0\0\0\0\0\0\0\x21\0\x86\xa6\x10\x36\x05\0\0\0\x05\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\xa4\x81\0\0\0\0data/a",
            b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x34\0\0\0\x29\0\0\0\0\0",
        ]
        .concat();
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn packed_entries_inflate_to_what_went_in() {
        for method in [Method::Stored, Method::Deflated] {
            let content = b"abc\n".repeat(10_000);
            let packed = Packed::of(&content, method).unwrap();
            assert_eq!(packed.sha256(), crate::crypto::sha256(&content));
            let mut out = Vec::new();
            packed.inflate().read_to_end(&mut out).unwrap();
            assert_eq!(out, content);
        }
    }

    #[test]
    fn an_abandoned_archive_writes_nothing_more() {
        let sink = Arc::new(Mutex::new(Vec::new()));
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut archive = Archive::new(Shared(Arc::clone(&sink)));
        archive.append("data/a", &Packed::of(b"hello", Method::Stored).unwrap()).unwrap();
        let before = sink.lock().unwrap().len();
        drop(archive);
        assert_eq!(sink.lock().unwrap().len(), before);
    }
}
