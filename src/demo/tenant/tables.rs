//! The embedded tables of the simulated tenant: where only values differ, they stand in JSON files
//! beside the code.

use serde::Deserialize;
use std::sync::OnceLock;

/// Names of people and what belongs to them.
#[derive(Deserialize)]
pub struct Names {
    /// Given names.
    pub given: Vec<String>,
    /// Surnames.
    pub surname: Vec<String>,
    /// Given name, surname, login of people who must exist.
    pub special: Vec<(String, String, String)>,
    /// Display name and UPN of administrators; most are words that logs are full of.
    pub administrators: Vec<(String, String)>,
    /// Display name and UPN of service accounts.
    pub services: Vec<(String, String)>,
    /// Given name, surname, login and home domain of guests who must exist.
    pub guests: Vec<(String, String, String, String)>,
    /// Home domains of the other guests.
    pub partners: Vec<String>,
    /// Departments; also the organizational units.
    pub departments: Vec<String>,
    /// Job titles.
    pub titles: Vec<String>,
}

/// A city with an office.
#[derive(Deserialize)]
pub struct Place {
    /// City.
    pub city: String,
    /// State or province; may be empty.
    pub state: String,
    /// Country, two letters.
    pub country: String,
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// Autonomous system of its addresses (RFC 5398 documentation range).
    pub asn: u32,
    /// Address of the office.
    pub office: String,
}

/// A client program.
#[derive(Deserialize)]
pub struct Agent {
    /// `clientAppUsed`.
    pub client: String,
    /// Browser as the log shows it.
    pub browser: String,
    /// Operating system as the log shows it.
    pub system: String,
    /// Runs on a phone.
    pub phone: bool,
    /// A legacy authentication protocol.
    pub legacy: bool,
    /// User agent.
    pub text: String,
}

/// Applications.
#[derive(Deserialize)]
pub struct Apps {
    /// Application id and name of Microsoft's applications.
    pub first_party: Vec<(String, String)>,
    /// How many of `first_party`, from the first, people sign in to.
    pub interactive: usize,
    /// Names of first-party applications that serve as resources.
    pub resources: Vec<String>,
    /// Names of the tenant's own applications.
    pub own: Vec<String>,
    /// Names of managed identities.
    pub managed: Vec<String>,
}

/// An outcome of a sign-in.
#[derive(Deserialize)]
pub struct Outcome {
    /// AADSTS code; 0 is success.
    pub code: u32,
    /// Text with `{app}`, `{appId}`, `{upn}`, `{name}`, `{domain}`, `{time}` to fill in.
    pub reason: String,
    /// How often, relative to the others.
    pub weight: u64,
    /// Conditional Access status.
    pub access: String,
    /// Additional details.
    #[serde(default)]
    pub details: Option<String>,
}

/// Outcomes of users and of workloads.
#[derive(Deserialize)]
pub struct Outcomes {
    /// Of users.
    pub user: Vec<Outcome>,
    /// Of service principals and managed identities.
    pub workload: Vec<Outcome>,
}

/// A sort of audit record.
#[derive(Clone, Deserialize)]
pub struct Activity {
    /// `loggedByService`.
    pub service: String,
    /// `category`.
    pub category: String,
    /// `activityDisplayName`, exactly.
    pub name: String,
    /// `operationType`.
    pub operation: String,
    /// What it is done to, in order: `user`, `group`, `application`, `principal`, `device`, `role`, `policy`, `location`, `domain`, `directory`, `set`.
    pub targets: Vec<String>,
    /// Who does it: `admin`, `self`, `substrate`, `sync`, or the name of a first-party application.
    pub actor: String,
    /// Names of the modified properties of the first target.
    #[serde(default)]
    pub properties: Vec<String>,
    /// Reason shown when it fails; without one it never fails.
    #[serde(default)]
    pub failure: Option<String>,
    /// How often in the bulk, relative to the others; 0 = the one mandatory record only.
    #[serde(default)]
    pub weight: u64,
}

/// All tables.
pub struct Tables {
    /// Names of people.
    pub names: Names,
    /// Cities.
    pub places: Vec<Place>,
    /// Client programs.
    pub agents: Vec<Agent>,
    /// Applications.
    pub apps: Apps,
    /// Outcomes of sign-ins.
    pub outcomes: Outcomes,
    /// Sorts of records of the directory audit log.
    pub activities: Vec<Activity>,
    /// Sorts of records of the custom security attribute audit log.
    pub attribute_activities: Vec<Activity>,
}

impl Tables {
    /// The tables, parsed once.
    pub fn get() -> &'static Tables {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES.get_or_init(|| {
            let all: Vec<Activity> = parse(include_str!("audits.json"));
            let (attribute_activities, activities) =
                all.into_iter().partition(|row| row.category == "AttributeManagement");
            Tables {
                names: parse(include_str!("names.json")),
                places: parse(include_str!("places.json")),
                agents: parse(include_str!("agents.json")),
                apps: parse(include_str!("apps.json")),
                outcomes: parse(include_str!("errors.json")),
                activities,
                attribute_activities,
            }
        })
    }
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("the embedded tables are tested to be valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_parse_and_hold_documentation_addresses_only() {
        let tables = Tables::get();
        assert!(tables.places.iter().all(|place| place.office.starts_with("203.0.113.")));
        assert!(tables.apps.interactive <= tables.apps.first_party.len());
        for name in &tables.apps.resources {
            assert!(tables.apps.first_party.iter().any(|(_, first)| first == name), "{name}");
        }
        assert!(!tables.attribute_activities.is_empty());
    }
}
