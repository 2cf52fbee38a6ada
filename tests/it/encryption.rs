//! Encryption: the public vectors of age, our own files, the stock tool in both directions.

use crate::bundle::forge::{self, Forge};
use crate::bundle::trust;
use crate::program::Machine;
use crate::shared;
use crate::tool::has;
use entra_bundle::bundle::encrypted::{is_encrypted, open};
use entra_bundle::bundle::medium::Medium;
use entra_bundle::bundle::{Check, Verification, verify_medium};
use entra_bundle::crypto::encryption::{self, Identities, Recipients, Unopened};
use entra_bundle::crypto::{Algorithm, SigningKey, hex, sha256};
use entra_bundle::error::Kind;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::process::Command;
use std::sync::Arc;

/// Everything inside an encrypted file, read from the back to the front in odd steps: by position.
fn decrypted(file: Vec<u8>, identities: &Identities) -> io::Result<Vec<u8>> {
    let file: Arc<dyn Medium> = Arc::new(file);
    if !is_encrypted(&*file)? {
        return Err(io::Error::other("not an encrypted file"));
    }
    let plain = open(file, identities)?.plain;
    let mut out = vec![0; plain.len()? as usize];
    let mut end = out.len();
    while end > 0 {
        let start = end.saturating_sub(50_021);
        plain.read_exact_at(start as u64, &mut out[start..end])?;
        end = start;
    }
    assert_eq!(plain.read_at(out.len() as u64, &mut [0; 8])?, 0);
    Ok(out)
}

#[test]
fn the_public_vectors_of_age_open_or_fail_as_published() {
    let Some(folder) = shared::folder("the_public_vectors_of_age_open_or_fail_as_published") else { return };
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut files: Vec<_> =
        fs::read_dir(folder.join("vectors/cctv/age")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&path).unwrap();
        let at = memchr::memmem::find(&bytes, b"\n\n").unwrap();
        let header = std::str::from_utf8(&bytes[..at]).unwrap();
        let members: Vec<(&str, &str)> = header.lines().map(|line| line.split_once(": ").unwrap()).collect();
        let member = |key: &str| members.iter().find(|(own, _)| *own == key).map(|(_, value)| *value);
        let mut file = bytes[at + 2..].to_vec();
        if member("compressed") == Some("zlib") {
            let mut plain = Vec::new();
            flate2::read::ZlibDecoder::new(&file[..]).read_to_end(&mut plain).unwrap();
            file = plain;
        }
        let hybrid = name.contains("hybrid");
        let mut identities = Identities::none();
        for (key, value) in &members {
            match *key {
                "identity" if hybrid => {
                    // Hybrid identities are refused by name; the file then meets one of another kind.
                    if let Err(error) = identities.add_file(value) {
                        assert_eq!(error.kind(), Kind::Unsupported, "{name}");
                    }
                }
                "identity" => identities.add_file(value).unwrap(),
                "passphrase" => identities.add_passphrase(value),
                _ => {}
            }
        }
        if hybrid && identities.is_empty() {
            identities.add_passphrase("of another kind");
        }
        let expected = member("expect").unwrap();
        let outcome = decrypted(file, &identities);
        if hybrid {
            let error = outcome.expect_err(&name);
            let class = Unopened::of(&error).map(Unopened::class);
            assert!(matches!(class, Some(Kind::Decryption)), "{name}: {error}");
            *counts.entry("unsupported".into()).or_default() += 1;
            continue;
        }
        *counts.entry(expected.to_owned()).or_default() += 1;
        match (expected, outcome) {
            ("success", Ok(plain)) => {
                assert_eq!(Some(hex(&sha256(&plain)).as_str()), member("payload"), "{name}")
            }
            ("success", Err(error)) => panic!("{name}: {error}"),
            (_, Ok(_)) => panic!("{name} opens"),
            ("no match", Err(error)) => {
                let why = Unopened::of(&error).unwrap();
                assert!(matches!(why, Unopened::NoMatch | Unopened::Recipients), "{name}: {why}");
            }
            (_, Err(_)) => {}
        }
    }
    let expected = [
        ("HMAC failure", 1),
        ("armor failure", 22),
        ("header failure", 53),
        ("no match", 8),
        ("payload failure", 19),
        ("success", 21),
        ("unsupported", 19),
    ];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
}

/// A new identity, and its recipient.
fn identity() -> (Identities, String) {
    let (secret, recipient) = encryption::generate().unwrap();
    let mut identities = Identities::none();
    identities.add_file(&format!("# made by a test\n\n{}\n", &*secret)).unwrap();
    assert_eq!(identities.recipients(), [recipient.as_str()]);
    (identities, recipient)
}

