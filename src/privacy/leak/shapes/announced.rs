//! Secrets that a key announces: behind each `=` and `:`, whatever the value looks like.

use super::super::super::vocabulary::is_stop_word;
use super::{is_token, uuid};

/// Ends of the keys that announce a secret, lower case.
const KEYS: [&[u8]; 11] = [
    b"password",
    b"passwd",
    b"pwd",
    b"client_secret",
    b"clientsecret",
    b"accountkey",
    b"sharedaccesskey",
    b"access_token",
    b"accesstoken",
    b"refresh_token",
    b"refreshtoken",
];

/// Secrets behind a key, in the order of their separators.
#[derive(Default)]
pub(super) struct Announced {
    /// The byte after the last value: what stands inside a value announces nothing.
    end: usize,
}

impl Announced {
    /// Looks around the `=` or `:` at `separator`.
    pub(super) fn behind(
        &mut self,
        bytes: &[u8],
        separator: usize,
        report: &mut impl FnMut(usize, &'static str, bool),
    ) {
        let quote = |b: &&u8| matches!(b, b'"' | b'\'' | b'\\');
        let space = |at: usize| bytes.get(at).is_some_and(|b| matches!(b, b'\t'..=b'\r' | b' '));
        let mut key = separator - usize::from(separator > 0 && space(separator - 1));
        let quotes = bytes[..key].iter().rev().take(5).take_while(quote).count();
        key -= quotes;
        let named =
            |name: &&[u8]| key >= name.len() && bytes[key - name.len()..key].eq_ignore_ascii_case(name);
        // What every key ends in: the cheap question first.
        let ends = |pair: &[u8]| {
            let pair = &[pair[0] | 0x20, pair[1] | 0x20];
            matches!(pair, b"rd" | b"wd" | b"et" | b"ey" | b"en" | b"ig" | b"on")
        };
        let may = key > self.end + 1 && ends(&bytes[key - 2..key]);
        if !may || quotes > 4 {
            return;
        }
        if let Some(name) = KEYS.iter().find(|name| named(name)) {
            let mut start = separator + 1 + usize::from(space(separator + 1));
            let open = bytes[start.min(bytes.len())..].iter().take(5).take_while(quote).count();
            start += open;
            let inside = |b: &&u8| {
                !matches!(b, b'\t'..=b'\r' | b' ' | b'"' | b'\'' | b'\\' | b';' | b',' | b'&' | b'[' | b']')
                    && !matches!(b, b'{' | b'}' | b'(' | b')' | b'<' | b'>')
            };
            let length = bytes[start.min(bytes.len())..].iter().take_while(inside).count();
            if open > 4 || length < 6 || key - name.len() < self.end {
                return;
            }
            self.end = start + length;
            if looks_secret(&bytes[start..start + length]) {
                report(start, "secret:key-value", false);
            }
        } else if named(&&b"authorization"[..]) {
            if let Some((start, end)) = credentials(bytes, separator + 1) {
                self.end = end;
                report(start, "secret:authorization", false);
            }
        } else if bytes[separator] == b'=' && key == separator && named(&&b"sig"[..]) {
            let opens = key > 3 && (bytes[key - 4].is_ascii_alphanumeric() || bytes[key - 4] == b'_');
            let inside = |b: &&u8| b.is_ascii_alphanumeric() || b"%+/=_-".contains(b);
            let length = bytes[separator + 1..].iter().take_while(inside).count();
            if !opens && length >= 20 && key - 3 >= self.end {
                self.end = separator + 1 + length;
                report(separator + 1, "secret:sas", false);
            }
        }
    }
}

/// Schemes of HTTP authentication whose credentials are one word (RFC 9110, 11.4), lower case.
const SCHEMES: [&[u8]; 5] = [b"basic", b"bearer", b"negotiate", b"ntlm", b"sharedkey"];

/// The credentials behind an `Authorization:` that ends at `from`: from the first character of the word
/// behind its scheme on. Backslashes and quotes stand before the scheme where JSON does.
fn credentials(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let count = |from: usize, most: usize, fits: &dyn Fn(u8) -> bool| {
        from + bytes.get(from..).unwrap_or_default().iter().take(most).take_while(|b| fits(**b)).count()
    };
    let scheme = count(from, 9, &|b| b" \t\\\"'".contains(&b));
    let blank = count(scheme, 16, &|b| b.is_ascii_alphabetic());
    let start = count(blank, 8, &|b| matches!(b, b' ' | b'\t'));
    let end = count(start, 1 << 14, &|b| b.is_ascii_alphanumeric() || b"-._~+/=:".contains(&b));
    let known = SCHEMES.iter().any(|known| bytes[scheme..blank].eq_ignore_ascii_case(known));
    (known && start > blank && end - start >= 8 && looks_secret(&bytes[start..end])).then_some((start, end))
}

fn looks_secret(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return true };
    let mixed = text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic());
    mixed && !is_token(text) && uuid(text).is_none() && !is_stop_word(text.trim_end_matches(['.', ':']))
}
