//! Deterministic chance: SplitMix64 streams keyed by (seed, topic, index), so that every record of
//! the tenant can be made alone, in any order, and is the same each time.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use std::fmt;

/// A stream of pseudo-random numbers. Not for secrets.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of one thing: `topic` says of what sort, `index` which one.
    pub fn of(seed: u64, topic: &str, index: u64) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in topic.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut stream = Random(seed ^ state);
        stream.0 = stream.next() ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        stream.next();
        stream
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..limit`; 0 if `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// An index in `0..limit`.
    pub fn index(&mut self, limit: usize) -> usize {
        self.below(limit as u64) as usize
    }

    /// True in `percent` of the cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the items, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// The index drawn from cumulative weights (ascending, last = total).
    pub fn weighted(&mut self, cumulative: &[u64]) -> usize {
        let drawn = self.below(cumulative.last().copied().unwrap_or(0));
        cumulative.partition_point(|sum| *sum <= drawn).min(cumulative.len().saturating_sub(1))
    }

    /// `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        out
    }

    /// A random GUID (version 4).
    pub fn guid(&mut self) -> Guid {
        let mut bytes = self.bytes::<16>();
        bytes[6] = 0x40 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Guid(bytes)
    }

    /// `N` bytes as lower-case hex.
    pub fn hex<const N: usize>(&mut self) -> String {
        HEXLOWER.encode(&self.bytes::<N>())
    }

    /// `N` bytes as base64.
    pub fn base64<const N: usize>(&mut self) -> String {
        BASE64.encode(&self.bytes::<N>())
    }

    /// `N` bytes as unpadded base64url, the form of token identifiers.
    pub fn base64url<const N: usize>(&mut self) -> String {
        BASE64URL_NOPAD.encode(&self.bytes::<N>())
    }
}

/// A GUID, bytes in the order of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// Without dashes.
    pub fn plain(self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The bytes as Windows stores them: the first three groups little-endian.
    pub fn windows(self) -> [u8; 16] {
        let mut out = self.0;
        out[..4].reverse();
        out[4..6].reverse();
        out[6..8].reverse();
        out
    }

    /// Base64 of the Windows bytes: immutable id, source anchor.
    pub fn anchor(self) -> String {
        BASE64.encode(&self.windows())
    }

    /// The Entra SID `S-1-12-1-…` of an object id.
    pub fn sid(self) -> String {
        let bytes = self.windows();
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        format!("S-1-12-1-{}-{}-{}-{}", word(0), word(4), word(8), word(12))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.plain();
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_key() {
        let draw = |seed, topic, index| Random::of(seed, topic, index).guid();
        assert_eq!(draw(1, "a", 2), draw(1, "a", 2));
        let all = [draw(1, "a", 2), draw(2, "a", 2), draw(1, "b", 2), draw(1, "a", 3)];
        assert!((1..all.len()).all(|at| !all[..at].contains(&all[at])));
    }

    #[test]
    fn weights_are_respected() {
        let mut random = Random::of(1, "weights", 0);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[random.weighted(&[1, 1, 10])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!(counts[0] > 700 && counts[0] < 1_300);
    }

    #[test]
    fn a_guid_has_the_published_dresses() {
        let bytes = data_encoding::HEXLOWER.decode(b"f7cc07d7157c447d876dc01b0e5a9e38").unwrap();
        let guid = Guid(bytes.try_into().unwrap());
        assert_eq!(guid.to_string(), "f7cc07d7-157c-447d-876d-c01b0e5a9e38");
        assert_eq!(guid.anchor(), "1wfM93wVfUSHbcAbDlqeOA==");
        assert_eq!(guid.sid(), "S-1-12-1-4157343703-1149048188-465595783-949901838");
    }
}
