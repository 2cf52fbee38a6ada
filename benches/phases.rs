//! `collect` over files of yours, phase by phase, in CPU seconds of the whole process (all threads, system
//! time included), beside `zip -6` of the same files in the same run. The phases are those of the event
//! stream; what lies between them is `rest`. Figures, no judgement.
//!
//! `cargo bench --bench phases -- [WORKERS] FILE…`

use entra_bundle::bundle::Volumes;
use entra_bundle::catalogue::Catalogue;
use entra_bundle::crypto::{Algorithm, SigningKey};
use entra_bundle::event::{Event, Phase};
use entra_bundle::gather::{self, Selection};
use entra_bundle::privacy::collision::TokenWatch;
use entra_bundle::privacy::{IncidentKey, Policy, Pseudonymizer, Rules};
use entra_bundle::seal::{self, Job};
use entra_bundle::source::local::{LocalFiles, Options};
use entra_bundle::workspace::{Workspace, WorkspaceKey};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use zeroize::Zeroizing;

const ROUNDS: usize = 3;

/// CPU seconds of this process, or of its children that ended (user and system). The kernel counts in
/// hundredths of a second. `None` where it does not tell.
fn cpu(children: bool) -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: user and system time, then those of children.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let from = if children { 13 } else { 11 };
    let ticks: u64 = fields.get(from..from + 2)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(ticks as f64 / 100.0)
}

/// Time on the wall and CPU seconds since a start.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: f64,
    cpu: f64,
}

struct Start(Instant, f64, bool);

impl Start {
    fn now(children: bool) -> Start {
        Start(Instant::now(), cpu(children).unwrap_or_default(), children)
    }

    fn spent(&self) -> Spent {
        Spent { wall: self.0.elapsed().as_secs_f64(), cpu: cpu(self.2).unwrap_or_default() - self.1 }
    }
}

/// The phases that ended, and the one that is open.
#[derive(Default)]
struct Told {
    ended: Vec<(Phase, Spent)>,
    open: Option<Start>,
}

/// One round: gather, learn, rewrite, sign, the rest, the whole.
fn collect(files: &[PathBuf], workers: usize) -> Result<[Spent; 6], Box<dyn std::error::Error>> {
    let whole = Start::now(false);
    let folder = tempfile::tempdir()?;
    let phases: Mutex<Told> = Mutex::default();
    let observer = |event: &Event<'_>| {
        let mut held = phases.lock().expect("no panic while it is held");
        match event {
            Event::Begin { .. } => held.open = Some(Start::now(false)),
            Event::End { phase } => {
                if let Some(start) = held.open.take() {
                    held.ended.push((*phase, start.spent()));
                }
            }
            _ => {}
        }
    };
    let stop = AtomicBool::new(false);
    let key = WorkspaceKey::generate()?;
    let header = serde_json::json!({"schema": "bench"});
    let mut workspace = Workspace::create(&folder.path().join("workspace"), &key, &header)?;
    let source = LocalFiles::new(files.to_vec(), Options::new(&stop))?;
    let selection = Selection::default();
    let catalogue = Catalogue::builtin();
    gather::run(&gather::Run { source: &source, selection, catalogue, observer: &observer }, &mut workspace)?;

    let policy = Policy::builtin("balanced").ok_or("the policy is built in")?;
    let rules = Rules::resolve(&policy, catalogue)?;
    let incident = IncidentKey::generate()?;
    let names = Pseudonymizer::new(&incident)?.watched(TokenWatch::default());
    let signer = SigningKey::from_pem(&SigningKey::generate(Algorithm::Ed25519)?)?;
    let job = Job {
        catalogue: rules.catalogue(),
        policy: &policy,
        policy_nonce: None,
        rules: &rules,
        names: &names,
        signer: &signer,
        secrets: vec![Zeroizing::new(incident.bytes().to_vec())],
        strict_names: false,
        workers,
        bundle_id: entra_bundle::bundle::new_bundle_id()?,
        created_at: jiff::Timestamp::from_second(jiff::Timestamp::now().as_second())?,
        case: None,
        window: (None, None),
        git_commit: None,
        observer: &observer,
        stop: &stop,
    };
    let out = folder.path().join("bundle.zip");
    let volumes = Volumes::create(&out, false, None, None)?.with_workers(workers);
    match seal::run(&job, &workspace, volumes)? {
        seal::Outcome::Sealed(_) => {}
        seal::Outcome::Leaks(leaks) => return Err(format!("{} findings, no bundle", leaks.len()).into()),
    }
    let whole = whole.spent();
    let held = phases.lock().expect("no panic while it is held");
    let of = |wanted: Phase| {
        let all = held.ended.iter().filter(|(phase, _)| *phase == wanted).map(|(_, spent)| *spent);
        all.fold(Spent::default(), |sum, one| Spent { wall: sum.wall + one.wall, cpu: sum.cpu + one.cpu })
    };
    let [gather, learn, rewrite, sign] = [Phase::Gather, Phase::Learn, Phase::Rewrite, Phase::Sign].map(of);
    let told = [gather, learn, rewrite, sign];
    let rest = |by: fn(&Spent) -> f64| (by(&whole) - told.iter().map(by).sum::<f64>()).max(0.0);
    let rest = Spent { wall: rest(|spent| spent.wall), cpu: rest(|spent| spent.cpu) };
    Ok([gather, learn, rewrite, sign, rest, whole])
}

