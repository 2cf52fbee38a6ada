//! Shapes in finished bytes: regular expressions and checks of their own, independent of the
//! rewriter's matchers. Whatever has the shape of an identifier and is none of our pseudonyms is a
//! finding. Here stands what a literal announces; numbers, addresses of mail and secrets behind keys
//! have rooms of their own.

mod announced;
mod mail;
mod numbers;

use super::super::entity::{Entities, swap};
use crate::kind::{Kind, KindSet};
use mail::is_local_of_ours;
use regex::bytes::Regex;
use std::net::IpAddr;
use std::sync::OnceLock;

/// Shapes that a literal announces.
fn marked() -> &'static Regex {
    static SHAPES: OnceLock<Regex> = OnceLock::new();
    SHAPES.get_or_init(|| {
        Regex::new(concat!(
            r"(?-u)[sS]-1-(?:5-21|12-1)-\d{1,10}(?:-\d{1,10}){2,3}",
            r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}",
            r"|-----BEGIN [A-Z0-9 ]{3,40}-----",
            r"|otpauth://[a-z]",
            r#"|\\[uU]sers\\+[^\\/"<>|*?:\r\n]{1,64}"#,
        ))
        .expect("a fixed pattern")
    })
}

/// A finding in a view.
pub(super) struct Shape {
    pub start: usize,
    pub what: &'static str,
    /// Whether a learned entity was found, not merely a shape.
    pub known: bool,
}

/// What the shape scan compares with.
pub(super) struct Shapes<'a> {
    pub entities: &'a Entities,
    pub treated: KindSet,
    /// Whether the policy keeps private addresses.
    pub private_addresses: bool,
    /// Further addresses that it keeps, sorted.
    pub addresses: &'a [IpAddr],
}

