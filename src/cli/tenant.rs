//! The flags of a collection from a tenant: who signs in, what is wanted of it.

use super::network::NetworkArgs;
use super::ui::Ui;
use super::{passphrase, places, when};
use crate::catalogue::Catalogue;
use crate::catalogue::cloud::Cloud;
use crate::catalogue::graph::{Requests, Row};
use crate::catalogue::profile::Profile;
use crate::crypto;
use crate::demo::http::Accounts;
use crate::error::{self, Error, Result};
use crate::event::Reason;
use crate::gather::scope::{Axis, Scope};
use crate::gather::service::Wanted;
use crate::http::{Address, Network};
use crate::source::auth::{
    Certificate, Claims, Credential, GRAPH_COMMAND_LINE, IdentityEndpoint, Secret, SignIn, Subject,
};
use crate::source::graph::{Graph, Pace, Question};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A collection from a tenant.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Collecting from a tenant")]
pub struct Tenant {
    /// The tenant: its id or one of its domains.
    #[arg(long, value_name = "ID|DOMAIN")]
    pub tenant: Option<String>,
    /// global, usgov, usgov-dod, china, or a file with the addresses of another cloud.
    #[arg(long, value_name = "CLOUD|FILE", default_value = "global", requires = "tenant")]
    pub cloud: String,
    /// What the incident needs: signin-failure, conditional-access, app-consent, …, full, or a file. Repeatable.
    #[arg(long, value_name = "ID|FILE", requires = "tenant")]
    pub profile: Vec<String>,
    /// End after this time with what is there: 50m, 2h. The bundle says what is missing.
    #[arg(long, value_name = "SPAN", requires = "tenant")]
    pub max_duration: Option<String>,
    /// Sign-in service at another address (private clouds, tests).
    #[arg(long, value_name = "URL", requires = "tenant")]
    pub authority: Option<String>,
    /// Microsoft Graph at another address (private clouds, tests).
    #[arg(long, value_name = "URL", requires = "tenant")]
    pub graph_url: Option<String>,
    #[command(flatten)]
    pub sign_in: SignInArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    /// The simulated tenant of `demo`, which is no flag.
    #[arg(skip)]
    simulated: Option<Simulated>,
}

/// What `demo` settles without flags.
#[derive(Clone, Debug)]
struct Simulated {
    accounts: Accounts,
    datasets: Vec<String>,
    now: Timestamp,
}

/// Who signs in. Secrets are read from variables and files, never from arguments.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Sign-in")]
pub struct SignInArgs {
    /// Sign in in a browser by a code (the default on a terminal).
    #[arg(long, group = "credential", requires = "tenant")]
    pub device_code: bool,
    /// The application that signs in. With --device-code: Microsoft Graph Command Line Tools without it.
    #[arg(long, value_name = "ID", requires = "tenant")]
    pub client_id: Option<String>,
    /// The application's secret stands in this environment variable.
    #[arg(long, value_name = "VAR", group = "credential", requires = "client_id")]
    pub client_secret_env: Option<String>,
    /// The application's certificate and private key: PEM, or a PFX container (builds with the feature pfx).
    #[arg(long, value_name = "FILE", group = "credential", requires = "client_id")]
    pub client_certificate: Option<PathBuf>,
    /// File whose first line is the passphrase of a PFX container. Without it the terminal asks.
    #[arg(
        long,
        value_name = "FILE",
        requires = "client_certificate",
        conflicts_with = "client_certificate_passphrase_env"
    )]
    pub client_certificate_passphrase_file: Option<PathBuf>,
    /// Name of the environment variable that holds it.
    #[arg(long, value_name = "VAR", requires = "client_certificate")]
    pub client_certificate_passphrase_env: Option<String>,
    /// The managed identity of this machine.
    #[arg(long, group = "credential", requires = "tenant")]
    pub managed_identity: bool,
    /// Workload identity federation: AZURE_FEDERATED_TOKEN_FILE, or GitHub Actions.
    #[arg(long, group = "credential", requires = "tenant")]
    pub workload_identity: bool,
    /// The sign-in of the Azure CLI. It cannot read Graph's logs.
    #[arg(long, group = "credential", requires = "tenant")]
    pub az_cli: bool,
    /// A ready access token stands in this environment variable.
    #[arg(long, value_name = "VAR", group = "credential", requires = "tenant")]
    pub token_env: Option<String>,
}

