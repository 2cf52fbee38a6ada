//! Microsoft Graph as a source: the datasets of the request table, as fast as their throttle lets
//! them come, resumable at every page. GET is the only method. Pages stay the bytes they were.
//!
//! Async lives in here, behind a bounded channel: the gatherer pulls arrivals and sets the pace.

mod answer;
mod ask;
mod fetch;
mod lane;
mod pacer;
mod page;
mod piece;

pub use ask::{Plainness, Question};
pub use fetch::Effort;
pub use pacer::{Limit, MOST_LANES, Pace, documented};
pub use page::Page;

use crate::catalogue::graph::{Bucket, Requests, Row};
use crate::catalogue::member;
use crate::error::{self, Error, Result};
use crate::event::{Cursor, Reason};
use crate::http::{Address, Network};
use crate::source::auth::{Claims, SignIn, Tokens};
use fetch::Fetcher;
use jiff::Timestamp;
use lane::{Dataset, Lane, Queue, State};
use pacer::Pacer;
use piece::Pieces;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// Arrivals that wait for the gatherer; each can hold a page.
const WAITING: usize = 1;

/// A dataset to fetch.
#[derive(Clone, Debug)]
pub struct Work {
    /// How it is asked.
    pub row: Row,
    /// What is asked of it.
    pub question: Question,
    /// Where an earlier run stopped.
    pub cursor: Option<Cursor>,
    /// An earlier run finished it.
    pub done: bool,
    /// Its parents, for a child whose parents were all fetched by an earlier run.
    pub parents: Option<Vec<String>>,
}

/// A page and whose it is.
#[derive(Debug)]
pub struct PageOf {
    /// The page.
    pub page: Page,
    /// The parent whose children they are.
    pub parent: Option<String>,
}

/// A piece that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowEnd {
    /// Start of its window.
    pub from: Option<Timestamp>,
    /// End of its window.
    pub to: Option<Timestamp>,
    /// Why it is not complete.
    pub reason: Option<Reason>,
}

/// What arrives: a page or an end, and where the dataset stands after it.
#[derive(Debug)]
pub struct Arrival {
    /// Place in the work list.
    pub unit: usize,
    /// Number of the piece.
    pub piece: u64,
    /// Records.
    pub page: Option<PageOf>,
    /// How many records the service counts, of which this is the first page.
    pub expected: Option<u64>,
    /// Everything up to here may be committed.
    pub cursor: Cursor,
    /// What it took since the last arrival of this dataset.
    pub effort: Effort,
    /// The piece has ended.
    pub window: Option<WindowEnd>,
    /// The dataset has ended; why it is not complete, if it is not.
    pub end: Option<Option<Reason>>,
    /// What of the query the service did not support.
    pub plain: Plainness,
}

/// What a wait for an arrival gave.
#[derive(Debug)]
pub enum Next {
    /// Something arrived.
    Arrival(Box<Arrival>),
    /// Nothing for now.
    Quiet,
    /// Everything has ended.
    Done,
}

/// Microsoft Graph, with a sign-in.
pub struct Graph {
    runtime: Runtime,
    fetcher: Arc<Fetcher>,
    base: Address,
    pace: Pace,
}