/// A bundle that says for whom it is sealed.
fn sealed_for(recipients: &[&str], key: &SigningKey) -> Vec<u8> {
    let recipients: Vec<String> = recipients.iter().map(|text| (*text).to_owned()).collect();
    let manifest =
        Box::new(move |m: &mut serde_json::Value| m["intendedRecipients"] = recipients.clone().into());
    Forge { manifest, ..Forge::new() }.build(key)
}

fn encrypt(to: &Recipients, plain: &[u8]) -> Vec<u8> {
    let (mut writer, own) = to.encrypt(Vec::new()).unwrap();
    for piece in plain.chunks(10_007) {
        writer.write_all(piece).unwrap();
    }
    let file = writer.finish().unwrap();
    // The writer reads its own file back, whoever it is for.
    assert_eq!(decrypted(file.clone(), &own).unwrap(), plain);
    file
}

fn verify(file: Vec<u8>, key: &SigningKey, identities: &Identities) -> Verification {
    let check = Check { identities: identities.clone(), ..Check::new(trust(key)) };
    verify_medium(Arc::new(file), &check).map_err(|e| e.to_string()).unwrap()
}

#[test]
fn an_encrypted_bundle_opens_for_those_it_was_sealed_for() {
    let key = forge::key(Algorithm::Ed25519);
    let ((mine, me), (theirs, they), (strange, _)) = (identity(), identity(), identity());
    let bundle = sealed_for(&[&me, &they], &key);
    let file = encrypt(&Recipients::keys([me.as_str(), they.as_str(), me.as_str()]).unwrap(), &bundle);
    for (identities, recipient) in [(&mine, &me), (&theirs, &they)] {
        let found = verify(file.clone(), &key, identities);
        assert_eq!((found.code(), found.recipient.as_ref()), (0, Some(recipient)), "{:?}", found.findings);
        assert!(found.warnings.is_empty());
        assert_eq!(found.zip_sha256, Some(hex(&sha256(&bundle))));
        let verified = found.verified.unwrap();
        assert_eq!(verified.read("manifest.json").unwrap().first(), Some(&b'{'));
    }
    assert_eq!(verify(file.clone(), &key, &Identities::none()).code(), 17);
    assert_eq!(verify(file.clone(), &key, &strange).code(), 17);
    assert_eq!(verify(file, &forge::key(Algorithm::Ed25519), &mine).code(), 13);

    // Received in clear, or passed on to somebody else.
    let clear = verify(bundle.clone(), &key, &mine);
    assert_eq!((clear.code(), clear.warnings.len(), clear.recipient), (0, 1, None));
    assert!(clear.warnings[0].contains("came in clear"));
    for bundle in [sealed_for(&[&they], &key), sealed_for(&[], &key), sealed_for(&["passphrase"], &key)] {
        let found = verify(encrypt(&Recipients::keys([me.as_str()]).unwrap(), &bundle), &key, &mine);
        assert_eq!((found.code(), found.verified.is_none()), (14, true));
    }
    let twice = encrypt(&Recipients::keys([me.as_str()]).unwrap(), &bundle);
    let twice = encrypt(&Recipients::keys([me.as_str()]).unwrap(), &twice);
    assert_eq!(verify(twice, &key, &mine).code(), 16);
}

#[test]
fn a_changed_or_cut_encrypted_file_is_refused() {
    let key = forge::key(Algorithm::Ed25519);
    let (mine, me) = identity();
    let file = encrypt(&Recipients::keys([me.as_str()]).unwrap(), &sealed_for(&[&me], &key));
    let header = memchr::memmem::find(&file, b"\n--- ").unwrap() + 48;
    let refused = |file: Vec<u8>, what: &str| {
        let code = verify(file, &key, &mine).code();
        assert!(matches!(code, 10 | 16 | 17), "{what}: {code}");
    };
    for at in (0..header + 80).chain((header + 80..file.len()).step_by(61)) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        refused(changed, &format!("byte {at}"));
    }
    for length in (0..header + 40).chain((header + 40..file.len()).step_by(97)) {
        refused(file[..length].to_vec(), &format!("length {length}"));
    }
    refused([&file[..], b"x"].concat(), "longer");
}

#[test]
fn a_passphrase_opens_what_was_sealed_with_it() {
    let key = forge::key(Algorithm::Ed25519);
    let words = "abandon ability able about above absent absorb abstract absurd abuse";
    let to = Recipients::passphrase(words).unwrap();
    assert_eq!(to.names(), ["passphrase"]);
    let file = encrypt(&to, &sealed_for(&["passphrase"], &key));
    let mut identities = Identities::none();
    assert_eq!(verify(file.clone(), &key, &identities).findings[0].message, Unopened::NoPassphrase.text());
    assert_eq!(verify(file.clone(), &key, &identity().0).findings[0].message, Unopened::NoPassphrase.text());
    identities.add_passphrase(words);
    assert_eq!(verify(file, &key, &identities).code(), 0);
    assert!(Recipients::passphrase("short").is_err());
}

