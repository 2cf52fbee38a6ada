//! Distinguished names in prose: at least two parts, one of them CN, OU, DC or O.

use super::span::{Span, What, rank, word_before};
use crate::kind::Kind;

/// Attribute types that may stand in a DN, upper case.
const TYPES: &[&str] = &[
    "C",
    "CN",
    "DC",
    "E",
    "EMAIL",
    "EMAILADDRESS",
    "G",
    "GIVENNAME",
    "GN",
    "L",
    "O",
    "OU",
    "S",
    "SERIALNUMBER",
    "SN",
    "ST",
    "STREET",
    "SURNAME",
    "T",
    "TITLE",
    "UID",
];

/// Longest value and longest DN in bytes.
const VALUE: usize = 256;
const WHOLE: usize = 4096;

/// The attribute type that ends before the `=` at `equals`.
fn type_before(bytes: &[u8], floor: usize, equals: usize) -> Option<usize> {
    let mut start = equals;
    while start > floor && equals - start < 13 && bytes[start - 1].is_ascii_alphabetic() {
        start -= 1;
    }
    (start < equals && !word_before(bytes, start) && is_type(&bytes[start..equals])).then_some(start)
}

fn is_type(name: &[u8]) -> bool {
    TYPES.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// The end of the attribute type that starts at `at`, if `=` follows.
fn type_at(bytes: &[u8], at: usize) -> Option<usize> {
    let length = bytes.get(at..)?.iter().take(13).take_while(|b| b.is_ascii_alphabetic()).count();
    (length > 0 && bytes.get(at + length) == Some(&b'=') && is_type(&bytes[at..at + length]))
        .then_some(at + length)
}

/// The DN whose first `=` stands at `equals`; `floor` is the first byte that may belong to it.
/// Returns its end.
pub(crate) fn at(text: &str, floor: usize, equals: usize, spans: &mut Vec<Span>) -> Option<usize> {
    let bytes = text.as_bytes();
    let start = type_before(bytes, floor, equals)?;
    let (mut equals, mut name) = (equals, start);
    let mut parts = 0;
    let mut rooted = false;
    let end = loop {
        parts += 1;
        let kind = &bytes[name..equals];
        rooted |= [&b"CN"[..], b"OU", b"DC", b"O"].iter().any(|root| kind.eq_ignore_ascii_case(root));
        let domain = kind.eq_ignore_ascii_case(b"DC");
        let stop = value_end(bytes, equals + 1)?;
        // A domain label is one word: behind it prose goes on, perhaps with another name in it.
        let label = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'\\') || **b >= 0x80;
        if domain && bytes[equals + 1..stop].iter().take_while(label).count() < stop - equals - 1 {
            break last_end(text, equals + 1, stop, true);
        }
        let next = match bytes.get(stop) {
            Some(b',' | b'+' | b';') => {
                let spaces = bytes[stop + 1..].iter().take(2).take_while(|b| **b == b' ').count();
                type_at(bytes, stop + 1 + spaces).map(|equals| (stop + 1 + spaces, equals))
            }
            _ => None,
        };
        match next {
            Some((next_name, next_equals)) if next_equals - start < WHOLE => {
                (name, equals) = (next_name, next_equals)
            }
            _ if is_connector(&bytes[equals + 1..]) => break equals + 51,
            _ => break last_end(text, equals + 1, stop, domain),
        }
    };
    if (parts < 2 && !is_connector(&bytes[equals + 1..])) || !rooted || end <= start {
        return None;
    }
    spans.push(Span { start, end, rank: rank::DN, what: What::Value(Kind::Dn) });
    Some(end)
}

/// Whether a value is the name of an object in the cloud's connector space: braces around the hex of
/// the base64 of a GUID. It stands alone, without further parts.
fn is_connector(value: &[u8]) -> bool {
    value.len() >= 50
        && value[0] == b'{'
        && value[49] == b'}'
        && value[1..49].iter().all(u8::is_ascii_hexdigit)
        && !value.get(50).is_some_and(u8::is_ascii_alphanumeric)
}

/// The end of a value: an unescaped separator, a quote, a bracket or a control character.
fn value_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < bytes.len() && at - from <= VALUE {
        match bytes[at] {
            b'\\' if at + 1 < bytes.len() && bytes[at + 1] != b'"' => at += 1,
            b',' | b'+' | b';' | b'"' | b'<' | b'>' | b'|' | b'\\' => return Some(at),
            byte if byte < 0x20 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    (at - from <= VALUE).then_some(at.min(bytes.len()))
}

/// The end of the last value, which prose may follow: a domain label is one word; any other value
/// goes on while its words start with a capital, a digit or a character beyond ASCII.
fn last_end(text: &str, from: usize, stop: usize, domain: bool) -> usize {
    let bytes = text.as_bytes();
    let mut end = from;
    let mut first = true;
    while end < stop {
        let head = if first { end } else { end + 1 };
        let byte = bytes.get(head).copied().unwrap_or(b' ');
        let goes_on = byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte >= 0x80 || byte == b'&';
        if !first && !goes_on {
            break;
        }
        let length =
            bytes[head..stop].iter().take_while(|b| !matches!(b, b' ' | b')' | b']' | b'}' | b'\'')).count();
        let length = if domain {
            bytes[head..stop]
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_') || **b >= 0x80)
                .count()
        } else {
            length
        };
        if length == 0 {
            break;
        }
        end = head + length;
        first = false;
        if domain || bytes.get(end) != Some(&b' ') {
            break;
        }
    }
    while end > from && matches!(bytes[end - 1], b'.' | b':' | b'!' | b'?') {
        end -= 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        let mut from = 0;
        while let Some(equals) = text[from..].find('=').map(|at| at + from) {
            from = at(text, from, equals, &mut spans).unwrap_or(equals + 1);
        }
        spans.iter().map(|span| &text[span.start..span.end]).collect()
    }

    #[test]
    fn names_end_where_prose_goes_on() {
        for (text, name) in [
            (
                "on object CN=Anna W,OU=Users,DC=contoso,DC=com conflicting value",
                "CN=Anna W,OU=Users,DC=contoso,DC=com",
            ),
            ("(cn=Doe\\, Jane,ou=a b,dc=x,dc=y).", "cn=Doe\\, Jane,ou=a b,dc=x,dc=y"),
            ("Issuer CN=x, O=Contoso Ltd is wrong", "CN=x, O=Contoso Ltd"),
            ("'CN=x,OU=Sales'", "CN=x,OU=Sales"),
            ("to DC=contoso,DC=com.", "DC=contoso,DC=com"),
            ("CN=a,DC=x,DC=y but not CN=b, which", "CN=a,DC=x,DC=y"),
            ("\"CN=Sören Å,OU=Ümläut,DC=a\"", "CN=Sören Å,OU=Ümläut,DC=a"),
        ] {
            assert_eq!(find(text), [name], "{text}");
        }
    }

    #[test]
    fn what_is_no_dn() {
        for text in [
            "CN=Greta",
            "a=b,c=d",
            "Version=4.0.0.0, Culture=neutral",
            "xCN=a,OU=b",
            "E=1, C=2",
            "CN=",
            "DC=,",
        ] {
            assert!(find(text).is_empty(), "{text}: {:?}", find(text));
        }
    }

    #[test]
    fn types_are_sorted() {
        assert!(TYPES.is_sorted());
    }
}
