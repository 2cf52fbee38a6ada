//! Profiles: which datasets an incident of a kind needs. Data in `profiles.json`; a support
//! engineer's request is a file of the same form.

use super::Catalogue;
use super::graph::Requests;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeSet;

const TABLE: &str = include_str!("profiles.json");
/// The profile that every other one includes.
pub const BASELINE: &str = "tenant-baseline";

/// A profile.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its id.
    pub id: String,
    /// What it is for.
    #[serde(default)]
    pub title: String,
    /// A built-in profile whose datasets it takes over.
    #[serde(default)]
    pub extends: Option<String>,
    /// The datasets.
    #[serde(default)]
    pub datasets: Vec<String>,
    /// Datasets that are useful here but taken by name only.
    #[serde(default)]
    pub optional: Vec<String>,
    /// Datasets of servers and clients, which are given as files.
    #[serde(default)]
    pub files: Vec<String>,
}

impl Profile {
    /// The built-in profiles.
    pub fn builtin() -> Vec<Profile> {
        serde_json::from_str(TABLE).expect("the embedded table is tested to be valid")
    }

    /// Reads a profile file.
    ///
    /// # Errors
    /// Usage: the place, never a value.
    pub fn parse(text: &str) -> Result<Profile> {
        let profile: Profile = serde_json::from_str(text).map_err(|e| {
            Error::usage(format!("the profile is wrong at line {}, column {}", e.line(), e.column()))
                .hint(r#"{"id": "case-7", "datasets": ["users", "directory_audits"]}"#)
        })?;
        let unknown =
            profile.datasets.iter().chain(&profile.files).any(|id| {
                Catalogue::builtin().dataset(id).is_none() && Requests::builtin().row(id).is_none()
            });
        if unknown || profile.extends.as_ref().is_some_and(|base| Profile::named(base).is_none()) {
            return Err(Error::usage("the profile names an unknown dataset or profile")
                .hint("`entra-bundle datasets` lists the datasets"));
        }
        Ok(profile)
    }

    /// A built-in profile.
    pub fn named(id: &str) -> Option<Profile> {
        Profile::builtin().into_iter().find(|profile| profile.id == id)
    }

    /// Its datasets with those of the profiles it extends and of the baseline.
    pub fn all_datasets(&self) -> BTreeSet<String> {
        let mut all: BTreeSet<String> = self.datasets.iter().cloned().collect();
        for base in [self.extends.as_deref(), Some(BASELINE)].into_iter().flatten() {
            if base != self.id
                && let Some(base) = Profile::named(base)
            {
                all.extend(base.all_datasets());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_name_known_datasets_and_include_the_baseline() {
        let all = Profile::builtin();
        assert_eq!(all.len(), 18);
        for profile in &all {
            assert!(profile.all_datasets().contains("organization"), "{}", profile.id);
            let files = ["o365_audit_azureactivedirectory", "la_adfssign_in_logs"];
            for id in profile.datasets.iter().filter(|id| !files.contains(&id.as_str())) {
                assert!(Requests::builtin().row(id).is_some(), "{}: {id}", profile.id);
            }
        }
        let conditional = Profile::named("conditional-access").unwrap().all_datasets();
        assert!(conditional.contains("signins_interactive_user") && conditional.contains("role_assignments"));
    }

    #[test]
    fn a_request_that_names_something_unknown_is_refused() {
        assert!(Profile::parse(r#"{"id":"x","datasets":["users"]}"#).is_ok());
        assert!(Profile::parse(r#"{"id":"x","datasets":["nonsense"]}"#).is_err());
        assert!(Profile::parse(r#"{"id":"x","extends":"nonsense"}"#).is_err());
        assert!(Profile::parse(r#"{"id":"x","query":1}"#).is_err());
    }
}
