//! What the user typed: clap types, nothing resolved yet. No clap type is used outside `cli`.

use super::decrypt::Decrypt;
use super::opening::Opening;
use super::recipients::Encrypting;
use super::tenant::{ScopeArgs, Tenant};
use super::{countersign, export, limits, passphrase, prove, receipt, trust};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Gathers, pseudonymizes, signs and reads diagnostic support bundles for Microsoft Entra ID.
#[derive(Parser, Debug)]
#[command(name = "entra-bundle", version, disable_help_subcommand = true, help_template = HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Print one JSON document on standard output, and errors as JSON on standard error.
    #[arg(long, global = true)]
    pub json: bool,

    /// Say nothing on standard error but errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// No progress display, even on a terminal.
    #[arg(long, global = true)]
    pub no_progress: bool,
}

const HELP: &str = "\
{about}

Usage: entra-bundle COMMAND [OPTIONS]        (entra-bundle COMMAND --help tells more)

For administrators
  demo         Try everything on a simulated tenant, no account needed
  doctor       Is everything there that a collection needs? Asks, changes nothing
  plan         What a collection from the tenant would give, before anything is collected
  collect      Gather from the tenant, from local exports and logs, and seal a bundle
  gather       Only gather: from the tenant and files into an encrypted workspace
  preview      Show before and after of every field of a workspace, for your eyes
  seal         Only seal: make a bundle from a workspace
  share        Send a finished bundle to an upload address
  lookup       Real value to pseudonym, so that you can say \"look at u-…\"
  reveal       Pseudonym to real value, with the incident key
  key          Make keys, show their fingerprints
  workspace    List and remove the workspaces that runs left

For privacy officers
  policy       Show, explain, check and compare policies; print the decision table
  countersign  Look at a sealed bundle's decision table and sign it, or reject it
  scan         Count personal data in any file by kind; writes nothing

For support engineers
  verify       Prove origin and integrity of a bundle, offline
  info         What a bundle holds, and what is missing and why
  records      List and filter the records of a bundle
  unpack       Verify, then unpack into a fresh folder
  decrypt      Turn an encrypted bundle into the zip inside it
  export       Write an index of a bundle's files as CSV, for legal holds
  prove        Prove one file of a bundle without showing the names of the others
  trust        Pin public keys, with roles and labels of your own

For anyone
  datasets     List the kinds of data the program knows
  permissions  What an application must be allowed to read
  profiles     List what the kinds of incidents need
  completions  Print a completion script for a shell

Options
{options}

Exit codes: 0 done · 1 failed · 2 usage · 3 sealed but incomplete · 4 access · 5 privacy refusal ·
10 not a bundle · 11 integrity · 12 signature · 13 origin not proven · 14 trust policy · 15 limit ·
16 unsupported · 17 decryption · 18 series or incomplete · 130 interrupted
";

