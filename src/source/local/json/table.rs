//! Answers of Log Analytics: `{"tables":[{"name":…,"columns":[{"name":…}],"rows":[[…],…]}]}`.
//! Each row becomes an object of its columns; its values are copied byte by byte.

use super::{Frame, Json, Span};
use crate::event::Reason;
use crate::source::local::identify::Hint;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::rc::Rc;

/// What is known of the table so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    name: Option<String>,
    /// Column names as JSON strings.
    columns: Vec<String>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

impl Json<'_> {
    pub(super) fn table_step(&mut self, frame: Frame) {
        match frame {
            Frame::Tables { after_value } => self.list(
                after_value,
                |after_value| Frame::Tables { after_value },
                |json| {
                    if json.peek() == Some(b'{') {
                        json.window.consume(1);
                        json.frames.push(Frame::Table(Table::default()));
                    } else {
                        json.garbage_value();
                    }
                },
            ),
            Frame::Table(table) => self.table_member(table),
            Frame::Rows { table, after_value } => {
                let same = Rc::clone(&table);
                let again = move |after_value| Frame::Rows { table: Rc::clone(&same), after_value };
                self.list(after_value, again, |json| json.row(&table));
            }
            other => self.frames.push(other),
        }
    }

    fn table_member(&mut self, mut table: Table) {
        match self.peek() {
            None => return self.end_of_input(true),
            Some(b'}') => return self.window.consume(1),
            Some(b',') => {
                self.window.consume(1);
                return self.frames.push(Frame::Table(table));
            }
            Some(b'"') => {}
            Some(_) => {
                self.garbage();
                return self.frames.push(Frame::Table(table));
            }
        }
        let Some((name, _)) = self.name(Hint::default()) else { return };
        match (name.to_ascii_lowercase().as_str(), self.peek()) {
            ("rows", Some(b'[')) => {
                self.window.consume(1);
                self.frames.push(Frame::Table(table.clone()));
                self.frames.push(Frame::Rows { table: Rc::new(table), after_value: false });
            }
            ("columns", Some(b'[')) => {
                let columns: Option<Vec<Column>> =
                    self.small_value().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                let quoted = |column: Column| serde_json::to_string(&column.name).unwrap_or_default();
                table.columns = columns.unwrap_or_default().into_iter().map(quoted).collect();
                self.frames.push(Frame::Table(table));
            }
            ("name", _) => {
                table.name = self.small_value().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                self.frames.push(Frame::Table(table));
            }
            _ => {
                let _ = self.small_value();
                self.frames.push(Frame::Table(table));
            }
        }
    }

    fn row(&mut self, table: &Table) {
        self.number += 1;
        let start = self.window.offset();
        match self.span(0) {
            Span::Whole(length) => {
                let bytes = self.window.data().get(..length).unwrap_or_default().to_vec();
                self.window.consume(length.max(1));
                let hint = Hint { table: table.name.clone(), ..Hint::default() };
                match record(table, &bytes) {
                    Some(record) => self.take(record, start, &hint, false),
                    None => self.fault(Reason::Damaged, start),
                }
            }
            Span::TooLarge => self.fault(Reason::RecordTooLarge, start),
            Span::Cut => {
                self.done = true;
                let reason = self.window.failure().unwrap_or(Reason::Damaged);
                self.fault(reason, start);
            }
        }
    }
}

fn record(table: &Table, row: &[u8]) -> Option<Vec<u8>> {
    let row = String::from_utf8_lossy(row);
    let cells: Vec<&RawValue> = serde_json::from_str(&row).ok()?;
    if cells.len() != table.columns.len() {
        return None;
    }
    let mut record = Vec::with_capacity(row.len() * 2);
    record.push(b'{');
    for (at, (name, cell)) in table.columns.iter().zip(cells).enumerate() {
        if at > 0 {
            record.push(b',');
        }
        record.extend_from_slice(name.as_bytes());
        record.push(b':');
        record.extend_from_slice(cell.get().as_bytes());
    }
    record.push(b'}');
    Some(record)
}
