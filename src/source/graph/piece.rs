//! The work of one dataset as pieces: time windows of a log, runs of parents, or the whole list.
//!
//! All pieces that are not finished make up the cursor of the dataset, so that a run that is stopped
//! anywhere continues each of them. A piece may be cut in two while it is under way: its end moves
//! forward, and what its page chain still gives behind the new end is left to the other piece.

use crate::event::Cursor;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// A log is begun in windows no longer than this (days); the service advises few days at a time.
const LONGEST_DAYS: i64 = 7;
/// A window below this (seconds) is not halved any more.
const SHORTEST: i64 = 60;
/// Pages that must still be expected for a window to be cut for an idle lane: a cut costs half a page.
const WORTH_CUTTING: f64 = 2.0;
/// A window of which nothing is known is not cut into parts below this (seconds).
const SHORTEST_UNSEEN: i64 = 3_600;
/// After so many pages a chain of page tokens is begun anew: long chains are known to die.
const LONGEST_CHAIN: u32 = 100;

/// Part of a dataset that one lane fetches, page by page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Number of the piece in its dataset.
    pub number: u64,
    /// Start of its window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// End of its window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Up to here everything came, in order of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The parent that is asked now, by its place in the list.
    #[serde(default)]
    pub parent: usize,
    /// End of its run of parents.
    #[serde(default)]
    pub parents_end: usize,
    /// Address of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// How often the page size was reduced.
    #[serde(default)]
    pub smaller: u8,
    /// Pages so far.
    #[serde(default)]
    pub pages: u32,
    /// Pages of this chain of page tokens so far.
    #[serde(default)]
    pub chain: u32,
    /// How often its place was lost.
    #[serde(default)]
    pub lost: u8,
}

impl Piece {
    fn whole(number: u64, from: Option<Timestamp>, to: Option<Timestamp>) -> Piece {
        Piece {
            number,
            from,
            to,
            at: None,
            parent: 0,
            parents_end: 0,
            link: None,
            smaller: 0,
            pages: 0,
            chain: 0,
            lost: 0,
        }
    }

    /// Where a new chain of this piece begins.
    pub fn start(&self) -> Option<Timestamp> {
        self.at.or(self.from)
    }

    /// How many pages it will still take, judged by those that came; 0 where nothing can be said.
    fn rest(&self) -> f64 {
        if self.parents_end > 0 {
            return (self.parents_end - self.parent) as f64;
        }
        let (Some(from), Some(at), Some(to), Some(_)) = (self.from, self.at, self.to, &self.link) else {
            return 0.0;
        };
        let done = at.duration_since(from).as_secs_f64();
        let left = to.duration_since(at).as_secs_f64();
        if done <= 0.0 { 0.0 } else { f64::from(self.pages) * left / done }
    }

    /// How far it is to its end, for the order in which requests go: what nobody knows may be far.
    pub fn way(&self) -> f64 {
        match self.rest() {
            0.0 if self.pages == 0 || self.to.is_none() => f64::INFINITY,
            rest => rest,
        }
    }

    /// Gives the last of `parts` equal parts of the rest away, if it is worth it. Only windows whose
    /// records come in order can be cut.
    fn cut(&mut self, number: u64, ordered: bool, parts: i32) -> Option<Piece> {
        if self.parents_end > 0 {
            let half = self.parent + (self.parents_end - self.parent).div_ceil(2);
            if half <= self.parent || half >= self.parents_end {
                return None;
            }
            let other =
                Piece { parent: half, parents_end: self.parents_end, ..Piece::whole(number, None, None) };
            self.parents_end = half;
            return Some(other);
        }
        if !ordered || self.rest() < WORTH_CUTTING {
            return None;
        }
        let (at, to) = (self.at?, self.to?);
        let middle = second(to.checked_sub(to.duration_since(at) / parts.max(2)).ok()?);
        if middle <= at {
            return None;
        }
        self.to = Some(middle);
        Some(Piece { smaller: self.smaller, ..Piece::whole(number, Some(middle), Some(to)) })
    }

    /// Too much was asked for: halves a window that has not begun its chain, or asks for smaller
    /// pages. `None` with nothing changed: it cannot become less.
    pub fn shrink(&mut self, number: u64) -> Shrunk {
        let began = self.smaller;
        self.smaller = (self.smaller + 1).min(3);
        let start = self.start();
        if let (Some(start), Some(to), None) = (start, self.to, &self.link)
            && to.duration_since(start).as_secs() >= 2 * SHORTEST
            && let Ok(middle) = start.checked_add(to.duration_since(start) / 2).map(second)
            && middle > start
        {
            self.to = Some(middle);
            return Shrunk::Halved(Box::new(Piece {
                smaller: self.smaller,
                ..Piece::whole(number, Some(middle), Some(to))
            }));
        }
        if self.link.take().is_some() || self.smaller > began { Shrunk::Smaller } else { Shrunk::Not }
    }

