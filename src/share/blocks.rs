//! Azure Blob Storage: Put Block for each block, then Put Block List, which makes the blob at once.
//!
//! The id of a block holds the digest of the file and the size of blocks, so a block that lies there
//! is this file's or it is not counted. Until the list is put there is nothing under the name.

use super::content::Standing;
use super::courier::{Answer, Courier, occupied, refusal};
use super::journal::Journal;
use super::service::Service;
use super::{Job, Sent};
use crate::crypto::md5;
use crate::error::{self, Error, Result};
use crate::event::{Event, Phase};
use crate::http::Address;
use bytes::Bytes;
use data_encoding::BASE64;
use quick_xml::events::Event as Xml;
use reqwest::{Method, RequestBuilder};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The version of the protocol, 2021-12-02; blocks of up to 4,000 MiB since 2019-12-12.
const VERSION: &str = "2021-12-02";
/// Most blocks of a blob (documented by Azure Storage).
const MOST_BLOCKS: u64 = 50_000;
/// Largest block that we make.
const LARGEST: u64 = 64 << 20;
/// Blocks on their way at a time.
const AT_ONCE: usize = 3;
/// Slowest connection that does not count as dead, in bytes a second.
const SLOWEST: u64 = 16 << 10;

struct Transfer<'a> {
    job: &'a Job<'a>,
    address: &'a Address,
    courier: &'a Courier<'a>,
    plan: &'a Plan,
}

/// What lies at the address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    Ours,
    Other,
    /// The address does not permit to look.
    Unknown,
}

/// Sends the content in blocks and makes the blob.
pub async fn send(job: &Job<'_>, address: &Address, courier: &Courier<'_>) -> Result<Sent> {
    let plan = Plan::new(job.content.size(), job.block_bytes, job.content.sha256_hex())?;
    let transfer = Transfer { job, address, courier, plan: &plan };
    let mut journal = Journal::open(job.state, address, &plan.digest)?;
    let mut sent = Sent {
        service: Service::AzureBlob,
        host: address.host(),
        bytes: plan.size,
        sha256: plan.digest.clone(),
        blocks: plan.count(),
        blocks_kept: 0,
        already_there: false,
        confirmed: false,
    };
    let there = transfer.look().await?;
    match there {
        There::Other => return Err(occupied()),
        // Sent by an earlier run. Where the address does not permit to look, its state says so.
        There::Ours | There::Unknown if there == There::Ours || journal.is_complete() => {
            journal.complete("")?;
            sent.blocks_kept = plan.count();
            return Ok(Sent { already_there: true, confirmed: there == There::Ours, ..sent });
        }
        _ => {}
    }
    let listed = transfer.listed().await?;
    let mut may_be_gone = listed.is_none();
    let known = listed.unwrap_or_else(|| journal.blocks().clone());
    journal.set(known)?;
    loop {
        sent.blocks_kept = plan.ids().filter(|id| journal.blocks().contains(id)).count() as u64;
        let whole = upload(&transfer, &mut journal).await?;
        let answer = transfer.commit(&whole).await?;
        if answer.status.is_success() {
            let etag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default();
            journal.complete(etag)?;
            sent.confirmed = transfer.look().await? == There::Ours;
            return Ok(sent);
        }
        if answer.word() == Some("InvalidBlockList") && may_be_gone && sent.blocks_kept > 0 {
            // The service drops blocks after a week, and the address did not permit to ask.
            may_be_gone = false;
            job.observer
                .on(&Event::Note("the server has dropped blocks of the earlier run; all are sent again"));
            journal.set(BTreeSet::new())?;
            continue;
        }
        // An answer that was lost: the blob is there, and it is ours.
        if matches!(answer.status.as_u16(), 409 | 412) && transfer.look().await? == There::Ours {
            journal.complete("")?;
            return Ok(Sent { confirmed: true, ..sent });
        }
        return Err(refusal("complete the bundle at the address", &answer));
    }
}

