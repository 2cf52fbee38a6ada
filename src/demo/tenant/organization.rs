//! The organization itself: domains, licences, roles, grants, registrations, settings.

use super::Tenant;
use super::clock::DAY;
use super::people::Role;
use super::policies::GLOBAL_ADMINISTRATOR;
use serde_json::{Value, json};

/// Licences: id and name as Microsoft publishes them, units.
pub const LICENCES: [(&str, &str, u32); 2] = [
    ("06ebc4ee-1bb5-47dd-8120-11324bc54e06", "SPE_E5", 200),
    ("84a661c4-e949-4bd2-a560-ed7766fcaf2b", "AAD_PREMIUM_P2", 100),
];
/// Service plan ids of Entra ID P1 and P2.
pub const PLANS: [(&str, &str); 2] = [
    ("41781fb2-bc02-4b7c-bd55-b576c07bb09d", "AAD_PREMIUM"),
    ("eec0eb4f-6444-4f95-aba0-50c24d67f998", "AAD_PREMIUM_P2"),
];

/// Role templates: id, name.
pub const ROLES: [(&str, &str); 4] = [
    (GLOBAL_ADMINISTRATOR, "Global Administrator"),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator"),
    ("729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator"),
    ("d29b2b05-8046-44ba-8758-1e26182fcf32", "Directory Synchronization Accounts"),
];

impl Tenant {
    pub(super) fn organization(&self) -> Value {
        let domains = &self.directory.domains;
        json!({
            "id": self.directory.tenant.to_string(), "displayName": "Contoso", "tenantType": "AAD",
            "createdDateTime": self.clock.ago_text(2_000 * DAY), "deletedDateTime": null,
            "city": "Berlin", "country": null, "countryLetterCode": "DE", "postalCode": "10115", "state": "Berlin",
            "street": "Beispielstrasse 1", "preferredLanguage": "de",
            "businessPhones": ["+1 425 555 0100"], "onPremisesSyncEnabled": true,
            "onPremisesLastSyncDateTime": self.clock.ago_text(1_500),
            "marketingNotificationEmails": [], "securityComplianceNotificationMails": [],
            "securityComplianceNotificationPhones": [],
            "technicalNotificationMails": [format!("greta.schmidt@{}", domains.main)], "privacyProfile": null,
            "assignedPlans": [], "provisionedPlans": [],
            "verifiedDomains": [
                { "name": domains.initial, "isInitial": true, "isDefault": false, "type": "Managed",
                    "capabilities": "Email, OfficeCommunicationsOnline" },
                { "name": domains.main, "isInitial": false, "isDefault": true, "type": "Managed",
                    "capabilities": "Email, OfficeCommunicationsOnline" },
                { "name": domains.federated, "isInitial": false, "isDefault": false, "type": "Federated",
                    "capabilities": "None" }],
        })
    }

    pub(super) fn domains(&self) -> Vec<Value> {
        let domains = &self.directory.domains;
        [(&domains.initial, true, false), (&domains.main, false, true), (&domains.federated, false, false)]
            .map(|(name, initial, default)| {
                json!({ "id": name, "authenticationType": if *name == domains.federated { "Federated" } else { "Managed" },
                    "availabilityStatus": null,
                    "isAdminManaged": true, "isDefault": default, "isInitial": initial,
                    "isRoot": *name != domains.federated, "isVerified": true,
                    "supportedServices": ["Email"], "passwordValidityPeriodInDays": 2_147_483_647_i64,
                    "passwordNotificationWindowInDays": 14, "state": null })
            })
            .into()
    }

