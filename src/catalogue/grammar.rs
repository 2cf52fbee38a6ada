//! Value grammars: what a kept value must look like. Outside its grammar a value is scanned as text
//! (strict: dropped), so that nothing personal hides in a technical field.

/// The grammar of a kept field's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// `true` or `false`, in any case, also as text.
    Boolean,
    /// ISO 8601 duration, or `hh:mm:ss`, or days before it.
    Duration,
    /// A GUID in any dress.
    Guid,
    /// Two or three letters.
    IsoCountry,
    /// A BCP 47 tag of at most 16 characters.
    IsoLanguage,
    /// An integer or a decimal, also as text, with sign and exponent.
    Number,
    /// A date, a time or both, in any of the forms that Entra data has.
    Timestamp,
    /// One of our own pseudonyms.
    Token,
    /// Dotted numbers, at most 6 of them, with an optional suffix of letters.
    Version,
    /// A member of a named list, compared without case.
    Enum(&'static [&'static str]),
    /// A named bounded pattern.
    Pattern(&'static Pattern),
}

/// A bounded pattern: at most `max` bytes, every byte in `bytes` (an alphabet), at least one letter or digit.
#[derive(Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Name behind `pattern:`.
    pub id: &'static str,
    /// Longest value in bytes.
    pub max: usize,
    /// Extra bytes allowed beside ASCII letters and digits.
    pub also: &'static str,
}

/// The patterns that the catalogue may name, sorted by id.
static PATTERNS: &[Pattern] =
    &[Pattern { id: "code", max: 64, also: "_-." }, Pattern { id: "word", max: 64, also: "" }];

/// The lists that the catalogue may name, sorted by id.
static ENUMS: &[(&str, &[&str])] = &[("result", &["success", "failure", "timeout", "unknownFutureValue"])];

impl Grammar {
    /// Parses a grammar's id, e.g. `number`, `enum:result`, `pattern:code`.
    pub fn parse(id: &str) -> Option<Grammar> {
        Some(match id {
            "boolean" => Grammar::Boolean,
            "duration" => Grammar::Duration,
            "guid" => Grammar::Guid,
            "iso-country" => Grammar::IsoCountry,
            "iso-language" => Grammar::IsoLanguage,
            "number" => Grammar::Number,
            "timestamp" => Grammar::Timestamp,
            "token" => Grammar::Token,
            "version" => Grammar::Version,
            _ => {
                if let Some(name) = id.strip_prefix("enum:") {
                    Grammar::Enum(ENUMS.iter().find(|(list, _)| *list == name)?.1)
                } else {
                    let name = id.strip_prefix("pattern:")?;
                    Grammar::Pattern(PATTERNS.iter().find(|pattern| pattern.id == name)?)
                }
            }
        })
    }

    /// Whether the value (already without JSON quotes and escapes) fits. An empty value always does.
    pub fn fits(&self, value: &str) -> bool {
        let bytes = value.as_bytes();
        if bytes.is_empty() {
            return true;
        }
        match self {
            Grammar::Boolean => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Grammar::Duration => {
                bytes.len() <= 40
                    && bytes.iter().any(u8::is_ascii_digit)
                    && bytes.iter().all(|b| b.is_ascii_digit() || b"PYMWDTHS:.,-".contains(b))
            }
            Grammar::Guid => {
                let hex = bytes.iter().filter(|b| b.is_ascii_hexdigit()).count();
                hex == 32
                    && bytes.iter().all(|b| b.is_ascii_hexdigit() || b"-{}".contains(b))
                    && bytes.len() <= 38
            }
            Grammar::IsoCountry => {
                (2..=3).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_alphabetic)
            }
            Grammar::IsoLanguage => {
                (2..=16).contains(&bytes.len())
                    && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            }
            Grammar::Number => {
                bytes.len() <= 40
                    && bytes.iter().any(u8::is_ascii_digit)
                    && bytes.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b))
            }
            Grammar::Timestamp => {
                let plain = |b: u8| b.is_ascii_digit() || b"-:./+, TZAPM\\".contains(&b);
                bytes.len() <= 48
                    && bytes.iter().any(u8::is_ascii_digit)
                    && (value.bytes().all(plain) || value.trim_start_matches('\\').starts_with("/Date("))
            }
            Grammar::Token => {
                bytes.len() == 15
                    && bytes[0].is_ascii_lowercase()
                    && bytes[1] == b'-'
                    && bytes[2..].iter().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(b))
            }
            Grammar::Version => {
                let dots = bytes.iter().filter(|b| **b == b'.').count();
                bytes.len() <= 40
                    && dots <= 5
                    && bytes[0].is_ascii_digit()
                    && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(b))
            }
            Grammar::Enum(list) => list.iter().any(|item| item.eq_ignore_ascii_case(value)),
            Grammar::Pattern(pattern) => {
                bytes.len() <= pattern.max
                    && bytes.iter().any(u8::is_ascii_alphanumeric)
                    && bytes.iter().all(|b| b.is_ascii_alphanumeric() || pattern.also.as_bytes().contains(b))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(PATTERNS.is_sorted_by_key(|p| p.id));
        assert!(ENUMS.is_sorted_by_key(|e| e.0));
    }

    #[test]
    fn every_grammar_refuses_a_mail_address() {
        for id in [
            "boolean",
            "duration",
            "guid",
            "iso-country",
            "iso-language",
            "number",
            "timestamp",
            "token",
            "version",
            "enum:result",
            "pattern:code",
            "pattern:word",
        ] {
            let grammar = Grammar::parse(id).unwrap();
            assert!(!grammar.fits("greta@contoso.com"), "{id}");
            assert!(grammar.fits(""), "{id}");
        }
    }

    #[test]
    fn timestamps_of_every_known_form_fit() {
        for time in [
            "2024-03-05T07:08:09.1234567Z",
            "2024-03-05T02:08:09-05:00",
            "3/5/2024 7:08:09 AM +01:00",
            "3/5/2024, 7:08:09.000 AM",
            "/Date(1613679244000)/",
            "638452192890000000",
            "2024-03-05",
        ] {
            assert!(Grammar::Timestamp.fits(time), "{time}");
        }
    }
}
