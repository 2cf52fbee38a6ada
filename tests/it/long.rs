//! What takes long: run by `tests/long` (`cargo test --test it long:: -- --ignored`). Beside it, what
//! must hold of the build for any figure to mean something.

use crate::program::Machine;
use entra_bundle::catalogue::{Source, Stream};
use entra_bundle::error::Kind;
use entra_bundle::record::{Form, Raw};
use entra_bundle::workspace::{Workspace, WorkspaceKey};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// flate2 takes miniz_oxide, 2.7 times slower, when nobody asks for zlib-rs, and a C library when
/// anybody asks for one. This function exists with a zlib alone; that no C zlib is in the tree makes
/// it zlib-rs.
#[test]
fn compression_is_by_zlib_rs() {
    let _ = flate2::Compress::new_with_window_bits(flate2::Compression::new(6), false, 15);
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let packages: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(packages.contains(&"\"zlib-rs\""));
    for name in ["libz-sys", "libz-ng-sys", "zlib-ng", "cloudflare-zlib-sys", "libdeflate-sys"] {
        assert!(!packages.contains(&format!("\"{name}\"").as_str()), "{name} is in the tree");
    }
}

/// A process killed while it wrote the key of a new workspace leaves part of a key file.
#[test]
fn a_key_file_that_was_cut_hides_no_workspace() {
    let machine = Machine::new();
    let users = r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"greta@contoso.com"}]}"#;
    machine.file("in/users.json", users);
    machine.ok(&["gather", "--input", "in", "--workspace", "w"]);
    machine.file("state/keys/workspace-0000000000000000.key", "");
    machine.file("state/keys/workspace-0000000000000001.key", "entra-bundle-workspace-key-1:aaaa");
    machine.ok(&["seal", "--workspace", "w", "--out", "out/b.zip"]);
    assert!(machine.path("out/b.zip").is_file());
}

