//! Distinguished names (RFC 4514), also in the extended form of Active Directory.
//!
//! Every value is decoded before it is tokenised, so the escape that a program happened to choose
//! never changes a token. What cannot be parsed is refused, never passed on.

use super::canon::canonical;
use super::guid::swap_order;
use super::token::{Letter, Parts, Pseudonymizer, hex_bytes, hex_text, is_upper_hex};

/// What the object of a DN is: it decides the token of its leaf CN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// A person, or an object of unknown type.
    Person,
    /// A group.
    Group,
    /// A computer.
    Host,
}

/// Containers that every domain or forest has.
const CONTAINERS: &[&str] = &[
    "users",
    "computers",
    "builtin",
    "domain controllers",
    "foreignsecurityprincipals",
    "managed service accounts",
    "program data",
    "system",
    "configuration",
    "schema",
    "services",
    "sites",
    "lostandfound",
    "deleted objects",
    "keys",
    "tpm devices",
    "microsoft exchange security groups",
];

/// Whether a container is one that every domain or forest has.
pub(super) fn is_built_in_container(name: &str) -> bool {
    CONTAINERS.contains(&&*canonical(name))
}

/// `attribute=value` of an RDN.
struct Pair<'a> {
    /// Upper-cased attribute type.
    name: String,
    /// The value as written, without the spaces around it.
    raw: &'a str,
    /// The decoded value.
    value: String,
}

impl Pseudonymizer {
    /// Pseudonym of a DN. Attribute types are written in upper case; built-in containers are kept;
    /// the run of DCs is mapped as one domain. A prefix `<GUID=…>;<SID=…>;` is mapped too. `None` if
    /// the text is no DN.
    pub fn dn(&self, s: &str, leaf: Leaf, parts: Parts) -> Option<String> {
        let mut rest = s.trim();
        if rest.is_empty() {
            return None;
        }
        let mut out = String::new();
        while let Some(inner) = rest.strip_prefix('<') {
            let (prefix, after) = inner.split_once('>')?;
            out.push_str(&format!("<{}>", self.extended(prefix)?));
            rest = after.trim_start();
            if let Some(after) = rest.strip_prefix(';') {
                out.push(';');
                rest = after.trim_start();
            } else if !rest.is_empty() {
                return None;
            }
        }
        let rdns = if rest.is_empty() && !out.is_empty() { Vec::new() } else { parse(rest)? };
        if parts == Parts::NONE {
            return Some(s.to_owned());
        }
        // Subjects of certificates begin with a mail address or a number, and the name stands behind it:
        // it gets the token of a container, but does not stay where containers do.
        let begins = rdns.iter().position(|rdn| rdn.iter().any(|pair| !is_beside_a_name(&pair.name)));
        let hidden = Parts { org: parts.org || parts.person, ..parts };
        let mut written = Vec::with_capacity(rdns.len());
        let mut at = 0;
        while let Some(rdn) = rdns.get(at) {
            let run = rdns[at..].iter().take_while(|rdn| is_component(rdn)).count();
            if run > 0 && parts.domain {
                let labels: Vec<&str> =
                    rdns[at..at + run].iter().flatten().map(|pair| pair.value.as_str()).collect();
                let domain = self.domain(&labels.join("."));
                written.extend(domain.split('.').map(|label| format!("DC={label}")));
                at += run;
            } else {
                let pairs: Vec<String> = rdn
                    .iter()
                    .map(|pair| {
                        let parts = if at > 0 && begins == Some(at) { hidden } else { parts };
                        format!("{}={}", pair.name, self.value(pair, (at == 0).then_some(leaf), parts))
                    })
                    .collect();
                written.push(pairs.join("+"));
                at += 1;
            }
        }
        out.push_str(&written.join(","));
        Some(out)
    }

