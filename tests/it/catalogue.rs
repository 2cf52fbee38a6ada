//! Tests of: catalogue. The tables hold together, cover what they promise, and their page is fresh.

mod inventory;

use entra_bundle::catalogue::{Catalogue, Field, Source, Stream, TypeId, fold};
use entra_bundle::kind::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The fields that a path `a/b` reaches in a type.
fn resolves(catalogue: &Catalogue, root: TypeId, path: &str) -> bool {
    let mut at = root;
    let mut rest = path.split('/').peekable();
    while let Some(member) = rest.next() {
        let Some(field) = catalogue.record_type(at).field(member) else { return false };
        match (field, rest.peek()) {
            (Field::Drop, _) => return false,
            (_, None) => return true,
            (Field::Object(next), Some(_)) => at = *next,
            (_, Some(_)) => return false,
        }
    }
    false
}

/// The record types of every shape of a dataset.
fn roots(catalogue: &Catalogue, dataset: &str) -> Vec<TypeId> {
    Source::ALL
        .into_iter()
        .filter_map(|source| catalogue.root(&Stream::new(source, dataset)))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn tables() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalogue/types");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect()
}

fn table(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalogue").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_tables_are_sorted_and_complete_for_people() {
    for name in ["datasets.json", "origins.json"] {
        let rows = table(name);
        let ids: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{name} is not sorted, or an id stands twice");
    }
    for dataset in Catalogue::builtin().datasets() {
        assert!(dataset.title.len() > 3 && !dataset.title.ends_with('.'), "{}", dataset.id);
    }
    for (file, types) in tables() {
        let text = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalogue/types").join(&file),
        )
        .unwrap();
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("  \"")?.split_once('"').map(|(name, _)| name))
            .collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{file} is not sorted");
        assert_eq!(names.len(), types.as_object().unwrap().len(), "{file}");
        assert!(text.lines().count() < 1_600, "{file} is too long to read");
    }
}

#[test]
fn every_file_of_the_folder_is_in_the_catalogue() {
    let catalogue = Catalogue::builtin();
    for (file, types) in tables() {
        for name in types.as_object().unwrap().keys() {
            assert!(catalogue.type_named(name).is_some(), "{file} is not embedded ({name})");
        }
    }
}

