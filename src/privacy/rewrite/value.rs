//! What happens to one plain value: shared by the JSON, text and XML rewriters.

use super::super::certificate::Facts;
use super::super::guid_decision::may_be_guid;
use super::super::plan::{Act, Counts, Plan, SlotId};
use super::super::policy::model::{Decoder, Outside};
use super::super::policy::treatment::{Coarse, Treatment};
use super::super::render::{Render, Rendered};
use super::super::renderer::{Renderer, is_nothing, mix};
use super::super::rules::Rules;
use super::super::rules::{Leaf, PlacePart};
use super::super::{Dictionary, Pseudonymizer, TextEngine, parse_guid};
use super::again::Again;
use super::still::Still;
use crate::catalogue::{Grammar, is_nobody};
use crate::kind::Kind;
use std::borrow::Cow;

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
    /// Whether texts keep nothing but wording.
    wording_only: bool,
    /// Replacements made in text.
    pub found: u64,
    /// Texts in which nothing was found, with the kind of the field around them.
    clean: Vec<Option<Box<Clean>>>,
    /// Strings that stayed, with their places.
    pub still: Still,
    /// Members and elements that were rewritten before.
    pub again: Again,
}

type Clean = (Option<Kind>, Vec<u8>);

/// Slots of the memory of clean texts.
const CLEAN: usize = 1 << 12;
/// Longest text that is remembered.
const CLEAN_LENGTH: usize = 256;

impl<'r> Values<'r> {
    /// Treatment under rules with a dictionary.
    pub fn new(rules: &'r Rules, names: &'r Pseudonymizer, dictionary: &'r Dictionary) -> Self {
        Values {
            renderer: Renderer::new(rules, names, dictionary),
            engine: TextEngine::new(dictionary),
            wording_only: dictionary.keeps_wording_only(),
            found: 0,
            clean: std::iter::repeat_with(|| None).take(CLEAN).collect(),
            still: Still::default(),
            again: Again::default(),
        }
    }

