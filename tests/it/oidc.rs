//! The sign-in against a provider of another author (npm `oidc-provider`, certified), which checks
//! assertions, codes and secrets as OpenID demands. `tests/run` installs it.

use entra_bundle::error::Result;
use entra_bundle::http::{Address, Network};
use entra_bundle::source::auth::{Certificate, Credential, SignIn};
use entra_bundle::source::graph::{Graph, Pace};
use jiff::Timestamp;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zeroize::Zeroizing;

const SECRET: &str = "a-secret-of-the-test-0123456789";

/// A running provider; its process ends with it.
struct Provider {
    process: Child,
    /// Kept open: a provider that cannot print its warnings ends.
    _output: BufReader<ChildStdout>,
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the provider, or says in a visible line why it cannot.
fn provider(test: &str) -> Option<Provider> {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools");
    let there = tools.join("node_modules/oidc-provider").is_dir()
        && ["node", "openssl"].iter().all(|tool| {
            let arg = if *tool == "node" { "--version" } else { "version" };
            Command::new(tool).arg(arg).output().is_ok()
        });
    if !there {
        assert!(
            std::env::var("ENTRA_BUNDLE_REQUIRE_TOOLS").as_deref() != Ok("1"),
            "{test}: oidc-provider is required but absent (tests/run installs it)"
        );
        eprintln!("SKIPPED {test}: no node, openssl or oidc-provider (tests/run installs it)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "own");
    let mut process = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc/provider.mjs"))
        .args([&tools, &folder.path().join("own.crt")])
        .arg(SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    output.read_line(&mut address).unwrap();
    Some(Provider { process, _output: output, address: address.trim().to_owned(), folder })
}

/// Makes `name.crt` and `name.pem` (certificate and key).
pub fn certificate(folder: &Path, name: &str) -> PathBuf {
    let file = |ending: &str| folder.join(format!("{name}.{ending}")).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test"])
        .args(["-days", "30", "-keyout", &file("key"), "-out", &file("crt")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let both = std::fs::read_to_string(file("crt")).unwrap() + &std::fs::read_to_string(file("key")).unwrap();
    std::fs::write(file("pem"), both).unwrap();
    file("pem").into()
}

fn graph(provider: &Provider, credential: Credential, said: &Arc<Mutex<Vec<String>>>) -> Result<Graph> {
    let address = Address::parse(&provider.address).unwrap();
    let said = said.clone();
    let sign_in = SignIn {
        credential,
        login: address.clone(),
        tenant: "contoso.com".into(),
        resource: address,
        network: Network::default(),
        now: Timestamp::now,
        announce: Box::new(move |text| said.lock().unwrap().push(text.to_owned())),
    };
    Graph::new(sign_in, &Network::default(), Pace::default())
}

fn by_certificate(file: &Path) -> Credential {
    let text = std::fs::read_to_string(file).unwrap();
    let certificate = Box::new(Certificate::from_pem(&text).unwrap());
    Credential::Certificate { client_id: "by-certificate".into(), certificate }
}

fn by_secret(secret: &str) -> Credential {
    Credential::Secret { client_id: "by-secret".into(), secret: Zeroizing::new(secret.to_owned()) }
}

#[test]
fn certificates_and_secrets_are_accepted_by_a_provider_of_another_author() {
    let Some(provider) = provider("certificates_and_secrets") else { return };
    let said = Arc::default();
    let own = provider.folder.path().join("own.pem");
    for credential in [by_certificate(&own), by_secret(SECRET)] {
        graph(&provider, credential, &said).unwrap().sign_in().unwrap();
    }
    let other = certificate(provider.folder.path(), "other");
    for credential in [by_certificate(&other), by_secret("another-secret-0123456789")] {
        let error = graph(&provider, credential, &said).unwrap().sign_in().unwrap_err();
        assert_eq!(error.code(), 4);
        assert!(error.message().contains("secret, certificate or assertion was not accepted"), "{error}");
        assert!(!error.message().contains("another-secret"));
    }
    if cfg!(feature = "pfx") {
        let file = crate::pfx::container(provider.folder.path(), "own", &[]);
        let certificate =
            Certificate::from_pfx(&std::fs::read(file).unwrap(), crate::pfx::PASSPHRASE).unwrap();
        let credential = Credential::Certificate {
            client_id: "by-certificate".into(),
            certificate: Box::new(certificate),
        };
        graph(&provider, credential, &said).unwrap().sign_in().unwrap();
    }
    // An assertion proves possession once: the second sign-in needs another one, and makes it.
    let again = graph(&provider, by_certificate(&own), &said).unwrap();
    again.sign_in().unwrap();
    graph(&provider, by_certificate(&own), &said).unwrap().sign_in().unwrap();
}

#[test]
fn an_expired_certificate_is_told_before_anything_is_sent() {
    let Some(provider) = provider("an_expired_certificate") else { return };
    let text = std::fs::read_to_string(provider.folder.path().join("own.pem")).unwrap();
    let certificate = Certificate::from_pem(&text).unwrap();
    for (now, what) in [("2099-01-01T00:00:00Z", "has expired"), ("2000-01-01T00:00:00Z", "is not valid yet")]
    {
        let error = certificate.check(now.parse().unwrap()).unwrap_err();
        assert_eq!((error.code(), error.message()), (4, format!("the client certificate {what}")));
    }
    certificate.check(Timestamp::now()).unwrap();
    for broken in ["", text.split("-----BEGIN PRIVATE").next().unwrap(), &text.replace("MII", "MIX")] {
        assert_eq!(Certificate::from_pem(broken).err().unwrap().code(), 2);
    }
}

#[test]
fn a_device_code_is_waited_for_and_then_refreshed() {
    let Some(provider) = provider("a_device_code") else { return };
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let scopes = vec!["User.Read.All".to_owned()];
    let credential = Credential::DeviceCode { client_id: "by-code".into(), scopes };
    let graph = graph(&provider, credential, &said).unwrap();
    std::thread::scope(|scope| {
        let approver = scope.spawn(|| {
            let line = loop {
                if let Some(line) = said.lock().unwrap().first() {
                    break line.clone();
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            let code = line.rsplit(' ').next().unwrap().to_owned();
            let approved = Command::new("node")
                .args(["-e", "fetch(process.argv[1]).then(r => r.text()).then(t => console.log(t))"])
                .arg(format!("{}/approve/{code}", provider.address))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&approved.stdout).trim(), "approved");
        });
        graph.sign_in().unwrap();
        approver.join().unwrap();
    });
    // The access token lives for one second: from now on it is replaced by the refresh token.
    std::thread::sleep(Duration::from_millis(900));
    graph.sign_in().unwrap();
    assert_eq!(said.lock().unwrap().len(), 1, "the person was asked twice");
}
