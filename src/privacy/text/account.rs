//! Accounts and hosts behind backslashes: `DOMAIN\user`, `\\server\share`, user folders in paths.

use super::super::dictionary::Dictionary;
use super::super::vocabulary::is_stop_word;
use super::span::{Span, What, before_script, behind_script, is_word_byte, rank, word_at, word_before};
use crate::kind::Kind;

/// Ends of file names: what has one behind a backslash is a path.
const EXTENSIONS: &[&str] = &[
    "bak", "bat", "cfg", "cmd", "config", "cpp", "cs", "csv", "dat", "dll", "etl", "evt", "evtx", "exe",
    "gz", "htm", "html", "ini", "js", "json", "key", "lnk", "log", "man", "mdf", "msi", "pdb", "pfx", "png",
    "ps1", "psd1", "psm1", "py", "rs", "sql", "sys", "tmp", "txt", "vb", "xls", "xlsx", "xml", "zip",
];

/// Names before a backslash that are no domain of anybody.
const NO_DOMAIN: &[&str] = &[
    "appdata",
    "apppool",
    "authority",
    "bin",
    "builtin",
    "cert",
    "files",
    "hkcr",
    "hkcu",
    "hkey_classes_root",
    "hkey_current_user",
    "hkey_local_machine",
    "hkey_users",
    "hklm",
    "hku",
    "host",
    "local",
    "machine",
    "manager",
    "obj",
    "pipe",
    "program",
    "registry",
    "service",
    "services",
    "settings",
    "software",
    "src",
    "system",
    "system32",
    "temp",
    "users",
    "wow6432node",
];

/// Folders below `\Users\` that belong to nobody.
const NO_USER: &[&str] =
    &["all users", "default", "default user", "defaultuser0", "public", "system32", "wdagutilityaccount"];

fn is_account(byte: u8) -> bool {
    is_word_byte(byte) || matches!(byte, b'.' | b'-' | b'_' | b'$')
}

/// Everything around the backslashes of a run.
pub(crate) fn backslashes(
    text: &str,
    start: usize,
    end: usize,
    dictionary: &Dictionary,
    spans: &mut Vec<Span>,
) {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < end {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let count = bytes[at..end].iter().take_while(|b| **b == b'\\').count();
        if count > 8 {
            at += count;
            continue;
        }
        if !user_folder(text, at, at + count, spans) && !unc(text, at, at + count, end, spans) {
            netbios(text, start, at, at + count, end, dictionary, spans);
        }
        at += count;
    }
}

/// `DOMAIN\user` around the backslashes `at..after`.
fn netbios(
    text: &str,
    start: usize,
    at: usize,
    after: usize,
    end: usize,
    dictionary: &Dictionary,
    spans: &mut Vec<Span>,
) {
    let bytes = text.as_bytes();
    let floor = start.max(at.saturating_sub(64));
    let mut left = at;
    while left > floor && is_account(bytes[left - 1]) {
        left -= 1;
    }
    let mut right = after;
    while right < end && right - after < 128 && is_account(bytes[right]) {
        right += 1;
    }
    while right > after && matches!(bytes[right - 1], b'.' | b'-') {
        right -= 1;
    }
    if left < at {
        left = behind_script(bytes, left, at);
    }
    let script = before_script(bytes, after, right);
    let cut = script < right;
    right = script;
    if left == at || right == after || !text.is_char_boundary(left) || !text.is_char_boundary(right) {
        return;
    }
    let (domain, account) = (&text[left..at], &text[after..right]);
    let learned = dictionary.is_domain_label(domain) || dictionary.domain(domain).is_some();
    if !learned {
        // Parts of a path: something with a backslash, slash or drive before it, or going on behind it.
        let before = if left > start { bytes[left - 1] } else { b' ' };
        let drive =
            before == b':' && !(left >= 3 && is_word_byte(bytes[left - 2]) && is_word_byte(bytes[left - 3]));
        if matches!(before, b'\\' | b'/' | b'%' | b'$')
            || drive
            || bytes.get(right) == Some(&b'\\')
            || (!cut && word_at(bytes, right))
        {
            return;
        }
    }
    let known = || dictionary.find(account.trim_end_matches('$'), &[Kind::Account, Kind::Host]).is_some();
    let lower = domain.to_ascii_lowercase();
    if NO_DOMAIN.binary_search(&lower.as_str()).is_ok() && !(learned && known()) {
        return;
    }
    if !learned {
        let extension = account.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        if extension.is_some_and(|end| EXTENSIONS.binary_search(&end.as_str()).is_ok()) {
            return;
        }
        let shouted = (2..=15).contains(&domain.len())
            && domain.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
            && domain.bytes().any(|b| b.is_ascii_uppercase());
        let escape = after - at == 1 && account.starts_with(['n', 'r', 't', 'b', 'f', 'u', 'x', '0']);
        let words =
            is_stop_word(domain) || (account.len() > 1 && is_stop_word(account.trim_end_matches('$')));
        let words_both = words && is_stop_word(account.trim_end_matches('$'));
        let titled = domain.starts_with(|c: char| c.is_uppercase()) && !escape && domain.len() <= 15;
        let announced = super::context::is_identity(bytes, left) && !(escape && words);
        if !(known()
            || announced
            || (shouted && (!is_stop_word(domain) || !(escape || words_both)))
            || (titled && !words))
        {
            return;
        }
    }
    let what = if after - at == 1 { What::Value(Kind::Account) } else { What::Account((after - at) as u8) };
    spans.push(Span { start: left, end: right, rank: rank::ACCOUNT, what });
}

