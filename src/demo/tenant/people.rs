//! The people of the tenant: members, guests, administrators, service accounts, and the names that
//! make redaction hard (words, letters beyond ASCII, addresses that differ in one character).

use super::clock::{Clock, DAY};
use super::random::{Guid, Random};
use super::tables::Tables;
use super::{Scale, directory::Domains};
use std::collections::HashSet;

/// What part a person plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An employee.
    Member,
    /// A guest of another organization.
    Guest,
    /// An administrator.
    Administrator,
    /// An account that no human uses.
    Service,
    /// The account of the synchronization server.
    Sync,
}

/// What an account has on premises.
#[derive(Clone, Debug)]
pub struct OnPremises {
    /// `objectGUID`; base64 of its Windows bytes is the immutable id.
    pub guid: Guid,
    /// `objectSid`.
    pub sid: String,
    /// Distinguished name.
    pub dn: String,
    /// `sAMAccountName`.
    pub sam: String,
}

/// One account.
#[derive(Clone, Debug)]
pub struct Person {
    /// Part.
    pub role: Role,
    /// Object id.
    pub id: Guid,
    /// Given name; empty for accounts that are no people.
    pub given: String,
    /// Surname; empty likewise.
    pub surname: String,
    /// Display name.
    pub name: String,
    /// User principal name.
    pub upn: String,
    /// Mail address; empty without mailbox.
    pub mail: String,
    /// Mail nickname.
    pub nickname: String,
    /// Proxy addresses with their prefixes.
    pub proxies: Vec<String>,
    /// Set for synchronized accounts.
    pub on_premises: Option<OnPremises>,
    /// May sign in.
    pub enabled: bool,
    /// Home tenant of a guest; the tenant itself for everybody else.
    pub home_tenant: Guid,
    /// Department.
    pub department: String,
    /// Job title.
    pub title: String,
    /// Employee number.
    pub employee: String,
    /// Phone number of the fictional range.
    pub phone: String,
    /// Index of the home city.
    pub place: usize,
    /// Address at home.
    pub home_address: String,
    /// Net id (PUID) of 16 hex digits.
    pub puid: String,
    /// Creation, seconds since 1970.
    pub created: i64,
}

impl Person {
    /// `member` or `guest` as sign-ins and reports write it.
    pub fn sort(&self) -> &'static str {
        if self.role == Role::Guest { "guest" } else { "member" }
    }

    /// Whether a human signs in with it.
    pub fn is_human(&self) -> bool {
        matches!(self.role, Role::Member | Role::Guest | Role::Administrator)
    }
}