fn zip(files: &[PathBuf]) -> Option<Spent> {
    let folder = tempfile::tempdir().ok()?;
    let start = Start::now(true);
    let mut command = Command::new("zip");
    command.args(["-q", "-6", "-j"]).arg(folder.path().join("o.zip")).args(files).stdout(Stdio::null());
    command.status().ok()?.success().then(|| start.spent())
}

/// The round with the least CPU seconds.
fn best<T>(mut round: impl FnMut() -> Option<T>, cpu: impl Fn(&T) -> f64) -> Option<T> {
    (0..ROUNDS).filter_map(|_| round()).min_by(|one, two| cpu(one).total_cmp(&cpu(two)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo adds flags of its own.
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let workers = match arguments.first().and_then(|first| first.parse().ok()) {
        Some(workers) => {
            arguments.remove(0);
            workers
        }
        None => 2,
    };
    let files: Vec<PathBuf> = arguments.into_iter().map(PathBuf::from).collect();
    if files.is_empty() {
        println!("SKIPPED: no files given; cargo bench --bench phases -- [WORKERS] FILE…");
        return Ok(());
    }
    if cpu(false).is_none() {
        println!("SKIPPED: this system does not tell CPU times in /proc");
        return Ok(());
    }
    let baseline = best(|| zip(&files), |spent| spent.cpu);
    let round = || collect(&files, workers).map_err(|error| eprintln!("FAILED: {error}")).ok();
    let Some(spent) = best(round, |spent| spent[5].cpu) else { std::process::exit(1) };
    println!("{:<10} {:>8} {:>8} {:>14} {:>14}", "phase", "CPU s", "wall s", "CPU x zip -6", "wall x zip -6");
    let row = |name: &str, spent: Spent| {
        let ratio = |own: f64, other: Option<f64>| {
            other.filter(|other| *other > 0.0).map_or("-".to_owned(), |other| format!("{:.2}", own / other))
        };
        let cpu = ratio(spent.cpu, baseline.map(|zip| zip.cpu));
        let wall = ratio(spent.wall, baseline.map(|zip| zip.wall));
        println!("{name:<10} {:>8.2} {:>8.2} {cpu:>14} {wall:>14}", spent.cpu, spent.wall);
    };
    match baseline {
        Some(zip) => row("zip -6", zip),
        None => println!("SKIPPED: zip is not installed"),
    }
    for (name, spent) in ["gather", "learn", "rewrite", "sign", "rest", "collect"].into_iter().zip(spent) {
        row(name, spent);
    }
    Ok(())
}
