//! `verify`, `unpack`, `info`.

use super::args::{Info, Unpack, Verify};
use super::ui::{self, Ui};
use super::{reading, when};
use crate::bundle::{self, Check, Manifest, SignerLine, Standing, Verification, Verified};
use crate::error::{self, Error, Result};
use crate::event::Outcome;
use crate::inspect::shapes::{self, Shapes};
use crate::inspect::summary;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use std::collections::BTreeMap;

/// Signing proves that a key committed to these bytes, nothing about their truth.
pub const MEANING: &str =
    "The signature proves that this key committed to these bytes, not that they are true or complete.";

/// Runs `verify`.
pub fn run(ui: Ui, args: &Verify) -> Result<u8> {
    if let (Some(entry), Some(proof)) = (&args.entry, &args.proof) {
        return super::prove::verify(ui, entry, proof, args);
    }
    let (detached, bundles): (Vec<_>, Vec<_>) =
        args.paths.iter().cloned().partition(|p| p.to_string_lossy().ends_with(".intoto.jsonl"));
    if bundles.is_empty() {
        return Err(Error::usage("name a bundle").hint("detached attestations end in .intoto.jsonl"));
    }
    for path in &detached {
        reading::exists(path)?;
    }
    let mut volumes = Vec::new();
    for path in &bundles {
        volumes.extend(reading::volumes(path)?);
    }
    let check = Check {
        detached,
        expect_case: args.expect_case.clone(),
        expect_bundle: args.expect_bundle.clone(),
        max_age: args.max_age.as_deref().map(when::span).transpose()?,
        inspect_untrusted: args.inspect_untrusted,
        require_complete: args.require_complete,
        ..reading::check(&args.trust)?
    };
    let signer = args.receipt.signer()?;
    let found = bundle::verify_all(&volumes, &check)?;
    let shapes = match &found.verified {
        Some(verified) if args.privacy && found.code() == 0 => Some(shapes::check(verified)?),
        _ => None,
    };
    // What has findings is not received.
    if let (Some(verified), Some(signer)) = (&found.verified, &signer)
        && shapes.as_ref().is_none_or(Shapes::is_clean)
    {
        args.receipt.write(ui, verified, signer)?;
    }
    if ui.json {
        let mut report = serde_json::to_value(found.report())
            .map_err(|_| Error::new(error::Kind::Internal, "cannot write the report"))?;
        if let Some(shapes) = &shapes {
            report["privacy"] = json!({"shapeClean": shapes.is_clean(), "entries": shapes.entries,
                "unchecked": shapes.unchecked, "findings": shapes.findings});
        }
        ui::print_json(&report)?;
        if let Some(error) = reading::refusal(&found) {
            ui.failure(&error);
        }
    } else {
        ui::print(&text(&found)?)?;
        if let Some(shapes) = &shapes {
            ui::print(&privacy(shapes))?;
        }
        if let Some(error) = reading::refusal(&found) {
            ui.failure(&error);
        }
    }
    if let Some(shapes) = shapes.filter(|shapes| !shapes.is_clean()) {
        return Err(Error::new(
            error::Kind::Privacy,
            format!("{} kinds of identifying shapes stand in the bundle", shapes.findings.len()),
        )
        .hint("do not pass the bundle on; tell its sender the entries that are listed"));
    }
    Ok(found.code())
}

/// What the search without a key can say. Never more.
fn privacy(shapes: &Shapes) -> String {
    let mut out = String::new();
    for finding in &shapes.findings {
        let place = finding.offset.map(|at| format!(", first at byte {at}")).unwrap_or_default();
        out += &format!("finding   {} in {}: {}{place}\n", finding.what, finding.entry, finding.count);
    }
    let verdict = if shapes.is_clean() { "shape-clean" } else { "not shape-clean" };
    out += &format!(
        "privacy   {verdict}: {} entries searched without a key; unchecked: {}\n\
         Shapes only: names, and ids in text, cannot be judged without the directory.\n",
        ui::thousands(shapes.entries),
        ui::thousands(shapes.unchecked),
    );
    out
}