#[test]
fn times_keys_and_columns_lead_to_declared_fields() {
    let catalogue = Catalogue::builtin();
    let mut wrong = Vec::new();
    for dataset in catalogue.datasets() {
        let roots = roots(catalogue, &dataset.id);
        let columns = dataset.columns.iter().flat_map(|column| &column.paths);
        for path in dataset.time.iter().chain(&dataset.key).chain(columns) {
            if !roots.iter().any(|root| resolves(catalogue, *root, path)) {
                wrong.push(format!("{}: {path}", dataset.id));
            }
        }
        let mut names = BTreeSet::new();
        for column in &dataset.columns {
            assert!(names.insert(&column.name), "{} has the column {} twice", dataset.id, column.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A log whose records cannot be put in time cannot be cut to an incident.
#[test]
fn logs_have_a_time_in_every_shape() {
    let catalogue = Catalogue::builtin();
    // Aggregates and registrations: counts without a time.
    let timeless = [
        "application_signin_summary",
        "audit_activity_types",
        "user_authentication_methods",
        "users_registered_by_feature",
        "users_registered_by_method",
    ];
    for dataset in catalogue.datasets() {
        if dataset.group != entra_bundle::catalogue::Group::Logs || timeless.contains(&dataset.id.as_str()) {
            continue;
        }
        for root in roots(catalogue, &dataset.id) {
            assert!(
                dataset.time.iter().any(|path| resolves(catalogue, root, path)),
                "{} has no time in the shape {}",
                dataset.id,
                catalogue.record_type(root).name
            );
        }
    }
}

#[test]
fn sign_ins_and_audits_have_the_columns_that_filters_name() {
    let catalogue = Catalogue::builtin();
    let roles = [
        "date",
        "service",
        "category",
        "activity",
        "status",
        "initiator",
        "target",
        "user",
        "app",
        "device",
        "correlation_id",
        "request_id",
    ];
    for id in ["directory_audits", "signins_interactive_user", "signins_service_principal"] {
        let dataset = catalogue.dataset(id).unwrap();
        for role in roles {
            assert!(dataset.columns.iter().any(|column| column.name == role), "{id} has no column {role}");
        }
        let shown: Vec<&str> =
            dataset.columns.iter().filter(|column| column.shown).map(|column| column.name.as_str()).collect();
        assert!((6..=9).contains(&shown.len()), "{id} shows {shown:?}");
    }
}

/// Kinds whose values at least one preset keeps, and which are technical: their fields name a grammar.
const TECHNICAL: &[Kind] = &[
    Kind::AppId,
    Kind::Asn,
    Kind::EventTime,
    Kind::Fact,
    Kind::Platform,
    Kind::ProfileTime,
    Kind::PublicId,
    Kind::PublicThumbprint,
    Kind::RiskDetail,
    Kind::TraceId,
];

#[test]
fn every_technical_field_names_a_grammar() {
    let catalogue = Catalogue::builtin();
    let mut bare = Vec::new();
    for kind in catalogue.types() {
        for (member, field) in kind.fields.iter().chain(kind.rest.iter().map(|field| (&kind.name, field))) {
            if let Field::Value { kind: held, grammar: None } = field
                && TECHNICAL.contains(held)
            {
                bare.push(format!("{}.{member}: {held}", kind.name));
            }
        }
    }
    assert!(bare.is_empty(), "{bare:#?}");
}

/// The members that a field leads to.
fn targets(field: &Field) -> Option<TypeId> {
    match field {
        Field::Object(target) | Field::By { table: target, .. } => Some(*target),
        _ => None,
    }
}

#[test]
fn every_type_is_reached_by_a_dataset() {
    let catalogue = Catalogue::builtin();
    let mut bases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, types) in tables() {
        for (name, row) in types.as_object().unwrap() {
            let list = row["extends"].as_array().map(Vec::as_slice).unwrap_or_default();
            bases.insert(name.clone(), list.iter().map(|base| base.as_str().unwrap().to_owned()).collect());
        }
    }
    let mut open: Vec<TypeId> =
        catalogue.datasets().flat_map(|dataset| roots(catalogue, &dataset.id)).collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !reached.insert(id) {
            continue;
        }
        let kind = catalogue.record_type(id);
        open.extend(kind.fields.values().chain(&kind.rest).filter_map(targets));
        open.extend(bases[&kind.name].iter().map(|base| catalogue.type_named(base).unwrap()));
    }
    let lost: Vec<&str> = catalogue
        .types()
        .filter(|kind| !reached.contains(&catalogue.type_named(&kind.name).unwrap()))
        .map(|kind| kind.name.as_str())
        .collect();
    assert!(lost.is_empty(), "no dataset leads to {lost:?}");
}

/// Two spellings of one member must not hold different things.
#[test]
fn spellings_of_one_member_agree() {
    for (file, types) in tables() {
        for (name, row) in types.as_object().unwrap() {
            let mut seen: BTreeMap<String, &Value> = BTreeMap::new();
            for (member, text) in row["fields"].as_object().unwrap() {
                if let Some(other) = seen.insert(fold(member), text) {
                    assert_eq!(other, text, "{file}: {name}.{member}");
                }
            }
        }
    }
}

/// The secret-bearing properties of Microsoft Graph and of exports: never pseudonymized, always dropped.
#[test]
fn secrets_are_secret_wherever_they_are_declared() {
    let catalogue = Catalogue::builtin();
    let secret = |name: &str, member: &str| {
        let id = catalogue.type_named(name).unwrap_or_else(|| panic!("no type {name}"));
        let field = catalogue.record_type(id).field(member);
        assert!(
            matches!(field, Some(Field::Value { kind: Kind::Secret, .. })),
            "{name}.{member} is {field:?}"
        );
    };
    for (name, member) in [
        ("passwordProfile", "password"),
        ("passwordCredential", "secretText"),
        ("passwordCredential", "hint"),
        ("passwordCredential", "value"),
        ("keyCredential", "value"),
        ("deviceKey", "keyMaterial"),
        ("alternativeSecurityId", "key"),
        ("authenticationMethod", "temporaryAccessPass"),
        ("authenticationMethod", "secretKey"),
        ("authenticationMethod", "password"),
        ("identityProviderBase", "clientSecret"),
        ("oidcClientAuthentication", "clientSecret"),
        ("synchronizationSecretKeyStringValuePair", "value"),
        ("settingValueByName", "BannedPasswordList"),
        ("connectConfiguration", "encrypted-attributes"),
        ("connectConfiguration", "cookie"),
        ("connectParameterValue", "cookie"),
        ("connectParameterValue", "password"),
        ("adAttribute", "unicodePwd"),
        ("modified", "SearchableDeviceKey"),
        ("strongAuthentication", "OathSecretKey"),
    ] {
        secret(name, member);
    }
    // Wherever else a member of such a name is declared, it is not a value that can leave.
    let suspicious = [
        "clientsecret",
        "password",
        "passwordbase64",
        "pkcs12value",
        "secretkey",
        "secrettext",
        "temporaryaccesspass",
        "keymaterial",
    ];
    for kind in catalogue.types() {
        for name in suspicious {
            if let Some(Field::Value { kind: held, .. }) = kind.fields.get(name) {
                assert_eq!(*held, Kind::Secret, "{}.{name}", kind.name);
            }
        }
    }
}

/// Diagnostic records of the risk categories repeat the subject's id in the outer correlation id.
#[test]
fn the_outer_correlation_id_of_risk_records_is_an_identity() {
    let catalogue = Catalogue::builtin();
    let outer = |dataset: &str, member: &str| {
        let root = catalogue.root(&Stream::new(Source::Diagnostic, dataset)).unwrap();
        match catalogue.record_type(root).field(member) {
            Some(Field::Value { kind, .. }) => *kind,
            other => panic!("{other:?}"),
        }
    };
    for dataset in ["risky_users", "risk_detections", "risky_service_principals", "sp_risk_detections"] {
        assert_eq!(outer(dataset, "correlationId"), Kind::ObjectId, "{dataset}");
    }
    for dataset in ["signins_interactive_user", "directory_audits", "provisioning_logs"] {
        assert_eq!(outer(dataset, "correlationId"), Kind::TraceId, "{dataset}");
    }
    assert_eq!(outer("signins_interactive_user", "IDENTITY"), Kind::PersonName);
    assert_eq!(outer("directory_audits", "identity"), Kind::AppName);
}

/// Names and ids of people must not fall into a kind that presets keep.
#[test]
fn members_that_name_people_are_never_facts() {
    let catalogue = Catalogue::builtin();
    let people = [
        "userprincipalname",
        "mail",
        "userdisplayname",
        "givenname",
        "surname",
        "mobilephone",
        "onpremisessamaccountname",
        "userid",
        "ipaddress",
        "proxyaddresses",
    ];
    for kind in catalogue.types() {
        // A mapping of claims holds names of claims, and an extension of a value list none at all.
        if kind.name == "claimsMapping" {
            continue;
        }
        for name in people {
            if let Some(Field::Value { kind: held, .. }) = kind.fields.get(name) {
                assert!(
                    !TECHNICAL.contains(held) && *held != Kind::AppName && *held != Kind::PolicyName,
                    "{}.{name} is {held}",
                    kind.name
                );
            }
        }
    }
}

#[test]
fn origins_lead_to_datasets_and_their_headers_to_fields() {
    let catalogue = Catalogue::builtin();
    for row in table("origins.json").as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let source = Source::parse(row["source"].as_str().unwrap()).unwrap();
        let Some(dataset) = row["dataset"].as_str() else { continue };
        let root = catalogue
            .root(&Stream::new(source, dataset))
            .unwrap_or_else(|| panic!("{id} names the unknown dataset {dataset}"));
        for header in row["header"].as_array().unwrap_or(&Vec::new()) {
            let header = header.as_str().unwrap();
            assert!(catalogue.record_type(root).field(header).is_some(), "{id}: {header}");
        }
    }
}

#[test]
fn every_dataset_of_the_design_is_a_dataset_or_an_origin() {
    let Some(shared) = crate::shared::folder("catalogue_datasets") else { return };
    let design: Value =
        serde_json::from_str(&std::fs::read_to_string(shared.join("design/datasets.json")).unwrap()).unwrap();
    let catalogue = Catalogue::builtin();
    let origins = table("origins.json");
    let origins: BTreeSet<&str> =
        origins.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    let listed = ["datasets", "onprem_artifacts"];
    for row in listed.iter().flat_map(|list| design[list].as_array().unwrap()) {
        let id = row["id"].as_str().unwrap();
        // Starting a subscription is an act, not a kind of data.
        if id != "o365_subscription_start" {
            assert!(catalogue.dataset(id).is_some() || origins.contains(id), "{id} is missing");
        }
    }
}

#[test]
fn the_portal_header_is_declared_column_by_column() {
    let Some(shared) = crate::shared::folder("catalogue_portal_header") else { return };
    let design: Value =
        serde_json::from_str(&std::fs::read_to_string(shared.join("design/datasets.json")).unwrap()).unwrap();
    let catalogue = Catalogue::builtin();
    let root = catalogue.root(&Stream::new(Source::Portal, "signins_interactive_user")).unwrap();
    for header in design["portal_csv_signin_header"].as_array().unwrap() {
        let header = header.as_str().unwrap();
        assert!(catalogue.record_type(root).field(header).is_some(), "{header}");
    }
}

/// Members of polymorphic values stand in the row of the base type, since a record does not choose its row.
#[test]
fn members_of_derived_types_stand_in_the_base_row() {
    let catalogue = Catalogue::builtin();
    for (base, member) in [
        ("namedLocation", "ipRanges"),
        ("namedLocation", "countriesAndRegions"),
        ("authenticationMethod", "phoneNumber"),
        ("authenticationMethod", "aaGuid"),
        ("authenticationMethod", "deviceTag"),
        ("directoryObject", "userPrincipalName"),
        ("directoryObject", "servicePrincipalNames"),
        ("ipRange", "cidrAddress"),
        ("identityProviderBase", "clientSecret"),
    ] {
        let id = catalogue.type_named(base).unwrap();
        assert!(catalogue.record_type(id).field(member).is_some(), "{base}.{member}");
    }
}

/// Follows a record through the rows and notes the members that no row covers.
fn undeclared(catalogue: &Catalogue, root: TypeId, value: &Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| undeclared(catalogue, root, item, path, out)),
        Value::String(text) if text.starts_with(['{', '[']) => {
            if let Ok(inner) = serde_json::from_str::<Value>(text) {
                undeclared(catalogue, root, &inner, path, out);
            }
        }
        Value::Object(members) => {
            for (member, inner) in members {
                let path = format!("{path}/{member}");
                match catalogue.record_type(root).field(member) {
                    None => {
                        out.insert(path);
                    }
                    Some(Field::Object(next)) => undeclared(catalogue, *next, inner, &path, out),
                    Some(_) => {}
                }
            }
        }
        _ => {}
    }
}

