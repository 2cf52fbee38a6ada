//! Bundles: a hand-written second writer, everything that a forger may try, foreign tools, public vectors.

mod archives;
pub mod forge;
mod primitives;
mod second;
pub mod tools;
mod vectors;

use entra_bundle::bundle::{Check, Rule, Standing, Trust, Verification, verify_medium};
use entra_bundle::crypto::{Algorithm, PublicKey, Signer, SigningKey};
use forge::{Forge, ID, Item, TRACE, TRACE_INDEX, USERS, attest, envelope, key, zip};
use serde_json::{Value, json};
use std::sync::Arc;

pub fn trust(key: &SigningKey) -> Trust {
    Trust::from_public_key(PublicKey::from_spki(&key.spki()).unwrap())
}

/// A trust file with keys of roles, members added, and required roles.
fn trust_file(keys: &[(&SigningKey, Value)], require: &[&str]) -> Trust {
    let keys: Vec<Value> = keys
        .iter()
        .map(|(key, more)| {
            let public = PublicKey::from_spki(&key.spki()).unwrap();
            let mut row = json!({"fingerprint": public.fingerprint(), "alg": public.algorithm(),
                "public_key": data_encoding::BASE64.encode(&key.spki()), "roles": ["collector"]});
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            row
        })
        .collect();
    let file = json!({"schema": "entra-bundle/trust/1", "keys": keys, "policy": {"require": require}});
    Trust::parse(&file.to_string()).map_err(|e| e.to_string()).unwrap()
}

fn verify(bytes: Vec<u8>, check: &Check) -> Verification {
    let outcome = verify_medium(Arc::new(bytes), check).map_err(|e| e.to_string()).unwrap();
    assert_eq!(outcome.verified.is_some(), outcome.code() == 0);
    assert_eq!(outcome.findings.is_empty(), outcome.code() == 0);
    outcome
}

/// The bundle ends in this code with this rule among its findings.
fn expect(what: &str, bytes: Vec<u8>, check: &Check, code: u8, rule: Rule) {
    let outcome = verify(bytes, check);
    let rules: Vec<Rule> = outcome.findings.iter().map(|finding| finding.rule).collect();
    assert!(
        outcome.code() == code && rules.contains(&rule),
        "{what}: {} {:?}",
        outcome.code(),
        outcome.findings
    );
}

#[test]
fn what_a_second_implementation_writes_verifies() {
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
        let key = key(algorithm);
        let outcome = verify(Forge::new().build(&key), &Check::new(trust(&key)));
        assert_eq!((outcome.code(), &outcome.findings), (0, &Vec::new()));
        let verified = outcome.verified.unwrap();
        let records: Vec<_> = verified.records(TRACE).unwrap().map(|line| line.unwrap()).collect();
        assert_eq!(records.len(), 2);
        assert_eq!(records[1].utc.as_deref(), Some("2026-11-19T08:00:00Z"));
        assert_eq!(verified.parts().count(), 2);
    }
}

