//! From a service to the workspace: pages as they arrive, several datasets at once, each commit with
//! the place from which every dataset goes on. Nothing that was committed is asked again.

use super::{COMMIT_BYTES, Selection, Summary, interrupted, summary};
use crate::catalogue::graph::Row;
use crate::catalogue::member::Path as Member;
use crate::catalogue::{Catalogue, Source as Shape, Stream, time};
use crate::error::{self, Error, Result};
use crate::event::{Cursor, End, Event, Observer, Outcome, Phase, Reason, Unit};
use crate::record::{Form, Raw};
use crate::source::graph::{Arrival, Graph, Next, Question, Running, Work};
use crate::workspace::{ServiceNote, UnitNote, Workspace};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Name of the source in the ledger.
pub const GRAPH: &str = "graph";
/// How often Ctrl-C and the deadline are looked at while nothing arrives.
const LOOK: Duration = Duration::from_millis(200);
/// Pages that are not committed at most: a kill costs them.
const MOST_PAGES: u32 = 4;
/// Records above this are left out.
const MOST_RECORD: usize = 16 << 20;

/// A dataset that is wanted, or why it is not asked for at all.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How it is asked.
    pub row: Row,
    /// What is asked of it.
    pub question: Question,
    /// Known before the first request.
    pub skip: Option<Reason>,
    /// Parts of the scope that the service applies, and that are applied here.
    pub scoped: (Vec<String>, Vec<String>),
}

/// A gather run over a service.
pub struct ServiceRun<'a> {
    /// The service.
    pub graph: &'a Graph,
    /// What is wanted, parents before their children.
    pub wanted: Vec<Wanted>,
    /// What is kept of it.
    pub selection: Selection,
    /// The catalogue, for keys and times.
    pub catalogue: &'a Catalogue,
    /// Receives progress.
    pub observer: &'a dyn Observer,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
    /// When to end with what is there.
    pub deadline: Option<Instant>,
}

/// Fetches all that the workspace does not hold yet.
///
/// # Errors
/// Access, if the sign-in is refused; I/O of network and disk; [`error::Kind::Interrupted`]. What was
/// committed before is kept.
pub fn run(run: &ServiceRun<'_>, workspace: &mut Workspace) -> Result<Summary> {
    let before: HashMap<String, UnitNote> = workspace
        .units()?
        .into_iter()
        .filter(|note| note.source == GRAPH)
        .map(|note| (note.unit.id.clone(), note))
        .collect();
    run.observer.on(&Event::Begin { phase: Phase::Gather, total: None });
    let mut intake = Intake::new(run, workspace, &before)?;
    intake.begin(&before)?;
    let work = intake.work(&before)?;
    let mut running = run.graph.start(work);
    let late = intake.receive(&mut running)?;
    drop(running);
    intake.commit()?;
    run.observer.on(&Event::End { phase: Phase::Gather });
    if late {
        run.observer.on(&Event::Note("the time for collecting is over; what is there is sealed"));
    }
    summary(workspace)
}

/// A dataset while it comes in.
struct Track {
    unit: Unit,
    stream: Stream,
    /// Members of the key: those that a record has.
    key: Vec<Member>,
    times: Vec<Member>,
    /// Hashes of the keys that came.
    seen: HashSet<u64>,
    /// What came since the last commit.
    note: Option<UnitNote>,
    /// Records kept, those of earlier runs included.
    got: u64,
    /// It has ended.
    done: bool,
    /// It is not complete.
    reason: Option<Reason>,
}

struct Intake<'a, 'w> {
    run: &'a ServiceRun<'a>,
    workspace: &'w mut Workspace,
    next: BTreeMap<Stream, u64>,
    tracks: Vec<Track>,
    hasher: RandomState,
    bytes: u64,
    /// Pages since the last commit.
    pages: u32,
    throttled: bool,
    /// Cursors of children whose parents were not complete when the run began.
    cursors: HashMap<usize, Cursor>,
}

