//! `verify --receipt`: the recipient signs what arrived. The receipt stands beside the bundle, never inside.

use super::args::SignKeyPassphrase;
use super::ui::Ui;
use super::{key, places, when};
use crate::bundle::Verified;
use crate::bundle::attestation::{self, Receipt};
use crate::crypto::SigningKey;
use crate::error::{Error, Result};
use clap::Args;
use std::path::PathBuf;

/// Flags of a receipt.
#[derive(Args, Debug)]
pub struct ReceiptArgs {
    /// After a successful verification, write a signed receipt to this file (….intoto.jsonl); must not exist.
    #[arg(long, value_name = "FILE", requires = "sign_key")]
    pub receipt: Option<PathBuf>,
    /// The recipient's signing key (PKCS#8 PEM) for the receipt.
    #[arg(long, value_name = "FILE", requires = "receipt")]
    pub sign_key: Option<PathBuf>,
    #[command(flatten)]
    pub passphrase: SignKeyPassphrase,
}

impl ReceiptArgs {
    /// The key, read before the long work starts; `None` where no receipt is wanted.
    pub fn signer(&self) -> Result<Option<SigningKey>> {
        let (Some(out), Some(file)) = (&self.receipt, &self.sign_key) else { return Ok(None) };
        if out.symlink_metadata().is_ok() {
            return Err(Error::usage(format!("`{}` exists", out.display())).hint("choose another name"));
        }
        if !out.to_string_lossy().ends_with(".intoto.jsonl") {
            return Err(Error::usage("a receipt ends in .intoto.jsonl, so that readers know it"));
        }
        key::named(file, self.passphrase.from()).map(Some)
    }

    /// Writes the receipt of a verified bundle: bound to the manifest and the content, not to the file,
    /// whose digest changes when it is encrypted again.
    pub fn write(&self, ui: Ui, bundle: &Verified, signer: &SigningKey) -> Result<()> {
        let Some(out) = &self.receipt else { return Ok(()) };
        let predicate =
            Receipt { content_root: bundle.manifest().hash.root.clone(), received_at: when::now() };
        let signed = attestation::sign_receipt(bundle.manifest_digest()?, &predicate, signer)?;
        places::write_new(out, &(String::from_utf8_lossy(signed.line.bytes()).into_owned() + "\n"))?;
        ui.note(&format!("receipt   {}", out.display()));
        Ok(())
    }
}