#[test]
fn changes_after_signing_are_found() {
    let key = key(Algorithm::Ed25519);
    let check = Check::new(trust(&key));
    type Change = fn(&mut Vec<Item>);
    let cases: &[(&str, Change, u8, Rule)] = &[
        ("renamed", |items| items[1].name = items[1].name.replace("00000", "00001"), 11, Rule::EntryUnlisted),
        (
            "renamed away",
            |items| items[1].name = items[1].name.replace("00000", "00001"),
            11,
            Rule::EntryAbsent,
        ),
        (
            "added",
            |items| {
                let mut extra = items[1].clone();
                extra.name = extra.name.replace("00000", "00001");
                items.insert(2, extra);
            },
            11,
            Rule::EntryUnlisted,
        ),
        (
            "added elsewhere",
            |items| items.insert(0, Item { name: "evil.sh".into(), data: vec![] }),
            10,
            Rule::EntryOrder,
        ),
        ("dropped", |items| drop(items.remove(1)), 11, Rule::EntryAbsent),
        ("doubled", |items| items.insert(1, items[1].clone()), 10, Rule::DuplicateName),
        ("swapped", |items| items.swap(1, 2), 10, Rule::EntryOrder),
        ("attestations not last", |items| items.rotate_right(1), 10, Rule::EntryOrder),
        ("no manifest", |items| items.retain(|item| item.name != "manifest.json"), 10, Rule::EntryMissing),
        ("no readme", |items| drop(items.remove(0)), 10, Rule::EntryMissing),
        ("data", |items| items[1].data[6] = b'7', 11, Rule::Digest),
        ("data longer", |items| items[1].data.push(b'\n'), 11, Rule::Size),
        (
            "data and checksums",
            |items| {
                use entra_bundle::crypto::{hex, sha256};
                let old = hex(&sha256(&items[1].data));
                items[1].data[6] = b'7';
                let new = hex(&sha256(&items[1].data));
                let sums = items.iter_mut().find(|item| item.name == "SHA256SUMS").unwrap();
                sums.data = String::from_utf8_lossy(&sums.data).replace(&old, &new).into_bytes();
            },
            11,
            Rule::Digest,
        ),
        (
            "manifest",
            |items| {
                let manifest = items.iter_mut().find(|item| item.name == "manifest.json").unwrap();
                manifest.data.push(b'\n');
            },
            12,
            Rule::Subject,
        ),
        ("no attestation", |items| items.last_mut().unwrap().data.clear(), 13, Rule::Unsigned),
        (
            "cut attestation",
            |items| items.last_mut().unwrap().data.truncate(100),
            12,
            Rule::AttestationSyntax,
        ),
        ("junk line", |items| items.last_mut().unwrap().data.extend(b"{}\n"), 12, Rule::AttestationSyntax),
        ("empty line", |items| items.last_mut().unwrap().data.extend(b"\n"), 12, Rule::AttestationSyntax),
        (
            "65 lines",
            |items| {
                let line = items.last().unwrap().data.clone();
                items.last_mut().unwrap().data = line.repeat(65);
            },
            15,
            Rule::Limit,
        ),
    ];
    for (what, change, code, rule) in cases {
        let mut items = Forge::new().items(&key);
        change(&mut items);
        expect(what, zip(&items), &check, *code, *rule);
    }
}

#[test]
fn signatures_count_only_by_the_right_key_over_this_manifest() {
    let (mine, other) = (key(Algorithm::Ed25519), key(Algorithm::EcdsaP256Sha256));
    let check = Check::new(trust(&mine));
    expect("other key", Forge::new().build(&other), &check, 13, Rule::NoTrustedSigner);
    expect("no key", Forge::new().build(&mine), &Check::new(Trust::none()), 13, Rule::NoTrustedSigner);

    // One that only claims to be by the trusted key; here also another algorithm under its id.
    let fake = |signer: &SigningKey| {
        let mut items = Forge::new().items(signer);
        let line = String::from_utf8(items.pop().unwrap().data).unwrap();
        let fingerprint = |key: &SigningKey| entra_bundle::crypto::fingerprint(&key.spki());
        let line = line.replace(&fingerprint(signer), &fingerprint(&mine));
        items.push(Item { name: "attestations.intoto.jsonl".into(), data: line.into_bytes() });
        zip(&items)
    };
    expect("borrowed key id", fake(&other), &check, 12, Rule::Signature);
    expect("borrowed key id", fake(&key(Algorithm::Ed25519)), &check, 12, Rule::Signature);

    // The genuine attestation of another bundle of the same collector.
    let mut items = Forge::new().items(&mine);
    let replay = Forge::new().set(USERS, "{\"id\":1}\n{\"id\":9}\n").items(&mine).pop().unwrap();
    *items.last_mut().unwrap() = replay;
    expect("replay", zip(&items), &check, 12, Rule::Subject);

    // The key id is a hint: without it, or with a wrong one, the key is found all the same.
    let mut items = Forge::new().items(&mine);
    let line = String::from_utf8(items.last().unwrap().data.clone()).unwrap();
    for hint in ["\"keyid\":\"unknown\"", "\"keyid\":null", "\"more\":1"] {
        let from = format!("\"keyid\":\"{}\"", entra_bundle::crypto::fingerprint(&mine.spki()));
        items.last_mut().unwrap().data = line.replace(&from, hint).into_bytes();
        assert_eq!(verify(zip(&items), &check).code(), 0, "{hint}");
    }
    // Url-safe base64 says the same.
    let mut parsed: Value = serde_json::from_str(&line).unwrap();
    for pointer in ["/payload", "/signatures/0/sig"] {
        let text = parsed.pointer(pointer).unwrap().as_str().unwrap().replace('+', "-").replace('/', "_");
        *parsed.pointer_mut(pointer).unwrap() = json!(text);
    }
    items.last_mut().unwrap().data = (parsed.to_string() + "\n").into_bytes();
    assert_eq!(verify(zip(&items), &check).code(), 0);
}

