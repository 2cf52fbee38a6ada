//! Signing keys, trust, attestations and proofs, through the program.

use crate::program::Machine;

const USER: &str =
    r#"{"value":[{"id":"8a1b7c33-0d1e-4f5a-9b6c-7d8e9f0a1b2c","userPrincipalName":"greta@contoso.com"}]}"#;

#[test]
fn an_encrypted_signing_key_signs_with_its_passphrase_from_file_or_environment() {
    let machine = Machine::new();
    machine.file("pass", "ten words\nanother line\n");
    machine.file("wrong", "ten worms\n");
    machine.file("in/users.json", USER);
    let made = machine
        .ok(&["key", "generate", "signing", "--out", "k.pem", "--passphrase-file", "pass", "--json"])
        .json();
    assert_eq!(made["encrypted"], true);
    let text = std::fs::read_to_string(machine.path("k.pem")).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    let print = machine.ok(&["key", "fingerprint", "k.pem", "--passphrase-file", "pass", "--json"]).json();
    assert_eq!(print["fingerprint"], made["fingerprint"]);

    let seal = ["collect", "--input", "in", "--sign-key", "k.pem", "--out"];
    // No terminal to ask on.
    let ran = machine.run(&[&seal[..], &["out/a.zip"]].concat());
    assert_eq!((ran.code, ran.err.contains("needs a passphrase")), (Some(2), true), "{}", ran.err);
    let ran = machine.run(&[&seal[..], &["out/a.zip", "--sign-key-passphrase-file", "wrong"]].concat());
    assert_eq!(ran.code, Some(17), "{}", ran.err);
    assert!(!ran.err.contains("worms") && !machine.path("out/a.zip").exists());
    machine.ok(&[&seal[..], &["out/a.zip", "--sign-key-passphrase-file", "pass"]].concat());
    let mut command =
        machine.command(&[&seal[..], &["out/b.zip", "--sign-key-passphrase-env", "P"]].concat());
    assert!(command.env("P", "ten words").output().unwrap().status.success());
    machine.ok(&["verify", "out/b.zip", "--public-key", "k.pub.pem"]);

    let ran = machine.run(&["key", "generate", "incident", "--out", "i.key", "--passphrase-file", "pass"]);
    assert_eq!(ran.code, Some(2));
}

/// A sealed bundle of one user, `out/b.zip`, signed by `k.pem`.
fn sealed(machine: &Machine) {
    machine.file("in/users.json", USER);
    machine.ok(&["key", "generate", "signing", "--out", "k.pem"]);
    machine.ok(&["collect", "--input", "in", "--sign-key", "k.pem", "--case", "SR-42", "--out", "out/b.zip"]);
}

