//! SIDs. Entra SIDs (`S-1-12-1-…`) are GUIDs in another dress; SIDs of Active Directory domains keep
//! their relations: domain and account SIDs of one domain share their start, RIDs are permuted.
//!
//! Well-known SIDs name no one and stay; every SID that could name a domain is mapped.

use super::guid::swap_order;
use super::token::{Letter, Pseudonymizer, hex_bytes, hex_text, is_upper_hex};
use crate::crypto::MacKey;

/// RIDs below this are built in (500 Administrator, 512 Domain Admins …) and stay.
const FIRST_RID: u32 = 1000;
/// Identifier authority of personal Microsoft accounts: the numbers identify the account.
const MICROSOFT_ACCOUNT: u64 = 11;

impl Pseudonymizer {
    /// Pseudonym of a SID in text. Well-known SIDs are returned as they are. `None` if it is no SID
    /// or an incomplete one.
    pub fn sid(&self, s: &str) -> Option<String> {
        let s = s.trim();
        let sid = Sid::parse(s)?;
        if sid.authority == MICROSOFT_ACCOUNT {
            return Some(self.token(Letter::K, s));
        }
        Some(match self.map_sid(&sid)? {
            // The case of the `S` is dress.
            Some(mapped) => format!("{}{}", s.get(..1)?, &mapped.text()[1..]),
            None => s.to_owned(),
        })
    }

    /// [`sid`](Self::sid) for the binary form in hex, as extended DNs carry it.
    pub(super) fn sid_hex(&self, s: &str) -> Option<String> {
        let sid = Sid::from_bytes(&hex_bytes(s)?)?;
        if sid.authority == MICROSOFT_ACCOUNT {
            return Some(self.token(Letter::K, &sid.text()));
        }
        Some(match self.map_sid(&sid)? {
            Some(mapped) => hex_text(&mapped.bytes(), is_upper_hex(s)),
            None => s.to_owned(),
        })
    }

    /// `None`: not a complete SID. `Some(None)`: well-known, kept.
    fn map_sid(&self, sid: &Sid) -> Option<Option<Sid>> {
        match (sid.authority, sid.parts.as_slice()) {
            (12, [1, words @ ..]) if !words.is_empty() => {
                let g = guid_of_words(words.try_into().ok()?);
                let parts = std::iter::once(1).chain(words_of_guid(self.guid(g))).collect();
                Some(Some(Sid { authority: 12, parts }))
            }
            (5, [21, 0, 0, 0, ..]) | (5, [21]) => Some(None),
            (5, [21, a, b, c, rids @ ..]) => {
                let domain = domain_bytes([*a, *b, *c]);
                let mapped = self.domain_words(&domain);
                let permutation = self.rids(&domain);
                let parts = std::iter::once(21)
                    .chain(mapped)
                    .chain(rids.iter().map(|rid| permutation.map(*rid)))
                    .collect();
                Some(Some(Sid { authority: 5, parts }))
            }
            (5, [21, ..]) => None,
            _ => Some(None),
        }
    }

    fn domain_words(&self, domain: &[u8; 12]) -> [u32; 3] {
        let h = self.sid_domain.mac(domain);
        [
            0xfade_0000 | u32::from(u16::from_be_bytes([h[0], h[1]])),
            u32::from_be_bytes([h[2], h[3], h[4], h[5]]),
            u32::from_be_bytes([h[6], h[7], h[8], h[9]]),
        ]
    }

    fn rids(&self, domain: &[u8; 12]) -> Rids {
        Rids(MacKey::new(&self.sid_rid.mac(domain)))
    }

    /// The RID that was mapped to `rid` in the domain S-1-5-21-a-b-c (the original domain).
    pub fn original_rid(&self, domain: [u32; 3], rid: u32) -> u32 {
        self.rids(&domain_bytes(domain)).invert(rid)
    }
}

fn domain_bytes(words: [u32; 3]) -> [u8; 12] {
    let mut out = [0; 12];
    for (place, word) in out.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    out
}

/// A keyed permutation of the 32-bit RIDs of one domain that maps [1000, 2³²) onto itself: a balanced
/// Feistel network of 12 rounds, walked until it leaves the built-in RIDs.
struct Rids(MacKey);

impl Rids {
    fn round(&self, round: u8, half: u16) -> u16 {
        let [high, low] = half.to_be_bytes();
        let h = self.0.mac(&[round, high, low]);
        u16::from_be_bytes([h[0], h[1]])
    }

