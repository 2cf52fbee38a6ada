//! Verification: the steps in their order, and what each failure means.
//!
//! Nothing of a bundle is parsed or inflated before a key that the reader chose vouches for its
//! manifest. Up to there the first step that fails ends the verification; the steps behind it are
//! all done. All findings are reported, and the class with the lowest exit code wins.

use super::attestation::{self, Claim};
use super::content::{Contents, damage};
use super::encrypted;
use super::finding::{Finding, Findings, Rule, class_of};
use super::grammar;
use super::manifest::{Manifest, Status};
use super::medium::{EntryReader, Medium};
use super::outcome::{Check, Verification};
use super::path;
use super::profile::{self, Structure};
use super::signers::{Counted, Signers, fulfilled};
use super::verified::Verified;
use crate::crypto;
use crate::crypto::encryption::Unopened;
use crate::error::{self, Error, Result};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Verifies the bundle in a file. `Err` is a failure to read, or a wrong use of `check`; what is
/// wrong with the bundle stands in the [`Verification`].
pub fn verify(path: &Path, check: &Check) -> Result<Verification> {
    let failed = |e| Error::io("cannot read the bundle", e);
    // Asked before opening: opening a FIFO would wait for a writer.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(Error::new(error::Kind::NotABundle, "not a bundle: not a regular file"));
    }
    verify_medium(Arc::new(File::open(path).map_err(failed)?), check)
}

/// Verifies the bundle in a medium.
pub fn verify_medium(medium: Arc<dyn Medium>, check: &Check) -> Result<Verification> {
    all_steps(medium, check, &HashSet::new())
}

/// Verifies what this process has packed. The entries of `packed` were inflated again before they were
/// appended, and compared by size and CRC-32 with what went in; the archive digest says that the file holds
/// those bytes. So they are not inflated once more. Everything else is as for a stranger.
pub(super) fn verify_packed(
    medium: Arc<dyn Medium>,
    check: &Check,
    packed: &HashSet<String>,
) -> Result<Verification> {
    all_steps(medium, check, packed)
}

fn all_steps(medium: Arc<dyn Medium>, check: &Check, packed: &HashSet<String>) -> Result<Verification> {
    if check.now.is_none() && max_age(check).is_some() {
        return Err(Error::new(error::Kind::Internal, "a greatest age needs the time"));
    }
    let detached = detached(check)?;
    let signers = Signers::new(&check.trust, check.limits.attestation_bytes);
    let mut run = Run {
        medium,
        check,
        packed,
        signers,
        warnings: Vec::new(),
        manifest: None,
        sha256: None,
        recipient: None,
    };
    let mut findings = Vec::new();
    let verified = match run.steps(&detached, &mut findings) {
        Ok(verified) => Some(verified).filter(|_| findings.is_empty()),
        Err(Stop::Findings(more)) => {
            // What inspection finds comes behind what stopped the verification.
            let class = class_of(&findings).or(class_of(&more));
            findings.extend(more);
            return Ok(run.outcome(None, findings, class));
        }
        Err(Stop::Failed(cause)) => return Err(Error::io("cannot read the bundle", cause)),
    };
    let class = class_of(&findings);
    Ok(run.outcome(verified, findings, class))
}

fn max_age(check: &Check) -> Option<jiff::SignedDuration> {
    let days = i64::try_from(check.trust.demands().max_age_days).unwrap_or(i64::MAX);
    let own = (days > 0).then(|| jiff::SignedDuration::from_secs(days.saturating_mul(86_400)));
    match (check.max_age, own) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

/// Reads the detached files, each within the limit.
fn detached(check: &Check) -> Result<Vec<Vec<u8>>> {
    let read = |path: &PathBuf| {
        let mut bytes = Vec::new();
        let limit = check.limits.attestation_bytes + 1;
        File::open(path)
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .map_err(|e| Error::io("cannot read a detached attestation", e))?;
        Ok(bytes)
    };
    check.detached.iter().map(read).collect()
}

enum Stop {
    Findings(Vec<Finding>),
    Failed(io::Error),
}

impl From<Vec<Finding>> for Stop {
    fn from(findings: Vec<Finding>) -> Self {
        Stop::Findings(findings)
    }
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Stop::Findings(vec![finding])
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match Unopened::of(&error) {
            Some(why) => encrypted::finding(why).into(),
            None => Stop::Failed(error),
        }
    }
}

