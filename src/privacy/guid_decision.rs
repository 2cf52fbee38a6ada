//! Whether a GUID stays readable: one decision for typed fields and for text.
//!
//! 1. It names a learned entity of a kind that the policy pseudonymises: replaced, wherever it stands.
//! 2. It is published by Microsoft, or zero: it stays.
//! 3. The rule of its kind keeps it: it stays.
//!    So does the id of an application of the tenant in a text, where the rule of such ids keeps them.
//! 4. Otherwise it is replaced. The same GUID always has the same pseudonym.

use super::Dictionary;
use super::policy::treatment::Treatment;
use super::rules::Rules;
use crate::kind::{Kind, KindSet};

/// What happens to a GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Keep,
    /// It is replaced by its pseudonym.
    Pseudonymize,
    /// The rule of its kind removes it.
    Drop,
}

/// Decides about a GUID at a value of `kind`. `inside` is the kind of the kept field whose text
/// holds it, if it was found in one.
pub fn decide(
    rules: &Rules,
    dictionary: &Dictionary,
    kind: Kind,
    inside: Option<Kind>,
    guid: &[u8; 16],
) -> Fate {
    if dictionary.is_entity(guid, rules.entities()) {
        return Fate::Pseudonymize;
    }
    if is_public(guid) {
        return Fate::Keep;
    }
    let keeps = |kind: Kind| rules.treatment(kind) == Treatment::Keep;
    let technical = |kind: Kind| matches!(kind, Kind::TraceId | Kind::PublicId | Kind::Fact);
    // An application's id in a text, where the field that taught it stays readable.
    if kind == Kind::ObjectId && keeps(Kind::AppId) && dictionary.is_entity(guid, KindSet::of(&[Kind::AppId]))
    {
        return Fate::Keep;
    }
    if keeps(kind) || inside.is_some_and(|kind| technical(kind) && keeps(kind)) {
        return Fate::Keep;
    }
    match rules.treatment(kind) {
        Treatment::Drop => Fate::Drop,
        _ => Fate::Pseudonymize,
    }
}

/// Whether Microsoft publishes the GUID, or it is zero.
pub fn is_public(guid: &[u8; 16]) -> bool {
    guid.iter().all(|byte| *byte == 0) || crate::catalogue::first_party::is_public_guid(guid)
}

/// Whether a text can be a GUID in one of the dresses of typed fields: a cheap look before parsing.
pub fn may_be_guid(value: &str) -> bool {
    let bytes = value.as_bytes();
    let dashed = |from: usize| [8, 13, 18, 23].iter().all(|at| bytes.get(from + at) == Some(&b'-'));
    match bytes.len() {
        36 => dashed(0),
        38 => matches!(bytes.first(), Some(b'{' | b'(')) && dashed(1),
        45 => dashed(9),
        47 => bytes[2] == b' ' && bytes[44] == b' ',
        48 => bytes[0] == b'\\' && bytes[45] == b'\\',
        32 | 34 => {
            bytes.get(2).is_some_and(u8::is_ascii_hexdigit) && bytes[2..30].iter().all(u8::is_ascii_hexdigit)
        }
        _ => false,
    }
}
