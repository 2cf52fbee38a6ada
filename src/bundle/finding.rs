//! Findings: what is wrong with a bundle, which rule it breaks, and where.
//!
//! A finding never quotes content. The name of an entry is shown only in escaped form, because it
//! comes from the archive.

use crate::error::Kind as Class;
use serde::Serialize;
use std::fmt;

/// Which rule is broken. The name is stable; the class decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// No end record: not a zip archive.
    NotAZip,
    /// Bytes behind the end record, or an archive comment.
    TrailingBytes,
    /// The end records are not in their canonical form.
    EndRecord,
    /// The central directory is cut, too long or not where it has to be.
    Directory,
    /// An entry does not start where the one before ends.
    Gap,
    /// A local header is cut or is none.
    LocalHeader,
    /// A local header and the central directory contradict each other.
    HeaderMismatch,
    /// General purpose flags are set.
    Flags,
    /// The flag for sizes behind the data is set.
    DataDescriptor,
    /// Neither stored nor deflated, or not the method that this entry must have.
    Method,
    /// Not the fixed time stamp.
    Time,
    /// Not the fixed versions or system.
    Version,
    /// Not the attributes of a plain file.
    Attributes,
    /// A symbolic link.
    Symlink,
    /// Extra fields.
    ExtraField,
    /// A comment on an entry.
    EntryComment,
    /// An entry name outside the grammar.
    Name,
    /// Two entries of one name.
    DuplicateName,
    /// Entries out of order, or at a place that the layout does not know.
    EntryOrder,
    /// A file that every bundle has is not there.
    EntryMissing,
    /// Stored data whose two sizes differ.
    StoredSize,
    /// A limit of size, count or ratio is exceeded.
    Limit,
    /// The file is encrypted in a way that this version does not read.
    Encrypted,
    /// The file does not decrypt: no fitting identity, or damage.
    Decryption,
    /// A schema or an algorithm that this version does not know.
    UnknownVersion,
    /// A proof of one entry is not in its form.
    ProofSyntax,
    /// The deflate stream is damaged, or ends elsewhere.
    Deflate,
    /// The data have another length than declared.
    Size,
    /// The CRC-32 differs.
    Crc,
    /// The SHA-256 differs from the manifest's.
    Digest,
    /// The number of records differs from the manifest's.
    Rows,
    /// The archive's bytes differ from those that were signed.
    ArchiveDigest,
    /// The manifest is no valid JSON of its schema.
    ManifestSyntax,
    /// A value in the manifest breaks its grammar, or contradicts another.
    ManifestValue,
    /// Entries of the manifest are not in order.
    ManifestOrder,
    /// Totals do not add up.
    Totals,
    /// The Merkle root differs.
    Root,
    /// An entry that the manifest does not list.
    EntryUnlisted,
    /// An entry that the manifest lists is not there.
    EntryAbsent,
    /// `SHA256SUMS` differs from the manifest.
    ChecksumFile,
    /// `meta/policy.json` is not the policy of the manifest.
    PolicyDigest,
    /// `meta/collection.json` and the manifest tell different outcomes.
    Completeness,
    /// The index of a part is missing, superfluous or does not fit.
    Index,
    /// An attestation line is malformed.
    AttestationSyntax,
    /// A signature of a trusted key is wrong.
    Signature,
    /// A signed statement speaks of another manifest.
    Subject,
    /// A signed statement contradicts the manifest.
    Binding,
    /// There is no attestation.
    Unsigned,
    /// No attestation is by a trusted key.
    NoTrustedSigner,
    /// The key is not in force.
    KeyNotInForce,
    /// The key does not hold the role.
    KeyWithoutRole,
    /// A required role is not fulfilled.
    RoleMissing,
    /// The bundle is older than allowed.
    TooOld,
    /// Another case than expected.
    OtherCase,
    /// Another bundle than expected.
    OtherBundle,
    /// Encrypted to a recipient for whom its collector did not seal it.
    OtherRecipient,
    /// A volume of a series whose other volumes are not here.
    Series,
    /// The bundle is valid but incomplete.
    Incomplete,
}

