//! Mail addresses and UPNs, guests and glued object ids included.

use super::super::dictionary::Dictionary;
use super::span::{Span, What, before_script, behind_script, is_word_byte, rank, word_at};
use crate::kind::Kind;

/// Longest local part and longest domain in bytes.
const LOCAL: usize = 320;
const DOMAIN: usize = 253;

fn is_local(byte: u8) -> bool {
    is_word_byte(byte) || b".-_+#'%$&!~^*{}".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    is_word_byte(byte) || byte == b'.' || byte == b'-'
}

/// The addresses around the `@` at `at`. `from` is the first byte that may belong to it.
pub(crate) fn at(bytes: &[u8], from: usize, at: usize, spans: &mut Vec<Span>) -> Option<usize> {
    let floor = from.max(at.saturating_sub(LOCAL));
    let mut start = at;
    while start > floor && is_local(bytes[start - 1]) {
        start -= 1;
    }
    if start < at {
        start = behind_script(bytes, start, at);
    }
    // Punctuation does not start an address: quotes, braces, dots of a sentence.
    while start < at && !(is_word_byte(bytes[start]) || bytes[start] == b'_' || bytes[start] == b'$') {
        start += 1;
    }
    // `\28'ada@…`: two digits and a quote behind a backslash are an escaped bracket of a filter or a URL.
    if start > 0 && bytes[start - 1] == b'\\' && matches!(bytes[start..at], [b'2', b'8'..=b'9', b'\'', _, ..])
    {
        start += 3;
    }
    let mut end = at + 1;
    while end < bytes.len() && end - at <= DOMAIN && is_domain(bytes[end]) {
        end += 1;
    }
    let label = bytes[at + 1..end].iter().rposition(|b| *b == b'.').map_or(at + 1, |dot| at + 2 + dot);
    let cut = before_script(bytes, label, end);
    let joined = cut == end;
    end = cut;
    while end > at + 1 && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let domain = &bytes[at + 1..end];
    let dot = domain.iter().rposition(|b| *b == b'.')?;
    let top = &domain[dot + 1..];
    let plausible = start < at
        && is_word_byte(*domain.first()?)
        && top.len() >= 2
        && top.iter().any(|b| !b.is_ascii_digit())
        && !starts_without_case(domain, b"odata.")
        && !domain.windows(2).any(|pair| pair == b"..");
    if !plausible {
        return None;
    }
    // A character boundary on both sides: words are never cut inside a longer character.
    if joined && word_at(bytes, end) {
        return None;
    }
    // The UPN of a deleted user has the 32 hex digits of its object id glued before it.
    let glued = bytes[start..at].len() > 32
        && bytes[start..start + 32].iter().all(u8::is_ascii_hexdigit)
        && !bytes[start + 32].is_ascii_digit();
    if glued {
        spans.push(Span { start, end: start + 32, rank: rank::MAIL, what: What::Value(Kind::ObjectId) });
        start += 32;
    }
    spans.push(Span { start, end, rank: rank::MAIL, what: What::Value(Kind::Upn) });
    Some(end)
}

/// An account before the `@` at `at` with a learned domain of one label behind it: `bo@CORP`, as
/// Kerberos and NetBIOS write it. However short the account is, its realm says what it is.
pub(crate) fn at_realm(
    text: &str,
    from: usize,
    at: usize,
    dictionary: &Dictionary,
    spans: &mut Vec<Span>,
) -> Option<usize> {
    let bytes = text.as_bytes();
    let before = bytes[from.max(at.saturating_sub(64))..at].iter().rev();
    let start = at - before.take_while(|b| is_word_byte(**b) || b"._-$".contains(b)).count();
    let realm = bytes[at + 1..].iter().take(64).take_while(|b| is_word_byte(**b) || **b == b'-').count();
    let end = at + 1 + realm;
    let whole = text.get(start..at).is_some_and(|local| local.contains(char::is_alphanumeric));
    let name = text.get(at + 1..end)?;
    // A realm that nobody taught is written in capitals.
    let shouted = (3..=15).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
        && name.bytes().filter(u8::is_ascii_uppercase).count() >= 3
        && !matches!(bytes.get(end), Some(b'@' | b'.' | b'_'));
    if !whole || !(shouted || dictionary.is_domain_label(name)) {
        return None;
    }
    spans.push(Span { start, end, rank: rank::MAIL, what: What::Value(Kind::Upn) });
    Some(end)
}

fn starts_without_case(text: &[u8], head: &[u8]) -> bool {
    text.len() >= head.len() && text[..head.len()].eq_ignore_ascii_case(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Vec<String> {
        let mut spans = Vec::new();
        for (position, _) in text.match_indices('@') {
            at(text.as_bytes(), 0, position, &mut spans);
        }
        spans.iter().map(|span| text[span.start..span.end].to_owned()).collect()
    }

    #[test]
    fn accounts_of_a_learned_realm_however_short() {
        let mut learner = super::super::super::learn::Learner::new();
        learner.learn(Kind::Domain, "corp.contoso.com", "domains");
        let dictionary = learner.freeze();
        for (text, found) in [
            ("x bo@CORP.", "bo@CORP"),
            ("(b.o$@corp)", "b.o$@corp"),
            ("bo@OTHER", "bo@OTHER"),
            ("bo@Other", ""),
            ("bo@V2", ""),
            ("@corp", ""),
            ("é@", ""),
        ] {
            let mut spans = Vec::new();
            let at = text.find('@').unwrap_or(0);
            at_realm(text, 0, at, &dictionary, &mut spans);
            let first = spans.first().map_or("", |span| &text[span.start..span.end]);
            assert_eq!(first, found, "{text}");
        }
    }

    #[test]
    fn addresses_without_their_surroundings() {
        for (text, address) in [
            ("Write ada@contoso.com.", "ada@contoso.com"),
            ("'o'brien@contoso.com'", "o'brien@contoso.com"),
            ("(mailto:ada.l@contoso.co.uk)", "ada.l@contoso.co.uk"),
            ("Account 'patrick.o'brien@contoso.com' is", "patrick.o'brien@contoso.com"),
            ("<søren@contoso.com>", "søren@contoso.com"),
            ("i:0#.f|membership|ada@contoso.com", "ada@contoso.com"),
            ("WS-1$@CONTOSO.LOCAL", "WS-1$@CONTOSO.LOCAL"),
            ("ada_quad-it.com#EXT#@c.onmicrosoft.com", "ada_quad-it.com#EXT#@c.onmicrosoft.com"),
            ("user=ada@contoso.com,", "ada@contoso.com"),
            ("users\\28'ada@contoso.com'\\29", "ada@contoso.com"),
            ("\\28ada@contoso.com", "28ada@contoso.com"),
        ] {
            assert_eq!(find(text), [address], "{text}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for text in
            ["members@odata.bind", "@odata.id", "a@b", "x@1.2.3.4", "@", "a@@b.c.", "a@.com", "json@13.0.1"]
        {
            assert!(find(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_glued_object_id_is_a_value_of_its_own() {
        assert_eq!(
            find("f7cc07d77c15447d876dc01b0e5a9e38greta@contoso.com"),
            ["f7cc07d77c15447d876dc01b0e5a9e38", "greta@contoso.com"]
        );
    }
}
