//! Certificates in fields: their technical facts stay, what names somebody is treated, the body goes.

use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::privacy::{IncidentKey, Learner, Policy, Pseudonymizer, Redactor, Rules, Tally};
use entra_bundle::record::{Form, Raw};
use serde_json::{Value, json};

/// Certificates made with OpenSSL, and what OpenSSL says of them.
fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/certificates.json")).unwrap()
}

fn names() -> Pseudonymizer {
    Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).unwrap()
}

fn redact(preset: &str, dataset: &str, form: Form, record: &str) -> (String, Tally) {
    let rules = Rules::resolve(&Policy::builtin(preset).unwrap(), Catalogue::builtin()).unwrap();
    let (names, dictionary) = (names(), Learner::new().freeze());
    let mut redactor =
        Redactor::new(&rules, &names, &dictionary, &Stream::new(Source::Graph, dataset)).unwrap();
    let out = redactor.apply(Raw::new(record.as_bytes().to_vec(), form)).unwrap();
    (String::from_utf8(out.bytes().to_vec()).unwrap(), redactor.into_tally())
}

/// What becomes of a certificate in the key of an application.
fn key_of(preset: &str, text: &str) -> Option<Value> {
    let record = json!({"keyCredentials": [{"type": "AsymmetricX509Cert", "key": text}]}).to_string();
    let out: Value = serde_json::from_str(&redact(preset, "applications", Form::Json, &record).0).unwrap();
    let key = out["keyCredentials"][0].get("key")?;
    Some(serde_json::from_str(key.as_str().unwrap()).unwrap())
}

#[test]
fn a_certificate_becomes_what_openssl_says_of_it() {
    let vectors = vectors();
    for name in ["ca", "user", "signing"] {
        let vector = &vectors[name];
        let der = vector["der"].as_str().unwrap();
        let wrapped: String =
            der.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\r\n").collect();
        let bytes = data_encoding::BASE64.decode(der.as_bytes()).unwrap();
        for text in [
            der.to_owned(),
            wrapped.clone(),
            format!("-----BEGIN CERTIFICATE-----\n{wrapped}-----END CERTIFICATE-----\n"),
            data_encoding::BASE64URL_NOPAD.encode(&bytes),
            data_encoding::HEXLOWER.encode(&bytes),
            data_encoding::BASE64.encode(der.as_bytes()),
        ] {
            let facts = key_of("minimal", &text).unwrap_or_else(|| panic!("{name}: {}", &text[..40]));
            for (member, expected) in
                [("notBefore", "notBefore"), ("notAfter", "notAfter"), ("thumbprint", "sha1")]
            {
                assert_eq!(facts[member], vector[expected], "{name} {member}");
            }
            let serial = vector["serial"].as_str().unwrap();
            assert_eq!(
                facts["serial"].as_str().unwrap().trim_start_matches('0'),
                serial.trim_start_matches('0')
            );
        }
        for preset in ["minimal", "balanced", "strict"] {
            let facts = key_of(preset, der).unwrap();
            let text = facts.to_string();
            assert_eq!(facts["notAfter"], vector["notAfter"]);
            for personal in ["Greta", "greta", "Schmidt", "laptop-7q2k", &der[100..140]] {
                assert!(!text.contains(personal), "{preset} {name}: {text}");
            }
        }
    }
    let signing = key_of("balanced", vectors["signing"]["der"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&signing["keyAlgorithm"], &signing["keyBits"], &signing["selfIssued"], &signing["isCa"]),
        (&json!("rsa"), &json!(2048), &json!(true), &json!(false))
    );
    // The thumbprint of a service is compared between the two ends of a federation.
    assert_eq!(signing["thumbprint"], vectors["signing"]["sha1"]);
    let user = key_of("balanced", vectors["user"]["der"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&user["keyAlgorithm"], &user["curve"], &user["hostNames"], &user["selfIssued"]),
        (&json!("ec"), &json!("1.2.840.10045.3.1.7"), &json!(1), &json!(false))
    );
    let ca = key_of("balanced", vectors["ca"]["der"].as_str().unwrap()).unwrap();
    assert_eq!((&ca["isCa"], &ca["subject"]), (&json!(true), &user["issuer"]));
}

#[test]
fn the_names_in_a_certificate_join_those_of_fields() {
    let vectors = vectors();
    let user = key_of("balanced", vectors["user"]["der"].as_str().unwrap()).unwrap();
    let upn = json!({"userPrincipalName": "greta.schmidt@contoso.com"}).to_string();
    let upn: Value = serde_json::from_str(&redact("balanced", "users", Form::Json, &upn).0).unwrap();
    assert_eq!(user["logins"], json!([upn["userPrincipalName"], upn["userPrincipalName"]]));
    let thumbprint = names().thumbprint(vectors["user"]["sha1"].as_str().unwrap()).unwrap();
    assert_eq!(user["thumbprint"], thumbprint);
    assert!(user["subject"].as_str().unwrap().contains("CN=n-"), "{user}");
    assert!(key_of("strict", vectors["user"]["der"].as_str().unwrap()).unwrap().get("thumbprint").is_none());
}

#[test]
fn what_is_no_certificate_is_dropped_and_counted() {
    let vectors = vectors();
    let der = vectors["user"]["der"].as_str().unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
    for (at, broken) in [
        "not base64 at all: Greta Schmidt".to_owned(),
        der[..der.len() - 8].to_owned(),
        format!("{der}{der}"),
        format!("{pem}{pem}"),
        pem.replace("CERTIFICATE", "PRIVATE KEY"),
        der.replacen('C', "Z", 1),
        data_encoding::BASE64.encode(b"Greta Schmidt has no certificate here"),
        "M".repeat(1 << 20),
        "30820000".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let record =
            json!({"keyCredentials": [{"keyId": "f7cc07d7-7c15-447d-876d-c01b0e5a9e38", "key": broken}]})
                .to_string();
        let (out, tally) = redact("minimal", "applications", Form::Json, &record);
        assert!(!out.contains("\"key\""), "{at}: {out}");
        let place = &tally.places[&("applications".to_owned(), "/keyCredentials/key".to_owned())];
        assert_eq!((place.counts.dropped, place.counts.violations), (1, 1), "{at}");
    }
    // Nor a number or an object in its place.
    let (out, _) = redact(
        "minimal",
        "applications",
        Form::Json,
        r#"{"keyCredentials":[{"key":[48,130,1]},{"key":{"a":"MIIC"}}]}"#,
    );
    assert!(!out.contains("48") && !out.contains("MIIC"), "{out}");
}

#[test]
fn no_policy_lets_the_body_out() {
    let held = |rule: &str| {
        format!(
            r#"{{"schema":"entra-bundle/policy/1","id":"x","version":1,"extends":["builtin:minimal@1"],"recipient":{{"text":"s"}},
            "kinds":{{"certificate":{{"do":{rule},"reason":"r","ticket":"t","until":"2030-01-01"}}}}}}"#
        )
    };
    for rule in [r#""keep""#, r#""scan""#, r#""pseudonymize""#, r#""parse","as":"json""#] {
        let said = Policy::parse(&held(rule), "p.json").err().unwrap().to_string();
        assert!(said.contains("never leaves") || said.contains("as` cert"), "{rule}: {said}");
    }
    for rule in [r#""drop""#, r#""redact""#] {
        assert!(Policy::parse(&held(rule), "p.json").is_ok(), "{rule}");
    }
}
