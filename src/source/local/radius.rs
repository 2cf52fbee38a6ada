//! Accounting logs of the Network Policy Server (IAS): lines of fixed columns, or of XML elements.
//!
//! Both become JSON objects with the names of the documented attributes, so that each value is
//! treated by what it holds; `TimeUtc` is ours: the record's local time in UTC. Columns are those of
//! Microsoft's "Interpret NPS Database Format Log Files".

use super::flow::{Records, Step};
use super::text::Log;
use crate::event::Reason;
use crate::record::{Form, Raw};
use csv::ReaderBuilder;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

const COLUMNS: [&str; 66] = [
    "Computer-Name",
    "Service-Name",
    "Record-Date",
    "Record-Time",
    "Packet-Type",
    "User-Name",
    "Fully-Qualified-User-Name",
    "Called-Station-Id",
    "Calling-Station-Id",
    "Callback-Number",
    "Framed-IP-Address",
    "NAS-Identifier",
    "NAS-IP-Address",
    "NAS-Port",
    "Client-Vendor",
    "Client-IP-Address",
    "Client-Friendly-Name",
    "Event-Timestamp",
    "Port-Limit",
    "NAS-Port-Type",
    "Connect-Info",
    "Framed-Protocol",
    "Service-Type",
    "Authentication-Type",
    "NP-Policy-Name",
    "Reason-Code",
    "Class",
    "Session-Timeout",
    "Idle-Timeout",
    "Termination-Action",
    "EAP-Friendly-Name",
    "Acct-Status-Type",
    "Acct-Delay-Time",
    "Acct-Input-Octets",
    "Acct-Output-Octets",
    "Acct-Session-Id",
    "Acct-Authentic",
    "Acct-Session-Time",
    "Acct-Input-Packets",
    "Acct-Output-Packets",
    "Acct-Terminate-Cause",
    "Acct-Multi-Session-Id",
    "Acct-Link-Count",
    "Acct-Interim-Interval",
    "Tunnel-Type",
    "Tunnel-Medium-Type",
    "Tunnel-Client-Endpt",
    "Tunnel-Server-Endpt",
    "Acct-Tunnel-Connection",
    "Tunnel-Pvt-Group-ID",
    "Tunnel-Assignment-ID",
    "Tunnel-Preference",
    "MS-Acct-Auth-Type",
    "MS-Acct-EAP-Type",
    "MS-RAS-Version",
    "MS-RAS-Vendor",
    "MS-CHAP-Error",
    "MS-CHAP-Domain",
    "MS-MPPE-Encryption-Types",
    "MS-MPPE-Encryption-Policy",
    "Proxy-Policy-Name",
    "Provider-Type",
    "Provider-Name",
    "Remote-Server-Address",
    "MS-RAS-Client-Name",
    "MS-RAS-Client-Version",
];

/// The reader of an accounting log.
pub struct Accounting<'a> {
    lines: Log<'a>,
    number: u64,
}

impl<'a> Accounting<'a> {
    /// Takes the lines of a log of that shape.
    pub fn new(lines: Log<'a>) -> Self {
        Accounting { lines, number: 0 }
    }
}

impl Records for Accounting<'_> {
    fn next(&mut self) -> Option<Step> {
        let (stream, line) = match self.lines.next()? {
            Step::Record(stream, line) => (stream, line),
            other => return Some(other),
        };
        self.number += 1;
        let object = match line.bytes() {
            bytes if bytes.starts_with(b"<") => elements(bytes),
            bytes => columns(bytes),
        };
        let Some(mut object) = object else {
            return Some(Step::fault(Reason::Damaged, Some(self.number), None));
        };
        if let Some(time) = line.time() {
            object.insert("TimeUtc".into(), Value::String(time.to_string()));
        }
        let json = Value::Object(object).to_string().into_bytes();
        Some(Step::Record(stream, Raw::new(json, Form::Json)))
    }

    fn consumed(&self) -> u64 {
        self.lines.consumed()
    }

    fn form(&self) -> &'static str {
        "radius"
    }

    fn fallback(&self) -> Option<&'static str> {
        self.lines.fallback()
    }
}

