//! Cryptography, the only room that names `ring`, `sha2` and `age`.
//!
//! Bundle digests and the HMAC of pseudonyms are SHA-256 by `sha2`; everything else that is keyed (HKDF,
//! AEAD, signatures) and all randomness is `ring`. Keys are zeroed when dropped where their bytes are ours.

#[cfg(feature = "encrypt")]
pub mod encryption;
#[cfg(not(feature = "encrypt"))]
#[path = "crypto/no_encryption.rs"]
pub mod encryption;
mod unopened;

use crate::error::{self, Error, Result};
use data_encoding::{BASE64, HEXLOWER};
use ring::rand::SecureRandom;
use ring::signature::{self, KeyPair};
use ring::{aead, hkdf, rand};
use sha2::Digest as _;
use zeroize::Zeroizing;

mod mac;
mod rsa;
mod tls;

pub use mac::MacKey;
pub use rsa::RsaKey;
pub use tls::use_ring_for_tls;

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
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
        self.0
            .open_in_place(nonce(number), aead::Aad::from(aad), buffer)
            .map_err(|_| Error::new(error::Kind::Decryption, "decryption failed: wrong key or damaged data"))
    }
}

fn nonce(number: u64) -> aead::Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    aead::Nonce::assume_unique_for_key(bytes)
}

/// Signature algorithms of bundles.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032), 64 raw bytes.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// ECDSA on P-256 with SHA-256, DER.
    #[serde(rename = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
}

/// Signs messages. Implemented by key files; other key stores implement it too.
pub trait Signer: Sync {
    /// The algorithm.
    fn algorithm(&self) -> Algorithm;
    /// The public key as SubjectPublicKeyInfo (RFC 5280), DER.
    fn spki(&self) -> Vec<u8>;
    /// Signs the message.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>>;
}

/// `sha256:` and the hex SHA-256 of the SPKI: the key id in envelopes and the fingerprint people compare.
pub fn fingerprint(spki: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(spki)))
}

/// A private signing key in memory.
pub struct SigningKey {
    pair: Pair,
    /// The PKCS#8 document: its secret part is what the leak check looks for.
    document: Zeroizing<Vec<u8>>,
}

enum Pair {
    Ed25519(signature::Ed25519KeyPair),
    P256(signature::EcdsaKeyPair),
}

const ED25519_PKCS8: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const ED25519_SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl SigningKey {
    /// A new key, as PKCS#8 PEM that OpenSSL reads (PKCS#8 v1: `ring`'s own v2 form is not readable there).
    pub fn generate(algorithm: Algorithm) -> Result<Zeroizing<String>> {
        let der = match algorithm {
            Algorithm::Ed25519 => {
                let seed = Zeroizing::new(random::<32>()?);
                Zeroizing::new([ED25519_PKCS8, &seed[..]].concat())
            }
            Algorithm::EcdsaP256Sha256 => {
                let document = signature::EcdsaKeyPair::generate_pkcs8(
                    &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
                    &rand::SystemRandom::new(),
                )
                .map_err(|_| internal("cannot generate a key"))?;
                Zeroizing::new(document.as_ref().to_vec())
            }
        };
        Ok(Zeroizing::new(pem("PRIVATE KEY", &der)))
    }

    /// Reads a PKCS#8 PEM file's text: Ed25519 or ECDSA P-256.
    pub fn from_pem(text: &str) -> Result<Self> {
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") {
            return Err(Error::usage(
                "the signing key is encrypted with a passphrase, which this version cannot read",
            )
            .hint("write an unencrypted copy readable by you alone: openssl pkcs8 -topk8 -nocrypt"));
        }
        let der = Zeroizing::new(unpem("PRIVATE KEY", text).ok_or_else(|| {
            Error::usage("not a signing key: expected PKCS#8 in PEM (`-----BEGIN PRIVATE KEY-----`)")
                .hint("make one with `entra-bundle key generate signing --out FILE`")
        })?);
        if let Ok(pair) = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
            return Ok(SigningKey { pair: Pair::Ed25519(pair), document: der });
        }
        signature::EcdsaKeyPair::from_pkcs8(
            &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            &der,
            &rand::SystemRandom::new(),
        )
        .map(|pair| SigningKey { pair: Pair::P256(pair), document: der.clone() })
        .map_err(|_| Error::usage("not a usable signing key: Ed25519 and ECDSA P-256 are supported"))
    }

    /// The 32 secret bytes: the seed of Ed25519, the scalar of P-256. For the leak check only.
    pub fn secret(&self) -> Zeroizing<Vec<u8>> {
        let start = match self.pair {
            Pair::Ed25519(_) => ED25519_PKCS8.len(),
            // PrivateKeyInfo ‖ ECPrivateKey { version, OCTET STRING } (RFC 5915): the scalar begins at byte 36.
            Pair::P256(_) => 36,
        };
        Zeroizing::new(self.document.iter().skip(start).take(32).copied().collect())
    }

    /// The public key as PEM.
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }
}

