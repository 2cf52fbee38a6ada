//! `records`: rows as a table, CSV, JSON or JSON lines.

use super::args::{Format, Records};
use super::lookup::visible;
use super::ui::{self, Ui};
use super::{reading, when};
use crate::catalogue::Catalogue;
use crate::error::{self, Error, Result};
use crate::inspect::records::{self, Listing, Query, Row};
use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::io::{BufWriter, Write as _};

/// Rows of a table before it is printed and a new one begins: memory stays bounded.
const TABLE_ROWS: usize = 500;
/// Characters of a sentence that a table shows where the user named no columns. Every other format,
/// every named column and everything that may be copied into a filter is whole.
const TABLE_CELL: usize = 48;

/// Runs `records`.
pub fn run(ui: Ui, args: &Records) -> Result<u8> {
    let now = Timestamp::now();
    let query = query(args, now)?;
    let bundle = reading::open(&args.bundle, &args.trust)?;
    // `--json` promises JSON, whatever else is asked for.
    let format = if ui.json && args.format != Format::Jsonl { Format::Json } else { args.format };
    let mut out = Printer::new(format, args.columns.is_empty());
    let limit = args.limit.unwrap_or(u64::MAX);
    let mut printed = 0;
    let printer = std::cell::RefCell::new(&mut out);
    let counts = records::list(
        &bundle,
        Catalogue::builtin(),
        &query,
        &mut |listing| printer.borrow_mut().begin(listing),
        &mut |row| {
            printer.borrow_mut().row(row)?;
            printed += 1;
            Ok(printed < limit && !printer.borrow().gone)
        },
    )?;
    out.end()?;
    if counts.untimed > 0 {
        ui.note(&format!("{} records without a readable time are included", ui::thousands(counts.untimed)));
    }
    if counts.matched == 0 {
        ui.note("no record matches");
    }
    Ok(0)
}

fn query(args: &Records, now: Timestamp) -> Result<Query> {
    let mut filters = Vec::new();
    for (name, value) in [
        ("service", &args.service),
        ("category", &args.category),
        ("activity", &args.activity),
        ("status", &args.status),
        ("initiator", &args.initiator),
        ("target", &args.target),
        ("user", &args.user),
        ("app", &args.app),
        ("device", &args.device),
        ("correlation_id", &args.correlation_id),
        ("request_id", &args.request_id),
    ] {
        if let Some(value) = value {
            filters.push((name, value.clone()));
        }
    }
    if args.dataset.is_none() && filters.is_empty() && args.since.is_none() && args.to.is_none() {
        return Err(Error::usage("which records?")
            .hint("name a dataset with --dataset (`entra-bundle info BUNDLE` lists them), or filter, e.g. --correlation-id ID or --since -4h"));
    }
    Ok(Query {
        dataset: args.dataset.clone(),
        columns: args.columns.iter().map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect(),
        since: args.since.as_deref().map(|t| when::point(t, now)).transpose()?,
        to: args.to.as_deref().map(|t| when::point(t, now)).transpose()?,
        filters,
        hide_informational: args.hide_informational,
    })
}

struct Printer {
    format: Format,
    /// Whether a table may shorten cells.
    short: bool,
    columns: Vec<String>,
    held: Vec<Vec<String>>,
    out: BufWriter<std::io::Stdout>,
    rows: u64,
    /// The reader of standard output went away.
    gone: bool,
}

impl Printer {
    fn new(format: Format, short: bool) -> Self {
        Printer {
            format,
            short,
            columns: Vec::new(),
            held: Vec::new(),
            out: BufWriter::new(std::io::stdout()),
            rows: 0,
            gone: false,
        }
    }

