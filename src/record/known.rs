//! What came before: stretches of records, each with the place where it stood and what became of it.
//!
//! Logs repeat themselves. Most members of a record stood in the one before with the same bytes, and
//! whatever is a function of place and bytes alone need not be worked out again. A stretch begins and
//! ends at fixed marks of its form, so a text that begins with the bytes of a known stretch holds that
//! stretch: it is found without looking for its end. Each stretch knows which ones came behind it the
//! last times, so that in the common case finding is a comparison or two.
//!
//! Stretches are compared whole, never by their hash. Memory is bounded: entries by [`SLOTS`], all that
//! belongs to them by [`ROOM`]; stretches that were not met again make room for others.

/// Most stretches that are held.
const SLOTS: usize = 1 << 12;
/// Most bytes of all stretches, of what became of them and of what else is known of them.
const ROOM: usize = 1 << 20;
/// Longest stretch, and longest text that became of one, in bytes.
pub(crate) const LONGEST: usize = 2 << 10;
/// Most places outside of stretches from which a first stretch is remembered.
const STARTS: usize = 1 << 15;
/// Tries after which a place is judged, and how many of them one must hit.
const JUDGED: u8 = 64;
const ONE_OF: u8 = 3;
/// Where stretches do not repeat, one of so many is tried all the same.
const SELDOM: u8 = 32;
/// Bytes of a stretch that are compared first.
const TAIL: usize = 8;
/// Stretches that are remembered to have come behind another, the newest first.
type Next = [u16; 4];
/// Stands for no stretch.
const NONE: u16 = u16::MAX;

/// From where the next stretch is guessed: the stretch before, or a numbered place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link(u32);

/// A known stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found(u32);

impl Link {
    /// A place of the caller's numbering.
    pub fn place(number: u32) -> Link {
        Link((SLOTS as u32).saturating_add(number))
    }
}

impl From<Found> for Link {
    fn from(found: Found) -> Link {
        Link(found.0)
    }
}

struct Entry<V> {
    place: u64,
    /// The stretch, then what became of it.
    bytes: Box<[u8]>,
    length: u32,
    /// Bytes that it takes of the room.
    size: u32,
    /// The last bytes of the stretch: what most others differ in.
    tail: [u8; TAIL],
    /// The stretches that came behind it.
    next: Next,
    hits: u64,
    /// Hits when room was made the last time.
    old: u64,
    value: V,
}

#[derive(Clone, Copy, Default)]
struct Judgement {
    tries: u8,
    hits: u8,
    passed: u8,
}

/// The memory. `V` is what is known of a stretch beside the text that became of it.
pub(crate) struct Known<V> {
    slots: Vec<Option<Entry<V>>>,
    /// The stretches that came behind each numbered place.
    starts: Vec<Next>,
    judgements: Vec<Judgement>,
    bytes: usize,
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Known { slots: Vec::new(), starts: Vec::new(), judgements: Vec::new(), bytes: 0 }
    }
}

impl<V> Known<V> {
    /// A stretch that came behind `link` before, if `text` begins with it again at this place.
    #[inline]
    pub fn follow(&self, link: Link, place: u64, text: &[u8]) -> Option<Found> {
        let next = match (link.0 as usize).checked_sub(SLOTS) {
            None => &self.slots.get(link.0 as usize)?.as_ref()?.next,
            Some(start) => self.starts.get(start)?,
        };
        next.iter().copied().take_while(|at| *at != NONE).find_map(|at| {
            let entry = self.slots.get(usize::from(at))?.as_ref()?;
            let text = text.get(..entry.length as usize)?;
            let same = text.last_chunk() == Some(&entry.tail)
                && entry.place == place
                && text == &entry.bytes[..text.len()];
            same.then_some(Found(u32::from(at)))
        })
    }

    /// The stretch, if it is known at this place.
    pub fn find(&self, place: u64, stretch: &[u8]) -> Option<Found> {
        let at = slot(place, stretch);
        let entry = self.slots.get(at)?.as_ref()?;
        let same = entry.place == place && entry.bytes.get(..entry.length as usize) == Some(stretch);
        same.then_some(Found(at as u32))
    }

