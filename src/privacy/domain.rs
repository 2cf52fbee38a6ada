//! Domains and host names.
//!
//! A pseudonymised name ends in `.example`, and equal parents stay visibly equal. The rules use
//! frozen lists only, never the public-suffix list: its changes would change tokens.

use super::canon::canon_domain;
use super::token::{Letter, Pseudonymizer};

/// Suffixes below which each tenant has one label, and what stands for them; longest first where
/// one ends in the other.
const ROUTING: &[(&str, &str)] = &[
    ("mail.onmicrosoft.com", "mail.onmicrosoft.example"),
    ("onmicrosoft.com", "onmicrosoft.example"),
    ("mail.onmicrosoft.us", "mail.onmicrosoft-us.example"),
    ("onmicrosoft.us", "onmicrosoft-us.example"),
    ("partner.onmschina.cn", "partner-onmschina.example"),
    ("sharepoint.com", "sharepoint.example"),
    ("sharepoint.us", "sharepoint-us.example"),
    ("sharepoint.cn", "sharepoint-cn.example"),
    ("b2clogin.com", "b2clogin.example"),
    ("ciamlogin.com", "ciamlogin.example"),
];

/// Second-level labels below which a country registers names.
const SECOND: &[&str] = &[
    "ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ltd", "mil", "ne", "net", "nom", "or", "org", "plc",
    "sch",
];

/// Labels below the apex that are written; of more, the leftmost and those nearest the apex.
const MAX_LABELS: usize = 8;

impl Pseudonymizer {
    /// Pseudonym of a DNS name: `d-….example`, with an `l-…` label for each label below the apex.
    /// Routing domains keep their suffix (`d-….onmicrosoft.example`); a bare routing suffix is kept.
    pub fn domain(&self, s: &str) -> String {
        let name = canon_domain(s);
        for (real, stand_in) in ROUTING {
            if name == *real {
                return name;
            }
            let Some(rest) = name.strip_suffix(real).and_then(|rest| rest.strip_suffix('.')) else {
                continue;
            };
            let label = rest.rsplit('.').next().unwrap_or(rest);
            let (base, tail) = if real.starts_with("sharepoint.") { share_tail(label) } else { (label, "") };
            let mut out = self.labels(&name, rest.len() - label.len());
            out.push_str(&self.token(Letter::D, base));
            out.push_str(tail);
            out.push('.');
            out.push_str(stand_in);
            return out;
        }
        let at = apex(&name);
        let mut out = self.labels(&name, at);
        out.push_str(&self.token(Letter::D, &name[at..]));
        out.push_str(".example");
        out
    }

    /// The tokens of the labels that begin before byte `end`, each followed by a dot. The token of a
    /// label covers the name from that label to the end.
    fn labels(&self, name: &str, end: usize) -> String {
        let count = name[..end].matches('.').count();
        let skipped = 1..(count + 1).saturating_sub(MAX_LABELS);
        let mut out = String::with_capacity(16 * count.min(MAX_LABELS));
        let starts = std::iter::once(0).chain(name[..end].match_indices('.').map(|(at, _)| at + 1));
        for (index, start) in starts.take(count).enumerate() {
            if !skipped.contains(&index) {
                out.push_str(&self.token(Letter::L, &name[start..]));
                out.push('.');
            }
        }
        out
    }

    /// Pseudonym of a host name: the first label, then the rest as a domain. A `$` at the end stays.
    pub fn host(&self, s: &str) -> String {
        let s = s.trim();
        let (bare, dollar) = match s.strip_suffix('$') {
            Some(bare) => (bare, "$"),
            None => (s, ""),
        };
        let name = canon_domain(bare);
        match name.split_once('.') {
            Some((first, rest)) => {
                format!("{}.{}{dollar}", self.token(Letter::H, first), self.domain(rest))
            }
            None => format!("{}{dollar}", self.token(Letter::H, &name)),
        }
    }
}

