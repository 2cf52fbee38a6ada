//! Where the records of a CSV file end, without splitting their fields.

use memchr::{memchr, memchr3};

/// Finds line ends that end a record. A quote opens only at the start of a field, as in the `csv` crate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frame {
    state: State,
    /// Where the row begins in which the frame stands.
    pub row: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Field,
    Quoted,
    QuoteInQuoted,
}

impl Frame {
    /// The position behind the next record end from `at` on.
    pub fn record(&mut self, data: &[u8], mut at: usize, delimiter: u8) -> Option<usize> {
        loop {
            let rest = data.get(at..)?;
            match self.state {
                State::Quoted => {
                    at += memchr(b'"', rest)? + 1;
                    self.state = State::QuoteInQuoted;
                }
                State::Start | State::Field => {
                    let Some(found) = memchr3(b'\n', b'\r', b'"', rest) else {
                        if let Some(last) = rest.last() {
                            self.state = if *last == delimiter { State::Start } else { State::Field };
                        }
                        return None;
                    };
                    let opens = match found.checked_sub(1).and_then(|before| rest.get(before)) {
                        Some(before) => *before == delimiter,
                        None => self.state == State::Start,
                    };
                    at += found + 1;
                    self.state = match rest.get(found)? {
                        b'\n' => {
                            (self.state, self.row) = (State::Start, at);
                            return Some(at);
                        }
                        b'"' if opens => State::Quoted,
                        b'"' => State::Field,
                        _ => {
                            self.row = at;
                            State::Start
                        }
                    };
                }
                State::QuoteInQuoted => {
                    let byte = *rest.first()?;
                    at += 1;
                    self.state = match byte {
                        b'\n' => {
                            (self.state, self.row) = (State::Start, at);
                            return Some(at);
                        }
                        b'"' => State::Quoted,
                        b'\r' => {
                            self.row = at;
                            State::Start
                        }
                        byte if byte == delimiter => State::Start,
                        _ => State::Field,
                    };
                }
            }
        }
    }

    /// Whether it stands inside quotes.
    pub fn quoted(self) -> bool {
        self.state == State::Quoted
    }
}
