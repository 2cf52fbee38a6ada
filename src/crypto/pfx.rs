//! PFX containers (PKCS#12): a certificate and its private key under a passphrase. A feature of the
//! build (`pfx`); without it every container is refused with the way round.

use crate::error::{Error, Result};
use zeroize::Zeroizing;

/// What a container holds.
pub struct Pfx {
    /// The certificate that belongs to the key, DER.
    pub certificate: Vec<u8>,
    /// The private key, PKCS#8 DER.
    pub key: Zeroizing<Vec<u8>>,
}

/// Whether bytes begin as a DER structure does, which no text does.
pub fn is_container(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0x84, ..])
}

/// Opens a container that holds one private key.
///
/// # Errors
/// Usage: the passphrase is wrong, or what the container does not hold.
#[cfg(feature = "pfx")]
pub fn open_pfx(bytes: &[u8], passphrase: &str) -> Result<Pfx> {
    use p12_keystore::Pkcs12Archive;
    use p12_keystore::error::Error as Cause;
    let archive = Pkcs12Archive::from_pkcs12(bytes, passphrase).map_err(|cause| match cause {
        Cause::MacError(_) | Cause::UnpadError => {
            Error::usage("the passphrase of the PFX container is wrong")
        }
        Cause::UnsupportedEncryptionScheme | Cause::UnsupportedMacAlgorithm => {
            Error::usage("the PFX container is encrypted in a way that is not supported")
                .hint("write it anew: openssl pkcs12 -in app.pfx -nodes -out app.pem, and give app.pem")
        }
        _ => Error::usage(
            "the file of --client-certificate is neither PEM nor a PFX container that can be read",
        ),
    })?;
    let [bag] = archive.keys.as_slice() else {
        return Err(Error::usage(match archive.keys.is_empty() {
            true => "the PFX container holds no private key",
            false => "the PFX container holds several private keys",
        })
        .hint("export the certificate together with its private key, and nothing else"));
    };
    // The certificate that names the key; without names the first, as OpenSSL writes the leaf first.
    let own = bag.local_key_id.as_ref().map(|id| <_ as AsRef<[u8]>>::as_ref(id).to_vec());
    let named = archive.certs.iter().find(|one| one.local_key_id.is_some() && one.local_key_id == own);
    let certificate = named.or(archive.certs.first()).ok_or_else(|| {
        Error::usage("the PFX container holds no certificate")
            .hint("export the certificate together with its private key")
    })?;
    Ok(Pfx {
        certificate: certificate.cert.as_der().to_vec(),
        key: Zeroizing::new(bag.key.as_der().to_vec()),
    })
}

/// Refused.
///
/// # Errors
/// Always: usage.
#[cfg(not(feature = "pfx"))]
pub fn open_pfx(_: &[u8], _: &str) -> Result<Pfx> {
    Err(Error::usage("this program was built without support for PFX containers").hint(
        "openssl pkcs12 -in app.pfx -nodes -out app.pem, and give app.pem; or build with --features pfx",
    ))
}
