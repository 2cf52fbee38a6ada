//! `countersign`: a privacy officer looks at a sealed bundle and signs, or refuses.

use super::args::{SignKeyPassphrase, Trusting};
use super::ui::{self, Ui};
use super::{key, passphrase, places, reading, when};
use crate::bundle::attestation::{self, PrivacyReview, Sampled, Scanner};
use crate::bundle::{self, Verified};
use crate::crypto::{Signer as _, SigningKey};
use crate::error::{self, Error, Result};
use crate::inspect::decision::{self, Decision, Scanned};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};

/// `countersign`.
#[derive(Args, Debug)]
pub struct Countersign {
    /// The bundle.
    pub bundle: PathBuf,
    /// The reviewer's signing key (PKCS#8 PEM); not the collector's.
    #[arg(long, value_name = "FILE")]
    pub sign_key: PathBuf,
    #[command(flatten)]
    pub passphrase: SignKeyPassphrase,
    /// Digest of the policy that you approve; demanded where there is no terminal to ask on.
    #[arg(long, value_name = "HEX")]
    pub policy_digest: Option<String>,
    /// Sign a rejection: it is listed by `verify` and never counts as an approval.
    #[arg(long)]
    pub reject: bool,
    /// Write a new bundle with the signature inside, instead of a file beside it.
    #[arg(long, requires = "out")]
    pub embed: bool,
    /// File to write; must not exist. Without it: the bundle's name and .privacy-review.intoto.jsonl.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub trust: Trusting,
}

/// What is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Approved,
    Rejected,
}

/// Runs `countersign`.
pub fn run(ui: Ui, args: &Countersign) -> Result<u8> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => beside(&args.bundle, "privacy-review"),
    };
    if out.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("`{}` exists", out.display())).hint("choose another name"));
    }
    if !args.embed && !out.to_string_lossy().ends_with(".intoto.jsonl") {
        return Err(Error::usage(
            "a signature beside a bundle ends in .intoto.jsonl, so that readers know it",
        ));
    }
    let signer = key::named(&args.sign_key, args.passphrase.from())?;
    let check = reading::check(&args.trust)?;
    let bundle = reading::open(&args.bundle, &args.trust)?;
    if args.embed {
        embeddable(&args.bundle, &bundle)?;
    }
    independent(&bundle, &signer)?;
    let decision = decision::of(&bundle)?;
    let scanned = decision.scan(&bundle)?;
    show(&args.bundle, &bundle, &decision, scanned);
    let verdict = verdict(args, &bundle, scanned)?;

    let manifest = bundle.manifest();
    let predicate = PrivacyReview {
        bundle_id: manifest.bundle_id.clone(),
        content_root: manifest.hash.root.clone(),
        policy_sha256: manifest.policy.sha256.clone(),
        decision: if verdict == Verdict::Approved { "approved" } else { "rejected" }.to_owned(),
        sampled: Sampled { entries: scanned.entries, rows: scanned.rows },
        scanner: Scanner { version: env!("CARGO_PKG_VERSION").to_owned(), findings: scanned.findings },
        signed_at: when::now(),
    };
    let signed = attestation::sign_review(bundle.manifest_digest()?, &predicate, &signer)?;
    if decision.finds(signed.payload.bytes())? || decision.finds(signed.line.bytes())? {
        return Err(Error::new(
            error::Kind::Privacy,
            "the statement holds what looks like an identifying value",
        ));
    }
    if args.embed {
        // The copy is verified as the bundle was; the reviewer's own key need not be trusted for that.
        bundle.embed(&signed.line, &out, &check)?;
    } else {
        places::write_new(&out, &(String::from_utf8_lossy(signed.line.bytes()).into_owned() + "\n"))?;
    }
    let fingerprint = crate::crypto::fingerprint(&signer.spki());
    ui.result(
        &serde_json::json!({
            "file": out, "bundleId": manifest.bundle_id, "decision": predicate.decision, "embedded": args.embed,
            "policySha256": manifest.policy.sha256, "fingerprint": fingerprint, "scan": scanned,
        }),
        &format!(
            "{}  {}\nsigned    sha256 {}\n{}",
            predicate.decision,
            out.display(),
            ui::grouped(&fingerprint),
            if args.embed { "" } else { "Send it with the bundle: entra-bundle verify BUNDLE FILE\n" },
        ),
    )?;
    Ok(0)
}

