//! Every way in which one identifier is written: each row is a text, and what must become of it under a
//! fixed key. What comes out is also given to the leak check, which must be content with it and must have
//! found something in what went in.

use entra_bundle::catalogue::Catalogue;
use entra_bundle::kind::Kind;
use entra_bundle::privacy::dictionary::Dictionary;
use entra_bundle::privacy::learn::Learner;
use entra_bundle::privacy::{
    IncidentKey, LeakCheck, Letter, Parts, Policy, Pseudonymizer, Renderer, Rules, TextEngine,
};

const GUID: &str = "f7cc07d7-7c15-447d-876d-c01b0e5a9e38";

/// The directory that all rows share.
const LEARNED: &[(Kind, &str)] = &[
    (Kind::PersonName, "Greta Schmidt"),
    (Kind::Upn, "Greta.Schmidt@contoso.com"),
    (Kind::Account, "gschmidt"),
    (Kind::ObjectId, GUID),
    (Kind::PersonName, "José García"),
    (Kind::Upn, "jose.garcia@contoso.com"),
    (Kind::Account, "jose"),
    (Kind::PersonName, "Søren O'Brien"),
    (Kind::Upn, "søren.obrien@contoso.com"),
    (Kind::PersonName, "R&D Lead Weber"),
    (Kind::Upn, "bo@corp.contoso.com"),
    (Kind::Upn, "bob@gmail.com"),
    (Kind::Upn, "sam_lee_fabrikam.com#EXT#@contoso.onmicrosoft.com"),
    (Kind::Host, "LAPTOP-7Q2K"),
    (Kind::Host, "SERVER01"),
    (Kind::Host, "dc01.corp.contoso.com"),
    (Kind::Domain, "contoso.com"),
    (Kind::Domain, "corp.contoso.com"),
    (Kind::Domain, "contoso.onmicrosoft.com"),
    (Kind::GroupName, "Project Falcon"),
    (Kind::Puid, "10032000ABCDEF12"),
];

fn dictionary() -> Dictionary {
    let mut learner = Learner::new();
    for (kind, value) in LEARNED {
        learner.learn(*kind, value, "users");
    }
    learner.freeze()
}

fn names() -> Pseudonymizer {
    Pseudonymizer::new(&IncidentKey::from_bytes(std::array::from_fn(|i| i as u8))).unwrap()
}

/// Fills `{form:value}` with the pseudonym that a field of that form would get.
fn fill(template: &str, names: &Pseudonymizer) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find("⟨") {
        let close = rest[open..].find("⟩").map(|at| at + open).unwrap();
        out.push_str(&rest[..open]);
        let inner = &rest[open + "⟨".len()..close];
        let (form, value) = inner.split_once(' ').unwrap();
        out.push_str(&match form {
            "u" => names.token(Letter::U, value),
            "n" => names.token(Letter::N, value),
            "g" => names.token(Letter::G, value),
            "o" => names.token(Letter::O, value),
            "k" => names.token(Letter::K, value),
            "nb" => names.token(Letter::D, value),
            "h" => names.host(value),
            "le" => little_endian(names, value),
            "d" => names.domain(value),
            "upn" => names.upn(value, Parts::ALL),
            "guid" => names.guid_text(value).unwrap(),
            "sid" => names.sid(value).unwrap(),
            "anchor" => names.anchor(value).unwrap(),
            "bare" => names.anchor(value).unwrap().trim_end_matches('=').to_owned(),
            "ip" => names.address(value).unwrap(),
            "net" => names.network(value).unwrap(),
            "mac" => names.mac(value).unwrap(),
            "jdn" => names
                .dn(value, entra_bundle::privacy::Leaf::Person, Parts::ALL)
                .unwrap()
                .replace('\\', "\\\\"),
            "dn" => names.dn(value, entra_bundle::privacy::Leaf::Person, Parts::ALL).unwrap(),
            other => panic!("{other}"),
        });
        rest = &rest[close + "⟩".len()..];
    }
    out + rest
}

/// The hex of a little-endian GUID without anything between, mapped.
fn little_endian(names: &Pseudonymizer, hex: &str) -> String {
    let pairs: Vec<&str> = (0..16).map(|at| &hex[2 * at..2 * at + 2]).collect();
    names.guid_text(&pairs.join(" ")).unwrap().replace(' ', "")
}