#[test]
fn further_lines_are_listed_and_count_only_where_they_may() {
    let (mine, reviewer, stranger) =
        (key(Algorithm::Ed25519), key(Algorithm::EcdsaP256Sha256), key(Algorithm::Ed25519));
    let items = Forge::new().items(&mine);
    let manifest = items[items.len() - 2].data.clone();
    let parsed: Value = serde_json::from_slice(&manifest).unwrap();
    let review = |decision: &str| {
        json!({"bundleId": ID, "contentRoot": parsed["hash"]["root"], "policySha256": parsed["policy"]["sha256"],
            "decision": decision, "sampled": {"entries": 1, "rows": 1},
            "scanner": {"version": "1", "findings": 0}, "signedAt": "2026-11-20T12:00:00Z"})
    };
    let with = |line: String| {
        let mut items = items.clone();
        items.last_mut().unwrap().data.extend((line + "\n").into_bytes());
        zip(&items)
    };
    let line = |decision: &str, key: &SigningKey| attest(&manifest, "privacy-review", &review(decision), key);
    let both = trust_file(
        &[
            (&mine, json!({"roles": ["collector", "privacy-review"]})),
            (&reviewer, json!({"roles": ["privacy-review"]})),
        ],
        &["collector", "privacy-review"],
    );
    let both = Check::new(both);

    let outcome = verify(with(line("approved", &reviewer)), &both);
    assert_eq!(outcome.code(), 0);
    assert!(outcome.signers.iter().all(|signer| signer.status == Standing::Counted));
    expect("absent", zip(&items), &both, 14, Rule::RoleMissing);
    expect("one key for two roles", with(line("approved", &mine)), &both, 14, Rule::RoleMissing);
    expect("rejected", with(line("rejected", &reviewer)), &both, 14, Rule::RoleMissing);
    let mut other = review("approved");
    other["contentRoot"] = json!("0".repeat(64));
    let contradiction = attest(&manifest, "privacy-review", &other, &reviewer);
    expect("another root", with(contradiction), &both, 12, Rule::Binding);

    // A stranger's line neither helps nor harms; an unknown type by a trusted key neither.
    let outcome = verify(with(line("approved", &stranger)), &Check::new(trust(&mine)));
    assert_eq!((outcome.code(), outcome.signers[1].status), (0, Standing::Untrusted));
    let unknown = attest(&manifest, "praise", &json!({}), &mine);
    let outcome = verify(with(unknown), &Check::new(trust(&mine)));
    assert_eq!((outcome.code(), outcome.signers[1].status), (0, Standing::Ignored));

    // A detached file counts like an embedded line.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.privacy-review.intoto.jsonl");
    std::fs::write(&file, line("approved", &reviewer) + "\n").unwrap();
    let detached = Check { detached: vec![file.clone()], ..both };
    assert_eq!(verify(zip(&items), &detached).code(), 0);
    std::fs::write(&file, "junk\n").unwrap();
    expect("detached junk", zip(&items), &detached, 12, Rule::AttestationSyntax);

    // The statement itself: another type of statement, or subject, by the trusted key.
    let payload = |subject: &str, kind: &str| {
        let statement = json!({"_type": kind, "subject": [{"name": subject,
            "digest": {"sha256": entra_bundle::crypto::hex(&entra_bundle::crypto::sha256(&manifest))}}],
            "predicateType": "urn:entra-bundle:attestation:collection:1", "predicate": review("approved")});
        envelope(statement.to_string().as_bytes(), &mine, "")
    };
    let check = Check::new(trust(&mine));
    for line in [
        payload("manifest.json", "https://in-toto.io/Statement/v0.1"),
        payload("README.txt", "https://in-toto.io/Statement/v1"),
        envelope(b"{}", &mine, ""),
    ] {
        expect("statement", with(line), &check, 12, Rule::AttestationSyntax);
    }
}

