//! `collect` = `gather` + `seal`, and each of the two alone.

use super::args::{Collect, Gather, Input, Seal, Sealing, Spool};
use super::key::{self, Signing};
use super::on_premises::{self, Resolved};
use super::recipients::{self, Chosen, PassphraseFile};
use super::ui::{self, Terminal, Ui};
use super::workspaces::{self, Held};
use super::{interrupt, places, policy, tenant, when};
use crate::bundle::{self, Volumes};
use crate::catalogue::Catalogue;
use crate::crypto::encryption::{self, Recipients};
use crate::crypto::{self, Signer as _};
use crate::error::{self, Error, Result};
use crate::event::Outcome;
use crate::gather::scope::{Axis, Scope};
use crate::gather::service;
use crate::gather::{self, Selection};
use crate::inspect::summary;
use crate::privacy::collision::TokenWatch;
use crate::privacy::{IncidentKey, Pseudonymizer, Rules};
use crate::seal::{self, Uploaded};
use crate::source::local::{DigestKey, LocalFiles, Options};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Runs `collect`.
pub fn run(ui: Ui, args: &Collect) -> Result<u8> {
    let finished = execute(ui, args)?;
    ui.result(&finished.json(), &finished.text())?;
    Ok(finished.code)
}

/// `collect` up to its result, which is not printed.
pub fn execute(ui: Ui, args: &Collect) -> Result<Finished> {
    let now = Timestamp::now();
    let mut resolved = on_premises::resolve(ui, &args.input, &args.spool, window(&args.input, now)?)?;
    resolved.input.own_catalogue.clone_from(&args.sealing.catalogue);
    let input = &resolved.input;
    let mut setup = Setup::new(ui, &args.sealing)?;
    let draft = setup.draft(&args.sealing, args.spool.workspace.as_deref(), &input.input)?;
    let mut held = begin(input, &args.spool, now)?;
    let gathered = gather_into(ui, &resolved, &mut held)?;
    let keep = args.keep_workspace || args.spool.workspace.is_some();
    if gathered.is_nothing() {
        ui.note(&listing_of_refused(&held)?);
        let error = nothing(gathered.refused, input);
        if !keep {
            workspaces::remove(held)?;
        }
        return Err(error);
    }
    finish(ui, setup, draft, held, keep, now)
}

fn nothing(refused: u64, input: &Input) -> Error {
    let refused = |what: &str| {
        Error::new(error::Kind::Access, format!("nothing could be collected: {refused} {what} refused"))
    };
    if input.tenant.tenant.is_some() {
        return refused("datasets and files")
            .hint("docs/collecting.md tells which permission each needs; another sign-in may have them");
    }
    refused("files").hint(
        "give files of a known kind (`entra-bundle datasets`), or take text of unknown kind with --accept-text",
    )
}

/// Runs `gather`.
pub fn gather(ui: Ui, args: &Gather) -> Result<u8> {
    let now = Timestamp::now();
    let mut resolved = on_premises::resolve(ui, &args.input, &args.spool, window(&args.input, now)?)?;
    resolved.input.own_catalogue.clone_from(&args.catalogue);
    let input = &resolved.input;
    let mut held = begin(input, &args.spool, now)?;
    let summary = gather_into(ui, &resolved, &mut held)?;
    let folder = held.folder.display().to_string();
    let code = if summary.is_incomplete() { error::INCOMPLETE } else { 0 };
    if summary.is_incomplete() {
        ui.note(&listing_of_refused(&held)?);
    }
    if summary.is_nothing() {
        return Err(nothing(summary.refused, input));
    }
    ui.result(
        &json!({"workspace": held.folder, "files": summary.units, "refused": summary.refused, "damaged": summary.damaged,
                "records": summary.records, "code": code}),
        &format!(
            "workspace {folder}\nrecords   {} from {} {} ({} refused, {} damaged)\nnext      {} seal --workspace {folder}\n",
            ui::thousands(summary.records),
            summary.units,
            if input.tenant.tenant.is_some() { "datasets and files" } else { "files" },
            summary.refused,
            summary.damaged,
            ui::program(),
        ),
    )?;
    Ok(code)
}

