//! XML: known documents as a whole, or their repeating element record by record.
//!
//! The document is cut by a small scanner that holds one element; each record is then proved well
//! formed by quick-xml. A document type is refused with all that it could define; nothing is ever
//! resolved.

use super::decode::{self, record_text};
use super::flow::{Records, Step};
use super::identify::Rules;
use super::stamp::Clock;
use super::window::Window;
use crate::catalogue::{Source, Stream};
use crate::event::Reason;
use crate::record::{Form, Raw};
use memchr::{memchr, memchr3, memmem};
use quick_xml::Reader;
use quick_xml::events::Event;

const MAX_DEPTH: usize = 256;

/// The reader of an XML document.
pub struct Elements<'a> {
    window: Window<'a>,
    max_record: usize,
    stream: Stream,
    /// Local name of the repeating element; `None`: the root is the record.
    repeating: Option<&'static str>,
    /// Local name of the element that holds the time of a record, with its attributes.
    time: Option<&'static str>,
    clock: Clock,
    inside: bool,
    number: u64,
    fallback: bool,
    done: bool,
}

/// A piece of markup.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Empty,
    /// Comment, processing instruction, declaration, CDATA.
    Other,
    DocType,
}

impl<'a> Elements<'a> {
    /// A reader of `window`, whose first bytes are `head`. An unknown document is refused.
    pub fn new(window: Window<'a>, max_record: usize, head: &[u8], clock: Clock) -> Result<Self, Reason> {
        let rules = Rules::builtin();
        let root = root(head).ok_or(Reason::UnrecognisedText)?;
        let known = rules.xml.get(&root).map(String::as_str).or_else(|| {
            let row = rules
                .xml_content
                .iter()
                .find(|row| row.root == root && memmem::find(head, row.contains.as_bytes()).is_some())?;
            Some(row.dataset.as_str())
        });
        let dataset = known.ok_or(Reason::UnrecognisedRecords)?;
        let source = if root == "Objs" { Source::PowerShell } else { Source::OnPrem };
        Ok(Elements {
            window,
            max_record,
            stream: Stream::new(source, dataset),
            repeating: rules.xml_records.get(&root).map(String::as_str),
            time: rules.xml_times.get(&root).map(String::as_str),
            clock,
            inside: false,
            number: 0,
            fallback: false,
            done: false,
        })
    }

    /// The next markup at or behind `from`: where it begins, where it ends, what it is.
    fn token(&mut self, mut from: usize) -> Result<Option<(usize, usize, Token)>, ()> {
        loop {
            let data = self.window.data();
            let found = data.get(from..).and_then(|rest| memchr(b'<', rest));
            if let Some(found) = found {
                from += found;
                if let Some((length, token)) = token(data.get(from..).unwrap_or_default()) {
                    return Ok(Some((from, from + length, token)));
                }
            } else {
                from = data.len();
            }
            if data.len() > self.max_record {
                return Err(());
            }
            if !self.window.more() {
                return Ok(None);
            }
        }
    }

    fn cut_off(&mut self) -> Step {
        self.done = true;
        let reason = self.window.failure().unwrap_or(Reason::Damaged);
        Step::fault(reason, Some(self.number.max(1)), Some(self.window.offset()))
    }

    /// Goes to the next element that is a record (or a sibling of records) and takes it.
    fn advance(&mut self) -> Option<Step> {
        let from = match self.token(0) {
            Ok(Some((start, end, token))) => match token {
                Token::DocType => {
                    self.done = true;
                    return Some(Step::fault(
                        Reason::Damaged,
                        None,
                        Some(self.window.offset() + start as u64),
                    ));
                }
                Token::Other => {
                    self.window.consume(end);
                    return Some(Step::Passed);
                }
                Token::Close => {
                    self.window.consume(end);
                    self.done = true;
                    return Some(Step::Passed);
                }
                Token::Open if self.repeating.is_some() && !self.inside => {
                    self.inside = true;
                    self.window.consume(end);
                    return Some(Step::Passed);
                }
                Token::Open | Token::Empty => start,
            },
            Ok(None) if self.inside || self.window.failure().is_some() => return Some(self.cut_off()),
            Ok(None) => {
                self.done = true;
                return None;
            }
            Err(()) => return Some(self.give_up()),
        };
        self.window.consume(from);
        Some(self.element())
    }

    fn give_up(&mut self) -> Step {
        self.done = true;
        Step::fault(Reason::RecordTooLarge, Some(self.number + 1), Some(self.window.offset()))
    }