impl<'a, 'w> Intake<'a, 'w> {
    fn new(
        run: &'a ServiceRun<'a>,
        workspace: &'w mut Workspace,
        before: &HashMap<String, UnitNote>,
    ) -> Result<Self> {
        let tracks = run
            .wanted
            .iter()
            .map(|wanted| {
                let id = &wanted.row.id;
                let dataset = run.catalogue.dataset(id);
                let unit = Unit { id: format!("{GRAPH}/{id}"), name: id.clone(), bytes: None };
                let known = before.get(&unit.id);
                Track {
                    stream: Stream::new(Shape::Graph, id.clone()),
                    key: members(dataset.map(|d| d.key.as_slice())),
                    times: members(dataset.map(|d| d.time.as_slice())),
                    seen: HashSet::new(),
                    note: None,
                    got: known.map_or(0, UnitNote::records),
                    done: known.is_some_and(|note| note.end.is_some()),
                    reason: known.and_then(|note| note.end.as_ref()).and_then(|end| end.reason),
                    unit,
                }
            })
            .collect();
        let next = workspace.streams().into_iter().map(|size| (size.stream, size.records)).collect();
        let (hasher, cursors) = (RandomState::new(), HashMap::new());
        let mut intake =
            Intake { run, workspace, next, tracks, hasher, bytes: 0, pages: 0, throttled: false, cursors };
        for at in 0..intake.tracks.len() {
            let known = before.get(&intake.tracks[at].unit.id);
            if let Some(note) = known.filter(|note| note.end.is_none() && note.records() > 0) {
                intake.recall(at, note)?;
            }
        }
        Ok(intake)
    }

    /// Remembers the keys of what an earlier run took of a dataset.
    fn recall(&mut self, at: usize, note: &UnitNote) -> Result<()> {
        let stream = self.tracks[at].stream.clone();
        let own = |number: u64| {
            note.spans
                .iter()
                .any(|span| span.stream == stream && (span.first..span.first + span.count).contains(&number))
        };
        let mut hashes = HashSet::new();
        for (number, record) in (0..).zip(records(self.workspace, &stream)?) {
            let record = record?;
            if own(number) {
                hashes.insert(self.hash(at, record.bytes()));
            }
        }
        self.tracks[at].seen = hashes;
        Ok(())
    }

    /// What identifies a record: its key and its parent's, or all of it.
    fn hash(&self, at: usize, record: &[u8]) -> u64 {
        let key: Vec<String> = self.tracks[at].key.iter().filter_map(|member| member.first(record)).collect();
        match key.is_empty() {
            true => self.hasher.hash_one(record),
            false => self.hasher.hash_one((parent_of(record), key)),
        }
    }

    /// Writes down what is wanted, so that a run that is stopped at once tells what is missing.
    fn begin(&mut self, before: &HashMap<String, UnitNote>) -> Result<()> {
        let mut notes = Vec::new();
        for (track, wanted) in self.tracks.iter_mut().zip(&self.run.wanted) {
            if before.contains_key(&track.unit.id) {
                continue;
            }
            let mut note = UnitNote::new(GRAPH, &track.unit);
            note.service = Some(ServiceNote {
                dataset: wanted.row.id.clone(),
                scoped_by_service: wanted.scoped.0.clone(),
                scoped_here: wanted.scoped.1.clone(),
                ..ServiceNote::default()
            });
            if let Some(reason) = wanted.skip {
                note.end = Some(ended(0, Some(reason)));
                (track.done, track.reason) = (true, Some(reason));
            }
            notes.push(note);
        }
        if notes.is_empty() { Ok(()) } else { self.workspace.commit_units(notes) }
    }

    fn work(&mut self, before: &HashMap<String, UnitNote>) -> Result<Vec<Work>> {
        let mut work = Vec::new();
        for (at, wanted) in self.run.wanted.iter().enumerate() {
            let cursor = before.get(&self.tracks[at].unit.id).and_then(|note| note.cursor.clone());
            let mut done = self.tracks[at].done;
            let mut parents = None;
            if let Some(of) = &wanted.row.of
                && !done
            {
                match self.place(of).map(|parent| &self.tracks[parent]) {
                    Some(parent) if parent.done => match self.parents(at)? {
                        Ok(found) if found.is_empty() => {
                            self.end(at, None)?;
                            done = true;
                        }
                        Ok(found) => parents = Some(found),
                        Err(reason) => {
                            self.end(at, Some(reason))?;
                            done = true;
                        }
                    },
                    _ => {
                        if let Some(cursor) = &cursor {
                            self.cursors.insert(at, cursor.clone());
                        }
                    }
                }
            }
            work.push(Work {
                row: wanted.row.clone(),
                question: wanted.question.clone(),
                cursor,
                done,
                parents,
            });
        }
        Ok(work)
    }

