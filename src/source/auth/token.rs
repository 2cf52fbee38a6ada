//! An access token and what it says about itself.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A token is replaced when this part of its life is over.
const LIFE: f64 = 0.8;
/// Life of a token that does not tell.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);

/// An access token. Its text is shown nowhere.
#[derive(Clone)]
pub struct Token {
    text: Zeroizing<String>,
    refresh_at: Instant,
    /// What it allows.
    pub claims: Claims,
}

/// What a token says: read, not verified, because the service that takes it verifies it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Claims {
    /// Permissions of an application.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// Delegated permissions, separated by spaces.
    #[serde(default)]
    pub scp: Option<String>,
    /// Directory roles (template ids) of the user who signed in.
    #[serde(default)]
    pub wids: BTreeSet<String>,
    /// The tenant.
    #[serde(default)]
    pub tid: Option<String>,
    /// For whom the token is.
    #[serde(default)]
    pub aud: Option<String>,
    /// Seconds since 1970 when it ends.
    #[serde(default)]
    pub exp: Option<i64>,
}

impl Claims {
    /// Reads the middle part of a JWT. An opaque token says nothing.
    pub fn read(token: &str) -> Option<Claims> {
        let mut parts = token.split('.');
        let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(payload.trim_end_matches('=').as_bytes()).ok()?);
        bytes.starts_with(b"{").then(|| serde_json::from_slice(&bytes).ok()).flatten()
    }

    /// Whether a user signed in, not an application.
    pub fn is_delegated(&self) -> bool {
        self.scp.is_some()
    }

    /// The permissions, whichever way they were given.
    pub fn permissions(&self) -> BTreeSet<&str> {
        let delegated = self.scp.as_deref().unwrap_or_default().split(' ').filter(|scope| !scope.is_empty());
        self.roles.iter().map(String::as_str).chain(delegated).collect()
    }
}

impl Token {
    /// A token that lives for so long from now on.
    pub fn new(text: Zeroizing<String>, life: Option<Duration>) -> Token {
        let claims = Claims::read(&text).unwrap_or_default();
        let life = life.unwrap_or(DEFAULT_LIFE).min(Duration::from_secs(7 * 86_400));
        Token { text, refresh_at: Instant::now() + life.mul_f64(LIFE), claims }
    }

    /// Whether it should be replaced.
    pub fn is_old(&self) -> bool {
        Instant::now() >= self.refresh_at
    }

    /// The text, for the `Authorization` header alone.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(payload: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.c2ln", BASE64URL_NOPAD.encode(payload.as_bytes()))
    }

    #[test]
    fn roles_and_scopes_are_read() {
        let app = Claims::read(&jwt(r#"{"roles":["AuditLog.Read.All"],"tid":"t","exp":1}"#)).unwrap();
        assert!(!app.is_delegated() && app.permissions().contains("AuditLog.Read.All"));
        let user = Claims::read(&jwt(r#"{"scp":"User.Read  Directory.Read.All","wids":["x"]}"#)).unwrap();
        assert!(user.is_delegated());
        assert_eq!(user.permissions().len(), 2);
        for opaque in ["", "abc", "a.b", "a.!.c", &jwt("[]")] {
            assert_eq!(Claims::read(opaque), None, "{opaque}");
        }
    }

    #[test]
    fn a_token_is_old_after_four_fifths_of_its_life_and_is_never_shown() {
        let text = || Zeroizing::new("SECRET".to_owned());
        assert!(Token::new(text(), Some(Duration::ZERO)).is_old());
        let token = Token::new(text(), Some(Duration::from_secs(60)));
        assert!(!token.is_old() && !format!("{token:?}").contains("SECRET"));
    }
}
