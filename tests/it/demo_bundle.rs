//! What the demonstration bundle holds, hides, and answers. The program runs once; the tests look at
//! what a support engineer gets: the unpacked parts and the output of the commands.
//!
//! Counts are taken independently: from the files of the export on one side, from the lines of the
//! parts with serde_json on the other.

mod order;

use crate::bundle::tools::all_archivers_agree;
use crate::program::{Machine, Ran, ran};
use crate::tool::has;
use entra_bundle::bundle::Trust;
use entra_bundle::crypto::PublicKey;
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

/// Bytes as other systems write a GUID: without dashes, base64 of both byte orders, the hex of that
/// text (how a DN escapes an anchor), an Entra SID.
fn dresses(guid: &str) -> Vec<String> {
    let bytes = entra_bundle::privacy::parse_guid(guid).unwrap();
    let mut little = bytes;
    little[..4].reverse();
    little[4..6].reverse();
    little[6..8].reverse();
    let part = |at: usize| u32::from_le_bytes(little[at..at + 4].try_into().unwrap());
    let anchor = data_encoding::BASE64.encode(&little);
    vec![
        guid.replace('-', ""),
        data_encoding::HEXLOWER.encode(&little),
        data_encoding::HEXLOWER.encode(anchor.as_bytes()),
        data_encoding::BASE64URL_NOPAD.encode(&little),
        data_encoding::BASE64_NOPAD.encode(&bytes),
        data_encoding::BASE64URL_NOPAD.encode(&bytes),
        format!("S-1-12-1-{}-{}-{}-{}", part(0), part(4), part(8), part(12)),
        anchor,
    ]
}

/// A value as JSON, JSON in JSON, a URL and base64 write it.
fn spellings(value: &str) -> Vec<String> {
    let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let once = json(value);
    let ascii: String = value
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        })
        .collect();
    let percent = |kept: &[u8]| -> String {
        let write = |byte: u8| match byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        value.bytes().map(write).collect()
    };
    let mut all = vec![value.to_owned(), json(&once), once, ascii, percent(b"-._~"), percent(b"-._~@/:'")];
    if value.len() > 8 {
        all.push(data_encoding::BASE64_NOPAD.encode(value.as_bytes()));
    }
    all
}

/// Everything that was unpacked, and the printed summary, in lower case: (name, text).
fn unpacked(demo: &Demo) -> Vec<(String, String)> {
    let root = demo.machine.path("case");
    let mut all = vec![
        ("printed".to_owned(), format!("{}{}", demo.printed.out, demo.printed.err).to_lowercase()),
        ("name of the bundle".to_owned(), demo.bundle.rsplit('/').next().unwrap().to_lowercase()),
    ];
    for path in files(&root) {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = String::from_utf8(std::fs::read(&path).unwrap()).expect("a bundle is UTF-8");
        all.push((name.clone(), format!("{name}\n{text}").to_lowercase()));
    }
    all
}

/// Asserts that none of the needles stands in the bundle. Needle → what it is. A short name that
/// lies within a token is chance: a token's twelve symbols are as good as random letters.
fn assert_absent(needles: &BTreeMap<String, String>, haystack: &[(String, String)]) {
    let pattern = needles.keys().map(|needle| regex::escape(needle)).collect::<Vec<_>>().join("|");
    let pattern = regex::RegexBuilder::new(&pattern).size_limit(1 << 30).build().unwrap();
    let token = regex::Regex::new(r"\b[a-z]-[a-z2-7]{13}\b").unwrap();
    let mut left = BTreeSet::new();
    for (name, text) in haystack {
        let tokens: Vec<_> = token.find_iter(text).map(|found| found.range()).collect();
        for hit in pattern.find_iter(text) {
            let next = tokens.partition_point(|token| token.end < hit.end());
            let within =
                |token: &std::ops::Range<usize>| token.start + 2 <= hit.start() && hit.end() <= token.end;
            if hit.len() < 8 && tokens.get(next).is_some_and(within) {
                continue;
            }
            left.insert(format!("{name}: {} `{}`", needles[hit.as_str()], hit.as_str()));
        }
    }
    assert!(left.is_empty(), "{} originals are left: {left:#?}", left.len());
}

/// Not searched for as text, and why:
/// * `word_name`, `short_host`: `Will`, `Success`, `ad`, `DC01` are words that logs are full of, or too
///   short to be told from them; the policy replaces them in typed places and where the context says
///   what they are. `names_that_are_words_stand_in_no_typed_place` looks there.
/// * `app_id`, `app_name`, `policy_name`: kept by the balanced policy, names scanned.
///   `names_of_applications_and_policies_are_kept_but_scanned` looks at each.
const NOT_AS_TEXT: [&str; 5] = ["app_id", "app_name", "policy_name", "short_host", "word_name"];

