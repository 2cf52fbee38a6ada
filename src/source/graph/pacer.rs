//! One pacer for each throttle bucket: it lets requests go at the rate that the service documents,
//! so that a 429 is an exception, and tells how many requests should be under way at once.
//!
//! The service counts requests in a sliding window. So does the pacer, with a window a little
//! longer, because requests do not travel equally fast. A 429 stops the whole bucket, not one request.

use crate::catalogue::graph::Bucket;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// More requests than this are never under way in one bucket: a page is held in memory for each.
pub const MOST_LANES: usize = 8;
/// How much longer our window is than the service's.
const MARGIN: f64 = 1.03;
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
    let limit = |units, seconds| Some(Limit { units, period: Duration::from_secs(seconds) });
    match bucket {
        Bucket::Reports => limit(5, 10),
        Bucket::IdentityProtection => limit(1, 1),
        Bucket::Directory => limit(3_500, 10),
        // 240 in a minute, but 800 in an hour: the longer one would bind after 200 s of full speed.
        Bucket::ServiceCommunications => limit(240, 60),
        Bucket::Security => limit(150, 60),
        Bucket::Other => None,
    }
}

/// The pacer of one bucket.
pub struct Pacer {
    limit: Option<Limit>,
    /// Real seconds for a documented one.
    scale: f64,
    most: usize,
    /// Requests pass one by one, in the order in which they came.
    gate: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: VecDeque<(Instant, u32)>,
    units: u32,
    paused_until: Option<Instant>,
    /// Average latency in seconds.
    latency: f64,
    /// 429 answers since the last good one.
    refusals: u32,
}

impl Pacer {
    /// A pacer with the documented limit of a bucket.
    pub fn new(bucket: Bucket, pace: Pace) -> Self {
        Pacer {
            limit: documented(bucket),
            scale: pace.scale,
            most: pace.lanes.clamp(1, MOST_LANES),
            gate: tokio::sync::Mutex::new(()),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request of this cost may go, and counts it. Tells how long it waited.
    pub async fn turn(&self, cost: u32) -> Duration {
        let begin = Instant::now();
        let _gate = self.gate.lock().await;
        while let Some(wait) = self.wait(cost) {
            tokio::time::sleep(wait).await;
        }
        begin.elapsed()
    }

    /// How long a request must still wait; `None` lets it go.
    fn wait(&self, cost: u32) -> Option<Duration> {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(until) = state.paused_until {
            if until > now {
                return Some(until - now);
            }
            state.paused_until = None;
        }
        let limit = self.limit?;
        let window = limit.period.mul_f64(self.scale * MARGIN);
        while let Some(&(at, units)) = state.sent.front() {
            if now.duration_since(at) < window {
                break;
            }
            state.sent.pop_front();
            state.units -= units;
        }
        let cost = cost.min(limit.units);
        if state.units + cost > limit.units
            && let Some(&(oldest, _)) = state.sent.front()
        {
            return Some(window.saturating_sub(now.duration_since(oldest)).max(Duration::from_micros(200)));
        }
        state.sent.push_back((now, cost));
        state.units += cost;
        None
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

    /// How many requests should be under way: rate times latency.
    pub fn lanes(&self) -> usize {
        let latency = self.state().latency;
        let Some(limit) = self.limit else { return self.most };
        let rate = f64::from(limit.units) / (limit.period.as_secs_f64() * self.scale);
        ((rate * latency).ceil() as usize).clamp(1, self.most)
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
                pacer.turn(1).await;
                sent.push(Instant::now());
            }
        });
        for window in sent.windows(6) {
            assert!(window[5] - window[0] >= Duration::from_millis(100), "{:?}", window[5] - window[0]);
        }
    }

    #[test]
    fn a_refusal_pauses_everybody_and_grows_without_retry_after() {
        let pacer = Pacer::new(Bucket::IdentityProtection, pace(0.01));
        let first = pacer.throttled(None);
        let second = pacer.throttled(None);
        assert!(second > first && first >= Duration::from_millis(20), "{first:?} {second:?}");
        assert_eq!(pacer.throttled(Some(Duration::from_secs(3))), Duration::from_millis(30));
        assert!(block_on(pacer.turn(1)) >= Duration::from_millis(30));
        for _ in 0..20 {
            assert!(pacer.throttled(None) <= Duration::from_millis(1_500));
        }
    }

    #[test]
    fn lanes_follow_the_latency() {
        let pacer = Pacer::new(Bucket::Reports, pace(1.0));
        assert_eq!(pacer.lanes(), 1);
        for (seconds, lanes) in [(0.1, 1), (1.0, 1), (3.0, 2), (8.0, 4), (60.0, 8)] {
            (0..40).for_each(|_| pacer.answered(Duration::from_secs_f64(seconds), None));
            assert_eq!(pacer.lanes(), lanes, "{seconds}");
        }
        assert_eq!(Pacer::new(Bucket::Other, pace(1.0)).lanes(), MOST_LANES);
    }

    #[test]
    fn the_services_warning_slows_down() {
        let pacer = Pacer::new(Bucket::Directory, pace(0.1));
        pacer.answered(Duration::from_millis(1), Some(0.9));
        assert!(block_on(pacer.turn(1)) >= Duration::from_millis(15));
    }
}
