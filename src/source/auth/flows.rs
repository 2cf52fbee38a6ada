//! The ways to a token, each one exchange of messages as Entra documents it.

use super::{Credential, Held, IdentityEndpoint, Refusal, Secret, SignIn, Subject, Token};
use crate::error::{self, Error, Result};
use crate::http::{Address, explain, is_lasting};
use serde::Deserialize;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
/// Audience of a token that Entra exchanges.
const EXCHANGE: &str = "api://AzureADTokenExchange";
/// How long a sign-in service may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tries of a request that failed for a passing reason.
const TRIES: u32 = 4;

/// An answer of a token address; only what is used.
#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "hidden")]
    access_token: Secret,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "hidden_if_there")]
    refresh_token: Option<Secret>,
}

/// A text that is zeroed when it is dropped.
fn hidden<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

fn hidden_if_there<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Secret>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| text.map(Zeroizing::new))
}

impl Granted {
    fn token(self) -> Token {
        // Managed identities give the number as text.
        let seconds = match &self.expires_in {
            Some(serde_json::Value::Number(number)) => number.as_u64(),
            Some(serde_json::Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        Token::new(self.access_token, seconds.map(Duration::from_secs))
    }
}

pub(super) async fn acquire(sign_in: &SignIn, client: &reqwest::Client, held: &mut Held) -> Result<Token> {
    let scope = sign_in.default_scope();
    let audience = sign_in.token_address();
    let demanded = held.claims.clone();
    let mut form: Vec<(&str, Secret)> = Vec::new();
    let mut put = |name: &'static str, value: &str| form.push((name, Zeroizing::new(value.to_owned())));
    match &sign_in.credential {
        Credential::Token(text) => {
            if held.spent {
                return Err(Error::new(error::Kind::Access, "the service no longer accepts the given token")
                    .hint("get a new one, set the variable again and continue with --resume"));
            }
            return Ok(Token::new(text.clone(), None));
        }
        Credential::AzureCli => return azure_cli(sign_in).await,
        Credential::ManagedIdentity { client_id, endpoint } => {
            return managed(sign_in, client_id.as_deref(), endpoint).await;
        }
        Credential::DeviceCode { client_id, scopes } => {
            return device(sign_in, client, held, client_id, scopes).await;
        }
        Credential::Secret { client_id, secret } => {
            put("client_id", client_id);
            put("client_secret", secret);
        }
        Credential::Certificate { client_id, certificate } => {
            let now = (sign_in.now)();
            certificate.check(now)?;
            put("client_id", client_id);
            put("client_assertion_type", ASSERTION);
            put("client_assertion", &certificate.assertion(client_id, audience.url().as_str(), now)?);
        }
        Credential::Federated { client_id, subject } => {
            put("client_id", client_id);
            put("client_assertion_type", ASSERTION);
            put("client_assertion", &subject_token(sign_in, subject).await?);
        }
    }
    put("grant_type", "client_credentials");
    put("scope", &scope);
    if let Some(demanded) = &demanded {
        put("claims", demanded);
    }
    match exchange(client, &audience, &form).await? {
        Ok(granted) => Ok(granted.token()),
        Err(refusal) => Err(refusal.explain()),
    }
}

/// Posts a form to a token address; passing failures are tried again.
async fn exchange(
    client: &reqwest::Client,
    address: &Address,
    form: &[(&str, Secret)],
) -> Result<std::result::Result<Granted, Refusal>> {
    let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut failed = None;
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_secs(1 << (attempt - 1))).await;
        }
        let answer = match client.post(address.url().clone()).form(&fields).timeout(PATIENCE).send().await {
            Ok(answer) => answer,
            Err(cause) => {
                failed = Some(unreachable(address, &cause));
                if is_lasting(&cause) {
                    break;
                }
                continue;
            }
        };
        let status = answer.status();
        let body = match answer.bytes().await {
            Ok(body) => Zeroizing::new(body.to_vec()),
            Err(cause) => {
                failed = Some(unreachable(address, &cause));
                continue;
            }
        };
        if status.is_success() {
            return match serde_json::from_slice::<Granted>(&body) {
                Ok(granted) => Ok(Ok(granted)),
                Err(_) => Err(no_service(address)),
            };
        }
        match Refusal::read(&body) {
            Some(refusal) if refusal.is_passing() => failed = Some(refusal.explain()),
            Some(refusal) => return Ok(Err(refusal)),
            None if status.is_server_error() || status.as_u16() == 429 => failed = Some(no_service(address)),
            None => return Err(no_service(address)),
        }
    }
    Err(failed.unwrap_or_else(|| no_service(address)))
}

