//! Top-level objects: a record of their own, an envelope of records, or a composite of sections.

use super::{Frame, Json, Span};
use crate::event::Reason;
use crate::source::local::identify::Hint;
use crate::source::local::scan::Scan;
use std::rc::Rc;

impl Json<'_> {
    /// Judges a top-level object by its members: a container of lists, or a record of its own.
    pub(super) fn object(&mut self) {
        let start = self.window.offset();
        let mut at = 1;
        let mut hint = Hint::default();
        let mut entity = false;
        loop {
            at = self.blank(at);
            let key = match self.window.data().get(at) {
                Some(b',') => {
                    at += 1;
                    continue;
                }
                Some(b'"') => match self.ahead(at) {
                    Some(end) => (at, end),
                    None => break,
                },
                _ => break,
            };
            let colon = self.blank(key.1);
            if self.window.data().get(colon) != Some(&b':') {
                break;
            }
            let value = self.blank(colon + 1);
            let data = self.window.data();
            let name: String =
                data.get(key.0..key.1).and_then(|raw| serde_json::from_slice(raw).ok()).unwrap_or_default();
            let first = data.get(value).copied();
            let folded = name.to_ascii_lowercase();
            let list = first == Some(b'[');
            // A record may have members of such names; it also has an identity.
            entity |= matches!(folded.as_str(), "id" | "@odata.type");
            let section =
                !entity && self.rules.sections.contains_key(&folded) && matches!(first, Some(b'[' | b'{'));
            if list && matches!(folded.as_str(), "value" | "records" | "tables") || section {
                // What stands in front of the list is needed once more only for its context.
                self.window.consume(1);
                self.mark_form(match folded.as_str() {
                    "value" => "json-value",
                    "records" => "json-records",
                    "tables" => "json-tables",
                    _ => "json-sections",
                });
                self.frames.push(Frame::Object { hint, composite: section });
                return;
            }
            let Some(end) = self.ahead(value) else { break };
            if folded == "@odata.context" {
                hint.context =
                    self.window.data().get(value..end).and_then(|raw| serde_json::from_slice(raw).ok());
            }
            at = end;
        }
        debug_assert_eq!(self.window.offset(), start);
        self.element(&Hint::default());
    }

    /// Position of the next byte from `at` on that is not white space, without consuming.
    fn blank(&mut self, mut at: usize) -> usize {
        loop {
            let data = self.window.data();
            at += data.iter().skip(at).take_while(|b| b.is_ascii_whitespace()).count();
            if at < data.len() || at > self.max_record || !self.window.more() {
                return at;
            }
        }
    }

    /// End of the value at `at`, within the limit and without consuming.
    fn ahead(&mut self, at: usize) -> Option<usize> {
        let mut scan = Scan::default();
        let mut next = 0;
        loop {
            match scan.run(self.window.data().get(at..)?, next) {
                Ok(end) => return Some(at + end),
                Err(position) => next = position,
            }
            if at + next > self.max_record || !self.window.more() {
                return None;
            }
        }
    }

    /// A member of a container object.
    pub(super) fn member(&mut self, hint: Hint, composite: bool) {
        let again = |json: &mut Self, hint| json.frames.push(Frame::Object { hint, composite });
        match self.peek() {
            None => return self.end_of_input(true),
            Some(b'}') => return self.window.consume(1),
            Some(b',') => {
                self.window.consume(1);
                if self.peek() == Some(b'}') {
                    let offset = self.window.offset();
                    self.fault(Reason::Damaged, offset);
                }
                return again(self, hint);
            }
            Some(b'"') => {}
            Some(b'{' | b'[') => {
                // A value without a name.
                self.garbage_value();
                return again(self, hint);
            }
            Some(_) => {
                self.garbage();
                return again(self, hint);
            }
        }
        let Some((name, mut hint)) = self.name(hint) else {
            if !self.done {
                again(self, Hint::default());
            }
            return;
        };
        let first = self.peek();
        let folded = name.to_ascii_lowercase();
        match (folded.as_str(), first) {
            ("value" | "records", Some(b'[')) if !composite => {
                self.window.consume(1);
                let list = Rc::new(hint.clone());
                again(self, hint);
                self.frames.push(Frame::List { hint: list, after_value: false });
            }
            ("tables", Some(b'[')) if !composite => {
                self.window.consume(1);
                again(self, hint);
                self.frames.push(Frame::Tables { after_value: false });
            }
            ("@odata.context", _) => {
                if let Some(bytes) = self.small_value() {
                    hint.context = serde_json::from_slice(&bytes).ok();
                }
                again(self, hint);
            }
            (_, Some(b'{' | b'[')) if composite => {
                let section = self.rules.sections.get(&folded).cloned();
                again(self, hint);
                self.section(section, first);
            }
            (_, None) => self.end_of_input(true),
            // A partial answer of Log Analytics says so.
            ("error", Some(b'{')) => {
                let offset = self.window.offset();
                self.fault(Reason::Cap, offset);
                let _ = self.small_value();
                again(self, hint);
            }
            _ => {
                let _ = self.small_value();
                again(self, hint);
            }
        }
    }

    fn section(&mut self, dataset: Option<String>, first: Option<u8>) {
        match (dataset, first) {
            (Some(dataset), Some(b'[')) => {
                self.window.consume(1);
                let hint = Rc::new(Hint { section: Some(dataset), ..Hint::default() });
                self.frames.push(Frame::List { hint, after_value: false });
            }
            // A list of one element collapses to an object.
            (Some(dataset), _) => self.element(&Hint { section: Some(dataset), ..Hint::default() }),
            (None, _) => {
                self.number += 1;
                let offset = self.window.offset();
                let blank = |bytes: Vec<u8>| bytes.iter().filter(|b| !b.is_ascii_whitespace()).count() == 2;
                if !self.small_value().is_some_and(blank) {
                    self.fault(Reason::UnrecognisedRecords, offset);
                }
            }
        }
    }

    /// The name of a member, with its colon.
    pub(super) fn name(&mut self, hint: Hint) -> Option<(String, Hint)> {
        let raw = self.small_value()?;
        let name = serde_json::from_slice(&raw).unwrap_or_default();
        if self.peek() == Some(b':') {
            self.window.consume(1);
        } else {
            let offset = self.window.offset();
            self.fault(Reason::Damaged, offset);
        }
        Some((name, hint))
    }

    /// Takes a value that is no record; `None` when it is too large, cut or not there.
    pub(super) fn small_value(&mut self) -> Option<Vec<u8>> {
        self.peek();
        match self.span(0) {
            Span::Whole(0) => {
                self.garbage();
                None
            }
            Span::Whole(length) => {
                let bytes = self.window.data().get(..length).unwrap_or_default().to_vec();
                self.window.consume(length);
                Some(bytes)
            }
            Span::TooLarge => None,
            Span::Cut => {
                self.end_of_input(true);
                None
            }
        }
    }

    pub(super) fn garbage_value(&mut self) {
        let offset = self.window.offset();
        self.fault(Reason::Damaged, offset);
        let _ = self.small_value();
    }
}
