//! Tokens: `<letter>-` and 12 base32 symbols of a keyed HMAC and one check symbol, 15 characters.
//!
//! A token is a pure function of (incident key, letter, canonical value). Nothing here keeps state,
//! so results never depend on order, on threads or on what else was collected.

use super::canon::canonical;
use super::collision::TokenWatch;
use super::key::IncidentKey;
use crate::crypto::{self, Hkdf, MacKey};
use crate::error::Result;
use data_encoding::BASE64;
use std::collections::BTreeSet;

/// What a token stands for; the first character of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Letter {
    /// Account label: UPN local part, sAMAccountName, mailNickname.
    U,
    /// Name of a person.
    N,
    /// Host name: the first label, without `$`.
    H,
    /// Domain apex, tenant label of a routing domain, NetBIOS domain.
    D,
    /// Name below a domain apex.
    L,
    /// Group name.
    G,
    /// Organisation text: OU, O, containers, administrative units; names of policies, locations and apps.
    O,
    /// Free attribute, job attribute, hardware id.
    A,
    /// PUID, NetID.
    K,
    /// MAC address.
    M,
    /// Network that has no mapped form.
    I,
    /// Tenant, in the manifest only.
    T,
    /// Name of a dropped, undeclared member.
    X,
}

impl Letter {
    /// All letters, in the order of the enum.
    pub const ALL: [Letter; 13] = [
        Letter::U,
        Letter::N,
        Letter::H,
        Letter::D,
        Letter::L,
        Letter::G,
        Letter::O,
        Letter::A,
        Letter::K,
        Letter::M,
        Letter::I,
        Letter::T,
        Letter::X,
    ];

    /// The character.
    pub const fn char(self) -> char {
        match self {
            Letter::U => 'u',
            Letter::N => 'n',
            Letter::H => 'h',
            Letter::D => 'd',
            Letter::L => 'l',
            Letter::G => 'g',
            Letter::O => 'o',
            Letter::A => 'a',
            Letter::K => 'k',
            Letter::M => 'm',
            Letter::I => 'i',
            Letter::T => 't',
            Letter::X => 'x',
        }
    }
}

/// Which components of a composite value are pseudonymised; the others stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Account labels: local parts, sAMAccountNames, UID.
    pub account: bool,
    /// Domains: after `@`, before `\`, DC runs.
    pub domain: bool,
    /// Domains of consumer mail too, where domains are: `gmail.com`.
    pub consumer: bool,
    /// Host names: `HOST$`, the host in a synchronization account, the leaf CN of a host.
    pub host: bool,
    /// The leaf CN of a person or of a group.
    pub person: bool,
    /// OU, O and container names, organisation segments of X.500 addresses, claims issuers.
    pub org: bool,
}

impl Parts {
    /// Every component.
    pub const ALL: Parts =
        Parts { account: true, domain: true, consumer: true, host: true, person: true, org: true };
    /// No component: a composite stays as it is.
    pub const NONE: Parts =
        Parts { account: false, domain: false, consumer: false, host: false, person: false, org: false };
}

/// Computes the pseudonyms of one incident. Pre-keyed and without state; share it between threads.
pub struct Pseudonymizer {
    letters: [MacKey; 13],
    pub(super) guid: MacKey,
    pub(super) sid_domain: MacKey,
    pub(super) sid_rid: MacKey,
    pub(super) ip4: MacKey,
    pub(super) ip4_private: MacKey,
    pub(super) ip6: MacKey,
    pub(super) ip6_high: MacKey,
    pub(super) flips: super::address::Flips,
    thumbprint: MacKey,
    dictionary: MacKey,
    date_shift: u64,
    key_id: String,
    watch: Option<TokenWatch>,
}

impl Pseudonymizer {
    /// Derives all subkeys.
    ///
    /// # Errors
    /// Internal only: key derivation failed.
    pub fn new(key: &IncidentKey) -> Result<Self> {
        let keys = key.subkeys();
        let mut letters = Vec::with_capacity(Letter::ALL.len());
        for letter in Letter::ALL {
            letters.push(keys.mac(&format!("token/{}", letter.char()))?);
        }
        let letters = letters.try_into().map_err(|_| {
            crate::error::Error::new(crate::error::Kind::Internal, "the table of token letters is incomplete")
        })?;
        Ok(Pseudonymizer {
            letters,
            guid: keys.mac("guid")?,
            sid_domain: keys.mac("sid-domain")?,
            sid_rid: keys.mac("sid-rid")?,
            ip4: keys.mac("ip4")?,
            ip4_private: keys.mac("ip4-private")?,
            ip6: keys.mac("ip6")?,
            ip6_high: keys.mac("ip6-high")?,
            flips: super::address::Flips::new(),
            thumbprint: keys.mac("thumbprint")?,
            dictionary: keys.mac("dictionary")?,
            date_shift: u64::from_be_bytes(*keys.bytes("date-shift")?),
            key_id: crypto::hex(&keys.bytes::<8>("key-id")?[..]),
            watch: None,
        })
    }

