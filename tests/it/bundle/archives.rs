//! The zip profile: deviations that a general reader takes, each with its name.

use super::forge::{Forge, Item, USERS, key, places, zip};
use super::{expect, trust, verify};
use entra_bundle::bundle::{Check, Limits, Rule};
use entra_bundle::crypto::Algorithm;
use std::io::Write;

/// Sets bytes in the local header and in the central record of an entry.
fn patch(bytes: &mut [u8], name: &str, local: usize, central: usize, value: &[u8]) {
    let (header, record) = places(bytes, name);
    if local > 0 {
        bytes[header + local..][..value.len()].copy_from_slice(value);
    }
    if central > 0 {
        bytes[record + central..][..value.len()].copy_from_slice(value);
    }
}

#[test]
fn headers_outside_the_profile_are_refused_by_name() {
    let key = key(Algorithm::Ed25519);
    let check = Check::new(trust(&key));
    let good = Forge::new().build(&key);
    // (what, offset in the local header, offset in the central record, value, rule)
    let cases: &[(&str, usize, usize, &[u8], Rule)] = &[
        ("data descriptor", 6, 8, &[8, 0], Rule::DataDescriptor),
        ("utf-8 flag", 6, 8, &[0, 8], Rule::Flags),
        ("flag in one header", 6, 0, &[0, 8], Rule::HeaderMismatch),
        ("method", 8, 10, &[12, 0], Rule::Method),
        ("time", 10, 12, &[1, 0], Rule::Time),
        ("date", 12, 14, &[0x22, 0], Rule::Time),
        ("crc in one header", 14, 0, &[1, 2, 3, 4], Rule::HeaderMismatch),
        ("size in one header", 22, 0, &[1, 0, 0, 0], Rule::HeaderMismatch),
        ("sizes of stored data", 22, 24, &[1, 0, 0, 0], Rule::StoredSize),
        ("version", 4, 6, &[20, 0], Rule::Version),
        ("made on DOS", 0, 5, &[0], Rule::Version),
        ("symlink", 0, 38, &[0, 0, 0xff, 0xa1], Rule::Symlink),
        ("executable", 0, 38, &[0, 0, 0xed, 0x81], Rule::Attributes),
        ("folder", 0, 38, &[0x10, 0, 0xa4, 0x81], Rule::Attributes),
        ("text flag", 0, 36, &[1, 0], Rule::Attributes),
        ("another disk", 0, 34, &[1, 0], Rule::EndRecord),
        ("offset", 0, 42, &[1, 0, 0, 0], Rule::Gap),
        ("name in one header", 31, 0, b"z", Rule::HeaderMismatch),
        ("absolute name", 30, 46, b"/", Rule::Name),
        ("parent folder", 34, 50, b"/../", Rule::Name),
        ("backslash", 34, 50, b"\\", Rule::Name),
        ("NUL", 34, 50, b"\0", Rule::Name),
        ("upper case", 34, 50, b"D", Rule::Name),
        ("stream", 40, 56, b":", Rule::Name),
        ("local signature", 1, 0, b"X", Rule::LocalHeader),
    ];
    for (what, local, central, value, rule) in cases {
        let mut bytes = good.clone();
        patch(&mut bytes, USERS, *local, *central, value);
        expect(what, bytes, &check, 10, *rule);
    }
    let mut bytes = good.clone();
    patch(&mut bytes, "README.txt", 6, 8, &[1, 0]);
    expect("zip password", bytes, &check, 16, Rule::Encrypted);
    expect("age", b"age-encryption.org/v1\n-> X25519 x\n".repeat(20), &check, 17, Rule::Decryption);
    expect("nothing", Vec::new(), &check, 10, Rule::NotAZip);
    expect("text", b"hello ".repeat(100), &check, 10, Rule::NotAZip);
}

#[test]
fn bytes_beside_the_entries_are_refused() {
    let key = key(Algorithm::Ed25519);
    let check = Check::new(trust(&key));
    let good = Forge::new().build(&key);
    expect("prefix", [b"#!/bin/sh\n", &good[..]].concat(), &check, 10, Rule::Directory);
    expect("suffix", [&good[..], b"x"].concat(), &check, 10, Rule::TrailingBytes);
    let mut comment = good.clone();
    let length = comment.len();
    comment[length - 2] = 3;
    comment.extend(b"abc");
    expect("comment", comment, &check, 10, Rule::TrailingBytes);

    // Bytes before the directory that no entry owns, with offsets that know of them.
    let end = good.len() - 22;
    let directory = u32::from_le_bytes(good[end + 16..end + 20].try_into().unwrap()) as usize;
    let mut gap = [&good[..directory], b"hidden", &good[directory..]].concat();
    let at = gap.len() - 6;
    gap[at..at + 4].copy_from_slice(&(directory as u32 + 6).to_le_bytes());
    expect("gap", gap, &check, 10, Rule::Gap);

    for (what, offset, value) in [("count", 10, 1u16), ("count on disk", 8, 1), ("disk", 4, 1)] {
        let mut bytes = good.clone();
        let at = end + offset;
        bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
        expect(what, bytes, &check, 10, Rule::EndRecord);
    }
    // A count that both fields agree on, but the directory does not hold.
    for count in [1u16, 4, 200] {
        let mut bytes = good.clone();
        bytes[end + 8..end + 10].copy_from_slice(&count.to_le_bytes());
        bytes[end + 10..end + 12].copy_from_slice(&count.to_le_bytes());
        expect("wrong count", bytes, &check, 10, Rule::Directory);
    }
    // A ZIP64 end record that is not needed.
    let size = u32::from_le_bytes(good[end + 12..end + 16].try_into().unwrap());
    let count = u16::from_le_bytes(good[end + 10..end + 12].try_into().unwrap());
    let mut wide = good[..end].to_vec();
    wide.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x0a\0\x0a\0\0\0\0\0\0\0\0\0");
    for value in [u64::from(count), u64::from(count), u64::from(size), directory as u64] {
        wide.extend(value.to_le_bytes());
    }
    wide.extend(b"PK\x06\x07\0\0\0\0");
    wide.extend((end as u64).to_le_bytes());
    wide.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
    wide.extend(count.to_le_bytes());
    wide.extend(count.to_le_bytes());
    wide.extend(u32::MAX.to_le_bytes());
    wide.extend((directory as u32).to_le_bytes());
    wide.extend([0, 0]);
    expect("needless ZIP64", wide, &check, 10, Rule::EndRecord);
}

