//! Tests of: redaction.