    fn place(&self, dataset: &str) -> Option<usize> {
        self.run.wanted.iter().position(|wanted| wanted.row.id == dataset)
    }

    /// The parents of a child, from the workspace: they are what was kept, in the order of arrival.
    /// Where not one parent came for a reason, it is the child's reason too.
    fn parents(&self, child: usize) -> Result<std::result::Result<Vec<String>, Reason>> {
        let Some(parent) = self.run.wanted[child].row.of.as_deref().and_then(|of| self.place(of)) else {
            return Ok(Err(Reason::Unselected));
        };
        let track = &self.tracks[parent];
        let (stream, nested) = (&track.stream, self.run.wanted[parent].row.is_child());
        let mut found = Vec::new();
        let mut known = HashSet::new();
        let own = Member::new("id");
        for record in records(self.workspace, stream)? {
            let record = record?;
            if let Some(id) = own.first(record.bytes()) {
                let id = match parent_of(record.bytes()).filter(|_| nested) {
                    Some(above) => format!("{above}\u{1f}{id}"),
                    None => id,
                };
                if known.insert(self.hasher.hash_one(&id)) {
                    found.push(id);
                }
            }
        }
        Ok(match (found.is_empty(), track.reason) {
            (true, Some(reason)) => Err(reason),
            _ => Ok(found),
        })
    }

