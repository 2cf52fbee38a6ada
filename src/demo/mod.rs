//! The simulated tenant: its data, its export, and its services over HTTP.

pub mod http;
pub mod tenant;
