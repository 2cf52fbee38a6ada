//! GUIDs, SIDs and anchors in text.

use super::super::dictionary::Dictionary;
use super::super::entity;
use super::span::{Span, What, ascii_at, ascii_before, rank};
use super::{context, dress};
use crate::kind::Kind;

/// Dashed GUIDs of a run: every first dash is tried once.
pub(crate) fn guids(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    let mut at = start + 8;
    while at + 28 <= end {
        if bytes[at] != b'-' {
            at += 1;
            continue;
        }
        let head = at - 8;
        if head >= start
            && is_guid(&bytes[head..head + 36])
            && !ascii_before(bytes, head)
            && !ascii_at(bytes, head + 36)
        {
            let kind = if context::is_trace(bytes, head) { Kind::TraceId } else { Kind::ObjectId };
            spans.push(Span { start: head, end: head + 36, rank: rank::GUID, what: What::Value(kind) });
            at += 28;
        } else {
            at += 1;
        }
    }
}

fn is_guid(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// 32 hex digits with nothing of a word around them: an object where they are learned or announced.
pub(crate) fn plain_guids(
    text: &str,
    start: usize,
    end: usize,
    dictionary: &Dictionary,
    spans: &mut Vec<Span>,
) {
    let bytes = text.as_bytes();
    let mut at = start;
    while at + 32 <= end {
        let length = bytes[at..end].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        // `0x` is a mark, no part of the number.
        let marked = at >= 2 && bytes[at - 2..at].eq_ignore_ascii_case(b"0x") && !ascii_before(bytes, at - 2);
        if length == 32 && (marked || !ascii_before(bytes, at)) && !ascii_at(bytes, at + 32) {
            let learned = entity::guid_of_text(&text[at..at + 32])
                .is_some_and(|guid| dictionary.entities().contains_any(&guid));
            if dress::packed(text, at, dictionary) {
                spans.push(Span { start: at, end: at + 32, rank: rank::GUID, what: What::Packed });
            } else if learned || (context::is_object(bytes, at) && !context::is_trace(bytes, at)) {
                spans.push(Span {
                    start: at,
                    end: at + 32,
                    rank: rank::GUID,
                    what: What::Value(Kind::ObjectId),
                });
            }
        }
        at += length.max(1);
    }
}

/// The SID that starts at `at` with `S-1-`: of a domain, of an account, or of an Entra object.
pub(crate) fn sid(bytes: &[u8], at: usize, end: usize, spans: &mut Vec<Span>) {
    if ascii_before(bytes, at) {
        return;
    }
    let (kind, head, most) = match bytes.get(at + 4..) {
        Some(rest) if rest.starts_with(b"5-21-") => (Kind::Sid, at + 9, 4),
        Some(rest) if rest.starts_with(b"12-1-") => (Kind::EntraSid, at + 9, 4),
        _ => return,
    };
    let mut stop = head;
    let mut parts = 0;
    loop {
        let digits = bytes[stop..end].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || digits > 10 {
            return;
        }
        stop += digits;
        parts += 1;
        let more = bytes.get(stop) == Some(&b'-') && bytes.get(stop + 1).is_some_and(u8::is_ascii_digit);
        if parts == most || !more {
            break;
        }
        stop += 1;
    }
    // Letters may follow at once: in SDDL the next part does (`O:S-1-5-21-…-1104G:DAD:`).
    if (kind == Kind::EntraSid && parts != 4) || parts < 3 {
        return;
    }
    spans.push(Span { start: at, end: stop, rank: rank::SID, what: What::Value(kind) });
}

/// The 22 characters at `start`: a learned anchor whose padding was left out. What nobody taught is a
/// word of base64 like any other.
pub(crate) fn bare_anchor(text: &str, start: usize, dictionary: &Dictionary, spans: &mut Vec<Span>) {
    let end = start + 22;
    // Sixteen bytes leave four bits of the last character open, and these are zero.
    let closes = matches!(text.as_bytes()[end - 1], b'A' | b'Q' | b'g' | b'w');
    if closes
        && text.as_bytes().get(end) != Some(&b'=')
        && text
            .get(start..end)
            .and_then(entity::guid_of_anchor)
            .is_some_and(|guid| dictionary.entities().contains_any(&guid))
    {
        spans.push(Span { start, end, rank: rank::BASE64, what: What::BareAnchor });
    }
}

/// The anchor that ends with the `==` at `at`: 22 characters of base64 before it, no more.
pub(crate) fn anchor(bytes: &[u8], at: usize, spans: &mut Vec<Span>) {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if at < 22 || bytes.get(at + 2) == Some(&b'=') || ascii_at(bytes, at + 2) {
        return;
    }
    let start = at - 22;
    if bytes[start..at].iter().all(is_base64) && (start == 0 || !is_base64(&bytes[start - 1])) {
        spans.push(Span { start, end: at + 2, rank: rank::BASE64, what: What::Value(Kind::Anchor) });
    }
}
