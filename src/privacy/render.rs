//! The joint between finding a value and treating it: whoever finds a value of a known kind hands
//! it to a [`Render`], which knows the policy, the incident key and the learned entities.

use crate::kind::Kind;

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rendered {
    /// The value stays as it is; nothing was written.
    Kept,
    /// The replacement was appended to the output.
    Replaced,
    /// The value must not leave; nothing was written. In text the caller writes `[redacted:<kind>]`,
    /// in a structured field it removes the member.
    Dropped,
    /// The value is text under this policy; nothing was written. The caller scans it.
    Scan,
}

/// Treats values of known kinds under the policy.
///
/// GUIDs: an implementation first asks whether the value names a learned entity whose kind the
/// policy pseudonymises; then it is replaced whatever `kind` says.
pub trait Render {
    /// Treats `value` (plain text, without JSON quotes and escapes) as a value of `kind` and appends
    /// the replacement to `out` if there is one.
    fn render(&mut self, kind: Kind, value: &str, out: &mut Vec<u8>) -> Rendered;

    /// Counts something that is worth knowing about the data, by the id of a lint.
    fn lint(&mut self, _id: &'static str) {}
}
