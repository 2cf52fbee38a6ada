//! `preview`: what would become of the records of a workspace, before anything is sealed.

use super::ui::{self, Terminal, Ui};
use super::{interrupt, key, places, policy, workspaces};
use crate::error::{Error, Result};
use crate::event::Outcome;
use crate::inspect::summary;
use crate::kind::Kind;
use crate::privacy::sample::Sampled;
use crate::privacy::{IncidentKey, Policy, Pseudonymizer, Rules};
use crate::seal::dry::{self, Dry};
use crate::workspace::Workspace;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `preview`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: entra-bundle preview --workspace work --out preview.html\n\nThe page holds personal data: it is for your eyes. It is readable by its owner only, and neither --input nor share takes it.\n\nExit codes: 0, 1, 2, 17, 130."
)]
pub struct Args {
    /// The workspace that `gather` or `collect --keep-workspace` left.
    #[arg(long, value_name = "DIR")]
    workspace: PathBuf,
    /// minimal, balanced, strict, or a file.
    #[arg(long, default_value = "balanced")]
    policy: String,
    /// A file with further fields.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// The incident key, so that the pseudonyms are those of the bundle. Without it they are of a key
    /// made for this page and forgotten.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Write an HTML page here; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only these datasets. Repeatable.
    #[arg(long, value_name = "ID")]
    dataset: Vec<String>,
    /// Worker threads.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<u16>,
}

/// The mark by which the program knows its own private files. It stands in the first bytes.
const MAGIC: &str = "\"entra-bundle-private/preview/1\": contains personal data, do not send";
/// Records of each slice that are looked at for samples.
const SAMPLED: u64 = 2_000;

/// Runs `preview`.
pub fn run(ui: Ui, args: &Args) -> Result<u8> {
    let chosen = policy::load(&args.policy)?;
    let rules = policy::rules(&chosen, policy::catalogue(args.catalogue.as_deref())?)?;
    for id in &args.dataset {
        if rules.catalogue().dataset(id).is_none() {
            return Err(
                Error::usage(format!("unknown dataset `{id}`")).hint("`entra-bundle datasets` lists them")
            );
        }
    }
    if let Some(out) = args.out.as_deref().filter(|out| out.exists()) {
        return Err(Error::usage(format!("`{}` exists", out.display()))
            .hint("choose another name; existing files are never replaced"));
    }
    let incident = match &args.key {
        Some(file) => key::incident(ui, Some(file))?.0,
        None => IncidentKey::generate()?,
    };
    let names = Pseudonymizer::new(&incident)?;
    let held = workspaces::open_held(&args.workspace)?;
    interrupt::install();
    let terminal = Terminal::new(ui);
    let job = dry::Job {
        catalogue: rules.catalogue(),
        rules: &rules,
        names: &names,
        workers: match args.workers {
            Some(workers) => usize::from(workers),
            None => std::thread::available_parallelism().map_or(2, usize::from).min(16),
        },
        samples: SAMPLED,
        observer: &terminal,
        stop: interrupt::flag(),
    };
    let dry = dry::run(&job, &held.workspace)?;
    let mut page = Page::of(&chosen, &rules, &dry, &held.workspace, args.key.is_some())?;
    if !args.dataset.is_empty() {
        page.datasets.retain(|id, _| args.dataset.contains(id));
    }
    match &args.out {
        Some(out) => {
            places::write_private(out, &(page.html().into_string() + "\n"))?;
            let fields: usize = page.datasets.values().map(Vec::len).sum();
            ui.result(
                &serde_json::json!({"written": out, "datasets": page.datasets.len(), "fields": fields, "refused": page.refused.len()}),
                &format!(
                    "{}   {} fields of {} datasets\nIt contains personal data: do not send it, and remove it when you have read it.\n",
                    out.display(),
                    ui::thousands(fields as u64),
                    page.datasets.len()
                ),
            )?;
        }
        None if ui.json => ui::print_json(&page.json())?,
        None => ui::print(&page.text())?,
    }
    Ok(0)
}

/// One place of a dataset.
struct Row {
    path: String,
    kind: Option<Kind>,
    action: &'static str,
    values: u64,
    reason: String,
    samples: Vec<(String, Option<String>)>,
}

