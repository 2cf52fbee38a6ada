//! The leak check: finished bytes are searched for everything that must not have left.
//!
//! An implementation path of its own: it knows no fields, uses none of the rewriter's matchers and
//! looks at whole bytes, as they stand and with their encodings undone. A finding says entry,
//! offset and kind, never the value. Memory is bounded by the window, time is linear.

mod names;
mod needles;
mod shapes;
mod view;

use super::dictionary::Dictionary;
use super::vocabulary;
use crate::catalogue::{Catalogue, Field};
use crate::error::{Error, Result};
use crate::kind::{Kind, KindSet};
use names::{Hit, Names};
use needles::Needles;
use shapes::{Shape, Shapes};
use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use view::View;
use zeroize::Zeroizing;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Bytes before a window that are seen again for context, and bytes at its end that are decided by
/// the next window: longer than anything that is searched.
const BEFORE: usize = 1 << 10;
const AHEAD: usize = 8 << 10;

/// Most findings that one entry reports.
const MOST: usize = 1000;

/// Something that must not stand in the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Leak {
    /// Name of the entry.
    pub entry: String,
    /// Offset in the inflated entry, in bytes.
    pub offset: u64,
    /// What was found: the id of a kind, `secret:…`, or `key` for a secret of this run.
    pub what: &'static str,
    /// Whether a learned original or a learned entity was found; `false` for an unexplained shape and
    /// for a soft original in identity context.
    pub hard: bool,
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {} of {}", self.what, self.offset, self.entry)
    }
}

/// Searches finished bytes. Shareable between threads.
pub struct LeakCheck<'a> {
    dictionary: &'a Dictionary,
    treated: KindSet,
    private_addresses: bool,
    names: Names,
    needles: Needles,
    /// Folded member name → whether every type that declares it holds an identity there.
    members: HashMap<String, bool>,
    soft: AtomicU64,
}

impl<'a> LeakCheck<'a> {
    /// A check against the dictionary. `treated` are the kinds that the policy does not keep: values
    /// of other kinds are no finding. `secrets` are all secrets of this run.
    pub fn new(dictionary: &'a Dictionary, treated: KindSet, secrets: Vec<Zeroizing<Vec<u8>>>) -> Self {
        LeakCheck {
            dictionary,
            treated,
            private_addresses: false,
            names: Names::new(dictionary, treated),
            needles: Needles::new(&secrets),
            members: members(Catalogue::builtin()),
            soft: AtomicU64::new(0),
        }
    }

    /// Whether the policy keeps private addresses: then they are no finding.
    #[must_use]
    pub fn keeping_private_addresses(mut self, keeps: bool) -> Self {
        self.private_addresses = keeps;
        self
    }

    /// Occurrences of soft originals that did not block, over all entries so far.
    pub fn soft_hits(&self) -> u64 {
        self.soft.load(Ordering::Relaxed)
    }

    /// Checks one entry to its end. `entry` is its name; the name itself is checked with
    /// [`LeakCheck::check`] over its bytes.
    pub fn check(&self, entry: &str, bytes: &mut dyn Read) -> Result<Vec<Leak>> {
        let mut leaks = Vec::new();
        let mut window: Vec<u8> = Vec::with_capacity(CHUNK + BEFORE + AHEAD);
        // Offset of the window in the entry, and the first byte of it that no window decided yet.
        let (mut base, mut fresh) = (0u64, 0usize);
        loop {
            let wanted = CHUNK as u64;
            let mut part: &mut dyn Read = bytes;
            let read = Read::take(&mut part, wanted)
                .read_to_end(&mut window)
                .map_err(|e| Error::io("cannot read a finished entry for the leak check", e))?;
            let last = (read as u64) < wanted;
            let decided = if last { window.len() } else { window.len().saturating_sub(AHEAD) };
            self.window(entry, &window, base, fresh..decided, &mut leaks);
            if last || leaks.len() >= MOST {
                break;
            }
            let drop = decided.saturating_sub(BEFORE);
            window.drain(..drop);
            base += drop as u64;
            fresh = decided - drop;
        }
        leaks.sort_unstable();
        leaks.dedup();
        leaks.truncate(MOST);
        Ok(leaks)
    }