    fn walk(rid: u32, step: impl Fn(u16, u16) -> (u16, u16)) -> u32 {
        if rid < FIRST_RID {
            return rid;
        }
        let mut x = rid;
        loop {
            let (left, right) = step((x >> 16) as u16, x as u16);
            x = u32::from(left) << 16 | u32::from(right);
            // A permutation returns to its start, which is not below FIRST_RID, so this ends.
            if x >= FIRST_RID {
                return x;
            }
        }
    }

    fn map(&self, rid: u32) -> u32 {
        Self::walk(rid, |left, right| (0..12).fold((left, right), |(l, r), i| (r, l ^ self.round(i, r))))
    }

    fn invert(&self, rid: u32) -> u32 {
        Self::walk(rid, |left, right| {
            (0..12).rev().fold((left, right), |(l, r), i| (r ^ self.round(i, l), l))
        })
    }
}

/// The GUID that an Entra SID (`S-1-12-1-a-b-c-d`) writes in another way.
pub fn guid_of_sid(s: &str) -> Option<[u8; 16]> {
    let sid = Sid::parse(s.trim())?;
    match (sid.authority, sid.parts.as_slice()) {
        (12, [1, words @ ..]) => words.try_into().ok().map(guid_of_words),
        _ => None,
    }
}

/// The four words are little-endian words of the little-endian GUID.
fn guid_of_words(words: [u32; 4]) -> [u8; 16] {
    let mut le = [0; 16];
    for (place, word) in le.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    swap_order(le)
}

fn words_of_guid(g: [u8; 16]) -> [u32; 4] {
    let le = swap_order(g);
    std::array::from_fn(|i| u32::from_le_bytes([le[4 * i], le[4 * i + 1], le[4 * i + 2], le[4 * i + 3]]))
}

/// A SID of revision 1.
#[derive(Debug, PartialEq, Eq)]
struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

/// A SID has at most this many sub-authorities (MS-DTYP 2.4.2).
const MAX_PARTS: usize = 15;

impl Sid {
    fn parse(s: &str) -> Option<Sid> {
        // `S-1-`, an authority and 15 numbers of 10 digits.
        if s.len() > 192 {
            return None;
        }
        let mut fields = s.split('-');
        if !fields.next()?.eq_ignore_ascii_case("s") || fields.next()? != "1" {
            return None;
        }
        let authority = fields.next()?;
        // From 2³² on, Windows writes the authority in hex.
        let authority = match authority.get(..2) {
            Some("0x" | "0X") => {
                let digits = &authority[2..];
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return None;
                }
                u64::from_str_radix(digits, 16).ok()?
            }
            _ => number(authority)?,
        };
        let parts = fields
            .map(|field| number(field).and_then(|n| u32::try_from(n).ok()))
            .collect::<Option<Vec<u32>>>()?;
        let fits = authority < 1 << 48 && (1..=MAX_PARTS).contains(&parts.len());
        fits.then_some(Sid { authority, parts })
    }

    fn text(&self) -> String {
        let mut out = format!("S-1-{}", self.authority);
        for part in &self.parts {
            out.push_str(&format!("-{part}"));
        }
        out
    }

    /// MS-DTYP 2.4.2.2: revision, count, authority (6 bytes big-endian), words (little-endian).
    fn from_bytes(bytes: &[u8]) -> Option<Sid> {
        let (head, words) = bytes.split_first_chunk::<8>()?;
        let [1, count, high, a, b, c, d, e] = *head else { return None };
        let count = usize::from(count);
        if !(1..=MAX_PARTS).contains(&count) || words.len() != 4 * count {
            return None;
        }
        let authority = u64::from_be_bytes([0, 0, high, a, b, c, d, e]);
        let parts = words.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect();
        Some(Sid { authority, parts })
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![1, self.parts.len() as u8];
        out.extend_from_slice(&self.authority.to_be_bytes()[2..]);
        for part in &self.parts {
            out.extend_from_slice(&part.to_le_bytes());
        }
        out
    }
}