#[test]
fn keys_count_within_their_role_and_their_time() {
    let mine = key(Algorithm::Ed25519);
    let bundle = Forge::new().build(&mine);
    let with = |more: Value| Check::new(trust_file(&[(&mine, more)], &["collector"]));
    expect("role", bundle.clone(), &with(json!({"roles": ["privacy-review"]})), 14, Rule::KeyWithoutRole);
    for (more, code) in [
        (json!({"not_before": "2026-11-20T11:05:00Z", "not_after": "2026-11-20T11:05:00Z"}), 0),
        (json!({"not_before": "2026-11-20T11:05:01Z"}), 14),
        (json!({"not_after": "2026-11-20T11:04:59Z"}), 14),
        (json!({"status": "retired"}), 0),
        (
            json!({"status": "revoked", "revoked_at": "2027-01-01T00:00:00Z", "revocation_reason": "superseded"}),
            14,
        ),
        (
            json!({"status": "revoked", "revoked_at": "2027-01-01T00:00:00Z", "revocation_reason": "compromised"}),
            14,
        ),
    ] {
        assert_eq!(verify(bundle.clone(), &with(more.clone())).code(), code, "{more}");
    }
    // A point of small order verifies almost anything, so it is no key.
    let spki = [&mine.spki()[..12], &[1][..], &[0; 31]].concat();
    assert!(PublicKey::from_spki(&spki).is_err());
}

