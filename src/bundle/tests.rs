//! Tests of the whole line: write, verify, read, unpack.

use super::manifest::{Cloud, Pseudonyms, Sensitivity, Tenant, Tool, Window};
use super::*;
use crate::catalogue::{Layout, Source, Stream};
use crate::crypto::{Algorithm, PublicKey, SigningKey};
use crate::error::Result;
use crate::event::{Outcome, Reason};
use crate::record::{Stated, Statement, sealed::Sealed as Seal};
use serde::Serialize;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An Ed25519 key that is the same in every run.
fn fixed_key() -> SigningKey {
    let der = [
        &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20][..],
        &[7; 32],
    ]
    .concat();
    let text = data_encoding::BASE64.encode(&der);
    SigningKey::from_pem(&format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"))
        .unwrap()
}

fn trust(key: &SigningKey) -> Trust {
    Trust::from_public_key(PublicKey::from_pem(&key.public_pem()).unwrap())
}

#[derive(Serialize)]
struct Ledger {
    completeness: Completeness,
}
impl Seal for Ledger {}
impl Stated for Ledger {}

fn completeness() -> Completeness {
    Completeness::of(vec![
        DatasetOutcome { dataset: "users".into(), outcome: Outcome::Complete, reason: None, detail: None },
        DatasetOutcome {
            dataset: "groups".into(),
            outcome: Outcome::Partial,
            reason: Some(Reason::RecordTooLarge),
            detail: Some("1".into()),
        },
    ])
}

fn facts() -> ManifestFacts {
    ManifestFacts {
        bundle_id: Some("abcdefghijklmnopqrstuvwxya".into()),
        created_at: "2026-11-20T11:05:00Z".into(),
        tool: Tool {
            name: "entra-bundle".into(),
            version: "0.1.0".into(),
            git_commit: None,
            target: "x86_64-unknown-linux-gnu".into(),
        },
        tenant: Tenant { pseudonym: Some("t-abcdefghij234".into()), cloud: Cloud::Global },
        case_reference: Some("SR-42".into()),
        window: Window { from: None, to: Some("2026-11-20T00:00:00Z".into()) },
        policy_id: Some("balanced".into()),
        policy_version: 1,
        approved_digest: None,
        catalogue_sha256: [1; 32],
        pseudonyms: Pseudonyms {
            key_id: "k-abcdefghij234".into(),
            recipient: None,
            key_held_by: None,
            destroy_after: None,
            ip_marked: true,
            dictionary_digest: "0123456789abcdef".into(),
        },
        intended_recipients: Vec::new(),
        learned: Learned { names: 3, from: vec!["users".into()] },
        completeness: completeness(),
    }
}

fn about() -> PartFacts {
    PartFacts {
        min_time: None,
        max_time: Some("2026-11-19T08:00:00.5Z".into()),
        label: Sensitivity::Pseudonymous,
        learned: Learned { names: 3, from: vec!["users".into()] },
    }
}

fn part(source: Source, dataset: &str, layout: Layout, records: &[&str]) -> PackedPart {
    let mut part = PartWriter::new(&Stream::new(source, dataset), layout);
    if layout == Layout::Xml {
        part.frame_unfenced(b"<objects>\n").unwrap();
    }
    for record in records {
        part.write_unfenced(record.as_bytes(), Some("2026-11-19T08:00:00Z")).unwrap();
    }
    if layout == Layout::Xml {
        part.frame_unfenced(b"\n</objects>\n").unwrap();
    }
    part.finish().unwrap()
}

fn statements(draft: &mut Draft) {
    let ledger = Statement::of(&Ledger { completeness: completeness() }).unwrap();
    draft.statement(path::COLLECTION, &ledger).unwrap();
    draft
        .statement(path::POLICY, &Statement::fixed("{\"schema\":\"entra-bundle/policy-projection/1\"}\n"))
        .unwrap();
}

fn nothing(_: &str, _: &[u8]) -> Result<()> {
    Ok(())
}

