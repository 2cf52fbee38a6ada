//! What a bundle tells about its redaction: counts, the schema of each dataset, and the projection
//! of the policy. Numbers, closed words and catalogue names only; never a value, never free text.

use super::policy::model::{Decoder, Level, Outside, Private, Unit};
use super::policy::treatment::{Coarse, Treatment};
use super::rules::Rules;
use super::tally::Tally;
use crate::crypto;
use crate::error::Result;
use crate::kind::Kind;
use crate::record::{Label, Stated, Statement, canonical_json, sealed};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// `meta/redaction-report.json`: what the redactor did, in numbers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactionReport {
    /// `entra-bundle/redaction-report/1`.
    pub schema: Label,
    /// Records rewritten.
    pub records: u64,
    /// Values kept, replaced and dropped, by kind.
    pub kinds: BTreeMap<Kind, KindTotal>,
    /// Replacements made inside text.
    pub replaced_in_text: u64,
    /// Dropped members and values: `dataset:/path` → count. The name of an undeclared member stands
    /// as a keyed token.
    pub dropped: BTreeMap<Label, u64>,
    /// Kept fields whose value broke its grammar: `dataset:/path` → count.
    pub outside_grammar: BTreeMap<Label, u64>,
    /// Values dropped because they lay too deep.
    pub too_deep: u64,
    /// Drops at places beyond the limit of this report.
    pub unnamed: u64,
    /// What is worth knowing about the data, by lint: `ambiguous-fold` is a text that was folded or cut and
    /// stands for none or for several known values, `token-lookalike` a raw value that looks like a pseudonym.
    pub lints: BTreeMap<Label, u64>,
}

/// Counts of one kind.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KindTotal {
    /// Stayed as they were.
    pub kept: u64,
    /// Replaced by a pseudonym, a hash or a coarser value.
    pub replaced: u64,
    /// Dropped.
    pub dropped: u64,
}

impl sealed::Sealed for RedactionReport {}
impl Stated for RedactionReport {}

impl RedactionReport {
    /// The report of a tally.
    pub fn of(tally: &Tally) -> Result<RedactionReport> {
        let mut dropped = BTreeMap::new();
        let mut outside_grammar = BTreeMap::new();
        let mut unnamed = tally.unnamed.dropped;
        for ((dataset, path), place) in &tally.places {
            // Paths are made of catalogue names and tokens; one too long to state is counted only.
            let Ok(label) = Label::new(format!("{dataset}:{path}")) else {
                unnamed += place.counts.dropped;
                continue;
            };
            if place.counts.dropped > 0 {
                dropped.insert(label.clone(), place.counts.dropped);
            }
            if place.counts.violations > 0 {
                outside_grammar.insert(label, place.counts.violations);
            }
        }
        let total = |(kind, counts): (&Kind, &super::tally::KindTotals)| {
            (*kind, KindTotal { kept: counts.kept, replaced: counts.replaced, dropped: counts.dropped })
        };
        Ok(RedactionReport {
            schema: Label::new("entra-bundle/redaction-report/1")?,
            records: tally.records,
            kinds: tally.kinds.iter().map(total).collect(),
            replaced_in_text: tally.found_in_text,
            dropped,
            outside_grammar,
            too_deep: tally.too_deep,
            unnamed,
            lints: tally
                .lints
                .iter()
                .map(|(lint, count)| Ok((Label::new(*lint)?, *count)))
                .collect::<Result<_>>()?,
        })
    }
}

/// `meta/schema/<dataset>.json`: every path seen with its kind and treatment.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SchemaInventory {
    /// `entra-bundle/schema/1`.
    pub schema: Label,
    /// The dataset.
    pub dataset: Label,
    /// Its paths.
    pub fields: Vec<SchemaField>,
}

/// One path of a dataset.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SchemaField {
    /// Path from the record.
    pub path: Label,
    /// What its values are; absent where no value is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What happened to them.
    pub treatment: Label,
    /// How many there were.
    pub count: u64,
}

impl sealed::Sealed for SchemaInventory {}
impl Stated for SchemaInventory {}

impl SchemaInventory {
    /// One inventory per dataset of the tally, sorted.
    pub fn of(tally: &Tally) -> Result<Vec<SchemaInventory>> {
        let mut datasets: BTreeMap<&str, Vec<SchemaField>> = BTreeMap::new();
        for ((dataset, path), place) in &tally.places {
            let Ok(path) = Label::new(path.as_str()) else { continue };
            let counts = &place.counts;
            datasets.entry(dataset).or_default().push(SchemaField {
                path,
                kind: place.kind,
                treatment: Label::new(place.treatment)?,
                count: counts.kept + counts.replaced + counts.redacted + counts.dropped + counts.scanned,
            });
        }
        datasets
            .into_iter()
            .map(|(dataset, fields)| {
                Ok(SchemaInventory {
                    schema: Label::new("entra-bundle/schema/1")?,
                    dataset: Label::new(dataset)?,
                    fields,
                })
            })
            .collect()
    }
}

