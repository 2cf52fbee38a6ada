//! Pseudonyms of any text: an answer, twice the same, and of the right form.
#![no_main]
use entra_bundle::privacy::{IncidentKey, Leaf, Letter, Parts, Pseudonymizer, canon, is_token};
use std::sync::LazyLock;

static NAMES: LazyLock<Pseudonymizer> =
    LazyLock::new(|| Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).unwrap());

fn all(text: &str) -> [Option<String>; 15] {
    let names = &*NAMES;
    let dn = |leaf| names.dn(text, leaf, Parts::ALL);
    [
        Some(names.upn(text, Parts::ALL)),
        Some(names.netbios(text, Parts::ALL)),
        Some(names.proxy_address(text, Parts::ALL)),
        Some(names.account(text)),
        Some(names.domain(text)),
        Some(names.host(text)),
        names.guid_text(text),
        names.anchor(text),
        names.sid(text),
        names.address(text),
        names.network(text),
        names.mac(text),
        names.thumbprint(text),
        dn(Leaf::Person),
        dn(Leaf::Host),
    ]
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_eq!(all(text), all(text));
    assert!(is_token(&NAMES.token(Letter::U, text)));
    assert_eq!(canon(&canon(text)), canon(text), "the canonical form is its own");
});