fn fingerprint(machine: &Machine, file: &str) -> String {
    machine.ok(&["key", "fingerprint", file, "--json"]).json()["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn trust_is_pinned_under_labels_and_rotates_by_statement() {
    let machine = Machine::new();
    sealed(&machine);
    assert_eq!(machine.run(&["verify", "out/b.zip"]).code, Some(13));
    // First use needs a terminal, or the fingerprint.
    let add = ["trust", "add", "k.pub.pem", "--customer", "Contoso, identity team"];
    assert_eq!(machine.run(&add).code, Some(2));
    let zeros = "0".repeat(64);
    assert_eq!(machine.run(&[&add[..], &["--fingerprint", &zeros]].concat()).code, Some(2));
    let print = fingerprint(&machine, "k.pem");
    let spoken = print[7..].to_uppercase();
    machine.ok(&[&add[..], &["--fingerprint", &spoken, "--name", "2026"]].concat());
    let ran = machine.ok(&["verify", "out/b.zip"]);
    assert!(ran.out.contains("Contoso, identity team") && ran.out.contains("SR-42"), "{}", ran.out);
    machine.ok(&["info", "out/b.zip"]);
    let listed = machine.ok(&["trust", "list", "--json"]).json();
    assert_eq!(
        (&listed["keys"][0]["fingerprint"], &listed["keys"][0]["name"]),
        (&print.clone().into(), &"2026".into())
    );
    assert!(machine.ok(&["trust", "list"]).out.contains("signed by: collector"));

    // A second key of the same customer.
    machine.ok(&["key", "generate", "signing", "--out", "new.pem", "--alg", "ecdsa-p256"]);
    let new = fingerprint(&machine, "new.pub.pem");
    let second =
        ["trust", "add", "new.pub.pem", "--customer", "Contoso, identity team", "--fingerprint", &new];
    assert_eq!(machine.run(&second).code, Some(14));
    machine.ok(&["key", "rotate", "k.pub.pem", "--sign-key", "new.pem", "--out", "backwards.intoto.jsonl"]);
    let backwards = [&second[..], &["--rotation", "backwards.intoto.jsonl"]].concat();
    assert_eq!(machine.run(&backwards).code, Some(14));
    machine.ok(&["key", "rotate", "new.pub.pem", "--sign-key", "k.pem", "--out", "rotation.intoto.jsonl"]);
    machine.ok(&[&second[..], &["--rotation", "rotation.intoto.jsonl"]].concat());

    // Demands, revocation, removal.
    machine.ok(&["trust", "require", "privacy-review"]);
    let ran = machine.run(&["verify", "out/b.zip"]);
    assert_eq!((ran.code, ran.err.contains("privacy-review")), (Some(14), true), "{}", ran.err);
    machine.ok(&["trust", "require", "collector", "--max-age-days", "1"]);
    machine.ok(&["verify", "out/b.zip"]);
    machine.ok(&["trust", "revoke", &print[7..23], "--reason", "compromised"]);
    assert_eq!(machine.run(&["verify", "out/b.zip"]).code, Some(14));
    machine.ok(&["trust", "remove", &print]);
    assert_eq!(machine.run(&["verify", "out/b.zip"]).code, Some(13));
    assert_eq!(machine.run(&["trust", "remove", &print]).code, Some(2));
    // A file of one's own choice beside the user's.
    machine.ok(&[&add[..], &["--fingerprint", &print, "--trust", "team.json"]].concat());
    machine.ok(&["verify", "out/b.zip", "--trust", "team.json"]);
    assert_eq!(machine.run(&["verify", "out/b.zip"]).code, Some(13));
}

#[test]
fn a_review_is_signed_beside_the_bundle_or_inside_a_copy() {
    let machine = Machine::new();
    sealed(&machine);
    machine.ok(&["key", "generate", "signing", "--out", "officer.pem", "--alg", "ecdsa-p256"]);
    let whole = std::fs::read(machine.path("out/b.zip")).unwrap();
    let sign = ["countersign", "out/b.zip", "--sign-key", "officer.pem", "--public-key", "k.pub.pem"];
    // Without a terminal the digest is demanded, and the table was shown.
    let ran = machine.run(&sign);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("pseudonymize") && ran.err.contains("UPN, mail, SIP"), "{}", ran.err);
    let info = machine.ok(&["info", "out/b.zip", "--public-key", "k.pub.pem", "--json"]).json();
    let digest = info["manifest"]["policy"]["sha256"].as_str().unwrap().to_owned();
    let zeros = "0".repeat(64);
    assert_eq!(machine.run(&[&sign[..], &["--policy-digest", &zeros]].concat()).code, Some(5));
    let by_collector = ["countersign", "out/b.zip", "--sign-key", "k.pem", "--public-key", "k.pub.pem"];
    assert_eq!(machine.run(&[&by_collector[..], &["--policy-digest", &digest]].concat()).code, Some(2));
    let unknown = ["countersign", "out/b.zip", "--sign-key", "officer.pem", "--policy-digest", &digest];
    assert_eq!(machine.run(&unknown).code, Some(13));
    assert!(!machine.path("out/b.zip.privacy-review.intoto.jsonl").exists());

    let signed = machine.ok(&[&sign[..], &["--policy-digest", &digest, "--json"]].concat()).json();
    assert_eq!((&signed["decision"], &signed["scan"]["findings"]), (&"approved".into(), &0.into()));
    assert_eq!(std::fs::read(machine.path("out/b.zip")).unwrap(), whole, "the bundle is not touched");

    for (key, role, customer) in [("k", "collector", "Contoso"), ("officer", "privacy-review", "Contoso")] {
        let (public, print) = (format!("{key}.pub.pem"), fingerprint(&machine, &format!("{key}.pub.pem")));
        machine.ok(&[
            "trust",
            "add",
            &public,
            "--role",
            role,
            "--customer",
            customer,
            "--fingerprint",
            &print,
        ]);
    }
    machine.ok(&["trust", "require", "privacy-review"]);
    assert_eq!(machine.run(&["verify", "out/b.zip"]).code, Some(14));
    machine.ok(&["verify", "out/b.zip", "out/b.zip.privacy-review.intoto.jsonl"]);

    // A rejection is listed and never counts.
    machine.ok(&[&sign[..], &["--reject", "--out", "no.intoto.jsonl"]].concat());
    let ran = machine.run(&["verify", "out/b.zip", "no.intoto.jsonl", "--json"]);
    assert_eq!(ran.code, Some(14));
    assert_eq!(ran.json()["signers"][1]["status"], "rejected");

    // Inside a copy: everything up to the attestations stays.
    machine.ok(&[&sign[..], &["--policy-digest", &digest, "--embed", "--out", "out/c.zip"]].concat());
    machine.ok(&["verify", "out/c.zip"]);
    let copy = std::fs::read(machine.path("out/c.zip")).unwrap();
    let until = whole.windows(25).position(|w| w == b"attestations.intoto.jsonl").unwrap() - 30;
    assert_eq!(whole[..until], copy[..until]);
    let ran =
        machine.run(&[&sign[..], &["--policy-digest", &digest, "--embed", "--out", "out/c.zip"]].concat());
    assert_eq!(ran.code, Some(2), "existing files are not replaced");
    // A second one into the copy, with another key.
    machine.ok(&["key", "generate", "signing", "--out", "third.pem"]);
    let third =
        ["countersign", "out/c.zip", "--sign-key", "third.pem", "--policy-digest", &digest, "--embed"];
    machine.ok(&[&third[..], &["--out", "out/d.zip"]].concat());
    let signers = machine.ok(&["verify", "out/d.zip", "--json"]).json();
    assert_eq!(signers["signers"].as_array().unwrap().len(), 3);
}

