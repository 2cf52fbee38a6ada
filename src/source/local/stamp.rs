//! The time of a record of a text log or an XML document, in UTC.
//!
//! Servers write local times, wizard traces even the time of day alone: the date stands in the name
//! of the file, the zone is the server's. What is written in the record itself is never changed.

use super::text::{Shape, without_gap};
use crate::catalogue::time::{parse, parse_in};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use memchr::memmem;

/// Bytes at the start of a line in which a time is looked for.
const FRONT: usize = 64;

/// Reads the times of the records of one file, in their order.
pub struct Clock {
    zone: TimeZone,
    /// The day of the next time of day; from the name of the file.
    day: Option<Date>,
    /// The time of day before.
    before: Option<Time>,
}

impl Clock {
    /// A clock for the file `name`, written on a server of `zone`.
    pub fn new(name: &str, zone: &TimeZone) -> Self {
        Clock { zone: zone.clone(), day: date_in(name), before: None }
    }

    /// The time of the next record of a text log.
    pub fn text(&mut self, shape: Shape, record: &[u8]) -> Option<Timestamp> {
        let record = without_gap(record);
        match shape {
            Shape::WizardTrace => self.wizard(record),
            Shape::ProvisioningTrace | Shape::AuthenticationTrace | Shape::ConnectorTrace => {
                let value = after(record, b"DateTime=").or_else(|| after(record, b"Timestamp="))?;
                // .NET writes the time of its trace listeners in UTC (TraceEventCache.DateTime).
                parse(value)
            }
            Shape::RadiusLog => self.radius(record),
            Shape::Placed | Shape::Accepted => self.front(record),
            Shape::DeviceStatus
            | Shape::SchedulerOutput
            | Shape::FederationProperties
            | Shape::MfaRegistry => None,
        }
    }

    /// The time of an XML record: the text of its first element of that name (and attributes, as they
    /// are written).
    pub fn element(&self, name: &str, record: &[u8]) -> Option<Timestamp> {
        let mut rest = record;
        loop {
            let found = memmem::find(rest, name.as_bytes())?;
            let opens = found.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'<');
            let behind = rest.get(found + name.len()..)?;
            if opens && matches!(behind.first(), Some(b'>' | b' ')) {
                let text = behind.get(memchr::memchr(b'>', behind)? + 1..)?;
                let text = text.get(..memchr::memchr(b'<', text)?)?;
                return parse(std::str::from_utf8(text).ok()?);
            }
            rest = behind;
        }
    }

    /// `[07:08:09.123]` or `[2024-03-05T07:08:09.123]`, local.
    fn wizard(&mut self, record: &[u8]) -> Option<Timestamp> {
        let inside = record.strip_prefix(b"[")?;
        let text = std::str::from_utf8(inside.get(..memchr::memchr(b']', inside)?)?).ok()?;
        if text.contains('-') {
            return parse_in(text, &self.zone);
        }
        let time: Time = text.parse().ok()?;
        self.of_day(time)
    }

    /// The time of day on the day of the file, which moves on at midnight. Threads may write a
    /// little out of order: only a step back by more than half a day is a new day.
    fn of_day(&mut self, time: Time) -> Option<Timestamp> {
        let half_a_day = 12 * 3600;
        let seconds = |time: Time| i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60;
        if self.before.is_some_and(|before| seconds(before) - seconds(time) > half_a_day) {
            self.day = self.day.and_then(|day| day.checked_add(Span::new().days(1)).ok());
        }
        self.before = Some(time);
        self.zone.to_timestamp(DateTime::from_parts(self.day?, time)).ok()
    }

    /// `"HOST","IAS",03/07/2024,15:04:05,…` (month first, as the format is documented) or
    /// `<Timestamp data_type="4">03/07/2024 15:04:05.123</Timestamp>`, local.
    fn radius(&self, record: &[u8]) -> Option<Timestamp> {
        let text = std::str::from_utf8(record).ok()?;
        if let Some(rest) = text.strip_prefix("<Event><Timestamp data_type=") {
            let value = rest.get(rest.find('>')? + 1..)?;
            return parse_in(value.get(..value.find('<')?)?, &self.zone);
        }
        let mut cells = text.split(',').skip(2);
        let (date, time) = (cells.next()?.trim_matches('"'), cells.next()?.trim_matches('"'));
        parse_in(&format!("{date} {time}"), &self.zone)
    }

    /// A time that begins the line, in brackets or not.
    fn front(&self, record: &[u8]) -> Option<Timestamp> {
        let line = record.split(|b| *b == b'\n').next()?;
        let mut front = line.get(..FRONT).unwrap_or(line);
        while !front.is_empty() {
            match std::str::from_utf8(front) {
                Ok(text) => return self.longest(text.trim_start_matches(['[', '(', '"', ' '])),
                Err(error) => front = front.get(..error.valid_up_to())?,
            }
        }
        None
    }

    fn longest(&self, text: &str) -> Option<Timestamp> {
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        // Ends of words and brackets end a time; the longest that is one counts.
        let ends = text.match_indices([' ', ']', ')', '"', ',', ';', '|', '\t']).map(|(at, _)| at);
        let mut ends: Vec<usize> = ends.chain([text.trim_end().len()]).collect();
        ends.sort_unstable();
        // A number alone is no time here: it may count anything.
        let dated = |text: &str| text.contains([':']) && text.contains(['-', '/']);
        ends.iter()
            .rev()
            .filter_map(|end| text.get(..*end))
            .filter(|text| dated(text))
            .find_map(|text| parse_in(text, &self.zone))
    }
}