/// Runs `seal`.
pub fn seal(ui: Ui, args: &Seal) -> Result<u8> {
    let mut setup = Setup::new(ui, &args.sealing)?;
    let draft = setup.draft(&args.sealing, Some(&args.workspace), &[])?;
    let held = workspaces::open_held(&args.workspace)?;
    let finished = finish(ui, setup, draft, held, true, Timestamp::now())?;
    ui.result(&finished.json(), &finished.text())?;
    Ok(finished.code)
}

/// Smallest volume that may be asked for, in bytes: room for an account of the collection and a part.
const LEAST_VOLUME: u64 = 1 << 20;

/// All that sealing needs, settled and checked before the long work starts.
struct Setup {
    policy: crate::privacy::Policy,
    rules: Rules,
    nonce: Option<[u8; 32]>,
    key: IncidentKey,
    key_file: PathBuf,
    signing: Signing,
    /// Taken when the output is opened.
    recipients: Option<Recipients>,
    /// File of the passphrase that was made.
    passphrase_file: Option<PassphraseFile>,
    case: Option<String>,
    strict_names: bool,
    workers: usize,
    bundle_id: String,
}

impl Setup {
    fn new(ui: Ui, args: &Sealing) -> Result<Self> {
        let policy = policy::load(&args.policy)?;
        let rules = policy::rules(&policy, policy::catalogue(args.catalogue.as_deref())?)?;
        let nonce = policy::nonce(&policy)?;
        if args.case.as_deref().is_some_and(|case| !bundle::grammar::is_reference(case)) {
            return Err(Error::usage("the case reference is not allowed")
                .hint("letters, digits, `.`, `_` and `-`, at most 64"));
        }
        if args.max_volume.is_some_and(|most| most < LEAST_VOLUME) {
            return Err(Error::usage("--max-volume is at least 1MiB"));
        }
        let bundle_id = bundle::new_bundle_id()?;
        let chosen = recipients::choose(ui, &args.encrypting, &bundle_id)?;
        let (recipients, passphrase_file) = match chosen {
            Some(Chosen { recipients, passphrase }) => (Some(recipients), passphrase),
            None => (None, None),
        };
        let signing = key::signing(ui, args.sign_key.as_deref(), args.sign_key_passphrase.from())?;
        let (key, key_file) = key::incident(ui, args.key.as_deref())?;
        let workers = match args.workers {
            Some(workers) => usize::from(workers),
            None => std::thread::available_parallelism().map_or(2, usize::from).min(16),
        };
        Ok(Setup {
            recipients,
            passphrase_file,
            policy,
            rules,
            nonce,
            key,
            key_file,
            signing,
            case: args.case.clone(),
            strict_names: args.strict_names,
            workers,
            bundle_id,
        })
    }

    /// Opens the output, so that a wrong path fails in the first second.
    fn draft(&mut self, args: &Sealing, workspace: Option<&Path>, inputs: &[PathBuf]) -> Result<Volumes> {
        let recipients = self.recipients.take();
        let name = args.out.to_string_lossy().to_ascii_lowercase();
        let (in_clear, encrypted) = (name.ends_with(".zip"), name.ends_with(".zip.age"));
        if (in_clear && recipients.is_some()) || (encrypted && recipients.is_none()) {
            return Err(Error::usage(format!("the name `{}` does not fit", args.out.display()))
                .hint("an encrypted bundle ends in .zip.age, one in clear in .zip"));
        }
        let file = if in_clear || encrypted {
            args.out.clone()
        } else {
            let ending = if recipients.is_some() { ".age" } else { "" };
            args.out.join(format!("{}{ending}", bundle::file_name(&self.bundle_id)))
        };
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&folder)
            .map_err(|e| Error::io(format!("cannot make the folder `{}`", folder.display()), e))?;
        for private in
            [Some(self.key_file.as_path()), args.sign_key.as_deref(), workspace].into_iter().flatten()
        {
            refuse_beside(private, &folder)?;
        }
        if workspace.is_some_and(|workspace| lies_in(&folder, workspace)) {
            return Err(Error::usage("the bundle would lie inside the workspace")
                .hint("choose another folder for --out"));
        }
        for input in inputs {
            if input.is_dir() && lies_in(&folder, input) {
                return Err(Error::usage(format!(
                    "the output folder `{}` lies inside the input `{}`",
                    folder.display(),
                    input.display()
                ))
                .hint(
                    "the bundle would be read as input: choose a folder for --out that is not below --input",
                ));
            }
        }
        remove_stale(&folder);
        Ok(Volumes::create(&file, args.force, recipients, args.max_volume)?.with_workers(self.workers))
    }
}

