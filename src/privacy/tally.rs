//! What the redactor counted: numbers by place and kind, never a value. Tallies of several workers
//! are merged; the sum does not depend on their order.

use super::plan::{Act, Counts, Slot, by_path};
use super::renderer::KindCounts;
use crate::catalogue::Stream;
use crate::kind::Kind;
use std::collections::BTreeMap;

/// Most places that a tally holds by name; further ones are joined.
const MAX_PLACES: usize = 50_000;

/// What was counted at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceTally {
    /// What the values are.
    pub kind: Option<Kind>,
    /// What happens to them: a `do`, or `undeclared`.
    pub treatment: &'static str,
    /// Counts.
    pub counts: Counts,
}

/// Counts of the redactor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records rewritten.
    pub records: u64,
    /// By dataset and path.
    pub places: BTreeMap<(String, String), PlaceTally>,
    /// Kept, replaced and dropped values by kind, found in fields or in text.
    pub kinds: BTreeMap<Kind, KindTotals>,
    /// Replacements inside text.
    pub found_in_text: u64,
    /// Values dropped because they lay too deep.
    pub too_deep: u64,
    /// Places beyond the limit of the tally.
    pub unnamed: Counts,
    /// What is worth knowing about the data, by lint.
    pub lints: BTreeMap<&'static str, u64>,
}

/// Totals of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindTotals {
    /// Stayed.
    pub kept: u64,
    /// Replaced.
    pub replaced: u64,
    /// Dropped.
    pub dropped: u64,
}

impl Tally {
    /// Takes over the counts of a plan.
    pub(super) fn take_plan(&mut self, stream: &Stream, slots: &[Slot]) {
        for (path, (kind, act, counts)) in by_path(slots) {
            let treatment = match act {
                Act::Drop => "drop",
                Act::Undeclared => "undeclared",
                Act::Object(_) => "parse",
                Act::By { .. } | Act::When(_) => "parse",
                Act::Leaf(leaf) => leaf.treatment.id(),
            };
            self.add_place((stream.dataset.clone(), path.to_owned()), PlaceTally { kind, treatment, counts });
        }
    }

    /// Takes over the counts by kind.
    pub(super) fn take_kinds(&mut self, counts: &[KindCounts]) {
        for (kind, counts) in Kind::all().zip(counts) {
            if *counts != KindCounts::default() {
                let totals = self.kinds.entry(kind).or_default();
                totals.kept += counts.kept;
                totals.replaced += counts.replaced;
                totals.dropped += counts.dropped;
            }
        }
    }

    /// Takes over the lints.
    pub(super) fn take_lints(&mut self, lints: &BTreeMap<&'static str, u64>) {
        for (lint, count) in lints {
            *self.lints.entry(lint).or_default() += count;
        }
    }

    fn add_place(&mut self, at: (String, String), place: PlaceTally) {
        if self.places.len() >= MAX_PLACES && !self.places.contains_key(&at) {
            self.unnamed.add(&place.counts);
            return;
        }
        let held = self.places.entry(at).or_insert_with(|| PlaceTally {
            kind: place.kind,
            treatment: place.treatment,
            counts: Counts::default(),
        });
        held.counts.add(&place.counts);
    }

    /// Adds the counts of another worker or stream.
    pub fn merge(&mut self, other: Tally) {
        self.records += other.records;
        self.found_in_text += other.found_in_text;
        self.too_deep += other.too_deep;
        self.unnamed.add(&other.unnamed);
        self.take_lints(&other.lints);
        for (at, place) in other.places {
            self.add_place(at, place);
        }
        for (kind, counts) in other.kinds {
            let totals = self.kinds.entry(kind).or_default();
            totals.kept += counts.kept;
            totals.replaced += counts.replaced;
            totals.dropped += counts.dropped;
        }
    }

    /// Notes how many labels the frequency guard leaves in texts.
    pub fn note_guarded(&mut self, labels: u64) {
        if labels > 0 {
            self.lints.insert("frequency-guard", labels);
        }
    }

    /// Words that were left out of texts because nobody knows whether they are names.
    pub fn words_left_out(&self) -> u64 {
        self.lints.get("word-unknown").copied().unwrap_or(0)
    }

    /// Members dropped because no row of the catalogue covers them.
    pub fn undeclared(&self) -> u64 {
        self.places
            .values()
            .filter(|place| place.treatment == "undeclared")
            .map(|place| place.counts.dropped)
            .sum()
    }

    /// Members and values dropped.
    pub fn dropped(&self) -> u64 {
        self.places.values().map(|place| place.counts.dropped).sum::<u64>() + self.unnamed.dropped
    }
}
