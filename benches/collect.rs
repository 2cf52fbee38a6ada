//! Collecting from a simulated tenant over HTTP: wall against what the throttle allows, 429 answers,
//! lanes against one lane, memory.
//!
//! `cargo bench --bench collect` prints the rows of docs/performance.md. A documented second takes
//! 0.05 s here, for the server and for us. `cargo bench --bench collect -- memory 1000000` gathers so
//! many sign-ins with the program in a process of its own (`ENTRA_BUNDLE=path`) and prints its peak.

use entra_bundle::catalogue::Catalogue;
use entra_bundle::catalogue::graph::Requests;
use entra_bundle::demo::http::{Accounts, Options, Server};
use entra_bundle::demo::tenant::{Scale, Tenant};
use entra_bundle::event::silent;
use entra_bundle::gather::Selection;
use entra_bundle::gather::service::{self, ServiceRun, Wanted};
use entra_bundle::http::{Address, Network};
use entra_bundle::source::auth::{Credential, SignIn};
use entra_bundle::source::graph::{Graph, Pace, Question};
use entra_bundle::workspace::{Workspace, WorkspaceKey};
use jiff::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

const NOW: &str = "2026-11-20T12:00:00Z";
const FROM: &str = "2026-11-13T12:00:00Z";
const LOG: &str = "signins_interactive_user";
/// Real seconds for a documented one.
const SCALE: f64 = 0.05;

fn tenant(sign_ins: usize) -> Tenant {
    Tenant::simulate(&Scale { users: 200, sign_ins, audits: 300, ..Scale::new(NOW.parse().unwrap()) })
}

/// Gathers the log, and tells wall time, requests, 429 answers and records.
fn gather(options: Options, sign_ins: usize, pace: Pace) -> (Duration, u64, u64, u64) {
    let server = Server::start(tenant(sign_ins), options).unwrap();
    let address = Address::parse(&server.address).unwrap();
    let accounts = Accounts::default();
    let sign_in = SignIn {
        credential: Credential::Secret {
            client_id: accounts.client_id,
            secret: Zeroizing::new(accounts.secret),
        },
        login: address.clone(),
        tenant: "contoso.com".into(),
        resource: address,
        network: Network::default(),
        now: Timestamp::now,
        announce: Box::new(|_| {}),
    };
    let graph = Graph::new(sign_in, &Network::default(), pace).unwrap();
    graph.sign_in().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = WorkspaceKey::generate().unwrap();
    let mut workspace = Workspace::create(&folder.path().join("w"), &key, &serde_json::Value::Null).unwrap();
    let window = (FROM.parse().ok(), NOW.parse().ok());
    let run = ServiceRun {
        graph: &graph,
        wanted: vec![Wanted {
            row: Requests::builtin().row(LOG).unwrap().clone(),
            question: Question { from: window.0, to: window.1, conditions: Vec::new() },
            skip: None,
            scoped: (Vec::new(), Vec::new()),
        }],
        selection: Selection { from: window.0, to: window.1, ..Selection::default() },
        catalogue: Catalogue::builtin(),
        observer: &silent,
        stop: &AtomicBool::new(false),
        deadline: None,
    };
    let begin = Instant::now();
    let summary = service::run(&run, &mut workspace).unwrap();
    let wall = begin.elapsed();
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    (wall, count(&server.counts.requests), count(&server.counts.throttled), summary.records)
}

fn throttled() {
    println!("latency   pages   requests   429   wall / minimum");
    for latency in [0.1, 1.0, 3.0, 8.0] {
        let options = Options {
            latency: Duration::from_secs_f64(latency * SCALE),
            throttle: Some(SCALE),
            most_per_page: 10,
            ..Options::default()
        };
        let pace = Pace { scale: SCALE, ..Pace::default() };
        let (wall, requests, refused, records) = gather(options, 2_500, pace);
        let pages = records.div_ceil(10);
        // Five at once, then five in every ten seconds; and the last page has to come.
        let minimum = ((pages as f64 / 5.0).ceil() - 1.0) * 10.0 * SCALE + latency * SCALE;
        println!(
            "{latency:>5} s   {pages:>5}   {requests:>8}   {refused:>3}   {:.3}",
            wall.as_secs_f64() / minimum
        );
    }
}

fn unthrottled() {
    let run = |lanes| {
        let options =
            Options { latency: Duration::from_millis(100), most_per_page: 200, ..Options::default() };
        gather(options, 40_000, Pace { scale: 0.000_1, lanes })
    };
    let (one, ..) = run(1);
    let (all, requests, _, records) = run(8);
    println!("\nunthrottled, 100 ms a page, {records} records in {requests} requests");
    println!("one lane {one:.2?}, lanes {all:.2?}: {:.2} x", one.as_secs_f64() / all.as_secs_f64());
    println!("{:.0} records a second", records as f64 / all.as_secs_f64());
}

/// Peak memory of the program in a process of its own.
fn memory(sign_ins: usize) {
    let server = Server::start(tenant(sign_ins), Options::default()).unwrap();
    let accounts = Accounts::default();
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::var("ENTRA_BUNDLE").expect("ENTRA_BUNDLE names the program");
    let mut command = std::process::Command::new(program);
    command
        .args([
            "gather",
            "--tenant",
            "contoso.com",
            "--authority",
            &server.address,
            "--graph-url",
            &server.address,
        ])
        .args([
            "--client-id",
            &accounts.client_id,
            "--client-secret-env",
            "APP_SECRET",
            "--from",
            FROM,
            "--to",
            NOW,
        ])
        .arg("--workspace")
        .arg(folder.path().join("w"))
        .env("APP_SECRET", &accounts.secret)
        .env("ENTRA_BUNDLE_TIME_SCALE", "0.0001")
        .env("ENTRA_BUNDLE_STATE", folder.path().join("state"))
        .env("ENTRA_BUNDLE_CONFIG", folder.path().join("config"));
    for kind in ["interactive_user", "non_interactive_user", "service_principal", "managed_identity"] {
        command.args(["--dataset", &format!("signins_{kind}")]);
    }
    let begin = Instant::now();
    let mut process = command.spawn().unwrap();
    let status = format!("/proc/{}/status", process.id());
    let mut peak = 0u64;
    while process.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("{sign_ins} sign-ins: peak {:.1} MiB, {:.1?}", peak as f64 / 1024.0, begin.elapsed());
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("memory") => memory(args.get(1).and_then(|n| n.parse().ok()).unwrap_or(100_000)),
        _ => {
            throttled();
            unthrottled();
        }
    }
}
