//! One event stream for progress, log and ledger; and the outcomes that all layers share.

use serde::{Deserialize, Serialize};

/// What became of a dataset, a file or a part.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All that was asked for is there.
    Complete,
    /// There was nothing to get.
    Empty,
    /// Some of it is there.
    Partial,
    /// It was left out on purpose; the reason says why.
    Skipped,
    /// It could not be read at all.
    Failed,
}

impl Outcome {
    /// Whether a run with this outcome ends with exit code 3.
    pub fn is_incomplete(self) -> bool {
        matches!(self, Outcome::Partial | Outcome::Skipped | Outcome::Failed)
    }
}

/// Machine-readable reason of an [`Outcome`] other than complete.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// Binary that cannot be redacted (trace dumps, images, executables).
    Binary,
    /// A limit of count, size or time was reached.
    Cap,
    /// The file is damaged from a certain place on; records before it are kept.
    Damaged,
    /// Compressed data above the allowed ratio, or archives nested too deep.
    ArchiveLimit,
    /// A file without content.
    EmptyFile,
    /// Reading failed (I/O).
    Error,
    /// A link; links are not followed.
    Link,
    /// JSON or XML nested deeper than the limit.
    NestedTooDeep,
    /// Last written before the time window begins.
    OutsideWindow,
    /// Not permitted to read.
    Permission,
    /// One of our own private files (key, workspace, preview, leak report).
    Private,
    /// A record above the size limit was skipped.
    RecordTooLarge,
    /// Not a regular file (device, FIFO, socket).
    SpecialFile,
    /// Left out by `--without`, or not among `--dataset`.
    Unselected,
    /// Valid JSON or CSV whose records belong to no known dataset.
    UnrecognisedRecords,
    /// Text of unknown kind; `--accept-text` takes it.
    UnrecognisedText,
    /// A name inside an archive that leaves it, or an encrypted archive member.
    UnsafeArchiveEntry,
    /// The run was interrupted.
    Interrupted,
    /// A recording of a browser (HAR): full of cookies and tokens.
    WebTrace,
    /// The service does not have it in this cloud or version.
    Cloud,
    /// Conditional Access blocked the request.
    ConditionalAccess,
    /// Only a person who signs in can read it, not an application.
    DelegatedOnly,
    /// A page led to an address of another service; it was not followed.
    ForeignLink,
    /// The tenant lacks the licence under which the service answers.
    Licence,
    /// The tenant has nothing of the kind set up.
    NotConfigured,
    /// The service no longer accepts the sign-in.
    SignIn,
    /// The service was throttled for longer than is waited for.
    Throttled,
    /// The service did not answer in time, even for the smallest window.
    Timeout,
    /// The service kept failing.
    Unavailable,
}

/// A unit of work: one local file (or archive member), one dataset window of a service.
/// A unit that the ledger holds as done is not opened again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Identifies the unit on resume: path below its input, size, modification time, keyed digest.
    pub id: String,
    /// The name people know it by (a path). Personal data: it stays in the encrypted ledger and is
    /// pseudonymized in `meta/collection.json`.
    pub name: String,
    /// Size in bytes where known, for progress.
    pub bytes: Option<u64>,
}

/// Position inside a unit up to which everything was handed over; opaque to all but its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub String);

/// A place in a unit where something could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Why.
    pub reason: Reason,
    /// How many records (or archive members) it concerns, if known; 1 for a single place.
    pub count: u64,
    /// Number of the record from 1, if known.
    pub record: Option<u64>,
    /// Byte offset in the unit, if known.
    pub offset: Option<u64>,
}

/// What a finished unit says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// What became of the unit as a whole.
    pub outcome: Outcome,
    /// Why, unless complete.
    pub reason: Option<Reason>,
    /// Name of the original character encoding where it was not UTF-8 without BOM (`utf-16le`, `utf-8-bom`, `windows-1252`).
    pub encoding: Option<String>,
    /// Container form in our words: `json-array`, `ndjson`, `csv`, `evtx`, `text`, `xml`, …
    pub form: Option<String>,
}

/// The phases of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Source to workspace.
    Gather,
    /// First pass over the workspace: names and entities.
    Learn,
    /// Second pass: records to parts, with the leak check of each part.
    Rewrite,
    /// Manifest, signature, rename.
    Sign,
    /// Reading a bundle.
    Verify,
    /// Sending a bundle.
    Share,
}

/// Something that happened. Holds no value from the data.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A phase begins; `total` is its size in bytes where known.
    Begin {
        /// Which phase.
        phase: Phase,
        /// Bytes that will be worked on, if known.
        total: Option<u64>,
    },
    /// Work inside a phase: amounts since the last event of this kind.
    Advance {
        /// Which phase.
        phase: Phase,
        /// Further input bytes done.
        bytes: u64,
        /// Further records done.
        records: u64,
    },
    /// A phase ended.
    End {
        /// Which phase.
        phase: Phase,
    },
    /// A file was refused or is damaged. `place` is its position in the run's file list, never its name.
    File {
        /// Number of the file in the order of the run, from 1.
        number: u64,
        /// What became of it.
        outcome: Outcome,
        /// Why.
        reason: Reason,
    },
    /// Something the user should know; the text is ours.
    Note(&'a str),
}

/// Receives events. Implemented for closures.
pub trait Observer: Sync {
    /// Called from any thread.
    fn on(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Sync> Observer for F {
    fn on(&self, event: &Event<'_>) {
        self(event);
    }
}

/// An observer that ignores everything.
pub fn silent(_: &Event<'_>) {}
