//! Policies as their authors meet them: linted, compared, covered, printed, and seen at work.

use crate::program::{Machine, Ran};
use serde_json::{Value, json};
use std::fs;

/// A policy of ours with further members.
fn policy(base: &str, more: Value) -> String {
    let mut file = json!({"schema": "entra-bundle/policy/1", "id": "contoso", "version": 1,
        "extends": [format!("builtin:{base}@1")], "recipient": {"text": "Fabrikam"}});
    for (name, value) in more.as_object().unwrap() {
        file[name] = value.clone();
    }
    serde_json::to_string_pretty(&file).unwrap()
}

fn rules_of(ran: &Ran) -> Vec<String> {
    let found = ran.json();
    found["findings"].as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap().to_owned()).collect()
}

fn lint(more: Value) -> (Option<i32>, Vec<String>, String) {
    lint_on("balanced", more)
}

fn lint_on(base: &str, more: Value) -> (Option<i32>, Vec<String>, String) {
    let machine = Machine::new();
    machine.file("p.json", policy(base, more));
    let ran = machine.run(&["policy", "lint", "p.json", "--json"]);
    (ran.code, rules_of(&ran), ran.out)
}

fn exception(more: Value) -> Value {
    let mut one = json!({"id": "x", "dataset": "users", "reason": "a reason of some length"});
    for (name, value) in more.as_object().unwrap() {
        one[name] = value.clone();
    }
    json!({"exceptions": [one]})
}

#[test]
fn presets_and_plain_policies_are_clean() {
    let machine = Machine::new();
    for preset in ["minimal", "balanced", "strict"] {
        let ran = machine.ok(&["policy", "lint", preset, "--deny-warnings"]);
        assert!(ran.out.contains("no findings"), "{}", ran.out);
    }
    assert_eq!(lint(exception(json!({"select": "/department", "do": "drop"}))).1, Vec::<String>::new());
}

