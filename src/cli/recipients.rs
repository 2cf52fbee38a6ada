//! For whom a bundle is encrypted: recipients, or a passphrase.

use super::opening::Passphrase;
use super::places;
use super::ui::Ui;
use crate::crypto;
use crate::crypto::encryption::Recipients;
use crate::error::{Error, Result};
use clap::Args;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// For whom the bundle is encrypted; without any of these it is not.
#[derive(Args, Debug, Default)]
pub struct Encrypting {
    /// Encrypt to this recipient (`age1…`), or to those in a file. Repeatable: add your own, or you cannot open it.
    #[arg(long, value_name = "AGE|FILE", conflicts_with_all = ["passphrase", "passphrase_file", "passphrase_env", "passphrase_ask"])]
    pub recipient: Vec<String>,
    /// Encrypt with ten random words. They are written to a file of yours whose path is printed.
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_env", "passphrase_ask"])]
    pub passphrase: bool,
    #[command(flatten)]
    pub from: Passphrase,
}

/// Recipients that were settled, and where a passphrase made for them lies.
pub struct Chosen {
    /// To whom.
    pub recipients: Recipients,
    /// File of a passphrase that was made.
    pub passphrase: Option<PassphraseFile>,
}

/// The file of a passphrase that was made. It goes with the run, unless a bundle was sealed with it.
pub struct PassphraseFile {
    path: PathBuf,
    needed: bool,
}

impl PassphraseFile {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A bundle was sealed with it: it stays.
    pub fn keep(&mut self) {
        self.needed = true;
    }
}

impl Drop for PassphraseFile {
    fn drop(&mut self) {
        if !self.needed {
            // Words that open nothing: a file that cannot be removed is harmless.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Settles the recipients before the long work starts. `None`: the bundle stays in clear.
pub fn choose(ui: Ui, args: &Encrypting, bundle_id: &str) -> Result<Option<Chosen>> {
    if !args.recipient.is_empty() {
        let mut texts = Vec::new();
        for named in &args.recipient {
            // A recipient is no file name that anybody uses; a file that is named like one loses.
            if named.starts_with("age1") || named.starts_with("AGE-") || !Path::new(named).exists() {
                texts.push(named.clone());
            } else {
                texts.extend(listed(Path::new(named))?);
            }
        }
        let recipients = Recipients::keys(texts.iter().map(String::as_str))?;
        if recipients.names().len() == 1 {
            ui.note(
                "note      the bundle opens for one recipient only. If it is not you, add your own with a second --recipient (`key generate recipient`)",
            );
        }
        return Ok(Some(Chosen { recipients, passphrase: None }));
    }
    if args.passphrase {
        let words = words()?;
        let recipients = Recipients::passphrase(&words)?;
        let folder = places::state()?.join("keys");
        places::private_folder(&folder)?;
        let file = folder.join(format!("passphrase-{bundle_id}.txt"));
        places::write_private(&file, &format!("{}\n", *words))?;
        // Only where somebody sits: elsewhere standard error is a log.
        if std::io::stderr().is_terminal() {
            ui.note(&format!("passphrase {}", *words));
        }
        let passphrase = Some(PassphraseFile { path: file, needed: false });
        return Ok(Some(Chosen { recipients, passphrase }));
    }
    match args.from.read(true)? {
        Some(words) => Ok(Some(Chosen { recipients: Recipients::passphrase(&words)?, passphrase: None })),
        None => Ok(None),
    }
}

/// The lines of a file of recipients, as `age -R` reads it.
fn listed(file: &Path) -> Result<Vec<String>> {
    let text = places::read_small(file, "file of recipients")?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let found: Vec<String> = lines.map(str::to_owned).collect();
    if found.is_empty() {
        return Err(Error::usage(format!("`{}` holds no recipient", file.display())));
    }
    Ok(found)
}

/// Ten words of the list of BIP 39: 110 random bits.
fn words() -> Result<Zeroizing<String>> {
    let list: Vec<&str> = include_str!("words.txt").lines().collect();
    let random = Zeroizing::new(crypto::random::<20>()?);
    let picked = random.chunks_exact(2).filter_map(|pair| {
        let number = u16::from_be_bytes([pair[0], pair[1]]) % 2048;
        list.get(usize::from(number)).copied()
    });
    let mut out = Zeroizing::new(String::with_capacity(96));
    for word in picked {
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(word);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_has_ten_words_of_the_list() {
        let list: Vec<&str> = include_str!("words.txt").lines().collect();
        assert_eq!(list.len(), 2048);
        let (one, two) = (words().unwrap(), words().unwrap());
        assert!(one.split('-').count() == 10 && one.split('-').all(|word| list.contains(&word)));
        assert_ne!(*one, *two);
    }
}
