//! Structure, signature and file digest of an archive as it lies, beside SHA-256 of the same file. No
//! entry is inflated and nothing of the content is promised: this is a figure, not a way to verify.
//!
//! `cargo bench --bench origin` (`-- MIB`, default 256). One thread; CPU time where the system tells it.

use entra_bundle::bundle::manifest::Manifest;
use entra_bundle::bundle::medium::{EntryReader, Medium};
use entra_bundle::bundle::{Limits, attestation, path, profile};
use entra_bundle::crypto::{Algorithm, PublicKey, Sha256, Signer, SigningKey, hex, sha256};
use serde_json::json;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const CHUNK: usize = 256 * 1024;

fn clock() -> Duration {
    thread_local!(static START: Instant = Instant::now());
    std::thread::yield_now();
    let cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = cpu.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.with(Instant::elapsed), Duration::from_nanos)
}

fn timed<T>(step: impl FnOnce() -> T) -> (Duration, T) {
    let start = clock();
    let result = black_box(step());
    (clock().saturating_sub(start), result)
}

fn digest(medium: &dyn Medium, until: u64) -> ([u8; 32], [u8; 32]) {
    let length = medium.len().expect("a length");
    let mut hash = Sha256::new();
    let (mut at, mut signed) = (0, [0; 32]);
    let mut buffer = vec![0; CHUNK];
    while at < length {
        if at == until {
            signed = hash.clone().finish();
        }
        let stop = if at < until { until } else { length };
        let want = usize::try_from(stop - at).unwrap_or(usize::MAX).min(CHUNK);
        medium.read_exact_at(at, &mut buffer[..want]).expect("it reads");
        hash.update(&buffer[..want]);
        at += want as u64;
    }
    (signed, hash.finish())
}

/// What the figure is about: profile, envelope, statement, manifest, and the file's digest.
fn origin(medium: &Arc<File>, key: &PublicKey) -> [u8; 32] {
    let structure = profile::read(&**medium, &Limits::default()).expect("it reads").expect("the profile");
    let whole = |name: &str| {
        let slot = structure.entry(name).expect("every bundle has it").clone();
        let mut bytes = Vec::new();
        let medium: Arc<dyn Medium> = Arc::<File>::clone(medium);
        EntryReader::new(medium, slot, None).read_to_end(&mut bytes).expect("it reads");
        bytes
    };
    let (manifest, lines) = (whole(path::MANIFEST), whole(path::ATTESTATIONS));
    let line = lines.split(|b| *b == b'\n').next().expect("a line");
    let opened = attestation::open(line).expect("an envelope");
    assert!(key.verify(&attestation::pae(attestation::PAYLOAD_TYPE, &opened.payload), &opened.signature));
    let (_, subject) = attestation::claim(&opened.payload).expect("a statement");
    assert_eq!(subject, hex(&sha256(&manifest)));
    let manifest = Manifest::parse(&manifest).expect("a manifest");
    let until = structure.entry(path::MANIFEST).expect("it is there").header;
    let (signed, file) = digest(&**medium, until);
    assert_eq!(hex(&signed), manifest.hash.archive.sha256);
    file
}

/// A bundle of `mib` MiB that does not compress, stored, with parts of 32 MiB.
fn write(out: &mut File, mib: u64, key: &SigningKey) {
    let mut names = vec![("README.txt".to_owned(), b"bench\n".to_vec())];
    let mut state = 1u64;
    for part in 0..mib.div_ceil(32) {
        let mut bytes = Vec::with_capacity(32 << 20);
        while bytes.len() < 32 << 20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(&(state >> 16).to_be_bytes());
        }
        names.push((format!("data/graph/users/part-{part:05}.txt"), bytes));
    }
    for (name, text) in [(path::COLLECTION, "{}"), (path::POLICY, "{}"), (path::CHECKSUMS, "-")] {
        names.push((name.to_owned(), text.as_bytes().to_vec()));
    }
    let mut entries: Vec<serde_json::Value> = names.iter().map(|(name, bytes)| entry(name, bytes)).collect();
    entries.sort_by(|a, b| a["path"].as_str().cmp(&b["path"].as_str()));
    let mut zip = Zip { out, at: 0, hash: Sha256::new(), directory: Vec::new(), count: 0 };
    names.iter().for_each(|(name, bytes)| zip.add(name, bytes));
    let archive = json!({"size": zip.at, "sha256": hex(&zip.hash.clone().finish())});
    let mut manifest: Manifest = serde_json::from_value(json!({
        "schema": "entra-bundle/manifest/1", "bundleId": "a".repeat(26),
        "volume": {"index": 1, "final": true, "count": 1, "seriesId": null, "prevManifestSha256": null},
        "tool": {"name": "bench", "version": "1", "gitCommit": null, "target": "none"},
        "createdAt": "2026-11-20T11:05:00Z", "tenant": {"pseudonym": null, "cloud": "global"},
        "case": {"reference": null}, "window": {"from": null, "to": null},
        "policy": {"id": null, "version": 1, "sha256": hex(&sha256(b"{}")), "approvedDigest": null},
        "catalogue": {"sha256": "0".repeat(64)},
        "pseudonyms": {"keyId": "k", "recipient": null, "keyHeldBy": null, "destroyAfter": null,
            "ipMarked": true, "dictionaryDigest": "d"},
        "intendedRecipients": [],
        "hash": {"perEntry": "sha256", "tree": "rfc9162-sha256", "root": "", "leaf": "entra-bundle/leaf/1",
            "archive": archive},
        "totals": {"entries": entries.len(), "rawBytes": names.iter().map(|(_, b)| b.len()).sum::<usize>(),
            "rows": 0, "learned": {"names": 0, "from": []}},
        "completeness": {"status": "complete", "datasets": []}, "entries": entries,
    }))
    .expect("a manifest");
    manifest.hash.root = manifest.root().expect("digests");
    let text = serde_json::to_vec_pretty(&manifest).expect("JSON");
    let claim = attestation::Collection::of(&manifest, "2026-11-20T11:05:00Z");
    let signed = attestation::sign_collection(&text, &claim, key).expect("a signature");
    zip.add(path::MANIFEST, &text);
    zip.add(path::ATTESTATIONS, &[signed.line.bytes(), b"\n"].concat());
    zip.finish();
}

