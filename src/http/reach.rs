//! Whether a host can be reached at all, and what its clock says.

use super::{Address, Network, explain};
use crate::error::{self, Error, Result};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE};
use std::time::{Duration, Instant};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// An answer of any kind: that there is one is what counts.
#[derive(Clone, Debug)]
pub struct Reached {
    /// HTTP status.
    pub status: u16,
    /// Time until the head of the answer was there, connection and TLS included.
    pub latency: Duration,
    /// How far this machine's clock is ahead of the host's; `None`: the host tells no time.
    pub ahead: Option<SignedDuration>,
    /// The answer is a page for people: something on the way answers in the host's place.
    pub page: bool,
}

/// Asks `address` once, with GET and without a sign-in. `now` reads the clock.
///
/// # Errors
/// Why there is no answer, in words that hold nothing of the address; internal.
pub fn reach(network: &Network, address: &Address, now: fn() -> Timestamp) -> Result<Reached> {
    let client = network.client(address)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(error::Kind::Internal, "cannot start the network").because(e))?;
    let begun = Instant::now();
    let sent = runtime
        .block_on(async { client.get(address.url().clone()).timeout(PATIENCE).send().await })
        .map_err(|cause| Error::new(error::Kind::Access, explain(&cause)))?;
    let latency = begun.elapsed();
    let text = |name| sent.headers().get(&name).and_then(|value| value.to_str().ok());
    let theirs = text(DATE).and_then(super::fault::date);
    Ok(Reached {
        status: sent.status().as_u16(),
        latency,
        ahead: theirs.map(|theirs| now().duration_since(theirs)),
        page: text(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html")),
    })
}
