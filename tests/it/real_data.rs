//! The shared development data, all of it, through the program: what arrives, what is refused, what is left.

use crate::program::Machine;
use crate::shared;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Records of every part below `data/<source>/<dataset>`, by the index or by lines.
fn rows(case: &Path) -> BTreeMap<String, u64> {
    let manifest: Value = serde_json::from_slice(&fs::read(case.join("manifest.json")).unwrap()).unwrap();
    let mut rows = BTreeMap::new();
    for entry in manifest["entries"].as_array().unwrap() {
        let path = entry["path"].as_str().unwrap();
        let Some(below) = path.strip_prefix("data/") else { continue };
        let stream = below.rsplit_once('/').unwrap().0.to_owned();
        let lines = if path.ends_with(".jsonl") {
            path.to_owned()
        } else {
            format!("meta/index/{below}").rsplit_once('.').unwrap().0.to_owned() + ".jsonl"
        };
        let count = fs::read_to_string(case.join(lines)).unwrap().lines().count() as u64;
        *rows.entry(stream).or_default() += count;
    }
    rows
}

fn lines(path: &Path) -> u64 {
    fs::read_to_string(path).unwrap().lines().filter(|line| !line.trim().is_empty()).count() as u64
}

/// Where hosts go and domains stay, one word can be both; and what stays may be part of a name.
#[test]
fn the_preset_that_keeps_most_seals_too() {
    let Some(shared) = shared::folder("the_preset_that_keeps_most_seals_too") else { return };
    let data = shared.join("data");
    let machine = Machine::new();
    let ran =
        machine.run(&["collect", "--input", data.to_str().unwrap(), "--policy", "minimal", "--out", "out"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.out.contains("0 known identifiers ("), "{}", ran.out);
}

#[test]
fn everything_arrives_or_is_refused_by_name() {
    let Some(shared) = shared::folder("everything_arrives_or_is_refused_by_name") else { return };
    let data = shared.join("data");
    let machine = Machine::new();
    let ran = machine.run(&["collect", "--input", data.to_str().unwrap(), "--out", "out"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.out.contains("0 known identifiers ("), "{}", ran.out);
    let bundle = machine.bundle("out");
    machine.ok(&[
        "unpack",
        bundle.to_str().unwrap(),
        "--to",
        "case",
        "--public-key",
        "config/signing.pub.pem",
    ]);
    let case = machine.path("case");

    // Counts by other means: lines, a CSV reader, the number of files.
    let rows = rows(&case);
    let of = |stream: &str| rows.get(stream).copied().unwrap_or_default();
    let sum = |source: &str| rows.iter().filter(|(s, _)| s.starts_with(source)).map(|(_, n)| n).sum::<u64>();
    assert_eq!(
        of("loganalytics/signins_interactive_user"),
        lines(&data.join("msticpy/aad_logons.sentinel.jsonl"))
    );
    let exchange =
        csv::Reader::from_path(data.join("msticpy/demo_exchange_data.csv")).unwrap().into_records().count();
    let office = lines(&data.join("otrf/OfficeActivityEvents.json"));
    let audits = lines(&data.join("otrf/AADAuditEvents.json"));
    let windows = lines(&data.join("otrf/WindowsEvents.json"));
    assert_eq!(
        sum("loganalytics/"),
        lines(&data.join("msticpy/aad_logons.sentinel.jsonl")) + exchange as u64 + office + audits + windows
    );
    assert_eq!(sum("diagnostic/"), lines(&data.join("panther/azure_signin_rules.jsonl")));
    assert_eq!(of("onprem/dsregcmd_status"), 3);
    assert_eq!(of("onprem/adsync_server_configuration"), 65);

    // Every file ends in one of two ways, and says which.
    let collection: Value =
        serde_json::from_slice(&fs::read(case.join("meta/collection.json")).unwrap()).unwrap();
    let files = collection["files"].as_array().unwrap();
    assert_eq!(
        files.len(),
        walkdir::WalkDir::new(&data)
            .into_iter()
            .filter(|e| e.as_ref().unwrap().file_type().is_file())
            .count()
    );
    let taken = |name: &str| -> u64 {
        let file = files.iter().find(|f| f["name"].as_str().unwrap().ends_with(name)).unwrap();
        file["records"].as_array().unwrap().iter().map(|r| r["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(taken("microsoft_rules.jsonl"), lines(&data.join("panther/microsoft_rules.jsonl")));
    assert_eq!(taken("new-user-security.evtx"), 4);
    assert_eq!(taken("system.evtx"), 1881);
    for file in files {
        let records = file["records"].as_array().unwrap().len();
        assert!(records > 0 || file["reason"].is_string(), "{file}");
    }

    // Nothing that looks like an address of a person is left, parts stay what they say.
    let mail = regex::Regex::new(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}").unwrap();
    let public = ["live.com", "onmicrosoft.com"];
    for entry in walkdir::WalkDir::new(&case) {
        let entry = entry.unwrap();
        if !entry.file_type().is_file() {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        for found in mail.find_iter(&text) {
            let (local, domain) = found.as_str().rsplit_once('@').unwrap();
            let ours = domain.ends_with(".example") || local.contains("u-") && public.contains(&domain);
            assert!(ours || domain.starts_with("odata."), "{} in {}", found.as_str(), entry.path().display());
        }
        match entry.path().extension().and_then(|e| e.to_str()) {
            Some("jsonl") => {
                for line in text.lines() {
                    serde_json::from_str::<serde::de::IgnoredAny>(line).unwrap();
                }
            }
            Some("xml") => {
                let mut reader = quick_xml::Reader::from_str(&text);
                let mut open = 0_i64;
                let mut roots = 0;
                loop {
                    match reader.read_event().unwrap() {
                        quick_xml::events::Event::Start(_) => {
                            roots += u32::from(open == 0);
                            open += 1;
                        }
                        quick_xml::events::Event::End(_) => open -= 1,
                        quick_xml::events::Event::Eof => break,
                        _ => {}
                    }
                }
                assert_eq!((open, roots), (0, 1), "{}", entry.path().display());
            }
            _ => {}
        }
    }
}
