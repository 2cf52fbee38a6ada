//! IP and MAC addresses and phone numbers in text, and what merely looks like them.

use super::context;
use super::span::{Span, What, ascii_at, ascii_before, rank};
use crate::kind::Kind;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Reads `d.d.d.d` with the given separator from `at`: the octets and the byte after them. No
/// leading zeros, no fifth group.
fn quad(bytes: &[u8], at: usize, separator: u8) -> Option<([u8; 4], usize)> {
    let mut octets = [0u8; 4];
    let mut position = at;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            if bytes.get(position) != Some(&separator) {
                return None;
            }
            position += 1;
        }
        let digits = bytes.get(position..)?.iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || digits > 3 || (digits > 1 && bytes[position] == b'0') {
            return None;
        }
        let value =
            bytes[position..position + digits].iter().fold(0u16, |sum, b| sum * 10 + u16::from(b - b'0'));
        *octet = u8::try_from(value).ok()?;
        position += digits;
    }
    let further =
        bytes.get(position) == Some(&separator) && bytes.get(position + 1).is_some_and(u8::is_ascii_digit);
    (!further).then_some((octets, position))
}

/// A quad that is more likely the version of a product: its last parts are zero and it is no
/// address of a private block, or it is the start of an object identifier.
fn looks_like_version(octets: [u8; 4]) -> bool {
    let [a, b, c, d] = octets;
    let private = a == 10
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 100 && (64..128).contains(&b));
    (!private && d == 0 && (c == 0 || a <= 16)) || octets[1..] == [0, 0, 0] || octets == [1, 3, 6, 1]
}

/// Dotted IPv4 addresses of a run, with port and prefix length. Versions are marked to be left alone.
pub(crate) fn v4(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    let mut at = start;
    while at < end {
        let digits = bytes[at..end].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        if digits == 0 {
            at += 1;
            continue;
        }
        let (head, next) = (at, at + digits);
        at = next;
        if digits < 7
            || bytes[head] == b'.'
            || (head > start && ascii_before(bytes, head) && !is_v(bytes, head))
        {
            continue;
        }
        let Some((octets, stop)) = quad(bytes, head, b'.') else { continue };
        // Only the dots of a sentence may follow inside the digits and dots.
        if bytes[stop..next].iter().any(|b| *b != b'.') || ascii_at(bytes, stop) {
            continue;
        }
        let pre_release =
            bytes.get(stop) == Some(&b'-') && bytes.get(stop + 1).is_some_and(u8::is_ascii_alphabetic);
        let (kind, stop) = tail(bytes, stop, 32);
        let version = kind == Kind::IpAddress
            && (pre_release || context::is_version(bytes, head) || looks_like_version(octets));
        let what = if version { What::Keep } else { What::Value(kind) };
        spans.push(Span { start: head, end: stop, rank: rank::ADDRESS, what });
    }
}

fn is_v(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[at - 1], b'v' | b'V') && !ascii_before(bytes, at - 1)
}

