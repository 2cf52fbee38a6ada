//! A text that as a whole is JSON: its strings are decoded, scanned as texts of their own, and if
//! anything was replaced, encoded again; else its bytes stay as they are.

use super::super::render::Render;
use super::super::secrets;
use super::seen::Seen;
use super::span::{BACKSLASH, QUOTE, Span, What, rank};
use super::{Place, TextEngine, context};

/// Most levels of JSON that are taken off; other encodings inside it are counted by themselves.
const DEPTH: u8 = 3;

/// Scans a text that is a JSON object, array or string as a whole. `None` if it is not.
pub(super) fn json(
    engine: &TextEngine<'_>,
    text: &str,
    place: Place,
    render: &mut dyn Render,
    out: &mut Vec<u8>,
) -> Option<u64> {
    let trimmed = text.trim_ascii();
    let pair = (trimmed.as_bytes().first()?, trimmed.as_bytes().last()?);
    if place.json >= DEPTH || trimmed.len() < 4 || !matches!(pair, (b'{', b'}') | (b'[', b']') | (b'"', b'"'))
    {
        return None;
    }
    serde_json::from_str::<serde::de::IgnoredAny>(trimmed).ok()?;
    let bytes = text.as_bytes();
    let (mut at, mut replaced) = (0, 0);
    let mut key = String::new();
    while at < bytes.len() {
        if bytes[at] != b'"' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let end = string_end(bytes, at)?;
        let literal = &text[at..end];
        let is_key = bytes[end..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
        let inner = &literal[1..literal.len() - 1];
        let decoded = serde_json::from_str::<String>(literal).unwrap_or_else(|_| inner.to_owned());
        let mut fresh = Vec::new();
        let count = if is_key {
            0
        } else if let Some(what) = secrets::by_key(&key, &decoded) {
            fresh.extend_from_slice(b"[secret:");
            fresh.extend_from_slice(what.as_bytes());
            fresh.push(b']');
            1
        } else {
            member(engine, &key, &decoded, place, render, &mut fresh)
        };
        let count = if is_key {
            engine.scan_at(
                &decoded,
                Place { json: DEPTH, depth: DEPTH, ..Place::default() },
                render,
                &mut fresh,
            )
        } else {
            count
        };
        match (count, std::str::from_utf8(&fresh)) {
            (1.., Ok(value)) => out.extend_from_slice(serde_json::Value::from(value).to_string().as_bytes()),
            (1.., Err(_)) => out.extend_from_slice(b"\"[redacted:text]\""),
            _ => out.extend_from_slice(literal.as_bytes()),
        }
        replaced += count;
        key.clear();
        if is_key {
            key = decoded;
        }
        at = end;
    }
    Some(replaced)
}

/// JSON documents and string literals with escapes in them, inside a text: each is decoded level by level
/// like a text that is JSON as a whole, so that it can be read as before. Adds what became of them as
/// spans and returns the text with blanks in their place; `None` where there are none.
pub(super) fn embedded(
    engine: &TextEngine<'_>,
    text: &str,
    seen: Seen,
    place: Place,
    render: &mut dyn Render,
    spans: &mut Vec<Span>,
    fresh: &mut Vec<Vec<u8>>,
) -> Option<String> {
    let bytes = text.as_bytes();
    if !(seen.has(BACKSLASH) && seen.has(QUOTE)) || place.json >= DEPTH || !engine.has("json inside text") {
        return None;
    }
    let mut rest: Option<Vec<u8>> = None;
    // What a document costs that turns out to be none: the text four times over, in all.
    let (mut at, mut left) = (0, 4 * bytes.len());
    while let Some(start) = memchr::memchr3(b'{', b'[', b'"', &bytes[at..]).map(|next| at + next) {
        at = start + 1;
        if left == 0 {
            break;
        }
        let Some(end) = document(bytes, start, &mut left) else { continue };
        if memchr::memchr(b'\\', &bytes[start..end]).is_none() {
            at = end;
            continue;
        }
        // A secret that begins before the document and goes on in it: its end is the secret's.
        let crosses =
            |span: &Span| span.start < end && span.end > start && (span.start < start || span.end > end);
        if spans.iter().any(crosses) {
            continue;
        }
        let mut out = Vec::new();
        let Some(replaced) = json(engine, &text[start..end], place, render, &mut out) else { continue };
        spans.retain(|span| span.start < start || span.end > end);
        let what = if replaced > 0 { What::Fresh(fresh.len() as u32) } else { What::Keep };
        spans.push(Span { start, end, rank: rank::SECRET, what });
        fresh.push(out);
        rest.get_or_insert_with(|| bytes.to_vec())[start..end].fill(b' ');
        at = end;
    }
    rest.and_then(|rest| String::from_utf8(rest).ok())
}

/// The end of the JSON document or of the string literal around one that begins at `start`, as far as
/// its brackets and quotes tell. `left` is what may be looked at yet, in bytes.
fn document(bytes: &[u8], start: usize, left: &mut usize) -> Option<usize> {
    let next = |from: usize| bytes.get(from..).unwrap_or_default().iter().find(|b| !b.is_ascii_whitespace());
    if bytes[start] == b'"' {
        // Of string literals those with a document in them.
        return match bytes.get(start + 1..start + 4)? {
            [b'{' | b'[', b'\\' | b'{' | b'[', _] => {
                let end = string_end(bytes, start);
                *left = left.saturating_sub(end.unwrap_or(bytes.len()) - start);
                end
            }
            _ => None,
        };
    }
    if !matches!(next(start + 1)?, b'"' | b'{' | b'[') {
        return None;
    }
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() && at - start < *left {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => match string_end(bytes, at) {
                Some(end) => at = end - 1,
                None => break,
            },
            _ => {}
        }
        at += 1;
        if depth == 0 {
            *left -= at - start;
            return Some(at);
        }
    }
    *left = left.saturating_sub(bytes.len() - start);
    None
}

/// Scans the value of a member. The member's name stands before it as `name=`, so that what it
/// announces (a trace id, a version, an account) counts; then it is cut off again.
fn member(
    engine: &TextEngine<'_>,
    key: &str,
    value: &str,
    place: Place,
    render: &mut dyn Render,
    fresh: &mut Vec<u8>,
) -> u64 {
    let deeper = Place { json: place.json + 1, depth: place.depth, ..Place::default() };
    let nested = value.trim_start().starts_with(['{', '[', '"']);
    if !nested && !key.is_empty() && key.len() <= 64 && key.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let cue = format!("{key}=");
        let announced = context::is_identity(cue.as_bytes(), cue.len());
        let replaced = engine.scan_at(&format!("{cue}{value}"), deeper, render, fresh);
        if fresh.starts_with(cue.as_bytes()) {
            fresh.drain(..cue.len());
            return replaced;
        }
        fresh.clear();
        return engine.scan_at(value, Place { announced, ..deeper }, render, fresh);
    }
    engine.scan_at(value, deeper, render, fresh)
}

/// The byte after the string literal that starts at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at + 1;
    loop {
        match bytes.get(end)? {
            b'\\' => end += 2,
            b'"' => return Some(end + 1),
            _ => end += 1,
        }
    }
}
