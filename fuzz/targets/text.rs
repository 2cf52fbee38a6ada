//! Free text: valid UTF-8 comes out, no learned name does, and the work stays in proportion.
#![no_main]
use entra_bundle::kind::Kind;
use entra_bundle::privacy::render::{Render, Rendered};
use entra_bundle::privacy::{Dictionary, Learner, TextEngine};
use std::sync::LazyLock;

const NAME: &str = "zyxgreta.quvschmidt@contoso.com";
static LEARNED: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut learner = Learner::new();
    learner.learn(Kind::Upn, NAME, "users");
    for (kind, value) in [
        (Kind::PersonName, "Greta Schmidt"),
        (Kind::PersonName, "Søren O'Brien"),
        (Kind::Account, "CONTOSO\\svc-sync01"),
        (Kind::Host, "LAPTOP-7Q2K"),
        (Kind::Domain, "contoso.com"),
    ] {
        learner.learn(kind, value, "users");
    }
    learner.freeze()
});

/// Writes a letter for every value, keeps and drops some, as a policy would.
struct Toy(u64);
impl Render for Toy {
    fn render(&mut self, kind: Kind, _: &str, out: &mut Vec<u8>) -> Rendered {
        self.0 += 1;
        match kind {
            Kind::TraceId => return Rendered::Kept,
            Kind::Phone => return Rendered::Dropped,
            _ => out.push(b'q'),
        }
        Rendered::Replaced
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let scan = |text: &str| {
        let (mut out, mut toy) = (Vec::new(), Toy(0));
        TextEngine::new(&LEARNED).scan(text, &mut toy, &mut out);
        assert!(toy.0 <= 4 * text.len() as u64 + 4, "more values than the text has bytes");
        String::from_utf8(out).expect("text stays text")
    };
    scan(text);
    assert!(!scan(&format!("{text} {NAME} {text}")).contains(NAME), "a learned name stays");
});