    /// Its page token is lost: the chain begins anew where the last page ended.
    pub fn begin_again(&mut self) {
        self.link = None;
        self.chain = 0;
    }

    /// Whether its chain has become so long that it is begun anew.
    pub fn is_long(&self) -> bool {
        self.chain >= LONGEST_CHAIN && self.at > self.from
    }
}

/// The full second: the service reads no more than seven digits of a fraction.
fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// What became of a piece that was too large.
pub enum Shrunk {
    /// It ends in the middle now; this is the rest.
    Halved(Box<Piece>),
    /// Its pages will be smaller.
    Smaller,
    /// It is as small as it can be.
    Not,
}

/// The pieces of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pieces {
    /// Not begun.
    waiting: VecDeque<Piece>,
    /// Under way, by number.
    open: BTreeMap<u64, Piece>,
    /// Number of the next piece.
    next: u64,
}

impl Pieces {
    /// One list, or the windows of a log.
    pub fn of_window(from: Option<Timestamp>, to: Option<Timestamp>, windowed: bool) -> Pieces {
        let mut pieces = Pieces::default();
        let (mut from, longest) = (from, LONGEST_DAYS * 86_400);
        if windowed && let (Some(mut start), Some(end)) = (from, to) {
            while end.duration_since(start).as_secs() > longest {
                let Ok(middle) = start.checked_add(jiff::SignedDuration::from_secs(longest)) else { break };
                let number = pieces.number();
                pieces.waiting.push_back(Piece::whole(number, Some(start), Some(middle)));
                start = middle;
            }
            from = Some(start);
        }
        let number = pieces.number();
        pieces.waiting.push_back(Piece::whole(number, from, to));
        pieces
    }

    /// Runs of parents. No parents, no pieces.
    pub fn of_parents(parents: usize) -> Pieces {
        let mut pieces = Pieces::default();
        if parents > 0 {
            let number = pieces.number();
            pieces.waiting.push_back(Piece { parents_end: parents, ..Piece::whole(number, None, None) });
        }
        pieces
    }

    /// The number of the next piece.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Continues what a cursor says was not finished.
    pub fn read(cursor: &Cursor) -> Option<Pieces> {
        let mut pieces: Pieces = serde_json::from_str(&cursor.0).ok()?;
        let open: Vec<Piece> = std::mem::take(&mut pieces.open).into_values().collect();
        open.into_iter().rev().for_each(|piece| pieces.waiting.push_front(piece));
        Some(pieces)
    }

