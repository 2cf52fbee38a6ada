//! Attacks that once succeeded: values that left a bundle readable, bundles that were refused for
//! nothing, technical data that was damaged.

use crate::program::{Machine, Ran};
use serde_json::{Value, json};
use std::fs;

/// One user with the given UPN and the given further members.
fn user(number: u32, upn: &str, more: Value) -> Value {
    let mut user = json!({
        "id": format!("77aa11bb-1234-4cde-9f00-{number:012x}"), "userPrincipalName": upn,
        "userType": "Member", "accountEnabled": true, "createdDateTime": "2023-03-30T11:40:38Z",
    });
    if let (Some(user), Value::Object(more)) = (user.as_object_mut(), more) {
        user.extend(more);
    }
    user
}

/// One audit record whose reason is a free text.
fn audit(number: u32, reason: &str) -> Value {
    json!({
        "id": format!("Directory_{number:08x}-0000-4855-9bfe-fab4055f4ded_3B81D_1"), "category": "UserManagement",
        "correlationId": "a8e8980a-9d82-406b-8031-6b821ad35967", "result": "failure", "resultReason": reason,
        "activityDisplayName": "Add user", "activityDateTime": "2026-11-13T12:08:35.0612510Z",
        "loggedByService": "Core Directory", "operationType": "Add", "targetResources": [], "additionalDetails": [],
    })
}

fn collect(machine: &Machine, more: &[&str]) -> Ran {
    let mut arguments = vec!["collect", "--input", "export", "--out", "out"];
    arguments.extend(more);
    machine.run(&arguments)
}

/// Unpacks the bundle and reads one of its files.
fn read(machine: &Machine, path: &str) -> String {
    let bundle = machine.bundle("out");
    let bundle = bundle.to_str().unwrap();
    machine.ok(&["unpack", bundle, "--to", "unpacked", "--public-key", "config/signing.pub.pem"]);
    fs::read_to_string(machine.path("unpacked").join(path)).unwrap()
}

#[test]
fn a_tenant_with_guests_seals_under_every_preset() {
    for preset in ["minimal", "balanced", "strict"] {
        let machine = Machine::new();
        let guest = |number, home: &str, domain: &str| {
            let upn = format!("{home}_{domain}#EXT#@wombatcorp.onmicrosoft.com");
            user(number, &upn, json!({"displayName": "Vasil Mikhailov", "mail": format!("{home}@{domain}")}))
        };
        let users = [
            guest(1, "vasil.mikh", "quad-it.com"),
            guest(2, "a_b", "fabrikam.co.uk"),
            guest(3, "vm", "gmail.com"),
        ];
        machine.file("export/users.json", json!({ "value": users }).to_string());
        let ran = collect(&machine, &["--policy", preset]);
        assert_eq!(ran.code, Some(0), "{preset}: {}", ran.err);
        let written = read(&machine, "data/graph/users/part-00000.jsonl");
        assert!(!written.contains("vasil") && !written.contains("a_b"), "{preset}: {written}");
    }
}

