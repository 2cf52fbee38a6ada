//! Tests of: workspace.