    /// Remembers every token from here on, so that [`Pseudonymizer::collided`] can tell.
    #[must_use]
    pub fn watched(self, watch: TokenWatch) -> Self {
        Pseudonymizer { watch: Some(watch), ..self }
    }

    /// Whether one token was given to two values. Then the run must stop and take a new key.
    pub fn collided(&self) -> bool {
        self.watch.as_ref().is_some_and(TokenWatch::collided)
    }

    /// Public name of the key: 16 lower-case hex digits. Equal ids mean equal pseudonyms.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The token of text, by its canonical form. Always 15 characters.
    pub fn token(&self, letter: Letter, text: &str) -> String {
        self.token_bytes(letter, canonical(text).as_bytes())
    }

    /// The token of bytes. Always 15 characters.
    pub fn token_bytes(&self, letter: Letter, bytes: &[u8]) -> String {
        write_token(letter, self.halves(letter, bytes).0)
    }

    /// The token of text and a second, independent keyed fingerprint of the same value. Equal tokens
    /// with unequal fingerprints are a collision: the run must stop and take a new key.
    pub fn token_with_fingerprint(&self, letter: Letter, text: &str) -> (String, u64) {
        let (first, second) = self.halves(letter, canonical(text).as_bytes());
        (write_token(letter, first), second)
    }

    fn halves(&self, letter: Letter, bytes: &[u8]) -> (u64, u64) {
        let mac = self.letters[letter as usize].mac(bytes);
        let value = u128::from_be_bytes(first16(&mac));
        let halves = ((value >> 64) as u64, value as u64);
        if let Some(watch) = &self.watch {
            watch.see(letter as usize, halves.0, halves.1);
        }
        halves
    }

    /// Pseudonym of the tenant id, for the manifest.
    pub fn tenant(&self, tenant: [u8; 16]) -> String {
        self.token_bytes(Letter::T, &tenant)
    }

    /// Maps a certificate thumbprint: 16 to 64 bytes in hex, with or without `:` or spaces between
    /// the bytes, or 20 or 32 bytes in base64. The result has the same length and dress and begins
    /// with the bytes FA DE. `None` for anything else.
    pub fn thumbprint(&self, s: &str) -> Option<String> {
        let s = s.trim();
        if s.len() > 64 * 3 || !s.is_ascii() {
            return None;
        }
        if let 28 | 44 = s.len()
            && s.ends_with('=')
        {
            let bytes = BASE64.decode(s.as_bytes()).ok().filter(|bytes| matches!(bytes.len(), 20 | 32))?;
            return Some(BASE64.encode(&self.thumbprint_bytes(&bytes)));
        }
        let separator = s.chars().nth(2).filter(|c| matches!(c, ':' | ' '));
        let bytes = match separator {
            Some(c) => s.split(c).map(hex_byte).collect::<Option<Vec<u8>>>()?,
            None => hex_bytes(s)?,
        };
        if !(16..=64).contains(&bytes.len()) {
            return None;
        }
        let upper = is_upper_hex(s);
        let hex: Vec<String> = self.thumbprint_bytes(&bytes).iter().map(|b| hex_text(&[*b], upper)).collect();
        Some(hex.join(separator.map(String::from).as_deref().unwrap_or("")))
    }

    /// As [`Pseudonymizer::thumbprint`], as `digits` hex digits in lower case whatever the length and
    /// dress of the value: thumbprints that were written in different ways become one.
    pub fn thumbprint_of(&self, s: &str, digits: usize) -> Option<String> {
        let s = s.trim();
        if s.len() > 64 * 3 || !s.is_ascii() {
            return None;
        }
        let bytes = match BASE64.decode(s.as_bytes()).ok().filter(|bytes| matches!(bytes.len(), 20 | 32)) {
            Some(bytes) if matches!(s.len(), 28 | 44) => bytes,
            _ => hex_bytes(&s.replace([':', ' '], ""))?,
        };
        (16..=64).contains(&bytes.len()).then(|| hex_text(&self.thumbprint_long(&bytes, digits / 2), false))
    }