/// The login service could not be reached.
fn unreachable(address: &Address, cause: &reqwest::Error) -> Error {
    Error::new(
        error::Kind::Access,
        format!("cannot reach the sign-in service {}: {}", address.host(), explain(cause)),
    )
    .hint("check the network; --proxy, --no-proxy and --ca-file say how it is reached")
}

/// Something else than the login service answered.
fn no_service(address: &Address) -> Error {
    Error::new(error::Kind::Access, format!("{} did not answer as a sign-in service does", address.host()))
        .hint("a proxy or a network login page may stand between: check --authority, --proxy and --ca-file")
}

#[derive(Deserialize)]
struct DeviceCode {
    #[serde(deserialize_with = "hidden")]
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    #[serde(default = "fifteen_minutes")]
    expires_in: u64,
    #[serde(default = "five_seconds")]
    interval: u64,
}

fn fifteen_minutes() -> u64 {
    900
}

fn five_seconds() -> u64 {
    5
}

async fn device(
    sign_in: &SignIn,
    client: &reqwest::Client,
    held: &mut Held,
    client_id: &str,
    scopes: &[String],
) -> Result<Token> {
    let text = |text: &str| Zeroizing::new(text.to_owned());
    let resource = sign_in.resource_text();
    let scope = match scopes.is_empty() {
        true => format!("{resource}/.default offline_access"),
        false => {
            let mut all: Vec<String> = scopes.iter().map(|scope| format!("{resource}/{scope}")).collect();
            all.push("offline_access".into());
            all.join(" ")
        }
    };
    let address = sign_in.token_address();
    if let Some(refresh) = held.refresh.take() {
        let mut form = vec![
            ("grant_type", text("refresh_token")),
            ("client_id", text(client_id)),
            ("scope", text(&scope)),
            ("refresh_token", refresh.clone()),
        ];
        form.extend(held.claims.as_ref().map(|claims| ("claims", text(claims))));
        return match exchange(client, &address, &form).await? {
            Ok(mut granted) => {
                held.refresh = granted.refresh_token.take().or(Some(refresh));
                Ok(granted.token())
            }
            Err(refusal) => Err(refusal.explain()),
        };
    }
    let start = sign_in.login.join(&sign_in.tenant).join("oauth2/v2.0/devicecode");
    let fields = [("client_id", client_id), ("scope", scope.as_str())];
    let answer = client.post(start.url().clone()).form(&fields).send().await;
    let answer = answer.map_err(|cause| unreachable(&start, &cause))?;
    let body = answer.bytes().await.map_err(|cause| unreachable(&start, &cause))?;
    let code: DeviceCode = serde_json::from_slice(&body)
        .map_err(|_| Refusal::read(&body).map_or_else(|| no_service(&start), |refusal| refusal.explain()))?;
    let visible = |text: &str| text.chars().filter(|c| c.is_ascii_graphic()).take(200).collect::<String>();
    (sign_in.announce)(&format!(
        "sign in: open {} in a browser and type the code {}",
        visible(&code.verification_uri),
        visible(&code.user_code)
    ));
    let end = Instant::now() + Duration::from_secs(code.expires_in);
    let mut interval = Duration::from_secs(code.interval.clamp(1, 60));
    let form = [
        ("grant_type", text("urn:ietf:params:oauth:grant-type:device_code")),
        ("client_id", text(client_id)),
        ("device_code", code.device_code),
    ];
    loop {
        tokio::time::sleep(interval).await;
        match exchange(client, &address, &form).await? {
            Ok(mut granted) => {
                held.refresh = granted.refresh_token.take();
                return Ok(granted.token());
            }
            Err(refusal) if refusal.error == "authorization_pending" => {}
            Err(refusal) if refusal.error == "slow_down" => interval += Duration::from_secs(5),
            Err(refusal) => return Err(refusal.explain()),
        }
        if Instant::now() >= end {
            return Err(Refusal::of("expired_token").explain());
        }
    }
}