    /// Treats a plain value under a leaf and appends what it becomes, plain.
    pub fn treat(&mut self, leaf: &Leaf, value: &str, counts: &mut Counts, out: &mut Vec<u8>) -> Fate {
        let nothing = is_nothing(value) || leaf.grammar.as_ref().is_some_and(|one| names_nobody(one, value));
        if leaf.treatment != Treatment::Drop && nothing {
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
            Treatment::Hash(len) => settle(self.renderer.hash(leaf.kind, len, value, out), counts),
            Treatment::Random | Treatment::DateShift(_) | Treatment::Mask(_) => {
                settle(self.renderer.otherwise(leaf.kind, leaf.treatment, value, out), counts)
            }
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
                // A place that stays is still a text.
                if outcome == Rendered::Kept && leaf.kind == Kind::Place {
                    return self.scan(Some(Kind::Place), value, counts, out);
                }
                settle(outcome, counts)
            }
            Treatment::Redact => {
                redacted(leaf.kind, out);
                counts.redacted += 1;
                Fate::Written
            }
            Treatment::Scan | Treatment::Parse(_) if leaf.kind == Kind::Url => self.url(value, counts, out),
            Treatment::Parse(Decoder::Cert) => self.certificate(value, counts, out),
            Treatment::Scan | Treatment::Parse(_) if leaf.kind == Kind::Text && self.wording_only => {
                self.wording(value, counts, out)
            }
            Treatment::Scan | Treatment::Parse(_) => self.scan(None, value, counts, out),
        }
    }

    /// Treats a plain value at a place of the plan. Where the catalogue declares no value, it is text.
    pub fn at(&mut self, plan: &mut Plan<'_>, slot: SlotId, plain: &str, out: &mut Vec<u8>) -> Fate {
        let fallback;
        let leaf = match &plan.slot(slot).act {
            Act::Leaf(leaf) => leaf,
            // A condition that nobody could look at: nothing says what may stay.
            Act::Drop | Act::Undeclared | Act::When(_) => {
                plan.counts(slot).dropped += 1;
                return Fate::Dropped;
            }
            _ => {
                fallback = Leaf {
                    kind: Kind::Text,
                    treatment: self.renderer.rules().treatment(Kind::Text),
                    grammar: None,
                    verbatim: false,
                    place: PlacePart::Mixed,
                };
                &fallback
            }
        };
        let mut counts = Counts::default();
        let fate = self.treat(leaf, plain, &mut counts, out);
        plan.counts(slot).add(&counts);
        fate
    }

    /// A name that may be data: `None` if it must not leave, the name itself if it is clean text.
    pub fn name<'n>(&mut self, kind: Option<Kind>, plain: &'n str) -> Option<Cow<'n, str>> {
        let leaf = Leaf {
            kind: kind.unwrap_or(Kind::Text),
            treatment: kind.map_or(Treatment::Scan, |kind| self.renderer.rules().treatment(kind)),
            grammar: None,
            verbatim: false,
            place: PlacePart::Mixed,
        };
        let mut text = Vec::new();
        match self.treat(&leaf, plain, &mut Counts::default(), &mut text) {
            Fate::Same => Some(Cow::Borrowed(plain)),
            Fate::Written => Some(Cow::Owned(String::from_utf8(text).ok()?)),
            Fate::Dropped => None,
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
                if leaf.verbatim || closed(grammar, value) {
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

    /// Technical fields of a certificate, as JSON; what names somebody is treated by the rule of its
    /// kind. What is no certificate is dropped.
    fn certificate(&mut self, value: &str, counts: &mut Counts, out: &mut Vec<u8>) -> Fate {
        let Some(facts) = Facts::read(value) else {
            counts.violations += 1;
            counts.dropped += 1;
            return Fate::Dropped;
        };
        let thumbprint = if facts.is_service { Kind::PublicThumbprint } else { Kind::Thumbprint };
        let mut members = serde_json::json!({
            "version": facts.version, "notBefore": facts.not_before, "notAfter": facts.not_after,
            "signatureAlgorithm": facts.signature_algorithm, "keyAlgorithm": facts.key_algorithm,
            "keyBits": facts.key_bits, "curve": facts.curve, "isCa": facts.is_ca, "purposes": facts.purposes,
            "keyUsage": facts.key_usage, "hostNames": facts.host_names, "selfIssued": facts.is_self_issued(),
            "subject": self.part(Kind::Dn, &facts.subject),
            "issuer": self.part(Kind::Dn, &facts.issuer),
            "serial": self.part(Kind::Thumbprint, &facts.serial),
            "thumbprint": self.part(thumbprint, &facts.thumbprint),
            "logins": facts.logins.iter().filter_map(|one| self.part(Kind::Upn, one)).collect::<Vec<_>>(),
        });
        if let Some(members) = members.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        out.extend_from_slice(members.to_string().as_bytes());
        counts.replaced += 1;
        Fate::Written
    }

    /// A part of a composite value under the rule of its kind; `None` if it must not leave.
    fn part(&mut self, kind: Kind, value: &str) -> Option<String> {
        self.name(Some(kind), value).map(Cow::into_owned)
    }

    /// Scans a text of which nothing but wording stays.
    fn wording(&mut self, value: &str, counts: &mut Counts, out: &mut Vec<u8>) -> Fate {
        let start = out.len();
        let found = self.engine.of_texts().scan(value, &mut self.renderer, out);
        counts.scanned += 1;
        counts.found += found;
        self.found += found;
        if found == 0 && out[start..] == *value.as_bytes() {
            out.truncate(start);
            return Fate::Same;
        }
        Fate::Written
    }

    /// Scans a text; `inside` is the kind of the kept field that holds it.
    pub fn scan(
        &mut self,
        inside: Option<Kind>,
        value: &str,
        counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Fate {
        // A scan is a function of text and surroundings; most technical texts come again and again.
        let at = match value.len() <= CLEAN_LENGTH {
            true => mix(Kind::Text, inside, value.as_bytes()) as usize % CLEAN,
            false => CLEAN,
        };
        let known = self.clean.get(at).and_then(Option::as_deref);
        if known.is_some_and(|(around, text)| *around == inside && text == value.as_bytes()) {
            counts.scanned += 1;
            return Fate::Same;
        }
        let start = out.len();
        let asked = self.renderer.asked();
        self.renderer.inside(inside);
        let found = self.engine.scan(value, &mut self.renderer, out);
        self.renderer.inside(None);
        counts.scanned += 1;
        counts.found += found;
        self.found += found;
        if found == 0 && out[start..] == *value.as_bytes() {
            out.truncate(start);
            // What was asked of the renderer is counted each time.
            match self.clean.get_mut(at).filter(|_| self.renderer.asked() == asked) {
                Some(Some(known)) => {
                    known.0 = inside;
                    known.1.clear();
                    known.1.extend_from_slice(value.as_bytes());
                }
                Some(empty) => *empty = Some(Box::new((inside, value.as_bytes().to_vec()))),
                None => {}
            }
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

/// Whether a fitting value leaves no room for a name.
fn closed(grammar: &Grammar, value: &str) -> bool {
    match grammar {
        Grammar::Pattern(_) | Grammar::Guid | Grammar::Token => false,
        Grammar::Either(two) => [&two.0, &two.1].into_iter().any(|one| one.fits(value) && closed(one, value)),
        _ => true,
    }
}

/// Words of a list beside another grammar (`All` where ids stand), and words for nobody, stay whatever
/// the policy.
pub fn names_nobody(grammar: &Grammar, value: &str) -> bool {
    let two = match grammar {
        Grammar::Enum(list) => return is_nobody(list) && grammar.fits(value),
        Grammar::Either(two) => two,
        _ => return false,
    };
    [&two.0, &two.1].into_iter().any(|one| match one {
        Grammar::Enum(_) => one.fits(value),
        other => names_nobody(other, value),
    })
}

/// Kinds whose values are one identifier, not text.
fn shaped(kind: Kind) -> bool {
    matches!(kind, Kind::Sid | Kind::EntraSid | Kind::Anchor)
}
