//! `meta/entities.jsonl`: which pseudonyms belong to one object, and what the pseudonyms hide.
//!
//! The same person never becomes one token: that would hide the commonest hybrid faults (UPN ≠ mail,
//! a duplicate proxy address). The link travels beside the data instead, in pseudonyms only, and with it
//! *lints*: facts about the raw values that pseudonymisation destroys, computed before it. A lint
//! appears only if the field that it speaks of is not dropped.
//!
//! Pass two shows every raw record of the directory to an [`Observer`], which gives a *draft* (already
//! pseudonymized) and leaves *marks*, keyed hashes of the values in which two objects may collide. The
//! drafts are put in the order of their keys; [`Lines`] joins what speaks of one object, numbers it and
//! adds the lints that name others. In memory are the marks: 24 bytes each, ten or so an object.

mod lints;

use super::canon::canon;
use super::render::{Render, Rendered};
use crate::catalogue::member::Path as Member;
use crate::error::{self, Error, Result};
use crate::kind::Kind;
use crate::record::{Form, Label, Raw, Redacted, Stated, sealed};
use lints::Rule;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;

/// Most partners that a duplicate names: one address on everybody would name everybody everywhere.
const MOST_DUPLICATES: usize = 20;

/// Lint of values that differ, and that Active Directory takes for equal.
const COLLATION: &str = "ad-collation-equal";

/// A value after its treatment. Made in this module alone, from what a [`Render`] gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Treated(String);

/// One line of `meta/entities.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Line number from 1, so that people can say "user 17".
    pub e: u64,
    /// What it is: `user`, `contact`, `group`, `device`.
    pub kind: String,
    /// `member`/`guest`, `synced`/`cloud`, `enabled`/`disabled`, `deleted`, `mail-enabled`, `security-enabled`.
    pub flags: BTreeSet<String>,
    /// Object id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<Treated>,
    /// On-premises SID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Treated>,
    /// Immutable id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Treated>,
    /// Device id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Treated>,
    /// User principal name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<Treated>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Treated>,
    /// sAMAccountName.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Treated>,
    /// mailNickname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<Treated>,
    /// Display name, or name of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Treated>,
    /// Proxy addresses, sorted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub proxies: BTreeSet<Treated>,
    /// Facts about the raw values.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lint: BTreeSet<String>,
}

impl sealed::Sealed for Entity {}
impl Stated for Entity {}

/// What a value of the directory is for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Guid,
    Sid,
    Anchor,
    Device,
    Upn,
    Mail,
    Account,
    Nickname,
    Name,
    Proxy,
}

/// A dataset whose records are objects of the directory.
struct Shape {
    dataset: &'static str,
    kind: &'static str,
    deleted: bool,
    fields: &'static [(Role, Kind, &'static [&'static str])],
}

const SYNCED: &[&str] = &["onPremisesSyncEnabled", "DirSyncEnabled"];
const ENABLED: &[&str] = &["accountEnabled", "BlockCredential"];

/// Every member that is read, so that a record is read once.
const MEMBERS: [&str; 18] = [
    "id",
    "ObjectId",
    "onPremisesSecurityIdentifier",
    "onPremisesImmutableId",
    "ImmutableId",
    "userPrincipalName",
    "mail",
    "onPremisesSamAccountName",
    "mailNickname",
    "displayName",
    "proxyAddresses",
    "deviceId",
    "userType",
    "onPremisesSyncEnabled",
    "DirSyncEnabled",
    "accountEnabled",
    "BlockCredential",
    "mailEnabled",
];

/// The values of the members of a record.
struct Values([Vec<String>; MEMBERS.len()]);

impl Values {
    /// The values of the first of the members that has any, and which it is.
    fn of(&self, names: &[&str]) -> (usize, &[String]) {
        let values =
            |name: &str| MEMBERS.iter().position(|known| *known == name).map(|at| self.0[at].as_slice());
        let mut found = names.iter().enumerate().filter_map(|(at, name)| Some((at, values(name)?)));
        found.find(|(_, values)| !values.is_empty()).unwrap_or((0, &[]))
    }

