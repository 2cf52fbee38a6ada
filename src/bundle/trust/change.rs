//! Changing what a reader trusts: keys that come, go and are revoked, and what is demanded.

use super::{KeyStatus, Revocation, Role, Trust, TrustedKey};
use crate::bundle::attestation::rotation;
use crate::bundle::grammar;
use crate::crypto::PublicKey;
use crate::error::{self, Error, Result};

/// Fewest hex digits by which a key may be named.
const FEWEST: usize = 8;

impl Trust {
    /// Takes a key in. Its labels are typed by the reader.
    ///
    /// A customer who already has a key for one of its roles gets a second one only by a rotation
    /// statement that the first key signed over the new one; otherwise the refusal is exit 14, because
    /// a second key under a known label is what an impostor would ask for.
    pub fn admit(&mut self, key: TrustedKey, statement: Option<&[u8]>) -> Result<()> {
        for label in [&key.name, &key.customer].into_iter().flatten() {
            if !grammar::is_words(label) {
                return Err(Error::usage("a label has 1 to 200 characters, without control characters"));
            }
        }
        if key.roles.is_empty() {
            return Err(Error::usage("a key without a role says nothing"));
        }
        let new = key.check().map_err(Error::usage)?;
        let same = |known: &TrustedKey| {
            known.customer.is_some()
                && known.customer == key.customer
                && known.status != KeyStatus::Revoked
                && known.roles.iter().any(|role| key.roles.contains(role))
        };
        let known: Vec<&PublicKey> =
            self.keys.iter().filter(|(known, _)| same(known)).map(|(_, public)| public).collect();
        if !known.is_empty() && self.key(&key.fingerprint).is_none() {
            let refused = |why: &str| {
                Error::new(error::Kind::TrustPolicy, format!("this customer already has another key, and {why}"))
                    .hint("ask the customer for `entra-bundle key rotate`, or remove the old key first: entra-bundle trust remove FINGERPRINT")
            };
            let statement = statement.ok_or_else(|| refused("no rotation statement by it was given"))?;
            if !known.iter().any(|old| rotation::check(statement, old, &new).is_ok()) {
                return Err(refused("the rotation statement is not by that key over the new one"));
            }
        }
        self.add(key).map_err(Error::usage)
    }

    /// Takes a key out and gives it back. `named` is its fingerprint, or its first 8 hex digits or more.
    pub fn remove(&mut self, named: &str) -> Result<TrustedKey> {
        let at = self.place(named)?;
        Ok(self.keys.remove(at).0)
    }

    /// Marks a key as revoked. What it signed no longer counts.
    pub fn revoke(&mut self, named: &str, reason: Revocation, at: &str) -> Result<&TrustedKey> {
        if !grammar::is_utc(at) {
            return Err(Error::usage("the time of a revocation is UTC in the form 2026-11-20T11:05:00Z"));
        }
        let place = self.place(named)?;
        let (key, _) = self.keys.get_mut(place).ok_or_else(unknown)?;
        key.status = KeyStatus::Revoked;
        key.revoked_at = Some(at.to_owned());
        key.revocation_reason = Some(reason);
        Ok(key)
    }

    /// What every bundle must meet from now on. The role collector is always demanded.
    pub fn demand(&mut self, roles: &[Role], max_age_days: Option<u64>) {
        if !roles.is_empty() {
            let mut require = vec![Role::Collector];
            require.extend(roles.iter().copied().filter(|role| *role != Role::Collector));
            require.dedup();
            self.demands.require = require;
        }
        if let Some(days) = max_age_days {
            self.demands.max_age_days = days;
        }
    }

    fn place(&self, named: &str) -> Result<usize> {
        let hex: String = named
            .trim()
            .trim_start_matches("sha256:")
            .chars()
            .filter(|c| !c.is_whitespace() && *c != ':')
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if hex.len() < FEWEST {
            return Err(Error::usage(format!(
                "name a key by {FEWEST} or more hex digits of its fingerprint"
            )));
        }
        let whole = format!("sha256:{hex}");
        let mut found =
            self.keys.iter().enumerate().filter(|(_, (key, _))| key.fingerprint.starts_with(&whole));
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Ok(at),
            (Some(_), Some(_)) => {
                Err(Error::usage("several keys begin with these digits: give more of them"))
            }
            (None, _) => Err(unknown()),
        }
    }
}

