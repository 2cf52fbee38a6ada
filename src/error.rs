//! The one error type: what failed, what to do, and the exit code that scripts see.
//!
//! A message says *what was being done to what*: lower case, no full stop, never a value from the
//! data, never an address with a secret in it. A hint says what to do next, in one line.

use std::fmt;

/// Result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Class of a failure. It alone decides the exit code; the table is part of the command-line contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Reading or writing failed.
    Io,
    /// A bug in this program.
    Internal,
    /// Wrong arguments, or an invalid policy, catalogue, profile or key file.
    Usage,
    /// Sign-in refused, or nothing could be collected.
    Access,
    /// Privacy refusal: leak check, unapproved policy, uncovered data.
    Privacy,
    /// Not a bundle, or the archive breaks the zip profile.
    NotABundle,
    /// Content differs from the manifest.
    Integrity,
    /// A signature is wrong.
    Signature,
    /// Unsigned, or no trusted signer: origin not proven, content not examined.
    Untrusted,
    /// The trust policy is not met (role, expired, revoked, case, age).
    TrustPolicy,
    /// A limit was exceeded.
    Limit,
    /// Unsupported version, algorithm or encryption.
    Unsupported,
    /// Decryption failed.
    Decryption,
    /// A series without its end or with a gap; or incomplete with `--require-complete`.
    Series,
    /// Stopped by the user; `--resume` continues.
    Interrupted,
}

/// Exit code of a run that sealed a bundle in which some datasets are partial, skipped or failed.
/// It is an outcome, not an error.
pub const INCOMPLETE: u8 = 3;

impl Kind {
    /// Every kind, in the order of [`Kind::code`].
    pub const ALL: [Kind; 15] = [
        Kind::Io,
        Kind::Internal,
        Kind::Usage,
        Kind::Access,
        Kind::Privacy,
        Kind::NotABundle,
        Kind::Integrity,
        Kind::Signature,
        Kind::Untrusted,
        Kind::TrustPolicy,
        Kind::Limit,
        Kind::Unsupported,
        Kind::Decryption,
        Kind::Series,
        Kind::Interrupted,
    ];

    /// Process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Kind::Io | Kind::Internal => 1,
            Kind::Usage => 2,
            Kind::Access => 4,
            Kind::Privacy => 5,
            Kind::NotABundle => 10,
            Kind::Integrity => 11,
            Kind::Signature => 12,
            Kind::Untrusted => 13,
            Kind::TrustPolicy => 14,
            Kind::Limit => 15,
            Kind::Unsupported => 16,
            Kind::Decryption => 17,
            Kind::Series => 18,
            Kind::Interrupted => 130,
        }
    }

    /// Stable name, as it stands in `--json` output.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Io => "io",
            Kind::Internal => "internal",
            Kind::Usage => "usage",
            Kind::Access => "access",
            Kind::Privacy => "privacy",
            Kind::NotABundle => "not-a-bundle",
            Kind::Integrity => "integrity",
            Kind::Signature => "signature",
            Kind::Untrusted => "untrusted",
            Kind::TrustPolicy => "trust-policy",
            Kind::Limit => "limit",
            Kind::Unsupported => "unsupported",
            Kind::Decryption => "decryption",
            Kind::Series => "series",
            Kind::Interrupted => "interrupted",
        }
    }
}

/// What failed, what to do, and why.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    hint: Option<String>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`. `message` holds no value from the data.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), hint: None, cause: None }))
    }

    /// A usage error (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// An I/O error (exit 1). `what` names the action and the file as the user gave it, e.g. ``cannot read `x.json` ``.
    pub fn io(what: impl Into<String>, cause: std::io::Error) -> Self {
        Self::new(Kind::Io, what).because(cause)
    }

    /// Adds what the user should do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the underlying cause. Its text is shown, so it must not hold a value from the data:
    /// pass I/O and system errors only, never parser errors that quote their input.
    #[must_use]
    pub fn because(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Box::new(cause));
        self
    }

    /// The class of the failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.0.kind.code()
    }

    /// The message with its cause, without the hint.
    pub fn message(&self) -> String {
        match &self.0.cause {
            Some(cause) => format!("{}: {cause}", self.0.message),
            None => self.0.message.clone(),
        }
    }

    /// What to do next, if known.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_names_are_unique() {
        let codes: Vec<u8> = Kind::ALL.iter().map(|k| k.code()).collect();
        assert!(codes.is_sorted());
        let mut names: Vec<_> = Kind::ALL.iter().map(|k| k.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(!codes.contains(&INCOMPLETE));
    }

    #[test]
    fn message_carries_the_cause_and_not_the_hint() {
        let error = Error::io("cannot read `a.json`", std::io::Error::other("disk gone")).hint("try again");
        assert_eq!(error.to_string(), "cannot read `a.json`: disk gone");
        assert_eq!(error.advice(), Some("try again"));
        assert_eq!(error.code(), 1);
    }
}
