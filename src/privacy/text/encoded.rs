//! Values that stand encoded inside a text: each rung of the ladder gives decoded views of the stretches
//! around its escapes, the views are looked through like any text, and what touches an escape becomes a
//! span of the text with a finished replacement in the same encoding.
//!
//! A text without the first byte of an escape costs nothing. Time is linear in the text for each of at
//! most three levels: a view holds every escape once.

use super::rungs::{Rung, views};
use super::seen::Seen;
use super::span::{Span, What, rank, resolve};
use super::switch::of_rung;
use super::{Place, TextEngine, base64, cut, line_break, shapes, treat, words};
use crate::kind::Kind;
use crate::privacy::render::Render;
use std::ops::Range;

/// Most encodings that are taken off one over the other.
const DEPTH: u8 = 3;

/// A value with what stands for it.
pub(super) struct Find {
    pub start: usize,
    pub end: usize,
    pub rank: u8,
    pub fresh: Vec<u8>,
}

/// Adds the encoded values of a text to its spans; `fresh` receives their replacements.
pub(super) fn add(
    engine: &TextEngine<'_>,
    text: &str,
    seen: Seen,
    place: Place,
    render: &mut dyn Render,
    spans: &mut Vec<Span>,
    fresh: &mut Vec<Vec<u8>>,
) {
    let mut finds = Vec::new();
    find(engine, text, seen, place, render, &mut finds);
    cut::find(engine, text, seen, render, &mut finds);
    for one in finds {
        spans.push(Span {
            start: one.start,
            end: one.end,
            rank: one.rank,
            what: What::Fresh(fresh.len() as u32),
        });
        fresh.push(one.fresh);
    }
}

fn find(
    engine: &TextEngine<'_>,
    text: &str,
    seen: Seen,
    place: Place,
    render: &mut dyn Render,
    finds: &mut Vec<Find>,
) {
    if place.depth >= DEPTH {
        return;
    }
    if let Some(mixed) = seen.mixed()
        && !place.form
        && engine.has("base64")
    {
        base64::find(engine, text, mixed, place, render, finds);
    }
    if seen.plain() {
        return;
    }
    for rung in Rung::ALL {
        if !seen.allows(rung) || !engine.has(of_rung(rung)) {
            continue;
        }
        let form = place.form || rung == Rung::Form;
        let deeper = Place { depth: place.depth + 1, json: place.json, announced: false, form };
        for view in views(rung, seen, text) {
            let mut inner = Vec::new();
            look(engine, &view.text, deeper, rung, &|range| view.touches(range), render, &mut inner);
            for one in inner {
                let range = one.start..one.end;
                finds.push(Find {
                    start: view.origin(range.start),
                    end: view.end(range.end),
                    rank: if rung == Rung::Ldap { rank::DN } else { rank::ENCODED },
                    fresh: view.encode(rung, &range, &one.fresh, text),
                });
            }
        }
    }
}

/// The values of a view that touch an escape.
fn look(
    engine: &TextEngine<'_>,
    text: &str,
    place: Place,
    rung: Rung,
    touches: &dyn Fn(&Range<usize>) -> bool,
    render: &mut dyn Render,
    finds: &mut Vec<Find>,
) {
    let (mut spans, mut fresh) = (Vec::new(), Vec::new());
    let seen = match rung {
        Rung::Form => Seen::of(text.as_bytes()),
        _ => shapes::find(text, engine.dictionary, &mut spans),
    };
    engine.sift(&mut spans);
    // Without its escapes a distinguished name is another one.
    spans.retain(|span| rung != Rung::Ldap || span.what != What::Value(Kind::Dn));
    add(engine, text, seen, place, render, &mut spans, &mut fresh);
    resolve(&mut spans);
    let mut at = 0;
    for span in &spans {
        names(engine, text, at..span.start, place, touches, render, finds);
        if touches(&(span.start..span.end)) {
            let mut out = Vec::new();
            if engine.span(text, span, &fresh, render, &mut out) > 0 {
                finds.push(Find { start: span.start, end: span.end, rank: rank::ENCODED, fresh: out });
            }
        }
        at = span.end;
    }
    names(engine, text, at..text.len(), place, touches, render, finds);
}

/// The learned names of a stretch that touch an escape.
fn names(
    engine: &TextEngine<'_>,
    text: &str,
    range: Range<usize>,
    place: Place,
    touches: &dyn Fn(&Range<usize>) -> bool,
    render: &mut dyn Render,
    finds: &mut Vec<Find>,
) {
    let start = if engine.has("learned names") { range.start } else { range.end };
    let (mut at, mut shorter) = (start, usize::MAX);
    while let Some(name) = words::next(text, at, range.end, shorter, place.announced, engine.dictionary) {
        let found = name.start..name.end;
        if touches(&found) {
            let mut fresh = Vec::new();
            if treat(name.kind, name.value, &text[found.clone()], render, &mut fresh) > 0 {
                fresh.extend_from_slice(line_break(&text[found]).as_bytes());
                finds.push(Find { start: name.start, end: name.end, rank: rank::ENCODED, fresh });
            } else {
                (at, shorter) = (name.start, name.end);
                continue;
            }
        }
        (at, shorter) = (name.end, usize::MAX);
    }
}
