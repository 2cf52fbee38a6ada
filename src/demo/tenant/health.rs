//! Service health: overviews, issues (one is open), messages.

use super::Tenant;
use super::clock::DAY;
use serde_json::{Value, json};

const SERVICES: [(&str, &str); 5] = [
    ("Microsoft Entra", "MicrosoftEntra"),
    ("Exchange Online", "Exchange"),
    ("SharePoint Online", "SharePoint"),
    ("Microsoft Teams", "microsoftteams"),
    ("Microsoft Intune", "Intune"),
];

/// The metrics of service activity.
pub(super) const METRICS: [&str; 5] = [
    "activity_ca_compliant_devices",
    "activity_ca_managed_devices",
    "activity_mfa_failure",
    "activity_mfa_success",
    "activity_saml_success",
];

impl Tenant {
    /// Counts of the last day, in quarters of an hour.
    pub(super) fn activity(&self, metric: &str) -> Vec<Value> {
        let quarter = |at: i64| {
            let mut random = self.random(metric, usize::try_from(at).unwrap_or(0));
            json!({"intervalStartDateTime": self.clock.ago_text(DAY - at * 900), "value": random.below(40)})
        };
        (0..96).map(quarter).collect()
    }

    /// The state of every service.
    pub(super) fn health_overviews(&self) -> Vec<Value> {
        SERVICES
            .iter()
            .enumerate()
            .map(|(at, (service, id))| {
                json!({ "service": service, "id": id,
                    "status": if at == 0 { "serviceDegradation" } else { "serviceOperational" } })
            })
            .collect()
    }

    /// Issues: one open, two closed.
    pub(super) fn health_issues(&self) -> Vec<Value> {
        let issue = |id: &str, title: &str, text: &str, ago: i64, open: bool| {
            json!({
                "id": id, "title": title, "impactDescription": text, "service": "Microsoft Entra",
                "feature": "Sign-in", "featureGroup": "Authentication",
                "classification": if open { "incident" } else { "advisory" }, "origin": "microsoft",
                "status": if open { "investigating" } else { "serviceRestored" },
                "isResolved": !open, "startDateTime": self.clock.ago_text(ago),
                "endDateTime": if open { Value::Null } else { json!(self.clock.ago_text(ago - DAY)) },
                "lastModifiedDateTime": self.clock.ago_text(if open { 1_800 } else { ago - DAY }),
                "details": [{ "name": "NotifyInApp", "value": "True" }],
                "posts": [{ "createdDateTime": self.clock.ago_text(ago - 900), "postType": "regular",
                "description": { "contentType": "html",
                "content": format!("Title: {title}<br><br>User impact: {text}") } }],
            })
        };
        vec![
            issue(
                "EN1099001",
                "Some users may be unable to complete multifactor authentication",
                "Users may see errors when they approve a sign-in in Microsoft Authenticator.",
                7_200,
                true,
            ),
            issue(
                "EN1098733",
                "Delays in sign-in logs",
                "Admins may see sign-in logs later than expected.",
                5 * DAY,
                false,
            ),
            issue(
                "EN1098012",
                "Device registration failures",
                "Users may be unable to register devices.",
                12 * DAY,
                false,
            ),
        ]
    }

    /// One message of the message centre.
    pub(super) fn service_messages(&self) -> Vec<Value> {
        vec![json!({ "id": "MC1100001", "title": "Retirement of legacy MFA policies",
                "services": ["Microsoft Entra"], "category": "planForChange", "severity": "normal",
            "isMajorChange": true, "startDateTime": self.clock.ago_text(20 * DAY),
            "endDateTime": self.clock.ago_text(-60 * DAY), "lastModifiedDateTime": self.clock.ago_text(10 * DAY),
            "actionRequiredByDateTime": null, "hasAttachments": false, "tags": ["Admin impact"], "details": [],
            "viewPoint": null, "attachmentsArchive": null,
            "body": { "contentType": "html", "content": "<p>Migrate to the authentication methods policy.</p>" } })]
    }
}
