//! From a reader of one form to [`Items`]: faults counted, progress, checkpoints, interruption, outcome.
//!
//! Invariant: the sequence of records, faults and checkpoints of a file is a pure function of its
//! bytes. Resuming therefore reads again from the start and hands nothing on until the checkpoint
//! of the cursor has come by.

use super::Options;
use crate::catalogue::{Source, Stream};
use crate::error::{Error, Kind, Result};
use crate::event::{Outcome, Reason};
use crate::record::Raw;
use crate::source::{Cursor, End, Fault, Item, Items};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

const PROGRESS_EVERY: u64 = 1024 * 1024;
/// Faults of one reason that are named by their place; further ones are counted.
const NAMED: u64 = 20;
/// Records at which the portal ends a download, told or not (howto-download-logs: 250,000; audit
/// logs and older pages: 100,000).
const PORTAL_LIMITS: [u64; 2] = [100_000, 250_000];

/// What a reader of one form yields.
#[derive(Debug)]
pub enum Step {
    /// A record.
    Record(Stream, Raw),
    /// A place where something could not be taken.
    Fault(Fault),
    /// Nothing for the caller; bytes were passed over.
    Passed,
}

impl Step {
    /// A single fault at a record.
    pub fn fault(reason: Reason, record: Option<u64>, offset: Option<u64>) -> Step {
        Step::Fault(Fault { reason, count: 1, record, offset })
    }
}

/// A reader of one form.
pub trait Records {
    /// The next step, `None` at the end.
    fn next(&mut self) -> Option<Step>;
    /// Input bytes that were passed so far, for progress and checkpoints; never falls.
    fn consumed(&self) -> u64;
    /// Our word for the container form.
    fn form(&self) -> &'static str;
    /// Name of the fallback encoding, if a record needed it.
    fn fallback(&self) -> Option<&'static str> {
        None
    }
}

/// A reader that yields one fault: a unit that is refused as a whole.
pub struct Refusal(Option<Reason>);

impl Refusal {
    /// Refuses for a reason.
    pub fn new(reason: Reason) -> Self {
        Refusal(Some(reason))
    }
}

impl Records for Refusal {
    fn next(&mut self) -> Option<Step> {
        self.0.take().map(|reason| Step::fault(reason, None, None))
    }

    fn consumed(&self) -> u64 {
        0
    }

    fn form(&self) -> &'static str {
        ""
    }
}

/// The items of a unit.
pub struct Flow<'a> {
    inner: Box<dyn Records + 'a>,
    encoding: Option<&'static str>,
    stop: &'a AtomicBool,
    skip_to: Option<Cursor>,
    every: u64,
    pending: VecDeque<Item>,
    records: u64,
    reported: u64,
    committed: u64,
    first: Option<Reason>,
    /// The file is a download of the portal.
    download: bool,
    faults: BTreeMap<Reason, Counted>,
    ended: bool,
    /// A checkpoint was handed over after a stop: nothing follows.
    left: bool,
}

#[derive(Default)]
struct Counted {
    seen: u64,
    held: u64,
    record: Option<u64>,
    offset: Option<u64>,
}

impl<'a> Flow<'a> {
    /// The items of `inner`, after a cursor if one is given.
    pub fn new(
        inner: Box<dyn Records + 'a>,
        encoding: Option<&'static str>,
        options: &Options<'a>,
        after: Option<&Cursor>,
    ) -> Self {
        Flow {
            inner,
            encoding,
            stop: options.stop,
            skip_to: after.cloned(),
            every: options.checkpoint_every,
            pending: VecDeque::new(),
            records: 0,
            reported: 0,
            committed: 0,
            first: None,
            download: false,
            faults: BTreeMap::new(),
            ended: false,
            left: false,
        }
    }

    /// The same for a file whose name is that of a download of the portal.
    pub fn of_download(self, download: bool) -> Self {
        Flow { download, ..self }
    }

