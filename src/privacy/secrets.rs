//! Recognisers of secrets: locked, the same under every policy, and never asked of a renderer.
//!
//! The run splitter of the text engine asks at the places that can hold one: at a run, behind `=`
//! and `:`, at a `~`. Every check looks at a bounded stretch, so no input makes it worse than linear.
//! The leak check has recognisers of its own.

use super::identifiable;
use super::vocabulary::is_stop_word;

/// A secret in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    /// First byte of the secret itself; the key before it stays.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
    /// What it is, as it stands behind `[secret:`.
    pub what: &'static str,
}

/// How every key ends that announces a secret: the cheap question before the exact one.
const KEY_ENDS: [&[u8; 3]; 18] = [
    b"ass", b"ist", b"nse", b"ase", b"ash", b"ext", b"pwd", b"sig", b"ure", b"ion", b"ken", b"key", b"kie",
    b"lue", b"ord", b"ort", b"ret", b"swd",
];

/// Fewest characters of a refresh token.
const REFRESH: usize = 42;

/// Longest key before a value, and longest value that is looked at outside PEM blocks.
const KEY: usize = 64;
const VALUE: usize = 16 << 10;

/// The secret that starts in or at the run `start..end` (letters, digits and `._:/@+%#$\-`), known by
/// what it looks like. `dotted`: whether the run has a `.`.
pub(crate) fn in_run(bytes: &[u8], start: usize, end: usize, dotted: bool) -> Option<Secret> {
    let run = &bytes[start..end];
    match run {
        [b'-', b'-', b'-', b'-', b'-', b'B', b'E', b'G', b'I', b'N', ..] => return pem(bytes, start),
        [b'b' | b'B', ..]
            if run.len() == 6 && bytes.get(end) == Some(&b' ') && run.eq_ignore_ascii_case(b"bearer") =>
        {
            return bearer(bytes, end + 1);
        }
        [b'o' | b'O', ..] if run.len() > 10 && run[..10].eq_ignore_ascii_case(b"otpauth://") => {
            let long = length(bytes, start, |b| b.is_ascii_graphic() && !b"\"'<>\\".contains(b));
            let long = long - usize::from(bytes[start + long - 1] == b')');
            return Some(Secret { start, end: start + long, what: "totp" });
        }
        _ => {}
    }
    if run.len() >= 43
        && let Some((start, end)) = identifiable::key(bytes, start, end)
    {
        return Some(Secret { start, end, what: "key" });
    }
    if run.len() < 16 || !dotted {
        return None;
    }
    // All of a refresh token stands in one run.
    let dots = if run.len() < REFRESH { &[] } else { run };
    for dot in memchr::memchr_iter(b'.', dots) {
        let dot = start + dot;
        if bytes.get(dot + 1) == Some(&b'A')
            && dot > start
            && matches!(bytes[dot - 1], b'0' | b'1')
            && let Some(secret) = refresh_token(bytes, dot - 1)
        {
            return Some(secret);
        }
    }
    memchr::memchr_iter(b'J', run)
        .filter(|at| *at >= 2 && run[at - 2..].starts_with(b"ey"))
        .find_map(|at| jwt(bytes, start + at - 2))
}

/// The client secret around a `~` at `at`.
pub(crate) fn at_tilde(bytes: &[u8], at: usize) -> Option<Secret> {
    let marked = at >= 2 && bytes[at - 1] == b'Q' && matches!(bytes[at - 2], b'7' | b'8');
    if marked { client_secret(bytes, at - 2) } else { None }
}

fn bearer(bytes: &[u8], start: usize) -> Option<Secret> {
    let long = length(bytes, start, |b| is_url_base64(b) || b"./+=~".contains(b));
    (long >= 16).then_some(Secret { start, end: start + long, what: "authorization" })
}

/// Whether a key that ends like this may announce a secret. The last letter says no to most of them.
fn may_announce(last: &[u8; 3]) -> bool {
    const LETTERS: u32 = {
        let (mut letters, mut at) = (0, 0);
        while at < KEY_ENDS.len() {
            letters |= 1 << (KEY_ENDS[at][2] - b'a');
            at += 1;
        }
        letters
    };
    let letter = (last[2] | 0x20).wrapping_sub(b'a');
    letter < 26 && LETTERS >> letter & 1 != 0 && KEY_ENDS.iter().any(|end| last.map(|b| b | 0x20) == **end)
}

