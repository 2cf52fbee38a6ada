//! Event logs of a running Windows system: `wevtutil epl` writes each wanted channel to a file, which
//! is then read as any other. The log files themselves change while the service writes to them.
//!
//! The channels are those whose log files stand in `discovery.json`: the channel `AD FS/Admin` has the
//! file `AD FS%4Admin.evtx`. Nothing here knows on which system it runs; the caller names the program.

use super::discovery::{self, Found};
use crate::event::Reason;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the service keeps its logs, as the default paths write it.
const LOGS: &str = "%SystemRoot%/System32/winevt/Logs/";
/// `ERROR_ACCESS_DENIED` of the Win32 API, which `wevtutil` ends with.
const DENIED: i32 = 5;

/// A channel that a product writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The product.
    pub product: String,
    /// Its name, as `wevtutil el` lists it.
    pub name: String,
}

/// What became of the channels.
#[derive(Debug, Default)]
pub struct Exported {
    /// What was written, in the order of the channels.
    pub files: Vec<Found>,
    /// Names of log files that could not be written, and why.
    pub refused: Vec<(String, Reason)>,
}

/// The wanted channels among those that the system lists, one a line.
pub fn wanted(listing: &str) -> Vec<Channel> {
    let names: BTreeSet<&str> = listing.lines().map(str::trim).filter(|name| is_name(name)).collect();
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for (product, path) in discovery::default_paths() {
        let Some(pattern) = path.strip_prefix(LOGS).filter(|file| file.ends_with(".evtx")) else { continue };
        for name in &names {
            let fits = discovery::fits(&file_name(name).to_lowercase(), &pattern.to_lowercase());
            if fits && seen.insert(*name) {
                wanted.push(Channel { product: product.clone(), name: (*name).to_owned() });
            }
        }
    }
    wanted
}

/// A name that can be one of a file in a folder of ours.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', ':', '*', '?', '"', '<', '>', '|', '\0'])
        && !name.contains("..")
}

/// The name of a channel's log file: `AD FS/Admin` → `AD FS%4Admin.evtx`.
pub fn file_name(channel: &str) -> String {
    format!("{}.evtx", channel.replace('/', "%4"))
}

/// Whether a path is that of a channel's own log file.
pub fn is_log(path: &Path) -> bool {
    let path = path.to_string_lossy().to_lowercase().replace('\\', "/");
    path.contains("/system32/winevt/logs/") && path.ends_with(".evtx")
}

