//! The file that is sent: read front to back from one handle, and held against the digest that was
//! checked before.

use super::changed;
use crate::crypto::{Md5, Sha256, hex};
use crate::error::{self, Error, Result};
use crate::source::local::private;
use bytes::Bytes;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// First line of an age file (age v1).
const AGE: &[u8] = b"age-encryption.org/v1\n";
/// Bytes in front of the payload that are searched for the end of an age header.
const AGE_HEADER: usize = 256 << 10;
/// A chunk of an age payload with its tag, the tag alone, the nonce in front (age v1, "Payload").
const AGE_CHUNK: u64 = (64 << 10) + AGE_TAG;
const AGE_TAG: u64 = 16;
const AGE_NONCE: u64 = 16;

/// What is known of the file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A bundle in clear.
    Clear,
    /// A bundle that is encrypted for its recipients.
    Encrypted,
}

/// A file that may be sent.
#[derive(Debug)]
pub struct Content {
    file: File,
    name: String,
    size: u64,
    sha256: [u8; 32],
    standing: Standing,
}

impl Content {
    /// Opens a file and takes its digest. It says nothing about the content but whether it is
    /// encrypted; verifying it is the caller's part.
    ///
    /// # Errors
    /// Usage, if it is one of our own private files, no file, a draft, or in use; not a bundle, if it
    /// is an age file that ends too early; I/O.
    pub fn open(path: &Path) -> Result<Self> {
        let unreadable = |cause| Error::io(format!("cannot read `{}`", path.display()), cause);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("bundle").to_owned();
        let mut file = File::open(path).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(Error::usage(format!("`{}` is not a file", path.display())));
        }
        if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
            return Err(Error::usage("this bundle is still being written").hint("wait until it is finished"));
        }
        let mut head = vec![0; AGE_HEADER];
        let have = fill(&mut file, &mut head).map_err(unreadable)?;
        head.truncate(have);
        if private::is_private(&head) {
            return Err(Error::usage(format!("`{}` is a private file: it stays with you", path.display()))
                .hint("share sends finished bundles (entra-bundle-….zip, .zip.age) and nothing else"));
        }
        let size = file.metadata().map_err(unreadable)?.len();
        let standing = if head.starts_with(AGE) {
            check_age(&head, size)?;
            Standing::Encrypted
        } else {
            Standing::Clear
        };
        let mut digest = Sha256::new();
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let mut buffer = vec![0; 1 << 20];
        let mut read = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(more) => {
                    digest.update(buffer.get(..more).unwrap_or_default());
                    read += more as u64;
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(unreadable(cause)),
            }
        }
        if read != size || size == 0 {
            return Err(changed());
        }
        Ok(Content { file, name, size, sha256: digest.finish(), standing })
    }

    /// Whether it is encrypted.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// File name without its folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// SHA-256 of the file, hex.
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }

    /// Reads the file from its start, in pieces.
    pub(super) fn pieces(&self) -> Result<Pieces> {
        let mut file = self.file.try_clone().map_err(unread)?;
        file.seek(SeekFrom::Start(0)).map_err(unread)?;
        Ok(Pieces { file, left: self.size, sha256: Sha256::new(), md5: Md5::new(), expected: self.sha256 })
    }
}

/// The file from its start.
pub(super) struct Pieces {
    file: File,
    left: u64,
    sha256: Sha256,
    md5: Md5,
    expected: [u8; 32],
}

impl Pieces {
    /// The next `length` bytes, or what is left.
    ///
    /// # Errors
    /// I/O; integrity, with the last piece, if the file is not the one that was checked: so the last
    /// piece is never sent then.
    pub fn next(&mut self, length: u64) -> Result<Option<Bytes>> {
        let length = length.min(self.left);
        if length == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.file.read_exact(&mut bytes).map_err(|cause| match cause.kind() {
            io::ErrorKind::UnexpectedEof => changed(),
            _ => unread(cause),
        })?;
        self.sha256.update(&bytes);
        self.md5.update(&bytes);
        self.left -= length;
        if self.left == 0 && self.sha256.clone().finish() != self.expected {
            return Err(changed());
        }
        Ok(Some(bytes.into()))
    }

    /// MD5 of all that was read.
    pub fn md5(self) -> [u8; 16] {
        self.md5.finish()
    }
}

/// Whether the file can be a whole age file: a header that ends, a nonce, and chunks of which the
/// last holds something. Whether they authenticate only a recipient can tell.
fn check_age(head: &[u8], size: u64) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::new(error::Kind::NotABundle, format!("not a whole age file: {why}"))
            .hint("the file was cut or changed after sealing: seal it again"))
    };
    let Some(at) = memchr::memmem::find(head, b"\n--- ") else { return refuse("its header has no end") };
    let rest = head.get(at + 1..).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', rest) else { return refuse("its header has no end") };
    let header = (at + 1 + end + 1) as u64;
    let payload = size.saturating_sub(header + AGE_NONCE);
    let last = payload % AGE_CHUNK;
    if payload <= AGE_TAG || (last != 0 && last <= AGE_TAG) {
        return refuse("it ends inside a chunk");
    }
    Ok(())
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(have)
}

fn unread(cause: io::Error) -> Error {
    Error::io("cannot read the bundle", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn private_files_are_refused() {
        for text in [
            "entra-bundle-key-1:aaaa:00000000\n",
            "entra-bundle/workspace\n\x01",
            "-----BEGIN PRIVATE KEY-----\n",
        ] {
            let file = file(text.as_bytes());
            let error = Content::open(file.path()).unwrap_err();
            assert_eq!(error.code(), 2, "{error}");
            assert!(error.message().ends_with("is a private file: it stays with you"));
        }
    }

    #[test]
    fn an_age_file_that_was_cut_is_refused() {
        let header = "age-encryption.org/v1\n-> X25519 abc\ndef\n--- mac\n";
        let of = |payload: usize| {
            let file = file(&[header.as_bytes(), &vec![7; payload]].concat());
            Content::open(file.path()).map(|content| content.standing())
        };
        let (nonce, tag, chunk) = (AGE_NONCE as usize, AGE_TAG as usize, AGE_CHUNK as usize);
        for whole in [nonce + tag + 1, nonce + chunk, nonce + chunk + tag + 1] {
            assert_eq!(of(whole).unwrap(), Standing::Encrypted, "{whole}");
        }
        for cut in [0, nonce, nonce + tag, nonce + chunk + 1, nonce + chunk + tag] {
            assert_eq!(of(cut).unwrap_err().code(), 10, "{cut}");
        }
        let no_end = file(b"age-encryption.org/v1\n-> X25519 abc\n");
        assert_eq!(Content::open(no_end.path()).unwrap_err().code(), 10);
    }

    #[test]
    fn pieces_are_the_file_and_a_changed_file_has_no_last_piece() {
        let file = file(b"0123456789");
        let content = Content::open(file.path()).unwrap();
        let mut pieces = content.pieces().unwrap();
        let mut all = Vec::new();
        while let Some(piece) = pieces.next(4).unwrap() {
            all.push(piece.to_vec());
        }
        assert_eq!(all, [b"0123".to_vec(), b"4567".to_vec(), b"89".to_vec()]);
        std::fs::write(file.path(), b"01234567xx").unwrap();
        let mut pieces = content.pieces().unwrap();
        pieces.next(8).unwrap();
        assert_eq!(pieces.next(8).unwrap_err().code(), 11);
        std::fs::write(file.path(), b"01").unwrap();
        assert_eq!(content.pieces().unwrap().next(8).unwrap_err().code(), 11);
    }
}
