//! The draft of a bundle: written once, front to back, into `<out>.partial`.
//!
//! A file with the final name is always whole: it appears by a rename after everything was written,
//! read back and synced. A draft that is dropped before is removed.

use super::archive::{Archive, Method, Packed};
use super::finding::Finding;
use super::manifest::{
    ArchiveHash, Case, CatalogueFacts, Completeness, Entry, Hash, Learned, Manifest, PartEntry, PolicyFacts,
    Pseudonyms, SCHEMA, Sensitivity, Tenant, Tool, Totals, Volume, Window,
};
use super::outcome::Check;
use super::output;
use super::part::{PackedPart, PackedStatement};
use super::path::{self, PartPath};
use super::profile::Limits;
use super::sink::Sink;
use super::spill::{Spill, Waiting};
use super::trust::Trust;
use super::verify::verify_packed;
use super::{attestation, grammar, merkle, recipe};
use crate::catalogue::Stream;
use crate::crypto::encryption::{Identities, Recipients};
use crate::crypto::{self, PublicKey, Sha256, Signer};
use crate::error::{self, Error, Result};
use crate::record::Statement;
use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempPath;

/// What the caller knows of a part.
#[derive(Clone, Debug)]
pub struct PartFacts {
    /// Earliest time of a record (UTC text), if known.
    pub min_time: Option<String>,
    /// Latest time of a record (UTC text), if known.
    pub max_time: Option<String>,
    /// How far the dataset identifies people under the policy.
    pub label: Sensitivity,
    /// Names that the dictionary held.
    pub learned: Learned,
}

/// What the caller knows of the bundle. All texts have a grammar; the manifest is checked before it
/// is signed.
#[derive(Clone, Debug)]
pub struct ManifestFacts {
    /// Id, if it is already known (it stands in the file name); else a new one.
    pub bundle_id: Option<String>,
    /// Time of sealing, UTC text; also the time of the signature.
    pub created_at: String,
    /// Program.
    pub tool: Tool,
    /// Where the data come from.
    pub tenant: Tenant,
    /// Support case, if given.
    pub case_reference: Option<String>,
    /// Time span that was asked for.
    pub window: Window,
    /// Id of a shipped preset, else `None`.
    pub policy_id: Option<String>,
    /// Version of the policy.
    pub policy_version: u64,
    /// Digest that a privacy officer signed.
    pub approved_digest: Option<String>,
    /// Digest of the effective catalogue.
    pub catalogue_sha256: [u8; 32],
    /// Key and marks of the pseudonyms.
    pub pseudonyms: Pseudonyms,
    /// Learned names of the whole bundle.
    pub learned: Learned,
    /// Outcome of every dataset; `meta/collection.json` has the same under `completeness`.
    pub completeness: Completeness,
}

/// A sealed bundle under its final name.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Where it lies.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

/// Bytes that an entry costs outside its data: two headers, a line of `SHA256SUMS`, its place in the
/// manifest without what only parts have. Names come on top.
const LISTED: u64 = 450;

/// A bundle that is being written.
pub struct Draft {
    archive: Option<Archive<Sink>>,
    partial: Option<TempPath>,
    /// Keeps the lock on the partial file.
    _lock: File,
    out: PathBuf,
    force: bool,
    entries: Vec<Entry>,
    /// Entries that were inflated again before they were appended.
    proven: HashSet<String>,
    /// The last part of the volume before: numbers go on from there.
    before: Option<(Stream, u32)>,
    /// Bytes that manifest, checksums and directory will take for the entries so far.
    listing: u64,
    last: Option<(u8, String)>,
    indexes: Vec<(String, Waiting)>,
    spill: Option<Spill>,
    /// For whom it is encrypted, as the manifest says it; empty if it is not.
    recipients: Vec<String>,
    /// What the writer reads its own encrypted file back with.
    own: Identities,
    limits: Limits,
    workers: usize,
}

impl Draft {
    /// Creates `<out>.partial` (0600) beside `out`. Fails at once if `out` exists (unless `force`), or
    /// if another process writes it; the remains of one that crashed are replaced.
    pub fn create(out: &Path, force: bool) -> Result<Self> {
        Self::create_for(out, force, None)
    }

