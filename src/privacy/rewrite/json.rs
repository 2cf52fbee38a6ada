//! The byte-copying JSON rewriter: one record in, one line out, no tree in between.
//!
//! What stays is copied as it stands; white space outside strings goes; numbers and booleans keep
//! their spelling; a dropped member leaves with its comma. Every occurrence of a repeated member is
//! treated. Strings that hold JSON are opened up to [`NESTED`] levels and closed again. The output of
//! valid input is valid JSON without a line feed; of invalid input nothing is written.

mod plain;
mod siblings;

use super::super::plan::{Act, Member, NameFate, NodeId, Plan, SlotId};
use super::super::policy::treatment::Treatment;
use super::again::{Again, Items, Next};
use super::lex::{Broken, Lexer, escape, unescape};
use super::value::{Fate, Values, redacted};
use crate::kind::Kind;
use plain::copy;
pub use plain::{is_json, number_stays_or_changes, opening};
pub use siblings::siblings;
use std::borrow::Cow;

/// Deepest value that is looked at; deeper ones are dropped. With the record itself 127 levels remain,
/// which every common reader takes.
pub const DEEPEST: usize = 126;
/// Levels of JSON inside strings that are opened.
pub const NESTED: usize = 3;

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'n> {
    slot: SlotId,
    depth: usize,
    nested: usize,
    /// Whether a sibling said what it is.
    explained: bool,
    /// The string members of its object, if one of them may be asked.
    members: Option<&'n [(String, Cow<'n, str>)]>,
}

/// Rewrites records of one stream.
pub struct Json<'a, 'r> {
    /// The plan of the stream.
    pub plan: &'a mut Plan<'r>,
    /// The treatment of values.
    pub values: &'a mut Values<'r>,
    /// Values dropped because they lie too deep.
    pub too_deep: u64,
}

impl Json<'_, '_> {
    /// Rewrites a record.
    pub fn record(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
        let written = self.whole(text, out);
        if written.is_err() {
            Again::forget(self.values, self.plan);
        }
        written
    }

