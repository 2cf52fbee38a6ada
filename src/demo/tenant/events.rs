//! What happened: the plain fact of every sign-in (who, where, what came of it), from its index alone.
//!
//! Three scenes are played at fixed places of the log, and every so often a sign-in carries a risk,
//! so that the other logs can refer to them.

use super::clock::DAY;
use super::random::{Guid, Random};
use super::tables::{Agent, Outcome, Place};
use super::{Tenant, risk};

/// The four kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignInKind {
    /// A person at a screen.
    Interactive,
    /// A program on behalf of a person.
    NonInteractive,
    /// A service principal.
    ServicePrincipal,
    /// A managed identity.
    ManagedIdentity,
}

impl SignInKind {
    /// All kinds.
    pub const ALL: [SignInKind; 4] = [
        SignInKind::Interactive,
        SignInKind::NonInteractive,
        SignInKind::ServicePrincipal,
        SignInKind::ManagedIdentity,
    ];

    /// The dataset that holds them.
    pub const fn dataset(self) -> &'static str {
        match self {
            SignInKind::Interactive => "signins_interactive_user",
            SignInKind::NonInteractive => "signins_non_interactive_user",
            SignInKind::ServicePrincipal => "signins_service_principal",
            SignInKind::ManagedIdentity => "signins_managed_identity",
        }
    }

    /// The kind a dataset holds.
    pub fn of_dataset(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.dataset() == id)
    }

    /// The value of `signInEventTypes`.
    pub const fn event_type(self) -> &'static str {
        match self {
            SignInKind::Interactive => "interactiveUser",
            SignInKind::NonInteractive => "nonInteractiveUser",
            SignInKind::ServicePrincipal => "servicePrincipal",
            SignInKind::ManagedIdentity => "managedIdentity",
        }
    }

    /// Whether a user signs in.
    pub(super) fn is_user(self) -> bool {
        matches!(self, SignInKind::Interactive | SignInKind::NonInteractive)
    }
}

/// The plain fact of a sign-in.
pub struct Event<'a> {
    /// Kind.
    pub kind: SignInKind,
    /// Seconds since 1970.
    pub second: i64,
    /// Ticks of 100 ns within the second.
    pub ticks: u64,
    /// Request id.
    pub id: Guid,
    /// Correlation id.
    pub correlation: Guid,
    /// Who; for users only.
    pub person: Option<usize>,
    /// Index of the application.
    pub app: usize,
    /// Result.
    pub outcome: &'a Outcome,
    /// Where.
    pub place: &'a Place,
    /// Address.
    pub address: String,
    /// With what program.
    pub agent: &'a Agent,
    /// Risk type, as an index of [`risk::TYPES`].
    pub risk: Option<usize>,
    /// Further chance of this event.
    pub random: Random,
}

/// Addresses of attackers.
pub const ATTACKER: &str = "192.0.2.66";

/// A sign-in that a scene lays down: user, application, error, city, address.
struct Scene {
    upn: &'static str,
    app: &'static str,
    code: u32,
    place: usize,
    address: Option<&'static str>,
}

/// Failed attempts of one address against one account, and then one that works.
const GUESSING: [u32; 7] = [50126, 50126, 50126, 50126, 50126, 50053, 0];
/// One person in three cities within the hour.
const TRAVEL: [usize; 3] = [0, 7, 6];
/// Where in the log the scenes stand, in percent.
const DEVICE_AT: usize = 70;
const GUESSING_AT: usize = 80;
const TRAVEL_AT: usize = 90;

impl Tenant {
    /// The index of the first sign-in of a scene.
    fn scene_start(&self, percent: usize) -> usize {
        self.scale.sign_ins * percent / 100
    }

