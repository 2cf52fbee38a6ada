//! JSON lines: one value a line, or a line that is itself an envelope. Damage stays in its line.

use super::Json;
use crate::event::Reason;
use crate::source::local::identify::Hint;
use memchr::memchr;
use serde_json::value::RawValue;

impl Json<'_> {
    pub(super) fn line(&mut self) {
        let mut from = 0;
        let mut large = false;
        let start = self.window.offset();
        let (length, terminator) = loop {
            let data = self.window.data();
            if let Some(found) = memchr(b'\n', data.get(from..).unwrap_or_default()) {
                break (from + found, 1);
            }
            from = data.len();
            if from > self.max_record {
                large = true;
                self.window.consume(from);
                from = 0;
            }
            if !self.window.more() {
                self.done = true;
                break (from, 0);
            }
        };
        if large || length > self.max_record {
            self.number += 1;
            self.fault(Reason::RecordTooLarge, start);
        } else {
            let line = self.window.data().get(..length).unwrap_or_default().trim_ascii().to_vec();
            if !line.is_empty() {
                self.number += 1;
                let cut = terminator == 0 && self.window.failure().is_some();
                if !cut {
                    self.take(line, start, &Hint::default(), true);
                }
            }
        }
        self.window.consume(length + terminator);
        if self.done
            && let Some(reason) = self.window.failure()
        {
            self.fault(reason, start);
        }
    }

    /// A line that is itself an envelope (Event Hub bodies, saved answers).
    pub(super) fn expand(&mut self, line: &str, start: u64) {
        #[derive(serde::Deserialize)]
        struct Envelope<'r> {
            #[serde(borrow, default, alias = "Records", alias = "value")]
            records: Vec<&'r RawValue>,
            #[serde(rename = "@odata.context", default)]
            context: Option<String>,
        }
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(line) else {
            return self.fault(Reason::UnrecognisedRecords, start);
        };
        if envelope.records.is_empty() {
            return self.fault(Reason::UnrecognisedRecords, start);
        }
        let hint = Hint { context: envelope.context, ..Hint::default() };
        for record in envelope.records {
            self.take(record.get().as_bytes().to_vec(), start, &hint, false);
        }
    }
}
