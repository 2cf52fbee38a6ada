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

/// A stretch of the window that holds escapes.
pub(super) struct Region {
    /// The stretch with its escapes undone.
    pub view: View,
    /// From the first escape to the end of the last one, if the stretch says nothing there that its view
    /// does not: where all escapes are those of quotes and slashes.
    pub covered: Option<(usize, usize)>,
}

/// Every stretch of the window that holds escapes: backslashes of JSON at any depth and of LDAP,
/// percent escapes, character references.
pub(super) fn unescaped(window: &[u8]) -> Vec<Region> {
    struct Span {
        from: usize,
        to: usize,
        first: usize,
        last: usize,
        simple: bool,
    }
    let mut spans: Vec<Span> = Vec::new();
    let mut passed = 0;
    for at in memchr::memchr3_iter(b'\\', b'%', b'&', window) {
        if at < passed {
            continue;
        }
        let (end, kind) = escape(window, at);
        passed = end;
        let simple = match kind {
            Escape::None => continue,
            Escape::Simple => true,
            Escape::Other => false,
        };
        let to = close(window, (end + REACH).min(window.len()));
        match spans.last_mut() {
            Some(last) if last.to >= at.saturating_sub(2 * REACH) => {
                (last.to, last.last) = (last.to.max(to), end);
                last.simple &= simple;
            }
            _ => {
                let from = open(window, at.saturating_sub(REACH));
                spans.push(Span { from, to, first: at, last: end, simple });
            }
        }
    }
    let region = |span: Span| Region {
        view: unescape(window, span.from, span.to),
        covered: span.simple.then_some((span.first, span.last)),
    };
    spans.into_iter().map(region).collect()
}

enum Escape {
    /// Undoing changes nothing.
    None,
    /// A quote or a slash behind backslashes.
    Simple,
    Other,
}

/// What stands at a backslash, a percent sign or an ampersand, and the byte after it.
fn escape(window: &[u8], at: usize) -> (usize, Escape) {
    if window[at] == b'\\' {
        let after = at + window[at..].iter().take_while(|b| **b == b'\\').count();
        let alone = after - at == 1;
        let kind = match window.get(after) {
            Some(b'"' | b'/') => Escape::Simple,
            Some(b'u' | b'n' | b'r' | b't') => Escape::Other,
            _ if alone && hex(window, after, 2).is_none_or(|byte| byte < 0x80) => Escape::None,
            _ => Escape::Other,
        };
        return (after, kind);
    }
    let mut scratch = View::new(at);
    let end = match window[at] {
        b'%' => percent(window, at, &mut scratch),
        _ => reference(window, at, &mut scratch),
    };
    end.map_or((at + 1, Escape::None), |end| (end, Escape::Other))
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

/// Stretches that gave no text: the same names stand in every record.
pub(super) struct Vain(Vec<[u8; KNOWN]>);

/// Slots of [`Vain`], and the bytes of one: the length of a stretch and the stretch.
const VAIN: usize = 1 << 10;
const KNOWN: usize = 64;

impl Vain {
    /// Nothing known yet.
    pub fn new() -> Vain {
        Vain(vec![[0; KNOWN]; VAIN])
    }

    /// The slot of a stretch and what stands in it once the stretch is known; `None` if it is too long.
    fn slot(text: &[u8]) -> Option<(usize, [u8; KNOWN])> {
        let mut known = [0; KNOWN];
        let (length, room) = known.split_first_mut()?;
        *length = text.len() as u8;
        room.get_mut(..text.len())?.copy_from_slice(text);
        let step = |hash: u64, word: u64| (hash.rotate_left(29) ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25);
        let hash =
            known.as_chunks::<8>().0.iter().fold(0, |hash, eight| step(hash, u64::from_le_bytes(*eight)));
        Some(((hash >> 40) as usize % VAIN, known))
    }
}

/// Views of everything that decodes from base64 to text, UTF-16 included.
pub(super) fn base64(window: &[u8], vain: &mut Vain) -> Vec<View> {
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
        if text.len() < BASE64 {
            continue;
        }
        if text.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') {
            continue;
        }
        let slot = Vain::slot(text);
        if slot.is_some_and(|(slot, known)| vain.0[slot] == known) {
            continue;
        }
        if let Some(text) = decoded(text) {
            views.push(View::at(text, start));
        } else if let Some((slot, known)) = slot {
            vain.0[slot] = known;
        }
    }
    views
}

/// The text that a stretch of base64 holds.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let standard: Vec<u8> = text
        .iter()
        .map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .take(text.len() - usize::from(text.len() % 4 == 1))
        .collect();
    let mut decoded = lenient().decode(&standard).ok()?;
    let nul = decoded.iter().filter(|b| **b == 0).count();
    if nul * 3 > decoded.len() {
        decoded.retain(|b| *b != 0);
    }
    let (mut all, mut good) = (0, 0);
    for chunk in decoded.utf8_chunks() {
        all += usize::from(!chunk.invalid().is_empty());
        for c in chunk.valid().chars() {
            all += 1;
            good += usize::from(!c.is_control() && c != '\u{fffd}');
        }
    }
    (good * 100 >= all * 85 && !decoded.is_empty()).then_some(decoded)
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
        let views = base64(format!("x=\"{text}\"").as_bytes(), &mut Vain::new());
        assert_eq!(views[0].bytes, b"greta.schmidt@contoso.com");
        assert_eq!(views[0].origin(5), 3);
        let (mut vain, guid) = (Vain::new(), b"f7cc07d7-7c15-447d-876d-c01b0e5a9e38");
        assert!(base64(guid, &mut vain).is_empty() && base64(guid, &mut vain).is_empty());
    }
}
