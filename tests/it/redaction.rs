//! Redaction end to end: presets on records, exceptions, wrong policies, hostile input, real data.

use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::error::Kind as Failure;
use entra_bundle::kind::Kind;
use entra_bundle::privacy::learn::Learner;
use entra_bundle::privacy::{
    Dictionary, IncidentKey, Policy, Pseudonymizer, RedactionReport, Redactor, Rules, Tally, Visitor,
};
use entra_bundle::record::{Form, Raw};
use proptest::prelude::*;

const SIGNINS: &str = "signins_interactive_user";

fn names() -> Pseudonymizer {
    let key: [u8; 32] = std::array::from_fn(|index| index as u8);
    Pseudonymizer::new(&IncidentKey::from_bytes(key)).unwrap()
}

fn learned(streams: &[(&Stream, Form, &[&str])]) -> Dictionary {
    let mut learner = Learner::new();
    for (stream, form, records) in streams {
        let mut visitor = Visitor::new(Catalogue::builtin(), stream).unwrap();
        for record in *records {
            visitor.visit(&Raw::new(record.as_bytes().to_vec(), *form), &mut |kind, value| {
                learner.learn(kind, value, &stream.dataset)
            });
        }
    }
    learner.freeze()
}

fn policy(text: &str) -> Policy {
    Policy::parse(text, "p.json").map_err(|e| e.to_string()).unwrap()
}

fn with(body: &str) -> String {
    format!(
        r#"{{ "schema": "entra-bundle/policy/1", "id": "x", "version": 1, "extends": ["builtin:balanced@1"],
  "recipient": {{ "text": "support" }},
  {body} }}"#
    )
}

fn redact(policy: &Policy, stream: &Stream, form: Form, records: &[&str]) -> (Vec<String>, Tally) {
    let rules = Rules::resolve_on(policy, Catalogue::builtin(), Some("2026-11-20"))
        .map_err(|e| e.to_string())
        .unwrap();
    let (names, dictionary) = (names(), learned(&[(stream, form, records)]));
    let mut redactor = Redactor::new(&rules, &names, &dictionary, stream).unwrap();
    let out = records
        .iter()
        .map(|record| {
            let raw = Raw::new(record.as_bytes().to_vec(), form);
            let out = redactor.apply(raw).map_err(|e| e.to_string()).unwrap();
            String::from_utf8(out.bytes().to_vec()).unwrap()
        })
        .collect();
    (out, redactor.into_tally())
}

fn json(policy: &Policy, dataset: &str, record: &str) -> String {
    let out = redact(policy, &Stream::new(Source::Graph, dataset), Form::Json, &[record]).0.remove(0);
    serde_json::from_str::<serde_json::Value>(&out).unwrap();
    assert!(!out.contains('\n'));
    out
}

fn preset(name: &str) -> Policy {
    Policy::builtin(name).unwrap()
}

const WORKED: &str = r#"{"id":"9b0c0d52-5e0b-4bb2-8b7c-0f6f5a3c1d00","createdDateTime":"2026-03-01T10:00:00Z","userDisplayName":"Greta Schmidt","userPrincipalName":"Greta.Schmidt@contoso.com",
 "userId":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","appId":"00000003-0000-0000-c000-000000000000","ipAddress":"203.0.113.7",
 "correlationId":"8a1b7c33-0d1e-4f2a-9b3c-4d5e6f708192","status":{"errorCode":50126,"additionalDetails":"MFA denied by Greta Schmidt on LAPTOP-7Q2K"},
 "location":{"city":"Bonn","state":"NRW","countryOrRegion":"DE","geoCoordinates":{"latitude":50.73,"longitude":7.09}},"newInternalField":"x"}"#;
const DEVICE: &str = r#"{"deviceDetail":{"displayName":"LAPTOP-7Q2K"}}"#;

#[test]
fn the_worked_example_comes_out_as_documented() {
    let stream = Stream::new(Source::Graph, SIGNINS);
    let (out, tally) = redact(&preset("balanced"), &stream, Form::Json, &[WORKED, DEVICE]);
    assert_eq!(
        out[0],
        concat!(
            r#"{"id":"9b0c0d52-5e0b-4bb2-8b7c-0f6f5a3c1d00","createdDateTime":"2026-03-01T10:00:00Z","userDisplayName":"n-43gfkslfdaupb","#,
            r#""userPrincipalName":"u-uunltp2igwuex@d-4t3ff5tundavp.example","userId":"fade0367-97df-873d-b280-ffadf2fb26d0","#,
            r#""appId":"00000003-0000-0000-c000-000000000000","ipAddress":"2001:db8:4::e2c4:cbb4","#,
            r#""correlationId":"8a1b7c33-0d1e-4f2a-9b3c-4d5e6f708192","status":{"errorCode":50126,"additionalDetails":"MFA denied by n-43gfkslfdaupb on h-4pu5zkc2uypuo"},"#,
            r#""location":{"state":"NRW","countryOrRegion":"DE"}}"#
        )
    );
    let report = RedactionReport::of(&tally).unwrap();
    let dropped: Vec<(String, u64)> =
        report.dropped.iter().map(|(path, count)| (path.to_string(), *count)).collect();
    assert_eq!(
        dropped,
        [
            (format!("{SIGNINS}:/location/city"), 1),
            (format!("{SIGNINS}:/location/geoCoordinates"), 1),
            (format!("{SIGNINS}:/x-z2ao7yxtvawtg"), 1),
        ]
    );
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("newInternalField") && !text.contains("Bonn"));
}