    /// Checks one window and reports what starts in `range`.
    fn window(
        &self,
        entry: &str,
        window: &[u8],
        base: u64,
        range: std::ops::Range<usize>,
        leaks: &mut Vec<Leak>,
    ) {
        let mut report = |at: usize, what: &'static str, hard: bool| {
            if range.contains(&at) && leaks.len() < MOST {
                leaks.push(Leak { entry: entry.to_owned(), offset: base + at as u64, what, hard });
            }
        };
        self.needles.find(window, |at| report(at, "key", true));
        self.examine(window, |at| at, &mut report);
        for view in view::unescaped(window) {
            self.view(&view, &mut report);
        }
        for view in view::base64(window) {
            self.view(&view, &mut report);
        }
        if let Some(view) = view::without_nul(window) {
            self.view(&view, &mut report);
        }
    }

    fn view(&self, view: &View, report: &mut impl FnMut(usize, &'static str, bool)) {
        self.examine(&view.bytes, |at| view.origin(at), report);
    }

    /// Searches the bytes of one view.
    fn examine(
        &self,
        bytes: &[u8],
        origin: impl Fn(usize) -> usize,
        report: &mut impl FnMut(usize, &'static str, bool),
    ) {
        let shapes = Shapes {
            entities: self.dictionary.entities(),
            treated: self.treated,
            private_addresses: self.private_addresses,
        };
        shapes.find(bytes, &mut |shape: Shape| report(origin(shape.start), shape.what, shape.known));
        self.names.find(bytes, |hit: Hit| {
            // An employee number such as `c1036655` may be a group of digits of a GUID that stays; the
            // GUID as a whole is looked at as a shape.
            if shapes::is_within_guid(bytes, hit.start, hit.end) {
                return;
            }
            if hit.hard {
                report(origin(hit.start), hit.kind.id(), true);
            } else if self.soft_blocks(bytes, &hit) {
                report(origin(hit.start), hit.kind.id(), false);
            } else {
                self.soft.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Whether the place of a soft original says that it names somebody: `DOMAIN\x`, `user=x`,
    /// `\Users\x`, `CN=x`, `x@`, or the whole value of a member that holds identities.
    fn soft_blocks(&self, bytes: &[u8], hit: &Hit) -> bool {
        let before = &bytes[hit.start.saturating_sub(96)..hit.start];
        let after = &bytes[hit.end..(hit.end + 7).min(bytes.len())];
        let value = &bytes[hit.start..hit.end];
        let word = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80;
        // `Sync_<host token>_…`: the fixed beginning of our own pseudonym of a synchronization account.
        let token = bytes.get(hit.end + 1..hit.end + 16).and_then(|token| std::str::from_utf8(token).ok());
        if value == b"Sync"
            && after.first() == Some(&b'_')
            && token.is_some_and(|token| token.starts_with("h-") && shapes::is_token(token))
        {
            return false;
        }
        // Beside `@`, where a domain follows.
        if after.first() == Some(&b'@') && after.get(1).is_some_and(word) {
            return !after.eq_ignore_ascii_case(b"@odata.");
        }
        let domain = match before.iter().rev().take_while(|b| **b == b'\\').count() {
            0 => None,
            count => Some(&before[..before.len() - count]),
        };
        if let Some(domain) = domain {
            let name: Vec<u8> = domain
                .iter()
                .rev()
                .take_while(|b| word(b) || **b == b'-')
                .map(u8::to_ascii_lowercase)
                .collect();
            let name: Vec<u8> = name.into_iter().rev().collect();
            let name = String::from_utf8_lossy(&name);
            return name == "users" || self.dictionary.is_domain_label(&name);
        }
        let quoted = before.last() == Some(&b'"') && after.first() == Some(&b'"');
        if quoted {
            let member = member_before(&before[..before.len() - 1]);
            let folded = String::from_utf8_lossy(value);
            return match member {
                Some(member) => {
                    self.members.get(&crate::catalogue::fold(&member)).copied().unwrap_or(true)
                        && !vocabulary::is_stop_word(&folded)
                }
                None => false,
            };
        }
        let lower: Vec<u8> = before.iter().rev().take(16).map(u8::to_ascii_lowercase).rev().collect();
        ["user=", "username=", "sam=", "samaccountname=", "cn=", "upn=", "login=", "account="].iter().any(
            |cue| {
                ends_with(&lower, cue.as_bytes())
                    && !lower.get(..lower.len() - cue.len()).is_some_and(|rest| rest.last().is_some_and(word))
            },
        ) && !vocabulary::is_stop_word(&String::from_utf8_lossy(value))
    }
}

fn ends_with(bytes: &[u8], end: &[u8]) -> bool {
    bytes.ends_with(end)
}

/// The member name before the opening quote of its value: `"name":`.
fn member_before(before: &[u8]) -> Option<String> {
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b":")?.trim_ascii_end().strip_suffix(b"\"")?;
    let start = before.iter().rposition(|b| *b == b'"')? + 1;
    Some(String::from_utf8_lossy(&before[start..]).into_owned())
}

/// For every declared member: whether it holds an identity wherever it is declared.
fn members(catalogue: &Catalogue) -> HashMap<String, bool> {
    let identity = |field: &Field| match field {
        Field::Value { kind, .. } => matches!(
            kind,
            Kind::Upn
                | Kind::PersonName
                | Kind::NamePart
                | Kind::Account
                | Kind::ProxyAddress
                | Kind::Host
                | Kind::GroupName
                | Kind::Domain
                | Kind::Partner
                | Kind::Puid
                | Kind::Dn
        ),
        Field::Object(_) | Field::By { .. } | Field::Drop => false,
    };
    let mut members = HashMap::new();
    for record_type in catalogue.types() {
        for (name, field) in &record_type.fields {
            let entry = members.entry(crate::catalogue::fold(name)).or_insert(true);
            *entry &= identity(field);
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::super::learn::Learner;
    use super::super::{IncidentKey, Pseudonymizer};
    use super::*;

    fn dictionary() -> Dictionary {
        let mut learner = Learner::new();
        for (kind, value) in [
            (Kind::Upn, "greta.schmidt@contoso.com"),
            (Kind::PersonName, "Greta Schmidt"),
            (Kind::PersonName, "Søren Åberg"),
            (Kind::PersonName, "Success"),
            (Kind::PersonName, "Interactive"),
            (Kind::PersonName, "createdDateTime"),
            (Kind::Account, "anna"),
            (Kind::Upn, "admin@contoso.com"),
            (Kind::Upn, "sync@contoso.com"),
            (Kind::Host, "ad"),
            (Kind::Host, "LAPTOP-7Q2K"),
            (Kind::Account, "C1036655"),
            (Kind::ObjectId, "f7cc07d7-7c15-447d-876d-c01b0e5a9e38"),
        ] {
            learner.learn(kind, value, "users");
        }
        learner.freeze()
    }

    fn all() -> KindSet {
        let mut set = KindSet::EMPTY;
        Kind::all().for_each(|kind| set.insert(kind));
        set
    }

    fn leaks(text: &[u8]) -> Vec<(&'static str, u64)> {
        let dictionary = dictionary();
        let check = LeakCheck::new(&dictionary, all(), Vec::new());
        check.check("x", &mut &text[..]).unwrap().into_iter().map(|leak| (leak.what, leak.offset)).collect()
    }

    #[test]
    fn a_number_is_no_finding_as_a_group_of_a_guid_that_stays() {
        for text in ["SSPR_c1036655-dfec-4d2c-8f3a-0e1f2a3b4c5d", "{C1036655-dfec-4d2c-8f3a-0e1f2a3b4c5d}"] {
            assert_eq!(leaks(text.as_bytes()), [], "{text}");
        }
        for text in [
            "number C1036655",
            "c1036655-dfec",
            "c1036655-dfec-4d2c-8f3a-0e1f2a3b4c5d6",
            "c1036655-dfec-4d2c-8f3a-0e1f2a3b4c5d c1036655",
            "xc1036655-dfec-4d2c-8f3a-0e1f2a3b4czz C1036655",
        ] {
            assert!(!leaks(text.as_bytes()).is_empty(), "{text}");
        }
    }

    #[test]
    fn planted_originals_are_found_in_every_encoding() {
        for text in [
            "greta.schmidt@contoso.com",
            "by Greta Schmidt.",
            "GRETA  SCHMIDT",
            "Schmidt, Greta",
            "\"greta.schmidt\"",
            "laptop-7q2k$",
            "f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
            "F7CC07D77C15447D876DC01B0E5A9E38",
            "{f7cc07d7-7c15-447d-876d-c01b0e5a9e38}",
            "d707ccf7157c7d44876dc01b0e5a9e38",
            "1wfM9xV8fUSHbcAbDlqeOA==",
            "S-1-12-1-4157343703-1149074453-465595783-949901838",
            "CN={3177664D397856386655534862634162446C71654F413D3D}",
            "S\\u00f8ren \\u00c5berg",
            "S\\\\u00f8ren \\\\u00c5berg",
            "Søren Åberg",
            "Søren A\u{30a}berg",
        ] {
            assert!(!leaks(text.as_bytes()).is_empty(), "{text}");
        }
        let encoded = data_encoding::BASE64.encode(b"name=Greta Schmidt, mail=x");
        for text in [
            "users('greta.schmidt%40contoso.com')".to_owned(),
            "q=Greta%20Schmidt".to_owned(),
            "S%C3%B8ren%20%C3%85berg".to_owned(),
            "S&#248;ren &#xc5;berg".to_owned(),
            format!("\"{encoded}\""),
            "\\\"Greta Schmidt\\\"".to_owned(),
            "Greta\\u0020Schmidt".to_owned(),
        ] {
            assert!(!leaks(text.as_bytes()).is_empty(), "{text}");
        }
        let wide: Vec<u8> = "Greta Schmidt".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(leaks(&wide), [("person_name", 0)]);
        assert!(!leaks(data_encoding::BASE64.encode(&wide).as_bytes()).is_empty());
    }

    #[test]
    fn unmarked_shapes_are_found() {
        for (text, what) in [
            ("x other@fabrikam.com y", "upn"),
            ("203.0.113.7", "ip_address"),
            ("\"203.0.113.7:443\"", "ip_address"),
            ("2a01:db8:7:1::5", "ip_address"),
            ("S-1-5-21-1004336348-1177238915-682003330-1104", "sid"),
            ("\u{5740}203.0.113.7\u{304b}\u{3089}", "ip_address"),
            ("O:S-1-5-21-1004336348-1177238915-682003330-1104G:DAD:", "sid"),
            ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln", "secret:jwt"),
            ("-----BEGIN PRIVATE KEY-----", "secret:pem"),
            ("\"password\":\"Hunter22\"", "secret:key-value"),
            ("C:\\\\Users\\\\bob\\\\x", "account"),
            ("C:\\Users\\bob", "account"),
            ("00-1b-44-11-3a-b7", "mac_address"),
        ] {
            assert!(
                leaks(text.as_bytes()).iter().any(|leak| leak.0 == what),
                "{text}: {:?}",
                leaks(text.as_bytes())
            );
        }
    }

    #[test]
    fn pseudonyms_versions_and_vocabulary_are_no_findings() {
        for text in [
            "{\"createdDateTime\":\"2024-05-01T10:00:00Z\",\"status\":\"Success\",\"signInEventTypes\":[\"Interactive\"]}",
            "u-uunltp2igwuex@d-4t3ff5tundavp.example CN=n-43gfkslfdaupb,OU=o-ax6lnajg45p4r",
            "u-wwgo4fmqycucu_d-zy62gqb4tqjzp.example#EXT#@d-d3tmk3a5hhq34.onmicrosoft.example",
            "Sync_h-4pu5zkc2uypuo_ab12cd34ef56@d-4t3ff5tundavp.example",
            "u-uunltp2igwuex@gmail.com",
            "fade0367-97df-873d-b280-ffadf2fb26d0 S-1-12-1-4208853863-2268960735-2919202994-3492215794",
            "S-1-5-21-4208918010-2498114254-690280716-1035817302 S-1-5-21-0-0-0-497 S-1-5-18",
            "2001:db8:4::e2c4:cbb4 [2001:db8:5::1]:443 3fff:55d:b865:ecf3:12cb:9e56:c496:2dc2 127.0.0.1 ::1",
            "Chrome/120.0.0.0 Version=4.0.0.0 v2.4.21.7 \"version\":\"10.1.2.3\" 1.3.6.1.4.1.311.20 15.0.0.0",
            "C:\\Users\\u-5ruvv4drp33lo\\AppData C:\\Users\\Public d-d3tmk3a5hhq34\\u-5ruvv4drp33lo",
            "\"@odata.type\":\"#microsoft.graph.user\",\"members@odata.bind\":1",
            "2024-03-05T07:08:09.1234567Z 10:00:00 [redacted:upn] [secret:jwt] AADSTS50126 anna said ad",
            "the admin will sync in ad: success",
            "\"anna@odata.type\":\"x\"",
            "\"city\":\"Anna\\u0020x\"",
        ] {
            assert_eq!(leaks(text.as_bytes()), [], "{text}");
        }
    }

    #[test]
    fn soft_originals_block_where_their_place_names_somebody() {
        for text in [
            "\"userPrincipalName\":\"anna\"",
            "user=anna",
            "CONTOSO\\anna",
            "\\\\Users\\\\anna\\\\x",
            "admin@contoso",
        ] {
            assert!(!leaks(text.as_bytes()).is_empty(), "{text}");
        }
        // The pseudonym of a synchronization account begins with a word that may be a name.
        let names = Pseudonymizer::new(&IncidentKey::from_bytes([7; 32])).unwrap();
        let account = names.account("Sync_AADC01_0123456789ab");
        for text in [format!("C:\\Users\\{account}\\x"), format!("user={account}")] {
            assert!(text.contains("Sync_h-"), "{text}");
            assert_eq!(leaks(text.as_bytes()), [], "{text}");
        }
        assert!(!leaks(b"C:\\Users\\Sync_AADC01_0123456789ab\\x").is_empty());
        let dictionary = dictionary();
        let check = LeakCheck::new(&dictionary, all(), Vec::new());
        assert!(check.check("x", &mut &b"anna and the admin"[..]).unwrap().is_empty());
        assert_eq!(check.soft_hits(), 2);
    }

    #[test]
    fn kinds_that_the_policy_keeps_are_not_enforced() {
        let dictionary = dictionary();
        let check = LeakCheck::new(&dictionary, KindSet::of(&[Kind::Account]), Vec::new());
        let text =
            b"203.0.113.7 f7cc07d7-7c15-447d-876d-c01b0e5a9e38 Greta Schmidt u-uunltp2igwuex@contoso.com";
        assert_eq!(check.check("x", &mut &text[..]).unwrap(), []);
    }

    #[test]
    fn guests_of_a_policy_that_keeps_domains_are_pseudonyms() {
        let dictionary = dictionary();
        let ours = b"u-uunltp2igwuex_fab-rikam.co.uk#EXT#@contoso.onmicrosoft.com";
        let theirs = b"lee_fab-rikam.co.uk#EXT#@contoso.onmicrosoft.com";
        let check = LeakCheck::new(&dictionary, KindSet::of(&[Kind::Account, Kind::Upn]), Vec::new());
        assert_eq!(check.check("x", &mut &ours[..]).unwrap(), []);
        assert_eq!(check.check("x", &mut &theirs[..]).unwrap().len(), 1);
        let check = LeakCheck::new(&dictionary, all(), Vec::new());
        assert_eq!(check.check("x", &mut &ours[..]).unwrap().len(), 1);
    }

    #[test]
    fn private_addresses_are_findings_unless_the_policy_keeps_them() {
        let dictionary = dictionary();
        let private = b"10.20.30.0/24 10.20.30.40:389 100.64.1.7 [fd00:1:2::3]:88 ::ffff:10.1.2.3";
        let public = b"203.0.113.7 2a01:db8:7:1::5";
        let found = |keeps, text: &[u8]| {
            let check = LeakCheck::new(&dictionary, all(), Vec::new()).keeping_private_addresses(keeps);
            check.check("x", &mut { text }).unwrap().len()
        };
        assert_eq!(found(true, private), 0);
        assert_eq!(found(false, private), 5);
        assert_eq!(found(true, public), 2);
    }

    #[test]
    fn findings_at_window_borders_are_found_once() {
        let dictionary = dictionary();
        let check =
            LeakCheck::new(&dictionary, all(), vec![Zeroizing::new(b"0123456789abcdefghij".to_vec())]);
        for shift in [0, 5, 12, 20, AHEAD, AHEAD + 7] {
            let at = CHUNK - AHEAD - 20 + shift;
            let mut text = vec![b' '; 2 * CHUNK + 100];
            text[at..at + 13].copy_from_slice(b"Greta Schmidt");
            text[at + 40..at + 60].copy_from_slice(b"0123456789abcdefghij");
            let found = check.check("x", &mut &text[..]).unwrap();
            let offsets: Vec<_> = found.iter().map(|leak| (leak.what, leak.offset)).collect();
            assert_eq!(offsets, [("person_name", at as u64), ("key", at as u64 + 40)], "{shift}");
        }
    }

    #[test]
    fn awkward_bytes_finish() {
        let dictionary = dictionary();
        let check = LeakCheck::new(&dictionary, all(), Vec::new());
        for piece in [
            "\\",
            "%",
            "&",
            "\\u",
            "@",
            "a@",
            "greta ",
            "1.2.3.",
            ":",
            "a:",
            "-",
            "\0",
            "é",
            "日",
            "=",
            "\\Users\\",
            "eyJ",
            "\u{301}",
            "A",
        ] {
            check.check("x", &mut piece.repeat((1 << 19) / piece.len()).as_bytes()).unwrap();
        }
        check.check("x", &mut &[0xff; 70_000][..]).unwrap();
    }
}
