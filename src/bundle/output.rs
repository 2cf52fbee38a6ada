//! Where a draft touches the disk. Every byte that is written passes [`write_all`], and every rename
//! [`step`]; tests make them fail, or look at what lies there.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Write};

/// A file that is being written.
pub(super) struct Output(File);

impl Output {
    /// Writes to this file, where it stands.
    pub fn new(file: File) -> Self {
        Output(file)
    }

    /// Waits until all that was written is on the disk.
    pub fn sync(&self) -> Result<()> {
        #[cfg(test)]
        if crate::fault::sync("draft") {
            return Ok(());
        }
        self.0.sync_all().map_err(|e| Error::io("cannot write the bundle", e))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_all(&self.0, bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Appends all of `bytes`. After an error an unknown part of them is in the file.
pub(super) fn write_all(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    let (bytes, failure) = crate::fault::write("draft", bytes);
    #[cfg(test)]
    let bytes = if crate::fault::is_watched() {
        crate::fault::step();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        crate::fault::step();
        second
    } else {
        bytes
    };
    let done = file.write_all(bytes);
    #[cfg(test)]
    let done = done.and(failure);
    done
}

/// A name appears, changes or goes next.
pub(super) fn step() {
    #[cfg(test)]
    crate::fault::step();
}
