//! Gather: source → workspace. Every unit a source lists is read once, its records go straight into
//! the encrypted workspace, and each commit carries a note that tells what was taken and what was not.
//!
//! A run that is stopped anywhere continues where its last commit was: units that ended are not
//! opened again, a unit that was cut short goes on after its cursor.

pub mod plan;
pub mod probe;
mod reader;
pub mod scope;
pub mod service;

use crate::catalogue::member::Path as Member;
use crate::catalogue::{Catalogue, Stream, time};
use crate::error::{self, Error, Result};
use crate::event::{Event, Observer, Outcome, Phase};
use crate::record::{Form, Raw};
use crate::source::{Item, Source, Unit};
use crate::workspace::{UnitNote, Workspace};
use jiff::Timestamp;
use reader::{Read, Reader};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A commit costs two flushes to disk; small files share one.
const COMMIT_BYTES: u64 = 16 << 20;
const COMMIT_UNITS: usize = 256;

/// What to take.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these datasets; empty means all.
    pub only: BTreeSet<String>,
    /// Not these.
    pub without: BTreeSet<String>,
    /// Records before this time are left out.
    pub from: Option<Timestamp>,
    /// Records from this time on are left out.
    pub to: Option<Timestamp>,
    /// Records of other users, applications and so on are left out.
    pub scope: scope::Scope,
}

impl Selection {
    fn wants(&self, dataset: &str) -> bool {
        (self.only.is_empty() || self.only.contains(dataset)) && !self.without.contains(dataset)
    }

    fn is_outside(&self, time: Timestamp) -> bool {
        self.from.is_some_and(|from| time < from) || self.to.is_some_and(|to| time >= to)
    }

    fn is_in_scope(&self, catalogue: &Catalogue, dataset: &str, raw: &Raw) -> bool {
        self.scope.takes(catalogue, dataset, raw)
    }
}

/// A gather run.
pub struct Run<'a> {
    /// Where records come from.
    pub source: &'a dyn Source,
    /// What to take.
    pub selection: Selection,
    /// The catalogue, for the time fields.
    pub catalogue: &'a Catalogue,
    /// Receives progress.
    pub observer: &'a dyn Observer,
}

/// What a gather run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Units that ended, those of earlier runs included.
    pub units: u64,
    /// Units of which nothing at all was taken because of a fault.
    pub refused: u64,
    /// Units without content.
    pub empty: u64,
    /// Units that are damaged or cut, but gave records.
    pub damaged: u64,
    /// Records in the workspace.
    pub records: u64,
}

impl Summary {
    /// Whether there was something to read and all of it was refused.
    pub fn is_nothing(&self) -> bool {
        self.refused > 0 && self.refused + self.empty == self.units
    }

    /// Whether the run ends with exit code 3.
    pub fn is_incomplete(&self) -> bool {
        self.refused + self.damaged > 0
    }
}

/// Reads every unit that the workspace does not hold yet.
///
/// # Errors
/// I/O and key errors of the workspace, [`error::Kind::Interrupted`] when the source was told to stop. Faults of
/// the input are no errors: they stand in the ledger.
pub fn run(run: &Run<'_>, workspace: &mut Workspace) -> Result<Summary> {
    let units = run.source.units()?;
    let before: HashMap<String, UnitNote> = workspace
        .units()?
        .into_iter()
        .filter(|note| note.source == run.source.name())
        .map(|note| (note.unit.id.clone(), note))
        .collect();
    let listed: std::collections::HashSet<&str> = units.iter().map(|unit| unit.id.as_str()).collect();
    if before.keys().any(|id| !listed.contains(id.as_str())) {
        // Reading a grown file again would put its records into the bundle twice.
        return Err(Error::usage("an input changed or vanished since the run that is to be continued")
            .hint("start afresh, without --resume, in another workspace"));
    }
    let total = units.iter().map(|unit| unit.bytes).sum::<Option<u64>>();
    run.observer.on(&Event::Begin { phase: Phase::Gather, total });
    let mut spooler = Spooler {
        run,
        next: workspace.streams().into_iter().map(|size| (size.stream, size.records)).collect(),
        workspace,
        pending: Vec::new(),
        bytes: 0,
        times: HashMap::new(),
    };
    let open = |unit: &Unit| before.get(&unit.id).is_none_or(|note| note.end.is_none());
    let cursor = |unit: &Unit| before.get(&unit.id).and_then(|note| note.cursor.as_ref());
    // One thread reads and cuts, this one encrypts and writes.
    std::thread::scope(|scope| -> Result<()> {
        let todo: Vec<_> = units.iter().filter(|unit| open(unit)).map(|unit| (unit, cursor(unit))).collect();
        let mut reader = Reader::start(scope, run.source, todo);
        for (number, unit) in (1..).zip(&units) {
            if open(unit) {
                spooler.unit(number, unit, &mut reader)?;
            } else {
                run.observer.on(&Event::Advance {
                    phase: Phase::Gather,
                    bytes: unit.bytes.unwrap_or(0),
                    records: 0,
                });
            }
        }
        reader.finish();
        Ok(())
    })?;
    spooler.commit()?;
    run.observer.on(&Event::End { phase: Phase::Gather });
    summary(workspace)
}

