//! Values that an output broke: wrapped over lines, cut off by a column, split by mark-up.

use super::forms::{Form, forms};
use super::people::{Person, Random, people};
use super::{Setting, Table, count, gaps, scale, share, wanted};
use entra_bundle::catalogue::{Source, Stream};
use entra_bundle::privacy::Redactor;

/// Forms that are broken: one of each shape that a column or a line end meets.
const FORMS: &[&str] = &[
    "upn",
    "mail",
    "upn guest",
    "name",
    "account label of upn",
    "host",
    "group name",
    "object id",
    "sid",
    "dn",
    "anchor",
    "ipv6",
];

/// A way to break a value: the text with it, if it can be broken so, and the text with the break undone.
struct Way {
    name: &'static str,
    write: fn(&str) -> Option<String>,
    undo: fn(&str) -> String,
}

/// The value in `parts` pieces of about the same length.
fn pieces(value: &str, parts: usize) -> Option<Vec<String>> {
    let all: Vec<char> = value.chars().collect();
    (all.len() >= 4 * parts)
        .then(|| all.chunks(all.len().div_ceil(parts)).map(|c| c.iter().collect()).collect())
}

const INDENT: &str = "\n                    ";

const WRAPPED: &[Way] = &[
    Way {
        name: "soft line break",
        write: |v| Some(format!("The object {} was updated.", pieces(v, 2)?.join("=\r\n"))),
        undo: |t| t.replace("=\r\n", "").replace("=3D", "="),
    },
    Way {
        name: "two soft line breaks",
        write: |v| Some(format!("The object {} was updated.", pieces(v, 3)?.join("=\r\n"))),
        undo: |t| t.replace("=\r\n", "").replace("=3D", "="),
    },
    Way {
        name: "list that goes on",
        write: |v| {
            Some(format!(
                "Id                : 7\nIdentity          : {}\nState             : Enabled",
                pieces(v, 2)?.join(INDENT)
            ))
        },
        undo: |t| t.replace(INDENT, ""),
    },
    Way {
        name: "list over three lines",
        write: |v| {
            Some(format!("Identity          : {}\nState             : Enabled", pieces(v, 3)?.join(INDENT)))
        },
        undo: |t| t.replace(INDENT, ""),
    },
    Way {
        name: "folded mail header",
        write: |v| {
            v.contains(' ').then(|| format!("Subject: about\r\n {}\r\nTo: all", v.replacen(' ', "\r\n ", 1)))
        },
        undo: |t| t.replace("\r\n ", " "),
    },
    Way {
        name: "first word in bold",
        write: |v| {
            v.split_once(' ').map(|(first, rest)| format!("<p>Mail from <b>{first}</b> {rest} came</p>"))
        },
        undo: |t| t.replace("<b>", "").replace("</b>", ""),
    },
    Way {
        name: "in the middle of a span",
        write: |v| {
            let parts = pieces(v, 2)?;
            Some(format!("<td>{}<span class=\"hit\">{}</span></td>", parts[0], parts[1]))
        },
        undo: |t| t.replace("<span class=\"hit\">", "").replace("</span>", ""),
    },
];

#[test]
fn wrapped_and_split_values_are_replaced_and_join() {
    let setting = Setting::new(people(20_261_127, scale(2)));
    let stream = Stream::new(Source::OnPrem, "other_text");
    let mut redactor =
        Redactor::new(&setting.rules, &setting.names, &setting.dictionary, &stream).ok().unwrap();
    let (mut recall, mut joins, mut parses) = (Table::default(), Table::default(), Table::default());
    let (mut random, mut samples) = (Random(11), Vec::new());
    for person in &setting.people {
        let mut all = forms(person, &setting.names, &mut random);
        all.retain(|form| FORMS.contains(&form.kind));
        for form in &all {
            for way in WRAPPED {
                let Some(text) = (way.write)(&form.written) else { continue };
                let given = (way.undo)(&text);
                let output = (way.undo)(&redactor.text(&text));
                let lower = output.to_lowercase();
                let replaced = !form.hidden.iter().any(|hidden| lower.contains(&hidden.to_lowercase()));
                let joined = form.joins.iter().all(|token| output.contains(token.as_str()));
                // What stood around the value stands there yet.
                let (before, after) = given.split_once(form.written.as_str()).unwrap();
                let same = output.starts_with(before) && output.ends_with(after);
                count(&mut recall, form.kind, way.name, replaced);
                count(&mut joins, form.kind, way.name, joined);
                count(&mut parses, form.kind, way.name, same);
                if !(replaced && joined && same) {
                    samples
                        .push(format!("{} / {}:\n    in  {text:?}\n    out {output:?}", form.kind, way.name));
                }
            }
        }
    }
    report("wrapped values", &[("recall", &recall), ("joins", &joins), ("surroundings", &parses)], &samples);
}

