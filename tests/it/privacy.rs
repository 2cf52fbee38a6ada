//! `verify --privacy`: the search for identifying shapes that needs no key.

use crate::bundle::forge::{Forge, USERS, key};
use crate::program::Machine;
use entra_bundle::crypto::Algorithm;
use serde_json::json;

#[test]
fn a_sealed_bundle_is_shape_clean_under_every_preset() {
    let machine = Machine::new();
    let user = json!({"id": "f7cc07d7-7c15-447d-876d-c01b0e5a9e38", "userPrincipalName": "greta@contoso.com",
        "displayName": "Greta Schmidt", "onPremisesSecurityIdentifier": "S-1-5-21-1004336348-1177238915-682003330-1104"});
    machine.file(
        "in/users.json",
        json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users", "value": [user]})
            .to_string(),
    );
    let sign_in = json!({"id": "8a1b7c33-0000-4000-8000-000000000001", "createdDateTime": "2026-11-20T10:00:00Z", "ipAddress": "203.0.113.7",
        "userId": "f7cc07d7-7c15-447d-876d-c01b0e5a9e38", "correlationId": "8a1b7c33-0000-4000-8000-000000000002",
        "status": {"errorCode": 1, "additionalDetails": "Correlation ID: 8a1b7c33-0000-4000-8000-000000000002"}});
    machine.file("in/s.json", json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#auditLogs/signIns", "value": [sign_in]}).to_string());
    for preset in ["minimal", "balanced", "strict"] {
        machine.ok(&["collect", "--input", "in", "--policy", preset, "--out", preset]);
        let bundle = machine.bundle(preset);
        let args =
            ["verify", bundle.to_str().unwrap(), "--public-key", "config/signing.pub.pem", "--privacy"];
        let said = machine.ok(&args).out;
        assert!(
            said.contains("shape-clean") && said.contains("unchecked: ") && !said.contains("not shape-clean"),
            "{said}"
        );
        let told = machine.ok(&[&args[..], &["--json"]].concat()).json();
        assert_eq!(told["privacy"]["shapeClean"], true, "{told}");
        assert!(told["privacy"]["unchecked"].is_u64());
    }
}

#[test]
fn unmarked_shapes_end_in_exit_five_without_the_value() {
    let machine = Machine::new();
    let key = key(Algorithm::Ed25519);
    machine.file("key.pem", key.public_pem());
    let policy = json!({"schema": "entra-bundle/policy-projection/1", "privateAddresses": "pseudonymize",
        "kinds": {"upn": {"do": "pseudonymize"}, "object_id": {"do": "pseudonymize"}, "ip_address": {"do": "pseudonymize"},
        "account": {"do": "pseudonymize"}, "domain": {"do": "pseudonymize"}, "sid": {"do": "pseudonymize"}}}).to_string();
    let schema = json!({"schema": "entra-bundle/schema/1", "dataset": "users", "fields": [
        {"path": "/id", "kind": "object_id", "treatment": "pseudonymize", "count": 1},
        {"path": "/note", "kind": "text", "treatment": "scan", "count": 1}]})
    .to_string();
    let clean =
        r#"{"id":"fade0367-97df-873d-b280-ffadf2fb26d0","note":"u-uunltp2igwuex@d-4t3ff5tundavp.example"}"#;
    machine.ok(&["key", "generate", "signing", "--out", "desk.pem"]);
    let receipt = machine.path("got.intoto.jsonl");
    for (record, what) in [
        (clean, None),
        (r#"{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","note":""}"#, Some("object_id")),
        (r#"{"id":1,"note":"by greta@contoso.com today"}"#, Some("upn")),
        (r#"{"id":1,"note":"from 203.0.113.7"}"#, Some("ip_address")),
        (r#"{"id":1,"note":"S-1-5-21-1004336348-1177238915-682003330-1104"}"#, Some("sid")),
        (r#"{"id":1,"note":"password=Sx9kq2Lm4Tz8"}"#, Some("secret:key-value")),
    ] {
        let forge = Forge::new()
            .set(USERS, &format!("{clean}\n{record}\n"))
            .set("meta/policy.json", &policy)
            .set("meta/schema/users.json", &schema);
        machine.file("b.zip", forge.build(&key));
        let args = ["verify", "b.zip", "--public-key", "key.pem"];
        machine.ok(&args);
        let more = ["--privacy", "--receipt", "got.intoto.jsonl", "--sign-key", "desk.pem"];
        let ran = machine.run(&[&args[..], &more].concat());
        assert_eq!(receipt.exists(), what.is_none(), "{}", ran.err);
        if what.is_none() {
            std::fs::remove_file(&receipt).unwrap();
        }
        match what {
            None => assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err),
            Some(what) => {
                assert_eq!(ran.code, Some(5), "{record}: {}{}", ran.out, ran.err);
                assert!(ran.out.contains(&format!("finding   {what} in {USERS}")), "{}", ran.out);
                for value in ["greta", "f7cc07d7", "203.0.113", "1004336348", "Sx9kq"] {
                    assert!(!ran.out.contains(value) && !ran.err.contains(value), "{}{}", ran.out, ran.err);
                }
            }
        }
    }
}
