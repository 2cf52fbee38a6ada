//! The frozen dictionary: learned names with their index, learned domains, learned entities.
//!
//! A pure function of what was learned; shared by all workers. Budget: 100 bytes an entry (its
//! text, 8 bytes of entry, 16 to 24 bytes a form, its share of the bit table) and 17 bytes an entity.

use super::entity::Entities;
use super::frequency::is_wordlike;
use super::hardness::is_bare;
use super::lookup::{Builder, Form, Index, fold_word};
use crate::kind::{Kind, KindSet};
use std::collections::BTreeSet;
use std::net::IpAddr;

#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    length: u16,
    kind: Kind,
    bare: bool,
}

/// What one learned original is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its canonical text.
    pub text: &'a str,
    /// Whether the rewriter replaces it without any context.
    pub bare: bool,
}

/// Learned names and entities.
pub struct Dictionary {
    arena: String,
    entries: Vec<Entry>,
    index: Index,
    folded: Index,
    /// The entries of each kind, which are sorted by text.
    groups: Vec<(Kind, std::ops::Range<u32>)>,
    entities: Entities,
    /// First labels of learned domains and NetBIOS names, sorted.
    domain_labels: Vec<Box<str>>,
    /// Last labels of learned domains, sorted.
    domain_ends: Vec<Box<str>>,
    /// Filter over them: a bit for every last byte without its case.
    end_bits: u64,
    sources: Vec<String>,
    /// Addresses of risk detections, sorted.
    risky: Vec<IpAddr>,
    /// Labels that the frequency guard leaves where nothing says what they are, sorted.
    guarded: Vec<Box<str>>,
    /// Whether texts keep nothing but wording, because no directory was read.
    wording_only: bool,
}

/// Datasets that list the people of a tenant. Without any of them nobody knows the names in its texts.
const DIRECTORIES: [&str; 10] = [
    "aadc_csexport",
    "aadc_csexport_analysis",
    "aadc_object_export",
    "ad_objects",
    "contacts",
    "identity_info",
    "user_registration_details",
    "users",
    "users_registered_by_method",
    "users_signin_activity",
];

/// Fewest characters of a word of a name that makes a label somebody's.
const PART: usize = 4;

/// Which kind a form has when several were learned and no context decides.
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Upn => 0,
        Kind::Host => 1,
        Kind::PersonName => 2,
        Kind::Account => 3,
        Kind::Domain => 4,
        Kind::Partner => 5,
        Kind::GroupName => 6,
        Kind::Puid => 7,
        _ => 8,
    }
}

impl Dictionary {
    /// Freezes sorted names per kind.
    pub(crate) fn build(
        mut names: Vec<(Kind, Vec<Box<str>>)>,
        entities: Entities,
        sources: Vec<String>,
    ) -> Dictionary {
        // A domain is a domain, also where it stands in a field of names or accounts: the rule for domains
        // decides, or a policy that keeps domains could never seal.
        let domains: BTreeSet<Box<str>> = names
            .iter()
            .filter(|(kind, _)| matches!(kind, Kind::Domain | Kind::Partner))
            .flat_map(|(_, texts)| texts.iter().filter(|text| text.contains('.')).cloned())
            .collect();
        for (kind, texts) in &mut names {
            if matches!(kind, Kind::Account | Kind::PersonName | Kind::GroupName) {
                texts.retain(|text| !domains.contains(text));
            }
        }
        // Entries in the order of rank: the first exact form of a text is the kind it has without context.
        names.sort_by_key(|(kind, _)| (rank(*kind), *kind));
        let count = names.iter().map(|(_, texts)| texts.len()).sum();
        let mut arena = String::new();
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        let mut index = Builder::default();
        let mut folded = Builder::default();
        let (mut labels, mut ends) = (BTreeSet::new(), BTreeSet::new());
        let mut groups = Vec::new();
        for (kind, texts) in names {
            let first = entries.len() as u32;
            for text in texts {
                let (Ok(start), Ok(length)) = (u32::try_from(arena.len()), u16::try_from(text.len())) else {
                    continue;
                };
                let number = entries.len() as u32;
                index.add(&text, number, false);
                match kind {
                    Kind::PersonName => {
                        for order in written(&text) {
                            index.add(&order, number, true);
                        }
                    }
                    Kind::Upn => {
                        let path: String =
                            text.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
                        folded.add(&path, number, true);
                    }
                    Kind::Domain | Kind::Partner => {
                        labels.insert(Box::from(text.split('.').next().unwrap_or(&text)));
                        if let Some((_, end)) = text.rsplit_once('.') {
                            ends.insert(Box::from(end));
                        }
                    }
                    _ => {}
                }
                entries.push(Entry { start, length, kind, bare: is_bare(kind, &text) });
                arena.push_str(&text);
            }
            groups.push((kind, first..entries.len() as u32));
        }
        arena.shrink_to_fit();
        let end_bits = ends.iter().fold(0, |bits, end| bits | end_bit(end));
        Dictionary {
            arena,
            entries,
            index: index.freeze(),
            folded: folded.freeze(),
            groups,
            entities,
            domain_labels: labels.into_iter().collect(),
            domain_ends: ends.into_iter().collect(),
            end_bits,
            sources,
            risky: Vec::new(),
            guarded: Vec::new(),
            wording_only: false,
        }
    }

