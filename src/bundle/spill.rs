//! Packed entries that wait for their place: encrypted under a key of this run, in an unnamed file.

use super::archive::{Packed, Parked};
use super::output;
use crate::crypto::{self, Aead};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What binds a waiting entry to its number.
const CONTEXT: &[u8] = b"entra-bundle/spill/1";

/// The unnamed file. Its key exists in memory only.
pub(super) struct Spill {
    file: File,
    key: Aead,
    count: u64,
}

/// An entry that waits.
pub(super) struct Waiting {
    number: u64,
    at: u64,
    length: u64,
    parked: Parked,
}

impl Waiting {
    /// Bytes that the entry takes at most.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

impl Spill {
    /// A new file in `folder`.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(failed)?;
        Ok(Spill { file, key: Aead::new(&crypto::random::<32>()?)?, count: 0 })
    }

    /// Puts an entry aside.
    pub(super) fn park(&mut self, entry: Packed) -> Result<Waiting> {
        let (mut bytes, parked) = entry.into_parked();
        self.key.seal(self.count, CONTEXT, &mut bytes)?;
        let at = self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        output::write_all(&self.file, &bytes).map_err(failed)?;
        self.count += 1;
        Ok(Waiting { number: self.count - 1, at, length: bytes.len() as u64, parked })
    }

    /// Takes an entry back.
    pub(super) fn take(&mut self, waiting: Waiting) -> Result<Packed> {
        self.file.seek(SeekFrom::Start(waiting.at)).map_err(failed)?;
        let mut bytes = Vec::new();
        (&mut self.file).take(waiting.length).read_to_end(&mut bytes).map_err(failed)?;
        let plain = self.key.open(waiting.number, CONTEXT, &mut bytes)?.len();
        bytes.truncate(plain);
        Ok(waiting.parked.unpark(bytes))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io("cannot use a temporary file beside the bundle", error)
}