#[test]
fn a_receipt_binds_manifest_and_content() {
    let machine = Machine::new();
    sealed(&machine);
    machine.ok(&["key", "generate", "signing", "--out", "desk.pem"]);
    let verify = ["verify", "out/b.zip", "--public-key", "k.pub.pem"];
    let receipt = ["--receipt", "got.intoto.jsonl", "--sign-key", "desk.pem"];
    // Nothing is acknowledged that does not verify.
    assert_eq!(machine.run(&[&["verify", "out/b.zip"][..], &receipt].concat()).code, Some(13));
    assert_eq!(machine.run(&[&verify[..], &receipt[..2]].concat()).code, Some(2));
    assert!(!machine.path("got.intoto.jsonl").exists());
    machine.ok(&[&verify[..], &receipt].concat());
    assert_eq!(machine.run(&[&verify[..], &receipt].concat()).code, Some(2), "never replaced");
    for (key, role) in [("k", "collector"), ("desk", "receipt")] {
        let (public, print) = (format!("{key}.pub.pem"), fingerprint(&machine, &format!("{key}.pub.pem")));
        machine.ok(&["trust", "add", &public, "--role", role, "--customer", key, "--fingerprint", &print]);
    }
    let ran = machine.ok(&["verify", "out/b.zip", "got.intoto.jsonl", "--json"]).json();
    assert_eq!(
        (&ran["signers"][1]["role"], &ran["signers"][1]["status"]),
        (&"receipt".into(), &"counted".into())
    );
    // The receipt of another bundle is a contradiction.
    machine.ok(&["collect", "--input", "in", "--sign-key", "k.pem", "--out", "out/other.zip"]);
    assert_eq!(machine.run(&["verify", "out/other.zip", "got.intoto.jsonl"]).code, Some(12));
}