/// Whether `folder` is `other` or lies below it.
fn lies_in(folder: &Path, other: &Path) -> bool {
    match (folder.canonicalize(), other.canonicalize()) {
        (Ok(folder), Ok(other)) => folder.starts_with(other),
        _ => false,
    }
}

/// Removes the drafts that killed runs left in the folder that will be sent. A draft in use is locked.
fn remove_stale(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("entra-bundle-")
            && (name.ends_with(".zip.partial") || name.ends_with(".zip.age.partial"))
            && fs::File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
        {
            // A draft that cannot be removed is harmless: readers never accept one.
            let _ = fs::remove_file(&path);
        }
    }
}

/// Private files may not lie in the folder that holds the bundle: it is the folder people send.
fn refuse_beside(private: &Path, folder: &Path) -> Result<()> {
    let parent = match private.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let same = match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent == folder,
        _ => false,
    };
    if same {
        return Err(Error::usage(format!("`{}` lies in the folder that would hold the bundle", private.display()))
            .hint("keys and workspaces stay with you: choose another folder for --out, so that it can be sent as it is"));
    }
    Ok(())
}

fn begin(input: &Input, spool: &Spool, now: Timestamp) -> Result<Held> {
    let window = window(input, now)?;
    let header = header(input, window, now)?;
    // Checked before a workspace exists.
    LocalFiles::new(input.input.clone(), options(input)?)?;
    if input.tenant.tenant.is_some() {
        let rows = input.tenant.rows(input.catalogue()?.requests(), &input.dataset, &input.without)?;
        input.tenant.deadline()?;
        input.tenant.check(&rows)?;
    }
    selection(input, window)?;
    if spool.resume {
        workspaces::resume(spool.workspace.as_deref(), &header)
    } else {
        workspaces::create(spool.workspace.as_deref(), &header)
    }
}

/// What must be equal for two runs to be one: the input, the options that choose records, the
/// catalogue. The window stands here as it was typed; what it means is settled when the run begins
/// and stands beside it, so that a run resumed tomorrow still means the same hours.
fn header(input: &Input, window: Span, now: Timestamp) -> Result<serde_json::Value> {
    let service = input.tenant.window().unwrap_or_else(|| service_window(window, now));
    let mut inputs = Vec::new();
    for path in &input.input {
        // Some file systems of Windows tell no final path; the absolute one identifies the input as well.
        let full = path
            .canonicalize()
            .or_else(|e| path.symlink_metadata().map_err(|_| e).and_then(|_| std::path::absolute(path)))
            .map_err(|e| {
                Error::usage(format!("cannot read the input `{}`", path.display()))
                    .because(e)
                    .hint("check the path after --input")
            })?;
        inputs.push(full.display().to_string());
    }
    Ok(json!({
        "schema": "entra-bundle/workspace/1",
        "inputs": inputs,
        "acceptText": input.accept_text,
        "timezone": input.timezone,
        "uploaded": uploaded(input)?,
        "datasets": input.dataset,
        "without": input.without,
        "window": [input.window.since, input.window.from, input.window.to],
        "resolved": [window.0, window.1, service.0, service.1],
        "scope": input.scope.header(),
        "tenant": input.tenant.header(),
        "catalogue": crypto::hex(&input.catalogue()?.digest()),
    }))
}

