//! One stream being written: records framed into chunks, chunks into the segment of this process.
//!
//! A chunk holds whole records, each as `length u32 LE ‖ form u8 ‖ [time i64 LE] ‖ bytes`; the time
//! stands there where the form has its bit 0x10: nanoseconds since 1970, UTC. A record that does not
//! fit into a chunk begins one of its own and goes on in chunks that hold nothing else.

use super::Place;
use super::index::{Index, Written};
use super::ledger::Committed;
use super::segment::{CHUNK_BYTES, CONTINUES, FINAL, Owner, Writer};
use crate::catalogue::Stream;
use crate::crypto::TAG_BYTES;
use crate::error::{self, Error, Result};
use crate::record::{Form, Raw};
use jiff::Timestamp;

/// Bytes in front of a record without a time.
const FRAME_BYTES: usize = 5;
/// Bytes of a record's own time, where it has one.
const TIME_BYTES: usize = 8;
/// Set in the form of a record that has its time before its bytes.
const TIMED: u8 = 0x10;

/// A stream: what is committed, and what is being written.
#[derive(Default)]
pub(super) struct Spool {
    pub index: Index,
    writer: Option<Writer>,
    /// Plaintext of the open chunk.
    open: Vec<u8>,
    /// Records that begin in the open chunk, and the sum of their bytes.
    begun: (u32, u64),
    /// Length of the last record.
    last: u64,
    /// Chunks written since the last commit.
    written: Vec<Written>,
}

impl Spool {
    /// Adds a record. It is in the file at the next commit at the latest.
    pub fn append(&mut self, place: &Place, generation: u64, stream: &Stream, raw: &Raw) -> Result<()> {
        let bytes = raw.bytes();
        let length = u32::try_from(bytes.len())
            .map_err(|_| Error::new(error::Kind::Limit, "a record has more than 4 GiB"))?;
        if self.writer.is_none() {
            let label = label(stream);
            let owner = Owner { workspace: &place.id, stream: &label };
            let preamble = generation.to_be_bytes();
            self.writer = Some(Writer::segment(&place.folder, &place.key, owner, &preamble)?);
        }
        if self.open.capacity() == 0 {
            self.open = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        }
        let continues = self.begun.0 == 0;
        let time = raw.time().and_then(|time| i64::try_from(time.as_nanosecond()).ok()).map(i64::to_le_bytes);
        let frame = FRAME_BYTES + time.map_or(0, |time| time.len());
        if !self.open.is_empty() && (continues || self.open.len() + frame + bytes.len() > CHUNK_BYTES) {
            self.write(0)?;
        }
        self.begun = (self.begun.0 + 1, self.begun.1 + u64::from(length));
        self.last = u64::from(length);
        self.open.extend_from_slice(&length.to_le_bytes());
        self.open.push(form_byte(raw.form()) | if time.is_some() { TIMED } else { 0 });
        self.open.extend(time.iter().flatten());
        let (first, mut rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.open.len()));
        self.open.extend_from_slice(first);
        while !rest.is_empty() {
            self.write(0)?;
            let (piece, more) = rest.split_at(rest.len().min(CHUNK_BYTES));
            self.open.extend_from_slice(piece);
            rest = more;
        }
        Ok(())
    }

    /// Bytes of memory that wait for records.
    #[cfg(test)]
    pub fn room(&self) -> usize {
        self.open.capacity()
    }

    /// Whether this process has a segment of the stream.
    pub fn is_open(&self) -> bool {
        self.writer.is_some()
    }

    /// Writes the open chunk and waits until all that was written is on the disk.
    pub fn flush(&mut self) -> Result<()> {
        if !self.open.is_empty() {
            self.write(FINAL)?;
        }
        match &self.writer {
            Some(writer) if !self.written.is_empty() => writer.sync(),
            _ => Ok(()),
        }
    }

    /// What the next ledger line commits, after [`Spool::flush`].
    pub fn pending(&self, stream: &Stream) -> Option<Committed> {
        let writer = self.writer.as_ref().filter(|_| !self.written.is_empty())?;
        Some(Committed {
            stream: stream.clone(),
            segment: writer.name().text(),
            chunks: self.written.clone(),
            last: self.last,
        })
    }

    /// Takes what is pending as committed, after its ledger line is on the disk.
    pub fn committed(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.as_ref().filter(|_| !self.written.is_empty()) {
            self.index.add(writer.name(), &self.written, self.last)?;
            self.written.clear();
        }
        // Nothing waits in it, and this may have been the last commit: streams that are through hold no room.
        self.open = Vec::new();
        Ok(())
    }

    fn write(&mut self, flags: u8) -> Result<()> {
        let Some(writer) = &mut self.writer else {
            return Err(Error::new(error::Kind::Internal, "a stream of the workspace has no segment"));
        };
        let (records, bytes) = std::mem::take(&mut self.begun);
        self.written.push(Written(self.open.len() as u32, records, bytes));
        writer.write(if records == 0 { flags | CONTINUES } else { flags }, &mut self.open)
    }
}

/// What the chunks of a stream bind: `source/dataset`.
pub(super) fn label(stream: &Stream) -> String {
    format!("{}/{}", stream.source.id(), stream.dataset)
}

/// What stands before a record.
pub(super) struct Frame {
    pub form: Form,
    pub time: Option<Timestamp>,
    /// Length of the record.
    pub length: usize,
    /// Length of the frame itself.
    pub taken: usize,
}

/// Reads the frame at the start of `chunk`, and what follows.
pub(super) fn frame(chunk: &[u8]) -> Option<(Frame, &[u8])> {
    let ([a, b, c, d, form], mut rest) = chunk.split_first_chunk::<FRAME_BYTES>()?;
    let (mut time, mut taken) = (None, FRAME_BYTES);
    if form & TIMED != 0 {
        let (stamp, after) = rest.split_first_chunk::<TIME_BYTES>()?;
        time = Some(Timestamp::from_nanosecond(i64::from_le_bytes(*stamp).into()).ok()?);
        (rest, taken) = (after, FRAME_BYTES + TIME_BYTES);
    }
    let form = match form & !TIMED {
        0 => Form::Json,
        1 => Form::Text,
        2 => Form::Xml,
        _ => return None,
    };
    Some((Frame { form, time, length: u32::from_le_bytes([*a, *b, *c, *d]) as usize, taken }, rest))
}

fn form_byte(form: Form) -> u8 {
    match form {
        Form::Json => 0,
        Form::Text => 1,
        Form::Xml => 2,
    }
}
