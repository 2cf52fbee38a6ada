//! The resolved policy: catalogue × policy. It says for every field what happens to it, and for
//! every kind what happens to a value found anywhere.
//!
//! Order of precedence: locked (secrets) > exception with fewer wildcards > exception with a condition >
//! exception later in the chain > rule of the kind; ties go to the stricter. An exception that would show more than it
//! replaces works only with a ticket and up to its last day; everywhere else it is ignored.

mod cases;
mod settle;

use super::Parts;
use super::policy::model::{Decoder, Outside, Private};
use super::policy::selector::{Selector, States};
use super::policy::treatment::Treatment;
use super::policy::{ExceptionRule, Policy};
use crate::catalogue::{Catalogue, Grammar, TypeId};
use crate::error::{Error, Result};
use crate::kind::{Kind, KindSet};
pub use cases::REST;
use jiff::civil::Date;

/// Part of a place that a field of kind `place` holds, told by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacePart {
    /// City, town.
    City,
    /// State, province, region.
    State,
    /// Latitude, longitude, altitude.
    Coordinate,
    /// Anything else; may be `City, State, Country` in one text.
    Mixed,
}

/// What happens to the values of one field.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// What the values are.
    pub kind: Kind,
    /// What happens.
    pub treatment: Treatment,
    /// What a kept value looks like.
    pub grammar: Option<Grammar>,
    /// Whether a fitting value is not scanned.
    pub verbatim: bool,
    /// Part of a place.
    pub place: PlacePart,
}

/// What happens to a member.
#[derive(Clone, Debug)]
pub enum Settled {
    /// Removed whole.
    Drop(Option<Kind>),
    /// Its members have rules of their own.
    Object(Option<TypeId>),
    /// A sibling says what it is.
    By {
        /// Folded name of the sibling.
        sibling: String,
        /// The type whose members are the possible names.
        table: TypeId,
    },
    /// A value.
    Leaf(Leaf),
}

impl Settled {
    /// The treatment by which strictness is compared.
    pub fn treatment(&self) -> Treatment {
        match self {
            Settled::Drop(_) => Treatment::Drop,
            Settled::Object(_) | Settled::By { .. } => Treatment::Parse(super::policy::model::Decoder::Json),
            Settled::Leaf(leaf) => leaf.treatment,
        }
    }
}

/// A policy joined with the catalogue.
#[derive(Debug)]
pub struct Rules {
    catalogue: &'static Catalogue,
    policy: Policy,
    today: Option<Date>,
    kinds: Vec<Treatment>,
    exceptions: Vec<ExceptionRule>,
    treated: KindSet,
    entities: KindSet,
    parts: Parts,
}

/// Kinds whose GUIDs name an entity of the directory.
const ENTITY_KINDS: KindSet = KindSet::of(&[
    Kind::ObjectId,
    Kind::PersonLink,
    Kind::Anchor,
    Kind::EntraSid,
    Kind::DeviceId,
    Kind::GroupId,
    Kind::AdminUnit,
    Kind::AppId,
]);

impl Rules {
    /// Joins policy and catalogue where the day is not known: loosening rules do not work.
    pub fn resolve(policy: &Policy, catalogue: &'static Catalogue) -> Result<Rules> {
        Rules::resolve_on(policy, catalogue, None)
    }

    /// Joins policy and catalogue. `today` is a day `YYYY-MM-DD` (or a time that begins with one);
    /// loosening rules work up to their last day. An exception that does not fit a field it names,
    /// or that loosens without ticket and last day, is a usage error.
    pub fn resolve_on(policy: &Policy, catalogue: &'static Catalogue, today: Option<&str>) -> Result<Rules> {
        let rules = Rules::join(policy, catalogue, today)?;
        match rules.wrong_exceptions().into_iter().next() {
            Some((index, wrong)) => Err(wrong.into_error(&rules.exceptions[index].origin)),
            None => Ok(rules),
        }
    }

