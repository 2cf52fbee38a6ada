//! Reads a policy file and says everything that is wrong with it, each with its place.

use super::condition::Condition;
use super::model::{self, Exception, File, Outside, Private, Rule};
use super::selector::Selector;
use super::treatment::Treatment;
use super::{DOMAIN_LIST, ExceptionRule, GUID_LISTS, KindRule, PRESET_VERSION, PRESETS, Policy, place};
use crate::error::Error;
use crate::kind::Kind;
use jiff::civil::Date;

/// What is wrong with a policy file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Wrong {
    /// The usage error of a file called `source`.
    pub fn into_error(self, source: &str) -> Error {
        let Wrong { line, column, message } = self;
        Error::usage(format!("policy `{source}`, line {line}, column {column}: {message}"))
            .hint("`entra-bundle policy lint FILE` lists everything that is wrong; `policy show balanced` prints a complete policy to start from")
    }
}

type Checked<T> = std::result::Result<T, Wrong>;

/// A policy file under inspection: makes errors that name the place.
struct Inspected<'t> {
    text: &'t str,
}

impl Inspected<'_> {
    fn wrong(&self, path: &[&str], message: impl Into<String>) -> Wrong {
        let (line, column) = place::locate(self.text, path);
        Wrong { line, column, message: message.into() }
    }

    fn date(&self, path: &[&str], text: Option<&str>) -> Checked<Option<Date>> {
        let Some(text) = text else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.wrong(path, "`until` is a day, written YYYY-MM-DD"))
    }

    fn reason(&self, path: &[&str], reason: &str) -> Checked<()> {
        if reason.trim().is_empty() {
            return Err(self.wrong(path, "the reason is empty; every rule says why"));
        }
        Ok(())
    }
}

pub(super) fn read(text: &str, source: &str) -> std::result::Result<Policy, Vec<Wrong>> {
    let inspected = Inspected { text };
    let file: File = serde_json::from_str(text).map_err(|error| {
        let full = error.to_string();
        let message = match full.rsplit_once(" at line ").map_or(full.as_str(), |(message, _)| message) {
            unknown if unknown.starts_with("unknown field `risk`") => {
                "`risk` sets limits of a report on re-identification, which this version does not write; leave it out"
            }
            other => other,
        };
        vec![Wrong { line: error.line(), column: error.column(), message: message.to_owned() }]
    })?;
    let base = base(&inspected, &file).map_err(|wrong| vec![wrong])?;
    let rank = base.as_ref().map_or(0, |_| 1);
    let mut wrong = Vec::new();
    let mut rules = base.as_ref().map(|base| base.rules.clone()).unwrap_or_default();
    for (kind, written) in &file.kinds {
        let origin = if rank == 0 { &file.id } else { source };
        match kind_rule(&inspected, *kind, written, rules.get(kind), origin) {
            Ok(rule) => {
                rules.insert(*kind, rule);
            }
            Err(one) => wrong.push(one),
        }
    }
    let unnamed = |kind: &Kind| !rules.contains_key(kind) && !file.kinds.contains_key(kind);
    let missing: Vec<&str> = Kind::all().filter(unnamed).map(Kind::id).collect();
    if !missing.is_empty() {
        wrong.push(inspected.wrong(
            &["kinds"],
            format!(
                "no rule for {}; extend a preset (\"builtin:balanced@1\") or name every kind",
                missing.join(", ")
            ),
        ));
    }
    let mut exceptions = base.as_ref().map(|base| base.exceptions.clone()).unwrap_or_default();
    for (index, says) in file.exceptions.iter().enumerate() {
        match exception(&inspected, says, index, source, rank) {
            Ok(rule) => exceptions.push(rule),
            Err(one) => wrong.push(one),
        }
    }
    match choices(&inspected, &file, base.as_ref()) {
        Ok((outside, private, consumer_mail)) if wrong.is_empty() => Ok(Policy {
            source: source.to_owned(),
            rules,
            exceptions,
            outside,
            private,
            consumer_mail,
            file,
            preset: false,
        }),
        other => {
            wrong.extend(other.err());
            wrong.sort_by_key(|one| (one.line, one.column));
            Err(wrong)
        }
    }
}

/// The rule of a kind as the file writes it, over the one it inherits.
fn kind_rule(
    inspected: &Inspected<'_>,
    kind: Kind,
    rule: &Rule,
    inherited: Option<&KindRule>,
    origin: &str,
) -> Checked<KindRule> {
    let path = ["kinds", kind.id()];
    inspected.reason(&["kinds", kind.id(), "reason"], &rule.reason)?;
    let treatment = Treatment::new(kind, rule.action, &rule.parameters())
        .map_err(|allowed| inspected.wrong(&path, allowed))?;
    let until = inspected.date(&["kinds", kind.id(), "until"], rule.until.as_deref())?;
    if let Some(old) = inherited
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
    Ok(KindRule {
        treatment,
        reason: rule.reason.clone(),
        origin: origin.to_owned(),
        until,
        inherited: inherited.cloned().map(Box::new),
    })
}

/// The preset that the file extends.
fn base(inspected: &Inspected<'_>, file: &File) -> Checked<Option<Policy>> {
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
) -> Checked<ExceptionRule> {
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
    let when =
        says.when.as_ref().map(Condition::parse).transpose().map_err(|allowed| wrong("when", &allowed))?;
    if selector.line().is_some() {
        if when.is_some() {
            return Err(wrong(
                "when",
                "a line has no member beside it; `when` stands beside other selectors",
            ));
        }
        if says.by.is_some() || says.table.is_some() {
            return Err(whole(
                "a line has no member beside it; `by` and `table` stand beside other selectors",
            ));
        }
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
        when,
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
) -> Checked<(Outside, Private, bool)> {
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
    if !file.keep.ips.is_empty() || !file.keep.accounts.is_empty() {
        let member = if file.keep.ips.is_empty() { "accounts" } else { "ips" };
        return Err(inspected.wrong(
            &["keep", member],
            "literal keep-lists are not supported in this version; allowed are `guids` and `domains`",
        ));
    }
    if file.names.min_label != model::MIN_LABEL {
        let message = format!(
            "`min_label` is {} in this version: what is learned does not depend on the policy",
            model::MIN_LABEL
        );
        return Err(inspected.wrong(&["names", "min_label"], message));
    }
    if file.names.stopwords.is_empty() {
        let message = "names in prose are looked for in one way: `\"stopwords\": [\"builtin:all\"]`";
        return Err(inspected.wrong(&["names", "stopwords"], message));
    }
    for (index, allowed) in file.leak_check.allow.iter().enumerate() {
        let path = ["leak_check", "allow", &index.to_string()];
        inspected.reason(&path, &allowed.reason)?;
        if allowed.text.trim().is_empty() {
            return Err(inspected.wrong(&path, "the word is empty"));
        }
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
