//! A text that as a whole is JSON: its strings are decoded, scanned as texts of their own, and if
//! anything was replaced, encoded again; else its bytes stay as they are.

use super::super::render::Render;
use super::super::secrets;
use super::{Place, TextEngine, context};

/// Most encodings that are taken off.
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
    if place.depth >= DEPTH
        || trimmed.len() < 4
        || !matches!(pair, (b'{', b'}') | (b'[', b']') | (b'"', b'"'))
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
            engine.scan_at(&decoded, Place { depth: DEPTH, announced: false }, render, &mut fresh)
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
    let deeper = Place { depth: place.depth + 1, announced: false };
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
