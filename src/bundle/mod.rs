//! The bundle: archive, manifest, signatures, trust, and the strict reader.
