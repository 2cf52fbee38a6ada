//! What the names of a run make of its texts: labels that are words of the logs, runs that read no
//! directory, words that the policy lets pass.

use crate::program::{Machine, Ran};
use serde_json::{Value, json};
use std::path::Path;

const PUBLIC: [&str; 2] = ["--public-key", "config/signing.pub.pem"];

fn page(context: &str, value: Value) -> String {
    json!({"@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{context}"), "value": value})
        .to_string()
}

/// Two people, one of whom is a service with a name like a word.
fn users() -> String {
    let user = |n: u8, name: &str, label: &str| {
        json!({"id": format!("f7cc07d7-7c15-447d-876d-c01b0e5a9e{n:02}"), "displayName": name,
            "userPrincipalName": format!("{label}@contoso.com"), "mailNickname": label})
    };
    page(
        "users",
        json!([user(10, "Dual Access Point", "quarzlampe"), user(11, "Greta Schmidtbauer", "gschmidtbauer")]),
    )
}

/// A trace in which both labels are frequent, once beside a cue.
fn trace() -> String {
    let mut text = String::from("[10:00:00.000] [ 12] [INFO ] Starting, version 9.8.7.0\n");
    for n in 0..1500 {
        text += &format!(
            "[10:{:02}:{:02}.000] [ 12] [INFO ] the quarzlampe answered in {n} ms\n",
            n / 60,
            n % 60
        );
        if n % 50 == 0 {
            text += "[10:00:00.000] [ 12] [INFO ] step done for gschmidtbauer\n";
        }
    }
    text + "[11:00:00.000] [ 12] [ERROR] user=quarzlampe was refused\n"
}

/// All files of a bundle below `data` as one text, and the redaction report.
fn unpacked(machine: &Machine, out: &str) -> (String, Value) {
    let to = format!("{out}-files");
    let bundle = machine.bundle(out);
    machine.ok(&[&["unpack", bundle.to_str().unwrap(), "--to", &to][..], &PUBLIC].concat());
    let mut all = String::new();
    fn walk(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, all);
            } else {
                *all += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
            }
        }
    }
    walk(&machine.path(&to).join("data"), &mut all);
    let report = std::fs::read(machine.path(&to).join("meta/redaction-report.json")).unwrap();
    (all, serde_json::from_slice(&report).unwrap())
}

fn collect(machine: &Machine, out: &str, more: &[&str]) -> Ran {
    machine.ok(&[&["collect", "--input", "in", "--key", "key", "--out", out][..], more].concat())
}

#[test]
fn a_label_that_is_a_frequent_word_is_replaced_beside_a_cue_only() {
    let machine = Machine::new();
    machine.ok(&["key", "generate", "incident", "--out", "key"]);
    machine.file("in/users.json", users());
    machine.file("in/trace-20261120-100000.log", trace());
    let said = collect(&machine, "guarded", &[]);
    assert!(
        said.out.contains("1 account labels are frequent words") && said.out.contains("--strict-names"),
        "{}",
        said.out
    );
    let (text, report) = unpacked(&machine, "guarded");
    let guarded = text.clone();
    assert!(text.matches("the quarzlampe answered").count() == 1500, "{text:.300}");
    assert!(!text.contains("user=quarzlampe") && text.contains("user=u-"), "the cue decides");
    assert!(!text.contains("gschmidtbauer"), "a label with a surname in it is no word");
    assert_eq!(report["lints"]["frequency-guard"], 1, "{report}");

    let said = collect(&machine, "everywhere", &["--strict-names", "--json"]).json();
    assert_eq!(said["guardedLabels"], 0, "{said}");
    let (text, report) = unpacked(&machine, "everywhere");
    assert!(!text.contains("quarzlampe") && text.contains("the u-"), "{text:.300}");
    assert!(report["lints"]["frequency-guard"].is_null(), "{report}");

    // The policy may say the same, and the number of workers changes nothing.
    let policy = json!({"schema": "entra-bundle/policy/1", "id": "x", "version": 1, "extends": ["builtin:balanced@1"],
        "recipient": {"text": "support"}, "names": {"strict": true}});
    machine.file("p.json", policy.to_string());
    collect(&machine, "by-policy", &["--policy", "p.json", "--workers", "1"]);
    assert!(!unpacked(&machine, "by-policy").0.contains("quarzlampe"));
    collect(&machine, "one", &["--workers", "1"]);
    assert_eq!(unpacked(&machine, "one").0, guarded);
}

