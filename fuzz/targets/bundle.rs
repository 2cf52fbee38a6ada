//! An archive of any bytes: an answer, never "verified" unless it is ours, and bounded work.
#![no_main]
use entra_bundle::bundle::{Check, Trust, verify_medium};
use std::sync::Arc;

#[path = "../forge.rs"]
mod forge;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for (trust, inspect_untrusted) in [(Trust::none(), true), (forge::trust(), false)] {
        let check = Check { inspect_untrusted, ..Check::new(trust) };
        let outcome = verify_medium(Arc::new(bytes.to_vec()), &check).unwrap();
        assert_eq!(outcome.code() == 0, outcome.verified.is_some());
        assert_eq!(outcome.code() == 0, outcome.findings.is_empty());
        assert!(outcome.code() != 0 || forge::SEEDS.contains(&bytes), "a changed bundle verifies");
    }
});
