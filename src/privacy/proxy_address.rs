//! Proxy addresses: the prefix and its case mean something (`SMTP:` is the primary address) and stay;
//! what follows is treated by its own form.

use super::canon::canonical;
use super::dn::Leaf;
use super::token::{Letter, Parts, Pseudonymizer};

/// Address types that Exchange and Entra Connect write. Text before a `:` that is not one of these
/// is no prefix, since it could be anything.
const PREFIXES: &[&str] = &[
    "smtp", "sip", "mailto", "eum", "spo", "x500", "x400", "notes", "ms", "ccmail", "gwise", "fax", "rfax",
    "airsync", "im", "tel",
];
const ADMINISTRATIVE_GROUPS: &[&str] = &[
    "exchange administrative group (fydibohf23spdlt)",
    "external (fydibohf25spdlt)",
    "first administrative group",
];

impl Pseudonymizer {
    /// Pseudonym of a proxy address. `SMTP:`, `SIP:` and the like: the tail is a mail address; `X500:`:
    /// a legacy Exchange DN or a DN; `SPO:SPO_<guid>@SPO_<guid>`: its GUIDs. Any other tail is one free
    /// attribute (`a-…`). Without a known prefix the value is a legacy DN or a UPN.
    pub fn proxy_address(&self, s: &str, parts: Parts) -> String {
        if parts == Parts::NONE {
            return s.to_owned();
        }
        let text = s.trim();
        let known = text
            .split_once(':')
            .filter(|(prefix, _)| PREFIXES.iter().any(|known| prefix.eq_ignore_ascii_case(known)));
        let Some((prefix, tail)) = known else {
            return self.legacy_dn(text, parts).unwrap_or_else(|| self.upn(text, parts));
        };
        let tail = match prefix.to_ascii_lowercase().as_str() {
            _ if tail.trim().is_empty() => Some(tail.to_owned()),
            "x500" => self.legacy_dn(tail, parts).or_else(|| self.dn(tail, Leaf::Person, parts)),
            "spo" => self.share_ids(tail),
            "x400" => None,
            _ if tail.contains('@') => Some(self.upn(tail, parts)),
            _ => None,
        }
        .unwrap_or_else(|| self.token(Letter::A, tail));
        format!("{prefix}:{tail}")
    }

    /// Pseudonym of a legacy Exchange DN, `/o=…/ou=…/cn=Recipients/cn=…`: the last `cn` is an account
    /// (`<32 hex>-<alias>` keeps its two halves), built-in names stay, all else is organisation text.
    /// `None` if it is none.
    pub fn legacy_dn(&self, s: &str, parts: Parts) -> Option<String> {
        let segments: Vec<(&str, &str)> = s
            .trim()
            .strip_prefix('/')?
            .split('/')
            .map(|segment| segment.split_once('=').filter(|(name, _)| is_attribute(name)))
            .collect::<Option<_>>()?;
        let mut out = String::new();
        for (index, (name, value)) in segments.iter().enumerate() {
            let is = |attribute: &str| name.eq_ignore_ascii_case(attribute);
            let word = canonical(value);
            let built_in = (is("cn") && matches!(&*word, "recipients" | "configuration"))
                || (is("ou") && ADMINISTRATIVE_GROUPS.contains(&&*word))
                || (is("o") && word == "exchangelabs");
            let last = index + 1 == segments.len();
            let value = if built_in || word.is_empty() {
                (*value).to_owned()
            } else if is("cn") && last {
                self.recipient(value, parts)
            } else if parts.org {
                self.token(Letter::O, value)
            } else {
                (*value).to_owned()
            };
            out.push_str(&format!("/{name}={value}"));
        }
        Some(out)
    }

    fn recipient(&self, value: &str, parts: Parts) -> String {
        match value.split_at_checked(32) {
            Some((id, alias)) if parts.account => match (self.guid_text(id), alias.strip_prefix('-')) {
                (Some(id), Some(alias)) if !alias.is_empty() => {
                    format!("{id}-{}", self.account_parts(alias, parts))
                }
                (Some(id), None) if alias.is_empty() => id,
                _ => self.account_parts(value, parts),
            },
            _ => self.account_parts(value, parts),
        }
    }

    fn share_ids(&self, tail: &str) -> Option<String> {
        let half = |s: &str| {
            let (prefix, id) = s.split_at_checked(4)?;
            prefix
                .eq_ignore_ascii_case("spo_")
                .then(|| self.guid_text(id))
                .flatten()
                .map(|id| format!("{prefix}{id}"))
        };
        let (left, right) = tail.split_once('@')?;
        Some(format!("{}@{}", half(left)?, half(right)?))
    }
}

fn is_attribute(name: &str) -> bool {
    ["o", "ou", "cn"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::super::token::sample;
    use super::*;

    #[test]
    fn prefixes_and_their_case_stay() {
        let names = sample();
        let mail = names.upn("greta@contoso.com", Parts::ALL);
        for prefix in ["SMTP", "smtp", "SIP", "sip", "Eum"] {
            let out = names.proxy_address(&format!("{prefix}:greta@contoso.com"), Parts::ALL);
            assert_eq!(out, format!("{prefix}:{mail}"));
        }
        assert_eq!(names.proxy_address("greta@contoso.com", Parts::ALL), mail);
        assert!(!names.proxy_address("greta:schmidt", Parts::ALL).contains("greta"), "no known prefix");
        assert_eq!(names.proxy_address("SMTP:x", Parts::NONE), "SMTP:x");
        assert_eq!(names.proxy_address("SMTP:", Parts::ALL), "SMTP:");
    }

    #[test]
    fn exchange_and_sharepoint_forms_are_taken_apart() {
        let names = sample();
        let id = "f7cc07d77c15447d876dc01b0e5a9e38";
        let mapped = names.guid_text(id).unwrap();
        let u = names.account("greta");
        let tail = "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=";
        assert_eq!(
            names.proxy_address(&format!("x500:{tail}{id}-greta"), Parts::ALL),
            format!("x500:{tail}{mapped}-{u}")
        );
        assert_eq!(names.legacy_dn("/o=Contoso/ou=EMEA/cn=Recipients/cn=greta", Parts::ALL).unwrap(), {
            let o = |text| names.token(Letter::O, text);
            format!("/o={}/ou={}/cn=Recipients/cn={u}", o("Contoso"), o("EMEA"))
        });
        assert_eq!(
            names.proxy_address(&format!("SPO:SPO_{id}@SPO_{id}"), Parts::ALL),
            format!("SPO:SPO_{mapped}@SPO_{mapped}")
        );
        let long = "x500:".to_owned() + &"/o=".repeat(1 << 18);
        for hostile in
            ["", ":", "x500:", "x500:/", "x500:/o", "SPO:SPO_@SPO_", "SPO:é@é", "X400:C=US;S=x", &long]
        {
            names.proxy_address(hostile, Parts::ALL);
        }
    }
}
