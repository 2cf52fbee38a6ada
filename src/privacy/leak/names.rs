//! Learned originals in finished bytes: the second implementation of the dictionary lookup.
//!
//! It shares nothing with the rewriter's index: here a hash of its own runs from every word start over
//! the folded words and what stands between them, and is asked at every word end.

use super::super::dictionary::{Dictionary, written};
use super::super::hardness::{Hardness, hardness};
use super::super::lookup::fold_word;
use super::seen;
use crate::kind::{Kind, KindSet};

/// Longest stretch that is compared, in folded bytes; most words of it.
const LONGEST: usize = 256;
const WORDS: usize = 24;

/// ASCII letters and digits.
static WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = (at as u8).is_ascii_alphanumeric();
        at += 1;
    }
    table
};

const MULTIPLIER: u64 = 0x9fb2_1c65_1e98_df25;

/// Takes a word or a separator into the hash of a stretch.
fn mix(hash: u64, value: u64) -> u64 {
    let product = (hash ^ value).wrapping_mul(MULTIPLIER);
    product ^ (product >> 32)
}

/// The hash of a stretch as it is looked up: every bit depends on every word.
fn finish(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// Hash of a word of ASCII letters and digits, whose case does not count: eight bytes at a time.
fn hash_ascii(word: &[u8]) -> u64 {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let mut hash = word.len() as u64;
    let (whole, rest) = word.as_chunks::<8>();
    for eight in whole {
        hash = mix(hash, u64::from_le_bytes(*eight) | CASE);
    }
    let mut last = 0;
    for byte in rest {
        last = last << 8 | u64::from(*byte | 0x20);
    }
    mix(hash, last)
}

/// Hash of a word beyond ASCII, in its folded form.
fn hash_folded(word: &[u8]) -> u64 {
    word.iter().fold(!(word.len() as u64), |hash, byte| mix(hash, u64::from(*byte)))
}

/// Hash of a word in any case; a word that is no UTF-8 has none of its own.
fn hash_word(word: &[u8]) -> u64 {
    if word.is_ascii() {
        return hash_ascii(word);
    }
    match std::str::from_utf8(word).map(fold_word) {
        Ok(folded) if folded.is_ascii() => hash_ascii(folded.as_bytes()),
        Ok(folded) => hash_folded(folded.as_bytes()),
        Err(_) => 0,
    }
}

/// One original.
#[derive(Clone, Copy)]
pub(super) struct Row {
    hash: u64,
    pub kind: Kind,
    pub hard: bool,
}

/// A stretch of bytes as originals are compared.
pub(super) fn folded(bytes: &[u8]) -> String {
    fold_word(&String::from_utf8_lossy(bytes)).into_owned()
}

/// The originals of the treated kinds.
pub(super) struct Names {
    /// Sorted by hash; hard before soft.
    rows: Vec<Row>,
    /// Start of each range of rows by the top 16 bits of the hash.
    buckets: Vec<u32>,
    /// Every stretch from the first word of an original on to the end of one of its words.
    beginnings: Bits,
    /// The hashes of the rows.
    wholes: Bits,
    /// Whether an original reaches over the border between two members.
    pub crosses: bool,
}

/// A bit table over hashes: the cheap question before the exact one.
struct Bits(Vec<u64>);

impl Bits {
    /// Room for about so many hashes; the number of bits is a power of two.
    fn new(count: usize) -> Bits {
        Bits(vec![0; (count.max(64) * 16).next_power_of_two() / 64])
    }

    fn place(&self, hash: u64) -> (usize, u32) {
        let slot = hash as usize & (self.0.len() * 64 - 1);
        (slot / 64, (slot % 64) as u32)
    }

    fn set(&mut self, hash: u64) {
        let (word, bit) = self.place(hash);
        self.0[word] |= 1 << bit;
    }

    fn has(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.0[word] >> bit & 1 != 0
    }
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
        let names = dictionary.names() as usize;
        let (mut beginnings, mut wholes) = (Bits::new(2 * names), Bits::new(names));
        let mut crosses = false;
        let mut add = |text: &str, kind: Kind, hard: bool| {
            crosses |= seen::crosses(text);
            let text = fold_word(text);
            crosses |= seen::crosses(&text);
            let start = text.find(|c: char| is_word(c)).unwrap_or(0);
            let text = text[start..].trim_end_matches(|c: char| !is_word(c));
            if text.is_empty() || text.len() > LONGEST {
                return;
            }
            if let Some(hash) = hash_stretch(text.as_bytes(), |beginning| beginnings.set(beginning)) {
                wholes.set(hash);
                rows.push(Row { hash, kind, hard });
            }
        };
        for (kind, text) in dictionary.originals().filter(|(kind, _)| treated.contains(*kind)) {
            let hard = hardness(text) == Hardness::Hard && !dictionary.is_guarded(kind, text);
            add(text, kind, hard);
            if kind == Kind::Upn {
                // As SharePoint writes it in paths.
                let path: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
                add(&path, kind, hard);
            }
            if kind == Kind::PersonName {
                for order in written(text) {
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
        Names { rows, buckets, beginnings, wholes, crosses }
    }

    fn row(&self, hash: u64) -> Option<&Row> {
        if !self.wholes.has(hash) {
            return None;
        }
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
        while let Some(byte) = bytes.get(at) {
            if *byte < 0x80 && !WORD[*byte as usize] {
                at += 1;
                continue;
            }
            let mut end = at;
            while bytes.get(end).is_some_and(|b| WORD[*b as usize]) {
                end += 1;
            }
            let hash = if bytes.get(end).is_some_and(|b| *b >= 0x80) {
                end = word_end(bytes, at);
                if end == at {
                    at += character(bytes, at).map_or(1, |(_, length)| length);
                    continue;
                }
                hash_word(&bytes[at..end])
            } else {
                hash_ascii(&bytes[at..end])
            };
            let state = mix(0, hash);
            if self.beginnings.has(state) {
                self.at(bytes, at, end, state, &mut found);
            }
            at = end;
        }
    }

    /// The originals that start with the word `at..end`, whose hash is `state`.
    fn at(&self, bytes: &[u8], at: usize, end: usize, state: u64, found: &mut impl FnMut(Hit)) {
        let mut best: Option<Hit> = None;
        let mut walk = Walk { bytes, start: at, end, state };
        for _ in 0..WORDS {
            if let Some(row) = self.row(finish(walk.state))
                && (row.hard || best.as_ref().is_none_or(|best| !best.hard))
            {
                best = Some(Hit { start: at, end: walk.end, kind: row.kind, hard: row.hard });
            }
            if !walk.next() || !self.beginnings.has(walk.state) {
                break;
            }
        }
        if let Some(hit) = best {
            found(hit);
        }
    }
}

/// From word to word: one way for the originals and for the bytes that are searched.
struct Walk<'b> {
    bytes: &'b [u8],
    start: usize,
    end: usize,
    state: u64,
}

impl Walk<'_> {
    /// Takes in the next word and what stands before it: white space counts once, everything else as
    /// it is. `false` where nothing goes on.
    fn next(&mut self) -> bool {
        let bytes = self.bytes;
        let (mut next, mut state) = (self.end, self.state);
        while let Some(byte) = bytes.get(next) {
            if byte.is_ascii_whitespace() {
                while bytes.get(next).is_some_and(u8::is_ascii_whitespace) {
                    next += 1;
                }
                state = mix(state, u64::from(b' '));
            } else if *byte < 0x80 && !byte.is_ascii_alphanumeric() {
                state = mix(state, u64::from(*byte));
                next += 1;
            } else if let Some((c, length)) = character(bytes, next).filter(|_| *byte >= 0x80) {
                if is_word(c) {
                    break;
                }
                let separator = if c.is_whitespace() { ' ' } else { c };
                state = mix(state, u64::from(u32::from(separator)));
                next += length;
            } else {
                break;
            }
            if next - self.end > 8 {
                return false;
            }
        }
        let stop = if next < bytes.len() { word_end(bytes, next) } else { next };
        if stop <= next || stop - self.start > LONGEST || next - self.end > 8 {
            return false;
        }
        // Two words without anything between are not one.
        let apart = if next == self.end { !state } else { state };
        (self.end, self.state) = (stop, mix(apart, hash_word(&bytes[next..stop])));
        true
    }
}

/// The hash of a whole original; `None` if it cannot be found as a whole. Tells the state at the end of
/// every word.
fn hash_stretch(text: &[u8], mut beginning: impl FnMut(u64)) -> Option<u64> {
    let end = word_end(text, 0);
    let mut walk = Walk { bytes: text, start: 0, end, state: mix(0, hash_word(&text[..end])) };
    loop {
        beginning(walk.state);
        if walk.end >= text.len() {
            break;
        }
        if !walk.next() {
            return None;
        }
    }
    Some(finish(walk.state))
}
