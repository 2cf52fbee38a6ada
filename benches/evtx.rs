//! Reading a Windows event log, beside the dump of the `evtx` crate (`evtx_dump -o jsonl`), both on one
//! thread over the same file. Arguments: a file; without one the chunks of the shared `system.evtx`, again
//! and again up to 32 MiB, so that reading weighs and not the opening of a small file.

use entra_bundle::source::local::{LocalFiles, Options};
use entra_bundle::source::{Item, Source as _};
use evtx::{EvtxParser, ParserSettings};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Rounds; the best counts.
const ROUNDS: usize = 7;

/// CPU time of this thread; elapsed time where the system does not tell.
fn clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = cpu.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

fn best(mut step: impl FnMut() -> (u64, u64)) -> (Duration, (u64, u64)) {
    let mut result = (Duration::MAX, (0, 0));
    for _ in 0..ROUNDS {
        let start = clock();
        let counted = step();
        result = result.min((clock().saturating_sub(start), counted));
    }
    result
}

/// Records and bytes of JSON that the product reads.
fn ours(path: &Path) -> (u64, u64) {
    let stop = AtomicBool::new(false);
    let source = LocalFiles::new(vec![path.to_owned()], Options::new(&stop)).unwrap();
    let unit = source.units().unwrap().remove(0);
    let mut items = source.open(&unit, None).unwrap();
    let (mut records, mut bytes) = (0, 0);
    while let Some(item) = items.next() {
        if let Item::Record(_, raw) = item.unwrap() {
            records += 1;
            bytes += raw.len() as u64;
        }
    }
    (records, bytes)
}

/// The same of the crate's own dump: whole chunks, without the line ends.
fn dump(path: &Path) -> (u64, u64) {
    let mut parser = EvtxParser::from_path(path).unwrap().with_configuration(alone());
    let (mut records, mut bytes) = (0, 0);
    for chunk in parser.chunks_json_bytes(false) {
        for (_, record) in chunk.records() {
            records += 1;
            bytes += record.len() as u64;
        }
    }
    (records, bytes)
}

fn alone() -> ParserSettings {
    ParserSettings::new().num_threads(1).indent(false)
}

/// The same by the crate's iterator of records.
fn records(path: &Path) -> (u64, u64) {
    let mut parser = EvtxParser::from_path(path).unwrap().with_configuration(alone());
    let (mut records, mut bytes) = (0, 0);
    for record in parser.records_json().flatten() {
        records += 1;
        bytes += record.data.len() as u64;
    }
    (records, bytes)
}

/// Bytes of the file that is read.
const LEAST: usize = 32 << 20;
/// Bytes in front of the first chunk.
const HEADER: usize = 4096;

/// The log with its chunks repeated.
fn repeated(path: &Path) -> tempfile::NamedTempFile {
    let log = std::fs::read(path).unwrap();
    let (header, chunks) = log.split_at(HEADER);
    let mut all = header.to_vec();
    let mut count = 0_u16;
    while all.len() < LEAST {
        all.extend_from_slice(chunks);
        count += u16::try_from(chunks.len() / (64 << 10)).unwrap();
    }
    // The number of chunks (at 42, 16 bits) and the sum of the first 120 bytes (at 124).
    all[42..44].copy_from_slice(&count.to_le_bytes());
    let sum = crc32fast::hash(&all[..120]);
    all[124..128].copy_from_slice(&sum.to_le_bytes());
    let file = tempfile::Builder::new().suffix(".evtx").tempfile().unwrap();
    std::fs::write(file.path(), all).unwrap();
    file
}

fn main() {
    let shared =
        std::env::var_os("ENTRA_BUNDLE_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let given = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let sample = shared.join("data/evtx/system.evtx");
    if given.is_none() && !sample.is_file() {
        println!("SKIPPED: no event log to read");
        return;
    }
    let made = given.is_none().then(|| repeated(&sample));
    let path = given.map_or_else(|| made.as_ref().unwrap().path().to_owned(), PathBuf::from);
    println!("{:<28} {:>9} {:>12} {:>12}", "one thread, CPU time", "records", "bytes", "records/s");
    let mut speeds = Vec::new();
    for (name, (time, (records, bytes))) in [
        ("entra-bundle", best(|| ours(&path))),
        ("dump of the evtx crate", best(|| dump(&path))),
        ("its iterator of records", best(|| records(&path))),
    ] {
        let speed = records as f64 / time.as_secs_f64();
        println!("{name:<28} {records:>9} {bytes:>12} {speed:>12.0}");
        speeds.push(speed);
    }
    println!("÷ dump {:.2}, ÷ iterator of records {:.2}", speeds[0] / speeds[1], speeds[0] / speeds[2]);
}
