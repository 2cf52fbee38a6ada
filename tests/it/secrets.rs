//! Secrets: every form of them leaves, under every preset, and nothing that a customer may write keeps them.

use entra_bundle::catalogue::{Catalogue, Field, Source, Stream};
use entra_bundle::kind::{Kind, KindSet};
use entra_bundle::privacy::{
    IncidentKey, LeakCheck, Learner, Policy, Pseudonymizer, Redactor, Renderer, Rules, TextEngine,
};
use entra_bundle::record::{Form, Raw};

const VALUE: &str = "Zyx9-Wvut8_Srq7.Pon6";

fn names() -> Pseudonymizer {
    Pseudonymizer::new(&IncidentKey::from_bytes(std::array::from_fn(|i| i as u8))).unwrap()
}

fn scan(preset: &str, text: &str) -> String {
    let policy = Policy::builtin(preset).unwrap();
    let rules = Rules::resolve(&policy, Catalogue::builtin()).map_err(|e| e.to_string()).unwrap();
    let (names, dictionary) = (names(), Learner::new().freeze());
    let mut out = Vec::new();
    TextEngine::new(&dictionary).scan(text, &mut Renderer::new(&rules, &names, &dictionary), &mut out);
    String::from_utf8(out).unwrap()
}

/// What stands around a secret, and the secret. The leak check must know those marked.
fn forms() -> Vec<(String, String, bool)> {
    let a = |count: usize| "aB3".repeat(count / 3 + 1)[..count].to_owned();
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl".to_owned();
    let client = format!("abc8{}0123456789abcdefghijABCDEFGHIJ_-.~", "Q~");
    let refresh = format!("0.A{}", a(60));
    vec![
        ("Bearer ⟨⟩ sent".into(), jwt.clone(), true),
        ("id_token=⟨⟩&x".into(), jwt, true),
        ("app secret ⟨⟩ expired".into(), client, true),
        ("got ⟨⟩ back".into(), refresh, false),
        (
            "https://x.blob.core.windows.net/c?sv=1&sig=⟨⟩&se=2".into(),
            "abcDEF0123456789%2Bxyz%3D".into(),
            true,
        ),
        ("Endpoint=sb://x/;SharedAccessKeyName=r;SharedAccessKey=⟨⟩;".into(), a(43), true),
        ("AccountName=x;AccountKey=⟨⟩==;EndpointSuffix=y".into(), a(86), true),
        ("Server=x;User Id=y;Password=⟨⟩;".into(), VALUE.into(), true),
        ("client_secret=⟨⟩&scope=x".into(), VALUE.into(), true),
        ("refresh_token: ⟨⟩".into(), VALUE.into(), true),
        ("{\\\"password\\\":\\\"⟨⟩\\\"}".into(), VALUE.into(), true),
        ("Authorization: Basic ⟨⟩".into(), "dXNlcjpwYXNzd29yZA".into(), true),
        ("Cookie: ESTSAUTH=⟨⟩".into(), a(40), false),
        ("-----BEGIN PRIVATE KEY-----\n⟨⟩\n-----END PRIVATE KEY-----".into(), a(64), true),
        ("otpauth://totp/x:y?secret=⟨⟩&issuer=z".into(), "JBSWY3DPEHPK3PXP".into(), true),
        ("key ⟨⟩ saved".into(), "000011-000022-000033-000044-000055-000066-000077-000088".into(), true),
        ("temporaryAccessPass: ⟨⟩ valid".into(), "TAPx9-77!qW".into(), false),
        ("LAPS password=⟨⟩ set".into(), VALUE.into(), true),
        ("NTHash: ⟨⟩".into(), "8846f7eaee8fb117ad06bdd830b7586c".into(), false),
        ("BannedPasswordList=⟨⟩".into(), "contoso1,contosoteam9".into(), false),
        ("SAMLResponse=⟨⟩".into(), a(80), false),
        ("storage ⟨⟩== here".into(), format!("{}+ASt{}", a(76), a(6)), false),
        ("bus ⟨⟩= here".into(), format!("{}+ASb{}", a(33), a(6)), false),
        ("function ⟨⟩== here".into(), format!("{}AzFu{}", a(44), a(6)), false),
        ("api ⟨⟩ here".into(), format!("{}JQQJ99{}", a(52), a(26)), false),
    ]
}

