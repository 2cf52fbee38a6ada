//! Times and spans as people type them: RFC 3339, a date, `now`, `-4h`, `7d`.

use crate::catalogue::time;
use crate::error::{Error, Result};
use jiff::{SignedDuration, Timestamp};

const ALLOWED: &str =
    "allowed: RFC 3339 (2026-03-01T10:00:00Z), a date (2026-03-01), now, or a span back such as -4h, 7d";

/// A point in time; spans count back from `now`.
pub fn point(text: &str, now: Timestamp) -> Result<Timestamp> {
    if text == "now" {
        return Ok(now);
    }
    if let Some(span) = parse_span(text.trim_start_matches('-')) {
        return now.checked_sub(span).map_err(|_| wrong(text));
    }
    let plausible = text.len() >= 10 && text.as_bytes()[4] == b'-';
    plausible.then(|| time::parse(text)).flatten().ok_or_else(|| wrong(text))
}

/// A span such as `72h`, `-7d`, `90m`.
pub fn span(text: &str) -> Result<SignedDuration> {
    parse_span(text.trim_start_matches('-')).ok_or_else(|| {
        Error::usage(format!("`{text}` is no span of time"))
            .hint("allowed: a number and m, h, d or w, such as 72h")
    })
}

fn parse_span(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: i64 = text[..text.len() - 1].parse().ok()?;
    (0..=1_000_000).contains(&number).then(|| SignedDuration::from_secs(number * seconds))
}

fn wrong(text: &str) -> Error {
    Error::usage(format!("`{text}` is no time")).hint(ALLOWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        let now: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("now", "2026-03-10T12:00:00Z"),
            ("-4h", "2026-03-10T08:00:00Z"),
            ("7d", "2026-03-03T12:00:00Z"),
            ("2026-03-01", "2026-03-01T00:00:00Z"),
            ("2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00Z"),
        ] {
            assert_eq!(point(text, now).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "12", "7y", "-99999999999d", "3/5/2024 1:00", "é"] {
            assert!(point(text, now).is_err(), "{text}");
        }
        assert!(span("72h").is_ok() && span("3 days").is_err());
    }
}
