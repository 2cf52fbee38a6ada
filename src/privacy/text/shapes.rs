//! The run splitter: one pass over the bytes of a text, and for every run the matchers that its
//! class bits make possible. Every matcher checks what it found and both its boundaries.

use super::super::dictionary::Dictionary;
use super::super::secrets;
use super::span::{
    AT, BACKSLASH, CLASS, COLON, DASH, DIGIT, DOT, LETTER, PERCENT, PLUS, RUN, SLASH, Span, UNDERSCORE, What,
    rank,
};
use super::{account, address, dn, host, id, mail};

/// Collects the typed shapes of a text, overlaps included.
pub(crate) fn find(text: &str, dictionary: &Dictionary, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // The first byte that a DN found next may use, so that nested `=` cost nothing.
    let mut dn_floor = 0;
    while at < bytes.len() {
        if CLASS[bytes[at] as usize] & RUN == 0 {
            at += 1;
            continue;
        }
        let start = at;
        let mut bits = 0;
        while let Some(class) = bytes.get(at).map(|b| CLASS[*b as usize]).filter(|class| class & RUN != 0) {
            bits |= class;
            at += 1;
        }
        run(text, start, at, bits, dictionary, spans);
        if bytes.get(at) == Some(&b'=') {
            if bytes.get(at + 1) == Some(&b'=') && bits & (LETTER | DIGIT) != 0 {
                id::anchor(bytes, at, spans);
            } else if at >= dn_floor && bits & LETTER != 0 {
                if let Some(end) = dn::at(text, dn_floor, at, spans) {
                    dn_floor = end;
                }
            }
        }
    }
}

/// The shapes of one run.
fn run(text: &str, start: usize, end: usize, bits: u16, dictionary: &Dictionary, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let has = |wanted: u16| bits & wanted == wanted;
    // A plain word or number: nothing but a GUID without dashes.
    if end - start >= 32 && has(DIGIT) {
        id::plain_guids(text, start, end, dictionary, spans);
    }
    if bits & !(RUN | LETTER | DIGIT) == 0 {
        return;
    }
    if has(AT) {
        let mut from = start;
        for at in start..end {
            if bytes[at] == b'@' && at >= from {
                if let Some(stop) = mail::at(bytes, floor(bytes, from), at, spans) {
                    from = stop;
                }
            }
        }
    }
    if has(DASH | DIGIT) {
        if end - start >= 36 {
            id::guids(bytes, start, end, spans);
        }
        if end - start >= 13 {
            for at in start..end - 12 {
                if matches!(bytes[at], b'S' | b's') && bytes[at + 1..].starts_with(b"-1-") {
                    id::sid(bytes, at, end, spans);
                }
            }
        }
        address::macs(bytes, start, end, spans);
        if end - start >= 55 {
            bitlocker(bytes, start, end, spans);
        }
    }
    if has(DIGIT) && bits & (DASH | UNDERSCORE) != 0 && end - start >= 7 {
        address::folded_v4(bytes, start, end, spans);
    }
    if has(DOT | DIGIT) && end - start >= 7 {
        address::v4(bytes, start, end, spans);
    }
    if has(COLON) && end - start >= 3 {
        address::v6(text, start, end, spans);
        if !has(DASH | DIGIT) {
            address::macs(bytes, start, end, spans);
        }
    }
    if has(DOT | LETTER) {
        host::names(text, start, end, dictionary, spans);
    }
    if has(BACKSLASH) {
        account::backslashes(text, start, end, dictionary, spans);
    }
    if has(SLASH) {
        account::slashes(text, start, end, spans);
    }
    if has(PLUS | DIGIT) || bytes[end - 1] == b'+' {
        let mut at = start;
        while at < end {
            at = if bytes[at] == b'+' { address::phone(bytes, at, spans) } else { at + 1 };
        }
    }
    if has(PERCENT) && has_escape(&bytes[start..end]) {
        spans.push(Span { start, end, rank: rank::PERCENT, what: What::Percent });
    }
}

/// Recovery passwords: the one secret without a literal to search for.
fn bitlocker(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    let mut at = start;
    while at + 55 <= end {
        match secrets::bitlocker(bytes, at) {
            Some(stop) => {
                spans.push(Span {
                    start: at,
                    end: stop,
                    rank: rank::SECRET,
                    what: What::Secret("bitlocker"),
                });
                at = stop;
            }
            None => at += 1,
        }
    }
}

/// Local parts may hold characters that end a run (`'`, `&`, `!`): they may start before it.
fn floor(bytes: &[u8], from: usize) -> usize {
    let mut floor = from;
    while floor > 0
        && from - floor < 64
        && matches!(bytes[floor - 1], b'\'' | b'&' | b'!' | b'~' | b'^' | b'*' | b'{' | b'}')
        || (floor > 0 && from - floor < 64 && floor < from && super::span::is_word_byte(bytes[floor - 1]))
    {
        floor -= 1;
    }
    floor
}

/// Whether the bytes hold `%` and two hex digits.
fn has_escape(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|w| w[0] == b'%' && w[1].is_ascii_hexdigit() && w[2].is_ascii_hexdigit())
}