    fn fault(&mut self, fault: Fault) {
        self.first.get_or_insert(fault.reason);
        let counted = self.faults.entry(fault.reason).or_default();
        counted.seen += 1;
        // Records of unknown kind come by the thousand: they are one fault with a count.
        let whole = fault.record.is_none() && fault.offset.is_none();
        let always_counted = fault.reason == Reason::UnrecognisedRecords && !whole;
        if always_counted || counted.seen > NAMED {
            if counted.held == 0 {
                counted.record = fault.record;
                counted.offset = fault.offset;
            }
            counted.held += fault.count;
        } else {
            self.pending.push_back(Item::Fault(fault));
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        for (reason, counted) in &mut self.faults {
            let count = std::mem::take(&mut counted.held);
            if count > 0 {
                let (record, offset) = (counted.record, counted.offset);
                self.pending.push_back(Item::Fault(Fault { reason: *reason, count, record, offset }));
            }
        }
        if self.download && PORTAL_LIMITS.contains(&self.records) {
            // Exactly as many as the portal gives at most: there were probably more.
            self.first.get_or_insert(Reason::Cap);
            let fault = Fault { reason: Reason::Cap, count: 1, record: Some(self.records), offset: None };
            self.pending.push_back(Item::Fault(fault));
        }
        let rest = self.inner.consumed().saturating_sub(self.reported);
        if rest > 0 {
            self.pending.push_back(Item::Progress(rest));
        }
        self.pending.push_back(Item::Checkpoint(Cursor("end".into())));
    }

    fn step(&mut self) {
        match self.inner.next() {
            Some(Step::Record(stream, raw)) => {
                self.records += 1;
                self.download |= stream.source == Source::Portal;
                self.pending.push_back(Item::Record(stream, raw));
            }
            Some(Step::Fault(fault)) => self.fault(fault),
            Some(Step::Passed) => {}
            None => return self.finish(),
        }
        let consumed = self.inner.consumed();
        if consumed - self.reported >= PROGRESS_EVERY {
            self.pending.push_back(Item::Progress(consumed - self.reported));
            self.reported = consumed;
        }
        if consumed - self.committed >= self.every {
            self.committed = consumed;
            self.pending.push_back(Item::Checkpoint(Cursor(format!("{consumed}:{}", self.records))));
        }
    }
}

impl Items for Flow<'_> {
    fn next(&mut self) -> Option<Result<Item>> {
        loop {
            // A stop waits for a checkpoint, unless nothing was handed over yet: so nothing that was is lost.
            if self.left || self.skip_to.is_some() && self.stop.load(Ordering::Relaxed) {
                self.ended = true;
                self.pending.clear();
                if self.first != Some(Reason::Interrupted) {
                    self.first = Some(Reason::Interrupted);
                    return Some(Err(Error::new(Kind::Interrupted, "reading the input was interrupted")));
                }
                return None;
            }
            let Some(item) = self.pending.pop_front() else {
                if !self.ended {
                    self.step();
                    continue;
                }
                if self.skip_to.take().is_some() {
                    let changed = "cannot continue in a file that has changed since the checkpoint";
                    return Some(Err(Error::new(Kind::Io, changed)));
                }
                return None;
            };
            match (&item, &self.skip_to) {
                (_, None) | (Item::Progress(_), _) => {
                    self.left = matches!(item, Item::Checkpoint(_)) && self.stop.load(Ordering::Relaxed);
                    return Some(Ok(item));
                }
                (Item::Checkpoint(cursor), Some(wanted)) if cursor == wanted => self.skip_to = None,
                _ => {}
            }
        }
    }

    fn end(&mut self) -> End {
        let (outcome, reason) = match (self.records, self.first) {
            (0, None) => (Outcome::Empty, Some(Reason::EmptyFile)),
            (_, None) => (Outcome::Complete, None),
            (0, Some(reason)) => (alone(reason), Some(reason)),
            (_, reason) => (Outcome::Partial, reason),
        };
        let form = Some(self.inner.form()).filter(|form| !form.is_empty());
        let encoding = self.encoding.or_else(|| self.inner.fallback());
        End { outcome, reason, encoding: encoding.map(Into::into), form: form.map(Into::into) }
    }
}

