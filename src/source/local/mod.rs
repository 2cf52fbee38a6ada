//! Local files, folders and archives as a source.
//!
//! Every file (and every member of an archive) is one unit; what cannot be taken is a unit too and
//! yields its fault. The form of a file is told from its content. Readers stream: memory is
//! bounded by the largest record, whatever the size of the file.

mod archive;
#[cfg(feature = "avro")]
mod avro;
pub mod channels;
mod csv;
mod decode;
pub mod discovery;
mod evtx;
mod flow;
mod identify;
mod json;
mod ldif;
pub mod private;
mod radius;
mod scan;
mod sniff;
mod stamp;
mod text;
mod walk;
mod window;
mod xml;

use crate::crypto;
use crate::error::{Error, Result};
use crate::event::Reason;
use crate::source::{Cursor, Items, Source, Unit};
use archive::{Blob, Member};
use decode::Encoding;
use flow::{Flow, Records, Refusal};
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock};
use walk::Identity;
use window::Window;

pub use archive::Limits;

/// Bytes that are looked at before a file's form is known.
const HEAD: usize = 64 * 1024;
/// Bytes whose digest is a part of a unit's id.
const DIGESTED: usize = 1024 * 1024;

/// Keys the digests in the ids of units: a plain digest of a file would tell everyone who has the
/// same file that it was read.
#[derive(Clone)]
pub struct DigestKey(crypto::MacKey);

impl DigestKey {
    /// A key of these bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        DigestKey(crypto::MacKey::new(bytes))
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

/// How local files are read.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Takes text of unknown shape too, line by line.
    pub accept_text: bool,
    /// Records above so many bytes are passed over.
    pub max_record: usize,
    /// Input bytes between two checkpoints inside a file.
    pub checkpoint_every: u64,
    /// Limits for archives.
    pub limits: Limits,
    /// Zone of the servers whose logs name none.
    pub zone: TimeZone,
    /// Keys the digests in the ids of units.
    pub digest_key: DigestKey,
    /// Set by someone else to stop reading.
    pub stop: &'a AtomicBool,
}

impl<'a> Options<'a> {
    /// The defaults: known text only, records up to 16 MiB, local times in UTC, ids under no secret
    /// key (for a source whose ids are not kept).
    pub fn new(stop: &'a AtomicBool) -> Self {
        Options {
            accept_text: false,
            max_record: 16 * 1024 * 1024,
            checkpoint_every: 64 * 1024 * 1024,
            limits: Limits::default(),
            zone: TimeZone::UTC,
            digest_key: DigestKey::new(&[0; 32]),
            stop,
        }
    }
}

/// Files, folders and archives given by path.
pub struct LocalFiles<'a> {
    inputs: Vec<PathBuf>,
    options: Options<'a>,
    /// What could not even become a file, by its name.
    refused: Vec<(String, Reason)>,
    listed: OnceLock<Listing>,
    /// The nested archive that was unpacked last.
    nested: Mutex<Option<(PathBuf, Vec<Member>, Blob)>>,
}

struct Listing {
    units: Vec<Unit>,
    places: HashMap<String, Place>,
}

/// Where the bytes of a unit are.
#[derive(Clone, Debug)]
enum Place {
    Refused(Reason),
    File {
        path: PathBuf,
        identity: Identity,
    },
    /// A member of an archive, by the way of nested archives to it.
    Member {
        path: PathBuf,
        identity: Identity,
        way: Vec<Member>,
    },
}

impl Place {
    /// The file that holds it.
    fn path(&self) -> Option<&std::path::Path> {
        match self {
            Place::Refused(_) => None,
            Place::File { path, .. } | Place::Member { path, .. } => Some(path),
        }
    }
}

impl<'a> LocalFiles<'a> {
    /// A source over `inputs`. A path that does not exist is a usage error.
    pub fn new(inputs: Vec<PathBuf>, options: Options<'a>) -> Result<Self> {
        walk::check(&inputs)?;
        Ok(LocalFiles {
            inputs,
            options,
            refused: Vec::new(),
            listed: OnceLock::new(),
            nested: Mutex::new(None),
        })
    }

    /// With units that are refused: what was looked for and could not be had.
    #[must_use]
    pub fn with_refused(self, refused: Vec<(String, Reason)>) -> Self {
        LocalFiles { refused, ..self }
    }