    fn first(&self, names: &[&str]) -> Option<(usize, &str)> {
        let (at, values) = self.of(names);
        Some((at, values.first()?.as_str()))
    }
}

const USER: &[(Role, Kind, &[&str])] = &[
    (Role::Guid, Kind::ObjectId, &["id", "ObjectId"]),
    (Role::Sid, Kind::Sid, &["onPremisesSecurityIdentifier"]),
    (Role::Anchor, Kind::Anchor, &["onPremisesImmutableId", "ImmutableId"]),
    (Role::Upn, Kind::Upn, &["userPrincipalName"]),
    (Role::Mail, Kind::Upn, &["mail"]),
    (Role::Account, Kind::Account, &["onPremisesSamAccountName"]),
    (Role::Nickname, Kind::Account, &["mailNickname"]),
    (Role::Name, Kind::PersonName, &["displayName"]),
    (Role::Proxy, Kind::ProxyAddress, &["proxyAddresses"]),
];
const CONTACT: &[(Role, Kind, &[&str])] = &[
    (Role::Guid, Kind::ObjectId, &["id", "ObjectId"]),
    (Role::Mail, Kind::Upn, &["mail"]),
    (Role::Nickname, Kind::Account, &["mailNickname"]),
    (Role::Name, Kind::PersonName, &["displayName"]),
    (Role::Proxy, Kind::ProxyAddress, &["proxyAddresses"]),
];
const GROUP: &[(Role, Kind, &[&str])] = &[
    (Role::Guid, Kind::GroupId, &["id", "ObjectId"]),
    (Role::Sid, Kind::Sid, &["onPremisesSecurityIdentifier"]),
    (Role::Mail, Kind::Upn, &["mail"]),
    (Role::Account, Kind::Account, &["onPremisesSamAccountName"]),
    (Role::Nickname, Kind::Account, &["mailNickname"]),
    (Role::Name, Kind::GroupName, &["displayName"]),
    (Role::Proxy, Kind::ProxyAddress, &["proxyAddresses"]),
];
const DEVICE: &[(Role, Kind, &[&str])] = &[
    (Role::Guid, Kind::DeviceId, &["id", "ObjectId"]),
    (Role::Sid, Kind::Sid, &["onPremisesSecurityIdentifier"]),
    (Role::Device, Kind::DeviceId, &["deviceId"]),
    (Role::Name, Kind::Host, &["displayName"]),
];

const SHAPES: &[Shape] = &[
    Shape { dataset: "users", kind: "user", deleted: false, fields: USER },
    Shape { dataset: "deleted_users", kind: "user", deleted: true, fields: USER },
    Shape { dataset: "contacts", kind: "contact", deleted: false, fields: CONTACT },
    Shape { dataset: "groups", kind: "group", deleted: false, fields: GROUP },
    Shape { dataset: "deleted_groups", kind: "group", deleted: true, fields: GROUP },
    Shape { dataset: "devices", kind: "device", deleted: false, fields: DEVICE },
    Shape { dataset: "deleted_devices", kind: "device", deleted: true, fields: DEVICE },
];

/// Domains that the tenant has proved to own: collected in pass one.
#[derive(Default)]
pub struct Suffixes(BTreeSet<String>);

impl Suffixes {
    /// Whether records of the dataset say which domains are verified.
    pub fn stand_in(dataset: &str) -> bool {
        matches!(dataset, "domains" | "organization")
    }

    /// Looks at a raw record of a dataset; what is no domain teaches nothing.
    pub fn learn(&mut self, dataset: &str, raw: &Raw) {
        let all = |paths: &[&str]| -> Vec<String> {
            paths
                .iter()
                .map(|p| Member::new(p).values(raw.bytes()))
                .find(|v| !v.is_empty())
                .unwrap_or_default()
        };
        match dataset {
            "domains" => {
                let verified = all(&["isVerified", "status"]);
                if verified
                    .iter()
                    .any(|v| v.eq_ignore_ascii_case("true") || v.eq_ignore_ascii_case("verified"))
                {
                    self.0.extend(all(&["id", "name"]).iter().map(|name| canon(name)));
                }
            }
            "organization" => self.0.extend(all(&["verifiedDomains/name"]).iter().map(|name| canon(name))),
            _ => {}
        }
    }

    /// Takes over what another worker learned.
    pub fn merge(&mut self, other: Suffixes) {
        self.0.extend(other.0);
    }

    /// Whether the address ends in a domain that is not verified, as far as any is known.
    fn misses(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map(|(_, domain)| canon(domain));
        !self.0.is_empty() && domain.is_some_and(|domain| !self.0.contains(&domain))
    }
}

/// In which respect two objects may collide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Respect {
    Proxy,
    Upn,
    Anchor,
    Sid,
    Device,
    CollationUpn,
    CollationAccount,
    CollationNickname,
}

