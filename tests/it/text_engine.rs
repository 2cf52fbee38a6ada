//! Free text: every identifier in every sentence, versions untouched, hostile names, odd input.

use crate::shared;
use entra_bundle::kind::{Kind, KindSet};
use entra_bundle::privacy::dictionary::Dictionary;
use entra_bundle::privacy::leak::LeakCheck;
use entra_bundle::privacy::learn::Learner;
use entra_bundle::privacy::render::{Render, Rendered};
use entra_bundle::privacy::text::TextEngine;
use proptest::prelude::*;

/// A renderer that answers with a toy pseudonym: a function of the folded value alone.
struct Toy(Vec<(Kind, String)>);

impl Toy {
    fn token(value: &str) -> String {
        let hash = value.to_lowercase().bytes().fold(17u64, |sum, b| sum.wrapping_mul(31) ^ u64::from(b));
        let letters: String = (0..13).map(|at| char::from(b'a' + ((hash >> (at * 4)) & 15) as u8)).collect();
        format!("q-{letters}")
    }
}

impl Render for Toy {
    fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        self.0.push((kind, value.to_owned()));
        match kind {
            Kind::TraceId => Rendered::Kept,
            Kind::Phone => Rendered::Dropped,
            _ => {
                out.extend_from_slice(Toy::token(value).as_bytes());
                Rendered::Replaced
            }
        }
    }
}

/// Kind, value: one of each that a directory teaches.
const LEARNED: &[(Kind, &str)] = &[
    (Kind::PersonName, "Greta Schmidt"),
    (Kind::PersonName, "Søren O'Brien"),
    (Kind::PersonName, "Will"),
    (Kind::PersonName, "Success"),
    (Kind::PersonName, "Interactive"),
    (Kind::PersonName, "createdDateTime"),
    (Kind::Account, "gschmidt"),
    (Kind::Account, "CONTOSO\\svc-sync01"),
    (Kind::Account, "mark"),
    (Kind::Upn, "admin@contoso.com"),
    (Kind::Upn, "sync@contoso.com"),
    (Kind::Upn, "Greta.Schmidt@contoso.com"),
    (Kind::Host, "LAPTOP-7Q2K"),
    (Kind::Host, "ad"),
    (Kind::Host, "dc01.corp.contoso.com"),
    (Kind::GroupName, "Project Falcon"),
    (Kind::Domain, "contoso.com"),
    (Kind::ObjectId, "f7cc07d7-7c15-447d-876d-c01b0e5a9e38"),
    (Kind::Puid, "10032000ABCDEF12"),
];

fn dictionary() -> Dictionary {
    let mut learner = Learner::new();
    for (kind, value) in LEARNED {
        learner.learn(*kind, value, "users");
    }
    learner.freeze()
}

fn scan(dictionary: &Dictionary, text: &str) -> (String, u64) {
    let mut out = Vec::new();
    let count = TextEngine::new(dictionary).scan(text, &mut Toy(Vec::new()), &mut out);
    (String::from_utf8(out).unwrap(), count)
}

fn untouched(dictionary: &Dictionary, text: &str) {
    let (out, count) = scan(dictionary, text);
    assert_eq!((out.as_str(), count), (text, 0));
}

