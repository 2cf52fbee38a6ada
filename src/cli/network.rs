//! Flags of every command that uses the network.

use super::places;
use crate::error::Result;
use crate::http::{Address, Network, Proxy};
use std::path::PathBuf;

/// How the network is reached.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct NetworkArgs {
    /// Reach the network through this proxy: http://host:port. Without it, as the operating system says.
    #[arg(long, value_name = "URL", conflicts_with = "no_proxy")]
    proxy: Option<String>,
    /// Reach the network directly, whatever the operating system says.
    #[arg(long)]
    no_proxy: bool,
    /// Trust these certificates too (PEM), e.g. of a proxy that inspects TLS.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl NetworkArgs {
    /// The settings that the flags mean.
    ///
    /// # Errors
    /// Usage, if the proxy's address is not one or holds a password, or the file cannot be read.
    pub fn settle(&self) -> Result<Network> {
        let proxy = match &self.proxy {
            Some(proxy) => Proxy::Named(Address::proxy(proxy)?),
            None if self.no_proxy => Proxy::Direct,
            None => Proxy::System,
        };
        let ca_pem = match &self.ca_file {
            Some(file) => Some(places::read_small(file, "certificate file")?.as_bytes().to_vec()),
            None => None,
        };
        Ok(Network { proxy, ca_pem })
    }
}
