//! Rarer dresses of typed values: octets of a GUID, hex of its little-endian bytes, MAC addresses as
//! network devices print them, reverse names of IPv6 addresses, canonical names of Active Directory.

use super::context;
use super::span::{Span, What, ascii_at, ascii_before, is_word_byte, rank, word_before};
use crate::kind::Kind;
use crate::privacy::dictionary::Dictionary;
use crate::privacy::{dn, entity};

fn push(spans: &mut Vec<Span>, start: usize, end: usize, rank: u8, what: What) {
    spans.push(Span { start, end, rank, what });
}

fn is_pair(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..at + 2), Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// `\D7\07…` of an LDAP filter: sixteen octets in the run, each behind one backslash, or two to eight
/// where JSON stands around it.
pub(crate) fn octets(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    let mut at = start;
    while at + 48 <= end {
        let count = bytes[at..end].iter().take_while(|b| **b == b'\\').count();
        let (step, whole) = (count + 2, 16 * (count + 2));
        if !matches!(count, 1..=8) || at + whole > end {
            at += count.max(1);
            continue;
        }
        let slashes = |from: usize| bytes[from..].iter().take(9).take_while(|b| **b == b'\\').count();
        let octet = |from: usize| slashes(from) == count && is_pair(bytes, from + count);
        let before = at >= start + step && octet(at - step);
        if !before && (0..16).all(|nth| octet(at + step * nth)) && !octet(at + whole) {
            let what = if count == 1 { What::Value(Kind::ObjectId) } else { What::Octets(count as u8) };
            push(spans, at, at + whole, rank::GUID, what);
            at += whole;
        } else {
            at += count;
        }
    }
}

/// `d7 07 …` from `start`, where a run of two hex digits begins: sixteen of them, no more and no less.
/// A dump of other bytes has the same look: the GUID is learned, or announced.
pub(crate) fn spaced(text: &str, start: usize, dictionary: &Dictionary, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let pair = |at: usize| is_pair(bytes, at) && !ascii_at(bytes, at + 2);
    let space = |at: usize| bytes.get(at) == Some(&b' ');
    if !(pair(start) && space(start + 2) && pair(start + 3) && space(start + 5)) {
        return;
    }
    let before = start >= 3 && space(start - 1) && pair(start - 3) && !ascii_before(bytes, start - 3);
    let fits = (1..16).all(|octet| space(start + 3 * octet - 1) && pair(start + 3 * octet));
    if !fits || before || (space(start + 47) && pair(start + 48)) {
        return;
    }
    let digits: String = text[start..start + 47].split(' ').collect();
    let learned = entity::guid_of_text(&digits)
        .is_some_and(|guid| dictionary.entities().contains_any(&entity::swap(guid)));
    if learned || context::is_object(bytes, start) {
        push(spans, start, start + 47, rank::GUID, What::Value(Kind::ObjectId));
    }
}

/// What 32 hex digits at `at` are: the bytes of a learned GUID in the order in which Active Directory
/// stores them, announced by `<GUID=` or not.
pub(crate) fn packed(text: &str, at: usize, dictionary: &Dictionary) -> bool {
    let known = |guid: &[u8; 16]| dictionary.entities().contains_any(guid);
    let Some(guid) = entity::guid_of_text(&text[at..at + 32]) else { return false };
    let extended = at >= 6 && text.as_bytes()[at - 6..at].eq_ignore_ascii_case(b"<guid=");
    extended || (!known(&guid) && known(&entity::swap(guid)))
}

/// `001b.4411.3ab7`
pub(crate) fn dotted_macs(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    for dot in memchr::memchr_iter(b'.', &bytes[start..end]).map(|dot| start + dot) {
        let Some(head) = dot.checked_sub(4).filter(|head| *head >= start) else { continue };
        let fits = bytes[head..].len() >= 14
            && head + 14 <= end
            && bytes[head..head + 14]
                .iter()
                .enumerate()
                .all(|(at, byte)| if at % 5 == 4 { *byte == b'.' } else { byte.is_ascii_hexdigit() });
        let open = ascii_before(bytes, head) || (head > start && bytes[head - 1] == b'.');
        let more =
            ascii_at(bytes, head + 14) || (bytes.get(head + 14) == Some(&b'.') && ascii_at(bytes, head + 15));
        // Three numbers of four digits may be a version; an address has letters in it or zeros in front.
        let hex = bytes[head..].iter().take(14).any(u8::is_ascii_alphabetic) || bytes[head] == b'0';
        if fits && hex && !open && !more {
            push(spans, head, head + 14, rank::MAC, What::Value(Kind::MacAddress));
        }
    }
}

