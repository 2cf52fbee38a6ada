//! Tests of the whole line: write, verify, read, unpack.

mod volumes;

use super::manifest::{Cloud, Pseudonyms, Sensitivity, Tenant, Tool, Window};
use super::*;
use crate::catalogue::{Layout, Source, Stream};
use crate::crypto::{Algorithm, PublicKey, SigningKey};
use crate::error::Result;
use crate::event::{Outcome, Reason};
use crate::record::{Stated, Statement, sealed::Sealed as Seal};
use serde::Serialize;
use std::fs;
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
fn equal_inputs_give_equal_bytes_with_one_worker_and_with_four() {
    let (_folder, out) = folder();
    let key = fixed_key();
    let lines: Vec<String> =
        (0..400).map(|at| format!("{{\"id\":{at},\"name\":\"u-{}\"}}", at * 7919)).collect();
    let pack = |at: usize| {
        let lines: Vec<&str> = lines[at * 50..(at + 1) * 50].iter().map(String::as_str).collect();
        part(Source::Graph, "users", Layout::Jsonl, &lines)
    };
    let written = |name: &str, parts: Vec<PackedPart>| {
        let out = out.with_file_name(name);
        let mut draft = Draft::create(&out, false).unwrap();
        for part in parts {
            draft.append(part, about()).unwrap();
        }
        statements(&mut draft);
        draft.seal(facts(), &key, &mut nothing).map_err(|e| e.to_string()).unwrap();
        fs::read(out).unwrap()
    };
    let serial = written("serial.zip", (0..8).map(pack).collect());
    let parallel = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..4).map(|worker| scope.spawn(move || [worker, worker + 4].map(|at| (at, pack(at))))).collect();
        let mut parts: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        parts.sort_by_key(|(at, _)| *at);
        parts.into_iter().map(|(_, part)| part).collect()
    });
    assert_eq!(serial, written("parallel.zip", parallel));
    let many = Check { workers: 4, ..Check::new(trust(&key)) };
    assert_eq!(check(serial, &many).code(), 0);
}

#[test]
fn two_foreign_readers_see_the_same_entries() {
    let (_folder, out) = folder();
    write(&out, &fixed_key());
    let bytes = fs::read(out).unwrap();
    let structure = profile::read(&bytes, &Limits::default()).unwrap().unwrap();
    let ours: Vec<_> = structure
        .entries
        .iter()
        .map(|slot| (slot.name.clone(), slot.header, slot.compressed, slot.size, slot.crc))
        .collect();

    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    archive.validate_header_consistency().unwrap();
    let theirs: Vec<_> = (0..archive.len())
        .map(|at| {
            let entry = archive.by_index_raw(at).unwrap();
            (
                entry.name().unwrap().into_owned(),
                entry.header_start(),
                entry.compressed_size(),
                entry.size(),
                entry.crc32(),
            )
        })
        .collect();
    assert_eq!(ours, theirs);

    let archive = rawzip::ZipArchive::from_slice(&bytes).unwrap();
    let theirs: Vec<_> = archive
        .entries()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = String::from_utf8(entry.file_path().as_ref().to_vec()).unwrap();
            let sizes = (entry.compressed_size_hint(), entry.uncompressed_size_hint());
            (name, entry.local_header_offset(), sizes.0, sizes.1, entry.crc32())
        })
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn a_file_that_changes_after_verification_is_noticed() {
    let (folder, out) = folder();
    let key = fixed_key();
    write(&out, &key);
    let verified = verify(&out, &Check::new(trust(&key))).unwrap().verified.unwrap();
    let mut bytes = fs::read(&out).unwrap();
    let at = bytes.windows(7).position(|window| window == b"part-00").unwrap() + 30;
    bytes[at] ^= 0x40;
    fs::write(&out, &bytes).unwrap(); // the same file, changed in place
    let to = folder.path().join("out");
    assert_eq!(verified.unpack(&to).err().map(|e| e.code()), Some(11));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no partial folder is left");
}

/// Codes that damage may end in.
const DAMAGE: [u8; 7] = [10, 11, 12, 13, 15, 16, 17];

#[test]
fn every_flipped_byte_of_the_smallest_bundle_is_refused() {
    let (_folder, out) = folder();
    let key = fixed_key();
    smallest(&out, &key);
    let bytes = fs::read(out).unwrap();
    let held = Check::new(trust(&key));
    assert_eq!(check(bytes.clone(), &held).code(), 0);
    for at in 0..bytes.len() {
        // One bit each, so that all eight occur; a single bit is what unused bits of deflate would hide.
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let outcome = check(damaged, &held);
        assert!(DAMAGE.contains(&outcome.code()), "byte {at}: {}", outcome.code());
        assert!(outcome.verified.is_none() && !outcome.findings.is_empty());
    }
}

