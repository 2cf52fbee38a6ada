//! Cryptography, the only room that names `ring`, `sha2`, `pkcs8`, `p12_keystore` and `age`.
//!
//! Bundle digests and the HMAC of pseudonyms are SHA-256 by `sha2`; everything else that is keyed (HKDF,
//! AEAD, signatures) and all randomness is `ring`. Keys are zeroed when dropped where their bytes are ours.

#[cfg(feature = "encrypt")]
pub mod encryption;
#[cfg(not(feature = "encrypt"))]
#[path = "crypto/no_encryption.rs"]
pub mod encryption;
mod unopened;

mod mac;
mod md5;
mod pfx;
mod protect;
mod rsa;
mod signature;
mod tls;

pub use mac::MacKey;
pub use md5::{Md5, md5};
pub use pfx::{Pfx, is_container, open_pfx};
pub use rsa::RsaKey;
pub use signature::{Algorithm, PublicKey, Signer, SigningKey, fingerprint};
pub use tls::use_ring_for_tls;

use crate::error::{self, Error, Result};
use data_encoding::HEXLOWER;
use ring::rand::SecureRandom;
use ring::{aead, hkdf, rand};
use sha2::Digest as _;

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// SHA-1 of `bytes`: the thumbprint of a certificate. It protects nothing.
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let mut out = [0; 20];
    out.copy_from_slice(digest.as_ref());
    out
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// SHA-256 over a stream.
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// An empty digest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes added.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// `N` random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::SystemRandom::new().fill(&mut bytes).map_err(|_| internal("cannot get random bytes"))?;
    Ok(bytes)
}

/// HKDF-SHA-256 (RFC 5869) after its extract step.
pub struct Hkdf(hkdf::Prk);

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Hkdf {
    /// `PRK = HKDF-Extract(salt, ikm)`.
    pub fn extract(salt: &[u8], ikm: &[u8]) -> Self {
        Hkdf(hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(ikm))
    }

    /// A PRK that is already uniform, e.g. an HMAC output.
    pub fn from_prk(prk: &[u8]) -> Self {
        Hkdf(hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, prk))
    }

    /// `HKDF-Expand(PRK, info, out.len())`; at most 8,160 bytes.
    pub fn expand(&self, info: &[u8], out: &mut [u8]) -> Result<()> {
        self.0
            .expand(&[info], Length(out.len()))
            .and_then(|okm| okm.fill(out))
            .map_err(|_| internal("key derivation asked for too many bytes"))
    }
}

/// AES-256-GCM with nonces counted from 0: one key per stream, one number per message.
pub struct Aead(aead::LessSafeKey);

/// Bytes that sealing adds.
pub const TAG_BYTES: usize = 16;

impl Aead {
    /// A key of 32 bytes.
    pub fn new(key: &[u8; 32]) -> Result<Self> {
        aead::UnboundKey::new(&aead::AES_256_GCM, key)
            .map(|key| Aead(aead::LessSafeKey::new(key)))
            .map_err(|_| internal("cannot use an encryption key"))
    }

    /// Encrypts `buffer` in place and appends the tag. The caller never uses `number` twice.
    pub fn seal(&self, number: u64, aad: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
        self.0
            .seal_in_place_append_tag(nonce(number), aead::Aad::from(aad), buffer)
            .map_err(|_| internal("encryption failed"))
    }

    /// Decrypts `buffer` in place; the plaintext is returned.
    pub fn open<'a>(&self, number: u64, aad: &[u8], buffer: &'a mut [u8]) -> Result<&'a mut [u8]> {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&number.to_be_bytes());
        self.open_nonce(bytes, aad, buffer)
    }

    /// Decrypts a message whose nonce was chosen elsewhere, such as a published vector's. There is no
    /// way to encrypt under a chosen nonce.
    pub fn open_nonce<'a>(&self, nonce: [u8; 12], aad: &[u8], buffer: &'a mut [u8]) -> Result<&'a mut [u8]> {
        self.0
            .open_in_place(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::from(aad), buffer)
            .map_err(|_| Error::new(error::Kind::Decryption, "decryption failed: wrong key or damaged data"))
    }
}

fn nonce(number: u64) -> aead::Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    aead::Nonce::assume_unique_for_key(bytes)
}

fn internal(message: &str) -> Error {
    Error::new(error::Kind::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_gives_the_fips_180_example() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), expected);
        let mut stream = Sha256::new();
        stream.update(b"a");
        stream.update(b"bc");
        assert_eq!(hex(&stream.finish()), expected);
    }

    #[test]
    fn aead_binds_number_and_context() {
        let aead = Aead::new(&[7; 32]).unwrap();
        let mut sealed = b"secret".to_vec();
        aead.seal(3, b"context", &mut sealed).unwrap();
        assert_eq!(sealed.len(), 6 + TAG_BYTES);
        assert!(aead.open(4, b"context", &mut sealed.clone()).is_err());
        assert!(aead.open(3, b"other", &mut sealed.clone()).is_err());
        assert_eq!(aead.open(3, b"context", &mut sealed).unwrap(), b"secret");
    }
}
