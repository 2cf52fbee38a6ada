//! What can be said of the privacy of a bundle without any key: its bytes are searched once more for
//! identifying shapes, with what the bundle itself says of each path (`meta/policy.json`,
//! `meta/schema/*.json`).
//!
//! Names cannot be known without the directory, and an id in text not without the set of learned
//! ones: what cannot be checked is counted as unchecked, never as clean.

use crate::bundle::Verified;
use crate::catalogue::{Layout, fold};
use crate::error::{Error, Result};
use crate::kind::{Kind, KindSet};
use crate::privacy::guid_decision::is_public;
use crate::privacy::{LeakCheck, Learner, parse_guid};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// What the search found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shapes {
    /// Entries that were read.
    pub entries: u64,
    /// Shapes that nothing explains.
    pub findings: Vec<Finding>,
    /// Values that cannot be judged without the key.
    pub unchecked: u64,
}

/// A kind of shape in an entry. Never the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The entry.
    pub entry: String,
    /// What it looks like: the id of a kind, or `secret:…`.
    pub what: String,
    /// How often.
    pub count: u64,
    /// Offset of the first one in the entry, where known.
    pub offset: Option<u64>,
}

impl Shapes {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn found(&mut self, entry: &str, what: &str, offset: Option<u64>) {
        match self.findings.iter_mut().find(|f| f.entry == entry && f.what == what) {
            Some(known) => known.count += 1,
            None => self.findings.push(Finding { entry: entry.into(), what: what.into(), count: 1, offset }),
        }
    }
}

/// What the bundle says of its policy.
struct Stated {
    treated: KindSet,
    private_addresses: bool,
    /// Addresses of risk detections stay: without the learned ones no address can be judged.
    risky_addresses: bool,
}

/// Searches all entries of a verified bundle.
///
/// # Errors
/// An entry that cannot be read, or a policy of a form that this version does not know.
pub fn check(bundle: &Verified) -> Result<Shapes> {
    let stated = stated(bundle)?;
    let nothing = Learner::new().freeze();
    let scan = LeakCheck::new(&nothing, stated.treated, Vec::new())
        .keeping_private_addresses(stated.private_addresses);
    let marked = bundle.manifest().pseudonyms.ip_marked;
    let mut shapes = Shapes::default();
    let entries: Vec<String> = bundle.entries().map(str::to_owned).collect();
    for entry in &entries {
        shapes.entries += 1;
        let mut leaks = scan.check(entry, &mut entry.as_bytes())?;
        leaks.extend(scan.check(entry, &mut bundle.reader(entry)?)?);
        for leak in leaks {
            if leak.what == Kind::IpAddress.id() && (!marked || stated.risky_addresses) {
                shapes.unchecked += 1;
            } else {
                shapes.found(entry, leak.what, Some(leak.offset));
            }
        }
    }
    let parts: Vec<_> = bundle.parts().map(|(place, entry)| (place, entry.path.clone())).collect();
    for (place, path) in parts {
        let schema = schema(bundle, &place.stream.dataset)?;
        for record in bundle.records(&path)? {
            let record = record?;
            let mut walk =
                Walk { schema: &schema, treated: stated.treated, entry: &path, shapes: &mut shapes };
            match place.layout {
                Layout::Jsonl => match serde_json::from_slice::<Value>(&record.bytes) {
                    Ok(value) => walk.value(&value, &mut String::new()),
                    Err(_) => walk.shapes.unchecked += 1,
                },
                Layout::Text | Layout::Xml => walk.text(&String::from_utf8_lossy(&record.bytes)),
            }
        }
    }
    shapes.findings.sort_by(|a, b| (&a.entry, &a.what).cmp(&(&b.entry, &b.what)));
    Ok(shapes)
}

fn stated(bundle: &Verified) -> Result<Stated> {
    let policy: Value = serde_json::from_slice(&bundle.read("meta/policy.json")?)
        .map_err(|_| unreadable("meta/policy.json"))?;
    let kinds = policy["kinds"].as_object().ok_or_else(|| unreadable("meta/policy.json"))?;
    let mut treated = KindSet::EMPTY;
    for (name, rule) in kinds {
        let Some(kind) = Kind::parse(name) else { continue };
        let coarse = matches!(kind, Kind::IpAddress | Kind::RiskIp | Kind::Network | Kind::Dn);
        match rule["do"].as_str() {
            Some("drop" | "redact" | "pseudonymize" | "hash") => treated.insert(kind),
            Some("generalize") if coarse => treated.insert(kind),
            Some("parse") if kind == Kind::Certificate => treated.insert(kind),
            _ => {}
        }
    }
    Ok(Stated {
        treated,
        private_addresses: policy["privateAddresses"] == "keep",
        risky_addresses: policy["keepRiskyAddresses"] == true,
    })
}

