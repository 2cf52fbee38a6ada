//! What stands in a text at all. The run splitter notes it on its way, so that recognisers which
//! nothing in the text concerns are not asked.

use super::base64;
use super::rungs::Rung;
use super::span::{
    AMPERSAND, BACKSLASH, CLASS, DOT, EQUALS, LESS, LINE, LOWER, NUL, PERCENT, PLUS, RUN, UPPER,
};

/// The classes of the bytes of a text, and what its runs are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Class bits of all bytes.
    bits: u32,
    /// Where the runs stand that are long enough for base64 and have letters of both cases: the start of
    /// the first and the end of the last.
    mixed: Option<(usize, usize)>,
    /// Whether a run has three dots.
    dotted: bool,
}

impl Seen {
    /// Looks over a text that nobody has split into runs.
    pub fn of(bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        let mut at = 0;
        for run in bytes.split_inclusive(|b| CLASS[*b as usize] & RUN == 0) {
            let (run, end) = match run {
                [run @ .., end] if CLASS[*end as usize] & RUN == 0 => (run, CLASS[*end as usize]),
                run => (run, 0),
            };
            let bits = run.iter().fold(0, |bits, b| bits | CLASS[*b as usize]);
            let dots = if bits & DOT != 0 { run.iter().filter(|b| **b == b'.').count() } else { 0 };
            seen.note(end);
            seen.run(bits, at, at + run.len(), dots);
            at += run.len() + 1;
        }
        seen
    }

    /// Notes the class bits of bytes.
    pub fn note(&mut self, bits: u32) {
        self.bits |= bits;
    }

    /// Notes a run.
    pub fn run(&mut self, bits: u32, start: usize, end: usize, dots: usize) {
        self.bits |= bits;
        self.dotted |= dots >= 3;
        if end - start >= base64::SHORTEST && bits & (UPPER | LOWER) == UPPER | LOWER {
            self.mixed = Some((self.mixed.map_or(start, |(first, _)| first), end));
        }
    }

    /// Whether a byte with one of the bits stands in the text.
    pub fn has(self, bits: u32) -> bool {
        self.bits & bits != 0
    }

    /// The stretch with all runs that are long enough for base64 and have letters of both cases.
    pub fn mixed(self) -> Option<(usize, usize)> {
        self.mixed
    }

    /// Whether a run has three dots.
    pub fn dotted(self) -> bool {
        self.dotted
    }

    /// Whether no escape of any rung can stand in the text.
    pub fn plain(self) -> bool {
        !self.has(PERCENT | PLUS | BACKSLASH | AMPERSAND | EQUALS | LINE | LESS | NUL)
    }

    /// Whether the byte that starts the escapes of a rung stands in the text.
    pub fn allows(self, rung: Rung) -> bool {
        self.has(match rung {
            Rung::Percent => PERCENT,
            Rung::Form => PLUS,
            Rung::Json | Rung::Ldap => BACKSLASH,
            Rung::Entity => AMPERSAND,
            Rung::Quoted => EQUALS,
            Rung::Wrapped => LINE,
            Rung::Markup => LESS,
            Rung::Wide => NUL,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Place, TextEngine, encoded};
    use super::*;
    use crate::kind::Kind;
    use crate::privacy::learn::Learner;
    use crate::privacy::render::{Render, Rendered};

    struct Toy;

    impl Render for Toy {
        fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered {
            out.extend_from_slice(format!("<{}:{}>", kind.id(), value.len()).as_bytes());
            Rendered::Replaced
        }
    }

    #[test]
    fn what_is_not_asked_would_find_nothing() {
        let mut learner = Learner::new();
        for address in ["greta.schmidt@contoso.com", "søren@contoso.com"] {
            learner.learn(Kind::Upn, address, "users");
        }
        learner.learn(Kind::PersonName, "Greta Schmidt", "users");
        let dictionary = learner.freeze();
        let engine = TextEngine::new(&dictionary);
        let base64 = data_encoding::BASE64.encode(b"mail of greta.schmidt@contoso.com today");
        let values = [
            "s%C3%B8ren@contoso.com".to_owned(),
            "Greta+Schmidt".to_owned(),
            "Greta\\u0020Schmidt".to_owned(),
            "s\\c3\\b8ren@contoso.com".to_owned(),
            "s&#248;ren@contoso.com".to_owned(),
            "s=C3=B8ren@contoso.com".to_owned(),
            "greta.schmidt@\n            contoso.com".to_owned(),
            "<b>Greta</b> Schmidt".to_owned(),
            "G\0r\0e\0t\0a\0 \0S\0c\0h\0m\0i\0d\0t\0".to_owned(),
            "greta.schmidt@con...".to_owned(),
            "greta.schmidt@con…".to_owned(),
            "Mail\n-------------\ngreta.schmidt".to_owned(),
            base64.clone(),
            format!("path/{base64}"),
            "no value at all".to_owned(),
        ];
        let all = |text: &str| Seen { bits: !0, mixed: Some((0, text.len())), dotted: true };
        let mut found = 0;
        for value in &values {
            for (before, behind) in [("", ""), ("x ", " y"), ("at 10:00:00.000 a-b ", "\r\n"), ("é\"", "\"")]
            {
                let text = format!("{before}{value}{behind}");
                let add = |seen: Seen| {
                    let (mut spans, mut fresh) = (Vec::new(), Vec::new());
                    let place = Place::default();
                    encoded::add(&engine, &text, seen, place, &mut Toy, &mut spans, &mut fresh);
                    (spans, fresh)
                };
                let few = add(Seen::of(text.as_bytes()));
                found += few.0.len();
                assert_eq!(few, add(all(&text)), "{text:?}");
            }
        }
        assert!(found >= 4 * (values.len() - 2), "{found}");
    }

    #[test]
    fn the_run_splitter_notes_what_a_look_of_its_own_finds() {
        let dictionary = Learner::new().freeze();
        let mut texts: Vec<String> = (0..=0x7f_u8).map(|b| format!("a{}", char::from(b))).collect();
        texts.extend(
            [
                "",
                "é… x",
                "a...b",
                "..",
                ". . .",
                "1.2.3",
                "x=QUJDREVGR0hJSktMTU5PUFFSU1RVabcdefgh==",
                "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                "https://contoso.com/Some/Long/Path/With/Upper?q=1&b=%20+\n<b>",
            ]
            .map(String::from),
        );
        for text in texts {
            let seen = super::super::shapes::find(&text, &dictionary, &mut Vec::new());
            assert_eq!(seen, Seen::of(text.as_bytes()), "{text:?}");
            for rung in Rung::ALL {
                assert!(!(seen.plain() && seen.allows(rung)), "{text:?}");
            }
        }
    }
}