fn entry(name: &str, bytes: &[u8]) -> serde_json::Value {
    let mut entry = json!({"path": name, "size": bytes.len(), "sha256": hex(&sha256(bytes)), "rows": null,
        "mediaType": "text/plain; charset=utf-8"});
    if name.starts_with("data/") {
        let part: u32 = name[name.len() - 9..name.len() - 4].parse().expect("a number");
        let more = json!({"dataset": "users", "source": "graph", "part": part, "rows": 0, "minTime": null,
            "maxTime": null, "label": "pseudonymous", "learned": {"names": 0, "from": []}, "sourceSha256": null});
        let more = more.as_object().expect("an object").clone();
        entry.as_object_mut().expect("an object").extend(more);
    }
    entry
}

/// The zip of the profile, stored entries only.
struct Zip<'a> {
    out: &'a mut File,
    at: u64,
    hash: Sha256,
    directory: Vec<u8>,
    count: u16,
}

impl Zip<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.out.write_all(bytes).expect("room on the disk");
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
    }

    fn add(&mut self, name: &str, bytes: &[u8]) {
        let size = (bytes.len() as u32).to_le_bytes();
        let crc = crc32fast::hash(bytes).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        let fixed = [&b"\x0a\0\0\0\0\0\0\0\x21\0"[..], &crc, &size, &size, &length, &[0, 0]].concat();
        let offset = (self.at as u32).to_le_bytes();
        let tail = [&b"\0\0\0\0\0\0\0\0\xa4\x81"[..], &offset, name.as_bytes()].concat();
        self.directory.extend([&b"PK\x01\x02\x0a\x03"[..], &fixed, &tail].concat());
        self.count += 1;
        self.put(&[b"PK\x03\x04", &fixed[..], name.as_bytes()].concat());
        self.put(bytes);
    }

    fn finish(mut self) {
        let count = self.count.to_le_bytes();
        let (size, offset) = ((self.directory.len() as u32).to_le_bytes(), (self.at as u32).to_le_bytes());
        let directory = std::mem::take(&mut self.directory);
        self.put(&directory);
        self.put(&[&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size, &offset, &[0, 0]].concat());
    }
}

fn main() {
    let mib = std::env::args().skip(1).find_map(|argument| argument.parse::<u64>().ok()).unwrap_or(256);
    let key = SigningKey::from_pem(&SigningKey::generate(Algorithm::Ed25519).expect("a key")).expect("a key");
    let public = PublicKey::from_spki(&key.spki()).expect("a key");
    let mut file = tempfile::tempfile().expect("a temporary file");
    write(&mut file, mib.clamp(32, 3500), &key);
    let medium = Arc::new(file);
    let size = Medium::len(&*medium).expect("a length");
    // In turns, so that whatever else the machine does meets both.
    let (mut plain, mut whole) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let (time, (_, expected)) = timed(|| digest(&*medium, 0));
        plain = plain.min(time);
        let (time, found) = timed(|| origin(&medium, &public));
        whole = whole.min(time);
        assert_eq!(found, expected);
    }
    let speed = |time: Duration| size as f64 / 1e6 / time.as_secs_f64().max(1e-9);
    println!("{:.1} MB, {} entries of the manifest", size as f64 / 1e6, mib.div_ceil(32) + 4);
    println!("  SHA-256 of the file                      {:>8.0} MB/s", speed(plain));
    println!("  structure, signature, digest of the file {:>8.0} MB/s", speed(whole));
    println!("  ratio                                    {:>8.2}", speed(whole) / speed(plain));
}
