//! The bundle: archive, manifest, signatures, trust, and the strict reader.
//!
//! Writing goes [`PartWriter`] → [`PackedPart`] → [`Draft`] → [`Sealed`]; reading goes [`verify()`] →
//! [`Verified`]. The types are distinct, so that nothing is sealed twice, nothing is written after
//! sealing, and nothing unverified is read. `docs/bundle-format.md` is the normative description.

mod archive;
mod armour;
pub mod attestation;
mod content;
mod draft;
mod embed;
pub mod encrypted;
mod finding;
pub mod grammar;
pub mod manifest;
pub mod medium;
pub mod merkle;
mod outcome;
mod output;
mod part;
pub mod path;
pub mod profile;
pub mod proof;
mod recipe;
mod series;
mod signers;
mod sink;
mod spill;
#[cfg(test)]
mod tests;
pub mod trust;
mod verified;
mod verify;
mod volumes;

pub use content::IndexLine;
pub use draft::{Draft, ManifestFacts, PartFacts, Sealed};
pub use finding::{Finding, Rule};
pub use grammar::new_bundle_id;
pub use manifest::{Completeness, DatasetOutcome, Learned, Manifest};
pub use outcome::{Check, Report, SignerLine, Standing, Verification};
pub use part::{PART_BYTES, PackedPart, PackedStatement, PartWriter, StatementWriter};
pub use profile::Limits;
pub use recipe::README;
pub use series::verify_all;
pub use trust::{Role, Trust};
pub use verified::{Line, Records, Verified};
pub use verify::{verify, verify_medium};
pub use volumes::{OwnFile, Statements, Volumes, footprint, is_volume_name};

/// The file name of a bundle: `entra-bundle-<id>.zip`. It names no tenant.
pub fn file_name(bundle_id: &str) -> String {
    format!("entra-bundle-{bundle_id}.zip")
}
