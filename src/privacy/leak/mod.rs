//! The leak check: finished bytes are searched for everything that must not have left.
//!
//! An implementation path of its own: it knows no fields, uses none of the rewriter's matchers and
//! looks at whole bytes, as they stand and with their encodings undone. A finding says entry,
//! offset and kind, never the value. Memory is bounded by the window, time is linear.

mod cut;
mod dress;
mod names;
mod needles;
mod seen;
mod shapes;
mod view;

use super::dictionary::Dictionary;
use super::vocabulary;
use crate::catalogue::{Catalogue, Field};
use crate::error::{Error, Result};
use crate::kind::{Kind, KindSet};
use names::{Hit, Names};
use needles::Needles;
use seen::Seen;
use shapes::{Shape, Shapes};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use view::View;
use zeroize::Zeroizing;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Bytes before a window that are seen again for context, and bytes at its end that are decided by
/// the next window: longer than anything that is searched.
const BEFORE: usize = 1 << 10;
const AHEAD: usize = 8 << 10;

/// Most encodings that are undone one over the other, beside the first.
const DEPTH: u8 = 3;

/// Bytes behind a stretch that are seen for context.
const AROUND: usize = 64;

/// Most findings that one entry reports.
const MOST: usize = 1000;

/// How often a finding may be found again, in views that overlap, before what was found twice is taken out.
const AGAIN: usize = 8;

/// Reported for a soft original whose place says nothing: counted, no finding.
const PASSES: &str = "passes";

/// What the search of one entry has learned about it.
struct Known {
    vain: view::Vain,
    seen: Seen,
}

/// Something that must not stand in the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Leak {
    /// Name of the entry.
    pub entry: String,
    /// Offset in the inflated entry, in bytes.
    pub offset: u64,
    /// What was found: the id of a kind, `secret:…`, or `key` for a secret of this run.
    pub what: &'static str,
    /// Whether a learned original or a learned entity was found; `false` for an unexplained shape and
    /// for a soft original in identity context.
    pub hard: bool,
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {} of {}", self.what, self.offset, self.entry)
    }
}

/// Searches finished bytes. Shareable between threads.
pub struct LeakCheck<'a> {
    dictionary: &'a Dictionary,
    treated: KindSet,
    private_addresses: bool,
    /// Further addresses that the policy keeps, sorted.
    addresses: &'a [IpAddr],
    names: Names,
    needles: Needles,
    /// Folded member name → whether every type that declares it holds an identity there.
    members: HashMap<String, bool>,
    soft: AtomicU64,
    /// Folded words that the policy lets pass.
    allowed: HashSet<String>,
    /// The part that a test takes away; empty in the program.
    without: &'static str,
}

/// The parts of the check that look at bytes otherwise than as they stand, or for something of their own;
/// beside them every family of finds is a part by the name that its finds have.
#[doc(hidden)]
pub const PARTS: [&str; 9] = [
    "view escapes",
    "view base64",
    "view quoted",
    "view joined",
    "view nul",
    "names",
    "shapes",
    "dress",
    "cut",
];

impl<'a> LeakCheck<'a> {
    /// A check against the dictionary. `treated` are the kinds that the policy does not keep: values
    /// of other kinds are no finding. `secrets` are all secrets of this run.
    pub fn new(dictionary: &'a Dictionary, treated: KindSet, secrets: Vec<Zeroizing<Vec<u8>>>) -> Self {
        LeakCheck {
            dictionary,
            treated,
            private_addresses: false,
            addresses: &[],
            names: Names::new(dictionary, treated),
            needles: Needles::new(&secrets),
            members: members(Catalogue::builtin()),
            soft: AtomicU64::new(0),
            allowed: HashSet::new(),
            without: "",
        }
    }

    /// A check without one of its parts: for tests that demand that somebody misses it.
    #[doc(hidden)]
    #[must_use]
    pub fn without(mut self, part: &'static str) -> Self {
        self.without = part;
        self
    }

    fn has(&self, part: &str) -> bool {
        self.without != part
    }

    /// Whether the policy keeps private addresses: then they are no finding.
    #[must_use]
    pub fn keeping_private_addresses(mut self, keeps: bool) -> Self {
        self.private_addresses = keeps;
        self
    }

    /// Addresses that the policy keeps, sorted: they are no finding either.
    #[must_use]
    pub fn keeping_addresses(mut self, addresses: &'a [IpAddr]) -> Self {
        self.addresses = addresses;
        self
    }

