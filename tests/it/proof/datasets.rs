//! Every dataset in every shape: an identifier in every member, whatever the member is declared to hold,
//! and technical values that must stay as they are.

use super::encode;
use super::forms::{Form, forms};
use super::people::{Person, Random, people};
use super::{Setting, scale, share, wanted};
use entra_bundle::catalogue::{Catalogue, Field, Grammar, Layout, Source, Stream, TypeId};
use entra_bundle::kind::{Kind, KindSet};
use entra_bundle::privacy::{LeakCheck, Redactor};
use entra_bundle::record;
use serde_json::{Map, Value, json};

/// Forms that stand in typed members, and in members of the wrong kind.
const FORMS: &[&str] = &[
    "upn",
    "upn guest",
    "mail",
    "name",
    "name turned",
    "account",
    "netbios account",
    "host",
    "host fqdn",
    "object id",
    "object id without dashes",
    "object id as sid",
    "sid",
    "anchor",
    "dn",
    "proxy address",
    "ipv4",
    "ipv6 with port",
    "mac",
    "device id",
    "group id",
    "user folder",
    "claims login",
    "certificate subject",
    "secret: jwt",
    "secret: password",
];
/// Most values of one record, and deepest object.
const MOST: usize = 110;
const DEEPEST: usize = 4;

/// A stream of the catalogue with the type of its records.
fn streams() -> Vec<(Stream, Layout, TypeId)> {
    let catalogue = Catalogue::builtin();
    let mut all = Vec::new();
    for dataset in catalogue.datasets() {
        let mut seen = Vec::new();
        for source in Source::ALL {
            let stream = Stream::new(source, dataset.id.as_str());
            let of = catalogue.root(&stream).unwrap();
            if !seen.contains(&of) {
                seen.push(of);
                all.push((stream, dataset.layout, of));
            }
        }
    }
    all
}

/// What a member is declared to hold, where that is a value.
type Held<'g> = Option<(Kind, &'g Option<Grammar>)>;

