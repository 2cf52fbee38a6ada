//! Both passes without a bundle: what would become of the records of a workspace, in counts and in
//! samples. Nothing is written; samples hold originals and stay with the caller.

use super::learn::learn;
use super::ordered::ordered;
use super::{Task, stopped, tasks};
use crate::catalogue::Catalogue;
use crate::crypto::{Algorithm, Signer};
use crate::error::{self, Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::privacy::sample::{Places, Sampler};
use crate::privacy::{Pseudonymizer, Redactor, Rules, Tally};
use crate::workspace::Workspace;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

/// What to run with.
pub struct Job<'a> {
    /// The effective catalogue.
    pub catalogue: &'static Catalogue,
    /// The policy joined with it.
    pub rules: &'a Rules,
    /// Makes pseudonyms.
    pub names: &'a Pseudonymizer,
    /// Worker threads.
    pub workers: usize,
    /// Most records of each slice that are looked at for samples.
    pub samples: u64,
    /// Receives progress.
    pub observer: &'a dyn Observer,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
}

/// What a run without a bundle gives.
pub struct Dry {
    /// What the redactor counted.
    pub tally: Tally,
    /// Samples by dataset and readable path.
    pub places: Places,
    /// Readable names of places that the tally holds by token: dataset and path there → readable path.
    pub clear: BTreeMap<(String, String), String>,
    /// Names in the dictionary.
    pub learned: u64,
    /// Records that are not what their form says, by dataset: a seal ends at the first of them.
    pub broken: BTreeMap<String, u64>,
}

/// Records of a slice that are read for the names of undeclared members even without samples.
const NAMED: u64 = 200;

/// Runs both passes over a workspace.
pub fn run(job: &Job<'_>, workspace: &Workspace) -> Result<Dry> {
    let tasks = tasks(job.catalogue, workspace, crate::bundle::PART_BYTES)?;
    let total = workspace.streams().iter().map(|size| size.bytes).sum();
    let sealing = super::Job {
        catalogue: job.catalogue,
        policy: job.rules.policy(),
        policy_nonce: None,
        rules: job.rules,
        names: job.names,
        signer: &Unsigned,
        secrets: Vec::new(),
        strict_names: false,
        workers: job.workers,
        bundle_id: String::new(),
        created_at: Timestamp::UNIX_EPOCH,
        case: None,
        window: (None, None),
        git_commit: None,
        observer: job.observer,
        stop: job.stop,
    };
    let (dictionary, _) = learn(&sealing, workspace, &tasks, total)?;
    job.observer.on(&Event::Begin { phase: Phase::Rewrite, total: Some(total) });
    let mut dry = Dry {
        tally: Tally::default(),
        places: Places::default(),
        clear: BTreeMap::new(),
        learned: dictionary.names(),
        broken: BTreeMap::new(),
    };
    ordered(
        tasks.len(),
        job.workers,
        |task| {
            let task: &Task = &tasks[task];
            let mut redactor = Redactor::new(job.rules, job.names, &dictionary, &task.stream)?;
            let mut sampler = Sampler::new(job.rules, job.names, &dictionary, &task.stream, job.samples > 0);
            let (mut bytes, mut records, mut broken) = (0, 0, 0);
            for raw in workspace.slice(&task.stream, task.slice)? {
                let raw = raw?;
                stopped(&sealing)?;
                bytes += raw.len() as u64;
                if records < job.samples.max(NAMED)
                    && let Some(sampler) = &mut sampler
                {
                    sampler.look(&raw);
                }
                records += 1;
                broken += u64::from(redactor.apply(raw).is_err());
            }
            Ok((redactor.into_tally(), sampler.map(Sampler::into_places), bytes, records, broken))
        },
        |task, (tally, sampled, bytes, records, broken)| {
            job.observer.on(&Event::Advance { phase: Phase::Rewrite, bytes, records });
            dry.tally.merge(tally);
            let dataset = &tasks[task].stream.dataset;
            if let Some((places, clear)) = sampled {
                dry.places.merge(places);
                dry.clear.extend(clear.into_iter().map(|(path, name)| ((dataset.clone(), path), name)));
            }
            if broken > 0 {
                *dry.broken.entry(dataset.clone()).or_default() += broken;
            }
            Ok(())
        },
    )?;
    job.observer.on(&Event::End { phase: Phase::Rewrite });
    Ok(dry)
}

/// A run without a bundle signs nothing.
struct Unsigned;

impl Signer for Unsigned {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519
    }
    fn spki(&self) -> Vec<u8> {
        Vec::new()
    }
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>> {
        Err(Error::new(error::Kind::Internal, "a run without a bundle signs nothing"))
    }
}
