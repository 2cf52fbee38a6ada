//! Collecting from Microsoft Graph, against the simulated tenant over HTTP: what arrives, what is
//! told about it, and what happens when something goes wrong.

use entra_bundle::catalogue::graph::{Licence, Requests};
use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::crypto::sha256;
use entra_bundle::demo::http::{Accounts, Fault, FaultKind, Options, Server};
use entra_bundle::demo::tenant::{Scale, SignInKind, Tenant};
use entra_bundle::error::Result;
use entra_bundle::event::{Outcome, Reason, silent};
use entra_bundle::gather::scope::{Axis, Scope};
use entra_bundle::gather::service::{self, ServiceRun, Wanted};
use entra_bundle::gather::{Selection, Summary};
use entra_bundle::http::{Address, Network};
use entra_bundle::source::auth::{Credential, SignIn};
use entra_bundle::source::graph::{Graph, Pace, Question};
use entra_bundle::workspace::{UnitNote, Workspace, WorkspaceKey};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A hundred simulated seconds pass in one.
const SCALE: f64 = 0.01;
const NOW: &str = "2026-11-20T12:00:00Z";

/// Pages that are under way in one bucket at most, and pages that wait to be written and are not
/// committed yet. What a kill can cost is these; all else is asked for once.
pub const UNDER_WAY: u64 = 8 + 2 + 4;

fn pace() -> Pace {
    Pace { scale: SCALE, ..Pace::default() }
}

pub fn tenant(sign_ins: usize) -> Tenant {
    let scale = Scale { users: 120, sign_ins, audits: 300, ..Scale::new(NOW.parse().unwrap()) };
    Tenant::simulate(&scale)
}

pub fn sign_in(address: &str, secret: &str) -> SignIn {
    let address = Address::parse(address).unwrap();
    SignIn {
        credential: Credential::Secret {
            client_id: Accounts::default().client_id,
            secret: Zeroizing::new(secret.to_owned()),
        },
        login: address.clone(),
        tenant: "contoso.com".into(),
        resource: address,
        network: Network::default(),
        now: || NOW.parse().unwrap(),
        announce: Box::new(|_| {}),
    }
}

pub fn graph(server: &Server) -> Graph {
    let sign_in = sign_in(&server.address, &Accounts::default().secret);
    Graph::new(sign_in, &Network::default(), pace()).unwrap()
}

fn window() -> (Timestamp, Timestamp) {
    ("2026-11-13T12:00:00Z".parse().unwrap(), NOW.parse().unwrap())
}

/// Small pages, so that a small tenant has many.
fn options() -> Options {
    Options { most_per_page: 100, ..Options::default() }
}

/// What a workspace holds, by dataset: the digests of its records in the order of their windows. Windows
/// of a log do not overlap, so that is the order of time, and of arrival where times are equal.
pub fn contents(
    folder: &Path,
    keys: &Path,
    times: &HashMap<[u8; 32], Timestamp>,
) -> Vec<(String, Vec<[u8; 32]>)> {
    let keys =
        std::fs::read_dir(keys).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let open = |text: String| Workspace::open(folder, &WorkspaceKey::parse(&text).unwrap()).ok();
    let workspace = keys.filter_map(open).next().unwrap();
    let ordered = |stream: &Stream| {
        let mut digests = workspace.digests(stream).unwrap();
        if Requests::builtin().row(&stream.dataset).unwrap().window.is_some() {
            digests.sort_by_key(|digest| times[digest]);
        }
        digests
    };
    let streams = workspace.streams();
    streams.iter().map(|size| (size.stream.dataset.clone(), ordered(&size.stream))).collect()
}

/// When each record of these logs is of, by its digest.
pub fn times(tenant: &Tenant, logs: &[&str]) -> HashMap<[u8; 32], Timestamp> {
    let mut times = HashMap::new();
    for log in logs {
        let Some(window) = &Requests::builtin().row(log).unwrap().window else { continue };
        for record in tenant.collection(log).unwrap() {
            let time = record[window.field.as_str()].as_str().unwrap().parse().unwrap();
            times.insert(sha256(record.to_string().as_bytes()), time);
        }
    }
    times
}