impl Respect {
    fn lint(self) -> &'static str {
        match self {
            Respect::Proxy => "proxy-duplicate-with",
            Respect::Upn => "upn-duplicate-with",
            Respect::Anchor => "anchor-duplicate-with",
            Respect::Sid => "sid-duplicate-with",
            Respect::Device => "device-duplicate-with",
            Respect::CollationUpn | Respect::CollationAccount | Respect::CollationNickname => COLLATION,
        }
    }

    fn is_collation(self) -> bool {
        self.lint() == COLLATION
    }
}

/// A keyed hash of a value in one respect, and of the object that has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    respect: Respect,
    group: u32,
    group_rest: u32,
    value: u64,
    who: u64,
}

/// Marks of all observers.
pub struct Marks {
    hasher: RandomState,
    marks: Vec<Mark>,
}

impl Default for Marks {
    fn default() -> Self {
        Marks { hasher: RandomState::new(), marks: Vec::new() }
    }
}

/// Sees the records of one dataset.
pub struct Observer<'s> {
    shape: &'static Shape,
    paths: [Member; MEMBERS.len()],
    suffixes: &'s Suffixes,
    hasher: RandomState,
    marks: Vec<Mark>,
}

/// What an observer saw of a record: where it belongs, and its draft.
pub type Draft = (Vec<u8>, Redacted);

impl Marks {
    /// An observer for a dataset; `None` if its records are no objects of the directory.
    pub fn observer<'s>(&self, dataset: &str, suffixes: &'s Suffixes) -> Option<Observer<'s>> {
        let shape = SHAPES.iter().find(|shape| shape.dataset == dataset)?;
        Some(Observer {
            shape,
            paths: MEMBERS.map(Member::new),
            suffixes,
            hasher: self.hasher.clone(),
            marks: Vec::new(),
        })
    }

    /// Takes over what an observer marked.
    pub fn take(&mut self, observer: Observed) {
        self.marks.extend(observer.0);
    }
}

/// The marks of a finished observer.
pub struct Observed(Vec<Mark>);

impl Observer<'_> {
    /// Sees a raw record. `None` where nothing of it may be told, or it has no id.
    pub fn see(&mut self, raw: &Raw, render: &mut dyn Render) -> Result<Option<Draft>> {
        let mut entity = Entity { kind: self.shape.kind.to_owned(), ..Entity::default() };
        let mut pending: Vec<(Respect, String, String)> = Vec::new();
        let mut id = String::new();
        let all = Values(Member::values_of(&self.paths, raw.bytes()));
        for (role, kind, names) in self.shape.fields {
            for value in all.of(names).1 {
                let Some(treated) = treated(render, *kind, value, *role) else { continue };
                if *role == Role::Guid || (id.is_empty() && *role == Role::Upn) {
                    id = format!("{}{}", if *role == Role::Guid { "" } else { "~" }, treated.0);
                }
                self.lints(*role, value, &mut entity.lint, &mut pending);
                match role {
                    Role::Guid => entity.guid = Some(treated),
                    Role::Sid => entity.sid = Some(treated),
                    Role::Anchor => entity.anchor = Some(treated),
                    Role::Device => entity.device = Some(treated),
                    Role::Upn => entity.upn = Some(treated),
                    Role::Mail => entity.mail = Some(treated),
                    Role::Account => entity.account = Some(treated),
                    Role::Nickname => entity.nickname = Some(treated),
                    Role::Name => entity.name = Some(treated),
                    Role::Proxy => {
                        entity.proxies.insert(treated);
                    }
                }
                if *role != Role::Proxy {
                    break;
                }
            }
        }
        if id.is_empty() {
            return Ok(None);
        }
        self.flags(&all, &mut entity.flags);
        let who = self.hasher.hash_one(id.as_bytes());
        for (respect, group, value) in pending {
            let group = self.hasher.hash_one((respect, &group));
            let (high, low) = ((group >> 32) as u32, group as u32);
            let value = self.hasher.hash_one(value);
            self.marks.push(Mark { respect, group: high, group_rest: low, value, who });
        }
        let draft = Raw::new(Vec::new(), Form::Json).rewrite(|_, _, out| {
            serde_json::to_writer(out, &entity)
                .map_err(|_| Error::new(error::Kind::Internal, "cannot set an entity aside"))
        })?;
        Ok(Some((id.into_bytes(), draft)))
    }

    /// Ends observing.
    pub fn finish(self) -> Observed {
        Observed(self.marks)
    }

    fn lints(
        &self,
        role: Role,
        value: &str,
        lint: &mut BTreeSet<String>,
        pending: &mut Vec<(Respect, String, String)>,
    ) {
        let rule: Option<Rule> = match role {
            Role::Upn => Some(lints::UPN),
            Role::Mail => Some(lints::MAIL),
            Role::Account => Some(lints::ACCOUNT),
            Role::Nickname => Some(lints::NICKNAME),
            Role::Proxy => Some(lints::PROXY),
            Role::Name if self.shape.kind == "device" => Some(lints::HOST),
            Role::Name => Some(lints::NAME),
            Role::Guid | Role::Sid | Role::Anchor | Role::Device => None,
        };
        if let Some(rule) = rule {
            lint.extend(lints::of(rule, value));
        }
        if role == Role::Upn && self.suffixes.misses(value) {
            lint.insert("suffix-not-verified:upn".to_owned());
        }
        let folded = canon(value);
        let mut mark = |respect, group: String| pending.push((respect, group, folded.clone()));
        match role {
            Role::Proxy => mark(Respect::Proxy, folded.clone()),
            Role::Upn => {
                mark(Respect::Upn, folded.clone());
                mark(Respect::CollationUpn, lints::collation(value));
            }
            Role::Account => mark(Respect::CollationAccount, lints::collation(value)),
            Role::Nickname => mark(Respect::CollationNickname, lints::collation(value)),
            // Anchors tell upper from lower case.
            Role::Anchor => mark(Respect::Anchor, value.trim().to_owned()),
            Role::Sid => mark(Respect::Sid, folded.clone()),
            Role::Device => mark(Respect::Device, folded.clone()),
            Role::Guid | Role::Mail | Role::Name => {}
        }
    }

    fn flags(&self, all: &Values, flags: &mut BTreeSet<String>) {
        let yes = |value: &str| value.eq_ignore_ascii_case("true");
        let mut flag = |name: &str| flags.insert(name.to_owned());
        if let Some((_, value)) = all.first(&["userType"]).filter(|_| self.shape.kind == "user") {
            flag(if value.eq_ignore_ascii_case("guest") { "guest" } else { "member" });
        }
        if let Some((_, value)) = all.first(SYNCED) {
            flag(if yes(value) { "synced" } else { "cloud" });
        }
        if let Some((at, value)) = all.first(ENABLED) {
            // `BlockCredential` says the opposite.
            flag(if yes(value) == (at == 0) { "enabled" } else { "disabled" });
        }
        if all.first(&["mailEnabled"]).is_some_and(|(_, value)| yes(value)) {
            flag("mail-enabled");
        }
        if self.shape.deleted {
            flag("deleted");
        }
    }
}

