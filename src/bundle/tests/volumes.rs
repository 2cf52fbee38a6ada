//! Series of volumes: written, read as one, and everything that may be wrong with a set of files.

use super::*;
use crate::crypto::encryption::{self, Identities, Recipients};

const MOST: u64 = 160 * 1024;

/// A part that hardly compresses, of about 45 KiB; text, so that it has an index.
fn large(source: Source, dataset: &str) -> PackedPart {
    let random: Vec<String> =
        (0..30).map(|_| crate::crypto::hex(&crate::crypto::random::<1500>().unwrap()) + "\n").collect();
    part(source, dataset, Layout::Text, &random.iter().map(String::as_str).collect::<Vec<_>>())
}

fn our_own() -> (Statements, Statements) {
    let ledger = || Statement::of(&Ledger { completeness: completeness() }).unwrap();
    let policy = || Statement::fixed("{\"schema\":\"entra-bundle/policy-projection/1\"}\n");
    let each = || {
        Statements::from([
            (path::COLLECTION.to_owned(), ledger().into()),
            (path::POLICY.to_owned(), policy().into()),
        ])
    };
    let mut last = each();
    last.insert("meta/redaction-report.json".to_owned(), Statement::fixed("{}\n").into());
    (last, each())
}

fn fill(volumes: &mut Volumes, parts: usize) {
    for at in 0..parts {
        let dataset = if at < parts / 2 { "adfs_admin" } else { "connect_trace" };
        volumes.append(large(Source::OnPrem, dataset), about(), 8 * 1024).map_err(|e| e.to_string()).unwrap();
    }
}

/// A series of at least three volumes.
fn series(out: &Path, recipients: Option<Recipients>) -> Vec<PathBuf> {
    let mut volumes = Volumes::create(out, false, recipients, Some(MOST)).unwrap();
    fill(&mut volumes, 7);
    let (last, each) = our_own();
    let sealed = volumes.seal(&last, &each, &facts(), &fixed_key(), &mut nothing).map_err(|e| e.to_string());
    let sealed = sealed.unwrap();
    assert!(sealed.len() >= 3 && sealed.iter().all(|one| one.size <= MOST), "{}", sealed.len());
    sealed.into_iter().map(|one| one.path).collect()
}

fn all(paths: &[PathBuf], identities: &Identities) -> Verification {
    let check = Check { identities: identities.clone(), ..Check::new(trust(&fixed_key())) };
    verify_all(paths, &check).map_err(|e| e.to_string()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_series_is_read_as_one_bundle() {
    let (folder, out) = folder();
    let paths = series(&out, None);
    assert!(paths[0].ends_with("b.vol01.zip") && !out.exists());
    assert_eq!(names(folder.path()).len(), paths.len());
    for order in [paths.clone(), paths.iter().rev().cloned().collect()] {
        let found = all(&order, &Identities::none());
        assert_eq!(found.code(), 0, "{:?}", found.findings);
        let bundle = found.verified.unwrap();
        assert_eq!((bundle.volumes().len(), bundle.parts().count()), (paths.len(), 7));
        // Numbers of parts go on from volume to volume.
        let numbers: Vec<u32> = bundle
            .parts()
            .filter(|(part, _)| part.stream.dataset == "connect_trace")
            .map(|(part, _)| part.number)
            .collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        let records: usize = bundle
            .parts()
            .map(|(_, entry)| bundle.records(&entry.path).unwrap().map(Result::unwrap).count())
            .sum();
        assert_eq!((records as u64, bundle.manifest().totals.rows), (7 * 30, 7 * 30));
        assert!(bundle.read("meta/redaction-report.json").is_ok());
        let to = folder.path().join(format!("case-{}", order[0] == paths[0]));
        bundle.unpack(&to).unwrap();
        assert_eq!(names(&to).len(), paths.len());
        assert!(to.join("vol01/manifest.json").exists());
    }
    // Each volume is a good bundle, and none is the whole.
    for path in &paths {
        let found = all(std::slice::from_ref(path), &Identities::none());
        assert_eq!(found.code(), 18, "{:?}", found.findings);
        assert_eq!(found.findings.len(), 1);
    }
}

#[test]
fn what_is_no_whole_series_is_refused() {
    let (folder, out) = folder();
    let paths = series(&out, None);
    let other = series(&folder.path().join("other.zip"), None);
    let alone = folder.path().join("alone.zip");
    smallest(&alone, &fixed_key());
    let last = paths.len() - 1;
    let without = |at: usize| {
        paths
            .iter()
            .enumerate()
            .filter(|(own, _)| *own != at)
            .map(|(_, path)| path.clone())
            .collect::<Vec<_>>()
    };
    let with = |more: &Path| [&paths[..], &[more.to_owned()]].concat();
    let mut foreign = paths.clone();
    foreign[1] = other[1].clone();
    for (what, set, says) in [
        ("no first", without(0), "volume 1 is missing"),
        ("a gap", without(1), "volume 2 is missing"),
        ("no end", without(last), "no end"),
        ("twice", with(&paths[1]), "given twice"),
        ("the last one twice", with(&paths[last]), "given twice"),
        ("foreign", foreign, "not volumes of one series"),
        ("one more", with(&other[1]), "not volumes of one series"),
        ("a bundle that stands alone", with(&alone), "not volumes of one series"),
        ("two that stand alone", vec![alone.clone(), alone.clone()], "not volumes of one series"),
    ] {
        let found = all(&set, &Identities::none());
        assert_eq!(found.code(), 18, "{what}: {:?}", found.findings);
        assert!(
            found.verified.is_none() && found.findings[0].message.contains(says),
            "{what}: {:?}",
            found.findings
        );
    }
    // A volume that is not as it was signed comes first.
    let mut bytes = fs::read(&paths[1]).unwrap();
    bytes[2000] ^= 1;
    fs::write(&paths[1], bytes).unwrap();
    let found = all(&paths, &Identities::none());
    assert_eq!(found.code(), 11, "{:?}", found.findings);
    assert!(found.findings[0].message.starts_with("file 2: "));
}

/// The last volume is signed again without the list, or with another: a chain alone closes nothing.
#[test]
fn a_series_is_closed_by_its_collector_alone() {
    let (_folder, out) = folder();
    let paths = series(&out, None);
    let stranger = SigningKey::from_pem(&SigningKey::generate(Algorithm::Ed25519).unwrap()).unwrap();
    let check = Check::new(trust(&stranger));
    assert_eq!(verify_all(&paths, &check).map_err(|e| e.to_string()).unwrap().code(), 13);
    let last = paths.last().unwrap();
    let bytes = fs::read(last).unwrap();
    // The kind is base64 inside the envelope: the line of the series is dropped by a shorter entry.
    let found = all(&paths, &Identities::none());
    let attestations = found.verified.unwrap().read(path::ATTESTATIONS).unwrap();
    let lines: Vec<&[u8]> = attestations.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 2);
    let at = memchr::memmem::rfind(&bytes, &attestations).unwrap();
    let mut changed = bytes.clone();
    // The same length, and a line that no trusted key signed in the place of the series'.
    let own = attestation::Series {
        series_id: "a".repeat(26),
        count: paths.len() as u32,
        manifests: vec!["0".repeat(64); paths.len()],
        signed_at: "2026-11-20T11:05:00Z".to_owned(),
    };
    let forged = attestation::sign_series(b"{}", &own, &stranger).unwrap();
    let mut line = forged.line.bytes().to_vec();
    line.resize(lines[1].len() - 1, b' ');
    line.push(b'\n');
    let start = at + lines[0].len();
    changed[start..start + line.len()].copy_from_slice(&line);
    let crc = crc32fast::hash(&changed[at..at + attestations.len()]).to_le_bytes();
    let old = crc32fast::hash(&attestations).to_le_bytes();
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, &old).collect();
    for place in places {
        changed[place..place + 4].copy_from_slice(&crc);
    }
    fs::write(last, changed).unwrap();
    let found = all(&paths, &Identities::none());
    assert_eq!(found.code(), 18, "{:?}", found.findings);
    assert!(found.findings[0].message.contains("no statement of a trusted collector"));
}

