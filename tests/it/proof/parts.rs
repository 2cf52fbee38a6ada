//! Every part by itself: without any recogniser of the text engine, rung of its decoder ladder, rule of
//! the default policy, view or family of the leak check, something is missed that is not missed with it.
//!
//! `cargo test` asks one text for each; with `ENTRA_BUNDLE_PROOF` every part of the engine is taken from
//! a run over all forms in all encodings, and the loss is printed.

use super::encode;
use super::forms::forms;
use super::people::{AD_DOMAIN, DOMAIN, Person, Random, TENANT, anchor, dashed, little, people};
use super::{Setting, learned, share, text, wanted};
use entra_bundle::catalogue::{Catalogue, Field, Layout, Source, Stream, TypeId};
use entra_bundle::kind::Kind;
use entra_bundle::privacy::policy::treatment::Treatment;
use entra_bundle::privacy::text::switch;
use entra_bundle::privacy::{LeakCheck, Policy, Redactor, Renderer, Rules, TextEngine, leak};
use entra_bundle::record::{Form, Raw};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The first person whose name is not ASCII.
fn setting() -> Setting {
    Setting::new(people(20_261_130, 12).into_iter().find(|p| !p.name.is_ascii()).into_iter().collect())
}

fn scan(setting: &Setting, text: &str, without: &'static str) -> String {
    let mut out = Vec::new();
    let mut renderer = Renderer::new(&setting.rules, &setting.names, &setting.dictionary);
    TextEngine::new(&setting.dictionary).without(without).scan(text, &mut renderer, &mut out);
    String::from_utf8(out).unwrap()
}

/// A text, and what must not be left of it.
type Case = (String, Vec<String>);

/// Values that nobody taught, so that their shape alone is known, and secrets of every sort.
fn unlearned(p: &Person) -> Vec<Case> {
    let case = |text: &str, hidden: &str| (text.replace(['⟨', '⟩'], ""), vec![hidden.to_owned()]);
    let marked = |text: &str| {
        let (open, close) = (text.find('⟨').unwrap(), text.find('⟩').unwrap());
        case(text, &text[open + '⟨'.len_utf8()..close])
    };
    let a = |count: usize| "aB3".repeat(count / 3 + 1)[..count].to_owned();
    let octets: Vec<String> = little(&p.id).iter().map(|b| format!("{b:02x}")).collect();
    let mut all: Vec<Case> = [
        "C:\\Users\\⟨nobody77⟩\\x.log",
        "by OTHERDOM\\⟨nobody⟩ today",
        "by OTHERDOM\\\\⟨nobody⟩ today",
        "for CN=⟨Nobody Known⟩,OU=Staff,DC=fabrikam,DC=org",
        "mail from ⟨nobody⟩@fabrikam.org",
        "on \\\\⟨wiesental⟩\\share\\x",
        "at ⟨fabrikam⟩.onmicrosoft.com",
        "in /personal/⟨nobody_fabrikam_org⟩/Documents",
        "⟨5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.7.0.0.0.8.b.d.0.1.0.a.2⟩.ip6.arpa",
        "net ⟨203.0.113.0⟩/24",
        "from ⟨203.0.113.7⟩.",
        "ip-⟨203-0-113-7⟩ up",
        "mac ⟨3C-A4-12-34-56-78⟩",
        "call ⟨+49 151 20000007⟩",
        "sid ⟨S-1-5-21-1004336348-1177238915-682003330-1104⟩",
        "sid ⟨S-1-12-1-1157343703-1149074453-465595783-949901838⟩",
        "id ⟨1b0c6a52-7777-4a83-9f3a-2c1d7e5f9a10⟩",
        "Bearer: ⟨eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl⟩",
        "Password=⟨Zyx9-Wvut8⟩;",
        "client_secret=⟨Zyx9-Wvut8-Srq7⟩&x",
        "access_token=⟨Zyx9-Wvut8-Srq7⟩&x",
        "Authorization: Basic ⟨dXNlcjpwYXNzd29yZA⟩",
        "NTHash: ⟨8846f7eaee8fb117ad06bdd830b7586c⟩",
        "temporaryAccessPass: ⟨TAPx9-77!qW⟩ valid",
        "BannedPasswordList=⟨contoso1,contosoteam9⟩",
        "otpauth://totp/x?secret=⟨JBSWY3DPEHPK3PXP⟩",
        "key ⟨000011-000022-000033-000044-000055-000066-000077-000088⟩ saved",
        "-----BEGIN PRIVATE KEY-----\n⟨MIIEvQIBADAN⟩\n-----END PRIVATE KEY-----",
    ]
    .into_iter()
    .map(marked)
    .collect();
    let id = dashed(&p.id);
    for (text, hidden) in [
        (format!("Correlation ID: {id}"), id.clone()),
        (format!("packed {}", octets.concat()), octets.concat()),
        (format!("guid \\\\{}", octets.join("\\\\")), octets.join("\\\\")),
        (format!("anchor {} x", anchor(&p.id).trim_end_matches('=')), anchor(&p.id)[..22].to_owned()),
        (format!("anchor {} x", anchor(&p.id)), anchor(&p.id)),
        (format!("{}nobody@fabrikam.org", id.replace('-', "")), id.replace('-', "")),
        (format!("on dc77-{} up", TENANT.replace('.', "-")), "dc77".into()),
        (format!("on wiesental.{AD_DOMAIN} up"), "wiesental".into()),
        (format!("the name {AD_DOMAIN}/Wiesenamt/Nobody Known"), "wiesenamt".into()),
        (format!("Cookie: ESTSAUTH={}", a(40)), a(40)),
        (format!("got 0.A{} back", a(60)), a(60)),
        (format!("SAMLResponse={}", a(80)), a(80)),
        (format!("?sv=1&sig={}%3D", a(40)), a(40)),
        (format!("AccountKey={}==;", a(86)), a(86)),
        (
            format!("app secret abc8Q~{} expired", "0123456789abcdefghijABCDEFGHIJ_-.~"),
            "0123456789abcdefghij".into(),
        ),
        (format!("host {DOMAIN} x"), DOMAIN.to_owned()),
    ] {
        all.push((text, vec![hidden]));
    }
    all
}

