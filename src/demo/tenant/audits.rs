//! The directory audit log, and the audit log of custom security attributes.
//!
//! Every row of `audits.json` occurs at least once; the rest of the log is drawn by weight. Some
//! records belong together through their correlation id: device registration (with its sign-in) and
//! self-service password reset.

use super::Tenant;
use super::clock::{DAY, utc, utc_ticks};
use super::directory::Device;
use super::organization::ROLES;
use super::people::{Person, Role};
use super::random::{Guid, Random};
use super::tables::Activity;
use serde_json::{Value, json};

/// One audit while it is made.
struct Audit<'a> {
    activity: &'a Activity,
    index: usize,
    /// Whom it is about, also when the target is something else.
    subject: &'a Person,
    /// The device that plays a part, the subject's own where there is one.
    device: &'a Device,
    random: Random,
}

impl Tenant {
    /// The directory audits in ascending order of time.
    pub fn audits(&self) -> impl Iterator<Item = Value> + '_ {
        (0..self.scale.audits).map(|index| self.audit(index))
    }

    /// The custom security attribute audits in ascending order of time.
    pub(super) fn attribute_audits(&self) -> impl Iterator<Item = Value> + '_ {
        let rows = &self.tables.attribute_activities;
        (0..rows.len() * 2).map(|index| {
            let mut audit = self.make(&rows[index % rows.len()], index, "attribute audit");
            let ago = DAY * 6 - index as i64 * 7_000;
            audit["activityDateTime"] = json!(utc_ticks(self.clock.ago(ago), index as u64 * 7));
            audit
        })
    }

    /// The catalogue of activities, as the service lists it.
    pub(super) fn activity_types(&self) -> Vec<Value> {
        let mut rows: Vec<_> =
            self.tables.activities.iter().map(|row| (&row.service, &row.category, &row.name)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.iter()
            .enumerate()
            .map(|(at, (service, category, name))| {
                json!({ "id": at.to_string(), "service": service, "category": category, "activity": name })
            })
            .collect()
    }

    /// The index of the row that record `index` must hold: mandatory rows are spread evenly.
    fn mandatory(&self, index: usize) -> Option<usize> {
        let every = self.scale.audits / self.tables.activities.len();
        (index.is_multiple_of(every) && index / every < self.tables.activities.len()).then_some(index / every)
    }

    /// The directory audit `index`.
    pub fn audit(&self, index: usize) -> Value {
        let rows = &self.tables.activities;
        let mut random = self.random("audit row", index);
        let row = self.mandatory(index).unwrap_or_else(|| {
            let total: u64 = rows.iter().map(|row| row.weight).sum();
            let mut drawn = random.below(total);
            let hit = rows.iter().position(|row| {
                let hit = drawn < row.weight;
                drawn = drawn.saturating_sub(row.weight);
                hit
            });
            hit.unwrap_or(0)
        });
        let mut audit = self.make(&rows[row], index, "audit");
        let step = 7 * DAY as u64 * 10_000_000 / self.scale.audits as u64;
        let ticks = index as u64 * step + random.below(step);
        let second = self.clock.ago(7 * DAY) + (ticks / 10_000_000) as i64;
        audit["activityDateTime"] = json!(utc_ticks(second, ticks % 10_000_000));
        // The first registration of a device follows the sign-in to the registration service.
        if self.mandatory(index).is_some()
            && rows[row].category == "Device"
            && rows[row].name.contains("egister")
        {
            let sign_in = self.device_registration();
            if matches!(rows[row].name.as_str(), "Register device" | "Add registered owner to device") {
                audit["correlationId"] = json!(sign_in.correlation.to_string());
            }
        }
        audit
    }

    fn make(&self, activity: &Activity, index: usize, topic: &str) -> Value {
        let mut random = self.random(topic, index);
        let directory = &self.directory;
        let guests = directory.playing(Role::Guest);
        let subject = match activity.targets[0].as_str() {
            "guest" => guests[random.index(guests.len())],
            _ => directory.anyone(&mut random),
        };
        let device = match directory.owned[subject].first() {
            Some(device) => &directory.devices[*device],
            None => random.pick(&directory.devices),
        };
        let subject = &directory.people[subject];
        let id = random.guid();
        let correlation = random.guid();
        let failed = activity.failure.is_some() && random.chance(25);
        let mut audit = Audit { activity, index, subject, device, random };
        let targets: Vec<Value> = (0..activity.targets.len()).map(|at| self.target(&mut audit, at)).collect();
        let reason = match (&activity.failure, failed) {
            (Some(text), true) => text.replace("{upn}", &subject.upn).replace("{name}", &subject.name),
            _ if activity.service == "Self-service Password Management" => {
                format!("User {} completed the step successfully", subject.name)
            }
            _ => String::new(),
        };
        let prefix = match activity.service.as_str() {
            "Core Directory" => "Directory",
            "Self-service Password Management" => "SSPR",
            "Self-service Group Management" => "SSGM",
            "PIM" => "PIM",
            _ => "Audit",
        };
        json!({
            "id": format!("{prefix}_{id}_{}_{}", audit.random.hex::<3>()[..5].to_uppercase(), 1_000_000 + index),
            "category": activity.category, "correlationId": correlation.to_string(),
            "result": if failed { "failure" } else { "success" },
            "resultReason": reason, "activityDisplayName": activity.name, "activityDateTime": null,
            "loggedByService": activity.service,
            "operationType": activity.operation, "userAgent": null, "initiatedBy": self.initiator(&mut audit),
            "targetResources": targets,
            "additionalDetails": self.details(&mut audit),
        })
    }

    fn initiator(&self, audit: &mut Audit<'_>) -> Value {
        let directory = &self.directory;
        let user = |person: &Person, address: String| {
            json!({ "app": null, "user": { "id": person.id.to_string(),
            "displayName": person.name, "userPrincipalName": person.upn, "ipAddress": address } })
        };
        match audit.activity.actor.as_str() {
            "self" | "guest" => user(audit.subject, audit.subject.home_address.clone()),
            "sync" => {
                let sync = directory.playing(Role::Sync);
                user(&directory.people[sync[0]], self.tables.places[0].office.clone())
            }
            "admin" => {
                let administrators = directory.playing(Role::Administrator);
                let who = administrators[audit.random.index(administrators.len())];
                // The audit log of the directory often leaves the display name empty.
                let mut initiator = user(&directory.people[who], self.tables.places[0].office.clone());
                if audit.random.chance(50) {
                    initiator["user"]["displayName"] = Value::Null;
                }
                initiator
            }
            name => {
                let name = if name == "substrate" { "Microsoft Substrate Management" } else { name };
                let known = directory.apps.iter().find(|app| app.name == name);
                json!({ "user": null, "app": { "appId": known.map(|app| &app.app_id), "displayName": name,
                    "servicePrincipalId": known.map(|app| app.principal.to_string()),
                    "servicePrincipalName": null } })
            }
        }
    }

    fn target(&self, audit: &mut Audit<'_>, at: usize) -> Value {
        let directory = &self.directory;
        let sort = audit.activity.targets[at].as_str();
        let (kind, id, name): (&str, Guid, Option<String>) = match sort {
            "user" | "guest" => {
                let person = if at == 0 || audit.activity.category != "UserManagement" {
                    audit.subject
                } else {
                    &directory.people[directory.anyone(&mut audit.random)]
                };
                // The log names a user by UPN, the display name is mostly absent.
                ("User", person.id, audit.random.chance(30).then(|| person.name.clone()))
            }
            "group" => {
                let group = audit.random.pick(&directory.groups);
                ("Group", group.id, Some(group.name.clone()))
            }
            "application" | "principal" => {
                let own: Vec<_> = directory.apps.iter().filter(|app| app.object_id.is_some()).collect();
                let app = audit.random.pick(&own);
                if sort == "principal" {
                    ("ServicePrincipal", app.principal, Some(app.name.clone()))
                } else {
                    ("Application", app.object_id.unwrap_or(app.principal), Some(app.name.clone()))
                }
            }
            "device" => ("Device", audit.device.id, Some(audit.device.name.clone())),
            "role" => {
                let role = audit.random.index(ROLES.len() - 1);
                ("Role", self.random("role", role).guid(), Some(ROLES[role].1.to_owned()))
            }
            "policy" => {
                let (id, name) = self.policy(audit.index);
                ("Policy", id, Some(name.to_owned()))
            }
            "location" => {
                let (id, name) = self.location();
                ("Policy", id, Some(name.to_owned()))
            }
            "domain" => ("Other", Guid([0; 16]), Some(directory.domains.main.clone())),
            "set" | "definition" => ("Other", Guid([0; 16]), Some("Engineering".to_owned())),
            _ => ("Directory", directory.tenant, Some("Contoso".to_owned())),
        };
        let properties: Vec<Value> = match at {
            0 => audit
                .activity
                .properties
                .clone()
                .iter()
                .map(|name| self.modified(audit, name, kind))
                .collect(),
            _ => Vec::new(),
        };
        let user = kind == "User";
        let upn =
            user.then(|| directory.people.iter().find(|person| person.id == id).map(|person| &person.upn));
        json!({
            "id": if id == Guid([0; 16]) { Value::Null } else { json!(id.to_string()) }, "displayName": name,
            "type": kind,
            "userPrincipalName": upn.flatten(), "groupType": (kind == "Group").then_some("azureAD"),
            "modifiedProperties": properties,
        })
    }

    /// One modified property; old and new value are JSON inside a string.
    fn modified(&self, audit: &mut Audit<'_>, name: &str, kind: &str) -> Value {
        let directory = &self.directory;
        let person = audit.subject;
        let main = &directory.domains.main;
        let random = &mut audit.random;
        let text = |value: Value| json!(value.to_string());
        let (old, new) = match name {
            "UserPrincipalName" => {
                let old = format!("{}@{}", person.nickname, directory.domains.initial);
                (text(json!([old])), text(json!([person.upn])))
            }
            "ProxyAddresses" => {
                let mut old = person.proxies.clone();
                old.pop();
                (text(json!(old)), text(json!(person.proxies)))
            }
            "DisplayName" if kind == "User" => {
                (text(json!([format!("{} (extern)", person.name)])), text(json!([person.name])))
            }
            "DisplayName" => (text(json!(["Old name of Rose May"])), text(json!(["New name"]))),
            "StrongAuthenticationPhoneAppDetail" => {
                let device = format!("{}'s iPhone", person.given);
                let detail = json!([{ "DeviceName": device, "DeviceToken": random.hex::<16>(),
                    "DeviceTag": "SoftwareTokenActivated", "PhoneAppVersion": "6.8.20",
                    "OathTokenTimeDrift": 0, "DeviceId": random.guid().to_string(), "Id": random.guid().to_string(),
                    "TimeInterval": 0, "AuthenticationType": 3, "NotificationType": 4,
                    "LastAuthenticatedTimestamp": utc(self.clock.ago(DAY)), "AuthenticatorFlavor": "Authenticator",
                    "HashFunction": null, "TenantDeviceId": null,
                    "SecuredPartitionId": 0, "SecuredKeyId": 0 }]);
                (text(json!([])), text(detail))
            }
            "StrongAuthenticationMethod" => (
                text(json!([])),
                text(json!([{ "MethodType": 6, "Default": true }, { "MethodType": 7, "Default": false }])),
            ),
            "StrongAuthenticationRequirement" => (
                text(json!([])),
                text(json!([{ "RelyingParty": "*", "State": 1,
                        "RememberDevicesNotIssuedBefore": utc(self.clock.ago(DAY)) }])),
            ),
            // No JSON, though it begins like it.
            "KeyDescription" => {
                let key = random.guid();
                (
                    text(json!([])),
                    text(json!([format!(
                        "[KeyIdentifier={key},KeyType=Password,KeyUsage=Verify,DisplayName=Secret of Grant Field]"
                    )])),
                )
            }
            "Manager" => {
                let manager = &directory.people[directory.anyone(random)];
                (Value::Null, text(json!([manager.id.to_string()])))
            }
            "Group.ObjectID" => (Value::Null, text(json!(random.pick(&directory.groups).id.to_string()))),
            "Group.DisplayName" => (Value::Null, text(json!(random.pick(&directory.groups).name))),
            "Role.ObjectID" => (Value::Null, text(json!(self.random("role", 0).guid().to_string()))),
            "Role.DisplayName" => (Value::Null, text(json!(ROLES[0].1))),
            "AssignedLicense" => (
                text(json!([])),
                text(json!([
                    "[SkuName=SPE_E5, AccountId=00000000-0000-0000-0000-000000000000, SkuId=06ebc4ee-1bb5-47dd-8120-11324bc54e06, DisabledPlans=[]]"
                ])),
            ),
            "AccountEnabled" => (text(json!([false])), text(json!([true]))),
            "OnPremisesDistinguishedName" => {
                let dn =
                    person.on_premises.as_ref().map(|on_premises| on_premises.dn.clone()).unwrap_or_default();
                (Value::Null, text(json!([dn])))
            }
            "MailNickname" => (text(json!([])), text(json!([person.nickname]))),
            "TechnicalNotificationMails" => (text(json!([])), text(json!([format!("greta.schmidt@{main}")]))),
            "ConditionalAccessPolicy" => (
                Value::Null,
                text(json!({ "displayName": self.policy(audit.index).1, "state": "enabled",
                        "conditions": { "users": { "includeUsers": [person.id.to_string()] } } })),
            ),
            "NamedLocation" => {
                (Value::Null, text(json!({ "displayName": "Headquarters", "ipRanges": ["203.0.113.0/25"] })))
            }
            "ConsentAction.Permissions" => (
                text(json!("")),
                text(json!(format!(
                    "[] => [[Id: {}, ClientId: {}, PrincipalId: {}, ResourceId: {}, ConsentType: Principal, Scope: User.Read offline_access]]; ",
                    random.base64url::<24>(),
                    random.guid(),
                    person.id,
                    directory.app("Microsoft Graph").principal
                ))),
            ),
            "IssuerUri" => (Value::Null, text(json!([format!("http://fs.{main}/adfs/services/trust")]))),
            "ActiveLogOnUri" => (
                Value::Null,
                text(json!([format!("https://fs.{main}/adfs/services/trust/2005/usernamemixed")])),
            ),
            "DeviceTrustType" => (text(json!([])), text(json!([audit.device.trust.code()]))),
            "DeviceId" => (text(json!([])), text(json!([audit.device.device_id.to_string()]))),
            // A bare word, as the service writes it now and then.
            "Is Hard Deleted" => (Value::Null, json!("True")),
            _ => (text(json!([])), text(json!([random.hex::<4>()]))),
        };
        json!({ "displayName": name, "oldValue": old, "newValue": new })
    }

    fn details(&self, audit: &mut Audit<'_>) -> Value {
        let mut details = vec![json!({ "key": "User-Agent", "value": "EvoSTS" })];
        match audit.activity.service.as_str() {
            "Device Registration Service" => {
                let device = audit.device;
                details = vec![
                    json!({ "key": "Device Id", "value": device.device_id.to_string() }),
                    json!({ "key": "Device OS", "value": device.system.0 }),
                    json!({ "key": "Device Trust Type", "value": device.trust.code() }),
                    json!({ "key": "User", "value": audit.subject.upn }),
                ];
            }
            "Self-service Password Management" => {
                details = vec![
                    json!({ "key": "OnPremisesAgent", "value": "AADConnect" }),
                    json!({ "key": "Activity", "value": format!("User submitted their user ID {}",
                        audit.subject.upn) }),
                ]
            }
            "PIM" => {
                details = vec![
                    json!({ "key": "RoleDefinitionOriginId", "value": ROLES[0].0 }),
                    json!({ "key": "TicketNumber", "value": "INC-4711" }),
                    json!({ "key": "Justification", "value": format!("Asked by {}", audit.subject.name) }),
                    json!({ "key": "ipaddr", "value": audit.subject.home_address }),
                ]
            }
            "Invited Users" => {
                details = vec![
                    json!({ "key": "InvitedUserEmailAddress", "value": audit.subject.mail }),
                    json!({ "key": "invitedId", "value": audit.subject.id.to_string() }),
                ]
            }
            "Core Directory" if audit.activity.category == "AttributeManagement" => {
                details = vec![
                    json!({ "key": "AttributeSet", "value": "Engineering" }),
                    json!({ "key": "Status", "value": "Deprecated" }),
                ];
            }
            _ if audit.activity.targets[0] == "user" => {
                let sort = if audit.subject.role == Role::Guest { "Guest" } else { "Member" };
                details.push(json!({ "key": "UserType", "value": sort }));
            }
            _ => {}
        }
        Value::Array(details)
    }
}
