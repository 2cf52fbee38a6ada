//! Value grammars: what a kept value must look like. Outside its grammar a value is scanned as text
//! (strict: dropped), so that nothing personal hides in a technical field.

use std::collections::BTreeMap;
use std::sync::OnceLock;

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
    Enum(&'static [String]),
    /// A named bounded pattern.
    Pattern(&'static Pattern),
    /// Either of two grammars, e.g. `guid|enum:ca_words`.
    Either(Box<(Grammar, Grammar)>),
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
///
/// `phrase` has spaces and could hold a name: it belongs only to fields whose vocabulary is
/// Microsoft's own (activities, services, methods).
static PATTERNS: &[Pattern] = &[
    // Actions of role definitions: `microsoft.directory/applications/create`.
    Pattern { id: "action", max: 160, also: "_-./" },
    // Ids of audit records: service, GUID, suffix; a service name may have spaces.
    Pattern { id: "audit_id", max: 160, also: " _-." },
    // Open enumerations, part numbers, names of schema attributes, opaque technical ids.
    Pattern { id: "code", max: 64, also: "_-.:+" },
    // Operating systems, browsers, models with their versions.
    Pattern { id: "device", max: 64, also: " ._-()/+," },
    // Numbers with a prefix: `0x801c0021`.
    Pattern { id: "hex", max: 40, also: "" },
    // The name of a Graph type: `#microsoft.graph.user`.
    Pattern { id: "odata_type", max: 96, also: "#._" },
    // Microsoft's fixed phrases. The en dash is one of three bytes, all of which stand here.
    Pattern { id: "phrase", max: 128, also: " _-.,/()&:%\u{2013}" },
    Pattern { id: "word", max: 64, also: "" },
];

const ENUMS: &str = include_str!("enums.json");

/// The lists that the catalogue may name. In the table one text holds all values of a list, with
/// spaces between them and `&` for a space inside a value.
fn enums() -> &'static BTreeMap<&'static str, Vec<String>> {
    static LISTS: OnceLock<BTreeMap<&'static str, Vec<String>>> = OnceLock::new();
    LISTS.get_or_init(|| {
        let rows: BTreeMap<&'static str, &'static str> =
            serde_json::from_str(ENUMS).expect("the embedded value lists are tested to be valid");
        rows.into_iter()
            .map(|(id, values)| (id, values.split(' ').map(|value| value.replace('&', " ")).collect()))
            .collect()
    })
}

/// The text of the value lists, for the digest of the catalogue.
pub(super) const TABLE: &str = ENUMS;

impl Grammar {
    /// Parses a grammar's id, e.g. `number`, `enum:result`, `pattern:code`, `guid|enum:ca_words`.
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
                if let Some((one, other)) = id.split_once('|') {
                    Grammar::Either(Box::new((Grammar::parse(one)?, Grammar::parse(other)?)))
                } else if let Some(name) = id.strip_prefix("enum:") {
                    Grammar::Enum(enums().get(name)?)
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
            Grammar::Enum(list) => {
                // Flags come joined by commas; some producers write numbers in place of names.
                (bytes.len() <= 6 && bytes.iter().all(u8::is_ascii_digit))
                    || value.split(',').all(|part| among(list, part.trim()))
            }
            Grammar::Either(two) => two.0.fits(value) || two.1.fits(value),
            Grammar::Pattern(pattern) => {
                bytes.len() <= pattern.max
                    && bytes.iter().any(u8::is_ascii_alphanumeric)
                    && bytes.iter().all(|b| b.is_ascii_alphanumeric() || pattern.also.as_bytes().contains(b))
            }
        }
    }

    /// Whether the value is a fixed word of the field, such as `All` where user ids stand: it names
    /// nobody, and stays as it is whatever the policy does with the field's kind.
    pub fn is_word(&self, value: &str) -> bool {
        match self {
            Grammar::Enum(list) => among(list, value),
            Grammar::Either(two) => two.0.is_word(value) || two.1.is_word(value),
            _ => false,
        }
    }
}

fn among(list: &[String], value: &str) -> bool {
    list.iter().any(|item| item.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(PATTERNS.is_sorted_by_key(|p| p.id));
        let ids: Vec<&str> = ENUMS.lines().filter_map(|line| line.trim().split('"').nth(1)).collect();
        assert!(ids.is_sorted(), "lists are sorted and unique by id");
        assert_eq!(ids.len(), enums().len());
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
            "guid|enum:ca_words",
        ]
        .into_iter()
        .map(str::to_owned)
        .chain(PATTERNS.iter().map(|pattern| format!("pattern:{}", pattern.id)))
        {
            let id = id.as_str();
            let grammar = Grammar::parse(id).unwrap();
            assert!(!grammar.fits("greta@contoso.com"), "{id}");
            assert!(grammar.fits(""), "{id}");
        }
    }

    #[test]
    fn a_fixed_word_is_told_from_an_identity() {
        let users = Grammar::parse("guid|enum:ca_words").unwrap();
        assert!(users.is_word("All") && users.fits("All"));
        assert!(users.fits("00112233-4455-6677-8899-aabbccddeeff"));
        assert!(!users.is_word("00112233-4455-6677-8899-aabbccddeeff"));
        assert!(!users.fits("Greta") && !users.is_word("12"));
        assert!(Grammar::parse("enum:nobody").unwrap().is_word("LOCAL SERVICE"));
    }

    #[test]
    fn flags_join_by_commas_and_may_be_numbers() {
        let result = Grammar::parse("enum:result").unwrap();
        assert!(result.fits("success, failure") && result.fits("2"));
        assert!(!result.fits("success, greta") && !result.fits("5551234567"));
    }

    #[test]
    fn microsofts_phrases_fit() {
        let phrase = Grammar::parse("pattern:phrase").unwrap();
        assert!(phrase.fits("Update application \u{2013} Certificates and secrets management "));
        assert!(phrase.fits("Add member to role completed (PIM activation)"));
        assert!(!phrase.fits(&"a".repeat(129)));
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
