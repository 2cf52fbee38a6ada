//! The proof: what share of identifiers is replaced, what else is, and whether equal stays equal.
//!
//! A seeded generator writes labelled data: every way in which an identifier is written, in every
//! encoding, in sentences; every dataset of the catalogue with an identifier in every member. The
//! evaluation knows the labels and reads the output back. `cargo test` runs it small, with the figures
//! that are reached as floors; `ENTRA_BUNDLE_PROOF=N` runs it with N persons and prints the report.

mod broken;
mod datasets;
mod encode;
mod forms;
mod mutation;
mod negative;
mod parts;
mod people;
mod text;

use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::privacy::{Dictionary, IncidentKey, Learner, Policy, Pseudonymizer, Rules, Visitor};
use entra_bundle::record::{Form, Raw};
use people::{AD_DOMAIN, DOMAIN, NETBIOS, Person, TENANT, anchor, dashed};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Persons of the proof: a handful, or as many as the environment asks for.
fn scale(small: usize) -> usize {
    std::env::var("ENTRA_BUNDLE_PROOF").ok().and_then(|n| n.parse().ok()).unwrap_or(small)
}

/// Whether the report is wanted.
fn wanted() -> bool {
    std::env::var_os("ENTRA_BUNDLE_PROOF").is_some()
}

/// What every part of the proof works with.
struct Setting {
    people: Vec<Person>,
    names: Pseudonymizer,
    rules: Rules,
    dictionary: Dictionary,
}

impl Setting {
    fn new(people: Vec<Person>) -> Setting {
        let key = IncidentKey::from_bytes(std::array::from_fn(|index| index as u8));
        let rules = Rules::resolve(&Policy::builtin("balanced").unwrap(), Catalogue::builtin());
        let dictionary = learned(&people);
        Setting {
            people,
            names: Pseudonymizer::new(&key).unwrap(),
            rules: rules.map_err(|e| e.to_string()).unwrap(),
            dictionary,
        }
    }
}

/// Learns the directory from records, as a run does.
fn learned(people: &[Person]) -> Dictionary {
    let mut learner = Learner::new();
    let mut learn = |dataset: &str, record: &Value| {
        let stream = Stream::new(Source::Graph, dataset);
        let mut visitor = Visitor::new(Catalogue::builtin(), &stream).unwrap();
        let raw = Raw::new(record.to_string().into_bytes(), Form::Json);
        visitor.visit(&raw, &mut |kind, value| learner.learn(kind, value, dataset));
    };
    for domain in [DOMAIN, TENANT, AD_DOMAIN] {
        learn("domains", &json!({"id": domain, "isVerified": true}));
    }
    for person in people {
        learn("users", &user(person));
        learn(
            "devices",
            &json!({"id": dashed(&person.device), "deviceId": dashed(&person.device), "displayName": person.host}),
        );
        learn("groups", &json!({"id": dashed(&person.group_id), "displayName": person.group}));
    }
    // The ids of Office 365 stand in its audit records only.
    let stream = Stream::new(Source::O365, "o365_audit_exchange");
    let mut visitor = Visitor::new(Catalogue::builtin(), &stream).unwrap();
    for person in people {
        let record = json!({"UserKey": person.puid, "UserId": person.upn}).to_string();
        let raw = Raw::new(record.into_bytes(), Form::Json);
        visitor.visit(&raw, &mut |kind, value| learner.learn(kind, value, &stream.dataset));
    }
    learner.freeze()
}

/// A person as a record of the directory.
fn user(person: &Person) -> Value {
    json!({
        "id": dashed(&person.id), "displayName": person.name, "givenName": person.given, "surname": person.surname,
        "userPrincipalName": person.upn, "mail": person.mail, "mailNickname": person.sam,
        "onPremisesSamAccountName": person.sam, "onPremisesDomainName": AD_DOMAIN, "onPremisesSecurityIdentifier": person.sid,
        "onPremisesImmutableId": anchor(&person.anchor), "employeeId": person.employee, "businessPhones": [person.phone],
        "onPremisesUserPrincipalName": format!("{}@{AD_DOMAIN}", person.sam), "netId": person.puid,
        "onPremisesDistinguishedName": format!("CN={},OU=Staff,DC=corp,DC=contoso-works,DC=com", person.name),
        "proxyAddresses": [format!("SMTP:{}", person.mail), format!("smtp:{}", person.upn)],
        "identities": [{"signInType": "userPrincipalName", "issuer": NETBIOS, "issuerAssignedId": person.upn}],
    })
}

/// Found and all, by row.
type Table = BTreeMap<(String, String), (u64, u64)>;

fn count(table: &mut Table, row: &str, column: &str, good: bool) {
    let cell = table.entry((row.to_owned(), column.to_owned())).or_default();
    cell.0 += u64::from(good);
    cell.1 += 1;
}

/// Share of what is good, in per cent; 100 of nothing.
fn share(cells: impl Iterator<Item = (u64, u64)>) -> f64 {
    let (good, all) = cells.fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    if all == 0 { 100.0 } else { 100.0 * good as f64 / all as f64 }
}

/// The cells that are not whole, as lines.
fn gaps(table: &Table) -> Vec<String> {
    let short = table.iter().filter(|(_, (good, all))| good < all);
    short.map(|((row, column), (good, all))| format!("{row} / {column}: {good} of {all}")).collect()
}
