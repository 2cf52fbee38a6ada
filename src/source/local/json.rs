//! JSON files of any size, record by record.
//!
//! The splitter knows containers (lines, arrays, `value`, `records`, sections, tables) and finds
//! the end of each record without building it; a record is judged by `identify`. Memory is one
//! record, at most the limit; what is larger is passed over. After damage the splitter goes on
//! with the next value.

mod lines;
mod object;
mod table;

use super::flow::{Records, Step};
use super::identify::{self, Hint, Looker, Rules, Verdict};
use super::scan::{self, Scan};
use super::window::Window;
use crate::catalogue::Stream;
use crate::event::Reason;
use crate::record::{Form, Raw};
use std::collections::VecDeque;
use std::rc::Rc;
use table::Table;

/// The container in which the reader stands.
enum Frame {
    /// Before a top-level value.
    Top,
    /// In an array whose elements are records, or values of which some are.
    List { hint: Rc<Hint>, after_value: bool },
    /// In an object that holds lists of records. `tables`: a Log Analytics answer.
    Object { hint: Hint, composite: bool },
    /// In the array `tables` of a Log Analytics answer.
    Tables { after_value: bool },
    /// In one table of it.
    Table(Table),
    /// In the rows of one table.
    Rows { table: Rc<Table>, after_value: bool },
}

/// The reader of JSON.
pub struct Json<'a> {
    window: Window<'a>,
    rules: &'static Rules,
    looker: Looker,
    max_record: usize,
    lines: bool,
    form: &'static str,
    frames: Vec<Frame>,
    queue: VecDeque<Step>,
    number: u64,
    done: bool,
}

/// How a span of the window ended.
enum Span {
    /// It is complete: so many bytes.
    Whole(usize),
    /// It was larger than the limit and has been passed over.
    TooLarge,
    /// The stream ended inside it.
    Cut,
}

impl<'a> Json<'a> {
    /// A reader of `window`; `lines` when the first line is a whole value.
    pub fn new(window: Window<'a>, max_record: usize, lines: bool) -> Self {
        let form = if lines { "ndjson" } else { "json" };
        Json {
            window,
            rules: Rules::builtin(),
            looker: Looker::default(),
            max_record,
            lines,
            form,
            frames: vec![Frame::Top],
            queue: VecDeque::new(),
            number: 0,
            done: false,
        }
    }

    fn fault(&mut self, reason: Reason, offset: u64) {
        let record = (self.number > 0).then_some(self.number);
        self.queue.push_back(Step::fault(reason, record, Some(offset)));
    }