/// A name that the policy keeps (of a group, say) is text in which a person may stand: in records it is
/// scanned, here it is left out.
fn treated(render: &mut dyn Render, kind: Kind, value: &str, role: Role) -> Option<Treated> {
    if value.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    match render.render(kind, value, &mut out) {
        Rendered::Kept if role == Role::Name => None,
        Rendered::Kept => Some(Treated(value.to_owned())),
        Rendered::Replaced => String::from_utf8(out).ok().map(Treated),
        Rendered::Dropped | Rendered::Scan => None,
    }
}

/// Objects that share a value in one respect.
struct Group {
    lint: &'static str,
    /// Hash of the value and of the object.
    members: Vec<(u64, u64)>,
    /// Number of the object and hash of its value, the smallest numbers of each value.
    first: Vec<(u64, u64)>,
}

/// Makes the lines of drafts that come in the order of their keys, twice: once to number the objects
/// ([`Lines::number`], then [`Lines::numbered`]), once to write them ([`Lines::line`]).
pub struct Lines {
    hasher: RandomState,
    groups: Vec<Group>,
    /// Object → its groups, with the hash of its value.
    partners: HashMap<u64, Vec<(usize, u64)>>,
    numbers: HashMap<u64, u64>,
    last: Vec<u8>,
    count: u64,
    open: Option<(Vec<u8>, Entity)>,
}

impl Lines {
    /// Looks for objects that share a value.
    pub fn new(mut marks: Marks) -> Lines {
        marks.marks.sort_unstable();
        marks.marks.dedup();
        let mut groups = Vec::new();
        let mut partners: HashMap<u64, Vec<(usize, u64)>> = HashMap::new();
        let same =
            |a: &Mark, b: &Mark| (a.respect, a.group, a.group_rest) == (b.respect, b.group, b.group_rest);
        for group in marks.marks.chunk_by(same) {
            let Some(first) = group.first() else { continue };
            let differ = |by: fn(&Mark) -> u64| group.iter().any(|mark| by(mark) != by(first));
            if !differ(|mark| mark.who) || (first.respect.is_collation() && !differ(|mark| mark.value)) {
                continue;
            }
            for mark in group {
                partners.entry(mark.who).or_default().push((groups.len(), mark.value));
            }
            let members = group.iter().map(|mark| (mark.value, mark.who)).collect();
            groups.push(Group { lint: first.respect.lint(), members, first: Vec::new() });
        }
        Lines {
            hasher: marks.hasher,
            groups,
            partners,
            numbers: HashMap::new(),
            last: Vec::new(),
            count: 0,
            open: None,
        }
    }

