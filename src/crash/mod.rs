//! Tests of gather and seal on a disk that fails: killed, or full, at every step they take on it.
//! What a kill at a step leaves is what lies in the folder at that moment: files outlive a process.

mod gather;
mod seal;
mod service;

use crate::catalogue::Catalogue;
use crate::error::Result;
use crate::fault;
use crate::gather::{Run, Selection, Summary};
use crate::source::local::{LocalFiles, Options};
use crate::workspace::{Workspace, WorkspaceKey};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

const KEY: [u8; 32] = [7; 32];

type Files = BTreeMap<String, Vec<u8>>;

fn load(folder: &Path) -> Files {
    let Ok(entries) = fs::read_dir(folder) else { return Files::new() };
    entries
        .map(|entry| entry.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
        .collect()
}

fn store(folder: &Path, files: &Files) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    if !files.is_empty() {
        fs::create_dir_all(folder).unwrap();
    }
    files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
}

/// What lies in a folder at every step of `work`, each state once, the last one included.
fn states<T>(folder: &Path, work: impl FnOnce() -> T) -> (Vec<Files>, T) {
    let seen = Rc::new(RefCell::new(vec![load(folder)]));
    let look = {
        let (seen, folder) = (Rc::clone(&seen), folder.to_owned());
        move || {
            let now = load(&folder);
            if seen.borrow().last() != Some(&now) {
                seen.borrow_mut().push(now);
            }
        }
    };
    let last = look.clone();
    let done = fault::watched(look, work);
    last();
    let seen = seen.borrow().clone();
    (seen, done)
}

/// Users, sign-ins and a text log: three streams, of which one continues over several commits.
fn inputs(folder: &Path) -> PathBuf {
    let input = folder.join("in");
    fs::create_dir_all(&input).unwrap();
    let user = |n: usize| {
        format!(
            r#"{{"id":"f7cc07d7-7c15-447d-876d-{n:012}","userPrincipalName":"user{n}@contoso.com","displayName":"Pat Leeuwenhoek{n}"}}"#
        )
    };
    let users: Vec<String> = (0..20).map(user).collect();
    let page = format!(
        r#"{{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[{}]}}"#,
        users.join(",")
    );
    fs::write(input.join("users.json"), page).unwrap();
    let sign_ins: String = (0..40)
        .map(|n| {
            format!("{{\"id\":\"9b0c5f7e-0000-4000-8000-{n:012}\",\"createdDateTime\":\"2026-03-01T10:00:00Z\",\
             \"userPrincipalName\":\"user{n}@contoso.com\",\"appDisplayName\":\"Microsoft Graph\",\"ipAddress\":\"203.0.113.7\",\
             \"clientAppUsed\":\"Browser\",\"isInteractive\":true,\"signInEventTypes\":[\"interactiveUser\"],\"status\":{{\"errorCode\":50126}}}}\n")
        })
        .collect();
    fs::write(input.join("signins.jsonl"), sign_ins).unwrap();
    let log: String = (0..30)
        .map(|n| format!("[07:08:{:02}.123] [  1] [INFO ] step {n} of user{n}@contoso.com\n", n % 60))
        .collect();
    fs::write(input.join("trace-20261118-070809.log"), log).unwrap();
    input
}

/// Opens the workspace, or makes it where there is none yet, and gathers what is missing.
fn gather(input: &Path, folder: &Path) -> Result<(Workspace, Summary)> {
    let key = WorkspaceKey::from_bytes(KEY);
    let stop = AtomicBool::new(false);
    let options = Options { checkpoint_every: 700, ..Options::new(&stop) };
    let source = LocalFiles::new(vec![input.to_owned()], options)?;
    let mut workspace = if Workspace::is_workspace(folder) {
        Workspace::open(folder, &key)?
    } else {
        Workspace::create(folder, &key, &serde_json::json!({"schema": "test"}))?
    };
    let run = Run {
        source: &source,
        selection: Selection::default(),
        catalogue: Catalogue::builtin(),
        observer: &crate::event::silent,
    };
    let summary = crate::gather::run(&run, &mut workspace)?;
    Ok((workspace, summary))
}