/// What support already holds, as pairs of kind and reference.
fn uploaded(input: &Input) -> Result<Vec<Uploaded>> {
    let read =
        |text: &String| text.split_once('=').and_then(|(kind, reference)| Uploaded::new(kind, reference));
    input.uploaded.iter().map(read).collect::<Option<_>>().ok_or_else(|| {
        Error::usage("--uploaded is not KIND=REFERENCE").hint(format!(
            "kinds: {}; a reference has letters, digits, `.`, `_` and `-`, at most 64",
            Uploaded::KINDS.join(", ")
        ))
    })
}

fn options(input: &Input) -> Result<Options<'static>> {
    Ok(Options {
        accept_text: input.accept_text,
        zone: when::zone(input.timezone.as_deref())?,
        // Ctrl-C is heeded at checkpoints.
        checkpoint_every: 1 << 20,
        ..Options::new(interrupt::flag())
    })
}

/// A time window `[from, to)`; an open end is `None`.
type Span = (Option<Timestamp>, Option<Timestamp>);

fn window(input: &Input, now: Timestamp) -> Result<Span> {
    let window = &input.window;
    let from = match (&window.since, &window.from) {
        (Some(since), _) => {
            Some(now.checked_sub(when::span(since)?).map_err(|_| Error::usage("--since is too long"))?)
        }
        (None, Some(from)) => Some(when::point(from, now)?),
        (None, None) => None,
    };
    let to = window.to.as_deref().map(|to| when::point(to, now)).transpose()?;
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(Error::usage("the time window is empty: --from is not before --to"));
    }
    Ok((from, to))
}

/// The window in which logs of a service are asked: a week back to now, where nothing else is said.
/// A service whose end lies open would never be complete.
fn service_window((from, to): Span, now: Timestamp) -> Span {
    let to = to.unwrap_or(now).min(now);
    let week = jiff::SignedDuration::from_hours(7 * 24);
    (from.or_else(|| to.checked_sub(week).ok()), Some(to))
}

/// The window that a workspace was begun with, for services.
fn service_window_of(held: &Held) -> Span {
    let time =
        |at: usize| held.workspace.header()["resolved"][at].as_str().and_then(|text| text.parse().ok());
    (time(2), time(3))
}

/// The window that a workspace was begun with.
fn window_of(held: &Held) -> Span {
    let time =
        |at: usize| held.workspace.header()["resolved"][at].as_str().and_then(|text| text.parse().ok());
    (time(0), time(1))
}

fn selection(input: &Input, (from, to): Span) -> Result<Selection> {
    for id in input.dataset.iter().chain(&input.without) {
        if input.catalogue()?.dataset(id).is_none() {
            return Err(
                Error::usage(format!("`{id}` is no dataset")).hint("`entra-bundle datasets` lists them")
            );
        }
    }
    Ok(Selection {
        only: input.dataset.iter().cloned().collect(),
        without: input.without.iter().cloned().collect(),
        from,
        to,
        scope: input.scope.scope(),
    })
}

fn gather_into(ui: Ui, resolved: &Resolved, held: &mut Held) -> Result<gather::Summary> {
    let input = &resolved.input;
    let terminal = Terminal::new(ui);
    let mut selection = selection(input, window_of(held))?;
    if input.tenant.tenant.is_some() {
        let service = from_tenant(ui, input, held, &terminal);
        // What the tenant says about the names of users holds for files, too.
        selection.scope = service.map_err(|error| kept(ui, error, held))?;
    }
    let digest_key = DigestKey::new(&held.workspace.key().for_digests());
    let source = LocalFiles::new(input.input.clone(), Options { digest_key, ..options(input)? })?
        .with_refused(resolved.refused.clone());
    let run =
        gather::Run { source: &source, selection, catalogue: Catalogue::builtin(), observer: &terminal };
    gather::run(&run, &mut held.workspace).map_err(|error| match kept(ui, error, held) {
        error if error.kind() == error::Kind::Interrupted && resolved.is_live() => {
            error.hint("its event logs were exported for this run: seal what was read with `seal --workspace`, or run again")
        }
        error => error,
    })
}