#[test]
fn an_overlap_bomb_is_refused_before_it_is_inflated() {
    // Every record of the directory points at the same data.
    let key = key(Algorithm::Ed25519);
    let items = Forge::new().items(&key);
    let mut bytes = zip(&items);
    for item in &items[2..5] {
        let (target, _) = places(&bytes, USERS);
        let (_, record) = places(&bytes, &item.name);
        bytes[record + 42..record + 46].copy_from_slice(&(target as u32).to_le_bytes());
    }
    expect("overlap", bytes, &Check::new(trust(&key)), 10, Rule::Gap);
}

/// Swaps the stored README for a deflated one that declares `size`.
fn with_deflated_readme(items: &[Item], packed: &[u8], crc: u32, size: u32) -> Vec<u8> {
    let mut items = items.to_vec();
    items[0].data = packed.to_vec();
    let mut bytes = zip(&items);
    patch(&mut bytes, "README.txt", 4, 6, &[20, 0]);
    patch(&mut bytes, "README.txt", 0, 4, &[20, 3]);
    patch(&mut bytes, "README.txt", 8, 10, &[8, 0]);
    patch(&mut bytes, "README.txt", 14, 16, &crc.to_le_bytes());
    patch(&mut bytes, "README.txt", 22, 24, &size.to_le_bytes());
    bytes
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(9));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bombs_and_lies_about_sizes_end_in_a_limit_or_a_size() {
    let key = key(Algorithm::Ed25519);
    let check = Check::new(trust(&key));
    let items = Forge::new().items(&key);
    let zeros = vec![0; 8 << 20];
    let packed = deflate(&zeros);
    let crc = crc32fast::hash(&zeros);
    let bytes = |size| with_deflated_readme(&items, &packed, crc, size);
    expect("entry limit", bytes(300 << 20), &check, 15, Rule::Limit);
    expect("ratio", bytes(100 << 20), &check, 15, Rule::Limit);
    // The size is the manifest's, and the stream gives more.
    let honest = items[0].data.len() as u32;
    expect("more than declared", bytes(honest), &check, 11, Rule::Size);
    expect("not the manifest's size", bytes(8 << 20), &check, 11, Rule::Size);
    let few = Check { limits: Limits { entries: 5, ..Limits::default() }, ..check.clone() };
    expect("entries", zip(&items), &few, 15, Rule::Limit);
    let total = Check { limits: Limits { total_bytes: 100, ..Limits::default() }, ..check.clone() };
    expect("total", zip(&items), &total, 15, Rule::Limit);
    let manifest = Check { limits: Limits { manifest_bytes: 100, ..Limits::default() }, ..check.clone() };
    expect("manifest", zip(&items), &manifest, 15, Rule::Limit);
    let small = Check { limits: Limits { attestation_bytes: 100, ..Limits::default() }, ..check };
    expect("attestations", zip(&items), &small, 15, Rule::Limit);
}

#[test]
fn the_compressed_form_is_signed_too() {
    // The same content in another deflate stream: every digest of content is right.
    let key = key(Algorithm::Ed25519);
    let items = Forge::new().items(&key);
    let readme = items[0].data.clone();
    let bytes =
        with_deflated_readme(&items, &deflate(&readme), crc32fast::hash(&readme), readme.len() as u32);
    let outcome = verify(bytes, &Check::new(trust(&key)));
    let rules: Vec<Rule> = outcome.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!((outcome.code(), rules), (11, vec![Rule::ArchiveDigest]));
}

#[test]
fn all_findings_of_the_failing_step_are_reported() {
    let key = key(Algorithm::Ed25519);
    let mut bytes = Forge::new().build(&key);
    patch(&mut bytes, USERS, 10, 12, &[1, 0]);
    patch(&mut bytes, "meta/policy.json", 6, 8, &[8, 0]);
    patch(&mut bytes, "SHA256SUMS", 0, 38, &[0, 0, 0xff, 0xa1]);
    let outcome = verify(bytes, &Check::new(trust(&key)));
    let found: Vec<_> = outcome.findings.iter().map(|f| (f.rule, f.entry.as_deref().unwrap())).collect();
    assert_eq!(
        found,
        [(Rule::Time, USERS), (Rule::DataDescriptor, "meta/policy.json"), (Rule::Symlink, "SHA256SUMS")]
    );
}
