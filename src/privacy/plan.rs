//! The plan of a stream: what happens to each member, found once and then looked up by the bytes of
//! its name.
//!
//! The plan grows with the members that records really have, so its paths are those of the data
//! that the catalogue declares. It is bounded: beyond [`MAX_NODES`] places, places of the same type
//! share one node, and beyond [`MAX_SPELLINGS`] spellings in one object nothing more is remembered.

use super::policy::selector::States;
use super::policy::treatment::Treatment;
use super::rules::{Leaf, PlacePart, Rules, Settled};
use super::{Letter, Pseudonymizer};
use crate::catalogue::{Catalogue, Field, Stream, TypeId, fold};
use crate::kind::Kind;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Most places of a plan.
pub const MAX_NODES: usize = 1 << 13;
/// Most remembered spellings of member names in one place.
pub const MAX_SPELLINGS: usize = 1 << 10;
/// Most counted names of undeclared members in one place.
const MAX_UNDECLARED: usize = 256;

/// Name of the member that is the value itself.
const TEXT: &str = "#text";

/// Index of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotId(u32);

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

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
    /// A value.
    Leaf(Leaf),
}

/// What became of the values at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They stayed as they were.
    pub kept: u64,
    /// They were replaced by a pseudonym, a hash or a coarser value.
    pub replaced: u64,
    /// They were replaced by `[redacted:<kind>]`.
    pub redacted: u64,
    /// They were removed.
    pub dropped: u64,
    /// They were scanned as text.
    pub scanned: u64,
    /// Replacements inside scanned text.
    pub found: u64,
    /// Kept fields whose value broke its grammar.
    pub violations: u64,
}

impl Counts {
    /// Adds other counts.
    pub fn add(&mut self, other: &Counts) {
        self.kept += other.kept;
        self.replaced += other.replaced;
        self.redacted += other.redacted;
        self.dropped += other.dropped;
        self.scanned += other.scanned;
        self.found += other.found;
        self.violations += other.violations;
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Counts::default()
    }
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
    exact: HashMap<Box<[u8]>, u32>,
    declared: HashMap<String, Member>,
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
    shared: HashMap<(Option<TypeId>, States), NodeId>,
    prunable: HashMap<(TypeId, States), bool>,
    root: SlotId,
}

impl<'r> Plan<'r> {
    /// The plan of a stream under rules; `None` if the catalogue does not know the stream.
    pub fn new(rules: &'r Rules, names: &'r Pseudonymizer, stream: &Stream) -> Option<Self> {
        let root = rules.catalogue().root(stream)?;
        let states = rules.start(&stream.dataset);
        Some(Plan::build(rules.catalogue(), Some(rules), Some(names), root, states))
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
            shared: HashMap::new(),
            prunable: HashMap::new(),
            root: SlotId(0),
        };
        let node = plan.node(Some(root), states.clone(), String::new(), '/');
        plan.root = plan.push(Slot {
            act: Act::Object(node),
            kind: None,
            path: "/".into(),
            counts: Counts::default(),
            states,
            name: String::new(),
            field: None,
            element: None,
        });
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
        &mut self.slots[id.0 as usize].counts
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

