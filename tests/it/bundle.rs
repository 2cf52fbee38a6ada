//! Tests of: bundle.
