//! Our own private files are never input: keys, workspaces, previews, leak reports.
//!
//! The parts of the program do not import one another, so the prefixes are repeated here; a test
//! holds them equal to their owners.

/// Prefix of an incident key file.
pub const INCIDENT_KEY: &str = "entra-bundle-key-1:";
/// Prefix of a workspace key file.
pub const WORKSPACE_KEY: &str = "entra-bundle-workspace-key-1:";
/// Prefix of the line of an age identity: it opens bundles.
pub const IDENTITY: &str = "AGE-SECRET-KEY-";
/// First bytes of every workspace file.
pub const WORKSPACE_MAGIC: &[u8] = b"entra-bundle/workspace\n";
/// Prefix of the schema name of every other private file (previews, leak reports, token tables).
pub const PRIVATE_SCHEMA: &str = "entra-bundle-private/";

/// How far into a file its schema name may stand.
const SCHEMA_WITHIN: usize = 512;

/// Whether a file that begins with `head` (decoded) is private.
pub fn is_private(head: &[u8]) -> bool {
    if head.starts_with(WORKSPACE_MAGIC) {
        return true;
    }
    let text = head.trim_ascii_start();
    if [INCIDENT_KEY, WORKSPACE_KEY, PRIVATE_SCHEMA].iter().any(|p| text.starts_with(p.as_bytes())) {
        return true;
    }
    if text.split(|byte| *byte == b'\n').any(|line| line.starts_with(IDENTITY.as_bytes())) {
        return true;
    }
    // A JSON document names its schema near its start; a mention further inside is data.
    let start = text.get(..SCHEMA_WITHIN).unwrap_or(text);
    let quoted = format!("\"{PRIVATE_SCHEMA}");
    if memchr::memmem::find(start, quoted.as_bytes()).is_some() {
        return true;
    }
    private_key_block(text)
}

/// A PEM block of a private key at the start of a line. JSON cannot hold one: its line ends are escaped.
fn private_key_block(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, b"-----BEGIN ").any(|at| {
        let line_start = at == 0 || text.get(at - 1) == Some(&b'\n');
        let line = text.get(at..).unwrap_or_default();
        let line = line.get(..80).unwrap_or(line);
        let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
        line_start && memchr::memmem::find(line, b"PRIVATE KEY-----").is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_files_are_known_by_their_start() {
        for head in [
            "entra-bundle-key-1:aaaa:00000000\n",
            "  \n entra-bundle-workspace-key-1:aaaa:00000000",
            "entra-bundle/workspace\n\x01\0\0",
            "-----BEGIN PRIVATE KEY-----\nMC4C\n",
            "Bag Attributes\r\n-----BEGIN EC PRIVATE KEY-----\r\n",
            "entra-bundle-private/preview/1\n",
            "# created: 2026-11-20T11:05:00Z\n# public key: age1…\nAGE-SECRET-KEY-1QQQ\n",
            "{\n  \"schema\": \"entra-bundle-private/leaks/1\"",
        ] {
            assert!(is_private(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn a_mention_is_not_a_private_file() {
        for head in [
            "{\"text\":\"-----BEGIN PRIVATE KEY-----\\nMC4C\"}",
            "see entra-bundle-key-1: in the manual",
            "a line of AGE-SECRET-KEY-1… in the manual",
            "-----BEGIN CERTIFICATE-----\nMIIB\n",
            "",
        ] {
            assert!(!is_private(head.as_bytes()), "{head}");
        }
    }
}
