//! The policy file `entra-bundle/policy/1` as it is written. What the fields may say together is
//! checked in `check`; nothing here decides about a value.

mod choices;

use crate::kind::Kind;
pub use choices::{
    Allowed, Defaults, Encodings, Family, Ip, Keep, LeakChecked, MIN_LABEL, Names, Outside, Private, Shown,
    StopWords, UnknownField, UnknownFile, UnknownGuid, UnknownKey, UnknownNumber, Version1,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happens to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Do {
    /// Stays if it fits the grammar of its field; text is scanned.
    Keep,
    /// The field is removed.
    Drop,
    /// The value becomes `[redacted:<kind>]`.
    Redact,
    /// The value becomes a keyed token in the format of its kind.
    Pseudonymize,
    /// A fresh token each time: nothing links two occurrences.
    Random,
    /// The value becomes coarser.
    Generalize,
    /// Times move by a secret number of days, the same for all.
    DateShift,
    /// Some leading or trailing characters stay.
    Mask,
    /// The value is encrypted. Not in this version.
    Encrypt,
    /// Identities inside the text are treated, the wording stays.
    Scan,
    /// The value is decoded and its parts are treated by their own kinds.
    Parse,
    /// Keyed hash in the form of a thumbprint.
    Hash,
}

/// How coarse a generalised value is, or how much of a composite stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Place: city and state stay, coordinates are rounded to one decimal.
    City,
    /// Place: the state stays.
    State,
    /// Place: only fields of kind `country` stay.
    Country,
    /// User agent: family, major version and system.
    Parsed,
    /// User agent: family.
    Family,
    /// Platform: system and its major version.
    Major,
    /// DN: number of its parts.
    Depth,
}

/// Precision of a truncated time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Minutes and seconds are cut.
    Hour,
    /// The time of day is cut.
    Day,
    /// The day is cut.
    Month,
}

/// What a value is decoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decoder {
    /// JSON text.
    Json,
    /// An address: its query is removed, the rest is scanned.
    Url,
    /// A certificate: its technical fields stay, what names somebody is treated by its kind, the body
    /// goes.
    Cert,
}

/// Parameters that may stand beside `do`. Which ones each treatment takes is a closed table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// With `generalize`: how coarse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// With `generalize` of times: what stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// With `generalize` of addresses: bits of an IPv4 address that stay distinguishable (8 to 32).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v4: Option<u8>,
    /// With `generalize` of addresses: bits of an IPv6 address that stay distinguishable (32 to 128).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<u8>,
    /// With `keep`: what a kept value must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
    /// With `keep` and a grammar: fitting values are not scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbatim: Option<bool>,
    /// With `parse`: the form of the value.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decoder>,
    /// With `generalize` of numbers: where bands begin, ascending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges: Option<Vec<u64>>,
    /// With `date-shift`: most days that a time moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_days: Option<u16>,
    /// With `mask`: how many characters stay, leading ones if positive, trailing ones if negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<i8>,
    /// With `hash`: hex digits of the result, 40 or 64; without it as many as the value has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u8>,
}

/// The rule of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    #[serde(rename = "do")]
    pub action: Do,
    /// See [`Parameters::level`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// See [`Parameters::unit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// See [`Parameters::v4`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v4: Option<u8>,
    /// See [`Parameters::v6`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<u8>,
    /// See [`Parameters::decode`].
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decoder>,
    /// See [`Parameters::edges`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges: Option<Vec<u64>>,
    /// See [`Parameters::max_days`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_days: Option<u16>,
    /// See [`Parameters::keep`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<i8>,
    /// See [`Parameters::len`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u8>,
    /// Why, in words that a privacy officer understands.
    pub reason: String,
    /// The decision that allows a rule looser than the inherited one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Last day (`YYYY-MM-DD`) on which a looser rule works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// One text or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Texts {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Texts {
    /// All of them.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Texts::One(one) => std::slice::from_ref(one),
            Texts::Many(many) => many,
        }
    }
}

