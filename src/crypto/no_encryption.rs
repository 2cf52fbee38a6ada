//! What stands in for encryption where the program was built without it: every way in is refused.

use crate::error::{self, Error, Result};
use std::io::{self, Write};
use zeroize::Zeroizing;

pub use super::unopened::Unopened;

/// First bytes of an age file, of any version.
pub const MAGIC: &[u8] = b"age-encryption.org/";
/// What a manifest says where a passphrase opens the bundle.
pub const PASSPHRASE: &str = "passphrase";
/// Longest header that is read.
pub const HEADER_BYTES: usize = 256 * 1024;
/// Plaintext bytes of a chunk (all but the last).
pub const CHUNK: u64 = 64 * 1024;

fn without() -> Error {
    Error::new(error::Kind::Unsupported, "this program was built without encryption")
}

/// To whom a bundle is encrypted. There is no way to make one.
pub enum Recipients {}

impl Recipients {
    /// Refused.
    pub fn keys<'a>(_: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        Err(without())
    }

    /// Refused.
    pub fn passphrase(_: &str) -> Result<Self> {
        Err(without())
    }

    /// Never reached.
    pub fn names(&self) -> Vec<String> {
        match *self {}
    }

    /// Never reached.
    pub fn encrypt<W: Write>(&self, _: W) -> Result<(Encrypting<W>, Identities)> {
        match *self {}
    }
}

/// Encrypts what is written to it. There is no way to make one.
pub struct Encrypting<W: Write>(W, std::convert::Infallible);

impl<W: Write> Encrypting<W> {
    /// Never reached.
    pub fn finish(self) -> io::Result<W> {
        match self.1 {}
    }
}

impl<W: Write> Write for Encrypting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What a reader opens encrypted files with: nothing.
#[derive(Clone, Debug, Default)]
pub struct Identities;

impl Identities {
    /// None.
    pub fn none() -> Self {
        Identities
    }

    /// Always.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Refused.
    pub fn add_file(&mut self, _: &str) -> Result<()> {
        Err(without())
    }

    /// Without effect: nothing is opened.
    pub fn add_passphrase(&mut self, _: &str) {}

    /// None.
    pub fn recipients(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Refused.
pub fn generate() -> Result<(Zeroizing<String>, String)> {
    Err(without())
}

/// An opened payload. There is no way to make one.
pub enum Payload {}

/// Refused.
pub fn open(_: &[u8], _: u64, _: &Identities) -> std::result::Result<Payload, Unopened> {
    Err(Unopened::NotBuilt)
}

impl Payload {
    /// Never reached.
    pub fn length(&self) -> u64 {
        match *self {}
    }

    /// Never reached.
    pub fn chunks(&self) -> u64 {
        match *self {}
    }

    /// Never reached.
    pub fn recipient(&self) -> &str {
        match *self {}
    }

    /// Never reached.
    pub fn place(&self, _: u64) -> (u64, usize) {
        match *self {}
    }

    /// Never reached.
    pub fn open_chunk(&self, _: u64, _: &mut Vec<u8>) -> std::result::Result<(), Unopened> {
        match *self {}
    }
}