#[test]
fn flipped_bytes_all_over_a_bundle_are_refused() {
    let (_folder, out) = folder();
    let key = fixed_key();
    write(&out, &key);
    let bytes = fs::read(out).unwrap();
    let held = Check::new(trust(&key));
    let step = bytes.len() / 400;
    let mut positions = 0;
    for at in (0..bytes.len()).step_by(step) {
        for value in [0x00, 0xff, bytes[at] ^ 0x10] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let code = check(damaged, &held).code();
            assert!(DAMAGE.contains(&code) || value == bytes[at], "byte {at}: {code}");
        }
        positions += 1;
    }
    assert!(positions >= 200);
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let (_folder, out) = folder();
    let key = fixed_key();
    smallest(&out, &key);
    let bytes = fs::read(out).unwrap();
    let held = Check::new(trust(&key));
    for length in 0..bytes.len() {
        assert_eq!(check(bytes[..length].to_vec(), &held).code(), 10, "{length} bytes");
    }
    for (longer, rule) in [
        ([&bytes[..], b"\0"].concat(), Rule::TrailingBytes),
        ([b"MZ", &bytes[..]].concat(), Rule::Directory),
        ([&bytes[..], &bytes[..]].concat(), Rule::Directory),
    ] {
        let outcome = check(longer, &held);
        assert_eq!((outcome.code(), outcome.findings[0].rule), (10, rule));
    }
}

#[test]
fn a_draft_that_is_not_sealed_leaves_nothing() {
    let (folder, out) = folder();
    let empty = || fs::read_dir(folder.path()).unwrap().count() == 0;
    let mut draft = Draft::create(&out, false).unwrap();
    assert!(out.with_file_name("b.zip.partial").exists());
    draft.append(part(Source::OnPrem, "trace", Layout::Text, &["one\n"]), about()).unwrap();
    drop(draft);
    assert!(empty());

    let mut seen = Vec::new();
    for stop in ["entry names", path::CHECKSUMS, path::MANIFEST, path::ATTESTATIONS] {
        let mut draft = Draft::create(&out, false).unwrap();
        statements(&mut draft);
        let refused = draft.seal(facts(), &fixed_key(), &mut |name, bytes| {
            assert!(!bytes.is_empty());
            seen.push(name.to_owned());
            match name == stop {
                true => Err(crate::error::Error::new(crate::error::Kind::Privacy, "found")),
                false => Ok(()),
            }
        });
        assert_eq!(refused.err().map(|e| e.code()), Some(5));
        assert!(empty(), "{stop}");
    }
    assert_eq!(seen.len(), 1 + 2 + 3 + 4, "each is asked for once, in order");
}

#[cfg(unix)]
#[test]
fn a_draft_is_readable_by_its_owner_alone_and_has_one_writer() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, out) = folder();
    let partial = out.with_file_name("b.zip.partial");
    fs::write(&partial, b"the rest of a crash").unwrap();
    let draft = Draft::create(&out, false).unwrap();
    assert_eq!(fs::metadata(&partial).unwrap().permissions().mode() & 0o777, 0o600);
    let second = Draft::create(&out, false);
    assert_eq!(second.err().map(|e| e.code()), Some(1), "two writers");
    assert!(partial.exists());
    drop(draft);

    fs::write(&out, b"something").unwrap();
    assert_eq!(Draft::create(&out, false).err().map(|e| e.code()), Some(2));
    let mut draft = Draft::create(&out, true).unwrap();
    statements(&mut draft);
    draft.seal(facts(), &fixed_key(), &mut nothing).unwrap();
    assert!(fs::read(&out).unwrap().starts_with(b"PK"));
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let (_folder, out) = folder();
    let mut draft = Draft::create(&out, false).unwrap();
    statements(&mut draft);
    fs::write(&out, b"mine").unwrap();
    assert_eq!(draft.seal(facts(), &fixed_key(), &mut nothing).err().map(|e| e.code()), Some(2));
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    assert!(!out.with_file_name("b.zip.partial").exists());
}

#[test]
fn what_is_out_of_order_or_out_of_grammar_is_not_written() {
    let (_folder, out) = folder();
    let mut draft = Draft::create(&out, false).unwrap();
    let users = || part(Source::Graph, "users", Layout::Jsonl, &["1"]);
    draft.append(users(), about()).unwrap();
    assert!(draft.append(part(Source::Graph, "groups", Layout::Jsonl, &["1"]), about()).is_err());
    let wrong = PartFacts { min_time: Some("today".into()), ..about() };
    assert!(draft.append(users(), wrong).is_err());
    assert_eq!(draft.append(users(), about()).unwrap(), "data/graph/users/part-00001.jsonl");
    let fixed = Statement::fixed("x");
    for path in ["data/x.json", "SHA256SUMS", "x.json", "meta/index/a.jsonl", "meta/A.json", "meta/../x"] {
        assert!(draft.statement(path, &fixed).is_err(), "{path}");
    }
    draft.statement("meta/b.json", &fixed).unwrap();
    assert!(draft.statement("meta/a.json", &fixed).is_err());
    assert!(draft.append(part(Source::Portal, "users", Layout::Jsonl, &["1"]), about()).is_err());
    drop(draft);

    type Change = fn(&mut ManifestFacts);
    let changes: [Change; 7] = [
        |f| f.bundle_id = Some("short".into()),
        |f| f.case_reference = Some("Greta Schmidt".into()),
        |f| f.created_at = "2026-11-20".into(),
        |f| f.tenant.pseudonym = Some("contoso.com".into()),
        |f| f.tool.version = "a b".into(),
        |f| f.learned.from = vec!["b".into(), "a".into()],
        |f| f.completeness.status = manifest::Status::Complete,
    ];
    for change in changes {
        let mut draft = Draft::create(&out, true).unwrap();
        statements(&mut draft);
        let mut facts = facts();
        change(&mut facts);
        assert!(draft.seal(facts, &fixed_key(), &mut nothing).is_err());
        assert!(!out.exists());
    }
}

