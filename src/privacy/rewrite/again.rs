//! Members and elements that come again: what the rewriter made of the same bytes at the same place.
//!
//! What becomes of an item of an object or a list is a function of its bytes and of its place in the
//! plan, as long as no sibling is asked for it. So an item that was rewritten before is written as it was
//! then, and what it added to the counts is added again: at the end, once for all its repetitions. Items
//! that brought about something singular (a lint, a random token, a value that lies too deep) are not
//! taken in.

use super::super::plan::{Counts, NodeId, Plan, SlotId};
use super::super::render::Rendered;
use super::json::Json;
use super::lex::Lexer;
use super::value::{Fate, Values};
use crate::kind::Kind;
use crate::record::{Found, Known, LONGEST, Link};

/// Most places and kinds that an item that is remembered may count at.
const MOST_COUNTED: usize = 32;

/// Deepest items that are remembered: no limit of depth is near.
const DEEPEST: usize = 40;

/// What rewriting an item added to the counts.
pub struct Effects {
    places: Box<[(SlotId, Counts)]>,
    kinds: Box<[(Kind, Rendered)]>,
    found: u64,
    dropped: bool,
}

/// The memory of a redactor.
#[derive(Default)]
pub struct Again {
    known: Known<Effects>,
    /// Items that are being rewritten to be taken in.
    trials: usize,
    /// What had to go meanwhile, with its repetitions: the counts of a trial must not see them.
    retired: Vec<(Effects, u64)>,
}

/// A list or an object whose items may come again, and the item before.
#[derive(Clone, Copy)]
pub(in super::super) struct Items {
    pub place: u64,
    pub link: Link,
    is_list: bool,
    /// Whether siblings of the list are known: an object alone looks at its own only.
    objects_only: bool,
}

/// An item that is being rewritten.
pub(super) struct Trial<'t> {
    item: &'t [u8],
    /// Notes, and what was counted, before it.
    noted: (usize, usize),
    found: u64,
    singular: u64,
    too_deep: u64,
}

/// How an item goes on that is not the one that came before at this place.
pub(super) enum Next<'t> {
    /// It was written.
    Done(Fate),
    /// It has to be rewritten, and is taken in if a trial is given.
    Rewrite(Option<Trial<'t>>),
}

impl Items {
    /// The members of an object.
    pub fn of_object(node: NodeId, depth: usize, nested: usize) -> Option<Items> {
        Items::of(node.number(), depth, nested, 0)
    }

    /// The elements of a list. With `objects_only` those that are no objects are not remembered: what a
    /// sibling of the list says may decide about them.
    pub fn of_list(
        slot: SlotId,
        depth: usize,
        nested: usize,
        explained: bool,
        objects_only: bool,
    ) -> Option<Items> {
        let what = 1 + u64::from(explained) + 2 * u64::from(objects_only);
        Some(Items { objects_only, ..Items::of(slot.number(), depth, nested, what)? })
    }

    /// Whether an item whose value begins so may be remembered.
    pub fn takes(&self, first: Option<u8>) -> bool {
        !self.objects_only || first == Some(b'{')
    }

    fn of(number: u32, depth: usize, nested: usize, what: u64) -> Option<Items> {
        let place = u64::from(number) << 16 | (depth as u64) << 8 | (nested as u64) << 4 | what;
        let link = Link::place(8 * number + what as u32);
        (depth <= DEEPEST).then_some(Items { place, link, is_list: what > 0, objects_only: false })
    }

    /// Behind an item that is not known.
    pub fn moved(&mut self, slot: SlotId) {
        self.link = Link::place(8 * slot.number() + if self.is_list { 7 } else { 6 });
    }

    /// The number by which it is judged whether items at this slot repeat.
    pub fn judged(&self, slot: SlotId) -> u32 {
        2 * slot.number() + u32::from(self.is_list)
    }
}

impl Again {
    /// Forgets items that were begun and not ended: their record is broken.
    pub fn forget(values: &mut Values<'_>, plan: &mut Plan<'_>) {
        if values.again.trials > 0 {
            values.again.trials = 1;
            Again::end_trial(values, plan);
        }
    }

    fn end_trial(values: &mut Values<'_>, plan: &mut Plan<'_>) {
        values.again.trials -= 1;
        if values.again.trials == 0 {
            plan.note_counts(false);
            values.renderer.note_kinds(false);
            for (effects, times) in std::mem::take(&mut values.again.retired) {
                apply(&effects, times, values, plan);
            }
        }
    }

