//! `policy`: presets and policy files, shown, explained, checked and compared.

mod coverage;
mod diff;
mod lint;
mod matrix;

use super::places;
use super::ui::{self, Ui};
use crate::catalogue::{Catalogue, Source, Stream};
use crate::crypto;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::privacy::explain::Explanation;
use crate::privacy::{IncidentKey, Policy, Pseudonymizer, Rules};
use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde_json::json;
use std::path::{Path, PathBuf};

/// `policy`.
#[derive(clap::Subcommand, Debug)]
pub enum Action {
    /// Approve a policy: signs its public projection, its private part and the catalogue together.
    #[command(
        after_help = "Example: entra-bundle policy sign contoso.json --sign-key officer.key --out contoso.approval.intoto.jsonl\n\nExit codes: 0, 1, 2, 17."
    )]
    Sign(Box<super::approval::Sign>),
    /// Whether an approval still holds for a policy, this program and today.
    #[command(
        after_help = "Example: entra-bundle policy check contoso.json contoso.approval.intoto.jsonl --public-key officer.pub.pem\n\nExit codes: 0; 5 it does not hold; 12, 13, 14 signature; 2."
    )]
    Check(Box<super::approval::CheckArgs>),
    /// Show a preset or a policy file with all that it inherits.
    #[command(
        after_help = "Example: entra-bundle policy show strict --json > mine.json\n\nExit codes: 0, 2."
    )]
    Show {
        /// minimal, balanced, strict, or a file.
        #[arg(default_value = "balanced")]
        policy: String,
    },
    /// Explain what happens to a field, why, and show a sample.
    #[command(
        after_help = "Example: entra-bundle policy explain users /userPrincipalName --policy strict\n\nExit codes: 0, 2."
    )]
    Explain {
        /// The dataset.
        dataset: String,
        /// Member path such as /userPrincipalName or /status/errorCode, or line:PATTERN; without it all fields.
        selector: Option<String>,
        /// minimal, balanced, strict, or a file.
        #[arg(long, default_value = "balanced")]
        policy: String,
        /// A file with further fields.
        #[arg(long, value_name = "FILE")]
        catalogue: Option<PathBuf>,
    },
    /// Check a policy file: errors make it invalid, warnings say what is probably not meant.
    Lint(lint::Args),
    /// Compare two policies, kind by kind and field by field.
    Diff(diff::Args),
    /// Tell whether every declared property, or every path of a workspace, has a rule.
    Coverage(coverage::Args),
    /// Print the one page that a privacy officer reads: kinds, classes, treatments, reasons.
    Matrix(matrix::Args),
}

/// A preset by name, or a policy file.
pub fn load(named: &str) -> Result<Policy> {
    if let Some(preset) = Policy::builtin(named) {
        return Ok(preset);
    }
    let path = Path::new(named);
    if !path.exists() {
        return Err(Error::usage(format!("`{named}` is neither a preset nor a file"))
            .hint("presets: minimal, balanced, strict"));
    }
    Policy::parse(&places::read_small(path, "policy")?, named)
}

/// The salt of the digest of a customer's own policy: made once per policy version and kept in the
/// configuration folder, so that equal runs stay equal and the digest is no oracle.
pub fn nonce(policy: &Policy) -> Result<Option<[u8; 32]>> {
    if policy.builtin_name().is_some() {
        return Ok(None);
    }
    let folder = places::configuration()?.join("policies");
    let file =
        folder.join(format!("{}.nonce", crypto::hex(&crypto::sha256(policy.to_json().as_bytes())[..16])));
    if file.exists() {
        let text = places::read_small(&file, "policy salt")?;
        let bytes = data_encoding::HEXLOWER.decode(text.trim().as_bytes()).unwrap_or_default();
        return <[u8; 32]>::try_from(bytes.as_slice()).map(Some).map_err(|_| {
            Error::usage(format!("`{}` is damaged", file.display())).hint("remove it; a new one is made")
        });
    }
    let nonce = crypto::random::<32>()?;
    places::private_folder(&folder)?;
    places::write_private(&file, &(crypto::hex(&nonce) + "\n"))?;
    Ok(Some(nonce))
}

