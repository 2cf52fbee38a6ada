//! The ledger: what of the workspace counts.
//!
//! It is a file in the format of the segments whose chunks spell lines of JSON; a line ends with a
//! chunk marked [`FINAL`]. Line 0 holds the header; each further line commits what was appended to
//! the streams before it, with the caller's note. Every line carries the digest of the one before.
//!
//! A process that writes begins with a new ledger: the lines so far, copied byte by byte under a
//! new salt, and then its own. It replaces the old one by a rename, so the lines of earlier
//! processes are there or the ledger is damaged; only the last process's own lines may be torn.
//! The number of ledgers so far is the *generation*. Segments know the generation they were made
//! in, so a ledger that was set back below its segments is noticed.

use super::disk;
use super::index::Written;
use super::segment::{CHUNK_BYTES, FINAL, Fault, Owner, Reader, Writer};
use super::{Place, WorkspaceKey, damaged};
use crate::catalogue::Stream;
use crate::crypto::{self, TAG_BYTES};
use crate::error::{self, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// File name of the ledger.
pub(super) const NAME: &str = "ledger";
/// File name of a ledger that is about to replace it.
pub(super) const NEW_NAME: &str = "ledger.new";

/// Preamble: workspace id (16) ‖ generation u64 BE ‖ number of copied lines u64 BE ‖ digest of the last of them.
const PREAMBLE_BYTES: usize = 64;
const NO_OWNER: Owner<'static> = Owner { workspace: &[0; 16], stream: "" };

#[derive(Serialize, Deserialize)]
struct Line {
    number: u64,
    /// Hex SHA-256 of the line before; of no bytes in line 0.
    previous: String,
    entry: Entry,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    committed: Vec<Committed>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Entry {
    Header(Value),
    Note(Value),
}

/// What a line commits of one stream.
#[derive(Serialize, Deserialize)]
pub(super) struct Committed {
    pub stream: Stream,
    /// Name of the segment.
    pub segment: String,
    /// Further chunks of it, in order.
    pub chunks: Vec<Written>,
    /// Length of the last record.
    pub last: u64,
}

/// The ledger of an open workspace.
pub(super) struct Ledger {
    pub header: Value,
    pub notes: Vec<Value>,
    /// Number of this ledger.
    pub generation: u64,
    chain: Chain,
    /// Length of the file up to its last whole line.
    end: u64,
    writer: Option<Writer>,
}

/// Number of lines and digest of the last one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Chain {
    lines: u64,
    digest: [u8; 32],
}

impl Chain {
    fn start() -> Self {
        Chain { lines: 0, digest: crypto::sha256(b"") }
    }

    fn push(&mut self, line: &[u8]) {
        *self = Chain { lines: self.lines + 1, digest: crypto::sha256(line) };
    }

    fn preamble(self, id: &[u8; 16], generation: u64) -> Vec<u8> {
        [&id[..], &generation.to_be_bytes(), &self.lines.to_be_bytes(), &self.digest].concat()
    }
}

impl Ledger {
    /// Writes the first ledger of a new workspace.
    pub fn create(place: &Place, header: &Value) -> Result<Self> {
        let line = Line {
            number: 0,
            previous: crypto::hex(&Chain::start().digest),
            entry: Entry::Header(header.clone()),
            committed: Vec::new(),
        };
        let line = encode(&line)?;
        let mut chain = Chain::start();
        chain.push(&line);
        let mut ledger =
            Ledger { header: header.clone(), notes: Vec::new(), generation: 0, chain, end: 0, writer: None };
        ledger.replace(place, |writer| write_line(writer, &line))?;
        Ok(ledger)
    }

    /// Reads the ledger. `commit` gets what its lines commit, in order. Returns the id of the
    /// workspace too.
    pub fn open(
        folder: &Path,
        key: &WorkspaceKey,
        mut commit: impl FnMut(Committed) -> Result<()>,
    ) -> Result<(Self, [u8; 16])> {
        let (mut lines, preamble) = Lines::open(folder, key)?;
        let Preamble { id, generation, base } = preamble;
        let mut chain = Chain::start();
        let mut header = None;
        let mut notes = Vec::new();
        while let Some(bytes) = lines.next(chain.lines >= base.lines)? {
            let line: Line =
                serde_json::from_slice(bytes).map_err(|_| damaged("its ledger holds an unknown line"))?;
            if line.number != chain.lines || line.previous != crypto::hex(&chain.digest) {
                return Err(damaged("the lines of its ledger do not follow one another"));
            }
            chain.push(bytes);
            if chain.lines == base.lines && chain != base {
                return Err(damaged("its ledger does not continue the one before"));
            }
            match line.entry {
                Entry::Header(value) if line.number == 0 => header = Some(value),
                Entry::Note(note) if line.number > 0 => notes.push(note),
                _ => return Err(damaged("its ledger holds a line in the wrong place")),
            }
            line.committed.into_iter().try_for_each(&mut commit)?;
        }
        let header = header.filter(|_| chain.lines >= base.lines);
        let header = header.ok_or_else(|| damaged("lines are missing in its ledger"))?;
        Ok((Ledger { header, notes, generation, chain, end: lines.end, writer: None }, id))
    }

    /// Length of the file up to its last whole line, as it was found when opened.
    #[cfg(test)]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Cuts what follows the last whole line. Such a tail was never a commit.
    pub fn cut_tail(&self, folder: &Path) -> Result<()> {
        let path = folder.join(NAME);
        let length =
            fs::metadata(&path).map_err(|cause| Error::io("cannot read the workspace", cause))?.len();
        if length > self.end { disk::cut(&path, self.end) } else { Ok(()) }
    }

    /// Makes this process the one that writes: a new ledger, before any segment of its generation.
    pub fn begin(&mut self, place: &Place) -> Result<()> {
        if self.writer.is_some() {
            return Ok(());
        }
        let (mut old, _) = Lines::open(&place.folder, &place.key)?;
        let chain = self.chain;
        self.replace(place, |writer| {
            let mut copied = Chain::start();
            while copied.lines < chain.lines {
                let line = old.next(false)?.ok_or_else(|| damaged("its ledger became shorter"))?;
                copied.push(line);
                write_line(writer, line)?;
            }
            drop(old);
            if copied == chain { Ok(()) } else { Err(damaged("its ledger was changed")) }
        })
    }

    fn replace(&mut self, place: &Place, fill: impl FnOnce(&mut Writer) -> Result<()>) -> Result<()> {
        let new = place.folder.join(NEW_NAME);
        let generation = self.generation + 1;
        let preamble = self.chain.preamble(&place.id, generation);
        let write = || {
            let mut writer = Writer::named(&new, &place.key, NO_OWNER, &preamble)?;
            fill(&mut writer)?;
            writer.sync()?;
            disk::step();
            fs::rename(&new, place.folder.join(NAME))
                .map_err(|cause| Error::io("cannot replace the ledger of the workspace", cause))?;
            disk::sync_folder(&place.folder)?;
            Ok(writer)
        };
        match write() {
            Ok(writer) => {
                self.writer = Some(writer);
                self.generation = generation;
                Ok(())
            }
            Err(error) => {
                // Left behind, it would only be in the way; the next opening removes it as well.
                let _ = fs::remove_file(&new);
                Err(error)
            }
        }
    }

    /// Commits: writes one line and waits until it is on the disk.
    pub fn append(&mut self, note: &Value, committed: Vec<Committed>) -> Result<()> {
        let Some(writer) = &mut self.writer else {
            return Err(Error::new(error::Kind::Internal, "the ledger of the workspace was not begun"));
        };
        let line = encode(&Line {
            number: self.chain.lines,
            previous: crypto::hex(&self.chain.digest),
            entry: Entry::Note(note.clone()),
            committed,
        })?;
        write_line(writer, &line)?;
        writer.sync()?;
        self.chain.push(&line);
        self.notes.push(note.clone());
        Ok(())
    }
}

fn encode(line: &Line) -> Result<Vec<u8>> {
    serde_json::to_vec(line)
        .map_err(|_| Error::new(error::Kind::Internal, "cannot write a line of the ledger as JSON"))
}

fn write_line(writer: &mut Writer, line: &[u8]) -> Result<()> {
    let mut pieces = line.chunks(CHUNK_BYTES).peekable();
    let mut body = Vec::new();
    while let Some(piece) = pieces.next() {
        body.reserve_exact(piece.len() + TAG_BYTES);
        body.extend_from_slice(piece);
        writer.write(if pieces.peek().is_none() { FINAL } else { 0 }, &mut body)?;
    }
    Ok(())
}

struct Preamble {
    id: [u8; 16],
    generation: u64,
    /// The lines that were copied from the ledger before.
    base: Chain,
}

impl Preamble {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PREAMBLE_BYTES] = bytes.try_into().ok()?;
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (lines, rest) = rest.split_first_chunk::<8>()?;
        Some(Preamble {
            id: *id,
            generation: u64::from_be_bytes(*generation),
            base: Chain { lines: u64::from_be_bytes(*lines), digest: rest.try_into().ok()? },
        })
    }
}

