//! What the demonstration bundle holds, hides, and answers. The program runs once; the tests look at
//! what a support engineer gets: the unpacked parts and the output of the commands.
//!
//! Counts are taken independently: from the files of the export on one side, from the lines of the
//! parts with serde_json on the other.

use crate::program::{Machine, Ran, ran};
use entra_bundle::demo::tenant::{Scale, Tenant};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The demonstration, run once.
struct Demo {
    machine: Machine,
    printed: Ran,
    tenant: Tenant,
    bundle: String,
    key: String,
    public: String,
    parts: BTreeMap<String, Vec<Value>>,
}

static DEMO: LazyLock<Demo> = LazyLock::new(|| {
    let machine = Machine::shared("demo_bundle");
    let printed = machine.ok(&["demo", "--out", "demo"]);
    let bundle = text_of(&machine.bundle("demo/bundle"));
    let public = text_of(&machine.path("demo/bundle/signing.pub.pem"));
    machine.ok(&["unpack", &bundle, "--public-key", &public, "--to", "case"]);
    let mut parts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for path in files(&machine.path("case/data")) {
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            let dataset = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
            parts.entry(dataset).or_default().extend(records);
        }
    }
    let tenant = Tenant::simulate(&Scale::new("2026-11-20T12:00:00Z".parse().unwrap()));
    let key = text_of(&machine.path("demo/private/incident.key"));
    Demo { machine, printed, tenant, bundle, key, public, parts }
});

impl Demo {
    /// The records of a dataset in the bundle, of all sources.
    fn part(&self, dataset: &str) -> &[Value] {
        self.parts.get(dataset).unwrap_or_else(|| panic!("the bundle has no {dataset}"))
    }

    fn export(&self, path: &str) -> PathBuf {
        self.machine.path("demo/export").join(path)
    }

    /// The records of a Graph answer of the export.
    fn graph(&self, dataset: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.export(&format!("graph/{dataset}.json"))).unwrap();
        let mut page: Value = serde_json::from_str(&text).unwrap();
        page["value"].take().as_array().unwrap().clone()
    }

    /// `records` with the collector's key.
    fn records(&self, args: &[&str]) -> Ran {
        self.machine.ok(&[&["records", &self.bundle, "--public-key", &self.public], args].concat())
    }

    fn rows(&self, args: &[&str]) -> Vec<Value> {
        self.records(&[args, &["--format", "json"]].concat()).json().as_array().unwrap().clone()
    }

    /// The pseudonym of a value as `lookup` tells it.
    fn pseudonym(&self, what: &str, value: &str) -> String {
        let forms = self.machine.ok(&["lookup", "--key", &self.key, "--json", value]).json();
        let hit =
            forms.as_array().unwrap().iter().find(|form| form["what"] == what && form["value"] == value);
        hit.unwrap_or_else(|| panic!("no {what} in {forms}"))["pseudonym"].as_str().unwrap().to_owned()
    }

    fn text_part(&self, path: &str) -> String {
        std::fs::read_to_string(self.machine.path("case/data/onprem").join(path)).unwrap()
    }
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn files(root: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().map(|entry| entry.unwrap());
    entries.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

fn string<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Dash and space variants of an activity name compare equal.
fn folded(name: &str) -> String {
    name.replace(['–', '—'], "-").trim().to_lowercase()
}

/// What all shapes of a sign-in have in common.
struct SignIn<'v> {
    record: &'v Value,
    portal: bool,
}

impl<'v> SignIn<'v> {
    fn of(record: &'v Value) -> Self {
        let portal = record.get("Request ID").is_some();
        SignIn { record: record.get("properties").unwrap_or(record), portal }
    }

    fn get(&self, graph: &str, portal: &str) -> &'v str {
        match self.portal {
            true => self.record[portal].as_str().unwrap(),
            false => string(self.record, graph),
        }
    }

    fn id(&self) -> &'v str {
        self.get("/id", "Request ID")
    }

    fn user(&self) -> &'v str {
        self.get("/userPrincipalName", "Username")
    }

    fn time(&self) -> Timestamp {
        self.get("/createdDateTime", "Date (UTC)").parse().unwrap()
    }

    fn code(&self) -> u64 {
        match self.record["Sign-in error code"].as_str() {
            Some("") => 0,
            Some(code) => code.parse().unwrap(),
            None => self.record["status"]["errorCode"].as_u64().unwrap(),
        }
    }

    fn country(&self) -> &'v str {
        let place = self.get("/location/countryOrRegion", "Location");
        place.rsplit(", ").next().unwrap()
    }
}

