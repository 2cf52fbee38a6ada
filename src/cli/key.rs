//! `key`: incident keys, signing keys, fingerprints; and how other commands get theirs.

use super::args::{Alg, Key, KeyPurpose};
use super::ui::{self, Ui};
use super::{passphrase, places, when};
use crate::bundle::attestation::rotation;
use crate::crypto::encryption::{self, Identities};
use crate::crypto::{self, Algorithm, PublicKey, Signer as _, SigningKey};
use crate::error::{Error, Result};
use crate::privacy::{IncidentKey, Pseudonymizer};
use std::path::{Path, PathBuf};

/// Runs `key`.
pub fn run(ui: Ui, action: &Key) -> Result<u8> {
    match action {
        Key::Generate { what: KeyPurpose::Incident, passphrase, from, .. }
            if *passphrase || from.from().is_given() =>
        {
            return Err(Error::usage("only a signing key can be encrypted with a passphrase"));
        }
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
        Key::Generate { what: KeyPurpose::Signing, out, alg, passphrase, from } => {
            let algorithm = match alg {
                Alg::Ed25519 => Algorithm::Ed25519,
                Alg::EcdsaP256 => Algorithm::EcdsaP256Sha256,
            };
            let from = from.from();
            let secret = if *passphrase || from.is_given() {
                Some(from.choose("the signing key", KEY_HINT)?)
            } else {
                None
            };
            let (key, public) = make_signing(out, algorithm, secret.as_ref().map(|text| text.as_str()))?;
            let fingerprint = crypto::fingerprint(&key.spki());
            ui.result(
                &serde_json::json!({
                    "purpose": "signing", "file": out, "publicFile": public, "algorithm": algorithm,
                    "fingerprint": fingerprint, "encrypted": secret.is_some(),
                }),
                &format!(
                    "signing key written to {}{}\npublic key  {}   (send it to support, once)\nfingerprint sha256 {}\n\
                     Read the fingerprint to support by another way than the bundle. Support then runs:\n  \
                     entra-bundle trust add {} --customer LABEL --fingerprint {}\n",
                    out.display(),
                    if secret.is_some() { ", encrypted with your passphrase" } else { "" },
                    public.display(),
                    ui::grouped(&fingerprint),
                    public.file_name().unwrap_or(public.as_os_str()).to_string_lossy(),
                    fingerprint,
                ),
            )?;
        }
        Key::Generate { what: KeyPurpose::Recipient, out, .. } => recipient(ui, out)?,
        Key::Rotate { new, sign_key, passphrase, out } => rotate(ui, new, sign_key, passphrase.from(), out)?,
        Key::Fingerprint { file, from } => fingerprint(ui, file, from.from())?,
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

fn rotate(ui: Ui, new: &Path, old: &Path, from: passphrase::From<'_>, out: &Path) -> Result<()> {
    let new = PublicKey::from_pem(&places::read_small(new, "public key")?)?;
    let old = named(old, from)?;
    let signed = rotation::sign(&new, &when::now(), &old)?;
    let text = String::from_utf8_lossy(signed.line.bytes()).into_owned() + "\n";
    places::write_new(out, &text)?;
    let (before, after) = (crypto::fingerprint(&old.spki()), new.fingerprint());
    ui.result(
        &serde_json::json!({"file": out, "previous": before, "next": after}),
        &format!(
            "rotation statement written to {}\nold key  sha256 {}\nnew key  sha256 {}\n\
             support  entra-bundle trust add NEW.pub.pem --customer LABEL --rotation {}\n",
            out.display(),
            ui::grouped(&before),
            ui::grouped(&after),
            out.file_name().unwrap_or(out.as_os_str()).to_string_lossy()
        ),
    )
}

fn fingerprint(ui: Ui, file: &Path, from: passphrase::From<'_>) -> Result<()> {
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
        PublicKey::from_spki(&unlock(&text, file, from, KEY_HINT)?.spki())?
    };
    let print = public.fingerprint();
    ui.result(
        &serde_json::json!({"purpose": "signing", "algorithm": public.algorithm(), "fingerprint": print}),
        &format!("{print}\n{}\n", ui::grouped(&print)),
    )
}

/// Writes a new signing key and, beside it, its public key (`x.key` → `x.pub.pem`).
fn make_signing(out: &Path, algorithm: Algorithm, passphrase: Option<&str>) -> Result<(SigningKey, PathBuf)> {
    let public = out.with_extension("pub.pem");
    let key = write_signing(out, &public, algorithm, passphrase)?;
    Ok((key, public))
}

fn write_signing(
    out: &Path,
    public: &Path,
    algorithm: Algorithm,
    passphrase: Option<&str>,
) -> Result<SigningKey> {
    if public.exists() {
        return Err(Error::usage(format!("`{}` exists", public.display())).hint("choose another name"));
    }
    let pem = SigningKey::generate(algorithm)?;
    match passphrase {
        Some(passphrase) => places::write_private(out, &SigningKey::protect(&pem, passphrase)?)?,
        None => places::write_private(out, &pem)?,
    }
    let key = SigningKey::from_pem(&pem)?;
    places::write_new(public, &key.public_pem())?;
    Ok(key)
}

/// Writes a new signing key and its public key where the caller wants them.
pub fn make_signing_apart(out: &Path, public: &Path, algorithm: Algorithm) -> Result<PathBuf> {
    write_signing(out, public, algorithm, None)?;
    Ok(public.to_owned())
}

const KEY_HINT: &str = "--passphrase-file FILE or --passphrase-env VAR says where it is";
const SIGN_KEY_HINT: &str =
    "--sign-key-passphrase-file FILE or --sign-key-passphrase-env VAR says where it is";

/// A signing key from the text of its file; an encrypted one is opened with its passphrase.
fn unlock(text: &str, file: &Path, from: passphrase::From<'_>, hint: &str) -> Result<SigningKey> {
    if !SigningKey::is_protected(text) {
        return SigningKey::from_pem(text);
    }
    let passphrase = from.read(&format!("`{}`", file.display()), hint)?;
    SigningKey::from_protected_pem(text, &passphrase)
}

/// The signing key in a file that was named.
pub fn named(file: &Path, from: passphrase::From<'_>) -> Result<SigningKey> {
    unlock(&places::read_small(file, "signing key")?, file, from, SIGN_KEY_HINT)
}

/// A signing key and where its public half lies.
pub struct Signing {
    /// The key.
    pub key: SigningKey,
    /// File of the public key, if it stands beside the private one.
    pub public: Option<PathBuf>,
}

/// The signing key that was named, or the user's own, made on first use.
pub fn signing(ui: Ui, file: Option<&Path>, from: passphrase::From<'_>) -> Result<Signing> {
    if let Some(file) = file {
        let key = named(file, from)?;
        let public = file.with_extension("pub.pem");
        return Ok(Signing { key, public: public.exists().then_some(public) });
    }
    let folder = places::configuration()?;
    let file = folder.join("signing.key");
    if file.exists() {
        let key = named(&file, from)?;
        let public = file.with_extension("pub.pem");
        if !public.exists() {
            places::write_new(&public, &key.public_pem())?;
        }
        return Ok(Signing { key, public: Some(public) });
    }
    places::private_folder(&folder)?;
    let (key, public) = make_signing(&file, Algorithm::Ed25519, None)?;
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
