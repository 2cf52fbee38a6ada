//! Inspect: what is done with a verified bundle.

pub mod forms;
pub mod records;
pub mod reveal;
pub mod scan;
pub mod summary;