    /// Takes the element that begins the window.
    fn element(&mut self) -> Step {
        self.number += 1;
        let offset = self.window.offset();
        let (mut at, mut depth, mut large) = (0, 0usize, false);
        loop {
            match self.token(at) {
                Ok(Some((_, end, token))) => {
                    at = end;
                    match token {
                        Token::Open => depth += 1,
                        Token::Close => depth = depth.saturating_sub(1),
                        Token::DocType => {
                            self.done = true;
                            return Step::fault(Reason::Damaged, Some(self.number), Some(offset));
                        }
                        Token::Empty | Token::Other => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
                Ok(None) => return self.cut_off(),
                // Long text is passed over; markup of that length is not markup.
                Err(()) if memchr(b'<', self.window.data().get(at..).unwrap_or_default()).is_none() => {
                    at = self.window.data().len();
                    large = true;
                }
                Err(()) => return self.give_up(),
            }
            if at > self.max_record {
                self.window.consume(at);
                (at, large) = (0, true);
            }
        }
        let bytes = self.window.data().get(..at).unwrap_or_default().to_vec();
        self.window.consume(at);
        if self.repeating.is_none() {
            self.done = true;
        }
        if large {
            return Step::fault(Reason::RecordTooLarge, Some(self.number), Some(offset));
        }
        let (text, fallback) = record_text(&bytes);
        self.fallback |= fallback;
        if let Err(reason) = well_formed(text.as_bytes()) {
            return Step::fault(reason, Some(self.number), Some(offset));
        }
        if self.repeating.is_some_and(|name| local_name(text.as_bytes()) != name.as_bytes()) {
            return Step::fault(Reason::UnrecognisedRecords, Some(self.number), Some(offset));
        }
        let time = self.time.and_then(|name| self.clock.element(name, text.as_bytes()));
        Step::Record(self.stream.clone(), Raw::new(text.into_owned().into_bytes(), Form::Xml).at(time))
    }
}

impl Records for Elements<'_> {
    fn next(&mut self) -> Option<Step> {
        if self.done { None } else { self.advance() }
    }

    fn consumed(&self) -> u64 {
        self.window.offset()
    }

    fn form(&self) -> &'static str {
        "xml"
    }

    fn fallback(&self) -> Option<&'static str> {
        self.fallback.then_some(decode::FALLBACK)
    }
}

/// Length and kind of the markup at the start of `data`; `None` if it is not complete.
fn token(data: &[u8]) -> Option<(usize, Token)> {
    let until = |end: &[u8], from: usize, token| {
        let found = memmem::find(data.get(from..)?, end)?;
        Some((from + found + end.len(), token))
    };
    if data.starts_with(b"<!--") {
        return until(b"-->", 4, Token::Other);
    }
    if data.starts_with(b"<![CDATA[") {
        return until(b"]]>", 9, Token::Other);
    }
    if data.starts_with(b"<?") {
        return until(b"?>", 2, Token::Other);
    }
    if data.starts_with(b"</") {
        return until(b">", 2, Token::Close);
    }
    if data.starts_with(b"<!") {
        // Too short to tell what it is.
        let enough = data.len() >= 9 || memchr(b'>', data).is_some();
        return enough.then_some((data.len().min(9), Token::DocType));
    }
    let mut at = 1;
    loop {
        let found = at + memchr3(b'>', b'"', b'\'', data.get(at..)?)?;
        match data.get(found)? {
            b'>' if data.get(found.checked_sub(1)?) == Some(&b'/') => return Some((found + 1, Token::Empty)),
            b'>' => return Some((found + 1, Token::Open)),
            quote => at = found + 1 + memchr(*quote, data.get(found + 1..)?)? + 1,
        }
    }
}

/// Local name of the root element, if the head holds its start tag.
fn root(head: &[u8]) -> Option<String> {
    let mut at = 0;
    loop {
        at += memchr(b'<', head.get(at..)?)?;
        let rest = head.get(at..)?;
        match token(rest)? {
            (length, Token::Other) => at += length,
            // Refused when it is read: the name behind it does not matter.
            (length, Token::DocType) => at += length,
            (_, Token::Open | Token::Empty) => {
                return std::str::from_utf8(local_name(rest)).ok().map(str::to_owned);
            }
            (_, Token::Close) => return None,
        }
    }
}

/// Local name of the start tag that begins `data`.
fn local_name(data: &[u8]) -> &[u8] {
    let name = data.get(1..).unwrap_or_default();
    let end = name.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'));
    let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
    name.rsplit(|b| *b == b':').next().unwrap_or_default()
}