fn text(found: &Verification) -> Result<String> {
    let mut out = String::new();
    out += &signers(&found.signers);
    if let Some(recipient) = &found.recipient {
        out += &format!("opened    with the identity of {recipient}\n");
    }
    if found.code() == 0
        && let Some(verified) = &found.verified
    {
        out += &head(verified.manifest(), records(verified)?.values().sum());
        if !verified.volumes().is_empty() {
            out += &format!("series    {} volumes, complete\n", verified.volumes().len());
        }
        out += &format!("verified  origin and integrity proven\n{MEANING}\n");
    }
    if found.findings.len() > 1 {
        for finding in &found.findings {
            out += &format!("finding   {:<18} {finding}\n", rule(finding.rule));
        }
    }
    for warning in &found.warnings {
        out += &format!("warning   {warning}\n");
    }
    Ok(out)
}

/// The stable name of a rule.
fn rule(rule: bundle::Rule) -> String {
    serde_json::to_value(rule).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One line for every signature.
pub fn signers(lines: &[SignerLine]) -> String {
    let mut out = String::new();
    for signer in lines {
        let role = signer
            .role
            .map(|role| format!("{role:?}").to_lowercase())
            .unwrap_or_else(|| "unknown role".into());
        let Some(fingerprint) = &signer.fingerprint else {
            out += &format!("signature by no key that you trust ({role})\n");
            continue;
        };
        let standing = match signer.status {
            Standing::Counted => "good",
            Standing::Untrusted => "by no key that you trust",
            Standing::NotInForce => "by a key that is revoked or was not valid then",
            Standing::WithoutRole => "by a key that may not say this",
            Standing::Rejected => "of a rejection",
            Standing::Ignored => "of a kind that this version does not know",
        };
        let who = signer.customer.as_deref().or(signer.name.as_deref()).unwrap_or("");
        out += &format!("signature {standing}: {role} sha256 {} {who}\n", ui::grouped(fingerprint));
    }
    out
}

/// Records of each part. The manifest counts those of JSON lines and text; an XML part has an index
/// with a line for each.
fn records(bundle: &Verified) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for entry in bundle.manifest().entries.iter().filter(|entry| entry.part.is_some()) {
        let rows = match entry.rows {
            Some(rows) => rows,
            None => match index_of(&entry.path) {
                Some(index) => memchr::memchr_iter(b'\n', &bundle.read(&index)?).count() as u64,
                None => 0,
            },
        };
        counts.insert(entry.path.clone(), rows);
    }
    Ok(counts)
}

/// `data/onprem/x/part-00000.xml` → `meta/index/onprem/x/part-00000.jsonl`.
fn index_of(part: &str) -> Option<String> {
    let (name, _) = part.strip_prefix("data/")?.rsplit_once('.')?;
    Some(format!("meta/index/{name}.jsonl"))
}

fn head(manifest: &Manifest, records: u64) -> String {
    let learned = &manifest.totals.learned;
    format!(
        "bundle    {}   made {} by {} {}\ncase      {}\npolicy    {}   {}\nholds     {} records, {} in {} entries\n",
        manifest.bundle_id,
        manifest.created_at,
        manifest.tool.name,
        manifest.tool.version,
        manifest.case.reference.as_deref().unwrap_or("none"),
        manifest.policy.id.as_deref().unwrap_or("the customer's own"),
        summary::learned(learned.names, &learned.from),
        ui::thousands(records),
        ui::size(manifest.totals.raw_bytes),
        ui::thousands(manifest.totals.entries),
    )
}

