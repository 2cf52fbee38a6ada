//! The command line against the simulated tenant over HTTP: from sign-in to a verified bundle, killed
//! and continued, and without a secret in anything it leaves.

use crate::graph::{UNDER_WAY, sign_ins_of, tenant};
use crate::program::{Machine, Ran, ran};
use entra_bundle::demo::http::{Accounts, Fault, FaultKind, Options, Server};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const DATASETS: [&str; 4] = ["users", "groups", "signins_interactive_user", "directory_audits"];

fn serve(options: Options) -> Server {
    Server::start(tenant(1_500), Options { most_per_page: 100, ..options }).unwrap()
}

/// `gather` or `collect` from the server with the application's secret.
fn command(machine: &Machine, server: &Server, verb: &str, more: &[&str]) -> Command {
    let accounts = Accounts::default();
    let mut args = vec![
        verb,
        "--tenant",
        "contoso.com",
        "--authority",
        &server.address,
        "--graph-url",
        &server.address,
        "--client-id",
        &accounts.client_id,
        "--client-secret-env",
        "APP_SECRET",
        "--from",
        "2026-11-13T12:00:00Z",
        "--to",
        "2026-11-20T12:00:00Z",
    ];
    args.extend(DATASETS.iter().flat_map(|id| ["--dataset", id]));
    args.extend(more);
    let mut command = machine.command(&args);
    command.env("APP_SECRET", &accounts.secret).env("ENTRA_BUNDLE_TIME_SCALE", "0.002");
    command
}

fn finish(mut command: Command) -> Ran {
    ran(command.output().unwrap())
}

#[test]
fn a_tenant_becomes_a_verified_bundle() {
    let server = serve(Options::default());
    let machine = Machine::new();
    let done = finish(command(&machine, &server, "collect", &["--out", "out", "--case", "C-1"]));
    assert_eq!(done.code, Some(0), "{}\n{}", done.out, done.err);
    let bundle = machine.bundle("out").to_str().unwrap().to_owned();
    let public = machine.path("config/signing.pub.pem").to_str().unwrap().to_owned();
    machine.ok(&["verify", &bundle, "--public-key", &public]);
    machine.ok(&["unpack", &bundle, "--to", "case", "--public-key", &public]);
    let text = std::fs::read_to_string(machine.path("case/meta/collection.json")).unwrap();
    let collection: serde_json::Value = serde_json::from_str(&text).unwrap();
    let services = collection["services"].as_array().unwrap();
    assert_eq!(services.len(), DATASETS.len());
    let signins = services.iter().find(|service| service["dataset"] == DATASETS[2]).unwrap();
    assert_eq!(signins["got"], sign_ins_of(1_500));
    assert_eq!(signins["outcome"], "complete");
    assert_eq!(signins["windows"][0]["from"], "2026-11-13T12:00:00Z");
    assert_eq!(services.iter().find(|service| service["dataset"] == "users").unwrap()["expected"], 120);
}

#[test]
fn what_is_missing_is_said_and_the_bundle_is_sealed_all_the_same() {
    let denied = FaultKind::Status(403, "Authorization_RequestDenied", None);
    let faults = vec![Fault::new("/groups", 1, u64::MAX, denied)];
    let server = serve(Options { faults, ..Options::default() });
    let machine = Machine::new();
    let done = finish(command(&machine, &server, "collect", &["--out", "out", "--json"]));
    assert_eq!(done.code, Some(3), "{}\n{}", done.out, done.err);
    assert!(done.err.contains("no permission to read"), "{}", done.err);
    let bundle = machine.bundle("out").to_str().unwrap().to_owned();
    let public = machine.path("config/signing.pub.pem").to_str().unwrap().to_owned();
    let info = machine.ok(&["info", &bundle, "--missing", "--public-key", &public]);
    assert!(info.out.contains("groups"), "{}", info.out);
}

#[test]
fn a_refused_sign_in_is_exit_4_and_leaves_no_secret() {
    let server = serve(Options::default());
    let machine = Machine::new();
    let mut wrong = command(&machine, &server, "gather", &[]);
    wrong.env("APP_SECRET", "wrong-and-SECRET");
    let done = finish(wrong);
    assert_eq!(done.code, Some(4), "{}", done.err);
    assert!(done.err.contains("the client secret is wrong") && !done.err.contains("SECRET"), "{}", done.err);
    // Somebody else than a sign-in service.
    let mut html = command(&machine, &server, "gather", &["--max-duration", "1m"]);
    html.env("APP_SECRET", "");
    let unset = finish(html);
    assert_eq!(unset.code, Some(2));
    assert!(unset.err.contains("`APP_SECRET` is not set"), "{}", unset.err);
}

