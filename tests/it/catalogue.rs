//! Tests of: catalogue.