/// Where the apex begins: the last two labels, or three below a country's second-level label.
fn apex(name: &str) -> usize {
    let mut ends = name.rmatch_indices('.').map(|(at, _)| at);
    let Some(last) = ends.next() else { return 0 };
    let Some(second) = ends.next() else { return 0 };
    let country = name[last + 1..].chars().count() == 2 && SECOND.contains(&&name[second + 1..last]);
    if country { ends.next().map_or(0, |third| third + 1) } else { second + 1 }
}

/// SharePoint hosts of one tenant: `contoso-my` and `contoso-admin` share the label `contoso`.
fn share_tail(label: &str) -> (&str, &str) {
    ["-my", "-admin"]
        .into_iter()
        .find_map(|tail| label.strip_suffix(tail).filter(|base| !base.is_empty()).map(|base| (base, tail)))
        .unwrap_or((label, ""))
}

/// Domains where anybody has a mailbox; they tell nothing about an organization.
const CONSUMER: [&str; 13] = [
    "aol.com",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "msn.com",
    "outlook.com",
    "proton.me",
    "web.de",
    "yahoo.com",
];

/// Whether the domain is one of consumer mail.
pub fn is_consumer_domain(domain: &str) -> bool {
    let folded = domain.trim().to_ascii_lowercase();
    CONSUMER.binary_search(&folded.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::token::sample;
    use super::*;

    #[test]
    fn the_apex_follows_the_frozen_rule() {
        for (name, expected) in [
            ("contoso.com", "contoso.com"),
            ("a.b.contoso.com", "contoso.com"),
            ("a.contoso.co.uk", "contoso.co.uk"),
            ("co.uk", "co.uk"),
            ("contoso.ab.uk", "ab.uk"),
            ("contoso.com.museum", "com.museum"),
            ("contoso", "contoso"),
            ("", ""),
            (".", "."),
            ("..", "."),
        ] {
            assert_eq!(&name[apex(name)..], expected, "{name:?}");
        }
    }

    #[test]
    fn parents_and_tenants_stay_visible() {
        let names = sample();
        let parent = names.domain("contoso.com");
        assert!(names.domain("EMEA.Contoso.com.").ends_with(&format!(".{parent}")));
        let tenant = names.token(Letter::D, "contoso");
        for host in ["contoso", "contoso-my", "contoso-admin"] {
            assert!(names.domain(&format!("{host}.sharepoint.com")).starts_with(&tenant));
        }
        assert_eq!(
            names.domain("contoso.mail.onmicrosoft.com"),
            format!("{tenant}.mail.onmicrosoft.example")
        );
        assert_eq!(names.domain("OnMicrosoft.com"), "onmicrosoft.com");
        assert_eq!(names.host("LAPTOP-7Q2K$"), format!("{}$", names.host("laptop-7q2k")));
    }

    #[test]
    fn at_most_eight_labels_are_written() {
        let names = sample();
        for (below, written) in [(0, 0), (1, 1), (7, 7), (8, 8), (9, 8), (100, 8)] {
            let name = (0..below).map(|i| format!("s{i}.")).collect::<String>() + "contoso.com";
            assert_eq!(names.domain(&name).matches("l-").count(), written, "{below}");
        }
        // The leftmost label covers the whole name, so names that differ only in the gap differ.
        assert_ne!(
            names.domain("1.2.3.4.5.6.7.8.9.contoso.com"),
            names.domain("1.x.3.4.5.6.7.8.9.contoso.com")
        );
    }

    #[test]
    fn consumer_domains_are_sorted() {
        assert!(CONSUMER.is_sorted());
        // What stays readable is never learned as an original.
        assert!(CONSUMER.iter().all(|domain| crate::privacy::learn::is_public_domain(domain)));
        assert!(is_consumer_domain("GMail.com"));
        assert!(!is_consumer_domain("contoso.com"));
    }
}
