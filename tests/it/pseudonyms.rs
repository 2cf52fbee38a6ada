//! Tests of pseudonyms: the published vectors, the independent scripts, the laws and hostile input.

use super::shared;
use entra_bundle::privacy::{
    IncidentKey, Leaf, Letter, Parts, Pseudonymizer, canon, canon_domain, guid_of_anchor, guid_of_sid,
    is_token, parse_guid,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn table() -> Value {
    serde_json::from_slice(&std::fs::read(vectors().join("tokens.json")).unwrap()).unwrap()
}

fn unhex<const N: usize>(s: &str) -> [u8; N] {
    data_encoding::HEXLOWER.decode(s.as_bytes()).unwrap().try_into().unwrap()
}

fn names_of(key: [u8; 32]) -> Pseudonymizer {
    Pseudonymizer::new(&IncidentKey::from_bytes(key)).unwrap()
}

fn sample() -> Pseudonymizer {
    names_of(std::array::from_fn(|i| i as u8))
}

fn letter(name: &str) -> Letter {
    Letter::ALL.into_iter().find(|l| l.char().to_string() == name).unwrap()
}

fn parts(entry: &Value) -> Parts {
    let Some(list) = entry.get("parts") else { return Parts::ALL };
    let has = |name: &str| list.as_array().unwrap().iter().any(|part| part == name);
    Parts {
        account: has("account"),
        domain: has("domain"),
        consumer: has("domain"),
        host: has("host"),
        person: has("person"),
        org: has("org"),
    }
}

/// What the crate gives for one entry of the vectors.
fn compute(key: [u8; 32], names: &Pseudonymizer, entry: &Value) -> Value {
    let input = entry["input"].as_str().unwrap_or_default();
    match entry["function"].as_str().unwrap() {
        "key_id" => json!(names.key_id()),
        "key_text" => json!(*IncidentKey::from_bytes(key).to_text()),
        "from_org" => {
            let derived = IncidentKey::from_org(&key, &unhex(input)).unwrap();
            json!(data_encoding::HEXLOWER.encode(derived.bytes()))
        }
        "canon" => json!(canon(input)),
        "canon_domain" => json!(canon_domain(input)),
        "is_token" => json!(is_token(input)),
        "token" => json!(names.token(letter(entry["letter"].as_str().unwrap()), input)),
        "token_bytes" => {
            let bytes = data_encoding::HEXLOWER.decode(input.as_bytes()).unwrap();
            json!(names.token_bytes(letter(entry["letter"].as_str().unwrap()), &bytes))
        }
        "domain" => json!(names.domain(input)),
        "host" => json!(names.host(input)),
        "account" => json!(names.account(input)),
        "upn" => json!(names.upn(input, parts(entry))),
        "netbios" => json!(names.netbios(input, parts(entry))),
        "proxy_address" => json!(names.proxy_address(input, parts(entry))),
        "legacy_dn" => json!(names.legacy_dn(input, parts(entry))),
        "dn" => {
            let leaf = match entry.get("leaf").and_then(Value::as_str) {
                Some("group") => Leaf::Group,
                Some("host") => Leaf::Host,
                _ => Leaf::Person,
            };
            json!(names.dn(input, leaf, parts(entry)))
        }
        "guid" => json!(data_encoding::HEXLOWER.encode(&names.guid(unhex(input)))),
        "guid_text" => json!(names.guid_text(input)),
        "anchor" => json!(names.anchor(input)),
        "connector" => json!(names.connector(input)),
        "sid" => json!(names.sid(input)),
        "address" => json!(names.address(input)),
        "network" => json!(names.network(input)),
        "mac" => json!(names.mac(input)),
        "thumbprint" => json!(names.thumbprint(input)),
        "tenant" => json!(names.tenant(unhex(input))),
        "date_shift" => json!(names.date_shift_days(entry["input"].as_u64().unwrap().try_into().unwrap())),
        "dictionary" => {
            let entries: Vec<(String, String)> = serde_json::from_value(entry["input"].clone()).unwrap();
            let kinds = ["full", "host", "account"];
            json!(names.dictionary_digest(entries.into_iter().map(|(kind, text)| {
                (*kinds.iter().find(|known| **known == kind).unwrap(), text.into_bytes())
            })))
        }
        other => panic!("unknown function {other} in the vectors"),
    }
}

#[test]
fn the_crate_gives_the_published_vectors() {
    let table = table();
    assert_eq!(table["unicode"], entra_bundle::privacy::canon::UNICODE);
    let keys: Vec<[u8; 32]> =
        table["keys"].as_array().unwrap().iter().map(|k| unhex(k.as_str().unwrap())).collect();
    let names: Vec<Pseudonymizer> = keys.iter().map(|key| names_of(*key)).collect();
    let entries = table["vectors"].as_array().unwrap();
    let mut wrong = Vec::new();
    for entry in entries {
        let key = entry.get("key").and_then(Value::as_u64).unwrap_or(0) as usize;
        let computed = compute(keys[key], &names[key], entry);
        if computed != entry["output"] {
            wrong.push(format!("{entry} != {computed}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} entries differ:\n{}", wrong.len(), entries.len(), wrong.join("\n"));
    assert!(entries.len() > 500, "the vectors shrank");
}

/// Runs a Python script, or says in one line that there is no Python.
fn python(test: &str, script: &Path) -> Option<String> {
    let output = match Command::new("python3").arg(script).env("PYTHONDONTWRITEBYTECODE", "1").output() {
        Ok(output) => output,
        Err(_) => {
            eprintln!("SKIPPED {test}: no python3 on PATH");
            return None;
        }
    };
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{test}: {stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(stdout)
}

#[test]
fn an_independent_script_gives_the_published_vectors() {
    if let Some(said) =
        python("an_independent_script_gives_the_published_vectors", &vectors().join("check_tokens.py"))
    {
        assert!(said.contains(" 0 differences"), "{said}");
    }
}

#[test]
fn the_reference_of_the_design_agrees() {
    let test = "the_reference_of_the_design_agrees";
    let Some(folder) = shared::folder(test) else { return };
    let Some(said) = python(test, &folder.join("design/tokens_reference.py")) else { return };
    let reference: Value = serde_json::from_str(&said).unwrap();
    let key = unhex(reference["key"].as_str().unwrap());
    let names = names_of(key);
    let guid = parse_guid("f7cc07d7-7c15-447d-876d-c01b0e5a9e38").unwrap();
    let from_org = IncidentKey::from_org(&[1; 32], &[2; 16]).unwrap();
    let single = [
        ("key_id", names.key_id().to_owned()),
        ("key_from_org", Pseudonymizer::new(&from_org).unwrap().key_id().to_owned()),
        ("tenant", names.tenant(guid)),
        ("guid", names.guid_text("f7cc07d7-7c15-447d-876d-c01b0e5a9e38").unwrap()),
        ("entra_sid", names.sid("S-1-12-1-4157343703-1149074453-465595783-949901838").unwrap()),
        ("immutable_id", names.anchor("1wfM9xV8fUSHbcAbDlqeOA==").unwrap()),
        ("thumbprint", names.thumbprint(&"11".repeat(20)).unwrap().to_uppercase()),
        (
            "dictionary",
            names.dictionary_digest(
                [("full", b"greta schmidt".to_vec()), ("host", b"laptop-7q2k".to_vec())].into_iter(),
            ),
        ),
    ];
    let mut compared = 0;
    for (name, ours) in single {
        assert_eq!(reference[name], ours, "{name}");
        compared += 1;
    }
    let connector = "1wfM9xV8fUSHbcAbDlqeOA==".bytes().map(|b| format!("{b:02X}")).collect::<String>();
    assert_eq!(reference["connector"], names.connector(&format!("CN={{{connector}}}")).unwrap());
    assert_eq!(reference["date_shift_30"], names.date_shift_days(30));
    for (function, rows) in reference.as_object().unwrap().iter().filter(|(_, rows)| rows.is_object()) {
        for (input, expected) in rows.as_object().unwrap() {
            let entry = match function.as_str() {
                "tok" => {
                    let (letter, text) = input.split_once(' ').unwrap();
                    json!({"function": "token", "letter": letter, "input": text})
                }
                "mac_address" => json!({"function": "mac", "input": input}),
                "ip" => json!({"function": "address", "input": input}),
                "cidr" => json!({"function": "network", "input": input}),
                same => json!({"function": same, "input": input}),
            };
            assert_eq!(&compute(key, &names, &entry), expected, "{function} {input}");
            compared += 1;
        }
    }
    assert!(compared > 40, "compared {compared} values only");
}

#[test]
fn tokens_are_injective_on_many_values_and_stay_15_long() {
    let names = sample();
    let mut seen = HashMap::new();
    for index in 0..20_000_u32 {
        let value = format!("user{index}");
        let token = names.token(Letter::U, &value);
        assert!(token.len() == 15 && is_token(&token));
        assert_eq!(seen.insert(token, value), None);
        assert!(seen.contains_key(&names.token(Letter::U, &format!(" USER{index}\n"))));
    }
    let sizes = [0, 1, 63, 64, 65, 1000, 1 << 20];
    assert!(sizes.iter().all(|size| names.token(Letter::A, &"é".repeat(*size)).len() == 15));
    let (token, second) = names.token_with_fingerprint(Letter::U, "Greta");
    assert_eq!(token, names.token(Letter::U, "greta"));
    assert_ne!(second, names.token_with_fingerprint(Letter::U, "gretb").1);
}

#[test]
fn keys_do_not_share_tokens() {
    let (a, b) = (sample(), names_of([7; 32]));
    assert_ne!(a.key_id(), b.key_id());
    for value in ["greta@contoso.com", "CONTOSO\\x", "contoso.com"] {
        assert_ne!(a.upn(value, Parts::ALL), b.upn(value, Parts::ALL));
    }
    assert_ne!(a.guid([1; 16]), b.guid([1; 16]));
    assert_ne!(a.address("203.0.113.7"), b.address("203.0.113.7"));
}

/// Values that contain nothing but separators, marks and broken pieces, and very long ones.
fn hostile() -> Vec<String> {
    let mut out: Vec<String> = [
        "",
        " ",
        "\0",
        "@",
        "\\",
        "$",
        ".",
        "..",
        ":",
        "/",
        "-",
        "_",
        "=",
        ",",
        "+",
        "|",
        "<",
        ">",
        "[",
        "]",
        "{",
        "}",
        "%",
        "#",
        "\"",
        "\u{feff}",
        "\u{202e}x",
        "\u{fffd}",
        "#EXT#",
        "_#EXT#@",
        "i:0#.f|",
        "CN=",
        "<GUID=>",
        "S-1-",
        "0x",
        "xn--",
        "xn--a.xn--\u{fc}",
        "SMTP:",
        "/o=",
        "1.2.3.4:",
        "::ffff:",
        "é\0é",
    ]
    .map(String::from)
    .into();
    for piece in [
        "x", "é", "\u{301}", ".", "@", "\\", "_", "-1", "CN=x,", "\\2C", "=", "|", "1:", "\0", "ß.", "f7",
        "#EXT#", "$",
    ] {
        out.push(piece.repeat((1 << 20) / piece.len()));
    }
    out
}

#[test]
fn hostile_input_never_panics_and_formats_refuse_it() {
    let names = sample();
    for s in hostile() {
        assert_eq!(names.token(Letter::N, &s).len(), 15);
        assert_eq!(canon(&canon(&s)), canon(&s));
        assert_eq!(canon_domain(&canon_domain(&s)), canon_domain(&s));
        for parts in [Parts::ALL, Parts { domain: true, ..Parts::NONE }, Parts::NONE] {
            let _ = (names.upn(&s, parts), names.netbios(&s, parts), names.proxy_address(&s, parts));
            for leaf in [Leaf::Person, Leaf::Group, Leaf::Host] {
                let _ = names.dn(&s, leaf, parts);
            }
        }
        let _ = (names.domain(&s), names.host(&s), names.account(&s), names.legacy_dn(&s, Parts::ALL));
        let refused = [
            names.guid_text(&s),
            names.anchor(&s),
            names.connector(&s),
            names.sid(&s),
            names.address(&s),
            names.network(&s),
            names.mac(&s),
            names.thumbprint(&s),
        ];
        assert!(refused.iter().all(Option::is_none), "{:.30?}", s);
        assert!(parse_guid(&s).is_none() && guid_of_sid(&s).is_none() && guid_of_anchor(&s).is_none());
        assert!(!is_token(&s) && IncidentKey::parse(&s).is_err());
    }
}

fn sid_of(g: [u8; 16]) -> String {
    // A second way to write it: the words of the text form.
    let word = |a, b, c, d| u32::from_be_bytes([g[a], g[b], g[c], g[d]]);
    format!(
        "S-1-12-1-{}-{}-{}-{}",
        word(0, 1, 2, 3),
        word(6, 7, 4, 5),
        word(11, 10, 9, 8),
        word(15, 14, 13, 12)
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn canon_is_idempotent_and_decides_equality(s in any::<String>(), t in any::<String>()) {
        let names = sample();
        let once = canon(&s);
        prop_assert_eq!(canon(&once), once.clone());
        prop_assert_eq!(names.token(Letter::N, &once), names.token(Letter::N, &s));
        prop_assert_eq!(canon(&s) == canon(&t), names.token(Letter::N, &s) == names.token(Letter::N, &t));
        let domain = canon_domain(&s);
        prop_assert_eq!(canon_domain(&domain), domain.clone());
        prop_assert_eq!(names.domain(&domain), names.domain(&s));
        prop_assert_eq!(names.host(&s.to_ascii_uppercase()), names.host(&s.to_ascii_lowercase()));
    }

    #[test]
    fn guid_sid_and_anchor_agree(g in any::<[u8; 16]>()) {
        let names = sample();
        let mapped = names.guid(g);
        prop_assert!(mapped[..2] == [0xfa, 0xde] && mapped[6] >> 4 == 8 && mapped[8] >> 6 == 2);
        let sid = sid_of(g);
        prop_assert_eq!(guid_of_sid(&sid), Some(g));
        prop_assert_eq!(names.sid(&sid).unwrap(), sid_of(mapped));
        let mut le = g;
        le[..4].reverse();
        le[4..6].reverse();
        le[6..8].reverse();
        let anchor = data_encoding::BASE64.encode(&le);
        prop_assert_eq!(guid_of_anchor(&anchor), Some(g));
        prop_assert_eq!(guid_of_anchor(&names.anchor(&anchor).unwrap()), Some(mapped));
        let plain = data_encoding::HEXUPPER.encode(&g);
        prop_assert_eq!(parse_guid(&names.guid_text(&plain).unwrap()), Some(mapped));
        let octets: String = le.iter().map(|b| format!("\\{b:02x}")).collect();
        prop_assert_eq!(parse_guid(&names.guid_text(&octets).unwrap()), Some(mapped));
    }

    #[test]
    fn networks_contain_their_addresses(high in 0x2000_u16..0xfe00, low in any::<u64>(), len in 32_u8..=128) {
        let names = sample();
        let address = std::net::Ipv6Addr::from(u128::from(high) << 112 | u128::from(low) << 24);
        let mapped: u128 = names.address(&address.to_string()).unwrap().parse::<std::net::Ipv6Addr>().unwrap().into();
        let net = names.network(&format!("{address}/{len}")).unwrap();
        let (base, written) = net.split_once('/').unwrap();
        prop_assert_eq!(written, len.to_string());
        let base: u128 = base.parse::<std::net::Ipv6Addr>().unwrap().into();
        let mask = u128::MAX.checked_shl(u32::from(128 - len)).unwrap_or(0);
        prop_assert_eq!(mapped & mask, base);
    }

    #[test]
    fn rids_stay_in_their_domain(a: u32, b: u32, c in 1_u32.., rid: u32) {
        let names = sample();
        let domain = format!("S-1-5-21-{a}-{b}-{c}");
        let mapped = names.sid(&format!("{domain}-{rid}")).unwrap();
        let (start, end) = mapped.rsplit_once('-').unwrap();
        prop_assert_eq!(start, names.sid(&domain).unwrap());
        let third: u32 = start.split('-').nth(4).unwrap().parse().unwrap();
        prop_assert_eq!(third >> 16, 0xfade);
        prop_assert_eq!(names.original_rid([a, b, c], end.parse().unwrap()), rid);
    }

    #[test]
    fn nothing_panics(s in "[ -~é\\u{0301}@.$_#|\\\\=,+<>:/-]{0,60}") {
        let names = sample();
        let parts = Parts { person: true, domain: true, ..Parts::NONE };
        for parts in [Parts::ALL, parts] {
            let _ = (names.upn(&s, parts), names.netbios(&s, parts), names.proxy_address(&s, parts));
            let _ = (names.dn(&s, Leaf::Host, parts), names.dn(&format!("CN={s}"), Leaf::Person, parts));
        }
        let _ = (names.address(&s), names.network(&s), names.mac(&s), names.thumbprint(&s), names.sid(&s));
        let _ = (names.domain(&s), names.host(&s), names.account(&s), names.guid_text(&s), names.connector(&s));
    }
}
