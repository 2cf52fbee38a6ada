//! The plan of a stream: what happens to each member, found once and then looked up by the bytes of
//! its name.
//!
//! The plan grows with the members that records really have, so its paths are those of the data
//! that the catalogue declares. It is bounded: beyond [`MAX_NODES`] places, places of the same type
//! share one node, and beyond [`MAX_SPELLINGS`] spellings in one object nothing more is remembered.

mod counts;
mod grow;
mod lines;

use super::Pseudonymizer;
use super::policy::selector::States;
use super::rules::{Leaf, Rules};
use crate::catalogue::{Catalogue, Field, Stream, TypeId, fold};
use crate::kind::Kind;
pub use counts::{Counts, by_path};
use foldhash::fast::RandomState;
use lines::Lines;
use std::borrow::Cow;
use std::collections::HashMap;

/// Most places of a plan.
pub const MAX_NODES: usize = 1 << 13;
/// Most remembered spellings of member names in one place.
pub const MAX_SPELLINGS: usize = 1 << 10;

/// Name of the member that is the value itself.
const TEXT: &str = "#text";

/// Index of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotId(u32);

impl SlotId {
    /// Its number, from 0 on in the order in which places were first met.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The slot of a number, for tests.
    #[cfg(test)]
    pub fn numbered(number: u32) -> Self {
        SlotId(number)
    }
}

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// Its number, from 0 on in the order in which objects were first met.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// What happens to the value of a member.
#[derive(Clone, Debug)]
pub enum Act {
    /// Removed whole.
    Drop,
    /// Undeclared: removed whole.
    Undeclared,
    /// Members have rules of their own.
    Object(NodeId),
    /// A sibling says what it is.
    By {
        /// Folded name of the sibling.
        sibling: String,
        /// Members by the sibling's value.
        table: NodeId,
    },
    /// Exceptions that hold in some records only decide: their indexes.
    When(Box<[u16]>),
    /// A value.
    Leaf(Leaf),
}

/// One place of the plan.
#[derive(Debug)]
pub struct Slot {
    /// What happens there.
    pub act: Act,
    /// What the values are, if that is known.
    pub kind: Option<Kind>,
    /// Path from the record, e.g. `/status/errorCode`. Catalogue spelling; never a name from the data.
    pub path: String,
    /// Counts.
    pub counts: Counts,
    states: States,
    name: String,
    field: Option<Field>,
    element: Option<SlotId>,
    /// What happens where which of the conditions hold.
    cases: Vec<(Vec<u16>, SlotId)>,
}

impl Slot {
    /// A slot without counts.
    fn new(act: Act, kind: Option<Kind>, path: String, states: States) -> Slot {
        Slot {
            act,
            kind,
            path,
            counts: Counts::default(),
            states,
            name: String::new(),
            field: None,
            element: None,
            cases: Vec::new(),
        }
    }
}

/// How the name of a member is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFate {
    /// As it came: the catalogue declares it.
    Verbatim,
    /// It is data of this kind.
    Data(Kind),
    /// Unknown: treated as text.
    Scan,
}

/// What a lookup found.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its slot.
    pub slot: SlotId,
    /// Its name.
    pub name: NameFate,
}

#[derive(Debug)]
struct Spelling {
    bytes: Box<[u8]>,
    member: Member,
    next: u32,
}

#[derive(Debug)]
struct Node {
    of: Option<TypeId>,
    states: States,
    path: String,
    separator: char,
    spellings: Vec<Spelling>,
    exact: HashMap<Box<[u8]>, u32, RandomState>,
    declared: HashMap<String, Member, RandomState>,
    rest: Option<SlotId>,
    overflow: Option<SlotId>,
    undeclared: usize,
    last: u32,
    siblings: bool,
}

/// The plan of a stream.
pub struct Plan<'r> {
    catalogue: &'r Catalogue,
    rules: Option<&'r Rules>,
    names: Option<&'r Pseudonymizer>,
    nodes: Vec<Node>,
    slots: Vec<Slot>,
    shared: HashMap<(Option<TypeId>, States), NodeId, RandomState>,
    prunable: HashMap<(TypeId, States), bool, RandomState>,
    /// Folded names of all siblings that are ever asked.
    asked: Vec<String>,
    /// Whether members that are no strings are asked too.
    literals: bool,
    lines: Lines<'r>,
    root: SlotId,
    /// Which counts are touched, and what they were before, while somebody wants to know.
    journal: Vec<(SlotId, Counts)>,
    journaling: bool,
}

