//! The rungs of the decoder ladder: each takes one encoding off a stretch of text and remembers where
//! every decoded character came from, so that a value found in the decoded view can be replaced in the
//! text and its replacement be written the way the value was.

use super::seen::Seen;
use std::ops::Range;

/// An encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// `%C3%B8`
    Percent,
    /// Percent escapes and `+` for a space, as forms are sent. Names only: an address may hold a `+`.
    Form,
    /// `\u00f8`, `\"`, `\/`: one level of a JSON string.
    Json,
    /// `\c3\b8`, `\,`: RFC 4514 and RFC 4515.
    Ldap,
    /// `&#248;`, `&oslash;`, `&amp;`
    Entity,
    /// `=C3=B8` and soft line breaks, the Q encoding of mail headers included.
    Quoted,
    /// A value that goes on in the next line behind at least ten spaces.
    Wrapped,
    /// `<b>Greta</b> Schmidt`: tags of HTML that stand inside a line.
    Markup,
    /// Every second byte is NUL.
    Wide,
}

impl Rung {
    /// All rungs.
    pub const ALL: [Rung; 9] = [
        Rung::Percent,
        Rung::Form,
        Rung::Json,
        Rung::Ldap,
        Rung::Entity,
        Rung::Quoted,
        Rung::Wrapped,
        Rung::Markup,
        Rung::Wide,
    ];
}

/// An escape: where its character stands in the view, and where its bytes stand in the text.
#[derive(Clone, Copy, Debug)]
struct Escape {
    view: (usize, usize),
    text: (usize, usize),
}

/// A stretch of text with one encoding taken off.
pub(super) struct View {
    /// The decoded text.
    pub text: String,
    start: usize,
    escapes: Vec<Escape>,
}

impl View {
    /// The place in the text of a place in the view.
    pub fn origin(&self, at: usize) -> usize {
        let before = self.escapes.partition_point(|escape| escape.view.0 <= at);
        // Of several escapes that stand for nothing at one place, the last one counts.
        match before.checked_sub(1).map(|last| &self.escapes[last]) {
            Some(escape) if at >= escape.view.1 => escape.text.1 + (at - escape.view.1),
            Some(escape) => escape.text.0,
            None => self.start + at,
        }
    }

    /// The place in the text where something that ends at `at` ends.
    pub fn end(&self, at: usize) -> usize {
        let before = self.escapes.partition_point(|escape| escape.view.0 < at);
        match before.checked_sub(1).map(|last| &self.escapes[last]) {
            Some(escape) if at >= escape.view.1 => escape.text.1 + (at - escape.view.1),
            Some(escape) => escape.text.0,
            None => self.start + at,
        }
    }

    /// The escapes in and beside a range of the view.
    fn touched(&self, range: &Range<usize>) -> &[Escape] {
        let from = self.escapes.partition_point(|escape| escape.view.1 < range.start);
        let to = self.escapes.partition_point(|escape| escape.view.0 <= range.end);
        &self.escapes[from..to.max(from)]
    }

    /// Whether an escape stands in the range or borders on it. What touches none is found in the text
    /// as it stands.
    pub fn touches(&self, range: &Range<usize>) -> bool {
        !self.touched(range).is_empty()
    }

    /// Writes a replacement for the range of the view in the encoding of the text: what stood escaped
    /// is escaped, and whatever the encoding demands.
    pub fn encode(&self, rung: Rung, range: &Range<usize>, fresh: &[u8], source: &str) -> Vec<u8> {
        let mut escaped = [false; 128];
        let (mut beyond, mut lower) = (false, false);
        let mut breaks = Vec::new();
        for escape in self.touched(range) {
            let empty = escape.view.0 == escape.view.1;
            let inside = !empty && escape.view.0 < range.end && escape.view.1 > range.start;
            let between = empty && escape.view.0 > range.start && escape.view.1 < range.end;
            let written = &source[escape.text.0..escape.text.1];
            if inside {
                lower |= written.bytes().any(|b| matches!(b, b'a'..=b'f'));
                for byte in self.text[escape.view.0..escape.view.1].bytes() {
                    match escaped.get_mut(usize::from(byte)) {
                        Some(known) => *known |= !(byte.is_ascii_alphanumeric() || byte == b'-'),
                        None => beyond = true,
                    }
                }
            } else if between && rung != Rung::Wide {
                // A line break inside the value: it stays, behind the replacement.
                breaks.extend_from_slice(written.as_bytes());
            }
        }
        let mut out = Vec::with_capacity(fresh.len() + 16);
        match std::str::from_utf8(fresh) {
            Ok(text) => {
                for c in text.chars() {
                    let known = escaped.get(c as usize).copied();
                    write(rung, c, known.unwrap_or(beyond), lower, &mut out);
                }
            }
            Err(_) => out.extend_from_slice(b"[redacted:text]"),
        }
        if rung == Rung::Wide {
            out.pop();
        }
        out.extend_from_slice(&breaks);
        out
    }
}

