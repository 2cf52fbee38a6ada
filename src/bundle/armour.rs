//! The ASCII armour of an age file, read by position.
//!
//! Lines of 64 characters carry 48 bytes each, so the place of a byte follows from its number as long
//! as all line ends are of one kind. Every line that is read is held to the strict form.

use super::medium::Medium;
use crate::crypto::encryption::Unopened;
use data_encoding::BASE64;
use std::io;
use std::sync::Arc;

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";
const COLUMNS: u64 = 64;
const BYTES: u64 = 48;
/// White space that may stand before and behind.
const AROUND: u64 = 1024;
/// Lines that are decoded at once.
const LINES: u64 = 1024;

/// Decoded armour.
pub(super) struct Armour {
    inner: Arc<dyn Medium>,
    /// Where the first line of data starts.
    start: u64,
    /// Characters of a line end, 1 or 2.
    feed: u64,
    /// Number of lines.
    lines: u64,
    /// Characters of the last line.
    last: u64,
    /// Decoded bytes.
    length: u64,
}

impl Armour {
    /// Whether the first bytes of a file are those of armour.
    pub(super) fn begins(head: &[u8]) -> bool {
        head.trim_ascii_start().starts_with(BEGIN)
    }

    /// Finds both ends of the armour.
    pub(super) fn open(inner: Arc<dyn Medium>) -> io::Result<Self> {
        let malformed = || io::Error::from(Unopened::Armour);
        let total = inner.len()?;
        let head = read(&*inner, 0, (AROUND + BEGIN.len() as u64 + 2).min(total))?;
        let before = head.len() - head.trim_ascii_start().len();
        let line = head.get(before..).and_then(|head| head.strip_prefix(BEGIN)).ok_or_else(malformed)?;
        let feed = if line.starts_with(b"\r\n") { 2 } else { 1 };
        if !line.starts_with(b"\n") && feed == 1 {
            return Err(malformed());
        }
        let start = (before + BEGIN.len()) as u64 + feed;
        let tail_at = total.saturating_sub(AROUND + END.len() as u64 + 2).max(start);
        let tail = read(&*inner, tail_at, total.saturating_sub(tail_at))?;
        let body = tail.trim_ascii_end().strip_suffix(END).ok_or_else(malformed)?;
        let length = tail_at + body.len() as u64 - start;
        let (mut lines, mut last) = (length / (COLUMNS + feed), COLUMNS);
        let rest = length % (COLUMNS + feed);
        if rest > 0 {
            lines += 1;
            last = rest.checked_sub(feed).ok_or_else(malformed)?;
        }
        if lines == 0 || last == 0 || !last.is_multiple_of(4) {
            return Err(malformed());
        }
        let mut armour = Armour { inner, start, feed, lines, last, length: 0 };
        let end = armour.decode(lines - 1, lines)?;
        armour.length = (lines - 1) * BYTES + end.len() as u64;
        Ok(armour)
    }

    /// Decodes the lines `from..until`.
    fn decode(&self, from: u64, until: u64) -> io::Result<Vec<u8>> {
        let width = COLUMNS + self.feed;
        let last = until == self.lines;
        let length = (until - from) * width - if last { COLUMNS - self.last } else { 0 };
        let text = read(&*self.inner, self.start + from * width, length)?;
        let feed: &[u8] = if self.feed == 2 { b"\r\n" } else { b"\n" };
        let mut out = Vec::with_capacity((until - from) as usize * BYTES as usize);
        for (line, number) in text.chunks(width as usize).zip(from..) {
            let bytes = line.strip_suffix(feed).and_then(|line| BASE64.decode(line).ok());
            // Padding can only stand at the end of the last line.
            match bytes {
                Some(bytes) if number + 1 == self.lines || bytes.len() as u64 == BYTES => out.extend(bytes),
                _ => return Err(Unopened::Armour.into()),
            }
        }
        Ok(out)
    }
}

impl Medium for Armour {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let from = offset / BYTES;
        let most = (offset + buffer.len() as u64).div_ceil(BYTES).min(from + LINES);
        let bytes = self.decode(from, most.min(self.lines))?;
        let bytes = bytes.get((offset % BYTES) as usize..).unwrap_or_default();
        let length = bytes.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), bytes.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }
}

fn read(medium: &dyn Medium, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    medium.read_exact_at(at, &mut bytes)?;
    Ok(bytes)
}
