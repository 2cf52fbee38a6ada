//! X.509 certificates in fields: what of one is technical, and what names somebody. The body itself
//! never leaves.
//!
//! Taken are DER in base64 (any alphabet, wrapped or not) or hex, and one PEM block. What is no such
//! certificate, several at once, or a container with a key gives nothing.

use crate::crypto;
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXUPPER};
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef, Utf8StringRef};
use x509_cert::der::{Decode, Reader as _, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};

/// Longest text that is looked at, in bytes. Certificates of this world have one to four KiB.
const LONGEST: usize = 128 << 10;
/// The name form of a user principal name (MS-WCCE).
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EMAIL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// 1 to 3.
    pub version: u8,
    /// Distinguished name of the owner, as RFC 4514 writes it.
    pub subject: String,
    /// Distinguished name of the issuer.
    pub issuer: String,
    /// First second of its life, RFC 3339.
    pub not_before: String,
    /// Last second of its life, RFC 3339.
    pub not_after: String,
    /// Number that the issuer gave, upper-case hex.
    pub serial: String,
    /// SHA-1 of the body, upper-case hex: what Windows and Entra call its thumbprint.
    pub thumbprint: String,
    /// Object identifier of the signature.
    pub signature_algorithm: String,
    /// `rsa`, `ec`, or an object identifier.
    pub key_algorithm: String,
    /// Bits of an RSA key.
    pub key_bits: Option<usize>,
    /// Object identifier of the curve.
    pub curve: Option<String>,
    /// Whether it may sign others.
    pub is_ca: Option<bool>,
    /// Purposes, as object identifiers.
    pub purposes: Vec<String>,
    /// What the key may do, as bits of RFC 5280.
    pub key_usage: Option<u16>,
    /// Principal names and mail addresses of its owner.
    pub logins: Vec<String>,
    /// Number of its host names.
    pub host_names: usize,
    /// Whether it names a service: a certificate authority, or one that issued itself, has no purpose
    /// and names no person.
    pub is_service: bool,
}

impl Facts {
    /// Reads a certificate as fields hold it.
    pub fn read(text: &str) -> Option<Facts> {
        let der = body(text)?;
        let parsed = Certificate::from_der(&der).ok()?;
        let of = parsed.tbs_certificate();
        let key = of.subject_public_key_info();
        let key_algorithm = match key.algorithm.oid {
            RSA => "rsa".to_owned(),
            EC => "ec".to_owned(),
            other => other.to_string(),
        };
        let key_bits =
            (key.algorithm.oid == RSA).then(|| rsa_bits(key.subject_public_key.raw_bytes())).flatten();
        let curve = (key.algorithm.oid == EC).then_some(()).and_then(|()| {
            key.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok().map(|oid| oid.to_string())
        });
        let is_ca = of.get_extension::<BasicConstraints>().ok()?.map(|(_, one)| one.ca);
        let purposes: Vec<String> = of
            .get_extension::<ExtendedKeyUsage>()
            .ok()?
            .map(|(_, one)| one.0.iter().map(ObjectIdentifier::to_string).collect())
            .unwrap_or_default();
        let names = of.get_extension::<SubjectAltName>().ok()?.map(|(_, one)| one.0).unwrap_or_default();
        let logins: Vec<String> = names.iter().filter_map(login).collect();
        let mail = of.subject().iter().any(|one| one.oid == EMAIL);
        let self_issued = of.subject() == of.issuer();
        let alone = self_issued && purposes.is_empty() && logins.is_empty() && !mail;
        Some(Facts {
            version: of.version() as u8 + 1,
            subject: name_first(&of.subject().to_string()),
            issuer: name_first(&of.issuer().to_string()),
            not_before: of.validity().not_before.to_string(),
            not_after: of.validity().not_after.to_string(),
            serial: HEXUPPER.encode(of.serial_number().as_bytes()),
            thumbprint: HEXUPPER.encode(&crypto::sha1(&der)),
            signature_algorithm: parsed.signature_algorithm().oid.to_string(),
            key_algorithm,
            key_bits,
            curve,
            is_ca,
            key_usage: of.get_extension::<KeyUsage>().ok()?.map(|(_, one)| one.0.bits()),
            purposes,
            host_names: names.iter().filter(|name| matches!(name, GeneralName::DnsName(_))).count(),
            logins,
            is_service: is_ca == Some(true) || alone,
        })
    }

    /// Whether subject and issuer are one.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

/// A distinguished name with its mail address behind the name that it belongs to.
fn name_first(dn: &str) -> String {
    let mail = ["EMAIL=", "E=", "emailAddress=", "1.2.840.113549.1.9.1="];
    match dn.split_once(",CN=") {
        Some((before, rest)) if mail.iter().any(|mark| before.starts_with(mark)) && !before.contains(',') => {
            match rest.find(',').filter(|at| !rest[..*at].ends_with('\\')) {
                Some(at) => format!("CN={},{before}{}", &rest[..at], &rest[at..]),
                None => format!("CN={rest},{before}"),
            }
        }
        _ => dn.to_owned(),
    }
}

/// The DER bytes of a text.
fn body(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let inner = match text.strip_prefix("-----BEGIN CERTIFICATE-----") {
        Some(rest) => rest.trim_end().strip_suffix("-----END CERTIFICATE-----")?,
        None => text,
    };
    let plain: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let hex = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")).unwrap_or(&plain);
    // DER of a certificate begins with a sequence of two length bytes.
    let der = if hex.starts_with("3082") && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        HEXUPPER.decode(hex.to_ascii_uppercase().as_bytes()).ok()?
    } else {
        let padded = BASE64.decode(plain.as_bytes()).ok();
        padded.or_else(|| BASE64URL_NOPAD.decode(plain.trim_end_matches('=').as_bytes()).ok())?
    };
    // Entra hands some certificates out as base64 of base64.
    match der.first() {
        Some(0x30) => Some(der),
        _ => {
            let inner = String::from_utf8(der).ok()?;
            let inner: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            BASE64.decode(inner.as_bytes()).ok().filter(|der| der.first() == Some(&0x30))
        }
    }
}

fn login(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Rfc822Name(mail) => Some(mail.to_string()),
        GeneralName::OtherName(other) if other.type_id == UPN => {
            Utf8StringRef::try_from(&other.value).ok().map(|text| text.to_string())
        }
        _ => None,
    }
}

/// Bits of the modulus in a public key of RFC 8017.
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    reader
        .sequence(|inner: &mut SliceReader<'_>| {
            let modulus = UintRef::decode(inner)?;
            UintRef::decode(inner)?;
            Ok::<_, x509_cert::der::Error>(modulus.as_bytes().to_vec())
        })
        .ok()
        .map(|modulus| modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize))
}