/// Writes one character.
fn write(rung: Rung, c: char, escaped: bool, lower: bool, out: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).as_bytes();
    let hex = |out: &mut Vec<u8>, mark: u8, lower: bool| {
        for byte in bytes {
            out.push(mark);
            out.extend(if lower { format!("{byte:02x}") } else { format!("{byte:02X}") }.into_bytes());
        }
    };
    match rung {
        Rung::Percent | Rung::Form => {
            let fits = c.is_ascii_alphanumeric() || "-._~:/@+$#\\%[]".contains(c);
            match c {
                ' ' if rung == Rung::Form => out.push(b'+'),
                _ if escaped || !fits => hex(out, b'%', lower),
                _ => out.extend_from_slice(bytes),
            }
        }
        Rung::Json => match c {
            '"' | '\\' => out.extend([b'\\', c as u8]),
            '/' if escaped => out.extend_from_slice(b"\\/"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            _ if escaped && c != '\'' => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.extend(format!("\\u{unit:04x}").into_bytes());
                }
            }
            _ => out.extend_from_slice(bytes),
        },
        Rung::Ldap => match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '*' | '(' | ')' | '\0' => hex(out, b'\\', lower),
            _ if escaped && c != ' ' => hex(out, b'\\', lower),
            _ => out.extend_from_slice(bytes),
        },
        Rung::Entity => match c {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            _ if escaped => out.extend(format!("&#{};", u32::from(c)).into_bytes()),
            _ => out.extend_from_slice(bytes),
        },
        Rung::Quoted if escaped || c == '=' || !c.is_ascii() => hex(out, b'=', false),
        Rung::Wide => {
            out.extend_from_slice(bytes);
            out.push(0);
        }
        Rung::Quoted | Rung::Wrapped | Rung::Markup => out.extend_from_slice(bytes),
    }
}

/// How far around an escape a view reaches, in bytes, before it looks for a place to be cut.
const REACH: usize = 320;

/// Most bytes that a value found in a view is expected to have beside its last escape.
const SLACK: usize = 320;

/// The views of a text under a rung: one for each stretch with escapes in it.
pub(super) fn views(rung: Rung, seen: Seen, text: &str) -> Vec<View> {
    if !seen.allows(rung) {
        return Vec::new();
    }
    let mut regions: Vec<(usize, usize)> = Vec::new();
    triggers(rung, text.as_bytes(), |at| {
        let region = (open(rung, text, at), close(rung, text, at));
        match regions.last_mut() {
            Some(last) if last.1 >= region.0 => last.1 = last.1.max(region.1),
            _ => regions.push(region),
        }
    });
    regions.into_iter().map(|(from, to)| view(rung, text, from, to)).collect()
}

