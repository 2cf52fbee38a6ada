//! A text or XML record of any words is refused or rewritten, the same each time, as text, without
//! the name that was learned.
#![no_main]
use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::kind::Kind;
use entra_bundle::privacy::visit::visit;
use entra_bundle::privacy::{Dictionary, IncidentKey, Learner, Policy, Pseudonymizer, Redactor, Rules};
use entra_bundle::record::{Form, Raw};
use std::sync::LazyLock;

const STREAMS: [(&str, Form); 3] =
    [("aadc_wizard_trace", Form::Text), ("dsregcmd_status", Form::Text), ("aadc_csexport", Form::Xml)];
const NAME: &str = "zyxgreta.quvschmidt@contoso.com";
static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::resolve(&Policy::builtin("balanced").unwrap(), Catalogue::builtin()).unwrap());
static NAMES: LazyLock<Pseudonymizer> =
    LazyLock::new(|| Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).unwrap());
static LEARNED: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut learner = Learner::new();
    learner.learn(Kind::Upn, NAME, "users");
    learner.freeze()
});

libfuzzer_sys::fuzz_target!(|input: (u8, &str)| {
    let (dataset, form) = STREAMS[usize::from(input.0) % STREAMS.len()];
    let stream = Stream::new(Source::OnPrem, dataset);
    visit(Catalogue::builtin(), &stream, &Raw::new(input.1.into(), form), &mut |_, _| {});
    let rewrite = || {
        let mut redactor = Redactor::new(&RULES, &NAMES, &LEARNED, &stream).unwrap();
        redactor.apply(Raw::new(input.1.into(), form)).map(|record| record.bytes().to_vec())
    };
    let (Ok(once), Ok(twice)) = (rewrite(), rewrite()) else { return };
    assert_eq!(once, twice);
    let text = String::from_utf8(once).expect("text stays text");
    assert!(form != Form::Text || text.ends_with('\n'), "a text record has no line end");
    assert!(!text.contains(NAME), "a learned name stays");
});
