//! Kinds: what a value *is*. The closed list that catalogue and policy share.
//!
//! The catalogue says which kind a field holds, the policy says what to do with each kind. A kind
//! carries no treatment of its own, except that [`Kind::Secret`] is locked to `drop` everywhere.

use serde::{Deserialize, Serialize};

/// Microsoft's data class of a kind (documented as "DataClassification Option Type"), with a few
/// classes of our own where Microsoft has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// End-user identifiable information: identifies the user directly.
    Euii,
    /// End-user pseudonymous information: an identifier made by Microsoft that is tied to the user.
    Eupi,
    /// Organization identifiable information.
    Oii,
    /// System metadata.
    System,
    /// Content of the customer.
    Content,
    /// Quasi-identifier: identifies together with others.
    Quasi,
    /// Secret.
    Secret,
    /// Free text that may hold any class.
    Text,
    /// Made by us from other values.
    Derived,
}

/// What a value is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// UPN, mail, SIP and claims logins.
    Upn,
    /// Display name of a person.
    PersonName,
    /// Given name, surname.
    NamePart,
    /// Account name: sAMAccountName, mailNickname, `DOMAIN\user`.
    Account,
    /// Proxy addresses with their prefix.
    ProxyAddress,
    /// Phone, fax, detail of an MFA call.
    Phone,
    /// Street, postal code, city of a profile.
    PostalAddress,
    /// Country, usage location, language.
    Country,
    /// Department, job title, office, company, employee id.
    Job,
    /// Manager, direct reports.
    PersonLink,
    /// Extension attributes, custom security attributes.
    FreeAttribute,
    /// Object id of a user or of an object of unknown type.
    ObjectId,
    /// Immutable id, source anchor.
    Anchor,
    /// PUID, NetID, user key.
    Puid,
    /// Active Directory SID.
    Sid,
    /// S-1-12-1 SID.
    EntraSid,
    /// Device id, object id of a device.
    DeviceId,
    /// Device name, host name.
    Host,
    /// Serial number, IMEI, hardware hash, physical ids.
    HardwareId,
    /// Operating system, version, model, trust type, compliance.
    Platform,
    /// Distinguished name.
    Dn,
    /// Organizational unit, container.
    OrgUnit,
    /// Object id of a group.
    GroupId,
    /// Name of a group.
    GroupName,
    /// Description of a group, dynamic membership rule.
    GroupText,
    /// Administrative unit.
    AdminUnit,
    /// Application id, service principal id.
    AppId,
    /// Ids that Microsoft publishes: first-party applications, role templates, permissions, SKUs, AAGUIDs.
    PublicId,
    /// Name of an application, redirect URI.
    AppName,
    /// Key or password credential without its value.
    Credential,
    /// Name of a policy or of a named location.
    PolicyName,
    /// Address range of a named location.
    Network,
    /// Tenant id.
    TenantId,
    /// Verified domain, tenant domain.
    Domain,
    /// Tenant id or domain of another organization.
    Partner,
    /// IP address of a user or a host.
    IpAddress,
    /// IP address of a risk detection.
    RiskIp,
    /// Autonomous system number.
    Asn,
    /// MAC address.
    MacAddress,
    /// City, state, coordinates of a sign-in.
    Place,
    /// User agent.
    UserAgent,
    /// Time of an event.
    EventTime,
    /// Creation, password change, hire date.
    ProfileTime,
    /// Correlation, request, activity and token ids.
    TraceId,
    /// Error codes, states, results, ids of policies and jobs.
    Fact,
    /// Messages, reasons, descriptions.
    Text,
    /// Old and new values of an audit record.
    ModifiedValue,
    /// Risk state, level and detail.
    RiskDetail,
    /// Thumbprint of a certificate of a user or a device.
    Thumbprint,
    /// Thumbprint of a federation or application certificate.
    PublicThumbprint,
    /// Certificate body.
    Certificate,
    /// ETag, next link, delta link, `@odata.id`.
    Paging,
    /// URLs.
    Url,
    /// Mail subject, file name, site path.
    Content,
    /// Secrets of any sort.
    Secret,
    /// Flags, lints and length bands of `meta/entities.jsonl`.
    Lint,
}

/// One row of the kinds table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The kind.
    pub kind: Kind,
    /// Its id in catalogue and policy.
    pub id: &'static str,
    /// What values of this kind are, in words for a privacy officer.
    pub holds: &'static str,
    /// Microsoft's data class.
    pub class: Class,
}