#[test]
fn presets_differ_where_they_say_so() {
    let minimal = json(&preset("minimal"), SIGNINS, WORKED);
    assert!(minimal.contains("f7cc07d7-7c15-447d-876d-c01b0e5a9e38") && minimal.contains("@contoso.com"));
    assert!(minimal.contains(r#""city":"Bonn""#) && minimal.contains(r#""latitude":50.7"#), "{minimal}");
    let strict = json(&preset("strict"), SIGNINS, WORKED);
    assert!(
        !strict.contains("userDisplayName") && strict.contains(r#""additionalDetails":"[redacted:text]""#),
        "{strict}"
    );
    assert!(strict.contains(r#""location":{"countryOrRegion":"DE"}"#), "{strict}");
    assert!(strict.contains(r#""ipAddress":"2001:db8:4::e2c4:cb00/120""#), "{strict}");
    for out in [minimal, strict] {
        assert!(!out.contains("Greta") && !out.contains("203.0.113.7"), "{out}");
        assert!(out.contains("00000003-0000-0000-c000-000000000000") && out.contains("50126"), "{out}");
    }
}

#[test]
fn users_and_audits_lose_what_identifies() {
    let user = r#"{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","displayName":"Greta Schmidt","givenName":"Greta","surname":"Schmidt",
        "userPrincipalName":"greta.schmidt@contoso.com","mail":"greta.schmidt@contoso.com","mobilePhone":"+49 170 5550100",
        "proxyAddresses":["SMTP:greta.schmidt@contoso.com","smtp:gs@contoso.onmicrosoft.com"],"department":"Finance",
        "onPremisesSecurityIdentifier":"S-1-5-21-1004336348-1177238915-682003330-1104","onPremisesImmutableId":"1wfM9xV8fUSHbcAbDlqeOA==",
        "accountEnabled":true,"createdDateTime":"2024-03-05T07:08:09Z","passwordProfile":{"password":"hunter2hunter2"}}"#;
    let audit = r#"{"id":"Directory_1_2_3","activityDisplayName":"Update user","result":"success","resultReason":"for greta.schmidt@contoso.com",
        "initiatedBy":{"user":{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"greta.schmidt@contoso.com","ipAddress":"203.0.113.7"},"app":null},
        "targetResources":[{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","displayName":null,"type":"User","userPrincipalName":"greta.schmidt@contoso.com",
        "modifiedProperties":[{"newValue":"[\"greta.schmidt@contoso.com\"]","displayName":"UserPrincipalName","oldValue":"[]"},
        {"displayName":"Zzz Unknown","oldValue":null,"newValue":"\"greta.schmidt@contoso.com\""}]}]}"#;
    for name in ["minimal", "balanced", "strict"] {
        for (dataset, record) in [("users", user), ("directory_audits", audit)] {
            let out = json(&preset(name), dataset, record);
            for original in ["greta", "Greta", "Schmidt", "170 555", "203.0.113", "hunter2", "gs@"] {
                assert!(!out.contains(original), "{name} {dataset} {original}: {out}");
            }
        }
    }
    let balanced = json(&preset("balanced"), "users", user);
    for part in [
        "S-1-5-21-4208918010-2498114254-690280716-1035817302",
        "ZwPe+t+XPYeygP+t8vsm0A==",
        r#""SMTP:u-"#,
        r#""smtp:u-"#,
    ] {
        assert!(balanced.contains(part), "{part}: {balanced}");
    }
    assert!(
        balanced.contains(r#""accountEnabled":true"#) && balanced.contains("2024-03-05T00:00:00Z"),
        "{balanced}"
    );
    let out = json(&preset("balanced"), "directory_audits", audit);
    assert!(
        out.contains(r#""newValue":"[\"u-"#) && out.contains(r#""activityDisplayName":"Update user""#),
        "{out}"
    );
}

/// Every selector form changes exactly the fields that it names.
#[test]
fn exceptions_alter_exactly_the_selected_fields() {
    let stream = Stream::new(Source::Graph, SIGNINS);
    let record = r#"{"userPrincipalName":"a@contoso.com","userDisplayName":"Ada Lovelace","appDisplayName":"Payroll",
        "appliedConditionalAccessPolicies":[{"displayName":"One","id":"x1","result":"success"},{"displayName":"Two","result":"failure"}],
        "deviceDetail":{"displayName":"PC-0001234","operatingSystem":"Windows 10"},"mystery":{"deep":"a@contoso.com","other":1}}"#;
    let plain: serde_json::Value =
        serde_json::from_str(&redact(&preset("balanced"), &stream, Form::Json, &[record]).0[0]).unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("/userPrincipalName", &["/userPrincipalName"]),
        ("column:User Principal Name", &["/userPrincipalName"]),
        ("/{userDisplayName,appDisplayName}", &["/userDisplayName", "/appDisplayName"]),
        (
            "/appliedConditionalAccessPolicies/*/displayName",
            &[
                "/appliedConditionalAccessPolicies/0/displayName",
                "/appliedConditionalAccessPolicies/1/displayName",
            ],
        ),
        // Arrays are transparent: their elements have the place of the array.
        (
            "/*/displayName",
            &[
                "/deviceDetail/displayName",
                "/appliedConditionalAccessPolicies/0/displayName",
                "/appliedConditionalAccessPolicies/1/displayName",
            ],
        ),
        ("/deviceDetail/*", &["/deviceDetail/displayName", "/deviceDetail/operatingSystem"]),
        (
            "/**/displayName",
            &[
                "/deviceDetail/displayName",
                "/appliedConditionalAccessPolicies/0/displayName",
                "/appliedConditionalAccessPolicies/1/displayName",
            ],
        ),
        ("/deviceDetail", &["/deviceDetail"]),
    ];
    for (selector, gone) in cases {
        let text = with(&format!(
            r#""exceptions": [ {{ "id": "e", "dataset": "{SIGNINS}", "select": "{selector}", "do": "drop", "reason": "test" }} ]"#
        ));
        let out = redact(&policy(&text), &stream, Form::Json, &[record]).0.remove(0);
        let out: serde_json::Value = serde_json::from_str(&out).unwrap();
        let mut expected = plain.clone();
        for path in *gone {
            let (parent, name) = path.rsplit_once('/').unwrap();
            expected.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).expect(path);
        }
        assert_eq!(out, expected, "{selector}");
    }
    // A label adds a field that the catalogue does not know.
    let text = with(
        r#""exceptions": [ { "id": "e", "dataset": "*", "select": "/mystery/deep", "kind": "upn", "reason": "a new field" } ]"#,
    );
    let out = redact(&policy(&text), &stream, Form::Json, &[record]).0.remove(0);
    let mut expected = plain.clone();
    expected["mystery"] = serde_json::json!({"deep": plain["userPrincipalName"]});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), expected);
}

#[test]
fn what_loosens_needs_a_ticket_and_ends() {
    let looser = |extra: &str| {
        with(&format!(r#""kinds": {{ "upn": {{ "do": "keep", "reason": "needed"{extra} }} }}"#))
    };
    let error = Policy::parse(&looser(""), "p.json").err().unwrap().to_string();
    assert!(error.contains("line 3, column") && error.contains("`ticket` and `until`"), "{error}");
    let policy = policy(&looser(r#", "ticket": "P-1", "until": "2026-12-31""#));
    let rules = |today| Rules::resolve_on(&policy, Catalogue::builtin(), today).unwrap();
    assert!(!rules(Some("2026-12-31")).treated().contains(Kind::Upn));
    assert!(rules(Some("2027-01-01")).treated().contains(Kind::Upn));
    assert!(Rules::resolve(&policy, Catalogue::builtin()).unwrap().treated().contains(Kind::Upn));
    // The same for an exception: refused without, ignored after.
    let exception = |extra: &str| {
        with(&format!(
            r#""exceptions": [ {{ "id": "city", "dataset": "{SIGNINS}", "select": "/location/city", "do": "keep", "grammar": "pattern:word", "reason": "travel"{extra} }} ]"#
        ))
    };
    let bare = Policy::parse(&exception(""), "p.json").unwrap();
    let error = Rules::resolve(&bare, Catalogue::builtin()).err().unwrap();
    assert!(error.kind() == Failure::Usage && error.to_string().contains("looser than its rule"), "{error}");
    let dated = Policy::parse(&exception(r#", "ticket": "P-1", "until": "2026-12-31""#), "p.json").unwrap();
    assert!(json(&dated, SIGNINS, WORKED).contains(r#""city":"Bonn""#));
    let late = Rules::resolve_on(&dated, Catalogue::builtin(), Some("2027-01-01")).unwrap();
    let (names, dictionary) = (names(), Learner::new().freeze());
    let mut redactor =
        Redactor::new(&late, &names, &dictionary, &Stream::new(Source::Graph, SIGNINS)).unwrap();
    let out = redactor.apply(Raw::new(WORKED.as_bytes().to_vec(), Form::Json)).unwrap();
    assert!(!String::from_utf8_lossy(out.bytes()).contains("Bonn"));
}

#[test]
fn no_policy_keeps_a_secret() {
    let record = r#"{"passwordProfile":{"password":"hunter2hunter2"},"displayName":"x"}"#;
    for body in [
        r#""exceptions": [ { "id": "e", "dataset": "*", "select": "/**/password", "do": "keep", "grammar": "pattern:word", "reason": "r", "ticket": "t", "until": "2030-01-01" } ]"#,
        r#""exceptions": [ { "id": "e", "dataset": "*", "select": "/passwordProfile/password", "kind": "fact", "grammar": "pattern:word", "reason": "r", "ticket": "t", "until": "2030-01-01" } ]"#,
    ] {
        let policy = policy(&with(body));
        match Rules::resolve_on(&policy, Catalogue::builtin(), Some("2026-01-01")) {
            Err(error) => assert_eq!(error.kind(), Failure::Usage),
            Ok(_) => assert!(!json(&policy, "users", record).contains("hunter2")),
        }
    }
    let locked = with(
        r#""kinds": { "secret": { "do": "redact", "reason": "r", "ticket": "t", "until": "2030-01-01" } }"#,
    );
    assert!(Policy::parse(&locked, "p.json").err().unwrap().to_string().contains("locked"));
}

#[test]
fn wrong_policies_name_line_column_and_what_is_allowed() {
    let cases: &[(String, &[&str])] = &[
        ("{".into(), &["line 1"]),
        (with(r#""kinds": { "upnn": { "do": "drop", "reason": "r" } }"#), &["line 3", "upnn", "person_name"]),
        (
            with(r#""kinds": { "upn": { "do": "hide", "reason": "r" } }"#),
            &["line 3", "`keep`", "`pseudonymize`"],
        ),
        (with(r#""kinds": { "upn": { "do": "drop" } }"#), &["line 3", "reason"]),
        (with(r#""kinds": { "upn": { "do": "drop", "reason": " " } }"#), &["line 3", "reason is empty"]),
        (
            with(r#""kinds": { "upn": { "do": "random", "reason": "r" } }"#),
            &["line 3, column 14", "nothing is joined by"],
        ),
        (
            with(r#""kinds": { "place": { "do": "generalize", "level": "parsed", "reason": "r" } }"#),
            &["city, state or country"],
        ),
        (
            with(r#""kinds": { "upn": { "do": "drop", "unit": "day", "reason": "r" } }"#),
            &["`unit` does not belong to `drop`"],
        ),
        (with(r#""kindz": {}"#), &["line 3", "kindz", "exceptions"]),
        (
            with(
                r#""exceptions": [ { "id": "e", "dataset": "*", "select": "a/b", "do": "drop", "reason": "r" } ]"#,
            ),
            &["line 3", "JSON pointer"],
        ),
        (
            with(r#""exceptions": [ { "id": "e", "dataset": "*", "select": "/a", "reason": "r" } ]"#),
            &["either `do`"],
        ),
        (
            with(
                r#""exceptions": [ { "id": "e", "dataset": "*", "select": "/a", "do": "keep", "grammar": "any", "reason": "r" } ]"#,
            ),
            &["unknown grammar", "pattern:<name>"],
        ),
        (with(r#""keep": { "accounts": ["svc@contoso.com"] }"#), &["line 3", "literal keep-lists"]),
        (with(r#""risk": { "k_min": 5, "mode": "warn" }"#), &["line 3", "re-identification"]),
        (
            with("").replace("balanced@1", "balanced@9").replace(",\n   }", "}"),
            &["unknown preset", "builtin:strict@1"],
        ),
        (
            with("").replace(r#""extends": ["builtin:balanced@1"],"#, "").replace(",\n   }", "}"),
            &["no rule for", "extend a preset"],
        ),
    ];
    for (text, parts) in cases {
        let error = Policy::parse(text, "p.json").err().unwrap_or_else(|| panic!("accepted: {text}"));
        assert_eq!(error.kind(), Failure::Usage);
        for part in *parts {
            assert!(error.to_string().contains(part), "`{part}` is not in: {error}");
        }
    }
    let unknown = policy(&with(
        r#""exceptions": [ { "id": "e", "dataset": "nope", "select": "/a", "do": "drop", "reason": "r" } ]"#,
    ));
    assert!(
        Rules::resolve(&unknown, Catalogue::builtin()).err().unwrap().to_string().contains("unknown dataset")
    );
}

/// Each kind under each preset: a value of the kind never leaves where the preset hides it.
#[test]
fn every_kind_under_every_preset_does_what_its_rule_says() {
    let types = format!(
        r##"{{"t":{{"fields":{{{}}}}}}}"##,
        Kind::all().map(|kind| format!(r#""{kind}":"{kind}""#)).collect::<Vec<_>>().join(",")
    );
    let datasets = r#"[{"id":"d","title":"D","group":"logs","record":"t"}]"#;
    let catalogue: &'static Catalogue = Box::leak(Box::new(Catalogue::parse(datasets, &types).unwrap()));
    let (names, dictionary) = (names(), Learner::new().freeze());
    let stream = Stream::new(Source::Graph, "d");
    for name in ["minimal", "balanced", "strict"] {
        let rules = Rules::resolve(&preset(name), catalogue).unwrap();
        let mut redactor = Redactor::new(&rules, &names, &dictionary, &stream).unwrap();
        for kind in Kind::all() {
            let value = "Zyx Wvutsrq 4711";
            let record = format!(r#"{{"{kind}":"{value}"}}"#);
            let out = redactor.apply(Raw::new(record.into_bytes(), Form::Json)).unwrap();
            let out = String::from_utf8(out.bytes().to_vec()).unwrap();
            match rules.treatment(kind).id() {
                "drop" => assert_eq!(out, "{}", "{name} {kind}"),
                "redact" => assert_eq!(out, format!(r#"{{"{kind}":"[redacted:{kind}]"}}"#)),
                "pseudonymize" | "hash" => {
                    assert!(
                        !out.contains("4711") && out.contains(&format!(r#""{kind}":""#)),
                        "{name} {kind} {out}"
                    )
                }
                "generalize" if name == "minimal" && kind == Kind::Place => {}
                "generalize" => assert!(!out.contains("4711"), "{name} {kind} {out}"),
                _ => assert!(name != "strict" || out == "{}", "{name} {kind} {out}"),
            }
            assert_eq!(rules.treated().contains(kind), {
                let id = rules.treatment(kind).id();
                matches!(id, "drop" | "redact" | "pseudonymize" | "hash")
                    || id == "parse" && kind == Kind::Certificate
                    || id == "generalize"
                        && matches!(kind, Kind::IpAddress | Kind::RiskIp | Kind::Network | Kind::Dn)
            });
        }
    }
}

#[test]
fn broken_values_are_replaced_by_shape_or_by_token() {
    let record = r#"{"userPrincipalName":["f7cc07d7-7c15-447d-876d-c01b0e5a9e38","ServicePrincipal_f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
        "NT AUTHORITY\\SYSTEM (w3wp)","Not Available",null,"","None","[]"],"ipAddress":["192.0.2.700","Greta","192.0.2.7:50123","f7cc07d7-7c15-447d-876d-c01b0e5a9e38"]}"#;
    let out = json(&preset("balanced"), SIGNINS, record);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    // A list of references is written in the order of its output.
    let upn = value["userPrincipalName"].as_array().unwrap();
    for same in [
        "fade0367-97df-873d-b280-ffadf2fb26d0",
        "ServicePrincipal_fade0367-97df-873d-b280-ffadf2fb26d0",
        "",
        "None",
        "[]",
    ] {
        assert!(upn.contains(&same.into()), "{same}");
    }
    assert!(upn.contains(&serde_json::Value::Null) && upn.len() == 8);
    let is =
        |start: &'static str| move |v: &&serde_json::Value| v.as_str().is_some_and(|v| v.starts_with(start));
    assert!(upn.iter().find(is("d-")).unwrap().as_str().unwrap().contains("\\u-"), "{out}");
    assert!(upn.iter().any(|v| is("u-")(&v)));
    let ip = value["ipAddress"].as_array().unwrap();
    assert!(ip[0].as_str().unwrap().starts_with("i-") && ip[1].as_str().unwrap().starts_with("i-"), "{out}");
    assert_eq!(ip[2], "[2001:db8:4::ea97:4966]:50123");
    assert!(ip[3].as_str().unwrap().starts_with("fade"));
}

#[test]
fn a_learned_entity_is_replaced_wherever_it_stands() {
    let record = r#"{"userId":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","correlationId":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","originalRequestId":"F7CC07D7-7C15-447D-876D-C01B0E5A9E38"}"#;
    let out = json(&preset("balanced"), SIGNINS, record);
    assert_eq!(out.to_lowercase().matches("fade0367-97df-873d-b280-ffadf2fb26d0").count(), 3, "{out}");
    let minimal = json(&preset("minimal"), SIGNINS, record);
    assert!(!minimal.contains("fade"), "{minimal}");
}

#[test]
fn text_lines_are_treated_by_their_keys() {
    let text = "+---+\r\n| Device State |\r\n             AzureAdJoined : YES\r\n               Device Name : LAPTOP-7Q2K.contoso.com\r\n   greta@contoso.com was here\r\n\r\n\r\n";
    let stream = Stream::new(Source::OnPrem, "dsregcmd_status");
    let out = redact(&preset("balanced"), &stream, Form::Text, &[text]).0.remove(0);
    assert!(
        out.contains("             AzureAdJoined : YES\n               Device Name : h-4pu5zkc2uypuo."),
        "{out}"
    );
    assert!(!out.contains("contoso") && !out.contains('\r') && out.ends_with("was here\n"), "{out}");
    let strict = redact(&preset("strict"), &stream, Form::Text, &[text]).0.remove(0);
    assert!(
        strict.contains("AzureAdJoined : YES")
            && strict.contains("[redacted:text]")
            && !strict.contains("here"),
        "{strict}"
    );
}

#[test]
fn xml_keeps_structure_and_loses_secrets() {
    let stream = Stream::new(Source::OnPrem, "aadc_csexport");
    let xml = r#"<!DOCTYPE x [<!ENTITY e "greta">]><cs-object cs-dn="CN=Greta Schmidt,OU=Sales,DC=contoso,DC=com" id="{F7CC07D7-7C15-447D-876D-C01B0E5A9E38}"><!-- greta --><?pi greta?><anchor>1wfM9xV8fUSHbcAbDlqeOA==</anchor><password>hunter2<b/></password><attr name="mail"><value>greta@contoso.com &amp; more</value></attr></cs-object>"#;
    for name in ["minimal", "balanced", "strict"] {
        let out = redact(&preset(name), &stream, Form::Xml, &[xml]).0.remove(0);
        for original in ["Greta", "greta", "hunter2", "DOCTYPE", "password"] {
            assert!(!out.contains(original), "{name} {original}: {out}");
        }
        assert!(out.starts_with("<cs-object") && out.ends_with("</cs-object>"), "{out}");
        well_formed(&out);
    }
    let open = "<?xml version=\"1.0\"?>\n<cs-objects xmlns:x=\"http://www.w3.org/2001/XMLSchema\" greta=\"greta@contoso.com\">";
    let out = redact(&preset("balanced"), &stream, Form::Xml, &[open, "</cs-objects>"]).0;
    assert!(out[0].ends_with('>') && !out[0].contains("greta"), "{}", out[0]);
    well_formed(&out.concat());
}

#[test]
fn an_xml_selector_names_one_attribute() {
    let stream = Stream::new(Source::OnPrem, "aadc_csexport");
    let xml = r#"<cs-object owner="CN=Greta Schmidt,DC=contoso,DC=com" other="CN=Greta Schmidt,DC=contoso,DC=com"><attr owner="x"/></cs-object>"#;
    let text = with(
        r#""exceptions": [ { "id": "e", "dataset": "aadc_csexport", "select": "xml://cs-object/@owner", "kind": "dn", "reason": "a new attribute" } ]"#,
    );
    let out = redact(&policy(&text), &stream, Form::Xml, &[xml]).0.remove(0);
    assert_eq!(
        out,
        r#"<cs-object owner="CN=n-43gfkslfdaupb,DC=d-4t3ff5tundavp,DC=example"><attr/></cs-object>"#
    );
}

#[test]
fn an_exception_parses_by_a_sibling_and_a_table() {
    let text = with(
        r#""exceptions": [ { "id": "e", "dataset": "directory_audits", "select": "/mine/value", "do": "parse", "as": "json",
            "by": "../key", "table": "builtin:additionalDetail", "reason": "pairs of our own", "ticket": "t", "until": "2027-01-01" } ]"#,
    );
    let record = r#"{"mine":{"value":"[\"greta@contoso.com\"]","key":"UPN"}}"#;
    let out = json(&policy(&text), "directory_audits", record);
    assert!(out.starts_with(r#"{"mine":{"value":"[\"u-"#) && !out.contains("greta"), "{out}");
}

fn well_formed(xml: &str) {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut depth = 0i32;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => depth += 1,
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
}

#[test]
fn hostile_records_stay_within_bounds() {
    let deep = format!(r#"{{"status":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    assert!(json(&preset("balanced"), SIGNINS, &deep).len() < 400);
    let nested = {
        let mut text = r#"{"userPrincipalName":"greta@contoso.com"}"#.to_owned();
        for _ in 0..6 {
            text = format!(r#"{{"initiatedBy":{}}}"#, serde_json::to_string(&text).unwrap());
        }
        text
    };
    assert!(!json(&preset("balanced"), "directory_audits", &nested).contains("greta"));
    let keys: String = (0..20_000).map(|n| format!(r#""greta{n}@contoso.com":{n},"#)).collect();
    let wide = format!(r#"{{{keys}"id":null}}"#);
    let stream = Stream::new(Source::Graph, SIGNINS);
    let (out, tally) = redact(&preset("balanced"), &stream, Form::Json, &[&wide]);
    assert_eq!(out[0], r#"{"id":null}"#);
    assert_eq!(tally.dropped(), 20_000);
    assert!(tally.places.len() < 400);
    let long = format!(r#"{{"userDisplayName":"{}"}}"#, "é\\n\\u0000".repeat(500_000));
    assert!(json(&preset("balanced"), SIGNINS, &long).len() < 100);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        Just("greta@contoso.com".into()),
        Just("[\"x\", {\"a\":\"b\\n\"}]".into()),
        Just("f7cc07d7-7c15-447d-876d-c01b0e5a9e38".into()),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let name = prop_oneof![
            Just("userPrincipalName".to_owned()),
            Just("status".to_owned()),
            Just("targetResources".to_owned()),
            Just("modifiedProperties".to_owned()),
            Just("displayName".to_owned()),
            Just("newValue".to_owned()),
            Just("additionalDetails".to_owned()),
            Just("location".to_owned()),
            any::<String>(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::Array),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn valid_json_gives_valid_json_on_one_line(value in any_json(), pretty in any::<bool>(), strict in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        for dataset in ["directory_audits", SIGNINS] {
            let out = json(&preset(if strict { "strict" } else { "balanced" }), dataset, &text);
            prop_assert!(!out.contains("greta@contoso"));
        }
    }

    #[test]
    fn hostile_xml_and_text_never_panic(text in "[<>/a-c=\"'& ;!?\\[\\]\\-x#0-9\n:]{0,80}") {
        let rules = Rules::resolve(&preset("balanced"), Catalogue::builtin()).unwrap();
        let (names, dictionary) = (names(), Learner::new().freeze());
        for (dataset, form) in [("aadc_csexport", Form::Xml), ("dsregcmd_status", Form::Text)] {
            let mut redactor = Redactor::new(&rules, &names, &dictionary, &Stream::new(Source::OnPrem, dataset)).unwrap();
            let _ = redactor.apply(Raw::new(text.clone().into_bytes(), form));
        }
    }
}

/// Real records through every preset: valid JSON, and no mail address of the input is left.
#[test]
fn real_records_stay_json_and_lose_their_addresses() {
    let Some(folder) = crate::shared::folder("real_records_stay_json_and_lose_their_addresses") else {
        return;
    };
    let mail =
        regex::Regex::new(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").unwrap();
    let files = [
        ("panther/microsoft_rules.jsonl", Source::O365, "o365_audit_azureactivedirectory"),
        ("graph-docs/responses-v1.0.jsonl", Source::Graph, "users"),
    ];
    let mut seen = 0;
    for (file, source, dataset) in files {
        let text = std::fs::read_to_string(folder.join("data").join(file)).unwrap();
        let lines: Vec<&str> =
            text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).collect();
        assert!(Catalogue::builtin().dataset(dataset).is_some(), "{dataset}");
        for name in ["minimal", "balanced", "strict"] {
            let (out, _) = redact(&preset(name), &Stream::new(source, dataset), Form::Json, &lines);
            for (line, out) in lines.iter().zip(out) {
                serde_json::from_str::<serde_json::Value>(&out).unwrap();
                for found in mail.find_iter(line) {
                    assert!(!out.to_lowercase().contains(&found.as_str().to_lowercase()), "{file} {name}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

/// A fresh token, a moved date, a masked number and a band: each does what it says and nothing more.
#[test]
fn the_rarer_treatments_work() {
    let policy = policy(&with(
        r#""kinds": {
            "job": { "do": "random", "reason": "nothing is joined by it" },
            "profile_time": { "do": "date-shift", "max_days": 30, "reason": "distances matter, dates do not" },
            "phone": { "do": "mask", "keep": -2, "reason": "the last digits", "ticket": "P-1", "until": "2026-12-31" } },
          "exceptions": [
            { "id": "band", "dataset": "signins_interactive_user", "select": "/processingTimeInMilliseconds",
              "do": "generalize", "edges": [100, 1000], "reason": "a timing could be recognised" } ]"#,
    ));
    let stream = Stream::new(Source::Graph, "users");
    let user = r#"{"department":"Finance","officeLocation":"Finance","createdDateTime":"2024-03-05T07:08:09Z","lastPasswordChangeDateTime":"2024-03-15T10:00:00Z","businessPhones":["+49 228 5550100"]}"#;
    let out = redact(&policy, &stream, Form::Json, &[user, user]).0;
    let read = |text: &String| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let (one, two) = (read(&out[0]), read(&out[1]));
    let token = |value: &serde_json::Value| entra_bundle::privacy::is_token(value.as_str().unwrap());
    assert!(token(&one["department"]) && token(&two["department"]), "{one}");
    assert_ne!(one["department"], two["department"]);
    assert_ne!(one["department"], one["officeLocation"]);
    assert_eq!(one["createdDateTime"], two["createdDateTime"]);
    let time = |name: &str| one[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let moved = time("createdDateTime").duration_since("2024-03-05T07:08:09Z".parse().unwrap());
    let other = time("lastPasswordChangeDateTime").duration_since("2024-03-15T10:00:00Z".parse().unwrap());
    assert!(moved == other && !moved.is_zero() && moved.as_hours().abs() <= 30 * 24, "{one}");
    assert_eq!(moved.as_secs() % 86_400, 0);
    assert_eq!(one["businessPhones"][0], "***00");
    let sign_in =
        json(&policy, SIGNINS, r#"{"processingTimeInMilliseconds":250,"status":{"errorCode":50126}}"#);
    assert_eq!(sign_in, r#"{"processingTimeInMilliseconds":"100-999","status":{"errorCode":50126}}"#);
}

/// Support reads which of Microsoft's applications were used, whatever the policy.
#[test]
fn names_of_first_party_applications_stay_under_every_preset() {
    for name in Policy::presets() {
        let preset = preset(name);
        let out = json(
            &preset,
            SIGNINS,
            r#"{"appDisplayName":"Microsoft Graph","resourceDisplayName":"Office 365 Exchange Online","appId":"00000003-0000-0000-c000-000000000000"}"#,
        );
        for part in ["Microsoft Graph", "Office 365 Exchange Online", "00000003-0000-0000-c000-000000000000"]
        {
            assert!(out.contains(part), "{name}: {part}: {out}");
        }
        let out = json(
            &preset,
            "service_principals",
            r#"{"displayName":"Microsoft Graph","appDisplayName":"Microsoft Graph","appId":"00000003-0000-0000-c000-000000000000"}"#,
        );
        assert!(out.matches("Microsoft Graph").count() == 2, "{name}: {out}");
        let out = json(
            &preset,
            "directory_audits",
            r#"{"initiatedBy":{"app":{"displayName":"Microsoft Graph"}},"targetResources":[{"type":"ServicePrincipal","displayName":"Microsoft Graph"}]}"#,
        );
        assert!(out.contains("Microsoft Graph"), "{name}: {out}");
    }
}

/// What is kept names its grammar; what cannot is a name or a text, and is scanned or dropped.
#[test]
fn every_kept_field_names_its_grammar() {
    // Names that stay are looked through for people; a credential outside its grammar is dropped.
    let scanned = [Kind::AppName, Kind::PolicyName, Kind::Country, Kind::Credential];
    // Under `minimal` ids of Microsoft's making stay too; their values have a shape or are looked through.
    let minimal = [
        Kind::AdminUnit,
        Kind::Anchor,
        Kind::DeviceId,
        Kind::Domain,
        Kind::EntraSid,
        Kind::GroupId,
        Kind::ObjectId,
        Kind::OrgUnit,
        Kind::Partner,
        Kind::PersonLink,
        Kind::Puid,
        Kind::Sid,
        Kind::TenantId,
        Kind::Thumbprint,
        Kind::UserAgent,
    ];
    for name in Policy::presets() {
        let rules = Rules::resolve(&preset(name), Catalogue::builtin()).unwrap();
        let mut bare = std::collections::BTreeSet::new();
        let mut kept = 0;
        for alike in rules.alike(|_| ()) {
            for field in rules.survey(&alike.stream, false) {
                if field.object || field.treatment.id() != "keep" {
                    continue;
                }
                kept += 1;
                let kind = field.kind.unwrap();
                let may = scanned.contains(&kind) || (name == "minimal" && minimal.contains(&kind));
                if !field.grammar && !may {
                    bare.insert(format!("{}{}: {kind}", alike.datasets[0], field.path));
                }
            }
        }
        assert!(bare.is_empty(), "{name}: {bare:#?}");
        assert!(kept > 1_000, "{name}: {kept}");
    }
}

/// Members that arrive without being declared leave by no way, and are counted by a token of their name.
#[test]
fn undeclared_members_of_open_types_are_dropped_and_counted() {
    let stream = Stream::new(Source::Graph, "users");
    let record = r#"{"accountEnabled":true,"extension_0123_greta":"Greta","contosoSchema":{"owner":"greta@contoso.com"}}"#;
    for name in Policy::presets() {
        let (out, tally) = redact(&preset(name), &stream, Form::Json, &[record]);
        assert!(!out[0].to_lowercase().contains("contososchema") && !out[0].contains("greta@"), "{out:?}");
        assert!(tally.undeclared() >= 1, "{name}: {tally:?}");
        for ((_, path), _) in tally.places {
            assert!(!path.contains("contosoSchema") && !path.contains("greta"), "{path}");
        }
    }
}

/// `*` stands for every dataset; the others of a chosen one stay as they are.
#[test]
fn a_dataset_of_an_exception_is_one_or_all() {
    for (dataset, changed) in [("*", [true, true]), ("users", [true, false])] {
        let policy = policy(&with(&format!(
            r#""exceptions": [ {{ "id": "e", "dataset": "{dataset}", "select": "/userPrincipalName", "do": "redact", "reason": "test" }} ]"#
        )));
        let record = r#"{"userPrincipalName":"a@contoso.com"}"#;
        for (of, changed) in ["users", SIGNINS].into_iter().zip(changed) {
            let out = json(&policy, of, record);
            assert_eq!(out.contains("[redacted:upn]"), changed, "{dataset} {of}: {out}");
        }
    }
}
