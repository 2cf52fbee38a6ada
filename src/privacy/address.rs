//! IP addresses and networks.
//!
//! Addresses move into documentation ranges and keep their common prefixes: two addresses share as
//! many leading bits after mapping as before, so a network still contains its addresses.

use super::token::{Letter, Pseudonymizer};
use crate::crypto::MacKey;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// An address or network: version 4 or 6, base in the low bits, prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Net {
    six: bool,
    base: u128,
    len: u8,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, len: u8) -> Net {
    Net { six: false, base: u32::from_be_bytes([a, b, c, d]) as u128, len }
}

const fn v6(high: u16, low: u128, len: u8) -> Net {
    Net { six: true, base: (high as u128) << 112 | low, len }
}

/// Loopback, unspecified, link-local, multicast, broadcast: they name no one and stay.
const KEPT: [Net; 9] = [
    v4(0, 0, 0, 0, 32),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(224, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
    v6(0, 0, 128),
    v6(0, 1, 128),
    v6(0xfe80, 0, 10),
    v6(0xff00, 0, 8),
];
/// Blocks with a key of their own: their known prefixes would reveal flips of public addresses.
const PRIVATE: [Net; 4] =
    [v4(10, 0, 0, 0, 8), v4(100, 64, 0, 0, 10), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16)];
const MAPPED: Net = v6(0, 0xffff << 32, 96);

const HIGH_PUBLIC: u128 = 0x2001_0db8_0004 << 80;
const HIGH_PRIVATE: u128 = 0x2001_0db8_0005 << 80;

impl Net {
    const fn width(self) -> u8 {
        if self.six { 128 } else { 32 }
    }

    /// The base with every bit from `len` on set to zero.
    const fn truncated(self, len: u8) -> u128 {
        match (u128::MAX).checked_shl((self.width() - len) as u32) {
            Some(mask) => self.base & mask,
            None => 0,
        }
    }

    fn within(self, other: Net) -> bool {
        self.six == other.six && self.len >= other.len && self.truncated(other.len) == other.base
    }

    fn text(self) -> String {
        if self.six {
            Ipv6Addr::from(self.base).to_string()
        } else {
            Ipv4Addr::from(self.base as u32).to_string()
        }
    }

    /// An address without port and brackets. An IPv4-mapped IPv6 address is the IPv4 address; a zone
    /// id is dropped, since it says nothing outside its host.
    fn address(s: &str) -> Option<Net> {
        if let Ok(address) = s.parse::<Ipv4Addr>() {
            return Some(Net { six: false, base: u32::from(address).into(), len: 32 });
        }
        let bare = match s.split_once('%') {
            Some((_, "")) => return None,
            Some((bare, _)) => bare,
            None => s,
        };
        let address = Net { six: true, base: bare.parse::<Ipv6Addr>().ok()?.into(), len: 128 };
        Some(address.unmapped())
    }

    fn unmapped(self) -> Net {
        if self.within(MAPPED) {
            Net { six: false, base: self.base & 0xffff_ffff, len: self.len - 96 }
        } else {
            self
        }
    }

    fn network(s: &str) -> Option<Net> {
        let (address, len) = s.split_once('/')?;
        if len.is_empty() || len.len() > 3 || !len.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let len: u8 = len.parse().ok()?;
        let net = match address.parse::<Ipv4Addr>() {
            Ok(address) => Net { six: false, base: u32::from(address).into(), len },
            Err(_) => Net { six: true, base: address.parse::<Ipv6Addr>().ok()?.into(), len },
        };
        (len <= net.width()).then(|| Net { base: net.truncated(len), ..net }.unmapped())
    }
}

enum Mapped {
    Kept,
    Net(Net),
    Token(String),
}

impl Pseudonymizer {
    /// Pseudonym of an IP address, in the dress of the input: plain, with port (`a.b.c.d:port`,
    /// `[v6]:port`), dashed or underscored (`ip-10-0-0-1`, `10_0_0_1`), or a reverse name
    /// (`….in-addr.arpa`, `….ip6.arpa`). Loopback, unspecified, link-local, multicast and broadcast
    /// addresses stay. `None` if it is no address.
    pub fn address(&self, s: &str) -> Option<String> {
        let s = s.trim();
        // The longest dress is a reverse name of 32 nibbles (73 characters); a zone id adds some.
        if s.len() > 256 {
            return None;
        }
        if let Some(out) = self.dashed(s).or_else(|| self.reverse(s)) {
            return Some(out);
        }
        let (host, port) = split_port(s)?;
        let mapped = self.map_address(Net::address(host)?);
        let text = mapped.text();
        Some(if mapped.six && (s.starts_with('[') || !port.is_empty()) {
            format!("[{text}]{port}")
        } else {
            format!("{text}{port}")
        })
    }

