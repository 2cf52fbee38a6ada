//! The terminal: results to standard output, everything else to standard error.

use crate::error::{self, Error, Result};
use crate::event::{Event, Observer, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;

/// What was asked of the output.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    /// One JSON document on standard output.
    pub json: bool,
    /// Nothing on standard error but errors.
    pub quiet: bool,
    /// A progress display.
    pub progress: bool,
}

impl Ui {
    /// Settles flags and terminal.
    pub fn new(json: bool, quiet: bool, no_progress: bool) -> Self {
        Ui { json, quiet, progress: !quiet && !no_progress && std::io::stderr().is_terminal() }
    }

    /// A line for people, on standard error; silent with `--quiet`.
    pub fn note(self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// The result: JSON with `--json`, else the text.
    pub fn result(self, json: &impl Serialize, text: &str) -> Result<()> {
        if self.json { print_json(json) } else { print(text) }
    }

    /// Prints a failure as the contract wants it.
    pub fn failure(self, error: &Error) {
        if self.json {
            let body = serde_json::json!({"error": {
                "kind": error.kind().name(), "message": error.message(), "hint": error.advice(), "code": error.code(),
            }});
            eprintln!("{body}");
        } else {
            eprintln!("error: {error}");
            if let Some(hint) = error.advice() {
                eprintln!("hint:  {hint}");
            }
        }
    }
}

/// Prints text to standard output.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        // A reader that went away (`| head`) does not change what the command found.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(Error::io("cannot write to standard output", e)),
    }
}

/// Prints one JSON document.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|_| Error::new(error::Kind::Internal, "cannot serialise the result"))?;
    text.push('\n');
    print(&text)
}

/// Renders events: bars on a terminal, notes as lines, silence with `--quiet`.
pub struct Terminal {
    ui: Ui,
    bar: Mutex<Option<(Phase, ProgressBar, u64)>>,
}

impl Terminal {
    /// An observer for one run.
    pub fn new(ui: Ui) -> Self {
        Terminal { ui, bar: Mutex::new(None) }
    }
}

impl Observer for Terminal {
    fn on(&self, event: &Event<'_>) {
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Begin { phase, total } if self.ui.progress => {
                let drawn = match total {
                    Some(total) => ProgressBar::new(*total).with_style(style(
                        "{prefix:>9} {bar:28} {binary_bytes:>10} of {binary_total_bytes}  {msg}  {elapsed}",
                    )),
                    None => ProgressBar::new_spinner()
                        .with_style(style("{prefix:>9} {spinner} {binary_bytes:>10}  {msg}  {elapsed}")),
                };
                drawn.set_draw_target(ProgressDrawTarget::stderr());
                drawn.set_prefix(name(*phase));
                *bar = Some((*phase, drawn, 0));
            }
            Event::Advance { phase, bytes, records } => {
                if let Some((shown, drawn, count)) = bar.as_mut().filter(|(shown, ..)| shown == phase) {
                    debug_assert_eq!(shown, phase);
                    *count += records;
                    drawn.inc(*bytes);
                    drawn.set_message(format!("{} records", thousands(*count)));
                }
            }
            Event::End { phase } => {
                if bar.as_ref().is_some_and(|(shown, ..)| shown == phase)
                    && let Some((_, drawn, _)) = bar.take()
                {
                    drawn.finish_and_clear();
                }
            }
            Event::Note(text) => {
                if let Some((_, drawn, _)) = bar.as_ref() {
                    drawn.suspend(|| self.ui.note(text));
                } else {
                    self.ui.note(text);
                }
            }
            _ => {}
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ")
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Gather => "gather",
        Phase::Learn => "learn",
        Phase::Rewrite => "rewrite",
        Phase::Sign => "sign",
        Phase::Verify => "verify",
        Phase::Share => "share",
    }
}

/// How the user called the program: its name, or the path where it is not on the search path.
pub fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.contains(['/', '\\']) { called } else { "entra-bundle".into() }
}

/// A table without the padding at both ends of its lines.
pub fn plain(table: &comfy_table::Table) -> String {
    let text = table.to_string();
    let lines: Vec<&str> =
        text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n") + "\n"
}

/// `1204` → `1,204`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `43334591` → `41.3 MiB`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// `sha256:3f28…` in groups of four, for comparing by eye or voice.
pub fn grouped(fingerprint: &str) -> String {
    let hex = fingerprint.strip_prefix("sha256:").unwrap_or(fingerprint);
    let groups: Vec<&str> = (0..hex.len()).step_by(4).map(|at| &hex[at..hex.len().min(at + 4)]).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1204), "1,204");
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!(size(512), "512 B");
        assert_eq!(size(43_334_591), "41.3 MiB");
        assert_eq!(grouped("sha256:3f2891aa00"), "3f28 91aa 00");
    }
}
