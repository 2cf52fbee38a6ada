//! `policy explain`: which rule decides about a field, why, and what becomes of a sample.

use super::Pseudonymizer;
use super::learn::Learner;
use super::policy::selector::{Selector, States};
use super::rewrite::value::{Fate, Values};
use super::rules::{Leaf, REST, Rules, Settled};
use crate::catalogue::{Field, Layout, Stream, TypeId};
use crate::error::{Error, Result};
use crate::kind::Kind;
use std::collections::HashSet;

/// One rule that has something to say about a field.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Link {
    /// The preset or policy that holds it.
    pub origin: String,
    /// `kind <id>` or `exception <id>`.
    pub rule: String,
    /// What it does.
    #[serde(rename = "do")]
    pub action: String,
    /// Why.
    pub reason: String,
    /// Whether it decides.
    pub wins: bool,
    /// Why it does not decide although it could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

/// The answer for one field.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Explanation {
    /// Path from the record, in catalogue spelling; `/line:<pattern>` for lines of a text.
    pub path: String,
    /// In which records, where an exception holds in some only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What its values are.
    pub kind: Option<Kind>,
    /// What happens.
    #[serde(rename = "do")]
    pub action: String,
    /// All rules, from the first of the chain to the last.
    pub chain: Vec<Link>,
    /// An invented value and what becomes of it; `None` is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<(String, Option<String>)>,
}

impl Rules {
    /// Explains the fields of a stream that a selector names.
    pub fn explain(
        &self,
        stream: &Stream,
        selector: &str,
        names: &Pseudonymizer,
    ) -> Result<Vec<Explanation>> {
        let asked = Selector::parse(selector).map_err(Error::usage)?;
        let root = self.catalogue().root(stream).ok_or_else(|| {
            Error::usage(format!("unknown dataset `{}`", stream.dataset))
                .hint("`entra-bundle datasets` lists them")
        })?;
        let dictionary = Learner::new().freeze();
        let mut values = Values::new(self, names, &dictionary);
        let mut search =
            Search { rules: self, asked, values: &mut values, found: Vec::new(), seen: HashSet::new() };
        let question = States::start(&[(0, &search.asked)]);
        search.below(root, question, self.start(&stream.dataset), "");
        if let Some(pattern) = search.asked.line() {
            if self.catalogue().line_pattern(pattern).is_none() {
                let known: Vec<&str> = self.catalogue().line_patterns().collect();
                return Err(Error::usage("no pattern of lines has this name")
                    .hint(format!("patterns: {}", known.join(", "))));
            }
            let lines = self.lines(&stream.dataset).into_iter().map(|(index, _)| index);
            let matched: Vec<u16> =
                lines.filter(|index| self.selector(*index).line() == Some(pattern)).collect();
            if self.catalogue().dataset(&stream.dataset).is_some_and(|one| one.layout == Layout::Text) {
                let (path, text) = (format!("/line:{pattern}"), self.free_text(root));
                search.add(REST, &text, &matched, path);
            }
        }
        // Annotations of the protocol come last: hardly anybody asks for them.
        search.found.sort_by(|a, b| {
            (a.path.contains("/@"), &a.path, &a.when).cmp(&(b.path.contains("/@"), &b.path, &b.when))
        });
        search.found.dedup_by(|a, b| a.path == b.path && a.when == b.when);
        if search.found.is_empty() {
            return Err(Error::usage(
                "the selector names no field that the catalogue declares for this dataset",
            )
            .hint("an undeclared field is dropped and counted"));
        }
        Ok(search.found)
    }
}

struct Search<'s, 'r> {
    rules: &'r Rules,
    asked: Selector,
    values: &'s mut Values<'r>,
    found: Vec<Explanation>,
    seen: HashSet<(TypeId, States, States)>,
}

