//! `export`: an index of a bundle's files as CSV, for legal holds and load files.

use super::args::Trusting;
use super::records::unformula;
use super::ui::{self, Ui};
use super::{places, reading};
use crate::bundle::Verified;
use crate::error::{self, Error, Result};
use clap::Args;
use std::path::PathBuf;

/// `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// The bundle.
    pub bundle: PathBuf,
    /// File to write; must not exist. `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    #[command(flatten)]
    pub trust: Trusting,
}

const COLUMNS: [&str; 8] = ["path", "size", "sha256", "source", "dataset", "from", "to", "rows"];

/// Runs `export`.
pub fn run(ui: Ui, args: &Export) -> Result<u8> {
    let aside = args.out.as_os_str() != "-";
    if aside && args.out.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("`{}` exists", args.out.display())).hint("choose another name"));
    }
    let bundle = reading::open(&args.bundle, &args.trust)?;
    let rows = rows(&bundle);
    if !aside && ui.json {
        let objects: Vec<serde_json::Map<String, serde_json::Value>> = rows
            .iter()
            .map(|row| {
                COLUMNS
                    .iter()
                    .zip(row)
                    .map(|(name, cell)| ((*name).to_owned(), cell.clone().into()))
                    .collect()
            })
            .collect();
        ui::print_json(&objects)?;
        return Ok(0);
    }
    let text = csv(&rows)?;
    if !aside {
        ui::print(&text)?;
        return Ok(0);
    }
    places::write_new(&args.out, &text)?;
    ui.result(
        &serde_json::json!({"file": args.out, "entries": rows.len(), "bundleId": bundle.manifest().bundle_id}),
        &format!("{} entries listed in {}\n", ui::thousands(rows.len() as u64), args.out.display()),
    )?;
    Ok(0)
}

/// One row for every entry of the manifest. The window is that of the records, where it is known.
fn rows(bundle: &Verified) -> Vec<[String; 8]> {
    let row = |entry: &crate::bundle::manifest::Entry| {
        let part = entry.part.as_ref();
        let time = |time: Option<&Option<String>>| time.cloned().flatten().unwrap_or_default();
        [
            entry.path.clone(),
            entry.size.to_string(),
            entry.sha256.clone(),
            part.map(|part| part.source.id().to_owned()).unwrap_or_default(),
            part.map(|part| part.dataset.clone()).unwrap_or_default(),
            time(part.map(|part| &part.min_time)),
            time(part.map(|part| &part.max_time)),
            entry.rows.map(|rows| rows.to_string()).unwrap_or_default(),
        ]
    };
    bundle.manifest().entries.iter().map(row).collect()
}

/// RFC 4180; no cell can be taken for a formula.
fn csv(rows: &[[String; 8]]) -> Result<String> {
    let internal = |_| Error::new(error::Kind::Internal, "cannot write the index");
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(internal)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| unformula(cell))).map_err(internal)?;
    }
    let bytes =
        writer.into_inner().map_err(|_| Error::new(error::Kind::Internal, "cannot write the index"))?;
    String::from_utf8(bytes).map_err(|_| Error::new(error::Kind::Internal, "cannot write the index"))
}