/// Real records lose nothing to a missing row, apart from what analysts added to them.
#[test]
fn real_records_are_declared() {
    let Some(shared) = crate::shared::folder("catalogue_real_records") else { return };
    let catalogue = Catalogue::builtin();
    let lines = |file: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(shared.join("data").join(file)).unwrap();
        text.trim_start_matches('\u{feff}')
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let mut found = BTreeSet::new();
    let mut follow = |source: Source, dataset: &str, record: &Value| {
        let root = catalogue.root(&Stream::new(source, dataset)).unwrap();
        undeclared(catalogue, root, record, dataset, &mut found);
    };
    for record in lines("msticpy/aad_logons.sentinel.jsonl") {
        follow(Source::LogAnalytics, "signins_interactive_user", &record);
    }
    for record in lines("otrf/AADAuditEvents.json") {
        follow(Source::LogAnalytics, "directory_audits", &record);
    }
    for record in lines("otrf/OfficeActivityEvents.json") {
        follow(Source::LogAnalytics, "o365_audit_exchange", &record);
    }
    for record in lines("otrf/WindowsEvents.json") {
        follow(Source::LogAnalytics, "windows_events", &record);
    }
    for line in lines("panther/azure_signin_rules.jsonl") {
        let record = &line["log"];
        let audit = record["category"].as_str() == Some("AuditLogs")
            || !record["properties"]["loggedByService"].is_null();
        follow(
            Source::Diagnostic,
            if audit { "directory_audits" } else { "signins_interactive_user" },
            record,
        );
    }
    for line in lines("panther/microsoft_rules.jsonl") {
        if line["log"].get("RecordType").is_some() || line["log"].get("recordtype").is_some() {
            follow(Source::O365, "o365_audit_general", &line["log"]);
        }
    }
    // Columns that a query computed, and those of the collector that shipped the records.
    let added = [
        "DisplayName",
        "InitiatingUser",
        "InitiatingUserOrApp",
        "Latitude",
        "Longitude",
        "ModifiedApplication",
        "ModifiedApplicationObjectId",
        "ModifiedPropertyName",
        "Permissions",
        "PermissionsAddedTo",
        "ResourceAppId",
        "keyEvents",
        "p_log_type",
        "p_parse_time",
        "p_row_id",
        "target",
        "targetDisplayName",
        "targetId",
        "targetType",
    ];
    let lost: Vec<&String> =
        found.iter().filter(|path| !added.contains(&path.rsplit('/').next().unwrap())).collect();
    assert!(lost.is_empty(), "{lost:#?}");
}

