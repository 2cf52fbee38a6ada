//! Original file names of an export, as they may stand in `meta/collection.json`.
//!
//! People name files after people: `Quackenbush-signins.json`. A surname by itself is an ordinary
//! word in prose and stays there, but a file name says nothing else, so it is treated strictly.

use super::Job;
use crate::catalogue::Stream;
use crate::error::Result;
use crate::kind::Kind;
use crate::privacy::{Dictionary, Redactor};
use std::collections::HashSet;

/// Written in place of a word of a name.
const PLACEHOLDER: &str = "(name)";
/// Characters a word has at least; initials tell nobody apart.
const WORD: usize = 3;
/// Words that Microsoft's own exports and logs carry in their names. A directory also holds accounts
/// called `Security Reader` or `Microsoft Azure`, and such a word tells nobody apart.
const PRODUCT: [&str; 9] =
    ["azure", "entra", "exchange", "microsoft", "security", "service", "user", "users", "windows"];

/// Treats original file names component by component: free text under the policy, and beyond that
/// every word that is part of a learned person's name or the first label of a learned domain.
pub(super) struct PathNames<'a> {
    redactor: Redactor<'a>,
    dictionary: &'a Dictionary,
    /// Lower-case words of people's names, and each name written without spaces.
    words: HashSet<String>,
    domains: bool,
}

impl<'a> PathNames<'a> {
    pub(super) fn new(job: &'a Job<'_>, dictionary: &'a Dictionary) -> Result<Self> {
        let stream = Stream::new(crate::catalogue::Source::OnPrem, "other_text");
        let treated = job.rules.treated();
        let mut words = HashSet::new();
        if treated.contains(Kind::PersonName) {
            for (_, name) in dictionary.originals().filter(|(kind, _)| *kind == Kind::PersonName) {
                let name = name.to_lowercase();
                let parts: Vec<&str> =
                    name.split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty()).collect();
                words.insert(parts.concat());
                words.insert(parts.iter().rev().copied().collect());
                words.extend(parts.into_iter().map(str::to_owned));
            }
            words.retain(|word| word.chars().count() >= WORD);
        }
        let redactor = Redactor::new(job.rules, job.names, dictionary, &stream)?;
        Ok(PathNames { redactor, dictionary, words, domains: treated.contains(Kind::Domain) })
    }

    pub(super) fn treat(&mut self, name: &str) -> String {
        let components: Vec<String> =
            name.split(['/', '\\']).map(|component| self.redactor.text(component)).collect();
        components.iter().map(|component| self.without_words(component)).collect::<Vec<_>>().join("/")
    }

    /// The component with a placeholder for every word that tells. Tokens are longer than a word and
    /// hold digits inside, so they stay whole.
    fn without_words(&self, component: &str) -> String {
        let mut out = String::with_capacity(component.len());
        let mut rest = component;
        while let Some(first) = rest.chars().next() {
            let end =
                rest.find(|c: char| c.is_alphanumeric() != first.is_alphanumeric()).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            let word = run.trim_matches(|c: char| c.is_ascii_digit());
            if first.is_alphanumeric() && self.tells(word) {
                out.push_str(PLACEHOLDER);
            } else {
                out.push_str(run);
            }
            rest = after;
        }
        out
    }

    fn tells(&self, word: &str) -> bool {
        let lower = word.to_lowercase();
        word.chars().count() >= WORD
            && !PRODUCT.contains(&lower.as_str())
            && (self.words.contains(&lower) || (self.domains && self.dictionary.is_domain_label(word)))
    }
}
