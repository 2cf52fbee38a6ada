//! One pass over the top level of an object: which members it has, and the values that matter.
//! The pass proves that the text is one JSON value; nested values are skipped, not built.

use super::rules::{Bits, Rules, Slot};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The top-level members of an object.
#[derive(Debug, Default)]
pub(super) struct Seen<'r> {
    pub(super) bits: Bits,
    values: [Option<&'r str>; Slot::COUNT],
    /// Whether the first member begins with a capital letter.
    pub(super) upper: bool,
}

impl<'r> Seen<'r> {
    /// The value of a member as it came.
    pub(super) fn raw(&self, slot: Slot) -> Option<&'r str> {
        self.values.get(slot as usize).copied().flatten()
    }

    /// Notes the value of a member.
    pub(super) fn set(&mut self, slot: Slot, value: Option<&'r str>) {
        if let Some(place) = self.values.get_mut(slot as usize) {
            *place = value;
        }
    }

    /// The text of a string, a number or a word; lower case.
    pub(super) fn text(&self, slot: Slot) -> Option<String> {
        let raw = self.raw(slot)?;
        let text = match raw.as_bytes().first()? {
            b'"' => serde_json::from_str::<Cow<'_, str>>(raw).ok()?.to_ascii_lowercase(),
            b'{' | b'[' | b'n' => return None,
            _ => raw.to_ascii_lowercase(),
        };
        (!text.is_empty()).then_some(text)
    }
}

/// The members of an object that are objects themselves.
pub(super) fn objects(json: &str) -> Option<Vec<&str>> {
    let Objects(found) = serde_json::from_str(json).ok()?;
    Some(found)
}

struct Objects<'r>(Vec<&'r str>);
impl<'de> serde::Deserialize<'de> for Objects<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Objects<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while map.next_key::<IgnoredAny>()?.is_some() {
                    let raw: &'de RawValue = map.next_value()?;
                    if raw.get().starts_with('{') {
                        found.push(raw.get());
                    }
                }
                Ok(Objects(found))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Reads the top-level members of an object; `None` if the text is not one valid object.
pub(super) fn look<'r>(rules: &Rules, json: &'r str) -> Option<Seen<'r>> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let seen = deserializer.deserialize_map(Look { rules }).ok()?;
    deserializer.end().ok()?;
    Some(seen)
}

struct Look<'t> {
    rules: &'t Rules,
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = Seen<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen<'de>, A::Error> {
        let mut seen = Seen::default();
        let mut first = true;
        while let Some((member, upper)) = map.next_key_seed(Name { rules: self.rules })? {
            if std::mem::take(&mut first) {
                seen.upper = upper;
            }
            let Some(member) = member else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            seen.bits.set(member);
            match self.rules.slot(member).and_then(|slot| seen.values.get_mut(slot as usize)) {
                Some(place) => *place = Some(map.next_value::<&'de RawValue>()?.get()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(seen)
    }
}

struct Name<'t> {
    rules: &'t Rules,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = (Option<u16>, bool);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = (Option<u16>, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.rules.member(name), name.starts_with(|c: char| c.is_ascii_uppercase())))
    }
}