    /// Takes arrivals until everything has ended. Tells whether time was over before.
    fn receive(&mut self, running: &mut Running<'_>) -> Result<bool> {
        loop {
            if self.run.stop.load(Ordering::Relaxed) {
                self.commit()?;
                return Err(interrupted());
            }
            if self.run.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(true);
            }
            // What has arrived already shares a commit; while nothing arrives there is time for one.
            let next = match running.next(Duration::ZERO) {
                Ok(Next::Quiet) => {
                    self.commit()?;
                    running.next(LOOK)
                }
                other => other,
            };
            match next {
                Ok(Next::Arrival(arrival)) => self.arrival(*arrival, running)?,
                Ok(Next::Quiet) => {}
                Ok(Next::Done) => return Ok(false),
                Err(error) => {
                    self.commit()?;
                    return Err(error);
                }
            }
            if self.bytes >= COMMIT_BYTES || self.pages >= MOST_PAGES {
                self.commit()?;
            }
        }
    }

    fn note(&mut self, at: usize) -> &mut UnitNote {
        let (track, wanted) = (&mut self.tracks[at], &self.run.wanted[at]);
        track.note.get_or_insert_with(|| {
            let mut note = UnitNote::new(GRAPH, &track.unit);
            note.service = Some(ServiceNote { dataset: wanted.row.id.clone(), ..ServiceNote::default() });
            note
        })
    }

    fn arrival(&mut self, arrival: Arrival, running: &mut Running<'_>) -> Result<()> {
        let at = arrival.unit;
        if arrival.effort.throttled > 0 && !std::mem::replace(&mut self.throttled, true) {
            self.run.observer.on(&Event::Note("the service throttles; requests pause as long as it asks"));
        }
        if let Some(page) = &arrival.page {
            self.pages += 1;
            let (mut bytes, mut kept) = (0, 0);
            for range in &page.page.records {
                let record = page.page.record(range);
                bytes += record.len() as u64;
                kept += u64::from(self.record(at, arrival.piece, record, page.parent.as_deref())?);
            }
            self.run.observer.on(&Event::Advance { phase: Phase::Gather, bytes, records: kept });
        }
        let note = self.note(at);
        note.cursor = Some(arrival.cursor);
        if let Some(service) = &mut note.service {
            service.requests += arrival.effort.requests;
            service.throttled += arrival.effort.throttled;
            service.waited_ms += arrival.effort.waited;
            service.failures.extend(arrival.effort.failures);
            service.plain = service.plain.max(arrival.plain.0);
            service.expected =
                arrival.expected.map(|more| more + service.expected.unwrap_or(0)).or(service.expected);
            if let Some(end) = arrival.window {
                let window = service.window(arrival.piece);
                (window.from, window.to, window.reason, window.ended) = (end.from, end.to, end.reason, true);
            }
        }
        if let Some(reason) = arrival.end {
            self.end(at, reason)?;
            self.children(at, running)?;
        }
        Ok(())
    }

    /// Takes one record. Tells whether it was kept.
    fn record(&mut self, at: usize, piece: u64, record: &[u8], parent: Option<&str>) -> Result<bool> {
        let is_child = self.run.wanted[at].row.is_child();
        let mut bytes = Vec::with_capacity(record.len() + 64);
        match parent.filter(|_| is_child) {
            Some(parent) => with_parent(record, parent, &mut bytes),
            None => bytes.extend_from_slice(record),
        }
        if bytes.len() > MOST_RECORD {
            let fault =
                crate::event::Fault { reason: Reason::RecordTooLarge, count: 1, record: None, offset: None };
            self.note(at).fault(fault);
            return Ok(false);
        }
        let hash = self.hash(at, &bytes);
        if !self.tracks[at].seen.insert(hash) {
            if let Some(service) = &mut self.note(at).service {
                service.window(piece).duplicates += 1;
            }
            return Ok(false);
        }
        let track = &self.tracks[at];
        let time = time::of_record(&track.times, &bytes);
        let selection = &self.run.selection;
        let is_log = self.run.wanted[at].row.window.is_some() || self.run.wanted[at].row.since.is_some();
        if is_log && (selection.from.is_some() || selection.to.is_some()) {
            match time {
                None => self.note(at).untimed += 1,
                Some(time) if selection.is_outside(time) => {
                    self.note(at).outside_window += 1;
                    return Ok(false);
                }
                Some(_) => {}
            }
        }
        let stream = self.tracks[at].stream.clone();
        let raw = Raw::new(bytes, Form::Json);
        if !self.run.selection.is_in_scope(self.run.catalogue, &stream.dataset, &raw) {
            self.note(at).outside_scope += 1;
            return Ok(false);
        }
        self.workspace.append(&stream, &raw)?;
        self.bytes += raw.len() as u64;
        self.tracks[at].got += 1;
        let number = self.next.entry(stream.clone()).or_insert(0);
        let own = *number;
        *number += 1;
        let note = self.note(at);
        note.took(&stream, own);
        if let Some(service) = &mut note.service {
            let window = service.window(piece);
            window.got += 1;
            if let Some(time) = time {
                window.seen(time);
            }
        }
        Ok(true)
    }

    fn end(&mut self, at: usize, reason: Option<Reason>) -> Result<()> {
        let end = ended(self.tracks[at].got, reason);
        if end.outcome.is_incomplete()
            && let Some(reason) = end.reason
        {
            let number = at as u64 + 1;
            self.run.observer.on(&Event::File { number, outcome: end.outcome, reason });
        }
        let track = &mut self.tracks[at];
        (track.done, track.reason) = (true, end.reason.filter(|_| end.outcome.is_incomplete()));
        track.seen = HashSet::new();
        self.note(at).end = Some(end);
        Ok(())
    }

    /// A dataset has ended: its children know their parents now.
    fn children(&mut self, parent: usize, running: &mut Running<'_>) -> Result<()> {
        let id = self.run.wanted[parent].row.id.clone();
        for child in 0..self.run.wanted.len() {
            if self.run.wanted[child].row.of.as_ref() != Some(&id) || self.tracks[child].done {
                continue;
            }
            // The parents are read back from the workspace.
            self.commit()?;
            match self.parents(child)? {
                Ok(parents) => {
                    let none = parents.is_empty();
                    let cursor = self.cursors.remove(&child);
                    running.parents(child, parents, cursor.as_ref());
                    if none {
                        self.end(child, None)?;
                        self.children(child, running)?;
                    }
                }
                Err(reason) => {
                    running.parents(child, Vec::new(), None);
                    self.end(child, Some(reason))?;
                    self.children(child, running)?;
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let notes: Vec<UnitNote> = self.tracks.iter_mut().filter_map(|track| track.note.take()).collect();
        if notes.is_empty() {
            return Ok(());
        }
        (self.bytes, self.pages) = (0, 0);
        self.workspace.commit_units(notes)
    }
}

fn members(paths: Option<&[String]>) -> Vec<Member> {
    paths.unwrap_or_default().iter().map(|path| Member::new(path)).collect()
}

/// How a dataset ended that gave so many records.
fn ended(got: u64, reason: Option<Reason>) -> End {
    let outcome = match (got, reason) {
        (0, None | Some(Reason::NotConfigured)) => Outcome::Empty,
        (_, None) => Outcome::Complete,
        (0, Some(Reason::Error | Reason::Unavailable | Reason::Timeout | Reason::ForeignLink)) => {
            Outcome::Failed
        }
        (0, Some(_)) => Outcome::Skipped,
        (_, Some(_)) => Outcome::Partial,
    };
    End { outcome, reason, encoding: None, form: Some("graph".into()) }
}

/// The record with the id of its parent as first member.
fn with_parent(record: &[u8], parent: &str, out: &mut Vec<u8>) {
    let id = parent.rsplit('\u{1f}').next().unwrap_or_default();
    out.extend_from_slice(b"{\"parentId\":");
    out.extend_from_slice(serde_json::Value::from(id).to_string().as_bytes());
    let rest = record.strip_prefix(b"{").unwrap_or(record);
    if !rest.trim_ascii_start().starts_with(b"}") {
        out.push(b',');
    }
    out.extend_from_slice(rest);
}

fn parent_of(record: &[u8]) -> Option<String> {
    record.starts_with(b"{\"parentId\":").then(|| Member::new("parentId").first(record)).flatten()
}

/// All committed records of a stream.
fn records<'a>(workspace: &'a Workspace, stream: &Stream) -> Result<impl Iterator<Item = Result<Raw>> + 'a> {
    let slices =
        workspace.streams().into_iter().find(|size| size.stream == *stream).map_or(0, |size| size.slices);
    let all: Vec<_> = (0..slices).map(|slice| workspace.slice(stream, slice)).collect::<Result<_>>()?;
    Ok(all.into_iter().flatten())
}

