//! Learned originals in finished bytes: the second implementation of the dictionary lookup.
//!
//! It shares nothing with the rewriter's index: here a hash rolls over the folded bytes from every
//! word start, separators included, and is asked at every word end.

use super::super::dictionary::{Dictionary, orders};
use super::super::hardness::{Hardness, hardness};
use super::super::lookup::fold_word;
use crate::kind::{Kind, KindSet};

/// Longest stretch that is compared, in folded bytes; most words of it.
const LONGEST: usize = 256;
const WORDS: usize = 24;

/// Lower-case form of ASCII letters and digits, 0 for every other byte.
static LOWER: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() {
            table[at] = byte.to_ascii_lowercase();
        }
        at += 1;
    }
    table
};

const START: u64 = 0xcbf2_9ce4_8422_2325;
const BASE: u64 = 0x100_0000_01b3;

fn roll(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(BASE)
}

fn finish(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

fn hash(bytes: &[u8]) -> u64 {
    finish(bytes.iter().fold(START, |hash, byte| roll(hash, *byte)))
}

/// One original.
#[derive(Clone, Copy)]
pub(super) struct Row {
    hash: u64,
    pub kind: Kind,
    pub hard: bool,
}

/// The originals of the treated kinds.
pub(super) struct Names {
    /// Sorted by hash; hard before soft.
    rows: Vec<Row>,
    /// Start of each range of rows by the top 16 bits of the hash.
    buckets: Vec<u32>,
    /// Bits over the hashes of first words.
    firsts: Vec<u64>,
}

/// An original in a view.
pub(super) struct Hit {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
    pub hard: bool,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{ad}' | '\u{2060}' | '\u{feff}')
}

/// The word at `at` (a word byte stands there): the byte after it. Beyond ASCII characters are
/// decoded one by one; bytes that are no UTF-8 end a word.
fn word_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        match bytes.get(end) {
            Some(byte) if byte.is_ascii_alphanumeric() => end += 1,
            Some(byte) if *byte >= 0x80 => match character(bytes, end) {
                // Where words are not separated by spaces, every character may end one.
                Some((c, _)) if end > at && is_unspaced(c) => return end,
                Some((c, length)) if is_word(c) => {
                    end += length;
                    if is_unspaced(c) {
                        return end;
                    }
                }
                _ => return end,
            },
            _ => return end,
        }
    }
}

fn is_unspaced(c: char) -> bool {
    super::super::lookup::is_ideograph(c)
}

fn character(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let length = match bytes[at] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let text = std::str::from_utf8(bytes.get(at..at + length)?).ok()?;
    Some((text.chars().next()?, length))
}

impl Names {
    /// Takes over the originals of the treated kinds, and the orders in which names are written.
    pub fn new(dictionary: &Dictionary, treated: KindSet) -> Names {
        let mut rows = Vec::new();
        let mut firsts = vec![0u64; ((dictionary.names() as usize).max(64) * 16).next_power_of_two() / 64];
        let mut add = |text: &str, kind: Kind, hard: bool| {
            let text = fold_word(text);
            let start = text.find(|c: char| is_word(c)).unwrap_or(0);
            let text = text[start..].trim_end_matches(|c: char| !is_word(c));
            if text.is_empty() || text.len() > LONGEST {
                return;
            }
            let first = hash(&text.as_bytes()[..word_end(text.as_bytes(), 0)]) as usize;
            let slot = first % (firsts.len() * 64);
            firsts[slot / 64] |= 1 << (slot % 64);
            rows.push(Row { hash: hash(text.as_bytes()), kind, hard });
        };
        for (kind, text) in dictionary.originals().filter(|(kind, _)| treated.contains(*kind)) {
            let hard = hardness(text) == Hardness::Hard;
            add(text, kind, hard);
            if kind == Kind::PersonName {
                for order in orders(text) {
                    add(&order, kind, hard);
                }
            }
        }
        rows.sort_unstable_by_key(|row| (row.hash, !row.hard, row.kind));
        rows.dedup_by_key(|row| row.hash);
        rows.shrink_to_fit();
        let mut buckets = vec![0u32; (1 << 16) + 1];
        for row in &rows {
            buckets[(row.hash >> 48) as usize + 1] += 1;
        }
        for at in 1..buckets.len() {
            buckets[at] += buckets[at - 1];
        }
        Names { rows, buckets, firsts }
    }

