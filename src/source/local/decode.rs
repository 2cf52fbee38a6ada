//! Character encodings: everything is read as UTF-8.
//!
//! UTF-16 is known by its byte order mark or by its pattern of NUL bytes, UTF-8 by its mark or by
//! being valid; what is neither is windows-1252 in text and CSV (in JSON it is damage, see
//! `json`). Decoding streams with bounded memory and never fails: what is malformed becomes
//! U+FFFD.

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;
use std::io::{self, Read};

/// Encoding of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, or bytes of unknown encoding that are passed on as they are.
    Utf8,
    /// UTF-8 with a byte order mark.
    Utf8Bom,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
}

/// Name of the fallback for single records.
pub const FALLBACK: &str = "windows-1252";

impl Encoding {
    /// Name for the ledger; `None` for plain UTF-8.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Encoding::Utf8 => None,
            Encoding::Utf8Bom => Some("utf-8-bom"),
            Encoding::Utf16Le => Some("utf-16le"),
            Encoding::Utf16Be => Some("utf-16be"),
        }
    }

    /// Judges by the first bytes of a file.
    pub fn of(head: &[u8]) -> Encoding {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => Encoding::Utf8Bom,
            [0xFF, 0xFE, ..] => Encoding::Utf16Le,
            [0xFE, 0xFF, ..] => Encoding::Utf16Be,
            _ => Encoding::by_pattern(head),
        }
    }

    /// UTF-16 without a mark: in text that is mostly ASCII nearly every second byte is NUL, and
    /// the others are not.
    fn by_pattern(head: &[u8]) -> Encoding {
        let head = head.get(..4096).unwrap_or(head);
        let pairs = head.len() / 2;
        if pairs < 2 {
            return Encoding::Utf8;
        }
        let (mut even, mut odd) = (0usize, 0usize);
        for pair in head.chunks_exact(2) {
            if let [first, second] = pair {
                even += usize::from(*first == 0);
                odd += usize::from(*second == 0);
            }
        }
        if odd * 10 >= pairs * 8 && even * 20 <= pairs {
            Encoding::Utf16Le
        } else if even * 10 >= pairs * 8 && odd * 20 <= pairs {
            Encoding::Utf16Be
        } else {
            Encoding::Utf8
        }
    }

    /// A reader of UTF-8 over a reader of this encoding.
    pub fn reader<'a>(self, input: Box<dyn Read + 'a>) -> Box<dyn Read + 'a> {
        let decoder = match self {
            Encoding::Utf8 => return input,
            Encoding::Utf8Bom => return Box::new(SkipMark { input, skipped: false }),
            Encoding::Utf16Le => UTF_16LE.new_decoder_with_bom_removal(),
            Encoding::Utf16Be => UTF_16BE.new_decoder_with_bom_removal(),
        };
        Box::new(Transcoder {
            input,
            decoder,
            raw: vec![0; 64 * 1024],
            from: 0,
            to: 0,
            out: [0; 64],
            ready: 0..0,
            last: false,
            done: false,
        })
    }
}

/// One record of text or CSV as UTF-8: windows-1252 where it is not valid UTF-8. The flag tells
/// that the fallback was needed.
pub fn record_text(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(bytes).0, true),
    }
}

struct SkipMark<'a> {
    input: Box<dyn Read + 'a>,
    skipped: bool,
}

impl Read for SkipMark<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.skipped {
            let mut mark = [0; 3];
            self.input.read_exact(&mut mark)?;
            self.skipped = true;
        }
        self.input.read(buffer)
    }
}

struct Transcoder<'a> {
    input: Box<dyn Read + 'a>,
    decoder: Decoder,
    raw: Vec<u8>,
    from: usize,
    to: usize,
    /// Decoded bytes for callers whose buffer is too small to decode into.
    out: [u8; 64],
    ready: std::ops::Range<usize>,
    last: bool,
    done: bool,
}

impl Read for Transcoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if buffer.len() >= 64 {
            return self.decode(buffer);
        }
        if self.ready.is_empty() {
            let mut small = self.out;
            let got = self.decode(&mut small)?;
            self.out = small;
            self.ready = 0..got;
        }
        let ready = self.out.get(self.ready.clone()).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(ready) {
            *to = *from;
        }
        self.ready.start += count;
        Ok(count)
    }
}

impl Transcoder<'_> {
    fn decode(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.done {
            if self.from == self.to && !self.last {
                self.from = 0;
                self.to = self.input.read(&mut self.raw)?;
                self.last = self.to == 0;
            }
            let input = self.raw.get(self.from..self.to).unwrap_or_default();
            let (result, consumed, written, _) = self.decoder.decode_to_utf8(input, buffer, self.last);
            self.from += consumed;
            self.done = self.last && result == CoderResult::InputEmpty;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, little: bool, mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
    }

    fn decode(bytes: &[u8], step: usize) -> String {
        let mut reader = Encoding::of(bytes).reader(Box::new(bytes));
        let (mut all, mut buffer) = (Vec::new(), vec![0; step]);
        loop {
            let got = reader.read(&mut buffer).unwrap();
            if got == 0 {
                return String::from_utf8(all).unwrap();
            }
            all.extend_from_slice(&buffer[..got]);
        }
    }

    #[test]
    fn every_encoding_becomes_utf8_at_any_buffer_size() {
        let text = "{\"name\":\"Zoë – \u{1F600}\"}\r\n".repeat(4000);
        for step in [1, 7, 64, 100_000] {
            for little in [true, false] {
                assert!(decode(&utf16(&text, little, true), step) == text);
                assert!(decode(&utf16(&text, little, false), step) == text);
            }
            assert!(decode(text.as_bytes(), step) == text);
            assert!(decode(&[b"\xEF\xBB\xBF", text.as_bytes()].concat(), step) == text);
        }
    }

    #[test]
    fn an_odd_tail_becomes_a_replacement_and_ends() {
        let mut bytes = utf16("abcdefgh", true, true);
        bytes.push(0x41);
        assert_eq!(decode(&bytes, 64), "abcdefgh\u{FFFD}");
    }

    #[test]
    fn single_records_fall_back_to_windows_1252() {
        assert_eq!(record_text(b"Zo\xEB").0, "Zoë");
        assert!(!record_text("Zoë".as_bytes()).1);
    }
}