const SIGN_INS: [&str; 4] = [
    "signins_interactive_user",
    "signins_non_interactive_user",
    "signins_service_principal",
    "signins_managed_identity",
];

/// The portal's download of the export, as (column, value) rows. Repeated column names get `#2`.
fn portal(demo: &Demo) -> Vec<BTreeMap<String, String>> {
    let path = files(&demo.export("portal")).into_iter().find(|p| p.extension().unwrap() == "csv").unwrap();
    let bytes = std::fs::read(path).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap());
    let mut header: Vec<String> = Vec::new();
    for name in reader.headers().unwrap() {
        let again = header.iter().any(|seen| seen == name);
        header.push(if again { format!("{name}#2") } else { name.to_owned() });
    }
    let row = |row: csv::StringRecord| header.iter().cloned().zip(row.iter().map(str::to_owned)).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// The sign-ins of the export that are JSON, by id: plain records, envelopes opened.
fn json_sign_ins(demo: &Demo, kind: &str) -> Vec<Value> {
    match kind {
        "signins_interactive_user" | "signins_service_principal" => demo.graph(kind),
        "signins_managed_identity" => {
            let path = files(&demo.export("portal")).into_iter().find(|p| p.extension().unwrap() == "json");
            serde_json::from_str(&std::fs::read_to_string(path.unwrap()).unwrap()).unwrap()
        }
        _ => files(&demo.export("storage"))
            .iter()
            .flat_map(|path| {
                let text = std::fs::read_to_string(path).unwrap();
                text.lines()
                    .map(|line| serde_json::from_str::<Value>(line).unwrap()["properties"].take())
                    .collect::<Vec<_>>()
            })
            .collect(),
    }
}

#[test]
fn every_record_of_the_export_is_in_the_bundle() {
    let demo = &*DEMO;
    assert!(demo.printed.out.contains("0 known identifiers ("), "{}", demo.printed.out);
    let mut sign_ins = 0;
    for kind in SIGN_INS {
        let mut given = json_sign_ins(demo, kind).len();
        if kind == "signins_interactive_user" {
            given += portal(demo).len();
        }
        assert_eq!(demo.part(kind).len(), given, "{kind}");
        assert!(given > 200, "{kind}");
        sign_ins += given;
    }
    assert_eq!(sign_ins, 5_000);
    let mut datasets = 0;
    for path in files(&demo.export("graph")) {
        let dataset = path.file_stem().unwrap().to_str().unwrap();
        if !SIGN_INS.contains(&dataset) {
            assert_eq!(demo.part(dataset).len(), demo.graph(dataset).len(), "{dataset}");
            datasets += 1;
        }
    }
    assert!(datasets >= 20, "{datasets}");
    assert_eq!(demo.part("directory_audits").len(), 1_000);
    for workload in ["azureactivedirectory", "exchange", "sharepoint"] {
        assert!(!demo.part(&format!("o365_audit_{workload}")).is_empty(), "{workload}");
    }

    // The number that is printed, that `info` tells, and that lies in the parts are one.
    let info = demo.machine.ok(&["info", &demo.bundle, "--public-key", &demo.public]);
    let held = |text: &str, word: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(word)).unwrap();
        line.split_whitespace().nth(1).unwrap().replace(',', "").parse().unwrap()
    };
    let counted: usize = demo.parts.values().map(Vec::len).sum();
    let lines = |path: &str| demo.text_part(path).lines().count() as u64;
    assert!(
        lines("aadc_wizard_trace/part-00000.txt") > 40 && lines("cloudsync_agent_trace/part-00000.txt") > 10
    );
    let index = files(&demo.machine.path("case/meta/index"));
    let indexed: usize = index.iter().map(|p| std::fs::read_to_string(p).unwrap().lines().count()).sum();
    assert_eq!(held(&demo.printed.out, "records"), (counted + indexed) as u64);
    assert_eq!(held(&info.out, "holds"), (counted + indexed) as u64);
    assert!(info.out.contains("nothing is missing"), "{}", info.out);
}

