//! Where the committed records of a stream lie: what finds a slice without decrypting what stands before it.

use super::segment::{self, Name};
use crate::error::{self, Error, Result};
use serde::{Deserialize, Serialize};

/// Bytes that the preamble of a segment takes: the generation of its ledger.
pub(super) const PREAMBLE_BYTES: u64 = 8;
/// Where chunk 1 of a segment begins.
const BODY: u64 = segment::HEADER_BYTES + segment::OVERHEAD + PREAMBLE_BYTES;

/// What a ledger line says about one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written(
    /// Length of its plaintext.
    pub u32,
    /// How many records begin in it; 0 in a continuation.
    pub u32,
    /// Sum of the bytes of those records, wherever they end.
    pub u64,
);

/// A committed chunk.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    /// Sum of the bytes of all records of the stream that begin before this chunk.
    pub start: u64,
    /// Position in the file.
    pub at: u64,
    /// Length of its plaintext.
    pub length: u32,
    /// Number in the file.
    pub number: u32,
    /// Index of the segment.
    pub segment: u32,
    /// Whether it begins inside a record and no record begins in it.
    pub continuation: bool,
}

/// A committed segment.
pub(super) struct Segment {
    pub name: Name,
    /// Committed length of the file.
    pub end: u64,
    chunks: u32,
}

/// The committed part of a stream.
#[derive(Default)]
pub(super) struct Index {
    pub segments: Vec<Segment>,
    pub chunks: Vec<Chunk>,
    /// Number of records.
    pub records: u64,
    /// Sum of their bytes.
    pub bytes: u64,
    /// Length of the last one.
    last: u64,
}

impl Index {
    /// Takes in what a ledger line commits: chunks at the end of the segment `name`, of whose
    /// records the last has `last` bytes. A segment is the stream's last one or a new one.
    pub fn add(&mut self, name: Name, written: &[Written], last: u64) -> Result<()> {
        let broken = || Error::new(error::Kind::Limit, "a stream of the workspace is too large");
        if self.segments.last().is_none_or(|segment| segment.name != name) {
            self.segments.push(Segment { name, end: BODY, chunks: 0 });
        }
        let index = u32::try_from(self.segments.len() - 1).map_err(|_| broken())?;
        for &Written(length, records, bytes) in written {
            let Some(segment) = self.segments.last_mut() else { break };
            segment.chunks = segment.chunks.checked_add(1).ok_or_else(broken)?;
            self.chunks.push(Chunk {
                start: self.bytes,
                at: segment.end,
                length,
                number: segment.chunks,
                segment: index,
                continuation: records == 0,
            });
            segment.end += u64::from(length) + segment::OVERHEAD;
            self.records += u64::from(records);
            self.bytes = self.bytes.checked_add(bytes).ok_or_else(broken)?;
        }
        self.last = last;
        Ok(())
    }

    /// Index of the first chunk in which a record can begin at or after `from`.
    pub fn first(&self, from: u64) -> usize {
        // The end of a chunk's records is the start of the next chunk; with records of no bytes
        // several chunks may share it.
        self.chunks.partition_point(|chunk| chunk.start < from).saturating_sub(1)
    }

    /// Number of slices of `size` bytes: one more than that in which the last record begins.
    pub fn slices(&self, size: u64) -> u64 {
        if self.records == 0 { 0 } else { (self.bytes - self.last.min(self.bytes)) / size + 1 }
    }
}
