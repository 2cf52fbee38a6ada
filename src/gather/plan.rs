//! What a collection would give before it begins: per dataset whether it can be read, what stands in
//! the way and what would remove it, how long it takes, and the better way where there is one.
//!
//! Nothing here asks the service; what is known of the tenant is given. A figure that was not counted
//! or measured is `None`, never a guess.

use crate::catalogue::first_party;
use crate::catalogue::graph::{Bucket, Licence, Row};
use crate::catalogue::permission::{self, Given, Set};
use crate::event::Reason;
use crate::source::auth::Claims;
use crate::source::graph::documented;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Records of a portal download at most (howto-download-logs).
const PORTAL_RECORDS: u64 = 250_000;
/// Records on a page where the row names no other number (Graph: signIn list).
const PAGE: u64 = 100;

/// What is known of a tenant and of who signed in.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What the token allows; `None`: nobody signed in.
    pub claims: Option<Claims>,
    /// The best licence that the tenant holds; `None`: not known.
    pub licence: Option<Licence>,
    /// The cloud's id.
    pub cloud: String,
    /// Start of the window.
    pub from: Option<Timestamp>,
    /// The present.
    pub now: Timestamp,
}

/// Records of a dataset, if somebody counted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "source", content = "records")]
pub enum Count {
    /// The service counted them.
    Counted(u64),
    /// Extrapolated from the newest hour that was read.
    Sampled(u64),
}

impl Count {
    /// The number itself.
    pub const fn records(self) -> u64 {
        match self {
            Count::Counted(records) | Count::Sampled(records) => records,
        }
    }
}

/// A verdict on a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The dataset.
    pub dataset: String,
    /// Why it will not be collected, or not whole; `None`: nothing is known to stand in the way.
    pub reason: Option<Reason>,
    /// The one permission that would add it.
    pub add_permission: Option<String>,
    /// The directory role that a person needs beside the permission.
    pub role: Option<String>,
    /// The licence under which the service answers, where the tenant lacks it.
    pub licence: Option<Licence>,
    /// Days that the service keeps it under the tenant's licence, where the window reaches further.
    pub kept_days: Option<u32>,
    /// Records, if known.
    pub count: Option<Count>,
    /// Requests, if the records are known.
    pub requests: Option<u64>,
    /// Bytes, if the records are known and some were read: records times their mean size. An estimate.
    pub estimated_bytes: Option<u64>,
    /// Seconds that the throttle makes it take at least, if the requests are known.
    pub seconds: Option<u64>,
    /// The better way, where there is one.
    pub instead: Option<Route>,
    /// Further ways, where the tenant sends its logs there.
    pub further: Vec<Route>,
}

/// A way to get logs past Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Download in the portal: any edition, up to 250,000 records.
    Portal,
    /// The storage account of the diagnostic settings.
    StorageArchive,
    /// Export of a Log Analytics workspace.
    LogAnalytics,
    /// Files that Event Hubs captured.
    EventHubsCapture,
}

impl Route {
    /// What to do, in order.
    pub const fn steps(self) -> &'static [&'static str] {
        match self {
            Route::Portal => &[
                "Entra admin center > Monitoring & health > the log > set the time filter",
                "Download > JSON (each kind of sign-in is a file of its own)",
                "entra-bundle collect --input DOWNLOADS",
            ],
            Route::StorageArchive => &[
                "Entra admin center > Diagnostic settings: is the log sent to a storage account?",
                "copy its container insights-logs-… for the hours of the incident (azcopy, Storage Explorer)",
                "entra-bundle collect --input COPY",
            ],
            Route::LogAnalytics => &[
                "Log Analytics workspace > Logs > the table, for the time of the incident",
                "Export > CSV (all columns)",
                "entra-bundle collect --input EXPORT",
            ],
            Route::EventHubsCapture => &[
                "Entra admin center > Diagnostic settings: is the log sent to an event hub with Capture on?",
                "copy the .avro files of the hours of the incident from the capture's storage container",
                "entra-bundle collect --input CAPTURES (a build with --features avro)",
            ],
        }
    }
}