#[test]
fn without_any_recogniser_something_is_left() {
    let setting = setting();
    let person = &setting.people[0];
    let engine = TextEngine::new(&setting.dictionary);
    let mut cases = unlearned(person);
    for form in forms(person, &setting.names, &mut Random(3)) {
        let hidden = if form.hidden.is_empty() { vec![form.written.clone()] } else { form.hidden };
        cases.push((format!("value='{}' failed", form.written), hidden));
    }
    let mut proven: BTreeMap<&str, bool> = BTreeMap::new();
    let left = |out: &str, hidden: &[String]| {
        let out = out.to_lowercase();
        hidden.iter().any(|hidden| out.contains(&hidden.to_lowercase()))
    };
    for (text, hidden) in &cases {
        let whole = scan(&setting, text, "");
        assert!(!left(&whole, hidden), "{text} became {whole}");
        for part in engine.recognisers(text) {
            if !proven.get(part).copied().unwrap_or(false) {
                let missed = left(&scan(&setting, text, part), hidden);
                proven.insert(part, missed);
            }
        }
    }
    // What keeps a version from being taken for an address: without it the version is lost.
    for text in ["agent Chrome/120.1.2.3 x", "Version=15.20.4200.7"] {
        assert_eq!(scan(&setting, text, ""), text);
    }
    let unproven: Vec<&str> = proven.iter().filter(|(_, proven)| !**proven).map(|(part, _)| *part).collect();
    assert!(unproven.is_empty(), "nothing is left without {unproven:?}");
    let seen: Vec<&str> = proven.into_keys().collect();
    assert_eq!(seen, RECOGNISERS, "a recogniser has no text that needs it");
}

