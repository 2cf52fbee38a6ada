//! Lookup of learned names in text: atoms, their hashes, and the frozen index over them.
//!
//! A name is a sequence of *atoms* (maximal runs of letters and digits; a character of a script
//! without spaces is an atom of its own) with what stands between them. Two texts have the same
//! form when their folded atoms and their separators agree, white space counting once. A name
//! therefore matches at atom boundaries only, in any case and spacing, and its cost in a text is a
//! hash of each atom and one probe of a bit table: no automaton, linear time whatever was learned.

use super::canon::canonical;
use std::borrow::Cow;

/// Longest name in atoms. A longer name is found by its first ones.
pub(crate) const MAX_ATOMS: usize = 16;

/// Folds a word for comparison: its canonical form, the one that tokens are made from, without the
/// characters that have no width. The only place where this room folds text.
pub fn fold_word(word: &str) -> Cow<'_, str> {
    let folded = canonical(word);
    if !folded.is_ascii() && folded.contains(is_format) {
        return Cow::Owned(folded.chars().filter(|c| !is_format(*c)).collect());
    }
    folded
}

/// Characters without width that hide a name from a reader of bytes.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Marks that belong to the letter before them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{93c}' | '\u{94d}' | '\u{9bc}' | '\u{9cd}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Scripts that write without spaces: every character is an atom.
pub(crate) fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{edf}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// Whether a character belongs to a word.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || (!c.is_ascii() && (is_mark(c) || is_format(c)))
}

/// One atom of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atom {
    pub start: usize,
    pub end: usize,
    pub hash: u64,
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const LOWER: u64 = 0x2020_2020_2020_2020;

fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(MULTIPLIER);
    product ^ (product >> 29)
}

/// Hash of the folded bytes `start..stop`. For ASCII letters and digits `| 0x20` folds case, eight bytes
/// at a time; what stands behind them is masked.
fn hash_folded(bytes: &[u8], start: usize, stop: usize) -> u64 {
    let mut hash = (stop - start) as u64;
    let mut at = start;
    while at < stop {
        let left = stop - at;
        let word = match bytes[at..].first_chunk() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => bytes[at..stop].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        let mask = if left < 8 { u64::MAX >> (64 - 8 * left) } else { u64::MAX };
        hash = mix(hash, word & mask | LOWER);
        at += 8;
    }
    mix(hash, 0)
}

fn hash_atom(text: &str) -> u64 {
    let folded = if text.is_ascii() { Cow::Borrowed(text) } else { fold_word(text) };
    hash_folded(folded.as_bytes(), 0, folded.len())
}

/// Which bytes are ASCII letters and digits.
static ATOM: [bool; 256] = {
    let (mut table, mut at) = ([false; 256], 0);
    while at < 256 {
        table[at] = (at as u8).is_ascii_alphanumeric();
        at += 1;
    }
    table
};

/// Reads the atom at `from`, which must stand at a character boundary, or the next one after it,
/// not past `end`.
pub(crate) fn next_atom(text: &str, from: usize, end: usize) -> Option<Atom> {
    let bytes = &text.as_bytes()[..end];
    let mut start = from;
    loop {
        let byte = *bytes.get(start)?;
        if ATOM[byte as usize] {
            break;
        }
        if byte < 0x80 {
            start += 1;
            continue;
        }
        let c = text[start..end].chars().next()?;
        if is_word(c) {
            if is_ideograph(c) {
                let stop = start + c.len_utf8();
                return Some(Atom { start, end: stop, hash: hash_atom(&text[start..stop]) });
            }
            break;
        }
        start += c.len_utf8();
    }
    let mut stop = start;
    let mut ascii = true;
    while let Some(byte) = bytes.get(stop) {
        if ATOM[*byte as usize] {
            stop += 1;
        } else if *byte < 0x80 {
            break;
        } else {
            let c = text[stop..end].chars().next()?;
            if !is_word(c) || is_ideograph(c) {
                break;
            }
            ascii = false;
            stop += c.len_utf8();
        }
    }
    let hash = if ascii { hash_folded(text.as_bytes(), start, stop) } else { hash_atom(&text[start..stop]) };
    Some(Atom { start, end: stop, hash })
}

