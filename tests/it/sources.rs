//! Tests of: sources.
