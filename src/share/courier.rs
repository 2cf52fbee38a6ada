//! One request, tried until it is answered: waiting as the server asks, never following a redirect,
//! and telling in words that hold nothing of the address what was answered.

use crate::error::{self, Error, Result};
use crate::event::{Event, Observer};
use crate::http::{explain, retry_after};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest answer that is read; block lists are the longest, about 100 bytes a block.
const ANSWER_BYTES: usize = 16 << 20;
/// How long the flag of Ctrl-C may go unseen.
const GLANCE: Duration = Duration::from_millis(100);

/// How often and how long to try.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Attempts for each request.
    pub attempts: u32,
    /// Wait after the first attempt; it doubles with each, unless the server says otherwise.
    pub first: Duration,
    /// Longest wait that a server may ask for.
    pub longest: Duration,
}

impl Default for Patience {
    /// Six attempts over half a minute; a server may ask for a quarter of an hour.
    fn default() -> Self {
        Patience { attempts: 6, first: Duration::from_secs(1), longest: Duration::from_secs(900) }
    }
}

/// Sends requests.
pub(super) struct Courier<'a> {
    pub client: reqwest::Client,
    pub patience: Patience,
    pub observer: &'a dyn Observer,
    pub stop: &'a AtomicBool,
}

/// What was answered.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The service's own word for the failure, if it is one word.
    pub fn word(&self) -> Option<&str> {
        let word = self.headers.get("x-ms-error-code")?.to_str().ok()?;
        (word.len() <= 64 && word.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(word)
    }

    fn is_passing(&self) -> bool {
        matches!(self.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
            || self.word() == Some("Md5Mismatch")
    }
}

impl Courier<'_> {
    /// Sends what `request` makes until the answer is neither a passing failure nor a redirect.
    /// `what` names the action: "send a block".
    pub async fn send(&self, what: &str, request: impl Fn() -> Result<RequestBuilder>) -> Result<Answer> {
        let mut attempt = 1;
        let mut wait = self.patience.first;
        loop {
            let outcome = self.unless_stopped(once(request()?)).await?;
            let (why, asked) = match &outcome {
                Ok(answer) if answer.status.is_redirection() => return Err(redirected()),
                Ok(answer) if answer.is_passing() => (said(answer), retry_after(&answer.headers)),
                Ok(_) => return outcome.map_err(Error::from),
                Err(Lost(error)) => match error.is_builder() {
                    true => return outcome.map_err(Error::from),
                    false => (explain(error), None),
                },
            };
            if attempt >= self.patience.attempts {
                let kind = match &outcome {
                    Ok(answer) if answer.word() == Some("Md5Mismatch") => error::Kind::Integrity,
                    _ => error::Kind::Io,
                };
                return Err(Error::new(kind, format!("cannot {what}: {why}; tried {attempt} times")).hint(
                    "run the same command again: what has arrived is not sent again where the service permits",
                ));
            }
            let pause = asked.unwrap_or(wait);
            if pause > self.patience.longest {
                return Err(Error::new(
                    error::Kind::Io,
                    format!(
                        "cannot {what}: the server asks to wait {} minutes",
                        pause.as_secs().div_ceil(60)
                    ),
                )
                .hint("run the same command again later"));
            }
            self.observer.on(&Event::Note(&format!(
                "cannot {what} yet: {why}; waiting {:.1} s{} (attempt {} of {})",
                pause.as_secs_f64(),
                if asked.is_some() { ", as the server asks" } else { "" },
                attempt + 1,
                self.patience.attempts
            )));
            self.unless_stopped(tokio::time::sleep(pause)).await?;
            wait *= 2;
            attempt += 1;
        }
    }

    /// Waits for `work` unless Ctrl-C comes first.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::new(
                    error::Kind::Interrupted,
                    "interrupted; nothing is at the address under the bundle's name",
                )
                .hint("run the same command again: blocks that have arrived are not sent again"));
            }
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(GLANCE) => {}
            }
        }
    }
}

/// No answer came.
struct Lost(reqwest::Error);

impl From<Lost> for Error {
    fn from(Lost(cause): Lost) -> Self {
        Error::new(error::Kind::Io, explain(&cause))
    }
}

async fn once(request: RequestBuilder) -> Result<Answer, Lost> {
    let mut response = request.send().await.map_err(Lost)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(more) = response.chunk().await.map_err(Lost)? {
        if body.len() + more.len() > ANSWER_BYTES {
            break; // what is asked for is far shorter; the rest is not worth a word
        }
        body.extend_from_slice(&more);
    }
    Ok(Answer { status, headers, body })
}

/// `503 ServerBusy`.
pub(super) fn said(answer: &Answer) -> String {
    match answer.word() {
        Some(word) => format!("the server answered {} {word}", answer.status.as_u16()),
        None => format!("the server answered {}", answer.status.as_u16()),
    }
}

fn redirected() -> Error {
    Error::new(error::Kind::Access, "the server redirects to another address, which is refused")
        .hint("the address is a credential for its own host alone: ask for the address of the final host")
}

/// Something that is not this bundle is at the address.
pub(super) fn occupied() -> Error {
    Error::usage("something else lies at the address")
        .hint("ask for a new address; what lies there is never replaced")
}

/// The error of an answer that is final and no success.
pub(super) fn refusal(what: &str, answer: &Answer) -> Error {
    let said = format!("cannot {what}: {}", said(answer));
    match (answer.status.as_u16(), answer.word()) {
        (_, Some("AuthenticationFailed")) | (401 | 403, None) => Error::new(error::Kind::Access, said)
            .hint("the address has expired, was revoked or was cut when it was copied: ask for a new one"),
        (_, Some("AuthorizationFailure")) => Error::new(error::Kind::Access, said).hint(
            "the address has expired, or the storage takes nothing from this network: ask for a new one",
        ),
        (401 | 403, _) => Error::new(error::Kind::Access, said).hint(
            "the address does not permit to write here: ask for one with the permissions create and write",
        ),
        (404, _) => Error::new(error::Kind::Io, said).hint("nothing lies at the address: ask for a new one"),
        (409 | 412, _) => occupied(),
        (413, _) => Error::new(error::Kind::Limit, said).hint("the server takes no file of this size"),
        _ => Error::new(error::Kind::Io, said),
    }
}
