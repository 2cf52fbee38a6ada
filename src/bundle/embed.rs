//! A copy of a bundle with one more attestation line: only the last entry and what follows it change.

use super::finding::class_of;
use super::outcome::Check;
use super::verified::Verified;
use super::verify::verify_medium;
use super::{attestation, path, profile};
use crate::crypto;
use crate::error::{self, Error, Result};
use crate::record::Statement;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

impl Verified {
    /// Writes the bundle with a further line to `out`, which must not exist. Every byte up to the
    /// attestations stays, so all offsets, digests and signatures hold; the copy is verified with
    /// `check` before it gets its name. Gives size and SHA-256 (hex) of the file.
    ///
    /// # Errors
    /// A bundle that was sealed for encryption: the copy would lie in clear.
    pub fn embed(&self, line: &Statement, out: &Path, check: &Check) -> Result<(u64, String)> {
        if !self.manifest().intended_recipients.is_empty() {
            return Err(Error::usage("the bundle was sealed for encryption, and a copy would lie in clear")
                .hint("write the signature to a file of its own, without --embed"));
        }
        let failed = |e| Error::io("cannot write the bundle", e);
        let mut lines = self.read(path::ATTESTATIONS)?;
        lines.extend_from_slice(line.bytes());
        lines.push(b'\n');
        let many = lines.iter().filter(|b| **b == b'\n').count() > attestation::LINES;
        if many || lines.len() as u64 > check.limits.attestation_bytes {
            return Err(Error::new(error::Kind::Limit, "the bundle has no room for a further signature"));
        }
        if out.symlink_metadata().is_ok() {
            return Err(Error::usage("the output already exists").hint("choose another --out"));
        }
        let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".entra-bundle-").suffix(".partial").tempfile_in(folder);
        let mut file = file.map_err(failed)?;
        self.copy(&lines, &mut file).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        let again: File = file.reopen().map_err(failed)?;
        let outcome = verify_medium(Arc::new(again), check)?;
        if outcome.manifest.as_deref() != Some(self.manifest()) || outcome.code() != 0 {
            let kind = class_of(&outcome.findings).unwrap_or(error::Kind::Internal);
            let first = outcome.findings.first().map(ToString::to_string).unwrap_or_default();
            return Err(Error::new(kind, format!("the copy does not verify: {first}")));
        }
        let size = file.as_file().metadata().map_err(failed)?.len();
        file.persist_noclobber(out).map_err(|e| failed(e.error))?;
        Ok((size, outcome.zip_sha256.unwrap_or_default()))
    }

    fn copy(&self, lines: &[u8], out: &mut impl Write) -> io::Result<()> {
        let structure = self.structure();
        let Some(last) = structure.entries.last().filter(|slot| slot.name == path::ATTESTATIONS) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let size = u32::try_from(lines.len()).map_err(io::Error::other)?;
        let mut sizes = crc32fast::hash(lines).to_le_bytes().to_vec();
        sizes.extend_from_slice(&size.to_le_bytes());
        sizes.extend_from_slice(&size.to_le_bytes());

        let mut buffer = vec![0; 256 * 1024];
        let mut at = 0;
        while at < last.header {
            let want = usize::try_from(last.header - at).unwrap_or(usize::MAX).min(buffer.len());
            let Some(space) = buffer.get_mut(..want) else { break };
            self.medium().read_exact_at(at, space)?;
            out.write_all(space)?;
            at += want as u64;
        }
        // Local header and central record keep everything but checksum and sizes.
        let mut header = vec![0; usize::try_from(last.data - last.header).map_err(io::Error::other)?];
        self.medium().read_exact_at(last.header, &mut header)?;
        replace(&mut header, 14, &sizes)?;
        out.write_all(&header)?;
        out.write_all(lines)?;

        let bytes = profile::directory_size(&structure.entries);
        let mut directory = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        self.medium().read_exact_at(structure.directory, &mut directory)?;
        let record = directory.len() as u64 - profile::record_size(last);
        replace(&mut directory, usize::try_from(record).map_err(io::Error::other)? + 16, &sizes)?;
        out.write_all(&directory)?;
        let offset = last.data + lines.len() as u64;
        out.write_all(&profile::end_records(&structure.entries, bytes, offset))
    }

    /// SHA-256 of the manifest's bytes, as they were verified.
    pub fn manifest_digest(&self) -> Result<[u8; 32]> {
        let bytes = self.read(path::MANIFEST)?;
        // The manifest does not list itself: the file may not change between verifying and signing.
        let same = super::manifest::Manifest::parse(&bytes).is_ok_and(|again| again == *self.manifest());
        if same {
            Ok(crypto::sha256(&bytes))
        } else {
            Err(Error::new(error::Kind::Integrity, "the bundle changed while it was read"))
        }
    }
}

fn replace(bytes: &mut [u8], at: usize, with: &[u8]) -> io::Result<()> {
    let space = bytes.get_mut(at..at + with.len()).ok_or(io::ErrorKind::InvalidData)?;
    space.copy_from_slice(with);
    Ok(())
}
