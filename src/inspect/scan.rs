//! Counts what looks like personal data in any file, by kind, without a key and without writing anything.
//!
//! Shapes and secrets only: there is no directory to learn names from, so a name in prose is not
//! counted. A file that is no text is listed as not scanned, never as clean.

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::privacy::render::{Render, Rendered};
use crate::privacy::{Dictionary, Learner, TextEngine};
use encoding_rs::{Encoding, UTF_8};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Text is scanned in pieces of about this size, cut at line ends.
const PIECE: usize = 1 << 20;

/// What a scan found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Files that were read.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Files that are no text, or links, and were not scanned.
    pub not_scanned: u64,
    /// Kind → how often a value of it was found.
    pub kinds: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// All findings.
    pub fn total(&self) -> u64 {
        self.kinds.values().sum()
    }
}

struct Counter<'a>(&'a mut BTreeMap<&'static str, u64>);

impl Render for Counter<'_> {
    fn render(&mut self, kind: Kind, _value: &str, _out: &mut Vec<u8>) -> Rendered {
        // Trace ids are meant to leave; they are no finding.
        if kind != Kind::TraceId {
            *self.0.entry(kind.id()).or_default() += 1;
        }
        Rendered::Kept
    }
}

/// Scans files and folders. Links are not followed.
///
/// # Errors
/// A path that does not exist, or a file that cannot be read.
pub fn paths(roots: &[PathBuf]) -> Result<Counts> {
    let dictionary: Dictionary = Learner::new().freeze();
    let engine = TextEngine::new(&dictionary);
    let mut counts = Counts::default();
    for root in roots {
        for entry in WalkDir::new(root).sort_by_file_name() {
            let entry = entry.map_err(|e| {
                let shown = root.display().to_string();
                Error::io(
                    format!("cannot read `{shown}`"),
                    e.into_io_error().unwrap_or_else(|| std::io::Error::other("loop")),
                )
            })?;
            if entry.file_type().is_file() {
                file(entry.path(), &engine, &mut counts)?;
            } else if !entry.file_type().is_dir() {
                counts.not_scanned += 1;
            }
        }
    }
    Ok(counts)
}

fn file(path: &Path, engine: &TextEngine<'_>, counts: &mut Counts) -> Result<()> {
    let failed = |e| Error::io(format!("cannot read `{}`", path.display()), e);
    let mut file = File::open(path).map_err(failed)?;
    let mut bytes = vec![0; 64 << 10];
    let mut filled = file.read(&mut bytes).map_err(failed)?;
    let (encoding, mark) = Encoding::for_bom(&bytes[..filled]).unwrap_or((UTF_8, 0));
    let nul = bytes[..filled].iter().filter(|b| **b == 0).count();
    if encoding == UTF_8 && nul > 0 {
        counts.not_scanned += 1;
        return Ok(());
    }
    counts.files += 1;
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(PIECE + (128 << 10));
    let mut start = mark;
    let mut out = Vec::new();
    loop {
        let last = filled == 0;
        counts.bytes += filled as u64;
        let more = decoder.max_utf8_buffer_length(filled).unwrap_or(4 * filled + 16);
        text.reserve(more);
        let _ = decoder.decode_to_string(&bytes[start.min(filled)..filled], &mut text, last);
        start = 0;
        if last || text.len() >= PIECE {
            let cut = if last {
                text.len()
            } else {
                text.rfind('\n').or_else(|| text.rfind([',', ' ', ';'])).map_or(text.len(), |at| at + 1)
            };
            out.clear();
            engine.scan(&text[..cut], &mut Counter(&mut counts.kinds), &mut out);
            text.drain(..cut);
        }
        if last {
            return Ok(());
        }
        filled = file.read(&mut bytes).map_err(failed)?;
    }
}
