//! `decrypt`: an encrypted bundle as the zip inside it.

use super::opening::{self, Opening};
use super::reading;
use super::ui::{self, Ui};
use crate::bundle::encrypted;
use crate::crypto::{self, Sha256};
use crate::error::{Error, Result};
use clap::Args;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `decrypt`.
#[derive(Args, Debug)]
pub struct Decrypt {
    /// The encrypted bundle.
    pub bundle: PathBuf,
    #[command(flatten)]
    pub opening: Opening,
    /// File for the zip; must not exist.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Runs `decrypt`. The file appears under its name when every byte of it is authenticated; what it
/// holds is for `verify` to say.
pub fn run(ui: Ui, args: &Decrypt) -> Result<u8> {
    reading::exists(&args.bundle)?;
    let identities = opening::identities(&args.opening)?;
    if args.out.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("`{}` exists", args.out.display())).hint("choose another name"));
    }
    let failed = |e| Error::io(format!("cannot write `{}`", args.out.display()), e);
    let unreadable = |e| encrypted::failure("cannot read the bundle", e);
    let file = Arc::new(File::open(&args.bundle).map_err(unreadable)?);
    if !encrypted::is_encrypted(&*file).map_err(unreadable)? {
        return Err(Error::usage("the bundle is not encrypted").hint("every command reads it as it is"));
    }
    let opened = encrypted::open(file, &identities).map_err(unreadable)?;
    let folder = args.out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut out = tempfile::Builder::new()
        .prefix(".entra-bundle-")
        .suffix(".partial")
        .tempfile_in(folder)
        .map_err(failed)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let length = opened.plain.len().map_err(unreadable)?;
    let mut at = 0;
    while at < length {
        let read = opened.plain.read_at(at, &mut buffer).map_err(unreadable)?;
        let bytes = &buffer[..read];
        out.write_all(bytes).map_err(failed)?;
        digest.update(bytes);
        at += read as u64;
    }
    out.as_file().sync_all().map_err(failed)?;
    out.persist_noclobber(&args.out).map_err(|e| failed(e.error))?;
    let sha256 = crypto::hex(&digest.finish());
    ui.result(
        &serde_json::json!({"file": args.out, "bytes": length, "sha256": sha256, "recipient": opened.recipient}),
        &format!(
            "decrypted {}   {}   sha256 {}…   with the identity of {}\nIts origin is not proven yet.\nnext      {} verify {} --public-key signing.pub.pem\n",
            args.out.display(),
            ui::size(length),
            &sha256[..16],
            opened.recipient,
            ui::program(),
            args.out.display(),
        ),
    )?;
    Ok(0)
}