#[test]
fn every_identifier_in_every_sentence_gets_the_token_of_its_field() {
    let dictionary = dictionary();
    // What stands in the text, and the value whose token it must get.
    for (written, value) in [
        ("greta.schmidt@contoso.com", "greta.schmidt@contoso.com"),
        ("unknown.person@fabrikam.co.uk", "unknown.person@fabrikam.co.uk"),
        ("Greta Schmidt", "greta schmidt"),
        ("GRETA  SCHMIDT", "greta schmidt"),
        ("Schmidt, Greta", "greta schmidt"),
        ("Søren O'Brien", "søren o'brien"),
        ("gschmidt", "gschmidt"),
        ("svc-sync01", "svc-sync01"),
        ("LAPTOP-7Q2K", "laptop-7q2k"),
        ("Project Falcon", "project falcon"),
        ("dc07.corp.contoso.com", "dc07.corp.contoso.com"),
        ("fabrikam.onmicrosoft.com", "fabrikam.onmicrosoft.com"),
        ("CORP\\anna.weber", "CORP\\anna.weber"),
        ("f7cc07d7-7c15-447d-876d-c01b0e5a9e38", "f7cc07d7-7c15-447d-876d-c01b0e5a9e38"),
        ("F7CC07D77C15447D876DC01B0E5A9E38", "F7CC07D77C15447D876DC01B0E5A9E38"),
        ("1wfM9xV8fUSHbcAbDlqeOA==", "1wfM9xV8fUSHbcAbDlqeOA=="),
        ("S-1-5-21-1004336348-1177238915-682003330-1104", "S-1-5-21-1004336348-1177238915-682003330-1104"),
        (
            "S-1-12-1-4157343703-1149074453-465595783-949901838",
            "S-1-12-1-4157343703-1149074453-465595783-949901838",
        ),
        (
            "CN=Anna Weber,OU=Users,DC=corp,DC=contoso,DC=com",
            "CN=Anna Weber,OU=Users,DC=corp,DC=contoso,DC=com",
        ),
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:50123", "203.0.113.7:50123"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2a01:db8:7:1::5", "2a01:db8:7:1::5"),
        ("[2a01:db8:7:1::5]:443", "[2a01:db8:7:1::5]:443"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("00-1B-44-11-3A-B7", "00-1B-44-11-3A-B7"),
        ("00:1b:44:11:3a:b7", "00:1b:44:11:3a:b7"),
        ("10032000ABCDEF12", "10032000abcdef12"),
        (
            "vasil.m_quadrotech-it.com#EXT#@contoso.onmicrosoft.com",
            "vasil.m_quadrotech-it.com#EXT#@contoso.onmicrosoft.com",
        ),
    ] {
        let token = Toy::token(value);
        for (before, after) in [
            ("", " did it"),
            ("It was ", "."),
            ("named '", "' here"),
            ("named \"", "\" here"),
            ("(", ")"),
            ("subject=", ", next"),
        ] {
            let text = format!("{before}{written}{after}");
            assert_eq!(scan(&dictionary, &text), (format!("{before}{token}{after}"), 1), "{text}");
        }
    }
}

#[test]
fn values_inside_other_text() {
    let dictionary = dictionary();
    let t = Toy::token;
    for (text, expected) in [
        ("C:\\Users\\gschmidt\\AppData\\x.log", format!("C:\\Users\\{}\\AppData\\x.log", t("gschmidt"))),
        (
            "/personal/greta_schmidt_contoso_com/Documents",
            format!("/personal/{}/Documents", t("greta.schmidt@contoso.com")),
        ),
        ("users('greta.schmidt%40contoso.com')", format!("users('{}')", t("greta.schmidt@contoso.com"))),
        ("https://h/?q=Greta%20Schmidt&x=%2F", format!("https://h/?q={}&x=%2F", t("greta schmidt"))),
        ("[\"greta.schmidt@contoso.com\"]", format!("[\"{}\"]", t("greta.schmidt@contoso.com"))),
        ("{\"a\":\"S\\u00f8ren O'Brien\",\"b\":1}", format!("{{\"a\":\"{}\",\"b\":1}}", t("søren o'brien"))),
        ("\"[\\\"Greta Schmidt\\\"]\"", format!("\"[\\\"{}\\\"]\"", t("greta schmidt"))),
        ("{\"password\":\"Hunter2 and more\"}", "{\"password\":\"[secret:password]\"}".into()),
        ("host ip-10-0-187-218 up", format!("host ip-{} up", t("10.0.187.218"))),
        ("SMTP:unknown@fabrikam.com;", format!("SMTP:{};", t("unknown@fabrikam.com"))),
        ("call +49 151 12345678.", "call [redacted:phone].".into()),
        ("WS LAPTOP-7Q2K$ joined", format!("WS {}$ joined", t("laptop-7q2k"))),
        ("account mark failed, User: admin", format!("account {} failed, User: {}", t("mark"), t("admin"))),
        ("\\\\fs01\\share", format!("\\\\{}\\share", t("fs01"))),
        (
            "Device_f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
            format!("Device_{}", t("f7cc07d7-7c15-447d-876d-c01b0e5a9e38")),
        ),
    ] {
        assert_eq!(scan(&dictionary, text).0, expected, "{text}");
    }
}

