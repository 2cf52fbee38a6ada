//! GUIDs in all their dresses: one canonical value of 16 bytes in textual order, one pseudonym of
//! it, written again in the dress in which it came.
//!
//! A pseudonym begins with `fade` and has version 8 and variant 10, so people see what it is.

use super::token::{Pseudonymizer, first16, hex_byte, hex_bytes, hex_text, hex16, is_upper_hex};
use data_encoding::BASE64;

impl Pseudonymizer {
    /// Pseudonym of a GUID, 16 bytes in textual order.
    pub fn guid(&self, g: [u8; 16]) -> [u8; 16] {
        let mut b = first16(&self.guid.mac(&g));
        (b[0], b[1]) = (0xfa, 0xde);
        b[6] = 0x80 | b[6] & 0x0f;
        b[8] = 0x80 | b[8] & 0x3f;
        b
    }

    /// Pseudonym of a GUID in text, in the dress of the input: with or without dashes, in braces,
    /// parentheses or quotes, as URN, as LDAP octets or spaced octets (both little-endian), upper
    /// or lower case. `None` if it is no GUID. See [`parse_guid`].
    pub fn guid_text(&self, s: &str) -> Option<String> {
        let dress = Dress::of(s)?;
        Some(dress.write(self.guid(dress.guid)))
    }

    /// Pseudonym of an immutable id or source anchor: base64 of a little-endian GUID. `None` if it
    /// is not that.
    pub fn anchor(&self, s: &str) -> Option<String> {
        Some(anchor_text(self.guid(guid_of_anchor(s)?)))
    }

    /// Pseudonym of a connector-space DN of Entra Connect, `CN={hex(ASCII(x))}`, where x is an
    /// anchor or `Device_`, `User_`, `Group_` or `Contact_` and an object id. `None` otherwise.
    pub fn connector(&self, s: &str) -> Option<String> {
        let s = s.trim();
        let (name, hex) = split_connector(s)?;
        let text = String::from_utf8(hex_bytes(hex)?).ok()?;
        let mapped = match text.split_once('_') {
            Some((prefix, guid)) if is_connector_prefix(prefix) => {
                format!("{prefix}_{}", self.guid_text(guid)?)
            }
            _ => self.anchor(&text)?,
        };
        Some(format!("{name}{{{}}}", hex_text(mapped.as_bytes(), is_upper_hex(hex))))
    }
}

/// The GUID in text of any dress that [`Pseudonymizer::guid_text`] knows; 16 bytes in textual order.
pub fn parse_guid(s: &str) -> Option<[u8; 16]> {
    Dress::of(s).map(|dress| dress.guid)
}

/// The GUID in an immutable id or source anchor (base64 of the little-endian GUID).
pub fn guid_of_anchor(s: &str) -> Option<[u8; 16]> {
    let s = s.trim();
    if s.len() != 24 || !s.is_ascii() {
        return None;
    }
    BASE64.decode(s.as_bytes()).ok()?.try_into().ok().map(swap_order)
}

/// The GUID in a connector-space DN; see [`Pseudonymizer::connector`].
pub fn guid_of_connector(s: &str) -> Option<[u8; 16]> {
    let text = String::from_utf8(hex_bytes(split_connector(s.trim())?.1)?).ok()?;
    match text.split_once('_') {
        Some((prefix, guid)) if is_connector_prefix(prefix) => parse_guid(guid),
        _ => guid_of_anchor(&text),
    }
}

/// `CN=` as written and the hex between the braces; bounded, since only short values can be GUIDs.
fn split_connector(s: &str) -> Option<(&str, &str)> {
    let (name, rest) = s.split_at_checked(3)?;
    let hex = rest.strip_prefix('{')?.strip_suffix('}')?;
    (name.eq_ignore_ascii_case("cn=") && hex.len() <= 256).then_some((name, hex))
}

fn is_connector_prefix(prefix: &str) -> bool {
    ["Device", "User", "Group", "Contact"].iter().any(|known| prefix.eq_ignore_ascii_case(known))
}

/// Textual order ⇄ little-endian order (as in memory on Windows). Its own inverse.
pub(super) fn swap_order(g: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g0, h, rest @ ..] = g;
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g0, i, j, k, l, m, n, o, p]
}

/// The base64 of the little-endian GUID.
pub(super) fn anchor_text(g: [u8; 16]) -> String {
    BASE64.encode(&swap_order(g))
}

#[derive(Clone, Copy)]
enum Form {
    Dashed,
    Plain,
    /// `\D7\07…`, little-endian: octets of an LDAP filter.
    Escaped,
    /// `D7 07 …`, little-endian: a binary attribute as dumps print it.
    Spaced,
}

/// A GUID and how it was written.
struct Dress<'a> {
    before: &'a str,
    after: &'a str,
    form: Form,
    upper: bool,
    guid: [u8; 16],
}

