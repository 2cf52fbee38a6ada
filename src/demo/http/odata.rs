//! The part of OData's filter language that collectors send: comparisons, `startswith`, `any`, `and`,
//! `or`, parentheses. Anything else is refused, as the service refuses it.

use crate::catalogue::time;
use serde_json::Value;
use std::cmp::Ordering;

/// A parsed `$filter`.
#[derive(Debug)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// One of them.
    Or(Vec<Filter>),
    /// `path op literal`.
    Compare(Vec<String>, String, Value),
    /// `startswith(path, 'x')`.
    StartsWith(Vec<String>, String),
    /// `path/any(t: …)`, the inner paths without the variable.
    Any(Vec<String>, Box<Filter>),
}

impl Filter {
    /// Parses a filter. `None`: it is not supported.
    pub fn parse(text: &str) -> Option<Filter> {
        let mut tokens = tokens(text)?;
        tokens.reverse();
        let filter = either(&mut tokens, None)?;
        tokens.is_empty().then_some(filter)
    }

    /// Whether a record passes.
    pub fn takes(&self, record: &Value) -> bool {
        match self {
            Filter::And(all) => all.iter().all(|filter| filter.takes(record)),
            Filter::Or(any) => any.iter().any(|filter| filter.takes(record)),
            Filter::StartsWith(path, start) => at(record, path)
                .as_str()
                .is_some_and(|text| text.to_ascii_lowercase().starts_with(&start.to_ascii_lowercase())),
            Filter::Any(path, inner) => {
                at(record, path).as_array().is_some_and(|items| items.iter().any(|item| inner.takes(item)))
            }
            Filter::Compare(path, operator, literal) => {
                let ordering = compare(at(record, path), literal);
                match operator.as_str() {
                    "eq" => ordering == Some(Ordering::Equal),
                    "ne" => ordering != Some(Ordering::Equal),
                    "ge" => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
                    "gt" => ordering == Some(Ordering::Greater),
                    "le" => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
                    _ => ordering == Some(Ordering::Less),
                }
            }
        }
    }

    /// The conditions that must all hold.
    pub fn conjuncts(&self) -> Vec<&Filter> {
        match self {
            Filter::And(all) => all.iter().flat_map(Filter::conjuncts).collect(),
            other => vec![other],
        }
    }
}

fn at<'a>(record: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(record, |value, name| &value[name.as_str()])
}

fn compare(value: &Value, literal: &Value) -> Option<Ordering> {
    match (value, literal) {
        (Value::String(a), Value::String(b)) => match (time::parse(a), time::parse(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            // The directory compares without regard to case.
            _ => Some(a.to_lowercase().cmp(&b.to_lowercase())),
        },
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            ' ' => rest = &rest[1..],
            '(' | ')' | ',' => {
                out.push(match first {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Comma,
                });
                rest = &rest[1..];
            }
            '\'' => {
                let mut value = String::new();
                let mut inner = &rest[1..];
                loop {
                    let (part, after) = inner.split_once('\'')?;
                    value.push_str(part);
                    inner = after;
                    match inner.strip_prefix('\'') {
                        Some(more) => {
                            value.push('\'');
                            inner = more;
                        }
                        None => break,
                    }
                }
                out.push(Token::Text(value));
                rest = inner;
            }
            _ => {
                let end = rest.find([' ', '(', ')', ',', '\'']).unwrap_or(rest.len());
                let word = &rest[..end];
                rest = &rest[end..];
                // The variable of a lambda, `t:`.
                match word.strip_suffix(':') {
                    Some(name) => out.extend([Token::Word(name.into()), Token::Colon]),
                    None => out.push(Token::Word(word.into())),
                }
            }
        }
    }
    Some(out)
}

fn either(tokens: &mut Vec<Token>, variable: Option<&str>) -> Option<Filter> {
    let mut all = vec![both(tokens, variable)?];
    while tokens.last() == Some(&Token::Word("or".into())) {
        tokens.pop();
        all.push(both(tokens, variable)?);
    }
    if all.len() == 1 { all.pop() } else { Some(Filter::Or(all)) }
}

fn both(tokens: &mut Vec<Token>, variable: Option<&str>) -> Option<Filter> {
    let mut all = vec![single(tokens, variable)?];
    while tokens.last() == Some(&Token::Word("and".into())) {
        tokens.pop();
        all.push(single(tokens, variable)?);
    }
    if all.len() == 1 { all.pop() } else { Some(Filter::And(all)) }
}

fn single(tokens: &mut Vec<Token>, variable: Option<&str>) -> Option<Filter> {
    match tokens.pop()? {
        Token::Open => {
            let inner = either(tokens, variable)?;
            (tokens.pop()? == Token::Close).then_some(inner)
        }
        Token::Word(word) if tokens.last() == Some(&Token::Open) => {
            tokens.pop();
            if let Some(list) = word.strip_suffix("/any") {
                let Token::Word(name) = tokens.pop()? else { return None };
                (tokens.pop()? == Token::Colon).then_some(())?;
                let inner = either(tokens, Some(&name))?;
                (tokens.pop()? == Token::Close).then_some(())?;
                return Some(Filter::Any(path(list, variable), Box::new(inner)));
            }
            (word == "startswith").then_some(())?;
            let Token::Word(field) = tokens.pop()? else { return None };
            (tokens.pop()? == Token::Comma).then_some(())?;
            let Token::Text(start) = tokens.pop()? else { return None };
            (tokens.pop()? == Token::Close).then(|| Filter::StartsWith(path(&field, variable), start))
        }
        Token::Word(field) => {
            let Token::Word(operator) = tokens.pop()? else { return None };
            matches!(operator.as_str(), "eq" | "ne" | "ge" | "gt" | "le" | "lt").then_some(())?;
            let literal = match tokens.pop()? {
                Token::Text(text) => Value::String(text),
                Token::Word(word) => serde_json::from_str(&word).unwrap_or(Value::String(word)),
                _ => return None,
            };
            Some(Filter::Compare(path(&field, variable), operator, literal))
        }
        _ => None,
    }
}

fn path(text: &str, variable: Option<&str>) -> Vec<String> {
    let mut parts: Vec<String> = text.split('/').map(str::to_owned).collect();
    if parts.first().map(String::as_str) == variable {
        parts.remove(0);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_of_collectors_are_understood() {
        let record = json!({"createdDateTime": "2026-11-20T10:00:00.1234567Z", "userId": "a",
            "status": {"errorCode": 50126}, "signInEventTypes": ["interactiveUser"],
            "targetResources": [{"id": "x"}], "name": "O'Hara", "on": true});
        for (text, expected) in [
            ("createdDateTime ge 2026-11-20T10:00:00Z and createdDateTime lt 2026-11-20T11:00:00Z", true),
            ("createdDateTime lt 2026-11-20T10:00:00.1Z", false),
            ("createdDateTime gt 2026-11-20T10:00:00.123Z", true),
            ("signInEventTypes/any(t: t eq 'interactiveUser')", true),
            ("(userId eq 'b' or targetResources/any(t: t/id eq 'x')) and status/errorCode eq 50126", true),
            ("status/errorCode eq 0", false),
            ("name eq 'O''Hara' and on eq true", true),
            ("startswith(name,'o')", true),
            ("missing eq null", true),
        ] {
            let filter = Filter::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(filter.takes(&record), expected, "{text}");
        }
        for text in ["", "a", "a eq", "a like 'x'", "(a eq 1", "a eq 'x", "a eq 1)", "endswith(a,'x')"] {
            assert!(Filter::parse(text).is_none(), "{text}");
        }
    }
}