/// Sends the blocks that are not there; gives the MD5 of the whole file, which the service keeps.
async fn upload(transfer: &Transfer<'_>, journal: &mut Journal) -> Result<[u8; 16]> {
    let plan = transfer.plan;
    let mut pieces = transfer.job.content.pieces()?;
    let mut ids = plan.ids();
    let journal = RefCell::new(journal);
    loop {
        let mut batch: [Option<(String, Bytes)>; AT_ONCE] = Default::default();
        let mut ended = false;
        for place in &mut batch {
            // A block that is there is read as well: the file is held against its digest.
            *place = loop {
                match (pieces.next(plan.block)?, ids.next()) {
                    (Some(piece), Some(id)) if journal.borrow().blocks().contains(&id) => {
                        transfer.advance(piece.len());
                    }
                    (Some(piece), Some(id)) => break Some((id, piece)),
                    _ => {
                        ended = true;
                        break None;
                    }
                }
            };
        }
        let [a, b, c] = batch;
        let (a, b, c) =
            tokio::join!(transfer.put(a, &journal), transfer.put(b, &journal), transfer.put(c, &journal));
        a.and(b).and(c)?;
        if ended {
            return Ok(pieces.md5());
        }
    }
}

impl Transfer<'_> {
    async fn put(&self, block: Option<(String, Bytes)>, journal: &RefCell<&mut Journal>) -> Result<()> {
        let Some((id, bytes)) = block else { return Ok(()) };
        let to = self.address.with_query(&[("comp", "block"), ("blockid", &id)]);
        let md5 = BASE64.encode(&md5(&bytes));
        let what = "send a block";
        let answer = self
            .courier
            .send(what, || {
                Ok(self
                    .request(Method::PUT, &to, patience(bytes.len() as u64))
                    .header("Content-MD5", &md5)
                    .body(bytes.clone()))
            })
            .await?;
        if !answer.status.is_success() {
            return Err(match answer.word() {
                Some(
                    "InvalidBlobOrBlock" | "BlockCountExceedsLimit" | "UncommittedBlockCountExceedsLimit",
                ) => refusal(what, &answer)
                    .hint("parts of another transfer wait at the address: ask for a new one, or wait a week"),
                _ => refusal(what, &answer),
            });
        }
        journal.borrow_mut().took(&id)?;
        self.advance(bytes.len());
        Ok(())
    }

    async fn commit(&self, whole: &[u8; 16]) -> Result<Answer> {
        let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        for id in self.plan.ids() {
            list.push_str("<Uncommitted>");
            list.push_str(&id);
            list.push_str("</Uncommitted>");
        }
        list.push_str("</BlockList>");
        let to = self.address.with_query(&[("comp", "blocklist")]);
        let kind = match self.job.content.standing() {
            Standing::Clear => "application/zip",
            Standing::Encrypted => "application/octet-stream",
        };
        self.courier
            .send("complete the bundle at the address", || {
                Ok(self
                    .request(Method::PUT, &to, patience(0))
                    .header("Content-MD5", BASE64.encode(&md5(list.as_bytes())))
                    .header("If-None-Match", "*")
                    .header("x-ms-blob-content-type", kind)
                    .header("x-ms-blob-content-md5", BASE64.encode(whole))
                    .header("x-ms-meta-sha256", &self.plan.digest)
                    .body(list.clone()))
            })
            .await
    }

    /// What lies at the address.
    async fn look(&self) -> Result<There> {
        let answer = self
            .courier
            .send("look at the address", || Ok(self.request(Method::HEAD, self.address, patience(0))))
            .await?;
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let size = self.plan.size.to_string();
        Ok(match answer.status.as_u16() {
            200 if header("x-ms-meta-sha256") == Some(self.plan.digest.as_str())
                && header("content-length") == Some(size.as_str()) =>
            {
                There::Ours
            }
            200 => There::Other,
            404 => There::Nothing,
            _ => There::Unknown,
        })
    }

    /// The blocks of this file that wait there; `None` if the address does not permit to ask.
    async fn listed(&self) -> Result<Option<BTreeSet<String>>> {
        let list = self.address.with_query(&[("comp", "blocklist"), ("blocklisttype", "uncommitted")]);
        let answer = self
            .courier
            .send("ask which blocks are there", || Ok(self.request(Method::GET, &list, patience(0))))
            .await?;
        match answer.status.as_u16() {
            200 => {
                let there = block_list(&answer.body);
                let whole = |(index, id): &(u64, String)| there.get(id) == Some(&self.plan.length(*index));
                Ok(Some((0..).zip(self.plan.ids()).filter(whole).map(|(_, id)| id).collect()))
            }
            404 => Ok(Some(BTreeSet::new())),
            _ => Ok(None),
        }
    }

    fn request(&self, method: Method, to: &Address, timeout: Duration) -> RequestBuilder {
        self.courier.client.request(method, to.url().clone()).header("x-ms-version", VERSION).timeout(timeout)
    }

    fn advance(&self, bytes: usize) {
        self.job.observer.on(&Event::Advance { phase: Phase::Share, bytes: bytes as u64, records: 0 });
    }
}