#[test]
fn recipients_of_other_kinds_are_refused_by_name() {
    let secret = encryption::generate().unwrap().0;
    for (text, code) in [
        ("age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", 16),
        ("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", 16),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN", 16),
        ("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", 2),
        ("nobody", 2),
        ("", 2),
        (&secret, 2),
    ] {
        let error = Recipients::keys([text]).err().unwrap();
        assert_eq!(error.code(), code, "{text}");
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
    assert_eq!(Recipients::keys([]).err().unwrap().code(), 2);
}

#[test]
fn the_stock_tool_opens_ours_and_we_open_its_files() {
    if !has("the_stock_tool_opens_ours_and_we_open_its_files", &["age", "age-keygen"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let done = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    done(Command::new("age-keygen").arg("-o").arg(at("key.txt")));
    let me = String::from_utf8(done(Command::new("age-keygen").arg("-y").arg(at("key.txt")))).unwrap();
    let me = me.trim();
    let mut mine = Identities::none();
    mine.add_file(&fs::read_to_string(at("key.txt")).unwrap()).unwrap();

    let key = forge::key(Algorithm::EcdsaP256Sha256);
    // More than one chunk.
    let lines = "{\"id\":1}\n".repeat(20_000);
    let recipients = vec![me.to_owned()];
    let mut forge = Forge::new().set(forge::USERS, &lines);
    forge.rows.insert(forge::USERS.into(), 20_000);
    forge.manifest = Box::new(move |m| m["intendedRecipients"] = recipients.clone().into());
    let bundle = forge.build(&key);
    fs::write(at("ours.zip.age"), encrypt(&Recipients::keys([me]).unwrap(), &bundle)).unwrap();
    let plain = done(Command::new("age").arg("-d").arg("-i").arg(at("key.txt")).arg(at("ours.zip.age")));
    assert_eq!(plain, bundle);

    fs::write(at("bundle.zip"), &bundle).unwrap();
    for armour in [&[][..], &["-a"]] {
        let file = at("theirs.zip.age");
        let mut command = Command::new("age");
        done(command.args(armour).args(["-r", me, "-o"]).arg(&file).arg(at("bundle.zip")));
        let found = verify(fs::read(&file).unwrap(), &key, &mine);
        assert_eq!(found.code(), 0, "{:?}", found.findings);
        fs::remove_file(file).unwrap();
    }
}

/// What a user does: a recipient, a bundle for it, every reader, and what goes wrong.
#[test]
fn a_bundle_is_collected_for_a_recipient_and_read_with_its_identity() {
    let machine = Machine::new();
    machine.file("export/users.json", r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"greta.schmidt@contoso.com","displayName":"Greta Schmidt"}]}"#);
    machine.ok(&["key", "generate", "recipient", "--out", "support.key"]);
    machine.ok(&["key", "generate", "recipient", "--out", "own.key"]);
    machine.ok(&["key", "generate", "recipient", "--out", "other.key"]);
    let shown = machine.ok(&["key", "fingerprint", "support.key"]).out;
    assert_eq!(shown, fs::read_to_string(machine.path("support.recipient.txt")).unwrap());
    machine.ok(&["key", "generate", "incident", "--out", "private.key"]);

    // What cannot work is refused before anything is read.
    let common = ["collect", "--input", "export", "--key", "private.key"];
    for (more, code) in [
        (["--out", "out/b.zip", "--recipient", "support.recipient.txt"], 2),
        (["--out", "out/b.zip.age", "--case", "C-1"], 2),
        (["--out", "out", "--recipient", "nobody"], 2),
        (["--out", "out", "--recipient", "support.key"], 2),
        (["--out", "out", "--recipient", "age1pq1qqqqqqqq"], 16),
    ] {
        let ran = machine.run(&[&common[..], &more[..]].concat());
        assert_eq!(ran.code, Some(code), "{more:?}: {}", ran.err);
        let left = fs::read_dir(machine.path("out")).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "{more:?} left something");
    }

    let to = ["--out", "out", "--recipient", "support.recipient.txt", "--recipient", "own.recipient.txt"];
    let ran = machine.ok(&[&common[..], &to[..], &["--json"]].concat()).json();
    let bundle = ran["bundle"].as_str().unwrap();
    assert!(bundle.ends_with(".zip.age"));
    assert_eq!(ran["intendedRecipients"].as_array().unwrap().len(), 2);
    assert_eq!(ran["sha256"], hex(&sha256(&fs::read(machine.path(bundle)).unwrap())));
    let key = ["--public-key", "config/signing.pub.pem"];
    let refused = machine.run(&[&["verify", bundle][..], &key].concat());
    assert_eq!(refused.code, Some(17));
    assert!(refused.err.contains("--identity"));
    assert_eq!(
        machine.run(&[&["verify", bundle, "--identity", "other.key"][..], &key].concat()).code,
        Some(17)
    );
    for identity in ["support.key", "own.key"] {
        let with = [&key[..], &["--identity", identity]].concat();
        let found = machine.ok(&[&["verify", bundle, "--json"][..], &with].concat()).json();
        assert!(found["recipient"].as_str().unwrap().starts_with("age1"));
        assert_eq!(found["warnings"].as_array().unwrap().len(), 0);
        machine.ok(&[&["info", bundle][..], &with].concat());
        assert!(
            machine.ok(&[&["records", bundle, "--dataset", "users"][..], &with].concat()).out.contains("u-")
        );
        machine.ok(&[&["unpack", bundle, "--to", &format!("case-{identity}")][..], &with].concat());
    }
    machine.ok(&["decrypt", bundle, "--identity", "support.key", "--out", "plain.zip"]);
    let ran = machine.ok(&[&["verify", "plain.zip"][..], &key].concat());
    assert!(ran.out.contains("came in clear"), "{}", ran.out);
    assert_eq!(
        machine.run(&["decrypt", "plain.zip", "--identity", "support.key", "--out", "x.zip"]).code,
        Some(2)
    );
    assert_eq!(machine.run(&["decrypt", bundle, "--identity", "other.key", "--out", "x.zip"]).code, Some(17));
    assert_eq!(
        machine.run(&["decrypt", bundle, "--identity", "own.key", "--out", "plain.zip"]).code,
        Some(2)
    );
    assert!(!machine.path("x.zip").exists());

    // A passphrase from a file, and one that is made.
    machine.file("words.txt", "correct horse battery staple\n");
    let out = ["--out", "sealed/words.zip.age", "--passphrase-file", "words.txt"];
    machine.ok(&[&common[..], &out].concat());
    machine.ok(&[&["verify", "sealed/words.zip.age", "--passphrase-file", "words.txt"][..], &key].concat());
    let made = machine
        .ok(&[&common[..], &["--out", "sealed/made.zip.age", "--passphrase", "--json"]].concat())
        .json();
    let file = made["passphraseFile"].as_str().unwrap();
    machine.ok(&[&["verify", "sealed/made.zip.age", "--passphrase-file", file][..], &key].concat());
    assert_eq!(
        machine
            .run(&[&["verify", "sealed/made.zip.age", "--passphrase-file", "words.txt"][..], &key].concat())
            .code,
        Some(17)
    );
}

