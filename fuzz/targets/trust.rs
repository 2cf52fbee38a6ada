//! A trust file that is taken is the same when it is written and read again, and agrees with itself.
#![no_main]
use entra_bundle::bundle::Trust;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(mut trust) = Trust::parse(text) else { return };
    let written = trust.to_text().unwrap();
    let again = Trust::parse(&written).expect("what was written is readable");
    trust.merge(again).expect("a trust file agrees with itself");
    assert_eq!(trust.to_text().unwrap(), written);
    for (key, _) in trust.keys() {
        let _ = key.objection(Some("2026-11-20T11:05:00Z"));
    }
});