/// Every kind, in the order of [`Kind`].
pub static KINDS: &[Spec] = &[
    Spec { kind: Kind::Upn, id: "upn", holds: "UPN, mail, SIP and claims logins", class: Class::Euii },
    Spec { kind: Kind::PersonName, id: "person_name", holds: "display name of a person", class: Class::Euii },
    Spec { kind: Kind::NamePart, id: "name_part", holds: "given name, surname", class: Class::Euii },
    Spec {
        kind: Kind::Account,
        id: "account",
        holds: "sAMAccountName, mailNickname, `DOMAIN\\user`",
        class: Class::Euii,
    },
    Spec {
        kind: Kind::ProxyAddress,
        id: "proxy_address",
        holds: "proxy addresses with their prefix",
        class: Class::Euii,
    },
    Spec { kind: Kind::Phone, id: "phone", holds: "phone, fax, detail of an MFA call", class: Class::Euii },
    Spec {
        kind: Kind::PostalAddress,
        id: "postal_address",
        holds: "street, postal code, city of a profile",
        class: Class::Euii,
    },
    Spec {
        kind: Kind::Country,
        id: "country",
        holds: "country, usage location, language",
        class: Class::Quasi,
    },
    Spec {
        kind: Kind::Job,
        id: "job",
        holds: "department, job title, office, company, employee id",
        class: Class::Quasi,
    },
    Spec { kind: Kind::PersonLink, id: "person_link", holds: "manager, direct reports", class: Class::Eupi },
    Spec {
        kind: Kind::FreeAttribute,
        id: "free_attribute",
        holds: "extension attributes, custom security attributes",
        class: Class::Content,
    },
    Spec {
        kind: Kind::ObjectId,
        id: "object_id",
        holds: "object id of a user or of an object of unknown type",
        class: Class::Eupi,
    },
    Spec { kind: Kind::Anchor, id: "anchor", holds: "immutable id, source anchor", class: Class::Eupi },
    Spec { kind: Kind::Puid, id: "puid", holds: "PUID, NetID, user key", class: Class::Eupi },
    Spec { kind: Kind::Sid, id: "sid", holds: "Active Directory SID", class: Class::Eupi },
    Spec { kind: Kind::EntraSid, id: "entra_sid", holds: "S-1-12-1 SID", class: Class::Eupi },
    Spec {
        kind: Kind::DeviceId,
        id: "device_id",
        holds: "device id, object id of a device",
        class: Class::Eupi,
    },
    Spec { kind: Kind::Host, id: "host", holds: "device name, host name", class: Class::Euii },
    Spec {
        kind: Kind::HardwareId,
        id: "hardware_id",
        holds: "serial number, IMEI, hardware hash, physical ids",
        class: Class::Euii,
    },
    Spec {
        kind: Kind::Platform,
        id: "platform",
        holds: "operating system, version, model, trust type, compliance",
        class: Class::System,
    },
    Spec { kind: Kind::Dn, id: "dn", holds: "distinguished name", class: Class::Euii },
    Spec { kind: Kind::OrgUnit, id: "org_unit", holds: "organizational unit, container", class: Class::Oii },
    Spec { kind: Kind::GroupId, id: "group_id", holds: "object id of a group", class: Class::Oii },
    Spec { kind: Kind::GroupName, id: "group_name", holds: "name of a group", class: Class::Oii },
    Spec {
        kind: Kind::GroupText,
        id: "group_text",
        holds: "description of a group, dynamic membership rule",
        class: Class::Oii,
    },
    Spec { kind: Kind::AdminUnit, id: "admin_unit", holds: "administrative unit", class: Class::Oii },
    Spec {
        kind: Kind::AppId,
        id: "app_id",
        holds: "application id, service principal id",
        class: Class::Oii,
    },
    Spec {
        kind: Kind::PublicId,
        id: "public_id",
        holds: "ids that Microsoft publishes: first-party applications, role templates, permissions, SKUs, AAGUIDs",
        class: Class::System,
    },
    Spec {
        kind: Kind::AppName,
        id: "app_name",
        holds: "name of an application, redirect URI",
        class: Class::Oii,
    },
    Spec {
        kind: Kind::Credential,
        id: "credential",
        holds: "key or password credential without its value",
        class: Class::Secret,
    },
    Spec {
        kind: Kind::PolicyName,
        id: "policy_name",
        holds: "name of a policy or of a named location",
        class: Class::Oii,
    },
    Spec {
        kind: Kind::Network,
        id: "network",
        holds: "address range of a named location",
        class: Class::Oii,
    },
    Spec { kind: Kind::TenantId, id: "tenant_id", holds: "tenant id", class: Class::Oii },
    Spec { kind: Kind::Domain, id: "domain", holds: "verified domain, tenant domain", class: Class::Oii },
    Spec {
        kind: Kind::Partner,
        id: "partner",
        holds: "tenant id or domain of another organization",
        class: Class::Oii,
    },
    Spec {
        kind: Kind::IpAddress,
        id: "ip_address",
        holds: "IP address of a user or a host",
        class: Class::Euii,
    },
    Spec { kind: Kind::RiskIp, id: "risk_ip", holds: "IP address of a risk detection", class: Class::Euii },
    Spec { kind: Kind::Asn, id: "asn", holds: "autonomous system number", class: Class::Quasi },
    Spec { kind: Kind::MacAddress, id: "mac_address", holds: "MAC address", class: Class::Euii },
    Spec {
        kind: Kind::Place,
        id: "place",
        holds: "city, state, coordinates of a sign-in",
        class: Class::Quasi,
    },
    Spec { kind: Kind::UserAgent, id: "user_agent", holds: "user agent", class: Class::Quasi },
    Spec { kind: Kind::EventTime, id: "event_time", holds: "time of an event", class: Class::System },
    Spec {
        kind: Kind::ProfileTime,
        id: "profile_time",
        holds: "creation, password change, hire date",
        class: Class::Quasi,
    },
    Spec {
        kind: Kind::TraceId,
        id: "trace_id",
        holds: "correlation, request, activity and token ids",
        class: Class::System,
    },
    Spec {
        kind: Kind::Fact,
        id: "fact",
        holds: "error codes, states, results, ids of policies and jobs",
        class: Class::System,
    },
    Spec { kind: Kind::Text, id: "text", holds: "messages, reasons, descriptions", class: Class::Text },
    Spec {
        kind: Kind::ModifiedValue,
        id: "modified_value",
        holds: "old and new values of an audit record",
        class: Class::Content,
    },
    Spec {
        kind: Kind::RiskDetail,
        id: "risk_detail",
        holds: "risk state, level and detail",
        class: Class::System,
    },
    Spec {
        kind: Kind::Thumbprint,
        id: "thumbprint",
        holds: "thumbprint of a certificate of a user or a device",
        class: Class::Eupi,
    },
    Spec {
        kind: Kind::PublicThumbprint,
        id: "public_thumbprint",
        holds: "thumbprint of a federation or application certificate",
        class: Class::System,
    },
    Spec { kind: Kind::Certificate, id: "certificate", holds: "certificate body", class: Class::Euii },
    Spec {
        kind: Kind::Paging,
        id: "paging",
        holds: "ETag, next link, delta link, `@odata.id`",
        class: Class::System,
    },
    Spec { kind: Kind::Url, id: "url", holds: "URLs", class: Class::Content },
    Spec {
        kind: Kind::Content,
        id: "content",
        holds: "mail subject, file name, site path",
        class: Class::Content,
    },
    Spec { kind: Kind::Secret, id: "secret", holds: "secrets of any sort", class: Class::Secret },
    Spec {
        kind: Kind::Lint,
        id: "lint",
        holds: "flags, lints and length bands of `meta/entities.jsonl`",
        class: Class::Derived,
    },
];

