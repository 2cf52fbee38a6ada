//! Privacy: policy, pseudonyms, the redactor and the leak check.

pub mod render;
