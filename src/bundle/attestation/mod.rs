//! Attestations: signed statements about a bundle. DSSE 1.0.2 envelopes over in-toto Statements v1.
//!
//! The signature covers exact bytes, never re-serialised JSON; what is parsed afterwards are the
//! same bytes that were verified. Key ids in envelopes are hints and decide nothing.

pub mod approval;
pub mod rotation;

use super::manifest::Manifest;
use super::path::{MANIFEST, POLICY};
use super::trust::Role;
use crate::crypto::{self, Signer};
use crate::error::Result;
use crate::record::{Stated, Statement, sealed::Sealed};
use data_encoding::{BASE64, BASE64URL};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The only payload type.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREFIX: &str = "urn:entra-bundle:attestation:";
/// Longest line.
pub const LINE_BYTES: usize = 1 << 20;
/// Most lines of one file.
pub const LINES: usize = 64;

/// DSSE pre-authentication encoding.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// A DSSE envelope. Unknown members are ignored, as DSSE demands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

impl Sealed for Envelope {}
impl Stated for Envelope {}

#[derive(Serialize, Deserialize)]
struct Signature {
    #[serde(default)]
    keyid: Option<String>,
    sig: String,
}

/// An in-toto Statement, for writing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnStatement<'a, P> {
    #[serde(rename = "_type")]
    kind: &'a str,
    subject: [Subject; 1],
    predicate_type: String,
    predicate: &'a P,
}

impl<P> Sealed for OwnStatement<'_, P> {}
impl<P: Predicate> Stated for OwnStatement<'_, P> {}

/// The predicates that we write.
trait Predicate: Serialize {
    /// Last part of the predicate type.
    const KIND: &'static str;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SubjectDigest {
    sha256: String,
}

/// What the collector says: "I sealed exactly this".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Collection {
    /// Id of the bundle.
    pub bundle_id: String,
    /// Merkle root over the entries.
    pub content_root: String,
    /// SHA-256 of `meta/policy.json`.
    pub policy_sha256: String,
    /// Number of entries in the manifest.
    pub entries: u64,
    /// Number of records.
    pub rows: u64,
    /// Time by the signer's clock: a claim.
    pub signed_at: String,
}

impl Predicate for Collection {
    const KIND: &'static str = "collection";
}

impl Collection {
    /// What the collector says of a manifest.
    pub fn of(manifest: &Manifest, signed_at: &str) -> Self {
        Collection {
            bundle_id: manifest.bundle_id.clone(),
            content_root: manifest.hash.root.clone(),
            policy_sha256: manifest.policy.sha256.clone(),
            entries: manifest.totals.entries,
            rows: manifest.totals.rows,
            signed_at: signed_at.to_owned(),
        }
    }
}

/// What a privacy reviewer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivacyReview {
    /// Id of the bundle.
    pub bundle_id: String,
    /// Merkle root over the entries.
    pub content_root: String,
    /// SHA-256 of `meta/policy.json`.
    pub policy_sha256: String,
    /// Only `approved` counts.
    pub decision: String,
    /// What was looked at.
    pub sampled: Sampled,
    /// What the automatic scan said.
    pub scanner: Scanner,
    /// Time by the signer's clock: a claim.
    pub signed_at: String,
}

/// What a reviewer looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampled {
    /// Entries.
    pub entries: u64,
    /// Records.
    pub rows: u64,
}

/// What the automatic scan said at review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scanner {
    /// Version of the scanner.
    pub version: String,
    /// Findings.
    pub findings: u64,
}

/// What a recipient says: "this reached me".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// Merkle root over the entries.
    pub content_root: String,
    /// Time by the recipient's clock: a claim.
    pub received_at: String,
}

impl Predicate for Receipt {
    const KIND: &'static str = "receipt";
}

impl Predicate for PrivacyReview {
    const KIND: &'static str = "privacy-review";
}

/// What the collector says in the last volume: "these volumes, in this order, are all".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Series {
    /// Id of the series.
    pub series_id: String,
    /// Number of volumes.
    pub count: u32,
    /// SHA-256 of every manifest, in the order of the volumes.
    pub manifests: Vec<String>,
    /// Time by the signer's clock: a claim.
    pub signed_at: String,
}

impl Predicate for Series {
    const KIND: &'static str = "series";
}

/// Members of other predicates that matter to `verify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Other {
    /// Merkle root over the entries.
    pub content_root: Option<String>,
    /// Time by the signer's clock.
    pub signed_at: Option<String>,
}

/// What a verified payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The collector sealed it.
    Collection(Collection),
    /// A reviewer approved it.
    PrivacyReview(PrivacyReview),
    /// An officer approved the policy.
    PolicyApproval(approval::Approval),
    /// A recipient got it.
    Receipt(Receipt),
    /// The collector closes a series.
    Series(Series),
    /// A type that this version does not know; it is listed and never counts.
    Unknown,
}

