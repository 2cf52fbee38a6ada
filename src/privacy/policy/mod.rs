//! Policies: one rule per kind with a reason, and exceptions for single fields.
//!
//! A policy is a preset, or a file that changes one. What a file makes looser than its preset
//! carries a ticket and a last day; after that day, and where the day is not known, the preset's
//! rule holds. `secret` is locked to `drop`.

mod check;
pub mod condition;
pub mod model;
mod place;
pub mod selector;
pub mod treatment;

pub use check::Wrong;

use crate::error::{Error, Result};
use crate::kind::Kind;
use check::read;
use condition::Condition;
use jiff::civil::Date;
use model::{Exception, File, Outside, Private};
use selector::Selector;
use std::collections::BTreeMap;
use treatment::Treatment;

const PRESETS: [(&str, &str); 3] = [
    ("minimal", include_str!("presets/minimal.json")),
    ("balanced", include_str!("presets/balanced.json")),
    ("strict", include_str!("presets/strict.json")),
];
const PRESET_VERSION: u32 = 1;
const GUID_LISTS: [&str; 4] =
    ["builtin:first-party-apps", "builtin:role-templates", "builtin:permissions", "builtin:aaguids"];
const DOMAIN_LIST: &str = "builtin:consumer-mail";

/// The rule of a kind, with where it comes from.
#[derive(Clone, Debug)]
pub struct KindRule {
    /// What happens.
    pub treatment: Treatment,
    /// Why.
    pub reason: String,
    /// The preset or policy that says so.
    pub origin: String,
    /// Until when a looser rule works.
    pub until: Option<Date>,
    /// The rule that this one replaced.
    pub inherited: Option<Box<KindRule>>,
}

impl KindRule {
    /// The rule in force on `today`: a looser rule works up to its last day, and not at all where
    /// the day is unknown.
    pub fn in_force(&self, today: Option<Date>) -> &KindRule {
        match (&self.inherited, self.until) {
            (Some(old), until) if self.treatment.looser_than(old.treatment) => {
                if today.zip(until).is_some_and(|(today, until)| today <= until) {
                    self
                } else {
                    old.in_force(today)
                }
            }
            _ => self,
        }
    }
}

/// An exception with its parsed selector.
#[derive(Clone, Debug)]
pub struct ExceptionRule {
    /// As written.
    pub says: Exception,
    /// Where it applies.
    pub selector: Selector,
    /// In which records, if not in all.
    pub when: Option<Condition>,
    /// Line and column in its file, for messages.
    pub at: (usize, usize),
    /// The preset or policy that says so.
    pub origin: String,
    /// Position in the chain of policies; later wins.
    pub rank: usize,
    /// Until when it works, if it loosens.
    pub until: Option<Date>,
}

/// A policy: every kind has a rule.
#[derive(Clone, Debug)]
pub struct Policy {
    file: File,
    source: String,
    rules: BTreeMap<Kind, KindRule>,
    exceptions: Vec<ExceptionRule>,
    outside: Outside,
    private: Private,
    consumer_mail: bool,
    /// Whether it is compiled in; a file of the same id is not.
    preset: bool,
}

impl Policy {
    /// A preset: `minimal`, `balanced`, `strict`, or `builtin:<name>` with an optional `@1`.
    pub fn builtin(id: &str) -> Option<Policy> {
        let name = id.strip_prefix("builtin:").unwrap_or(id);
        let name = match name.split_once('@') {
            Some((name, version)) => (version.parse() == Ok(PRESET_VERSION)).then_some(name)?,
            None => name,
        };
        let (_, text) = PRESETS.iter().find(|(preset, _)| *preset == name)?;
        let mut policy = read(text, name).expect("presets are tested to be valid");
        policy.preset = true;
        Some(policy)
    }

    /// The names of the presets, loosest first.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// Reads a policy file. `source_name` is what messages call it. An invalid file is a usage
    /// error that names line, column and what is allowed.
    pub fn parse(text: &str, source_name: &str) -> Result<Policy> {
        Policy::check(text, source_name).map_err(|wrong| match wrong.into_iter().next() {
            Some(first) => first.into_error(source_name),
            None => Error::usage(format!("policy `{source_name}` is invalid")),
        })
    }

