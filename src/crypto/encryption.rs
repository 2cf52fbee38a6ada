//! Encryption of whole bundles with age v1 (C2SP `age.md`): recipients, identities, payload.
//!
//! The crate `age` writes files and opens headers. The chunks of a payload are opened here, with
//! `ring`: the crate's reader is one cursor behind `&mut`, and a verification reads entries in several
//! threads, each at its own place. Every chunk is authenticated on its own, with its number and
//! whether it is the last one, so a place can be read without what lies before it.

pub use super::unopened::Unopened;
use super::{Hkdf, internal};
use crate::error::{self, Error, Result};
use age::secrecy::{ExposeSecret as _, SecretString};
use age_core::format::{FileKey, Stanza};
use ring::aead;
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Write};
use std::str::FromStr as _;
use zeroize::Zeroizing;

/// First bytes of an age file, of any version.
pub const MAGIC: &[u8] = b"age-encryption.org/";
/// What a manifest says where a passphrase opens the bundle.
pub const PASSPHRASE: &str = "passphrase";
/// Longest header that is read: about 2,000 recipients.
pub const HEADER_BYTES: usize = 256 * 1024;
/// Plaintext bytes of a chunk (all but the last).
pub const CHUNK: u64 = 64 * 1024;
const TAG: u64 = 16;
const FILE_KEY: usize = 16;
const NONCE: usize = 16;
/// Work factor (log2 N) of our passphrases, as stock age writes it: 256 MiB and about a second.
const WORK: u8 = 18;
/// Greatest work factor that is read. It costs 1 GiB of memory; stock age writes 18.
const MOST_WORK: u8 = 20;
/// Prefix of an identity of ours in a file.
const SECRET_KEY: &str = "AGE-SECRET-KEY-1";

/// To whom a bundle is encrypted: keys, or one passphrase. age does not mix them.
pub struct Recipients(To);

enum To {
    Keys(Vec<age::x25519::Recipient>),
    Passphrase(SecretString),
}

impl Recipients {
    /// X25519 recipients (`age1…`), each once.
    ///
    /// # Errors
    /// Exit 16 for kinds of age that this version does not write, 2 for anything else that is no recipient.
    pub fn keys<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut keys: Vec<age::x25519::Recipient> = Vec::new();
        for text in texts {
            let key = recipient(text)?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err(Error::usage("there is no recipient to encrypt to"));
        }
        Ok(Recipients(To::Keys(keys)))
    }

    /// A passphrase: whoever knows it can open the bundle.
    pub fn passphrase(words: &str) -> Result<Self> {
        if words.chars().count() < 12 {
            return Err(Error::usage("the passphrase is shorter than 12 characters")
                .hint("leave it out: a passphrase of ten random words is made for you"));
        }
        Ok(Recipients(To::Passphrase(SecretString::from(words.to_owned()))))
    }

    /// What stands in the signed manifest.
    pub fn names(&self) -> Vec<String> {
        match &self.0 {
            To::Keys(keys) => keys.iter().map(ToString::to_string).collect(),
            To::Passphrase(_) => vec![PASSPHRASE.to_owned()],
        }
    }

    /// Begins an encrypted file: writes its header, and gives the identity by which the writer alone
    /// reads its own file back.
    pub fn encrypt<W: Write>(&self, sink: W) -> Result<(Encrypting<W>, Identities)> {
        let key = RefCell::new(None);
        let encryptor = match &self.0 {
            To::Keys(keys) => {
                let kept: Vec<Kept<'_>> = keys.iter().map(|of| Kept { of, key: &key }).collect();
                age::Encryptor::with_recipients(kept.iter().map(|one| one as &dyn age::Recipient))
            }
            To::Passphrase(words) => {
                let mut of = age::scrypt::Recipient::new(words.clone());
                of.set_work_factor(WORK);
                let kept = Kept { of: &of, key: &key };
                age::Encryptor::with_recipients(std::iter::once(&kept as &dyn age::Recipient))
            }
        };
        // The error of `age` may hold texts of its own; none is a secret, none helps the user.
        let writer = encryptor
            .map_err(|_| internal("cannot encrypt to these recipients"))?
            .wrap_output(sink)
            .map_err(|e| Error::io("cannot write the bundle", e))?;
        let key = key.into_inner().ok_or_else(|| internal("the encrypted file has no key"))?;
        let name = self.names().swap_remove(0);
        Ok((Encrypting(writer), Identities(vec![Identity::Own { key, name }])))
    }
}

fn recipient(text: &str) -> Result<age::x25519::Recipient> {
    let unsupported =
        ["age1pq1", "age1tag", "age1tagpq", "age1yubikey", "age1se1", "age1tpm", "ssh-", "ecdsa-"];
    if let Ok(key) = age::x25519::Recipient::from_str(text) {
        return Ok(key);
    }
    if unsupported.iter().any(|prefix| text.starts_with(prefix)) {
        return Err(Error::new(
            error::Kind::Unsupported,
            "a recipient is of a kind of age that this version does not write (hybrid, hardware, SSH)",
        )
        .hint("ask for a recipient of `age-keygen`: it begins with `age1` and has 62 characters"));
    }
    if text.starts_with(SECRET_KEY) {
        return Err(Error::usage("a recipient is a secret identity").hint(
            "give the public recipient `age1…`; the identity stays with its owner, who opens the bundle",
        ));
    }
    Err(Error::usage("a recipient is not valid")
        .hint("expected `age1…` (62 characters) or a file of such lines"))
}

