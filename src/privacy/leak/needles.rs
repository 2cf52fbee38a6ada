//! Secrets in memory, searched in the encodings in which they could have slipped out: raw, hex,
//! base32, base64 and base64url, the last three wherever the secret starts in the encoded text.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// Every needle is found through one of its first eight aligned stretches of this many bytes.
const GRAM: usize = 8;

/// Fewest bytes of a secret or of its encoding that is searched.
const SHORTEST: usize = 2 * GRAM;

/// The needles, with an index over their grams.
pub(super) struct Needles {
    needles: Vec<Zeroizing<Vec<u8>>>,
    grams: HashMap<[u8; GRAM], Vec<(u32, u8)>>,
    filter: Vec<u64>,
}

fn slot(gram: &[u8; GRAM]) -> usize {
    (u64::from_le_bytes(*gram).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

impl Needles {
    /// Prepares the encodings of all secrets. Secrets below 16 bytes are not searched: they would
    /// occur by chance.
    pub fn new(secrets: &[Zeroizing<Vec<u8>>]) -> Needles {
        let mut needles = Vec::new();
        for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
            needles.push(Zeroizing::new(secret.to_vec()));
            needles.push(Zeroizing::new(HEXLOWER.encode(secret).into_bytes()));
            needles.push(Zeroizing::new(HEXUPPER.encode(secret).into_bytes()));
            for shift in 0..3 {
                for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
                    needles.push(aligned(secret, shift, 3, 6, |bytes| encoding.encode(bytes)));
                }
            }
            for shift in 0..5 {
                let upper = aligned(secret, shift, 5, 5, |bytes| BASE32_NOPAD.encode(bytes));
                needles.push(Zeroizing::new(upper.to_ascii_lowercase()));
                needles.push(upper);
            }
        }
        needles.retain(|needle| needle.len() >= SHORTEST);
        let mut grams: HashMap<[u8; GRAM], Vec<(u32, u8)>> = HashMap::new();
        let mut filter = vec![0u64; 1 << 10];
        for (number, needle) in needles.iter().enumerate() {
            for shift in 0..GRAM {
                if let Some(gram) = needle.get(shift..).and_then(|rest| rest.first_chunk::<GRAM>()) {
                    grams.entry(*gram).or_default().push((number as u32, shift as u8));
                    filter[slot(gram) / 64] |= 1 << (slot(gram) % 64);
                }
            }
        }
        Needles { needles, grams, filter }
    }

    /// Calls `found` with the position of every needle.
    pub fn find(&self, bytes: &[u8], mut found: impl FnMut(usize)) {
        if self.needles.is_empty() {
            return;
        }
        for (index, gram) in bytes.as_chunks::<GRAM>().0.iter().enumerate() {
            let slot = slot(gram);
            if self.filter[slot / 64] >> (slot % 64) & 1 == 0 {
                continue;
            }
            for (number, shift) in self.grams.get(gram).into_iter().flatten() {
                let start = (index * GRAM).checked_sub(usize::from(*shift));
                let needle = &self.needles[*number as usize];
                if let Some(start) = start.filter(|start| bytes[*start..].starts_with(needle)) {
                    found(start);
                }
            }
        }
    }
}

/// The characters of an encoding that depend on the secret alone when it starts `shift` bytes after
/// a group boundary: the ones before and after, which share bits with neighbours, are cut.
fn aligned(
    secret: &[u8],
    shift: usize,
    group: usize,
    bits: usize,
    encode: impl Fn(&[u8]) -> String,
) -> Zeroizing<Vec<u8>> {
    let mut padded = Zeroizing::new(vec![0u8; shift]);
    padded.extend_from_slice(secret);
    let text = Zeroizing::new(encode(&padded).into_bytes());
    let first = (shift * 8).div_ceil(bits);
    let last = if padded.len().is_multiple_of(group) { text.len() } else { padded.len() * 8 / bits };
    Zeroizing::new(text.get(first..last).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_at_every_alignment_is_found() {
        let secret: Vec<u8> = (0..32u8).map(|b| b.wrapping_mul(37).wrapping_add(11)).collect();
        let needles = Needles::new(&[Zeroizing::new(secret.clone())]);
        for before in 0..9 {
            let mut plain = vec![b'#'; before];
            plain.extend_from_slice(&secret);
            plain.extend_from_slice(b"##");
            for text in [
                plain.clone(),
                HEXLOWER.encode(&plain).into_bytes(),
                HEXUPPER.encode(&plain).into_bytes(),
                data_encoding::BASE32.encode(&plain).into_bytes(),
                BASE32_NOPAD.encode(&plain).to_lowercase().into_bytes(),
                data_encoding::BASE64.encode(&plain).into_bytes(),
                data_encoding::BASE64URL.encode(&plain).into_bytes(),
            ] {
                for lead in 0..9 {
                    let text = [vec![b' '; lead], text.clone()].concat();
                    let mut hits = 0;
                    needles.find(&text, |_| hits += 1);
                    assert!(hits > 0, "{before} {lead}");
                }
            }
        }
        let mut hits = 0;
        needles.find(&vec![b'a'; 4096], |_| hits += 1);
        assert_eq!(hits, 0);
    }
}
