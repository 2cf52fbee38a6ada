//! What the simulated tenant answers to a query: records, filtered, ordered, selected, paged.

use super::odata::Filter;
use crate::catalogue::graph::{Requests, Row};
use crate::catalogue::time;
use crate::demo::tenant::{SignInKind, Tenant};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The records of a tenant as Graph serves them.
pub struct Records {
    tenant: Tenant,
    lists: Mutex<HashMap<String, Arc<Vec<Value>>>>,
}

/// A query, decoded.
#[derive(Default)]
pub struct Query {
    /// `$filter`, parsed.
    pub filter: Option<Filter>,
    /// `$orderby` is given: ascending by time.
    pub ordered: bool,
    /// Records a page.
    pub top: usize,
    /// `$select`.
    pub select: Vec<String>,
    /// Where the page begins.
    pub skip: usize,
}

/// A page, and where the next one begins.
pub struct Slice {
    /// Its records.
    pub records: Vec<Value>,
    /// Start of the next page.
    pub next: Option<usize>,
    /// How many records there are in all.
    pub count: Option<usize>,
}

impl Records {
    /// The records of a tenant.
    pub fn new(tenant: Tenant) -> Self {
        Records { tenant, lists: Mutex::default() }
    }

    /// The rows whose path this is, and the ids in it.
    pub fn rows(version: &str, path: &str) -> Vec<(&'static Row, Vec<String>)> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |row: &'static Row| {
            let own: Vec<&str> = row.path.split('/').collect();
            let mut ids = Vec::new();
            let same = row.version == version
                && own.len() == parts.len()
                && own.iter().zip(&parts).all(|(own, part)| {
                    if own.starts_with('{') {
                        ids.push((*part).to_owned());
                    }
                    // A function: what it is called with does not choose the row.
                    let called = own.split_once('(').zip(part.split_once('('));
                    own.starts_with('{') || own == part || called.is_some_and(|(own, part)| own.0 == part.0)
                });
            same.then_some((row, ids))
        };
        Requests::builtin().rows().filter_map(fits).collect()
    }

    /// One user, by id or UPN.
    pub fn user(&self, name: &str) -> Option<Value> {
        let users = self.dataset("users");
        let is = |user: &&Value, member: &str| {
            user[member].as_str().is_some_and(|text| text.eq_ignore_ascii_case(name))
        };
        users.iter().find(|user| is(user, "id") || is(user, "userPrincipalName")).cloned()
    }

    /// Answers a query. `None`: there is no such object.
    pub fn slice(&self, row: &Row, ids: &[String], query: &Query) -> Option<Slice> {
        let mut slice = if row.path == "/auditLogs/signIns" {
            self.sign_ins(query)
        } else {
            let mut all = self.list(row, ids);
            if row.path == "/auditLogs/directoryAudits" {
                all = self.dataset("directory_audits");
            }
            if row.single {
                return all.first().map(|one| Slice { records: vec![one.clone()], next: None, count: None });
            }
            let takes = |record: &&Value| query.filter.as_ref().is_none_or(|filter| filter.takes(record));
            let mut found: Vec<&Value> = all.iter().filter(takes).collect();
            if row.window.is_some() && !query.ordered {
                found.reverse();
            }
            let top = query.top.max(1);
            let next = (query.skip + top < found.len()).then_some(query.skip + top);
            let count = Some(found.len());
            let records = found.into_iter().skip(query.skip).take(top).cloned().collect();
            Slice { records, next, count }
        };
        if !query.select.is_empty() {
            slice.records.iter_mut().for_each(|record| select(record, &query.select));
        }
        Some(slice)
    }

