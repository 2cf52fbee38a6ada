//! README.txt of every bundle: what it is, and how a stranger verifies it without this program.
//!
//! The recipe in it is a copy of the one in `docs/bundle-format.md`; a test holds them together.

/// The static text.
pub const README: &str = include_str!("README.txt");
