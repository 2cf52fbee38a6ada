//! What lies below the input paths: every entry once, in a fixed order, links never followed.

use crate::error::{Error, Result};
use crate::event::Reason;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use walkdir::WalkDir;

/// An entry of an input.
#[derive(Debug)]
pub struct Entry {
    /// Number of the input path, from 0.
    pub input: usize,
    /// Where it lies.
    pub path: PathBuf,
    /// Path below the parent of its input, `/` between the parts.
    pub name: String,
    /// A regular file, or why it is none that can be read.
    pub file: std::result::Result<Identity, Reason>,
}

/// What tells that a file is the one that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Size in bytes.
    pub size: u64,
    /// Nanoseconds since 1970 of the last change, 0 where unknown.
    pub modified: u128,
    inode: Option<(u64, u64)>,
}

impl Identity {
    /// Whether this is the listed file, possibly grown.
    pub fn continues(&self, listed: &Identity) -> bool {
        self.inode == listed.inode && (self == listed || self.size > listed.size)
    }

    /// The identity that metadata show.
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        #[cfg(unix)]
        let inode = {
            use std::os::unix::fs::MetadataExt as _;
            Some((metadata.dev(), metadata.ino()))
        };
        #[cfg(not(unix))]
        let inode = None;
        Identity { size: metadata.len(), modified: modified.map_or(0, |time| time.as_nanos()), inode }
    }
}

/// Checks that every input exists, before anything starts.
pub fn check(inputs: &[PathBuf]) -> Result<()> {
    for input in inputs {
        if let Err(error) = fs::symlink_metadata(input) {
            return Err(match error.kind() {
                std::io::ErrorKind::NotFound => {
                    Error::usage(format!("the input `{}` does not exist", input.display()))
                }
                _ => Error::usage(format!("cannot look at the input `{}`", input.display())).because(error),
            });
        }
    }
    Ok(())
}

/// Lists everything below the inputs. An entry that two inputs reach is listed once.
pub fn list(inputs: &[PathBuf]) -> Vec<Entry> {
    let mut seen = std::collections::HashSet::new();
    let mut entries = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        let mut below: Vec<Entry> = WalkDir::new(input)
            .follow_links(false)
            .follow_root_links(false)
            .into_iter()
            .filter_map(|found| entry(number, input, found))
            .filter(|entry| seen.insert(absolute(&entry.path)))
            .collect();
        below
            .sort_by(|a, b| a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes()));
        entries.append(&mut below);
    }
    entries
}

fn entry(number: usize, input: &Path, found: walkdir::Result<walkdir::DirEntry>) -> Option<Entry> {
    let (path, file) = match found {
        Ok(found) if found.file_type().is_dir() => return None,
        Ok(found) => {
            let kind = found.file_type();
            let file = match found.metadata() {
                _ if kind.is_symlink() => Err(Reason::Link),
                _ if !kind.is_file() => Err(Reason::SpecialFile),
                Ok(metadata) if planted(found.path(), &metadata) => Err(Reason::Link),
                Ok(metadata) => Ok(Identity::of(&metadata)),
                Err(error) => Err(refusal(&error)),
            };
            (found.into_path(), file)
        }
        Err(error) => (error.path().unwrap_or(input).to_owned(), Err(refusal(&error))),
    };
    let name = name(input, &path);
    Some(Entry { input: number, path, name, file })
}

/// Whether a file may be another's, put here under a second name by someone who can write to this
/// folder: it has several names, and the folder is open to others or is not its owner's.
#[cfg(unix)]
fn planted(path: &Path, file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    /// Write permission of the group and of everybody.
    const OTHERS: u32 = 0o022;
    let folder =
        || fs::metadata(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    file.nlink() > 1
        && folder().map_or(true, |folder| folder.mode() & OTHERS != 0 || folder.uid() != file.uid())
}

/// Elsewhere the number of a file's names is not told.
#[cfg(not(unix))]
fn planted(_: &Path, _: &Metadata) -> bool {
    false
}

fn refusal(error: &walkdir::Error) -> Reason {
    match error.io_error().map(std::io::Error::kind) {
        Some(std::io::ErrorKind::PermissionDenied) => Reason::Permission,
        _ => Reason::Error,
    }
}

/// The last part of the input, then the path below it.
fn name(input: &Path, path: &Path) -> String {
    let root = input.file_name().map(|name| name.to_string_lossy().into_owned());
    let below = path.strip_prefix(input).unwrap_or(path);
    let parts = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    root.into_iter().chain(parts).collect::<Vec<_>>().join("/")
}

/// The path with the links in its folders resolved, not itself.
fn absolute(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
    }
}