/// A condition on a member that stands beside the selected one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The member beside it, `../name`; in XML `../@name`, an attribute of the element around.
    pub sibling: String,
    /// Its value, or one of several: a text, number or word compared without case.
    pub equals: Texts,
}

/// Another treatment, or another kind, for the fields that a selector names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Name for people; stays private.
    pub id: String,
    /// Dataset id, or `*`.
    pub dataset: String,
    /// JSON pointer with `*`, `**` and `{a,b}`, or `column:<header>`, `xml://element/@attribute`, `line:<pattern>`.
    pub select: String,
    /// Only where a member beside it has one of these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// What happens instead.
    #[serde(default, rename = "do", skip_serializing_if = "Option::is_none")]
    pub action: Option<Do>,
    /// What the value is instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// See [`Parameters::level`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// See [`Parameters::unit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// See [`Parameters::v4`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v4: Option<u8>,
    /// See [`Parameters::v6`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<u8>,
    /// See [`Parameters::grammar`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
    /// See [`Parameters::verbatim`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbatim: Option<bool>,
    /// See [`Parameters::decode`].
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decoder>,
    /// See [`Parameters::edges`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges: Option<Vec<u64>>,
    /// See [`Parameters::max_days`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_days: Option<u16>,
    /// See [`Parameters::keep`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<i8>,
    /// See [`Parameters::len`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u8>,
    /// With `parse`: the sibling (`../name`) whose value says what this value is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// With `by`: the catalogue type (`builtin:<type>`) whose members are the possible names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Why.
    pub reason: String,
    /// The decision that allows an exception looser than what it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Last day (`YYYY-MM-DD`) on which a looser exception works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// A policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The version of the format.
    pub schema: Version1,
    /// Name of the policy; stays private unless built in.
    pub id: String,
    /// Its version; rises with every change.
    pub version: u32,
    /// The preset that this policy changes: `builtin:minimal@1`, `builtin:balanced@1` or `builtin:strict@1`.
    #[serde(default)]
    pub extends: Vec<String>,
    /// Whether each incident needs an approval of its own.
    #[serde(default)]
    pub per_incident: bool,
    /// What the data is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Shown>,
    /// Who receives it.
    pub recipient: Shown,
    /// Who holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_held_by: Option<String>,
    /// After how many days key and bundle are to be destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_days: Option<u32>,
    /// What is not known.
    #[serde(default)]
    pub defaults: Defaults,
    /// One rule per kind; kinds not listed come from the preset.
    #[serde(default)]
    pub kinds: BTreeMap<Kind, Rule>,
    /// Fields treated otherwise.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    /// Values that stay readable.
    #[serde(default)]
    pub keep: Keep,
    /// Addresses.
    #[serde(default)]
    pub ip: Ip,
    /// Names in prose.
    #[serde(default, skip_serializing_if = "is_default")]
    pub names: Names,
    /// The leak check.
    #[serde(default, skip_serializing_if = "is_default")]
    pub leak_check: LeakChecked,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Rule {
    /// The parameters beside `do`.
    pub fn parameters(&self) -> Parameters {
        Parameters {
            level: self.level,
            unit: self.unit,
            v4: self.v4,
            v6: self.v6,
            decode: self.decode,
            edges: self.edges.clone(),
            max_days: self.max_days,
            keep: self.keep,
            len: self.len,
            ..Parameters::default()
        }
    }
}

impl Exception {
    /// The parameters beside `do`.
    pub fn parameters(&self) -> Parameters {
        Parameters {
            level: self.level,
            unit: self.unit,
            v4: self.v4,
            v6: self.v6,
            grammar: self.grammar.clone(),
            verbatim: self.verbatim,
            decode: self.decode,
            edges: self.edges.clone(),
            max_days: self.max_days,
            keep: self.keep,
            len: self.len,
        }
    }
}
