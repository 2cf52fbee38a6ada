//! `policy diff`.

use super::super::ui::{self, Ui};
use crate::error::Result;
use crate::privacy::compare::{Difference, Direction};
use comfy_table::{Table, presets};
use serde_json::json;
use std::path::PathBuf;

/// `policy diff`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: entra-bundle policy diff balanced contoso.json\n\nExit codes: 0 (also where they differ), 2."
)]
pub struct Args {
    /// The policy before: minimal, balanced, strict, or a file.
    old: String,
    /// The policy after.
    new: String,
    /// A file with further fields.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

/// Runs it.
pub fn run(ui: Ui, args: &Args) -> Result<u8> {
    let (old, new) = (super::load(&args.old)?, super::load(&args.new)?);
    let catalogue = super::catalogue(args.catalogue.as_deref())?;
    let difference = Difference::of(&super::rules(&old, catalogue)?, &super::rules(&new, catalogue)?)?;
    if ui.json {
        ui::print_json(
            &json!({"old": old.title(), "new": new.title(), "loosens": difference.loosens(), "difference": difference}),
        )?;
        return Ok(0);
    }
    let mut text = format!("{} → {}\n", old.title(), new.title());
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["kind", "old", "new", ""]);
    for one in &difference.kinds {
        table.add_row([one.kind.id(), &one.old, &one.new, word(one.direction)]);
    }
    if !difference.kinds.is_empty() {
        text += &format!("\n{}", ui::plain(&table));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["field", "old", "new", "", "datasets"]);
    for one in &difference.fields {
        let path = match &one.when {
            Some(when) => format!("{} where {when}", one.path),
            None => one.path.clone(),
        };
        table.add_row([&path, &one.old, &one.new, word(one.direction), &some(&one.datasets)]);
    }
    if !difference.fields.is_empty() {
        text += &format!("\nFields that change otherwise than their kind:\n\n{}", ui::plain(&table));
    }
    for one in &difference.choices {
        text += &format!("\n{}: {} → {}\n", one.choice, one.old, one.new);
    }
    if difference.kinds.is_empty() && difference.fields.is_empty() && difference.choices.is_empty() {
        text += "no difference in what happens to any kind or declared field\n";
    }
    ui::print(&text)?;
    Ok(0)
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Stricter => "stricter",
        Direction::Looser => "LOOSER",
        Direction::Other => "other",
    }
}

/// The first few of many datasets.
fn some(datasets: &[String]) -> String {
    const FEW: usize = 3;
    match datasets.len() {
        0..=FEW => datasets.join(", "),
        many => format!("{} and {} more", datasets[..FEW].join(", "), many - FEW),
    }
}
