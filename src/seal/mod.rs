//! Seal: workspace → bundle, in two passes. *Learn* reads every typed value and freezes the
//! dictionary; *rewrite* sends every record through the redactor into parts, each of which is
//! leak-checked from its finished bytes in the worker that made it, and appended in order.
//!
//! A finding of the leak check ends the run: nothing is renamed, the findings are returned. The
//! bundle is a function of workspace, catalogue, policy and key; the number of workers does not show.

mod collection;
pub mod dry;
mod entities;

mod learn;
mod order;
mod ordered;
mod path_names;
mod rewrite;

use crate::bundle::manifest::{Cloud, Pseudonyms, Sensitivity, Tenant, Tool, Window};
use crate::bundle::{self, Learned, ManifestFacts, PartFacts, Sealed, Statements, Volumes};
use crate::catalogue::{Catalogue, Layout, Order, Stream, time};
use crate::crypto::Signer;
use crate::error::{self, Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::privacy::people::Marks;
use crate::privacy::{
    Dictionary, Leak, LeakCheck, Policy, Pseudonymizer, RedactionReport, Rules, SchemaInventory, Tally,
};
use crate::record::Statement;
use crate::workspace::Workspace;
use entities::Watch;
use jiff::Timestamp;
use learn::learn;
use ordered::{aside, ordered};
use path_names::PathNames;
use rewrite::{Clock, Counted, Part, Parts, rewrite};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

pub use collection::{Collection, GatheredFile, REFUSED_FILES, Uploaded};
use collection::{PartRows, Rows};

/// What to seal with.
pub struct Job<'a> {
    /// The effective catalogue.
    pub catalogue: &'static Catalogue,
    /// The policy.
    pub policy: &'a Policy,
    /// Salts the digest of a customer's own policy: made once per policy version. `None` for a preset.
    pub policy_nonce: Option<[u8; 32]>,
    /// The policy joined with the catalogue.
    pub rules: &'a Rules,
    /// Makes pseudonyms under the incident key.
    pub names: &'a Pseudonymizer,
    /// Signs.
    pub signer: &'a dyn Signer,
    /// Every secret in memory, for the leak check.
    pub secrets: Vec<Zeroizing<Vec<u8>>>,
    /// Replace labels in texts that the frequency guard would leave.
    pub strict_names: bool,
    /// Worker threads.
    pub workers: usize,
    /// The bundle's id.
    pub bundle_id: String,
    /// Time of writing.
    pub created_at: Timestamp,
    /// Case reference, already checked.
    pub case: Option<String>,
    /// The time window that was gathered, `[from, to)`.
    pub window: (Option<Timestamp>, Option<Timestamp>),
    /// Commit the program was built from, if known.
    pub git_commit: Option<String>,
    /// Receives progress.
    pub observer: &'a dyn Observer,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
}

/// How sealing ended.
pub enum Outcome {
    /// The bundle exists under its name.
    Sealed(Box<Done>),
    /// The leak check found something; there is no bundle.
    Leaks(Vec<Leak>),
}

/// What was sealed.
pub struct Done {
    /// The finished files and their digests: one, or the volumes of a series in their order.
    pub sealed: Vec<Sealed>,
    /// Names in the dictionary.
    pub learned: u64,
    /// Datasets they came from.
    pub learned_from: Vec<String>,
    /// Records in the bundle.
    pub rows: u64,
    /// Parts in the bundle.
    pub parts: u64,
    /// Members dropped because no row of the catalogue covers them.
    pub undeclared: u64,
    /// Soft originals that stand in the bundle as ordinary words, counted.
    pub soft: u64,
    /// Account labels that are words of these logs and were replaced beside a cue only.
    pub guarded: u64,
    /// Words that were left out of texts because no directory was read; `None` where one was, or where
    /// the policy does without.
    pub words_left_out: Option<u64>,
    /// Datasets that are complete, partial, skipped.
    pub datasets: [u64; 3],
    /// Files of which nothing was taken.
    pub refused: u64,
    /// Whether the run ends with exit code 3.
    pub incomplete: bool,
}

/// Room for `completeness` in an early volume.
const COMPLETENESS: u64 = 48 * 1024;

/// One slice of one stream: the unit of work of both passes.
struct Task {
    stream: Stream,
    slice: u64,
    layout: Layout,
    order: Order,
    /// Raw bytes of the stream.
    total: u64,
    /// Uncompressed bytes that a part should not pass.
    part_bytes: u64,
}

