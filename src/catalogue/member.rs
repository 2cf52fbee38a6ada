//! Looks up members of a JSON record by path, as the catalogue names times, keys and columns.
//!
//! A path is `a/b`; names compare by [`super::fold`], arrays are transparent, and a string that
//! holds JSON is entered like the object it holds. Only what the path names is decoded.

use super::fold;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A path whose segments are folded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// Reads `a/b`.
    pub fn new(text: &str) -> Self {
        Path(text.split('/').map(fold).collect())
    }

    /// All values at this path in document order, as text: strings without quotes, numbers and
    /// booleans as written. Objects, arrays of nothing and `null` give none. Invalid JSON gives
    /// what stood before the damage.
    pub fn values(&self, json: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        collect(json, &self.0, 0, &mut found);
        found
    }

    /// The first value at this path.
    pub fn first(&self, json: &[u8]) -> Option<String> {
        self.values(json).into_iter().next()
    }
}

/// JSON strings inside JSON strings are entered this often.
const MOST_NESTED: usize = 3;

fn collect(json: &[u8], path: &[String], nested: usize, found: &mut Vec<String>) {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let _ = At { path, nested, found }.deserialize(&mut reader);
}

struct At<'a> {
    path: &'a [String],
    nested: usize,
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl At<'_> {
    fn value(self, text: String) {
        if self.path.is_empty() {
            self.found.push(text);
        }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.value(value.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.value(value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.value(value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.value(value.to_string());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        if self.path.is_empty() {
            self.found.push(value.to_owned());
        } else if self.nested < MOST_NESTED && value.trim_start().starts_with(['{', '[']) {
            collect(value.as_bytes(), self.path, self.nested + 1, self.found);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items
            .next_element_seed(At { path: self.path, nested: self.nested, found: &mut *self.found })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.path.split_first() {
                Some((first, rest)) if *first == *name || *first == fold(&name) => {
                    members.next_value_seed(At {
                        path: rest,
                        nested: self.nested,
                        found: &mut *self.found,
                    })?;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &[u8] = br#"{"Status":{"errorCode":50126},"targetResources":[{"id":"a"},{"id":"b"}],
        "Nested":"{\"user\":{\"id\":\"c\"}}","nothing":null,"Request ID":"r"}"#;

    fn values(path: &str) -> Vec<String> {
        Path::new(path).values(RECORD)
    }

    #[test]
    fn paths_enter_objects_arrays_and_json_in_strings() {
        assert_eq!(values("status/errorCode"), ["50126"]);
        assert_eq!(values("targetResources/id"), ["a", "b"]);
        assert_eq!(values("nested/user/id"), ["c"]);
        assert_eq!(values("requestId"), ["r"]);
        assert!(values("nothing").is_empty());
        assert!(values("status").is_empty());
        assert!(values("absent/x").is_empty());
    }

    #[test]
    fn damage_ends_the_search_without_a_panic() {
        assert_eq!(Path::new("a").values(br#"{"a":1,"b":"#), ["1"]);
        assert!(Path::new("a").values(b"\xff\xfe").is_empty());
    }
}
