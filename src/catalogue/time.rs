//! Times as they stand in Entra data, read into UTC.
//!
//! Forms: RFC 3339 with up to nine digits of fraction, with `Z`, an offset or no zone (then UTC), `T` or
//! space, also with a one-digit hour; US forms `3/5/2024 7:08:09 AM +01:00`, with or without
//! seconds, comma, fraction, 24-hour; `/Date(1613679244000)/`; .NET ticks; Unix seconds; a date alone.
//! A trailing space is ignored. The value in the record itself is never changed.

use super::member::Path;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};

/// .NET ticks (100 ns) between 0001-01-01 and the Unix epoch.
const TICKS_AT_EPOCH: i64 = 621_355_968_000_000_000;

/// Reads a time in any known form. `None` where the text is no time, or none of the years 1 to 9999:
/// RFC 3339, and so a manifest, has no others.
pub fn parse(text: &str) -> Option<Timestamp> {
    parse_in(text, &TimeZone::UTC)
}

/// As [`parse`], for logs of a server: a time that names no zone is one of `zone`.
pub fn parse_in(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    read(text, zone).filter(|time| (1..=9999).contains(&Offset::UTC.to_datetime(*time).year()))
}

fn read(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > 48 {
        return None;
    }
    let inner = text.trim_start_matches('\\').strip_prefix("/Date(");
    if let Some(inner) = inner {
        let digits = inner.split([')', '+']).next()?;
        return Timestamp::from_millisecond(digits.parse().ok()?).ok();
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return match text.len() {
            18 => {
                let ticks = number.checked_sub(TICKS_AT_EPOCH)?;
                Timestamp::new(ticks.div_euclid(10_000_000), (ticks.rem_euclid(10_000_000) * 100) as i32).ok()
            }
            13 => Timestamp::from_millisecond(number).ok(),
            9..=10 => Timestamp::from_second(number).ok(),
            _ => None,
        };
    }
    civil(text, zone)
}

/// The time of a record: the first of the paths that holds a readable time.
pub fn of_record(paths: &[Path], json: &[u8]) -> Option<Timestamp> {
    let first = Path::first_of(paths, json);
    if let Some(time) = first.iter().flatten().find_map(|text| parse(text)) {
        return Some(time);
    }
    // The first path has a value that is no time, and ended the reading.
    let rest = paths.get(1..).filter(|_| matches!(first.first(), Some(Some(_))))?;
    rest.iter().find_map(|path| parse(&path.first(json)?))
}

/// Renders a time as in manifests: RFC 3339, UTC, with as many digits of fraction as needed.
pub fn format(time: Timestamp) -> String {
    time.to_string()
}

/// A cursor over the digits and separators of a civil time.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn number(&mut self, most: usize) -> Option<i64> {
        let digits = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        let text = std::str::from_utf8(&self.0[..digits]).ok()?;
        self.0 = &self.0[digits..];
        text.parse().ok()
    }

    fn eat(&mut self, accepted: &[u8]) -> bool {
        match self.0.first() {
            Some(b) if accepted.contains(b) => {
                self.0 = &self.0[1..];
                true
            }
            _ => false,
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let fits = self.0.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
        if fits {
            self.0 = &self.0[word.len()..];
        }
        fits
    }

    fn spaces(&mut self) {
        while self.eat(b" ") || self.word("\u{202f}") {}
    }
}

fn civil(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let mut at = Cursor(text.as_bytes());
    let first = at.number(4)?;
    let (year, month, day) = if at.eat(b"-") {
        let month = at.number(2)?;
        at.eat(b"-").then_some(())?;
        (first, month, at.number(2)?)
    } else {
        at.eat(b"/").then_some(())?;
        let day = at.number(2)?;
        at.eat(b"/").then_some(())?;
        (at.number(4)?, first, day)
    };
    let date =
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    if at.0.is_empty() {
        return timestamp(date, Time::midnight(), None, zone);
    }
    at.eat(b",");
    if !at.eat(b"T") {
        at.spaces();
    }
    let mut hour = at.number(2)?;
    at.eat(b":").then_some(())?;
    let minute = at.number(2)?;
    let second = if at.eat(b":") { at.number(2)? } else { 0 };
    let nanosecond = if at.eat(b".") { fraction(&mut at)? } else { 0 };
    at.spaces();
    if at.word("AM") {
        hour %= 12;
    } else if at.word("PM") {
        hour = hour % 12 + 12;
    }
    at.spaces();
    let offset = if at.0.is_empty() { None } else { Some(offset(&mut at)?) };
    at.0.is_empty().then_some(())?;
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        nanosecond,
    )
    .ok()?;
    timestamp(date, time, offset, zone)
}

