//! `policy sign`, `policy check`: a privacy officer approves a policy before anything is made under it.

use super::args::{SignKeyPassphrase, Trusting};
use super::ui::{self, Ui};
use super::{key, places, policy, reading, when};
use crate::bundle::attestation::approval::{self, Approval, Tables};
use crate::bundle::attestation::{self, Claim};
use crate::bundle::trust::{Role, Trust, TrustedKey};
use crate::crypto::{self, PublicKey, Signer as _};
use crate::error::{self, Error, Result};
use crate::privacy::{self, Rules};
use clap::Args;
use jiff::Timestamp;
use std::path::{Path, PathBuf};

/// `policy sign`.
#[derive(Args, Debug)]
pub struct Sign {
    /// minimal, balanced, strict, or a policy file.
    pub policy: String,
    /// The officer's signing key (PKCS#8 PEM).
    #[arg(long, value_name = "FILE")]
    pub sign_key: PathBuf,
    #[command(flatten)]
    pub passphrase: SignKeyPassphrase,
    /// A file with further fields.
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    /// How long the approval holds: 90d, 52w.
    #[arg(long, value_name = "SPAN", default_value = "365d")]
    pub valid: String,
    /// The approval to write (….intoto.jsonl); must not exist.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `policy check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// minimal, balanced, strict, or a policy file.
    pub policy: String,
    /// The approval that `policy sign` wrote.
    pub approval: PathBuf,
    /// A file with further fields.
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    #[command(flatten)]
    pub trust: Trusting,
}

/// What an approval of a policy would say now, and the digest of the policy's projection.
fn stated(named: &str, catalogue: Option<&Path>, not_after: &str) -> Result<(Approval, [u8; 32])> {
    let catalogue = policy::catalogue(catalogue)?;
    let policy = policy::load(named)?;
    let now = when::now();
    let rules = Rules::resolve_on(&policy, catalogue, Some(&now))?;
    let projection = rules.projection(policy::nonce(&policy)?.as_ref())?;
    let approval = Approval {
        private_sha256: projection.private_digest.as_ref().map(|digest| digest.as_str().to_owned()),
        policy_version: policy.version(),
        catalogue_sha256: crypto::hex(&catalogue.digest()),
        tables: Tables {
            stopwords: crypto::hex(&privacy::stopwords_digest()),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        },
        signed_at: now,
        not_after: not_after.to_owned(),
    };
    Ok((approval, projection.digest()?))
}

/// Runs `policy sign`.
pub fn sign(ui: Ui, args: &Sign) -> Result<u8> {
    if !args.out.to_string_lossy().ends_with(".intoto.jsonl") {
        return Err(Error::usage("an approval ends in .intoto.jsonl, so that readers know it"));
    }
    let end = Timestamp::now()
        .checked_add(when::span(&args.valid)?)
        .map_err(|_| Error::usage("the approval would end too late"))?;
    let signer = key::named(&args.sign_key, args.passphrase.from())?;
    let (approval, digest) = stated(&args.policy, args.catalogue.as_deref(), &when::stated(end))?;
    let signed = approval::sign(digest, &approval, &signer)?;
    places::write_new(&args.out, &(String::from_utf8_lossy(signed.line.bytes()).into_owned() + "\n"))?;
    let (digest, print) = (crypto::hex(&digest), crypto::fingerprint(&signer.spki()));
    ui.result(
        &serde_json::json!({
            "file": args.out, "policySha256": digest, "notAfter": approval.not_after, "fingerprint": print,
        }),
        &format!(
            "approved  {}   until {}\npolicy    sha256 {}\nsigned    sha256 {}\n\
             Send it with every bundle made under this policy: entra-bundle verify BUNDLE {}\n",
            args.out.display(),
            approval.not_after,
            ui::grouped(&digest),
            ui::grouped(&print),
            args.out.file_name().unwrap_or(args.out.as_os_str()).to_string_lossy(),
        ),
    )?;
    Ok(0)
}

/// Runs `policy check`.
pub fn check(ui: Ui, args: &CheckArgs) -> Result<u8> {
    let text = places::read_small(&args.approval, "approval")?;
    let (approval, subject, by) = open(text.trim_end_matches('\n').as_bytes(), &officers(&args.trust)?)?;
    let (current, digest) = stated(&args.policy, args.catalogue.as_deref(), &approval.not_after)?;
    let refused =
        |why: &str| Err(Error::new(error::Kind::Privacy, format!("the approval does not hold: {why}")));
    if approval.catalogue_sha256 != current.catalogue_sha256 || approval.tables != current.tables {
        return refused("the catalogue, or a table of the program, is another one than when it was signed");
    }
    if subject != crypto::hex(&digest) || approval.private_sha256 != current.private_sha256 {
        return refused("it is about another policy, or about another state of this one");
    }
    if approval.policy_version != current.policy_version {
        return refused("it is about another version of the policy");
    }
    if !approval.covers(&current.signed_at) {
        return refused("it has ended");
    }
    ui.result(
        &serde_json::json!({
            "approved": true, "policySha256": subject, "signedAt": approval.signed_at,
            "notAfter": approval.not_after, "fingerprint": by,
        }),
        &format!(
            "approved by sha256 {}\non        {}\nuntil     {}\n",
            ui::grouped(&by),
            approval.signed_at,
            approval.not_after
        ),
    )?;
    Ok(0)
}

/// Who may approve: the keys of the trust file; a key named alone is an officer's here.
fn officers(args: &Trusting) -> Result<Trust> {
    if args.public_key.is_empty() {
        return reading::trust(args);
    }
    let mut trust = Trust::none();
    for file in &args.public_key {
        let key = PublicKey::from_pem(&places::read_small(file, "public key")?)?;
        trust.admit(TrustedKey::new(&key, vec![Role::PolicyApproval]), None)?;
    }
    Ok(trust)
}

/// The approval in a line, the digest that it is about, and the officer's fingerprint.
fn open(line: &[u8], trust: &Trust) -> Result<(Approval, String, String)> {
    let bad = |text: &str| Error::new(error::Kind::Signature, text.to_owned());
    let opened = attestation::open(line).map_err(bad)?;
    let message = attestation::pae(attestation::PAYLOAD_TYPE, &opened.payload);
    let Some((key, _)) = trust.keys().find(|(_, public)| public.verify(&message, &opened.signature)) else {
        return Err(Error::new(error::Kind::Untrusted, "the approval is by no key that you trust")
            .hint("name the officer's public key with --public-key, or pin it with `entra-bundle trust add --role policy-approval`"));
    };
    let (claim, subject) = attestation::claim(&opened.payload).map_err(bad)?;
    let Claim::PolicyApproval(approval) = claim else {
        return Err(bad("the statement is no approval of a policy"));
    };
    let objection = match key.objection(Some(&approval.signed_at)) {
        None if !key.roles.contains(&Role::PolicyApproval) => Some("the key may not approve policies"),
        objection => objection,
    };
    match objection {
        Some(why) => Err(Error::new(error::Kind::TrustPolicy, why)),
        None => Ok((approval, subject, key.fingerprint.clone())),
    }
}
