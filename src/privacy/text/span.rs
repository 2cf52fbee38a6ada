//! Spans: what was found where, which of two overlapping finds wins, and the byte classes of the
//! run splitter.

use crate::kind::Kind;
use crate::privacy::lookup::is_ideograph;

/// What a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A secret; the name says which.
    Secret(&'static str),
    /// A value of the kind, exactly as it stands.
    Value(Kind),
    /// `DOMAIN\user` whose backslash stands this many times.
    Account(u8),
    /// An IPv4 address whose dots are written with this byte.
    FoldedAddress(u8),
    /// A path segment that a UPN was folded into.
    FoldedUpn,
    /// A host name with a dash for each dot; so many bytes of it are the learned domain.
    FoldedHost(u8),
    /// Octets of a GUID, each behind this many backslashes: an LDAP filter inside JSON.
    Octets(u8),
    /// An anchor without its padding.
    BareAnchor,
    /// 32 hex digits that are the little-endian bytes of a GUID.
    Packed,
    /// A value in another encoding, whose replacement is ready: its number.
    Fresh(u32),
    /// Looks like something and is not (a version, say): nothing of lower rank applies.
    Keep,
}

/// A find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
    /// Priority, low wins.
    pub rank: u8,
    pub what: What,
}

/// Ranks in order of priority.
pub(crate) mod rank {
    pub const SECRET: u8 = 1;
    pub const ENCODED: u8 = 2;
    pub const DN: u8 = 3;
    pub const MAIL: u8 = 4;
    pub const SID: u8 = 5;
    pub const GUID: u8 = 6;
    pub const ACCOUNT: u8 = 7;
    pub const PATH: u8 = 8;
    pub const HOST: u8 = 9;
    pub const ADDRESS: u8 = 10;
    pub const MAC: u8 = 11;
    pub const BASE64: u8 = 12;
    pub const PHONE: u8 = 13;
}

/// Leaves spans that do not overlap: higher priority, then the longer, then the leftmost wins.
pub(crate) fn resolve(spans: &mut Vec<Span>) {
    if spans.len() < 2 {
        return;
    }
    spans.sort_unstable_by_key(|span| (span.start, span.rank, usize::MAX - span.end));
    // Those that stay are moved to the front.
    let mut kept = 1;
    for at in 1..spans.len() {
        let (last, span) = (spans[kept - 1], spans[at]);
        if last.end <= span.start {
            spans[kept] = span;
            kept += 1;
        } else if (span.rank, usize::MAX - (span.end - span.start))
            < (last.rank, usize::MAX - (last.end - last.start))
        {
            spans[kept - 1] = span;
        }
    }
    spans.truncate(kept);
}

pub(crate) const RUN: u32 = 1;
pub(crate) const DIGIT: u32 = 1 << 1;
pub(crate) const LETTER: u32 = 1 << 2;
pub(crate) const AT: u32 = 1 << 3;
pub(crate) const BACKSLASH: u32 = 1 << 4;
pub(crate) const COLON: u32 = 1 << 5;
pub(crate) const DOT: u32 = 1 << 6;
pub(crate) const DASH: u32 = 1 << 7;
pub(crate) const UNDERSCORE: u32 = 1 << 8;
pub(crate) const SLASH: u32 = 1 << 9;
pub(crate) const PLUS: u32 = 1 << 10;
/// Letters by sort, beside [`LETTER`]; `HIGH` is a byte above 0x7f.
pub(crate) const UPPER: u32 = 1 << 11;
pub(crate) const LOWER: u32 = 1 << 12;
pub(crate) const HIGH: u32 = 1 << 13;
pub(crate) const PERCENT: u32 = 1 << 14;
/// Bytes that end a run.
pub(crate) const EQUALS: u32 = 1 << 15;
pub(crate) const TILDE: u32 = 1 << 16;
pub(crate) const QUOTE: u32 = 1 << 17;
pub(crate) const AMPERSAND: u32 = 1 << 18;
pub(crate) const LINE: u32 = 1 << 19;
pub(crate) const LESS: u32 = 1 << 20;
pub(crate) const NUL: u32 = 1 << 21;

