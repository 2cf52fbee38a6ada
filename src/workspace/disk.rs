//! Where the workspace touches the disk: owner-only files, syncs, the lock.
//!
//! Every byte that is written passes [`Output`]; tests make it fail after a number of bytes.

use super::MAGIC;
use crate::error::{Error, Result};
#[cfg(test)]
use crate::fault;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

/// A new file that is being written, from its first byte on.
pub(super) struct Output {
    file: File,
    #[cfg(test)]
    name: String,
}

impl Output {
    /// Creates the file, readable by its owner alone. It must not exist.
    pub fn create(path: &Path) -> Result<Self> {
        step();
        let file = owner_only(OpenOptions::new().write(true).create_new(true))
            .open(path)
            .map_err(|cause| Error::io("cannot create a file of the workspace", cause))?;
        Ok(Output {
            file,
            #[cfg(test)]
            name: fault::name(path),
        })
    }

    /// Appends all of `bytes`. After an error an unknown part of them is in the file.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        #[cfg(test)]
        let (bytes, failure) = fault::write(&self.name, bytes);
        #[cfg(test)]
        let bytes = self.half(bytes);
        let done = self.file.write_all(bytes);
        #[cfg(test)]
        let done = done.and(failure);
        done.map_err(|cause| {
            Error::io("cannot write to the workspace", cause)
                .hint("what was committed is kept: make room, then continue with --resume")
        })
    }

    /// Where somebody watches: writes the first half, and gives the second.
    #[cfg(test)]
    fn half<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if !fault::is_watched() {
            return bytes;
        }
        fault::step();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        self.file.write_all(first).unwrap();
        fault::step();
        second
    }

    /// Waits until all that was written is on the disk.
    pub fn sync(&self) -> Result<()> {
        #[cfg(test)]
        if fault::sync(&self.name) {
            return Ok(());
        }
        self.file.sync_data().map_err(|cause| Error::io("cannot sync the workspace to disk", cause))
    }
}

/// Makes new names in a folder durable. Only Unix has (and needs) this.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    #[cfg(test)]
    if fault::sync("folder") {
        return Ok(());
    }
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|cause| Error::io("cannot sync the workspace folder to disk", cause))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Creates the folder (and those above it) for its owner alone; an existing one is made so.
pub(super) fn create_folder(folder: &Path) -> Result<()> {
    let failed = |cause| Error::io("cannot create the workspace folder", cause);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700);
        builder.create(folder).map_err(failed)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    #[cfg(not(unix))]
    builder.create(folder).map_err(failed)?;
    sync_above(folder)
}

/// Makes the name of a folder (or its absence) durable.
pub(super) fn sync_above(folder: &Path) -> Result<()> {
    // A relative name of one component has the empty path above it.
    match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => sync_folder(above),
        _ => Ok(()),
    }
}

/// Takes the lock of a workspace; it is held until the file is dropped, also when the process is killed.
pub(super) fn lock(path: &Path) -> Result<File> {
    let failed = |cause| Error::io("cannot lock the workspace", cause);
    let mut file =
        owner_only(OpenOptions::new().read(true).write(true).create(true)).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::usage("another process uses this workspace")
                .hint("wait until it has ended, or name another workspace"));
        }
        Err(TryLockError::Error(cause)) => return Err(failed(cause)),
    }
    if file.metadata().map_err(failed)?.len() == 0 {
        file.write_all(MAGIC).map_err(failed)?;
    }
    Ok(file)
}

/// A name appears, changes or goes next: tests look at what lies on the disk until now.
pub(super) fn step() {
    #[cfg(test)]
    fault::step();
}

/// Cuts a file to its first `length` bytes.
pub(super) fn cut(path: &Path, length: u64) -> Result<()> {
    step();
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(length))
        .map_err(|cause| Error::io("cannot cut a file of the workspace at its last commit", cause))
}

/// Whether the file begins as every file of a workspace does.
pub(super) fn has_magic(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    fs::metadata(path).is_ok_and(|found| found.is_file())
        && File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok())
        && start == MAGIC
}

fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}
