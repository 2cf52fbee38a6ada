//! Collecting from a service onto a disk that fills up: what was committed stays, the words say what is
//! wrong, and with room again the next run asks for the rest alone.

use super::KEY;
use crate::catalogue::Catalogue;
use crate::catalogue::graph::Requests;
use crate::demo::http::{Accounts, Options, Server};
use crate::demo::tenant::{Scale, Tenant};
use crate::error::{self, Result};
use crate::event::silent;
use crate::fault;
use crate::gather::service::{self, ServiceRun, Wanted};
use crate::gather::{Selection, Summary};
use crate::http::{Address, Network};
use crate::source::auth::{Credential, SignIn};
use crate::source::graph::{Graph, Pace, Question};
use crate::workspace::{Workspace, WorkspaceKey};
use jiff::Timestamp;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

const NOW: &str = "2026-11-20T12:00:00Z";

fn graph(server: &Server) -> Graph {
    let accounts = Accounts::default();
    let address = Address::parse(&server.address).unwrap();
    let sign_in = SignIn {
        credential: Credential::Secret {
            client_id: accounts.client_id,
            secret: Zeroizing::new(accounts.secret),
        },
        login: address.clone(),
        tenant: "contoso.com".into(),
        resource: address,
        network: Network::default(),
        now: || NOW.parse().unwrap(),
        announce: Box::new(|_| {}),
    };
    Graph::new(sign_in, &Network::default(), Pace { scale: 0.001, ..Pace::default() }).unwrap()
}

fn collect(graph: &Graph, folder: &Path) -> Result<Summary> {
    let key = WorkspaceKey::from_bytes(KEY);
    let mut workspace = match Workspace::is_workspace(folder) {
        true => Workspace::open(folder, &key)?,
        false => Workspace::create(folder, &key, &serde_json::json!({"schema": "test"}))?,
    };
    let window: (Option<Timestamp>, Option<Timestamp>) =
        ("2026-11-13T12:00:00Z".parse().ok(), NOW.parse().ok());
    let wanted = ["users", "signins_interactive_user"].map(|id| Wanted {
        row: Requests::builtin().row(id).unwrap().clone(),
        question: Question { from: window.0, to: window.1, conditions: Vec::new() },
        skip: None,
        scoped: (Vec::new(), Vec::new()),
    });
    let run = ServiceRun {
        graph,
        wanted: wanted.into(),
        selection: Selection { from: window.0, to: window.1, ..Selection::default() },
        catalogue: Catalogue::builtin(),
        observer: &silent,
        stop: &AtomicBool::new(false),
        deadline: None,
    };
    service::run(&run, &mut workspace)
}

#[test]
fn a_disk_that_fills_up_while_collecting_costs_nothing_that_was_committed() {
    fault::UNSYNCED.set(true);
    fault::COMMIT.set(Some(20_000));
    let scale = Scale { users: 60, sign_ins: 400, audits: 300, ..Scale::new(NOW.parse().unwrap()) };
    let options = Options { most_per_page: 20, ..Options::default() };
    let server = Server::start(Tenant::simulate(&scale), options).unwrap();
    let graph = graph(&server);
    let folder = tempfile::tempdir().unwrap();
    let whole = collect(&graph, &folder.path().join("whole")).unwrap();
    let undisturbed = server.counts.requests.load(Ordering::Relaxed);
    for room in [2_000, 60_000, 200_000, 500_000] {
        let at = folder.path().join(room.to_string());
        let error = fault::with_room(room, || collect(&graph, &at)).unwrap_err();
        assert_eq!((error.kind(), error.code()), (error::Kind::Io, 1), "{error}");
        assert!(error.to_string().contains("no storage space"), "{error}");
        let before = server.counts.requests.load(Ordering::Relaxed);
        let again = collect(&graph, &at).unwrap();
        assert_eq!((again.records, again.units), (whole.records, whole.units), "room for {room}");
        let asked = server.counts.requests.load(Ordering::Relaxed) - before;
        // What was committed is not asked for again; a second run may cut its windows once more.
        assert!(room < 200_000 || asked <= undisturbed + 1, "{asked} of {undisturbed}");
    }
}
