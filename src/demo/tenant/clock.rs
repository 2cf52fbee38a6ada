//! The tenant's time: everything counts back from the end of the logs.

use jiff::Timestamp;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The end of the logs.
pub struct Clock {
    now: i64,
}

impl Clock {
    /// A clock that stands at `now`, cut to the second.
    pub fn new(now: Timestamp) -> Self {
        Clock { now: now.as_second() }
    }

    /// `seconds` before the end.
    pub fn ago(&self, seconds: i64) -> i64 {
        self.now - seconds
    }

    /// Text of `seconds` before the end.
    pub fn ago_text(&self, seconds: i64) -> String {
        utc(self.ago(seconds))
    }
}

/// `2026-11-18T07:08:09Z`.
pub fn utc(second: i64) -> String {
    Timestamp::from_second(second).unwrap_or_default().to_string()
}

/// `2026-11-18T07:08:09.1234567Z`: with ticks of 100 ns, as the services write it.
pub fn utc_ticks(second: i64, ticks: u64) -> String {
    let whole = utc(second);
    format!("{}.{:07}Z", whole.trim_end_matches('Z'), ticks % 10_000_000)
}

/// A text in a `strftime` form.
pub fn text(second: i64, form: &str) -> String {
    Timestamp::from_second(second).unwrap_or_default().strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(utc(1_794_985_689), "2026-11-18T07:08:09Z");
        assert_eq!(utc_ticks(1_794_985_689, 1_234_567), "2026-11-18T07:08:09.1234567Z");
        assert_eq!(utc_ticks(1_794_985_689, 7), "2026-11-18T07:08:09.0000007Z");
        assert_eq!(text(1_794_985_689, "%H:%M:%S"), "07:08:09");
    }
}