impl Graph {
    /// Prepares everything; nothing is asked yet.
    ///
    /// # Errors
    /// Usage; access, if certificate or token are outside their time; internal.
    pub fn new(sign_in: SignIn, network: &Network, pace: Pace) -> Result<Graph> {
        let base = sign_in.resource.clone();
        let client = network.client(&base)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| Error::new(error::Kind::Internal, "cannot start the network").because(e))?;
        let fetcher = Arc::new(Fetcher { client, tokens: Tokens::new(sign_in)?, scale: pace.scale });
        Ok(Graph { runtime, fetcher, base, pace })
    }

    /// Signs in and tells what the token allows.
    ///
    /// # Errors
    /// Access: why it was refused, and what to do.
    pub fn sign_in(&self) -> Result<Claims> {
        self.runtime.block_on(self.fetcher.tokens.bearer()).map(|token| token.claims.clone())
    }

    /// What else a user is called: the id first, then UPN, mail and account names. `None`: there is no
    /// such user, or they may not be read.
    ///
    /// # Errors
    /// Access, if the sign-in is refused; I/O, if the service cannot be reached.
    pub fn names_of_user(&self, name: &str) -> Result<Option<Vec<String>>> {
        const NAMES: [&str; 5] =
            ["id", "userPrincipalName", "mail", "onPremisesUserPrincipalName", "onPremisesSamAccountName"];
        let Some(users) = Requests::builtin().row("users") else { return Ok(None) };
        let row = Row {
            path: "/users/{id}".into(),
            single: true,
            select: Some(NAMES.join(",")),
            top: None,
            count: false,
            ..users.clone()
        };
        let shape = (Plainness::default(), 0);
        let url = ask::address(&self.base, &row, &[], (None, None), Some(name), shape);
        let pacer = Pacer::new(row.bucket, self.pace);
        let effort = std::sync::Mutex::default();
        let fetched = self.runtime.block_on(self.fetcher.page(&url, &row, (&pacer, 0.0), &effort))?;
        let fetch::Fetched::Page(page) = fetched else { return Ok(None) };
        let Some(record) = page.records.first().map(|range| page.record(range)) else { return Ok(None) };
        let names: Vec<String> =
            NAMES.iter().filter_map(|name| member::Path::new(name).first(record)).collect();
        Ok((!names.is_empty()).then_some(names))
    }

    /// The sign-in, for its secrets and its names.
    pub fn identity(&self) -> &SignIn {
        self.fetcher.tokens.sign_in()
    }

    /// Begins to fetch.
    pub fn start(&self, work: Vec<Work>) -> Running<'_> {
        let mut queues: BTreeMap<Bucket, Vec<Arc<Dataset>>> = BTreeMap::new();
        let mut all = Vec::new();
        for (unit, work) in work.into_iter().enumerate() {
            let mut state = State { ended: work.done, ..State::default() };
            if let Some(parents) = work.parents {
                state.parents = Arc::new(parents);
            }
            if !work.row.values.is_empty() {
                state.parents = Arc::new(work.row.values.clone());
            }
            let waits = work.row.is_child() && state.parents.is_empty();
            let begun = work.cursor.as_ref().and_then(Pieces::read);
            state.pieces = match begun {
                Some(pieces) if !waits => Some(pieces),
                _ if waits => None,
                _ if !state.parents.is_empty() => Some(Pieces::of_parents(state.parents.len())),
                _ => Some(Pieces::of_window(work.question.from, work.question.to, work.row.window.is_some())),
            };
            let dataset = Arc::new(Dataset {
                unit,
                field: work.row.window.as_ref().map(|log| member::Path::new(&log.field)),
                question: work.question,
                row: work.row,
                state: tokio::sync::Mutex::new(state),
                effort: std::sync::Mutex::default(),
            });
            queues.entry(dataset.row.bucket).or_default().push(dataset.clone());
            all.push(dataset);
        }
        let (out, arrivals) = mpsc::channel(WAITING);
        let mut lanes = JoinSet::new();
        let mut changed = BTreeMap::new();
        for (bucket, datasets) in queues {
            let pacer = Pacer::new(bucket, self.pace);
            let queue = Arc::new(Queue { datasets, pacer, changed: Notify::new() });
            changed.insert(bucket, queue.clone());
            for number in 0..MOST_LANES {
                let lane = Lane {
                    number,
                    queue: queue.clone(),
                    fetcher: self.fetcher.clone(),
                    base: self.base.clone(),
                    out: out.clone(),
                };
                lanes.spawn_on(lane.run(), self.runtime.handle());
            }
        }
        Running { graph: self, arrivals, lanes, datasets: all, queues: changed }
    }
}

/// A fetch under way. Dropping it stops it.
pub struct Running<'a> {
    graph: &'a Graph,
    arrivals: mpsc::Receiver<Result<Arrival>>,
    lanes: JoinSet<()>,
    datasets: Vec<Arc<Dataset>>,
    queues: BTreeMap<Bucket, Arc<Queue>>,
}

impl Running<'_> {
    /// Waits for something to arrive, at most so long.
    ///
    /// # Errors
    /// Access, if a new sign-in is refused; I/O, if the service cannot be reached any more.
    pub fn next(&mut self, most: Duration) -> Result<Next> {
        let arrivals = &mut self.arrivals;
        let waited = self.graph.runtime.block_on(async { tokio::time::timeout(most, arrivals.recv()).await });
        match waited {
            Err(_) => Ok(Next::Quiet),
            Ok(None) => Ok(Next::Done),
            Ok(Some(arrival)) => Ok(Next::Arrival(Box::new(arrival?))),
        }
    }

    /// Tells a child its parents, whose dataset has ended. Without parents it has ended, too.
    pub fn parents(&mut self, unit: usize, parents: Vec<String>, cursor: Option<&Cursor>) {
        let Some(dataset) = self.datasets.get(unit) else { return };
        let mut state = dataset.state.blocking_lock();
        let begun = cursor.and_then(Pieces::read);
        state.pieces = Some(begun.unwrap_or_else(|| Pieces::of_parents(parents.len())));
        state.ended |= parents.is_empty();
        state.parents = Arc::new(parents);
        drop(state);
        if let Some(queue) = self.queues.get(&dataset.row.bucket) {
            queue.changed.notify_waiters();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.arrivals.close();
        self.lanes.abort_all();
    }
}