impl Claim {
    /// The role that is needed to say this.
    pub fn role(&self) -> Option<Role> {
        match self {
            Claim::Collection(_) | Claim::Series(_) => Some(Role::Collector),
            Claim::PrivacyReview(_) => Some(Role::PrivacyReview),
            Claim::PolicyApproval(_) => Some(Role::PolicyApproval),
            Claim::Receipt(_) => Some(Role::Receipt),
            Claim::Unknown => None,
        }
    }

    /// Time by the signer's clock.
    pub fn signed_at(&self) -> Option<&str> {
        match self {
            Claim::Collection(collection) => Some(&collection.signed_at),
            Claim::PrivacyReview(review) => Some(&review.signed_at),
            Claim::Receipt(receipt) => Some(&receipt.received_at),
            Claim::PolicyApproval(approval) => Some(&approval.signed_at),
            Claim::Series(series) => Some(&series.signed_at),
            Claim::Unknown => None,
        }
    }

    /// Name of the entry that the claim has to be about.
    pub fn subject(&self) -> &'static str {
        if matches!(self, Claim::PolicyApproval(_)) { POLICY } else { MANIFEST }
    }
}

/// An envelope whose outer form is right; nothing is verified yet.
#[derive(Debug)]
pub struct Opened {
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The hint.
    pub keyid: Option<String>,
}

/// Opens one line.
pub fn open(line: &[u8]) -> std::result::Result<Opened, &'static str> {
    let envelope: Envelope =
        serde_json::from_slice(line).map_err(|_| "the line is not the JSON of an envelope")?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err("the payload type is not `application/vnd.in-toto+json`");
    }
    let Ok([signature]) = <[Signature; 1]>::try_from(envelope.signatures) else {
        return Err("an envelope has exactly one signature");
    };
    let decode =
        |text: &str| BASE64.decode(text.as_bytes()).or_else(|_| BASE64URL.decode(text.as_bytes())).ok();
    let payload = decode(&envelope.payload).ok_or("the payload is not base64")?;
    let bytes = decode(&signature.sig).ok_or("the signature is not base64")?;
    Ok(Opened { payload, signature: bytes, keyid: signature.keyid })
}

#[derive(Deserialize)]
struct AnyStatement<'a> {
    _type: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(borrow)]
    predicate: &'a RawValue,
}

/// The parts of a statement: the end of its predicate type (`collection:1`) if the type is one of
/// ours, its one subject, its predicate.
fn statement(payload: &[u8]) -> std::result::Result<(Option<String>, Subject, &RawValue), &'static str> {
    let statement: AnyStatement<'_> =
        serde_json::from_slice(payload).map_err(|_| "the payload is not an in-toto statement")?;
    if statement._type != STATEMENT_TYPE {
        return Err("the payload is not an in-toto statement of version 1");
    }
    let Ok([subject]) = <[Subject; 1]>::try_from(statement.subject) else {
        return Err("a statement has exactly one subject");
    };
    let kind = statement.predicate_type.strip_prefix(PREFIX).map(str::to_owned);
    Ok((kind, subject, statement.predicate))
}

/// Parses verified payload bytes: the claim and the digest of its subject, hex.
pub fn claim(payload: &[u8]) -> std::result::Result<(Claim, String), &'static str> {
    let (kind, subject, predicate) = statement(payload)?;
    fn parse<'a, P: Deserialize<'a>>(from: &'a RawValue) -> std::result::Result<P, &'static str> {
        serde_json::from_str(from.get()).map_err(|_| "the predicate is not the one of its type")
    }
    let claim = match kind.as_deref() {
        Some("collection:1") => Claim::Collection(parse(predicate)?),
        Some("privacy-review:1") => Claim::PrivacyReview(parse(predicate)?),
        Some("policy-approval:1") => Claim::PolicyApproval(parse(predicate)?),
        Some("receipt:1") => Claim::Receipt(parse(predicate)?),
        Some("series:1") => Claim::Series(parse(predicate)?),
        _ => return Ok((Claim::Unknown, subject.digest.sha256)),
    };
    if matches!(&claim, Claim::PolicyApproval(approval) if !approval.is_formed()) {
        return Err("the predicate is not the one of its type");
    }
    if subject.name != claim.subject() {
        return Err("the statement has another subject than its type demands");
    }
    Ok((claim, subject.digest.sha256))
}

/// A signed line and the payload inside, for the checks before it is written.
pub struct Signed {
    /// The envelope, one line without LF.
    pub line: Statement,
    /// The statement that is signed.
    pub payload: Statement,
}

/// Signs what the collector says of a manifest. `manifest` are its bytes as they stand in the bundle.
pub fn sign_collection(manifest: &[u8], predicate: &Collection, signer: &dyn Signer) -> Result<Signed> {
    sign(MANIFEST, manifest, predicate, signer)
}

/// Signs what a privacy reviewer says. `manifest` is the SHA-256 of its bytes.
pub fn sign_review(manifest: [u8; 32], predicate: &PrivacyReview, signer: &dyn Signer) -> Result<Signed> {
    sign_digest(MANIFEST, manifest, predicate, signer)
}

