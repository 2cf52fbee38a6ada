//! Hard and soft originals: the one table that rewriter and leak check share.
//!
//! A *hard* original may stand nowhere in a finished bundle. A *soft* one (short, or a word of the
//! language) blocks only where its place says what it is. The invariant that holds both sides
//! together: whatever is hard is replaced bare by the rewriter.

use super::vocabulary::is_vocabulary;
use crate::kind::Kind;

/// How strictly the leak check treats a learned original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hardness {
    /// Any occurrence blocks.
    Hard,
    /// Blocks as the whole value of a field, or in identity context.
    Soft,
}

/// Version of the table, for approvals and reports.
pub const VERSION: u32 = 1;

/// Fewest characters of a value that is ever replaced outside a typed field.
pub const SHORTEST: usize = 3;

/// The class of a learned value in canonical form.
///
/// Hard: contains `@`; or, from five characters on, mixes digits and letters or has two words; or
/// has eight characters. Vocabulary is soft whatever it looks like (`sha256`, `global administrator`).
pub fn hardness(canonical: &str) -> Hardness {
    let length = canonical.chars().count();
    if canonical.contains('@') {
        return Hardness::Hard;
    }
    if length < 5 || is_vocabulary(canonical) {
        return Hardness::Soft;
    }
    let mixed = canonical.chars().any(|c| c.is_ascii_digit()) && canonical.chars().any(|c| c.is_alphabetic());
    if mixed || canonical.split_whitespace().nth(1).is_some() || length >= 8 {
        Hardness::Hard
    } else {
        Hardness::Soft
    }
}

/// Whether the rewriter replaces a learned value wherever it stands as a word of its own, without
/// any context. Everything hard is; beside it account labels, hosts and domains from five
/// characters on that are no vocabulary and no bare number.
pub fn is_bare(kind: Kind, canonical: &str) -> bool {
    if hardness(canonical) == Hardness::Hard {
        return true;
    }
    let label = matches!(kind, Kind::Account | Kind::Host | Kind::Domain | Kind::Partner | Kind::Puid);
    let ideographs = canonical.chars().filter(|c| super::lookup::is_ideograph(*c)).count();
    if ideographs >= 3 && !is_vocabulary(canonical) {
        return true;
    }
    label
        && canonical.chars().count() >= 5
        && !canonical.bytes().all(|b| b.is_ascii_digit())
        && !is_vocabulary(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        for hard in
            ["a@b", "anna1", "greta schmidt", "bo li", "gschmidt", "laptop-7q2k", "12345678", "contoso.com"]
        {
            assert_eq!(hardness(hard), Hardness::Hard, "{hard}");
        }
        for soft in [
            "ad",
            "anna",
            "a b",
            "x1",
            "admin",
            "interactive",
            "createddatetime",
            "success",
            "kathy",
            "50126",
        ] {
            assert_eq!(hardness(soft), Hardness::Soft, "{soft}");
        }
    }

    #[test]
    fn labels_are_bare_from_five_characters_unless_they_are_words_or_numbers() {
        for bare in ["kathy", "a.b-c", "svc_x"] {
            assert!(is_bare(Kind::Account, bare), "{bare}");
        }
        for not in ["anna", "admin", "50126", "sync", "ad"] {
            assert!(!is_bare(Kind::Account, not), "{not}");
        }
        assert!(!is_bare(Kind::PersonName, "kathy"));
        assert!(is_bare(Kind::PersonName, "田中太郎"));
    }

    #[test]
    fn everything_hard_is_replaced_bare() {
        for kind in Kind::all() {
            for value in
                ["a@b", "anna1", "greta schmidt", "castellanos", "12345678", "e\u{301}lodie", "x y z"]
            {
                assert!(hardness(value) == Hardness::Soft || is_bare(kind, value), "{kind} {value}");
            }
        }
    }
}
