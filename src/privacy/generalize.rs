//! Coarser values: places, times, addresses, user agents, platforms, distinguished names.
//!
//! Every function gives a text that is less than its input says, or `None`: then the value is dropped.

mod other;

pub use other::{band, mask, shift};

use super::policy::model::{Level, Unit};
use super::rules::PlacePart;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::net::IpAddr;

/// A place of at most `level`. `None` drops the value; the value itself means it stays.
pub fn place(value: &str, part: PlacePart, level: Level) -> Option<String> {
    match (part, level) {
        (PlacePart::City, Level::City) | (PlacePart::State, Level::City | Level::State) => Some(value.into()),
        (PlacePart::Coordinate, Level::City) => {
            let number: f64 = value.trim().parse().ok()?;
            number.is_finite().then(|| format!("{:.1}", (number * 10.0).round() / 10.0))
        }
        (PlacePart::Mixed, Level::City) => Some(value.into()),
        // One cell `City, State, CC` of the portal.
        (PlacePart::Mixed, level) => {
            let parts: Vec<&str> = value.split(',').map(str::trim).collect();
            match (parts.as_slice(), level) {
                ([_, state, country], Level::State) => Some(format!("{state}, {country}")),
                ([_, .., country], _)
                    if country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) =>
                {
                    Some((*country).to_owned())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// A time cut to the unit, in a form that readers of the original also read. `None` if the value
/// is no time that can be cut.
pub fn time(value: &str, unit: Unit) -> Option<String> {
    let text = value.trim();
    if let Some(millis) = text
        .trim_start_matches('\\')
        .strip_prefix("/Date(")
        .and_then(|rest| rest.split(['+', ')']).next())
        .and_then(|digits| digits.parse::<i64>().ok())
    {
        let cut = cut(Timestamp::from_millisecond(millis).ok()?, unit)?;
        return Some(format!("/Date({})/", cut.as_millisecond()));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        // .NET ticks, file times, milliseconds, seconds: told apart by their size.
        const TICKS_1970: i64 = 621_355_968_000_000_000;
        const FILETIME_1970: i64 = 116_444_736_000_000_000;
        let (zero, per_second) = match number {
            400_000_000_000_000_000.. => (TICKS_1970, 10_000_000),
            100_000_000_000_000_000.. => (FILETIME_1970, 10_000_000),
            100_000_000_000..=99_999_999_999_999 => (0, 1_000),
            100_000_000..=99_999_999_999 => (0, 1),
            _ => return None,
        };
        let cut = cut(Timestamp::from_second((number - zero).div_euclid(per_second)).ok()?, unit)?;
        return cut.as_second().checked_mul(per_second)?.checked_add(zero).map(|ticks| ticks.to_string());
    }
    let bytes = text.as_bytes();
    let iso = bytes.len() >= 10
        && bytes[..10]
            .iter()
            .enumerate()
            .all(|(at, b)| if at == 4 || at == 7 { *b == b'-' } else { b.is_ascii_digit() });
    if iso {
        let date: jiff::civil::Date = text.get(..10)?.parse().ok()?;
        let day = match unit {
            Unit::Month => date.first_of_month(),
            _ => date,
        };
        if bytes.len() == 10 {
            return Some(day.to_string());
        }
        if !matches!(bytes[10], b'T' | b't' | b' ') {
            return None;
        }
        if unit != Unit::Hour {
            return Some(format!("{day}T00:00:00Z"));
        }
        let clock = text.get(11..)?;
        let hour: u8 = clock.split(':').next()?.parse().ok().filter(|hour| *hour < 24)?;
        let zone = clock.rfind(['Z', 'z', '+', '-']).and_then(|at| clock.get(at..)).unwrap_or("");
        let sane = zone.len() <= 6 && zone.bytes().all(|b| b.is_ascii_digit() || b"zZ+-:".contains(&b));
        return sane.then(|| format!("{day}T{hour:02}:00:00{zone}"));
    }
    // `3/5/2024 7:08:09 AM`: which part is the month is not known.
    let date = text.split([' ', ',']).next()?;
    let numbers: Vec<&str> = date.split(['/', '.']).collect();
    match numbers.as_slice() {
        [a, b, year]
            if year.len() == 4
                && [a, b, year]
                    .iter()
                    .all(|n| n.len() <= 4 && !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit())) =>
        {
            Some(if unit == Unit::Month { (*year).to_owned() } else { date.to_owned() })
        }
        _ => None,
    }
}

fn cut(time: Timestamp, unit: Unit) -> Option<Timestamp> {
    let civil = time.to_zoned(TimeZone::UTC).datetime();
    let date = if unit == Unit::Month { civil.date().first_of_month() } else { civil.date() };
    let hour = if unit == Unit::Hour { civil.hour() } else { 0 };
    date.at(hour, 0, 0, 0).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The address in a value that may carry a port, brackets or a zone.
pub fn address(value: &str) -> Option<IpAddr> {
    let text = value.trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, _) = rest.split_once(']')?;
        return plain(inner);
    }
    if let Some(ip) = plain(text) {
        return Some(ip);
    }
    let (host, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    host.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::V4)
}

fn plain(text: &str) -> Option<IpAddr> {
    let text = text.split('%').next().unwrap_or(text);
    let ip: IpAddr = text.parse().ok()?;
    Some(match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    })
}

/// Whether an address belongs to a private or carrier block.
pub fn private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.segments()[0] & 0xfe00 == 0xfc00,
    }
}

