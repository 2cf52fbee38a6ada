//! The proof of one part: an entry's leaf, its way up the Merkle tree, and the signed statement over the
//! root. Whoever has the file and the proof checks both, and learns no other name of the bundle.
//!
//! Format `entra-bundle/proof/1`.

use super::attestation::{Claim, LINE_BYTES};
use super::finding::{Finding, Rule, class_of};
use super::outcome::SignerLine;
use super::signers::Signers;
use super::trust::Trust;
use super::verified::Verified;
use super::{grammar, merkle, path};
use crate::crypto::{self, Sha256};
use crate::error::{self, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "entra-bundle/proof/1";
/// Greatest size of a proof: one envelope line and what stands around it.
pub const PROOF_BYTES: u64 = LINE_BYTES as u64 + 64 * 1024;

/// Everything that is needed beside the file itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proof {
    /// `entra-bundle/proof/1`.
    pub schema: String,
    /// `entra-bundle/leaf/1`.
    pub leaf: String,
    /// Name of the entry.
    pub path: String,
    /// Its uncompressed size.
    pub size: u64,
    /// SHA-256 of its uncompressed bytes, hex.
    pub sha256: String,
    /// Place of its leaf, from 0.
    pub index: u64,
    /// Number of leaves.
    pub tree_size: u64,
    /// The hashes beside the way from the leaf to the root, lowest first, hex.
    pub hashes: Vec<String>,
    /// The collector's envelope line, as it stands in the bundle.
    pub attestation: String,
}

/// The JSON schema of a proof.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Proof)
}

/// What a proof says, once it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Name of the entry.
    pub path: String,
    /// Its size.
    pub size: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Id of the bundle.
    pub bundle_id: String,
    /// Merkle root over the entries of the bundle, hex.
    pub content_root: String,
    /// SHA-256 of the policy under which the bundle was made, hex.
    pub policy_sha256: String,
}

/// The outcome of a check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What is proven; only if nothing is wrong.
    pub proven: Option<Proven>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// The line, and whose it is.
    pub signers: Vec<SignerLine>,
}

impl Checked {
    /// The class of the failure; `None` if the proof holds.
    pub fn class(&self) -> Option<error::Kind> {
        class_of(&self.findings)
    }
}

impl Verified {
    /// The proof of an entry that the manifest lists.
    pub fn prove(&self, name: &str) -> Result<Proof> {
        // In a series the volume that holds the entry proves it; what all hold, the last one.
        if let Some(volume) = self.volumes().iter().rev().find(|one| one.manifest().entry(name).is_some()) {
            return volume.prove(name);
        }
        let manifest = self.manifest();
        let index = manifest.entries.iter().position(|entry| entry.path == name).ok_or_else(|| {
            Error::usage("the manifest lists no entry of this name").hint(
                "entra-bundle export BUNDLE lists them; manifest.json and the attestations have no proof",
            )
        })?;
        let leaves: Vec<[u8; 32]> = manifest
            .entries
            .iter()
            .map(|entry| {
                let digest = grammar::digest(&entry.sha256).unwrap_or_default();
                merkle::leaf_hash(&merkle::leaf(&entry.path, entry.size, &digest))
            })
            .collect();
        let entry = manifest.entries.get(index).ok_or_else(|| Error::usage("no such entry"))?;
        let lines = self.read(path::ATTESTATIONS)?;
        let line = collection(&lines).ok_or_else(|| {
            Error::new(error::Kind::Signature, "the bundle's first attestation is not the collector's")
        })?;
        Ok(Proof {
            schema: SCHEMA.to_owned(),
            leaf: merkle::LEAF.to_owned(),
            path: entry.path.clone(),
            size: entry.size,
            sha256: entry.sha256.clone(),
            index: index as u64,
            tree_size: leaves.len() as u64,
            hashes: merkle::inclusion(index, &leaves).iter().map(|hash| crypto::hex(hash)).collect(),
            attestation: line,
        })
    }
}

/// The first line, which is the collector's.
fn collection(lines: &[u8]) -> Option<String> {
    let first = lines.split(|byte| *byte == b'\n').next()?;
    String::from_utf8(first.to_vec()).ok()
}

