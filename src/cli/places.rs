//! Where things lie on this machine: the user's state and configuration folders, key files, outputs.

use crate::error::{Error, Result};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest key, trust or policy file that is read.
const MOST_SMALL_FILE: u64 = 4 << 20;

/// The folder for workspaces and the keys made for them.
pub fn state() -> Result<PathBuf> {
    base("ENTRA_BUNDLE_STATE", "XDG_STATE_HOME", ".local/state", "LOCALAPPDATA")
}

/// The folder for the signing key and settings.
pub fn configuration() -> Result<PathBuf> {
    base("ENTRA_BUNDLE_CONFIG", "XDG_CONFIG_HOME", ".config", "APPDATA")
}

/// The user's own trust file.
pub fn trust_file() -> Result<PathBuf> {
    Ok(configuration()?.join("trust.json"))
}

/// Writes or replaces a file of the user's own, at once and whole; only its owner can read it.
pub fn replace_private(path: &Path, text: &str) -> Result<()> {
    let failed = |e| Error::io(format!("cannot write `{}`", path.display()), e);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".trust-").tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

fn base(own: &str, xdg: &str, below_home: &str, windows: &str) -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = set(own) {
        return Ok(folder);
    }
    let folder = if cfg!(windows) {
        set(windows)
    } else {
        set(xdg).filter(|p| p.is_absolute()).or_else(|| set("HOME").map(|home| home.join(below_home)))
    };
    folder.map(|folder| folder.join("entra-bundle")).ok_or_else(|| {
        Error::usage("no home folder is known").hint(format!("set {own} to a folder of yours"))
    })
}

/// Makes a folder that only its owner can enter.
pub fn private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| Error::io(format!("cannot make the folder `{}`", path.display()), e))
}

/// Writes a file that only its owner can read; refuses to replace one.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    write(path, 0o600, text)
}

/// Writes a public file; refuses to replace one.
pub fn write_new(path: &Path, text: &str) -> Result<()> {
    write(path, 0o666, text)
}

/// The file appears whole or not at all, also when the process is killed: half a key is worse than none.
fn write(path: &Path, mode: u32, text: &str) -> Result<()> {
    let failed = |e| Error::io(format!("cannot write `{}`", path.display()), e);
    let exists = || {
        Error::usage(format!("`{}` exists", path.display()))
            .hint("choose another name; existing files are never replaced")
    };
    if path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".entra-bundle-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist_noclobber(path).map_err(|e| match e.error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(),
        _ => failed(e.error),
    })?;
    #[cfg(unix)]
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(())
}

/// Reads a small file of any kind. It is zeroed when dropped.
pub fn read_small_bytes(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    let name = path.display();
    let file = fs::File::open(path).map_err(|e| Error::io(format!("cannot read the {what} `{name}`"), e))?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MOST_SMALL_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io(format!("cannot read the {what} `{name}`"), e))?;
    if bytes.len() as u64 > MOST_SMALL_FILE {
        return Err(Error::usage(format!("`{name}` is no {what}: too large")));
    }
    Ok(bytes)
}

/// Reads a small text file such as a key, a trust file or a policy. It is zeroed when dropped.
pub fn read_small(path: &Path, what: &str) -> Result<Zeroizing<String>> {
    read_small_of(path, what, MOST_SMALL_FILE)
}

/// Reads a text file of at most `most` bytes.
pub fn read_small_of(path: &Path, what: &str, most: u64) -> Result<Zeroizing<String>> {
    let name = path.display();
    let file = fs::File::open(path).map_err(|e| Error::io(format!("cannot read the {what} `{name}`"), e))?;
    let mut text = Zeroizing::new(String::new());
    let read = file
        .take(most + 1)
        .read_to_string(&mut text)
        .map_err(|e| Error::usage(format!("`{name}` is no {what}")).because(e))?;
    if read as u64 > most {
        return Err(Error::usage(format!("`{name}` is no {what}: too large")));
    }
    Ok(text)
}
