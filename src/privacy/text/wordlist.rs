//! The words of messages: the stop list, what the catalogue declares, and technical words of logs. A word
//! of at most sixteen letters and digits is one number, so that a table of numbers holds most of them.

use super::super::vocabulary;
use foldhash::fast::RandomState;
use std::collections::HashSet;
use std::sync::OnceLock;

/// Words of messages beside the stop list: what the members, types, permissions and values that Microsoft
/// declares are called, taken apart, and technical words of logs. Sorted, lower case, one a line.
pub(super) const WORDING: &str = include_str!("wording.txt");

/// Longest word that is a number.
const SHORT: usize = 16;

/// The words.
pub(super) struct Words {
    /// The short ones, each near the place that its hash says; zero where there is none.
    short: Box<[u128]>,
    others: HashSet<&'static str, RandomState>,
}

impl Words {
    /// The one list.
    pub fn get() -> &'static Words {
        static WORDS: OnceLock<Words> = OnceLock::new();
        WORDS.get_or_init(|| Words::of(vocabulary::words().chain(WORDING.lines())))
    }

    fn of(words: impl Iterator<Item = &'static str>) -> Words {
        let mut others: HashSet<&'static str, RandomState> = words.collect();
        let short: HashSet<u128, RandomState> = others
            .extract_if(|word| word.bytes().all(|b| b.is_ascii_alphanumeric()) && word.len() <= SHORT)
            .filter_map(|word| number(word.as_bytes(), 0, word.len()))
            .collect();
        let mut words = Words { short: vec![0; 2 * short.len().next_power_of_two()].into(), others };
        for number in short {
            let place = words.place(number);
            words.short[place] = number;
        }
        words
    }

    /// Whether the letters and digits of ASCII at `start..end` are a word, in any case.
    pub fn has(&self, bytes: &[u8], start: usize, end: usize) -> bool {
        match number(bytes, start, end) {
            Some(number) => self.short[self.place(number)] == number,
            None => std::str::from_utf8(&bytes[start..end])
                .is_ok_and(|word| self.others.contains(word.to_ascii_lowercase().as_str())),
        }
    }

    /// Whether a folded text is a word.
    pub fn has_folded(&self, folded: &str) -> bool {
        match folded.bytes().all(|b| b.is_ascii_alphanumeric()) {
            true => self.has(folded.as_bytes(), 0, folded.len()),
            false => self.others.contains(folded),
        }
    }

    /// Where a number stands, or would.
    fn place(&self, number: u128) -> usize {
        const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
        let (low, high) = (number as u64, (number >> 64) as u64);
        let hash = (low ^ high.rotate_left(29)).wrapping_mul(MULTIPLIER);
        let last = self.short.len() - 1;
        let mut at = (hash >> 32) as usize & last;
        // At least half of the places are free.
        while self.short[at] != 0 && self.short[at] != number {
            at = (at + 1) & last;
        }
        at
    }
}

/// The letters and digits of ASCII at `start..end` without their case, as one number; `None` where they
/// are too many, or none. No two words share one.
fn number(bytes: &[u8], start: usize, end: usize) -> Option<u128> {
    let length = end - start;
    if !matches!(length, 1..=SHORT) {
        return None;
    }
    let number = match bytes[start..].first_chunk() {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => bytes[start..end].iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)),
    };
    // For letters and digits the bit is the case of a letter, and set in a digit.
    let case = u128::from_le_bytes([0x20; SHORT]);
    Some((number | case) & (u128::MAX >> (128 - 8 * length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_what_the_lists_hold_and_nothing_else() {
        let words = Words::get();
        let known = |word: &str| vocabulary::is_vocabulary(word) || WORDING.lines().any(|line| line == word);
        for word in vocabulary::words().chain(WORDING.lines()) {
            assert!(words.has_folded(word), "{word}");
        }
        let mut short = vocabulary::words().filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric()));
        for word in short.by_ref().step_by(97) {
            let upper = format!("<{}>", word.to_ascii_uppercase());
            assert!(words.has(upper.as_bytes(), 1, 1 + word.len()), "{word}");
            // One byte less, one more, one other.
            for near in
                [&word[1..], &word[..word.len() - 1], &format!("{word}x"), &format!("0{}", &word[1..])]
            {
                assert_eq!(words.has_folded(near), known(near), "{near}");
                assert_eq!(words.has(near.as_bytes(), 0, near.len()), known(near), "{near}");
            }
        }
        assert!(!words.has_folded("") && !words.has(b"", 0, 0));
    }

    #[test]
    fn a_number_does_not_depend_on_what_stands_around() {
        let text = "AbcDefGhiJklMnoPqrStuVwx0123456789";
        for from in 0..text.len() {
            for to in from + 1..=text.len() {
                let alone = text[from..to].to_ascii_lowercase();
                let expected = number(alone.as_bytes(), 0, alone.len());
                assert_eq!(number(text.as_bytes(), from, to), expected, "{alone}");
                assert_eq!(expected.is_some(), to - from <= SHORT);
            }
        }
    }
}