impl<'a> Dress<'a> {
    fn of(s: &'a str) -> Option<Self> {
        let s = s.trim();
        // The longest dress is a URN in quotes and braces; octets take 48 characters.
        if s.len() > 64 || !s.is_ascii() {
            return None;
        }
        let (mut from, mut to) = (0, s.len());
        for (open, close) in [('"', '"'), ('\'', '\''), ('{', '}'), ('(', ')')] {
            if let Some(inner) = s[from..to].strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
                from += 1;
                to = from + inner.len();
            }
        }
        if s[from..to].get(..9).is_some_and(|urn| urn.eq_ignore_ascii_case("urn:uuid:")) {
            from += 9;
        }
        let body = &s[from..to];
        let octets = |octets: Option<Vec<u8>>| -> Option<[u8; 16]> { octets?.try_into().ok() };
        let (form, octets) = match body.len() {
            36 => (Form::Dashed, dashed(body.as_bytes())?),
            32 => (Form::Plain, hex16(body.as_bytes().first_chunk()?)?),
            48 => (Form::Escaped, octets(body.strip_prefix('\\')?.split('\\').map(hex_byte).collect())?),
            47 => (Form::Spaced, octets(body.split(' ').map(hex_byte).collect())?),
            _ => return None,
        };
        let guid = match form {
            Form::Dashed | Form::Plain => octets,
            Form::Escaped | Form::Spaced => swap_order(octets),
        };
        Some(Dress { before: &s[..from], after: &s[to..], form, upper: is_upper_hex(body), guid })
    }

    fn write(&self, g: [u8; 16]) -> String {
        let hex = |bytes: &[u8]| hex_text(bytes, self.upper);
        let octets = || swap_order(g).map(|b| hex(&[b]));
        let body = match self.form {
            Form::Plain => hex(&g),
            Form::Dashed => {
                let digits = hex(&g);
                let mut text = String::with_capacity(self.before.len() + 36 + self.after.len());
                text.push_str(self.before);
                for (at, group) in [0, 8, 12, 16, 20, 32].windows(2).enumerate() {
                    text.push_str(if at == 0 { "" } else { "-" });
                    text.push_str(&digits[group[0]..group[1]]);
                }
                text.push_str(self.after);
                return text;
            }
            Form::Escaped => octets().map(|b| format!("\\{b}")).concat(),
            Form::Spaced => octets().join(" "),
        };
        format!("{}{body}{}", self.before, self.after)
    }
}

fn dashed(s: &[u8]) -> Option<[u8; 16]> {
    let mut digits = [0; 32];
    for (from, to, at) in [(0, 8, 0), (9, 13, 8), (14, 18, 12), (19, 23, 16), (24, 36, 20)] {
        if from > 0 && s.get(from - 1) != Some(&b'-') {
            return None;
        }
        digits.get_mut(at..at + to - from)?.copy_from_slice(s.get(from..to)?);
    }
    hex16(&digits)
}

#[cfg(test)]
mod tests {
    use super::super::token::sample;
    use super::*;

    const GUID: &str = "f7cc07d7-7c15-447d-876d-c01b0e5a9e38";

    #[test]
    fn every_dress_comes_back_in_the_same_dress() {
        let names = sample();
        let g = parse_guid(GUID).unwrap();
        let mapped = names.guid(g);
        let escaped = "\\D7\\07\\CC\\F7\\15\\7C\\7D\\44\\87\\6D\\C0\\1B\\0E\\5A\\9E\\38";
        for text in [
            GUID.to_owned(),
            GUID.to_uppercase(),
            GUID.replace('-', ""),
            format!("{{{GUID}}}"),
            format!("({})", GUID.to_uppercase()),
            format!("\"{GUID}\""),
            format!("'{{{GUID}}}'"),
            format!("urn:uuid:{GUID}"),
            format!("URN:UUID:{}", GUID.to_uppercase()),
            escaped.to_owned(),
            escaped.to_lowercase(),
            escaped[1..].replace('\\', " "),
        ] {
            assert_eq!(parse_guid(&text), Some(g), "{text}");
            let out = names.guid_text(&text).unwrap();
            assert_eq!(parse_guid(&out), Some(mapped), "{text}");
            let shape = |s: &str| -> String {
                s.chars()
                    .map(|c| match c {
                        'a'..='f' | '0'..='9' => 'x',
                        'A'..='F' => 'X',
                        c => c,
                    })
                    .collect()
            };
            assert_eq!(shape(&out).to_lowercase(), shape(&text).to_lowercase());
            assert_eq!(
                is_upper_hex(&out.replace("URN:UUID", "")),
                is_upper_hex(&text.replace("URN:UUID", ""))
            );
        }
    }

    #[test]
    fn anchors_and_connectors_follow_the_guid() {
        let names = sample();
        let g = parse_guid(GUID).unwrap();
        assert_eq!(anchor_text(g), "1wfM9xV8fUSHbcAbDlqeOA==");
        assert_eq!(guid_of_anchor("1wfM9xV8fUSHbcAbDlqeOA=="), Some(g));
        let anchor = names.anchor("1wfM9xV8fUSHbcAbDlqeOA==").unwrap();
        assert_eq!(guid_of_anchor(&anchor), Some(names.guid(g)));
        let connector = |text: &str| format!("CN={{{}}}", hex_text(text.as_bytes(), true));
        assert_eq!(names.connector(&connector("1wfM9xV8fUSHbcAbDlqeOA==")), Some(connector(&anchor)));
        let device = names.connector(&connector(&format!("Device_{GUID}"))).unwrap();
        assert_eq!(guid_of_connector(&device), Some(names.guid(g)));
    }

    #[test]
    fn other_text_is_no_guid() {
        let long = "f".repeat(1 << 20);
        for wrong in [
            "",
            "-",
            "{}",
            "{",
            "\"",
            "urn:uuid:",
            "f7cc07d7-7c15-447d-876d-c01b0e5a9e3",
            "f7cc07d7-7c15-447d-876dc-01b0e5a9e38",
            "g7cc07d7-7c15-447d-876d-c01b0e5a9e38",
            "{f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
            "f7cc07d7-7c15-447d-876d-c01b0e5a9é8",
            "\0",
            &long,
        ] {
            assert_eq!(parse_guid(wrong), None, "{:.40}", wrong);
            assert_eq!(guid_of_anchor(wrong), None);
            assert_eq!(guid_of_connector(wrong), None);
            assert_eq!(guid_of_connector(&format!("CN={{{wrong}}}")), None);
        }
        assert_eq!(guid_of_anchor("1wfM9xV8fUSHbcAbDlqeOB=="), None, "padding bits are not zero");
    }
}
