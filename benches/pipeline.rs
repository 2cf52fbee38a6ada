//! Every step of the pipeline over the same bytes in one run, each beside the baseline: zlib-rs at
//! level 6 over those bytes. One thread; CPU time where the system tells it. Figures, no judgement:
//! compare the ratios, they carry from machine to machine.
//!
//! `cargo bench --bench pipeline` (`-- MIB`, default 32).

#[path = "generate.rs"]
mod generate;

use entra_bundle::bundle::manifest::{Cloud, Pseudonyms, Sensitivity, Tenant, Tool, Window};
use entra_bundle::bundle::{
    Check, Completeness, Draft, Learned, ManifestFacts, PackedPart, PartFacts, PartWriter, Trust, path,
    verify,
};
use entra_bundle::catalogue::{Catalogue, Layout, Source, Stream};
use entra_bundle::crypto::{Algorithm, PublicKey, SigningKey, sha256};
use entra_bundle::kind::Kind;
use entra_bundle::privacy::leak::LeakCheck;
use entra_bundle::privacy::{
    Dictionary, IncidentKey, Learner, Policy, Pseudonymizer, Redactor, Rules, Visitor,
};
use entra_bundle::record::{Form, Raw, Redacted, Statement};
use entra_bundle::source::local::{LocalFiles, Options};
use entra_bundle::source::{Item, Source as _};
use entra_bundle::workspace::{Workspace, WorkspaceKey};
use serde_json::{Value, json};
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const ROUNDS: usize = 3;

/// CPU time of this thread so far; without that, the time on the wall.
fn clock() -> Duration {
    thread_local!(static START: Instant = Instant::now());
    // The kernel brings the figure up to date when the thread gives way, else at its next tick.
    std::thread::yield_now();
    let cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = cpu.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.with(Instant::elapsed), Duration::from_nanos)
}

/// The best of some rounds, and what the last one gave.
fn best<T>(mut step: impl FnMut() -> T) -> (Duration, T) {
    let mut timed = || {
        let start = clock();
        let result = black_box(step());
        (clock().saturating_sub(start), result)
    };
    let first = timed();
    (1..ROUNDS).map(|_| timed()).fold(first, |best, next| (best.0.min(next.0), next.1))
}

/// The rows for one sort of data.
struct Table {
    bytes: u64,
    baseline: Duration,
}

impl Table {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let (baseline, packed) = best(|| deflate(bytes));
        let table = Table { bytes: bytes.len() as u64, baseline };
        println!("\n{name}: {:.1} MB", bytes.len() as f64 / 1e6);
        println!("  {:<44} {:>9} {:>10} {:>9}", "step", "s CPU", "MB/s", "x deflate");
        let ratio = bytes.len() as f64 / packed as f64;
        table.row(&format!("deflate 6, zlib-rs (ratio {ratio:.1}) = baseline"), baseline);
        table
    }

    fn row(&self, step: &str, time: Duration) {
        let seconds = time.as_secs_f64().max(1e-9);
        let speed = self.bytes as f64 / 1e6 / seconds;
        println!("  {step:<44} {seconds:>9.3} {speed:>10.0} {:>9.2}", seconds / self.baseline.as_secs_f64());
    }
}

fn deflate(bytes: &[u8]) -> usize {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything").len()
}

/// Everything the privacy steps need, learned from the users.
struct Privacy {
    rules: Rules,
    names: Pseudonymizer,
    dictionary: Dictionary,
}

impl Privacy {
    fn learn(users: &[Value]) -> Self {
        let policy = Policy::builtin("balanced").expect("the preset is there");
        let rules = Rules::resolve(&policy, Catalogue::builtin()).expect("the preset resolves");
        let names = Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).expect("a key");
        let stream = Stream::new(Source::Graph, "users");
        let mut visitor = Visitor::new(Catalogue::builtin(), &stream).expect("users are known");
        let mut learner = Learner::new();
        for user in users {
            let raw = Raw::new(user.to_string().into_bytes(), Form::Json);
            visitor.visit(&raw, &mut |kind, value| learner.learn(kind, value, "users"));
        }
        Privacy { rules, names, dictionary: learner.freeze() }
    }
}

/// The records of a file as its source would cut them; a line of a trace is a record here.
fn raws(bytes: &[u8], form: Form) -> impl Iterator<Item = Raw> + '_ {
    bytes.split_inclusive(|b| *b == b'\n').map(move |line| {
        let line = if form == Form::Json { line.strip_suffix(b"\n").unwrap_or(line) } else { line };
        Raw::new(line.to_vec(), form)
    })
}

fn split(path: &Path) -> u64 {
    let stop = AtomicBool::new(false);
    let source = LocalFiles::new(vec![path.to_owned()], Options::new(&stop)).expect("the file is there");
    let mut records = 0;
    for unit in source.units().expect("units") {
        let mut items = source.open(&unit, None).expect("the unit opens");
        while let Some(item) = items.next() {
            records += u64::from(matches!(item.expect("an item"), Item::Record(..)));
        }
    }
    assert!(records > 0, "the generated file is not recognised");
    records
}

