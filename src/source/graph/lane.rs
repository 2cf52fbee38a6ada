//! Lanes: each works on one piece at a time, page by page. A bucket has as many lanes at work as its
//! pacer says; an idle one takes a waiting piece, or half of one under way.

use super::answer::Verdict;
use super::ask::{self, Plainness, Question};
use super::fetch::{Effort, Fetched, Fetcher};
use super::pacer::Pacer;
use super::page::Page;
use super::piece::{Piece, Pieces, Shrunk};
use super::{Arrival, PageOf, WindowEnd};
use crate::catalogue::graph::Row;
use crate::catalogue::{member, time};
use crate::error::{Error, Result};
use crate::event::Reason;
use crate::http::Address;
use jiff::Timestamp;
use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, mpsc};

/// A place is looked for again so often before a piece is given up.
const MOST_LOST: u8 = 5;
/// An idle lane looks around so often even if nobody calls it.
const IDLE: Duration = Duration::from_millis(50);
/// And not more often than this, where simulated time runs fast.
const BRIEFLY: Duration = Duration::from_millis(5);

/// A dataset that is being fetched.
pub struct Dataset {
    /// Its place in the work list.
    pub unit: usize,
    /// How it is asked.
    pub row: Row,
    /// What is asked of it.
    pub question: Question,
    /// Its time field, for logs.
    pub field: Option<member::Path>,
    /// What is done and what is not.
    pub state: Mutex<State>,
    /// What it took since the last arrival.
    pub effort: std::sync::Mutex<Effort>,
}

/// What is done of a dataset and what is not.
#[derive(Default)]
pub struct State {
    /// `None`: its parents are not known yet.
    pub pieces: Option<Pieces>,
    /// The parents, in order.
    pub parents: Arc<Vec<String>>,
    /// Its end was told.
    pub ended: bool,
    /// How plain its queries have become.
    pub plain: Plainness,
    /// Its records did not come in order of time.
    pub disordered: bool,
    /// Why it will not be answered.
    pub refused: Option<Reason>,
    /// Why a piece was given up.
    pub given_up: Option<Reason>,
}

/// The datasets of one bucket.
pub struct Queue {
    /// In the order in which they are begun.
    pub datasets: Vec<Arc<Dataset>>,
    /// Its pacer.
    pub pacer: Pacer,
    /// Something changed: idle lanes look around.
    pub changed: Notify,
}

/// What a lane needs.
pub struct Lane {
    /// Its number in the bucket.
    pub number: usize,
    /// The bucket.
    pub queue: Arc<Queue>,
    /// Asks for pages.
    pub fetcher: Arc<Fetcher>,
    /// The address of the service.
    pub base: Address,
    /// To the gatherer.
    pub out: mpsc::Sender<Result<Arrival>>,
}

/// The gatherer has gone, or the run has failed.
struct Over;

impl Lane {
    /// Works until the bucket is empty or the run is over.
    pub async fn run(self) {
        while let Some(found) = self.find().await {
            let Some((dataset, number)) = found else { continue };
            if self.work(&dataset, number).await.is_err() {
                return;
            }
            self.queue.changed.notify_waiters();
        }
    }

    /// A piece to work on; `Some(None)` after a pause, `None` when there is nothing left.
    async fn find(&self) -> Option<Option<(Arc<Dataset>, u64)>> {
        let changed = self.queue.changed.notified();
        let pacer = &self.queue.pacer;
        let mut left = false;
        if self.number < pacer.lanes() || pacer.is_waited_for() {
            for dataset in &self.queue.datasets {
                let mut state = dataset.state.lock().await;
                left |= !state.ended;
                if let Some(piece) = state.pieces.as_mut().and_then(Pieces::take) {
                    pacer.begun();
                    return Some(Some((dataset.clone(), piece.number)));
                }
            }
            if !left {
                return None;
            }
            if let Some(cut) = self.cut().await {
                return Some(Some(cut));
            }
        } else if self.out.is_closed() {
            return None;
        }
        let _ = tokio::time::timeout(pacer.patience().clamp(BRIEFLY, IDLE), changed).await;
        for dataset in &self.queue.datasets {
            left |= !dataset.state.lock().await.ended;
        }
        left.then_some(None)
    }

