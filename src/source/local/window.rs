//! A sliding window over a byte stream: readers look at what is there, ask for more, and consume.
//!
//! Invariant: memory is what a reader has not consumed plus one chunk; offsets count decoded bytes
//! from the start of the stream. A read error ends the stream and is remembered as a reason: what
//! came before it stays usable.

use crate::event::Reason;
use std::fmt;
use std::io::{self, Read};

const CHUNK: usize = 256 * 1024;

/// An I/O error that carries its own reason, so that limits and damage inside a chain of readers
/// are told from a broken disk.
#[derive(Debug)]
pub struct Refused(pub Reason);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the input was refused")
    }
}

impl std::error::Error for Refused {}

/// An I/O error with a reason.
pub fn refuse(reason: Reason) -> io::Error {
    io::Error::other(Refused(reason))
}

/// The reason of an I/O error.
pub fn reason(error: &io::Error) -> Reason {
    if let Some(Refused(reason)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return *reason;
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied => Reason::Permission,
        // What the decompressor says about its input.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            Reason::Damaged
        }
        _ => Reason::Error,
    }
}

/// The window.
pub struct Window<'a> {
    input: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    ended: bool,
    failed: Option<Reason>,
}

impl<'a> Window<'a> {
    /// A window over `input`.
    pub fn new(input: Box<dyn Read + 'a>) -> Self {
        Window { input, buffer: Vec::new(), start: 0, offset: 0, ended: false, failed: None }
    }

    /// What is there and not consumed.
    pub fn data(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Offset of the first byte of [`Window::data`] in the stream.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Why the stream ended early, if it did.
    pub fn failure(&self) -> Option<Reason> {
        self.failed
    }

    /// Reads more; `false` when the stream has ended.
    pub fn more(&mut self) -> bool {
        if self.ended {
            return false;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start.., 0);
            self.buffer.truncate(self.buffer.len() - self.start);
            self.start = 0;
        }
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK, 0);
        let got = loop {
            let space = self.buffer.get_mut(length..).unwrap_or_default();
            match self.input.read(space) {
                Ok(got) => break got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(reason(&error));
                    break 0;
                }
            }
        };
        self.buffer.truncate(length + got);
        self.ended = got == 0;
        got > 0
    }

    /// Reads until at least `length` bytes are there or the stream ends.
    pub fn fill(&mut self, length: usize) {
        while self.data().len() < length && self.more() {}
    }

    /// Drops the first `length` bytes.
    pub fn consume(&mut self, length: usize) {
        let length = length.min(self.data().len());
        self.start += length;
        self.offset += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_survive_consuming_and_reading() {
        let bytes: Vec<u8> = (0..600_000u32).map(|n| (n % 251) as u8).collect();
        let mut window = Window::new(Box::new(&bytes[..]));
        let mut seen = Vec::new();
        while window.more() {
            let take = window.data().len().min(100_001);
            seen.extend_from_slice(&window.data()[..take]);
            window.consume(take);
            assert_eq!(window.offset(), seen.len() as u64);
        }
        seen.extend_from_slice(window.data());
        assert_eq!(seen, bytes);
    }

    #[test]
    fn an_error_ends_the_stream_and_keeps_what_was_read() {
        struct Breaks(bool);
        impl Read for Breaks {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(refuse(Reason::ArchiveLimit));
                }
                buffer[0] = b'x';
                Ok(1)
            }
        }
        let mut window = Window::new(Box::new(Breaks(false)));
        assert!(window.more());
        assert!(!window.more());
        assert_eq!((window.data(), window.failure()), (&b"x"[..], Some(Reason::ArchiveLimit)));
    }
}