/// Calls `each` with the place of everything that is worth a view, in order.
fn triggers(rung: Rung, bytes: &[u8], mut each: impl FnMut(usize)) {
    let mark = match rung {
        Rung::Percent => b'%',
        Rung::Form => b'+',
        Rung::Json | Rung::Ldap => b'\\',
        Rung::Entity => b'&',
        Rung::Quoted => b'=',
        Rung::Wrapped => b'\n',
        Rung::Markup => b'<',
        Rung::Wide => 0,
    };
    let mut next = 0;
    for at in memchr::memchr_iter(mark, bytes) {
        if at < next {
            continue;
        }
        let found = match rung {
            Rung::Percent | Rung::Wide => rung == Rung::Wide || hex(bytes, at + 1).is_some(),
            Rung::Form => {
                at > 0
                    && (bytes[at - 1].is_ascii_alphabetic() || bytes[at - 1] >= 0x80)
                    && bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80 || *b == b'%')
            }
            Rung::Entity => reference(bytes, at).is_some(),
            Rung::Quoted => is_quoted(bytes, at) || soft_break(bytes, at).is_some(),
            Rung::Wrapped => continuation(bytes, at).is_some(),
            Rung::Markup => tag(bytes, at).is_some(),
            Rung::Json => {
                let run = bytes[at..].iter().take_while(|b| **b == b'\\').count();
                next = at + run;
                match bytes.get(next) {
                    Some(b'u') => unit(bytes, next + 1).is_some(),
                    Some(b'/') => true,
                    Some(b'\'') => run == 1,
                    Some(b'"') => at > 0 && bytes[at - 1] == b' ',
                    Some(b'n' | b'r' | b't') => {
                        at > 0
                            && bytes[at - 1].is_ascii_lowercase()
                            && bytes.get(next + 1).is_some_and(u8::is_ascii_uppercase)
                    }
                    _ => false,
                }
            }
            Rung::Ldap => match hex(bytes, at + 1) {
                Some(byte) => byte >= 0x80 || is_ldap_special(byte),
                None => bytes.get(at + 1).is_some_and(|b| b",+#=;".contains(b)),
            },
        };
        if found {
            each(at);
        }
    }
}

/// The start of the view around an escape.
fn open(rung: Rung, text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let floor = at.saturating_sub(REACH + SLACK);
    let near = at.saturating_sub(REACH);
    // Lines do not belong together, unless the rung joins them.
    let joins = matches!(rung, Rung::Quoted | Rung::Wrapped | Rung::Wide);
    let line = bytes[near..at].iter().rposition(|b| *b == b'\n' && !joins).map(|p| near + p + 1);
    let mut from = line.unwrap_or_else(|| match near {
        0 => 0,
        _ => bytes[floor..near].iter().rposition(|b| ends_value(*b)).map_or(floor, |p| floor + p + 1),
    });
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    from
}

/// The end of the view around an escape.
fn close(rung: Rung, text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let near = (at + REACH).min(bytes.len());
    let top = (near + SLACK).min(bytes.len());
    let joins = matches!(rung, Rung::Quoted | Rung::Wrapped | Rung::Wide);
    let line = bytes[at + 1..near].iter().position(|b| *b == b'\n' && !joins).map(|p| at + 1 + p);
    let mut to = line
        .unwrap_or_else(|| bytes[near..top].iter().position(|b| ends_value(*b)).map_or(top, |p| near + p));
    while !text.is_char_boundary(to) {
        to += 1;
    }
    to
}

fn ends_value(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b',' | b'\n' | b'\t' | b'<' | b'>')
}