/// Folded path → treatment.
fn schema(bundle: &Verified, dataset: &str) -> Result<HashMap<String, String>> {
    let path = format!("meta/schema/{dataset}.json");
    if !bundle.entries().any(|entry| entry == path) {
        return Ok(HashMap::new());
    }
    let schema: Value = serde_json::from_slice(&bundle.read(&path)?).map_err(|_| unreadable(&path))?;
    let fields = schema["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row =
        |field: &Value| Some((folded(field["path"].as_str()?), field["treatment"].as_str()?.to_owned()));
    Ok(fields.iter().filter_map(row).collect())
}

fn folded(path: &str) -> String {
    path.split('/').map(fold).collect::<Vec<_>>().join("/")
}

fn unreadable(path: &str) -> Error {
    Error::usage(format!("`{path}` of the bundle cannot be read"))
        .hint("use the version of entra-bundle that wrote it")
}

/// Looks for ids that are no pseudonyms.
struct Walk<'a> {
    schema: &'a HashMap<String, String>,
    treated: KindSet,
    entry: &'a str,
    shapes: &'a mut Shapes,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, path: &mut String) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let length = path.len();
                    path.push('/');
                    path.push_str(&fold(name));
                    self.value(value, path);
                    path.truncate(length);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.value(item, path)),
            Value::String(text) => {
                for guid in unmarked(text) {
                    self.judge(guid, text, path);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// One id at a path: the treatment of the path says whether it may be there.
    fn judge(&mut self, guid: &str, text: &str, path: &str) {
        let whole = guid.len() == text.len();
        match self.schema.get(path).map(String::as_str) {
            Some("keep") if whole => {}
            Some("pseudonymize" | "hash") if whole && self.treated.contains(Kind::ObjectId) => {
                self.shapes.found(self.entry, Kind::ObjectId.id(), None);
            }
            // In text an id may be a trace id, and a path that a sibling explains is not told apart.
            _ => self.shapes.unchecked += 1,
        }
    }

    fn text(&mut self, text: &str) {
        self.shapes.unchecked += unmarked(text).count() as u64;
    }
}

/// The ids of a text that neither are our pseudonyms nor published by Microsoft.
fn unmarked(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let dash = memchr::memchr_iter(b'-', bytes);
    dash.filter_map(|at| text.get(at.checked_sub(8)?..at + 28)).filter(|guid| {
        parse_guid(guid).is_some_and(|id| {
            let ours = id[..2] == [0xfa, 0xde] && id[6] >> 4 == 8;
            !ours && !is_public(&id)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_judged_by_the_treatment_of_their_path() {
        let schema: HashMap<String, String> =
            [("/userid", "pseudonymize"), ("/correlationid", "keep"), ("/message", "scan")]
                .map(|(path, treatment)| (path.to_owned(), treatment.to_owned()))
                .into();
        let judge = |record: &str| {
            let mut shapes = Shapes::default();
            let mut treated = KindSet::EMPTY;
            treated.insert(Kind::ObjectId);
            let mut walk = Walk { schema: &schema, treated, entry: "data/x", shapes: &mut shapes };
            walk.value(&serde_json::from_str(record).unwrap(), &mut String::new());
            (shapes.findings.len(), shapes.unchecked)
        };
        let raw = "f7cc07d7-7c15-447d-876d-c01b0e5a9e38";
        assert_eq!(judge(&format!(r#"{{"UserId":"{raw}"}}"#)), (1, 0));
        assert_eq!(judge(r#"{"UserId":"fade0367-97df-873d-b280-ffadf2fb26d0"}"#), (0, 0));
        assert_eq!(judge(r#"{"UserId":"00000003-0000-0000-c000-000000000000"}"#), (0, 0));
        assert_eq!(judge(&format!(r#"{{"correlationId":"{raw}"}}"#)), (0, 0));
        assert_eq!(judge(&format!(r#"{{"message":"object {raw} failed","unknown":"{raw}"}}"#)), (0, 2));
    }
}
