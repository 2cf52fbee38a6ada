//! Seal: workspace → bundle.

mod ordered;
