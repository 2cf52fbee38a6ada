//! Beginnings of hard originals before `…` and `...`: a column or an output cut the rest off.

use super::super::dictionary::Dictionary;
use super::super::hardness::{Hardness, hardness};
use super::super::lookup::fold_word;
use super::super::vocabulary::is_stop_word;
use crate::kind::{Kind, KindSet};

/// Fewest characters of a beginning that is one, and most words of it.
const SHORTEST: usize = 8;
const WORDS: usize = 4;
/// Most bytes before the cut that are looked at.
const LONGEST: usize = 128;

/// Calls `found` with the place and the kind of every beginning of a learned original.
pub(super) fn find(
    bytes: &[u8],
    dictionary: &Dictionary,
    treated: KindSet,
    mut found: impl FnMut(usize, Kind),
) {
    let dots = memchr::memmem::find_iter(bytes, b"...").filter(|at| *at == 0 || bytes[at - 1] != b'.');
    let ellipses = memchr::memmem::find_iter(bytes, "…".as_bytes());
    for end in dots.chain(ellipses) {
        let floor = end.saturating_sub(LONGEST);
        let before = &bytes[floor..end];
        let line = before.iter().rposition(|b| matches!(b, b'\n' | b'"')).map_or(0, |at| at + 1);
        let Ok(text) = std::str::from_utf8(&before[line..]) else { continue };
        // The words before the cut, from the last to the fourth last.
        let begins = text
            .char_indices()
            .filter(|(at, c)| {
                c.is_alphanumeric() && !text[..*at].ends_with(|c: char| !" (,;:=<>['".contains(c))
            })
            .map(|(at, _)| at);
        for begin in begins.collect::<Vec<_>>().into_iter().rev().take(WORDS) {
            let stretch = &text[begin..];
            if stretch.chars().count() < SHORTEST || is_stop_word(stretch) {
                continue;
            }
            let folded = fold_word(stretch);
            let kinds = [Kind::Upn, Kind::Account, Kind::PersonName, Kind::Host];
            let hit = kinds.into_iter().filter(|kind| treated.contains(*kind)).find(|kind| {
                let mut known = dictionary.beginning_with(*kind, &folded);
                known.next().is_some_and(|original| {
                    hardness(original) == Hardness::Hard
                        && original.len() > folded.len()
                        && !dictionary.is_guarded(*kind, original)
                })
            });
            if let Some(kind) = hit {
                found(floor + line + begin, kind);
                break;
            }
        }
    }
}