/// The lines of a ledger file.
struct Lines {
    reader: Reader,
    line: Vec<u8>,
    /// Where the last whole line ends.
    end: u64,
}

impl Lines {
    fn open(folder: &Path, key: &WorkspaceKey) -> Result<(Self, Preamble)> {
        let mut reader = Reader::open(&folder.join(NAME), key, NO_OWNER).map_err(|fault| match fault {
            Fault::Other(error) => error,
            Fault::Torn | Fault::Damaged => damaged("its ledger has no valid start"),
        })?;
        let preamble = match reader.next() {
            Ok(Some((_, bytes))) => Preamble::parse(bytes),
            Ok(None) | Err(Fault::Torn) => None,
            Err(Fault::Damaged) => {
                return Err(Error::new(
                    error::Kind::Decryption,
                    "the workspace does not open: wrong workspace key, or its ledger was changed",
                )
                .hint("give the key that was made with this workspace"));
            }
            Err(Fault::Other(error)) => return Err(error),
        };
        let preamble = preamble.ok_or_else(|| damaged("its ledger has no valid start"))?;
        let end = reader.position();
        Ok((Lines { reader, line: Vec::new(), end }, preamble))
    }

    /// The next line. Where the file ends inside a line, there is none if it `may_be_torn`.
    fn next(&mut self, may_be_torn: bool) -> Result<Option<&[u8]>> {
        self.line.clear();
        loop {
            match self.reader.next() {
                Ok(Some((flags, piece))) => {
                    self.line.extend_from_slice(piece);
                    if flags & FINAL != 0 {
                        self.end = self.reader.position();
                        return Ok(Some(&self.line));
                    }
                }
                Ok(None) | Err(Fault::Torn) if may_be_torn => return Ok(None),
                Ok(None) | Err(Fault::Torn) => return Err(damaged("lines are missing in its ledger")),
                Err(Fault::Damaged) => return Err(damaged("its ledger was changed")),
                Err(Fault::Other(error)) => return Err(error),
            }
        }
    }
}
