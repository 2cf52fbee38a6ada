//! HMAC-SHA-256 (RFC 2104) for pseudonyms: many short messages under few keys.

use super::sha256;
use zeroize::{Zeroize, Zeroizing};

/// A pre-keyed HMAC-SHA-256 (RFC 2104): the states of both hashes after their padded key, so that a
/// short message costs two compressions.
#[derive(Clone)]
pub struct MacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

/// The state in which SHA-256 begins (FIPS 180-4, 5.3.3).
const SHA256_START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const SHA256_BLOCK: usize = 64;

impl MacKey {
    /// Keys the HMAC with any number of bytes.
    pub fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; SHA256_BLOCK]);
        if key.len() > SHA256_BLOCK {
            block[..32].copy_from_slice(&sha256(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let keyed = |pad: u8| {
            let mut state = SHA256_START;
            let padded = Zeroizing::new(block.map(|byte| byte ^ pad));
            sha2::block_api::compress256(&mut state, &[*padded]);
            state
        };
        MacKey { inner: keyed(0x36), outer: keyed(0x5c) }
    }

    /// HMAC-SHA-256 of `message`.
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        let inner = sha256_from(self.inner, message);
        sha256_from(self.outer, &inner)
    }
}

impl Drop for MacKey {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// SHA-256 of `message` behind one block that brought the hash into `state`.
fn sha256_from(mut state: [u32; 8], message: &[u8]) -> [u8; 32] {
    let (blocks, rest) = message.as_chunks::<SHA256_BLOCK>();
    sha2::block_api::compress256(&mut state, blocks);
    // The rest, a one bit, zeros, and the length of it all in bits.
    let mut last = [[0; SHA256_BLOCK]; 2];
    let ends = usize::from(rest.len() + 9 > SHA256_BLOCK);
    last[0][..rest.len()].copy_from_slice(rest);
    last[0][rest.len()] = 0x80;
    let bits = (SHA256_BLOCK + message.len()) as u64 * 8;
    last[ends][SHA256_BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    sha2::block_api::compress256(&mut state, &last[..=ends]);
    let mut out = [0; 32];
    for (bytes, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_keys_of_every_length_give_the_hmac_of_another_implementation() {
        let bytes: Vec<u8> = (0..200u8).map(|b| b.wrapping_mul(31)).collect();
        for key in [0, 1, 31, 32, 63, 64, 65, 128, 200] {
            let ours = MacKey::new(&bytes[..key]);
            let theirs = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &bytes[..key]);
            for message in 0..=bytes.len() {
                let expected = ring::hmac::sign(&theirs, &bytes[..message]);
                assert_eq!(ours.mac(&bytes[..message]), expected.as_ref(), "{key} {message}");
            }
        }
    }
}
