//! Reading the records of a slice, one chunk in memory at a time.

use super::Place;
use super::index::{Chunk, Index};
use super::segment::{CONTINUES, Fault, Owner, Reader};
use super::spool;
use crate::catalogue::Stream;
use crate::error::{Error, Result};
use crate::record::Raw;

/// The records of a stream whose start offset lies in a range. Ends after an error.
pub struct Records<'a> {
    place: &'a Place,
    stream: String,
    index: &'a Index,
    /// Start offsets of the records that are wanted.
    from: u64,
    to: u64,
    /// Index of the next chunk.
    next: usize,
    /// Start offset of the next record.
    start: u64,
    /// The open segment, by its index.
    reader: Option<(u32, Reader)>,
    /// Position in the body of the reader's chunk; `None` before the first one.
    at: Option<usize>,
}

impl<'a> Records<'a> {
    pub(super) fn new(place: &'a Place, stream: &Stream, index: &'a Index, from: u64, to: u64) -> Self {
        let next = index.first(from);
        let start = index.chunks.get(next).map_or(to, |chunk| chunk.start);
        Records { place, stream: spool::label(stream), index, from, to, next, start, reader: None, at: None }
    }

    fn step(&mut self) -> Result<Option<Raw>> {
        while self.start < self.to {
            let Some((at, body)) = self.body() else {
                match self.index.chunks.get(self.next) {
                    Some(chunk) if chunk.continuation => self.next += 1,
                    Some(_) => self.load()?,
                    None => return Ok(None),
                }
                continue;
            };
            let (frame, rest) = spool::frame(&body[at..]).ok_or_else(damaged)?;
            let length = frame.length;
            let wanted = self.start >= self.from;
            let here = &rest[..rest.len().min(length)];
            let mut bytes = Vec::new();
            if wanted {
                bytes.reserve_exact(length);
                bytes.extend_from_slice(here);
            }
            let whole = here.len() == length;
            self.at = whole.then(|| at + frame.taken + length);
            self.start += length as u64;
            if wanted {
                while bytes.len() < length {
                    let piece = self.piece()?;
                    if piece.is_empty() || bytes.len() + piece.len() > length {
                        return Err(damaged());
                    }
                    bytes.extend_from_slice(piece);
                }
                return Ok(Some(Raw::new(bytes, frame.form).at(frame.time)));
            }
        }
        Ok(None)
    }

    /// What is left of the open chunk.
    fn body(&self) -> Option<(usize, &[u8])> {
        let (_, reader) = self.reader.as_ref()?;
        let at = self.at?;
        let body = reader.body();
        (at < body.len()).then_some((at, body))
    }

    /// Opens the next chunk, in which a record begins.
    fn load(&mut self) -> Result<()> {
        self.read()?;
        self.at = Some(0);
        Ok(())
    }

    /// The next chunk, which continues the record.
    fn piece(&mut self) -> Result<&[u8]> {
        match self.index.chunks.get(self.next) {
            Some(chunk) if chunk.continuation => self.read(),
            _ => Err(damaged()),
        }
    }

    fn read(&mut self) -> Result<&[u8]> {
        let chunk: Chunk = *self.index.chunks.get(self.next).ok_or_else(damaged)?;
        self.next += 1;
        if self.reader.as_ref().is_none_or(|(segment, _)| *segment != chunk.segment) {
            let segment = self.index.segments.get(chunk.segment as usize).ok_or_else(damaged)?;
            let owner = Owner { workspace: &self.place.id, stream: &self.stream };
            let path = self.place.folder.join(segment.name.text());
            let reader = Reader::open(&path, &self.place.key, owner).map_err(refuse)?;
            if reader.name() != segment.name {
                return Err(damaged());
            }
            self.reader = Some((chunk.segment, reader));
        }
        let Some((_, reader)) = &mut self.reader else { return Err(damaged()) };
        reader.seek(u64::from(chunk.number), chunk.at)?;
        let (flags, body) = reader.next().map_err(refuse)?.ok_or_else(damaged)?;
        let continuation = flags & CONTINUES != 0;
        if body.len() != chunk.length as usize || continuation != chunk.continuation {
            return Err(damaged());
        }
        Ok(reader.body())
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Raw>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.step().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.start = self.to;
        }
        item
    }
}

impl std::iter::FusedIterator for Records<'_> {}

fn refuse(fault: Fault) -> Error {
    match fault {
        Fault::Other(error) => error,
        Fault::Torn | Fault::Damaged => damaged(),
    }
}

fn damaged() -> Error {
    super::damaged("a segment was changed or cut")
}
