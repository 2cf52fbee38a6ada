//! RSA signatures for client assertions (PS256, RFC 7518 §3.5).

use crate::error::{self, Error, Result};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

/// A private RSA key of 2048 to 4096 bits.
pub struct RsaKey {
    pair: RsaKeyPair,
    der: Zeroizing<Vec<u8>>,
}

impl RsaKey {
    /// Reads a key: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`), DER.
    ///
    /// # Errors
    /// Usage, if it is neither, or of another kind or size.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).map_err(|_| {
            Error::usage("the private key is no RSA key of 2048 to 4096 bits")
                .hint("PKCS#8, not encrypted: openssl pkcs8 -topk8 -nodes -in key.pem")
        })?;
        Ok(RsaKey { pair, der: Zeroizing::new(der.to_vec()) })
    }

    /// The DER encoding, for the check that no secret leaks.
    pub fn secret(&self) -> &[u8] {
        &self.der
    }

    /// PS256 over `message`.
    ///
    /// # Errors
    /// Internal.
    pub fn ps256(&self, message: &[u8]) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| Error::new(error::Kind::Internal, "cannot sign the assertion"))?;
        Ok(signature)
    }
}
