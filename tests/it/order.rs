//! The order of records and of lists tells nothing of the order in which they were given.

use crate::program::Machine;
use entra_bundle::demo::tenant::{Scale, Tenant};
use entra_bundle::privacy::{IncidentKey, Pseudonymizer};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Spearman's rank correlation of a permutation of `0..n` with the identity.
fn correlation(ranks: &[usize]) -> f64 {
    let n = ranks.len() as f64;
    let squares: f64 = ranks.iter().enumerate().map(|(at, rank)| (at as f64 - *rank as f64).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

/// Five standard deviations of the correlation of independent orders.
fn bound(n: usize) -> f64 {
    5.0 / ((n - 1) as f64).sqrt()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Collects `input` under the key and unpacks it into `case-<out>`.
fn collect(machine: &Machine, input: &str, key: u8, out: &str, workers: &str) {
    let text = IncidentKey::from_bytes([key; 32]).to_text();
    machine.file(&format!("keys/{out}.key"), format!("{}\n", text.as_str()));
    let key = format!("keys/{out}.key");
    machine.ok(&["collect", "--input", input, "--out", out, "--key", &key, "--workers", workers]);
    let bundle = machine.bundle(out);
    let public = "config/signing.pub.pem";
    let case = format!("case-{out}");
    machine.ok(&["unpack", bundle.to_str().unwrap(), "--public-key", public, "--to", &case]);
}

/// Places in the output of values in the order of the input, by what their pseudonym is.
fn places(given: &[&str], written: &[&str], pseudonym: impl Fn(&str) -> String) -> Vec<usize> {
    let at: HashMap<&str, usize> = written.iter().enumerate().map(|(at, value)| (*value, at)).collect();
    assert_eq!(at.len(), given.len());
    given.iter().map(|value| at[pseudonym(value).as_str()]).collect()
}

#[test]
fn the_order_of_objects_and_references_says_nothing_of_the_directory() {
    let tenant = Tenant::simulate(&Scale::new("2026-11-20T12:00:00Z".parse().unwrap()));
    let users = tenant.collection("users").unwrap();
    let ids: Vec<&str> = users.iter().map(|user| user["id"].as_str().unwrap()).collect();
    let members: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
    let addresses: Vec<String> = (0..200).map(|n| format!("smtp:alias{n:03}@contoso.com")).collect();
    let group = json!({"id": "0f0e0d0c-0b0a-4908-8706-050403020100", "displayName": "Everybody in Sales",
        "members": members, "proxyAddresses": addresses});
    for key in [1, 2, 3] {
        let machine = Machine::new();
        machine.file(
            "in/users.json",
            json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users", "value": &users})
                .to_string(),
        );
        machine.file(
            "in/groups.json",
            json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#groups", "value": [group]})
                .to_string(),
        );
        collect(&machine, "in", key, "out", "2");
        let names = Pseudonymizer::new(&IncidentKey::from_bytes([key; 32])).unwrap();
        let guid = |id: &str| names.guid_text(id).unwrap();
        let written = lines(&machine.path("case-out/data/graph/users/part-00000.jsonl"));
        let tokens: Vec<&str> = written.iter().map(|user| user["id"].as_str().unwrap()).collect();
        assert!(tokens.is_sorted(), "records stand in the order of their pseudonyms");
        let found = correlation(&places(&ids, &tokens, guid));
        assert!(found.abs() < bound(ids.len()), "users under key {key}: {found}");

        let group = &lines(&machine.path("case-out/data/graph/groups/part-00000.jsonl"))[0];
        let tokens: Vec<&str> =
            group["members"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
        let found = correlation(&places(&ids, &tokens, guid));
        assert!(found.abs() < bound(ids.len()), "members under key {key}: {found}");
        let tokens: Vec<&str> =
            group["proxyAddresses"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
        assert!(tokens.is_sorted() && tokens.len() == addresses.len());

        // Line numbers of people say nothing either.
        let people = lines(&machine.path("case-out/meta/entities.jsonl"));
        let tokens: Vec<&str> =
            people.iter().filter(|p| p["kind"] == "user").map(|p| p["guid"].as_str().unwrap()).collect();
        let found = correlation(&places(&ids, &tokens, guid));
        assert!(found.abs() < bound(ids.len()), "entities under key {key}: {found}");
        let numbers: Vec<u64> = people.iter().map(|p| p["e"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=people.len() as u64).collect::<Vec<_>>());
    }
}

#[test]
fn any_order_of_input_and_any_number_of_workers_give_the_same_records() {
    let user = |n: u64| {
        json!({"id": format!("{:08x}-1111-4222-8333-{n:012x}", n * 2_654_435_761 % (1 << 32)),
            "displayName": format!("Person Number{n}"), "userPrincipalName": format!("person{n}@contoso.com"),
            "aboutMe": "x".repeat(3_000), "proxyAddresses": [format!("SMTP:person{n}@contoso.com"), format!("smtp:p{n}@contoso.com")]})
    };
    // More than a run of the sort holds, so that runs are written, read back and merged.
    let users: Vec<Value> = (0..2_200).map(user).collect();
    let sign_in = |n: u64| {
        json!({"id": format!("{n:08x}-aaaa-4222-8333-{n:012x}"), "createdDateTime": format!("2026-11-20T{:02}:{:02}:00Z", n * 7 % 24, n * 11 % 60),
            "userPrincipalName": format!("person{n}@contoso.com"), "appDisplayName": "Azure Portal", "status": {"errorCode": 0}})
    };
    let sign_ins: Vec<Value> = (0..500).map(sign_in).collect();
    let machine = Machine::new();
    let write = |folder: &str, users: &[Value], sign_ins: &[Value]| {
        let page = |context: &str, value: &[Value]| {
            json!({"@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{context}"), "value": value}).to_string()
        };
        machine.file(&format!("{folder}/users.json"), page("users", users));
        machine.file(&format!("{folder}/signins.json"), page("auditLogs/signIns", sign_ins));
    };
    write("in", &users, &sign_ins);
    let backwards = |values: &[Value]| values.iter().rev().cloned().collect::<Vec<_>>();
    write("turned", &backwards(&users), &backwards(&sign_ins));
    collect(&machine, "in", 7, "one", "1");
    collect(&machine, "in", 7, "four", "4");
    collect(&machine, "turned", 7, "turned-out", "3");
    let data = |out: &str| {
        let mut all = Vec::new();
        for entry in walkdir::WalkDir::new(machine.path(&format!("case-{out}/data"))).sort_by_file_name() {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                all.push((entry.file_name().to_owned(), std::fs::read(entry.path()).unwrap()));
            }
        }
        all
    };
    let one = data("one");
    assert!(one == data("four"), "the number of workers shows");
    assert!(one == data("turned-out"), "the order of the input shows");
    let entities =
        |out: &str| std::fs::read(machine.path(&format!("case-{out}/meta/entities.jsonl"))).unwrap();
    assert!(entities("one") == entities("four") && entities("one") == entities("turned-out"));

    let written = lines(&machine.path("case-one/data/graph/signins_interactive_user/part-00000.jsonl"));
    let times: Vec<&str> = written.iter().map(|s| s["createdDateTime"].as_str().unwrap()).collect();
    assert!(times.len() == 500 && times.is_sorted());

    // The account of the collection says how many records a file gave, not which.
    let text = std::fs::read_to_string(machine.path("case-one/meta/collection.json")).unwrap();
    let collection: Value = serde_json::from_str(&text).unwrap();
    for file in collection["files"].as_array().unwrap() {
        for range in file["records"].as_array().unwrap() {
            assert!(range["first"].is_null() && range["part"].as_str().unwrap().ends_with('/'), "{range}");
        }
    }
}

#[test]
fn people_are_linked_with_lints_and_strict_tells_nothing_of_them() {
    let user = |n: u64, more: Value| {
        let mut user = json!({"id": format!("0f0e0d0c-0b0a-4908-8706-{n:012x}"), "displayName": format!("Person Number{n}"),
            "userPrincipalName": format!("person{n}@contoso.com"), "mail": format!("person{n}@contoso.com")});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    let users = [
        user(
            1,
            json!({"proxyAddresses": ["SMTP:shared@contoso.com"], "userPrincipalName": "person1@unverified.net"}),
        ),
        user(2, json!({"proxyAddresses": ["smtp:Shared@contoso.com"], "mailNickname": "José"})),
        user(3, json!({"mailNickname": "jose", "userPrincipalName": " person3@contoso.com"})),
    ];
    let machine = Machine::new();
    let page = |context: &str, value: Value| {
        json!({"@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{context}"), "value": value}).to_string()
    };
    machine.file("in/users.json", page("users", json!(users)));
    machine.file("in/domains.json", page("domains", json!([{"id": "contoso.com", "isVerified": true}])));
    collect(&machine, "in", 5, "out", "1");
    let names = Pseudonymizer::new(&IncidentKey::from_bytes([5; 32])).unwrap();
    let people = lines(&machine.path("case-out/meta/entities.jsonl"));
    let records = lines(&machine.path("case-out/data/graph/users/part-00000.jsonl"));
    let of = |n: usize| {
        let token = names.guid_text(users[n]["id"].as_str().unwrap()).unwrap();
        people.iter().find(|person| person["guid"] == token).unwrap()
    };
    for (person, record) in people.iter().zip(&records) {
        assert_eq!(person["guid"], record["id"], "lines stand in the order of the records");
        assert_eq!((&person["upn"], &person["name"]), (&record["userPrincipalName"], &record["displayName"]));
    }
    let lints =
        |n: usize| of(n)["lint"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect::<Vec<_>>();
    let (e1, e2, e3) = (&of(0)["e"], &of(1)["e"], &of(2)["e"]);
    assert_eq!(
        lints(0),
        [format!("proxy-duplicate-with:{e2}").as_str(), "suffix-not-verified:upn", "upn-ne-mail"]
    );
    assert_eq!(
        lints(1),
        [
            format!("ad-collation-equal:{e3}").as_str(),
            "non-ascii:nickname",
            &format!("proxy-duplicate-with:{e1}")
        ]
    );
    assert_eq!(lints(2), [format!("ad-collation-equal:{e2}").as_str(), "edge-space:upn"]);

    machine.ok(&["collect", "--input", "in", "--out", "strict", "--policy", "strict"]);
    let bundle = machine.bundle("strict");
    let public = "config/signing.pub.pem";
    machine.ok(&["unpack", bundle.to_str().unwrap(), "--public-key", public, "--to", "case-strict"]);
    assert!(machine.path("case-strict/data/graph/users/part-00000.jsonl").is_file());
    assert!(!machine.path("case-strict/meta/entities.jsonl").exists());
}
