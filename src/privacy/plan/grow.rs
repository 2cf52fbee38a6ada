//! How a plan grows: a member that was not seen before is found in the catalogue, in the exceptions
//! of the policy, or nowhere.

use super::super::Letter;
use super::super::policy::selector::States;
use super::super::policy::treatment::Treatment;
use super::super::rules::{Leaf, PlacePart, Rules, Settled};
use super::{Act, MAX_NODES, Member, NameFate, Node, NodeId, Plan, Slot, SlotId, TEXT};
use crate::catalogue::{Catalogue, Field, TypeId, fold};
use crate::kind::Kind;
use std::borrow::Cow;
use std::collections::HashMap;

/// Most counted names of undeclared members in one place.
const MAX_UNDECLARED: usize = 256;

/// The folded names of all siblings that the catalogue or an exception asks.
pub(super) fn asked(catalogue: &Catalogue, rules: Option<&Rules>) -> Vec<String> {
    let declared =
        catalogue.types().flat_map(|of| of.fields.values().chain(&of.rest)).filter_map(|field| match field {
            Field::By { sibling, .. } => Some(fold(sibling)),
            _ => None,
        });
    let exceptions = rules.into_iter().flat_map(|rules| rules.exceptions());
    let asks = |rule: &super::super::policy::ExceptionRule| {
        let by = rule.says.by.as_deref().map(|by| fold(by.trim_start_matches("../")));
        [by, rule.when.as_ref().map(|when| when.sibling().to_owned())]
    };
    let by = exceptions.flat_map(|rule| asks(rule).into_iter().flatten());
    declared.chain(by).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

impl Plan<'_> {
    pub(super) fn node(
        &mut self,
        of: Option<TypeId>,
        states: States,
        path: String,
        separator: char,
    ) -> NodeId {
        if self.nodes.len() >= MAX_NODES
            && let Some(known) = self.shared.get(&(of, states.clone()))
        {
            return *known;
        }
        let siblings = of.is_some_and(|of| {
            let asks = |field: &Field| matches!(field, Field::By { .. });
            let of = self.catalogue.record_type(of);
            of.fields.values().any(asks) || of.rest.as_ref().is_some_and(asks)
        }) || self.rules.is_some_and(|rules| {
            let asks = |index: u16| {
                let rule = &rules.exceptions()[usize::from(index)];
                rule.when.is_some() || rule.says.by.is_some()
            };
            states.near(|index| rules.selector(index)).any(asks)
        });
        let id = NodeId(self.nodes.len() as u32);
        self.shared.entry((of, states.clone())).or_insert(id);
        self.nodes.push(Node {
            of,
            states,
            path,
            separator,
            spellings: Vec::new(),
            exact: HashMap::default(),
            declared: HashMap::default(),
            rest: None,
            overflow: None,
            undeclared: 0,
            last: u32::MAX,
            siblings,
        });
        id
    }

    /// Finds a member that was not seen before in this spelling.
    pub(super) fn find(&mut self, node: NodeId, plain: &str) -> Member {
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
            let slot = Slot::new(Act::Object(inner), None, path, states);
            let slot = self.push(Slot { name: folded.clone(), ..slot });
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
        let slot = self.push(Slot::new(Act::Undeclared, None, path, States::default()));
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

    pub(super) fn settled(
        &mut self,
        name: &str,
        field: Option<&Field>,
        states: States,
        path: String,
    ) -> Option<SlotId> {
        let matched = match self.rules {
            Some(rules) => states.matched(|index| rules.selector(index)),
            None => Vec::new(),
        };
        if let Some(rules) = self.rules
            && matched.iter().any(|index| rules.is_conditional(*index))
            && !matches!(rules.plain(name, field), Some(Settled::Drop(Some(Kind::Secret))))
        {
            let (name, field) = (name.to_owned(), field.cloned());
            let conditions = matched.into_iter().filter(|index| rules.is_conditional(*index)).collect();
            let slot = Slot::new(Act::When(conditions), None, path, states);
            return Some(self.push(Slot { name, field, ..slot }));
        }
        self.settled_by(name, field, states, path, &matched)
    }

    /// The slot of a field for which exactly these exceptions hold.
    pub(super) fn settled_by(
        &mut self,
        name: &str,
        field: Option<&Field>,
        states: States,
        path: String,
        matched: &[u16],
    ) -> Option<SlotId> {
        let settled = match self.rules {
            Some(rules) => rules.settle(name, field, matched)?,
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
        let (name, field) = (name.to_owned(), field.cloned());
        Some(self.push(Slot { name, field, ..Slot::new(act, kind, path, states) }))
    }

    /// What happens at a slot with conditions beside these siblings. Its path ends in `#when` where one
    /// of them holds, and in `#otherwise` where none does.
    pub(super) fn case(&mut self, id: SlotId, members: &[(String, Cow<'_, str>)]) -> SlotId {
        let slot = &self.slots[id.0 as usize];
        let (Act::When(conditions), Some(rules)) = (&slot.act, self.rules) else { return id };
        let holding = rules.holding(conditions, members, &slot.name, slot.field.as_ref());
        if let Some((_, known)) = slot.cases.iter().find(|(held, _)| *held == holding) {
            return *known;
        }
        let (name, field, states) = (slot.name.clone(), slot.field.clone(), slot.states.clone());
        let word = if holding.is_empty() { "otherwise" } else { "when" };
        let path = format!("{}#{word}", slot.path);
        let mut matched = states.matched(|index| rules.selector(index));
        matched.retain(|index| !rules.is_conditional(*index) || holding.contains(index));
        let case = match self.settled_by(&name, field.as_ref(), states, path.clone(), &matched) {
            Some(case) => case,
            None => self.push(Slot::new(Act::Undeclared, None, path, States::default())),
        };
        self.slots[id.0 as usize].cases.push((holding, case));
        case
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
    use super::super::policy::model::Level;
    use super::super::policy::treatment::Coarse;
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