#[test]
fn without_a_directory_texts_keep_wording_alone() {
    let machine = Machine::new();
    machine.ok(&["key", "generate", "incident", "--out", "key"]);
    let text = "[10:00:00.000] [ 12] [INFO ] Starting, version 9.8.7.0\n\
        [10:00:01.000] [ 12] [ERROR] AADSTS50126: Error validating credentials due to invalid username or password.\n\
        [10:00:02.000] [ 12] [ERROR] MFA denied by Greta Schmidtbauer on WIESENTAL from 203.0.113.7, code 0x8023134a\n\
        [10:00:03.000] [ 12] [INFO ] Correlation ID: 8a1b7c33-0000-4000-8000-000000000002\n";
    machine.file("in/trace-20261120-100000.log", text);
    let said = collect(&machine, "alone", &[]);
    assert!(said.out.contains("no directory was read") && said.out.contains("3 as [word]"), "{}", said.out);
    let (out, report) = unpacked(&machine, "alone");
    assert_eq!(report["lints"]["word-unknown"], 3, "{report}");
    for kept in [
        "Starting, version 9.8.7.0",
        "AADSTS50126: Error validating credentials due to invalid username or password.",
        "MFA denied by [word] [word] on [word] from 2001:db8:4::",
        "code 0x8023134a",
        "Correlation ID: 8a1b7c33-0000-4000-8000-000000000002",
    ] {
        assert!(out.contains(kept), "{kept}: {out}");
    }
    // Minimal keeps the wording of whoever is not known; strict keeps no text at all.
    let said = collect(&machine, "minimal", &["--policy", "minimal", "--json"]).json();
    assert!(said["wordsLeftOut"].is_null(), "{said}");
    assert!(unpacked(&machine, "minimal").0.contains("WIESENTAL"));
    collect(&machine, "strict", &["--policy", "strict"]);
    assert!(!unpacked(&machine, "strict").0.contains("Starting"));

    // With the users' export the names are known, and everything else stays.
    machine.file("in/users.json", users());
    let said = collect(&machine, "known", &["--json"]).json();
    assert!(said["wordsLeftOut"].is_null(), "{said}");
    let (out, _) = unpacked(&machine, "known");
    assert!(out.contains("MFA denied by n-") && out.contains("on WIESENTAL"), "{out}");
}

#[test]
fn a_word_that_the_policy_allows_passes_the_leak_check() {
    let machine = Machine::new();
    machine.ok(&["key", "generate", "incident", "--out", "key"]);
    machine.file("in/users.json", users());
    let sign_in = json!({"id": "8a1b7c33-0000-4000-8000-000000000001", "createdDateTime": "2026-11-20T10:00:00Z",
        "userId": "f7cc07d7-7c15-447d-876d-c01b0e5a9e11", "clientAppUsed": "gschmidtbauer"});
    machine.file("in/s.json", page("auditLogs/signIns", json!([sign_in])));
    let policy = |allow: Value| {
        json!({"schema": "entra-bundle/policy/1", "id": "x", "version": 1, "extends": ["builtin:balanced@1"],
            "recipient": {"text": "support"}, "leak_check": {"allow": allow},
            "exceptions": [{"id": "as-it-is", "dataset": "*", "select": "/clientAppUsed", "do": "keep",
                "grammar": "pattern:word", "verbatim": true, "reason": "the client decides", "ticket": "T-1", "until": "2099-01-01"}]})
        .to_string()
    };
    machine.file("blocks.json", policy(json!([])));
    let args = |policy| ["collect", "--input", "in", "--key", "key", "--policy", policy, "--out", "out"];
    let blocked = machine.run(&args("blocks.json"));
    assert_eq!(blocked.code, Some(5), "{}\n{}", blocked.out, blocked.err);
    assert!(!blocked.err.contains("gschmidtbauer"), "{}", blocked.err);
    machine
        .file("passes.json", policy(json!([{"text": "GSchmidtbauer", "reason": "the name of the client"}])));
    machine.ok(&args("passes.json"));
    assert!(unpacked(&machine, "out").0.contains("\"clientAppUsed\":\"gschmidtbauer\""));
}