/// A record of a type: `give` makes the value of each member that holds one.
fn object(of: TypeId, depth: usize, left: &mut usize, give: &mut dyn FnMut(Held<'_>) -> Value) -> Value {
    let catalogue = Catalogue::builtin();
    let of = catalogue.record_type(of);
    let mut members = Map::new();
    for (folded, name) in &of.names {
        if *left == 0 {
            break;
        }
        if name == "#text" || name.starts_with('@') && !name.starts_with("@odata") {
            continue;
        }
        let value = match &of.fields[folded] {
            Field::Object(inner) if depth < DEEPEST => object(*inner, depth + 1, left, give),
            Field::Object(_) => continue,
            Field::Value { kind, grammar } => {
                *left -= 1;
                give(Some((*kind, grammar)))
            }
            Field::By { .. } | Field::Drop => {
                *left -= 1;
                give(None)
            }
        };
        members.insert(name.clone(), value);
    }
    Value::Object(members)
}

fn redact(setting: &Setting, stream: &Stream, text: String, form: record::Form) -> String {
    let mut redactor =
        Redactor::new(&setting.rules, &setting.names, &setting.dictionary, stream).ok().unwrap();
    let out = redactor.apply(record::Raw::new(text.into_bytes(), form)).map_err(|e| e.to_string()).unwrap();
    String::from_utf8(out.bytes().to_vec()).unwrap()
}

fn may_be_version(grammar: &Grammar) -> bool {
    match grammar {
        Grammar::Version => true,
        Grammar::Either(two) => may_be_version(&two.0) || may_be_version(&two.1),
        _ => false,
    }
}

fn is_left(form: &Form, output: &str) -> bool {
    let hidden = if form.hidden.is_empty() { std::slice::from_ref(&form.written) } else { &form.hidden };
    hidden.iter().any(|hidden| output.contains(&hidden.to_lowercase()))
}

#[test]
fn an_identifier_in_any_member_of_any_dataset_comes_out_as_a_pseudonym() {
    // Three canaries; each member of each dataset holds one form, and each form meets each place in time.
    let setting = Setting::new(people(20_261_121, 3));
    let mut random = Random(3);
    let canaries: Vec<(Person, Vec<Form>)> = setting
        .people
        .iter()
        .map(|person| {
            let mut all = forms(person, &setting.names, &mut random);
            all.retain(|form| FORMS.contains(&form.kind));
            (person.clone(), all)
        })
        .collect();
    let all: Vec<&Form> = canaries.iter().flat_map(|(_, forms)| forms).collect();
    let treated: KindSet = setting.rules.treated();
    let leak_check = LeakCheck::new(&setting.dictionary, treated, Vec::new());
    let rounds = if wanted() { scale(1).min(all.len()) } else { 1 };
    let (mut left, mut values, mut records, mut missed) = (0u64, 0u64, 0u64, Vec::new());
    for round in 0..rounds {
        for (at, (stream, layout, of)) in streams().into_iter().enumerate() {
            let mut used: Vec<&Form> = Vec::new();
            let mut next = round * 7 + at * 3;
            let mut give = |held: Held<'_>| {
                next += 1;
                let mut form = all[next % all.len()];
                // A version of four numbers cannot be told from an address.
                if form.kind == "ipv4"
                    && held.and_then(|(_, grammar)| grammar.as_ref()).is_some_and(may_be_version)
                {
                    next += 1;
                    form = all[next % all.len()];
                }
                used.push(form);
                Value::from(form.written.as_str())
            };
            let output = match layout {
                Layout::Jsonl => {
                    let record = object(of, 0, &mut { MOST }, &mut give);
                    let output = redact(&setting, &stream, record.to_string(), record::Form::Json);
                    serde_json::from_str::<Value>(&output).expect("the output is JSON");
                    output
                }
                Layout::Text => {
                    let mut line = String::new();
                    for _ in 0..20 {
                        let Value::String(value) = give(None) else { unreachable!() };
                        line += &format!(
                            "[10:00:00.000] [ 12] [ERROR] the step failed for '{value}' and went on\n"
                        );
                    }
                    redact(&setting, &stream, line, record::Form::Text)
                }
                Layout::Xml => {
                    let mut text = String::from("<object name=\"x\">");
                    for name in ["dn", "attr", "value", "anything"] {
                        for _ in 0..5 {
                            let Value::String(value) = give(None) else { unreachable!() };
                            let value = value
                                .replace('&', "&amp;")
                                .replace('<', "&lt;")
                                .replace('>', "&gt;")
                                .replace('"', "&quot;");
                            text += &format!("<{name} note=\"{value}\">{value}</{name}>");
                        }
                    }
                    redact(&setting, &stream, text + "</object>", record::Form::Xml)
                }
            };
            records += 1;
            values += used.len() as u64;
            let lower = output.to_lowercase();
            for form in &used {
                if is_left(form, &lower) {
                    left += 1;
                    missed.push(format!("{}/{}: {}", stream.source.id(), stream.dataset, form.kind));
                }
            }
            for leak in leak_check.check("data", &mut output.as_bytes()).ok().unwrap() {
                missed.push(format!(
                    "leak check: {}/{}: {} at {}",
                    stream.source.id(),
                    stream.dataset,
                    leak.what,
                    leak.offset
                ));
            }
        }
    }
    missed.sort();
    missed.dedup();
    if wanted() {
        println!("datasets: {left} of {values} identifiers left in {records} records");
        missed.iter().for_each(|line| println!("dataset  {line}"));
    }
    assert!(missed.is_empty(), "{} places, first: {:#?}", missed.len(), &missed[..missed.len().min(20)]);
}

#[test]
fn an_identifier_in_any_encoding_in_any_member_comes_out_too() {
    let setting = Setting::new(people(20_261_129, 3));
    let mut random = Random(5);
    let mut canaries = Vec::new();
    for person in &setting.people {
        canaries.extend(forms(person, &setting.names, &mut random));
    }
    canaries.retain(|form| FORMS.contains(&form.kind));
    let encodings: Vec<_> = encode::ALL.iter().filter(|encoding| encoding.name != "plain").collect();
    let leak_check = LeakCheck::new(&setting.dictionary, setting.rules.treated(), Vec::new());
    let rounds = if wanted() { scale(1) } else { 1 };
    let (mut next, mut values, mut missed) = (0, 0, Vec::new());
    for _ in 0..rounds {
        for (stream, layout, of) in streams() {
            if layout != Layout::Jsonl {
                continue;
            }
            let mut used = Vec::new();
            let record = object(of, 0, &mut { MOST }, &mut |_| {
                next += 1;
                let (form, encoding) = (&canaries[next % canaries.len()], encodings[next % encodings.len()]);
                let written = (encoding.write)(&format!("value {} ends", form.written));
                used.push((form, encoding, written.clone()));
                Value::from(written)
            });
            let output = redact(&setting, &stream, record.to_string(), record::Form::Json);
            serde_json::from_str::<Value>(&output).expect("the output is JSON");
            let lower = output.to_lowercase();
            values += used.len();
            for (form, encoding, written) in &used {
                let raw = Value::from(written.as_str()).to_string().to_lowercase();
                let whole = !written.is_empty() && lower.contains(raw.trim_matches('"'));
                if whole || encoding.transparent && is_left(form, &lower) {
                    let place = format!("{}/{}", stream.source.id(), stream.dataset);
                    let hidden = form.hidden.first().unwrap_or(&form.written).to_lowercase();
                    let at = lower.find(raw.trim_matches('"')).or_else(|| lower.find(&hidden)).unwrap_or(0);
                    let from =
                        (0..=at.saturating_sub(90)).rev().find(|at| lower.is_char_boundary(*at)).unwrap_or(0);
                    let around: String = lower[from..].chars().take(200).collect();
                    missed.push(format!("{} / {} in {place}: {around}", form.kind, encoding.name));
                }
            }
            for leak in leak_check.check("data", &mut output.as_bytes()).ok().unwrap() {
                missed.push(format!("leak check: {}/{}: {leak}", stream.source.id(), stream.dataset));
            }
        }
    }
    missed.sort();
    missed.dedup();
    if wanted() {
        println!("datasets, encoded: {} places with something left, {values} identifiers", missed.len());
    }
    assert!(missed.is_empty(), "{} places, first: {:#?}", missed.len(), &missed[..missed.len().min(20)]);
}

