//! `datasets`: the kinds of data that the program knows.

use super::args::Datasets;
use super::ui::{self, Ui};
use crate::catalogue::{Catalogue, Group};
use crate::error::{Error, Result};
use comfy_table::{Table, presets};

/// Runs `datasets`.
pub fn run(ui: Ui, args: &Datasets) -> Result<u8> {
    let group: Option<Group> = match &args.group {
        None => None,
        Some(name) => Some(serde_json::from_value(name.as_str().into()).map_err(|_| {
            Error::usage(format!("`{name}` is no group"))
                .hint("groups: objects, configuration, logs, health, onpremises")
        })?),
    };
    let chosen: Vec<_> =
        Catalogue::builtin().datasets().filter(|d| group.is_none_or(|group| d.group == group)).collect();
    let rows: Vec<_> = chosen
        .iter()
        .map(|d| {
            serde_json::json!({
                "id": d.id, "title": d.title, "group": d.group, "layout": d.layout,
                "columns": d.columns.iter().map(|c| &c.name).collect::<Vec<_>>(),
            })
        })
        .collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["dataset", "group", "title"]);
    for d in &chosen {
        let group = serde_json::to_value(d.group).ok();
        table.add_row([
            d.id.as_str(),
            group.as_ref().and_then(|g| g.as_str()).unwrap_or_default(),
            d.title.as_str(),
        ]);
    }
    ui.result(&rows, &ui::plain(&table))?;
    Ok(0)
}
