//! Pass two: redact record by record; parts are compressed, inflated again and searched for leaks.

use super::{Job, Task, stopped};
use crate::bundle::{PART_BYTES, PackedPart, PartWriter};
use crate::catalogue::member::Path as Member;
use crate::catalogue::{Layout, time};
use crate::error::Result;
use crate::privacy::{Dictionary, Leak, LeakCheck, Redactor, Renderer, Tally, empty_record, xml_frame};
use crate::record::{Raw, Redacted};
use crate::workspace::Workspace;
use jiff::Timestamp;

/// Room for the closing frame of an XML part.
const FRAME: u64 = 64;

/// What rewriting a slice counted.
#[derive(Default)]
pub(super) struct Counted {
    pub tally: Tally,
    pub bytes: u64,
    pub records: u64,
    /// Records whose rewritten form alone would pass the limit of a part: an empty one stands for each.
    pub too_large: u64,
}

/// Redacts the records of a slice one by one: `see` looks at each as it came
/// and may ask what becomes of values, `take` gets what became
/// of it, with the length that it had before and the time that its reader knew.
pub(super) fn rewrite(
    job: &Job<'_>,
    workspace: &Workspace,
    dictionary: &Dictionary,
    task: &Task,
    mut see: impl FnMut(&Raw, &mut Renderer<'_>) -> Result<()>,
    mut take: impl FnMut(Redacted, usize, Option<Timestamp>) -> Result<()>,
) -> Result<Counted> {
    let mut redactor = Redactor::new(job.rules, job.names, dictionary, &task.stream)?;
    let mut counted = Counted::default();
    for raw in workspace.slice(&task.stream, task.slice)? {
        let raw: Raw = raw?;
        stopped(job)?;
        let (length, time) = (raw.len(), raw.time());
        counted.bytes += length as u64;
        counted.records += 1;
        redactor.aside(|renderer| see(&raw, renderer))?;
        let mut record = redactor.apply(raw)?;
        if record.bytes().len() as u64 + 2 * FRAME > PART_BYTES {
            record = empty_record(task.layout)?;
            counted.too_large += 1;
        }
        take(record, length, time)?;
    }
    counted.tally = redactor.into_tally();
    Ok(counted)
}

/// Reads the time of redacted records: what the bundle shows, and no more than that.
pub(super) struct Clock(Vec<Member>);

impl Clock {
    pub fn new(job: &Job<'_>, task: &Task) -> Self {
        let dataset = job.catalogue.dataset(&task.stream.dataset).filter(|_| task.layout == Layout::Jsonl);
        Clock(dataset.map(|d| d.time.iter().map(|path| Member::new(path)).collect()).unwrap_or_default())
    }

    pub fn read(&self, record: &Redacted) -> Option<Timestamp> {
        time::of_record(&self.0, record.bytes())
    }
}

/// A finished part with its earliest and latest time.
pub(super) type Part = (PackedPart, Option<Timestamp>, Option<Timestamp>);

/// Makes parts of redacted records and checks each.
pub(super) struct Parts<'a> {
    leak_check: &'a LeakCheck<'a>,
    task: &'a Task,
    open: Option<OpenPart>,
    parts: Vec<Part>,
    leaks: Vec<Leak>,
}

impl<'a> Parts<'a> {
    pub fn new(leak_check: &'a LeakCheck<'a>, task: &'a Task) -> Self {
        Parts { leak_check, task, open: None, parts: Vec::new(), leaks: Vec::new() }
    }

    /// Adds a record.
    pub fn push(&mut self, record: &Redacted, time: Option<Timestamp>) -> Result<()> {
        let size = record.bytes().len() as u64 + 1;
        if self.open.as_ref().is_some_and(|part| part.writer.raw_len() + size + FRAME > self.task.part_bytes)
        {
            self.close()?;
        }
        let part = match &mut self.open {
            Some(part) => part,
            None => self.open.insert(OpenPart::new(self.task)?),
        };
        let utc = time.filter(|_| self.task.layout != Layout::Jsonl).map(time::format);
        part.writer.write(record, utc.as_deref())?;
        if let Some([_, between, _]) = &part.frame {
            part.writer.frame(between)?;
        }
        part.earliest = part.earliest.into_iter().chain(time).min();
        part.latest = part.latest.into_iter().chain(time).max();
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some(mut part) = self.open.take() else { return Ok(()) };
        if let Some([.., end]) = &part.frame {
            part.writer.frame(end)?;
        }
        let packed = part.writer.finish()?;
        let place = format!("data/{}/{}", self.task.stream.source.id(), self.task.stream.dataset);
        self.leaks.extend(self.leak_check.check(&place, &mut packed.inflate())?);
        self.parts.push((packed, part.earliest, part.latest));
        Ok(())
    }

    /// Finishes the last part: all parts, and what the leak check found in them.
    pub fn finish(mut self) -> Result<(Vec<Part>, Vec<Leak>)> {
        self.close()?;
        Ok((self.parts, self.leaks))
    }
}

struct OpenPart {
    writer: PartWriter,
    /// XML only: start of the root, between records, end of the root.
    frame: Option<[Redacted; 3]>,
    earliest: Option<Timestamp>,
    latest: Option<Timestamp>,
}

impl OpenPart {
    fn new(task: &Task) -> Result<Self> {
        let mut writer = PartWriter::new(&task.stream, task.layout);
        let frame = (task.layout == Layout::Xml).then(xml_frame).transpose()?;
        if let Some([start, ..]) = &frame {
            writer.frame(start)?;
        }
        Ok(OpenPart { writer, frame, earliest: None, latest: None })
    }
}