#[test]
fn a_signed_bundle_that_contradicts_itself_is_refused() {
    let key = key(Algorithm::Ed25519);
    let check = Check::new(trust(&key));
    let edit = |edit: fn(&mut Value)| Forge { manifest: Box::new(edit), ..Forge::new() };
    let text = |from: &'static str, to: &'static str| Forge {
        text: Box::new(move |text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        }),
        ..Forge::new()
    };
    let index = |text: &str| Forge::new().set(TRACE_INDEX, text);
    let mut more_rows = Forge::new();
    more_rows.rows.insert(USERS.into(), 3);
    let mut more_records = Forge::new();
    more_records.rows.insert(TRACE.into(), 3);
    let mut no_index = Forge::new();
    no_index.files.remove(TRACE_INDEX);
    let mut no_policy = edit(|_| {});
    no_policy.manifest = Box::new(|m| m["policy"]["sha256"] = json!("0".repeat(64)));
    let cases: Vec<(&str, Forge, u8, Rule)> = vec![
        ("rows", more_rows, 11, Rule::Rows),
        ("records", more_records, 11, Rule::Index),
        ("no LF at the end", Forge::new().set(USERS, "{}\n{}\n{}"), 11, Rule::Rows),
        ("no index", no_index, 11, Rule::Index),
        (
            "index of nothing",
            Forge::new().set("meta/index/graph/users/part-00000.jsonl", "[0,1,null]\n"),
            11,
            Rule::Index,
        ),
        ("index with a gap", index("[0,3,null]\n[4,11,null]\n"), 11, Rule::Index),
        ("index too short", index("[0,4,null]\n[4,10,null]\n"), 11, Rule::Index),
        ("index beyond the part", index("[0,4,null]\n[4,12,null]\n"), 11, Rule::Index),
        ("index that wraps", index("[0,4,null]\n[4,18446744073709551615,null]\n"), 11, Rule::Index),
        ("index with words", index("[0,4,\"today\"]\n[4,11,null]\n"), 11, Rule::Index),
        ("index of junk", index("{}\n[4,11,null]\n"), 11, Rule::Index),
        ("policy", no_policy, 11, Rule::PolicyDigest),
        ("checksums", Forge { sums: Box::new(|s| s + "\n"), ..Forge::new() }, 11, Rule::ChecksumFile),
        (
            "checksums",
            Forge { sums: Box::new(|s| s.replacen('0', "1", 1)), ..Forge::new() },
            11,
            Rule::ChecksumFile,
        ),
        ("outcomes", edit(|m| m["completeness"]["datasets"] = json!([])), 11, Rule::Completeness),
        (
            "ledger",
            Forge {
                manifest: Box::new(|m| m["completeness"] = json!({"status": "complete", "datasets": []})),
                ..Forge::new().set("meta/collection.json", "[]")
            },
            11,
            Rule::Completeness,
        ),
        ("status", edit(|m| m["completeness"]["status"] = json!("incomplete")), 11, Rule::ManifestValue),
        (
            "archive digest",
            edit(|m| m["hash"]["archive"]["sha256"] = json!("0".repeat(64))),
            11,
            Rule::ArchiveDigest,
        ),
        ("archive size", edit(|m| m["hash"]["archive"]["size"] = json!(1)), 11, Rule::ArchiveDigest),
        ("root", edit(|m| m["hash"]["root"] = json!("0".repeat(64))), 11, Rule::Root),
        ("total", edit(|m| m["totals"]["rawBytes"] = json!(1)), 11, Rule::Totals),
        ("total rows", edit(|m| m["totals"]["rows"] = json!(5)), 11, Rule::Totals),
        ("order", edit(|m| m["entries"].as_array_mut().unwrap().swap(0, 1)), 11, Rule::ManifestOrder),
        (
            "double",
            edit(|m| {
                let one = m["entries"][0].clone();
                m["entries"].as_array_mut().unwrap().insert(0, one)
            }),
            11,
            Rule::ManifestOrder,
        ),
        ("source", edit(|m| m["entries"][2]["source"] = json!("portal")), 11, Rule::ManifestValue),
        (
            "source digest",
            edit(|m| m["entries"][2]["sourceSha256"] = json!("0".repeat(64))),
            11,
            Rule::ManifestSyntax,
        ),
        (
            "half a part",
            edit(|m| drop(m["entries"][2].as_object_mut().unwrap().remove("label"))),
            11,
            Rule::ManifestSyntax,
        ),
        ("rows outside data", edit(|m| m["entries"][0]["rows"] = json!(1)), 11, Rule::ManifestValue),
        ("media type", edit(|m| m["entries"][2]["mediaType"] = json!("text/html")), 11, Rule::ManifestValue),
        ("bundle id", edit(|m| m["bundleId"] = json!("x")), 11, Rule::ManifestValue),
        ("case", edit(|m| m["case"]["reference"] = json!("a b")), 11, Rule::ManifestValue),
        (
            "missing null",
            edit(|m| drop(m["case"].as_object_mut().unwrap().remove("reference"))),
            11,
            Rule::ManifestSyntax,
        ),
        (
            "upper-case hex",
            edit(|m| m["catalogue"]["sha256"] = json!("A".repeat(64))),
            11,
            Rule::ManifestValue,
        ),
        ("unknown member", text("\"case\":", "\"face\": 1, \"case\":"), 11, Rule::ManifestSyntax),
        (
            "double member",
            text("\"case\":", "\"case\": {\"reference\": null}, \"case\":"),
            11,
            Rule::ManifestSyntax,
        ),
        ("fraction", text("\"index\": 1", "\"index\": 1.0"), 11, Rule::ManifestSyntax),
        ("not JSON", text("{", "["), 11, Rule::ManifestSyntax),
        ("newer", text("manifest/1", "manifest/2"), 16, Rule::UnknownVersion),
        ("foreign", text("entra-bundle/manifest/1", "x"), 16, Rule::UnknownVersion),
        ("algorithm", edit(|m| m["hash"]["perEntry"] = json!("md5")), 16, Rule::UnknownVersion),
        (
            "signed rows",
            Forge { predicate: Box::new(|p| p["rows"] = json!(5)), ..Forge::new() },
            12,
            Rule::Binding,
        ),
        (
            "signed id",
            Forge { predicate: Box::new(|p| p["bundleId"] = json!("x")), ..Forge::new() },
            12,
            Rule::Binding,
        ),
        (
            "series",
            edit(|m| {
                m["volume"] = json!({"index": 1, "final": false, "seriesId": ID, "prevManifestSha256": null})
            }),
            18,
            Rule::Series,
        ),
        (
            "last of a series",
            edit(|m| {
                m["volume"] = json!({"index": 2, "final": true, "count": 2, "seriesId": ID,
            "prevManifestSha256": "0".repeat(64)})
            }),
            18,
            Rule::Series,
        ),
        ("volume", edit(|m| m["volume"]["index"] = json!(2)), 11, Rule::ManifestValue),
    ];
    for (what, forge, code, rule) in cases {
        expect(what, forge.build(&key), &check, code, rule);
    }
}

