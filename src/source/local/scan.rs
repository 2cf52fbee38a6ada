//! Finding the end of a JSON value without building it.
//!
//! The scan is resumable: it keeps its state when the bytes run out. It knows strings and
//! brackets, nothing else; whether the bytes are JSON is judged afterwards, so broken input costs
//! linear time and no memory.

use memchr::memchr2;

/// Deepest nesting that a record may have, as in serde_json.
pub const MAX_DEPTH: usize = 128;

/// The state of a scan over one value.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    depth: usize,
    in_string: bool,
    scalar: bool,
    begun: bool,
}

impl Scan {
    /// Goes on with `data`, beginning at `from`; gives where the value ends, or the position to go
    /// on from when more bytes are there. `data` begins with the value.
    pub fn run(&mut self, data: &[u8], from: usize) -> Result<usize, usize> {
        let mut at = from;
        while let Some(&byte) = data.get(at) {
            if self.in_string {
                match memchr2(b'"', b'\\', data.get(at..).unwrap_or_default()) {
                    None => return Err(data.len()),
                    Some(found) if data.get(at + found) == Some(&b'\\') => {
                        // The escaped byte is needed to go on behind it.
                        if at + found + 1 >= data.len() {
                            return Err(at + found);
                        }
                        at += found + 2;
                    }
                    Some(found) => {
                        at += found + 1;
                        self.in_string = false;
                        if self.depth == 0 {
                            return Ok(at);
                        }
                    }
                }
                continue;
            }
            match byte {
                b'"' if self.scalar => return Ok(at),
                b'"' => self.in_string = true,
                b'{' | b'[' if self.scalar => return Ok(at),
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 0 => return Ok(at),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(at + 1);
                    }
                }
                b',' | b' ' | b'\n' | b'\r' | b'\t' if self.depth == 0 && self.begun => return Ok(at),
                _ if self.depth == 0 => self.scalar = true,
                _ => {}
            }
            self.begun = true;
            at += 1;
        }
        Err(data.len())
    }

    /// Whether the end of the input may end the value (a number or a word at top level).
    pub fn may_end(&self) -> bool {
        self.scalar
    }
}

/// Whether a valid JSON text is nested deeper than [`MAX_DEPTH`].
pub fn too_deep(json: &[u8]) -> bool {
    // Counting every bracket, also those in strings, is fast and almost always settles it.
    let brackets = json.iter().map(|b| usize::from(matches!(b, b'{' | b'['))).sum::<usize>();
    if brackets <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut deepest, mut at) = (0usize, 0usize, 0usize);
    while let Some(&byte) = json.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                at += 1;
                while let Some(found) = memchr2(b'"', b'\\', json.get(at..).unwrap_or_default()) {
                    at += found;
                    if json.get(at) == Some(&b'"') {
                        break;
                    }
                    at += 2;
                }
            }
            _ => {}
        }
        at += 1;
    }
    deepest > MAX_DEPTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(json: &str, step: usize) -> Option<usize> {
        let bytes = json.as_bytes();
        let (mut scan, mut have, mut from) = (Scan::default(), 0, 0);
        loop {
            have = (have + step).min(bytes.len());
            match scan.run(&bytes[..have], from) {
                Ok(end) => return Some(end),
                Err(_) if have == bytes.len() => return scan.may_end().then_some(have),
                Err(at) => from = at,
            }
        }
    }

    #[test]
    fn values_end_where_they_end_at_any_step() {
        for (json, expected) in [
            (r#"{"a":"}\"]\\"} ,"#, Some(14)),
            (r#"[1,[2,{"x":[]}]]]"#, Some(16)),
            (r#""a\"b",1"#, Some(6)),
            ("12,3", Some(2)),
            ("true]", Some(4)),
            ("17", Some(2)),
            (r#"{"a":1"#, None),
            (r#""abc\"#, None),
        ] {
            for step in [1, 2, 3, 100] {
                assert_eq!(end(json, step), expected, "{json} by {step}");
            }
        }
    }

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(!too_deep(deep(128).as_bytes()));
        assert!(too_deep(deep(129).as_bytes()));
        assert!(!too_deep(format!("[\"\\\"{}\"]", "[".repeat(500)).as_bytes()));
    }

    proptest! {
        #[test]
        fn the_end_of_a_generated_value_is_its_length(
            value in proptest::collection::vec("[\\\\\"a{}\\[\\], ]{0,9}", 0..9), step in 1usize..40,
        ) {
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(end(&format!("{json}]"), step), Some(json.len()));
        }
    }
}
