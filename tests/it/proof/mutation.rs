//! The proof of the proof: with anything switched off that finds or treats values, it must fail.
//!
//! Whatever the text engine finds goes through a renderer; here one stands before it that keeps all
//! values of one kind, as if their recogniser were absent. Rules are switched off by a policy. The leak
//! check is asked without one kind, and must then be blind to what it saw before.

use super::encode;
use super::forms::{Class, forms};
use super::people::{Random, people};
use super::{Setting, gaps, share, text, wanted};
use entra_bundle::catalogue::{Catalogue, Source, Stream};
use entra_bundle::kind::{Kind, KindSet};
use entra_bundle::privacy::render::{Render, Rendered};
use entra_bundle::privacy::{LeakCheck, Policy, Redactor, Renderer, Rules, TextEngine};
use entra_bundle::record::{Form, Raw};
use std::collections::BTreeSet;

/// Keeps values of one kind; remembers which kinds were asked for.
struct Muted<'a> {
    inner: Renderer<'a>,
    kind: Option<Kind>,
    asked: BTreeSet<Kind>,
}

impl Render for Muted<'_> {
    fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
        self.asked.insert(kind);
        if self.kind == Some(kind) { Rendered::Kept } else { self.inner.render(kind, value, out) }
    }
}

#[test]
fn without_the_recogniser_of_any_kind_the_proof_fails() {
    let setting = Setting::new(people(20_261_124, 1));
    let engine = TextEngine::new(&setting.dictionary);
    let plain: Vec<encode::Encoding> = encode::ALL.iter().copied().filter(|e| e.name == "plain").collect();
    let run = |kind: Option<Kind>| {
        let inner = Renderer::new(&setting.rules, &setting.names, &setting.dictionary);
        let mut muted = Muted { inner, kind, asked: BTreeSet::new() };
        let found = text::run(&setting, 7, &plain, &mut |text| {
            let mut out = Vec::new();
            engine.scan(text, &mut muted, &mut out);
            String::from_utf8(out).unwrap()
        });
        (found, muted.asked)
    };
    let (whole, asked) = run(None);
    let before = share(whole.recall.values().copied());
    let mut kinds = asked.clone();
    // Kept by every rule, so that muting changes nothing.
    kinds.retain(|kind| setting.rules.treated().contains(*kind));
    // Canonical names give their container and their person at once: the person is what is looked for.
    kinds.remove(&Kind::OrgUnit);
    assert!(kinds.len() >= 8, "{kinds:?}");
    for kind in &kinds {
        let (found, _) = run(Some(*kind));
        let after = share(found.recall.values().copied());
        if wanted() {
            println!("without {kind}: recall {after:.2} % instead of {before:.2} %");
        }
        assert!(after < before, "nothing fails without {kind}");
    }
    // The learned names, too: an empty dictionary finds shapes alone.
    let empty = super::learned(&[]);
    let stream = Stream::new(Source::OnPrem, "other_text");
    let mut redactor = Redactor::new(&setting.rules, &setting.names, &empty, &stream).ok().unwrap();
    let found = text::run(&setting, 7, &plain, &mut |text| redactor.text(text));
    let lost: BTreeSet<String> =
        gaps(&found.recall).into_iter().map(|gap| gap.split(" / ").next().unwrap().to_owned()).collect();
    for name in ["name", "name turned", "account", "host", "group name", "puid", "employee number"] {
        assert!(lost.contains(name), "`{name}` needs no dictionary: {lost:?}");
    }
}

/// A record of a member that holds the kind, with a value of that kind.
fn typed(setting: &Setting) -> Vec<(Kind, &'static str, String, String)> {
    let person = &setting.people[0];
    let record = |name: &str, value: &str| serde_json::json!({ name: value }).to_string();
    let of =
        |kind, dataset, name: &str, value: &str| (kind, dataset, record(name, value), value.to_lowercase());
    vec![
        of(Kind::PersonName, "users", "displayName", &person.name),
        of(Kind::Account, "users", "mailNickname", &person.sam),
        of(Kind::Sid, "users", "onPremisesSecurityIdentifier", &person.sid),
        of(Kind::Job, "users", "employeeId", &person.employee),
        of(Kind::Host, "devices", "displayName", &person.host),
        of(Kind::GroupName, "groups", "displayName", &person.group),
        of(Kind::IpAddress, "signins_interactive_user", "ipAddress", &person.ip4),
    ]
}