    /// As [`Draft::create`]; with recipients, what is written is encrypted to them on its way to the
    /// file, and the manifest names them.
    pub fn create_for(out: &Path, force: bool, recipients: Option<&Recipients>) -> Result<Self> {
        if !force && out.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let mut name =
            out.file_name().ok_or_else(|| Error::usage("the output is not a file name"))?.to_owned();
        name.push(".partial");
        let partial = out.with_file_name(name);
        let file = create_partial(&partial)?;
        let path = TempPath::try_from_path(&partial).map_err(|e| Error::io("cannot create the bundle", e))?;
        let sink = file.try_clone().map_err(|e| Error::io("cannot create the bundle", e))?;
        let (sink, own) = Sink::new(sink, recipients)?;
        let mut draft = Draft {
            archive: Some(Archive::new(sink)),
            partial: Some(path),
            _lock: file,
            out: out.to_owned(),
            force,
            entries: Vec::new(),
            proven: HashSet::new(),
            before: None,
            listing: 0,
            last: None,
            indexes: Vec::new(),
            spill: None,
            recipients: recipients.map(Recipients::names).unwrap_or_default(),
            own,
            limits: Limits::default(),
            workers: 1,
        };
        draft.put(
            path::README,
            &Packed::of(recipe::README.as_bytes(), Method::Deflated)?,
            "text/plain; charset=utf-8",
        )?;
        Ok(draft)
    }

    /// Reads the finished file back with this many threads.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Appends a part and gives it the next number of its stream. Streams come in ascending order,
    /// all parts before all statements.
    pub fn append(&mut self, part: PackedPart, about: PartFacts) -> Result<String> {
        let utc = |time: &Option<String>| time.as_deref().is_none_or(grammar::is_utc);
        if !utc(&about.min_time) || !utc(&about.max_time) {
            return Err(internal("the time of a part is not UTC in its fixed form"));
        }
        let PackedPart { stream, layout, content, index, rows } = part;
        let number = match self.last_part() {
            Some((last, number)) if last == stream => number + 1,
            _ => 0,
        };
        if number > path::LAST_PART {
            return Err(Error::new(error::Kind::Limit, "a dataset has more than 100,000 parts"));
        }
        let place = PartPath { stream, number, layout };
        let path = place.path();
        self.put(&path, &content, path::media_type(layout))?;
        if let (Some(index), Some(path)) = (index, place.index_path()) {
            self.park(path, index)?;
        }
        // The learned names and their datasets stand on every part.
        self.listing += 400 + about.learned.from.iter().map(|from| from.len() as u64 + 16).sum::<u64>();
        if let Some(entry) = self.entries.last_mut() {
            entry.rows = (layout != crate::catalogue::Layout::Xml).then_some(rows);
            entry.part = Some(PartEntry {
                dataset: place.stream.dataset,
                source: place.stream.source,
                number,
                min_time: about.min_time,
                max_time: about.max_time,
                label: about.label,
                learned: about.learned,
            });
        }
        Ok(path)
    }

    fn last_part(&self) -> Option<(Stream, u32)> {
        match self.entries.last().and_then(|entry| entry.part.as_ref()) {
            Some(last) => Some((Stream::new(last.source, &last.dataset), last.number)),
            None => self.before.clone(),
        }
    }

    /// Whether it holds a part.
    pub(super) fn has_parts(&self) -> bool {
        self.entries.iter().any(|entry| entry.part.is_some())
    }

    /// Reads the finished file back with this many threads.
    pub(super) fn read_back_with(&mut self, workers: usize) {
        self.workers = workers;
    }

    /// Goes on with the numbers of parts where another volume ends.
    pub(super) fn follow(&mut self, other: &Draft) {
        self.before = other.last_part();
    }

    /// Bytes that the archive would have if it were closed now, without `meta/` and with the part, if
    /// any: an upper bound.
    pub(super) fn projected(&self, part: Option<&PackedPart>) -> u64 {
        let written = self.archive.as_ref().map_or(0, |archive| archive.so_far().0);
        let waiting: u64 = self.indexes.iter().map(|(_, index)| index.length() + LISTED).sum();
        let next = part.map_or(0, |part| part.footprint() + 3 * LISTED);
        written + waiting + self.listing + next
    }

