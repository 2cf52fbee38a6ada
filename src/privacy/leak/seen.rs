//! Members that were searched before and held nothing: most of a record is what stood in the one before.
//!
//! The bytes are cut before every `"` behind a `,`, unless it closes a string. No shape, no secret and no
//! learned original reaches over such a place, neither as it stands nor in a view, nor does what stands
//! before a find and decides about it. Where that does not hold the memory is off: for originals that hold
//! a border, and in windows with NUL bytes, words in Q encoding or lists broken by PowerShell, whose views
//! look further. So the pieces that are not known can be searched behind one another as if the others were
//! not there, and a piece without a find need not be searched twice. A piece is remembered whole, never by
//! its hash.

use super::view::View;
use crate::record::{Known, Link};
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::OnceLock;

/// What no find reaches over.
const BORDER: &[u8] = b",\"";

/// Bytes that are looked at before what they taught is used.
const BLOCK: usize = 64 << 10;

/// Pieces must be this short on average, in bytes; else searching is cheaper than remembering.
const SHORT: usize = 96;

/// Numbers of beginnings by which it is judged whether pieces repeat.
const BEGINNINGS: u32 = 1 << 10;

/// Whether an original reaches over a border.
pub(super) fn crosses(original: &str) -> bool {
    original.contains(",\"")
}

fn border() -> &'static Finder<'static> {
    static FINDER: OnceLock<Finder<'static>> = OnceLock::new();
    FINDER.get_or_init(|| Finder::new(BORDER))
}

/// The memory of one entry.
pub(super) struct Seen {
    known: Known<()>,
    /// What stood before the next piece.
    link: Link,
}

/// A piece of the window.
struct Piece {
    /// Where it starts in the view of unknown pieces.
    at: usize,
    range: Range<usize>,
    /// What stood before it, where it is to be remembered.
    before: Option<Link>,
    found: bool,
}

/// Unknown pieces behind one another.
pub(super) struct Block {
    pub view: View,
    pieces: Vec<Piece>,
}

impl Seen {
    /// Nothing known yet.
    pub fn new() -> Seen {
        Seen { known: Known::default(), link: Link::place(0) }
    }

    /// Whether a window has pieces enough, and nothing whose view looks further than a piece.
    pub fn is_of_use(window: &[u8]) -> bool {
        let Some(sample) = window.get(..BLOCK / 2) else { return false };
        border().find_iter(sample).count() * SHORT >= sample.len()
            && memchr::memchr(0, window).is_none()
            && !memchr::memchr_iter(b'?', window)
                .any(|at| matches!(window.get(at..at + 3), Some(b"?Q?" | b"?q?")))
            && memchr::memmem::find(window, b"\n          ").is_none()
    }

    /// Where the piece at `at` ends.
    fn end(window: &[u8], at: usize) -> usize {
        border()
            .find_iter(&window[at..])
            .map(|found| at + found + 1)
            .find(|quote| opens(window, *quote))
            .unwrap_or(window.len())
    }

    /// The unknown ones of the pieces that start at `from` and some way behind it, which is moved on. `None`
    /// at the end of the window.
    pub fn unknown(&mut self, window: &[u8], from: &mut usize) -> Option<Block> {
        let first = *from;
        if first >= window.len() {
            return None;
        }
        let mut block = Block { view: View::empty(), pieces: Vec::new() };
        let mut at = first;
        while at < window.len() && at < first + BLOCK {
            // A piece is known with the quote of the next one, so that it ends where it ends.
            if at > 0
                && let Some(found) = self.known.follow(self.link, 0, &window[at..])
                && let Some((length, ..)) = self.known.get(found)
                && opens(window, at + length - 1)
            {
                self.known.hit(found);
                self.link = found.into();
                at += length - 1;
                continue;
            }
            let end = Seen::end(window, at);
            let number = beginning(&window[at..end]);
            let before = std::mem::replace(&mut self.link, Link::place(number));
            let whole = at > 0 && end < window.len() && self.known.is_worth(number);
            if whole && let Some(found) = self.known.find(0, &window[at..=end]) {
                self.known.was_worth(number);
                self.known.hit(found);
                self.known.connect(before, found);
                self.link = found.into();
            } else {
                let start = block.view.bytes.len();
                block.view.append(&window[at..end], at);
                let before = whole.then_some(before);
                block.pieces.push(Piece { at: start, range: at..end, before, found: false });
            }
            at = end;
        }
        *from = at;
        Some(block)
    }

    /// Remembers the pieces in which nothing was found.
    pub fn learn(&mut self, window: &[u8], block: &Block) {
        for piece in block.pieces.iter().filter(|piece| !piece.found) {
            if let Some(before) = piece.before
                && let Some(found) = self.known.learn(
                    0,
                    &window[piece.range.start..=piece.range.end],
                    &[],
                    ((), 0),
                    |(), _| (),
                )
            {
                self.known.connect(before, found);
            }
        }
    }
}

impl Block {
    /// Notes that something starts at this place of the view.
    pub fn found(&mut self, at: usize) {
        let piece = self.pieces.partition_point(|piece| piece.at <= at);
        if let Some(piece) = piece.checked_sub(1).and_then(|last| self.pieces.get_mut(last)) {
            piece.found = true;
        }
    }
}

/// Whether the quote begins a string: one that closes a string is followed by what stands behind values.
fn opens(window: &[u8], quote: usize) -> bool {
    !matches!(window.get(quote + 1), None | Some(b':' | b',' | b'}' | b']'))
}

/// The number of the name that a piece begins with.
fn beginning(piece: &[u8]) -> u32 {
    let name = piece.iter().skip(1).take(64).take_while(|b| **b != b'"');
    name.fold(5381u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(*byte)) % BEGINNINGS
}
