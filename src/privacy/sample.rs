//! Samples for the preview: values of real records beside what becomes of them.
//!
//! A sample holds an original; it never goes into a bundle. The walk is one of its own, over a parsed
//! record, with the same plan and the same treatment of values as the rewriter.

use super::plan::{Act, Counts, NodeId, Plan, SlotId};
use super::rewrite::json::NESTED;
use super::rewrite::value::{Fate, Values};
use super::rules::Rules;
use super::{Dictionary, Pseudonymizer};
use crate::catalogue::{Stream, fold};
use crate::kind::Kind;
use crate::record::{Form, Raw};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most samples of a place.
const MOST: usize = 3;
/// Most places that are remembered.
const MOST_PLACES: usize = 20_000;
/// Longest text of a sample in characters.
const LONGEST: usize = 160;

/// A value and what becomes of it; `None` is dropped.
pub type Sample = (String, Option<String>);

/// Samples of one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sampled {
    /// What the values are.
    pub kind: Option<Kind>,
    /// What happens: a `do`, or `undeclared`.
    #[serde(rename = "do")]
    pub treatment: &'static str,
    /// Path in the redaction report.
    #[serde(skip)]
    pub reported: String,
    /// Different values that were met.
    pub samples: Vec<Sample>,
}

/// Samples by dataset and readable path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(pub BTreeMap<(String, String), Sampled>);

impl Places {
    /// Adds the samples of another worker.
    pub fn merge(&mut self, other: Places) {
        for (at, more) in other.0 {
            if self.0.len() >= MOST_PLACES && !self.0.contains_key(&at) {
                continue;
            }
            let held = self.0.entry(at).or_insert_with(|| Sampled { samples: Vec::new(), ..more.clone() });
            for sample in more.samples {
                if held.samples.len() < MOST && held.samples.iter().all(|(before, _)| *before != sample.0) {
                    held.samples.push(sample);
                }
            }
        }
    }
}

/// Looks at the records of one stream.
pub struct Sampler<'a> {
    plan: Plan<'a>,
    values: Values<'a>,
    dataset: String,
    places: Places,
    /// Whether values are kept, or names of places only.
    with_values: bool,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct At<'p> {
    slot: SlotId,
    path: &'p str,
    depth: usize,
    nested: usize,
    explained: bool,
    members: &'p [(String, Cow<'p, str>)],
}

impl<'a> Sampler<'a> {
    /// A sampler; `None` if the catalogue does not know the stream.
    pub fn new(
        rules: &'a Rules,
        names: &'a Pseudonymizer,
        dictionary: &'a Dictionary,
        stream: &Stream,
        with_values: bool,
    ) -> Option<Self> {
        Some(Sampler {
            plan: Plan::new(rules, names, stream)?,
            values: Values::new(rules, names, dictionary),
            dataset: stream.dataset.clone(),
            places: Places::default(),
            with_values,
        })
    }

    /// Looks at a record. One that is not what its form says gives nothing.
    pub fn look(&mut self, raw: &Raw) {
        let Ok(text) = std::str::from_utf8(raw.bytes()) else { return };
        let root = self.plan.root();
        match raw.form() {
            Form::Json => {
                if let Ok(value) = serde_json::from_str::<Value>(text) {
                    let at = At { slot: root, path: "", depth: 0, nested: 0, explained: false, members: &[] };
                    self.value(&value, at);
                }
            }
            // The whole record: where its lines or attributes begin is the rewriter's business.
            Form::Text => {
                let mut out = Vec::new();
                super::rewrite::text::record(&mut self.plan, &mut self.values, text, &mut out);
                self.whole(text, out);
            }
            Form::Xml => {
                let mut out = Vec::new();
                if super::rewrite::xml::record(&mut self.plan, &mut self.values, text, &mut out).is_ok() {
                    self.whole(text, out);
                }
            }
        }
    }

    /// The samples, and the readable path of every place that the redaction report names by a token.
    pub fn into_places(self) -> (Places, BTreeMap<String, String>) {
        let clear = self.places.0.iter().map(|((_, path), place)| (place.reported.clone(), path.clone()));
        let clear = clear.filter(|(reported, path)| reported != path).collect();
        (self.places, clear)
    }

    fn whole(&mut self, text: &str, out: Vec<u8>) {
        let after = String::from_utf8(out).ok();
        let kind = Some(Kind::Text);
        self.note("/", "/".into(), kind, "scan", text, after.as_deref());
    }

    fn note(
        &mut self,
        path: &str,
        reported: String,
        kind: Option<Kind>,
        treatment: &'static str,
        before: &str,
        after: Option<&str>,
    ) {
        let at = (self.dataset.clone(), path.to_owned());
        if self.places.0.len() >= MOST_PLACES && !self.places.0.contains_key(&at) {
            return;
        }
        let held = self.places.0.entry(at).or_insert_with(|| Sampled {
            kind,
            treatment,
            reported,
            samples: Vec::new(),
        });
        if !self.with_values || held.samples.len() >= MOST {
            return;
        }
        let before = shortened(before);
        if held.samples.iter().all(|(known, _)| *known != before) {
            held.samples.push((before, after.map(shortened)));
        }
    }

