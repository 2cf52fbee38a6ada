//! Strict reading of a manifest: schema, syntax, grammar, order, totals, root.

use super::{Completeness, Entry, Hash, Learned, Manifest, Pseudonyms, SCHEMA, Volume};
use crate::bundle::finding::{Finding, Findings, Rule};
use crate::bundle::path::{self, PartPath};
use crate::bundle::{grammar, merkle};
use crate::catalogue::Layout;
use crate::crypto;
use crate::event::Outcome;
use serde::Deserialize;

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
