//! The fence: what may stand in a bundle is a matter of types.
//!
//! [`Raw`] is one record as it came; it cannot be serialised and its bytes are visible inside the
//! crate only. [`Redacted`] is made by the redactor alone. [`Statement`] holds our own files:
//! structs from a fixed list, without a free string from input. The archive writer accepts the
//! last two and nothing else.
//!
//! A raw record does not fit where a redacted one is asked for:
//! ```compile_fail
//! use entra_bundle::record::{Form, Raw, Redacted};
//! fn write(_: &Redacted) {}
//! write(&Raw::new(b"{}".to_vec(), Form::Json));
//! ```
//! Nobody makes a redacted record by hand:
//! ```compile_fail
//! let record = entra_bundle::record::Redacted(Vec::new());
//! ```
//! nor by deserialising one:
//! ```compile_fail
//! let record: entra_bundle::record::Redacted = serde_json::from_str("[]").unwrap();
//! ```
//! A raw record cannot be serialised:
//! ```compile_fail
//! use entra_bundle::record::{Form, Raw};
//! serde_json::to_string(&Raw::new(b"{}".to_vec(), Form::Json)).unwrap();
//! ```
//! A statement of a type outside the list does not compile:
//! ```compile_fail
//! entra_bundle::record::Statement::of(&serde_json::json!({"user": "greta"})).unwrap();
//! ```

mod known;

use crate::error::{self, Error, Result};
use jiff::Timestamp;
pub(crate) use known::{Found, Known, LONGEST, Link};
use serde::Serialize;
use std::fmt;

/// Outer form of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// One JSON value.
    Json,
    /// One logical record of a text log, continuation lines included, UTF-8.
    Text,
    /// One XML element, or the opening or closing frame of its document, UTF-8.
    Xml,
}

/// The bytes of one record as the source gave them. Personal data; never serialised.
pub struct Raw {
    bytes: Vec<u8>,
    form: Form,
    time: Option<Timestamp>,
}

impl Raw {
    /// One record of the given form. Sources guarantee that JSON is valid and that text is UTF-8.
    pub fn new(bytes: Vec<u8>, form: Form) -> Self {
        Raw { bytes, form, time: None }
    }

    /// The same record with its own time, where its reader knew it: text and XML, whose time may
    /// depend on the name of the file and the zone of its server. JSON carries its time in a member.
    pub fn at(self, time: Option<Timestamp>) -> Self {
        Raw { time, ..self }
    }

    /// The record's own time, if its reader knew it.
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// The form of the bytes.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, for code that spools or studies them inside the crate.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The only bridge to [`Redacted`]. The layer test allows calls in `privacy/` alone.
    pub(crate) fn rewrite(
        self,
        write: impl FnOnce(&[u8], Form, &mut Vec<u8>) -> Result<()>,
    ) -> Result<Redacted> {
        let mut out = Vec::with_capacity(self.bytes.len());
        write(&self.bytes, self.form, &mut out)?;
        Ok(Redacted(out))
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({:?}, {} bytes)", self.form, self.bytes.len())
    }
}

/// One record in which every identifying value has been treated under the policy.
pub struct Redacted(Vec<u8>);

impl Redacted {
    /// A redacted record that was set aside in an encrypted scratch file and is read back; the layer
    /// test allows calls there alone.
    pub(crate) fn recalled(bytes: Vec<u8>) -> Self {
        Redacted(bytes)
    }

    /// The bytes as they go into a part.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes of one of our own files (README, manifest, reports, attestation lines).
pub struct Statement(Vec<u8>);

/// Marks the structs that may become a [`Statement`]. Sealed: the list is fixed in this crate, and
/// its members hold numbers, enums, digests, tokens, catalogue ids and checked grammars only.
pub trait Stated: Serialize + sealed::Sealed {}

pub(crate) mod sealed {
    pub trait Sealed {}
}

impl Statement {
    /// Pretty JSON (two spaces, LF at the end) of an allow-listed struct.
    pub fn of(value: &impl Stated) -> Result<Self> {
        let mut bytes = serde_json::to_vec_pretty(value)
            .map_err(|_| Error::new(error::Kind::Internal, "cannot serialise a statement"))?;
        bytes.push(b'\n');
        Ok(Statement(bytes))
    }

    /// Compact JSON on one line, without LF (attestation lines, JSON-lines files).
    pub fn line(value: &impl Stated) -> Result<Self> {
        serde_json::to_vec(value)
            .map(Statement)
            .map_err(|_| Error::new(error::Kind::Internal, "cannot serialise a statement"))
    }

    /// Canonical JSON (RFC 8785) without LF, for statements whose digest is signed. Holds for structs
    /// of ASCII names, integers, closed words and labels.
    pub fn canonical(value: &impl Stated) -> Result<Self> {
        canonical_json(value).map(Statement)
    }

    /// Several statements, each on a line of its own.
    pub fn lines(values: impl IntoIterator<Item = Result<Statement>>) -> Result<Self> {
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend_from_slice(&value?.0);
            bytes.push(b'\n');
        }
        Ok(Statement(bytes))
    }

    /// Text that is compiled into the program.
    pub fn fixed(text: &'static str) -> Self {
        Statement(text.as_bytes().to_vec())
    }

    /// The bytes as they stand in the bundle.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Compact JSON with the members of every object in bytewise order.
pub(crate) fn canonical_json(value: &impl Serialize) -> Result<Vec<u8>> {
    fn write(value: &serde_json::Value, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match value {
            serde_json::Value::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by_key(|(name, _)| *name);
                out.push(b'{');
                for (at, (name, value)) in sorted.into_iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    serde_json::to_writer(&mut *out, name)?;
                    out.push(b':');
                    write(value, out)?;
                }
                out.push(b'}');
                Ok(())
            }
            serde_json::Value::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write(item, out)?;
                }
                out.push(b']');
                Ok(())
            }
            plain => serde_json::to_writer(out, plain),
        }
    }
    let internal = |_| Error::new(error::Kind::Internal, "cannot serialise a statement");
    let mut out = Vec::new();
    write(&serde_json::to_value(value).map_err(internal)?, &mut out).map_err(internal)?;
    Ok(out)
}

/// A short checked string for statements: a catalogue id, a dataset path, a code, a token, hex.
/// Letters, digits and `._:/@+*{},#~-`, at most 200 bytes. It is not for values of records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
pub struct Label(String);

impl Label {
    /// Checks the grammar.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._:/@+*{},#~-".contains(&b);
        if text.len() <= 200 && text.bytes().all(fits) {
            Ok(Label(text))
        } else {
            Err(Error::new(error::Kind::Internal, "a statement label breaks its grammar"))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> String {
        label.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_raw_record_shows_no_byte_of_it() {
        let raw = Raw::new(b"greta@contoso.com".to_vec(), Form::Text);
        assert_eq!(format!("{raw:?}"), "Raw(Text, 17 bytes)");
    }

    #[test]
    fn labels_refuse_spaces_controls_and_length() {
        assert!(Label::new("data/graph/users/part-00000.jsonl").is_ok());
        assert!(Label::new("Greta Schmidt").is_err());
        assert!(Label::new("a\nb").is_err());
        assert!(Label::new("x".repeat(201)).is_err());
    }
}
