//! Parts: one file of redacted records, finished in a worker before the archive sees it.
//!
//! The writer takes [`Redacted`] records and nothing else, and holds the form of a part: JSON lines
//! have one LF each, text records tile the part without gaps, XML records stand between frames.

use super::archive::{Method, Packed, Packer};
use super::grammar;
use super::path;
use crate::catalogue::{Layout, Stream};
use crate::error::{self, Error, Result};
use crate::record::{Redacted, Statement};
use std::io::{Read, Write as _};

/// Most uncompressed bytes of a part.
pub const PART_BYTES: u64 = 64 << 20;

/// Writes one part in memory: compressed, with checksums, record count and index.
pub struct PartWriter {
    stream: Stream,
    layout: Layout,
    content: Packer,
    index: Option<Packer>,
    /// The line of the index that is being made.
    line: Vec<u8>,
    rows: u64,
}

impl PartWriter {
    /// A part of the stream. Text and XML parts get an index.
    pub fn new(stream: &Stream, layout: Layout) -> Self {
        let index = (layout != Layout::Jsonl).then(|| Packer::new(Method::Deflated));
        let content = Packer::new(Method::Deflated);
        PartWriter { stream: stream.clone(), layout, content, index, line: Vec::new(), rows: 0 }
    }

    /// Adds a record. `utc` is its own time for the index (`2026-11-20T11:05:00Z`), where known.
    /// A JSON record comes without LF, a text record with exactly one at its end, an XML record as one element.
    pub fn write(&mut self, record: &Redacted, utc: Option<&str>) -> Result<()> {
        self.write_bytes(record.bytes(), utc)
    }

    /// Adds the opening or closing frame of an XML document; it is no record.
    pub fn frame(&mut self, frame: &Redacted) -> Result<()> {
        self.frame_bytes(frame.bytes())
    }

    fn frame_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if self.layout != Layout::Xml {
            return Err(internal("only XML parts have frames"));
        }
        self.room(bytes.len())?;
        self.content.write(bytes)
    }

    fn write_bytes(&mut self, bytes: &[u8], utc: Option<&str>) -> Result<()> {
        let feeds = memchr::memchr_iter(b'\n', bytes).count();
        match self.layout {
            Layout::Jsonl if feeds > 0 || bytes.is_empty() => {
                return Err(internal("a JSON record is empty or holds a line feed"));
            }
            Layout::Text if !bytes.ends_with(b"\n") => {
                return Err(internal("a text record does not end with a line feed"));
            }
            Layout::Xml if bytes.is_empty() => return Err(internal("an XML record is empty")),
            _ => {}
        }
        if utc.is_some_and(|utc| !grammar::is_utc(utc)) {
            return Err(internal("the time of a record is not UTC in its fixed form"));
        }
        self.room(bytes.len() + 1)?;
        if let Some(index) = &mut self.index {
            let (line, quote) = (&mut self.line, if utc.is_some() { "\"" } else { "" });
            line.clear();
            let (start, time) = (self.content.size(), utc.unwrap_or("null"));
            // Writing to memory cannot fail.
            let _ = writeln!(line, "[{start},{},{quote}{time}{quote}]", bytes.len());
            index.write(line)?;
        }
        self.content.write(bytes)?;
        if self.layout == Layout::Jsonl {
            self.content.write(b"\n")?;
        }
        self.rows += 1;
        Ok(())
    }

    fn room(&self, more: usize) -> Result<()> {
        if self.content.size() + more as u64 > PART_BYTES {
            return Err(internal("a part would exceed 64 MiB"));
        }
        Ok(())
    }

    /// Bytes so far; the caller starts a further part before [`PART_BYTES`] is passed.
    pub fn raw_len(&self) -> u64 {
        self.content.size()
    }

    /// Records so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Finishes compression and checksums.
    pub fn finish(self) -> Result<PackedPart> {
        Ok(PackedPart {
            stream: self.stream,
            layout: self.layout,
            content: self.content.finish()?,
            index: self.index.map(Packer::finish).transpose()?,
            rows: self.rows,
        })
    }
}

/// Packs one of our own JSON-lines files line by line, so that it never lies in memory whole.
pub struct StatementWriter(Packer);

/// A finished file of our own.
pub struct PackedStatement(pub(super) Packed);

impl Default for StatementWriter {
    fn default() -> Self {
        StatementWriter(Packer::new(Method::Deflated))
    }
}

impl StatementWriter {
    /// Adds a line.
    pub fn line(&mut self, line: &Statement) -> Result<()> {
        self.0.write(line.bytes())?;
        self.0.write(b"\n")
    }