/// All bits of letters and digits.
pub(crate) const WORD: u32 = RUN | LETTER | DIGIT | UPPER | LOWER | HIGH;

/// Class bits of every byte. Bytes with [`RUN`] make up runs; white space, quotes, brackets, `,`,
/// `;`, `=`, `|`, `&` and `?` end them. Bytes above 0x7f count as letters.
pub(crate) static CLASS: [u32; 256] = classes();

const fn classes() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        table[at] = match byte {
            b'0'..=b'9' => RUN | DIGIT,
            b'A'..=b'Z' => RUN | LETTER | UPPER,
            b'a'..=b'z' => RUN | LETTER | LOWER,
            0x80..=0xff => RUN | LETTER | HIGH,
            b'@' => RUN | AT,
            b'\\' => RUN | BACKSLASH,
            b':' => RUN | COLON,
            b'.' => RUN | DOT,
            b'-' => RUN | DASH,
            b'_' => RUN | UNDERSCORE,
            b'/' => RUN | SLASH,
            b'+' => RUN | PLUS,
            b'%' => RUN | PERCENT,
            b'#' | b'$' => RUN,
            b'=' => EQUALS,
            b'~' => TILDE,
            b'"' => QUOTE,
            b'&' => AMPERSAND,
            b'\n' => LINE,
            b'<' => LESS,
            0 => NUL,
            _ => 0,
        };
        at += 1;
    }
    table
}

/// Whether the byte is part of a word: an ASCII letter or digit, or a byte of a longer character.
pub(crate) fn is_word_byte(byte: u8) -> bool {
    CLASS[byte as usize] & (LETTER | DIGIT) != 0
}

/// Whether the byte before `at` is part of a word.
pub(crate) fn word_before(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes.get(at - 1).is_some_and(|b| is_word_byte(*b))
}

/// Whether the byte at `at` is part of a word.
pub(crate) fn word_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|b| is_word_byte(*b))
}

/// Whether a letter or digit of ASCII stands before `at`. Numbers, addresses and GUIDs have no others
/// in them, and in a script without spaces they stand right beside its letters.
pub(crate) fn ascii_before(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a letter or digit of ASCII stands at `at`.
pub(crate) fn ascii_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Where an ASCII value that ends at `to` starts: behind the last character of a script without spaces,
/// which belongs to the sentence around it. `from` where the value has none, or ends in one.
pub(crate) fn behind_script(bytes: &[u8], from: usize, to: usize) -> usize {
    if bytes[from..to].is_ascii() || !bytes[to - 1].is_ascii() {
        return from;
    }
    let Ok(text) = std::str::from_utf8(&bytes[from..to]) else { return from };
    let last = text.char_indices().rev().find(|(_, c)| !c.is_ascii());
    last.filter(|(_, c)| is_ideograph(*c)).map_or(from, |(at, c)| from + at + c.len_utf8())
}

/// Where an ASCII value that starts at `from` ends: before the first such character. `to` where the value
/// has none, or starts with one.
pub(crate) fn before_script(bytes: &[u8], from: usize, to: usize) -> usize {
    if from >= to || bytes[from..to].is_ascii() || !bytes[from].is_ascii() {
        return to;
    }
    let Ok(text) = std::str::from_utf8(&bytes[from..to]) else { return to };
    let first = text.char_indices().find(|(_, c)| !c.is_ascii());
    first.filter(|(_, c)| is_ideograph(*c)).map_or(to, |(at, _)| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize, rank: u8) -> Span {
        Span { start, end, rank, what: What::Keep }
    }

    #[test]
    fn priority_then_length_then_position() {
        let mut spans = vec![
            span(4, 8, 2),
            span(0, 5, 1),
            span(10, 12, 3),
            span(10, 15, 3),
            span(20, 30, 5),
            span(22, 24, 1),
        ];
        resolve(&mut spans);
        assert_eq!(spans, [span(0, 5, 1), span(10, 15, 3), span(22, 24, 1)]);
    }
}
