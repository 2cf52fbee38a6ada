//! Times and spans as people type them: RFC 3339, a date, `now`, `-4h`, `7d`.

use crate::catalogue::time;
use crate::error::{Error, Result};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

const ALLOWED: &str =
    "allowed: RFC 3339 (2026-03-01T10:00:00Z), a date (2026-03-01), now, or a span back such as -4h, 7d";

/// The time now in the form of statements: UTC, whole seconds.
pub fn now() -> String {
    stated(Timestamp::now())
}

/// A time in the form of statements.
pub fn stated(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

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

/// A zone by its name in the tz database or by its offset; without one that of this machine.
pub fn zone(text: Option<&str>) -> Result<TimeZone> {
    let Some(text) = text else { return Ok(TimeZone::system()) };
    if text.eq_ignore_ascii_case("UTC") || text == "Z" {
        return Ok(TimeZone::UTC);
    }
    let fixed = || {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let valid = (0..=14).contains(&hours) && (0..60).contains(&minutes);
        let seconds = sign * (hours * 3600 + minutes * 60);
        valid.then(|| Offset::from_seconds(seconds).ok().map(TimeZone::fixed)).flatten()
    };
    fixed().or_else(|| TimeZone::get(text).ok()).ok_or_else(|| {
        Error::usage(format!("`{text}` is no time zone"))
            .hint("allowed: a name such as Europe/Berlin, an offset such as +02:00, or UTC")
    })
}

fn wrong(text: &str) -> Error {
    Error::usage(format!("`{text}` is no time")).hint(ALLOWED)
}

/// Bytes as people write them: `500MiB`, `25MB`, `1GiB`, `1048576`.
pub fn size(text: &str) -> std::result::Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("expected a size such as 500MiB, 25MB or 1GiB".to_owned()),
    };
    let number: u64 =
        number.parse().map_err(|_| "expected a size such as 500MiB, 25MB or 1GiB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "the size is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_names_or_offsets() {
        let at: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        let seconds = |text: &str| zone(Some(text)).map(|zone| zone.to_offset(at).seconds());
        for (text, expected) in
            [("UTC", 0), ("+02:00", 7200), ("-0330", 0), ("-03:30", -12_600), ("+2", 7200)]
        {
            match seconds(text) {
                Ok(found) => assert_eq!(found, expected, "{text}"),
                Err(_) => assert_eq!(text, "-0330"),
            }
        }
        for text in ["", "Nowhere/Land", "+99", "é", "+-2"] {
            assert!(zone(Some(text)).is_err(), "{text}");
        }
    }

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

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        for (text, bytes) in
            [("1048576", 1 << 20), ("500MiB", 500 << 20), ("25MB", 25_000_000), ("1g", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "5 parsecs", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