fn run(name: &str, stream: &Stream, form: Form, bytes: &[u8], privacy: &Privacy, folder: &Path) {
    let table = Table::new(name, bytes);
    let file = folder.join("input");
    std::fs::write(&file, bytes).expect("room on the disk");
    table.row("source: split and recognise", best(|| split(&file)).0);

    table.row("workspace: encrypt and write", best(|| spool(stream, form, bytes, folder)).0);
    let key = WorkspaceKey::from_bytes([9; 32]);
    let workspace = Workspace::open(&folder.join("workspace"), &key).expect("it opens");
    let read = || {
        let slices = 0..workspace.streams()[0].slices;
        let records = slices.flat_map(|at| workspace.slice(stream, at).expect("a slice"));
        records.map(|raw| raw.expect("a record").len()).sum::<usize>()
    };
    table.row("workspace: read and decrypt", best(read).0);
    drop(workspace);

    let (time, learner) = best(|| {
        let mut visitor = Visitor::new(Catalogue::builtin(), stream).expect("the dataset is known").once();
        let mut learner = Learner::new();
        for raw in raws(bytes, form) {
            visitor.visit(&raw, &mut |kind, value| learner.learn(kind, value, &stream.dataset));
        }
        learner
    });
    table.row(&format!("learn ({} names)", learner.freeze().names()), time);
    let (time, redacted) = best(|| {
        let mut redactor = Redactor::new(&privacy.rules, &privacy.names, &privacy.dictionary, stream)
            .expect("the dataset is known");
        raws(bytes, form).map(|raw| redactor.apply(raw).expect("a record")).collect::<Vec<Redacted>>()
    });
    table.row("rewrite", time);
    let layout = if form == Form::Json { Layout::Jsonl } else { Layout::Text };
    finish(&table, stream, layout, &redacted, privacy, folder);
}

fn spool(stream: &Stream, form: Form, bytes: &[u8], folder: &Path) {
    let folder = folder.join("workspace");
    let _ = std::fs::remove_dir_all(&folder);
    let mut workspace =
        Workspace::create(&folder, &WorkspaceKey::from_bytes([9; 32]), &json!({})).expect("created");
    for raw in raws(bytes, form) {
        workspace.append(stream, &raw).expect("room on the disk");
    }
    workspace.commit(&json!({})).expect("room on the disk");
}

/// What is done to redacted records: compression with checksums, leak check, reading again.
fn finish(
    table: &Table,
    stream: &Stream,
    layout: Layout,
    redacted: &[Redacted],
    privacy: &Privacy,
    folder: &Path,
) {
    let pack = || {
        let mut parts = Vec::new();
        let mut part = PartWriter::new(stream, layout);
        for record in redacted {
            if part.raw_len() + record.bytes().len() as u64 + 1 > entra_bundle::bundle::PART_BYTES {
                parts.push(
                    std::mem::replace(&mut part, PartWriter::new(stream, layout)).finish().expect("a part"),
                );
            }
            part.write(record, None).expect("a record");
        }
        parts.push(part.finish().expect("a part"));
        parts
    };
    let (time, parts) = best(pack);
    let left: usize = redacted.iter().map(|record| record.bytes().len() + 1).sum();
    table.row(&format!("part: deflate, CRC, SHA-256 ({} % left)", 100 * left as u64 / table.bytes), time);
    let check = LeakCheck::new(&privacy.dictionary, privacy.rules.treated(), Vec::new());
    let (time, leaks) = best(|| {
        let found = parts.iter().map(|part| check.check("part", &mut part.inflate()).expect("memory").len());
        found.sum::<usize>()
    });
    table.row(&format!("leak check, inflate included ({leaks} findings)"), time);
    let inflate =
        || parts.iter().map(|p| std::io::copy(&mut p.inflate(), &mut std::io::sink()).expect("memory"));
    table.row("inflate alone", best(|| inflate().sum::<u64>()).0);
    let mut bytes = Vec::new();
    for part in &parts {
        part.inflate().read_to_end(&mut bytes).expect("memory");
    }
    table.row("SHA-256 alone", best(|| sha256(&bytes)).0);
    let key = SigningKey::from_pem(&SigningKey::generate(Algorithm::Ed25519).expect("a key")).expect("a key");
    let out = folder.join("bundle.zip");
    let size = seal(&out, parts, &key);
    let trust = Trust::from_public_key(PublicKey::from_pem(&key.public_pem()).expect("a key"));
    let (time, code) = best(|| verify(&out, &Check::new(trust.clone())).expect("it reads").code());
    assert_eq!(code, 0, "the bundle does not verify");
    table.row(&format!("verify a bundle of {:.1} MB", size as f64 / 1e6), time);
}