/// Whom and what the incident concerns. Applies to local files, too.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Scope (repeatable; records of others are left out)")]
pub struct ScopeArgs {
    /// Only this user: UPN or id.
    #[arg(long, value_name = "UPN|ID")]
    pub user: Vec<String>,
    /// Only this application: id or name.
    #[arg(long, value_name = "ID|NAME")]
    pub app: Vec<String>,
    /// Only this device: id or name.
    #[arg(long, value_name = "ID|NAME")]
    pub device: Vec<String>,
    /// Only this correlation id.
    #[arg(long, value_name = "ID")]
    pub correlation_id: Vec<String>,
    /// Only this request.
    #[arg(long, value_name = "ID")]
    pub request_id: Vec<String>,
    /// Only this service or resource.
    #[arg(long, value_name = "NAME")]
    pub service: Vec<String>,
    /// Only this category of audits.
    #[arg(long, value_name = "NAME")]
    pub category: Vec<String>,
    /// Only this activity.
    #[arg(long, value_name = "NAME")]
    pub activity: Vec<String>,
    /// Only this result: an error code, success, failure.
    #[arg(long, value_name = "CODE|WORD")]
    pub status: Vec<String>,
}

impl ScopeArgs {
    /// The scope.
    pub fn scope(&self) -> Scope {
        let lists = [
            &self.user,
            &self.app,
            &self.device,
            &self.correlation_id,
            &self.request_id,
            &self.service,
            &self.category,
            &self.activity,
            &self.status,
        ];
        Scope::new(Axis::ALL.into_iter().zip(lists.map(Clone::clone)))
    }

    /// The scope as it was typed, for comparing runs.
    pub fn header(&self) -> serde_json::Value {
        let scope = self.scope();
        let asked = |axis: Axis| (axis.id().to_owned(), serde_json::json!(scope.asked(axis)));
        Axis::ALL.into_iter().map(asked).collect()
    }
}

impl Tenant {
    /// The simulated tenant at an address of this machine, and what is asked of it.
    pub fn simulated(address: &str, accounts: Accounts, datasets: Vec<String>, now: Timestamp) -> Tenant {
        Tenant {
            tenant: Some("contoso.com".into()),
            cloud: "global".into(),
            authority: Some(address.to_owned()),
            graph_url: Some(address.to_owned()),
            simulated: Some(Simulated { accounts, datasets, now }),
            ..Tenant::default()
        }
    }

    /// The window of the logs, where it is not the usual one: all that the simulated tenant keeps.
    pub fn window(&self) -> Option<(Option<Timestamp>, Option<Timestamp>)> {
        let now = self.simulated.as_ref()?.now;
        Some((now.checked_sub(SignedDuration::from_hours(31 * 24)).ok(), Some(now)))
    }

    /// What must be equal for two runs to be one.
    pub fn header(&self) -> serde_json::Value {
        serde_json::json!({"tenant": self.tenant, "cloud": self.cloud, "profiles": self.profile,
            "graph": self.graph_url, "client": self.sign_in.client_id})
    }

    /// When the collection ends, if it is told to.
    pub fn deadline(&self) -> Result<Option<Instant>> {
        let span = self.max_duration.as_deref().map(when::span).transpose()?;
        Ok(span.map(|span| Instant::now() + Duration::from_secs(u64::try_from(span.as_secs()).unwrap_or(0))))
    }

    /// The cloud.
    pub fn cloud(&self) -> Result<Cloud> {
        let mut cloud = match Cloud::named(&self.cloud) {
            Some(cloud) => cloud,
            None => {
                let path = PathBuf::from(&self.cloud);
                if !path.is_file() {
                    return Err(Error::usage(format!("`{}` is neither a cloud nor a file", self.cloud))
                        .hint("global, usgov, usgov-dod, china, or a file (the German cloud is closed)"));
                }
                Cloud::parse(&places::read_small(&path, "cloud file")?)?
            }
        };
        if let Some(authority) = &self.authority {
            cloud.login.clone_from(authority);
        }
        if let Some(graph) = &self.graph_url {
            cloud.graph.clone_from(graph);
        }
        Ok(cloud)
    }

