//! How much a reader takes of a bundle: flags over the defaults of the format.

use crate::bundle::Limits;
use clap::Args;

/// Limits of a reader.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Limits of what is read (exit 15 beyond)")]
pub struct LimitFlags {
    /// Entries [default: 100000].
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = number)]
    pub max_entries: Option<u64>,
    /// Uncompressed size of one entry [default: 256MiB].
    #[arg(long, value_name = "SIZE", hide_short_help = true, value_parser = size)]
    pub max_entry_size: Option<u64>,
    /// Uncompressed size of all entries together [default: 64GiB].
    #[arg(long, value_name = "SIZE", hide_short_help = true, value_parser = size)]
    pub max_total_size: Option<u64>,
    /// Uncompressed bytes for each compressed one [default: 1100].
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = number)]
    pub max_ratio: Option<u64>,
    /// Size of the manifest, and of the account of the collection [default: 64MiB].
    #[arg(long, value_name = "SIZE", hide_short_help = true, value_parser = size)]
    pub max_manifest_size: Option<u64>,
    /// Size of the signatures inside, and of each file of them beside the bundle [default: 4MiB].
    #[arg(long, value_name = "SIZE", hide_short_help = true, value_parser = size)]
    pub max_attestations_size: Option<u64>,
}

impl LimitFlags {
    /// The limits that the flags and the defaults give.
    pub fn settle(&self) -> Limits {
        let default = Limits::default();
        Limits {
            entries: self.max_entries.unwrap_or(default.entries),
            entry_bytes: self.max_entry_size.unwrap_or(default.entry_bytes),
            total_bytes: self.max_total_size.unwrap_or(default.total_bytes),
            ratio: self.max_ratio.unwrap_or(default.ratio),
            manifest_bytes: self.max_manifest_size.unwrap_or(default.manifest_bytes),
            attestation_bytes: self.max_attestations_size.unwrap_or(default.attestation_bytes),
        }
    }
}

/// A number of at least 1.
fn number(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "a number of at least 1 is expected".to_owned())
}

/// `500MiB`, `64GiB`, `4096`: bytes, or a number and KiB, MiB, GiB or TiB.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u32 = match &text[digits.len()..] {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err("a size is a number and KiB, MiB, GiB or TiB, such as 500MiB".to_owned()),
    };
    number(digits)?.checked_mul(1 << unit).ok_or_else(|| "the size is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in [("1", 1), ("500MiB", 500 << 20), ("64GiB", 64 << 30), ("4096B", 4096)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "MiB", "1MB", "1.5GiB", "-1", "20000000TiB", "1 MiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
