//! What stands before a value: trace cues, identity cues, version words. Looks back over a bounded
//! number of bytes.

use super::span::is_word_byte;

/// Longest look back in bytes.
const REACH: usize = 48;

/// The word that ends before `at`, separators between it and `at` skipped; folded to ASCII lower
/// case letters and digits only (`Client-Request-Id` → `clientrequestid`). `joined` says whether
/// something else than white space stood between word and value.
pub(crate) struct Cue {
    word: [u8; REACH],
    length: usize,
    /// Whether `=`, `:` or a quote stood between.
    pub joined: bool,
}

impl Cue {
    /// Reads the word before `at`. A word may have spaces, dashes and underscores inside when
    /// `words` is more than one.
    pub fn before(bytes: &[u8], at: usize, words: usize) -> Cue {
        let floor = at.saturating_sub(REACH);
        let mut end = at;
        let mut joined = false;
        while end > floor {
            match bytes[end - 1] {
                b' ' | b'\t' => {}
                b':' | b'=' | b'"' | b'\'' | b'{' | b'[' | b'(' | b'<' | b'>' | b'\\' | b'#' => joined = true,
                _ => break,
            }
            end -= 1;
        }
        let mut start = end;
        let mut left = words;
        while start > floor {
            let byte = bytes[start - 1];
            if is_word_byte(byte) {
            } else if matches!(byte, b' ' | b'-' | b'_') && left > 1 && start < end {
                left -= 1;
            } else {
                break;
            }
            start -= 1;
        }
        let mut cue = Cue { word: [0; REACH], length: 0, joined };
        for byte in &bytes[start..end] {
            if byte.is_ascii_alphanumeric() {
                cue.word[cue.length] = byte.to_ascii_lowercase();
                cue.length += 1;
            }
        }
        cue
    }

    fn word(&self) -> &[u8] {
        &self.word[..self.length]
    }
}

/// Whether a correlation, request, trace, activity or tracking id is announced directly before `at`.
pub(crate) fn is_trace(bytes: &[u8], at: usize) -> bool {
    let cue = Cue::before(bytes, at, 3);
    let mut word = cue.word();
    for ending in [&b"identifier"[..], b"guid", b"id", b"is"] {
        word = word.strip_suffix(ending).unwrap_or(word);
    }
    let word = word.strip_suffix(b"id").unwrap_or(word);
    [&b"correlation"[..], b"request", b"trace", b"activity", b"tracking"]
        .iter()
        .any(|cue| word.ends_with(cue))
}

/// Whether an object's id is announced directly before `at`.
pub(crate) fn is_object(bytes: &[u8], at: usize) -> bool {
    let cue = Cue::before(bytes, at, 1);
    let word = cue.word();
    [
        &b"oid"[..],
        b"objectid",
        b"objectguid",
        b"userid",
        b"deviceid",
        b"groupid",
        b"tenantid",
        b"tid",
        b"guid",
        b"tenant",
        b"device",
        b"userguid",
        b"principalid",
        b"azureadid",
        b"aadid",
    ]
    .contains(&word)
}

/// What stands before a backslash in paths: `Program Files\Microsoft` announces nobody.
const FOLDERS: [&[u8]; 8] =
    [b"c", b"files", b"settings", b"bin", b"software", b"system32", b"temp", b"appdata"];

/// Whether an account is announced directly before `at`: `DOMAIN\`, `user=`, `sam=`, `User:`,
/// `account`, `\Users\`, `CN=`.
pub(crate) fn is_identity(bytes: &[u8], at: usize) -> bool {
    let cue = Cue::before(bytes, at, 1);
    let word = cue.word();
    let strong = [
        &b"user"[..],
        b"username",
        b"userid",
        b"sam",
        b"samaccountname",
        b"account",
        b"accountname",
        b"login",
        b"loginname",
        b"logon",
        b"logonname",
        b"upn",
        b"uid",
        b"cn",
        b"alias",
        b"mailnickname",
        b"owner",
        b"targetuser",
        b"targetusername",
        b"subjectusername",
        b"runas",
        b"benutzer",
        b"benutzername",
        b"utilisateur",
        b"usuario",
        b"identity",
    ];
    let backslash =
        at >= 2 && bytes[at - 1] == b'\\' && (is_word_byte(bytes[at - 2]) || bytes[at - 2] == b'\\');
    (cue.joined && strong.contains(&word)) || (backslash && !FOLDERS.contains(&word)) || word == b"account"
}