/// Hash of what stands between two atoms: white space alone counts as one space, white space beside
/// other characters does not count, a line end is white space. `None` where no name can go on: two line ends, or too
/// much.
fn hash_gap(gap: &str) -> Option<u64> {
    match gap {
        "" => return Some(1),
        " " => return Some(2),
        _ => {}
    }
    if gap.len() > 64 {
        return None;
    }
    let mut hash = 3u64;
    let (mut length, mut lines) = (0, 0);
    for c in gap.chars() {
        // A name may be wrapped; behind an empty line something else begins.
        lines += usize::from(c == '\n');
        if lines > 1 {
            return None;
        }
        if !c.is_whitespace() {
            length += 1;
            hash = mix(hash, u64::from(u32::from(c)));
        }
    }
    match length {
        0 => Some(2),
        1..=4 => Some(hash),
        _ => None,
    }
}

/// Calls `each` with the hash of every prefix of the form that starts at `first`, and the byte after
/// it. Stops where `each` says no.
fn prefixes(text: &str, first: Atom, end: usize, mut each: impl FnMut(u64, usize) -> bool) {
    let mut hash = mix(0, first.hash);
    let mut at = first;
    if !each(hash, at.end) {
        return;
    }
    for _ in 1..MAX_ATOMS {
        let Some(next) = next_atom(text, at.end, end) else { return };
        let Some(gap) = hash_gap(&text[at.end..next.start]) else { return };
        hash = mix(mix(hash, gap), next.hash);
        at = next;
        if !each(hash, at.end) {
            return;
        }
    }
}

/// One way to write a learned value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form {
    /// Hash of the form.
    hash: u64,
    /// Whether it was derived (another order of the same name) and so yields to exact forms.
    pub derived: bool,
    /// Index of the entry.
    pub entry: u32,
}

/// A match of one or more forms.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Match<'a> {
    /// The byte after the match.
    pub end: usize,
    /// All entries with this form, exact ones first.
    pub forms: &'a [Form],
}

/// Collects forms before they are frozen.
#[derive(Default)]
pub(crate) struct Builder {
    forms: Vec<Form>,
    prefixes: Vec<u64>,
}

impl Builder {
    /// Adds a way to write the entry. Texts without any letter or digit have no form.
    pub fn add(&mut self, text: &str, entry: u32, derived: bool) {
        let Some(first) = next_atom(text, 0, text.len()) else { return };
        let mut last = 0;
        let prefix_list = &mut self.prefixes;
        prefixes(text, first, text.len(), |hash, _| {
            prefix_list.push(hash);
            last = hash;
            true
        });
        self.forms.push(Form { hash: last, derived, entry });
    }

    /// Sorts and freezes. The result does not depend on the order of adding.
    pub fn freeze(self) -> Index {
        let Builder { mut forms, prefixes } = self;
        forms.sort_unstable();
        forms.dedup();
        forms.shrink_to_fit();
        // Prefixes that several forms share are counted as often: sorting them costs more than the room.
        let bits = (prefixes.len().max(64) * 12).next_power_of_two();
        let mut index = Index { forms, seen: vec![0; bits / 64], buckets: Vec::new() };
        for prefix in prefixes {
            let (word, bit) = index.bit(prefix);
            index.seen[word] |= 1 << bit;
        }
        let count = index.forms.len().next_power_of_two().max(2);
        let shift = 64 - count.trailing_zeros();
        let mut buckets = vec![0u32; count + 1];
        for form in &index.forms {
            buckets[(form.hash >> shift) as usize + 1] += 1;
        }
        for at in 1..buckets.len() {
            buckets[at] += buckets[at - 1];
        }
        index.buckets = buckets;
        index
    }
}

/// The frozen index.
pub(crate) struct Index {
    /// Sorted by hash, exact before derived, then by entry.
    forms: Vec<Form>,
    /// Bit table over the hashes of all prefixes of all forms.
    seen: Vec<u64>,
    /// Start of each range of forms by the top bits of the hash.
    buckets: Vec<u32>,
}

impl Index {
    fn bit(&self, hash: u64) -> (usize, u32) {
        let slot = (hash >> 8) as usize & (self.seen.len() * 64 - 1);
        (slot / 64, (slot % 64) as u32)
    }

    fn may_start(&self, hash: u64) -> bool {
        let (word, bit) = self.bit(hash);
        self.seen[word] >> bit & 1 != 0
    }

    fn forms(&self, hash: u64) -> &[Form] {
        let shift = 64 - (self.buckets.len() - 1).trailing_zeros();
        let bucket = (hash >> shift) as usize;
        let range = &self.forms[self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize];
        let start = range.partition_point(|form| form.hash < hash);
        let stop = range.partition_point(|form| form.hash <= hash);
        &range[start..stop]
    }

