//! Numbers without a literal: GUIDs, hex digits, addresses of networks and devices, recovery passwords. They
//! are looked for in stretches of hex digits and separators that have enough of both.

use super::announced::Announced;
use super::{Shapes, anchor, digit, sixteen, swap, uuid, word_at, word_before};
use crate::kind::Kind;
use regex::bytes::Regex;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

/// A shape without literals: one expression, asked of stretches that may hold one.
fn numbers() -> &'static Regex {
    static SHAPES: OnceLock<Regex> = OnceLock::new();
    SHAPES.get_or_init(|| {
        Regex::new(concat!(
            r"(?-u)[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
            r"|[0-9a-fA-F]{32,}",
            r"|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?:\.\d{1,3}){0,3}",
            r"|\d{1,3}(?:\.\d{1,3}){3,}",
        ))
        .expect("a fixed pattern")
    })
}

impl Shapes<'_> {
    /// Goes from separator to separator: the stretch of hex digits and separators around each is
    /// looked at as a number, what stands behind each `:` and `=` as a secret.
    pub(super) fn stretches(&self, bytes: &[u8], report: &mut impl FnMut(usize, &'static str, bool)) {
        let mut secrets = Announced::default();
        let mut equals = memchr::memchr_iter(b'=', bytes).peekable();
        let mut from = 0;
        while let Some(found) = memchr::memchr3(b':', b'.', b'-', &bytes[from..]) {
            let at = from + found;
            let mut start = at;
            while start > from && is_number_byte(bytes[start - 1]) {
                start -= 1;
            }
            let (mut end, mut colons, mut dots, mut dashes, mut twice) = (at, 0, 0, 0, false);
            while let Some(byte) = bytes.get(end).filter(|b| is_number_byte(**b)) {
                match byte {
                    b':' => {
                        twice |= end > start && bytes[end - 1] == b':';
                        colons += 1;
                        while let Some(equals) = equals.next_if(|equals| *equals < end) {
                            secrets.behind(bytes, equals, report);
                        }
                        secrets.behind(bytes, end, report);
                    }
                    b'.' => dots += 1,
                    b'-' => dashes += 1,
                    _ => {}
                }
                end += 1;
            }
            from = end;
            // Groups without `::` between are an address only if there are eight of them, or six bytes.
            if twice || colons >= 5 || dots >= 3 || (dashes >= 4 && end - start >= 36) {
                self.numbers(bytes, start, end, report);
            }
            if dashes >= 4 && self.treated.contains(Kind::IpAddress) {
                self.dashed_address(bytes, start, end, report);
            }
            if dashes >= 7
                && end - start >= 55
                && let Some(at) = (start..=end - 55).find(|at| is_recovery_key(bytes, *at))
            {
                report(at, "secret:bitlocker", false);
            }
            if dashes >= 5 && self.treated.contains(Kind::MacAddress) {
                for at in memchr::memchr_iter(b'-', &bytes[start..end]) {
                    if at >= 2 && is_mac(bytes, start + at - 2, b'-') {
                        report(start + at - 2, Kind::MacAddress.id(), false);
                    }
                }
            }
        }
        for equals in equals {
            secrets.behind(bytes, equals, report);
        }
    }

    /// An address whose dots are dashes, behind the letters of a host's name: `ip-203-0-113-7`.
    fn dashed_address(
        &self,
        bytes: &[u8],
        start: usize,
        end: usize,
        report: &mut impl FnMut(usize, &'static str, bool),
    ) {
        let letters = bytes[start..end].iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let dash = start + letters;
        let named = dash > 0 && bytes[dash - 1].is_ascii_alphabetic();
        if !named || bytes[dash] != b'-' || !digit(bytes, dash + 1) {
            return;
        }
        let mut octets = [0u8; 4];
        let mut at = dash;
        for octet in &mut octets {
            if at >= end || bytes[at] != b'-' {
                return;
            }
            let digits = bytes[at + 1..end].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
            let text = std::str::from_utf8(&bytes[at + 1..at + 1 + digits]).unwrap_or_default();
            let Ok(value) = text.parse() else { return };
            (*octet, at) = (value, at + 1 + digits);
        }
        let address = IpAddr::V4(Ipv4Addr::from(octets));
        let further = word_at(bytes, at) || (bytes.get(at) == Some(&b'-') && digit(bytes, at + 1));
        let kept = is_ours(address) || (self.private_addresses && is_private(address));
        if !further && !kept {
            report(dash + 1, Kind::IpAddress.id(), false);
        }
    }

    /// The shapes in the stretch `from..to`, which ends where no shape goes on.
    fn numbers(
        &self,
        bytes: &[u8],
        from: usize,
        to: usize,
        report: &mut impl FnMut(usize, &'static str, bool),
    ) {
        if let Some(guid) = dashed(&bytes[from..to]) {
            if self.entity(guid) {
                report(from, Kind::ObjectId.id(), true);
            }
            return;
        }
        for whole in numbers().find_iter(&bytes[from..to]) {
            let (start, end) = (from + whole.start(), from + whole.end());
            let text = std::str::from_utf8(whole.as_bytes()).unwrap_or_default();
            let closed = !word_before(bytes, start) && !word_at(bytes, end);
            if text.contains('-') {
                if uuid(text).is_some_and(|guid| self.entity(guid)) {
                    report(start, Kind::ObjectId.id(), true);
                }
            } else if !text.contains([':', '.']) {
                if self.hex(text) {
                    report(start, Kind::ObjectId.id(), true);
                }
            } else if !text.contains(':') {
                let kept = text.matches('.').count() != 3
                    || !closed
                    || bytes.get(end) == Some(&b'.') && digit(bytes, end + 1);
                if !kept
                    && self.treats(&[Kind::IpAddress])
                    && is_address(bytes, start, end, text)
                    && !is_reverse_of_ours(bytes, end)
                    && !self.keeps(text)
                {
                    report(start, Kind::IpAddress.id(), false);
                }
            } else if self.treats(&[Kind::IpAddress, Kind::MacAddress]) {
                self.colons(bytes, start, end, text, report);
            }
        }
    }

    /// Runs of at least 32 hex digits: every such run holds a byte at a multiple of 32.
    pub(super) fn hex_runs(&self, bytes: &[u8], report: &mut impl FnMut(usize, &'static str, bool)) {
        let mut at = 31;
        while let Some(byte) = bytes.get(at) {
            if !byte.is_ascii_hexdigit() {
                at += 32;
                continue;
            }
            let before = bytes[..at].iter().rev().take_while(|b| b.is_ascii_hexdigit()).count();
            let after = bytes[at..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
            let (start, end) = (at - before, at + after);
            if end - start >= 32
                && let Ok(text) = std::str::from_utf8(&bytes[start..end])
                && self.hex(text)
            {
                report(start, Kind::ObjectId.id(), true);
            }
            at = end + 32;
        }
    }

    /// Whether an address stays because the policy keeps it, or keeps private ones.
    fn keeps(&self, address: &str) -> bool {
        (self.private_addresses || !self.addresses.is_empty())
            && address.parse().is_ok_and(|address: IpAddr| {
                self.private_addresses && is_private(address)
                    || self.addresses.binary_search(&address.to_canonical()).is_ok()
            })
    }

    /// Hex digits without dashes: a GUID, its little-endian bytes, or the hex of an anchor's text.
    fn hex(&self, text: &str) -> bool {
        let known = |text: &str| uuid(text).is_some_and(|guid| self.entity(guid) || self.entity(swap(guid)));
        if text.len() >= 48 {
            let ascii = data_encoding::HEXLOWER_PERMISSIVE.decode(&text.as_bytes()[..48]).unwrap_or_default();
            let anchor = std::str::from_utf8(&ascii).ok().and_then(anchor);
            if anchor.is_some_and(|guid| self.entity(guid)) {
                return true;
            }
        }
        known(&text[..32]) || (text.len() > 32 && known(&text[text.len() - 32..]))
    }

    fn colons(
        &self,
        bytes: &[u8],
        start: usize,
        end: usize,
        text: &str,
        report: &mut impl FnMut(usize, &'static str, bool),
    ) {
        if text.len() == 17 && is_mac(bytes, start, b':') {
            if self.treated.contains(Kind::MacAddress) {
                report(start, Kind::MacAddress.id(), false);
            }
            return;
        }
        let further = bytes.get(end) == Some(&b':')
            && bytes.get(end + 1).is_some_and(|b| b.is_ascii_hexdigit() || *b == b':');
        if word_before(bytes, start)
            || word_at(bytes, end)
            || further
            || !self.treated.contains(Kind::IpAddress)
        {
            return;
        }
        let trimmed = text.strip_prefix(':').filter(|rest| !rest.starts_with(':')).unwrap_or(text);
        let trimmed = match trimmed.strip_suffix(':') {
            Some(rest) if !rest.ends_with(':') => rest,
            _ => trimmed,
        };
        let Ok(address) = trimmed.parse::<Ipv6Addr>() else { return };
        let groups = trimmed.split(':').filter(|group| !group.is_empty()).count();
        let telling = groups >= 3 || trimmed.bytes().any(|b| b.is_ascii_digit());
        if telling && !is_ours(IpAddr::V6(address)) && !self.keeps(trimmed) {
            report(start, Kind::IpAddress.id(), false);
        }
    }
}

/// Hex digits, and what stands between them in GUIDs and addresses.
fn is_number_byte(byte: u8) -> bool {
    static NUMBER: [bool; 256] = {
        let mut table = [false; 256];
        let mut at = 0;
        while at < 256 {
            let byte = at as u8;
            table[at] = byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'-');
            at += 1;
        }
        table
    };
    NUMBER[byte as usize]
}

/// The GUID that all of the bytes are, with dashes.
fn dashed(text: &[u8]) -> Option<[u8; 16]> {
    let shaped = text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text[*at] == b'-');
    if shaped { sixteen(text) } else { None }
}

/// Addresses that stay: our ranges, and what belongs to no host.
fn is_ours(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_unspecified()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
        }
        IpAddr::V6(v6) => {
            let s = v6.segments();
            (s[0] == 0x2001 && s[1] == 0xdb8 && (s[2] == 4 || s[2] == 5))
                || s[0] == 0x3fff
                || v6.is_loopback()
                || v6.is_unspecified()
                || s[0] & 0xffc0 == 0xfe80
                || s[0] & 0xff00 == 0xff00
                || v6.to_ipv4_mapped().is_some_and(|v4| is_ours(IpAddr::V4(v4)))
        }
    }
}

/// Addresses of networks that belong to nobody alone: RFC 1918, the shared block, unique local ones.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64),
        IpAddr::V6(v6) => {
            v6.segments()[0] & 0xfe00 == 0xfc00
                || v6.to_ipv4_mapped().is_some_and(|v4| is_private(IpAddr::V4(v4)))
        }
    }
}