/// `….in-addr.arpa` and `….ip6.arpa`, whole names.
pub(crate) fn reverse(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    let mut stop = end;
    while stop > start && bytes[stop - 1] == b'.' {
        stop -= 1;
    }
    for (suffix, labels, digits) in [(&b".in-addr.arpa"[..], 4, 3), (b".ip6.arpa", 32, 1)] {
        let Some(mut head) = stop.checked_sub(suffix.len()).filter(|head| *head > start) else { continue };
        if !bytes[head..stop].eq_ignore_ascii_case(suffix) {
            continue;
        }
        let mut found = 0;
        while found < labels {
            let label =
                bytes[start..head].iter().rev().take(digits).take_while(|b| b.is_ascii_hexdigit()).count();
            if label == 0 {
                break;
            }
            head -= label;
            found += 1;
            if found < labels && head > start && bytes[head - 1] == b'.' {
                head -= 1;
            } else {
                break;
            }
        }
        if found == labels && !ascii_before(bytes, head) {
            push(spans, head, stop, rank::HOST, What::Value(Kind::IpAddress));
        }
    }
}

/// The organisational units of a canonical name, `contoso.com/Sales/Berlin/…`, behind the learned domain
/// that ends at `end`. What follows the last `/` is a name and found as one; a URL has no such parts.
pub(crate) fn canonical(text: &str, start: usize, end: usize, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    if bytes.get(end) != Some(&b'/') || (start > 0 && matches!(bytes[start - 1], b'/' | b'@' | b'.')) {
        return;
    }
    let mut at = end + 1;
    for _ in 0..16 {
        let length =
            bytes[at..].iter().take(65).take_while(|b| is_word_byte(**b) || b" -_&.()'".contains(b)).count();
        let upper = bytes.get(at).is_some_and(|b| b.is_ascii_uppercase() || *b >= 0x80);
        if !(1..=64).contains(&length) || bytes.get(at + length) != Some(&b'/') || !upper {
            return;
        }
        let unit = &text[at..at + length];
        if !dn::is_built_in_container(unit) && !word_before(bytes, at) {
            push(spans, at, at + length, rank::PATH, What::Value(Kind::OrgUnit));
        }
        at += length + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(text: &'a str, spans: &[Span]) -> Vec<&'a str> {
        spans.iter().map(|span| &text[span.start..span.end]).collect()
    }

    #[test]
    fn device_addresses_are_told_from_numbers() {
        for (text, mac) in [
            ("001b.4411.3ab7", Some("001b.4411.3ab7")),
            ("x 00AA.BBCC.DDEE:", Some("00AA.BBCC.DDEE")),
            ("1234.5678.9012", None),
            ("001b.4411.3ab7.0000", None),
            ("x001b.4411.3ab7", None),
        ] {
            let mut spans = Vec::new();
            dotted_macs(text.as_bytes(), 0, text.len(), &mut spans);
            assert_eq!(found(text, &spans).first().copied(), mac, "{text}");
        }
    }

    #[test]
    fn reverse_names_are_whole() {
        let six = format!("{}ip6.arpa", "0.".repeat(32));
        for (text, fits) in [
            ("7.113.0.203.in-addr.arpa", true),
            ("113.0.203.in-addr.arpa", false),
            (&*six, true),
            ("x.ip6.arpa", false),
            (".in-addr.arpa", false),
        ] {
            let mut spans = Vec::new();
            reverse(text.as_bytes(), 0, text.len(), &mut spans);
            assert_eq!(found(text, &spans) == [text], fits, "{text}");
        }
    }

    #[test]
    fn units_of_canonical_names_and_no_parts_of_urls() {
        for (text, units) in [
            ("contoso.com/Sales/Berlin Mitte/Greta", vec!["Sales", "Berlin Mitte"]),
            ("contoso.com/Users/Greta", vec![]),
            ("contoso.com/api/v2/users", vec![]),
            ("contoso.com/Sales", vec![]),
            ("contoso.com", vec![]),
        ] {
            let mut spans = Vec::new();
            canonical(text, 0, "contoso.com".len(), &mut spans);
            assert_eq!(found(text, &spans), units, "{text}");
        }
    }

    #[test]
    fn sixteen_octets_and_no_other_number_of_them() {
        let dictionary = crate::privacy::learn::Learner::new().freeze();
        let pairs = |count: usize| vec!["d7"; count].join(" ");
        for (count, fits) in [(15, false), (16, true), (17, false)] {
            let (text, mut spans) = (format!("objectGUID: {}", pairs(count)), Vec::new());
            spaced(&text, 12, &dictionary, &mut spans);
            assert_eq!(!spans.is_empty(), fits, "{count}");
            let (text, mut spans) = ("\\d7".repeat(count), Vec::new());
            octets(text.as_bytes(), 0, text.len(), &mut spans);
            assert_eq!(!spans.is_empty(), fits, "{count}");
            let (text, mut spans) = ("\\\\d7".repeat(count), Vec::new());
            octets(text.as_bytes(), 0, text.len(), &mut spans);
            assert_eq!(spans.iter().any(|span| span.what == What::Octets(2)), fits, "{count}");
        }
    }
}