/// A bundle with parts of every layout.
fn write(out: &Path, key: &SigningKey) -> Sealed {
    let mut draft = Draft::create(out, false).unwrap();
    let parts = [
        part(Source::Graph, "users", Layout::Jsonl, &["{\"id\":1}", "{\"id\":2}"]),
        part(Source::Graph, "users", Layout::Jsonl, &["{\"id\":3}"]),
        part(Source::OnPrem, "connect_csexport", Layout::Xml, &["<o a=\"1\"/>", "<o a=\"2\"/>"]),
        part(Source::OnPrem, "connect_trace", Layout::Text, &["one\n", "two\n  more\n"]),
    ];
    for part in parts {
        draft.append(part, about()).unwrap();
    }
    statements(&mut draft);
    draft.seal(facts(), key, &mut nothing).map_err(|e| e.to_string()).unwrap()
}

fn smallest(out: &Path, key: &SigningKey) -> Sealed {
    let mut draft = Draft::create(out, false).unwrap();
    statements(&mut draft);
    draft.seal(facts(), key, &mut nothing).map_err(|e| e.to_string()).unwrap()
}

fn check(bytes: Vec<u8>, check: &Check) -> Verification {
    verify_medium(Arc::new(bytes), check).map_err(|e| e.to_string()).unwrap()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("b.zip");
    (folder, out)
}

#[test]
fn a_bundle_is_written_verified_read_and_unpacked() {
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
        let (folder, out) = folder();
        let key = SigningKey::from_pem(&SigningKey::generate(algorithm).unwrap()).unwrap();
        let sealed = write(&out, &key);
        assert!(!folder.path().join("b.zip.partial").exists());
        let outcome = verify(&out, &Check::new(trust(&key))).map_err(|e| e.to_string()).unwrap();
        assert_eq!((outcome.code(), &outcome.findings), (0, &Vec::new()));
        assert_eq!(outcome.zip_sha256.as_deref(), Some(sealed.sha256.as_str()));
        assert_eq!(outcome.signers[0].status, Standing::Counted);
        let verified = outcome.verified.unwrap();
        let manifest = verified.manifest();
        assert_eq!(*manifest, sealed.manifest);
        assert_eq!((manifest.totals.rows, manifest.entries.len()), (5, 10));
        let names: Vec<&str> = verified.entries().collect();
        assert_eq!(
            names,
            [
                "README.txt",
                "data/graph/users/part-00000.jsonl",
                "data/graph/users/part-00001.jsonl",
                "data/onprem/connect_csexport/part-00000.xml",
                "data/onprem/connect_trace/part-00000.txt",
                "meta/collection.json",
                "meta/index/onprem/connect_csexport/part-00000.jsonl",
                "meta/index/onprem/connect_trace/part-00000.jsonl",
                "meta/policy.json",
                "SHA256SUMS",
                "manifest.json",
                "attestations.intoto.jsonl",
            ]
        );
        let records = |part: &str| -> Vec<String> {
            let line = |line: Result<Line>| String::from_utf8(line.unwrap().bytes).unwrap();
            verified.records(part).unwrap().map(line).collect()
        };
        assert_eq!(records(names[1]), ["{\"id\":1}", "{\"id\":2}"]);
        assert_eq!(records(names[3]), ["<o a=\"1\"/>", "<o a=\"2\"/>"]);
        assert_eq!(records(names[4]), ["one\n", "two\n  more\n"]);
        assert!(verified.read("data/x").is_err());

        let to = folder.path().join("out");
        verified.unpack(&to).unwrap();
        for name in &names {
            assert_eq!(fs::read(to.join(name)).unwrap(), verified.read(name).unwrap());
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
            }
        }
        assert_eq!(verified.unpack(&to).err().map(|e| e.code()), Some(2), "never into something that exists");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }
}

#[test]
fn equal_inputs_give_equal_bytes() {
    let (_folder, out) = folder();
    let other = out.with_file_name("c.zip");
    let key = fixed_key();
    write(&out, &key);
    write(&other, &key);
    assert_eq!(fs::read(out).unwrap(), fs::read(other).unwrap());
}
