//! What identifies nobody stays: error texts, stack traces, versions, product names, names that are words.

use super::people::people;
use super::{Setting, learned, wanted};
use crate::program::Machine;
use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::privacy::{LeakCheck, Policy, Redactor, Rules};
use serde_json::json;

const TEXTS: &str = include_str!("negative.txt");

/// Words of a text that came out changed, and all.
fn damage(given: &str, got: &str) -> (usize, usize) {
    let (given, got): (Vec<&str>, Vec<&str>) =
        (given.split_whitespace().collect(), got.split_whitespace().collect());
    let kept = given.iter().zip(&got).filter(|(a, b)| a == b).count();
    if given.len() == got.len() { (given.len() - kept, given.len()) } else { (given.len(), given.len()) }
}

/// A directory of people who are called like words and like our own vocabulary.
fn hostile() -> Vec<super::Person> {
    let mut all = people(9, 40);
    let names = [
        "admin",
        "sync",
        "success",
        "createdDateTime",
        "Interactive",
        "Will",
        "Mark",
        "May",
        "Grant",
        "Test",
        "Root",
        "Guest",
        "Service",
        "Cloud",
        "Failure",
        "Key",
        "Field",
        "User",
        "Azure",
        "Microsoft",
        "Portal",
        "Windows",
        "Default",
        "Error",
        "Policy",
        "Token",
        "Client",
        "Request",
        "Access",
        "Device",
        "Update",
        "Application",
        "Conditional",
        "Sign",
        "Status",
        "Group",
        "Member",
        "Owner",
        "Password",
        "Method",
    ];
    for (person, name) in all.iter_mut().zip(names) {
        person.name = name.to_owned();
        person.sam = name.to_lowercase();
        person.given = name.to_owned();
        person.surname = name.to_owned();
        person.upn = format!("{}@{}", name.to_lowercase(), super::DOMAIN);
        person.mail = person.upn.clone();
        person.host = if name == "admin" { "ad".to_owned() } else { format!("{name}-pc") };
        person.group = format!("{name} group");
    }
    all
}

#[test]
fn error_texts_versions_and_words_stay() {
    let mut changed = Vec::new();
    let (mut damaged, mut words) = (0, 0);
    for people in [people(20_261_123, 50), hostile()] {
        let setting = Setting::new(people);
        let stream = Stream::new(Source::OnPrem, "other_text");
        let mut redactor =
            Redactor::new(&setting.rules, &setting.names, &setting.dictionary, &stream).ok().unwrap();
        for line in TEXTS.lines().filter(|line| !line.is_empty()) {
            let out = redactor.text(line);
            let (bad, all) = damage(line, &out);
            damaged += bad;
            words += all;
            if bad > 0 {
                changed.push(format!("{line}\n    became {out}"));
            }
        }
    }
    if wanted() {
        println!("negative corpus: {damaged} of {words} words changed");
        changed.iter().for_each(|line| println!("negative  {line}"));
    }
    assert!(words > 1_500, "{words}");
    assert!(damaged * 1000 <= words, "{damaged} of {words}: {changed:#?}");
}

#[test]
fn hostile_names_block_nothing() {
    let people = hostile();
    let dictionary = learned(&people);
    for preset in ["minimal", "balanced", "strict"] {
        let rules = Rules::resolve(&Policy::builtin(preset).unwrap(), Catalogue::builtin());
        let setting =
            Setting { rules: rules.map_err(|e| e.to_string()).unwrap(), ..Setting::new(people.clone()) };
        let stream = Stream::new(Source::OnPrem, "other_text");
        let mut redactor = Redactor::new(&setting.rules, &setting.names, &dictionary, &stream).ok().unwrap();
        let check = LeakCheck::new(&dictionary, setting.rules.treated(), Vec::new())
            .keeping_private_addresses(setting.rules.keeps_private_addresses());
        for line in TEXTS.lines() {
            let out = redactor.text(line);
            let found = check.check("x", &mut out.as_bytes()).ok().unwrap();
            assert!(found.is_empty(), "{preset}: {found:?} in {out}");
        }
    }
    let machine = Machine::new();
    let page = |context: &str, value: Vec<serde_json::Value>| {
        json!({"@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{context}"), "value": value}).to_string()
    };
    machine.file("in/users.json", page("users", people.iter().map(super::user).collect()));
    let sign_in = |person: &super::Person| {
        json!({"id": super::dashed(&person.device), "createdDateTime": "2026-11-20T10:00:00Z", "userPrincipalName": person.upn,
            "userDisplayName": person.name, "userId": super::dashed(&person.id), "isInteractive": true, "appDisplayName": "Azure Portal",
            "clientAppUsed": "Browser", "conditionalAccessStatus": "success", "status": {"errorCode": 0, "failureReason": "Other.",
            "additionalDetails": "MFA requirement satisfied by claim in the token"},
            "deviceDetail": {"displayName": person.host, "operatingSystem": "Windows", "trustType": "Azure AD joined"}})
    };
    machine.file("in/signins.json", page("auditLogs/signIns", people.iter().map(sign_in).collect()));
    machine.file(
        "in/devices.json",
        page(
            "devices",
            people.iter().map(|p| json!({"id": super::dashed(&p.device), "displayName": p.host})).collect(),
        ),
    );
    for preset in ["minimal", "balanced", "strict"] {
        machine.ok(&["collect", "--input", "in", "--policy", preset, "--out", preset]);
    }
}
