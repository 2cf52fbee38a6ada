//! Values that become coarser in other ways: moved dates, masked characters, bands of numbers.

use jiff::ToSpan as _;
use jiff::civil::Date;

/// A time moved by so many days, in its own form; the time of day and the zone stay. `None` if the
/// value is no time with a day, or one whose day and month cannot be told apart.
pub fn shift(value: &str, days: i64) -> Option<String> {
    let text = value.trim();
    if let Some(rest) = text.trim_start_matches('\\').strip_prefix("/Date(") {
        let (digits, tail) = rest.split_at(rest.find(['+', ')'])?);
        let moved = digits.parse::<i64>().ok()?.checked_add(days.checked_mul(86_400_000)?)?;
        let plain = tail.bytes().all(|b| b.is_ascii_digit() || b"+-)/\\".contains(&b)) && tail.len() <= 8;
        return plain.then(|| format!("/Date({moved}{tail}"));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        // .NET ticks and file times, milliseconds, seconds: told apart by their size.
        let per_day = match number {
            100_000_000_000_000_000.. => 864_000_000_000,
            100_000_000_000..=99_999_999_999_999 => 86_400_000,
            100_000_000..=99_999_999_999 => 86_400,
            _ => return None,
        };
        return number.checked_add(days.checked_mul(per_day)?).map(|moved| moved.to_string());
    }
    let date: Date = text.get(..10).filter(|date| date.as_bytes()[4] == b'-')?.parse().ok()?;
    let rest = text.get(10..)?;
    let clock = rest.strip_prefix(['T', 't', ' ']).unwrap_or(rest);
    let sane = rest.is_empty()
        || (clock.len() < rest.len()
            && clock.len() <= 32
            && clock.starts_with(|c: char| c.is_ascii_digit())
            && clock.bytes().all(|b| b.is_ascii_digit() || b":.+-Zz".contains(&b)));
    if !sane {
        return None;
    }
    let moved = date.checked_add(days.days()).ok()?;
    Some(format!("{moved}{rest}"))
}

/// `***` with `keep` leading (positive) or trailing (negative) characters. A value of fewer than twice
/// as many characters shows none. The number of hidden characters does not show.
pub fn mask(value: &str, keep: i8) -> String {
    let shown = usize::from(keep.unsigned_abs());
    let characters = value.chars().count();
    if characters <= 2 * shown {
        return "***".into();
    }
    match keep > 0 {
        true => value.chars().take(shown).collect::<String>() + "***",
        false => "***".to_owned() + &value.chars().skip(characters - shown).collect::<String>(),
    }
}

/// The band of a number: `<10`, `10-99`, `>=100` for the edges 10 and 100. `None` if it is no number.
pub fn band(value: &str, edges: &[u64]) -> Option<String> {
    let number: f64 = value.trim().parse().ok().filter(|number: &f64| number.is_finite())?;
    let above = edges.iter().take_while(|edge| number >= **edge as f64).count();
    Some(match (above.checked_sub(1).and_then(|at| edges.get(at)), edges.get(above)) {
        (None, Some(first)) => format!("<{first}"),
        (Some(from), Some(to)) => format!("{from}-{}", to - 1),
        (Some(last), None) => format!(">={last}"),
        (None, None) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_in_their_own_form() {
        for (value, moved) in [
            ("2024-03-01T07:08:09.1234567Z", "2024-02-28T07:08:09.1234567Z"),
            ("2024-03-01 07:08", "2024-02-28 07:08"),
            ("2024-01-01", "2023-12-30"),
            ("/Date(1613679244000)/", "/Date(1613506444000)/"),
            ("1709622489", "1709449689"),
            ("638452192890000000", "638450464890000000"),
        ] {
            assert_eq!(shift(value, -2).as_deref(), Some(moved), "{value}");
        }
        for no in [
            "3/5/2024 7:08:09 AM",
            "",
            "07:08:09",
            "Greta",
            "2024-03-01T Greta",
            "2024-13-01",
            "12",
            "2024-03-0é",
        ] {
            assert_eq!(shift(no, 5), None, "{no}");
        }
    }

    #[test]
    fn masks_show_so_many_characters_and_no_length() {
        assert_eq!(mask("+49 228 5550100", -2), "***00");
        assert_eq!(mask("Königswinter", 3), "Kön***");
        assert_eq!(mask("Bonn", 2), "***");
        assert_eq!(mask("", 1), "***");
    }

    #[test]
    fn numbers_fall_into_bands() {
        let edges = [10, 100];
        for (value, text) in
            [("3", "<10"), ("10", "10-99"), ("99.5", "10-99"), ("1e3", ">=100"), ("-4", "<10")]
        {
            assert_eq!(band(value, &edges).as_deref(), Some(text), "{value}");
        }
        assert_eq!(band("many", &edges), None);
        assert_eq!(band("NaN", &edges), None);
    }
}