#[test]
fn the_reader_may_demand_case_bundle_age_and_completeness() {
    let key = key(Algorithm::Ed25519);
    let bundle = || Forge::new().build(&key);
    let now = "2026-11-23T00:00:00Z".parse().ok();
    let good = Check {
        expect_case: Some("SR-42".into()),
        expect_bundle: Some(ID.into()),
        max_age: Some(jiff::SignedDuration::from_hours(72)),
        now,
        require_complete: true,
        ..Check::new(trust(&key))
    };
    let outcome = verify(bundle(), &good);
    assert_eq!((outcome.code(), outcome.warnings.len()), (0, 0));
    let report = serde_json::to_value(outcome.report()).unwrap();
    assert_eq!((&report["result"], &report["caseReference"]), (&json!("verified"), &json!("SR-42")));
    assert_eq!(report["signers"][0]["role"], "collector");
    let case = Check { expect_case: Some("SR-43".into()), ..good.clone() };
    expect("case", bundle(), &case, 14, Rule::OtherCase);
    let other = Check { expect_bundle: Some("b".repeat(26)), ..good.clone() };
    expect("bundle", bundle(), &other, 14, Rule::OtherBundle);
    expect(
        "age",
        bundle(),
        &Check { max_age: Some(jiff::SignedDuration::from_hours(48)), ..good.clone() },
        14,
        Rule::TooOld,
    );
    let blind = Check { now: None, ..good.clone() };
    assert!(verify_medium(Arc::new(bundle()), &blind).is_err(), "an age needs a clock");

    let partial = Forge::new().set(
        "meta/collection.json",
        r#"{"completeness":{"status":"incomplete","datasets":[{"dataset":"users","outcome":"partial","reason":"permission","detail":null}]}}"#,
    );
    expect("incomplete", partial.build(&key), &good, 18, Rule::Incomplete);
    let outcome = verify(partial.build(&key), &Check::new(trust(&key)));
    assert_eq!((outcome.code(), outcome.warnings.len()), (0, 1));
    let sealed =
        Forge { manifest: Box::new(|m| m["intendedRecipients"] = json!(["passphrase"])), ..Forge::new() };
    let outcome = verify(sealed.build(&key), &Check::new(trust(&key)));
    assert_eq!((outcome.code(), outcome.warnings.len()), (0, 1));
}

#[test]
fn content_of_unproven_origin_is_examined_only_on_request_and_never_passes() {
    let (mine, other) = (key(Algorithm::Ed25519), key(Algorithm::Ed25519));
    let mut items = Forge::new().items(&other);
    items[1].data[6] = b'7';
    let plain = verify(zip(&items), &Check::new(trust(&mine)));
    assert_eq!((plain.code(), plain.findings.len()), (13, 1));
    assert!(plain.manifest.is_none() && plain.zip_sha256.is_none());
    let curious = Check { inspect_untrusted: true, ..Check::new(trust(&mine)) };
    let outcome = verify(zip(&items), &curious);
    let rules: Vec<Rule> = outcome.findings.iter().map(|f| f.rule).collect();
    assert_eq!(rules, [Rule::NoTrustedSigner, Rule::Digest, Rule::ArchiveDigest]);
    assert_eq!(outcome.code(), 13);
    let outcome = verify(Forge::new().build(&other), &curious);
    assert_eq!((outcome.code(), outcome.findings.len()), (13, 1));
    assert!(outcome.manifest.is_some());
}
