//! Entities: GUIDs and SIDs in their canonical bytes, and the exact set of those that were learned.
//!
//! A GUID is 16 bytes in textual order, whatever dress it came in: dashed, plain hex, braces, URN,
//! base64 of its little-endian form (anchor), or `S-1-12-1-…`. The set keeps the kinds of the
//! fields a GUID stood in, so that a policy decides later which of them count.

use crate::kind::{Kind, KindSet};
use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};

/// Kinds that make an entity; the position is the bit in the set.
const ENTITY_KINDS: [Kind; 8] = [
    Kind::ObjectId,
    Kind::DeviceId,
    Kind::GroupId,
    Kind::AdminUnit,
    Kind::AppId,
    Kind::TenantId,
    Kind::Partner,
    Kind::Anchor,
];

/// Ids that Microsoft publishes and that therefore never become entities: the empty ids, the
/// tenants of Microsoft itself and of personal accounts.
const PUBLIC: [&str; 5] = [
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "9188040d-6c67-4c5b-b112-36a304b66dad",
    "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
];

fn bit(kind: Kind) -> Option<u8> {
    let kind = match kind {
        Kind::EntraSid | Kind::PersonLink => Kind::ObjectId,
        other => other,
    };
    ENTITY_KINDS.iter().position(|known| *known == kind).map(|at| 1 << at)
}

fn mask(kinds: KindSet) -> u8 {
    let mut mask = 0;
    for kind in [Kind::EntraSid, Kind::PersonLink].into_iter().chain(ENTITY_KINDS) {
        if kinds.contains(kind) {
            mask |= bit(kind).unwrap_or(0);
        }
    }
    mask
}

/// Reads 32 hex digits into 16 bytes, dashes skipped.
fn hex16(text: &[u8]) -> Option<[u8; 16]> {
    let mut digits = [0; 32];
    let mut count = 0;
    for byte in text.iter().filter(|b| **b != b'-') {
        *digits.get_mut(count)? = *byte;
        count += 1;
    }
    if count == 32 { super::token::hex16(&digits) } else { None }
}

/// Whether the 36 bytes have the dashes of a GUID.
fn is_dashed(text: &[u8]) -> bool {
    text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text[*at] == b'-')
}

/// The GUID of a text in one of the dresses dashed, plain (32 hex digits), braces and URN.
pub fn guid_of_text(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    if text.len() > 47 {
        return None;
    }
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let text = match text.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        None => text,
    };
    let bytes = text.as_bytes();
    (is_dashed(bytes) || (bytes.len() == 32 && !bytes.contains(&b'-'))).then(|| hex16(bytes)).flatten()
}

/// Swaps a GUID between textual and little-endian byte order.
pub fn swap(guid: [u8; 16]) -> [u8; 16] {
    let mut swapped = guid;
    swapped[..4].reverse();
    swapped[4..6].reverse();
    swapped[6..8].reverse();
    swapped
}

/// The GUID of an anchor: base64 of its 16 little-endian bytes, with or without padding.
pub fn guid_of_anchor(text: &str) -> Option<[u8; 16]> {
    let text = text.trim().trim_end_matches('=');
    if text.len() != 22 {
        return None;
    }
    let bytes = data_encoding::BASE64_NOPAD.decode(text.as_bytes()).ok()?;
    Some(swap(bytes.try_into().ok()?))
}