/// The query for events in the window, to the millisecond outwards; `None` takes all.
pub fn query(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<String> {
    let condition = |sign: &str, time: Timestamp| format!("@SystemTime{sign}'{time:.3}'");
    let conditions: Vec<String> = [from.map(|from| condition(">=", from)), to.map(|to| condition("<=", to))]
        .into_iter()
        .flatten()
        .collect();
    (!conditions.is_empty()).then(|| format!("*[System[TimeCreated[{}]]]", conditions.join(" and ")))
}

/// The arguments of `wevtutil` that write a channel to `file`.
pub fn arguments(channel: &str, file: &Path, query: Option<&str>) -> Vec<OsString> {
    let mut arguments = vec!["epl".into(), channel.into(), file.as_os_str().to_owned()];
    arguments.extend(query.map(|query| format!("/q:{query}").into()));
    arguments
}

/// The channels that the system lists.
///
/// # Errors
/// Those of running `program`; a program that fails is an error, too.
pub fn list(program: &Path) -> io::Result<String> {
    let output = Command::new(program).arg("el").stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("the channels cannot be listed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Writes the channels to files in `folder`. What cannot be written is told, the others are; a stop
/// ends it between two channels.
pub fn export(
    program: &Path,
    channels: &[Channel],
    folder: &Path,
    query: Option<&str>,
    stop: &AtomicBool,
) -> Exported {
    let mut exported = Exported::default();
    for channel in channels {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = file_name(&channel.name);
        let path = folder.join(&name);
        match one(program, &channel.name, &path, query) {
            Ok(bytes) => {
                let product = channel.product.clone();
                exported.files.push(Found { product, path, bytes, skipped: None });
            }
            Err(reason) => exported.refused.push((name, reason)),
        }
    }
    exported
}

fn one(program: &Path, channel: &str, file: &PathBuf, query: Option<&str>) -> Result<u64, Reason> {
    let mut command = Command::new(program);
    command.args(arguments(channel, file, query));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().map_err(|_| Reason::Error)?;
    match status.code() {
        Some(0) => fs::metadata(file).map(|metadata| metadata.len()).map_err(|_| Reason::Error),
        Some(DENIED) => Err(Reason::Permission),
        _ => Err(Reason::Error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "Application\r\nSecurity\r\nSystem\r\nAD FS/Admin\r\nAD FS Tracing/Debug\r\n\
        Microsoft-AzureMfa-AuthZ/AuthZAdminCh\r\nMicrosoft-Windows-AAD/Operational\r\nMicrosoft-Windows-AAD/Analytic\r\n\
        ..\\evil\r\n";

    #[test]
    fn wanted_channels_are_those_of_the_log_files_in_the_table() {
        let names: Vec<String> = wanted(LISTING).into_iter().map(|channel| channel.name).collect();
        assert_eq!(
            names,
            [
                "Application",
                "AD FS/Admin",
                "Security",
                "Microsoft-AzureMfa-AuthZ/AuthZAdminCh",
                "Microsoft-Windows-AAD/Operational"
            ]
        );
        assert_eq!(wanted(""), []);
        assert!(is_log(Path::new("C:\\Windows\\System32\\winevt\\Logs\\Security.evtx")));
        assert!(!is_log(Path::new("C:\\ProgramData\\AADConnect\\trace.log")));
    }

    #[test]
    fn a_window_becomes_a_query() {
        let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        assert_eq!(query(None, None), None);
        assert_eq!(
            query(time("2024-03-05T21:59:59.1234567Z"), None).as_deref(),
            Some("*[System[TimeCreated[@SystemTime>='2024-03-05T21:59:59.123Z']]]")
        );
        assert_eq!(
            query(time("2024-03-05T21:59:59Z"), time("2024-03-06T00:00:00Z")).as_deref(),
            Some(
                "*[System[TimeCreated[@SystemTime>='2024-03-05T21:59:59.000Z' and @SystemTime<='2024-03-06T00:00:00.000Z']]]"
            )
        );
    }

    #[test]
    fn a_command_names_channel_file_and_query_as_arguments_of_their_own() {
        let file = Path::new("folder with spaces/AD FS%4Admin.evtx");
        assert_eq!(
            arguments("AD FS/Admin", file, Some("*[x]")),
            ["epl", "AD FS/Admin", "folder with spaces/AD FS%4Admin.evtx", "/q:*[x]"]
        );
        assert_eq!(arguments("Security", file, None).len(), 3);
    }

    /// A program in the place of `wevtutil`: writes, refuses, or fails by the name of the channel.
    #[cfg(unix)]
    #[test]
    fn what_is_refused_is_told_and_the_others_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("wevtutil");
        let script = "#!/bin/sh\n[ \"$1\" = el ] && { printf 'Security\\r\\nAD FS/Admin\\r\\nApplication\\r\\n'; exit 0; }\n\
            case \"$2\" in Security) exit 5;; Application) exit 1;; esac\nprintf '%s' \"$4\" > \"$3\"\n";
        // Written by another process: a file that one of our threads still has open cannot be executed.
        let write = "printf '%s' \"$2\" > \"$1\" && chmod 700 \"$1\"";
        let mut shell = Command::new("sh");
        let made = shell.args(["-c", write, "sh"]).arg(&program).arg(script).status().unwrap();
        assert!(made.success());
        let channels = wanted(&list(&program).unwrap());
        let go = AtomicBool::new(false);
        let exported = export(&program, &channels, folder.path(), Some("*"), &go);
        let path = folder.path().join("AD FS%4Admin.evtx");
        assert_eq!(fs::read(&path).unwrap(), b"/q:*");
        assert_eq!(
            exported.files.iter().map(|found| (&found.path, found.bytes)).collect::<Vec<_>>(),
            [(&path, 4)]
        );
        assert_eq!(
            exported.refused,
            [("Application.evtx".into(), Reason::Error), ("Security.evtx".into(), Reason::Permission)]
        );
        let stopped = export(&program, &channels, folder.path(), None, &AtomicBool::new(true));
        assert!(stopped.files.is_empty() && stopped.refused.is_empty());
        assert!(list(&folder.path().join("absent")).is_err());
    }
}
