//! Rarer dresses of identifiers in finished bytes: octets of a GUID behind backslashes or between
//! spaces, MAC addresses as network devices print them.

use super::super::entity::{Entities, swap};
use crate::kind::{Kind, KindSet};

/// How many places are asked at once whether a dress may start at one of them.
const STEP: usize = 32;

/// Calls `found` with place, kind and whether a learned entity was found.
pub(super) fn find(
    bytes: &[u8],
    entities: &Entities,
    treated: KindSet,
    mut found: impl FnMut(usize, &'static str, bool),
) {
    let mut from = 0;
    while from < bytes.len() {
        let to = bytes.len().min(from + STEP);
        if may_start(&bytes[from..]) {
            (from..to).for_each(|at| look(bytes, at, entities, treated, &mut found));
        }
        from = to;
    }
}

/// Whether the separators of a dress stand at the distances of its parts from one of the first places: the
/// cheap question, put to all of them in a loop without branches.
fn may_start(rest: &[u8]) -> bool {
    let (Some(first), Some(third), Some(fifth), Some(sixth)) = (
        rest.first_chunk::<STEP>(),
        rest.get(3..).and_then(|rest| rest.first_chunk::<STEP>()),
        rest.get(5..).and_then(|rest| rest.first_chunk::<STEP>()),
        rest.get(6..).and_then(|rest| rest.first_chunk::<STEP>()),
    ) else {
        return true;
    };
    let mut any = 0;
    for at in 0..STEP {
        let one = first[at];
        let octets = u8::from(one == third[at])
            & u8::from(one == sixth[at])
            & (u8::from(one == b' ') | u8::from(one == b'\\'));
        any |= octets | u8::from(one == b'.') & u8::from(fifth[at] == b'.');
    }
    any != 0
}

/// Looks at the separator at `at`.
fn look(
    bytes: &[u8],
    at: usize,
    entities: &Entities,
    treated: KindSet,
    found: &mut impl FnMut(usize, &'static str, bool),
) {
    let entity = |text: &[u8]| octets(text).is_some_and(|guid| entities.contains(&swap(guid), treated));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::learn::Learner;

    #[test]
    fn what_is_passed_over_holds_nothing() {
        let mut learner = Learner::new();
        learner.learn(Kind::ObjectId, "f7cc07d7-7c15-447d-876d-c01b0e5a9e38", "users");
        let dictionary = learner.freeze();
        let treated = KindSet::of(&[Kind::ObjectId, Kind::MacAddress]);
        let octets = ["d7", "07", "cc", "f7", "15", "7c", "7d", "44"];
        let octets = [&octets[..], &["87", "6d", "c0", "1b", "0e", "5a", "9e", "38"]].concat();
        let dresses = [octets.join(" "), format!("\\{}", octets.join("\\")), "001b.4411.3ab7".to_owned()];
        let mut all = 0;
        for dress in dresses {
            for before in 0..2 * STEP {
                for behind in [0, 1, 7, STEP, 3 * STEP] {
                    let text = format!("{}({dress}){}", "x y ".repeat(before), ". a\\b".repeat(behind));
                    let (mut places, mut every) = (Vec::new(), Vec::new());
                    let entities = dictionary.entities();
                    find(text.as_bytes(), entities, treated, |at, _, _| places.push(at));
                    for at in 0..text.len() {
                        look(text.as_bytes(), at, entities, treated, &mut |at, _, _| every.push(at));
                    }
                    assert_eq!(places, every, "{text}");
                    assert_eq!(places.len(), 1, "{text}");
                    all += 1;
                }
            }
        }
        assert_eq!(all, 3 * 2 * STEP * 5);
    }
}