    /// The datasets that are wanted of the tenant, parents before children. Nothing is asked for that
    /// was not named or is part of the default.
    pub fn rows(
        &self,
        table: &'static Requests,
        only: &[String],
        without: &[String],
    ) -> Result<Vec<&'static Row>> {
        let mut ids: BTreeSet<String> = only.iter().filter(|id| table.row(id).is_some()).cloned().collect();
        for name in &self.profile {
            let profile = match Profile::named(name) {
                Some(profile) => profile,
                None if PathBuf::from(name).is_file() => {
                    Profile::parse(&places::read_small(&PathBuf::from(name), "profile")?)?
                }
                None => {
                    return Err(Error::usage(format!("`{name}` is neither a profile nor a file"))
                        .hint(profiles_hint()));
                }
            };
            ids.extend(profile.all_datasets().into_iter().filter(|id| table.row(id).is_some()));
        }
        if let Some(simulated) = &self.simulated {
            ids.extend(simulated.datasets.iter().cloned());
        } else if self.profile.is_empty() && only.is_empty() {
            ids.extend(table.rows().filter(|row| row.default).map(|row| row.id.clone()));
        }
        for id in without {
            ids.remove(id);
        }
        // A child needs its parents, and theirs.
        loop {
            let missing: Vec<String> = ids
                .iter()
                .filter_map(|id| table.row(id)?.of.clone())
                .filter(|of| !ids.contains(of))
                .collect();
            if missing.is_empty() {
                break;
            }
            ids.extend(missing);
        }
        Ok(table.rows().filter(|row| ids.contains(&row.id)).collect())
    }

    /// Checks what can be checked before a workspace exists.
    pub fn check(&self, rows: &[&Row]) -> Result<()> {
        let quiet = Ui { json: false, quiet: true, progress: false };
        self.graph(quiet, rows).map(drop)
    }

    /// How the network is reached.
    pub fn network(&self) -> Result<Network> {
        self.network.settle()
    }

    /// The service, ready to sign in.
    pub fn graph(&self, ui: Ui, rows: &[&Row]) -> Result<Graph> {
        let Some(tenant) = self.tenant.clone() else {
            return Err(Error::usage("no tenant is named").hint("--tenant contoso.com"));
        };
        let cloud = self.cloud()?;
        let network = self.network()?;
        let sign_in = SignIn {
            credential: match &self.simulated {
                Some(Simulated { accounts, .. }) => Credential::Secret {
                    client_id: accounts.client_id.clone(),
                    secret: Zeroizing::new(accounts.secret.clone()),
                },
                None => self.sign_in.credential(rows)?,
            },
            login: address("--authority", &cloud.login)?,
            tenant,
            resource: address("--graph-url", &cloud.graph)?,
            network: network.clone(),
            now: Timestamp::now,
            announce: Box::new(move |text| announce(ui, text)),
        };
        let scale = if self.simulated.is_some() { 0.000_1 } else { scale(&sign_in.resource) };
        let pace = Pace { scale, ..Pace::default() };
        Graph::new(sign_in, &network, pace)
    }
}

/// Real seconds for a documented one. Only a simulated tenant on this machine may run faster.
fn scale(resource: &Address) -> f64 {
    let asked = std::env::var("ENTRA_BUNDLE_TIME_SCALE").ok().filter(|_| resource.is_loopback());
    asked.and_then(|text| text.parse().ok()).filter(|scale| (0.000_1..=1.0).contains(scale)).unwrap_or(1.0)
}

/// The code must be seen even where everything else is quiet.
fn announce(ui: Ui, text: &str) {
    Ui { quiet: false, ..ui }.note(text);
}

fn address(flag: &str, text: &str) -> Result<Address> {
    Address::parse(text).map_err(|error| {
        let hint = error.advice().unwrap_or("https://host").to_owned();
        Error::usage(format!("{flag}: {}", error.message())).hint(hint)
    })
}

fn profiles_hint() -> String {
    let ids: Vec<String> = Profile::builtin().into_iter().map(|profile| profile.id).collect();
    ids.join(", ")
}

