//! Collecting from a simulated tenant over HTTP: wall against what the throttle allows, 429 answers,
//! lanes against one lane, memory.
//!
//! `cargo bench --bench collect` prints the rows of docs/performance.md. A documented second takes
//! 0.1 s here, for the server and for us; `-- throttled SCALE [LATENCY]` takes another scale (1: true
//! time) and one latency. `cargo bench --bench collect -- memory 1000000` gathers so
//! many sign-ins with the program in a process of its own (`ENTRA_BUNDLE=path`) and prints its peak.
//! `-- first` prints how long that program takes to its first record; `-- sdk` compares with Microsoft's
//! SDK for Python (`benches/compare-sdk` installs it).

use entra_bundle::catalogue::graph::Requests;
use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::crypto::{hex, sha256};
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
/// Before the first audit.
const EARLIEST: &str = "2026-10-20T12:00:00Z";
const LOG: &str = "signins_interactive_user";
/// Real seconds for a documented one.
const SCALE: f64 = 0.1;
/// Documented seconds that a page takes.
const LATENCIES: [f64; 4] = [0.1, 1.0, 3.0, 8.0];
/// Records a page, and sign-ins of which the interactive ones make a hundred pages.
const PER_PAGE: usize = 100;
const SIGN_INS: usize = 29_300;

fn tenant(sign_ins: usize, audits: usize) -> Tenant {
    Tenant::simulate(&Scale { users: 200, sign_ins, audits, ..Scale::new(NOW.parse().unwrap()) })
}

/// What a gathering took.
struct Gathered {
    wall: Duration,
    requests: u64,
    refused: u64,
    records: u64,
    /// Digests of the records, sorted.
    digests: Vec<[u8; 32]>,
}

