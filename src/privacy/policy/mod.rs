//! Policies: one rule per kind with a reason, and exceptions for single fields.
//!
//! A policy is a preset, or a file that changes one. What a file makes looser than its preset
//! carries a ticket and a last day; after that day, and where the day is not known, the preset's
//! rule holds. `secret` is locked to `drop`.

pub mod model;
mod place;
pub mod selector;
pub mod treatment;

use crate::error::{Error, Result};
use crate::kind::Kind;
use jiff::civil::Date;
use model::{Exception, File, Outside, Private};
use selector::Selector;
use std::collections::BTreeMap;
use treatment::Treatment;

const PRESETS: [(&str, &str); 3] = [
    ("minimal", include_str!("presets/minimal.json")),
    ("balanced", include_str!("presets/balanced.json")),
    ("strict", include_str!("presets/strict.json")),
];
const PRESET_VERSION: u32 = 1;
const GUID_LISTS: [&str; 4] =
    ["builtin:first-party-apps", "builtin:role-templates", "builtin:permissions", "builtin:aaguids"];
const DOMAIN_LIST: &str = "builtin:consumer-mail";

/// The rule of a kind, with where it comes from.
#[derive(Clone, Debug)]
pub struct KindRule {
    /// What happens.
    pub treatment: Treatment,
    /// Why.
    pub reason: String,
    /// The preset or policy that says so.
    pub origin: String,
    /// Until when a looser rule works.
    pub until: Option<Date>,
    /// The rule that this one replaced.
    pub inherited: Option<Box<KindRule>>,
}

impl KindRule {
    /// The rule in force on `today`: a looser rule works up to its last day, and not at all where
    /// the day is unknown.
    pub fn in_force(&self, today: Option<Date>) -> &KindRule {
        match (&self.inherited, self.until) {
            (Some(old), until) if self.treatment.looser_than(old.treatment) => {
                if today.zip(until).is_some_and(|(today, until)| today <= until) {
                    self
                } else {
                    old.in_force(today)
                }
            }
            _ => self,
        }
    }
}

/// An exception with its parsed selector.
#[derive(Clone, Debug)]
pub struct ExceptionRule {
    /// As written.
    pub says: Exception,
    /// Where it applies.
    pub selector: Selector,
    /// Line and column in its file, for messages.
    pub at: (usize, usize),
    /// The preset or policy that says so.
    pub origin: String,
    /// Position in the chain of policies; later wins.
    pub rank: usize,
    /// Until when it works, if it loosens.
    pub until: Option<Date>,
}

/// A policy: every kind has a rule.
#[derive(Clone, Debug)]
pub struct Policy {
    file: File,
    source: String,
    rules: BTreeMap<Kind, KindRule>,
    exceptions: Vec<ExceptionRule>,
    outside: Outside,
    private: Private,
    consumer_mail: bool,
    /// Whether it is compiled in; a file of the same id is not.
    preset: bool,
}

impl Policy {
    /// A preset: `minimal`, `balanced`, `strict`, or `builtin:<name>` with an optional `@1`.
    pub fn builtin(id: &str) -> Option<Policy> {
        let name = id.strip_prefix("builtin:").unwrap_or(id);
        let name = match name.split_once('@') {
            Some((name, version)) => (version.parse() == Ok(PRESET_VERSION)).then_some(name)?,
            None => name,
        };
        let (_, text) = PRESETS.iter().find(|(preset, _)| *preset == name)?;
        let mut policy = read(text, name).expect("presets are tested to be valid");
        policy.preset = true;
        Some(policy)
    }

    /// The names of the presets, loosest first.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// Reads a policy file. `source_name` is what messages call it. An invalid file is a usage
    /// error that names line, column and what is allowed.
    pub fn parse(text: &str, source_name: &str) -> Result<Policy> {
        read(text.strip_prefix('\u{feff}').unwrap_or(text), source_name)
    }

    /// The file as it was read.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The file as JSON, to start a policy from.
    pub fn to_json(&self) -> String {
        match PRESETS.iter().find(|(name, _)| self.builtin_name() == Some(name)) {
            Some((_, text)) => (*text).to_owned(),
            None => serde_json::to_string_pretty(&self.file).unwrap_or_default() + "\n",
        }
    }

