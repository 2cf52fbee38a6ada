//! Tests of: demo. The simulated tenant holds what the documentation and the issue list demand,
//! in the shapes that Microsoft declares, and is the same each time.

use entra_bundle::demo::tenant::{Scale, SignInKind, Tenant};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn scale() -> Scale {
    Scale::new("2026-11-20T09:00:00Z".parse().unwrap())
}

/// Dash and space variants of an activity name compare equal, as `sources.md` §8 says.
fn folded(name: &str) -> String {
    name.replace(['–', '—'], "-").trim().to_lowercase()
}

/// Every file below a folder, by path.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(root)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            (path, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn export(scale: &Scale) -> (tempfile::TempDir, BTreeMap<String, Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    Tenant::simulate(scale).export(dir.path()).unwrap();
    let files = files(dir.path());
    (dir, files)
}

/// The records of a JSON file of the export, whatever its shape.
fn records(path: &str, bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    if path.ends_with("PT1H.json") {
        return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    }
    match serde_json::from_str(text).unwrap() {
        Value::Array(records) => records,
        Value::Object(mut page) => page.remove("value").unwrap().as_array().unwrap().clone(),
        _ => panic!("{path}"),
    }
}

#[test]
fn the_same_scale_gives_the_same_bytes_and_another_seed_others() {
    let small = Scale { users: 80, sign_ins: 400, audits: 300, ..scale() };
    let (_a, first) = export(&small);
    let (_b, second) = export(&small);
    assert!(first == second, "two exports of one scale differ");
    let (_c, other) = export(&Scale { seed: 2, ..small });
    assert_ne!(first.get("graph/users.json"), other.get("graph/users.json"));
}

