//! Values that stay: most strings of a record stood at the same place of another one before, and stayed.
//!
//! A memory of fixed size over (place of the plan, string as written). Only what stayed without a question
//! to the renderer is taken in, so all there is to repeat is the count. Strings are remembered whole,
//! never by their hash; only time depends on the memory.

use super::super::plan::{Counts, SlotId};

/// Slots of the memory, and longest string that is remembered, in bytes. A quarter MiB together.
const SLOTS: usize = 1 << 12;
const LONGEST: usize = 58;

#[derive(Clone, Copy)]
struct Known {
    slot: u32,
    length: u8,
    /// Whether it was scanned as text; else it fitted its grammar.
    scanned: bool,
    bytes: [u8; LONGEST],
}

/// The memory.
pub struct Still(Vec<Known>);

impl Default for Still {
    fn default() -> Self {
        Still(vec![Known { slot: u32::MAX, length: 0, scanned: false, bytes: [0; LONGEST] }; SLOTS])
    }
}

impl Still {
    /// Whether the string stood here before and stayed; counts it.
    pub fn knows(&self, slot: SlotId, raw: &str, counts: &mut Counts) -> bool {
        let Some(at) = place(slot, raw.as_bytes()) else { return false };
        let Some(known) = self.0.get(at) else { return false };
        if known.slot != slot.number()
            || usize::from(known.length) != raw.len()
            || known.bytes.get(..raw.len()) != Some(raw.as_bytes())
        {
            return false;
        }
        match known.scanned {
            true => counts.scanned += 1,
            false => counts.kept += 1,
        }
        true
    }

    /// Takes in a string that stayed, with what it added to the counts.
    pub fn learn(&mut self, slot: SlotId, raw: &str, counted: &Counts) {
        let scanned = match (counted.kept, counted.scanned) {
            (1, 0) => false,
            (0, 1) => true,
            _ => return,
        };
        let one = Counts { kept: counted.kept, scanned: counted.scanned, ..Counts::default() };
        // JSON inside a string is opened or not by where it stands.
        let opens = raw.trim_start().starts_with(['{', '[', '"', '\\']);
        if *counted != one || opens || raw.bytes().any(|b| b < 0x20 || b == b'\\') {
            return;
        }
        if let Some(known) = place(slot, raw.as_bytes()).and_then(|at| self.0.get_mut(at))
            && let Some(room) = known.bytes.get_mut(..raw.len())
        {
            room.copy_from_slice(raw.as_bytes());
            (known.slot, known.length, known.scanned) = (slot.number(), raw.len() as u8, scanned);
        }
    }
}

/// Where a string would be; `None` if it is too long.
fn place(slot: SlotId, raw: &[u8]) -> Option<usize> {
    if raw.len() > LONGEST {
        return None;
    }
    let end = match raw.last_chunk::<8>() {
        Some(end) => u64::from_le_bytes(*end),
        None => raw.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)),
    };
    let mixed = end ^ (u64::from(slot.number()) << 32 | raw.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Some((mixed.wrapping_mul(0x9fb2_1c65_1e98_df25) >> 52) as usize % SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stayed_is_known_and_counted_as_before() {
        let (here, there) = (SlotId::numbered(3), SlotId::numbered(4));
        let kept = Counts { kept: 1, ..Counts::default() };
        let scanned = Counts { scanned: 1, ..Counts::default() };
        let mut still = Still::default();
        still.learn(here, "success", &kept);
        still.learn(there, "", &scanned);
        let mut counts = Counts::default();
        assert!(still.knows(here, "success", &mut counts) && still.knows(there, "", &mut counts));
        assert_eq!(counts, Counts { kept: 1, scanned: 1, ..Counts::default() });
        assert!(!still.knows(there, "success", &mut counts) && !still.knows(here, "Success", &mut counts));
        for (raw, counted) in [
            ("[]", &kept),
            (" {}", &kept),
            ("a\\u0040b", &kept),
            ("found", &Counts { scanned: 1, found: 1, ..Counts::default() }),
            ("broken", &Counts { scanned: 1, violations: 1, ..Counts::default() }),
            (&"long".repeat(20), &kept),
        ] {
            still.learn(here, raw, counted);
            assert!(!still.knows(here, raw, &mut counts), "{raw}");
        }
    }
}