impl<'r> Plan<'r> {
    /// The plan of a stream under rules; `None` if the catalogue does not know the stream.
    pub fn new(rules: &'r Rules, names: &'r Pseudonymizer, stream: &Stream) -> Option<Self> {
        let root = rules.catalogue().root(stream)?;
        let states = rules.start(&stream.dataset);
        let mut plan = Plan::build(rules.catalogue(), Some(rules), Some(names), root, states);
        plan.lines = Lines::new(rules.lines(&stream.dataset), root);
        Some(plan)
    }

    /// The plan of a stream without a policy: it knows kinds only.
    pub fn of_kinds(catalogue: &'r Catalogue, stream: &Stream) -> Option<Self> {
        let root = catalogue.root(stream)?;
        Some(Plan::build(catalogue, None, None, root, States::default()))
    }

    fn build(
        catalogue: &'r Catalogue,
        rules: Option<&'r Rules>,
        names: Option<&'r Pseudonymizer>,
        root: TypeId,
        states: States,
    ) -> Self {
        let mut plan = Plan {
            catalogue,
            rules,
            names,
            nodes: Vec::new(),
            slots: Vec::new(),
            shared: HashMap::default(),
            prunable: HashMap::default(),
            asked: grow::asked(catalogue, rules),
            literals: rules.is_some_and(|rules| rules.exceptions().iter().any(|rule| rule.when.is_some())),
            lines: Lines::default(),
            root: SlotId(0),
            journal: Vec::new(),
            journaling: false,
        };
        let node = plan.node(Some(root), states.clone(), String::new(), '/');
        plan.root = plan.push(Slot::new(Act::Object(node), None, "/".into(), states));
        plan
    }

    /// The record itself.
    pub fn root(&self) -> SlotId {
        self.root
    }