    /// `leaf` is `None` above the leaf.
    fn value(&self, pair: &Pair<'_>, leaf: Option<Leaf>, parts: Parts) -> String {
        let text = pair.value.as_str();
        let name = pair.name.as_str();
        if matches!(name, "CN" | "OU") && is_built_in_container(text) {
            return pair.raw.to_owned();
        }
        let replace = match (name, leaf) {
            ("CN", Some(Leaf::Host)) => parts.host,
            ("CN", Some(_)) => parts.person,
            ("CN" | "OU" | "O", _) => parts.org,
            ("UID", _) => parts.account,
            ("DC", _) => parts.domain,
            ("E" | "EMAIL" | "EMAILADDRESS" | "MAIL", _) => parts.account || parts.domain,
            _ => true,
        };
        if !replace {
            return pair.raw.to_owned();
        }
        match (name, leaf) {
            ("CN", leaf) => self.common_name(text, leaf),
            ("OU" | "O", _) => self.token(Letter::O, text),
            ("UID", _) => self.token(Letter::U, text),
            ("E" | "EMAIL" | "EMAILADDRESS" | "MAIL", _) => escaped(&self.upn(text, parts)),
            _ => self.token(Letter::A, text),
        }
    }

    /// A CN: what it was before deletion or conflict (`name\0ADEL:<guid>`), a connector id, a SID
    /// (foreign security principals), a GUID, or a name.
    fn common_name(&self, text: &str, leaf: Option<Leaf>) -> String {
        for (mark, shown) in [("\nDEL:", "\\0ADEL:"), ("\nCNF:", "\\0ACNF:")] {
            if let Some((name, id)) = text.rsplit_once(mark)
                && let Some(id) = self.guid_text(id)
            {
                return format!("{}{shown}{id}", self.plain_name(name, leaf));
            }
        }
        if let Some(connector) = self.connector(&format!("CN={text}")) {
            return connector[3..].to_owned();
        }
        self.sid(text).or_else(|| self.guid_text(text)).unwrap_or_else(|| self.plain_name(text, leaf))
    }

    fn plain_name(&self, text: &str, leaf: Option<Leaf>) -> String {
        match leaf {
            Some(Leaf::Person) => self.token(Letter::N, text),
            Some(Leaf::Group) => self.token(Letter::G, text),
            Some(Leaf::Host) => self.host(text),
            None => self.token(Letter::O, text),
        }
    }

    /// `GUID=…` and `SID=…` of an extended DN (MS-ADTS 3.1.1.3.4.1.5), as text or as hex of the octets.
    fn extended(&self, prefix: &str) -> Option<String> {
        let (name, value) = prefix.split_once('=')?;
        let value = if name.eq_ignore_ascii_case("GUID") {
            match value.len() {
                32 => {
                    let octets: [u8; 16] = hex_bytes(value)?.try_into().ok()?;
                    hex_text(&swap_order(self.guid(swap_order(octets))), is_upper_hex(value))
                }
                _ => self.guid_text(value)?,
            }
        } else if name.eq_ignore_ascii_case("SID") {
            self.sid(value).or_else(|| self.sid_hex(value))?
        } else {
            return None;
        };
        Some(format!("{}={value}", name.to_ascii_uppercase()))
    }
}

/// Attributes of the leaf that stand in RDNs of their own before its name.
fn is_beside_a_name(name: &str) -> bool {
    matches!(name, "E" | "EMAIL" | "EMAILADDRESS" | "MAIL" | "SERIALNUMBER" | "T" | "TITLE")
}

/// An RDN that is one DC.
fn is_component(rdn: &[Pair<'_>]) -> bool {
    matches!(rdn, [pair] if pair.name == "DC")
}

/// RFC 4514 escapes for a value of tokens and mail addresses that may keep a part of the original.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_control() => out.push_str(&format!("\\{:02X}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// Parses RDNs separated by `,`, each of pairs separated by `+`. Spaces around separators are ignored.
fn parse(s: &str) -> Option<Vec<Vec<Pair<'_>>>> {
    let mut rdns = vec![Vec::new()];
    let mut rest = s;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_matches(' ');
        if !is_type(name) {
            return None;
        }
        let (raw, value, after) = parse_value(after)?;
        rdns.last_mut()?.push(Pair { name: name.to_ascii_uppercase(), raw, value });
        match after.split_at_checked(1) {
            None => return Some(rdns),
            Some((",", after)) => {
                rdns.push(Vec::new());
                rest = after;
            }
            Some((_, after)) => rest = after,
        }
    }
}

/// Longest short name of an attribute type: `X500UNIQUEIDENTIFIER`. What is longer is no name, but a value
/// that ends in `=`, and would stay readable as one.
const SHORT_NAME: usize = 20;

