//! Directory objects and configuration in the shape of Graph v1.0, with the members that a support
//! engineer selects (`datasets.json`: `select` of each dataset).

use super::Tenant;
use super::clock::{DAY, utc};
use super::directory::{App, Device, Group, MICROSOFT, Trust};
use super::organization::{LICENCES, PLANS};
use super::people::{Person, Role};
use serde_json::{Value, json};

/// Datasets of this file.
pub const DATASETS: [&str; 18] = [
    "applications",
    "conditional_access_policies",
    "deleted_users",
    "devices",
    "directory_roles",
    "domains",
    "group_settings",
    "groups",
    "named_locations",
    "oauth2_permission_grants",
    "on_premises_synchronization",
    "organization",
    "role_assignments",
    "security_defaults",
    "service_principals",
    "subscribed_skus",
    "user_registration_details",
    "users",
];

impl Trust {
    /// As sign-ins show it.
    pub fn text(self) -> &'static str {
        match self {
            Trust::Hybrid => "Hybrid Azure AD joined",
            Trust::Joined => "Azure AD joined",
            Trust::Registered => "Azure AD registered",
        }
    }

    /// As the device object shows it.
    pub fn code(self) -> &'static str {
        match self {
            Trust::Hybrid => "ServerAd",
            Trust::Joined => "AzureAd",
            Trust::Registered => "Workplace",
        }
    }
}

impl Tenant {
    pub(super) fn object_collection(&self, dataset: &str) -> Option<Vec<Value>> {
        let directory = &self.directory;
        Some(match dataset {
            "users" => {
                directory.people.iter().enumerate().map(|(at, person)| self.user(at, person)).collect()
            }
            "deleted_users" => directory
                .deleted
                .iter()
                .enumerate()
                .map(|(at, person)| self.deleted_user(at, person))
                .collect(),
            "groups" => directory.groups.iter().map(|group| self.group(group)).collect(),
            "devices" => {
                directory.devices.iter().enumerate().map(|(at, device)| self.device(at, device)).collect()
            }
            "applications" => directory.apps.iter().filter_map(|app| self.application(app)).collect(),
            "service_principals" => directory.apps.iter().map(|app| self.principal(app)).collect(),
            "conditional_access_policies" => self.policies(),
            "named_locations" => self.locations(),
            "organization" => vec![self.organization()],
            "domains" => self.domains(),
            "subscribed_skus" => self.licences(),
            "directory_roles" => self.roles(),
            "role_assignments" => self.role_assignments(),
            "user_registration_details" => self.registrations(),
            "oauth2_permission_grants" => self.grants(),
            "security_defaults" => vec![
                json!({ "id": "00000000-0000-0000-0000-000000000005", "displayName": "Security Defaults",
                "description": "Security defaults is a set of basic identity security mechanisms recommended by Microsoft.",
                "isEnabled": false }),
            ],
            "on_premises_synchronization" => vec![json!({ "id": directory.tenant.to_string(),
                "configuration": { "accidentalDeletionPrevention": { "synchronizationPreventionType": "enabledForCount",
                "alertThreshold": 500 } },
                "features": { "passwordSyncEnabled": true, "passwordWritebackEnabled": true,
                "groupWriteBackEnabled": false, "blockSoftMatchEnabled": true } })],
            "group_settings" => vec![json!({ "id": self.random("group settings", 0).guid().to_string(),
                    "displayName": "Password Rule Settings",
                "templateId": "5cf42378-d67d-4f36-ba46-e8b86229381d", "values": [
                    { "name": "BannedPasswordCheckOnPremisesMode", "value": "Audit" },
                        { "name": "EnableBannedPasswordCheck", "value": "True" },
                    { "name": "BannedPasswordList", "value": self.banned_passwords().join("\t") }] })],
            _ => return None,
        })
    }

    /// Words that the tenant bans from passwords: a secret of the tenant.
    pub(super) fn banned_passwords(&self) -> Vec<String> {
        (0..3).map(|at| format!("winter{}{at}", self.random("banned", at).hex::<3>())).collect()
    }

