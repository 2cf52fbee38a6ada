//! What a bundle is held against, and what a verification says.

use super::finding::Finding;
use super::manifest::{Completeness, Learned, Manifest};
use super::profile::Limits;
use super::trust::{Role, Trust};
use super::verified::Verified;
use crate::crypto::encryption::Identities;
use crate::error;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// What a bundle is held against.
#[derive(Clone, Debug)]
pub struct Check {
    /// Keys that the reader chose.
    pub trust: Trust,
    /// What encrypted bundles are opened with.
    pub identities: Identities,
    /// Upper bounds.
    pub limits: Limits,
    /// Files with further attestation lines (`….intoto.jsonl`).
    pub detached: Vec<PathBuf>,
    /// The case reference that the bundle must have.
    pub expect_case: Option<String>,
    /// The id that the bundle must have.
    pub expect_bundle: Option<String>,
    /// Greatest age; needs `now`.
    pub max_age: Option<jiff::SignedDuration>,
    /// The reader's clock.
    pub now: Option<jiff::Timestamp>,
    /// Look into a bundle whose origin is not proven. Its findings are listed; it never verifies.
    pub inspect_untrusted: bool,
    /// An incomplete bundle does not verify.
    pub require_complete: bool,
    /// It is one volume of several; whether they belong together is checked by the caller.
    pub of_series: bool,
    /// Threads that read entries.
    pub workers: usize,
}

impl Check {
    /// The check against these keys with default limits and nothing else demanded.
    pub fn new(trust: Trust) -> Self {
        Check {
            trust,
            identities: Identities::none(),
            limits: Limits::default(),
            detached: Vec::new(),
            expect_case: None,
            expect_bundle: None,
            max_age: None,
            now: None,
            inspect_untrusted: false,
            require_complete: false,
            of_series: false,
            workers: 1,
        }
    }
}

/// What became of an attestation line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It counts.
    Counted,
    /// By no key that the reader trusts.
    Untrusted,
    /// The key is revoked, or was not valid at the time of signing.
    NotInForce,
    /// The key may not say this.
    WithoutRole,
    /// A rejection: it never counts as an approval.
    Rejected,
    /// A type that this version does not know.
    Ignored,
}

/// An attestation line, as `verify` reports it. Names are the reader's own labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SignerLine {
    /// The role that the line claims, if its type is known.
    pub role: Option<Role>,
    /// Fingerprint of the key; for untrusted lines nothing is known of it.
    pub fingerprint: Option<String>,
    /// The reader's label of the key.
    pub name: Option<String>,
    /// The reader's label of the customer.
    pub customer: Option<String>,
    /// Time by the signer's clock, if the line counts.
    pub signed_at: Option<String>,
    /// What became of it.
    pub status: Standing,
}

/// The outcome of a verification.
#[derive(Default)]
pub struct Verification {
    /// The bundle, ready to be read: only if everything holds.
    pub verified: Option<Verified>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Every attestation line.
    pub signers: Vec<SignerLine>,
    /// What the reader should know although it is no finding.
    pub warnings: Vec<String>,
    /// The manifest: if the origin is proven, or untrusted content was to be inspected.
    pub manifest: Option<Arc<Manifest>>,
    /// SHA-256 of the zip, hex, if it was read to the end; of the zip inside where it came encrypted.
    pub zip_sha256: Option<String>,
    /// The recipient whose identity opened it (`age1…` or `passphrase`); `None` if it came in clear.
    pub recipient: Option<String>,
    pub(super) class: Option<error::Kind>,
}

impl Verification {
    /// The exit code: 0 only if integrity and origin are proven.
    pub fn code(&self) -> u8 {
        self.class.map_or(0, error::Kind::code)
    }

    /// The class of the failure; `None` if everything holds.
    pub fn class(&self) -> Option<error::Kind> {
        self.class
    }

    /// The members of `--json`.
    pub fn report(&self) -> Report<'_> {
        let manifest = self.manifest.as_deref();
        Report {
            result: self.class.map_or("verified", error::Kind::name),
            code: self.code(),
            bundle_id: manifest.map(|m| m.bundle_id.as_str()),
            case_reference: manifest.and_then(|m| m.case.reference.as_deref()),
            signers: &self.signers,
            content_root: manifest.map(|m| m.hash.root.as_str()),
            zip_sha256: self.zip_sha256.as_deref(),
            recipient: self.recipient.as_deref(),
            completeness: manifest.map(|m| &m.completeness),
            learned: manifest.map(|m| &m.totals.learned),
            findings: &self.findings,
            warnings: &self.warnings,
        }
    }
}

/// A verification for machines.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report<'a> {
    result: &'static str,
    code: u8,
    bundle_id: Option<&'a str>,
    case_reference: Option<&'a str>,
    signers: &'a [SignerLine],
    content_root: Option<&'a str>,
    zip_sha256: Option<&'a str>,
    recipient: Option<&'a str>,
    completeness: Option<&'a Completeness>,
    learned: Option<&'a Learned>,
    findings: &'a [Finding],
    warnings: &'a [String],
}