/// Whether digits end inside the reverse name of one of our addresses, whose single hex digits may look
/// like a quad: `…c.4.0.1.2.e….8.b.d.0.1.0.0.2.ip6.arpa`.
fn is_reverse_of_ours(bytes: &[u8], end: usize) -> bool {
    let rest = &bytes[end..];
    let nibbles = rest.iter().take(64).take_while(|b| b.is_ascii_hexdigit() || **b == b'.').count();
    let ours =
        [&b".8.b.d.0.1.0.0.2."[..], b".f.f.f.3."].iter().any(|tail| bytes[..end + nibbles].ends_with(tail));
    ours && rest[nibbles..].starts_with(b"ip6.arpa")
}

/// Whether a dotted quad is an address and no version.
fn is_address(bytes: &[u8], start: usize, end: usize, text: &str) -> bool {
    let Ok(address) = text.parse::<Ipv4Addr>() else { return false };
    if is_ours(IpAddr::V4(address)) || address.octets() == [1, 3, 6, 1] {
        return false;
    }
    let [a, _, c, d] = address.octets();
    let network = bytes.get(end) == Some(&b'/') && digit(bytes, end + 1);
    let shared = a == 100 && (64..128).contains(&address.octets()[1]);
    if !network && !address.is_private() && !shared && d == 0 && (c == 0 || a <= 16) {
        return false;
    }
    if !network && address.octets()[1..] == [0, 0, 0] {
        return false;
    }
    if bytes.get(end) == Some(&b'-') && bytes.get(end + 1).is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    !version_before(&bytes[start.saturating_sub(64)..start])
}

