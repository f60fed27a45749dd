//! A closed segment: its manifest says what is in it, and a digest per (vehicle, boot, minute) with a root over them
//! proves that it still is.

use std::collections::BTreeMap;

use journal::{Frontier, Hash};
use kernel::id::BootId;
use kernel::{Timestamp, VehicleId};
use serde::{Deserialize, Serialize};

use crate::record::{Observed, Record};
use crate::sequence::Sequence;

/// A chunk is at most this long, in milliseconds.
const CHUNK_MS: i64 = 60_000;

/// The digest of one chunk: one vehicle, one boot, one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkDigest {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Which start of its computer.
    pub boot: BootId,
    /// The minute, as its beginning.
    pub from: Timestamp,
    /// How many records.
    pub records: u64,
    /// SHA-256 over the length-prefixed texts of the records, in their order.
    pub digest: Hash,
}

/// What a closed segment holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The segment's number within its tenant, from 1.
    pub segment: u64,
    /// Its chunks, by vehicle, boot and minute.
    pub chunks: Vec<ChunkDigest>,
    /// The Merkle root (RFC 6962) over the chunks' digests.
    pub root: Hash,
    /// How far each boot had come when the segment was closed.
    pub watermarks: Vec<(VehicleId, BootId, Sequence)>,
}

/// What is wrong with a segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("segment {segment}: {what}")]
pub struct Damage {
    /// Which.
    pub segment: u64,
    /// What is wrong, and where.
    pub what: String,
}

type ChunkKey = (VehicleId, BootId, i64);

/// Digests of the chunks of some records. Records of a chunk are ordered by what they are and by their number, so that
/// the order of arrival does not matter.
pub fn digests(records: &[(Record, &[u8])]) -> Vec<ChunkDigest> {
    let mut chunks: BTreeMap<ChunkKey, BTreeMap<(u8, u64), &[u8]>> = BTreeMap::new();
    for (record, text) in records {
        let minute = record.at().as_ms().div_euclid(CHUNK_MS);
        let place = match &record.observed {
            Observed::Sample(sample) => (0, sample.seq),
            Observed::Check(check) => (1, check.seq),
        };
        chunks.entry((record.vehicle, record.boot, minute)).or_default().insert(place, text);
    }
    chunks
        .into_iter()
        .map(|((vehicle, boot, minute), texts)| {
            let framed: Vec<u8> = texts
                .values()
                .flat_map(|text| {
                    u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes().into_iter().chain(text.iter().copied())
                })
                .collect();
            ChunkDigest {
                vehicle,
                boot,
                from: Timestamp::from_ms(minute * CHUNK_MS),
                records: texts.len() as u64,
                digest: Hash::of_bytes(&framed),
            }
        })
        .collect()
}

/// The root over chunks.
pub fn root(chunks: &[ChunkDigest]) -> Hash {
    let mut frontier = Frontier::default();
    chunks.iter().for_each(|chunk| frontier.push(Hash::of_leaf(chunk.digest.as_bytes())));
    frontier.root()
}

impl Manifest {
    /// The manifest of a segment that is being closed.
    pub fn of(segment: u64, records: &[(Record, &[u8])], watermarks: Vec<(VehicleId, BootId, Sequence)>) -> Self {
        let chunks = digests(records);
        Self { segment, root: root(&chunks), chunks, watermarks }
    }

    /// Compares a segment's records with what was written down when it was closed.
    ///
    /// # Errors
    /// The first chunk that is not as it was, or the root.
    pub fn verify(&self, records: &[(Record, &[u8])]) -> Result<(), Damage> {
        let damage = |what: String| Err(Damage { segment: self.segment, what });
        let found = digests(records);
        for (expected, found) in self.chunks.iter().zip(&found) {
            if expected != found {
                return damage(format!(
                    "the records of {} from {} are not as they were",
                    expected.vehicle, expected.from
                ));
            }
        }
        if found.len() != self.chunks.len() {
            return damage(format!("{} chunks where {} were written", found.len(), self.chunks.len()));
        }
        if root(&found) != self.root {
            return damage("the root is not that of the chunks".into());
        }
        Ok(())
    }

    /// Whether the segment may hold something of a vehicle in a time range.
    pub fn covers(&self, vehicle: VehicleId, from: Timestamp, to: Timestamp) -> bool {
        self.chunks
            .iter()
            .any(|chunk| chunk.vehicle == vehicle && chunk.from <= to && chunk.from.plus_ms(CHUNK_MS) >= from)
    }
}