/// Runs `policy`.
pub fn run(ui: Ui, action: &Action) -> Result<u8> {
    match action {
        Action::Sign(args) => super::approval::sign(ui, args),
        Action::Check(args) => super::approval::check(ui, args),
        Action::Show { policy } => show(ui, &load(policy)?),
        Action::Explain { dataset, selector, policy, catalogue: file } => {
            explain(ui, &load(policy)?, dataset, selector.as_deref(), catalogue(file.as_deref())?)
        }
        Action::Lint(args) => lint::run(ui, args),
        Action::Diff(args) => diff::run(ui, args),
        Action::Coverage(args) => coverage::run(ui, args),
        Action::Matrix(args) => matrix::run(ui, args),
    }
}

/// The rules of a policy in force today.
pub fn rules(policy: &Policy, catalogue: &'static Catalogue) -> Result<Rules> {
    Rules::resolve_on(policy, catalogue, Some(&today().to_string()))
}

/// The built-in catalogue, or the one that a file extends. It lives as long as the process.
pub fn catalogue(file: Option<&Path>) -> Result<&'static Catalogue> {
    let Some(file) = file else { return Ok(Catalogue::builtin()) };
    let text = places::read_small(file, "catalogue")?;
    Ok(Box::leak(Box::new(Catalogue::with_user(&text, &file.display().to_string())?)))
}

/// The day, in UTC.
fn today() -> jiff::civil::Date {
    Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn show(ui: Ui, policy: &Policy) -> Result<u8> {
    if ui.json {
        ui::print(&policy.to_json())?;
        return Ok(0);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["kind", "do", "from", "reason"]);
    let today = today();
    for kind in Kind::all() {
        let rule = policy.rule(kind).in_force(Some(today));
        table.add_row([kind.id(), &rule.treatment.spelled(), &rule.origin, &rule.reason]);
    }
    let exceptions = policy.exceptions().len();
    ui::print(&format!(
        "policy {}   {} kinds, {exceptions} exceptions\n\n{}\nAs a file to start from: entra-bundle policy show {} --json\n",
        policy.title(),
        Kind::COUNT,
        ui::plain(&table),
        policy.name(),
    ))?;
    Ok(0)
}

fn explain(
    ui: Ui,
    policy: &Policy,
    dataset: &str,
    selector: Option<&str>,
    catalogue: &'static Catalogue,
) -> Result<u8> {
    let rules = rules(policy, catalogue)?;
    // Samples need some key; the pseudonyms of a real incident differ.
    let names = Pseudonymizer::new(&IncidentKey::generate()?)?;
    let stream = Stream::new(Source::Graph, dataset);
    let mut found = rules.explain(&stream, selector.unwrap_or("/*"), &names)?;
    if selector.is_none() {
        // Annotations of the service say nothing of the data.
        found.retain(|field| !field.path.starts_with("/@"));
    }
    if ui.json {
        ui::print_json(&json!({"policy": policy.title(), "dataset": dataset, "fields": found}))?;
    } else if selector.is_some() && found.len() <= 5 {
        ui::print(&found.iter().map(chain).collect::<Vec<_>>().join("\n"))?;
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["field", "holds", "do", "sample", "becomes"]);
        for field in &found {
            let (sample, becomes) = sample(field);
            table.add_row([
                &place(field),
                field.kind.map(Kind::id).unwrap_or("-"),
                &field.action,
                &sample,
                &becomes,
            ]);
        }
        ui::print(&format!(
            "{}\nA field that is not listed is dropped and counted. Deeper fields: policy explain DATASET '/**/*'\n",
            ui::plain(&table)
        ))?;
    }
    Ok(0)
}

/// Path and condition of a field.
fn place(field: &Explanation) -> String {
    match &field.when {
        Some(when) => format!("{} where {when}", field.path),
        None => field.path.clone(),
    }
}

fn sample(field: &Explanation) -> (String, String) {
    match &field.sample {
        Some((before, Some(after))) => (before.clone(), after.clone()),
        Some((before, None)) => (before.clone(), "(dropped)".into()),
        None => (String::new(), String::new()),
    }
}

fn chain(field: &Explanation) -> String {
    let kind = field.kind.map(|kind| format!("{} ({})", kind.id(), kind.spec().holds));
    let mut out = format!(
        "{}\n  holds    {}\n  do       {}\n",
        place(field),
        kind.as_deref().unwrap_or("-"),
        field.action
    );
    for link in &field.chain {
        let mark = if link.wins { "decides" } else { "       " };
        out += &format!("  {mark}  {} of {}: {} — {}", link.rule, link.origin, link.action, link.reason);
        out += &link.note.map(|note| format!(" ({note})\n")).unwrap_or_else(|| "\n".into());
    }
    let (before, after) = sample(field);
    if !before.is_empty() {
        out += &format!("  sample   {before} → {after}\n");
    }
    out
}
