//! Patterns of lines, for the selector `line:<pattern>` of policies: built-in ones, and those that a
//! user's catalogue adds. They run in time linear in the line.

use crate::error::{Error, Result};
use regex::Regex;
use std::collections::BTreeMap;

/// The built-in patterns: name → expression.
pub(super) const TABLE: &str = include_str!("lines.json");

/// Most patterns of a user's catalogue, and the longest expression in bytes.
const MOST: usize = 64;
const LONGEST: usize = 500;

/// A pattern of lines.
#[derive(Clone, Debug)]
pub struct LinePattern {
    /// What a line must contain.
    pub expression: Regex,
    /// Whether the program brings it; the name of a user's own stays private.
    pub builtin: bool,
}

/// The patterns of the program and of a user. A user's may not replace a built-in one.
pub(super) fn assemble(own: &BTreeMap<String, String>) -> Result<BTreeMap<String, LinePattern>> {
    let builtin: BTreeMap<String, String> =
        serde_json::from_str(TABLE).map_err(|_| Error::usage("the table of line patterns is invalid"))?;
    if own.len() > MOST {
        return Err(Error::usage(format!("more than {MOST} patterns of lines")));
    }
    let mut all = BTreeMap::new();
    for (name, text) in &builtin {
        all.insert(name.clone(), LinePattern { expression: compile(name, text)?, builtin: true });
    }
    for (name, text) in own {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(word) {
            return Err(Error::usage("a pattern of lines is named by small letters, digits and `-`"));
        }
        if builtin.contains_key(name) {
            return Err(Error::usage(format!(
                "the pattern of lines `{name}` is built in; choose another name"
            )));
        }
        all.insert(name.clone(), LinePattern { expression: compile(name, text)?, builtin: false });
    }
    Ok(all)
}

fn compile(name: &str, text: &str) -> Result<Regex> {
    let wrong = || {
        Error::usage(format!(
            "the pattern of lines `{name}` is no regular expression of at most {LONGEST} bytes without look-around and back-references"
        ))
    };
    if text.is_empty() || text.len() > LONGEST {
        return Err(wrong());
    }
    regex::RegexBuilder::new(text).size_limit(1 << 20).dfa_size_limit(1 << 20).build().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(name: &str, line: &str) -> bool {
        assemble(&BTreeMap::new()).map_err(|e| e.to_string()).unwrap()[name].expression.is_match(line)
    }

    #[test]
    fn the_built_in_patterns_tell_lines_apart() {
        let frame = "   at Microsoft.Online.Deployment.Client.Run(String name) in C:\\x.cs:line 3";
        assert!(fits("stack-frame", frame) && fits("continuation", frame) && !fits("timestamped", frame));
        assert!(fits("exception", "System.Net.WebException: the remote name could not be resolved"));
        assert!(!fits("exception", "no exception was raised"));
        let line = "[08:15:30.123] [  1] [ERROR] Caught a failure";
        assert!(fits("error", line) && fits("timestamped", line) && !fits("verbose", line));
        assert!(!fits("error", "terror"));
        assert!(fits("timestamped", "2026-03-01T10:00:00Z start") && fits("verbose", "VERBOSE: x"));
    }

    #[test]
    fn patterns_of_ones_own_are_checked() {
        let own = |name: &str, text: &str| assemble(&BTreeMap::from([(name.into(), text.into())]));
        assert!(!own("our-tool", "^OurTool").map_err(|e| e.to_string()).unwrap()["our-tool"].builtin);
        for (name, text) in [("error", "x"), ("Our Tool", "x"), ("a", "("), ("a", "(?=x)"), ("a", "")] {
            assert!(own(name, text).is_err(), "{name} {text}");
        }
        assert!(own("a", &"x".repeat(501)).is_err() && own("a", "(x{1000}){1000}").is_err());
    }
}
