//! The one file format of the workspace: a clear header, then encrypted chunks.
//!
//! ```text
//! header   magic ‖ version (1 byte) ‖ salt (32 random bytes)
//! chunk k  sealed(2k, length u32 LE ‖ flags u8) ‖ sealed(2k + 1, body)
//! ```
//! The key of a file is HKDF-SHA-256(workspace key, salt, [`INFO`]); the numbers are the nonces of
//! AES-256-GCM. Because every file has a salt of its own and is written once, from its first byte
//! on, and never continued after it was closed, no pair of key and nonce occurs twice. Both parts
//! of a chunk bind the workspace, the file, the chunk's number, its flags and the stream, so a
//! chunk cannot be swapped, repeated or moved.
//!
//! Chunk 0 is the preamble (see its writers); it binds no stream, because it tells what the file is.

use super::disk::Output;
use super::{MAGIC, WorkspaceKey};
use crate::crypto::{self, Aead, Hkdf, TAG_BYTES};
use crate::error::{self, Error, Result};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use zeroize::Zeroizing;

/// Plaintext of a chunk, at most.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// Bytes before chunk 0.
pub(super) const HEADER_BYTES: u64 = (MAGIC.len() + 1 + SALT_BYTES) as u64;
/// What a chunk takes on the disk beyond its body.
pub(super) const OVERHEAD: u64 = (PREFIX_BYTES + TAG_BYTES) as u64;
/// Flag: this chunk ends a commit (in segments) or a line (in the ledger).
pub(super) const FINAL: u8 = 1;
/// Flag: this chunk continues the record that began in an earlier one; no record begins here.
pub(super) const CONTINUES: u8 = 2;

const INFO: &[u8] = b"entra-bundle/workspace-segment/1";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 32;
const PREFIX_BYTES: usize = 5 + TAG_BYTES;
/// Stands for the flags where they are not known yet: in front of the prefix that holds them.
const NO_FLAGS: u8 = 0xff;

/// What a file belongs to; part of what every chunk binds.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    /// The workspace; zero in the ledger, which tells it.
    pub workspace: &'a [u8; 16],
    /// `source/dataset`; empty in the ledger.
    pub stream: &'a str,
}

/// Name of a segment: the first half of its salt. A file under another's name is seen at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(pub [u8; 16]);

impl Name {
    /// The file name: 32 hex digits.
    pub fn text(self) -> String {
        crypto::hex(&self.0)
    }

    /// The name of a file name.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Name)
    }
}

struct Cipher {
    aead: Aead,
    workspace: [u8; 16],
    name: Name,
    stream: String,
}

impl Cipher {
    fn new(key: &WorkspaceKey, salt: &[u8; SALT_BYTES], owner: Owner<'_>) -> Result<Self> {
        let mut derived = Zeroizing::new([0; 32]);
        Hkdf::extract(salt, key.bytes()).expand(INFO, &mut derived[..])?;
        let mut name = Name([0; 16]);
        name.0.copy_from_slice(&salt[..16]);
        Ok(Cipher {
            aead: Aead::new(&derived)?,
            workspace: *owner.workspace,
            name,
            stream: owner.stream.to_owned(),
        })
    }

    /// What a chunk binds. Fixed lengths first, so that no two contexts read alike.
    fn context(&self, number: u64, flags: u8) -> Vec<u8> {
        let stream = if number == 0 { "" } else { &self.stream };
        let mut out = Vec::with_capacity(41 + stream.len());
        out.extend_from_slice(&self.workspace);
        out.extend_from_slice(&self.name.0);
        out.extend_from_slice(&number.to_be_bytes());
        out.push(flags);
        out.extend_from_slice(stream.as_bytes());
        out
    }
}

/// Writes a new file.
pub(super) struct Writer {
    output: Output,
    cipher: Cipher,
    next: u64,
    at: u64,
    prefix: Vec<u8>,
}

impl Writer {
    /// Creates a segment under a random name in `folder`, with its preamble.
    pub fn segment(folder: &Path, key: &WorkspaceKey, owner: Owner<'_>, preamble: &[u8]) -> Result<Self> {
        let salt = crypto::random()?;
        let cipher = Cipher::new(key, &salt, owner)?;
        let path = folder.join(cipher.name.text());
        Self::start(&path, cipher, &salt, preamble)
    }