/// A line of the database format; empty cells are left out.
fn columns(line: &[u8]) -> Option<Map<String, Value>> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line);
    let row = reader.records().next()?.ok()?;
    // The log knows no more columns than the table; what is more is not this format.
    (row.len() <= COLUMNS.len()).then_some(())?;
    let cells = row.iter().zip(COLUMNS).filter(|(cell, _)| !cell.is_empty());
    Some(cells.map(|(cell, name)| (name.to_owned(), Value::String(cell.to_owned()))).collect())
}

/// A line of the DTS format: `<Event><Name data_type="1">value</Name>…</Event>`.
fn elements(line: &[u8]) -> Option<Map<String, Value>> {
    let mut reader = Reader::from_reader(line.trim_ascii_end());
    let (mut object, mut name, mut text, mut depth) = (Map::new(), String::new(), String::new(), 0);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                depth += 1;
                (depth <= 2).then_some(())?;
                name = start.name().as_ref().to_owned();
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(c) => text.push(c),
                None => text.push_str(match &*reference {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    _ => return None,
                }),
            },
            Event::End(_) => {
                if depth == 2 {
                    let value = Value::String(std::mem::take(&mut text));
                    match object.get_mut(&name) {
                        None => {
                            object.insert(std::mem::take(&mut name), value);
                        }
                        Some(Value::Array(list)) => list.push(value),
                        Some(single) => *single = Value::Array(vec![single.take(), value]),
                    }
                }
                depth -= 1;
            }
            Event::Eof => return (depth == 0 && !object.is_empty()).then_some(object),
            Event::Empty(_) | Event::Comment(_) => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stamp::Clock;
    use super::super::text::Shape;
    use super::super::window::Window;
    use super::*;
    use jiff::tz::TimeZone;

    fn read(text: &str) -> (Vec<Value>, Vec<Reason>) {
        let clock = Clock::new("IN240307.log", &TimeZone::fixed(jiff::tz::offset(2)));
        let lines = Log::new(Window::new(Box::new(text.as_bytes())), 4096, Shape::RadiusLog, None, clock);
        let mut log = Accounting::new(lines);
        let (mut records, mut faults) = (Vec::new(), Vec::new());
        while let Some(step) = log.next() {
            match step {
                Step::Record(_, raw) => records.push(serde_json::from_slice(raw.bytes()).unwrap()),
                Step::Fault(fault) => faults.push(fault.reason),
                Step::Passed => {}
            }
        }
        (records, faults)
    }

    #[test]
    fn both_formats_become_the_same_members() {
        let (records, faults) = read(concat!(
            "\"NPS01\",\"IAS\",03/07/2024,15:04:05,1,\"CONTOSO\\pat\",\"contoso.com/Users/Pat\",,,,\"10.0.0.5\"\r\n",
            "<Event><Timestamp data_type=\"4\">03/07/2024 15:04:05.000</Timestamp><Computer-Name data_type=\"1\">NPS01</Computer-Name>",
            "<User-Name data_type=\"1\">CONTOSO\\p&amp;t</User-Name><Class data_type=\"1\">a</Class><Class data_type=\"1\">b</Class></Event>\r\n",
            "<Event><Timestamp data_type=\"4\">03/07/2024 15:04:05.000</Timestamp>\r\n",
        ));
        assert_eq!(records.len(), 2, "{records:?}");
        for record in &records {
            assert_eq!(
                (&record["Computer-Name"], &record["TimeUtc"]),
                (&"NPS01".into(), &"2024-03-07T13:04:05Z".into())
            );
        }
        assert_eq!(records[0]["Framed-IP-Address"], "10.0.0.5");
        assert_eq!(
            (&records[1]["User-Name"], &records[1]["Class"]),
            (&"CONTOSO\\p&t".into(), &serde_json::json!(["a", "b"]))
        );
        assert_eq!(faults, [Reason::Damaged]);
    }
}