/// The secret behind the `=` or `:` at `separator`, if the key before it announces one. Quotes may
/// stand around key and value, also escaped.
pub(crate) fn behind(text: &str, separator: usize) -> Option<Secret> {
    let bytes = text.as_bytes();
    let is_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let between = |b: &&u8| matches!(b, b'"' | b'\'' | b'\\' | b']' | b' ');
    let gap = bytes[..separator].iter().rev().take(6).take_while(between).count();
    let key_end = separator - gap;
    if !may_announce(bytes[..key_end].last_chunk()?) {
        return None;
    }
    let key_start = key_end - bytes[..key_end].iter().rev().take(KEY).take_while(|b| is_key(b)).count();
    if bytes[key_start..key_end].eq_ignore_ascii_case(b"sig") && gap == 0 {
        let long = length(bytes, separator + 1, |b| b.is_ascii_alphanumeric() || b"%/+=-_".contains(b));
        return (long >= 20).then_some(Secret {
            start: separator + 1,
            end: separator + 1 + long,
            what: "sas",
        });
    }
    let what = key(&text[key_start..key_end])?;
    value(text, separator + 1, what)
}

/// The character boundary at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn is_url_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn length(bytes: &[u8], from: usize, fits: impl Fn(&u8) -> bool) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take(VALUE * 4).take_while(|b| fits(b)).count()
}

/// A JSON web token: two or more base64url parts, the first a JSON header.
fn jwt(bytes: &[u8], start: usize) -> Option<Secret> {
    if start > 0 && is_url_base64(&bytes[start - 1]) {
        return None;
    }
    let header = length(bytes, start, is_url_base64);
    let dot = start + header;
    if header < 10 || bytes.get(dot) != Some(&b'.') || length(bytes, dot + 1, is_url_base64) < 4 {
        return None;
    }
    let all = length(bytes, start, |b| is_url_base64(b) || matches!(b, b'.' | b'='));
    let mut end = start + all;
    while bytes[end - 1] == b'.' && end > dot + 2 && bytes.get(end).is_none_or(|b| !b.is_ascii_alphanumeric())
    {
        end -= 1;
    }
    Some(Secret { start, end, what: "jwt" })
}

/// A client secret of Entra: three characters, `8Q~` (or `7Q~`), 31 to 34 more.
fn client_secret(bytes: &[u8], at: usize) -> Option<Secret> {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-');
    let before = bytes[..at].iter().rev().take(3).take_while(|b| fits(b)).count();
    let mut after = length(bytes, at + 3, fits);
    while after > 31 && matches!(bytes[at + 3 + after - 1], b'.') {
        after -= 1;
    }
    (before == 3 && after >= 31).then(|| Secret { start: at - 3, end: at + 3 + after, what: "client-secret" })
}

/// A refresh token: `0.A` or `1.A` and at least 40 more characters.
fn refresh_token(bytes: &[u8], start: usize) -> Option<Secret> {
    if start > 0 && (is_url_base64(&bytes[start - 1]) || bytes[start - 1] == b'.') {
        return None;
    }
    let long = length(bytes, start + 2, |b| is_url_base64(b) || *b == b'.');
    let text = &bytes[start + 2..start + 2 + long];
    let mixed = text.iter().any(u8::is_ascii_digit)
        && text.iter().any(u8::is_ascii_uppercase)
        && text.iter().any(u8::is_ascii_lowercase);
    (long + 2 >= REFRESH && mixed).then_some(Secret { start, end: start + 2 + long, what: "refresh-token" })
}

/// A PEM block, to its end line or to the end of the text.
fn pem(bytes: &[u8], start: usize) -> Option<Secret> {
    let end = memchr::memmem::find(&bytes[start..], b"-----END").map_or(bytes.len(), |at| {
        let tail = start + at + 8;
        memchr::memmem::find(&bytes[tail..], b"-----").map_or(bytes.len(), |at| tail + at + 5)
    });
    Some(Secret { start, end, what: "pem" })
}

/// The value that a key announced, from the byte after its separator.
fn value(text: &str, at: usize, what: &'static str) -> Option<Secret> {
    let bytes = text.as_bytes();
    let at = if bytes.get(at) == Some(&b'>') { at + 1 } else { at };
    let blank = skip(bytes, at, b" \t", 8);
    let spaced = blank > at;
    let open = skip(bytes, blank, b"\\", 8);
    let quote = bytes.get(open).copied().filter(|b| matches!(b, b'"' | b'\''));
    let start = if quote.is_some() { open + 1 } else { blank };
    let line = matches!(what, "authorization" | "cookie");
    let end = start
        + length(bytes, start, |b| match quote {
            Some(quote) => *b != quote && *b != b'\n',
            None if line => !matches!(b, b'\n' | b'\r' | b'"'),
            None => !b.is_ascii_whitespace() && !b",;&)]}<>|\"'".contains(b),
        });
    let mut end = if line && quote.is_none() { credentials(bytes, start).unwrap_or(end) } else { end };
    // An escaped closing quote leaves its backslashes behind the value.
    while (quote.is_some() || line) && end > start && bytes[end - 1] == b'\\' {
        end -= 1;
    }
    let start = start.min(end);
    let value = text.get(ceil(text, start)..ceil(text, end))?;
    looks_secret(what, value, spaced && quote.is_none()).then_some(Secret {
        start: ceil(text, start),
        end: ceil(text, end),
        what,
    })
}

