//! Compact JSON, passed over and copied without building anything.

use memchr::memchr2;

/// Deepest nesting of a value.
const DEEPEST: usize = 64;

/// Compact JSON from a place on.
pub(super) struct Text<'j> {
    pub json: &'j [u8],
    /// Where it stands.
    pub at: usize,
}

impl<'j> Text<'j> {
    pub fn rest(&self) -> &'j [u8] {
        self.json.get(self.at..).unwrap_or_default()
    }

    pub fn byte(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// The string here, with its quotes.
    pub fn string(&mut self) -> Option<&'j [u8]> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            self.at += quote_or_escape(self.rest())?;
            if self.next()? == b'"' {
                return self.json.get(start..self.at);
            }
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let digits = self.json.get(self.at..self.at + 4)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    self.at += 4;
                }
                _ => return None,
            }
        }
    }

    /// Gives each member of the object here to `each`, which has to pass its value.
    pub fn members(&mut self, mut each: impl FnMut(&mut Self, &'j [u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        self.more_members(&mut each)
    }

    /// As [`Text::members`], from a member on.
    pub fn more_members(&mut self, each: &mut impl FnMut(&mut Self, &'j [u8]) -> Option<()>) -> Option<()> {
        loop {
            let name = self.string()?;
            self.expect(b':')?;
            each(self, name)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    pub fn next(&mut self) -> Option<u8> {
        let byte = self.byte()?;
        self.at += 1;
        Some(byte)
    }

    /// Gives the attributes of the element here to `each`; the value is its text, empty if it has none.
    pub fn attributes(&mut self, mut each: impl FnMut(&[u8], &'j [u8])) -> Option<&'j [u8]> {
        if self.byte()? != b'{' {
            return self.skip();
        }
        let mut own: &[u8] = b"";
        self.members(|text, name| match name {
            b"\"#attributes\"" if text.byte()? == b'{' => text.members(|text, name| {
                each(name, text.skip()?);
                Some(())
            }),
            b"\"#text\"" => {
                own = text.skip()?;
                Some(())
            }
            _ => text.skip().map(drop),
        })?;
        Some(own)
    }

    /// Passes the value here, if it is JSON.
    pub fn skip(&mut self) -> Option<&'j [u8]> {
        let start = self.at;
        self.check(0)?;
        self.json.get(start..self.at)
    }

    fn check(&mut self, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.byte()? {
            b'"' => self.string().map(drop),
            b'{' => self.members(|text, _| text.check(depth + 1)),
            b'[' => {
                self.at += 1;
                if self.byte()? == b']' {
                    self.at += 1;
                    return Some(());
                }
                loop {
                    self.check(depth + 1)?;
                    match self.next()? {
                        b',' => {}
                        b']' => return Some(()),
                        _ => return None,
                    }
                }
            }
            _ => self.scalar(),
        }
    }

    /// Passes a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<()> {
        let rest = self.rest();
        let length =
            rest.iter().position(|b| matches!(b, b',' | b'}' | b']' | b':' | b'"')).unwrap_or(rest.len());
        let word = rest.get(..length)?;
        self.at += length;
        let plain = |word: &[u8]| {
            word.iter().all(u8::is_ascii_digit)
                && (word == b"0" || word.first().is_some_and(|first| *first != b'0'))
        };
        let whole = plain(word) || plain(word.strip_prefix(b"-").unwrap_or_default());
        let valid = || serde_json::from_slice::<serde::de::IgnoredAny>(word).is_ok();
        (whole || word == b"null" || valid()).then_some(())
    }

    /// Copies the value here without `#attributes`; an object that has only text becomes its text.
    pub fn copy(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.byte()? {
            b'{' => {
                let start = out.len();
                out.push(b'{');
                let (mut kept, mut text_at) = (0, None);
                self.members(|text, name| {
                    if name == b"\"#attributes\"" {
                        return text.skip().map(drop);
                    }
                    if kept > 0 {
                        out.push(b',');
                    }
                    kept += 1;
                    out.extend_from_slice(name);
                    out.push(b':');
                    if name == b"\"#text\"" {
                        text_at = Some(out.len());
                    }
                    text.copy(out, depth + 1)
                })?;
                match text_at {
                    Some(text) if kept == 1 => drop(out.drain(start..text)),
                    _ => out.push(b'}'),
                }
                Some(())
            }
            b'[' => {
                out.push(b'[');
                self.at += 1;
                if self.byte()? == b']' {
                    self.at += 1;
                    out.push(b']');
                    return Some(());
                }
                loop {
                    self.copy(out, depth + 1)?;
                    let byte = self.next()?;
                    out.push(byte);
                    match byte {
                        b',' => {}
                        b']' => return Some(()),
                        _ => return None,
                    }
                }
            }
            _ => {
                out.extend_from_slice(self.skip()?);
                Some(())
            }
        }
    }
}

/// The JSON string that begins `json`, with its quotes.
pub(super) fn string(json: &[u8]) -> Option<&[u8]> {
    Text { json, at: 0 }.string()
}

/// Where the first quote or backslash is. Most strings are short: eight bytes at once, in place, find it before
/// a call that is made for long ones would have begun.
fn quote_or_escape(text: &[u8]) -> Option<usize> {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // The high bit of the lowest byte that is zero; of higher bytes it may lie.
    let zero = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let mut at = 0;
    while at < 32 {
        let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) else { break };
        let word = u64::from_le_bytes(*word);
        let found = zero(word ^ u64::from_ne_bytes([b'"'; 8])) | zero(word ^ u64::from_ne_bytes([b'\\'; 8]));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    Some(at + memchr2(b'"', b'\\', text.get(at..)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_are_found_at_every_place() {
        for (length, at) in (0..90).flat_map(|length| (0..length).map(move |at| (length, at))) {
            for (before, found) in [(b'#', b'"'), (b'!', b'"'), (b']', b'\\'), (0xA2, b'"'), (0xDC, b'\\')] {
                let mut text = vec![before; length];
                assert_eq!(quote_or_escape(&text), None);
                text[at] = found;
                assert_eq!(quote_or_escape(&text), Some(at));
                text[length - 1] = b'"';
                assert_eq!(quote_or_escape(&text), Some(at));
            }
        }
    }
}