/// The server of `\\server\share`, whose backslashes `at..after` stand behind no word.
fn unc(text: &str, at: usize, after: usize, end: usize, spans: &mut Vec<Span>) -> bool {
    let bytes = text.as_bytes();
    if after - at < 2
        || word_before(bytes, at)
        || (at > 0 && matches!(bytes[at - 1], b':' | b'.' | b'-' | b'_' | b'$'))
    {
        return false;
    }
    let mut stop = after;
    while stop < end
        && stop - after < 253
        && (is_word_byte(bytes[stop]) || matches!(bytes[stop], b'.' | b'-' | b'_'))
    {
        stop += 1;
    }
    let server = &bytes[after..stop];
    if stop == after
        || bytes.get(stop) != Some(&b'\\')
        || server == b"."
        || server.iter().all(|b| b.is_ascii_digit() || *b == b'.')
    {
        return false;
    }
    spans.push(Span { start: after, end: stop, rank: rank::HOST, what: What::Value(Kind::Host) });
    true
}

/// The folder of a user behind the separator `at..after`, if the path goes on with `Users` and the like.
fn user_folder(text: &str, at: usize, after: usize, spans: &mut Vec<Span>) -> bool {
    let bytes = text.as_bytes();
    for parent in ["users", "documents and settings", "home", "personal"] {
        let stop = after + parent.len();
        let named = bytes.get(after..stop).is_some_and(|head| head.eq_ignore_ascii_case(parent.as_bytes()));
        if !named || bytes.get(stop) != Some(&b'\\') {
            continue;
        }
        let count = bytes[stop..].iter().take_while(|b| **b == b'\\').count();
        let _ = at;
        return segment(text, stop + count, b'\\', parent == "personal", spans);
    }
    false
}

/// User folders of a run with slashes: `/home/x/`, `/Users/x/`, `/personal/x/`.
pub(crate) fn slashes(text: &str, start: usize, end: usize, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    for at in start..end {
        if bytes[at] != b'/' {
            continue;
        }
        let rest = &bytes[at..];
        let drive = at >= 2 && bytes[at - 1] == b':' && !word_before(bytes, at - 2);
        if rest.starts_with(b"/personal/") {
            segment(text, at + 10, b'/', true, spans);
        } else if rest.starts_with(b"/home/") && !word_before(bytes, at) {
            segment(text, at + 6, b'/', false, spans);
        } else if rest.starts_with(b"/Users/") && (drive || !word_before(bytes, at)) {
            segment(text, at + 7, b'/', false, spans);
        }
    }
}