/// One step of pass two: a slice whose records stay as they came, or a stretch of a stream that was
/// put in order.
enum Step {
    Slice(usize),
    Stretch { task: usize, stream: usize, stretch: order::Stretch, bytes: u64 },
}

/// What a step gave.
struct Stepped {
    parts: Vec<Part>,
    leaks: Vec<Leak>,
    counted: Counted,
}

/// Seals the workspace into a bundle, or into the volumes of a series.
///
/// # Errors
/// A redaction, key or I/O error stops everything; no file is left.
pub fn run(job: &Job<'_>, workspace: &Workspace, mut volumes: Volumes) -> Result<Outcome> {
    let part_bytes = volumes.part_bytes().unwrap_or(bundle::PART_BYTES).min(bundle::PART_BYTES);
    let tasks = tasks(job.catalogue, workspace, part_bytes)?;
    let total = workspace.streams().iter().map(|size| size.bytes).sum();
    let (dictionary, suffixes) = learn(job, workspace, &tasks, total)?;
    let learned = Learned { names: dictionary.names(), from: dictionary.sources() };
    // It sorts a token of every name: now, where little is held, and not at the end, where most is.
    let digest = aside(|| dictionary.digest(job.names));
    let leak_check = LeakCheck::new(&dictionary, job.rules.treated(), job.secrets.clone())
        .keeping_private_addresses(job.rules.keeps_private_addresses())
        .keeping_addresses(if job.rules.keeps_risky_addresses() { dictionary.risky() } else { &[] })
        .allowing(job.policy.allowed_words());

    let projection = job.rules.projection(job.policy_nonce.as_ref())?;
    let mut each = Statements::new();
    each.insert("meta/policy.json".into(), projection.statement()?.into());
    let meta = bundle::footprint(&each)? + COMPLETENESS;

    job.observer.on(&Event::Begin { phase: Phase::Rewrite, total: Some(total) });
    let mut tally = Tally::default();
    tally.note_guarded(dictionary.guarded());
    let mut leaks = Vec::new();
    let mut too_large: BTreeMap<String, u64> = BTreeMap::new();
    let mut rows = PartRows::new();
    let mut count = |task: &Task, counted: Counted, bytes: u64| {
        job.observer.on(&Event::Advance { phase: Phase::Rewrite, bytes, records: counted.records });
        tally.merge(counted.tally);
        if counted.too_large > 0 {
            *too_large.entry(task.stream.dataset.clone()).or_default() += counted.too_large;
        }
    };
    // First what must be put in order, then all parts, stream by stream.
    let room = order::Room::new();
    let to_sort: Vec<&Task> = tasks.iter().filter(|task| task.order != Order::Given).collect();
    let mut sorted: BTreeMap<&Stream, Vec<order::Sorted<'_>>> = BTreeMap::new();
    let (unmarked, mut marks, mut entities) = (Marks::default(), Vec::new(), Vec::new());
    ordered(
        to_sort.len(),
        job.workers,
        |task| {
            let task = to_sort[task];
            let to_watch = (&unmarked, &suffixes);
            let watch = Watch::new(job, workspace, to_watch, &task.stream.dataset);
            order::sort(job, workspace, &dictionary, task, watch, &room)
        },
        |task, slice| {
            sorted.entry(&to_sort[task].stream).or_default().push(slice.sorted);
            if let Some((drafts, observed)) = slice.seen {
                entities.push(drafts);
                marks.push(observed);
            }
            let bytes = slice.counted.bytes.div_ceil(2);
            count(to_sort[task], slice.counted, bytes);
            Ok(())
        },
    )?;
    let sorted: Vec<Vec<order::Sorted<'_>>> = sorted.into_values().collect();
    let steps = steps(&tasks, &sorted);
    ordered(
        steps.len(),
        job.workers,
        |step| match &steps[step] {
            Step::Slice(task) => {
                let task = &tasks[*task];
                let (clock, mut parts) = (Clock::new(job, task), Parts::new(&leak_check, task));
                let counted = rewrite(
                    job,
                    workspace,
                    &dictionary,
                    task,
                    |_, _| Ok(()),
                    |record, _, time| parts.push(&record, time.or_else(|| clock.read(&record))),
                )?;
                let (parts, leaks) = parts.finish()?;
                Ok(Stepped { parts, leaks, counted })
            }
            Step::Stretch { task, stream, stretch, .. } => {
                let (parts, leaks) =
                    order::merge(job, &leak_check, &tasks[*task], &sorted[*stream], stretch)?.finish()?;
                Ok(Stepped { parts, leaks, counted: Counted::default() })
            }
        },
        |step, stepped| {
            let (task, bytes) = match &steps[step] {
                Step::Slice(task) => (&tasks[*task], stepped.counted.bytes),
                Step::Stretch { task, bytes, .. } => (&tasks[*task], *bytes),
            };
            count(task, stepped.counted, bytes);
            leaks.extend(stepped.leaks);
            for (part, earliest, latest) in stepped.parts {
                if !leaks.is_empty() {
                    continue; // nothing will be renamed; only the findings matter from here on
                }
                rows.entry(task.stream.clone())
                    .or_insert_with(|| Rows {
                        ending: ending(task.layout),
                        order: task.order,
                        parts: Vec::new(),
                    })
                    .parts
                    .push(part.rows());
                let facts = PartFacts {
                    min_time: earliest.map(time::format),
                    max_time: latest.map(time::format),
                    label: label(job.rules),
                    learned: learned.clone(),
                };
                volumes.append(part, facts, meta)?;
            }
            Ok(())
        },
    )?;
    drop((steps, sorted));
    job.observer.on(&Event::End { phase: Phase::Rewrite });
    if !leaks.is_empty() {
        return Ok(Outcome::Leaks(leaks));
    }

    job.observer.on(&Event::Begin { phase: Phase::Sign, total: None });
    let ledger = workspace.units()?;
    let mut paths = PathNames::new(job, &dictionary)?;
    let collection =
        collection::of(&ledger, &rows, &too_large, Uploaded::of_header(workspace.header()), &mut |name| {
            paths.treat(name)
        });
    let completeness = collection.completeness.clone();
    let entities = aside(|| {
        let mut all = unmarked;
        marks.into_iter().for_each(|observed| all.take(observed));
        entities::write(job, &entities, all)
    })?;
    each.insert("meta/collection.json".into(), Statement::of(&collection.without_files())?.into());
    let mut statements = Statements::new();
    statements.extend(entities.into_iter().map(|(name, packed)| (name, packed.into())));
    statements.insert("meta/collection.json".into(), Statement::of(&collection)?.into());
    statements.insert("meta/policy.json".into(), projection.statement()?.into());
    statements
        .insert("meta/redaction-report.json".into(), Statement::of(&RedactionReport::of(&tally)?)?.into());
    for schema in SchemaInventory::of(&tally)? {
        statements.insert(format!("meta/schema/{}.json", schema.dataset), Statement::of(&schema)?.into());
    }
    let mut inspect = |entry: &str, bytes: &mut dyn Read| -> Result<()> {
        leaks.extend(leak_check.check(entry, &mut entry.as_bytes())?);
        leaks.extend(leak_check.check(entry, bytes)?);
        if leaks.is_empty() {
            Ok(())
        } else {
            Err(Error::new(error::Kind::Privacy, "the leak check found an identifying value"))
        }
    };
    let sealed = (|| {
        for (path, statement) in statements.iter().chain(&each) {
            inspect(path, &mut *statement.reader())?;
        }
        let inspect = &mut |entry: &str, mut bytes: &[u8]| inspect(entry, &mut bytes);
        let facts = facts(job, digest.clone(), learned.clone(), completeness.clone());
        if job.names.collided() {
            return Err(collision());
        }
        volumes.seal(&statements, &each, &facts, job.signer, inspect)
    })();
    let sealed = match sealed {
        Err(_) if !leaks.is_empty() => return Ok(Outcome::Leaks(leaks)),
        other => other?,
    };
    job.observer.on(&Event::End { phase: Phase::Sign });
    Ok(Outcome::Sealed(Box::new(done(
        sealed,
        &dictionary,
        &tally,
        &rows,
        leak_check.soft_hits(),
        &collection,
    ))))
}