    fn whole(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
        let mut lexer = Lexer::new(text);
        lexer.space();
        let place = Place { slot: self.plan.root(), depth: 0, nested: 0, explained: false, members: None };
        let start = out.len();
        let fate = self.value(&mut lexer, place, out)?;
        lexer.space();
        if lexer.peek().is_some() {
            return Err(Broken);
        }
        if fate == Fate::Dropped {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
        Ok(())
    }

    /// Rewrites the next value. `Dropped` means that nothing was written; `Same` does not occur.
    fn value(&mut self, lexer: &mut Lexer<'_>, place: Place<'_>, out: &mut Vec<u8>) -> Result<Fate, Broken> {
        if place.depth > DEEPEST {
            self.too_deep += 1;
            lexer.skip()?;
            return Ok(Fate::Dropped);
        }
        match &self.plan.slot(place.slot).act {
            Act::Drop | Act::Undeclared => {
                lexer.skip()?;
                self.plan.counts(place.slot).dropped += 1;
                return Ok(Fate::Dropped);
            }
            Act::By { .. } | Act::When(_) => return self.by(lexer, place, out),
            Act::Object(_) | Act::Leaf(_) => {}
        }
        match lexer.peek().ok_or(Broken)? {
            b'{' => match &self.plan.slot(place.slot).act {
                Act::Object(node) => {
                    let node = *node;
                    self.object(lexer, node, place, out)
                }
                Act::Leaf(leaf) => {
                    let treatment = leaf.treatment;
                    let kind = leaf.kind;
                    self.object_for_value(lexer, treatment, kind, place, out)
                }
                _ => Err(Broken),
            },
            b'[' => self.array(lexer, place, out),
            b'"' => {
                let raw = lexer.string()?;
                self.string(raw, place, out)
            }
            _ => {
                let literal = lexer.literal()?;
                Ok(self.literal(literal, place, out))
            }
        }
    }

    fn array(&mut self, lexer: &mut Lexer<'_>, place: Place<'_>, out: &mut Vec<u8>) -> Result<Fate, Broken> {
        let inner = Place { slot: self.plan.element(place.slot), depth: place.depth + 1, ..place };
        lexer.bump();
        out.push(b'[');
        let start = out.len();
        lexer.space();
        if lexer.peek() == Some(b']') {
            lexer.bump();
            out.push(b']');
            return Ok(Fate::Written);
        }
        let mut items = match self.plan.slot(inner.slot).act {
            Act::Object(_) | Act::Leaf(_) if place.members.is_none() => {
                Items::of_list(inner.slot, inner.depth, inner.nested, inner.explained, false)
            }
            Act::Object(_) => Items::of_list(inner.slot, inner.depth, inner.nested, inner.explained, true),
            _ => None,
        };
        // Ends of the elements that were written.
        let mut ends: Vec<usize> = Vec::new();
        loop {
            let mark = out.len();
            if !ends.is_empty() {
                out.push(b',');
            }
            let fate = match &mut items {
                Some(items) => self.element(lexer, inner, items, out)?,
                None => {
                    lexer.space();
                    self.value(lexer, inner, out)?
                }
            };
            match fate {
                Fate::Dropped => out.truncate(mark),
                _ => ends.push(out.len()),
            }
            lexer.space();
            match lexer.peek() {
                Some(b',') => lexer.bump(),
                Some(b']') => break,
                _ => return Err(Broken),
            }
        }
        lexer.bump();
        if ends.len() > 1 && !place.explained && self.plan.is_set(place.slot) {
            sort_elements(out, start, &ends);
        }
        out.push(b']');
        Ok(Fate::Written)
    }

    /// Rewrites an element that asks no sibling, or writes again what became of it before.
    fn element(
        &mut self,
        lexer: &mut Lexer<'_>,
        inner: Place<'_>,
        items: &mut Items,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Broken> {
        if let Some(fate) = self.follow(lexer, items, out) {
            return Ok(fate);
        }
        let start = lexer.at();
        lexer.space();
        match self.find_again(lexer, start, inner.slot, items, out) {
            Next::Done(fate) => Ok(fate),
            Next::Rewrite(trial) => {
                let mark = out.len();
                let fate = self.value(lexer, inner, out)?;
                if let Some(trial) = trial {
                    self.learn_again(trial, inner.slot, items, fate, &out[mark..]);
                }
                Ok(fate)
            }
        }
    }

    fn object(
        &mut self,
        lexer: &mut Lexer<'_>,
        node: NodeId,
        place: Place<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Broken> {
        // A `by` field may stand before the sibling that explains it.
        let members = if self.plan.asks_siblings(node) {
            Some(siblings(lexer.clone(), self.plan.asks_literals(), |raw| self.plan.asks(raw))?)
        } else {
            None
        };
        let body = Body { node: Some(node), members: members.as_deref(), place };
        self.members(lexer, body, out)
    }

    /// An object where the catalogue declares a value.
    fn object_for_value(
        &mut self,
        lexer: &mut Lexer<'_>,
        treatment: Treatment,
        kind: Kind,
        place: Place<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Broken> {
        match treatment {
            // Names and strings in it are text.
            Treatment::Scan => self.members(lexer, Body { node: None, members: None, place }, out),
            Treatment::Redact => {
                lexer.skip()?;
                self.plan.counts(place.slot).redacted += 1;
                out.push(b'"');
                redacted(kind, out);
                out.push(b'"');
                Ok(Fate::Written)
            }
            _ => {
                let from = lexer.at();
                lexer.skip()?;
                if lexer.at() - from == 2 {
                    out.extend_from_slice(b"{}");
                    return Ok(Fate::Written);
                }
                let counts = self.plan.counts(place.slot);
                counts.dropped += 1;
                counts.violations += 1;
                Ok(Fate::Dropped)
            }
        }
    }

    /// Rewrites the members of an object.
    fn members(&mut self, lexer: &mut Lexer<'_>, body: Body<'_>, out: &mut Vec<u8>) -> Result<Fate, Broken> {
        lexer.bump();
        out.push(b'{');
        let mut first = true;
        lexer.space();
        if lexer.peek() == Some(b'}') {
            lexer.bump();
            out.push(b'}');
            return Ok(Fate::Written);
        }
        let mut items = match (body.node, body.members) {
            (Some(node), None) => Items::of_object(node, body.place.depth, body.place.nested),
            _ => None,
        };
        loop {
            let mark = out.len();
            if !first {
                out.push(b',');
            }
            let again = items.as_mut().and_then(|items| self.follow(lexer, items, out));
            let fate = match again {
                Some(fate) => fate,
                None => self.member(lexer, body, items.as_mut(), out)?,
            };
            match fate {
                Fate::Dropped => out.truncate(mark),
                _ => first = false,
            }
            lexer.space();
            match lexer.peek() {
                Some(b',') => lexer.bump(),
                Some(b'}') => break,
                _ => return Err(Broken),
            }
        }
        lexer.bump();
        out.push(b'}');
        Ok(Fate::Written)
    }

    fn member(
        &mut self,
        lexer: &mut Lexer<'_>,
        body: Body<'_>,
        items: Option<&mut Items>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Broken> {
        let start = lexer.at();
        lexer.space();
        let raw = lexer.string()?;
        lexer.colon()?;
        let depth = body.place.depth + 1;
        let Some(node) = body.node else {
            self.name(None, raw, NameFate::Scan, out);
            out.push(b':');
            return self.value(lexer, Place { depth, ..body.place }, out);
        };
        let Member { slot, name } = self.plan.member(node, raw.as_bytes(), || unescape(raw).into_owned());
        let place = Place { slot, depth, nested: body.place.nested, explained: false, members: body.members };
        let Some(items) = items else { return self.named(lexer, (node, raw, name), place, out) };
        match self.find_again(lexer, start, slot, items, out) {
            Next::Done(fate) => Ok(fate),
            Next::Rewrite(trial) => {
                let mark = out.len();
                let fate = self.named(lexer, (node, raw, name), place, out)?;
                if let Some(trial) = trial {
                    self.learn_again(trial, slot, items, fate, &out[mark..]);
                }
                Ok(fate)
            }
        }
    }

    /// Rewrites a member whose name was read.
    fn named(
        &mut self,
        lexer: &mut Lexer<'_>,
        (node, raw, name): (NodeId, &str, NameFate),
        place: Place<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Broken> {
        let slot = place.slot;
        if let Act::Drop | Act::Undeclared = &self.plan.slot(slot).act {
            lexer.skip()?;
            self.plan.counts(slot).dropped += 1;
            return Ok(Fate::Dropped);
        }
        if !self.name(Some(node), raw, name, out) {
            lexer.skip()?;
            self.plan.counts(slot).dropped += 1;
            return Ok(Fate::Dropped);
        }
        out.push(b':');
        self.value(lexer, place, out)
    }

    /// Writes the name of a member with its quotes; `false` if it must not leave.
    fn name(&mut self, node: Option<NodeId>, raw: &str, fate: NameFate, out: &mut Vec<u8>) -> bool {
        let kind = match fate {
            NameFate::Verbatim => {
                out.push(b'"');
                copy(raw, out);
                out.push(b'"');
                return true;
            }
            NameFate::Data(kind) => Some(kind),
            NameFate::Scan => None,
        };
        let plain = unescape(raw);
        let asked = self.values.renderer.asked();
        let Some(name) = self.values.name(kind, &plain) else { return false };
        out.push(b'"');
        match name {
            Cow::Owned(name) => escape(name.as_bytes(), out),
            Cow::Borrowed(_) => {
                // What was asked is counted each time.
                if let (None, Some(node)) = (kind, node)
                    && self.values.renderer.asked() == asked
                {
                    self.plan.name_is_clean(node, raw.as_bytes());
                }
                copy(raw, out);
            }
        }
        out.push(b'"');
        true
    }

    /// The slot of a plain value at a place.
    fn text_slot(&mut self, place: Place<'_>) -> SlotId {
        match self.plan.text(place.slot) {
            Some(text) => self.plan.explained(text, place.members.unwrap_or(&[])),
            None => place.slot,
        }
    }

    /// A value whose sibling says what it is.
    fn by(&mut self, lexer: &mut Lexer<'_>, place: Place<'_>, out: &mut Vec<u8>) -> Result<Fate, Broken> {
        // A condition says where a rule holds, not what the value is.
        let explained = place.explained || matches!(self.plan.slot(place.slot).act, Act::By { .. });
        let slot = self.plan.explained(place.slot, place.members.unwrap_or(&[]));
        if self.plan.is_open(slot) {
            lexer.skip()?;
            self.plan.counts(place.slot).dropped += 1;
            return Ok(Fate::Dropped);
        }
        self.value(lexer, Place { slot, explained, ..place }, out)
    }
}

/// The body of an object.
#[derive(Clone, Copy)]
struct Body<'n> {
    /// `None`: everything in it is text.
    node: Option<NodeId>,
    members: Option<&'n [(String, Cow<'n, str>)]>,
    place: Place<'n>,
}

/// Puts the elements of a list, written from `start` on with a comma between them, in bytewise order.
fn sort_elements(out: &mut Vec<u8>, start: usize, ends: &[usize]) {
    let text = out.split_off(start);
    let starts = std::iter::once(0).chain(ends.iter().map(|end| end - start + 1));
    let mut elements: Vec<&[u8]> = starts.zip(ends).map(|(from, end)| &text[from..end - start]).collect();
    elements.sort_unstable();
    for (at, element) in elements.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(element);
    }
}