fn unknown() -> Error {
    Error::usage("no key of this fingerprint is trusted").hint("entra-bundle trust list shows them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Algorithm, Signer as _, SigningKey};

    fn key() -> (SigningKey, PublicKey) {
        let key = SigningKey::from_pem(&SigningKey::generate(Algorithm::Ed25519).unwrap()).unwrap();
        let public = PublicKey::from_spki(&key.spki()).unwrap();
        (key, public)
    }

    fn row(key: &PublicKey, customer: &str, role: Role) -> TrustedKey {
        TrustedKey { customer: Some(customer.into()), ..TrustedKey::new(key, vec![role]) }
    }

    #[test]
    fn a_second_key_of_a_customer_needs_the_word_of_the_first() {
        let (old, old_public) = key();
        let (_, new) = key();
        let (stranger, _) = key();
        let mut trust = Trust::none();
        trust.admit(row(&old_public, "Contoso", Role::Collector), None).unwrap();
        let second = || row(&new, "Contoso", Role::Collector);
        assert_eq!(trust.admit(second(), None).err().unwrap().code(), 14);
        let time = "2026-11-20T11:05:00Z";
        let forged = rotation::sign(&new, time, &stranger).unwrap();
        assert_eq!(trust.admit(second(), Some(forged.line.bytes())).err().unwrap().code(), 14);
        let other = rotation::sign(&key().1, time, &old).unwrap();
        assert_eq!(trust.admit(second(), Some(other.line.bytes())).err().unwrap().code(), 14);
        // Another role, or another customer, is another matter.
        trust.admit(row(&key().1, "Contoso", Role::PrivacyReview), None).unwrap();
        trust.admit(row(&key().1, "Fabrikam", Role::Collector), None).unwrap();
        let genuine = rotation::sign(&new, time, &old).unwrap();
        trust.admit(second(), Some(genuine.line.bytes())).unwrap();
        assert_eq!(trust.keys().count(), 4);
        // The same key twice is no rotation.
        assert_eq!(trust.admit(second(), None).err().unwrap().code(), 2);
        // Once the old one is gone, a new one comes in by itself.
        trust.remove(&old_public.fingerprint()).unwrap();
        trust.remove(&new.fingerprint()[7..].to_uppercase()).unwrap();
        trust.admit(row(&key().1, "Contoso", Role::Collector), None).unwrap();
    }

    #[test]
    fn keys_are_named_by_the_start_of_their_fingerprint() {
        let (_, public) = key();
        let mut trust = Trust::from_public_key(public.clone());
        let print = public.fingerprint();
        for wrong in ["", "sha256:", &print[7..14], "zzzzzzzz", "0000000000"] {
            assert_eq!(trust.remove(wrong).err().unwrap().code(), 2, "{wrong}");
        }
        let spaced = format!("{} {}", &print[7..11], &print[11..17]);
        let time = "2026-11-20T11:05:00Z";
        assert_eq!(trust.revoke(&spaced, Revocation::Compromised, time).unwrap().status, KeyStatus::Revoked);
        assert!(trust.revoke(&print, Revocation::Compromised, "yesterday").is_err());
        assert!(Trust::parse(&trust.to_text().unwrap()).is_ok());
        assert_eq!(trust.remove(&print[..16]).unwrap().fingerprint, print);
    }

    #[test]
    fn labels_and_demands_are_checked() {
        let (_, public) = key();
        let mut trust = Trust::none();
        assert!(trust.admit(row(&public, "a\nb", Role::Collector), None).is_err());
        assert!(trust.admit(TrustedKey::new(&public, Vec::new()), None).is_err());
        trust.demand(&[Role::PrivacyReview], Some(30));
        assert_eq!(trust.demands().require, [Role::Collector, Role::PrivacyReview]);
        assert_eq!(trust.demands().max_age_days, 30);
    }
}