/// The configuration of Connect servers holds an account, its domain, a server name, and secrets.
#[test]
fn connect_parameters_are_told_apart_by_type_and_name() {
    let catalogue = Catalogue::builtin();
    let id = |name: &str| catalogue.type_named(name).unwrap();
    let Some(Field::By { sibling, table }) = catalogue.record_type(id("connectParameter")).field("#text")
    else {
        panic!("the text of a parameter is not decided by its type")
    };
    assert_eq!(sibling, "@type");
    let by_type = catalogue.record_type(*table);
    assert!(matches!(by_type.field("encrypted-string"), Some(Field::Value { kind: Kind::Secret, .. })));
    let Some(Field::By { sibling, table }) = by_type.field("string") else {
        panic!("the text of a plain parameter is not decided by its name")
    };
    assert_eq!(sibling, "@name");
    let by_name = catalogue.record_type(*table);
    for (name, kind) in [
        ("UserName", Kind::Upn),
        ("forest-login-user", Kind::Account),
        ("last-dc", Kind::Host),
        ("Domain.LDAP", Kind::Dn),
        ("cookie", Kind::Secret),
        ("anything else", Kind::Text),
    ] {
        assert!(
            matches!(by_name.field(name), Some(Field::Value { kind: held, .. }) if *held == kind),
            "{name}"
        );
    }
}

