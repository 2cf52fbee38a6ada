//! A sender whom the reader trusts, with hostile content: signatures and digests are all right, one
//! entry is anything. Verification answers, and what verified can be read to its end.
#![no_main]
use entra_bundle::bundle::{Check, verify_medium};
use std::sync::{Arc, LazyLock};

#[path = "../forge.rs"]
mod forge;

static GOOD: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| forge::entries(forge::SEEDS[0]));

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let mut entries = GOOD.clone();
    let at = usize::from(input.0) % (entries.len() + 1);
    if let Some((_, bytes)) = entries.get_mut(at) {
        *bytes = input.1.to_vec();
    }
    let Some(archive) = forge::seal(entries) else { return };
    let outcome = verify_medium(Arc::new(archive), &Check::new(forge::trust())).unwrap();
    assert_eq!(outcome.code() == 0, outcome.verified.is_some());
    assert!(
        at < GOOD.len() || outcome.code() == 0,
        "the forge makes no valid bundle: {:?}",
        outcome.findings
    );
    let Some(verified) = outcome.verified else { return };
    for (place, entry) in verified.parts() {
        let records: Result<Vec<_>, _> = verified.records(&place.path()).unwrap().collect();
        assert!(entry.rows.is_none_or(|rows| rows == records.unwrap().len() as u64));
    }
});