    /// A slot.
    #[inline]
    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.0 as usize]
    }

    /// The counts of a slot.
    #[inline]
    pub fn counts(&mut self, id: SlotId) -> &mut Counts {
        let counts = &mut self.slots[id.0 as usize].counts;
        if self.journaling {
            self.journal.push((id, *counts));
        }
        counts
    }

    /// Begins to note which counts are touched (or ends it), and forgets what was noted.
    pub fn note_counts(&mut self, begin: bool) {
        self.journaling = begin;
        self.journal.clear();
    }

    /// How many notes there are: where those of what comes begin.
    pub fn noted(&self) -> usize {
        self.journal.len()
    }

    /// What was added to the counts since there were so many notes.
    pub fn counted_since(&self, noted: usize) -> Vec<(SlotId, Counts)> {
        let mut first: Vec<(SlotId, Counts)> = Vec::new();
        for (id, before) in self.journal.get(noted..).unwrap_or_default() {
            if !first.iter().any(|(known, _)| known == id) {
                first.push((*id, self.slot(*id).counts.since(before)));
            }
        }
        first.retain(|(_, counts)| !counts.is_empty());
        first
    }

    /// Whether a list at this slot is a set, whose elements are written in the order of their output.
    pub fn is_set(&self, id: SlotId) -> bool {
        self.slot(id).field.as_ref().is_some_and(|field| self.catalogue.is_set(field))
    }

    /// All slots.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Whether members of this place ask a sibling.
    #[inline]
    pub fn asks_siblings(&self, node: NodeId) -> bool {
        self.nodes[node.0 as usize].siblings
    }

    /// Whether a member of this name, as it stands between quotes, may be a sibling that is asked.
    #[inline]
    pub fn asks(&self, raw: &str) -> bool {
        let first = |text: &str| text.bytes().next().map(|b| b.to_ascii_lowercase());
        match first(raw) {
            // Written in an unusual way: nobody knows before it is folded.
            None | Some(b'\\' | ..=b' ' | 0x80..) => true,
            begins => self.asked.iter().any(|name| raw.len() >= name.len() && first(name) == begins),
        }
    }

    /// The member of this name: `raw` as it stands between quotes, `plain` without escapes.
    #[inline]
    pub fn member(&mut self, node: NodeId, raw: &[u8], plain: impl FnOnce() -> String) -> Member {
        let at = &mut self.nodes[node.0 as usize];
        // Records of a stream have their members in the same order: the guess is nearly always right.
        if let Some(last) = at.spellings.get(at.last as usize) {
            let guess = last.next;
            if let Some(spelling) = at.spellings.get(guess as usize)
                && *spelling.bytes == *raw
            {
                at.last = guess;
                return spelling.member;
            }
        }
        if let Some(found) = at.exact.get(raw).copied() {
            if let Some(last) = at.spellings.get_mut(at.last as usize) {
                last.next = found;
            }
            at.last = found;
            return at.spellings[found as usize].member;
        }
        let plain = plain();
        let member = self.find(node, &plain);
        let at = &mut self.nodes[node.0 as usize];
        if at.spellings.len() < MAX_SPELLINGS && raw.len() <= 256 {
            let index = at.spellings.len() as u32;
            if let Some(last) = at.spellings.get_mut(at.last as usize) {
                last.next = index;
            }
            at.spellings.push(Spelling { bytes: raw.into(), member, next: 0 });
            at.exact.insert(raw.into(), index);
            at.last = index;
        }
        member
    }

    /// The slot of the plain text that stands in place of an object, if the catalogue has one.
    pub fn text(&mut self, id: SlotId) -> Option<SlotId> {
        let Act::Object(node) = self.slot(id).act else { return None };
        let of = self.catalogue.record_type(self.nodes[node.0 as usize].of?);
        if !of.fields.contains_key(TEXT) {
            return None;
        }
        Some(self.member(node, TEXT.as_bytes(), || TEXT.to_owned()).slot)
    }

    /// The member of this name if the catalogue has a row of its own for it.
    pub fn declared(&mut self, node: NodeId, name: &str) -> Option<SlotId> {
        let of = self.catalogue.record_type(self.nodes[node.0 as usize].of?);
        if !of.fields.contains_key(name) && !of.names.contains_key(&fold(name)) {
            return None;
        }
        Some(self.member(node, name.as_bytes(), || name.to_owned()).slot)
    }

    /// The attribute `@name` of an XML element, if the catalogue or a selector names it.
    pub fn attribute(&mut self, node: NodeId, name: &str) -> Option<SlotId> {
        let slot = self.member(node, name.as_bytes(), || name.to_owned()).slot;
        (self.slot(slot).name == fold(name)).then_some(slot)
    }

    /// Whether the type of a node has rows for named members.
    pub fn has_rows(&self, node: NodeId) -> bool {
        let of = self.nodes[node.0 as usize].of;
        of.is_some_and(|of| !self.catalogue.record_type(of).names.is_empty())
    }

    /// Whether members that are no strings may be siblings that are asked.
    #[inline]
    pub fn asks_literals(&self) -> bool {
        self.literals
    }

    /// Whether a sibling decides what happens at a slot.
    #[inline]
    pub fn is_open(&self, id: SlotId) -> bool {
        matches!(self.slot(id).act, Act::By { .. } | Act::When(_))
    }

    /// Follows `by` fields and conditions: `members` are the folded names and values of the siblings.
    /// Where a sibling is absent, or two of its name differ, the row `*` of a table decides.
    pub fn explained(&mut self, id: SlotId, members: &[(String, Cow<'_, str>)]) -> SlotId {
        let mut id = id;
        // Tables may ask further siblings; a table that asks for ever explains nothing.
        for _ in 0..4 {
            let (sibling, table) = match &self.slot(id).act {
                Act::By { sibling, table } => (sibling, *table),
                Act::When(_) => {
                    id = self.case(id, members);
                    continue;
                }
                _ => return id,
            };
            let mut values = members.iter().filter(|(member, _)| member == sibling).map(|(_, value)| value);
            let first = values.next().filter(|first| values.all(|other| other == *first));
            let name = first.map_or("", |first| first.trim());
            id = self.member(table, name.as_bytes(), || name.to_owned()).slot;
        }
        id
    }

    /// Remembers that a name is clean text and may be written as it is.
    pub fn name_is_clean(&mut self, node: NodeId, raw: &[u8]) {
        let at = &mut self.nodes[node.0 as usize];
        if let Some(found) = at.exact.get(raw)
            && let Some(spelling) = at.spellings.get_mut(*found as usize)
        {
            spelling.member.name = NameFate::Verbatim;
        }
    }

    /// The slot of the elements of an array at `id`.
    pub fn element(&mut self, id: SlotId) -> SlotId {
        let slot = &self.slots[id.0 as usize];
        if slot.states.is_empty() {
            return id;
        }
        if let Some(element) = slot.element {
            return element;
        }
        let Some(rules) = self.rules else { return id };
        let states = slot.states.element(|index| rules.selector(index));
        let element = if states == slot.states {
            id
        } else {
            let (name, field, path) = (slot.name.clone(), slot.field.clone(), slot.path.clone());
            match id == self.root {
                true => {
                    let of = match &slot.act {
                        Act::Object(node) => self.nodes[node.0 as usize].of,
                        _ => None,
                    };
                    let node = self.node(of, states.clone(), String::new(), '/');
                    self.push(Slot { name, field, ..Slot::new(Act::Object(node), None, path, states) })
                }
                false => self.settled(&name, field.as_ref(), states, path).unwrap_or(id),
            }
        };
        self.slots[id.0 as usize].element = Some(element);
        element
    }

    fn push(&mut self, slot: Slot) -> SlotId {
        self.slots.push(slot);
        SlotId(self.slots.len() as u32 - 1)
    }
}
