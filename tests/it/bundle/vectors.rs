//! Public vectors: archives and deflate streams that nobody should take, Merkle roots, signatures.

use entra_bundle::bundle::medium::{Damage, EntryReader, Slot};
use entra_bundle::bundle::{Limits, Rule, merkle, profile};
use entra_bundle::crypto::PublicKey;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn accepted(folder: &Path) -> (usize, usize) {
    let files = files(folder);
    let taken = files.iter().filter(|path| {
        let bytes = fs::read(path).unwrap();
        profile::read(&bytes, &Limits::default()).unwrap().is_ok()
    });
    (taken.count(), files.len())
}

#[test]
fn no_malformed_archive_is_accepted() {
    let Some(shared) = crate::shared::folder("no_malformed_archive_is_accepted") else { return };
    let vectors = shared.join("vectors");
    for (folder, count) in [
        ("malo/zip/iffy", 49),
        ("malo/zip/malicious", 8),
        ("malo/zip/reject", 13),
        ("malo/zip/accept", 9), // good archives, but none is a bundle
        ("warehouse-zipdata/reject", 35),
        ("warehouse-zipdata/accept", 10),
    ] {
        assert_eq!(accepted(&vectors.join(folder)), (0, count), "{folder}");
    }
}

#[test]
fn deflate_streams_end_exactly_or_fail() {
    let Some(shared) = crate::shared::folder("deflate_streams_end_exactly_or_fail") else { return };
    let outcome = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        // The vectors tell no size: a stream that ends well then has the wrong one, and nothing else.
        let slot = Slot {
            name: "x".into(),
            deflated: true,
            crc: 0,
            compressed: bytes.len() as u64,
            size: u64::MAX,
            header: 0,
            data: 0,
        };
        let mut reader = EntryReader::new(Arc::new(bytes), slot, None);
        Damage::of(&reader.read_to_end(&mut Vec::new()).unwrap_err()).unwrap().0
    };
    let folder = shared.join("vectors/malo/deflate");
    for (set, count, rule) in
        [("accept", 8, Rule::Size), ("reject", 13, Rule::Deflate), ("malicious", 1, Rule::Deflate)]
    {
        let files = files(&folder.join(set));
        assert_eq!(files.len(), count);
        for path in files {
            assert_eq!(outcome(&path), rule, "{}", path.display());
        }
    }
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn merkle_roots_are_reproduced() {
    let Some(shared) = crate::shared::folder("merkle_roots_are_reproduced") else { return };
    let vectors = json(shared.join("vectors/merkle/rfc6962-roots.json"));
    let leaves: Vec<Vec<u8>> = vectors["leaf_inputs_hex"].as_array().unwrap().iter().map(bytes).collect();
    let roots = vectors["root_hex_by_size"].as_array().unwrap();
    assert_eq!(roots.len(), 9);
    for (size, root) in roots.iter().enumerate() {
        let mut tree = merkle::Tree::default();
        leaves[..size].iter().for_each(|leaf| tree.push(leaf));
        assert_eq!(tree.root().to_vec(), bytes(root));
    }
}

#[test]
fn signatures_verify_as_wycheproof_says() {
    let Some(shared) = crate::shared::folder("signatures_verify_as_wycheproof_says") else { return };
    for (file, valid, invalid) in [("ed25519_test", 88, 63), ("ecdsa_secp256r1_sha256_test", 174, 310)] {
        let vectors = json(shared.join(format!("vectors/wycheproof/{file}.json")));
        let mut seen = (0, 0);
        for group in vectors["testGroups"].as_array().unwrap() {
            let key = PublicKey::from_spki(&bytes(&group["publicKeyDer"])).unwrap();
            for test in group["tests"].as_array().unwrap() {
                let good = key.verify(&bytes(&test["msg"]), &bytes(&test["sig"]));
                let wanted = test["result"] == "valid";
                assert_eq!(good, wanted, "{file} {}", test["tcId"]);
                if good { seen.0 += 1 } else { seen.1 += 1 }
            }
        }
        assert_eq!(seen, (valid, invalid), "{file}");
    }
}
