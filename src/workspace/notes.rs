//! Notes of the ledger: what each unit of work gave, what was left out, and where to go on.

use super::Workspace;
use crate::catalogue::Stream;
use crate::error::{self, Error, Result};
use crate::event::{Cursor, End, Fault, Outcome, Reason, Unit};
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