    /// Sign-ins are made one by one, so that a tenant of a million needs no memory for them.
    fn sign_ins(&self, query: &Query) -> Slice {
        let top = query.top.max(1);
        let all = self.tenant.scale().sign_ins;
        let kinds = kinds(query.filter.as_ref());
        let (first, last) = self.bounds(query.filter.as_ref());
        let mut records = Vec::new();
        let mut at = if query.skip > 0 { query.skip } else { first };
        while at < all.min(last) && records.len() < top {
            let index = if query.ordered { at } else { last - 1 - (at - first) };
            if kinds.contains(&self.tenant.sign_in_kind(index)) {
                let record = self.tenant.sign_in(index);
                if query.filter.as_ref().is_none_or(|filter| filter.takes(&record)) {
                    records.push(record);
                }
            }
            at += 1;
        }
        // An empty last page, as the service sends it too, is avoided where it is easy to know.
        let more = (at..last).any(|at| {
            let index = if query.ordered { at } else { last - 1 - (at - first) };
            kinds.contains(&self.tenant.sign_in_kind(index))
        });
        Slice { records, next: (at < last && more).then_some(at), count: None }
    }

    /// The sign-ins that can lie in the window of a filter.
    fn bounds(&self, filter: Option<&Filter>) -> (usize, usize) {
        let all = self.tenant.scale().sign_ins;
        let (mut first, mut last) = (0, all);
        for condition in filter.map(Filter::conjuncts).unwrap_or_default() {
            if let Filter::Compare(path, operator, Value::String(text)) = condition
                && path == &["createdDateTime"]
                && let Some(time) = time::parse(text)
            {
                let second = time.as_second();
                let before = |limit: i64| {
                    let (mut low, mut high) = (0, all);
                    while low < high {
                        let middle = low + (high - low) / 2;
                        if self.tenant.sign_in_second(middle) < limit {
                            low = middle + 1
                        } else {
                            high = middle
                        }
                    }
                    low
                };
                match operator.as_str() {
                    "ge" | "gt" => first = first.max(before(second)),
                    "lt" | "le" => last = last.min(before(second + 1)),
                    _ => {}
                }
            }
        }
        (first, last.max(first))
    }

    fn dataset(&self, id: &str) -> Arc<Vec<Value>> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(self.tenant.collection(id).unwrap_or_default());
        lists.entry(id.to_owned()).or_insert_with(made).clone()
    }

    fn list(&self, row: &Row, ids: &[String]) -> Arc<Vec<Value>> {
        match (row.id.as_str(), ids) {
            ("group_members", [group]) => Arc::new(self.members(group)),
            ("domain_federation" | "certificate_based_auth_configuration", _) => Arc::default(),
            (id, []) => self.dataset(id),
            _ => Arc::default(),
        }
    }

    /// Some users are members of each group: which ones is settled by the ids.
    fn members(&self, group: &str) -> Vec<Value> {
        let of = |text: &str| text.bytes().fold(0u32, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let users = self.dataset("users");
        let member =
            |user: &&Value| (of(user["id"].as_str().unwrap_or_default()) ^ of(group)).is_multiple_of(23);
        let shown = |user: &Value| {
            json!({"@odata.type": "#microsoft.graph.user", "id": user["id"],
                "displayName": user["displayName"], "userPrincipalName": user["userPrincipalName"]})
        };
        users.iter().filter(member).map(shown).collect()
    }
}

/// The kinds that a filter asks for; without one the service gives interactive sign-ins alone.
fn kinds(filter: Option<&Filter>) -> Vec<SignInKind> {
    let asked: Vec<SignInKind> = filter
        .map(Filter::conjuncts)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|condition| match condition {
            Filter::Any(path, inner) if path == &["signInEventTypes"] => match inner.as_ref() {
                Filter::Compare(_, _, Value::String(kind)) => {
                    SignInKind::ALL.into_iter().find(|known| known.event_type() == kind)
                }
                _ => None,
            },
            _ => None,
        })
        .collect();
    if asked.is_empty() { vec![SignInKind::Interactive] } else { asked }
}

fn select(record: &mut Value, members: &[String]) {
    if let Value::Object(all) = record {
        let kept: Map<String, Value> = std::mem::take(all)
            .into_iter()
            .filter(|(name, _)| name.starts_with('@') || members.iter().any(|member| member == name))
            .collect();
        *all = kept;
    }
}
