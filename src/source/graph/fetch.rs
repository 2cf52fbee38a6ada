//! One page: asked in its bucket's turn, with a fresh token, again where that helps.

use super::answer::{self, Verdict};
use super::ask;
use super::pacer::{self, Pacer};
use super::page::Page;
use crate::catalogue::graph::{Bucket, Row};
use crate::crypto;
use crate::error::{self, Error, Result};
use crate::event::Reason;
use crate::http::{explain, retry_after};
use crate::source::auth::Tokens;
use reqwest::header::HeaderMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// Tries of a request that fails for a passing reason.
const TRIES: u32 = 5;
/// Tries before a refusal that is known to pass at times is believed.
const DOUBTS: u32 = 3;
/// Longest total wait of one request for its bucket after 429 answers, in documented seconds.
const PATIENCE: f64 = 1_800.0;
/// Longest time for one answer: unfiltered logs were seen to take five minutes.
const LONGEST: Duration = Duration::from_secs(300);
/// A page above this is refused.
const MOST_BYTES: usize = 256 << 20;
/// Request ids of failures that are kept for one dataset.
const MOST_IDS: usize = 20;

/// What it took to get something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Requests sent.
    pub requests: u64,
    /// Of these answered 429.
    pub throttled: u64,
    /// Milliseconds spent waiting for a turn.
    pub waited: u64,
    /// Ids under which the service knows the requests that failed.
    pub failures: Vec<String>,
}

impl Effort {
    /// Adds later effort.
    pub fn add(&mut self, more: Effort) {
        self.requests += more.requests;
        self.throttled += more.throttled;
        self.waited += more.waited;
        let room = MOST_IDS.saturating_sub(self.failures.len());
        self.failures.extend(more.failures.into_iter().take(room));
    }
}

/// What came of a request in the end.
pub enum Fetched {
    /// A page, whole.
    Page(Page),
    /// Not a page; what to do about it is for the piece to decide.
    Other(Verdict),
}

/// Asks for pages.
pub struct Fetcher {
    /// The client.
    pub client: reqwest::Client,
    /// The sign-in.
    pub tokens: Tokens,
    /// Real seconds for a documented one.
    pub scale: f64,
}

impl Fetcher {
    /// Fetches one page, in its bucket's turn; `way` is how much comes after it.
    ///
    /// # Errors
    /// Access, if the sign-in is refused; I/O, if the service cannot be reached any more.
    pub async fn page(
        &self,
        url: &Url,
        row: &Row,
        (pacer, way): (&Pacer, f64),
        effort: &Mutex<Effort>,
    ) -> Result<Fetched> {
        let note =
            |add: &dyn Fn(&mut Effort)| add(&mut effort.lock().unwrap_or_else(PoisonError::into_inner));
        let cost = if row.bucket == Bucket::Directory { ask::cost(row) } else { 1 };
        let (mut failures, mut doubts, mut rejections) = (0, 0, 0);
        let mut patience = PATIENCE * self.scale;
        loop {
            let token = self.tokens.bearer().await?;
            let waited = pacer.turn(cost, way).await;
            note(&|effort| {
                effort.requests += 1;
                effort.waited += u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            });
            let begin = Instant::now();
            let answer = tokio::time::timeout(LONGEST, self.send(url, row, token.text())).await;
            let (status, headers, body) = match answer {
                Err(_) => return Ok(Fetched::Other(Verdict::TooMuch)),
                Ok(Err(cause)) => {
                    failures += 1;
                    if failures >= TRIES {
                        let reached = !(cause.is_connect() || cause.is_request());
                        return match reached {
                            // The service answers, but never to the end.
                            true => Ok(Fetched::Other(Verdict::No(Reason::Unavailable))),
                            false => Err(unreachable(url, &cause)),
                        };
                    }
                    self.rest(failures, None).await;
                    continue;
                }
                Ok(Ok(answer)) => answer,
            };
            pacer.heard();
            let load = header(&headers, "x-ms-throttle-limit-percentage").and_then(|text| text.parse().ok());
            let verdict = if status == 200 {
                pacer.answered(begin.elapsed(), load);
                match Page::read(body, row.single) {
                    Some(page) => return Ok(Fetched::Page(page)),
                    None => Verdict::Again,
                }
            } else {
                answer::judge(status, header(&headers, "www-authenticate"), &body)
            };
            note(&|effort| {
                effort.throttled += u64::from(verdict == Verdict::Throttled);
                if let Some(id) = header(&headers, "request-id").filter(|id| is_id(id))
                    && effort.failures.len() < MOST_IDS
                {
                    effort.failures.push(id.to_owned());
                }
            });
            match verdict {
                Verdict::Throttled => {
                    let pause = pacer.throttled(retry_after(&headers));
                    patience -= pause.as_secs_f64();
                    if patience < 0.0 {
                        return Ok(Fetched::Other(Verdict::No(Reason::Throttled)));
                    }
                }
                Verdict::Again => {
                    failures += 1;
                    if failures >= TRIES {
                        return Ok(Fetched::Other(Verdict::No(Reason::Unavailable)));
                    }
                    self.rest(failures, retry_after(&headers)).await;
                }
                Verdict::Doubtful(reason) => {
                    doubts += 1;
                    if doubts >= DOUBTS {
                        return Ok(Fetched::Other(Verdict::No(reason)));
                    }
                    self.rest(doubts, retry_after(&headers)).await;
                }
                Verdict::SignIn(claims) => {
                    rejections += 1;
                    if rejections > 2 {
                        return Ok(Fetched::Other(Verdict::No(Reason::SignIn)));
                    }
                    self.tokens.reject(&token, claims).await;
                }
                other => return Ok(Fetched::Other(other)),
            }
        }
    }

