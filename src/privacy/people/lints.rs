//! Facts about single raw values that pseudonymisation destroys.
//!
//! The rules of characters and lengths are those that Microsoft documents for directory
//! synchronization ("Prepare directory attributes for synchronization with Microsoft 365 by using the
//! IdFix tool"); an empty result says that none of them is broken.

use super::super::canon::canon;
use super::super::entity;
use super::super::token::is_token;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
const NFKD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();

/// What a value is checked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Name behind the colon of a lint.
    pub field: &'static str,
    /// Characters that the directory refuses, beside white space and control characters.
    invalid: &'static str,
    /// Longest value in characters; of an address, of the part before the `@`.
    longest: usize,
    /// Whether the value is an address `local@domain`.
    address: bool,
    /// Whether letters beyond ASCII are unusual enough to be told, and spaces inside refused.
    ascii: bool,
}

pub(super) const UPN: Rule =
    Rule { field: "upn", invalid: "\\%&*+/=?{}|<>();:,[]\"", longest: 64, address: true, ascii: true };
pub(super) const MAIL: Rule =
    Rule { field: "mail", invalid: "<>();,[]\"", longest: 64, address: true, ascii: true };
pub(super) const PROXY: Rule =
    Rule { field: "proxy", invalid: "<>();,[]\"", longest: 64, address: true, ascii: true };
pub(super) const ACCOUNT: Rule =
    Rule { field: "account", invalid: "\\\"|,/:<>+=;?*[]", longest: 20, address: false, ascii: true };
pub(super) const NICKNAME: Rule = Rule {
    field: "nickname",
    invalid: "\\!#$%&*+/=?^`{}|~<>()';:,[]\"@",
    longest: 64,
    address: false,
    ascii: true,
};
pub(super) const NAME: Rule =
    Rule { field: "name", invalid: "?@\\+", longest: 256, address: false, ascii: false };
// The name of a phone is what its owner likes.
pub(super) const HOST: Rule = Rule { field: "host", invalid: "", longest: 256, address: false, ascii: false };

/// The lints of a raw value.
pub(super) fn of(rule: Rule, raw: &str) -> Vec<String> {
    let value = raw.trim();
    // The prefix of an address belongs to it; what stands behind is checked.
    let checked = if rule == PROXY { value.split_once(':').map_or(value, |(_, rest)| rest) } else { value };
    let legacy = rule == PROXY && value.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("x500:"));
    let (local, whole) = match checked.rsplit_once('@') {
        Some((local, _)) if rule.address => (local, true),
        _ => (checked, !rule.address),
    };
    // Entra itself writes the nicknames and names of guests with this mark.
    let local = local.strip_suffix("#EXT#").unwrap_or(local);
    let refused = |c: char| c.is_control() || rule.invalid.contains(c) || (rule.ascii && c.is_whitespace());
    let invalid = !legacy && (local.chars().any(refused) || !whole || local.ends_with('.') && rule.ascii);
    let mut found: Vec<String> = [
        (value != raw, "edge-space"),
        (rule.ascii && !value.is_ascii(), "non-ascii"),
        (invalid, "invalid-char"),
        (NFC.normalize(value) != value, "canon-changed"),
        (is_confusable(value), "confusable"),
        (looks_like_ours(checked), "token-lookalike"),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .map(|(_, what)| format!("{what}:{}", rule.field))
    .collect();
    let length = local.chars().count();
    if !legacy && length > rule.longest {
        // The exact length would tell names apart.
        let band = match length {
            ..=64 => "21-64",
            65..=96 => "65-96",
            97..=256 => "97-256",
            _ => "257-",
        };
        found.push(format!("too-long:{}:{band}", rule.field));
    }
    found
}