#[test]
fn every_form_leaves_under_every_preset() {
    let dictionary = Learner::new().freeze();
    let check = LeakCheck::new(&dictionary, KindSet::of(&[Kind::Upn]), Vec::new());
    let leaks = |text: &str| check.check("x", &mut text.as_bytes()).unwrap().len();
    for (around, secret, seen) in forms() {
        let text = around.replace("⟨⟩", &secret);
        for preset in ["minimal", "balanced", "strict"] {
            let out = scan(preset, &text);
            assert!(!out.contains(&secret) && out.contains("[secret:"), "{text} -> {out}");
            assert_eq!(leaks(&out), 0, "{out}");
        }
        assert!(!seen || leaks(&text) > 0, "the leak check does not see {text}");
    }
}

#[test]
fn a_certificate_in_text_loses_its_body() {
    let mut der = vec![0x30, 0x82, 0x02, 0x00, 0x30, 0x82, 0x01, 0x00];
    der.extend((0..300).map(|at| (at % 251) as u8));
    let body = data_encoding::BASE64.encode(&der);
    let out = scan("balanced", &format!("cert {body} end"));
    assert_eq!(out, "cert [redacted:certificate] end");
}

/// Every field of the catalogue that holds a secret, against every policy that would keep it.
#[test]
fn nothing_that_a_customer_may_write_keeps_a_secret() {
    let catalogue = Catalogue::builtin();
    let rule = |select: &str, body: &str| {
        format!(
            r#"{{"schema":"entra-bundle/policy/1","id":"x","version":1,"extends":["builtin:minimal@1"],"recipient":{{"text":"s"}},
            "exceptions":[{{"id":"e","dataset":"*","select":"{select}",{body},"reason":"r","ticket":"t","until":"2030-01-01"}}]}}"#
        )
    };
    let (mut fields, mut accepted) = (0, 0);
    let mut seen = std::collections::HashSet::new();
    for dataset in catalogue.datasets() {
        for source in Source::ALL {
            let stream = Stream::new(source, &*dataset.id);
            let Some(root) = catalogue.root(&stream) else { continue };
            if !seen.insert(root) {
                continue;
            }
            for (path, record) in secrets(catalogue, root) {
                fields += 1;
                // Each place once with one of the policies, so that the test stays quick.
                let bodies = [
                    r#""do":"keep","grammar":"pattern:text""#,
                    r#""do":"scan""#,
                    r#""do":"pseudonymize""#,
                    r#""kind":"fact""#,
                    r#""kind":"text""#,
                ];
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                let selects = [path.as_str(), parent, "/**"];
                let select = selects[fields % 3];
                if select.is_empty() {
                    continue;
                }
                let text = rule(select, bodies[fields % bodies.len()]);
                let Ok(policy) = Policy::parse(&text, "p.json") else { continue };
                let Ok(rules) = Rules::resolve_on(&policy, catalogue, Some("2026-11-20")) else { continue };
                accepted += 1;
                let (names, dictionary) = (names(), Learner::new().freeze());
                let Ok(mut redactor) = Redactor::new(&rules, &names, &dictionary, &stream) else { continue };
                let Ok(out) = redactor.apply(Raw::new(record.clone().into_bytes(), Form::Json)) else {
                    continue;
                };
                let out = String::from_utf8_lossy(out.bytes()).into_owned();
                assert!(!out.contains(VALUE), "{} {path} under {text}: {out}", stream.dataset);
            }
        }
    }
    assert!(fields > 20 && accepted > 3, "{fields} fields, {accepted} policies");
}

/// Paths to fields of kind `secret` at most three members deep, each with a record that holds one.
fn secrets(catalogue: &Catalogue, root: entra_bundle::catalogue::TypeId) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![(root, Vec::<String>::new())];
    while let Some((of, path)) = open.pop() {
        for (name, field) in &catalogue.record_type(of).fields {
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            let mut path = path.clone();
            path.push(name.clone());
            match field {
                Field::Value { kind: Kind::Secret, .. } => {
                    let inner = path
                        .iter()
                        .rev()
                        .fold(format!("\"{VALUE}\""), |inner, name| format!("{{\"{name}\":{inner}}}"));
                    found.push((format!("/{}", path.join("/")), inner));
                }
                Field::Object(inner) if path.len() < 3 => open.push((*inner, path)),
                _ => {}
            }
        }
    }
    found.truncate(2);
    found
}