    /// With the addresses of risk detections, sorted.
    pub(crate) fn with_risky(self, risky: Vec<IpAddr>) -> Dictionary {
        Dictionary { risky, ..self }
    }

    /// The addresses of risk detections, sorted.
    pub fn risky(&self) -> &[IpAddr] {
        &self.risky
    }

    /// Applies the frequency guard: labels of letters only that `is_frequent` says are words of the texts,
    /// and that are not made of somebody's name, are no longer replaced bare, and are soft.
    pub(crate) fn guard(&mut self, is_frequent: impl Fn(&str) -> bool) {
        let Some((_, group)) = self.groups.iter().find(|(kind, _)| *kind == Kind::Account).cloned() else {
            return;
        };
        let guards = |number: &u32| {
            let label = self.original(*number);
            label.bare && is_wordlike(label.text) && is_frequent(label.text)
        };
        let mut found: Vec<u32> = group.filter(guards).collect();
        if found.is_empty() {
            return;
        }
        let mut parts: BTreeSet<&str> = BTreeSet::new();
        for (_, name) in self.originals().filter(|(kind, _)| *kind == Kind::PersonName) {
            parts.extend(name.split(|c: char| !c.is_alphanumeric()).filter(|w| w.chars().count() >= PART));
        }
        // Every stretch of the label is asked for, so that time does not grow with labels times names.
        let made = |label: &str| {
            let ends = || label.char_indices().map(|(at, c)| at + c.len_utf8());
            label.char_indices().any(|(from, _)| {
                ends()
                    .filter(|to| *to > from && to - from < label.len())
                    .any(|to| parts.contains(&label[from..to]))
            })
        };
        found.retain(|number| !made(self.original(*number).text));
        self.guarded = found.iter().map(|number| Box::from(self.original(*number).text)).collect();
        for number in found {
            self.entries[number as usize].bare = false;
        }
    }

    /// Number of labels that the frequency guard leaves where nothing says what they are.
    pub fn guarded(&self) -> u64 {
        self.guarded.len() as u64
    }

    /// Whether the frequency guard leaves the label.
    pub(crate) fn is_guarded(&self, kind: Kind, text: &str) -> bool {
        kind == Kind::Account && self.guarded.binary_search_by(|known| known.as_ref().cmp(text)).is_ok()
    }

    /// Whether a dataset that lists the people of the tenant taught something.
    pub fn knows_a_directory(&self) -> bool {
        self.sources.iter().any(|source| DIRECTORIES.contains(&source.as_str()))
    }

    /// Has texts keep nothing but wording: words that are this program's own, shapes, numbers.
    pub fn keep_wording_only(&mut self) {
        self.wording_only = true;
    }

    /// Whether texts keep nothing but wording.
    pub fn keeps_wording_only(&self) -> bool {
        self.wording_only
    }

    /// Number of learned originals that are not GUIDs or SIDs: the N of "N learned from …".
    pub fn names(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Ids of the datasets that taught something, sorted.
    pub fn sources(&self) -> Vec<String> {
        self.sources.clone()
    }

    /// Whether the GUID (16 bytes in textual order) was learned from a field of one of the kinds.
    pub fn is_entity(&self, guid: &[u8; 16], kinds: KindSet) -> bool {
        self.entities.contains(guid, kinds)
    }

    /// Number of learned GUIDs and SIDs.
    pub fn entity_count(&self) -> u64 {
        self.entities.len() as u64
    }

    /// The keyed digest of all that was learned, as it stands in the manifest: bundles whose digests
    /// differ may name the same thing differently in free text.
    pub fn digest(&self, names: &super::Pseudonymizer) -> String {
        names.dictionary_digest(self.entries())
    }

    /// The learned entities.
    pub fn entities(&self) -> &Entities {
        &self.entities
    }

    /// Kind and canonical bytes of everything learned, entities included: the input of the keyed digest.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        self.originals()
            .map(|(kind, text)| (kind.id(), text.as_bytes().to_vec()))
            .chain(self.entities.entries())
    }

