//! Pseudonym → real value. Pseudonyms are one-way; going back means computing the pseudonyms of
//! candidates (a list of users, or all typed values of a kept workspace) and comparing.

use super::forms;
use crate::catalogue::Catalogue;
use crate::error::Result;
use crate::privacy::{Pseudonymizer, Visitor};
use crate::workspace::Workspace;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// Longest value that is tried.
const LONGEST: usize = 1024;

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

    /// Tries every string of a JSON text, every cell of a CSV text, and every line.
    pub fn candidates(&mut self, text: &str) {
        let text = text.trim_start_matches('\u{feff}');
        let mut seen = HashSet::new();
        let mut offer = |search: &mut Self, value: &str| {
            let value = value.trim();
            if !value.is_empty() && value.len() <= LONGEST && seen.insert(value.to_owned()) {
                search.value(value);
            }
        };
        let documents = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
        for document in documents.map_while(Result::ok) {
            let mut open = vec![document];
            while let Some(value) = open.pop() {
                match value {
                    serde_json::Value::String(text) => offer(self, &text),
                    serde_json::Value::Array(items) => open.extend(items),
                    serde_json::Value::Object(members) => {
                        open.extend(members.into_iter().map(|(_, value)| value))
                    }
                    _ => {}
                }
            }
        }
        for delimiter in [b',', b';', b'\t'] {
            let mut cells = csv::ReaderBuilder::new();
            cells.has_headers(false).flexible(true).delimiter(delimiter);
            for row in cells.from_reader(text.as_bytes()).records().map_while(Result::ok) {
                row.iter().for_each(|cell| offer(self, cell));
            }
        }
        text.lines().for_each(|line| offer(self, line));
    }

    /// Tries every typed value of a workspace.
    pub fn workspace(&mut self, catalogue: &Catalogue, workspace: &Workspace) -> Result<()> {
        let mut seen: HashSet<String> = HashSet::new();
        for size in workspace.streams() {
            let Some(mut visitor) = Visitor::new(catalogue, &size.stream) else { continue };
            for slice in 0..size.slices {
                for raw in workspace.slice(&size.stream, slice)? {
                    visitor.visit(&raw?, &mut |_, value| {
                        if self.open > 0 && value.len() <= LONGEST && seen.insert(value.to_owned()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::{IncidentKey, Letter};

    #[test]
    fn candidates_are_read_as_json_csv_and_lines() {
        let names = Pseudonymizer::new(&IncidentKey::from_bytes([3; 32])).unwrap();
        let wanted = ["Schmidt, Greta", "Zoë O'Brien", "Pat Lee"];
        let text = "id,name\n1,\"Schmidt, Greta\"\nPat Lee\n";
        let json = r#"{"value":[{"displayName":"Zo\u00eb O\u0027Brien"}]}"#;
        let mut search =
            Search::new(&names, wanted.iter().map(|name| names.token(Letter::N, name)).collect());
        search.candidates(text);
        search.candidates(json);
        let mut found: Vec<String> = search.finish().into_iter().filter_map(|row| row.value).collect();
        found.sort();
        assert_eq!(found, ["Pat Lee", "Schmidt, Greta", "Zoë O'Brien"]);
    }
}
