//! The published schemas equal the types, and our own files fit them.

use entra_bundle::{bundle, catalogue, privacy, seal};
use schemars::{Schema, schema_for};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("catalogue", schema_for!(Vec<catalogue::Dataset>)),
        ("collection", schema_for!(seal::Collection)),
        ("finding", schema_for!(bundle::Finding)),
        ("manifest", schema_for!(bundle::Manifest)),
        ("proof", bundle::proof::schema()),
        ("policy", schema_for!(privacy::policy::model::File)),
        ("user-catalogue", schema_for!(catalogue::UserFile)),
        ("trust", schema_for!(bundle::trust::File)),
    ]
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(format!("{name}.json"))
}

#[test]
fn the_published_schemas_equal_the_types() {
    for (name, schema) in schemas() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(place(name), &text).unwrap();
        }
        let published = std::fs::read_to_string(place(name)).unwrap_or_default();
        assert!(
            published == text,
            "schemas/{name}.json is stale: run the tests with UPDATE_GOLDEN=1 and review the change"
        );
    }
}

fn fits(name: &str, document: &Value) {
    let (_, schema) = schemas().into_iter().find(|(known, _)| *known == name).unwrap();
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}

#[test]
fn the_presets_fit_the_policy_schema() {
    for preset in privacy::Policy::presets() {
        let text = privacy::Policy::builtin(preset).unwrap().to_json();
        fits("policy", &serde_json::from_str(&text).unwrap());
    }
}

#[test]
fn the_embedded_datasets_fit_the_catalogue_schema() {
    let rows: Vec<Value> =
        catalogue::Catalogue::builtin().datasets().map(|d| serde_json::to_value(d).unwrap()).collect();
    fits("catalogue", &Value::Array(rows));
}

#[test]
fn a_sealed_manifest_and_collection_fit_their_schemas() {
    let machine = crate::program::Machine::new();
    machine.file("in/users.json", r#"{"value":[{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"a@contoso.com","displayName":"A B","accountEnabled":true,"userType":"Member"}]}"#);
    machine.file("in/x.bin", [0u8, 1, 2, 3, 255]);
    assert_eq!(machine.run(&["collect", "--input", "in", "--out", "out"]).code, Some(3));
    let bundle = machine.bundle("out");
    machine.ok(&[
        "unpack",
        bundle.to_str().unwrap(),
        "--to",
        "case",
        "--public-key",
        "config/signing.pub.pem",
    ]);
    for (name, file) in [("manifest", "manifest.json"), ("collection", "meta/collection.json")] {
        let text = std::fs::read_to_string(machine.path("case").join(file)).unwrap();
        fits(name, &serde_json::from_str(&text).unwrap());
    }
}
