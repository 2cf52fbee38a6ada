//! `scan`: personal data in any file, counted by kind.

use super::args::Scan;
use super::ui::{self, Ui};
use crate::error::{self, Error, Result};
use crate::inspect::scan;
use comfy_table::{CellAlignment, Table, presets};

/// Runs `scan`.
pub fn run(ui: Ui, args: &Scan) -> Result<u8> {
    for path in &args.paths {
        if !path.exists() {
            return Err(Error::usage(format!("`{}` does not exist", path.display())));
        }
    }
    let counts = scan::paths(&args.paths)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["kind", "found"]);
    for (kind, count) in &counts.kinds {
        table.add_row([(*kind).to_owned(), ui::thousands(*count)]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let head = format!("{} files, {}", ui::thousands(counts.files), ui::size(counts.bytes));
    let rest = if counts.not_scanned > 0 {
        format!("; {} binary files or links not scanned", ui::thousands(counts.not_scanned))
    } else {
        String::new()
    };
    let body =
        if counts.kinds.is_empty() { "no identifying shapes found\n".to_owned() } else { ui::plain(&table) };
    ui.result(
        &counts,
        &format!("{head}{rest}\n{body}Shapes only: a name in prose cannot be known without the directory.\n"),
    )?;
    if !args.fail_on_findings {
        return Ok(0);
    }
    if counts.total() > 0 {
        return Ok(error::Kind::Privacy.code());
    }
    if counts.not_scanned > 0 {
        return Err(Error::new(
            error::Kind::Privacy,
            format!("{} files could not be scanned", counts.not_scanned),
        )
        .hint(
            "archives, event logs and other binary files are not looked into: unpack them, or leave them out",
        ));
    }
    Ok(0)
}