#[test]
fn a_trace_cue_names_the_kind_of_a_guid() {
    let dictionary = dictionary();
    let guid = "11111111-2222-4333-8444-555555555555";
    for (text, kind) in [
        (format!("Correlation ID: {guid}"), Kind::TraceId),
        (format!("client-request-id={guid}"), Kind::TraceId),
        (format!("{{\"correlationId\":\"{guid}\"}}"), Kind::TraceId),
        (format!("object {guid}"), Kind::ObjectId),
        (format!("{{\"userId\":\"{guid}\"}}"), Kind::ObjectId),
    ] {
        let mut toy = Toy(Vec::new());
        TextEngine::new(&dictionary).scan(&text, &mut toy, &mut Vec::new());
        assert_eq!(toy.0, [(kind, guid.to_owned())], "{text}");
    }
}

#[test]
fn versions_and_other_look_alikes_stay() {
    let dictionary = dictionary();
    for text in [
        "version 15.0.0.0 and 1.0.0.4x and 14.0.100.0",
        "1.1.130.0",
        "(15.20.4200.000)",
        "driver 9.8.7.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91",
        "mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089",
        "Azure AD Connect version 2.4.21.0 (v2.4.21.7)",
        "OID 1.3.6.1.4.1.311.20.2.3 and 2.16.840.1.113730",
        "192.0.2.700 is none, nor 1.2.3 nor 01.02.03.04",
        "at Microsoft.Online.PasswordSynchronization.DeltaSynchronizationTask.SynchronizeCredentialsToCloud() line 12",
        "AADSTS50126: Error validating credentials due to invalid username or password.",
        "2024-03-05T07:08:09.1234567Z 3/5/2024 7:08:09 AM +01:00 /Date(1613679244000)/ 638452192890000000",
        "[System.Convert]::ToBase64String and std::vector, Foo::Add, dead::beef",
        "members@odata.bind, @odata.id, value@odata.count",
        "NT AUTHORITY\\SYSTEM, BUILTIN\\Administrators, S-1-5-18, S-1-5-32-544",
        "C:\\Windows\\System32\\config, HKLM\\SOFTWARE\\Microsoft, first\\nsecond\\r\\n",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token 100% done",
        "d41d8cd98f00b204e9800998ecf8427e",
        "",
    ] {
        untouched(&dictionary, text);
    }
}

#[test]
fn people_who_are_called_like_words_wreck_nothing() {
    let dictionary = dictionary();
    for text in [
        "{\"createdDateTime\":\"2024-05-01T10:00:00Z\",\"status\":\"Success\",\"type\":\"Interactive\"}",
        "Success: the sync will mark the admin as interactive in ad",
        "Will the user sync? Admin consent, mark as read.",
        "createdDateTime",
    ] {
        untouched(&dictionary, text);
    }
}

#[test]
fn secrets_never_reach_the_renderer_and_never_stay() {
    let dictionary = dictionary();
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJncmV0YUBjb250b3NvLmNvbSJ9.c2lnbmF0dXJl";
    for text in [format!("Bearer {jwt}"), format!("token={jwt};"), format!("({jwt})")] {
        let (out, _) = scan(&dictionary, &text);
        assert!(!out.contains("eyJ") && out.contains("[secret:"), "{out}");
    }
    let key = "000011-000022-000033-000044-000055-000066-000077-000088";
    assert_eq!(scan(&dictionary, &format!("key {key}.")).0, "key [secret:bitlocker].");
}

#[test]
fn what_was_written_is_not_scanned_again() {
    struct Same;
    impl Render for Same {
        fn render(&mut self, _: Kind, _: &str, out: &mut Vec<u8>) -> Rendered {
            out.extend_from_slice(b"gschmidt@contoso.com");
            Rendered::Replaced
        }
    }
    let dictionary = dictionary();
    let mut out = Vec::new();
    assert_eq!(TextEngine::new(&dictionary).scan("gschmidt", &mut Same, &mut out), 1);
    assert_eq!(out, b"gschmidt@contoso.com");
}