    fn user(&self, at: usize, person: &Person) -> Value {
        let directory = &self.directory;
        let place = &self.tables.places[person.place];
        let synced = person.on_premises.as_ref();
        let mut random = self.random("user", at);
        let licensed = matches!(person.role, Role::Member | Role::Administrator) && person.enabled;
        let licence = |name: &str| directory.groups.iter().find(|g| g.name == name).map(|g| g.id.to_string());
        let guest = person.role == Role::Guest;
        super::signins::merge([
            json!({
                "id": person.id.to_string(), "accountEnabled": person.enabled, "createdDateTime": utc(person.created),
                "creationType": if guest { json!("Invitation") } else { Value::Null }, "displayName": person.name,
                "givenName": non_empty(&person.given), "surname": non_empty(&person.surname),
                "userPrincipalName": person.upn,
                "mail": non_empty(&person.mail), "mailNickname": person.nickname,
                "otherMails": if guest { json!([person.mail]) } else { json!([]) },
                "proxyAddresses": person.proxies, "userType": if guest { "Guest" } else { "Member" },
                "externalUserState": guest.then_some("Accepted"),
                "externalUserStateChangeDateTime": guest.then(|| utc(person.created + 3_600)),
                "identities": [{ "signInType": if guest { "federated" } else { "userPrincipalName" },
                    "issuer": if guest { "ExternalAzureAD" } else { directory.domains.initial.as_str() },
                    "issuerAssignedId": if guest { Value::Null } else { json!(person.upn) } }],
                "usageLocation": place.country, "city": place.city, "country": place.country,
                "state": non_empty(&place.state),
            }),
            json!({
                "department": non_empty(&person.department), "jobTitle": person.is_human().then_some(&person.title),
                "employeeId": non_empty(&person.employee), "mobilePhone": person.is_human().then_some(&person.phone),
                "businessPhones": if person.is_human() { json!([person.phone]) } else { json!([]) },
                "onPremisesSyncEnabled": synced.map(|_| true),
                "onPremisesImmutableId": synced.map(|s| s.guid.anchor()),
                "onPremisesDistinguishedName": synced.map(|s| &s.dn),
                "onPremisesDomainName": synced.map(|_| &directory.domains.forest),
                "onPremisesSamAccountName": synced.map(|s| &s.sam),
                "onPremisesUserPrincipalName": synced.map(|_| &person.upn),
                "onPremisesSecurityIdentifier": synced.map(|s| &s.sid),
                "onPremisesLastSyncDateTime": synced.map(|_| self.clock.ago_text(1_500)),
                "onPremisesProvisioningErrors": if person.proxies.iter().any(|address| address.starts_with("smtp:info@")) && synced.is_some() {
                    json!([{ "category": "PropertyConflict", "occurredDateTime": self.clock.ago_text(3 * DAY),
                        "propertyCausingError": "ProxyAddresses", "value": format!("info@{}",
                        directory.domains.main) }])
                } else { json!([]) },
                "onPremisesExtensionAttributes": { "extensionAttribute1": synced.map(|s| format!("{}\\{}",
                directory.domains.netbios, s.sam)), "extensionAttribute2": null },
                "securityIdentifier": person.id.sid(), "serviceProvisioningErrors": [],
            }),
            json!({
                "assignedLicenses": if licensed { json!([{ "skuId": LICENCES[0].0,
                "disabledPlans": [] }]) } else { json!([]) },
                "assignedPlans": if licensed { json!([{ "assignedDateTime": utc(person.created + 60),
                "capabilityStatus": "Enabled", "service": "AADPremiumService",
                "servicePlanId": PLANS[1].0 }]) } else { json!([]) },
                "licenseAssignmentStates": if licensed { json!([{ "skuId": LICENCES[0].0,
                "assignedByGroup": licence("LIC-M365-E5"), "disabledPlans": [], "error": "None", "state": "Active",
                "lastUpdatedDateTime": utc(person.created + 60) }]) } else { json!([]) },
                "passwordPolicies": if person.role == Role::Service { json!("DisablePasswordExpiration") } else { Value::Null },
                "lastPasswordChangeDateTime": self.clock.ago_text(random.below(180 * DAY as u64) as i64),
                "signInSessionsValidFromDateTime": utc(person.created), "isManagementRestricted": null,
                "deletedDateTime": null,
            }),
        ])
    }

