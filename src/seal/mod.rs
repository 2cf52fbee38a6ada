//! Seal: workspace → bundle.
