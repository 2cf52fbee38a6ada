//! Any other address: one `PUT` of the whole file. The digest stands in front (`Content-Digest`,
//! RFC 9530), and the last piece is sent only if the file is the one that was checked.

use super::content::{Pieces, Standing};
use super::courier::{Courier, refusal};
use super::service::Service;
use super::{Job, Sent, changed};
use crate::error::{Error, Result};
use crate::event::{Event, Phase};
use crate::http::Address;
use bytes::Bytes;
use data_encoding::BASE64;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes that are read and sent at a time.
const PIECE: u64 = 256 << 10;
/// Slowest connection that does not count as dead, in bytes a second.
const SLOWEST: u64 = 16 << 10;
/// How often progress is told.
const GLANCE: Duration = Duration::from_millis(200);

/// Sends the content in one request.
pub async fn send(job: &Job<'_>, address: &Address, courier: &Courier<'_>) -> Result<Sent> {
    let size = job.content.size();
    let digest = format!("sha-256=:{}:", BASE64.encode(&job.content.sha256()));
    let kind = match job.content.standing() {
        Standing::Clear => "application/zip",
        Standing::Encrypted => "application/octet-stream",
    };
    let what = "send the bundle";
    let gone = Arc::new(AtomicU64::new(0));
    let broken = Arc::new(AtomicBool::new(false));
    let sending = courier.send(what, || {
        if broken.load(Ordering::Relaxed) {
            return Err(changed());
        }
        gone.store(0, Ordering::Relaxed);
        let (gone, broken) = (Arc::clone(&gone), Arc::clone(&broken));
        let body = FileBody { pieces: job.content.pieces()?, left: size, gone, broken };
        Ok(courier
            .client
            .put(address.url().clone())
            .timeout(Duration::from_secs(300 + size / SLOWEST))
            .header("Content-Type", kind)
            .header("Content-Digest", &digest)
            .body(reqwest::Body::wrap(body)))
    });
    let mut sending = std::pin::pin!(sending);
    let mut told = 0;
    let mut tell = || {
        let now = gone.load(Ordering::Relaxed);
        if now > told {
            job.observer.on(&Event::Advance { phase: Phase::Share, bytes: now - told, records: 0 });
            told = now;
        }
    };
    let answer = loop {
        tokio::select! {
            answer = &mut sending => break answer?,
            () = tokio::time::sleep(GLANCE) => tell(),
        }
    };
    tell();
    if !answer.status.is_success() {
        return Err(refusal(what, &answer));
    }
    Ok(Sent {
        service: Service::Put,
        host: address.host(),
        bytes: size,
        sha256: job.content.sha256_hex(),
        blocks: 1,
        blocks_kept: 0,
        already_there: false,
        confirmed: false,
    })
}

/// The file as the body of a request.
struct FileBody {
    pieces: Pieces,
    left: u64,
    /// Bytes handed over.
    gone: Arc<AtomicU64>,
    /// Set if the file is not the one that was checked.
    broken: Arc<AtomicBool>,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        Poll::Ready(match self.pieces.next(PIECE) {
            Ok(Some(bytes)) => {
                self.left -= bytes.len() as u64;
                self.gone.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                Some(Ok(Frame::data(bytes)))
            }
            Ok(None) => None,
            Err(error) => {
                self.broken.store(true, Ordering::Relaxed);
                Some(Err(error))
            }
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}
