//! The JSON that the `evtx` crate renders, brought into our shape in one pass over the text: nothing is
//! built, what stays is copied in long runs.

use super::text::Text;
use memchr::memmem;
use std::collections::HashMap;
use std::ops::Range;

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

/// Shapes that are remembered: a hostile log may have any number.
const REMEMBERED: usize = 512;
/// Bytes in which the time of an event is looked for.
const FRONT: usize = 2048;

/// Flattens events. What stands in front of the time (provider, id, level, task …) repeats from event to
/// event: its outcome is remembered by its bytes.
pub(super) struct Flattener {
    shapes: HashMap<Box<[u8]>, Shape, foldhash::fast::RandomState>,
    time: memmem::Finder<'static>,
    marker: memmem::Finder<'static>,
    /// Room to write in, kept from event to event.
    room: Vec<u8>,
}

/// What became of the front of an event.
struct Shape {
    json: Box<[u8]>,
    provider: Option<Range<usize>>,
    id: Option<Range<usize>>,
}

impl Flattener {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Flattener {
            shapes: HashMap::default(),
            time: memmem::Finder::new(b"\"TimeCreated\":{\"#attributes\":{\"SystemTime\":"),
            marker: memmem::Finder::new(b"\"#"),
            room: Vec::new(),
        }
    }

    /// Flattens `{"Event":{"System":{…},"EventData":{…}}}`; `None` if it is something else.
    pub fn event(&mut self, json: &[u8]) -> Option<Event> {
        // Control characters are escaped, and compact JSON has no white space outside strings. One comparison
        // tells them and all that is not ASCII, which is looked at again.
        if json.iter().fold(false, |any, byte| any | ((*byte).cast_signed() < 0x20)) {
            std::str::from_utf8(json).ok()?;
            if json.iter().any(|byte| *byte < 0x20) {
                return None;
            }
        }
        let mut text = Text { json, at: 0 };
        let mut room = std::mem::take(&mut self.room);
        room.clear();
        let mut out = Event { json: room, ..Event::default() };
        let flattened = self.flatten(&mut text, &mut out);
        // The room stays here; what goes on has no more than its length.
        let json = flattened.map(|()| out.json.as_slice().to_vec());
        self.room = std::mem::take(&mut out.json);
        Some(Event { json: json?, ..out })
    }

    fn flatten(&mut self, text: &mut Text<'_>, out: &mut Event) -> Option<()> {
        let json = text.json;
        let front = self.time.find(json.get(..FRONT).unwrap_or(json)).and_then(|at| json.get(..at));
        match front.and_then(|front| Some((front.len(), self.shapes.get(front)?))) {
            Some((at, shape)) => {
                // The same bytes lead to the same place: inside System, in front of a member.
                out.json.extend_from_slice(&shape.json);
                (out.provider, out.id) = (shape.provider.clone(), shape.id.clone());
                text.at = at;
                text.more_members(&mut |text, name| out.system(text, name, None))?;
                if text.next()? == b',' {
                    text.more_members(&mut |text, name| out.part(text, name, &mut true, &self.marker, None))?;
                }
                if text.next()? != b'}' {
                    return None;
                }
            }
            None => {
                out.json.push(b'{');
                let (mut seen, mut mark) = (false, None);
                text.members(|text, name| match name {
                    b"\"Event\"" => text
                        .members(|text, name| out.part(text, name, &mut seen, &self.marker, Some(&mut mark))),
                    _ => text.skip().map(drop),
                })?;
                if !seen {
                    return None;
                }
                if let (Some(front), Some((at, length))) = (front, mark)
                    && at == front.len()
                    && self.shapes.len() < REMEMBERED
                {
                    let within = |at: &Option<Range<usize>>| at.clone().filter(|at| at.end <= length);
                    let (provider, id) = (within(&out.provider), within(&out.id));
                    let shape = Shape { json: out.json.get(..length)?.into(), provider, id };
                    self.shapes.insert(front.into(), shape);
                }
            }
        }
        out.json.push(b'}');
        (text.at == json.len()).then_some(())
    }
}

/// Where the time of an event begins in the input, and how long the output was then.
type Mark = Option<(usize, usize)>;

impl Event {
    /// A member of the event: its system part, attributes, or its data.
    fn part(
        &mut self,
        text: &mut Text<'_>,
        name: &[u8],
        seen: &mut bool,
        marker: &memmem::Finder<'_>,
        mut mark: Option<&mut Mark>,
    ) -> Option<()> {
        match name {
            b"\"System\"" => {
                *seen = true;
                text.members(|text, name| self.system(text, name, mark.as_deref_mut()))
            }
            _ if name.starts_with(b"\"#") => text.skip().map(drop),
            _ => self.data(text, name, marker),
        }
    }

    fn system(&mut self, text: &mut Text<'_>, element: &[u8], mark: Option<&mut Mark>) -> Option<()> {
        match element {
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
            b"\"TimeCreated\"" => {
                if let Some(mark) = mark {
                    *mark = Some((text.at.checked_sub(element.len() + 1)?, self.json.len()));
                }
                self.take(text, &[(b"\"SystemTime\"", b"\"TimeCreated\"")])
            }
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
        }
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
    fn data(&mut self, text: &mut Text<'_>, name: &[u8], marker: &memmem::Finder<'_>) -> Option<()> {
        let rest = text.rest();
        if rest.starts_with(b"null") {
            return text.skip().map(drop);
        }
        self.name(name);
        if marker.find(rest).is_none() {
            // Nothing of it is marked: it stays as it is.
            self.json.extend_from_slice(text.skip()?);
            return Some(());
        }
        text.copy(&mut self.json, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Flattened twice by one that remembers: the second time by what it remembers.
    fn event(json: &[u8]) -> Option<Event> {
        let mut flattener = Flattener::new();
        let first = flattener.event(json);
        assert_eq!(flattener.event(json), first);
        first
    }

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
            r##"{"Event":{"System":{},"EventData":{"#text":[1;2]}}}"##,
            r#"{"Event":{"System":{},"EventData":{"a":1}"#,
        ] {
            assert_eq!(event(json.as_bytes()), None, "{json}");
        }
        let deep = format!(
            r##"{{"Event":{{"System":{{}},"EventData":{{"#text":{}{}}}}}}}"##,
            "[".repeat(100),
            "]".repeat(100)
        );
        assert_eq!(event(deep.as_bytes()), None);
    }

    /// What stays of broken text is JSON.
    #[test]
    fn what_is_no_json_is_refused() {
        for data in [
            "01",
            "1-",
            "nul",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "{\"a\" :1}",
            "{1:2}",
            "[1 2]",
            "{\"a\":1,}",
            "--1",
        ] {
            let json = format!(r#"{{"Event":{{"System":{{"Level":0}},"EventData":{data}}}}}"#);
            assert_eq!(event(json.as_bytes()), None, "{json}");
        }
        for data in ["0", "-1", "1.5e3", "true", "\"\\u12f4\\\"\"", "{\"a\":[1,{}]}", "[]"] {
            let json = format!(r#"{{"Event":{{"System":{{"Level":0}},"EventData":{data}}}}}"#);
            let flat = event(json.as_bytes()).unwrap_or_else(|| panic!("{json}"));
            serde_json::from_slice::<Value>(&flat.json).unwrap();
        }
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
            let rendered = serde_json::json!({"Event": {"System": {"Level": 4, "TimeCreated": {"#attributes": {"SystemTime": "t"}}}, "EventData": data}}).to_string();
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
