//! What a privacy officer looks at before signing: the decision table of a bundle, and a scan of it.
//!
//! Everything comes from the verified bundle itself; the scan knows shapes and secrets, and no names.

use crate::bundle::Verified;
use crate::error::{self, Error, Result};
use crate::kind::{Kind, KindSet};
use crate::privacy::{LeakCheck, Learner};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened to one kind of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Id of the kind.
    pub kind: String,
    /// What values of this kind are, in words.
    pub holds: &'static str,
    /// What the policy does with them, with its parameter: `generalize (state)`.
    #[serde(rename = "do")]
    pub treatment: String,
    /// Values that stayed as they were.
    pub kept: u64,
    /// Values that were replaced.
    pub replaced: u64,
    /// Values that were left out.
    pub dropped: u64,
}

/// The decision table of a bundle.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// `builtin:balanced`, or `None` for the customer's own policy.
    pub preset: Option<String>,
    /// Version of the policy.
    pub version: u64,
    /// Exceptions for single fields, those with private selectors included.
    pub exceptions: u64,
    /// Lists of values that stay readable.
    pub keep: Vec<String>,
    /// One row for every kind, the treatments that keep most first.
    pub rows: Vec<Row>,
    #[serde(skip)]
    private_addresses: bool,
    /// Addresses of risk detections stay: without the learned ones none can be judged.
    #[serde(skip)]
    risky_addresses: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Projection {
    preset: Option<String>,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    exceptions: Vec<serde_json::Value>,
    #[serde(default)]
    private_selectors: u64,
    #[serde(default)]
    private_addresses: String,
    #[serde(default)]
    keep_risky_addresses: bool,
    #[serde(default)]
    keep: Vec<String>,
    #[serde(default)]
    kinds: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

#[derive(Default, Deserialize)]
struct Report {
    #[serde(default)]
    kinds: BTreeMap<String, Counts>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Counts {
    #[serde(default)]
    kept: u64,
    #[serde(default)]
    replaced: u64,
    #[serde(default)]
    dropped: u64,
}

/// What a scan of a bundle found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scanned {
    /// Entries that were read to their end.
    pub entries: u64,
    /// Records in them.
    pub rows: u64,
    /// Places that look like what the policy does not keep.
    pub findings: u64,
}

/// Reads the decision table of a bundle.
///
/// # Errors
/// `meta/policy.json` is not in a form that this version knows.
pub fn of(bundle: &Verified) -> Result<Decision> {
    let projection: Projection = serde_json::from_slice(&bundle.read("meta/policy.json")?)
        .map_err(|_| Error::new(error::Kind::Unsupported, "the policy of the bundle cannot be read"))?;
    let report: Report = bundle
        .read("meta/redaction-report.json")
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let mut rows: Vec<Row> = projection
        .kinds
        .iter()
        .map(|(kind, treatment)| {
            let counts = report.kinds.get(kind).copied().unwrap_or_default();
            Row {
                kind: kind.clone(),
                holds: Kind::parse(kind).map_or("", |kind| kind.spec().holds),
                treatment: words(treatment),
                kept: counts.kept,
                replaced: counts.replaced,
                dropped: counts.dropped,
            }
        })
        .collect();
    // What leaves readable is what an officer looks at first.
    let rank = |row: &Row| {
        let order = ["keep", "parse", "scan", "mask", "generalize", "date-shift", "pseudonymize", "hash"];
        order.iter().position(|word| row.treatment.starts_with(word)).unwrap_or(order.len())
    };
    rows.sort_by(|a, b| (rank(a), &a.kind).cmp(&(rank(b), &b.kind)));
    Ok(Decision {
        preset: projection.preset,
        version: projection.version,
        exceptions: projection.exceptions.len() as u64 + projection.private_selectors,
        keep: projection
            .keep
            .into_iter()
            .chain(projection.keep_risky_addresses.then(|| "addresses of risk detections".to_owned()))
            .collect(),
        rows,
        private_addresses: projection.private_addresses == "keep",
        risky_addresses: projection.keep_risky_addresses,
    })
}

/// `{"do":"generalize","level":"state"}` → `generalize (state)`.
fn words(treatment: &BTreeMap<String, serde_json::Value>) -> String {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let what = treatment.get("do").map(text).unwrap_or_default();
    let more: Vec<String> =
        treatment.iter().filter(|(name, _)| *name != "do").map(|(_, value)| text(value)).collect();
    if more.is_empty() { what } else { format!("{what} ({})", more.join(", ")) }
}

impl Decision {
    /// Looks for shapes and secrets that the policy does not keep, in every listed entry of the bundle.
    pub fn scan(&self, bundle: &Verified) -> Result<Scanned> {
        let mut scanned = Scanned::default();
        self.with_check(|check| {
            for entry in &bundle.manifest().entries {
                scanned.findings += check.check(&entry.path, &mut bundle.reader(&entry.path)?)?.len() as u64;
                scanned.entries += 1;
                scanned.rows += entry.rows.unwrap_or(0);
            }
            Ok(())
        })?;
        Ok(scanned)
    }

    /// Whether bytes that are about to be written look like what the policy does not keep.
    pub fn finds(&self, mut bytes: &[u8]) -> Result<bool> {
        let mut found = false;
        self.with_check(|check| {
            found = !check.check("statement", &mut bytes)?.is_empty();
            Ok(())
        })?;
        Ok(found)
    }

    fn with_check(&self, work: impl FnOnce(&LeakCheck<'_>) -> Result<()>) -> Result<()> {
        let mut treated = KindSet::EMPTY;
        for row in &self.rows {
            if let Some(kind) = Kind::parse(&row.kind).filter(|kind| hidden(*kind, &row.treatment))
                && !(self.risky_addresses && matches!(kind, Kind::IpAddress | Kind::RiskIp | Kind::Network))
            {
                treated.insert(kind);
            }
        }
        let dictionary = Learner::new().freeze();
        let check = LeakCheck::new(&dictionary, treated, Vec::new())
            .keeping_private_addresses(self.private_addresses);
        work(&check)
    }
}

/// Whether the shape of a value of this kind may not appear, as the leak check of the seal has it.
fn hidden(kind: Kind, treatment: &str) -> bool {
    match treatment.split(' ').next().unwrap_or_default() {
        "drop" | "redact" | "pseudonymize" | "hash" => true,
        "parse" => kind == Kind::Certificate,
        "generalize" => matches!(kind, Kind::IpAddress | Kind::RiskIp | Kind::Network | Kind::Dn),
        _ => false,
    }
}
