//! Where the archive's bytes go: a new file, in clear or encrypted on the way.

use super::output::Output;
use crate::crypto::encryption::{Encrypting, Identities, Recipients};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// The output of a draft.
pub(super) enum Sink {
    /// The zip as it is.
    Plain(BufWriter<Output>),
    /// The zip inside an age file; no plaintext reaches the file.
    Encrypted(Encrypting<BufWriter<Output>>),
}

impl Sink {
    /// Begins the output. For an encrypted one also the identity that reads it back.
    pub(super) fn new(file: File, recipients: Option<&Recipients>) -> Result<(Self, Identities)> {
        let file = BufWriter::with_capacity(256 * 1024, Output::new(file));
        match recipients {
            None => Ok((Sink::Plain(file), Identities::none())),
            Some(recipients) => {
                let (sink, own) = recipients.encrypt(file)?;
                Ok((Sink::Encrypted(sink), own))
            }
        }
    }

    /// Writes what is left, and gives the file back.
    pub(super) fn finish(self) -> Result<Output> {
        let failed = |e| Error::io("cannot write the bundle", e);
        let file = match self {
            Sink::Plain(file) => file,
            Sink::Encrypted(sink) => sink.finish().map_err(failed)?,
        };
        file.into_inner().map_err(|e| failed(e.into_error()))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(sink) => sink.write(bytes),
            Sink::Encrypted(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Plain(sink) => sink.flush(),
            Sink::Encrypted(sink) => sink.flush(),
        }
    }
}
