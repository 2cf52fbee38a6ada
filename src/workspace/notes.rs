//! Notes of the ledger: what each unit of work gave, what was left out, and where to go on.

use super::Workspace;
use crate::catalogue::Stream;
use crate::error::{self, Error, Result};
use crate::event::{Cursor, End, Fault, Outcome, Reason, Unit};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Faults of one unit that are kept one by one; the rest is counted per reason.
const MOST_FAULTS: usize = 100;

/// What one unit gave: a note of the ledger. Several notes of one unit add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitNote {
    /// Name of the source.
    pub source: String,
    /// The unit.
    pub unit: Unit,
    /// Where to go on, if the unit has not ended.
    pub cursor: Option<Cursor>,
    /// How it ended.
    pub end: Option<End>,
    /// What was left out or damaged, the first hundred one by one.
    pub faults: Vec<Fault>,
    /// Which records of which stream are its own.
    pub spans: Vec<Span>,
    /// Records of datasets that were not asked for.
    pub unselected: u64,
    /// Records outside the time window.
    pub outside_window: u64,
    /// Records kept although no time could be read (only counted with a window).
    pub untimed: u64,
    /// Records outside the scope (users, applications, correlation ids …).
    #[serde(default)]
    pub outside_scope: u64,
    /// More about a dataset of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceNote>,
}

/// What it took to get a dataset of a service, and what the service said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceNote {
    /// The dataset.
    pub dataset: String,
    /// How many records the service counted, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Requests sent.
    pub requests: u64,
    /// Of these answered 429.
    pub throttled: u64,
    /// Milliseconds spent waiting for the throttle.
    pub waited_ms: u64,
    /// Ids under which the service knows requests that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// Parts of the scope that the service applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scoped_by_service: Vec<String>,
    /// Parts of the scope that were applied here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scoped_here: Vec<String>,
    /// How much of the query the service did not support: 1 order, 2 selection, 3 filter.
    #[serde(default)]
    pub plain: u8,
    /// What each window gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowNote>,
}

/// What one window of a dataset gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowNote {
    /// Number of the window in its dataset.
    pub number: u64,
    /// Start, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// End, exclusive, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Records kept.
    pub got: u64,
    /// Records that came more than once.
    pub duplicates: u64,
    /// Time of the oldest record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// Time of the newest record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// Whether it has ended.
    pub ended: bool,
    /// Why it is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl WindowNote {
    /// Widens the span of time by a record's.
    pub fn seen(&mut self, time: Timestamp) {
        self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
        self.newest = self.newest.max(Some(time));
    }

    fn add(&mut self, later: WindowNote) {
        self.from = later.from.or(self.from);
        self.to = later.to.or(self.to);
        self.got += later.got;
        self.duplicates += later.duplicates;
        [later.oldest, later.newest].into_iter().flatten().for_each(|time| self.seen(time));
        self.ended |= later.ended;
        self.reason = later.reason.or(self.reason);
    }
}

/// Request ids of failures that are kept.
const MOST_IDS: usize = 20;

impl ServiceNote {
    /// A window by number; it is begun where it is not there.
    pub fn window(&mut self, number: u64) -> &mut WindowNote {
        let at = match self.windows.iter().rposition(|window| window.number == number) {
            Some(at) => at,
            None => {
                self.windows.push(WindowNote { number, ..WindowNote::default() });
                self.windows.len() - 1
            }
        };
        &mut self.windows[at]
    }

    fn add(&mut self, later: ServiceNote) {
        self.expected = later.expected.map(|more| more + self.expected.unwrap_or(0)).or(self.expected);
        self.requests += later.requests;
        self.throttled += later.throttled;
        self.waited_ms += later.waited_ms;
        let room = MOST_IDS.saturating_sub(self.failures.len());
        self.failures.extend(later.failures.into_iter().take(room));
        if !later.scoped_by_service.is_empty() || !later.scoped_here.is_empty() {
            (self.scoped_by_service, self.scoped_here) = (later.scoped_by_service, later.scoped_here);
        }
        self.plain = self.plain.max(later.plain);
        for window in later.windows {
            self.window(window.number).add(window);
        }
    }

    /// Records that came more than once.
    pub fn duplicates(&self) -> u64 {
        self.windows.iter().map(|window| window.duplicates).sum()
    }
}

/// A run of records in a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The stream.
    pub stream: Stream,
    /// Number of the first record in the stream, from 0.
    pub first: u64,
    /// How many records.
    pub count: u64,
}

