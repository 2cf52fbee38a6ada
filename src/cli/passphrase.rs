//! Passphrases: from a file, an environment variable whose name is given, or the terminal; never an argument.

use super::places;
use crate::error::{Error, Result};
use std::io::IsTerminal as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Longest passphrase, as OpenSSL reads them.
const LONGEST: usize = 1024;

/// Where a passphrase comes from, as far as flags say. Without either it is asked for on a terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct From<'a> {
    /// File whose first line it is.
    pub file: Option<&'a Path>,
    /// Environment variable that holds it.
    pub variable: Option<&'a str>,
}

impl From<'_> {
    /// Whether a flag names a source.
    pub fn is_given(&self) -> bool {
        self.file.is_some() || self.variable.is_some()
    }

    /// The passphrase of something that exists. `what` completes "the passphrase of".
    pub fn read(&self, what: &str, hint: &str) -> Result<Zeroizing<String>> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => ask(&format!("Passphrase of {what}: "), what, hint),
        }
    }

    /// A passphrase for something new; on a terminal it is typed twice.
    pub fn choose(&self, what: &str, hint: &str) -> Result<Zeroizing<String>> {
        if let Some(passphrase) = self.given()? {
            return Ok(passphrase);
        }
        let first = ask(&format!("New passphrase of {what}: "), what, hint)?;
        let second = ask("The same again: ", what, hint)?;
        if *first != *second {
            return Err(Error::usage("the two passphrases differ"));
        }
        Ok(first)
    }

    fn given(&self) -> Result<Option<Zeroizing<String>>> {
        let text = match (self.file, self.variable) {
            (Some(file), _) => {
                let text = places::read_small(file, "passphrase file")?;
                Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
            }
            (None, Some(name)) => Zeroizing::new(std::env::var(name).map_err(|_| {
                Error::usage(format!("the environment variable `{name}` is not set, or is not text"))
            })?),
            (None, None) => return Ok(None),
        };
        check(text).map(Some)
    }
}

fn check(text: Zeroizing<String>) -> Result<Zeroizing<String>> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(Error::usage(format!("a passphrase has 1 to {LONGEST} bytes")));
    }
    Ok(text)
}

/// Whether somebody sits at a terminal who can be asked.
pub fn terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn ask(prompt: &str, what: &str, hint: &str) -> Result<Zeroizing<String>> {
    if !terminal() {
        return Err(Error::usage(format!("{what} needs a passphrase, and there is no terminal to ask on"))
            .hint(hint.to_owned()));
    }
    eprint!("{prompt}");
    let typed = console::Term::stderr()
        .read_secure_line()
        .map_err(|e| Error::io("cannot read from the terminal", e))?;
    check(Zeroizing::new(typed))
}
