//! The workspace key: 32 random bytes, independent of the incident key and kept outside the workspace.
//!
//! Whoever holds it together with the workspace holds the raw data.

use crate::crypto;
use crate::error::{Error, Result};
use data_encoding::BASE32_NOPAD;
use std::fmt;
use zeroize::Zeroizing;

const PREFIX: &str = "entra-bundle-workspace-key-1:";

/// Encrypts a workspace. Zeroed when dropped.
#[derive(Clone)]
pub struct WorkspaceKey(Zeroizing<[u8; 32]>);

impl WorkspaceKey {
    /// A new random key.
    pub fn generate() -> Result<Self> {
        Ok(WorkspaceKey(Zeroizing::new(crypto::random()?)))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        WorkspaceKey(Zeroizing::new(bytes))
    }

    /// Reads the form that [`WorkspaceKey::to_text`] writes; white space around it is allowed.
    ///
    /// # Errors
    /// A usage error that names what is wrong and never shows the text.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::usage(format!("not a workspace key: {why}"))
                .hint(format!("a workspace key is one line that begins with `{PREFIX}`"))
        };
        let text = text.trim();
        let Some(rest) = text.strip_prefix(PREFIX) else {
            return Err(wrong(if text.starts_with("entra-bundle-key-") {
                "this is an incident key"
            } else {
                "it begins otherwise"
            }));
        };
        let (body, sum) = rest.split_once(':').ok_or_else(|| wrong("the check sum is missing"))?;
        if body.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong("its letters are lower case"));
        }
        let upper = Zeroizing::new(body.to_ascii_uppercase());
        let decoded = BASE32_NOPAD.decode(upper.as_bytes()).map_err(|_| wrong("it is not base32"))?;
        let decoded = Zeroizing::new(decoded);
        let bytes: [u8; 32] = decoded[..].try_into().map_err(|_| wrong("its length is not 32 bytes"))?;
        let bytes = Zeroizing::new(bytes);
        if sum != check_sum(&bytes) {
            return Err(wrong("the check sum differs, so a character was lost or changed"));
        }
        Ok(WorkspaceKey(bytes))
    }

    /// `entra-bundle-workspace-key-1:<base32, lower case, no padding>:<CRC-32 of the bytes, 8 hex>`.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut body = Zeroizing::new(BASE32_NOPAD.encode(&self.0[..]));
        body.make_ascii_lowercase();
        Zeroizing::new(format!("{PREFIX}{}:{}", body.as_str(), check_sum(&self.0)))
    }

    /// A key of its own for digests of what was read: HMAC-SHA-256 of a label under this key.
    pub fn for_digests(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(crypto::MacKey::new(&self.0[..]).mac(b"entra-bundle/workspace/digests/1"))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for WorkspaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkspaceKey(..)")
    }
}

fn check_sum(bytes: &[u8; 32]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_fixed_and_reads_back() {
        let key = WorkspaceKey::from_bytes(std::array::from_fn(|i| i as u8));
        let text = key.to_text();
        assert_eq!(
            text.as_str(),
            "entra-bundle-workspace-key-1:aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq:91267e8a"
        );
        assert_eq!(WorkspaceKey::parse(&format!("\r\n {} \n", text.as_str())).unwrap().bytes(), key.bytes());
        assert_ne!(WorkspaceKey::generate().unwrap().bytes(), WorkspaceKey::generate().unwrap().bytes());
        assert_eq!(format!("{key:?}"), "WorkspaceKey(..)");
    }

    #[test]
    fn the_key_for_digests_is_another_one_and_follows_the_key() {
        let [a, b] = [[1; 32], [2; 32]].map(WorkspaceKey::from_bytes);
        assert_eq!(a.for_digests(), WorkspaceKey::from_bytes([1; 32]).for_digests());
        assert!(a.for_digests() != b.for_digests() && *a.for_digests() != *a.bytes());
    }

    #[test]
    fn every_changed_lost_or_added_character_is_refused() {
        let text = WorkspaceKey::from_bytes([0xa5; 32]).to_text();
        for at in 0..text.len() {
            for with in ["", "b", "q", "7", "0", "é", "B"] {
                if &text[at..=at] != with {
                    let changed = format!("{}{with}{}", &text[..at], &text[at + 1..]);
                    let error = WorkspaceKey::parse(&changed).unwrap_err();
                    assert_eq!(error.code(), 2);
                    assert!(!error.message().contains(&text[40..60]));
                }
            }
        }
        assert!(WorkspaceKey::parse(&format!("{}0", text.as_str())).is_err());
        assert!(WorkspaceKey::parse("").is_err());
        assert!(
            WorkspaceKey::parse("entra-bundle-key-1:aaaa:00000000")
                .unwrap_err()
                .message()
                .contains("incident")
        );
    }
}
