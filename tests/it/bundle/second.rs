//! A second verifier, in Python, written from docs/bundle-format.md alone: it gives every bundle, good or
//! forged, the code that the program gives it.

use super::forge::{Forge, Item, TRACE_INDEX, USERS, attest, key, places, zip};
use super::{trust_file, verify};
use crate::program::Machine;
use crate::tool::has;
use entra_bundle::bundle::Check;
use entra_bundle::crypto::{Algorithm, SigningKey};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/check_bundle.py")
}

fn python(arguments: &[&Path]) -> String {
    let output = Command::new("python3").arg("-B").arg(script()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Bundles that somebody changed after signing.
fn changed(key: &SigningKey, cases: &mut BTreeMap<String, Vec<u8>>) {
    let items = Forge::new().items(key);
    let good = zip(&items);
    for at in 0..items.len() {
        let mut add = |what: &str, edit: &dyn Fn(&mut Vec<Item>)| {
            let mut items = items.clone();
            edit(&mut items);
            cases.insert(format!("{what}-{at}"), zip(&items));
        };
        add("flipped", &|items| items[at].data[0] ^= 1);
        add("longer", &|items| items[at].data.push(b'\n'));
        add("cut", &|items| items[at].data.truncate(3));
        add("dropped", &|items| drop(items.remove(at)));
        add("doubled", &|items| items.insert(at, items[at].clone()));
        add("upper", &|items| items[at].name = items[at].name.to_uppercase());
        add("renamed", &|items| items[at].name = items[at].name.replace("00000", "00007"));
        add("moved", &|items| items.rotate_left(at));
    }
    // Every byte of the headers of one entry, and of the end record.
    let (local, central) = places(&good, USERS);
    let end = good.len() - 22;
    for (from, length, step) in
        [(local, 30 + USERS.len(), 1), (central, 46, 1), (end, 22, 1), (0, good.len(), 61)]
    {
        for at in (from..from + length).step_by(step) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            cases.insert(format!("byte-{at}"), bytes);
        }
    }
    for length in [0, 21, 22, 100, end, good.len() - 1] {
        cases.insert(format!("length-{length}"), good[..length].to_vec());
    }
    cases.insert("suffix".into(), [&good[..], b"x"].concat());
    cases.insert("prefix".into(), [b"x", &good[..]].concat());
}

/// Bundles that the collector signed although they contradict themselves.
fn contradictory(key: &SigningKey, cases: &mut BTreeMap<String, Vec<u8>>) {
    let mut add = |what: &str, forge: Forge| drop(cases.insert(format!("signed-{what}"), forge.build(key)));
    type Edit = (&'static str, fn(&mut Value));
    let edits: [Edit; 24] = [
        ("schema", |m| m["schema"] = json!("entra-bundle/manifest/2")),
        ("id", |m| m["bundleId"] = json!("A".repeat(26))),
        ("id-bits", |m| m["bundleId"] = json!("b".repeat(26))),
        ("extra", |m| m["extra"] = json!(1)),
        ("missing", |m| drop(m.as_object_mut().unwrap().remove("window"))),
        ("fraction", |m| m["totals"]["rows"] = json!(4.0)),
        ("rows", |m| m["totals"]["rows"] = json!(3)),
        ("bytes", |m| m["totals"]["rawBytes"] = json!(3)),
        ("count", |m| m["totals"]["entries"] = json!(3)),
        ("root", |m| m["hash"]["root"] = json!("0".repeat(64))),
        ("leaf", |m| m["hash"]["leaf"] = json!("entra-bundle/leaf/2")),
        ("archive", |m| m["hash"]["archive"]["size"] = json!(3)),
        ("time", |m| m["createdAt"] = json!("2026-02-30T00:00:00Z")),
        ("case", |m| m["case"]["reference"] = json!("a b")),
        ("policy", |m| m["policy"]["sha256"] = json!("0".repeat(64))),
        ("status", |m| m["completeness"]["status"] = json!("incomplete")),
        ("outcomes", |m| m["completeness"]["datasets"] = json!([])),
        ("order", |m| m["entries"].as_array_mut().unwrap().reverse()),
        ("source", |m| m["entries"][2]["source"] = json!("portal")),
        ("label", |m| m["entries"][2]["label"] = json!("secret")),
        ("media", |m| m["entries"][2]["mediaType"] = json!("text/html")),
        ("digest", |m| m["entries"][2]["sourceSha256"] = json!("0".repeat(64))),
        ("volume", |m| m["volume"]["index"] = json!(2)),
        ("series", |m| {
            m["volume"] =
                json!({"index": 1, "final": false, "seriesId": "a".repeat(26), "prevManifestSha256": null})
        }),
    ];
    for (what, edit) in edits {
        add(what, Forge { manifest: Box::new(edit), ..Forge::new() });
    }
    for (number, index) in [
        "[0,3,null]\n[4,11,null]\n",
        "[0,4,null]\n",
        "[0,4,\"x\"]\n[4,11,null]\n",
        "{}\n",
        "",
        "[0,4,null]\n[4,11,null]",
    ]
    .into_iter()
    .enumerate()
    {
        add(&format!("index-{number}"), Forge::new().set(TRACE_INDEX, index));
    }
    add("no-end", Forge::new().set(USERS, "{}\n{}"));
    add("sums", Forge { sums: Box::new(|s| s + "\n"), ..Forge::new() });
    add("account", Forge::new().set("meta/collection.json", "{\"completeness\":1}\n"));
    add("predicate", Forge { predicate: Box::new(|p| p["rows"] = json!(9)), ..Forge::new() });
    add("predicate-more", Forge { predicate: Box::new(|p| p["more"] = json!(9)), ..Forge::new() });
    add(
        "twice",
        Forge {
            text: Box::new(|t| t.replacen("\"case\":", "\"case\": {\"reference\": null}, \"case\":", 1)),
            ..Forge::new()
        },
    );
}

#[test]
fn a_second_verifier_from_the_published_page_agrees() {
    let name = "a_second_verifier_from_the_published_page_agrees";
    if !has(name, &["python3"]) {
        return;
    }
    let (collector, officer, stranger) =
        (key(Algorithm::Ed25519), key(Algorithm::EcdsaP256Sha256), key(Algorithm::Ed25519));
    let keys = [
        (&collector, json!({})),
        (&officer, json!({"roles": ["privacy-review", "collector"], "not_after": "2026-11-21T00:00:00Z"})),
    ];
    let mut cases = BTreeMap::new();
    changed(&collector, &mut cases);
    contradictory(&collector, &mut cases);
    cases.insert("good".into(), Forge::new().build(&collector));
    cases.insert("good-p256".into(), Forge::new().build(&officer));
    cases.insert("stranger".into(), Forge::new().build(&stranger));
    let items = Forge::new().items(&collector);
    let manifest = items[items.len() - 2].data.clone();
    let parsed: Value = serde_json::from_slice(&manifest).unwrap();
    let review = json!({"bundleId": parsed["bundleId"], "contentRoot": parsed["hash"]["root"],
        "policySha256": parsed["policy"]["sha256"], "decision": "approved", "sampled": {"entries": 1, "rows": 1},
        "scanner": {"version": "1", "findings": 0}, "signedAt": "2026-11-20T12:00:00Z"});
    let with = |predicate: &Value, by: &SigningKey| {
        let mut items = items.clone();
        let line = attest(&manifest, "privacy-review", predicate, by) + "\n";
        items.last_mut().unwrap().data.extend(line.into_bytes());
        zip(&items)
    };
    let edited = |name: &str, value: Value| {
        let mut edited = review.clone();
        edited[name] = value;
        edited
    };
    cases.insert("review".into(), with(&review, &officer));
    cases.insert("review-own".into(), with(&review, &collector));
    cases.insert("review-stranger".into(), with(&review, &stranger));
    cases.insert("review-rejected".into(), with(&edited("decision", json!("rejected")), &officer));
    cases.insert("review-late".into(), with(&edited("signedAt", json!("2026-11-22T12:00:00Z")), &officer));
    cases.insert("review-other".into(), with(&edited("contentRoot", json!("0".repeat(64))), &officer));

    for require in [&["collector"][..], &["collector", "privacy-review"]] {
        let folder = tempfile::tempdir().unwrap();
        let trust = trust_file(&keys, require);
        std::fs::write(folder.path().join("trust.json"), trust.to_text().unwrap()).unwrap();
        // Where only the roles differ, the changed bytes need no second look.
        let chosen = |name: &str| require.len() == 1 || !name.starts_with("byte-");
        for (name, bytes) in cases.iter().filter(|(name, _)| chosen(name)) {
            std::fs::write(folder.path().join(format!("{name}.zip")), bytes).unwrap();
        }
        let said = python(&[&folder.path().join("trust.json"), folder.path()]);
        let check = Check::new(trust);
        let mut codes = BTreeMap::new();
        for line in said.lines() {
            let (code, name) = line.split_once(' ').unwrap();
            let bytes = &cases[name.strip_suffix(".zip").unwrap()];
            let outcome = verify(bytes.clone(), &check);
            assert_eq!(code.parse(), Ok(outcome.code()), "{name}: {:?}", outcome.findings);
            *codes.entry(outcome.code()).or_insert(0) += 1;
        }
        assert!(said.lines().count() >= 120 && codes.len() >= 6, "{codes:?}");
    }
}

#[test]
fn a_second_verifier_reads_a_real_bundle_and_a_proof() {
    if !has("a_second_verifier_reads_a_real_bundle_and_a_proof", &["python3"]) {
        return;
    }
    let machine = Machine::new();
    machine.file("in/users.json", r#"{"value":[{"id":"8a1b7c33-0d1e-4f5a-9b6c-7d8e9f0a1b2c","userPrincipalName":"greta@contoso.com"}]}"#);
    machine.file("in/dsreg.txt", "+----------------------------------------------------------------------+\n| Device State                                                         |\n+----------------------------------------------------------------------+\n\n             AzureAdJoined : YES\n              DeviceId : 8a1b7c33-0d1e-4f5a-9b6c-7d8e9f0a1b2c\n");
    machine.run(&["collect", "--input", "in", "--out", "out"]);
    let bundle = machine.bundle("out");
    let (name, public) = (bundle.to_str().unwrap(), "config/signing.pub.pem");
    let print = machine.ok(&["key", "fingerprint", public, "--json"]).json()["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    machine.ok(&["trust", "add", public, "--customer", "x", "--fingerprint", &print]);
    let trust = machine.path("config/trust.json");
    assert!(python(&[&trust, &machine.path("out")]).starts_with("0 "));
    machine.ok(&["unpack", name, "--to", "case"]);
    let users = "data/graph/users/part-00000.jsonl";
    machine.ok(&["prove", name, users, "--out", "p.json"]);
    assert_eq!(python(&[&trust, &machine.path("case").join(users), &machine.path("p.json")]), "0\n");
    assert_eq!(python(&[&trust, &machine.path("case/README.txt"), &machine.path("p.json")]), "11\n");
}
