//! Pass one: names, entities and people, read from the typed values of every record.

use super::ordered::ordered;
use super::{Job, Task, stopped};
use crate::error::Result;
use crate::event::{Event, Phase};
use crate::privacy::people::{People, UserPaths};
use crate::privacy::{Dictionary, Learner, Visitor};
use crate::workspace::Workspace;

/// The dataset whose records are people.
const USERS: [&str; 2] = ["users", "deleted_users"];

/// Pass one.
pub(super) fn learn(
    job: &Job<'_>,
    workspace: &Workspace,
    tasks: &[Task],
    total: u64,
) -> Result<(Dictionary, People)> {
    job.observer.on(&Event::Begin { phase: Phase::Learn, total: Some(total) });
    let (mut learner, mut people) = (Learner::new(), People::new());
    let paths = UserPaths::default();
    ordered(
        tasks.len(),
        job.workers,
        |task| {
            let task = &tasks[task];
            let (mut learner, mut people) = (Learner::new(), People::new());
            let (mut bytes, mut records) = (0, 0);
            let dataset = &task.stream.dataset;
            let is_user = USERS.contains(&dataset.as_str());
            let mut visitor = Visitor::new(job.catalogue, &task.stream).map(Visitor::once);
            for raw in workspace.slice(&task.stream, task.slice)? {
                let raw = raw?;
                stopped(job)?;
                bytes += raw.len() as u64;
                records += 1;
                if let Some(visitor) = &mut visitor {
                    visitor.visit(&raw, &mut |kind, value| learner.learn(kind, value, dataset));
                }
                if is_user {
                    people.user(&paths, &raw);
                }
            }
            Ok((learner, people, bytes, records))
        },
        |_, (more, others, bytes, records)| {
            learner.merge(more);
            people.merge(others);
            job.observer.on(&Event::Advance { phase: Phase::Learn, bytes, records });
            Ok(())
        },
    )?;
    job.observer.on(&Event::End { phase: Phase::Learn });
    Ok((learner.freeze(), people))
}