struct Run<'a> {
    medium: Arc<dyn Medium>,
    check: &'a Check,
    /// Entries that were read back when they were packed.
    packed: &'a HashSet<String>,
    signers: Signers<'a>,
    warnings: Vec<String>,
    manifest: Option<Arc<Manifest>>,
    sha256: Option<[u8; 32]>,
    /// The recipient whose identity opened the file.
    recipient: Option<String>,
}

impl Run<'_> {
    fn outcome(
        mut self,
        verified: Option<Verified>,
        findings: Vec<Finding>,
        class: Option<error::Kind>,
    ) -> Verification {
        self.warnings.append(&mut self.signers.warnings);
        Verification {
            verified,
            findings,
            signers: self.signers.lines,
            warnings: self.warnings,
            manifest: self.manifest,
            zip_sha256: self.sha256.map(|digest| crypto::hex(&digest)),
            recipient: self.recipient,
            class,
        }
    }

    /// The steps in their order. Findings about the origin go to `origin`: with them, inspection may go on.
    fn steps(
        &mut self,
        detached: &[Vec<u8>],
        origin: &mut Vec<Finding>,
    ) -> std::result::Result<Verified, Stop> {
        self.encryption()?;
        let mut limits = self.check.limits;
        let structure = profile::read(&*self.medium, &limits)??;
        let manifest = self.whole(&structure, path::MANIFEST)?;
        let attestations = self.whole(&structure, path::ATTESTATIONS)?;
        let digest = crypto::hex(&crypto::sha256(&manifest));
        let counted = self.signers.read(&attestations, detached, &digest)?;
        if let Err(finding) = self.origin(&counted) {
            if !self.check.inspect_untrusted {
                return Err(finding.into());
            }
            origin.push(finding);
            limits = limits.untrusted();
            profile::read(&*self.medium, &limits)??;
        }
        let manifest = Arc::new(Manifest::parse(&manifest)?);
        self.manifest = Some(Arc::clone(&manifest));
        bind(&manifest, &counted)?;
        let contents =
            Contents { medium: &self.medium, structure: &structure, manifest: &manifest, limits: &limits };
        // From here on the steps do not build on one another: all of them are done, all is reported.
        let mut findings = Findings::default();
        let set = contents.set();
        let entries = contents.entries(self.check.workers, self.packed)?;
        let digest = contents.archive()?;
        self.sha256 = Some(digest.whole);
        // Agreement reads entries by name: each must be listed and undamaged.
        let readable = set.is_ok() && entries.is_ok();
        findings.take(set);
        findings.take(entries);
        findings.take(digest.signed);
        if readable {
            findings.take(contents.agreement()?);
        }
        if origin.is_empty() {
            findings.take(self.demands(&manifest, &counted));
        }
        findings.take(self.series(&manifest));
        findings.none_or()?;
        Ok(Verified::new(Arc::clone(&self.medium), structure, manifest))
    }

    /// Step 1: what is encrypted is decrypted where it is read from here on.
    fn encryption(&mut self) -> std::result::Result<(), Stop> {
        if encrypted::is_encrypted(&*self.medium)? {
            let opened = encrypted::open(Arc::clone(&self.medium), &self.check.identities)?;
            (self.medium, self.recipient) = (opened.plain, Some(opened.recipient));
            if encrypted::is_encrypted(&*self.medium)? {
                return Err(Finding::new(Rule::Encrypted, "the file is encrypted twice").into());
            }
        }
        let mut head = [0; 32];
        let length = self.medium.len()?.min(head.len() as u64) as usize;
        let Some(head) = head.get_mut(..length) else { return Ok(()) };
        self.medium.read_exact_at(0, head)?;
        let flags = head.get(6).copied().unwrap_or_default();
        if head.starts_with(b"PK\x03\x04") && flags & 1 != 0 {
            let text = "the archive is encrypted with a zip password; a bundle never is";
            return Err(Finding::new(Rule::Encrypted, text).into());
        }
        Ok(())
    }

    /// Step 3: one entry as bytes. Its size is within its limit.
    fn whole(&self, structure: &Structure, name: &str) -> std::result::Result<Vec<u8>, Stop> {
        let slot = structure
            .entry(name)
            .ok_or_else(|| Finding::new(Rule::EntryMissing, "every bundle has this entry").of(name))?;
        let mut bytes = Vec::new();
        match EntryReader::new(Arc::clone(&self.medium), slot.clone(), None).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(damage(name, error)?.into()),
        }
    }

    /// Step 5: a trusted key in force vouches as collector.
    fn origin(&self, counted: &[Counted]) -> std::result::Result<(), Finding> {
        if counted.iter().any(|line| matches!(line.claim, Claim::Collection(_))) {
            return Ok(());
        }
        Err(self.signers.objection())
    }

    /// Step 10: the rest of what the reader demands.
    fn demands(&mut self, manifest: &Manifest, counted: &[Counted]) -> std::result::Result<(), Vec<Finding>> {
        let mut findings = Findings::default();
        let required = &self.check.trust.demands().require;
        // An approval of the policy counts for what was made before it ended.
        let counted: Vec<&Counted> = counted
            .iter()
            .filter(|line| match &line.claim {
                Claim::PolicyApproval(approval) => approval.covers(&manifest.created_at),
                _ => true,
            })
            .collect();
        if !fulfilled(required, &counted, &mut Vec::new()) {
            let names: Vec<&str> = required.iter().map(|role| role.id()).collect();
            let text = format!("required, each by a key of its own: {}", names.join(", "));
            findings.add(Finding::new(Rule::RoleMissing, text));
        }
        if self.check.expect_case.is_some() && self.check.expect_case != manifest.case.reference {
            findings.add(Finding::new(Rule::OtherCase, "the bundle is for another case, or for none"));
        }
        if self.check.expect_bundle.as_ref().is_some_and(|id| *id != manifest.bundle_id) {
            findings.add(Finding::new(Rule::OtherBundle, "the bundle is another one than expected"));
        }
        if let (Some(now), Some(created)) = (self.check.now, grammar::time(&manifest.created_at)) {
            let age = now.as_second().saturating_sub(created.as_second());
            const DAY: i64 = 86_400;
            if max_age(self.check).is_some_and(|most| age > most.as_secs()) {
                findings.add(Finding::new(Rule::TooOld, "the bundle is older than allowed"));
            }
            if age < -DAY {
                self.warnings
                    .push("the bundle was made in the future, by the clock of its collector".to_owned());
            }
        }
        match &self.recipient {
            Some(own) if !manifest.intended_recipients.contains(own) => {
                let text = "the bundle was not sealed for the recipient to whom it came encrypted: somebody passed it on";
                findings.add(Finding::new(Rule::OtherRecipient, text));
            }
            None if !manifest.intended_recipients.is_empty() => {
                let text = "the bundle was sealed for encryption, but came in clear: somebody decrypted it on the way";
                self.warnings.push(text.to_owned());
            }
            _ => {}
        }
        findings.none_or()
    }

    /// Step 11: the series is whole, and the bundle complete if that is demanded.
    fn series(&mut self, manifest: &Manifest) -> std::result::Result<(), Vec<Finding>> {
        let mut findings = Findings::default();
        let volume = &manifest.volume;
        if !self.check.of_series && volume.series_id.is_some() && !(volume.last && volume.index == 1) {
            let text = "a volume of a series whose other volumes are not here: give them all, or the folder that holds them";
            findings.add(Finding::new(Rule::Series, text));
        }
        if manifest.completeness.status == Status::Incomplete {
            let text = "some datasets are partial, skipped or failed";
            if self.check.require_complete {
                findings.add(Finding::new(Rule::Incomplete, text));
            } else {
                self.warnings.push(text.to_owned());
            }
        }
        findings.none_or()
    }
}