impl Search<'_, '_> {
    fn below(&mut self, at: TypeId, question: States, states: States, path: &str) {
        if question.is_empty()
            || path.len() > 400
            || !self.seen.insert((at, question.clone(), states.clone()))
        {
            return;
        }
        let of = self.rules.catalogue().record_type(at);
        for (folded, name) in &of.names {
            let Some(field) = of.field(folded) else { continue };
            let path = format!("{path}/{name}");
            let direct = question.member(folded, |_| &self.asked);
            let mine = states.member(folded, |index| self.rules.selector(index));
            let elements = mine.element(|index| self.rules.selector(index));
            for asked in [direct.element(|_| &self.asked), direct] {
                if !asked.matched(|_| &self.asked).is_empty() {
                    let mut matched = mine.matched(|index| self.rules.selector(index));
                    matched.extend(elements.matched(|index| self.rules.selector(index)));
                    matched.sort_unstable();
                    matched.dedup();
                    self.add(folded, field, &matched, path.clone());
                }
                if let Field::Object(inner) = field {
                    self.below(*inner, asked, elements.clone(), &path);
                }
            }
        }
    }

    /// Explains a field, and once more for each exception that holds in some records only.
    fn add(&mut self, name: &str, field: &Field, matched: &[u16], path: String) {
        for (condition, matched) in self.rules.cases(matched) {
            let when = condition.and_then(|index| self.rules.spelled_condition(index));
            let explained = self.explain(name, field, &matched, path.clone());
            self.found.push(Explanation { when, ..explained });
        }
    }

    fn explain(&mut self, name: &str, field: &Field, matched: &[u16], path: String) -> Explanation {
        let rules = self.rules;
        let settled = rules.settle(name, Some(field), matched);
        let winner = match rules.plain(name, Some(field)) {
            Some(Settled::Drop(Some(Kind::Secret))) => None,
            _ => rules.winner(name, Some(field), matched).map(|(index, _)| index),
        };
        let kind = match field {
            Field::Value { kind, .. } => Some(*kind),
            Field::By { .. } => Some(Kind::ModifiedValue),
            _ => None,
        };
        let mut chain = Vec::new();
        if let Some(kind) = kind {
            let written = rules.policy().rule(kind);
            let in_force = written.in_force(rules.today());
            let mut one = Some(written);
            while let Some(rule) = one {
                chain.push(Link {
                    origin: rule.origin.clone(),
                    rule: format!("kind {kind}"),
                    action: rule.treatment.id().to_owned(),
                    reason: rule.reason.clone(),
                    wins: winner.is_none() && std::ptr::eq(rule, in_force),
                    note: (!std::ptr::eq(rule, in_force) && rule.treatment.looser_than(in_force.treatment))
                        .then_some("looser, and past its last day or the day is unknown"),
                });
                one = rule.inherited.as_deref();
            }
            chain.reverse();
        }
        for index in matched {
            let rule = &rules.exceptions()[usize::from(*index)];
            let action = match rule.says.kind {
                Some(kind) => format!("kind {kind}"),
                None => serde_json::to_value(rule.says.action)
                    .ok()
                    .and_then(|value| value.as_str().map(str::to_owned))
                    .unwrap_or_default(),
            };
            let wins = winner == Some(*index);
            chain.push(Link {
                origin: rule.origin.clone(),
                rule: format!("exception {}", rule.says.id),
                action,
                reason: rule.says.reason.clone(),
                wins,
                note: (!wins)
                    .then_some("a more exact or stricter rule decides, or it has no ticket in force"),
            });
        }
        let (action, sample) = match &settled {
            Some(Settled::Leaf(leaf)) => (
                leaf.treatment.spelled(),
                sample(leaf.kind).map(|text| (text.to_owned(), self.treat(leaf, text))),
            ),
            Some(Settled::Object(_)) => ("parse".to_owned(), None),
            Some(Settled::By { sibling, .. }) => (format!("parse by {sibling}"), None),
            Some(Settled::Drop(_)) | None => {
                ("drop".to_owned(), kind.and_then(sample).map(|text| (text.to_owned(), None)))
            }
        };
        Explanation { path, when: None, kind, action, chain, sample }
    }

    fn treat(&mut self, leaf: &Leaf, text: &str) -> Option<String> {
        let mut out = Vec::new();
        match self.values.treat(leaf, text, &mut Default::default(), &mut out) {
            Fate::Same => Some(text.to_owned()),
            Fate::Written => String::from_utf8(out).ok(),
            Fate::Dropped => None,
        }
    }
}