#[test]
fn with_any_rule_switched_off_values_are_left() {
    let setting = Setting::new(people(20_261_125, 1));
    for (kind, dataset, record, value) in typed(&setting) {
        let stream = Stream::new(Source::Graph, dataset);
        let left = |rules: &Rules| {
            let mut redactor =
                Redactor::new(rules, &setting.names, &setting.dictionary, &stream).ok().unwrap();
            let out = redactor.apply(Raw::new(record.clone().into_bytes(), Form::Json)).ok().unwrap();
            String::from_utf8(out.bytes().to_vec()).unwrap().to_lowercase().contains(&value)
        };
        assert!(!left(&setting.rules), "{kind}");
        let policy = format!(
            r#"{{"schema":"entra-bundle/policy/1","id":"x","version":1,"extends":["builtin:balanced@1"],"recipient":{{"text":"support"}},
                "kinds":{{"{kind}":{{"do":"keep","reason":"switched off","ticket":"T-1","until":"2027-01-01"}}}}}}"#
        );
        let policy = Policy::parse(&policy, "p.json").map_err(|e| e.to_string()).unwrap();
        let rules = Rules::resolve_on(&policy, Catalogue::builtin(), Some("2026-11-20"))
            .map_err(|e| e.to_string())
            .unwrap();
        assert!(left(&rules), "the rule of {kind} makes no difference");
    }
}

#[test]
fn the_leak_check_sees_what_is_left_and_is_blind_without_the_kind() {
    let setting = Setting::new(people(20_261_126, 1));
    let mut random = Random(1);
    let all = setting.rules.treated();
    let found = |treated: KindSet, text: &str| -> BTreeSet<&'static str> {
        let check = LeakCheck::new(&setting.dictionary, treated, Vec::new());
        check.check("x", &mut text.as_bytes()).ok().unwrap().into_iter().map(|leak| leak.what).collect()
    };
    let mut seen: BTreeSet<&'static str> = BTreeSet::new();
    let mut blind = Vec::new();
    let (mut caught, mut cases) = (0, 0);
    for form in forms(&setting.people[0], &setting.names, &mut random) {
        // What was not learned and has no shape that is ours alone cannot be told from a trace id.
        if form.kind == "guid unknown" || form.kind == "phone" {
            continue;
        }
        for encoding in encode::ALL.iter().filter(|e| {
            matches!(e.name, "plain" | "percent" | "json in a string" | "xml entities" | "base64")
        }) {
            let text = format!(
                "value='{}' failed",
                (encoding.write)(&format!("object {} was updated", form.written))
            );
            let whats = found(all, &text);
            cases += 1;
            caught += usize::from(!whats.is_empty());
            if whats.is_empty() {
                blind.push(format!("{} / {}", form.kind, encoding.name));
            }
            if encoding.name == "plain" && form.class != Class::Secret {
                seen.extend(whats);
            }
        }
    }
    // Without the kinds of its family nothing of what a form shows is told.
    for (kind, family, text) in [
        ("upn", &[Kind::Upn, Kind::Account, Kind::Domain][..], setting.people[0].upn.clone()),
        ("person_name", &[Kind::PersonName], setting.people[0].name.clone()),
        ("host", &[Kind::Host], setting.people[0].host.clone()),
        ("group_name", &[Kind::GroupName, Kind::PersonName], setting.people[0].group.clone()),
        ("ip_address", &[Kind::IpAddress, Kind::MacAddress], setting.people[0].ip4.clone()),
        ("mac_address", &[Kind::MacAddress], setting.people[0].mac.clone()),
        ("sid", &[Kind::Sid], setting.people[0].sid.clone()),
    ] {
        assert!(found(all, &text).contains(kind), "{kind}");
        let mut less = KindSet::EMPTY;
        all.iter().filter(|k| !family.contains(k)).for_each(|k| less.insert(k));
        assert!(!found(less, &text).contains(kind), "{kind} is reported without its kinds");
    }
    if wanted() {
        println!("leak check: {caught} of {cases} raw texts stopped; kinds seen {seen:?}");
        blind.iter().for_each(|line| println!("leak check blind  {line}"));
    }
    assert!(caught * 1000 >= cases * LEAK_FLOOR, "{caught} of {cases}: {blind:#?}");
}

/// Share of raw texts that the leak check stops, in per mille.
const LEAK_FLOOR: usize = 1000;