    /// Pseudonym of a network in CIDR form: every address of the network falls into the result.
    /// An address without length is mapped as an address. A network that has no mapped form (wider
    /// than /32 in IPv6, or around a private or special block) becomes a token `i-…`; `/0` and
    /// networks inside kept blocks stay. `None` if it is no network.
    pub fn network(&self, s: &str) -> Option<String> {
        let s = s.trim();
        if s.len() > 256 {
            return None;
        }
        if !s.contains('/') {
            return self.address(s);
        }
        let net = Net::network(s)?;
        Some(match self.map_net(net) {
            Mapped::Kept => format!("{}/{}", net.text(), net.len),
            Mapped::Net(net) => format!("{}/{}", net.text(), net.len),
            Mapped::Token(token) => token,
        })
    }

    fn map_address(&self, address: Net) -> Net {
        match self.map_net(address) {
            Mapped::Net(mapped) => mapped,
            // A single address contains no block, so it never becomes a token.
            Mapped::Kept | Mapped::Token(_) => address,
        }
    }

    fn map_net(&self, net: Net) -> Mapped {
        let Net { six, base, len } = net;
        if len == 0 || KEPT.iter().any(|block| net.within(*block)) {
            return Mapped::Kept;
        }
        let around = |block: &Net| block.within(net) && *block != net;
        if KEPT.iter().chain(&PRIVATE).chain([&MAPPED]).any(around) || (six && len < 32) {
            let mut bytes = vec![if six { 6 } else { 4 }];
            if six {
                bytes.extend_from_slice(&base.to_be_bytes());
            } else {
                bytes.extend_from_slice(&(base as u32).to_be_bytes());
            }
            bytes.push(len);
            return Mapped::Token(self.token_bytes(Letter::I, &bytes));
        }
        if six {
            let h = self.ip6_high.mac(&base.to_be_bytes()[..4]);
            let high = 0x3fff_0000 | u128::from(u16::from_be_bytes([h[0], h[1]]) >> 4);
            let low = self.flips.flip(&self.ip6, Space::Six, net) & (u128::MAX >> 32);
            Mapped::Net(Net { six: true, base: high << 96 | low, len })
        } else {
            let private = PRIVATE.iter().any(|block| net.within(*block));
            let (key, space, high) = match private {
                true => (&self.ip4_private, Space::FourPrivate, HIGH_PRIVATE),
                false => (&self.ip4, Space::Four, HIGH_PUBLIC),
            };
            Mapped::Net(Net { six: true, base: high | self.flips.flip(key, space, net), len: 96 + len })
        }
    }

    /// The IPv4 address behind a mapped one, from the key alone. `None` if it is not in one of the
    /// two ranges of mapped IPv4 addresses.
    pub fn original_ipv4(&self, mapped: Ipv6Addr) -> Option<Ipv4Addr> {
        let value = u128::from(mapped);
        let key = match value >> 32 << 32 {
            HIGH_PUBLIC => &self.ip4,
            HIGH_PRIVATE => &self.ip4_private,
            _ => return None,
        };
        let mut original = Net { six: false, base: 0, len: 32 };
        for i in 0..32_u8 {
            let bit = value >> (31 - i) & 1 ^ flip_bit(key, original, i);
            original.base |= bit << (31 - i);
        }
        Some(Ipv4Addr::from(original.base as u32))
    }

    /// `ip-10-0-0-1`, `10_0_0_1`: the separators stand for the dots, then for the colons.
    fn dashed(&self, s: &str) -> Option<String> {
        let separator = s.chars().find(|c| matches!(c, '-' | '_'))?;
        let (prefix, body) = match s.split_once(separator)? {
            (prefix, _) if prefix.eq_ignore_ascii_case("ip") => s.split_at(prefix.len() + 1),
            _ => ("", s),
        };
        if body.contains(['.', ':']) {
            return None;
        }
        let address: Ipv4Addr = body.replace(separator, ".").parse().ok()?;
        let mapped = self.map_address(Net { six: false, base: u32::from(address).into(), len: 32 });
        Some(format!("{prefix}{}", mapped.text().replace([':', '.'], separator.encode_utf8(&mut [0; 4]))))
    }

