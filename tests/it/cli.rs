//! The program as a user meets it: good runs, bad input, exit codes, what is printed and what is not.

use crate::program::{Machine, bundle_in, ran};
use std::fs;
use std::io::Write as _;
use std::path::Path;

const USERS: &str = r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[
  {"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"Greta.Schmidt@contoso.com","displayName":"Greta Schmidt",
   "mail":"greta.schmidt@contoso.com","accountEnabled":true,"userType":"Member","onPremisesSamAccountName":"gschmidt7"},
  {"id":"0a8b1c7d-1c15-447d-876d-c01b0e5a9e39","userPrincipalName":"pat.lee@contoso.com","displayName":"Pat Leeuwenhoek",
   "mail":"pat.lee@contoso.com","accountEnabled":false,"userType":"Member"}]}"#;

const SIGN_IN: &str = r#"{"id":"9b0c5f7e-0000-4000-8000-000000000001","createdDateTime":"2026-03-01T10:00:00Z","userDisplayName":"Greta Schmidt","userPrincipalName":"Greta.Schmidt@contoso.com","userId":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","appId":"00000003-0000-0000-c000-000000000000","appDisplayName":"Microsoft Graph","ipAddress":"203.0.113.7","clientAppUsed":"Browser","correlationId":"8a1b7c33-0000-4000-8000-000000000002","isInteractive":true,"signInEventTypes":["interactiveUser"],"status":{"errorCode":50126,"failureReason":"Invalid username or password","additionalDetails":"MFA denied by Greta Schmidt on LAPTOP-7Q2K"},"deviceDetail":{"deviceId":"","displayName":"LAPTOP-7Q2K","operatingSystem":"Windows10"},"location":{"city":"Bonn","state":"NRW","countryOrRegion":"DE","geoCoordinates":{"latitude":50.73,"longitude":7.09}},"newInternalField":"x"}"#;

fn export(machine: &Machine) {
    machine.file("export/users.json", USERS);
    machine.file(
        "export/signins.jsonl",
        format!("{SIGN_IN}\n{}\n", SIGN_IN.replace("000000000001", "000000000009")),
    );
}

fn originals() -> [&'static str; 8] {
    ["greta", "schmidt", "leeuwenhoek", "pat.lee", "gschmidt7", "laptop-7q2k", "contoso", "f7cc07d7"]
}

fn assert_nothing_personal(text: &str) {
    let lower = text.to_lowercase();
    for original in originals() {
        assert!(!lower.contains(original), "`{original}` stands in: {text}");
    }
}

