//! Selectors of policies: one changed rule alters exactly what it names, in every form there is.

use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::privacy::{IncidentKey, Learner, Policy, Pseudonymizer, Redactor, Rules, Tally, Visitor};
use entra_bundle::record::{Form, Raw};
use serde_json::{Value, json};

/// A policy over balanced with exceptions.
fn with(exceptions: Value) -> Policy {
    let text = json!({"schema": "entra-bundle/policy/1", "id": "contoso", "version": 1,
        "extends": ["builtin:balanced@1"], "recipient": {"text": "support"}, "exceptions": exceptions});
    Policy::parse(&text.to_string(), "p.json").map_err(|e| e.to_string()).unwrap()
}

fn rules(policy: &Policy) -> Result<Rules, String> {
    Rules::resolve_on(policy, Catalogue::builtin(), Some("2026-11-20")).map_err(|e| e.to_string())
}

fn redact_with(rules: &Rules, dataset: &str, form: Form, record: &str) -> (String, Tally) {
    let names = Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).unwrap();
    let stream = Stream::new(Source::Graph, dataset);
    let mut learner = Learner::new();
    let raw = || Raw::new(record.as_bytes().to_vec(), form);
    Visitor::new(rules.catalogue(), &stream)
        .unwrap()
        .visit(&raw(), &mut |kind, value| learner.learn(kind, value, dataset));
    let dictionary = learner.freeze();
    let mut redactor = Redactor::new(rules, &names, &dictionary, &stream).unwrap();
    let out = redactor.apply(raw()).map_err(|e| e.to_string()).unwrap();
    (String::from_utf8(out.bytes().to_vec()).unwrap(), redactor.into_tally())
}

fn redact(exceptions: Value, dataset: &str, form: Form, record: &str) -> String {
    redact_with(&rules(&with(exceptions)).unwrap(), dataset, form, record).0
}

fn exception(select: &str, more: Value) -> Value {
    let mut one = json!({"id": "e", "dataset": "*", "select": select, "reason": "a reason"});
    for (name, value) in more.as_object().unwrap() {
        one[name] = value.clone();
    }
    one
}

fn when(sibling: &str, equals: Value) -> Value {
    json!({"do": "drop", "when": {"sibling": sibling, "equals": equals}})
}

/// Removes members from a JSON text.
fn without(text: &str, gone: &[&str]) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    for path in gone {
        let (parent, name) = path.rsplit_once('/').unwrap();
        value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).expect(path);
    }
    value
}

const AUDIT: &str = r#"{"id":"a1","category":"UserManagement","activityDisplayName":"Update user","result":"success","resultReason":"done",
    "targetResources":[{"displayName":"Greta Schmidt","type":"User","modifiedProperties":[
        {"displayName":"AccountEnabled","oldValue":"[false]","newValue":"[true]"},
        {"newValue":"[\"Sales\"]","oldValue":"[\"Finance\"]","displayName":"Department"}]},
        {"displayName":"Payroll","type":"Group"}]}"#;

#[test]
fn a_condition_holds_in_the_records_that_it_names_and_nowhere_else() {
    let dataset = "directory_audits";
    let plain = redact(json!([]), dataset, Form::Json, AUDIT);
    let of = |select: &str, more: Value| {
        serde_json::from_str::<Value>(&redact(json!([exception(select, more)]), dataset, Form::Json, AUDIT))
            .unwrap()
    };
    let values = "/targetResources/*/modifiedProperties/*/{oldValue,newValue}";
    for (select, sibling, equals, gone) in [
        ("/resultReason", "../category", json!("usermanagement"), &["/resultReason"][..]),
        ("/resultReason", "../category", json!(["Policy", "UserManagement"]), &["/resultReason"]),
        ("/resultReason", "../category", json!("RoleManagement"), &[]),
        ("/resultReason", "../nothing", json!("x"), &[]),
        // The sibling of this element, wherever it stands in it.
        (
            values,
            "../displayName",
            json!("AccountEnabled"),
            &[
                "/targetResources/0/modifiedProperties/0/oldValue",
                "/targetResources/0/modifiedProperties/0/newValue",
            ],
        ),
        (
            values,
            "../displayName",
            json!("accountenabled"),
            &[
                "/targetResources/0/modifiedProperties/0/oldValue",
                "/targetResources/0/modifiedProperties/0/newValue",
            ],
        ),
        ("/**/displayName", "../type", json!("Group"), &["/targetResources/1/displayName"]),
        ("/targetResources/*/displayName", "../type", json!("User"), &["/targetResources/0/displayName"]),
        // Whole objects and lists too.
        (
            "/targetResources/*/modifiedProperties",
            "../type",
            json!("User"),
            &["/targetResources/0/modifiedProperties"],
        ),
        ("column:Result Reason", "../Category", json!("UserManagement"), &["/resultReason"]),
    ] {
        let expected = without(&plain, gone);
        assert_eq!(
            of(select, when(sibling, equals.clone())),
            expected,
            "{select} when {sibling} is {equals}"
        );
    }
}