fn view(rung: Rung, text: &str, from: usize, to: usize) -> View {
    let bytes = &text.as_bytes()[..to];
    let mut view = View { text: String::with_capacity(to - from), start: from, escapes: Vec::new() };
    let (mut at, mut copied) = (from, from);
    let mut header = false;
    while at < to {
        let next = match rung {
            Rung::Percent => escaped_bytes(bytes, at, b'%', &[], true),
            Rung::Form if bytes[at] == b'+' => Some(vec![(" ".to_owned(), at + 1)]),
            Rung::Form => escaped_bytes(bytes, at, b'%', &[], true),
            Rung::Json => json(bytes, at).map(|one| vec![one]),
            Rung::Ldap => ldap(bytes, at),
            Rung::Entity => reference(bytes, at).map(|(c, end)| vec![(c.to_string(), end)]),
            Rung::Quoted => {
                header |= bytes[at] == b'?' && matches!(bytes.get(at..at + 3), Some(b"?Q?" | b"?q?"));
                header &= !(bytes[at] == b'?' && bytes.get(at + 1) == Some(&b'='));
                match bytes[at] {
                    b'=' => match soft_break(bytes, at) {
                        Some(end) => Some(vec![(String::new(), end)]),
                        // `=3D` is `=` whatever follows: it opens values that are numbers.
                        None if hex(bytes, at + 1).is_some_and(|byte| byte < 0x80 && byte != b'=')
                            && !is_plain(bytes.get(at + 3)) =>
                        {
                            None
                        }
                        None => escaped_bytes(bytes, at, b'=', &[], header),
                    },
                    b'_' if header => Some(vec![(" ".to_owned(), at + 1)]),
                    _ => None,
                }
            }
            Rung::Wrapped => continuation(bytes, at).map(|end| vec![(String::new(), end)]),
            Rung::Markup => tag(bytes, at).map(|end| vec![(String::new(), end)]),
            Rung::Wide => (bytes[at] == 0).then(|| vec![(String::new(), at + 1)]),
        };
        let Some(decoded) = next else {
            at += 1;
            continue;
        };
        view.text.push_str(&text[copied..at]);
        for (piece, end) in decoded {
            let start = view.text.len();
            view.text.push_str(&piece);
            view.escapes.push(Escape { view: (start, view.text.len()), text: (at, end) });
            at = end;
        }
        copied = at;
    }
    view.text.push_str(&text[copied..to]);
    view
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// Two hex digits.
fn hex(bytes: &[u8], at: usize) -> Option<u8> {
    match bytes.get(at..at + 2)? {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// Four hex digits.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from(hex(bytes, at)?) << 8 | u16::from(hex(bytes, at + 2)?))
}

/// A run of escaped bytes, as characters of UTF-8; bytes that are none are characters of Latin-1, or
/// end the run.
fn escaped_bytes(
    bytes: &[u8],
    at: usize,
    mark: u8,
    also: &[u8],
    latin: bool,
) -> Option<Vec<(String, usize)>> {
    let mut run = Vec::new();
    let mut end = at;
    while bytes.get(end) == Some(&mark)
        && let Some(byte) = hex(bytes, end + 1)
        && (also.is_empty() || byte >= 0x80 || also.contains(&byte))
    {
        run.push(byte);
        end += 3;
    }
    if run.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(run.len());
    let mut position = at;
    for chunk in run.utf8_chunks() {
        for c in chunk.valid().chars() {
            position += 3 * c.len_utf8();
            out.push((c.to_string(), position));
        }
        if !latin && !chunk.invalid().is_empty() {
            break;
        }
        for byte in chunk.invalid() {
            position += 3;
            out.push((char::from(*byte).to_string(), position));
        }
    }
    (!out.is_empty()).then_some(out)
}

/// One escape of a JSON string.
fn json(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    if bytes[at] != b'\\' {
        return None;
    }
    let one = |c: &str| Some((c.to_owned(), at + 2));
    match bytes.get(at + 1)? {
        b'u' => {
            let first = unit(bytes, at + 2)?;
            if (0xd800..0xdc00).contains(&first)
                && bytes.get(at + 6..at + 8) == Some(b"\\u")
                && let Some(second) = unit(bytes, at + 8)
                && let Some(Ok(c)) = char::decode_utf16([first, second]).next()
            {
                return Some((c.to_string(), at + 12));
            }
            Some((char::from_u32(first.into())?.to_string(), at + 6))
        }
        b'\\' => one("\\"),
        b'"' => one("\""),
        b'\'' => one("'"),
        b'/' => one("/"),
        b'n' => one("\n"),
        b'r' => one("\r"),
        b't' => one("\t"),
        _ => None,
    }
}

fn is_ldap_special(byte: u8) -> bool {
    b" \"#()*+,;<=>\\@.\0".contains(&byte)
}

/// Escapes of a distinguished name or of a filter.
fn ldap(bytes: &[u8], at: usize) -> Option<Vec<(String, usize)>> {
    if bytes[at] != b'\\' {
        return None;
    }
    match bytes.get(at + 1)? {
        byte if b",+\"<>;=# ".contains(byte) => Some(vec![(char::from(*byte).to_string(), at + 2)]),
        _ => escaped_bytes(bytes, at, b'\\', b" \"#()*+,;<=>\\@.\0", true),
    }
}

/// A character reference of XML or HTML.
fn reference(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    if bytes[at] != b'&' {
        return None;
    }
    let length = bytes[at + 1..].iter().take(10).position(|b| *b == b';')?;
    let name = std::str::from_utf8(&bytes[at + 1..at + 1 + length]).ok()?;
    let c = match name.strip_prefix('#') {
        Some(digits) => {
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code).filter(|c| *c != '\0')?
        }
        None => named(name)?,
    };
    Some((c, at + 2 + length))
}

/// The character of a named reference: those of XML and those of Latin-1 in HTML 4.01 (24.2.1), whose
/// names stand in the order of their codes from U+00A0 on.
fn named(name: &str) -> Option<char> {
    const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
        sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde \
        Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc \
        Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring \
        aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml \
        divide oslash ugrave uacute ucirc uuml yacute thorn yuml";
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "commat" => '@',
        "period" => '.',
        "lowbar" => '_',
        "rsquo" => '\u{2019}',
        _ => {
            let at = LATIN.split_ascii_whitespace().position(|known| known == name)?;
            char::from_u32(0xa0 + at as u32)?
        }
    })
}

