//! The rules of the house: layers, dependencies, bans, the fence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Module → modules it may import. The table of `docs/architecture.md`.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("event", &["error"]),
    ("fault", &[]),
    ("kind", &["error"]),
    ("crypto", &["error"]),
    ("record", &["error"]),
    ("http", &["error", "crypto"]),
    ("catalogue", &["error", "event", "kind", "crypto", "record"]),
    ("privacy", &["error", "event", "kind", "crypto", "record", "catalogue"]),
    ("source", &["error", "event", "kind", "crypto", "http", "record", "catalogue"]),
    ("workspace", &["error", "event", "fault", "kind", "crypto", "record", "catalogue"]),
    ("bundle", &["error", "event", "fault", "kind", "crypto", "record", "catalogue"]),
    ("gather", &GATHER),
    ("seal", &VERB),
    ("inspect", &VERB),
    ("share", &VERB),
    ("crash", &FACE),
    ("demo", &FACE),
    ("cli", &FACE),
];
const GATHER: [&str; 12] = [
    "error",
    "event",
    "fault",
    "kind",
    "crypto",
    "http",
    "record",
    "catalogue",
    "privacy",
    "source",
    "workspace",
    "bundle",
];
const VERB: [&str; 12] = GATHER;
const FACE: [&str; 17] = [
    "error",
    "event",
    "fault",
    "kind",
    "crypto",
    "http",
    "record",
    "catalogue",
    "privacy",
    "source",
    "workspace",
    "bundle",
    "gather",
    "seal",
    "inspect",
    "share",
    "demo",
];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, out: &mut Vec<(PathBuf, String)>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                out.push((path, text));
            }
        }
    }
    let mut out = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut out);
    out
}

/// Top-level module of a file below `src/`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The crate modules that a file names: `crate::x`, also inside `use crate::{x, y::z}`.
fn imports(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + 7..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 && (c.is_alphanumeric() || c == '_') {
                    word.push(c);
                } else {
                    if depth == 0 && !word.is_empty() {
                        found.push(std::mem::take(&mut word));
                    }
                    if c == ':' || depth > 0 {
                        word.clear();
                    }
                }
            }
            if !word.is_empty() {
                found.push(word);
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found.retain(|name| LAYERS.iter().any(|(module, _)| module == name));
    found
}

#[test]
fn modules_import_downwards_only() {
    let table: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let room = room(&path);
        if room == "lib" || room == "main" {
            continue;
        }
        let allowed =
            table.get(room.as_str()).unwrap_or_else(|| panic!("module `{room}` is not in the layer table"));
        for import in imports(&text) {
            if import != room && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports `{import}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_crypto_names_the_cryptography() {
    for (path, text) in sources() {
        if room(&path) != "crypto" {
            for name in ["ring::", "sha2::", "rustls::", "pkcs8::", "age::", "age_core::", "md5::"] {
                let alone = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                let found = text.match_indices(name).any(|(at, _)| alone(at));
                assert!(!found, "{} names {name}", path.display());
            }
        }
    }
}

#[test]
fn only_the_redactor_rewrites_raw_records() {
    for (path, text) in sources() {
        let room = room(&path);
        if room != "privacy" && room != "record" {
            for call in [".rewrite(", "Raw::rewrite"] {
                assert!(!text.contains(call), "{} rewrites a raw record", path.display());
            }
        }
    }
}

#[test]
fn only_the_scratch_recalls_redacted_records() {
    for (path, text) in sources() {
        if !path.ends_with("workspace/scratch.rs") {
            assert!(!text.contains("Redacted::recalled"), "{} recalls a record", path.display());
        }
    }
}

#[test]
fn only_the_face_reads_environment_clock_and_terminal() {
    for (path, text) in sources() {
        if matches!(room(&path).as_str(), "cli" | "demo" | "main") {
            continue;
        }
        for name in [
            "std::env::var",
            "env::args",
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
            "println!",
            "is_terminal",
        ] {
            assert!(!text.contains(name), "{} uses {name}", path.display());
        }
    }
}

#[test]
fn no_module_is_called_by_an_empty_name() {
    for (path, _) in sources() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        for word in ["util", "common", "helper", "manager", "misc"] {
            assert!(!stem.contains(word), "{}", path.display());
        }
    }
}

#[test]
fn the_owners_libraries_are_direct_dependencies() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[dependencies]").unwrap();
    let (dependencies, _) = rest.split_once("[dev-dependencies]").unwrap();
    for name in ["clap", "reqwest", "ring", "serde", "serde_json", "sha2", "walkdir", "zip"] {
        assert!(
            dependencies.lines().any(|line| line.split_once('=').is_some_and(|(key, _)| key.trim() == name)),
            "{name} is not a direct dependency"
        );
    }
}

#[test]
fn banned_dependencies_are_absent() {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    for line in lock.lines().filter(|line| line.starts_with("name = ")) {
        let name = line.trim_start_matches("name = ").trim_matches('"');
        assert!(
            !name.starts_with("aws-lc") && !matches!(name, "openssl-sys" | "openssl" | "native-tls"),
            "{name} is banned (see docs/decisions.md)"
        );
    }
}