#[test]
fn a_short_account_before_a_realm_of_one_label_is_replaced_and_not_refused() {
    let machine = Machine::new();
    let users = [
        user(1, "bl@wombatcorp.com", json!({"displayName": "Quincy"})),
        user(2, "bob@wombatcorp.com", json!({"onPremisesSamAccountName": "bob"})),
    ];
    machine.file("export/users.json", json!({ "value": users }).to_string());
    let audits = [audit(1, "no ticket for bl@WOMBATCORP, but bob@CORP"), audit(2, "bob@odata.type")];
    machine.file("export/audits.json", json!({ "value": audits }).to_string());
    let ran = collect(&machine, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let written = read(&machine, "data/graph/directory_audits/part-00000.jsonl");
    assert!(!written.contains(" bl@") && !written.contains("bob@C"), "{written}");
    assert!(written.contains("no ticket for u-") && written.contains("but u-"), "{written}");
}

#[test]
fn minimal_seals_private_addresses_and_domains_that_stand_as_names() {
    let machine = Machine::new();
    let users = [user(1, "zquack@wombatcorp.com", json!({"displayName": "Zebulon Quackenbush"}))];
    machine.file("export/users.json", json!({ "value": users }).to_string());
    let mut verified =
        audit(1, "Zebulon Quackenbush came from 10.20.30.40:389 and 203.0.113.7, bypass 10.20.30.0/24");
    verified["targetResources"] = json!([{"id": "x", "displayName": "wombatcorp.com", "type": "User"}]);
    machine.file(
        "export/audits.json",
        json!({"value": [verified, audit(2, "see portal.wombatcorp.com")]}).to_string(),
    );
    let ran = collect(&machine, &["--policy", "minimal"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let written = read(&machine, "data/graph/directory_audits/part-00000.jsonl");
    assert!(written.contains("10.20.30.40:389") && written.contains("portal.wombatcorp.com"), "{written}");
    assert!(!written.contains("203.0.113.7") && !written.contains("Quackenbush"), "{written}");
}

#[test]
fn the_demo_export_seals_under_the_presets_that_keep_more_or_less() {
    let machine = Machine::new();
    machine.ok(&["demo", "--out", "demo"]);
    for preset in ["minimal", "strict"] {
        let out = format!("out-{preset}");
        let ran = machine.run(&["collect", "--input", "demo/export", "--out", &out, "--policy", preset]);
        assert_eq!(ran.code, Some(0), "{preset}: {}", ran.err);
    }
}

#[test]
fn a_person_inside_a_group_name_that_the_policy_keeps_is_replaced() {
    let machine = Machine::new();
    let users = [user(1, "zquack@wombatcorp.com", json!({"displayName": "Zebulon Quackenbush"}))];
    machine.file("export/users.json", json!({ "value": users }).to_string());
    let names = ["Friends of Zebulon Quackenbush", "Zebulon Quackenbush fan club", "Zebulon Quackenbush"];
    let groups: Vec<Value> = names
        .iter()
        .zip(1..)
        .map(|(name, number)| {
            json!({
                "id": format!("88aa11bb-1234-4cde-9f00-{number:012x}"), "displayName": name, "groupTypes": [],
                "mailEnabled": false, "securityEnabled": true, "createdDateTime": "2025-07-08T12:00:00Z",
            })
        })
        .collect();
    machine.file("export/groups.json", json!({ "value": groups }).to_string());
    let ran = collect(&machine, &["--policy", "minimal"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let written = read(&machine, "data/graph/groups/part-00000.jsonl");
    assert!(
        written.contains("Friends of n-")
            && written.contains(" fan club")
            && !written.contains("Quackenbush"),
        "{written}"
    );
}

#[test]
fn sids_in_a_security_descriptor_are_replaced_though_letters_follow() {
    let machine = Machine::new();
    let sid = "S-1-5-21-3111222333-444555666-777888999-2222";
    let sddl =
        format!("O:{sid}G:S-1-5-21-3111222333-444555666-777888999-513D:AI(A;;GA;;;{sid})(A;;GR;;;S-1-5-18)");
    machine.file("export/audits.json", json!({"value": [audit(1, &sddl)]}).to_string());
    let ran = collect(&machine, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let written = read(&machine, "data/graph/directory_audits/part-00000.jsonl");
    assert!(!written.contains("3111222333"), "{written}");
    assert!(written.contains("-513D:AI(A;;GA;;;S-1-5-21-42") && written.contains("S-1-5-18)"), "{written}");
}

#[test]
fn shapes_right_beside_letters_of_a_script_without_spaces_are_replaced() {
    let machine = Machine::new();
    let users = [user(1, "zquack@wombatcorp.com", json!({}))];
    machine.file("export/users.json", json!({ "value": users }).to_string());
    let texts = [
        "アドレス203.0.113.7から",
        "番号77aa11bb-1234-4cde-9f00-000000000001は",
        "機器00-1b-44-11-3a-b7が",
        "[2a01:db8:7:1::5]から2a01:db8:7:1::6まで",
    ];
    let audits: Vec<Value> = texts.iter().zip(1..).map(|(text, number)| audit(number, text)).collect();
    machine.file("export/audits.json", json!({ "value": audits }).to_string());
    let ran = collect(&machine, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let written = read(&machine, "data/graph/directory_audits/part-00000.jsonl");
    for original in ["203.0.113.7", "77aa11bb", "00-1b-44", "2a01:db8"] {
        assert!(!written.contains(original), "{original}: {written}");
    }
    assert!(written.contains("アドレス2001:db8:4::"), "{written}");
}

#[test]
fn a_surname_and_a_domain_label_in_a_file_name_are_replaced() {
    let machine = Machine::new();
    let users = [user(1, "zquack@wombatcorp.com", json!({"displayName": "Zebulon Quackenbush"}))];
    machine.file("export/users.json", json!({ "value": users }).to_string());
    machine.file("export/WOMBATCORP/Quackenbush2-bad.json", "{\"value\": [");
    machine.file("export/zebulonquackenbush.json", "{\"value\": [");
    let ran = collect(&machine, &[]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    let written = read(&machine, "meta/collection.json");
    for original in ["quackenbush", "zebulon", "wombatcorp"] {
        assert!(!written.to_lowercase().contains(original), "{original}: {written}");
    }
    assert!(written.contains("(name)/(name)-bad.json") && written.contains("users.json"), "{written}");
}
