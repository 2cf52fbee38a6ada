//! Texts of a run that read no directory: nobody knows the names in them. Of their words only those stay
//! that are wording, which a message is made of; every other word is a parameter and might be a name.

use super::super::vocabulary::is_vocabulary;
use super::span::is_word_byte;
use foldhash::fast::RandomState;
use std::collections::HashSet;
use std::sync::OnceLock;

/// Words of messages beside the stop list: what the members, types, permissions and values that Microsoft
/// declares are called, taken apart, and technical words of logs. Sorted, lower case, one a line.
const WORDING: &str = include_str!("wording.txt");

/// What stands for a word that is none of them.
const LEFT_OUT: &[u8] = b"[word]";

/// Counted for every word that was left out.
pub(super) const UNKNOWN: &str = "word-unknown";

fn words() -> &'static HashSet<&'static str, RandomState> {
    static WORDS: OnceLock<HashSet<&'static str, RandomState>> = OnceLock::new();
    WORDS.get_or_init(|| WORDING.lines().collect())
}

/// Copies a stretch of text without the words that may be names; returns how many those were.
pub(super) fn copy(text: &str, out: &mut Vec<u8>) -> u64 {
    let bytes = text.as_bytes();
    let (mut at, mut left_out) = (0, 0);
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && !is_word_byte(bytes[at]) {
            at += 1;
        }
        out.extend_from_slice(&bytes[start..at]);
        let start = at;
        while at < bytes.len() && is_word_byte(bytes[at]) {
            at += 1;
        }
        let rights = || start > 0 && bytes[start - 1] == b';' && is_rights(&bytes[start..at]);
        if start == at || is_wording(&text[start..at]) || rights() {
            out.extend_from_slice(&bytes[start..at]);
        } else {
            out.extend_from_slice(LEFT_OUT);
            left_out += 1;
        }
    }
    left_out
}

/// Whether a run of letters and digits is wording: words put together as programs do, numbers, times,
/// codes in hexadecimal digits behind `0x`.
fn is_wording(run: &str) -> bool {
    let bytes = run.as_bytes();
    if bytes.len() == 1 || bytes.iter().all(u8::is_ascii_digit) {
        return true;
    }
    if let [b'0', b'x' | b'X', code @ ..] = bytes {
        return code.len() <= 16 && code.iter().all(u8::is_ascii_hexdigit);
    }
    if !run.is_ascii() {
        return is_word(&super::super::lookup::fold_word(run));
    }
    let mut rest = bytes;
    let mut pieces = 0;
    while let Some(first) = rest.first() {
        let length = match first {
            b'0'..=b'9' => rest.iter().take_while(|b| b.is_ascii_digit()).count(),
            b'a'..=b'z' => rest.iter().take_while(|b| b.is_ascii_lowercase()).count(),
            _ => {
                let capitals = rest.iter().take_while(|b| b.is_ascii_uppercase()).count();
                let small = rest[capitals..].iter().take_while(|b| b.is_ascii_lowercase()).count();
                match (capitals, small) {
                    (_, 0) => capitals,
                    (1, small) => 1 + small,
                    // `XMLReader`: the last capital begins the next word.
                    _ => capitals - 1,
                }
            }
        };
        let (piece, more) = rest.split_at(length);
        // One letter is a unit or a mark: `v2`, `30s`, `20T10`.
        let mark = length == 1 && (pieces == 0 || more.is_empty() || matches!(piece, b"T" | b"x"));
        let fits = mark
            || piece[0].is_ascii_digit()
            || std::str::from_utf8(piece).is_ok_and(|piece| is_word(&piece.to_ascii_lowercase()));
        if !fits {
            // All of it may be one word: `iPhone`, `OAuth`.
            return is_word(&run.to_ascii_lowercase());
        }
        rest = more;
        pieces += 1;
    }
    // Digits and letters by turns spell anything.
    let turns = bytes.windows(2).filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit()).count();
    turns <= 2
}

/// Whether a field of a security descriptor lists rights, two letters each (MS-DTYP, 2.5.1.1).
fn is_rights(run: &[u8]) -> bool {
    const RIGHTS: [&[u8; 2]; 25] = [
        b"CC", b"CR", b"DC", b"DT", b"FA", b"FR", b"FW", b"FX", b"GA", b"GR", b"GW", b"GX", b"KA", b"KR",
        b"KW", b"KX", b"LC", b"LO", b"RC", b"RP", b"SD", b"SW", b"WD", b"WO", b"WP",
    ];
    run.len().is_multiple_of(2) && run.chunks(2).all(|pair| RIGHTS.iter().any(|right| *right == pair))
}

fn is_word(folded: &str) -> bool {
    is_vocabulary(folded) || words().contains(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_adds_to_the_stop_list() {
        let words: Vec<&str> = WORDING.lines().collect();
        assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase())));
    }

    #[test]
    fn wording_stays_and_all_else_goes() {
        let copied = |text: &str| {
            let mut out = Vec::new();
            copy(text, &mut out);
            String::from_utf8(out).unwrap()
        };
        for text in [
            "AADSTS50126: Error validating credentials due to invalid username or password.",
            "[10:00:00.000] [ 12] [ERROR] 0x8023134a after 30s, 2026-11-20T10:00:00Z",
            "O:S-1-5-18D:AI(A;;CCDCLCSWRPWPRCWDWOGA;;;S-1-5-18)",
            "InvalidUserNameOrPassword, System.Net.Http.HttpRequestException, OAuth 2.0",
            "",
        ] {
            assert_eq!(copied(text), text);
        }
        for (text, left) in [
            (
                "MFA denied by Greta Schmidtbauer on LAPTOP-7Q2K",
                "MFA denied by [word] [word] on LAPTOP-[word]",
            ),
            ("user gschmidt7", "user [word]"),
            ("Søren ß 田中太郎", "[word] [word] [word]"),
            ("a1b2c3d4e5f6", "[word]"),
        ] {
            assert_eq!(copied(text), left);
        }
    }
}
