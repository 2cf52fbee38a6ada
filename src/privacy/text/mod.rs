//! The free-text engine: secrets, then typed shapes, then learned names, in one pass to the output.
//!
//! Invariants: replacement is by span, and what was written is never scanned again; every found
//! value goes through [`Render`], which knows the policy; time is linear in the text, whatever it
//! holds; nothing found is ever written where the renderer does not say so.
//!
//! Encoded text is decoded, scanned and encoded again the same way: text that is JSON as a whole in
//! `ladder.rs`, values that stand encoded inside a text in `encoded.rs`.

mod account;
mod address;
mod base64;
mod context;
mod cut;
mod dn;
mod dress;
mod encoded;
mod host;
mod id;
mod ladder;
mod mail;
mod rungs;
mod seen;
mod shapes;
mod span;
pub mod switch;
mod wording;
mod wordlist;
mod words;

use super::dictionary::Dictionary;
use super::render::{Render, Rendered};
use crate::kind::Kind;
use seen::Seen;
use span::{Span, What};

/// Scans free text under a dictionary. Cheap to make, shareable between threads.
#[derive(Clone, Copy)]
pub struct TextEngine<'a> {
    dictionary: &'a Dictionary,
    /// Whether of the words between finds only wording stays.
    wording_only: bool,
    /// The part that a test takes away; empty in the program.
    without: &'static str,
}

/// Where a text stands.
#[derive(Clone, Copy, Default)]
struct Place {
    /// How many encodings were taken off, beside JSON.
    depth: u8,
    /// How many levels of JSON were taken off.
    json: u8,
    /// Whether the text is the value of a member that announces an account.
    announced: bool,
    /// Whether the text is a view in which every `+` is a space: base64 is not told from words there.
    form: bool,
}

/// Room for the finds of most texts, and for what becomes of most finds, in bytes.
const SPANS: usize = 16;
const PIECE: usize = 128;

impl<'a> TextEngine<'a> {
    /// An engine over a frozen dictionary.
    pub fn new(dictionary: &'a Dictionary) -> Self {
        TextEngine { dictionary, wording_only: false, without: "" }
    }

    /// An engine without one of its parts: for tests that demand that somebody misses it.
    #[doc(hidden)]
    #[must_use]
    pub fn without(self, part: &'static str) -> Self {
        TextEngine { without: part, ..self }
    }

    fn has(&self, part: &str) -> bool {
        self.without != part
    }

    /// Takes the finds of the missing recogniser out.
    fn sift(&self, spans: &mut Vec<Span>) {
        if !self.without.is_empty() {
            spans.retain(|span| switch::recogniser(span) != self.without);
        }
    }

