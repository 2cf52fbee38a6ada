//! Text records: lines `Key : Value` and `Key=Value` whose key the catalogue declares are treated by
//! their kind, all other lines by the text engine. Lines end in LF, the record in exactly one.

use super::super::plan::{Act, NodeId, Plan, SlotId};
use super::super::policy::treatment::Treatment;
use super::value::{Fate, redacted};
use crate::kind::Kind;
use std::borrow::Cow;

/// What a text record is made of: called for every declared value and every stretch of free text.
pub trait Pieces {
    /// The value of a declared key. Appends what becomes of it; on `Same` the caller copies.
    fn value(&mut self, plan: &mut Plan<'_>, slot: SlotId, value: &str, out: &mut Vec<u8>) -> Fate;
    /// One or more lines of free text.
    fn free(&mut self, plan: &mut Plan<'_>, slot: SlotId, text: &str, out: &mut Vec<u8>) -> Fate;
}

/// Goes through a record and appends the treated one.
pub fn record(plan: &mut Plan<'_>, pieces: &mut dyn Pieces, text: &str, out: &mut Vec<u8>) {
    // What ends the record is written anew: a line of a Windows file is copied no more than others.
    let clean = line_ends(text.trim_end_matches(['\r', '\n']));
    let body = clean.as_ref();
    let root = plan.root();
    let Act::Object(node) = plan.slot(root).act else { return };
    let members = siblings(plan, node, body);
    let free = match plan.declared(node, "*") {
        Some(slot) => plan.explained(slot, &members),
        None => root,
    };
    if plan.has_rows(node) || plan.has_line_rules() {
        let mut start = 0;
        let mut at = 0;
        for line in body.split_inclusive('\n') {
            let keyed = key_value(plan, node, line);
            let ruled = plan.line(line).filter(|slot| keyed.is_none() || removes(plan, *slot));
            if let Some(slot) = ruled {
                stretch(plan, pieces, free, &body[start..at], out);
                one_line(plan, pieces, slot, line, out);
                start = at + line.len();
            } else if let Some((slot, from, to)) = keyed {
                let slot = plan.explained(slot, &members);
                stretch(plan, pieces, free, &body[start..at], out);
                one_value(plan, pieces, slot, line, from, to, out);
                start = at + line.len();
            }
            at += line.len();
        }
        stretch(plan, pieces, free, &body[start..], out);
    } else {
        stretch(plan, pieces, free, body, out);
    }
    while out.last() == Some(&b'\n') {
        out.pop();
    }
    out.push(b'\n');
}

fn stretch(plan: &mut Plan<'_>, pieces: &mut dyn Pieces, slot: SlotId, text: &str, out: &mut Vec<u8>) {
    if text.is_empty() {
        return;
    }
    match pieces.free(plan, slot, text, out) {
        Fate::Same => out.extend_from_slice(text.as_bytes()),
        Fate::Written => {
            if text.ends_with('\n') && out.last() != Some(&b'\n') {
                out.push(b'\n');
            }
        }
        Fate::Dropped => {
            redacted(Kind::Text, out);
            out.push(b'\n');
        }
    }
}

/// Whether nothing of a line is left by its rule: then not of a declared value in it either.
fn removes(plan: &Plan<'_>, slot: SlotId) -> bool {
    match &plan.slot(slot).act {
        Act::Drop => true,
        Act::Leaf(leaf) => leaf.treatment == Treatment::Redact,
        _ => false,
    }
}

/// A line for which the policy has a rule. One that is dropped leaves with its end.
fn one_line(plan: &mut Plan<'_>, pieces: &mut dyn Pieces, slot: SlotId, line: &str, out: &mut Vec<u8>) {
    let text = line.trim_end_matches('\n');
    let start = out.len();
    match pieces.value(plan, slot, text, out) {
        Fate::Same => out.extend_from_slice(text.as_bytes()),
        Fate::Written => out[start..].iter_mut().filter(|b| **b == b'\n').for_each(|b| *b = b' '),
        Fate::Dropped => return,
    }
    out.extend_from_slice(&line.as_bytes()[text.len()..]);
}

/// The declared keys of a record and their values, if a rule asks for them.
fn siblings<'t>(plan: &mut Plan<'_>, node: NodeId, body: &'t str) -> Vec<(String, Cow<'t, str>)> {
    if !plan.asks_siblings(node) {
        return Vec::new();
    }
    let pair = |line: &'t str| {
        let at = line.find([':', '='])?;
        let (_, from, to) = key_value(plan, node, line)?;
        let key = line[..at].trim_matches(|c: char| c.is_whitespace() || c == '|');
        Some((crate::catalogue::fold(key), Cow::Borrowed(&line[from..to])))
    };
    body.split_inclusive('\n').filter_map(pair).collect()
}

fn one_value(
    plan: &mut Plan<'_>,
    pieces: &mut dyn Pieces,
    slot: SlotId,
    line: &str,
    from: usize,
    to: usize,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(&line.as_bytes()[..from]);
    let kind = plan.slot(slot).kind.unwrap_or(Kind::Content);
    let start = out.len();
    match pieces.value(plan, slot, &line[from..to], out) {
        Fate::Same => out.extend_from_slice(&line.as_bytes()[from..to]),
        // A value stays on its line.
        Fate::Written => out[start..].iter_mut().filter(|b| **b == b'\n').for_each(|b| *b = b' '),
        Fate::Dropped => redacted(kind, out),
    }
    out.extend_from_slice(&line.as_bytes()[to..]);
}

/// The value of a line `Key : Value` or `Key=Value` whose key has a row: slot, start and end.
fn key_value(plan: &mut Plan<'_>, node: NodeId, line: &str) -> Option<(SlotId, usize, usize)> {
    let at = line.find([':', '='])?;
    let key = line[..at].trim_matches(|c: char| c.is_whitespace() || c == '|');
    let word = |c: char| c.is_alphanumeric() || " _-./()".contains(c);
    if key.is_empty() || key.len() > 64 || !key.chars().all(word) {
        return None;
    }
    let slot = plan.declared(node, key)?;
    let rest = &line[at + 1..];
    let value = rest.trim();
    if value.is_empty() {
        return None;
    }
    let from = at + 1 + (rest.len() - rest.trim_start().len());
    Some((slot, from, from + value.len()))
}

fn line_ends(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if memchr::memchr(b'\r', bytes).is_none() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut copied = 0;
    for at in memchr::memchr_iter(b'\r', bytes) {
        clean.push_str(&text[copied..at]);
        if bytes.get(at + 1) != Some(&b'\n') {
            clean.push('\n');
        }
        copied = at + 1;
    }
    clean.push_str(&text[copied..]);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_of_line_end_becomes_one() {
        for text in ["", "a", "a\nb\n", "a\r\nb\r\n", "\r\r\n\r", "a\rb", "\n\r\né\r", "\r"] {
            assert_eq!(line_ends(text), text.replace("\r\n", "\n").replace('\r', "\n"), "{text:?}");
        }
    }
}
