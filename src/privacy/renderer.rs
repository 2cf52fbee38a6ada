//! Kind → treatment → function of the pseudonymiser: the one place where a value becomes its
//! replacement. It fails closed: a value of a hidden kind that does not look like its kind is
//! replaced all the same, by its shape if it has one, else by a token of its kind.
//!
//! A direct-mapped cache of fixed size remembers recent replacements.

mod pseudonym;

use super::generalize;
use super::guid_decision::{self, Fate};
use super::policy::model::{Decoder, Private};
use super::policy::treatment::{Coarse, Treatment};
use super::render::{Render, Rendered};
use super::rules::{PlacePart, Rules};
use super::{Dictionary, Letter, Pseudonymizer, parse_guid};
use crate::kind::Kind;
use pseudonym::{letter, looks_like_ours};
use std::collections::BTreeMap;

/// Slots of the cache, and bytes of a value and its replacement that one holds.
const SLOTS: usize = 1 << 14;
const ROOM: usize = 120;

/// What became of the values of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// They stayed.
    pub kept: u64,
    /// They were replaced.
    pub replaced: u64,
    /// They were dropped.
    pub dropped: u64,
}

impl KindCounts {
    fn add(&mut self, outcome: Rendered, times: u64) {
        match outcome {
            Rendered::Kept | Rendered::Scan => self.kept += times,
            Rendered::Replaced => self.replaced += times,
            Rendered::Dropped => self.dropped += times,
        }
    }
}

/// Treats values of known kinds under resolved rules.
pub struct Renderer<'r> {
    rules: &'r Rules,
    names: &'r Pseudonymizer,
    dictionary: &'r Dictionary,
    cache: Vec<Remembered>,
    counts: Vec<KindCounts>,
    lints: BTreeMap<&'static str, u64>,
    inside: Option<Kind>,
    /// Whether what becomes of a value is not counted.
    aside: bool,
    asked: u64,
    /// What became of values, by kind, while somebody wants to know.
    journal: Vec<(Kind, Rendered)>,
    journaling: bool,
    /// How often something came about that no repetition of the value may repeat.
    singular: u64,
}

/// By which way a value came: what becomes of it is a function of way, kind, surroundings and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The rule of its kind decides.
    Rule,
    /// It is replaced unless Microsoft publishes it.
    Hidden,
    /// It is replaced.
    Replaced,
}

/// A value and what became of it. `outcome` is `None` in a slot that was never used.
#[derive(Clone, Copy)]
struct Remembered {
    way: Way,
    kind: Kind,
    inside: Option<Kind>,
    outcome: Option<Rendered>,
    /// Whether it is the pseudonym of the value, as every way that replaces it makes it.
    made: bool,
    /// Bytes of the value, then of its replacement.
    lengths: [u8; 2],
    bytes: [u8; ROOM],
}

impl Remembered {
    const EMPTY: Remembered = Remembered {
        way: Way::Rule,
        kind: Kind::Fact,
        inside: None,
        outcome: None,
        made: false,
        lengths: [0; 2],
        bytes: [0; ROOM],
    };
}

impl<'r> Renderer<'r> {
    /// A renderer with an empty cache.
    pub fn new(rules: &'r Rules, names: &'r Pseudonymizer, dictionary: &'r Dictionary) -> Self {
        Renderer {
            rules,
            names,
            dictionary,
            cache: vec![Remembered::EMPTY; SLOTS],
            counts: vec![KindCounts::default(); Kind::COUNT],
            lints: BTreeMap::new(),
            inside: None,
            aside: false,
            asked: 0,
            journal: Vec::new(),
            journaling: false,
            singular: 0,
        }
    }

    /// Begins to note what becomes of values (or ends it), and forgets what was noted.
    pub fn note_kinds(&mut self, begin: bool) {
        self.journaling = begin;
        self.journal.clear();
    }

    /// How many notes there are: where those of what comes begin.
    pub fn noted(&self) -> usize {
        self.journal.len()
    }

    /// What became of values since there were so many notes.
    pub fn counted_since(&self, noted: usize) -> &[(Kind, Rendered)] {
        self.journal.get(noted..).unwrap_or_default()
    }

    /// How often something came about that the same value does not bring about again, or that is told
    /// elsewhere: a random token, a lint.
    pub fn singular(&self) -> u64 {
        self.singular
    }

