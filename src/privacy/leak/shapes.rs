//! Shapes in finished bytes: regular expressions and checks of their own, independent of the
//! rewriter's matchers. Whatever has the shape of an identifier and is none of our pseudonyms is a
//! finding.

use super::super::entity::{Entities, swap};
use super::super::learn::is_public_domain;
use super::super::vocabulary::is_stop_word;
use crate::kind::{Kind, KindSet};
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

/// Shapes that a literal announces.
fn marked() -> &'static Regex {
    static SHAPES: OnceLock<Regex> = OnceLock::new();
    SHAPES.get_or_init(|| {
        Regex::new(concat!(
            r"(?-u)[sS]-1-(?:5-21|12-1)-\d{1,10}(?:-\d{1,10}){2,3}",
            r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}",
            r"|-----BEGIN [A-Z0-9 ]{3,40}-----",
            r"|otpauth://[a-z]",
            r#"|\\[uU]sers\\+[^\\/"<>|*?:\r\n]{1,64}"#,
        ))
        .expect("a fixed pattern")
    })
}

/// A finding in a view.
pub(super) struct Shape {
    pub start: usize,
    pub what: &'static str,
    /// Whether a learned entity was found, not merely a shape.
    pub known: bool,
}

/// What the shape scan compares with.
pub(super) struct Shapes<'a> {
    pub entities: &'a Entities,
    pub treated: KindSet,
    /// Whether the policy keeps private addresses.
    pub private_addresses: bool,
    /// Further addresses that it keeps, sorted.
    pub addresses: &'a [IpAddr],
}

