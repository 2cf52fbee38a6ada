//! Conditional Access: policies, named locations, and how policies apply to a sign-in.

use super::Tenant;
use super::clock::DAY;
use super::random::Guid;
use serde_json::{Value, json};

/// Name and state. One carries a person's name.
const POLICIES: [(&str, &str); 5] = [
    ("CA001 Require MFA for all users", "enabled"),
    ("CA002 Block legacy authentication", "enabled"),
    ("CA003 Require compliant device for Office 365", "enabled"),
    ("CA004 Exception for Rose May (ticket 4711)", "enabled"),
    ("CA005 Block sign-ins from other countries", "enabledForReportingButNotEnforced"),
];

/// Role template of Global Administrator, as Microsoft publishes it.
pub const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";

impl Tenant {
    fn policy_id(&self, at: usize) -> Guid {
        self.random("policy", at).guid()
    }

    /// The names of all policies.
    pub(super) fn policy_names() -> impl Iterator<Item = &'static str> {
        POLICIES.iter().map(|(name, _)| *name)
    }

    /// Id and name of a policy.
    pub(super) fn policy(&self, at: usize) -> (Guid, &'static str) {
        let at = at % POLICIES.len();
        (self.policy_id(at), POLICIES[at].0)
    }

    /// Conditional Access policies.
    pub(super) fn policies(&self) -> Vec<Value> {
        let directory = &self.directory;
        let group = |name: &str| {
            directory.groups.iter().find(|group| group.name == name).map(|group| group.id.to_string())
        };
        let rose = directory.people[directory.person("rose.may@contoso.com")].id.to_string();
        (0..POLICIES.len())
            .map(|at| {
                let all = at != 3;
                json!({
                    "id": self.policy_id(at).to_string(), "templateId": null, "displayName": POLICIES[at].0,
                    "state": POLICIES[at].1,
                    "createdDateTime": self.clock.ago_text(DAY * (300 - at as i64)),
                    "modifiedDateTime": self.clock.ago_text(DAY * (40 - at as i64)),
                    "conditions": {
                        "clientAppTypes": if at == 1 { json!(["exchangeActiveSync",
                        "other"]) } else { json!(["all"]) },
                        "userRiskLevels": [], "signInRiskLevels": [], "servicePrincipalRiskLevels": [],
                        "applications": { "includeApplications": if at == 2 { json!(["Office365"]) } else { json!(["All"]) },
                        "excludeApplications": [],
                            "includeUserActions": [], "includeAuthenticationContextClassReferences": [],
                            "applicationFilter": null },
                        "users": { "includeUsers": if all { json!(["All"]) } else { json!([rose]) },
                        "excludeUsers": if at == 0 { json!([rose]) } else { json!([]) },
                            "includeGroups": [], "excludeGroups": [group("CA-Exclude")], "includeRoles": [],
                            "excludeRoles": if at == 4 { json!([GLOBAL_ADMINISTRATOR]) } else { json!([]) },
                            "includeGuestsOrExternalUsers": null, "excludeGuestsOrExternalUsers": null },
                        "locations": if at == 4 { json!({ "includeLocations": ["All"],
                        "excludeLocations": [self.location_id(0).to_string()] }) } else { Value::Null },
                        "platforms": null, "devices": null, "clientApplications": null,
                    },
                    "grantControls": { "operator": "OR", "customAuthenticationFactors": [], "termsOfUse": [],
                        "builtInControls": match at { 0 => ["mfa"], 2 => ["compliantDevice"], _ => ["block"] } },
                    "sessionControls": null,
                })
            })
            .collect()
    }

    fn location_id(&self, at: usize) -> Guid {
        self.random("named location", at).guid()
    }

    /// Id and name of a named location.
    pub(super) fn location(&self) -> (Guid, &'static str) {
        (self.location_id(0), "Headquarters")
    }

    /// Named locations: address ranges and countries.
    pub(super) fn locations(&self) -> Vec<Value> {
        let range = |kind: &str, cidr: &str| {
            json!({ "@odata.type": format!("#microsoft.graph.{kind}CidrRange"),
            "cidrAddress": cidr })
        };
        let ip = |at: usize, name: &str, trusted: bool, ranges: Vec<Value>| {
            json!({ "@odata.type": "#microsoft.graph.ipNamedLocation", "id": self.location_id(at).to_string(),
                "displayName": name,
                "createdDateTime": self.clock.ago_text(400 * DAY), "modifiedDateTime": self.clock.ago_text(90 * DAY),
                "isTrusted": trusted, "ipRanges": ranges })
        };
        vec![
            ip(
                0,
                "Headquarters",
                true,
                vec![range("iPv4", "203.0.113.0/25"), range("iPv6", "2001:db8:10::/48")],
            ),
            ip(1, "Home of Grant Field", false, vec![range("iPv4", "198.51.100.77/32")]),
            json!({ "@odata.type": "#microsoft.graph.countryNamedLocation", "id": self.location_id(2).to_string(),
                "displayName": "Our countries",
                "createdDateTime": self.clock.ago_text(380 * DAY), "modifiedDateTime": self.clock.ago_text(380 * DAY),
                "countriesAndRegions": ["DE", "PT", "PL", "IE", "CH", "US", "BR", "JP", "SG"],
                "countryLookupMethod": "clientIpAddress", "includeUnknownCountriesAndRegions": false }),
        ]
    }

    /// How the policies applied to a sign-in.
    pub(super) fn applied_policies(&self, ok: bool, strong: bool, code: u32, user: bool) -> Value {
        if !user {
            return json!([]);
        }
        let result = |at: usize| match (at, code) {
            (0, 50074 | 50076) | (1, 53003) | (2, 53000 | 50097) => "failure",
            (0, _) if strong => "success",
            (4, _) if ok => "reportOnlyNotApplied",
            (4, _) => "reportOnlyInterrupted",
            _ => "notApplied",
        };
        (0..POLICIES.len())
            .map(|at| {
                let result = result(at);
                let controls: &[&str] = match (at, result) {
                    (0, "success" | "failure") => &["Mfa"],
                    (1, "failure") => &["Block"],
                    (2, "failure") => &["RequireCompliantDevice"],
                    _ => &[],
                };
                json!({ "id": self.policy_id(at).to_string(), "displayName": POLICIES[at].0,
                    "enforcedGrantControls": controls,
                    "enforcedSessionControls": [], "sessionControlsNotSatisfied": [], "result": result,
                    "conditionsSatisfied": if result == "notApplied" { "none" } else { "application,users" },
                    "conditionsNotSatisfied": if result == "notApplied" { "users" } else { "none" },
                    "includeRulesSatisfied": [], "excludeRulesSatisfied": [] })
            })
            .collect()
    }
}
