//! Typed values of raw records for the learn pass: kinds from the catalogue, no policy.
//!
//! What Microsoft publishes (ids, names of its applications) and words that mean nothing are passed
//! over, so that they are never learned as originals.

use super::guid_decision::{is_public, may_be_guid};
use super::parse_guid;
use super::plan::{Act, NameFate, NodeId, Plan, SlotId};
use super::renderer::{is_nothing, mix};
use super::rewrite::again::Items;
use super::rewrite::json::{DEEPEST, NESTED, is_json, opening, siblings};
use super::rewrite::lex::{Broken, Lexer, unescape};
use super::rewrite::text::Pieces;
use super::rewrite::value::{Fate, names_nobody};
use super::rewrite::xml::Nodes;
use super::rewrite::{text, xml};
use super::rules::Leaf;
use crate::catalogue::{Catalogue, Stream};
use crate::kind::Kind;
use crate::record::{Form, Known, LONGEST, Raw};
use std::borrow::Cow;

/// Called with the kind and the plain text of each typed value.
pub type OnValue<'f> = dyn FnMut(Kind, &str) + 'f;

/// Visits the records of one stream; remembers the plan from record to record.
pub struct Visitor<'c> {
    plan: Plan<'c>,
    seen: Option<Recent>,
    /// Members and elements that were visited before, and whether there was a text in one.
    again: Option<Known<bool>>,
    texts: bool,
}

impl<'c> Visitor<'c> {
    /// A visitor; `None` if the catalogue does not know the stream.
    pub fn new(catalogue: &'c Catalogue, stream: &Stream) -> Option<Self> {
        Some(Visitor { plan: Plan::of_kinds(catalogue, stream)?, seen: None, again: None, texts: false })
    }

    /// Passes over values that were told not long ago: for callers to whom repetition says nothing.
    #[must_use]
    pub fn once(self) -> Self {
        Visitor { seen: Some(Recent::new()), again: Some(Known::default()), ..self }
    }

    /// Whether texts are told too, as kind `text`: each time they come.
    pub fn tell_texts(&mut self, texts: bool) {
        self.texts = texts;
    }

    /// Calls `f` for every typed value. A record that is not what its form says is visited up to the
    /// place where it breaks.
    pub fn visit(&mut self, raw: &Raw, f: &mut OnValue<'_>) {
        let Ok(text) = std::str::from_utf8(raw.bytes()) else { return };
        let (seen, again, texts) = (self.seen.as_mut(), self.again.as_mut(), self.texts);
        let f = &mut Teller { f, seen, again, texts, met_texts: 0 };
        match raw.form() {
            Form::Json => {
                let mut lexer = Lexer::new(text);
                lexer.space();
                let at = At { slot: self.plan.root(), depth: 0, nested: 0, explained: false };
                let _ = value(&mut self.plan, &mut lexer, at, &[], f);
            }
            Form::Text => text::record(&mut self.plan, &mut Typed(f), text, &mut Vec::new()),
            Form::Xml => {
                let _ = xml::record(&mut self.plan, &mut Typed(f), text, &mut Vec::new());
            }
        }
    }
}

/// Visits one record; for many of one stream keep a [`Visitor`].
pub fn visit(catalogue: &Catalogue, stream: &Stream, raw: &Raw, f: &mut OnValue<'_>) {
    if let Some(mut visitor) = Visitor::new(catalogue, stream) {
        visitor.visit(raw, f);
    }
}

/// Hands values on.
struct Teller<'f, 'g> {
    f: &'f mut OnValue<'g>,
    seen: Option<&'f mut Recent>,
    again: Option<&'f mut Known<bool>>,
    texts: bool,
    /// Texts in the record so far.
    met_texts: usize,
}

impl Teller<'_, '_> {
    fn tell(&mut self, leaf: &Leaf, value: &str) {
        if leaf.kind == Kind::Text {
            self.met_texts += 1;
            if self.texts {
                (self.f)(Kind::Text, value);
            }
        }
        if matches!(leaf.kind, Kind::Fact | Kind::Text | Kind::EventTime | Kind::TraceId | Kind::PublicId) {
            return;
        }
        if self.seen.as_mut().is_some_and(|seen| seen.again(leaf, value)) || is_nothing(value) {
            return;
        }
        if leaf.grammar.as_ref().is_some_and(|grammar| names_nobody(grammar, value)) {
            return;
        }
        if may_be_guid(value) && parse_guid(value).is_some_and(|guid| is_public(&guid)) {
            return;
        }
        if matches!(leaf.kind, Kind::AppName | Kind::PersonName | Kind::PolicyName)
            && crate::catalogue::first_party::is_first_party_name(value)
        {
            return;
        }
        (self.f)(leaf.kind, value);
    }