/// What follows an address: `/24` makes it a network, `:443` belongs to it.
fn tail(bytes: &[u8], stop: usize, most: u32) -> (Kind, usize) {
    let number = |at: usize, digits: usize| {
        let count = bytes.get(at..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
        let text = &bytes[at.min(bytes.len())..(at + count).min(bytes.len())];
        let value = text.iter().take(6).fold(0u32, |sum, b| sum * 10 + u32::from(b - b'0'));
        (1..=digits).contains(&count).then_some((value, at + count))
    };
    match bytes.get(stop) {
        Some(b'/') => match number(stop + 1, 3) {
            Some((length, after))
                if length <= most && !ascii_at(bytes, after) && bytes.get(after) != Some(&b'/') =>
            {
                (Kind::Network, after)
            }
            _ => (Kind::IpAddress, stop),
        },
        Some(b':') if most == 32 => match number(stop + 1, 5) {
            Some((port, after)) if port <= 65_535 && !ascii_at(bytes, after) => (Kind::IpAddress, after),
            _ => (Kind::IpAddress, stop),
        },
        _ => (Kind::IpAddress, stop),
    }
}

/// Whether two numbers of one to three digits stand side by side between dashes or underscores, as the
/// middle of an address does: the cheap question before the exact one, which a GUID answers at once.
fn may_hold_quad(run: &[u8]) -> bool {
    let (mut digits, mut short) = (usize::MAX, 0);
    for byte in run {
        match byte {
            b'0'..=b'9' => digits = digits.saturating_add(1),
            b'-' | b'_' => {
                short = if matches!(digits, 1..=3) { short + 1 } else { 0 };
                if short == 2 {
                    return true;
                }
                digits = 0;
            }
            _ => digits = usize::MAX,
        }
    }
    false
}

/// IPv4 addresses written with dashes or underscores inside host names (`ip-10-0-187-218`).
pub(crate) fn folded_v4(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    if !may_hold_quad(&bytes[start..end]) {
        return;
    }
    let mut at = start;
    while at < end {
        let glued =
            at > start && bytes[at - 1].is_ascii_alphabetic() && !matches!(bytes[at - 1], b'v' | b'V');
        if !bytes[at].is_ascii_digit() || (ascii_before(bytes, at) && !glued) {
            at += 1;
            continue;
        }
        let digits = bytes[at..end].iter().take_while(|b| b.is_ascii_digit()).count();
        let separator = bytes.get(at + digits).copied().unwrap_or(0);
        if matches!(separator, b'-' | b'_')
            && let Some((octets, stop)) = quad(bytes, at, separator)
        {
            let named = at > start + 1 && bytes[at - 1] == separator && bytes[at - 2].is_ascii_alphabetic();
            let counted = at > start + 1 && bytes[at - 1] == separator && bytes[at - 2].is_ascii_digit();
            let address = Ipv4Addr::from(octets);
            // A letter stands glued only before an address that can be nothing else.
            let fits = match glued {
                true => stop - at >= 9,
                false => named || address.is_private(),
            };
            if !counted && !ascii_at(bytes, stop) && fits {
                spans.push(Span {
                    start: at,
                    end: stop,
                    rank: rank::ADDRESS,
                    what: What::FoldedAddress(separator),
                });
            }
            at = stop;
            continue;
        }
        at += digits;
    }
}

/// IPv6 addresses of a run, with brackets and port, zone and prefix length.
pub(crate) fn v6(text: &str, start: usize, end: usize, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let part = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
    let mut at = start;
    while at < end {
        let length = bytes[at..end].iter().take_while(|b| part(**b)).count();
        if length == 0 {
            at += 1;
            continue;
        }
        let (head, next) = (at, at + length);
        at = next;
        if length > 64 {
            continue;
        }
        let Some((from, stop)) = parse_v6(text, head, next) else { continue };
        if ascii_before(bytes, from) || ascii_at(bytes, stop) {
            continue;
        }
        let bracket = from > 0 && bytes[from - 1] == b'[' && bytes.get(stop) == Some(&b']');
        if bracket && bytes.get(stop + 1) == Some(&b':') {
            let digits = bytes[stop + 2..].iter().take_while(|b| b.is_ascii_digit()).count();
            if (1..=5).contains(&digits) && !ascii_at(bytes, stop + 2 + digits) {
                spans.push(Span {
                    start: from - 1,
                    end: stop + 2 + digits,
                    rank: rank::ADDRESS,
                    what: What::Value(Kind::IpAddress),
                });
                continue;
            }
        }
        let (kind, mut stop) = tail(bytes, stop, 128);
        if bytes.get(stop) == Some(&b'%') {
            let zone = bytes[stop + 1..].iter().take(16).take_while(|b| b.is_ascii_alphanumeric()).count();
            stop += if zone > 0 { 1 + zone } else { 0 };
        }
        spans.push(Span { start: from, end: stop, rank: rank::ADDRESS, what: What::Value(kind) });
    }
}

/// The part of a stretch of hex digits, colons and dots that is an IPv6 address.
fn parse_v6(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut from, mut stop) = (start, end);
    while stop > from && bytes[stop - 1] == b'.' {
        stop -= 1;
    }
    if stop > from + 1 && bytes[stop - 1] == b':' && bytes[stop - 2] != b':' {
        stop -= 1;
    }
    if bytes.get(from) == Some(&b':') && bytes.get(from + 1) != Some(&b':') {
        from += 1;
    }
    let colons = bytes[from..stop].iter().filter(|b| **b == b':').count();
    if !(2..=9).contains(&colons) {
        return None;
    }
    for _ in 0..2 {
        if let Ok(address) = text[from..stop].parse::<Ipv6Addr>() {
            let groups = text[from..stop].split(':').filter(|group| !group.is_empty()).count();
            let digit = bytes[from..stop].iter().any(u8::is_ascii_digit);
            return (groups >= 3 || (digit && groups > 0 && !address.is_loopback())).then_some((from, stop));
        }
        // A word of hex letters and a colon may stand glued before the address.
        from += bytes[from..stop].iter().position(|b| *b == b':')? + 1;
    }
    None
}