    fn deleted_user(&self, at: usize, person: &Person) -> Value {
        let mut user = self.user(10_000 + at, person);
        let (_, domain) = person.upn.split_once('@').unwrap_or_default();
        // The service glues the object id before the name of a deleted account.
        user["userPrincipalName"] = json!(format!("{}{}@{domain}", person.id.plain(), person.nickname));
        user["deletedDateTime"] = json!(self.clock.ago_text(DAY * (1 + at as i64)));
        user["accountEnabled"] = json!(false);
        user
    }

    fn group(&self, group: &Group) -> Value {
        let nickname: String = super::people::ascii(&group.name);
        let mail = group.unified.then(|| format!("{nickname}@{}", self.directory.domains.main));
        json!({
            "id": group.id.to_string(), "displayName": group.name, "description": non_empty(&group.description),
            "createdDateTime": self.clock.ago_text(500 * DAY), "deletedDateTime": null,
            "groupTypes": match (group.unified, &group.rule) { (true, _) => json!(["Unified"]), (_,
            Some(_)) => json!(["DynamicMembership"]), _ => json!([]) },
            "mail": mail, "mailEnabled": group.unified, "mailNickname": nickname, "securityEnabled": !group.unified,
            "securityIdentifier": group.id.sid(), "visibility": group.unified.then_some("Private"),
            "isAssignableToRole": null,
            "membershipRule": group.rule, "membershipRuleProcessingState": group.rule.as_ref().map(|_| "On"),
            "onPremisesSyncEnabled": group.sid.as_ref().map(|_| true),
            "onPremisesDomainName": group.sid.as_ref().map(|_| &self.directory.domains.forest),
            "onPremisesNetBiosName": group.sid.as_ref().map(|_| &self.directory.domains.netbios),
            "onPremisesSamAccountName": group.sid.as_ref().map(|_| &group.name),
            "onPremisesSecurityIdentifier": group.sid,
            "onPremisesLastSyncDateTime": group.sid.as_ref().map(|_| self.clock.ago_text(1_500)),
            "onPremisesProvisioningErrors": [], "serviceProvisioningErrors": [],
            "assignedLicenses": if group.licensing { json!([{ "skuId": LICENCES[0].0,
            "disabledPlans": [] }]) } else { json!([]) },
            "licenseProcessingState": if group.licensing { json!({ "state": "ProcessingComplete" }) } else { Value::Null },
            "proxyAddresses": mail.map(|mail| vec![format!("SMTP:{mail}")]).unwrap_or_default(),
            "expirationDateTime": null, "renewedDateTime": self.clock.ago_text(500 * DAY),
        })
    }

    fn device(&self, at: usize, device: &Device) -> Value {
        let owner = &self.directory.people[device.owner];
        let hybrid = device.trust == Trust::Hybrid;
        let phone = device.trust == Trust::Registered;
        json!({
            "id": device.id.to_string(), "deviceId": device.device_id.to_string(), "displayName": device.name,
            "accountEnabled": at % 30 != 11,
            "deletedDateTime": null, "trustType": device.trust.code(), "profileType": "RegisteredDevice",
            "isCompliant": !phone, "isManaged": !phone, "isRooted": null,
            "managementType": if phone { Value::Null } else { json!("MDM") },
            "mdmAppId": if phone { Value::Null } else { json!("0000000a-0000-0000-c000-000000000000") },
            "operatingSystem": device.system.0, "operatingSystemVersion": device.system.1,
            "manufacturer": if phone { "Apple" } else { "HP" },
            "model": if phone { "iPhone 15" } else { "EliteBook 840" },
            "registrationDateTime": utc(owner.created + DAY), "approximateLastSignInDateTime": utc(device.seen),
            "complianceExpirationDateTime": null,
            "enrollmentType": if hybrid { json!("OnPremiseCoManaged") } else { Value::Null },
            "deviceOwnership": if phone { "Personal" } else { "Company" },
            "onPremisesSyncEnabled": hybrid.then_some(true),
            "onPremisesLastSyncDateTime": hybrid.then(|| self.clock.ago_text(1_500)),
            "onPremisesSecurityIdentifier": hybrid.then(|| format!("{}-{}", self.directory.domains.sid,
            50_000 + at)), "systemLabels": [],
            "alternativeSecurityIds": [{ "type": 2, "identityProvider": null, "key": self.device_key(at, device) }],
            "physicalIds": [format!("[USER-GID]:{}:6755{:010}", owner.id, at), format!("[GID]:g:6755{:010}", at),
                format!("[USER-HWID]:{}:6896{:010}", owner.id, at), format!("[HWID]:h:6896{:010}", at),
                    format!("[OrderId]:{}", device.serial)],
        })
    }

