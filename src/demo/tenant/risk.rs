//! Risk detections and risky users. Every type of the documented anomalous-activity table occurs,
//! and every detection of a sign-in carries the ids of that sign-in.

use super::Tenant;
use super::clock::{utc, utc_ticks};
use super::events::Event;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `riskEventType`, the report of the anomalous-activity table that it stands for, and the timing.
pub const TYPES: [(&str, &str, &str); 8] = [
    ("anonymizedIPAddress", "sign-ins from unknown sources", "realtime"),
    ("unfamiliarFeatures", "sign-ins from unfamiliar locations", "realtime"),
    ("unlikelyTravel", "irregular sign-in activity", "offline"),
    ("malwareInfectedIPAddress", "sign-ins from possibly infected devices", "offline"),
    ("leakedCredentials", "users with leaked credentials", "offline"),
    ("maliciousIPAddress", "sign-ins from addresses with suspicious activity", "offline"),
    ("suspiciousIPAddress", "sign-ins from addresses with suspicious activity", "offline"),
    ("mcasImpossibleTravel", "users with anomalous sign-in activity", "offline"),
];

impl Tenant {
    fn detections(&self) -> Vec<(Event<'_>, usize)> {
        let mut all: Vec<_> = self
            .risky_sign_ins()
            .map(|index| {
                let event = self.event(index);
                let kind = event.risk.unwrap_or(0);
                (event, kind)
            })
            .collect();
        all.push((self.guessed(), 6));
        let (_, second) = self.travelled();
        all.push((second, 7));
        all.sort_by_key(|(event, _)| (event.second, event.ticks));
        all
    }

    /// Risk detections in ascending order of their time.
    pub(super) fn risk_detections(&self) -> Vec<Value> {
        self.detections()
            .into_iter()
            .enumerate()
            .filter_map(|(at, (event, kind))| {
                let person = &self.directory.people[event.person?];
                let mut random = self.random("detection", at);
                let (name, _, timing) = TYPES[kind];
                let leaked = name == "leakedCredentials";
                let other = &self.tables.places[random.index(self.tables.places.len())];
                let detail = json!([
                    { "Key": "userAgent", "Value": event.agent.text },
                    { "Key": "alertUrl", "Value": null },
                    { "Key": "mitreTechniques", "Value": "T1078.004" },
                    { "Key": "relatedUserAgent", "Value": event.agent.text },
                    { "Key": "relatedLocation", "Value": { "city": other.city, "countryOrRegion": other.country,
                        "clientIP": person.home_address } }
                ]);
                Some(json!({
                    "id": random.hex::<32>(),
                    "requestId": if leaked { Value::Null } else { json!(event.id.to_string()) },
                    "correlationId": if leaked { Value::Null } else { json!(event.correlation.to_string()) },
                    "riskEventType": name, "riskState": "atRisk", "riskLevel": *random.pick(&["low", "medium",
                    "high"]), "riskDetail": "none",
                    "source": if name.starts_with("mcas") { "MicrosoftCloudAppSecurity" } else { "IdentityProtection" },
                    "detectionTimingType": timing,
                    "activity": if leaked { "user" } else { "signin" }, "tokenIssuerType": "AzureAD",
                    "ipAddress": if leaked { Value::Null } else { json!(event.address) },
                    "location": (!leaked).then(|| super::signins::location(event.place)),
                    "activityDateTime": utc_ticks(event.second, event.ticks),
                    "detectedDateTime": utc_ticks(event.second + 300, event.ticks),
                    "lastUpdatedDateTime": utc(event.second + 900),
                    "userId": person.id.to_string(), "userDisplayName": person.name,
                    "userPrincipalName": person.upn, "additionalInfo": detail.to_string(),
                }))
            })
            .collect()
    }

    /// Users with a risk, one record each.
    pub(super) fn risky_users(&self) -> Vec<Value> {
        let mut last: BTreeMap<usize, i64> = BTreeMap::new();
        for (event, _) in self.detections() {
            if let Some(person) = event.person {
                last.insert(person, event.second);
            }
        }
        last.into_iter()
            .map(|(at, second)| {
                let person = &self.directory.people[at];
                let state =
                    *self.random("risky user", at).pick(&["atRisk", "atRisk", "remediated", "dismissed"]);
                json!({ "id": person.id.to_string(), "userDisplayName": person.name,
                    "userPrincipalName": person.upn, "isDeleted": false, "isProcessing": false,
                    "riskLevel": if state == "atRisk" { "high" } else { "none" }, "riskState": state,
                    "riskDetail": match state { "remediated" => "userPerformedSecuredPasswordReset",
                    "dismissed" => "adminDismissedAllRiskForUser", _ => "none" },
                    "riskLastUpdatedDateTime": utc(second + 900) })
            })
            .collect()
    }
}