/// The commands. There is one value of it in a run, so its size does not matter.
#[derive(Subcommand, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Command {
    /// Try everything on a simulated tenant, no account needed.
    #[command(after_help = "Example: entra-bundle demo --out demo-run\n\nExit codes: 0, 1, 2, 5.")]
    Demo(Demo),
    /// Is everything there that a collection needs? Asks, changes nothing.
    #[command(
        after_help = "Example: entra-bundle doctor --tenant contoso.com --device-code\n\nExit codes: 0; 4 something stands in the way; 1, 2."
    )]
    Doctor(super::doctor::Doctor),
    /// What a collection from the tenant would give, before anything is collected.
    #[command(
        after_help = "Example: entra-bundle plan --tenant contoso.com --profile signin-failure --since 48h\n\nExit codes: 0, 1, 2, 4."
    )]
    Plan(super::plan::Plan),
    /// Gather from the tenant, from local exports and logs, and seal a bundle.
    #[command(
        after_help = "Examples:\n  entra-bundle collect --input exports/ --input trace.zip --out bundles/\n  \
        entra-bundle collect --tenant contoso.com --profile signin-failure --since 48h --user greta@contoso.com\n\n\
        Exit codes: 0; 3 sealed but incomplete; 1, 2, 4 nothing could be read, 5 privacy refusal, 130."
    )]
    Collect(Collect),
    /// Only gather: from the tenant and files into an encrypted workspace.
    #[command(
        after_help = "Example: entra-bundle gather --input exports/ --workspace case-7\n\nExit codes: 0, 1, 2, 3, 4, 130."
    )]
    Gather(Gather),
    /// Only seal: make a bundle from a workspace.
    #[command(
        after_help = "Example: entra-bundle seal --workspace case-7 --policy strict --out bundles/\n\nExit codes: 0, 1, 2, 3, 5, 130."
    )]
    Seal(Seal),
    /// Send a finished bundle to an upload address.
    #[command(
        after_help = "Example: entra-bundle share entra-bundle-3kq….zip.age --to-file upload-address.txt\n\n\
        A killed or interrupted transfer continues when the same command is run again.\n\n\
        Exit codes: 0; 1 network; 2; 4 the address has expired or does not permit it; 5 not encrypted; \
        10 to 18 as verify; 130."
    )]
    Share(super::share::Share),
    /// Prove origin and integrity of a bundle, offline.
    #[command(
        after_help = "Example: entra-bundle verify entra-bundle-3kq….zip --public-key signing.pub.pem\n\n\
        Exit codes: 0 integrity and origin proven; 10 not a bundle; 11 integrity; 12 signature; 13 origin not proven; \
        14 trust policy; 15 limit; 16 unsupported; 18 incomplete with --require-complete."
    )]
    Verify(Verify),
    /// Write an index of a bundle's files as CSV, for legal holds.
    #[command(
        after_help = "Example: entra-bundle export bundle.zip --out index.csv --public-key signing.pub.pem\n\nExit codes: as verify; 2 if the file exists."
    )]
    Export(export::Export),
    /// Prove one file of a bundle without showing the names of the others.
    #[command(
        after_help = "Example: entra-bundle prove bundle.zip data/graph/users/part-00000.jsonl --out users.proof.json\n\n\
        The other side: entra-bundle verify --entry part-00000.jsonl --proof users.proof.json\n\nExit codes: as verify; 2 no such entry."
    )]
    Prove(prove::Prove),
    /// Whose signatures you accept: pin public keys, with roles and labels of your own.
    #[command(
        after_help = "Example: entra-bundle trust add signing.pub.pem --customer Contoso --fingerprint '3f28 91aa …'\n\n\
        Exit codes: 0, 1, 2; 14 a second key of a known customer without a rotation statement."
    )]
    Trust {
        /// What to do with trusted keys.
        #[command(subcommand)]
        action: trust::Action,
    },
    /// Verify, then unpack into a fresh folder.
    #[command(
        after_help = "Example: entra-bundle unpack bundle.zip --to case-7 --public-key signing.pub.pem\n\nExit codes: as verify; 2 if the folder exists."
    )]
    Unpack(Unpack),
    /// Turn an encrypted bundle into the zip inside it. Other commands read encrypted bundles as they are.
    #[command(
        after_help = "Example: entra-bundle decrypt bundle.zip.age --identity support.key --out bundle.zip\n\nExit codes: 0; 2 if the file exists; 15 limit; 16 unsupported; 17 decryption failed."
    )]
    Decrypt(Decrypt),
    /// What a bundle holds, and what is missing and why.
    #[command(
        after_help = "Example: entra-bundle info bundle.zip --missing --public-key signing.pub.pem\n\nExit codes: as verify."
    )]
    Info(Info),
    /// List and filter the records of a bundle.
    #[command(
        after_help = "Examples:\n  entra-bundle records bundle.zip --dataset directory_audits --activity 'Add user'\n  \
        entra-bundle records bundle.zip --correlation-id 8a1b7c33-… --format csv\n\nExit codes: as verify; 2 wrong column or dataset."
    )]
    Records(Records),
    /// Real value to pseudonym, so that you can say "look at u-…".
    #[command(
        after_help = "Example: printf %s greta@contoso.com | entra-bundle lookup --key incident.key -\n\nExit codes: 0, 1, 2."
    )]
    Lookup(Lookup),
    /// Pseudonym to real value, with the incident key.
    #[command(
        after_help = "Example: entra-bundle reveal --key incident.key --candidates users.csv u-5ruvv4drp33lo\n\n\
        The output contains personal data. Exit codes: 0 all revealed; 1 some were not; 2."
    )]
    Reveal(Reveal),
    /// Make keys, show their fingerprints.
    #[command(
        after_help = "Examples:\n  entra-bundle key generate signing --out signing.key --passphrase\n  entra-bundle key generate recipient --out support.key\n\nExit codes: 0, 1, 2."
    )]
    Key {
        /// What to do with keys.
        #[command(subcommand)]
        action: Key,
    },
    /// List and remove the workspaces that runs left.
    #[command(after_help = "Example: entra-bundle workspace list\n\nExit codes: 0, 1, 2, 17.")]
    Workspace {
        /// What to do with workspaces.
        #[command(subcommand)]
        action: Workspace,
    },
    /// Count personal data in any file by kind; writes nothing.
    #[command(
        after_help = "Example: entra-bundle scan export/ --fail-on-findings\n\nExit codes: 0; 5 findings, with --fail-on-findings; 1, 2."
    )]
    Scan(Scan),
    /// Show, explain, check and compare policies; print the decision table.
    #[command(
        after_help = "Example: entra-bundle policy matrix balanced --format html > policy.html\n\nExit codes: 0, 2, 5 (`coverage` below --fail-under)."
    )]
    Policy {
        /// What to do with policies.
        #[command(subcommand)]
        action: super::policy::Action,
    },
    /// Look at a sealed bundle's decision table and sign it, or reject it.
    #[command(
        after_help = "Example: entra-bundle countersign bundle.zip --sign-key officer.key --public-key signing.pub.pem\n\n\
        Exit codes: 0; 2; 5 another policy, or findings by shape; else as verify."
    )]
    Countersign(Box<countersign::Countersign>),
    /// Show before and after of every field of a workspace, for your eyes.
    Preview(super::preview::Args),
    /// List the kinds of data the program knows.
    #[command(after_help = "Example: entra-bundle datasets --group logs\n\nExit codes: 0, 2.")]
    Datasets(Datasets),
    /// What an application must be allowed to read, also as the manifest of its registration.
    #[command(
        after_help = "Example: entra-bundle permissions --profile signin-failure --manifest > manifest.json\n\nExit codes: 0, 2."
    )]
    Permissions(super::permissions::Permissions),
    /// List what the kinds of incidents need.
    #[command(after_help = "Example: entra-bundle profiles\n\nExit codes: 0.")]
    Profiles,
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example: entra-bundle completions bash > /etc/bash_completion.d/entra-bundle\n\nExit codes: 0, 2."
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// Folder that receives export/, bundle/ and private/; must not exist.
    #[arg(long, value_name = "DIR", default_value = "entra-bundle-demo")]
    pub out: PathBuf,
    /// Users of the simulated tenant.
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u32).range(200..=100_000))]
    pub users: u32,
    /// Sign-ins of the simulated tenant.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub sign_ins: u32,
}

