//! Windows event logs: every readable event becomes a JSON object.
//!
//! `{"TimeCreated","Provider","ProviderGuid","EventID","Qualifiers","Version","Level","Task",
//! "Opcode","Keywords","EventRecordID","ActivityID","RelatedActivityID","ProcessID","ThreadID",
//! "Channel","Computer","UserID","EventData":{…},"UserData":{…}}`; absent members are left out.
//! A few chunks are held at a time. A damaged chunk or record is a fault; the others are read.

mod flat;
mod text;

use super::Options;
use super::archive::{Blob, ReadSeek};
use super::flow::{Records, Step};
use super::identify::{self, Rules};
use super::{scan, sniff, window};
use crate::catalogue::{Source, Stream};
use crate::event::Reason;
use crate::record::{Form, Raw};
use ::evtx::{EvtxChunkData, EvtxParser, ParserSettings, RenderedChunkItem};
use memchr::memmem;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

/// Bytes in front of the first chunk.
const HEADER: u64 = 4096;
/// Bytes of a chunk.
const CHUNK: u64 = 64 * 1024;

/// Chunks that are read together: what the parser learns of one serves the others.
const BATCH: u64 = 16;

/// The reader of an event log.
pub struct Events {
    log: Held,
    /// A header of our own and the chunks that are read together.
    batch: Vec<u8>,
    settings: ParserSettings,
    max_record: usize,
    queue: VecDeque<Step>,
    /// Bytes of chunks that were read.
    passed: u64,
    number: u64,
    flattener: flat::Flattener,
    datasets: Datasets,
    ended: bool,
}

impl Events {
    /// A reader of `blob`; in an archive the log is held in memory, within the limit.
    pub fn new(blob: &Blob, options: &Options<'_>) -> Result<Self, Reason> {
        let mut log = Held(blob.seekable(options.limits.in_memory)?);
        log.read_exact(&mut [0; HEADER as usize]).map_err(|_| Reason::Damaged)?;
        Ok(Events {
            log,
            batch: header(),
            settings: ParserSettings::new().num_threads(1),
            max_record: options.max_record,
            queue: VecDeque::new(),
            passed: 0,
            number: 0,
            flattener: flat::Flattener::new(),
            datasets: Datasets::default(),
            ended: false,
        })
    }

    fn refill(&mut self) {
        let mut log = std::mem::take(&mut self.batch);
        log.truncate(HEADER as usize);
        let read = (&mut self.log).take(BATCH * CHUNK).read_to_end(&mut log);
        self.ended = read.is_err() || log.len() < (HEADER + BATCH * CHUNK) as usize;
        let whole = (log.len() - HEADER as usize) / CHUNK as usize * CHUNK as usize + HEADER as usize;
        let (chunks, tail) = log.split_at(whole);
        match self.together(chunks) {
            Some(events) => events.into_iter().for_each(|event| self.push(Some(event), None)),
            None => {
                for (number, chunk) in
                    (0..).zip(chunks.get(HEADER as usize..).unwrap_or_default().chunks(CHUNK as usize))
                {
                    self.chunk(chunk, HEADER + self.passed + number * CHUNK);
                }
            }
        }
        let cut = tail.iter().any(|byte| *byte != 0);
        self.passed += whole as u64 - HEADER;
        let place = Some(HEADER + self.passed);
        match read {
            Err(error) => self.queue.push_back(Step::fault(window::reason(&error), None, place)),
            // The file ends inside a chunk.
            Ok(_) if cut => self.queue.push_back(Step::fault(Reason::Damaged, None, place)),
            Ok(_) => {}
        }
        self.batch = log;
    }

    /// The events of several chunks behind a header; `None` if any is damaged, then each is looked at alone.
    fn together(&mut self, log: &[u8]) -> Option<Vec<flat::Event>> {
        let parser = EvtxParser::from_read_seek(io::Cursor::new(log)).ok()?;
        let mut parser = parser.with_configuration(self.settings.clone());
        let mut events = Vec::new();
        for chunk in parser.chunks_json_bytes(false) {
            let whole = |item: &RenderedChunkItem| matches!(item, RenderedChunkItem::Record { .. });
            if !chunk.items.iter().all(whole) {
                return None;
            }
            for (_, record) in chunk.records() {
                events.push(self.flattener.event(record)?);
            }
        }
        Some(events)
    }

