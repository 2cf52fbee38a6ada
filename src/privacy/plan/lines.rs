//! Rules for lines of a text: which of them fit a line, and what happens to it.

use super::super::Letter;
use super::super::rules::Settled;
use super::{Act, Plan, Slot, SlotId, States};
use crate::catalogue::{LinePattern, TypeId};

/// The exceptions for lines of a stream, and what was settled for those that met on a line.
#[derive(Default)]
pub(super) struct Lines<'r> {
    patterns: Vec<(u16, &'r LinePattern)>,
    root: Option<TypeId>,
    cases: Vec<(Vec<u16>, SlotId)>,
}

impl<'r> Lines<'r> {
    pub(super) fn new(patterns: Vec<(u16, &'r LinePattern)>, root: TypeId) -> Self {
        Lines { patterns, root: Some(root), cases: Vec::new() }
    }
}

impl Plan<'_> {
    /// Whether a policy has rules for lines of this stream.
    #[inline]
    pub fn has_line_rules(&self) -> bool {
        !self.lines.patterns.is_empty()
    }

    /// What happens to a line, if a rule for lines fits it.
    pub fn line(&mut self, line: &str) -> Option<SlotId> {
        let line = line.trim_end_matches('\n');
        let fits = self.lines.patterns.iter().filter(|(_, pattern)| pattern.expression.is_match(line));
        let matched: Vec<u16> = fits.map(|(index, _)| *index).collect();
        if matched.is_empty() {
            return None;
        }
        if let Some((_, known)) = self.lines.cases.iter().find(|(held, _)| *held == matched) {
            return Some(*known);
        }
        let (rules, root) = (self.rules?, self.lines.root?);
        let settled = rules.settle_lines(root, &matched)?;
        let names: Vec<String> = matched.iter().map(|index| self.pattern_name(*index)).collect();
        let path = format!("/line:{}", names.join("+"));
        let (act, kind) = match settled {
            Settled::Leaf(leaf) => {
                let kind = leaf.kind;
                (Act::Leaf(leaf), Some(kind))
            }
            Settled::Drop(kind) => (Act::Drop, kind),
            Settled::Object(_) | Settled::By { .. } => return None,
        };
        let slot = self.push(Slot::new(act, kind, path, States::default()));
        self.lines.cases.push((matched, slot));
        Some(slot)
    }

    /// The name of a pattern as it may stand in a bundle: a user's own by its token.
    fn pattern_name(&self, index: u16) -> String {
        let Some(name) = self.rules.and_then(|rules| rules.selector(index).line()) else {
            return String::new();
        };
        match self.catalogue.line_pattern(name) {
            Some(pattern) if pattern.builtin => name.to_owned(),
            _ => self.names.map_or_else(|| "x".into(), |names| names.token(Letter::X, name)),
        }
    }
}