    /// Remembers which stretch came behind `link`.
    pub fn connect(&mut self, link: Link, found: Found) {
        let next = match (link.0 as usize).checked_sub(SLOTS) {
            None => match self.slots.get_mut(link.0 as usize) {
                Some(Some(entry)) => &mut entry.next,
                _ => return,
            },
            Some(start) if start < STARTS => {
                if self.starts.len() <= start {
                    self.starts.resize(start + 1, [NONE; 4]);
                }
                &mut self.starts[start]
            }
            Some(_) => return,
        };
        let found = found.0 as u16;
        let known = next.iter().position(|at| *at == found).unwrap_or(next.len() - 1);
        next.copy_within(..known, 1);
        next[0] = found;
    }

    /// Whether it is worth asking for, or remembering, what stands at a numbered place.
    pub fn is_worth(&mut self, number: u32) -> bool {
        let number = number as usize;
        if number >= STARTS {
            return false;
        }
        if self.judgements.len() <= number {
            self.judgements.resize(number + 1, Judgement::default());
        }
        let judged = &mut self.judgements[number];
        if judged.tries >= JUDGED && judged.hits < judged.tries / ONE_OF {
            judged.passed += 1;
            if judged.passed < SELDOM {
                return false;
            }
            judged.passed = 0;
        }
        if judged.tries >= 2 * JUDGED {
            judged.tries /= 2;
            judged.hits /= 2;
        }
        judged.tries += 1;
        true
    }

    /// Notes that what was asked for at a numbered place was known.
    pub fn was_worth(&mut self, number: u32) {
        if let Some(judged) = self.judgements.get_mut(number as usize) {
            judged.hits = judged.hits.saturating_add(1);
        }
    }