fn report(what: &str, tables: &[(&str, &Table)], samples: &[String]) {
    for (name, table) in tables {
        if wanted() {
            println!("{what}, {name}: {:.3} %", share(table.values().copied()));
        }
    }
    let missed: Vec<String> = tables
        .iter()
        .flat_map(|(name, table)| gaps(table).into_iter().map(move |gap| format!("{name}: {gap}")))
        .collect();
    let shown = &samples[..samples.len().min(12)];
    assert!(missed.is_empty(), "{what}: {missed:#?}\n{}", shown.join("\n"));
}

/// What a column cuts off: each value with its kind's pseudonym.
fn cut_values(setting: &Setting, person: &Person) -> Vec<(&'static str, String, String)> {
    let all: Vec<Form> = forms(person, &setting.names, &mut Random(1));
    let join = |kind: &str| all.iter().find(|form| form.kind == kind).unwrap().joins[0].clone();
    vec![
        ("upn", person.upn.clone(), join("upn")),
        ("name", person.name.clone(), join("name")),
        ("account", person.sam.clone(), join("account")),
        ("host", person.host.clone(), join("host")),
    ]
}

/// Writes what is left of a value in its surroundings.
type Cut = fn(&str) -> String;

/// The ways to cut a value off so that `cut` is left of it.
const CUTS: &[(&str, Cut)] = &[
    ("ellipsis", |cut| format!("Name: {cut}… was changed")),
    ("three dots", |cut| format!("1034 {cut}... Enabled")),
    ("column", |cut| {
        let width = cut.chars().count();
        format!(
            "Name{} State\n{} -------\n{cut} Enabled\nx{} Disabled\n",
            " ".repeat(width - 4),
            "-".repeat(width),
            " ".repeat(width - 1)
        )
    }),
    ("last column", |cut| {
        let width = cut.chars().count();
        format!("State    Name\n-------- {}\nEnabled  {cut}\nDisabled x\n\nmore", "-".repeat(width))
    }),
];

#[test]
fn values_that_a_column_cut_off_are_replaced_and_join_where_they_are_one() {
    let setting = Setting::new(people(20_261_128, scale(3)));
    let stream = Stream::new(Source::OnPrem, "other_text");
    let mut redactor =
        Redactor::new(&setting.rules, &setting.names, &setting.dictionary, &stream).ok().unwrap();
    let (mut recall, mut joins) = (Table::default(), Table::default());
    let mut samples = Vec::new();
    let all: Vec<(&str, String, String)> =
        setting.people.iter().flat_map(|person| cut_values(&setting, person)).collect();
    for (kind, value, token) in &all {
        for away in [1, 2, 5] {
            let length = value.chars().count();
            if length < 8 + away {
                continue;
            }
            let cut: String = value.chars().take(length - away).collect();
            let cut = cut.trim_end().to_owned();
            let goes_on = |other: &str| other.to_lowercase().starts_with(&cut.to_lowercase());
            let one = all.iter().filter(|(other, value, _)| other == kind && goes_on(value)).count() == 1;
            for (way, write) in CUTS {
                let text = write(&cut);
                let output = redactor.text(&text);
                let replaced = !output.to_lowercase().contains(&cut.to_lowercase());
                let joined = !one || output.contains(token.as_str());
                count(&mut recall, kind, way, replaced);
                count(&mut joins, kind, way, joined);
                if !(replaced && joined) {
                    samples.push(format!("{kind} / {way}:\n    in  {text:?}\n    out {output:?}"));
                }
            }
        }
    }
    report("values cut off", &[("recall", &recall), ("joins", &joins)], &samples);
}