fn page() -> String {
    let catalogue = Catalogue::builtin();
    let origins = table("origins.json");
    let mut ways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in origins.as_array().unwrap() {
        if let Some(dataset) = row["dataset"].as_str() {
            ways.entry(dataset.to_owned()).or_default().insert(row["source"].as_str().unwrap().to_owned());
        }
    }
    let mut text = String::from(
        "# Datasets\n\nGenerated from `src/catalogue/datasets.json` and `origins.json` by the test \
         `datasets_page_is_fresh` (rewrite it with `UPDATE_GOLDEN=1`).\n\nA dataset is a kind of data. The \
         same kind comes in several shapes; the column \"shapes\" names those that have a record type of \
         their own or an origin that is recognised. PowerShell output has the shape of its Graph object.\n",
    );
    use entra_bundle::catalogue::{Group, Layout};
    for (group, title) in [
        (Group::Objects, "Tenant objects"),
        (Group::Configuration, "Configuration"),
        (Group::Logs, "Logs"),
        (Group::Health, "Service health"),
        (Group::OnPremises, "Servers and clients"),
    ] {
        text.push_str(&format!("\n## {title}\n\n| id | title | shapes | parts |\n|---|---|---|---|\n"));
        for dataset in catalogue.datasets().filter(|dataset| dataset.group == group) {
            let mut shapes: BTreeSet<String> =
                dataset.shapes.keys().map(|source| source.id().to_owned()).collect();
            shapes.extend(ways.get(&dataset.id).into_iter().flatten().cloned());
            if group == Group::OnPremises {
                shapes.insert("onprem".to_owned());
            } else if !dataset.record.starts_with("la")
                && !["identityInfo", "behaviorAnalytics", "domainServicesLogon", "portalAuthDetails"]
                    .contains(&dataset.record.as_str())
            {
                shapes.insert(if dataset.id.starts_with("o365") { "o365" } else { "graph" }.to_owned());
            }
            let layout = match dataset.layout {
                Layout::Jsonl => ".jsonl",
                Layout::Text => ".txt",
                Layout::Xml => ".xml",
            };
            let shapes: Vec<String> = shapes.into_iter().collect();
            text.push_str(&format!(
                "| `{}` | {} | {} | {layout} |\n",
                dataset.id,
                dataset.title,
                shapes.join(", ")
            ));
        }
    }
    text
}

#[test]
fn datasets_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/datasets.md");
    let fresh = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &fresh).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == fresh, "docs/datasets.md is stale: run this test with UPDATE_GOLDEN=1");
}
