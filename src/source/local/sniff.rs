//! The form of a file, told from its first bytes and never from its name.

use super::scan::Scan;
use super::{csv, ldif, text};
use memchr::memchr;

/// The form of decoded content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing but white space.
    Empty,
    /// JSON, one value a line.
    Lines,
    /// JSON of any other framing.
    Json,
    /// An Avro container: a capture of Event Hubs.
    Avro,
    /// LDIF.
    Ldif,
    /// CSV with its delimiter.
    Csv(u8),
    /// XML.
    Xml,
    /// A text log of a known line shape.
    Text(text::Shape),
    /// Text of no known shape, HTML included.
    UnknownText,
    /// A Windows event log.
    Evtx,
    /// A zip archive inside something that is read as a stream.
    Zip,
    /// No text.
    Binary,
}

/// First bytes of an Avro container (specification 1.11, "Object Container Files").
pub const AVRO: &[u8] = b"Obj\x01";
/// First bytes of a Windows event log.
pub const EVTX: &[u8] = b"ElfFile\0";
/// First bytes of a gzip stream.
pub const GZIP: &[u8] = &[0x1F, 0x8B, 0x08];

/// First bytes of a zip archive, also of an empty one.
pub fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// Judges the raw first bytes, before decoding.
pub fn raw(head: &[u8]) -> Option<Form> {
    match head {
        [] => Some(Form::Empty),
        _ if head.starts_with(AVRO) => Some(Form::Avro),
        _ if head.starts_with(EVTX) => Some(Form::Evtx),
        _ if is_zip(head) => Some(Form::Zip),
        _ => None,
    }
}

/// Judges the decoded first bytes. `whole`: they are all there is.
pub fn decoded(head: &[u8], whole: bool) -> Form {
    if is_binary(head) {
        return Form::Binary;
    }
    let start = head.trim_ascii_start();
    match start {
        [] if whole => Form::Empty,
        [b'{' | b'[', ..] if is_json(start) => {
            if first_line_is_a_value(start) {
                Form::Lines
            } else {
                Form::Json
            }
        }
        [b'<', ..] if is_html(start) => Form::UnknownText,
        [b'<', ..] => match text::shape(head) {
            Some(shape) => Form::Text(shape),
            None => Form::Xml,
        },
        _ if ldif::is_ldif(head) => Form::Ldif,
        _ => match text::shape(head) {
            Some(shape) => Form::Text(shape),
            None => csv::delimiter(head, whole).map_or(Form::UnknownText, Form::Csv),
        },
    }
}

/// NUL, or many control characters.
fn is_binary(head: &[u8]) -> bool {
    let head = head.get(..8192).unwrap_or(head);
    let controls =
        head.iter().filter(|b| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0C | 0x1B)).count();
    memchr(0, head).is_some() || controls * 50 > head.len()
}

/// `[12:30:00.123]` begins a line of a trace, `{` and `[` begin JSON only before its tokens.
fn is_json(start: &[u8]) -> bool {
    let next = start.get(1..).unwrap_or_default().trim_ascii_start().first().copied();
    match (start.first(), next) {
        (_, None) => true,
        (Some(b'{'), Some(next)) => matches!(next, b'"' | b'}'),
        (Some(b'['), Some(b'{' | b'[' | b']' | b'"')) => true,
        (Some(b'['), Some(_)) => text::shape(start).is_none() && looks_like_numbers(start),
        _ => false,
    }
}

fn looks_like_numbers(start: &[u8]) -> bool {
    let mut scan = Scan::default();
    let inside = start.get(1..).unwrap_or_default().trim_ascii_start();
    let end = match scan.run(inside, 0) {
        Ok(end) | Err(end) => end,
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(inside.get(..end).unwrap_or_default()).is_ok()
}

/// Whether the first line is one whole object and another follows (so lines frame the records). One
/// line alone, with or without its end, is a document: it may be a page that holds the records.
fn first_line_is_a_value(start: &[u8]) -> bool {
    let Some(end) = memchr(b'\n', start) else { return false };
    let line = start.get(..end).unwrap_or_default().trim_ascii_end();
    let object = line.first() == Some(&b'{');
    let rest = start.get(end..).unwrap_or_default().trim_ascii_start();
    object
        && !is_page(line)
        && rest.first() == Some(&b'{')
        && Scan::default().run(line, 0).is_ok_and(|end| end == line.len())
}

/// Whether an object starts as a page of a Graph response does: the records are in it, it is none.
fn is_page(line: &[u8]) -> bool {
    let inside = line.get(1..).unwrap_or_default().trim_ascii_start();
    inside.starts_with(b"\"@odata.context\"")
        || inside
            .strip_prefix(b"\"value\"")
            .and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"))
            .is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b'['))
}

/// Whether JSON is a recording of a browser (HAR 1.2): an object `log` with its version and creator.
pub fn is_web_trace(start: &[u8]) -> bool {
    let start = start.get(..2048).unwrap_or(start);
    let mut rest = start.trim_ascii_start();
    for token in [&b"{"[..], b"\"log\"", b":", b"{"] {
        match rest.strip_prefix(token) {
            Some(after) => rest = after.trim_ascii_start(),
            None => return false,
        }
    }
    memchr::memmem::find(rest, b"\"creator\"").is_some()
        || memchr::memmem::find(rest, b"\"entries\"").is_some()
}

/// Whether text is a page for people.
pub fn is_html(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let start = start.get(..512).unwrap_or(start).to_ascii_lowercase();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html") || {
        start.starts_with(b"<?xml") && memchr::memmem::find(&start, b"<html").is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_by_content() {
        for (head, form) in [
            ("", Form::Empty),
            (" \r\n", Form::Empty),
            ("{\"a\":1}\n{\"a\":2}\n", Form::Lines),
            ("{\"a\":1}\r\n{\"a\":2}", Form::Lines),
            ("{\"a\":\n1}\n", Form::Json),
            ("{\"value\":[{\"a\":1}]}\n{\"value\":[{\"a\":2}]}\n", Form::Json),
            ("{\"value\":[{\"a\":1}]}", Form::Json),
            ("{\"value\":[{\"a\":1}]}\n", Form::Json),
            ("{\"value\":[{\"a\":1}]}\r\n\r\n", Form::Json),
            ("[{\"a\":1}]", Form::Json),
            ("[1, 2]", Form::Json),
            ("{\"value\":[", Form::Json),
            ("<!DOCTYPE html><html>", Form::UnknownText),
            ("<ma-data>\n", Form::Xml),
            ("{curly} text\n", Form::UnknownText),
            ("version: 1\ndn: CN=x\n", Form::Ldif),
            ("[section]\nkey=value\n", Form::UnknownText),
            ("a\0b", Form::Binary),
        ] {
            assert_eq!(decoded(head.as_bytes(), true), form, "{head}");
        }
        assert!(is_web_trace(br#"{ "log": { "version": "1.2", "creator": {"name": "x"}, "entries": []}}"#));
        assert!(!is_web_trace(br#"{"log":"x","creator":1}"#));
        assert_eq!(raw(b"ElfFile\0\0"), Some(Form::Evtx));
        assert_eq!(raw(b"PK\x03\x04"), Some(Form::Zip));
    }
}