    /// The recognisers that find something in a text, by name.
    #[doc(hidden)]
    pub fn recognisers(&self, text: &str) -> Vec<&'static str> {
        let mut spans = Vec::new();
        shapes::find(text, self.dictionary, &mut spans);
        spans.iter().map(switch::recogniser).collect()
    }

    /// The engine for texts: where the dictionary says so, it leaves out every word that is no wording.
    #[must_use]
    pub fn of_texts(self) -> Self {
        TextEngine { wording_only: self.dictionary.keeps_wording_only(), ..self }
    }

    /// Scans `text` (plain, unescaped) and appends the treated text to `out`; returns the number of
    /// replacements. Every found value goes through `render`.
    pub fn scan(&self, text: &str, render: &mut dyn Render, out: &mut Vec<u8>) -> u64 {
        self.scan_at(text, Place::default(), render, out)
    }

    fn scan_at(&self, text: &str, place: Place, render: &mut dyn Render, out: &mut Vec<u8>) -> u64 {
        if self.has("json as a whole")
            && let Some(replaced) = ladder::json(self, text, place, render, out)
        {
            return replaced;
        }
        let mut spans: Vec<Span> = Vec::with_capacity(SPANS);
        let seen = shapes::find(text, self.dictionary, &mut spans);
        self.sift(&mut spans);
        let mut fresh = Vec::new();
        match ladder::embedded(self, text, seen, place, render, &mut spans, &mut fresh) {
            Some(rest) => {
                let seen = Seen::of(rest.as_bytes());
                encoded::add(self, &rest, seen, place, render, &mut spans, &mut fresh);
            }
            None => encoded::add(self, text, seen, place, render, &mut spans, &mut fresh),
        }
        span::resolve(&mut spans);
        let mut replaced = 0;
        let mut at = 0;
        let (mut piece, mut kept) =
            (Vec::with_capacity(if spans.is_empty() { 0 } else { PIECE }), Vec::new());
        for span in &spans {
            piece.clear();
            let count = self.span(text, span, &fresh, render, &mut piece);
            if count == 0 && span.what != What::Keep && joins(text.as_bytes(), span) {
                // What the policy keeps may be part of a name: `SPO_Arbitration_<guid>`.
                kept.push((span.start, span.end));
                continue;
            }
            replaced += self.names(text, at, span.start, &kept, place, render, out) + count;
            out.extend_from_slice(&piece);
            at = span.end;
        }
        replaced + self.names(text, at, text.len(), &kept, place, render, out)
    }

    /// Writes a stretch without shapes, or with those in `kept`, inside of which no name is looked for.
    #[expect(clippy::too_many_arguments, reason = "a stretch of a text and where what becomes of it goes")]
    fn names(
        &self,
        text: &str,
        from: usize,
        to: usize,
        kept: &[(usize, usize)],
        place: Place,
        render: &mut dyn Render,
        out: &mut Vec<u8>,
    ) -> u64 {
        let mut at = if self.has("learned names") { from } else { to };
        let (mut copied, mut replaced, mut shorter, mut fresh) = (from, 0, usize::MAX, Vec::new());
        while let Some(name) = words::next(text, at, to, shorter, place.announced, self.dictionary) {
            let within = |(start, end): &(usize, usize)| {
                *start <= name.start && name.end <= *end && name.end - name.start < end - start
            };
            if kept.iter().any(within) {
                (at, shorter) = (name.end, usize::MAX);
                continue;
            }
            fresh.clear();
            let treated = treat(name.kind, name.value, &text[name.start..name.end], render, &mut fresh);
            if treated == 0 {
                // The policy keeps it (a group's name, say); a person may stand inside.
                (at, shorter) = (name.start, name.end);
            } else {
                replaced += treated + self.plain(text, copied, name.start, kept, render, out);
                out.extend_from_slice(&fresh);
                out.extend_from_slice(line_break(&text[name.start..name.end]).as_bytes());
                (at, shorter) = (name.end, usize::MAX);
                copied = at;
            }
        }
        replaced + self.plain(text, copied, to, kept, render, out)
    }

    /// Writes a stretch without finds but those in `kept`.
    fn plain(
        &self,
        text: &str,
        from: usize,
        to: usize,
        kept: &[(usize, usize)],
        render: &mut dyn Render,
        out: &mut Vec<u8>,
    ) -> u64 {
        if !self.wording_only {
            out.extend_from_slice(&text.as_bytes()[from..to]);
            return 0;
        }
        let (mut at, mut left_out) = (from, 0);
        for (start, end) in kept.iter().filter(|(start, end)| *start >= from && *end <= to) {
            left_out += wording::copy(&text[at..*start], out);
            out.extend_from_slice(&text.as_bytes()[*start..*end]);
            at = *end;
        }
        left_out += wording::copy(&text[at..to], out);
        (0..left_out).for_each(|_| render.lint(wording::UNKNOWN));
        left_out
    }

    /// Writes what became of a span.
    fn span(
        &self,
        text: &str,
        span: &Span,
        fresh: &[Vec<u8>],
        render: &mut dyn Render,
        out: &mut Vec<u8>,
    ) -> u64 {
        let found = &text[span.start..span.end];
        match span.what {
            What::Secret(what) => {
                out.extend_from_slice(b"[secret:");
                out.extend_from_slice(what.as_bytes());
                out.push(b']');
                1
            }
            What::Value(kind) => treat(kind, found, found, render, out),
            What::Account(count) => {
                let slashes = "\\".repeat(count.into());
                let mut fresh = Vec::new();
                let replaced =
                    treat(Kind::Account, &found.replacen(&slashes, "\\", 1), "", render, &mut fresh);
                if replaced == 0 {
                    out.extend_from_slice(found.as_bytes());
                }
                for byte in fresh {
                    if byte == b'\\' { out.extend_from_slice(slashes.as_bytes()) } else { out.push(byte) }
                }
                replaced
            }
            What::FoldedAddress(separator) => {
                let address = found.replace(separator as char, ".");
                let mut fresh = Vec::new();
                let replaced = treat(Kind::IpAddress, &address, "", render, &mut fresh);
                if replaced == 0 {
                    out.extend_from_slice(found.as_bytes());
                } else if fresh.starts_with(b"[redacted:") {
                    out.extend_from_slice(&fresh);
                } else {
                    out.extend(fresh.iter().map(|b| if matches!(b, b':' | b'.') { separator } else { *b }));
                }
                replaced
            }
            What::Octets(count) => {
                let slashes = "\\".repeat(count.into());
                let mut fresh = Vec::new();
                let replaced =
                    treat(Kind::ObjectId, &found.replace(&slashes, "\\"), found, render, &mut fresh);
                for byte in fresh {
                    if byte == b'\\' && replaced > 0 {
                        out.extend_from_slice(slashes.as_bytes());
                    } else {
                        out.push(byte);
                    }
                }
                replaced
            }
            What::BareAnchor => {
                let mut fresh = Vec::new();
                let replaced = treat(Kind::Anchor, &format!("{found}=="), found, render, &mut fresh);
                out.extend_from_slice(fresh.strip_suffix(b"==").unwrap_or(&fresh));
                replaced
            }
            What::Packed => {
                let octets: Vec<&str> = (0..found.len() / 2).map(|at| &found[2 * at..2 * at + 2]).collect();
                let mut fresh = Vec::new();
                let replaced = treat(Kind::ObjectId, &octets.join(" "), found, render, &mut fresh);
                let spaced = !fresh.starts_with(b"[");
                out.extend(fresh.into_iter().filter(|b| !spaced || *b != b' '));
                replaced
            }
            What::FoldedHost(domain) => {
                let (host, domain) = found.split_at(found.len() - usize::from(domain));
                let name = format!("{}.{}", host.trim_end_matches('-'), domain.replace('-', "."));
                treat(Kind::Host, &name, found, render, out)
            }
            What::FoldedUpn => match self.dictionary.unfold(found) {
                Some(original) => {
                    let mut fresh = Vec::new();
                    let replaced = treat(Kind::Upn, original.text, found, render, &mut fresh);
                    out.extend(fresh.iter().map(|b| if *b == b'@' { b'_' } else { *b }));
                    replaced
                }
                None => {
                    render.lint(cut::AMBIGUOUS);
                    treat(Kind::Account, found, found, render, out)
                }
            },
            What::Fresh(at) => {
                out.extend_from_slice(fresh.get(at as usize).map_or(b"[redacted:text]", Vec::as_slice));
                1
            }
            What::Keep => {
                out.extend_from_slice(found.as_bytes());
                0
            }
        }
    }
}

