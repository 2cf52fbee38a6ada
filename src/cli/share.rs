//! `share`: sends a finished, verified bundle to an address that support gave for it.

use super::args::Trusting;
use super::network::NetworkArgs;
use super::ui::{self, Terminal, Ui};
use super::{interrupt, places, reading};
use crate::error::{self, Error, Result};
use crate::http::Address;
use crate::share::{self, BLOCK_BYTES, Content, Job, Patience, Sent, Standing};
use clap::Args;
use jiff::Timestamp;
use std::io::Read as _;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Longest address that is read.
const ADDRESS_BYTES: u64 = 64 << 10;

/// `share`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("address").required(true))]
pub struct Share {
    /// The bundle: entra-bundle-….zip or .zip.age.
    bundle: PathBuf,
    /// File whose first line is the address (SAS URL of a blob or container, or an https address that takes PUT).
    #[arg(long, value_name = "FILE", group = "address")]
    to_file: Option<PathBuf>,
    /// Name of the environment variable that holds the address.
    #[arg(long, value_name = "VAR", group = "address")]
    to_env: Option<String>,
    /// `-` reads the address from standard input. The address itself is never an argument.
    #[arg(long, value_name = "-", group = "address", allow_hyphen_values = true)]
    to: Option<String>,
    /// Send a bundle that is not encrypted.
    #[arg(long)]
    allow_plaintext_upload: bool,
    #[command(flatten)]
    trust: Trusting,
    #[command(flatten)]
    network: NetworkArgs,
}

/// Runs `share`.
pub fn run(ui: Ui, args: &Share) -> Result<u8> {
    reading::exists(&args.bundle)?;
    let network = args.network.settle()?;
    let address = address(args)?;
    let content = Content::open(&args.bundle)?;
    let checked = check(ui, &content, args)?;
    let terminal = Terminal::new(ui);
    ui.note(&format!("sending {} to {}", ui::size(content.size()), address.host()));
    let sent = share::run(&Job {
        content: &content,
        address: &address,
        network: &network,
        state: &places::state()?.join("share"),
        now: Timestamp::now(),
        block_bytes: BLOCK_BYTES,
        patience: Patience::default(),
        observer: &terminal,
        stop: interrupt::flag(),
    })?;
    let mut json = serde_json::to_value(&sent)
        .map_err(|_| Error::new(error::Kind::Internal, "cannot serialise the result"))?;
    json["bundle"] = serde_json::json!(args.bundle);
    json["checked"] = serde_json::json!(checked);
    ui.result(&json, &text(&sent, checked))?;
    Ok(0)
}

/// Only a finished bundle is sent. One in clear is verified in full. One that is encrypted cannot be
/// read without an identity: that it is a whole age file is all that can be said of it. With one it
/// is verified as well.
fn check(ui: Ui, content: &Content, args: &Share) -> Result<&'static str> {
    let opening = &args.trust.opening;
    let opens = !opening.identity.is_empty() || opening.passphrase.is_named();
    if content.standing() == Standing::Encrypted && !opens {
        return Ok("encrypted");
    }
    match reading::open(&args.bundle, &own_trust(&args.trust)?) {
        Ok(_) => {}
        // The last of all steps: everything else holds, and volumes are sent one by one.
        Err(error) if error.kind() == error::Kind::Series => {
            ui.note("this is one volume of a series: send the others too");
        }
        Err(error) if error.kind() == error::Kind::Untrusted => {
            return Err(
                error.hint("name the public key of the key that sealed it: --public-key signing.pub.pem")
            );
        }
        Err(error) => return Err(error),
    }
    // The file that was verified is the file that is sent: the digest is taken again on the way.
    if Content::open(&args.bundle)?.sha256() != content.sha256() {
        return Err(Error::new(error::Kind::Integrity, "the bundle changed while it was checked"));
    }
    if content.standing() == Standing::Clear && !args.allow_plaintext_upload {
        return Err(Error::new(
            error::Kind::Privacy,
            "the bundle is not encrypted: whoever holds the address or the storage can read it",
        )
        .hint("seal it with --recipient, or send it as it is with --allow-plaintext-upload"));
    }
    Ok("verified")
}

/// Who sends is who sealed: without flags the own public key is trusted.
fn own_trust(named: &Trusting) -> Result<Trusting> {
    let own = places::configuration()?.join("signing.pub.pem");
    if named.trust.is_some() || !named.public_key.is_empty() || !own.is_file() {
        return Ok(named.clone());
    }
    Ok(Trusting { public_key: vec![own], ..named.clone() })
}

fn address(args: &Share) -> Result<Address> {
    let text: Zeroizing<String> = match (&args.to_file, &args.to_env, args.to.as_deref()) {
        (Some(file), ..) => places::read_small_of(file, "file with the address", ADDRESS_BYTES)?,
        (_, Some(name), _) => Zeroizing::new(std::env::var(name).map_err(|_| {
            Error::usage("the environment variable with the address is not set, or is no text")
        })?),
        (.., Some("-")) => {
            let mut text = Zeroizing::new(String::new());
            std::io::stdin()
                .take(ADDRESS_BYTES)
                .read_to_string(&mut text)
                .map_err(|_| Error::usage("cannot read the address from standard input"))?;
            text
        }
        _ => {
            // What stands there is not repeated: it may be the credential.
            return Err(Error::usage("--to takes `-` alone: an address is a credential and never an argument")
                .hint("--to-file FILE, --to-env VAR, or --to - and the address on standard input; an address that was typed here stands in the history of the shell: ask for a new one"));
        }
    };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Address::parse(line)
}

fn text(sent: &Sent, checked: &str) -> String {
    let what = match (sent.already_there, sent.blocks_kept) {
        (true, _) => "lies there already".to_owned(),
        (false, 0) => "sent".to_owned(),
        (false, kept) => format!("sent ({kept} of {} blocks were there from an earlier run)", sent.blocks),
    };
    let checked = match checked {
        "verified" => "integrity and origin proven",
        _ => "encrypted: a whole age file; what is in it only a recipient can verify",
    };
    let confirmed = match sent.confirmed {
        true => "the server holds a file of this size and digest",
        false => "the server accepted it; the address does not permit to look",
    };
    format!(
        "bundle    {what}: {} to {}\nchecked   {checked}\nsha256    {}\nconfirmed {confirmed}\n",
        ui::size(sent.bytes),
        sent.host,
        sent.sha256
    )
}
