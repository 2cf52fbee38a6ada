//! Names of entries: their grammar, their order in the archive, and what a data path says.
//!
//! The grammar is so narrow that no name can leave a folder, collide with another by case or
//! normalization, or mean a device on any system.

use crate::catalogue::{Layout, Source, Stream};

/// The recipe of verification.
pub const README: &str = "README.txt";
/// Digests for a transport check.
pub const CHECKSUMS: &str = "SHA256SUMS";
/// The signed inventory.
pub const MANIFEST: &str = "manifest.json";
/// The signatures.
pub const ATTESTATIONS: &str = "attestations.intoto.jsonl";
/// The policy's public projection.
pub const POLICY: &str = "meta/policy.json";
/// What was asked for and what came.
pub const COLLECTION: &str = "meta/collection.json";

/// The files that every bundle has.
pub const REQUIRED: [&str; 6] = [README, COLLECTION, POLICY, CHECKSUMS, MANIFEST, ATTESTATIONS];

/// Checks the name grammar; the answer is what is wrong.
pub fn check(name: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(name).map_err(|_| "the name is not ASCII")?;
    if text == README || text == CHECKSUMS {
        return Ok(text);
    }
    if name.is_empty() || name.len() > 180 {
        return Err("the name is empty or longer than 180 bytes");
    }
    for component in text.split('/') {
        let bytes = component.as_bytes();
        let first = bytes.first().ok_or("the name has an empty component")?;
        if !(first.is_ascii_lowercase() || first.is_ascii_digit()) {
            return Err("a component of the name does not start with a lower-case letter or a digit");
        }
        let fits = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b);
        if !bytes.iter().all(fits) {
            return Err("the name holds bytes outside a-z 0-9 . _ - /");
        }
        if bytes.len() > 100 {
            return Err("a component of the name is longer than 100 bytes");
        }
        if component.contains("..") || component.ends_with('.') {
            return Err("a component of the name ends with a dot or holds two in a row");
        }
        if reserved(component.split('.').next().unwrap_or_default()) {
            return Err("a component of the name is a device name on Windows");
        }
    }
    Ok(text)
}

fn reserved(stem: &str) -> bool {
    if matches!(stem, "con" | "prn" | "aux" | "nul") {
        return true; // CLOCK$, CONIN$, CONOUT$ and the superscript digits fall outside the alphabet
    }
    matches!(stem.as_bytes(), [b'c', b'o', b'm', b'0'..=b'9'] | [b'l', b'p', b't', b'0'..=b'9'])
}

/// The place of an entry in the archive; `None` for names that the layout does not know.
/// Entries ascend by rank, and within a rank bytewise by name.
pub fn rank(name: &str) -> Option<u8> {
    match name {
        README => Some(0),
        CHECKSUMS => Some(3),
        MANIFEST => Some(4),
        ATTESTATIONS => Some(5),
        _ if name.starts_with("data/") => Some(1),
        _ if name.starts_with("meta/") => Some(2),
        _ => None,
    }
}

/// The ending of a layout's parts.
pub const fn ending(layout: Layout) -> &'static str {
    match layout {
        Layout::Jsonl => "jsonl",
        Layout::Text => "txt",
        Layout::Xml => "xml",
    }
}

/// The media type of a layout's parts.
pub const fn media_type(layout: Layout) -> &'static str {
    match layout {
        Layout::Jsonl => "application/x-ndjson",
        Layout::Text => "text/plain; charset=utf-8",
        Layout::Xml => "application/xml",
    }
}

/// What the path of a part says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartPath {
    /// Source and dataset.
    pub stream: Stream,
    /// Number from 0.
    pub number: u32,
    /// Form of the content.
    pub layout: Layout,
}

/// Greatest number of a part.
pub const LAST_PART: u32 = 99_999;

impl PartPath {
    /// Parses `data/<source>/<dataset>/part-NNNNN.<ending>`.
    pub fn parse(path: &str) -> Option<PartPath> {
        let mut pieces = path.split('/');
        let (Some("data"), Some(source), Some(dataset), Some(file), None) =
            (pieces.next(), pieces.next(), pieces.next(), pieces.next(), pieces.next())
        else {
            return None;
        };
        let (number, ending) = file.strip_prefix("part-")?.split_once('.')?;
        let layout = match ending {
            "jsonl" => Layout::Jsonl,
            "txt" => Layout::Text,
            "xml" => Layout::Xml,
            _ => return None,
        };
        if number.len() != 5
            || !number.bytes().all(|b| b.is_ascii_digit())
            || dataset.is_empty()
            || !dataset.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            return None;
        }
        let stream = Stream::new(Source::parse(source)?, dataset);
        Some(PartPath { stream, number: number.parse().ok()?, layout })
    }

    /// The path of the part.
    pub fn path(&self) -> String {
        let Stream { source, dataset } = &self.stream;
        format!("data/{}/{dataset}/part-{:05}.{}", source.id(), self.number, ending(self.layout))
    }

    /// The path of the part's index; JSON-lines parts have none.
    pub fn index_path(&self) -> Option<String> {
        let Stream { source, dataset } = &self.stream;
        (self.layout != Layout::Jsonl)
            .then(|| format!("meta/index/{}/{dataset}/part-{:05}.jsonl", source.id(), self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_do_harm_are_refused() {
        let long = format!("data/{}", "a".repeat(101));
        let longer = ["a".repeat(90), "b".repeat(90)].join("/");
        for name in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            "a/./b",
            ".hidden",
            "a/.b",
            "A",
            "a/B",
            "a\\b",
            "c:",
            "a b",
            "a.",
            "a..b",
            "nul",
            "data/con.txt",
            "aux.tar.gz",
            "com1",
            "lpt0.x",
            "readme.TXT",
            "a\0b",
            "caf\u{e9}",
            "a:b",
            "~",
            "-a",
            "_a",
            &long,
            &longer,
            "README.txt/a",
            "manifest.json\n",
        ] {
            assert!(check(name.as_bytes()).is_err(), "{name}");
        }
        assert!(check(b"\xff").is_err());
        for name in
            [README, CHECKSUMS, MANIFEST, ATTESTATIONS, "data/graph/users/part-00000.jsonl", "com10", "nu"]
        {
            assert_eq!(check(name.as_bytes()), Ok(name));
        }
    }

    #[test]
    fn part_paths_read_back_and_nothing_else_does() {
        for layout in [Layout::Jsonl, Layout::Text, Layout::Xml] {
            let part = PartPath { stream: Stream::new(Source::OnPrem, "connect_trace"), number: 12, layout };
            assert_eq!(PartPath::parse(&part.path()), Some(part.clone()));
            assert_eq!(part.index_path().is_some(), layout != Layout::Jsonl);
        }
        for path in [
            "data/graph/users/part-0.jsonl",
            "data/graph/users/part-000000.jsonl",
            "data/graph/users/part-00000.json",
            "data/nowhere/users/part-00000.jsonl",
            "data/graph/us-ers/part-00000.jsonl",
            "data/graph//part-00000.jsonl",
            "data/graph/users/x/part-00000.jsonl",
            "meta/graph/users/part-00000.jsonl",
            "data/graph/users/part-+0001.jsonl",
        ] {
            assert_eq!(PartPath::parse(path), None, "{path}");
        }
    }
}
