//! Sign-in: how an access token is got, kept fresh, and why it is refused.
//!
//! Tokens live in memory alone. They are replaced after four fifths of their life, also in the
//! middle of paging, and once when the service rejects one.

mod certificate;
mod flows;
mod refusal;
mod token;

pub use certificate::Certificate;
pub use refusal::Refusal;
pub use token::{Claims, Token};

use crate::error::{self, Error, Result};
use crate::http::{Address, Network};
use jiff::Timestamp;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The public application of Microsoft's own Graph command line tools: a device code sign-in uses it
/// unless another application is named.
pub const GRAPH_COMMAND_LINE: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";

/// Text that must not be shown.
pub type Secret = Zeroizing<String>;

/// Who signs in.
pub enum Credential {
    /// A person in a browser, by a code.
    DeviceCode {
        /// The application.
        client_id: String,
        /// Permissions asked for; empty means those consented to before.
        scopes: Vec<String>,
    },
    /// An application with a secret.
    Secret {
        /// The application.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// An application with a certificate.
    Certificate {
        /// The application.
        client_id: String,
        /// Its certificate and key.
        certificate: Box<Certificate>,
    },
    /// The identity of the machine in Azure.
    ManagedIdentity {
        /// Which one, where the machine has several: a client id.
        client_id: Option<String>,
        /// Where it is asked for.
        endpoint: IdentityEndpoint,
    },
    /// An application that trusts the token of a workload elsewhere.
    Federated {
        /// The application.
        client_id: String,
        /// Where that token comes from; it is read anew each time.
        subject: Subject,
    },
    /// The Azure CLI, which is signed in already.
    AzureCli,
    /// A ready token.
    Token(Secret),
}

/// Where a managed identity is asked for.
pub enum IdentityEndpoint {
    /// The metadata service of virtual machines and the like, at its link-local address.
    Metadata,
    /// App Service, Functions, Container Apps: an address and a header from the environment.
    AppService {
        /// `IDENTITY_ENDPOINT`.
        address: Address,
        /// `IDENTITY_HEADER`.
        header: Secret,
    },
}

/// Where the token of a workload comes from.
pub enum Subject {
    /// A file that the platform keeps fresh.
    File(PathBuf),
    /// The token service of GitHub Actions.
    GitHub {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
        address: Address,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
        bearer: Secret,
    },
}

/// A sign-in, settled.
pub struct SignIn {
    /// Who.
    pub credential: Credential,
    /// Where: the address of the login service, without a path.
    pub login: Address,
    /// In which tenant: an id or a domain.
    pub tenant: String,
    /// For which service: its address, without a path.
    pub resource: Address,
    /// How the network is reached.
    pub network: Network,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// Tells the user what to do (the device code).
    pub announce: Box<dyn Fn(&str) + Send + Sync>,
}

impl SignIn {
    /// Checks what can be checked without a request.
    ///
    /// # Errors
    /// Usage; access, if a certificate or token is outside its time.
    pub fn check(&self) -> Result<()> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        if self.tenant.is_empty() || self.tenant.len() > 253 || !self.tenant.bytes().all(fits) {
            return Err(Error::usage("--tenant is neither an id nor a domain"));
        }
        match &self.credential {
            Credential::Certificate { certificate, .. } => certificate.check((self.now)()),
            Credential::Token(text) => {
                let claims = Claims::read(text);
                let ended = claims.and_then(|claims| claims.exp);
                if ended.is_some_and(|end| end <= (self.now)().as_second()) {
                    return Err(Error::new(error::Kind::Access, "the given token has expired")
                        .hint("get a new one and set the variable again"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn token_address(&self) -> Address {
        self.login.join(&self.tenant).join("oauth2/v2.0/token")
    }

    /// `scope` of an application.
    fn default_scope(&self) -> String {
        format!("{}/.default", self.resource_text())
    }

    fn resource_text(&self) -> String {
        self.resource.url().as_str().trim_end_matches('/').to_owned()
    }

    /// Every secret that is known before the sign-in, for the check that none leaks.
    pub fn secrets(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let of = |text: &Secret| Zeroizing::new(text.as_bytes().to_vec());
        match &self.credential {
            Credential::Secret { secret, .. } => vec![of(secret)],
            Credential::Token(text) => vec![of(text)],
            Credential::Certificate { certificate, .. } => {
                vec![Zeroizing::new(certificate.secret().to_vec())]
            }
            Credential::ManagedIdentity { endpoint: IdentityEndpoint::AppService { header, .. }, .. } => {
                vec![of(header)]
            }
            Credential::Federated { subject: Subject::GitHub { bearer, .. }, .. } => vec![of(bearer)],
            _ => Vec::new(),
        }
    }
}

/// The token of a run, shared by all its requests.
pub struct Tokens {
    sign_in: SignIn,
    client: reqwest::Client,
    held: tokio::sync::Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// Of a device code sign-in; in memory alone.
    refresh: Option<Secret>,
    /// What the service demands beside the token it rejected (continuous access evaluation).
    claims: Option<String>,
    /// The token was rejected and could not be replaced.
    spent: bool,
}

impl Tokens {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// As [`SignIn::check`]; internal.
    pub fn new(sign_in: SignIn) -> Result<Tokens> {
        sign_in.check()?;
        let client = sign_in.network.client(&sign_in.login)?;
        Ok(Tokens { sign_in, client, held: tokio::sync::Mutex::default() })
    }

    /// A token that is good for now: the held one, or a new one.
    ///
    /// # Errors
    /// Access: why the sign-in was refused, and what to do.
    pub async fn bearer(&self) -> Result<Token> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.token.as_ref().filter(|token| !token.is_old()) {
            return Ok(token.clone());
        }
        if let (Credential::Token(_), Some(token)) = (&self.sign_in.credential, held.token.as_ref())
            && !held.spent
        {
            // It cannot be replaced; the service decides when it ends.
            return Ok(token.clone());
        }
        let token = flows::acquire(&self.sign_in, &self.client, &mut held).await?;
        held.token = Some(token.clone());
        held.claims = None;
        Ok(token)
    }

    /// The service rejected this token: the next [`Tokens::bearer`] gets another one, with the
    /// claims that were demanded.
    pub async fn reject(&self, rejected: &Token, claims: Option<String>) {
        let mut held = self.held.lock().await;
        if held.token.as_ref().is_some_and(|token| token.text() == rejected.text()) {
            held.spent = matches!(self.sign_in.credential, Credential::Token(_));
            held.token = None;
            held.claims = claims;
        }
    }

    /// The sign-in.
    pub fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }
}
