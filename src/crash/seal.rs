//! Sealing that is killed, or meets a full disk: nothing stands under the final name unless it is
//! whole and verified, and the next run makes the same bundle.

use super::{gather, inputs, load, states, store};
use crate::bundle::{Check, Trust, Volumes, verify};
use crate::catalogue::Catalogue;
use crate::crypto::encryption::{self, Identities, Recipients};
use crate::crypto::{Algorithm, PublicKey, Signer, SigningKey};
use crate::error::{self, Result};
use crate::fault;
use crate::privacy::collision::TokenWatch;
use crate::privacy::{IncidentKey, Policy, Pseudonymizer, Rules};
use crate::seal::{Job, Outcome, run};
use crate::workspace::Workspace;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

const NAME: &str = "entra-bundle-x.zip";

struct Fixture {
    folder: tempfile::TempDir,
    workspace: Workspace,
    policy: Policy,
    rules: Rules,
    key: IncidentKey,
    signer: SigningKey,
    whole: Vec<u8>,
}

impl Fixture {
    fn new() -> Self {
        fault::UNSYNCED.set(true);
        let folder = tempfile::tempdir().unwrap();
        let input = inputs(folder.path());
        let (workspace, _) = gather(&input, &folder.path().join("workspace")).unwrap();
        let policy = Policy::builtin("balanced").unwrap();
        let rules = Rules::resolve(&policy, Catalogue::builtin()).unwrap();
        let signer = SigningKey::from_pem(&SigningKey::generate(Algorithm::Ed25519).unwrap()).unwrap();
        let key = IncidentKey::from_bytes([3; 32]);
        let mut fixture = Fixture { folder, workspace, policy, rules, key, signer, whole: Vec::new() };
        let out = fixture.folder.path().join("whole");
        std::fs::create_dir(&out).unwrap();
        fixture.seal(&out).unwrap();
        fixture.whole = std::fs::read(out.join(NAME)).unwrap();
        fixture
    }

    /// Everything that differs between runs is fixed, so equal runs give equal bytes.
    fn seal(&self, out: &Path) -> Result<()> {
        self.seal_into(Volumes::create(&out.join(NAME), false, None, None)?)
    }

    fn seal_into(&self, volumes: Volumes) -> Result<()> {
        self.seal_with(&Pseudonymizer::new(&self.key)?, volumes)
    }

    fn seal_with(&self, names: &Pseudonymizer, volumes: Volumes) -> Result<()> {
        let job = Job {
            catalogue: Catalogue::builtin(),
            policy: &self.policy,
            policy_nonce: None,
            rules: &self.rules,
            names,
            signer: &self.signer,
            secrets: Vec::new(),
            strict_names: false,
            workers: 2,
            bundle_id: "a".repeat(26),
            created_at: "2026-11-20T11:05:00Z".parse().unwrap(),
            case: None,
            window: (None, None),
            git_commit: None,
            observer: &crate::event::silent,
            stop: &AtomicBool::new(false),
        };
        match run(&job, &self.workspace, volumes)? {
            Outcome::Sealed(_) => Ok(()),
            Outcome::Leaks(leaks) => panic!("{} leaks", leaks.len()),
        }
    }

    fn fresh(&self, name: &str) -> PathBuf {
        let out = self.folder.path().join(name);
        std::fs::create_dir_all(&out).unwrap();
        out
    }

    /// What lies under the final name verifies, and is the bundle.
    fn is_whole(&self, out: &Path) -> bool {
        let file = out.join(NAME);
        if !file.exists() {
            return false;
        }
        let key = PublicKey::from_spki(&self.signer.spki()).unwrap();
        let found = verify(&file, &Check::new(Trust::from_public_key(key))).unwrap();
        assert_eq!(found.code(), 0, "{:?}", found.findings);
        assert!(std::fs::read(&file).unwrap() == self.whole);
        true
    }
}

#[test]
fn sealing_that_is_killed_at_any_step_leaves_a_whole_bundle_or_none() {
    let fixture = Fixture::new();
    let out = fixture.fresh("out");
    let (states, done) = states(&out, || fixture.seal(&out));
    done.unwrap();
    assert!(states.len() > 4, "{}", states.len());
    let torn = fixture.fresh("torn");
    let mut whole = 0;
    for state in &states {
        assert!(
            state.keys().all(|name| name == NAME || *name == format!("{NAME}.partial")),
            "{:?}",
            state.keys()
        );
        store(&torn, state);
        std::fs::create_dir_all(&torn).unwrap();
        if fixture.is_whole(&torn) {
            // It stands: a second run must not touch it.
            assert_eq!(fixture.seal(&torn).unwrap_err().code(), 2);
            whole += 1;
        } else {
            fixture.seal(&torn).unwrap();
        }
        assert!(fixture.is_whole(&torn));
        assert_eq!(load(&torn).len(), 1, "something is left behind");
    }
    assert_eq!(whole, 1, "the name appears in one step");
}

