//! `demo`: the simulated tenant as a customer's export folder and over HTTP, then the real path.

use super::args::{Collect, Demo, Input, Sealing, Spool, Trusting, Window};
use super::opening::Opening;
use super::recipients::Encrypting;
use super::tenant::{ScopeArgs, Tenant as TenantArgs};
use super::ui::{self, Ui};
use super::{collect, key, places, reading};
use crate::crypto::Algorithm;
use crate::demo::http::{Accounts, Options, Server};
use crate::demo::tenant::{README, Scale, Tenant};
use crate::error::{Error, Result};
use crate::privacy::IncidentKey;
use serde_json::json;
use std::path::{Path, PathBuf};

/// "Now" of the simulated tenant: the same on every machine and every day.
const NOW: &str = "2026-11-20T12:00:00Z";

/// What of the export is read as files: the cloud's part in other shapes than Graph's, and all that
/// comes from servers and clients. The rest is asked for over HTTP.
const FILES: [&str; 5] = ["portal", "storage", "o365", "onprem", "graph/signins_interactive_user.json"];

/// The datasets that are asked for over HTTP: those that the export holds in Graph's shape.
fn online(export: &Path) -> Result<Vec<String>> {
    let listed = |e| Error::io("cannot read the simulated export", e);
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(export.join("graph")).map_err(listed)? {
        let path = entry.map_err(listed)?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if !FILES.iter().any(|file| path.ends_with(file)) {
            ids.push(stem.to_owned());
        }
    }
    Ok(ids)
}

/// Runs `demo`.
pub fn run(ui: Ui, args: &Demo) -> Result<u8> {
    let out = &args.out;
    if out.exists() {
        return Err(Error::usage(format!("`{}` exists", out.display()))
            .hint("choose another folder with --out, or remove it"));
    }
    let (export, bundle, private) = (out.join("export"), out.join("bundle"), out.join("private"));
    for folder in [&export, &bundle] {
        std::fs::create_dir_all(folder)
            .map_err(|e| Error::io(format!("cannot make the folder `{}`", folder.display()), e))?;
    }
    places::private_folder(&private)?;

    ui.note(&format!(
        "simulating a tenant of {} users and {} sign-ins",
        ui::thousands(args.users.into()),
        ui::thousands(args.sign_ins.into())
    ));
    let now = NOW.parse().map_err(|_| Error::usage("the demo's clock is wrong"))?;
    let scale = Scale { users: args.users as usize, sign_ins: args.sign_ins as usize, ..Scale::new(now) };
    let tenant = Tenant::simulate(&scale);
    tenant.export(&export)?;
    places::write_new(&out.join("README.txt"), README)?;

    let incident = private.join("incident.key");
    places::write_private(&incident, &(IncidentKey::generate()?.to_text().to_string() + "\n"))?;
    let signing = private.join("signing.key");
    let public = key::make_signing_apart(&signing, &bundle.join("signing.pub.pem"), Algorithm::Ed25519)?;

    let server = Server::start(tenant, Options::default())?;
    let finished = collect::execute(
        ui,
        &Collect {
            input: Input {
                input: FILES.iter().map(|path| export.join(path)).collect(),
                on_premises: false,
                root: None,
                uploaded: Vec::new(),
                accept_text: false,
                timezone: Some("UTC".into()),
                dataset: Vec::new(),
                without: Vec::new(),
                window: Window { since: None, from: None, to: None },
                scope: ScopeArgs::default(),
                tenant: TenantArgs::simulated(&server.address, Accounts::default(), online(&export)?, now),
                own_catalogue: None,
            },
            spool: Spool { workspace: None, resume: false },
            keep_workspace: false,
            sealing: Sealing {
                encrypting: Encrypting::default(),
                strict_names: false,
                catalogue: None,
                max_volume: None,
                policy: "balanced".into(),
                key: Some(incident.clone()),
                sign_key: Some(signing),
                sign_key_passphrase: Default::default(),
                case: Some("DEMO-1".into()),
                workers: None,
                out: bundle.clone(),
                force: false,
            },
        },
    )?
    .with_public_key(public.clone());
    let sealed = PathBuf::from(finished.path());
    let trust = Trusting {
        trust: None,
        public_key: vec![public.clone()],
        opening: Opening::default(),
        limits: Default::default(),
    };
    let verified = reading::open(&sealed, &trust)?;
    let program = ui::program();
    let (path, public, incident) = (sealed.display(), public.display(), incident.display());
    let text = format!(
        "{}\nverified  origin and integrity of {} entries proven with {public}\n\n\
         {}   what a customer would give\n\
         {}   what may be sent\n\
         {}   what may not\n\n\
         Look at it as a support engineer:\n  \
         {program} info {path} --public-key {public}\n  \
         {program} records {path} --public-key {public} --dataset directory_audits --activity 'Add user'\n  \
         {program} records {path} --public-key {public} --dataset signins_interactive_user --status failure --limit 20\n\
         Answer as the administrator:\n  \
         {program} reveal --key {incident} --candidates {}/graph/users.json u-…\n",
        finished.text(),
        verified.manifest().entries.len(),
        export.display(),
        bundle.display(),
        private.display(),
        export.display(),
    );
    let mut json = finished.json();
    json["verified"] = json!(true);
    json["export"] = json!(export);
    json["publicKey"] = json!(bundle.join("signing.pub.pem"));
    ui.result(&json, &text)?;
    Ok(finished.code)
}
