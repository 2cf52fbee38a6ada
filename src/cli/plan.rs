//! `plan`: what a collection from the tenant would give, before anything is collected.

use super::args::Window;
use super::tenant::Tenant;
use super::ui::{self, Ui};
use super::{policy, when};
use crate::catalogue::graph::{Licence, Row};
use crate::catalogue::{Catalogue, Group};
use crate::error::Result;
pub(super) use crate::gather::plan::kept as kept_days;
use crate::gather::plan::{Count, Decision, Known, Route, decide};
use crate::gather::probe;
use crate::inspect::summary;
use crate::kind::Class;
use clap::Args;
use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What is planned.
#[derive(Args, Debug)]
pub struct Plan {
    #[command(flatten)]
    tenant: Tenant,
    /// Only these datasets. Repeatable.
    #[arg(long, value_name = "ID")]
    dataset: Vec<String>,
    /// Leave these datasets out. Repeatable.
    #[arg(long, value_name = "ID")]
    without: Vec<String>,
    /// A file with further datasets of Microsoft Graph.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    #[command(flatten)]
    window: Window,
    /// A dataset that takes longer has a better way named.
    #[arg(long, value_name = "SPAN", default_value = "30m")]
    limit: String,
    /// Sign in to nothing: tell what the tables know.
    #[arg(long)]
    offline: bool,
}

/// Runs `plan`.
pub fn run(ui: Ui, args: &Plan) -> Result<u8> {
    let now = Timestamp::now();
    let most = when::span(&args.limit)?;
    let window = &args.window;
    let from = match (&window.since, &window.from) {
        (Some(since), _) => now.checked_sub(when::span(since)?).ok(),
        (None, Some(from)) => Some(when::point(from, now)?),
        (None, None) => None,
    };
    let to = window.to.as_deref().map(|to| when::point(to, now)).transpose()?.unwrap_or(now);
    let catalogue = policy::catalogue(args.catalogue.as_deref())?;
    let rows = args.tenant.rows(catalogue.requests(), &args.dataset, &args.without)?;
    let mut known = Known { cloud: args.tenant.cloud()?.id, from, now, ..Known::default() };
    let (mut counts, mut sizes) = (BTreeMap::new(), BTreeMap::new());
    if !args.offline {
        let graph = args.tenant.graph(ui, &rows)?;
        known.claims = Some(graph.sign_in()?);
        let answers = probe::ask(&graph, &rows, from, to)?;
        known.licence = answers.licence;
        (counts, sizes) = (answers.counts, answers.sizes);
    }
    let measured = |row: &Row| (counts.get(&row.id).copied(), sizes.get(&row.id).copied());
    let decisions: Vec<Decision> = rows.iter().map(|row| decide(row, &known, measured(row), most)).collect();
    let listed: Vec<_> = rows
        .iter()
        .zip(&decisions)
        .map(|(row, decision)| {
            json!({"decision": decision, "group": group(catalogue, row), "origin": catalogue.origin_of(&row.id),
                "personalData": personal(catalogue, row), "instead": decision.instead.map(way),
                "further": decision.further.iter().copied().map(way).collect::<Vec<_>>()})
        })
        .collect();
    let document =
        json!({"tenantLicence": known.licence, "signedIn": known.claims.is_some(), "datasets": listed});
    ui.result(&document, &text(catalogue, &rows, &decisions, &known))?;
    Ok(0)
}

fn way(route: Route) -> serde_json::Value {
    json!({"route": route, "steps": route.steps()})
}

fn group(catalogue: &Catalogue, row: &Row) -> Option<Group> {
    catalogue.dataset(&row.id).map(|dataset| dataset.group)
}

/// The kinds of personal data in a dataset.
fn personal(catalogue: &Catalogue, row: &Row) -> Vec<&'static str> {
    let kinds = catalogue.kinds_of(&row.id).into_iter();
    let personal = kinds.filter(|kind| matches!(kind.spec().class, Class::Euii | Class::Eupi | Class::Quasi));
    personal.map(|kind| kind.spec().id).collect()
}

fn text(catalogue: &Catalogue, rows: &[&Row], decisions: &[Decision], known: &Known) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["dataset", "outcome", "records", "requests", "at least", "size", "origin"]);
    for (row, decision) in rows.iter().zip(decisions) {
        table.add_row([
            decision.dataset.clone(),
            outcome(decision, known.claims.is_some()),
            match decision.count {
                None => "unknown".to_owned(),
                Some(Count::Counted(records)) => ui::thousands(records),
                Some(Count::Sampled(records)) => {
                    format!("~{} (from the newest hour)", ui::thousands(records))
                }
            },
            decision.requests.map_or("unknown".to_owned(), ui::thousands),
            decision.seconds.map_or("unknown".to_owned(), duration),
            decision.estimated_bytes.map_or("unknown".to_owned(), |bytes| format!("~{}", ui::size(bytes))),
            serde_json::to_value(catalogue.origin_of(&row.id))
                .map_or_else(|_| String::new(), |origin| origin.as_str().unwrap_or_default().to_owned()),
        ]);
    }
    let mut out = ui::plain(&table);
    let missing: BTreeSet<&str> = decisions.iter().filter_map(|d| d.add_permission.as_deref()).collect();
    if !missing.is_empty() {
        let missing: Vec<&str> = missing.into_iter().collect();
        out.push_str(&format!("\npermissions that would add datasets: {}\n", missing.join(", ")));
    }
    if decisions.iter().any(|decision| decision.estimated_bytes.is_some()) {
        out.push_str("\nsizes are estimates: records times the mean size of the few that were read\n");
    }
    let mut routes: Vec<(Route, Vec<&str>)> = Vec::new();
    for decision in decisions {
        let Some(route) = decision.instead else { continue };
        match routes.iter_mut().find(|(known, _)| *known == route) {
            Some((_, datasets)) => datasets.push(&decision.dataset),
            None => routes.push((route, vec![&decision.dataset])),
        }
    }
    for (route, datasets) in routes {
        out.push_str(&format!("\nthe better way for {}:\n", datasets.join(", ")));
        out.push_str(&steps(route));
    }
    let further: Vec<Route> = decisions
        .iter()
        .map(|d| d.further.as_slice())
        .max_by_key(|all| all.len())
        .unwrap_or_default()
        .to_vec();
    for route in further {
        out.push_str("\nor, where the logs are sent there:\n");
        out.push_str(&steps(route));
    }
    if known.claims.is_none() {
        out.push_str("\nnobody signed in: permissions, licence and counts are not known\n");
    }
    out
}

fn steps(route: Route) -> String {
    (1..).zip(route.steps()).map(|(number, step)| format!("  {number}. {step}\n")).collect()
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{:.1} h", seconds as f64 / 3_600.0),
    }
}

fn outcome(decision: &Decision, signed_in: bool) -> String {
    let mut text = match decision.reason {
        None if signed_in => "will be collected".to_owned(),
        None => "nothing known against it".to_owned(),
        Some(reason) => format!("skipped: {}", summary::reason(reason)),
    };
    if let Some(permission) = &decision.add_permission {
        text.push_str(&format!("; add {permission}"));
    }
    if let Some(licence) = decision.licence {
        text.push_str(match licence {
            Licence::Free => "",
            Licence::P1 => "; needs Entra ID P1",
            Licence::P2 => "; needs Entra ID P2",
            Licence::Workload => "; needs Workload Identities Premium",
        });
    }
    if let Some(role) = &decision.role {
        text.push_str(&format!("; as {role}"));
    }
    if let Some(days) = decision.kept_days {
        text.push_str(&format!("; kept {days} days only"));
    }
    text
}
