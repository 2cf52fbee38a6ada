//! Collisions: two different values with one token. The chance is 4·10⁻⁷ for a million values of one
//! letter; if it happens, nothing may be written, because the bundle would say that two are one.
//!
//! 16 bytes are kept for each distinct token: letter and 60 bits of the token, and a second keyed
//! fingerprint of the value. No value is kept. The answer does not depend on order.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

const SHARDS: usize = 64;

/// Fewest new tokens of a shard before they are sorted in.
const FRESH: usize = 1 << 10;

/// All tokens of a run with their fingerprints. Shared between threads.
pub struct TokenWatch {
    shards: Vec<Mutex<Shard>>,
    collided: AtomicBool,
}

#[derive(Default)]
struct Shard {
    /// Sorted by token.
    sorted: Vec<(u64, u64)>,
    fresh: HashMap<u64, u64>,
}

impl Default for TokenWatch {
    fn default() -> Self {
        TokenWatch {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            collided: AtomicBool::new(false),
        }
    }
}

impl TokenWatch {
    /// Remembers a token: `letter` is its place in the list of letters, `token` its 60 bits, `fingerprint`
    /// a second keyed hash of its value.
    pub fn see(&self, letter: usize, token: u64, fingerprint: u64) {
        let key = (letter as u64) << 60 | token >> 4;
        let shard = &self.shards[(token >> 8) as usize % SHARDS];
        // A thread that panicked while it held the lock left whole entries behind.
        let mut shard = shard.lock().unwrap_or_else(|broken| broken.into_inner());
        if shard.see(key, fingerprint) {
            self.collided.store(true, Ordering::Relaxed);
        }
    }

    /// Whether one token stood for two values.
    pub fn collided(&self) -> bool {
        self.collided.load(Ordering::Relaxed)
    }

    /// Number of distinct tokens.
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| {
                let shard = shard.lock().unwrap_or_else(|broken| broken.into_inner());
                shard.sorted.len() + shard.fresh.len()
            })
            .sum()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shard {
    /// Whether the token was seen with another fingerprint.
    fn see(&mut self, key: u64, fingerprint: u64) -> bool {
        if let Ok(at) = self.sorted.binary_search_by_key(&key, |entry| entry.0) {
            return self.sorted[at].1 != fingerprint;
        }
        if let Some(known) = self.fresh.get(&key) {
            return *known != fingerprint;
        }
        self.fresh.insert(key, fingerprint);
        // What is new grows with what is old, so that sorting stays linear in the end.
        if self.fresh.len() >= FRESH.max(self.sorted.len() / 8) {
            self.sorted.reserve_exact(self.fresh.len());
            self.sorted.extend(self.fresh.drain());
            self.sorted.sort_unstable();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_for_two_values_is_seen_in_any_order() {
        for turned in [false, true] {
            let watch = TokenWatch::default();
            for token in 0..5_000u64 {
                watch.see(0, token << 20, token);
                watch.see(1, token << 20, token + 1);
                watch.see(0, token << 20, token);
            }
            assert!(!watch.collided());
            assert_eq!(watch.len(), 10_000);
            watch.see(0, if turned { 0 } else { 4_999 << 20 }, 77);
            assert!(watch.collided());
        }
    }

    #[test]
    fn the_last_four_bits_are_no_part_of_a_token() {
        let watch = TokenWatch::default();
        watch.see(3, 0x10, 1);
        watch.see(3, 0x1f, 1);
        assert_eq!((watch.len(), watch.collided()), (1, false));
        watch.see(3, 0x1f, 2);
        assert!(watch.collided());
    }
}
