//! A network that does not lead to the service: no name, nobody there, somebody else in between. The
//! words say what it is and what to do; nothing is left that holds a secret.

use crate::program::{Machine, Ran, ran};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// What a network that wants a login answers to everything.
const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\
    Connection: close\r\n\r\n<html>Welcome</html>";

/// A sign-in with a secret at this address, with more flags.
fn sign_in(machine: &Machine, verb: &str, address: &str, more: &[&str]) -> Ran {
    let mut args = vec![verb, "--tenant", "contoso.com", "--authority", address, "--graph-url", address];
    args.extend(["--client-id", "5c0de000-0000-4000-8000-000000000001", "--client-secret-env", "APP_SECRET"]);
    args.extend(["--dataset", "users"]);
    args.extend(more);
    let mut command = machine.command(&args);
    ran(command.env("APP_SECRET", "the-SECRET").output().unwrap())
}

/// Access, in these words, with this advice, and without the secret.
fn refused(ran: &Ran, words: &str, advice: &str) {
    assert_eq!(ran.code, Some(4), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains(words), "`{words}`: {}", ran.err);
    assert!(ran.err.contains(advice), "`{advice}`: {}", ran.err);
    assert!(!ran.err.contains("SECRET") && !ran.out.contains("SECRET"), "{}", ran.err);
}

/// Answers every connection with these bytes.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4_096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn a_name_that_nobody_knows_is_said_to_be_one() {
    let machine = Machine::new();
    let ran = sign_in(&machine, "gather", "https://nobody.invalid", &["--no-proxy"]);
    refused(&ran, "the name of the host cannot be resolved", "--proxy");
}

#[test]
fn nobody_at_the_address_is_a_refused_connection() {
    let machine = Machine::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ran = sign_in(&machine, "gather", &format!("http://127.0.0.1:{port}"), &[]);
    refused(&ran, "cannot connect", "check the network");
}

#[test]
fn a_login_page_in_the_services_place_is_recognised() {
    let machine = Machine::new();
    let portal = answering(PAGE);
    refused(
        &sign_in(&machine, "gather", &portal, &[]),
        "did not answer as a sign-in service",
        "network login page",
    );
    let seen = sign_in(&machine, "doctor", &portal, &["--json"]);
    assert!(seen.code == Some(4) && seen.out.contains("page"), "{}", seen.out);
}

#[test]
fn a_proxy_that_wants_a_login_or_answers_with_a_page_is_recognised() {
    let machine = Machine::new();
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 20\r\nConnection: close\r\n\r\n<html>Blocked</html>",
    ] {
        let proxy = answering(answer);
        let ran = sign_in(&machine, "gather", "https://login.contoso.example", &["--proxy", &proxy]);
        refused(&ran, "cannot connect: the proxy", "--proxy");
    }
}

/// A server with a certificate of its own making, as an inspecting proxy has one; answers with a page.
fn inspecting(folder: &Path) -> String {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "30"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &file("key"), "-out", &file("crt")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let certificate = CertificateDer::from_pem_file(file("crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut head = [0; 4_096];
            if stream.read(&mut head).is_ok() {
                let _ = stream.write_all(PAGE.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    format!("https://localhost:{port}")
}

#[test]
fn a_certificate_of_a_proxy_that_inspects_is_named_and_can_be_trusted() {
    if !crate::tool::has("a_certificate_of_a_proxy", &["openssl"]) {
        return;
    }
    let machine = Machine::new();
    let folder = tempfile::tempdir().unwrap();
    let server = inspecting(folder.path());
    let ran = sign_in(&machine, "gather", &server, &[]);
    refused(&ran, "the server's certificate is not trusted (a proxy that inspects TLS?", "--ca-file");
    let trusted = folder.path().join("crt").to_str().unwrap().to_owned();
    let ran = sign_in(&machine, "gather", &server, &["--ca-file", &trusted]);
    // Trusted, it is reached; that it is no sign-in service is seen next.
    refused(&ran, "did not answer as a sign-in service", "--ca-file");
}