/// A bundle around the parts; its statements are the smallest ones that a reader takes.
fn seal(out: &Path, parts: Vec<PackedPart>, key: &SigningKey) -> u64 {
    let learned = Learned { names: 0, from: Vec::new() };
    let mut draft = Draft::create(out, true).expect("the folder is there");
    for part in parts {
        let about = PartFacts {
            min_time: None,
            max_time: None,
            label: Sensitivity::Pseudonymous,
            learned: learned.clone(),
        };
        draft.append(part, about).expect("room on the disk");
    }
    for (path, text) in [
        (path::COLLECTION, "{\"completeness\":{\"status\":\"complete\",\"datasets\":[]}}\n"),
        (path::POLICY, "{}\n"),
    ] {
        draft.statement(path, &Statement::fixed(text)).expect("room on the disk");
    }
    let tool = |text: &str| text.to_owned();
    let facts = ManifestFacts {
        bundle_id: None,
        created_at: tool("2026-11-20T09:00:00Z"),
        tool: Tool { name: tool("bench"), version: tool("1"), git_commit: None, target: tool("none") },
        tenant: Tenant { pseudonym: None, cloud: Cloud::Global },
        case_reference: None,
        window: Window { from: None, to: None },
        policy_id: None,
        policy_version: 1,
        approved_digest: None,
        catalogue_sha256: Catalogue::builtin().digest(),
        pseudonyms: Pseudonyms {
            key_id: tool("k-abcdefghij234"),
            recipient: None,
            key_held_by: None,
            destroy_after: None,
            ip_marked: true,
            dictionary_digest: tool("0123456789abcdef"),
        },
        learned,
        completeness: Completeness::of(Vec::new()),
    };
    draft.seal(facts, key, &mut |_, _| Ok(())).expect("the bundle is sealed").size
}

/// What a run waits for between its two passes, with a dictionary of half a million names.
fn ready() {
    const USERS: u32 = 125_000;
    let mut times = [Duration::MAX; 3];
    let mut names = 0;
    for _ in 0..ROUNDS {
        let mut learner = Learner::new();
        for user in 0..USERS {
            // Account and domain are learned with the name for signing in.
            learner.learn(Kind::Upn, &format!("given{user}.surname{}@contoso.com", user % 977), "users");
            learner.learn(Kind::PersonName, &format!("Given{user} Surname{}", user % 977), "users");
            learner.learn(Kind::Host, &format!("LAPTOP-{user:06X}"), "devices");
        }
        let start = clock();
        let policy = Policy::builtin("balanced").expect("the preset is there");
        let rules = Rules::resolve(&policy, Catalogue::builtin()).expect("the preset resolves");
        let resolved = clock();
        let dictionary = learner.freeze();
        let frozen = clock();
        black_box(LeakCheck::new(&dictionary, rules.treated(), Vec::new()));
        names = dictionary.names();
        let steps = [resolved - start, frozen - resolved, clock() - frozen];
        times = std::array::from_fn(|step| times[step].min(steps[step]));
    }
    let seconds = times.map(|time| time.as_secs_f64());
    println!(
        "ready with {names} names: {:.3} s (policy {:.3}, dictionary {:.3}, leak check {:.3})",
        seconds.iter().sum::<f64>(),
        seconds[0],
        seconds[1],
        seconds[2]
    );
}

fn main() {
    let mib = std::env::args().skip(1).find_map(|argument| argument.parse::<u64>().ok()).unwrap_or(32);
    if cfg!(debug_assertions) {
        println!("built without optimization: the figures mean nothing");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = mib << 20;
    let tenant = generate::tenant(bytes, 20_000);
    let users = generate::users(&tenant);
    let (time, privacy) = best(|| Privacy::learn(&users));
    println!(
        "learn {} users: {:.3} s, {} names",
        users.len(),
        time.as_secs_f64(),
        privacy.dictionary.names()
    );
    ready();
    let (mut sign_ins, mut audits, mut trace) = (Vec::new(), Vec::new(), Vec::new());
    generate::sign_ins(&tenant, bytes, &mut sign_ins).expect("memory");
    generate::audits(&tenant, bytes / 4, &mut audits).expect("memory");
    generate::trace(&users, bytes / 4, &mut trace).expect("memory");
    let graph = |dataset: &str| Stream::new(Source::Graph, dataset);
    let folder = folder.path();
    run("sign-ins", &graph("signins_interactive_user"), Form::Json, &sign_ins, &privacy, folder);
    run("audits", &graph("directory_audits"), Form::Json, &audits, &privacy, folder);
    let stream = Stream::new(Source::OnPrem, "aadc_wizard_trace");
    run("Entra Connect trace", &stream, Form::Text, &trace, &privacy, folder);
}
