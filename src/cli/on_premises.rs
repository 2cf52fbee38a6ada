//! `collect --on-premises`: the default paths of the installed products, listed before anything is read.
//! On the server itself event logs are exported by `wevtutil`: their files change while they are read.

use super::args::{Input, Spool};
use super::lookup::visible;
use super::ui::{self, Ui};
use super::{interrupt, places};
use crate::error::{Error, Result};
use crate::event::Reason;
use crate::inspect::summary;
use crate::source::local::channels::{self, Exported};
use crate::source::local::discovery::{self, Found, Roots};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// Start of the names of folders that hold exported event logs.
const EXPORTS: &str = "event-logs-";

/// The input with everything that is to be read, and what could not be had.
#[derive(Debug)]
pub struct Resolved {
    /// What was named and what was found.
    pub input: Input,
    /// Event logs that could not be exported.
    pub refused: Vec<(String, Reason)>,
    /// Holds the exported event logs as long as they are read.
    exports: Option<Exports>,
}

impl Resolved {
    /// Whether event logs were exported for this run alone, so that no later one can continue it.
    pub fn is_live(&self) -> bool {
        self.exports.is_some()
    }
}

/// Looks for what is to be read; `(from, to)` is the incident window.
///
/// # Errors
/// Usage, where there is no server to look at, or a run on a server is to be continued; access, where
/// nothing was found and nothing named.
pub fn resolve(
    ui: Ui,
    input: &Input,
    spool: &Spool,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<Resolved> {
    let mut resolved = Resolved { input: input.clone(), refused: Vec::new(), exports: None };
    if !input.on_premises {
        return Ok(resolved);
    }
    let mut found = discovery::find(&roots(input)?, from);
    if cfg!(windows) && input.root.is_none() {
        if spool.resume {
            return Err(Error::usage("a collection on the server itself cannot be continued")
                .hint("its logs have gone on since: run again without --resume"));
        }
        live(ui, &mut resolved, &mut found, (from, to))?;
    }
    ui.note(&listing(&found, &resolved.refused));
    let taken = found.into_iter().filter(|found| found.skipped.is_none());
    resolved.input.input.extend(taken.map(|found| found.path));
    if resolved.input.input.is_empty() {
        return Err(discovery::nothing());
    }
    Ok(resolved)
}

/// Exports the event logs and takes them in place of the files in which the service keeps them.
fn live(
    ui: Ui,
    resolved: &mut Resolved,
    found: &mut Vec<Found>,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<()> {
    let Some(system) = std::env::var_os("SystemRoot").map(PathBuf::from) else { return Ok(()) };
    let program = system.join("System32").join("wevtutil.exe");
    let Ok(names) = channels::list(&program) else {
        ui.note(
            "wevtutil does not run: event logs are read from their files, as far as the service lets them",
        );
        return Ok(());
    };
    let exports = Exports::new(ui, &places::state()?)?;
    let query = channels::query(from, to);
    let wanted = channels::wanted(&names);
    ui.note(&format!("exporting {} event logs", wanted.len()));
    let Exported { files, refused } =
        channels::export(&program, &wanted, exports.path(), query.as_deref(), interrupt::flag());
    found.retain(|found| !channels::is_log(&found.path));
    found.extend(files);
    resolved.refused = refused;
    resolved.exports = Some(exports);
    Ok(())
}

/// A folder of this run for exported event logs; it goes when the run ends.
#[derive(Debug)]
struct Exports {
    ui: Ui,
    /// Tells other runs that the folder is in use. Closed before the folder is removed.
    lock: Option<File>,
    folder: Option<tempfile::TempDir>,
}

impl Exports {
    /// A new folder in the state folder; those that killed runs left are removed.
    fn new(ui: Ui, state: &Path) -> Result<Self> {
        places::private_folder(state)?;
        remove_stale(state);
        let failed = |e| Error::io("cannot make a folder for exported event logs", e);
        let folder = tempfile::Builder::new().prefix(EXPORTS).tempdir_in(state).map_err(failed)?;
        let lock = File::create(folder.path().join("lock")).map_err(failed)?;
        lock.try_lock().map_err(|e| failed(e.into()))?;
        Ok(Exports { ui, lock: Some(lock), folder: Some(folder) })
    }

    fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), tempfile::TempDir::path)
    }
}