/// What is read.
#[derive(Args, Clone, Debug)]
pub struct Input {
    /// Local file, folder or zip: exports, archives, on-premises logs. Repeatable. Links are not followed.
    #[arg(long, value_name = "PATH", required_unless_present_any = ["on_premises", "tenant"])]
    pub input: Vec<PathBuf>,
    /// Take the logs and configuration of the products installed on this server, from their default
    /// paths; what is found and what is left out is listed first.
    #[arg(long)]
    pub on_premises: bool,
    /// Look for them in a copy of the server's disk: the folder that holds ProgramData and Windows.
    #[arg(long, value_name = "DIR", requires = "on_premises")]
    pub root: Option<PathBuf>,
    /// What support already holds, by kind and its reference: authenticator=ABC123. Repeatable.
    #[arg(long, value_name = "KIND=REFERENCE")]
    pub uploaded: Vec<String>,
    /// Take text of unknown kind too (scanned, marked in the manifest).
    #[arg(long)]
    pub accept_text: bool,
    /// Zone of the servers whose logs name none: Europe/Berlin, +02:00. Without it that of this machine.
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub timezone: Option<String>,
    /// Only these datasets. Repeatable; `entra-bundle datasets` lists them.
    #[arg(long, value_name = "ID")]
    pub dataset: Vec<String>,
    /// Leave these datasets out. Repeatable.
    #[arg(long, value_name = "ID")]
    pub without: Vec<String>,
    #[command(flatten)]
    pub window: Window,
    #[command(flatten)]
    pub scope: ScopeArgs,
    #[command(flatten)]
    pub tenant: Tenant,
    /// What `--catalogue` names, which is a flag of the command.
    #[arg(skip)]
    pub own_catalogue: Option<PathBuf>,
}

