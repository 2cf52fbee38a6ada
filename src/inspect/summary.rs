//! Sentences for people: why something is missing, and what the leak check can claim.

use crate::event::{Outcome, Reason};

/// Why, in words for an administrator.
pub fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::ArchiveLimit => "archive too large, too deep or too strongly compressed",
        Reason::Binary => "binary that cannot be redacted",
        Reason::Cap => "a limit was reached",
        Reason::Cloud => "not offered in this cloud",
        Reason::ConditionalAccess => "blocked by Conditional Access",
        Reason::DelegatedOnly => "only a person who signs in can read it, not an application",
        Reason::ForeignLink => "the service led to a foreign address, which was not followed",
        Reason::Licence => "the tenant lacks the licence; the portal's download works in any edition",
        Reason::NotConfigured => "not set up in this tenant",
        Reason::SignIn => "the service no longer accepts the sign-in",
        Reason::Throttled => "throttled by the service for too long",
        Reason::Timeout => "no answer in time",
        Reason::Unavailable => "the service kept failing",
        Reason::Damaged => "damaged; records before and after the damage are kept",
        Reason::EmptyFile => "empty file",
        Reason::Error => "could not be read",
        Reason::OutsideWindow => "last written before the time window",
        Reason::WebTrace => "a recording of a browser (HAR), full of cookies and tokens: not collected",
        Reason::Interrupted => "interrupted",
        Reason::Link => "a link; links are not followed",
        Reason::NestedTooDeep => "nested too deep",
        Reason::Permission => "no permission to read",
        Reason::Private => "a private file of this program",
        Reason::RecordTooLarge => "a record above the size limit was left out",
        Reason::SpecialFile => "not a regular file",
        Reason::Unselected => "not asked for",
        Reason::UnrecognisedRecords => "records of no known kind",
        Reason::UnrecognisedText => "text of unknown kind (--accept-text takes it)",
        Reason::UnsafeArchiveEntry => "an archive member with an unsafe name, or encrypted",
    }
}

/// One word for an outcome.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete",
        Outcome::Empty => "empty",
        Outcome::Partial => "partial",
        Outcome::Skipped => "skipped",
        Outcome::Failed => "failed",
    }
}

/// The claim of the leak check. Never more than this.
pub fn learned(names: u64, from: &[String]) -> String {
    if names == 0 {
        return "0 known identifiers (no names were learned: no directory, sign-in or other typed data was given)".into();
    }
    let digits = names.to_string();
    let mut count = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            count.push(',');
        }
        count.push(digit);
    }
    let noun = if names == 1 { "name" } else { "names" };
    // The directory first: it is what makes the claim worth something.
    let rank = |id: &&str| ["users", "devices", "groups"].iter().position(|first| first == id).unwrap_or(9);
    let mut sources: Vec<&str> = from.iter().map(String::as_str).collect();
    sources.sort_by_key(rank);
    sources.truncate(4);
    if from.len() > sources.len() {
        sources.push("…");
    }
    format!("0 known identifiers ({count} {noun} learned from {})", sources.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claim_is_never_more_than_known_identifiers() {
        assert_eq!(
            learned(1204, &["applications".into(), "devices".into(), "users".into()]),
            "0 known identifiers (1,204 names learned from users, devices, applications)"
        );
        assert!(learned(0, &[]).starts_with("0 known identifiers (no names"));
    }
}