    /// Creates a file under the given name, with its preamble.
    pub fn named(path: &Path, key: &WorkspaceKey, owner: Owner<'_>, preamble: &[u8]) -> Result<Self> {
        let salt = crypto::random()?;
        Self::start(path, Cipher::new(key, &salt, owner)?, &salt, preamble)
    }

    fn start(path: &Path, cipher: Cipher, salt: &[u8; SALT_BYTES], preamble: &[u8]) -> Result<Self> {
        let mut output = Output::create(path)?;
        output.write(&[MAGIC, &[VERSION], &salt[..]].concat())?;
        let mut writer =
            Writer { output, cipher, next: 0, at: HEADER_BYTES, prefix: Vec::with_capacity(PREFIX_BYTES) };
        writer.write(FINAL, &mut preamble.to_vec())?;
        Ok(writer)
    }

    /// Name of the segment.
    pub fn name(&self) -> Name {
        self.cipher.name
    }

    /// Number of the next chunk.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Where the next chunk will begin, in bytes from the start of the file.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Encrypts `body` (at most [`CHUNK_BYTES`]) in place, writes it as the next chunk and empties it.
    /// After an error the writer must not be used again: its file holds part of a chunk.
    pub fn write(&mut self, flags: u8, body: &mut Vec<u8>) -> Result<()> {
        let length = u32::try_from(body.len())
            .map_err(|_| Error::new(error::Kind::Internal, "a chunk of the workspace is too long"))?;
        let number = self.next;
        // Counted before anything is written: an error never leads to the same number again.
        self.next += 1;
        self.prefix.clear();
        self.prefix.extend_from_slice(&length.to_le_bytes());
        self.prefix.push(flags);
        let cipher = &self.cipher;
        cipher.aead.seal(2 * number, &cipher.context(number, NO_FLAGS), &mut self.prefix)?;
        cipher.aead.seal(2 * number + 1, &cipher.context(number, flags), body)?;
        self.output.write(&self.prefix)?;
        self.output.write(body)?;
        self.at += (self.prefix.len() + body.len()) as u64;
        body.clear();
        Ok(())
    }

    /// Waits until all chunks are on the disk.
    pub fn sync(&self) -> Result<()> {
        self.output.sync()
    }
}

/// Why a chunk cannot be had.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file ends inside the chunk, as after a crash.
    Torn,
    /// The chunk does not authenticate: changed, out of place, or under another key.
    Damaged,
    /// Not one of our files, or one of another version; or reading failed.
    Other(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Other(error)
    }
}

/// Reads a file chunk by chunk.
pub(super) struct Reader {
    file: BufReader<File>,
    cipher: Cipher,
    /// Number of the next chunk.
    number: u64,
    /// Where the next chunk begins.
    at: u64,
    buffer: Vec<u8>,
}

impl Reader {
    /// Opens a file and checks its header.
    pub fn open(path: &Path, key: &WorkspaceKey, owner: Owner<'_>) -> Result<Self, Fault> {
        let file = File::open(path).map_err(unreadable)?;
        let mut file = BufReader::new(file);
        let salt = read_header(&mut file)?;
        let cipher = Cipher::new(key, &salt, owner)?;
        Ok(Reader { file, cipher, number: 0, at: HEADER_BYTES, buffer: Vec::new() })
    }

    /// The name that the salt gives.
    pub fn name(&self) -> Name {
        self.cipher.name
    }

    /// Where the next chunk begins, in bytes from the start of the file.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Goes to the chunk of this number, which begins at `at`.
    pub fn seek(&mut self, number: u64, at: u64) -> Result<()> {
        if (self.number, self.at) != (number, at) {
            self.file.seek(SeekFrom::Start(at)).map_err(unreadable)?;
            (self.number, self.at) = (number, at);
        }
        Ok(())
    }

