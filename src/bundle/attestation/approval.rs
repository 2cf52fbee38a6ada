//! `policy-approval`: a privacy officer approves a policy. It stands beside the policy, and beside every
//! bundle that was made under it.

use super::{Predicate, Signed, sign_digest};
use crate::bundle::grammar;
use crate::bundle::path::POLICY;
use crate::crypto::Signer;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What the officer approves beside the public projection, which is the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// Salted digest of the policy's private part; null for a preset, which has none.
    pub private_sha256: Option<String>,
    /// Version of the policy.
    pub policy_version: u64,
    /// Digest of the effective catalogue: fields, value lists, published ids.
    pub catalogue_sha256: String,
    /// What is built into the program.
    pub tables: Tables,
    /// Time by the signer's clock: a claim.
    pub signed_at: String,
    /// End of the approval.
    pub not_after: String,
}

/// What of the program decides how a policy works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tables {
    /// SHA-256 of the words that are no names.
    pub stopwords: String,
    /// Version of the program: its recognisers, and what blocks a bundle.
    pub program: String,
}

impl Predicate for Approval {
    const KIND: &'static str = "policy-approval";
}

impl Approval {
    /// Whether every member keeps its grammar.
    pub fn is_formed(&self) -> bool {
        let hex = |text: &str| grammar::digest(text).is_some();
        self.private_sha256.as_deref().is_none_or(hex)
            && hex(&self.catalogue_sha256)
            && hex(&self.tables.stopwords)
            && grammar::is_label(&self.tables.program)
            && grammar::is_utc(&self.signed_at)
            && grammar::is_utc(&self.not_after)
    }

    /// Whether the approval still holds at a time (UTC text).
    pub fn covers(&self, time: &str) -> bool {
        grammar::time(&self.not_after).zip(grammar::time(time)).is_some_and(|(end, at)| at <= end)
    }
}

/// Signs an approval of the policy whose public projection has this digest.
pub fn sign(projection: [u8; 32], approval: &Approval, signer: &dyn Signer) -> Result<Signed> {
    if !approval.is_formed() {
        return Err(Error::usage("a value of the approval breaks its grammar"));
    }
    sign_digest(POLICY, projection, approval, signer)
}