    /// Bytes so far.
    pub fn raw_len(&self) -> u64 {
        self.0.size()
    }

    /// Finishes compression and checksums.
    pub fn finish(self) -> Result<PackedStatement> {
        Ok(PackedStatement(self.0.finish()?))
    }
}

impl PackedStatement {
    /// The content, inflated again from the finished bytes: what the leak check reads.
    pub fn inflate(&self) -> impl Read + '_ {
        self.0.inflate()
    }
}

/// A finished part that waits for its number.
pub struct PackedPart {
    pub(super) stream: Stream,
    pub(super) layout: Layout,
    pub(super) content: Packed,
    pub(super) index: Option<Packed>,
    pub(super) rows: u64,
}

impl PackedPart {
    /// The content, inflated again from the finished bytes: what the leak check reads.
    pub fn inflate(&self) -> impl Read + '_ {
        self.content.inflate()
    }

    /// The index, inflated again, if the part has one.
    pub fn inflate_index(&self) -> Option<impl Read + '_> {
        self.index.as_ref().map(Packed::inflate)
    }

    /// Source and dataset.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Records.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Uncompressed bytes.
    pub fn size(&self) -> u64 {
        self.content.size()
    }

    /// SHA-256 of the uncompressed bytes.
    pub fn sha256(&self) -> [u8; 32] {
        self.content.sha256()
    }

    /// Memory that the part occupies until it is appended.
    pub fn footprint(&self) -> u64 {
        self.content.footprint() + self.index.as_ref().map_or(0, Packed::footprint)
    }

    /// The media type of the content.
    pub fn media_type(&self) -> &'static str {
        path::media_type(self.layout)
    }
}

fn internal(message: &str) -> Error {
    Error::new(error::Kind::Internal, message)
}

/// Ways past the fence, for the tests of this module's neighbours.
#[cfg(test)]
impl PartWriter {
    pub(super) fn write_unfenced(&mut self, bytes: &[u8], utc: Option<&str>) -> Result<()> {
        self.write_bytes(bytes, utc)
    }

    pub(super) fn frame_unfenced(&mut self, bytes: &[u8]) -> Result<()> {
        self.frame_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Source;

    fn writer(layout: Layout) -> PartWriter {
        PartWriter::new(&Stream::new(Source::OnPrem, "trace"), layout)
    }

    fn text(reader: impl Read) -> String {
        std::io::read_to_string(reader).unwrap()
    }

    #[test]
    fn json_records_become_lines() {
        let mut part = writer(Layout::Jsonl);
        part.write_unfenced(b"{\"a\":1}", None).unwrap();
        part.write_unfenced(b"{\"b\":2}", Some("2026-11-20T11:05:00Z")).unwrap();
        let part = part.finish().unwrap();
        assert_eq!(text(part.inflate()), "{\"a\":1}\n{\"b\":2}\n");
        assert!(part.inflate_index().is_none());
        assert_eq!((part.rows(), part.size()), (2, 16));
    }

    #[test]
    fn text_and_xml_parts_have_an_index_of_their_records() {
        let mut part = writer(Layout::Text);
        part.write_unfenced(b"one\n", Some("2026-11-20T11:05:00.5Z")).unwrap();
        part.write_unfenced(b"two\n  more\n", None).unwrap();
        let part = part.finish().unwrap();
        let index = text(part.inflate_index().unwrap());
        assert_eq!(index, "[0,4,\"2026-11-20T11:05:00.5Z\"]\n[4,11,null]\n");

        let mut part = writer(Layout::Xml);
        part.frame_unfenced(b"<r>").unwrap();
        part.write_unfenced(b"<e/>", None).unwrap();
        part.frame_unfenced(b"</r>").unwrap();
        let part = part.finish().unwrap();
        assert_eq!(text(part.inflate_index().unwrap()), "[3,4,null]\n");
        assert_eq!(text(part.inflate()), "<r><e/></r>");
    }

    #[test]
    fn records_that_would_break_the_form_are_refused() {
        assert!(writer(Layout::Jsonl).write_unfenced(b"{\n}", None).is_err());
        assert!(writer(Layout::Text).write_unfenced(b"no feed", None).is_err());
        assert!(writer(Layout::Text).write_unfenced(b"x\n", Some("today")).is_err());
        assert!(writer(Layout::Text).frame_unfenced(b"<r>").is_err());
        let mut part = writer(Layout::Jsonl);
        part.write_unfenced(&vec![b'1'; PART_BYTES as usize - 1], None).unwrap();
        assert!(part.write_unfenced(b"1", None).is_err());
    }
}