/// How a file ends says nothing about what it holds: `curl > users.json` and `Out-File` end the one
/// line of a page differently. All its records come, with what they hold.
#[test]
fn the_end_of_the_only_line_loses_no_record() {
    let user =
        |id: u8| format!(r#"{{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e{id:02}","accountEnabled":true}}"#);
    let page = format!(
        r#"{{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[{},{}]}}"#,
        user(38),
        user(39)
    );
    for end in ["", "\n", "\r\n", "\n\n"] {
        let machine = Machine::new();
        machine.file("in/users.json", format!("{page}{end}"));
        machine.ok(&["collect", "--input", "in", "--out", "out/b.zip"]);
        machine.ok(&["unpack", "out/b.zip", "--to", "u", "--public-key", "config/signing.pub.pem"]);
        let part = std::fs::read_to_string(machine.path("u/data/graph/users/part-00000.jsonl")).unwrap();
        assert_eq!(part.matches("\"accountEnabled\":true").count(), 2, "{end:?}: {part}");
    }
}

/// A page on each line, as a loop over next links writes them: all the records of all pages come.
#[test]
fn pages_on_lines_of_their_own_lose_no_record() {
    let page = |first: u8| {
        let user =
            |id: u8| format!(r#"{{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e{id:02}","accountEnabled":true}}"#);
        format!(r#""value":[{},{}]}}"#, user(first), user(first + 1))
    };
    let context = r#""@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","#;
    let machine = Machine::new();
    machine.file("in/users.json", format!("{{{context}{}\n{{{context}{}\n", page(10), page(12)));
    machine.ok(&["collect", "--input", "in", "--out", "out/b.zip"]);
    machine.ok(&["unpack", "out/b.zip", "--to", "u", "--public-key", "config/signing.pub.pem"]);
    let part = std::fs::read_to_string(machine.path("u/data/graph/users/part-00000.jsonl")).unwrap();
    assert_eq!(part.matches("\"accountEnabled\":true").count(), 4, "{part}");
}

const CHILD: &str = "ENTRA_BUNDLE_TEST_LONG";

fn key() -> WorkspaceKey {
    WorkspaceKey::from_bytes([5; 32])
}

fn streams() -> [Stream; 3] {
    [
        Stream::new(Source::Diagnostic, "signins_non_interactive_user"),
        Stream::new(Source::Graph, "users"),
        Stream::new(Source::OnPrem, "aadc_wizard_trace"),
    ]
}

/// Length of record `at` of commit `number`: from nothing to beyond a chunk of the segment.
fn length(number: u64, at: u64) -> usize {
    (number.wrapping_mul(7919).wrapping_add(at.wrapping_mul(104_729)) % 1_500_000) as usize
        / [1, 40, 4000][at as usize % 3]
}

/// How many records commit `number` adds to stream `at`.
fn count(number: u64, at: u64) -> u64 {
    (number + at) % 4
}

/// Not a test of its own: the process that the next test kills.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let path = Path::new(&path);
    let mut workspace = match Workspace::open(path, &key()) {
        Ok(workspace) => workspace,
        Err(error) => {
            // Killed before the workspace was one.
            assert_eq!(error.kind(), Kind::Usage, "{error}");
            Workspace::create(path, &key(), &json!({"input": "x"})).unwrap()
        }
    };
    for number in workspace.notes().count() as u64.. {
        for (at, stream) in (0..).zip(&streams()) {
            for record in 0..count(number, at) {
                let raw = Raw::new(vec![b'a'; length(number, at + record)], Form::Text);
                workspace.append(stream, &raw).unwrap();
            }
        }
        workspace.commit(&json!(number)).unwrap();
    }
}

#[test]
#[ignore = "long: kills hundreds of processes"]
fn many_kills_lose_no_commit() {
    let rounds = std::env::var("ENTRA_BUNDLE_KILLS").map_or(300, |rounds| rounds.parse::<u32>().unwrap());
    let mut commits_seen = 0;
    let mut folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 0..rounds {
        if round % 25 == 0 {
            (folder, before) = (tempfile::tempdir().unwrap(), 0);
        }
        let path = folder.path().join("w");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "long::child", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Every fifth is killed around its start, the others at any moment of their work.
        let random = u64::from(u16::from_le_bytes(entra_bundle::crypto::random().unwrap()));
        let patience = if round % 5 == 0 { random % 8_000 } else { 4_000 + random * 3 };
        std::thread::sleep(Duration::from_micros(patience));
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself in round {round}");
        child.kill().unwrap();
        child.wait().unwrap();
        let workspace = match Workspace::open(&path, &key()) {
            Ok(workspace) => workspace,
            Err(error) => {
                assert!(error.kind() == Kind::Usage && before == 0, "round {round}: {error}");
                continue;
            }
        };
        let commits = workspace.notes().count() as u64;
        assert!(commits >= before, "round {round}: a commit is lost");
        (commits_seen, before) = (commits_seen + commits - before, commits);
        for (at, stream) in (0..).zip(&streams()) {
            let of = |number| (0..count(number, at)).map(move |record| length(number, at + record));
            let expected: Vec<usize> = (0..commits).flat_map(of).collect();
            let size = workspace.streams().into_iter().find(|size| size.stream == *stream);
            let slices = 0..size.map_or(0, |size| size.slices);
            let records = slices.flat_map(|index| workspace.slice(stream, index).unwrap());
            let read: Vec<usize> = records.map(|raw| raw.unwrap().len()).collect();
            assert!(read == expected, "round {round}: stream {at} differs after {commits} commits");
        }
    }
    assert!(commits_seen > u64::from(rounds) / 4, "the processes hardly got to work: {commits_seen} commits");
    println!("{rounds} kills, {commits_seen} commits, none lost");
}

/// Every address of six bytes becomes a pseudonym of forty: a record below the limit on the way in
/// would pass the limit of a part on the way out.
#[test]
fn a_record_that_outgrows_a_part_is_counted_and_the_rest_arrives() {
    let machine = Machine::new();
    let mut trace =
        "[07:08:09.123] [  1] [INFO ] Starting, version 2.4.21.0\n[07:08:10.123] [  1] [INFO ] ".to_owned();
    trace.push_str(&"a@b.co ".repeat(2_000_000));
    trace.push_str("\n[07:08:11.123] [  1] [INFO ] Done\n");
    machine.file("in/trace-20261118-070809.log", trace);
    let ran = machine.run(&["collect", "--input", "in", "--out", "out"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    let bundle = machine.bundle("out");
    let missing = machine.ok(&[
        "info",
        bundle.to_str().unwrap(),
        "--missing",
        "--public-key",
        "config/signing.pub.pem",
    ]);
    assert!(missing.out.contains("aadc_wizard_trace"), "{}", missing.out);
    machine.ok(&[
        "unpack",
        bundle.to_str().unwrap(),
        "--to",
        "case",
        "--public-key",
        "config/signing.pub.pem",
    ]);
    let text =
        std::fs::read_to_string(machine.path("case/data/onprem/aadc_wizard_trace/part-00000.txt")).unwrap();
    assert!(text.contains("Starting") && text.contains("Done") && text.len() < 1000);
}
