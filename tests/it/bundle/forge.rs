//! A second implementation of the bundle's writer, made from the format's description alone, that
//! can also forge: every layer (files, manifest, statement, envelope, zip) can be altered.

use entra_bundle::crypto::{Algorithm, Signer, SigningKey, hex, sha256};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const USERS: &str = "data/graph/users/part-00000.jsonl";
pub const TRACE: &str = "data/onprem/connect_trace/part-00000.txt";
pub const TRACE_INDEX: &str = "meta/index/onprem/connect_trace/part-00000.jsonl";
pub const ID: &str = "abcdefghijklmnopqrstuvwxya";

/// An entry as it goes into the zip.
#[derive(Clone)]
pub struct Item {
    pub name: String,
    pub data: Vec<u8>,
}

/// What a bundle is made of. `build` signs what stands here.
pub struct Forge {
    pub files: BTreeMap<String, Vec<u8>>,
    pub rows: BTreeMap<String, u64>,
    /// Alters the manifest before it is written and signed.
    pub manifest: Box<dyn Fn(&mut Value)>,
    /// Alters the text of the manifest before it is signed.
    pub text: Box<dyn Fn(String) -> String>,
    /// Alters the statement's predicate before it is signed.
    pub predicate: Box<dyn Fn(&mut Value)>,
    /// Alters `SHA256SUMS` before it is signed.
    pub sums: Box<dyn Fn(String) -> String>,
}

impl Forge {
    pub fn new() -> Self {
        let text = "one\ntwo\n  more\n";
        let completeness = r#"{"status":"complete","datasets":[{"dataset":"users","outcome":"complete","reason":null,"detail":null}]}"#;
        let files = [
            ("README.txt", entra_bundle::bundle::README.to_owned()),
            (USERS, "{\"id\":1}\n{\"id\":2}\n".to_owned()),
            (TRACE, text.to_owned()),
            (TRACE_INDEX, "[0,4,null]\n[4,11,\"2026-11-19T08:00:00Z\"]\n".to_owned()),
            ("meta/collection.json", format!("{{\"requests\":[],\"completeness\":{completeness}}}\n")),
            ("meta/policy.json", "{}\n".to_owned()),
        ];
        Forge {
            files: files.map(|(name, text)| (name.to_owned(), text.into_bytes())).into(),
            rows: [(USERS.to_owned(), 2), (TRACE.to_owned(), 2)].into(),
            manifest: Box::new(|_| {}),
            text: Box::new(|text| text),
            predicate: Box::new(|_| {}),
            sums: Box::new(|sums| sums),
        }
    }

    pub fn set(mut self, name: &str, content: &str) -> Self {
        self.files.insert(name.to_owned(), content.as_bytes().to_vec());
        self
    }

    /// Everything before the manifest, in the order of the archive.
    fn head(&self) -> Vec<Item> {
        let sums: String =
            self.files.iter().map(|(name, data)| format!("{}  {name}\n", hex(&sha256(data)))).collect();
        // README.txt sorts before data/ and meta/.
        let mut items: Vec<Item> =
            self.files.iter().map(|(name, data)| Item { name: name.clone(), data: data.clone() }).collect();
        items.push(Item { name: "SHA256SUMS".to_owned(), data: (self.sums)(sums).into_bytes() });
        items
    }

