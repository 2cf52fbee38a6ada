//! `trust`: the public keys whose signatures a reader accepts.
//!
//! A key comes in either by comparing it with a fingerprint that was received by another way, or, on a
//! terminal, by looking at it: then the customer's label has to be typed. Nothing of it comes from a bundle.

use super::ui::{self, Ui};
use super::{passphrase, places, when};
use crate::bundle::trust::{KeyStatus, Revocation, Role, Trust, TrustedKey};
use crate::crypto::PublicKey;
use crate::error::{Error, Result};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{Table, presets};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};

/// `trust`.
#[derive(Subcommand, Debug)]
pub enum Action {
    /// Trust a public key that you received by another way than a bundle.
    Add(Box<Add>),
    /// The keys that you trust, and what you demand of bundles.
    List(Store),
    /// Trust a key no longer, and forget it.
    Remove {
        /// Its fingerprint, or the first 8 or more hex digits of it.
        fingerprint: String,
        #[command(flatten)]
        store: Store,
    },
    /// Mark a key as revoked: what it signed no longer counts.
    Revoke {
        /// Its fingerprint, or the first 8 or more hex digits of it.
        fingerprint: String,
        /// Why.
        #[arg(long, value_enum)]
        reason: Why,
        /// When: RFC 3339, a date, now.
        #[arg(long, value_name = "TIME", default_value = "now")]
        at: String,
        #[command(flatten)]
        store: Store,
    },
    /// Demand roles of every bundle, each by a key of its own; collector is always demanded.
    Require {
        /// collector, privacy-review, policy-approval.
        #[arg(value_enum, required_unless_present = "max_age_days")]
        roles: Vec<Says>,
        /// Greatest age of a bundle in days; 0 for any.
        #[arg(long, value_name = "N")]
        max_age_days: Option<u64>,
        #[command(flatten)]
        store: Store,
    },
}

/// Which trust file.
#[derive(Args, Debug)]
pub struct Store {
    /// Trust file to work on instead of your own.
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
}

/// `trust add`.
#[derive(Args, Debug)]
pub struct Add {
    /// The public key (PEM).
    pub public_key: PathBuf,
    /// Your label of the customer; `verify` prints it as the identity. On a terminal it is asked for.
    #[arg(long, value_name = "LABEL")]
    pub customer: Option<String>,
    /// The fingerprint that you received by another way; without it the terminal shows the key's and asks.
    #[arg(long, value_name = "HEX")]
    pub fingerprint: Option<String>,
    /// Your label of the key.
    #[arg(long, value_name = "LABEL")]
    pub name: Option<String>,
    /// What the key may say. Repeatable.
    #[arg(long, value_enum, value_name = "ROLE", default_values_t = [Says::Collector])]
    pub role: Vec<Says>,
    /// Signatures before this time do not count.
    #[arg(long, value_name = "TIME")]
    pub not_before: Option<String>,
    /// Signatures after this time do not count.
    #[arg(long, value_name = "TIME")]
    pub not_after: Option<String>,
    /// Statement of the customer's old key that this one follows it (`entra-bundle key rotate`).
    #[arg(long, value_name = "FILE")]
    pub rotation: Option<PathBuf>,
    #[command(flatten)]
    pub store: Store,
}

/// Roles.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Sealed the bundle.
    Collector,
    /// Reviewed it for privacy.
    PrivacyReview,
    /// Approved the policy.
    PolicyApproval,
    /// Received it.
    Receipt,
}

/// Reasons of a revocation.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody else may have the key.
    Compromised,
    /// Another key took its place.
    Superseded,
}

impl Says {
    fn role(self) -> Role {
        match self {
            Says::Collector => Role::Collector,
            Says::PrivacyReview => Role::PrivacyReview,
            Says::PolicyApproval => Role::PolicyApproval,
            Says::Receipt => Role::Receipt,
        }
    }
}

impl std::fmt::Display for Says {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.role().id())
    }
}

/// Runs `trust`.
pub fn run(ui: Ui, action: &Action) -> Result<u8> {
    match action {
        Action::Add(args) => add(ui, args)?,
        Action::List(store) => list(ui, &store.load()?.1)?,
        Action::Remove { fingerprint, store } => {
            let (file, mut trust) = store.load()?;
            let key = trust.remove(fingerprint)?;
            save(&file, &trust)?;
            ui.result(
                &serde_json::json!({"removed": key.fingerprint, "file": file}),
                &format!("no longer trusted: sha256 {}\n", ui::grouped(&key.fingerprint)),
            )?;
        }
        Action::Revoke { fingerprint, reason, at, store } => {
            let (file, mut trust) = store.load()?;
            let at = when::stated(when::point(at, jiff::Timestamp::now())?);
            let reason = match reason {
                Why::Compromised => Revocation::Compromised,
                Why::Superseded => Revocation::Superseded,
            };
            let key = trust.revoke(fingerprint, reason, &at)?.fingerprint.clone();
            save(&file, &trust)?;
            ui.result(
                &serde_json::json!({"revoked": key, "at": at, "file": file}),
                &format!("revoked: sha256 {}\nWhat it signed no longer counts.\n", ui::grouped(&key)),
            )?;
        }
        Action::Require { roles, max_age_days, store } => {
            let (file, mut trust) = store.load()?;
            let roles: Vec<Role> = roles.iter().map(|role| role.role()).collect();
            trust.demand(&roles, *max_age_days);
            save(&file, &trust)?;
            ui.result(trust.demands(), &demands(&trust))?;
        }
    }
    Ok(0)
}

