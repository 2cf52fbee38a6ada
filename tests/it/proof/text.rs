//! Free text: every form in every encoding, in sentences.

use super::encode::{self, Encoding};
use super::forms::{Class, Form, forms};
use super::people::{Random, people};
use super::{Setting, Table, count, gaps, scale, share, wanted};
use entra_bundle::catalogue::{Source, Stream};
use entra_bundle::privacy::Redactor;

/// Sentences around a value: before and after it.
const SENTENCES: &[(&str, &str)] = &[
    ("AADSTS50126: the sign-in of ", " was refused, see step 3 of 4."),
    ("2026-11-20 10:00:00 [ERROR] value='", "' failed with 0x8023134a"),
    ("Could not find object (", ") in the connector space"),
];
/// Words around a value inside an encoding, so that it holds more than the value.
const INNER: (&str, &str) = ("object ", " was updated by the service");

/// What the output of one case shows.
struct Judged {
    /// Nothing that identifies is left.
    replaced: bool,
    /// The pseudonym that the value has elsewhere stands here, where one is known.
    joined: Option<bool>,
    /// What holds the value can be read as before.
    parses: bool,
    /// Characters that were replaced although they identify nobody.
    damage: usize,
    /// Characters around the value.
    around: usize,
}

fn judge(form: &Form, encoding: &Encoding, before: &str, after: &str, output: &str) -> Judged {
    let (inner_before, inner_after) = inner(encoding);
    let kept = |given: &str, got: &str| given.chars().zip(got.chars()).take_while(|(a, b)| a == b).count();
    let kept_back = |given: &str, got: &str| {
        given.chars().rev().zip(got.chars().rev()).take_while(|(a, b)| a == b).count()
    };
    let (ahead, behind) = (kept(before, output), kept_back(after, output));
    let mut damage = before.chars().count() - ahead + after.chars().count() - behind;
    let middle: String =
        output.chars().skip(ahead).take(output.chars().count().saturating_sub(ahead + behind)).collect();
    let read = (encoding.read)(&middle);
    if let Some(read) = &read {
        damage += inner_before.chars().count() - kept(inner_before, read);
        damage += inner_after.chars().count() - kept_back(inner_after, read);
    }
    let marked = middle.starts_with('[') && middle.ends_with(']');
    let plain = read.clone().unwrap_or_else(|| middle.clone()).to_lowercase();
    let hidden: Vec<String> = match form.hidden.is_empty() {
        true => vec![form.written.to_lowercase()],
        false => form.hidden.iter().map(|h| h.to_lowercase()).collect(),
    };
    let written = (encoding.write)(&format!("{inner_before}{}{inner_after}", form.written));
    let output = output.to_lowercase();
    let replaced = !output.contains(&written.to_lowercase())
        && hidden.iter().all(|h| !(plain.contains(h) || encoding.transparent && output.contains(h)));
    let joined = (replaced && !form.joins.is_empty() && !marked)
        .then(|| form.joins.iter().all(|token| plain.contains(&token.to_lowercase())));
    Judged {
        replaced,
        joined,
        parses: read.is_some() || marked,
        damage,
        around: before.chars().count() + after.chars().count(),
    }
}

fn inner(encoding: &Encoding) -> (&'static str, &'static str) {
    if encoding.name == "plain" { ("", "") } else { INNER }
}

/// Tables of one run.
#[derive(Default)]
pub struct Found {
    pub recall: Table,
    pub classes: Table,
    pub joins: Table,
    pub parses: Table,
    pub damage: usize,
    pub around: usize,
    pub samples: Vec<String>,
}