/// All recognisers of shapes and secrets.
const RECOGNISERS: &[&str] = &[
    "address",
    "anchor",
    "anchor without padding",
    "assertion",
    "authorization",
    "bitlocker",
    "canonical name",
    "client-secret",
    "cookie",
    "dashed address",
    "distinguished name",
    "domain",
    "entra sid",
    "folded address in a path",
    "folded host",
    "guid",
    "hash",
    "host",
    "ip address",
    "jwt",
    "key",
    "little-endian hex",
    "mac address",
    "netbios account",
    "netbios account behind more backslashes",
    "network",
    "object id before an address",
    "octets behind more backslashes",
    "password",
    "password-list",
    "pem",
    "phone",
    "refresh-token",
    "reverse name",
    "sas",
    "secret",
    "sid",
    "temporary-access-pass",
    "token",
    "totp",
    "trace id",
    "user folder",
];

#[test]
fn without_any_part_of_the_ladder_something_is_left() {
    let setting = setting();
    let person = &setting.people[0];
    let (name, upn) = (person.name.as_str(), person.upn.as_str());
    let (given, surname) = (person.given.as_str(), person.surname.as_str());
    let written = |encoding: &str, value: &str| {
        let encoding = encode::ALL.iter().find(|one| one.name == encoding).unwrap();
        (encoding.write)(&format!("object {value} was updated"))
    };
    let dn = format!("CN={surname}\\, {given},OU=Staff,DC=corp,DC=contoso-works,DC=com");
    let cut: String = name.chars().take(name.chars().count() - 1).collect();
    let rule = "-".repeat(cut.chars().count());
    let form = format!("?name={}&x=1", name.replace(' ', "+"));
    let list = format!("Identity          : {}\n                    {}", &upn[..5], &upn[5..]);
    let cases = [
        ("rung percent", written("percent", upn)),
        ("rung form", form),
        ("rung json", written("json \\u escapes", upn)),
        ("rung ldap", written("ldap escapes", name)),
        ("rung entity", written("xml numeric entities", upn)),
        ("rung quoted", written("quoted-printable", name)),
        ("rung wrapped", list),
        ("rung markup", format!("<b>{given}</b> {surname} came")),
        ("rung wide", written("utf-16 in text", upn)),
        ("base64", written("base64", upn)),
        ("json inside text", format!("value='{}' failed", written("json two levels deep", &dn))),
        ("json as a whole", json!(dn).to_string()),
        ("cut by a mark", format!("by {cut}… today")),
        ("cut by a column", format!("Name{} S\n{rule} -\n{cut} x\n", " ".repeat(rule.len() - 4))),
        ("learned names", format!("by {name} today")),
    ];
    for (part, text) in &cases {
        let (with, without) = (scan(&setting, text, ""), scan(&setting, text, part));
        assert_ne!(&with, text, "{part}");
        assert_ne!(with, without, "nothing is left without {part}");
    }
    let tried: Vec<&str> = cases.iter().map(|(part, _)| *part).collect();
    let missing: Vec<&&str> =
        switch::PARTS.iter().filter(|part| !tried.contains(part) && **part != "wording").collect();
    assert!(missing.is_empty(), "{missing:?}");
    if wanted() {
        for part in switch::PARTS.iter().chain(RECOGNISERS) {
            let found = text::run(&setting, 7, encode::ALL, &mut |text| scan(&setting, text, part));
            let recall = share(found.recall.values().copied());
            let joins = share(found.joins.values().copied());
            println!("without {part}: recall {recall:.2} %, joins {joins:.2} %");
        }
    }
}