/// The secrets of a text, for the tests of their recognisers.
#[cfg(test)]
pub(super) fn secrets_of(text: &str, dictionary: &Dictionary) -> Vec<super::secrets::Secret> {
    let mut spans = Vec::new();
    shapes::find(text, dictionary, &mut spans);
    span::resolve(&mut spans);
    let secret = |span: &Span| match span.what {
        What::Secret(what) => Some(super::secrets::Secret { start: span.start, end: span.end, what }),
        _ => None,
    };
    spans.iter().filter_map(secret).collect()
}

/// Whether a name may go on beside a span.
fn joins(bytes: &[u8], span: &Span) -> bool {
    let joint = |b: Option<&u8>| b.is_some_and(|b| matches!(b, b'_' | b'-' | b'.'));
    joint(bytes.get(span.end)) || (span.start > 0 && joint(bytes.get(span.start - 1)))
}

/// The line break inside a wrapped name, with the indent behind it: it stays, behind the replacement.
fn line_break(name: &str) -> &str {
    let Some(at) = memchr::memchr(b'\n', name.as_bytes()) else { return "" };
    let from = name[..at].trim_ascii_end().len();
    let rest = &name[at..];
    &name[from..at + rest.len() - rest.trim_ascii_start().len()]
}

/// Asks the renderer and writes: the value's replacement, or `found` where the value is kept.
fn treat(kind: Kind, value: &str, found: &str, render: &mut dyn Render, out: &mut Vec<u8>) -> u64 {
    match render.render(kind, value, out) {
        Rendered::Kept => {
            out.extend_from_slice(found.as_bytes());
            0
        }
        Rendered::Replaced => 1,
        Rendered::Dropped | Rendered::Scan => {
            out.extend_from_slice(b"[redacted:");
            out.extend_from_slice(kind.id().as_bytes());
            out.push(b']');
            1
        }
    }
}
