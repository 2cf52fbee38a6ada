//! A manifest that is taken is valid, and is the same when it is written and read again.
#![no_main]
use entra_bundle::bundle::Manifest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    assert_eq!(manifest.root().as_ref(), Some(&manifest.hash.root));
    let again = Manifest::parse(&serde_json::to_vec(&manifest).unwrap());
    assert!(again.is_ok_and(|again| again == manifest));
});