    fn may_start(&self, hash: u64) -> bool {
        let slot = hash as usize % (self.firsts.len() * 64);
        self.firsts[slot / 64] >> (slot % 64) & 1 != 0
    }

    fn row(&self, hash: u64) -> Option<&Row> {
        let top = (hash >> 48) as usize;
        let range = &self.rows[self.buckets[top] as usize..self.buckets[top + 1] as usize];
        range.binary_search_by_key(&hash, |row| row.hash).ok().map(|at| &range[at])
    }

    /// Calls `found` for every original in the bytes, the longest at each place and hard ones first.
    pub fn find(&self, bytes: &[u8], mut found: impl FnMut(Hit)) {
        if self.rows.is_empty() {
            return;
        }
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            if byte < 0x80 && LOWER[byte as usize] == 0 {
                at += 1;
                continue;
            }
            // ASCII words are folded while their end is looked for.
            let mut state = START;
            let mut end = at;
            while let Some(lower) = bytes.get(end).map(|b| LOWER[*b as usize]).filter(|lower| *lower != 0) {
                state = roll(state, lower);
                end += 1;
            }
            if bytes.get(end).is_some_and(|b| *b >= 0x80) {
                end = word_end(bytes, at);
                if end == at {
                    at += character(bytes, at).map_or(1, |(_, length)| length);
                    continue;
                }
                state = self.fold(&bytes[at..end], START);
            }
            if self.may_start(finish(state)) {
                self.at(bytes, at, end, state, &mut found);
            }
            at = end;
        }
    }

    fn fold(&self, word: &[u8], mut state: u64) -> u64 {
        if word.is_ascii() {
            for byte in word {
                state = roll(state, byte.to_ascii_lowercase());
            }
        } else if let Ok(text) = std::str::from_utf8(word) {
            for byte in fold_word(text).bytes() {
                state = roll(state, byte);
            }
        }
        state
    }

    /// The originals that start with the word `at..end`, whose folded hash is `state`.
    fn at(&self, bytes: &[u8], at: usize, end: usize, state: u64, found: &mut impl FnMut(Hit)) {
        let mut best: Option<Hit> = None;
        let (mut end, mut state) = (end, state);
        for _ in 0..WORDS {
            if let Some(row) = self.row(finish(state))
                && (row.hard || best.as_ref().is_none_or(|best| !best.hard))
            {
                best = Some(Hit { start: at, end, kind: row.kind, hard: row.hard });
            }
            // What stands between: white space counts once, everything else as it is.
            let mut next = end;
            while let Some(byte) = bytes.get(next) {
                if byte.is_ascii_whitespace() {
                    while bytes.get(next).is_some_and(u8::is_ascii_whitespace) {
                        next += 1;
                    }
                    state = roll(state, b' ');
                } else if *byte < 0x80 && !byte.is_ascii_alphanumeric() {
                    state = roll(state, *byte);
                    next += 1;
                } else if let Some((c, length)) = character(bytes, next).filter(|_| *byte >= 0x80) {
                    if is_word(c) {
                        break;
                    }
                    if c.is_whitespace() {
                        state = roll(state, b' ');
                    } else {
                        state =
                            bytes[next..next + length].iter().fold(state, |state, byte| roll(state, *byte));
                    }
                    next += length;
                } else {
                    break;
                }
                if next - end > 8 {
                    break;
                }
            }
            let stop = if next < bytes.len() { word_end(bytes, next) } else { next };
            if stop <= next || stop - at > LONGEST || next - end > 8 {
                break;
            }
            state = self.fold(&bytes[next..stop], state);
            end = stop;
        }
        if let Some(hit) = best {
            found(hit);
        }
    }
}
