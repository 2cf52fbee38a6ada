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
    /// Whether a run is long enough for base64 and has letters of both cases.
    mixed: bool,
    /// Whether a run has three dots.
    dotted: bool,
}

impl Seen {
    /// Looks over a text that nobody has split into runs.
    pub fn of(bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        for run in bytes.split_inclusive(|b| CLASS[*b as usize] & RUN == 0) {
            let (run, end) = match run {
                [run @ .., end] if CLASS[*end as usize] & RUN == 0 => (run, CLASS[*end as usize]),
                run => (run, 0),
            };
            let bits = run.iter().fold(0, |bits, b| bits | CLASS[*b as usize]);
            let dots = if bits & DOT != 0 { run.iter().filter(|b| **b == b'.').count() } else { 0 };
            seen.note(end);
            seen.run(bits, run.len(), dots);
        }
        seen
    }

    /// Notes the class bits of bytes.
    pub fn note(&mut self, bits: u32) {
        self.bits |= bits;
    }

    /// Notes a run.
    pub fn run(&mut self, bits: u32, length: usize, dots: usize) {
        self.bits |= bits;
        self.mixed |= length >= base64::SHORTEST && bits & (UPPER | LOWER) == UPPER | LOWER;
        self.dotted |= dots >= 3;
    }

    /// Whether a byte with one of the bits stands in the text.
    pub fn has(self, bits: u32) -> bool {
        self.bits & bits != 0
    }

    /// Whether a run is long enough for base64 and has letters of both cases.
    pub fn mixed(self) -> bool {
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
    use super::*;
    use crate::privacy::learn::Learner;

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
