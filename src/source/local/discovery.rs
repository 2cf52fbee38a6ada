//! What the installed products leave on a server: their default paths as data (`discovery.json`,
//! after the public documentation of each product), looked for below given folders.
//!
//! Names compare without case, as on the systems these products run on. Links are not followed.

use crate::error::{self, Error};
use crate::event::Reason;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("discovery.json");
/// Folders below a `**`.
const DEPTH: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    product: String,
    /// `%Variable%/folder/pattern`; `*` inside a name, `**` for any folders.
    path: String,
    /// The file holds events: one last written before the window holds none of it.
    #[serde(default)]
    log: bool,
}

/// A file at a default path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The product it belongs to.
    pub product: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Why it is not read; `None`: it is.
    pub skipped: Option<Reason>,
}

/// What the variables of the default paths stand for, by lower-case name.
#[derive(Clone, Debug, Default)]
pub struct Roots(BTreeMap<String, PathBuf>);

impl Roots {
    /// The folders of a copy: `ProgramData`, `Program Files`, `Windows` and `Temp` below `root`.
    pub fn of_copy(root: &Path) -> Self {
        let mut roots = Roots::default();
        for (variable, folder) in [
            ("ProgramData", "ProgramData"),
            ("ProgramFiles", "Program Files"),
            ("SystemRoot", "Windows"),
            ("TEMP", "Temp"),
        ] {
            roots.set(variable, child(root, folder).unwrap_or_else(|| root.join(folder)));
        }
        roots.set("SystemDrive", root.to_owned());
        roots
    }

    /// Sets a variable.
    pub fn set(&mut self, variable: &str, folder: PathBuf) {
        self.0.insert(variable.to_ascii_lowercase(), folder);
    }

    /// The variables that the default paths name.
    pub fn variables() -> BTreeSet<String> {
        rows().iter().filter_map(|row| Some(variable(&row.path)?.0.to_owned())).collect()
    }
}

/// Every file at a default path, once, in the order of the table; `from` is the start of the
/// incident window.
pub fn find(roots: &Roots, from: Option<Timestamp>) -> Vec<Found> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for row in rows() {
        let Some((name, pattern)) = variable(&row.path) else { continue };
        let Some(root) = roots.0.get(&name.to_ascii_lowercase()) else { continue };
        let parts: Vec<&str> = pattern.split('/').collect();
        let mut files = Vec::new();
        walk(root, &parts, 0, &mut files);
        files.sort();
        for path in files {
            if !seen.insert(path.clone()) {
                continue;
            }
            let (bytes, skipped) = judge(&path, row.log.then_some(from).flatten());
            found.push(Found { product: row.product.clone(), path, bytes, skipped });
        }
    }
    found
}

/// The default paths that were looked at, as they stand in the documentation.
pub fn default_paths() -> Vec<(String, String)> {
    rows().into_iter().map(|row| (row.product, row.path)).collect()
}

/// Nothing was found.
pub fn nothing() -> Error {
    Error::new(error::Kind::Access, "no artifact of a known product lies at its default path")
        .hint("run it on the server that synchronizes, give a copy of its disk with --root, or name files with --input")
}

fn rows() -> Vec<Row> {
    serde_json::from_str(TABLE).unwrap_or_default()
}

/// `%Name%/rest`
fn variable(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('%')?.split_once("%/")
}

fn judge(path: &Path, from: Option<Timestamp>) -> (u64, Option<Reason>) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return (0, Some(Reason::Permission)) };
    let ending = path.extension().map(|e| e.to_ascii_lowercase());
    let refused = ending.as_deref().and_then(|ending| match ending.to_str()? {
        "etl" | "dmp" | "mdmp" | "cab" => Some(Reason::Binary),
        "har" => Some(Reason::WebTrace),
        _ => None,
    });
    let written = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    let early = matches!((from, written), (Some(from), Some(written)) if written < from);
    let skipped = match () {
        () if metadata.file_type().is_symlink() => Some(Reason::Link),
        () if !metadata.is_file() => Some(Reason::SpecialFile),
        () if refused.is_some() => refused,
        () if early => Some(Reason::OutsideWindow),
        () => None,
    };
    (metadata.len(), skipped)
}

/// Collects what fits `parts` below `folder`.
fn walk(folder: &Path, parts: &[&str], depth: usize, out: &mut Vec<PathBuf>) {
    let Some((first, rest)) = parts.split_first() else { return };
    if *first == "**" {
        let below: &[&str] = if rest.is_empty() { &["*"] } else { rest };
        walk(folder, below, depth, out);
        if depth < DEPTH {
            for (path, _) in children(folder).into_iter().filter(|(_, is_folder)| *is_folder) {
                walk(&path, parts, depth + 1, out);
            }
        }
        return;
    }
    for (path, is_folder) in children(folder) {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if !fits(&name, &first.to_lowercase()) {
            continue;
        }
        match (rest.is_empty(), is_folder) {
            (true, false) => out.push(path),
            (false, true) => walk(&path, rest, depth, out),
            _ => {}
        }
    }
}

/// What lies in a folder, and whether it is one itself. A folder that cannot be read is empty here:
/// the files in it cannot be named.
fn children(folder: &Path) -> Vec<(PathBuf, bool)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.path(), entry.file_type().ok()?.is_dir()))
        })
        .collect()
}

/// The entry of a folder with a name, by any case.
fn child(folder: &Path, name: &str) -> Option<PathBuf> {
    let same = |path: &PathBuf| {
        path.file_name().is_some_and(|found| found.to_string_lossy().eq_ignore_ascii_case(name))
    };
    children(folder).into_iter().map(|(path, _)| path).find(same)
}

/// Whether a name fits a pattern with `*`; both in lower case.
pub(super) fn fits(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (name, pattern, expected) in [
            ("trace-20240305.log", "trace-*.log", true),
            ("trace-20240305.txt", "trace-*.log", false),
            ("x-adhealth-agentsetup-1.log", "*adhealth*agentsetup*.log", true),
            ("log", "*.log", false),
            ("anything", "*", true),
            ("security.evtx", "security.evtx", true),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn the_table_is_valid_and_its_variables_have_folders() {
        assert!(rows().len() > 30);
        let known = Roots::of_copy(Path::new("copy"));
        for variable in Roots::variables() {
            assert!(known.0.contains_key(&variable.to_ascii_lowercase()), "{variable}");
        }
    }

    #[test]
    fn a_copy_gives_its_files_once_and_says_what_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x").unwrap();
            path
        };
        let trace = file("programdata/AADConnect/trace-20240305-070809.log");
        let etl = file("programdata/AADConnect/x.etl");
        let policy = file("programdata/AADConnect/Exported-ServerConfiguration-SRV/a/b/MigratedPolicy.json");
        file("programdata/AADConnect/secret.key");
        file("programdata/Other/trace-1.log");
        let roots = Roots::of_copy(folder.path());
        let all = find(&roots, None);
        let of = |path: &PathBuf| all.iter().find(|found| found.path == *path).map(|found| found.skipped);
        assert_eq!(all.len(), 3, "{all:?}");
        assert_eq!((of(&trace), of(&etl), of(&policy)), (Some(None), Some(Some(Reason::Binary)), Some(None)));
        let late = find(&roots, Some("2100-01-01T00:00:00Z".parse().unwrap()));
        let skipped = |path: &PathBuf| late.iter().find(|found| found.path == *path).unwrap().skipped;
        assert_eq!((skipped(&trace), skipped(&policy)), (Some(Reason::OutsideWindow), None));
    }
}