    /// Whether what was visited need not be visited again; a text in it is told each time.
    fn is_done(&mut self, has_text: bool) -> bool {
        self.met_texts += usize::from(has_text);
        !(has_text && self.texts)
    }

    /// Passes over the item at the cursor if it is the one that came behind the last one before.
    fn follow(&mut self, lexer: &mut Lexer<'_>, items: &mut Items) -> bool {
        let Some(known) = &mut self.again else { return false };
        let Some(found) = known.follow(items.link, items.place, lexer.rest()) else { return false };
        let Some((length, _, has_text)) = known.get(found) else { return false };
        let has_text = *has_text;
        known.hit(found);
        if !self.is_done(has_text) {
            return false;
        }
        items.link = found.into();
        lexer.advance(length - 1);
        true
    }

    /// Visits an item, whose value is at the cursor and stands in `slot`, unless it is known.
    fn item<'t>(
        &mut self,
        lexer: &mut Lexer<'t>,
        start: usize,
        slot: SlotId,
        items: &mut Items,
        visit: impl FnOnce(&mut Self, &mut Lexer<'t>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let before = items.link;
        items.moved(slot);
        let Some(known) = self.again.as_mut().filter(|_| items.takes(lexer.peek())) else {
            return visit(self, lexer);
        };
        let item = match known.is_worth(items.judged(slot)) {
            true => lexer.to_end_of_item(start, LONGEST),
            false => None,
        };
        let Some(item) = item else { return visit(self, lexer) };
        if let Some(found) = known.find(items.place, item)
            && let Some((length, _, has_text)) = known.get(found)
        {
            let has_text = *has_text;
            known.hit(found);
            known.was_worth(items.judged(slot));
            known.connect(before, found);
            if self.is_done(has_text) {
                items.link = found.into();
                lexer.advance(start + length - 1 - lexer.at());
                return Ok(());
            }
            return visit(self, lexer);
        }
        let texts = self.met_texts;
        visit(self, lexer)?;
        let has_text = self.met_texts > texts;
        if let Some(known) = &mut self.again
            && let Some(found) = known.learn(items.place, item, &[], (has_text, 0), |_, _| ())
        {
            known.connect(before, found);
            items.link = found.into();
        }
        Ok(())
    }
}

/// Values that were told, in a table of fixed size. They are compared whole: a value that was not told
/// is never taken for one that was.
struct Recent(Vec<[u8; ROOM]>);

/// Slots of [`Recent`], and the bytes of one: kind, length, value.
const RECENT: usize = 1 << 13;
const ROOM: usize = 64;

impl Recent {
    fn new() -> Self {
        Recent(vec![[0; ROOM]; RECENT])
    }

    /// Whether the value was told, and remembers it. Values whose grammar decides, and long ones, are
    /// not remembered.
    fn again(&mut self, leaf: &Leaf, value: &str) -> bool {
        let mut told = [0; ROOM];
        let Some(room) = told.get_mut(2..2 + value.len()) else { return false };
        room.copy_from_slice(value.as_bytes());
        (told[0], told[1]) = (leaf.kind as u8 + 1, value.len() as u8 + 1);
        if matches!(leaf.grammar, Some(crate::catalogue::Grammar::Either(_))) {
            return false;
        }
        let slot = mix(leaf.kind, None, value.as_bytes()) as usize % RECENT;
        let known = self.0[slot] == told;
        self.0[slot] = told;
        known
    }
}

#[derive(Clone, Copy)]
struct At {
    slot: SlotId,
    depth: usize,
    nested: usize,
    explained: bool,
}

