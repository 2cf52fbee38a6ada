//! Windows event logs: every readable event becomes a JSON object.
//!
//! `{"TimeCreated","Provider","ProviderGuid","EventID","Qualifiers","Version","Level","Task",
//! "Opcode","Keywords","EventRecordID","ActivityID","RelatedActivityID","ProcessID","ThreadID",
//! "Channel","Computer","UserID","EventData":{…},"UserData":{…}}`; absent members are left out.
//! A chunk is held at a time. A damaged chunk or record is a fault; the others are read.

use super::Options;
use super::archive::{Blob, ReadSeek};
use super::flow::{Records, Step};
use super::identify::{self, Rules};
use crate::catalogue::{Source, Stream};
use crate::event::Reason;
use crate::record::{Form, Raw};
use ::evtx::{EvtxChunkData, EvtxParser, IntoIterChunks, ParserSettings};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Bytes in front of the first chunk.
const HEADER: u64 = 4096;
/// Bytes of a chunk.
const CHUNK: u64 = 64 * 1024;

/// The reader of an event log.
pub struct Events {
    chunks: IntoIterChunks<Held>,
    settings: Arc<ParserSettings>,
    max_record: usize,
    queue: VecDeque<Step>,
    passed: u64,
    number: u64,
    /// Dataset of the event before, for one that lost its channel.
    last: Option<Stream>,
}

impl Events {
    /// A reader of `blob`; in an archive the log is held in memory, within the limit.
    pub fn new(blob: &Blob, options: &Options<'_>) -> Result<Self, Reason> {
        let settings = ParserSettings::new().num_threads(1);
        let held = Held(blob.seekable(options.limits.in_memory)?);
        let parser = EvtxParser::from_read_seek(held).map_err(|_| Reason::Damaged)?;
        let chunks = parser.with_configuration(settings.clone()).into_chunks();
        Ok(Events {
            chunks,
            settings: Arc::new(settings),
            max_record: options.max_record,
            queue: VecDeque::new(),
            passed: 0,
            number: 0,
            last: None,
        })
    }

    fn chunk(&mut self, mut data: EvtxChunkData) {
        let offset = data.number.map(|number| HEADER + number * CHUNK);
        let damaged = |number| Step::fault(Reason::Damaged, Some(number), offset);
        let mut chunk = match data.parse(Arc::clone(&self.settings)) {
            Ok(chunk) => chunk,
            Err(_) => return self.queue.push_back(Step::fault(Reason::Damaged, None, offset)),
        };
        for record in chunk.iter() {
            self.number += 1;
            let value = record.and_then(|record| record.into_json_value());
            let event = value.ok().and_then(|record| event(record.data));
            let step =
                match event.and_then(|event| Some((self.stream(&event), serde_json::to_vec(&event).ok()?))) {
                    None => damaged(self.number),
                    Some((_, json)) if json.len() > self.max_record => {
                        Step::fault(Reason::RecordTooLarge, Some(self.number), offset)
                    }
                    Some((stream, json)) => Step::Record(stream, Raw::new(json, Form::Json)),
                };
            self.queue.push_back(step);
        }
    }
}

impl Events {
    fn stream(&mut self, event: &Map<String, Value>) -> Stream {
        let lost = !event.contains_key("Channel") && !event.contains_key("Provider");
        let stream = self.last.take().filter(|_| lost).unwrap_or_else(|| stream(event));
        self.last = Some(stream.clone());
        stream
    }
}

impl Records for Events {
    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.queue.pop_front() {
            return Some(step);
        }
        let chunk = self.chunks.next()?;
        self.passed += CHUNK;
        match chunk {
            Ok(chunk) => self.chunk(chunk),
            Err(_) => {
                self.queue.push_back(Step::fault(Reason::Damaged, None, Some(self.passed - CHUNK + HEADER)))
            }
        }
        Some(Step::Passed)
    }

    fn consumed(&self) -> u64 {
        self.passed
    }

    fn form(&self) -> &'static str {
        "evtx"
    }
}

