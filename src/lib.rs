//! Diagnostic support bundles for Microsoft Entra ID: gathered, pseudonymized under a written
//! policy, leak-checked and signed.
//!
//! The line is `gather → workspace → seal → bundle → verify → read`; `docs/architecture.md` shows
//! the layers. Start at [`gather`], [`seal`] and [`inspect`].
#![forbid(unsafe_code)]

pub mod bundle;
pub mod catalogue;
pub mod cli;
#[cfg(test)]
mod crash;
pub mod crypto;
pub mod demo;
pub mod error;
pub mod event;
#[cfg(test)]
pub(crate) mod fault;
pub mod gather;
pub mod http;
pub mod inspect;
pub mod kind;
pub mod privacy;
pub mod record;
pub mod seal;
pub mod share;
pub mod source;
pub mod workspace;
