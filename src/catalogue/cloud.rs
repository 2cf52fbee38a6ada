//! The clouds: where one signs in and where Graph answers. Data, so that a private cloud is a file.

use crate::error::{Error, Result};
use serde::Deserialize;

const TABLE: &str = include_str!("clouds.json");

/// A cloud.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// Its id, as `--cloud` takes it and as rows of the request table name it.
    pub id: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// `https://login…`, without a path.
    pub login: String,
    /// `https://graph…`, without a path.
    pub graph: String,
}

impl Cloud {
    /// The built-in clouds.
    pub fn builtin() -> Vec<Cloud> {
        serde_json::from_str(TABLE).expect("the embedded table is tested to be valid")
    }

    /// A built-in cloud by id.
    pub fn named(id: &str) -> Option<Cloud> {
        Cloud::builtin().into_iter().find(|cloud| cloud.id == id)
    }

    /// Reads a cloud file: `{"id","name","login","graph"}`.
    ///
    /// # Errors
    /// Usage: the place, never a value.
    pub fn parse(text: &str) -> Result<Cloud> {
        serde_json::from_str(text).map_err(|e| {
            Error::usage(format!("the cloud file is wrong at line {}, column {}", e.line(), e.column()))
                .hint(r#"{"id": "bleu", "login": "https://login.example", "graph": "https://graph.example"}"#)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_clouds_are_there() {
        let ids: Vec<_> = Cloud::builtin().into_iter().map(|cloud| cloud.id).collect();
        assert_eq!(ids, ["global", "usgov", "usgov-dod", "china"]);
        assert!(Cloud::parse(r#"{"id":"x","login":"https://a","graph":"https://b"}"#).is_ok());
        assert!(Cloud::parse(r#"{"id":"x"}"#).is_err());
    }
}