    /// Appends one of our own files below `meta/`, in ascending order of paths. Indexes of parts
    /// come by themselves.
    pub fn statement(&mut self, path: &str, statement: &Statement) -> Result<()> {
        if path::rank(path) != Some(2) || path.starts_with("meta/index/") {
            return Err(internal("a statement is not below meta/"));
        }
        if path > "meta/index/" {
            self.put_indexes()?;
        }
        let packed = Packed::of(statement.bytes(), Method::Deflated)?;
        let media = match path.rsplit('.').next() {
            Some("json") => "application/json",
            Some("jsonl") => "application/x-ndjson",
            _ => "text/plain; charset=utf-8",
        };
        self.put(path, &packed, media)
    }

    /// Appends one of our own JSON-lines files below `meta/` that was packed line by line.
    pub fn packed_statement(&mut self, path: &str, statement: &PackedStatement) -> Result<()> {
        if path::rank(path) != Some(2) || path >= "meta/index/" {
            return Err(internal("a packed statement is not below meta/, before the indexes"));
        }
        self.put(path, &statement.0, "application/x-ndjson")
    }

    /// Writes checksums, manifest and signature, reads everything back, and gives the file its name.
    ///
    /// `inspect` sees names and bytes of what is still to come, before it is appended: the entry names
    /// (as `entry names`), `SHA256SUMS`, `manifest.json`, the signed statements and their envelope lines
    /// (both as `attestations.intoto.jsonl`). Its error ends the sealing; nothing is left behind.
    pub fn seal(
        mut self,
        facts: ManifestFacts,
        signer: &dyn Signer,
        inspect: &mut dyn FnMut(&str, &[u8]) -> Result<()>,
    ) -> Result<Sealed> {
        let sealed = self.complete(facts, Volume::single(), &[], signer, inspect)?;
        self.publish()?;
        Ok(sealed)
    }

    /// All of [`Draft::seal`] but the name. `before` are the digests of the manifests of a series so
    /// far; the last volume signs them with its own.
    pub(super) fn complete(
        &mut self,
        facts: ManifestFacts,
        volume: Volume,
        before: &[String],
        signer: &dyn Signer,
        inspect: &mut dyn FnMut(&str, &[u8]) -> Result<()>,
    ) -> Result<Sealed> {
        self.put_indexes()?;
        let mut names: Vec<&str> = self.entries.iter().map(|entry| entry.path.as_str()).collect();
        names.sort_unstable();
        inspect("entry names", names.join("\n").as_bytes())?;
        self.entries.sort_by(|a, b| a.path.cmp(&b.path));
        let sums = self.checksums();
        inspect(path::CHECKSUMS, sums.as_bytes())?;
        self.put(
            path::CHECKSUMS,
            &Packed::of(sums.as_bytes(), Method::Deflated)?,
            "text/plain; charset=utf-8",
        )?;

        let created_at = facts.created_at.clone();
        let manifest = self.manifest(facts, volume)?;
        manifest.check().map_err(|findings| refused("the manifest is not valid", &findings))?;
        let bytes = Statement::of(&manifest)?;
        inspect(path::MANIFEST, bytes.bytes())?;
        let predicate = attestation::Collection::of(&manifest, &created_at);
        let mut signed = vec![attestation::sign_collection(bytes.bytes(), &predicate, signer)?];
        if let (Some(series), Some(count)) = (&manifest.volume.series_id, manifest.volume.count) {
            let mut manifests = before.to_vec();
            manifests.push(crypto::hex(&crypto::sha256(bytes.bytes())));
            let (series_id, signed_at) = (series.clone(), created_at);
            let series = attestation::Series { series_id, count, manifests, signed_at };
            signed.push(attestation::sign_series(bytes.bytes(), &series, signer)?);
        }
        let mut lines = Vec::new();
        for one in signed {
            inspect(path::ATTESTATIONS, one.payload.bytes())?;
            inspect(path::ATTESTATIONS, one.line.bytes())?;
            lines.push(Ok(one.line));
        }

        self.put_last(path::MANIFEST, bytes.bytes())?;
        self.put_last(path::ATTESTATIONS, Statement::lines(lines)?.bytes())?;
        let archive = self.archive.take().ok_or_else(|| internal("the draft is closed"))?;
        let sink = archive.finish()?.finish()?;
        sink.sync()?;
        drop(sink);
        let (size, sha256) = self.reread(&manifest, signer)?;
        Ok(Sealed { path: self.out.clone(), manifest, size, sha256 })
    }