/// Gathers what is wanted of the tenant.
fn from_tenant(ui: Ui, input: &Input, held: &mut Held, terminal: &Terminal) -> Result<Scope> {
    let catalogue = input.catalogue()?;
    let rows = input.tenant.rows(catalogue.requests(), &input.dataset, &input.without)?;
    let graph = input.tenant.graph(ui, &rows)?;
    let claims = graph.sign_in()?;
    let window = service_window_of(held);
    let mut scope = input.scope.scope();
    for user in scope.asked(Axis::User).to_vec() {
        match graph.names_of_user(&user)? {
            Some(names) => scope.alias(Axis::User, &user, &names[0], &names),
            None => {
                ui.note("a user of --user is not known in the tenant, or may not be read: compared as typed")
            }
        }
    }
    let wanted = tenant::wanted(&rows, catalogue, &input.tenant.cloud()?.id, &claims, window, &scope);
    service::same_datasets(&wanted, &held.workspace)?;
    let run = service::ServiceRun {
        graph: &graph,
        wanted,
        selection: Selection { from: window.0, to: window.1, scope: scope.clone(), ..Selection::default() },
        catalogue,
        observer: terminal,
        stop: interrupt::flag(),
        deadline: input.tenant.deadline()?,
    };
    service::run(&run, &mut held.workspace)?;
    Ok(scope)
}

/// A failed run keeps its workspace, and says where.
fn kept(ui: Ui, error: Error, held: &Held) -> Error {
    let kept = format!("workspace kept: {}", held.folder.display());
    ui.note(&kept);
    match error.kind() {
        error::Kind::Interrupted => error.hint(format!("run the same command again with --resume ({kept})")),
        _ => error,
    }
}

/// Why files were refused. On a terminal with the names, which are the user's own; elsewhere (logs,
/// tickets) counted by reason, because a file's name can hold a person's.
fn listing_of_refused(held: &Held) -> Result<String> {
    let (mut lines, mut services) = (Vec::new(), Vec::new());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for note in held.workspace.units()? {
        if let (Outcome::Failed | Outcome::Skipped | Outcome::Partial, Some(reason)) =
            (note.outcome(), note.reason())
        {
            if let Some(service) = &note.service {
                // The name of a dataset is ours.
                let word = summary::outcome(note.outcome());
                services.push(format!("{word:<9} {}: {}", summary::reason(reason), service.dataset));
                continue;
            }
            let word = if note.records() > 0 { "damaged" } else { "refused" };
            let line = format!("{word:<9} {}", summary::reason(reason));
            lines.push(format!("{line}: {}", super::lookup::visible(&note.unit.name)));
            *counts.entry(line).or_default() += 1;
        }
    }
    if !std::io::stderr().is_terminal() {
        services.extend(counts.into_iter().map(|(line, count)| format!("{line} ({count})")));
        return Ok(services.join("\n"));
    }
    services.append(&mut lines);
    let mut lines = services;
    const MOST: usize = 20;
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("          and {more} more"));
    }
    Ok(lines.join("\n"))
}