impl Store {
    fn load(&self) -> Result<(PathBuf, Trust)> {
        let file = match &self.trust {
            Some(file) => file.clone(),
            None => places::trust_file()?,
        };
        let trust = if file.exists() {
            Trust::parse(&places::read_small(&file, "trust file")?)?
        } else {
            Trust::none()
        };
        Ok((file, trust))
    }
}

fn save(file: &Path, trust: &Trust) -> Result<()> {
    if let Some(folder) = file.parent().filter(|p| !p.as_os_str().is_empty()) {
        places::private_folder(folder)?;
    }
    places::replace_private(file, &trust.to_text()?)
}

fn add(ui: Ui, args: &Add) -> Result<()> {
    let public = PublicKey::from_pem(&places::read_small(&args.public_key, "public key")?)?;
    let (file, mut trust) = args.store.load()?;
    let print = public.fingerprint();
    let customer = match &args.fingerprint {
        Some(received) => {
            if digits(received) != digits(&print) {
                return Err(Error::usage("the key's fingerprint is not the one that you received").hint(
                    format!("the key in the file has sha256 {}; do not trust it", ui::grouped(&print)),
                ));
            }
            args.customer.clone()
        }
        None => Some(first_use(&print, args.customer.as_deref())?),
    };
    let now = jiff::Timestamp::now();
    let time = |text: &Option<String>| -> Result<Option<String>> {
        text.as_deref().map(|text| Ok(when::stated(when::point(text, now)?))).transpose()
    };
    let mut roles: Vec<Role> = args.role.iter().map(|role| role.role()).collect();
    roles.sort_unstable();
    roles.dedup();
    let key = TrustedKey {
        name: args.name.clone(),
        customer,
        not_before: time(&args.not_before)?,
        not_after: time(&args.not_after)?,
        ..TrustedKey::new(&public, roles)
    };
    let statement = match &args.rotation {
        Some(file) => Some(places::read_small(file, "rotation statement")?),
        None => None,
    };
    trust.admit(key.clone(), statement.as_ref().map(|text| text.as_bytes()))?;
    save(&file, &trust)?;
    ui.result(
        &serde_json::json!({"added": key, "file": file}),
        &format!(
            "trusted   sha256 {}\nas        {}   {}\nin        {}\n",
            ui::grouped(&print),
            key.customer.as_deref().unwrap_or("no customer"),
            roles_of(&key),
            file.display()
        ),
    )
}

/// Trust on first use: only on a terminal, and the label is typed by the one who decides.
fn first_use(print: &str, named: Option<&str>) -> Result<String> {
    if !passphrase::terminal() {
        return Err(Error::usage("without a terminal the key's fingerprint has to be given")
            .hint("ask the customer for it by another way than the bundle: --fingerprint HEX"));
    }
    eprintln!("The key's fingerprint is\n\n  sha256 {}\n", ui::grouped(print));
    eprintln!("Compare it with what the customer tells you, on the phone for instance.");
    match named {
        Some(label) => eprint!("If it is the same, type the customer's label ({label}) again: "),
        None => eprint!("If it is the same, type a label for this customer: "),
    }
    let mut typed = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut typed)
        .map_err(|e| Error::io("cannot read from the terminal", e))?;
    let typed = typed.trim();
    if typed.is_empty() || named.is_some_and(|named| named != typed) {
        return Err(Error::usage("nothing was trusted: the label was not typed"));
    }
    Ok(typed.to_owned())
}

/// The hex digits of a fingerprint as people write it: with or without `sha256:`, in groups.
fn digits(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("sha256").unwrap_or(text);
    text.chars().filter(|c| !c.is_whitespace() && *c != ':').map(|c| c.to_ascii_lowercase()).collect()
}

fn list(ui: Ui, trust: &Trust) -> Result<()> {
    let keys: Vec<&TrustedKey> = trust.keys().map(|(key, _)| key).collect();
    if ui.json {
        return ui::print_json(&serde_json::json!({"keys": keys, "policy": trust.demands()}));
    }
    if keys.is_empty() {
        return ui::print("no key is trusted: entra-bundle trust add PUBLIC.pem --customer LABEL\n");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "fingerprint",
        "customer",
        "name",
        "roles",
        "state",
        "valid",
    ]);
    for key in keys {
        let state = match key.status {
            KeyStatus::Active => "active",
            KeyStatus::Retired => "retired",
            KeyStatus::Revoked => "revoked",
        };
        let valid = match (&key.not_before, &key.not_after) {
            (None, None) => "always".to_owned(),
            (from, to) => format!("{} … {}", from.as_deref().unwrap_or(""), to.as_deref().unwrap_or("")),
        };
        table.add_row([
            &ui::grouped(&key.fingerprint)[..19],
            key.customer.as_deref().unwrap_or("-"),
            key.name.as_deref().unwrap_or("-"),
            &roles_of(key),
            state,
            &valid,
        ]);
    }
    ui::print(&format!("{}\n{}", ui::plain(&table), demands(trust)))
}

fn roles_of(key: &TrustedKey) -> String {
    key.roles.iter().map(|role| role.id()).collect::<Vec<_>>().join(", ")
}

fn demands(trust: &Trust) -> String {
    let roles: Vec<&str> = trust.demands().require.iter().map(|role| role.id()).collect();
    let age = match trust.demands().max_age_days {
        0 => String::new(),
        days => format!(", and be at most {days} days old"),
    };
    format!("every bundle must be signed by: {}{age}\n", roles.join(", "))
}
