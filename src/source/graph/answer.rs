//! What an answer that is no page means, and what is done about it. Codes and cures from the Graph
//! error reference and from the reports of other collectors' users.

use crate::event::Reason;
use serde::Deserialize;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The bucket pauses, then the same request again.
    Throttled,
    /// The same request again, after a while.
    Again,
    /// The token is replaced; the claims that were demanded come along.
    SignIn(Option<String>),
    /// The page token is not good any more: the window begins anew.
    LostPlace,
    /// Too much was asked for at once: half the window, fewer records a page.
    TooMuch,
    /// The query is not supported: with less of it.
    Plainer,
    /// There is no such object.
    Absent,
    /// It will not be answered.
    No(Reason),
    /// A refusal that is known to pass at times: a few more tries, then this.
    Doubtful(Reason),
}

#[derive(Deserialize)]
struct Body {
    error: Inner,
}

#[derive(Deserialize, Default)]
struct Inner {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Judges an answer with this status. `challenge` is its `WWW-Authenticate` header.
pub fn judge(status: u16, challenge: Option<&str>, body: &[u8]) -> Verdict {
    let inner = serde_json::from_slice::<Body>(body).map(|body| body.error).unwrap_or_default();
    let code = inner.code.as_str();
    let says = |text: &str| inner.message.to_ascii_lowercase().contains(text);
    match status {
        400 => {
            let lost = ["Directory_ExpiredPageToken", "DirectoryPageTokenNotFoundException"];
            if lost.iter().any(|known| code.contains(known) || inner.message.contains(known))
                || says("skip token")
                || says("skiptoken")
                || says("page token")
            {
                Verdict::LostPlace
            } else if says("resource not found for the segment") {
                Verdict::No(Reason::Cloud)
            } else if matches!(code, "TooManyRetries" | "UnknownError") {
                Verdict::Doubtful(Reason::Error)
            } else {
                Verdict::Plainer
            }
        }
        401 => Verdict::SignIn(challenge.and_then(demanded)),
        403 => match code {
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant" => Verdict::Doubtful(Reason::Licence),
            "insufficient_claims" => Verdict::No(Reason::ConditionalAccess),
            "UnknownError" if says("conditional access") => Verdict::No(Reason::ConditionalAccess),
            _ if says("premium") || says("license") || says("licence") => Verdict::Doubtful(Reason::Licence),
            _ => Verdict::No(Reason::Permission),
        },
        404 if says("resource not found for the segment") => Verdict::No(Reason::Cloud),
        404 => Verdict::Absent,
        408 | 504 => Verdict::TooMuch,
        429 | 509 => Verdict::Throttled,
        500..=599 => Verdict::Again,
        // A page of HTML with status 200 is a proxy, or a fault that passes.
        200..=299 => Verdict::Again,
        _ => Verdict::No(Reason::Error),
    }
}

/// The claims of a challenge of continuous access evaluation.
fn demanded(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("claims=\"")?;
    let (encoded, _) = rest.split_once('"')?;
    let bytes = data_encoding::BASE64
        .decode(encoded.as_bytes())
        .or_else(|_| data_encoding::BASE64URL_NOPAD.decode(encoded.trim_end_matches('=').as_bytes()))
        .ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str) -> Vec<u8> {
        serde_json::json!({"error": {"code": code, "message": message}}).to_string().into_bytes()
    }

    #[test]
    fn the_known_answers() {
        for (status, code, message, verdict) in [
            (400, "Directory_ExpiredPageToken", "", Verdict::LostPlace),
            (400, "BadRequest", "Skip token is null", Verdict::LostPlace),
            (400, "BadRequest", "Invalid filter clause", Verdict::Plainer),
            (400, "UnknownError", "", Verdict::Doubtful(Reason::Error)),
            (
                403,
                "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
                "",
                Verdict::Doubtful(Reason::Licence),
            ),
            (403, "Authorization_RequestDenied", "Insufficient privileges", Verdict::No(Reason::Permission)),
            (403, "insufficient_claims", "", Verdict::No(Reason::ConditionalAccess)),
            (404, "BadRequest", "Resource not found for the segment 'x'.", Verdict::No(Reason::Cloud)),
            (404, "Request_ResourceNotFound", "", Verdict::Absent),
            (429, "TooManyRequests", "", Verdict::Throttled),
            (503, "ServiceUnavailable", "", Verdict::Again),
            (504, "GatewayTimeout", "", Verdict::TooMuch),
            (509, "BandwidthLimitExceeded", "", Verdict::Throttled),
            (302, "", "", Verdict::No(Reason::Error)),
        ] {
            assert_eq!(judge(status, None, &error(code, message)), verdict, "{status} {code} {message}");
        }
        assert_eq!(judge(503, None, b"<html>"), Verdict::Again);
        assert_eq!(judge(403, None, b"<html>"), Verdict::No(Reason::Permission));
    }

    #[test]
    fn a_challenge_carries_its_claims() {
        let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
        let header = format!(
            "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{}\"",
            data_encoding::BASE64.encode(claims.as_bytes())
        );
        assert_eq!(judge(401, Some(&header), b""), Verdict::SignIn(Some(claims.to_owned())));
        assert_eq!(judge(401, None, b""), Verdict::SignIn(None));
    }
}
