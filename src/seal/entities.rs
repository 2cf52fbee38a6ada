//! `meta/entities.jsonl`: drafts of pass two, put in order, numbered and written line by line.

use super::order::{Merged, Room, Sorted, Sorter};
use super::{Job, stopped};
use crate::bundle::{PART_BYTES, PackedStatement, StatementWriter};
use crate::error::Result;
use crate::kind::Kind;
use crate::privacy::Renderer;
use crate::privacy::people::{Entity, Lines, Marks, Observed, Observer, Suffixes};
use crate::record::{Raw, Statement};
use crate::workspace::Workspace;

/// Whether the policy lets facts about raw values leave at all.
pub(super) fn are_wanted(job: &Job<'_>) -> bool {
    !job.rules.treated().contains(Kind::Lint)
}

/// Watches the records of a slice.
pub(super) struct Watch<'a> {
    observer: Observer<'a>,
    sorter: Sorter<'a>,
}

/// What a watch saw.
pub(super) type Seen<'w> = (Sorted<'w>, Observed);

impl<'a> Watch<'a> {
    /// A watch over the records of a dataset; `None` if they are no objects of the directory.
    pub fn new(
        job: &'a Job<'_>,
        workspace: &'a Workspace,
        (marks, suffixes): (&Marks, &'a Suffixes),
        dataset: &str,
    ) -> Option<Self> {
        let observer = marks.observer(dataset, suffixes).filter(|_| are_wanted(job))?;
        Some(Watch { observer, sorter: Sorter::new(workspace) })
    }

    /// Looks at a raw record. What becomes of its values is asked where the record will ask again.
    pub fn see(&mut self, raw: &Raw, renderer: &mut Renderer<'_>) -> Result<()> {
        match self.observer.see(raw, renderer)? {
            Some((key, draft)) => {
                let length = draft.bytes().len();
                self.sorter.push(key, draft, length)
            }
            None => Ok(()),
        }
    }

    pub fn finish(self, room: &Room) -> Result<Seen<'a>> {
        Ok((self.sorter.finish(room)?, self.observer.finish()))
    }
}

/// Writes the lines into files of at most [`PART_BYTES`]: names and contents in the order of a bundle.
pub(super) fn write(
    job: &Job<'_>,
    drafts: &[Sorted<'_>],
    marks: Marks,
) -> Result<Vec<(String, PackedStatement)>> {
    let mut lines = Lines::new(marks);
    Merged::new(drafts, &(None, None))?.each(|key, _| {
        lines.number(key);
        Ok(())
    })?;
    lines.numbered();
    let mut files = Vec::new();
    let mut open = StatementWriter::default();
    let mut put = |entity: Option<Entity>| -> Result<()> {
        let Some(entity) = entity else { return Ok(()) };
        let line = Statement::line(&entity)?;
        if open.raw_len() + line.bytes().len() as u64 + 1 > PART_BYTES {
            files.push((name(files.len()), std::mem::take(&mut open).finish()?));
        }
        open.line(&line)
    };
    Merged::new(drafts, &(None, None))?.each(|key, draft| {
        stopped(job)?;
        put(lines.line(key, draft)?)
    })?;
    put(lines.finish())?;
    if open.raw_len() > 0 {
        files.push((name(files.len()), open.finish()?));
    }
    Ok(files)
}

/// The first file has the name that readers know; further ones stand in a folder of their own.
fn name(number: usize) -> String {
    match number {
        0 => "meta/entities.jsonl".to_owned(),
        _ => format!("meta/entities/part-{number:05}.jsonl"),
    }
}
