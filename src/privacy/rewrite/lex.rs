//! A JSON cursor that allocates nothing: it tells where values begin and end.
//!
//! Input is UTF-8 (a `&str`); strings are returned as they stand between their quotes. Skipping is
//! iterative, so depth costs no stack.

use std::borrow::Cow;

/// The text is no JSON at this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// A cursor over JSON text.
#[derive(Clone, Debug)]
pub struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    /// At the start of `text`.
    pub fn new(text: &'t str) -> Self {
        Lexer { text, at: 0 }
    }

    /// Offset of the next byte.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The bytes from here on.
    #[inline]
    pub fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Moves past so many bytes, which end a token.
    #[inline]
    pub fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Bytes from `start` to behind what ends the value at the cursor: a comma or a closing bracket. `None`
    /// if they are more than `most`; nothing behind them is looked at.
    pub fn to_end_of_item(&self, start: usize, most: usize) -> Option<&'t [u8]> {
        let mut end = self.text.len().min(start + most);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let mut lexer = Lexer { text: self.text.get(..end)?, at: self.at };
        lexer.skip().ok()?;
        lexer.space();
        matches!(lexer.peek(), Some(b',' | b'}' | b']')).then_some(())?;
        self.text.as_bytes().get(start..=lexer.at)
    }

    /// The next byte.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves past one byte.
    #[inline]
    pub fn bump(&mut self) {
        self.at += 1;
    }

    /// Moves past white space.
    #[inline]
    pub fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Moves past a colon and the white space around it.
    #[inline]
    pub fn colon(&mut self) -> Result<(), Broken> {
        self.space();
        if self.peek() != Some(b':') {
            return Err(Broken);
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Moves past a string and returns what stands between its quotes.
    #[inline]
    pub fn string(&mut self) -> Result<&'t str, Broken> {
        if self.peek() != Some(b'"') {
            return Err(Broken);
        }
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut at = start;
        loop {
            let found = memchr::memchr2(b'"', b'\\', bytes.get(at..).ok_or(Broken)?).ok_or(Broken)?;
            at += found;
            if bytes[at] == b'"' {
                break;
            }
            at += 2;
        }
        self.at = at + 1;
        self.text.get(start..at).ok_or(Broken)
    }

    /// Moves past a number, `true`, `false` or `null` and returns it. Its spelling is checked.
    #[inline]
    pub fn literal(&mut self) -> Result<&'t str, Broken> {
        let start = self.at;
        while let Some(b'+' | b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') = self.peek() {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).ok_or(Broken)?;
        match text.as_bytes() {
            b"true" | b"false" | b"null" => Ok(text),
            bytes if number(bytes) => Ok(text),
            _ => Err(Broken),
        }
    }

    /// Moves past any value.
    pub fn skip(&mut self) -> Result<(), Broken> {
        let mut depth = 0usize;
        loop {
            self.space();
            match self.peek().ok_or(Broken)? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or(Broken)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    self.literal()?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
fn number(bytes: &[u8]) -> bool {
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return false;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let part = digits(at + 1);
        if part == 0 {
            return false;
        }
        at += 1 + part;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let power = if at <= bytes.len() { digits(at) } else { 0 };
        if power == 0 {
            return false;
        }
        at += power;
    }
    at == bytes.len()
}

/// The plain text of a string. Unpaired surrogates and broken escapes become U+FFFD.
pub fn unescape(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut plain = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        let code = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        let mut used = at + 2;
        match code {
            b'b' => plain.push('\u{8}'),
            b'f' => plain.push('\u{c}'),
            b'n' => plain.push('\n'),
            b'r' => plain.push('\r'),
            b't' => plain.push('\t'),
            b'"' | b'\\' | b'/' => plain.push(code as char),
            b'u' => {
                let unit = hex4(rest, at + 2);
                used = at + 6;
                let mut found = unit.and_then(char::from_u32);
                if let (Some(high @ 0xD800..=0xDBFF), Some("\\u")) = (unit, rest.get(at + 6..at + 8))
                    && let Some(low @ 0xDC00..=0xDFFF) = hex4(rest, at + 8)
                {
                    found = char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                    used = at + 12;
                }
                plain.push(found.unwrap_or('\u{FFFD}'));
                if unit.is_none() {
                    used = at + 2;
                }
            }
            _ => {
                plain.push('\u{FFFD}');
                used = at + 1;
            }
        }
        rest = rest.get(used..).unwrap_or("");
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn hex4(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// Appends `plain` with JSON escapes, without quotes. The result holds no control character.
pub fn escape(plain: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    for (at, byte) in plain.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&plain[start..at]);
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            out.extend_from_slice(format!("{byte:04x}").as_bytes());
        }
        start = at + 1;
    }
    out.extend_from_slice(&plain[start..]);
}

/// Whether what stands between quotes may be copied: no control character, and escapes as JSON has
/// them (an unpaired surrogate is refused by many readers).
pub fn copyable(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    if bytes.iter().fold(false, |control, b| control | (*b < 0x20)) {
        return false;
    }
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        match rest.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => rest = &rest[at + 2..],
            Some(b'u') => {
                let unit = |from: usize| {
                    rest.get(from..from + 4)
                        .and_then(|d| std::str::from_utf8(d).ok())
                        .and_then(|d| hex4(d, 0))
                };
                match unit(at + 2) {
                    Some(0xD800..=0xDBFF) => {
                        let pair = rest.get(at + 6..at + 8) == Some(b"\\u")
                            && matches!(unit(at + 8), Some(0xDC00..=0xDFFF));
                        if !pair {
                            return false;
                        }
                        rest = &rest[at + 12..];
                    }
                    Some(0xDC00..=0xDFFF) | None => return false,
                    Some(_) => rest = &rest[at + 6..],
                }
            }
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_those_of_json() {
        for good in ["0", "-1", "10.5", "1e9", "1E-9", "638452192890000000", "-0.0"] {
            assert_eq!(Lexer::new(good).literal(), Ok(good));
        }
        for bad in ["", "-", "01", "1.", ".5", "1e", "1e+", "nul", "truefalse", "--1", "1a"] {
            assert!(Lexer::new(bad).literal().is_err(), "{bad}");
        }
    }

    #[test]
    fn escapes_of_every_sort_are_read() {
        assert_eq!(unescape(r#"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"#), "a\"\\/\u{8}\u{c}\n\r\té😀");
        assert_eq!(unescape(r"x\ud83dy"), "x\u{FFFD}y");
        assert_eq!(unescape(r"\ud83d\u0041"), "\u{FFFD}A");
        assert_eq!(unescape("\\"), "\\");
        assert!(copyable(r"\ud83d\ude00\n"));
        assert!(!copyable(r"\ud83d"));
        assert!(!copyable(r"\x"));
        assert!(!copyable("a\nb"));
    }

    #[test]
    fn skipping_deep_input_needs_no_stack() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        let mut lexer = Lexer::new(&deep);
        assert_eq!(lexer.skip(), Ok(()));
        assert_eq!(lexer.peek(), None);
        assert!(Lexer::new("{\"a\":").skip().is_err());
        assert!(Lexer::new("]").skip().is_err());
        assert!(Lexer::new("\"abc").skip().is_err());
        assert!(Lexer::new("\"abc\\").skip().is_err());
    }

    proptest! {
        #[test]
        fn escaping_is_undone(text in any::<String>()) {
            let mut out = Vec::new();
            escape(text.as_bytes(), &mut out);
            let raw = String::from_utf8(out).unwrap();
            prop_assert!(copyable(&raw));
            prop_assert_eq!(unescape(&raw), text.as_str());
            prop_assert_eq!(serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap(), text);
        }

        #[test]
        fn hostile_strings_never_panic(raw in any::<String>()) {
            let _ = unescape(&raw);
            let _ = copyable(&raw);
            let _ = Lexer::new(&raw).skip();
        }
    }
}
