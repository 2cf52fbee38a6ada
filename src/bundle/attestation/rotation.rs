//! `key-rotation`: a key that is trusted already vouches for the one that follows it. It stands beside
//! keys, never in a bundle.

use super::{PAYLOAD_TYPE, Predicate, Signed, open, pae, sign_digest, statement};
use crate::bundle::grammar;
use crate::crypto::{PublicKey, Signer};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Name of the subject: the new public key as SubjectPublicKeyInfo in DER.
pub const SUBJECT: &str = "public-key.spki.der";

/// What the old key says of the new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// Fingerprint of the key that signs: the old one.
    pub previous: String,
    /// Time by the signer's clock: a claim.
    pub signed_at: String,
}

impl Predicate for Rotation {
    const KIND: &'static str = "key-rotation";
}

/// The old key (`signer`) names its successor.
pub fn sign(new: &PublicKey, signed_at: &str, signer: &dyn Signer) -> Result<Signed> {
    if !grammar::is_utc(signed_at) {
        return Err(Error::usage("the time of a statement is UTC in the form 2026-11-20T11:05:00Z"));
    }
    let previous = crate::crypto::fingerprint(&signer.spki());
    if previous == new.fingerprint() {
        return Err(Error::usage("the new key is the old one"));
    }
    let predicate = Rotation { previous, signed_at: signed_at.to_owned() };
    sign_digest(SUBJECT, crate::crypto::sha256(new.spki()), &predicate, signer)
}

/// Whether `line` is the statement of `old` that `new` follows it.
pub fn check(line: &[u8], old: &PublicKey, new: &PublicKey) -> std::result::Result<Rotation, &'static str> {
    let opened = open(line.strip_suffix(b"\n").unwrap_or(line))?;
    if !old.verify(&pae(PAYLOAD_TYPE, &opened.payload), &opened.signature) {
        return Err("the signature is not by the old key");
    }
    let (kind, subject, predicate) = statement(&opened.payload)?;
    if kind.as_deref() != Some("key-rotation:1") || subject.name != SUBJECT {
        return Err("the statement is no key rotation");
    }
    if format!("sha256:{}", subject.digest.sha256) != new.fingerprint() {
        return Err("the statement is about another key");
    }
    let rotation: Rotation =
        serde_json::from_str(predicate.get()).map_err(|_| "the predicate is not the one of its type")?;
    if rotation.previous != old.fingerprint() || !grammar::is_utc(&rotation.signed_at) {
        return Err("the statement contradicts its signature");
    }
    Ok(rotation)
}
