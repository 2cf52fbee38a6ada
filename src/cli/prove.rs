//! `prove`, and `verify --entry --proof`: one file of a bundle, proven alone.

use super::args::{Trusting, Verify};
use super::ui::{self, Ui};
use super::{places, reading, verify as whole};
use crate::bundle::proof::{self, Checked};
use crate::error::{self, Error, Result};
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// `prove`.
#[derive(Args, Debug)]
pub struct Prove {
    /// The bundle.
    pub bundle: PathBuf,
    /// The entry to prove, as `entra-bundle export` lists it.
    pub entry: String,
    /// The proof to write; must not exist.
    #[arg(long, value_name = "PROOF")]
    pub out: PathBuf,
    #[command(flatten)]
    pub trust: Trusting,
}

/// Runs `prove`.
pub fn run(ui: Ui, args: &Prove) -> Result<u8> {
    if args.out.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("`{}` exists", args.out.display())).hint("choose another name"));
    }
    let bundle = reading::open(&args.bundle, &args.trust)?;
    let proof = bundle.prove(&args.entry)?;
    let text = serde_json::to_string_pretty(&proof)
        .map_err(|_| Error::new(error::Kind::Internal, "cannot write the proof"))?;
    places::write_new(&args.out, &(text + "\n"))?;
    ui.result(
        &json!({
            "file": args.out, "path": proof.path, "sha256": proof.sha256, "size": proof.size,
            "index": proof.index, "treeSize": proof.tree_size,
        }),
        &format!(
            "proof written to {}\nSend it with the file: entra-bundle verify --entry FILE --proof {}\n",
            args.out.display(),
            args.out.file_name().unwrap_or(args.out.as_os_str()).to_string_lossy()
        ),
    )?;
    Ok(0)
}

/// Runs `verify --entry FILE --proof PROOF`.
pub fn verify(ui: Ui, entry: &Path, proof: &Path, args: &Verify) -> Result<u8> {
    for (flag, given) in [
        ("--require-complete", args.require_complete),
        ("--inspect-untrusted", args.inspect_untrusted),
        ("--max-age", args.max_age.is_some()),
        ("--expect-case", args.expect_case.is_some()),
        ("--receipt", args.receipt.receipt.is_some()),
    ] {
        if given {
            return Err(Error::usage(format!("{flag} needs the whole bundle")));
        }
    }
    reading::exists(entry)?;
    reading::exists(proof)?;
    let trust = reading::trust(&args.trust)?;
    let read =
        |path: &Path| File::open(path).map_err(|e| Error::io(format!("cannot read `{}`", path.display()), e));
    let mut text = Vec::new();
    read(proof)?
        .take(proof::PROOF_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|e| Error::io("cannot read the proof", e))?;
    let checked = proof::check(&text, &mut read(entry)?, &trust)
        .map_err(|e| Error::io(format!("cannot read `{}`", entry.display()), e))?;
    let other = |found: &proof::Proven| args.expect_bundle.as_ref().is_some_and(|id| *id != found.bundle_id);
    if checked.proven.as_ref().is_some_and(other) {
        return Err(Error::new(error::Kind::TrustPolicy, "the file is of another bundle than expected"));
    }
    report(ui, &checked)
}

fn report(ui: Ui, checked: &Checked) -> Result<u8> {
    let refusal = checked.class().map(|class| {
        let lines: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
        Error::new(class, lines.join("; "))
    });
    let code = refusal.as_ref().map_or(0, Error::code);
    if ui.json {
        let proven = checked.proven.as_ref();
        ui::print_json(&json!({
            "result": checked.class().map_or("verified", error::Kind::name),
            "code": code,
            "path": proven.map(|p| &p.path),
            "size": proven.map(|p| p.size),
            "sha256": proven.map(|p| &p.sha256),
            "bundleId": proven.map(|p| &p.bundle_id),
            "contentRoot": proven.map(|p| &p.content_root),
            "policySha256": proven.map(|p| &p.policy_sha256),
            "signers": checked.signers,
            "findings": checked.findings,
        }))?;
    } else {
        let mut out = whole::signers(&checked.signers);
        if let Some(proven) = &checked.proven {
            out += &format!(
                "bundle    {}\nentry     {}   {}   sha256 {}\nverified  this file is that entry of that bundle\n{}\n",
                proven.bundle_id,
                proven.path,
                ui::size(proven.size),
                proven.sha256,
                whole::MEANING
            );
        }
        ui::print(&out)?;
    }
    if let Some(error) = refusal {
        ui.failure(&error);
    }
    Ok(code)
}