fn collision() -> Error {
    Error::new(error::Kind::Privacy, "two different values have the same pseudonym under this incident key")
        .hint("make a new incident key with `entra-bundle key generate incident` and seal again; the gathered data can stay")
}

fn tasks(catalogue: &Catalogue, workspace: &Workspace, part_bytes: u64) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    let mut sizes = workspace.streams();
    // Physical order is the bytewise order of paths: `data/<source>/<dataset>/…`.
    sizes.sort_by_key(|size| format!("{}/{}/", size.stream.source.id(), size.stream.dataset));
    for size in sizes {
        let dataset = catalogue.dataset(&size.stream.dataset).ok_or_else(|| {
            Error::new(
                error::Kind::Unsupported,
                "the workspace holds a dataset that this version does not know",
            )
            .hint("give the --catalogue with which it was gathered, or seal it with the version that gathered it")
        })?;
        for slice in 0..size.slices {
            let (layout, order) = (dataset.layout, dataset.order());
            let (stream, total) = (size.stream.clone(), size.bytes);
            tasks.push(Task { stream, slice, layout, order, total, part_bytes });
        }
    }
    Ok(tasks)
}

/// The steps of pass two in the order of the bundle. `sorted` holds the streams that were put in
/// order, sorted by their names.
fn steps(tasks: &[Task], sorted: &[Vec<order::Sorted<'_>>]) -> Vec<Step> {
    let mut streams: Vec<&Stream> =
        tasks.iter().filter(|task| task.order != Order::Given).map(|task| &task.stream).collect();
    streams.sort_unstable();
    streams.dedup();
    let mut steps = Vec::new();
    for (at, task) in tasks.iter().enumerate() {
        match streams.binary_search(&&task.stream) {
            Err(_) => steps.push(Step::Slice(at)),
            Ok(stream) if task.slice == 0 => {
                let stretches = order::stretches(&sorted[stream]);
                let bytes = task.total / 2 / stretches.len().max(1) as u64;
                steps.extend(stretches.into_iter().map(|stretch| Step::Stretch {
                    task: at,
                    stream,
                    stretch,
                    bytes,
                }));
            }
            Ok(_) => {}
        }
    }
    steps
}

fn stopped(job: &Job<'_>) -> Result<()> {
    if job.stop.load(Ordering::Relaxed) {
        return Err(Error::new(
            error::Kind::Interrupted,
            "interrupted; the workspace is kept, no bundle was written",
        ));
    }
    Ok(())
}

fn label(rules: &Rules) -> Sensitivity {
    use crate::kind::Kind;
    let direct = [Kind::Upn, Kind::PersonName, Kind::Account, Kind::Host, Kind::IpAddress, Kind::ObjectId];
    if direct.iter().all(|kind| rules.treated().contains(*kind)) {
        Sensitivity::Pseudonymous
    } else {
        Sensitivity::Identifiable
    }
}

/// File ending of a part's layout.
fn ending(layout: Layout) -> &'static str {
    match layout {
        Layout::Jsonl => "jsonl",
        Layout::Text => "txt",
        Layout::Xml => "xml",
    }
}

