//! Values that a column or an output cut off: a beginning of at least eight characters before `…` or
//! `...`, or one that fills a column of a table, stands for the one learned value that goes on like this. Where several do, or the text has an
//! `@` and none does, it gets a token of its own, and that is counted.

use super::super::dictionary::Dictionary;
use super::super::lookup::fold_word;
use super::super::render::Render;
use super::super::vocabulary::is_stop_word;
use super::encoded::Find;
use super::seen::Seen;
use super::span::{DASH, EQUALS, HIGH, LINE, is_word_byte, rank};
use super::{TextEngine, treat};
use crate::kind::Kind;
use memchr::memmem::Finder;
use std::sync::OnceLock;

/// Fewest characters of a beginning.
const SHORTEST: usize = 8;

/// Most words of a name that stand before the cut, and longest stretch that is looked at, in bytes.
const WORDS: usize = 4;
const LONGEST: usize = 128;

/// Counted when a text that was cut or folded stands for none or for several learned values.
pub(super) const AMBIGUOUS: &str = "ambiguous-fold";

/// Adds the values that were cut off in a text.
pub(super) fn find(
    engine: &TextEngine<'_>,
    text: &str,
    seen: Seen,
    render: &mut dyn Render,
    finds: &mut Vec<Find>,
) {
    let dictionary = engine.dictionary;
    if (seen.dotted() || seen.has(HIGH)) && engine.has("cut by a mark") {
        marks(text, dictionary, render, finds);
    }
    // A rule stands under a line of titles.
    if seen.has(LINE) && seen.has(DASH | EQUALS) && engine.has("cut by a column") {
        tables(text, dictionary, render, finds);
    }
}

fn marks(text: &str, dictionary: &Dictionary, render: &mut dyn Render, finds: &mut Vec<Find>) {
    static DOTS: OnceLock<Finder<'static>> = OnceLock::new();
    let bytes = text.as_bytes();
    if bytes.len() < SHORTEST {
        return;
    }
    let dots = DOTS.get_or_init(|| Finder::new(b"..."));
    let mut next = 0;
    for at in dots.find_iter(bytes) {
        if at >= next && !(at > 0 && bytes[at - 1] == b'.') {
            one(text, at, false, dictionary, render, finds);
        }
        next = at + 3;
    }
    if memchr::memchr(0xe2, bytes).is_some() {
        for (at, _) in text.match_indices('…') {
            one(text, at, false, dictionary, render, finds);
        }
    }
}

/// Most lines of a table that are looked at, and fewest dashes of a column's rule.
const LINES: usize = 10_000;
const RULE: usize = 3;

/// Looks through the tables of a text whose columns are told by a line of dashes under their titles.
fn tables(text: &str, dictionary: &Dictionary, render: &mut dyn Render, finds: &mut Vec<Find>) {
    static RULES: OnceLock<[Finder<'static>; 2]> = OnceLock::new();
    let rules = RULES.get_or_init(|| [Finder::new(b"---"), Finder::new(b"===")]);
    for (rule, mark) in rules.iter().zip(*b"-=") {
        let mut from = 0;
        while let Some(at) = rule.find(&text.as_bytes()[from..]).map(|at| from + at) {
            let start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |line| line + 1);
            let end = line_end(text, start);
            let line = text[start..end].trim_end();
            from = end;
            if !line.bytes().all(|b| b == mark || b == b' ') || start == 0 {
                continue;
            }
            let columns = columns(line);
            for _ in 0..LINES {
                let start = (from + 1).min(text.len());
                let end = line_end(text, start);
                if columns.is_empty() || text[start..end].trim().is_empty() {
                    break;
                }
                row(text, start, end, &columns, dictionary, render, finds);
                from = end;
            }
        }
    }
}

fn line_end(text: &str, start: usize) -> usize {
    memchr::memchr(b'\n', &text.as_bytes()[start..]).map_or(text.len(), |end| start + end)
}

/// The character behind the last one of each column: before the blank in front of the next, or where the
/// rule of the last one ends. A rule as short as a title says nothing of the last column.
fn columns(rule: &str) -> Vec<usize> {
    let bytes = rule.as_bytes();
    let mut ends: Vec<usize> =
        (1..bytes.len()).filter(|at| bytes[at - 1] == b' ' && bytes[*at] != b' ').map(|at| at - 1).collect();
    let last = bytes.iter().rev().take_while(|b| **b != b' ').count();
    if last >= SHORTEST {
        ends.push(bytes.len());
    }
    ends.retain(|end| *end >= RULE);
    ends
}