/// The dataset of an event.
fn stream(event: &Map<String, Value>) -> Stream {
    let text = |name: &str| match event.get(name)? {
        Value::String(text) => Some(text.to_ascii_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (channel, provider, id) = (text("Channel"), text("Provider"), text("EventID"));
    let rules = Rules::builtin();
    let path = event.get("EventData").and_then(|data| data.get("ProcessName")?.as_str());
    if channel.as_deref() == Some("security")
        && let Some(dataset) = path.and_then(|path| identify::process(rules, &path.to_ascii_lowercase()))
    {
        return Stream::new(Source::OnPrem, dataset);
    }
    let dataset = identify::windows(rules, channel.as_deref(), provider.as_deref(), id.as_deref());
    Stream::new(Source::OnPrem, dataset)
}

/// Flattens what the parser gives.
fn event(value: Value) -> Option<Map<String, Value>> {
    let Value::Object(mut root) = value else { return None };
    let Some(Value::Object(mut parts)) = root.remove("Event") else { return None };
    let Some(Value::Object(mut system)) = parts.remove("System") else { return None };
    let mut event = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            event.insert(name.to_owned(), value);
        }
    };
    put("TimeCreated", attribute(&mut system, "TimeCreated", "SystemTime"));
    put("Provider", attribute(&mut system, "Provider", "Name"));
    put("ProviderGuid", attribute(&mut system, "Provider", "Guid"));
    put("EventSourceName", attribute(&mut system, "Provider", "EventSourceName"));
    put("Qualifiers", attribute(&mut system, "EventID", "Qualifiers"));
    put("ActivityID", attribute(&mut system, "Correlation", "ActivityID"));
    put("RelatedActivityID", attribute(&mut system, "Correlation", "RelatedActivityID"));
    put("ProcessID", attribute(&mut system, "Execution", "ProcessID"));
    put("ThreadID", attribute(&mut system, "Execution", "ThreadID"));
    put("UserID", attribute(&mut system, "Security", "UserID"));
    for name in
        ["EventID", "Version", "Level", "Task", "Opcode", "Keywords", "EventRecordID", "Channel", "Computer"]
    {
        put(name, system.remove(name).map(plain));
    }
    for (name, mut value) in parts {
        if name.starts_with('#') {
            continue;
        }
        without_attributes(&mut value);
        put(&name, Some(value));
    }
    Some(event)
}

fn attribute(system: &mut Map<String, Value>, element: &str, name: &str) -> Option<Value> {
    system.get_mut(element)?.get_mut("#attributes")?.as_object_mut()?.remove(name)
}

/// The text of an element that also had attributes.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut object) => object.remove("#text").unwrap_or(Value::Null),
        other => other,
    }
}

/// Drops the attributes of data elements (namespaces) and turns `{"#text": x}` into `x`.
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

/// A boxed reader as a type of its own.
struct Held(Box<dyn ReadSeek>);

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Held {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_flattened() {
        let value = serde_json::json!({"Event": {"#attributes": {"xmlns": "x"},
            "System": {"Provider": {"#attributes": {"Name": "P", "Guid": "G"}},
                "EventID": {"#attributes": {"Qualifiers": 1}, "#text": 4624}, "Level": 0,
                "TimeCreated": {"#attributes": {"SystemTime": "t"}}, "Channel": "Security",
                "Security": {"#attributes": {"UserID": "S-1"}}, "Correlation": null},
            "EventData": {"#attributes": {"Name": "n"}, "A": "1", "Data": {"#text": ["x", "y"]}}}});
        let event = event(value).unwrap();
        let expected = serde_json::json!({"TimeCreated": "t", "Provider": "P", "ProviderGuid": "G",
            "Qualifiers": 1, "UserID": "S-1", "EventID": 4624, "Level": 0, "Channel": "Security",
            "EventData": {"Data": ["x", "y"], "A": "1"}});
        assert_eq!(Value::Object(event.clone()), expected);
        assert_eq!(stream(&event).dataset, "windows_events");
    }
}