impl Shapes<'_> {
    /// Calls `found` for every finding.
    pub fn find(&self, bytes: &[u8], found: &mut impl FnMut(Shape)) {
        let mut report = |start: usize, what: &'static str, known: bool| found(Shape { start, what, known });
        self.stretches(bytes, &mut report);
        self.hex_runs(bytes, &mut report);
        self.marked(bytes, &mut report);
        self.padded(bytes, &mut report);
        for at in memchr::memchr_iter(b'@', bytes) {
            if let Some(start) = self.mail(bytes, at) {
                report(start, Kind::Upn.id(), false);
            }
        }
    }

    fn treats(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.treated.contains(*kind))
    }

    fn entity(&self, guid: [u8; 16]) -> bool {
        self.entities.contains(&guid, self.treated)
    }

    /// Goes from separator to separator: the stretch of hex digits and separators around each is
    /// looked at as a number, what stands behind each `:` and `=` as a secret.
    fn stretches(&self, bytes: &[u8], report: &mut impl FnMut(usize, &'static str, bool)) {
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
    fn hex_runs(&self, bytes: &[u8], report: &mut impl FnMut(usize, &'static str, bool)) {
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

    /// Anchors, which end in `==`, and client secrets, which have a `Q~` inside.
    fn padded(&self, bytes: &[u8], report: &mut impl FnMut(usize, &'static str, bool)) {
        for at in memchr::memmem::find_iter(bytes, b"==") {
            let text = at.checked_sub(22).and_then(|start| std::str::from_utf8(&bytes[start..at + 2]).ok());
            if text.and_then(anchor).is_some_and(|guid| self.entity(guid)) {
                report(at - 22, Kind::Anchor.id(), true);
            }
        }
        let part = |b: &u8| b.is_ascii_alphanumeric() || b"_~.-".contains(b);
        for at in memchr::memmem::find_iter(bytes, b"Q~") {
            let marked =
                at >= 4 && matches!(bytes[at - 1], b'7' | b'8') && bytes[at - 4..at].iter().all(part);
            let rest = bytes[at + 2..].iter().take(31).take_while(|b| part(b)).count();
            if marked && rest == 31 {
                report(at - 4, "secret:client-secret", false);
            }
        }
    }

    fn marked(&self, bytes: &[u8], report: &mut impl FnMut(usize, &'static str, bool)) {
        for whole in marked().find_iter(bytes) {
            let (start, end) = (whole.start(), whole.end());
            let first = bytes[start];
            if matches!(first, b's' | b'S') {
                let text = std::str::from_utf8(whole.as_bytes()).unwrap_or_default();
                let parts: Vec<u32> = text.split('-').skip(4).filter_map(|part| part.parse().ok()).collect();
                // Letters may follow at once: in SDDL the next part does.
                if word_before(bytes, start) || digit(bytes, end) {
                    continue;
                }
                match (text.as_bytes().get(4), &parts[..]) {
                    (Some(b'5'), [0, 0, 0, ..]) => {}
                    (Some(b'5'), [first, ..])
                        if self.treated.contains(Kind::Sid)
                            && !(0xfade_0000..=0xfade_ffff).contains(first) =>
                    {
                        report(start, Kind::Sid.id(), false);
                    }
                    (Some(b'1'), [a, b, c, d]) => {
                        let mut little = [0; 16];
                        for (chunk, part) in little.chunks_exact_mut(4).zip([a, b, c, d]) {
                            chunk.copy_from_slice(&part.to_le_bytes());
                        }
                        let guid = swap(little);
                        let ours = guid[..2] == [0xfa, 0xde] && guid[6] >> 4 == 8;
                        if self.entity(guid) {
                            report(start, Kind::EntraSid.id(), true);
                        } else if self.treated.contains(Kind::EntraSid) && !ours {
                            report(start, Kind::EntraSid.id(), false);
                        }
                    }
                    _ => {}
                }
            } else if first == b'e' {
                if !word_before(bytes, start) {
                    report(start, "secret:jwt", false);
                }
            } else if first == b'-' {
                report(start, "secret:pem", false);
            } else if first == b'o' {
                report(start, "secret:totp", false);
            } else {
                let separators = whole.as_bytes().iter().skip(6).take_while(|b| **b == b'\\').count();
                let folder = start + 6 + separators;
                let name = String::from_utf8_lossy(&bytes[folder..end]);
                let name =
                    name.split([' ', ',', ';', ')', '\'']).next().unwrap_or_default().trim_end_matches('.');
                let nobody = ["Public", "Default", "All", "defaultuser0", "WDAGUtilityAccount", "system32"];
                let kept = name.is_empty()
                    || is_token(name)
                    || (name.split('_').any(is_token) && is_local_of_ours(name))
                    || name.starts_with(['%', '$', '['])
                    || nobody.iter().any(|known| known.eq_ignore_ascii_case(name));
                if !kept
                    && self.treated.contains(Kind::Account)
                    && name.bytes().any(|b| b.is_ascii_alphanumeric())
                {
                    report(folder, Kind::Account.id(), false);
                }
            }
        }
    }

    /// The address around the `@` at `at`, if its halves are not both ours or allowed.
    fn mail(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let local_byte = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80 || b"._%+-#$!&~^".contains(b);
        let length = bytes[..at].iter().rev().take(320).take_while(|b| local_byte(b)).count();
        let start = at - length;
        let local = std::str::from_utf8(&bytes[start..at]).unwrap_or("?x?");
        let length = bytes[at + 1..]
            .iter()
            .take(254)
            .take_while(|b| b.is_ascii_alphanumeric() || **b >= 0x80 || matches!(b, b'.' | b'-'))
            .count();
        let domain = std::str::from_utf8(&bytes[at + 1..at + 1 + length]).unwrap_or("?.x?");
        let (start, local) = behind_sentence(start, local);
        let domain = before_sentence(domain).trim_end_matches(['.', '-']);
        if is_token(local) && domain.ends_with(".example") {
            return None;
        }
        let (_, top) = domain.rsplit_once('.')?;
        let has_word = local.chars().any(char::is_alphanumeric);
        let plausible = has_word
            && top.len() >= 2
            && top.bytes().any(|b| !b.is_ascii_digit())
            && !domain.starts_with(['.', '-'])
            && !domain.contains("..")
            && !domain.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("odata."));
        if !plausible {
            return None;
        }
        let folded = domain.to_ascii_lowercase();
        let local_ok = !self.treats(&[Kind::Account, Kind::Upn])
            || is_local_of_ours(local)
            || is_guest_of_ours(local, |home| self.allows_domain(home));
        (!(local_ok && self.allows_domain(&folded))).then_some(start)
    }

    /// Whether a domain may stand behind an `@`: ours, a public one, or any where domains are kept.
    fn allows_domain(&self, domain: &str) -> bool {
        !self.treated.contains(Kind::Domain)
            || domain.ends_with(".example")
            || is_public_domain(&domain.to_ascii_lowercase())
    }
}

/// Ends of the keys that announce a secret, lower case.
const KEYS: [&[u8]; 11] = [
    b"password",
    b"passwd",
    b"pwd",
    b"client_secret",
    b"clientsecret",
    b"accountkey",
    b"sharedaccesskey",
    b"access_token",
    b"accesstoken",
    b"refresh_token",
    b"refreshtoken",
];

/// Secrets behind a key, in the order of their separators.
#[derive(Default)]
struct Announced {
    /// The byte after the last value: what stands inside a value announces nothing.
    end: usize,
}

impl Announced {
    /// Looks around the `=` or `:` at `separator`.
    fn behind(&mut self, bytes: &[u8], separator: usize, report: &mut impl FnMut(usize, &'static str, bool)) {
        let quote = |b: &&u8| matches!(b, b'"' | b'\'' | b'\\');
        let space = |at: usize| bytes.get(at).is_some_and(|b| matches!(b, b'\t'..=b'\r' | b' '));
        let mut key = separator - usize::from(separator > 0 && space(separator - 1));
        let quotes = bytes[..key].iter().rev().take(5).take_while(quote).count();
        key -= quotes;
        let named =
            |name: &&[u8]| key >= name.len() && bytes[key - name.len()..key].eq_ignore_ascii_case(name);
        // What every key ends in: the cheap question first.
        let ends = |pair: &[u8]| {
            let pair = &[pair[0] | 0x20, pair[1] | 0x20];
            matches!(pair, b"rd" | b"wd" | b"et" | b"ey" | b"en" | b"ig" | b"on")
        };
        let may = key > self.end + 1 && ends(&bytes[key - 2..key]);
        if !may || quotes > 4 {
            return;
        }
        if let Some(name) = KEYS.iter().find(|name| named(name)) {
            let mut start = separator + 1 + usize::from(space(separator + 1));
            let open = bytes[start.min(bytes.len())..].iter().take(5).take_while(quote).count();
            start += open;
            let inside = |b: &&u8| {
                !matches!(b, b'\t'..=b'\r' | b' ' | b'"' | b'\'' | b'\\' | b';' | b',' | b'&' | b'[' | b']')
                    && !matches!(b, b'{' | b'}' | b'(' | b')' | b'<' | b'>')
            };
            let length = bytes[start.min(bytes.len())..].iter().take_while(inside).count();
            if open > 4 || length < 6 || key - name.len() < self.end {
                return;
            }
            self.end = start + length;
            if looks_secret(&bytes[start..start + length]) {
                report(start, "secret:key-value", false);
            }
        } else if named(&&b"authorization"[..]) {
            if let Some((start, end)) = credentials(bytes, separator + 1) {
                self.end = end;
                report(start, "secret:authorization", false);
            }
        } else if bytes[separator] == b'=' && key == separator && named(&&b"sig"[..]) {
            let opens = key > 3 && (bytes[key - 4].is_ascii_alphanumeric() || bytes[key - 4] == b'_');
            let inside = |b: &&u8| b.is_ascii_alphanumeric() || b"%+/=_-".contains(b);
            let length = bytes[separator + 1..].iter().take_while(inside).count();
            if !opens && length >= 20 && key - 3 >= self.end {
                self.end = separator + 1 + length;
                report(separator + 1, "secret:sas", false);
            }
        }
    }
}

/// Schemes of HTTP authentication whose credentials are one word (RFC 9110, 11.4), lower case.
const SCHEMES: [&[u8]; 5] = [b"basic", b"bearer", b"negotiate", b"ntlm", b"sharedkey"];

/// The credentials behind an `Authorization:` that ends at `from`: from the first character of the word
/// behind its scheme on. Backslashes and quotes stand before the scheme where JSON does.
fn credentials(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let count = |from: usize, most: usize, fits: &dyn Fn(u8) -> bool| {
        from + bytes.get(from..).unwrap_or_default().iter().take(most).take_while(|b| fits(**b)).count()
    };
    let scheme = count(from, 9, &|b| b" \t\\\"'".contains(&b));
    let blank = count(scheme, 16, &|b| b.is_ascii_alphabetic());
    let start = count(blank, 8, &|b| matches!(b, b' ' | b'\t'));
    let end = count(start, 1 << 14, &|b| b.is_ascii_alphanumeric() || b"-._~+/=:".contains(&b));
    let known = SCHEMES.iter().any(|known| bytes[scheme..blank].eq_ignore_ascii_case(known));
    (known && start > blank && end - start >= 8 && looks_secret(&bytes[start..end])).then_some((start, end))
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

/// An ASCII local part without the sentence in a script without spaces that stands before it.
fn behind_sentence(start: usize, local: &str) -> (usize, &str) {
    match local.char_indices().rev().find(|(_, c)| !c.is_ascii()) {
        Some((at, c)) if super::super::lookup::is_ideograph(c) && at + c.len_utf8() < local.len() => {
            (start + at + c.len_utf8(), &local[at + c.len_utf8()..])
        }
        _ => (start, local),
    }
}

/// A domain whose last label begins in ASCII, without such a sentence behind it.
fn before_sentence(domain: &str) -> &str {
    let label = domain.rfind('.').map_or(0, |dot| dot + 1);
    match domain[label..].char_indices().find(|(_, c)| !c.is_ascii()) {
        Some((at, c)) if at > 0 && super::super::lookup::is_ideograph(c) => &domain[..label + at],
        _ => domain,
    }
}

/// A 15-character token by its grammar. The check symbol proves nothing and is not asked.
pub(super) fn is_token(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 15
        && bytes[0].is_ascii_lowercase()
        && bytes[1] == b'-'
        && bytes[2..].iter().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(b))
}

/// Whether a local part is made of tokens and of the fixed parts that the formats keep.
fn is_local_of_ours(local: &str) -> bool {
    // The UPN of a deleted user keeps its object id, a pseudonym of ours, glued before it.
    let local = match local.get(..32) {
        Some(glued) if glued.starts_with("fade") && glued.bytes().all(|b| b.is_ascii_hexdigit()) => {
            &local[32..]
        }
        _ => local,
    };
    local.split(['_', '#', '$', '.']).all(|part| {
        let lower = part.to_ascii_lowercase();
        part.is_empty()
            || is_token(part)
            || ["aad", "adsyncmsa", "example", "ext", "msol", "onmicrosoft", "redacted", "spo", "sync"]
                .contains(&lower.as_str())
            || (part.len() >= 4
                && part.len() <= 13
                && part.len() != 8
                && part.bytes().all(|b| b.is_ascii_hexdigit())
                && local.contains('_'))
            || lower.strip_prefix("adsyncmsa").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            || (part.len() == 36 && lower.starts_with("fade"))
    })
}

/// Whether a local part is that of a guest whose home account is a token and whose home domain may
/// stand: `u-…_fabrikam.com#EXT#`, as a policy that keeps domains writes it.
fn is_guest_of_ours(local: &str, allows: impl Fn(&str) -> bool) -> bool {
    let Some(at) = local.len().checked_sub(5) else { return false };
    let home = local.get(at..).filter(|end| end.eq_ignore_ascii_case("#EXT#")).and(local.get(..at));
    let Some((account, domain)) = home.and_then(|home| home.rsplit_once('_')) else { return false };
    is_local_of_ours(account) && !account.is_empty() && domain.contains('.') && allows(domain)
}

// Shapes of numbers end where a letter of another script begins: scripts without spaces write them so.
fn word_before(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1].is_ascii_alphanumeric()
}

fn word_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

fn digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

/// Whether the bytes are a part, not the whole, of a GUID with dashes: some of its groups.
pub(super) fn is_within_guid(bytes: &[u8], start: usize, end: usize) -> bool {
    let dash = |index: usize| matches!(index, 8 | 13 | 18 | 23);
    let hex = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_hexdigit);
    [0, 9, 14, 19, 24].iter().filter_map(|group| start.checked_sub(*group)).any(|head| {
        let guid = bytes.get(head..head + 36).unwrap_or_default();
        guid.len() == 36
            && end - start < 36
            && end <= head + 36
            && guid.iter().enumerate().all(
                |(index, byte)| {
                    if dash(index) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
                },
            )
            && !hex(head.checked_sub(1))
            && !hex(Some(head + 36))
    })
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

/// Thirty-two hex digits, dashes passed over.
fn sixteen(text: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0u8; 16];
    let mut digits = 0;
    for byte in text.iter().filter(|b| **b != b'-') {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        let place = bytes.get_mut(digits / 2)?;
        *place = *place << 4 | digit;
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    sixteen(text.as_bytes())
}

fn anchor(text: &str) -> Option<[u8; 16]> {
    let bytes: [u8; 16] = data_encoding::BASE64.decode(text.as_bytes()).ok()?.try_into().ok()?;
    Some(swap(bytes))
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

fn looks_secret(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return true };
    let mixed = text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic());
    mixed && !is_token(text) && uuid(text).is_none() && !is_stop_word(text.trim_end_matches(['.', ':']))
}
