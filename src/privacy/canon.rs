//! Canonical text: two values get the same token exactly when their canonical forms are equal.
//!
//! The forms are frozen. They rest on the tables of the Unicode version [`UNICODE`], which is part
//! of the token format: a library update that brings another version changes tokens, and a test
//! below notices it.

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::borrow::Cow;

/// The Unicode version of the folding, normalization and IDNA tables.
pub const UNICODE: &str = "18.0.0";

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
const CASES: CaseMapperBorrowed<'static> = CaseMapper::new();

/// The canonical form of text: White_Space trimmed at both ends, NFC, simple case folding (status C
/// and S of CaseFolding.txt), NFC. `é` stays different from `e`, and `ß` from `ss`: the difference
/// may be the fault that is looked for.
pub fn canon(s: &str) -> String {
    canonical(s).into_owned()
}

/// [`canon`] that copies only when something changes.
pub(super) fn canonical(s: &str) -> Cow<'_, str> {
    let s = s.trim();
    if s.is_ascii() {
        return if s.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(s.to_ascii_lowercase())
        } else {
            Cow::Borrowed(s)
        };
    }
    let folded: String = NFC.normalize(s).chars().map(|c| CASES.simple_fold(c)).collect();
    match NFC.normalize(&folded) {
        Cow::Borrowed(_) => Cow::Owned(folded),
        Cow::Owned(text) => Cow::Owned(text),
    }
}

/// The canonical form of a domain or host name: [`canon`], dots at the end removed, and every label
/// in its IDNA form (UTS #46 ToASCII, non-transitional, UseSTD3ASCIIRules, CheckHyphens and
/// VerifyDnsLength off). A label that IDNA refuses stays in its `canon` form. The ideographic and
/// full-width stops U+3002, U+FF0E and U+FF61 separate labels like `.`.
pub fn canon_domain(s: &str) -> String {
    let text = canonical(s);
    // White space before the last dot goes with it: the result is its own canonical form.
    let text = text.trim_end_matches(|c: char| DOTS.contains(&c) || c.is_whitespace());
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for (index, label) in text.split(DOTS).enumerate() {
        if index > 0 {
            out.push('.');
        }
        out.push_str(&ascii_label(label));
    }
    out.truncate(out.trim_end_matches('.').len());
    out
}

/// The dots between labels.
const DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// An ASCII label, `xn--` or not, is its own ToASCII form or refused; both leave it as it is.
fn ascii_label(label: &str) -> Cow<'_, str> {
    if label.is_ascii() {
        return Cow::Borrowed(label);
    }
    Uts46::new()
        .to_ascii(label.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
        .unwrap_or(Cow::Borrowed(label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto;

    #[test]
    fn canon_folds_case_and_composition_only() {
        assert_eq!(canon("\u{2003} JOSE\u{301}\t"), "josé");
        assert_ne!(canon("José"), canon("jose"));
        assert_eq!(canon("STRAẞE"), "straße");
        assert_ne!(canon("straße"), canon("strasse"));
        assert_eq!(canon("İ"), "İ");
        assert_eq!(canon("\u{1c}x"), "\u{1c}x", "U+001C is not White_Space");
        assert_eq!(canon("\u{1fd3}"), canon("\u{390}"), "folding of Unicode 15.1");
        assert_eq!(canon("\u{16ea0}"), "\u{16ebb}", "folding of Unicode 17");
    }

    #[test]
    fn canon_of_every_character_is_idempotent_and_frozen() {
        let mut digest = crypto::Sha256::new();
        for c in '\0'..=char::MAX {
            let once = canon(c.encode_utf8(&mut [0; 4]));
            assert_eq!(canon(&once), once, "U+{:04X}", c as u32);
            let domain = canon_domain(&once);
            assert_eq!(canon_domain(&domain), domain, "U+{:04X}", c as u32);
            for text in [once, domain] {
                digest.update(text.as_bytes());
                digest.update(b"\n");
            }
        }
        // Another value here means that the tables changed: every open incident would get other tokens.
        assert_eq!(
            crypto::hex(&digest.finish()),
            "952fa78102670ded26cfd1c485f4353b3cc583cdd4013eb2c3392fc47f04530a"
        );
    }

    #[test]
    fn domains_fold_to_their_ascii_form() {
        assert_eq!(canon_domain("BÜCHER.de."), "xn--bcher-kva.de");
        assert_eq!(canon_domain("xn--bcher-kva.DE"), "xn--bcher-kva.de");
        assert_eq!(canon_domain("straße.de"), "xn--strae-oqa.de");
        assert_eq!(canon_domain("a\u{3002}b\u{ff0e}c"), "a.b.c");
        assert_eq!(canon_domain("_ldap._tcp.a b.com"), "_ldap._tcp.a b.com");
        assert_eq!(canon_domain("\u{5d0}a.com"), "\u{5d0}a.com", "the bidi rule refuses this label");
        assert_eq!(canon_domain(".."), "");
    }
}
