//! The simulated tenant over HTTP, on this machine alone: sign-in, Graph v1.0 and beta with the
//! queries that collectors send, the documented throttles, and faults on demand.

mod fault;
mod login;
mod odata;
mod records;
mod throttle;

pub use fault::{Fault, Kind as FaultKind};
pub use login::Accounts;

use crate::catalogue::graph::{Bucket, Licence, Row};
use crate::demo::tenant::Tenant;
use crate::error::{Error, Result};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use odata::Filter;
use records::{Query, Records};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use throttle::{Admission, Throttle};

/// How the tenant behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who may sign in.
    pub accounts: Accounts,
    /// Time that a page takes.
    pub latency: Duration,
    /// The documented throttles, with so many real seconds for a documented one.
    pub throttle: Option<f64>,
    /// The licence of the tenant.
    pub licence: Licence,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Records a page at most, whatever is asked for.
    pub most_per_page: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            accounts: Accounts::default(),
            latency: Duration::ZERO,
            throttle: None,
            licence: Licence::Workload,
            faults: Vec::new(),
            most_per_page: 1_000,
        }
    }
}

/// Records a page without `$top`.
const DEFAULT_TOP: usize = 100;

/// What was asked of a server.
#[derive(Debug, Default)]
pub struct Counts {
    /// Graph requests.
    pub requests: AtomicU64,
    /// Of these answered 429.
    pub throttled: AtomicU64,
    /// Tokens given.
    pub tokens: AtomicU64,
    /// Address of every Graph request, without the host.
    pub asked: Mutex<Vec<String>>,
}

/// A running server. Dropping it stops it.
pub struct Server {
    /// `http://127.0.0.1:port`: sign-in and Graph alike.
    pub address: String,
    /// What was asked.
    pub counts: Arc<Counts>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Shared {
    records: Records,
    options: Options,
    tokens: Mutex<login::Tokens>,
    throttle: Option<Mutex<Throttle>>,
    matched: Mutex<Vec<u64>>,
    counts: Arc<Counts>,
    base: String,
}

impl Server {
    /// Serves a tenant on a free port of this machine.
    ///
    /// # Errors
    /// I/O.
    pub fn start(tenant: Tenant, options: Options) -> Result<Server> {
        let failed = |e| Error::io("cannot start the simulated tenant", e);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(failed)?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).map_err(failed)?;
        let base = format!("http://{}", listener.local_addr().map_err(failed)?);
        let counts = Arc::new(Counts::default());
        let shared = Arc::new(Shared {
            records: Records::new(tenant),
            throttle: options.throttle.map(|scale| Mutex::new(Throttle::new(scale))),
            matched: Mutex::new(vec![0; options.faults.len()]),
            options,
            tokens: Mutex::default(),
            counts: counts.clone(),
            base: base.clone(),
        });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let shared = shared.clone();
                        async move { shared.serve(request).await }
                    });
                    // A client that went away is no concern of the server.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Server { address: base, counts, runtime: Some(runtime) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A body that may break.
struct Payload {
    bytes: Option<Bytes>,
    breaks: bool,
}

impl Body for Payload {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, std::io::Error>>> {
        match self.bytes.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.breaks => Poll::Ready(Some(Err(std::io::Error::other("scripted")))),
            None => Poll::Ready(None),
        }
    }
}

