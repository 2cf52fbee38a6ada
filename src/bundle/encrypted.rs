//! The plain view of an encrypted bundle: chunks are decrypted where they are read.
//!
//! No plaintext is ever written anywhere; memory is that of a few chunks. Each chunk is authenticated
//! before a byte of it is given.

use super::armour::Armour;
use super::finding::{Finding, Rule};
use super::medium::Medium;
use crate::crypto::encryption::{self, CHUNK, HEADER_BYTES, Identities, MAGIC, Payload, Unopened};
use crate::error::Error;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Decrypted chunks that are kept: readers in several threads come back to their own.
const KEPT: usize = 16;

/// Whether the file begins like an age file, armoured or not.
pub fn is_encrypted(medium: &dyn Medium) -> io::Result<bool> {
    let head = head(medium, 1200)?;
    Ok(head.starts_with(MAGIC) || Armour::begins(&head))
}

/// An encrypted bundle, opened.
pub struct Opened {
    /// The zip inside.
    pub plain: Arc<dyn Medium>,
    /// The recipient whose identity opened it: `age1…` or `passphrase`.
    pub recipient: String,
}

/// Opens an encrypted file and authenticates its length.
///
/// # Errors
/// An [`encryption::Unopened`] inside where the file does not open; others are failures to read.
pub fn open(medium: Arc<dyn Medium>, identities: &Identities) -> io::Result<Opened> {
    let medium = if head(&*medium, 1200)?.starts_with(MAGIC) {
        medium
    } else {
        Arc::new(Armour::open(medium)?) as Arc<dyn Medium>
    };
    let total = medium.len()?;
    let payload = encryption::open(&head(&*medium, HEADER_BYTES)?, total, identities)?;
    let recipient = payload.recipient().to_owned();
    let plain = Decrypted { medium, payload, kept: Mutex::new(VecDeque::with_capacity(KEPT)) };
    plain.chunk(plain.payload.chunks() - 1)?;
    Ok(Opened { plain: Arc::new(plain), recipient })
}

/// Why a file did not open, as a finding.
pub(super) fn finding(why: Unopened) -> Finding {
    let rule = match why {
        Unopened::NotBuilt => Rule::Encrypted,
        Unopened::Version => Rule::UnknownVersion,
        Unopened::Long | Unopened::Work => Rule::Limit,
        _ => Rule::Decryption,
    };
    Finding::new(rule, why.text())
}

/// A failure to read an encrypted file, as an error.
pub fn failure(what: &str, error: io::Error) -> Error {
    match Unopened::of(&error) {
        Some(why) => Error::new(why.class(), why.text()),
        None => Error::io(what, error),
    }
}

fn head(medium: &dyn Medium, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(medium.len()?).unwrap_or(most).min(most)];
    medium.read_exact_at(0, &mut bytes)?;
    Ok(bytes)
}

type Chunk = Arc<Vec<u8>>;

struct Decrypted {
    medium: Arc<dyn Medium>,
    payload: Payload,
    kept: Mutex<VecDeque<(u64, Chunk)>>,
}

impl Decrypted {
    fn chunk(&self, number: u64) -> io::Result<Chunk> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, chunk)) = kept().iter().find(|(at, _)| *at == number) {
            return Ok(Arc::clone(chunk));
        }
        let (offset, length) = self.payload.place(number);
        let mut bytes = vec![0; length];
        self.medium.read_exact_at(offset, &mut bytes)?;
        self.payload.open_chunk(number, &mut bytes)?;
        let chunk = Arc::new(bytes);
        let mut kept = kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((number, Arc::clone(&chunk)));
        Ok(chunk)
    }
}

impl Medium for Decrypted {
    fn len(&self) -> io::Result<u64> {
        Ok(self.payload.length())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.payload.length() || buffer.is_empty() {
            return Ok(0);
        }
        let chunk = self.chunk(offset / CHUNK)?;
        let bytes = chunk.get((offset % CHUNK) as usize..).unwrap_or_default();
        let length = bytes.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), bytes.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }
}
