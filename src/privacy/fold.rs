//! Names in ASCII letters: what becomes of `José Müller` where a system has no accents. The fold cannot
//! be undone; a text in it means the one learned name that has this fold, if there is exactly one.

use icu_normalizer::{DecomposingNormalizer, DecomposingNormalizerBorrowed};

const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizer::new_nfd();

/// Letters that no decomposition takes apart, or that are written as two: the letter, its plain form, its
/// form in two letters (DIN 5007-2, ICAO Doc 9303 part 3, section 6).
const LETTERS: [(char, &str, &str); 15] = [
    ('ä', "a", "ae"),
    ('å', "a", "aa"),
    ('æ', "ae", "ae"),
    ('ð', "d", "d"),
    ('ñ', "n", "n"),
    ('ö', "o", "oe"),
    ('ø', "o", "oe"),
    ('ü', "u", "ue"),
    ('þ', "th", "th"),
    ('ß', "ss", "ss"),
    ('đ', "d", "d"),
    ('ħ', "h", "h"),
    ('ı', "i", "i"),
    ('ł', "l", "l"),
    ('œ', "oe", "oe"),
];

/// The forms of a canonical name in ASCII letters: without accents, and with two letters for one where that
/// is another text. None for a name that is ASCII, or written in another script.
pub(crate) fn ascii_forms(name: &str) -> Vec<String> {
    if name.is_ascii() {
        return Vec::new();
    }
    let mut forms: Vec<String> = [false, true].into_iter().filter_map(|two| ascii_form(name, two)).collect();
    forms.dedup();
    forms
}

fn ascii_form(name: &str, two: bool) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match LETTERS.iter().find(|(letter, ..)| *letter == c) {
            Some((_, plain, double)) => out.push_str(if two { double } else { plain }),
            None if c.is_ascii() => out.push(c),
            None if c == '\u{2019}' => out.push('\''),
            None => {
                let mut utf8 = [0; 4];
                let parts = NFD.normalize(c.encode_utf8(&mut utf8));
                out.push(parts.chars().next().filter(char::is_ascii)?);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_accents_in_one_or_two_ways() {
        for (name, forms) in [
            ("jürgen müller", &["jurgen muller", "juergen mueller"][..]),
            ("søren æbelø", &["soren aebelo", "soeren aebeloe"]),
            ("josé o\u{2019}brien", &["jose o'brien"]),
            ("łukasz żółć", &["lukasz zolc"]),
            ("groß", &["gross"]),
            ("nguyễn", &["nguyen"]),
            ("anna weber", &[]),
            ("田中太郎", &[]),
            ("иван", &[]),
        ] {
            assert_eq!(ascii_forms(name), forms, "{name}");
        }
    }
}