/// Whether a domain or realm of one label follows at `end`, so that what ends there is an account:
/// `anna@CORP`. Addresses with a dotted domain have a shape of their own.
pub(crate) fn is_local_part(bytes: &[u8], end: usize) -> bool {
    let annotation = bytes.get(end..end + 7).is_some_and(|next| next.eq_ignore_ascii_case(b"@odata."));
    bytes.get(end) == Some(&b'@') && bytes.get(end + 1).is_some_and(|b| is_word_byte(*b)) && !annotation
}

/// Whether a host is announced directly before `at`.
pub(crate) fn is_host(bytes: &[u8], at: usize) -> bool {
    let cue = Cue::before(bytes, at, 1);
    let hosts = [
        &b"computer"[..],
        b"computername",
        b"device",
        b"devicename",
        b"host",
        b"hostname",
        b"machine",
        b"machinename",
        b"server",
        b"servername",
        b"workstation",
        b"workstationname",
    ];
    cue.joined && hosts.contains(&cue.word())
}

/// Whether a version is announced directly before `at`: `v1.2`, `Version=`, `Chrome/`, `build `.
pub(crate) fn is_version(bytes: &[u8], at: usize) -> bool {
    if at > 0 && matches!(bytes[at - 1], b'v' | b'V') && (at == 1 || !is_word_byte(bytes[at - 2])) {
        return true;
    }
    // A product token of a user agent: `Chrome/120.0.0.0`, but not `//10.0.0.1` and not `host.example/10.0.0.1`.
    if at > 1 && bytes[at - 1] == b'/' && is_word_byte(bytes[at - 2]) {
        let start = bytes[..at - 1]
            .iter()
            .rposition(|b| !(is_word_byte(*b) || b".-_+".contains(b)))
            .map_or(0, |p| p + 1);
        let product = &bytes[start..at - 1];
        return !product.ends_with(b".com") && !product.eq_ignore_ascii_case(b"localhost");
    }
    let cue = Cue::before(bytes, at, 1);
    let word = cue.word();
    word.ends_with(b"version")
        || word.ends_with(b"versions")
        || [
            &b"ver"[..],
            b"vers",
            b"v",
            b"build",
            b"release",
            b"revision",
            b"rev",
            b"agent",
            b"sdk",
            b"oid",
            b"framework",
            b"fileversion",
            b"runtime",
            b"schema",
            b"kb",
            b"driver",
            b"firmware",
            b"assembly",
            b"chrome",
            b"chromium",
            b"firefox",
            b"edge",
            b"edg",
            b"safari",
            b"opera",
            b"trident",
            b"windows",
            b"macos",
            b"ios",
            b"android",
            b"linux",
            b"darwin",
            b"msal",
            b"adal",
            b"connect",
            b"minimum",
            b"maximum",
            b"update",
        ]
        .contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> (&[u8], usize) {
        (text.as_bytes(), text.len())
    }

    #[test]
    fn trace_cues() {
        for text in [
            "Correlation ID: ",
            "client-request-id=",
            "\"correlationId\":\"",
            "tracking id ",
            "Trace ID: {",
            "request_id ",
            "RequestId is ",
            "ActivityId=",
        ] {
            let (bytes, at) = at(text);
            assert!(is_trace(bytes, at), "{text}");
        }
        for text in ["object ", "user id ", "", "for trace of user ", "id="] {
            let (bytes, at) = at(text);
            assert!(!is_trace(bytes, at), "{text}");
        }
    }

    #[test]
    fn identity_cues() {
        for text in ["user=", "User: ", "CORP\\", "sAMAccountName=\"", "account ", "CN=", "C:\\Users\\"] {
            let (bytes, at) = at(text);
            assert!(is_identity(bytes, at), "{text}");
        }
        for text in ["the user ", "status: ", "", "x "] {
            let (bytes, at) = at(text);
            assert!(!is_identity(bytes, at), "{text}");
        }
    }

    #[test]
    fn local_parts() {
        assert!(is_local_part(b"anna@CORP", 4));
        for text in ["anna@", "anna", "anna @CORP", "anna@odata.type", "anna@@x"] {
            assert!(!is_local_part(text.as_bytes(), 4), "{text}");
        }
    }

    #[test]
    fn version_cues() {
        for text in ["Version=", "v", "(v", "Chrome/", "Version ", "\"osVersion\":\"", "build "] {
            let (bytes, at) = at(text);
            assert!(is_version(bytes, at), "{text}");
        }
        for text in ["from ", "http://", "srv", "ip=", ""] {
            let (bytes, at) = at(text);
            assert!(!is_version(bytes, at), "{text}");
        }
    }
}
