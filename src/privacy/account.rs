//! Accounts and login names: sAMAccountName, UPN and mail, guests, claims logins, `DOMAIN\account`.
//!
//! A composite is taken apart and each component gets the token that it gets everywhere else, so
//! equality between a UPN's local part, a sAMAccountName and a mailNickname stays visible.

use super::canon::canonical;
use super::domain::is_consumer_domain;
use super::token::{Letter, Parts, Pseudonymizer, hex_bytes};

impl Pseudonymizer {
    /// Pseudonym of an account label: `u-…`, or `h-…$` where a `$` at the end says that it is a host.
    /// Synchronization accounts (`Sync_<host>_<12 hex>`) keep prefix and suffix; `MSOL_<12 hex>`,
    /// `AAD_<12 hex>` and `ADSyncMSA<4–8 hex>` are kept.
    pub fn account(&self, s: &str) -> String {
        self.account_parts(s, Parts::ALL)
    }

    pub(super) fn account_parts(&self, s: &str, parts: Parts) -> String {
        let text = s.trim();
        let kept = |replace: bool, token: &dyn Fn() -> String| if replace { token() } else { s.to_owned() };
        if let Some((prefix, host, suffix)) = sync_account(text) {
            return kept(parts.host, &|| format!("{prefix}{}{suffix}", self.token(Letter::H, host)));
        }
        if is_connector_account(text) {
            return text.to_owned();
        }
        if text.ends_with('$') {
            return kept(parts.host, &|| self.host(text));
        }
        kept(parts.account, &|| self.token(Letter::U, text))
    }

    /// Pseudonym of a UPN, mail address, SIP address or claims login. Guests keep their shape
    /// (`u-…_d-….example#EXT#@…`), claims logins their prefix (`i:0#.f|membership|…`). Without `@` it
    /// is treated as [`netbios`](Self::netbios), so a bare label is an account.
    pub fn upn(&self, s: &str, parts: Parts) -> String {
        if parts == Parts::NONE {
            return s.to_owned();
        }
        let text = s.trim();
        match claims_login(text) {
            Some((head, issuers, tail)) => {
                let mut out = head.to_owned();
                for issuer in issuers {
                    if !parts.org || ISSUERS.contains(&&*canonical(issuer)) {
                        out.push_str(issuer);
                    } else {
                        out.push_str(&self.token(Letter::O, issuer));
                    }
                    out.push('|');
                }
                out.push_str(&self.claim(tail, parts));
                out
            }
            None => self.netbios(text, parts),
        }
    }

    /// The value behind a claims prefix: GUID (of a group, also with `_o` for its owners), SID or login.
    fn claim(&self, tail: &str, parts: Parts) -> String {
        let (bare, owners) = match tail.strip_suffix("_o") {
            Some(bare) => (bare, "_o"),
            None => (tail, ""),
        };
        if let Some(guid) = self.guid_text(bare) {
            return guid + owners;
        }
        self.sid(tail).unwrap_or_else(|| self.netbios(tail, parts))
    }

    /// Pseudonym of `DOMAIN\account`, `DNS.domain\account`, `DOMAIN\HOST$` or `DOMAIN\upn`; the text
    /// before the first `\` is the domain, and `.` (this computer) stays. Without `\` it is a UPN if
    /// it has an `@`, else an account.
    pub fn netbios(&self, s: &str, parts: Parts) -> String {
        if parts == Parts::NONE {
            return s.to_owned();
        }
        match s.split_once('\\') {
            Some((domain, account)) => {
                let label = domain.trim();
                let domain = match label {
                    "" | "." => label.to_owned(),
                    _ if !parts.domain => domain.to_owned(),
                    _ if label.contains('.') => self.domain(label),
                    _ => self.token(Letter::D, label),
                };
                format!("{domain}\\{}", self.mail(account, parts))
            }
            None => self.mail(s, parts),
        }
    }

    /// `local@domain`, split at the last `@`; a bare label is an account. Empty components stay empty.
    fn mail(&self, s: &str, parts: Parts) -> String {
        let s = s.trim();
        let Some((local, domain)) = s.rsplit_once('@') else { return self.local(s, parts) };
        let domain = self.domain_part(domain, parts);
        match guest(local) {
            Some(home) if parts.account || parts.domain => {
                let home = match split_guest(home) {
                    Some((user, from)) => {
                        format!("{}_{}", self.local(user, parts), self.domain_part(from, parts))
                    }
                    None if parts.account => self.token(Letter::U, home),
                    None => home.to_owned(),
                };
                format!("{home}#EXT#@{domain}")
            }
            _ => format!("{}@{domain}", self.local(local, parts)),
        }
    }