    /// Counts again what became of a value, so many times.
    pub fn count_again(&mut self, kind: Kind, outcome: Rendered, times: u64) {
        if self.journaling {
            self.journal.push((kind, outcome));
        }
        self.counts[kind as usize].add(outcome, times);
    }

    /// The rules.
    pub fn rules(&self) -> &'r Rules {
        self.rules
    }

    /// The pseudonymiser.
    pub fn names(&self) -> &'r Pseudonymizer {
        self.names
    }

    /// What became of the values, by kind.
    pub fn counts(&self) -> &[KindCounts] {
        &self.counts
    }

    /// How often each lint was found.
    pub fn lints(&self) -> &BTreeMap<&'static str, u64> {
        &self.lints
    }

    /// Says that the values to come stand in the text of a kept field of this kind (or no longer do).
    pub fn inside(&mut self, kind: Option<Kind>) {
        self.inside = kind;
    }

    /// Replaces a value of a hidden kind that may be a GUID: one that Microsoft publishes stays.
    pub fn render_as_hidden(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        let outcome = self.remembered(Way::Hidden, kind, value, out, |own, out| match parse_guid(value) {
            Some(guid)
                if guid_decision::is_public(&guid)
                    && !own.dictionary.is_entity(&guid, own.rules.entities()) =>
            {
                Rendered::Kept
            }
            _ => own.make(kind, value, out),
        });
        self.count(kind, outcome);
        outcome
    }

    /// Replaces a value whatever the rule of its kind: an exception or a field says so.
    pub fn pseudonymize(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        let outcome = self.remembered(Way::Replaced, kind, value, out, |own, out| own.make(kind, value, out));
        self.count(kind, outcome);
        outcome
    }

    /// Makes a value coarser.
    pub fn generalize(
        &mut self,
        kind: Kind,
        coarse: Coarse,
        part: PlacePart,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Rendered {
        let outcome = self.coarser(kind, coarse, part, value, out);
        self.count(kind, outcome);
        outcome
    }

    /// Replaces a thumbprint by its keyed hash.
    pub fn hash(&mut self, kind: Kind, len: Option<u8>, value: &str, out: &mut Vec<u8>) -> Rendered {
        let outcome = self.hashed(len, value, out);
        self.count(kind, outcome);
        outcome
    }

    fn hashed(&mut self, len: Option<u8>, value: &str, out: &mut Vec<u8>) -> Rendered {
        if looks_like_ours(value) {
            self.lint("token-lookalike");
        }
        let hashed = match len {
            Some(len) => self.names.thumbprint_of(value, usize::from(len)),
            None => self.names.thumbprint(value),
        };
        let hashed = hashed.unwrap_or_else(|| self.names.token(Letter::A, value));
        out.extend_from_slice(hashed.as_bytes());
        Rendered::Replaced
    }

    /// Applies a treatment that is no function of the value alone, or that shows part of it.
    pub fn otherwise(
        &mut self,
        kind: Kind,
        treatment: Treatment,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Rendered {
        let outcome = self.unlinked(kind, treatment, value, out);
        self.count(kind, outcome);
        outcome
    }

    fn unlinked(&mut self, kind: Kind, treatment: Treatment, value: &str, out: &mut Vec<u8>) -> Rendered {
        self.singular += u64::from(treatment == Treatment::Random);
        let text = match treatment {
            Treatment::Random => super::token::fresh(letter(kind)),
            Treatment::DateShift(days) => generalize::shift(value, self.names.date_shift_days(days.into())),
            Treatment::Mask(keep) => Some(generalize::mask(value, keep)),
            _ => None,
        };
        match text {
            Some(text) if text == value => Rendered::Kept,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Rendered::Replaced
            }
            None => Rendered::Dropped,
        }
    }

    /// Lets somebody ask what becomes of values that are not written to a record: nothing is counted.
    pub fn aside<T>(&mut self, ask: impl FnOnce(&mut Self) -> T) -> T {
        self.aside = true;
        let answer = ask(self);
        self.aside = false;
        answer
    }

    /// How often it was asked so far.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    fn count(&mut self, kind: Kind, outcome: Rendered) {
        self.asked += 1;
        if !self.aside {
            self.count_again(kind, outcome, 1);
        }
    }

    /// What the rule of the kind makes of a value.
    fn treat(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        if self.is_kept_as_risky(kind, value) {
            return Rendered::Kept;
        }
        if guid_decision::may_be_guid(value)
            && let Some(guid) = parse_guid(value)
        {
            return match guid_decision::decide(self.rules, self.dictionary, kind, self.inside, &guid) {
                Fate::Keep => Rendered::Kept,
                Fate::Drop => Rendered::Dropped,
                Fate::Pseudonymize => self.make(kind, value, out),
            };
        }
        match self.rules.treatment(kind) {
            Treatment::Keep => self.kept(kind, value, out),
            Treatment::Drop | Treatment::Redact => Rendered::Dropped,
            // No field holds it: of a certificate in a text nothing is told.
            Treatment::Parse(Decoder::Cert) => Rendered::Dropped,
            // Found in a text that is being scanned already: the wording of such kinds stays.
            Treatment::Scan | Treatment::Parse(_) => Rendered::Kept,
            Treatment::Pseudonymize => self.make(kind, value, out),
            Treatment::Hash(len) => self.hashed(len, value, out),
            Treatment::Generalize(coarse) => self.coarser(kind, coarse, PlacePart::Mixed, value, out),
            other => self.unlinked(kind, other, value, out),
        }
    }

    /// A kind that stays may still be another dress of an entity's GUID.
    fn kept(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        let guid = match kind {
            Kind::Sid | Kind::EntraSid => super::guid_of_sid(value),
            Kind::Anchor => super::guid_of_anchor(value),
            _ => None,
        };
        match guid {
            Some(guid) if self.dictionary.is_entity(&guid, self.rules.entities()) => {
                self.make(kind, value, out)
            }
            _ => Rendered::Kept,
        }
    }

    fn coarser(
        &mut self,
        kind: Kind,
        coarse: Coarse,
        part: PlacePart,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Rendered {
        if is_nothing(value) || self.is_kept_as_risky(kind, value) {
            return Rendered::Kept;
        }
        let coarser = match coarse {
            Coarse::Place(level) => generalize::place(value, part, level),
            Coarse::Time(unit) => generalize::time(value, unit),
            Coarse::Agent(level) => Some(generalize::agent(value, level)),
            Coarse::Platform => generalize::platform(value),
            Coarse::Depth => generalize::depth(value),
            Coarse::Band(edges) => generalize::band(value, edges.as_slice()),
            Coarse::Address { v4, v6 } => match self.class(value) {
                Some(outcome) => return outcome,
                None => match generalize::network(value, v4, v6) {
                    Some(network) => self.names.network(&network),
                    None => return self.make(kind, value, out),
                },
            },
        };
        match coarser {
            Some(text) if text == value => Rendered::Kept,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Rendered::Replaced
            }
            None => Rendered::Dropped,
        }
    }

    /// Addresses whose class alone decides.
    fn class(&self, value: &str) -> Option<Rendered> {
        let base = value.split_once('/').map_or(value, |(base, _)| base);
        let ip = generalize::address(base)?;
        if generalize::special(ip) {
            return Some(Rendered::Kept);
        }
        if generalize::private(ip) {
            return match self.rules.private_addresses() {
                Private::Keep => Some(Rendered::Kept),
                Private::Drop => Some(Rendered::Dropped),
                Private::Pseudonymize => None,
            };
        }
        None
    }

    /// What becomes of a value; looks into the cache first.
    fn remembered(
        &mut self,
        way: Way,
        kind: Kind,
        value: &str,
        out: &mut Vec<u8>,
        make: impl FnOnce(&mut Self, &mut Vec<u8>) -> Rendered,
    ) -> Rendered {
        let at = if value.len() > ROOM { SLOTS } else { slot(kind, self.inside, value.as_bytes()) };
        if let Some(known) = self.cache.get(at)
            && let Some(outcome) = known.outcome
            && (known.kind, known.inside) == (kind, self.inside)
            && let [length, more] = known.lengths.map(usize::from)
            && known.bytes[..length] == *value.as_bytes()
            && (known.way == way || known.made && self.is_made(way, kind, value))
        {
            out.extend_from_slice(&known.bytes[length..length + more]);
            return outcome;
        }
        if is_nothing(value) {
            return Rendered::Kept;
        }
        let (start, singular) = (out.len(), self.singular);
        let outcome = make(self, out);
        if self.singular != singular {
            return outcome;
        }
        let (inside, made) = (self.inside, self.is_made(way, kind, value));
        let fresh = &out[start..];
        if let Some(known) = self.cache.get_mut(at)
            && let Some(room) = known.bytes.get_mut(..value.len() + fresh.len())
        {
            let (old, new) = room.split_at_mut(value.len());
            old.copy_from_slice(value.as_bytes());
            new.copy_from_slice(fresh);
            known.lengths = [value.len() as u8, fresh.len() as u8];
            (known.way, known.kind, known.inside, known.outcome) = (way, kind, inside, Some(outcome));
            known.made = made;
        }
        outcome
    }

    /// Whether a value that comes by this way is replaced by its pseudonym, whatever it is.
    fn is_made(&self, way: Way, kind: Kind, value: &str) -> bool {
        match way {
            Way::Replaced => true,
            _ if guid_decision::may_be_guid(value) => false,
            Way::Hidden => true,
            Way::Rule => self.rules.treatment(kind) == Treatment::Pseudonymize,
        }
    }

    /// Whether the policy keeps addresses of risk detections and this is one, in any field or text.
    fn is_kept_as_risky(&mut self, kind: Kind, value: &str) -> bool {
        if !self.rules.keeps_risky_addresses()
            || !matches!(kind, Kind::IpAddress | Kind::RiskIp | Kind::Network)
        {
            return false;
        }
        let known = |address| self.dictionary.risky().binary_search(&address).is_ok();
        let kept = generalize::address(value).is_some_and(known);
        if kept {
            self.lint("risky-address-kept");
        }
        kept
    }

    fn make(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        if self.is_kept_as_risky(kind, value) {
            return Rendered::Kept;
        }
        if matches!(kind, Kind::AppName | Kind::PersonName | Kind::PolicyName)
            && crate::catalogue::first_party::is_first_party_name(value)
        {
            return Rendered::Kept;
        }
        if matches!(kind, Kind::IpAddress | Kind::RiskIp | Kind::Network)
            && let Some(outcome) = self.class(value)
        {
            return outcome;
        }
        let text = self.pseudonym(kind, value);
        if text == value {
            return Rendered::Kept;
        }
        if looks_like_ours(value) {
            self.lint("token-lookalike");
        }
        // A network without a mapped form: what lies in it is no longer seen to.
        if value.contains('/')
            && text.starts_with("i-")
            && matches!(kind, Kind::Network | Kind::IpAddress | Kind::RiskIp)
        {
            self.lint("not-representable");
        }
        out.extend_from_slice(text.as_bytes());
        Rendered::Replaced
    }
}

