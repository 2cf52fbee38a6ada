//! Pass one: names, entities and verified suffixes, read from the typed values of every record.

use super::ordered::ordered;
use super::{Job, Task, stopped};
use crate::error::Result;
use crate::event::{Event, Phase};
use crate::privacy::people::Suffixes;
use crate::privacy::{Dictionary, Learner, Visitor};
use crate::workspace::Workspace;

/// Pass one.
pub(super) fn learn(
    job: &Job<'_>,
    workspace: &Workspace,
    tasks: &[Task],
    total: u64,
) -> Result<(Dictionary, Suffixes)> {
    job.observer.on(&Event::Begin { phase: Phase::Learn, total: Some(total) });
    let (mut learner, mut suffixes) = (Learner::new(), Suffixes::default());
    ordered(
        tasks.len(),
        job.workers,
        |task| {
            let task = &tasks[task];
            let (mut learner, mut suffixes) = (Learner::new(), Suffixes::default());
            let (mut bytes, mut records) = (0, 0);
            let dataset = &task.stream.dataset;
            let has_suffixes = Suffixes::stand_in(dataset);
            let mut visitor = Visitor::new(job.catalogue, &task.stream).map(Visitor::once);
            for raw in workspace.slice(&task.stream, task.slice)? {
                let raw = raw?;
                stopped(job)?;
                bytes += raw.len() as u64;
                records += 1;
                if let Some(visitor) = &mut visitor {
                    visitor.tell_texts(learner.wants_texts());
                    visitor.visit(&raw, &mut |kind, value| learner.learn(kind, value, dataset));
                }
                if has_suffixes {
                    suffixes.learn(dataset, &raw);
                }
            }
            Ok((learner, suffixes, bytes, records))
        },
        |_, (more, others, bytes, records)| {
            learner.merge(more);
            suffixes.merge(others);
            job.observer.on(&Event::Advance { phase: Phase::Learn, bytes, records });
            Ok(())
        },
    )?;
    job.observer.on(&Event::End { phase: Phase::Learn });
    let guarded = !(job.strict_names || job.policy.strict_names());
    let mut dictionary = if guarded { learner.freeze_guarded() } else { learner.freeze() };
    if !dictionary.knows_a_directory() && !job.policy.keeps_unlearned_text() {
        dictionary.keep_wording_only();
    }
    Ok((dictionary, suffixes))
}