    async fn send(
        &self,
        url: &Url,
        row: &Row,
        token: &str,
    ) -> std::result::Result<(u16, HeaderMap, Vec<u8>), reqwest::Error> {
        let mut request = self
            .client
            .get(url.clone())
            .bearer_auth(token)
            .header("Accept", "application/json")
            .header("client-request-id", request_id());
        if let Some(prefer) = &row.prefer {
            request = request.header("Prefer", prefer);
        }
        if row.bucket == Bucket::Directory {
            request = request.header("x-ms-throttle-priority", "Low");
        }
        if row.count {
            request = request.header("ConsistencyLevel", "eventual");
        }
        let mut answer = request.send().await?;
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MOST_BYTES {
                // What is not read to its end is no page.
                body.clear();
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, headers, body))
    }

    /// Waits before another try: as asked, or 1, 2, 4, 8 s and up to a quarter more.
    async fn rest(&self, tries: u32, asked: Option<Duration>) {
        let own = Duration::from_secs_f64(f64::from(1 << (tries - 1).min(4)) * pacer::jitter());
        let wait = asked.map_or(own, |asked| asked.min(Duration::from_secs(300)));
        tokio::time::sleep(wait.mul_f64(self.scale)).await;
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a text is a request id and nothing else: it goes into the ledger.
fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// A random id (UUID version 4) by which the service's support finds a request.
fn request_id() -> String {
    let mut bytes = crypto::random::<16>().unwrap_or([0; 16]);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = crypto::hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn unreachable(url: &Url, cause: &reqwest::Error) -> Error {
    Error::new(
        error::Kind::Io,
        format!("{} cannot be reached any more: {}", url.host_str().unwrap_or("the service"), explain(cause)),
    )
    .hint("what was gathered is kept: check the network and run the same command again with --resume")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ids() {
        let id = request_id();
        assert!(is_id(&id) && id.as_bytes()[14] == b'4', "{id}");
        assert!(!is_id("greta@contoso.com") && !is_id(""));
    }

    #[test]
    fn effort_adds_up_and_keeps_few_ids() {
        let mut effort = Effort::default();
        for _ in 0..5 {
            effort.add(Effort { requests: 2, throttled: 1, waited: 3, failures: vec!["x".into(); 10] });
        }
        assert_eq!((effort.requests, effort.throttled, effort.waited), (10, 5, 15));
        assert_eq!(effort.failures.len(), MOST_IDS);
    }
}
