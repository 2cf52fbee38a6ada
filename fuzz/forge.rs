//! Makes bundles with every digest and the signature right, whatever the entries hold.
//!
//! The key is no secret: it signs the seeds, and nobody trusts it outside the fuzz targets.
#![allow(dead_code)]

use entra_bundle::bundle::attestation::{Collection, sign_collection};
use entra_bundle::bundle::{Check, Manifest, Trust, verify_medium};
use entra_bundle::crypto::{self, PublicKey, SigningKey};
use std::sync::{Arc, LazyLock};

/// Bundles that verify: with parts of every layout, and without parts.
pub const SEEDS: [&[u8]; 2] =
    [include_bytes!("seeds/bundle/parts.zip"), include_bytes!("seeds/bundle/smallest.zip")];

/// The checksums of the first seed: they are made to fit, unless somebody changed them.
static SUMS: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    entries(SEEDS[0]).into_iter().find(|(name, _)| name == "SHA256SUMS").map(|(_, bytes)| bytes)
});

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END PRIVATE KEY-----\n";

fn key() -> SigningKey {
    SigningKey::from_pem(KEY).unwrap()
}

/// The reader who trusts that key.
pub fn trust() -> Trust {
    Trust::from_public_key(PublicKey::from_pem(&key().public_pem()).unwrap())
}

/// The entries of a bundle that verifies, in their order, without the signature.
pub fn entries(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
    let outcome = verify_medium(Arc::new(bundle.to_vec()), &Check::new(trust())).unwrap();
    let verified = outcome.verified.expect("the seed is a bundle of this version");
    let names: Vec<String> = verified.entries().map(str::to_owned).collect();
    let all = names.into_iter().map(|name| (name.clone(), verified.read(&name).unwrap()));
    all.filter(|(name, _)| name != "attestations.intoto.jsonl").collect()
}

/// Makes digests, sums, root and signature fit the entries. `None` if the manifest is not one.
pub fn seal(mut entries: Vec<(String, Vec<u8>)>) -> Option<Vec<u8>> {
    let (_, bytes) = entries.pop()?;
    let (checksums, sums) = entries.pop()?;
    let mut manifest: Manifest = serde_json::from_slice(&bytes).ok()?;
    let digest = |bytes: &[u8]| crypto::hex(&crypto::sha256(bytes));
    let unchanged = SUMS.as_deref() == Some(&sums[..]);
    let mut listed: Vec<_> = entries.iter().map(|(name, bytes)| (digest(bytes), name.clone())).collect();
    listed.sort_by(|one, two| one.1.cmp(&two.1));
    let fitting: String = listed.iter().map(|(digest, name)| format!("{digest}  {name}\n")).collect();
    let sums = if unchanged { fitting.into_bytes() } else { sums };
    entries.push((checksums, sums));
    for entry in &mut manifest.entries {
        let Some((_, bytes)) = entries.iter().find(|(name, _)| *name == entry.path) else { continue };
        (entry.size, entry.sha256) = (bytes.len() as u64, digest(bytes));
        let lines = entry.path.ends_with(".jsonl") || entry.part.is_none();
        if lines && entry.rows.is_some() {
            entry.rows = Some(bytes.iter().filter(|byte| **byte == b'\n').count() as u64);
        }
    }
    let policy = entries.iter().find(|(name, _)| name == "meta/policy.json")?;
    manifest.policy.sha256 = digest(&policy.1);
    manifest.totals.entries = manifest.entries.len() as u64;
    manifest.totals.raw_bytes = manifest.entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    let rows = manifest.entries.iter().map(|entry| entry.rows.unwrap_or_default());
    manifest.totals.rows = rows.fold(0, u64::saturating_add);
    manifest.hash.root = manifest.root()?;
    let before = local(&entries);
    (manifest.hash.archive.size, manifest.hash.archive.sha256) = (before.len() as u64, digest(&before));
    let bytes = serde_json::to_vec(&manifest).ok()?;
    let claim = Collection::of(&manifest, "2026-11-20T11:05:00Z");
    let signed = sign_collection(&bytes, &claim, &key()).ok()?;
    entries.push(("manifest.json".to_owned(), bytes));
    entries.push(("attestations.intoto.jsonl".to_owned(), [signed.line.bytes(), b"\n"].concat()));
    Some(archive(&entries))
}

/// Local headers and data, all stored, as the profile demands them.
fn local(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let record = |(name, bytes): &(String, Vec<u8>)| {
        [b"PK\x03\x04", &fixed(name, bytes)[..], name.as_bytes(), bytes].concat()
    };
    entries.iter().flat_map(record).collect()
}

/// Version, flags, method, time, date, CRC, sizes, length of the name, no extra field.
fn fixed(name: &str, bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u32).to_le_bytes();
    let crc = crc32fast::hash(bytes).to_le_bytes();
    let name = (name.len() as u16).to_le_bytes();
    [&b"\x0a\0\0\0\0\0\0\0\x21\0"[..], &crc, &length, &length, &name, b"\0\0"].concat()
}

fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = local(entries);
    let (start, mut at) = (out.len() as u32, 0u32);
    for (name, bytes) in entries {
        let tail = [&b"\0\0\0\0\0\0\0\0\xa4\x81"[..], &at.to_le_bytes(), name.as_bytes()].concat();
        out.extend([&b"PK\x01\x02\x0a\x03"[..], &fixed(name, bytes), &tail].concat());
        at += (30 + name.len() + bytes.len()) as u32;
    }
    let count = (entries.len() as u16).to_le_bytes();
    let length = (out.len() as u32 - start).to_le_bytes();
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &length, &start.to_le_bytes(), b"\0\0"].concat());
    out
}
