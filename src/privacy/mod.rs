//! Privacy: policy, pseudonyms, the redactor and the leak check.

pub mod entities;
pub mod render;