    /// Position of the next byte that is not white space; it becomes the first of the window.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let data = self.window.data();
            let skip = data.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let next = data.get(skip).copied();
            self.window.consume(skip);
            if next.is_some() || !self.window.more() {
                return next;
            }
        }
    }

    /// Finds the end of the value at `from` (counted from the first byte of the window).
    fn span(&mut self, from: usize) -> Span {
        let mut scan = Scan::default();
        let mut at = 0;
        let mut start = from;
        let mut large = false;
        loop {
            match scan.run(self.window.data().get(start..).unwrap_or_default(), at) {
                Ok(end) if large => {
                    self.window.consume(start + end);
                    return Span::TooLarge;
                }
                Ok(end) => return Span::Whole(start + end),
                Err(next) => at = next,
            }
            if start + at > self.max_record {
                // Nothing in front of the value is of use without it.
                self.window.consume(start + at);
                (start, at, large) = (0, 0, true);
            }
            if !self.window.more() {
                return match (large, scan.may_end()) {
                    (true, _) => Span::TooLarge,
                    (false, true) => Span::Whole(start + at),
                    (false, false) => Span::Cut,
                };
            }
        }
    }

    fn end_of_input(&mut self, inside: bool) {
        self.done = true;
        let offset = self.window.offset();
        match self.window.failure() {
            Some(reason) => self.fault(reason, offset),
            None if inside => self.fault(Reason::Damaged, offset),
            None => {}
        }
    }

    /// A value inside a list: a record.
    fn element(&mut self, hint: &Hint) {
        self.number += 1;
        let start = self.window.offset();
        match self.span(0) {
            Span::Whole(0) => self.garbage(),
            Span::Whole(length) if length > self.max_record => {
                self.window.consume(length);
                self.fault(Reason::RecordTooLarge, start);
            }
            Span::Whole(length) => {
                let bytes = self.window.data().get(..length).unwrap_or_default().to_vec();
                self.window.consume(length);
                self.take(bytes, start, hint, false);
            }
            Span::TooLarge => self.fault(Reason::RecordTooLarge, start),
            Span::Cut => {
                self.done = true;
                let reason = self.window.failure().unwrap_or(Reason::Damaged);
                self.fault(reason, start);
            }
        }
    }

    /// Passes over bytes that are no JSON, up to something that may begin a value.
    fn garbage(&mut self) {
        let offset = self.window.offset();
        self.fault(Reason::Damaged, offset);
        self.window.consume(1);
        loop {
            let data = self.window.data();
            let skip =
                data.iter().take_while(|b| !matches!(b, b',' | b']' | b'}' | b'{' | b'[' | b'\n')).count();
            let found = skip < data.len();
            self.window.consume(skip);
            if found || !self.window.more() {
                return;
            }
        }
    }

    fn top(&mut self) {
        match self.peek() {
            None => self.end_of_input(false),
            Some(b'[') => {
                self.window.consume(1);
                self.mark_form("json-array");
                self.frames.push(Frame::List { hint: Rc::default(), after_value: false });
            }
            Some(b'{') => self.object(),
            Some(_) => self.garbage(),
        }
    }

    fn mark_form(&mut self, form: &'static str) {
        if self.form == "json" {
            self.form = form;
        }
    }

    /// One step inside an array; `each` takes a value.
    fn list(&mut self, after_value: bool, again: impl Fn(bool) -> Frame, each: impl FnOnce(&mut Self)) {
        match self.peek() {
            None => self.end_of_input(true),
            Some(b']') => self.window.consume(1),
            Some(b',') => {
                self.window.consume(1);
                let stray = !after_value || matches!(self.peek(), Some(b']'));
                if stray {
                    let offset = self.window.offset();
                    self.fault(Reason::Damaged, offset);
                }
                self.frames.push(again(false));
            }
            Some(byte)
                if byte == b'{'
                    || byte == b'['
                    || byte == b'"'
                    || byte.is_ascii_alphanumeric()
                    || byte == b'-' =>
            {
                if after_value {
                    let offset = self.window.offset();
                    self.fault(Reason::Damaged, offset);
                }
                self.frames.push(again(true));
                each(self);
            }
            Some(_) => {
                self.garbage();
                self.frames.push(again(true));
            }
        }
    }

    fn step(&mut self) {
        if self.lines {
            return self.line();
        }
        match self.frames.pop() {
            None | Some(Frame::Top) => {
                self.frames.push(Frame::Top);
                self.top();
            }
            Some(Frame::List { hint, after_value }) => {
                let same = Rc::clone(&hint);
                self.list(
                    after_value,
                    move |after_value| Frame::List { hint: Rc::clone(&same), after_value },
                    |json| json.element(&hint),
                );
            }
            Some(Frame::Object { hint, composite }) => self.member(hint, composite),
            Some(frame) => self.table_step(frame),
        }
    }

    fn take(&mut self, bytes: Vec<u8>, start: u64, hint: &Hint, line: bool) {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                self.fault(Reason::Damaged, start);
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        };
        let (verdict, brackets) = identify::record_of(&mut self.looker, self.rules, &text, hint);
        let may_be_deep = brackets.is_none_or(|brackets| brackets > scan::MAX_DEPTH);
        if may_be_deep && verdict != Verdict::Invalid && scan::too_deep(text.as_bytes()) {
            drop(verdict);
            return self.fault(Reason::NestedTooDeep, start);
        }
        match verdict {
            Verdict::Known(stream) => self.emit(stream, text.into_bytes()),
            Verdict::Inner(stream, inner) => {
                let bytes = inner.as_bytes().to_vec();
                self.emit(stream, bytes);
            }
            Verdict::Unknown if line => self.expand(&text, start),
            Verdict::Unknown => self.fault(Reason::UnrecognisedRecords, start),
            Verdict::Invalid => self.fault(Reason::Damaged, start),
        }
    }

    fn emit(&mut self, stream: Stream, bytes: Vec<u8>) {
        self.queue.push_back(Step::Record(stream, Raw::new(bytes, Form::Json)));
    }
}

impl Records for Json<'_> {
    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.queue.pop_front() {
            return Some(step);
        }
        if self.done {
            return None;
        }
        self.step();
        Some(self.queue.pop_front().unwrap_or(Step::Passed))
    }

    fn consumed(&self) -> u64 {
        self.window.offset()
    }

    fn form(&self) -> &'static str {
        self.form
    }
}

#[cfg(test)]
mod tests;