/// A value of a kind that nobody taught.
fn value(kind: Kind) -> &'static str {
    match kind {
        Kind::Upn => "nobody@fabrikam.org",
        Kind::PersonName => "Nobody Known",
        Kind::ProxyAddress => "SMTP:nobody@fabrikam.org",
        Kind::Phone => "+49 151 20000007",
        Kind::PersonLink
        | Kind::ObjectId
        | Kind::DeviceId
        | Kind::GroupId
        | Kind::AdminUnit
        | Kind::TenantId
        | Kind::Partner
        | Kind::AppId
        | Kind::PublicId
        | Kind::TraceId => "1b0c6a52-7777-4a83-9f3a-2c1d7e5f9a10",
        Kind::Anchor => "UmoMG3d3g0qfOiwdfl+aEA==",
        Kind::Puid => "10032000ABCDEF99",
        Kind::Sid => "S-1-5-21-1004336348-1177238915-682003330-1104",
        Kind::EntraSid => "S-1-12-1-1157343703-1149074453-465595783-949901838",
        Kind::Dn => "CN=Nobody Known,DC=fabrikam,DC=org",
        Kind::Network => "203.0.113.0/24",
        Kind::Domain => "fabrikam.org",
        Kind::IpAddress | Kind::RiskIp => "203.0.113.7",
        Kind::MacAddress => "3C-A4-12-34-56-78",
        Kind::ProfileTime | Kind::EventTime => "2026-03-05T07:08:09Z",
        Kind::Thumbprint | Kind::PublicThumbprint => "A94A8FE5CCB19BA61C4C0873D391E987982FBBD3",
        Kind::Asn => "64496",
        Kind::Country => "DE",
        Kind::Platform => "Windows 11",
        Kind::UserAgent => "Mozilla/5.0 (Windows NT 10.0; Wiesen) Chrome/120.1.2.3",
        Kind::Url => "https://h.fabrikam.org/a?b=c",
        Kind::Text => "denied by nobody@fabrikam.org",
        _ => "Wiesenwert",
    }
}

/// A member of the kind that takes its value, as an object; members of members up to a depth.
fn member(of: TypeId, kind: Kind, deep: usize) -> Option<Value> {
    let of = Catalogue::builtin().record_type(of);
    of.fields.iter().find_map(|(folded, field)| {
        let inner = match field {
            Field::Value { kind: held, grammar } if *held == kind => {
                let fits = grammar.as_ref().is_none_or(|grammar| grammar.fits(value(kind)));
                fits.then(|| Value::from(value(kind)))
            }
            Field::Object(inner) if deep > 0 => member(*inner, kind, deep - 1),
            _ => None,
        };
        Some(json!({ of.names.get(folded)?.as_str(): inner? }))
    })
}

/// A record that holds a value of the kind, in a member or in its text.
fn record(kind: Kind) -> Option<(Stream, String, Form)> {
    let text = match kind {
        Kind::OrgUnit => "for CN=Nobody Known,OU=Wiesenwert,DC=fabrikam,DC=org",
        Kind::MacAddress => "mac 3C-A4-12-34-56-78",
        _ => "",
    };
    if !text.is_empty() {
        return Some((Stream::new(Source::OnPrem, "other_text"), text.to_owned(), Form::Text));
    }
    if WITHOUT_FIELD.contains(&kind) {
        return None;
    }
    let catalogue = Catalogue::builtin();
    for deep in 0..2 {
        for dataset in catalogue.datasets().filter(|dataset| dataset.layout == Layout::Jsonl) {
            for source in Source::ALL {
                let stream = Stream::new(source, dataset.id.as_str());
                if let Some(found) = catalogue.root(&stream).and_then(|root| member(root, kind, deep)) {
                    return Some((stream, found.to_string(), Form::Json));
                }
            }
        }
    }
    None
}

