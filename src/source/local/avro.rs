//! Event Hubs capture files (Avro): the body of each event is JSON of diagnostic settings.
//!
//! Built with the feature `avro`; without it such files are refused as binary.

use super::flow::{Records, Step};
use super::json::Json;
use super::window::Window;
use crate::event::Reason;
use apache_avro::Reader;
use apache_avro::types::Value;
use std::cell::Cell;
use std::io::{Cursor, Read};
use std::rc::Rc;

/// Largest block that is decoded; the capture writes far smaller ones.
const BLOCK: usize = 64 << 20;

/// The reader of a capture file.
pub struct Capture<'a> {
    events: Reader<'static, Counted<'a>>,
    read: Rc<Cell<u64>>,
    body: Option<Json<'static>>,
    max_record: usize,
    number: u64,
    done: bool,
}

impl<'a> Capture<'a> {
    /// A reader of the file's bytes. A header that is damaged refuses the file.
    pub fn new(input: Box<dyn Read + 'a>, max_record: usize) -> Result<Self, Reason> {
        apache_avro::util::max_allocation_bytes(BLOCK);
        let read = Rc::new(Cell::new(0));
        let events = Reader::new(Counted { input, read: Rc::clone(&read) }).map_err(|_| Reason::Damaged)?;
        Ok(Capture { events, read, body: None, max_record, number: 0, done: false })
    }
}

impl Records for Capture<'_> {
    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.body.as_mut().and_then(Json::next) {
            return Some(step);
        }
        self.body = None;
        if self.done {
            return None;
        }
        let event = self.events.next()?;
        self.number += 1;
        match event.ok().map(body) {
            // Behind a damaged block the place of the next one is not known.
            None => {
                self.done = true;
                Some(Step::fault(Reason::Damaged, Some(self.number), Some(self.read.get())))
            }
            Some(Some(body)) => {
                self.body = Some(Json::new(Window::new(Box::new(Cursor::new(body))), self.max_record, false));
                Some(Step::Passed)
            }
            Some(None) => Some(Step::fault(Reason::UnrecognisedRecords, Some(self.number), None)),
        }
    }

    fn consumed(&self) -> u64 {
        self.read.get()
    }

    fn form(&self) -> &'static str {
        "avro"
    }
}

/// The member `Body` of an event.
fn body(event: Value) -> Option<Vec<u8>> {
    let Value::Record(members) = event else { return None };
    let (_, value) = members.into_iter().find(|(name, _)| name == "Body")?;
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::String(text) => Some(text.into_bytes()),
        Value::Union(_, inner) => match *inner {
            Value::Bytes(bytes) => Some(bytes),
            Value::String(text) => Some(text.into_bytes()),
            _ => None,
        },
        _ => None,
    }
}

/// Counts what was read.
struct Counted<'a> {
    input: Box<dyn Read + 'a>,
    read: Rc<Cell<u64>>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.input.read(buffer)?;
        self.read.set(self.read.get() + got as u64);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apache_avro::{Codec, Schema, Writer};

    /// The schema that the capture writes (documented by Microsoft, "Exploring captured Avro files").
    const SCHEMA: &str = r#"{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging",
        "fields":[{"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},
        {"name":"EnqueuedTimeUtc","type":"string"},{"name":"Body","type":["null","bytes"]}]}"#;

    fn capture(bodies: &[&str]) -> Vec<u8> {
        let schema = Schema::parse_str(SCHEMA).unwrap();
        let codec = Codec::Deflate(apache_avro::DeflateSettings::default());
        let mut writer = Writer::with_codec(&schema, Vec::new(), codec).unwrap();
        for (number, body) in (0..).zip(bodies) {
            let mut record = apache_avro::types::Record::new(writer.schema()).unwrap();
            record.put("SequenceNumber", Value::Long(number));
            record.put("Offset", "0");
            record.put("EnqueuedTimeUtc", "3/5/2024 7:08:09 AM");
            record.put("Body", Value::Union(1, Box::new(Value::Bytes(body.as_bytes().to_vec()))));
            writer.append_value(record).unwrap();
        }
        writer.into_inner().unwrap()
    }

    fn read(file: Vec<u8>) -> (Vec<String>, Vec<Reason>) {
        let mut capture = Capture::new(Box::new(Cursor::new(file)), 1 << 20).unwrap();
        let (mut datasets, mut faults) = (Vec::new(), Vec::new());
        while let Some(step) = capture.next() {
            match step {
                Step::Record(stream, _) => datasets.push(stream.dataset),
                Step::Fault(fault) => faults.push(fault.reason),
                Step::Passed => {}
            }
        }
        (datasets, faults)
    }

    #[test]
    fn the_bodies_of_a_capture_are_records() {
        let sign_in = r#"{"time":"2024-03-05T07:08:09Z","category":"SignInLogs","operationName":"Sign-in activity","properties":{"id":"1"}}"#;
        let file = capture(&[&format!(r#"{{"records":[{sign_in},{sign_in}]}}"#), "not JSON"]);
        let (datasets, faults) = read(file.clone());
        assert_eq!(datasets.len(), 2, "{datasets:?} {faults:?}");
        assert!(!faults.is_empty());
        let (fewer, faults) = read(file[..file.len() - 8].to_vec());
        assert!(fewer.len() <= 2 && faults.contains(&Reason::Damaged), "{fewer:?} {faults:?}");
    }

    #[test]
    fn what_is_no_capture_is_refused() {
        assert_eq!(Capture::new(Box::new(Cursor::new(b"Obj\x01nonsense")), 100).err(), Some(Reason::Damaged));
    }
}
