//! The workspace from outside: what lies on the disk, who may open it, what a killed process leaves.

use entra_bundle::catalogue::{Source, Stream};
use entra_bundle::error::{Error, Kind};
use entra_bundle::record::{Form, Raw};
use entra_bundle::workspace::{MAGIC, SLICE_BYTES, Workspace, WorkspaceKey};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn sign_ins() -> Stream {
    Stream::new(Source::Diagnostic, "signins_interactive_user")
}

fn refused(result: Result<Workspace, Error>) -> Error {
    match result {
        Ok(_) => panic!("a workspace was opened"),
        Err(error) => error,
    }
}

/// Lengths of the records of a slice. Bytes of raw records are not visible outside the crate.
fn lengths(workspace: &Workspace, stream: &Stream, index: u64) -> Vec<usize> {
    workspace.slice(stream, index).unwrap().map(|raw| raw.unwrap().len()).collect()
}

#[test]
fn slices_of_32_mib_follow_the_offsets_of_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let key = WorkspaceKey::generate().unwrap();
    // Two slices in 8 MiB records, an edge met exactly, a record across an edge, an empty slice.
    let mib = 1 << 20;
    let sizes = [8, 8, 8, 8, 16, 15, 2, 64, 1].map(|size| size * mib);
    let expected: [&[usize]; 5] = [&[8, 8, 8, 8], &[16, 15, 2], &[64], &[], &[1]];
    let mut workspace = Workspace::create(&path, &key, &json!({})).unwrap();
    for size in sizes {
        workspace.append(&sign_ins(), &Raw::new(vec![b'x'; size], Form::Text)).unwrap();
    }
    workspace.commit(&json!({"cursor": "end"})).unwrap();
    drop(workspace);
    let workspace = Workspace::open(&path, &key).unwrap();
    let size = &workspace.streams()[0];
    assert_eq!((size.records, size.bytes, size.slices), (9, 130 * mib as u64, 5));
    assert_eq!(SLICE_BYTES, 32 * mib as u64);
    for (index, expected) in expected.iter().enumerate() {
        let expected: Vec<usize> = expected.iter().map(|size| size * mib).collect();
        assert_eq!(lengths(&workspace, &sign_ins(), index as u64), expected);
    }
    assert!(lengths(&workspace, &sign_ins(), 5).is_empty());
    assert!(lengths(&workspace, &sign_ins(), u64::MAX).is_empty());
    assert!(workspace.slice(&Stream::new(Source::Graph, "users"), 0).is_err());
}

#[test]
fn nothing_of_the_data_is_readable_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let key = WorkspaceKey::generate().unwrap();
    let words =
        ["greta@contoso.com", "Graph", "graph", "sensitive_dataset", "C:\\exports\\greta.json", "segment"];
    let stream = Stream::new(Source::Graph, words[3]);
    let mut workspace = Workspace::create(&path, &key, &json!({"inputs": [words[4]]})).unwrap();
    for number in 0..100 {
        workspace.append(&stream, &Raw::new(words[0].repeat(number).into_bytes(), Form::Json)).unwrap();
        workspace.commit(&json!({"unit": words[4], "cursor": words[0], "number": number})).unwrap();
    }
    drop(workspace);
    drop(Workspace::open(&path, &key).unwrap());
    let mut files = 0;
    for entry in fs::read_dir(&path).unwrap() {
        let entry = entry.unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert!(bytes.starts_with(MAGIC) && Workspace::is_workspace(&entry.path()));
        for word in words.iter().filter(|word| word.len() > 5) {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word} in {name}");
            assert!(!name.contains(word));
        }
        files += 1;
    }
    assert_eq!(files, 3, "lock, ledger and one segment");
    assert!(Workspace::is_workspace(&path));
    assert!(!Workspace::is_workspace(folder.path()));
    assert!(!Workspace::is_workspace(&path.join("absent")));
}

#[test]
fn equal_workspaces_differ_in_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let key = WorkspaceKey::generate().unwrap();
    let files = ["a", "b"].map(|name| {
        let path = folder.path().join(name);
        let mut workspace = Workspace::create(&path, &key, &json!({})).unwrap();
        workspace.append(&sign_ins(), &Raw::new(vec![0; 1000], Form::Json)).unwrap();
        workspace.commit(&Value::Null).unwrap();
        fs::read(path.join("ledger")).unwrap()
    });
    assert_ne!(files[0], files[1]);
}

#[test]
fn a_wrong_key_is_named_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let key = WorkspaceKey::generate().unwrap();
    let mut workspace = Workspace::create(&path, &key, &json!({})).unwrap();
    workspace.append(&sign_ins(), &Raw::new(b"{}".to_vec(), Form::Json)).unwrap();
    workspace.commit(&json!(1)).unwrap();
    drop(workspace);
    let error = refused(Workspace::open(&path, &WorkspaceKey::generate().unwrap()));
    assert_eq!(error.kind(), Kind::Decryption);
    assert!(error.message().contains("wrong workspace key"), "{error}");
    let key = WorkspaceKey::parse(&key.to_text()).unwrap();
    assert_eq!(lengths(&Workspace::open(&path, &key).unwrap(), &sign_ins(), 0), [2]);
}

