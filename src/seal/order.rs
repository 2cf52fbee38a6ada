//! Putting records in an order that tells nothing of the order in which they came.
//!
//! An external sort: the redacted records of a slice become sorted runs, held in memory where they
//! are few and else in an encrypted scratch file of the workspace; then each piece of the sequence of
//! keys is merged by one worker into parts. Slices, runs and pieces are cut by sizes alone, so the
//! number of workers does not show. In memory are a run a worker and a chunk a merged run.

use super::entities::{Seen, Watch};
use super::rewrite::{Clock, Counted, Parts, rewrite};
use super::{Job, Task, stopped};
use crate::catalogue::Order;
use crate::catalogue::member::Path as Member;
use crate::error::Result;
use crate::privacy::{Dictionary, LeakCheck, Renderer};
use crate::record::{Raw, Redacted};
use crate::workspace::{RunReader, Runs, SLICE_BYTES, Workspace};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Raw bytes after which a run is sorted and set aside.
const RUN_BYTES: usize = 6 << 20;
/// Bytes of sorted records that stay in memory, over all streams: small datasets need no file.
const HELD_BYTES: u64 = 12 << 20;
/// Longest key. What is equal up to here is ordered by the record.
const KEY_BYTES: usize = 256;
/// What a held record costs beyond its bytes.
const ITEM_BYTES: usize = 64;

type Item = (Vec<u8>, Redacted);

/// Counts what is held in memory.
pub(super) struct Room(AtomicU64);

impl Room {
    pub fn new() -> Self {
        Room(AtomicU64::new(0))
    }

    fn take(&self, bytes: u64) -> bool {
        let free = self.0.fetch_add(bytes, Ordering::Relaxed) + bytes <= HELD_BYTES;
        if !free {
            self.0.fetch_sub(bytes, Ordering::Relaxed);
        }
        free
    }
}

/// The sorted records of a slice.
pub(super) enum Sorted<'w> {
    Held(Vec<Item>),
    Aside(Runs<'w>),
}

/// Sorts redacted records; the first half of the work.
pub(super) struct Sorter<'w> {
    workspace: &'w Workspace,
    run: Vec<Item>,
    bytes: usize,
    aside: Option<crate::workspace::RunWriter<'w>>,
}

impl<'w> Sorter<'w> {
    pub fn new(workspace: &'w Workspace) -> Self {
        Sorter { workspace, run: Vec::new(), bytes: 0, aside: None }
    }

    /// Adds a record; `length` is what it takes in memory.
    pub fn push(&mut self, key: Vec<u8>, record: Redacted, length: usize) -> Result<()> {
        self.bytes += length.max(record.bytes().len()) + key.len() + ITEM_BYTES;
        self.run.push((key, record));
        if self.bytes >= RUN_BYTES { self.set_aside() } else { Ok(()) }
    }

    fn sort(&mut self) {
        self.run.sort_unstable_by(|a, b| (&a.0, a.1.bytes()).cmp(&(&b.0, b.1.bytes())));
    }

    fn set_aside(&mut self) -> Result<()> {
        self.sort();
        let workspace = self.workspace;
        let writer = self.aside.get_or_insert_with(|| workspace.scratch());
        for (key, record) in self.run.drain(..) {
            writer.push(&key, &record)?;
        }
        writer.end_run();
        self.bytes = 0;
        Ok(())
    }

    pub fn finish(mut self, room: &Room) -> Result<Sorted<'w>> {
        if self.aside.is_none() && room.take(self.bytes as u64) {
            self.sort();
            return Ok(Sorted::Held(self.run));
        }
        if !self.run.is_empty() || self.aside.is_none() {
            self.set_aside()?;
        }
        match self.aside {
            Some(writer) => Ok(Sorted::Aside(writer.finish()?)),
            None => Ok(Sorted::Held(Vec::new())),
        }
    }
}

/// Makes the key of a redacted record.
enum Keys {
    /// By the output of the members that identify the record.
    Token(Vec<Member>),
    /// By its time; what has none comes last.
    Time(Clock),
}

impl Keys {
    fn new(job: &Job<'_>, task: &Task) -> Keys {
        match (task.order, job.catalogue.dataset(&task.stream.dataset)) {
            (Order::Time, _) => Keys::Time(Clock::new(job, task)),
            (_, Some(dataset)) if task.layout == crate::catalogue::Layout::Jsonl => {
                Keys::Token(dataset.key.iter().map(|path| Member::new(path)).collect())
            }
            _ => Keys::Token(Vec::new()),
        }
    }

    fn of(&self, record: &Redacted) -> Vec<u8> {
        match self {
            Keys::Token(members) => {
                let mut key = Vec::new();
                for value in members.iter().filter_map(|member| member.first(record.bytes())) {
                    key.extend_from_slice(value.as_bytes());
                    key.push(0);
                }
                // What has no key is ordered by its output: its beginning serves for cutting.
                if key.is_empty() {
                    key.extend_from_slice(record.bytes());
                }
                key.truncate(KEY_BYTES);
                key
            }
            Keys::Time(clock) => match clock.read(record) {
                Some(time) => {
                    let number = (time.as_nanosecond() as u128) ^ (1 << 127);
                    number.to_be_bytes().to_vec()
                }
                None => vec![0xff; 17],
            },
        }
    }

    /// The time that a key by time was made of.
    fn time(key: &[u8]) -> Option<Timestamp> {
        let number = u128::from_be_bytes(key.try_into().ok()?) ^ (1 << 127);
        Timestamp::from_nanosecond(number as i128).ok()
    }
}