/// Step 6, second half: counted statements say what the manifest says.
fn bind(manifest: &Manifest, counted: &[Counted]) -> std::result::Result<(), Vec<Finding>> {
    let mut findings = Findings::default();
    let root = &manifest.hash.root;
    let policy = &manifest.policy.sha256;
    for line in counted {
        let bound = match &line.claim {
            Claim::Collection(own) => *own == attestation::Collection::of(manifest, &own.signed_at),
            Claim::PrivacyReview(own) => {
                own.bundle_id == manifest.bundle_id
                    && own.content_root == *root
                    && own.policy_sha256 == *policy
            }
            Claim::PolicyApproval(own) => {
                line.subject == *policy && own.catalogue_sha256 == manifest.catalogue.sha256
            }
            Claim::Receipt(own) => own.content_root == *root,
            // Whether the volumes are those is for whoever has them all.
            Claim::Series(own) => {
                manifest.volume.series_id.as_ref() == Some(&own.series_id)
                    && manifest.volume.count == Some(own.count)
            }
            Claim::Unknown => true,
        };
        if !bound {
            let text = format!("the statement with the role {} contradicts the manifest", line.role.id());
            findings.add(Finding::new(Rule::Binding, text).of(path::ATTESTATIONS));
        }
    }
    findings.none_or()
}