#[test]
fn collect_verify_info_records_unpack_and_reveal_are_one_line() {
    let machine = Machine::new();
    export(&machine);
    machine.ok(&["key", "generate", "incident", "--out", "private.key"]);
    let ran = machine.ok(&[
        "collect",
        "--input",
        "export",
        "--out",
        "out",
        "--key",
        "private.key",
        "--case",
        "C-1",
        "--keep-workspace",
    ]);
    assert_nothing_personal(&ran.out);
    assert_nothing_personal(&ran.err);
    assert!(ran.out.contains("0 known identifiers ("), "{}", ran.out);
    let bundle = machine.bundle("out");
    let bundle = bundle.to_str().unwrap();
    let public = "config/signing.pub.pem";

    let verified =
        machine.ok(&["verify", bundle, "--public-key", public, "--expect-case", "C-1", "--json"]).json();
    assert_eq!(verified["result"], "verified");
    assert_eq!(machine.run(&["verify", bundle]).code, Some(13));
    assert_eq!(
        machine.run(&["verify", bundle, "--public-key", public, "--expect-case", "C-2"]).code,
        Some(14)
    );

    let info = machine.ok(&["info", bundle, "--public-key", public]);
    assert!(info.out.contains("signins_interactive_user") && info.out.contains("users"), "{}", info.out);

    let rows = machine
        .ok(&[
            "records",
            bundle,
            "--public-key",
            public,
            "--dataset",
            "signins_interactive_user",
            "--format",
            "json",
        ])
        .json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["error"], "50126");
    assert_nothing_personal(&rows.to_string());
    let upn = rows[0]["user"].as_str().unwrap().to_owned();

    let looked = machine.ok(&["lookup", "--key", "private.key", "greta.schmidt@contoso.com"]);
    assert!(looked.out.contains(&upn), "{} {upn}", looked.out);
    let workspace = fs::read_dir(machine.path("state/workspaces")).unwrap().next().unwrap().unwrap().path();
    let revealed = machine
        .ok(&["reveal", "--key", "private.key", "--workspace", workspace.to_str().unwrap(), &upn, "--json"])
        .json();
    assert_eq!(revealed[0]["value"].as_str().unwrap().to_lowercase(), "greta.schmidt@contoso.com");

    machine.ok(&["unpack", bundle, "--to", "case", "--public-key", public]);
    let part = fs::read_to_string(machine.path("case/data/graph/signins_interactive_user/part-00000.jsonl"))
        .unwrap();
    assert_eq!(part.lines().count(), 2);
    assert_nothing_personal(&part);
    assert!(part.contains(r#""errorCode":50126"#) && part.contains("8a1b7c33-0000-4000-8000-000000000002"));
    assert!(!part.contains("newInternalField") && !part.contains("Bonn"));
    assert_eq!(machine.run(&["unpack", bundle, "--to", "case", "--public-key", public]).code, Some(2));
}

#[test]
fn the_number_of_workers_does_not_show_in_the_bundle() {
    let machine = Machine::new();
    export(&machine);
    machine.ok(&["key", "generate", "incident", "--out", "private.key"]);
    let mut roots = Vec::new();
    for (workers, out) in [("1", "one"), ("4", "four")] {
        let json = machine
            .ok(&[
                "collect",
                "--input",
                "export",
                "--out",
                out,
                "--key",
                "private.key",
                "--workers",
                workers,
                "--json",
            ])
            .json();
        roots.push(json["contentRoot"].as_str().unwrap().to_owned());
    }
    assert_eq!(roots[0], roots[1]);
}

#[test]
fn a_flipped_byte_is_never_verified() {
    let machine = Machine::new();
    export(&machine);
    machine.ok(&["collect", "--input", "export", "--out", "out"]);
    let bytes = fs::read(machine.bundle("out")).unwrap();
    let step = (bytes.len() / 24).max(1);
    for at in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let file = machine.file("changed.zip", &changed);
        let code =
            machine.run(&["verify", file.to_str().unwrap(), "--public-key", "config/signing.pub.pem"]).code;
        assert!(matches!(code, Some(10..=18)), "byte {at}: {code:?}");
    }
}

/// One bad input: name of the file, its bytes, the exit code, and a word the user must see.
fn refused(name: &str, bytes: &[u8], code: i32, word: &str) {
    let machine = Machine::new();
    machine.file(&format!("in/{name}"), bytes);
    let ran = machine.run(&["collect", "--input", "in", "--out", "out"]);
    assert_eq!(ran.code, Some(code), "{name}: {}\n{}", ran.out, ran.err);
    assert!(ran.err.to_lowercase().contains(word), "{name}: `{word}` is not in: {}", ran.err);
    let left: Vec<_> =
        fs::read_dir(machine.path("out")).map(|d| d.map(|e| e.unwrap().path()).collect()).unwrap_or_default();
    let wanted = usize::from(code == 0 || code == 3);
    assert_eq!(left.len(), wanted, "{name}: {left:?}");
    assert_nothing_personal(&ran.out);
}

