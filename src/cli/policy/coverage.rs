//! `policy coverage`: over the inventory of declared properties, or over the paths of a workspace.

use super::super::ui::{self, Ui};
use super::super::{interrupt, workspaces};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::privacy::coverage::percent;
use crate::privacy::{IncidentKey, Policy, Pseudonymizer, Rules};
use crate::seal::dry::{self, Dry};
use comfy_table::{Table, presets};
use serde_json::json;
use std::path::{Path, PathBuf};

/// `policy coverage`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: entra-bundle policy coverage --workspace work --fail-under 100\n\nExit codes: 0, 2, 5 (below --fail-under)."
)]
pub struct Args {
    /// Look at every path that stands in this workspace, instead of at the inventory. Names of fields
    /// that the catalogue does not know are printed: they may come from the data.
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// minimal, balanced, strict, or a file.
    #[arg(long, default_value = "balanced")]
    policy: String,
    /// Exit with 5 below this percentage.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(..=100))]
    fail_under: Option<u64>,
    /// A file with further fields.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

/// Runs it.
pub fn run(ui: Ui, args: &Args) -> Result<u8> {
    let policy = super::load(&args.policy)?;
    let rules = super::rules(&policy, super::catalogue(args.catalogue.as_deref())?)?;
    let reached = match &args.workspace {
        Some(folder) => workspace(ui, folder, &policy, &rules)?,
        None => inventory(ui, &policy, &rules)?,
    };
    match args.fail_under {
        Some(wanted) if reached < wanted => {
            Err(Error::new(Kind::Privacy, format!("{reached} % have a rule, {wanted} % are wanted"))
                .hint("a field without a rule is dropped and counted; the list above names them"))
        }
        _ => Ok(0),
    }
}

fn inventory(ui: Ui, policy: &Policy, rules: &Rules) -> Result<u64> {
    let coverage = rules.coverage();
    if ui.json {
        ui::print_json(
            &json!({"policy": policy.title(), "percent": coverage.percent(), "coverage": coverage}),
        )?;
        return Ok(coverage.percent());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["kind", "do", "properties"]);
    for ((kind, action), count) in coverage.by_kind() {
        table.add_row([kind, action, &ui::thousands(count as u64)]);
    }
    let mut text = ui::plain(&table);
    for open in coverage.properties.iter().filter(|one| one.action.is_none()) {
        text += &format!("no rule: {} {}{}\n", open.source.id(), open.dataset, open.path);
    }
    text += &format!(
        "\n{} of {} declared properties of {} datasets have a rule under {}: {} %\n",
        ui::thousands(coverage.covered() as u64),
        ui::thousands(coverage.properties.len() as u64),
        coverage.datasets,
        policy.title(),
        coverage.percent(),
    );
    ui::print(&text)?;
    Ok(coverage.percent())
}

fn workspace(ui: Ui, folder: &Path, policy: &Policy, rules: &Rules) -> Result<u64> {
    let held = workspaces::open_held(folder)?;
    // Counts do not depend on the key.
    let names = Pseudonymizer::new(&IncidentKey::generate()?)?;
    interrupt::install();
    let run = dry::Job {
        catalogue: rules.catalogue(),
        rules,
        names: &names,
        workers: std::thread::available_parallelism().map_or(2, usize::from).min(16),
        samples: 0,
        observer: &|_: &Event<'_>| {},
        stop: interrupt::flag(),
    };
    let Dry { tally, clear, .. } = dry::run(&run, &held.workspace)?;
    let mut rows = Vec::new();
    let mut known = 0;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["dataset", "path", "holds", "do", "values"]);
    for ((dataset, path), place) in &tally.places {
        let declared = place.treatment != "undeclared";
        known += u64::from(declared);
        let path = clear.get(&(dataset.clone(), path.clone())).unwrap_or(path);
        let holds = place.kind.map_or("-", crate::kind::Kind::id);
        table.add_row([dataset, path, holds, place.treatment, &ui::thousands(place.counts.values())]);
        rows.push(json!({"dataset": dataset, "path": path, "kind": place.kind, "do": place.treatment,
            "declared": declared, "values": place.counts.values()}));
    }
    let reached = percent(known, rows.len() as u64);
    let summary = format!(
        "{} of {} paths in {} records have a rule under {}: {reached} %",
        ui::thousands(known),
        ui::thousands(rows.len() as u64),
        ui::thousands(tally.records),
        policy.title(),
    );
    ui.result(
        &json!({"policy": policy.title(), "percent": reached, "records": tally.records, "paths": rows}),
        &format!("{}\n{summary}\n", ui::plain(&table)),
    )?;
    Ok(reached)
}