impl Shapes<'_> {
    /// Calls `found` for every finding.
    pub fn find(&self, bytes: &[u8], found: &mut impl FnMut(Shape)) {
        let mut report = |start: usize, what: &'static str, known: bool| found(Shape { start, what, known });
        self.stretches(bytes, &mut report);
        self.hex_runs(bytes, &mut report);
        self.marked(bytes, &mut report);
        self.padded(bytes, &mut report);
        for at in memchr::memchr_iter(b'@', bytes) {
            if let Some(start) = self.mail(bytes, at) {
                report(start, Kind::Upn.id(), false);
            }
        }
    }

    fn treats(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.treated.contains(*kind))
    }

    fn entity(&self, guid: [u8; 16]) -> bool {
        self.entities.contains(&guid, self.treated)
    }

    /// Anchors, which end in `==`, and client secrets, which have a `Q~` inside.
    fn padded(&self, bytes: &[u8], report: &mut impl FnMut(usize, &'static str, bool)) {
        for at in memchr::memmem::find_iter(bytes, b"==") {
            let text = at.checked_sub(22).and_then(|start| std::str::from_utf8(&bytes[start..at + 2]).ok());
            if text.and_then(anchor).is_some_and(|guid| self.entity(guid)) {
                report(at - 22, Kind::Anchor.id(), true);
            }
        }
        let part = |b: &u8| b.is_ascii_alphanumeric() || b"_~.-".contains(b);
        for at in memchr::memmem::find_iter(bytes, b"Q~") {
            let marked =
                at >= 4 && matches!(bytes[at - 1], b'7' | b'8') && bytes[at - 4..at].iter().all(part);
            let rest = bytes[at + 2..].iter().take(31).take_while(|b| part(b)).count();
            if marked && rest == 31 {
                report(at - 4, "secret:client-secret", false);
            }
        }
    }

    fn marked(&self, bytes: &[u8], report: &mut impl FnMut(usize, &'static str, bool)) {
        for whole in marked().find_iter(bytes) {
            let (start, end) = (whole.start(), whole.end());
            let first = bytes[start];
            if matches!(first, b's' | b'S') {
                let text = std::str::from_utf8(whole.as_bytes()).unwrap_or_default();
                let parts: Vec<u32> = text.split('-').skip(4).filter_map(|part| part.parse().ok()).collect();
                // Letters may follow at once: in SDDL the next part does.
                if word_before(bytes, start) || digit(bytes, end) {
                    continue;
                }
                match (text.as_bytes().get(4), &parts[..]) {
                    (Some(b'5'), [0, 0, 0, ..]) => {}
                    (Some(b'5'), [first, ..])
                        if self.treated.contains(Kind::Sid)
                            && !(0xfade_0000..=0xfade_ffff).contains(first) =>
                    {
                        report(start, Kind::Sid.id(), false);
                    }
                    (Some(b'1'), [a, b, c, d]) => {
                        let mut little = [0; 16];
                        for (chunk, part) in little.chunks_exact_mut(4).zip([a, b, c, d]) {
                            chunk.copy_from_slice(&part.to_le_bytes());
                        }
                        let guid = swap(little);
                        let ours = guid[..2] == [0xfa, 0xde] && guid[6] >> 4 == 8;
                        if self.entity(guid) {
                            report(start, Kind::EntraSid.id(), true);
                        } else if self.treated.contains(Kind::EntraSid) && !ours {
                            report(start, Kind::EntraSid.id(), false);
                        }
                    }
                    _ => {}
                }
            } else if first == b'e' {
                if !word_before(bytes, start) {
                    report(start, "secret:jwt", false);
                }
            } else if first == b'-' {
                report(start, "secret:pem", false);
            } else if first == b'o' {
                report(start, "secret:totp", false);
            } else {
                let separators = whole.as_bytes().iter().skip(6).take_while(|b| **b == b'\\').count();
                let folder = start + 6 + separators;
                let name = String::from_utf8_lossy(&bytes[folder..end]);
                let name =
                    name.split([' ', ',', ';', ')', '\'']).next().unwrap_or_default().trim_end_matches('.');
                let nobody = ["Public", "Default", "All", "defaultuser0", "WDAGUtilityAccount", "system32"];
                let kept = name.is_empty()
                    || is_token(name)
                    || (name.split('_').any(is_token) && is_local_of_ours(name))
                    || name.starts_with(['%', '$', '['])
                    || nobody.iter().any(|known| known.eq_ignore_ascii_case(name));
                if !kept
                    && self.treated.contains(Kind::Account)
                    && name.bytes().any(|b| b.is_ascii_alphanumeric())
                {
                    report(folder, Kind::Account.id(), false);
                }
            }
        }
    }
}

/// A 15-character token by its grammar. The check symbol proves nothing and is not asked.
pub(super) fn is_token(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 15
        && bytes[0].is_ascii_lowercase()
        && bytes[1] == b'-'
        && bytes[2..].iter().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(b))
}

// Shapes of numbers end where a letter of another script begins: scripts without spaces write them so.
fn word_before(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1].is_ascii_alphanumeric()
}

fn word_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

fn digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

/// Whether the bytes are a part, not the whole, of a GUID with dashes: some of its groups.
pub(super) fn is_within_guid(bytes: &[u8], start: usize, end: usize) -> bool {
    let dash = |index: usize| matches!(index, 8 | 13 | 18 | 23);
    let hex = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_hexdigit);
    [0, 9, 14, 19, 24].iter().filter_map(|group| start.checked_sub(*group)).any(|head| {
        let guid = bytes.get(head..head + 36).unwrap_or_default();
        guid.len() == 36
            && end - start < 36
            && end <= head + 36
            && guid.iter().enumerate().all(
                |(index, byte)| {
                    if dash(index) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
                },
            )
            && !hex(head.checked_sub(1))
            && !hex(Some(head + 36))
    })
}

/// Thirty-two hex digits, dashes passed over.
fn sixteen(text: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0u8; 16];
    let mut digits = 0;
    for byte in text.iter().filter(|b| **b != b'-') {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        let place = bytes.get_mut(digits / 2)?;
        *place = *place << 4 | digit;
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    sixteen(text.as_bytes())
}

fn anchor(text: &str) -> Option<[u8; 16]> {
    let bytes: [u8; 16] = data_encoding::BASE64.decode(text.as_bytes()).ok()?.try_into().ok()?;
    Some(swap(bytes))
}
