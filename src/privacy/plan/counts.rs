//! What became of the values at the places of a plan.

use super::{Act, Slot};
use crate::kind::Kind;
use std::collections::BTreeMap;

/// What became of the values at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They stayed as they were.
    pub kept: u64,
    /// They were replaced by a pseudonym, a hash or a coarser value.
    pub replaced: u64,
    /// They were replaced by `[redacted:<kind>]`.
    pub redacted: u64,
    /// They were removed.
    pub dropped: u64,
    /// They were scanned as text.
    pub scanned: u64,
    /// Replacements inside scanned text.
    pub found: u64,
    /// Kept fields whose value broke its grammar.
    pub violations: u64,
}

impl Counts {
    /// Adds other counts.
    pub fn add(&mut self, other: &Counts) {
        self.kept += other.kept;
        self.replaced += other.replaced;
        self.redacted += other.redacted;
        self.dropped += other.dropped;
        self.scanned += other.scanned;
        self.found += other.found;
        self.violations += other.violations;
    }

    /// Adds other counts so many times.
    pub fn add_times(&mut self, other: &Counts, times: u64) {
        self.kept += other.kept * times;
        self.replaced += other.replaced * times;
        self.redacted += other.redacted * times;
        self.dropped += other.dropped * times;
        self.scanned += other.scanned * times;
        self.found += other.found * times;
        self.violations += other.violations * times;
    }

    /// What was added since they were `before`.
    pub fn since(&self, before: &Counts) -> Counts {
        Counts {
            kept: self.kept - before.kept,
            replaced: self.replaced - before.replaced,
            redacted: self.redacted - before.redacted,
            dropped: self.dropped - before.dropped,
            scanned: self.scanned - before.scanned,
            found: self.found - before.found,
            violations: self.violations - before.violations,
        }
    }

    /// Values that were met.
    pub fn values(&self) -> u64 {
        self.kept + self.replaced + self.redacted + self.dropped + self.scanned
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Counts::default()
    }
}

/// Counts of a plan by path; slots of one path are joined.
pub fn by_path(slots: &[Slot]) -> BTreeMap<&str, (Option<Kind>, &Act, Counts)> {
    let mut paths: BTreeMap<&str, (Option<Kind>, &Act, Counts)> = BTreeMap::new();
    for slot in slots.iter().filter(|slot| !slot.counts.is_empty()) {
        paths.entry(&slot.path).or_insert((slot.kind, &slot.act, Counts::default())).2.add(&slot.counts);
    }
    paths
}
