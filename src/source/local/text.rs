//! Text logs of known line shapes, record by record with their continuation lines.

use super::decode::{self, record_text};
use super::flow::{Records, Step};
use super::identify::Rules;
use super::stamp::Clock;
use super::window::Window;
use crate::catalogue::{Source, Stream};
use crate::event::Reason;
use crate::record::{Form, Raw};
use memchr::{memchr, memmem};

/// A line shape that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `dsregcmd /status`: framed sections of `Key : Value`; the file is one record.
    DeviceStatus,
    /// Entra Connect wizard: `[HH:MM:SS.mmm] [ 12] [INFO ] text`.
    WizardTrace,
    /// .NET trace of the provisioning agent.
    ProvisioningTrace,
    /// .NET trace of the pass-through authentication agent.
    AuthenticationTrace,
    /// .NET trace of the private network connector.
    ConnectorTrace,
    /// `Get-ADSyncScheduler` and its kin: blocks of `Name : value`.
    SchedulerOutput,
    /// `Get-AdfsProperties`: blocks of `Name : value`.
    FederationProperties,
    /// Registry export of the NPS extension.
    MfaRegistry,
    /// NPS (IAS) accounting, one request a line.
    RadiusLog,
    /// Text of unknown shape that lies where a product keeps its logs, line by line with the
    /// indented lines that follow.
    Placed,
    /// Text of unknown shape that the user accepts, line by line.
    Accepted,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Shape::DeviceStatus => "device-status",
            Shape::WizardTrace => "wizard-trace",
            Shape::ProvisioningTrace => "provisioning-agent-trace",
            Shape::AuthenticationTrace => "authentication-agent-trace",
            Shape::ConnectorTrace => "connector-trace",
            Shape::SchedulerOutput => "scheduler-output",
            Shape::FederationProperties => "federation-properties",
            Shape::MfaRegistry => "mfa-registry",
            Shape::RadiusLog => "radius-log",
            Shape::Placed => "placed",
            Shape::Accepted => "accepted",
        }
    }

    /// Whether `line` begins a new record after `before`.
    fn begins(self, line: &[u8], before: Before) -> bool {
        let line = without_gap(line);
        match self {
            Shape::DeviceStatus => false,
            Shape::WizardTrace => wizard_line(line),
            Shape::ProvisioningTrace | Shape::AuthenticationTrace | Shape::ConnectorTrace => {
                trace_header(line).is_some()
                    || before == Before::Footer && !is_footer(line) && !is_blank(line)
            }
            Shape::SchedulerOutput | Shape::FederationProperties => {
                before == Before::Blank && !is_blank(line)
            }
            Shape::MfaRegistry => line.starts_with(b"["),
            Shape::Placed => !matches!(line.first(), Some(b' ' | b'\t')) && !is_blank(line),
            Shape::RadiusLog | Shape::Accepted => true,
        }
    }
}

/// What the line before was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Blank,
    Footer,
    Other,
}

/// The shape of text that begins with `head`, if a line of it is known.
pub fn shape(head: &[u8]) -> Option<Shape> {
    let mut framed = false;
    let registry = head.starts_with(b"Windows Registry Editor") || head.starts_with(b"REGEDIT4");
    if registry {
        let inside = head.to_ascii_lowercase();
        return memmem::find(&inside, b"\\azuremfa").map(|_| Shape::MfaRegistry);
    }
    for line in head.split(|b| *b == b'\n') {
        let line = line.trim_ascii_end();
        framed |= line.starts_with(b"+-----");
        if framed && device_section(line) {
            return Some(Shape::DeviceStatus);
        }
        if wizard_line(line) {
            return Some(Shape::WizardTrace);
        }
        if let Some(product) = trace_header(line) {
            return Some(product);
        }
        if starts_a_property(line, SCHEDULER) {
            return Some(Shape::SchedulerOutput);
        }
        if starts_a_property(line, FEDERATION) {
            return Some(Shape::FederationProperties);
        }
        if radius_line(line) {
            return Some(Shape::RadiusLog);
        }
    }
    None
}