#[test]
fn volumes_are_encrypted_like_a_bundle_alone() {
    if !cfg!(feature = "encrypt") {
        return;
    }
    let (folder, _) = folder();
    let (secret, me) = encryption::generate().unwrap();
    let mut mine = Identities::none();
    mine.add_file(&secret).unwrap();
    let to = Recipients::keys([me.as_str()]).unwrap();
    let paths = series(&folder.path().join("b.zip.age"), Some(to));
    assert!(paths[0].ends_with("b.vol01.zip.age"));
    let found = all(&paths, &mine);
    assert_eq!((found.code(), found.recipient), (0, Some(me)));
    assert_eq!(found.manifest.unwrap().intended_recipients.len(), 1);
    assert_eq!(all(&paths, &Identities::none()).code(), 17);
}

#[test]
fn before_the_end_no_volume_has_its_name_and_after_a_failure_none_is_left() {
    let (folder, out) = folder();
    let mut volumes = Volumes::create(&out, false, None, Some(MOST)).unwrap();
    fill(&mut volumes, 7);
    let during = names(folder.path());
    assert!(during.len() >= 3 && during.iter().all(|name| name.ends_with(".zip.partial")), "{during:?}");
    let (last, each) = our_own();
    let mut calls = 0;
    let mut fails = |_: &str, _: &[u8]| {
        calls += 1;
        if calls > 11 { Err(crate::error::Error::usage("refused")) } else { Ok(()) }
    };
    assert!(volumes.seal(&last, &each, &facts(), &fixed_key(), &mut fails).is_err());
    assert_eq!(names(folder.path()), [""; 0]);

    // A name that is taken in the last moment takes the others back.
    let mut volumes = Volumes::create(&out, false, None, Some(MOST)).unwrap();
    fill(&mut volumes, 7);
    fs::write(folder.path().join("b.vol02.zip"), "mine").unwrap();
    assert!(volumes.seal(&last, &each, &facts(), &fixed_key(), &mut nothing).is_err());
    assert_eq!(names(folder.path()), ["b.vol02.zip"]);
    assert_eq!(fs::read(folder.path().join("b.vol02.zip")).unwrap(), b"mine");
}

#[test]
fn what_fits_one_volume_is_a_bundle_alone_and_what_fits_none_is_refused() {
    let (folder, out) = folder();
    let mut volumes = Volumes::create(&out, false, None, Some(MOST)).unwrap();
    fill(&mut volumes, 1);
    let (last, each) = our_own();
    let sealed = volumes.seal(&last, &each, &facts(), &fixed_key(), &mut nothing).unwrap();
    assert_eq!((sealed.len(), &sealed[0].path), (1, &out));
    assert_eq!(sealed[0].manifest.volume, manifest::Volume::single());
    assert_eq!(names(folder.path()), ["b.zip"]);
    assert_eq!(Volumes::create(&out, false, None, Some(MOST)).err().map(|e| e.code()), Some(2));

    let small = folder.path().join("small.zip");
    let mut volumes = Volumes::create(&small, false, None, Some(80 * 1024)).unwrap();
    let refused = volumes.append(large(Source::OnPrem, "connect_trace"), about(), 8 * 1024);
    assert_eq!(refused.err().map(|e| e.code()), Some(15));
    drop(volumes);
    assert_eq!(names(folder.path()), ["b.zip"]);
}
