//! What the directory holds: domains, people, groups, devices, applications, principals, policies.
//! Plain values here; `objects.rs` and `policies.rs` give them the shape of Graph.

use super::Scale;
use super::clock::{Clock, DAY};
use super::people::{self, Person, Role};
use super::random::{Guid, Random};
use super::tables::Tables;

/// Tenant of Microsoft's own applications.
pub const MICROSOFT: &str = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";

/// Names of the organization.
pub struct Domains {
    /// Default domain.
    pub main: String,
    /// `….onmicrosoft.com`.
    pub initial: String,
    /// A federated domain.
    pub federated: String,
    /// Domain of the forest on premises.
    pub forest: String,
    /// NetBIOS name of the forest.
    pub netbios: String,
    /// SID of the forest's domain.
    pub sid: String,
    /// Host name of the synchronization server and domain controller.
    pub server: String,
    /// Host name of the other domain controller: the shortest that exists.
    pub controller: String,
    /// Account of the synchronization server in the cloud.
    pub sync_account: String,
    /// Account of the synchronization server in the forest.
    pub forest_account: String,
}

impl Domains {
    /// The forest as a distinguished name.
    pub fn dn(&self) -> String {
        self.forest.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(",")
    }
}

/// A group.
pub struct Group {
    /// Object id.
    pub id: Guid,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Rule of a dynamic group.
    pub rule: Option<String>,
    /// Assigns licences.
    pub licensing: bool,
    /// A Microsoft 365 group.
    pub unified: bool,
    /// SID of a synchronized group.
    pub sid: Option<String>,
}

/// How a device belongs to the tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Joined on premises and in the cloud.
    Hybrid,
    /// Joined in the cloud.
    Joined,
    /// Registered only.
    Registered,
}

/// A device.
pub struct Device {
    /// Object id.
    pub id: Guid,
    /// Device id.
    pub device_id: Guid,
    /// Display name.
    pub name: String,
    /// Trust.
    pub trust: Trust,
    /// Operating system and its version.
    pub system: (&'static str, &'static str),
    /// Owner, as an index of [`Directory::people`].
    pub owner: usize,
    /// Thumbprint of its certificate, 40 hex digits, upper case.
    pub thumbprint: String,
    /// Serial number.
    pub serial: String,
    /// Last sign-in, seconds since 1970.
    pub seen: i64,
}

/// An application with its principal in the tenant.
pub struct App {
    /// Application id.
    pub app_id: String,
    /// Object id of the application; of ours only.
    pub object_id: Option<Guid>,
    /// Object id of the service principal.
    pub principal: Guid,
    /// Name.
    pub name: String,
    /// A managed identity.
    pub managed: bool,
    /// Owned by Microsoft.
    pub first_party: bool,
}

/// Everything in the directory.
pub struct Directory {
    /// Tenant id.
    pub tenant: Guid,
    /// Names of the organization.
    pub domains: Domains,
    /// Accounts.
    pub people: Vec<Person>,
    /// Deleted accounts.
    pub deleted: Vec<Person>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Devices of each person.
    pub owned: Vec<Vec<usize>>,
    /// Applications: Microsoft's, own, managed identities, in this order.
    pub apps: Vec<App>,
    /// Cumulative Zipf weights of humans, with their indexes.
    pub popularity: (Vec<u64>, Vec<usize>),
}

impl Directory {
    /// Makes the directory.
    pub fn simulate(scale: &Scale, clock: &Clock, tables: &Tables) -> Directory {
        let mut random = Random::of(scale.seed, "tenant", 0);
        let tenant = random.guid();
        let serial = random.hex::<6>();
        let domains = Domains {
            main: "contoso.com".into(),
            initial: "contoso.onmicrosoft.com".into(),
            federated: "research.contoso.com".into(),
            forest: "corp.contoso.com".into(),
            netbios: "CONTOSO".into(),
            sid: format!(
                "S-1-5-21-{}-{}-{}",
                1_000_000_000 + random.below(3_000_000_000),
                1_000_000_000 + random.below(3_000_000_000),
                1_000_000_000 + random.below(3_000_000_000)
            ),
            server: "DC01".into(),
            controller: "ad".into(),
            sync_account: format!("Sync_DC01_{serial}@contoso.onmicrosoft.com"),
            forest_account: format!("MSOL_{serial}"),
        };
        let (people, deleted) = people::simulate(scale, clock, tables, &domains, tenant);
        let groups = groups(scale, &domains, tables);
        let devices = devices(scale, clock, &people);
        let mut owned = vec![Vec::new(); people.len()];
        for (at, device) in devices.iter().enumerate() {
            owned[device.owner].push(at);
        }
        let popularity = popularity(&people);
        let apps = apps(scale, tables);
        Directory { tenant, domains, people, deleted, groups, devices, owned, apps, popularity }
    }

    /// The person with this UPN; the scenes name them.
    pub fn person(&self, upn: &str) -> usize {
        self.people.iter().position(|person| person.upn == upn).unwrap_or(0)
    }

    /// The application of a name.
    pub fn app(&self, name: &str) -> &App {
        self.apps.iter().find(|app| app.name == name).unwrap_or(&self.apps[0])
    }

    /// A human, the popular ones more often.
    pub fn anyone(&self, random: &mut Random) -> usize {
        self.popularity.1[random.weighted(&self.popularity.0)]
    }

