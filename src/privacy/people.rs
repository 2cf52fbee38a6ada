//! `meta/entities.jsonl`: which pseudonyms belong to one person, and what the pseudonyms hide.
//!
//! The same person never becomes one token: that would hide the commonest hybrid faults (UPN ≠ mail,
//! a duplicate proxy address). The link travels beside the data instead, in pseudonyms only, and with it
//! *lints*: facts about the raw values that pseudonymisation destroys, computed before it.

use super::render::{Render, Rendered};
use crate::catalogue::member::Path as Member;
use crate::kind::Kind;
use crate::record::{Label, Raw, Stated, sealed};
use foldhash::fast::RandomState;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Most partners that a duplicate address names: one address on everybody would name everybody everywhere.
const MOST_DUPLICATES: usize = 20;

/// A value after its treatment. Made in this module alone, from what a [`Render`] gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Treated(String);

/// One line of `meta/entities.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// Line number from 1, so that people can say "user 17".
    pub e: u64,
    /// What it is.
    pub kind: &'static str,
    /// `member`/`guest`, `synced`/`cloud`, `enabled`/`disabled`.
    pub flags: Vec<&'static str>,
    /// Object id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<Treated>,
    /// On-premises SID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<Treated>,
    /// Immutable id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Treated>,
    /// User principal name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upn: Option<Treated>,
    /// Mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<Treated>,
    /// sAMAccountName.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Treated>,
    /// Facts about the raw values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lint: Vec<Label>,
}

impl sealed::Sealed for Entity {}
impl Stated for Entity {}

/// Collects people in the learn pass. Holds raw values: it lives as long as the seal, in memory only.
#[derive(Default)]
pub struct People {
    people: Vec<Person>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Person {
    id: String,
    upn: String,
    mail: String,
    sid: String,
    anchor: String,
    account: String,
    proxies: Vec<String>,
    guest: Option<bool>,
    synced: Option<bool>,
    enabled: Option<bool>,
}

impl Person {
    /// Fills what is not known from another record of the same person.
    fn take_over(&mut self, other: Person) {
        for (own, theirs) in [
            (&mut self.upn, other.upn),
            (&mut self.mail, other.mail),
            (&mut self.sid, other.sid),
            (&mut self.anchor, other.anchor),
            (&mut self.account, other.account),
        ] {
            if own.is_empty() {
                *own = theirs;
            }
        }
        self.proxies.extend(other.proxies);
        self.guest = self.guest.or(other.guest);
        self.synced = self.synced.or(other.synced);
        self.enabled = self.enabled.or(other.enabled);
    }
}

/// The member paths of a user record, folded once.
pub struct UserPaths([Member; 10]);

impl Default for UserPaths {
    fn default() -> Self {
        UserPaths(
            [
                "id",
                "userPrincipalName",
                "mail",
                "onPremisesSecurityIdentifier",
                "onPremisesImmutableId",
                "onPremisesSamAccountName",
                "proxyAddresses",
                "userType",
                "onPremisesSyncEnabled",
                "accountEnabled",
            ]
            .map(Member::new),
        )
    }
}

impl People {
    /// No people yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a user record in.
    pub fn user(&mut self, paths: &UserPaths, raw: &Raw) {
        let [id, upn, mail, sid, anchor, account, proxies, kind, synced, enabled] =
            Member::values_of(&paths.0, raw.bytes());
        let text = |values: Vec<String>| values.into_iter().next().unwrap_or_default();
        let flag = |values: Vec<String>| values.first().and_then(|v| v.to_ascii_lowercase().parse().ok());
        let person = Person {
            id: text(id),
            upn: text(upn),
            mail: text(mail),
            sid: text(sid),
            anchor: text(anchor),
            account: text(account),
            proxies,
            guest: kind.first().map(|v| v.eq_ignore_ascii_case("guest")),
            synced: flag(synced),
            enabled: flag(enabled),
        };
        if !person.id.is_empty() || !person.upn.is_empty() {
            self.people.push(person);
        }
    }

    /// Takes over what another worker collected.
    pub fn merge(&mut self, other: People) {
        self.people.extend(other.people);
    }

    /// One person may come in several shapes (Graph, PowerShell), each with other members: what has
    /// the same object id is one.
    fn merge_by_id(&mut self) {
        let mut merged: Vec<Person> = Vec::with_capacity(self.people.len());
        let mut places: HashMap<String, usize, RandomState> = HashMap::default();
        for person in self.people.drain(..) {
            if person.id.is_empty() {
                merged.push(person);
                continue;
            }
            match places.entry(person.id.to_lowercase()) {
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(merged.len());
                    merged.push(person);
                }
                std::collections::hash_map::Entry::Occupied(known) => merged[*known.get()].take_over(person),
            }
        }
        self.people = merged;
    }