/// A copy of an encrypted bundle would be in clear, and a series is more than one file.
fn embeddable(path: &Path, bundle: &Verified) -> Result<()> {
    let encrypted = std::fs::File::open(path).and_then(|file| bundle::encrypted::is_encrypted(&file));
    let encrypted = encrypted.map_err(|e| Error::io("cannot read the bundle", e));
    if !bundle.volumes().is_empty() || encrypted? {
        return Err(Error::usage("a signature cannot be embedded into an encrypted bundle or into volumes")
            .hint("leave --embed out: the signature beside the bundle says the same"));
    }
    Ok(())
}

/// `<bundle>.<what>.intoto.jsonl`, beside the bundle.
pub fn beside(bundle: &Path, what: &str) -> PathBuf {
    let mut name = bundle.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}.intoto.jsonl"));
    bundle.with_file_name(name)
}

/// A review by the key that sealed the bundle is none.
fn independent(bundle: &Verified, signer: &SigningKey) -> Result<()> {
    let own = crate::crypto::fingerprint(&signer.spki());
    let lines = bundle.read(bundle::path::ATTESTATIONS)?;
    let first = lines.split(|b| *b == b'\n').next().unwrap_or_default();
    let by = attestation::open(first).ok().and_then(|opened| opened.keyid);
    if by.as_deref() == Some(&own) {
        return Err(Error::usage("this key sealed the bundle: a review needs a key of its own"));
    }
    Ok(())
}

/// The decision table and the digest, before anything is signed; on standard error, for whoever decides.
fn show(path: &Path, bundle: &Verified, decision: &Decision, scanned: Scanned) {
    let manifest = bundle.manifest();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "kind",
        "what it is",
        "treatment",
        "kept",
        "replaced",
        "left out",
    ]);
    for row in &decision.rows {
        table.add_row([
            row.kind.clone(),
            row.holds.to_owned(),
            row.treatment.clone(),
            ui::thousands(row.kept),
            ui::thousands(row.replaced),
            ui::thousands(row.dropped),
        ]);
    }
    for at in 3..6 {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    eprintln!(
        "bundle    {}   {}\ncase      {}\npolicy    {} version {}, {} exceptions; readable lists: {}\n\n{}",
        manifest.bundle_id,
        path.display(),
        manifest.case.reference.as_deref().unwrap_or("none"),
        decision.preset.as_deref().unwrap_or("the customer's own"),
        decision.version,
        decision.exceptions,
        if decision.keep.is_empty() { "none".to_owned() } else { decision.keep.join(", ") },
        ui::plain(&table),
    );
    eprintln!(
        "scan      {} findings by shape in {} entries, {} records\npolicy    sha256 {}",
        ui::thousands(scanned.findings),
        ui::thousands(scanned.entries),
        ui::thousands(scanned.rows),
        ui::grouped(&manifest.policy.sha256),
    );
}

fn verdict(args: &Countersign, bundle: &Verified, scanned: Scanned) -> Result<Verdict> {
    let policy = &bundle.manifest().policy.sha256;
    let named = match &args.policy_digest {
        Some(named) => {
            let named: String = named.chars().filter(|c| !c.is_whitespace()).collect();
            if named.trim_start_matches("sha256:").to_ascii_lowercase() != *policy {
                return Err(Error::new(
                    error::Kind::Privacy,
                    "the bundle was made under another policy than the one whose digest was given",
                ));
            }
            true
        }
        None => false,
    };
    if args.reject {
        return Ok(Verdict::Rejected);
    }
    let verdict = if named {
        Verdict::Approved
    } else if passphrase::terminal() {
        ask()?
    } else {
        return Err(Error::usage("without a terminal the digest of the policy has to be given")
            .hint("look at the table above, then repeat with --policy-digest HEX, or with --reject"));
    };
    if verdict == Verdict::Approved && scanned.findings > 0 {
        return Err(Error::new(
            error::Kind::Privacy,
            "the bundle holds what looks like identifying values; it is not approved",
        )
        .hint("--reject signs a rejection"));
    }
    Ok(verdict)
}

fn ask() -> Result<Verdict> {
    eprint!("\nType `approve` to sign an approval, `reject` to sign a rejection: ");
    let mut typed = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut typed)
        .map_err(|e| Error::io("cannot read from the terminal", e))?;
    match typed.trim() {
        "approve" => Ok(Verdict::Approved),
        "reject" => Ok(Verdict::Rejected),
        _ => Err(Error::usage("nothing was signed")),
    }
}
