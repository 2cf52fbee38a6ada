//! The throttles of the service, as documented: sliding windows of requests or resource units.

use crate::catalogue::graph::Bucket;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// What one bucket has answered.
#[derive(Default)]
struct Window {
    sent: VecDeque<(Instant, u32)>,
    units: u32,
}

/// The throttle of a tenant.
pub struct Throttle {
    scale: f64,
    windows: HashMap<Bucket, Window>,
}

/// What the throttle says about a request.
pub enum Admission {
    /// It is answered.
    Yes,
    /// 429; when to come back, where the bucket tells.
    No(Option<u64>),
}

impl Throttle {
    /// `scale`: real seconds for a documented one.
    pub fn new(scale: f64) -> Self {
        Throttle { scale, windows: HashMap::new() }
    }

    /// Counts a request.
    pub fn admit(&mut self, bucket: Bucket, cost: u32, now: Instant) -> Admission {
        let (limit, seconds): (u32, f64) = match bucket {
            Bucket::Reports => (5, 10.0),
            Bucket::IdentityProtection => (1, 1.0),
            Bucket::Directory => (3_500, 10.0),
            Bucket::ServiceCommunications => (240, 60.0),
            Bucket::Security => (150, 60.0),
            Bucket::Other => return Admission::Yes,
        };
        let period = Duration::from_secs_f64(seconds * self.scale);
        let window = self.windows.entry(bucket).or_default();
        while let Some(&(at, units)) = window.sent.front().filter(|(at, _)| now.duration_since(*at) >= period)
        {
            let _ = at;
            window.units -= units;
            window.sent.pop_front();
        }
        if window.units + cost > limit {
            let oldest = window.sent.front().map_or(now, |(at, _)| *at);
            let left = period.saturating_sub(now.duration_since(oldest)).as_secs_f64() / self.scale;
            return Admission::No(
                (bucket != Bucket::IdentityProtection).then(|| left.ceil().max(1.0) as u64),
            );
        }
        window.sent.push_back((now, cost));
        window.units += cost;
        Admission::Yes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_ten_seconds_and_no_hint_from_identity_protection() {
        let mut throttle = Throttle::new(1.0);
        let now = Instant::now();
        let admitted = |throttle: &mut Throttle, bucket, at| match throttle.admit(bucket, 1, at) {
            Admission::Yes => Ok(()),
            Admission::No(after) => Err(after),
        };
        for _ in 0..5 {
            assert_eq!(admitted(&mut throttle, Bucket::Reports, now), Ok(()));
        }
        assert_eq!(admitted(&mut throttle, Bucket::Reports, now + Duration::from_secs(4)), Err(Some(6)));
        assert_eq!(admitted(&mut throttle, Bucket::Reports, now + Duration::from_secs(10)), Ok(()));
        assert_eq!(admitted(&mut throttle, Bucket::IdentityProtection, now), Ok(()));
        assert_eq!(admitted(&mut throttle, Bucket::IdentityProtection, now), Err(None));
    }
}