impl Kind {
    /// Number of kinds.
    pub const COUNT: usize = KINDS.len();

    /// The row of this kind.
    pub fn spec(self) -> &'static Spec {
        &KINDS[self as usize]
    }

    /// The id in catalogue and policy.
    pub fn id(self) -> &'static str {
        self.spec().id
    }

    /// The kind of an id.
    pub fn parse(id: &str) -> Option<Kind> {
        KINDS.iter().find(|spec| spec.id == id).map(|spec| spec.kind)
    }

    /// All kinds in order.
    pub fn all() -> impl Iterator<Item = Kind> {
        KINDS.iter().map(|spec| spec.kind)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSet(u64);

impl KindSet {
    /// No kind.
    pub const EMPTY: KindSet = KindSet(0);

    /// The set of the given kinds.
    pub const fn of(kinds: &[Kind]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u32;
            at += 1;
        }
        KindSet(bits)
    }

    /// Adds a kind.
    pub fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u32;
    }

    /// Whether the kind is in the set.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// The kinds in both sets.
    #[must_use]
    pub const fn intersect(self, other: KindSet) -> KindSet {
        KindSet(self.0 & other.0)
    }

    /// Whether there is no kind.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in order.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::all().filter(move |kind| self.contains(*kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        const { assert!(KINDS.len() <= 64) };
        let mut set = KindSet::of(&[Kind::Upn]);
        set.insert(Kind::Lint);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Kind::Upn, Kind::Lint]);
        assert!(set.intersect(KindSet::EMPTY).is_empty());
    }

    #[test]
    fn the_table_has_the_order_of_the_enum_and_the_ids_of_serde() {
        for (index, spec) in KINDS.iter().enumerate() {
            assert_eq!(spec.kind as usize, index);
            assert_eq!(serde_json::to_value(spec.kind).unwrap(), spec.id);
            assert_eq!(Kind::parse(spec.id), Some(spec.kind));
        }
    }
}