    /// Every dataset id that local files can give, sorted.
    pub fn datasets() -> Vec<&'static str> {
        identify::Rules::builtin().datasets()
    }

    fn listing(&self) -> &Listing {
        self.listed.get_or_init(|| {
            let mut listing = Listing { units: Vec::new(), places: HashMap::new() };
            for entry in walk::list(&self.inputs) {
                self.list(&mut listing, entry);
            }
            for (name, reason) in &self.refused {
                listing.add(format!("refused:{name}"), name.clone(), None, Place::Refused(*reason));
            }
            listing
        })
    }

    fn list(&self, listing: &mut Listing, entry: walk::Entry) {
        let address = format!("{}:{:?}", entry.input, entry.path);
        let opened = entry.file.and_then(|identity| {
            let mut file = open(&entry.path, &identity)?;
            let mut head = Vec::new();
            (&mut file).take(DIGESTED as u64).read_to_end(&mut head).map_err(|e| window::reason(&e))?;
            Ok((identity, file, head))
        });
        let (identity, file, head) = match opened {
            Ok(opened) => opened,
            Err(reason) => return listing.add(address, entry.name, None, Place::Refused(reason)),
        };
        let digest = crypto::hex(&self.options.digest_key.0.mac(&head));
        let id = format!("{address}|{}|{}|{digest}", identity.size, identity.modified);
        if !sniff::is_zip(&head) {
            let size = identity.size;
            return listing.add(id, entry.name, Some(size), Place::File { path: entry.path, identity });
        }
        let blob = Blob::file(file, identity.size);
        let limits = &self.options.limits;
        archive::list(&blob, limits, &mut |way, found| {
            let (member, bytes) = (way.last(), way.last().map(|member| member.size));
            let label = way.iter().map(|member| member.name.as_str()).collect::<Vec<_>>().join("/");
            let name = if label.is_empty() { entry.name.clone() } else { format!("{}/{label}", entry.name) };
            let numbers: Vec<String> = way.iter().map(|m| format!("{}.{:08x}", m.index, m.crc)).collect();
            let id = format!("{id}|{}|{label}", numbers.join("/"));
            let place = match (found, member) {
                (Ok(()), Some(_)) => {
                    let (path, identity) = (entry.path.clone(), identity.clone());
                    Place::Member { path, identity, way: way.to_vec() }
                }
                (Ok(()), None) => Place::Refused(Reason::EmptyFile),
                (Err(reason), _) => Place::Refused(reason),
            };
            listing.add(id, name, bytes, place);
        });
    }

    fn blob(&self, place: &Place) -> std::result::Result<Blob, Reason> {
        match place {
            Place::Refused(reason) => Err(*reason),
            Place::File { path, identity } => Ok(Blob::file(open(path, identity)?, identity.size)),
            Place::Member { path, identity, way } => {
                let (last, outer) = way.split_last().ok_or(Reason::Damaged)?;
                let container = if outer.is_empty() {
                    Blob::file(open(path, identity)?, identity.size)
                } else {
                    self.container(path, identity, outer)?
                };
                Ok(container.member(last))
            }
        }
    }

    /// A nested archive in memory; the last one is kept for its next member.
    fn container(
        &self,
        path: &std::path::Path,
        identity: &Identity,
        way: &[Member],
    ) -> std::result::Result<Blob, Reason> {
        let mut kept = self.nested.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((of, same, blob)) = kept.as_ref()
            && of == path
            && same == way
        {
            return Ok(blob.clone());
        }
        let mut blob = Blob::file(open(path, identity)?, identity.size);
        for member in way {
            blob = blob.member(member).in_memory(self.options.limits.in_memory)?;
        }
        *kept = Some((path.to_owned(), way.to_vec(), blob.clone()));
        Ok(blob)
    }

    fn reader(&'a self, place: &Place, name: &str) -> (Box<dyn Records + 'a>, Option<&'static str>) {
        let path = place.path().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        match self.blob(place).and_then(|blob| self.recognise(&blob, name, &path)) {
            Ok(found) => found,
            Err(reason) => (Box::new(Refusal::new(reason)), None),
        }
    }

    /// Chooses the reader of a file by its first bytes; by where it lies only where they do not tell.
    fn recognise(
        &'a self,
        blob: &Blob,
        name: &str,
        path: &str,
    ) -> std::result::Result<(Box<dyn Records + 'a>, Option<&'static str>), Reason> {
        let blob = &blob.clone().unzipped(&self.options.limits)?;
        let (raw, _) = head(blob.reader()?)?;
        match sniff::raw(&raw) {
            Some(sniff::Form::Empty) => return Err(Reason::EmptyFile),
            Some(sniff::Form::Zip) => return Err(Reason::ArchiveLimit),
            #[cfg(not(feature = "avro"))]
            Some(sniff::Form::Avro) => return Err(Reason::Binary),
            #[cfg(feature = "avro")]
            Some(sniff::Form::Avro) => {
                let reader = avro::Capture::new(blob.reader()?, self.options.max_record)?;
                return Ok((Box::new(reader), None));
            }
            Some(sniff::Form::Evtx) => {
                let reader = evtx::Events::new(blob, &self.options)?;
                return Ok((Box::new(reader), None));
            }
            _ => {}
        }
        if private::is_private(&raw) {
            return Err(Reason::Private);
        }
        let encoding = Encoding::of(&raw);
        let (start, whole) = head(encoding.reader(blob.reader()?))?;
        if private::is_private(&start) {
            return Err(Reason::Private);
        }
        let form = sniff::decoded(&start, whole);
        if sniff::is_web_trace(&start) {
            return Err(Reason::WebTrace);
        }
        let window = Window::new(encoding.reader(blob.reader()?));
        let max = self.options.max_record;
        let clock = || stamp::Clock::new(name, &self.options.zone);
        let reader: Box<dyn Records + 'a> = match form {
            sniff::Form::Empty => return Err(Reason::EmptyFile),
            sniff::Form::Lines => Box::new(json::Json::new(window, max, true)),
            sniff::Form::Json => Box::new(json::Json::new(window, max, false)),
            sniff::Form::Ldif => Box::new(ldif::Entries::new(window, max)),
            sniff::Form::Csv(delimiter) => Box::new(csv::Rows::new(window, max, delimiter, name)),
            sniff::Form::Xml => Box::new(xml::Elements::new(window, max, &start, clock())?),
            sniff::Form::Text(shape @ text::Shape::RadiusLog) => {
                Box::new(radius::Accounting::new(text::Log::new(window, max, shape, None, clock())))
            }
            sniff::Form::Text(shape) => Box::new(text::Log::new(window, max, shape, None, clock())),
            sniff::Form::UnknownText => {
                let rules = identify::Rules::builtin();
                let place = rules.text_at(name).or_else(|| rules.text_at(path));
                let place = place.filter(|_| !sniff::is_html(&start));
                let shape = match place {
                    Some(_) => text::Shape::Placed,
                    None if self.options.accept_text => text::Shape::Accepted,
                    None => return Err(Reason::UnrecognisedText),
                };
                Box::new(text::Log::new(window, max, shape, place, clock()))
            }
            sniff::Form::Avro | sniff::Form::Evtx | sniff::Form::Zip | sniff::Form::Binary => {
                return Err(Reason::Binary);
            }
        };
        Ok((reader, encoding.name()))
    }
}

