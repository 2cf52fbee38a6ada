//! A thread of its own that reads the units, one after the other, a little ahead of the caller.

use crate::error::{self, Error, Result};
use crate::source::{Cursor, End, Item, Source, Unit};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Bytes of records that are handed over together: one such batch waits, one is being made.
const BATCH_BYTES: usize = 512 << 10;
/// Items that are handed over together.
const BATCH_ITEMS: usize = 4096;

/// What the reader gives.
pub(super) enum Read {
    /// The next item of the unit.
    Item(Item),
    /// The unit has ended; what comes next belongs to the next one.
    End(End),
}

/// The caller's side.
pub(super) struct Reader<'scope> {
    batches: Receiver<Vec<Result<Read>>>,
    batch: std::vec::IntoIter<Result<Read>>,
    thread: ScopedJoinHandle<'scope, ()>,
}

impl<'scope> Reader<'scope> {
    /// Starts reading. The thread ends after the last unit, at the first error, or when the reader is dropped.
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        source: &'env dyn Source,
        units: Vec<(&'env Unit, Option<&'env Cursor>)>,
    ) -> Self {
        let (sender, batches) = sync_channel(1);
        let thread = scope.spawn(move || {
            let mut out = Out { sender, batch: Vec::new(), bytes: 0 };
            for (unit, after) in units {
                if !read(source, unit, after, &mut out) {
                    break;
                }
            }
            out.flush();
        });
        Reader { batches, batch: Vec::new().into_iter(), thread }
    }

    /// Waits until the thread is gone. The end of its scope waits for the end of its work only, and the first
    /// worker of the next phase would find its memory still taken.
    pub fn finish(self) {
        drop((self.batches, self.batch));
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }

    /// The next item, or the end of the unit.
    ///
    /// # Errors
    /// Those of the source; then nothing comes any more.
    pub fn next(&mut self) -> Result<Read> {
        loop {
            if let Some(read) = self.batch.next() {
                return read;
            }
            let gone = |_| Error::new(error::Kind::Internal, "reading the input stopped unexpectedly");
            self.batch = self.batches.recv().map_err(gone)?.into_iter();
        }
    }
}

/// Reads one unit; `false` when nothing more is wanted.
fn read(source: &dyn Source, unit: &Unit, after: Option<&Cursor>, out: &mut Out) -> bool {
    let mut items = match source.open(unit, after) {
        Ok(items) => items,
        Err(error) => {
            out.push(Err(error));
            return false;
        }
    };
    while let Some(item) = items.next() {
        let failed = item.is_err();
        if !out.push(item.map(Read::Item)) || failed {
            return false;
        }
    }
    out.push(Ok(Read::End(items.end())))
}

struct Out {
    sender: SyncSender<Vec<Result<Read>>>,
    batch: Vec<Result<Read>>,
    bytes: usize,
}

impl Out {
    /// Hands on; `false` when nobody takes it any more. What a commit waits for is handed on at once.
    fn push(&mut self, read: Result<Read>) -> bool {
        let at_once = match &read {
            Ok(Read::Item(Item::Record(_, raw))) => {
                self.bytes += raw.len();
                false
            }
            Ok(Read::Item(Item::Checkpoint(_))) => true,
            _ => false,
        };
        self.batch.push(read);
        if at_once || self.bytes >= BATCH_BYTES || self.batch.len() >= BATCH_ITEMS {
            self.flush()
        } else {
            true
        }
    }

    fn flush(&mut self) -> bool {
        self.bytes = 0;
        self.sender.send(std::mem::take(&mut self.batch)).is_ok()
    }
}