/// A disk that fills up: no file is left, neither encrypted nor in clear, and the workspace serves again.
#[cfg(unix)]
#[test]
fn when_the_disk_is_full_nothing_is_left() {
    let machine = Machine::new();
    machine.file("export/users.json", r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[{"id":"f7cc07d7-7c15-447d-876d-c01b0e5a9e38","userPrincipalName":"greta.schmidt@contoso.com","displayName":"Greta Schmidt"}]}"#);
    machine.ok(&["key", "generate", "incident", "--out", "private.key"]);
    machine.ok(&["key", "generate", "recipient", "--out", "own.key"]);
    machine.ok(&["gather", "--input", "export", "--workspace", "ws"]);
    let seal = ["seal", "--workspace", "ws", "--key", "private.key", "--out", "out"];
    // Made on the first run, before files may no longer grow.
    machine.ok(&[&seal[..6], &["first"]].concat());
    for more in [
        &["--recipient", "own.recipient.txt"][..],
        &["--recipient", "own.recipient.txt", "--max-volume", "1MiB"],
        &[],
    ] {
        let program = machine.command(&[]);
        let line = r#"trap '' XFSZ; ulimit -f 8; exec "$0" "$@""#;
        let output = Command::new("sh")
            .args(["-c", line])
            .arg(program.get_program())
            .args(seal)
            .args(more)
            .current_dir(machine.path("."))
            .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .output()
            .unwrap();
        let ran = crate::program::ran(output);
        assert_eq!(ran.code, Some(1), "{more:?}: {}", ran.err);
        assert!(ran.err.contains("cannot write the bundle"), "{}", ran.err);
        assert_eq!(fs::read_dir(machine.path("out")).unwrap().count(), 0, "{more:?}");
    }
    machine.ok(&[&seal[..], &["--recipient", "own.recipient.txt"]].concat());
}

/// Words that opened a bundle which never came to be are words lying about.
#[test]
fn a_passphrase_goes_with_the_bundle_that_was_not_sealed() {
    let machine = Machine::new();
    machine.file("in/unknown.json", r#"[{"nothing":"known"}]"#);
    let ran = machine.run(&["collect", "--input", "in", "--out", "out", "--passphrase"]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    let keys = std::fs::read_dir(machine.path("state/keys")).unwrap();
    let names: Vec<_> = keys.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.starts_with("passphrase-")), "{names:?}");
}
