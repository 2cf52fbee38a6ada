//! Private keys under a passphrase: PKCS#8 encrypted with PBES2 (RFC 8018), as OpenSSL writes and reads it.
//!
//! Written is PBKDF2-HMAC-SHA-256 with AES-256-CBC; read are also scrypt and AES-GCM.

use super::{internal, random};
use crate::error::{self, Error, Result};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::pkcs5::{EncryptionScheme, pbes2};
use zeroize::Zeroizing;

/// Rounds of PBKDF2 (OWASP's recommendation of 2023 for HMAC-SHA-256).
const ROUNDS: u32 = 600_000;
/// Most rounds that are read: about ten seconds of one core.
const MOST_ROUNDS: u32 = 20_000_000;
/// Largest scrypt `N · r · p` that is read: 1 GiB of memory at `N·r` (128 bytes each).
const MOST_SCRYPT: u64 = 1 << 23;

/// Encrypts a PKCS#8 document.
pub(super) fn seal(document: &[u8], passphrase: &str) -> Result<Vec<u8>> {
    let failed = |_| internal("cannot encrypt the key");
    let (salt, iv) = (random::<16>()?, random::<16>()?);
    let parameters =
        pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv).map_err(failed)?;
    let bytes = parameters.encrypt(passphrase, document).map_err(failed)?;
    let broken = |_| internal("cannot encrypt the key");
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetStringRef::new(&bytes).map_err(broken)?,
    };
    info.to_der().map_err(broken)
}

/// Decrypts an `EncryptedPrivateKeyInfo`. A wrong passphrase is a failure of decryption.
pub(super) fn open(der: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>> {
    let unsupported = || {
        Error::new(error::Kind::Unsupported, "the key is encrypted in a way that is not supported").hint(
            "write it again with PBES2: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD -out NEW",
        )
    };
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|_| unsupported())?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else { return Err(unsupported()) };
    let bearable = match &parameters.kdf {
        pbes2::Kdf::Pbkdf2(kdf) => kdf.iteration_count <= MOST_ROUNDS,
        pbes2::Kdf::Scrypt(kdf) => {
            let factors = u64::from(kdf.block_size).checked_mul(u64::from(kdf.parallelization));
            factors
                .and_then(|factors| factors.checked_mul(kdf.cost_parameter))
                .is_some_and(|n| n <= MOST_SCRYPT)
        }
        _ => return Err(unsupported()),
    };
    if !bearable {
        return Err(Error::new(
            error::Kind::Limit,
            "the key's passphrase is hashed more often than is bearable",
        ));
    }
    let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let length = match parameters.decrypt_in_place(passphrase, &mut buffer) {
        Ok(document) => document.len(),
        Err(pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }) => return Err(unsupported()),
        Err(_) => return Err(wrong()),
    };
    buffer.truncate(length);
    Ok(buffer)
}

/// The error of a wrong passphrase.
pub(super) fn wrong() -> Error {
    Error::new(error::Kind::Decryption, "the passphrase does not open the signing key")
}
