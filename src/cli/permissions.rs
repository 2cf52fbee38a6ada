//! `permissions` and `profiles`: what an application must be allowed to read, and what for.

use super::policy;
use super::tenant::Tenant;
use super::ui::{self, Ui};
use crate::catalogue::permission::{self, Given, Set};
use crate::catalogue::profile::Profile;
use crate::error::Result;
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What is asked about permissions.
#[derive(Args, Debug)]
pub struct Permissions {
    /// What the incident needs; without it the default collection. Repeatable.
    #[arg(long, value_name = "ID|FILE")]
    profile: Vec<String>,
    /// Only these datasets. Repeatable.
    #[arg(long, value_name = "ID")]
    dataset: Vec<String>,
    /// A file with further datasets of Microsoft Graph.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// The least for each dataset, or one broad permission where it stands for many.
    #[arg(long, value_enum, default_value_t = Wish::Minimal)]
    set: Wish,
    /// For a person who signs in instead of an application.
    #[arg(long)]
    delegated: bool,
    /// Print `requiredResourceAccess` of the app registration, to be applied as it is.
    #[arg(long)]
    manifest: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Wish {
    Minimal,
    Convenient,
}

/// Runs `permissions`.
pub fn run(ui: Ui, args: &Permissions) -> Result<u8> {
    let mut tenant = Tenant::default();
    tenant.profile.clone_from(&args.profile);
    let catalogue = policy::catalogue(args.catalogue.as_deref())?;
    let rows = tenant.rows(catalogue.requests(), &args.dataset, &[])?;
    let given = if args.delegated { Given::Delegated } else { Given::Application };
    let set = match args.set {
        Wish::Minimal => Set::Minimal,
        Wish::Convenient => Set::Convenient,
    };
    let needed = permission::needed(rows.iter().copied(), given, set);
    let id = |name: &str| {
        let permission = permission::named(name)?;
        match given {
            Given::Application => permission.application.clone(),
            Given::Delegated => permission.delegated.clone(),
        }
    };
    if args.manifest {
        let kind = if args.delegated { "Scope" } else { "Role" };
        let access: Vec<Value> =
            needed.keys().flatten().filter_map(|name| Some(json!({"id": id(name)?, "type": kind}))).collect();
        let manifest = json!([{"resourceAppId": permission::resource(), "resourceAccess": access}]);
        ui::print(&format!("{manifest:#}\n"))?;
        ui.note(
            "apply it with the Azure CLI:\n  az ad app update --id APP_ID --required-resource-accesses @manifest.json\n  \
             az ad app permission admin-consent --id APP_ID",
        );
        for name in needed.keys().flatten().filter(|name| id(name).is_none()) {
            ui.note(&format!(
                "{name} is not in it: its id is not known here, grant it by name in the portal"
            ));
        }
        return Ok(0);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["permission", "datasets"]);
    let mut listed = Vec::new();
    for (name, datasets) in &needed {
        let shown = name.as_deref().unwrap_or("(only when a person signs in)");
        table.add_row([shown.to_owned(), datasets.join(", ")]);
        listed.push(json!({"permission": name, "id": name.as_deref().and_then(id), "datasets": datasets}));
    }
    ui.result(&listed, &ui::plain(&table))?;
    Ok(0)
}

/// Runs `profiles`.
pub fn profiles(ui: Ui) -> Result<u8> {
    let all = Profile::builtin();
    let rows: Vec<Value> = all
        .iter()
        .map(|profile| {
            json!({"id": profile.id, "title": profile.title, "datasets": profile.all_datasets(),
                "optional": profile.optional, "files": profile.files})
        })
        .collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["profile", "datasets", "for"]);
    for profile in &all {
        table.add_row([profile.id.clone(), profile.all_datasets().len().to_string(), profile.title.clone()]);
    }
    ui.result(&rows, &ui::plain(&table))?;
    Ok(0)
}