/// Whether an escape of quoted-printable stands here and no assignment such as `count=20`.
fn is_quoted(bytes: &[u8], at: usize) -> bool {
    match hex(bytes, at + 1) {
        Some(byte) if byte >= 0x80 => {
            bytes.get(at + 3) == Some(&b'=') && hex(bytes, at + 4).is_some() || in_header(bytes, at)
        }
        // `=40` between letters; a single escape of another character says nothing.
        Some(b'@') => at > 0 && bytes[at - 1].is_ascii_alphanumeric() && is_plain(bytes.get(at + 3)),
        Some(b'=') => true,
        _ => false,
    }
}

/// Whether what follows an escaped ASCII character cannot be read as a longer number.
fn is_plain(next: Option<&u8>) -> bool {
    !next.is_some_and(u8::is_ascii_digit)
}

/// Whether an encoded word of a mail header, `=?charset?Q?…`, is open before this place.
fn in_header(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[at.saturating_sub(76)..at];
    let open = before.windows(3).rposition(|w| w.eq_ignore_ascii_case(b"?Q?"));
    open.is_some_and(|open| !before[open + 3..].windows(2).any(|w| w == b"?="))
}

/// The end of a soft line break of quoted-printable: `=`, blanks, a line end.
fn soft_break(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes[at] != b'=' {
        return None;
    }
    let blanks = bytes[at + 1..].iter().take(8).take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
    (bytes.get(at + 1 + blanks) == Some(&b'\n')).then_some(at + 2 + blanks)
}

/// The end of a line break behind which a value goes on: at least ten spaces.
fn continuation(bytes: &[u8], at: usize) -> Option<usize> {
    let after = match bytes.get(at..)? {
        [b'\r', b'\n', ..] => at + 2,
        [b'\n', ..] => at + 1,
        _ => return None,
    };
    let spaces = bytes[after..].iter().take(128).take_while(|b| **b == b' ').count();
    let line = &bytes[after + spaces..];
    let line = &line[..line.iter().take(256).position(|b| *b == b'\n').unwrap_or(line.len().min(256))];
    // A line with a key of its own is none that goes on.
    let keyed = memchr::memmem::find(line, b" : ").is_some();
    let indent = indent(bytes, at).filter(|indent| (10..spaces).contains(indent)).unwrap_or(spaces);
    ((10..128).contains(&spaces) && !keyed).then_some(after + indent)
}

/// Where the value begins in the line that ends at `end`, or in one of the two before it that it goes on
/// from: behind its ` : `. A blank behind that column belongs to the value.
fn indent(bytes: &[u8], end: usize) -> Option<usize> {
    let mut end = end;
    for _ in 0..3 {
        let floor = end.saturating_sub(512);
        let start = memchr::memrchr(b'\n', &bytes[floor..end]).map_or(floor, |at| floor + at + 1);
        if let Some(colon) = memchr::memmem::find(&bytes[start..end], b" : ") {
            return Some(colon + 3);
        }
        end = start.checked_sub(1)?;
    }
    None
}

/// Elements of HTML that stand inside a line and end no word.
const INLINE: [&[u8]; 14] = [
    b"a", b"abbr", b"b", b"bdi", b"big", b"code", b"em", b"font", b"i", b"mark", b"small", b"span",
    b"strong", b"u",
];