/// A short name (`CN`) or an object identifier (`2.5.4.3`).
fn is_type(name: &str) -> bool {
    let oid = name.contains('.') && name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let short = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    (oid && name.len() <= 64) || (short && name.len() <= SHORT_NAME)
}

/// A value up to an unescaped `,` or `+`: as written, decoded, and the rest from the separator on.
fn parse_value(s: &str) -> Option<(&str, String, &str)> {
    let start = s.len() - s.trim_start_matches(' ').len();
    let body = &s[start..];
    let bytes = body.as_bytes();
    let mut decoded = Vec::new();
    // Length of `decoded` up to the last byte that is not an unescaped space.
    let mut solid = 0;
    let quoted = bytes.first() == Some(&b'"');
    let mut at = usize::from(quoted);
    let mut open = quoted;
    let mut end = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' if open => {
                open = false;
                at += 1;
                end = at;
                continue;
            }
            b',' | b'+' if !open => break,
            b' ' if !open => decoded.push(byte),
            // Nothing but spaces may follow a quoted value.
            _ if quoted && !open => return None,
            b'"' => return None,
            b'\\' => {
                let next = *bytes.get(at + 1)?;
                match bytes
                    .get(at + 1..at + 3)
                    .and_then(|pair| std::str::from_utf8(pair).ok())
                    .and_then(hex_bytes)
                {
                    Some(pair) => {
                        decoded.extend_from_slice(&pair);
                        at += 1;
                    }
                    None if next.is_ascii() && !next.is_ascii_alphanumeric() => decoded.push(next),
                    None => return None,
                }
                at += 1;
                solid = decoded.len();
            }
            _ => {
                decoded.push(byte);
                solid = decoded.len();
            }
        }
        at += 1;
        if solid == decoded.len() {
            end = at;
        }
    }
    if open {
        return None;
    }
    decoded.truncate(solid);
    Some((body.get(..end)?, String::from_utf8(decoded).ok()?, body.get(at..)?))
}

#[cfg(test)]
mod tests {
    use super::super::token::sample;
    use super::*;

    fn person(s: &str) -> Option<String> {
        sample().dn(s, Leaf::Person, Parts::ALL)
    }

    #[test]
    fn escapes_do_not_change_tokens() {
        let expected = person("CN=\"Schmidt, Greta\",OU=Sales,DC=contoso,DC=com").unwrap();
        for same in [
            "CN=Schmidt\\, Greta,OU=Sales,DC=contoso,DC=com",
            "cn=Schmidt\\2C Greta , ou = Sales, dc=contoso,dc=com",
            "CN=\\53chmidt\\2c\\20Greta\\ ,OU=Sales,DC=Contoso,DC=COM",
        ] {
            assert_eq!(person(same).as_ref(), Some(&expected), "{same}");
        }
        assert_eq!(person("CN=G\\C3\\A9ra"), person("CN=géra"));
        assert_ne!(person("CN=a\\+b"), person("CN=a"));
    }

    #[test]
    fn each_component_gets_its_token() {
        let names = sample();
        let dn = |s: &str, leaf| names.dn(s, leaf, Parts::ALL).unwrap();
        let n = names.token(Letter::N, "Greta");
        let o = names.token(Letter::O, "Sales");
        let u = names.account("greta");
        assert_eq!(
            dn("CN=Greta+UID=greta,CN=Sales,O=sales", Leaf::Person),
            format!("CN={n}+UID={u},CN={o},O={o}")
        );
        assert!(dn("CN=Greta", Leaf::Group).starts_with("CN=g-"));
        assert_eq!(dn("CN=LAPTOP-7", Leaf::Host), format!("CN={}", names.host("laptop-7")));
        let domain = names.domain("contoso.com");
        let dcs = format!("DC={}", domain.replace('.', ",DC="));
        assert_eq!(dn("CN=Users,DC=contoso,DC=com", Leaf::Person), format!("CN=Users,{dcs}"));
        assert_eq!(
            dn("OU=Domain Controllers,DC=contoso,DC=com", Leaf::Person),
            format!("OU=Domain Controllers,{dcs}")
        );
        let mail = names.upn("greta@contoso.com", Parts::ALL);
        assert_eq!(dn("E=greta@contoso.com", Leaf::Person), format!("E={mail}"));
        // The subject of a certificate: its name does not stay although an address stands before it.
        let subject = "E=greta@contoso.com,CN=Sales,CN=Users,OU=Sales";
        let kept = names.dn(subject, Leaf::Person, Parts { person: true, ..Parts::NONE }).unwrap();
        assert_eq!(kept, format!("E=greta@contoso.com,CN={o},CN=Users,OU=Sales"));
        let kept = names.dn(subject, Leaf::Person, Parts { account: true, ..Parts::NONE }).unwrap();
        assert!(kept.ends_with(",CN=Sales,CN=Users,OU=Sales"), "{kept}");
        assert!(dn("2.5.4.3=Greta,C=DE", Leaf::Person).starts_with("2.5.4.3=a-"));
    }