/// Gathers a log from the server.
fn gather(server: &Server, log: &str, pace: Pace) -> Gathered {
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
    let from = if log == LOG { FROM } else { EARLIEST };
    let window = (from.parse().ok(), NOW.parse().ok());
    let run = ServiceRun {
        graph: &graph,
        wanted: vec![Wanted {
            row: Requests::builtin().row(log).unwrap().clone(),
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
    Gathered {
        wall,
        requests: count(&server.counts.requests),
        refused: count(&server.counts.throttled),
        records: summary.records,
        digests: digests(&workspace, log),
    }
}

/// The digests of the records that a workspace holds of a log, sorted.
fn digests(workspace: &Workspace, log: &str) -> Vec<[u8; 32]> {
    let mut digests = workspace.digests(&Stream::new(Source::Graph, log)).unwrap();
    digests.sort_unstable();
    digests
}

/// A hundred pages in the documented throttle.
fn throttled(latencies: &[f64], scale: f64) {
    println!("one documented second = {scale} s");
    println!("latency   pages   requests   429   wall / minimum");
    for latency in latencies {
        let options = Options {
            latency: Duration::from_secs_f64(latency * scale),
            throttle: Some(scale),
            most_per_page: PER_PAGE,
            ..Options::default()
        };
        let pace = Pace { scale, ..Pace::default() };
        let server = Server::start(tenant(SIGN_INS, 300), options).unwrap();
        let Gathered { wall, requests, refused, records, .. } = gather(&server, LOG, pace);
        let pages = records.div_ceil(PER_PAGE as u64);
        // Five at once, then five in every ten seconds; and the last page has to come.
        let minimum = ((pages as f64 / 5.0).ceil() - 1.0) * 10.0 * scale + latency * scale;
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
        let server = Server::start(tenant(40_000, 300), options).unwrap();
        gather(&server, LOG, Pace { scale: 0.000_1, lanes })
    };
    let (one, all) = (run(1), run(8));
    println!("\nunthrottled, 100 ms a page, {} records in {} requests", all.records, all.requests);
    let times = one.wall.as_secs_f64() / all.wall.as_secs_f64();
    println!("one lane {:.2?}, lanes {:.2?}: {times:.2} x", one.wall, all.wall);
    println!("{:.0} records a second", all.records as f64 / all.wall.as_secs_f64());
}

/// The same audits with us and with the SDK of Microsoft for Python: 1,000 a page, 100 ms a page.
fn sdk(records: usize) {
    let Ok(folder) = std::env::var("MSGRAPH_SDK") else {
        println!("SKIPPED: MSGRAPH_SDK does not name the folder of msgraph-sdk (benches/compare-sdk)");
        return;
    };
    let options = || Options { latency: Duration::from_millis(100), ..Options::default() };
    let server = Server::start(tenant(300, records), options()).unwrap();
    let ours = gather(&server, "directory_audits", Pace { scale: 0.000_1, ..Pace::default() });
    let accounts = Accounts::default();
    let ran = std::process::Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/read_with_sdk.py"))
        .args([&server.address, &accounts.client_id, &folder])
        .env("APP_SECRET", &accounts.secret)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let theirs: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    // Both hold all audits of the tenant: we their bytes, the SDK its objects.
    let all = tenant(300, records).collection("directory_audits").unwrap();
    let mut served: Vec<[u8; 32]> = all.iter().map(|audit| sha256(audit.to_string().as_bytes())).collect();
    served.sort_unstable();
    assert!(ours.digests == served, "our records are not those of the tenant");
    let mut ids: Vec<&str> = all.iter().map(|audit| audit["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(theirs["ids"], hex(&sha256(ids.join("\n").as_bytes())), "the SDK's records are others");
    let seconds = theirs["seconds"].as_f64().unwrap();
    let rate = |seconds: f64| ours.records as f64 / seconds;
    println!("{} audits, 1,000 and 100 ms a page, the same records", ours.records);
    println!(
        "msgraph-sdk {:.0} records a second, ours {:.0}: {:.1} x",
        rate(seconds),
        rate(ours.wall.as_secs_f64()),
        seconds / ours.wall.as_secs_f64()
    );
}

/// The program, ready to gather sign-ins from the server into a folder.
fn program(server: &Server, folder: &std::path::Path) -> std::process::Command {
    let program = std::env::var("ENTRA_BUNDLE").expect("ENTRA_BUNDLE names the program");
    let mut command = std::process::Command::new(program);
    command
        .args(["gather", "--tenant", "contoso.com", "--authority", &server.address])
        .args(["--graph-url", &server.address, "--from", FROM, "--to", NOW, "--workspace"])
        .arg(folder.join("w"))
        .env("ENTRA_BUNDLE_STATE", folder.join("state"))
        .env("ENTRA_BUNDLE_CONFIG", folder.join("config"));
    command
}

/// Peak memory of the program in a process of its own; the server's is in this one.
fn memory(sign_ins: usize) {
    let server = Server::start(tenant(sign_ins, 300), Options::default()).unwrap();
    let accounts = Accounts::default();
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(&server, folder.path());
    command
        .args(["--client-id", &accounts.client_id, "--client-secret-env", "APP_SECRET"])
        .env("APP_SECRET", &accounts.secret)
        .env("ENTRA_BUNDLE_TIME_SCALE", "0.0001");
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

/// From the start of the program, a token in hand, to the first record committed to the workspace.
fn first_record() {
    let server = Server::start(tenant(20_000, 300), Options::default()).unwrap();
    let address = Address::parse(&server.address).unwrap();
    let accounts = Accounts::default();
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={}/.default",
        accounts.client_id, accounts.secret, server.address
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let token: serde_json::Value = runtime.block_on(async {
        let url = address.join("contoso.com").join("oauth2/v2.0/token").url().clone();
        let form = "application/x-www-form-urlencoded";
        let client = Network::default().client(&address).unwrap();
        client.post(url).header("Content-Type", form).body(body).send().await.unwrap().json().await.unwrap()
    });
    for round in 1..=3 {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(&server, folder.path());
        command.args(["--token-env", "TOKEN", "--dataset", LOG, "--quiet"]);
        command.env("TOKEN", token["access_token"].as_str().unwrap());
        let begin = Instant::now();
        let mut process = command.spawn().unwrap();
        // Records are in segments, which lie beside the ledger and are written at a commit.
        let segment = |name: &str| !name.starts_with("ledger") && !name.starts_with("lock");
        loop {
            let files = std::fs::read_dir(folder.path().join("w")).into_iter().flatten().flatten();
            let mut all = files.flat_map(|file| match file.path().is_dir() {
                true => std::fs::read_dir(file.path()).unwrap().flatten().collect(),
                false => vec![file],
            });
            let there = |file: &std::fs::DirEntry| {
                segment(&file.file_name().to_string_lossy())
                    && file.metadata().is_ok_and(|of| of.len() > 4_096)
            };
            if all.any(|file| there(&file)) || process.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("first record, round {round}: {:.0?} after the start", begin.elapsed());
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("memory") => memory(args.get(1).and_then(|n| n.parse().ok()).unwrap_or(100_000)),
        Some("throttled") => {
            let number = |at: usize| args.get(at).and_then(|text| text.parse::<f64>().ok());
            let latencies = number(2).map_or(LATENCIES.to_vec(), |latency| vec![latency]);
            throttled(&latencies, number(1).unwrap_or(SCALE));
        }
        Some("sdk") => sdk(args.get(1).and_then(|n| n.parse().ok()).unwrap_or(20_000)),
        Some("first") => first_record(),
        _ => {
            throttled(&LATENCIES, SCALE);
            unthrottled();
        }
    }
}
