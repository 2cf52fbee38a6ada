//! Inspect: what is done with a verified bundle.

pub mod forms;
mod log_rows;
pub mod records;
pub mod reveal;
pub mod scan;
pub mod summary;
