//! Looking at record after record of one file: most members stood in the record before with the same
//! bytes, so that they are valid and what they say is known.

use super::look::{Seen, look};
use super::rules::{Rules, Slot};
use crate::record::{Known, Link};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Numbers of names by which it is judged whether their members repeat.
const NAMES: u32 = 1 << 10;

/// A member that was looked at.
struct Member {
    bit: Option<u16>,
    /// The value of a member whose value matters, and where it stands in the member.
    value: Option<(Slot, usize, usize)>,
    upper: bool,
    brackets: usize,
}

/// A name of a member.
#[derive(Clone, Copy)]
struct Name {
    bit: Option<u16>,
    slot: Option<Slot>,
    upper: bool,
    /// By which it is judged whether its members repeat.
    number: u32,
}

/// Looks at the records of one file, and remembers members and their names.
#[derive(Default)]
pub struct Looker {
    known: Known<Member>,
    names: Known<Name>,
}

/// What a look at a record gives.
pub(super) struct Looked<'r> {
    pub seen: Seen<'r>,
    /// No less than the depth: opening brackets, those in some strings too.
    pub brackets: usize,
}

impl Looker {
    /// Reads the top-level members of an object; `None` if the text is not one valid object.
    pub(super) fn look<'r>(&mut self, rules: &Rules, json: &'r str) -> Option<Looked<'r>> {
        let mut looked = Looked { seen: Seen::default(), brackets: 1 };
        if self.members(rules, json, &mut looked).is_some() {
            return Some(looked);
        }
        // Rare, and for one judge alone to say: no object, or an empty or a broken one.
        Some(Looked { seen: look(rules, json)?, brackets: brackets(json.as_bytes()) })
    }

    fn members<'r>(&mut self, rules: &Rules, json: &'r str, looked: &mut Looked<'r>) -> Option<()> {
        let bytes = json.as_bytes();
        let mut at = space(bytes, 0);
        (bytes.get(at) == Some(&b'{')).then_some(())?;
        at += 1;
        let mut link = Link::place(0);
        let mut first = true;
        loop {
            let start = at;
            if let Some(found) = self.known.follow(link, 0, &bytes[start..]) {
                let (length, _, member) = self.known.get(found)?;
                at = start + length - 1;
                looked.take(member, json, start, first);
                self.known.hit(found);
                link = found.into();
            } else {
                let (member, number, end) = self.read(rules, json, start)?;
                at = end;
                looked.take(&member, json, start, first);
                let before = std::mem::replace(&mut link, Link::place(1 + number));
                if self.known.is_worth(number) {
                    let item = bytes.get(start..=end)?;
                    let found = match self.known.find(0, item) {
                        Some(found) => {
                            self.known.was_worth(number);
                            Some(found)
                        }
                        None => self.known.learn(0, item, &[], (member, 0), |_, _| ()),
                    };
                    if let Some(found) = found {
                        self.known.connect(before, found);
                        link = found.into();
                    }
                }
            }
            first = false;
            match bytes.get(at)? {
                b',' => at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        (space(bytes, at + 1) == bytes.len()).then_some(())
    }

    /// Reads the member at `start`: what it says, the number of its name, and where the comma or the brace
    /// behind it stands.
    fn read(&mut self, rules: &Rules, json: &str, start: usize) -> Option<(Member, u32, usize)> {
        let bytes = json.as_bytes();
        let at = space(bytes, start);
        let (to, _) = value(json, at)?;
        let name = self.name(rules, &json[at..to])?;
        let colon = space(bytes, to);
        (bytes.get(colon) == Some(&b':')).then_some(())?;
        let from = space(bytes, colon + 1);
        let (to, brackets) = value(json, from)?;
        let value = name.slot.map(|slot| (slot, from - start, to - start));
        let member = Member { bit: name.bit, value, upper: name.upper, brackets };
        Some((member, name.number, space(bytes, to)))
    }

    /// What is known of a name, which stands between quotes.
    fn name(&mut self, rules: &Rules, quoted: &str) -> Option<Name> {
        if let Some((.., name)) = self.names.find(0, quoted.as_bytes()).and_then(|at| self.names.get(at)) {
            return Some(*name);
        }
        let text: Cow<'_, str> = match memchr::memchr(b'\\', quoted.as_bytes()) {
            None => Cow::Borrowed(quoted.strip_prefix('"')?.strip_suffix('"')?),
            Some(_) => serde_json::from_str(quoted).ok()?,
        };
        let hash = |hash: u32, byte: u8| hash.wrapping_mul(33) ^ u32::from(byte);
        let bit = rules.member(&text);
        let name = Name {
            bit,
            slot: bit.and_then(|bit| rules.slot(bit)),
            upper: text.starts_with(|c: char| c.is_ascii_uppercase()),
            number: text.bytes().fold(5381, hash) % NAMES,
        };
        self.names.learn(0, quoted.as_bytes(), &[], (name, 0), |_, _| ());
        Some(name)
    }
}

