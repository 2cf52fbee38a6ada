//! Artifacts of servers, generated in their documented shapes: recognised, redacted, on one time line.

use crate::program::Machine;
use serde_json::Value;
use std::path::Path;

const CORRELATION: &str = "11111111-2222-4333-8444-555555555555";

fn utf16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

/// A copy of the disk of a server; every file is invented.
fn server(machine: &Machine, root: &str) {
    let file = |name: &str, bytes: &[u8]| {
        machine.file(&format!("{root}/{name}"), bytes);
    };
    let connect = "ProgramData/AADConnect";
    file(
        &format!("{connect}/trace-20240305-235958.log"),
        format!(
            "[23:59:58.123] [  1] [INFO ] Starting, version 9.8.7.0\r\n\
             [23:59:59.456] [ 12] [WARN ] Token request for pat.lee@contoso.com\r\n authority: https://login.example.net/contoso.com\r\n\
             [00:00:02.789] [ 12] [ERROR] Request failed, correlation {CORRELATION}\r\n"
        )
        .as_bytes(),
    );
    file(&format!("{connect}/service.etl"), b"\x00\x01binary");
    file(
        &format!("{connect}/Exported-ServerConfiguration-SRV01/MigratedPolicy.json"),
        br#"{"deploymentMetadata":{"version":"2.4.21.0"},"onPremisesDirectoryPolicy":[]}"#,
    );
    file(
        "ProgramData/Microsoft/Azure AD Connect Provisioning Agent/Trace/AgentTrace.log",
        b"AADConnectProvisioningAgent.exe Information: 0 : Bootstrap for pat.lee@contoso.com\r\n    ThreadId=5\r\n    DateTime=2024-03-05T22:30:00.0000000Z\r\n",
    );
    file(
        "Windows/System32/LogFiles/IN240307.log",
        b"\"NPS01\",\"IAS\",03/07/2024,15:04:05,1,\"CONTOSO\\pat.lee\",\"contoso.com/Users/Pat Lee\",,,,\"10.0.0.5\"\r\n",
    );
    file(
        "Program Files/Azure AD Password Protection DC Agent/Logs/agent.log",
        b"2024-03-05 10:00:00.123 [1] Password set for user Pat Lee (pat.lee) accepted\n  detail\n",
    );
    file("elsewhere/private.txt", b"never looked at\n");
}