/// The end of credentials whose scheme is followed by a single token (RFC 9110, 11.4: `token68`): prose
/// may go on behind it. Other schemes list parameters, to the end of the line.
fn credentials(bytes: &[u8], start: usize) -> Option<usize> {
    let scheme = length(bytes, start, u8::is_ascii_alphabetic);
    let name = &bytes[start..start + scheme];
    let single = [&b"bearer"[..], b"basic", b"negotiate", b"ntlm"];
    if !single.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return None;
    }
    let token = skip(bytes, start + scheme, b" \t", 8);
    let long = length(bytes, token, |b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b));
    // What is shorter is a word, and what goes on at once is no such token: then the line counts.
    let ends =
        bytes.get(token + long).is_none_or(|b| b.is_ascii_whitespace() || b"\"'\\)]}>,;&|<".contains(b));
    (token > start + scheme && long >= 8 && ends).then_some(token + long)
}

fn skip(bytes: &[u8], from: usize, what: &[u8], most: usize) -> usize {
    from + bytes.get(from..).unwrap_or_default().iter().take(most).take_while(|b| what.contains(b)).count()
}

/// What a key announces.
fn key(key: &str) -> Option<&'static str> {
    let folded: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let ends = |ending: &str| folded.ends_with(ending);
    Some(match folded.as_str() {
        _ if ends("publickeytoken") || ends("cancellationtoken") => return None,
        _ if ends("password") || ends("passwd") || ends("pwd") || ends("passphrase") || ends("passwort") => {
            "password"
        }
        _ if ends("secret") || ends("secretvalue") || ends("secrettext") => "secret",
        _ if ends("token") => "token",
        _ if ends("apikey") || ends("accountkey") || ends("accesskey") || ends("sharedaccesssignature") => {
            "key"
        }
        _ if ends("authorization") => "authorization",
        "cookie" | "setcookie" => "cookie",
        _ if ends("nthash") => "hash",
        _ if ends("temporaryaccesspass") => "temporary-access-pass",
        _ if ends("bannedpasswordlist") => "password-list",
        _ if ends("samlresponse") || ends("clientassertion") || ends("samlassertion") => "assertion",
        _ => return None,
    })
}

/// Whether a value behind such a key is a secret and no word of a sentence or name of a method.
fn looks_secret(what: &str, value: &str, prose: bool) -> bool {
    let value = value.trim().trim_end_matches(['.', ':', '!', '?']);
    let length = value.chars().count();
    let masked = value.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'#'));
    let placeholder = value.starts_with(['<', '{', '$', '%', '[', '(']) && what != "password";
    if length == 0 || masked || placeholder || value.starts_with("[secret:") {
        return false;
    }
    let letters = value.chars().all(|c| c.is_alphabetic() || c == '-' || c == '_' || c == ' ');
    let words = letters && value.split([' ', '-', '_']).all(|word| word.is_empty() || is_stop_word(word));
    let camel =
        letters && !prose && value.len() < 40 && value.starts_with(char::is_lowercase) && what != "password";
    let number = value.bytes().all(|b| b.is_ascii_digit()) && length < 4;
    if words || number {
        return false;
    }
    match what {
        "password" => length >= 3 && !(prose && letters && length < 4),
        "authorization" | "cookie" => length >= 8,
        _ => {
            let guid = super::entity::guid_of_text(value).is_some() && what == "token";
            let sentence = letters && prose;
            length >= 8 && !camel && !guid && !sentence
        }
    }
}

/// What a member announces, and whether its whole value is a secret.
pub fn by_key(member: &str, value: &str) -> Option<&'static str> {
    let what = key(member)?;
    looks_secret(what, value, false).then_some(what)
}