    /// `alternativeSecurityIds.key`: base64 of UTF-16LE text with thumbprint and SID, as the service stores it.
    pub(super) fn device_key(&self, at: usize, device: &Device) -> String {
        let mut random = self.random("device key", at);
        let text = format!("X509:<SHA1-TP-PUBKEY>{}{}", device.thumbprint, random.base64::<32>());
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        data_encoding::BASE64.encode(&bytes)
    }

    fn application(&self, app: &App) -> Option<Value> {
        let id = app.object_id?;
        let host = super::people::ascii(&app.name);
        Some(json!({
            "id": id.to_string(), "appId": app.app_id, "displayName": app.name, "description": null,
            "createdDateTime": self.clock.ago_text(420 * DAY),
            "deletedDateTime": null, "signInAudience": "AzureADMyOrg", "publisherDomain": self.directory.domains.main,
            "identifierUris": [format!("api://{}", app.app_id)], "tags": [],
            "notes": format!("Owner: greta.schmidt@{}", self.directory.domains.main),
            "web": { "homePageUrl": format!("https://{host}.contoso.com"),
            "redirectUris": [format!("https://{host}.contoso.com/signin-oidc")] },
            "passwordCredentials": [{ "keyId": self.random("credential", host.len()).guid().to_string(),
            "displayName": "Secret of Grant Field",
                "startDateTime": self.clock.ago_text(200 * DAY), "endDateTime": self.clock.ago_text(-165 * DAY),
                "hint": "Xy8", "secretText": null, "customKeyIdentifier": null }],
            "keyCredentials": [], "appRoles": [],
            "requiredResourceAccess": [{ "resourceAppId": "00000003-0000-0000-c000-000000000000",
                "resourceAccess": [{ "id": "df021288-bdef-4463-88db-98f22de89214", "type": "Role" }] }],
        }))
    }

    fn principal(&self, app: &App) -> Value {
        let owner = if app.first_party { MICROSOFT.to_owned() } else { self.directory.tenant.to_string() };
        json!({
            "id": app.principal.to_string(), "appId": app.app_id, "displayName": app.name,
            "appDisplayName": app.name, "accountEnabled": true,
            "appOwnerOrganizationId": owner,
            "servicePrincipalType": if app.managed { "ManagedIdentity" } else { "Application" },
            "servicePrincipalNames": [app.app_id],
            "signInAudience": if app.first_party { "AzureADMultipleOrgs" } else { "AzureADMyOrg" },
            "appRoleAssignmentRequired": !app.first_party, "alternativeNames": [], "deletedDateTime": null,
            "homepage": null, "replyUrls": [],
            "notificationEmailAddresses": if app.first_party || app.managed { json!([]) } else { json!([format!("greta.schmidt@{}",
            self.directory.domains.main)]) },
            "preferredSingleSignOnMode": null,
            "tags": if app.first_party { json!([]) } else { json!(["WindowsAzureActiveDirectoryIntegratedApp"]) },
            "keyCredentials": [], "passwordCredentials": [], "appRoles": [],
        })
    }
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
