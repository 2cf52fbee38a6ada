//! Workspaces on this machine: where they lie, and the keys that open them.
//!
//! A workspace's key lies in the user's state folder, never beside the workspace. Nothing readable in
//! a workspace tells which key is its own, so all keys of the folder are tried; there are few.

use super::args::Workspace as Action;
use super::places;
use super::ui::{self, Ui};
use crate::error::{self, Error, Result};
use crate::workspace::{Workspace, WorkspaceKey};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// A workspace with what belongs to it.
pub struct Held {
    /// The open workspace.
    pub workspace: Workspace,
    /// Its folder.
    pub folder: PathBuf,
    /// Its key file.
    pub key: PathBuf,
}

/// Makes a workspace in `folder`, or in a new folder below the state folder.
pub fn create(folder: Option<&Path>, header: &serde_json::Value) -> Result<Held> {
    let state = places::state()?;
    let name = crate::crypto::hex(&crate::crypto::random::<8>()?);
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => {
            let all = state.join("workspaces");
            places::private_folder(&all)?;
            all.join(&name)
        }
    };
    let keys = state.join("keys");
    places::private_folder(&keys)?;
    let file = keys.join(format!("workspace-{name}.key"));
    let key = WorkspaceKey::generate()?;
    places::write_private(&file, &(key.to_text().to_string() + "\n"))?;
    match Workspace::create(&folder, &key, header) {
        Ok(workspace) => Ok(Held { workspace, folder, key: file }),
        Err(error) => {
            let _ = fs::remove_file(&file);
            Err(error)
        }
    }
}

/// Opens the workspace in `folder` with whichever key fits.
pub fn open(folder: &Path) -> Result<Workspace> {
    Ok(open_held(folder)?.workspace)
}

/// As [`open`], with the key file.
pub fn open_held(folder: &Path) -> Result<Held> {
    if !Workspace::is_workspace(folder) {
        return Err(Error::usage(format!("`{}` is no workspace", folder.display()))
            .hint("`gather --workspace DIR` and `collect --keep-workspace` make one"));
    }
    for file in key_files()? {
        // A process that was killed here leaves part of a key; it opens nothing and stops nothing.
        let Ok(text) = places::read_small(&file, "workspace key") else { continue };
        let Ok(key) = WorkspaceKey::parse(&text) else { continue };
        match Workspace::open(folder, &key) {
            Ok(workspace) => return Ok(Held { workspace, folder: folder.to_owned(), key: file }),
            Err(error) if error.kind() == error::Kind::Decryption => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(
        error::Kind::Decryption,
        format!("no key on this machine opens the workspace `{}`", folder.display()),
    )
    .hint(
        "its key was made in the state folder of the user who gathered; it is needed to read the workspace",
    ))
}

/// The workspace whose header equals `header`: the given folder, or the only one that matches.
pub fn resume(folder: Option<&Path>, header: &serde_json::Value) -> Result<Held> {
    if let Some(folder) = folder {
        if !Workspace::is_workspace(folder) {
            // Killed before its first commit: there is nothing to continue, so it begins.
            return create(Some(folder), header);
        }
        let held = open_held(folder)?;
        if !same_run(held.workspace.header(), header) {
            return Err(Error::usage(format!("the workspace `{}` was gathered with other input or options", folder.display()))
                .hint("give the same --input, window and datasets as the first run, or start afresh in another folder"));
        }
        return Ok(held);
    }
    let mut found = Vec::new();
    let all = places::state()?.join("workspaces");
    let mut folders: Vec<PathBuf> = match fs::read_dir(&all) {
        Ok(entries) => entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|p| Workspace::is_workspace(p))
            .collect(),
        Err(_) => Vec::new(),
    };
    folders.sort();
    for folder in folders {
        // A workspace that another process uses, or whose key is gone, is not ours to resume.
        if let Ok(held) = open_held(&folder)
            && same_run(held.workspace.header(), header)
        {
            found.push(held);
        }
    }
    match found.len() {
        0 => Err(Error::usage("no interrupted run has the same input and options")
            .hint("run again without --resume")),
        1 => found.pop().ok_or_else(|| Error::new(error::Kind::Internal, "lost a workspace")),
        _ => {
            let names: Vec<String> = found.iter().map(|held| held.folder.display().to_string()).collect();
            Err(Error::usage("several interrupted runs match")
                .hint(format!("name one with --workspace: {}", names.join(", "))))
        }
    }
}

/// Whether two headers describe one run. What a relative window resolved to is settled by the first one.
fn same_run(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    let comparable = |header: &serde_json::Value| {
        let mut header = header.clone();
        if let Some(members) = header.as_object_mut() {
            members.remove("resolved");
        }
        header
    };
    comparable(one) == comparable(other)
}

/// The workspaces in the state folder, sorted.
fn own() -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(places::state()?.join("workspaces")) else { return Ok(Vec::new()) };
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut folders: Vec<PathBuf> = folders.filter(|folder| Workspace::is_workspace(folder)).collect();
    folders.sort();
    Ok(folders)
}

/// Runs `workspace`.
pub fn run(ui: Ui, action: &Action) -> Result<u8> {
    match action {
        Action::List => {
            let mut rows = Vec::new();
            let mut text = String::new();
            for folder in own()? {
                let (state, records) = match open_held(&folder) {
                    Ok(held) => {
                        ("readable", held.workspace.streams().iter().map(|size| size.records).sum::<u64>())
                    }
                    Err(error) if error.kind() == error::Kind::Decryption => ("its key is gone", 0),
                    Err(_) => ("in use or damaged", 0),
                };
                text += &format!("{}   {} records   {state}\n", folder.display(), ui::thousands(records));
                rows.push(json!({"folder": folder, "records": records, "state": state}));
            }
            if rows.is_empty() {
                text.push_str("no workspaces\n");
            }
            ui.result(&rows, &text)?;
        }
        Action::Remove { folder } => {
            match open_held(folder) {
                Ok(held) => remove(held)?,
                // Without its key, or damaged, it serves nothing any more.
                Err(error)
                    if matches!(
                        error.kind(),
                        error::Kind::Decryption | error::Kind::Integrity | error::Kind::Unsupported
                    ) =>
                {
                    Workspace::remove(folder)?;
                }
                Err(error) => return Err(error),
            }
            ui.result(&json!({"removed": folder}), &format!("{} removed\n", folder.display()))?;
        }
    }
    Ok(0)
}

/// Removes a workspace and its key.
pub fn remove(held: Held) -> Result<()> {
    let Held { workspace, folder, key } = held;
    drop(workspace);
    Workspace::remove(&folder)?;
    fs::remove_file(&key).map_err(|e| Error::io(format!("cannot remove `{}`", key.display()), e))
}

fn key_files() -> Result<Vec<PathBuf>> {
    let folder = places::state()?.join("keys");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            name.starts_with("workspace-") && name.ends_with(".key")
        })
        .collect();
    files.sort();
    Ok(files)
}
