//! Compiled-in vocabulary: words and phrases that are no secret, so that a person called `Success`
//! neither wrecks a log nor blocks a bundle.
//!
//! Two parts: `stopwords.txt` (sorted, folded, one word or phrase a line) and what the catalogue
//! declares: member names, dataset and type names. A learned value that equals one of them is
//! replaced in context only.

use super::lookup::fold_word;
use crate::catalogue::Catalogue;
use foldhash::fast::RandomState;
use std::collections::HashSet;
use std::sync::OnceLock;

const STOPWORDS: &str = include_str!("stopwords.txt");

/// SHA-256 of the words that are no names, which an approval of a policy covers.
pub fn stopwords_digest() -> [u8; 32] {
    crate::crypto::sha256(STOPWORDS.as_bytes())
}

fn stopwords() -> &'static HashSet<&'static str, RandomState> {
    static WORDS: OnceLock<HashSet<&'static str, RandomState>> = OnceLock::new();
    WORDS.get_or_init(|| STOPWORDS.lines().collect())
}

fn declared() -> &'static HashSet<String, RandomState> {
    static NAMES: OnceLock<HashSet<String, RandomState>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let catalogue = Catalogue::builtin();
        let mut names = HashSet::default();
        for dataset in catalogue.datasets() {
            names.insert(dataset.id.to_ascii_lowercase());
            names.insert(dataset.title.to_ascii_lowercase());
            names.extend(dataset.columns.iter().map(|column| column.name.to_ascii_lowercase()));
        }
        for record_type in catalogue.types() {
            names.insert(record_type.name.to_ascii_lowercase());
            for (folded, spelling) in &record_type.names {
                names.insert(folded.clone());
                names.insert(spelling.to_ascii_lowercase());
            }
        }
        names
    })
}

/// All words and phrases, folded; some of them twice.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    STOPWORDS.lines().chain(declared().iter().map(String::as_str))
}

/// Whether a folded word or phrase is compiled-in vocabulary.
pub fn is_vocabulary(folded: &str) -> bool {
    stopwords().contains(folded) || declared().contains(folded)
}

/// Whether a word in any case is compiled-in vocabulary.
pub fn is_stop_word(word: &str) -> bool {
    is_vocabulary(&fold_word(word))
}

/// SHA-256 of the stop list, for approvals.
pub fn digest() -> [u8; 32] {
    crate::crypto::sha256(STOPWORDS.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_list_is_sorted_unique_and_folded() {
        let words: Vec<&str> = STOPWORDS.lines().collect();
        for pair in words.windows(2) {
            assert!(pair[0] < pair[1], "{} / {}", pair[0], pair[1]);
        }
        for word in words {
            assert_eq!(fold_word(word).as_ref(), word);
            assert_eq!(word.trim(), word);
            assert!(!word.is_empty());
        }
    }

    #[test]
    fn names_that_are_words_are_in_it() {
        let names = "Will Mark Grant Bill Chase Rose May June April Art Page Long Price Field Key Case Frank Max \
            Min Root Admin Guest Test Service Sync Sales Cloud Young King Stone Berg Roth Heute Juli Pierre Rio \
            Success Interactive Failure example createdDateTime userPrincipalName";
        for name in names.split_whitespace() {
            assert!(is_stop_word(name), "{name}");
        }
        assert!(!is_stop_word("gschmidt"));
    }
}
