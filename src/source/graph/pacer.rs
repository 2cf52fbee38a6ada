//! One pacer for each throttle bucket: it lets requests go at the rate that the service documents,
//! so that a 429 is an exception, and tells how many requests should be under way at once.
//!
//! The service counts requests in a sliding window. So does the pacer, with a window a little
//! longer, because requests do not travel equally fast. A 429 stops the whole bucket, not one request.
//! Where several requests wait, the one with the longest way to go passes first, so that all end
//! together.

use crate::catalogue::graph::Bucket;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// More requests than this are never under way in one bucket: a page is held in memory for each.
pub const MOST_LANES: usize = 8;
/// How much longer our window is than the service's, as a share of it.
const MARGIN: f64 = 0.015;
/// And at least, in documented seconds: by so much requests overtake each other on the way.
const OVERTAKEN: f64 = 0.1;
/// And at least, in real time: a process is not woken more punctually.
const PUNCTUAL: Duration = Duration::from_millis(15);
/// Requests before the first answer also open connections; they arrive later (documented seconds).
const CONNECTING: f64 = 0.3;
/// And at least, in real time.
const CONNECTED: Duration = Duration::from_millis(30);
/// A service that takes longer than this (documented seconds) cannot be read one page after another at
/// the rate that it allows: 5 requests in 10 s.
const SLOW: f64 = 1.2;
/// Silence shorter than this is not noticed, however fast simulated time runs.
const NOTICED: Duration = Duration::from_millis(50);
/// How much wider the margin becomes with each 429, and how often.
const WIDER: (f64, u32) = (0.01, 4);
/// Weight of the newest answer in the average of latencies.
const NEWEST: f64 = 0.3;
/// Longest wait after a 429 without `Retry-After`, in documented seconds.
const LONGEST_BACKOFF: f64 = 120.0;

/// How fast is collected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Real seconds for a documented one: 1, except against a simulated tenant that runs faster.
    pub scale: f64,
    /// Requests under way at once in a bucket, at most [`MOST_LANES`].
    pub lanes: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { scale: 1.0, lanes: MOST_LANES }
    }
}

/// How much the service answers in how much time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Requests, or resource units.
    pub units: u32,
    /// In this time.
    pub period: Duration,
}

/// The documented limit of a bucket (Microsoft Graph service-specific throttling limits). Directory:
/// the smallest of the three, for tenants below 50 users. `None`: no limit is documented.
pub fn documented(bucket: Bucket) -> Option<Limit> {
    limits(bucket).first().copied()
}

/// All limits of a bucket that hold at once, the shortest first.
fn limits(bucket: Bucket) -> &'static [Limit] {
    const fn limit(units: u32, seconds: u64) -> Limit {
        Limit { units, period: Duration::from_secs(seconds) }
    }
    match bucket {
        Bucket::Reports => const { &[limit(5, 10)] },
        Bucket::IdentityProtection => const { &[limit(1, 1)] },
        Bucket::Directory => const { &[limit(3_500, 10)] },
        Bucket::ServiceCommunications => const { &[limit(240, 60), limit(800, 3_600)] },
        Bucket::Security => const { &[limit(150, 60)] },
        Bucket::Other => &[],
    }
}

/// The pacer of one bucket.
pub struct Pacer {
    limits: &'static [Limit],
    /// Real seconds for a documented one.
    scale: f64,
    most: usize,
    state: Mutex<State>,
    /// Another request may be the next.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// What counts now, for each limit.
    counts: Vec<Count>,
    paused_until: Option<Instant>,
    /// Average latency in seconds; 0 before the first answer.
    latency: f64,
    /// 429 answers since the last good one.
    refusals: u32,
    /// 429 answers in all.
    all_refusals: u32,
    /// Since when work was begun and nothing was heard of the service.
    begun: Option<Instant>,
    /// Who waits: way to go and number.
    waiting: Vec<(f64, u64)>,
    /// Number of the next that waits.
    next: u64,
}

