//! Tests of: pseudonyms.