/// Proves that one element is well formed, within the depth limit, and refers to no entity but the
/// five that XML itself defines.
fn well_formed(element: &[u8]) -> Result<(), Reason> {
    let mut reader = Reader::from_reader(element);
    let (mut depth, mut roots) = (0usize, 0usize);
    loop {
        match reader.read_event().map_err(|_| Reason::Damaged)? {
            Event::Start(tag) => {
                roots += usize::from(depth == 0);
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Reason::NestedTooDeep);
                }
                attributes(&tag)?;
            }
            Event::Empty(tag) => {
                roots += usize::from(depth == 0);
                attributes(&tag)?;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::GeneralRef(reference) => {
                let name: &str = reference.as_ref();
                if !matches!(name, "amp" | "lt" | "gt" | "quot" | "apos") && !name.starts_with('#') {
                    return Err(Reason::Damaged);
                }
            }
            Event::DocType(_) => return Err(Reason::Damaged),
            Event::Eof => return if depth == 0 && roots == 1 { Ok(()) } else { Err(Reason::Damaged) },
            _ => {}
        }
    }
}

fn attributes(tag: &quick_xml::events::BytesStart<'_>) -> Result<(), Reason> {
    tag.attributes().try_for_each(|attribute| attribute.map(|_| ()).map_err(|_| Reason::Damaged))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, max: usize) -> (Vec<String>, Vec<Reason>) {
        let mut elements = match Elements::new(
            Window::new(Box::new(text.as_bytes())),
            max,
            text.as_bytes(),
            Clock::new("x.xml", &jiff::tz::TimeZone::UTC),
        ) {
            Ok(elements) => elements,
            Err(reason) => return (Vec::new(), vec![reason]),
        };
        let (mut records, mut faults) = (Vec::new(), Vec::new());
        while let Some(step) = elements.next() {
            match step {
                Step::Record(_, raw) => records.push(String::from_utf8(raw.bytes().to_vec()).unwrap()),
                Step::Fault(fault) => faults.push(fault.reason),
                Step::Passed => {}
            }
        }
        (records, faults)
    }

    #[test]
    fn a_known_document_is_one_record() {
        let text = "<?xml version=\"1.0\"?>\n<!-- > -->\n<ma-data a='>'><x/><![CDATA[</ma-data>]]><y>&amp;</y></ma-data>\n";
        let (records, faults) = read(text, 1000);
        assert_eq!(records, ["<ma-data a='>'><x/><![CDATA[</ma-data>]]><y>&amp;</y></ma-data>"]);
        assert_eq!(faults, []);
    }

    #[test]
    fn repeating_elements_are_records() {
        let text = format!(
            "<cs-objects>\n<cs-object cs-dn='a'><x/></cs-object><cs-object><y>{}</y></cs-object><other/><cs-object/></cs-objects>",
            "z".repeat(300_000)
        );
        let (records, faults) = read(&text, 1000);
        assert_eq!(records, ["<cs-object cs-dn='a'><x/></cs-object>", "<cs-object/>"]);
        assert_eq!(faults, [Reason::RecordTooLarge, Reason::UnrecognisedRecords]);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = |n: usize| format!("<ma-data>{}{}</ma-data>", "<a>".repeat(n), "</a>".repeat(n));
        for (text, reason) in [
            ("<!DOCTYPE ma-data [<!ENTITY a \"b\">]><ma-data>&a;</ma-data>".to_owned(), Reason::Damaged),
            ("<ma-data>&a;</ma-data>".to_owned(), Reason::Damaged),
            ("<ma-data><a></b></ma-data>".to_owned(), Reason::Damaged),
            ("<ma-data><a>".to_owned(), Reason::Damaged),
            ("<ma-data x=1></ma-data>".to_owned(), Reason::Damaged),
            (deep(300), Reason::NestedTooDeep),
            (deep(10_000), Reason::NestedTooDeep),
            ("<unknown/>".to_owned(), Reason::UnrecognisedRecords),
        ] {
            assert_eq!(read(&text, 1 << 20), (vec![], vec![reason]), "{}", &text[..40.min(text.len())]);
        }
        assert_eq!(read(&deep(200), 1 << 20).0.len(), 1);
    }

    #[test]
    fn records_before_a_cut_are_kept() {
        let (records, faults) = read("<cs-objects><cs-object/><cs-object><x>", 1000);
        assert_eq!((records.len(), faults), (1, vec![Reason::Damaged]));
    }
}
