//! One record of the central directory, and what it may say.

use super::{Rule, path};

const CENTRAL: usize = 46;
const DATE: u16 = 0x0021;
const PLAIN_FILE: u32 = 0o100_644 << 16;
const NONE32: u64 = 0xFFFF_FFFF;

/// One record of the central directory.
pub(super) struct Record<'a> {
    pub(super) fixed: &'a [u8],
    pub(super) name: &'a [u8],
    extra: &'a [u8],
    comment: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn split(rest: &mut &'a [u8]) -> Option<Record<'a>> {
        let (fixed, tail) = rest.split_at_checked(CENTRAL)?;
        if !fixed.starts_with(b"PK\x01\x02") {
            return None;
        }
        let (name, tail) = tail.split_at_checked(u16_at(fixed, 28).into())?;
        let (extra, tail) = tail.split_at_checked(u16_at(fixed, 30).into())?;
        let (comment, tail) = tail.split_at_checked(u16_at(fixed, 32).into())?;
        *rest = tail;
        Some(Record { fixed, name, extra, comment })
    }

    pub(super) fn u16(&self, at: usize) -> u16 {
        u16_at(self.fixed, at)
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        u32_at(self.fixed, at)
    }

    pub(super) fn check(&self, wrong: &mut Vec<(Rule, &'static str)>) {
        if let Err(text) = path::check(self.name) {
            wrong.push((Rule::Name, text));
        }
        let (flags, method) = (self.u16(8), self.u16(10));
        if flags & 8 != 0 {
            wrong.push((Rule::DataDescriptor, "sizes stand behind the data"));
        }
        if flags & !8 != 0 {
            wrong.push((Rule::Flags, "flags are set"));
        }
        let plain = self.name == path::MANIFEST.as_bytes() || self.name == path::ATTESTATIONS.as_bytes();
        if method != 0 && (method != 8 || plain) {
            wrong.push((Rule::Method, "the compression method is not the one of this entry"));
        }
        if method == 0 && self.u32(20) != self.u32(24) {
            wrong.push((Rule::StoredSize, "stored data have two sizes"));
        }
        if u64::from(self.u32(20)) == NONE32 || u64::from(self.u32(24)) == NONE32 {
            wrong.push((Rule::ExtraField, "an entry of 4 GiB or more"));
        }
        if self.u16(12) != 0 || self.u16(14) != DATE {
            wrong.push((Rule::Time, "the time stamp is not 1980-01-01 00:00"));
        }
        let version = if method == 0 { 10 } else { 20 };
        if self.u16(4) != 3 << 8 | version || self.u16(6) != version {
            wrong.push((Rule::Version, "the versions or the system are not the fixed ones"));
        }
        let attributes = self.u32(38);
        if attributes >> 28 == 0o12 {
            wrong.push((Rule::Symlink, "the entry is a symbolic link"));
        } else if attributes != PLAIN_FILE || self.u16(36) != 0 {
            wrong.push((Rule::Attributes, "the attributes are not those of a plain file"));
        }
        if self.u16(34) != 0 {
            wrong.push((Rule::EndRecord, "the entry lies on another disk"));
        }
        if !self.comment.is_empty() {
            wrong.push((Rule::EntryComment, "the entry has a comment"));
        }
    }

    /// The offset of the local header; from the ZIP64 field if, and only if, it does not fit.
    pub(super) fn offset(&self) -> Result<u64, &'static str> {
        let narrow = u64::from(self.u32(42));
        if self.extra.is_empty() && narrow != NONE32 {
            return Ok(narrow);
        }
        let wide = u64_at(self.extra, 4);
        if narrow != NONE32
            || self.extra.len() != 12
            || !self.extra.starts_with(&[1, 0, 8, 0])
            || wide < NONE32
        {
            return Err("extra fields other than a needed ZIP64 offset");
        }
        Ok(wide)
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}