async fn managed(sign_in: &SignIn, client_id: Option<&str>, endpoint: &IdentityEndpoint) -> Result<Token> {
    let refused = |what: &str| {
        Error::new(error::Kind::Access, format!("no managed identity: {what}"))
            .hint("assign an identity to this machine, or sign in another way")
    };
    let client = sign_in.network.local_client()?;
    let resource = sign_in.resource_text();
    let mut failed = refused("the metadata service did not answer");
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(500 << attempt)).await;
        }
        let mut request = match endpoint {
            IdentityEndpoint::Metadata => client
                .get(METADATA)
                .header("Metadata", "true")
                .query(&[("api-version", "2018-02-01"), ("resource", &resource)]),
            IdentityEndpoint::AppService { address, header } => client
                .get(address.url().clone())
                .header("X-IDENTITY-HEADER", header.as_str())
                .query(&[("api-version", "2019-08-01"), ("resource", &resource)]),
        };
        if let Some(id) = client_id {
            request = request.query(&[("client_id", id)]);
        }
        let Ok(answer) = request.timeout(Duration::from_secs(10)).send().await else { continue };
        let status = answer.status();
        let Ok(body) = answer.bytes().await.map(|body| Zeroizing::new(body.to_vec())) else { continue };
        if status.is_success() {
            return match serde_json::from_slice::<Granted>(&body) {
                Ok(granted) => Ok(granted.token()),
                Err(_) => Err(refused("the answer cannot be read")),
            };
        }
        failed = refused("the machine has none, or not the one named by --client-id");
        // A service that has just started answers 404; the rest is final.
        if !matches!(status.as_u16(), 404 | 410 | 429 | 500..) {
            break;
        }
    }
    Err(failed)
}

async fn subject_token(sign_in: &SignIn, subject: &Subject) -> Result<Secret> {
    let unreadable = || {
        Error::new(error::Kind::Access, "the token of this workload cannot be read")
            .hint("AZURE_FEDERATED_TOKEN_FILE, or the permission `id-token: write` of a GitHub workflow")
    };
    match subject {
        Subject::File(path) => {
            let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|_| unreadable())?;
            Ok(Zeroizing::new(text.trim().to_owned()))
        }
        Subject::GitHub { address, bearer } => {
            #[derive(Deserialize)]
            struct Answer {
                #[serde(deserialize_with = "hidden")]
                value: Secret,
            }
            let client = sign_in.network.client(address)?;
            let answer = client
                .get(address.with_query(&[("audience", EXCHANGE)]).url().clone())
                .bearer_auth(bearer.as_str())
                .send()
                .await
                .map_err(|cause| unreachable(address, &cause))?;
            let body = answer.bytes().await.map_err(|cause| unreachable(address, &cause))?;
            serde_json::from_slice::<Answer>(&body).map(|answer| answer.value).map_err(|_| unreadable())
        }
    }
}

/// Asks the Azure CLI, whose own sign-in is used.
async fn azure_cli(sign_in: &SignIn) -> Result<Token> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(deserialize_with = "hidden")]
        access_token: Secret,
        #[serde(rename = "expires_on")]
        expires_on: Option<i64>,
    }
    let (resource, tenant) = (sign_in.resource_text(), sign_in.tenant.clone());
    let ran = tokio::task::spawn_blocking(move || {
        let program = if cfg!(windows) { "az.cmd" } else { "az" };
        std::process::Command::new(program)
            .args(["account", "get-access-token", "--resource", &resource, "--tenant", &tenant, "-o", "json"])
            .stdin(std::process::Stdio::null())
            .output()
    })
    .await;
    let refused = |what: &str, next: &str| {
        Err(Error::new(error::Kind::Access, format!("the Azure CLI {what}")).hint(next.to_owned()))
    };
    let output = match ran {
        Ok(Ok(output)) => output,
        _ => return refused("could not be started", "install it, or sign in another way"),
    };
    let text = Zeroizing::new(output.stdout);
    match serde_json::from_slice::<Answer>(&text) {
        Ok(answer) if output.status.success() => {
            let left = answer.expires_on.map(|end| end - (sign_in.now)().as_second());
            let life = left.map(|left| Duration::from_secs(u64::try_from(left).unwrap_or(0)));
            Ok(Token::new(answer.access_token, life))
        }
        _ => refused("gave no token", "run `az login --tenant …` and try again"),
    }
}
