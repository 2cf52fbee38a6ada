//! `policy diff`: what one policy shows more or less of than another, by kind and by field.

use super::policy::treatment::Treatment;
use super::rules::{REST, Rules};
use super::survey::Surveyed;
use crate::catalogue::Stream;
use crate::error::Result;
use crate::kind::Kind;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Which way a change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The new treatment shows less.
    Stricter,
    /// The new treatment shows more.
    Looser,
    /// Another form of the same strictness, or one whose parts go both ways.
    Other,
}

/// A kind whose rule changed.
#[derive(Clone, Debug, Serialize)]
pub struct KindChange {
    /// The kind.
    pub kind: Kind,
    /// What happened.
    pub old: String,
    /// What happens.
    pub new: String,
    /// Which way it goes.
    pub direction: Direction,
}

/// A field that changed otherwise than its kind.
#[derive(Clone, Debug, Serialize)]
pub struct FieldChange {
    /// The datasets it stands in.
    pub datasets: Vec<String>,
    /// Path from the record, or `line:<pattern>`.
    pub path: String,
    /// In which records, where the policy changes it in some only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What its values are under the new policy.
    pub kind: Option<Kind>,
    /// What happened.
    pub old: String,
    /// What happens.
    pub new: String,
    /// Which way it goes.
    pub direction: Direction,
}

/// A choice beside the rules that changed.
#[derive(Clone, Debug, Serialize)]
pub struct ChoiceChange {
    /// Its place in the policy file.
    pub choice: &'static str,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
}

/// The difference of two policies.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Difference {
    /// Kinds, in their order.
    pub kinds: Vec<KindChange>,
    /// Fields, by path and datasets.
    pub fields: Vec<FieldChange>,
    /// Choices.
    pub choices: Vec<ChoiceChange>,
}

/// The fields of a stream by path and condition.
struct Fields(BTreeMap<(String, Option<String>), Surveyed>);

impl Fields {
    fn of(rules: &Rules, stream: &Stream) -> Fields {
        let rows = rules.survey(stream, false).into_iter();
        Fields(rows.map(|one| ((one.path.clone(), one.when.clone()), one)).collect())
    }

    /// What holds at a place: where nothing is said of the condition, the rule without one; where
    /// nothing is said of a line, the rule of free text.
    fn at(&self, place: &(String, Option<String>)) -> Option<&Surveyed> {
        let plain = || self.0.get(&(place.0.clone(), None));
        let text = || self.0.get(&(format!("/{REST}"), None)).filter(|_| place.0.starts_with("/line:"));
        self.0.get(place).or_else(plain).or_else(text)
    }
}

impl Difference {
    /// Compares the rules in force of two policies.
    pub fn of(old: &Rules, new: &Rules) -> Result<Difference> {
        let mut difference = Difference::default();
        for kind in Kind::all() {
            let (was, is) = (old.treatment(kind), new.treatment(kind));
            if was != is {
                difference.kinds.push(KindChange {
                    kind,
                    old: was.spelled(),
                    new: is.spelled(),
                    direction: direction(was, is),
                });
            }
        }
        let mut fields: BTreeMap<(String, Option<String>, String, String), FieldChange> = BTreeMap::new();
        let lines = |stream: &Stream| -> Vec<u16> {
            old.lines(&stream.dataset).iter().map(|(index, _)| *index).collect()
        };
        for alike in new.alike(|stream| (old.start(&stream.dataset), lines(stream))) {
            let (before, after) = (Fields::of(old, &alike.stream), Fields::of(new, &alike.stream));
            let places: BTreeSet<_> = before.0.keys().chain(after.0.keys()).collect();
            for place in places {
                let (Some(was), Some(now)) = (before.at(place), after.at(place)) else { continue };
                let by_kind = was.winner.is_none() && now.winner.is_none();
                if by_kind || (was.treatment == now.treatment && was.kind == now.kind) {
                    continue;
                }
                let change = FieldChange {
                    datasets: alike.datasets.clone(),
                    path: place.0.clone(),
                    when: place.1.clone(),
                    kind: now.kind,
                    old: spelled(was.treatment, was.kind),
                    new: spelled(now.treatment, now.kind),
                    direction: direction(was.treatment, now.treatment),
                };
                let key = (change.path.clone(), change.when.clone(), change.old.clone(), change.new.clone());
                fields
                    .entry(key)
                    .and_modify(|held| held.datasets.extend(change.datasets.clone()))
                    .or_insert(change);
            }
        }
        difference.fields = fields.into_values().collect();
        for field in &mut difference.fields {
            field.datasets.sort();
            field.datasets.dedup();
        }
        let choice =
            |choice, old: String, new: String| (old != new).then_some(ChoiceChange { choice, old, new });
        difference.choices.extend(
            [
                choice("defaults.outside_grammar", word(&old.outside()), word(&new.outside())),
                choice("ip.private", word(&old.private_addresses()), word(&new.private_addresses())),
                choice(
                    "ip.keep_risky",
                    word(&old.keeps_risky_addresses()),
                    word(&new.keeps_risky_addresses()),
                ),
                choice("keep.domains", word(&old.keeps_consumer_mail()), word(&new.keeps_consumer_mail())),
            ]
            .into_iter()
            .flatten(),
        );
        Ok(difference)
    }

    /// Whether anything shows more than before.
    pub fn loosens(&self) -> bool {
        self.choices.iter().any(|one| one.choice == "ip.keep_risky" && one.new == "true")
            || self
                .kinds
                .iter()
                .map(|one| one.direction)
                .chain(self.fields.iter().map(|one| one.direction))
                .any(|direction| direction == Direction::Looser)
    }
}

fn direction(old: Treatment, new: Treatment) -> Direction {
    match (new.looser_than(old), old.looser_than(new)) {
        (true, false) => Direction::Looser,
        (false, true) => Direction::Stricter,
        _ => Direction::Other,
    }
}

fn spelled(treatment: Treatment, kind: Option<Kind>) -> String {
    match kind {
        Some(kind) => format!("{} ({kind})", treatment.spelled()),
        None => treatment.spelled(),
    }
}

/// The word of a closed choice.
fn word(choice: &impl Serialize) -> String {
    serde_json::to_value(choice).map(|value| value.to_string().replace('"', "")).unwrap_or_default()
}
