//! Why an encrypted file stays closed.

use crate::error;
use std::io;

/// Why an encrypted file is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// The header is malformed, or was changed.
    Header,
    /// The header is longer than any that is read.
    Long,
    /// A version of age that is not known.
    Version,
    /// Nothing was given to open it with.
    NoIdentity,
    /// It opens with a passphrase, and none was given.
    NoPassphrase,
    /// Encrypted to somebody else, or with another passphrase.
    NoMatch,
    /// No recipient of it is of a kind that this version reads (hybrid, hardware, SSH).
    Recipients,
    /// The passphrase asks for more work than is allowed.
    Work,
    /// A chunk was changed, moved or cut.
    Chunk,
    /// The ASCII armour is malformed.
    Armour,
    /// This program was built without encryption.
    NotBuilt,
}

impl Unopened {
    /// The class of the failure.
    pub fn class(self) -> error::Kind {
        match self {
            Unopened::Version | Unopened::NotBuilt => error::Kind::Unsupported,
            Unopened::Long | Unopened::Work => error::Kind::Limit,
            _ => error::Kind::Decryption,
        }
    }

    /// What is wrong, as a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Unopened::Header => "the header of the encrypted file is malformed or was changed",
            Unopened::Long => "the header of the encrypted file is longer than any bundle's",
            Unopened::Version => "made by a newer version: the file is encrypted in an unknown format of age",
            Unopened::NoIdentity => "the bundle is encrypted; name your identity file with --identity",
            Unopened::NoPassphrase => {
                "the bundle is encrypted with a passphrase; name its source with --passphrase-file, --passphrase-env or --passphrase-ask"
            }
            Unopened::NoMatch => {
                "no identity given opens the file: it is encrypted to somebody else, or the passphrase is wrong"
            }
            Unopened::Recipients => {
                "unsupported recipient: the file is encrypted only to kinds that this version does not read (hybrid, hardware, SSH)"
            }
            Unopened::Work => "the passphrase of the file asks for more work than is allowed",
            Unopened::Chunk => "the encrypted file is damaged, cut or was changed",
            Unopened::Armour => "the ASCII armour of the encrypted file is malformed or damaged",
            Unopened::NotBuilt => "this program was built without encryption; decrypt the file with `age -d`",
        }
    }

    /// The reason inside an I/O error, if it is one.
    pub fn of(error: &io::Error) -> Option<Unopened> {
        error.get_ref()?.downcast_ref::<Unopened>().copied()
    }
}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Unopened {}

impl From<Unopened> for io::Error {
    fn from(why: Unopened) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, why)
    }
}
