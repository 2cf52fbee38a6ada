//! Views of a window: its bytes as they stand, and stretches of them with their escapes undone,
//! each with a way back to the offset in the entry.

/// Bytes to look at, with the offset of each stretch in the window.
pub(super) struct View {
    pub bytes: Vec<u8>,
    /// (position in `bytes`, position in the window), ascending; between two of them both advance together.
    marks: Vec<(usize, usize)>,
}

impl View {
    fn new(at: usize) -> View {
        View { bytes: Vec::new(), marks: vec![(0, at)] }
    }

    /// A view all of whose bytes stand for one place.
    pub fn at(bytes: Vec<u8>, at: usize) -> View {
        View { bytes, marks: vec![(0, at), (0, at)] }
    }

    fn push(&mut self, bytes: &[u8], from: usize, next: usize) {
        self.bytes.extend_from_slice(bytes);
        if next - from != bytes.len() {
            self.marks.push((self.bytes.len(), next));
        }
    }

    /// The window position of a view position.
    pub fn origin(&self, position: usize) -> usize {
        let mark = self.marks.partition_point(|mark| mark.0 <= position).saturating_sub(1);
        let (view, window) = self.marks[mark];
        if self.marks.len() == 2 && self.marks[0] == self.marks[1] {
            window
        } else {
            window + (position - view)
        }
    }
}

/// How far around an escape the view reaches, in bytes.
const REACH: usize = 320;

/// Views of every stretch of the window that holds escapes: backslashes of JSON at any depth and of
/// LDAP, percent escapes, character references.
pub(super) fn unescaped(window: &[u8]) -> Vec<View> {
    let mut regions: Vec<(usize, usize)> = Vec::new();
    for at in memchr::memchr3_iter(b'\\', b'%', b'&', window) {
        let (from, to) =
            (open(window, at.saturating_sub(REACH)), close(window, (at + REACH).min(window.len())));
        match regions.last_mut() {
            Some(last) if last.1 >= from => last.1 = to,
            _ => regions.push((from, to)),
        }
    }
    regions.into_iter().map(|(from, to)| unescape(window, from, to)).collect()
}

/// The border of a stretch, moved outwards so that no identifier is cut.
fn open(window: &[u8], at: usize) -> usize {
    let floor = at.saturating_sub(REACH);
    window[floor..at].iter().rposition(|b| ends_word(*b)).map_or(floor, |p| floor + p + 1)
}

fn close(window: &[u8], at: usize) -> usize {
    let top = (at + REACH).min(window.len());
    window[at..top].iter().position(|b| ends_word(*b)).map_or(top, |p| at + p)
}

fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b',' | b'\n' | b'\t' | b'<' | b'>')
}

fn unescape(window: &[u8], from: usize, to: usize) -> View {
    let mut view = View::new(from);
    let bytes = &window[..to];
    let mut at = from;
    while at < to {
        let plain = memchr::memchr3(b'\\', b'%', b'&', &bytes[at..]).unwrap_or(to - at);
        view.push(&bytes[at..at + plain], at, at + plain);
        at += plain;
        if at >= to {
            break;
        }
        let next = match bytes[at] {
            b'\\' => backslash(bytes, at, &mut view),
            b'%' => percent(bytes, at, &mut view),
            _ => reference(bytes, at, &mut view),
        };
        at = next.unwrap_or_else(|| {
            view.push(&bytes[at..=at], at, at + 1);
            at + 1
        });
    }
    view
}

fn hex(bytes: &[u8], at: usize, count: usize) -> Option<u32> {
    let text = std::str::from_utf8(bytes.get(at..at + count)?).ok()?;
    text.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(text, 16).ok())?
}

/// A run of backslashes, as long as any depth of JSON makes it, and what it escapes.
fn backslash(bytes: &[u8], at: usize, view: &mut View) -> Option<usize> {
    let count = bytes[at..].iter().take_while(|b| **b == b'\\').count();
    let after = at + count;
    match bytes.get(after) {
        Some(b'u') => {
            if let Some(unit) = hex(bytes, after + 1, 4) {
                let mut next = after + 5;
                let mut code = unit;
                if (0xd800..0xdc00).contains(&unit) {
                    let run = bytes[next..].iter().take_while(|b| **b == b'\\').count();
                    if run > 0
                        && bytes.get(next + run) == Some(&b'u')
                        && let Some(low) =
                            hex(bytes, next + run + 1, 4).filter(|low| (0xdc00..0xe000).contains(low))
                    {
                        code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        next += run + 5;
                    }
                }
                let c = char::from_u32(code).unwrap_or('\u{fffd}');
                view.push(c.encode_utf8(&mut [0; 4]).as_bytes(), at, next);
                return Some(next);
            }
        }
        Some(byte @ (b'"' | b'/')) => {
            view.push(&[*byte], at, after + 1);
            return Some(after + 1);
        }
        Some(b'n' | b'r' | b't') if count == 1 => {
            view.push(b" ", at, after + 1);
            return Some(after + 1);
        }
        _ if count == 1 => {
            if let Some(byte) = hex(bytes, after, 2).filter(|byte| *byte >= 0x80) {
                view.push(&[byte as u8], at, after + 2);
                return Some(after + 2);
            }
        }
        _ => {}
    }
    view.push(b"\\", at, after);
    Some(after)
}

