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
    let text = b"203.0.113.7 f7cc07d7-7c15-447d-876d-c01b0e5a9e38 Greta Schmidt u-uunltp2igwuex@contoso.com";
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
    let check = LeakCheck::new(&dictionary, all(), vec![Zeroizing::new(b"0123456789abcdefghij".to_vec())]);
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

#[test]
fn the_reverse_name_of_a_pseudonym_is_no_address() {
    let dictionary = Learner::new().freeze();
    let check = LeakCheck::new(&dictionary, KindSet::of(&[Kind::IpAddress]), Vec::new());
    let leaks = |text: &str| check.check("x", &mut text.as_bytes()).map(|leaks| leaks.len()).unwrap_or(99);
    let name = "a.4.0.1.2.c.2.e.0.0.0.0.0.0.0.0.0.0.0.0.4.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    assert_eq!(leaks(name), 0);
    assert_eq!(leaks(&name.replace("8.b.d", "8.b.c")), 1);
    assert_eq!(leaks("a.94.10.1.2.c"), 1);
}

/// What a record is made of: members with finds and without, and what might reach from one to the next.
const MEMBERS: &[&str] = &[
    r#""appDisplayName":"Graph Explorer""#,
    r#""userPrincipalName":"greta.schmidt@contoso.com""#,
    r#""x":"Greta","#,
    r#""Schmidt""#,
    r#""Greta""#,
    r#""clientVersion":"version""#,
    r#""10.1.2.3""#,
    r#""ipAddress":"203.0.113.7""#,
    r#""text":"anna and the admin""#,
    r#""userPrincipalName":"anna""#,
    r#""path":"C:\\Users\\greta,""#,
    r#""password":"","#,
    r#""header":"Authorization: Bearer abc123def456","#,
    r#""host":"ip-203-0-113-7""#,
    r#""abcdef123456","x"#,
    r#""sharedaccesskey"="abc123def456""#,
    r#""id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38""#,
    r#""octets":"\\f7\\cc\\07\\d7""#,
    r#""cut":"greta.schm...""#,
    r#""...","d707ccf7157c7d44"#,
    r#"876dc01b0e5a9e38""#,
    r#""a@","contoso.com""#,
    r#""n":12.5,"ok":true,"none":null"#,
    "\"last\":1}\n{\"first\":\"Greta \u{a0}Schmidt\"",
    r#""wide":"S\u00f8ren \u00c5berg""#,
    r#""S-1-5-21-1-2-3-","4-1001""#,
    r#""v4":"1.2.3.","4","::1","fe80:1:2","3:4""#,
    r#""Project,":"anna","x":1"#,
    r#""users,":"greta","userPrincipalName":"anna","#,
    "\"=?iso-8859-1?Q?Hello,\"Gr=E9ta Schmidt\"?=\"",
    "\"LAPTOP-7\n          Q2K,\"a : b\"",
    "\"LAPTOP-7\n          Q2K,\"a and b\"",
    r#""b64":"Z3JldGEuc2No\/bWlkdEBjb250b3NvLmNvbSBpcyBoZXJl","h":"&amp;amp;""#,
    r#""b64":"Z3JldGEuc2NobWlkdEBjb250b3NvLmNvbSBpcyBoZXJl""#,
    r#""b64":"x\/Z3JldGEuc2NobWlkdEBjb250b3NvLmNvbSBpcyBoZXJl","h":"&amp;amp;""#,
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn what_was_seen_before_is_found_all_the_same(
        order in proptest::collection::vec(0..MEMBERS.len(), 4..40),
        repeats in 8..14usize,
    ) {
        let clean: Vec<String> = (0..240).map(|n| format!("\"member{n}\":\"value {}\"", n % 7)).collect();
        let record: Vec<&str> = order.iter().map(|at| MEMBERS[*at]).collect();
        let text = format!("{{{},{}}}\n", record.join(","), clean.join(",")).repeat(repeats);
        let dictionary = dictionary();
        let with = LeakCheck::new(&dictionary, all(), Vec::new());
        let mut without = LeakCheck::new(&dictionary, all(), Vec::new());
        without.names.crosses = true;
        // Small windows have borders in the middle of everything.
        let chunk = if repeats % 2 == 0 { 40 << 10 } else { CHUNK };
        let leaks = |check: &LeakCheck<'_>| {
            (check.check_by(chunk, "x", &mut text.as_bytes()).unwrap(), check.soft_hits())
        };
        let (with, without) = (leaks(&with), leaks(&without));
        let around = |leak: &Leak| {
            let at = leak.offset as usize;
            format!("{} {:?}", leak.what, String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..(at + 40).min(text.len())]))
        };
        let only: Vec<_> = with.0.iter().filter(|l| !without.0.contains(l)).map(around).take(3).collect();
        let lost: Vec<_> = without.0.iter().filter(|l| !with.0.contains(l)).map(around).take(3).collect();
        proptest::prop_assert_eq!((only, lost, with.1), (vec![], vec![], without.1));
    }
}
