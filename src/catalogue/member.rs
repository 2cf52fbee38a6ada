//! Looks up members of a JSON record by path, as the catalogue names times, keys and columns.
//!
//! A path is `a/b`; names compare by [`super::fold`], arrays are transparent, and a string that
//! holds JSON is entered like the object it holds. Only what the path names is decoded.

use super::fold;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
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
        let mut found = [Vec::new()];
        collect(json, &[(0, &self.0)], 0, false, &mut found);
        let [found] = found;
        found
    }

    /// The first value at this path. Reads no further than there.
    pub fn first(&self, json: &[u8]) -> Option<String> {
        let mut found = [Vec::new()];
        collect(json, &[(0, &self.0)], 0, true, &mut found);
        let [found] = found;
        found.into_iter().next()
    }

    /// The first value at each of several paths, from one reading that ends where the first of the paths
    /// has one: later paths are asked only where it has none.
    pub fn first_of(paths: &[Path], json: &[u8]) -> Vec<Option<String>> {
        let mut found = vec![Vec::new(); paths.len()];
        let open: Vec<Open<'_>> =
            paths.iter().enumerate().map(|(at, path)| (at, path.0.as_slice())).collect();
        collect(json, &open, 0, true, &mut found);
        found.into_iter().map(|found| found.into_iter().next()).collect()
    }

    /// The values at each of several paths, as [`Path::values`] gives them, from one reading.
    pub fn values_of<const N: usize>(paths: &[Path; N], json: &[u8]) -> [Vec<String>; N] {
        let mut found = std::array::from_fn(|_| Vec::new());
        let open: Vec<Open<'_>> =
            paths.iter().enumerate().map(|(at, path)| (at, path.0.as_slice())).collect();
        collect(json, &open, 0, false, &mut found);
        found
    }
}

/// JSON strings inside JSON strings are entered this often.
const MOST_NESTED: usize = 3;

/// Number of a path and what is left of it.
type Open<'a> = (usize, &'a [String]);

/// Reads until the end, the damage, or the first value of the first path if `once`.
fn collect(json: &[u8], paths: &[Open<'_>], nested: usize, once: bool, found: &mut [Vec<String>]) {
    // Text needs no second check of every string.
    match std::str::from_utf8(json) {
        Ok(text) => {
            let mut reader = serde_json::Deserializer::from_str(text);
            let _ = At { paths, nested, once, found }.deserialize(&mut reader);
        }
        Err(_) => {
            let mut reader = serde_json::Deserializer::from_slice(json);
            let _ = At { paths, nested, once, found }.deserialize(&mut reader);
        }
    }
}

struct At<'a, 'f> {
    paths: &'a [Open<'a>],
    nested: usize,
    once: bool,
    found: &'f mut [Vec<String>],
}

impl<'de> DeserializeSeed<'de> for At<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl At<'_, '_> {
    fn value<E: Error>(self, text: &dyn fmt::Display) -> Result<(), E> {
        for (number, _) in self.paths.iter().filter(|(_, rest)| rest.is_empty()) {
            self.found[*number].push(text.to_string());
        }
        self.goes_on()
    }

    /// The error ends the reading.
    fn goes_on<E: Error>(&self) -> Result<(), E> {
        match self.once && self.found.first().is_some_and(|found| !found.is_empty()) {
            true => Err(E::custom("")),
            false => Ok(()),
        }
    }
}

impl<'de> Visitor<'de> for At<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.value(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.value(&value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.value(&value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.value(&value)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let opens = self.nested < MOST_NESTED && value.trim_start().starts_with(['{', '[']);
        if opens && self.paths.iter().any(|(_, rest)| !rest.is_empty()) {
            let inner: Vec<Open<'_>> =
                self.paths.iter().filter(|(_, rest)| !rest.is_empty()).copied().collect();
            collect(value.as_bytes(), &inner, self.nested + 1, self.once, self.found);
        }
        self.value(&value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items
            .next_element_seed(At {
                paths: self.paths,
                nested: self.nested,
                once: self.once,
                found: &mut *self.found,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(inner) = members.next_key_seed(Name(self.paths))? {
            if inner.is_empty() {
                members.next_value::<IgnoredAny>()?;
            } else {
                members.next_value_seed(At {
                    paths: &inner,
                    nested: self.nested,
                    once: self.once,
                    found: &mut *self.found,
                })?;
            }
        }
        Ok(())
    }
}

/// Reads the name of a member and gives what is left of the paths that it continues.
struct Name<'a>(&'a [Open<'a>]);

impl<'de, 'a> DeserializeSeed<'de> for Name<'a> {
    type Value = Vec<Open<'a>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = Vec<Open<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let mut folded = None;
        let mut inner = Vec::new();
        for (number, path) in self.0 {
            if let Some((first, rest)) = path.split_first()
                && (*first == name
                    || (may_fold_to(name, first) && *first == *folded.get_or_insert_with(|| fold(name))))
            {
                inner.push((*number, rest));
            }
        }
        Ok(inner)
    }
}

/// The cheap question before folding: folding removes white space and ends, and keeps the first letter.
fn may_fold_to(name: &str, folded: &str) -> bool {
    if let (Some(own @ b'!'..=b'~'), Some(other)) = (name.bytes().next(), folded.bytes().next()) {
        return own.eq_ignore_ascii_case(&other) && name.len() >= folded.len();
    }
    let first = |text: &str| text.chars().find(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase());
    name.len() >= folded.len() && first(name) == first(folded)
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
    fn the_first_path_that_has_a_value_ends_the_reading() {
        let paths = ["nested/user/id", "requestId", "nothing"].map(Path::new);
        let found = Path::first_of(&paths, RECORD);
        assert_eq!(found, [Some("c".to_owned()), None, None], "the reading goes no further");
        let paths = ["absent", "requestId", "targetResources/id"].map(Path::new);
        assert_eq!(Path::first_of(&paths, RECORD), [None, Some("r".into()), Some("a".into())]);
    }

    #[test]
    fn several_paths_are_read_at_once() {
        let paths = ["targetResources/id", "status/errorCode", "nested/user", "nested/user/id", "absent"];
        let found = Path::values_of(&paths.map(Path::new), RECORD);
        for (path, found) in paths.iter().zip(found) {
            assert_eq!(found, values(path), "{path}");
        }
        assert_eq!(Path::new("targetResources/id").first(RECORD).as_deref(), Some("a"));
    }

    #[test]
    fn damage_ends_the_search_without_a_panic() {
        assert_eq!(Path::new("a").values(br#"{"a":1,"b":"#), ["1"]);
        assert!(Path::new("a").values(b"\xff\xfe").is_empty());
    }
}