impl<'r> Looked<'r> {
    fn take(&mut self, member: &Member, json: &'r str, start: usize, first: bool) {
        if first {
            self.seen.upper = member.upper;
        }
        if let Some(bit) = member.bit {
            self.seen.bits.set(bit);
        }
        if let Some((slot, from, to)) = member.value {
            self.seen.set(slot, json.get(start + from..start + to));
        }
        self.brackets += member.brackets;
    }
}

/// Where the JSON value at `at` ends, and no less than its depth.
fn value(json: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = json.as_bytes();
    // Most values are strings without escapes; the rest has a judge that knows the grammar.
    if bytes.get(at) == Some(&b'"') {
        let plain = bytes[at + 1..].iter().take_while(|b| !matches!(b, b'"' | b'\\' | ..=0x1f)).count();
        if bytes.get(at + 1 + plain) == Some(&b'"') {
            return Some((at + plain + 2, 0));
        }
    }
    let mut values = serde_json::Deserializer::from_str(json.get(at..)?).into_iter::<&RawValue>();
    let value = values.next()?.ok()?.get();
    Some((at + value.len(), brackets(value.as_bytes())))
}

fn space(bytes: &[u8], from: usize) -> usize {
    let spaces = |b: &&u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
    from + bytes.get(from..).unwrap_or_default().iter().take_while(spaces).count()
}

fn brackets(bytes: &[u8]) -> usize {
    // Both brackets differ in one bit. Sums of bytes are quick, and 255 of them fit.
    let opens = |byte: &u8| u8::from(byte | 0x20 == b'{');
    bytes.chunks(255).map(|chunk| usize::from(chunk.iter().map(opens).sum::<u8>())).sum()
}

#[cfg(test)]
mod tests {
    use super::super::{Hint, record, record_of};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_known_changes_no_verdict() {
        let rules = Rules::builtin();
        let mut looker = Looker::default();
        let texts = [
            r#"{"createdDateTime":"x","clientAppUsed":"y","isInteractive":false}"#,
            r#"{"createdDateTime":"x","clientAppUsed":"y","isInteractive":true}"#,
            r#"{"createdDateTime":"x","clientAppUsed":"y","isInteractive":tru}"#,
            r#"{"createdDateTime":"x","clientAppUsed":"y","isInteractive":false} x"#,
            r#"{"createdDateTime":"x","clientAppUsed":"y",}"#,
            r#"{"createdDateTime":"x" , "clientAppUsed" :"y"}"#,
            r#"{"time":"t","category":"SignInLogs","properties":{"a":[1]}}"#,
            r#"{"time":"t","category":"AuditLogs","properties":{"a":[1]}}"#,
            r#"{"\u0069d":"1","userPrincipalName":"x"}"#,
            "{}",
            "[]",
            " { } ",
            "",
            r#"{"a":1e}"#,
            r#"{"a":01}"#,
            r#"{"a" 1}"#,
            r#"{1:2}"#,
        ];
        for text in texts.iter().chain(&texts) {
            assert_eq!(
                record_of(&mut looker, rules, text, &Hint::default()).0,
                record(rules, text, &Hint::default()),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn looking_again_sees_the_same(
            records in proptest::collection::vec(proptest::collection::vec(
                ("[ ]{0,1}\"(id|category|time|a)\"[ ]{0,1}", "(1|\"x\"|\"AuditLogs\"|\\[\\{\\}\\]|tru|true|1 |)"), 0..5), 1..12),
        ) {
            let (rules, mut looker) = (Rules::builtin(), Looker::default());
            for members in records {
                let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                let text = format!("{{{}}}", members.join(","));
                let (plain, again) = (look(rules, &text), looker.look(rules, &text));
                prop_assert_eq!(plain.is_some(), again.is_some(), "{}", text);
                if let (Some(plain), Some(again)) = (plain, again) {
                    prop_assert_eq!(format!("{plain:?}"), format!("{:?}", again.seen), "{}", text);
                    let depth = if text.contains("[{}]") { 3 } else { 1 };
                    prop_assert!((depth..=brackets(text.as_bytes())).contains(&again.brackets), "{}", text);
                }
            }
        }
    }
}