    /// The next chunk: its flags and its body. `None` where the file ends after a whole chunk.
    pub fn next(&mut self) -> Result<Option<(u8, &mut [u8])>, Fault> {
        let mut prefix = [0; PREFIX_BYTES];
        match fill(&mut self.file, &mut prefix)? {
            0 => return Ok(None),
            PREFIX_BYTES => {}
            _ => return Err(Fault::Torn),
        }
        let number = self.number;
        let context = self.cipher.context(number, NO_FLAGS);
        let end = self.at + PREFIX_BYTES as u64;
        let (length, flags) = match self.cipher.aead.open(2 * number, &context, &mut prefix) {
            Ok(&mut [a, b, c, d, flags]) => (u32::from_le_bytes([a, b, c, d]) as usize, flags),
            _ => return Err(self.torn_or_damaged(end)),
        };
        if length > CHUNK_BYTES {
            return Err(Fault::Damaged);
        }
        self.buffer.resize(length + TAG_BYTES, 0);
        if fill(&mut self.file, &mut self.buffer)? < self.buffer.len() {
            return Err(Fault::Torn);
        }
        let end = end + self.buffer.len() as u64;
        let context = self.cipher.context(number, flags);
        if self.cipher.aead.open(2 * number + 1, &context, &mut self.buffer).is_err() {
            return Err(self.torn_or_damaged(end));
        }
        self.number += 1;
        self.at = end;
        Ok(Some((flags, &mut self.buffer[..length])))
    }

    /// The body that [`Reader::next`] gave last.
    pub fn body(&self) -> &[u8] {
        &self.buffer[..self.buffer.len().saturating_sub(TAG_BYTES)]
    }

    /// Some file systems give a file its new length before its bytes: after a crash it ends in
    /// zeros. They count as absent.
    fn torn_or_damaged(&self, end: u64) -> Fault {
        match length_without_zeros(self.file.get_ref()) {
            Ok(length) if length < end => Fault::Torn,
            Ok(_) => Fault::Damaged,
            Err(cause) => Fault::Other(unreadable(cause)),
        }
    }
}

/// The name of the segment in this file, if its header is whole.
pub(super) fn name_of(path: &Path) -> Result<Name, Fault> {
    let mut file = File::open(path).map_err(unreadable)?;
    let salt = read_header(&mut file)?;
    let mut name = Name([0; 16]);
    name.0.copy_from_slice(&salt[..16]);
    Ok(name)
}

fn read_header(file: &mut impl Read) -> Result<[u8; SALT_BYTES], Fault> {
    let mut start = [0; MAGIC.len() + 1];
    let have = fill(file, &mut start)?;
    let (magic, version) = start.split_at(MAGIC.len());
    if have < start.len() {
        // What is there may be the start of one of our headers, cut by a crash.
        return Err(if [MAGIC, &[VERSION]].concat().starts_with(&start[..have]) {
            Fault::Torn
        } else {
            Fault::Damaged
        });
    }
    if magic != MAGIC {
        return Err(Fault::Damaged);
    }
    if version != [VERSION] {
        return Err(Fault::Other(
            Error::new(
                error::Kind::Unsupported,
                "this workspace has a format that this version does not read",
            )
            .hint("use the version of entra-bundle that made it"),
        ));
    }
    let mut salt = [0; SALT_BYTES];
    match fill(file, &mut salt)? {
        SALT_BYTES => Ok(salt),
        _ => Err(Fault::Torn),
    }
}

/// Reads until `buffer` is full or the file ends; the number of bytes read.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut have = 0;
    while have < buffer.len() {
        match file.read(&mut buffer[have..]) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(unreadable(cause)),
        }
    }
    Ok(have)
}

/// Length of a file without the zeros at its end, if there are at least 8 (a chance of 2^-64 in
/// whole chunks).
fn length_without_zeros(mut file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut solid = length;
    let mut block = [0; 4096];
    while solid > 0 {
        let from = solid.saturating_sub(block.len() as u64);
        let block = &mut block[..(solid - from) as usize];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(block)?;
        match block.iter().rposition(|&byte| byte != 0) {
            Some(last) => {
                solid = from + last as u64 + 1;
                break;
            }
            None => solid = from,
        }
    }
    Ok(if length - solid >= 8 { solid } else { length })
}

fn unreadable(cause: io::Error) -> Error {
    Error::io("cannot read a file of the workspace", cause)
}