#[test]
fn a_bundle_whose_files_contradict_each_other_is_not_written() {
    let (_folder, out) = folder();
    let mut draft = Draft::create(&out, false).unwrap();
    statements(&mut draft);
    let facts = ManifestFacts { completeness: Completeness::of(Vec::new()), ..facts() };
    let error = draft.seal(facts, &fixed_key(), &mut nothing).unwrap_err();
    assert!(error.to_string().contains("completeness"), "{error}");
    assert!(!out.exists());
}

#[test]
#[ignore = "moves 4 GiB: for the long run"]
fn archives_beyond_four_gibibytes_keep_the_profile() {
    use std::io::{Seek, SeekFrom, Write};
    /// Writes holes for zeros, so that the file takes no space.
    struct Sparse(fs::File);
    impl Write for Sparse {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if bytes.iter().all(|b| *b == 0) {
                self.0.seek(SeekFrom::Current(bytes.len() as i64))?;
                return Ok(bytes.len());
            }
            self.0.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let file = tempfile::tempfile().unwrap();
    let mut archive = archive::Archive::new(Sparse(file.try_clone().unwrap()));
    let small = archive::Packed::of(b"x", archive::Method::Stored).unwrap();
    archive.append(path::README, &small).unwrap();
    let zeros = archive::Packed::of(&vec![0; 255 << 20], archive::Method::Stored).unwrap();
    for number in 0..17 {
        archive.append(&format!("data/graph/users/part-{number:05}.jsonl"), &zeros).unwrap();
    }
    for name in [path::CHECKSUMS, path::MANIFEST, path::ATTESTATIONS] {
        archive.append(name, &small).unwrap();
    }
    archive.finish().unwrap();
    let structure = profile::read(&file, &Limits::default()).unwrap().unwrap();
    assert!(structure.directory > u64::from(u32::MAX));
    assert_eq!(structure.entries.len(), 21);
    assert!(structure.entry(path::ATTESTATIONS).unwrap().header > u64::from(u32::MAX));
    let names = zip::ZipArchive::new(&file).unwrap();
    assert_eq!(names.len(), 21);
}

#[test]
fn hostile_bytes_never_panic() {
    let (_folder, out) = folder();
    let key = fixed_key();
    write(&out, &key);
    let bundle = fs::read(&out).unwrap();
    let structure = profile::read(&bundle, &Limits::default()).unwrap().unwrap();
    let slice = |name: &str| {
        let slot = structure.entry(name).unwrap();
        bundle[slot.data as usize..(slot.data + slot.compressed) as usize].to_vec()
    };
    let manifest = slice(path::MANIFEST);
    let line = slice(path::ATTESTATIONS);
    let payload = attestation::open(&line).unwrap().payload;
    let trusted = trust(&key).to_text().unwrap().into_bytes();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..4000 {
        let mut mutate = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for _ in 0..=random(4) {
                let (at, to) = (random(bytes.len()), random(bytes.len()));
                match random(5) {
                    0 => bytes[at] = random(256) as u8,
                    1 => bytes[at] = [0, 0xff, 0x7f, 0x80][random(4)],
                    2 => bytes.truncate(at + 1),
                    3 => bytes.rotate_left(at),
                    _ => bytes.swap(at, to),
                }
            }
            bytes
        };
        let (damaged, manifest) = (mutate(&bundle), mutate(&manifest));
        let (line, payload, trusted) = (mutate(&line), mutate(&payload), mutate(&trusted));
        let _ = profile::read(&damaged, &Limits::default()).unwrap();
        let _ = Manifest::parse(&manifest);
        let _ = attestation::open(&line);
        let _ = attestation::claim(&payload);
        let _ = Trust::parse(&String::from_utf8_lossy(&trusted));
    }
}

#[test]
fn manifest_trust_file_and_report_fit_their_schemas() {
    let (_folder, out) = folder();
    let key = fixed_key();
    let sealed = write(&out, &key);
    let fits = |schema: schemars::Schema, value: serde_json::Value| {
        let validator = jsonschema::validator_for(schema.as_value()).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert_eq!(wrong, Vec::<String>::new());
    };
    fits(schemars::schema_for!(Manifest), serde_json::to_value(&sealed.manifest).unwrap());
    let file = serde_json::from_str(&trust(&key).to_text().unwrap()).unwrap();
    fits(trust::schema(), file);
    let outcome = verify(&out, &Check::new(trust(&key))).unwrap();
    fits(schemars::schema_for!(Report<'static>), serde_json::to_value(outcome.report()).unwrap());
}
