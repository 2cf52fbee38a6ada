//! The frequency guard: an account's label that is a word of these logs (`gateway`, `backup`) is replaced
//! beside a cue only, where replacing it everywhere would wreck them.
//!
//! The learn pass counts in how many lines of text each word stands. What is counted of a slice depends
//! on the slice alone, so the sum depends neither on the order of slices nor on the number of workers.

use foldhash::quality::FixedState;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// Lines of a slice that are counted, and bytes and words of a line: a bound for time and memory.
const LINES: u64 = 4096;
const LINE: usize = 1024;
const WORDS: usize = 48;

/// Shortest and longest word in bytes that is counted: shorter labels are replaced beside a cue only anyway.
const SHORTEST: usize = 5;
const LONGEST: usize = 32;

/// Fewest lines and fewest hits that say anything: below them a share is chance.
const ENOUGH_LINES: u64 = 1000;
const ENOUGH_HITS: u64 = 20;

/// A word is frequent in more than one of so many lines.
const SHARE: u64 = 200;

/// A word counts in a slice where it stands in one of so many lines: others cannot make it frequent.
const KEPT: u64 = 1000;

/// Counts of words. One for each slice, then one for all.
#[derive(Default)]
pub(crate) struct Frequency {
    /// Of the slice that is being read: lines, and lines by word.
    slice: (u64, HashMap<u64, u32, FixedState>),
    /// Of finished slices.
    all: (u64, HashMap<u64, u64, FixedState>),
}

fn hash(word: &str) -> u64 {
    FixedState::default().hash_one(word)
}

impl Frequency {
    /// Counts the words of a text.
    pub fn text(&mut self, text: &str) {
        let (lines, words) = &mut self.slice;
        for line in text.lines() {
            if *lines >= LINES {
                return;
            }
            *lines += 1;
            let end = (0..=line.len().min(LINE)).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            let mut seen = [0; WORDS];
            let mut count = 0;
            for word in line[..end].split(|c: char| !c.is_alphanumeric()) {
                if !(SHORTEST..=LONGEST).contains(&word.len()) || !word.chars().all(char::is_alphabetic) {
                    continue;
                }
                let word = hash(&super::lookup::fold_word(word));
                if count == WORDS {
                    break;
                }
                if !seen[..count].contains(&word) {
                    seen[count] = word;
                    count += 1;
                    *words.entry(word).or_default() += 1;
                }
            }
        }
    }

    /// Whether no more lines of this slice are counted.
    pub fn has_enough(&self) -> bool {
        self.slice.0 >= LINES
    }

    /// Ends a slice. `typed` are the labels that stand in typed fields of it: where they do, a word of a
    /// text may well be the account.
    pub fn end_slice<'l>(&mut self, typed: impl Iterator<Item = &'l str>) {
        let (lines, mut words) = std::mem::take(&mut self.slice);
        if lines == 0 {
            return;
        }
        for label in typed {
            words.remove(&hash(label));
        }
        self.all.0 += lines;
        for (word, count) in words {
            if u64::from(count) * KEPT >= lines {
                *self.all.1.entry(word).or_default() += u64::from(count);
            }
        }
    }

    /// Adds finished slices.
    pub fn merge(&mut self, other: Frequency) {
        self.all.0 += other.all.0;
        for (word, count) in other.all.1 {
            *self.all.1.entry(word).or_default() += count;
        }
    }

    /// Whether a folded word stands in more than half a per cent of the lines.
    pub fn is_frequent(&self, word: &str) -> bool {
        let (lines, words) = &self.all;
        let hits = || words.get(&hash(word)).copied().unwrap_or(0);
        *lines >= ENOUGH_LINES && (ENOUGH_HITS..).contains(&hits()) && hits() * SHARE > *lines
    }
}

/// Whether a label may be a word at all: letters only. One that has an `@`, a digit, a mark or a second
/// word in it was made for somebody.
pub(crate) fn is_wordlike(label: &str) -> bool {
    label.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(slices: &[(&str, &[&str])]) -> Frequency {
        let mut all = Frequency::default();
        for (text, typed) in slices {
            let mut one = Frequency::default();
            one.text(text);
            one.end_slice(typed.iter().copied());
            all.merge(one);
        }
        all
    }

    #[test]
    fn a_word_of_many_lines_is_frequent_unless_a_typed_field_has_it() {
        let text = "the Gateway of gateway is up\nnothing here\n".repeat(1000);
        assert!(counted(&[(&text, &[])]).is_frequent("gateway"));
        assert!(!counted(&[(&text, &["gateway"])]).is_frequent("gateway"));
        assert!(!counted(&[(&text, &[])]).is_frequent("portal"));
        // In one slice of two an account is active.
        assert!(counted(&[(&text, &["gateway"]), (&text, &[])]).is_frequent("gateway"));
    }

    #[test]
    fn few_lines_and_few_hits_say_nothing() {
        assert!(!counted(&[(&"gateway\n".repeat(999), &[])]).is_frequent("gateway"));
        let rare = format!("{}{}", "nothing here\n".repeat(3000), "gateway\n".repeat(15));
        assert!(!counted(&[(&rare, &[])]).is_frequent("gateway"));
        let half = format!("{}{}", "nothing here\n".repeat(3970), "gateway\n".repeat(20));
        assert!(counted(&[(&half, &[])]).is_frequent("gateway"));
    }

    #[test]
    fn sums_do_not_depend_on_the_order() {
        let (a, b) = ("gateway x\n".repeat(700), "portal y\n".repeat(700));
        let one = counted(&[(&a, &[]), (&b, &[])]);
        let other = counted(&[(&b, &[]), (&a, &[])]);
        assert_eq!((one.all.0, &one.all.1), (other.all.0, &other.all.1));
    }

    #[test]
    fn labels_that_were_made_for_somebody_are_no_words() {
        assert!(is_wordlike("gateway"));
        for label in ["svc-sync", "anna1", "a@b", "anna weber", "j.doe", "d'alessio"] {
            assert!(!is_wordlike(label), "{label}");
        }
    }
}
