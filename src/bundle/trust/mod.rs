//! Trust: the keys that a reader has chosen, what each may say, and what the reader demands.
//!
//! Format `entra-bundle/trust/1`. Labels (`name`, `customer`) are typed by the reader and never come
//! from a bundle; bundles carry no key. The algorithm is pinned by the key.

mod change;

use super::grammar;
use crate::crypto::{Algorithm, PublicKey};
use crate::error::{Error, Result};
use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "entra-bundle/trust/1";

/// What a key may say. The role of an attestation follows from its predicate type alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sealed the bundle.
    Collector,
    /// Reviewed the bundle for privacy and approved it.
    PrivacyReview,
    /// Approved the policy.
    PolicyApproval,
    /// Received the bundle.
    Receipt,
}

impl Role {
    /// The name in trust files and reports.
    pub const fn id(self) -> &'static str {
        match self {
            Role::Collector => "collector",
            Role::PrivacyReview => "privacy-review",
            Role::PolicyApproval => "policy-approval",
            Role::Receipt => "receipt",
        }
    }
}

/// State of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyStatus {
    /// In use.
    #[default]
    Active,
    /// No longer in use; what it signed within its validity stays good.
    Retired,
    /// Revoked.
    Revoked,
}

/// Why a key was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// Somebody else may have it.
    Compromised,
    /// Another key took its place.
    Superseded,
}

/// One key of a trust file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// `sha256:<hex>` of the SPKI in DER.
    pub fingerprint: String,
    /// The SPKI in DER, base64.
    pub public_key: String,
    /// Pinned algorithm.
    pub alg: Algorithm,
    /// What the key may say.
    pub roles: Vec<Role>,
    /// The reader's label for the key.
    #[serde(default)]
    pub name: Option<String>,
    /// The reader's label for the customer.
    #[serde(default)]
    pub customer: Option<String>,
    /// Signatures before this time do not count.
    #[serde(default)]
    pub not_before: Option<String>,
    /// Signatures after this time do not count.
    #[serde(default)]
    pub not_after: Option<String>,
    /// State.
    #[serde(default)]
    pub status: KeyStatus,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<String>,
    /// Why it was revoked.
    #[serde(default)]
    pub revocation_reason: Option<Revocation>,
}

impl TrustedKey {
    /// A key with roles and nothing else known.
    pub fn new(key: &PublicKey, roles: Vec<Role>) -> Self {
        TrustedKey {
            fingerprint: key.fingerprint(),
            public_key: BASE64.encode(key.spki()),
            alg: key.algorithm(),
            roles,
            name: None,
            customer: None,
            not_before: None,
            not_after: None,
            status: KeyStatus::Active,
            revoked_at: None,
            revocation_reason: None,
        }
    }

    /// Why a signature made at `signed_at` (the signer's claim) does not count; `None` if it does.
    pub fn objection(&self, signed_at: Option<&str>) -> Option<&'static str> {
        if self.status == KeyStatus::Revoked {
            return Some(match self.revocation_reason {
                Some(Revocation::Superseded) => {
                    "the key is revoked, and no independent time of the signature is at hand"
                }
                _ => "the key is revoked",
            });
        }
        let bounds =
            [&self.not_before, &self.not_after].map(|bound| bound.as_deref().and_then(grammar::time));
        if bounds == [None, None] {
            return None;
        }
        let Some(at) = signed_at.and_then(grammar::time) else {
            return Some("the key has a validity, and the attestation names no time");
        };
        if bounds[0].is_some_and(|bound| at < bound) {
            return Some("the key was not yet valid at the time of signing");
        }
        if bounds[1].is_some_and(|bound| at > bound) {
            return Some("the key was no longer valid at the time of signing");
        }
        None
    }

    fn check(&self) -> std::result::Result<PublicKey, &'static str> {
        let spki = BASE64.decode(self.public_key.as_bytes()).map_err(|_| "`public_key` is not base64")?;
        let key = PublicKey::from_spki(&spki)
            .map_err(|_| "`public_key` is not usable (Ed25519 and ECDSA P-256; no points of small order)")?;
        if key.fingerprint() != self.fingerprint {
            return Err("`fingerprint` is not that of `public_key`");
        }
        if key.algorithm() != self.alg {
            return Err("`alg` is not that of `public_key`");
        }
        let times = [&self.not_before, &self.not_after, &self.revoked_at];
        if times.into_iter().flatten().any(|time| !grammar::is_utc(time)) {
            return Err("a time is not UTC in the form 2026-11-20T11:05:00Z");
        }
        if (self.status == KeyStatus::Revoked)
            != (self.revoked_at.is_some() || self.revocation_reason.is_some())
        {
            return Err("`status`, `revoked_at` and `revocation_reason` contradict each other");
        }
        Ok(key)
    }
}

