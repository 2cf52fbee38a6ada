//! Selectors of exceptions, and the little automaton that follows them down a record.
//!
//! | form | selects |
//! |---|---|
//! | `/a/b` | member `b` of member `a`; names compare without case and spaces |
//! | `*` | one member, or one array element |
//! | `**` | any number of members |
//! | `{a,b}` | member `a` or `b` |
//! | `column:Header` | a column, that is a member of the record itself |
//! | `xml://element/@attribute` | an attribute of an element, wherever the element stands |
//! | `line:pattern` | the lines of a text that fit a pattern of the catalogue |
//!
//! Arrays are transparent: a name after an array applies to each element, with or without `*` between.

use crate::catalogue::fold;

/// One step of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Any,
    Deep,
    Names(Vec<String>),
}

/// A parsed selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
    steps: Vec<Step>,
    line: Option<String>,
}

/// Longest selector in steps.
const MAX_STEPS: usize = 32;

impl Selector {
    /// Parses a selector. The error says what is allowed.
    pub fn parse(text: &str) -> Result<Selector, String> {
        let forms = "a selector is a JSON pointer (`/a/*/{b,c}`, `/**/d`), `column:<header>`, `xml://<element>/@<attribute>` or `line:<pattern>`";
        let mut steps = Vec::new();
        let mut line = None;
        if let Some(header) = text.strip_prefix("column:") {
            if header.trim().is_empty() {
                return Err(format!("the column has no name; {forms}"));
            }
            steps.push(Step::Names(vec![fold(header)]));
        } else if let Some(pattern) = text.strip_prefix("line:") {
            let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if pattern.is_empty() || pattern.len() > 64 || !pattern.bytes().all(word) {
                return Err(format!("the pattern is named by small letters, digits and `-`; {forms}"));
            }
            line = Some(pattern.to_owned());
        } else {
            let pointer = match text.strip_prefix("xml://") {
                Some(path) => {
                    steps.push(Step::Deep);
                    path
                }
                None => text.strip_prefix('/').ok_or_else(|| forms.to_owned())?,
            };
            for part in pointer.split('/') {
                steps.push(match part {
                    "" => return Err(format!("a step of the selector is empty; {forms}")),
                    "*" => Step::Any,
                    "**" => Step::Deep,
                    _ => Step::Names(names(part)?),
                });
            }
        }
        if steps.len() > MAX_STEPS {
            return Err(format!("a selector has at most {MAX_STEPS} steps"));
        }
        if steps.last() == Some(&Step::Deep) {
            return Err("a selector cannot end in `**`; name the field".into());
        }
        Ok(Selector { text: text.to_owned(), steps, line })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The pattern of the lines that it selects; `None` if it selects members.
    pub fn line(&self) -> Option<&str> {
        self.line.as_deref()
    }

    /// The folded names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps
            .iter()
            .flat_map(|step| match step {
                Step::Names(names) => names.as_slice(),
                _ => &[],
            })
            .map(String::as_str)
    }

    /// How many steps are wildcards; `**` counts more than any number of `*`.
    pub fn wildcards(&self) -> usize {
        let weight = |step: &Step| match step {
            Step::Any => 1,
            Step::Deep => MAX_STEPS + 1,
            Step::Names(_) => 0,
        };
        self.steps.iter().map(weight).sum()
    }
}

fn names(part: &str) -> Result<Vec<String>, String> {
    let list = match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(list) => list.split(',').collect(),
        None => vec![part],
    };
    let mut folded = Vec::with_capacity(list.len());
    for name in list {
        if name.is_empty() || name.contains(['{', '}', '*']) {
            return Err("a step is a name, `*`, `**` or `{a,b}`".into());
        }
        folded.push(fold(&name.replace("~1", "/").replace("~0", "~")));
    }
    Ok(folded)
}

/// Where each of several selectors stands: (selector, step), sorted, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct States(Vec<(u16, u16)>);

impl States {
    /// All selectors at their first step.
    pub fn start(selectors: &[(u16, &Selector)]) -> States {
        let mut states = States::default();
        for (index, selector) in selectors.iter().filter(|(_, selector)| selector.line.is_none()) {
            states.add(*index, 0, selector);
        }
        states
    }