/// Keeps the file key that goes to a recipient, for reading back.
struct Kept<'a> {
    of: &'a dyn age::Recipient,
    key: &'a RefCell<Option<Zeroizing<[u8; FILE_KEY]>>>,
}

impl age::Recipient for Kept<'_> {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> std::result::Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        *self.key.borrow_mut() = Some(Zeroizing::new(*file_key.expose_secret()));
        self.of.wrap_file_key(file_key)
    }
}

/// Encrypts what is written to it. Without [`Encrypting::finish`] the file cannot be opened.
pub struct Encrypting<W: Write>(age::stream::StreamWriter<W>);

impl<W: Write> Encrypting<W> {
    /// Writes the last chunk and hands the sink back.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for Encrypting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What a reader opens encrypted files with.
#[derive(Clone, Default)]
pub struct Identities(Vec<Identity>);

#[derive(Clone)]
enum Identity {
    Key(age::x25519::Identity),
    Passphrase(SecretString),
    /// The key of a file that we write ourselves.
    Own {
        key: Zeroizing<[u8; FILE_KEY]>,
        name: String,
    },
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

impl Identities {
    /// None: encrypted files stay closed.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the identities of a file as `age-keygen` writes it: one a line, `#` begins a comment.
    pub fn add_file(&mut self, text: &str) -> Result<()> {
        let before = self.0.len();
        let lines = text.lines().map(str::trim).zip(1u32..);
        for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
            match age::x25519::Identity::from_str(line) {
                Ok(key) => self.0.push(Identity::Key(key)),
                Err(_) if line.starts_with("AGE-PLUGIN-") || line.starts_with("AGE-SECRET-KEY-PQ-") => {
                    return Err(Error::new(
                        error::Kind::Unsupported,
                        "the identity is of a kind of age that this version does not read (hybrid, hardware)",
                    ));
                }
                Err(_) if line.as_bytes().starts_with(MAGIC) || line.starts_with("-----BEGIN ") => {
                    return Err(Error::usage("the identity file is itself encrypted, or an SSH key")
                        .hint("an encrypted one is opened with `age -d`; SSH keys are not read"));
                }
                Err(_) => return Err(Error::usage(format!("line {number} of the identity file is no identity"))
                    .hint("expected lines of `AGE-SECRET-KEY-1…`, as `entra-bundle key generate recipient` and `age-keygen` write them")),
            }
        }
        if self.0.len() == before {
            return Err(Error::usage("the identity file holds no identity"));
        }
        Ok(())
    }

    /// Adds a passphrase.
    pub fn add_passphrase(&mut self, words: &str) {
        self.0.push(Identity::Passphrase(SecretString::from(words.to_owned())));
    }

    fn has_passphrase(&self) -> bool {
        self.0.iter().any(|identity| matches!(identity, Identity::Passphrase(_)))
    }

    /// The public recipients of the identities, for showing.
    pub fn recipients(&self) -> Vec<String> {
        self.0.iter().map(Identity::recipient).collect()
    }
}

impl Identity {
    fn recipient(&self) -> String {
        match self {
            Identity::Key(key) => key.to_public().to_string(),
            Identity::Passphrase(_) => PASSPHRASE.to_owned(),
            Identity::Own { name, .. } => name.clone(),
        }
    }
}

/// A new identity: its secret line and its recipient.
pub fn generate() -> Result<(Zeroizing<String>, String)> {
    let key = age::x25519::Identity::generate();
    Ok((Zeroizing::new(key.to_string().expose_secret().to_owned()), key.to_public().to_string()))
}

/// Looks at the recipients of a header on the way to an identity, and keeps the file key that it gives.
struct Trying<'a> {
    identity: &'a Identity,
    seen: &'a RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    key: Option<Zeroizing<[u8; FILE_KEY]>>,
    recipient: Option<String>,
    known: bool,
    scrypt: bool,
}

impl age::Identity for Trying<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<std::result::Result<FileKey, age::DecryptError>> {
        let mut seen = self.seen.borrow_mut();
        seen.scrypt |= stanza.tag == "scrypt";
        seen.known |= matches!(stanza.tag.as_str(), "scrypt" | "X25519");
        let key = match self.identity {
            Identity::Key(key) => key.unwrap_stanza(stanza)?,
            Identity::Passphrase(words) if stanza.tag == "scrypt" => {
                let mut of = age::scrypt::Identity::new(words.clone());
                of.set_max_work_factor(MOST_WORK);
                of.unwrap_stanza(stanza)?
            }
            Identity::Passphrase(_) => return None,
            Identity::Own { key, .. } => Ok(FileKey::init_with_mut(|own| own.copy_from_slice(&key[..]))),
        };
        if let Ok(key) = &key {
            seen.key = Some(Zeroizing::new(*key.expose_secret()));
            seen.recipient = Some(self.identity.recipient());
        }
        Some(key)
    }
}