    /// Learned words that the policy lets pass, each for a reason of its own. Shapes, entities, secrets
    /// and keys are never let pass.
    #[must_use]
    pub fn allowing<'w>(mut self, words: impl Iterator<Item = &'w str>) -> Self {
        self.allowed = words.map(|word| names::folded(word.as_bytes())).collect();
        self
    }

    /// Places of soft originals that did not block, over all entries so far. What is encoded in one piece of
    /// base64 is one place.
    pub fn soft_hits(&self) -> u64 {
        self.soft.load(Ordering::Relaxed)
    }

    /// Checks one entry to its end. `entry` is its name; the name itself is checked with
    /// [`LeakCheck::check`] over its bytes.
    pub fn check(&self, entry: &str, bytes: &mut dyn Read) -> Result<Vec<Leak>> {
        self.check_by(CHUNK, entry, bytes)
    }

    /// The same with so many bytes at a time.
    fn check_by(&self, chunk: usize, entry: &str, bytes: &mut dyn Read) -> Result<Vec<Leak>> {
        let mut leaks = Vec::new();
        let mut window: Vec<u8> = Vec::with_capacity(chunk + BEFORE + AHEAD);
        let mut known = Known { vain: view::Vain::new(), seen: Seen::new() };
        // Offset of the window in the entry, and the first byte of it that no window decided yet.
        let (mut base, mut fresh) = (0u64, 0usize);
        loop {
            let wanted = chunk as u64;
            let mut part: &mut dyn Read = bytes;
            let read = Read::take(&mut part, wanted)
                .read_to_end(&mut window)
                .map_err(|e| Error::io("cannot read a finished entry for the leak check", e))?;
            let last = (read as u64) < wanted;
            let decided = if last { window.len() } else { window.len().saturating_sub(AHEAD) };
            self.window(entry, &window, base, fresh..decided, &mut known, &mut leaks);
            leaks.sort_unstable();
            leaks.dedup();
            if last || leaks.len() >= MOST {
                break;
            }
            let drop = decided.saturating_sub(BEFORE);
            window.drain(..drop);
            base += drop as u64;
            fresh = decided - drop;
        }
        leaks.truncate(MOST);
        Ok(leaks)
    }

    /// Checks one window and reports what starts in `range`.
    fn window(
        &self,
        entry: &str,
        window: &[u8],
        base: u64,
        range: std::ops::Range<usize>,
        known: &mut Known,
        leaks: &mut Vec<Leak>,
    ) {
        let (mut passing, mut full) = (Vec::new(), false);
        let mut report = |at: usize, what: &'static str, hard: bool| {
            if !range.contains(&at) {
            } else if what == PASSES {
                passing.push(at);
            } else if !full && self.has(what) {
                leaks.push(Leak { entry: entry.to_owned(), offset: base + at as u64, what, hard });
                if leaks.len() >= AGAIN * MOST {
                    leaks.sort_unstable();
                    leaks.dedup();
                    full = leaks.len() >= MOST;
                }
            }
        };
        self.needles.find(window, |at| report(at, "key", true));
        if self.names.crosses || !Seen::is_of_use(window) {
            self.search(window, &mut known.vain, &mut report);
        } else {
            let (mut from, mut finds) = (0, Vec::new());
            while let Some(mut block) = known.seen.unknown(window, &mut from) {
                self.search(&block.view.bytes, &mut known.vain, &mut |at, what, hard| {
                    finds.push((at, what, hard));
                });
                for (at, what, hard) in finds.drain(..) {
                    block.found(at);
                    report(block.view.origin(at), what, hard);
                }
                known.seen.learn(window, &block);
            }
        }
        // Views overlap: a place counts once.
        passing.sort_unstable();
        passing.dedup();
        self.soft.fetch_add(passing.len() as u64, Ordering::Relaxed);
    }

    /// Searches bytes as they stand and in all views.
    fn search(
        &self,
        bytes: &[u8],
        vain: &mut view::Vain,
        report: &mut impl FnMut(usize, &'static str, bool),
    ) {
        let regions = self.unescaped(bytes);
        let mut plain = 0;
        for range in regions.iter().filter_map(|region| region.covered.as_ref()) {
            self.stretch(bytes, plain..range.start, report);
            plain = range.end;
        }
        self.stretch(bytes, plain..bytes.len(), report);
        for view in regions.into_iter().map(|region| region.view).chain(self.others(bytes, vain)) {
            self.view(&view, 0, vain, report);
        }
    }

    fn unescaped(&self, bytes: &[u8]) -> Vec<view::Region> {
        if self.has("view escapes") { view::unescaped(bytes) } else { Vec::new() }
    }

    /// The views of bytes beside that without escapes.
    fn others(&self, bytes: &[u8], vain: &mut view::Vain) -> Vec<View> {
        let mut views = if self.has("view base64") { view::base64(bytes, vain) } else { Vec::new() };
        if self.has("view quoted") {
            views.extend(view::quoted(bytes));
        }
        if self.has("view joined") {
            views.extend(view::joined(bytes));
        }
        if self.has("view nul") {
            views.extend(view::without_nul(bytes));
        }
        views
    }

    /// Searches a stretch of the window as it stands, with what stands around it for context.
    fn stretch(
        &self,
        window: &[u8],
        range: std::ops::Range<usize>,
        report: &mut impl FnMut(usize, &'static str, bool),
    ) {
        let from = range.start.saturating_sub(BEFORE);
        let to = (range.end + AROUND).min(window.len());
        let mut inside = |at: usize, what: &'static str, hard: bool| {
            if range.contains(&at) {
                report(at, what, hard);
            }
        };
        self.examine(&window[from..to], |at| from + at, &mut inside);
    }

    /// Looks at a view, and at the views of one that is escaped further.
    fn view(
        &self,
        view: &View,
        depth: u8,
        vain: &mut view::Vain,
        report: &mut dyn FnMut(usize, &'static str, bool),
    ) {
        let mut report = |at: usize, what: &'static str, hard: bool| report(view.origin(at), what, hard);
        self.examine(&view.bytes, |at| at, &mut report);
        if depth == DEPTH {
            return;
        }
        let bytes = &view.bytes;
        let deeper: Vec<View> = if view.is_decoded() || view::is_escaped(bytes) {
            let regions = self.unescaped(bytes).into_iter().map(|region| region.view);
            regions.chain(self.others(bytes, vain)).collect()
        } else if self.has("view base64") {
            // Base64 whose slashes were escaped is whole here only.
            view::base64(bytes, vain)
        } else {
            Vec::new()
        };
        for view in deeper {
            self.view(&view, depth + 1, vain, &mut report);
        }
    }

    /// Searches the bytes of one view.
    fn examine(
        &self,
        bytes: &[u8],
        origin: impl Fn(usize) -> usize,
        report: &mut impl FnMut(usize, &'static str, bool),
    ) {
        let shapes = Shapes {
            entities: self.dictionary.entities(),
            treated: self.treated,
            private_addresses: self.private_addresses,
            addresses: self.addresses,
        };
        if self.has("shapes") {
            shapes.find(bytes, &mut |shape: Shape| report(origin(shape.start), shape.what, shape.known));
        }
        if self.has("dress") {
            dress::find(bytes, self.dictionary.entities(), self.treated, |start, what, known| {
                report(origin(start), what, known);
            });
        }
        if self.has("cut") {
            cut::find(bytes, self.dictionary, self.treated, |start, kind| {
                report(origin(start), kind.id(), true)
            });
        }
        if !self.has("names") {
            return;
        }
        self.names.find(bytes, |hit: Hit| {
            // An employee number such as `c1036655` may be a group of digits of a GUID that stays; the
            // GUID as a whole is looked at as a shape.
            if shapes::is_within_guid(bytes, hit.start, hit.end) {
                return;
            }
            if !self.allowed.is_empty() && self.allowed.contains(&names::folded(&bytes[hit.start..hit.end])) {
                return;
            }
            if hit.hard && !self.is_kept_domain(bytes, &hit) {
                report(origin(hit.start), hit.kind.id(), true);
            } else if self.soft_blocks(bytes, &hit) {
                report(origin(hit.start), hit.kind.id(), false);
            } else {
                report(origin(hit.start), PASSES, false);
            }
        });
    }

    /// Whether an account's or a person's name is here a label of a learned domain, and the policy keeps
    /// domains: `OUTSIDER@fabrikam.com` and `bo@outsider.com`.
    fn is_kept_domain(&self, bytes: &[u8], hit: &Hit) -> bool {
        if self.treated.contains(Kind::Domain) || !matches!(hit.kind, Kind::Account | Kind::PersonName) {
            return false;
        }
        let part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-') || **b >= 0x80;
        let start = hit.start - bytes[..hit.start].iter().rev().take(253).take_while(part).count();
        let end = hit.end + bytes[hit.end..].iter().take(253).take_while(part).count();
        let name = std::str::from_utf8(&bytes[start..end]).unwrap_or_default().trim_end_matches(['.', '-']);
        let mut rest = Some(name);
        while let Some(domain) = rest {
            if domain.contains('.') && self.dictionary.domain(domain).is_some() {
                return bytes.get(end) != Some(&b'@');
            }
            rest = domain.split_once('.').map(|(_, parent)| parent);
        }
        false
    }

    /// Whether the place of a soft original says that it names somebody: `DOMAIN\x`, `user=x`,
    /// `\Users\x`, `CN=x`, `x@`, or the whole value of a member that holds identities.
    fn soft_blocks(&self, bytes: &[u8], hit: &Hit) -> bool {
        let before = &bytes[hit.start.saturating_sub(96)..hit.start];
        let after = &bytes[hit.end..(hit.end + 7).min(bytes.len())];
        let value = &bytes[hit.start..hit.end];
        let word = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80;
        // `Sync_<host token>_…`: the fixed beginning of our own pseudonym of a synchronization account.
        let token = bytes.get(hit.end + 1..hit.end + 16).and_then(|token| std::str::from_utf8(token).ok());
        if value == b"Sync"
            && after.first() == Some(&b'_')
            && token.is_some_and(|token| token.starts_with("h-") && shapes::is_token(token))
        {
            return false;
        }
        // Beside `@`, where a domain follows.
        if after.first() == Some(&b'@') && after.get(1).is_some_and(word) {
            return !after.eq_ignore_ascii_case(b"@odata.");
        }
        let domain = match before.iter().rev().take_while(|b| **b == b'\\').count() {
            0 => None,
            count => Some(&before[..before.len() - count]),
        };
        if let Some(domain) = domain {
            let name: Vec<u8> = domain
                .iter()
                .rev()
                .take_while(|b| word(b) || **b == b'-')
                .map(u8::to_ascii_lowercase)
                .collect();
            let name: Vec<u8> = name.into_iter().rev().collect();
            let name = String::from_utf8_lossy(&name);
            return name == "users" || self.dictionary.is_domain_label(&name);
        }
        let quoted = before.last() == Some(&b'"') && after.first() == Some(&b'"');
        if quoted {
            let member = member_before(&before[..before.len() - 1]);
            let folded = String::from_utf8_lossy(value);
            return match member {
                Some(member) => {
                    self.members.get(&crate::catalogue::fold(&member)).copied().unwrap_or(true)
                        && !vocabulary::is_stop_word(&folded)
                }
                None => false,
            };
        }
        let lower: Vec<u8> = before.iter().rev().take(16).map(u8::to_ascii_lowercase).rev().collect();
        ["user=", "username=", "sam=", "samaccountname=", "cn=", "upn=", "login=", "account="].iter().any(
            |cue| {
                ends_with(&lower, cue.as_bytes())
                    && !lower.get(..lower.len() - cue.len()).is_some_and(|rest| rest.last().is_some_and(word))
            },
        ) && !vocabulary::is_stop_word(&String::from_utf8_lossy(value))
    }
}

fn ends_with(bytes: &[u8], end: &[u8]) -> bool {
    bytes.ends_with(end)
}

/// The member name before the opening quote of its value: `"name":`.
fn member_before(before: &[u8]) -> Option<String> {
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b":")?.trim_ascii_end().strip_suffix(b"\"")?;
    let start = before.iter().rposition(|b| *b == b'"')? + 1;
    Some(String::from_utf8_lossy(&before[start..]).into_owned())
}

/// For every declared member: whether it holds an identity wherever it is declared.
fn members(catalogue: &Catalogue) -> HashMap<String, bool> {
    let identity = |field: &Field| match field {
        Field::Value { kind, .. } => matches!(
            kind,
            Kind::Upn
                | Kind::PersonName
                | Kind::NamePart
                | Kind::Account
                | Kind::ProxyAddress
                | Kind::Host
                | Kind::GroupName
                | Kind::Domain
                | Kind::Partner
                | Kind::Puid
                | Kind::Dn
        ),
        Field::Object(_) | Field::By { .. } | Field::Drop => false,
    };
    let mut members = HashMap::new();
    for record_type in catalogue.types() {
        for (name, field) in &record_type.fields {
            let entry = members.entry(crate::catalogue::fold(name)).or_insert(true);
            *entry &= identity(field);
        }
    }
    members
}

#[cfg(test)]
mod tests;
