//! The simulated tenant.

pub mod tenant;
