//! The run splitter: one pass over the bytes of a text, and for every run the matchers that its
//! class bits make possible. Every matcher checks what it found and both its boundaries.

use super::super::dictionary::Dictionary;
use super::super::secrets::{self, Secret};
use super::span::{
    AT, BACKSLASH, CLASS, COLON, DASH, DIGIT, DOT, LETTER, PLUS, RUN, SLASH, Span, UNDERSCORE, What, rank,
};
use super::{account, address, dn, dress, host, id, mail};

/// Collects secrets and typed shapes of a text, overlaps included.
pub(crate) fn find(text: &str, dictionary: &Dictionary, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // The first byte that a DN found next may use, and the end of the last secret, so that what is
    // covered is not looked at again.
    let (mut dn_floor, mut secret_end) = (0, 0);
    let secret = |found: Option<Secret>, secret_end: &mut usize, spans: &mut Vec<Span>| {
        if let Some(Secret { start, end, what }) = found.filter(|s| s.end > s.start && s.end > *secret_end) {
            *secret_end = end;
            spans.push(Span { start, end, rank: rank::SECRET, what: What::Secret(what) });
        }
    };
    while at < bytes.len() {
        let byte = bytes[at];
        if CLASS[byte as usize] & RUN == 0 {
            match byte {
                b'=' if at >= secret_end => secret(secrets::behind(text, at), &mut secret_end, spans),
                b'~' if at >= secret_end => secret(secrets::at_tilde(bytes, at), &mut secret_end, spans),
                _ => {}
            }
            at += 1;
            continue;
        }
        let start = at;
        let mut bits = 0;
        while let Some(class) = bytes.get(at).map(|b| CLASS[*b as usize]).filter(|class| class & RUN != 0) {
            bits |= class;
            at += 1;
        }
        if at > secret_end {
            secret(secrets::in_run(bytes, start, at, bits & DOT != 0), &mut secret_end, spans);
            if bits & COLON != 0 {
                for colon in memchr::memchr_iter(b':', &bytes[start..at]) {
                    if start + colon >= secret_end {
                        secret(secrets::behind(text, start + colon), &mut secret_end, spans);
                    }
                }
            }
        }
        run(text, start, at, bits, dictionary, spans);
        if bytes.get(at) == Some(&b'=') {
            if bytes.get(at + 1) == Some(&b'=') && bits & (LETTER | DIGIT) != 0 {
                id::anchor(bytes, at, spans);
            } else if at >= dn_floor
                && bits & LETTER != 0
                && let Some(end) = dn::at(text, dn_floor, at, spans)
            {
                dn_floor = end;
            }
        }
    }
}

/// The shapes of one run.
fn run(text: &str, start: usize, end: usize, bits: u16, dictionary: &Dictionary, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let has = |wanted: u16| bits & wanted == wanted;
    let count = |wanted: u8| bytes[start..end].iter().filter(|b| **b == wanted).count();
    // A plain word or number: nothing but a GUID without dashes.
    if end - start >= 32 && has(DIGIT) {
        id::plain_guids(text, start, end, dictionary, spans);
    }
    if bits & !(RUN | LETTER | DIGIT) == 0 {
        if end - start == 22 && has(DIGIT | LETTER) {
            id::bare_anchor(text, start, dictionary, spans);
        }
        if end - start == 2 {
            dress::spaced(text, start, dictionary, spans);
        }
        return;
    }
    if end - start == 22 && bits & !(RUN | LETTER | DIGIT | PLUS | SLASH) == 0 {
        id::bare_anchor(text, start, dictionary, spans);
    }
    if has(AT) {
        let mut from = start;
        for at in start..end {
            if bytes[at] == b'@' && at >= from {
                let floor = floor(bytes, from);
                let stop = mail::at(bytes, floor, at, spans)
                    .or_else(|| mail::at_realm(text, floor, at, dictionary, spans));
                from = stop.unwrap_or(from);
            }
        }
    }
    let dashes = if has(DASH | DIGIT) { count(b'-') } else { 0 };
    if dashes >= 4 {
        if end - start >= 36 {
            id::guids(bytes, start, end, spans);
        }
        if end - start >= 13 {
            sids(bytes, start, end, spans);
        }
        if dashes >= 5 {
            address::macs(bytes, start, end, spans);
        }
        if end - start >= 55 {
            bitlocker(bytes, start, end, spans);
        }
    }
    if dashes >= 3 || (has(UNDERSCORE | DIGIT) && count(b'_') >= 3) {
        address::folded_v4(bytes, start, end, spans);
    }
    let dots = if has(DOT | DIGIT) { count(b'.') } else { 0 };
    if dots >= 3 {
        address::v4(bytes, start, end, spans);
        if dots >= 5 {
            dress::reverse(bytes, start, end, spans);
        }
    }
    if dots >= 2 && end - start >= 14 {
        dress::dotted_macs(bytes, start, end, spans);
    }
    if has(COLON) {
        let colons = count(b':');
        if colons >= 5 || (colons >= 2 && bytes[start..end].windows(2).any(|pair| pair == b"::")) {
            address::v6(text, start, end, spans);
            address::macs(bytes, start, end, spans);
        }
    }
    if has(DOT | LETTER) {
        host::names(text, start, end, dictionary, spans);
    }
    if dashes >= 2 {
        host::exported(bytes, start, end, spans);
    }
    if has(DASH | LETTER) && end - start >= 8 {
        host::folded(text, start, end, dictionary, spans);
    }
    if has(BACKSLASH) {
        if end - start >= 48 {
            dress::octets(bytes, start, end, spans);
        }
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
}

/// SIDs of domains, accounts and Entra objects.
fn sids(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    for at in memchr::memchr2_iter(b'S', b's', &bytes[start..end]) {
        if bytes[start + at + 1..end].starts_with(b"-1-") {
            id::sid(bytes, start + at, end, spans);
        }
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
    let joins = |b: u8| matches!(b, b'\'' | b'&' | b'!' | b'~' | b'^' | b'*' | b'{' | b'}');
    let mut floor = from;
    while floor > 0 && from - floor < 64 {
        let before = bytes[floor - 1];
        let inside = floor < from && (super::span::is_word_byte(before) || b".-_+".contains(&before));
        if !joins(before) && !inside {
            break;
        }
        floor -= 1;
    }
    floor
}
