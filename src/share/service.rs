//! Which service an address belongs to, and what the address says of itself.

use crate::error::{self, Error, Result};
use crate::http::Address;
use jiff::Timestamp;

/// How the bundle is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Azure Blob Storage, in blocks.
    AzureBlob,
    /// One HTTP `PUT`.
    Put,
}

/// An address with a shared access signature (its version `sv` and signature `sig`) is Azure's; any
/// other takes a `PUT`.
pub fn service(address: &Address) -> Service {
    match (address.query("sv"), address.query("sig")) {
        (Some(_), Some(_)) => Service::AzureBlob,
        _ => Service::Put,
    }
}

/// A signature for a container (`sr=c`) whose path names the container alone gets the bundle's name.
pub(super) fn settle(address: &Address, name: &str) -> Address {
    let segments = address.url().path().split('/').filter(|segment| !segment.is_empty()).count();
    // Emulators carry the account's name as the first segment (documented by Azurite).
    let container = if address.is_loopback() { 2 } else { 1 };
    if service(address) == Service::AzureBlob
        && address.query("sr").as_deref() == Some("c")
        && segments <= container
    {
        address.join(name)
    } else {
        address.clone()
    }
}

/// Says before the first request what the service would only call "authentication failed".
pub(super) fn check_sas(address: &Address, now: Timestamp) -> Result<()> {
    let refuse = |what: String| {
        Err(Error::new(error::Kind::Access, what).hint("ask for a new address and send the bundle to that"))
    };
    if let Some(end) = address.query("se").and_then(|text| time(&text))
        && end <= now
    {
        return refuse(format!("the address expired at {end}"));
    }
    if let Some(start) = address.query("st").and_then(|text| time(&text))
        && start > now
    {
        return refuse(format!("the address is not valid before {start}"));
    }
    if let Some(permissions) = address.query("sp")
        && !permissions.contains(['w', 'c'])
    {
        return refuse("the address permits neither create nor write".into());
    }
    Ok(())
}

/// A time of a signature: RFC 3339, also without seconds or as a date (documented by Azure Storage).
fn time(text: &str) -> Option<Timestamp> {
    let full = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        17 => format!("{}:00Z", text.strip_suffix('Z')?),
        _ => text.to_owned(),
    };
    full.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn a_signature_tells_the_service() {
        assert_eq!(
            service(&address("https://a.blob.core.windows.net/c/b.zip?sv=2024-11-04&sp=cw&sig=x")),
            Service::AzureBlob
        );
        assert_eq!(service(&address("https://s3.example.com/b?X-Amz-Signature=x")), Service::Put);
        assert_eq!(service(&address("https://example.com/upload")), Service::Put);
    }

    #[test]
    fn a_container_gets_the_bundles_name() {
        let path = |text: &str| settle(&address(text), "n.zip").url().path().to_owned();
        assert_eq!(path("https://a.example/c?sv=1&sr=c&sig=x"), "/c/n.zip");
        assert_eq!(path("https://a.example/c/?sv=1&sr=c&sig=x"), "/c/n.zip");
        assert_eq!(path("https://a.example/c/other.zip?sv=1&sr=c&sig=x"), "/c/other.zip");
        assert_eq!(path("https://a.example/c?sv=1&sr=b&sig=x"), "/c");
        assert_eq!(path("http://127.0.0.1:10000/account/c?sv=1&sr=c&sig=x"), "/account/c/n.zip");
        assert_eq!(path("https://a.example/c?sr=c"), "/c");
    }

    #[test]
    fn what_the_address_says_is_explained_before_anything_is_sent() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let check =
            |query: &str| check_sas(&address(&format!("https://a.example/c/b?sv=1&sig=x&{query}")), now);
        for good in [
            "",
            "se=2026-11-20T12:00:01Z",
            "se=2026-11-21",
            "se=2026-11-20T12:01Z&sp=cw",
            "sp=w",
            "se=whenever",
        ] {
            check(good).unwrap();
        }
        for (bad, says) in [
            ("se=2026-11-20T12:00:00Z", "expired at 2026-11-20T12:00:00Z"),
            ("se=2026-11-20", "expired at 2026-11-20T00:00:00Z"),
            ("st=2026-11-21", "not valid before"),
            ("sp=rl", "neither create nor write"),
        ] {
            let error = check(bad).unwrap_err();
            assert_eq!(error.code(), 4);
            assert!(error.message().contains(says), "{error}");
        }
    }
}
