//! What encrypted bundles are opened with: identity files, and passphrases from where they may come.

use super::places;
use crate::crypto::encryption::Identities;
use crate::error::{Error, Result};
use clap::Args;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// What opens encrypted bundles. A passphrase is never an argument.
#[derive(Args, Clone, Debug, Default)]
pub struct Opening {
    /// Identity file that opens an encrypted bundle (`AGE-SECRET-KEY-1…`). Repeatable.
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
    #[command(flatten)]
    pub passphrase: Passphrase,
}

/// Where a passphrase comes from.
#[derive(Args, Clone, Debug, Default)]
pub struct Passphrase {
    /// Read the passphrase from the first line of a file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["passphrase_env", "passphrase_ask"])]
    pub passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the environment variable of this name.
    #[arg(long, value_name = "VAR", conflicts_with = "passphrase_ask")]
    pub passphrase_env: Option<String>,
    /// Ask for the passphrase on the terminal.
    #[arg(long)]
    pub passphrase_ask: bool,
}

impl Passphrase {
    /// Whether a source was named.
    pub fn is_named(&self) -> bool {
        self.passphrase_file.is_some() || self.passphrase_env.is_some() || self.passphrase_ask
    }

    /// The passphrase, from the source that was named. `twice` asks a second time on the terminal.
    pub fn read(&self, twice: bool) -> Result<Option<Zeroizing<String>>> {
        let words = if let Some(file) = &self.passphrase_file {
            let text = places::read_small_of(file, "passphrase file", 4096)?;
            Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned())
        } else if let Some(name) = &self.passphrase_env {
            Zeroizing::new(std::env::var(name).map_err(|_| {
                Error::usage(format!("the environment variable `{name}` is not set, or no text"))
            })?)
        } else if self.passphrase_ask {
            let words = ask("Passphrase: ")?;
            if twice && *ask("Again: ")? != *words {
                return Err(Error::usage("the two passphrases differ"));
            }
            words
        } else {
            return Ok(None);
        };
        if words.is_empty() {
            return Err(Error::usage("the passphrase is empty"));
        }
        Ok(Some(words))
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::usage("there is no terminal to ask for the passphrase")
            .hint("name a file with --passphrase-file, or a variable with --passphrase-env"));
    }
    let words = rpassword::prompt_password(prompt).map_err(|e| Error::io("cannot read the passphrase", e))?;
    Ok(Zeroizing::new(words))
}

/// The identities that the flags name.
pub fn identities(args: &Opening) -> Result<Identities> {
    let mut identities = Identities::none();
    for file in &args.identity {
        identities.add_file(&places::read_small(file, "identity file")?)?;
    }
    if let Some(words) = args.passphrase.read(false)? {
        identities.add_passphrase(&words);
    }
    Ok(identities)
}