    pub(super) fn licences(&self) -> Vec<Value> {
        let consumed = self.directory.people.iter().filter(|p| p.role == Role::Member).count();
        LICENCES
            .map(|(id, name, units)| {
                json!({ "id": format!("{}_{id}", self.directory.tenant),
                    "accountId": self.directory.tenant.to_string(), "accountName": "contoso", "skuId": id,
                    "skuPartNumber": name,
                    "appliesTo": "User", "capabilityStatus": "Enabled",
                    "consumedUnits": consumed.min(units as usize), "subscriptionIds": [],
                    "prepaidUnits": { "enabled": units, "suspended": 0, "warning": 0, "lockedOut": 0 },
                    "servicePlans": PLANS.map(|(plan, name)| json!({ "servicePlanId": plan, "servicePlanName": name,
                    "provisioningStatus": "Success", "appliesTo": "User" })) })
            })
            .into()
    }

    pub(super) fn roles(&self) -> Vec<Value> {
        ROLES
            .iter()
            .enumerate()
            .map(|(at, (template, name))| {
                json!({ "id": self.random("role", at).guid().to_string(), "roleTemplateId": template,
                    "displayName": name, "description": format!("{name} of the directory"), "deletedDateTime": null })
            })
            .collect()
    }

    pub(super) fn role_assignments(&self) -> Vec<Value> {
        let directory = &self.directory;
        let administrators =
            directory.playing(Role::Administrator).into_iter().enumerate().map(|(at, who)| (at % 3, who));
        let sync = directory.playing(Role::Sync).into_iter().map(|who| (3, who));
        administrators
            .chain(sync)
            .enumerate()
            .map(|(at, (role, who))| {
                json!({ "id": self.random("assignment", at).base64url::<24>(), "roleDefinitionId": ROLES[role].0,
                    "principalId": directory.people[who].id.to_string(),
                    "directoryScopeId": "/", "appScopeId": null,
                    "principalOrganizationId": directory.tenant.to_string() })
            })
            .collect()
    }

    pub(super) fn registrations(&self) -> Vec<Value> {
        let people = self.directory.people.iter().enumerate().filter(|(_, person)| person.is_human());
        people
            .map(|(at, person)| {
                let mut random = self.random("registration", at);
                let methods: &[&str] = match random.below(5) {
                    0 => &[],
                    1 => &["mobilePhone"],
                    2 => &["microsoftAuthenticatorPush", "softwareOneTimePasscode", "mobilePhone"],
                    3 => &["microsoftAuthenticatorPush", "softwareOneTimePasscode"],
                    _ => &["windowsHelloForBusiness", "microsoftAuthenticatorPush", "fido2SecurityKey"],
                };
                let strong = !methods.is_empty();
                json!({ "id": person.id.to_string(), "userPrincipalName": person.upn,
                    "userDisplayName": person.name, "userType": person.sort(),
                    "isAdmin": person.role == Role::Administrator, "isMfaCapable": strong,
                    "isMfaRegistered": strong, "isPasswordlessCapable": methods.contains(&"windowsHelloForBusiness"),
                    "isSsprCapable": strong, "isSsprEnabled": person.role == Role::Member,
                    "isSsprRegistered": strong, "isSystemPreferredAuthenticationMethodEnabled": true,
                    "systemPreferredAuthenticationMethods": if strong { json!(["PhoneAppNotification"]) } else { json!([]) },
                    "userPreferredMethodForSecondaryAuthentication": if strong { "push" } else { "none" },
                    "methodsRegistered": methods, "lastUpdatedDateTime": self.clock.ago_text(DAY + at as i64) })
            })
            .collect()
    }

    pub(super) fn grants(&self) -> Vec<Value> {
        let directory = &self.directory;
        let graph = directory.app("Microsoft Graph").principal.to_string();
        directory
            .apps
            .iter()
            .filter(|app| app.object_id.is_some())
            .enumerate()
            .map(|(at, app)| {
                let who = &directory.people[at % 12];
                json!({ "id": self.random("grant", at).base64url::<32>(), "clientId": app.principal.to_string(),
                    "consentType": if at % 2 == 0 { "Principal" } else { "AllPrincipals" },
                    "principalId": if at % 2 == 0 { json!(who.id.to_string()) } else { Value::Null },
                    "resourceId": graph, "scope": " User.Read openid profile offline_access" })
            })
            .collect()
    }
}