fn facts(
    job: &Job<'_>,
    dictionary_digest: String,
    learned: Learned,
    completeness: crate::bundle::Completeness,
) -> ManifestFacts {
    let (from, to) = job.window;
    ManifestFacts {
        bundle_id: Some(job.bundle_id.clone()),
        created_at: time::format(job.created_at),
        tool: Tool {
            name: "entra-bundle".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            git_commit: job.git_commit.clone(),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        },
        tenant: Tenant { pseudonym: None, cloud: Cloud::Global },
        case_reference: job.case.clone(),
        window: Window { from: from.map(time::format), to: to.map(time::format) },
        policy_id: job.policy.builtin_name().map(str::to_owned),
        policy_version: job.policy.version(),
        approved_digest: None,
        catalogue_sha256: job.catalogue.digest(),
        pseudonyms: Pseudonyms {
            key_id: job.names.key_id().to_owned(),
            recipient: None,
            key_held_by: None,
            destroy_after: None,
            ip_marked: true,
            dictionary_digest,
        },
        learned,
        completeness,
    }
}

fn done(
    sealed: Vec<Sealed>,
    dictionary: &Dictionary,
    tally: &Tally,
    rows: &PartRows,
    soft: u64,
    collection: &Collection,
) -> Done {
    let mut datasets = [0; 3];
    let mut refused = 0;
    for dataset in &collection.completeness.datasets {
        use crate::event::Outcome as O;
        if dataset.dataset == REFUSED_FILES {
            refused += dataset.detail.as_ref().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
            continue;
        }
        match dataset.outcome {
            O::Complete | O::Empty => datasets[0] += 1,
            O::Partial => datasets[1] += 1,
            O::Skipped | O::Failed => datasets[2] += 1,
        }
    }
    Done {
        sealed,
        learned: dictionary.names(),
        learned_from: dictionary.sources(),
        rows: rows.values().flat_map(|rows| &rows.parts).sum(),
        parts: rows.values().map(|rows| rows.parts.len() as u64).sum(),
        undeclared: tally.undeclared(),
        soft,
        guarded: dictionary.guarded(),
        words_left_out: dictionary.keeps_wording_only().then(|| tally.words_left_out()),
        datasets,
        refused,
        incomplete: collection.completeness.datasets.iter().any(|dataset| dataset.outcome.is_incomplete()),
    }
}