/// What the workspace holds after all runs so far.
pub fn summary(workspace: &Workspace) -> Result<Summary> {
    let mut summary =
        Summary { records: workspace.streams().iter().map(|size| size.records).sum(), ..Summary::default() };
    for note in workspace.units()? {
        summary.units += 1;
        match note.outcome() {
            Outcome::Failed | Outcome::Skipped => summary.refused += 1,
            Outcome::Partial => summary.damaged += 1,
            Outcome::Empty => summary.empty += 1,
            Outcome::Complete => {}
        }
    }
    Ok(summary)
}

fn commit_bytes() -> u64 {
    #[cfg(test)]
    if let Some(bytes) = crate::fault::COMMIT.get() {
        return bytes;
    }
    COMMIT_BYTES
}

fn interrupted() -> Error {
    Error::new(error::Kind::Interrupted, "interrupted; what was committed so far is kept")
}

struct Spooler<'a, 'w> {
    run: &'a Run<'a>,
    workspace: &'w mut Workspace,
    /// Number of the next record of each stream.
    next: BTreeMap<Stream, u64>,
    /// Notes of units that wait for the next commit; the last may not have ended.
    pending: Vec<UnitNote>,
    /// Raw bytes appended since the last commit.
    bytes: u64,
    times: HashMap<String, Vec<Member>>,
}

impl Spooler<'_, '_> {
    fn unit(&mut self, number: u64, unit: &Unit, reader: &mut Reader<'_>) -> Result<()> {
        let mut note = UnitNote::new(self.run.source.name(), unit);
        let (mut bytes, mut records) = (0, 0);
        // Where the unit stands, as long as nothing of it came after its last checkpoint.
        let mut resting = None;
        let end = loop {
            let item = match reader.next() {
                Ok(Read::Item(item)) => item,
                Ok(Read::End(end)) => break end,
                Err(error) => {
                    // A source that is told to stop does so behind a checkpoint: nothing is lost.
                    if let Some(cursor) = resting {
                        self.pending.push(UnitNote { cursor: Some(cursor), ..note });
                        self.commit()?;
                    }
                    return Err(error);
                }
            };
            match item {
                Item::Record(stream, raw) => {
                    records += 1;
                    resting = None;
                    self.record(&mut note, stream, &raw)?;
                }
                Item::Checkpoint(cursor) => {
                    if self.bytes >= commit_bytes() {
                        let done = std::mem::replace(&mut note, UnitNote::new(self.run.source.name(), unit));
                        self.pending.push(UnitNote { cursor: Some(cursor), ..done });
                        self.commit()?;
                    } else {
                        resting = Some(cursor);
                    }
                }
                Item::Fault(fault) => {
                    resting = None;
                    let outcome = Outcome::Partial;
                    self.run.observer.on(&Event::File { number, outcome, reason: fault.reason });
                    note.fault(fault);
                }
                Item::Progress(more) => bytes += more,
            }
            if bytes >= 1 << 20 {
                self.run.observer.on(&Event::Advance { phase: Phase::Gather, bytes, records });
                (bytes, records) = (0, 0);
            }
        };
        self.run.observer.on(&Event::Advance { phase: Phase::Gather, bytes, records });
        if end.outcome.is_incomplete()
            && let Some(reason) = end.reason
        {
            self.run.observer.on(&Event::File { number, outcome: end.outcome, reason });
        }
        note.end = Some(end);
        self.pending.push(note);
        if self.bytes >= commit_bytes() || self.pending.len() >= COMMIT_UNITS {
            self.commit()?;
        }
        Ok(())
    }

    fn record(&mut self, note: &mut UnitNote, stream: Stream, raw: &Raw) -> Result<()> {
        let selection = &self.run.selection;
        if !selection.wants(&stream.dataset) {
            note.unselected += 1;
            return Ok(());
        }
        if selection.from.is_some() || selection.to.is_some() {
            match self.time(&stream.dataset, raw) {
                None => note.untimed += 1,
                Some(time) if selection.is_outside(time) => {
                    note.outside_window += 1;
                    return Ok(());
                }
                Some(_) => {}
            }
        }
        if !selection.is_in_scope(self.run.catalogue, &stream.dataset, raw) {
            note.outside_scope += 1;
            return Ok(());
        }
        self.workspace.append(&stream, raw)?;
        self.bytes += raw.len() as u64;
        if let Some(next) = self.next.get_mut(&stream) {
            note.took(&stream, *next);
            *next += 1;
        } else {
            note.took(&stream, 0);
            self.next.insert(stream, 1);
        }
        Ok(())
    }

    fn time(&mut self, dataset: &str, raw: &Raw) -> Option<Timestamp> {
        if raw.form() != Form::Json {
            return raw.time();
        }
        let catalogue = self.run.catalogue;
        let paths = self.times.entry(dataset.to_owned()).or_insert_with(|| {
            let times = catalogue.dataset(dataset).map(|d| d.time.as_slice()).unwrap_or_default();
            times.iter().map(|path| Member::new(path)).collect()
        });
        time::of_record(paths, raw.bytes())
    }

    fn commit(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        self.workspace.commit_units(std::mem::take(&mut self.pending))
    }
}