fn percent(bytes: &[u8], at: usize, view: &mut View) -> Option<usize> {
    // Percent signs may be escaped themselves: `%2540`.
    let start =
        if hex(bytes, at + 1, 2) == Some(0x25) && hex(bytes, at + 3, 2).is_some() { at + 2 } else { at };
    let byte = hex(bytes, start + 1, 2)?;
    view.push(&[byte as u8], at, start + 3);
    Some(start + 3)
}

fn reference(bytes: &[u8], at: usize, view: &mut View) -> Option<usize> {
    let end = at + bytes[at..].iter().take(10).position(|b| *b == b';')?;
    let name = std::str::from_utf8(&bytes[at + 1..end]).ok()?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    view.push(c.encode_utf8(&mut [0; 4]).as_bytes(), at, end + 1);
    Some(end + 1)
}

/// Fewest characters of a stretch that is tried as base64.
const BASE64: usize = 24;

/// Base64 whose last bits may be anything, as in a stretch that was cut.
fn lenient() -> &'static data_encoding::Encoding {
    static ENCODING: std::sync::OnceLock<data_encoding::Encoding> = std::sync::OnceLock::new();
    ENCODING.get_or_init(|| {
        let mut specification = data_encoding::BASE64_NOPAD.specification();
        specification.check_trailing_bits = false;
        specification.encoding().unwrap_or(data_encoding::BASE64_NOPAD)
    })
}

static IS_BASE64: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        table[at] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        at += 1;
    }
    table
};

/// Views of everything that decodes from base64 to text, UTF-16 included.
pub(super) fn base64(window: &[u8]) -> Vec<View> {
    let is_base64 = |b: &u8| IS_BASE64[*b as usize];
    let mut views = Vec::new();
    let mut at = BASE64 - 1;
    while at < window.len() {
        if !is_base64(&window[at]) {
            at += BASE64;
            continue;
        }
        let start = window[..at].iter().rposition(|b| !is_base64(b)).map_or(0, |p| p + 1);
        let end = at + window[at..].iter().take_while(|b| is_base64(b)).count();
        at = end + BASE64;
        let text = &window[start..end];
        let guid_like = text.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
        if text.len() < BASE64 || guid_like {
            continue;
        }
        let standard: Vec<u8> = text
            .iter()
            .map(|b| match b {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            })
            .take(text.len() - usize::from(text.len() % 4 == 1))
            .collect();
        let Ok(decoded) = lenient().decode(&standard) else { continue };
        let nul = decoded.iter().filter(|b| **b == 0).count();
        let text: Vec<u8> =
            if nul * 3 > decoded.len() { decoded.into_iter().filter(|b| *b != 0).collect() } else { decoded };
        let printable = String::from_utf8_lossy(&text);
        let good = printable.chars().filter(|c| !c.is_control() && *c != '\u{fffd}').count();
        if good * 100 >= printable.chars().count() * 85 && !text.is_empty() {
            views.push(View::at(text, start));
        }
    }
    views
}

/// The window without NUL bytes, if it has many: UTF-16 in disguise.
pub(super) fn without_nul(window: &[u8]) -> Option<View> {
    memchr::memchr(0, window)?;
    let mut view = View::new(0);
    for (at, byte) in window.iter().enumerate() {
        if *byte == 0 { view.push(b"", at, at + 1) } else { view.push(&[*byte], at, at + 1) }
    }
    Some(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> String {
        String::from_utf8(unescape(text.as_bytes(), 0, text.len()).bytes).unwrap()
    }

    #[test]
    fn escapes_of_every_depth_are_undone() {
        for (escaped, plain) in [
            ("S\\u00f8ren", "Søren"),
            ("S\\\\u00f8ren", "Søren"),
            ("\\\\\\\"a\\\\\\\"", "\"a\""),
            ("CORP\\\\\\\\greta", "CORP\\greta"),
            ("a%40b %2540 100%", "a@b @ 100%"),
            ("O&#39;Brien &amp; &#xf8; & co", "O'Brien & ø & co"),
            ("S\\c3\\b8ren", "Søren"),
            ("\\ud83d\\ude00", "😀"),
            ("a\\nb", "a b"),
        ] {
            assert_eq!(flat(escaped), plain, "{escaped}");
        }
    }

    #[test]
    fn positions_lead_back_to_the_window() {
        let text = "x\\u00f8y%40z";
        let view = unescape(text.as_bytes(), 0, text.len());
        let back: Vec<usize> = [b'x', b'y', b'z']
            .iter()
            .map(|wanted| view.origin(view.bytes.iter().position(|b| b == wanted).unwrap()))
            .collect();
        assert_eq!(back, [0, 7, 11]);
    }

    #[test]
    fn base64_of_text_is_read_and_other_base64_is_not() {
        let text = data_encoding::BASE64.encode("greta.schmidt@contoso.com".as_bytes());
        let views = base64(format!("x=\"{text}\"").as_bytes());
        assert_eq!(views[0].bytes, b"greta.schmidt@contoso.com");
        assert_eq!(views[0].origin(5), 3);
        assert!(base64(b"f7cc07d7-7c15-447d-876d-c01b0e5a9e38").is_empty());
    }
}
