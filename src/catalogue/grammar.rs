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
    // References inside a schema: `#A25j`, `#accountEnabled`.
    Pattern { id: "reference", max: 96, also: "#_-." },
    // Thumbprints and key identifiers in hexadecimal or base64, with or without colons.
    Pattern { id: "thumbprint", max: 128, also: "+/=-_:" },
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

/// Whether a list is that of the words for nobody (`-`, `N/A`, `SYSTEM`): they name no person, whatever
/// kind stands before them.
pub fn is_nobody(list: &'static [String]) -> bool {
    enums().get("nobody").is_some_and(|nobody| std::ptr::eq(nobody.as_slice(), list))
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
            Grammar::Duration => bytes.len() <= 40 && is_duration(value) && !is_network_address(value),
            Grammar::Guid => {
                let hex = bytes.iter().filter(|b| b.is_ascii_hexdigit()).count();
                hex == 32
                    && bytes.iter().all(|b| b.is_ascii_hexdigit() || b"-{}".contains(b))
                    && bytes.len() <= 38
            }
            Grammar::IsoCountry => match bytes.len() {
                2 => bytes.iter().all(u8::is_ascii_alphabetic),
                3 => bytes.iter().all(u8::is_ascii_uppercase),
                _ => false,
            },
            Grammar::IsoLanguage => {
                let mut tags = value.split('-');
                bytes.len() <= 16
                    && tags.next().is_some_and(|tag| {
                        (2..=3).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphabetic())
                    })
                    && tags.all(|tag| {
                        (2..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric())
                    })
            }
            Grammar::Number => bytes.len() <= 40 && is_number(value),
            Grammar::Timestamp => bytes.len() <= 48 && is_timestamp(value) && !is_network_address(value),
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
                    && !is_device_address(value)
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
                    && !is_network_address(value)
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

/// Digits with a sign, one point and an exponent at most: four numbers with points are an address.
fn is_number(value: &str) -> bool {
    let (number, exponent) = match value.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (value, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let number = number.strip_prefix(['+', '-']).unwrap_or(number);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    digits(whole)
        && digits(part)
        && !(whole.is_empty() && part.is_empty())
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        })
}

/// An IP address, or six groups of two hex digits: never a technical code.
fn is_network_address(value: &str) -> bool {
    value.parse::<std::net::IpAddr>().is_ok() || is_device_address(value)
}

/// Six groups of two hex digits, as in `3C-A4-00-00-00-01`.
fn is_device_address(value: &str) -> bool {
    let groups = |separator: char| {
        let mut count = 0;
        value.split(separator).all(|group| {
            count += 1;
            group.len() == 2 && group.bytes().all(|b| b.is_ascii_hexdigit())
        }) && count == 6
    };
    value.len() == 17 && (groups('-') || groups(':'))
}

/// `P1DT2H`, `-PT5M`, `01:00:00`, `7.00:00:00`, `0.25`: letters only as units after a number.
fn is_duration(value: &str) -> bool {
    let value = value.strip_prefix('-').unwrap_or(value);
    if let Some(units) = value.strip_prefix('P') {
        let mut digit = false;
        let mut any = false;
        for b in units.bytes() {
            match b {
                b'0'..=b'9' => digit = true,
                b'.' | b',' if digit => {}
                b'T' if !digit => {}
                b'Y' | b'M' | b'W' | b'D' | b'H' | b'S' if digit => {
                    digit = false;
                    any = true;
                }
                _ => return false,
            }
        }
        return any && !digit;
    }
    value.starts_with(|c: char| c.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_digit() || b":.".contains(&b))
}

/// Words that stand in dates and times.
const TIME_WORDS: &[&str] = &[
    "am", "apr", "aug", "date", "dec", "feb", "fri", "gmt", "jan", "jul", "jun", "mar", "may", "mon", "nov",
    "oct", "pm", "sat", "sep", "sun", "t", "thu", "tue", "utc", "wed", "z",
];

/// `2024-03-05T07:08:09Z`, with or without a fraction: nearly all of them.
fn is_plain_timestamp(value: &[u8]) -> bool {
    let Some((head, rest)) = value.split_at_checked(19) else { return false };
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits =
        |(byte, wanted): (&u8, &u8)| if *wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted };
    let fraction = match rest {
        [b'Z'] => return head.iter().zip(shape).all(fits),
        [b'.', fraction @ .., b'Z'] => fraction,
        _ => return false,
    };
    fraction.iter().all(u8::is_ascii_digit) && head.iter().zip(shape).all(fits)
}