/// Time for a request with so many bytes.
fn patience(bytes: u64) -> Duration {
    Duration::from_secs(120 + bytes / SLOWEST)
}

/// How the file is cut.
struct Plan {
    /// SHA-256 of the file, hex.
    digest: String,
    block: u64,
    size: u64,
}

impl Plan {
    fn new(size: u64, smallest: u64, digest: String) -> Result<Self> {
        let mut block = smallest.max(1);
        while size.div_ceil(block) > MOST_BLOCKS / 4 && block < LARGEST {
            block *= 2;
        }
        if size.div_ceil(block) > MOST_BLOCKS {
            return Err(Error::new(error::Kind::Limit, "the bundle is larger than a blob of 3 TiB"));
        }
        Ok(Plan { digest, block, size })
    }

    fn count(&self) -> u64 {
        self.size.div_ceil(self.block)
    }

    fn length(&self, index: u64) -> u64 {
        self.block.min(self.size.saturating_sub(index * self.block))
    }

    /// Base64 of 16 digits of the file's digest, 8 of the size of blocks, 6 of the number: 40
    /// characters, always as many (the service demands it), none of which an address must escape.
    fn ids(&self) -> impl Iterator<Item = String> + '_ {
        let digest = self.digest.get(..16).unwrap_or_default();
        (0..self.count())
            .map(move |index| BASE64.encode(format!("{digest}{:08x}{index:06x}", self.block).as_bytes()))
    }
}

/// Names and sizes in the answer of Get Block List. What cannot be read is not there.
fn block_list(body: &[u8]) -> BTreeMap<String, u64> {
    let mut blocks = BTreeMap::new();
    let Ok(text) = std::str::from_utf8(body) else { return blocks };
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut element, mut name) = (String::new(), None);
    loop {
        match reader.read_event() {
            Ok(Xml::Start(start)) => element = start.name().as_ref().to_owned(),
            Ok(Xml::Text(text)) => match element.as_str() {
                "Name" => name = Some(text.to_string()),
                "Size" => {
                    if let (Some(name), Ok(size)) = (name.take(), text.parse()) {
                        blocks.insert(name, size);
                    }
                }
                _ => {}
            },
            Ok(Xml::End(_)) => element.clear(),
            Ok(Xml::Eof) | Err(_) => return blocks,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_equally_long_and_need_no_escape() {
        let plan = Plan::new(300_000_000_000, 8 << 20, "0123456789abcdef".repeat(4)).unwrap();
        assert_eq!((plan.block, plan.count()), (32 << 20, 8941));
        assert!(plan.ids().all(|id| id.len() == 40 && id.bytes().all(|b| b.is_ascii_alphanumeric())));
        assert_eq!(plan.ids().collect::<BTreeSet<_>>().len(), 8941);
        let other = Plan::new(300_000_000_000, 8 << 20, "0123456789abcdee".repeat(4)).unwrap();
        assert_ne!(plan.ids().next(), other.ids().next());
    }

    #[test]
    fn lengths_add_up() {
        for size in [1, 99, 100, 101, 250] {
            let plan = Plan::new(size, 100, "a".repeat(64)).unwrap();
            assert_eq!((0..plan.count()).map(|index| plan.length(index)).sum::<u64>(), size);
        }
        assert_eq!(Plan::new(u64::MAX, 1, String::new()).err().unwrap().code(), 15);
    }

    #[test]
    fn a_block_list_is_read_and_nonsense_is_empty() {
        let body = b"<?xml version=\"1.0\"?><BlockList><CommittedBlocks/><UncommittedBlocks>\
            <Block><Name>YQ==</Name><Size>7</Size></Block><Block><Name>Yg==</Name><Size>8</Size></Block>\
            </UncommittedBlocks></BlockList>";
        assert_eq!(block_list(body), BTreeMap::from([("YQ==".into(), 7), ("Yg==".into(), 8)]));
        assert!(
            block_list(b"<html>").is_empty() && block_list(b"\xff<").is_empty() && block_list(b"").is_empty()
        );
    }
}