const DEVICE_SECTIONS: [&[u8]; 10] = [
    b"Device State",
    b"Device Details",
    b"Tenant Details",
    b"User State",
    b"User Identity",
    b"SSO State",
    b"Diagnostic Data",
    b"Ngc Prerequisite Check",
    b"Work Account",
    b"IE Proxy Config",
];
/// Get-ADSyncScheduler, -GlobalSettings, -Connector, -AADCompanyFeature, -AADPasswordSyncConfiguration.
const SCHEDULER: &[&[u8]] = &[
    b"AllowedSyncCycleInterval",
    b"ConnectivityParameters",
    b"CurrentlyEffectiveSyncCycleInterval",
    b"CustomizedSyncCycleInterval",
    b"PasswordHashSync",
    b"SourceConnector",
    b"SqlSchemaVersion",
];
const FEDERATION: &[&[u8]] = &[
    b"AcceptableIdentifiers",
    b"AutoCertificateRollover",
    b"FederationPassiveAddress",
    b"CertificateDuration",
];
const LEVELS: [&[u8]; 5] = [b"INFO", b"VERB", b"WARN", b"ERROR", b"DEBUG"];
const SEVERITIES: [&[u8]; 7] =
    [b"Information", b"Warning", b"Error", b"Verbose", b"Critical", b"Start", b"Stop"];
const FOOTERS: [&[u8]; 6] =
    [b"ThreadId=", b"DateTime=", b"ProcessId=", b"Timestamp=", b"LogicalOperationStack=", b"Callstack="];

/// The line behind NUL bytes: a crash of the server leaves a block of them where it wrote next.
pub(super) fn without_gap(line: &[u8]) -> &[u8] {
    let gap = line.iter().take_while(|byte| **byte == 0).count();
    line.get(gap..).unwrap_or_default()
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

fn device_section(line: &[u8]) -> bool {
    let inner = line.strip_prefix(b"|").map(|rest| rest.strip_suffix(b"|").unwrap_or(rest).trim_ascii());
    inner.is_some_and(|inner| DEVICE_SECTIONS.iter().any(|name| inner.starts_with(name)))
}

/// `[07:08:09.123] [ 12] [WARN ] …`, also with a date before the time.
fn wizard_line(line: &[u8]) -> bool {
    fn fits(text: &[u8], form: &[u8]) -> bool {
        text.len() == form.len()
            && text.iter().zip(form).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b' '),
                other => byte == other,
            })
    }
    let parse = || {
        let rest = line.strip_prefix(b"[")?;
        let end = memchr(b']', rest.get(..24).unwrap_or(rest))?;
        let (time, rest) = (rest.get(..end)?, rest.get(end..)?.strip_prefix(b"] [")?);
        let clock = fits(time, b"00:00:00.000") || fits(time, b"0000-00-00T00:00:00.000");
        let end = memchr(b']', rest.get(..12).unwrap_or(rest))?;
        let thread = rest.get(..end)?.trim_ascii();
        let level = rest.get(end..)?.strip_prefix(b"] [")?;
        let known = LEVELS.iter().any(|name| level.starts_with(name));
        Some(clock && !thread.is_empty() && thread.iter().all(u8::is_ascii_digit) && known)
    };
    parse().unwrap_or(false)
}

/// `Program.exe Information: 0 : …`, with the product that the program belongs to.
fn trace_header(line: &[u8]) -> Option<Shape> {
    let line = line.get(..200).unwrap_or(line);
    let colon = memchr(b':', line)?;
    let front = line.get(..colon)?;
    let space = memchr::memrchr(b' ', front)?;
    let (program, severity) = (front.get(..space)?, front.get(space + 1..)?);
    let number = line.get(colon + 1..)?.trim_ascii_start();
    let digits = number.iter().take_while(|b| b.is_ascii_digit()).count();
    if !SEVERITIES.contains(&severity) || digits == 0 || !number.get(digits..)?.starts_with(b" :") {
        return None;
    }
    let program = program.to_ascii_lowercase();
    let named = |part: &[u8]| memmem::find(&program, part).is_some();
    if named(b"provisioningagent") {
        Some(Shape::ProvisioningTrace)
    } else if named(b"authenticationagent") {
        Some(Shape::AuthenticationTrace)
    } else if named(b"applicationproxy") || named(b"privatenetwork") || named(b"private network") {
        Some(Shape::ConnectorTrace)
    } else {
        None
    }
}

fn is_footer(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    FOOTERS.iter().any(|name| line.starts_with(name))
}

/// `Name      : value`
fn starts_a_property(line: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|name| {
        line.strip_prefix(*name)
            .is_some_and(|rest| rest.first() == Some(&b' ') && rest.trim_ascii_start().starts_with(b":"))
    })
}