/// `meta/policy.json`: what of the policy ships. An allow-list: treatments, closed parameters and
/// selectors made of catalogue names. All free text stays with the customer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Projection {
    /// `entra-bundle/policy-projection/1`.
    pub schema: Label,
    /// Id of a built-in preset; absent for a policy of the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Label>,
    /// The preset that a customer's policy changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extends: Option<Label>,
    /// Version of the policy.
    pub version: u32,
    /// Whether each incident needs an approval of its own.
    pub per_incident: bool,
    /// Treatment of each kind.
    pub kinds: BTreeMap<Kind, StatedTreatment>,
    /// Exceptions whose selectors the catalogue contains.
    pub exceptions: Vec<StatedException>,
    /// Number of exceptions whose selectors stay private.
    pub private_selectors: u64,
    /// Number of learned words that the leak check lets pass; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_words: Option<u64>,
    /// Kept values outside their grammar.
    pub outside_grammar: Outside,
    /// Private addresses.
    pub private_addresses: Private,
    /// Whether addresses of risk detections stay readable; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_risky_addresses: bool,
    /// Built-in lists of values that stay readable.
    pub keep: Vec<Label>,
    /// SHA-256 of the effective catalogue, in hex.
    pub catalogue: Label,
    /// Salted SHA-256 of the private part, in hex; absent for a preset, which has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_digest: Option<Label>,
}

/// A treatment with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StatedTreatment {
    /// What happens.
    #[serde(rename = "do")]
    pub action: Label,
    /// How coarse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// What stays of a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Bits of IPv4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v4: Option<u8>,
    /// Bits of IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v6: Option<u8>,
    /// What it is decoded as.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decoder>,
    /// Where bands of numbers begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edges: Option<Vec<u64>>,
    /// Most days that a time moves.
    #[serde(rename = "max_days", skip_serializing_if = "Option::is_none")]
    pub max_days: Option<u16>,
    /// Characters that stay, leading or (negative) trailing ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<i8>,
    /// Hex digits of a hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<u8>,
}

/// An exception without its private words.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StatedException {
    /// Dataset, or `*`.
    pub dataset: Label,
    /// Selector.
    pub select: Label,
    /// The member whose value says in which records it holds; the values stay private.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Label>,
    /// Another treatment.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub action: Option<Label>,
    /// Another kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
}

impl sealed::Sealed for Projection {}
impl Stated for Projection {}

impl Treatment {
    /// The treatment as it stands in statements.
    pub fn stated(self) -> Result<StatedTreatment> {
        let mut stated = StatedTreatment {
            action: Label::new(self.id())?,
            level: None,
            unit: None,
            v4: None,
            v6: None,
            decode: None,
            edges: None,
            max_days: None,
            keep: None,
            len: None,
        };
        match self {
            Treatment::Generalize(Coarse::Place(level) | Coarse::Agent(level)) => stated.level = Some(level),
            Treatment::Generalize(Coarse::Time(unit)) => stated.unit = Some(unit),
            Treatment::Generalize(Coarse::Address { v4, v6 }) => {
                stated.v4 = Some(v4);
                stated.v6 = Some(v6);
            }
            Treatment::Generalize(Coarse::Platform) => stated.level = Some(Level::Major),
            Treatment::Generalize(Coarse::Depth) => stated.level = Some(Level::Depth),
            Treatment::Generalize(Coarse::Band(edges)) => stated.edges = Some(edges.as_slice().to_vec()),
            Treatment::DateShift(days) => stated.max_days = Some(days),
            Treatment::Mask(keep) => stated.keep = Some(keep),
            Treatment::Hash(len) => stated.len = len,
            Treatment::Parse(decode) => stated.decode = Some(decode),
            _ => {}
        }
        Ok(stated)
    }
}

