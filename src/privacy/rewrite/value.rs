//! What happens to one plain value: shared by the JSON, text and XML rewriters.

use super::super::guid_decision::may_be_guid;
use super::super::plan::Counts;
use super::super::policy::model::Outside;
use super::super::policy::treatment::{Coarse, Treatment};
use super::super::render::{Render, Rendered};
use super::super::renderer::{Renderer, is_nothing};
use super::super::rules::Leaf;
use super::super::{TextEngine, parse_guid};
use crate::catalogue::Grammar;
use crate::kind::Kind;

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it came; nothing was written.
    Same,
    /// The new value was appended.
    Written,
    /// It must not leave; nothing was written.
    Dropped,
}

/// Treats values; holds what all rewriters of a worker share.
pub struct Values<'r> {
    /// Kind → replacement.
    pub renderer: Renderer<'r>,
    /// Text engine.
    pub engine: TextEngine<'r>,
    /// Replacements made in text.
    pub found: u64,
}

impl Values<'_> {
    /// Treats a plain value under a leaf and appends what it becomes, plain.
    pub fn treat(&mut self, leaf: &Leaf, value: &str, counts: &mut Counts, out: &mut Vec<u8>) -> Fate {
        if leaf.treatment != Treatment::Drop && is_nothing(value) {
            counts.kept += 1;
            return Fate::Same;
        }
        match leaf.treatment {
            Treatment::Drop => {
                counts.dropped += 1;
                Fate::Dropped
            }
            Treatment::Keep => self.keep(leaf, value, counts, out),
            Treatment::Pseudonymize => {
                let outcome = match may_be_guid(value) {
                    // A published GUID stays, an entity is replaced: the GUID decides, not the field.
                    true => self.renderer.render_as_hidden(leaf.kind, value, out),
                    false => self.renderer.pseudonymize(leaf.kind, value, out),
                };
                settle(outcome, counts)
            }
            Treatment::Hash => settle(self.renderer.hash(leaf.kind, value, out), counts),
            Treatment::Generalize(coarse) => {
                let outcome = self.renderer.generalize(leaf.kind, coarse, leaf.place, value, out);
                // States and other words of a list are as coarse as they can be.
                if outcome == Rendered::Dropped
                    && coarse == Coarse::Platform
                    && matches!(leaf.grammar, Some(Grammar::Enum(_) | Grammar::Boolean))
                    && leaf.grammar.as_ref().is_some_and(|grammar| grammar.fits(value))
                {
                    counts.kept += 1;
                    return Fate::Same;
                }
                settle(outcome, counts)
            }
            Treatment::Redact => {
                redacted(leaf.kind, out);
                counts.redacted += 1;
                Fate::Written
            }
            Treatment::Scan | Treatment::Parse(_) if leaf.kind == Kind::Url => self.url(value, counts, out),
            Treatment::Scan | Treatment::Parse(_) => self.scan(None, value, counts, out),
        }
    }

    fn keep(&mut self, leaf: &Leaf, value: &str, counts: &mut Counts, out: &mut Vec<u8>) -> Fate {
        if may_be_guid(value) && parse_guid(value).is_some() {
            return settle(self.renderer.render(leaf.kind, value, out), counts);
        }
        if matches!(leaf.kind, Kind::AppName | Kind::PolicyName)
            && crate::catalogue::first_party::is_first_party_name(value)
        {
            counts.kept += 1;
            return Fate::Same;
        }
        match &leaf.grammar {
            // What looks like one of our tokens in a raw record is an original like any other.
            Some(Grammar::Token) => {}
            Some(grammar) if grammar.fits(value) => {
                if leaf.verbatim || closed(grammar) {
                    counts.kept += 1;
                    return Fate::Same;
                }
                return self.scan(Some(leaf.kind), value, counts, out);
            }
            Some(_) => counts.violations += 1,
            None if leaf.kind == Kind::Credential => {
                counts.dropped += 1;
                return Fate::Dropped;
            }
            // Values with a shape of their own (an address, a SID) are treated by it.
            None if shaped(leaf.kind) => {
                let outcome = self.renderer.render(leaf.kind, value, out);
                if outcome != Rendered::Kept {
                    return settle(outcome, counts);
                }
            }
            None => {}
        }
        match self.renderer.rules().outside() {
            Outside::Drop => {
                counts.dropped += 1;
                Fate::Dropped
            }
            Outside::Scan => {
                let inside = leaf.grammar.is_none().then_some(leaf.kind);
                self.scan(inside, value, counts, out)
            }
        }
    }

    /// Scans a text; `inside` is the kind of the kept field that holds it.
    pub fn scan(
        &mut self,
        inside: Option<Kind>,
        value: &str,
        counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Fate {
        let start = out.len();
        self.renderer.inside(inside);
        let found = self.engine.scan(value, &mut self.renderer, out);
        self.renderer.inside(None);
        counts.scanned += 1;
        counts.found += found;
        self.found += found;
        if found == 0 && out[start..] == *value.as_bytes() {
            out.truncate(start);
            return Fate::Same;
        }
        Fate::Written
    }

    /// A URL loses its query and fragment; the rest is scanned.
    fn url(&mut self, value: &str, counts: &mut Counts, out: &mut Vec<u8>) -> Fate {
        let end = value.find(['?', '#']).unwrap_or(value.len());
        let (path, query) = value.split_at(end);
        match self.scan(None, path, counts, out) {
            Fate::Same if query.is_empty() => Fate::Same,
            Fate::Same => {
                counts.found += 1;
                out.extend_from_slice(path.as_bytes());
                Fate::Written
            }
            fate => fate,
        }
    }
}

/// `[redacted:<kind>]`
pub fn redacted(kind: Kind, out: &mut Vec<u8>) {
    out.extend_from_slice(b"[redacted:");
    out.extend_from_slice(kind.id().as_bytes());
    out.push(b']');
}

fn settle(outcome: Rendered, counts: &mut Counts) -> Fate {
    match outcome {
        Rendered::Kept | Rendered::Scan => {
            counts.kept += 1;
            Fate::Same
        }
        Rendered::Replaced => {
            counts.replaced += 1;
            Fate::Written
        }
        Rendered::Dropped => {
            counts.dropped += 1;
            Fate::Dropped
        }
    }
}

/// Grammars that leave no room for a name.
fn closed(grammar: &Grammar) -> bool {
    !matches!(grammar, Grammar::Pattern(_) | Grammar::Guid | Grammar::Token)
}

/// Kinds whose values are one identifier, not text.
fn shaped(kind: Kind) -> bool {
    matches!(kind, Kind::Sid | Kind::EntraSid | Kind::Anchor)
}