    /// The preset's name, if this is one.
    pub fn builtin_name(&self) -> Option<&str> {
        if self.preset { self.file.id.strip_prefix("builtin:") } else { None }
    }

    /// How messages and explanations call it.
    pub fn name(&self) -> &str {
        &self.source
    }

    /// Its version, as the file says.
    pub fn version(&self) -> u64 {
        self.file.version.into()
    }

    /// Name and version for people: `balanced@1`.
    pub fn title(&self) -> String {
        format!("{}@{}", self.builtin_name().unwrap_or(&self.file.id), self.file.version)
    }

    /// The rule of a kind as written, before dates are looked at.
    pub fn rule(&self, kind: Kind) -> &KindRule {
        &self.rules[&kind]
    }

    /// The exceptions in the order in which they were written, the preset's first.
    pub fn exceptions(&self) -> &[ExceptionRule] {
        &self.exceptions
    }

    /// What happens to kept values outside their grammar.
    pub fn outside(&self) -> Outside {
        self.outside
    }

    /// Treatment of private addresses.
    pub fn private_addresses(&self) -> Private {
        self.private
    }

    /// Whether domains of consumer mail stay readable.
    pub fn keeps_consumer_mail(&self) -> bool {
        self.consumer_mail
    }
}

/// A policy file under inspection: makes errors that name the place.
struct Inspected<'t> {
    text: &'t str,
    source: &'t str,
}

impl Inspected<'_> {
    fn wrong(&self, path: &[&str], message: impl AsRef<str>) -> Error {
        let (line, column) = place::locate(self.text, path);
        self.wrong_at(line, column, message.as_ref())
    }

    fn wrong_at(&self, line: usize, column: usize, message: &str) -> Error {
        Error::usage(format!("policy `{}`, line {line}, column {column}: {message}", self.source))
            .hint("`entra-bundle policy show balanced` prints a complete policy to start from")
    }

    fn date(&self, path: &[&str], text: Option<&str>) -> Result<Option<Date>> {
        let Some(text) = text else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.wrong(path, "`until` is a day, written YYYY-MM-DD"))
    }

    fn reason(&self, path: &[&str], reason: &str) -> Result<()> {
        if reason.trim().is_empty() {
            return Err(self.wrong(path, "the reason is empty; every rule says why"));
        }
        Ok(())
    }
}

fn read(text: &str, source: &str) -> Result<Policy> {
    let inspected = Inspected { text, source };
    let file: File = serde_json::from_str(text).map_err(|error| {
        let full = error.to_string();
        let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(message, _)| message);
        inspected.wrong_at(error.line(), error.column(), message)
    })?;
    let base = base(&inspected, &file)?;
    let rank = base.as_ref().map_or(0, |_| 1);
    let mut rules = base.as_ref().map(|base| base.rules.clone()).unwrap_or_default();
    for (kind, rule) in &file.kinds {
        let path = ["kinds", kind.id()];
        inspected.reason(&["kinds", kind.id(), "reason"], &rule.reason)?;
        let treatment = Treatment::new(*kind, rule.action, &rule.parameters())
            .map_err(|allowed| inspected.wrong(&path, allowed))?;
        let until = inspected.date(&["kinds", kind.id(), "until"], rule.until.as_deref())?;
        let inherited = rules.get(kind).cloned().map(Box::new);
        if let Some(old) = &inherited
            && treatment.looser_than(old.treatment)
            && (until.is_none() || rule.ticket.as_deref().is_none_or(str::is_empty))
        {
            return Err(inspected.wrong(
                &path,
                format!(
                    "`{}` for `{kind}` is looser than `{}` of {}; a looser rule needs `ticket` and `until`",
                    treatment.id(),
                    old.treatment.id(),
                    old.origin
                ),
            ));
        }
        let origin = if rank == 0 { file.id.clone() } else { source.to_owned() };
        rules.insert(*kind, KindRule { treatment, reason: rule.reason.clone(), origin, until, inherited });
    }
    let missing: Vec<&str> = Kind::all().filter(|kind| !rules.contains_key(kind)).map(Kind::id).collect();
    if !missing.is_empty() {
        return Err(inspected.wrong(
            &["kinds"],
            format!(
                "no rule for {}; extend a preset (\"builtin:balanced@1\") or name every kind",
                missing.join(", ")
            ),
        ));
    }
    let mut exceptions = base.as_ref().map(|base| base.exceptions.clone()).unwrap_or_default();
    for (index, says) in file.exceptions.iter().enumerate() {
        exceptions.push(exception(&inspected, says, index, source, rank)?);
    }
    let (outside, private, consumer_mail) = choices(&inspected, &file, base.as_ref())?;
    Ok(Policy {
        source: source.to_owned(),
        rules,
        exceptions,
        outside,
        private,
        consumer_mail,
        file,
        preset: false,
    })
}