    /// Gives the file another name than the one it was created for, when it is published.
    pub(super) fn rename(&mut self, out: &Path) -> Result<()> {
        if !self.force && out.symlink_metadata().is_ok() {
            return Err(exists());
        }
        self.out = out.to_owned();
        Ok(())
    }

    fn put(&mut self, name: &str, packed: &Packed, media_type: &str) -> Result<()> {
        path::check(name.as_bytes()).map_err(internal)?;
        let key = (
            path::rank(name).ok_or_else(|| internal("the layout does not know the entry"))?,
            name.to_owned(),
        );
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            return Err(internal("an entry is appended out of order"));
        }
        if packed.size() > self.limits.entry_bytes || self.entries.len() as u64 + 2 >= self.limits.entries {
            return Err(Error::new(error::Kind::Limit, "the bundle would exceed what readers accept")
                .hint("narrow the window or the datasets"));
        }
        self.archive.as_mut().ok_or_else(|| internal("the draft is closed"))?.append(name, packed)?;
        self.last = Some(key);
        if packed.is_proven() {
            self.proven.insert(name.to_owned());
        }
        self.listing += LISTED + 4 * name.len() as u64;
        self.entries.push(Entry {
            path: name.to_owned(),
            size: packed.size(),
            sha256: crypto::hex(&packed.sha256()),
            rows: None,
            media_type: media_type.to_owned(),
            part: None,
        });
        Ok(())
    }

    fn put_last(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let packed = Packed::of(bytes, Method::Stored)?;
        self.archive.as_mut().ok_or_else(|| internal("the draft is closed"))?.append(name, &packed)
    }

    /// Indexes come after all data, so their packed bytes wait in an unnamed file.
    fn park(&mut self, path: String, index: Packed) -> Result<()> {
        if self.spill.is_none() {
            let folder = self.out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            self.spill = Some(Spill::new(folder)?);
        }
        if let Some(spill) = &mut self.spill {
            self.indexes.push((path, spill.park(index)?));
        }
        Ok(())
    }

    fn put_indexes(&mut self) -> Result<()> {
        for (path, waiting) in std::mem::take(&mut self.indexes) {
            let Some(spill) = &mut self.spill else { return Ok(()) };
            let packed = spill.take(waiting)?;
            self.put(&path, &packed, "application/x-ndjson")?;
        }
        Ok(())
    }

    fn checksums(&self) -> String {
        self.entries.iter().map(|entry| format!("{}  {}\n", entry.sha256, entry.path)).collect()
    }

    fn manifest(&mut self, facts: ManifestFacts, volume: Volume) -> Result<Manifest> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let policy = entries
            .iter()
            .find(|entry| entry.path == path::POLICY)
            .ok_or_else(|| internal("the policy is missing in the bundle"))?;
        let bundle_id = facts.bundle_id.map_or_else(grammar::new_bundle_id, Ok)?;
        let archive = self.archive.as_ref().ok_or_else(|| internal("the draft is closed"))?;
        let (written, digest) = archive.so_far();
        let mut manifest = Manifest {
            schema: SCHEMA.to_owned(),
            bundle_id,
            volume,
            tool: facts.tool,
            created_at: facts.created_at,
            tenant: facts.tenant,
            case: Case { reference: facts.case_reference },
            window: facts.window,
            policy: PolicyFacts {
                id: facts.policy_id,
                version: facts.policy_version,
                sha256: policy.sha256.clone(),
                approved_digest: facts.approved_digest,
            },
            catalogue: CatalogueFacts { sha256: crypto::hex(&facts.catalogue_sha256) },
            pseudonyms: facts.pseudonyms,
            intended_recipients: self.recipients.clone(),
            hash: Hash {
                per_entry: "sha256".to_owned(),
                tree: "rfc9162-sha256".to_owned(),
                root: String::new(),
                leaf: merkle::LEAF.to_owned(),
                archive: ArchiveHash { size: written, sha256: crypto::hex(&digest) },
            },
            totals: Totals {
                entries: entries.len() as u64,
                raw_bytes: entries.iter().map(|entry| entry.size).sum(),
                rows: entries.iter().filter_map(|entry| entry.rows).sum(),
                learned: facts.learned,
            },
            completeness: facts.completeness,
            entries,
        };
        manifest.hash.root = manifest.root().ok_or_else(|| internal("a digest is malformed"))?;
        Ok(manifest)
    }

    /// Reads the finished file back as a stranger does, with the signer's public key; an encrypted one
    /// with the key of the file itself. Only what was inflated when it was packed is not inflated again. Gives size and SHA-256 of the file as it lies.
    fn reread(&self, manifest: &Manifest, signer: &dyn Signer) -> Result<(u64, String)> {
        let failed = |e| Error::io("cannot read the bundle back", e);
        let partial = self.partial.as_ref().ok_or_else(|| internal("the draft is closed"))?;
        let mut file = File::open(partial).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let key = PublicKey::from_spki(&signer.spki())?;
        let trust = Trust::from_public_key(key);
        let check = Check {
            workers: self.workers,
            identities: self.own.clone(),
            of_series: true,
            ..Check::new(trust)
        };
        let outcome = verify_packed(Arc::new(file.try_clone().map_err(failed)?), &check, &self.proven)?;
        if outcome.code() != 0 || outcome.manifest.as_deref() != Some(manifest) {
            return Err(refused("the bundle that was written does not verify", &outcome.findings));
        }
        if self.recipients.is_empty() {
            return Ok((size, outcome.zip_sha256.unwrap_or_default()));
        }
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        file.rewind().map_err(failed)?;
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => break,
                read => digest.update(buffer.get(..read).unwrap_or_default()),
            }
        }
        Ok((size, crypto::hex(&digest.finish())))
    }

    /// Gives the file its name.
    pub(super) fn publish(&mut self) -> Result<()> {
        let failed = |e: io::Error| {
            if e.kind() == io::ErrorKind::AlreadyExists {
                exists()
            } else {
                Error::io("cannot rename the bundle", e)
            }
        };
        let partial = self.partial.take().ok_or_else(|| internal("the draft is closed"))?;
        output::step();
        let renamed =
            if self.force { partial.persist(&self.out) } else { partial.persist_noclobber(&self.out) };
        renamed.map_err(|e| failed(e.error))?;
        #[cfg(unix)]
        {
            let folder = self.out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(())
    }
}

fn create_partial(path: &Path) -> Result<File> {
    let failed = |e| Error::io("cannot create the bundle", e);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let busy = || {
        Error::new(error::Kind::Io, "another process is writing this bundle")
            .hint("wait for it, or choose another --out")
    };
    let file = match options.open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            // Whoever writes holds a lock on the file; without one it is the rest of a crash.
            if !path.symlink_metadata().map_err(failed)?.is_file() {
                return Err(failed(e));
            }
            match File::open(path).map_err(failed)?.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(busy()),
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            }
            std::fs::remove_file(path).map_err(failed)?;
            options.open(path).map_err(failed)?
        }
        other => other.map_err(failed)?,
    };
    match file.try_lock() {
        // A file system without locks is used without them.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(busy()),
    }
}

fn exists() -> Error {
    Error::usage("the output already exists").hint("choose another --out, or replace it with --force")
}

fn refused(what: &str, findings: &[Finding]) -> Error {
    let first = findings.first().map(ToString::to_string).unwrap_or_default();
    internal(&format!("{what}: {first}"))
}

fn internal(message: &str) -> Error {
    Error::new(error::Kind::Internal, message)
}