/// `"HOST","IAS",…` or `<Event><Timestamp data_type=…`
fn radius_line(line: &[u8]) -> bool {
    if line.starts_with(b"<Event><Timestamp data_type=") {
        return true;
    }
    let service =
        line.strip_prefix(b"\"").and_then(|rest| rest.get(memchr(b'"', rest.get(..300).unwrap_or(rest))?..));
    service.is_some_and(|rest| rest.starts_with(b"\",\"IAS\",") || rest.starts_with(b"\",\"RAS\","))
}

/// The reader of a text log.
pub struct Log<'a> {
    window: Window<'a>,
    max_record: usize,
    shape: Shape,
    clock: Clock,
    stream: Stream,
    number: u64,
    fallback: bool,
    done: bool,
}

impl<'a> Log<'a> {
    /// A reader of `window`. `place` is the dataset that the place of the file tells, for text of no
    /// known shape; `clock` reads the times.
    pub fn new(
        window: Window<'a>,
        max_record: usize,
        shape: Shape,
        place: Option<&str>,
        clock: Clock,
    ) -> Self {
        let known = Rules::builtin().text.get(shape.name()).map(String::as_str);
        let stream = Stream::new(Source::OnPrem, known.or(place).unwrap_or("other_text"));
        Log { window, max_record, shape, clock, stream, number: 0, fallback: false, done: false }
    }

    /// Length of the line at `from` with its end, 0 at the end of the input; `None` for a line above
    /// the limit, of which only the start is there.
    fn line(&mut self, from: usize) -> Option<usize> {
        let mut searched = 0;
        loop {
            let rest = self.window.data().get(from..).unwrap_or_default();
            if let Some(found) = memchr(b'\n', rest.get(searched..).unwrap_or_default()) {
                return Some(searched + found + 1);
            }
            searched = rest.len();
            if searched > self.max_record {
                return None;
            }
            if !self.window.more() {
                self.done = true;
                return Some(searched);
            }
        }
    }

    /// Passes over everything up to the next line end.
    fn skip_line(&mut self) {
        loop {
            if let Some(found) = memchr(b'\n', self.window.data()) {
                return self.window.consume(found + 1);
            }
            self.window.consume(self.window.data().len());
            if !self.window.more() {
                self.done = true;
                return;
            }
        }
    }

    fn record(&mut self) -> Option<Step> {
        let start = self.window.offset();
        let (mut end, mut large, mut before, mut first) = (0, false, Before::Other, true);
        loop {
            let found = self.line(end);
            let rest = self.window.data().get(end..).unwrap_or_default();
            let line = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
            if found == Some(0) || !first && self.shape.begins(line, before) {
                break;
            }
            before = match () {
                () if is_blank(line) => Before::Blank,
                () if is_footer(line) => Before::Footer,
                () => Before::Other,
            };
            first = false;
            match found {
                Some(length) => end += length,
                None => {
                    self.window.consume(end);
                    self.skip_line();
                    (end, large) = (0, true);
                }
            }
            if end > self.max_record {
                self.window.consume(end);
                (end, large) = (0, true);
            }
            if self.done {
                break;
            }
        }
        // The next line decides where this record ends; it is read again.
        self.done = self.done && end == self.window.data().len();
        let bytes = self.window.data().get(..end).unwrap_or_default().to_vec();
        self.window.consume(end);
        if large {
            self.number += 1;
            return Some(Step::fault(Reason::RecordTooLarge, Some(self.number), Some(start)));
        }
        if is_blank(&bytes) {
            return Some(Step::Passed);
        }
        self.number += 1;
        let (text, fallback) = record_text(&bytes);
        self.fallback |= fallback;
        let text = text.into_owned().into_bytes();
        let time = self.clock.text(self.shape, &text);
        Some(Step::Record(self.stream.clone(), Raw::new(text, Form::Text).at(time)))
    }
}