fn exports(machine: &Machine) {
    machine.file(
        "exports/ad.ldif",
        "version: 1\ndn: CN=Pat Lee,OU=Sales,DC=contoso,DC=com\nobjectClass: user\nsAMAccountName: pat.lee\n\
         userPrincipalName: pat.lee@contoso.com\ndisplayName: Pat Lee\nobjectGUID:: 1wfM9xV8fUSHbcAbDlqeOA==\n\n",
    );
    machine.file(
        "exports/runhistory.xml",
        utf16(
            "<?xml version=\"1.0\" encoding=\"utf-16\"?><run-history><run-details><ma-name>contoso.com</ma-name>\
             <start-date>2024-03-06 07:08:09.123</start-date><dn>CN=Pat Lee,OU=Sales,DC=contoso,DC=com</dn></run-details></run-history>",
        ),
    );
    machine.file(
        "exports/adusers.csv",
        "#TYPE Microsoft.ActiveDirectory.Management.ADUser\n\"DistinguishedName\",\"Enabled\",\"ObjectGUID\",\"SamAccountName\",\"ObjectClass\"\n\
         \"CN=Pat Lee,OU=Sales,DC=contoso,DC=com\",\"True\",\"f7cc07d7-7c15-447d-876d-c01b0e5a9e38\",\"pat.lee\",\"user\"\n",
    );
    machine.file(
        "exports/trace.har",
        br#"{"log":{"version":"1.2","creator":{"name":"x"},"entries":[{"cookie":"secret"}]}}"#,
    );
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_server_is_discovered_and_merges_with_exports() {
    let machine = Machine::new();
    server(&machine, "disk");
    exports(&machine);
    let ran = machine.run(&[
        "collect",
        "--on-premises",
        "--root",
        "disk",
        "--input",
        "exports",
        "--timezone",
        "+02:00",
        "--uploaded",
        "authenticator=ABC-123",
        "--out",
        "out",
    ]);
    // The recording of a browser is refused: incomplete, and sealed.
    assert_eq!(ran.code, Some(3), "{}\n{}", ran.out, ran.err);
    assert!(ran.err.contains("found at the default paths: 6 files"), "{}", ran.err);
    assert!(ran.err.contains("skipped, binary"), "{}", ran.err);
    assert!(!ran.err.contains("pat.lee") && !ran.err.contains("SRV01"), "{}", ran.err);
    let bundle = machine.bundle("out");
    let bundle = bundle.to_str().unwrap();
    machine.ok(&["unpack", bundle, "--to", "case", "--public-key", "config/signing.pub.pem"]);
    let case = machine.path("case");

    let index = |dataset: &str| lines(&case.join(format!("meta/index/onprem/{dataset}/part-00000.jsonl")));
    let times: Vec<_> = index("aadc_wizard_trace").iter().map(|line| line[2].clone()).collect();
    assert_eq!(times, ["2024-03-05T21:59:58.123Z", "2024-03-05T21:59:59.456Z", "2024-03-05T22:00:02.789Z"]);
    assert_eq!(index("aadc_run_history")[0][2], "2024-03-06T07:08:09.123Z");
    assert_eq!(index("pwdprot_dc_text")[0][2], "2024-03-05T08:00:00.123Z");

    // One person has one pseudonym in every artifact.
    let people = lines(&case.join("data/onprem/ad_objects/part-00000.jsonl"));
    assert_eq!(people.len(), 2);
    let radius = &lines(&case.join("data/onprem/nps_accounting/part-00000.jsonl"))[0];
    let of = |name: &str| people.iter().find_map(|person| person[name].as_str()).unwrap().to_owned();
    let account = of("sAMAccountName");
    assert_eq!(of("SamAccountName"), account);
    assert!(radius["User-Name"].as_str().unwrap().ends_with(&account), "{radius}");
    assert!(radius["Computer-Name"].as_str().unwrap().starts_with("h-"), "{radius}");
    assert_eq!(radius["TimeUtc"], "2024-03-07T13:04:05Z");
    let trace = std::fs::read_to_string(case.join("data/onprem/aadc_wizard_trace/part-00000.txt")).unwrap();
    assert!(
        trace.contains(&account) && trace.contains("9.8.7.0") && trace.contains("[23:59:58.123]"),
        "{trace}"
    );

    let collection: Value =
        serde_json::from_slice(&std::fs::read(case.join("meta/collection.json")).unwrap()).unwrap();
    assert_eq!(
        collection["uploaded"],
        serde_json::json!([{"kind": "authenticator", "reference": "ABC-123"}])
    );
    let har =
        collection["files"].as_array().unwrap().iter().find(|file| file["reason"] == "web-trace").unwrap();
    assert_eq!(har["outcome"], "skipped");

    // One time line, text and JSON alike, in one order.
    let key = ["--public-key", "config/signing.pub.pem", "--json"];
    let all =
        machine.ok(&[&["records", bundle, "--since", "2024-03-05", "--to", "2024-03-08"][..], &key].concat());
    let dates: Vec<_> = all
        .json()
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["date"].as_str().map(str::to_owned))
        .filter(|date| !date.is_empty())
        .collect();
    assert!(dates.is_sorted() && dates.len() == 7, "{dates:?}");
    let one = machine.ok(&[&["records", bundle, "--correlation-id", CORRELATION][..], &key].concat());
    assert_eq!(one.json().as_array().unwrap().len(), 1);
    let text =
        machine
            .ok(&[&["records", bundle, "--dataset", "aadc_wizard_trace", "--user", &account][..], &key]
                .concat());
    assert!(text.json()[0]["message"].as_str().unwrap().contains("Token request"), "{}", text.out);
    let refused = machine.run(
        &[&["records", bundle, "--dataset", "aadc_wizard_trace", "--status", "failure"][..], &key].concat(),
    );
    assert_eq!(refused.code, Some(2), "{}", refused.out);
}