/// An opened payload: where its chunks lie, and the key of them.
pub struct Payload {
    key: aead::LessSafeKey,
    start: u64,
    chunks: u64,
    length: u64,
    recipient: String,
}

/// Opens the header of an age file. `head` holds its first bytes, all of them or at least
/// [`HEADER_BYTES`]; `total` is the size of the file. The length of the payload is not authentic
/// before its last chunk was opened.
pub fn open(head: &[u8], total: u64, identities: &Identities) -> std::result::Result<Payload, Unopened> {
    let mut rest = head;
    let decryptor = age::Decryptor::new_buffered(&mut rest).map_err(|error| match error {
        // The crate says so of a malformed version 1, too.
        age::DecryptError::UnknownFormat if !head.starts_with(b"age-encryption.org/v1\n") => {
            Unopened::Version
        }
        age::DecryptError::Io(_) if (head.len() as u64) < total => Unopened::Long,
        _ => Unopened::Header,
    })?;
    if !closed(head) {
        return Err(Unopened::Header);
    }
    if identities.is_empty() {
        return Err(if decryptor.is_scrypt() { Unopened::NoPassphrase } else { Unopened::NoIdentity });
    }
    let seen = RefCell::new(Seen::default());
    let tried: Vec<Trying<'_>> =
        identities.0.iter().map(|identity| Trying { identity, seen: &seen }).collect();
    // `decrypt` also authenticates the header; its reader of the payload is not used.
    let outcome = decryptor.decrypt(tried.iter().map(|one| one as &dyn age::Identity)).map(drop);
    let seen = seen.into_inner();
    outcome.map_err(|error| match error {
        age::DecryptError::NoMatchingKeys if !seen.known => Unopened::Recipients,
        age::DecryptError::NoMatchingKeys if seen.scrypt && !identities.has_passphrase() => {
            Unopened::NoPassphrase
        }
        age::DecryptError::NoMatchingKeys
        | age::DecryptError::DecryptionFailed
        | age::DecryptError::KeyDecryptionFailed => Unopened::NoMatch,
        age::DecryptError::ExcessiveWork { .. } => Unopened::Work,
        _ => Unopened::Header,
    })?;
    let (Some(file_key), Some(recipient)) = (seen.key, seen.recipient) else { return Err(Unopened::Header) };
    let start = head.len() - rest.len();
    let nonce = start.checked_sub(NONCE).and_then(|at| head.get(at..start)).ok_or(Unopened::Header)?;
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::extract(nonce, &file_key[..]).expand(b"payload", &mut key[..]).map_err(|_| Unopened::Header)?;
    let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, &key[..]).map_err(|_| Unopened::Header)?;
    let body = total.checked_sub(start as u64).ok_or(Unopened::Chunk)?;
    let chunks = body.div_ceil(CHUNK + TAG);
    let length = body.checked_sub(chunks * TAG).filter(|_| chunks > 0).ok_or(Unopened::Chunk)?;
    // The last chunk is empty only if it is the only one.
    if chunks > 1 && length <= (chunks - 1) * CHUNK {
        return Err(Unopened::Chunk);
    }
    Ok(Payload { key: aead::LessSafeKey::new(key), start: start as u64, chunks, length, recipient })
}

/// Whether every stanza ends with a line of less than 64 characters. The specification demands it; the
/// crate also takes what early programs wrote.
fn closed(header: &[u8]) -> bool {
    let mut open = false;
    for line in header.split(|byte| *byte == b'\n') {
        let (stanza, mac) = (line.starts_with(b"-> "), line.starts_with(b"--- "));
        if (stanza || mac) && open {
            return false;
        }
        if mac {
            return true;
        }
        open = stanza || (open && line.len() >= 64);
    }
    true
}

impl Payload {
    /// Plaintext bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Number of chunks, at least 1.
    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// The recipient of the identity that opened the file.
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Where chunk `number` lies in the file: offset and length.
    pub fn place(&self, number: u64) -> (u64, usize) {
        let plain = self.length.saturating_sub(number * CHUNK).min(CHUNK);
        (self.start + number * (CHUNK + TAG), (plain + TAG) as usize)
    }

    /// Opens chunk `number` in place.
    pub fn open_chunk(&self, number: u64, bytes: &mut Vec<u8>) -> std::result::Result<(), Unopened> {
        let mut nonce = [0; 12];
        if let Some(counter) = nonce.get_mut(3..11) {
            counter.copy_from_slice(&number.to_be_bytes());
        }
        nonce[11] = u8::from(number + 1 == self.chunks);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let plain =
            self.key.open_in_place(nonce, aead::Aad::empty(), bytes).map_err(|_| Unopened::Chunk)?.len();
        bytes.truncate(plain);
        Ok(())
    }
}
