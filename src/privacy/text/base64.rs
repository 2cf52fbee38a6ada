//! Text in base64: stretches of at least 24 characters of either alphabet that decode to text, UTF-16
//! included, are looked through decoded and encoded again.

use super::encoded::Find;
use super::span::rank;
use super::{Place, TextEngine};
use crate::kind::Kind;
use crate::privacy::render::Render;
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, Encoding};

/// Fewest characters of a stretch that is tried.
pub(super) const SHORTEST: usize = 24;

/// Longest stretch that is decoded, in bytes; a longer one is no value of a log.
const LONGEST: usize = 16 << 20;

fn fits(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The base64 stretches of a text in which something was replaced. Those that can be any stand in whole
/// runs between `from` and `to`.
pub(super) fn find(
    engine: &TextEngine<'_>,
    text: &str,
    (from, to): (usize, usize),
    place: Place,
    render: &mut dyn Render,
    finds: &mut Vec<Find>,
) {
    let bytes = text.as_bytes();
    let mut at = from + SHORTEST - 1;
    // Of a stretch this long one byte in 24 is seen: all others are passed over.
    while at < to {
        if !fits(bytes[at]) {
            at += SHORTEST;
            continue;
        }
        let start = bytes[from..at].iter().rposition(|b| !fits(*b)).map_or(from, |p| from + p + 1);
        let end = at + bytes[at..].iter().take_while(|b| fits(**b)).count();
        at = end + SHORTEST;
        let pads = bytes[end..].iter().take(2).take_while(|b| **b == b'=').count();
        if let Some((from, fresh)) = one(engine, &text[start..end], pads, place, render) {
            finds.push(Find { start: start + from, end: end + pads, rank: rank::BASE64, fresh });
        }
    }
}

/// What becomes of one stretch, and where the base64 in it starts: a word and a `/` may stand before.
fn one(
    engine: &TextEngine<'_>,
    stretch: &str,
    pads: usize,
    place: Place,
    render: &mut dyn Render,
) -> Option<(usize, Vec<u8>)> {
    let bytes = stretch.as_bytes();
    let looks = bytes.iter().any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase);
    if !(SHORTEST..=LONGEST).contains(&bytes.len()) || !looks {
        return None;
    }
    // A path or a name may stand before the value: then it begins behind its last separator.
    let heads = [0].into_iter().chain(bytes.iter().rposition(|b| *b == b'/').map(|p| p + 1));
    for head in heads {
        let body = &bytes[head..];
        if body.len() < SHORTEST {
            continue;
        }
        let url = body.iter().any(|b| matches!(b, b'-' | b'_'));
        let encoding = match (url, pads > 0) {
            (false, true) => &BASE64,
            (false, false) => &BASE64_NOPAD,
            (true, true) => &BASE64URL,
            (true, false) => &BASE64URL_NOPAD,
        };
        let Some((decoded, rest)) = decode(body, url, pads) else { continue };
        if is_certificate(&decoded) {
            let mut fresh = Vec::new();
            return (super::treat(Kind::Certificate, stretch, stretch, render, &mut fresh) > 0)
                .then_some((head, fresh));
        }
        let Some((text, wide)) = readable(&decoded) else { continue };
        let mut fresh = Vec::new();
        let deeper = Place { depth: place.depth + 1, json: place.json, ..Place::default() };
        if engine.scan_at(&text, deeper, render, &mut fresh) == 0 {
            return None;
        }
        let mut out = encode(encoding, &fresh, wide);
        out.extend_from_slice(rest);
        return Some((head, out));
    }
    None
}

/// Whether bytes begin like a certificate: a sequence of more than 255 bytes whose first member is a
/// sequence too (RFC 5280, 4.1). Its subject names a person where it is a person's.
fn is_certificate(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x82, _, _, 0x30, 0x82, ..]) && bytes.len() >= 200
}

/// Decodes what is whole; characters behind the last whole group, as in a value that was cut, stay.
fn decode(body: &[u8], url: bool, pads: usize) -> Option<(Vec<u8>, &[u8])> {
    let encoding = if url { BASE64URL_NOPAD } else { BASE64_NOPAD };
    if let Ok(decoded) = encoding.decode(body) {
        return Some((decoded, &[]));
    }
    if pads > 0 {
        return None;
    }
    let whole = body.len() / 4 * 4;
    encoding.decode(&body[..whole]).ok().map(|decoded| (decoded, &body[whole..]))
}

fn encode(encoding: &Encoding, text: &[u8], wide: Option<bool>) -> Vec<u8> {
    let bytes = match wide {
        None => text.to_vec(),
        Some(big) => String::from_utf8_lossy(text)
            .encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect(),
    };
    encoding.encode(&bytes).into_bytes()
}

/// Whether decoded bytes are text, as UTF-8 or as UTF-16 (`true`: big-endian): at least 85 % of the
/// characters must be printable.
fn readable(bytes: &[u8]) -> Option<(String, Option<bool>)> {
    let printable = |text: &str| {
        let all = text.chars().count();
        let good = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).count();
        all > 0 && good * 100 >= all * 85
    };
    let zeros = |at: usize| bytes.iter().skip(at).step_by(2).filter(|b| **b == 0).count() * 4;
    if bytes.len().is_multiple_of(2) && (zeros(0) > bytes.len() || zeros(1) > bytes.len()) {
        let big = zeros(0) > zeros(1);
        let units = bytes.chunks_exact(2).map(|pair| match big {
            true => u16::from_be_bytes([pair[0], pair[1]]),
            false => u16::from_le_bytes([pair[0], pair[1]]),
        });
        let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
        return printable(&text).then_some((text, Some(big)));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    printable(text).then(|| (text.to_owned(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_other_bytes() {
        assert!(readable(b"greta.schmidt@contoso.com").is_some());
        let wide: Vec<u8> = "Greta Schmidt".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(readable(&wide), Some(("Greta Schmidt".into(), Some(false))));
        assert!(readable(&[0x80; 24]).is_none() && readable(&[1; 24]).is_none() && readable(b"").is_none());
    }

    #[test]
    fn a_cut_value_decodes_as_far_as_it_is_whole() {
        assert_eq!(decode(b"Z3JldGEx", false, 0), Some((b"greta1".to_vec(), &b""[..])));
        assert_eq!(decode(b"Z3JldGExZ", false, 0), Some((b"greta1".to_vec(), &b"Z"[..])));
    }
}
