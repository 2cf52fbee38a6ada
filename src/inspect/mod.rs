//! Inspect: what is done with a verified bundle.

pub mod decision;
pub mod forms;
mod log_rows;
pub mod records;
pub mod reveal;
pub mod scan;
pub mod shapes;
pub mod summary;