/// Judges a dataset. `count` and the mean size of a record (bytes) are `None` where nobody knows them,
/// `most` is how long a dataset may take before another way is better.
pub fn decide(
    row: &Row,
    known: &Known,
    (count, size): (Option<Count>, Option<f64>),
    most: SignedDuration,
) -> Decision {
    let given = match &known.claims {
        Some(claims) if !claims.is_delegated() => Given::Application,
        _ => Given::Delegated,
    };
    let (requests, seconds) = effort(row, count);
    let mut decision = Decision {
        dataset: row.id.clone(),
        reason: None,
        add_permission: None,
        role: None,
        licence: None,
        kept_days: None,
        count,
        requests,
        estimated_bytes: count.zip(size).map(|(count, size)| (count.records() as f64 * size) as u64),
        seconds,
        instead: None,
        further: Vec::new(),
    };
    if row.absent.contains(&known.cloud) {
        decision.reason = Some(Reason::Cloud);
        return decision;
    }
    if let Some(claims) = &known.claims {
        if row.delegated_only && given == Given::Application {
            decision.reason = Some(Reason::DelegatedOnly);
            decision.role = Some(row.role.clone());
            return decision;
        }
        if !permission::allows(&claims.permissions(), row, given) {
            decision.reason = Some(Reason::Permission);
            decision.add_permission = permission::of_row(row, given, Set::Minimal).map(str::to_owned);
        }
        if given == Given::Delegated && !may_be_a_member(&row.role) && !holds_role(claims, &row.role) {
            decision.role = Some(row.role.clone());
            // A token that names roles names all of them.
            if !claims.wids.is_empty() {
                decision.reason.get_or_insert(Reason::Permission);
            }
        }
    }
    if known.licence.is_some_and(|held| !covers(held, row.licence)) {
        decision.reason.get_or_insert(Reason::Licence);
        decision.licence = Some(row.licence);
        decision.instead = is_log(row).then_some(Route::Portal);
    }
    if let (Some(from), Some(days)) = (known.from, kept(row, known.licence)) {
        let reaches = known.now.duration_since(from) > SignedDuration::from_hours(i64::from(days) * 24);
        decision.kept_days = reaches.then_some(days);
    }
    if is_log(row)
        && seconds.is_some_and(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX) > most.as_secs())
    {
        let fits = count.is_some_and(|count| count.records() <= PORTAL_RECORDS);
        decision.instead.get_or_insert(if fits { Route::Portal } else { Route::StorageArchive });
    }
    if decision.kept_days.is_some() {
        // What the service no longer keeps may be in an archive of the customer's own.
        decision.instead.get_or_insert(Route::LogAnalytics);
    }
    if is_log(row) && decision.instead.is_some_and(|route| route != Route::Portal) {
        let all = [Route::StorageArchive, Route::LogAnalytics, Route::EventHubsCapture];
        decision.further = all.into_iter().filter(|route| decision.instead != Some(*route)).collect();
    }
    decision
}

/// Requests and seconds at the documented limits.
fn effort(row: &Row, count: Option<Count>) -> (Option<u64>, Option<u64>) {
    let records = match count {
        Some(count) => count.records(),
        None if row.single => 1,
        None => return (None, None),
    };
    let page = row.top.map_or(PAGE, u64::from);
    let requests = records.div_ceil(page).max(1);
    let seconds = documented(row.bucket).filter(|_| row.bucket != Bucket::Directory).map(|limit| {
        let rate = f64::from(limit.units) / limit.period.as_secs_f64();
        (requests as f64 / rate).ceil() as u64
    });
    (Some(requests), seconds.or(Some(requests.div_ceil(8))))
}

fn is_log(row: &Row) -> bool {
    row.window.is_some()
}

/// Any member of the tenant may read it.
fn may_be_a_member(role: &str) -> bool {
    role.contains("default member") || role == "member"
}

/// Whether the signed-in user holds one of the roles that a row names. Where a row says so, not even
/// the roles that read everything else are enough.
fn holds_role(claims: &Claims, named: &str) -> bool {
    let all_readers = !named.to_ascii_lowercase().contains("not enough");
    let named = if all_readers { named } else { named.split(" (").next().unwrap_or(named) };
    claims.wids.iter().filter_map(|id| first_party::name_of_id(id)).any(|held| {
        named.contains(held)
            || all_readers && held == "Global Administrator"
            || named.contains("any admin") && held.ends_with("Administrator")
    })
}

fn covers(held: Licence, needed: Licence) -> bool {
    match needed {
        Licence::Workload => held == Licence::Workload,
        _ => held >= needed,
    }
}

/// Days that the service keeps a log under a licence, where it is known.
pub fn kept(row: &Row, licence: Option<Licence>) -> Option<u32> {
    let edition = match licence? {
        Licence::Free => "free",
        Licence::P1 => "p1",
        Licence::P2 | Licence::Workload => "p2",
    };
    row.retention_days.get(edition).copied()
}

/// The best licence that service plans of `subscribedSkus` stand for (plan names as in the licensing
/// reference of Microsoft).
pub fn licence_of<'p>(plans: impl IntoIterator<Item = &'p str>) -> Licence {
    plans.into_iter().fold(Licence::Free, |best, plan| {
        best.max(match plan {
            "AAD_PREMIUM_P2" => Licence::P2,
            "AAD_PREMIUM" => Licence::P1,
            _ => Licence::Free,
        })
    })
}

#[cfg(test)]
mod tests;
