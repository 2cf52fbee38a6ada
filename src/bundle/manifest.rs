//! The manifest: the signed inventory of a bundle, `entra-bundle/manifest/1`.
//!
//! Its bytes are signed as they stand and never written anew by a reader. Reading is strict: a
//! member twice, an unknown member, a value outside its grammar, an entry out of order or a total
//! that does not add up is a finding.

use super::finding::{Finding, Findings, Rule};
use super::path::{self, PartPath};
use super::{grammar, merkle};
use crate::catalogue::{Layout, Source};
use crate::crypto;
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

#[derive(Deserialize)]
struct Head {
    schema: String,
}

impl Manifest {
    /// Parses and checks the raw bytes.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, Vec<Finding>> {
        let one = |finding: Finding| vec![finding.of(path::MANIFEST)];
        let syntax = |error: serde_json::Error| {
            one(Finding::new(Rule::ManifestSyntax, "not the JSON of a manifest").at(error.line() as u64))
        };
        let head: Head = serde_json::from_slice(bytes).map_err(syntax)?;
        if head.schema != SCHEMA {
            let text = if head.schema.starts_with("entra-bundle/manifest/") {
                "made by a newer version: the manifest has a schema that this version does not know"
            } else {
                "the manifest has an unknown schema"
            };
            return Err(one(Finding::new(Rule::UnknownVersion, text)));
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(syntax)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks grammar, order, totals and the Merkle root. The writer does this before it signs.
    pub fn check(&self) -> Result<(), Vec<Finding>> {
        let mut findings = Findings::default();
        self.check_algorithms(&mut findings);
        self.check_values(&mut findings);
        self.check_completeness(&mut findings);
        self.check_entries(&mut findings);
        findings.none_or()
    }

    /// The Merkle root over the entries as they stand, hex. `None` if a digest is no hex.
    pub fn root(&self) -> Option<String> {
        let mut tree = merkle::Tree::default();
        for entry in &self.entries {
            tree.push(&merkle::leaf(&entry.path, entry.size, &grammar::digest(&entry.sha256)?));
        }
        Some(crypto::hex(&tree.root()))
    }

    /// An entry by path.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.entries.get(at)
    }

    fn check_algorithms(&self, findings: &mut Findings) {
        let Hash { per_entry, tree, leaf, .. } = &self.hash;
        if per_entry != "sha256" || tree != "rfc9162-sha256" || leaf != merkle::LEAF {
            let text = "the manifest names an algorithm that this version does not know";
            findings.add(Finding::new(Rule::UnknownVersion, text).of(path::MANIFEST));
        }
    }

    fn check_values(&self, findings: &mut Findings) {
        let maybe = |value: &Option<String>, fits: fn(&str) -> bool| value.as_deref().is_none_or(fits);
        let hex = |text: &str| grammar::digest(text).is_some();
        let Pseudonyms { key_id, recipient, key_held_by, destroy_after, dictionary_digest, .. } =
            &self.pseudonyms;
        let volume = &self.volume;
        let alone = Volume::single();
        for (fits, what) in [
            (self.schema == SCHEMA, "schema"),
            (grammar::is_id(&self.bundle_id), "bundleId"),
            (volume.index >= 1 && volume.last == volume.count.is_some(), "volume"),
            (volume.count.is_none_or(|count| count == volume.index), "volume.count"),
            (volume.series_id.is_some() || *volume == alone, "volume.seriesId"),
            (maybe(&volume.series_id, grammar::is_id), "volume.seriesId"),
            (maybe(&volume.prev_manifest_sha256, hex), "volume.prevManifestSha256"),
            ((volume.index == 1) == volume.prev_manifest_sha256.is_none(), "volume.prevManifestSha256"),
            (grammar::is_label(&self.tool.name), "tool.name"),
            (grammar::is_label(&self.tool.version), "tool.version"),
            (maybe(&self.tool.git_commit, grammar::is_label), "tool.gitCommit"),
            (grammar::is_label(&self.tool.target), "tool.target"),
            (grammar::is_utc(&self.created_at), "createdAt"),
            (maybe(&self.tenant.pseudonym, grammar::is_tenant), "tenant.pseudonym"),
            (maybe(&self.case.reference, grammar::is_reference), "case.reference"),
            (maybe(&self.window.from, grammar::is_utc), "window.from"),
            (maybe(&self.window.to, grammar::is_utc), "window.to"),
            (maybe(&self.policy.id, grammar::is_label), "policy.id"),
            (hex(&self.policy.sha256), "policy.sha256"),
            (maybe(&self.policy.approved_digest, hex), "policy.approvedDigest"),
            (hex(&self.catalogue.sha256), "catalogue.sha256"),
            (grammar::is_label(key_id), "pseudonyms.keyId"),
            (maybe(recipient, grammar::is_words), "pseudonyms.recipient"),
            (maybe(key_held_by, grammar::is_words), "pseudonyms.keyHeldBy"),
            (maybe(destroy_after, grammar::is_utc), "pseudonyms.destroyAfter"),
            (grammar::is_label(dictionary_digest), "pseudonyms.dictionaryDigest"),
            (self.intended_recipients.iter().all(|r| grammar::is_recipient(r)), "intendedRecipients"),
            (hex(&self.hash.root), "hash.root"),
            (hex(&self.hash.archive.sha256), "hash.archive.sha256"),
            (is_learned(&self.totals.learned), "totals.learned"),
        ] {
            if !fits {
                findings.add(value(what));
            }
        }
    }