    /// All originals in the order of rank and text.
    pub fn originals(&self) -> impl Iterator<Item = (Kind, &str)> {
        (0..self.entries.len() as u32).map(|number| {
            let original = self.original(number);
            (original.kind, original.text)
        })
    }

    pub(crate) fn original(&self, entry: u32) -> Original<'_> {
        let Entry { start, length, kind, bare } = self.entries[entry as usize];
        let start = start as usize;
        Original { kind, text: &self.arena[start..start + length as usize], bare }
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The original that a text is, of one of the kinds, in any case and spacing.
    pub(crate) fn find(&self, text: &str, kinds: &[Kind]) -> Option<Original<'_>> {
        self.index
            .whole(text)
            .iter()
            .filter(|form| !form.derived)
            .map(|form| self.original(form.entry))
            .find(|original| kinds.contains(&original.kind))
    }

    /// The originals of a kind that begin with a folded text, in order.
    pub(crate) fn beginning_with<'d>(&'d self, kind: Kind, text: &'d str) -> impl Iterator<Item = &'d str> {
        let group =
            self.groups.iter().find(|(known, _)| *known == kind).map_or(0..0, |(_, group)| group.clone());
        let (mut low, mut high) = (group.start, group.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.original(middle).text < text { low = middle + 1 } else { high = middle }
        }
        (low..group.end)
            .map(|entry| self.original(entry).text)
            .take_while(move |known| known.starts_with(text))
    }

    /// The UPN behind a path segment such as `greta_schmidt_contoso_com`, if there is exactly one.
    pub(crate) fn unfold(&self, segment: &str) -> Option<Original<'_>> {
        match self.folded.whole(segment) {
            [Form { entry, .. }] => Some(self.original(*entry)),
            _ => None,
        }
    }

    /// The learned domain that a name is. Case does not matter.
    pub(crate) fn domain(&self, name: &str) -> Option<Original<'_>> {
        self.find(name, &[Kind::Domain, Kind::Partner])
    }

    /// Whether the label starts a learned domain or is a learned NetBIOS domain.
    pub(crate) fn is_domain_label(&self, label: &str) -> bool {
        if self.domain_labels.is_empty() {
            return false;
        }
        let folded = fold_word(label);
        self.domain_labels.binary_search_by(|known| known.as_ref().cmp(&folded)).is_ok()
    }

    /// Whether a domain was learned that has a last label.
    pub(crate) fn has_domain_ends(&self) -> bool {
        !self.domain_ends.is_empty()
    }

    /// Whether some learned domain ends in this label: the cheap question before [`Dictionary::domain`].
    pub(crate) fn is_domain_end(&self, label: &str) -> bool {
        if label.is_ascii() && self.end_bits & end_bit(label) == 0 {
            return false;
        }
        let folded = fold_word(label);
        self.domain_ends.binary_search_by(|known| known.as_ref().cmp(&folded)).is_ok()
    }
}

/// The filter bit of a label: by its last byte without case, and its length.
fn end_bit(label: &str) -> u64 {
    let last = label.bytes().next_back().unwrap_or(0) & 0x1f;
    let length = if label.is_ascii() { label.len() } else { label.chars().count() };
    1 << ((usize::from(last) + 7 * length) % 64)
}

/// Other ways in which a name is written: its other orders, and all of them in ASCII letters.
pub(crate) fn written(name: &str) -> Vec<String> {
    let mut out = orders(name);
    for plain in super::fold::ascii_forms(name) {
        // One word without its accents may be a word of the language.
        if plain.contains(' ') || !super::vocabulary::is_vocabulary(&plain) {
            out.extend(orders(&plain));
            out.push(plain);
        }
    }
    out
}

