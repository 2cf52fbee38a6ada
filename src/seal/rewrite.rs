//! Pass two, slice by slice: redact, compress, inflate again, look for leaks.

use super::{Job, Task, stopped};
use crate::bundle::{PART_BYTES, PackedPart, PartWriter};
use crate::catalogue::member::Path as Member;
use crate::catalogue::{Layout, time};
use crate::error::Result;
use crate::privacy::{Dictionary, Leak, LeakCheck, Redactor, Tally, empty_record, xml_frame};
use crate::record::{Raw, Redacted};
use crate::workspace::Workspace;
use jiff::Timestamp;

/// What rewriting a slice gave.
pub(super) struct Slice {
    pub parts: Vec<(PackedPart, Option<Timestamp>, Option<Timestamp>)>,
    pub tally: Tally,
    pub leaks: Vec<Leak>,
    pub bytes: u64,
    pub records: u64,
    /// Records whose rewritten form alone would pass the limit of a part: an empty one stands for each.
    pub too_large: u64,
}

/// Pass two, one slice: redact, compress, inflate again, look for leaks.
pub(super) fn rewrite(
    job: &Job<'_>,
    workspace: &Workspace,
    dictionary: &Dictionary,
    leak_check: &LeakCheck<'_>,
    task: &Task,
) -> Result<Slice> {
    let mut redactor = Redactor::new(job.rules, job.names, dictionary, &task.stream)?;
    let times: Vec<Member> = job
        .catalogue
        .dataset(&task.stream.dataset)
        .map(|d| d.time.iter().map(|p| Member::new(p)).collect())
        .unwrap_or_default();
    let mut slice = Slice {
        parts: Vec::new(),
        tally: Tally::default(),
        leaks: Vec::new(),
        bytes: 0,
        records: 0,
        too_large: 0,
    };
    let mut open: Option<OpenPart> = None;
    for raw in workspace.slice(&task.stream, task.slice)? {
        let raw: Raw = raw?;
        stopped(job)?;
        slice.bytes += raw.len() as u64;
        slice.records += 1;
        let time = (task.layout == Layout::Jsonl).then(|| time::of_record(&times, raw.bytes())).flatten();
        let mut record = redactor.apply(raw)?;
        if record.bytes().len() as u64 + 2 * FRAME > PART_BYTES {
            record = empty_record(task.layout)?;
            slice.too_large += 1;
        }
        let size = record.bytes().len() as u64 + 1;
        if open.as_ref().is_some_and(|part| part.writer.raw_len() + size + FRAME > PART_BYTES) {
            close(&mut open, leak_check, task, &mut slice)?;
        }
        let part = match &mut open {
            Some(part) => part,
            None => open.insert(OpenPart::new(task)?),
        };
        part.writer.write(&record, None)?;
        if let Some([_, between, _]) = &part.frame {
            part.writer.frame(between)?;
        }
        part.earliest = part.earliest.into_iter().chain(time).min();
        part.latest = part.latest.into_iter().chain(time).max();
    }
    close(&mut open, leak_check, task, &mut slice)?;
    slice.tally = redactor.into_tally();
    Ok(slice)
}

/// Room for the closing frame of an XML part.
const FRAME: u64 = 64;

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

fn close(
    open: &mut Option<OpenPart>,
    leak_check: &LeakCheck<'_>,
    task: &Task,
    slice: &mut Slice,
) -> Result<()> {
    let Some(mut part) = open.take() else { return Ok(()) };
    if let Some([.., end]) = &part.frame {
        part.writer.frame(end)?;
    }
    let packed = part.writer.finish()?;
    let place = format!("data/{}/{}", task.stream.source.id(), task.stream.dataset);
    slice.leaks.extend(leak_check.check(&place, &mut packed.inflate())?);
    slice.parts.push((packed, part.earliest, part.latest));
    Ok(())
}