fn fraction(at: &mut Cursor<'_>) -> Option<i32> {
    let digits = at.0.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut nanoseconds = 0;
    for place in 0..9 {
        let digit = if place < digits { i32::from(at.0[place] - b'0') } else { 0 };
        nanoseconds = nanoseconds * 10 + digit;
    }
    at.0 = &at.0[digits..];
    (digits > 0).then_some(nanoseconds)
}

/// Seconds east of UTC.
fn offset(at: &mut Cursor<'_>) -> Option<i32> {
    if at.word("Z") || at.word("UTC") {
        return Some(0);
    }
    let sign = if at.eat(b"+") {
        1
    } else {
        at.eat(b"-").then_some(())?;
        -1
    };
    let hours = at.number(2)?;
    at.eat(b":");
    let minutes = if at.0.is_empty() { 0 } else { at.number(2)? };
    i32::try_from(hours * 3600 + minutes * 60).ok().map(|seconds| sign * seconds)
}

fn timestamp(date: Date, time: Time, offset: Option<i32>, zone: &TimeZone) -> Option<Timestamp> {
    match offset {
        Some(offset) => Offset::from_seconds(offset).ok()?.to_timestamp(date.to_datetime(time)).ok(),
        None => zone.to_timestamp(date.to_datetime(time)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read() {
        for (text, utc) in [
            ("2024-03-05T07:08:09.1234567Z", "2024-03-05T07:08:09.1234567Z"),
            ("2024-03-05T07:08:09.123456789Z", "2024-03-05T07:08:09.123456789Z"),
            ("2024-03-05T02:08:09-05:00", "2024-03-05T07:08:09Z"),
            ("2024-03-05T07:08:09+00:00", "2024-03-05T07:08:09Z"),
            ("2024-03-05T7:08:09.123Z", "2024-03-05T07:08:09.123Z"),
            ("3/5/2024 7:08:09 AM", "2024-03-05T07:08:09Z"),
            ("3/5/2024 12:08:09 AM", "2024-03-05T00:08:09Z"),
            ("3/5/2024 7:08:09 PM +01:00", "2024-03-05T18:08:09Z"),
            ("3/5/2024 17:08", "2024-03-05T17:08:00Z"),
            ("3/5/2024, 7:08:09.000 AM", "2024-03-05T07:08:09Z"),
            ("2023-07-26 23:00:20.889", "2023-07-26T23:00:20.889Z"),
            ("2024-03-05T07:08:09", "2024-03-05T07:08:09Z"),
            ("2024-03-05T07:08:09.0000000Z ", "2024-03-05T07:08:09Z"),
            ("/Date(1613679244000)/", "2021-02-18T20:14:04Z"),
            ("\\/Date(1613679244000)\\/", "2021-02-18T20:14:04Z"),
            ("638452192890000000", "2024-03-05T07:08:09Z"),
            ("1709622489", "2024-03-05T07:08:09Z"),
            ("2024-03-05", "2024-03-05T00:00:00Z"),
        ] {
            assert_eq!(parse(text).map(format).as_deref(), Some(utc), "{text}");
        }
    }

    #[test]
    fn a_missing_zone_is_the_servers() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        for (text, utc) in [
            ("2024-03-05T07:08:09", "2024-03-05T05:08:09Z"),
            ("3/5/2024 7:08:09 AM", "2024-03-05T05:08:09Z"),
            ("2024-03-05T07:08:09Z", "2024-03-05T07:08:09Z"),
            ("2024-03-05 07:08:09 -01:00", "2024-03-05T08:08:09Z"),
            ("638452192890000000", "2024-03-05T07:08:09Z"),
        ] {
            assert_eq!(parse_in(text, &zone).map(format).as_deref(), Some(utc), "{text}");
        }
    }

    #[test]
    fn years_that_a_manifest_cannot_hold_are_no_times() {
        for text in [
            "/Date(-206389000908999)/",
            "/Date(-62135596800001)/",
            "0000-06-01T00:00:00Z",
            "0001-01-01T00:30:00+01:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let first = parse("/Date(-62135596800000)/").unwrap();
        assert_eq!(format(first), "0001-01-01T00:00:00Z");
        assert_eq!(parse(&format(first)), Some(first));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "Success",
            "50126",
            "13/13/2024 1:00 AM",
            "2024-02-30",
            "7:08:09",
            "2024-03-05T25:00:00Z",
            "2024-03-05T07:08:09Zx",
            "-",
            "/Date(x)/",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
