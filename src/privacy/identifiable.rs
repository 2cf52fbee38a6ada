//! Keys that say what they are: Azure services put a fixed signature at a fixed place of the base64 of
//! their keys. Source of signatures and lengths: `HighConfidenceMicrosoftSecurityModels.json` of
//! github.com/microsoft/security-utilities (MIT), rules SEC101/152 to 184; the common annotated key as
//! described there (SEC101/200).

/// Signature, its place in the base64 of the key, and the length of the key without padding.
const KEYS: &[(&[u8; 4], usize, usize)] = &[
    // Keys of 32 bytes.
    (b"+ARm", 33, 43),
    (b"+AEh", 33, 43),
    (b"+ASb", 33, 43),
    (b"AIoT", 33, 43),
    (b"AzCa", 33, 43),
    // Keys of 39 bytes.
    (b"AzSe", 42, 52),
    (b"+ACR", 42, 52),
    // Keys of 40 bytes.
    (b"AzFu", 44, 54),
    // Keys of 64 bytes.
    (b"+ASt", 76, 86),
    (b"ACDb", 76, 86),
    (b"+ABa", 76, 86),
    (b"/AM7", 76, 86),
    (b"APIM", 76, 86),
];

/// Where the signature of a common annotated key stands, and its fewest characters.
const ANNOTATED: (&[u8; 5], usize, usize) = (b"JQQJ9", 52, 80);

fn fits(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The key in the run `start..end`, its padding included. A path may stand before it.
pub(super) fn key(bytes: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let mut stop = end;
    while stop > start {
        let length = bytes[start..stop].iter().rev().take_while(|b| fits(**b)).count();
        let stretch = &bytes[stop - length..stop];
        if length >= 43 {
            let pads = bytes[stop..].iter().take(2).take_while(|b| **b == b'=').count();
            let known = |(signature, place, long): &&(&[u8; 4], usize, usize)| {
                let open = length.checked_sub(*long).is_some_and(|at| at == 0 || stretch[at - 1] == b'/');
                open && stretch[length - long + place..].starts_with(*signature)
            };
            if let Some((_, _, long)) = KEYS.iter().find(known) {
                return Some((stop - long, stop + pads));
            }
            let (signature, place, fewest) = ANNOTATED;
            let at = memchr::memmem::find(stretch, signature).filter(|at| *at >= place);
            if let Some(at) = at.filter(|at| length - (at - place) >= fewest) {
                return Some((stop - length + at - place, stop + pads));
            }
        }
        stop -= length.max(1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_signature() {
        for (signature, place, long) in KEYS {
            let sign = std::str::from_utf8(*signature).unwrap();
            let text = format!("{}{sign}{}==", "a".repeat(*place), "B".repeat(long - place - 4));
            assert_eq!(key(text.as_bytes(), 0, *long), Some((0, text.len())), "{sign}");
            let path = format!("x/{text}");
            assert_eq!(key(path.as_bytes(), 0, long + 2), Some((2, path.len())), "{sign}");
            let longer = format!("z{text}");
            assert_eq!(key(longer.as_bytes(), 0, long + 1), None, "{sign}");
        }
        let annotated = format!("{}JQQJ99{}", "a".repeat(52), "B".repeat(26));
        assert_eq!(key(annotated.as_bytes(), 0, annotated.len()), Some((0, annotated.len())));
        assert_eq!(key(&[b'a'; 100], 0, 100), None);
    }
}