/// What counts against one limit.
#[derive(Default)]
struct Count {
    /// When each request counts no more, and what it counts.
    sent: VecDeque<(Instant, u32)>,
    units: u32,
}

impl Count {
    /// How long a request of this cost must wait for the limit; `None` lets it go.
    fn wait(&mut self, limit: Limit, cost: u32, now: Instant) -> Option<Duration> {
        while let Some(&(_, units)) = self.sent.front().filter(|(until, _)| *until <= now) {
            self.sent.pop_front();
            self.units -= units;
        }
        let (until, _) = self.sent.front().filter(|_| self.units + cost > limit.units)?;
        Some((*until - now).max(Duration::from_micros(200)))
    }
}

impl State {
    /// The number of the one that goes next: the longest way to go, then the earliest.
    fn first(&self) -> Option<u64> {
        let longest = |a: &&(f64, u64), b: &&(f64, u64)| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1));
        self.waiting.iter().max_by(longest).map(|(_, number)| *number)
    }
}

/// A place among those that wait; given back when it is dropped.
struct Place<'a> {
    pacer: &'a Pacer,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pacer.state().waiting.retain(|(_, number)| *number != self.number);
        self.pacer.changed.notify_waiters();
    }
}

enum Go {
    Now,
    In(Duration),
    /// Somebody else is first.
    Later,
}