/// Every form in each of the encodings, scanned by `scan`.
pub fn run(
    setting: &Setting,
    seed: u64,
    encodings: &[Encoding],
    scan: &mut dyn FnMut(&str) -> String,
) -> Found {
    let mut found = Found::default();
    let mut random = Random(seed);
    for (at, person) in setting.people.iter().enumerate() {
        for (number, form) in forms(person, &setting.names, &mut random).iter().enumerate() {
            for encoding in encodings {
                let (before, after) = SENTENCES[(at + number) % SENTENCES.len()];
                let (inner_before, inner_after) = inner(encoding);
                let value = (encoding.write)(&format!("{inner_before}{}{inner_after}", form.written));
                if value.is_empty() {
                    continue; // cannot be written in this encoding
                }
                let line = format!("{before}{value}{after}");
                let output = scan(&line);
                let judged = judge(form, encoding, before, after, &output);
                if (!judged.replaced || judged.joined == Some(false) || !judged.parses || judged.damage > 0)
                    && found.samples.len() < 100_000
                {
                    found.samples.push(format!(
                        "{} / {}: replaced={} joined={:?} parses={} damage={}\n    in  {line}\n    out {output}",
                        form.kind, encoding.name, judged.replaced, judged.joined, judged.parses, judged.damage
                    ));
                }
                count(&mut found.recall, form.kind, encoding.name, judged.replaced);
                count(&mut found.classes, &format!("{:?}", form.class), encoding.name, judged.replaced);
                if let Some(joined) = judged.joined {
                    count(&mut found.joins, form.kind, encoding.name, joined);
                }
                count(&mut found.parses, form.kind, encoding.name, judged.parses);
                found.damage += judged.damage;
                found.around += judged.around;
            }
        }
    }
    found
}

fn cells<'t>(table: &'t Table, row: &'t str) -> impl Iterator<Item = (u64, u64)> + 't {
    table.iter().filter(move |((r, _), _)| r == row).map(|(_, cell)| *cell)
}

/// What must be reached, in per cent.
const TYPED: f64 = 100.0;
const NAMED: f64 = 99.9;
const SECRET: f64 = 100.0;
const JOINS: f64 = 100.0;
const PARSES: f64 = 100.0;
/// Most characters of the text around values that may change, in per cent.
const DAMAGE: f64 = 0.1;

#[test]
fn every_form_in_every_encoding_is_replaced_and_joins() {
    let setting = Setting::new(people(20_261_120, scale(2)));
    let stream = Stream::new(Source::OnPrem, "other_text");
    let mut redactor = Redactor::new(&setting.rules, &setting.names, &setting.dictionary, &stream)
        .map_err(|e| e.to_string())
        .unwrap();
    let found = run(&setting, 7, encode::ALL, &mut |text| redactor.text(text));
    let class = |class: Class| share(cells(&found.classes, &format!("{class:?}")));
    let (joins, parses) = (share(found.joins.values().copied()), share(found.parses.values().copied()));
    let damage = 100.0 * found.damage as f64 / found.around as f64;
    if wanted() {
        println!("recall of typed shapes: {:.3} %", class(Class::Typed));
        println!("recall of names, labels, hosts: {:.3} %", class(Class::Named));
        println!("recall of secrets: {:.3} %", class(Class::Secret));
        println!("joins: {joins:.3} %");
        println!("parses: {parses:.3} %");
        println!("damage around values: {damage:.3} % of {} characters", found.around);
        for (name, table) in [("recall", &found.recall), ("joins", &found.joins), ("parses", &found.parses)] {
            gaps(table).iter().for_each(|gap| println!("{name}  {gap}"));
        }
        let mut seen = std::collections::BTreeSet::new();
        let first =
            |sample: &&String| seen.insert(sample.split(": replaced").next().unwrap_or_default().to_owned());
        found.samples.iter().filter(first).for_each(|sample| println!("{sample}"));
    }
    for (what, reached, floor) in [
        ("typed shapes", class(Class::Typed), TYPED),
        ("names", class(Class::Named), NAMED),
        ("secrets", class(Class::Secret), SECRET),
        ("joins", joins, JOINS),
        ("parses", parses, PARSES),
        ("undamaged", 100.0 - damage, 100.0 - DAMAGE),
    ] {
        let gaps = [gaps(&found.recall), gaps(&found.joins), gaps(&found.parses)].concat();
        assert!(
            reached >= floor,
            "{what}: {reached:.3} %, {floor} % wanted; {} gaps: {:#?}",
            gaps.len(),
            &gaps[..gaps.len().min(40)]
        );
    }
}