/// The outcome of a unit that gave no record.
fn alone(reason: Reason) -> Outcome {
    match reason {
        Reason::EmptyFile => Outcome::Empty,
        Reason::Binary
        | Reason::Link
        | Reason::Private
        | Reason::SpecialFile
        | Reason::UnrecognisedRecords
        | Reason::UnrecognisedText
        | Reason::WebTrace => Outcome::Skipped,
        _ => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Form;

    /// Ten records of 10 bytes each, a fault after every second one.
    struct Ten(u64);
    impl Records for Ten {
        fn next(&mut self) -> Option<Step> {
            self.0 += 1;
            match self.0 {
                n if n > 15 => None,
                n if n % 3 == 0 => Some(Step::fault(Reason::UnrecognisedRecords, Some(n), None)),
                n => Some(Step::Record(
                    Stream::new(Source::Graph, "users"),
                    Raw::new(n.to_string().into(), Form::Json),
                )),
            }
        }
        fn consumed(&self) -> u64 {
            self.0 * 10
        }
        fn form(&self) -> &'static str {
            "ten"
        }
    }

    fn options(stop: &AtomicBool) -> Options<'_> {
        Options { checkpoint_every: 40, ..Options::new(stop) }
    }

    fn drain(after: Option<&Cursor>, stop: &AtomicBool) -> (Vec<String>, Vec<Cursor>, End) {
        let mut flow = Flow::new(Box::new(Ten(0)), None, &options(stop), after);
        let (mut records, mut cursors) = (Vec::new(), Vec::new());
        while let Some(item) = flow.next() {
            match item.unwrap() {
                Item::Record(_, raw) => records.push(String::from_utf8(raw.bytes().to_vec()).unwrap()),
                Item::Checkpoint(cursor) => cursors.push(cursor),
                Item::Fault(fault) => records.push(format!("{} faults", fault.count)),
                Item::Progress(_) => {}
            }
        }
        (records, cursors, flow.end())
    }

    #[test]
    fn every_checkpoint_splits_the_same_sequence() {
        let go = AtomicBool::new(false);
        let (all, cursors, end) = drain(None, &go);
        assert_eq!((all.len(), cursors.len()), (11, 4));
        assert_eq!((end.outcome, end.reason), (Outcome::Partial, Some(Reason::UnrecognisedRecords)));
        assert_eq!(all.last().unwrap(), "5 faults");
        for cursor in &cursors {
            let (rest, _, again) = drain(Some(cursor), &go);
            assert!(all.ends_with(&rest), "{cursor:?}");
            assert_eq!(again, end);
        }
    }

    #[test]
    fn a_foreign_cursor_is_an_error_and_a_stop_ends_at_a_checkpoint() {
        let go = AtomicBool::new(false);
        let cursor = Cursor("99:1".into());
        let mut flow = Flow::new(Box::new(Ten(0)), None, &options(&go), Some(&cursor));
        assert!(std::iter::from_fn(|| flow.next()).any(|item| item.is_err()));
        assert!(flow.next().is_none());
        let stop = AtomicBool::new(true);
        let mut flow = Flow::new(Box::new(Ten(0)), None, &options(&stop), None);
        let items: Vec<_> = std::iter::from_fn(|| flow.next()).collect();
        let [records @ .., Ok(Item::Checkpoint(cursor)), Err(error)] = &items[..] else {
            panic!("{items:?}")
        };
        assert_eq!(error.kind(), Kind::Interrupted);
        let records = records.iter().filter(|item| matches!(item, Ok(Item::Record(..)))).count();
        let (rest, _, _) = drain(Some(cursor), &go);
        assert_eq!(records + rest.len(), drain(None, &go).0.len());
        // Nothing is handed over before the cursor of an earlier run: that stop need not wait.
        let mut flow = Flow::new(Box::new(Ten(0)), None, &options(&stop), Some(cursor));
        assert!(flow.next().is_some_and(|item| item.is_err_and(|e| e.kind() == Kind::Interrupted)));
        assert!(flow.next().is_none());
    }
}
