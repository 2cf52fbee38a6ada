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

/// A name that looks like one of our pseudonyms is an original like any other: an attacker who chose it
/// neither passes through nor becomes somebody else.
#[test]
fn what_looks_like_a_pseudonym_is_replaced_and_counted() {
    let bench = Bench::new();
    let values = [
        ("/userDisplayName", "n-43gfkslfdaupb"),
        ("/userPrincipalName", "u-uunltp2igwuex@d-4t3ff5tundavp.example"),
        ("/userId", "fade0367-97df-873d-b280-ffadf2fb26d0"),
        ("/ipAddress", "2001:db8:4::e2c4:cbb4"),
        ("/deviceDetail/displayName", "h-4pu5zkc2uypuo"),
    ];
    let record = serde_json::json!({
        "userDisplayName": values[0].1, "userPrincipalName": values[1].1, "userId": values[2].1,
        "ipAddress": values[3].1, "deviceDetail": {"displayName": values[4].1},
        "status": {"additionalDetails": format!("denied for {} from {}", values[1].1, values[3].1)}});
    let record = record.to_string();
    let dictionary = bench.learned(record.as_bytes());
    let mut redactor = Redactor::new(&bench.rules, &bench.names, &dictionary, &bench.stream).unwrap();
    let out = redactor.apply(Raw::new(record.into_bytes(), Form::Json)).unwrap();
    let text = String::from_utf8(out.bytes().to_vec()).unwrap();
    let out: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (path, value) in values {
        let written = out.pointer(path).unwrap().as_str().unwrap();
        assert!(written != value && !text.contains(value), "{path}: {written}");
    }
    let counted = redactor.into_tally().lints["token-lookalike"];
    assert!(counted >= values.len() as u64, "{counted}");
}

/// A whole run over three texts of 15 MiB has less than 400 MB of address space.
#[cfg(target_os = "linux")]
#[test]
fn long_texts_do_not_grow_the_memory_of_a_run() {
    let machine = crate::program::Machine::new();
    let filler = "nothing here to see ".repeat(15 * 1024 * 1024 / 20);
    let record = |n: u8| {
        serde_json::json!({"id": format!("8a1b7c33-0000-4000-8000-00000000000{n}"),
            "createdDateTime": "2026-11-20T10:00:00Z", "userPrincipalName": "greta.schmidt@contoso.com",
            "status": {"errorCode": 1, "additionalDetails": format!("{filler} by greta.schmidt@contoso.com")}})
    };
    let value = [record(1), record(2), record(3)];
    let context = "https://graph.microsoft.com/v1.0/$metadata#auditLogs/signIns";
    machine.file("in/s.json", serde_json::json!({"@odata.context": context, "value": value}).to_string());
    let run = r#"ulimit -v 400000 && exec "$0" collect --input in --out out"#;
    let ran = std::process::Command::new("sh")
        .args(["-c", run, env!("CARGO_BIN_EXE_entra-bundle")])
        .current_dir(machine.path("."))
        .env("ENTRA_BUNDLE_STATE", machine.path("state"))
        .env("ENTRA_BUNDLE_CONFIG", machine.path("config"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn members_that_contradict_each_other_explain_nothing() {
    let bench = Bench::new();
    let stream = Stream::new(Source::Graph, "directory_audits");
    let record = br#"{"targetResources":[{"modifiedProperties":[
        {"displayName":"AccountEnabled","newValue":"[\"greta@contoso.com\"]","displayName":"UserPrincipalName"}]}]}"#;
    let dictionary = Learner::new().freeze();
    let mut redactor = Redactor::new(&bench.rules, &bench.names, &dictionary, &stream).unwrap();
    let out = redactor.apply(Raw::new(record.to_vec(), Form::Json)).unwrap();
    let text = String::from_utf8(out.bytes().to_vec()).unwrap();
    assert!(!text.contains("greta") && !text.contains("newValue"), "{text}");
}

/// The binary data of an event is hex of whatever a service wrote, often UTF-16 text: no engine opens
/// hex, so it does not leave.
#[test]
fn binary_data_of_an_event_does_not_leave() {
    let bench = Bench::new();
    let stream = Stream::new(Source::OnPrem, "windows_events");
    let hex: String =
        "greta.schmidt".encode_utf16().flat_map(u16::to_le_bytes).map(|b| format!("{b:02X}")).collect();
    let record = format!(
        r#"{{"EventID":7023,"EventSourceName":"User32","EventData":{{"param1":"%%1","Binary":"{hex}"}}}}"#
    );
    let dictionary = Learner::new().freeze();
    let mut redactor = Redactor::new(&bench.rules, &bench.names, &dictionary, &stream).unwrap();
    let out = redactor.apply(Raw::new(record.into_bytes(), Form::Json)).unwrap();
    let text = String::from_utf8(out.bytes().to_vec()).unwrap();
    assert_eq!(text, r#"{"EventID":7023,"EventSourceName":"User32","EventData":{"param1":"%%1"}}"#);
}

/// A network that has no mapped form gets a token, and the report says how many there are.
#[test]
fn networks_without_a_form_are_counted() {
    let bench = Bench::new();
    let stream = Stream::new(Source::Graph, "named_locations");
    let record = r##"{"ipRanges":[{"@odata.type":"#microsoft.graph.iPv4CidrRange","cidrAddress":"8.0.0.0/5"},
        {"@odata.type":"#microsoft.graph.iPv4CidrRange","cidrAddress":"203.0.113.0/24"}]}"##;
    let dictionary = Learner::new().freeze();
    let mut redactor = Redactor::new(&bench.rules, &bench.names, &dictionary, &stream).unwrap();
    let out = redactor.apply(Raw::new(record.as_bytes().to_vec(), Form::Json)).unwrap();
    assert!(!String::from_utf8_lossy(out.bytes()).contains("8.0.0.0"));
    assert_eq!(redactor.into_tally().lints.get("not-representable"), Some(&1));
}
