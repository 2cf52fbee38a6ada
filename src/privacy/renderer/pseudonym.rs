//! The pseudonym of a value: in the format of its kind, else by its shape, else a token of its kind.

use super::super::domain::is_consumer_domain;
use super::super::{Leaf, Letter, Parts, guid_decision, parse_guid};
use super::Renderer;
use crate::kind::Kind;

impl Renderer<'_> {
    pub(super) fn pseudonym(&self, kind: Kind, value: &str) -> String {
        let names = self.names;
        // Surrounding white space is no part of a value; the canonical forms trim it too.
        let trimmed = value.trim();
        if guid_decision::may_be_guid(trimmed)
            && let Some(guid) = names.guid_text(trimmed)
        {
            return guid;
        }
        let own = match kind {
            Kind::Upn => return self.login(trimmed),
            Kind::Account => {
                if trimmed.contains(['@', '\\', '|']) {
                    return self.login(trimmed);
                }
                return self.label(trimmed);
            }
            Kind::ProxyAddress => return names.proxy_address(trimmed, self.composite()),
            Kind::Host => return names.host(trimmed),
            Kind::Domain | Kind::Partner => return self.domain(trimmed),
            Kind::TenantId if trimmed.contains('.') => return self.domain(trimmed),
            Kind::Dn => names.dn(trimmed, Leaf::Person, self.dn_parts(trimmed)),
            Kind::Sid | Kind::EntraSid => names.sid(trimmed),
            Kind::Anchor => names.anchor(trimmed),
            Kind::IpAddress | Kind::RiskIp => names.address(trimmed).or_else(|| names.network(trimmed)),
            Kind::Network => names.network(trimmed).or_else(|| names.address(trimmed)),
            Kind::MacAddress => names.mac(trimmed),
            Kind::Thumbprint | Kind::PublicThumbprint => names.thumbprint(trimmed),
            // A name that is an address is the same person as the address elsewhere.
            Kind::PersonName if looks_like_login(trimmed) => return self.login(trimmed),
            Kind::Puid if trimmed.contains(['@', '|']) => return self.login(trimmed),
            _ => None,
        };
        if let Some(text) = own {
            return text;
        }
        match self.shape(trimmed) {
            Some(text) if !matches!(kind, Kind::FreeAttribute | Kind::Job | Kind::GroupText) => text,
            _ => names.token(letter(kind), trimmed),
        }
    }

    /// A value that does not look like its kind, but like something else.
    fn shape(&self, value: &str) -> Option<String> {
        if let Some(sid) = self.names.sid(value) {
            return Some(sid);
        }
        if looks_like_login(value) {
            return Some(self.login(value));
        }
        self.marked_guid(value)
    }

    /// `ServicePrincipal_<guid>` and its like: the mark stays, the GUID is treated.
    fn marked_guid(&self, value: &str) -> Option<String> {
        const MARKS: [&str; 8] =
            ["ServicePrincipal", "User", "Device", "Group", "Application", "ManagedIdentity", "app", "SPO"];
        let (mark, guid) = value.split_once('_')?;
        if !MARKS.iter().any(|known| known.eq_ignore_ascii_case(mark)) {
            return None;
        }
        Some(format!("{mark}_{}", self.names.guid_text(guid)?))
    }

    /// UPN, mail, claims login, `DOMAIN\user`, with a process in parentheses behind it or not.
    fn login(&self, value: &str) -> String {
        if value.contains('\\') && !value.contains('@') {
            let account = match value.split_once(" (") {
                Some((account, process)) if process.ends_with(')') => account,
                _ => value,
            };
            return self.names.netbios(account, self.parts_before(account.split('\\').next().unwrap_or("")));
        }
        if !value.contains(['@', '|']) {
            if let Some(text) = self.names.sid(value).or_else(|| self.marked_guid(value)) {
                return text;
            }
            return self.label(value);
        }
        self.names.upn(value, self.parts_before(value.rsplit('@').next().unwrap_or("")))
    }

    fn label(&self, value: &str) -> String {
        self.names.account(value)
    }

    fn domain(&self, value: &str) -> String {
        if self.rules.keeps_consumer_mail() && is_consumer_domain(value) {
            return value.to_owned();
        }
        self.names.domain(value)
    }

    /// Components of a login. Where domains stay, a learned host in the place of the domain does not.
    fn parts_before(&self, domain: &str) -> Parts {
        let parts = self.composite();
        let label = domain.split('.').next().unwrap_or(domain);
        let host = !parts.domain && parts.host && self.dictionary.find(label, &[Kind::Host]).is_some();
        Parts { domain: parts.domain || host, ..parts }
    }

    /// Components of a DN. Where containers stay, one that is a learned name does not.
    fn dn_parts(&self, dn: &str) -> Parts {
        let parts = self.composite();
        let learned = |part: &str| {
            let name = part.split_once('=').map_or(part, |(_, name)| name).trim();
            self.dictionary.find(name, &[Kind::Account, Kind::Host, Kind::PersonName]).is_some()
        };
        let org = parts.org || dn.split([',', '+']).any(learned);
        Parts { org, ..parts }
    }

    /// Components of a composite value. A composite of a hidden kind hides at least its account.
    fn composite(&self) -> Parts {
        Parts { account: true, person: true, ..self.rules.parts() }
    }
}

