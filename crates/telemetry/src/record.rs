//! Records of a segment: a length, a checksum, then the canonical text of what was observed. The digest of a chunk is
//! over these texts, never over a file, so that compaction keeps it.

use kernel::id::BootId;
use kernel::{Timestamp, TripId, VehicleId};
use serde::{Deserialize, Serialize};

use crate::chunk::Chunk;
use crate::sample::Sample;

/// The largest record in bytes: a check with many violations stays far below.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
const HEADER_BYTES: usize = 8;

/// One check of a vehicle on a trip against policy (TRIP-8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub trip: TripId,
    /// When the sample that was checked was taken.
    pub at: Timestamp,
    /// The number of that sample within its boot.
    pub seq: u64,
    pub verdict: String,
    pub rules: Vec<String>,
    /// SHA-256 of the policy bundle.
    pub policy_bundle: String,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Observed {
    Sample(Sample),
    Check(Check),
    /// The end of a chunk: what the records of this boot since the last one are.
    Seal(Chunk),
}

/// A record: whose, and what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub vehicle: VehicleId,
    pub boot: BootId,
    pub observed: Observed,
}

impl Record {
    /// When it was observed, by the vehicle's clock.
    pub fn at(&self) -> Timestamp {
        match &self.observed {
            Observed::Sample(sample) => sample.vehicle_time,
            Observed::Check(check) => check.at,
            Observed::Seal(chunk) => chunk.to,
        }
    }

    /// The number of the sample that it is or is about.
    pub fn seq(&self) -> u64 {
        match &self.observed {
            Observed::Sample(sample) => sample.seq,
            Observed::Check(check) => check.seq,
            Observed::Seal(chunk) => chunk.last_seq,
        }
    }

    /// The text that digests are over.
    pub fn text(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Appends a record's text behind its length and CRC-32, both little endian.
    pub fn append_text(text: &[u8], out: &mut Vec<u8>) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
        out.extend_from_slice(text);
    }
}

/// The next record of a file, with its text and what follows it; `None` where the file ends, is torn or is damaged.
pub fn next(bytes: &[u8]) -> Option<(Record, &[u8], &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let (length, checksum) = header.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|&length| length <= RECORD_BYTES_MAX)?;
    let (text, rest) = rest.split_at_checked(length)?;
    let intact = crc32fast::hash(text).to_le_bytes() == *checksum;
    let record = intact.then(|| serde_json::from_slice(text).ok())??;
    Some((record, text, rest))
}

/// Every record of a file up to where it is torn, with its text, and how many bytes are whole.
pub fn all(bytes: &[u8]) -> (Vec<(Record, &[u8])>, usize) {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Some((record, text, after)) = next(rest) {
        records.push((record, text));
        rest = after;
    }
    (records, bytes.len() - rest.len())
}

/// Whether bytes that are no whole record are the beginning of one that was not written to its end, or room that was
/// never written.
pub fn is_torn(rest: &[u8]) -> bool {
    if rest.iter().all(|&byte| byte == 0) {
        return true;
    }
    let Some((header, text)) = rest.split_at_checked(HEADER_BYTES) else { return true };
    let Some((length, _)) = header.split_first_chunk::<4>() else { return true };
    usize::try_from(u32::from_le_bytes(*length)).is_ok_and(|length| length <= RECORD_BYTES_MAX && length > text.len())
}
