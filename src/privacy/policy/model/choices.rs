//! The choices of a policy file beside its rules: what is not known, what stays readable, addresses,
//! names in prose, the leak check.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that ships in a bundle only when it is marked public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The text.
    pub text: String,
    /// Whether it may stand in a bundle.
    #[serde(default)]
    pub public: bool,
}

/// What happens to kept values outside their grammar.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// They are treated as text.
    #[default]
    Scan,
    /// They are dropped.
    Drop,
}

macro_rules! fixed {
    ($(#[$doc:meta])* $name:ident $text:literal $variant:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            /// The only choice.
            #[default]
            #[serde(rename = $text)]
            $variant,
        }
    };
}
fixed!(/** Fate of fields that the catalogue does not declare. */ UnknownField "drop" Drop);
fixed!(/** Treatment of member names that the catalogue does not declare. */ UnknownKey "as-value" AsValue);
fixed!(/** Fate of numbers where no number is declared. */ UnknownNumber "drop" Drop);
fixed!(/** Fate of GUIDs that nothing explains. */ UnknownGuid "pseudonymize" Pseudonymize);
fixed!(/** Fate of files that nothing recognises. */ UnknownFile "reject" Reject);
fixed!(/** Where pseudonyms of addresses lie. */ Family "documentation" Documentation);
fixed!(/** Words that are never taken for a name in prose. */ StopWords "builtin:all" All);
fixed!(/** Encodings in which the leak check looks. */ Encodings "all" All);
fixed!(/** The version of the file format. */ Version1 "entra-bundle/policy/1" V1);

/// What happens to what the catalogue does not know. All but the last have one safe choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// Undeclared fields.
    pub unknown_field: UnknownField,
    /// Undeclared member names.
    pub unknown_key: UnknownKey,
    /// Undeclared numbers.
    pub unknown_number: UnknownNumber,
    /// Unexplained GUIDs.
    pub unknown_guid: UnknownGuid,
    /// Unrecognised files.
    pub unknown_file: UnknownFile,
    /// Kept values outside their grammar; inherited if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_grammar: Option<Outside>,
}

/// Built-in lists of values that stay readable. Literals are not supported in this version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Lists of GUIDs.
    pub guids: Vec<String>,
    /// Lists of domains.
    pub domains: Vec<String>,
    /// Lists of addresses.
    pub ips: Vec<String>,
    /// Accounts.
    pub accounts: Vec<String>,
}

/// Treatment of private addresses.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Private {
    /// They stay.
    Keep,
    /// They are treated as public ones.
    #[default]
    Pseudonymize,
    /// They are dropped.
    Drop,
}

/// Choices for addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ip {
    /// Where pseudonyms of addresses lie.
    pub family: Family,
    /// Private addresses; inherited if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<Private>,
    /// Keep addresses of risk detections, wherever they stand: those of attackers, and of whoever was
    /// taken for one.
    pub keep_risky: bool,
}

/// Shortest label that is replaced in prose without a cue beside it.
pub const MIN_LABEL: u8 = 5;

/// How names are looked for in prose. One choice each: the learned names are the same under every
/// policy, so that bundles of one incident join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Names {
    /// Characters from which a label is replaced without a cue beside it: 5.
    pub min_label: u8,
    /// Words that are no names.
    pub stopwords: Vec<StopWords>,
    /// Whether labels are replaced in prose that the frequency guard would leave: words of these very logs.
    pub strict: bool,
}

impl Default for Names {
    fn default() -> Self {
        Names { min_label: MIN_LABEL, stopwords: vec![StopWords::All], strict: false }
    }
}

/// A learned word that may stand in a bundle although it is somebody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// The word.
    pub text: String,
    /// Why it may stay.
    pub reason: String,
}

/// What the leak check lets pass. It cannot be switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeakChecked {
    /// Encodings in which it looks.
    pub encodings: Encodings,
    /// Learned words that may stand; their number is shown.
    pub allow: Vec<Allowed>,
}