/// The preset that the file extends.
fn base(inspected: &Inspected<'_>, file: &File) -> Result<Option<Policy>> {
    let presets = || {
        let list: Vec<String> =
            PRESETS.iter().map(|(name, _)| format!("\"builtin:{name}@{PRESET_VERSION}\"")).collect();
        list.join(", ")
    };
    match file.extends.as_slice() {
        [] => Ok(None),
        [one] if one.starts_with("builtin:") && one.contains('@') => {
            Policy::builtin(one).map(Some).ok_or_else(|| {
                inspected.wrong(&["extends", "0"], format!("unknown preset; allowed are {}", presets()))
            })
        }
        [_] => Err(inspected.wrong(&["extends", "0"], format!("a policy extends one of {}", presets()))),
        _ => Err(inspected.wrong(&["extends", "1"], "a policy extends one preset in this version")),
    }
}

fn exception(
    inspected: &Inspected<'_>,
    says: &Exception,
    index: usize,
    source: &str,
    rank: usize,
) -> Result<ExceptionRule> {
    let index = index.to_string();
    let at = |member: &'static str| ["exceptions".to_owned(), index.clone(), member.to_owned()];
    let wrong = |member: &'static str, message: &str| {
        let path = at(member);
        inspected.wrong(&path.each_ref().map(String::as_str), message)
    };
    let whole = |message: &str| inspected.wrong(&["exceptions", &index], message);
    if says.reason.trim().is_empty() {
        return Err(wrong("reason", "the reason is empty; every exception says why"));
    }
    let selector = Selector::parse(&says.select).map_err(|allowed| wrong("select", &allowed))?;
    if says.action.is_none() == says.kind.is_none() {
        return Err(whole("an exception has either `do` (another treatment) or `kind` (another kind)"));
    }
    let parameters = says.parameters();
    if says.kind.is_some() {
        let beside = model::Parameters { grammar: None, ..parameters.clone() };
        if beside != model::Parameters::default() || says.by.is_some() || says.table.is_some() {
            return Err(whole("beside `kind` only `grammar` is allowed"));
        }
        if says.kind == Some(Kind::Secret) && says.grammar.is_some() {
            return Err(whole("`secret` has no grammar; it is always dropped"));
        }
    }
    if let Some(grammar) = &says.grammar
        && crate::catalogue::Grammar::parse(grammar).is_none()
    {
        return Err(wrong(
            "grammar",
            "unknown grammar; allowed are boolean, duration, guid, iso-country, iso-language, number, timestamp, version, enum:<list> and pattern:<name> of the catalogue",
        ));
    }
    if (says.by.is_some() || says.table.is_some()) && says.action != Some(model::Do::Parse) {
        return Err(whole("`by` and `table` stand beside `\"do\": \"parse\"`"));
    }
    if says.by.is_some() != says.table.is_some() {
        return Err(whole("`by` and `table` stand together"));
    }
    if says
        .by
        .as_deref()
        .is_some_and(|by| by.strip_prefix("../").is_none_or(|name| name.is_empty() || name.contains('/')))
    {
        return Err(wrong("by", "`by` names a sibling: `../<member>`"));
    }
    if let Some(action) = says.action {
        // Checked again with the kind of each field it meets; here what is wrong for every kind.
        let all: Vec<_> = Kind::all().map(|kind| Treatment::new(kind, action, &parameters)).collect();
        if all.iter().all(std::result::Result::is_err)
            && let Some(Err(allowed)) = all.into_iter().next()
        {
            return Err(whole(&allowed));
        }
    }
    let path = at("until");
    let until = inspected.date(&path.each_ref().map(String::as_str), says.until.as_deref())?;
    Ok(ExceptionRule {
        at: place::locate(inspected.text, &["exceptions", &index]),
        says: says.clone(),
        selector,
        origin: source.to_owned(),
        rank,
        until,
    })
}

