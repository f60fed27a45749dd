//! Segments that were closed before chunks had seals: the manifest alone says what is in them, by vehicle, boot and minute
//! of the vehicle's clock. They are read and verified for ever, and never written any more.

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
    pub vehicle: VehicleId,
    pub boot: BootId,
    pub from: Timestamp,
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
            Observed::Seal(_) => continue,
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

pub fn root(chunks: &[ChunkDigest]) -> Hash {
    let mut frontier = Frontier::default();
    chunks.iter().for_each(|chunk| frontier.push(Hash::of_leaf(chunk.digest.as_bytes())));
    frontier.root()
}

impl Manifest {
    /// Compares a segment's records with what was written down when it was closed.
    ///
    /// # Errors
    /// The first chunk that is not as it was, or the root.
    pub fn verify(&self, records: &[(Record, &[u8])]) -> Result<(), String> {
        let damage = Err;
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
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::ops::ControlFlow;

    use kernel::id::TypedId;

    use super::*;
    use crate::log::{Log, SEGMENT_BYTES_MAX};
    use crate::record::Check;
    use crate::verify;

    fn key() -> (VehicleId, BootId) {
        (VehicleId::from_u128(1), BootId::from_u128(2))
    }

    /// A check stands for every record here: what matters is only that it is one.
    fn observed(seq: u64) -> Observed {
        Observed::Check(Check {
            trip: kernel::TripId::from_u128(3),
            at: Timestamp::from_ms(i64::try_from(seq).unwrap() * 40_000),
            seq,
            verdict: "compliant".into(),
            rules: Vec::new(),
            policy_bundle: "b".into(),
        })
    }

    fn bytes(seqs: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        let (vehicle, boot) = key();
        let mut bytes = Vec::new();
        for seq in seqs {
            let text = Record { vehicle, boot, observed: observed(seq) }.text().unwrap();
            Record::append_text(&text, &mut bytes);
        }
        bytes
    }

    #[test]
    fn a_folder_from_before_seals_is_read_continued_and_verified() {
        let folder = tempfile::tempdir().unwrap();
        let (vehicle, boot) = key();
        let closed = bytes(1..=5);
        let chunks = digests(&crate::record::all(&closed).0);
        assert!(chunks.len() > 2);
        let mut sequence = Sequence::default();
        (1..=7).for_each(|seq| sequence.note(seq));
        let manifest =
            Manifest { segment: 1, root: root(&chunks), chunks, watermarks: vec![(vehicle, boot, sequence)] };
        fs::write(folder.path().join("0000000001.log"), &closed).unwrap();
        fs::write(folder.path().join("0000000001.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
        fs::write(folder.path().join("0000000002.log"), bytes(6..=7)).unwrap();

        let (log, recent) = Log::open(folder.path(), SEGMENT_BYTES_MAX).unwrap();
        assert_eq!((recent.len(), log.through(key()).unwrap()), (2, 7));
        log.append(key(), |_| (vec![observed(8)], ())).unwrap();
        let sealed = log.seal(key()).unwrap().unwrap();
        assert_eq!((sealed.first_seq, sealed.last_seq), (6, 8));
        let everything = (Timestamp::from_ms(0), Timestamp::from_ms(1_000_000));
        let found = log.read(vehicle, everything.0, everything.1).unwrap();
        let seqs = found.iter().filter(|record| !matches!(record.observed, Observed::Seal(_))).map(Record::seq);
        assert!(seqs.eq(1..=8));
        let named = [(key(), [(sealed.chunks, sealed.root)].into())].into();
        assert_eq!(verify::verify(folder.path(), &named, &|| ControlFlow::Continue(())).unwrap(), Ok(2));

        let mut changed = crate::record::all(&closed).0;
        changed.swap_remove(1);
        let fewer: Vec<u8> = changed.iter().fold(Vec::new(), |mut bytes, (_, text)| {
            Record::append_text(text, &mut bytes);
            bytes
        });
        fs::write(folder.path().join("0000000001.log"), fewer).unwrap();
        let damage = verify::verify(folder.path(), &named, &|| ControlFlow::Continue(())).unwrap().unwrap_err();
        assert_eq!(damage.place, "segment 1");
    }
}