/// Checks a file against its proof. `text` are the proof's bytes. Nothing of the file is looked at before
/// the statement is proven to be by a trusted collector.
///
/// # Errors
/// Only failures to read the file.
pub fn check(text: &[u8], file: &mut dyn Read, trust: &Trust) -> io::Result<Checked> {
    let mut signers = Signers::new(trust, PROOF_BYTES);
    let outcome = parse(text).map_err(Some).and_then(|proof| {
        let predicate = origin(&proof, &mut signers).map_err(Some)?;
        Ok((proof, predicate))
    });
    let (proof, statement) = match outcome {
        Ok(both) => both,
        Err(finding) => {
            let findings = finding.into_iter().collect();
            return Ok(Checked { proven: None, findings, signers: signers.lines });
        }
    };
    let mut findings = Vec::new();
    let digest = grammar::digest(&proof.sha256).unwrap_or_default();
    let leaf = merkle::leaf_hash(&merkle::leaf(&proof.path, proof.size, &digest));
    let hashes: Vec<[u8; 32]> = proof.hashes.iter().filter_map(|hash| grammar::digest(hash)).collect();
    let root = merkle::root_of(leaf, proof.index, proof.tree_size, &hashes).map(|root| crypto::hex(&root));
    if statement.entries != proof.tree_size || root.as_ref() != Some(&statement.content_root) {
        let text = "the way from the entry to the signed root does not lead there";
        findings.push(Finding::new(Rule::Root, text).of(&proof.path));
    }
    let (size, found) = digest_of(file, proof.size)?;
    if size != proof.size {
        findings.push(Finding::new(Rule::Size, "the file has another size than the entry").of(&proof.path));
    } else if found != digest {
        findings.push(
            Finding::new(Rule::Digest, "the file is not the entry: its SHA-256 differs").of(&proof.path),
        );
    }
    let proven = findings.is_empty().then_some(Proven {
        path: proof.path,
        size: proof.size,
        sha256: proof.sha256,
        bundle_id: statement.bundle_id,
        content_root: statement.content_root,
        policy_sha256: statement.policy_sha256,
    });
    Ok(Checked { proven, findings, signers: signers.lines })
}

fn parse(text: &[u8]) -> std::result::Result<Proof, Finding> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    if text.len() as u64 > PROOF_BYTES {
        return Err(Finding::new(Rule::Limit, "the proof is too large"));
    }
    let head: Head = serde_json::from_slice(text)
        .map_err(|_| Finding::new(Rule::ProofSyntax, "this is no proof of an entry"))?;
    if head.schema != SCHEMA {
        let text = match head.schema.strip_prefix("entra-bundle/proof/") {
            Some(_) => "the proof was made by a newer version",
            None => "the file is of another kind than a proof",
        };
        return Err(Finding::new(Rule::UnknownVersion, text));
    }
    let wrong = |text: &str| Finding::new(Rule::ProofSyntax, text);
    let proof: Proof = serde_json::from_slice(text).map_err(|_| wrong("the proof is not in its form"))?;
    if proof.leaf != merkle::LEAF {
        return Err(Finding::new(Rule::UnknownVersion, "the proof was made by a newer version"));
    }
    let digests = proof.hashes.iter().chain([&proof.sha256]).all(|hex| grammar::digest(hex).is_some());
    if !digests || path::check(proof.path.as_bytes()).is_err() || proof.hashes.len() > 64 {
        return Err(wrong("a value of the proof breaks its grammar"));
    }
    Ok(proof)
}

/// The statement of the proof, if a trusted collector in force made it.
fn origin(
    proof: &Proof,
    signers: &mut Signers<'_>,
) -> std::result::Result<super::attestation::Collection, Finding> {
    let counted =
        signers.line(proof.attestation.as_bytes(), None).map_err(|(rule, text)| Finding::new(rule, text))?;
    match counted.map(|line| line.claim) {
        Some(Claim::Collection(collection)) => Ok(collection),
        _ => Err(signers.objection()),
    }
}

/// Size and SHA-256 of a file; reading stops one byte behind `most`.
fn digest_of(file: &mut dyn Read, most: u64) -> io::Result<(u64, [u8; 32])> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0u64;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        size += read as u64;
        if size > most {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    Ok((size, hash.finish()))
}
