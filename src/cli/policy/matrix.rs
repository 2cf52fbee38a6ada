//! `policy matrix`: the one page that a privacy officer reads.

use super::super::ui::{self, Ui};
use crate::error::Result;
use crate::kind::{Class, Kind};
use crate::privacy::{Policy, Rules};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::path::PathBuf;

/// `policy matrix`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: entra-bundle policy matrix contoso.json --format html > decision.html\n\nExit codes: 0, 2."
)]
pub struct Args {
    /// minimal, balanced, strict, or a file.
    #[arg(default_value = "balanced")]
    policy: String,
    /// Form of the page.
    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
    /// A file with further fields.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

/// Form of the page.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Markdown.
    Md,
    /// One HTML page without anything from elsewhere.
    Html,
    /// Comma-separated values: the kinds only.
    Csv,
}

/// Runs it.
pub fn run(ui: Ui, args: &Args) -> Result<u8> {
    let policy = super::load(&args.policy)?;
    let page = Page::of(&policy, &super::rules(&policy, super::catalogue(args.catalogue.as_deref())?)?);
    if ui.json {
        let kinds: Vec<serde_json::Value> = page
            .kinds
            .iter()
            .map(|row| {
                serde_json::json!({
            "kind": row[0], "holds": row[1], "class": row[2], "do": row[3], "reason": row[4]})
            })
            .collect();
        ui::print_json(&serde_json::json!({"policy": page.title, "kinds": kinds}))?;
        return Ok(0);
    }
    ui::print(&match args.format {
        Format::Md => page.markdown(),
        Format::Html => page.html().into_string() + "\n",
        Format::Csv => page.csv()?,
    })?;
    Ok(0)
}

/// The page, before it has a form.
struct Page {
    title: String,
    facts: Vec<[String; 2]>,
    kinds: Vec<[String; 5]>,
    exceptions: Vec<[String; 5]>,
}

const KINDS: [&str; 5] = ["Kind", "Holds", "Microsoft data class", "What happens", "Reason"];
const EXCEPTIONS: [&str; 5] = ["Dataset", "Field", "What happens instead", "Reason", "Ticket, last day"];
const FOOT: &str = "A field that the catalogue does not know is dropped and counted. Secrets are locked: no policy keeps \
     them. A kept value outside the grammar of its field is treated as text or dropped. Pseudonymized \
     data are still personal data for whoever holds the key.";

impl Page {
    fn of(policy: &Policy, rules: &Rules) -> Page {
        let file = policy.file();
        let mut facts = vec![["Policy".to_owned(), policy.title()]];
        let mut fact = |name: &str, text: Option<String>| {
            facts.extend(text.map(|text| [name.to_owned(), text]));
        };
        fact("Extends", file.extends.first().cloned());
        fact("Purpose", file.purpose.as_ref().map(|one| one.text.clone()));
        fact("Recipient", Some(file.recipient.text.clone()));
        fact("Key held by", file.key_held_by.clone());
        fact("Destroyed after", file.retain_days.map(|days| format!("{days} days")));
        let word = |text: String| text.trim_matches('"').to_owned();
        let json = |value: serde_json::Result<String>| value.map(word).ok();
        fact("Private addresses", json(serde_json::to_string(&rules.private_addresses())));
        fact("Kept values outside their grammar", json(serde_json::to_string(&rules.outside())));
        fact(
            "Addresses of risk detections",
            rules.keeps_risky_addresses().then(|| "keep, wherever they stand".into()),
        );
        let allowed = file.leak_check.allow.len();
        fact("Words that the leak check lets pass", (allowed > 0).then(|| allowed.to_string()));
        let kinds = Kind::all().map(|kind| {
            let rule = policy.rule(kind).in_force(rules.today());
            [
                kind.id().to_owned(),
                kind.spec().holds.to_owned(),
                class(kind.spec().class).to_owned(),
                rule.treatment.spelled(),
                rule.reason.clone(),
            ]
        });
        let exceptions = policy.exceptions().iter().map(|rule| {
            let says = &rule.says;
            let action = match (says.action, says.kind) {
                (_, Some(kind)) => format!("as kind {kind}"),
                (Some(action), _) => json(serde_json::to_string(&action)).unwrap_or_default(),
                _ => String::new(),
            };
            let limits: Vec<&str> =
                [says.ticket.as_deref(), says.until.as_deref()].into_iter().flatten().collect();
            let field = match &rule.when {
                Some(when) => format!("{} where {}", says.select, when.spelled()),
                None => says.select.clone(),
            };
            [says.dataset.clone(), field, action, says.reason.clone(), limits.join(", ")]
        });
        Page {
            title: format!("What leaves under {}", policy.title()),
            facts,
            kinds: kinds.collect(),
            exceptions: exceptions.collect(),
        }
    }