#[derive(Serialize, Deserialize)]
struct Notes {
    units: Vec<UnitNote>,
}

impl Workspace {
    /// The ledger as notes: one a unit, in the order of the first one.
    pub fn units(&self) -> Result<Vec<UnitNote>> {
        let mut order: Vec<UnitNote> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for value in self.notes() {
            let notes: Notes = serde_json::from_value(value.clone()).map_err(|_| {
                Error::new(error::Kind::Unsupported, "the workspace's ledger was made by another version")
            })?;
            for unit in notes.units {
                match places.get(&unit.unit.id) {
                    Some(place) => order[*place].add(unit),
                    None => {
                        places.insert(unit.unit.id.clone(), order.len());
                        order.push(unit);
                    }
                }
            }
        }
        Ok(order)
    }

    /// Commits everything appended so far, with the notes of the units it came from.
    pub fn commit_units(&mut self, units: Vec<UnitNote>) -> Result<()> {
        let note = serde_json::to_value(Notes { units })
            .map_err(|_| Error::new(error::Kind::Internal, "cannot write a ledger note"))?;
        self.commit(&note)
    }
}

impl UnitNote {
    /// A note of a unit that gave nothing yet.
    pub fn new(source: &str, unit: &Unit) -> Self {
        UnitNote {
            source: source.to_owned(),
            unit: unit.clone(),
            cursor: None,
            end: None,
            faults: Vec::new(),
            spans: Vec::new(),
            unselected: 0,
            outside_window: 0,
            untimed: 0,
            outside_scope: 0,
            service: None,
        }
    }

    fn add(&mut self, later: UnitNote) {
        self.cursor = later.cursor;
        self.end = later.end.or(self.end.take());
        self.faults.extend(later.faults);
        for span in later.spans {
            self.extend(span);
        }
        self.unselected += later.unselected;
        self.outside_window += later.outside_window;
        self.untimed += later.untimed;
        self.outside_scope += later.outside_scope;
        match (&mut self.service, later.service) {
            (Some(service), Some(later)) => service.add(later),
            (service, Some(later)) => *service = Some(later),
            (_, None) => {}
        }
    }

    /// What became of the unit: `partial` where it did not end.
    pub fn outcome(&self) -> Outcome {
        self.end.as_ref().map_or(Outcome::Partial, |end| end.outcome)
    }

    /// Why, where it is not complete.
    pub fn reason(&self) -> Option<Reason> {
        match &self.end {
            Some(end) => end.reason,
            None => Some(Reason::Interrupted),
        }
    }

    /// Records it gave.
    pub fn records(&self) -> u64 {
        self.spans.iter().map(|span| span.count).sum()
    }

    /// Counts a record of the stream, by its number in it.
    pub fn took(&mut self, stream: &Stream, number: u64) {
        if let Some(last) = self.spans.last_mut()
            && last.first + last.count == number
            && last.stream == *stream
        {
            last.count += 1;
            return;
        }
        self.extend(Span { stream: stream.clone(), first: number, count: 1 });
    }

    /// Adds a run of records; runs that meet become one, also where streams alternate in a file.
    fn extend(&mut self, more: Span) {
        let meets = |span: &&mut Span| span.first + span.count == more.first && span.stream == more.stream;
        match self.spans.iter_mut().rev().find(meets) {
            Some(span) => span.count += more.count,
            None => self.spans.push(more),
        }
    }

    /// Counts a fault.
    pub fn fault(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
            return;
        }
        let rest = |known: &&mut Fault| {
            known.reason == fault.reason && known.record.is_none() && known.offset.is_none()
        };
        match self.faults.iter_mut().find(rest) {
            Some(known) => known.count += fault.count,
            None => self.faults.push(Fault { record: None, offset: None, ..fault }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Source;

    #[test]
    fn alternating_streams_make_one_span_each() {
        let unit = Unit { id: "1".into(), name: "a".into(), bytes: None };
        let streams = [Stream::new(Source::Graph, "a"), Stream::new(Source::Graph, "b")];
        let mut note = UnitNote::new("local", &unit);
        let mut later = UnitNote::new("local", &unit);
        for number in 0..1000 {
            let into = if number < 500 { &mut note } else { &mut later };
            streams.iter().for_each(|stream| into.took(stream, number));
        }
        note.add(later);
        assert_eq!(note.spans.len(), 2);
        assert!(note.spans.iter().all(|span| (span.first, span.count) == (0, 1000)));
    }
}