impl Rules {
    /// The projection of the policy. `nonce` salts the digest of the private part: 32 random bytes
    /// that the customer keeps with it; `None` for a preset.
    pub fn projection(&self, nonce: Option<&[u8; 32]>) -> Result<Projection> {
        let policy = self.policy();
        let file = policy.file();
        let preset = policy.builtin_name().map(|_| Label::new(file.id.as_str())).transpose()?;
        let names = self.declared_names();
        let mut exceptions = Vec::new();
        let mut private_selectors = 0;
        for rule in self.exceptions() {
            let asked = rule.when.as_ref().map(|when| when.sibling());
            let pattern = rule.selector.line().and_then(|name| self.catalogue().line_pattern(name));
            let known = rule.selector.names().chain(asked).all(|name| names.contains(name))
                && (rule.selector.line().is_none() || pattern.is_some_and(|pattern| pattern.builtin));
            let when = asked.map(|name| Label::new(format!("../{name}"))).transpose();
            let select = Label::new(rule.says.select.as_str());
            let dataset = Label::new(rule.says.dataset.as_str());
            let (true, Ok(select), Ok(dataset), Ok(when)) = (known, select, dataset, when) else {
                private_selectors += 1;
                continue;
            };
            let action = rule
                .says
                .action
                .and_then(|action| Label::new(serde_json::to_value(action).ok()?.as_str()?.to_owned()).ok());
            exceptions.push(StatedException { dataset, select, when, action, kind: rule.says.kind });
        }
        let mut kinds = BTreeMap::new();
        for kind in Kind::all() {
            kinds.insert(kind, self.treatment(kind).stated()?);
        }
        let mut keep = vec![
            "builtin:first-party-apps",
            "builtin:role-templates",
            "builtin:permissions",
            "builtin:aaguids",
        ];
        if self.keeps_consumer_mail() {
            keep.push("builtin:consumer-mail");
        }
        let private_digest = match (&preset, nonce) {
            (None, Some(nonce)) => {
                let mut digest = crypto::Sha256::new();
                digest.update(nonce);
                digest.update(&canonical_json(file)?);
                Some(Label::new(crypto::hex(&digest.finish()))?)
            }
            _ => None,
        };
        Ok(Projection {
            schema: Label::new("entra-bundle/policy-projection/1")?,
            extends: match (&preset, file.extends.first()) {
                (None, Some(base)) => Some(Label::new(base.as_str())?),
                _ => None,
            },
            preset,
            version: file.version,
            per_incident: file.per_incident,
            kinds,
            exceptions,
            private_selectors,
            allowed_words: Some(policy.allowed_words().count() as u64).filter(|count| *count > 0),
            outside_grammar: self.outside(),
            private_addresses: self.private_addresses(),
            keep_risky_addresses: self.keeps_risky_addresses(),
            keep: keep.into_iter().map(Label::new).collect::<Result<_>>()?,
            catalogue: Label::new(crypto::hex(&self.catalogue().digest()))?,
            private_digest,
        })
    }

    /// Folded names of all members of the catalogue.
    fn declared_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for of in self.catalogue().types() {
            names.extend(of.names.keys().cloned());
        }
        names
    }
}

impl Projection {
    /// SHA-256 of the bytes that ship: what an approval signs and a manifest names.
    pub fn digest(&self) -> Result<[u8; 32]> {
        Ok(crypto::sha256(&canonical_json(self)?))
    }

    /// The bytes that ship: canonical JSON without a line feed.
    pub fn statement(&self) -> Result<Statement> {
        Statement::canonical(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::privacy::Policy;

    const PRIVATE: &str = r#"{ "schema": "entra-bundle/policy/1", "id": "contoso-support", "version": 4,
        "extends": ["builtin:balanced@1"], "recipient": { "text": "Fabrikam GmbH" },
        "purpose": { "text": "incident Nightjar" }, "key_held_by": "Petra Winter",
        "leak_check": { "allow": [ { "text": "Kolibri", "reason": "a product line" } ] },
        "kinds": { "job": { "do": "drop", "reason": "the works council asked" } },
        "exceptions": [
            { "id": "x1", "dataset": "users", "select": "/department", "do": "drop", "reason": "three people" },
            { "id": "x2", "dataset": "users", "select": "/contosoField", "do": "drop", "reason": "ours" } ] }"#;

    fn projection(policy: &Policy, nonce: Option<&[u8; 32]>) -> Projection {
        let rules = Rules::resolve(policy, Catalogue::builtin()).map_err(|e| e.to_string()).unwrap();
        rules.projection(nonce).map_err(|e| e.to_string()).unwrap()
    }

    #[test]
    fn no_word_of_a_customer_is_in_the_projection() {
        let policy = Policy::parse(PRIVATE, "p.json").map_err(|e| e.to_string()).unwrap();
        let stated = projection(&policy, Some(&[7; 32]));
        let text = String::from_utf8(stated.statement().unwrap().bytes().to_vec()).unwrap();
        for private in [
            "contoso",
            "Fabrikam",
            "council",
            "three people",
            "x1",
            "Nightjar",
            "Petra",
            "Kolibri",
            "product line",
        ] {
            assert!(!text.contains(private), "{private}");
        }
        assert!(text.contains("/department") && stated.private_selectors == 1);
        assert_eq!(stated.allowed_words, Some(1));
        assert_ne!(stated.private_digest, projection(&policy, Some(&[8; 32])).private_digest);
        assert_eq!(crypto::sha256(text.as_bytes()), stated.digest().unwrap());
    }

    #[test]
    fn presets_ship_their_id_and_differ() {
        let digests: BTreeSet<_> = Policy::presets()
            .map(|name| {
                let stated = projection(&Policy::builtin(name).unwrap(), None);
                assert_eq!(
                    stated.preset.as_ref().map(Label::as_str),
                    Some(format!("builtin:{name}").as_str())
                );
                assert!(stated.private_digest.is_none());
                stated.digest().unwrap()
            })
            .collect();
        assert_eq!(digests.len(), 3);
    }
}
