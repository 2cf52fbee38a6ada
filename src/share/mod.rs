//! Share: a finished bundle to an address that somebody gave for it.
//!
//! The address is a credential: nothing here shows, logs or stores it. An address with a signature
//! of Azure Storage (SAS) gets the bundle in blocks, which can be continued after any interruption;
//! any other address gets one `PUT`. What is sent is held against the digest of what was checked
//! before: a file that changes on the way never arrives whole.

mod blocks;
mod content;
mod courier;
mod journal;
mod put;
mod service;

pub use content::{Content, Standing};
pub use courier::Patience;
pub use service::{Service, service};

use crate::error::{self, Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::http::{Address, Network};
use courier::Courier;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Smallest size of a block; larger files have larger ones, up to 64 MiB.
pub const BLOCK_BYTES: u64 = 8 << 20;

/// What to send where, and how.
pub struct Job<'a> {
    /// The bundle, already checked.
    pub content: &'a Content,
    /// Where it goes.
    pub address: &'a Address,
    /// How the network is reached.
    pub network: &'a Network,
    /// Folder for the files that let a broken transfer continue.
    pub state: &'a Path,
    /// The clock, to tell an address that has expired.
    pub now: jiff::Timestamp,
    /// Smallest size of a block, usually [`BLOCK_BYTES`].
    pub block_bytes: u64,
    /// How often and how long to try.
    pub patience: Patience,
    /// Receives progress.
    pub observer: &'a dyn Observer,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// How.
    pub service: Service,
    /// Host that has it.
    pub host: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Blocks of the file; 1 where it went in one piece.
    pub blocks: u64,
    /// Blocks that were there from an earlier run and were not sent again.
    pub blocks_kept: u64,
    /// Whether all of it was there already.
    pub already_there: bool,
    /// Whether the server said afterwards that it holds these bytes (many addresses do not permit to ask).
    pub confirmed: bool,
}

/// Sends the content.
///
/// # Errors
/// Access, if the address is expired or not permitted; usage, if something else is at the address;
/// interrupted; integrity, if the file changed since it was checked; I/O for the network.
pub fn run(job: &Job<'_>) -> Result<Sent> {
    let address = service::settle(job.address, job.content.name());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Error::io("cannot start the network", cause))?;
    let courier = Courier {
        client: job.network.client(&address)?,
        patience: job.patience,
        observer: job.observer,
        stop: job.stop,
    };
    job.observer.on(&Event::Begin { phase: Phase::Share, total: Some(job.content.size()) });
    let sent = runtime.block_on(async {
        match service(&address) {
            Service::AzureBlob => {
                service::check_sas(&address, job.now)?;
                blocks::send(job, &address, &courier).await
            }
            Service::Put => put::send(job, &address, &courier).await,
        }
    })?;
    job.observer.on(&Event::End { phase: Phase::Share });
    Ok(sent)
}

fn changed() -> Error {
    Error::new(error::Kind::Integrity, "the file changed while it was sent; what was sent was not completed")
        .hint("send it again when nothing writes to it")
}
