//! A few small questions to the service before a collection: the licence, counts, the rate of a log.
//! GET alone, through the same pacer; what is not answered stays unknown.

use super::plan::{Count, licence_of};
use crate::catalogue::graph::{Licence, Requests, Row};
use crate::catalogue::member::Path as Member;
use crate::catalogue::time;
use crate::error::Result;
use crate::source::graph::{Graph, Next, Page, Question, Work};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the answers are waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is sampled of a log.
const SAMPLE: SignedDuration = SignedDuration::from_hours(1);

/// Records that are read of a dataset that is counted, to learn how large they are.
const MEASURED: u32 = 20;

/// What the service answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// The best licence among the subscriptions.
    pub licence: Option<Licence>,
    /// Records by dataset.
    pub counts: BTreeMap<String, Count>,
    /// Mean size in bytes of the records that were read, by dataset.
    pub sizes: BTreeMap<String, f64>,
}

/// Asks for the licence, for the count of each of `rows` that can be counted and for some of its records, and for the newest hour
/// of each log, from which the window `[from, to)` is extrapolated.
///
/// # Errors
/// Access, if the sign-in is refused.
pub fn ask(graph: &Graph, rows: &[&Row], from: Option<Timestamp>, to: Timestamp) -> Result<Answers> {
    let mut work = Vec::new();
    let mut plain = |row: Row, question: Question| {
        work.push(Work { row, question, cursor: None, done: false, parents: None });
    };
    if let Some(row) = Requests::builtin().row("subscribed_skus") {
        plain(row.clone(), Question::default());
    }
    let mut asked = vec![None];
    for row in rows.iter().filter(|row| !row.is_child()) {
        if row.count {
            plain(Row { top: Some(MEASURED), ..(*row).clone() }, Question::default());
        } else if row.window.is_some() {
            let question =
                Question { from: to.checked_sub(SAMPLE).ok(), to: Some(to), conditions: Vec::new() };
            plain((*row).clone(), question);
        } else {
            continue;
        }
        asked.push(Some(*row));
    }
    let mut open: Vec<bool> = vec![true; asked.len()];
    let mut answers = Answers::default();
    let mut running = graph.start(work);
    let end = Instant::now() + PATIENCE;
    while open.contains(&true) && Instant::now() < end {
        let arrival = match running.next(Duration::from_millis(200))? {
            Next::Arrival(arrival) => arrival,
            Next::Quiet => continue,
            Next::Done => break,
        };
        let Some(row) = asked.get(arrival.unit) else { continue };
        // The first page answers; more of it is not waited for.
        let first = std::mem::replace(&mut open[arrival.unit], false);
        let (true, Some(page)) = (first, &arrival.page) else { continue };
        match row {
            None => answers.licence = Some(licence(&page.page)),
            Some(row) => {
                if let Some(size) = size(&page.page) {
                    answers.sizes.insert(row.id.clone(), size);
                }
                let counted = arrival.expected.map(Count::Counted);
                if let Some(count) = counted.or_else(|| sampled(row, &page.page, from, to)) {
                    answers.counts.insert(row.id.clone(), count);
                }
            }
        }
    }
    Ok(answers)
}

/// Mean size of the records of a page.
fn size(page: &Page) -> Option<f64> {
    let bytes: usize = page.records.iter().map(|at| at.len()).sum();
    (!page.records.is_empty()).then(|| bytes as f64 / page.records.len() as f64)
}

/// The best licence of the subscriptions that are in force.
fn licence(page: &Page) -> Licence {
    let records: Vec<Value> = page
        .records
        .iter()
        .filter_map(|at| serde_json::from_slice(page.body.get(at.clone())?).ok())
        .collect();
    let lists = records.iter().filter(|sku| sku["capabilityStatus"] != "Suspended");
    let plans = lists.filter_map(|sku| sku["servicePlans"].as_array()).flatten();
    licence_of(plans.filter_map(|plan| plan["servicePlanName"].as_str()))
}

/// Records of the window at the rate of the newest hour; where one page did not hold it, at the rate
/// of that page.
fn sampled(row: &Row, page: &Page, from: Option<Timestamp>, to: Timestamp) -> Option<Count> {
    let window = to.duration_since(from?).as_secs_f64();
    let records = page.records.len() as f64;
    let mut span = SAMPLE.as_secs_f64();
    if page.next.is_some() {
        let field = Member::new(&row.window.as_ref()?.field);
        let times: Vec<Timestamp> = page
            .records
            .iter()
            .filter_map(|at| time::parse(&field.first(page.body.get(at.clone())?)?))
            .collect();
        let (first, last) = (times.iter().min()?, times.iter().max()?);
        span = last.duration_since(*first).as_secs_f64().max(1.0);
    }
    Some(Count::Sampled((records / span * window).ceil() as u64))
}