/// Other orders in which a name of two or more words is written: `Schmidt, Greta` ⇄ `Greta Schmidt`.
/// A remark in parentheses at the end is left out.
pub(crate) fn orders(name: &str) -> Vec<String> {
    let mut out = Vec::new();
    let plain = match name.split_once(" (") {
        Some((before, remark)) if remark.ends_with(')') && before.contains(' ') => {
            out.push(before.to_owned());
            before
        }
        _ => name,
    };
    if let Some((surname, given)) = plain.split_once(',') {
        let (surname, given) = (surname.trim(), given.trim());
        if !surname.is_empty() && !given.is_empty() && !given.contains(',') {
            out.push(format!("{given} {surname}"));
        }
        return out;
    }
    let words: Vec<&str> = plain.split_whitespace().collect();
    if (2..=4).contains(&words.len()) {
        if let Some((last, first)) = words.split_last() {
            out.push(format!("{last}, {}", first.join(" ")));
        }
        if let (true, Some((first, last))) = (words.len() > 2, words.split_first()) {
            out.push(format!("{}, {first}", last.join(" ")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::hardness::{Hardness, hardness};
    use super::super::learn::Learner;
    use super::*;

    fn dictionary(values: &[(Kind, &str)]) -> Dictionary {
        let mut learner = Learner::new();
        for (kind, value) in values {
            learner.learn(*kind, value, "users");
        }
        learner.freeze()
    }

    #[test]
    fn orders_of_names() {
        assert_eq!(orders("greta schmidt"), ["schmidt, greta"]);
        assert_eq!(orders("schmidt, greta"), ["greta schmidt"]);
        assert_eq!(orders("maria del carmen"), ["carmen, maria del", "del carmen, maria"]);
        assert_eq!(orders("schmidt, greta (it)"), ["schmidt, greta", "greta schmidt"]);
        assert!(orders("greta").is_empty());
        assert!(orders(", x").is_empty());
    }

    #[test]
    fn names_are_written_in_ascii_letters_too() {
        let forms = written("jürgen müller");
        for form in
            ["müller, jürgen", "jurgen muller", "muller, jurgen", "juergen mueller", "mueller, juergen"]
        {
            assert!(forms.iter().any(|known| known == form), "{form}: {forms:?}");
        }
        assert_eq!(written("greta schmidt"), orders("greta schmidt"));
    }

    #[test]
    fn the_first_exact_form_of_a_text_has_the_highest_rank() {
        let dictionary =
            dictionary(&[(Kind::Account, "gretaws"), (Kind::Host, "GRETAWS"), (Kind::PersonName, "Gretaws")]);
        let forms = dictionary.index().whole("gretaws");
        assert_eq!(forms.len(), 3);
        assert_eq!(dictionary.original(forms[0].entry).kind, Kind::Host);
        assert_eq!(dictionary.find("GretaWS", &[Kind::Account]).map(|o| o.kind), Some(Kind::Account));
    }

    #[test]
    fn a_path_segment_finds_its_one_upn() {
        let one = dictionary(&[(Kind::Upn, "greta.schmidt@contoso.com")]);
        assert_eq!(
            one.unfold("Greta_Schmidt_contoso_com").map(|o| o.text),
            Some("greta.schmidt@contoso.com")
        );
        let two =
            dictionary(&[(Kind::Upn, "greta.schmidt@contoso.com"), (Kind::Upn, "greta_schmidt@contoso.com")]);
        assert_eq!(two.unfold("greta_schmidt_contoso_com"), None);
    }

    #[test]
    fn every_hard_original_is_bare() {
        let dictionary = dictionary(&[
            (Kind::Upn, "a@b.c"),
            (Kind::PersonName, "Castellanos"),
            (Kind::PersonName, "Li Wu"),
            (Kind::PersonName, "Mark"),
            (Kind::Account, "12345678"),
            (Kind::Account, "admin"),
            (Kind::Host, "ad"),
            (Kind::GroupName, "Project Falcon"),
            (Kind::Domain, "contoso.com"),
            (Kind::Puid, "10032000ABCDEF12"),
        ]);
        assert!(dictionary.names() >= 8);
        for number in 0..dictionary.entries.len() as u32 {
            let original = dictionary.original(number);
            assert!(hardness(original.text) == Hardness::Soft || original.bare, "{}", original.text);
        }
    }

    #[test]
    fn a_domain_in_a_field_of_names_stays_a_domain() {
        let dictionary = dictionary(&[
            (Kind::Domain, "contoso.com"),
            (Kind::PersonName, "contoso.com"),
            (Kind::Account, "contoso.com"),
            (Kind::Account, "contoso"),
        ]);
        let kinds: Vec<_> = dictionary.originals().filter(|(_, text)| text.contains('.')).collect();
        assert_eq!(kinds, [(Kind::Domain, "contoso.com")]);
        assert!(dictionary.find("contoso", &[Kind::Account]).is_some());
    }
}
