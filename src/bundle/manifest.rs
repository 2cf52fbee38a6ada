//! The manifest: the signed inventory of a bundle, `entra-bundle/manifest/1`.
//!
//! Its bytes are signed as they stand and never written anew by a reader. Reading is strict: a
//! member twice, an unknown member, a value outside its grammar, an entry out of order or a total
//! that does not add up is a finding.

mod check;

use crate::catalogue::Source;
use crate::event::{Outcome, Reason};
use crate::record::Stated;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "entra-bundle/manifest/1";

/// A member that must be there, but may be null.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

/// The signed inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// `entra-bundle/manifest/1`.
    pub schema: String,
    /// 26 lower-case base32 characters of 128 random bits.
    pub bundle_id: String,
    /// Place in a series.
    pub volume: Volume,
    /// Program that wrote the bundle.
    pub tool: Tool,
    /// Time of writing by the collector's clock: a claim.
    pub created_at: String,
    /// Where the data come from.
    pub tenant: Tenant,
    /// Support case.
    pub case: Case,
    /// Time span that was asked for.
    pub window: Window,
    /// Policy under which the records were rewritten.
    pub policy: PolicyFacts,
    /// Effective catalogue.
    pub catalogue: CatalogueFacts,
    /// Key and marks of the pseudonyms; never a key.
    pub pseudonyms: Pseudonyms,
    /// For whom the bundle was encrypted; empty if it was not.
    pub intended_recipients: Vec<String>,
    /// Algorithms and digests.
    pub hash: Hash,
    /// Sums over the entries.
    pub totals: Totals,
    /// What is there, and what is missing and why.
    pub completeness: Completeness,
    /// Every entry but the manifest and the attestations, sorted bytewise by path.
    pub entries: Vec<Entry>,
}

impl crate::record::sealed::Sealed for Manifest {}
impl Stated for Manifest {}

/// Place of a bundle in a series of volumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// From 1.
    pub index: u32,
    /// Whether it closes the series.
    #[serde(rename = "final")]
    pub last: bool,
    /// Number of volumes; only where `final` is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Common to the volumes of a series; null for a bundle that stands alone.
    #[serde(deserialize_with = "nullable")]
    pub series_id: Option<String>,
    /// SHA-256 of the manifest of the volume before.
    #[serde(deserialize_with = "nullable")]
    pub prev_manifest_sha256: Option<String>,
}

impl Volume {
    /// A bundle that stands alone.
    pub fn single() -> Self {
        Volume { index: 1, last: true, count: Some(1), series_id: None, prev_manifest_sha256: None }
    }
}

/// Program that wrote the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Commit it was built from, if known.
    #[serde(deserialize_with = "nullable")]
    pub git_commit: Option<String>,
    /// Platform it was built for.
    pub target: String,
}

/// National cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The worldwide cloud.
    Global,
    /// US Government L4.
    Usgov,
    /// US Government L5 (DoD).
    UsgovDod,
    /// Operated by 21Vianet.
    China,
}

/// Where the data come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// Pseudonym of the tenant id; null where no tenant id is known.
    #[serde(deserialize_with = "nullable")]
    pub pseudonym: Option<String>,
    /// National cloud.
    pub cloud: Cloud,
}

/// Support case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// Letters, digits and `._-`, at most 64; null if none was given.
    #[serde(deserialize_with = "nullable")]
    pub reference: Option<String>,
}

/// Time span `[from, to)` in UTC; a null end is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// Start.
    #[serde(deserialize_with = "nullable")]
    pub from: Option<String>,
    /// End.
    #[serde(deserialize_with = "nullable")]
    pub to: Option<String>,
}

/// Policy under which the records were rewritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyFacts {
    /// Id of a shipped preset, else null.
    #[serde(deserialize_with = "nullable")]
    pub id: Option<String>,
    /// Version of the policy.
    pub version: u64,
    /// SHA-256 of `meta/policy.json` as shipped.
    pub sha256: String,
    /// Digest that a privacy officer signed, else null.
    #[serde(deserialize_with = "nullable")]
    pub approved_digest: Option<String>,
}

/// Effective catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CatalogueFacts {
    /// Digest of the built-in tables and the user's fields.
    pub sha256: String,
}

/// Key and marks of the pseudonyms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pseudonyms {
    /// Id of the incident key.
    pub key_id: String,
    /// Recipient, only where the policy marks it public.
    #[serde(deserialize_with = "nullable")]
    pub recipient: Option<String>,
    /// Who keeps the key, only where the policy marks it public.
    #[serde(deserialize_with = "nullable")]
    pub key_held_by: Option<String>,
    /// When the key is to be destroyed.
    #[serde(deserialize_with = "nullable")]
    pub destroy_after: Option<String>,
    /// Whether pseudonyms of addresses lie in ranges reserved for documentation.
    pub ip_marked: bool,
    /// Keyed digest of the learned names.
    pub dictionary_digest: String,
}

/// Algorithms and digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hash {
    /// `sha256`.
    pub per_entry: String,
    /// `rfc9162-sha256`.
    pub tree: String,
    /// Merkle root over the entries: the content root.
    pub root: String,
    /// `entra-bundle/leaf/1`.
    pub leaf: String,
    /// The archive's bytes up to the manifest, so that also the compressed form is signed.
    pub archive: ArchiveHash,
}

