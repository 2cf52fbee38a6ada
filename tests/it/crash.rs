//! Runs that are killed or meet a full disk, as a user sees them. The steps in between are tested
//! beside the code (`src/gather/tests.rs`, `src/seal/tests.rs`).
#![cfg(unix)]

use crate::program::{Machine, Ran, ran};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// Runs the program with files of at most so many blocks of 512 bytes. Where a larger one is
/// written, the system kills the process, or the write fails as on a full disk.
fn limited(machine: &Machine, blocks: u64, killed: bool, args: &[&str]) -> Ran {
    let program = machine.command(args);
    let ignore = if killed { "" } else { "trap '' XFSZ; " };
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{ignore}ulimit -f {blocks}; exec \"$@\"")])
        .arg("sh")
        .arg(program.get_program())
        .args(args)
        .current_dir(machine.path("."));
    for (name, value) in program.get_envs() {
        shell.env(name, value.unwrap());
    }
    ran(shell.output().unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn inputs(machine: &Machine) {
    let users: Vec<String> = (0..300)
        .map(|n| format!(r#"{{"id":"f7cc07d7-7c15-447d-876d-{n:012}","userPrincipalName":"user{n}@contoso.com","displayName":"Pat Leeuwenhoek{n}"}}"#))
        .collect();
    let page = format!(
        r#"{{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[{}]}}"#,
        users.join(",")
    );
    machine.file("in/users.json", page);
    let log: String =
        (0..300).map(|n| format!("[07:08:09.123] [  1] [INFO ] step {n} of user{n}@contoso.com\n")).collect();
    machine.file("in/trace-20261118-070809.log", log);
}

#[test]
fn a_key_file_is_whole_or_absent() {
    let machine = Machine::new();
    for purpose in ["incident", "signing"] {
        for killed in [true, false] {
            let ran = limited(&machine, 0, killed, &["key", "generate", purpose, "--out", "my.key"]);
            assert_eq!(ran.code, if killed { None } else { Some(1) }, "{}", ran.err);
            assert!(!machine.path("my.key").exists() && !machine.path("my.pub.pem").exists());
        }
        machine.ok(&["key", "generate", purpose, "--out", "my.key"]);
        let before = fs::read(machine.path("my.key")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(machine.path("my.key")).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        let ran = machine.run(&["key", "generate", purpose, "--out", "my.key"]);
        assert!(ran.code == Some(2) && ran.err.contains("exists"), "{}", ran.err);
        assert_eq!(fs::read(machine.path("my.key")).unwrap(), before);
        fs::remove_file(machine.path("my.key")).unwrap();
    }
}

#[test]
fn a_run_that_cannot_write_continues_when_it_can() {
    let machine = Machine::new();
    inputs(&machine);
    machine.ok(&["key", "generate", "incident", "--out", "private.key"]);
    machine.ok(&["key", "generate", "signing", "--out", "signing.key"]);
    let collect = |out: &str, workspace: &str, more: &[&str]| -> Vec<String> {
        let base = [
            "collect",
            "--input",
            "in",
            "--key",
            "private.key",
            "--sign-key",
            "signing.key",
            "--json",
            "--out",
            out,
            "--workspace",
            workspace,
        ];
        base.iter().chain(more).map(|a| (*a).to_owned()).collect()
    };
    let fresh = collect("fresh", "ws/fresh", &[]);
    let fresh = machine.ok(&fresh.iter().map(String::as_str).collect::<Vec<_>>()).json();
    // Below the ledger, inside a segment, inside the bundle.
    for (at, (blocks, killed)) in
        [(0, true), (1, false), (20, true), (20, false), (60, false)].into_iter().enumerate()
    {
        let (out, workspace) = (format!("out{at}"), format!("ws/{at}"));
        let args = collect(&out, &workspace, &["--resume"]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let stopped = limited(&machine, blocks, killed, &args);
        assert!(
            stopped.code == if killed { None } else { Some(1) },
            "{blocks} {killed}: {:?} {}",
            stopped.code,
            stopped.err
        );
        assert!(!names(&machine.path(&out)).iter().any(|name| name.ends_with(".zip")), "{blocks} {killed}");
        let resumed = machine.ok(&args).json();
        assert_eq!(resumed["contentRoot"], fresh["contentRoot"], "{blocks} {killed}");
        assert_eq!(names(&machine.path(&out)).len(), 1, "{:?}", names(&machine.path(&out)));
    }
}

#[test]
fn a_full_file_system_leaves_no_bundle() {
    let machine = Machine::new();
    inputs(&machine);
    let small = machine.path("small");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8k", "tmpfs"]).arg(&small).output();
    if !mounted.is_ok_and(|o| o.status.success()) {
        eprintln!("SKIPPED a_full_file_system_leaves_no_bundle: no small file system can be mounted here");
        return;
    }
    let args = ["collect", "--input", "in", "--out", "small", "--workspace", "ws"];
    let full = machine.run(&args);
    let left = names(&small);
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    assert_eq!(full.code, Some(1), "{}", full.err);
    assert!(full.err.contains("No space left") && full.err.contains("workspace kept"), "{}", full.err);
    assert!(left.is_empty(), "{left:?}");
    machine.ok(&["seal", "--workspace", "ws", "--out", "roomy"]);
}

#[test]
fn a_workspace_in_use_is_refused_in_plain_words() {
    let machine = Machine::new();
    inputs(&machine);
    machine.ok(&["gather", "--input", "in", "--workspace", "ws"]);
    let other = File::options().write(true).open(machine.path("ws/lock")).unwrap();
    other.try_lock().unwrap();
    for args in [
        &["gather", "--input", "in", "--workspace", "ws", "--resume"][..],
        &["seal", "--workspace", "ws", "--out", "out"],
        &["workspace", "remove", "ws"],
    ] {
        let ran = machine.run(args);
        assert!(
            ran.code == Some(2) && ran.err.contains("another process uses this workspace"),
            "{args:?} {}",
            ran.err
        );
    }
    drop(other);
    machine.ok(&["gather", "--input", "in", "--workspace", "ws", "--resume"]);
}