/// What sorting a slice gave.
pub(super) struct Slice<'w> {
    pub sorted: Sorted<'w>,
    pub counted: Counted,
    /// What the slice says of objects of the directory.
    pub seen: Option<Seen<'w>>,
}

/// Redacts a slice and sorts what it gives; `watch` looks at its raw records.
pub(super) fn sort<'w>(
    job: &Job<'_>,
    workspace: &'w Workspace,
    dictionary: &Dictionary,
    task: &Task,
    mut watch: Option<Watch<'w>>,
    room: &Room,
) -> Result<Slice<'w>> {
    let keys = Keys::new(job, task);
    let mut sorter = Sorter::new(workspace);
    let see = |raw: &Raw, renderer: &mut Renderer<'_>| {
        watch.as_mut().map_or(Ok(()), |watch| watch.see(raw, renderer))
    };
    let counted = rewrite(job, workspace, dictionary, task, see, |record, length, _| {
        sorter.push(keys.of(&record), record, length)
    })?;
    let sorted = sorter.finish(room)?;
    let seen = watch.map(|watch| watch.finish(room)).transpose()?;
    Ok(Slice { sorted, counted, seen })
}

/// A stretch of keys, `[from, to)`; `None` is an open end.
pub(super) type Stretch = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Cuts the merged sequence of a stream into stretches of about [`SLICE_BYTES`].
pub(super) fn stretches(slices: &[Sorted<'_>]) -> Vec<Stretch> {
    let mut marks: Vec<(&[u8], u64)> = Vec::new();
    for slice in slices {
        match slice {
            Sorted::Held(run) => {
                marks.extend(run.iter().map(|(key, record)| (key.as_slice(), record.bytes().len() as u64)));
            }
            Sorted::Aside(runs) => marks.extend(runs.marks()),
        }
    }
    marks.sort_unstable();
    let mut cuts: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    for (key, size) in marks {
        if bytes >= SLICE_BYTES && cuts.last().is_none_or(|last| last.as_slice() < key) {
            cuts.push(key.to_vec());
            bytes = 0;
        }
        bytes += size;
    }
    let from = std::iter::once(None).chain(cuts.iter().cloned().map(Some));
    from.zip(cuts.iter().cloned().map(Some).chain([None])).collect()
}

/// A record that waits for its turn.
enum Next<'s> {
    Held(&'s Item),
    Read(Item),
}

impl Next<'_> {
    fn item(&self) -> &Item {
        match self {
            Next::Held(item) => item,
            Next::Read(item) => item,
        }
    }

    fn rank(&self) -> (&[u8], &[u8]) {
        let (key, record) = self.item();
        (key, record.bytes())
    }
}

impl PartialEq for Next<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Next<'_> {}

impl PartialOrd for Next<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// A sorted run of a stretch.
enum Run<'s> {
    Held(std::slice::Iter<'s, Item>),
    Aside(Box<RunReader<'s>>),
}

impl<'s> Run<'s> {
    fn next(&mut self) -> Result<Option<Next<'s>>> {
        match self {
            Run::Held(items) => Ok(items.next().map(Next::Held)),
            Run::Aside(reader) => Ok(reader.next().transpose()?.map(Next::Read)),
        }
    }
}

/// The records of a stretch in their order.
pub(super) struct Merged<'s> {
    runs: Vec<Run<'s>>,
    heap: BinaryHeap<Reverse<(Next<'s>, usize)>>,
}

impl<'s> Merged<'s> {
    pub fn new(slices: &'s [Sorted<'_>], (from, to): &Stretch) -> Result<Self> {
        let mut runs = Vec::new();
        for slice in slices {
            match slice {
                Sorted::Held(run) => {
                    let before = |bound: &Option<Vec<u8>>, open| {
                        bound.as_ref().map_or(open, |bound| run.partition_point(|(key, _)| key < bound))
                    };
                    runs.push(Run::Held(run[before(from, 0)..before(to, run.len())].iter()));
                }
                Sorted::Aside(all) => {
                    runs.extend(
                        (0..all.len())
                            .map(|run| Run::Aside(Box::new(all.read(run, from.as_deref(), to.as_deref())))),
                    );
                }
            }
        }
        let mut heap = BinaryHeap::with_capacity(runs.len());
        for (at, run) in runs.iter_mut().enumerate() {
            if let Some(next) = run.next()? {
                heap.push(Reverse((next, at)));
            }
        }
        Ok(Merged { runs, heap })
    }

    /// Hands the records to `take`, one by one.
    pub fn each(mut self, mut take: impl FnMut(&[u8], &Redacted) -> Result<()>) -> Result<()> {
        while let Some(Reverse((next, at))) = self.heap.pop() {
            let (key, record) = next.item();
            take(key, record)?;
            if let Some(next) = self.runs[at].next()? {
                self.heap.push(Reverse((next, at)));
            }
        }
        Ok(())
    }
}

/// Merges a stretch into parts.
pub(super) fn merge<'a>(
    job: &Job<'_>,
    leak_check: &'a LeakCheck<'a>,
    task: &'a Task,
    slices: &[Sorted<'_>],
    stretch: &Stretch,
) -> Result<Parts<'a>> {
    let clock = Clock::new(job, task);
    let mut parts = Parts::new(leak_check, task);
    Merged::new(slices, stretch)?.each(|key, record| {
        stopped(job)?;
        // A key by time holds it already.
        let time = match task.order {
            Order::Time => Keys::time(key),
            _ => clock.read(record),
        };
        parts.push(record, time)
    })?;
    Ok(parts)
}