impl Records for Log<'_> {
    fn next(&mut self) -> Option<Step> {
        if !self.done {
            return self.record();
        }
        let reason = self.window.failure().filter(|_| self.number != u64::MAX)?;
        let fault = Step::fault(reason, Some(self.number), Some(self.window.offset()));
        self.number = u64::MAX;
        Some(fault)
    }

    fn consumed(&self) -> u64 {
        self.window.offset()
    }

    fn form(&self) -> &'static str {
        "text"
    }

    fn fallback(&self) -> Option<&'static str> {
        self.fallback.then_some(decode::FALLBACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], max: usize) -> (Vec<String>, Vec<Reason>) {
        let shape = shape(text).unwrap_or(Shape::Accepted);
        let mut log = Log::new(
            Window::new(Box::new(text)),
            max,
            shape,
            None,
            Clock::new("trace-20240305.log", &jiff::tz::TimeZone::UTC),
        );
        let (mut records, mut faults) = (Vec::new(), Vec::new());
        while let Some(step) = log.next() {
            match step {
                Step::Record(_, raw) => records.push(String::from_utf8(raw.bytes().to_vec()).unwrap()),
                Step::Fault(fault) => faults.push(fault.reason),
                Step::Passed => {}
            }
        }
        (records, faults)
    }

    const TRACE: &str = "[07:08:09.123] [  1] [INFO ] Starting\r\n[07:08:11.456] [ 12] [WARN ] Token\r\n \
        authority: x\r\n\r\nmore\r\n[07:08:12.789] [ 12] [ERROR] Failed\r\n";

    #[test]
    fn continuation_lines_stay_with_their_record() {
        let (records, faults) = read(TRACE.as_bytes(), 1000);
        assert_eq!((records.len(), faults.len()), (3, 0));
        assert_eq!(records.concat(), TRACE);
        assert!(records[1].ends_with("more\r\n"));
    }

    #[test]
    fn a_block_of_nul_bytes_hides_no_record() {
        let text = format!("{TRACE}{}{TRACE}", "\0".repeat(4096));
        let (records, _) = read(text.as_bytes(), 10_000);
        assert_eq!((records.len(), records.concat()), (6, text));
        let mut clock = Clock::new("trace-20240305.log", &jiff::tz::TimeZone::UTC);
        assert!(clock.text(Shape::WizardTrace, records[3].as_bytes()).is_some());
    }

    #[test]
    fn agent_traces_end_after_their_footer() {
        let text = "AADConnectProvisioningAgent.exe Information: 0 : First\n    ThreadId=5\n    DateTime=2024-01-01T00:00:00Z\n\
            AADConnectProvisioningAgent.exe Error: 12 : Second\n   at Stack.Frame\n    ThreadId=5\n    DateTime=2024-01-01T00:00:01Z\n\
            A message without a header\n    ThreadId=6\n    DateTime=2024-01-01T00:00:02Z\n";
        assert_eq!(shape(text.as_bytes()), Some(Shape::ProvisioningTrace));
        let (records, _) = read(text.as_bytes(), 1000);
        assert_eq!((records.len(), records.concat()), (3, text.to_owned()));
    }

    #[test]
    fn shapes_are_told_apart() {
        for (text, expected) in [
            ("x\n+----------+\n| Diagnostic Data |\n", Some(Shape::DeviceStatus)),
            ("\nAllowedSyncCycleInterval            : 00:30:00\n", Some(Shape::SchedulerOutput)),
            ("\"NPS01\",\"IAS\",03/07/2024,15:04:05,1,\"x\"\n", Some(Shape::RadiusLog)),
            ("AzureADConnectAuthenticationAgentService.exe Error: 0 : x\n", Some(Shape::AuthenticationTrace)),
            (
                "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\AzureMfa]\n",
                Some(Shape::MfaRegistry),
            ),
            ("Windows Registry Editor Version 5.00\n\n[HKEY_CURRENT_USER\\Software]\n", None),
            ("Other.exe Error: 0 : x\n", None),
            ("[07:08:09] [1] [INFO] x\n", None),
            ("[2024-05-01T00:00:00.700] [ 24] [INFO ] x\n", Some(Shape::WizardTrace)),
        ] {
            assert_eq!(shape(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn long_records_are_passed_over_and_fallbacks_noted() {
        let long = format!(
            "[07:08:09.123] [  1] [INFO ] a\n{}\n[07:08:09.124] [  1] [INFO ] b",
            "x".repeat(700_000)
        );
        let (records, faults) = read(long.as_bytes(), 1000);
        assert_eq!(
            (records, faults),
            (vec!["[07:08:09.124] [  1] [INFO ] b".to_owned()], vec![Reason::RecordTooLarge])
        );
        assert_eq!(read(b"Zo\xEB\nb\n", 100).0, ["Zoë\n", "b\n"]);
        let pair =
            format!("[07:08:09.123] [  1] [INFO ] a\n[07:08:09.124] [  1] [INFO ] {}\n", "x".repeat(700_000));
        let (records, faults) = read(pair.as_bytes(), 1000);
        assert_eq!((records.len(), faults), (1, vec![Reason::RecordTooLarge]));
        let many = format!(
            "[07:08:09.123] [  1] [INFO ] a\n{}[07:08:09.124] [  1] [INFO ] b\n",
            "line\n".repeat(500)
        );
        assert_eq!(read(many.as_bytes(), 1000).0.len(), 1);
    }
}