/// The choices beside rules: they follow the preset and can only tighten.
fn choices(
    inspected: &Inspected<'_>,
    file: &File,
    base: Option<&Policy>,
) -> Result<(Outside, Private, bool)> {
    let tighter = |wanted_looser: bool, path: [&str; 2]| {
        if wanted_looser {
            return Err(
                inspected.wrong(&path, "this is looser than the preset; extend a looser preset instead")
            );
        }
        Ok(())
    };
    let inherited = base.map(|base| base.outside).unwrap_or_default();
    let outside = file.defaults.outside_grammar.unwrap_or(inherited);
    tighter(base.is_some() && outside < inherited, ["defaults", "outside_grammar"])?;
    let inherited = base.map(|base| base.private).unwrap_or_default();
    let private = file.ip.private.unwrap_or(inherited);
    tighter(base.is_some() && private < inherited, ["ip", "private"])?;
    if file.ip.keep_risky {
        return Err(inspected.wrong(
            &["ip", "keep_risky"],
            "keeping addresses of risk detections is not supported in this version; allowed is false",
        ));
    }
    if !file.keep.ips.is_empty() || !file.keep.accounts.is_empty() {
        let member = if file.keep.ips.is_empty() { "accounts" } else { "ips" };
        return Err(inspected.wrong(
            &["keep", member],
            "literal keep-lists are not supported in this version; allowed are `guids` and `domains`",
        ));
    }
    let mut guids: Vec<&str> = file.keep.guids.iter().map(String::as_str).collect();
    guids.sort_unstable();
    let mut known = GUID_LISTS;
    known.sort_unstable();
    if !guids.is_empty() && guids != known {
        return Err(inspected.wrong(
            &["keep", "guids"],
            format!("the lists stand together in this version: {}", GUID_LISTS.join(", ")),
        ));
    }
    let consumer = match file.keep.domains.as_slice() {
        [] => base.is_some_and(|base| base.consumer_mail),
        [one] if one == DOMAIN_LIST => true,
        _ => return Err(inspected.wrong(&["keep", "domains"], format!("allowed is \"{DOMAIN_LIST}\""))),
    };
    Ok((outside, private, consumer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_complete_and_ordered_by_strictness() {
        let presets: Vec<Policy> = Policy::presets().map(|name| Policy::builtin(name).unwrap()).collect();
        for (name, policy) in Policy::presets().zip(&presets) {
            assert_eq!(policy.builtin_name(), Some(name));
            for kind in Kind::all() {
                assert!(policy.file.kinds[&kind].reason.len() > 10, "{name} {kind}");
            }
            assert_eq!(policy.file.id, format!("builtin:{name}"));
        }
        for pair in presets.windows(2) {
            for kind in Kind::all() {
                let (loose, strict) = (pair[0].rule(kind), pair[1].rule(kind));
                assert!(!strict.treatment.looser_than(loose.treatment), "{kind}");
            }
            assert!(pair[0].private <= pair[1].private && pair[0].outside <= pair[1].outside);
        }
    }

    #[test]
    fn presets_are_found_by_every_spelling_and_version() {
        assert!(Policy::builtin("balanced").is_some());
        assert!(Policy::builtin("builtin:strict@1").is_some());
        assert!(Policy::builtin("balanced@2").is_none());
        assert!(Policy::builtin("loose").is_none());
        // A file with the text and the name of a preset is a file.
        let copy = Policy::parse(&Policy::builtin("strict").unwrap().to_json(), "strict").unwrap();
        assert_eq!(copy.builtin_name(), None);
    }
}