impl Input {
    /// The catalogue in force: the built-in one, or what `--catalogue` makes of it.
    pub fn catalogue(&self) -> crate::error::Result<&'static crate::catalogue::Catalogue> {
        super::policy::catalogue(self.own_catalogue.as_deref())
    }
}

/// A time window `[from, to)` in UTC.
#[derive(Args, Clone, Debug)]
pub struct Window {
    /// Start of the time window, relative to now: 72h, 7d, -4h.
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["from", "to"], allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Start of the time window: RFC 3339, a date, -7d, now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End of the time window (exclusive): RFC 3339, a date, -4h, now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
}

/// Where the raw records are spooled.
#[derive(Args, Debug)]
pub struct Spool {
    /// Folder for the encrypted workspace; kept afterwards. Without it one is made in your state folder.
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// Continue the interrupted run whose input and options are the same.
    #[arg(long)]
    pub resume: bool,
}

/// How a bundle is sealed.
#[derive(Args, Debug)]
pub struct Sealing {
    /// minimal, balanced, strict, or a policy file that extends one of them.
    #[arg(long, value_name = "PRESET|FILE", default_value = "balanced")]
    pub policy: String,
    /// A file with further fields and datasets: it may add to the catalogue and loosens nothing.
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    /// Replace account labels in texts even where they are frequent words of these very logs. Without it
    /// such a label is replaced beside a cue (`user=`, `DOMAIN\`) only.
    #[arg(long)]
    pub strict_names: bool,
    /// Incident key. Without it a new one is written to your state folder and its path printed.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Signing key (PKCS#8 PEM). Without it one is made on first use in your configuration folder.
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
    #[command(flatten)]
    pub encrypting: Encrypting,
    #[command(flatten)]
    pub sign_key_passphrase: SignKeyPassphrase,
    /// Case reference for support: letters, digits, `.`, `_`, `-`; at most 64. It is signed and printed.
    #[arg(long, value_name = "REF")]
    pub case: Option<String>,
    /// Worker threads. The bundle does not depend on their number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
    /// File that ends in .zip (.zip.age if encrypted), or folder in which the bundle gets its own name.
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub out: PathBuf,
    /// Make volumes of at most this size, each a signed bundle of its own: 500MiB, 25MB. At least 1MiB.
    #[arg(long, value_name = "SIZE", value_parser = super::when::size)]
    pub max_volume: Option<u64>,
    /// Replace an existing output file.
    #[arg(long)]
    pub force: bool,
}

/// The passphrase of an encrypted signing key.
#[derive(Args, Debug, Default)]
pub struct SignKeyPassphrase {
    /// File whose first line is the passphrase of an encrypted signing key. Without it the terminal asks.
    #[arg(long, value_name = "FILE", conflicts_with = "sign_key_passphrase_env")]
    pub sign_key_passphrase_file: Option<PathBuf>,
    /// Name of the environment variable that holds it.
    #[arg(long, value_name = "VAR")]
    pub sign_key_passphrase_env: Option<String>,
}

impl SignKeyPassphrase {
    /// Where it comes from.
    pub fn from(&self) -> passphrase::From<'_> {
        passphrase::From {
            file: self.sign_key_passphrase_file.as_deref(),
            variable: self.sign_key_passphrase_env.as_deref(),
        }
    }
}

/// `collect`.
#[derive(Args, Debug)]
pub struct Collect {
    #[command(flatten)]
    pub input: Input,
    #[command(flatten)]
    pub spool: Spool,
    /// Keep the workspace, to seal again or to reveal pseudonyms.
    #[arg(long)]
    pub keep_workspace: bool,
    #[command(flatten)]
    pub sealing: Sealing,
}

/// `gather`.
#[derive(Args, Debug)]
pub struct Gather {
    #[command(flatten)]
    pub input: Input,
    /// A file with further datasets of Microsoft Graph and fields; give it to `seal`, too.
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    #[command(flatten)]
    pub spool: Spool,
}

/// `seal`.
#[derive(Args, Debug)]
pub struct Seal {
    /// The workspace that `gather` or `collect` left.
    #[arg(long, value_name = "DIR")]
    pub workspace: PathBuf,
    #[command(flatten)]
    pub sealing: Sealing,
}