    /// Whether a form may start with the atom: the question asked of every word of every text.
    pub fn may_start_with(&self, atom: Atom) -> bool {
        self.may_start(mix(0, atom.hash))
    }

    /// The matches that start with the atom `first` and end by `end`, longest last; returns how
    /// many of the slots are filled.
    pub fn matches<'a>(
        &'a self,
        text: &str,
        first: Atom,
        end: usize,
        slots: &mut [Match<'a>; MAX_ATOMS],
    ) -> usize {
        let mut found = 0;
        prefixes(text, first, end, |hash, stop| {
            if !self.may_start(hash) {
                return false;
            }
            let forms = self.forms(hash);
            if !forms.is_empty() && found < slots.len() {
                slots[found] = Match { end: stop, forms };
                found += 1;
            }
            true
        });
        found
    }

    /// The forms of a whole text: nothing but non-word characters may stand around it.
    pub fn whole(&self, text: &str) -> &[Form] {
        if self.is_empty() {
            return &[];
        }
        let Some(first) = next_atom(text, 0, text.len()) else { return &[] };
        let (mut last, mut stop) = (0, 0);
        prefixes(text, first, text.len(), |hash, end| {
            (last, stop) = (hash, end);
            true
        });
        if next_atom(text, stop, text.len()).is_some() { &[] } else { self.forms(last) }
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Number of forms.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.forms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(names: &[&str]) -> Index {
        let mut builder = Builder::default();
        for (at, name) in names.iter().enumerate() {
            builder.add(name, at as u32, false);
        }
        builder.freeze()
    }

    fn find(index: &Index, text: &str) -> Vec<(usize, usize, u32)> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(atom) = next_atom(text, at, text.len()) {
            let mut slots = [Match::default(); MAX_ATOMS];
            let found = index.matches(text, atom, text.len(), &mut slots);
            at = atom.end;
            if let Some(longest) = slots[..found].last() {
                out.push((atom.start, longest.end, longest.forms[0].entry));
                at = longest.end;
            }
        }
        out
    }

    #[test]
    fn a_hash_does_not_depend_on_what_stands_around() {
        let text = "AbcDefGhiJklMnoPqrStuVwx0123456789";
        for from in 0..text.len() {
            for to in from + 1..=text.len() {
                let alone = text[from..to].to_ascii_lowercase();
                let hash = hash_folded(alone.as_bytes(), 0, alone.len());
                assert_eq!(hash, hash_folded(text.as_bytes(), from, to), "{alone}");
            }
        }
    }

    #[test]
    fn names_match_in_any_case_and_spacing_and_at_word_boundaries_only() {
        let index = index(&["greta schmidt", "laptop-7q2k", "søren o'brien"]);
        assert_eq!(find(&index, "by Greta  SCHMIDT."), [(3, 17, 0)]);
        assert_eq!(find(&index, "(greta\tschmidt)"), [(1, 14, 0)]);
        assert_eq!(find(&index, "on LAPTOP-7Q2K$"), [(3, 14, 1)]);
        assert_eq!(find(&index, "so\u{301}ren SØREN O'Brien"), [(8, 22, 2)]);
        assert_eq!(find(&index, "greta\r\n   schmidt").len(), 1);
        assert!(find(&index, "greta schmidts, greta\n\nschmidt, laptop 7q2k, laptop-7q2kx").is_empty());
    }

    #[test]
    fn combining_and_composed_letters_are_one() {
        let index = index(&["zolt\u{e1}n kov\u{e1}cs"]);
        assert_eq!(find(&index, "Zolta\u{301}n Kova\u{301}cs").len(), 1);
        assert_eq!(find(&index, "Zol\u{200b}t\u{e1}n Kov\u{e1}cs").len(), 1);
    }

    #[test]
    fn scripts_without_spaces_match_inside_a_sentence() {
        let index = index(&["田中太郎"]);
        assert_eq!(find(&index, "担当は田中太郎です"), [(9, 21, 0)]);
    }

    #[test]
    fn the_longest_name_wins_and_all_entries_of_a_form_are_seen() {
        let index = index(&["anna", "anna weber", "anna"]);
        assert_eq!(find(&index, "Anna Weber and Anna"), [(0, 10, 1), (15, 19, 0)]);
        assert_eq!(index.len(), 3);
        assert_eq!(index.whole("(Anna)").len(), 2);
        assert!(index.whole("Anna B").is_empty());
    }

    #[test]
    fn empty_index_and_odd_texts_are_safe() {
        let index = index(&["---", ""]);
        assert!(find(&index, "--- é 日本 \u{301} x").is_empty());
    }
}