#[test]
fn no_original_stands_anywhere_in_any_dress() {
    let demo = &*DEMO;
    let mut needles = BTreeMap::new();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let originals = demo.tenant.originals();
    let words: BTreeSet<String> =
        originals.iter().filter(|o| o.kind == "word_name").map(|o| o.value.to_lowercase()).collect();
    for original in originals {
        // A group has the name of such a user, too.
        let word = original.kind == "group_name" && words.contains(&original.value.to_lowercase());
        if NOT_AS_TEXT.contains(&original.kind) || word {
            continue;
        }
        *kinds.entry(original.kind).or_default() += 1;
        let mut forms = spellings(&original.value);
        if entra_bundle::privacy::parse_guid(&original.value).is_some() {
            forms.extend(dresses(&original.value));
        }
        if let Some((_, account)) = original.value.split_once('\\').filter(|_| original.kind == "account") {
            // The account alone where it can be no word.
            if account.bytes().any(|byte| byte.is_ascii_digit())
                && account.len() > 4
                && !account.contains("MSA")
            {
                forms.push(account.to_owned());
            }
        }
        for form in forms {
            needles.insert(form.to_lowercase(), original.kind.to_owned());
        }
    }
    assert!(kinds.len() >= 18 && needles.len() > 8_000, "{kinds:?} {}", needles.len());
    let haystack = unpacked(demo);
    // The search finds what is there: a pseudonym, and originals in the export.
    assert!(haystack.iter().any(|(_, text)| text.contains(&demo.pseudonym("upn", "rose.may@contoso.com"))));
    assert_absent(&needles, &haystack);
}

#[test]
fn no_secret_stands_anywhere_in_any_dress() {
    let demo = &*DEMO;
    let mut needles = BTreeMap::new();
    for secret in demo.tenant.secrets() {
        assert!(secret.len() >= 8);
        // Each part of a token is a secret of its own.
        for part in secret.split(['.', ' ']).filter(|part| part.len() >= 16).chain([secret.as_str()]) {
            for form in spellings(part) {
                needles.insert(form.to_lowercase(), "secret".to_owned());
            }
        }
        if let Ok(bytes) = data_encoding::BASE64.decode(secret.as_bytes()) {
            needles.insert(data_encoding::HEXLOWER.encode(&bytes), "secret".to_owned());
        }
    }
    assert!(needles.len() > 300, "{}", needles.len());
    assert_absent(&needles, &unpacked(demo));
    // Private files of the run are not in it either.
    let key = std::fs::read_to_string(&demo.key).unwrap().trim().to_lowercase();
    assert!(unpacked(demo).iter().all(|(_, text)| !text.contains(&key) && !text.contains("private key")));
}

/// Members that name a person, an account or a device, wherever they stand.
const TYPED: [&str; 17] = [
    "userPrincipalName",
    "userDisplayName",
    "mailNickname",
    "mail",
    "onPremisesSamAccountName",
    "onPremisesUserPrincipalName",
    "issuerAssignedId",
    "signInIdentifier",
    "identity",
    "User",
    "Username",
    "Sign-in identifier",
    "UserId",
    "userDisplayName",
    "accountName",
    "servicePrincipalOwner",
    "proxyAddresses",
];

/// Calls `each` with the name of every member and every string in it.
fn strings<'v>(name: &'v str, value: &'v Value, each: &mut dyn FnMut(&'v str, &'v str)) {
    match value {
        Value::String(text) => each(name, text),
        Value::Array(all) => all.iter().for_each(|item| strings(name, item, each)),
        Value::Object(members) => members.iter().for_each(|(name, item)| strings(name, item, each)),
        _ => {}
    }
}