/// The word after `name` in the record.
fn after<'r>(record: &'r [u8], name: &[u8]) -> Option<&'r str> {
    let rest = record.get(memmem::find(record, name)? + name.len()..)?;
    let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
    std::str::from_utf8(rest.get(..end)?).ok()
}

/// The date in a file name: `trace-20240305-070809.log`, `IN240305.log`, `2024-03-05.log`.
fn date_in(name: &str) -> Option<Date> {
    let name = name.rsplit('/').next()?;
    let date = |year: &str, month: &str, day: &str| {
        let (year, month, day) = (year.parse::<i16>().ok()?, month.parse().ok()?, day.parse().ok()?);
        (1990..2100).contains(&year).then(|| Date::new(year, month, day).ok()).flatten()
    };
    let bytes = name.as_bytes();
    for from in 0..bytes.len() {
        if from > 0 && bytes[from - 1].is_ascii_digit() || !name.is_char_boundary(from) {
            continue;
        }
        let rest = &name[from..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let found = match digits {
            8 | 14 => date(&rest[..4], &rest[4..6], &rest[6..8]),
            6 if from > 0 => date(&format!("20{}", &rest[..2]), &rest[2..4], &rest[4..6]),
            4 => rest.get(..10).and_then(|text| {
                let mut parts = text.split(['-', '_']);
                date(parts.next()?, parts.next()?, parts.next()?)
            }),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(name: &str) -> Clock {
        Clock::new(name, &TimeZone::fixed(jiff::tz::offset(2)))
    }

    fn shown(time: Option<Timestamp>) -> Option<String> {
        time.map(|time| time.to_string())
    }

    #[test]
    fn dates_stand_in_file_names() {
        for (name, date) in [
            ("AADConnect/trace-20240305-070809.log", Some("2024-03-05")),
            ("trace-20240305.log", Some("2024-03-05")),
            ("logs/IN240305.log", Some("2024-03-05")),
            ("agent-2024-03-05.log", Some("2024-03-05")),
            ("agent_2024_03_05_1.log", Some("2024-03-05")),
            ("trace-20240305070809.log", Some("2024-03-05")),
            ("20240305/trace.log", None),
            ("trace-99999999.log", None),
            ("é20240305.log", Some("2024-03-05")),
            ("server12345.log", None),
        ] {
            assert_eq!(date_in(name).map(|date| date.to_string()).as_deref(), date, "{name}");
        }
    }

    #[test]
    fn times_of_day_roll_over_midnight() {
        let mut clock = clock("trace-20240305-235900.log");
        let mut read = |line: &str| shown(clock.text(Shape::WizardTrace, line.as_bytes()));
        assert_eq!(read("[23:59:59.500] [  1] [INFO ] a\n").as_deref(), Some("2024-03-05T21:59:59.5Z"));
        assert_eq!(read("[23:59:59.400] [  2] [INFO ] b\n").as_deref(), Some("2024-03-05T21:59:59.4Z"));
        assert_eq!(read("[00:00:01.000] [  1] [INFO ] c\n").as_deref(), Some("2024-03-05T22:00:01Z"));
        assert_eq!(
            read("[2024-05-01T00:00:00.700] [ 1] [INFO ] d\n").as_deref(),
            Some("2024-04-30T22:00:00.7Z")
        );
        let mut undated = self::clock("trace.log");
        assert_eq!(undated.text(Shape::WizardTrace, b"[07:08:09.123] [  1] [INFO ] a"), None);
    }

    #[test]
    fn every_shape_has_its_place_for_the_time() {
        for (shape, record, utc) in [
            (
                Shape::ProvisioningTrace,
                "X Error: 0 : y\n    ThreadId=5\n    DateTime=2024-03-05T07:08:09.1234567Z\n",
                Some("2024-03-05T07:08:09.1234567Z"),
            ),
            (Shape::RadiusLog, "\"NPS01\",\"IAS\",03/07/2024,15:04:05,1\n", Some("2024-03-07T13:04:05Z")),
            (
                Shape::RadiusLog,
                "<Event><Timestamp data_type=\"4\">03/07/2024 15:04:05.123</Timestamp></Event>\n",
                Some("2024-03-07T13:04:05.123Z"),
            ),
            (Shape::Accepted, "2024-03-05 07:08:09,123 [INFO] x\n", Some("2024-03-05T05:08:09Z")),
            (Shape::Accepted, "[3/5/2024 7:08:09 AM] x\n", Some("2024-03-05T05:08:09Z")),
            (Shape::Accepted, "2024-03-05T07:08:09.5Z x\n", Some("2024-03-05T07:08:09.5Z")),
            (Shape::Accepted, "1709622489 x\n", None),
            (Shape::Accepted, "é é é\n", None),
            (Shape::SchedulerOutput, "NextSync : 2024-03-05T07:08:09Z\n", None),
        ] {
            assert_eq!(shown(clock("x.log").text(shape, record.as_bytes())).as_deref(), utc, "{record}");
        }
    }

    #[test]
    fn an_element_holds_the_time_of_an_xml_record() {
        let record = b"<run-details><start-date-x>1</start-date-x><start-date>2024-03-05 07:08:09.123</start-date></run-details>";
        assert_eq!(
            shown(clock("x").element("start-date", record)).as_deref(),
            Some("2024-03-05T07:08:09.123Z")
        );
        assert_eq!(clock("x").element("end-date", record), None);
        let object = br#"<Obj><DT N="EndDate">2024-03-05T09:00:00Z</DT><DT N="StartDate">2024-03-05T08:08:09.5+01:00</DT></Obj>"#;
        assert_eq!(
            shown(clock("x").element("DT N=\"StartDate\"", object)).as_deref(),
            Some("2024-03-05T07:08:09.5Z")
        );
        assert_eq!(clock("x").element("start-date", b"<start-date"), None);
    }
}