impl SignInArgs {
    fn credential(&self, rows: &[&Row]) -> Result<Credential> {
        let client_id = || {
            self.client_id
                .clone()
                .ok_or_else(|| Error::usage("no application is named").hint("--client-id ID"))
        };
        if let Some(name) = &self.client_secret_env {
            return Ok(Credential::Secret { client_id: client_id()?, secret: variable(name)? });
        }
        if let Some(file) = &self.client_certificate {
            let certificate = Box::new(self.certificate(file)?);
            return Ok(Credential::Certificate { client_id: client_id()?, certificate });
        }
        if let Some(name) = &self.token_env {
            return Ok(Credential::Token(Zeroizing::new(variable(name)?.trim().to_owned())));
        }
        if self.az_cli {
            return Ok(Credential::AzureCli);
        }
        if self.managed_identity {
            let endpoint = match (std::env::var("IDENTITY_ENDPOINT"), std::env::var("IDENTITY_HEADER")) {
                (Ok(address), Ok(header)) => IdentityEndpoint::AppService {
                    address: Address::parse(&address)?,
                    header: Zeroizing::new(header),
                },
                _ => IdentityEndpoint::Metadata,
            };
            return Ok(Credential::ManagedIdentity { client_id: self.client_id.clone(), endpoint });
        }
        if self.workload_identity {
            return self.federated();
        }
        if !self.device_code && !std::io::stdin().is_terminal() {
            return Err(Error::new(error::Kind::Usage, "nobody can type a code here: no way to sign in is named").hint(
                "--client-id with --client-certificate or --client-secret-env, --managed-identity, --token-env, or --device-code",
            ));
        }
        let client_id = self.client_id.clone().unwrap_or_else(|| GRAPH_COMMAND_LINE.to_owned());
        let scopes: BTreeSet<String> = rows.iter().map(|row| row.delegated.clone()).collect();
        Ok(Credential::DeviceCode { client_id, scopes: scopes.into_iter().collect() })
    }

    /// The certificate in a PEM file or a PFX container.
    fn certificate(&self, file: &Path) -> Result<Certificate> {
        let bytes = places::read_small_bytes(file, "client certificate")?;
        if !crypto::is_container(&bytes) {
            let text = std::str::from_utf8(&bytes).map_err(|_| {
                Error::usage(format!("`{}` is neither PEM nor a PFX container", file.display()))
            })?;
            return Certificate::from_pem(text);
        }
        if !cfg!(feature = "pfx") {
            // Says that this build reads none, before anybody types a passphrase.
            return Certificate::from_pfx(&bytes, "");
        }
        let from = passphrase::From {
            file: self.client_certificate_passphrase_file.as_deref(),
            variable: self.client_certificate_passphrase_env.as_deref(),
        };
        let hint = "--client-certificate-passphrase-file FILE, or --client-certificate-passphrase-env VAR";
        let passphrase = from.read("the PFX container", hint)?;
        Certificate::from_pfx(&bytes, &passphrase)
    }

    fn federated(&self) -> Result<Credential> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let client_id = self.client_id.clone().or_else(|| set("AZURE_CLIENT_ID")).ok_or_else(|| {
            Error::usage("no application is named").hint("--client-id ID, or AZURE_CLIENT_ID")
        })?;
        let subject = match (
            set("AZURE_FEDERATED_TOKEN_FILE"),
            set("ACTIONS_ID_TOKEN_REQUEST_URL"),
            set("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        ) {
            (Some(file), ..) => Subject::File(file.into()),
            (None, Some(url), Some(bearer)) => {
                Subject::GitHub { address: Address::parse(&url)?, bearer: Zeroizing::new(bearer) }
            }
            _ => {
                return Err(Error::usage("this workload has no token to exchange").hint(
                    "AZURE_FEDERATED_TOKEN_FILE, or the permission `id-token: write` of a GitHub workflow",
                ));
            }
        };
        Ok(Credential::Federated { client_id, subject })
    }
}

fn variable(name: &str) -> Result<Secret> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new).ok_or_else(|| {
        Error::usage(format!("the environment variable `{name}` is not set, or empty"))
            .hint("give the name of a variable that holds the secret, never the secret itself")
    })
}

/// What of the rows is asked, and what is known to be refused: by the cloud, or because only a
/// person can read it.
pub fn wanted(
    rows: &[&'static Row],
    catalogue: &Catalogue,
    cloud: &str,
    claims: &Claims,
    window: (Option<Timestamp>, Option<Timestamp>),
    scope: &Scope,
) -> Vec<Wanted> {
    let as_application = !claims.is_delegated() && !claims.roles.is_empty();
    rows.iter()
        .map(|row| {
            let pushed = scope.push(catalogue, row);
            let skip = if row.absent.iter().any(|absent| absent == cloud) {
                Some(Reason::Cloud)
            } else if row.delegated_only && as_application {
                Some(Reason::DelegatedOnly)
            } else {
                None
            };
            Wanted {
                row: (*row).clone(),
                question: Question { from: window.0, to: window.1, conditions: pushed.conditions },
                skip,
                scoped: (pushed.by_service, pushed.here),
            }
        })
        .collect()
}