fn finish(
    ui: Ui,
    mut setup: Setup,
    volumes: Volumes,
    held: Held,
    keep: bool,
    now: Timestamp,
) -> Result<Finished> {
    let names = Pseudonymizer::new(&setup.key)?.watched(TokenWatch::default());
    let terminal = Terminal::new(ui);
    let job = seal::Job {
        catalogue: setup.rules.catalogue(),
        policy: &setup.policy,
        policy_nonce: setup.nonce,
        rules: &setup.rules,
        names: &names,
        signer: &setup.signing.key,
        secrets: vec![
            Zeroizing::new(setup.key.bytes().to_vec()),
            Zeroizing::new(held.workspace.key().bytes().to_vec()),
            setup.signing.key.secret(),
        ],
        strict_names: setup.strict_names,
        workers: setup.workers,
        bundle_id: setup.bundle_id.clone(),
        // Whole seconds: more would only tell the machines apart.
        created_at: Timestamp::from_second(now.as_second()).unwrap_or(now),
        case: setup.case.clone(),
        window: window_of(&held),
        git_commit: option_env!("ENTRA_BUNDLE_COMMIT").map(str::to_owned),
        observer: &terminal,
        stop: interrupt::flag(),
    };
    let done = match seal::run(&job, &held.workspace, volumes) {
        Ok(seal::Outcome::Sealed(done)) => done,
        Ok(seal::Outcome::Leaks(leaks)) => {
            let report = places::state()?.join(format!("leak-report-{}.json", setup.bundle_id));
            let body = json!({"schema": "entra-bundle-private/leak-report/1", "findings": leaks});
            let written = places::private_folder(&places::state()?)
                .and_then(|()| places::write_private(&report, &format!("{body:#}\n")));
            for leak in leaks.iter().take(10) {
                ui.note(&format!("leak      {leak}"));
            }
            let error = Error::new(
                error::Kind::Privacy,
                format!("the leak check found {} identifying values; no bundle was written", leaks.len()),
            )
            .hint(match written {
                Ok(()) => format!("places (no values) stand in {}", report.display()),
                Err(_) => "the list of places could not be written".to_owned(),
            });
            return Err(kept(ui, error, &held));
        }
        Err(error) => return Err(kept(ui, error, &held)),
    };
    let code = if done.incomplete { error::INCOMPLETE } else { 0 };
    if let Some(file) = &mut setup.passphrase_file {
        file.keep();
    }
    // The bundle exists: nothing that fails from here on takes its success back.
    if done.incomplete
        && let Ok(listing) = listing_of_refused(&held)
    {
        ui.note(&listing);
    }
    let folder = held.folder.clone();
    let removed = code == 0 && !keep && workspaces::remove(held).is_ok();
    if !removed {
        ui.note(&format!("workspace {} (raw data, encrypted; stays with you)", folder.display()));
    }
    Ok(Finished { setup, done: *done, code, workspace: (!removed).then_some(folder) })
}

/// A sealed bundle, and what is said about it.
pub struct Finished {
    setup: Setup,
    /// What was sealed.
    pub done: seal::Done,
    /// 0, or 3 where something is missing.
    pub code: u8,
    /// The workspace, where it was kept.
    workspace: Option<PathBuf>,
}

impl Finished {
    /// Names the public key's file where it does not stand beside the private one.
    #[must_use]
    pub fn with_public_key(mut self, file: PathBuf) -> Self {
        self.setup.signing.public = Some(file);
        self
    }

    fn intended(&self) -> &[String] {
        self.done.sealed.last().map_or(&[], |one| &one.manifest.intended_recipients)
    }