    #[test]
    fn parts_keep_components_as_written() {
        let names = sample();
        let dn = "CN=Schmidt\\, Greta,OU=R\\&D,DC=Contoso,DC=com";
        let only_person = names.dn(dn, Leaf::Person, Parts { person: true, ..Parts::NONE }).unwrap();
        assert!(only_person.ends_with(",OU=R\\&D,DC=Contoso,DC=com") && only_person.starts_with("CN=n-"));
        assert_eq!(names.dn(dn, Leaf::Person, Parts::NONE).as_deref(), Some(dn));
        let kept_local =
            names.dn("E=a\\,b@contoso.com", Leaf::Person, Parts { domain: true, ..Parts::NONE }).unwrap();
        assert!(kept_local.starts_with("E=a\\,b@d-"), "{kept_local}");
    }

    #[test]
    fn deleted_extended_and_connector_forms() {
        let names = sample();
        let id = "f7cc07d7-7c15-447d-876d-c01b0e5a9e38";
        let mapped = names.guid_text(id).unwrap();
        let n = names.token(Letter::N, "Greta");
        assert_eq!(
            person(&format!("CN=Greta\\0ADEL:{id},CN=Deleted Objects")).unwrap(),
            format!("CN={n}\\0ADEL:{mapped},CN=Deleted Objects")
        );
        let sid = "S-1-5-21-1-2-3-1104";
        let expected = format!("<GUID={mapped}>;<SID={}>;CN={n}", names.sid(sid).unwrap());
        assert_eq!(person(&format!("<GUID={id}>;<SID={sid}>;CN=Greta")).unwrap(), expected);
        let octets = "d707ccf7157c7d44876dc01b0e5a9e38";
        let hex = person(&format!("<GUID={octets}>")).unwrap();
        let spaced = |s: &str| {
            s.as_bytes().chunks(2).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            super::super::guid::parse_guid(&spaced(&hex[6..38])),
            super::super::guid::parse_guid(&mapped)
        );
        let connector = "CN={714E4D4D4D4D4D4D4D4D4D4D4D4D4D4D4D4D4D4D4D513D3D}";
        assert_eq!(person(connector), names.connector(connector));
        assert_eq!(
            person(&format!("CN={sid},CN=ForeignSecurityPrincipals")).unwrap(),
            format!("CN={},CN=ForeignSecurityPrincipals", names.sid(sid).unwrap())
        );
    }

    #[test]
    fn other_text_is_no_dn() {
        let commas = ",".repeat(1 << 20);
        let open = "CN=\"".to_owned() + &"x".repeat(1 << 20);
        for wrong in [
            "",
            " ",
            ",",
            "=",
            "CN",
            "CN=a,",
            "CN=a,b",
            "CN=a+b",
            "=a",
            "C N=a",
            "CN=a\\",
            "CN=a\\x",
            "CN=\\FF",
            "CN=\"a",
            "CN=\"a\"b",
            "CN=a\"b",
            "<",
            "<GUID=1>",
            "<GUID=f7cc07d7-7c15-447d-876d-c01b0e5a9e38>CN=a",
            "<X=1>;CN=a",
            "\0=a",
            "é=a",
            "CN=\\é",
            "jCqb1LGPnkGsxpHc3XU4YQ==",
            "Z3JldGFAY29udG9zby5jb20tbG9uZw==",
            &commas,
            &open,
        ] {
            assert_eq!(person(wrong), None, "{:.40}", wrong);
        }
        assert!(person(&("CN=".to_owned() + &"x".repeat(1 << 20))).is_some());
        assert!(person(&"DC=x,".repeat(1 << 16)[..5 * (1 << 16) - 1]).is_some());
        assert!(person("CN=").is_some(), "an empty value is a value");
    }
}
