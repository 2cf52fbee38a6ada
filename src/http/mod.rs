//! The one way to the network: which addresses may be called, through which proxy, trusting whom,
//! and how failures are told without the address.
//!
//! TLS is rustls on ring with the roots of the operating system. Redirects are never followed: an
//! address or a token that was meant for one host does not go to another.

mod address;
mod fault;
mod reach;

pub use address::Address;
pub use fault::{explain, is_lasting, retry_after};
pub use reach::{Reached, reach};

use crate::crypto;
use crate::error::{self, Error, Result};
use std::time::Duration;

/// Time for a TCP connection and the TLS handshake.
const CONNECT: Duration = Duration::from_secs(30);
/// Time in which at least one byte of an answer must come.
const SILENCE: Duration = Duration::from_secs(120);

/// How the network is reached.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Which proxy.
    pub proxy: Proxy,
    /// Certificates (PEM, one or more) that are trusted beside those of the operating system.
    pub ca_pem: Option<Vec<u8>>,
}

/// The proxy. Loopback addresses are reached without one unless it is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// What the operating system says: `HTTPS_PROXY`, `NO_PROXY` and so on, and the settings of Windows.
    #[default]
    System,
    /// None at all.
    Direct,
    /// This one, for everything: `http://host:port`.
    Named(Address),
}

impl Network {
    /// A client for this address (and others of the same kind: loopback or not).
    ///
    /// # Errors
    /// Usage, if a certificate cannot be read; internal.
    pub fn client(&self, address: &Address) -> Result<reqwest::Client> {
        crypto::use_ring_for_tls();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("entra-bundle/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!address.is_loopback())
            .referer(false)
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        match &self.proxy {
            Proxy::System if address.is_loopback() => builder = builder.no_proxy(),
            Proxy::System => {}
            Proxy::Direct => builder = builder.no_proxy(),
            Proxy::Named(proxy) => {
                let proxy = reqwest::Proxy::all(proxy.url().clone())
                    .map_err(|_| Error::usage("the proxy's address is not allowed"))?;
                builder = builder.proxy(proxy);
            }
        }
        let no_certificate = || {
            Error::usage("the file of --ca-file holds no usable certificate")
                .hint("PEM: one or more blocks that begin with -----BEGIN CERTIFICATE-----")
        };
        if let Some(pem) = &self.ca_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
            if certificates.is_empty() {
                return Err(no_certificate());
            }
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map_err(|cause| match &self.ca_pem {
            Some(_) => no_certificate(),
            None => {
                Error::new(error::Kind::Internal, format!("cannot prepare a connection: {}", explain(&cause)))
            }
        })
    }

    /// A client for services of this machine and its link (the metadata service of a cloud): plain
    /// HTTP, never through a proxy.
    ///
    /// # Errors
    /// Internal.
    pub fn local_client(&self) -> Result<reqwest::Client> {
        crypto::use_ring_for_tls();
        let client = reqwest::Client::builder()
            .user_agent(concat!("entra-bundle/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5));
        client.build().map_err(|cause| {
            Error::new(error::Kind::Internal, format!("cannot prepare a connection: {}", explain(&cause)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_built_for_every_kind_of_proxy() {
        let address = Address::parse("https://example.com/a").unwrap();
        let named = Proxy::Named(Address::proxy("http://127.0.0.1:3128").unwrap());
        for proxy in [Proxy::System, Proxy::Direct, named] {
            Network { proxy, ca_pem: None }.client(&address).unwrap();
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let address = Address::parse("https://example.com/a").unwrap();
        for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"] {
            let network = Network { ca_pem: Some(pem.as_bytes().to_vec()), ..Network::default() };
            assert_eq!(network.client(&address).unwrap_err().code(), 2, "{pem}");
        }
    }
}
