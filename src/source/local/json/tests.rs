//! Tests of the JSON splitter: framing, damage, limits, bounded reads.

use super::*;
use proptest::prelude::*;
use std::io::Read;

/// Gives its bytes in small pieces, so that every boundary falls everywhere.
struct Pieces<'b>(&'b [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(self.0.len()).min(buffer.len());
        buffer[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

fn read(bytes: &[u8], piece: usize, max: usize) -> (Vec<String>, Vec<(Reason, Option<u64>)>) {
    let whole = super::super::sniff::decoded(bytes, true);
    let lines = whole == super::super::sniff::Form::Lines;
    let mut reader = Json::new(Window::new(Box::new(Pieces(bytes, piece))), max, lines);
    let (mut records, mut faults) = (Vec::new(), Vec::new());
    while let Some(step) = reader.next() {
        match step {
            Step::Record(stream, raw) => records.push(format!(
                "{}/{} {}",
                stream.source.id(),
                stream.dataset,
                String::from_utf8_lossy(raw.bytes())
            )),
            Step::Fault(fault) => faults.push((fault.reason, fault.offset)),
            Step::Passed => {}
        }
    }
    (records, faults)
}

fn user(id: usize) -> String {
    format!(r#"{{"id":"{id}","userPrincipalName":"u{id}@contoso.com"}}"#)
}

fn users(ids: std::ops::Range<usize>) -> Vec<String> {
    ids.map(|id| format!("graph/users {}", user(id))).collect()
}

/// Every framing gives the same records, whatever the size of the reads.
#[test]
fn framings_give_the_same_records() {
    let all: Vec<String> = (0..5).map(user).collect();
    for text in [
        format!("[{}]", all.join(",")),
        format!("[\r\n {} ]\n", all.join(" ,\r\n")),
        all.join("\n"),
        all.join("\r\n\r\n") + "\r\n",
        format!("{{\"value\":[{}]}}", all.join(",")),
        format!("{{\"@odata.context\":\"x#y\",\"value\":[{}],\"@odata.nextLink\":\"z\"}}", all.join(",")),
        format!("{{\"Records\" : [{}] }}", all.join(",")),
        format!("[{}]\n[{}]", all[..2].join(","), all[2..].join(",")),
        all.join("\n").replace("\",\"", "\",\n\""),
        format!("{{\"records\":[{}]}}\n{{\"records\":[{}]}}\n", all[..2].join(","), all[2..].join(",")),
    ] {
        for piece in [1, 7, 1000] {
            let (records, faults) = read(text.as_bytes(), piece, 1000);
            let packed: Vec<String> = records.iter().map(|r| r.replace('\n', "")).collect();
            assert_eq!(packed, users(0..5), "{text}");
            assert_eq!(faults, [], "{text}");
        }
    }
}

#[test]
fn damage_keeps_the_other_records() {
    let (a, b) = (user(0), user(1));
    for (text, records, faults) in [
        (format!("[{a},{b},]"), 2, vec![Reason::Damaged]),
        (format!("[{a},,{b}]"), 2, vec![Reason::Damaged]),
        (format!("[{a} {b}]"), 2, vec![Reason::Damaged]),
        (format!("[{a},{}", &b[..20]), 1, vec![Reason::Damaged]),
        (format!("[{a},{b}"), 2, vec![Reason::Damaged]),
        (format!("[{a},{{\"id\":1,}},{b}]"), 2, vec![Reason::Damaged]),
        (format!("[{a},…,{b}]"), 2, vec![Reason::Damaged]),
        (format!("{a}\n{{\"id\":\n{b}\n"), 2, vec![Reason::Damaged]),
        (format!("{a}\n{}", &b[..20]), 1, vec![Reason::Damaged]),
        (format!("{{\"value\":[{a},{b}]"), 2, vec![Reason::Damaged]),
        (format!("{{\"value\":[{a},{b}],}}"), 2, vec![Reason::Damaged]),
        (format!("[{a},17,\"x\",[{b}],{b}]"), 2, vec![Reason::UnrecognisedRecords; 3]),
        ("{\"a\":1}".into(), 0, vec![Reason::UnrecognisedRecords]),
        (format!("[{a}] trailing words"), 1, vec![Reason::Damaged]),
    ] {
        for piece in [1, 1000] {
            let (found, places) = read(text.as_bytes(), piece, 1000);
            assert_eq!(found.len(), records, "{text}");
            assert_eq!(places.iter().map(|p| p.0).collect::<Vec<_>>(), faults, "{text}");
        }
    }
}

#[test]
fn invalid_utf8_is_replaced_and_counted() {
    let text = [b"[{\"userPrincipalName\":\"a\xFFb\",\"id\":\"1\"},", user(2).as_bytes(), b"]"].concat();
    let (records, faults) = read(&text, 5, 1000);
    assert_eq!(records[0], "graph/users {\"userPrincipalName\":\"a\u{FFFD}b\",\"id\":\"1\"}");
    assert_eq!((records.len(), faults), (2, vec![(Reason::Damaged, Some(1))]));
}

#[test]
fn large_records_are_passed_over_and_deep_ones_refused() {
    let large = format!(r#"{{"userPrincipalName":"{}","id":"1"}}"#, "x\\\"".repeat(400_000));
    let deep = format!(
        r#"{{"id":"1","userPrincipalName":"x","deep":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for text in [
        format!("[{},{large},{}]", user(0), user(1)),
        format!("{}\n{large}\n{}\n", user(0), user(1)),
        format!("{{\"value\":[{},{large},{}]}}", user(0), user(1)),
    ] {
        let (records, faults) = read(text.as_bytes(), 50_000, 100_000);
        assert_eq!(records, users(0..2));
        assert_eq!(faults.iter().map(|f| f.0).collect::<Vec<_>>(), [Reason::RecordTooLarge]);
        assert!(faults[0].1.is_some_and(|offset| offset < 100));
    }
    for text in [format!("[{},{deep},{}]", user(0), user(1)), format!("{}\n{deep}\n{}", user(0), user(1))] {
        let (records, faults) = read(text.as_bytes(), 50_000, 100_000);
        assert_eq!(records, users(0..2));
        assert_eq!(faults.iter().map(|f| f.0).collect::<Vec<_>>(), [Reason::NestedTooDeep]);
    }
    let only = "[".repeat(10_000);
    assert_eq!(read(only.as_bytes(), 1000, 100_000).1.first().unwrap().0, Reason::Damaged);
}

#[test]
fn a_context_decides_where_members_do_not() {
    let text = r#"{"@odata.context":"https://x/v1.0/$metadata#directoryRoles","value":[{"id":"1"}]}"#;
    assert_eq!(read(text.as_bytes(), 1000, 1000).0, [r#"graph/directory_roles {"id":"1"}"#]);
}

#[test]
fn sections_of_a_composite_are_datasets() {
    let text = r#"{"baseline":"1","other":[1],"empty":[],
        "conditional_access_policies":[{"Id":"1"},{"Id":"2"}],
        "domain_settings":{"Id":"contoso.com"}, "license_information":[], "count": 5,}"#;
    let (records, faults) = read(text.as_bytes(), 3, 1000);
    assert_eq!(
        records,
        [
            r#"powershell/conditional_access_policies {"Id":"1"}"#,
            r#"powershell/conditional_access_policies {"Id":"2"}"#,
            r#"powershell/domains {"Id":"contoso.com"}"#,
        ]
    );
    assert_eq!(
        faults.iter().map(|f| f.0).collect::<Vec<_>>(),
        [Reason::UnrecognisedRecords, Reason::Damaged]
    );
}

#[test]
fn rows_of_a_log_analytics_answer_become_objects() {
    let text = r#"{"tables":[{"name":"PrimaryResult","columns":[{"name":"TimeGenerated","type":"datetime"},
        {"name":"Type","type":"string"},{"name":"Status","type":"dynamic"}],
        "rows":[["t","SigninLogs","{\"a\":1}"],["u","AuditLogs",null],["short"]]},
        {"name":"AADRiskyUsers","columns":[{"name":"TimeGenerated"}],"rows":[["t"]]}]}"#;
    let (records, faults) = read(text.as_bytes(), 11, 1000);
    assert_eq!(
        records,
        [
            r#"loganalytics/signins_interactive_user {"TimeGenerated":"t","Type":"SigninLogs","Status":"{\"a\":1}"}"#,
            r#"loganalytics/directory_audits {"TimeGenerated":"u","Type":"AuditLogs","Status":null}"#,
            r#"loganalytics/risky_users {"TimeGenerated":"t"}"#,
        ]
    );
    assert_eq!(faults.iter().map(|f| f.0).collect::<Vec<_>>(), [Reason::Damaged]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any bytes end, without panic, and cost no more faults than bytes.
    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(
        prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b','), Just(b':'),
            Just(b'\\'), Just(b'\n'), Just(b'1'), any::<u8>()], 0..300), piece in 1usize..50) {
        let mut start = b"{\"value\":[".to_vec();
        start.extend_from_slice(&bytes);
        for text in [&bytes, &start] {
            let (records, faults) = read(text, piece, 64);
            prop_assert!(records.len() + faults.len() <= text.len() + 2);
        }
    }

    /// The records of a generated array are its elements.
    #[test]
    fn generated_elements_come_out(names in proptest::collection::vec("[\\\\\"{}\\[\\]a,: \u{e9}]{0,12}", 0..12),
        piece in 1usize..30) {
        let all: Vec<String> = names.iter()
            .map(|n| serde_json::json!({"userPrincipalName": n, "id": "1"}).to_string()).collect();
        let (records, faults) = read(format!("[{}]", all.join(", ")).as_bytes(), piece, 10_000);
        let expected: Vec<String> = all.iter().map(|r| format!("graph/users {r}")).collect();
        prop_assert_eq!(records, expected);
        prop_assert!(faults.is_empty());
    }
}
