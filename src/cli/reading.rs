//! How commands that read a bundle get it: through `verify`, with the keys that the user trusts.

use super::args::Trusting;
use super::{opening, places, ui};
use crate::bundle::{self, Check, Trust, Verification, Verified};
use crate::crypto::PublicKey;
use crate::error::{self, Error, Result};
use std::path::{Path, PathBuf};

/// The trust that the flags name; without any, the user's own; without that, nobody is trusted.
pub fn trust(args: &Trusting) -> Result<Trust> {
    if args.trust.is_none() && args.public_key.is_empty() {
        let own = places::trust_file()?;
        return if own.exists() {
            Trust::parse(&places::read_small(&own, "trust file")?)
        } else {
            Ok(Trust::none())
        };
    }
    let mut trust = Trust::none();
    if let Some(file) = &args.trust {
        trust = Trust::parse(&places::read_small(file, "trust file")?)?;
    }
    for file in &args.public_key {
        trust
            .merge(Trust::from_public_key(PublicKey::from_pem(&places::read_small(file, "public key")?)?))?;
    }
    Ok(trust)
}

/// What a bundle is held against before it is read.
pub fn check(args: &Trusting) -> Result<Check> {
    Ok(Check {
        now: Some(jiff::Timestamp::now()),
        limits: args.limits.settle(),
        identities: opening::identities(&args.opening)?,
        ..Check::new(trust(args)?)
    })
}

/// Verifies a bundle for reading. Anything but a proven one is an error with the code of `verify`.
pub fn open(path: &Path, args: &Trusting) -> Result<Verified> {
    let volumes = volumes(path)?;
    let check = check(args)?;
    let found = bundle::verify_all(&volumes, &check)?;
    match refusal(&found) {
        Some(error) => Err(error),
        None => found.verified.ok_or_else(|| Error::new(error::Kind::Internal, "a verified bundle is gone")),
    }
}

/// The findings of the first failing step as one error.
pub fn refusal(found: &Verification) -> Option<Error> {
    let kind = found.class()?;
    let mut lines: Vec<String> = found.findings.iter().take(10).map(ToString::to_string).collect();
    if found.findings.len() > lines.len() {
        lines.push(format!(
            "and {} more findings",
            ui::thousands((found.findings.len() - lines.len()) as u64)
        ));
    }
    let message = if lines.is_empty() { "the bundle is not accepted".to_owned() } else { lines.join("; ") };
    let error = Error::new(kind, message);
    Some(match kind {
        error::Kind::Untrusted => error.hint(
            "get the collector's public key by another way than the bundle, compare its fingerprint, and name it with --public-key, or pin it with `entra-bundle trust add`",
        ),
        error::Kind::NotABundle | error::Kind::Integrity | error::Kind::Signature => {
            error.hint("the file was damaged or changed after sealing: ask for it again")
        }
        _ => error,
    })
}

/// The files of a bundle: the one that was named, or the volumes in the folder that was named.
pub fn volumes(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        exists(path)?;
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path)
        .map_err(|e| Error::io(format!("cannot read the folder `{}`", path.display()), e))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.file_name().and_then(|name| name.to_str()).is_some_and(bundle::is_volume_name))
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(Error::usage(format!("`{}` is a folder, not a bundle", path.display()))
            .hint("name the bundle; a folder is read where it holds the volumes of one (….vol01.zip)"));
    }
    Ok(found)
}

/// A missing file is a usage error that names it.
pub fn exists(path: &Path) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let what = if path.is_dir() { "is a folder, not a bundle" } else { "does not exist" };
    Err(Error::usage(format!("`{}` {what}", path.display())))
}
