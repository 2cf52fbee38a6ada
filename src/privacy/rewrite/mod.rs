//! Rewriters: bytes of a raw record in, bytes of a redacted one out.

pub(super) mod again;
pub mod json;
pub mod lex;
pub mod still;
pub mod text;
pub mod value;
pub mod xml;

use super::Letter;
use super::plan::{Plan, SlotId};
use value::{Fate, Values};

impl text::Pieces for Values<'_> {
    fn value(&mut self, plan: &mut Plan<'_>, slot: SlotId, value: &str, out: &mut Vec<u8>) -> Fate {
        self.at(plan, slot, value, out)
    }

    fn free(&mut self, plan: &mut Plan<'_>, slot: SlotId, text: &str, out: &mut Vec<u8>) -> Fate {
        self.at(plan, slot, text, out)
    }
}

impl xml::Nodes for Values<'_> {
    fn value(&mut self, plan: &mut Plan<'_>, slot: SlotId, value: &str, out: &mut Vec<u8>) -> Fate {
        self.at(plan, slot, value, out)
    }

    fn name(&mut self, name: &str) -> String {
        match Values::name(self, None, name) {
            Some(clean) if clean == name && xml::is_name(name) => clean.into_owned(),
            _ => self.renderer.names().token(Letter::X, name),
        }
    }
}