/// The sub-authorities behind `prefix` of a SID, at most `N`.
fn numbers<const N: usize>(text: &str, prefix: &str) -> Option<([u32; N], usize)> {
    let head = text.get(..prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let mut out = [0; N];
    let mut count = 0;
    for part in text[prefix.len()..].split('-') {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *out.get_mut(count)? = part.parse().ok()?;
        count += 1;
    }
    Some((out, count))
}

/// The GUID of an `S-1-12-1` SID.
pub fn guid_of_sid(text: &str) -> Option<[u8; 16]> {
    let (parts, count) = numbers::<4>(text.trim(), "S-1-12-1-")?;
    if count != 4 {
        return None;
    }
    let mut bytes = [0; 16];
    for (chunk, part) in bytes.chunks_exact_mut(4).zip(parts) {
        chunk.copy_from_slice(&part.to_le_bytes());
    }
    Some(swap(bytes))
}

/// The sub-authorities of an `S-1-5-21` SID: three of the domain and the RID, 0 for a domain SID.
/// Well-known SIDs (`S-1-5-21-0-0-0-…`) give `None`.
pub fn domain_sid(text: &str) -> Option<[u32; 4]> {
    let (parts, count) = numbers::<4>(text.trim(), "S-1-5-21-")?;
    (count >= 3 && parts[..3] != [0, 0, 0]).then_some(parts)
}

/// Collects entities.
#[derive(Default)]
pub(crate) struct EntityBuilder {
    guids: HashMap<[u8; 16], u8, RandomState>,
    sids: HashSet<[u32; 4], RandomState>,
}

impl EntityBuilder {
    /// Learns a value of an entity kind in whatever dress. Returns whether it was one.
    pub fn learn(&mut self, kind: Kind, value: &str) -> bool {
        if let Some(sid) = domain_sid(value) {
            self.sids.insert(sid);
            return true;
        }
        let guid = guid_of_sid(value)
            .or_else(|| guid_of_text(value))
            .or_else(|| if kind == Kind::Anchor { guid_of_anchor(value) } else { None });
        let (Some(guid), Some(bit)) = (guid, bit(kind)) else { return false };
        if !PUBLIC.iter().any(|public| guid_of_text(public) == Some(guid)) {
            *self.guids.entry(guid).or_default() |= bit;
        }
        true
    }

    pub fn merge(&mut self, other: EntityBuilder) {
        for (guid, kinds) in other.guids {
            *self.guids.entry(guid).or_default() |= kinds;
        }
        self.sids.extend(other.sids);
    }

    pub fn freeze(self) -> Entities {
        let mut pairs: Vec<([u8; 16], u8)> = self.guids.into_iter().collect();
        pairs.sort_unstable();
        let mut sids: Vec<[u32; 4]> = self.sids.into_iter().collect();
        sids.sort_unstable();
        let mut seen = vec![0u64; (pairs.len().max(8) * 16).next_power_of_two() / 64];
        for (guid, _) in &pairs {
            let (word, bit) = seen_bit(&seen, guid);
            seen[word] |= 1 << bit;
        }
        Entities {
            seen,
            guids: pairs.iter().map(|pair| pair.0).collect(),
            kinds: pairs.iter().map(|pair| pair.1).collect(),
            sids,
        }
    }
}

/// The exact set of learned entity GUIDs and SIDs: about 20 bytes a GUID, 16 a SID.
#[derive(Default)]
pub struct Entities {
    guids: Vec<[u8; 16]>,
    /// Bits over the GUIDs: the cheap question before the search.
    seen: Vec<u64>,
    kinds: Vec<u8>,
    sids: Vec<[u32; 4]>,
}

/// The place of a GUID among the bits: by its second half, which is random in nearly all of them.
fn seen_bit(seen: &[u64], guid: &[u8; 16]) -> (usize, u32) {
    let [.., a, b, c, d, e, f, g, h] = *guid;
    let hash = u64::from_le_bytes([a, b, c, d, e, f, g, h]).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let slot = hash as usize & (seen.len() * 64 - 1);
    (slot / 64, (slot % 64) as u32)
}

impl Entities {
    /// Whether the GUID (textual order) was learned from a field of one of the kinds.
    pub fn contains(&self, guid: &[u8; 16], kinds: KindSet) -> bool {
        match self.find(guid) {
            Some(at) => self.kinds[at] & mask(kinds) != 0,
            None => false,
        }
    }

    fn find(&self, guid: &[u8; 16]) -> Option<usize> {
        if self.guids.is_empty() {
            return None;
        }
        let (word, bit) = seen_bit(&self.seen, guid);
        if self.seen[word] >> bit & 1 == 0 {
            return None;
        }
        self.guids.binary_search(guid).ok()
    }

    /// Whether the GUID was learned at all.
    pub fn contains_any(&self, guid: &[u8; 16]) -> bool {
        self.find(guid).is_some()
    }

    /// Number of GUIDs and SIDs.
    pub fn len(&self) -> usize {
        self.guids.len() + self.sids.len()
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries with the kind they count under, for the digest.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        let guids = self.guids.iter().zip(&self.kinds).flat_map(|(guid, kinds)| {
            ENTITY_KINDS
                .iter()
                .enumerate()
                .filter(move |(at, _)| kinds >> at & 1 != 0)
                .map(|(_, kind)| (kind.id(), guid.to_vec()))
        });
        let sids = self
            .sids
            .iter()
            .map(|sid| (Kind::Sid.id(), sid.iter().flat_map(|part| part.to_le_bytes()).collect::<Vec<u8>>()));
        guids.chain(sids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "f7cc07d7-7c15-447d-876d-c01b0e5a9e38";

    #[test]
    fn every_dress_is_one_guid() {
        let guid = guid_of_text(GUID).unwrap();
        for dress in [
            "F7CC07D7-7C15-447D-876D-C01B0E5A9E38",
            "f7cc07d77c15447d876dc01b0e5a9e38",
            "{f7cc07d7-7c15-447d-876d-c01b0e5a9e38}",
            "urn:uuid:f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
        ] {
            assert_eq!(guid_of_text(dress), Some(guid));
        }
        assert_eq!(guid_of_anchor("1wfM9xV8fUSHbcAbDlqeOA=="), Some(guid));
        assert_eq!(guid_of_sid("S-1-12-1-4157343703-1149074453-465595783-949901838"), Some(guid));
        for wrong in ["", "{f7cc07d7", "f7cc07d7-7c15-447d-876dc-01b0e5a9e38", "S-1-12-1-1-2-3"] {
            assert_eq!(guid_of_text(wrong).or_else(|| guid_of_sid(wrong)), None);
        }
    }

    #[test]
    fn domain_sids_have_three_or_four_parts_and_well_known_ones_do_not_count() {
        assert_eq!(domain_sid("S-1-5-21-1-2-3-1104"), Some([1, 2, 3, 1104]));
        assert_eq!(domain_sid("s-1-5-21-1-2-3"), Some([1, 2, 3, 0]));
        for wrong in [
            "S-1-5-21-0-0-0-497",
            "S-1-5-18",
            "S-1-5-21-1-2",
            "S-1-5-21-1-2-3-4-5",
            "S-1-5-21-99999999999-2-3",
        ] {
            assert_eq!(domain_sid(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn kinds_are_kept_per_guid_and_public_ids_are_not_learned() {
        let mut builder = EntityBuilder::default();
        assert!(builder.learn(Kind::ObjectId, GUID));
        assert!(builder.learn(Kind::Anchor, "1wfM9xV8fUSHbcAbDlqeOA=="));
        assert!(builder.learn(Kind::TenantId, "72F988BF-86F1-41AF-91AB-2D7CD011DB47"));
        assert!(!builder.learn(Kind::TraceId, GUID));
        let set = builder.freeze();
        assert_eq!(set.len(), 1);
        let guid = guid_of_text(GUID).unwrap();
        assert!(set.contains(&guid, KindSet::of(&[Kind::EntraSid])));
        assert!(!set.contains(&guid, KindSet::of(&[Kind::GroupId])));
        assert_eq!(set.entries().count(), 2);
    }
}
