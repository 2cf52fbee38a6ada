//! A page of Graph: where its records stand in its bytes, and how it goes on. A page is taken as a
//! whole or not at all; its records are never modelled.

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A page as it came.
#[derive(Debug, Default)]
pub struct Page {
    /// The bytes of the answer.
    pub body: Vec<u8>,
    /// Where each record stands in them.
    pub records: Vec<Range<usize>>,
    /// The address of the next page.
    pub next: Option<String>,
    /// How many records the service counts in all.
    pub count: Option<u64>,
}

#[derive(Default)]
struct Found<'a> {
    records: Option<Vec<&'a RawValue>>,
    next: Option<String>,
    count: Option<u64>,
}

impl<'de> Visitor<'de> for Found<'de> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self::Value, A::Error> {
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "value" if self.records.is_none() => {
                    let value: &RawValue = members.next_value()?;
                    // A member of one object may be called `value` too.
                    if value.get().starts_with('[') {
                        self.records =
                            Some(serde_json::from_str(value.get()).map_err(serde::de::Error::custom)?);
                    }
                }
                "@odata.nextLink" => self.next = members.next_value()?,
                "@odata.count" => self.count = members.next_value()?,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Self::Value, A::Error> {
        let records = self.records.insert(Vec::new());
        while let Some(item) = items.next_element::<&RawValue>()? {
            records.push(item);
        }
        Ok(self)
    }
}

impl Page {
    /// Reads an answer: a page, a bare array, or (`single`) one object. `None`: it is neither, or cut.
    pub fn read(body: Vec<u8>, single: bool) -> Option<Page> {
        let mut reader = serde_json::Deserializer::from_slice(&body);
        let found = reader.deserialize_any(Found::default()).ok()?;
        reader.end().ok()?;
        let start = body.as_ptr() as usize;
        let range = |value: &RawValue| {
            let at = value.get().as_ptr() as usize - start;
            at..at + value.get().len()
        };
        let records = match found.records {
            Some(records) => {
                records.into_iter().filter(|record| record.get().starts_with('{')).map(range).collect()
            }
            None if single => {
                let at = body.iter().position(|b| !b.is_ascii_whitespace())?;
                let end = body.iter().rposition(|b| !b.is_ascii_whitespace())? + 1;
                std::iter::once(at..end).collect()
            }
            None => return None,
        };
        let (next, count) = (found.next.filter(|_| !single), found.count);
        Some(Page { records, next, count, body })
    }

    /// The bytes of a record.
    pub fn record(&self, range: &Range<usize>) -> &[u8] {
        self.body.get(range.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Page> {
        Page::read(text.as_bytes().to_vec(), false)
    }

    #[test]
    fn records_stay_the_bytes_they_were() {
        let text = r#"{"@odata.context":"x","@odata.count":7,"value":[ {"id" : "a","n":1.50} , {"id":"b"}],
            "@odata.nextLink":"https://h/next"}"#;
        let page = read(text).unwrap();
        let records: Vec<_> = page.records.iter().map(|at| page.record(at)).collect();
        assert_eq!(records, [br#"{"id" : "a","n":1.50}"#.as_slice(), br#"{"id":"b"}"#]);
        assert_eq!((page.next.as_deref(), page.count), (Some("https://h/next"), Some(7)));
        assert_eq!(read("[{\"a\":1}]").unwrap().records.len(), 1);
        assert_eq!(read(r#"{"value":[]}"#).unwrap().records.len(), 0);
    }

    #[test]
    fn half_a_page_is_no_page() {
        for text in [
            r#"{"value":[{"id":"a"}"#,
            r#"{"value":[{"id":"a"},]}"#,
            "<html>proxy</html>",
            "",
            r#"{"error":{"code":"x"}}"#,
            r#"{"value":[]} trailing"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn one_object_is_a_record_of_its_own() {
        let page = Page::read(b" {\"id\":\"a\",\"value\":3} ".to_vec(), true).unwrap();
        assert_eq!(page.record(&page.records[0]), br#"{"id":"a","value":3}"#);
    }
}