/// ASCII letters for the letters of the name table: logins have no others.
pub fn ascii(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .flat_map(|c| {
            let folded: &[u8] = match c {
                'á' | 'à' | 'ã' | 'å' => b"a",
                'ä' => b"ae",
                'ç' | 'ć' => b"c",
                'é' | 'è' | 'ë' => b"e",
                'í' | 'ï' | 'ı' | 'ì' => b"i",
                'ł' => b"l",
                'ñ' => b"n",
                'ó' | 'ø' => b"o",
                'ö' => b"oe",
                'š' => b"s",
                'ß' => b"ss",
                'ú' => b"u",
                'ü' => b"ue",
                'ý' => b"y",
                'ż' => b"z",
                _ => b"",
            };
            folded
                .iter()
                .map(|b| char::from(*b))
                .chain(c.is_ascii_alphanumeric().then_some(c))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Makes all accounts, and the deleted ones.
pub fn simulate(
    scale: &Scale,
    clock: &Clock,
    tables: &Tables,
    domains: &Domains,
    tenant: Guid,
) -> (Vec<Person>, Vec<Person>) {
    let mut made =
        Maker { scale, clock, tables, domains, tenant, logins: HashSet::new(), people: Vec::new() };
    let names = &tables.names;
    for (given, surname, login) in &names.special {
        made.member(given, surname, Some(login));
    }
    for (name, upn) in &names.administrators {
        made.named(Role::Administrator, name, upn);
    }
    for (name, upn) in &names.services {
        made.named(Role::Service, name, upn);
    }
    made.named(Role::Sync, "On-Premises Directory Synchronization Service Account", &domains.sync_account);
    for (given, surname, login, domain) in &names.guests {
        made.guest(given, surname, login, domain);
    }
    while made.people.len() < scale.users {
        made.anybody();
    }
    made.quirks();
    let mut people = std::mem::take(&mut made.people);
    let gone = scale.users / 40 + 3;
    while made.people.len() < gone {
        made.anybody();
    }
    for (at, person) in people.iter_mut().enumerate() {
        // Never the scenes' actors: they sign in.
        person.enabled = at < names.special.len() || at % 25 != 7;
    }
    (people, made.people)
}

struct Maker<'a> {
    scale: &'a Scale,
    clock: &'a Clock,
    tables: &'a Tables,
    domains: &'a Domains,
    tenant: Guid,
    logins: HashSet<String>,
    people: Vec<Person>,
}

impl Maker<'_> {
    fn anybody(&mut self) {
        let at = self.logins.len();
        let mut random = Random::of(self.scale.seed, "anybody", at as u64);
        let names = &self.tables.names;
        let given = random.pick(&names.given).clone();
        let surname = random.pick(&names.surname).clone();
        if at.is_multiple_of(12) {
            let domain = random.pick(&names.partners).clone();
            let login = format!("{}.{}", ascii(&given), ascii(&surname));
            self.guest(&given, &surname, &login, &domain);
        } else {
            self.member(&given, &surname, None);
        }
    }

    fn login(&mut self, wanted: String) -> String {
        let mut login = wanted.clone();
        let mut number = 2;
        while !self.logins.insert(login.clone()) {
            login = format!("{wanted}{number}");
            number += 1;
        }
        login
    }

    fn member(&mut self, given: &str, surname: &str, login: Option<&str>) {
        let wanted = login.map_or_else(|| format!("{}.{}", ascii(given), ascii(surname)), str::to_owned);
        let login = self.login(wanted);
        let mut person = self.blank(Role::Member);
        let mut random = Random::of(self.scale.seed, "member", self.logins.len() as u64);
        let eastern =
            !surname.is_ascii() && !surname.contains(char::is_lowercase) && surname.chars().count() == 1;
        person.name = if eastern { format!("{surname} {given}") } else { format!("{given} {surname}") };
        person.given = given.to_owned();
        person.surname = surname.to_owned();
        person.upn = format!("{login}@{}", self.domains.main);
        person.mail = person.upn.clone();
        person.nickname = login.replace('\'', "");
        person.proxies = vec![
            format!("SMTP:{}", person.mail),
            format!("smtp:{}@{}", person.nickname, self.domains.initial),
        ];
        if random.chance(20) {
            person.proxies.push(format!(
                "x500:/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={}-{}",
                random.hex::<16>(),
                person.nickname
            ));
        }
        if self.people.len() < 12 || random.chance(60) {
            let guid = random.guid();
            let sam: String = ascii(&format!("{}{}", given.chars().next().unwrap_or('x'), surname))
                .chars()
                .take(18)
                .collect();
            let sam = self.login(if sam.is_empty() { person.nickname.replace('.', "") } else { sam });
            let common =
                if random.chance(15) { format!("{surname}\\, {given}") } else { person.name.clone() };
            person.on_premises = Some(OnPremises {
                guid,
                sid: format!("{}-{}", self.domains.sid, 1_100 + self.people.len()),
                dn: format!("CN={common},OU={},OU=People,{}", person.department, self.domains.dn()),
                sam,
            });
        }
        self.people.push(person);
    }

    fn guest(&mut self, given: &str, surname: &str, login: &str, domain: &str) {
        let login = self.login(login.to_owned());
        let mut person = self.blank(Role::Guest);
        person.given = given.to_owned();
        person.surname = surname.to_owned();
        person.name = format!("{given} {surname}");
        person.mail = format!("{login}@{domain}");
        person.upn = format!("{login}_{domain}#EXT#@{}", self.domains.initial);
        person.nickname = format!("{login}_{domain}#EXT#");
        person.proxies = vec![format!("SMTP:{}", person.mail)];
        person.home_tenant = Random::of(self.scale.seed, domain, 0).guid();
        person.department.clear();
        person.employee.clear();
        self.people.push(person);
    }

    fn named(&mut self, role: Role, name: &str, upn: &str) {
        let mut person = self.blank(role);
        let login = upn.split('@').next().unwrap_or(upn);
        self.logins.insert(login.to_owned());
        person.name = name.to_owned();
        person.upn = upn.to_owned();
        person.nickname = login.to_owned();
        if role != Role::Sync && !upn.ends_with(self.domains.initial.as_str()) {
            person.mail = upn.to_owned();
            person.proxies = vec![format!("SMTP:{upn}")];
        }
        if role == Role::Service {
            person.employee.clear();
        }
        self.people.push(person);
    }

    fn blank(&self, role: Role) -> Person {
        let index = self.logins.len() as u64;
        let mut random = Random::of(self.scale.seed, "person", index);
        let place = random.index(self.tables.places.len());
        Person {
            role,
            id: random.guid(),
            given: String::new(),
            surname: String::new(),
            name: String::new(),
            upn: String::new(),
            mail: String::new(),
            nickname: String::new(),
            proxies: Vec::new(),
            on_premises: None,
            enabled: true,
            home_tenant: self.tenant,
            department: random.pick(&self.tables.names.departments).clone(),
            title: random.pick(&self.tables.names.titles).clone(),
            employee: format!("C{:06}", 100_000 + index * 37),
            phone: format!("+1 425 555 {:04}", random.below(10_000)),
            place,
            home_address: if random.chance(35) {
                format!("2001:db8:10:{:x}::{:x}", place + 1, 0x1000 + index)
            } else {
                format!("198.51.100.{}", 1 + random.below(254))
            },
            puid: format!("10032000{:08X}", 0x1000_0000 + random.below(0x0fff_ffff)),
            created: self.clock.ago(DAY * 30 + random.below(DAY as u64 * 1_500) as i64),
        }
    }

    /// Faults that real directories have: mail that differs from the UPN in one character, and one
    /// proxy address that two accounts hold.
    fn quirks(&mut self) {
        let initial = self.domains.initial.clone();
        let mut shared = 0;
        for person in &mut self.people {
            if person.upn.starts_with("pat.lee@") {
                person.mail = person.mail.replacen('.', "-", 1);
                person.proxies = vec![format!("SMTP:{}", person.mail), format!("smtp:patlee@{initial}")];
            }
            if person.upn.starts_with("rose.may@") || person.upn.starts_with("mark.price@") {
                person.proxies.push(format!("smtp:info@{}", self.domains.main));
                shared += 1;
            }
        }
        debug_assert_eq!(shared, 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_ascii() {
        for name in Tables::get().names.given.iter().chain(&Tables::get().names.surname) {
            let login = ascii(name);
            assert!(login.is_ascii() && login.len() + 3 >= name.chars().count(), "{name}");
        }
        assert_eq!(ascii("Łukasz"), "lukasz");
        assert_eq!(ascii("Müller"), "mueller");
    }
}