struct Bench {
    dictionary: Dictionary,
    names: Pseudonymizer,
    rules: Rules,
}

impl Bench {
    fn new() -> Bench {
        let policy = Policy::builtin("balanced").unwrap();
        let rules = Rules::resolve(&policy, Catalogue::builtin()).map_err(|e| e.to_string()).unwrap();
        Bench { dictionary: dictionary(), names: names(), rules }
    }

    fn scan(&self, text: &str) -> String {
        let mut renderer = Renderer::new(&self.rules, &self.names, &self.dictionary);
        let mut out = Vec::new();
        TextEngine::new(&self.dictionary).scan(text, &mut renderer, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn leaks(&self, text: &str) -> usize {
        let check = LeakCheck::new(&self.dictionary, self.rules.treated(), Vec::new());
        check.check("x", &mut text.as_bytes()).unwrap().len()
    }

    /// Runs a table and reports all rows that failed together.
    fn run(&self, rows: &[(&str, &str)]) {
        self.table(rows, true);
    }

    /// Runs a table of values that the leak check has no means to know.
    fn run_unseen(&self, rows: &[(&str, &str)]) {
        self.table(rows, false);
    }

    fn table(&self, rows: &[(&str, &str)], seen: bool) {
        let mut wrong = Vec::new();
        for (text, template) in rows {
            let expected = fill(template, &self.names);
            let found = self.scan(text);
            if found != expected {
                wrong.push(format!("{text:?}\n   gave {found:?}\n   not  {expected:?}"));
            }
            if self.leaks(&found) > 0 {
                wrong.push(format!("{text:?}: the leak check is not content with {found:?}"));
            }
            if seen && *text != *template && self.leaks(text) == 0 {
                wrong.push(format!("{text:?}: the leak check does not see it"));
            }
        }
        assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    }
}

#[test]
fn object_ids_in_all_dresses() {
    Bench::new().run(&[
        ("id f7cc07d7-7c15-447d-876d-c01b0e5a9e38.", "id ⟨guid f7cc07d7-7c15-447d-876d-c01b0e5a9e38⟩."),
        ("id {F7CC07D7-7C15-447D-876D-C01B0E5A9E38}", "id {⟨guid F7CC07D7-7C15-447D-876D-C01B0E5A9E38⟩}"),
        (
            "urn:uuid:f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
            "urn:uuid:⟨guid f7cc07d7-7c15-447d-876d-c01b0e5a9e38⟩",
        ),
        ("job Out.f7cc07d77c15447d876dc01b0e5a9e38.x", "job Out.⟨guid f7cc07d77c15447d876dc01b0e5a9e38⟩.x"),
        (
            "(objectGUID=\\D7\\07\\CC\\F7\\15\\7C\\7D\\44\\87\\6D\\C0\\1B\\0E\\5A\\9E\\38)",
            "(objectGUID=⟨guid \\D7\\07\\CC\\F7\\15\\7C\\7D\\44\\87\\6D\\C0\\1B\\0E\\5A\\9E\\38⟩)",
        ),
        (
            "guid d7 07 cc f7 15 7c 7d 44 87 6d c0 1b 0e 5a 9e 38 end",
            "guid ⟨guid d7 07 cc f7 15 7c 7d 44 87 6d c0 1b 0e 5a 9e 38⟩ end",
        ),
        // The bytes as Active Directory stores them, in hex without anything between.
        ("0xD707CCF7157C7D44876DC01B0E5A9E38", "0x⟨le D707CCF7157C7D44876DC01B0E5A9E38⟩"),
        ("cn d707ccf7157c7d44876dc01b0e5a9e38 x", "cn ⟨le d707ccf7157c7d44876dc01b0e5a9e38⟩ x"),
        ("anchor 1wfM9xV8fUSHbcAbDlqeOA== set", "anchor ⟨anchor 1wfM9xV8fUSHbcAbDlqeOA==⟩ set"),
        (
            "sid S-1-12-1-4157343703-1149074453-465595783-949901838 is",
            "sid ⟨sid S-1-12-1-4157343703-1149074453-465595783-949901838⟩ is",
        ),
        ("Device_f7cc07d7-7c15-447d-876d-c01b0e5a9e38", "Device_⟨guid f7cc07d7-7c15-447d-876d-c01b0e5a9e38⟩"),
        (
            "f7cc07d77c15447d876dc01b0e5a9e38greta.schmidt@contoso.com",
            "⟨guid f7cc07d77c15447d876dc01b0e5a9e38⟩⟨upn greta.schmidt@contoso.com⟩",
        ),
        (
            "[USER-GID]:f7cc07d7-7c15-447d-876d-c01b0e5a9e38:6825777",
            "[USER-GID]:⟨guid f7cc07d7-7c15-447d-876d-c01b0e5a9e38⟩:6825777",
        ),
    ]);
}

#[test]
fn logins_in_all_forms() {
    Bench::new().run(&[
        ("by Greta.Schmidt@contoso.com.", "by ⟨upn greta.schmidt@contoso.com⟩."),
        ("by unknown@fabrikam.co.uk.", "by ⟨upn unknown@fabrikam.co.uk⟩."),
        (
            "sam_lee_fabrikam.com#EXT#@contoso.onmicrosoft.com",
            "⟨u sam_lee⟩_⟨d fabrikam.com⟩#EXT#@⟨d contoso.onmicrosoft.com⟩",
        ),
        ("bob@gmail.com wrote", "⟨u bob⟩@gmail.com wrote"),
        ("bob_gmail.com#EXT#@contoso.onmicrosoft.com", "⟨u bob⟩_gmail.com#EXT#@⟨d contoso.onmicrosoft.com⟩"),
        ("bob_x.com#EXT#@gmail.com", "⟨u bob⟩_⟨d x.com⟩#EXT#@gmail.com"),
        (
            "/personal/greta_schmidt_contoso_com/Documents",
            "/personal/⟨u greta.schmidt⟩_⟨d contoso.com⟩/Documents",
        ),
        (
            "i:0#.f|membership|greta.schmidt@contoso.com",
            "i:0#.f|membership|⟨upn greta.schmidt@contoso.com⟩",
        ),
        ("i:0h.f|membership|10032000abcdef12@live.com", "i:0h.f|membership|⟨u 10032000abcdef12⟩@live.com"),
        ("key 10032000ABCDEF12 in", "key ⟨k 10032000abcdef12⟩ in"),
        ("to SMTP:greta.schmidt@contoso.com;smtp:gs@x.org", "to SMTP:⟨upn greta.schmidt@contoso.com⟩;smtp:⟨upn gs@x.org⟩"),
        (
            "x500:/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=f7cc07d77c15447d876dc01b0e5a9e38-gschmidt",
            "x500:/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=⟨guid f7cc07d77c15447d876dc01b0e5a9e38⟩-⟨u gschmidt⟩",
        ),
        (
            "SPO:SPO_f7cc07d7-7c15-447d-876d-c01b0e5a9e38@SPO_f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
            "SPO:SPO_⟨guid f7cc07d7-7c15-447d-876d-c01b0e5a9e38⟩@SPO_⟨guid f7cc07d7-7c15-447d-876d-c01b0e5a9e38⟩",
        ),
        ("for CONTOSO\\gschmidt now", "for ⟨nb contoso⟩\\⟨u gschmidt⟩ now"),
        ("for CONTOSO\\LAPTOP-7Q2K$ now", "for ⟨nb contoso⟩\\⟨h laptop-7q2k⟩$ now"),
        ("kinit gschmidt@CORP.CONTOSO.COM", "kinit ⟨upn gschmidt@corp.contoso.com⟩"),
        // Two letters before a realm that nobody taught.
        ("krbtgt for bo@FABRIKAM.LOCAL", "krbtgt for ⟨u bo⟩@⟨d fabrikam.local⟩"),
        ("担当はgreta.schmidt@contoso.comです", "担当は⟨upn greta.schmidt@contoso.com⟩です"),
        ("ユーザーCONTOSO\\gschmidtは", "ユーザー⟨nb contoso⟩\\⟨u gschmidt⟩は"),
        ("Sync_SERVER01_ab12cd34ef56@contoso.com ran", "Sync_⟨h server01⟩_ab12cd34ef56@⟨d contoso.com⟩ ran"),
        ("account MSOL_ab12cd34ef56 ran", "account MSOL_ab12cd34ef56 ran"),
        ("C:\\Users\\gschmidt\\x /home/gschmidt/x", "C:\\Users\\⟨u gschmidt⟩\\x /home/⟨u gschmidt⟩/x"),
        ("X509:<PN>greta.schmidt@contoso.com", "X509:<PN>⟨upn greta.schmidt@contoso.com⟩"),
        // The alias that a mail system makes of José.
        ("alias jose.garcia set", "alias ⟨u jose.garcia⟩ set"),
    ]);
}

#[test]
fn directory_names() {
    Bench::new().run(&[
        (
            "on CN=Greta Schmidt,OU=Sales,DC=contoso,DC=com failed",
            "on ⟨dn CN=Greta Schmidt,OU=Sales,DC=contoso,DC=com⟩ failed",
        ),
        (
            "on CN=Schmidt\\, Greta,OU=Sales,DC=contoso,DC=com failed",
            "on ⟨dn CN=Schmidt\\, Greta,OU=Sales,DC=contoso,DC=com⟩ failed",
        ),
        (
            "on CN=Schmidt\\2C Greta,OU=Sales,DC=contoso,DC=com failed",
            "on ⟨dn CN=Schmidt\\2C Greta,OU=Sales,DC=contoso,DC=com⟩ failed",
        ),
        (
            "CN=Greta Schmidt\\0ADEL:f7cc07d7-7c15-447d-876d-c01b0e5a9e38,CN=Deleted Objects,DC=contoso,DC=com",
            "⟨dn CN=Greta Schmidt\\0ADEL:f7cc07d7-7c15-447d-876d-c01b0e5a9e38,CN=Deleted Objects,DC=contoso,DC=com⟩",
        ),
        (
            "<GUID=d707ccf7157c7d44876dc01b0e5a9e38>;<SID=S-1-5-21-1-2-3-1104>;CN=Greta Schmidt,OU=Sales,DC=contoso,DC=com",
            "⟨dn <GUID=d707ccf7157c7d44876dc01b0e5a9e38>;<SID=S-1-5-21-1-2-3-1104>;CN=Greta Schmidt,OU=Sales,DC=contoso,DC=com⟩",
        ),
        (
            "CN={714E52566836...}",
            "CN={714E52566836...}",
        ),
        (
            "CN={3177664D397856386655534862634162446C71654F413D3D}",
            "⟨dn CN={3177664D397856386655534862634162446C71654F413D3D}⟩",
        ),
        ("in contoso.com/Sales/Greta Schmidt.", "in ⟨d contoso.com⟩/⟨o Sales⟩/⟨n Greta Schmidt⟩."),
        ("in corp.contoso.com/Users/Greta Schmidt.", "in ⟨d corp.contoso.com⟩/Users/⟨n Greta Schmidt⟩."),
        ("owner S-1-5-21-1004336348-1177238915-682003330-1104", "owner ⟨sid S-1-5-21-1004336348-1177238915-682003330-1104⟩"),
        ("(cn=Jos\\c3\\a9 Garc\\c3\\ada)", "(cn=⟨n José García⟩)"),
    ]);
}

#[test]
fn hosts_and_addresses() {
    Bench::new().run(&[
        ("on LAPTOP-7Q2K$ and LAPTOP-7Q2K", "on ⟨h laptop-7q2k⟩$ and ⟨h laptop-7q2k⟩"),
        ("on dc01.corp.contoso.com:389", "on ⟨h dc01.corp.contoso.com⟩:389"),
        ("from 203.0.113.7:50123", "from ⟨ip 203.0.113.7:50123⟩"),
        ("from [2a01:db8:7:1::5]:443", "from ⟨ip [2a01:db8:7:1::5]:443⟩"),
        ("from ::ffff:203.0.113.7", "from ⟨ip 203.0.113.7⟩"),
        ("net 203.0.113.0/24", "net ⟨net 203.0.113.0/24⟩"),
        ("7.113.0.203.in-addr.arpa", "⟨ip 7.113.0.203.in-addr.arpa⟩"),
        ("mac 00-1B-44-11-3A-B7", "mac ⟨mac 00-1B-44-11-3A-B7⟩"),
        ("mac 001b.4411.3ab7 seen", "mac ⟨mac 001b.4411.3ab7⟩ seen"),
        (
            "Chrome/120.0.0.0 Version=4.0.0.0 Connect 2.4.21.0",
            "Chrome/120.0.0.0 Version=4.0.0.0 Connect 2.4.21.0",
        ),
    ]);
}

#[test]
fn encodings() {
    Bench::new().run(&[
        ("users('greta.schmidt%40contoso.com')", "users('⟨u greta.schmidt⟩%40⟨d contoso.com⟩')"),
        ("users('greta.schmidt%2540contoso.com')", "users('⟨u greta.schmidt⟩%2540⟨d contoso.com⟩')"),
        ("q=Greta%20Schmidt&x=1", "q=⟨n Greta Schmidt⟩&x=1"),
        ("name S%C3%B8ren O'Brien came", "name ⟨n Søren O'Brien⟩ came"),
        ("name S\\u00f8ren O'Brien came", "name ⟨n Søren O'Brien⟩ came"),
        ("name S\\\\u00f8ren O'Brien came", "name ⟨n Søren O'Brien⟩ came"),
        ("by s\\u00f8ren.obrien@contoso.com.", "by ⟨upn søren.obrien@contoso.com⟩."),
        ("by greta.schmidt\\u0040contoso.com.", "by ⟨u greta.schmidt⟩\\u0040⟨d contoso.com⟩."),
        ("R&amp;D Lead Weber and Jos&eacute; Garc&#237;a", "⟨n R&D Lead Weber⟩ and ⟨n José García⟩"),
        ("greta.schmidt&#64;contoso.com", "⟨u greta.schmidt⟩&#64;⟨d contoso.com⟩"),
        ("=?utf-8?Q?Jos=C3=A9_Garc=C3=ADa?= <x>", "=?utf-8?Q?⟨n José García⟩?= <x>"),
        ("name Jos=C3=A9 Garc=C3=ADa here", "name ⟨n José García⟩ here"),
        ("to greta.schmidt=40contoso.com", "to ⟨u greta.schmidt⟩=40⟨d contoso.com⟩"),
        (
            "https:\\/\\/contoso-my.sharepoint.com\\/personal\\/greta_schmidt_contoso_com\\/x",
            "https:\\/\\/⟨d contoso-my.sharepoint.com⟩\\/personal\\/⟨u greta.schmidt⟩_⟨d contoso.com⟩\\/x",
        ),
    ]);
}

#[test]
fn wrapped_and_truncated_values() {
    Bench::new().run(&[
        ("mail greta.schm=\r\nidt@contoso.com next", "mail ⟨upn greta.schmidt@contoso.com⟩=\r\n next"),
        ("Subject: for Greta\r\n Schmidt today", "Subject: for ⟨n Greta Schmidt⟩\r\n  today"),
        (
            "Mail : greta.schmidt@con\n                    toso.com\nnext",
            "Mail : ⟨upn greta.schmidt@contoso.com⟩\n                    \nnext",
        ),
        ("greta.schmidt@con... x", "⟨upn greta.schmidt@contoso.com⟩... x"),
        ("greta.schm… x", "⟨u greta.schmidt⟩… x"),
        ("Greta Schm... x", "⟨n Greta Schmidt⟩... x"),
        ("by Jose Garcia, Garcia, Jose", "by ⟨n José García⟩, ⟨n José García⟩"),
        ("by Soeren O'Brien", "by ⟨n Søren O'Brien⟩"),
    ]);
}

#[test]
fn addresses_keys_and_headers_that_have_shapes_of_their_own() {
    Bench::new().run(&[
        ("ip-10-0-0-1 up", "⟨ip ip-10-0-0-1⟩ up"),
        (
            "{\"a\":\"x CN=Schmidt\\\\, Greta,OU=x,DC=contoso,DC=com\"}",
            "{\"a\":\"x ⟨jdn CN=Schmidt\\, Greta,OU=x,DC=contoso,DC=com⟩\"}",
        ),
        ("key 000011-000022-000033-000044-000055-000066-000077-000088.", "key [secret:bitlocker]."),
        ("(Authorization: Bearer abc123DEF456abc1 here)", "(Authorization: [secret:authorization] here)"),
    ]);
}

/// Values that nobody taught and whose look alone is no proof, or folded beyond recognition: the rewriter
/// knows them, the leak check has no means to.
#[test]
fn what_only_the_rewriter_knows() {
    Bench::new().run_unseen(&[
        ("<b>Greta</b> Schmidt <i>x</i>", "<b>⟨n Greta Schmidt⟩</b> <i>x</i>"),
        (
            "<em>Gre</em>ta <span class=\"x\">Schmidt</span>",
            "<em>⟨n Greta Schmidt⟩</em><span class=\"x\"></span>",
        ),
        (
            "Name       State\n---------- -------\nGreta Schm Enabled\nEverybody  Enabled\n",
            "Name       State\n---------- -------\n⟨n Greta Schmidt⟩ Enabled\nEverybody  Enabled\n",
        ),
        ("anchor 1wfM9xV8fUSHbcAbDlqeOA read", "anchor ⟨bare 1wfM9xV8fUSHbcAbDlqeOA==⟩ read"),
        ("x203-0-113-7 up", "x⟨ip 203-0-113-7⟩ up"),
        ("dhcp-203-0-113-7.isp.net", "dhcp-⟨ip 203-0-113-7⟩.isp.net"),
        ("on dc01-corp-contoso-com up", "on ⟨h dc01.corp.contoso.com⟩ up"),
        ("/personal/nobody_fabrikam_com/Documents", "/personal/⟨u nobody_fabrikam_com⟩/Documents"),
        ("https://contoso-my.sharepoint.com/x", "https://⟨d contoso-my.sharepoint.com⟩/x"),
        ("https://fabrikam-admin.sharepoint.com/x", "https://⟨d fabrikam-admin.sharepoint.com⟩/x"),
        ("kinit bo@CORP ok", "kinit ⟨u bo⟩@⟨d corp⟩ ok"),
        ("kinit bo@FABRIKAM ok", "kinit ⟨u bo⟩@⟨d fabrikam⟩ ok"),
        ("host v1-2-3-4 and 2024-05-01-10 stay", "host v1-2-3-4 and 2024-05-01-10 stay"),
    ]);
}

/// The id of an application of the tenant stays where its field stays, and goes where it goes; ids that
/// Microsoft publishes stay everywhere.
#[test]
fn ids_of_applications_in_text_join_with_their_field() {
    let own = "0b8f6b4e-5d0c-4a83-9f3a-2c1d7e5f9a10";
    let text = format!("The application {own} asked for 00000003-0000-0000-c000-000000000000 as {GUID}.");
    let mut learner = Learner::new();
    learner.learn(Kind::AppId, own, "applications");
    learner.learn(Kind::ObjectId, GUID, "users");
    let dictionary = learner.freeze();
    let names = names();
    for (preset, stays) in [("minimal", true), ("balanced", true), ("strict", false)] {
        let rules = Rules::resolve(&Policy::builtin(preset).unwrap(), Catalogue::builtin()).ok().unwrap();
        let mut out = Vec::new();
        TextEngine::new(&dictionary).scan(&text, &mut Renderer::new(&rules, &names, &dictionary), &mut out);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.contains(own), stays, "{preset}: {out}");
        assert!(stays || out.contains(&names.guid_text(own).unwrap()), "{preset}: {out}");
        assert!(out.contains("00000003-0000-0000-c000-000000000000"), "{preset}: {out}");
        let check = LeakCheck::new(&dictionary, rules.treated(), Vec::new());
        assert!(check.check("x", &mut out.as_bytes()).ok().unwrap().is_empty(), "{preset}: {out}");
    }
    // A GUID that somebody has stays nobody's, although an application has it too.
    let mut learner = Learner::new();
    learner.learn(Kind::AppId, own, "applications");
    learner.learn(Kind::ObjectId, own, "users");
    let dictionary = learner.freeze();
    let rules = Rules::resolve(&Policy::builtin("balanced").unwrap(), Catalogue::builtin()).ok().unwrap();
    let mut out = Vec::new();
    TextEngine::new(&dictionary).scan(own, &mut Renderer::new(&rules, &names, &dictionary), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), names.guid_text(own).unwrap());
}