/// An invented value of a kind.
fn sample(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Upn => "greta.schmidt@contoso.com",
        Kind::PersonName => "Greta Schmidt",
        Kind::NamePart => "Greta",
        Kind::Account => r"CONTOSO\gschmidt",
        Kind::ProxyAddress => "SMTP:greta.schmidt@contoso.com",
        Kind::Phone => "+49 228 5550100",
        Kind::Country => "DE",
        Kind::Job => "Finance",
        Kind::ObjectId | Kind::PersonLink | Kind::DeviceId | Kind::GroupId | Kind::AppId | Kind::TenantId => {
            "f7cc07d7-7c15-447d-876d-c01b0e5a9e38"
        }
        Kind::Anchor => "1wfM9xV8fUSHbcAbDlqeOA==",
        Kind::Puid => "10032000ABCDEF01",
        Kind::Sid => "S-1-5-21-1004336348-1177238915-682003330-1104",
        Kind::EntraSid => "S-1-12-1-4157343703-1148025877-465595783-949901838",
        Kind::Host => "LAPTOP-7Q2K",
        Kind::Platform => "Windows 10.0.19045",
        Kind::Dn => "CN=Greta Schmidt,OU=Sales,DC=contoso,DC=com",
        Kind::OrgUnit => "Sales",
        Kind::GroupName => "Project Aurora",
        Kind::Domain => "emea.contoso.com",
        Kind::Partner => "fabrikam.com",
        Kind::IpAddress | Kind::RiskIp => "203.0.113.7",
        Kind::Network => "203.0.113.0/24",
        Kind::MacAddress => "00-15-5D-01-02-03",
        Kind::Place => "Bonn",
        Kind::UserAgent => {
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36"
        }
        Kind::EventTime | Kind::ProfileTime => "2026-03-01T10:11:12Z",
        Kind::TraceId => "8a1b7c33-0d1e-4f2a-9b3c-4d5e6f708192",
        Kind::Text => "MFA denied for greta.schmidt@contoso.com from 203.0.113.7",
        Kind::Thumbprint | Kind::PublicThumbprint => "A94A8FE5CCB19BA61C4C0873D391E987982FBBD3",
        Kind::Url => "https://graph.microsoft.com/v1.0/users/greta.schmidt@contoso.com?$select=id",
        Kind::Secret => "(any secret)",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Catalogue, Source};
    use crate::privacy::{IncidentKey, Policy};

    #[test]
    fn an_explanation_names_winner_and_sample() {
        let text = r#"{ "schema": "entra-bundle/policy/1", "id": "x", "version": 1, "extends": ["builtin:balanced@1"],
            "recipient": { "text": "us" },
            "exceptions": [ { "id": "no-upn", "dataset": "users", "select": "/userPrincipalName", "do": "drop", "reason": "not needed" } ] }"#;
        let policy = Policy::parse(text, "p.json").map_err(|e| e.to_string()).unwrap();
        let rules = Rules::resolve(&policy, Catalogue::builtin()).map_err(|e| e.to_string()).unwrap();
        let names = Pseudonymizer::new(&IncidentKey::from_bytes([0; 32])).map_err(|e| e.to_string()).unwrap();
        let stream = Stream::new(Source::Graph, "users");
        let mail = rules.explain(&stream, "/mail", &names).map_err(|e| e.to_string()).unwrap();
        assert_eq!(mail[0].action, "pseudonymize");
        assert!(mail[0].chain.iter().any(|link| link.wins && link.origin == "builtin:balanced"));
        assert!(mail[0].sample.as_ref().unwrap().1.as_ref().unwrap().starts_with("u-"));
        let upn = rules.explain(&stream, "/userPrincipalName", &names).map_err(|e| e.to_string()).unwrap();
        assert_eq!((upn.len(), upn[0].action.as_str()), (1, "drop"));
        assert_eq!(
            upn[0].chain.iter().filter(|link| link.wins).map(|l| l.rule.as_str()).collect::<Vec<_>>(),
            ["exception no-upn"]
        );
        assert!(rules.explain(&stream, "/nothing/like/it", &names).is_err());
    }
}
