//! Grammars of the values in manifest and attestations. The writer keeps them as the reader does,
//! so no free string gets into a bundle unnoticed.

use crate::crypto;
use crate::error::Result;
use data_encoding::{BASE32_NOPAD, HEXLOWER};

/// A new bundle id: 128 random bits as 26 lower-case base32 characters.
pub fn new_bundle_id() -> Result<String> {
    Ok(BASE32_NOPAD.encode(&crypto::random::<16>()?).to_ascii_lowercase())
}

/// Whether the text is a bundle id or a series id.
pub fn is_id(text: &str) -> bool {
    text.len() == 26
        && !text.bytes().any(|b| b.is_ascii_uppercase())
        && BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).is_ok()
}

/// The 32 bytes of a SHA-256 in lower-case hex.
pub fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// A time in UTC: `2026-11-20T11:05:00Z`, with a fraction of at most nine digits or without.
pub fn is_utc(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((date, rest)) = bytes.split_at_checked(19) else { return false };
    let shape = date.iter().zip(b"0000-00-00T00:00:00").all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    });
    let tail = match rest {
        b"Z" => true,
        [b'.', fraction @ .., b'Z'] => {
            (1..=9).contains(&fraction.len()) && fraction.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    shape && tail && time(text).is_some()
}

/// The point in time of a UTC text.
pub fn time(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok()
}

/// Case reference: letters, digits, `._-`, 1 to 64 of them.
pub fn is_reference(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// A version, a commit, a target, a code, an id: 1 to 200 of letters, digits and `._:/@+*{},#~-`.
pub fn is_label(text: &str) -> bool {
    !text.is_empty() && crate::record::Label::new(text).is_ok()
}

/// A dataset id.
pub fn is_dataset(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Words that a policy marked public: 1 to 200 printable characters.
pub fn is_words(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control)
}

/// `age1…`, `sha256:<hex of an SPKI>`, or `passphrase`.
pub fn is_recipient(text: &str) -> bool {
    if let Some(hex) = text.strip_prefix("sha256:") {
        return digest(hex).is_some();
    }
    text == "passphrase"
        || (text.starts_with("age1")
            && (5..=4096).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

/// A tenant's pseudonym `t-…`, or the real id (a GUID) where the user chose to route by it.
pub fn is_tenant(text: &str) -> bool {
    let token = text.len() == 15
        && text
            .strip_prefix("t-")
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)));
    let guid = text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        });
    token || guid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_canonical_and_fresh() {
        let (one, two) = (new_bundle_id().unwrap(), new_bundle_id().unwrap());
        assert!(is_id(&one) && is_id(&two) && one != two);
        let last = if one.ends_with('a') { 'b' } else { 'c' };
        assert!(!is_id(&one.to_ascii_uppercase()) && !is_id(&one[..25]));
        assert!(!is_id(&format!("{}{last}", &one[..25])), "the unused bits are zero");
    }

    #[test]
    fn times_are_utc_and_exist() {
        for good in ["2026-11-20T11:05:00Z", "2024-02-29T00:00:00.1234567Z"] {
            assert!(is_utc(good), "{good}");
        }
        for bad in [
            "",
            "2026-11-20",
            "2026-11-20T11:05:00",
            "2026-11-20T11:05:00+00:00",
            "2023-02-29T00:00:00Z",
            "2026-11-20 11:05:00Z",
            "2026-11-20T11:05:00.Z",
            "2026-11-20T25:05:00Z",
            "2026-11-20T11:05:00.1234567890Z",
        ] {
            assert!(!is_utc(bad), "{bad}");
        }
    }

    #[test]
    fn references_recipients_and_tenants() {
        assert!(is_reference("SR-2611.0042_a") && !is_reference("") && !is_reference("a b"));
        assert!(!is_reference(&"a".repeat(65)));
        assert!(is_recipient("passphrase") && is_recipient("age1abc0") && !is_recipient("AGE1"));
        assert!(is_recipient(&format!("sha256:{}", "0".repeat(64))) && !is_recipient("sha256:0"));
        assert!(is_tenant("t-abcdefghij234") && !is_tenant("t-abcdefghij189"));
        assert!(is_tenant("3f2504e0-4f89-11d3-9a0c-0305e82c3301") && !is_tenant("contoso.com"));
        assert!(is_words("Contoso IT security") && !is_words("a\nb"));
    }
}