impl Drop for Exports {
    fn drop(&mut self) {
        drop(self.lock.take());
        let path = self.path().display().to_string();
        if self.folder.take().is_some_and(|folder| folder.close().is_err()) {
            self.ui.note(&format!("exported event logs are left in {path}: remove the folder"));
        }
    }
}

fn remove_stale(state: &Path) {
    let Ok(entries) = std::fs::read_dir(state) else { return };
    for folder in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let left = || File::open(folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if name.starts_with(EXPORTS) && left() {
            // What cannot be removed now is tried again by the next run.
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

fn roots(input: &Input) -> Result<Roots> {
    if let Some(root) = &input.root {
        if !root.is_dir() {
            return Err(Error::usage(format!("`{}` is no folder", root.display()))
                .hint("--root names the folder that holds ProgramData, Program Files and Windows"));
        }
        return Ok(Roots::of_copy(root));
    }
    if !cfg!(windows) {
        return Err(Error::usage("the default paths are those of a Windows server")
            .hint("on another system name the folder of a copy of its disk with --root DIR"));
    }
    let mut roots = Roots::default();
    for variable in Roots::variables() {
        if let Some(folder) = std::env::var_os(&variable) {
            roots.set(&variable, PathBuf::from(folder));
        }
    }
    Ok(roots)
}

/// What was found, by product; with its paths on a terminal, elsewhere counted, because a path can
/// hold a name.
fn listing(found: &[Found], refused: &[(String, Reason)]) -> String {
    let mut products: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for one in found {
        products.entry(&one.product).or_default().push(one);
    }
    let terminal = std::io::stderr().is_terminal();
    let mut lines = vec![format!("found at the default paths: {} files", found.len())];
    for (product, files) in products {
        let taken = files.iter().filter(|found| found.skipped.is_none());
        let bytes: u64 = taken.clone().map(|found| found.bytes).sum();
        lines.push(format!("  {product}: {} to read, {}", taken.count(), ui::size(bytes)));
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for one in files {
            let reason = one.skipped.map(summary::reason);
            if terminal {
                let verdict = reason.map_or("read".to_owned(), |reason| format!("skipped, {reason}"));
                lines.push(format!("    {verdict}: {}", visible(&one.path.display().to_string())));
            } else if let Some(reason) = reason {
                *counts.entry(reason).or_default() += 1;
            }
        }
        lines.extend(counts.into_iter().map(|(reason, count)| format!("    skipped, {reason} ({count})")));
    }
    if !refused.is_empty() {
        lines.push(format!("  event logs that could not be exported: {}", refused.len()));
        // The name of a channel is a product's, not a person's.
        let line = |(name, reason): &(String, Reason)| format!("    {}: {name}", summary::reason(*reason));
        lines.extend(refused.iter().map(line));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_exported_is_removed_and_what_is_in_use_stays() {
        let state = tempfile::tempdir().unwrap();
        let left = state.path().join("event-logs-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join("lock"), "").unwrap();
        std::fs::write(left.join("Security.evtx"), "x").unwrap();
        let quiet = Ui::new(false, true, true);
        let one = Exports::new(quiet, state.path()).unwrap();
        assert!(!left.exists());
        let two = Exports::new(quiet, state.path()).unwrap();
        let path = one.path().to_owned();
        assert!(path.is_dir() && two.path().is_dir());
        drop(one);
        assert!(!path.exists() && two.path().is_dir());
    }

    #[test]
    fn refused_event_logs_are_listed() {
        let text = listing(&[], &[("Security.evtx".into(), Reason::Permission)]);
        assert!(text.contains("could not be exported: 1") && text.contains("Security.evtx"), "{text}");
    }
}
