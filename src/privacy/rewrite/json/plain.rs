//! Plain values: numbers, words and strings, and JSON inside strings.

use super::super::super::plan::Act;
use super::super::super::policy::treatment::Treatment;
use super::super::super::renderer::is_nothing;
use super::super::super::rules::Leaf;
use super::super::lex::{Broken, Lexer, copyable, escape, unescape};
use super::super::value::Fate;
use super::{Json, NESTED, Place};
use crate::kind::Kind;

impl Json<'_, '_> {
    /// A number, `true`, `false` or `null`.
    pub(super) fn literal(&mut self, literal: &str, place: Place<'_>, out: &mut Vec<u8>) -> Fate {
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

    pub(super) fn string(&mut self, raw: &str, place: Place<'_>, out: &mut Vec<u8>) -> Result<Fate, Broken> {
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
pub(super) fn copy(raw: &str, out: &mut Vec<u8>) {
    let odd = |byte: &u8| u8::from(*byte < 0x20) | u8::from(*byte == b'\\');
    if raw.bytes().fold(0, |any, byte| any | odd(&byte)) == 0 || copyable(raw) {
        out.extend_from_slice(raw.as_bytes());
    } else {
        escape(unescape(raw).as_bytes(), out);
    }
}
