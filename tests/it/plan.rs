//! `permissions`, `profiles`, `plan` and `doctor`, against the simulated tenant over HTTP.

use crate::graph::tenant;
use crate::program::{Machine, Ran, ran};
use entra_bundle::catalogue::graph::{Licence, Requests};
use entra_bundle::demo::http::{Accounts, Options, Server};
use entra_bundle::gather::plan::{Known, decide};
use entra_bundle::source::auth::Claims;
use jiff::SignedDuration;
use serde_json::Value;

fn ask(machine: &Machine, server: &Server, accounts: &Accounts, args: &[&str]) -> Ran {
    let (verb, more) = args.split_first().unwrap();
    let mut all = vec![
        *verb,
        "--tenant",
        "contoso.com",
        "--authority",
        &server.address,
        "--graph-url",
        &server.address,
        "--client-id",
        &accounts.client_id,
        "--client-secret-env",
        "APP_SECRET",
        "--json",
    ];
    all.extend(more);
    let mut command = machine.command(&all);
    command.env("APP_SECRET", &accounts.secret).env("ENTRA_BUNDLE_TIME_SCALE", "0.002");
    ran(command.output().unwrap())
}

fn of<'d>(plan: &'d Value, dataset: &str) -> &'d Value {
    plan["datasets"].as_array().unwrap().iter().find(|one| one["decision"]["dataset"] == dataset).unwrap()
}

#[test]
fn a_plan_counts_what_can_be_counted_and_names_what_is_missing() {
    let granted = ["User.Read.All", "AuditLog.Read.All", "LicenseAssignment.Read.All"];
    let accounts =
        Accounts { granted: Some(granted.map(str::to_owned).into_iter().collect()), ..Accounts::default() };
    let server =
        Server::start(tenant(1_500), Options { accounts: accounts.clone(), ..Options::default() }).unwrap();
    let machine = Machine::new();
    let ids = ["users", "signins_interactive_user", "conditional_access_policies"];
    let mut args = vec!["plan", "--since", "72h"];
    args.extend(ids.iter().flat_map(|id| ["--dataset", id]));
    let ran = ask(&machine, &server, &accounts, &args);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let plan = ran.json();
    let users = of(&plan, "users");
    assert_eq!(users["decision"]["count"], serde_json::json!({"source": "counted", "records": 120}));
    assert_eq!((&users["group"], &users["origin"]), (&"objects".into(), &"identifiable".into()));
    assert_eq!(users["decision"]["reason"], Value::Null);
    let policies = of(&plan, "conditional_access_policies");
    assert_eq!(policies["decision"]["reason"], "permission");
    assert!(
        policies["decision"]["addPermission"].as_str().unwrap().starts_with("Policy.Read."),
        "{policies}"
    );
    // Nothing was kept: neither workspace nor key.
    assert!(!machine.path("state/workspaces").exists());
    assert!(!ran.out.contains(&accounts.secret) && !ran.err.contains(&accounts.secret));
}

#[test]
fn a_plan_without_a_sign_in_invents_nothing() {
    let machine = Machine::new();
    let ran = machine.ok(&["plan", "--offline", "--tenant", "contoso.com", "--profile", "signin-failure"]);
    assert!(ran.out.contains("signins_interactive_user") && ran.out.contains("unknown"), "{}", ran.out);
    assert!(ran.out.contains("nobody signed in"), "{}", ran.out);
    assert!(!ran.out.contains('~'), "{}", ran.out);
}

#[test]
fn a_doctor_says_what_stands_in_the_way() {
    let machine = Machine::new();
    // What `permissions` prints is all that the default collection needs.
    let listed = machine.ok(&["permissions", "--json"]).json();
    let names = listed.as_array().unwrap().iter().filter_map(|one| one["permission"].as_str());
    let granted = Some(names.map(str::to_owned).collect());
    let accounts = Accounts { granted, ..Accounts::default() };
    let server =
        Server::start(tenant(300), Options { accounts: accounts.clone(), ..Options::default() }).unwrap();
    let well = ask(&machine, &server, &accounts, &["doctor"]);
    assert_eq!(well.code, Some(0), "{}{}", well.out, well.err);
    let verdict = |ran: &Ran, what: &str| {
        let found = ran.json();
        let one = found.as_array().unwrap().iter().find(|one| one["what"] == what).cloned();
        one.unwrap_or_else(|| panic!("{what}: {}", ran.out))["verdict"].clone()
    };
    for what in ["keys and workspaces", "sign-in service", "Microsoft Graph", "sign-in", "permissions"] {
        assert_eq!(verdict(&well, what), "good", "{what}: {}", well.out);
    }
    let wrong = Accounts { secret: "not the secret".into(), ..accounts.clone() };
    let ill = ask(&machine, &server, &wrong, &["doctor"]);
    assert_eq!((ill.code, verdict(&ill, "sign-in")), (Some(4), "bad".into()), "{}", ill.out);
    assert!(!ill.out.contains("not the secret"), "{}", ill.out);
    drop(server);
    let gone = Server::start(tenant(10), Options::default()).unwrap();
    let address = gone.address.clone();
    drop(gone);
    let down = machine.run(&[
        "doctor",
        "--tenant",
        "contoso.com",
        "--authority",
        &address,
        "--graph-url",
        &address,
        "--json",
    ]);
    assert_eq!((down.code, verdict(&down, "Microsoft Graph")), (Some(4), "bad".into()), "{}", down.out);
}