impl Render for Renderer<'_> {
    fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        let outcome = self.remembered(Way::Rule, kind, value, out, |own, out| own.treat(kind, value, out));
        self.count(kind, outcome);
        outcome
    }

    fn lint(&mut self, id: &'static str) {
        self.asked += 1;
        self.singular += 1;
        *self.lints.entry(id).or_default() += 1;
    }
}

/// Whether a value says that there is none: empty, `null`, `none`, an empty list or object.
pub fn is_nothing(value: &str) -> bool {
    let opens = |b: &u8| b.is_ascii_whitespace() || b"nN[{<(".contains(b) || *b >= 0x80;
    if value.len() > 12 || !value.as_bytes().first().is_none_or(opens) {
        return false;
    }
    let inner = value.trim().trim_matches(['[', ']', '{', '}', '<', '>', '(', ')']).trim();
    inner.is_empty() && !value.contains('"')
        || inner.eq_ignore_ascii_case("null")
        || inner.eq_ignore_ascii_case("none")
}

fn slot(kind: Kind, inside: Option<Kind>, value: &[u8]) -> usize {
    (mix(kind, inside, value) >> (64 - SLOTS.trailing_zeros())) as usize
}

/// A fast hash for direct-mapped caches; a collision costs time only.
pub fn mix(kind: Kind, inside: Option<Kind>, value: &[u8]) -> u64 {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = ((kind as u64) << 8) | inside.map_or(0xff, |kind| kind as u64);
    for chunk in value.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(K);
    }
    (hash ^ (hash >> 29)).wrapping_mul(K)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nothing_are_nothing() {
        for nothing in ["", " ", "null", "None", "[]", "{}", "<null>", "(none)", "[ ]"] {
            assert!(is_nothing(nothing), "{nothing}");
        }
        for something in ["0", "nobody", "nullable", "-", "[\"\"]"] {
            assert!(!is_nothing(something), "{something}");
        }
    }

    #[test]
    fn slots_stay_in_the_cache() {
        for text in ["", "a", "greta@contoso.com", "f7cc07d7-7c15-447d-876d-c01b0e5a9e38"] {
            assert!(slot(Kind::Upn, None, text.as_bytes()) < SLOTS);
        }
    }
}