/// Looks at the cells of a line that fill their columns.
fn row(
    text: &str,
    start: usize,
    end: usize,
    columns: &[usize],
    dictionary: &Dictionary,
    render: &mut dyn Render,
    finds: &mut Vec<Find>,
) {
    let line = &text[start..end];
    let ascii = line.is_ascii();
    for column in columns {
        let at = match ascii {
            true => (*column <= line.len()).then_some(*column),
            false => match line.char_indices().nth(*column) {
                Some((at, _)) => Some(at),
                None => (line.chars().count() == *column).then_some(line.len()),
            },
        };
        let Some(at) = at else { continue };
        let open = line[at..].is_empty() || line[at..].starts_with([' ', '\r']);
        if open && at > 0 && is_word_byte(line.as_bytes()[at - 1]) {
            one(text, start + at, true, dictionary, render, finds);
        }
    }
}

/// What stands before the cut at `end`. In a `column` a value may as well be whole.
fn one(
    text: &str,
    end: usize,
    column: bool,
    dictionary: &Dictionary,
    render: &mut dyn Render,
    finds: &mut Vec<Find>,
) {
    let mut starts = [end; WORDS];
    let count = starts_before(text.as_bytes(), end, &mut starts);
    // The longest stretch that is the beginning of something counts.
    for start in starts[..count].iter().rev() {
        let stretch = &text[*start..end];
        if stretch.chars().count() < SHORTEST || is_stop_word(stretch) {
            continue;
        }
        let folded = fold_word(stretch);
        let address = folded.contains('@');
        // An address is one word.
        if address && folded.contains(' ') {
            continue;
        }
        let kinds: &[Kind] = match address {
            true => &[Kind::Upn],
            false => &[Kind::Account, Kind::Upn, Kind::PersonName, Kind::Host],
        };
        let mut candidates: Vec<(Kind, &str)> = Vec::new();
        let mut whole = false;
        for kind in kinds {
            for original in dictionary.beginning_with(*kind, &folded).take(3) {
                whole |= original.len() == folded.len();
                candidates.push((*kind, original));
            }
        }
        // A value that stands there as a whole is found as one.
        let complete = || column && stretch.rsplit('@').next().is_some_and(|domain| domain.contains('.'));
        if whole || (candidates.is_empty() && (!address || complete())) {
            continue;
        }
        candidates.sort_by_key(|(_, original)| original.len());
        // An account label and the addresses that begin with it are one.
        let (kind, value) = match candidates.first() {
            Some((kind, first)) if candidates.iter().all(|(_, other)| is_same(first, other)) => {
                (*kind, *first)
            }
            other => {
                render.lint(AMBIGUOUS);
                (other.map_or(Kind::Upn, |(kind, _)| *kind), stretch)
            }
        };
        let mut fresh = Vec::new();
        if treat(kind, value, stretch, render, &mut fresh) > 0 {
            finds.push(Find { start: *start, end, rank: rank::ENCODED, fresh });
            return;
        }
    }
}

fn is_same(first: &str, other: &str) -> bool {
    other.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// The starts of the stretches of one to four words that end at `end`; returns how many there are.
fn starts_before(bytes: &[u8], end: usize, starts: &mut [usize; WORDS]) -> usize {
    let part = |b: u8| is_word_byte(b) || b"._-@#'$+".contains(&b);
    let floor = end.saturating_sub(LONGEST);
    let (mut at, mut count) = (end, 0);
    while count < WORDS {
        let mut start = at;
        while start > floor && part(bytes[start - 1]) {
            start -= 1;
        }
        // A stretch that was cut by the limit may begin inside a character.
        if start == at || (start == floor && start > 0) {
            break;
        }
        while start < at && !is_word_byte(bytes[start]) {
            start += 1;
        }
        if start == at {
            break;
        }
        starts[count] = start;
        count += 1;
        let comma = start >= 2 && bytes[start - 1] == b' ' && bytes[start - 2] == b',';
        match comma {
            true => at = start - 2,
            false if start >= 1 && bytes[start - 1] == b' ' => at = start - 1,
            false => break,
        }
    }
    count
}
