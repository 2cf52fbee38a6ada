//! Input that no well-meaning program writes: it is treated or refused, bounded, and nothing is lost silently.

use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::privacy::{
    Dictionary, IncidentKey, Learner, Policy, Pseudonymizer, Redactor, Rules, Visitor,
};
use entra_bundle::record::{Form, Raw};

struct Bench {
    names: Pseudonymizer,
    rules: Rules,
    stream: Stream,
}

impl Bench {
    fn new() -> Bench {
        let policy = Policy::builtin("balanced").unwrap();
        Bench {
            names: Pseudonymizer::new(&IncidentKey::from_bytes([9; 32])).unwrap(),
            rules: Rules::resolve(&policy, Catalogue::builtin()).map_err(|e| e.to_string()).unwrap(),
            stream: Stream::new(Source::Graph, "signins_interactive_user"),
        }
    }

    fn learned(&self, record: &[u8]) -> Dictionary {
        let mut learner = Learner::new();
        let mut visitor = Visitor::new(Catalogue::builtin(), &self.stream).unwrap();
        visitor.visit(&Raw::new(record.to_vec(), Form::Json), &mut |kind, value| {
            learner.learn(kind, value, &self.stream.dataset)
        });
        learner.freeze()
    }

    /// The rewritten record, or `None` if it was refused, and how many values lay too deep.
    fn apply(&self, record: &[u8]) -> (Option<String>, u64) {
        let dictionary = self.learned(record);
        let mut redactor = Redactor::new(&self.rules, &self.names, &dictionary, &self.stream).unwrap();
        let out = redactor.apply(Raw::new(record.to_vec(), Form::Json)).ok();
        let out = out.map(|out| String::from_utf8(out.bytes().to_vec()).unwrap());
        (out, redactor.into_tally().too_deep)
    }
}

#[test]
fn what_is_no_unicode_is_refused_and_unpaired_surrogates_hide_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.apply(b"{\"userDisplayName\":\"Gr\xff\xfe\"}").0, None);
    for escape in ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\udbff\\u0041"] {
        let record = format!(
            r#"{{"userDisplayName":"Greta Schmidt","status":{{"additionalDetails":"{escape} by Greta Schmidt {escape}"}}}}"#
        );
        if let (Some(out), _) = bench.apply(record.as_bytes()) {
            assert!(!out.contains("Greta") && !out.contains("Schmidt"), "{out}");
            serde_json::from_str::<serde_json::Value>(&out).unwrap();
        }
    }
}

#[test]
fn members_that_stand_twice_are_both_treated() {
    let out = Bench::new()
        .apply(br#"{"userPrincipalName":"a@contoso.com","userPrincipalName":"b@contoso.com","USERPRINCIPALNAME":"c@contoso.com"}"#)
        .0
        .unwrap();
    assert!(!out.contains("contoso"), "{out}");
    assert_eq!(out.matches("u-").count(), 3, "{out}");
}

#[test]
fn numbers_beyond_two_to_the_53_keep_every_digit() {
    let out = Bench::new()
        .apply(br#"{"status":{"errorCode":9007199254740993123},"userPrincipalName":"a@contoso.com"}"#)
        .0
        .unwrap();
    assert!(out.contains("9007199254740993123"), "{out}");
}

#[test]
fn deep_nesting_is_dropped_and_counted_or_refused() {
    let bench = Bench::new();
    for depth in [100, 10_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let record = format!(r#"{{"userDisplayName":{deep},"userPrincipalName":"a@contoso.com"}}"#);
        let (out, too_deep) = bench.apply(record.as_bytes());
        if let Some(out) = out {
            assert!(!out.contains("contoso"), "{out}");
            assert!(depth < 1_000 || too_deep > 0 || out.len() < 1_000, "{depth}: {} bytes", out.len());
        }
        let nested = (0..6).fold("greta.schmidt@contoso.com".to_owned(), |inner, _| {
            serde_json::Value::from(inner).to_string()
        });
        let record = format!(r#"{{"status":{{"additionalDetails":{nested}}}}}"#);
        let (out, _) = bench.apply(record.as_bytes());
        assert!(!out.unwrap_or_default().contains("greta.schmidt"), "{record}");
    }
}

#[test]
fn a_string_of_fifteen_mebibytes_is_treated_to_its_end() {
    let bench = Bench::new();
    let filler = "nothing here to see ".repeat(15 * 1024 * 1024 / 20);
    let record = format!(
        r#"{{"userDisplayName":"Greta Schmidt","status":{{"additionalDetails":"{filler} by Greta Schmidt"}}}}"#
    );
    let out = bench.apply(record.as_bytes()).0.unwrap();
    assert!(!out[out.len() - 200..].contains("Greta"), "the end of a long text stays");
    assert!(out.len() > 15_000_000);
}
