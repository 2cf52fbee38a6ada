//! The decoder ladder: whatever encodings stand around and over each other, text stays text, a learned
//! address in any of them does not stay, and the leak check agrees.
#![no_main]
use entra_bundle::kind::{Kind, KindSet};
use entra_bundle::privacy::render::{Render, Rendered};
use entra_bundle::privacy::{Dictionary, LeakCheck, Learner, TextEngine};
use std::sync::LazyLock;

const NAME: &str = "zyxgreta.quvschmidt@contoso.com";
static LEARNED: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut learner = Learner::new();
    learner.learn(Kind::Upn, NAME, "users");
    learner.freeze()
});

struct Toy;
impl Render for Toy {
    fn render(&mut self, _: Kind, _: &str, out: &mut Vec<u8>) -> Rendered {
        out.extend_from_slice(b"u-aaaaaaaaaaaaa@d-aaaaaaaaaaaaa.example");
        Rendered::Replaced
    }
}

/// Takes one byte of the input for each encoding, up to three over each other.
fn encode(text: &str, rung: u8) -> String {
    let hex = |mark: &str| text.bytes().map(|b| if b == b'@' { format!("{mark}{b:02X}") } else { char::from(b).into() }).collect();
    match rung % 6 {
        0 => hex("%"),
        1 => text.replace('@', "\\u0040"),
        2 => text.replace('@', "&#64;"),
        3 => hex("="),
        4 => text.chars().flat_map(|c| [c, '\0']).collect(),
        _ => text.to_owned(),
    }
}

libfuzzer_sys::fuzz_target!(|input: (Vec<u8>, &str, &str)| {
    let (rungs, before, after) = input;
    let scan = |text: &str| {
        let mut out = Vec::new();
        TextEngine::new(&LEARNED).scan(text, &mut Toy, &mut out);
        String::from_utf8(out).expect("text stays text")
    };
    scan(before);
    scan(&format!("{before}{after}"));
    let name = rungs.iter().take(1).fold(NAME.to_owned(), |name, rung| encode(&name, *rung));
    let out = scan(&format!("x {name} y"));
    assert!(!out.contains("quvschmidt"), "a learned name stays");
    let check = LeakCheck::new(&LEARNED, KindSet::of(&[Kind::Upn, Kind::Account, Kind::Domain]), Vec::new());
    assert!(check.check("x", &mut out.as_bytes()).expect("memory does not fail").is_empty());
});
