//! What of a transfer has arrived, so that a broken one continues. The file holds the host and a
//! digest of the path, never the address.

use crate::crypto;
use crate::error::{Error, Result};
use crate::http::Address;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "entra-bundle/share/1";

/// The file as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct State {
    schema: String,
    host: String,
    path_sha256: String,
    file_sha256: String,
    /// Blocks that the server has taken.
    block_ids: BTreeSet<String>,
    /// The server's tag of the finished file.
    etag: Option<String>,
}

/// The state of one transfer: one file to one address. Held by one process at a time.
pub(super) struct Journal {
    path: PathBuf,
    state: State,
    lock_path: PathBuf,
    _lock: File,
}

impl Journal {
    /// Opens the state of this transfer, or begins it. A state that cannot be read counts as none.
    ///
    /// # Errors
    /// Usage, if another process is at the same transfer; I/O.
    pub fn open(folder: &Path, address: &Address, file_sha256: &str) -> Result<Self> {
        private_folder(folder)?;
        let state = State {
            schema: SCHEMA.to_owned(),
            host: address.host(),
            path_sha256: address.path_sha256(),
            file_sha256: file_sha256.to_owned(),
            block_ids: BTreeSet::new(),
            etag: None,
        };
        let place = crypto::hex(&crypto::sha256(format!("{}\n{}", state.host, state.path_sha256).as_bytes()));
        let stem = format!("{}-{}", short(file_sha256), short(&place));
        let path = folder.join(format!("{stem}.json"));
        let lock_path = folder.join(format!("{stem}.lock"));
        let lock = owner_only(OpenOptions::new().create(true).truncate(false).write(true))
            .open(&lock_path)
            .map_err(unwritable)?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(Error::usage("another process sends this bundle to this address")
                .hint("wait until it has ended"));
        }
        let known = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
        let same = |known: &State| {
            (&known.schema, &known.host, &known.path_sha256, &known.file_sha256)
                == (&state.schema, &state.host, &state.path_sha256, &state.file_sha256)
        };
        let state = known.filter(same).unwrap_or(state);
        Ok(Journal { path, state, lock_path, _lock: lock })
    }

    /// Blocks that were taken, as far as this state knows.
    pub fn blocks(&self) -> &BTreeSet<String> {
        &self.state.block_ids
    }

    /// Whether an earlier run completed the transfer.
    pub fn is_complete(&self) -> bool {
        self.state.etag.is_some()
    }

    /// A block was taken.
    pub fn took(&mut self, id: &str) -> Result<()> {
        self.state.block_ids.insert(id.to_owned());
        self.write()
    }

    /// Sets what is known to be there.
    pub fn set(&mut self, blocks: BTreeSet<String>) -> Result<()> {
        if self.state.block_ids == blocks && self.state.etag.is_none() {
            return Ok(());
        }
        self.state.block_ids = blocks;
        self.state.etag = None;
        self.write()
    }

    /// The file lies at the address.
    pub fn complete(&mut self, etag: &str) -> Result<()> {
        self.state.etag = Some(etag.chars().filter(char::is_ascii_graphic).take(128).collect());
        self.write()
    }

    /// Whole or not at all: written beside, synced, renamed.
    fn write(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let text = serde_json::to_vec_pretty(&self.state).unwrap_or_default();
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
        file.write_all(&text).and_then(|()| file.as_file().sync_data()).map_err(unwritable)?;
        file.persist(&self.path).map_err(|e| unwritable(e.error))?;
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Left behind it would be harmless: the lock itself ends with the process.
        let _ = fs::remove_file(&self.lock_path);
    }
}

fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

fn private_folder(folder: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(unwritable)
}

fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn unwritable(cause: std::io::Error) -> Error {
    Error::io("cannot keep the state of the transfer", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_for_one_file_at_one_address_and_names_neither() {
        let folder = tempfile::tempdir().unwrap();
        let address = |text: &str| Address::parse(text).unwrap();
        let there = address("https://h.example/container/blob.zip?sv=1&sig=SECRET");
        let mut journal = Journal::open(folder.path(), &there, &"a".repeat(64)).unwrap();
        let busy = Journal::open(folder.path(), &there, &"a".repeat(64)).err().unwrap();
        assert_eq!(busy.code(), 2);
        journal.took("one").unwrap();
        journal.took("two").unwrap();
        drop(journal);
        let entries: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        let text = fs::read_to_string(&entries[0]).unwrap();
        assert!(
            !text.contains("SECRET") && !text.contains("container") && text.contains("h.example"),
            "{text}"
        );
        // Another signature for the same place continues; another place or file begins anew.
        for (at, file, expected) in [
            ("https://h.example/container/blob.zip?sv=1&sig=OTHER", "a", 2),
            ("https://h.example/container/other.zip?sv=1&sig=SECRET", "a", 0),
            ("https://h.example/container/blob.zip?sv=1&sig=SECRET", "b", 0),
        ] {
            let journal = Journal::open(folder.path(), &address(at), &file.repeat(64)).unwrap();
            assert_eq!(journal.blocks().len(), expected, "{at}");
            assert!(!journal.is_complete());
        }
        fs::write(&entries[0], "{\"schema\":").unwrap();
        assert_eq!(Journal::open(folder.path(), &there, &"a".repeat(64)).unwrap().blocks().len(), 0);
    }
}
