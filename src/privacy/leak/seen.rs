//! Members that were searched before and held nothing: most of a record is what stood in the one before.
//!
//! The bytes are cut before every `"` behind a `,`. No shape, no secret and no learned original reaches
//! over such a place (originals that hold one switch the memory off), nor does what stands before a
//! find and decides about it. So the pieces of a stretch that are not known can be searched behind one
//! another as if the others were not there, and a piece without a find need not be searched twice. A
//! piece is remembered whole, never by its hash.

use super::view::View;
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::OnceLock;

/// What no find reaches over.
const BORDER: &[u8] = b",\"";

/// Slots of the memory, and bytes of one: the length of a piece and the piece. One MiB together.
const SLOTS: usize = 1 << 13;
const ROOM: usize = 128;

/// Bytes that are looked at before what they taught is used.
const BLOCK: usize = 64 << 10;

/// Pieces must be this short on average, in bytes; else searching is cheaper than remembering.
const SHORT: usize = 96;

/// Whether an original reaches over a border.
pub(super) fn crosses(original: &str) -> bool {
    original.contains(",\"")
}

/// The memory of one entry.
pub(super) struct Seen {
    slots: Vec<[u8; ROOM]>,
}

/// A piece of the window.
struct Piece {
    /// Where it starts in the view of unknown pieces.
    at: usize,
    slot: Option<usize>,
    range: Range<usize>,
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
        Seen { slots: Vec::new() }
    }

    /// Where the pieces of a window start, and its end. `None` if it has too few pieces.
    pub fn pieces(window: &[u8]) -> Option<Vec<usize>> {
        static FINDER: OnceLock<Finder<'static>> = OnceLock::new();
        let finder = FINDER.get_or_init(|| Finder::new(BORDER));
        let sample = window.get(..BLOCK / 2)?;
        if finder.find_iter(sample).count() * SHORT < sample.len() {
            return None;
        }
        let borders = finder.find_iter(window).map(|at| at + 1);
        Some([0].into_iter().chain(borders).chain([window.len()]).collect())
    }

    /// The unknown ones of the first pieces, which are taken off `pieces`: about as many as a block holds.
    /// What lies in a range of `apart` is left out, and a piece that one reaches into is never known. Both are
    /// ascending.
    pub fn unknown(
        &mut self,
        window: &[u8],
        pieces: &mut &[usize],
        apart: &mut &[Range<usize>],
    ) -> Option<Block> {
        let first = match *pieces {
            [first, _, ..] => *first,
            _ => return None,
        };
        if self.slots.is_empty() {
            self.slots = vec![[0; ROOM]; SLOTS];
        }
        let mut block = Block { view: View::empty(), pieces: Vec::new() };
        while let [from, to, ..] = **pieces
            && from < first + BLOCK
        {
            *pieces = &pieces[1..];
            while apart.first().is_some_and(|range| range.end <= from) {
                *apart = &apart[1..];
            }
            let reaching = apart.first().filter(|range| range.start < to);
            if reaching.is_some_and(|range| range.start <= from && to <= range.end) {
                continue;
            }
            let piece = &window[from..to];
            let whole = reaching.is_none() && from > 0 && to < window.len();
            let slot = if whole { slot(piece) } else { None };
            if !slot.is_some_and(|slot| self.holds(slot, piece)) {
                let at = block.view.bytes.len();
                block.view.append(piece, from);
                block.pieces.push(Piece { at, slot, range: from..to, found: false });
            }
        }
        Some(block)
    }

    fn holds(&self, slot: usize, piece: &[u8]) -> bool {
        let known = &self.slots[slot];
        usize::from(known[0]) == piece.len() && known[1..=piece.len()] == *piece
    }

    /// Remembers the pieces in which nothing was found.
    pub fn learn(&mut self, window: &[u8], block: &Block) {
        for piece in block.pieces.iter().filter(|piece| !piece.found) {
            let Some(slot) = piece.slot else { continue };
            let bytes = &window[piece.range.clone()];
            let known = &mut self.slots[slot];
            known[0] = bytes.len() as u8;
            known[1..=bytes.len()].copy_from_slice(bytes);
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

/// The slot of a piece; `None` if it is too long to be remembered.
fn slot(piece: &[u8]) -> Option<usize> {
    if piece.len() >= ROOM {
        return None;
    }
    let step = |hash: u64, word: u64| (hash.rotate_left(29) ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25);
    let (whole, rest) = piece.as_chunks::<8>();
    let mut hash =
        whole.iter().fold(piece.len() as u64, |hash, eight| step(hash, u64::from_le_bytes(*eight)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash = step(hash, u64::from_le_bytes(last));
    Some((hash >> 40) as usize % SLOTS)
}
