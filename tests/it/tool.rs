//! Programs of other authors that tests need.

use std::process::Command;

/// Whether all programs are there. What is missing is named in a visible line; with
/// `ENTRA_BUNDLE_REQUIRE_TOOLS=1` it is a failure.
pub fn has(test: &str, programs: &[&str]) -> bool {
    let there = |program: &&&str| {
        let look = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        !look.is_ok_and(|found| found.status.success())
    };
    let missing: Vec<_> = programs.iter().filter(there).collect();
    if !missing.is_empty() {
        is_missing(test, &format!("{missing:?}"));
    }
    missing.is_empty()
}

/// Says that a program is missing, or fails.
pub fn is_missing(test: &str, what: &str) {
    assert!(
        std::env::var("ENTRA_BUNDLE_REQUIRE_TOOLS").as_deref() != Ok("1"),
        "{test}: required but not installed: {what} (tests/run installs it)"
    );
    eprintln!("SKIPPED {test}: not installed: {what}");
}