/// Refuses to continue with other datasets than before.
pub fn same_datasets(wanted: &[Wanted], workspace: &Workspace) -> Result<()> {
    let listed: HashSet<String> = wanted.iter().map(|wanted| format!("{GRAPH}/{}", wanted.row.id)).collect();
    let changed =
        workspace.units()?.iter().any(|note| note.source == GRAPH && !listed.contains(&note.unit.id));
    if changed {
        return Err(Error::new(
            error::Kind::Usage,
            "the datasets changed since the run that is to be continued",
        )
        .hint("give the same --profile, --dataset and --without, or start afresh without --resume"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_childs_record_carries_its_parent() {
        let with = |record: &str, parent: &str| {
            let mut out = Vec::new();
            with_parent(record.as_bytes(), parent, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(with(r#"{"id":"a"}"#, "g"), r#"{"parentId":"g","id":"a"}"#);
        assert_eq!(with("{ }", "s\u{1f}j\""), "{\"parentId\":\"j\\\"\" }");
        assert_eq!(parent_of(with(r#"{"id":"a"}"#, "g").as_bytes()).as_deref(), Some("g"));
        assert_eq!(parent_of(br#"{"id":"a","parentId":"x"}"#), None);
    }

    #[test]
    fn outcomes_say_what_is_missing() {
        for (got, reason, outcome) in [
            (0, None, Outcome::Empty),
            (5, None, Outcome::Complete),
            (0, Some(Reason::NotConfigured), Outcome::Empty),
            (0, Some(Reason::Permission), Outcome::Skipped),
            (0, Some(Reason::Unavailable), Outcome::Failed),
            (5, Some(Reason::Licence), Outcome::Partial),
        ] {
            assert_eq!(ended(got, reason).outcome, outcome, "{got} {reason:?}");
        }
    }
}
