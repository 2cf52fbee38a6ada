//! From a row of the request table to an address. GET is the only method there is.

use crate::catalogue::graph::Row;
use crate::http::Address;
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;
use url::Url;

/// Records a page after so many halvings of too large an answer.
const SMALLER: [u32; 4] = [1_000, 500, 250, 100];

/// How far back metrics may be asked (serviceActivity: 30 days), less some time for the request.
const METRICS_KEPT: SignedDuration = SignedDuration::from_mins(30 * 24 * 60 - 15);

/// What is asked of a dataset besides its row.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Start of the time window.
    pub from: Option<Timestamp>,
    /// End of the time window, exclusive.
    pub to: Option<Timestamp>,
    /// Conditions of the scope, joined by `and`.
    pub conditions: Vec<String>,
}

/// How much of a query is sent: what the service does not support is left out, step by step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plainness(pub u8);

impl Plainness {
    /// The plainest query.
    pub const LAST: Plainness = Plainness(3);

    fn ordered(self) -> bool {
        self.0 < 1
    }

    fn selected(self) -> bool {
        self.0 < 2
    }

    fn filtered(self) -> bool {
        self.0 < 3
    }
}

/// The first page of `row` in the window `[from, to)`, of one parent where it has parents.
pub fn address(
    base: &Address,
    row: &Row,
    conditions: &[String],
    window: (Option<Timestamp>, Option<Timestamp>),
    parent: Option<&str>,
    shape: (Plainness, u8),
) -> Url {
    let (plain, smaller) = shape;
    let mut url = base.url().clone();
    let mut path = format!("{}/{}", url.path().trim_end_matches('/'), row.version);
    path.push_str(&filled(&in_window(&row.path, window), parent));
    url.set_path(&path);
    let mut query: Vec<(&str, String)> = Vec::new();
    let mut filter: Vec<String> = Vec::new();
    let instant = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string();
    if let Some(log) = &row.window {
        if let Some(from) = window.0 {
            filter.push(match log.strict {
                true => {
                    let before = from.checked_sub(SignedDuration::from_millis(1)).unwrap_or(from);
                    format!("{} gt {}", log.field, instant(before))
                }
                false => format!("{} ge {}", log.field, instant(from)),
            });
        }
        filter.extend(window.1.map(|to| format!("{} lt {}", log.field, instant(to))));
    } else if let (Some(field), Some(from)) = (&row.since, window.0) {
        filter.push(format!("{field} ge {}", instant(from)));
    }
    filter.extend(row.filter.clone());
    filter.extend(conditions.iter().cloned());
    // Without its fixed condition a dataset would be another one.
    if !filter.is_empty() && (plain.filtered() || row.filter.is_some()) {
        query.push(("$filter", filter.join(" and ")));
    }
    if let Some(log) = row.window.as_ref().filter(|_| plain.ordered()) {
        query.push(("$orderby", log.field.clone()));
    }
    query.extend(row.top.map(|top| ("$top", top.min(SMALLER[usize::from(smaller.min(3))]).to_string())));
    if plain.selected() {
        query.extend(row.select.clone().map(|select| ("$select", select)));
        query.extend(row.expand.clone().map(|expand| ("$expand", expand)));
    }
    if row.count {
        query.push(("$count", "true".into()));
    }
    let mut text = String::new();
    for (name, value) in query {
        let _ = write!(text, "{}{name}={}", if text.is_empty() { "" } else { "&" }, encoded(&value));
    }
    url.set_query((!text.is_empty()).then_some(text.as_str()));
    url
}

/// The path with the ends of the window in it. A metric is kept so long, and asked no further back.
fn in_window(path: &str, (from, to): (Option<Timestamp>, Option<Timestamp>)) -> String {
    let Some(to) = to else { return path.to_owned() };
    let earliest = to.checked_sub(METRICS_KEPT).unwrap_or(to);
    let from = from.map_or(earliest, |from| from.max(earliest));
    let second = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    path.replace("{from}", &second(from)).replace("{to}", &second(to))
}

