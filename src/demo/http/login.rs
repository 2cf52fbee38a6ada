//! The simulated sign-in: client credentials, device code, refresh. Tokens look like those of Entra
//! (their claims can be read) and are accepted by this server alone.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// What the sign-in accepts and gives.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// The application's id.
    pub client_id: String,
    /// Its secret.
    pub secret: String,
    /// Permissions that its tokens carry. `None`: every one that anything needs.
    pub granted: Option<BTreeSet<String>>,
    /// Life of a token.
    pub life: Duration,
    /// How often a device code is still pending when it is polled.
    pub pending: u32,
}

impl Default for Accounts {
    fn default() -> Self {
        Accounts {
            client_id: "5f6a7b8c-0000-4000-8000-00000000c0de".into(),
            secret: "simulated-secret~not-a-real-one".into(),
            granted: None,
            life: Duration::from_secs(3_600),
            pending: 1,
        }
    }
}

/// The tokens that were given out.
#[derive(Default)]
pub struct Tokens {
    access: HashMap<String, Instant>,
    refresh: BTreeSet<String>,
    codes: HashMap<String, u32>,
    made: u64,
}

impl Tokens {
    /// Answers a form posted to the token address: status and body.
    pub fn token(
        &mut self,
        accounts: &Accounts,
        tenant: &str,
        form: &HashMap<String, String>,
    ) -> (u16, Value) {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if field("client_id") != accounts.client_id {
            return refused("unauthorized_client", 700_016, "Application not found in the directory");
        }
        match field("grant_type") {
            "client_credentials" => {
                if form.contains_key("client_assertion") {
                    // What an assertion must look like is tested against a real provider.
                    return self.grant(accounts, tenant, false);
                }
                if field("client_secret") != accounts.secret {
                    return refused("invalid_client", 7_000_215, "Invalid client secret provided");
                }
                self.grant(accounts, tenant, false)
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                match self.codes.get_mut(field("device_code")) {
                    Some(0) => {
                        self.codes.remove(field("device_code"));
                        self.grant(accounts, tenant, true)
                    }
                    Some(left) => {
                        *left -= 1;
                        refused("authorization_pending", 70_016, "Authorization is pending")
                    }
                    None => refused("bad_verification_code", 70_019, "The code is not known"),
                }
            }
            "refresh_token" if self.refresh.remove(field("refresh_token")) => {
                self.grant(accounts, tenant, true)
            }
            "refresh_token" => refused("invalid_grant", 700_082, "The refresh token has expired"),
            _ => refused("unsupported_grant_type", 70_003, "The grant type is not supported"),
        }
    }

    /// Begins a device code sign-in.
    pub fn device(
        &mut self,
        accounts: &Accounts,
        form: &HashMap<String, String>,
        base: &str,
    ) -> (u16, Value) {
        if form.get("client_id") != Some(&accounts.client_id) {
            return refused("unauthorized_client", 700_016, "Application not found in the directory");
        }
        self.made += 1;
        let code = format!("device-code-{}", self.made);
        self.codes.insert(code.clone(), accounts.pending);
        let user_code = format!("DEMO{:05}", self.made);
        (
            200,
            json!({"device_code": code, "user_code": user_code, "verification_uri": format!("{base}/devicelogin"),
            "expires_in": 900, "interval": 1, "message": "sign in"}),
        )
    }

    fn grant(&mut self, accounts: &Accounts, tenant: &str, user: bool) -> (u16, Value) {
        self.made += 1;
        let granted = accounts.granted.clone().unwrap_or_default();
        let mut claims = json!({"aud": "https://graph.microsoft.com", "tid": tenant, "appid": accounts.client_id,
            "jti": self.made});
        let all: Vec<&str> = granted.iter().map(String::as_str).collect();
        match user {
            true => claims["scp"] = json!(all.join(" ")),
            false => claims["roles"] = json!(all),
        }
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let token = format!("{}.{}.simulated", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims));
        self.access.insert(token.clone(), Instant::now() + accounts.life);
        let mut body =
            json!({"token_type": "Bearer", "expires_in": accounts.life.as_secs(), "access_token": token});
        if user {
            let refresh = format!("refresh-token-{}", self.made);
            body["refresh_token"] = json!(refresh);
            self.refresh.insert(refresh);
        }
        (200, body)
    }

    /// Whether a token is good for now.
    pub fn accepts(&self, token: &str) -> bool {
        self.access.get(token).is_some_and(|end| Instant::now() < *end)
    }

    /// Ends every token.
    pub fn expire(&mut self) {
        self.access.clear();
    }
}

fn refused(error: &str, code: u32, text: &str) -> (u16, Value) {
    (
        400,
        json!({"error": error, "error_description": format!("AADSTS{code}: {text}."), "error_codes": [code]}),
    )
}