/// Signs what a recipient says. `manifest` is the SHA-256 of its bytes.
pub fn sign_receipt(manifest: [u8; 32], predicate: &Receipt, signer: &dyn Signer) -> Result<Signed> {
    sign_digest(MANIFEST, manifest, predicate, signer)
}

/// Signs what the collector says of a series, over the manifest of its last volume.
pub fn sign_series(manifest: &[u8], predicate: &Series, signer: &dyn Signer) -> Result<Signed> {
    sign(MANIFEST, manifest, predicate, signer)
}

fn sign<P: Predicate>(name: &str, subject: &[u8], predicate: &P, signer: &dyn Signer) -> Result<Signed> {
    sign_digest(name, crypto::sha256(subject), predicate, signer)
}

fn sign_digest<P: Predicate>(
    name: &str,
    subject: [u8; 32],
    predicate: &P,
    signer: &dyn Signer,
) -> Result<Signed> {
    let digest = SubjectDigest { sha256: crypto::hex(&subject) };
    let payload = Statement::line(&OwnStatement {
        kind: STATEMENT_TYPE,
        subject: [Subject { name: name.to_owned(), digest }],
        predicate_type: format!("{PREFIX}{}:1", P::KIND),
        predicate,
    })?;
    let signature = signer.sign(&pae(PAYLOAD_TYPE, payload.bytes()))?;
    let line = Statement::line(&Envelope {
        payload: BASE64.encode(payload.bytes()),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![Signature {
            keyid: Some(crypto::fingerprint(&signer.spki())),
            sig: BASE64.encode(&signature),
        }],
    })?;
    Ok(Signed { line, payload })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Algorithm, PublicKey, SigningKey};

    fn signed() -> (Signed, PublicKey) {
        let key = SigningKey::from_pem(&SigningKey::generate(Algorithm::Ed25519).unwrap()).unwrap();
        let predicate = Collection {
            bundle_id: "a".repeat(26),
            content_root: "0".repeat(64),
            policy_sha256: "1".repeat(64),
            entries: 3,
            rows: 2,
            signed_at: "2026-11-20T11:05:00Z".to_owned(),
        };
        let signed = sign_collection(b"{}", &predicate, &key).unwrap();
        (signed, PublicKey::from_spki(&key.spki()).unwrap())
    }

    #[test]
    fn the_dsse_example_encodes_as_published() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn a_signed_line_opens_verifies_and_says_what_was_signed() {
        let (signed, key) = signed();
        let opened = open(signed.line.bytes()).unwrap();
        assert_eq!(opened.payload, signed.payload.bytes());
        assert_eq!(opened.keyid.as_deref(), Some(key.fingerprint().as_str()));
        assert!(key.verify(&pae(PAYLOAD_TYPE, &opened.payload), &opened.signature));
        let (claim, digest) = claim(&opened.payload).unwrap();
        assert_eq!(digest, crypto::hex(&crypto::sha256(b"{}")));
        assert!(matches!(claim, Claim::Collection(ref c) if c.entries == 3));
        assert_eq!(claim.role(), Some(Role::Collector));
    }

    #[test]
    fn url_safe_base64_is_read_and_malformed_lines_are_not() {
        let (signed, _) = signed();
        let text = String::from_utf8(signed.line.bytes().to_vec()).unwrap();
        let url =
            text.replace('+', "-").replace("/", "_").replace("application_vnd.in-toto-json", PAYLOAD_TYPE);
        assert_eq!(open(url.as_bytes()).unwrap().payload, signed.payload.bytes());
        assert!(open(text.replace("\"payload\":", "\"ext\":1,\"payload\":").as_bytes()).is_ok());
        for wrong in [
            text.replace("in-toto+json", "in-toto+jsom"),
            text.replace("\"payload\":", "\"payload\":\"e30=\",\"payload\":"),
            text.replace("\"signatures\":[", "\"signatures\":[{\"sig\":\"AAAA\"},"),
            text.replace("\"sig\":\"", "\"sig\":\"*"),
            text[..text.len() - 1].to_owned(),
            format!("{text}{text}"),
        ] {
            assert_ne!(wrong, text);
            assert!(open(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn statements_of_another_shape_are_refused_and_unknown_types_are_listed() {
        let (signed, _) = signed();
        let text = String::from_utf8(signed.payload.bytes().to_vec()).unwrap();
        for wrong in [
            text.replace("Statement/v1", "Statement/v2"),
            text.replace("\"name\":\"manifest.json\"", "\"name\":\"README.txt\""),
            text.replace("\"rows\":2", "\"rows\":2.5"),
            text.replace("\"rows\":2", "\"rows\":2,\"more\":1"),
            text.replace("\"rows\":2", "\"rows\":2,\"rows\":2"),
            text.replace("\"predicateType\"", "\"predicateType\":\"x\",\"predicateType\""),
        ] {
            assert_ne!(wrong, text);
            assert!(claim(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let unknown = text.replace("collection:1", "collection:2");
        assert_eq!(claim(unknown.as_bytes()).unwrap().0, Claim::Unknown);
    }
}
