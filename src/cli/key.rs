//! `key`: incident keys, signing keys, fingerprints; and how other commands get theirs.

use super::args::{Alg, Key, KeyPurpose};
use super::places;
use super::ui::{self, Ui};
use crate::crypto::encryption::{self, Identities};
use crate::crypto::{self, Algorithm, PublicKey, Signer as _, SigningKey};
use crate::error::{Error, Result};
use crate::privacy::{IncidentKey, Pseudonymizer};
use std::path::{Path, PathBuf};

/// Runs `key`.
pub fn run(ui: Ui, action: &Key) -> Result<u8> {
    match action {
        Key::Generate { what: KeyPurpose::Incident, out, .. } => {
            let key = IncidentKey::generate()?;
            places::write_private(out, &(key.to_text().to_string() + "\n"))?;
            let id = Pseudonymizer::new(&key)?.key_id().to_owned();
            ui.result(
                &serde_json::json!({"purpose": "incident", "file": out, "keyId": id}),
                &format!(
                    "incident key {id} written to {}\nIt alone turns pseudonyms back. It stays with you: do not send it.\n",
                    out.display()
                ),
            )?;
        }
        Key::Generate { what: KeyPurpose::Signing, out, alg } => {
            let algorithm = match alg {
                Alg::Ed25519 => Algorithm::Ed25519,
                Alg::EcdsaP256 => Algorithm::EcdsaP256Sha256,
            };
            let (key, public) = make_signing(out, algorithm)?;
            let fingerprint = crypto::fingerprint(&key.spki());
            ui.result(
                &serde_json::json!({
                    "purpose": "signing", "file": out, "publicFile": public, "algorithm": algorithm, "fingerprint": fingerprint,
                }),
                &format!(
                    "signing key written to {}\npublic key  {}   (send it to support, once)\nfingerprint sha256 {}\n\
                     Read the fingerprint to support by another way than the bundle.\n",
                    out.display(),
                    public.display(),
                    ui::grouped(&fingerprint)
                ),
            )?;
        }
        Key::Generate { what: KeyPurpose::Recipient, out, .. } => recipient(ui, out)?,
        Key::Fingerprint { file } => fingerprint(ui, file)?,
    }
    Ok(0)
}

/// Writes a new identity as `age-keygen` does and, beside it, its recipient (`x.key` → `x.recipient.txt`).
fn recipient(ui: Ui, out: &Path) -> Result<()> {
    let public = out.with_extension("recipient.txt");
    if public.exists() {
        return Err(Error::usage(format!("`{}` exists", public.display())).hint("choose another name"));
    }
    let (secret, recipient) = encryption::generate()?;
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    let text = zeroize::Zeroizing::new(format!("# created: {now}\n# public key: {recipient}\n{}\n", *secret));
    places::write_private(out, &text)?;
    places::write_new(&public, &format!("{recipient}\n"))?;
    ui.result(
        &serde_json::json!({"purpose": "recipient", "file": out, "publicFile": public, "recipient": recipient}),
        &format!(
            "identity written to {}   (opens bundles; stays with you)\n\
             recipient   {recipient}\n\
             Give the recipient (also in {}) to whoever seals for you: {} collect … --recipient {recipient}\n",
            out.display(),
            public.display(),
            ui::program(),
        ),
    )
}

fn fingerprint(ui: Ui, file: &Path) -> Result<()> {
    let text = places::read_small(file, "key file")?;
    if text.trim_start().starts_with("entra-bundle-key-1:") {
        let id = Pseudonymizer::new(&IncidentKey::parse(&text)?)?.key_id().to_owned();
        return ui.result(
            &serde_json::json!({"purpose": "incident", "keyId": id}),
            &format!("incident key {id}\n"),
        );
    }
    if text.contains("AGE-SECRET-KEY-") {
        let mut identities = Identities::none();
        identities.add_file(&text)?;
        let recipients = identities.recipients();
        return ui.result(
            &serde_json::json!({"purpose": "recipient", "recipients": recipients}),
            &(recipients.join("\n") + "\n"),
        );
    }
    let public = if text.contains("PUBLIC KEY") {
        PublicKey::from_pem(&text)?
    } else {
        PublicKey::from_spki(&SigningKey::from_pem(&text)?.spki())?
    };
    let print = public.fingerprint();
    ui.result(
        &serde_json::json!({"purpose": "signing", "algorithm": public.algorithm(), "fingerprint": print}),
        &format!("{print}\n{}\n", ui::grouped(&print)),
    )
}

/// Writes a new signing key and, beside it, its public key (`x.key` → `x.pub.pem`).
fn make_signing(out: &Path, algorithm: Algorithm) -> Result<(SigningKey, PathBuf)> {
    let public = out.with_extension("pub.pem");
    make_signing_apart(out, &public, algorithm)?;
    Ok((SigningKey::from_pem(&places::read_small(out, "signing key")?)?, public))
}

/// Writes a new signing key and its public key where the caller wants them.
pub fn make_signing_apart(out: &Path, public: &Path, algorithm: Algorithm) -> Result<PathBuf> {
    if public.exists() {
        return Err(Error::usage(format!("`{}` exists", public.display())).hint("choose another name"));
    }
    let pem = SigningKey::generate(algorithm)?;
    places::write_private(out, &pem)?;
    places::write_new(public, &SigningKey::from_pem(&pem)?.public_pem())?;
    Ok(public.to_owned())
}

/// A signing key and where its public half lies.
pub struct Signing {
    /// The key.
    pub key: SigningKey,
    /// File of the public key, if it stands beside the private one.
    pub public: Option<PathBuf>,
}

/// The signing key that was named, or the user's own, made on first use.
pub fn signing(ui: Ui, named: Option<&Path>) -> Result<Signing> {
    if let Some(file) = named {
        let key = SigningKey::from_pem(&places::read_small(file, "signing key")?)?;
        let public = file.with_extension("pub.pem");
        return Ok(Signing { key, public: public.exists().then_some(public) });
    }
    let folder = places::configuration()?;
    let file = folder.join("signing.key");
    if file.exists() {
        let key = SigningKey::from_pem(&places::read_small(&file, "signing key")?)?;
        let public = file.with_extension("pub.pem");
        if !public.exists() {
            places::write_new(&public, &key.public_pem())?;
        }
        return Ok(Signing { key, public: Some(public) });
    }
    places::private_folder(&folder)?;
    let (key, public) = make_signing(&file, Algorithm::Ed25519)?;
    ui.note(&format!(
        "signing key made: {}\n  fingerprint sha256 {}\n  public key  {}",
        file.display(),
        ui::grouped(&crypto::fingerprint(&key.spki())),
        public.display()
    ));
    Ok(Signing { key, public: Some(public) })
}

/// The incident key that was named, or a new one in the user's state folder.
pub fn incident(ui: Ui, named: Option<&Path>) -> Result<(IncidentKey, PathBuf)> {
    if let Some(file) = named {
        return Ok((IncidentKey::parse(&places::read_small(file, "incident key")?)?, file.to_owned()));
    }
    let key = IncidentKey::generate()?;
    let folder = places::state()?.join("keys");
    places::private_folder(&folder)?;
    let file = folder.join(format!("incident-{}.key", Pseudonymizer::new(&key)?.key_id()));
    places::write_private(&file, &(key.to_text().to_string() + "\n"))?;
    ui.note(&format!("incident key made: {}", file.display()));
    Ok((key, file))
}
