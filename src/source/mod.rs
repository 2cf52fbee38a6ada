//! Sources: where raw records come from. A source lists units of work and yields records and checkpoints.

pub mod local;

use crate::catalogue::Stream;
use crate::error::Result;
use crate::event::{Outcome, Reason};
use crate::record::Raw;
use serde::{Deserialize, Serialize};

/// A unit of work: one local file (or archive member), one dataset window of a service.
/// A unit that the ledger holds as done is not opened again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Identifies the unit on resume: path below its input, size, modification time, keyed digest.
    pub id: String,
    /// The name people know it by (a path). Personal data: it stays in the encrypted ledger and is
    /// pseudonymized in `meta/collection.json`.
    pub name: String,
    /// Size in bytes where known, for progress.
    pub bytes: Option<u64>,
}

/// Position inside a unit up to which everything was handed over; opaque to all but its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub String);

/// What a source yields.
#[derive(Debug)]
pub enum Item {
    /// A record and the stream it belongs to.
    Record(Stream, Raw),
    /// Everything before may be committed.
    Checkpoint(Cursor),
    /// Something was left out or is damaged; records go on after it where possible.
    Fault(Fault),
    /// Input bytes consumed since the last item of this kind, for progress.
    Progress(u64),
}

/// A place in a unit where something could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Why.
    pub reason: Reason,
    /// How many records (or archive members) it concerns, if known; 1 for a single place.
    pub count: u64,
    /// Number of the record from 1, if known.
    pub record: Option<u64>,
    /// Byte offset in the unit, if known.
    pub offset: Option<u64>,
}

/// What a finished unit says about itself. Obtained from [`Items::end`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// What became of the unit as a whole.
    pub outcome: Outcome,
    /// Why, unless complete.
    pub reason: Option<Reason>,
    /// Name of the original character encoding where it was not UTF-8 without BOM (`utf-16le`, `utf-8-bom`, `windows-1252`).
    pub encoding: Option<String>,
    /// Container form in our words: `json-array`, `ndjson`, `csv`, `evtx`, `text`, `xml`, …
    pub form: Option<String>,
}

/// The stream of one unit. `next` is called until `None`; then `end` tells the outcome.
/// After an `Err` (I/O on our side, interruption) the iterator is fused.
pub trait Items {
    /// The next item.
    fn next(&mut self) -> Option<Result<Item>>;
    /// The outcome, after `next` gave `None`.
    fn end(&mut self) -> End;
}

/// A place where records come from.
pub trait Source: Sync {
    /// Stable name for the ledger.
    fn name(&self) -> &'static str;
    /// Everything there is to do, in the order in which it is done. Units that are refused as a
    /// whole (links, devices, private files) are listed too: opening them yields their fault.
    fn units(&self) -> Result<Vec<Unit>>;
    /// Opens a unit, after a cursor if one is given.
    fn open<'a>(&'a self, unit: &Unit, after: Option<&Cursor>) -> Result<Box<dyn Items + 'a>>;
}