/// What the page shows.
struct Page {
    policy: String,
    key: &'static str,
    learned: u64,
    records: u64,
    datasets: BTreeMap<String, Vec<Row>>,
    refused: Vec<[String; 2]>,
    broken: BTreeMap<String, u64>,
}

impl Page {
    fn of(policy: &Policy, rules: &Rules, dry: &Dry, workspace: &Workspace, own_key: bool) -> Result<Page> {
        let sampled: BTreeMap<(&str, &str), &Sampled> = dry
            .places
            .0
            .iter()
            .map(|((dataset, _), place)| ((dataset.as_str(), place.reported.as_str()), place))
            .collect();
        let mut datasets: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for ((dataset, path), place) in &dry.tally.places {
            let shown = dry.clear.get(&(dataset.clone(), path.clone())).unwrap_or(path);
            let samples = sampled.get(&(dataset.as_str(), path.as_str())).map(|one| one.samples.clone());
            // A whole record of text or XML has a row of its own below.
            let samples = samples.filter(|_| path != "/");
            let reason = match (place.treatment, place.kind) {
                ("undeclared", _) => "the catalogue does not know this field".to_owned(),
                (_, Some(kind)) => policy.rule(kind).in_force(rules.today()).reason.clone(),
                ("drop", None) => "declared, and never wanted".to_owned(),
                _ => String::new(),
            };
            datasets.entry(dataset.clone()).or_default().push(Row {
                path: shown.clone(),
                kind: place.kind,
                action: place.treatment,
                values: place.counts.values(),
                reason,
                samples: samples.unwrap_or_default(),
            });
        }
        // Whole records of text and XML stand beside the places inside them.
        for ((dataset, path), place) in dry.places.0.iter().filter(|((_, path), _)| path == "/") {
            datasets.entry(dataset.clone()).or_default().insert(
                0,
                Row {
                    path: path.clone(),
                    kind: place.kind,
                    action: "scan",
                    values: place.samples.len() as u64,
                    reason: "the first whole records, as they would leave".to_owned(),
                    samples: place.samples.clone(),
                },
            );
        }
        let mut refused = Vec::new();
        for note in workspace.units()? {
            if let (Outcome::Failed | Outcome::Skipped | Outcome::Partial, Some(reason)) =
                (note.outcome(), note.reason())
            {
                refused.push([super::lookup::visible(&note.unit.name), summary::reason(reason).to_owned()]);
            }
        }
        Ok(Page {
            policy: policy.title(),
            key: if own_key { "the incident key" } else { "a key made for this page; the bundle's differ" },
            learned: dry.learned,
            records: dry.tally.records,
            datasets,
            refused,
            broken: dry.broken.clone(),
        })
    }

    fn summary(&self) -> String {
        format!(
            "{} records, {} names learned, policy {}, pseudonyms of {}",
            ui::thousands(self.records),
            ui::thousands(self.learned),
            self.policy,
            self.key
        )
    }

    fn json(&self) -> serde_json::Value {
        let rows = |rows: &Vec<Row>| -> Vec<serde_json::Value> {
            rows.iter()
                .map(|row| {
                    serde_json::json!({"path": row.path, "kind": row.kind, "do": row.action, "values": row.values,
                        "reason": row.reason, "samples": row.samples})
                })
                .collect()
        };
        let datasets: BTreeMap<&String, Vec<serde_json::Value>> =
            self.datasets.iter().map(|(id, list)| (id, rows(list))).collect();
        serde_json::json!({"schema": "entra-bundle-private/preview/1", "policy": self.policy, "records": self.records,
            "datasets": datasets, "refused": self.refused, "broken": self.broken})
    }

    fn text(&self) -> String {
        let mut text = format!("PREVIEW: contains personal data, do not send\n{}\n", self.summary());
        for (dataset, rows) in &self.datasets {
            text += &format!("\n{dataset}\n");
            for row in rows {
                let kind = row.kind.map_or("-", Kind::id);
                text += &format!(
                    "  {}   {kind}, {}, {} values\n",
                    seen(&row.path),
                    row.action,
                    ui::thousands(row.values)
                );
                for (before, after) in &row.samples {
                    text += &format!(
                        "      {} → {}\n",
                        seen(before),
                        after.as_deref().map_or("(dropped)".into(), seen)
                    );
                }
            }
        }
        for [name, reason] in &self.refused {
            text += &format!("\nrefused   {name}: {reason}");
        }
        for (dataset, count) in &self.broken {
            text += &format!("\nbroken    {count} records of {dataset} are not what their form says");
        }
        text + "\n"
    }