/// MAC addresses with `:` or `-` between six pairs.
pub(crate) fn macs(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    let mut at = start;
    while at + 17 <= end {
        let separator = bytes[at + 2];
        if !matches!(separator, b':' | b'-') || ascii_before(bytes, at) {
            at += 1;
            continue;
        }
        let text = &bytes[at..at + 17];
        let fits = text
            .iter()
            .enumerate()
            .all(|(index, byte)| if index % 3 == 2 { *byte == separator } else { byte.is_ascii_hexdigit() });
        let before = at >= 3 && at > start && bytes[at - 1] == separator && bytes[at - 2].is_ascii_hexdigit();
        let after =
            bytes.get(at + 17) == Some(&separator) && bytes.get(at + 18).is_some_and(u8::is_ascii_hexdigit);
        let longer = after || (before && bytes[at - 3].is_ascii_hexdigit());
        if fits && !longer && !ascii_at(bytes, at + 17) {
            spans.push(Span {
                start: at,
                end: at + 17,
                rank: rank::MAC,
                what: What::Value(Kind::MacAddress),
            });
            at += 17;
        } else {
            at += 1;
        }
    }
}

/// The phone number that starts with the `+` at `at`.
pub(crate) fn phone(bytes: &[u8], at: usize, spans: &mut Vec<Span>) -> usize {
    let open = at == 0
        || matches!(
            bytes[at - 1],
            b' ' | b'\t'
                | b'"'
                | b'\''
                | b'('
                | b':'
                | b'='
                | b','
                | b';'
                | b'['
                | b'>'
                | b'<'
                | b'|'
                | b'\n'
                | b'/'
        );
    if !open || !bytes.get(at + 1).is_some_and(|b| (b'1'..=b'9').contains(b)) {
        return at + 1;
    }
    let (mut digits, mut stop, mut position) = (0, at, at + 1);
    while position < bytes.len() && position - at < 32 && digits <= 15 {
        match bytes[position] {
            b'0'..=b'9' => {
                digits += 1;
                stop = position + 1;
            }
            b' ' | b'-' | b'.' | b'/' | b'(' | b')'
                if bytes
                    .get(position + 1)
                    .is_some_and(|b| b.is_ascii_digit() || *b == b'(' || *b == b' ') => {}
            _ => break,
        }
        position += 1;
    }
    if (8..=15).contains(&digits) && !ascii_at(bytes, stop) {
        spans.push(Span { start: at, end: stop, rank: rank::PHONE, what: What::Value(Kind::Phone) });
        return stop;
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_quad_is_no_address() {
        let parts = ["10", "1", "255", "0187", "a1", "", "f00d"];
        let mut quads = 0;
        // Every sequence of five parts, between either separator.
        for number in 0..parts.len().pow(5) {
            let part = |place: u32| parts[number / parts.len().pow(place) % parts.len()];
            for separator in ["-", "_"] {
                let text = [0, 1, 2, 3, 4].map(part).join(separator);
                let bytes = text.as_bytes();
                let found = (0..bytes.len()).any(|at| quad(bytes, at, separator.as_bytes()[0]).is_some());
                assert!(!found || may_hold_quad(bytes), "{text}");
                quads += usize::from(found);
            }
        }
        assert!(quads > 0);
        assert!(!may_hold_quad(b"f7cc07d7-7c15-447d-876d-c01b0e5a9e38"));
    }
}