fn value(
    plan: &mut Plan<'_>,
    lexer: &mut Lexer<'_>,
    at: At,
    members: &[(String, Cow<'_, str>)],
    f: &mut Teller<'_, '_>,
) -> Result<(), Broken> {
    if at.depth > DEEPEST {
        return lexer.skip();
    }
    let mut at = at;
    match &plan.slot(at.slot).act {
        Act::Drop | Act::Undeclared => return lexer.skip(),
        Act::By { .. } => {
            at.slot = plan.explained(at.slot, members);
            at.explained = true;
            if matches!(plan.slot(at.slot).act, Act::By { .. } | Act::Drop | Act::Undeclared) {
                return lexer.skip();
            }
        }
        _ => {}
    }
    match lexer.peek().ok_or(Broken)? {
        b'{' => match plan.slot(at.slot).act {
            Act::Object(node) => object(plan, lexer, node, at, f),
            _ => lexer.skip(),
        },
        b'[' => {
            lexer.bump();
            lexer.space();
            if lexer.peek() == Some(b']') {
                lexer.bump();
                return Ok(());
            }
            let inner = At { depth: at.depth + 1, ..at };
            let mut items = match plan.slot(at.slot).act {
                Act::Object(_) | Act::Leaf(_) if members.is_empty() => {
                    Items::of_list(at.slot, inner.depth, at.nested, at.explained, false)
                }
                Act::Object(_) => Items::of_list(at.slot, inner.depth, at.nested, at.explained, true),
                _ => None,
            };
            loop {
                if let Some(items) = &mut items {
                    if !f.follow(lexer, items) {
                        let start = lexer.at();
                        lexer.space();
                        f.item(lexer, start, at.slot, items, |f, lexer| {
                            value(plan, lexer, inner, members, f)
                        })?;
                    }
                } else {
                    lexer.space();
                    value(plan, lexer, inner, members, f)?;
                }
                lexer.space();
                match lexer.peek() {
                    Some(b',') => lexer.bump(),
                    Some(b']') => break,
                    _ => return Err(Broken),
                }
            }
            lexer.bump();
            Ok(())
        }
        b'"' => {
            let raw = lexer.string()?;
            let plain = unescape(raw);
            let nests = match opening(&plain) {
                Some(b'{' | b'[') => true,
                Some(b'"') => at.explained,
                _ => false,
            };
            if nests && at.nested < NESTED && is_json(&plain) {
                let mut inner = Lexer::new(&plain);
                inner.space();
                let at = At { nested: at.nested + 1, depth: at.depth + 1, ..at };
                return value(plan, &mut inner, at, members, f);
            }
            let slot = plan.text(at.slot).unwrap_or(at.slot);
            if let Act::Leaf(leaf) = &plan.slot(slot).act {
                f.tell(leaf, &plain);
            }
            Ok(())
        }
        _ => {
            let literal = lexer.literal()?;
            if let Act::Leaf(leaf) = &plan.slot(at.slot).act
                && !matches!(literal, "true" | "false" | "null")
            {
                f.tell(leaf, literal);
            }
            Ok(())
        }
    }
}

fn object(
    plan: &mut Plan<'_>,
    lexer: &mut Lexer<'_>,
    node: NodeId,
    at: At,
    f: &mut Teller<'_, '_>,
) -> Result<(), Broken> {
    let (members, mut items) = if plan.asks_siblings(node) {
        (siblings(lexer.clone(), plan.asks_literals(), |raw| plan.asks(raw))?, None)
    } else {
        (Vec::new(), Items::of_object(node, at.depth, at.nested))
    };
    lexer.bump();
    lexer.space();
    if lexer.peek() == Some(b'}') {
        lexer.bump();
        return Ok(());
    }
    loop {
        if !items.as_mut().is_some_and(|items| f.follow(lexer, items)) {
            let start = lexer.at();
            lexer.space();
            let raw = lexer.string()?;
            lexer.colon()?;
            let member = plan.member(node, raw.as_bytes(), || unescape(raw).into_owned());
            let inner = At { slot: member.slot, depth: at.depth + 1, explained: false, ..at };
            let mut visit = |f: &mut Teller<'_, '_>, lexer: &mut Lexer<'_>| {
                if let NameFate::Data(kind) = member.name {
                    (f.f)(kind, &unescape(raw));
                }
                value(plan, lexer, inner, &members, f)
            };
            match &mut items {
                Some(items) => f.item(lexer, start, member.slot, items, visit)?,
                None => visit(f, lexer)?,
            }
        }
        lexer.space();
        match lexer.peek() {
            Some(b',') => lexer.bump(),
            Some(b'}') => break,
            _ => return Err(Broken),
        }
    }
    lexer.bump();
    Ok(())
}

/// Hands typed values on and keeps nothing.
struct Typed<'t, 'f, 'g>(&'t mut Teller<'f, 'g>);

impl Typed<'_, '_, '_> {
    fn hand_on(&mut self, plan: &Plan<'_>, slot: SlotId, value: &str) -> Fate {
        if let Act::Leaf(leaf) = &plan.slot(slot).act {
            self.0.tell(leaf, value);
        }
        Fate::Dropped
    }
}

impl Pieces for Typed<'_, '_, '_> {
    fn value(&mut self, plan: &mut Plan<'_>, slot: SlotId, value: &str, _: &mut Vec<u8>) -> Fate {
        self.hand_on(plan, slot, value)
    }
    fn free(&mut self, _: &mut Plan<'_>, _: SlotId, text: &str, _: &mut Vec<u8>) -> Fate {
        if self.0.texts {
            (self.0.f)(Kind::Text, text);
        }
        Fate::Dropped
    }
}

impl Nodes for Typed<'_, '_, '_> {
    fn value(&mut self, plan: &mut Plan<'_>, slot: SlotId, value: &str, _: &mut Vec<u8>) -> Fate {
        self.hand_on(plan, slot, value)
    }
    fn name(&mut self, _: &str) -> String {
        "x".into()
    }
}