    /// Joins policy and catalogue without looking at exceptions that do not fit; those never work.
    pub fn join(policy: &Policy, catalogue: &'static Catalogue, today: Option<&str>) -> Result<Rules> {
        let today = match today {
            Some(text) => Some(
                text.get(..10)
                    .and_then(|day| day.parse().ok())
                    .ok_or_else(|| Error::usage("the day of the policy check is no date"))?,
            ),
            None => None,
        };
        let kinds: Vec<Treatment> =
            Kind::all().map(|kind| policy.rule(kind).in_force(today).treatment).collect();
        let (mut treated, mut entities) = (KindSet::EMPTY, KindSet::EMPTY);
        for kind in Kind::all() {
            let hidden = match kinds[kind as usize] {
                Treatment::Drop
                | Treatment::Redact
                | Treatment::Random
                | Treatment::Pseudonymize
                | Treatment::Hash(_)
                | Treatment::Mask(_) => true,
                Treatment::Parse(Decoder::Cert) => true,
                Treatment::Generalize(_) => {
                    matches!(kind, Kind::IpAddress | Kind::RiskIp | Kind::Network | Kind::Dn)
                }
                _ => false,
            };
            if hidden {
                treated.insert(kind);
            }
            if ENTITY_KINDS.contains(kind) && kinds[kind as usize] == Treatment::Pseudonymize {
                entities.insert(kind);
            }
        }
        let hides = |kind: Kind| kinds[kind as usize] != Treatment::Keep;
        let parts = Parts {
            account: hides(Kind::Account),
            domain: hides(Kind::Domain),
            consumer: !policy.keeps_consumer_mail(),
            host: hides(Kind::Host),
            person: hides(Kind::PersonName),
            org: hides(Kind::OrgUnit),
        };
        Ok(Rules {
            catalogue,
            today,
            kinds,
            exceptions: policy.exceptions().to_vec(),
            treated,
            entities,
            parts,
            policy: policy.clone(),
        })
    }

    /// Kinds whose originals may not appear in the output: pseudonymised, dropped or redacted.
    pub fn treated(&self) -> KindSet {
        self.treated
    }

    /// Kinds whose GUIDs are pseudonymised wherever they stand.
    pub fn entities(&self) -> KindSet {
        self.entities
    }

    /// The treatment of a kind.
    pub fn treatment(&self, kind: Kind) -> Treatment {
        self.kinds[kind as usize]
    }

    /// Which components of composite values are hidden.
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// What happens to kept values outside their grammar.
    pub fn outside(&self) -> Outside {
        self.policy.outside()
    }

    /// Treatment of private addresses.
    pub fn private_addresses(&self) -> Private {
        self.policy.private_addresses()
    }

    /// Whether private addresses stay readable.
    pub fn keeps_private_addresses(&self) -> bool {
        self.private_addresses() == Private::Keep
    }

    /// Whether addresses of risk detections stay readable wherever they stand.
    pub fn keeps_risky_addresses(&self) -> bool {
        self.policy.file().ip.keep_risky
    }

    /// Whether domains of consumer mail stay readable.
    pub fn keeps_consumer_mail(&self) -> bool {
        self.policy.keeps_consumer_mail()
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &'static Catalogue {
        self.catalogue
    }

    /// The day on which the rules were resolved.
    pub fn today(&self) -> Option<Date> {
        self.today
    }

    /// The exceptions that can apply to a dataset, at their first step.
    pub fn start(&self, dataset: &str) -> States {
        let all: Vec<(u16, &Selector)> = self
            .exceptions
            .iter()
            .zip(0u16..)
            .filter(|(rule, _)| rule.says.dataset == "*" || rule.says.dataset == dataset)
            .map(|(rule, index)| (index, &rule.selector))
            .collect();
        States::start(&all)
    }

    /// The selector of an exception.
    pub fn selector(&self, index: u16) -> &Selector {
        &self.exceptions[usize::from(index)].selector
    }

    /// The exceptions.
    pub fn exceptions(&self) -> &[ExceptionRule] {
        &self.exceptions
    }
}