#[test]
fn names_that_are_words_stand_in_no_typed_place() {
    let demo = &*DEMO;
    let words: BTreeSet<String> = demo
        .tenant
        .originals()
        .into_iter()
        .filter(|original| matches!(original.kind, "word_name" | "short_host"))
        .map(|original| original.value.to_lowercase())
        .collect();
    assert!(words.len() > 15 && words.contains("success") && words.contains("ad"), "{words:?}");
    let mut seen = 0;
    let mut left = BTreeSet::new();
    for (dataset, records) in &demo.parts {
        for record in records {
            strings("", record, &mut |name, text| {
                let people = name == "displayName"
                    && matches!(dataset.as_str(), "users" | "deleted_users" | "devices" | "groups");
                if people || TYPED.contains(&name) {
                    seen += 1;
                    let text = text.to_lowercase();
                    let local = text.split(['@', '\\']).find(|part| words.contains(*part));
                    if words.contains(&text) || local.is_some() {
                        left.insert(format!("{dataset} {name} `{text}`"));
                    }
                }
            });
            for pointer in [
                "/deviceDetail/displayName",
                "/properties/deviceDetail/displayName",
                "/initiatedBy/user/displayName",
                "/sourceIdentity/displayName",
                "/targetIdentity/displayName",
            ] {
                if words.contains(&string(record, pointer).to_lowercase()) {
                    left.insert(format!("{dataset} {pointer}"));
                }
            }
            for target in record["targetResources"].as_array().into_iter().flatten() {
                if matches!(string(target, "/type"), "User" | "Device")
                    && words.contains(&string(target, "/displayName").to_lowercase())
                {
                    left.insert(format!("{dataset} target"));
                }
            }
        }
    }
    assert!(seen > 10_000, "{seen}");
    assert!(left.is_empty(), "{left:#?}");
    // Where text says what the word is, it is replaced: folders, synchronization accounts, servers.
    let ledger = std::fs::read_to_string(demo.machine.path("case/meta/collection.json")).unwrap();
    assert!(ledger.contains("Exported-ServerConfiguration-h-") && !ledger.contains("DC01"));
    let trace = demo.text_part("aadc_wizard_trace/part-00000.txt");
    assert!(trace.contains("Sync_h-") && !trace.contains("Sync_DC01"));
}

#[test]
fn names_of_applications_and_policies_are_kept_but_scanned() {
    let demo = &*DEMO;
    let originals = demo.tenant.originals();
    let people: Vec<_> = originals
        .iter()
        .filter(|original| {
            matches!(original.kind, "person_name" | "upn" | "mail" | "host" | "domain" | "surname")
        })
        .map(|original| original.value.to_lowercase())
        .chain(["contoso".to_owned()])
        .collect();
    let all: String = unpacked(demo).into_iter().map(|(_, text)| text + "\n").collect();
    let (mut kept, mut scanned) = (0, 0);
    for original in &originals {
        let value = original.value.to_lowercase();
        match original.kind {
            "app_name" | "policy_name" if people.iter().any(|name| value.contains(name)) => {
                assert!(!all.contains(&value), "{} `{value}` names a person or the tenant", original.kind);
                scanned += 1;
            }
            "app_name" | "policy_name" | "app_id" => {
                assert!(all.contains(&value), "{} `{value}` is not kept", original.kind);
                kept += 1;
            }
            _ => {}
        }
    }
    assert!(kept > 15 && scanned >= 2, "{kept} {scanned}");
}

/// The reason with names replaced by those of the record. The id of an application stays, as it does in
/// its own member: that is where the program knows from what it is.
fn expected_reason(reason: &str, names: [(&str, &str); 3], domain: &str) -> String {
    let mut reason = reason.to_owned();
    for (original, pseudonym) in names.into_iter().filter(|(original, _)| !original.is_empty()) {
        reason = reason.replace(original, pseudonym);
    }
    reason.replace("contoso.com", domain)
}