/// Whether a raw value looks like one of our pseudonyms: it is an original like any other, and counted.
/// Values that the cache knows are counted once.
pub(super) fn looks_like_ours(value: &str) -> bool {
    let words = |text: &str| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(super::super::is_token)
    };
    let value = value.trim();
    let ours = |guid: [u8; 16]| guid[..2] == [0xfa, 0xde] && guid[6] >> 4 == 8;
    let guid = || {
        let sid = || super::super::guid_of_sid(value);
        parse_guid(value).or_else(sid).or_else(|| super::super::guid_of_anchor(value)).is_some_and(ours)
    };
    let begins = |mark: &str| value.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark));
    let sid = || begins("S-1-5-21-42088") || begins("S-1-5-21-42089");
    let bare = value.trim_start_matches('[');
    let address = || ["2001:db8:4:", "2001:db8:5:", "3fff:"].iter().any(|net| bare.starts_with(net));
    let thumbprint = || {
        let digits = value.bytes().filter(u8::is_ascii_hexdigit).count();
        matches!(digits, 40 | 64) && (begins("fade") || begins("fa:de") || begins("fa de"))
    };
    words(value) || value.ends_with(".example") || guid() || sid() || address() || thumbprint()
}

fn looks_like_login(value: &str) -> bool {
    let at = value.bytes().filter(|b| *b == b'@').count();
    let mail = at == 1 && !value.contains(char::is_whitespace);
    mail || value.starts_with("i:0") && value.contains('|')
        || value.split_once('\\').is_some_and(|(domain, user)| {
            !domain.is_empty()
                && !domain.contains(['\\', ':', '/'])
                && !user.is_empty()
                && !user.contains('\\')
        })
}

/// The letter of a kind whose values have no format of their own.
pub(super) fn letter(kind: Kind) -> Letter {
    match kind {
        Kind::Upn | Kind::Account | Kind::ProxyAddress => Letter::U,
        Kind::PersonName | Kind::NamePart => Letter::N,
        Kind::Host => Letter::H,
        Kind::Domain | Kind::Partner | Kind::TenantId => Letter::D,
        Kind::GroupId | Kind::GroupName | Kind::GroupText => Letter::G,
        Kind::Dn | Kind::OrgUnit | Kind::AdminUnit | Kind::AppName | Kind::PolicyName | Kind::Place => {
            Letter::O
        }
        Kind::Puid => Letter::K,
        Kind::MacAddress => Letter::M,
        Kind::IpAddress | Kind::RiskIp | Kind::Network => Letter::I,
        _ => Letter::A,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_pseudonym_is_told_by_its_mark() {
        for ours in [
            "u-5ruvv4drp33lo",
            "u-uunltp2igwuex@contoso.com",
            "x.d-4t3ff5tundavp.example",
            "fade0367-97df-873d-b280-ffadf2fb26d0",
            "S-1-12-1-4208853863-2268960735-2919202994-3492215794",
            "ZwPe+t+XPYeygP+t8vsm0A==",
            "S-1-5-21-4208918010-2498114254-690280716-1104",
            "2001:db8:4::e2c4:cbb4",
            "[3fff:55d:b865::1]:443",
            &format!("FADE{}", "0A".repeat(18)),
            &format!("fa:de{}", ":0a".repeat(18)),
        ] {
            assert!(looks_like_ours(ours), "{ours}");
        }
        for plain in [
            "greta",
            "a-b",
            "f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
            "FA-DE-00-00-00-01",
            "2001:db8:1::1",
            "facade",
            "é",
        ] {
            assert!(!looks_like_ours(plain), "{plain}");
        }
    }
}