#[test]
fn the_incident_window_applies_to_text_and_files() {
    let machine = Machine::new();
    server(&machine, "disk");
    let ran = machine.ok(&[
        "collect",
        "--on-premises",
        "--root",
        "disk",
        "--timezone",
        "+02:00",
        "--from",
        "2024-03-05T21:59:59Z",
        "--to",
        "2024-03-05T22:00:00Z",
        "--out",
        "out",
        "--json",
    ]);
    drop(ran);
    let bundle = machine.bundle("out");
    machine.ok(&[
        "unpack",
        bundle.to_str().unwrap(),
        "--to",
        "case",
        "--public-key",
        "config/signing.pub.pem",
    ]);
    let trace =
        std::fs::read_to_string(machine.path("case/data/onprem/aadc_wizard_trace/part-00000.txt")).unwrap();
    assert!(trace.starts_with("[23:59:59.456]") && trace.lines().count() == 2, "{trace}");
}

#[test]
fn discovery_refuses_what_it_cannot_look_at() {
    let machine = Machine::new();
    for (args, code) in [
        (&["collect", "--on-premises", "--root", "nowhere", "--out", "out"][..], 2),
        (&["collect", "--root", ".", "--out", "out"], 2),
        (&["collect", "--out", "out"], 2),
        (&["collect", "--on-premises", "--root", ".", "--out", "out"], 4),
        (&["collect", "--input", ".", "--uploaded", "nothing", "--out", "out"], 2),
        (&["collect", "--input", ".", "--timezone", "Nowhere/Land", "--out", "out"], 2),
    ] {
        let ran = machine.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}\n{}", ran.err);
    }
    if !cfg!(windows) {
        let ran = machine.run(&["collect", "--on-premises", "--out", "out"]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("--root"), "{}", ran.err);
    }
}

/// Exactly as many rows as the portal gives at most: there were probably more.
#[test]
fn a_download_at_the_limit_of_the_portal_is_noted() {
    use entra_bundle::event::Reason;
    use entra_bundle::source::local::{LocalFiles, Options};
    use entra_bundle::source::{Item, Source as _};
    let folder = tempfile::tempdir().unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let reasons = |name: &str, rows: usize| {
        let mut csv = "Date (UTC),Request ID,Application,Status\n".to_owned();
        csv.push_str(
            &"2024-03-05T07:08:09Z,8a1b7c33-0000-4000-8000-000000000001,Portal,Success\n".repeat(rows),
        );
        let path = folder.path().join(name);
        std::fs::write(&path, csv).unwrap();
        let source = LocalFiles::new(vec![path], Options::new(&stop)).unwrap();
        let unit = source.units().unwrap().remove(0);
        let mut items = source.open(&unit, None).unwrap();
        let mut reasons: Vec<Reason> = Vec::new();
        while let Some(item) = items.next() {
            if let Item::Fault(fault) = item.unwrap() {
                reasons.push(fault.reason);
            }
        }
        reasons
    };
    assert_eq!(reasons("InteractiveSignIns_2024.csv", 100_000), [Reason::Cap]);
    assert_eq!(reasons("InteractiveSignIns_2025.csv", 100_001), []);
}

/// A file counts as read only while size, time and the digest of its first MiB are those of the run before.
#[test]
fn a_run_is_continued_only_over_the_same_files() {
    let machine = Machine::new();
    let trace = |word: &str| format!("[07:08:09.123] [  1] [INFO ] {word} one\r\n");
    let path = machine.file("in/trace-20240305.log", trace("step"));
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let gather = ["gather", "--input", "in", "--workspace", "space"];
    let resume = [&gather[..], &["--resume", "--json"]].concat();
    machine.ok(&gather);
    assert_eq!(machine.ok(&resume).json()["records"], 1);
    // Size and time stay; a letter does not.
    std::fs::write(&path, trace("stop")).unwrap();
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
    let changed = machine.run(&resume);
    assert_eq!(changed.code, Some(2), "{}\n{}", changed.out, changed.err);
    assert!(changed.err.contains("changed or vanished"), "{}", changed.err);
    // The first content again, at another time.
    std::fs::write(&path, trace("step")).unwrap();
    assert_eq!(machine.run(&resume).code, Some(2));
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(machine.ok(&resume).json()["records"], 1);
}
