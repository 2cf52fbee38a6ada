//! The leak check over any bytes: an answer, places inside the entry, and a secret is always found.
#![no_main]
use entra_bundle::kind::{Kind, KindSet};
use entra_bundle::privacy::leak::LeakCheck;
use entra_bundle::privacy::{Dictionary, Learner};
use std::sync::LazyLock;

const SECRET: &[u8] = b"\x01zq~K7 no text holds these bytes \xff";
static LEARNED: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut learner = Learner::new();
    learner.learn(Kind::Upn, "greta.schmidt@contoso.com", "users");
    learner.learn(Kind::PersonName, "Søren O'Brien", "users");
    learner.learn(Kind::ObjectId, "f7cc07d7-7c15-447d-876d-c01b0e5a9e38", "users");
    learner.freeze()
});
static CHECK: LazyLock<LeakCheck<'static>> = LazyLock::new(|| {
    let mut treated = KindSet::EMPTY;
    Kind::all().for_each(|kind| treated.insert(kind));
    LeakCheck::new(&LEARNED, treated, vec![SECRET.to_vec().into()])
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let leaks = CHECK.check("data/x.txt", &mut &*bytes).unwrap();
    assert!(leaks.iter().all(|leak| leak.offset <= bytes.len() as u64));
    let with = [bytes, SECRET].concat();
    let leaks = CHECK.check("data/x.txt", &mut &*with).unwrap();
    assert!(leaks.len() >= 1000 || leaks.iter().any(|leak| leak.what == "key"), "a secret is not found");
});
