//! The complete Graph beta shape of a sign-in.

use super::Tenant;
use super::clock::{DAY, utc, utc_ticks};
use super::directory::MICROSOFT;
use super::events::SignInKind;
use super::people::{Person, Role};
use super::random::Random;
use super::risk;
use super::tables::{Agent, Outcome, Place};
use serde_json::{Value, json};

impl Tenant {
    /// Sign-ins of one kind in ascending order of time.
    pub fn sign_ins(&self, kind: SignInKind) -> impl Iterator<Item = Value> + '_ {
        (0..self.scale.sign_ins)
            .filter(move |index| self.sign_in_kind(*index) == kind)
            .map(|at| self.sign_in(at))
    }

    /// When a sign-in happened, in seconds since 1970; ascends with the index.
    pub fn sign_in_second(&self, index: usize) -> i64 {
        self.event(index).second
    }

    /// A sign-in in the Graph beta shape.
    pub fn sign_in(&self, index: usize) -> Value {
        let mut event = self.event(index);
        let directory = &self.directory;
        let random = &mut event.random;
        let app = &directory.apps[event.app];
        let resource_name = random.pick(&self.tables.apps.resources);
        let resource = directory.app(resource_name);
        let tenant = directory.tenant.to_string();
        let person = event.person.map(|at| &directory.people[at]);
        let user = event.kind.is_user();
        let guest = person.is_some_and(|person| person.role == Role::Guest);
        let ok = event.outcome.code == 0;
        let strong = ok && user && random.chance(40);
        let level = event.risk.map_or("none", |_| *random.pick(&["low", "medium", "high"]));
        let reason = self.reason(event.outcome, app.app_id.as_str(), &app.name, person, event.second);
        let device = self.device_of(&event.person, event.agent, random);
        let steps = self.steps(user, ok, strong, event.second, random);
        let satisfied = strong.then_some("MFA requirement satisfied by claim in the token");
        let requirement = match strong || event.outcome.code == 50076 {
            true => "multiFactorAuthentication",
            false => "singleFactorAuthentication",
        };
        let policies: &[Value] = match strong {
            true => {
                &[json!({ "requirementProvider": "multiConditionalAccess", "detail": "Conditional Access" })]
            }
            false => &[],
        };
        let networks: &[Value] = match event.address.starts_with("203.0.113.") {
            true => &[json!({ "networkType": "trustedNamedLocation", "networkNames": ["Headquarters"] })],
            false => &[],
        };
        let key = match event.kind {
            SignInKind::ServicePrincipal => random.guid().to_string(),
            _ => String::new(),
        };
        let identity = (event.kind == SignInKind::ManagedIdentity).then(|| {
            let machine = "providers/Microsoft.Compute/virtualMachines";
            json!({ "msiType": "systemAssigned", "federatedTokenId": "", "federatedTokenIssuer": "",
                "associatedResourceId": format!("/subscriptions/{tenant}/resourcegroups/rg-contoso/{machine}/{}", app.name) })
        });
        let parts = [
            json!({
                "id": event.id.to_string(), "correlationId": event.correlation.to_string(),
                "createdDateTime": utc_ticks(event.second, event.ticks),
                "userDisplayName": person.map_or("", |p| &p.name), "userPrincipalName": person.map_or("", |p| &p.upn),
                "userId": person.map_or(String::new(), |p| p.id.to_string()),
                "userType": person.map(|p| p.sort()), "signInIdentifier": person.map(|p| &p.upn),
                "signInIdentifierType": null, "appId": app.app_id, "appDisplayName": app.name,
                "appOwnerTenantId": if app.first_party { MICROSOFT } else { &tenant },
                "resourceDisplayName": resource.name, "resourceId": resource.app_id,
                "resourceTenantId": tenant, "resourceOwnerTenantId": MICROSOFT,
                "resourceServicePrincipalId": resource.principal.to_string(),
                "ipAddress": event.address, "ipAddressFromResourceProvider": null,
            }),
            json!({
                "homeTenantId": person.map_or(tenant.clone(), |p| p.home_tenant.to_string()),
                "homeTenantName": if guest { "Fabrikam" } else { "" },
                "crossTenantAccessType": if guest { "b2bCollaboration" } else { "none" },
                "clientAppUsed": if user { event.agent.client.as_str() } else { "" },
                "userAgent": if user { event.agent.text.as_str() } else { "" },
                "isInteractive": event.kind == SignInKind::Interactive, "signInEventTypes": [event.kind.event_type()],
                "conditionalAccessStatus": if strong { "success" } else { event.outcome.access.as_str() },
                "appliedConditionalAccessPolicies": self.applied_policies(ok, strong, event.outcome.code, user),
                "status": { "errorCode": event.outcome.code, "failureReason": reason,
                    "additionalDetails": event.outcome.details.as_deref().or(satisfied) },
                "deviceDetail": device,
                "location": location(event.place),
                "autonomousSystemNumber": event.place.asn,
                "networkLocationDetails": networks,
            }),
            json!({
                "authenticationRequirement": requirement,
                "authenticationDetails": steps, "authenticationMethodsUsed": [],
                "authenticationProtocol": if user { "none" } else { "clientCredentials" },
                "authenticationContextClassReferences": [], "authenticationAppPolicyEvaluationDetails": [],
                "authenticationAppDeviceDetails": null,
                "authenticationProcessingDetails": [
                    { "key": "Legacy TLS (TLS 1.0, 1.1, 3DES)", "value": "False" },
                    { "key": "Is CAE Token", "value": "False" }],
                "authenticationRequirementPolicies": policies,
                "mfaDetail": strong.then(|| json!({ "authMethod": "Mobile app notification", "authDetail": null })),
                "sessionLifetimePolicies": [], "appliedEventListeners": [],
                "conditionalAccessAudiences": [resource.app_id],
                "riskDetail": "none", "riskLevelAggregated": level, "riskLevelDuringSignIn": level,
                "riskState": if event.risk.is_some() { "atRisk" } else { "none" },
                "riskEventTypes_v2": event.risk.map(|at| vec![risk::TYPES[at].0]).unwrap_or_default(),
            }),
            json!({
                "servicePrincipalId": if user { String::new() } else { app.principal.to_string() },
                "servicePrincipalName": (!user).then_some(&app.name),
                "servicePrincipalCredentialKeyId": key,
                "servicePrincipalCredentialThumbprint": "", "federatedCredentialId": "",
                "clientCredentialType": if key.is_empty() { "none" } else { "clientSecret" },
                "managedServiceIdentity": identity,
                "uniqueTokenIdentifier": random.base64url::<16>(),
                "incomingTokenType": if user { "primaryRefreshToken" } else { "none" },
                "originalRequestId": event.id.to_string(), "originalTransferMethod": "none",
                "sessionId": if user { json!(random.guid().to_string()) } else { Value::Null },
                "tokenIssuerName": "", "tokenIssuerType": "AzureAD",
                "processingTimeInMilliseconds": 40 + random.below(900),
            }),
            json!({
                "flaggedForReview": event.kind == SignInKind::Interactive && !ok && random.chance(5),
                "isTenantRestricted": false,
                "isThroughGlobalSecureAccess": false, "globalSecureAccessIpAddress": "", "privateLinkDetails": null,
                "signInTokenProtectionStatus": "none", "appTokenProtectionStatus": null,
                "tokenProtectionStatusDetails": { "signInSessionStatus": "none", "signInSessionStatusCode": null },
                "agent": { "agentType": "notAgentic", "parentAppId": "" }, "azureResourceId": "",
                "clientSessionId": null,
            }),
        ];
        merge(parts)
    }

    /// The text of an outcome with its names filled in.
    fn reason(
        &self,
        outcome: &Outcome,
        app_id: &str,
        app: &str,
        person: Option<&Person>,
        second: i64,
    ) -> String {
        if !outcome.reason.contains('{') {
            return outcome.reason.clone();
        }
        outcome
            .reason
            .replace("{appId}", app_id)
            .replace("{app}", app)
            .replace("{upn}", person.map_or("", |person| &person.upn))
            .replace("{name}", person.map_or("", |person| &person.name))
            .replace("{domain}", &self.directory.domains.main)
            .replace("{time}", &utc(second - 100 * DAY))
    }

    fn device_of(&self, person: &Option<usize>, agent: &Agent, random: &mut Random) -> Value {
        let owned = person.map(|at| self.directory.owned[at].as_slice()).unwrap_or_default();
        let fitting =
            owned.iter().find(|at| agent.phone == (self.directory.devices[**at].system.0 != "Windows"));
        let known = fitting.filter(|_| random.chance(70)).map(|at| &self.directory.devices[*at]);
        json!({
            "deviceId": known.map_or(String::new(), |device| device.device_id.to_string()),
            "displayName": known.map_or("", |device| &device.name),
            "operatingSystem": agent.system, "browser": agent.browser, "browserId": null,
            "isCompliant": known.is_some(), "isManaged": known.is_some(),
            "trustType": known.map_or("", |device| device.trust.text()),
        })
    }

    fn steps(&self, user: bool, ok: bool, strong: bool, second: i64, random: &mut Random) -> Value {
        if !user {
            return json!([]);
        }
        let step =
            |method: &str, detail: Option<String>, succeeded: bool, result: &str, requirement: &str| {
                json!({ "authenticationStepDateTime": utc(second), "authenticationMethod": method,
                "authenticationMethodDetail": detail,
                "succeeded": succeeded, "authenticationStepResultDetail": result,
                "authenticationStepRequirement": requirement })
            };
        let password = if ok { "Correct password" } else { "Incorrect password" };
        let mut steps = vec![step(
            "Password",
            Some("Password in the cloud".into()),
            ok,
            password,
            "Primary authentication",
        )];
        if strong {
            let (method, detail) = match random.below(3) {
                0 => ("Mobile app notification", None),
                1 => ("Text message", Some(format!("+X XXXXXXXX{:02}", random.below(100)))),
                _ => ("Passkey (device-bound)", Some("Security key".to_owned())),
            };
            steps.push(step(method, detail, true, "MFA completed in Azure AD", "Multifactor authentication"));
        }
        Value::Array(steps)
    }
}

/// Where a sign-in comes from.
pub fn location(place: &Place) -> Value {
    json!({ "city": place.city, "state": place.state, "countryOrRegion": place.country,
        "geoCoordinates": { "altitude": null, "latitude": place.latitude, "longitude": place.longitude } })
}

/// One object of all members.
pub fn merge<const N: usize>(parts: [Value; N]) -> Value {
    let mut all = serde_json::Map::new();
    for part in parts {
        if let Value::Object(members) = part {
            all.extend(members);
        }
    }
    Value::Object(all)
}
