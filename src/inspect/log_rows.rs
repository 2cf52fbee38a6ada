//! Rows of text and XML parts: their time stands in the index, what they say stands whole in one column.
//!
//! A filter by a person, a device or an id takes a record that holds the value as a word of its own;
//! filters by what only columns tell (service, category, activity, status) take none.

use super::records::{Counts, Query, Row};
use crate::catalogue::time;
use memchr::memmem;

/// Columns of a listing of such records.
pub const COLUMNS: [&str; 2] = ["date", "message"];
/// Filters whose value may stand anywhere in a record.
const WORDS: [&str; 7] = ["app", "correlation_id", "device", "initiator", "request_id", "target", "user"];
/// In a listing of several datasets the message stands here.
const MERGED: &str = "activity";

/// Whether records of text can match these filters at all.
pub fn can_match(query: &Query) -> bool {
    query.filters.iter().all(|(name, _)| WORDS.contains(name))
}

/// The row of a record, if it matches. `columns` are those asked for; `utc` is the time in the index.
pub fn row(
    bytes: &[u8],
    utc: Option<&str>,
    columns: &[String],
    query: &Query,
    counts: &mut Counts,
) -> Option<Row> {
    let lower = bytes.to_ascii_lowercase();
    let held = |wanted: &str| holds(&lower, wanted.trim().to_lowercase().as_bytes());
    if !query.filters.iter().all(|(_, wanted)| held(wanted)) {
        return None;
    }
    let at = utc.and_then(time::parse);
    if query.since.is_some() || query.to.is_some() {
        match at {
            None => counts.untimed += 1,
            Some(at) => {
                if query.since.is_some_and(|since| at < since) || query.to.is_some_and(|to| at >= to) {
                    return None;
                }
            }
        }
    }
    let message = || {
        let text = String::from_utf8_lossy(bytes);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let cell = |name: &String| match name.as_str() {
        "date" => utc.unwrap_or_default().to_owned(),
        "message" | MERGED => message(),
        _ => String::new(),
    };
    let mut cells: Vec<String> = columns.iter().map(cell).collect();
    cells.push(String::new());
    Some(Row { dataset: String::new(), time: at, cells, informational: false })
}

/// Whether `wanted` stands in `text` with no letter or digit beside it.
fn holds(text: &[u8], wanted: &[u8]) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
    !wanted.is_empty()
        && memmem::find_iter(text, wanted).any(|at| {
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            !word(before) && !word(text.get(at + wanted.len()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_as_words() {
        for (text, wanted, found) in [
            ("error for u-5ruvv4drp33lo@d-x.example", "u-5ruvv4drp33lo", true),
            ("error for xu-5ruvv4drp33lo", "u-5ruvv4drp33lo", false),
            ("correlationid: 1111-22", "1111-2", false),
            ("correlationid: 1111-22", "1111-22", true),
            ("anything", "", false),
        ] {
            assert_eq!(holds(text.as_bytes(), wanted.as_bytes()), found, "{text}");
        }
    }
}