    /// Takes in a stretch of [`TAIL`] bytes or more, what became of it, and what else is known of it, which
    /// takes so many bytes of memory. `retire` gets the value of each stretch that has to go for
    /// it, and how often it was met again.
    pub fn learn(
        &mut self,
        place: u64,
        stretch: &[u8],
        became: &[u8],
        (value, more): (V, usize),
        mut retire: impl FnMut(V, u64),
    ) -> Option<Found> {
        let tail = *stretch.last_chunk()?;
        if stretch.len().max(became.len()) > LONGEST {
            return None;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let size = stretch.len() + became.len() + more;
        if self.bytes + size > ROOM {
            self.make_room(&mut retire);
        }
        let at = slot(place, stretch);
        if let Some(old) = self.slots[at].take() {
            self.bytes -= old.size as usize;
            retire(old.value, old.hits);
        }
        if self.bytes + size > ROOM {
            return None;
        }
        self.bytes += size;
        self.slots[at] = Some(Entry {
            place,
            bytes: [stretch, became].concat().into_boxed_slice(),
            length: stretch.len() as u32,
            size: size as u32,
            tail,
            next: [NONE; 4],
            hits: 0,
            old: 0,
            value,
        });
        Some(Found(at as u32))
    }

    /// Lets everything go that was not met again since this was done the last time.
    fn make_room(&mut self, retire: &mut impl FnMut(V, u64)) {
        for slot in &mut self.slots {
            if let Some(entry) = slot.take_if(|entry| entry.hits == entry.old) {
                self.bytes -= entry.size as usize;
                retire(entry.value, entry.hits);
            } else if let Some(entry) = slot {
                entry.old = entry.hits;
            }
        }
    }

    /// Lets everything go.
    pub fn retire_all(&mut self, mut retire: impl FnMut(V, u64)) {
        for entry in self.slots.drain(..).flatten() {
            retire(entry.value, entry.hits);
        }
        self.bytes = 0;
    }

    /// Length of a known stretch in bytes, and what became of it.
    #[inline]
    pub fn get(&self, found: Found) -> Option<(usize, &[u8], &V)> {
        let entry = self.slots.get(found.0 as usize)?.as_ref()?;
        let length = entry.length as usize;
        Some((length, entry.bytes.get(length..)?, &entry.value))
    }

    /// Counts that the stretch was met again.
    #[inline]
    pub fn hit(&mut self, found: Found) {
        if let Some(Some(entry)) = self.slots.get_mut(found.0 as usize) {
            entry.hits += 1;
        }
    }
}

/// Where a stretch would be: of a long one some bytes decide.
fn slot(place: u64, stretch: &[u8]) -> usize {
    let step = |hash: u64, word: u64| (hash.rotate_left(29) ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25);
    let words = |part: &[u8], hash: u64| {
        let (whole, rest) = part.as_chunks::<8>();
        let hash = whole.iter().fold(hash, |hash, eight| step(hash, u64::from_le_bytes(*eight)));
        rest.iter().fold(hash, |hash, byte| step(hash, u64::from(*byte)))
    };
    let start = step(place, stretch.len() as u64);
    let hash = if stretch.len() <= 96 {
        words(stretch, start)
    } else {
        let middle = stretch.len() / 2;
        let head = words(&stretch[..32], start);
        words(&stretch[stretch.len() - 32..], words(&stretch[middle - 16..middle + 16], head))
    };
    (hash >> 40) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_found_again_at_its_place_and_behind_what_stood_before_it() {
        let mut known = Known::default();
        let start = Link::place(7);
        let one = known.learn(1, b"\"name\":1,", b"\"name\":1", (10, 0), |_, _| ()).unwrap();
        let two = known.learn(1, b"\"b\":2222,", b"", (20, 0), |_, _| ()).unwrap();
        known.connect(start, one);
        known.connect(one.into(), two);
        let text = b"\"name\":1,\"b\":2222,\"c\":3}";
        assert_eq!(known.follow(start, 1, text), Some(one));
        assert_eq!(known.get(one), Some((9, &b"\"name\":1"[..], &10)));
        assert_eq!(known.follow(one.into(), 1, &text[9..]), Some(two));
        assert_eq!(known.follow(two.into(), 1, &text[18..]), None);
        assert_eq!(known.follow(start, 2, text), None, "another place");
        assert_eq!(known.follow(start, 1, b"\"name\":12,"), None, "another value");
        assert_eq!(known.follow(start, 1, b"\"name\":1"), None, "cut off");
        assert_eq!(known.find(1, b"\"b\":2222,"), Some(two));
        assert_eq!((known.find(2, b"\"b\":2222,"), known.find(1, b"\"b\":2223,")), (None, None));
    }

    #[test]
    fn what_goes_is_told_with_its_hits_and_memory_is_bounded() {
        let mut known = Known::default();
        let (mut hits, mut gone, mut learned) = (0, 0, 0u64);
        for number in 0..20_000u64 {
            let text = format!("{number:>0$}", 40 + number as usize % 900);
            if let Some(found) = known.learn(3, text.as_bytes(), text.as_bytes(), (number, 40), |_, met| {
                hits += met;
                gone += 1;
            }) {
                learned += 1;
                for _ in 0..number % 3 {
                    known.hit(found);
                }
            }
            assert!(known.bytes <= ROOM);
        }
        known.retire_all(|_, met| {
            hits += met;
            gone += 1;
        });
        assert_eq!((gone, known.bytes), (learned, 0));
        assert!(hits > 6_000, "{hits}");
        assert!(known.learn(3, b"short", b"", (0, 0), |_, _| ()).is_none());
        assert!(known.learn(3, &[b'x'; LONGEST + 1], b"", (0, 0), |_, _| ()).is_none());
    }

    #[test]
    fn places_without_repetition_are_asked_seldom() {
        let mut known = Known::<()>::default();
        let asked = (0..10_000).filter(|_| known.is_worth(5)).count();
        assert!((300..1_000).contains(&asked), "{asked}");
        let asked = (0..10_000)
            .filter(|at| {
                let worth = known.is_worth(6);
                if worth && at % 2 == 0 {
                    known.was_worth(6);
                }
                worth
            })
            .count();
        assert_eq!(asked, 10_000);
        assert!(!known.is_worth(u32::MAX));
    }
}
