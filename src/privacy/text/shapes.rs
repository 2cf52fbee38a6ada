//! The run splitter: one pass over the bytes of a text, and for every run the matchers that its
//! class bits make possible. Every matcher checks what it found and both its boundaries.

use super::super::dictionary::Dictionary;
use super::super::secrets::{self, Secret};
use super::seen::Seen;
use super::span::{
    AT, BACKSLASH, CLASS, COLON, DASH, DIGIT, DOT, EQUALS, LETTER, PERCENT, PLUS, RUN, SLASH, Span, TILDE,
    WORD, What, rank,
};
use super::{account, address, dn, dress, host, id, mail};

/// Collects secrets and typed shapes of a text, overlaps included; returns what stands in it at all.
pub(crate) fn find(text: &str, dictionary: &Dictionary, spans: &mut Vec<Span>) -> Seen {
    let bytes = text.as_bytes();
    let mut seen = Seen::default();
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
    while let Some(byte) = bytes.get(at) {
        let mut bits = CLASS[*byte as usize];
        if bits & RUN == 0 {
            seen.note(bits);
            if bits & (EQUALS | TILDE) != 0 && at >= secret_end {
                let found = match bits & EQUALS {
                    0 => secrets::at_tilde(bytes, at),
                    _ => secrets::behind(text, at),
                };
                secret(found, &mut secret_end, spans);
            }
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        while let Some(class) = bytes.get(at).map(|b| CLASS[*b as usize]).filter(|class| class & RUN != 0) {
            bits |= class;
            at += 1;
        }
        let joints = match bits & !WORD {
            0 => Joints::default(),
            _ => Joints::of(&bytes[start..at]),
        };
        seen.run(bits, start, at, joints.dots);
        // A word is a secret only by its length, or announces one.
        if at > secret_end && (bits & !WORD != 0 || matches!(at - start, 6 | 43..)) {
            secret(secrets::in_run(bytes, start, at, joints.dots > 0), &mut secret_end, spans);
            if bits & COLON != 0 {
                for colon in memchr::memchr_iter(b':', &bytes[start..at]) {
                    if start + colon >= secret_end {
                        secret(secrets::behind(text, start + colon), &mut secret_end, spans);
                    }
                }
            }
        }
        run(text, start, at, bits, joints, dictionary, spans);
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
    seen
}

/// How often the bytes that join the parts of a value stand in a run.
#[derive(Clone, Copy, Default)]
struct Joints {
    dashes: usize,
    dots: usize,
    colons: usize,
    underscores: usize,
}

/// A lane of eight bits for each joint.
static LANES: [u32; 256] = {
    let mut lanes = [0; 256];
    lanes[b'-' as usize] = 1;
    lanes[b'.' as usize] = 1 << 8;
    lanes[b':' as usize] = 1 << 16;
    lanes[b'_' as usize] = 1 << 24;
    lanes
};

impl Joints {
    /// Counts all of them in one pass. A lane holds what one chunk can add.
    fn of(run: &[u8]) -> Joints {
        let mut joints = Joints::default();
        for chunk in run.chunks(255) {
            let sum: u32 = chunk.iter().map(|b| LANES[*b as usize]).sum();
            let [dashes, dots, colons, underscores] = sum.to_le_bytes().map(usize::from);
            joints.dashes += dashes;
            joints.dots += dots;
            joints.colons += colons;
            joints.underscores += underscores;
        }
        joints
    }
}

/// The shapes of one run.
fn run(
    text: &str,
    start: usize,
    end: usize,
    bits: u32,
    joints: Joints,
    dictionary: &Dictionary,
    spans: &mut Vec<Span>,
) {
    let bytes = text.as_bytes();
    let has = |wanted: u32| bits & wanted == wanted;
    let length = end - start;
    // A plain word or number: nothing but a GUID without dashes.
    if length >= 32 && has(DIGIT) {
        id::plain_guids(text, start, end, dictionary, spans);
    }
    if bits & !(WORD | PERCENT) == 0 {
        if length == 22 && has(DIGIT | LETTER) {
            id::bare_anchor(text, start, dictionary, spans);
        }
        if length == 2 {
            dress::spaced(text, start, dictionary, spans);
        }
        return;
    }
    if length == 22 && bits & !(WORD | PERCENT | PLUS | SLASH) == 0 {
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
    let Joints { dashes, dots, colons, underscores } = joints;
    if has(DIGIT) {
        if dashes >= 4 {
            if length >= 36 {
                id::guids(bytes, start, end, spans);
            }
            if length >= 13 {
                sids(bytes, start, end, spans);
            }
            if dashes >= 5 {
                address::macs(bytes, start, end, spans);
            }
            if length >= 55 {
                bitlocker(bytes, start, end, spans);
            }
        }
        if dashes >= 3 || underscores >= 3 {
            address::folded_v4(bytes, start, end, spans);
        }
        if dots >= 3 {
            address::v4(bytes, start, end, spans);
            if dots >= 5 {
                dress::reverse(bytes, start, end, spans);
            }
        }
        if dots >= 2 && length >= 14 {
            dress::dotted_macs(bytes, start, end, spans);
        }
    }
    if colons >= 5 || (colons >= 2 && bytes[start..end].windows(2).any(|pair| pair == b"::")) {
        address::v6(text, start, end, spans);
        address::macs(bytes, start, end, spans);
    }
    if has(DOT | LETTER) {
        host::names(text, start, end, dictionary, spans);
    }
    if dashes >= 2 && has(DIGIT) {
        host::exported(bytes, start, end, spans);
    }
    if has(DASH | LETTER) && length >= 8 {
        host::folded(text, start, end, dictionary, spans);
    }
    if has(BACKSLASH) {
        if length >= 48 {
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