    fn thumbprint_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.thumbprint_long(bytes, bytes.len())
    }

    fn thumbprint_long(&self, bytes: &[u8], length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        // Expanding at most 64 bytes cannot fail; zeros would still tell nothing about the original.
        let _ = Hkdf::from_prk(&self.thumbprint.mac(bytes)).expand(b"entra-bundle/thumbprint-out", &mut out);
        if let [a, b, ..] = out.as_mut_slice() {
            (*a, *b) = (0xfa, 0xde);
        }
        out
    }

    /// The one secret offset of this incident in days: from −`max_days` to `max_days` and never 0
    /// (0 if `max_days` is 0).
    pub fn date_shift_days(&self, max_days: u32) -> i64 {
        if max_days == 0 {
            return 0;
        }
        let max = i64::from(max_days);
        let v = (self.date_shift % (2 * max as u64)) as i64 - max;
        if v < 0 { v } else { v + 1 }
    }

    /// Keyed digest of a set of dictionary entries (kind, canonical bytes): 32 lower-case hex digits.
    /// Order and repetition do not matter.
    pub fn dictionary_digest(&self, entries: impl Iterator<Item = (&'static str, Vec<u8>)>) -> String {
        let set: BTreeSet<Vec<u8>> = entries
            .map(|(kind, bytes)| {
                let mut entry = vec![kind.len() as u8];
                entry.extend_from_slice(kind.as_bytes());
                entry.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                entry.extend_from_slice(&bytes);
                entry
            })
            .collect();
        let joined: Vec<u8> = set.into_iter().flatten().collect();
        crypto::hex(&first16(&self.dictionary.mac(&joined)))
    }
}

/// The first 16 bytes of an HMAC.
pub(super) fn first16(mac: &[u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&mac[..16]);
    out
}

/// A byte in two hex digits.
pub(super) fn hex_byte(s: &str) -> Option<u8> {
    match hex_bytes(s)?.as_slice() {
        [byte] => Some(*byte),
        _ => None,
    }
}

/// Bytes in hex of either case.
pub(super) fn hex_bytes(s: &str) -> Option<Vec<u8>> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(s.as_bytes()).ok()
}

/// Sixteen bytes in 32 hex digits of either case.
pub(super) fn hex16(digits: &[u8; 32]) -> Option<[u8; 16]> {
    let mut out = [0; 16];
    let mut wrong = 0;
    for (byte, [high, low]) in out.iter_mut().zip(digits.as_chunks::<2>().0) {
        let (high, low) = (HEX[*high as usize], HEX[*low as usize]);
        wrong |= high | low;
        *byte = high << 4 | (low & 15);
    }
    (wrong < 16).then_some(out)
}

/// Value of a hex digit; 0xff for any other byte.
static HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// Whether hex text is written in upper case: it has an upper-case letter and no lower-case one.
pub(super) fn is_upper_hex(s: &str) -> bool {
    s.bytes().any(|b| matches!(b, b'A'..=b'F')) && !s.bytes().any(|b| matches!(b, b'a'..=b'f'))
}

/// Hex in the wanted case.
pub(super) fn hex_text(bytes: &[u8], upper: bool) -> String {
    if upper { data_encoding::HEXUPPER.encode(bytes) } else { data_encoding::HEXLOWER.encode(bytes) }
}

const SYMBOLS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A token that belongs to no value: 60 bits from the system's generator. `None` if it gives none.
pub fn fresh(letter: Letter) -> Option<String> {
    Some(write_token(letter, u64::from_be_bytes(crate::crypto::random().ok()?)))
}

fn write_token(letter: Letter, first: u64) -> String {
    let mut token = String::with_capacity(15);
    token.push(letter.char());
    token.push('-');
    // The top 60 bits in groups of 5, most significant first.
    for group in 0..12 {
        token.push(SYMBOLS[(first >> (59 - 5 * group) & 31) as usize] as char);
    }
    let check = check_symbol(letter.char() as u8, &token.as_bytes()[2..]);
    token.push(SYMBOLS[check as usize] as char);
    token
}

/// Σ α^(i+1)·s_i over GF(32) with x⁵+x²+1 and α = x, by Horner's rule from the last symbol.
fn check_symbol(letter: u8, body: &[u8]) -> u8 {
    /// Twice each element.
    const TWICE: [u8; 32] = {
        let mut table = [0; 32];
        let mut element = 0;
        while element < 32 {
            let doubled = (element as u8) << 1;
            table[element] = if doubled & 32 != 0 { doubled ^ 0b10_0101 } else { doubled };
            element += 1;
        }
        table
    };
    let mut sum = 0;
    for symbol in body.iter().rev() {
        sum = TWICE[usize::from((sum ^ symbol_value(*symbol)) & 31)];
    }
    TWICE[usize::from((sum ^ symbol_value(letter)) & 31)]
}

fn symbol_value(symbol: u8) -> u8 {
    match symbol {
        b'a'..=b'z' => symbol - b'a',
        b'2'..=b'7' => symbol - b'2' + 26,
        _ => 0,
    }
}

