//! Inspect: what is done with a verified bundle.
