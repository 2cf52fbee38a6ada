//! A tiny HTTP server with the faults of real ones, and a blob store behind it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What a request is answered with instead of the truth.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// This status with this `x-ms-error-code`, and this `Retry-After`; nothing is stored.
    Status(u16, &'static str, Option<&'static str>),
    /// The connection is closed after the head of the request.
    Reset,
    /// The request takes effect, and then the connection is closed without an answer.
    Silence,
    /// A redirect to this address.
    Redirect(&'static str),
}

/// Which requests a fault meets.
pub type When = fn(&Request) -> bool;

/// A request without its body.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
}

impl Request {
    pub fn is(&self, method: &str, comp: Option<&str>) -> bool {
        self.method == method && self.query.get("comp").map(String::as_str) == comp
    }
}

pub fn is_block(request: &Request) -> bool {
    request.is("PUT", Some("block"))
}

pub fn is_commit(request: &Request) -> bool {
    request.is("PUT", Some("blocklist"))
}

#[derive(Default)]
pub struct Store {
    /// Blocks that wait, by id.
    pub blocks: BTreeMap<String, Vec<u8>>,
    /// Ids of all blocks that were taken, in order.
    pub taken: Vec<String>,
    /// The finished blob and its `x-ms-meta-sha256`.
    pub blob: Option<(Vec<u8>, String)>,
    /// Requests so far.
    pub requests: Vec<Request>,
    /// Faults to come: each meets the next request that it is for, once.
    pub faults: VecDeque<(When, Fault)>,
    /// Whether the address permits to read.
    pub readable: bool,
    /// How long a block takes.
    pub slow: Duration,
}

/// A running server.
pub struct Fake {
    pub port: u16,
    store: Arc<Mutex<Store>>,
}

impl Fake {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let store = Arc::new(Mutex::new(Store { readable: true, ..Store::default() }));
        let shared = Arc::clone(&store);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Fake { port, store }
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// An address with a signature that is a secret.
    pub fn sas(&self) -> String {
        format!(
            "http://127.0.0.1:{}/account/box/bundle.zip?sv=2021-12-02&sr=b&sp=rcw&sig=SECRET%2Fsig",
            self.port
        )
    }

    /// An address that takes a `PUT`.
    pub fn plain(&self) -> String {
        format!("http://127.0.0.1:{}/upload/SECRETpath?token=SECRET", self.port)
    }
}

fn serve(stream: TcpStream, store: &Mutex<Store>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = head(&mut reader) {
        let fault = {
            let mut store = store.lock().unwrap();
            store.requests.push(request.clone());
            let met = store.faults.front().is_some_and(|(when, _)| when(&request));
            if met { store.faults.pop_front().map(|(_, fault)| fault) } else { None }
        };
        if matches!(fault, Some(Fault::Reset)) {
            return;
        }
        let length: usize = request.headers.get("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let (status, more, answer) = match fault {
            Some(Fault::Status(status, word, retry)) => {
                let retry = retry.map(|retry| format!("Retry-After: {retry}\r\n")).unwrap_or_default();
                (status, format!("x-ms-error-code: {word}\r\n{retry}"), Vec::new())
            }
            Some(Fault::Redirect(to)) => (307, format!("Location: {to}\r\n"), Vec::new()),
            _ => {
                let slow = store.lock().unwrap().slow;
                if is_block(&request) {
                    std::thread::sleep(slow);
                }
                answer(&request, body, &mut store.lock().unwrap())
            }
        };
        if matches!(fault, Some(Fault::Silence)) {
            return;
        }
        let length = if request.method == "HEAD" && status == 200 {
            store.lock().unwrap().blob.as_ref().map_or(0, |(bytes, _)| bytes.len())
        } else {
            answer.len()
        };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{more}\r\n");
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&answer)).is_err() {
            return;
        }
    }
}

fn answer(request: &Request, body: Vec<u8>, store: &mut Store) -> (u16, String, Vec<u8>) {
    let word = |status: u16, word: &str| (status, format!("x-ms-error-code: {word}\r\n"), Vec::new());
    if let Some(sent) = request.headers.get("content-md5") {
        let mut md5 = entra_bundle::crypto::Md5::new();
        md5.update(&body);
        if *sent != data_encoding::BASE64.encode(&md5.finish()) {
            return word(400, "Md5Mismatch");
        }
    }
    let comp = request.query.get("comp").map(String::as_str);
    match (request.method.as_str(), comp) {
        ("PUT", Some("block")) => {
            let id = request.query["blockid"].clone();
            store.taken.push(id.clone());
            store.blocks.insert(id, body);
            (201, String::new(), Vec::new())
        }
        ("PUT", Some("blocklist")) => {
            if store.blob.is_some() && request.headers.contains_key("if-none-match") {
                return word(409, "BlobAlreadyExists");
            }
            let text = String::from_utf8(body).unwrap();
            let ids: Vec<&str> =
                text.split("<Uncommitted>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
            if ids.iter().any(|id| !store.blocks.contains_key(*id)) {
                return word(400, "InvalidBlockList");
            }
            let bytes = ids.iter().flat_map(|id| store.blocks[*id].clone()).collect();
            store.blob = Some((bytes, request.headers["x-ms-meta-sha256"].clone()));
            store.blocks.clear();
            (201, "ETag: \"0x8D\"\r\n".into(), Vec::new())
        }
        ("PUT", None) => {
            store.blob = Some((body, String::new()));
            (200, String::new(), Vec::new())
        }
        _ if !store.readable => word(403, "AuthorizationPermissionMismatch"),
        ("GET", Some("blocklist")) => {
            let blocks: String = store
                .blocks
                .iter()
                .map(|(id, bytes)| format!("<Block><Name>{id}</Name><Size>{}</Size></Block>", bytes.len()))
                .collect();
            let text = format!("<BlockList><UncommittedBlocks>{blocks}</UncommittedBlocks></BlockList>");
            (200, String::new(), text.into_bytes())
        }
        ("HEAD", None) => match &store.blob {
            Some((_, digest)) => (200, format!("x-ms-meta-sha256: {digest}\r\n"), Vec::new()),
            None => word(404, "BlobNotFound"),
        },
        _ => word(400, "UnsupportedHttpVerb"),
    }
}

fn head(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    Some(Request { method, query, headers })
}
