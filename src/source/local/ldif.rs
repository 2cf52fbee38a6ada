//! LDIF (RFC 2849): directory exports of `ldifde` and `ldapsearch`, one JSON object an entry.
//!
//! A repeated attribute becomes a list. A base64 value becomes text where it is UTF-8, a SID where
//! its attribute holds one; other binary values stay base64. A value by reference (`attr:< url`) is
//! never fetched: the attribute is left out and counted.

use super::flow::{Records, Step};
use super::window::Window;
use crate::catalogue::{Source, Stream};
use crate::event::Reason;
use crate::record::{Form, Raw};
use data_encoding::BASE64;
use memchr::memchr;
use serde_json::{Map, Value};

/// Attributes of Active Directory that hold a binary SID (MS-ADA3).
const SIDS: [&str; 4] =
    ["objectsid", "sidhistory", "msds-allowedtoactonbehalfofotheridentity", "securityidentifier"];

/// Whether text begins as LDIF does: an optional version, comments, then `dn:`.
pub fn is_ldif(head: &[u8]) -> bool {
    let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    let first = lines.find(|line| {
        !line.is_empty() && !line.starts_with(b"#") && !line.to_ascii_lowercase().starts_with(b"version:")
    });
    first.is_some_and(|line| line.to_ascii_lowercase().starts_with(b"dn:"))
}

/// The reader of LDIF entries.
pub struct Entries<'a> {
    window: Window<'a>,
    max_record: usize,
    stream: Stream,
    number: u64,
    pending: Option<Step>,
    done: bool,
}

impl<'a> Entries<'a> {
    /// A reader of `window`.
    pub fn new(window: Window<'a>, max_record: usize) -> Self {
        let stream = Stream::new(Source::OnPrem, "ad_objects");
        Entries { window, max_record, stream, number: 0, pending: None, done: false }
    }

    /// Length of the entry at the start of the window, its blank line included; `None` above the limit.
    fn entry(&mut self) -> Option<usize> {
        let mut at = 0;
        loop {
            let data = self.window.data();
            while let Some(found) = data.get(at..).and_then(|rest| memchr(b'\n', rest)) {
                let line = data.get(at..at + found).unwrap_or_default();
                at += found + 1;
                if line.trim_ascii_end().is_empty() {
                    return Some(at);
                }
            }
            if data.len() > self.max_record {
                return None;
            }
            if !self.window.more() {
                self.done = true;
                return Some(self.window.data().len());
            }
        }
    }

    /// Passes over everything up to the next blank line.
    fn pass_over(&mut self) {
        loop {
            // A line end stays in the window, so that a blank line over two reads is seen.
            let data = self.window.data();
            let ends: [&[u8]; 2] = [b"\n\n", b"\n\r\n"];
            let blank = ends.iter().filter_map(|end| Some(memchr::memmem::find(data, end)? + end.len()));
            if let Some(end) = blank.min() {
                return self.window.consume(end);
            }
            self.window.consume(data.len().saturating_sub(2));
            if !self.window.more() {
                self.done = true;
                return self.window.consume(self.window.data().len());
            }
        }
    }

    fn advance(&mut self) -> Step {
        let start = self.window.offset();
        let Some(length) = self.entry() else {
            self.number += 1;
            self.pass_over();
            return Step::fault(Reason::RecordTooLarge, Some(self.number), Some(start));
        };
        let bytes = self.window.data().get(..length).unwrap_or_default().to_vec();
        self.window.consume(length);
        let (attributes, lost) = attributes(&bytes);
        if self.done
            && let Some(reason) = self.window.failure()
        {
            self.pending = Some(Step::fault(reason, Some(self.number + 1), Some(self.window.offset())));
        }
        if attributes.is_empty() && lost == 0 {
            return Step::Passed;
        }
        self.number += 1;
        if lost > 0 || !attributes.contains_key("dn") {
            self.pending.get_or_insert(Step::fault(Reason::Damaged, Some(self.number), Some(start)));
        }
        if attributes.is_empty() {
            return Step::Passed;
        }
        let json = Value::Object(attributes).to_string().into_bytes();
        Step::Record(self.stream.clone(), Raw::new(json, Form::Json))
    }
}

impl Records for Entries<'_> {
    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.pending.take() {
            return Some(step);
        }
        (!self.done).then(|| self.advance())
    }

    fn consumed(&self) -> u64 {
        self.window.offset()
    }

    fn form(&self) -> &'static str {
        "ldif"
    }
}

