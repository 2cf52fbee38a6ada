//! Runs the program as a user would, with state and configuration in a folder of the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A fresh machine: home folders below a temporary folder.
pub struct Machine {
    folder: PathBuf,
    _removed_at_the_end: Option<tempfile::TempDir>,
}

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Machine {
    /// A machine on which the program never ran.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Machine { folder: folder.path().to_owned(), _removed_at_the_end: Some(folder) }
    }

    /// A machine that tests share. Statics are never dropped, so its folder lies below the build
    /// folder and is emptied when the next run begins.
    pub fn shared(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        Machine { folder, _removed_at_the_end: None }
    }

    /// A path below the working folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The command, to be adapted before it runs.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entra-bundle"));
        command
            .args(args)
            .current_dir(&self.folder)
            .env("ENTRA_BUNDLE_STATE", self.path("state"))
            .env("ENTRA_BUNDLE_CONFIG", self.path("config"))
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output().unwrap())
    }

    /// Runs and demands exit code 0.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}\n{}\n{}", ran.out, ran.err);
        ran
    }

    /// The only bundle in a folder.
    pub fn bundle(&self, folder: &str) -> PathBuf {
        bundle_in(&self.path(folder))
    }
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }
}

/// What a finished process left.
pub fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The only bundle in a folder.
pub fn bundle_in(folder: &Path) -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "zip"))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
