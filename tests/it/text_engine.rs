//! Tests of: text_engine.