    fn check_completeness(&self, findings: &mut Findings) {
        let Completeness { status, datasets } = &self.completeness;
        for row in datasets {
            let fits = grammar::is_dataset(&row.dataset)
                && row.detail.as_deref().is_none_or(grammar::is_label)
                && (row.outcome != Outcome::Complete || row.reason.is_none());
            if !fits {
                findings.add(value("completeness.datasets"));
            }
        }
        if *status != Completeness::of(datasets.clone()).status {
            findings.add(value("completeness.status"));
        }
    }

    fn check_entries(&self, findings: &mut Findings) {
        let (mut bytes, mut rows) = (0u64, 0u64);
        let mut last: Option<&str> = None;
        for entry in &self.entries {
            if last.is_some_and(|last| last >= entry.path.as_str()) {
                let text = "the entries of the manifest are not sorted, or one stands twice";
                findings.add(Finding::new(Rule::ManifestOrder, text).of(&entry.path));
            }
            last = Some(&entry.path);
            if let Err(text) = entry.check() {
                findings.add(Finding::new(Rule::ManifestValue, text).of(&entry.path));
            }
            bytes = bytes.saturating_add(entry.size);
            rows = rows.saturating_add(entry.rows.unwrap_or_default());
        }
        let totals = &self.totals;
        if (totals.entries, totals.raw_bytes, totals.rows) != (self.entries.len() as u64, bytes, rows) {
            findings.add(Finding::new(Rule::Totals, "the totals do not add up").of(path::MANIFEST));
        }
        if self.root().as_ref() != Some(&self.hash.root) {
            let text = "the Merkle root is not that of the entries";
            findings.add(Finding::new(Rule::Root, text).of(path::MANIFEST));
        }
    }
}

impl Entry {
    fn check(&self) -> Result<(), &'static str> {
        path::check(self.path.as_bytes())?;
        if matches!(self.path.as_str(), path::MANIFEST | path::ATTESTATIONS) {
            return Err("the manifest lists itself or the attestations");
        }
        if grammar::digest(&self.sha256).is_none() {
            return Err("the digest is not 64 lower-case hex digits");
        }
        let Some(part) = &self.part else {
            return match (path::rank(&self.path), self.rows) {
                (Some(1), _) => Err("an entry below data/ lacks the members of a part"),
                (None, _) => Err("the layout has no place for an entry of this name"),
                (_, Some(_)) => Err("rows stand on an entry outside data/"),
                _ if !grammar::is_words(&self.media_type) => Err("the media type breaks its grammar"),
                _ => Ok(()),
            };
        };
        let Some(place) = PartPath::parse(&self.path) else {
            return Err("the path is not that of a part");
        };
        if (place.stream.source, place.stream.dataset.as_str(), place.number)
            != (part.source, part.dataset.as_str(), part.number)
        {
            return Err("source, dataset or number differ from the path");
        }
        if self.media_type != path::media_type(place.layout) {
            return Err("the media type is not that of the part");
        }
        if self.rows.is_none() != (place.layout == Layout::Xml) {
            return Err("rows stand on an XML part, or are missing on another");
        }
        let utc = |time: &Option<String>| time.as_deref().is_none_or(grammar::is_utc);
        if !utc(&part.min_time) || !utc(&part.max_time) {
            return Err("a time is not UTC in its fixed form");
        }
        if !is_learned(&part.learned) { Err("`learned` breaks its grammar") } else { Ok(()) }
    }
}

fn is_learned(learned: &Learned) -> bool {
    learned.from.iter().all(|dataset| grammar::is_dataset(dataset)) && learned.from.is_sorted_by(|a, b| a < b)
}

fn value(what: &str) -> Finding {
    Finding::new(Rule::ManifestValue, format!("`{what}` breaks its grammar or contradicts another value"))
        .of(path::MANIFEST)
}