    /// Numbers the object of the next draft.
    pub fn number(&mut self, key: &[u8]) {
        if self.count > 0 && self.last == key {
            return;
        }
        self.count += 1;
        self.last = key.to_vec();
        let who = self.hasher.hash_one(key);
        if self.partners.contains_key(&who) {
            self.numbers.insert(who, self.count);
        }
    }

    /// Ends numbering.
    pub fn numbered(&mut self) {
        self.count = 0;
        for group in &mut self.groups {
            let mut all: Vec<(u64, u64)> = std::mem::take(&mut group.members)
                .into_iter()
                .filter_map(|(value, who)| Some((*self.numbers.get(&who)?, value)))
                .collect();
            all.sort_unstable();
            let mut seen: HashMap<u64, usize> = HashMap::new();
            all.retain(|(_, value)| {
                let count = seen.entry(*value).or_default();
                *count += 1;
                *count <= MOST_DUPLICATES + 1
            });
            group.first = all;
        }
    }

    /// The lints that name other objects.
    fn duplicates(&self, key: &[u8], own: u64, lint: &mut BTreeSet<String>) {
        let mut by: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for (group, value) in self.partners.get(&self.hasher.hash_one(key)).into_iter().flatten() {
            let group = &self.groups[*group];
            let collation = group.lint == COLLATION;
            let others = group.first.iter().filter(|(e, other)| *e != own && !(collation && other == value));
            by.entry(group.lint).or_default().extend(others.take(MOST_DUPLICATES).map(|(e, _)| *e));
        }
        for (name, numbers) in by {
            lint.extend(numbers.into_iter().take(MOST_DUPLICATES).map(|e| format!("{name}:{e}")));
        }
    }

    /// Takes the next draft and gives the line before it where that is complete.
    pub fn line(&mut self, key: &[u8], draft: &Redacted) -> Result<Option<Entity>> {
        let entity: Entity = serde_json::from_slice(draft.bytes())
            .map_err(|_| Error::new(error::Kind::Internal, "an entity that was set aside cannot be read"))?;
        if let Some((open, known)) = &mut self.open
            && open == key
        {
            join(known, entity);
            return Ok(None);
        }
        let done = self.finish();
        self.count = done.as_ref().map_or(1, |entity| entity.e + 1);
        self.open = Some((key.to_vec(), Entity { e: self.count, ..entity }));
        Ok(done)
    }

    /// The last line.
    pub fn finish(&mut self) -> Option<Entity> {
        let (key, mut entity) = self.open.take()?;
        if let (Some(upn), Some(mail)) = (&entity.upn, &entity.mail)
            && !upn.0.eq_ignore_ascii_case(&mail.0)
        {
            entity.lint.insert("upn-ne-mail".to_owned());
        }
        if let (Some(upn), Some(account)) = (&entity.upn, &entity.account)
            && !upn.0.split('@').next().is_some_and(|prefix| prefix.eq_ignore_ascii_case(&account.0))
        {
            entity.lint.insert("sam-ne-upn-prefix".to_owned());
        }
        self.duplicates(&key, entity.e, &mut entity.lint);
        // Closed words and numbers only; what is none is not told.
        entity.lint.retain(|lint| Label::new(lint.as_str()).is_ok());
        Some(entity)
    }
}

/// One object may come in several shapes (Graph, PowerShell), each with other members.
fn join(known: &mut Entity, other: Entity) {
    for (own, theirs) in [
        (&mut known.guid, other.guid),
        (&mut known.sid, other.sid),
        (&mut known.anchor, other.anchor),
        (&mut known.device, other.device),
        (&mut known.upn, other.upn),
        (&mut known.mail, other.mail),
        (&mut known.account, other.account),
        (&mut known.nickname, other.nickname),
        (&mut known.name, other.name),
    ] {
        if own.is_none() {
            *own = theirs;
        }
    }
    known.proxies.extend(other.proxies);
    known.flags.extend(other.flags);
    known.lint.extend(other.lint);
}

#[cfg(test)]
mod tests;
