//! Files that are not what they seem, all in one folder with good ones: the good ones arrive, and the
//! account of the collection says of each other which it was (by a treated name), where and why.

use crate::program::Machine;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;

const GOOD: &str = r#"[{"id":"8a1b7c33-0000-4000-8000-000000000001","userPrincipalName":"pat.lee@contoso.com","displayName":"Pat Lee"}]"#;

fn collection(machine: &Machine, out: &str) -> Vec<Value> {
    let bundle = machine.bundle(out);
    let case = format!("{out}.case");
    machine.ok(&[
        "unpack",
        bundle.to_str().unwrap(),
        "--to",
        &case,
        "--public-key",
        "config/signing.pub.pem",
    ]);
    let text = std::fs::read_to_string(machine.path(&case).join("meta/collection.json")).unwrap();
    assert!(!text.to_lowercase().contains("pat.lee") && !text.contains("contoso"), "{text}");
    let collection: Value = serde_json::from_str(&text).unwrap();
    collection["files"].as_array().unwrap().clone()
}

fn zip_bomb() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("zeros.json", zip::write::SimpleFileOptions::default()).unwrap();
    let block = vec![b' '; 1 << 20];
    for _ in 0..80 {
        writer.write_all(&block).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// name, bytes, reason of the ledger, records that arrive all the same.
fn cases() -> Vec<(&'static str, Vec<u8>, Option<&'static str>, u64)> {
    let trace = "[07:08:09.123] [  1] [INFO ] one\r\n";
    let mixed = [
        "[07:08:09.123] [  1] [INFO ] Zo\u{eb} in UTF-8\r\n".as_bytes(),
        b"[07:08:10.123] [  1] [INFO ] Zo\xEB in windows-1252\r\n",
    ]
    .concat();
    // A block of NUL bytes, as a crash of the server leaves it.
    let nul = [trace.repeat(3000).as_bytes(), &[0; 4096], trace.as_bytes()].concat();
    let page = "<!DOCTYPE html>\r\n<html><body>Sign in as pat.lee@contoso.com</body></html>";
    let external = "<!DOCTYPE cs-objects [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><cs-objects><cs-object>&x;</cs-object></cs-objects>";
    let mut lol = "<!DOCTYPE cs-objects [<!ENTITY a0 \"pat.lee\">".to_owned();
    for level in 1..10 {
        lol += &format!("<!ENTITY a{level} \"{}\">", format!("&a{};", level - 1).repeat(10));
    }
    lol += "]><cs-objects><cs-object>&a9;</cs-object></cs-objects>";
    let csv = "userPrincipalName,displayName,id\r\npat.lee@contoso.com,Pat Lee,1\r\n";
    vec![
        ("good.json", GOOD.into(), None, 1),
        ("mixed.log", mixed, None, 2),
        ("nul.log", nul, None, 3001),
        ("pipes.csv", csv.replace(',', "|").into(), Some("unrecognised-text"), 0),
        ("no-columns.csv", "one,two,three\r\n1,2,3\r\n".into(), Some("unrecognised-records"), 0),
        ("short.csv", format!("{csv}pat.lee@contoso.com,Pat Lee\r\n").into(), Some("damaged"), 2),
        ("page.json", page.into(), Some("unrecognised-text"), 0),
        ("external.xml", external.into(), Some("damaged"), 0),
        ("lol.xml", lol.into(), Some("damaged"), 0),
        ("bomb.zip", zip_bomb(), Some("archive-limit"), 0),
        ("pat.lee notes.txt", b"Call Pat Lee about the sync.\n".to_vec(), Some("unrecognised-text"), 0),
        ("cut.json", GOOD.as_bytes()[..60].to_vec(), Some("damaged"), 0),
    ]
}

#[test]
fn every_bad_file_is_named_with_its_cause_and_the_good_ones_arrive() {
    let machine = Machine::new();
    for (name, bytes, ..) in cases() {
        machine.file(&format!("in/{name}"), bytes);
    }
    let ran = machine.run(&["collect", "--input", "in", "--out", "out"]);
    assert_eq!(ran.code, Some(3), "{}\n{}", ran.out, ran.err);
    assert!(!ran.err.contains("pat.lee"), "{}", ran.err);
    let files = collection(&machine, "out");
    let mut names: Vec<_> =
        cases().into_iter().map(|(name, _, reason, records)| (name, reason, records)).collect();
    // Files come in the order of their paths.
    names.sort_unstable_by_key(|(name, ..)| *name);
    assert_eq!(files.len(), names.len(), "{files:#?}");
    for ((name, reason, records), file) in names.into_iter().zip(&files) {
        assert_eq!(file["reason"].as_str(), reason, "{name}: {file}");
        let count: u64 =
            file["records"].as_array().unwrap().iter().map(|taken| taken["count"].as_u64().unwrap()).sum();
        assert_eq!(count, records, "{name}: {file}");
        let faults = file["faults"].as_array().unwrap();
        assert_eq!(faults.is_empty(), reason.is_none(), "{name}: {file}");
    }
    let text = std::fs::read_to_string(machine.path("out.case/data/onprem/aadc_wizard_trace/part-00000.txt"))
        .unwrap();
    assert!(
        text.contains("Zo\u{eb} in UTF-8") && text.contains("Zo\u{eb} in windows-1252"),
        "{}",
        &text[..200]
    );
}

/// One file of a thousand belongs to somebody else; the program runs as a user without rights.
#[cfg(unix)]
#[test]
fn no_permission_on_one_file_of_a_thousand() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    let open =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let machine = Machine::new();
    for number in 0..1000 {
        machine.file(&format!("in/{number:04}.json"), GOOD);
    }
    let locked = machine.path("in/0500.json");
    open(&locked, 0o000);
    let mut command = machine.command(&["collect", "--input", "in", "--out", "out"]);
    let root = std::fs::metadata(machine.path("in")).unwrap().uid() == 0;
    if root {
        // A user without rights, who must reach the folder and write to it.
        let program = machine.path("program");
        std::fs::copy(env!("CARGO_BIN_EXE_entra-bundle"), &program).unwrap();
        open(&program, 0o755);
        open(&machine.path("."), 0o777);
        let mut other = std::process::Command::new(&program);
        other.args(["collect", "--input", "in", "--out", "out"]).current_dir(machine.path("."));
        other
            .env("ENTRA_BUNDLE_STATE", machine.path("state"))
            .env("ENTRA_BUNDLE_CONFIG", machine.path("config"));
        other.uid(65_534).gid(65_534).stdin(std::process::Stdio::null());
        command = other;
    }
    let ran = crate::program::ran(command.output().unwrap());
    assert_eq!(ran.code, Some(3), "{}\n{}", ran.out, ran.err);
    let files = collection(&machine, "out");
    assert_eq!(files.len(), 1000);
    let refused: Vec<_> = files.iter().filter(|file| file["outcome"] != "complete").collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(
        (&refused[0]["reason"], refused[0]["name"].as_str()),
        (&"permission".into(), Some("in/0500.json"))
    );
}