/// Whether an address says nothing about anybody: loopback, unspecified, link-local, multicast, broadcast.
pub fn special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_unspecified()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.segments()[0] & 0xffc0 == 0xfe80
        }
    }
}

/// The network of an address, or of a network, cut to so many bits: `203.0.113.0/24`.
pub fn network(value: &str, v4: u8, v6: u8) -> Option<String> {
    let (base, length) = match value.trim().split_once('/') {
        Some((base, length)) => (plain(base)?, Some(length.parse::<u8>().ok()?)),
        None => (address(value)?, None),
    };
    Some(match base {
        IpAddr::V4(ip) => {
            let bits = length.unwrap_or(32).min(32).min(v4);
            let mask = if bits == 0 { 0 } else { u32::MAX << (32 - u32::from(bits)) };
            format!("{}/{bits}", std::net::Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        IpAddr::V6(ip) => {
            let bits = length.unwrap_or(128).min(128).min(v6);
            let mask = if bits == 0 { 0 } else { u128::MAX << (128 - u32::from(bits)) };
            format!("{}/{bits}", std::net::Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    })
}

/// Marks of user agents, first match wins: mark, family, whether its version follows the mark.
const AGENTS: &[(&str, &str)] = &[
    ("BAV2ROPC", "BAV2ROPC"),
    ("CBAInPROD", "CBAInPROD"),
    ("CBAinTAR", "CBAinTAR"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("Teams/", "Teams"),
    ("Outlook/", "Outlook"),
    ("Outlook-iOS/", "Outlook"),
    ("Outlook-Android/", "Outlook"),
    ("Microsoft Office/", "Office"),
    ("OneDrive/", "OneDrive"),
    ("WindowsPowerShell/", "PowerShell"),
    ("PowerShell/", "PowerShell"),
    ("azsdk-", "Azure SDK"),
    ("AzureCLI/", "Azure CLI"),
    ("python-requests/", "python-requests"),
    ("okhttp/", "okhttp"),
    ("curl/", "curl"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Trident/", "Internet Explorer"),
    ("MSIE ", "Internet Explorer"),
    ("Version/", "Safari"),
    ("Dalvik/", "Android"),
    ("CFNetwork/", "CFNetwork"),
    ("Microsoft", "Microsoft"),
];
const SYSTEMS: &[(&str, &str)] = &[
    ("Windows NT ", "Windows"),
    ("Windows Phone ", "Windows Phone"),
    ("iPhone OS ", "iOS"),
    ("CPU OS ", "iPadOS"),
    ("Android ", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X ", "macOS"),
    ("Linux", "Linux"),
];

/// A user agent as family, major version and system, or as family alone.
pub fn agent(value: &str, level: Level) -> String {
    let found = AGENTS.iter().find_map(|(mark, family)| Some((*family, value.split_once(mark)?.1)));
    let (family, rest) = found.unwrap_or(("other", ""));
    let mut out = family.to_owned();
    if level == Level::Family {
        return out;
    }
    let version = major(rest);
    if !version.is_empty() {
        out.push('/');
        out.push_str(version);
    }
    if let Some((system, rest)) =
        SYSTEMS.iter().find_map(|(mark, system)| Some((*system, value.split_once(mark)?.1)))
    {
        out.push_str(" (");
        out.push_str(system);
        let version = major(rest);
        if !version.is_empty() {
            out.push(' ');
            out.push_str(version);
        }
        out.push(')');
    }
    out
}

/// At most four leading digits.
fn major(text: &str) -> &str {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits <= 4 { &text[..digits] } else { "" }
}

const PLATFORMS: &[(&str, &str)] = &[
    ("windowsphone", "Windows Phone"),
    ("windows", "Windows"),
    ("ipados", "iPadOS"),
    ("ios", "iOS"),
    ("iphone", "iOS"),
    ("android", "Android"),
    ("macos", "macOS"),
    ("macmdm", "macOS"),
    ("linux", "Linux"),
    ("chromeos", "ChromeOS"),
];

/// System and major version. A bare version keeps its first number; everything else is `None`.
pub fn platform(value: &str) -> Option<String> {
    let text = value.trim();
    let folded: String =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    if let Some((mark, system)) = PLATFORMS.iter().find(|(mark, _)| folded.starts_with(mark)) {
        let version = major(folded[mark.len()..].trim_start_matches(|c: char| !c.is_ascii_digit()));
        return Some(if version.is_empty() { (*system).to_owned() } else { format!("{system} {version}") });
    }
    let dotted = text.len() <= 40 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (dotted && !major(text).is_empty()).then(|| major(text).to_owned())
}

/// Depth of a DN and number of its domain parts.
pub fn depth(value: &str) -> Option<String> {
    let (mut parts, mut domain, mut escaped, mut start) = (0, 0, false, true);
    let bytes = value.trim().as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if start {
            parts += 1;
            let part = bytes[at..].trim_ascii_start();
            domain += usize::from(part.len() > 2 && part[..3].eq_ignore_ascii_case(b"DC="));
        }
        start = *byte == b',' && !escaped;
        escaped = *byte == b'\\' && !escaped;
    }
    value.contains('=').then(|| format!("depth={parts},dc={domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lose_what_lies_below_the_level() {
        let at = |part, level| place("Bonn", part, level);
        assert_eq!(at(PlacePart::City, Level::City).as_deref(), Some("Bonn"));
        assert_eq!(at(PlacePart::City, Level::State), None);
        assert_eq!(at(PlacePart::State, Level::Country), None);
        assert_eq!(place("50.7374", PlacePart::Coordinate, Level::City).as_deref(), Some("50.7"));
        assert_eq!(place("50.7374", PlacePart::Coordinate, Level::State), None);
        assert_eq!(place("Bonn, NRW, DE", PlacePart::Mixed, Level::State).as_deref(), Some("NRW, DE"));
        assert_eq!(place("Bonn, NRW, DE", PlacePart::Mixed, Level::Country).as_deref(), Some("DE"));
        assert_eq!(place("Bonn", PlacePart::Mixed, Level::State), None);
    }

    #[test]
    fn times_of_every_form_are_cut() {
        for (value, day, month) in [
            ("2024-03-05T07:08:09.1234567Z", "2024-03-05T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2024-03-05T02:08:09-05:00", "2024-03-05T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2024-03-05", "2024-03-05", "2024-03-01"),
            ("3/5/2024 7:08:09 AM", "3/5/2024", "2024"),
            ("/Date(1613679244000)/", "/Date(1613606400000)/", "/Date(1612137600000)/"),
            ("638452192890000000", "638451936000000000", "638448480000000000"),
            ("1709622489", "1709596800", "1709251200"),
        ] {
            assert_eq!(time(value, Unit::Day).as_deref(), Some(day), "{value}");
            assert_eq!(time(value, Unit::Month).as_deref(), Some(month), "{value}");
        }
        assert_eq!(
            time("2024-03-05T7:08:09+01:00", Unit::Hour).as_deref(),
            Some("2024-03-05T07:00:00+01:00")
        );
        for no_time in ["Greta", "", "12", "2024-13-05T00:00:00Z", "1/2/3/4", "2024-03-05Greta"] {
            assert_eq!(time(no_time, Unit::Day), None, "{no_time}");
        }
    }

    #[test]
    fn addresses_are_read_in_every_dress_and_cut() {
        assert_eq!(network("203.0.113.7:50123", 24, 48).as_deref(), Some("203.0.113.0/24"));
        assert_eq!(network("[2a01:db8:7:1::5]:443", 24, 48).as_deref(), Some("2a01:db8:7::/48"));
        assert_eq!(network("::ffff:203.0.113.7", 24, 48).as_deref(), Some("203.0.113.0/24"));
        assert_eq!(network("203.0.0.0/16", 24, 48).as_deref(), Some("203.0.0.0/16"));
        assert_eq!(network("Greta", 24, 48), None);
        assert!(private(address("100.64.0.1").unwrap()) && private(address("fd00::1").unwrap()));
        assert!(!private(address("203.0.113.7").unwrap()));
        assert!(special(address("fe80::1%eth0").unwrap()));
    }

    #[test]
    fn agents_keep_family_major_and_system_only() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91 greta";
        assert_eq!(agent(edge, Level::Parsed), "Edge/120 (Windows 10)");
        assert_eq!(agent(edge, Level::Family), "Edge");
        assert_eq!(agent("greta's tool", Level::Parsed), "other");
        assert_eq!(agent("BAV2ROPC", Level::Parsed), "BAV2ROPC");
    }

    #[test]
    fn platforms_keep_system_and_major() {
        assert_eq!(platform("Windows 10.0.19045").as_deref(), Some("Windows 10"));
        assert_eq!(platform("Windows10").as_deref(), Some("Windows 10"));
        assert_eq!(platform("10.0.19045.3930").as_deref(), Some("10"));
        assert_eq!(platform("Surface Laptop of Greta"), None);
    }

    #[test]
    fn dn_counts() {
        assert_eq!(depth(r"CN=Schmidt\, Greta,OU=Sales,DC=contoso,DC=com").as_deref(), Some("depth=4,dc=2"));
        assert_eq!(depth("Greta"), None);
    }
}