    /// As [`Policy::parse`], with everything that is wrong.
    pub fn check(text: &str, source_name: &str) -> std::result::Result<Policy, Vec<Wrong>> {
        read(text.strip_prefix('\u{feff}').unwrap_or(text), source_name)
    }

    /// The file as it was read.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The file as JSON, to start a policy from.
    pub fn to_json(&self) -> String {
        match PRESETS.iter().find(|(name, _)| self.builtin_name() == Some(name)) {
            Some((_, text)) => (*text).to_owned(),
            None => serde_json::to_string_pretty(&self.file).unwrap_or_default() + "\n",
        }
    }

    /// The preset's name, if this is one.
    pub fn builtin_name(&self) -> Option<&str> {
        if self.preset { self.file.id.strip_prefix("builtin:") } else { None }
    }

    /// How messages and explanations call it.
    pub fn name(&self) -> &str {
        &self.source
    }

    /// Its version, as the file says.
    pub fn version(&self) -> u64 {
        self.file.version.into()
    }

    /// Name and version for people: `balanced@1`.
    pub fn title(&self) -> String {
        format!("{}@{}", self.builtin_name().unwrap_or(&self.file.id), self.file.version)
    }

    /// The rule of a kind as written, before dates are looked at.
    pub fn rule(&self, kind: Kind) -> &KindRule {
        &self.rules[&kind]
    }

    /// The exceptions in the order in which they were written, the preset's first.
    pub fn exceptions(&self) -> &[ExceptionRule] {
        &self.exceptions
    }

    /// Learned words that the leak check lets pass.
    pub fn allowed_words(&self) -> impl Iterator<Item = &str> {
        self.file.leak_check.allow.iter().map(|allowed| allowed.text.as_str())
    }

    /// Whether names are replaced in texts without the frequency guard.
    pub fn strict_names(&self) -> bool {
        self.file.names.strict
    }

    /// Whether texts are scanned for what is known alone, although no directory was read: `minimal` and
    /// what extends it.
    pub fn keeps_unlearned_text(&self) -> bool {
        let bases = self.file.extends.iter().map(String::as_str).chain(self.builtin_name());
        bases
            .map(|base| base.strip_prefix("builtin:").unwrap_or(base))
            .any(|base| base.starts_with("minimal"))
    }

    /// Line and column of a member of the policy's text.
    pub fn place(&self, text: &str, path: &[&str]) -> (usize, usize) {
        place::locate(text, path)
    }

    /// What happens to kept values outside their grammar.
    pub fn outside(&self) -> Outside {
        self.outside
    }

    /// Treatment of private addresses.
    pub fn private_addresses(&self) -> Private {
        self.private
    }

    /// Whether domains of consumer mail stay readable.
    pub fn keeps_consumer_mail(&self) -> bool {
        self.consumer_mail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_complete_and_ordered_by_strictness() {
        let presets: Vec<Policy> = Policy::presets().map(|name| Policy::builtin(name).unwrap()).collect();
        for (name, policy) in Policy::presets().zip(&presets) {
            assert_eq!(policy.builtin_name(), Some(name));
            for kind in Kind::all() {
                assert!(policy.file.kinds[&kind].reason.len() > 10, "{name} {kind}");
            }
            assert_eq!(policy.file.id, format!("builtin:{name}"));
        }
        for pair in presets.windows(2) {
            for kind in Kind::all() {
                let (loose, strict) = (pair[0].rule(kind), pair[1].rule(kind));
                assert!(!strict.treatment.looser_than(loose.treatment), "{kind}");
            }
            assert!(pair[0].private <= pair[1].private && pair[0].outside <= pair[1].outside);
        }
    }

    #[test]
    fn presets_are_found_by_every_spelling_and_version() {
        assert!(Policy::builtin("balanced").is_some());
        assert!(Policy::builtin("builtin:strict@1").is_some());
        assert!(Policy::builtin("balanced@2").is_none());
        assert!(Policy::builtin("loose").is_none());
        // A file with the text and the name of a preset is a file.
        let copy = Policy::parse(&Policy::builtin("strict").unwrap().to_json(), "strict").unwrap();
        assert_eq!(copy.builtin_name(), None);
    }
}
