//! Provisioning logs: ServiceNow outbound, Workday inbound, cross-tenant synchronization. The steps
//! name people in prose, as the service does.

use super::Tenant;
use super::clock::{DAY, utc};
use super::people::Person;
use super::random::Random;
use serde_json::{Value, json};

/// A provisioning job.
struct Job {
    app: &'static str,
    prefix: &'static str,
    source: &'static str,
    target: &'static str,
}

const JOBS: [Job; 3] = [
    Job { app: "ServiceNow", prefix: "snowOutDelta", source: "Azure Active Directory", target: "ServiceNow" },
    Job { app: "Workday", prefix: "Workday2AD", source: "Workday", target: "Active Directory" },
    Job {
        app: "Fabrikam cross-tenant sync",
        prefix: "Azure2Azure",
        source: "Azure Active Directory",
        target: "Azure Active Directory (target tenant)",
    },
];

impl Tenant {
    /// Number of provisioning records: a fifth of the audits.
    fn provisioned(&self) -> usize {
        self.scale.audits / 5
    }

    /// Provisioning records in ascending order of time.
    pub(super) fn provisioning(&self) -> impl Iterator<Item = Value> + '_ {
        (0..self.provisioned()).map(|index| self.provisioning_record(index))
    }

    fn provisioning_record(&self, index: usize) -> Value {
        let mut random = self.random("provisioning", index);
        let directory = &self.directory;
        let job = &JOBS[index % JOBS.len()];
        let app = directory.app(job.app);
        let person = &directory.people[directory.anyone(&mut random)];
        // 0 success, 1 failure, 2 skipped; each job has all of them.
        let state = match (index / JOBS.len()) % 10 {
            7 => 1,
            8 | 9 => 2,
            _ => 0,
        };
        let action = *random.pick(&["create", "update", "update", "disable"]);
        let status = ["success", "failure", "skipped"][state];
        let external = if job.app == "Workday" {
            format!("WD-{}", person.employee)
        } else {
            format!("extid:{}", random.base64::<18>())
        };
        let (source_id, target_id) = match job.app {
            "Workday" => (
                external.clone(),
                person.on_premises.as_ref().map_or(String::new(), |on_premises| on_premises.guid.to_string()),
            ),
            _ => (person.id.to_string(), external.clone()),
        };
        let error = self.provisioning_error(state, job, person);
        let step = 7 * DAY / self.provisioned() as i64;
        let second = self.clock.ago(7 * DAY) + index as i64 * step + random.below(step.max(1) as u64) as i64;
        let job_id = format!(
            "{}.{}.{}",
            job.prefix,
            directory.tenant.plain(),
            self.random("job", index % JOBS.len()).guid()
        );
        json!({
            "id": random.guid().to_string(), "activityDateTime": utc(second),
            "tenantId": directory.tenant.to_string(), "jobId": job_id,
            "cycleId": self.random("cycle", index / 40).guid().to_string(), "changeId": random.guid().to_string(),
            "provisioningAction": action,
            "durationInMilliseconds": 200 + random.below(4_000), "initiatedBy": { "id": "",
            "displayName": "Azure AD Provisioning Service", "initiatorType": "system" },
            "servicePrincipal": { "id": app.principal.to_string(), "displayName": app.name },
            "sourceSystem": { "id": self.random("system", index % JOBS.len()).guid().to_string(),
            "displayName": job.source, "details": {} },
            "targetSystem": { "id": self.random("system", 10 + index % JOBS.len()).guid().to_string(),
            "displayName": job.target,
                "details": { "ApplicationId": app.app_id, "ServicePrincipalId": app.principal.to_string(),
                "ServicePrincipalDisplayName": app.name } },
            "sourceIdentity": { "id": source_id, "displayName": person.name,
            "identityType": if job.app == "Workday" { "Worker" } else { "User" },
                "details": { "id": person.id.to_string(), "odatatype": "User", "DisplayName": person.name,
                "UserPrincipalName": person.upn } },
            "targetIdentity": { "id": target_id, "displayName": person.name, "identityType": "User", "details": {} },
            "provisioningStatusInfo": { "status": status, "errorInformation": error },
            "provisioningSteps": self.provisioning_steps(state, job, person, &external),
            "modifiedProperties": self.provisioned_properties(person, state, &mut random),
        })
    }

    fn provisioning_error(&self, state: usize, job: &Job, person: &Person) -> Value {
        match state {
            1 => {
                json!({ "errorCode": format!("{}EntryConflict", job.app.split(' ').next().unwrap_or_default()),
                    "errorCategory": "nonServiceFailure",
                "reason": format!("Message: {} returned an error response with the HTTP status code 409. A user already exists with the name {}. This operation was retried 0 times.",
                job.target, person.upn),
                "additionalDetails": null, "recommendedAction": format!("Remove the conflicting user {} from {}",
                person.name, job.target) })
            }
            2 => {
                json!({ "errorCode": "NotEffectivelyEntitled", "errorCategory": "nonServiceFailure",
                    "additionalDetails": null, "recommendedAction": null,
                "reason": format!("The user '{}' is not assigned to the application and will be skipped",
                person.upn) })
            }
            _ => Value::Null,
        }
    }

    fn provisioning_steps(&self, state: usize, job: &Job, person: &Person, external: &str) -> Value {
        let ok = "success";
        let step = |name: &str, kind: &str, status: &str, text: String, details: Value| {
            json!({ "name": name,
            "provisioningStepType": kind, "status": status, "description": text, "details": details })
        };
        let mut steps = vec![step(
            "EntryImport",
            "import",
            ok,
            format!("Received User '{}' change of type (Add) from {}", person.upn, job.source),
            json!({ "objectId": person.id.to_string(), "displayName": person.name, "mail": person.mail,
                "accountEnabled": person.enabled.to_string(), "IsSoftDeleted": "False" }),
        )];
        if state == 2 {
            steps.push(step(
                "EntrySynchronizationScoping",
                "scoping",
                "skipped",
                format!(
                    "Account '{}' will be skipped because it is not in scope: user {} is not assigned",
                    person.upn, person.name
                ),
                json!({ "Active in the source system": "True", "Assigned to the application": "False" }),
            ));
            return Value::Array(steps);
        }
        let matched = person.mail.split('@').next().unwrap_or_default();
        steps.push(step(
            "EntrySynchronizationMatch",
            "matching",
            ok,
            format!("Found matching object '{matched}' (employee {}) in {}", person.employee, job.target),
            json!({}),
        ));
        let (status, text) = match state {
            1 => ("failure", format!("Failed to create User '{}' in {}", person.upn, job.target)),
            _ => (ok, format!("User '{}' was created in {}", person.upn, job.target)),
        };
        steps.push(step(
            "EntryExportAdd",
            "export",
            status,
            text,
            json!({ "ReportableIdentifier": person.upn, "TargetId": external }),
        ));
        Value::Array(steps)
    }

    fn provisioned_properties(&self, person: &Person, state: usize, random: &mut Random) -> Value {
        if state == 2 {
            return json!([]);
        }
        let row =
            |name: &str, value: &str| json!({ "displayName": name, "oldValue": null, "newValue": value });
        json!([
            row("userName", &person.upn),
            row("displayName", &person.name),
            row("name.familyName", &person.surname),
            row("emails[type eq \"work\"].value", &person.mail),
            row("active", "True"),
            row("phoneNumbers[type eq \"mobile\"].value", &person.phone),
            row("externalId", &random.hex::<8>()),
            row("parentDistinguishedName", &self.directory.domains.dn())
        ])
    }
}
