//! Gather: source → workspace.