    /// Follows `by` fields from `table` on: `members` are the folded names and values of the siblings.
    /// Where a sibling is absent, or two of its name differ, the row `*` of the table decides.
    pub fn explained(&mut self, id: SlotId, members: &[(String, Cow<'_, str>)]) -> SlotId {
        let mut id = id;
        // Tables may ask further siblings; a table that asks for ever explains nothing.
        for _ in 0..4 {
            let Act::By { sibling, table } = &self.slot(id).act else { return id };
            let table = *table;
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
                    self.push(Slot {
                        act: Act::Object(node),
                        kind: None,
                        path,
                        counts: Counts::default(),
                        states,
                        name,
                        field,
                        element: None,
                    })
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

    fn node(&mut self, of: Option<TypeId>, states: States, path: String, separator: char) -> NodeId {
        if self.nodes.len() >= MAX_NODES
            && let Some(known) = self.shared.get(&(of, states.clone()))
        {
            return *known;
        }
        let siblings = of.is_some_and(|of| {
            let asks = |field: &Field| matches!(field, Field::By { .. });
            let of = self.catalogue.record_type(of);
            of.fields.values().any(asks) || of.rest.as_ref().is_some_and(asks)
        }) || !states.is_empty()
            && self.rules.is_some_and(|rules| rules.exceptions().iter().any(|rule| rule.says.by.is_some()));
        let id = NodeId(self.nodes.len() as u32);
        self.shared.entry((of, states.clone())).or_insert(id);
        self.nodes.push(Node {
            of,
            states,
            path,
            separator,
            spellings: Vec::new(),
            exact: HashMap::new(),
            declared: HashMap::new(),
            rest: None,
            overflow: None,
            undeclared: 0,
            last: u32::MAX,
            siblings,
        });
        id
    }

    /// Finds a member that was not seen before in this spelling.
    fn find(&mut self, node: NodeId, plain: &str) -> Member {
        let folded = fold(plain);
        let at = &self.nodes[node.0 as usize];
        if let Some(member) = at.declared.get(&folded) {
            return *member;
        }
        let of = at.of.map(|of| self.catalogue.record_type(of));
        let states = match self.rules {
            Some(rules) => at.states.member(&folded, |index| rules.selector(index)),
            None => States::default(),
        };
        let matched = match self.rules {
            Some(rules) => !states.matched(|index| rules.selector(index)).is_empty(),
            None => false,
        };
        let own = of.and_then(|of| of.fields.get(plain).or_else(|| of.fields.get(&folded)));
        if own.is_some() || matched {
            let written = of.and_then(|of| of.names.get(&folded)).map(String::as_str);
            let spelled = match written {
                Some(name) => label(name),
                // Named by a selector of the policy, not by the catalogue: the name stays private.
                None => self.undeclared_name(plain),
            };
            let path = format!("{}{}{spelled}", at.path, at.separator);
            let field = own.cloned().or_else(|| of.and_then(|of| of.rest.clone()));
            if let Some(slot) = self.settled(&folded, field.as_ref(), states.clone(), path) {
                let name = if written.is_some() { NameFate::Verbatim } else { NameFate::Scan };
                let member = Member { slot, name };
                self.nodes[node.0 as usize].declared.insert(folded, member);
                return member;
            }
        }
        let rest = of.and_then(|of| of.rest.as_ref()).cloned();
        let name = match of.and_then(|of| of.keys) {
            Some(kind) => NameFate::Data(kind),
            None => NameFate::Scan,
        };
        if let Some(rest) = rest {
            // Names that no selector mentions share one slot.
            let at = &self.nodes[node.0 as usize];
            let shared = match self.rules {
                Some(rules) => at.states.member("\0", |index| rules.selector(index)) == states,
                None => true,
            };
            if shared && let Some(slot) = at.rest {
                return Member { slot, name };
            }
            let path = format!("{}{}*", at.path, at.separator);
            if let Some(slot) = self.settled("*", Some(&rest), states.clone(), path) {
                let at = &mut self.nodes[node.0 as usize];
                if shared {
                    at.rest = Some(slot);
                } else {
                    at.declared.insert(folded, Member { slot, name });
                }
                return Member { slot, name };
            }
        }
        // A selector may name something further down.
        if let Some(rules) = self.rules
            && self.nodes[node.0 as usize].undeclared < MAX_UNDECLARED
            && states.has_named_progress(|index| rules.selector(index))
        {
            let at = &self.nodes[node.0 as usize];
            let path = format!("{}{}{}", at.path, at.separator, self.undeclared_name(plain));
            let inner = self.node(None, states.clone(), path.clone(), '/');
            let slot = self.push(Slot {
                act: Act::Object(inner),
                kind: None,
                path,
                counts: Counts::default(),
                states,
                name: folded.clone(),
                field: None,
                element: None,
            });
            let member = Member { slot, name: NameFate::Scan };
            let at = &mut self.nodes[node.0 as usize];
            at.undeclared += 1;
            at.declared.insert(folded, member);
            return member;
        }
        self.undeclared(node, plain)
    }

    /// The slot that counts an undeclared member: by the keyed token of its name, never by its name.
    fn undeclared(&mut self, node: NodeId, plain: &str) -> Member {
        let at = &self.nodes[node.0 as usize];
        let full = at.undeclared >= MAX_UNDECLARED || self.slots.len() >= 4 * MAX_NODES;
        if full && let Some(slot) = at.overflow {
            return Member { slot, name: NameFate::Verbatim };
        }
        let last = if full { "+".to_owned() } else { self.undeclared_name(plain) };
        let path = format!("{}{}{last}", at.path, at.separator);
        let slot = self.push(Slot {
            act: Act::Undeclared,
            kind: None,
            path,
            counts: Counts::default(),
            states: States::default(),
            name: String::new(),
            field: None,
            element: None,
        });
        let at = &mut self.nodes[node.0 as usize];
        if full {
            at.overflow = Some(slot);
        } else {
            at.undeclared += 1;
            at.declared.insert(fold(plain), Member { slot, name: NameFate::Verbatim });
        }
        Member { slot, name: NameFate::Verbatim }
    }

    fn undeclared_name(&self, plain: &str) -> String {
        match self.names {
            Some(names) => names.token(Letter::X, plain),
            None => "x".into(),
        }
    }

    fn settled(&mut self, name: &str, field: Option<&Field>, states: States, path: String) -> Option<SlotId> {
        let settled = match self.rules {
            Some(rules) => {
                let matched = states.matched(|index| rules.selector(index));
                rules.settle(name, field, &matched)?
            }
            None => plain_kinds(field?),
        };
        let (act, kind) = match settled {
            Settled::Drop(kind) => (Act::Drop, kind),
            Settled::Object(of) => {
                let all_dropped = of.is_some_and(|of| self.all_dropped(of, &states));
                if all_dropped {
                    (Act::Drop, None)
                } else {
                    (Act::Object(self.node(of, states.clone(), path.clone(), '/')), None)
                }
            }
            Settled::By { sibling, table } => {
                let table = self.node(Some(table), States::default(), path.clone(), '#');
                (Act::By { sibling, table }, Some(Kind::ModifiedValue))
            }
            Settled::Leaf(leaf) => {
                let kind = leaf.kind;
                (Act::Leaf(leaf), Some(kind))
            }
        };
        Some(self.push(Slot {
            act,
            kind,
            path,
            counts: Counts::default(),
            states,
            name: name.to_owned(),
            field: field.cloned(),
            element: None,
        }))
    }

    /// Whether nothing of an object of this type can stay.
    fn all_dropped(&mut self, of: TypeId, states: &States) -> bool {
        let Some(rules) = self.rules else { return false };
        if states.has_named_progress(|index| rules.selector(index)) {
            return false;
        }
        if let Some(known) = self.prunable.get(&(of, states.clone())) {
            return *known;
        }
        let dropped = self.catalogue.record_type(of).fields.keys().any(|name| name != TEXT)
            && nothing_stays(rules, self.catalogue, of, states);
        self.prunable.insert((of, states.clone()), dropped);
        dropped
    }
}

fn nothing_stays(rules: &Rules, catalogue: &Catalogue, of: TypeId, states: &States) -> bool {
    let mut open = vec![(of, states.clone())];
    let mut seen = open.clone();
    while let Some((of, states)) = open.pop() {
        let of = catalogue.record_type(of);
        let rest = of.rest.iter().map(|rest| ("*", rest));
        for (name, field) in of.fields.iter().map(|(name, field)| (name.as_str(), field)).chain(rest) {
            let name = fold(name);
            let below = states.member(&name, |index| rules.selector(index));
            let element = below.element(|index| rules.selector(index));
            if [&below, &element].iter().any(|at| !at.matched(|index| rules.selector(index)).is_empty()) {
                return false;
            }
            match rules.plain(&name, Some(field)) {
                Some(Settled::Drop(_)) | None => {}
                // The name of a type alone says nothing; the text form of an object of which
                // nothing stays does not stay either.
                _ if name == "@odata.type" || name == TEXT => {}
                Some(Settled::Leaf(leaf)) if never_written(&leaf) => {}
                Some(Settled::Object(Some(inner))) => {
                    let next = (inner, below);
                    if !seen.contains(&next) {
                        seen.push(next.clone());
                        open.push(next);
                    }
                }
                _ => return false,
            }
        }
    }
    true
}

/// A leaf whose value is always dropped: a part of a place below the level that stays.
fn never_written(leaf: &Leaf) -> bool {
    use super::policy::model::Level;
    use super::policy::treatment::Coarse;
    match leaf.treatment {
        Treatment::Generalize(Coarse::Place(Level::State)) => {
            matches!(leaf.place, PlacePart::City | PlacePart::Coordinate)
        }
        Treatment::Generalize(Coarse::Place(Level::Country)) => leaf.place != PlacePart::Mixed,
        _ => false,
    }
}

fn plain_kinds(field: &Field) -> Settled {
    match field {
        Field::Drop => Settled::Drop(None),
        Field::Object(id) => Settled::Object(Some(*id)),
        Field::By { sibling, table } => Settled::By { sibling: sibling.clone(), table: *table },
        Field::Value { kind, grammar } => Settled::Leaf(Leaf {
            kind: *kind,
            treatment: Treatment::Keep,
            grammar: grammar.clone(),
            verbatim: false,
            place: PlacePart::Mixed,
        }),
    }
}

/// A catalogue name as part of a path in reports: without spaces and what labels do not allow.
fn label(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "._:@+*{}~-".contains(*c)).collect()
}

/// Counts of a plan by path; slots of one path are joined.
pub fn by_path(slots: &[Slot]) -> BTreeMap<&str, (Option<Kind>, &Act, Counts)> {
    let mut paths: BTreeMap<&str, (Option<Kind>, &Act, Counts)> = BTreeMap::new();
    for slot in slots.iter().filter(|slot| !slot.counts.is_empty()) {
        paths.entry(&slot.path).or_insert((slot.kind, &slot.act, Counts::default())).2.add(&slot.counts);
    }
    paths
}
