//! Client certificates in PFX containers as OpenSSL writes them. Opened by builds with the feature `pfx`
//! (`cargo test --features pfx`); every other build says so before it asks for a passphrase.

use crate::oidc::certificate;
use crate::program::{Machine, Ran, ran};
use crate::tool;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const PASSPHRASE: &str = "a passphrase, with \u{e4}";

/// Puts `name.crt` and `name.key` into `name.pfx`.
pub fn container(folder: &Path, name: &str, more: &[&str]) -> PathBuf {
    let file = |ending: &str| folder.join(format!("{name}.{ending}")).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args(["pkcs12", "-export", "-inkey", &file("key"), "-in", &file("crt"), "-out", &file("pfx")])
        .args(["-passout", "env:PFX_PASSPHRASE"])
        .args(more)
        .env("PFX_PASSPHRASE", PASSPHRASE)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    file("pfx").into()
}

/// A sign-in with the container, at an address where nobody is.
fn sign_in(machine: &Machine, file: &Path, variable: Option<&str>) -> Ran {
    let address = "http://127.0.0.1:9";
    let mut args = vec!["gather", "--tenant", "contoso.com", "--authority", address, "--graph-url", address];
    args.extend(["--client-id", "5c0de000-0000-4000-8000-000000000001", "--dataset", "users"]);
    args.extend(["--client-certificate", file.to_str().unwrap()]);
    args.extend(variable.map(|_| ["--client-certificate-passphrase-env", "PFX_PASSPHRASE"]).iter().flatten());
    let mut command = machine.command(&args);
    command.envs(variable.map(|text| ("PFX_PASSPHRASE", text)));
    ran(command.output().unwrap())
}

#[cfg(feature = "pfx")]
#[test]
fn containers_of_openssl_are_opened_and_wrong_ones_are_explained() {
    if !tool::has("containers_of_openssl", &["openssl"]) {
        return;
    }
    use entra_bundle::source::auth::Certificate;
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new();
    let pem = std::fs::read_to_string(certificate(folder.path(), "own")).unwrap();
    let own = Certificate::from_pem(&pem).unwrap();
    // Today's encryption, that of Windows Server before 2016, and one without names of bags.
    let old = ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
    for more in [&[][..], &old, &["-name", "app"]] {
        let file = container(folder.path(), "own", more);
        let bytes = std::fs::read(&file).unwrap();
        let opened = Certificate::from_pfx(&bytes, PASSPHRASE).unwrap();
        assert_eq!(opened.secret(), own.secret(), "{more:?}");
        let wrong = Certificate::from_pfx(&bytes, "wrong-SECRET").err().unwrap();
        assert_eq!(
            (wrong.code(), wrong.message()),
            (2, "the passphrase of the PFX container is wrong".into())
        );
        let cut = Certificate::from_pfx(&bytes[..bytes.len() / 2], PASSPHRASE).err().unwrap();
        assert_eq!(cut.code(), 2, "{cut}");
    }
    let file = folder.path().join("own.pfx");
    // Opened, it signs in: that nobody is there is what is told.
    let away = sign_in(&machine, &file, Some(PASSPHRASE));
    assert_eq!(away.code, Some(4), "{}", away.err);
    assert!(away.err.contains("cannot reach the sign-in service"), "{}", away.err);
    let wrong = sign_in(&machine, &file, Some("wrong-SECRET"));
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    assert!(wrong.err.contains("passphrase of the PFX container is wrong") && !wrong.err.contains("SECRET"));
    let nobody = sign_in(&machine, &file, None);
    assert!(nobody.err.contains("--client-certificate-passphrase-file"), "{}", nobody.err);
    // A certificate without its key.
    let bare = container(folder.path(), "own", &["-nokeys"]);
    let bare = sign_in(&machine, &bare, Some(PASSPHRASE));
    assert!(bare.code == Some(2) && bare.err.contains("holds no private key"), "{}", bare.err);
}

#[cfg(not(feature = "pfx"))]
#[test]
fn a_build_without_the_feature_says_so_and_names_the_way_round() {
    if !tool::has("a_build_without_the_feature", &["openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "own");
    let file = container(folder.path(), "own", &[]);
    let refused = sign_in(&Machine::new(), &file, None);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("without support for PFX containers"), "{}", refused.err);
    assert!(refused.err.contains("openssl pkcs12 -in app.pfx -nodes -out app.pem"), "{}", refused.err);
}
