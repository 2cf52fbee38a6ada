//! Azurite, the emulator of Azure Storage by its maker: signatures, block lists, permissions as the
//! service has them. It lies where `tests/run` installed it.

use super::{BLOCK, Place, refused, send_and_kill};
use crate::tool;
use data_encoding::BASE64;
use entra_bundle::crypto::MacKey;
use entra_bundle::http::{Address, Network};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The account of every Azurite and its published key (documented by Azurite).
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const VERSION: &str = "2021-12-02";

struct Azurite {
    process: Child,
    port: u16,
    _data: tempfile::TempDir,
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where `tests/run` puts npm packages: below the build folder.
fn program() -> Option<PathBuf> {
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let path = build.join("tools/node_modules/azurite/dist/src/blob/main.js");
    path.is_file().then_some(path)
}

impl Azurite {
    fn start(test: &str) -> Option<Self> {
        Self::start_with(test, None)
    }

    /// With a folder that holds `leaf.pem`, `leaf.key` and `ca.pem` it speaks TLS.
    fn start_with(test: &str, certificates: Option<&Path>) -> Option<Self> {
        let Some(program) = program() else {
            tool::is_missing(test, "azurite (npm)");
            return None;
        };
        let data = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("node");
        if let Some(folder) = certificates {
            let (leaf, key) = (folder.join("leaf.pem"), folder.join("leaf.key"));
            command.arg(program).arg("--cert").arg(leaf).arg("--key").arg(key);
        } else {
            command.arg(program);
        }
        let process = command
            .args([
                "--silent",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
            ])
            .arg(port.to_string())
            .arg("--location")
            .arg(data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut azurite = Azurite { process, port, _data: data };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(azurite.process.try_wait().unwrap().is_none(), "azurite ended");
            assert!(begun.elapsed() < Duration::from_secs(120), "azurite does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        let target = format!("/{ACCOUNT}/box?restype=container&{}", account_sas());
        let status = match certificates {
            None => azurite.call("PUT", &target, &[], b"").0,
            Some(folder) => {
                put_over_tls(&folder.join("ca.pem"), &format!("https://127.0.0.1:{port}{target}"))
            }
        };
        assert_eq!(status, 201);
        Some(azurite)
    }

    /// One request of our own, apart from the code under test.
    fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nx-ms-version: {VERSION}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.port,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let at = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
        let chunked =
            String::from_utf8_lossy(&answer[..at]).to_lowercase().contains("transfer-encoding: chunked");
        let body = answer.split_off(at + 4);
        (status, if chunked { unchunked(&body) } else { body })
    }

    fn download(&self, blob: &str) -> Option<Vec<u8>> {
        let (status, body) = self.call("GET", &format!("/{ACCOUNT}/box/{blob}?{}", account_sas()), &[], b"");
        (status == 200).then_some(body)
    }

    /// An address for one blob with these permissions until then.
    fn sas(&self, blob: &str, permissions: &str, until: &str) -> String {
        let path = format!("/blob/{ACCOUNT}/box/{blob}");
        let text =
            [permissions, "", until, &path, "", "", "", VERSION, "b", "", "", "", "", "", "", ""].join("\n");
        format!(
            "http://127.0.0.1:{}/{ACCOUNT}/box/{blob}?sv={VERSION}&sr=b&sp={permissions}&se={}&sig={}",
            self.port,
            until.replace(':', "%3A"),
            sign(&text)
        )
    }
}

fn put_over_tls(ca: &Path, address: &str) -> u16 {
    let address = Address::parse(address).unwrap();
    let network = Network { ca_pem: Some(std::fs::read(ca).unwrap()), ..Network::default() };
    let client = network.client(&address).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let request =
        client.put(address.url().clone()).header("x-ms-version", VERSION).header("Content-Length", 0);
    runtime.block_on(async { request.send().await.unwrap().status().as_u16() })
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let at = body.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..at]).unwrap(), 16).unwrap();
        if length == 0 {
            return out;
        }
        out.extend_from_slice(&body[at + 2..at + 2 + length]);
        body = &body[at + 4 + length..];
    }
}