/// Whether the text is a well-formed token: grammar and check symbol. It finds typing errors; it
/// does not prove that the token is ours.
pub fn is_token(s: &str) -> bool {
    match s.as_bytes() {
        [letter @ b'a'..=b'z', b'-', body @ .., check] if body.len() == 12 => {
            body.iter().chain([check]).all(|b| SYMBOLS.contains(b))
                && check_symbol(*letter, body) == symbol_value(*check)
        }
        _ => false,
    }
}

#[cfg(test)]
pub(super) fn sample() -> Pseudonymizer {
    Pseudonymizer::new(&IncidentKey::from_bytes(std::array::from_fn(|i| i as u8))).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_their_own_characters_and_keys() {
        let names = sample();
        let tokens: BTreeSet<String> =
            Letter::ALL.iter().map(|l| names.token(*l, "x")[2..].to_owned()).collect();
        assert_eq!(tokens.len(), Letter::ALL.len());
        for (index, letter) in Letter::ALL.iter().enumerate() {
            assert_eq!(*letter as usize, index);
        }
    }

    #[test]
    fn every_single_slip_of_a_token_is_found() {
        let names = sample();
        for index in 0..100_u32 {
            let token = names.token_bytes(Letter::ALL[index as usize % 13], &index.to_be_bytes());
            assert_eq!(token.len(), 15);
            assert!(is_token(&token));
            let bytes = token.as_bytes();
            for at in (0..15).filter(|at| *at != 1) {
                for symbol in SYMBOLS {
                    let mut wrong = bytes.to_vec();
                    wrong[at] = *symbol;
                    assert!(wrong == bytes || !is_token(std::str::from_utf8(&wrong).unwrap()));
                }
            }
            for at in 2..14 {
                let mut wrong = bytes.to_vec();
                wrong.swap(at, at + 1);
                assert!(wrong == bytes || !is_token(std::str::from_utf8(&wrong).unwrap()));
            }
        }
        for wrong in
            ["", "-", "u-", "u-5ruvv4drp33l", "u-5ruvv4drp33loo", "U-5RUVV4DRP33LO", "u_5ruvv4drp33lo"]
        {
            assert!(!is_token(wrong));
        }
    }

    #[test]
    fn the_date_shift_is_never_zero_and_stays_in_its_range() {
        for byte in 0..64 {
            let names = Pseudonymizer::new(&IncidentKey::from_bytes([byte; 32])).unwrap();
            for max in [1, 2, 30] {
                let days = names.date_shift_days(max);
                assert!(days != 0 && days.unsigned_abs() <= u64::from(max));
            }
            assert_eq!(names.date_shift_days(0), 0);
            names.date_shift_days(u32::MAX);
        }
    }

    #[test]
    fn thumbprints_keep_length_and_dress() {
        let names = sample();
        let plain = names.thumbprint(&"11".repeat(20)).unwrap();
        assert!(plain.starts_with("fade") && plain.len() == 40);
        let upper = names.thumbprint(&"Aa".repeat(20).to_uppercase()).unwrap();
        assert_eq!(names.thumbprint(&"aa:".repeat(20)[..59]).unwrap().replace(':', "").to_uppercase(), upper);
        let base64 = names.thumbprint(&BASE64.encode(&[0xaa; 20])).unwrap();
        assert_eq!(hex_text(&BASE64.decode(base64.as_bytes()).unwrap(), true), upper);
        // A length of its own: one for all ways to write a thumbprint, and the same bytes in front.
        for text in ["aa".repeat(20), "AA:".repeat(20)[..59].to_owned(), BASE64.encode(&[0xaa; 20])] {
            assert_eq!(names.thumbprint_of(&text, 40).unwrap().to_uppercase(), upper, "{text}");
            assert!(names.thumbprint_of(&text, 64).unwrap().to_uppercase().starts_with(&upper));
        }
        assert_eq!(names.thumbprint_of("Greta Schmidt", 40), None);
        for wrong in ["", ":", "11", "zz", &"1".repeat(41), &"1".repeat(1 << 20), &"é".repeat(20)] {
            assert_eq!(names.thumbprint(wrong), None);
        }
    }

    #[test]
    fn a_token_of_two_values_is_noticed() {
        let (first, second) = sample().halves(Letter::U, b"gschmidt");
        for (other, collides) in [(second ^ 1, true), (second, false)] {
            let watch = TokenWatch::default();
            watch.see(Letter::U as usize, first, other);
            let names = sample().watched(watch);
            names.token(Letter::U, "greta");
            assert!(!names.collided());
            names.token(Letter::U, "GSchmidt");
            assert_eq!(names.collided(), collides);
        }
        assert!(!sample().collided());
    }
}