/// Whether the bytes before a quad announce a version or an object identifier.
fn version_before(before: &[u8]) -> bool {
    static CUE: OnceLock<Regex> = OnceLock::new();
    CUE.get_or_init(|| {
        Regex::new(concat!(
            r#"(?i-u)(?:(?:version|versions|\bver|\bvers|\bv|\bbuild|\brelease|\brevision|\brev|\bagent|\bsdk|\boid|\bframework"#,
            r#"|\bruntime|\bschema|\bkb|\bdriver|\bfirmware|\bassembly|\bchrome|\bchromium|\bfirefox|\bedge|\bedg|\bsafari|\bopera"#,
            r#"|\btrident|\bwindows|\bmacos|\bios|\bandroid|\blinux|\bdarwin|\bmsal|\badal|\bconnect|\bminimum|\bmaximum|\bupdate)"#,
            r#"[ \t:="'{\[(<>\\#]*|[a-z0-9_+-]/)$"#,
        ))
        .expect("a fixed pattern")
    })
    .is_match(before)
}

/// Whether `xx-xx-xx-xx-xx-xx` starts at `at` and is no part of something longer.
fn is_mac(bytes: &[u8], at: usize, separator: u8) -> bool {
    let Some(text) = bytes.get(at..at + 17) else { return false };
    let fits = text
        .iter()
        .enumerate()
        .all(|(index, b)| if index % 3 == 2 { *b == separator } else { b.is_ascii_hexdigit() });
    let longer_before = at > 1 && bytes[at - 1] == separator && bytes[at - 2].is_ascii_hexdigit();
    let longer_after = bytes.get(at + 17) == Some(&separator);
    let constant = text.chunks(3).all(|pair| pair[..2] == text[..2]);
    fits && !constant
        && !word_before(bytes, at)
        && !word_at(bytes, at + 17)
        && !longer_before
        && !longer_after
}

/// Whether eight groups of six digits stand here, each divisible by eleven, and nothing more: a BitLocker
/// recovery password.
fn is_recovery_key(bytes: &[u8], at: usize) -> bool {
    let groups = bytes[at..].chunks(7).take(8);
    let fits = |group: &[u8]| {
        let number = std::str::from_utf8(group.get(..6).unwrap_or_default()).unwrap_or_default();
        let number = number.parse::<u32>().ok().filter(|_| number.bytes().all(|b| b.is_ascii_digit()));
        number.is_some_and(|number| number % 11 == 0 && number / 11 <= u32::from(u16::MAX))
    };
    let dashes = (0..7).all(|group| bytes.get(at + 7 * group + 6) == Some(&b'-'));
    let part = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
    dashes && groups.clone().all(fits) && !part(at + 55) && !(at > 0 && part(at - 1))
}