/// Whom the reader trusts.
#[derive(Args, Clone, Debug)]
pub struct Trusting {
    /// Trust file (JSON) with pinned keys, roles and required roles. Without this and --public-key: your own,
    /// which `entra-bundle trust` keeps.
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    pub trust: Option<PathBuf>,
    /// The collector's public key (PEM), received by another way than the bundle.
    #[arg(long, value_name = "FILE")]
    pub public_key: Vec<PathBuf>,
    #[command(flatten)]
    pub opening: Opening,
    #[command(flatten)]
    pub limits: limits::LimitFlags,
}

/// `verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// The bundle (all volumes of a series, or their folder), and detached attestations (files that end in .intoto.jsonl).
    #[arg(required_unless_present = "entry", value_name = "BUNDLE")]
    pub paths: Vec<PathBuf>,
    /// Instead of a bundle: one file of it, held against its proof.
    #[arg(long, value_name = "FILE", requires = "proof", conflicts_with = "paths")]
    pub entry: Option<PathBuf>,
    /// The proof that `entra-bundle prove` wrote for that file.
    #[arg(long, value_name = "PROOF", requires = "entry")]
    pub proof: Option<PathBuf>,
    #[command(flatten)]
    pub trust: Trusting,
    /// The bundle must carry this case reference.
    #[arg(long, value_name = "REF")]
    pub expect_case: Option<String>,
    /// The bundle must have this id.
    #[arg(long, value_name = "ID")]
    pub expect_bundle: Option<String>,
    /// The bundle must not be older than this: 72h, 30d.
    #[arg(long, value_name = "SPAN")]
    pub max_age: Option<String>,
    /// An incomplete bundle is exit 18.
    #[arg(long)]
    pub require_complete: bool,
    /// Search the content once more for identifying shapes, without any key: exit 5 on findings.
    #[arg(long)]
    pub privacy: bool,
    /// List findings of a bundle whose origin is not proven. It still ends in 13 or 14.
    #[arg(long)]
    pub inspect_untrusted: bool,
    #[command(flatten)]
    pub receipt: receipt::ReceiptArgs,
}

/// `unpack`.
#[derive(Args, Debug)]
pub struct Unpack {
    /// The bundle, or the folder that holds the volumes of one.
    pub bundle: PathBuf,
    /// Folder to make; must not exist.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    #[command(flatten)]
    pub trust: Trusting,
}

/// `info`.
#[derive(Args, Debug)]
pub struct Info {
    /// The bundle, or the folder that holds the volumes of one.
    pub bundle: PathBuf,
    /// Only what is missing, and why.
    #[arg(long)]
    pub missing: bool,
    #[command(flatten)]
    pub trust: Trusting,
}

/// How rows are printed.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns for people.
    Table,
    /// RFC 4180, safe against formulas in spreadsheets.
    Csv,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// `records`.