fn sign(text: &str) -> String {
    let key = MacKey::new(&BASE64.decode(KEY.as_bytes()).unwrap());
    BASE64.encode(&key.mac(text.as_bytes())).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// A signature for the whole account, for the test's own requests.
fn account_sas() -> String {
    let until = "2099-01-01T00:00:00Z";
    let text = [ACCOUNT, "rwdlac", "b", "sco", "", until, "", "", VERSION, "", ""].join("\n");
    format!("sv={VERSION}&ss=b&srt=sco&sp=rwdlac&se={}&sig={}", until.replace(':', "%3A"), sign(&text))
}

const LATER: &str = "2099-01-01T00:00:00Z";

#[test]
fn azurite_holds_what_was_sent() {
    let Some(azurite) = Azurite::start("azurite_holds_what_was_sent") else { return };
    let place = Place::of(9);

    // Read and write: sent, confirmed, compared; sent again: it lies there.
    let address = azurite.sas("a.zip", "rcw", LATER);
    let sent = place.share(&address).unwrap();
    assert_eq!((sent.blocks, sent.blocks_kept, sent.confirmed), (9, 0, true));
    assert!(azurite.download("a.zip").unwrap() == place.content());
    assert!(place.share(&address).unwrap().already_there);

    // Write alone: nothing can be asked.
    let sent = place.share(&azurite.sas("b.zip", "cw", LATER)).unwrap();
    assert!(!sent.confirmed && !sent.already_there);
    assert!(azurite.download("b.zip").unwrap() == place.content());

    // What lies there is never replaced.
    std::fs::write(&place.file, super::bytes(1000)).unwrap();
    assert_eq!(refused(place.share(&address)).code(), 2);
    assert_eq!(refused(place.share(&azurite.sas("b.zip", "cw", LATER))).code(), 2);
    assert!(azurite.download("b.zip").unwrap() != place.content());

    // Expired by the server's clock alone (ours stands at 12:00:00), not permitted, and forged.
    for (address, says) in [
        (azurite.sas("c.zip", "cw", "2026-11-20T12:00:01Z"), "403 Auth"),
        (azurite.sas("c.zip", "r", LATER), "neither create nor write"),
        (azurite.sas("c.zip", "cw", LATER).replace("sp=cw", "sp=rcw"), "403 Auth"),
    ] {
        let error = refused(place.share(&address));
        assert!(error.code() == 4 && error.message().contains(says), "{error}");
        assert!(error.advice().unwrap().contains("ask for a new"), "{error:?}");
    }
    assert!(azurite.download("c.zip").is_none());

    // The service itself compares the digest of a block: a wrong one is refused.
    let id = BASE64.encode(b"000");
    let target = azurite.sas("d.zip", "cw", LATER);
    let target = target.split_once(&azurite.port.to_string()).unwrap().1;
    let target = format!("{target}&comp=block&blockid={id}");
    let wrong = BASE64.encode(&[0; 16]);
    assert_eq!(azurite.call("PUT", &target, &[("Content-MD5", &wrong)], b"hello").0, 400);
    assert_eq!(azurite.call("PUT", &target, &[], b"hello").0, 201);
}

#[test]
fn a_killed_transfer_to_azurite_continues() {
    let Some(azurite) = Azurite::start("a_killed_transfer_to_azurite_continues") else { return };
    for (blob, permissions) in [("a.zip", "rcw"), ("b.zip", "cw")] {
        let place = Place::of(60);
        let address = azurite.sas(blob, permissions, LATER);
        let known = send_and_kill(&place, &address);
        assert!(azurite.download(blob).is_none(), "nothing is there under the name before all of it is");
        let sent = place.share(&address).unwrap();
        assert!(sent.blocks_kept >= known && sent.blocks_kept < 60, "{sent:?}");
        assert_eq!(sent.bytes.div_ceil(BLOCK), 60);
        assert!(azurite.download(blob).unwrap() == place.content());
    }
}

/// A certificate for this machine and the one that signed it, by OpenSSL.
fn certificates(folder: &Path) {
    std::fs::write(folder.join("leaf.ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    for line in [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-root -keyout ca.key -out ca.pem",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 -keyout leaf.key -out leaf.csr",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.pem",
    ] {
        let done = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn a_server_is_believed_by_its_certificate() {
    let test = "a_server_is_believed_by_its_certificate";
    if !tool::has(test, &["openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let Some(azurite) = Azurite::start_with(test, Some(folder.path())) else { return };
    let place = Place::of(5);
    let address = azurite.sas("a.zip", "rcw", LATER).replace("http://", "https://");
    let send = |network: &Network| place.share_over(network, &address);
    let error = refused(send(&Network::default()));
    assert!(error.message().contains("certificate is not trusted"), "{error}");
    let trusting =
        Network { ca_pem: Some(std::fs::read(folder.path().join("ca.pem")).unwrap()), ..Network::default() };
    let sent = send(&trusting).unwrap();
    assert!(sent.confirmed);
    assert_eq!(
        (sent.blocks, sent.sha256),
        (5, entra_bundle::crypto::hex(&entra_bundle::crypto::sha256(&place.content())))
    );
}