    /// Indexes of the people who play this part.
    pub fn playing(&self, role: Role) -> Vec<usize> {
        (0..self.people.len()).filter(|at| self.people[*at].role == role).collect()
    }
}

/// Zipf: the k-th of n people acts 1/k as often as the first.
fn popularity(people: &[Person]) -> (Vec<u64>, Vec<usize>) {
    let mut sum = 0;
    let mut weights = Vec::new();
    let mut indexes = Vec::new();
    for (at, _) in people.iter().enumerate().filter(|(_, person)| person.is_human()) {
        sum += 1_000_000 / (indexes.len() as u64 + 1);
        weights.push(sum);
        indexes.push(at);
    }
    (weights, indexes)
}

fn groups(scale: &Scale, domains: &Domains, tables: &Tables) -> Vec<Group> {
    let mut rows: Vec<(String, String, Option<String>, bool, bool)> = Vec::new();
    for department in &tables.names.departments {
        rows.push((
            format!("All {department}"),
            format!("Everybody in {department}"),
            Some(format!("(user.department -eq \"{department}\")")),
            false,
            false,
        ));
        rows.push((format!("{department} Team"), String::new(), None, false, true));
    }
    let text = |s: &str| s.to_owned();
    rows.extend([
        (text("LIC-M365-E5"), text("Licences; contact greta.schmidt@contoso.com"), None, true, false),
        (
            text("LIC-EntraP2"),
            text("Licences of Entra ID P2"),
            Some(text("(user.userType -eq \"Member\")")),
            true,
            false,
        ),
        (
            text("CA-Exclude"),
            text("Excluded from Conditional Access, see ticket of Rose May"),
            None,
            false,
            false,
        ),
        (text("Friends of Zoë Müller"), text("Farewell present, ask Grant Field"), None, false, true),
        (text("Domain Admins"), text("Synchronized"), None, false, false),
        (text("SSPR-Enabled"), text("Self-service password reset"), None, false, false),
        (text("sync"), text(""), None, false, false),
    ]);
    rows.into_iter()
        .enumerate()
        .map(|(at, (name, description, rule, licensing, unified))| Group {
            id: Random::of(scale.seed, "group", at as u64).guid(),
            sid: (name == "Domain Admins").then(|| format!("{}-512", domains.sid)),
            name,
            description,
            rule,
            licensing,
            unified,
        })
        .collect()
}

fn devices(scale: &Scale, clock: &Clock, people: &[Person]) -> Vec<Device> {
    let mut out = Vec::new();
    for (owner, person) in people.iter().enumerate().filter(|(_, p)| p.role == Role::Member) {
        let mut random = Random::of(scale.seed, "devices", owner as u64);
        let first = person.given.split(' ').next().unwrap_or_default();
        let laptop: String = random.hex::<4>()[..7].to_uppercase();
        let (trust, name) = match (owner, random.below(10)) {
            (1, _) => (Trust::Joined, "ad".to_owned()),
            (_, 0..=5) if person.on_premises.is_some() => (Trust::Hybrid, format!("LAPTOP-{laptop}")),
            (_, 0..=7) => (Trust::Joined, format!("DESKTOP-{laptop}")),
            // Host names are ASCII, whatever the name of the owner.
            _ => (Trust::Joined, format!("CON-{}-{owner:03}", people::ascii(&person.surname).to_uppercase())),
        };
        out.push(device(&mut random, clock, owner, trust, name, ("Windows", "10.0.26100.2314")));
        if person.upn.starts_with("greta.schmidt@") || random.chance(40) {
            let greta = person.upn.starts_with("greta.schmidt@");
            let (name, system) = if greta || random.chance(60) {
                (format!("{first}'s iPhone"), ("IPhone", "18.1"))
            } else {
                (format!("{first}_Android_{}", random.hex::<4>()), ("AndroidForWork", "15"))
            };
            out.push(device(&mut random, clock, owner, Trust::Registered, name, system));
        }
    }
    out
}

fn device(
    random: &mut Random,
    clock: &Clock,
    owner: usize,
    trust: Trust,
    name: String,
    system: (&'static str, &'static str),
) -> Device {
    Device {
        id: random.guid(),
        device_id: random.guid(),
        name,
        trust,
        system,
        owner,
        thumbprint: random.hex::<20>().to_uppercase(),
        serial: format!("5CG{}", random.hex::<4>()[..7].to_uppercase()),
        seen: clock.ago(random.below(20 * DAY as u64) as i64),
    }
}

fn apps(scale: &Scale, tables: &Tables) -> Vec<App> {
    let guid = |topic: &str, at: usize| Random::of(scale.seed, topic, at as u64).guid();
    let mut out: Vec<App> = Vec::new();
    for (at, (app_id, name)) in tables.apps.first_party.iter().enumerate() {
        out.push(App {
            app_id: app_id.clone(),
            object_id: None,
            principal: guid("first-party principal", at),
            name: name.clone(),
            managed: false,
            first_party: true,
        });
    }
    let ours = tables.apps.own.iter().map(|name| (name, false));
    for (at, (name, managed)) in ours.chain(tables.apps.managed.iter().map(|name| (name, true))).enumerate() {
        out.push(App {
            app_id: guid("app", at).to_string(),
            object_id: (!managed).then(|| guid("application", at)),
            principal: guid("principal", at),
            name: name.clone(),
            managed,
            first_party: false,
        });
    }
    out
}