impl Listing {
    fn add(&mut self, id: String, name: String, bytes: Option<u64>, place: Place) {
        self.places.insert(id.clone(), place);
        self.units.push(Unit { id, name, bytes });
    }
}

impl Source for LocalFiles<'_> {
    fn name(&self) -> &'static str {
        "files"
    }

    fn units(&self) -> Result<Vec<Unit>> {
        Ok(self.listing().units.clone())
    }

    fn open<'s>(&'s self, unit: &Unit, after: Option<&Cursor>) -> Result<Box<dyn Items + 's>> {
        let place = self
            .listing()
            .places
            .get(&unit.id)
            .ok_or_else(|| Error::usage("an input file has changed since it was listed"))?;
        let (reader, encoding) = self.reader(place, &unit.name);
        let flow = Flow::new(reader, encoding, &self.options, after);
        Ok(Box::new(flow.of_download(is_download(&unit.name))))
    }
}

/// Whether a file has the name of a portal download (howto-download-logs).
fn is_download(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "InteractiveSignIns",
        "NonInteractiveSignIns",
        "ApplicationSignIns",
        "MSISignIns",
        "AuditLogs_",
        "ProvisioningLogs",
    ];
    name.rsplit('/').next().is_some_and(|name| NAMES.iter().any(|start| name.starts_with(start)))
}

/// Opens the file that was listed, and no other that took its place.
fn open(path: &std::path::Path, listed: &Identity) -> std::result::Result<File, Reason> {
    let refusal = |error: io::Error| window::reason(&error);
    let before = fs::symlink_metadata(path).map_err(refusal)?;
    if before.file_type().is_symlink() {
        return Err(Reason::Link);
    }
    if !before.is_file() {
        return Err(Reason::SpecialFile);
    }
    let file = File::open(path).map_err(refusal)?;
    let now = Identity::of(&file.metadata().map_err(refusal)?);
    // A log may grow while it is read: what was there at listing is taken.
    if !now.continues(listed) {
        return Err(Reason::Error);
    }
    Ok(file)
}

/// The first bytes, and whether they are all.
fn head(mut reader: Box<dyn Read + '_>) -> std::result::Result<(Vec<u8>, bool), Reason> {
    let mut head = Vec::new();
    match reader.as_mut().take(HEAD as u64).read_to_end(&mut head) {
        Ok(_) => Ok((head.clone(), head.len() < HEAD)),
        // Damage further in is found by the reader; what came before it counts.
        Err(_) if !head.is_empty() => Ok((head, false)),
        Err(error) => Err(window::reason(&error)),
    }
}