/// A value that fits, of kinds that stay under the default policy.
fn sample(kind: Kind, grammar: &Grammar, n: usize) -> Option<Value> {
    if !matches!(
        kind,
        Kind::Fact | Kind::TraceId | Kind::PublicId | Kind::EventTime | Kind::RiskDetail | Kind::Country
    ) {
        return None;
    }
    Some(match grammar {
        Grammar::Boolean => json!(n.is_multiple_of(2)),
        Grammar::Duration => json!("PT1H30M"),
        Grammar::Guid => json!(format!("{:08x}-1b2c-4d3e-8f4a-5b6c7d8e9f{:02x}", 0x7a00_0000 + n, n % 256)),
        Grammar::IsoCountry => json!("DE"),
        Grammar::IsoLanguage => json!("de-DE"),
        Grammar::Number => json!(50_126 + n),
        Grammar::Timestamp => json!(format!("2026-11-20T10:{:02}:{:02}.1234567Z", n / 60 % 60, n % 60)),
        Grammar::Version => json!("10.0.26100.4652"),
        Grammar::Enum(words) => json!(words[n % words.len()]),
        Grammar::Either(two) => return sample(kind, &two.0, n),
        Grammar::Token | Grammar::Pattern(_) => return None,
    })
}

fn compare(given: &Value, got: &Value, path: &str, same: &mut (u64, u64), changed: &mut Vec<String>) {
    match given {
        Value::Object(members) => {
            for (name, value) in members {
                compare(value, &got[name], &format!("{path}/{name}"), same, changed);
            }
        }
        value => {
            same.1 += 1;
            if value == got {
                same.0 += 1;
            } else {
                changed.push(format!("{path}: {value} became {got}"));
            }
        }
    }
}

#[test]
fn technical_values_stay_byte_by_byte() {
    let setting = Setting::new(people(20_261_122, 1));
    let mut same = (0, 0);
    let mut changed = Vec::new();
    for (stream, layout, of) in streams() {
        if layout != Layout::Jsonl {
            continue;
        }
        let mut n = 0;
        let mut give = |held: Held<'_>| {
            n += 1;
            match held {
                Some((kind, Some(grammar))) => sample(kind, grammar, n).unwrap_or(Value::Null),
                _ => Value::Null,
            }
        };
        let mut record = object(of, 0, &mut { MOST }, &mut give);
        strip(&mut record);
        let output = redact(&setting, &stream, record.to_string(), record::Form::Json);
        let output: Value = serde_json::from_str(&output).unwrap();
        compare(
            &record,
            &output,
            &format!("{}/{}:", stream.source.id(), stream.dataset),
            &mut same,
            &mut changed,
        );
    }
    let found = share([same].into_iter());
    if wanted() {
        println!("technical values unchanged: {found:.3} % of {}", same.1);
        changed.iter().for_each(|line| println!("technical  {line}"));
    }
    assert!(same.1 > 2_500, "{}", same.1);
    assert!(changed.is_empty(), "{found} %: {:#?}", &changed[..changed.len().min(20)]);
}

/// Takes out what was not given a value.
fn strip(value: &mut Value) {
    if let Value::Object(members) = value {
        members.values_mut().for_each(strip);
        members
            .retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
    }
}
