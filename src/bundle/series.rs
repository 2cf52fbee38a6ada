//! Reading the volumes of a series as one bundle.
//!
//! Each volume is verified by itself; then the volumes are held against each other, against the chain
//! of their manifests, and against the statement of the collector in the last one.

use super::attestation::{self, Claim, Series};
use super::finding::{Finding, Rule, class_of};
use super::outcome::{Check, Verification};
use super::path;
use super::trust::Role;
use super::verified::Verified;
use super::verify::verify;
use crate::crypto;
use crate::error::Result;
use std::path::PathBuf;

/// Verifies one bundle, or all volumes of a series in any order.
///
/// What a reader demands besides the collector (further roles, detached lines) is demanded of the last
/// volume: its manifest binds those before it. Findings of a volume name it by its place in `paths`.
pub fn verify_all(paths: &[PathBuf], check: &Check) -> Result<Verification> {
    if let [path] = paths {
        return verify(path, check);
    }
    let each =
        Check { trust: check.trust.of_collectors(), detached: Vec::new(), of_series: true, ..check.clone() };
    let whole = Check { of_series: true, ..check.clone() };
    let more = !check.detached.is_empty() || check.trust.demands().require.len() > 1;
    let mut all = Verification::default();
    let mut volumes = Vec::new();
    for (path, number) in paths.iter().zip(1u32..) {
        let mut found = verify(path, &each)?;
        if more && found.manifest.as_ref().is_some_and(|manifest| manifest.volume.last) {
            found = verify(path, &whole)?;
        }
        for mut finding in found.findings {
            finding.message = format!("file {number}: {}", finding.message);
            all.findings.push(finding);
        }
        for warning in found.warnings {
            if !all.warnings.contains(&warning) {
                all.warnings.push(warning);
            }
        }
        all.signers.extend(found.signers);
        all.recipient = all.recipient.or(found.recipient);
        let class = [all.class, found.class].into_iter().flatten();
        all.class = class.min_by_key(|class| class.code());
        volumes.extend(found.verified);
    }
    if all.class.is_some() {
        return Ok(all);
    }
    volumes.sort_by_key(|volume| volume.manifest().volume.index);
    let findings = disagreements(&volumes, check)?;
    all.class = class_of(&findings);
    all.findings = findings;
    if all.class.is_none() {
        let joined = Verified::join(volumes);
        all.manifest = joined.as_ref().map(Verified::shared_manifest);
        all.verified = joined;
    }
    Ok(all)
}

/// What keeps verified volumes, in the order of their numbers, from being one series.
fn disagreements(volumes: &[Verified], check: &Check) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut add = |text: String| findings.push(Finding::new(Rule::Series, text));
    let Some(last) = volumes.last() else { return Ok(findings) };
    let (series, bundle) = (&last.manifest().volume.series_id, &last.manifest().bundle_id);
    let foreign = |volume: &&Verified| {
        volume.manifest().volume.series_id != *series || volume.manifest().bundle_id != *bundle
    };
    if series.is_none() || volumes.iter().any(|volume| foreign(&volume)) {
        add("the files are not volumes of one series".to_owned());
        return Ok(findings);
    }
    let mut expected = 1;
    let mut before: Option<String> = None;
    let mut digests = Vec::new();
    for volume in volumes {
        let own = &volume.manifest().volume;
        if own.index < expected {
            add(format!("volume {} is given twice", own.index));
            continue;
        }
        for missing in expected..own.index {
            add(format!("volume {missing} is missing"));
        }
        if own.index == expected && own.prev_manifest_sha256 != before {
            add(format!("volume {} does not follow the volume before it", own.index));
        }
        let digest = crypto::hex(&crypto::sha256(&volume.read(path::MANIFEST)?));
        before = Some(digest.clone());
        digests.push(digest);
        expected = own.index + 1;
    }
    if !last.manifest().volume.last {
        add(format!("the series has no end: volume {expected} is missing, or more"));
    }
    if findings.is_empty() && !closed(last, &digests, check)? {
        let text = "the last volume holds no statement of a trusted collector over exactly these volumes";
        findings.push(Finding::new(Rule::Series, text));
    }
    Ok(findings)
}

/// Whether a collector in force signed the list of the manifests.
fn closed(last: &Verified, digests: &[String], check: &Check) -> Result<bool> {
    let says = |series: &Series| {
        series.manifests == digests && Some(&series.series_id) == last.manifest().volume.series_id.as_ref()
    };
    let lines = last.read(path::ATTESTATIONS)?;
    Ok(lines.split(|byte| *byte == b'\n').any(|line| {
        let Ok(opened) = attestation::open(line) else { return false };
        let message = attestation::pae(attestation::PAYLOAD_TYPE, &opened.payload);
        check.trust.keys().any(|(key, public)| {
            key.roles.contains(&Role::Collector)
                && public.verify(&message, &opened.signature)
                && match attestation::claim(&opened.payload) {
                    Ok((Claim::Series(series), subject)) => {
                        key.objection(Some(&series.signed_at)).is_none()
                            && digests.last() == Some(&subject)
                            && says(&series)
                    }
                    _ => false,
                }
        })
    }))
}