/// The path with its holes filled.
fn filled(path: &str, parent: Option<&str>) -> String {
    let Some(parent) = parent else { return path.to_owned() };
    // A grandchild's parent is `parent/child`.
    let mut ids = parent.split('\u{1f}');
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push_str(&encoded(ids.next().unwrap_or_default()));
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// Percent encoding of everything but what is plain in every part of an address; a space is `%20`,
/// because Graph does not take `+` for one everywhere.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b','
            | b':'
            | b'('
            | b')' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The address of the next page, if it leads to the same service: another host would receive the token.
pub fn next(base: &Address, link: &str) -> Option<Url> {
    let (url, own) = (Url::parse(link).ok()?, base.url());
    let same = url.scheme() == own.scheme()
        && url.host() == own.host()
        && url.port_or_known_default() == own.port_or_known_default()
        && url.username().is_empty()
        && url.password().is_none();
    let version = url.path().strip_prefix(own.path().trim_end_matches('/'))?;
    (same && (version.starts_with("/v1.0/") || version.starts_with("/beta/"))).then_some(url)
}

/// Resource units that a request costs in the directory bucket (throttling documentation).
pub fn cost(row: &Row) -> u32 {
    let path = row.path.as_str();
    let base: u32 = match path {
        _ if path.ends_with("/transitiveMembers") => 5,
        "/contracts" | "/subscribedSkus" => 3,
        _ if path.ends_with("/members") && path.starts_with("/groups") => 3,
        "/users" | "/applications" | "/oauth2PermissionGrants" => 2,
        _ if path.ends_with("/extensionProperties") || path.ends_with("/appRoleAssignments") => 2,
        _ => 1,
    };
    (base + u32::from(row.expand.is_some())).saturating_sub(u32::from(row.select.is_some())).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::graph::Requests;

    fn base() -> Address {
        Address::parse("https://graph.microsoft.com").unwrap()
    }

    fn of(id: &str, parent: Option<&str>, plain: u8) -> String {
        let row = Requests::builtin().row(id).unwrap();
        let time = |text: &str| Some(text.parse().unwrap());
        let window = (time("2026-11-13T00:00:00Z"), time("2026-11-20T12:30:00.5Z"));
        let conditions = ["userId eq 'a b'".to_owned()];
        let conditions = if row.window.is_some() { &conditions[..] } else { &[] };
        address(&base(), row, conditions, window, parent, (Plainness(plain), 0)).to_string()
    }

    #[test]
    fn queries_are_what_the_documentation_asks_for() {
        assert_eq!(
            of("signins_interactive_user", None, 0),
            "https://graph.microsoft.com/beta/auditLogs/signIns?$filter=createdDateTime%20ge%202026-11-13T00:00:00Z\
             %20and%20createdDateTime%20lt%202026-11-20T12:30:00.5Z%20and%20signInEventTypes%2Fany(t:%20t%20eq%20\
             %27interactiveUser%27)%20and%20userId%20eq%20%27a%20b%27&$orderby=createdDateTime&$top=1000"
        );
        assert!(
            of("provisioning_logs", None, 0).contains("activityDateTime%20gt%202026-11-12T23:59:59.999Z")
        );
        assert!(
            of("users", None, 0).contains("&$select=id,") && of("users", None, 0).contains("$count=true")
        );
        assert_eq!(
            of("group_owners", Some("a/../b"), 0).split('?').next().unwrap(),
            "https://graph.microsoft.com/v1.0/groups/a%2F..%2Fb/owners"
        );
        assert!(
            of("sync_job_schema", Some("sp\u{1f}job"), 0).ends_with("/sp/synchronization/jobs/job/schema")
        );
        assert_eq!(
            of("activity_mfa_failure", None, 0).split("/reports").nth(1).unwrap(),
            "/serviceActivity/getMetricsForMfaSignInFailure(inclusiveIntervalStartDateTime=2026-11-13T00:00:00Z,\
             exclusiveIntervalEndDateTime=2026-11-20T12:30:00Z,aggregationIntervalInMinutes=15)"
        );
        assert!(of("hybrid_agents", Some("provisioning"), 0).contains("/provisioning/agents?"));
    }

    #[test]
    fn a_plainer_query_loses_order_then_selection_then_filter_but_never_what_makes_the_dataset() {
        assert!(!of("directory_audits", None, 1).contains("$orderby"));
        assert!(!of("users", None, 2).contains("$select"));
        assert!(!of("directory_audits", None, 3).contains("$filter"));
        assert!(of("signins_managed_identity", None, 3).contains("managedIdentity"));
    }

    #[test]
    fn only_the_same_service_gets_the_token() {
        for good in
            ["https://graph.microsoft.com/v1.0/users?$skiptoken=x", "https://graph.microsoft.com:443/beta/x"]
        {
            assert!(next(&base(), good).is_some(), "{good}");
        }
        for bad in [
            "https://graph.microsoft.com.evil.example/v1.0/users",
            "http://graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:8443/v1.0/users",
            "https://evil@graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com/other/users",
            "/v1.0/users",
            "null",
            "",
        ] {
            assert!(next(&base(), bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn costs_are_the_documented_ones() {
        let cost = |id: &str| super::cost(Requests::builtin().row(id).unwrap());
        assert_eq!((cost("users"), cost("group_members"), cost("subscribed_skus")), (1, 2, 3));
        assert_eq!((cost("organization"), cost("role_assignments")), (1, 2));
    }
}