#[test]
fn permissions_are_the_least_and_print_as_a_manifest() {
    let machine = Machine::new();
    let listed = machine.ok(&["permissions", "--json"]).json();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().filter_map(|one| one["permission"].as_str()).collect();
    // The set of sources.md section 2.2, computed there from the default datasets.
    for name in
        ["AuditLog.Read.All", "Policy.Read.ConditionalAccess", "User.Read.All", "ServiceHealth.Read.All"]
    {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(names.len() < 32 && names.iter().all(|name| !name.contains("Write")), "{names:?}");
    let manifest = machine.ok(&["permissions", "--profile", "signin-failure", "--manifest"]);
    let access: Value = serde_json::from_str(&manifest.out).unwrap();
    assert_eq!(access[0]["resourceAppId"], "00000003-0000-0000-c000-000000000000");
    let roles = access[0]["resourceAccess"].as_array().unwrap();
    assert!(
        roles.len() > 5
            && roles.iter().all(|role| role["type"] == "Role" && role["id"].as_str().unwrap().len() == 36)
    );
    assert!(manifest.err.contains("az ad app update"), "{}", manifest.err);
    let count =
        |set: &str| machine.ok(&["permissions", "--set", set, "--json"]).json().as_array().unwrap().len();
    assert!(count("convenient") < count("minimal"));
    let profiles = machine.ok(&["profiles", "--json"]).json();
    let ids: Vec<&str> = profiles.as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    assert!(ids.len() == 18 && ids.contains(&"full") && ids.contains(&"audit"), "{ids:?}");
}

/// Who signs in × the licence × the log, as `matrix.txt` holds it: reviewed line by line against the
/// documentation (reference-reports-data-retention, signIn list, directoryAudit list,
/// provisioningObjectSummary list, riskDetection list, riskyUser list). `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn documented_roles_and_licences_give_the_documented_outcome() {
    let logs = [
        "signins_interactive_user",
        "signins_service_principal",
        "directory_audits",
        "custom_security_attribute_audits",
        "provisioning_logs",
        "risk_detections",
        "risky_users",
    ];
    let roles = [
        ("member", "b79fbf4d-3ef9-4689-8143-76b194e85509"),
        ("Reports Reader", "4a5d8f65-41da-4de4-8968-e035b65339cf"),
        ("Security Reader", "5d6b6bb7-de71-4623-b4af-96380a352509"),
        ("Security Operator", "5f2222b1-57c3-48ba-8ad5-d4759f1fde6f"),
        ("Global Reader", "f2ef992c-3afb-46b9-b7cf-a126ee74c451"),
        ("Cloud Application Administrator", "158c047a-c907-4556-b7ef-446551a6b5f7"),
        ("Attribute Log Reader", "9c99539d-8186-4804-835f-fd51ef9e2dcd"),
        ("Global Administrator", "62e90394-69f5-4237-9190-012177145e10"),
    ];
    let mut found = String::new();
    for (role, id) in roles {
        for edition in [Licence::Free, Licence::P1, Licence::P2] {
            for log in logs {
                let row = Requests::builtin().row(log).unwrap();
                let claims = Claims {
                    scp: Some(row.delegated.clone()),
                    wids: [id.to_owned()].into(),
                    ..Claims::default()
                };
                let (claims, licence) = (Some(claims), Some(edition));
                let known = Known { claims, licence, cloud: "global".into(), ..Known::default() };
                let decision = decide(row, &known, (None, None), SignedDuration::from_mins(30));
                let outcome = match decision.reason {
                    None => "collected".to_owned(),
                    Some(reason) => {
                        let missing =
                            [decision.role.as_ref().map(|_| "role"), decision.licence.map(|_| "licence")];
                        let missing: Vec<&str> = missing.into_iter().flatten().collect();
                        format!("skipped {} ({})", serde_json::to_value(reason).unwrap(), missing.join(", "))
                    }
                };
                found.push_str(&format!("{role} | {edition:?} | {log} | {outcome}\n"));
            }
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/plan/matrix.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), found);
}