#[test]
fn the_directory_is_that_of_a_hybrid_tenant() {
    let demo = &*DEMO;
    let users = demo.part("users");
    let count = |wanted: &dyn Fn(&&Value) -> bool| users.iter().filter(wanted).count();
    assert!(users.len() >= 200);
    assert!(count(&|user| user["userType"] == "Guest") > 10);
    assert!(count(&|user| string(user, "/userPrincipalName").contains("#EXT#@")) > 10);
    assert!(count(&|user| user["onPremisesSyncEnabled"] == true) > 80);
    assert!(count(&|user| user["accountEnabled"] == false) > 3);
    // The product's own synchronization account says that it is one, and hides its host.
    let sync: Vec<_> =
        users.iter().filter(|u| string(u, "/userPrincipalName").starts_with("Sync_h-")).collect();
    assert_eq!(sync.len(), 1);
    for (dataset, least) in [
        ("groups", 10),
        ("devices", 100),
        ("applications", 5),
        ("service_principals", 10),
        ("conditional_access_policies", 3),
        ("named_locations", 2),
        ("role_assignments", 3),
        ("provisioning_logs", 200),
    ] {
        assert!(demo.part(dataset).len() >= least, "{dataset}");
    }
    // Joins hold: anchors, SIDs, groups and devices are those of the same objects everywhere.
    let ids: BTreeSet<_> = users.iter().map(|user| string(user, "/id")).collect();
    assert_eq!(ids.len(), users.len());
    let registered = demo.part("user_registration_details");
    assert!(registered.iter().all(|row| ids.contains(string(row, "/id"))));
    let deleted: BTreeSet<_> = demo.part("deleted_users").iter().map(|user| string(user, "/id")).collect();
    for kind in &SIGN_INS[..2] {
        let strangers: BTreeSet<_> = demo
            .part(kind)
            .iter()
            .map(|record| SignIn::of(record).get("/userId", "User ID"))
            .filter(|id| !ids.contains(id) && !deleted.contains(id))
            .collect();
        assert!(strangers.is_empty(), "{kind}: {strangers:?}");
    }
    let upns: BTreeSet<_> = users.iter().map(|user| string(user, "/userPrincipalName")).collect();
    assert_eq!(upns.len(), users.len());
}

#[test]
fn every_documented_audit_question_is_answered_from_the_bundle() {
    let demo = &*DEMO;
    let found = |dataset: &str| -> BTreeSet<[String; 3]> {
        let key = |audit: &Value| {
            ["/loggedByService", "/category", "/activityDisplayName"].map(|name| folded(string(audit, name)))
        };
        demo.part(dataset).iter().map(key).collect()
    };
    let directory = found("directory_audits");
    let attributes = found("custom_security_attribute_audits");
    // The tenant's own list of activities, in the export and in the bundle.
    let listed = demo.part("audit_activity_types");
    assert!(listed.len() > 130, "{}", listed.len());
    for row in listed {
        let wanted = ["/service", "/category", "/activity"].map(|name| folded(string(row, name)));
        assert!(directory.contains(&wanted), "{wanted:?}");
    }
    for activity in [
        "add an attribute set",
        "update an attribute set",
        "add custom security attribute definition in an attribute set",
        "update custom security attribute definition in an attribute set",
        "update attribute values assigned to a serviceprincipal",
        "update attribute values assigned to a user",
    ] {
        let wanted = ["core directory", "attributemanagement", activity].map(str::to_owned);
        assert!(attributes.contains(&wanted), "{activity}");
    }
    // The name that carries an en dash and a trailing space arrives as the service writes it.
    let exact = "Update application – Certificates and secrets management ";
    assert!(demo.part("directory_audits").iter().any(|audit| audit["activityDisplayName"] == exact));
    // "Have the names of applications been changed?"
    let renamed = demo.part("directory_audits").iter().any(|audit| {
        audit["activityDisplayName"] == "Update application"
            && audit["targetResources"][0]["modifiedProperties"]
                .as_array()
                .is_some_and(|all| all.iter().any(|property| property["displayName"] == "DisplayName"))
    });
    assert!(renamed);

    let Some(shared) = crate::shared::folder("every_documented_audit_question_is_answered_from_the_bundle")
    else {
        return;
    };
    let text = std::fs::read_to_string(shared.join("design/datasets.json")).unwrap();
    let design: Value = serde_json::from_str(&text).unwrap();
    for question in design["audit_questions"].as_array().unwrap() {
        for row in question["match"].as_array().unwrap() {
            let log = if row["log"].is_string() { &attributes } else { &directory };
            for activity in row["activities"].as_array().into_iter().flatten() {
                let wanted =
                    [&row["service"], &row["category"], activity].map(|v| folded(v.as_str().unwrap()));
                assert!(log.contains(&wanted), "{wanted:?}");
            }
        }
    }
}

