//! Rarer dresses of identifiers in finished bytes: octets of a GUID behind backslashes or between
//! spaces, MAC addresses as network devices print them.

use super::super::entity::{Entities, swap};
use crate::kind::{Kind, KindSet};

/// Calls `found` with place, kind and whether a learned entity was found.
pub(super) fn find(
    bytes: &[u8],
    entities: &Entities,
    treated: KindSet,
    mut found: impl FnMut(usize, &'static str, bool),
) {
    let entity = |text: &[u8]| octets(text).is_some_and(|guid| entities.contains(&swap(guid), treated));
    for at in memchr::memchr3_iter(b'\\', b' ', b'.', bytes) {
        let next = |offset: usize| bytes.get(at + offset) == Some(&bytes[at]);
        match bytes[at] {
            b'\\' if next(3) && next(6) && bytes.get(at..at + 48).is_some_and(entity) => {
                found(at, Kind::ObjectId.id(), true);
            }
            // The first space stands behind the first octet.
            b' ' if next(3) && next(6) && at >= 2 => {
                let text = bytes.get(at - 2..at + 45).map(|text| [b" ", text].concat());
                if text.is_some_and(|text| entity(&text)) {
                    found(at - 2, Kind::ObjectId.id(), true);
                }
            }
            b'.' if next(5) && at >= 4 && treated.contains(Kind::MacAddress) && is_device(bytes, at - 4) => {
                found(at - 4, Kind::MacAddress.id(), false);
            }
            _ => {}
        }
    }
}

/// Sixteen octets, each behind a separator.
fn octets(text: &[u8]) -> Option<[u8; 16]> {
    let mut guid = [0; 16];
    for (octet, part) in guid.iter_mut().zip(text.chunks_exact(3)) {
        let digits = part[1..].iter().map(|b| (*b as char).to_digit(16)).collect::<Option<Vec<u32>>>()?;
        if part[0] != text[0] {
            return None;
        }
        *octet = (digits[0] << 4 | digits[1]) as u8;
    }
    (text.len() == 48).then_some(guid)
}

/// Whether `001b.4411.3ab7` starts here and is part of nothing longer.
fn is_device(bytes: &[u8], start: usize) -> bool {
    let Some(text) = bytes.get(start..start + 14) else { return false };
    let fits =
        text.iter().enumerate().all(|(at, b)| if at % 5 == 4 { *b == b'.' } else { b.is_ascii_hexdigit() });
    let word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let before = start > 0 && (word(start - 1) || bytes[start - 1] == b'.');
    let after = word(start + 14) || (bytes.get(start + 14) == Some(&b'.') && word(start + 15));
    fits && !before && !after && (text[0] == b'0' || text.iter().any(u8::is_ascii_alphabetic))
}
