//! The JSON that the `evtx` crate renders, brought into our shape in one pass over the text: nothing is
//! built, what stays is copied in long runs.

use memchr::memchr2;
use std::ops::Range;

/// Deepest nesting of the data of an event.
const DEEPEST: usize = 64;

/// A flattened event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// One JSON object.
    pub json: Vec<u8>,
    /// Where the values of these members stand in it.
    pub channel: Option<Range<usize>>,
    pub provider: Option<Range<usize>>,
    pub id: Option<Range<usize>>,
}

/// Flattens `{"Event":{"System":{…},"EventData":{…}}}`; `None` if it is something else.
pub(super) fn event(json: &[u8]) -> Option<Event> {
    std::str::from_utf8(json).ok()?;
    let mut text = Text { json, at: 0 };
    let mut out = Event { json: Vec::with_capacity(json.len()), ..Event::default() };
    out.json.push(b'{');
    let mut system = false;
    text.members(|text, name| match name {
        b"\"Event\"" => text.members(|text, name| match name {
            b"\"System\"" => {
                system = true;
                out.system(text)
            }
            b"\"#attributes\"" => text.skip().map(drop),
            _ if name.starts_with(b"\"#") => text.skip().map(drop),
            _ => out.data(text, name),
        }),
        _ => text.skip().map(drop),
    })?;
    out.json.push(b'}');
    (system && text.at == json.len()).then_some(out)
}

/// The JSON string that begins `json`, with its quotes.
pub(super) fn string(json: &[u8]) -> Option<&[u8]> {
    Text { json, at: 0 }.string()
}

impl Event {
    fn system(&mut self, text: &mut Text<'_>) -> Option<()> {
        text.members(|text, element| match element {
            b"\"Provider\"" => text
                .attributes(|name, value| match name {
                    b"\"Name\"" => self.provider = self.put(b"\"Provider\"", value),
                    b"\"Guid\"" => drop(self.put(b"\"ProviderGuid\"", value)),
                    b"\"EventSourceName\"" => drop(self.put(b"\"EventSourceName\"", value)),
                    _ => {}
                })
                .map(drop),
            b"\"EventID\"" => {
                let id = text.attributes(|name, value| {
                    if name == b"\"Qualifiers\"" {
                        self.put(name, value);
                    }
                })?;
                self.id = self.put(element, id);
                Some(())
            }
            b"\"TimeCreated\"" => self.take(text, &[(b"\"SystemTime\"", b"\"TimeCreated\"")]),
            b"\"Correlation\"" => self.take(
                text,
                &[
                    (b"\"ActivityID\"", b"\"ActivityID\""),
                    (b"\"RelatedActivityID\"", b"\"RelatedActivityID\""),
                ],
            ),
            b"\"Execution\"" => {
                self.take(text, &[(b"\"ProcessID\"", b"\"ProcessID\""), (b"\"ThreadID\"", b"\"ThreadID\"")])
            }
            b"\"Security\"" => self.take(text, &[(b"\"UserID\"", b"\"UserID\"")]),
            b"\"Channel\"" => {
                let value = text.attributes(|_, _| {})?;
                self.channel = self.put(element, value);
                Some(())
            }
            b"\"Version\"" | b"\"Level\"" | b"\"Task\"" | b"\"Opcode\"" | b"\"Keywords\""
            | b"\"EventRecordID\"" | b"\"Computer\"" => {
                let value = text.attributes(|_, _| {})?;
                self.put(element, value);
                Some(())
            }
            _ => text.skip().map(drop),
        })
    }

    /// Takes attributes of an element under names of our own.
    fn take(&mut self, text: &mut Text<'_>, wanted: &[(&[u8], &[u8])]) -> Option<()> {
        text.attributes(|name, value| {
            if let Some((_, ours)) = wanted.iter().find(|(theirs, _)| *theirs == name) {
                self.put(ours, value);
            }
        })
        .map(drop)
    }

    /// Adds a member, unless it is null; where its value stands.
    fn put(&mut self, name: &[u8], value: &[u8]) -> Option<Range<usize>> {
        if value.is_empty() || value == b"null" {
            return None;
        }
        self.name(name);
        let start = self.json.len();
        self.json.extend_from_slice(value);
        Some(start..self.json.len())
    }

    fn name(&mut self, name: &[u8]) {
        if self.json.len() > 1 {
            self.json.push(b',');
        }
        self.json.extend_from_slice(name);
        self.json.push(b':');
    }

    /// Adds the data of an event without the attributes of its elements.
    fn data(&mut self, text: &mut Text<'_>, name: &[u8]) -> Option<()> {
        if text.rest().starts_with(b"null") {
            return text.skip().map(drop);
        }
        self.name(name);
        text.copy(&mut self.json, 0)
    }
}

/// Compact JSON from a place on.
struct Text<'j> {
    json: &'j [u8],
    at: usize,
}