/// Runs `unpack`.
pub fn unpack(ui: Ui, args: &Unpack) -> Result<u8> {
    let bundle = reading::open(&args.bundle, &args.trust)?;
    bundle.unpack(&args.to)?;
    let alone = bundle.manifest().totals.entries + 2;
    let entries = match bundle.volumes() {
        [] => alone,
        volumes => volumes.iter().map(|volume| volume.manifest().totals.entries + 2).sum(),
    };
    ui.result(
        &json!({"folder": args.to, "entries": entries, "bundleId": bundle.manifest().bundle_id}),
        &format!("{} files unpacked into {}\n", ui::thousands(entries), args.to.display()),
    )?;
    Ok(0)
}

/// Runs `info`.
pub fn info(ui: Ui, args: &Info) -> Result<u8> {
    let bundle = reading::open(&args.bundle, &args.trust)?;
    let manifest = bundle.manifest();
    let collection: serde_json::Value = serde_json::from_slice(&bundle.read("meta/collection.json")?)
        .map_err(|_| Error::usage("the account of the collection cannot be read"))?;
    if ui.json {
        ui::print_json(&json!({"manifest": manifest, "collection": collection}))?;
        return Ok(0);
    }
    let mut out = String::new();
    if !args.missing {
        let counts = records(&bundle)?;
        out += &head(manifest, counts.values().sum());
        out += &format!("\n{}\n", ui::plain(&datasets(manifest, &counts)));
    }
    out += &missing(manifest, &collection);
    ui::print(&out)?;
    Ok(0)
}

fn datasets(manifest: &Manifest, counts: &BTreeMap<String, u64>) -> Table {
    /// Records, bytes, earliest and latest time.
    type Row = (u64, u64, Option<String>, Option<String>);
    let mut rows: BTreeMap<(String, &str), Row> = BTreeMap::new();
    for entry in &manifest.entries {
        if let Some(part) = &entry.part {
            let row = rows.entry((part.dataset.clone(), part.source.id())).or_default();
            row.0 += counts.get(&entry.path).copied().unwrap_or(0);
            row.1 += entry.size;
            row.2 = [row.2.take(), part.min_time.clone()].into_iter().flatten().min();
            row.3 = row.3.take().max(part.max_time.clone());
        }
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["dataset", "source", "records", "size", "from", "to"]);
    for ((dataset, source), (records, bytes, from, to)) in rows {
        let cut =
            |time: Option<String>| time.map(|t| t.chars().take(19).collect::<String>()).unwrap_or_default();
        table.add_row([
            dataset,
            source.to_owned(),
            ui::thousands(records),
            ui::size(bytes),
            cut(from),
            cut(to),
        ]);
    }
    for at in [2, 3] {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// What is missing, and why: datasets first, then each file that was refused or is damaged.
fn missing(manifest: &Manifest, collection: &serde_json::Value) -> String {
    let mut out = String::new();
    for dataset in &manifest.completeness.datasets {
        if dataset.outcome == Outcome::Complete || dataset.outcome == Outcome::Empty {
            continue;
        }
        let why = dataset.reason.map(summary::reason).unwrap_or("no reason given");
        let count = dataset.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        out += &format!("{:<8} {}{count}: {why}\n", summary::outcome(dataset.outcome), dataset.dataset);
    }
    let files = collection["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    for file in files {
        let outcome = file["outcome"].as_str().unwrap_or_default();
        if matches!(outcome, "partial" | "skipped" | "failed") {
            let name: String = super::lookup::visible(file["name"].as_str().unwrap_or_default());
            out += &format!(
                "  file {} {name}: {} {}\n",
                file["file"],
                outcome,
                file["reason"].as_str().unwrap_or_default()
            );
            for fault in file["faults"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let place = match (fault["record"].as_u64(), fault["offset"].as_u64()) {
                    (Some(record), Some(offset)) => format!("record {record}, byte {offset}"),
                    (Some(record), None) => format!("record {record}"),
                    (None, Some(offset)) => format!("byte {offset}"),
                    (None, None) => format!("{} places", fault["count"]),
                };
                out += &format!("    {}: {place}\n", fault["reason"].as_str().unwrap_or_default());
            }
        }
    }
    if out.is_empty() {
        out.push_str("nothing is missing of what was given\n");
    }
    out
}
