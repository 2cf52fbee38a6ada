//! A client certificate, and the assertion that proves possession of its key (RFC 7523; header and
//! claims as the certificate credentials of Entra want them).

use crate::crypto::{self, RsaKey};
use crate::error::{Error, Result};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use jiff::Timestamp;
use serde_json::json;
use x509_cert::Certificate as X509;
use x509_cert::der::Decode as _;
use zeroize::Zeroizing;

/// Life of an assertion in seconds; the service accepts ten minutes at most.
const LIFE: i64 = 300;

/// A certificate with its private key.
pub struct Certificate {
    key: RsaKey,
    thumbprint: [u8; 32],
    from: i64,
    until: i64,
}

impl Certificate {
    /// Reads a PEM file that holds a certificate and its private key, in any order.
    ///
    /// # Errors
    /// Usage: what is missing. Nothing of the file is quoted.
    pub fn from_pem(text: &str) -> Result<Self> {
        let key = block(text, "PRIVATE KEY").or_else(|| block(text, "RSA PRIVATE KEY")).ok_or_else(|| {
            let error = Error::usage("the file of --client-certificate holds no private key");
            match text.contains("ENCRYPTED") {
                true => error.hint("the key must not be encrypted: openssl pkcs8 -topk8 -nodes -in key.pem"),
                false => error.hint("PEM with two blocks: the certificate and its private key (PKCS#8)"),
            }
        })?;
        let certificate = block(text, "CERTIFICATE").ok_or_else(|| {
            Error::usage("the file of --client-certificate holds no certificate")
                .hint("PEM with two blocks: the certificate and its private key (PKCS#8)")
        })?;
        Self::from_der(&certificate, &key)
    }

    /// Opens a PFX container with its passphrase.
    ///
    /// # Errors
    /// Usage: the passphrase is wrong, what the container does not hold, or that this build reads none.
    pub fn from_pfx(bytes: &[u8], passphrase: &str) -> Result<Self> {
        let pfx = crypto::open_pfx(bytes, passphrase)?;
        Self::from_der(&pfx.certificate, &pfx.key)
    }

    /// A certificate and its key, both DER.
    ///
    /// # Errors
    /// Usage.
    pub fn from_der(certificate: &[u8], key: &[u8]) -> Result<Self> {
        let parsed =
            X509::from_der(certificate).map_err(|_| Error::usage("the certificate cannot be read"))?;
        let validity = parsed.tbs_certificate().validity();
        let seconds = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        Ok(Certificate {
            key: RsaKey::from_der(key)?,
            thumbprint: crypto::sha256(certificate),
            from: seconds(validity.not_before),
            until: seconds(validity.not_after),
        })
    }

    /// The private key, for the check that no secret leaks.
    pub fn secret(&self) -> &[u8] {
        self.key.secret()
    }

    /// Refuses a certificate outside its time before anything is sent.
    ///
    /// # Errors
    /// Access.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        let refuse = |what: &str, next: &str| {
            Err(Error::new(crate::error::Kind::Access, format!("the client certificate {what}"))
                .hint(next.to_owned()))
        };
        if now.as_second() >= self.until {
            return refuse(
                "has expired",
                "make a new one and upload it under App registrations > Certificates & secrets",
            );
        }
        if now.as_second() < self.from {
            return refuse("is not valid yet", "check the clock of this machine");
        }
        Ok(())
    }

    /// A signed assertion for `audience` (the token address).
    ///
    /// # Errors
    /// Internal.
    pub fn assertion(&self, client_id: &str, audience: &str, now: Timestamp) -> Result<Zeroizing<String>> {
        let part = |value: serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let header =
            part(json!({"alg": "PS256", "typ": "JWT", "x5t#S256": BASE64URL_NOPAD.encode(&self.thumbprint)}));
        let seconds = now.as_second();
        let id = crypto::hex(&crypto::random::<16>()?);
        let claims = part(json!({"aud": audience, "iss": client_id, "sub": client_id, "jti": id,
            "iat": seconds, "nbf": seconds, "exp": seconds + LIFE}));
        let signed = format!("{header}.{claims}");
        let signature = BASE64URL_NOPAD.encode(&self.key.ps256(signed.as_bytes())?);
        Ok(Zeroizing::new(format!("{signed}.{signature}")))
    }
}

/// The first PEM block with this label, decoded.
fn block(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    BASE64.decode(body.as_bytes()).ok().map(Zeroizing::new)
}