#[test]
fn with_any_rule_of_the_default_policy_changed_something_else_leaves() {
    let setting = Setting { dictionary: learned(&[]), ..Setting::new(Vec::new()) };
    let (mut without_field, mut locked, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for kind in Kind::all() {
        let Some((stream, record, form)) = record(kind) else {
            without_field.push(kind);
            continue;
        };
        let output = |rules: &Rules| {
            let mut redactor =
                Redactor::new(rules, &setting.names, &setting.dictionary, &stream).ok().unwrap();
            let out = redactor.apply(Raw::new(record.clone().into_bytes(), form)).ok().unwrap();
            String::from_utf8(out.bytes().to_vec()).unwrap()
        };
        let kept = setting.rules.treatment(kind) == Treatment::Keep;
        let action = if kept { "drop" } else { "keep" };
        let changed = |action: &str| {
            let rule = json!({"do": action, "reason": "changed", "ticket": "T-1", "until": "2099-01-01"});
            let policy = json!({"schema": "entra-bundle/policy/1", "id": "x", "version": 1,
                "extends": ["builtin:balanced@1"], "recipient": {"text": "support"}, "kinds": {kind.id(): rule}});
            Policy::parse(&policy.to_string(), "p.json")
                .and_then(|policy| Rules::resolve_on(&policy, Catalogue::builtin(), Some("2026-11-20")))
                .ok()
        };
        let rules = changed(action);
        let Some(rules) = rules else {
            locked.push(kind);
            continue;
        };
        let (before, after) = (output(&setting.rules), output(&rules));
        // The parts of a composite follow rules of their own: its own can take all of it away.
        if before == after && !kept {
            if before == output(&changed("drop").unwrap()) {
                wrong.push(format!("the rule of {kind} makes no difference in {stream:?}: {before}"));
            }
            continue;
        }
        if before.contains(value(kind)) != kept || after.contains(value(kind)) == kept {
            wrong.push(format!("{kind}, {action}, in {stream:?}: {before} became {after}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // No policy keeps a secret, nor a certificate as it is.
    assert_eq!(locked, [Kind::Certificate, Kind::Secret]);
    assert_eq!(without_field, WITHOUT_FIELD, "kinds without a member of their own");
}

/// Kinds whose rule no single value shows: of credentials nothing but members of other kinds stays,
/// changed properties are explained by their siblings, lints stand in what the program itself writes
/// (`tests/it/secrets.rs`, `redaction.rs`, `order.rs`).
const WITHOUT_FIELD: &[Kind] = &[Kind::Credential, Kind::ModifiedValue, Kind::Lint];

#[test]
fn without_any_part_of_the_leak_check_something_passes() {
    let setting = setting();
    let person = &setting.people[0];
    let all = setting.rules.treated();
    let check = |without: &'static str| {
        LeakCheck::new(&setting.dictionary, all, vec![vec![7; 32].into()]).without(without)
    };
    let whats = |check: &LeakCheck<'_>, text: &str| -> BTreeSet<&'static str> {
        check.check("x", &mut text.as_bytes()).ok().unwrap().into_iter().map(|leak| leak.what).collect()
    };
    let mut texts: Vec<String> = unlearned(person).into_iter().map(|(text, _)| text).collect();
    let written: Vec<String> =
        forms(person, &setting.names, &mut Random(3)).into_iter().map(|form| form.written).collect();
    for form in &written {
        let some = ["plain", "percent", "quoted-printable", "base64", "utf-16 in text"];
        for encoding in encode::ALL.iter().filter(|one| wanted() || some.contains(&one.name)) {
            texts.push(format!("value='{}' failed", (encoding.write)(&format!("object {form} was updated"))));
        }
    }
    let cut: String = person.name.chars().take(person.name.chars().count() - 1).collect();
    texts.push(format!("by {cut}… today"));
    let (head, tail) = person.name.split_at(person.name.len() - 4);
    texts.push(format!("Identity          : {head}\n                    {tail}"));
    texts.push(format!("user={}", person.sam));
    texts.push(data_encoding::HEXLOWER.encode(&[7; 32]));
    // Which finds there are, and for each part a text that is stopped with it alone.
    let mut families: BTreeSet<&'static str> = BTreeSet::new();
    let mut found: Vec<(String, BTreeSet<&'static str>)> = Vec::new();
    let whole = check("");
    for text in texts {
        let whats = whats(&whole, &text);
        families.extend(&whats);
        found.push((text, whats));
    }
    let mut unneeded = Vec::new();
    for part in leak::PARTS.into_iter().chain(families.iter().copied()) {
        let check = check(part);
        if !found.iter().any(|(text, known)| !known.is_empty() && whats(&check, text) != *known) {
            unneeded.push(part);
        }
    }
    assert!(unneeded.is_empty(), "nothing passes without {unneeded:?}");
    let families: Vec<&str> = families.into_iter().collect();
    assert_eq!(families, FAMILIES, "a family of finds has no text");
}

/// Everything that a find of the leak check may be called.
const FAMILIES: &[&str] = &[
    "account",
    "anchor",
    "domain",
    "entra_sid",
    "group_name",
    "host",
    "ip_address",
    "job",
    "key",
    "mac_address",
    "object_id",
    "person_name",
    "puid",
    "secret:authorization",
    "secret:bitlocker",
    "secret:client-secret",
    "secret:jwt",
    "secret:key-value",
    "secret:pem",
    "secret:sas",
    "secret:totp",
    "sid",
    "upn",
];
