//! Addresses that may be called. An address can be a credential (its query holds a signature), so
//! it is never shown: [`Address::host`] and [`Address::path_sha256`] are.

use crate::crypto;
use crate::error::{Error, Result};
use std::fmt;
use url::{Host, Url};

/// An `https` address, or an `http` one of this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Parses an address that is to be called. User names, passwords and fragments are refused, as
    /// is `http` to another machine.
    ///
    /// # Errors
    /// Usage; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self> {
        let address = Self::of(text)?;
        if address.0.scheme() == "http" && !address.is_loopback() {
            return Err(Error::usage(
                "the address begins with http://: what is sent could be read on the way",
            )
            .hint("use https:// (http:// is accepted for this machine alone)"));
        }
        Ok(address)
    }

    /// Parses the address of a proxy, where `http` is usual.
    ///
    /// # Errors
    /// Usage; the text is not repeated.
    pub fn proxy(text: &str) -> Result<Self> {
        Self::of(text).map_err(|error| match error.advice() {
            Some(_) => error,
            None => error.hint("http://HOST:PORT"),
        })
    }

    fn of(text: &str) -> Result<Self> {
        let url = Url::parse(text.trim()).map_err(|_| Error::usage("this is not an address"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(Error::usage("the address does not begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::usage("the address holds a user name or password")
                .hint("secrets are never arguments; a proxy's stand in the variable HTTPS_PROXY"));
        }
        if url.fragment().is_some() {
            return Err(Error::usage("the address holds a `#`"));
        }
        Ok(Address(url))
    }

    /// Whether it is this machine: `127.0.0.0/8`, `::1`, `localhost`.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            None => false,
        }
    }

    /// Host, and port where it is not the usual one: this may be shown.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// SHA-256 of the path without the query, hex: tells addresses apart without showing them.
    pub fn path_sha256(&self) -> String {
        crypto::hex(&crypto::sha256(self.0.path().as_bytes()))
    }

    /// The whole address. It is for calling, never for showing.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The first value of a member of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        self.0.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The same address with further members in its query. What stands there is not written anew:
    /// a signature covers its exact bytes.
    #[must_use]
    pub fn with_query(&self, members: &[(&str, &str)]) -> Self {
        let mut url = self.0.clone();
        let added: Vec<String> = members.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let query = match url.query() {
            Some(query) if !query.is_empty() => format!("{query}&{}", added.join("&")),
            _ => added.join("&"),
        };
        url.set_query(Some(&query));
        Address(url)
    }

    /// The same address one folder deeper.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let mut url = self.0.clone();
        let path = format!("{}/{name}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Address(url)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}, …)", self.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_this_machine() {
        for good in [
            "https://a.blob.core.windows.net/c/b?sig=x",
            "http://127.0.0.1:10000/x",
            "http://[::1]/",
            "http://localhost/",
        ] {
            Address::parse(good).unwrap();
        }
        for bad in [
            "http://example.com/?sig=SECRET",
            "ftp://example.com/SECRET",
            "SECRET",
            "",
            "https://u:SECRET@example.com/",
            "https://example.com/#SECRET",
            "http://127.0.0.1.example.com/SECRET",
            "file:///SECRET",
        ] {
            let error = Address::parse(bad).unwrap_err();
            assert_eq!(error.code(), 2);
            assert!(
                !error.message().contains("SECRET") && !error.advice().unwrap_or_default().contains("SECRET")
            );
        }
        assert!(Address::proxy("http://proxy:3128").is_ok());
        assert!(Address::proxy("http://user:SECRET@proxy:3128").is_err());
    }

    #[test]
    fn nothing_of_the_query_or_path_is_shown() {
        let address = Address::parse("https://h.example/container/name?sv=1&sig=SECRET%2B").unwrap();
        assert_eq!(format!("{address:?}"), "Address(h.example, …)");
        assert_eq!(address.host(), "h.example");
        assert_eq!(address.path_sha256(), crypto::hex(&crypto::sha256(b"/container/name")));
        assert_eq!(address.query("sig").as_deref(), Some("SECRET+"));
        let more = address.with_query(&[("comp", "block")]);
        assert_eq!(more.url().query(), Some("sv=1&sig=SECRET%2B&comp=block"));
        assert_eq!(address.join("b.zip").url().path(), "/container/name/b.zip");
        assert_eq!(Address::parse("http://127.0.0.1:81/").unwrap().host(), "127.0.0.1:81");
    }
}
