//! `policy lint`: what is wrong with a policy, and what is probably not meant.
//!
//! An *error* makes the policy invalid: it cannot be sealed with. A *warning* is a rule that does not
//! do what its author seems to want, or one that a reviewer should look at.

use super::policy::model::Do;
use super::policy::treatment::Treatment;
use super::policy::{ExceptionRule, Policy, Wrong};
use super::rules::Rules;
use super::survey::Surveyed;
use crate::catalogue::{Catalogue, Field};
use crate::error::Result;
use crate::kind::{Kind, KindSet};
use serde::Serialize;
use std::collections::BTreeMap;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The policy is invalid.
    Error,
    /// The policy works, but hardly as meant.
    Warning,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule that was broken, e.g. `selector-matches-nothing`.
    pub rule: &'static str,
    /// Line in the file, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
}

/// Kinds whose values may be one and the same value: what one keeps, another may hide.
const SHARED: &[KindSet] = &[
    KindSet::of(&[Kind::ObjectId, Kind::PersonLink, Kind::Anchor, Kind::EntraSid]),
    KindSet::of(&[Kind::IpAddress, Kind::RiskIp, Kind::Network]),
    KindSet::of(&[Kind::Upn, Kind::Account, Kind::ProxyAddress]),
];

/// Lints a policy file. `source` is what messages call it, `today` the day, `YYYY-MM-DD`.
pub fn lint(text: &str, source: &str, catalogue: &'static Catalogue, today: &str) -> Result<Vec<Finding>> {
    let policy = match Policy::check(text, source) {
        Ok(policy) => policy,
        Err(wrong) => return Ok(wrong.into_iter().map(invalid).collect()),
    };
    let rules = Rules::join(&policy, catalogue, Some(today))?;
    let mut linter = Linter { rules: &rules, first: rules.exceptions().len(), found: Vec::new() };
    // The preset's own exceptions come first and are not the author's.
    linter.first -= policy.file().exceptions.len();
    let wrong = rules.wrong_exceptions();
    linter.found.extend(wrong.iter().map(|(_, wrong)| invalid(wrong.clone())));
    linter.kinds(text);
    linter.recipient(text);
    linter.allowed(text);
    linter.risky(text);
    linter.exceptions(&wrong.iter().map(|(index, _)| *index).collect::<Vec<_>>());
    let mut found = linter.found;
    found.sort_by(|a, b| (a.line, a.column, a.rule).cmp(&(b.line, b.column, b.rule)));
    found.dedup();
    Ok(found)
}

fn invalid(wrong: Wrong) -> Finding {
    Finding {
        severity: Severity::Error,
        rule: "invalid",
        line: wrong.line,
        column: wrong.column,
        message: wrong.message,
    }
}

struct Linter<'r> {
    rules: &'r Rules,
    /// Index of the file's first exception.
    first: usize,
    found: Vec<Finding>,
}

/// What the exceptions of a policy meet in the catalogue.
#[derive(Default)]
struct Met {
    fields: usize,
    wins: usize,
    without_grammar: usize,
    text: usize,
    hidden: BTreeMap<Kind, usize>,
}

