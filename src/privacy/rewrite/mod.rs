//! Rewriters: bytes of a raw record in, bytes of a redacted one out.

pub mod json;
pub mod lex;
pub mod value;