#[test]
fn wrong_flags_are_refused_before_anything_is_asked() {
    let machine = Machine::new();
    for (args, text) in [
        (&["collect"][..], "--input"),
        (&["collect", "--tenant", "contoso.com"], "no way to sign in is named"),
        (&["collect", "--tenant", "a b", "--managed-identity"], "--tenant is neither an id nor a domain"),
        (
            &["collect", "--tenant", "c.com", "--managed-identity", "--cloud", "germany"],
            "neither a cloud nor a file",
        ),
        (
            &["collect", "--tenant", "c.com", "--managed-identity", "--profile", "x"],
            "neither a profile nor a file",
        ),
        (
            &["collect", "--tenant", "c.com", "--managed-identity", "--graph-url", "http://example.com"],
            "--graph-url",
        ),
        (&["collect", "--profile", "full", "--input", "."], "--tenant"),
        (&["collect", "--tenant", "c.com", "--az-cli", "--managed-identity"], "cannot be used with"),
    ] {
        let done = machine.run(args);
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.err);
        assert!(done.err.contains(text), "{args:?}: {}", done.err);
    }
    assert!(!machine.path("state/workspaces").exists());
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| (entry.path().display().to_string(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn no_token_code_or_secret_is_left_anywhere() {
    let server = serve(Options::default());
    let machine = Machine::new();
    let done = finish(command(&machine, &server, "collect", &["--out", "out", "--workspace", "w"]));
    assert_eq!(done.code, Some(0), "{}", done.err);
    let accounts = Accounts::default();
    // The head of every token of this server, its secret, a page token.
    let token = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"none""#);
    let secrets = [accounts.secret.as_str(), &token[..16], "skiptoken", "client_secret"];
    let mut all = files(&machine.path("out"));
    all.extend(files(&machine.path("w")));
    all.extend(files(&machine.path("state")));
    all.extend(files(&machine.path("config")));
    all.push(("output".into(), done.out.clone().into_bytes()));
    all.push(("errors".into(), done.err.clone().into_bytes()));
    assert!(all.len() > 8);
    for (name, bytes) in &all {
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{name} holds {secret}");
        }
    }
}

#[test]
fn a_device_code_is_shown_and_waited_for() {
    let server = serve(Options::default());
    let machine = Machine::new();
    let client = Accounts::default().client_id;
    let mut command = machine.command(&[
        "gather",
        "--tenant",
        "contoso.com",
        "--authority",
        &server.address,
        "--graph-url",
        &server.address,
        "--device-code",
        "--client-id",
        &client,
        "--dataset",
        "users",
        "--quiet",
    ]);
    let done = ran(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("/devicelogin in a browser and type the code DEMO00001"), "{}", done.err);
    assert!(!done.err.contains("device-code-1"), "{}", done.err);
}

/// Kills a gathering at some instant, continues it, and compares with an undisturbed one.
fn kill_and_continue(after: &[Duration]) {
    let latency = Duration::from_millis(10);
    let server = serve(Options { latency, ..Options::default() });
    let times = crate::graph::times(&tenant(1_500), &DATASETS);
    let held =
        |machine: &Machine| crate::graph::contents(&machine.path("w"), &machine.path("state/keys"), &times);
    let whole = Machine::new();
    let done = finish(command(&whole, &server, "gather", &["--workspace", "w", "--json"]));
    assert_eq!(done.code, Some(0), "{}", done.err);
    let expected = held(&whole);
    let mut most = 0u64;
    for pause in after {
        let machine = Machine::new();
        let before = server.counts.asked.lock().unwrap().len();
        let mut running = command(&machine, &server, "gather", &["--workspace", "w"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(*pause);
        running.kill().unwrap();
        running.wait().unwrap();
        let resumed = finish(command(&machine, &server, "gather", &["--workspace", "w", "--resume"]));
        assert_eq!(resumed.code, Some(0), "killed after {pause:?}: {}", resumed.err);
        assert!(held(&machine) == expected, "killed after {pause:?}: another workspace");
        // What was asked twice was under way.
        let asked = server.counts.asked.lock().unwrap();
        let distinct: BTreeSet<&String> = asked[before..].iter().collect();
        let twice = (asked.len() - before - distinct.len()) as u64;
        assert!(twice <= UNDER_WAY, "killed after {pause:?}: {twice} pages were fetched twice");
        most = most.max(twice);
    }
    println!("{} kills, all workspaces equal, at most {most} pages fetched twice", after.len());
}

#[test]
fn killed_at_any_instant_it_goes_on_where_it_was() {
    // `tests/run` asks for 20 kills, `tests/long` for 200.
    let kills =
        std::env::var("ENTRA_BUNDLE_TENANT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let pauses: Vec<Duration> = (0..kills).map(|at| Duration::from_millis(20 + at * 173 % 500)).collect();
    kill_and_continue(&pauses);
}

#[test]
fn another_window_or_scope_is_not_continued() {
    let server = serve(Options::default());
    let machine = Machine::new();
    assert_eq!(finish(command(&machine, &server, "gather", &["--workspace", "w"])).code, Some(0));
    for more in [&["--user", "greta@contoso.com"][..], &["--without", "users"], &["--profile", "audit"]] {
        let mut args = vec!["--workspace", "w", "--resume"];
        args.extend(more);
        let refused = finish(command(&machine, &server, "gather", &args));
        assert_eq!(refused.code, Some(2), "{more:?}: {}", refused.err);
        assert!(refused.err.contains("other input or options"), "{}", refused.err);
    }
}

/// A dataset of the customer's own: another row for an address that the simulated tenant serves.
const OWN: &str = r#"{"schema": "entra-bundle/catalogue/1",
    "datasets": [{"id": "our_groups", "title": "Groups, as we ask for them", "group": "objects", "record": "group",
        "key": ["id"], "columns": [{"name": "target", "paths": ["displayName"], "shown": true}]}],
    "requests": [{"id": "our_groups", "version": "v1.0", "path": "/groups", "top": 50, "bucket": "directory",
        "delegated": "Group.Read.All", "application": "Group.Read.All", "role": "member", "licence": "free"}]}"#;

#[test]
fn datasets_of_a_users_catalogue_are_collected_and_read_like_any_other() {
    let server = serve(Options::default());
    let machine = Machine::new();
    std::fs::write(machine.path("own.json"), OWN).unwrap();
    let args = ["--dataset", "our_groups", "--catalogue", "own.json"];
    let done = finish(command(&machine, &server, "collect", &[&args[..], &["--out", "out"]].concat()));
    assert_eq!(done.code, Some(0), "{}\n{}", done.out, done.err);
    let bundle = machine.bundle("out").to_str().unwrap().to_owned();
    let public = machine.path("config/signing.pub.pem").to_str().unwrap().to_owned();
    machine.ok(&["verify", &bundle, "--public-key", &public]);
    machine.ok(&["unpack", &bundle, "--to", "case", "--public-key", &public]);
    let count = |id: &str| {
        let folder = machine.path("case/data/graph").join(id);
        let parts = files(&folder);
        assert!(!parts.is_empty(), "{id}");
        let lines = parts.iter().filter(|(name, _)| name.ends_with(".jsonl"));
        lines
            .map(|(_, bytes)| bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count())
            .sum::<usize>()
    };
    assert_eq!(count("our_groups"), count("groups"));
    // The two ways apart, and a seal that does not know the dataset: nothing of it leaves unseen.
    let gathered = finish(command(&machine, &server, "gather", &[&args[..], &["--workspace", "w"]].concat()));
    assert_eq!(gathered.code, Some(0), "{}", gathered.err);
    machine.ok(&["seal", "--workspace", "w", "--catalogue", "own.json", "--out", "known"]);
    let unknown = machine.run(&["seal", "--workspace", "w", "--out", "unknown"]);
    assert_eq!(unknown.code, Some(16), "{}{}", unknown.out, unknown.err);
    assert!(unknown.err.contains("--catalogue"), "{}", unknown.err);
    // Another catalogue is another collection.
    std::fs::write(machine.path("own.json"), OWN.replace("50", "60")).unwrap();
    let other = finish(command(
        &machine,
        &server,
        "gather",
        &[&args[..], &["--workspace", "w", "--resume"]].concat(),
    ));
    assert!(other.code == Some(2) && other.err.contains("other input or options"), "{}", other.err);
    let listed = machine.ok(&["permissions", "--dataset", "our_groups", "--catalogue", "own.json"]);
    assert!(listed.out.contains("our_groups"), "{}", listed.out);
}