    /// Part of what the largest piece of the bucket still has to do, if the limit is not used up by
    /// the pieces under way.
    async fn cut(&self) -> Option<(Arc<Dataset>, u64)> {
        let mut largest: Option<(f64, &Arc<Dataset>)> = None;
        let mut unseen: Option<(i64, &Arc<Dataset>)> = None;
        let mut under_way = 0;
        for dataset in &self.queue.datasets {
            let state = dataset.state.lock().await;
            let Some(pieces) = &state.pieces else { continue };
            under_way += pieces.under_way();
            let rest = pieces.largest_rest();
            if rest > 0.0 && largest.is_none_or(|(most, _)| rest > most) {
                largest = Some((rest, dataset));
            }
            let orderly = dataset.row.window.is_some() && !state.disordered && state.refused.is_none();
            if let Some((_, span)) = pieces.longest_unseen().filter(|_| orderly)
                && unseen.is_none_or(|(most, _)| span > most)
            {
                unseen = Some((span, dataset));
            }
        }
        let pacer = &self.queue.pacer;
        if let Some((_, dataset)) = largest {
            if under_way >= pacer.needed() {
                return None;
            }
            let mut state = dataset.state.lock().await;
            let ordered = !state.disordered && state.refused.is_none();
            // The only piece is cut into equal parts for all lanes, another in two.
            let parts = if under_way == 1 { pacer.lanes().saturating_sub(under_way) + 1 } else { 2 };
            let parts = i32::try_from(parts).unwrap_or(2);
            let piece = state.pieces.as_mut()?.cut(ordered, parts)?;
            return Some((dataset.clone(), piece.number));
        }
        // Nobody has answered for a while: the service is slow, and a slow service needs many requests
        // under way. What a log holds is not known yet, so its window is cut into equal parts.
        let (_, dataset) = unseen?;
        if pacer.is_quick() || !pacer.is_waited_for() {
            return None;
        }
        let mut state = dataset.state.lock().await;
        let pieces = state.pieces.as_mut()?;
        let (number, _) = pieces.longest_unseen()?;
        let parts = pacer.most().saturating_sub(under_way) + 1;
        pieces.share_out(number, i32::try_from(parts).unwrap_or(2));
        let piece = pieces.take()?;
        self.queue.changed.notify_waiters();
        Some((dataset.clone(), piece.number))
    }

    /// Works on one piece to its end.
    async fn work(&self, dataset: &Dataset, number: u64) -> std::result::Result<(), Over> {
        loop {
            let (piece, plain, parent, refused) = {
                let mut state = dataset.state.lock().await;
                let refused = state.refused;
                let (plain, parents) = (state.plain, state.parents.clone());
                let Some(piece) = state.pieces.as_mut().and_then(|pieces| pieces.open(number)) else {
                    return Ok(());
                };
                (piece.clone(), plain, parents.get(piece.parent).cloned(), refused)
            };
            if refused.is_some() {
                return self.close(dataset, number, refused).await;
            }
            let url = match &piece.link {
                Some(link) => ask::next(&self.base, link),
                None => Some(ask::address(
                    &self.base,
                    &dataset.row,
                    &dataset.question.conditions,
                    (piece.start(), piece.to),
                    parent.as_deref(),
                    (plain, piece.smaller),
                )),
            };
            let Some(url) = url else {
                // The token is for this service alone.
                return self.refuse(dataset, number, Reason::ForeignLink).await;
            };
            let turn = (&self.queue.pacer, piece.way());
            let fetched = self.fetcher.page(&url, &dataset.row, turn, &dataset.effort).await;
            let ended = match fetched {
                Ok(Fetched::Page(page)) => self.take(dataset, &piece, page, parent).await?,
                Ok(Fetched::Other(verdict)) => self.other(dataset, &piece, plain, verdict).await?,
                Err(error) => return self.fail(error).await,
            };
            if ended {
                return Ok(());
            }
        }
    }

    /// A page came: hands it on, and says whether the piece has ended.
    async fn take(
        &self,
        dataset: &Dataset,
        asked: &Piece,
        mut page: Page,
        parent: Option<String>,
    ) -> std::result::Result<bool, Over> {
        let number = asked.number;
        let times = self.times(dataset, &page);
        let mut state = dataset.state.lock().await;
        let State { pieces, disordered, .. } = &mut *state;
        let Some(piece) = pieces.as_mut().and_then(|pieces| pieces.open(number)) else { return Ok(true) };
        let expected = page.count.filter(|_| piece.link.is_none());
        let mut behind = false;
        if let Some(times) = &times {
            let known: Vec<Timestamp> = times.iter().copied().flatten().collect();
            *disordered |= !known.is_sorted() || known.first() < piece.at.as_ref();
            if let Some(to) = piece.to {
                behind = known.iter().any(|time| *time >= to);
                let mut inside = times.iter().map(|time| time.is_none_or(|time| time < to));
                page.records.retain(|_| inside.next().unwrap_or(true));
            }
            if !*disordered {
                piece.at =
                    known.iter().copied().rfind(|time| piece.to.is_none_or(|to| *time < to)).or(piece.at);
            }
        }
        (piece.pages, piece.chain, piece.lost) = (piece.pages + 1, piece.chain + 1, 0);
        piece.link = page.next.take().filter(|_| !dataset.row.one && (!behind || *disordered));
        let wider = asked.link.is_none() && asked.to != piece.to;
        if piece.link.is_some() && times.is_some() && *disordered && wider {
            // It became shorter meanwhile, and a chain without order gives all of the longer one.
            piece.link = None;
            self.send(dataset, &mut state, number, Some(PageOf { page, parent }), expected, None).await?;
            return Ok(false);
        }
        if piece.link.is_some() && times.is_some() && !*disordered && piece.is_long() {
            piece.begin_again();
        } else if piece.link.is_none() && piece.parent + 1 < piece.parents_end {
            piece.parent += 1;
        } else if piece.link.is_none() {
            let end = WindowEnd { from: piece.from, to: piece.to, reason: None };
            if let Some(pieces) = pieces {
                pieces.close(number);
            }
            self.send(dataset, &mut state, number, Some(PageOf { page, parent }), expected, Some(end))
                .await?;
            return Ok(true);
        }
        self.send(dataset, &mut state, number, Some(PageOf { page, parent }), expected, None).await?;
        Ok(false)
    }

