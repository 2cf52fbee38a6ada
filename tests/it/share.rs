//! Sharing: faults of a server of our own, Azurite, and the program as a user runs it.

mod azurite;
mod fake;

use crate::bundle::forge::{self, Forge};
use crate::program::Machine;
use entra_bundle::crypto::Algorithm;
use entra_bundle::error::{Error, Kind};
use entra_bundle::event::Event;
use entra_bundle::http::{Address, Network};
use entra_bundle::share::{self, Content, Job, Patience, Sent};
use fake::{Fake, Fault, is_block, is_commit};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const BLOCK: u64 = 64 << 10;

/// A folder with a file of so many blocks and a bit, and room for states.
struct Place {
    folder: tempfile::TempDir,
    file: PathBuf,
}

/// Bytes that differ everywhere.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

impl Place {
    fn of(blocks: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bundle.zip");
        std::fs::write(&file, bytes(blocks * BLOCK as usize - 1000)).unwrap();
        Place { folder, file }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn share(&self, address: &str) -> Result<Sent, Error> {
        self.share_until(address, &AtomicBool::new(false), &|_| {})
    }

    /// As [`Place::share`], through a network of the caller's.
    fn share_over(&self, network: &Network, address: &str) -> Result<Sent, Error> {
        self.run(network, address, &AtomicBool::new(false), &|_| {})
    }

    fn share_until(
        &self,
        address: &str,
        stop: &AtomicBool,
        observer: &(dyn Fn(&Event<'_>) + Sync),
    ) -> Result<Sent, Error> {
        self.run(&Network::default(), address, stop, observer)
    }

    fn run(
        &self,
        network: &Network,
        address: &str,
        stop: &AtomicBool,
        observer: &(dyn Fn(&Event<'_>) + Sync),
    ) -> Result<Sent, Error> {
        share::run(&Job {
            content: &Content::open(&self.file)?,
            address: &Address::parse(address)?,
            network,
            state: &self.state(),
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            block_bytes: BLOCK,
            patience: Patience {
                attempts: 4,
                first: Duration::from_millis(1),
                longest: Duration::from_secs(1),
            },
            observer: &|event: &Event<'_>| observer(event),
            stop,
        })
    }

    fn content(&self) -> Vec<u8> {
        std::fs::read(&self.file).unwrap()
    }

    /// Nothing that was kept names the address.
    fn keeps_no_secret(&self) {
        for entry in std::fs::read_dir(self.state()).unwrap() {
            let entry = entry.unwrap();
            let text = std::fs::read_to_string(entry.path()).unwrap() + entry.file_name().to_str().unwrap();
            assert!(!text.contains("SECRET") && !text.contains("account"), "{text}");
        }
    }
}

/// The error of a transfer, which never holds the address.
fn refused(result: Result<Sent, Error>) -> Error {
    let error = result.expect_err("the transfer was refused");
    let all = format!("{error} {} {error:?}", error.advice().unwrap_or_default());
    assert!(!all.contains("SECRET") && !all.contains("/account"), "{all}");
    error
}

#[test]
fn a_file_arrives_in_blocks_through_passing_faults() {
    let fake = Fake::start();
    let place = Place::of(8);
    fake.store().faults.extend([
        (is_block as fake::When, Fault::Status(503, "ServerBusy", Some("0"))),
        (is_block, Fault::Reset),
        (is_block, Fault::Status(500, "InternalError", None)),
        (is_block, Fault::Silence),
        (is_commit, Fault::Status(429, "TooManyRequests", Some("0"))),
    ]);
    let notes = Mutex::new(Vec::new());
    let advanced = Mutex::new(0);
    let sent = place
        .share_until(&fake.sas(), &AtomicBool::new(false), &|event| match event {
            Event::Note(text) => notes.lock().unwrap().push((*text).to_owned()),
            Event::Advance { bytes, .. } => *advanced.lock().unwrap() += bytes,
            _ => {}
        })
        .unwrap();
    assert_eq!((sent.blocks, sent.blocks_kept, sent.confirmed, sent.already_there), (8, 0, true, false));
    assert_eq!(*advanced.lock().unwrap(), sent.bytes);
    let store = fake.store();
    assert!(store.faults.is_empty(), "{:?}", store.faults.len());
    assert_eq!(store.blob.as_ref().unwrap().0, place.content());
    let notes = notes.lock().unwrap().join("\n");
    assert!(notes.contains("503 ServerBusy; waiting 0.0 s, as the server asks (attempt 2 of 4)"), "{notes}");
    assert!(!notes.contains("SECRET"));
    // The block whose answer was lost went twice, every other one once.
    assert_eq!(store.taken.len(), 9);
    drop(store);
    place.keeps_no_secret();

    let again = place.share(&fake.sas()).unwrap();
    assert_eq!((again.already_there, again.confirmed, again.blocks_kept), (true, true, 8));
    assert_eq!(fake.store().taken.len(), 9);
}

#[test]
fn a_broken_transfer_continues_and_sends_no_block_twice() {
    for readable in [true, false] {
        let fake = Fake::start();
        fake.store().readable = readable;
        let place = Place::of(9);
        let expired = (is_block as fake::When, Fault::Status(403, "AuthenticationFailed", None));
        // Blocks go three at a time; a later one meets an address that has expired meanwhile.
        let stop = AtomicBool::new(false);
        let taken = Mutex::new(0);
        let error = refused(place.share_until(&fake.sas(), &stop, &|event| {
            if matches!(event, Event::Advance { .. }) {
                let mut taken = taken.lock().unwrap();
                *taken += 1;
                if *taken == 3 {
                    fake.store().faults.push_back(expired);
                }
            }
        }));
        assert_eq!(error.kind(), Kind::Access, "{error}");
        assert!(error.advice().unwrap().contains("has expired"), "{error}");
        let before = fake.store().taken.len() as u64;
        assert!((3..9).contains(&before), "{before}");
        assert!(fake.store().blob.is_none());
        let sent = place.share(&fake.sas().replace("sig=SECRET", "sig=SECRETrenewed")).unwrap();
        assert_eq!((sent.blocks_kept, sent.confirmed), (before, readable));
        let mut taken = fake.store().taken.clone();
        assert_eq!(taken.len(), 9);
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 9);
        assert_eq!(fake.store().blob.as_ref().unwrap().0, place.content());
        let again = place.share(&fake.sas()).unwrap();
        assert_eq!((again.already_there, again.confirmed), (true, readable));
        place.keeps_no_secret();
    }
}

#[test]
fn ctrl_c_ends_a_transfer_that_continues_later() {
    let fake = Fake::start();
    let place = Place::of(7);
    let stop = AtomicBool::new(false);
    let error = refused(place.share_until(&fake.sas(), &stop, &|event| {
        if matches!(event, Event::Advance { .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    }));
    assert_eq!(error.code(), 130);
    let before = fake.store().taken.len() as u64;
    let sent = place.share(&fake.sas()).unwrap();
    assert_eq!(sent.blocks_kept, before);
    assert_eq!(fake.store().blob.as_ref().unwrap().0, place.content());
}

#[test]
fn blocks_that_the_server_dropped_are_sent_again() {
    let fake = Fake::start();
    fake.store().readable = false;
    let place = Place::of(4);
    fake.store().faults.push_back((is_commit, Fault::Status(403, "AuthenticationFailed", None)));
    refused(place.share(&fake.sas()));
    fake.store().blocks.clear();
    let sent = place.share(&fake.sas()).unwrap();
    assert_eq!(sent.blocks_kept, 0);
    assert_eq!(fake.store().blob.as_ref().unwrap().0, place.content());
}

#[test]
fn blocks_of_another_file_or_of_another_length_do_not_count() {
    let fake = Fake::start();
    let place = Place::of(3);
    fake.store().faults.push_back((is_commit, Fault::Status(403, "AuthenticationFailed", None)));
    refused(place.share(&fake.sas()));
    // The same ids, but one block is shorter: somebody else wrote it, or it was cut.
    let first = fake.store().taken[0].clone();
    fake.store().blocks.get_mut(&first).unwrap().truncate(10);
    assert_eq!(place.share(&fake.sas()).unwrap().blocks_kept, 2);
    assert_eq!(fake.store().blob.as_ref().unwrap().0, place.content());
    // Another file to the same address: nothing there is replaced.
    std::fs::write(&place.file, bytes(BLOCK as usize + 5)).unwrap();
    let error = refused(place.share(&fake.sas()));
    assert_eq!(error.code(), 2);
    assert!(error.message().contains("something else lies at the address"));
    fake.store().readable = false;
    assert_eq!(refused(place.share(&fake.sas())).code(), 2);
    assert_ne!(fake.store().blob.as_ref().unwrap().0, place.content());
}

#[test]
fn an_answer_that_was_lost_is_found_out() {
    let fake = Fake::start();
    let place = Place::of(2);
    fake.store().faults.push_back((is_commit, Fault::Silence));
    let sent = place.share(&fake.sas()).unwrap();
    assert!(sent.confirmed && !sent.already_there);
    assert_eq!(fake.store().blob.as_ref().unwrap().0, place.content());
}

#[test]
fn a_wrong_digest_never_completes() {
    let fake = Fake::start();
    let place = Place::of(2);
    let mismatch = (is_block as fake::When, Fault::Status(400, "Md5Mismatch", None));
    fake.store().faults.extend([mismatch; 20]);
    let error = refused(place.share(&fake.sas()));
    assert_eq!(error.code(), 11, "{error}");
    fake.store().faults.clear();
    // The file changes between two blocks: the last one, and the list, are never sent.
    let changing = Place::of(9);
    let error = refused(changing.share_until(&fake.sas(), &AtomicBool::new(false), &|event| {
        if matches!(event, Event::Advance { .. }) {
            let mut content = changing.content();
            content.reverse();
            std::fs::write(&changing.file, content).unwrap();
        }
    }));
    assert_eq!(error.code(), 11, "{error}");
    assert!(fake.store().blob.is_none());
    let plain = Place::of(40);
    let content = Content::open(&plain.file).unwrap();
    std::fs::write(&plain.file, vec![0; content.size() as usize]).unwrap();
    let error = refused(share::run(&Job {
        content: &content,
        address: &Address::parse(&fake.plain()).unwrap(),
        network: &Network::default(),
        state: &plain.state(),
        now: "2026-11-20T12:00:00Z".parse().unwrap(),
        block_bytes: BLOCK,
        patience: Patience { attempts: 3, first: Duration::from_millis(1), longest: Duration::from_secs(1) },
        observer: &entra_bundle::event::silent,
        stop: &AtomicBool::new(false),
    }));
    assert_eq!(error.code(), 11, "{error}");
    assert!(fake.store().blob.is_none());
}

#[test]
fn redirects_are_refused_and_their_target_is_never_called() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let target = format!("http://127.0.0.1:{}/stolen", elsewhere.local_addr().unwrap().port());
    let target: &'static str = Box::leak(target.into_boxed_str());
    let fake = Fake::start();
    let place = Place::of(2);
    for (address, when) in
        [(fake.sas(), is_block as fake::When), (fake.plain(), |request| request.method == "PUT")]
    {
        fake.store().faults.extend([(when, Fault::Redirect(target)); 3]);
        let error = refused(place.share(&address));
        assert_eq!(error.kind(), Kind::Access);
        assert!(error.message().contains("redirects"), "{error}");
        fake.store().faults.clear();
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert!(fake.store().blob.is_none());
}

#[test]
fn a_plain_put_is_tried_again_and_carries_its_digest() {
    let fake = Fake::start();
    let place = Place::of(30);
    let put: fake::When = |request| request.method == "PUT";
    fake.store().faults.extend([(put, Fault::Status(503, "x", Some("0"))), (put, Fault::Reset)]);
    let sent = place.share(&fake.plain()).unwrap();
    assert_eq!((sent.blocks, sent.confirmed), (1, false));
    let store = fake.store();
    assert_eq!(store.blob.as_ref().unwrap().0, place.content());
    let digest = data_encoding::BASE64.encode(&entra_bundle::crypto::sha256(&place.content()));
    assert_eq!(store.requests[2].headers["content-digest"], format!("sha-256=:{digest}:"));
    drop(store);
    fake.store().faults.extend([(put, Fault::Status(503, "x", None)); 4]);
    let error = refused(place.share(&fake.plain()));
    assert!(error.message().contains("503") && error.message().contains("tried 4 times"), "{error}");
    fake.store().faults.push_back((put, Fault::Status(503, "x", Some("7200"))));
    let error = refused(place.share(&fake.plain()));
    assert!(error.message().contains("asks to wait 120 minutes"), "{error}");
    fake.store().faults.push_back((put, Fault::Status(413, "x", None)));
    assert_eq!(refused(place.share(&fake.plain())).code(), 15);
}

#[test]
fn an_address_that_has_expired_is_told_before_anything_is_sent() {
    let fake = Fake::start();
    let place = Place::of(1);
    let error = refused(place.share(&(fake.sas() + "&se=2026-11-20T11:59:59Z")));
    assert_eq!(error.code(), 4);
    assert_eq!(error.message(), "the address expired at 2026-11-20T11:59:59Z");
    assert!(fake.store().requests.is_empty());
}

const CHILD: &str = "ENTRA_BUNDLE_TEST_SHARE";

/// Not a test of its own: the process that the next ones kill.
#[test]
fn child_that_sends() {
    let (Some(folder), Ok(address)) = (std::env::var_os(CHILD), std::env::var("ENTRA_BUNDLE_TEST_ADDRESS"))
    else {
        return;
    };
    let folder = PathBuf::from(folder);
    let place = Place { file: folder.join("bundle.zip"), folder: tempfile::tempdir().unwrap() };
    let sent = share::run(&Job {
        content: &Content::open(&place.file).unwrap(),
        address: &Address::parse(&address).unwrap(),
        network: &Network::default(),
        state: &folder.join("state"),
        now: "2026-11-20T12:00:00Z".parse().unwrap(),
        block_bytes: BLOCK,
        patience: Patience::default(),
        // Slow enough to be killed in the middle, whatever the machine does.
        observer: &|event: &Event<'_>| {
            if matches!(event, Event::Advance { .. }) {
                std::thread::sleep(Duration::from_millis(50));
            }
        },
        stop: &AtomicBool::new(false),
    });
    panic!("the child ended by itself: {sent:?}");
}

/// Sends in a process of its own, which is killed when the state file names some blocks; how many.
fn send_and_kill(place: &Place, address: &str) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "share::child_that_sends", "--test-threads=1"])
        .env(CHILD, place.folder.path())
        .env("ENTRA_BUNDLE_TEST_ADDRESS", address)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let known = || {
        let entries = std::fs::read_dir(place.state()).ok()?;
        let file =
            entries.flatten().map(|e| e.path()).find(|path| path.extension().is_some_and(|e| e == "json"))?;
        let state: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        Some(state["blockIds"].as_array()?.len() as u64)
    };
    loop {
        if let Some(count) = known().filter(|count| *count >= 5) {
            child.kill().unwrap();
            child.wait().unwrap();
            return known().unwrap_or(count);
        }
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_killed_transfer_continues() {
    for readable in [true, false] {
        let fake = Fake::start();
        fake.store().readable = readable;
        let place = Place::of(60);
        let known = send_and_kill(&place, &fake.sas());
        assert!(fake.store().blob.is_none());
        let before = fake.store().taken.len() as u64;
        let sent = place.share(&fake.sas()).unwrap();
        // What the server took after the last state is known where it may be asked.
        assert_eq!(sent.blocks_kept, if readable { before } else { known });
        assert_eq!(fake.store().taken.len() as u64, before + 60 - sent.blocks_kept);
        assert_eq!(fake.store().blob.as_ref().unwrap().0, place.content());
    }
}

/// A machine with a forged-for-tests, valid bundle and the key that signed it.
fn machine() -> (Machine, String) {
    let machine = Machine::new();
    let key = forge::key(Algorithm::Ed25519);
    machine.file("entra-bundle-x.zip", Forge::new().build(&key));
    machine.file("key.pub.pem", key.public_pem());
    let fake = Fake::start();
    machine.file("address", fake.sas() + "\n");
    (machine, fake.sas())
}

fn silent(text: &str) {
    assert!(!text.contains("SECRET") && !text.contains("/account"), "{text}");
}

#[test]
fn the_program_sends_what_it_verified_and_says_so() {
    let machine = Machine::new();
    let key = forge::key(Algorithm::Ed25519);
    let bundle = Forge::new().build(&key);
    machine.file("entra-bundle-x.zip", &bundle);
    machine.file("key.pub.pem", key.public_pem());
    let fake = Fake::start();
    machine.file("address", fake.sas() + "\n");
    let base =
        ["share", "entra-bundle-x.zip", "--public-key", "key.pub.pem", "--allow-plaintext-upload", "--json"];
    let ran = machine.ok(&[&base[..], &["--to-file", "address"]].concat());
    silent(&(ran.out.clone() + &ran.err));
    let json = ran.json();
    assert_eq!(json["sha256"], entra_bundle::crypto::hex(&entra_bundle::crypto::sha256(&bundle)));
    assert_eq!((json["service"].as_str(), json["checked"].as_str()), (Some("azure-blob"), Some("verified")));
    assert_eq!(fake.store().blob.as_ref().unwrap().0, bundle);

    // By the name of a variable, and by standard input.
    let mut command = machine.command(&[&base[..], &["--to-env", "UPLOAD"]].concat());
    let ran = crate::program::ran(command.env("UPLOAD", fake.sas()).output().unwrap());
    assert_eq!((ran.code, ran.json()["alreadyThere"].as_bool()), (Some(0), Some(true)), "{}", ran.err);
    let mut child = machine
        .command(&[&base[..], &["--to", "-"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), fake.plain().as_bytes()).unwrap();
    let ran = crate::program::ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.json()["service"].as_str()), (Some(0), Some("put")), "{}", ran.err);
    for entry in
        walkdir::WalkDir::new(machine.path("state")).into_iter().flatten().filter(|e| e.file_type().is_file())
    {
        silent(&std::fs::read_to_string(entry.path()).unwrap());
    }
}

#[test]
fn the_program_refuses_what_may_not_be_sent() {
    let (machine, address) = machine();
    let key = ["--public-key", "key.pub.pem"];
    let to = ["--to-file", "address"];
    let plain = ["--allow-plaintext-upload"];
    let bytes = std::fs::read(machine.path("entra-bundle-x.zip")).unwrap();
    machine.file("cut.zip", &bytes[..bytes.len() - 1]);
    machine.file("incident.key", "entra-bundle-key-1:aaaa:00000000\n");
    machine.file("insecure", "http://storage.example.com/SECRET?sig=SECRET");
    machine.file("expired", address.clone() + "&se=2020-01-01T00:00:00Z");
    let share = |more: &[&[&str]]| {
        let ran = machine.run(&[&["share"][..], &more.concat()].concat());
        silent(&(ran.out.clone() + &ran.err));
        (ran.code.unwrap(), ran.err)
    };
    let bundle = ["entra-bundle-x.zip"];
    for (code, says, arguments) in [
        (5, "not encrypted", &[&bundle[..], &key, &to] as &[&[&str]]),
        (13, "origin", &[&bundle, &to, &plain]),
        (10, "", &[&["cut.zip"], &key, &to, &plain]),
        (2, "is a private file", &[&["incident.key"], &key, &to, &plain]),
        (2, "http://", &[&bundle, &key, &["--to-file", "insecure"], &plain]),
        (2, "never an argument", &[&bundle, &key, &["--to", &address], &plain]),
        (4, "expired at 2020-01-01T00:00:00Z", &[&bundle, &key, &["--to-file", "expired"], &plain]),
        (2, "not set", &[&bundle, &key, &["--to-env", "NOT_SET"], &plain]),
        (2, "required", &[&bundle, &key, &plain]),
        (2, "does not exist", &[&["absent.zip"], &key, &to]),
        (2, "user name or password", &[&bundle, &key, &to, &plain, &["--proxy", "http://u:SECRET@p:1"]]),
    ] {
        let (got, err) = share(arguments);
        assert!(got == code && err.contains(says), "{arguments:?}: {got} {err}");
    }
}

#[test]
fn an_encrypted_bundle_needs_no_leave_and_is_verified_where_it_can_be_opened() {
    let machine = Machine::new();
    machine.file(
        "in/users.json",
        r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[
        {"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"greta@contoso.com","displayName":"Greta Schmidt"}]}"#,
    );
    machine.ok(&["key", "generate", "recipient", "--out", "support.key"]);
    let recipient = std::fs::read_dir(machine.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name().unwrap().to_str().unwrap().starts_with("support.")
                && !path.ends_with("support.key")
        })
        .unwrap();
    machine.ok(&["collect", "--input", "in", "--out", "out", "--recipient", recipient.to_str().unwrap()]);
    let bundle = std::fs::read_dir(machine.path("out")).unwrap().next().unwrap().unwrap().path();
    assert!(bundle.to_str().unwrap().ends_with(".zip.age"));
    let bundle = bundle.to_str().unwrap();
    let fake = Fake::start();
    machine.file("address", fake.sas());
    let base = ["share", bundle, "--to-file", "address", "--json"];
    assert_eq!(machine.ok(&base).json()["checked"], "encrypted");
    assert_eq!(fake.store().blob.as_ref().unwrap().0, std::fs::read(bundle).unwrap());
    // The user's own public key is trusted without being named.
    let opened = machine.ok(&[&base[..], &["--identity", "support.key"]].concat()).json();
    assert_eq!(
        (opened["checked"].as_str(), opened["alreadyThere"].as_bool()),
        (Some("verified"), Some(true))
    );
    // Cut, it is neither.
    let bytes = std::fs::read(bundle).unwrap();
    machine.file("cut.zip.age", &bytes[..bytes.len().min(200)]);
    assert_eq!(machine.run(&["share", "cut.zip.age", "--to-file", "address"]).code, Some(10));
    machine.ok(&["key", "generate", "recipient", "--out", "other.key"]);
    let ran = machine.run(&[&base[..], &["--identity", "other.key"]].concat());
    assert_eq!(ran.code, Some(17), "{}", ran.err);
    // An identity is a private file, too.
    assert_eq!(machine.run(&["share", "support.key", "--to-file", "address"]).code, Some(2));
}

#[test]
fn a_proxy_is_used_where_it_is_named_and_never_for_this_machine_by_chance() {
    let (machine, _) = machine();
    let fake = Fake::start();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // The address is reached by nobody: only through the proxy, which is the server itself.
    machine.file("elsewhere", fake.sas().replace(&fake.port.to_string(), &closed.to_string()));
    machine.file("here", fake.sas());
    let base = [
        "share",
        "entra-bundle-x.zip",
        "--public-key",
        "key.pub.pem",
        "--allow-plaintext-upload",
        "--to-file",
    ];
    let proxy = format!("http://127.0.0.1:{}", fake.port);
    machine.ok(&[&base[..], &["elsewhere", "--proxy", &proxy]].concat());
    assert!(fake.store().blob.is_some());
    let dead = format!("http://127.0.0.1:{closed}");
    let mut command = machine.command(&[&base[..], &["here"]].concat());
    let ran = crate::program::ran(
        command.env("HTTP_PROXY", &dead).env("http_proxy", &dead).env("ALL_PROXY", &dead).output().unwrap(),
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn a_volume_of_a_series_is_sent_alone() {
    let (machine, _) = machine();
    let key = forge::key(Algorithm::Ed25519);
    let mut forge = Forge::new();
    forge.manifest = Box::new(|manifest| {
        manifest["volume"] = serde_json::json!({"index": 1, "final": false, "count": null,
            "seriesId": forge::ID, "prevManifestSha256": null});
    });
    machine.file("volume.zip", forge.build(&key));
    machine.file("volume.pub.pem", key.public_pem());
    let base = ["share", "volume.zip", "--public-key", "volume.pub.pem", "--to-file", "address"];
    assert_eq!(machine.run(&base).code, Some(5), "not without leave, either");
    let ran = machine.ok(&[&base[..], &["--allow-plaintext-upload"]].concat());
    assert!(ran.err.contains("one volume of a series"), "{}", ran.err);
}