    fn value(&mut self, value: &Value, at: At<'_>) {
        if at.depth > super::rewrite::json::DEEPEST {
            return;
        }
        let mut at = at;
        if self.plan.is_open(at.slot) {
            let explained = at.explained || matches!(self.plan.slot(at.slot).act, Act::By { .. });
            at = At { slot: self.plan.explained(at.slot, at.members), explained, ..at };
        }
        let deeper = At { depth: at.depth + 1, ..at };
        match &self.plan.slot(at.slot).act {
            Act::Drop | Act::Undeclared | Act::By { .. } | Act::When(_) => self.dropped(value, at),
            Act::Object(node) => {
                let node = *node;
                match value {
                    Value::Object(members) => self.object(node, members, at),
                    Value::Array(items) => {
                        let slot = self.plan.element(at.slot);
                        items.iter().for_each(|item| self.value(item, At { slot, ..deeper }));
                    }
                    Value::String(text) => self.text(text, at),
                    _ => {}
                }
            }
            Act::Leaf(_) => match value {
                Value::Array(items) => {
                    let slot = self.plan.element(at.slot);
                    items.iter().for_each(|item| self.value(item, At { slot, ..deeper }));
                }
                Value::String(text) => self.text(text, at),
                Value::Number(number) => self.plain(at, &number.to_string(), false),
                Value::Object(_) => self.dropped(value, at),
                Value::Bool(_) | Value::Null => {}
            },
        }
    }

    fn object(&mut self, node: NodeId, members: &serde_json::Map<String, Value>, at: At<'_>) {
        let texts: Vec<(String, Cow<'_, str>)> = members
            .iter()
            .filter_map(|(name, value)| match value {
                Value::String(text) => Some((fold(name), Cow::Borrowed(text.as_str()))),
                Value::Array(_) | Value::Object(_) => None,
                literal => self.plan.asks_literals().then(|| (fold(name), Cow::Owned(literal.to_string()))),
            })
            .collect();
        for (name, value) in members {
            let member = self.plan.member(node, name.as_bytes(), || name.clone());
            let path = format!("{}/{name}", at.path);
            let inner = At {
                slot: member.slot,
                path: &path,
                depth: at.depth + 1,
                nested: at.nested,
                explained: false,
                members: &texts,
            };
            self.value(value, inner);
        }
    }

    fn text(&mut self, text: &str, at: At<'_>) {
        let opens = text.trim_start().as_bytes().first().copied();
        let may_nest = matches!(opens, Some(b'{' | b'[')) || (opens == Some(b'"') && at.explained);
        if may_nest
            && at.nested < NESTED
            && let Ok(inner) = serde_json::from_str::<Value>(text)
        {
            return self.value(&inner, At { nested: at.nested + 1, depth: at.depth + 1, ..at });
        }
        let slot = self.plan.text(at.slot).unwrap_or(at.slot);
        let slot = self.plan.explained(slot, at.members);
        self.plain(At { slot, ..at }, text, true);
    }

    fn plain(&mut self, at: At<'_>, before: &str, is_text: bool) {
        if before.is_empty() {
            return;
        }
        let (kind, leaf) = match &self.plan.slot(at.slot).act {
            Act::Leaf(leaf) => (Some(leaf.kind), Some(leaf.clone())),
            _ => (None, None),
        };
        let treatment = leaf.as_ref().map_or("scan", |leaf| leaf.treatment.id());
        let mut out = Vec::new();
        let after = match leaf {
            // Numbers have rules of their own; what may not stay as a number is dropped.
            Some(leaf) if !is_text && !super::rewrite::json::number_stays_or_changes(&leaf) => None,
            Some(leaf) => match self.values.treat(&leaf, before, &mut Counts::default(), &mut out) {
                Fate::Same => Some(before.to_owned()),
                Fate::Written => String::from_utf8(out).ok(),
                Fate::Dropped => None,
            },
            None => match self.values.at(&mut self.plan, at.slot, before, &mut out) {
                Fate::Same => Some(before.to_owned()),
                Fate::Written => String::from_utf8(out).ok(),
                Fate::Dropped => None,
            },
        };
        let reported = self.plan.slot(at.slot).path.clone();
        self.note(at.path, reported, kind, treatment, before, after.as_deref());
    }

    fn dropped(&mut self, value: &Value, at: At<'_>) {
        let slot = self.plan.slot(at.slot);
        let treatment = if matches!(slot.act, Act::Undeclared) { "undeclared" } else { "drop" };
        let (kind, reported) = (slot.kind, slot.path.clone());
        let before = match (kind, value) {
            // A secret is shown to nobody, not even here.
            (Some(Kind::Secret), _) => "(a secret)".to_owned(),
            (_, Value::String(text)) => text.clone(),
            (_, other) => other.to_string(),
        };
        self.note(at.path, reported, kind, treatment, &before, None);
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
