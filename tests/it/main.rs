//! All integration tests: one binary.

mod house;
mod program;
mod shared;
mod tool;

mod adversary;
mod aliases;
mod bundle;
mod catalogue;
mod cli;
mod crash;
mod demo;
mod demo_bundle;
mod encryption;
mod graph;
mod long;
mod oidc;
mod onprem;
mod order;
mod policy;
mod pseudonyms;
mod real_data;
mod redaction;
mod schemas;
mod secrets;
mod share;
mod signing;
mod sources;
mod tenant;
mod text_engine;
mod workspace;
