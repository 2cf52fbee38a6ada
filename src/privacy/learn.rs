//! The learn pass: what typed fields say becomes the dictionary of names.
//!
//! Every worker fills a [`Learner`] of its own, they are merged and frozen. The result is a pure
//! function of the *set* of learned values: neither the order of learning nor of merging, nor
//! repetition, changes it. Nothing is learned from free text.

use super::account::{is_connector_account, sync_account};
use super::canon::{canon_domain, canonical};
use super::dictionary::Dictionary;
use super::entity::{self, EntityBuilder};
use super::frequency::Frequency;
use super::hardness::SHORTEST;
use super::lookup::fold_word;
use crate::kind::Kind;
use foldhash::{fast, quality};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Longest value in bytes that is learned as a name.
const LONGEST: usize = 1024;

/// Slots of the filter that skips values which were just learned.
const RECENT: usize = 1 << 14;

/// Words that mean "nothing" in some source.
const NOTHING: &[&str] = &[
    "",
    "(null)",
    "-",
    "--",
    "<null>",
    "[]",
    "n/a",
    "na",
    "nil",
    "none",
    "not available",
    "not set",
    "null",
    "undefined",
    "unknown",
    "{}",
];

/// Domains of NetBIOS names that every machine has.
const BUILT_IN_AUTHORITIES: &[&str] = &[
    "application package authority",
    "builtin",
    "font driver host",
    "iis apppool",
    "local",
    "nt authority",
    "nt service",
    "nt virtual machine",
    "window manager",
    "workgroup",
];

/// Accounts that every machine or directory has.
const BUILT_IN_ACCOUNTS: &[&str] = &[
    "anonymous logon",
    "authenticated users",
    "defaultaccount",
    "everyone",
    "krbtgt",
    "local service",
    "network service",
    "system",
    "wdagutilityaccount",
];

/// Domains that belong to nobody's tenant; they are no suffix to recognise.
const PUBLIC_DOMAINS: &[&str] = &[
    "aol.com",
    "azure.com",
    "azure.net",
    "b2clogin.com",
    "ciamlogin.com",
    "example.com",
    "example.net",
    "example.org",
    "github.com",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.de",
    "gmx.net",
    "google.com",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "linkedin.com",
    "live.com",
    "mac.com",
    "mail.onmicrosoft.com",
    "me.com",
    "microsoft.com",
    "microsoftonline.com",
    "msn.com",
    "office.com",
    "office365.com",
    "onmicrosoft.com",
    "onmicrosoft.us",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "sharepoint.com",
    "sharepoint.us",
    "web.de",
    "windows.com",
    "windows.net",
    "windowsazure.com",
    "yahoo.com",
];

/// The consumer and platform domains that never become learned suffixes, sorted.
pub fn is_public_domain(folded: &str) -> bool {
    PUBLIC_DOMAINS.binary_search(&folded).is_ok()
}

/// Collects names and entities from typed fields.
pub struct Learner {
    names: BTreeMap<Kind, HashSet<Box<str>, fast::RandomState>>,
    entities: EntityBuilder,
    /// Addresses of risk detections.
    risky: BTreeSet<IpAddr>,
    datasets: BTreeSet<String>,
    frequency: Frequency,
    recent: Vec<u64>,
    hasher: quality::RandomState,
}

impl Default for Learner {
    fn default() -> Self {
        Self::new()
    }
}

