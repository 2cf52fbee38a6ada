//! What stands at the head of a CSV file: lines of a program in front of the header, the delimiter, the columns.

use crate::source::local::decode::record_text;
use crate::source::local::identify::{self, Rules};
use csv::ReaderBuilder;

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The delimiter of a file that begins with `head`, if it is CSV.
pub fn delimiter(head: &[u8], whole: bool) -> Option<u8> {
    let (skip, said) = preamble(head);
    let head = head.get(skip..).unwrap_or_default();
    if let Some(delimiter) = said {
        return Some(delimiter);
    }
    let rules = Rules::builtin();
    let first = |delimiter| {
        let mut rows = fields(head, delimiter);
        let names = rows.next()?;
        let next = rows.next();
        Some((delimiter, names, next))
    };
    let candidates: Vec<_> = DELIMITERS.into_iter().filter_map(first).collect();
    let known = candidates.iter().find(|(_, names, _)| {
        let names = || names.iter().map(String::as_str);
        names().count() > 1
            && (audit_column(names()).is_some()
                || identify::portal(rules, names(), "").is_some()
                || identify::header(rules, names()))
    });
    let looks = |(_, names, next): &&(u8, Vec<String>, Option<Vec<String>>)| {
        // A last row may be cut off by the end of the head.
        let even = next.as_ref().map_or(whole, |row| row.len() == names.len() || !whole);
        names.len() > 2 && even && names.iter().all(|n| !n.trim().is_empty() && n.len() < 80)
    };
    known.or_else(|| candidates.iter().find(looks)).map(|(delimiter, ..)| *delimiter)
}

fn fields(head: &[u8], delimiter: u8) -> impl Iterator<Item = Vec<String>> + '_ {
    let reader =
        ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(head);
    reader
        .into_byte_records()
        .map_while(Result::ok)
        .map(|row| row.iter().map(|field| record_text(field).0.into_owned()).collect())
}

/// Lines in front of the header: `#TYPE …` of PowerShell, `sep=;` of spreadsheets.
pub(super) fn preamble(head: &[u8]) -> (usize, Option<u8>) {
    let (mut skip, mut delimiter) = (0, None);
    loop {
        let rest = head.get(skip..).unwrap_or_default();
        let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
        match line.trim_ascii_end() {
            [b's', b'e', b'p', b'=', one] => delimiter = Some(*one),
            text if text.starts_with(b"#TYPE ") => {}
            _ => return (skip, delimiter),
        }
        if line.len() == rest.len() {
            return (head.len(), delimiter);
        }
        skip += line.len() + 1;
    }
}

pub(super) fn audit_column<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<usize> {
    names.into_iter().position(|name| name.trim().eq_ignore_ascii_case("AuditData"))
}
