//! Domain and host names: below a learned domain, or below a suffix under which every label is a tenant.

use super::super::dictionary::Dictionary;
use super::dress;
use super::span::{CLASS, DASH, DIGIT, DOT, LETTER, Span, What, is_word_byte, rank, word_at, word_before};
use crate::kind::Kind;

/// Suffixes below which the next label names a tenant.
const ROUTING: &[&str] = &[
    ".b2clogin.com",
    ".ciamlogin.com",
    ".onmicrosoft.com",
    ".onmicrosoft.us",
    ".partner.onmschina.cn",
    ".sharepoint.cn",
    ".sharepoint.com",
    ".sharepoint.us",
];

/// The last labels of those.
const ROUTING_ENDS: [&str; 3] = ["com", "us", "cn"];

/// Most labels of a name that are looked at.
const LABELS: usize = 10;

/// The names in a run.
pub(crate) fn names(text: &str, start: usize, end: usize, dictionary: &Dictionary, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    if !dictionary.has_domain_ends() && !may_route(&bytes[start..end]) {
        return;
    }
    let part = |b: u8| CLASS[b as usize] & (LETTER | DIGIT | DOT | DASH) != 0;
    let mut at = start;
    while at < end {
        let length = bytes[at..end].iter().take_while(|b| part(**b)).count();
        if length == 0 {
            at += 1;
            continue;
        }
        let (mut from, mut stop) = (at, at + length);
        at = stop;
        while from < stop && !is_word_byte(bytes[from]) {
            from += 1;
        }
        while stop > from && !is_word_byte(bytes[stop - 1]) {
            stop -= 1;
        }
        if stop - from < 4 || stop - from > 253 || word_before(bytes, from) || word_at(bytes, stop) {
            continue;
        }
        if let Some(kind) = name_kind(&text[from..stop], dictionary) {
            spans.push(Span { start: from, end: stop, rank: rank::HOST, what: What::Value(kind) });
            if kind == Kind::Domain {
                dress::canonical(text, from, stop, spans);
            }
        }
    }
}

/// Whether a label begins like the last one of a suffix below which every label is a tenant.
fn may_route(run: &[u8]) -> bool {
    let starts = |rest: &[u8]| {
        ROUTING_ENDS
            .iter()
            .any(|end| rest.get(..end.len()).is_some_and(|head| head.eq_ignore_ascii_case(end.as_bytes())))
    };
    memchr::memchr_iter(b'.', run).any(|dot| starts(&run[dot + 1..]))
}

/// A host below a learned domain, written with dashes: `dc01-corp-contoso-com`. What could be two names
/// is one: the longest learned domain at the end counts.
pub(crate) fn folded(text: &str, start: usize, end: usize, dictionary: &Dictionary, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    if !dictionary.has_domain_ends() {
        return;
    }
    let part = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let mut at = start;
    while at < end {
        let length = bytes[at..end].iter().take_while(|b| part(**b)).count();
        let (from, stop) = (at, at + length);
        at = stop + 1;
        let Some(last) = bytes[from..stop].iter().rposition(|b| *b == b'-').map(|dash| from + dash) else {
            continue;
        };
        if length > 253
            || word_before(bytes, from)
            || word_at(bytes, stop)
            || !dictionary.is_domain_end(&text[last + 1..stop])
        {
            continue;
        }
        for dash in memchr::memchr_iter(b'-', &bytes[from..last]).map(|dash| from + dash) {
            let domain = &text[dash + 1..stop];
            if dash > from && dictionary.domain(&domain.replace('-', ".")).is_some() {
                let what = What::FoldedHost(domain.len() as u8);
                spans.push(Span { start: from, end: stop, rank: rank::HOST, what });
                break;
            }
        }
    }
}

/// The folder that Entra Connect exports a server's configuration to: the name of the host follows.
const EXPORTED: &[u8] = b"Exported-ServerConfiguration-";