    /// The sign-in at the Device Registration Service whose correlation the audits share.
    pub(super) fn device_registration(&self) -> Event<'_> {
        self.event(self.scene_start(DEVICE_AT))
    }

    /// The sign-in that works after the wrong passwords.
    pub(super) fn guessed(&self) -> Event<'_> {
        self.event(self.scene_start(GUESSING_AT) + GUESSING.len() - 1)
    }

    /// The first and the second city of the travelling account.
    pub(super) fn travelled(&self) -> (Event<'_>, Event<'_>) {
        let start = self.scene_start(TRAVEL_AT);
        (self.event(start), self.event(start + 1))
    }

    fn scene(&self, index: usize) -> Option<Scene> {
        let within = |percent, length| {
            let start = self.scene_start(percent);
            (start..start + length).contains(&index).then(|| index - start)
        };
        if let Some(step) = within(GUESSING_AT, GUESSING.len()) {
            let code = GUESSING[step];
            let upn = "mark.price@contoso.com";
            return Some(Scene { upn, app: "OfficeHome", code, place: 6, address: Some(ATTACKER) });
        }
        if let Some(step) = within(TRAVEL_AT, TRAVEL.len()) {
            let address = (step > 0).then_some(if step == 1 { "192.0.2.77" } else { "192.0.2.78" });
            let place = TRAVEL[step];
            return Some(Scene {
                upn: "hope.young@contoso.com",
                app: "Microsoft Teams",
                code: 0,
                place,
                address,
            });
        }
        within(DEVICE_AT, 1).map(|_| Scene {
            upn: "rose.may@contoso.com",
            app: "Device Registration Service",
            code: 0,
            place: 1,
            address: None,
        })
    }

    /// The risk type that the sign-in carries.
    fn risk_of(&self, index: usize) -> Option<usize> {
        let every = (self.scale.sign_ins / 40).max(1);
        (index % every == 3 && self.scene(index).is_none()).then(|| (index / every) % risk::TYPES.len())
    }

    /// Indexes of the sign-ins that carry a risk.
    pub(super) fn risky_sign_ins(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.scale.sign_ins).filter(|index| self.risk_of(*index).is_some())
    }

    /// The kind of a sign-in.
    pub fn sign_in_kind(&self, index: usize) -> SignInKind {
        if self.scene(index).is_some() || self.risk_of(index).is_some() {
            return SignInKind::Interactive;
        }
        match self.random("kind of sign-in", index).below(100) {
            0..34 => SignInKind::Interactive,
            34..78 => SignInKind::NonInteractive,
            78..93 => SignInKind::ServicePrincipal,
            _ => SignInKind::ManagedIdentity,
        }
    }

    /// The plain fact of a sign-in.
    pub(super) fn event(&self, index: usize) -> Event<'_> {
        let kind = self.sign_in_kind(index);
        let mut random = self.random("sign-in", index);
        // At most one every two minutes, so that a scene never takes longer than its story.
        let span = (7 * DAY).min(self.scale.sign_ins as i64 * 120) as u64 * 10_000_000;
        let step = span / self.scale.sign_ins as u64;
        let at = index as u64 * step + random.below(step);
        let start = self.clock.ago((span / 10_000_000) as i64);
        let directory = &self.directory;
        let scene = self.scene(index);
        let person = kind.is_user().then(|| match &scene {
            Some(scene) => directory.person(scene.upn),
            None => directory.anyone(&mut random),
        });
        let first = self.tables.apps.interactive;
        let own = self.tables.apps.first_party.len();
        let managed = own + self.tables.apps.own.len();
        let app = match (kind, &scene) {
            (_, Some(scene)) => directory.apps.iter().position(|app| app.name == scene.app).unwrap_or(0),
            (SignInKind::ManagedIdentity, _) => managed + random.index(directory.apps.len() - managed),
            (SignInKind::ServicePrincipal, _) => own + random.index(managed - own),
            // People sign in to the tenant's own applications, too.
            _ if random.chance(25) => own + random.index(managed - own),
            _ => random.index(first),
        };
        let agents = &self.tables.agents;
        let legacy = agents.iter().filter(|agent| agent.legacy).count();
        let agent = match &scene {
            Some(_) => 1,
            None if kind.is_user() && random.chance(4) => agents.len() - legacy + random.index(legacy),
            None => random.index(agents.len() - legacy),
        };
        let outcomes =
            if kind.is_user() { &self.tables.outcomes.user } else { &self.tables.outcomes.workload };
        let code = match (&scene, person.map(|at| &directory.people[at])) {
            (Some(scene), _) => Some(scene.code),
            (None, Some(person)) if !person.enabled => Some(50057),
            (None, Some(_)) if agents[agent].legacy => Some(53003),
            _ => None,
        };
        let total: u64 = outcomes.iter().map(|outcome| outcome.weight).sum();
        let mut drawn = random.below(total);
        let drawn = outcomes.iter().position(|outcome| {
            let hit = drawn < outcome.weight;
            drawn = drawn.saturating_sub(outcome.weight);
            hit
        });
        let outcome = match code {
            Some(code) => outcomes.iter().position(|outcome| outcome.code == code),
            None => drawn,
        };
        let risk = self.risk_of(index);
        let home = person.map(|at| &directory.people[at]);
        let place = match (&scene, home) {
            (Some(scene), _) => scene.place,
            (None, Some(home)) if risk.is_none() && random.chance(92) => home.place,
            _ => random.index(self.tables.places.len()),
        };
        let place = &self.tables.places[place];
        let address = match (scene.and_then(|scene| scene.address), home) {
            (Some(address), _) => address.to_owned(),
            (None, _) if risk.is_some() => format!("192.0.2.{}", 100 + random.below(100)),
            (None, Some(home)) if random.chance(45) => home.home_address.clone(),
            _ => place.office.clone(),
        };
        Event {
            kind,
            second: start + (at / 10_000_000) as i64,
            ticks: at % 10_000_000,
            id: random.guid(),
            correlation: random.guid(),
            person,
            app,
            outcome: &outcomes[outcome.unwrap_or(0)],
            place,
            address,
            agent: &agents[agent],
            risk,
            random,
        }
    }
}
