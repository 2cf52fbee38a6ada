//! A policy that is taken is the same when it is written and read again, can be resolved, and never
//! lets a secret through.
#![no_main]
use entra_bundle::catalogue::Catalogue;
use entra_bundle::kind::Kind;
use entra_bundle::privacy::{Policy, Rules};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(policy) = Policy::parse(text, "policy.json") else { return };
    let again = Policy::parse(&policy.to_json(), "policy.json");
    assert!(again.is_ok_and(|again| again.to_json() == policy.to_json()));
    let Ok(rules) = Rules::resolve(&policy, Catalogue::builtin()) else { return };
    assert_eq!(rules.treatment(Kind::Secret).id(), "drop");
    assert!(rules.treated().contains(Kind::Secret));
});
