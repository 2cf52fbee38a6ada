//! Learned names between the shapes: every atom is asked of the index, the longest name whose
//! place allows it wins.

use super::super::dictionary::{Dictionary, Original};
use super::super::lookup::{MAX_ATOMS, Match, next_atom};
use super::context;
use crate::kind::Kind;

/// A learned name in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
    /// The learned original, or the text itself where several names could be meant.
    pub value: &'a str,
}

/// The next name from `from`, not past `to`. `announced` says that the text as a whole stands in a
/// field of an account. A name at `from` itself must end before `shorter`: a longer one was looked at
/// and stays, and another may stand inside it.
pub(crate) fn next<'a>(
    text: &'a str,
    from: usize,
    to: usize,
    shorter: usize,
    announced: bool,
    dictionary: &'a Dictionary,
) -> Option<Name<'a>> {
    let index = dictionary.index();
    if index.is_empty() {
        return None;
    }
    let mut at = from;
    while let Some(atom) = next_atom(text, at, to) {
        at = atom.end;
        if !index.may_start_with(atom) {
            continue;
        }
        let mut slots = [Match::default(); MAX_ATOMS];
        let found = index.matches(text, atom, to, &mut slots);
        for hit in slots[..found].iter().rev() {
            if atom.start == from && hit.end >= shorter {
                continue;
            }
            let whole = announced && atom.start == 0 && hit.end == text.len();
            if let Some((kind, value)) = choose(text, atom.start, hit, whole, dictionary) {
                return Some(Name { start: atom.start, end: hit.end, kind, value });
            }
        }
    }
    None
}

/// The original that a match means at its place, if it may be replaced there.
fn choose<'a>(
    text: &'a str,
    start: usize,
    hit: &Match<'a>,
    announced: bool,
    dictionary: &'a Dictionary,
) -> Option<(Kind, &'a str)> {
    let bytes = text.as_bytes();
    let originals = || hit.forms.iter().map(|form| (form.derived, dictionary.original(form.entry)));
    let has_account = originals().any(|(_, original)| original.kind == Kind::Account);
    // Context names the type; it is asked only where it can change the answer.
    let any_bare = originals().any(|(_, original)| original.bare);
    let wanted = if announced || (!any_bare && context::is_local_part(bytes, hit.end)) {
        Some(Kind::Account)
    } else if (has_account || !any_bare) && context::is_identity(bytes, start) {
        Some(if bytes.get(hit.end) == Some(&b'$') { Kind::Host } else { Kind::Account })
    } else if !any_bare && context::is_host(bytes, start) {
        Some(Kind::Host)
    } else {
        None
    };
    if let Some(wanted) = wanted {
        let named = originals().find(|(_, original)| original.kind == wanted);
        return named.or_else(|| originals().next()).map(|(_, original)| (original.kind, original.text));
    }
    let mut bare = originals().filter(|(_, original)| original.bare);
    let (derived, first): (bool, Original<'_>) = bare.next()?;
    // Orders of several names that agree: nobody can say which, the text gets a token of its own.
    if derived && bare.any(|(_, other)| other.kind == first.kind && other.text != first.text) {
        return Some((first.kind, &text[start..hit.end]));
    }
    Some((first.kind, first.text))
}