impl Learner {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Learner {
            names: BTreeMap::new(),
            entities: EntityBuilder::default(),
            risky: BTreeSet::new(),
            datasets: BTreeSet::new(),
            frequency: Frequency::default(),
            recent: vec![0; RECENT],
            hasher: quality::RandomState::default(),
        }
    }

    /// Learns a typed value: `value` without JSON quotes and escapes, `dataset` the id of the
    /// dataset it came from. Kinds that name nobody, words that mean nothing and values of absurd
    /// length are passed over. Of texts only words are counted, for the frequency guard.
    pub fn learn(&mut self, kind: Kind, value: &str, dataset: &str) {
        if kind == Kind::Text {
            return self.frequency.text(value);
        }
        if value.len() < 2 || value.len() > LONGEST || !is_learned(kind) {
            return;
        }
        let mark = self.hasher.hash_one((kind, value, dataset)) | 1;
        let slot = mark as usize / 2 % RECENT;
        if self.recent.get(slot) == Some(&mark) {
            return;
        }
        self.recent[slot] = mark;
        let value = value.trim();
        if NOTHING.binary_search(&fold_word(value).as_ref()).is_ok() {
            return;
        }
        if self.learn_value(kind, value) && !self.datasets.contains(dataset) {
            self.datasets.insert(dataset.to_owned());
        }
    }

    /// Whether texts of this slice are still counted.
    pub fn wants_texts(&self) -> bool {
        !self.frequency.has_enough()
    }

    /// Adds everything that another learner knows, which read a slice of its own.
    pub fn merge(&mut self, mut other: Learner) {
        other.end_slice();
        self.frequency.merge(other.frequency);
        for (kind, names) in other.names {
            self.names.entry(kind).or_default().extend(names);
        }
        self.entities.merge(other.entities);
        self.risky.extend(other.risky);
        self.datasets.extend(other.datasets);
    }

    fn end_slice(&mut self) {
        let labels = self.names.get(&Kind::Account).into_iter().flatten();
        self.frequency.end_slice(labels.map(AsRef::as_ref));
    }

    /// Ends learning, with the frequency guard: labels that are words of the texts are replaced beside a
    /// cue only.
    pub fn freeze_guarded(mut self) -> Dictionary {
        self.end_slice();
        let frequency = std::mem::take(&mut self.frequency);
        let mut dictionary = self.freeze();
        dictionary.guard(|word| frequency.is_frequent(word));
        dictionary
    }

    /// Ends learning.
    pub fn freeze(self) -> Dictionary {
        let mut names = Vec::new();
        for (kind, set) in self.names {
            let mut sorted: Vec<Box<str>> = set.into_iter().collect();
            sorted.sort_unstable();
            names.push((kind, sorted));
        }
        let datasets = self.datasets.into_iter().collect();
        Dictionary::build(names, self.entities.freeze(), datasets)
            .with_risky(self.risky.into_iter().collect())
    }

    /// Learns one value and says whether it taught anything.
    fn learn_value(&mut self, kind: Kind, value: &str) -> bool {
        match kind {
            Kind::Account => self.account(value),
            Kind::Dn => self.dn(value),
            Kind::Domain => self.domain(kind, value),
            Kind::GroupName => self.group(value),
            Kind::Host => self.host(value),
            Kind::Job => is_employee_number(value) && self.add(kind, value),
            Kind::Partner if value.contains('.') => self.domain(kind, value),
            Kind::PersonName => self.person(value),
            Kind::ProxyAddress => match value.split_once(':') {
                Some((prefix, rest)) if !prefix.eq_ignore_ascii_case("x500") && rest.contains('@') => {
                    self.upn(rest)
                }
                _ => false,
            },
            Kind::Puid => self.puid(value),
            // It is no name: nothing looks for it, and only a policy that keeps it asks for it.
            Kind::RiskIp => {
                self.risky.extend(super::generalize::address(value));
                false
            }
            Kind::Upn => self.upn(value),
            _ => self.entities.learn(kind, value),
        }
    }

    fn add(&mut self, kind: Kind, value: &str) -> bool {
        // The canonical text as tokens see it: a match gets the token of the field.
        let folded = canonical(value);
        let folded = folded.as_ref();
        if folded.chars().count() < SHORTEST || NOTHING.binary_search(&folded).is_ok() {
            return false;
        }
        let set = self.names.entry(kind).or_default();
        if !set.contains(folded) {
            set.insert(folded.into());
        }
        true
    }

    fn upn(&mut self, value: &str) -> bool {
        // Claims logins carry the account behind the last bar; the part before it is a fact.
        let value = value.rsplit('|').next().unwrap_or(value);
        let Some((local, domain)) = value.rsplit_once('@') else {
            return self.account(value);
        };
        if local.is_empty() || domain.is_empty() {
            return false;
        }
        self.domain(Kind::Domain, domain);
        self.add(Kind::Upn, value);
        let folded = fold_word(local);
        if let Some(home) = folded.strip_suffix("#ext#") {
            if let Some((account, home_domain)) = home.rsplit_once('_')
                && home_domain.contains('.')
            {
                self.add(Kind::Upn, &format!("{account}@{home_domain}"));
                self.label(account);
                self.domain(Kind::Domain, home_domain);
            }
            return true;
        }
        self.label(local);
        true
    }

    fn account(&mut self, value: &str) -> bool {
        if value.contains('@') {
            return self.upn(value);
        }
        if let Some((domain, account)) = value.split_once('\\') {
            if BUILT_IN_AUTHORITIES.binary_search(&fold_word(domain).as_ref()).is_ok() {
                return false;
            }
            // A Windows account may be followed by the process it runs: `DOMAIN\user (w3wp)`.
            let account = account.split(" (").next().unwrap_or(account);
            self.domain(Kind::Domain, domain);
            return self.account(account);
        }
        if let Some(host) = value.strip_suffix('$') {
            return self.host(host);
        }
        self.label(value)
    }

    /// A label of a person's or a service's account, or the host inside a sync service account.
    fn label(&mut self, value: &str) -> bool {
        let value = value.strip_suffix('$').unwrap_or(value);
        if entity::guid_of_text(value).is_some() {
            return false;
        }
        if BUILT_IN_ACCOUNTS.binary_search(&fold_word(value).as_ref()).is_ok() {
            return false;
        }
        if let Some((_, host, _)) = sync_account(value) {
            return self.host(host);
        }
        // Its format keeps it, so it is no original.
        if is_connector_account(value) {
            return false;
        }
        self.add(Kind::Account, value)
    }

    fn person(&mut self, value: &str) -> bool {
        if value.contains('@') && !value.contains(char::is_whitespace) {
            return self.upn(value);
        }
        if value.contains('\\') {
            return self.account(value);
        }
        if entity::guid_of_text(value).is_some() {
            return self.entities.learn(Kind::ObjectId, value);
        }
        self.add(Kind::PersonName, value)
    }

    fn host(&mut self, value: &str) -> bool {
        let value = value.trim_start_matches('\\').trim_end_matches(['$', '.']);
        if entity::guid_of_text(value).is_some() || value.parse::<std::net::IpAddr>().is_ok() {
            return false;
        }
        if value.contains(char::is_whitespace) {
            return self.add(Kind::Host, value);
        }
        match value.split_once('.') {
            Some((label, rest)) => {
                self.domain(Kind::Domain, rest);
                self.add(Kind::Host, label)
            }
            None => self.add(Kind::Host, value),
        }
    }

    /// Group names are words of the language unless they have two words or look made up.
    fn group(&mut self, value: &str) -> bool {
        let made_up = value.chars().count() >= 8
            && value.contains(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
        if value.contains('@') && !value.contains(char::is_whitespace) {
            return self.upn(value);
        }
        if value.split_whitespace().nth(1).is_some() || made_up {
            return self.add(Kind::GroupName, value);
        }
        false
    }

    fn domain(&mut self, kind: Kind, value: &str) -> bool {
        let folded = fold_word(value);
        let folded = folded.trim_start_matches('@').trim_end_matches('.');
        let fits = !folded.is_empty()
            && folded.len() <= 253
            && !folded.contains(|c: char| c.is_whitespace() || "@/\\:,;\"'()[]{}<>".contains(c))
            && folded.contains(|c: char| c.is_alphabetic());
        if !fits || is_public_domain(folded) || entity::guid_of_text(folded).is_some() {
            return false;
        }
        // A domain in letters of its own is also written in its ASCII form.
        if !folded.is_ascii() {
            self.add(kind, &canon_domain(folded));
        }
        self.add(kind, folded)
    }

    fn puid(&mut self, value: &str) -> bool {
        let value = value.rsplit('|').next().unwrap_or(value);
        let value = value.split('@').next().unwrap_or(value);
        if value.len() < 12 || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
            return value.contains('@') && self.upn(value);
        }
        self.add(Kind::Puid, value)
    }

    /// A DN teaches its domain, and its leaf where that is a person's name of two words.
    fn dn(&mut self, value: &str) -> bool {
        let mut domain = String::new();
        for part in value.split(',') {
            if let Some((name, label)) = part.trim().split_once('=')
                && name.eq_ignore_ascii_case("dc")
            {
                if !domain.is_empty() {
                    domain.push('.');
                }
                domain.push_str(label.trim());
            }
        }
        let taught = self.domain(Kind::Domain, &domain);
        let leaf = value.get(..3).filter(|head| head.eq_ignore_ascii_case("cn=")).and_then(|_| {
            let rest = value.get(3..)?;
            let end = rest.find([',', '\\', '"', '+'])?;
            rest.as_bytes().get(end).filter(|b| **b == b',').map(|_| rest[..end].trim())
        });
        match leaf {
            Some(name) if name.split_whitespace().nth(1).is_some() => {
                self.add(Kind::PersonName, name) || taught
            }
            _ => taught,
        }
    }
}

/// Whether values of the kind teach anything.
fn is_learned(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Account
            | Kind::AdminUnit
            | Kind::Anchor
            | Kind::AppId
            | Kind::DeviceId
            | Kind::Dn
            | Kind::Domain
            | Kind::EntraSid
            | Kind::GroupId
            | Kind::GroupName
            | Kind::Host
            | Kind::Job
            | Kind::ObjectId
            | Kind::Partner
            | Kind::PersonLink
            | Kind::PersonName
            | Kind::ProxyAddress
            | Kind::Puid
            | Kind::RiskIp
            | Kind::Sid
            | Kind::TenantId
            | Kind::Upn
    )
}

/// Whether a job attribute is the number of a person (`C100111`, `EMP-00123`), which prose repeats,
/// and no department or title. Bare numbers are not learned: logs are full of numbers.
fn is_employee_number(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let rest = value.len() - digits - letters;
    value.len() <= 20
        && digits >= 4
        && (1..=4).contains(&letters)
        && rest == value.bytes().filter(|b| matches!(b, b'-' | b'_' | b'.')).count()
}

#[cfg(test)]
mod tests;
