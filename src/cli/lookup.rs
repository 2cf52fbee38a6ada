//! `lookup`: real value → pseudonym; `reveal`: pseudonym → real value.

use super::args::{Lookup, Reveal};
use super::places;
use super::ui::{self, Ui};
use crate::error::{Error, Result};
use crate::inspect::{forms, reveal};
use crate::privacy::{IncidentKey, Pseudonymizer};
use comfy_table::{Table, presets};
use std::io::Read as _;

/// Longest list on standard input.
const MOST_STDIN: u64 = 16 << 20;

/// Runs `lookup`.
pub fn run(ui: Ui, args: &Lookup) -> Result<u8> {
    let names = names(&args.key)?;
    let mut rows = Vec::new();
    for value in listed(&args.values)? {
        rows.extend(forms::of(&names, &value));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["value", "as", "pseudonym"]);
    for form in &rows {
        table.add_row([visible(&form.value).as_str(), form.what, form.pseudonym.as_str()]);
    }
    ui.result(&rows, &ui::plain(&table))?;
    Ok(0)
}

/// Runs `reveal`.
pub fn reveal(ui: Ui, args: &Reveal) -> Result<u8> {
    let names = names(&args.key)?;
    let wanted = listed(&args.tokens)?;
    let mut distinct = wanted.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() > args.at_most {
        return Err(Error::usage(format!(
            "{} distinct pseudonyms are asked for, more than the {} allowed",
            distinct.len(),
            args.at_most
        ))
        .hint(format!("say --at-most {} if that many people shall be revealed", distinct.len())));
    }
    let mut search = reveal::Search::new(&names, distinct);
    if let Some(file) = &args.candidates {
        let text = places::read_small_of(file, "list of candidates", 256 << 20)?;
        search.candidates(&text);
    }
    if let Some(folder) = &args.workspace {
        let workspace = super::workspaces::open(folder)?;
        search.workspace(super::policy::catalogue(args.catalogue.as_deref())?, &workspace)?;
    }
    let rows = search.finish();
    let open = rows.iter().filter(|row| row.value.is_none()).count();
    ui.note("the following contains personal data");
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["pseudonym", "as", "value"]);
    for row in &rows {
        table.add_row([
            row.pseudonym.as_str(),
            row.what.unwrap_or("-"),
            row.value.as_deref().map(visible).unwrap_or_else(|| "not among the candidates".into()).as_str(),
        ]);
    }
    ui.result(&rows, &ui::plain(&table))?;
    Ok(u8::from(open > 0))
}

fn names(key: &std::path::Path) -> Result<Pseudonymizer> {
    Pseudonymizer::new(&IncidentKey::parse(&places::read_small(key, "incident key")?)?)
}

/// Arguments, where `-` stands for the lines of standard input.
fn listed(arguments: &[String]) -> Result<Vec<String>> {
    let mut values = Vec::new();
    for argument in arguments {
        if argument == "-" {
            let mut text = String::new();
            std::io::stdin()
                .take(MOST_STDIN)
                .read_to_string(&mut text)
                .map_err(|e| Error::io("cannot read standard input", e))?;
            values.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        } else {
            values.push(argument.clone());
        }
    }
    if values.is_empty() {
        return Err(Error::usage("no value was given"));
    }
    Ok(values)
}

/// Control and bidi characters made visible, so that a hostile name cannot rewrite the terminal.
pub fn visible(value: &str) -> String {
    value
        .chars()
        .map(|c| match c {
            c if c.is_control() => '\u{fffd}',
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
                '\u{fffd}'
            }
            c => c,
        })
        .collect()
}