/// What a reader demands of every bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Demands {
    /// Roles that must be fulfilled, each by a key of its own.
    pub require: Vec<Role>,
    /// Greatest age of a bundle in days; 0 for any.
    #[serde(default)]
    pub max_age_days: u64,
}

impl Default for Demands {
    fn default() -> Self {
        Demands { require: vec![Role::Collector], max_age_days: 0 }
    }
}

/// A trust file as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// `entra-bundle/trust/1`.
    schema: String,
    /// The pinned keys.
    keys: Vec<TrustedKey>,
    /// What a bundle must meet.
    #[serde(default)]
    policy: Demands,
}

/// The JSON schema of a trust file.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(File)
}

/// The keys that a reader has chosen, checked.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    keys: Vec<(TrustedKey, PublicKey)>,
    demands: Demands,
}

impl Trust {
    /// No key at all: every bundle is of unknown origin.
    pub fn none() -> Self {
        Self::default()
    }

    /// One key with the role collector.
    pub fn from_public_key(key: PublicKey) -> Self {
        Trust { keys: vec![(TrustedKey::new(&key, vec![Role::Collector]), key)], demands: Demands::default() }
    }

    /// Parses and checks a trust file. Errors name the key by its number, and what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = serde_json::from_str(text).map_err(|error| {
            Error::usage(format!(
                "the trust file is invalid at line {}, column {}",
                error.line(),
                error.column()
            ))
            .hint("expected `entra-bundle/trust/1`; docs/bundle-format.md describes it")
        })?;
        if file.schema != SCHEMA {
            return Err(Error::usage(format!("the trust file is not of the schema `{SCHEMA}`")));
        }
        let mut trust = Trust { keys: Vec::new(), demands: file.policy };
        for (at, key) in file.keys.into_iter().enumerate() {
            trust.add(key).map_err(|why| Error::usage(format!("trust file, key {}: {why}", at + 1)))?;
        }
        if !trust.demands.require.contains(&Role::Collector) {
            return Err(Error::usage("the trust file does not require the role `collector`"));
        }
        Ok(trust)
    }

    /// The text of a trust file.
    pub fn to_text(&self) -> Result<String> {
        let keys = self.keys.iter().map(|(key, _)| key.clone()).collect();
        let file = File { schema: SCHEMA.to_owned(), keys, policy: self.demands.clone() };
        let text = serde_json::to_string_pretty(&file)
            .map_err(|_| Error::new(crate::error::Kind::Internal, "cannot write the trust file"))?;
        Ok(text + "\n")
    }

    /// Adds the keys and demands of another: the stricter demands win.
    pub fn merge(&mut self, other: Trust) -> Result<()> {
        for (key, _) in other.keys {
            if self.keys.iter().any(|(known, _)| *known == key) {
                continue;
            }
            self.add(key).map_err(|why| Error::usage(format!("two trust sources disagree: {why}")))?;
        }
        for role in other.demands.require {
            if !self.demands.require.contains(&role) {
                self.demands.require.push(role);
            }
        }
        self.demands.max_age_days = match (self.demands.max_age_days, other.demands.max_age_days) {
            (0, days) | (days, 0) => days,
            (one, two) => one.min(two),
        };
        Ok(())
    }

    fn add(&mut self, key: TrustedKey) -> std::result::Result<(), &'static str> {
        let public = key.check()?;
        if self.keys.iter().any(|(known, _)| known.fingerprint == key.fingerprint) {
            return Err("a key of the same fingerprint is already there");
        }
        self.keys.push((key, public));
        Ok(())
    }

    /// The same keys, with nothing demanded but a collector and the age.
    pub(super) fn of_collectors(&self) -> Trust {
        let demands = Demands { require: vec![Role::Collector], ..self.demands.clone() };
        Trust { keys: self.keys.clone(), demands }
    }

    /// What the reader demands.
    pub fn demands(&self) -> &Demands {
        &self.demands
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = (&TrustedKey, &PublicKey)> {
        self.keys.iter().map(|(key, public)| (key, public))
    }

    /// A key by its fingerprint.
    pub fn key(&self, fingerprint: &str) -> Option<(&TrustedKey, &PublicKey)> {
        self.keys().find(|(key, _)| key.fingerprint == fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SigningKey;

    fn key() -> PublicKey {
        let key = SigningKey::from_pem(&SigningKey::generate(Algorithm::Ed25519).unwrap()).unwrap();
        PublicKey::from_pem(&key.public_pem()).unwrap()
    }

    #[test]
    fn a_trust_file_reads_back() {
        let mut trust = Trust::from_public_key(key());
        trust.merge(Trust::from_public_key(key())).unwrap();
        let again = Trust::parse(&trust.to_text().unwrap()).unwrap();
        assert_eq!(again.keys().count(), 2);
        assert_eq!(again.to_text().unwrap(), trust.to_text().unwrap());
    }

    #[test]
    fn wrong_trust_files_are_refused() {
        let trust = Trust::from_public_key(key());
        let text = trust.to_text().unwrap();
        let other = Trust::from_public_key(key());
        let fingerprint = &trust.keys[0].0.fingerprint;
        for wrong in [
            text.replace("trust/1", "trust/2"),
            text.replace(fingerprint.as_str(), &other.keys[0].0.fingerprint),
            text.replace("\"ed25519\"", "\"ecdsa-p256-sha256\""),
            text.replace("\"roles\"", "\"rolls\""),
            text.replace("\"collector\"\n    ]", "\"king\"\n    ]"),
            text.replace("\"active\"", "\"revoked\""),
            text.replace("\"not_after\": null", "\"not_after\": \"soon\""),
            text.replace("\"schema\"", "\"schema\": \"x\", \"schema\""),
            "{}".to_owned(),
            String::new(),
        ] {
            assert_ne!(wrong, text);
            assert_eq!(Trust::parse(&wrong).err().map(|e| e.code()), Some(2), "{wrong}");
        }
        // A point of small order, in a well-formed SPKI.
        let spki = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &[0; 32]]
            .concat();
        let mut weak = trust.keys[0].0.clone();
        weak.public_key = BASE64.encode(&spki);
        weak.fingerprint = crate::crypto::fingerprint(&spki);
        assert!(weak.check().is_err());
    }

    #[test]
    fn validity_is_measured_at_the_time_of_signing() {
        let mut key = TrustedKey::new(&key(), vec![Role::Collector]);
        assert_eq!(key.objection(None), None);
        key.not_before = Some("2026-01-01T00:00:00Z".to_owned());
        key.not_after = Some("2026-12-31T00:00:00Z".to_owned());
        assert_eq!(key.objection(Some("2026-06-01T00:00:00Z")), None);
        assert!(key.objection(Some("2025-06-01T00:00:00Z")).is_some());
        assert!(key.objection(Some("2027-06-01T00:00:00Z")).is_some());
        assert!(key.objection(None).is_some());
        key.status = KeyStatus::Revoked;
        assert!(key.objection(Some("2026-06-01T00:00:00Z")).is_some());
    }
}