/// The host in the name of an exported configuration's folder, learned or not.
pub(crate) fn exported(bytes: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    // The dash at the end of the words before the name is the first that can be meant.
    let mut at = start + EXPORTED.len() - 1;
    while at < end
        && let Some(dash) = memchr::memchr(b'-', &bytes[at..end]).map(|dash| at + dash)
    {
        at = dash + 1;
        let head = at - EXPORTED.len();
        if !bytes[head..at].eq_ignore_ascii_case(EXPORTED) {
            continue;
        }
        let part = |b: &u8| is_word_byte(*b) || *b == b'.' || *b == b'-';
        let mut stop = at + bytes[at..end].iter().take_while(|b| part(b)).count();
        while stop > at && !is_word_byte(bytes[stop - 1]) {
            stop -= 1;
        }
        if stop > at {
            spans.push(Span { start: at, end: stop, rank: rank::HOST, what: What::Value(Kind::Host) });
        }
    }
}

fn name_kind(name: &str, dictionary: &Dictionary) -> Option<Kind> {
    let dot = name.bytes().rposition(|b| b == b'.')?;
    let (head, end) = (&name[..dot], &name[dot + 1..]);
    if ROUTING_ENDS.iter().any(|routing| end.eq_ignore_ascii_case(routing))
        && ROUTING.iter().any(|suffix| ends_without_case(name, suffix))
    {
        return Some(Kind::Domain);
    }
    if head.is_empty() || !dictionary.is_domain_end(end) {
        return None;
    }
    if let Some(domain) = dictionary.domain(name) {
        return Some(domain.kind);
    }
    let mut rest = name;
    for _ in 0..LABELS {
        let (_, parent) = rest.split_once('.')?;
        if !parent.contains('.') {
            return None;
        }
        if let Some(domain) = dictionary.domain(parent) {
            let label = name.split('.').next().unwrap_or(name);
            let host =
                label.bytes().any(|b| b.is_ascii_digit()) || dictionary.find(label, &[Kind::Host]).is_some();
            return Some(if host { Kind::Host } else { domain.kind });
        }
        rest = parent;
    }
    None
}

fn ends_without_case(name: &str, suffix: &str) -> bool {
    name.len() > suffix.len()
        && name.as_bytes()[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::super::learn::Learner;
    use super::*;

    #[test]
    fn the_host_of_an_exported_configuration_is_found_unlearned() {
        for (text, host) in [
            ("Exported-ServerConfiguration-DC01", Some("DC01")),
            ("exported-serverconfiguration-sync-srv.corp.local", Some("sync-srv.corp.local")),
            ("x_Exported-ServerConfiguration-AD.", Some("AD")),
            ("Exported-ServerConfiguration-", None),
            ("ServerConfiguration-DC01", None),
        ] {
            let mut spans = Vec::new();
            exported(text.as_bytes(), 0, text.len(), &mut spans);
            assert_eq!(spans.first().map(|span| &text[span.start..span.end]), host, "{text}");
        }
    }

    #[test]
    fn every_suffix_ends_in_a_label_that_is_asked_for() {
        let end = |suffix: &&str| suffix.rsplit('.').next().is_some_and(|end| ROUTING_ENDS.contains(&end));
        assert!(ROUTING.iter().all(end));
        for suffix in ROUTING {
            assert!(may_route(format!("x{}:443", suffix.to_ascii_uppercase()).as_bytes()), "{suffix}");
        }
        assert!(!may_route(b"2024-05-01T00:00:00.700.") && !may_route(b"com"));
    }

    #[test]
    fn names_below_learned_domains_and_tenant_suffixes() {
        let mut learner = Learner::new();
        learner.learn(Kind::Domain, "contoso.com", "domains");
        learner.learn(Kind::Host, "adfs.contoso.com", "devices");
        learner.learn(Kind::Domain, "emea.contoso.com", "domains");
        let dictionary = learner.freeze();
        for (name, kind) in [
            ("contoso.com", Some(Kind::Domain)),
            ("EMEA.Contoso.COM", Some(Kind::Domain)),
            ("dc01.corp.contoso.com", Some(Kind::Host)),
            ("adfs.contoso.com", Some(Kind::Host)),
            ("fabrikam.onmicrosoft.com", Some(Kind::Domain)),
            ("fabrikam-my.sharepoint.com", Some(Kind::Domain)),
            ("login.microsoftonline.com", None),
            ("notcontoso.com", None),
            ("sharepoint.com", None),
            ("Microsoft.Online.Sync.Task", None),
        ] {
            assert_eq!(name_kind(name, &dictionary), kind, "{name}");
        }
    }
}