    /// Whether no selector can match any more.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, index: u16, step: u16, selector: &Selector) {
        if let Err(at) = self.0.binary_search(&(index, step)) {
            self.0.insert(at, (index, step));
        }
        if matches!(selector.steps.get(usize::from(step)), Some(Step::Deep)) {
            self.add(index, step + 1, selector);
        }
    }

    /// After a member of this folded name.
    pub fn member<'s>(&self, name: &str, of: impl Fn(u16) -> &'s Selector) -> States {
        let mut next = States::default();
        for (index, step) in &self.0 {
            let selector = of(*index);
            match selector.steps.get(usize::from(*step)) {
                Some(Step::Any) => next.add(*index, step + 1, selector),
                Some(Step::Deep) => next.add(*index, *step, selector),
                Some(Step::Names(names)) if names.iter().any(|one| one == name) => {
                    next.add(*index, step + 1, selector)
                }
                _ => {}
            }
        }
        next
    }

    /// Inside an array: `*` has matched the element, everything else waits.
    pub fn element<'s>(&self, of: impl Fn(u16) -> &'s Selector) -> States {
        let mut next = States::default();
        for (index, step) in &self.0 {
            let selector = of(*index);
            match selector.steps.get(usize::from(*step)) {
                Some(Step::Any) => next.add(*index, step + 1, selector),
                _ => next.add(*index, *step, selector),
            }
        }
        next
    }

    /// Whether a selector has matched a name by now and has more steps: what it names lies below.
    pub fn has_named_progress<'s>(&self, of: impl Fn(u16) -> &'s Selector) -> bool {
        self.0.iter().any(|(index, step)| {
            let steps = &of(*index).steps;
            let step = usize::from(*step);
            step < steps.len() && steps[..step].iter().any(|one| matches!(one, Step::Names(_)))
        })
    }

    /// The selectors that may end at a member of an object here, or at the elements of one.
    pub fn near<'s>(&self, of: impl Fn(u16) -> &'s Selector) -> impl Iterator<Item = u16> {
        let ends = move |(index, step): &(u16, u16)| {
            let rest = of(*index).steps.get(usize::from(*step) + 1..);
            rest.is_some_and(|rest| rest.iter().all(|one| *one == Step::Any))
        };
        self.0.iter().copied().filter(ends).map(|(index, _)| index)
    }

    /// The selectors that end here.
    pub fn matched<'s>(&self, of: impl Fn(u16) -> &'s Selector) -> Vec<u16> {
        let ends = |(index, step): &&(u16, u16)| usize::from(*step) == of(*index).steps.len();
        self.0.iter().filter(ends).map(|(index, _)| *index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, path: &[&str]) -> bool {
        let selector = Selector::parse(selector).unwrap();
        let of = |_: u16| &selector;
        let mut states = States::start(&[(0, &selector)]);
        for part in path {
            states = if *part == "[]" { states.element(of) } else { states.member(&fold(part), of) };
        }
        !states.matched(of).is_empty()
    }

    #[test]
    fn selectors_match_exactly_what_they_name() {
        assert!(matches("/a/b", &["A", "b"]));
        assert!(!matches("/a/b", &["a"]));
        assert!(!matches("/a/b", &["a", "b", "c"]));
        assert!(!matches("/a/b", &["x", "a", "b"]));
        assert!(matches("/a/*/{b,c}", &["a", "[]", "c"]));
        assert!(matches("/a/*/{b,c}", &["a", "x", "b"]));
        assert!(!matches("/a/*/{b,c}", &["a", "[]", "x", "b"]));
        assert!(!matches("/a/*/{b,c}", &["a", "b"]));
        assert!(matches("/a/b", &["a", "[]", "b"]));
        assert!(matches("/a/*", &["a", "[]"]));
        assert!(matches("/**/d", &["d"]));
        assert!(matches("/**/d", &["a", "[]", "b", "d"]));
        assert!(matches("/**/a/*/d", &["x", "a", "[]", "d"]));
        assert!(matches("column:User Name", &["Username"]));
        assert!(matches("xml://cs-object/@cs-dn", &["root", "cs-object", "@cs-dn"]));
    }

    #[test]
    fn wrong_selectors_say_what_is_allowed() {
        for wrong in ["a/b", "/a//b", "/{a", "/a/**", "column: ", "line:", "line:A b", ""] {
            assert!(Selector::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Selector::parse("a").unwrap_err().contains("column:"));
    }

    #[test]
    fn lines_are_no_members() {
        let lines = Selector::parse("line:stack-frame").unwrap();
        assert_eq!((lines.line(), lines.wildcards()), (Some("stack-frame"), 0));
        assert!(States::start(&[(0, &lines)]).is_empty());
        assert_eq!(Selector::parse("/line").unwrap().line(), None);
    }

    #[test]
    fn a_selector_is_near_where_its_last_name_may_stand() {
        let near = |selector: &str, path: &[&str]| {
            let selector = Selector::parse(selector).unwrap();
            let of = |_: u16| &selector;
            let mut states = States::start(&[(0, &selector)]);
            for part in path {
                states = if *part == "[]" { states.element(of) } else { states.member(part, of) };
            }
            states.near(of).count() > 0
        };
        assert!(near("/a/b", &["a"]) && !near("/a/b", &[]));
        assert!(near("/a/*", &[]) && near("/**/b", &[]) && near("/**/b", &["x", "[]"]));
        assert!(!near("/a/*/b", &[]) && near("/a/*/b", &["a", "[]"]));
    }

    #[test]
    fn fewer_wildcards_weigh_less() {
        let weight = |text| Selector::parse(text).unwrap().wildcards();
        assert!(weight("/a/b") < weight("/a/*"));
        assert!(weight("/*/*/*") < weight("/**/a"));
    }
}