    /// The events of one chunk, which begins at `offset` of the file.
    fn chunk(&mut self, chunk: &[u8], offset: u64) {
        // A log may have room that was not used yet.
        if chunk.iter().all(|byte| *byte == 0) {
            return;
        }
        let damaged = |_| Step::fault(Reason::Damaged, None, Some(offset));
        let mut data = match EvtxChunkData::new(chunk.to_vec(), false) {
            Ok(data) => data,
            Err(error) => return self.queue.push_back(damaged(error)),
        };
        let mut chunk = match data.parse(Arc::new(self.settings.clone())) {
            Ok(chunk) => chunk,
            Err(error) => return self.queue.push_back(damaged(error)),
        };
        for record in chunk.iter() {
            let rendered = record.and_then(|record| record.into_json_bytes());
            let event = rendered.ok().and_then(|record| self.flattener.event(&record.data));
            self.push(event, Some(offset));
        }
    }

    fn push(&mut self, event: Option<flat::Event>, offset: Option<u64>) {
        self.number += 1;
        self.queue.push_back(match event {
            None => Step::fault(Reason::Damaged, Some(self.number), offset),
            Some(event) if event.json.len() > self.max_record => {
                Step::fault(Reason::RecordTooLarge, Some(self.number), offset)
            }
            Some(event) => {
                debug_assert!(!scan::too_deep(&event.json));
                debug_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&event.json).is_ok());
                let stream = self.datasets.of(&event);
                Step::Record(stream, Raw::new(event.json, Form::Json))
            }
        });
    }
}

/// A file header of version 3.1 (MS-EVEN6, "Event Log File Header"): that of the file may be damaged.
fn header() -> Vec<u8> {
    let mut header = Vec::with_capacity((HEADER + BATCH * CHUNK) as usize);
    header.extend_from_slice(sniff::EVTX);
    header.resize(HEADER as usize, 0);
    // Size of the header's fields, minor and major version, size of the header.
    header.splice(32..42, [128, 0, 0, 0, 1, 0, 3, 0, 0, 0x10]);
    header
}

impl Records for Events {
    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.queue.pop_front() {
            return Some(step);
        }
        if self.ended {
            return None;
        }
        self.refill();
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
    streams: Vec<Stream>,
    seen: HashMap<Vec<u8>, usize, foldhash::fast::RandomState>,
    /// Of the event before, for one that lost its channel.
    last: Option<usize>,
    key: Vec<u8>,
}

/// Combinations that are remembered: a hostile log may have any number.
const REMEMBERED: usize = 4096;

impl Datasets {
    fn of(&mut self, event: &flat::Event) -> Stream {
        let lost = event.channel.is_none() && event.provider.is_none();
        let at = match self.last.filter(|_| lost) {
            Some(last) => last,
            None => self.judge(event),
        };
        self.last = Some(at);
        self.streams[at].clone()
    }

    fn judge(&mut self, event: &flat::Event) -> usize {
        let text =
            |at: &Option<Range<usize>>| at.clone().and_then(|at| event.json.get(at)).unwrap_or_default();
        let (channel, provider, id) = (text(&event.channel), text(&event.provider), text(&event.id));
        if channel == b"\"Security\""
            && let Some(dataset) = process(&event.json)
        {
            return self.stream(dataset);
        }
        self.key.clear();
        for part in [channel, provider, id] {
            self.key.extend_from_slice(part);
            self.key.push(0);
        }
        if let Some(known) = self.seen.get(&self.key) {
            return *known;
        }
        let [channel, provider, id] = [channel, provider, id].map(plain);
        let rules = Rules::builtin();
        let dataset = identify::windows(rules, channel.as_deref(), provider.as_deref(), id.as_deref());
        let at = self.stream(dataset);
        if self.seen.len() < REMEMBERED {
            self.seen.insert(self.key.clone(), at);
        }
        at
    }

    /// Number of the stream of a dataset; there are few.
    fn stream(&mut self, dataset: &str) -> usize {
        let known = self.streams.iter().position(|stream| stream.dataset == dataset);
        known.unwrap_or_else(|| {
            self.streams.push(Stream::new(Source::OnPrem, dataset));
            self.streams.len() - 1
        })
    }
}

/// The dataset of the program that an event of the Security log names.
fn process(json: &[u8]) -> Option<&'static str> {
    const NAME: &[u8] = b"\"ProcessName\":";
    let value = json.get(memmem::find(json, NAME)? + NAME.len()..)?;
    identify::process(Rules::builtin(), &plain(text::string(value)?)?)
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
        let mut of =
            |json: &str| datasets.of(&flat::Flattener::new().event(json.as_bytes()).unwrap()).dataset;
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