/// One path segment from `from` as the folder of a user.
fn segment(text: &str, from: usize, separator: u8, folded: bool, spans: &mut Vec<Span>) -> bool {
    let bytes = text.as_bytes();
    let (mut stop, mut space) = (from, None);
    while stop < bytes.len() && stop - from < 128 {
        match bytes[stop] {
            byte if byte == separator => break,
            b'\\' | b'/' | b':' | b'*' | b'?' | b'"' | b'<' | b'>' | b'|' | b'\n' | b'\r' | b'\t' | b','
            | b';' | b')' | b']' | b'}' | b'=' => break,
            b'\'' if !word_before(bytes, stop) || !word_at(bytes, stop + 1) => break,
            b' ' if space.is_none() => space = Some(stop),
            _ => {}
        }
        stop += 1;
    }
    // A name with spaces only where the path goes on behind it.
    if let (Some(space), true) = (space, bytes.get(stop) != Some(&separator)) {
        stop = space;
    }
    while stop > from && matches!(bytes[stop - 1], b'.' | b' ') {
        stop -= 1;
    }
    if !text.is_char_boundary(stop) || !text.is_char_boundary(from) {
        return false;
    }
    let name = &text[from..stop];
    let nobody = name.is_empty()
        || name.starts_with(['%', '$', '{', '['])
        || NO_USER.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
        || !name.contains(|c: char| c.is_alphanumeric())
        || (separator == b'/' && is_stop_word(name));
    if nobody {
        return false;
    }
    let what = if folded && name.contains('_') { What::FoldedUpn } else { What::Value(Kind::Account) };
    spans.push(Span { start: from, end: stop, rank: rank::PATH, what });
    true
}

#[cfg(test)]
mod tests {
    use super::super::super::learn::Learner;
    use super::*;

    fn find(text: &str) -> Vec<&str> {
        let mut learner = Learner::new();
        learner.learn(Kind::Account, "nadia", "users");
        learner.learn(Kind::Domain, "contoso.com", "domains");
        let dictionary = learner.freeze();
        let mut spans = Vec::new();
        let mut at = 0;
        for run in text.split_inclusive([' ', '"', '(', ')', '=']) {
            let end = at + run.trim_end_matches([' ', '"', '(', ')', '=']).len();
            backslashes(text, at, end, &dictionary, &mut spans);
            slashes(text, at, end, &mut spans);
            at += run.len();
        }
        spans.iter().map(|span| &text[span.start..span.end]).collect()
    }

    #[test]
    fn tables_are_sorted() {
        assert!(EXTENSIONS.is_sorted());
        assert!(NO_DOMAIN.is_sorted());
        assert!(NO_USER.is_sorted());
    }

    #[test]
    fn accounts_of_learned_and_of_unknown_domains() {
        for (text, account) in [
            ("for CORP\\anna.weber in 3 s", "CORP\\anna.weber"),
            ("contoso\\n4711.", "contoso\\n4711"),
            ("CONTOSO\\\\greta", "CONTOSO\\\\greta"),
            ("(Fabrikam\\Greta)", "Fabrikam\\Greta"),
            ("other\\nadia", "other\\nadia"),
            ("CORP\\WS-01$", "CORP\\WS-01$"),
            ("user:CORP\\anna", "CORP\\anna"),
        ] {
            assert_eq!(find(text), [account], "{text}");
        }
    }

    #[test]
    fn paths_escapes_and_machine_accounts_are_no_accounts() {
        for text in [
            "C:\\Windows\\System32",
            "HKLM\\Software",
            "NT AUTHORITY\\SYSTEM",
            "ERROR\\nnext",
            "bin\\Debug",
            "src\\text.rs",
            "line\\nnext",
            "\\u00e9",
            "D:\\data\\file.log",
            "%windir%\\x",
        ] {
            assert!(find(text).is_empty(), "{text}: {:?}", find(text));
        }
    }

    #[test]
    fn user_folders_and_servers() {
        for (text, name) in [
            ("C:\\Users\\greta.s\\AppData\\x.log", "greta.s"),
            ("C:\\\\Users\\\\greta\\\\AppData", "greta"),
            ("\"C:\\Users\\greta\"", "greta"),
            ("/home/greta/x", "greta"),
            ("C:/Users/greta/x", "greta"),
            ("\\\\fs-01\\share", "fs-01"),
            ("https://c-my.sharepoint.com/personal/greta_contoso_com/Documents", "greta_contoso_com"),
        ] {
            assert_eq!(find(text), [name], "{text}");
        }
        assert!(
            find("C:\\Users\\Public\\x C:\\Users\\%USERNAME%\\x \\\\.\\pipe\\x /home/index /v1.0/Users/me")
                .is_empty()
        );
    }
}