#[test]
fn technical_fields_of_sign_ins_are_those_of_the_export() {
    let demo = &*DEMO;
    let domain = demo.pseudonym("domain", "contoso.com");
    let mut compared = 0;
    for kind in SIGN_INS {
        let records = demo.part(kind);
        let kept: BTreeMap<_, _> =
            records.iter().map(SignIn::of).filter(|s| !s.portal).map(|s| (s.id(), s.record)).collect();
        for given in json_sign_ins(demo, kind) {
            let kept = kept[string(&given, "/id")];
            for pointer in [
                "/id",
                "/createdDateTime",
                "/correlationId",
                "/originalRequestId",
                "/uniqueTokenIdentifier",
                "/sessionId",
                "/status/errorCode",
                "/conditionalAccessStatus",
                "/appId",
                "/resourceId",
                "/resourceDisplayName",
                "/resourceServicePrincipalId",
                "/clientAppUsed",
                "/isInteractive",
                "/signInEventTypes",
                "/authenticationRequirement",
                "/authenticationProtocol",
                "/authenticationProcessingDetails",
                "/incomingTokenType",
                "/clientCredentialType",
                "/crossTenantAccessType",
                "/deviceDetail/operatingSystem",
                "/deviceDetail/browser",
                "/deviceDetail/isCompliant",
                "/deviceDetail/isManaged",
                "/deviceDetail/trustType",
                "/location/countryOrRegion",
                "/autonomousSystemNumber",
                "/riskState",
                "/riskLevelDuringSignIn",
                "/riskEventTypes_v2",
                "/processingTimeInMilliseconds",
                "/tokenIssuerType",
            ] {
                assert_eq!(kept.pointer(pointer), given.pointer(pointer), "{kind} {pointer}");
            }
            // A reason keeps every word but the names in it, and these are the ones of the record.
            let names = [
                (string(&given, "/appDisplayName"), string(kept, "/appDisplayName")),
                (string(&given, "/userDisplayName"), string(kept, "/userDisplayName")),
                (string(&given, "/userPrincipalName"), string(kept, "/userPrincipalName")),
            ];
            let reason = expected_reason(string(&given, "/status/failureReason"), names, &domain);
            assert_eq!(string(kept, "/status/failureReason"), reason, "{kind}");
            // The detail of a method may be a phone number; the steps are facts.
            let steps = |record: &Value| -> Vec<Value> {
                let all = record["authenticationDetails"].as_array().cloned().unwrap_or_default();
                all.iter()
                    .map(|s| {
                        serde_json::json!([
                            s["authenticationMethod"],
                            s["succeeded"],
                            s["authenticationStepResultDetail"]
                        ])
                    })
                    .collect()
            };
            assert_eq!(steps(kept), steps(&given), "{kind}");
            let results = |record: &Value| -> Vec<Value> {
                let all = record["appliedConditionalAccessPolicies"].as_array().cloned().unwrap_or_default();
                all.iter()
                    .map(|p| {
                        serde_json::json!([
                            p["id"],
                            p["result"],
                            p["enforcedGrantControls"],
                            p["conditionsSatisfied"]
                        ])
                    })
                    .collect()
            };
            assert_eq!(results(kept), results(&given), "{kind}");
            compared += 1;
        }
    }
    let records = demo.part("signins_interactive_user");
    let kept: BTreeMap<_, _> =
        records.iter().map(SignIn::of).filter(|s| s.portal).map(|s| (s.id(), s.record)).collect();
    for given in portal(demo) {
        let kept = kept[given["Request ID"].as_str()];
        for column in [
            "Date (UTC)",
            "Request ID",
            "Correlation ID",
            "Application ID ",
            "Resource",
            "Resource ID ",
            "Status",
            "Sign-in error code",
            "Conditional Access",
            "Client app",
            "Browser",
            "Operating System",
            "Authentication requirement",
            "Unique token identifier",
            "Session ID",
            "Incoming token type",
            "Incoming token type#2",
            "Autonomous system  number",
            "Latency",
        ] {
            assert_eq!(kept[column].as_str(), Some(given[column].as_str()), "{column}");
        }
        let names = [
            (given["Application"].as_str(), string(kept, "/Application")),
            (given["User"].as_str(), string(kept, "/User")),
            (given["Username"].as_str(), string(kept, "/Username")),
        ];
        let reason = expected_reason(&given["Failure reason"], names, &domain);
        assert_eq!(string(kept, "/Failure reason"), reason);
        compared += 1;
    }
    assert_eq!(compared, 5_000);
    // The envelope of diagnostic settings, too.
    for record in demo.part("signins_non_interactive_user") {
        assert_eq!(record["time"], record["properties"]["createdDateTime"]);
        assert_eq!(record["correlationId"], record["properties"]["correlationId"]);
        assert_eq!(string(record, "/resultType"), record["properties"]["status"]["errorCode"].to_string());
        assert_eq!(record["callerIpAddress"], record["properties"]["ipAddress"]);
    }
}

/// The records of a dataset that a filter written with serde_json takes.
fn taken(demo: &Demo, dataset: &str, takes: &dyn Fn(&Value) -> bool) -> usize {
    demo.part(dataset).iter().filter(|record| takes(record)).count()
}