#[test]
fn long_lines_of_every_awkward_sort_finish() {
    let dictionary = dictionary();
    for piece in [
        "a",
        "@",
        "a@",
        "\\",
        "a\\",
        "\\a",
        "1.",
        "1.2.3.4",
        ":",
        "::",
        "a:",
        "-",
        "f-",
        "CN=",
        "CN=a,",
        "CN=a,OU=b,",
        "=",
        "==",
        "%41",
        "%",
        "+1 ",
        "+",
        "/home/",
        "\\Users\\",
        "/personal/a_",
        "eyJ",
        "eyJa.",
        "token=",
        "password: ",
        "S-1-5-21-1-",
        "\"",
        "{\"a\":",
        "[",
        "é",
        "日",
        "greta ",
        "10-0-0-1-",
        "00-11-22-33-44-55-",
        "a.b@c.de",
        "-----BEGIN ",
        "sig=",
        "0.A",
        "'@",
        "x'",
        "\u{301}",
        "0000-",
    ] {
        let text = piece.repeat((1 << 18) / piece.len());
        scan(&dictionary, &text);
    }
}

#[test]
fn a_megabyte_line_and_real_files_do_not_panic() {
    let dictionary = dictionary();
    let Some(folder) = shared::folder("a_megabyte_line_and_real_files_do_not_panic") else { return };
    let mut files = 0;
    for entry in walkdir::WalkDir::new(folder.join("data")).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let mut out = Vec::new();
            TextEngine::new(&dictionary).scan(&text, &mut Toy(Vec::new()), &mut out);
            assert!(std::str::from_utf8(&out).is_ok());
            files += 1;
        }
    }
    assert!(files > 50);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_comes_out_as_text(text in "\\PC{0,200}") {
        scan(&dictionary(), &text);
    }

    /// What the table calls hard, the engine replaces in any surroundings: the leak check says so.
    #[test]
    fn every_learned_value_is_gone_after_the_scan(
        values in proptest::collection::vec((
            prop_oneof![Just(Kind::PersonName), Just(Kind::Account), Just(Kind::Host), Just(Kind::GroupName), Just(Kind::Upn), Just(Kind::Domain)],
            proptest::collection::vec(prop_oneof![
                Just("Greta"), Just("Weber"), Just("Ångström"), Just("O'Brien"), Just(" "), Just(" "), Just("-"), Just("_"), Just("."), Just("@"),
                Just("7"), Just("42"), Just("x"), Just("contoso.com"), Just("(ext)"), Just(", "), Just("日本"), Just("ǅ"), Just("ß"), Just("e\u{301}"),
                Just("$"), Just("\\"), Just("sync"), Just("admin"), Just("—"), Just("/"), Just("+"), Just("#EXT#"), Just("Sync_"), Just("\u{a0}"),
            ], 1..7),
        ), 1..4),
        around in prop_oneof![Just(("", "")), Just(("by ", " x")), Just(("(", ").")), Just(("'", "'")), Just(("x=", ",")), Just(("ü ", " ñ"))],
    ) {
        let values: Vec<(Kind, String)> = values.into_iter().map(|(kind, pieces)| (kind, pieces.concat())).collect();
        let mut learner = Learner::new();
        for (kind, value) in &values {
            learner.learn(*kind, value, "users");
        }
        let dictionary = learner.freeze();
        let engine = TextEngine::new(&dictionary);
        // Kinds of names only: shapes have tests of their own.
        let kinds = KindSet::of(&[Kind::PersonName, Kind::Account, Kind::Host, Kind::GroupName, Kind::Domain]);
        let check = LeakCheck::new(&dictionary, kinds, Vec::new());
        for (_, value) in &values {
            for text in [value.clone(), value.to_uppercase(), value.replace(' ', "  ")] {
                let text = format!("{}{text}{}", around.0, around.1);
                let mut out = Vec::new();
                engine.scan(&text, &mut Marked, &mut out);
                let leaks: Vec<_> = check.check("x", &mut &out[..]).unwrap().into_iter().filter(|leak| leak.hard).collect();
                prop_assert!(leaks.is_empty(), "{values:?} {text:?} -> {:?}: {leaks:?}", String::from_utf8_lossy(&out));
            }
        }
    }

    #[test]
    fn any_mixture_of_pieces_comes_out_as_text(pieces in proptest::collection::vec(prop_oneof![
        Just("greta schmidt"), Just("@"), Just("\\"), Just("CN="), Just("contoso.com"), Just("%C3"), Just("%A9"), Just("ø"), Just("\""),
        Just("{"), Just("}"), Just(":"), Just("10.0.0.1"), Just("f7cc07d7-7c15-447d-876d-c01b0e5a9e38"), Just("=="), Just("\\Users\\"),
        Just("password="), Just("eyJ"), Just("-"), Just("."), Just(" "), Just("日本"), Just("'"), Just("/personal/"), Just("+49 151 1234567"),
    ], 0..24)) {
        scan(&dictionary(), &pieces.concat());
    }
}

