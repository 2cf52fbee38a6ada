//! A refused sign-in in the words of the user's world. Codes from the Entra error reference.

use crate::error::{self, Error};
use serde::Deserialize;
use std::sync::OnceLock;

#[derive(Deserialize)]
struct Row {
    codes: Vec<u32>,
    what: String,
    next: String,
}

/// What the token endpoint says about a refusal (RFC 6749 §5.2, with the codes of Entra).
#[derive(Debug, Default, Deserialize)]
pub struct Refusal {
    /// OAuth error word.
    #[serde(default)]
    pub error: String,
    /// AADSTS codes.
    #[serde(default)]
    error_codes: Vec<u32>,
    #[serde(default)]
    error_description: String,
}

impl Refusal {
    /// Reads the body of an answer.
    pub fn read(body: &[u8]) -> Option<Refusal> {
        serde_json::from_slice(body).ok().filter(|refusal: &Refusal| !refusal.error.is_empty())
    }

    /// A refusal that only has a word.
    pub fn of(error: &str) -> Refusal {
        Refusal { error: error.to_owned(), ..Refusal::default() }
    }

    /// The AADSTS code, where there is one.
    pub fn code(&self) -> Option<u32> {
        self.error_codes.first().copied().or_else(|| {
            let digits = self.error_description.strip_prefix("AADSTS")?;
            digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        })
    }

    /// Whether a later try can succeed.
    pub fn is_passing(&self) -> bool {
        matches!(self.code(), Some(50196 | 90033 | 90006 | 90012 | 90100))
            || matches!(self.error.as_str(), "temporarily_unavailable" | "server_error")
    }

    /// The error for the user. The service's own text names accounts and ids, so it is not repeated.
    pub fn explain(&self) -> Error {
        static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
        let table = TABLE.get_or_init(|| {
            serde_json::from_str(include_str!("aadsts.json"))
                .expect("the embedded table is tested to be valid")
        });
        let refused = |what: &str| Error::new(error::Kind::Access, format!("sign-in refused: {what}"));
        let code = self.code();
        if let Some(row) = code.and_then(|code| table.iter().find(|row| row.codes.contains(&code))) {
            return refused(&format!("{} (AADSTS{})", row.what, code.unwrap_or_default()))
                .hint(row.next.clone());
        }
        if let Some(code) = code {
            return refused(&format!("AADSTS{code}"))
                .hint(format!("https://login.microsoftonline.com/error?code={code} explains the code"));
        }
        let (what, next) = match self.error.as_str() {
            "invalid_client" => (
                "the application's secret, certificate or assertion was not accepted",
                "check --client-id and the secret or certificate",
            ),
            "unauthorized_client" => {
                ("the application may not sign in this way", "check how the application is registered")
            }
            "access_denied" | "authorization_declined" => {
                ("it was declined in the browser", "run again and accept")
            }
            "expired_token" | "code_expired" => {
                ("the device code has expired", "run again and type the code within 15 minutes")
            }
            "bad_verification_code" => ("the device code was not accepted", "run again"),
            "invalid_grant" => ("the sign-in has expired or was revoked", "sign in again"),
            "invalid_scope" | "invalid_resource" | "invalid_target" => {
                ("the service asked for is not known", "check --cloud and --graph-url")
            }
            "interaction_required" => {
                ("the tenant demands an interactive sign-in", "use --device-code, or an application")
            }
            _ => ("the sign-in service gave no reason that is known here", "check --tenant and --client-id"),
        };
        refused(what).hint(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_explained_and_nothing_is_quoted() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided for app 'SECRET'.","error_codes":[7000215]}"#;
        let refusal = Refusal::read(body).unwrap();
        let error = refusal.explain();
        assert_eq!(error.code(), 4);
        assert_eq!(error.message(), "sign-in refused: the client secret is wrong (AADSTS7000215)");
        assert!(error.advice().unwrap().contains("--client-secret-env"));
        let bare =
            Refusal::read(br#"{"error":"x","error_description":"AADSTS53003: Access blocked"}"#).unwrap();
        assert!(bare.explain().message().contains("Conditional Access"));
        let unknown = Refusal::read(br#"{"error":"x","error_codes":[123456]}"#).unwrap().explain();
        assert!(
            unknown.message().contains("AADSTS123456") && unknown.advice().unwrap().contains("code=123456")
        );
        assert!(Refusal::read(b"<html>").is_none() && Refusal::read(b"{}").is_none());
    }

    #[test]
    fn no_code_stands_in_two_rows() {
        let rows: Vec<Row> = serde_json::from_str(include_str!("aadsts.json")).unwrap();
        let mut codes: Vec<u32> = rows.iter().flat_map(|row| row.codes.clone()).collect();
        codes.sort_unstable();
        let all = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