#[test]
fn the_list_of_audits_equals_an_independent_filter() {
    let demo = &*DEMO;
    let admin = demo.pseudonym("upn", "admin@contoso.onmicrosoft.com");
    let may = demo.pseudonym("upn", "rose.may@contoso.com");
    let actor = |audit: &Value| string(audit, "/initiatedBy/user/userPrincipalName").to_owned();
    let substrate =
        |audit: &Value| string(audit, "/initiatedBy/app/displayName") == "Microsoft Substrate Management";
    let target = |audit: &Value, wanted: &str| {
        let targets = audit["targetResources"].as_array().cloned().unwrap_or_default();
        targets.iter().any(|target| {
            ["/userPrincipalName", "/displayName", "/id"].iter().any(|name| string(target, name) == wanted)
        })
    };
    let time = |audit: &Value| string(audit, "/activityDateTime").parse::<Timestamp>().unwrap();
    let (since, to): (Timestamp, Timestamp) =
        ("2026-11-15T06:00:00Z".parse().unwrap(), "2026-11-18T00:00:00Z".parse().unwrap());
    type Takes<'t> = Box<dyn Fn(&Value) -> bool + 't>;
    let cases: Vec<(Vec<&str>, Takes<'_>)> = vec![
        (vec![], Box::new(|_| true)),
        (vec!["--status", "failure"], Box::new(|a| a["result"] == "failure")),
        (vec!["--activity", "Add user"], Box::new(|a| a["activityDisplayName"] == "Add user")),
        (
            vec!["--activity", "update application - certificates and secrets management"],
            Box::new(|a| string(a, "/activityDisplayName").starts_with("Update application – Certificates")),
        ),
        (vec!["--category", "GroupManagement"], Box::new(|a| a["category"] == "GroupManagement")),
        (
            vec!["--service", "Self-service Password Management"],
            Box::new(|a| a["loggedByService"] == "Self-service Password Management"),
        ),
        (vec!["--user", &admin], Box::new(|a| actor(a) == admin)),
        (vec!["--target", &may], Box::new(|a| target(a, &may))),
        (vec!["--initiator", "Microsoft Substrate Management"], Box::new(substrate)),
        (vec!["--hide-informational"], Box::new(|a| !substrate(a))),
        (
            vec!["--since", "2026-11-15T06:00:00Z", "--to", "2026-11-18"],
            Box::new(|a| time(a) >= since && time(a) < to),
        ),
        (
            vec!["--category", "UserManagement", "--status", "failure", "--since", "2026-11-15T06:00:00Z"],
            Box::new(|a| a["category"] == "UserManagement" && a["result"] == "failure" && time(a) >= since),
        ),
    ];
    for (args, takes) in cases {
        let rows = demo.rows(&[&["--dataset", "directory_audits"], &args[..]].concat());
        let wanted = taken(demo, "directory_audits", &*takes);
        assert!(wanted > 0, "{args:?} finds nothing to compare");
        assert_eq!(rows.len(), wanted, "{args:?}");
    }
    let marked = demo.rows(&["--dataset", "directory_audits"]);
    let noted = marked.iter().filter(|row| row["note"] == "informational").count();
    assert_eq!(noted, taken(demo, "directory_audits", &substrate));
    // What nobody did gives no row, exit code 0, and says so.
    let none = demo.records(&["--dataset", "directory_audits", "--activity", "Nothing", "--format", "json"]);
    assert_eq!((none.json(), none.err.trim()), (serde_json::json!([]), "no record matches"));
}

#[test]
fn the_list_of_sign_ins_equals_an_independent_filter() {
    let demo = &*DEMO;
    let dataset = "signins_interactive_user";
    let may = demo.pseudonym("upn", "rose.may@contoso.com");
    let account = may.split('@').next().unwrap();
    let host =
        demo.part(dataset).iter().map(|r| string(r, "/deviceDetail/displayName")).find(|h| !h.is_empty());
    let host = host.unwrap();
    let some = SignIn::of(&demo.part(dataset)[1_200]);
    let since: Timestamp = "2026-11-16T00:00:00Z".parse().unwrap();
    type Takes<'t> = Box<dyn Fn(&SignIn<'_>) -> bool + 't>;
    let cases: Vec<(Vec<&str>, Takes<'_>)> = vec![
        (vec![], Box::new(|_| true)),
        (vec!["--status", "failure"], Box::new(|s| s.code() != 0)),
        (vec!["--status", "Success"], Box::new(|s| s.code() == 0)),
        (vec!["--status", "0"], Box::new(|s| s.code() == 0)),
        (vec!["--status", "50126"], Box::new(|s| s.code() == 50126)),
        (vec!["--user", &may], Box::new(|s| s.user() == may)),
        // The account alone matches in every domain.
        (vec!["--user", account], Box::new(|s| s.user().split('@').next() == Some(account))),
        (
            vec!["--app", "Microsoft Teams"],
            Box::new(|s| s.get("/appDisplayName", "Application") == "Microsoft Teams"),
        ),
        (vec!["--device", host], Box::new(|s| string(s.record, "/deviceDetail/displayName") == host)),
        (vec!["--request-id", some.id()], Box::new(|s| s.id() == some.id())),
        (vec!["--since", "2026-11-16"], Box::new(|s| s.time() >= since)),
        (
            vec!["--to", "2026-11-16", "--status", "failure", "--user", &may],
            Box::new(|s| s.time() < since && s.code() != 0 && s.user() == may),
        ),
    ];
    for (args, takes) in cases {
        let rows = demo.rows(&[&["--dataset", dataset], &args[..]].concat());
        let wanted = taken(demo, dataset, &|record| takes(&SignIn::of(record)));
        assert!(wanted > 0, "{args:?} finds nothing to compare");
        assert_eq!(rows.len(), wanted, "{args:?}");
    }
    // Envelopes: the same filters, the same counts.
    let rows = demo.rows(&["--dataset", "signins_non_interactive_user", "--status", "failure"]);
    let wanted = taken(demo, "signins_non_interactive_user", &|r| SignIn::of(r).code() != 0);
    assert_eq!(rows.len(), wanted);
}