/// A renderer whose output has the marks of real pseudonyms.
struct Marked;

impl Render for Marked {
    fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        let text = match kind {
            Kind::Upn => "u-uunltp2igwuex@d-4t3ff5tundavp.example",
            Kind::Domain | Kind::Partner => "d-4t3ff5tundavp.example",
            Kind::Dn => "CN=n-43gfkslfdaupb,DC=d-4t3ff5tundavp,DC=example",
            Kind::ObjectId | Kind::TraceId => "fade0367-97df-873d-b280-ffadf2fb26d0",
            Kind::Anchor => "ZwPe+t+XPYeygP+t8vsm0A==",
            Kind::Sid if value.to_ascii_lowercase().starts_with("s-1-5-21-0-0-0") => return Rendered::Kept,
            Kind::Sid => "S-1-5-21-4208918010-2498114254-690280716-1035817302",
            Kind::EntraSid => "S-1-12-1-4208853863-2268960735-2919202994-3492215794",
            Kind::IpAddress
                if value.starts_with("127.") || value.starts_with("0.0.0.0") || value.starts_with("fe80") =>
            {
                return Rendered::Kept;
            }
            Kind::IpAddress => "2001:db8:4::e2c4:cbb4",
            Kind::Network => "2001:db8:4::e2c4:cb00/120",
            Kind::MacAddress => "m-3behgcnlwgugk",
            Kind::Phone => return Rendered::Dropped,
            Kind::Account if value.contains('\\') => "d-d3tmk3a5hhq34\\u-5ruvv4drp33lo",
            Kind::Host => "h-4pu5zkc2uypuo",
            _ => "u-5ruvv4drp33lo",
        };
        out.extend_from_slice(text.as_bytes());
        Rendered::Replaced
    }
}

fn all_kinds() -> KindSet {
    let mut set = KindSet::EMPTY;
    Kind::all().for_each(|kind| set.insert(kind));
    set
}

/// The two implementations against each other: what the engine leaves of real files, the leak check
/// accepts; what it was fed, the leak check refuses.
#[test]
fn the_leak_check_agrees_with_the_engine_on_real_files() {
    let dictionary = dictionary();
    let Some(folder) = shared::folder("the_leak_check_agrees_with_the_engine_on_real_files") else { return };
    let check = LeakCheck::new(&dictionary, all_kinds(), Vec::new());
    let engine = TextEngine::new(&dictionary);
    let (mut raw, mut wrong) = (0, Vec::new());
    for entry in walkdir::WalkDir::new(folder.join("data")).into_iter().filter_map(Result::ok) {
        let is_text = entry.path().extension().is_none_or(|end| end != "evtx" && end != "zip");
        if !entry.file_type().is_file() || !is_text {
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        raw += check.check("raw", &mut text.as_bytes()).unwrap().len();
        let mut out = Vec::new();
        for line in text.lines() {
            engine.scan(line, &mut Marked, &mut out);
            out.push(b'\n');
        }
        for leak in check.check("out", &mut &out[..]).unwrap() {
            let at = leak.offset as usize;
            let around =
                String::from_utf8_lossy(&out[at.saturating_sub(60)..(at + 60).min(out.len())]).into_owned();
            wrong.push(format!("{} {}: {around:?}", entry.path().display(), leak.what));
        }
    }
    assert!(raw > 1000, "{raw}");
    assert!(wrong.is_empty(), "{}: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}