#[test]
fn one_file_is_proven_without_the_names_of_the_others() {
    let machine = Machine::new();
    sealed(&machine);
    machine.ok(&["unpack", "out/b.zip", "--to", "case", "--public-key", "k.pub.pem"]);
    let index = machine.ok(&["export", "out/b.zip", "--public-key", "k.pub.pem"]).out;
    machine.ok(&["export", "out/b.zip", "--public-key", "k.pub.pem", "--out", "index.csv"]);
    assert_eq!(std::fs::read_to_string(machine.path("index.csv")).unwrap(), index);
    let mut lines = index.split("\r\n");
    assert_eq!(lines.next(), Some("path,size,sha256,source,dataset,from,to,rows"));
    let paths: Vec<&str> =
        lines.filter_map(|line| line.split(',').next()).filter(|p| !p.is_empty()).collect();
    let users = "data/graph/users/part-00000.jsonl";
    assert!(paths.contains(&users) && paths.contains(&"README.txt"), "{paths:?}");

    for path in &paths {
        let _ = std::fs::remove_file(machine.path("p.json"));
        machine.ok(&["prove", "out/b.zip", path, "--out", "p.json", "--public-key", "k.pub.pem"]);
        let proof = std::fs::read_to_string(machine.path("p.json")).unwrap();
        assert!(paths.iter().filter(|other| proof.contains(&format!("\"{other}\""))).count() == 1);
        let file = format!("case/{path}");
        machine.ok(&["verify", "--entry", &file, "--proof", "p.json", "--public-key", "k.pub.pem"]);
    }
    assert_eq!(
        machine
            .run(&["prove", "out/b.zip", "manifest.json", "--out", "q.json", "--public-key", "k.pub.pem"])
            .code,
        Some(2)
    );
    machine.ok(&["prove", "out/b.zip", users, "--out", "u.json", "--public-key", "k.pub.pem"]);
    let file = format!("case/{users}");
    let verify = |proof: &str, key: &str| {
        machine.run(&["verify", "--entry", &file, "--proof", proof, "--public-key", key, "--json"])
    };
    let good = verify("u.json", "k.pub.pem");
    assert_eq!((good.code, &good.json()["path"]), (Some(0), &users.into()));
    machine.ok(&["key", "generate", "signing", "--out", "other.pem"]);
    assert_eq!(verify("u.json", "other.pub.pem").code, Some(13));
    let text = std::fs::read_to_string(machine.path("u.json")).unwrap();
    let proof: serde_json::Value = serde_json::from_str(&text).unwrap();
    let hash = proof["hashes"][0].as_str().unwrap();
    let swap = |c: char| if c == '0' { "1" } else { "0" };
    let other_hash = swap(hash.chars().next().unwrap()).to_owned() + &hash[1..];
    for (from, to, code) in [
        (hash, other_hash.as_str(), 11),
        ("\"index\": ", "\"index\": 1", 11),
        ("\"treeSize\": ", "\"treeSize\": 1", 11),
        (users, "data/graph/users/part-00001.jsonl", 11),
        ("\"size\": ", "\"size\": 1", 11),
        ("proof/1", "proof/2", 16),
        ("leaf/1", "leaf/2", 16),
        ("proof/1", "manifest/1", 16),
        ("\"leaf\"", "\"leaves\": 1, \"leaf\"", 10),
        ("{", "[", 10),
        ("collection", "collection", 0),
    ] {
        machine.file("bad.json", text.replacen(from, to, 1));
        let ran = verify("bad.json", "k.pub.pem");
        assert_eq!(ran.code, Some(code), "{from} → {to}: {}", ran.err);
    }
    // Another file, a longer one, a cut one.
    let whole = std::fs::read(machine.path(&file)).unwrap();
    for wrong in [[&whole[..], b"x"].concat(), whole[1..].to_vec(), [b"x", &whole[1..]].concat()] {
        machine.file("wrong.jsonl", wrong);
        let ran = machine.run(&[
            "verify",
            "--entry",
            "wrong.jsonl",
            "--proof",
            "u.json",
            "--public-key",
            "k.pub.pem",
        ]);
        assert_eq!(ran.code, Some(11), "{}", ran.err);
    }
    // The statement of another bundle of the same collector.
    machine.ok(&["collect", "--input", "in", "--sign-key", "k.pem", "--out", "out/2.zip"]);
    machine.ok(&["prove", "out/2.zip", users, "--out", "2.json", "--public-key", "k.pub.pem"]);
    let other: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(machine.path("2.json")).unwrap()).unwrap();
    let mut mixed = proof.clone();
    mixed["attestation"] = other["attestation"].clone();
    machine.file("mixed.json", mixed.to_string());
    assert_eq!(verify("mixed.json", "k.pub.pem").code, Some(11));
}