/// A date (year of four digits with month and day, in any order), a time with colons, both, Unix
/// seconds to .NET ticks as plain digits, or `/Date(…)/`. A telephone number is none of these.
fn is_timestamp(value: &str) -> bool {
    if is_plain_timestamp(value.as_bytes()) {
        return true;
    }
    let value = value.trim();
    if value.bytes().all(|b| b.is_ascii_digit()) {
        return (10..=19).contains(&value.len());
    }
    let words = value.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let known = words.clone().all(|word| TIME_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)));
    if !known || !value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:./+, ()\\".contains(&b)) {
        return false;
    }
    if value.trim_start_matches('\\').starts_with("/Date(") {
        return value.bytes().any(|b| b.is_ascii_digit());
    }
    let start = value.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == ',' || c == ' ');
    let date = start.split([' ', 'T', 't', ',']).next().unwrap_or_default();
    let mut groups = date.split(['-', '/', '.']).map(str::len);
    let lengths = [groups.next(), groups.next(), groups.next()];
    let short = |length: Option<usize>| matches!(length, Some(1 | 2));
    let dated = matches!(lengths, [Some(4), b, c] if short(b) && short(c))
        || matches!(lengths, [a, b, Some(4 | 2)] if short(a) && short(b));
    let timed = date.split_once(':').is_some_and(|(hour, _)| matches!(hour.len(), 1 | 2));
    // `Tue, 03 May 2016 14:39:16 GMT`
    let worded = words.count() > 1 && matches!(date.len(), 1 | 2) && value.contains(':');
    dated || timed || worded
}

fn among(list: &[String], value: &str) -> bool {
    list.iter().any(|item| item.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_neither_numbers_nor_codes() {
        for number in ["0", "-12", "+3.5", "50126", "1e3", "-2.5E-7", ".5"] {
            assert!(Grammar::Number.fits(number), "{number}");
        }
        let code = Grammar::parse("pattern:code").unwrap();
        for other in ["159.19.253.101", "2a01:db8:7:1::5", "3C-22-FB-01-02-03", "3c:22:fb:01:02:03"] {
            for grammar in [&Grammar::Number, &code, &Grammar::Duration, &Grammar::Timestamp] {
                assert!(!grammar.fits(other), "{other}");
            }
        }
        for other in ["1.2.3", "1-2", "e5", "-", ".", "1e"] {
            assert!(!Grammar::Number.fits(other), "{other}");
        }
        assert!(code.fits("AADSTS50126") && code.fits("1.2.840.113549"));
    }

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
            "2024-03-05T7:08:09.123Z",
            "3/5/2024 17:08",
            "2023-07-26 23:00:20.889",
            "2024-03-05T07:08:09.0000000Z ",
            "1709622489",
            "2019-01-24 19:15:26.000 UTC",
            "Tue, 03 May 2016 14:39:16 GMT",
            "07:08:09.123",
        ] {
            assert!(Grammar::Timestamp.fits(time), "{time}");
        }
        for other in ["555-123-4567", "+49 170 1234567", "Pat 12", "Pat1", "May 5", "(555) 123", "12"] {
            assert!(!Grammar::Timestamp.fits(other), "{other}");
        }
    }

    #[test]
    fn durations_have_their_forms_and_no_others() {
        for duration in ["P1D", "PT1H30M", "-PT0.5S", "P90D", "00:30:00", "7.00:00:00", "90.00:00:00", "250"]
        {
            assert!(Grammar::Duration.fits(duration), "{duration}");
        }
        for other in ["P", "PAT", "PT", "Smyth1", "555-1234", "SMYTH", "P1", "1D"] {
            assert!(!Grammar::Duration.fits(other), "{other}");
        }
    }

    #[test]
    fn a_given_name_is_neither_a_language_nor_a_country() {
        let (language, country) = (Grammar::IsoLanguage, Grammar::IsoCountry);
        assert!(language.fits("en-US") && language.fits("zh-Hans-CN") && language.fits("de"));
        assert!(!language.fits("Greta") && !language.fits("Anne-Marie"));
        assert!(country.fits("DE") && country.fits("us") && country.fits("USA"));
        assert!(!country.fits("Bob") && !country.fits("Pat Lee"));
    }
}