#[test]
fn a_second_handle_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let key = WorkspaceKey::generate().unwrap();
    let workspace = Workspace::create(&path, &key, &json!({})).unwrap();
    for error in [refused(Workspace::open(&path, &key)), Workspace::remove(&path).unwrap_err()] {
        assert_eq!(error.kind(), Kind::Usage);
        assert_eq!(error.message(), "another process uses this workspace");
    }
    drop(workspace);
    let workspace = Workspace::open(&path, &key).unwrap();
    assert_eq!(refused(Workspace::open(&path, &key)).kind(), Kind::Usage);
    drop(workspace);
    Workspace::remove(&path).unwrap();
    assert!(!path.exists());
    assert_eq!(refused(Workspace::open(&path, &key)).kind(), Kind::Usage);
    assert!(!path.exists(), "opening must not make anything");
}

#[test]
fn only_a_new_or_empty_folder_becomes_a_workspace_and_only_a_workspace_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let key = WorkspaceKey::generate().unwrap();
    let path = folder.path().join("deep/er");
    let workspace = Workspace::create(&path, &key, &json!({})).unwrap();
    assert_eq!(workspace.path(), path);
    drop(workspace);
    assert_eq!(refused(Workspace::create(&path, &key, &json!({}))).kind(), Kind::Usage);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    drop(Workspace::create(&empty, &key, &json!({})).unwrap());
    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("holiday.txt"), "x").unwrap();
    assert_eq!(refused(Workspace::create(&full, &key, &json!({}))).kind(), Kind::Usage);
    assert_eq!(refused(Workspace::open(&full, &key)).kind(), Kind::Usage);
    assert_eq!(Workspace::remove(&full).unwrap_err().kind(), Kind::Usage);
    assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
    assert_eq!(refused(Workspace::create(&full.join("holiday.txt"), &key, &json!({}))).kind(), Kind::Io);

    // A file of somebody else survives both opening and removing, also under a name like ours.
    let names = ["notes.txt", "00112233445566778899aabbccddeeff"];
    for name in names {
        fs::write(empty.join(name), "not ours").unwrap();
    }
    let inner = "ffeeddccbbaa99887766554433221100";
    fs::create_dir(empty.join(inner)).unwrap();
    drop(Workspace::open(&empty, &key).unwrap());
    Workspace::remove(&empty).unwrap();
    let mut left: Vec<_> = fs::read_dir(&empty).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [names[1], inner, names[0]]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_look() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let key = WorkspaceKey::generate().unwrap();
    let mut workspace = Workspace::create(&path, &key, &json!({})).unwrap();
    workspace.append(&sign_ins(), &Raw::new(b"{}".to_vec(), Form::Json)).unwrap();
    workspace.commit(&json!(1)).unwrap();
    drop(workspace);
    let mut workspace = Workspace::open(&path, &key).unwrap();
    workspace.commit(&json!(2)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

const CHILD: &str = "ENTRA_BUNDLE_TEST_WORKSPACE";

/// What commit `number` of the killed process appends: lengths per stream.
fn batch(number: u64) -> (usize, usize) {
    (number as usize * 7919 % 700_000, number as usize % 3)
}

/// Not a test of its own: the process that the next test kills.
#[test]
fn child_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let path = Path::new(&path);
    let key = WorkspaceKey::from_bytes([9; 32]);
    let mut workspace = match path.exists() {
        true => Workspace::open(path, &key).unwrap(),
        false => Workspace::create(path, &key, &json!({})).unwrap(),
    };
    for number in workspace.notes().count() as u64.. {
        let (long, short) = batch(number);
        workspace.append(&sign_ins(), &Raw::new(vec![b'a'; long], Form::Json)).unwrap();
        workspace
            .append(&Stream::new(Source::OnPrem, "log"), &Raw::new(vec![b'b'; short], Form::Text))
            .unwrap();
        workspace.commit(&json!(number)).unwrap();
    }
}

#[test]
fn a_killed_process_leaves_its_commits_and_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let key = WorkspaceKey::from_bytes([9; 32]);
    let mut before = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "workspace::child_that_is_killed", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Killed at some moment after its first bytes; which one, chance decides.
        while !path.join("ledger").exists() {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(40 + 37 * round));
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
        let workspace = Workspace::open(&path, &key).unwrap();
        let commits = workspace.notes().count() as u64;
        assert!(commits >= before);
        before = commits;
        let sizes = workspace.streams();
        let read = |stream: &Stream, slices: u64| -> Vec<usize> {
            (0..slices).flat_map(|index| lengths(&workspace, stream, index)).collect()
        };
        let read: Vec<Vec<usize>> = sizes.iter().map(|size| read(&size.stream, size.slices)).collect();
        let long: Vec<usize> = (0..commits).map(|number| batch(number).0).collect();
        let short: Vec<usize> = (0..commits).map(|number| batch(number).1).collect();
        assert!(read == [long, short] || commits == 0 && read.is_empty());
    }
    assert!(before > 0, "no round got as far as a commit");
}