#[test]
fn what_makes_a_policy_invalid_is_listed_whole_and_gives_2() {
    let machine = Machine::new();
    let wrong = policy(
        "balanced",
        json!({
            "kinds": {
                "job": {"do": "drop", "reason": " "},
                "upn": {"do": "keep", "reason": "we want to see them"},
                "host": {"do": "mask", "keep": 2, "reason": "part of it"},
                "secret": {"do": "keep", "reason": "no"},
                "text": {"do": "encrypt", "reason": "later"}
            },
            "exceptions": [
                {"id": "a", "dataset": "users", "select": "/city", "do": "keep", "verbatim": true, "reason": "why not"},
                {"id": "b", "dataset": "users", "select": "department", "do": "drop", "reason": "not a pointer"}
            ]
        }),
    );
    machine.file("p.json", wrong);
    let ran = machine.run(&["policy", "lint", "p.json", "--json"]);
    assert_eq!(ran.code, Some(2));
    let found = ran.json();
    assert_eq!(found["errors"], 7, "{}", ran.out);
    for part in
        ["reason is empty", "looser rule needs", "identifier", "locked", "reveal", "verbatim", "JSON pointer"]
    {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let lines: Vec<u64> =
        found["findings"].as_array().unwrap().iter().map(|one| one["line"].as_u64().unwrap()).collect();
    assert!(lines.is_sorted() && lines[0] > 5, "{lines:?}");
    // For people each finding begins with its place.
    let ran = machine.run(&["policy", "lint", "p.json"]);
    assert!(ran.out.starts_with("p.json:") && ran.out.contains("error[invalid]"), "{}", ran.out);
    // What the linter refuses, nothing else takes.
    assert_eq!(machine.run(&["policy", "show", "p.json"]).code, Some(2));
}

#[test]
fn an_unknown_preset_a_missing_rule_and_a_looser_exception_are_invalid() {
    let machine = Machine::new();
    machine.file("a.json", policy("balanced", json!({"extends": ["builtin:balanced@7"]})));
    let ran = machine.run(&["policy", "lint", "a.json"]);
    assert!(ran.code == Some(2) && ran.out.contains("unknown preset"), "{}", ran.out);
    machine.file(
        "b.json",
        policy("balanced", json!({"extends": [], "kinds": {"upn": {"do": "drop", "reason": "a reason"}}})),
    );
    let ran = machine.run(&["policy", "lint", "b.json"]);
    assert!(ran.code == Some(2) && ran.out.contains("no rule for person_name"), "{}", ran.out);
    for loose in [json!({"select": "/mail", "do": "keep"}), json!({"select": "/mail", "kind": "fact"})] {
        let (code, rules, out) = lint(exception(loose));
        assert_eq!((code, rules), (Some(2), vec!["invalid".to_owned()]), "{out}");
        assert!(out.contains("ticket"), "{out}");
    }
    let (code, _, out) = lint(json!({"exceptions": [
        {"id": "x", "dataset": "userz", "select": "/mail", "do": "drop", "reason": "a reason"}]}));
    assert!(code == Some(2) && out.contains("unknown dataset"), "{out}");
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let held = json!({"ticket": "PRIV-1", "until": "2099-01-01"});
    let with = |more: Value| {
        let mut one = more;
        one["ticket"] = held["ticket"].clone();
        one["until"] = held["until"].clone();
        exception(one)
    };
    let late = |more: Value| {
        let mut one = with(more);
        one["exceptions"][0]["until"] = json!("2001-01-01");
        one
    };
    let kind = |kind: &str, rule: Value| json!({"kinds": {kind: rule}});
    let loose = |action: &str| json!({"do": action, "reason": "support asked for it", "ticket": "P-1", "until": "2099-01-01"});
    for (wanted, more) in [
        ("selector-matches-nothing", exception(json!({"select": "/nothing/like/this", "do": "drop"}))),
        (
            "unreachable",
            json!({"exceptions": [
            {"id": "a", "dataset": "users", "select": "/department", "do": "redact", "reason": "a reason"},
            {"id": "b", "dataset": "users", "select": "/department", "do": "drop", "reason": "a stricter one"}]}),
        ),
        (
            "loosening-expired",
            late(json!({"select": "/department", "do": "keep", "grammar": "pattern:word"})),
        ),
        (
            "keep-on-text",
            with(json!({"dataset": "directory_audits", "select": "/resultReason", "do": "keep"})),
        ),
        ("keep-without-grammar", with(json!({"select": "/department", "do": "keep"}))),
        ("split-treatment", with(json!({"select": "/mail", "do": "keep"}))),
        ("split-treatment", kind("risk_ip", loose("keep"))),
        ("keep-on-text", kind("text", loose("keep"))),
        ("keep-without-grammar", kind("job", loose("keep"))),
        (
            "condition-matches-nothing",
            exception(
                json!({"select": "/department", "do": "drop", "when": {"sibling": "../nowhere", "equals": "x"}}),
            ),
        ),
        (
            "selector-matches-nothing",
            exception(
                json!({"select": "/nowhere", "do": "drop", "when": {"sibling": "../city", "equals": "x"}}),
            ),
        ),
        (
            "unreachable",
            json!({"exceptions": [
            {"id": "a", "dataset": "users", "select": "/passwordProfile/password", "do": "drop", "reason": "a reason",
             "when": {"sibling": "../city", "equals": "x"}}]}),
        ),
        ("keep-on-text", with(json!({"dataset": "aadc_wizard_trace", "select": "line:error", "do": "keep"}))),
        (
            "mask",
            kind(
                "phone",
                json!({"do": "mask", "keep": -2, "reason": "the last digits", "ticket": "P", "until": "2099-01-01"}),
            ),
        ),
        ("keeps-risky", json!({"ip": {"keep_risky": true}})),
        (
            "leak-check-allow",
            json!({"leak_check": {"allow": [{"text": "Aurora", "reason": "a product of ours"}]}}),
        ),
    ] {
        let (code, rules, out) = lint(more);
        assert_eq!(code, Some(0), "{out}");
        assert!(rules.iter().any(|rule| rule == wanted), "{wanted}: {out}");
    }
    let (_, rules, out) = lint_on("minimal", json!({}));
    assert_eq!(rules, ["minimal-for-others"], "{out}");
    assert_eq!(
        lint_on("minimal", json!({"recipient": {"text": "Microsoft Support"}})).1,
        Vec::<String>::new()
    );
    let machine = Machine::new();
    machine.file("p.json", policy("minimal", json!({})));
    assert_eq!(machine.run(&["policy", "lint", "p.json", "--deny-warnings"]).code, Some(2));
}

/// Whatever else stands in the policy of a bundle, no word of its author does.
#[test]
fn members_beside_the_rules_are_checked_too() {
    for (more, part) in [
        (json!({"names": {"min_label": 3}}), "min_label"),
        (json!({"risk": {"k_min": 5, "mode": "warn"}}), "re-identification"),
        (json!({"keep": {"accounts": ["svc@contoso.com"]}}), "literal keep-lists"),
        (json!({"keep": {"ips": ["builtin:microsoft-services"]}}), "literal keep-lists"),
        (json!({"names": {"stopwords": []}}), "one way"),
        (json!({"leak_check": {"allow": [{"text": "Aurora", "reason": ""}]}}), "reason"),
        (json!({"leak_check": {"encodings": "none"}}), "all"),
    ] {
        let (code, _, out) = lint(more);
        assert!(code == Some(2) && out.contains(part), "{out}");
    }
    let fine = json!({"names": {"min_label": 5, "stopwords": ["builtin:all"], "strict": true}, "leak_check": {"encodings": "all", "allow": []}});
    assert_eq!(lint(fine).1, Vec::<String>::new());
}

#[test]
fn a_difference_says_which_way_it_goes() {
    let machine = Machine::new();
    machine.file(
        "p.json",
        policy(
            "balanced",
            json!({
                "kinds": {
                    "job": {"do": "drop", "reason": "not needed here"},
                    "place": {"do": "generalize", "level": "city", "reason": "travel", "ticket": "T", "until": "2099-01-01"}
                },
                "exceptions": [{"id": "x", "dataset": "users", "select": "/userPrincipalName", "do": "redact", "reason": "one only"}],
                "ip": {"private": "drop"}
            }),
        ),
    );
    let ran = machine.ok(&["policy", "diff", "balanced", "p.json", "--json"]).json();
    let difference = &ran["difference"];
    let kinds: Vec<(&str, &str)> = difference["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["direction"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [("job", "stricter"), ("place", "looser")]);
    assert_eq!(ran["loosens"], true);
    let fields = difference["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 1, "{fields:?}");
    assert_eq!(fields[0]["path"], "/userPrincipalName");
    assert_eq!((&fields[0]["datasets"], &fields[0]["direction"]), (&json!(["users"]), &json!("stricter")));
    assert_eq!(difference["choices"][0]["choice"], "ip.private");
    let back = machine.ok(&["policy", "diff", "p.json", "balanced"]).out;
    assert!(back.contains("LOOSER") && back.contains("/userPrincipalName"), "{back}");
    assert!(machine.ok(&["policy", "diff", "strict", "strict"]).out.contains("no difference"));
}

#[test]
fn the_inventory_is_covered() {
    let machine = Machine::new();
    for preset in ["minimal", "balanced", "strict"] {
        let ran = machine.ok(&["policy", "coverage", "--policy", preset, "--fail-under", "100"]);
        assert!(ran.out.ends_with(": 100 %\n"), "{}", ran.out);
    }
}

#[test]
fn the_matrix_is_one_page_in_three_forms() {
    let machine = Machine::new();
    machine.file(
        "p.json",
        policy(
            "strict",
            json!({"purpose": {"text": "a <b>purpose</b> | with marks"},
                "kinds": {"job": {"do": "drop", "reason": "=HYPERLINK(\"x\")"}},
                "exceptions": [{"id": "x", "dataset": "*", "select": "/**/city", "do": "drop", "reason": "small towns"}]}),
        ),
    );
    let md = machine.ok(&["policy", "matrix", "p.json"]).out;
    assert!(md.contains("| upn |") && md.contains("small towns") && md.contains("a &lt;b>purpose"), "{md}");
    let html = machine.ok(&["policy", "matrix", "p.json", "--format", "html"]).out;
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.contains("a &lt;b&gt;purpose") && html.contains("EUII")
    );
    assert!(!html.contains("src=") && !html.contains("http://") && !html.contains("https://"));
    let csv = machine.ok(&["policy", "matrix", "p.json", "--format", "csv"]).out;
    assert_eq!(csv.lines().count(), 1 + entra_bundle::kind::Kind::COUNT);
    assert!(csv.contains("'=HYPERLINK"), "{csv}");
    let rows = machine.ok(&["policy", "matrix", "--json"]).json();
    assert_eq!(rows["kinds"].as_array().unwrap().len(), entra_bundle::kind::Kind::COUNT);
}

/// A user, and a sign-in that tells of her.
const USERS: &str = r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[
  {"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"greta.schmidt@contoso.com","displayName":"Greta Schmidt",
   "department":"Finance","contosoField":"her own words","passwordProfile":{"password":"Winter2026!xy"}}]}"#;

fn gathered() -> Machine {
    let machine = Machine::new();
    machine.file("export/users.json", USERS);
    machine.file("export/unknown.bin", [0u8, 1, 2, 3, 0xff, 0xfe, 0, 0, 0]);
    machine.run(&["gather", "--input", "export", "--workspace", "work"]);
    machine
}

#[test]
fn a_preview_shows_before_and_after_and_stays_private() {
    let machine = gathered();
    let ran = machine.ok(&["preview", "--workspace", "work", "--out", "page.html"]);
    assert!(ran.out.contains("do not send"), "{}", ran.out);
    let page = fs::read_to_string(machine.path("page.html")).unwrap();
    for part in [
        "Greta Schmidt",
        "n-",
        "u-",
        "fade",
        "contosoField",
        "undeclared",
        "unknown.bin",
        "Contains personal data",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("Winter2026"), "a secret is shown to nobody");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(machine.path("page.html")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // It is never replaced, and never taken as input.
    assert_eq!(machine.run(&["preview", "--workspace", "work", "--out", "page.html"]).code, Some(2));
    let taken = machine.run(&["gather", "--input", "page.html", "--workspace", "other", "--accept-text"]);
    assert_ne!(taken.code, Some(0), "{} {}", taken.out, taken.err);
    // With the incident key the pseudonyms are those of the bundle.
    machine.ok(&["key", "generate", "incident", "--out", "i.key"]);
    let wanted = machine.ok(&["lookup", "--key", "i.key", "greta.schmidt@contoso.com", "--json"]).out;
    let shown = machine.ok(&["preview", "--workspace", "work", "--key", "i.key", "--json"]).json();
    let rows = shown["datasets"]["users"].as_array().unwrap();
    let upn = rows.iter().find(|row| row["path"] == "/userPrincipalName").unwrap();
    assert_eq!(upn["samples"][0][0], "greta.schmidt@contoso.com");
    assert!(wanted.contains(upn["samples"][0][1].as_str().unwrap()), "{wanted} {upn}");
}

#[test]
fn coverage_of_a_workspace_names_what_has_no_rule() {
    let machine = gathered();
    let ran = machine.run(&["policy", "coverage", "--workspace", "work", "--fail-under", "100"]);
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    let line = ran.out.lines().find(|line| line.contains("/contosoField")).unwrap();
    assert!(line.contains("undeclared"), "{line}");
    let rows =
        machine.ok(&["policy", "coverage", "--workspace", "work", "--fail-under", "50", "--json"]).json();
    let upn =
        rows["paths"].as_array().unwrap().iter().find(|row| row["path"] == "/userPrincipalName").unwrap();
    assert_eq!((&upn["do"], &upn["values"]), (&json!("pseudonymize"), &json!(1)));
}

#[test]
fn a_catalogue_of_ones_own_adds_fields_and_loosens_none() {
    let machine = gathered();
    let own = |fields: Value| {
        json!({"schema": "entra-bundle/catalogue/1", "types": {"user": {"fields": fields}}}).to_string()
    };
    machine.file("own.json", own(json!({"contosoField": "free_attribute"})));
    let ran = machine.ok(&[
        "policy",
        "coverage",
        "--workspace",
        "work",
        "--catalogue",
        "own.json",
        "--fail-under",
        "100",
    ]);
    let line = ran.out.lines().find(|line| line.contains("/contosoField")).unwrap();
    assert!(line.contains("free_attribute") && line.contains("pseudonymize"), "{line}");
    let explained = machine
        .ok(&["policy", "explain", "users", "/contosoField", "--catalogue", "own.json", "--json"])
        .json();
    assert_eq!(explained["fields"][0]["do"], "pseudonymize");
    machine.run(&["seal", "--workspace", "work", "--catalogue", "own.json", "--out", "out"]);
    let public = "config/signing.pub.pem";
    let bundle = machine.bundle("out");
    machine.ok(&["unpack", bundle.to_str().unwrap(), "--public-key", public, "--to", "open"]);
    let record = fs::read_to_string(machine.path("open/data/graph/users/part-0001.jsonl"))
        .unwrap_or_else(|_| all_below(&machine.path("open/data")));
    assert!(record.contains(r#""contosoField":"a-"#) && !record.contains("her own words"), "{record}");
    // What would show more is refused everywhere, before anything is read.
    machine.file("loose.json", own(json!({"displayName": "fact pattern:phrase"})));
    for args in [
        &["policy", "explain", "users", "--catalogue", "loose.json"][..],
        &["policy", "lint", "balanced", "--catalogue", "loose.json"],
        &["policy", "coverage", "--catalogue", "loose.json"],
        &["preview", "--workspace", "work", "--catalogue", "loose.json"],
        &["seal", "--workspace", "work", "--catalogue", "loose.json", "--out", "other"],
    ] {
        let ran = machine.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
        assert!(ran.err.contains("only become `drop` or `secret`"), "{}", ran.err);
    }
}

/// The text of every file below a folder.
fn all_below(folder: &std::path::Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        text += &if path.is_dir() { all_below(&path) } else { fs::read_to_string(&path).unwrap_or_default() };
    }
    text
}

/// Every question is answered whole, however many fields it has.
#[test]
fn explanations_have_no_limit() {
    let machine = Machine::new();
    let fields = machine.ok(&["policy", "explain", "users", "/**/*", "--json"]).json();
    assert!(fields["fields"].as_array().unwrap().len() > 400);
}

/// Addresses of risk detections stay where the policy says so, in every field and text, and no other
/// address does.
#[test]
fn addresses_of_risk_detections_stay_by_an_explicit_choice() {
    let machine = Machine::new();
    let detection = json!({"id": "d1", "riskEventType": "maliciousIPAddress", "ipAddress": "198.51.100.23",
        "userPrincipalName": "greta.schmidt@contoso.com", "detectedDateTime": "2026-11-20T10:00:00Z"});
    let sign_in = |ip: &str, id: u8| {
        json!({"id": format!("8a1b7c33-0000-4000-8000-00000000000{id}"), "createdDateTime": "2026-11-20T10:00:00Z",
            "ipAddress": ip, "status": {"errorCode": 50126, "additionalDetails": format!("refused from {ip}")}})
    };
    let graph = |of: &str, value: Value| {
        json!({"@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{of}"), "value": value})
            .to_string()
    };
    machine.file("in/r.json", graph("identityProtection/riskDetections", json!([detection])));
    machine.file(
        "in/s.json",
        graph("auditLogs/signIns", json!([sign_in("198.51.100.23", 1), sign_in("203.0.113.7", 2)])),
    );
    machine.file("p.json", policy("balanced", json!({"ip": {"keep_risky": true}})));
    let part = |out: &str, policy: &str| {
        machine.ok(&["collect", "--input", "in", "--out", out, "--policy", policy]);
        let bundle = machine.bundle(out);
        let bundle = bundle.to_str().unwrap();
        let case = format!("case-{out}");
        machine.ok(&["unpack", bundle, "--public-key", "config/signing.pub.pem", "--to", &case]);
        let read = |name: &str| fs::read_to_string(machine.path(&format!("{case}/{name}"))).unwrap();
        let checked = ["verify", bundle, "--public-key", "config/signing.pub.pem", "--privacy"];
        assert!(machine.ok(&checked).out.contains("shape-clean"));
        (
            read("data/graph/signins_interactive_user/part-00000.jsonl")
                + &read("data/graph/risk_detections/part-00000.jsonl"),
            read("meta/redaction-report.json"),
            read("meta/policy.json"),
        )
    };
    let (records, report, shipped) = part("kept", "p.json");
    assert_eq!(records.matches("198.51.100.23").count(), 3, "{records}");
    assert!(!records.contains("203.0.113.7") && !records.contains("greta"), "{records}");
    assert!(report.contains("risky-address-kept") && shipped.contains("keepRiskyAddresses"), "{report}");
    let (records, _, shipped) = part("plain", "balanced");
    assert!(!records.contains("198.51.100.23") && !shipped.contains("keepRiskyAddresses"));
    assert!(
        machine.ok(&["policy", "diff", "balanced", "p.json", "--json"]).json()["loosens"].as_bool().unwrap()
    );
}

/// A catalogue of one's own counts where a policy is approved and where pseudonyms are turned back.
#[test]
fn a_catalogue_of_ones_own_is_approved_and_revealed_by() {
    let machine = gathered();
    let own = json!({"schema": "entra-bundle/catalogue/1", "types": {"user": {"fields": {"contosoField": "upn"}}},
        "lines": {"our-tool": "^OurTool "}});
    machine.file("own.json", own.to_string());
    machine.ok(&["key", "generate", "signing", "--out", "officer.pem"]);
    let approval = "p.approval.intoto.jsonl";
    machine.ok(&[
        "policy",
        "sign",
        "balanced",
        "--sign-key",
        "officer.pem",
        "--catalogue",
        "own.json",
        "--out",
        approval,
    ]);
    let check = ["policy", "check", "balanced", approval, "--public-key", "officer.pub.pem"];
    let refused = machine.run(&check);
    assert!(refused.code == Some(5) && refused.err.contains("catalogue"), "{}", refused.err);
    machine.ok(&[&check[..], &["--catalogue", "own.json"]].concat());
    // What stands in a field of one's own is a candidate with the catalogue only.
    machine.ok(&["key", "generate", "incident", "--out", "i.key"]);
    let words = "her own words";
    let forms = machine.ok(&["lookup", "--key", "i.key", "--json", words]).json();
    let token = forms[0]["pseudonym"].as_str().unwrap().to_owned();
    let reveal = ["reveal", "--key", "i.key", "--workspace", "work", "--json", &token];
    assert_eq!(machine.run(&reveal).code, Some(1));
    let shown = machine.ok(&[&reveal[..], &["--catalogue", "own.json"]].concat()).out;
    assert!(shown.contains(words), "{shown}");
    // The other commands about policies take it too.
    let lines = json!({"exceptions": [{"id": "x", "dataset": "*", "select": "line:our-tool", "do": "drop", "reason": "our tool"}]});
    machine.file("p.json", policy("balanced", lines));
    for command in [
        &["policy", "matrix", "p.json"][..],
        &["policy", "diff", "balanced", "p.json"],
        &["policy", "lint", "p.json", "--deny-warnings"],
    ] {
        assert_eq!(machine.run(command).code, Some(2), "{command:?}");
        machine.ok(&[command, &["--catalogue", "own.json"]].concat());
    }
}

/// `hash` with a length writes every form of one thumbprint in one way.
#[test]
fn hashes_of_one_length_join_all_forms() {
    let machine = Machine::new();
    let rule =
        |len: u8| json!({"kinds": {"thumbprint": {"do": "hash", "len": len, "reason": "one form for all"}}});
    machine.file("p.json", policy("balanced", rule(40)));
    let shown = machine.ok(&["policy", "show", "p.json"]).out;
    assert!(shown.contains("hash len=40"), "{shown}");
    let fields = machine
        .ok(&[
            "policy",
            "explain",
            "windows_events",
            "/EventData/{Thumbprint,CertThumbprint}",
            "--policy",
            "p.json",
            "--json",
        ])
        .json();
    for field in fields["fields"].as_array().unwrap() {
        let after = field["sample"][1].as_str().unwrap();
        assert!(after.len() == 40 && after.starts_with("fade"), "{field}");
    }
    assert!(fields["fields"].as_array().unwrap().len() >= 2, "{fields}");
    machine.file("w.json", policy("balanced", rule(41)));
    let ran = machine.run(&["policy", "show", "w.json"]);
    assert!(ran.code == Some(2) && ran.err.contains("40 or 64"), "{}", ran.err);
}