    /// The bundle as an argument of other commands: its path, or a pattern for the volumes of a series.
    pub fn path(&self) -> String {
        match &self.done.sealed[..] {
            [one] => one.path.display().to_string(),
            all => all
                .first()
                .map(|one| one.path.display().to_string().replace(".vol01.", ".vol*."))
                .unwrap_or_default(),
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.setup.signing.key.algorithm() {
            crypto::Algorithm::Ed25519 => "ed25519",
            crypto::Algorithm::EcdsaP256Sha256 => "ecdsa-p256",
        }
    }

    /// The block at the end of a run.
    pub fn text(&self) -> String {
        let (setup, done) = (&self.setup, &self.done);
        let print = ui::grouped(&crypto::fingerprint(&setup.signing.key.spki()));
        let short = format!("{} … {}", &print[..9], &print[print.len() - 9..]);
        let (path, program) = (self.path(), ui::program());
        let public = setup.signing.public.as_deref().unwrap_or(Path::new("signing.pub.pem"));
        let to = self.intended();
        let (encrypted, open) = if to.is_empty() {
            (String::new(), "")
        } else if let Some(file) = &setup.passphrase_file {
            let file = file.path().display();
            (
                format!("encrypted with ten words in {file} (tell them to support by another way)\n"),
                " --passphrase-ask",
            )
        } else if to == [encryption::PASSPHRASE] {
            ("encrypted with your passphrase\n".to_owned(), " --passphrase-ask")
        } else {
            (format!("encrypted to {}\n", to.join(" and ")), " --identity FILE")
        };
        let files: Vec<String> = done
            .sealed
            .iter()
            .map(|one| {
                let sha256 = one.sha256.get(..16).unwrap_or_default();
                format!("{}   {}   sha256 {sha256}…", one.path.display(), ui::size(one.size))
            })
            .collect();
        let files = files.join("\n          ");
        let [complete, partial, skipped] = done.datasets;
        let mut datasets = format!("{complete} complete");
        for (count, word) in [(partial, "partial"), (skipped, "skipped")] {
            if count > 0 {
                datasets += &format!(" · {count} {word}");
            }
        }
        if done.refused > 0 {
            datasets += &format!(" · {} files refused in whole or in part", done.refused);
        }
        if self.code != 0 {
            datasets +=
                &format!(" ({program} info {path} --missing --public-key {} tells why)", public.display());
        }
        let texts = self.texts();
        format!(
            "bundle    {files}\n\
             signed    {} sha256:{short}   (give this fingerprint to support by another way)\n\
             {encrypted}policy    {}   {}\n\
             {texts}records   {} in {} parts; {} members dropped that no row of the catalogue covers\n\
             datasets  {datasets}\n\
             key       {} stays with you: it alone turns pseudonyms back. Do not send it.\n\
             next      {program} verify {path} --public-key {}{open}\n",
            self.algorithm(),
            setup.policy.title(),
            summary::learned(done.learned, &done.learned_from),
            ui::thousands(done.rows),
            ui::thousands(done.parts),
            ui::thousands(done.undeclared),
            setup.key_file.display(),
            public.display(),
        )
    }

    /// What a reader of the bundle's texts should know: words that were left out, labels that stand.
    fn texts(&self) -> String {
        let mut lines = String::new();
        if let Some(words) = self.done.words_left_out {
            lines += &format!(
                "texts     no directory was read, so words that may be names are left out of texts: {} as [word]\n          \
                 (give the users' export too, and names become pseudonyms and the rest stays)\n",
                ui::thousands(words)
            );
        }
        if self.done.guarded > 0 {
            lines += &format!(
                "names     {} account labels are frequent words of these logs and replaced beside a cue only\n          \
                 (--strict-names replaces them everywhere)\n",
                ui::thousands(self.done.guarded)
            );
        }
        lines
    }

    /// The same for programs.
    pub fn json(&self) -> serde_json::Value {
        let (setup, done) = (&self.setup, &self.done);
        let [complete, partial, skipped] = done.datasets;
        let last = done.sealed.last();
        let volumes: Vec<_> = if done.sealed.len() < 2 {
            Vec::new()
        } else {
            done.sealed
                .iter()
                .map(|one| json!({"file": one.path, "bytes": one.size, "sha256": one.sha256}))
                .collect()
        };
        json!({
            "bundle": last.map(|one| &one.path), "bundleId": setup.bundle_id,
            "bytes": done.sealed.iter().map(|one| one.size).sum::<u64>(),
            "sha256": last.map(|one| &one.sha256), "volumes": volumes,
            "intendedRecipients": self.intended(), "passphraseFile": setup.passphrase_file.as_ref().map(PassphraseFile::path),
            "contentRoot": last.map(|one| &one.manifest.hash.root),
            "signer": {"algorithm": self.algorithm(), "fingerprint": crypto::fingerprint(&setup.signing.key.spki())},
            "policy": setup.policy.title(), "knownIdentifiers": 0,
            "learned": {"names": done.learned, "from": done.learned_from},
            "wordsLeftOut": done.words_left_out, "guardedLabels": done.guarded,
            "records": done.rows, "parts": done.parts, "undeclaredMembersDropped": done.undeclared,
            "datasets": {"complete": complete, "partial": partial, "skipped": skipped},
            "filesRefused": done.refused, "incidentKey": setup.key_file, "workspace": self.workspace, "code": self.code,
        })
    }
}