impl Pacer {
    /// A pacer with the documented limit of a bucket.
    pub fn new(bucket: Bucket, pace: Pace) -> Self {
        Pacer {
            limits: limits(bucket),
            scale: pace.scale,
            most: pace.lanes.clamp(1, MOST_LANES),
            state: Mutex::new(State {
                counts: limits(bucket).iter().map(|_| Count::default()).collect(),
                ..State::default()
            }),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request of this cost may go, and counts it. Of those that wait the one with the
    /// most `way` to go is first. Tells how long it waited.
    pub async fn turn(&self, cost: u32, way: f64) -> Duration {
        let begin = Instant::now();
        let place = {
            let mut state = self.state();
            let number = state.next;
            state.next += 1;
            state.waiting.push((way, number));
            Place { pacer: self, number }
        };
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.go(place.number, cost) {
                Go::Now => return begin.elapsed(),
                Go::In(wait) => {
                    let _ = tokio::time::timeout(wait, changed).await;
                }
                Go::Later => changed.await,
            }
        }
    }

    /// Lets a request go that is first, or tells how long it must still wait.
    fn go(&self, number: u64, cost: u32) -> Go {
        let mut state = self.state();
        if state.first() != Some(number) {
            return Go::Later;
        }
        let now = Instant::now();
        if let Some(until) = state.paused_until {
            if until > now {
                return Go::In(until - now);
            }
            state.paused_until = None;
        }
        for (limit, count) in self.limits.iter().zip(&mut state.counts) {
            if let Some(wait) = count.wait(*limit, cost.min(limit.units), now) {
                return Go::In(wait);
            }
        }
        for (at, limit) in self.limits.iter().enumerate() {
            let until = now + self.counted(*limit, &state);
            let cost = cost.min(limit.units);
            let count = &mut state.counts[at];
            count.sent.push_back((until, cost));
            count.units += cost;
        }
        Go::Now
    }

    /// How long a request counts that goes now.
    fn counted(&self, limit: Limit, state: &State) -> Duration {
        let period = limit.period.as_secs_f64();
        let share = MARGIN + WIDER.0 * f64::from(state.all_refusals.min(WIDER.1));
        let real =
            |documented: f64, least: Duration| Duration::from_secs_f64(documented * self.scale).max(least);
        let margin = real((share * period).max(OVERTAKEN), PUNCTUAL);
        let connecting = match state.latency == 0.0 {
            true => real(CONNECTING, CONNECTED),
            false => Duration::ZERO,
        };
        limit.period.mul_f64(self.scale) + margin + connecting
    }

    /// An answer came after so long. `load` is what the service says about our share of its limit
    /// (`x-ms-throttle-limit-percentage`, from 0.8 on).
    pub fn answered(&self, latency: Duration, load: Option<f64>) {
        let mut state = self.state();
        let seconds = latency.as_secs_f64();
        state.latency = match state.latency {
            0.0 => seconds,
            before => before + NEWEST * (seconds - before),
        };
        state.refusals = 0;
        if let Some(load) = load.filter(|load| *load >= 0.8) {
            let rest = Duration::from_secs_f64((load - 0.7).clamp(0.1, 2.0) * self.scale);
            let until = Instant::now() + rest;
            state.paused_until = state.paused_until.max(Some(until));
        }
    }

    /// The service answered 429: the bucket pauses. Without `Retry-After` it pauses 2, 4, 8 … 120
    /// seconds and up to a quarter more.
    pub fn throttled(&self, retry_after: Option<Duration>) -> Duration {
        let mut state = self.state();
        state.refusals += 1;
        state.all_refusals += 1;
        let pause = match retry_after {
            Some(asked) => asked.mul_f64(self.scale).max(Duration::from_millis(1)),
            None => {
                let seconds = 2f64.powi(state.refusals.min(7) as i32).min(LONGEST_BACKOFF);
                Duration::from_secs_f64(seconds * jitter() * self.scale)
            }
        };
        let until = Instant::now() + pause;
        state.paused_until = state.paused_until.max(Some(until));
        pause
    }

    /// Requests that come back in so much time as a request takes, and that may go in it.
    fn at_once(&self, state: &State) -> Option<f64> {
        let limit = self.limits.first()?;
        Some(f64::from(limit.units) / (limit.period.as_secs_f64() * self.scale) * state.latency)
    }

    /// How many requests may be under way: twice rate times latency, so that a limit is used up even
    /// where the parts of the work are unequal. Before the first answer: as many as may go at once.
    pub fn lanes(&self) -> usize {
        let state = self.state();
        match (self.at_once(&state), self.limits.first()) {
            (Some(_), Some(limit)) if state.latency == 0.0 => (limit.units as usize).clamp(1, self.most),
            (Some(needed), _) => ((2.0 * needed - 0.2).ceil() as usize).clamp(1, self.most),
            _ => self.most,
        }
    }

    /// Below how many requests under way the limit is not used up: rate times latency, and one more.
    pub fn needed(&self) -> usize {
        let state = self.state();
        let needed = self.at_once(&state).map(|needed| (needed - 0.01).ceil() as usize + 1);
        needed.unwrap_or(self.most).clamp(1, self.most)
    }

    /// For how long a first answer is waited for before the work is shared out unseen.
    pub fn patience(&self) -> Duration {
        Duration::from_secs_f64(SLOW * self.scale).max(NOTICED)
    }

    /// Work was begun.
    pub fn begun(&self) {
        self.state().begun.get_or_insert_with(Instant::now);
    }

    /// The service answered, whatever it said.
    pub fn heard(&self) {
        self.state().begun = None;
    }

    /// Whether the service has been silent for longer than a quick one is.
    pub fn is_waited_for(&self) -> bool {
        let patience = self.patience();
        self.state().begun.is_some_and(|since| since.elapsed() >= patience)
    }

    /// Whether the service is known not to be slow.
    pub fn is_quick(&self) -> bool {
        let latency = self.state().latency;
        latency > 0.0 && latency < SLOW * self.scale
    }

    /// More requests than this are never under way.
    pub fn most(&self) -> usize {
        self.most
    }
}

/// Between 1 and 1.25, so that several collectors do not come back at the same instant.
pub fn jitter() -> f64 {
    let [byte] = crate::crypto::random::<1>().unwrap_or([0]);
    1.0 + f64::from(byte) / 1020.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(scale: f64) -> Pace {
        Pace { scale, ..Pace::default() }
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn no_window_of_the_service_ever_sees_more_than_its_limit() {
        // 5 in 10 s, a hundred times faster.
        let pacer = Pacer::new(Bucket::Reports, pace(0.01));
        let mut sent = Vec::new();
        block_on(async {
            for _ in 0..23 {
                pacer.turn(1, 0.0).await;
                sent.push(Instant::now());
            }
        });
        for window in sent.windows(6) {
            assert!(window[5] - window[0] >= Duration::from_millis(100), "{:?}", window[5] - window[0]);
        }
    }

    #[test]
    fn the_limit_of_an_hour_holds_beside_that_of_a_minute() {
        // An hour takes 0.36 s here: 240 go in the first 6 ms, 800 in all.
        let pacer = Pacer::new(Bucket::ServiceCommunications, pace(0.000_1));
        let begin = Instant::now();
        block_on(async {
            for _ in 0..800 {
                pacer.turn(1, 0.0).await;
            }
        });
        assert!(begin.elapsed() >= Duration::from_millis(18));
        block_on(pacer.turn(1, 0.0));
        assert!(begin.elapsed() >= Duration::from_millis(360), "{:?}", begin.elapsed());
    }

    #[test]
    fn a_refusal_pauses_everybody_and_grows_without_retry_after() {
        let pacer = Pacer::new(Bucket::IdentityProtection, pace(0.01));
        let first = pacer.throttled(None);
        let second = pacer.throttled(None);
        assert!(second > first && first >= Duration::from_millis(20), "{first:?} {second:?}");
        assert_eq!(pacer.throttled(Some(Duration::from_secs(3))), Duration::from_millis(30));
        assert!(block_on(pacer.turn(1, 0.0)) >= Duration::from_millis(30));
        for _ in 0..20 {
            assert!(pacer.throttled(None) <= Duration::from_millis(1_500));
        }
    }

    #[test]
    fn lanes_follow_the_latency() {
        let pacer = Pacer::new(Bucket::Reports, pace(1.0));
        assert_eq!(pacer.lanes(), 5);
        for (seconds, lanes, needed) in [(0.1, 1, 2), (1.0, 1, 2), (3.0, 3, 3), (8.0, 8, 5), (60.0, 8, 8)] {
            (0..40).for_each(|_| pacer.answered(Duration::from_secs_f64(seconds), None));
            assert_eq!((pacer.lanes(), pacer.needed()), (lanes, needed), "{seconds}");
        }
        assert_eq!(Pacer::new(Bucket::Other, pace(1.0)).lanes(), MOST_LANES);
    }

    #[test]
    fn the_longest_way_goes_first() {
        let pacer = std::sync::Arc::new(Pacer::new(Bucket::IdentityProtection, pace(0.02)));
        let order = std::sync::Arc::new(Mutex::new(Vec::new()));
        block_on(async {
            pacer.turn(1, 0.0).await;
            let mut waiting = tokio::task::JoinSet::new();
            for way in [1.0, 7.0, f64::INFINITY, 3.0] {
                let (pacer, order) = (pacer.clone(), order.clone());
                waiting.spawn(async move {
                    pacer.turn(1, way).await;
                    order.lock().unwrap().push(way);
                });
            }
            // Who goes away gives its place back.
            let gone = tokio::time::timeout(Duration::from_millis(1), pacer.turn(1, 5.0)).await;
            assert!(gone.is_err());
            waiting.join_all().await;
        });
        assert_eq!(*order.lock().unwrap(), [f64::INFINITY, 7.0, 3.0, 1.0]);
    }

    #[test]
    fn the_services_warning_slows_down() {
        let pacer = Pacer::new(Bucket::Directory, pace(0.1));
        pacer.answered(Duration::from_millis(1), Some(0.9));
        assert!(block_on(pacer.turn(1, 0.0)) >= Duration::from_millis(15));
    }
}