/// Digits only: `u64::from_str` would take a sign.
fn number(s: &str) -> Option<u64> {
    (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::guid::{guid_of_anchor, parse_guid};
    use super::super::token::sample;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_sid_of_a_personal_microsoft_account_does_not_stay() {
        let token = sample().sid("S-1-11-96-3623454863-58364-18864-2661722203-1597581903").unwrap();
        assert!(token.starts_with("k-") && token.len() == 15, "{token}");
    }

    #[test]
    fn rids_are_permuted_and_come_back() {
        let names = sample();
        let domain = [1, 2, 3];
        let rids = names.rids(&domain_bytes(domain));
        let tried: Vec<u32> = (1000..3000)
            .chain((0..500).map(|i: u32| i.wrapping_mul(8_589_935).max(3000)))
            .chain([u32::MAX])
            .collect();
        let distinct: HashSet<u32> = tried.iter().copied().collect();
        let mapped: HashSet<u32> = tried.iter().map(|rid| rids.map(*rid)).collect();
        assert_eq!(mapped.len(), distinct.len());
        for rid in tried {
            assert!(rids.map(rid) >= FIRST_RID);
            assert_eq!(names.original_rid(domain, rids.map(rid)), rid);
        }
        assert!((0..FIRST_RID).all(|rid| rids.map(rid) == rid));
        // Walking: a RID whose first step lands among the built-in ones.
        let inside = (0..FIRST_RID).map(|rid| {
            let (l, r) = ((rid >> 16) as u16, rid as u16);
            let (l, r) = (0..12).rev().fold((l, r), |(l, r), i| (r ^ rids.round(i, l), l));
            u32::from(l) << 16 | u32::from(r)
        });
        for rid in inside.filter(|rid| *rid >= FIRST_RID) {
            assert!(rids.map(rid) >= FIRST_RID);
            assert_eq!(rids.invert(rids.map(rid)), rid);
        }
    }

    #[test]
    fn an_entra_sid_is_its_guid() {
        let names = sample();
        let g = parse_guid("f7cc07d7-7c15-447d-876d-c01b0e5a9e38").unwrap();
        let sid = Sid { authority: 12, parts: std::iter::once(1).chain(words_of_guid(g)).collect() };
        assert_eq!(sid.text(), "S-1-12-1-4157343703-1149074453-465595783-949901838");
        assert_eq!(guid_of_sid(&sid.text()), Some(g));
        let mapped = names.sid(&sid.text()).unwrap();
        assert_eq!(guid_of_sid(&mapped), Some(names.guid(g)));
        assert_eq!(guid_of_anchor(&names.anchor("1wfM9xV8fUSHbcAbDlqeOA==").unwrap()), guid_of_sid(&mapped));
    }

    #[test]
    fn domains_relate_and_well_known_sids_stay() {
        let names = sample();
        let domain = names.sid("S-1-5-21-1004336348-1177238915-682003330").unwrap();
        for rid in ["500", "513", "1104"] {
            let account = names.sid(&format!("s-1-5-21-1004336348-1177238915-682003330-{rid}")).unwrap();
            assert!(account.to_uppercase().starts_with(&domain) && account.starts_with('s'));
            assert_eq!(account.ends_with(&format!("-{rid}")), rid != "1104");
        }
        for kept in
            ["S-1-5-18", "S-1-1-0", "S-1-5-32-544", "S-1-5-21-0-0-0-497", "S-1-5-21", "S-1-0x10000000000-5"]
        {
            assert_eq!(names.sid(kept).as_deref(), Some(kept));
        }
        // More numbers than an account SID has must not let a domain pass.
        let odd = names.sid("S-1-5-21-1004336348-1177238915-682003330-1104-7").unwrap();
        assert!(odd.starts_with(&domain) && odd.ends_with("-7"));
    }

    #[test]
    fn binary_sids_agree_with_text() {
        let names = sample();
        let text = "S-1-5-21-1004336348-1177238915-682003330-1104";
        let hex = hex_text(&Sid::parse(text).unwrap().bytes(), true);
        assert_eq!(Sid::from_bytes(&hex_bytes(&hex).unwrap()), Sid::parse(text));
        let mapped = Sid::parse(&names.sid(text).unwrap()).unwrap();
        assert_eq!(names.sid_hex(&hex).unwrap(), hex_text(&mapped.bytes(), true));
        for wrong in ["", "01", "0100000000000005", "02010000000000051200000", "010100000000000512000000ff"] {
            assert_eq!(names.sid_hex(wrong), None);
        }
    }

    #[test]
    fn other_text_is_no_sid() {
        let names = sample();
        let long = format!("S-1-5-21{}", "-1".repeat(1 << 19));
        let many = format!("S-1-5{}", "-1".repeat(16));
        for wrong in [
            "",
            "-",
            "S",
            "S-1",
            "S-1-5",
            "S-1-5-",
            "S-2-5-18",
            "S-1-5-21-1",
            "S-1-5-21-1-2",
            "S-1-5-21-1-2-3-",
            "S-1-5-21-1-2-4294967296",
            "S-1-5-21-+1-2-3",
            "S-1-12-1-1-2-3",
            "S-1-12-1-1-2-3-4-5",
            "S-1-0x-5",
            "S-1-0x+1-5",
            "S-1-é-5",
            "\0",
            &long,
            &many,
        ] {
            assert_eq!(names.sid(wrong), None, "{:.40}", wrong);
            assert_eq!(guid_of_sid(wrong), None);
        }
    }
}