#[test]
fn a_condition_compares_numbers_and_words_too_and_sees_every_case_of_a_stream() {
    let dataset = "signins_interactive_user";
    let record = r#"{"status":{"errorCode":50126,"failureReason":"one"},"isInteractive":true,"userPrincipalName":"a@contoso.com"}"#;
    let of = |select: &str, sibling: &str, equals: &str, record: &str| {
        redact(json!([exception(select, when(sibling, json!(equals)))]), dataset, Form::Json, record)
    };
    assert!(!of("/status/failureReason", "../errorCode", "50126", record).contains("failureReason"));
    assert!(of("/status/failureReason", "../errorCode", "50127", record).contains("failureReason"));
    assert!(!of("/userPrincipalName", "../isInteractive", "TRUE", record).contains("userPrincipalName"));
    // One plan serves the records of a stream: each is judged for itself, in any order.
    let rules =
        rules(&with(json!([exception("/userDisplayName", when("../appDisplayName", json!("Payroll")))])))
            .unwrap();
    let names = Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).unwrap();
    let dictionary = Learner::new().freeze();
    let mut redactor =
        Redactor::new(&rules, &names, &dictionary, &Stream::new(Source::Graph, dataset)).unwrap();
    let stays: Vec<bool> = ["Payroll", "Mail", "Payroll", "", "PAYROLL"]
        .iter()
        .map(|app| {
            let record = json!({"userDisplayName": "Greta Schmidt", "appDisplayName": app}).to_string();
            let out = redactor.apply(Raw::new(record.into_bytes(), Form::Json)).unwrap();
            String::from_utf8_lossy(out.bytes()).contains("userDisplayName")
        })
        .collect();
    assert_eq!(stays, [false, true, false, true, false]);
    let tally = redactor.into_tally();
    let place = |path: &str| tally.places[&(dataset.to_owned(), path.to_owned())].clone();
    assert_eq!(
        (place("/userDisplayName#when").treatment, place("/userDisplayName#when").counts.dropped),
        ("drop", 3)
    );
    assert_eq!(place("/userDisplayName#otherwise").treatment, "pseudonymize");
}