    fn html(&self) -> Markup {
        html! {
            (DOCTYPE)
            (PreEscaped(format!("<!-- {MAGIC} -->")))
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                    title { "Preview: contains personal data" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    p.mark { "Contains personal data. Do not send this page; remove it when you have read it." }
                    h1 { "What would leave" }
                    p { (self.summary()) ". Of each slice the first " (ui::thousands(SAMPLED)) " records were looked at for samples; the counts are of all records." }
                    nav { @for (dataset, rows) in &self.datasets { a href={ "#" (dataset) } { (dataset) " (" (rows.len()) ")" } " " } }
                    @if !self.refused.is_empty() {
                        h2 { "Not taken" }
                        table { tbody { @for [name, reason] in &self.refused { tr { td { (name) } td { (reason) } } } } }
                    }
                    @for (dataset, count) in &self.broken {
                        p { (count) " records of " (dataset) " are not what their form says; a seal stops at the first." }
                    }
                    @for (dataset, rows) in &self.datasets {
                        h2 id=(dataset) { (dataset) }
                        table.fields {
                            thead { tr { th { "Field" } th { "Holds" } th { "What happens" } th.number { "Values" } th { "Before" } th { "After" } } }
                            tbody { @for row in rows { (self.row(row)) } }
                        }
                    }
                }
            }
        }
    }

    fn row(&self, row: &Row) -> Markup {
        let lines = row.samples.len().max(1);
        html! {
            @for line in 0..lines {
                tr {
                    @if line == 0 {
                        th rowspan=(lines) scope="row" { code { (seen(&row.path)) } }
                        td rowspan=(lines) { (row.kind.map_or("", Kind::id)) }
                        td rowspan=(lines) title=(row.reason) { span class=(tone(row.action)) { (row.action) } }
                        td.number rowspan=(lines) { (ui::thousands(row.values)) }
                    }
                    @match row.samples.get(line) {
                        Some((before, Some(after))) => { td { (seen(before)) } td { (seen(after)) } },
                        Some((before, None)) => { td { (seen(before)) } td.dropped { "dropped" } },
                        None => { td {} td {} },
                    }
                }
            }
        }
    }
}

/// A text without characters that steer a terminal or a reader's eye.
fn seen(text: &str) -> String {
    super::lookup::visible(&text.trim_end().replace("\r\n", "\n").replace(['\n', '\t'], " "))
}

fn tone(action: &str) -> &'static str {
    match action {
        "drop" | "redact" | "undeclared" => "gone",
        "keep" => "kept",
        "scan" | "parse" | "mask" => "seen",
        _ => "made",
    }
}

const STYLE: &str = "
:root { color-scheme: light; font: 14px/1.45 system-ui, sans-serif; color: #1b1f24; }
body { max-width: 90rem; margin: 0 auto 3rem; padding: 0 1rem; }
.mark { position: sticky; top: 0; margin: 0 -1rem 1rem; padding: .5rem 1rem; background: #cf222e; color: #fff; font-weight: 600; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; scroll-margin-top: 3rem; }
nav a { white-space: nowrap; margin-right: .6rem; }
table { border-collapse: collapse; width: 100%; table-layout: auto; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid #d8dee4; overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid #57606a; white-space: nowrap; } tbody th { font-weight: 400; }
.number { text-align: right; font-variant-numeric: tabular-nums; } code { font: .92em ui-monospace, monospace; }
.fields { table-layout: fixed; } .fields thead th:nth-child(1) { width: 21%; } .fields thead th:nth-child(2) { width: 9rem; }
.fields thead th:nth-child(3) { width: 9.5rem; } .fields thead th:nth-child(4) { width: 4.5rem; }
.dropped { color: #57606a; font-style: italic; }
span { display: inline-block; padding: 0 .45rem; border-radius: .3rem; border: 1px solid; }
.gone { background: #f6f8fa; border-color: #8c959f; } .made { background: #ddf4ff; border-color: #54aeff; }
.seen { background: #fff8c5; border-color: #d4a72c; } .kept { background: #ffebe9; border-color: #ff8182; }
";