#[test]
fn bad_files_alone_collect_nothing_and_leave_nothing() {
    refused("notes.txt", b"just some words\nof nobody\n", 4, "text of unknown kind");
    refused("image.bin", &[0x89, b'P', b'N', b'G', 0, 1, 2, 3, 0xff, 0xfe, 0, 0], 4, "binary");
    refused("page.json", b"<!DOCTYPE html><html><body>Sign in</body></html>", 4, "refused");
    refused("other.json", br#"[{"colour":"red"},{"colour":"blue"}]"#, 4, "no known kind");
    refused(
        "key",
        b"entra-bundle-key-1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:00000000\n",
        4,
        "private file",
    );
}

#[test]
fn an_empty_file_is_no_failure() {
    let machine = Machine::new();
    machine.file("in/empty.json", b"");
    machine.file("in/users.json", USERS);
    machine.ok(&["collect", "--input", "in", "--out", "out"]);
}

/// Damaged input beside a good file: the bundle seals with code 3 and says why.
fn damaged(name: &str, bytes: &[u8], dataset: &str, rows: usize) {
    let machine = Machine::new();
    machine.file("in/a-users.json", USERS);
    machine.file(&format!("in/{name}"), bytes);
    let ran = machine.run(&["collect", "--input", "in", "--out", "out"]);
    assert_eq!(ran.code, Some(3), "{name}: {}\n{}", ran.out, ran.err);
    assert_nothing_personal(&ran.out);
    let bundle = machine.bundle("out");
    let bundle = bundle.to_str().unwrap();
    let missing = machine.ok(&["info", bundle, "--missing", "--public-key", "config/signing.pub.pem"]);
    assert!(!missing.out.trim().is_empty(), "{name}");
    assert_nothing_personal(&missing.out);
    assert_eq!(
        machine.run(&["verify", bundle, "--public-key", "config/signing.pub.pem", "--require-complete"]).code,
        Some(18)
    );
    if rows > 0 {
        let listed = machine
            .ok(&[
                "records",
                bundle,
                "--public-key",
                "config/signing.pub.pem",
                "--dataset",
                dataset,
                "--format",
                "json",
            ])
            .json();
        assert_eq!(listed.as_array().unwrap().len(), rows, "{name}");
    }
}

#[test]
fn records_before_a_damage_are_kept() {
    let second = SIGN_IN.replace("000000000001", "000000000009");
    let array = format!("[{SIGN_IN},{second},{}", &SIGN_IN[..SIGN_IN.len() / 2]);
    damaged("cut.json", array.as_bytes(), "signins_interactive_user", 2);
    let lines = format!("{SIGN_IN}\n{{\"id\": oops}}\n{second}\n");
    damaged("line.jsonl", lines.as_bytes(), "signins_interactive_user", 2);
}

#[test]
fn a_record_above_the_limit_is_streamed_past() {
    let mut file = SIGN_IN.as_bytes().to_vec();
    file.extend_from_slice(
        b"\n{\"id\":\"big\",\"createdDateTime\":\"2026-03-01T10:00:00Z\",\"userPrincipalName\":\"",
    );
    file.resize(file.len() + (17 << 20), b'x');
    file.extend_from_slice(b"\"}\n");
    file.extend_from_slice(SIGN_IN.replace("000000000001", "000000000009").as_bytes());
    file.push(b'\n');
    damaged("big.jsonl", &file, "signins_interactive_user", 2);
}

#[test]
fn deep_nesting_is_refused_by_record() {
    let deep = format!("{{\"id\":\"x\",\"createdDateTime\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    damaged("deep.jsonl", format!("{SIGN_IN}\n{deep}\n").as_bytes(), "signins_interactive_user", 1);
}

#[test]
fn duplicate_keys_and_invalid_utf8_leave_no_original() {
    let twice = SIGN_IN.replacen(
        "\"userDisplayName\":\"Greta Schmidt\"",
        "\"userDisplayName\":\"Greta Schmidt\",\"userDisplayName\":\"Pat Leeuwenhoek\"",
        1,
    );
    let machine = Machine::new();
    machine.file("in/users.json", USERS);
    let mut bytes = twice.into_bytes();
    bytes.push(b'\n');
    let at = bytes.windows(6).position(|w| w == b"denied").unwrap();
    bytes[at] = 0xff;
    machine.file("in/signins.jsonl", &bytes);
    let ran = machine.run(&["collect", "--input", "in", "--out", "out"]);
    assert!(matches!(ran.code, Some(0 | 3)), "{}", ran.err);
    let bundle = machine.bundle("out");
    machine.ok(&[
        "unpack",
        bundle.to_str().unwrap(),
        "--to",
        "case",
        "--public-key",
        "config/signing.pub.pem",
    ]);
    let part = fs::read_to_string(machine.path("case/data/graph/signins_interactive_user/part-00000.jsonl"))
        .unwrap();
    assert_nothing_personal(&part);
}

#[cfg(unix)]
#[test]
fn links_and_devices_are_not_followed() {
    let machine = Machine::new();
    machine.file("in/users.json", USERS);
    machine.file("outside/signins.jsonl", SIGN_IN);
    std::os::unix::fs::symlink(machine.path("outside"), machine.path("in/link")).unwrap();
    std::os::unix::fs::symlink(machine.path("outside/signins.jsonl"), machine.path("in/link.jsonl")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(machine.path("in/pipe")).status().unwrap().success());
    let ran = machine.run(&["collect", "--input", "in", "--out", "out", "--json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert_eq!(ran.json()["records"], 2);
}

#[test]
fn a_zip_with_a_climbing_name_loses_only_that_member() {
    let machine = Machine::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::DEFAULT;
    zip.start_file("../../evil.json", options).unwrap();
    zip.write_all(SIGN_IN.as_bytes()).unwrap();
    zip.start_file("users.json", options).unwrap();
    zip.write_all(USERS.as_bytes()).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    machine.file("in/export.zip", &bytes);
    let ran = machine.run(&["collect", "--input", "in", "--out", "out", "--json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert_eq!(ran.json()["records"], 2);
    assert!(!machine.path("evil.json").exists() && !Path::new("../evil.json").exists());
}

#[test]
fn wrong_usage_is_exit_2_before_any_work() {
    let machine = Machine::new();
    machine.file("in/users.json", USERS);
    machine.file("bad.key", "entra-bundle-key-1:zzzz:00000000");
    machine.file("policy.json", "{\"schema\":\"entra-bundle/policy/1\",\n \"kinds\": {\"upn\": {\"do\": \"kep\", \"reason\": \"x\"}}}");
    for (args, word) in [
        (&["collect", "--input", "absent", "--out", "out"][..], "absent"),
        (&["collect", "--input", "in", "--out", "out", "--key", "bad.key"], "key"),
        (&["collect", "--input", "in", "--out", "out", "--policy", "policy.json"], "line 2"),
        (&["collect", "--input", "in", "--out", "out", "--policy", "harsh"], "harsh"),
        (&["collect", "--input", "in", "--out", "out", "--dataset", "nothing"], "nothing"),
        (&["collect", "--input", "in", "--out", "out", "--since", "yesterday"], "yesterday"),
        (&["collect", "--input", "in", "--out", "out", "--case", "a b"], "case"),
        (&["collect", "--out", "out"], "--input"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let ran = machine.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(word), "{args:?}: {}", ran.err);
        let json = machine.run(&[args, &["--json"]].concat());
        let error: serde_json::Value = serde_json::from_str(json.err.lines().last().unwrap()).unwrap();
        assert_eq!(error["error"]["code"], 2, "{args:?}");
    }
    assert!(!machine.path("out").exists() || fs::read_dir(machine.path("out")).unwrap().next().is_none());
}

#[test]
fn an_existing_output_is_refused_and_kept() {
    let machine = Machine::new();
    export(&machine);
    machine.file("out/b.zip", b"precious");
    let ran = machine.run(&["collect", "--input", "export", "--out", "out/b.zip"]);
    assert_ne!(ran.code, Some(0));
    assert_eq!(fs::read(machine.path("out/b.zip")).unwrap(), b"precious");
    machine.ok(&["collect", "--input", "export", "--out", "out/b.zip", "--force"]);
    machine.ok(&["verify", "out/b.zip", "--public-key", "config/signing.pub.pem"]);
}

#[test]
fn private_files_may_not_lie_beside_the_bundle() {
    let machine = Machine::new();
    export(&machine);
    machine.ok(&["key", "generate", "incident", "--out", "private.key"]);
    let ran = machine.run(&["collect", "--input", "export", "--out", ".", "--key", "private.key"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("stay with you"), "{}", ran.err);
}

#[test]
fn a_directory_with_hostile_names_still_seals() {
    let machine = Machine::new();
    let names = ["admin", "sync", "Success", "Interactive", "createdDateTime", "status", "user", "Browser"];
    let users: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            format!(
                r#"{{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e{at:02}","userPrincipalName":"{name}@contoso.com","displayName":"{name}","mailNickname":"{name}","accountEnabled":true,"userType":"Member"}}"#
            )
        })
        .collect();
    machine.file("in/users.json", format!("{{\"value\":[{}]}}", users.join(",")));
    machine.file("in/devices.json", r#"{"value":[{"id":"aacc07d7-7c15-447d-876d-c01b0e5a9e38","deviceId":"bbcc07d7-7c15-447d-876d-c01b0e5a9e38","displayName":"ad","operatingSystem":"Windows","trustType":"AzureAd","accountEnabled":true}]}"#);
    machine.file("in/signins.jsonl", SIGN_IN);
    let ran = machine.ok(&["collect", "--input", "in", "--out", "out"]);
    assert!(ran.out.contains("0 known identifiers"));
    let bundle = machine.bundle("out");
    machine.ok(&[
        "unpack",
        bundle.to_str().unwrap(),
        "--to",
        "case",
        "--public-key",
        "config/signing.pub.pem",
    ]);
    let part = fs::read_to_string(machine.path("case/data/graph/signins_interactive_user/part-00000.jsonl"))
        .unwrap();
    assert!(part.contains("\"createdDateTime\"") && part.contains("\"Browser\""), "{part}");
}

#[test]
fn a_window_keeps_what_lies_in_it_and_what_has_no_time() {
    let machine = Machine::new();
    let late = SIGN_IN.replace("2026-03-01T10:00:00Z", "2026-03-09T10:00:00Z");
    machine.file("in/signins.jsonl", format!("{SIGN_IN}\n{late}\n"));
    machine.file("in/users.json", USERS);
    let ran = machine.ok(&[
        "collect",
        "--input",
        "in",
        "--out",
        "out",
        "--from",
        "2026-03-05",
        "--to",
        "2026-03-10",
        "--json",
    ]);
    assert_eq!(ran.json()["records"], 3);
}

#[cfg(unix)]
#[test]
fn an_interrupted_gather_resumes_to_the_same_bundle() {
    let machine = Machine::new();
    let mut lines = String::new();
    for at in 0..40_000 {
        lines += &SIGN_IN.replace("000000000001", &format!("{at:012}"));
        lines.push('\n');
    }
    machine.file("in/signins.jsonl", &lines);
    machine.file("in/users.json", USERS);
    machine.ok(&["key", "generate", "incident", "--out", "private.key"]);
    let args = [
        "collect",
        "--input",
        "in",
        "--out",
        "out",
        "--key",
        "private.key",
        "--workspace",
        "ws/one",
        "--json",
    ];
    let mut child = machine
        .command(&args)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(150));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(fs::read_dir(machine.path("out")).map(|d| d.count()).unwrap_or(0) <= 1);
    if !machine.path("ws/one").exists() {
        return; // killed before the workspace was made: nothing to resume
    }
    let resumed = ran(machine.command(&[&args[..], &["--resume"]].concat()).output().unwrap());
    assert_eq!(resumed.code, Some(0), "{}", resumed.err);
    let fresh = machine
        .ok(&[
            "collect",
            "--input",
            "in",
            "--out",
            "fresh",
            "--key",
            "private.key",
            "--workspace",
            "ws/two",
            "--json",
        ])
        .json();
    assert_eq!(resumed.json()["contentRoot"], fresh["contentRoot"]);
    assert!(bundle_in(&machine.path("fresh")).exists());
}

#[test]
fn help_and_completions_are_results() {
    let machine = Machine::new();
    assert!(machine.ok(&["--help"]).out.contains("For support engineers"));
    assert!(machine.ok(&["completions", "bash"]).out.contains("entra-bundle"));
    assert!(machine.ok(&["datasets", "--group", "logs"]).out.contains("directory_audits"));
    assert!(machine.ok(&["policy", "show", "strict"]).out.contains("reason"));
    let explained = machine.ok(&["policy", "explain", "users", "/userPrincipalName"]);
    assert!(explained.out.contains("pseudonymize"), "{}", explained.out);
}

#[test]
fn scan_counts_and_writes_nothing() {
    let machine = Machine::new();
    export(&machine);
    let counted = machine.ok(&["scan", "export", "--json"]).json();
    assert!(counted["kinds"]["upn"].as_u64().unwrap() >= 4, "{counted}");
    assert_eq!(machine.run(&["scan", "export", "--fail-on-findings"]).code, Some(5));
    machine.file("clean/a.txt", "nothing here\n");
    assert_eq!(machine.run(&["scan", "clean", "--fail-on-findings"]).code, Some(0));
    assert!(!machine.path("state").exists() && !machine.path("config").exists());
}

/// Enough sign-ins that a debug build works on them for a while.
fn many(machine: &Machine, count: usize) {
    let mut lines = String::new();
    let mut state = 1_u64;
    for at in 0..count {
        // Ids without a pattern, so that they take room when compressed.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let record = SIGN_IN.replace("000000000001", &format!("{at:012}"));
        lines += &record.replace(
            "8a1b7c33-0000-4000-8000-000000000002",
            &format!(
                "{:08x}-{:04x}-4000-8000-{:012x}",
                state >> 32,
                state >> 16 & 0xffff,
                state & 0xffff_ffff_ffff
            ),
        );
        lines.push('\n');
    }
    machine.file("in/signins.jsonl", lines);
    machine.file("in/users.json", USERS);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_workspace_and_says_so() {
    let machine = Machine::new();
    many(&machine, 30_000);
    machine.ok(&["key", "generate", "incident", "--out", "private.key"]);
    let args = ["collect", "--input", "in", "--out", "out", "--key", "private.key"];
    let child = machine
        .command(&args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(400));
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let stopped = ran(child.wait_with_output().unwrap());
    if stopped.code == Some(0) {
        return; // it was faster than the signal
    }
    assert_eq!(stopped.code, Some(130), "{}", stopped.err);
    assert!(stopped.err.contains("workspace kept: ") && stopped.err.contains("--resume"), "{}", stopped.err);
    assert_nothing_personal(&stopped.err);
    assert_eq!(fs::read_dir(machine.path("out")).unwrap().count(), 0, "a draft was left");
    machine.ok(&[&args[..], &["--resume"]].concat());
    machine.ok(&[
        "verify",
        machine.bundle("out").to_str().unwrap(),
        "--public-key",
        "config/signing.pub.pem",
    ]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_no_half_written_bundle() {
    let machine = Machine::new();
    many(&machine, 3_000);
    for small in ["out", "state"] {
        let folder = machine.path(small);
        fs::create_dir_all(&folder).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32k", "tmpfs"])
            .arg(&folder)
            .stderr(std::process::Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!(
                "SKIPPED a_full_disk_leaves_no_half_written_bundle: no right to mount a small file system"
            );
            return;
        }
        let ran = machine.run(&["collect", "--input", "in", "--out", "out"]);
        let left: Vec<_> =
            fs::read_dir(machine.path("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
        std::process::Command::new("umount").arg(&folder).status().unwrap();
        assert_eq!(ran.code, Some(1), "{small}: {}", ran.err);
        assert!(ran.err.contains("No space left"), "{small}: {}", ran.err);
        assert!(left.is_empty(), "{small}: {left:?}");
        assert_nothing_personal(&ran.err);
    }
}

#[test]
fn a_wrong_key_opens_nothing() {
    let machine = Machine::new();
    export(&machine);
    machine.ok(&["gather", "--input", "export", "--workspace", "ws/one"]);
    let keys: Vec<_> = fs::read_dir(machine.path("state/keys")).unwrap().map(|e| e.unwrap().path()).collect();
    let key =
        keys.iter().find(|k| k.file_name().unwrap().to_str().unwrap().starts_with("workspace-")).unwrap();
    let text = fs::read_to_string(key).unwrap();
    fs::remove_file(key).unwrap();
    let ran = machine.run(&["seal", "--workspace", "ws/one", "--out", "out"]);
    assert_eq!(ran.code, Some(17), "{}", ran.err);
    fs::write(key, text).unwrap();
    machine.ok(&["seal", "--workspace", "ws/one", "--out", "out"]);
    machine.ok(&["seal", "--workspace", "ws/one", "--policy", "strict", "--out", "strict"]);
    machine.ok(&["collect", "--input", "export", "--out", "kept", "--keep-workspace"]);
    let listed = machine.ok(&["workspace", "list", "--json"]).json();
    assert_eq!(listed[0]["records"], 4, "{listed}");
    machine.ok(&["workspace", "remove", listed[0]["folder"].as_str().unwrap()]);
    assert_eq!(machine.ok(&["workspace", "list", "--json"]).json(), serde_json::json!([]));
    // The workspace itself is no input.
    let ran = machine.run(&["collect", "--input", "ws/one", "--out", "again"]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert!(ran.err.contains("private file"), "{}", ran.err);
}

#[test]
fn names_of_files_stay_out_of_logs() {
    let machine = Machine::new();
    machine.file("in/users.json", USERS);
    machine.file("in/greta.schmidt@contoso.com notes.txt", "words of nobody\n");
    let ran = machine.run(&["collect", "--input", "in", "--out", "out"]);
    assert_eq!(ran.code, Some(3));
    assert_nothing_personal(&ran.err);
    assert!(ran.err.contains("text of unknown kind (--accept-text takes it) (1)"), "{}", ran.err);
}

#[test]
fn a_private_key_never_lies_in_the_folder_to_be_sent() {
    let machine = Machine::new();
    export(&machine);
    fs::create_dir_all(machine.path("out")).unwrap();
    machine.ok(&["key", "generate", "signing", "--out", "out/signing.key"]);
    for args in [
        &["collect", "--input", "export", "--out", "out", "--sign-key", "out/signing.key"][..],
        &["collect", "--input", "export", "--out", "export/bundles"],
    ] {
        let ran = machine.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
    }
    machine.file("sent/entra-bundle-old.zip.partial", "left by a killed run");
    machine.ok(&["collect", "--input", "export", "--out", "sent"]);
    assert_eq!(fs::read_dir(machine.path("sent")).unwrap().count(), 1);
}

#[test]
fn an_input_that_changed_is_not_resumed() {
    let machine = Machine::new();
    export(&machine);
    machine.ok(&["gather", "--input", "export", "--workspace", "ws/one"]);
    let more = format!("{}{}\n", fs::read_to_string(machine.path("export/signins.jsonl")).unwrap(), SIGN_IN);
    machine.file("export/signins.jsonl", more);
    let ran = machine.run(&["gather", "--input", "export", "--workspace", "ws/one", "--resume"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("changed or vanished"), "{}", ran.err);
}

/// What is wrong with the flags is said before a key is made.
#[test]
fn a_volume_that_is_too_small_leaves_no_key_behind() {
    let machine = Machine::new();
    machine.file("in/users.json", r#"{"value":[]}"#);
    let ran = machine.run(&["collect", "--input", "in", "--max-volume", "1000", "--out", "out"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("--max-volume") && !machine.path("state/keys").exists(), "{}", ran.err);
}