    /// Adds what all repetitions added to the counts.
    pub fn end(values: &mut Values<'_>, plan: &mut Plan<'_>) {
        Again::forget(values, plan);
        let mut known = std::mem::take(&mut values.again.known);
        known.retire_all(|effects, times| apply(&effects, times, values, plan));
    }
}

fn apply(effects: &Effects, times: u64, values: &mut Values<'_>, plan: &mut Plan<'_>) {
    if times == 0 {
        return;
    }
    for (slot, counts) in &effects.places {
        plan.counts(*slot).add_times(counts, times);
    }
    for (kind, outcome) in &effects.kinds {
        values.renderer.count_again(*kind, *outcome, times);
    }
    values.found += effects.found * times;
}

impl Json<'_, '_> {
    /// Writes the item at the cursor if it is the one that came behind the last one before.
    #[inline]
    pub(super) fn follow(
        &mut self,
        lexer: &mut Lexer<'_>,
        items: &mut Items,
        out: &mut Vec<u8>,
    ) -> Option<Fate> {
        let found = self.values.again.known.follow(items.link, items.place, lexer.rest())?;
        let length = self.write_again(found, items, out)?;
        lexer.advance(length.0 - 1);
        Some(length.1)
    }

    fn write_again(&mut self, found: Found, items: &mut Items, out: &mut Vec<u8>) -> Option<(usize, Fate)> {
        let again = &mut self.values.again;
        let (length, became, effects) = again.known.get(found)?;
        out.extend_from_slice(became);
        let fate = if effects.dropped { Fate::Dropped } else { Fate::Written };
        items.link = found.into();
        if again.trials == 0 {
            again.known.hit(found);
        } else {
            // Somebody around wants to know what it counts.
            let known = std::mem::take(&mut again.known);
            if let Some((_, _, effects)) = known.get(found) {
                apply(effects, 1, self.values, self.plan);
            }
            self.values.again.known = known;
        }
        Some((length, fate))
    }

    /// Looks for the item that begins at `start` and whose value is at the cursor; `slot` is where the
    /// value stands.
    pub(super) fn find_again<'t>(
        &mut self,
        lexer: &mut Lexer<'t>,
        start: usize,
        slot: SlotId,
        items: &mut Items,
        out: &mut Vec<u8>,
    ) -> Next<'t> {
        let again = &mut self.values.again;
        let item = match items.takes(lexer.peek()) && again.known.is_worth(items.judged(slot)) {
            true => lexer.to_end_of_item(start, LONGEST),
            false => None,
        };
        let Some(item) = item else {
            items.moved(slot);
            return Next::Rewrite(None);
        };
        if let Some(found) = again.known.find(items.place, item) {
            again.known.was_worth(items.judged(slot));
            again.known.connect(items.link, found);
            if let Some((length, fate)) = self.write_again(found, items, out) {
                lexer.advance(start + length - 1 - lexer.at());
                return Next::Done(fate);
            }
        }
        if self.values.again.trials == 0 {
            self.plan.note_counts(true);
            self.values.renderer.note_kinds(true);
        }
        self.values.again.trials += 1;
        Next::Rewrite(Some(Trial {
            item,
            noted: (self.plan.noted(), self.values.renderer.noted()),
            found: self.values.found,
            singular: self.values.renderer.singular(),
            too_deep: self.too_deep,
        }))
    }

    /// Takes in an item that was rewritten; `became` is what was written for it.
    pub(super) fn learn_again(
        &mut self,
        trial: Trial<'_>,
        slot: SlotId,
        items: &mut Items,
        fate: Fate,
        became: &[u8],
    ) {
        let before = items.link;
        items.moved(slot);
        let quiet = self.values.renderer.singular() == trial.singular && self.too_deep == trial.too_deep;
        let places = self.plan.counted_since(trial.noted.0);
        let kinds = self.values.renderer.counted_since(trial.noted.1);
        if quiet && places.len().max(kinds.len()) <= MOST_COUNTED {
            let size = size_of_val(&places[..]) + size_of_val(kinds);
            let effects = Effects {
                places: places.into(),
                kinds: kinds.into(),
                found: self.values.found - trial.found,
                dropped: fate == Fate::Dropped,
            };
            let became = if effects.dropped { &[][..] } else { became };
            let again = &mut self.values.again;
            let retire = |effects, times| {
                if times > 0 {
                    again.retired.push((effects, times));
                }
            };
            if let Some(found) = again.known.learn(items.place, trial.item, became, (effects, size), retire) {
                again.known.connect(before, found);
                items.link = found.into();
            }
        }
        Again::end_trial(self.values, self.plan);
    }
}
