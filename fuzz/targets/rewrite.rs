//! A record of any bytes is refused or rewritten, the same each time; the learn pass reads it too.
//! What was JSON is one line of JSON afterwards, without the name that was learned.
#![no_main]
use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::kind::Kind;
use entra_bundle::privacy::visit::visit;
use entra_bundle::privacy::{Dictionary, IncidentKey, Learner, Policy, Pseudonymizer, Redactor, Rules};
use entra_bundle::record::{Form, Raw};
use std::sync::LazyLock;

const STREAMS: [(Source, &str); 4] = [
    (Source::Graph, "signins_interactive_user"),
    (Source::Graph, "directory_audits"),
    (Source::Graph, "users"),
    (Source::Diagnostic, "signins_non_interactive_user"),
];
const NAME: &str = "zyxgreta.quvschmidt@contoso.com";
static RULES: LazyLock<Vec<Rules>> = LazyLock::new(|| {
    let rules = |id: &str| Rules::resolve(&Policy::builtin(id).unwrap(), Catalogue::builtin()).unwrap();
    Policy::presets().map(rules).collect()
});
static NAMES: LazyLock<Pseudonymizer> =
    LazyLock::new(|| Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).unwrap());
static LEARNED: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut learner = Learner::new();
    learner.learn(Kind::Upn, NAME, "users");
    learner.freeze()
});

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (source, dataset) = STREAMS[usize::from(input.0) % STREAMS.len()];
    let rules = &RULES[usize::from(input.0 / 4) % RULES.len()];
    let stream = Stream::new(source, dataset);
    visit(Catalogue::builtin(), &stream, &Raw::new(input.1.to_vec(), Form::Json), &mut |_, _| {});
    let rewrite = || {
        let mut redactor = Redactor::new(rules, &NAMES, &LEARNED, &stream).unwrap();
        redactor.apply(Raw::new(input.1.to_vec(), Form::Json)).map(|record| record.bytes().to_vec())
    };
    let (Ok(once), Ok(twice)) = (rewrite(), rewrite()) else { return };
    assert_eq!(once, twice);
    // Sources give valid JSON; of other input no more is demanded than an end without panic.
    if serde_json::from_slice::<serde::de::IgnoredAny>(input.1).is_err() {
        return;
    }
    assert!(!once.contains(&b'\n'), "a record has a line feed");
    assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&once).is_ok(), "the record is no JSON any more");
    assert!(!once.windows(NAME.len()).any(|found| found == NAME.as_bytes()), "a learned name stays");
});