    fn domain_part(&self, s: &str, parts: Parts) -> String {
        let kept = s.trim().is_empty() || (!parts.consumer && is_consumer_domain(s));
        if parts.domain && !kept { self.domain(s) } else { s.to_owned() }
    }

    /// A local part. The name of a deleted user has its object id, 32 hex digits, glued before it.
    fn local(&self, s: &str, parts: Parts) -> String {
        if s.trim().is_empty() {
            return s.to_owned();
        }
        match s.split_at_checked(32) {
            Some((id, rest)) if parts.account && !rest.is_empty() && hex_bytes(id).is_some() => {
                match self.guid_text(id) {
                    Some(id) => id + &self.account_parts(rest, parts),
                    None => self.account_parts(s, parts),
                }
            }
            _ => self.account_parts(s, parts),
        }
    }
}

/// `Sync_<host>_<12 hex>`: prefix, host, suffix.
pub(super) fn sync_account(s: &str) -> Option<(&str, &str, &str)> {
    let (prefix, rest) = s.split_at_checked(5)?;
    if !prefix.eq_ignore_ascii_case("sync_") {
        return None;
    }
    let (host, suffix) = rest.split_at_checked(rest.len().checked_sub(13)?)?;
    let host_fits =
        (1..=15).contains(&host.len()) && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (host_fits && is_hex(suffix.strip_prefix('_')?, 12..=12)).then_some((prefix, host, suffix))
}

/// `MSOL_<12 hex>`, `AAD_<12 hex>`, `ADSyncMSA<4–8 hex>` with or without `$`: made by the product,
/// they name no one.
pub(super) fn is_connector_account(s: &str) -> bool {
    let after = |prefix: &str| {
        s.split_at_checked(prefix.len())
            .filter(|(head, _)| head.eq_ignore_ascii_case(prefix))
            .map(|(_, rest)| rest)
    };
    after("msol_").or_else(|| after("aad_")).is_some_and(|rest| is_hex(rest, 12..=12))
        || after("adsyncmsa").is_some_and(|rest| is_hex(rest.strip_suffix('$').unwrap_or(rest), 4..=8))
}

fn is_hex(s: &str, len: std::ops::RangeInclusive<usize>) -> bool {
    len.contains(&s.len()) && s.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What stands before `#EXT#` at the end of a local part.
fn guest(local: &str) -> Option<&str> {
    let (home, mark) = local.split_at_checked(local.len().checked_sub(5)?)?;
    (mark.eq_ignore_ascii_case("#ext#") && !home.is_empty()).then_some(home)
}

/// Home account and home domain of a guest: a DNS name has no underscore, so only the tail of the
/// right-most one can be the domain.
fn split_guest(home: &str) -> Option<(&str, &str)> {
    home.rsplit_once('_').filter(|(_, domain)| is_dns_name(domain))
}

/// At least two labels, none empty, of letters, digits, hyphens and characters beyond ASCII.
pub(super) fn is_dns_name(s: &str) -> bool {
    s.contains('.')
        && s.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || !c.is_ascii())
        })
}

/// Claim issuers that name no organisation.
const ISSUERS: &[&str] =
    &["membership", "tenant", "federateddirectoryclaimprovider", "rolemanager", "spo-grid-all-users"];

/// The prefix of a SharePoint claim (`i:0#.f|`, `c:0t.c|`, also without `i:`), its issuers, its value.
fn claims_login(s: &str) -> Option<(&str, Vec<&str>, &str)> {
    let (head, rest) = s.split_at_checked(s.find('|')? + 1)?;
    let code = match head.as_bytes() {
        [b'i' | b'c' | b'I' | b'C', b':', code @ ..] => code,
        code => code,
    };
    let [b'0', kind, b'.', issuer, b'|'] = code else { return None };
    if !kind.is_ascii_graphic() || !issuer.is_ascii_alphabetic() {
        return None;
    }
    let mut issuers: Vec<&str> = rest.split('|').collect();
    let tail = issuers.pop()?;
    Some((head, issuers, tail))
}

#[cfg(test)]
mod tests {
    use super::super::token::{is_token, sample};
    use super::*;

