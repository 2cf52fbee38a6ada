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

    /// A view that pieces of the window are appended to.
    pub fn empty() -> View {
        View { bytes: Vec::new(), marks: Vec::new() }
    }

    /// Appends a piece of the window that starts at `from` there.
    pub fn append(&mut self, piece: &[u8], from: usize) {
        self.marks.push((self.bytes.len(), from));
        self.bytes.extend_from_slice(piece);
    }

    /// Whether the bytes came out of base64: they may hold any encoding again.
    pub fn is_decoded(&self) -> bool {
        self.marks.len() == 2 && self.marks[0] == self.marks[1]
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
        if self.is_decoded() { window } else { window + (position - view) }
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
    pub covered: Option<std::ops::Range<usize>>,
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
        covered: span.simple.then_some(span.first..span.last),
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
            Some(b'u' | b'n' | b'r' | b't' | b',' | b'+' | b'#' | b'=' | b';' | b'\'') => Escape::Other,
            _ if alone && hex(window, after, 2).is_none_or(|byte| byte < 0x80 && !is_special(byte)) => {
                Escape::None
            }
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

/// Whether distinguished names and filters write a character as its hex digits.
fn is_special(byte: u32) -> bool {
    byte < 0x80 && b"\"#()*+,;<=>@.".contains(&(byte as u8))
}

/// Views of quoted-printable stretches, soft line breaks included.
pub(super) fn quoted(window: &[u8]) -> Vec<View> {
    let mut regions: Vec<(usize, usize)> = Vec::new();
    let text = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    for at in memchr::memchr_iter(b'=', window) {
        let escape = match hex(window, at + 1, 2) {
            Some(code) if code < 0x80 => {
                let digit = window.get(at + 3).is_some_and(u8::is_ascii_digit);
                code == 0x3d || code == 0x40 && at > 0 && text(window.get(at - 1)) && !digit
            }
            Some(_) => {
                hex(window, at + 4, 2).is_some() && window.get(at + 3) == Some(&b'=') || in_word(window, at)
            }
            None => matches!(window.get(at + 1), Some(b'\n' | b'\r')),
        };
        if escape {
            reach(window, at, &mut regions);
        }
    }
    regions.into_iter().map(|(from, to)| unquote(window, from, to)).collect()
}

/// Views in which a line goes on that was broken behind ten spaces or more, as lists of PowerShell are.
pub(super) fn joined(window: &[u8]) -> Vec<View> {
    let mut regions: Vec<(usize, usize)> = Vec::new();
    for at in memchr::memmem::find_iter(window, b"\n          ") {
        reach(window, at, &mut regions);
    }
    let join = |(from, to): (usize, usize)| {
        let mut view = View::new(from);
        let mut at = from;
        while at < to {
            let spaces = match window[at] {
                b'\n' => window[at + 1..to].iter().take_while(|b| **b == b' ').count(),
                _ => 0,
            };
            // Behind a key another value begins.
            let line = window[at + 1 + spaces..to].split(|b| *b == b'\n').next().unwrap_or_default();
            if spaces >= 10 && !line.windows(3).any(|w| w == b" : ") {
                view.push(b"", at, at + 1 + spaces);
                at += 1 + spaces;
            } else {
                if !(window[at] == b'\r' && window.get(at + 1) == Some(&b'\n')) {
                    view.push(&window[at..=at], at, at + 1);
                } else {
                    view.push(b"", at, at + 1);
                }
                at += 1;
            }
        }
        view
    };
    regions.into_iter().map(join).collect()
}

fn reach(window: &[u8], at: usize, regions: &mut Vec<(usize, usize)>) {
    let from = open(window, at.saturating_sub(REACH));
    let to = close(window, (at + REACH).min(window.len()));
    match regions.last_mut() {
        Some(last) if last.1 >= from => last.1 = last.1.max(to),
        _ => regions.push((from, to)),
    }
}

/// Whether a mail header's word in Q encoding is open here.
fn in_word(window: &[u8], at: usize) -> bool {
    let before = &window[at.saturating_sub(76)..at];
    let open = before.windows(3).rposition(|w| matches!(w, b"?Q?" | b"?q?"));
    open.is_some_and(|open| !before[open + 3..].windows(2).any(|w| w == b"?="))
}

fn unquote(window: &[u8], from: usize, to: usize) -> View {
    let mut view = View::new(from);
    let bytes = &window[..to];
    let mut at = from;
    // Inside `=?charset?Q?…?=` an underscore is a space.
    let mut header = false;
    while at < to {
        let rest = &bytes[at..];
        header = (header || rest.starts_with(b"?Q?") || rest.starts_with(b"?q?")) && !rest.starts_with(b"?=");
        let blank = rest[1..].iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
        at = match rest[0] {
            b'=' if rest.get(1 + blank) == Some(&b'\n') => {
                view.push(b"", at, at + 2 + blank);
                at + 2 + blank
            }
            b'=' if hex(bytes, at + 1, 2).is_some_and(|code| code >= 0x80)
                || !rest.get(3).is_some_and(u8::is_ascii_digit) && hex(bytes, at + 1, 2).is_some() =>
            {
                octets(bytes, at, b'=', header, &mut view)
            }
            b'_' if header => {
                view.push(b" ", at, at + 1);
                at + 1
            }
            byte => {
                view.push(&[byte], at, at + 1);
                at + 1
            }
        };
    }
    view
}

/// Bytes written as `mark` and two hex digits each: characters of UTF-8, or else of Latin-1 where `latin`
/// says so.
fn octets(bytes: &[u8], at: usize, mark: u8, latin: bool, view: &mut View) -> usize {
    let (mut at, mut run) = (at, Vec::new());
    while bytes.get(at + 3 * run.len()) == Some(&mark)
        && let Some(byte) = hex(bytes, at + 3 * run.len() + 1, 2)
    {
        run.push(byte as u8);
    }
    for chunk in run.utf8_chunks() {
        for c in chunk.valid().chars() {
            view.push(c.encode_utf8(&mut [0; 4]).as_bytes(), at, at + 3 * c.len_utf8());
            at += 3 * c.len_utf8();
        }
        for byte in chunk.invalid() {
            match latin {
                true => view.push(char::from(*byte).encode_utf8(&mut [0; 4]).as_bytes(), at, at + 3),
                false => view.push(&bytes[at..at + 3], at, at + 3),
            }
            at += 3;
        }
    }
    at
}

/// Whether a view holds further escapes, so that it is worth another one.
pub(super) fn is_escaped(bytes: &[u8]) -> bool {
    memchr::memchr3_iter(b'%', b'&', b'\\', bytes).any(|at| match bytes[at] {
        b'%' => hex(bytes, at + 1, 2).is_some(),
        b'&' => bytes[at..].iter().take(10).any(|b| *b == b';'),
        _ => match bytes.get(at + 1) {
            Some(b'u') => hex(bytes, at + 2, 4).is_some(),
            // Of distinguished names.
            Some(b',' | b'+' | b';' | b'=' | b'#') => true,
            _ => hex(bytes, at + 1, 2).is_some_and(is_special),
        },
    })
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
        Some(byte @ (b'"' | b'/' | b',' | b'+' | b'#' | b'=' | b';' | b'\'')) => {
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
            if let Some(byte) = hex(bytes, after, 2).filter(|byte| is_special(*byte)) {
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
    if start == at {
        return Some(octets(bytes, at, b'%', true, view));
    }
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
        "commat" => '@',
        "nbsp" => ' ',
        "oslash" => 'ø',
        "Oslash" => 'Ø',
        "szlig" => 'ß',
        "aelig" => 'æ',
        "AElig" => 'Æ',
        _ if accented(name).is_some() => {
            // A letter and its accent, two characters.
            let text: String = accented(name).into_iter().flatten().collect();
            view.push(text.as_bytes(), at, end + 1);
            return Some(end + 1);
        }
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

/// A letter and its combining accent, by the name that HTML has for both: `eacute`.
fn accented(name: &str) -> Option<[char; 2]> {
    let letter = name.chars().next().filter(char::is_ascii_alphabetic)?;
    let accent = match &name[1..] {
        "grave" => '\u{300}',
        "acute" => '\u{301}',
        "circ" => '\u{302}',
        "tilde" => '\u{303}',
        "uml" => '\u{308}',
        "ring" => '\u{30a}',
        "cedil" => '\u{327}',
        _ => return None,
    };
    Some([letter, accent])
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