/// Digest of the archive from its first byte to the local header of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveHash {
    /// Number of bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: String,
}

/// How many names the dictionary held, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Learned {
    /// Learned names.
    pub names: u64,
    /// Datasets they came from, sorted.
    pub from: Vec<String>,
}

/// Sums over the entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Totals {
    /// Number of `entries`.
    pub entries: u64,
    /// Sum of their sizes.
    pub raw_bytes: u64,
    /// Sum of the rows below `data/`.
    pub rows: u64,
    /// Learned names of the whole bundle.
    pub learned: Learned,
}

/// Whether all that was asked for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is.
    Complete,
    /// Some datasets are partial, skipped or failed.
    Incomplete,
}

/// What is there, and what is missing and why. Stands in the manifest and in `meta/collection.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Completeness {
    /// Incomplete if any dataset is.
    pub status: Status,
    /// Datasets in their order.
    pub datasets: Vec<DatasetOutcome>,
}

impl crate::record::sealed::Sealed for Completeness {}
impl Stated for Completeness {}

impl Completeness {
    /// The completeness of these outcomes.
    pub fn of(datasets: Vec<DatasetOutcome>) -> Self {
        let incomplete = datasets.iter().any(|dataset| dataset.outcome.is_incomplete());
        Completeness { status: if incomplete { Status::Incomplete } else { Status::Complete }, datasets }
    }
}

/// What became of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatasetOutcome {
    /// Id of the dataset.
    pub dataset: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, unless complete.
    #[serde(deserialize_with = "nullable")]
    pub reason: Option<Reason>,
    /// A code, a number or a catalogue id.
    #[serde(deserialize_with = "nullable")]
    pub detail: Option<String>,
}

/// How far a part's content identifies people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// The policy keeps a direct identifier.
    Identifiable,
    /// Direct identifiers are pseudonyms.
    Pseudonymous,
}

/// One entry of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "Row", try_from = "Row")]
#[schemars(with = "Row")]
pub struct Entry {
    /// Name in the archive.
    pub path: String,
    /// Uncompressed size.
    pub size: u64,
    /// SHA-256 of the uncompressed bytes, hex.
    pub sha256: String,
    /// Records of a `.jsonl` or `.txt` part; null for everything else.
    pub rows: Option<u64>,
    /// Media type.
    pub media_type: String,
    /// What only entries below `data/` say.
    pub part: Option<PartEntry>,
}

/// What only entries below `data/` say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// Dataset, as in the path.
    pub dataset: String,
    /// Source, as in the path.
    pub source: Source,
    /// Number of the part, as in the path.
    pub number: u32,
    /// Earliest time of a record, if known.
    pub min_time: Option<String>,
    /// Latest time of a record, if known.
    pub max_time: Option<String>,
    /// How far the content identifies people.
    pub label: Sensitivity,
    /// Learned names at the time of rewriting.
    pub learned: Learned,
}

/// An entry as it is written: members of parts stand beside the others.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    path: String,
    size: u64,
    sha256: String,
    #[serde(deserialize_with = "nullable")]
    rows: Option<u64>,
    media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    min_time: Option<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    max_time: Option<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Sensitivity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learned: Option<Learned>,
    /// Always null: the digest of raw data would be an oracle for guessing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schemars(with = "()")]
    source_sha256: Option<Option<String>>,
}

/// Tells a member that is null from one that is not there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl From<Entry> for Row {
    fn from(entry: Entry) -> Row {
        let Entry { path, size, sha256, rows, media_type, part } = entry;
        let mut row = Row {
            path,
            size,
            sha256,
            rows,
            media_type,
            dataset: None,
            source: None,
            part: None,
            min_time: None,
            max_time: None,
            label: None,
            learned: None,
            source_sha256: None,
        };
        if let Some(part) = part {
            row.dataset = Some(part.dataset);
            row.source = Some(part.source);
            row.part = Some(part.number);
            row.min_time = Some(part.min_time);
            row.max_time = Some(part.max_time);
            row.label = Some(part.label);
            row.learned = Some(part.learned);
            row.source_sha256 = Some(None);
        }
        row
    }
}

impl TryFrom<Row> for Entry {
    type Error = &'static str;

    fn try_from(row: Row) -> Result<Entry, &'static str> {
        let Row { path, size, sha256, rows, media_type, .. } = row;
        let part = match (
            row.dataset,
            row.source,
            row.part,
            row.min_time,
            row.max_time,
            row.label,
            row.learned,
            row.source_sha256,
        ) {
            (None, None, None, None, None, None, None, None) => None,
            (
                Some(dataset),
                Some(source),
                Some(number),
                Some(min_time),
                Some(max_time),
                Some(label),
                Some(learned),
                Some(None),
            ) => Some(PartEntry { dataset, source, number, min_time, max_time, label, learned }),
            _ => return Err("an entry has some of the members of a part, but not all, or a source digest"),
        };
        Ok(Entry { path, size, sha256, rows, media_type, part })
    }
}