#[test]
fn an_approved_policy_is_shown_by_its_approval() {
    let machine = Machine::new();
    sealed(&machine);
    machine.ok(&["key", "generate", "signing", "--out", "officer.pem"]);
    machine.file(
        "own.json",
        r#"{"schema":"entra-bundle/policy/1","id":"own","version":4,"extends":["builtin:balanced@1"],"recipient":{"text":"Fabrikam"},
        "kinds":{"job":{"do":"drop","reason":"the works council asked"}}}"#,
    );
    let approve = |policy: &str, out: &str, more: &[&str]| {
        machine.run(&[&["policy", "sign", policy, "--sign-key", "officer.pem", "--out", out], more].concat())
    };
    assert_eq!(approve("balanced", "b.txt", &[]).code, Some(2));
    for policy in ["balanced", "own.json"] {
        assert_eq!(approve(policy, &format!("{policy}.intoto.jsonl"), &[]).code, Some(0));
    }
    assert_eq!(approve("balanced", "ended.intoto.jsonl", &["--valid", "0m"]).code, Some(0));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let check = |policy: &str, approval: &str, key: &str| {
        machine
            .run(&["policy", "check", policy, &format!("{approval}.intoto.jsonl"), "--public-key", key])
            .code
    };
    assert_eq!(check("balanced", "balanced", "officer.pub.pem"), Some(0));
    assert_eq!(check("own.json", "own.json", "officer.pub.pem"), Some(0));
    assert_eq!(check("strict", "balanced", "officer.pub.pem"), Some(5));
    assert_eq!(check("balanced", "own.json", "officer.pub.pem"), Some(5));
    assert_eq!(check("balanced", "ended", "officer.pub.pem"), Some(5));
    assert_eq!(check("balanced", "balanced", "k.pub.pem"), Some(13));
    let changed = std::fs::read_to_string(machine.path("own.json")).unwrap().replace("works", "work");
    machine.file("own.json", changed);
    assert_eq!(check("own.json", "own.json", "officer.pub.pem"), Some(5), "the private part counts too");

    for (key, role) in [("k", "collector"), ("officer", "policy-approval")] {
        let (public, print) = (format!("{key}.pub.pem"), fingerprint(&machine, &format!("{key}.pub.pem")));
        machine.ok(&["trust", "add", &public, "--role", role, "--customer", key, "--fingerprint", &print]);
    }
    machine.ok(&["trust", "require", "policy-approval"]);
    assert_eq!(machine.run(&["verify", "out/b.zip"]).code, Some(14));
    machine.ok(&["verify", "out/b.zip", "balanced.intoto.jsonl"]);
    assert_eq!(machine.run(&["verify", "out/b.zip", "own.json.intoto.jsonl"]).code, Some(12));
}