    fn markdown(&self) -> String {
        let cell = |text: &str| {
            text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\r', '\n'], " ")
        };
        let table = |head: &[&str], rows: &[[String; 5]]| {
            let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
            for row in rows {
                text += &format!("| {} |\n", row.each_ref().map(|text| cell(text)).join(" | "));
            }
            text
        };
        let mut text = format!("# {}\n\n", cell(&self.title));
        for [name, value] in &self.facts {
            text += &format!("* {name}: {}\n", cell(value));
        }
        text += &format!("\n{}", table(&KINDS, &self.kinds));
        if !self.exceptions.is_empty() {
            text += &format!("\n## Exceptions\n\n{}", table(&EXCEPTIONS, &self.exceptions));
        }
        text + &format!("\n{FOOT}\n")
    }

    fn csv(&self) -> Result<String> {
        let mut out = csv::Writer::from_writer(Vec::new());
        let mut written = out.write_record(KINDS);
        for row in &self.kinds {
            // A cell that begins like a formula would be run by a spreadsheet.
            let safe = row.each_ref().map(|text| match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                true => format!("'{text}"),
                false => text.clone(),
            });
            written = written.and_then(|()| out.write_record(safe));
        }
        let bytes = written.ok().and_then(|()| out.into_inner().ok());
        bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| crate::error::Error::new(crate::error::Kind::Internal, "cannot write the table"))
    }

    fn html(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { (self.title) }
                    dl { @for [name, value] in &self.facts { div { dt { (name) } dd { (value) } } } }
                    table {
                        thead { tr { @for head in KINDS { th scope="col" { (head) } } } }
                        tbody {
                            @for [kind, holds, class, action, reason] in &self.kinds {
                                tr {
                                    th scope="row" { code { (kind) } }
                                    td { (ticks(holds)) }
                                    td { (class) }
                                    td { span class=(tone(action)) { (action) } }
                                    td { (reason) }
                                }
                            }
                        }
                    }
                    @if !self.exceptions.is_empty() {
                        h2 { "Exceptions" }
                        table {
                            thead { tr { @for head in EXCEPTIONS { th scope="col" { (head) } } } }
                            tbody {
                                @for [dataset, field, action, reason, limits] in &self.exceptions {
                                    tr {
                                        th scope="row" { (dataset) }
                                        td { code { (field) } }
                                        td { span class=(tone(action)) { (action) } }
                                        td { (reason) }
                                        td { (limits) }
                                    }
                                }
                            }
                        }
                    }
                    p.foot { (FOOT) }
                }
            }
        }
    }
}

/// Text whose parts between backticks are code.
fn ticks(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// The colour class of a treatment: removed, replaced, looked through, kept.
fn tone(action: &str) -> &'static str {
    match action.split(' ').next().unwrap_or_default() {
        "drop" | "redact" => "gone",
        "keep" => "kept",
        "scan" | "parse" | "mask" => "seen",
        _ => "made",
    }
}

/// Microsoft's name of a data class, or ours where it has none.
fn class(class: Class) -> &'static str {
    match class {
        Class::Euii => "EUII",
        Class::Eupi => "EUPI",
        Class::Oii => "OII",
        Class::System => "System metadata",
        Class::Content => "Customer content",
        Class::Quasi => "Quasi-identifier",
        Class::Secret => "Secret",
        Class::Text => "Free text",
        Class::Derived => "Derived",
    }
}

const STYLE: &str = "
:root { color-scheme: light; font: 14px/1.45 system-ui, sans-serif; color: #1b1f24; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: .4rem 2rem; margin: 0 0 1.5rem; }
dl div { display: flex; gap: .6rem; } dt { color: #57606a; white-space: nowrap; } dd { margin: 0; font-weight: 600; }
table { border-collapse: collapse; width: 100%; } thead { display: table-header-group; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #d8dee4; overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid #57606a; white-space: nowrap; } tbody th { font-weight: 400; white-space: nowrap; }
tbody tr { break-inside: avoid; } code { font: .92em ui-monospace, monospace; }
span { display: inline-block; padding: 0 .45rem; border-radius: .3rem; border: 1px solid; }
.gone { background: #f6f8fa; border-color: #8c959f; } .made { background: #ddf4ff; border-color: #54aeff; }
.seen { background: #fff8c5; border-color: #d4a72c; } .kept { background: #ffebe9; border-color: #ff8182; }
.foot { margin-top: 1.5rem; color: #57606a; }
@media print { body { margin: 0; max-width: none; font-size: 10px; } }
";