    fn times(&self, dataset: &Dataset, page: &Page) -> Option<Vec<Option<Timestamp>>> {
        let field = dataset.field.as_ref()?;
        let time = |at: &Range<usize>| time::parse(&field.first(page.record(at))?);
        Some(page.records.iter().map(time).collect())
    }

    /// Something else than a page came: what becomes of the piece. Tells whether it has ended.
    async fn other(
        &self,
        dataset: &Dataset,
        asked: &Piece,
        plain: Plainness,
        verdict: Verdict,
    ) -> std::result::Result<bool, Over> {
        let mut state = dataset.state.lock().await;
        let State { pieces, .. } = &mut *state;
        let Some(pieces) = pieces else { return Ok(true) };
        let next = pieces.number();
        let Some(piece) = pieces.open(asked.number) else { return Ok(true) };
        let give_up = match verdict {
            Verdict::LostPlace if piece.lost < MOST_LOST => {
                piece.lost += 1;
                // A list has no place to begin at but its start, so its token gets a second chance.
                if dataset.field.is_some() || piece.lost > 1 || piece.link.is_none() {
                    piece.begin_again();
                }
                return Ok(false);
            }
            Verdict::LostPlace => Reason::Unavailable,
            Verdict::TooMuch => match piece.shrink(next) {
                Shrunk::Halved(rest) => {
                    pieces.push(*rest);
                    self.queue.changed.notify_waiters();
                    return Ok(false);
                }
                Shrunk::Smaller => return Ok(false),
                Shrunk::Not => Reason::Timeout,
            },
            Verdict::Plainer if plain < Plainness::LAST => {
                piece.begin_again();
                state.plain = state.plain.max(Plainness(plain.0 + 1));
                state.disordered = true;
                return Ok(false);
            }
            Verdict::Absent if piece.parents_end > 0 => {
                if piece.parent + 1 < piece.parents_end {
                    piece.parent += 1;
                    piece.link = None;
                    return Ok(false);
                }
                drop(state);
                return self.close(dataset, asked.number, None).await.map(|()| true);
            }
            Verdict::Absent => {
                drop(state);
                return self.refuse(dataset, asked.number, Reason::NotConfigured).await.map(|()| true);
            }
            Verdict::No(reason) => {
                drop(state);
                return self.refuse(dataset, asked.number, reason).await.map(|()| true);
            }
            _ => Reason::Error,
        };
        state.given_up = Some(give_up);
        drop(state);
        self.close(dataset, asked.number, Some(give_up)).await.map(|()| true)
    }

    /// The whole dataset will not be answered.
    async fn refuse(&self, dataset: &Dataset, number: u64, reason: Reason) -> std::result::Result<(), Over> {
        let mut state = dataset.state.lock().await;
        state.refused.get_or_insert(reason);
        if let Some(pieces) = &mut state.pieces {
            pieces.abandon();
        }
        drop(state);
        self.close(dataset, number, Some(reason)).await
    }

    async fn close(
        &self,
        dataset: &Dataset,
        number: u64,
        reason: Option<Reason>,
    ) -> std::result::Result<(), Over> {
        let mut state = dataset.state.lock().await;
        let Some(pieces) = &mut state.pieces else { return Ok(()) };
        let window = pieces.open(number).map(|piece| WindowEnd { from: piece.from, to: piece.to, reason });
        pieces.close(number);
        self.send(dataset, &mut state, number, None, None, window).await
    }

    /// Hands something on. The state is locked, so that cursors arrive in the order of the pages.
    async fn send(
        &self,
        dataset: &Dataset,
        state: &mut State,
        number: u64,
        page: Option<PageOf>,
        expected: Option<u64>,
        window: Option<WindowEnd>,
    ) -> std::result::Result<(), Over> {
        let Some(pieces) = &state.pieces else { return Ok(()) };
        let done = pieces.is_done();
        let arrival = Arrival {
            unit: dataset.unit,
            piece: number,
            page,
            expected,
            cursor: pieces.cursor(),
            effort: std::mem::take(&mut *dataset.effort.lock().unwrap_or_else(PoisonError::into_inner)),
            window,
            end: done.then_some(state.refused.or(state.given_up)),
            plain: state.plain,
        };
        state.ended |= done;
        self.out.send(Ok(arrival)).await.map_err(|_| Over)
    }

    async fn fail(&self, error: Error) -> std::result::Result<(), Over> {
        let _ = self.out.send(Err(error)).await;
        Err(Over)
    }
}