#[test]
fn collections_have_the_promised_size_and_unique_ids_in_order_of_time() {
    let tenant = Tenant::simulate(&scale());
    assert_eq!(tenant.collection("users").unwrap().len(), 240);
    assert_eq!(tenant.collection("directory_audits").unwrap().len(), 1_000);
    assert!(tenant.collection("provisioning_logs").unwrap().len() >= 200);
    assert!(tenant.collection("no_such_dataset").is_none());
    let mut total = 0;
    let mut ids = BTreeSet::new();
    for kind in SignInKind::ALL {
        let all = tenant.collection(kind.dataset()).unwrap();
        assert!(all.len() > 200, "{kind:?}: {}", all.len());
        let times: Vec<_> = all.iter().map(|record| record["createdDateTime"].as_str().unwrap()).collect();
        assert!(times.is_sorted());
        assert!(times.last().unwrap() < &"2026-11-20T09:00:00Z" && times[0] > "2026-11-13T08:59:59Z");
        assert!(all.iter().all(|record| record["signInEventTypes"][0] == kind.event_type()));
        total += all.len();
        ids.extend(all.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(total, 5_000);
    assert_eq!(ids.len(), 5_000);
    for dataset in Tenant::datasets() {
        let all = tenant.collection(dataset).unwrap();
        assert!(!all.is_empty(), "{dataset}");
        let keys: BTreeSet<_> = all
            .iter()
            .map(|r| r.get("id").or(r.get("Id")).unwrap_or_else(|| panic!("{dataset}")).to_string())
            .collect();
        assert_eq!(keys.len(), all.len(), "{dataset} repeats an id");
    }
    let audits = tenant.collection("directory_audits").unwrap();
    assert!(audits.iter().map(|audit| audit["activityDateTime"].as_str().unwrap()).is_sorted());
}

#[test]
fn every_documented_audit_question_has_an_answer() {
    let Some(shared) = crate::shared::folder("every_documented_audit_question_has_an_answer") else { return };
    let text = std::fs::read_to_string(shared.join("design/datasets.json")).unwrap();
    let design: Value = serde_json::from_str(&text).unwrap();
    // The smallest tenant answers all questions, too.
    for audits in [0, 1_000] {
        let tenant = Tenant::simulate(&Scale { audits, ..scale() });
        let key = |audit: &Value| {
            ["loggedByService", "category", "activityDisplayName"]
                .map(|name| folded(audit[name].as_str().unwrap()))
        };
        let found = |log: &str| -> BTreeSet<[String; 3]> {
            tenant.collection(log).unwrap().iter().map(&key).collect()
        };
        let directory = found("directory_audits");
        let attributes = found("custom_security_attribute_audits");
        let mut values = 0;
        for question in design["audit_questions"].as_array().unwrap() {
            for row in question["match"].as_array().unwrap() {
                let log = if row["log"].is_string() { &attributes } else { &directory };
                for activity in row["activities"].as_array().into_iter().flatten() {
                    let wanted =
                        [&row["service"], &row["category"], activity].map(|v| folded(v.as_str().unwrap()));
                    assert!(log.contains(&wanted), "{wanted:?}");
                    values += 1;
                }
            }
        }
        assert!(values > 130, "{values}");
        let audits = tenant.collection("directory_audits").unwrap();
        assert!(audits.iter().any(|audit| audit["activityDisplayName"]
            == "Update application – Certificates and secrets management "));
        let renamed = |audit: &Value| {
            audit["activityDisplayName"] == "Update application"
                && audit["targetResources"][0]["modifiedProperties"][0]["displayName"] == "DisplayName"
        };
        assert!(audits.iter().any(renamed));
    }
}

#[test]
fn the_scenes_that_support_asks_for_are_in_the_logs() {
    let tenant = Tenant::simulate(&scale());
    let sign_ins = tenant.collection("signins_interactive_user").unwrap();
    let audits = tenant.collection("directory_audits").unwrap();
    // Wrong passwords from one address, then success.
    let guessing: Vec<_> = sign_ins
        .iter()
        .filter(|r| r["ipAddress"] == "192.0.2.66")
        .map(|r| r["status"]["errorCode"].as_u64().unwrap())
        .collect();
    assert!(
        guessing.len() >= 7 && guessing[..6].iter().all(|code| *code != 0) && guessing[6] == 0,
        "{guessing:?}"
    );
    // One person, several countries, one hour.
    let travel: Vec<_> = sign_ins
        .iter()
        .filter(|r| {
            r["userPrincipalName"] == "hope.young@contoso.com" && r["appDisplayName"] == "Microsoft Teams"
        })
        .collect();
    let time =
        |r: &Value| r["createdDateTime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    let far = travel.windows(2).any(|pair| {
        pair[0]["location"]["countryOrRegion"] != pair[1]["location"]["countryOrRegion"]
            && time(pair[1]) - time(pair[0]) < 3_600
    });
    assert!(far);
    // Device registration: sign-in and audits share their correlation.
    let registration = sign_ins
        .iter()
        .find(|sign_in| {
            sign_in["appDisplayName"] == "Device Registration Service"
                && audits.iter().any(|audit| audit["correlationId"] == sign_in["correlationId"])
        })
        .expect("a device registration");
    let related =
        audits.iter().filter(|audit| audit["correlationId"] == registration["correlationId"]).count();
    assert_eq!(related, 2);
    assert!(!tenant.collection("device_registration_audits").unwrap().is_empty());
    // The six rows of the anomalous-activity table.
    let risks: BTreeSet<_> = tenant
        .collection("risk_detections")
        .unwrap()
        .iter()
        .map(|r| r["riskEventType"].as_str().unwrap().to_owned())
        .collect();
    for kind in [
        "anonymizedIPAddress",
        "unlikelyTravel",
        "unfamiliarFeatures",
        "malwareInfectedIPAddress",
        "leakedCredentials",
        "maliciousIPAddress",
        "suspiciousIPAddress",
    ] {
        assert!(risks.contains(kind), "{kind}");
    }
    // Risk detections point at sign-ins.
    let requests: BTreeSet<_> = sign_ins.iter().map(|r| r["id"].to_string()).collect();
    let linked = tenant.collection("risk_detections").unwrap();
    assert!(
        linked
            .iter()
            .filter(|r| !r["requestId"].is_null())
            .all(|r| requests.contains(&r["requestId"].to_string()))
    );
    // Services and actors.
    for service in
        ["Self-service Password Management", "PIM", "Device Registration Service", "Authentication Methods"]
    {
        assert!(audits.iter().any(|audit| audit["loggedByService"] == service), "{service}");
    }
    assert!(
        audits
            .iter()
            .filter(|a| a["initiatedBy"]["app"]["displayName"] == "Microsoft Substrate Management")
            .count()
            > 20
    );
    assert!(audits.iter().any(|audit| audit["result"] == "failure" && audit["resultReason"] != ""));
    let open = tenant.collection("service_health_issues").unwrap();
    assert_eq!(
        open.iter().filter(|issue| issue["isResolved"] == false && issue["endDateTime"].is_null()).count(),
        1
    );
    let provisioning = tenant.collection("provisioning_logs").unwrap();
    for app in ["ServiceNow", "Workday", "Fabrikam cross-tenant sync"] {
        for status in ["success", "failure", "skipped"] {
            let hit = |r: &&Value| {
                r["servicePrincipal"]["displayName"] == app && r["provisioningStatusInfo"]["status"] == status
            };
            assert!(provisioning.iter().any(|r| hit(&r)), "{app} {status}");
        }
    }
    let registrations = tenant.collection("user_registration_details").unwrap();
    assert!(registrations.iter().any(|r| r["isMfaRegistered"] == true));
    assert!(
        registrations
            .iter()
            .any(|r| r["methodsRegistered"].to_string().contains("microsoftAuthenticatorPush"))
    );
    let codes: BTreeSet<_> = SignInKind::ALL
        .iter()
        .flat_map(|kind| tenant.collection(kind.dataset()).unwrap())
        .map(|r| r["status"]["errorCode"].as_u64().unwrap())
        .collect();
    for code in [0, 50126, 50053, 50076, 53003, 50097, 7000215] {
        assert!(codes.contains(&code), "{code}");
    }
    assert!(sign_ins.iter().any(|r| r["clientAppUsed"] == "Authenticated SMTP"));
}

#[test]
fn all_sorts_of_people_live_in_the_tenant() {
    let tenant = Tenant::simulate(&scale());
    let users = tenant.collection("users").unwrap();
    let upn = |user: &Value| user["userPrincipalName"].as_str().unwrap().to_owned();
    let has = |wanted: &str| users.iter().any(|user| upn(user) == wanted);
    for wanted in [
        "vasil_fabrikam.com#EXT#@contoso.onmicrosoft.com",
        "admin@contoso.onmicrosoft.com",
        "sync@contoso.com",
        "success@contoso.com",
        "interactive@contoso.com",
        "will.page@contoso.com",
        "patrick.o'brien@contoso.com",
        "li.wei@contoso.com",
    ] {
        assert!(has(wanted), "{wanted}");
    }
    assert_eq!(users.iter().filter(|user| upn(user).starts_with("Sync_DC01_")).count(), 1);
    assert!(users.iter().any(|user| user["displayName"] == "李 伟"));
    assert!(users.iter().filter(|user| user["userType"] == "Guest").count() > 10);
    assert!(users.iter().filter(|user| user["accountEnabled"] == false).count() > 3);
    let synced: Vec<_> = users.iter().filter(|user| user["onPremisesSyncEnabled"] == true).collect();
    assert!(synced.len() > 80);
    let anchor = synced[0]["onPremisesImmutableId"].as_str().unwrap();
    assert_eq!(data_encoding::BASE64.decode(anchor.as_bytes()).unwrap().len(), 16);
    assert!(synced.iter().any(|user| user["onPremisesDistinguishedName"].as_str().unwrap().contains("\\,")));
    let differing = users.iter().filter(|user| {
        user["userType"] == "Member" && user["mail"].is_string() && user["mail"] != user["userPrincipalName"]
    });
    assert_eq!(differing.count(), 1);
    let mut holders: BTreeMap<String, usize> = BTreeMap::new();
    for address in users.iter().flat_map(|user| user["proxyAddresses"].as_array().unwrap()) {
        *holders.entry(address.as_str().unwrap().to_lowercase()).or_default() += 1;
    }
    assert_eq!(holders.values().filter(|count| **count > 1).count(), 1);
    let deleted = tenant.collection("deleted_users").unwrap();
    assert!(deleted.iter().all(|user| user["deletedDateTime"].is_string()));
    let devices = tenant.collection("devices").unwrap();
    for trust in ["ServerAd", "AzureAd", "Workplace"] {
        assert!(devices.iter().any(|device| device["trustType"] == trust), "{trust}");
    }
    for name in ["Greta's iPhone", "ad"] {
        assert!(devices.iter().any(|device| device["displayName"] == name), "{name}");
    }
    assert!(devices.iter().any(|device| device["displayName"].as_str().unwrap().starts_with("LAPTOP-")));
}

#[test]
fn the_export_is_valid_and_uses_no_sign_in_twice() {
    let (_dir, files) = export(&scale());
    let mut ids = BTreeSet::new();
    let mut sign_ins = 0;
    let mut add = |id: &Value| {
        sign_ins += 1;
        assert!(ids.insert(id.as_str().unwrap().to_owned()), "a sign-in is written twice");
    };
    for (path, bytes) in &files {
        if path.ends_with(".json") {
            let records = records(path, bytes);
            assert!(!records.is_empty(), "{path}");
            if path.contains("SignIns_") || path.contains("signins_") {
                records.iter().for_each(|record| add(&record["id"]));
            }
            if path.starts_with("storage/") {
                records.iter().for_each(|record| add(&record["properties"]["id"]));
                let hour = records[0]["time"].as_str().unwrap()[11..13].to_owned();
                assert!(path.contains(&format!("/h={hour}/")), "{path}");
            }
        }
        if path.ends_with(".csv") {
            let body = bytes.strip_prefix("\u{feff}".as_bytes()).expect("a BOM");
            let mut reader = csv::Reader::from_reader(body);
            assert_eq!(reader.headers().unwrap().len(), 55);
            let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
            assert!(rows.len() > 500);
            rows.iter().for_each(|row| add(&Value::from(&row[1])));
        }
        if path.ends_with(".xml") {
            let mut reader = quick_xml::Reader::from_reader(bytes.as_slice());
            let mut events = 0;
            while reader.read_event().unwrap() != quick_xml::events::Event::Eof {
                events += 1;
            }
            assert!(events > 10 && std::str::from_utf8(bytes).unwrap().contains("generated"), "{path}");
        }
    }
    assert_eq!(sign_ins, 5_000);
    for path in ["onprem/AADConnect/trace-20261118-070809.log", "onprem/dsregcmd.txt"] {
        assert!(files.contains_key(path), "{path}");
    }
    assert_eq!(files["onprem/dsregcmd.txt"][..4], [0xff, 0xfe, b'+', 0]);
}

#[test]
fn the_wizard_trace_keeps_its_grammar() {
    let (_dir, files) = export(&Scale { users: 80, sign_ins: 300, audits: 200, ..scale() });
    let trace = std::str::from_utf8(&files["onprem/AADConnect/trace-20261118-070809.log"]).unwrap();
    let prefix =
        regex::Regex::new(r"^\[\d\d:\d\d:\d\d\.\d{3}\] \[[ \d]{3}\] \[(INFO |VERB |WARN |ERROR)\] .")
            .unwrap();
    let (records, continued): (Vec<_>, Vec<_>) = trace.lines().partition(|line| prefix.is_match(line));
    assert!(records.len() > 40 && continued.len() > 4, "{} {}", records.len(), continued.len());
    for needle in
        ["2.4.21.0", "MSOL_", "CONTOSO\\", "C:\\Users\\", "LdapException", "CN=", "Sync_DC01_", "eyJ"]
    {
        assert!(trace.contains(needle), "{needle}");
    }
}

#[test]
fn originals_and_secrets_are_what_stands_in_the_export() {
    let small = Scale { users: 80, sign_ins: 400, audits: 300, ..scale() };
    let tenant = Tenant::simulate(&small);
    let (_dir, files) = export(&small);
    let all: String = files.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    for secret in tenant.secrets() {
        assert!(all.contains(&secret), "a secret is not in the export");
    }
    let originals = tenant.originals();
    assert!(originals.windows(2).all(|pair| pair[0] < pair[1]));
    let missing: Vec<_> = originals
        .iter()
        .filter(|original| {
            let escaped = serde_json::to_string(&original.value).unwrap();
            !all.contains(&original.value) && !all.contains(escaped.trim_matches('"'))
        })
        .collect();
    // Some home addresses, net ids and partner domains are never used, an objectGUID mostly in base64.
    assert!(
        missing
            .iter()
            .all(|original| matches!(original.kind, "ip_address" | "puid" | "domain" | "object_guid")),
        "{missing:?}"
    );
    // Documentation addresses only.
    let address = regex::Regex::new(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b").unwrap();
    for found in originals.iter().filter(|original| original.kind == "ip_address") {
        let documentation = ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:10:"];
        assert!(documentation.iter().any(|range| found.value.starts_with(range)));
        assert!(found.value.contains(':') || address.is_match(&found.value));
    }
}

#[test]
fn the_portal_header_is_the_documented_one() {
    let Some(shared) = crate::shared::folder("the_portal_header_is_the_documented_one") else { return };
    let design: Value =
        serde_json::from_str(&std::fs::read_to_string(shared.join("design/datasets.json")).unwrap()).unwrap();
    let wanted: Vec<_> =
        design["portal_csv_signin_header"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    let (_dir, files) = export(&Scale { users: 60, sign_ins: 200, audits: 200, ..scale() });
    let (_, bytes) = files.iter().find(|(path, _)| path.ends_with(".csv")).unwrap();
    let body = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap();
    let header = csv::Reader::from_reader(body).headers().unwrap().clone();
    assert_eq!(header.iter().collect::<Vec<_>>(), wanted);
}

/// Checks that every member is declared for its type; nested types are followed.
struct Declared {
    types: Value,
    wrong: BTreeSet<String>,
}

impl Declared {
    fn check(&mut self, kind: &str, value: &Value) {
        let Some(declared) = self.types.get(kind).cloned() else { return };
        for item in value.as_array().map_or_else(|| vec![value], |all| all.iter().collect()) {
            for (name, member) in item.as_object().into_iter().flatten() {
                if name.starts_with('@') {
                    continue;
                }
                let Some(row) = declared.get(name) else {
                    self.wrong.insert(format!("{kind}.{name}"));
                    continue;
                };
                self.member(kind, name, row, member);
            }
        }
    }

    fn member(&mut self, kind: &str, name: &str, row: &Value, member: &Value) {
        let declared = row["type"].as_str().unwrap();
        // Flags enums are declared as collections and arrive as text; open types hold anything.
        if member.is_null() || name == "incomingTokenType" || declared.ends_with("detailsInfo") {
            return;
        }
        let collection = row["collection"] == true;
        let first = if collection { member.get(0).cloned().unwrap_or(Value::Null) } else { member.clone() };
        let fits = match declared {
            "Edm.Boolean" => first.is_boolean(),
            "Edm.Int32" | "Edm.Int64" => first.is_i64() || first.is_u64(),
            "Edm.Double" => first.is_number(),
            declared if declared.starts_with("Edm.") => first.is_string(),
            _ => first.is_object() || first.is_string(),
        };
        if collection != member.is_array() || !(fits || first.is_null()) {
            self.wrong.insert(format!("{kind}.{name} is no {declared}"));
        }
        let nested = declared.trim_start_matches("graph.").trim_start_matches("microsoft.graph.").to_owned();
        self.check(&nested, member);
    }
}

#[test]
fn graph_members_are_declared_with_their_types() {
    let Some(shared) = crate::shared::folder("graph_members_are_declared_with_their_types") else { return };
    let text = std::fs::read_to_string(shared.join("data/graph-properties.json")).unwrap();
    let mut declared = Declared { types: serde_json::from_str(&text).unwrap(), wrong: BTreeSet::new() };
    let tenant = Tenant::simulate(&Scale { sign_ins: 1_000, ..scale() });
    for (dataset, kind) in [
        ("users", "user"),
        ("deleted_users", "user"),
        ("groups", "group"),
        ("devices", "device"),
        ("applications", "application"),
        ("service_principals", "servicePrincipal"),
        ("organization", "organization"),
        ("domains", "domain"),
        ("subscribed_skus", "subscribedSku"),
        ("directory_roles", "directoryRole"),
        ("role_assignments", "unifiedRoleAssignment"),
        ("conditional_access_policies", "conditionalAccessPolicy"),
        ("oauth2_permission_grants", "oAuth2PermissionGrant"),
        ("user_registration_details", "userRegistrationDetails"),
        ("signins_interactive_user", "signIn"),
        ("signins_non_interactive_user", "signIn"),
        ("signins_service_principal", "signIn"),
        ("signins_managed_identity", "signIn"),
        ("directory_audits", "directoryAudit"),
        ("custom_security_attribute_audits", "customSecurityAttributeAudit"),
        ("provisioning_logs", "provisioningObjectSummary"),
        ("risk_detections", "riskDetection"),
        ("risky_users", "riskyUser"),
        ("service_health_overviews", "serviceHealth"),
        ("service_health_issues", "serviceHealthIssue"),
    ] {
        assert!(declared.types.get(kind).is_some(), "{kind}");
        for record in tenant.collection(dataset).unwrap() {
            declared.check(kind, &record);
        }
    }
    assert!(declared.wrong.is_empty(), "{:#?}", declared.wrong);
    // The sign-in is complete: every member of beta but those of one version or of agents only.
    let sign_in = tenant.collection("signins_interactive_user").unwrap().remove(0);
    let absent: Vec<_> = declared.types["signIn"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, row)| row["in"].to_string().contains("beta") && sign_in.get(name).is_none())
        .map(|(name, _)| name)
        .collect();
    assert!(absent.is_empty(), "{absent:?}");
}