/// What one collection needs and leaves.
struct Collected {
    folder: tempfile::TempDir,
    key: WorkspaceKey,
    ids: Vec<String>,
    scope: Scope,
    deadline: Option<Duration>,
}

impl Collected {
    fn new(ids: &[&str]) -> Self {
        Collected {
            folder: tempfile::tempdir().unwrap(),
            key: WorkspaceKey::generate().unwrap(),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            scope: Scope::default(),
            deadline: None,
        }
    }

    fn workspace(&self) -> Workspace {
        let path = self.folder.path().join("workspace");
        if Workspace::is_workspace(&path) {
            // A process that another test starts at this moment holds the lock until it is under way.
            for _ in 0..100 {
                match Workspace::open(&path, &self.key) {
                    Err(error) if error.message().contains("another process") => {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    opened => return opened.unwrap(),
                }
            }
        }
        Workspace::create(&path, &self.key, &serde_json::json!({})).unwrap()
    }

    fn run(&self, graph: &Graph) -> Result<Summary> {
        let (from, to) = window();
        let wanted = self
            .ids
            .iter()
            .map(|id| {
                let row = Requests::builtin().row(id).unwrap().clone();
                let pushed = self.scope.push(Catalogue::builtin(), &row);
                Wanted {
                    question: Question { from: Some(from), to: Some(to), conditions: pushed.conditions },
                    skip: None,
                    scoped: (pushed.by_service, pushed.here),
                    row,
                }
            })
            .collect();
        let run = ServiceRun {
            graph,
            wanted,
            selection: Selection {
                from: Some(from),
                to: Some(to),
                scope: self.scope.clone(),
                ..Selection::default()
            },
            catalogue: Catalogue::builtin(),
            observer: &silent,
            stop: &AtomicBool::new(false),
            deadline: self.deadline.map(|span| Instant::now() + span),
        };
        service::run(&run, &mut self.workspace())
    }

    fn note(&self, id: &str) -> UnitNote {
        self.workspace().units().unwrap().into_iter().find(|note| note.unit.name == id).unwrap()
    }

    fn records(&self, id: &str) -> u64 {
        let stream = Stream::new(Source::Graph, id);
        self.workspace().streams().iter().find(|size| size.stream == stream).map_or(0, |size| size.records)
    }
}

/// Collects these datasets from a tenant with these faults.
fn collect(ids: &[&str], sign_ins: usize, options: Options) -> (Collected, Server, Result<Summary>) {
    let server = Server::start(tenant(sign_ins), options).unwrap();
    let collected = Collected::new(ids);
    let summary = collected.run(&graph(&server));
    (collected, server, summary)
}

#[test]
fn all_of_a_tenant_arrives_once() {
    let ids: Vec<&str> =
        Requests::builtin().rows().filter(|row| row.default).map(|row| row.id.as_str()).collect();
    let (collected, server, summary) = collect(&ids, 1_500, options());
    let summary = summary.unwrap();
    let tenant = tenant(1_500);
    for kind in SignInKind::ALL {
        if kind != SignInKind::NonInteractive {
            let given = tenant.collection(kind.dataset()).unwrap().len() as u64;
            assert_eq!(collected.records(kind.dataset()), given, "{kind:?}");
        }
    }
    for id in ["users", "groups", "devices", "conditional_access_policies", "directory_audits", "domains"] {
        assert_eq!(collected.records(id), tenant.collection(id).unwrap().len() as u64, "{id}");
        assert_eq!(collected.note(id).outcome(), Outcome::Complete, "{id}");
    }
    assert_eq!(collected.note("users").service.unwrap().expected, Some(120));
    assert_eq!(collected.note("hybrid_agents").outcome(), Outcome::Empty);
    assert_eq!(collected.note("authorization_policy").reason(), Some(Reason::NotConfigured));
    assert!(!summary.is_incomplete() && summary.records > 1_000, "{summary:?}");
    let asked = server.counts.asked.lock().unwrap();
    assert!(asked.iter().all(|address| address.starts_with("/v1.0/") || address.starts_with("/beta/")));
    assert!(
        asked.iter().any(|address| address.starts_with("/v1.0/users?") && address.contains("$select=id,"))
    );
}

#[test]
fn children_carry_their_parents_id() {
    let (collected, _server, summary) = collect(&["groups", "group_members"], 500, options());
    summary.unwrap();
    assert!(collected.records("group_members") > 10);
    let groups = collected.records("groups");
    assert_eq!(collected.note("group_members").service.unwrap().requests, groups);
    assert!(!collected.note("group_members").unit.id.contains('-'));
}

#[test]
fn a_documented_throttle_is_met_without_429() {
    // Not faster than a busy machine wakes its processes.
    let scale = 0.1;
    let options = Options { throttle: Some(scale), latency: Duration::from_millis(3), ..options() };
    let ids = [
        "signins_interactive_user",
        "directory_audits",
        "risky_users",
        "conditional_access_policies",
        "users",
    ];
    let server = Server::start(tenant(1_500), options).unwrap();
    let collected = Collected::new(&ids);
    let sign_in = sign_in(&server.address, &Accounts::default().secret);
    let pace = Pace { scale, ..Pace::default() };
    collected.run(&Graph::new(sign_in, &Network::default(), pace).unwrap()).unwrap();
    let (requests, throttled) =
        (server.counts.requests.load(Ordering::Relaxed), server.counts.throttled.load(Ordering::Relaxed));
    // Few may come where the machine is so busy that requests bunch; a pacer that fails gives many.
    assert!(throttled * 10 <= requests, "{throttled} of {requests}");
    let given = tenant(1_500).collection("signins_interactive_user").unwrap().len() as u64;
    assert_eq!(collected.records("signins_interactive_user"), given);
    let service = collected.note("signins_interactive_user").service.unwrap();
    assert_eq!(service.duplicates(), 0);
}

/// Every fault, once or for good, and what becomes of the log: all of it but where the fault stays.
#[test]
fn every_fault_is_survived() {
    use FaultKind::*;
    let id = "signins_interactive_user";
    let given = tenant(1_500).collection(id).unwrap().len() as u64;
    let cases = [
        ("429 with", Fault::new("signIns", 2, 2, Status(429, "TooManyRequests", Some(2)))),
        ("429 without", Fault::new("signIns", 1, 2, Status(429, "TooManyRequests", None))),
        ("503", Fault::new("signIns", 2, 3, Status(503, "ServiceUnavailable", Some(1)))),
        ("504", Fault::new("signIns", 1, 2, Status(504, "GatewayTimeout", None))),
        ("reset", Fault::new("signIns", 2, 1, Reset)),
        ("hangup", Fault::new("signIns", 2, 2, Hangup)),
        ("truncated", Fault::new("signIns", 2, 2, Truncated)),
        ("html", Fault::new("signIns", 1, 2, Html)),
        ("expired skip token", Fault::new("signIns", 2, 1, ExpiredSkipToken)),
        ("null skip token", Fault::new("signIns", 1, 1, NullSkipToken)),
        ("expired token", Fault::new("signIns", 2, 1, ExpiredToken)),
        ("duplicates", Fault::new("signIns", 1, 1, Duplicates)),
        ("out of order", Fault::new("signIns", 1, 1, OutOfOrder)),
        ("unknown members", Fault::new("signIns", 1, 1, Unknown)),
        ("clock skew", Fault::new("signIns", 1, 1, ClockSkew)),
        ("403 once", Fault::new("signIns", 1, 1, Status(403, LICENCE, None))),
        ("unsupported", Fault::new("signIns", 1, 1, Status(400, "Request_UnsupportedQuery", None))),
    ];
    std::thread::scope(|scope| {
        for (name, fault) in cases {
            scope.spawn(move || {
                let options = Options { faults: vec![fault], ..options() };
                let (collected, _server, summary) = collect(&[id], 1_500, options);
                assert!(!summary.unwrap().is_incomplete(), "{name}");
                assert_eq!(collected.records(id), given, "{name}");
                let note = collected.note(id);
                assert_eq!(note.outcome(), Outcome::Complete, "{name}");
            });
        }
    });
}

const LICENCE: &str = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";

/// How many interactive sign-ins such a tenant has.
pub fn sign_ins_of(sign_ins: usize) -> u64 {
    tenant(sign_ins).collection("signins_interactive_user").unwrap().len() as u64
}
#[test]
fn what_stays_wrong_is_told_with_its_reason() {
    use FaultKind::*;
    let always = u64::MAX;
    let id = "signins_interactive_user";
    for (fault, outcome, reason) in [
        (Status(403, LICENCE, None), Outcome::Skipped, Reason::Licence),
        (Status(403, "Authorization_RequestDenied", None), Outcome::Skipped, Reason::Permission),
        (Status(403, "insufficient_claims", None), Outcome::Skipped, Reason::ConditionalAccess),
        (Status(500, "InternalServerError", None), Outcome::Failed, Reason::Unavailable),
        (Html, Outcome::Failed, Reason::Unavailable),
        (ForeignLink, Outcome::Partial, Reason::ForeignLink),
    ] {
        let options = Options { faults: vec![Fault::new("signIns", 1, always, fault.clone())], ..options() };
        let (collected, server, summary) = collect(&[id, "users"], 1_500, options);
        assert!(summary.unwrap().is_incomplete());
        let note = collected.note(id);
        assert_eq!((note.outcome(), note.reason()), (outcome, Some(reason)), "{fault:?}");
        assert_eq!(collected.note("users").outcome(), Outcome::Complete);
        if reason == Reason::Licence {
            // Believed only after it was said three times: of the one window, or of each part where the
            // machine is so busy that the answer seems to be late.
            let requests = note.service.as_ref().unwrap().requests;
            assert!((3..=24).contains(&requests), "{requests}");
        }
        if reason == Reason::Permission {
            assert_eq!(note.service.as_ref().unwrap().failures.len(), 1);
        }
        let asked = server.counts.asked.lock().unwrap();
        assert!(asked.iter().all(|address| !address.contains("203.0.113")));
    }
}

#[test]
fn a_tenant_without_licence_or_permission_gives_what_it_may() {
    let granted = ["User.Read.All", "AuditLog.Read.All"].map(str::to_owned).into();
    let options = Options {
        licence: Licence::Free,
        accounts: Accounts { granted: Some(granted), ..Accounts::default() },
        ..options()
    };
    let ids = ["users", "groups", "group_members", "signins_interactive_user", "directory_audits"];
    let (collected, _server, summary) = collect(&ids, 500, options);
    assert!(summary.unwrap().is_incomplete());
    assert_eq!(collected.note("users").outcome(), Outcome::Complete);
    assert_eq!(collected.note("directory_audits").outcome(), Outcome::Complete);
    assert_eq!(collected.note("groups").reason(), Some(Reason::Permission));
    assert_eq!(collected.note("group_members").reason(), Some(Reason::Permission));
    assert_eq!(collected.note("signins_interactive_user").reason(), Some(Reason::Licence));
}

#[test]
fn a_record_of_ten_megabytes_and_duplicates_in_lists_are_taken_once() {
    let faults = vec![
        Fault::new("/users", 1, 1, FaultKind::Huge(10 << 20)),
        Fault::new("/devices", 1, 1, FaultKind::Duplicates),
    ];
    let (collected, _server, summary) =
        collect(&["users", "devices"], 500, Options { faults, ..Options::default() });
    summary.unwrap();
    assert_eq!(collected.records("users"), 121);
    let devices = collected.note("devices");
    assert_eq!(devices.service.as_ref().unwrap().duplicates(), devices.records());
}

#[test]
fn a_wrong_secret_is_explained_in_the_users_words() {
    let server = Server::start(tenant(300), options()).unwrap();
    let graph = Graph::new(sign_in(&server.address, "WRONG"), &Network::default(), pace()).unwrap();
    let error = graph.sign_in().unwrap_err();
    assert_eq!(error.code(), 4);
    assert!(error.message().contains("the client secret is wrong (AADSTS7000215)"), "{error}");
    assert!(!error.message().contains("WRONG") && !error.advice().unwrap().contains("WRONG"));
}

#[test]
fn tokens_are_replaced_while_pages_come() {
    let options = Options {
        accounts: Accounts { life: Duration::from_millis(300), ..Accounts::default() },
        latency: Duration::from_millis(60),
        ..options()
    };
    let (collected, server, summary) =
        collect(&["directory_audits", "signins_interactive_user"], 1_500, options);
    assert!(!summary.unwrap().is_incomplete());
    assert!(server.counts.tokens.load(Ordering::Relaxed) > 1);
    assert_eq!(collected.note("signins_interactive_user").outcome(), Outcome::Complete);
}

#[test]
fn the_time_for_collecting_ends_with_what_is_there_and_goes_on_later() {
    let options = Options { latency: Duration::from_millis(60), ..options() };
    let server = Server::start(tenant(1_500), options).unwrap();
    let mut collected = Collected::new(&["signins_interactive_user", "users"]);
    collected.deadline = Some(Duration::from_millis(300));
    collected.run(&graph(&server)).unwrap();
    let note = collected.note("signins_interactive_user");
    assert_eq!((note.outcome(), note.reason()), (Outcome::Partial, Some(Reason::Interrupted)));
    let before = server.counts.requests.load(Ordering::Relaxed);
    collected.deadline = None;
    collected.run(&graph(&server)).unwrap();
    let given = tenant(1_500).collection("signins_interactive_user").unwrap().len() as u64;
    assert_eq!(collected.records("signins_interactive_user"), given);
    // Twice asked for is what was under way at the end.
    let asked = server.counts.requests.load(Ordering::Relaxed);
    let distinct = server.counts.asked.lock().unwrap().iter().collect::<BTreeSet<_>>().len() as u64;
    assert!(asked - distinct <= UNDER_WAY, "{asked} requests, {before} before the end, {distinct} distinct");
    let again = collected.run(&graph(&server)).unwrap();
    assert_eq!(server.counts.requests.load(Ordering::Relaxed), asked, "{again:?}");
}

#[test]
fn a_user_is_known_by_all_names_that_the_tenant_knows() {
    let server = Server::start(tenant(300), options()).unwrap();
    let user = tenant(300).collection("users").unwrap()[3].clone();
    let (upn, id) = (user["userPrincipalName"].as_str().unwrap(), user["id"].as_str().unwrap());
    let names = graph(&server).names_of_user(&upn.to_uppercase()).unwrap().unwrap();
    assert!(names[0] == id && names.iter().any(|name| name == upn), "{names:?}");
    assert_eq!(graph(&server).names_of_user("nobody@contoso.com").unwrap(), None);
}

#[test]
fn a_scope_is_applied_by_the_service_or_here() {
    let server = Server::start(tenant(1_500), options()).unwrap();
    let all = tenant(1_500).collection("signins_interactive_user").unwrap();
    let upn = all[0]["userPrincipalName"].as_str().unwrap().to_owned();
    let mut collected = Collected::new(&["users", "groups", "signins_interactive_user", "directory_audits"]);
    collected.scope = Scope::new([(Axis::User, vec![upn.to_uppercase()])]);
    collected.run(&graph(&server)).unwrap();
    let own = all.iter().filter(|record| record["userPrincipalName"] == upn.as_str()).count() as u64;
    assert_eq!(collected.records("signins_interactive_user"), own);
    assert_eq!(collected.records("users"), 1);
    assert!(collected.records("groups") > 1);
    let audits = collected.note("directory_audits");
    assert!(audits.outside_scope > 0 && audits.records() < 300);
    let service = audits.service.unwrap();
    assert_eq!((service.scoped_by_service.len(), service.scoped_here), (0, vec!["user".to_owned()]));
    assert_eq!(collected.note("signins_interactive_user").service.unwrap().scoped_by_service, ["user"]);
}