/// The attributes of an entry, and how many lines were none.
fn attributes(entry: &[u8]) -> (Map<String, Value>, usize) {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in entry.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line.strip_prefix(b" "), lines.last_mut()) {
            (Some(more), Some(last)) => last.extend_from_slice(more),
            _ => lines.push(line.to_vec()),
        }
    }
    let (mut found, mut lost) = (Map::new(), 0);
    for line in lines {
        if line.is_empty() || line.starts_with(b"#") || line == b"-" {
            continue;
        }
        let Some((name, value)) = attribute(&line) else {
            lost += 1;
            continue;
        };
        if name.eq_ignore_ascii_case("version") && found.is_empty() {
            continue;
        }
        let name = if name.eq_ignore_ascii_case("dn") { "dn".to_owned() } else { name };
        match found.get_mut(&name) {
            None => {
                found.insert(name, Value::String(value));
            }
            Some(Value::Array(list)) => list.push(Value::String(value)),
            Some(single) => *single = Value::Array(vec![single.take(), Value::String(value)]),
        }
    }
    (found, lost)
}

/// `name: value`, `name:: base64`.
fn attribute(line: &[u8]) -> Option<(String, String)> {
    let colon = memchr(b':', line)?;
    let name = std::str::from_utf8(line.get(..colon)?).ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ';' | '.' | '_');
    if name.is_empty() || !name.chars().all(fits) {
        return None;
    }
    let value = match line.get(colon + 1..)? {
        [b':', rest @ ..] => {
            let bytes = BASE64.decode(rest.trim_ascii()).ok()?;
            let base = name.split(';').next().unwrap_or(name).to_ascii_lowercase();
            match (SIDS.contains(&base.as_str()).then(|| sid(&bytes)).flatten(), String::from_utf8(bytes)) {
                (Some(sid), _) => sid,
                (None, Ok(text)) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => text,
                _ => String::from_utf8(rest.trim_ascii().to_vec()).ok()?,
            }
        }
        [b'<', ..] => return None,
        rest => super::decode::record_text(rest.trim_ascii()).0.into_owned(),
    };
    Some((name.to_owned(), value))
}

/// A binary SID in its text form (MS-DTYP 2.4.2.2).
fn sid(bytes: &[u8]) -> Option<String> {
    let [1, count, a, b, c, d, e, f, rest @ ..] = bytes else { return None };
    if rest.len() != usize::from(*count) * 4 || *count > 15 {
        return None;
    }
    let authority = u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]);
    let mut text = format!("S-1-{authority}");
    for part in rest.as_chunks::<4>().0 {
        text.push_str(&format!("-{}", u32::from_le_bytes(*part)));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, max: usize) -> (Vec<Value>, Vec<Reason>) {
        let mut entries = Entries::new(Window::new(Box::new(text.as_bytes())), max);
        let (mut records, mut faults) = (Vec::new(), Vec::new());
        while let Some(step) = entries.next() {
            match step {
                Step::Record(_, raw) => records.push(serde_json::from_slice(raw.bytes()).unwrap()),
                Step::Fault(fault) => faults.push(fault.reason),
                Step::Passed => {}
            }
        }
        (records, faults)
    }

    #[test]
    fn entries_become_objects() {
        let text = "version: 1\n# a comment\ndn: CN=Greta Schmidt,OU=Sales,DC=contoso,DC=com\nobjectClass: top\n\
            objectClass: user\ndisplayName:: R3JldGEgU2NobWlkdA==\nobjectSid:: AQUAAAAAAAUVAAAAoGXPfnhLm1/nfIdwUAQAAA==\n\
            description: a long\n  line\njpegPhoto:: /9j/4AAQ\r\n\r\n\ndn: CN=x\nmail:< file:///etc/passwd\n";
        assert!(is_ldif(text.as_bytes()));
        let (records, faults) = read(text, 4096);
        assert_eq!(records.len(), 2);
        let first = &records[0];
        assert_eq!(first["objectClass"], serde_json::json!(["top", "user"]));
        assert_eq!(first["displayName"], "Greta Schmidt");
        assert_eq!(first["objectSid"], "S-1-5-21-2127521184-1604012920-1887927527-1104");
        assert_eq!((&first["description"], &first["jpegPhoto"]), (&"a long line".into(), &"/9j/4AAQ".into()));
        assert_eq!(records[1], serde_json::json!({"dn": "CN=x"}));
        assert_eq!(faults, [Reason::Damaged]);
    }

    #[test]
    fn long_and_broken_entries_cost_themselves_only() {
        let text = format!("dn: CN=a\nx: {}\n\ndn: CN=b\nno attribute\n\ncn: c\n\n", "y".repeat(600_000));
        let (records, faults) = read(&text, 1000);
        assert_eq!(records.len(), 2);
        assert_eq!(faults, [Reason::RecordTooLarge, Reason::Damaged, Reason::Damaged]);
    }

    #[test]
    fn other_text_is_none() {
        for text in ["", "dnx: y", "a,b\ndn: x", "# only a comment\n"] {
            assert!(!is_ldif(text.as_bytes()), "{text}");
        }
    }
}