#[test]
fn siblings_that_contradict_each_other_never_show_more() {
    let dataset = "signins_interactive_user";
    let looser = json!({"do": "keep", "grammar": "pattern:word", "ticket": "P-1", "until": "2027-01-01",
        "when": {"sibling": "../state", "equals": "NRW"}});
    let keeps = |record: &str| {
        redact(json!([exception("/location/city", looser.clone())]), dataset, Form::Json, record)
            .contains("Bonn")
    };
    assert!(keeps(r#"{"location":{"city":"Bonn","state":"NRW"}}"#));
    assert!(
        !keeps(r#"{"location":{"city":"Bonn","state":"Hessen"}}"#)
            && !keeps(r#"{"location":{"city":"Bonn"}}"#)
    );
    assert!(!keeps(r#"{"location":{"state":"NRW","city":"Bonn","State":"Hessen"}}"#));
    let stricter = exception("/userDisplayName", when("../appDisplayName", json!("Payroll")));
    let out = redact(
        json!([stricter]),
        dataset,
        Form::Json,
        r#"{"appDisplayName":"Mail","userDisplayName":"Greta Schmidt","appDisplayName":"Payroll"}"#,
    );
    assert!(!out.contains("userDisplayName"), "{out}");
    // Without a ticket a condition loosens nothing either.
    let mut bare = looser.clone();
    bare.as_object_mut().unwrap().remove("ticket");
    assert!(
        rules(&with(json!([exception("/location/city", bare)])))
            .unwrap_err()
            .contains("looser than its rule")
    );
    // The rule with a condition is the more exact one.
    let both = json!([
        exception("/userDisplayName", json!({"do": "drop"})),
        exception(
            "/userDisplayName",
            json!({"do": "redact", "when": {"sibling": "../appDisplayName", "equals": "Mail"}})
        )
    ]);
    let out =
        redact(both, dataset, Form::Json, r#"{"appDisplayName":"Mail","userDisplayName":"Greta Schmidt"}"#);
    assert!(out.contains("[redacted:person_name]"), "{out}");
}

#[test]
fn a_condition_never_opens_a_secret_and_labels_new_fields() {
    let held = json!({"do": "keep", "grammar": "pattern:word", "ticket": "P", "until": "2027-01-01",
        "when": {"sibling": "../forceChangePasswordNextSignIn", "equals": "true"}});
    let record = r#"{"passwordProfile":{"password":"hunter2hunter2","forceChangePasswordNextSignIn":true},"displayName":"x"}"#;
    for select in ["/passwordProfile/password", "/**/password", "/passwordProfile/*"] {
        let policy = with(json!([exception(select, held.clone())]));
        if let Ok(rules) = rules(&policy) {
            assert!(!redact_with(&rules, "users", Form::Json, record).0.contains("hunter2"), "{select}");
        }
    }
    let label =
        exception("/mystery/value", json!({"kind": "upn", "when": {"sibling": "../type", "equals": "mail"}}));
    let record = r#"{"mystery":{"type":"mail","value":"a@contoso.com","other":1}}"#;
    let out = redact(json!([label.clone()]), "users", Form::Json, record);
    assert!(out.contains(r#"{"mystery":{"value":"u-"#) && !out.contains("contoso"), "{out}");
    let out = redact(json!([label]), "users", Form::Json, &record.replace("\"mail\"", "\"phone\""));
    assert!(!out.contains("value") && !out.contains("contoso"), "{out}");
}

#[test]
fn conditions_work_in_xml_and_in_texts() {
    let xml = r#"<cs-object cs-dn="CN=Greta Schmidt,DC=contoso,DC=com" object-type="user"><entry dn="CN=Greta Schmidt,DC=contoso,DC=com"/></cs-object>"#;
    let of = |more: Value| {
        redact(json!([exception("xml://cs-object/@cs-dn", more)]), "aadc_csexport", Form::Xml, xml)
    };
    assert!(of(when("../@object-type", json!("group"))).contains("cs-dn="));
    let out = of(when("../@object-type", json!("user")));
    assert!(!out.contains("cs-dn=") && out.contains("<entry dn="), "{out}");
    let text = "AzureAdJoined : YES\nDeviceId : f7cc07d7-7c15-447d-876d-c01b0e5a9e38\nsome words\n";
    let of = |equals: &str| {
        redact(
            json!([exception("/DeviceId", when("../AzureAdJoined", json!(equals)))]),
            "dsregcmd_status",
            Form::Text,
            text,
        )
    };
    assert!(of("NO").contains("DeviceId : fade"), "{}", of("NO"));
    let out = of("yes");
    assert!(
        out.contains("DeviceId : [redacted:device_id]") && out.contains("AzureAdJoined : YES\n"),
        "{out}"
    );
}

const TRACE: &str = "[08:15:30.123] [  1] [INFO ] Starting for greta.schmidt@contoso.com\n\
[08:15:31.000] [  1] [ERROR] Caught System.Net.WebException: the remote name could not be resolved\n\
\x20  at Microsoft.Online.Deployment.Client.Run(String name)\n\
\x20  at System.Threading.Thread.Start()\n\
[08:15:32.000] [  1] [INFO ] Finished\n";

#[test]
fn a_line_selector_takes_exactly_the_lines_of_its_pattern() {
    let dataset = "aadc_wizard_trace";
    let plain = redact(json!([]), dataset, Form::Text, TRACE);
    let lines: Vec<&str> = plain.lines().collect();
    assert_eq!(lines.len(), 5, "{plain}");
    let of = |pattern: &str, more: Value| {
        redact(json!([exception(&format!("line:{pattern}"), more)]), dataset, Form::Text, TRACE)
    };
    for (pattern, gone) in [
        ("stack-frame", &[2, 3][..]),
        ("continuation", &[2, 3]),
        ("error", &[1]),
        ("exception", &[1]),
        ("timestamped", &[0, 1, 4]),
        ("verbose", &[]),
    ] {
        let kept: Vec<&str> =
            lines.iter().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, line)| *line).collect();
        assert_eq!(of(pattern, json!({"do": "drop"})).lines().collect::<Vec<_>>(), kept, "{pattern}");
        let redacted: Vec<&str> = lines
            .iter()
            .enumerate()
            .map(|(at, line)| if gone.contains(&at) { "[redacted:text]" } else { line })
            .collect();
        assert_eq!(of(pattern, json!({"do": "redact"})).lines().collect::<Vec<_>>(), redacted, "{pattern}");
    }
    // Of several rules for one line the strictest holds; a record of which nothing is left is empty.
    let both = json!([
        exception("line:error", json!({"do": "redact"})),
        exception("line:exception", json!({"do": "drop"}))
    ]);
    assert!(!redact(both, dataset, Form::Text, TRACE).contains("[redacted:text]"));
    let all = json!([exception("line:timestamped", json!({"do": "drop"}))]);
    assert_eq!(redact(all, dataset, Form::Text, "[08:15:32.000] [  1] [INFO ] Finished\n"), "\n");
    // Other datasets do not have it.
    let other = json!([{"id": "e", "dataset": "dsregcmd_status", "select": "line:error", "do": "drop", "reason": "a reason"}]);
    assert_eq!(redact(other, dataset, Form::Text, TRACE), plain);
}

#[test]
fn a_line_rule_does_not_open_what_a_row_hides() {
    let text = "DeviceId : f7cc07d7-7c15-447d-876d-c01b0e5a9e38 error\nerror for a@contoso.com\n";
    let held = json!({"do": "keep", "ticket": "P", "until": "2027-01-01"});
    let out = redact(json!([exception("line:error", held)]), "dsregcmd_status", Form::Text, text);
    assert!(!out.contains("f7cc07d7") && !out.contains("contoso"), "{out}");
    let out =
        redact(json!([exception("line:error", json!({"do": "drop"}))]), "dsregcmd_status", Form::Text, text);
    assert_eq!(out, "\n");
}

#[test]
fn wrong_conditions_and_patterns_say_what_is_allowed() {
    let parse = |one: Value| {
        let text = json!({"schema": "entra-bundle/policy/1", "id": "x", "version": 1, "extends": ["builtin:balanced@1"],
            "recipient": {"text": "support"}, "exceptions": [one]});
        match Policy::parse(&text.to_string(), "p.json") {
            Ok(policy) => rules(&policy).err().unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    };
    for (select, more, part) in [
        ("line:no-such-pattern", json!({"do": "drop"}), "allowed are continuation, error"),
        ("line:", json!({"do": "drop"}), "named by"),
        ("line:error", json!({"do": "drop", "dataset": "users"}), "have no lines"),
        ("line:error", json!({"do": "keep"}), "`ticket` and `until`"),
        ("line:error", when("../x", json!("y")), "no member beside it"),
        ("/department", when("department", json!("y")), "../<member>"),
        ("/department", when("../a", json!([])), "one to 64"),
        ("/department", json!({"do": "drop", "when": {"sibling": "../a", "like": "x"}}), "like"),
    ] {
        let said = parse(exception(select, more));
        assert!(said.contains(part), "{select}: {said}");
    }
}

#[test]
fn patterns_of_ones_own_work_and_stay_private() {
    let own = r#"{"schema":"entra-bundle/catalogue/1","lines":{"our-tool":"^OurTool "}}"#;
    let catalogue: &'static Catalogue =
        Box::leak(Box::new(Catalogue::with_user(own, "own.json").map_err(|e| e.to_string()).unwrap()));
    let policy = with(json!([
        exception("line:our-tool", json!({"do": "drop"})),
        exception("line:error", json!({"do": "redact"})),
        exception("/department", when("../jobTitle", json!("Chief of Kolibri")))
    ]));
    assert!(rules(&policy).unwrap_err().contains("unknown pattern"));
    let rules = Rules::resolve_on(&policy, catalogue, Some("2026-11-20")).map_err(|e| e.to_string()).unwrap();
    let (out, tally) = redact_with(&rules, "aadc_wizard_trace", Form::Text, "OurTool 1\nelse\nerror\n");
    assert_eq!(out, "else\n[redacted:text]\n");
    let paths: Vec<&str> = tally.places.keys().map(|(_, path)| path.as_str()).collect();
    assert!(
        paths.contains(&"/line:error") && paths.iter().any(|path| path.starts_with("/line:x-")),
        "{paths:?}"
    );
    let shipped = rules.projection(Some(&[1; 32])).unwrap().statement().unwrap();
    let shipped: Value = serde_json::from_slice(shipped.bytes()).unwrap();
    let text = shipped.to_string();
    assert!(!text.contains("our-tool") && !text.contains("Kolibri"), "{text}");
    assert_eq!(shipped["privateSelectors"], 1);
    assert_eq!(shipped["exceptions"][0]["select"], "line:error");
    assert_eq!(
        (&shipped["exceptions"][1]["select"], &shipped["exceptions"][1]["when"]),
        (&json!("/department"), &json!("../jobtitle"))
    );
}