/// The BitLocker recovery password that starts at `at`: eight groups of six digits, each divisible
/// by 11. Returns the byte after it.
pub fn bitlocker(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..at + 55)?;
    for (index, group) in text.chunks(7).enumerate() {
        let digits = &group[..6];
        let value = digits
            .iter()
            .try_fold(0u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))?;
        if value % 11 != 0 || value >= 720_896 || (index < 7 && group.get(6) != Some(&b'-')) {
            return None;
        }
    }
    let closed = !bytes.get(at + 55).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
    let open = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'-');
    (closed && open).then_some(at + 55)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> Vec<(&'static str, &str)> {
        let dictionary = super::super::learn::Learner::new().freeze();
        super::super::text::secrets_of(text, &dictionary)
            .into_iter()
            .map(|secret| (secret.what, &text[secret.start..secret.end]))
            .collect()
    }

    const JWT: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

    #[test]
    fn every_sort_of_secret() {
        let client = concat!("abc", "8Q~", "0123456789abcdefghijABCDEFGHIJ_-.~x");
        for (text, what, secret) in [
            (format!("token {JWT}."), "jwt", JWT),
            (format!("({client})"), "client-secret", client),
            ("?sv=1&sig=abcDEF0123456789%2Bxyz%3D&se=2".into(), "sas", "abcDEF0123456789%2Bxyz%3D"),
            ("DefaultEndpoints;AccountKey=QUJDREVGRw==;x".into(), "key", "QUJDREVGRw=="),
            ("Server=x;User Id=y;Password=Hunter2!;".into(), "password", "Hunter2!"),
            ("{\"password\": \"correct horse 9\"}".into(), "password", "correct horse 9"),
            ("{\\\"client_secret\\\":\\\"s3cr3t-Value\\\"}".into(), "secret", "s3cr3t-Value"),
            ("access_token=abcdef123456&x".into(), "token", "abcdef123456"),
            ("Authorization: Basic dXNlcjpwYXNz\nnext".into(), "authorization", "Basic dXNlcjpwYXNz"),
            ("(Authorization: Bearer abc123DEF456 for x)".into(), "authorization", "Bearer abc123DEF456"),
            ("Authorization: Digest a=b, c=d1".into(), "authorization", "Digest a=b, c=d1"),
            ("Authorization: Basic dXNl, c=d1".into(), "authorization", "Basic dXNl, c=d1"),
            ("Authorization: Bearer abc123DEF456\\\\\"}".into(), "authorization", "Bearer abc123DEF456"),
            ("(otpauth://totp/x?secret=ABC) end".into(), "totp", "otpauth://totp/x?secret=ABC"),
            ("Cookie: a=b; c=d12345".into(), "cookie", "a=b; c=d12345"),
            ("otpauth://totp/x?secret=ABC end".into(), "totp", "otpauth://totp/x?secret=ABC"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAA\n-----END PRIVATE KEY----- x".into(),
                "pem",
                "-----BEGIN PRIVATE KEY-----\nAAA\n-----END PRIVATE KEY-----",
            ),
            ("Passwd: Gr3ta!".into(), "password", "Gr3ta!"),
        ] {
            assert_eq!(secrets(&text), [(what, secret)], "{text}");
        }
    }

    #[test]
    fn words_about_secrets_are_no_secrets() {
        for text in [
            "Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089",
            "Error validating credentials due to invalid username or password.",
            "The refresh token has expired due to inactivity.",
            "\"authenticationMethod\":\"Password\",\"authenticationMethodDetail\":\"Password Hash Sync\"",
            "\"incomingTokenType\":\"primaryRefreshToken\"",
            "Password: expired",
            "password=********",
            "token: primaryRefreshToken",
            "eyJ",
            "8Q~",
            "ab7Q~0123456789abcdefghijABCDEFGHIJ_-.~x",
            "secret:",
            "StsRefreshTokensValidFrom: 2024-05-01",
        ] {
            assert_eq!(secrets(text), [], "{text}");
        }
    }

    #[test]
    fn no_end_of_a_key_is_left_out_by_its_last_letter() {
        for byte in 0..=u8::MAX {
            for end in KEY_ENDS {
                let mut last = *end;
                for at in 0..3 {
                    last[at] = byte;
                    let known = KEY_ENDS.iter().any(|end| last.eq_ignore_ascii_case(*end));
                    assert_eq!(may_announce(&last), known, "{last:?}");
                    last[at] = end[at].to_ascii_uppercase();
                    assert!(may_announce(&last), "{last:?}");
                }
            }
        }
    }

    #[test]
    fn bitlocker_groups_are_divisible_by_eleven() {
        let good = "000011-000022-000033-000044-000055-000066-000077-000088";
        assert_eq!(bitlocker(good.as_bytes(), 0), Some(55));
        let bad = good.replace("000088", "000089");
        assert_eq!(bitlocker(bad.as_bytes(), 0), None);
        assert_eq!(bitlocker(b"0000", 0), None);
    }

    #[test]
    fn members_announce_their_value() {
        assert_eq!(by_key("userPassword", "Summer2024"), Some("password"));
        assert_eq!(by_key("tokenType", "Summer2024"), None);
        assert_eq!(by_key("password", "expired"), None);
    }
}