impl Signer for SigningKey {
    fn algorithm(&self) -> Algorithm {
        match &self.pair {
            Pair::Ed25519(_) => Algorithm::Ed25519,
            Pair::P256(_) => Algorithm::EcdsaP256Sha256,
        }
    }

    fn spki(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => [ED25519_SPKI, pair.public_key().as_ref()].concat(),
            Pair::P256(pair) => [P256_SPKI, pair.public_key().as_ref()].concat(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => pair
                .sign(&rand::SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| internal("signing failed")),
        }
    }
}

/// A public key that a reader trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    spki: Vec<u8>,
}

/// The encodings of the eight points of small order of Curve25519, canonical and not (documented by
/// libsodium and by Chalkias et al., "Taming the many EdDSAs"); a key like these verifies almost anything.
const LOW_ORDER: [&str; 14] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

impl PublicKey {
    /// Parses an SPKI in DER. Ed25519 and uncompressed P-256 only; small-order keys are refused.
    pub fn from_spki(spki: &[u8]) -> Result<Self> {
        let refuse = |why: &str| Err(Error::usage(format!("not a usable public key: {why}")));
        if let Some(point) = spki.strip_prefix(ED25519_SPKI) {
            if point.len() != 32 {
                return refuse("wrong length");
            }
            if LOW_ORDER.contains(&hex(point).as_str()) {
                return refuse("a point of small order, which would verify almost anything");
            }
            return Ok(PublicKey { algorithm: Algorithm::Ed25519, spki: spki.to_vec() });
        }
        match spki.strip_prefix(P256_SPKI) {
            Some(point) if point.len() == 65 && point[0] == 4 => {
                Ok(PublicKey { algorithm: Algorithm::EcdsaP256Sha256, spki: spki.to_vec() })
            }
            _ => refuse("Ed25519 and ECDSA P-256 (uncompressed) are supported"),
        }
    }

    /// Parses `-----BEGIN PUBLIC KEY-----`.
    pub fn from_pem(text: &str) -> Result<Self> {
        let spki = unpem("PUBLIC KEY", text)
            .ok_or_else(|| Error::usage("not a public key: expected PEM (`-----BEGIN PUBLIC KEY-----`)"))?;
        Self::from_spki(&spki)
    }

    /// The algorithm, pinned by the key and never taken from an envelope.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The SPKI in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// `sha256:<hex>` of the SPKI.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.spki)
    }

    /// Whether `signature` over `message` is by this key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let (algorithm, prefix): (&dyn signature::VerificationAlgorithm, _) = match self.algorithm {
            Algorithm::Ed25519 => (&signature::ED25519, ED25519_SPKI),
            Algorithm::EcdsaP256Sha256 => (&signature::ECDSA_P256_SHA256_ASN1, P256_SPKI),
        };
        signature::UnparsedPublicKey::new(algorithm, &self.spki[prefix.len()..])
            .verify(message, signature)
            .is_ok()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn unpem(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_ascii_whitespace().collect();
    BASE64.decode(body.as_bytes()).ok()
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
    fn both_algorithms_sign_verify_and_refuse() {
        for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
            let key = SigningKey::from_pem(&SigningKey::generate(algorithm).unwrap()).unwrap();
            let public = PublicKey::from_pem(&key.public_pem()).unwrap();
            assert_eq!(public.algorithm(), algorithm);
            let signature = key.sign(b"message").unwrap();
            assert!(public.verify(b"message", &signature));
            assert!(!public.verify(b"Message", &signature));
            let other = SigningKey::from_pem(&SigningKey::generate(algorithm).unwrap()).unwrap();
            assert!(!PublicKey::from_spki(&other.spki()).unwrap().verify(b"message", &signature));
        }
    }

    #[test]
    fn small_order_keys_are_refused() {
        for point in LOW_ORDER {
            let point = HEXLOWER.decode(point.as_bytes()).unwrap();
            assert!(PublicKey::from_spki(&[ED25519_SPKI, &point].concat()).is_err());
        }
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
