//! The encodings of text, each with its inverse: what the proof writes it also reads back.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};

/// An encoding of a stretch of text.
#[derive(Clone, Copy)]
pub struct Encoding {
    pub name: &'static str,
    pub write: fn(&str) -> String,
    pub read: fn(&str) -> Option<String>,
    /// Whether letters and digits stay as they are, so that short values look the same.
    pub transparent: bool,
}

pub const ALL: &[Encoding] = &[
    Encoding { name: "plain", write: str::to_owned, read: |text| Some(text.to_owned()), transparent: true },
    Encoding { name: "percent", write: percent, read: unpercent, transparent: true },
    Encoding {
        name: "percent twice",
        write: |t| percent(&percent(t)),
        read: |t| unpercent(&unpercent(t)?),
        transparent: true,
    },
    Encoding { name: "json \\u escapes", write: unicode_escapes, read: unescape, transparent: false },
    Encoding { name: "json in a string", write: |t| json(t, 1), read: |t| unjson(t, 1), transparent: true },
    Encoding {
        name: "json two levels deep",
        write: |t| json(t, 2),
        read: |t| unjson(t, 2),
        transparent: true,
    },
    Encoding {
        name: "json three levels deep",
        write: |t| json(t, 3),
        read: |t| unjson(t, 3),
        transparent: true,
    },
    Encoding { name: "xml entities", write: xml, read: unxml, transparent: true },
    Encoding {
        name: "xml numeric entities",
        write: |t| t.chars().map(|c| format!("&#x{:X};", c as u32)).collect(),
        read: unxml,
        transparent: false,
    },
    Encoding { name: "quoted-printable", write: quoted, read: unquoted, transparent: true },
    Encoding { name: "ldap escapes", write: ldap, read: unldap, transparent: true },
    Encoding {
        name: "base64",
        write: |t| BASE64.encode(t.as_bytes()),
        read: |t| utf8(unpadded(t)?),
        transparent: false,
    },
    Encoding {
        name: "base64url",
        write: |t| BASE64URL_NOPAD.encode(t.as_bytes()),
        read: |t| utf8(BASE64URL_NOPAD.decode(t.as_bytes()).ok()?),
        transparent: false,
    },
    Encoding {
        name: "base64 of utf-16",
        write: |t| BASE64.encode(&utf16(t)),
        read: |t| unutf16(&unpadded(t)?),
        transparent: false,
    },
    Encoding {
        name: "utf-16 in text",
        write: |t| utf8(utf16(t)).unwrap_or_default(),
        read: |t| unutf16(t.as_bytes()),
        transparent: false,
    },
];

/// Base64 with its padding or without it.
fn unpadded(text: &str) -> Option<Vec<u8>> {
    BASE64_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()
}

fn utf8(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn unutf16(bytes: &[u8]) -> Option<String> {
    let words: Vec<u16> =
        bytes.chunks(2).map(|c| u16::from_le_bytes([c[0], *c.get(1).unwrap_or(&0)])).collect();
    String::from_utf16(&words).ok()
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// Undoes escapes of a mark and two hex digits.
fn unhex(text: &str, mark: u8) -> Option<String> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let value = (bytes[at] == mark)
            .then(|| u8::from_str_radix(std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok()?, 16).ok())
            .flatten();
        match value {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    utf8(out)
}

fn unpercent(text: &str) -> Option<String> {
    unhex(text, b'%')
}

fn quoted(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if (33..=126).contains(&b) && b != b'=' || b == b' ' {
                char::from(b).to_string()
            } else {
                format!("={b:02X}")
            }
        })
        .collect()
}

fn unquoted(text: &str) -> Option<String> {
    unhex(&text.replace("=\r\n", "").replace("=\n", ""), b'=')
}

fn ldap(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii() && !b"*()\\\0".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("\\{b:02x}")
            }
        })
        .collect()
}

fn unldap(text: &str) -> Option<String> {
    unhex(text, b'\\')
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        .replace('@', "&#64;")
}

fn unxml(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(';')? + at;
        let name = &rest[at + 1..end];
        match name {
            "amp" => out.push('&'),
            "lt" => out.push('<'),
            "gt" => out.push('>'),
            "quot" => out.push('"'),
            "apos" => out.push('\''),
            _ => {
                let digits = name.strip_prefix('#')?;
                let number = match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                out.push(char::from_u32(number)?);
            }
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Some(out)
}

fn unicode_escapes(text: &str) -> String {
    text.encode_utf16().map(|word| format!("\\u{word:04x}")).collect()
}

fn unescape(text: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{text}\"")).ok()
}

fn json(text: &str, levels: usize) -> String {
    let mut out = serde_json::json!({"Name": "Text", "Value": text}).to_string();
    for _ in 1..levels {
        out = serde_json::json!({"Value": out}).to_string();
    }
    out
}

fn unjson(text: &str, levels: usize) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..levels {
        text = serde_json::from_str::<serde_json::Value>(&text).ok()?["Value"].as_str()?.to_owned();
    }
    Some(text)
}