    /// The lines, in the order of their pseudonyms, so that line numbers tell nothing of the directory's order.
    pub fn lines(mut self, render: &mut dyn Render) -> Vec<Entity> {
        self.people.sort();
        self.people.dedup();
        self.merge_by_id();
        let mut proxies: HashMap<String, Vec<usize>, RandomState> = HashMap::default();
        for (at, person) in self.people.iter().enumerate() {
            let mut own: Vec<String> = person.proxies.iter().map(|p| p.to_lowercase()).collect();
            own.sort();
            own.dedup();
            for proxy in own {
                proxies.entry(proxy).or_default().push(at);
            }
        }
        let mut lines: Vec<(usize, Entity)> = Vec::with_capacity(self.people.len());
        for (at, person) in self.people.iter().enumerate() {
            let mut treat = |kind: Kind, value: &str| treated(render, kind, value);
            let entity = Entity {
                e: 0,
                kind: "user",
                flags: flags(person),
                guid: treat(Kind::ObjectId, &person.id),
                sid: treat(Kind::Sid, &person.sid),
                anchor: treat(Kind::Anchor, &person.anchor),
                upn: treat(Kind::Upn, &person.upn),
                mail: treat(Kind::Upn, &person.mail),
                account: treat(Kind::Account, &person.account),
                lint: Vec::new(),
            };
            lines.push((at, entity));
        }
        lines.sort_by(|(_, a), (_, b)| (&a.guid, &a.upn, &a.mail).cmp(&(&b.guid, &b.upn, &b.mail)));
        let place: BTreeMap<usize, u64> = lines.iter().zip(1..).map(|((at, _), e)| (*at, e)).collect();
        for (at, entity) in &mut lines {
            entity.e = place[at];
            entity.lint = lints(&self.people[*at], entity, &proxies, &place, *at);
        }
        lines.into_iter().map(|(_, entity)| entity).collect()
    }
}

fn treated(render: &mut dyn Render, kind: Kind, value: &str) -> Option<Treated> {
    if value.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    match render.render(kind, value, &mut out) {
        Rendered::Kept => Some(Treated(value.to_owned())),
        Rendered::Replaced => String::from_utf8(out).ok().map(Treated),
        Rendered::Dropped | Rendered::Scan => None,
    }
}

fn flags(person: &Person) -> Vec<&'static str> {
    let mut flags = Vec::new();
    let mut flag =
        |value: Option<bool>, yes, no| flags.extend(value.map(|value| if value { yes } else { no }));
    flag(person.guest, "guest", "member");
    flag(person.synced, "synced", "cloud");
    flag(person.enabled, "enabled", "disabled");
    flags
}

/// Lints of one person. A lint appears only if the field it speaks about was not dropped.
fn lints(
    person: &Person,
    entity: &Entity,
    proxies: &HashMap<String, Vec<usize>, RandomState>,
    place: &BTreeMap<usize, u64>,
    own: usize,
) -> Vec<Label> {
    let mut found = Vec::new();
    if entity.upn.is_some()
        && entity.mail.is_some()
        && person.upn.to_lowercase() != person.mail.to_lowercase()
    {
        found.push("upn-ne-mail".to_owned());
    }
    let prefix = person.upn.split('@').next().unwrap_or_default();
    if entity.upn.is_some()
        && entity.account.is_some()
        && prefix.to_lowercase() != person.account.to_lowercase()
    {
        found.push("sam-ne-upn-prefix".to_owned());
    }
    for (field, value, shown) in
        [("upn", &person.upn, entity.upn.is_some()), ("mail", &person.mail, entity.mail.is_some())]
    {
        if !shown || value.is_empty() {
            continue;
        }
        if value.trim() != value {
            found.push(format!("edge-space:{field}"));
        }
        if !value.is_ascii() {
            found.push(format!("non-ascii:{field}"));
        }
        if value.split('@').next().is_some_and(|local| local.chars().count() > 64) {
            found.push(format!("too-long:{field}"));
        }
    }
    if entity.mail.is_some() || entity.upn.is_some() {
        let mut others: Vec<u64> = person
            .proxies
            .iter()
            .filter_map(|proxy| proxies.get(&proxy.to_lowercase()))
            .flatten()
            .filter(|at| **at != own)
            .map(|at| place[at])
            .collect();
        others.sort_unstable();
        others.dedup();
        found.extend(others.into_iter().take(MOST_DUPLICATES).map(|e| format!("proxy-duplicate-with:{e}")));
    }
    found.into_iter().filter_map(|lint| Label::new(lint).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Form;

    struct Toy;

    impl Render for Toy {
        fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
            if kind == Kind::Sid {
                return Rendered::Dropped;
            }
            out.extend_from_slice(format!("t-{}", value.len()).as_bytes());
            Rendered::Replaced
        }
    }

    fn lines(records: &[&str]) -> Vec<Entity> {
        let (paths, mut entities) = (UserPaths::default(), People::new());
        for record in records {
            entities.user(&paths, &Raw::new(record.as_bytes().to_vec(), Form::Json));
        }
        entities.lines(&mut Toy)
    }

    #[test]
    fn links_and_lints_without_a_raw_value() {
        let lines = lines(&[
            r#"{"id":"1","userPrincipalName":"greta@contoso.com","mail":"g.s@contoso.com","proxyAddresses":["SMTP:x@y"],
               "onPremisesSecurityIdentifier":"S-1-5-21-1-2-3-1104","userType":"Member","accountEnabled":true}"#,
            r#"{"Id":"22","UserPrincipalName":"zoë@contoso.com","ProxyAddresses":["smtp:X@Y"],"onPremisesSyncEnabled":"True"}"#,
        ]);
        let text = serde_json::to_string(&lines).unwrap();
        assert!(!text.contains("contoso") && !text.contains("S-1-5"));
        let greta = lines.iter().find(|l| l.flags.contains(&"member")).unwrap();
        let zoe = lines.iter().find(|l| l.flags == ["synced"]).unwrap();
        let lints = |e: &Entity| e.lint.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(lints(greta), ["upn-ne-mail".to_owned(), format!("proxy-duplicate-with:{}", zoe.e)]);
        assert!(lints(zoe).contains(&"non-ascii:upn".to_owned()));
        assert_eq!(greta.sid, None);
    }

    #[test]
    fn order_of_arrival_and_repetition_do_not_show() {
        let (a, b) = (r#"{"id":"1","userPrincipalName":"a@x"}"#, r#"{"id":"333","userPrincipalName":"b@x"}"#);
        assert_eq!(lines(&[a, b]), lines(&[b, a, b]));
    }
}