#[derive(Args, Debug)]
pub struct Records {
    /// The bundle, or the folder that holds the volumes of one.
    pub bundle: PathBuf,
    #[command(flatten)]
    pub trust: Trusting,
    /// The dataset to list. Without it: what related rows of all datasets have in common.
    #[arg(long, value_name = "ID")]
    pub dataset: Option<String>,
    /// Columns to show instead of the default ones.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    pub columns: Vec<String>,
    /// Not before this time: RFC 3339, a date, -7d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Service that logged the record, e.g. `Core Directory`.
    #[arg(long)]
    pub service: Option<String>,
    /// Category, e.g. `UserManagement`.
    #[arg(long)]
    pub category: Option<String>,
    /// Activity, e.g. `Add user`; dashes and spaces compare loosely.
    #[arg(long)]
    pub activity: Option<String>,
    /// Status or result: `success`, `failure` (of a sign-in: any error code but 0), or one error code.
    #[arg(long)]
    pub status: Option<String>,
    /// Who did it: pseudonym or app name.
    #[arg(long)]
    pub initiator: Option<String>,
    /// To whom or what.
    #[arg(long)]
    pub target: Option<String>,
    /// User: pseudonym of UPN, name or object id.
    #[arg(long)]
    pub user: Option<String>,
    /// Application: name or id.
    #[arg(long)]
    pub app: Option<String>,
    /// Device: pseudonym of name or id.
    #[arg(long)]
    pub device: Option<String>,
    /// Correlation id; without --dataset, related rows of all datasets in time order.
    #[arg(long, value_name = "ID")]
    pub correlation_id: Option<String>,
    /// Request id.
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// Hide informational entries (Microsoft Substrate Management).
    #[arg(long)]
    pub hide_informational: bool,
    /// Print at most this many rows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `lookup`.
#[derive(Args, Debug)]
pub struct Lookup {
    /// The incident key.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Real values; `-` reads them from standard input, one a line, so that they stay out of the shell history.
    #[arg(required = true)]
    pub values: Vec<String>,
}

/// `reveal`.
#[derive(Args, Debug)]
pub struct Reveal {
    /// The incident key.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// A kept workspace: all its values are candidates.
    #[arg(long, value_name = "DIR", required_unless_present = "candidates")]
    pub workspace: Option<PathBuf>,
    /// File of candidates: CSV or JSON export of users, or one value a line.
    #[arg(long, value_name = "FILE")]
    pub candidates: Option<PathBuf>,
    /// A file with further fields, whose values in the workspace are candidates too.
    #[arg(long, value_name = "FILE", requires = "workspace")]
    pub catalogue: Option<PathBuf>,
    /// Pseudonyms; `-` reads them from standard input, one a line.
    #[arg(required = true)]
    pub tokens: Vec<String>,
    /// Reveal more than 50 pseudonyms at once: the number you expect at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub at_most: usize,
}

/// `key`.
#[derive(Subcommand, Debug)]
pub enum Key {
    /// Make a key; the file is readable by you alone.
    Generate {
        /// What the key is for.
        what: KeyPurpose,
        /// Where to write it; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Algorithm of a signing key.
        #[arg(long, value_enum, default_value_t = Alg::Ed25519)]
        alg: Alg,
        /// Encrypt the signing key with a passphrase (PBES2, which OpenSSL reads); the terminal asks for it.
        #[arg(long)]
        passphrase: bool,
        #[command(flatten)]
        from: KeyPassphrase,
    },
    /// Name the key that follows a signing key, so that support can take it without asking again.
    Rotate {
        /// The new public key (PEM).
        new: PathBuf,
        /// The signing key that support trusts already.
        #[arg(long, value_name = "FILE")]
        sign_key: PathBuf,
        #[command(flatten)]
        passphrase: SignKeyPassphrase,
        /// The statement to write, by custom ending in .intoto.jsonl; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Show the fingerprint of a key: what support compares by another way.
    Fingerprint {
        /// An incident key, a signing key, a public key, or an identity file (shows its recipients).
        file: PathBuf,
        #[command(flatten)]
        from: KeyPassphrase,
    },
}

/// The passphrase of a key file.
#[derive(Args, Debug, Default)]
pub struct KeyPassphrase {
    /// File whose first line is the passphrase.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_env")]
    pub passphrase_file: Option<PathBuf>,
    /// Name of the environment variable that holds the passphrase.
    #[arg(long, value_name = "VAR")]
    pub passphrase_env: Option<String>,
}

impl KeyPassphrase {
    /// Where it comes from.
    pub fn from(&self) -> passphrase::From<'_> {
        passphrase::From { file: self.passphrase_file.as_deref(), variable: self.passphrase_env.as_deref() }
    }
}

/// `workspace`.
#[derive(Subcommand, Debug)]
pub enum Workspace {
    /// The workspaces in your state folder.
    List,
    /// Remove a workspace and its key. The raw data in it cannot be read afterwards.
    Remove {
        /// The workspace.
        folder: PathBuf,
    },
}

/// What a key is for.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPurpose {
    /// Turns values into pseudonyms and back. Stays with the customer.
    Incident,
    /// Signs bundles.
    Signing,
    /// Opens bundles that are encrypted to it (age, X25519). Made by whoever receives them.
    Recipient,
}

/// Signature algorithms.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alg {
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
}

/// `scan`.
#[derive(Args, Debug)]
pub struct Scan {
    /// Files or folders.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Exit 5 when anything was found.
    #[arg(long)]
    pub fail_on_findings: bool,
}

/// `datasets`.
#[derive(Args, Debug)]
pub struct Datasets {
    /// Only this group: objects, configuration, logs, health, onpremises.
    #[arg(long)]
    pub group: Option<String>,
}