type Answer = Response<Payload>;
type Served = std::result::Result<Answer, std::io::Error>;

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    async fn serve(&self, request: Request<Incoming>) -> Served {
        let path = request.uri().path().to_owned();
        if path.ends_with("/oauth2/v2.0/token") || path.ends_with("/oauth2/v2.0/devicecode") {
            let tenant = path.split('/').nth(1).unwrap_or_default().to_owned();
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            return Ok(self.sign_in(&path, &tenant, &body));
        }
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let asked = request.uri().path_and_query().map(|p| p.as_str().to_owned()).unwrap_or_default();
        held(&self.counts.asked).push(asked);
        let header = |name: &str| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let gzip = header("accept-encoding").contains("gzip");
        let bearer = header("authorization");
        let fault = self.fault(&path);
        if request.method() != hyper::Method::GET {
            return Ok(error(405, "MethodNotAllowed", "only GET is served"));
        }
        if fault == Some(FaultKind::ExpiredToken) {
            held(&self.tokens).expire();
        }
        if !held(&self.tokens).accepts(bearer.strip_prefix("Bearer ").unwrap_or_default()) {
            return Ok(error(
                401,
                "InvalidAuthenticationToken",
                "Access token has expired or is not yet valid.",
            ));
        }
        let version_and_path = path.trim_start_matches('/').split_once('/');
        let Some((version, rest)) = version_and_path else {
            return Ok(error(404, "BadRequest", "Resource not found for the segment."));
        };
        let rest = decoded(rest);
        if let Some(name) = rest.strip_prefix("users/").filter(|name| !name.contains('/')) {
            return Ok(match self.records.user(name) {
                Some(user) => plain(200, "application/json", user.to_string().into()),
                None => error(404, "Request_ResourceNotFound", "Resource does not exist."),
            });
        }
        let rows = Records::rows(version, &format!("/{rest}"));
        let Some((row, ids)) = rows.first() else {
            return Ok(error(404, "BadRequest", "Resource not found for the segment."));
        };
        if let Some(refusal) = self.throttled(row) {
            return Ok(refusal);
        }
        tokio::time::sleep(self.options.latency).await;
        match &fault {
            Some(FaultKind::Status(status, code, after)) => {
                let mut answer = error(*status, code, "scripted");
                if let Some(after) = after {
                    answer.headers_mut().insert(RETRY_AFTER, (*after).into());
                }
                return Ok(answer);
            }
            Some(FaultKind::Html) => {
                return Ok(plain(
                    200,
                    "text/html",
                    Bytes::from_static(b"<html>Sign in to the network</html>"),
                ));
            }
            Some(FaultKind::Hangup) => return Err(std::io::Error::other("scripted")),
            _ => {}
        }
        if let Some(refusal) = self.refused(row) {
            return Ok(refusal);
        }
        // Records are made meanwhile elsewhere: whoever asks next is counted when they ask.
        let query = request.uri().query().unwrap_or_default();
        Ok(tokio::task::block_in_place(|| self.page(query, &path, row, ids, fault, gzip)))
    }

    fn sign_in(&self, path: &str, tenant: &str, body: &[u8]) -> Answer {
        let form: HashMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
        let mut tokens = held(&self.tokens);
        let (status, body) = if path.ends_with("/token") {
            tokens.token(&self.options.accounts, tenant, &form)
        } else {
            tokens.device(&self.options.accounts, &form, &self.base)
        };
        if status == 200 && path.ends_with("/token") {
            self.counts.tokens.fetch_add(1, Ordering::Relaxed);
        }
        plain(status, "application/json", body.to_string().into())
    }

    /// The scripted fault for this request, if one is due.
    fn fault(&self, path: &str) -> Option<FaultKind> {
        let mut matched = held(&self.matched);
        let mut due = None;
        for (fault, count) in self.options.faults.iter().zip(matched.iter_mut()) {
            if path.contains(fault.path) {
                *count += 1;
                if due.is_none() && *count >= fault.from && *count < fault.from.saturating_add(fault.times) {
                    due = Some(fault.kind.clone());
                }
            }
        }
        due
    }

    fn throttled(&self, row: &Row) -> Option<Answer> {
        let throttle = self.throttle.as_ref()?;
        let cost = if row.bucket == Bucket::Directory { 2 } else { 1 };
        let Admission::No(after) = held(throttle).admit(row.bucket, cost, Instant::now()) else {
            return None;
        };
        self.counts.throttled.fetch_add(1, Ordering::Relaxed);
        let mut answer = error(429, "TooManyRequests", "Too many requests.");
        if let Some(after) = after {
            answer.headers_mut().insert(RETRY_AFTER, after.into());
        }
        Some(answer)
    }

    /// Permission and licence.
    fn refused(&self, row: &Row) -> Option<Answer> {
        let granted = self.options.accounts.granted.as_ref();
        let needed = row.application.as_ref().unwrap_or(&row.delegated);
        if granted.is_some_and(|granted| !granted.contains(needed)) {
            let text = "Insufficient privileges to complete the operation.";
            return Some(error(403, "Authorization_RequestDenied", text));
        }
        if row.licence > self.options.licence {
            let text = "Neither tenant is B2C or tenant doesn't have premium license";
            return Some(error(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", text));
        }
        None
    }

    fn page(
        &self,
        query: &str,
        path: &str,
        row: &Row,
        ids: &[String],
        fault: Option<FaultKind>,
        gzip: bool,
    ) -> Answer {
        let members: HashMap<String, String> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut parsed = Query { ordered: members.contains_key("$orderby"), ..Query::default() };
        if let Some(text) = members.get("$filter") {
            match Filter::parse(text) {
                Some(filter) => parsed.filter = Some(filter),
                None => return error(400, "BadRequest", "Invalid filter clause"),
            }
        }
        let top = members.get("$top").and_then(|top| top.parse().ok()).unwrap_or(DEFAULT_TOP);
        parsed.top = top.min(self.options.most_per_page);
        parsed.select =
            members.get("$select").map(|s| s.split(',').map(str::to_owned).collect()).unwrap_or_default();
        if let Some(token) = members.get("$skiptoken") {
            if fault == Some(FaultKind::ExpiredSkipToken) {
                return error(400, "Directory_ExpiredPageToken", "The specified page token has expired.");
            }
            match token.parse() {
                Ok(skip) => parsed.skip = skip,
                Err(_) => return error(400, "BadRequest", "Skip token is null."),
            }
        }
        let Some(mut slice) = self.records.slice(row, ids, &parsed) else {
            return error(404, "Request_ResourceNotFound", "Resource does not exist.");
        };
        match &fault {
            Some(FaultKind::Duplicates) => slice.records.extend(slice.records.clone()),
            Some(FaultKind::OutOfOrder) => slice.records.reverse(),
            Some(FaultKind::Huge(size)) => {
                let mut huge = slice.records.first().cloned().unwrap_or_else(|| json!({}));
                huge["id"] = json!("00000000-0000-4000-8000-00000000b166");
                huge["huge"] = json!("x".repeat(*size));
                slice.records.push(huge);
            }
            Some(FaultKind::Unknown) => slice.records.iter_mut().for_each(|record| {
                record["riskState"] = json!("unknownFutureValue7");
                record["memberOfTomorrow"] = json!({"a": [1, 2, {"b": null}]});
            }),
            _ => {}
        }
        let mut body = if row.single {
            slice.records.pop().unwrap_or_default()
        } else {
            json!({ "value": slice.records })
        };
        body["@odata.context"] = json!(format!("{}/$metadata#{}", self.base, row.id));
        if members.contains_key("$count") && parsed.skip == 0 {
            body["@odata.count"] = json!(slice.count);
        }
        if let Some(next) = slice.next {
            let mut link = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in
                url::form_urlencoded::parse(query.as_bytes()).filter(|(n, _)| n != "$skiptoken")
            {
                link.append_pair(&name, &value);
            }
            let token = match fault {
                Some(FaultKind::NullSkipToken) => "null".to_owned(),
                _ => next.to_string(),
            };
            link.append_pair("$skiptoken", &token);
            let base = match fault {
                Some(FaultKind::ForeignLink) => "http://203.0.113.9",
                _ => &self.base,
            };
            body["@odata.nextLink"] = json!(format!("{base}{path}?{}", link.finish()));
        }
        self.written(&body, fault.as_ref(), gzip)
    }

    fn written(&self, body: &Value, fault: Option<&FaultKind>, gzip: bool) -> Answer {
        let mut bytes = body.to_string().into_bytes();
        if gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            // Writing to memory does not fail.
            let _ = encoder.write_all(&bytes);
            bytes = encoder.finish().unwrap_or_default();
        }
        let breaks = fault == Some(&FaultKind::Reset);
        if breaks || fault == Some(&FaultKind::Truncated) {
            bytes.truncate(bytes.len() / 2);
        }
        let mut answer = plain(200, "application/json", bytes.into());
        answer.body_mut().breaks = breaks;
        if gzip {
            answer.headers_mut().insert(CONTENT_ENCODING, hyper::header::HeaderValue::from_static("gzip"));
        }
        if fault == Some(&FaultKind::ClockSkew) {
            let wrong = hyper::header::HeaderValue::from_static("Fri, 20 Nov 2020 09:00:00 GMT");
            answer.headers_mut().insert(DATE, wrong);
        }
        answer
    }
}

fn plain(status: u16, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Payload { bytes: Some(body), breaks: false });
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert(
        "request-id",
        hyper::header::HeaderValue::from_static("5c0de000-0000-4000-8000-0000000000aa"),
    );
    answer
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({"error": {"code": code, "message": message,
        "innerError": {"request-id": "5c0de000-0000-4000-8000-0000000000aa"}}});
    plain(status, "application/json", body.to_string().into())
}

/// A path without its percent encoding.
fn decoded(path: &str) -> String {
    url::form_urlencoded::parse(format!("p={}", path.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