impl Linter<'_> {
    fn warn(&mut self, rule: &'static str, (line, column): (usize, usize), message: impl Into<String>) {
        let message = message.into();
        self.found.push(Finding { severity: Severity::Warning, rule, line, column, message });
    }

    /// Rules of kinds that the file writes itself.
    fn kinds(&mut self, text: &str) {
        let policy = self.rules.policy();
        let preset = policy.file().id.starts_with("builtin:");
        let written: Vec<Kind> = policy.file().kinds.keys().copied().collect();
        for kind in written {
            let at = policy.place(text, &["kinds", kind.id()]);
            let rule = policy.rule(kind);
            let in_force = rule.in_force(self.rules.today());
            if !std::ptr::eq(rule, in_force) {
                let until = rule.until.map(|day| day.to_string()).unwrap_or_default();
                self.warn(
                    "loosening-expired",
                    at,
                    format!(
                        "the looser rule for `{kind}` worked until {until}; `{}` holds now",
                        in_force.treatment.spelled()
                    ),
                );
                continue;
            }
            // A preset says `keep` of names on purpose: they are scanned.
            let new = rule.inherited.as_ref().map_or(!preset, |old| old.treatment != Treatment::Keep);
            if rule.treatment == Treatment::Keep && new {
                if matches!(kind, Kind::Text | Kind::GroupText | Kind::ModifiedValue | Kind::Content) {
                    self.warn(
                        "keep-on-text",
                        at,
                        format!("`{kind}` is free text; it is scanned all the same, say `scan`"),
                    );
                }
                let bare = without_grammar(self.rules.catalogue(), kind);
                if bare > 0 {
                    let fate = if kind == Kind::Credential { "dropped" } else { "scanned as text" };
                    let message =
                        format!("{bare} fields of kind `{kind}` have no grammar; their values are {fate}");
                    self.warn("keep-without-grammar", at, message);
                }
            }
            if matches!(rule.treatment, Treatment::Mask(_)) {
                self.warn(
                    "mask",
                    at,
                    format!("`mask` shows characters of every `{kind}`; few of them single a person out"),
                );
            }
        }
        for family in SHARED {
            self.split(text, *family);
        }
    }

    /// Kinds that share values, of which one is kept and one replaced.
    fn split(&mut self, text: &str, family: KindSet) {
        let policy = self.rules.policy();
        let shows = |kind: &Kind| matches!(self.rules.treatment(*kind), Treatment::Keep | Treatment::Scan);
        let hides = |kind: &Kind| {
            self.rules.treated().contains(*kind) && self.rules.treatment(*kind) != Treatment::Drop
        };
        let kept: Vec<Kind> = family.iter().filter(shows).collect();
        let hidden: Vec<&str> = family.iter().filter(hides).map(Kind::id).collect();
        let own = kept.iter().find(|kind| policy.file().kinds.contains_key(kind)).or(kept.first()).copied();
        let touched = family.iter().any(|kind| policy.file().kinds.contains_key(&kind));
        if let Some(kind) = own
            && !hidden.is_empty()
            && touched
        {
            let at = policy.place(text, &["kinds", kind.id()]);
            self.warn(
                "split-treatment",
                at,
                format!(
                    "`{kind}` stays, and the same values are replaced as {}; per value the stricter one wins",
                    hidden.join(", ")
                ),
            );
        }
    }

    fn recipient(&mut self, text: &str) {
        let policy = self.rules.policy();
        let file = policy.file();
        let minimal = file.extends.iter().any(|base| base.starts_with("builtin:minimal@"));
        if minimal && !file.recipient.text.to_lowercase().contains("microsoft") {
            let at = policy.place(text, &["recipient"]);
            self.warn(
                "minimal-for-others",
                at,
                "`minimal` keeps ids that Microsoft made, and the recipient is not Microsoft; extend `balanced`",
            );
        }
    }

    fn allowed(&mut self, text: &str) {
        let policy = self.rules.policy();
        let words = policy.allowed_words().count();
        if words > 0 {
            let at = policy.place(text, &["leak_check", "allow"]);
            self.warn(
                "leak-check-allow",
                at,
                format!("the leak check lets {words} learned words pass; the bundle tells how many"),
            );
        }
    }

    fn risky(&mut self, text: &str) {
        if self.rules.keeps_risky_addresses() {
            let at = self.rules.policy().place(text, &["ip", "keep_risky"]);
            self.warn(
                "keeps-risky",
                at,
                "addresses of risk detections stay readable wherever they stand, also where they are a user's own",
            );
        }
    }

    fn exceptions(&mut self, misfits: &[usize]) {
        let mut met: BTreeMap<u16, Met> = BTreeMap::new();
        for alike in self.rules.alike(|_| ()) {
            for field in self.rules.survey(&alike.stream, true) {
                for index in &field.matched {
                    self.meet(met.entry(*index).or_default(), *index, &field);
                }
            }
        }
        let own = self.rules.exceptions().iter().enumerate().skip(self.first);
        let own: Vec<(usize, ExceptionRule)> = own
            .filter(|(index, _)| !misfits.contains(index))
            .map(|(index, rule)| (index, rule.clone()))
            .collect();
        for (index, rule) in own {
            self.exception(&rule, met.remove(&(index as u16)).unwrap_or_default());
        }
    }

    fn meet(&self, met: &mut Met, index: u16, field: &Surveyed) {
        met.fields += 1;
        met.wins += usize::from(field.winner == Some(index));
        if field.winner != Some(index) || field.treatment != Treatment::Keep {
            return;
        }
        met.without_grammar += usize::from(!field.grammar);
        let Some(kind) = field.kind else { return };
        met.text += usize::from(matches!(kind, Kind::Text | Kind::GroupText | Kind::Content));
        if self.rules.treated().contains(kind) {
            *met.hidden.entry(kind).or_default() += 1;
        }
    }

    fn exception(&mut self, rule: &ExceptionRule, met: Met) {
        let (says, at) = (&rule.says, rule.at);
        let expired = self.rules.today().zip(rule.until).is_some_and(|(today, until)| today > until);
        if expired {
            let until = rule.until.map(|day| day.to_string()).unwrap_or_default();
            self.warn(
                "loosening-expired",
                at,
                format!("its last day was {until}; remove it or renew its ticket"),
            );
        }
        if met.fields == 0 {
            let adds =
                if says.kind.is_some() { "; if the field exists all the same, this labels it" } else { "" };
            self.warn(
                "selector-matches-nothing",
                at,
                format!("the catalogue declares no such field in dataset `{}`{adds}", says.dataset),
            );
        } else if met.wins == 0 && !expired {
            self.warn(
                "unreachable",
                at,
                "it decides nowhere: secrets are locked, or a more exact, a later or a stricter rule wins",
            );
        }
        if let Some(when) = &rule.when
            && !self.rules.catalogue().types().any(|of| of.names.contains_key(when.sibling()))
        {
            let message =
                format!("the catalogue declares no member `{}`; the condition never holds", when.sibling());
            self.warn("condition-matches-nothing", at, message);
        }
        if met.text > 0 {
            self.warn("keep-on-text", at, "it keeps free text, which is scanned all the same; say `scan`");
        } else if met.without_grammar > 0 {
            self.warn(
                "keep-without-grammar",
                at,
                format!(
                    "{} of its fields have no grammar; their values are scanned as text",
                    met.without_grammar
                ),
            );
        }
        if says.action == Some(Do::Mask) {
            self.warn("mask", at, "`mask` shows characters of every value; few of them single a person out");
        }
        for (kind, fields) in met.hidden {
            self.warn(
                "split-treatment",
                at,
                format!(
                    "it keeps {fields} fields of kind `{kind}`, which is replaced elsewhere; per value the stricter one wins"
                ),
            );
        }
    }
}

/// Fields of a kind that name no grammar.
fn without_grammar(catalogue: &Catalogue, kind: Kind) -> usize {
    let bare = |field: &&Field| matches!(field, Field::Value { kind: held, grammar: None } if *held == kind);
    let natural = matches!(kind, Kind::EventTime | Kind::ProfileTime | Kind::Asn);
    if natural {
        return 0;
    }
    catalogue
        .types()
        .flat_map(|of| of.names.keys().filter_map(|name| of.fields.get(name)).chain(&of.rest))
        .filter(bare)
        .count()
}