#[test]
fn the_scenes_that_support_asks_for_survive_pseudonyms() {
    let demo = &*DEMO;
    let audits = demo.part("directory_audits");
    let interactive: Vec<_> = demo.part("signins_interactive_user").iter().map(SignIn::of).collect();
    let of = |upn: &str| {
        let pseudonym = demo.pseudonym("upn", upn);
        let mut all: Vec<_> = interactive.iter().filter(|sign_in| sign_in.user() == pseudonym).collect();
        all.sort_by_key(|sign_in| sign_in.time());
        all
    };
    // Wrong passwords from one (pseudonymized) address, then one that works.
    let attacked = of("mark.price@contoso.com");
    let address = |sign_in: &SignIn<'_>| sign_in.get("/ipAddress", "IP address").to_owned();
    let guessed = attacked.windows(7).any(|run| {
        run[..6].iter().all(|sign_in| sign_in.code() != 0)
            && run[6].code() == 0
            && run.iter().all(|sign_in| address(sign_in) == address(run[0]))
    });
    assert!(guessed);
    // One person in several countries within the hour.
    let far = of("hope.young@contoso.com").windows(2).any(|pair| {
        pair[0].country() != pair[1].country()
            && pair[1].time().as_second() - pair[0].time().as_second() < 3_600
            && pair.iter().all(|sign_in| sign_in.code() == 0)
    });
    assert!(far);

    let risks: BTreeSet<_> =
        demo.part("risk_detections").iter().map(|risk| string(risk, "/riskEventType")).collect();
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
    let requests: BTreeMap<_, _> = interactive.iter().map(|sign_in| (sign_in.id(), sign_in.user())).collect();
    for risk in demo.part("risk_detections").iter().filter(|risk| risk["requestId"].is_string()) {
        let user = requests.get(string(risk, "/requestId"));
        assert_eq!(user, Some(&string(risk, "/userPrincipalName")), "a detection is of another user");
    }

    let services: BTreeSet<_> = audits.iter().map(|audit| string(audit, "/loggedByService")).collect();
    for service in
        ["Authentication Methods", "Device Registration Service", "PIM", "Self-service Password Management"]
    {
        assert!(services.contains(service), "{service}");
    }
    for activity in [
        "Add member to role completed (PIM activation)",
        "Reset password (self-service)",
        "Self-service password reset flow activity progress",
        "User registered security info",
        "Register device",
        "Add users strong authentication phone app detail",
    ] {
        assert!(audits.iter().any(|audit| audit["activityDisplayName"] == activity), "{activity}");
    }
    let substrate = audits
        .iter()
        .filter(|audit| audit["initiatedBy"]["app"]["displayName"] == "Microsoft Substrate Management");
    assert!(substrate.count() > 20);

    for app in ["ServiceNow", "Workday"] {
        for status in ["success", "failure", "skipped"] {
            let hit = demo.part("provisioning_logs").iter().any(|record| {
                string(record, "/servicePrincipal/displayName") == app
                    && string(record, "/provisioningStatusInfo/status") == status
            });
            assert!(hit, "{app} {status}");
        }
    }
    let registered = demo.part("user_registration_details");
    assert!(registered.iter().any(|row| row["isMfaRegistered"] == true));
    assert!(
        registered
            .iter()
            .any(|row| row["methodsRegistered"].to_string().contains("microsoftAuthenticatorPush"))
    );
    let open = demo
        .part("service_health_issues")
        .iter()
        .filter(|i| i["isResolved"] == false && i["endDateTime"].is_null());
    assert_eq!(open.count(), 1);

    // Text keeps what support reads.
    let trace = demo.text_part("aadc_wizard_trace/part-00000.txt");
    for kept in [
        "[INFO ] Starting, version 2.4.21.0",
        "LdapException: The LDAP server is unavailable.",
        "AADSTS50076",
        "MSOL_",
        "duplicate value smtp:u-",
    ] {
        assert!(trace.contains(kept), "{kept}");
    }
    let status = demo.text_part("dsregcmd_status/part-00000.txt");
    for kept in ["             AzureAdJoined : YES", "                AzureAdPrt : YES", "AADSTS50155"] {
        assert!(status.contains(kept), "{kept}");
    }
}
