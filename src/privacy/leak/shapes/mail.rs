//! Addresses around an `@`: both halves must be ours, or allowed.

use super::super::super::learn::is_public_domain;
use super::super::super::lookup::is_ideograph;
use super::{Shapes, is_token};
use crate::kind::Kind;

impl Shapes<'_> {
    /// The address around the `@` at `at`, if its halves are not both ours or allowed.
    pub(super) fn mail(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let local_byte = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80 || b"._%+-#$!&~^".contains(b);
        let length = bytes[..at].iter().rev().take(320).take_while(|b| local_byte(b)).count();
        let start = at - length;
        let local = std::str::from_utf8(&bytes[start..at]).unwrap_or("?x?");
        let length = bytes[at + 1..]
            .iter()
            .take(254)
            .take_while(|b| b.is_ascii_alphanumeric() || **b >= 0x80 || matches!(b, b'.' | b'-'))
            .count();
        let domain = std::str::from_utf8(&bytes[at + 1..at + 1 + length]).unwrap_or("?.x?");
        let (start, local) = behind_sentence(start, local);
        let domain = before_sentence(domain).trim_end_matches(['.', '-']);
        if is_token(local) && domain.ends_with(".example") {
            return None;
        }
        let (_, top) = domain.rsplit_once('.')?;
        let has_word = local.chars().any(char::is_alphanumeric);
        let plausible = has_word
            && top.len() >= 2
            && top.bytes().any(|b| !b.is_ascii_digit())
            && !domain.starts_with(['.', '-'])
            && !domain.as_bytes().windows(2).any(|pair| pair == b"..")
            && !domain.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("odata."));
        if !plausible {
            return None;
        }
        let folded = domain.to_ascii_lowercase();
        let local_ok = !self.treats(&[Kind::Account, Kind::Upn])
            || is_local_of_ours(local)
            || is_guest_of_ours(local, |home| self.allows_domain(home));
        (!(local_ok && self.allows_domain(&folded))).then_some(start)
    }

    /// Whether a domain may stand behind an `@`: ours, a public one, or any where domains are kept.
    fn allows_domain(&self, domain: &str) -> bool {
        !self.treated.contains(Kind::Domain)
            || domain.ends_with(".example")
            || is_public_domain(&domain.to_ascii_lowercase())
    }
}

/// Whether a local part is made of tokens and of the fixed parts that the formats keep.
pub(super) fn is_local_of_ours(local: &str) -> bool {
    // The UPN of a deleted user keeps its object id, a pseudonym of ours, glued before it.
    let local = match local.get(..32) {
        Some(glued) if glued.starts_with("fade") && glued.bytes().all(|b| b.is_ascii_hexdigit()) => {
            &local[32..]
        }
        _ => local,
    };
    local.split(['_', '#', '$', '.']).all(|part| {
        let lower = part.to_ascii_lowercase();
        part.is_empty()
            || is_token(part)
            || ["aad", "adsyncmsa", "example", "ext", "msol", "onmicrosoft", "redacted", "spo", "sync"]
                .contains(&lower.as_str())
            || (part.len() >= 4
                && part.len() <= 13
                && part.len() != 8
                && part.bytes().all(|b| b.is_ascii_hexdigit())
                && local.contains('_'))
            || lower.strip_prefix("adsyncmsa").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            || (part.len() == 36 && lower.starts_with("fade"))
    })
}

/// Whether a local part is that of a guest whose home account is a token and whose home domain may
/// stand: `u-…_fabrikam.com#EXT#`, as a policy that keeps domains writes it.
fn is_guest_of_ours(local: &str, allows: impl Fn(&str) -> bool) -> bool {
    let Some(at) = local.len().checked_sub(5) else { return false };
    let home = local.get(at..).filter(|end| end.eq_ignore_ascii_case("#EXT#")).and(local.get(..at));
    let Some((account, domain)) = home.and_then(|home| home.rsplit_once('_')) else { return false };
    is_local_of_ours(account) && !account.is_empty() && domain.contains('.') && allows(domain)
}

/// An ASCII local part without the sentence in a script without spaces that stands before it.
fn behind_sentence(start: usize, local: &str) -> (usize, &str) {
    match local.char_indices().rev().find(|(_, c)| !c.is_ascii()) {
        Some((at, c)) if is_ideograph(c) && at + c.len_utf8() < local.len() => {
            (start + at + c.len_utf8(), &local[at + c.len_utf8()..])
        }
        _ => (start, local),
    }
}

/// A domain whose last label begins in ASCII, without such a sentence behind it.
fn before_sentence(domain: &str) -> &str {
    let label = domain.rfind('.').map_or(0, |dot| dot + 1);
    match domain[label..].char_indices().find(|(_, c)| !c.is_ascii()) {
        Some((at, c)) if at > 0 && is_ideograph(c) => &domain[..label + at],
        _ => domain,
    }
}