    /// `4.3.2.1.in-addr.arpa` and the nibbles of `ip6.arpa`; the result is always of the second form.
    fn reverse(&self, s: &str) -> Option<String> {
        let (name, dot) = match s.strip_suffix('.') {
            Some(name) => (name, "."),
            None => (s, ""),
        };
        let name = name.to_ascii_lowercase();
        let address = if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
            let turned: Vec<&str> = octets.rsplit('.').collect();
            Net::address(&turned.join(".")).filter(|net| !net.six)?
        } else {
            let nibbles = name.strip_suffix(".ip6.arpa")?;
            let mut base = 0_u128;
            let mut count = 0;
            for nibble in nibbles.rsplit('.') {
                count += 1;
                if nibble.len() != 1 || count > 32 {
                    return None;
                }
                base = base << 4 | u128::from(nibble.chars().next()?.to_digit(16)?);
            }
            if count != 32 {
                return None;
            }
            Net { six: true, base, len: 128 }.unmapped()
        };
        match self.map_net(address) {
            Mapped::Net(mapped) => {
                let nibbles: Vec<String> =
                    (0..32).map(|i| format!("{:x}", mapped.base >> (4 * i) & 15)).collect();
                Some(format!("{}.ip6.arpa{dot}", nibbles.join(".")))
            }
            Mapped::Kept | Mapped::Token(_) => Some(format!("{name}{dot}")),
        }
    }
}

/// Host and `:port` (empty if there is none).
fn split_port(s: &str) -> Option<(&str, &str)> {
    let (host, port) = if let Some(rest) = s.strip_prefix('[') {
        rest.split_once(']')?
    } else {
        match s.split_once(':') {
            Some((host, rest)) if !rest.contains(':') => (host, &s[host.len()..]),
            _ => (s, ""),
        }
    };
    match port.strip_prefix(':') {
        Some(digits) => {
            let fits = digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit());
            (fits && digits.parse::<u16>().is_ok()).then_some((host, port))
        }
        None => port.is_empty().then_some((host, port)),
    }
}

/// Which key flips the bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    Four,
    FourPrivate,
    Six,
}

impl Space {
    /// Bits that are flipped together: where each group begins, and the width.
    const fn groups(self) -> &'static [u8] {
        match self {
            Space::Four | Space::FourPrivate => &[0, 16, 24, 32],
            Space::Six => &[32, 48, 64, 96, 128],
        }
    }
}

/// Slots of the memory of flips.
const SLOTS: usize = 1 << 12;

/// Every flipped bit costs an HMAC, and addresses share their networks: the flips of network parts are
/// remembered, in a table of fixed size. A pure function of key and address; only time depends on it.
pub(super) struct Flips(Mutex<Vec<Option<Group>>>);

/// The flips of one group of bits under one network.
#[derive(Clone, Copy)]
struct Group {
    space: Space,
    /// The address up to the end of the group, and that end.
    prefix: u128,
    end: u8,
    flips: u128,
}

impl Flips {
    /// Nothing known yet.
    pub(super) fn new() -> Self {
        Flips(Mutex::new(vec![None; SLOTS]))
    }

    /// Flips each bit of the base from the first group on, up to the length, by a keyed function of the
    /// bits before it; the bits from the length on are zero.
    fn flip(&self, key: &MacKey, space: Space, net: Net) -> u128 {
        let mut out = net.base;
        for group in space.groups().windows(2) {
            let &[first, end] = group else { continue };
            out ^= if end <= net.len && end < net.width() {
                self.network(key, space, net, first, end)
            } else {
                flips(key, net, first, end.min(net.len))
            };
        }
        out
    }

    /// The flips of a group that lies within the network part.
    fn network(&self, key: &MacKey, space: Space, net: Net, first: u8, end: u8) -> u128 {
        let prefix = net.truncated(end);
        let mixed = (prefix ^ prefix >> 64) as u64 ^ u64::from(end) << 8 ^ space as u64;
        let slot = (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % SLOTS;
        let known = |group: &Group| group.space == space && group.prefix == prefix && group.end == end;
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = lock()[slot].filter(known) {
            return group.flips;
        }
        let flips = flips(key, net, first, end);
        lock()[slot] = Some(Group { space, prefix, end, flips });
        flips
    }
}

/// The flips of the bits from `first` on, before `end`.
fn flips(key: &MacKey, net: Net, first: u8, end: u8) -> u128 {
    (first..end).fold(0, |flips, i| flips | flip_bit(key, net, i) << (net.width() - 1 - i))
}

/// The top bit of `HMAC(key, byte(i) ‖ the base with every bit from i on set to zero)`.
fn flip_bit(key: &MacKey, net: Net, i: u8) -> u128 {
    let before = net.truncated(i).to_be_bytes();
    let mut message = [0; 17];
    message[0] = i;
    let width = usize::from(net.width() / 8);
    message[1..=width].copy_from_slice(&before[16 - width..]);
    u128::from(key.mac(&message[..=width])[0] >> 7)
}

#[cfg(test)]
mod tests {
    use super::super::token::sample;
    use super::*;