/// Letters of one script that read like those of another, inside one word, or characters that are
/// not seen.
fn is_confusable(value: &str) -> bool {
    let unseen = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let script = |c: char| match c {
        'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}' => Some(0),
        '\u{370}'..='\u{3ff}' => Some(1),
        '\u{400}'..='\u{52f}' => Some(2),
        '\u{530}'..='\u{58f}' => Some(3),
        '\u{13a0}'..='\u{13ff}' => Some(4),
        '\u{ff21}'..='\u{ff5a}' => Some(5),
        _ => None,
    };
    // Letters of ASCII are of one script.
    if value.is_ascii() {
        return false;
    }
    value.chars().any(unseen)
        || value.split(|c: char| !c.is_alphabetic()).any(|word| {
            let mut scripts = word.chars().filter_map(script);
            scripts.next().is_some_and(|first| scripts.any(|other| other != first))
        })
}

/// Whether a raw value has the form of one of our pseudonyms: a token as a whole label, or an id with
/// our mark.
fn looks_like_ours(value: &str) -> bool {
    let marked = |guid: [u8; 16]| guid[..2] == [0xfa, 0xde] && guid[6] >> 4 == 8;
    let sid = |parts: [u32; 4]| (0xfade_0000..=0xfade_ffff).contains(&parts[0]);
    value.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(is_token)
        || entity::guid_of_text(value).is_some_and(marked)
        || entity::guid_of_anchor(value).is_some_and(marked)
        || entity::guid_of_sid(value).is_some_and(marked)
        || entity::domain_sid(value).is_some_and(sid)
}

/// What two values have in common that Active Directory takes for equal: its comparison ignores case,
/// accents, width and the kind of kana, and reads `ß` as `ss`. They may differ for Entra, which does not.
pub(super) fn collation(value: &str) -> String {
    let spread = canon(value).replace('ß', "ss").replace('æ', "ae").replace('œ', "oe").replace('þ', "th");
    NFKD.normalize(&spread)
        .chars()
        .filter(|c| {
            !matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
        })
        .map(|c| match c {
            // Katakana to hiragana.
            '\u{30a1}'..='\u{30f6}' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_lint_and_good_values_have_none() {
        for (rule, good) in [
            (UPN, "greta.o'brien-x@contoso.com"),
            (UPN, "vasil_quadrotech.com#EXT#@contoso.onmicrosoft.com"),
            (MAIL, "greta@contoso.com"),
            (PROXY, "SMTP:greta@contoso.com"),
            (PROXY, "x500:/o=ExchangeLabs/ou=(FYDIBOHF23SPDLT)/cn=Recipients/cn=greta"),
            (ACCOUNT, "gschmidt"),
            (NICKNAME, "greta.s"),
            (NAME, "Greta Şahin-Müller (IT)"),
            (HOST, "LAPTOP-7Q2K"),
        ] {
            assert!(of(rule, good).is_empty(), "{good}: {:?}", of(rule, good));
        }
        for (rule, bad, lints) in [
            (UPN, " greta@contoso.com", vec!["edge-space:upn"]),
            (UPN, "zoë@contoso.com", vec!["non-ascii:upn"]),
            (UPN, "greta schmidt@contoso.com", vec!["invalid-char:upn"]),
            (UPN, "greta.@contoso.com", vec!["invalid-char:upn"]),
            (UPN, "greta", vec!["invalid-char:upn"]),
            (ACCOUNT, "greta?", vec!["invalid-char:account"]),
            (ACCOUNT, "a-very-long-account-name", vec!["too-long:account:21-64"]),
            (MAIL, &format!("{}@contoso.com", "x".repeat(70)), vec!["too-long:mail:65-96"]),
            (NAME, "Jose\u{301}", vec!["canon-changed:name"]),
            (NAME, "Gr\u{435}ta", vec!["confusable:name"]),
            (NAME, "Gre\u{200b}ta", vec!["confusable:name"]),
            (UPN, "u-uunltp2igwuex@contoso.com", vec!["token-lookalike:upn"]),
        ] {
            assert_eq!(of(rule, bad), lints, "{bad}");
        }
    }

    #[test]
    fn collation_ignores_what_active_directory_ignores() {
        for (a, b) in [("José", "JOSE"), ("Groß", "gross"), ("ｇｒｅｔａ", "greta"), ("カナ", "かな")]
        {
            assert_eq!(collation(a), collation(b), "{a} {b}");
        }
        assert_ne!(collation("greta"), collation("grata"));
    }
}
