//! A time that is read is the same when it is written and read again.
#![no_main]
use entra_bundle::catalogue::time;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(read) = time::parse(text) {
        assert_eq!(time::parse(&time::format(read)), Some(read));
    }
});