    #[test]
    fn labels_are_equal_wherever_they_stand() {
        let names = sample();
        let token = names.account("gschmidt");
        assert!(is_token(&token));
        let domain = names.domain("contoso.com");
        assert_eq!(names.upn(" GSchmidt@contoso.com ", Parts::ALL), format!("{token}@{domain}"));
        let netbios = names.token(Letter::D, "contoso");
        assert_eq!(names.netbios("CONTOSO\\gschmidt", Parts::ALL), format!("{netbios}\\{token}"));
        assert_eq!(names.netbios("contoso.com\\gschmidt", Parts::ALL), format!("{domain}\\{token}"));
        assert_eq!(names.netbios(".\\gschmidt", Parts::ALL), format!(".\\{token}"));
        assert_eq!(
            names.upn("AzureAD\\gschmidt@contoso.com", Parts::ALL),
            format!("{}\\{token}@{domain}", names.token(Letter::D, "azuread"))
        );
        assert_eq!(names.upn("gschmidt", Parts::ALL), token);
        assert_eq!(
            names.upn("i:0#.f|membership|gschmidt@contoso.com", Parts::ALL),
            format!("i:0#.f|membership|{token}@{domain}")
        );
        assert_eq!(
            names.upn("gschmidt_contoso.com#ext#@contoso.com", Parts::ALL),
            format!("{token}_{domain}#EXT#@{domain}")
        );
        assert_eq!(
            names.upn("f7cc07d77c15447d876dc01b0e5a9e38gschmidt@contoso.com", Parts::ALL),
            format!("{}{token}@{domain}", names.guid_text("f7cc07d77c15447d876dc01b0e5a9e38").unwrap())
        );
    }

    #[test]
    fn service_accounts_hide_the_host_only() {
        let names = sample();
        let host = names.host("SERVER01");
        assert_eq!(names.account("Sync_SERVER01_ab12cd34ef56"), format!("Sync_{host}_ab12cd34ef56"));
        for kept in ["MSOL_ab12cd34ef56", "aad_AB12CD34EF56", "ADSyncMSA12ab$", "ADSyncMSA12ab34cd"] {
            assert_eq!(names.account(kept), kept);
        }
        for other in [
            "Sync_SERVER01_ab12",
            "Sync__ab12cd34ef56",
            "MSOL_ab12cd34ef5",
            "MSOL_gb12cd34ef56",
            "ADSyncMSA1",
        ] {
            assert!(is_token(&names.account(other)), "{other}");
        }
        assert_eq!(names.account("BÜRO-7$"), names.host("büro-7$"), "a host is a host in an account field");
    }

    #[test]
    fn parts_choose_the_components() {
        let names = sample();
        let (account, domain) =
            (Parts { account: true, ..Parts::NONE }, Parts { domain: true, ..Parts::NONE });
        let token = names.account("greta");
        let apex = names.domain("contoso.com");
        assert_eq!(names.upn("greta@contoso.com", account), format!("{token}@contoso.com"));
        assert_eq!(names.upn("Greta@contoso.com", domain), format!("Greta@{apex}"));
        assert_eq!(
            names.upn("greta_contoso.com#EXT#@x.com", account),
            format!("{token}_contoso.com#EXT#@x.com")
        );
        assert_eq!(
            names.upn("greta_contoso.com#EXT#@contoso.com", domain),
            format!("greta_{apex}#EXT#@{apex}")
        );
        assert_eq!(names.netbios("X\\greta", account), format!("X\\{token}"));
        assert_eq!(names.netbios("X\\HOST$", account), "X\\HOST$");
        let issuer = "i:05.t|Contoso ADFS|greta@contoso.com";
        assert!(!names.upn(issuer, Parts::ALL).contains("Contoso"));
        for s in ["greta@contoso.com", " x ", "i:0#.f|membership|greta", "A\\b", ""] {
            assert_eq!(names.upn(s, Parts::NONE), s);
            assert_eq!(names.netbios(s, Parts::NONE), s);
        }
    }

    #[test]
    fn broken_values_are_taken_as_they_come() {
        let names = sample();
        for (s, expected) in [("", ""), ("@", "@"), ("\\", "\\"), (".\\", ".\\"), ("i:0#.f|", "i:0#.f|")] {
            assert_eq!(names.upn(s, Parts::ALL), expected, "{s:?}");
        }
        let long = "x@_#\\|.é".repeat(1 << 17);
        for s in [
            "#EXT#@",
            "_#EXT#@",
            "@@",
            "a@b@c",
            "\0",
            "_",
            "é",
            "i:0#.f|||",
            "Sync_",
            "Sync_é_ab12cd34ef5",
            &long,
        ] {
            names.upn(s, Parts::ALL);
            names.account(s);
            names.host(s);
            names.domain(s);
        }
        // No home domain can be told: the whole is one account.
        let whole = names.upn("greta.schmidt#EXT#@contoso.com", Parts::ALL);
        assert!(whole.starts_with(&names.account("greta.schmidt")) && whole.contains("#EXT#@"));
    }
}
