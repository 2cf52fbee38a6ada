//! Envelopes and the claims inside: whatever the bytes, an answer.
#![no_main]
use entra_bundle::bundle::attestation::{claim, open};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = claim(bytes);
    if let Ok(opened) = open(bytes) {
        let _ = claim(&opened.payload);
    }
});
