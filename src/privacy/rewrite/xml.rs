//! XML records: one element, or the opening or closing frame of its document.
//!
//! Element names are members of the surrounding type, attributes are the members `@name`, the text
//! of an element is its value or the member `#text`. Comments, processing instructions and document
//! types are dropped; what the catalogue drops leaves with everything in it. Output is well-formed
//! wherever the input is; frames stay frames.

use super::super::plan::{Act, NameFate, NodeId, Plan, SlotId};
use super::lex::Broken;
use super::value::Fate;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;

/// Deepest element that is looked at; deeper ones are dropped.
const DEEPEST: usize = 128;

/// What becomes of the parts of an XML record.
pub trait Nodes {
    /// A text or an attribute value, plain. Appends what becomes of it; on `Same` the caller copies.
    fn value(&mut self, plan: &mut Plan<'_>, slot: SlotId, value: &str, out: &mut Vec<u8>) -> Fate;
    /// A name that the catalogue does not declare: what to write, which must be a name.
    fn name(&mut self, name: &str) -> String;
}

/// An open element.
struct Open {
    /// As it was written.
    name: String,
    /// Its place; `None`: only its structure stays.
    slot: Option<SlotId>,
    /// Folded names and values of its attributes.
    attributes: Vec<(String, Cow<'static, str>)>,
}

/// Goes through a record and appends the treated one.
pub fn record(
    plan: &mut Plan<'_>,
    nodes: &mut dyn Nodes,
    text: &str,
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    let frames = unclosed(text)?;
    let mut reader = reader(text);
    let mut open: Vec<Open> = Vec::new();
    let mut content = String::new();
    let (mut started, mut skipping) = (0usize, 0usize);
    loop {
        let event = reader.read_event().map_err(|_| Broken)?;
        match &event {
            Event::Text(part) if skipping == 0 => content.push_str(part),
            Event::CData(part) if skipping == 0 => content.push_str(part),
            Event::GeneralRef(name) if skipping == 0 => content.push_str(&entity(name)),
            Event::Start(_) | Event::Empty(_) | Event::End(_) | Event::Eof if skipping == 0 => {
                flush(plan, nodes, open.last(), &mut content, out);
            }
            _ => {}
        }
        match event {
            Event::Start(element) => {
                let frame = frames.binary_search(&started).is_ok();
                started += 1;
                if skipping > 0 {
                    skipping += 1;
                    continue;
                }
                match enter(plan, nodes, &open, &element, frame, out)? {
                    Some(entered) => {
                        out.push(b'>');
                        open.push(entered);
                    }
                    None => skipping = 1,
                }
            }
            Event::Empty(element) if skipping == 0 => {
                let entered = enter(plan, nodes, &open, &element, false, out)?;
                out.extend_from_slice(if entered.is_some() { b"/>" } else { b"" });
            }
            Event::End(element) => {
                if skipping > 0 {
                    skipping -= 1;
                    continue;
                }
                out.extend_from_slice(b"</");
                match open.pop() {
                    Some(opened) => out.extend_from_slice(opened.name.as_bytes()),
                    // The closing frame of a document.
                    None => out.extend_from_slice(nodes.name(element.name().as_ref()).as_bytes()),
                }
                out.push(b'>');
            }
            Event::Decl(_) => out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"utf-8\"?>"),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    reader
}

/// Numbers of the start tags that this record does not close: the opening frame.
fn unclosed(text: &str) -> Result<Vec<usize>, Broken> {
    let mut reader = reader(text);
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut started = 0;
    loop {
        match reader.read_event().map_err(|_| Broken)? {
            Event::Start(element) => {
                open.push((started, element.name().as_ref().to_owned()));
                started += 1;
            }
            Event::End(element) => {
                if let Some((_, name)) = open.pop()
                    && name != element.name().as_ref()
                {
                    return Err(Broken);
                }
            }
            Event::Eof => return Ok(open.into_iter().map(|(number, _)| number).collect()),
            _ => {}
        }
    }
}

/// Writes a start tag without its end; `None` if the element must not leave.
fn enter(
    plan: &mut Plan<'_>,
    nodes: &mut dyn Nodes,
    open: &[Open],
    element: &BytesStart<'_>,
    frame: bool,
    out: &mut Vec<u8>,
) -> Result<Option<Open>, Broken> {
    let name: String = element.name().as_ref().to_owned();
    let mut attributes: Vec<(String, String)> = Vec::new();
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| Broken)?;
        attributes.push((attribute.key.as_ref().to_owned(), unescape(&attribute.value)));
    }
    let parent = match open.last() {
        None => Some(plan.root()),
        Some(parent) => parent.slot,
    };
    let found = match parent.map(|parent| (parent, &plan.slot(parent).act)) {
        Some((_, Act::Object(node))) => {
            let node = *node;
            Some(plan.member(node, name.as_bytes(), || name.clone()))
        }
        // Elements inside an element whose text is a value.
        _ => None,
    };
    let too_deep = open.len() >= DEEPEST;
    let slot = match found {
        Some(found) => {
            let around = open.last().map(|parent| parent.attributes.as_slice()).unwrap_or(&[]);
            let slot = plan.explained(found.slot, around);
            match &plan.slot(slot).act {
                Act::Drop | Act::Undeclared | Act::By { .. } | Act::When(_) => {
                    plan.counts(slot).dropped += 1;
                    None
                }
                _ => Some(slot),
            }
        }
        None => None,
    };
    if (slot.is_none() || too_deep) && !frame {
        return Ok(None);
    }
    let declared = found.is_some_and(|found| found.name == NameFate::Verbatim) && slot.is_some();
    // The closing frame knows no places: both frames name their elements by the same function.
    let written = if declared && !frame && is_name(&name) { name } else { nodes.name(&name) };
    out.push(b'<');
    out.extend_from_slice(written.as_bytes());
    let node = slot.and_then(|slot| match plan.slot(slot).act {
        Act::Object(node) => Some(node),
        _ => None,
    });
    let siblings: Vec<(String, Cow<'static, str>)> = attributes
        .iter()
        .map(|(name, value)| (crate::catalogue::fold(&format!("@{name}")), Cow::Owned(value.clone())))
        .collect();
    for (name, value) in &attributes {
        attribute(plan, nodes, node, &siblings, name, value, out);
    }
    Ok(Some(Open { name: written, slot, attributes: siblings }))
}

/// Publishers of schemas: what follows names a schema and says nothing.
const SCHEMAS: [&str; 4] = [
    "http://schemas.microsoft.com/",
    "http://www.dsml.org/",
    "http://www.microsoft.com/",
    "http://www.w3.org/",
];

fn attribute(
    plan: &mut Plan<'_>,
    nodes: &mut dyn Nodes,
    node: Option<NodeId>,
    siblings: &[(String, Cow<'static, str>)],
    name: &str,
    value: &str,
    out: &mut Vec<u8>,
) {
    let mut text = Vec::new();
    if name == "xmlns" || name.starts_with("xmlns:") {
        // A prefix without its schema would break the document. Published schemas stay readable.
        if SCHEMAS.iter().any(|published| value.starts_with(published)) {
            text.extend_from_slice(value.as_bytes());
        } else {
            text.extend_from_slice(b"urn:");
            text.extend_from_slice(nodes.name(value).as_bytes());
        }
    } else {
        let Some(node) = node else { return };
        let key = format!("@{name}");
        let Some(slot) = plan.attribute(node, &key) else {
            let found = plan.member(node, key.as_bytes(), || key.clone()).slot;
            // The row `*` stands for elements.
            plan.counts(found).dropped += 1;
            return;
        };
        let slot = plan.explained(slot, siblings);
        match nodes.value(plan, slot, value, &mut text) {
            Fate::Same => text.extend_from_slice(value.as_bytes()),
            Fate::Written => {}
            Fate::Dropped => return,
        }
    }
    if !is_name(name) {
        return;
    }
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape(&text, out);
    out.push(b'"');
}

/// Writes the text that stood before a tag.
fn flush(
    plan: &mut Plan<'_>,
    nodes: &mut dyn Nodes,
    around: Option<&Open>,
    content: &mut String,
    out: &mut Vec<u8>,
) {
    if content.is_empty() {
        return;
    }
    let text = std::mem::take(content);
    if text.trim().is_empty() {
        // Between elements; outside the root it is layout as well.
        escape(text.as_bytes(), out);
        return;
    }
    let Some(around) = around else { return };
    let Some(slot) = around.slot else { return };
    let slot = match plan.slot(slot).act {
        Act::Object(_) => match plan.text(slot) {
            Some(text) => plan.explained(text, &around.attributes),
            None => {
                plan.counts(slot).dropped += 1;
                return;
            }
        },
        _ => slot,
    };
    let mut treated = Vec::new();
    match nodes.value(plan, slot, &text, &mut treated) {
        Fate::Same => escape(text.as_bytes(), out),
        Fate::Written => escape(&treated, out),
        Fate::Dropped => {}
    }
}

/// Whether a text is an XML name of plain ASCII.
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
}

/// The character of a reference, without `&` and `;`. What a document type defines is unknown: nothing.
fn entity(name: &str) -> String {
    let code = match name {
        "amp" => return "&".into(),
        "lt" => return "<".into(),
        "gt" => return ">".into(),
        "quot" => return "\"".into(),
        "apos" => return "'".into(),
        _ => match name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => name.strip_prefix('#').and_then(|digits| digits.parse().ok()),
        },
    };
    code.and_then(char::from_u32).map(String::from).unwrap_or_default()
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        match rest[at..].find(';') {
            Some(end) if end <= 12 => {
                plain.push_str(&entity(&rest[at + 1..at + end]));
                rest = &rest[at + end + 1..];
            }
            _ => {
                plain.push('&');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Appends text with XML escapes; characters that XML does not allow are left out.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\t' | b'\n' => out.push(*byte),
            b'\r' => {}
            0..0x20 => {}
            _ => out.push(*byte),
        }
    }
}