/// The end of a tag inside a line. What stands in a tag moves with it unseen, so its attributes say no
/// more than how it looks.
fn tag(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes[at] != b'<' {
        return None;
    }
    let start = at + 1 + usize::from(bytes.get(at + 1) == Some(&b'/'));
    let length = bytes[start..].iter().take(8).take_while(|b| b.is_ascii_alphabetic()).count();
    let name = &bytes[start..start + length];
    if !INLINE.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return None;
    }
    let rest = &bytes[start + length..];
    let end = rest.iter().take(64).position(|b| *b == b'>')?;
    let looks = [&b" class="[..], b" style=", b" lang=", b" dir=", b" color="];
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b" =\"';:#%-".contains(b);
    let looks =
        end == 0 || looks.iter().any(|known| rest.starts_with(known)) && rest[..end].iter().all(plain);
    looks.then_some(start + length + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(rung: Rung, text: &str) -> String {
        views(rung, Seen::of(text.as_bytes()), text).into_iter().map(|view| view.text).collect()
    }

    #[test]
    fn each_rung_takes_its_encoding_off() {
        for (rung, text, plain) in [
            (Rung::Percent, "S%C3%B8ren%F8 100% %4", "Sørenø 100% %4"),
            (Rung::Form, "Greta+S%C3%B8ren", "Greta Søren"),
            (Rung::Json, "S\\u00f8ren \\/ \\\"x\\\" \\ud83d\\ude00 \\ud83d", "Søren / \"x\" 😀 \\ud83d"),
            (Rung::Ldap, "Jos\\c3\\a9\\, G\\28x\\29 \\Users", "José, G(x) \\Users"),
            (Rung::Entity, "R&amp;D &oslash;&#248;&#xF8;&yuml;&nope; &", "R&D øøøÿ&nope; &"),
            (Rung::Quoted, "a=C3=B8b=\r\nc=3D =?utf-8?Q?a_b?= c_d", "aøbc= =?utf-8?Q?a b?= c_d"),
            (Rung::Wrapped, "abc\r\n            def\n g", "abcdef\n g"),
            (Rung::Wrapped, "Name      : abc\n             d\n             ef", "Name      : abc d ef"),
            (Rung::Markup, "<b>Greta</b> <SPAN class='x'>S</span>", "Greta S"),
            (Rung::Wide, "a\0b\0", "ab"),
        ] {
            assert_eq!(flat(rung, text), plain, "{rung:?}");
        }
    }

    #[test]
    fn text_without_an_escape_has_no_view() {
        for text in
            ["", "plain", "100% a\\b x=y &c", "C:\\Users\\new 5+3 a = b\nc", "<a href=\"x\">1 < 2 <br></td>"]
        {
            for rung in Rung::ALL {
                assert_eq!(flat(rung, text), "", "{rung:?} {text}");
            }
        }
    }

    #[test]
    fn places_lead_back_and_replacements_are_written_as_the_value_was() {
        let text = "x greta%40contoso%2Ecom y";
        let view = &views(Rung::Percent, Seen::of(text.as_bytes()), text)[0];
        let at = view.text.find("greta").unwrap();
        let range = at..at + "greta@contoso.com".len();
        assert!(view.touches(&range) && !view.touches(&(0..1)));
        assert_eq!(&text[view.origin(range.start)..view.end(range.end)], "greta%40contoso%2Ecom");
        assert_eq!(view.encode(Rung::Percent, &range, b"u@d.x", text), b"u%40d%2Ex");
    }

    #[test]
    fn a_break_inside_a_value_stays_behind_its_replacement() {
        let text = "greta@con=\r\ntoso.com";
        let view = &views(Rung::Quoted, Seen::of(text.as_bytes()), text)[0];
        let range = 0..view.text.len();
        assert_eq!(view.encode(Rung::Quoted, &range, b"token", text), b"token=\r\n");
    }

    #[test]
    fn cuts_fall_on_characters() {
        for rung in Rung::ALL {
            for mark in
                ["%C3%B8", "\\u00f8", "&#248;", "=C3=B8", "a+b", "\n            ", "\0", "\\c3\\b8", "<b>"]
            {
                let text = format!("{}{mark}{}", "日".repeat(400), "ü".repeat(700));
                for view in views(rung, Seen::of(text.as_bytes()), &text) {
                    assert!(view.end(view.text.len()) <= text.len());
                }
            }
        }
    }
}
