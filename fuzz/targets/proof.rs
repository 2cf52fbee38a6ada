//! A proof of any bytes: an answer, and "proven" only where it is the seed's claim about the seed's file.
#![no_main]
use entra_bundle::bundle::proof::check;
use std::sync::LazyLock;

#[path = "../forge.rs"]
mod forge;

/// The entry that the first seed proves.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut entries = forge::entries(forge::SEEDS[0]).into_iter();
    entries.find(|(name, _)| name == "SHA256SUMS").map(|(_, bytes)| bytes).expect("every bundle has it")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let checked = check(bytes, &mut &FILE[..], &forge::trust()).expect("memory reads");
    assert_eq!(checked.proven.is_some(), checked.findings.is_empty());
    assert!(checked.proven.is_none_or(|proven| proven.path == "SHA256SUMS" && proven.size == FILE.len() as u64));
});
