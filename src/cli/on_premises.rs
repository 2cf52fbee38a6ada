//! `collect --on-premises`: the default paths of the installed products, listed before anything is read.

use super::args::Input;
use super::lookup::visible;
use super::ui::{self, Ui};
use crate::error::{Error, Result};
use crate::inspect::summary;
use crate::source::local::discovery::{self, Found, Roots};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// The input with everything that is to be read: what was named and what was found.
///
/// # Errors
/// Usage, where there is no server to look at; access, where nothing was found and nothing named.
pub fn resolve(ui: Ui, input: &Input, from: Option<Timestamp>) -> Result<Input> {
    let mut resolved = input.clone();
    if input.on_premises {
        let found = discovery::find(&roots(input)?, from);
        ui.note(&listing(&found));
        let taken = found.into_iter().filter(|found| found.skipped.is_none());
        resolved.input.extend(taken.map(|found| found.path));
        if resolved.input.is_empty() {
            return Err(discovery::nothing());
        }
    }
    Ok(resolved)
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
fn listing(found: &[Found]) -> String {
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
    lines.join("\n")
}
