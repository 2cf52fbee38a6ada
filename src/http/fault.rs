//! What went wrong on the way, in words that hold nothing of the address; and how long to wait.

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::error::Error as _;
use std::time::Duration;

/// What stands between us and a server, where that can be told.
enum Between {
    /// The name of the host leads nowhere.
    NoName,
    /// The proxy wants a sign-in of its own.
    ProxySignIn,
    /// The proxy does not connect.
    Proxy,
    /// Somebody else's certificate.
    Certificate,
    /// The system's own word.
    System(String),
}

/// Looks through the causes of an error. Texts of other types may quote the address and are not used;
/// fixed words and system errors cannot.
fn between(error: &reqwest::Error) -> Option<Between> {
    let mut cause = error.source();
    let mut found = None;
    while let Some(inner) = cause {
        let words = inner.to_string();
        if words.starts_with("dns error") {
            return Some(Between::NoName);
        }
        if words.starts_with("tunnel error") {
            let sign_in = words.contains("proxy authorization required");
            return Some(if sign_in { Between::ProxySignIn } else { Between::Proxy });
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            found = Some(match io.raw_os_error() {
                Some(_) => Between::System(io.to_string()),
                None if io.get_ref().is_some_and(|e| e.to_string().contains("certificate")) => {
                    Between::Certificate
                }
                None => Between::System(io.kind().to_string()),
            });
        }
        cause = inner.source();
    }
    found
}

/// Whether the same request cannot succeed a moment later: who stands between will go on standing there.
pub fn is_lasting(error: &reqwest::Error) -> bool {
    matches!(between(error), Some(Between::ProxySignIn | Between::Proxy | Between::Certificate))
}

/// Says what failed: our word for the class, and the system's own word where there is one.
pub fn explain(error: &reqwest::Error) -> String {
    let class = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else if error.is_body() || error.is_request() {
        "the connection broke"
    } else if error.is_decode() {
        "the answer cannot be read"
    } else if error.is_builder() {
        "the request cannot be made"
    } else {
        "the request failed"
    };
    let what = match between(error) {
        None => return class.to_owned(),
        Some(Between::System(words)) => words,
        Some(Between::NoName) => "the name of the host cannot be resolved (DNS)".into(),
        Some(Between::ProxySignIn) => "the proxy demands a sign-in of its own, which is not supported".into(),
        Some(Between::Proxy) => "the proxy does not let the connection through".into(),
        Some(Between::Certificate) => {
            "the server's certificate is not trusted (a proxy that inspects TLS? see --ca-file)".into()
        }
    };
    format!("{class}: {what}")
}

/// How long the server asks to wait: seconds, or a date, which is held against the server's own clock.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let then = date(text)?;
    let now = date(headers.get(DATE)?.to_str().ok()?)?;
    Some(Duration::from_secs(u64::try_from(then.as_second() - now.as_second()).unwrap_or(0)))
}

/// `Fri, 20 Nov 2026 16:00:00 GMT` (RFC 9110).
pub(super) fn date(text: &str) -> Option<jiff::Timestamp> {
    let text = text.trim().strip_suffix("GMT")?;
    jiff::fmt::rfc2822::parse(&format!("{text}+0000")).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Address, Network};

    #[test]
    fn seconds_and_dates_are_understood() {
        let headers = |retry: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry.parse().unwrap());
            headers.insert(DATE, "Fri, 20 Nov 2026 16:00:00 GMT".parse().unwrap());
            headers
        };
        for (text, expected) in [
            ("7", Some(7)),
            ("Fri, 20 Nov 2026 16:01:30 GMT", Some(90)),
            ("Fri, 20 Nov 2026 15:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(&headers(text)), expected.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_refused_connection_is_explained_without_the_address() {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = Address::parse(&format!("http://127.0.0.1:{port}/PATH?sig=SECRET")).unwrap();
        let client = Network::default().client(&address).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(async { client.get(address.url().clone()).send().await }).unwrap_err();
        let text = explain(&error);
        assert!(text.starts_with("cannot connect: "), "{text}");
        assert!(
            !text.contains("SECRET") && !text.contains("PATH") && !text.contains(&port.to_string()),
            "{text}"
        );
    }
}