#[test]
fn sealing_that_meets_a_full_disk_leaves_nothing_and_can_be_repeated() {
    let fixture = Fixture::new();
    let out = fixture.fresh("out");
    // Every byte passes the seam: the bundle, and the parked indexes of text parts beside it.
    fault::TRACE.take();
    fixture.seal(&out).unwrap();
    assert!(fault::TRACE.take().iter().any(|(what, name)| (*what, name.as_str()) == ("write", "draft")));
    let step = fixture.whole.len() / 24;
    for room in (0..fixture.whole.len()).step_by(step.max(1)) {
        let out = fixture.fresh("full");
        store(&out, &Default::default());
        std::fs::create_dir_all(&out).unwrap();
        let error = fault::with_room(room, || fixture.seal(&out)).unwrap_err();
        assert_eq!(error.kind(), error::Kind::Io, "{error}");
        assert!(load(&out).is_empty(), "something is left behind");
    }
    let out = fixture.folder.path().join("full");
    fixture.seal(&out).unwrap();
    assert!(fixture.is_whole(&out));
}

#[test]
fn encrypted_sealing_leaves_nothing_in_clear_at_any_step() {
    let fixture = Fixture::new();
    let (secret, public) = encryption::generate().unwrap();
    let recipients = || Recipients::keys([public.as_str()]).unwrap();
    let name = format!("{NAME}.age");
    let seal =
        |out: &Path| fixture.seal_into(Volumes::create(&out.join(&name), false, Some(recipients()), None)?);
    let out = fixture.fresh("out");
    let (states, done) = states(&out, || seal(&out));
    done.unwrap();
    // The bundle in clear begins with a local header and names its entries; nothing here does.
    let in_clear = |bytes: &[u8]| {
        [&b"PK\x03\x04"[..], b"README.txt", b"manifest.json"]
            .iter()
            .any(|word| bytes.windows(word.len()).any(|window| window == *word))
    };
    assert!(in_clear(&fixture.whole));
    let mut identities = Identities::none();
    identities.add_file(&secret).unwrap();
    let torn = fixture.fresh("torn");
    for state in &states {
        assert!(!state.values().any(|bytes| in_clear(bytes)));
        store(&torn, state);
        std::fs::create_dir_all(&torn).unwrap();
        if !torn.join(&name).exists() {
            seal(&torn).unwrap();
        }
        let key = PublicKey::from_spki(&fixture.signer.spki()).unwrap();
        let check = Check { identities: identities.clone(), ..Check::new(Trust::from_public_key(key)) };
        assert_eq!(verify(&torn.join(&name), &check).unwrap().code(), 0);
        assert_eq!(load(&torn).len(), 1, "something is left behind");
    }
    let size = load(&out)[&name].len();
    for room in (0..size).step_by(size / 6) {
        let out = fixture.fresh("full");
        assert_eq!(fault::with_room(room, || seal(&out)).unwrap_err().kind(), error::Kind::Io);
        assert!(load(&out).is_empty(), "something is left behind");
    }
}

/// Two values with one pseudonym: the run ends with the advice to change the key, and leaves nothing.
#[test]
fn a_collision_of_pseudonyms_ends_the_run_with_advice() {
    let fixture = Fixture::new();
    let out = fixture.fresh("collided");
    let watch = TokenWatch::default();
    watch.see(0, 1 << 20, 1);
    watch.see(0, 1 << 20, 2);
    let names = Pseudonymizer::new(&fixture.key).unwrap().watched(watch);
    let volumes = Volumes::create(&out.join(NAME), false, None, None).unwrap();
    let refused = fixture.seal_with(&names, volumes).err().unwrap();
    assert_eq!(refused.kind(), error::Kind::Privacy);
    assert!(
        refused.to_string().contains("same pseudonym")
            && refused.advice().is_some_and(|advice| advice.contains("key")),
        "{refused}: {:?}",
        refused.advice()
    );
    assert!(!out.join(NAME).exists());
}
