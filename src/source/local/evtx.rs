//! Windows event logs: every readable event becomes a JSON object.
//!
//! `{"TimeCreated","Provider","ProviderGuid","EventID","Qualifiers","Version","Level","Task",
//! "Opcode","Keywords","EventRecordID","ActivityID","RelatedActivityID","ProcessID","ThreadID",
//! "Channel","Computer","UserID","EventData":{…},"UserData":{…}}`; absent members are left out.
//! A chunk is held at a time. A damaged chunk or record is a fault; the others are read.

mod flat;

use super::Options;
use super::archive::{Blob, ReadSeek};
use super::flow::{Records, Step};
use super::identify::{self, Rules};
use crate::catalogue::{Source, Stream};
use crate::event::Reason;
use crate::record::{Form, Raw};
use ::evtx::{EvtxChunkData, EvtxParser, IntoIterChunks, ParserSettings};
use memchr::memmem;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
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
    datasets: Datasets,
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
            datasets: Datasets::default(),
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
            let rendered = record.and_then(|record| record.into_json_bytes());
            let event = rendered.ok().and_then(|record| flat::event(&record.data));
            let step = match event {
                None => damaged(self.number),
                Some(event) if event.json.len() > self.max_record => {
                    Step::fault(Reason::RecordTooLarge, Some(self.number), offset)
                }
                Some(event) => {
                    let stream = self.datasets.of(&event);
                    Step::Record(stream, Raw::new(event.json, Form::Json))
                }
            };
            self.queue.push_back(step);
        }
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

/// The datasets of events; channels, providers and ids that were seen are remembered.
#[derive(Default)]
struct Datasets {
    seen: HashMap<Vec<u8>, Stream>,
    /// Of the event before, for one that lost its channel.
    last: Option<Stream>,
    key: Vec<u8>,
}

/// Combinations that are remembered: a hostile log may have any number.
const REMEMBERED: usize = 4096;

impl Datasets {
    fn of(&mut self, event: &flat::Event) -> Stream {
        if event.channel.is_none()
            && event.provider.is_none()
            && let Some(last) = &self.last
        {
            return last.clone();
        }
        let text =
            |at: &Option<Range<usize>>| at.clone().and_then(|at| event.json.get(at)).unwrap_or_default();
        let (channel, provider, id) = (text(&event.channel), text(&event.provider), text(&event.id));
        if channel == b"\"Security\""
            && let Some(dataset) = process(&event.json)
        {
            return self.last.insert(Stream::new(Source::OnPrem, dataset)).clone();
        }
        self.key.clear();
        for part in [channel, provider, id] {
            self.key.extend_from_slice(part);
            self.key.push(0);
        }
        if let Some(known) = self.seen.get(&self.key) {
            return self.last.insert(known.clone()).clone();
        }
        let [channel, provider, id] = [channel, provider, id].map(plain);
        let rules = Rules::builtin();
        let dataset = identify::windows(rules, channel.as_deref(), provider.as_deref(), id.as_deref());
        let stream = Stream::new(Source::OnPrem, dataset);
        if self.seen.len() < REMEMBERED {
            self.seen.insert(self.key.clone(), stream.clone());
        }
        self.last.insert(stream).clone()
    }
}

/// The dataset of the program that an event of the Security log names.
fn process(json: &[u8]) -> Option<&'static str> {
    const NAME: &[u8] = b"\"ProcessName\":";
    let value = json.get(memmem::find(json, NAME)? + NAME.len()..)?;
    identify::process(Rules::builtin(), &plain(flat::string(value)?)?)
}

/// A JSON string or number as text in lower case.
fn plain(json: &[u8]) -> Option<String> {
    match json.first()? {
        b'"' => Some(serde_json::from_slice::<String>(json).ok()?.to_ascii_lowercase()),
        _ => Some(std::str::from_utf8(json).ok()?.to_owned()),
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
    fn datasets_follow_channel_provider_and_program() {
        let mut datasets = Datasets::default();
        let mut of = |json: &str| datasets.of(&flat::event(json.as_bytes()).unwrap()).dataset;
        let event =
            |system: &str, data: &str| format!(r#"{{"Event":{{"System":{{{system}}},"EventData":{data}}}}}"#);
        let security = r#""Channel":"Security","EventID":4625"#;
        let agent = r#"{"ProcessName":"C:\\Program Files\\x\\AzureADConnectAuthenticationAgentService.exe"}"#;
        assert_eq!(of(&event(security, "null")), "windows_events");
        assert_eq!(of(&event(security, agent)), "pta_security_events");
        assert_eq!(of(&event(r#""Channel":"Security","EventID":6273"#, "null")), "nps_mfa_extension");
        assert_eq!(
            of(&event(
                r##""Channel":"AD FS/Admin","EventID":{"#attributes":{"Qualifiers":0},"#text":364}"##,
                "null"
            )),
            "adfs_admin"
        );
        // Lost: as the one before.
        assert_eq!(of(&event(r#""EventID":1"#, "null")), "adfs_admin");
        assert_eq!(
            of(&event(r##""Provider":{"#attributes":{"Name":"ADSync"}},"Channel":"Application""##, "null")),
            "aadc_eventlog_application"
        );
    }
}