    fn entry(&self, item: &Item) -> Value {
        let name = &item.name;
        let rows = self.rows.get(name);
        let media = match name.rsplit('.').next() {
            Some("jsonl") => "application/x-ndjson",
            Some("json") => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        let mut entry = json!({"path": name, "size": item.data.len(), "sha256": hex(&sha256(&item.data)),
            "rows": rows, "mediaType": media});
        if name.starts_with("data/") {
            let pieces: Vec<&str> = name.split('/').collect();
            let more = json!({"dataset": pieces[2], "source": pieces[1],
                "part": pieces[3][5..10].parse::<u32>().unwrap(), "minTime": null, "maxTime": null,
                "label": "pseudonymous", "learned": {"names": 0, "from": []}, "sourceSha256": null});
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        entry
    }

    fn manifest_text(&self, head: &[Item]) -> String {
        let mut entries: Vec<Value> = head.iter().map(|item| self.entry(item)).collect();
        entries.sort_by_key(|entry| entry["path"].as_str().unwrap().to_owned());
        let completeness: Value = serde_json::from_slice(&self.files["meta/collection.json"])
            .map(|ledger: Value| ledger["completeness"].clone())
            .unwrap_or_default();
        let prefix = locals(head);
        let mut manifest = json!({
            "schema": "entra-bundle/manifest/1",
            "bundleId": ID,
            "volume": {"index": 1, "final": true, "count": 1, "seriesId": null, "prevManifestSha256": null},
            "tool": {"name": "forge", "version": "1", "gitCommit": null, "target": "test"},
            "createdAt": "2026-11-20T11:05:00Z",
            "tenant": {"pseudonym": null, "cloud": "global"},
            "case": {"reference": "SR-42"},
            "window": {"from": null, "to": null},
            "policy": {"id": null, "version": 1, "sha256": hex(&sha256(&self.files["meta/policy.json"])), "approvedDigest": null},
            "catalogue": {"sha256": "0".repeat(64)},
            "pseudonyms": {"keyId": "k", "recipient": null, "keyHeldBy": null, "destroyAfter": null,
                "ipMarked": true, "dictionaryDigest": "d"},
            "intendedRecipients": [],
            "hash": {"perEntry": "sha256", "tree": "rfc9162-sha256", "root": "", "leaf": "entra-bundle/leaf/1",
                "archive": {"size": prefix.len(), "sha256": hex(&sha256(&prefix))}},
            "totals": {"entries": entries.len(), "rawBytes": head.iter().map(|item| item.data.len()).sum::<usize>(),
                "rows": self.rows.values().sum::<u64>(), "learned": {"names": 0, "from": []}},
            "completeness": completeness,
            "entries": entries,
        });
        manifest["hash"]["root"] = json!(root(&manifest["entries"]));
        (self.manifest)(&mut manifest);
        (self.text)(serde_json::to_string_pretty(&manifest).unwrap() + "\n")
    }

    /// All entries of a bundle, signed by `key`.
    pub fn items(&self, key: &SigningKey) -> Vec<Item> {
        let mut items = self.head();
        let text = self.manifest_text(&items);
        let line = attest(text.as_bytes(), "collection", &self.collection(&text), key);
        items.push(Item { name: "manifest.json".to_owned(), data: text.into_bytes() });
        items.push(Item { name: "attestations.intoto.jsonl".to_owned(), data: (line + "\n").into_bytes() });
        items
    }

    /// What the collector says of a manifest.
    pub fn collection(&self, manifest: &str) -> Value {
        let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
        let mut predicate = json!({"bundleId": manifest["bundleId"], "contentRoot": manifest["hash"]["root"],
            "policySha256": manifest["policy"]["sha256"], "entries": manifest["totals"]["entries"],
            "rows": manifest["totals"]["rows"], "signedAt": "2026-11-20T11:05:00Z"});
        if manifest.is_null() {
            predicate = json!({"bundleId": "", "contentRoot": "", "policySha256": "", "entries": 0, "rows": 0,
                "signedAt": ""});
        }
        (self.predicate)(&mut predicate);
        predicate
    }

    pub fn build(&self, key: &SigningKey) -> Vec<u8> {
        zip(&self.items(key))
    }
}

pub fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_pem(&SigningKey::generate(algorithm).unwrap()).unwrap()
}

/// RFC 9162, written recursively as the RFC does.
fn root(entries: &Value) -> String {
    fn tree(leaves: &[Vec<u8>]) -> [u8; 32] {
        match leaves {
            [] => sha256(b""),
            [leaf] => sha256(&[&[0], &leaf[..]].concat()),
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                sha256(&[&[1], &tree(left)[..], &tree(right)[..]].concat())
            }
        }
    }
    let leaf = |entry: &Value| {
        let path = entry["path"].as_str().unwrap();
        let digest = data_encoding::HEXLOWER.decode(entry["sha256"].as_str().unwrap().as_bytes()).unwrap();
        let size = entry["size"].as_u64().unwrap();
        [&(path.len() as u32).to_be_bytes()[..], path.as_bytes(), &size.to_be_bytes(), &digest].concat()
    };
    hex(&tree(&entries.as_array().unwrap().iter().map(leaf).collect::<Vec<_>>()))
}

/// One envelope line without LF.
pub fn attest(manifest: &[u8], kind: &str, predicate: &Value, key: &SigningKey) -> String {
    let statement = json!({"_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "manifest.json", "digest": {"sha256": hex(&sha256(manifest))}}],
        "predicateType": format!("urn:entra-bundle:attestation:{kind}:1"), "predicate": predicate});
    envelope(statement.to_string().as_bytes(), key, &entra_bundle::crypto::fingerprint(&key.spki()))
}

pub fn envelope(payload: &[u8], key: &SigningKey, keyid: &str) -> String {
    let mut message = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len()).into_bytes();
    message.extend_from_slice(payload);
    let encode = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    json!({"payload": encode(payload), "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"keyid": keyid, "sig": encode(&key.sign(&message).unwrap())}]})
    .to_string()
}

fn local(item: &Item) -> Vec<u8> {
    let size = (item.data.len() as u32).to_le_bytes();
    let mut out = b"PK\x03\x04\x0a\0\0\0\0\0\0\0\x21\0".to_vec();
    out.extend_from_slice(&crc32fast::hash(&item.data).to_le_bytes());
    out.extend_from_slice(&size);
    out.extend_from_slice(&size);
    out.extend_from_slice(&(item.name.len() as u16).to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(item.name.as_bytes());
    out.extend_from_slice(&item.data);
    out
}

fn locals(items: &[Item]) -> Vec<u8> {
    items.iter().flat_map(local).collect()
}

/// The zip of the profile with stored entries, written by hand.
pub fn zip(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for item in items {
        let header = local(item);
        directory.extend_from_slice(b"PK\x01\x02\x0a\x03");
        directory.extend_from_slice(&header[4..30]);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&[0, 0, 0xa4, 0x81]);
        directory.extend_from_slice(&(out.len() as u32).to_le_bytes());
        directory.extend_from_slice(item.name.as_bytes());
        out.extend_from_slice(&header);
    }
    let count = (items.len() as u16).to_le_bytes();
    let offset = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count);
    out.extend_from_slice(&count);
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

/// Offsets of the local header and of the central record of an entry.
pub fn places(zip: &[u8], name: &str) -> (usize, usize) {
    let found: Vec<usize> = zip
        .windows(name.len())
        .enumerate()
        .filter(|(_, window)| *window == name.as_bytes())
        .map(|(at, _)| at)
        .collect();
    let header = |magic: &[u8], before: usize| {
        found
            .iter()
            .map(|at| at.wrapping_sub(before))
            .find(|at| zip.get(*at..*at + 4) == Some(magic))
            .unwrap()
    };
    (header(b"PK\x03\x04", 30), header(b"PK\x01\x02", 46))
}
