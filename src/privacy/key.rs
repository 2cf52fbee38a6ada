//! The incident key and what is derived from it.
//!
//! Invariant: the key's bytes leave this file only through [`IncidentKey::bytes`] and
//! [`IncidentKey::to_text`]; `Debug` shows nothing of them.

use crate::crypto::{self, Hkdf, MacKey};
use crate::error::{Error, Result};
use data_encoding::BASE32_NOPAD;
use std::fmt;
use zeroize::Zeroizing;

const MAGIC: &str = "entra-bundle-key-1";

/// The secret of one incident: 32 bytes. All pseudonyms of the incident are functions of it.
#[derive(Clone)]
pub struct IncidentKey(Zeroizing<[u8; 32]>);

impl IncidentKey {
    /// A new random key.
    pub fn generate() -> Result<Self> {
        Ok(Self::from_bytes(crypto::random()?))
    }

    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        IncidentKey(Zeroizing::new(bytes))
    }

    /// The key of one incident of an organisation: HKDF-SHA-256 with salt
    /// `entra-bundle/pseudonyms/1/org`, the organisation key and info
    /// `entra-bundle/incident\0` ‖ incident id. The id is random and unique to the incident.
    pub fn from_org(organisation: &[u8; 32], incident: &[u8; 16]) -> Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::extract(b"entra-bundle/pseudonyms/1/org", organisation)
            .expand(&[&b"entra-bundle/incident\0"[..], incident].concat(), &mut key[..])?;
        Ok(IncidentKey(key))
    }

    /// Reads [`to_text`](Self::to_text)'s form; white space around it is ignored.
    ///
    /// # Errors
    /// Usage, if it is not an incident key or was damaged. The message never quotes the text.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Error::usage(format!("not an incident key: {why}"))
                .hint("an incident key reads `entra-bundle-key-1:<52 letters and digits>:<8 hex digits>`")
        };
        let mut fields = text.trim().split(':');
        if fields.next() != Some(MAGIC) {
            return Err(refuse("it does not begin with `entra-bundle-key-1:`"));
        }
        let (Some(body), Some(check), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err(refuse("it does not have three fields"));
        };
        if body.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(refuse("it is written in lower case"));
        }
        let body = Zeroizing::new(body.to_ascii_uppercase());
        let bytes =
            BASE32_NOPAD.decode(body.as_bytes()).map_err(|_| refuse("its second field is damaged"))?;
        let bytes = Zeroizing::new(bytes);
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return Err(refuse("it has the wrong length"));
        }
        key.copy_from_slice(&bytes);
        if check != crc(&key) {
            return Err(refuse("the checksum does not match, so a character is wrong"));
        }
        Ok(IncidentKey(key))
    }

    /// `entra-bundle-key-1:<base32 of the 32 bytes>:<CRC-32 of the 32 bytes>`, lower case, no padding.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut body = Zeroizing::new(BASE32_NOPAD.encode(&self.0[..]));
        body.make_ascii_lowercase();
        Zeroizing::new(format!("{MAGIC}:{}:{}", body.as_str(), crc(&self.0)))
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The source of all subkeys.
    pub(super) fn subkeys(&self) -> Subkeys {
        Subkeys(Hkdf::extract(b"entra-bundle/pseudonyms/1", &self.0[..]))
    }
}

impl fmt::Debug for IncidentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IncidentKey(…)")
    }
}

fn crc(key: &[u8; 32]) -> String {
    format!("{:08x}", crc32fast::hash(key))
}

/// `K(label) = HKDF-Expand(PRK, "entra-bundle/" ‖ label)`: one independent key per use.
pub(super) struct Subkeys(Hkdf);

impl Subkeys {
    /// `N` bytes for `label`.
    pub(super) fn bytes<const N: usize>(&self, label: &str) -> Result<Zeroizing<[u8; N]>> {
        let mut out = Zeroizing::new([0; N]);
        self.0.expand(format!("entra-bundle/{label}").as_bytes(), &mut out[..])?;
        Ok(out)
    }

    /// An HMAC keyed with the 32 bytes for `label`.
    pub(super) fn mac(&self, label: &str) -> Result<MacKey> {
        Ok(MacKey::new(&self.bytes::<32>(label)?[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_returns_the_key_and_finds_damage() {
        let key = IncidentKey::from_bytes(std::array::from_fn(|i| i as u8));
        let text = key.to_text();
        assert_eq!(
            text.as_str(),
            "entra-bundle-key-1:aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq:91267e8a"
        );
        assert_eq!(IncidentKey::parse(&format!(" {}\r\n", text.as_str())).unwrap().bytes(), key.bytes());
        for at in 0..text.len() {
            let mut damaged = text.as_bytes().to_vec();
            damaged[at] = if damaged[at] == b'b' { b'c' } else { b'b' };
            assert!(IncidentKey::parse(std::str::from_utf8(&damaged).unwrap()).is_err(), "at {at}");
        }
        for wrong in ["", ":", "::", "entra-bundle-key-1", "entra-bundle-key-1::00000000", "é:\0:"] {
            assert!(IncidentKey::parse(wrong).is_err());
        }
        assert_eq!(format!("{key:?}"), "IncidentKey(…)");
    }

    #[test]
    fn generated_keys_differ() {
        assert_ne!(IncidentKey::generate().unwrap().bytes(), IncidentKey::generate().unwrap().bytes());
    }
}