    fn begin(&mut self, listing: &Listing) -> Result<()> {
        self.columns.clone_from(&listing.columns);
        if self.format == Format::Csv {
            let header = self.columns.clone();
            self.csv(&header)?;
        }
        Ok(())
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        self.rows += 1;
        match self.format {
            Format::Table => {
                let cells = row.cells.iter().map(|cell| visible(cell));
                self.held.push(if self.short { cells.map(shortened).collect() } else { cells.collect() });
                if self.held.len() == TABLE_ROWS { self.table() } else { Ok(()) }
            }
            Format::Csv => self.csv(&row.cells),
            Format::Json | Format::Jsonl => {
                let object: Map<String, Value> = self
                    .columns
                    .iter()
                    .cloned()
                    .zip(row.cells.iter().map(|cell| Value::from(cell.as_str())))
                    .collect();
                let lead = match (self.format, self.rows) {
                    (Format::Jsonl, _) => "",
                    (_, 1) => "[\n",
                    _ => ",\n",
                };
                let tail = if self.format == Format::Jsonl { "\n" } else { "" };
                self.text(&format!("{lead}{}{tail}", Value::Object(object)))
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        match self.format {
            Format::Table => self.table()?,
            Format::Json if self.rows == 0 => self.text("[]\n")?,
            Format::Json => self.text("\n]\n")?,
            Format::Csv | Format::Jsonl => {}
        }
        let flushed = self.out.flush();
        self.unless_gone(flushed)
    }

    fn table(&mut self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        // An empty note column would only take room.
        let noted = self.held.iter().any(|row| row.last().is_some_and(|note| !note.is_empty()));
        let shown = if noted { self.columns.len() } else { self.columns.len() - 1 };
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.columns[..shown]);
        for row in self.held.drain(..) {
            table.add_row(&row[..shown]);
        }
        self.text(&format!("{table}\n"))
    }

    fn csv(&mut self, cells: &[String]) -> Result<()> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let internal = |_| Error::new(error::Kind::Internal, "cannot write a CSV row");
        writer.write_record(cells.iter().map(|cell| unformula(cell))).map_err(internal)?;
        let bytes =
            writer.into_inner().map_err(|_| Error::new(error::Kind::Internal, "cannot write a CSV row"))?;
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.out.write_all(bytes);
        self.unless_gone(written)
    }

    /// A reader that went away (`| head`) ends the listing quietly.
    fn unless_gone(&mut self, written: std::io::Result<()>) -> Result<()> {
        match written {
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            other => other.map_err(failed),
        }
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.put(text.as_bytes())
    }
}

/// Fits a cell to a table: times to the second, long text cut with `…`.
fn shortened(cell: String) -> String {
    if let Ok(time) = cell.parse::<Timestamp>() {
        return time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    }
    match cell.char_indices().nth(TABLE_CELL).filter(|_| cell.contains(' ')) {
        Some((cut, _)) => format!("{}…", cell[..cut].trim_end()),
        None => cell,
    }
}

/// A cell that a spreadsheet would take for a formula gets an apostrophe before it.
pub fn unformula(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn failed(error: std::io::Error) -> Error {
    Error::io("cannot write to standard output", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused() {
        for cell in ["=1+1", "+1", "-1", "@x", "\t="] {
            assert!(unformula(cell).starts_with('\''));
        }
        assert_eq!(unformula("u-5ruvv4drp33lo"), "u-5ruvv4drp33lo");
    }

    #[test]
    fn a_table_shows_seconds_and_cuts_sentences() {
        assert_eq!(shortened("2026-11-17T00:41:32.3458328Z".into()), "2026-11-17T00:41:32Z");
        assert_eq!(shortened("50126".into()), "50126");
        let upn = "u-tx74x52lqmqpj@d-5bcwmtl6i2bzd.example";
        assert_eq!(shortened(upn.into()), upn);
        let guest = format!("u-tx74x52lqmqpj_{upn}");
        assert_eq!(shortened(guest.clone()), guest);
        assert_eq!(shortened("ä ".repeat(30)), format!("{}…", "ä ".repeat(24).trim_end()));
    }
}
