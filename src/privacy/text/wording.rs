//! Texts of a run that read no directory: nobody knows the names in them. Of their words only those stay
//! that are wording, which a message is made of; every other word is a parameter and might be a name.

use super::span::{CLASS, DIGIT, HIGH, LETTER};
use super::wordlist::Words;

/// What stands for a word that is none of them.
const LEFT_OUT: &[u8] = b"[word]";

/// Counted for every word that was left out.
pub(super) const UNKNOWN: &str = "word-unknown";

/// Copies a stretch of text without the words that may be names; returns how many those were.
pub(super) fn copy(text: &str, out: &mut Vec<u8>) -> u64 {
    let words = Words::get();
    let bytes = text.as_bytes();
    let (mut at, mut copied, mut left_out) = (0, 0, 0);
    while at < bytes.len() {
        let start = at;
        let mut bits = 0;
        while let Some(class) = bytes.get(at).map(|b| CLASS[*b as usize] & (LETTER | DIGIT | HIGH))
            && class != 0
        {
            bits |= class;
            at += 1;
        }
        // Numbers stay, and so does a single letter.
        if bits & LETTER != 0 && at - start > 1 {
            let rights = || start > 0 && bytes[start - 1] == b';' && is_rights(&bytes[start..at]);
            if !is_wording(words, text, start, at, bits) && !rights() {
                out.extend_from_slice(&bytes[copied..start]);
                out.extend_from_slice(LEFT_OUT);
                copied = at;
                left_out += 1;
            }
        }
        at += 1;
    }
    out.extend_from_slice(&bytes[copied..]);
    left_out
}

/// Whether a run of letters and digits with these class bits is wording: words put together as programs
/// do, numbers, times, codes in hexadecimal digits behind `0x`.
fn is_wording(words: &Words, text: &str, start: usize, end: usize, bits: u32) -> bool {
    let bytes = text.as_bytes();
    let run = &bytes[start..end];
    if let [b'0', b'x' | b'X', code @ ..] = run {
        return code.len() <= 16 && code.iter().all(u8::is_ascii_hexdigit);
    }
    if bits & HIGH != 0 {
        return words.has_folded(&super::super::lookup::fold_word(&text[start..end]));
    }
    // Letters that are one word need not be taken apart.
    if bits & DIGIT == 0 && words.has(bytes, start, end) {
        return true;
    }
    let mut at = start;
    while at < end {
        let length = piece(&bytes[at..end]);
        // One letter is a unit or a mark: `v2`, `30s`, `20T10`.
        let mark = length == 1 && (at == start || at + 1 == end || matches!(bytes[at], b'T' | b'x'));
        if !(mark || bytes[at].is_ascii_digit() || words.has(bytes, at, at + length)) {
            // All of it may be one word: `iPhone`, `OAuth`.
            return words.has(bytes, start, end);
        }
        at += length;
    }
    // Digits and letters by turns spell anything.
    let turns = run.windows(2).filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit()).count();
    turns <= 2
}

/// The length of the digits or of the word that a run of ASCII letters and digits begins with.
fn piece(run: &[u8]) -> usize {
    match run.first() {
        Some(b'0'..=b'9') => run.iter().take_while(|b| b.is_ascii_digit()).count(),
        Some(b'a'..=b'z') => run.iter().take_while(|b| b.is_ascii_lowercase()).count(),
        _ => {
            let capitals = run.iter().take_while(|b| b.is_ascii_uppercase()).count();
            let small = run[capitals..].iter().take_while(|b| b.is_ascii_lowercase()).count();
            match (capitals, small) {
                (_, 0) => capitals,
                (1, small) => 1 + small,
                // `XMLReader`: the last capital begins the next word.
                _ => capitals - 1,
            }
        }
    }
}

/// Whether a field of a security descriptor lists rights, two letters each (MS-DTYP, 2.5.1.1).
fn is_rights(run: &[u8]) -> bool {
    const RIGHTS: [&[u8; 2]; 25] = [
        b"CC", b"CR", b"DC", b"DT", b"FA", b"FR", b"FW", b"FX", b"GA", b"GR", b"GW", b"GX", b"KA", b"KR",
        b"KW", b"KX", b"LC", b"LO", b"RC", b"RP", b"SD", b"SW", b"WD", b"WO", b"WP",
    ];
    run.len().is_multiple_of(2) && run.chunks(2).all(|pair| RIGHTS.iter().any(|right| *right == pair))
}

#[cfg(test)]
mod tests {
    use super::super::wordlist::WORDING;
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
