//! Sources: where raw records come from. A source lists units of work and yields records and checkpoints.

pub mod auth;
pub mod graph;
pub mod local;

use crate::catalogue::Stream;
use crate::error::Result;
use crate::record::Raw;

pub use crate::event::{Cursor, End, Fault, Unit};

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