#[test]
fn a_correlation_id_brings_related_rows_of_all_datasets_in_time_order() {
    let demo = &*DEMO;
    let may = demo.pseudonym("upn", "rose.may@contoso.com");
    let audits = demo.part("directory_audits");
    let correlation = demo
        .part("signins_interactive_user")
        .iter()
        .map(SignIn::of)
        .filter(|s| {
            s.user() == may && s.get("/appDisplayName", "Application") == "Device Registration Service"
        })
        .map(|s| s.get("/correlationId", "Correlation ID"))
        .find(|id| audits.iter().any(|audit| audit["correlationId"] == *id))
        .expect("the registration of a device");
    let rows = demo.rows(&["--correlation-id", correlation]);
    let datasets: Vec<_> = rows.iter().map(|row| row["dataset"].as_str().unwrap()).collect();
    assert_eq!(datasets.iter().filter(|d| **d == "signins_interactive_user").count(), 1, "{datasets:?}");
    assert_eq!(datasets.iter().filter(|d| **d == "directory_audits").count(), 2, "{datasets:?}");
    let activities: BTreeSet<_> = rows.iter().map(|row| row["activity"].as_str().unwrap()).collect();
    assert!(activities.contains("Register device") && activities.contains("Add registered owner to device"));
    let times: Vec<Timestamp> =
        rows.iter().map(|row| row["date"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    // Independently: every line of every part that carries the id as its correlation.
    let mut wanted = 0;
    for (dataset, records) in &demo.parts {
        let carries = |r: &&Value| {
            ["/correlationId", "/properties/correlationId", "/Correlation ID", "/CorrelationId", "/cycleId"]
                .iter()
                .any(|name| string(r, name) == correlation)
        };
        if dataset != "users" {
            wanted += records.iter().filter(carries).count();
        }
    }
    assert_eq!(rows.len(), wanted);
}

#[test]
fn all_formats_tell_the_same_and_default_columns_are_those_promised() {
    let demo = &*DEMO;
    for (dataset, header) in [
        ("directory_audits", "date,service,category,activity,status,target,initiator,note"),
        (
            "signins_interactive_user",
            "date,request_id,user,application,error,reason,address,conditional_access,note",
        ),
    ] {
        let filter = ["--dataset", dataset, "--status", "failure", "--since", "2026-11-19"];
        let print = |format: &str| demo.records(&[&filter[..], &["--format", format]].concat()).out;
        let rows: Vec<Value> = serde_json::from_str(&print("json")).unwrap();
        assert!(rows.len() > 10);
        let lines: Vec<Value> =
            print("jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows, lines);
        let text = print("csv");
        assert_eq!(text.lines().next(), Some(header));
        assert_eq!(text.matches("\r\n").count(), rows.len() + 1);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names = reader.headers().unwrap().clone();
        let cells: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
        assert_eq!(cells.len(), rows.len());
        for (row, cells) in rows.iter().zip(&cells) {
            for (name, cell) in names.iter().zip(cells) {
                assert_eq!(row[name].as_str(), Some(cell), "{name}");
                assert!(!cell.starts_with(['=', '+', '-', '@']));
            }
        }
        let table = print("table");
        assert_eq!(table.lines().count(), rows.len() + 1);
        let shown: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
        assert!(header.starts_with(&shown.join(",")), "{shown:?}");
        // Nothing that is copied into a filter is shortened.
        for row in &rows {
            for name in ["request_id", "user", "target", "initiator", "address"] {
                let cell = row[name].as_str().unwrap_or_default();
                assert!(cell.contains(' ') || table.contains(cell), "{cell}");
            }
        }
        let limited = demo.records(&[&filter[..], &["--limit", "3", "--format", "jsonl"]].concat()).out;
        assert_eq!(limited.lines().count(), 3);
    }
    let columns = ["--dataset", "users", "--columns", "request_id,category", "--format", "csv"];
    assert_eq!(demo.records(&columns).out.lines().next(), Some("request_id,category,note"));
}

#[test]
fn a_hostile_cell_is_no_formula_in_csv() {
    let machine = Machine::new();
    machine.file(
        "in/signins.jsonl",
        r#"{"id":"9b0c5f7e-0000-4000-8000-000000000001","createdDateTime":"2026-03-01T10:00:00Z","userDisplayName":"Greta Schmidt","userPrincipalName":"greta.schmidt@contoso.com","userId":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","appId":"2c3a1b7d-1111-4222-8333-944455566677","appDisplayName":"=cmd|' /C calc'!A0","ipAddress":"203.0.113.7","isInteractive":true,"signInEventTypes":["interactiveUser"],"status":{"errorCode":0,"failureReason":"@SUM(1,2) \"quoted\", x"}}"#,
    );
    machine.ok(&["collect", "--input", "in", "--out", "out"]);
    let bundle = text_of(&machine.bundle("out"));
    let print = |format: &str| {
        let public = "config/signing.pub.pem";
        let dataset = "signins_interactive_user";
        let args =
            ["records", &bundle, "--public-key", public, "--dataset", dataset, "--format", format].to_vec();
        machine.ok(&args).out
    };
    let text = print("csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    assert!(row.iter().any(|cell| cell.starts_with("'=cmd|")), "{row:?}");
    assert!(row.iter().any(|cell| cell == "'@SUM(1,2) \"quoted\", x"), "{row:?}");
    let rows: Value = serde_json::from_str(&print("json")).unwrap();
    assert_eq!(rows[0]["application"], "=cmd|' /C calc'!A0");
}

#[test]
fn lookup_and_reveal_are_inverse() {
    let demo = &*DEMO;
    let all: String = unpacked(demo).into_iter().map(|(_, text)| text).collect();
    let users = demo.graph("users");
    let may = users.iter().find(|user| user["userPrincipalName"] == "rose.may@contoso.com").unwrap();
    let devices = demo.graph("devices");
    let laptop =
        devices.iter().map(|d| string(d, "/displayName")).find(|n| n.starts_with("LAPTOP-")).unwrap();
    let address = string(&demo.graph("risk_detections")[0], "/ipAddress").to_owned();
    for (what, value, candidates) in [
        ("upn", "rose.may@contoso.com", "users"),
        ("person_name", string(may, "/displayName"), "users"),
        ("guid", string(may, "/id"), "users"),
        ("host", laptop, "devices"),
        ("address", &address, "risk_detections"),
    ] {
        let pseudonym = demo.pseudonym(what, value);
        assert!(all.contains(&pseudonym), "{what}: the pseudonym of `{value}` is not in the bundle");
        let file = text_of(&demo.export(&format!("graph/{candidates}.json")));
        let reveal = ["reveal", "--key", &demo.key, "--candidates", &file, &pseudonym];
        let told = demo.machine.ok(&[&reveal[..], &["--json"]].concat());
        assert_eq!(told.json()[0]["value"], value, "{what}");
        assert_eq!(told.json()[0]["pseudonym"], pseudonym);
        assert!(told.err.contains("personal data"), "{}", told.err);
        let table = demo.machine.ok(&reveal).out;
        assert!(table.contains(value) && table.contains(&pseudonym), "{table}");
    }
    // All users at once, from standard input as a list: only when the number is named.
    let tokens: Vec<_> = demo.part("users").iter().map(|user| string(user, "/userPrincipalName")).collect();
    let file = text_of(&demo.export("graph/users.json"));
    let mut args = vec!["reveal", "--key", &demo.key, "--candidates", &file, "--json"];
    args.extend(&tokens);
    let refused = demo.machine.run(&args);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(refused.err.contains("--at-most 240"), "{}", refused.err);
    args.extend(["--at-most", "240"]);
    let told = demo.machine.ok(&args).json();
    let told: BTreeMap<_, _> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["pseudonym"].as_str().unwrap(), row["value"].as_str().unwrap().to_lowercase()))
        .collect();
    let revealed: BTreeSet<_> = tokens.iter().map(|pseudonym| told[pseudonym].clone()).collect();
    let given = users.iter().map(|user| string(user, "/userPrincipalName").to_lowercase());
    assert_eq!(revealed, given.collect());
    // Another key says nothing.
    demo.machine.ok(&["key", "generate", "incident", "--out", "another.key"]);
    let other = demo.machine.run(&["reveal", "--key", "another.key", "--candidates", &file, tokens[0]]);
    assert_eq!(other.code, Some(1));
    assert!(other.out.contains("not among the candidates"), "{}", other.out);
}

#[test]
fn plain_tools_accept_the_demonstration() {
    let demo = &*DEMO;
    let name = "plain_tools_accept_the_demonstration";
    let key = PublicKey::from_pem(&std::fs::read_to_string(&demo.public).unwrap()).unwrap();
    all_archivers_agree(name, Path::new(&demo.bundle), Trust::from_public_key(key));
    if has(name, &["bash", "unzip", "jq", "openssl", "sha256sum", "realpath"]) {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bundle-format.md");
        let page = std::fs::read_to_string(page).unwrap();
        let recipe = page.split_once("```bash\n").unwrap().1.split_once("```").unwrap().0;
        let script = demo.machine.file("recipe.sh", recipe);
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("bash");
        command.arg(script).args([&demo.bundle, &demo.public]).env("TMPDIR", folder.path());
        let accepted = ran(command.output().unwrap());
        assert_eq!(accepted.code, Some(0), "{} {}", accepted.out, accepted.err);
        assert!(accepted.out.contains("signed by "), "{}", accepted.out);
    }
}

#[test]
fn the_commands_that_the_demonstration_names_work() {
    let demo = &*DEMO;
    // The program is named as it was started, here by its full path.
    let arguments = |line: &'static str| {
        let (head, rest) = line.split_once("entra-bundle ")?;
        let head = head.trim().trim_start_matches("next").trim();
        (head.is_empty() || head.starts_with('/') && !head.contains(' ')).then_some(rest)
    };
    let named: Vec<_> = demo.printed.out.lines().filter_map(arguments).collect();
    assert!(named.len() >= 5, "{}", demo.printed.out);
    let token = demo.pseudonym("upn", "rose.may@contoso.com");
    for arguments in named {
        let line = format!("exec \"$PROGRAM\" {}", arguments.replace("u-…", &token));
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .current_dir(demo.machine.path(""))
            .env("PROGRAM", env!("CARGO_BIN_EXE_entra-bundle"));
        let told = ran(command.output().unwrap());
        assert_eq!(told.code, Some(0), "{arguments}: {}", told.err);
        assert!(told.out.lines().count() > 1, "{arguments} says nothing: {}", told.out);
    }
}

#[test]
fn with_json_every_command_prints_one_document() {
    let demo = &*DEMO;
    let (bundle, public) = (demo.bundle.as_str(), demo.public.as_str());
    let machine = Machine::new();
    machine.file("in/users.json", r#"{"value":[{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"pat@contoso.com","displayName":"Pat Leeuwenhoek","accountEnabled":true,"userType":"Member"}]}"#);
    let users = text_of(&machine.path("in/users.json"));
    for args in [
        &["key", "generate", "incident", "--out", "incident.key"][..],
        &["key", "generate", "signing", "--out", "signing.key"],
        &["key", "generate", "signing", "--alg", "ecdsa-p256", "--out", "p256.key"],
        &["key", "fingerprint", "incident.key"],
        &["key", "fingerprint", "signing.key"],
        &["key", "fingerprint", public],
        &["collect", "--input", "in", "--out", "out", "--key", "incident.key", "--sign-key", "signing.key"],
        &["gather", "--input", "in", "--workspace", "ws"],
        &["seal", "--workspace", "ws", "--out", "sealed", "--key", "incident.key", "--sign-key", "p256.key"],
        &["verify", bundle, "--public-key", public],
        &["info", bundle, "--public-key", public],
        &["info", bundle, "--public-key", public, "--missing"],
        &["records", bundle, "--public-key", public, "--dataset", "users"],
        &["records", bundle, "--public-key", public, "--dataset", "users", "--status", "nothing"],
        &["unpack", bundle, "--public-key", public, "--to", "case"],
        &["datasets"],
        &["datasets", "--group", "logs"],
        &["policy", "show"],
        &["policy", "show", "strict"],
        &["policy", "explain", "users", "/userPrincipalName"],
        &["policy", "explain", "directory_audits"],
        &["scan", "in"],
        &["lookup", "--key", "incident.key", "pat@contoso.com"],
        &["reveal", "--key", "incident.key", "--candidates", &users, "u-267lvarpna6ip"],
    ] {
        let told = machine.run(&[args, &["--json"]].concat());
        // The made-up pseudonym is nobody's.
        assert_eq!(told.code, Some(u8::from(args[0] == "reveal").into()), "{args:?} {}", told.err);
        let document: Value =
            serde_json::from_str(&told.out).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", told.out));
        assert!(document.is_object() || document.is_array(), "{args:?}");
        assert!(!told.out.contains("Leeuwenhoek") && !told.err.contains("Leeuwenhoek"), "{args:?}");
    }
    // A refusal prints its document on standard error and nothing on standard output.
    let refused = machine.run(&["info", bundle, "--json"]);
    let error: Value = serde_json::from_str(refused.err.trim()).unwrap();
    assert_eq!(
        (refused.code, refused.out.as_str(), &error["error"]["code"]),
        (Some(13), "", &Value::from(13))
    );
}
