//! Order of every dataset of the demonstration: those without a time of their own stand in the order of
//! their pseudonyms, and nothing of the order of the directory is left.

use super::{DEMO, files};
use entra_bundle::catalogue::member::Path as Member;
use entra_bundle::catalogue::{Catalogue, Layout, Order};
use entra_bundle::privacy::{IncidentKey, Pseudonymizer};
use serde_json::Value;
use std::collections::BTreeMap;

/// The lines of each dataset and source in the order of the bundle.
fn streams() -> BTreeMap<(String, String), Vec<String>> {
    let root = DEMO.machine.path("case/data");
    let mut streams: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for path in files(&root).into_iter().filter(|path| path.extension().is_some_and(|end| end == "jsonl")) {
        let mut names =
            path.strip_prefix(&root).unwrap().iter().map(|name| name.to_str().unwrap().to_owned());
        let (source, dataset) = (names.next().unwrap(), names.next().unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        streams.entry((dataset, source)).or_default().extend(text.lines().map(str::to_owned));
    }
    streams
}

#[test]
fn every_dataset_without_a_time_stands_in_the_order_of_its_pseudonyms() {
    let mut checked = Vec::new();
    for ((dataset, source), lines) in streams() {
        let row = Catalogue::builtin().dataset(&dataset).unwrap();
        if row.order() != Order::Token || row.layout != Layout::Jsonl || lines.len() < 2 {
            continue;
        }
        let members: Vec<Member> = row.key.iter().map(|path| Member::new(path)).collect();
        let key = |line: &String| {
            let found: Vec<String> = members
                .iter()
                .filter_map(|member| member.first(line.as_bytes()))
                .map(|one| one.to_string())
                .collect();
            (if found.is_empty() { vec![line.clone()] } else { found }, line.clone())
        };
        let keys: Vec<_> = lines.iter().map(key).collect();
        assert!(keys.is_sorted(), "{source}/{dataset} does not stand in the order of its output");
        checked.push(dataset);
    }
    assert!(checked.len() >= 15, "{checked:?}");
}

/// What has no time of its own is put in that order, whatever the dataset.
#[test]
fn only_events_and_documents_keep_another_order() {
    for row in Catalogue::builtin().datasets() {
        let keeps = row.order() != Order::Token;
        assert!(
            !keeps || row.layout != Layout::Jsonl || !row.time.is_empty() || row.order.is_some(),
            "{}",
            row.id
        );
        let given = row.order() == Order::Given && row.layout == Layout::Jsonl;
        assert!(!given, "{} stands in the order in which it was given", row.id);
    }
}

/// Spearman's rank correlation of the places in the bundle with those in the export.
#[test]
fn no_place_in_a_bundle_tells_a_place_in_the_directory() {
    let key = std::fs::read_to_string(&DEMO.key).unwrap();
    let names = Pseudonymizer::new(&IncidentKey::parse(&key).unwrap()).unwrap();
    let (mut datasets, mut sum, mut records) = (0, 0.0, 0);
    for ((dataset, source), lines) in streams() {
        let row = Catalogue::builtin().dataset(&dataset).unwrap();
        let path = DEMO.export(&format!("graph/{dataset}.json"));
        if source != "graph" || row.order() != Order::Token || lines.len() < 20 || !path.exists() {
            continue;
        }
        let written: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let place = |id: &str| written.iter().position(|record| record["id"] == id);
        let ranks: Vec<f64> = DEMO
            .graph(&dataset)
            .iter()
            .filter_map(|record| {
                let id = record["id"].as_str()?;
                place(&names.guid_text(id)?).or_else(|| place(id)).map(|at| at as f64)
            })
            .collect();
        if ranks.len() != lines.len() {
            // Its records have no id of their own.
            continue;
        }
        let n = ranks.len() as f64;
        let squares: f64 = ranks.iter().enumerate().map(|(at, rank)| (at as f64 - rank).powi(2)).sum();
        let found = 1.0 - 6.0 * squares / (n * (n * n - 1.0));
        assert!(found.abs() < 5.0 / (n - 1.0).sqrt(), "{dataset}: {found}");
        (datasets, sum, records) = (datasets + 1, sum + found * (n - 1.0).sqrt(), records + lines.len());
    }
    // The sum of independent correlations, in standard deviations.
    assert!(datasets >= 3 && records > 300, "{datasets} datasets, {records} records");
    assert!(sum.abs() / f64::from(datasets).sqrt() < 5.0, "{sum}");
}
