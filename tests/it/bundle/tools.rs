//! Foreign tools: the recipe for strangers, unzip, 7-Zip, jar, bsdtar, Python, OpenSSL. A tool that is missing is named
//! in a visible line, and its part of the test is skipped.

use super::forge::{self, Forge, USERS};
use super::{trust, verify};
use crate::tool::has;
use entra_bundle::bundle::manifest::{Cloud, Pseudonyms, Tenant, Tool, Window};
use entra_bundle::bundle::{self, Check, Completeness, Draft, Learned, ManifestFacts, Trust};
use entra_bundle::crypto::{Algorithm, PublicKey, Signer, SigningKey, hex, sha256};
use entra_bundle::record::Statement;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn done(command: &mut Command) -> Vec<u8> {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The fenced block of the published page.
fn recipe() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bundle-format.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```bash\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// A bundle by our own writer, without records.
fn own(out: &Path, key: &SigningKey) {
    let mut draft = Draft::create(out, false).unwrap();
    let ledger = "{\"completeness\":{\"status\":\"complete\",\"datasets\":[]}}";
    draft.statement("meta/collection.json", &Statement::fixed(ledger)).unwrap();
    draft.statement("meta/policy.json", &Statement::fixed("{}")).unwrap();
    let label = || "x".to_owned();
    let facts = ManifestFacts {
        bundle_id: None,
        created_at: "2026-11-20T11:05:00Z".into(),
        tool: Tool { name: label(), version: label(), git_commit: None, target: label() },
        tenant: Tenant { pseudonym: None, cloud: Cloud::Global },
        case_reference: None,
        window: Window { from: None, to: None },
        policy_id: None,
        policy_version: 1,
        approved_digest: None,
        catalogue_sha256: [0; 32],
        pseudonyms: Pseudonyms {
            key_id: label(),
            recipient: None,
            key_held_by: None,
            destroy_after: None,
            ip_marked: true,
            dictionary_digest: label(),
        },
        learned: Learned::default(),
        completeness: Completeness::of(Vec::new()),
    };
    draft.seal(facts, key, &mut |_, _| Ok(())).map_err(|e| e.to_string()).unwrap();
}

#[test]
fn the_readme_repeats_the_recipe() {
    assert!(bundle::README.contains(&recipe()));
    assert!(bundle::README.is_ascii() && !bundle::README.contains('\r'));
}

#[test]
fn strangers_verify_with_plain_tools() {
    let name = "strangers_verify_with_plain_tools";
    if !has(name, &["bash", "unzip", "jq", "openssl", "sha256sum"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("recipe.sh"), recipe()).unwrap();
    let try_it = |bundle: &str, key: &str| {
        // The recipe unpacks into a temporary folder: let it be one that is removed.
        let mut command = Command::new("bash");
        command.arg(at("recipe.sh")).arg(at(bundle)).arg(at(key)).env("TMPDIR", folder.path());
        run(&mut command)
    };
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
        let key = forge::key(algorithm);
        fs::write(at("key.pem"), key.public_pem()).unwrap();
        fs::write(at("other.pem"), forge::key(algorithm).public_pem()).unwrap();
        own(&at("own.zip"), &key);
        fs::write(at("good.zip"), Forge::new().build(&key)).unwrap();
        for good in ["own.zip", "good.zip"] {
            let output = try_it(good, "key.pem");
            assert!(output.status.success(), "{good}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(String::from_utf8_lossy(&output.stdout).contains(&hex(&sha256(&key.spki()))));
            assert!(!try_it(good, "other.pem").status.success(), "{good}: another key");
        }
        // Data changed, and SHA256SUMS with it.
        let mut items = Forge::new().items(&key);
        let old = hex(&sha256(&items[1].data));
        items[1].data[6] = b'7';
        let new = hex(&sha256(&items[1].data));
        assert_eq!(items[1].name, USERS);
        let sums = items.iter_mut().find(|item| item.name == "SHA256SUMS").unwrap();
        sums.data = String::from_utf8(sums.data.clone()).unwrap().replace(&old, &new).into_bytes();
        fs::write(at("data.zip"), forge::zip(&items)).unwrap();
        // A file more.
        let mut items = Forge::new().items(&key);
        items.insert(
            2,
            forge::Item { name: "data/graph/users/part-00001.jsonl".into(), data: b"{}\n".to_vec() },
        );
        fs::write(at("extra.zip"), forge::zip(&items)).unwrap();
        for forged in ["data.zip", "extra.zip"] {
            let output = try_it(forged, "key.pem");
            assert!(!output.status.success(), "{forged} passed the recipe");
            assert!(String::from_utf8_lossy(&output.stderr).contains("NOT VERIFIED"));
        }
        fs::remove_file(at("own.zip")).unwrap();
    }
}

/// How a tool lists and extracts: its name, arguments that list (a line a name), arguments that
/// extract into the current folder. `{}` is the bundle.
const ARCHIVERS: [(&str, &[&str], &[&str]); 5] = [
    ("unzip", &["-Z1", "{}"], &["-q", "{}"]),
    ("7zz", &["l", "-ba", "-slt", "{}"], &["x", "-bso0", "{}"]),
    ("jar", &["tf", "{}"], &["xf", "{}"]),
    ("bsdtar", &["-tf", "{}"], &["-xf", "{}"]),
    (
        "python3",
        &["-c", "import sys,zipfile\nprint('\\n'.join(zipfile.ZipFile(sys.argv[1]).namelist()))", "{}"],
        &[
            "-c",
            "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nz.extractall()",
            "{}",
        ],
    ),
];

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// Every archiver that is there lists the entries and extracts the bytes that our own reader gives.
pub fn all_archivers_agree(test: &str, bundle: &Path, trust: Trust) {
    let folder = tempfile::tempdir().unwrap();
    let verified = bundle::verify(bundle, &Check::new(trust)).unwrap().verified.unwrap();
    let ours = folder.path().join("ours");
    verified.unpack(&ours).unwrap();
    let ours = files(&ours);
    let bundle = fs::canonicalize(bundle).unwrap();
    for (tool, list, extract) in ARCHIVERS {
        if !has(test, &[tool]) {
            continue;
        }
        let place = folder.path().join(tool);
        fs::create_dir(&place).unwrap();
        let call = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|a| a.replace("{}", bundle.to_str().unwrap()));
            String::from_utf8(done(Command::new(tool).args(arguments).current_dir(&place))).unwrap()
        };
        let listed = call(list);
        let mut listed: Vec<&str> = match tool {
            "7zz" => listed.lines().filter_map(|line| line.strip_prefix("Path = ")).collect(),
            _ => listed.lines().collect(),
        };
        listed.sort_unstable();
        assert_eq!(listed, ours.keys().map(String::as_str).collect::<Vec<_>>(), "{tool} lists otherwise");
        call(extract);
        let theirs = files(&place);
        assert!(theirs.keys().eq(ours.keys()), "{tool} extracts {:?}", theirs.keys());
        for (name, bytes) in &ours {
            assert!(theirs[name] == *bytes, "{tool} extracts {name} otherwise");
        }
    }
}

#[test]
fn common_archive_tools_take_a_bundle() {
    let name = "common_archive_tools_take_a_bundle";
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("own.zip");
    let key = forge::key(Algorithm::Ed25519);
    own(&out, &key);
    all_archivers_agree(name, &out, trust(&key));
    fs::write(&out, Forge::new().build(&key)).unwrap();
    all_archivers_agree(name, &out, trust(&key));
}

#[test]
fn keys_of_openssl_sign_for_us_and_ours_are_read_by_openssl() {
    let name = "keys_of_openssl_sign_for_us_and_ours_are_read_by_openssl";
    if !has(name, &["openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    let public = |file: &Path| done(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(file));
    for (algorithm, arguments) in [
        (Algorithm::Ed25519, &["-algorithm", "ED25519"][..]),
        (Algorithm::EcdsaP256Sha256, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ] {
        done(Command::new("openssl").arg("genpkey").args(arguments).arg("-out").arg(&file));
        let key = SigningKey::from_pem(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let theirs = PublicKey::from_pem(&String::from_utf8(public(&file)).unwrap()).unwrap();
        let check = Check::new(entra_bundle::bundle::Trust::from_public_key(theirs));
        assert_eq!(verify(Forge::new().build(&key), &check).code(), 0);

        let ours = SigningKey::generate(algorithm).unwrap();
        fs::write(&file, &*ours).unwrap();
        let key = SigningKey::from_pem(&ours).unwrap();
        assert_eq!(String::from_utf8(public(&file)).unwrap(), key.public_pem());
        assert_eq!(verify(Forge::new().build(&key), &Check::new(trust(&key))).code(), 0);
    }
}

#[test]
fn encrypted_keys_are_exchanged_with_openssl() {
    let name = "encrypted_keys_are_exchanged_with_openssl";
    if !has(name, &["openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (algorithm, arguments) in [
        (Algorithm::Ed25519, &["-algorithm", "ED25519"][..]),
        (Algorithm::EcdsaP256Sha256, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ] {
        done(Command::new("openssl").arg("genpkey").args(arguments).arg("-out").arg(at("plain.pem")));
        let plain = SigningKey::from_pem(&fs::read_to_string(at("plain.pem")).unwrap()).unwrap();
        // Theirs to us: what OpenSSL writes by itself, with another cipher, with scrypt.
        for how in
            [&["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"][..], &["-v2", "aes-128-cbc"], &["-scrypt"]]
        {
            let mut command = Command::new("openssl");
            command.args(["pkcs8", "-topk8", "-passout", "pass:ten words", "-in"]).arg(at("plain.pem"));
            done(command.args(how).arg("-out").arg(at("theirs.pem")));
            let text = fs::read_to_string(at("theirs.pem")).unwrap();
            let key = SigningKey::from_protected_pem(&text, "ten words").map_err(|e| e.to_string()).unwrap();
            assert_eq!(key.spki(), plain.spki(), "{how:?}");
            let wrong = SigningKey::from_protected_pem(&text, "ten worms").err().unwrap();
            assert_eq!(wrong.code(), 17, "{how:?}");
        }
        // Ours to them.
        let ours = SigningKey::generate(algorithm).unwrap();
        fs::write(at("ours.pem"), SigningKey::protect(&ours, "ten words").unwrap()).unwrap();
        let public = done(
            Command::new("openssl")
                .args(["pkey", "-pubout", "-passin", "pass:ten words", "-in"])
                .arg(at("ours.pem")),
        );
        assert_eq!(String::from_utf8(public).unwrap(), SigningKey::from_pem(&ours).unwrap().public_pem());
        let mut command = Command::new("openssl");
        command.args(["pkey", "-pubout", "-passin", "pass:ten worms", "-in"]).arg(at("ours.pem"));
        assert!(!run(&mut command).status.success());
    }
    // PBES1, which nobody should use any more, is named and not attempted.
    let mut command = Command::new("openssl");
    command.args(["pkcs8", "-topk8", "-v1", "PBE-MD5-DES", "-passout", "pass:ten words", "-in"]);
    command.arg(at("plain.pem")).arg("-out").arg(at("old.pem"));
    if run(&mut command).status.success() {
        let text = fs::read_to_string(at("old.pem")).unwrap();
        assert_eq!(SigningKey::from_protected_pem(&text, "ten words").err().unwrap().code(), 16);
    }
}
