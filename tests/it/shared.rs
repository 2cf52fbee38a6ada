//! Where the shared development data lies. Absent, tests that need it say so in one line and pass;
//! with `ENTRA_BUNDLE_REQUIRE_SHARED=1` its absence is a failure.

use std::path::{Path, PathBuf};

/// The folder of shared data, or `None` (with a visible line) where it is absent.
pub fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ENTRA_BUNDLE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    if folder.join("data").is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var("ENTRA_BUNDLE_REQUIRE_SHARED").as_deref() != Ok("1"),
        "{test}: the shared data folder is required but absent"
    );
    eprintln!("SKIPPED {test}: no shared data folder (set ENTRA_BUNDLE_SHARED)");
    None
}
