//! Pseudonym → real value. Pseudonyms are one-way; going back means computing the pseudonyms of
//! candidates (a list of users, or all typed values of a kept workspace) and comparing.

use super::forms;
use crate::catalogue::Catalogue;
use crate::error::Result;
use crate::privacy::{Pseudonymizer, Visitor};
use crate::workspace::Workspace;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// What one pseudonym stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revealed {
    /// The pseudonym that was asked for.
    pub pseudonym: String,
    /// What the value is, where known.
    pub what: Option<&'static str>,
    /// The real value: personal data.
    pub value: Option<String>,
}

/// A search for the values of some pseudonyms.
pub struct Search<'a> {
    names: &'a Pseudonymizer,
    wanted: BTreeMap<String, Option<(&'static str, String)>>,
    open: usize,
}

impl<'a> Search<'a> {
    /// Looks for these pseudonyms.
    pub fn new(names: &'a Pseudonymizer, pseudonyms: Vec<String>) -> Self {
        let wanted: BTreeMap<_, _> = pseudonyms.into_iter().map(|p| (p, None)).collect();
        Search { names, open: wanted.len(), wanted }
    }

    /// Tries one value.
    pub fn value(&mut self, value: &str) {
        if self.open == 0 {
            return;
        }
        for form in forms::of(self.names, value) {
            if let Some(slot @ None) = self.wanted.get_mut(&form.pseudonym) {
                *slot = Some((form.what, form.value));
                self.open -= 1;
            }
        }
    }

    /// Tries every cell, member and line of a text: CSV, JSON or one value a line.
    pub fn candidates(&mut self, text: &str) {
        let mut seen = HashSet::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            for piece in std::iter::once(line).chain(line.split([',', ';', '\t', '"', '{', '}', '[', ']'])) {
                let piece = piece.trim().trim_matches(['"', '\'']);
                if !piece.is_empty() && piece.len() <= 1024 && seen.insert(piece.to_owned()) {
                    self.value(piece);
                }
            }
        }
    }

    /// Tries every typed value of a workspace.
    pub fn workspace(&mut self, catalogue: &Catalogue, workspace: &Workspace) -> Result<()> {
        let mut seen: HashSet<String> = HashSet::new();
        for size in workspace.streams() {
            let Some(mut visitor) = Visitor::new(catalogue, &size.stream) else { continue };
            for slice in 0..size.slices {
                for raw in workspace.slice(&size.stream, slice)? {
                    visitor.visit(&raw?, &mut |_, value| {
                        if self.open > 0 && value.len() <= 1024 && seen.insert(value.to_owned()) {
                            self.value(value);
                        }
                    });
                    if self.open == 0 {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// The table, in the order of the pseudonyms.
    pub fn finish(self) -> Vec<Revealed> {
        self.wanted
            .into_iter()
            .map(|(pseudonym, found)| match found {
                Some((what, value)) => Revealed { pseudonym, what: Some(what), value: Some(value) },
                None => Revealed { pseudonym, what: None, value: None },
            })
            .collect()
    }
}
