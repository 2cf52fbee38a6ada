//! The simulated tenant: Contoso, invented, deterministic.
//!
//! Everything is a pure function of a [`Scale`]: the same scale gives the same bytes. Objects are
//! made once and held; log records are made one at a time from their index, so that a tenant of
//! 250,000 sign-ins needs no more memory than one of 5,000. [`Tenant::collection`] serves Graph
//! shaped objects, [`Tenant::export`] writes the folder that a customer would hand in.
//!
//! Names are invented (`contoso.com`, `fabrikam.com`), addresses come from the documentation
//! ranges, ids of Microsoft's own applications and roles are the public ones.

mod audits;
mod client;
mod clock;
mod configuration;
mod directory;
mod events;
mod export;
mod health;
mod objects;
mod office;
mod onprem;
mod organization;
mod originals;
mod people;
mod policies;
mod portal;
mod provisioning;
mod random;
mod risk;
mod signins;
mod tables;

pub use events::SignInKind;
pub use export::README;
pub use originals::Original;
pub use random::Guid;

use clock::Clock;
use directory::Directory;
use random::Random;
use serde_json::Value;
use tables::Tables;

/// How large the tenant is, which of all possible ones it is, and when it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// People in the directory, deleted ones not counted; at least [`Scale::MIN_USERS`].
    pub users: usize,
    /// Sign-ins of all four kinds; at least [`Scale::MIN_SIGN_INS`].
    pub sign_ins: usize,
    /// Directory audits; at least one for every activity of the documented questions.
    pub audits: usize,
    /// Chooses the tenant.
    pub seed: u64,
    /// The end of the logs.
    pub now: jiff::Timestamp,
}

impl Scale {
    /// Fewer people than this cannot play all parts.
    pub const MIN_USERS: usize = 60;
    /// Fewer sign-ins than this cannot hold all scenes.
    pub const MIN_SIGN_INS: usize = 200;

    /// The size of the demonstration: 240 people, 5,000 sign-ins, 1,000 audits.
    pub fn new(now: jiff::Timestamp) -> Self {
        Scale { users: 240, sign_ins: 5_000, audits: 1_000, seed: 1, now }
    }
}

/// A simulated tenant.
pub struct Tenant {
    scale: Scale,
    clock: Clock,
    tables: &'static Tables,
    directory: Directory,
}

impl Tenant {
    /// Makes the tenant. Sizes below the smallest are raised to it.
    pub fn simulate(scale: &Scale) -> Tenant {
        let tables = Tables::get();
        let scale = Scale {
            users: scale.users.max(Scale::MIN_USERS),
            sign_ins: scale.sign_ins.max(Scale::MIN_SIGN_INS),
            audits: scale.audits.max(tables.activities.len()),
            ..*scale
        };
        let clock = Clock::new(scale.now);
        let directory = Directory::simulate(&scale, &clock, tables);
        Tenant { scale, clock, tables, directory }
    }

    /// The tenant id.
    pub fn id(&self) -> Guid {
        self.directory.tenant
    }

    /// The effective scale.
    pub fn scale(&self) -> &Scale {
        &self.scale
    }

    /// Chance of the thing `index` of the sort `topic`.
    fn random(&self, topic: &str, index: usize) -> Random {
        Random::of(self.scale.seed, topic, index as u64)
    }

    /// The objects of a dataset in the shape Microsoft Graph serves them, or `None` where the tenant
    /// has no such dataset. Sign-ins and audits come in ascending order of time. A singleton is a
    /// list of one.
    pub fn collection(&self, dataset: &str) -> Option<Vec<Value>> {
        if let Some(kind) = SignInKind::of_dataset(dataset) {
            return Some(self.sign_ins(kind).collect());
        }
        Some(match dataset {
            "directory_audits" => self.audits().collect(),
            "device_registration_audits" => self
                .audits()
                .filter(|audit| audit["loggedByService"] == "Device Registration Service")
                .collect(),
            "custom_security_attribute_audits" => self.attribute_audits().collect(),
            "audit_activity_types" => self.activity_types(),
            "provisioning_logs" => self.provisioning().collect(),
            "risk_detections" => self.risk_detections(),
            "risky_users" => self.risky_users(),
            "service_health_overviews" => self.health_overviews(),
            "service_health_issues" => self.health_issues(),
            "service_messages" => self.service_messages(),
            metric if health::METRICS.contains(&metric) => self.activity(metric),
            "o365_audit_azureactivedirectory" => self.office("AzureActiveDirectory"),
            "o365_audit_exchange" => self.office("Exchange"),
            "o365_audit_sharepoint" => self.office("SharePoint"),
            _ => return self.object_collection(dataset),
        })
    }

    /// The datasets that [`Tenant::collection`] knows, by id, sorted.
    pub fn datasets() -> Vec<&'static str> {
        let mut all = vec![
            "audit_activity_types",
            "custom_security_attribute_audits",
            "device_registration_audits",
            "directory_audits",
            "o365_audit_azureactivedirectory",
            "o365_audit_exchange",
            "o365_audit_sharepoint",
            "provisioning_logs",
            "risk_detections",
            "risky_users",
            "service_health_issues",
            "service_health_overviews",
            "service_messages",
        ];
        all.extend(SignInKind::ALL.map(SignInKind::dataset));
        all.extend(objects::DATASETS);
        all.sort_unstable();
        all
    }
}