impl<'j> Text<'j> {
    fn rest(&self) -> &'j [u8] {
        self.json.get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// The string here, with its quotes.
    fn string(&mut self) -> Option<&'j [u8]> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            self.at += memchr2(b'"', b'\\', self.rest())?;
            let quote = self.byte()? == b'"';
            self.at += if quote { 1 } else { 2 };
            if quote {
                return self.json.get(start..self.at);
            }
        }
    }

    /// Gives each member of the object here to `each`, which has to pass its value.
    fn members(&mut self, mut each: impl FnMut(&mut Self, &'j [u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.expect(b':')?;
            each(self, name)?;
            let byte = self.byte()?;
            self.at += 1;
            match byte {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Gives the attributes of the element here to `each`; the value is its text, empty if it has none.
    fn attributes(&mut self, mut each: impl FnMut(&[u8], &'j [u8])) -> Option<&'j [u8]> {
        if self.byte()? != b'{' {
            return self.skip();
        }
        let mut own: &[u8] = b"";
        self.members(|text, name| match name {
            b"\"#attributes\"" if text.byte()? == b'{' => text.members(|text, name| {
                each(name, text.skip()?);
                Some(())
            }),
            b"\"#text\"" => {
                own = text.skip()?;
                Some(())
            }
            _ => text.skip().map(drop),
        })?;
        Some(own)
    }

    /// Passes the value here.
    fn skip(&mut self) -> Option<&'j [u8]> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.byte()? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => self.scalar()?,
            }
            if depth == 0 {
                return self.json.get(start..self.at);
            }
        }
    }

    /// Passes a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<()> {
        let rest = self.rest();
        let length =
            rest.iter().position(|b| matches!(b, b',' | b'}' | b']' | b':' | b'"')).unwrap_or(rest.len());
        let word = rest.get(..length)?;
        let number = word.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
        self.at += length;
        (length > 0 && (number || matches!(word, b"true" | b"false" | b"null"))).then_some(())
    }

    /// Copies the value here without `#attributes`; an object that has only text becomes its text.
    fn copy(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.byte()? {
            b'{' => {
                let start = out.len();
                out.push(b'{');
                let (mut kept, mut text_at) = (0, None);
                self.members(|text, name| {
                    if name == b"\"#attributes\"" {
                        return text.skip().map(drop);
                    }
                    if kept > 0 {
                        out.push(b',');
                    }
                    kept += 1;
                    out.extend_from_slice(name);
                    out.push(b':');
                    if name == b"\"#text\"" {
                        text_at = Some(out.len());
                    }
                    text.copy(out, depth + 1)
                })?;
                match text_at {
                    Some(text) if kept == 1 => drop(out.drain(start..text)),
                    _ => out.push(b'}'),
                }
                Some(())
            }
            b'[' => {
                out.push(b'[');
                self.at += 1;
                if self.byte()? == b']' {
                    self.at += 1;
                    out.push(b']');
                    return Some(());
                }
                loop {
                    self.copy(out, depth + 1)?;
                    let byte = self.byte()?;
                    self.at += 1;
                    out.push(byte);
                    match byte {
                        b',' => {}
                        b']' => return Some(()),
                        _ => return None,
                    }
                }
            }
            _ => {
                out.extend_from_slice(self.skip()?);
                Some(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn the_envelope_is_flattened() {
        let rendered = serde_json::json!({"Event": {"#attributes": {"xmlns": "x"},
            "System": {"Provider": {"#attributes": {"Name": "P", "Guid": "G"}},
                "EventID": {"#attributes": {"Qualifiers": 1}, "#text": 4624}, "Level": 0,
                "TimeCreated": {"#attributes": {"SystemTime": "t"}}, "Channel": "Security", "Computer": null,
                "Security": {"#attributes": {"UserID": "S-1"}}, "Correlation": null},
            "EventData": {"#attributes": {"Name": "n"}, "A": "1", "Data": {"#text": ["x", "y\"\\"]}, "E": {"#attributes": {"a": 1}}}}});
        let event = event(rendered.to_string().as_bytes()).unwrap();
        let expected = serde_json::json!({"TimeCreated": "t", "Provider": "P", "ProviderGuid": "G",
            "Qualifiers": 1, "UserID": "S-1", "EventID": 4624, "Level": 0, "Channel": "Security",
            "EventData": {"Data": ["x", "y\"\\"], "A": "1", "E": {}}});
        assert_eq!(serde_json::from_slice::<Value>(&event.json).unwrap(), expected);
        assert_eq!(&event.json[event.channel.unwrap()], b"\"Security\"");
        assert_eq!(
            (&event.json[event.provider.unwrap()], &event.json[event.id.unwrap()]),
            (&b"\"P\""[..], &b"4624"[..])
        );
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for json in [
            "",
            "{}",
            "[]",
            r#"{"Event":{}}"#,
            r#"{"Event":{"System":{"Level":}}}"#,
            r#"{"Event":{"System":{}"#,
            r#"{"Event":{"System":{"Level":0x}}}"#,
            r#"{"Event":{"System":{}}}}"#,
            r#"{"Event":{"System":{},"EventData":{"a":[1;2]}}}"#,
        ] {
            assert_eq!(event(json.as_bytes()), None, "{json}");
        }
        let deep =
            format!(r#"{{"Event":{{"System":{{}},"EventData":{}{}}}}}"#, "[".repeat(100), "]".repeat(100));
        assert_eq!(event(deep.as_bytes()), None);
    }

    fn data() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let name = prop_oneof![Just("#text".to_owned()), Just("#attributes".to_owned()), "[a-c\"]{1,3}"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name, inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same by building the value.
    fn without_attributes(value: &mut Value) {
        match value {
            Value::Object(object) => {
                object.remove("#attributes");
                object.values_mut().for_each(without_attributes);
                if object.len() == 1
                    && let Some(text) = object.remove("#text")
                {
                    *value = text;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(without_attributes),
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn data_is_what_building_it_gives(mut data in data()) {
            let rendered = serde_json::json!({"Event": {"System": {"Level": 4}, "EventData": data}}).to_string();
            let flat = event(rendered.as_bytes()).unwrap();
            let flat: Value = serde_json::from_slice(&flat.json).unwrap();
            without_attributes(&mut data);
            prop_assert_eq!(flat.get("EventData").unwrap_or(&Value::Null), &data);
        }

        #[test]
        fn any_text_ends(text in r#"(\{"Event":)?[{}\[\]":,a#0\\]{0,60}"#) {
            event(text.as_bytes());
        }
    }
}