    /// All that is not finished.
    pub fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }

    /// A piece for an idle lane.
    pub fn take(&mut self) -> Option<Piece> {
        let piece = self.waiting.pop_front()?;
        self.open.insert(piece.number, piece.clone());
        Some(piece)
    }

    /// What the largest piece under way will still take.
    pub fn largest_rest(&self) -> f64 {
        self.open.values().map(Piece::rest).fold(0.0, f64::max)
    }

    /// Shares a window out of which no answer came yet: `parts` equal windows, of which it keeps the
    /// first.
    pub fn share_out(&mut self, number: u64, parts: i32) {
        let next = self.next;
        let Some(piece) = self.open.get_mut(&number) else { return };
        let (Some(from), Some(to), 0, None) = (piece.from, piece.to, piece.pages, piece.at) else { return };
        let span = to.duration_since(from);
        let most = i32::try_from(span.as_secs() / SHORTEST_UNSEEN).unwrap_or(i32::MAX);
        let parts = parts.min(most);
        if parts < 2 {
            return;
        }
        let bound = |part: i32| from.checked_add(span / parts * part).map_or(to, second);
        piece.to = Some(bound(1));
        let smaller = piece.smaller;
        for (number, part) in (next..).zip(1..parts) {
            let end = if part + 1 == parts { to } else { bound(part + 1) };
            let rest = Piece { smaller, ..Piece::whole(number, Some(bound(part)), Some(end)) };
            self.waiting.push_back(rest);
            self.next = number + 1;
        }
    }

    /// The longest window under way of which no answer came yet, and how long it is (seconds).
    pub fn longest_unseen(&self) -> Option<(u64, i64)> {
        let unseen = self.open.values().filter(|piece| piece.pages == 0 && piece.at.is_none());
        let span = |piece: &Piece| Some((piece.number, piece.to?.duration_since(piece.from?).as_secs()));
        unseen.filter_map(span).max_by_key(|(_, span)| *span)
    }

    /// How many pieces are under way.
    pub fn under_way(&self) -> usize {
        self.open.len()
    }

    /// Cuts the largest piece under way for an idle lane, which gets one of `parts` parts.
    pub fn cut(&mut self, ordered: bool, parts: i32) -> Option<Piece> {
        let largest = self.open.values().max_by(|a, b| a.rest().total_cmp(&b.rest()))?.number;
        let number = self.next;
        let other = self.open.get_mut(&largest)?.cut(number, ordered, parts)?;
        self.next += 1;
        self.open.insert(number, other.clone());
        Some(other)
    }

    /// The state of a piece under way; its end may have moved since it was taken.
    pub fn open(&mut self, number: u64) -> Option<&mut Piece> {
        self.open.get_mut(&number)
    }

    /// Adds a piece that was split off.
    pub fn push(&mut self, piece: Piece) {
        self.waiting.push_front(piece);
    }

    /// A piece has ended.
    pub fn close(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// Nothing more will be asked.
    pub fn abandon(&mut self) {
        self.waiting.clear();
    }

    /// Whether all pieces have ended.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_month_is_begun_in_windows_of_a_week_that_meet() {
        let mut pieces = Pieces::of_window(Some(time(0)), Some(time(30 * 86_400)), true);
        let mut at = time(0);
        let mut windows = 0;
        while let Some(piece) = pieces.take() {
            assert_eq!(piece.from, Some(at));
            at = piece.to.unwrap();
            windows += 1;
            pieces.close(piece.number);
        }
        assert_eq!((windows, at), (5, time(30 * 86_400)));
        assert!(pieces.is_done());
        assert!(Pieces::of_parents(0).is_done());
    }

    #[test]
    fn a_window_under_way_is_cut_where_it_is_worth_it() {
        let mut pieces = Pieces::of_window(Some(time(0)), Some(time(1_000)), true);
        let number = pieces.take().unwrap().number;
        assert!(pieces.cut(true, 2).is_none(), "nothing is known about its rest");
        let open = pieces.open(number).unwrap();
        (open.at, open.link, open.pages) = (Some(time(100)), Some("x".into()), 1);
        assert!(pieces.cut(false, 2).is_none(), "its records are not in order");
        let other = pieces.cut(true, 2).unwrap();
        assert_eq!((other.from, other.to), (Some(time(550)), Some(time(1_000))));
        assert_eq!(pieces.open(number).unwrap().to, Some(time(550)));
        let again = Pieces::read(&pieces.cursor()).unwrap();
        assert_eq!(again.waiting.len(), 2);
        assert_eq!(again.waiting[0].link.as_deref(), Some("x"));
    }

    #[test]
    fn a_window_nobody_answers_is_shared_out_in_parts_that_meet() {
        let mut pieces = Pieces::of_window(Some(time(5)), Some(time(7 * 86_400 + 3)), true);
        let number = pieces.take().unwrap().number;
        assert_eq!(pieces.longest_unseen(), Some((number, 7 * 86_400 - 2)));
        pieces.share_out(number, 8);
        let mut ends = vec![(pieces.open(number).unwrap().from, pieces.open(number).unwrap().to)];
        while let Some(piece) = pieces.take() {
            assert_eq!(piece.from, ends.last().unwrap().1);
            ends.push((piece.from, piece.to));
        }
        assert_eq!((ends.len(), ends[7].1), (8, Some(time(7 * 86_400 + 3))));
        // Two hours are two parts at most; what has answered is not shared out any more.
        let mut short = Pieces::of_window(Some(time(0)), Some(time(7_200)), true);
        let number = short.take().unwrap().number;
        short.share_out(number, 8);
        assert_eq!(short.waiting.len(), 1);
        short.open(number).unwrap().pages = 1;
        short.share_out(number, 8);
        assert_eq!(short.waiting.len(), 1);
    }

    #[test]
    fn parents_are_shared_until_one_is_left() {
        let mut pieces = Pieces::of_parents(10);
        pieces.take().unwrap();
        let mut runs = 1;
        while pieces.cut(true, 2).is_some() {
            runs += 1;
        }
        let mut covered: Vec<usize> =
            pieces.open.values().flat_map(|piece| piece.parent..piece.parents_end).collect();
        covered.sort_unstable();
        assert_eq!(covered, (0..10).collect::<Vec<_>>());
        assert!(runs > 2);
    }

    #[test]
    fn too_much_is_halved_down_to_a_minute_and_then_given_up() {
        let mut piece = Piece::whole(0, Some(time(0)), Some(time(400)));
        let mut number = 0;
        let mut ends = Vec::new();
        loop {
            number += 1;
            match piece.shrink(number) {
                Shrunk::Halved(rest) => ends.push((piece.to.unwrap(), rest.to.unwrap())),
                Shrunk::Smaller => {}
                Shrunk::Not => break,
            }
        }
        assert_eq!(ends, [(time(200), time(400)), (time(100), time(200))]);
        assert_eq!(piece.smaller, 3);
    }
}