    #[test]
    fn networks_contain_their_addresses_at_every_length() {
        let names = sample();
        for (address, shortest) in [
            ("203.0.113.7", 5),
            ("10.1.2.3", 8),
            ("100.64.3.4", 10),
            ("172.31.0.1", 12),
            ("192.168.1.1", 16),
            ("2a01:db8::7", 32),
            ("2001:db8:4::5", 32),
        ] {
            let mapped = Net::address(&names.address(address).unwrap()).unwrap();
            let width = if address.contains(':') { 128 } else { 32 };
            for len in shortest..=width {
                let net = Net::network(&names.network(&format!("{address}/{len}")).unwrap()).unwrap();
                assert!(mapped.within(net), "{address}/{len}");
                assert_eq!(net.len, if width == 32 { 96 + len } else { len });
            }
        }
    }

    #[test]
    fn shared_prefixes_stay_exactly_as_long() {
        let names = sample();
        let bits = |a: &str| names.map_address(Net::address(a).unwrap()).base;
        let a = Ipv4Addr::new(203, 0, 113, 7);
        for i in 2..32 {
            let b = Ipv4Addr::from(u32::from(a) ^ 1 << (31 - i) ^ (0x1234_5678 & ((1 << (31 - i)) - 1)));
            assert_eq!((bits(&a.to_string()) ^ bits(&b.to_string())).leading_zeros(), 96 + i, "{b}");
        }
        let a: Ipv6Addr = "2a01:db8:7:1::5".parse().unwrap();
        for i in 32..128 {
            let b = Ipv6Addr::from(u128::from(a) ^ 1 << (127 - i));
            assert_eq!((bits(&a.to_string()) ^ bits(&b.to_string())).leading_zeros(), i, "{b}");
        }
    }

    #[test]
    fn ipv4_comes_back_with_the_key() {
        let names = sample();
        for address in ["203.0.113.7", "8.8.8.8", "10.1.2.3", "192.168.255.255"] {
            let mapped: Ipv6Addr = names.address(address).unwrap().parse().unwrap();
            assert_eq!(names.original_ipv4(mapped).unwrap().to_string(), address);
        }
        assert_eq!(names.original_ipv4(Ipv6Addr::LOCALHOST), None);
    }

    #[test]
    fn dresses_agree_with_the_plain_address() {
        let names = sample();
        let plain = names.address("203.0.113.7").unwrap();
        assert_eq!(names.address("::ffff:203.0.113.7").unwrap(), plain);
        assert_eq!(names.address("::FFFF:CB00:7107").unwrap(), plain);
        assert_eq!(names.address("203.0.113.7:50123").unwrap(), format!("[{plain}]:50123"));
        assert_eq!(names.address("ip-203-0-113-7").unwrap(), format!("ip-{}", plain.replace(':', "-")));
        assert_eq!(names.address("IP_203_0_113_7").unwrap(), format!("IP_{}", plain.replace(':', "_")));
        let reverse = names.address("7.113.0.203.in-addr.arpa").unwrap();
        assert_eq!(names.network("203.0.113.7").unwrap(), plain);
        let nibbles: String = reverse.trim_end_matches(".ip6.arpa").rsplit('.').collect();
        assert_eq!(
            u128::from_str_radix(&nibbles, 16).unwrap(),
            u128::from(plain.parse::<Ipv6Addr>().unwrap())
        );
        let six = names.address("2a01:db8:7:1::5").unwrap();
        assert_eq!(names.address("[2a01:db8:7:1::5%eth0]:443").unwrap(), format!("[{six}]:443"));
        assert_eq!(names.address("[2a01:db8:7:1::5]").unwrap(), format!("[{six}]"));
        for kept in
            ["127.0.0.1:80", "[::1]:443", "0.0.0.0", "169.254.1.1", "224.0.0.1", "1.0.0.127.in-addr.arpa"]
        {
            assert_eq!(names.address(kept).as_deref(), Some(kept));
        }
        assert_eq!(names.address("fe80::1%12").as_deref(), Some("fe80::1"));
    }

    #[test]
    fn other_text_is_no_address() {
        let names = sample();
        let long = "1".repeat(1 << 20);
        for wrong in [
            "",
            ".",
            ":",
            "-",
            "_",
            "/",
            "[",
            "[]",
            "[]:1",
            "1.2.3",
            "1.2.3.256",
            "01.2.3.4",
            "1.2.3.4:",
            "1.2.3.4:65536",
            "1.2.3.4:+1",
            "1.2.3.4%eth0",
            "fe80::1%",
            "[::1]443",
            "1-2_3-4",
            "1.2.3.4-5",
            "ip-",
            "ip-1-2-3",
            "::1-",
            "3.2.1.in-addr.arpa",
            "1.ip6.arpa",
            "é.ip6.arpa",
            "\0",
            &long,
        ] {
            assert_eq!(names.address(wrong), None, "{:.40}", wrong);
            assert_eq!(names.network(wrong), None, "{:.40}", wrong);
        }
        for wrong in
            ["1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "::/129", "/0", "1.2.3.4/0/0", "::1%1/64", "a/256"]
        {
            assert_eq!(names.network(wrong), None, "{wrong}");
        }
    }
}
