//! Order: what the order of records and of list elements may tell.
//!
//! The order in which a service or a file gives objects is that of the directory: it would tell which
//! pseudonym is the first user. Records without a time of their own are therefore written in the order
//! of their output, and lists of references likewise. Where order means something, it stays.

use super::{Catalogue, Dataset, Field, Layout};
use crate::kind::Kind;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::OnceLock;

/// The order in which the records of a dataset are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// By the output of the key, then by the output of the record: of what has no time of its own.
    Token,
    /// By the time of the record, then by its output: of events.
    Time,
    /// As they came: lines of a log, sections of a document.
    Given,
}

impl Dataset {
    /// The order of its records: the one that its row names; else by time where the row names one, by
    /// token where it does not, and as given in text and XML.
    pub fn order(&self) -> Order {
        match (self.order, self.layout) {
            (Some(order), _) => order,
            (None, Layout::Text | Layout::Xml) => Order::Given,
            (None, Layout::Jsonl) if self.time.is_empty() => Order::Token,
            (None, Layout::Jsonl) => Order::Time,
        }
    }
}

/// Record types whose lists are sets: references to entities in no order of their own.
const SETS: &str = include_str!("sets.json");

fn sets() -> &'static HashSet<String> {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    NAMES.get_or_init(|| serde_json::from_str(SETS).expect("the embedded table is tested to be valid"))
}

/// The bytes of the table, for the digest of the catalogue.
pub(super) const TABLE: &str = SETS;

impl Catalogue {
    /// Whether a list at this field is a set of references, so that its elements are written in the
    /// order of their output: every list of values that name entities, and the lists of objects of the
    /// types that `sets.json` names. Every other order means something (policies applied, steps of an
    /// authentication, changed properties) and stays.
    pub fn is_set(&self, field: &Field) -> bool {
        match field {
            Field::Value { kind, .. } => names_entities(*kind),
            Field::Object(of) => sets().contains(&self.record_type(*of).name),
            Field::By { .. } | Field::Drop => false,
        }
    }
}

fn names_entities(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Account
            | Kind::AdminUnit
            | Kind::Anchor
            | Kind::AppId
            | Kind::DeviceId
            | Kind::Dn
            | Kind::Domain
            | Kind::EntraSid
            | Kind::FreeAttribute
            | Kind::GroupId
            | Kind::GroupName
            | Kind::HardwareId
            | Kind::Host
            | Kind::ObjectId
            | Kind::OrgUnit
            | Kind::Partner
            | Kind::PersonLink
            | Kind::PersonName
            | Kind::ProxyAddress
            | Kind::Puid
            | Kind::Sid
            | Kind::TenantId
            | Kind::Upn
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_table_is_a_type() {
        for name in sets() {
            assert!(Catalogue::builtin().type_named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn references_are_sets_and_sequences_are_not() {
        let catalogue = Catalogue::builtin();
        let field = |of: &str, member: &str| {
            let of = catalogue.record_type(catalogue.type_named(of).unwrap());
            of.field(member).unwrap().clone()
        };
        for (of, member) in
            [("group", "members"), ("group", "owners"), ("user", "proxyAddresses"), ("user", "manager")]
        {
            assert!(catalogue.is_set(&field(of, member)), "{of} {member}");
        }
        for (of, member) in [
            ("signIn", "appliedConditionalAccessPolicies"),
            ("signIn", "authenticationDetails"),
            ("targetResource", "modifiedProperties"),
            ("directoryAudit", "targetResources"),
        ] {
            assert!(!catalogue.is_set(&field(of, member)), "{of} {member}");
        }
    }

    #[test]
    fn events_come_by_time_objects_by_token_and_text_as_given() {
        let order = |id: &str| Catalogue::builtin().dataset(id).unwrap().order();
        for id in ["users", "groups", "devices", "domains", "conditional_access_policies", "aadc_csexport"] {
            assert_eq!(order(id), Order::Token, "{id}");
        }
        for id in ["signins_interactive_user", "directory_audits", "adfs_admin"] {
            assert_eq!(order(id), Order::Time, "{id}");
        }
        for id in ["aadc_wizard_trace", "dsregcmd_status", "aadc_miiserver_config"] {
            assert_eq!(order(id), Order::Given, "{id}");
        }
    }
}