impl Rule {
    /// The class of the failure, and with it the exit code.
    pub const fn class(self) -> Class {
        use Rule::*;
        match self {
            NotAZip | TrailingBytes | EndRecord | Directory | Gap | LocalHeader | HeaderMismatch | Flags
            | DataDescriptor | Method | Time | Version | Attributes | Symlink | ExtraField | EntryComment
            | Name | DuplicateName | EntryOrder | EntryMissing | StoredSize | ProofSyntax => {
                Class::NotABundle
            }
            Limit => Class::Limit,
            Encrypted | UnknownVersion => Class::Unsupported,
            Deflate | Size | Crc | Digest | Rows | ArchiveDigest | ManifestSyntax | ManifestValue
            | ManifestOrder | Totals | Root | EntryUnlisted | EntryAbsent | ChecksumFile | PolicyDigest
            | Completeness | Index => Class::Integrity,
            AttestationSyntax | Signature | Subject | Binding => Class::Signature,
            Unsigned | NoTrustedSigner => Class::Untrusted,
            KeyNotInForce | KeyWithoutRole | RoleMissing | TooOld | OtherCase | OtherBundle
            | OtherRecipient => Class::TrustPolicy,
            Decryption => Class::Decryption,
            Series | Incomplete => Class::Series,
        }
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Finding {
    /// Which rule is broken.
    pub rule: Rule,
    /// The entry it is about, escaped, at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Byte offset in the archive (structure) or line number from 1 (attestations, indexes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<u64>,
    /// What is wrong, in our words; holds no content.
    pub message: String,
}

impl Finding {
    /// A finding about the bundle as a whole.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Finding { rule, entry: None, place: None, message: message.into() }
    }

    /// Adds the entry.
    #[must_use]
    pub fn of(mut self, entry: &str) -> Self {
        self.entry = Some(printable(entry.as_bytes()));
        self
    }

    /// Adds the place: byte offset or line number.
    #[must_use]
    pub fn at(mut self, place: u64) -> Self {
        self.place = Some(place);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = &self.entry {
            write!(f, "{entry}: ")?;
        }
        f.write_str(&self.message)?;
        match self.place {
            Some(place) => write!(f, " (at {place})"),
            None => Ok(()),
        }
    }
}

/// A name from an archive as printable ASCII.
pub(crate) fn printable(name: &[u8]) -> String {
    name.escape_ascii().map(char::from).take(200).collect()
}

/// Collects findings up to a bound, so that a hostile archive cannot fill the memory with them.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    more: u64,
}

/// Findings kept of one step; further ones are only counted.
const KEPT: usize = 1000;

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        if self.list.len() < KEPT {
            self.list.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Adds the findings of a step.
    pub(crate) fn take(&mut self, outcome: Result<(), Vec<Finding>>) {
        for finding in outcome.err().into_iter().flatten() {
            self.add(finding);
        }
    }

    /// The findings; `Err` if there are any.
    pub(crate) fn none_or(self) -> Result<(), Vec<Finding>> {
        if self.list.is_empty() { Ok(()) } else { Err(self.into_vec()) }
    }

    pub(crate) fn into_vec(mut self) -> Vec<Finding> {
        if self.more > 0
            && let Some(last) = self.list.last().cloned()
        {
            let text = format!("{} further findings are not listed", self.more);
            self.list.push(Finding::new(last.rule, text));
        }
        self.list
    }
}

/// The class of a set of findings: the one with the lowest exit code.
pub(crate) fn class_of(findings: &[Finding]) -> Option<Class> {
    findings.iter().map(|finding| finding.rule.class()).min_by_key(|class| class.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_the_number_of_findings_is_bounded() {
        let finding = Finding::new(Rule::Name, "bad name").of("a\u{1b}[31m\n").at(7);
        assert_eq!(finding.to_string(), "a\\x1b[31m\\n: bad name (at 7)");
        let mut findings = Findings::default();
        for _ in 0..5000 {
            findings.add(finding.clone());
        }
        let list = findings.into_vec();
        assert_eq!(list.len(), KEPT + 1);
        assert!(list[KEPT].message.starts_with("4000 further"));
    }

    #[test]
    fn the_class_with_the_lowest_code_wins() {
        let list = [Finding::new(Rule::Limit, "x"), Finding::new(Rule::Gap, "y")];
        assert_eq!(class_of(&list), Some(Class::NotABundle));
        assert_eq!(class_of(&[]), None);
    }
}
