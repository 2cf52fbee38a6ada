//! Attestation lines: who signed what, and whether it counts (steps 4 and 5 of the verification).

use super::attestation::{self, Claim};
use super::finding::{Finding, Findings, Rule};
use super::outcome::{SignerLine, Standing};
use super::path;
use super::trust::{KeyStatus, Role, Trust};

/// A verified line by a trusted key that may be counted.
pub(super) struct Counted {
    pub(super) claim: Claim,
    pub(super) subject: String,
    pub(super) role: Role,
    pub(super) fingerprint: String,
}

/// The lines seen so far, held against the keys that a reader trusts.
pub(super) struct Signers<'a> {
    trust: &'a Trust,
    most: u64,
    /// Every line, as it is reported.
    pub(super) lines: Vec<SignerLine>,
    /// What the reader should know although it is no finding.
    pub(super) warnings: Vec<String>,
}

impl<'a> Signers<'a> {
    /// No line yet. `most` is the greatest size of a list of lines, in bytes.
    pub(super) fn new(trust: &'a Trust, most: u64) -> Self {
        Signers { trust, most, lines: Vec::new(), warnings: Vec::new() }
    }

    /// Step 4: every envelope line. Wrong lines are findings; lines by unknown keys are listed.
    /// `digest` is that of the manifest's bytes, hex.
    pub(super) fn read(
        &mut self,
        embedded: &[u8],
        detached: &[Vec<u8>],
        digest: &str,
    ) -> Result<Vec<Counted>, Vec<Finding>> {
        let mut findings = Findings::default();
        let mut counted = Vec::new();
        for (number, bytes) in std::iter::once(embedded).chain(detached.iter().map(Vec::as_slice)).enumerate()
        {
            let place = match number {
                0 => path::ATTESTATIONS.to_owned(),
                number => format!("detached attestations {number}"),
            };
            if bytes.len() as u64 > self.most {
                findings.add(Finding::new(Rule::Limit, "the attestations are too large").of(&place));
                continue;
            }
            let Some(text) = bytes.strip_suffix(b"\n") else {
                if !bytes.is_empty() {
                    let text = "the last line does not end with a line feed";
                    findings.add(Finding::new(Rule::AttestationSyntax, text).of(&place));
                }
                continue;
            };
            for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
                let outcome = if at >= attestation::LINES || line.len() > attestation::LINE_BYTES {
                    Err((Rule::Limit, "more than 64 lines, or a line longer than 1 MiB"))
                } else {
                    self.line(line, Some(digest))
                };
                match outcome {
                    Ok(line) => counted.extend(line),
                    Err((rule, text)) => {
                        findings.add(Finding::new(rule, text).of(&place).at(at as u64 + 1));
                        if rule == Rule::Limit {
                            break;
                        }
                    }
                }
            }
        }
        findings.none_or()?;
        Ok(counted)
    }

    /// One line. `digest` is that of the manifest that it has to be about; `None` where only the
    /// statement is at hand (a part that was disclosed alone).
    pub(super) fn line(
        &mut self,
        line: &[u8],
        digest: Option<&str>,
    ) -> Result<Option<Counted>, (Rule, &'static str)> {
        let opened = attestation::open(line).map_err(|text| (Rule::AttestationSyntax, text))?;
        let message = attestation::pae(attestation::PAYLOAD_TYPE, &opened.payload);
        let hinted = opened.keyid.as_deref().and_then(|keyid| self.trust.key(keyid));
        let by = match hinted {
            Some((key, public)) => {
                if !public.verify(&message, &opened.signature) {
                    return Err((Rule::Signature, "the signature is not by the trusted key that it names"));
                }
                Some(key)
            }
            None => self
                .trust
                .keys()
                .find(|(_, public)| public.verify(&message, &opened.signature))
                .map(|(key, _)| key),
        };
        let Some(key) = by else {
            self.lines.push(SignerLine {
                role: None,
                fingerprint: None,
                name: None,
                customer: None,
                signed_at: None,
                status: Standing::Untrusted,
            });
            return Ok(None);
        };
        // The bytes are signed by a key that the reader trusts: from here on they are parsed.
        let (claim, subject) =
            attestation::claim(&opened.payload).map_err(|text| (Rule::AttestationSyntax, text))?;
        let about_manifest = claim.subject() == path::MANIFEST && claim != Claim::Unknown;
        if about_manifest && digest.is_some_and(|digest| digest != subject) {
            return Err((Rule::Subject, "the statement is about another manifest"));
        }
        let role = claim.role();
        let approved = !matches!(&claim, Claim::PrivacyReview(review) if review.decision != "approved");
        let status = match role {
            Some(_) if !approved => Standing::Rejected,
            Some(role) if !key.roles.contains(&role) => Standing::WithoutRole,
            Some(_) if key.objection(claim.signed_at()).is_some() => Standing::NotInForce,
            Some(_) => Standing::Counted,
            None => Standing::Ignored,
        };
        if status == Standing::Counted && key.status == KeyStatus::Retired {
            self.warnings.push("a signature is by a retired key".to_owned());
        }
        if status == Standing::Rejected && key.roles.contains(&Role::PrivacyReview) {
            self.warnings.push("a privacy reviewer rejected this bundle".to_owned());
        }
        self.lines.push(SignerLine {
            role,
            fingerprint: Some(key.fingerprint.clone()),
            name: key.name.clone(),
            customer: key.customer.clone(),
            signed_at: claim.signed_at().map(str::to_owned),
            status,
        });
        Ok(role.filter(|_| status == Standing::Counted).map(|role| Counted {
            claim,
            subject,
            role,
            fingerprint: key.fingerprint.clone(),
        }))
    }

    /// Step 5: why the lines do not prove the origin, where no collection line counts.
    pub(super) fn objection(&self) -> Finding {
        let has = |status| self.lines.iter().any(|line| line.status == status);
        if self.lines.is_empty() {
            Finding::new(Rule::Unsigned, "origin not proven, content not examined: there is no attestation")
        } else if has(Standing::NotInForce) {
            Finding::new(
                Rule::KeyNotInForce,
                "the collector's key is revoked or was not valid; content not examined",
            )
        } else if self.lines.iter().any(|line| line.status != Standing::Untrusted) {
            Finding::new(
                Rule::KeyWithoutRole,
                "no key with the role collector signed the bundle; content not examined",
            )
        } else {
            Finding::new(
                Rule::NoTrustedSigner,
                "origin not proven, content not examined: no attestation is by a trusted key",
            )
        }
    }
}

/// Whether each role can be given to a key of its own.
pub(super) fn fulfilled<'a>(roles: &[Role], counted: &[&'a Counted], used: &mut Vec<&'a str>) -> bool {
    let Some((role, rest)) = roles.split_first() else { return true };
    for line in counted.iter().filter(|line| line.role == *role) {
        if !used.contains(&line.fingerprint.as_str()) {
            used.push(&line.fingerprint);
            if fulfilled(rest, counted, used) {
                return true;
            }
            used.pop();
        }
    }
    false
}
