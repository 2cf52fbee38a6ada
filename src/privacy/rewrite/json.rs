//! The byte-copying JSON rewriter: one record in, one line out, no tree in between.
//!
//! What stays is copied as it stands; white space outside strings goes; numbers and booleans keep
//! their spelling; a dropped member leaves with its comma. Every occurrence of a repeated member is
//! treated. Strings that hold JSON are opened up to [`NESTED`] levels and closed again. The output of
//! valid input is valid JSON without a line feed; of invalid input nothing is written.

use super::super::plan::{Act, Member, NameFate, NodeId, Plan, SlotId};
use super::super::policy::treatment::Treatment;
use super::super::renderer::is_nothing;
use super::super::rules::Leaf;
use super::again::{Again, Items, Next};
use super::lex::{Broken, Lexer, copyable, escape, unescape};
use super::value::{Fate, Values, redacted};
use crate::kind::Kind;
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

    /// A number, `true`, `false` or `null`.
    fn literal(&mut self, literal: &str, place: Place<'_>, out: &mut Vec<u8>) -> Fate {
        let place = Place { slot: self.text_slot(place), ..place };
        let is_number = !matches!(literal, "true" | "false" | "null");
        let Act::Leaf(leaf) = &self.plan.slot(place.slot).act else {
            if is_number {
                self.plan.counts(place.slot).dropped += 1;
                return Fate::Dropped;
            }
            out.extend_from_slice(literal.as_bytes());
            return Fate::Written;
        };
        if !is_number {
            if leaf.treatment == Treatment::Drop {
                self.plan.counts(place.slot).dropped += 1;
                return Fate::Dropped;
            }
            out.extend_from_slice(literal.as_bytes());
            self.plan.counts(place.slot).kept += 1;
            return Fate::Written;
        }
        match leaf.treatment {
            // A number where only text, names or ids are declared says nothing that may stay.
            Treatment::Scan | Treatment::Parse(_) => {
                self.plan.counts(place.slot).dropped += 1;
                Fate::Dropped
            }
            Treatment::Keep if number_may_stay(leaf) => {
                out.extend_from_slice(literal.as_bytes());
                self.plan.counts(place.slot).kept += 1;
                Fate::Written
            }
            Treatment::Keep => {
                let counts = self.plan.counts(place.slot);
                counts.violations += 1;
                counts.dropped += 1;
                Fate::Dropped
            }
            _ => {
                let leaf = leaf.clone();
                let mut text = Vec::new();
                match self.values.treat(&leaf, literal, self.plan.counts(place.slot), &mut text) {
                    Fate::Dropped => return Fate::Dropped,
                    Fate::Same => out.extend_from_slice(literal.as_bytes()),
                    // A coarser number stays a number, a token becomes a string.
                    Fate::Written
                        if Lexer::new(&String::from_utf8_lossy(&text))
                            .literal()
                            .is_ok_and(|n| n.len() == text.len()) =>
                    {
                        out.extend_from_slice(&text);
                    }
                    Fate::Written => {
                        out.push(b'"');
                        escape(&text, out);
                        out.push(b'"');
                    }
                }
                Fate::Written
            }
        }
    }

    fn string(&mut self, raw: &str, place: Place<'_>, out: &mut Vec<u8>) -> Result<Fate, Broken> {
        let slot = self.text_slot(place);
        if self.values.still.knows(slot, raw, self.plan.counts(slot)) {
            out.push(b'"');
            out.extend_from_slice(raw.as_bytes());
            out.push(b'"');
            return Ok(Fate::Written);
        }
        let plain = unescape(raw);
        let opens = opening(&plain);
        let may_nest = match opens {
            Some(b'{' | b'[') => true,
            Some(b'"') => place.explained,
            _ => false,
        };
        if may_nest && place.nested < NESTED && !is_nothing(&plain) && is_json(&plain) {
            return self.nested(raw, &plain, place, out);
        }
        let mark = out.len();
        out.push(b'"');
        let start = out.len();
        let (asked, before) = (self.values.renderer.asked(), *self.plan.counts(slot));
        let fate = self.values.at(self.plan, slot, &plain, out);
        match fate {
            Fate::Same => {
                copy(raw, out);
                if self.values.renderer.asked() == asked {
                    let counted = self.plan.counts(slot).since(&before);
                    self.values.still.learn(slot, raw, &counted);
                }
            }
            Fate::Written => {
                if out[start..].iter().any(|b| *b < 0x20 || matches!(b, b'"' | b'\\')) {
                    let text = out.split_off(start);
                    escape(&text, out);
                }
            }
            Fate::Dropped => {
                out.truncate(mark);
                return Ok(Fate::Dropped);
            }
        }
        out.push(b'"');
        Ok(Fate::Written)
    }

    /// A string that holds JSON.
    fn nested(
        &mut self,
        raw: &str,
        plain: &str,
        place: Place<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Broken> {
        let mut inner = Vec::with_capacity(plain.len());
        let mut lexer = Lexer::new(plain);
        lexer.space();
        let place = Place { nested: place.nested + 1, depth: place.depth + 1, ..place };
        if self.value(&mut lexer, place, &mut inner)? == Fate::Dropped {
            return Ok(Fate::Dropped);
        }
        out.push(b'"');
        if inner == plain.as_bytes() {
            copy(raw, out);
        } else {
            escape(&inner, out);
        }
        out.push(b'"');
        Ok(Fate::Written)
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

/// The string members of the object at the cursor that are `wanted`: folded name and value. With
/// `literals` numbers and words too.
pub fn siblings<'t>(
    mut lexer: Lexer<'t>,
    literals: bool,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Cow<'t, str>)>, Broken> {
    let mut members = Vec::new();
    lexer.bump();
    lexer.space();
    if lexer.peek() == Some(b'}') {
        return Ok(members);
    }
    loop {
        lexer.space();
        let raw = lexer.string()?;
        lexer.colon()?;
        match lexer.peek() {
            Some(b'"') => {
                let value = lexer.string()?;
                if wanted(raw) {
                    members.push((crate::catalogue::fold(&unescape(raw)), unescape(value)));
                }
            }
            Some(b'{' | b'[') => lexer.skip()?,
            _ if literals && wanted(raw) => {
                let value = lexer.literal()?;
                members.push((crate::catalogue::fold(&unescape(raw)), Cow::Borrowed(value)));
            }
            _ => lexer.skip()?,
        }
        lexer.space();
        match lexer.peek() {
            Some(b',') => lexer.bump(),
            Some(b'}') => return Ok(members),
            _ => return Err(Broken),
        }
    }
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

/// Whether a number in a field may leave as it is or as something made of it.
pub fn number_stays_or_changes(leaf: &Leaf) -> bool {
    match leaf.treatment {
        Treatment::Scan | Treatment::Parse(_) | Treatment::Drop => false,
        Treatment::Keep => number_may_stay(leaf),
        _ => true,
    }
}

fn number_may_stay(leaf: &Leaf) -> bool {
    use crate::catalogue::Grammar;
    let counts = |grammar: &Grammar| {
        use Grammar::{Boolean, Duration, Enum, Number, Timestamp, Version};
        matches!(grammar, Number | Timestamp | Version | Duration | Boolean | Enum(_))
    };
    match &leaf.grammar {
        Some(Grammar::Either(two)) if counts(&two.0) || counts(&two.1) => true,
        Some(grammar) if counts(grammar) => true,
        // Enumerations arrive as integers, states as 0 and 1; identifiers of people are no facts.
        None | Some(_) => matches!(
            leaf.kind,
            Kind::Fact
                | Kind::TraceId
                | Kind::PublicId
                | Kind::RiskDetail
                | Kind::Asn
                | Kind::EventTime
                | Kind::ProfileTime
                | Kind::Platform
        ),
    }
}

/// The first byte that is no white space.
pub fn opening(plain: &str) -> Option<u8> {
    match plain.as_bytes().first() {
        Some(byte @ b'!'..=b'~') => Some(*byte),
        _ => plain.trim_start().as_bytes().first().copied(),
    }
}

/// Whether a text is one JSON value.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Copies what stands between quotes; what another reader would refuse is written anew.
fn copy(raw: &str, out: &mut Vec<u8>) {
    let odd = |byte: &u8| u8::from(*byte < 0x20) | u8::from(*byte == b'\\');
    if raw.bytes().fold(0, |any, byte| any | odd(&byte)) == 0 || copyable(raw) {
        out.extend_from_slice(raw.as_bytes());
    } else {
        escape(unescape(raw).as_bytes(), out);
    }
}
