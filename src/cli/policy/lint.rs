//! `policy lint`.

use super::super::places;
use super::super::ui::Ui;
use crate::error::{Kind, Result};
use crate::privacy::Policy;
use crate::privacy::lint::{Severity, lint};
use serde_json::json;
use std::path::PathBuf;

/// `policy lint`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: entra-bundle policy lint contoso.json --deny-warnings\n\nExit codes: 0, 2 (invalid, or warnings with --deny-warnings)."
)]
pub struct Args {
    /// The policy file, or a preset.
    policy: PathBuf,
    /// Treat warnings as errors.
    #[arg(long)]
    deny_warnings: bool,
    /// A file with further fields.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

/// Runs it.
pub fn run(ui: Ui, args: &Args) -> Result<u8> {
    let name = args.policy.display().to_string();
    let text = match Policy::builtin(&name) {
        Some(preset) => preset.to_json(),
        None => places::read_small(&args.policy, "policy")?.to_string(),
    };
    let catalogue = super::catalogue(args.catalogue.as_deref())?;
    let found = lint(&text, &name, catalogue, &super::today().to_string())?;
    let count = |severity| found.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut lines = String::new();
    for one in &found {
        let word = if one.severity == Severity::Error { "error" } else { "warning" };
        lines += &format!("{name}:{}:{}: {word}[{}]: {}\n", one.line, one.column, one.rule, one.message);
    }
    lines += &match (errors, warnings) {
        (0, 0) => format!("{name}: no findings\n"),
        _ => format!("{name}: {errors} errors, {warnings} warnings\n"),
    };
    ui.result(&json!({"policy": name, "errors": errors, "warnings": warnings, "findings": found}), &lines)?;
    let refused = errors > 0 || (args.deny_warnings && warnings > 0);
    Ok(if refused { Kind::Usage.code() } else { 0 })
}
