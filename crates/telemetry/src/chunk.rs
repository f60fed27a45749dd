//! Chunks: what one boot of one vehicle recorded within a minute, in the order of arrival. A chunk is sealed by a record
//! that follows its records and states their digest; the digests of a boot's chunks are the leaves of a Merkle tree
//! (RFC 6962), whose root over the first `n` chunks is what the journal names.

use journal::{Frontier, Hash};
use kernel::id::BootId;
use kernel::{Timestamp, VehicleId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::record::{Observed, Record};
use crate::sequence::Sequence;

/// The longest time from the first to the last record of a chunk, in milliseconds.
pub const CHUNK_MS_MAX: i64 = 60_000;

/// A boot of a vehicle: whose records these are.
pub type BootKey = (VehicleId, BootId);

/// A sealed chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its number within the boot, from 1.
    pub n: u64,
    /// When its first record was observed, by the vehicle's clock.
    pub from: Timestamp,
    pub to: Timestamp,
    /// The smallest number of a sample in it.
    pub first_seq: u64,
    /// The largest number of a sample in it.
    pub last_seq: u64,
    pub records: u64,
    /// SHA-256 over the length-prefixed texts of the records.
    pub digest: Hash,
}

/// What a boot recorded up to now, as a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which start of the vehicle's computer.
    pub boot: BootId,
    /// How many chunks the root is over: the boot's first ones.
    pub chunks: u64,
    /// The Merkle root over their digests.
    pub root: Hash,
    /// The smallest number of a sample in them.
    pub first_seq: u64,
    /// The largest number of a sample in them.
    pub last_seq: u64,
}

/// The chunk under way.
#[derive(Debug, Clone)]
struct Open {
    hasher: Sha256,
    from: Timestamp,
    to: Timestamp,
    first_seq: u64,
    last_seq: u64,
    records: u64,
}

impl Open {
    fn at(record: &Record) -> Self {
        let (at, seq) = (record.at(), record.seq());
        Self { hasher: Sha256::new(), from: at, to: at, first_seq: seq, last_seq: seq, records: 0 }
    }

    fn fits(&self, record: &Record) -> bool {
        let (from, to) = (self.from.min(record.at()), self.to.max(record.at()));
        to.since_ms(from) <= CHUNK_MS_MAX
    }

    fn take(&mut self, record: &Record, text: &[u8]) {
        (self.from, self.to) = (self.from.min(record.at()), self.to.max(record.at()));
        (self.first_seq, self.last_seq) = (self.first_seq.min(record.seq()), self.last_seq.max(record.seq()));
        self.records += 1;
        self.hasher.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.hasher.update(text);
    }
}

/// What is known of one boot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Boot {
    pub sequence: Sequence,
    tree: Frontier,
    first_seq: u64,
    last_seq: u64,
    #[serde(skip)]
    open: Option<Open>,
}

impl Boot {
    /// A boot of which only the samples that arrived are known.
    pub fn with_sequence(sequence: Sequence) -> Self {
        Self { sequence, ..Self::default() }
    }

    /// Takes a record that was read from a segment, and answers the chunk that a seal states, with what the records
    /// before it are.
    pub fn replay(&mut self, record: &Record, text: &[u8]) -> Option<(Chunk, Option<Chunk>)> {
        match &record.observed {
            Observed::Seal(stated) => {
                let found = self.close();
                self.push(stated);
                Some((stated.clone(), found))
            }
            Observed::Sample(_) | Observed::Check(_) => {
                self.take(record, text);
                None
            }
        }
    }

    fn take(&mut self, record: &Record, text: &[u8]) {
        if let Observed::Sample(sample) = &record.observed {
            self.sequence.note(sample.seq);
        }
        self.open.get_or_insert_with(|| Open::at(record)).take(record, text);
    }

    /// Adds a record to the bytes that go to the segment, behind the seal of the chunk that it does not fit.
    pub fn append(&mut self, key: BootKey, observed: Observed, out: &mut Vec<u8>) -> serde_json::Result<Option<Chunk>> {
        let record = Record { vehicle: key.0, boot: key.1, observed };
        let full = self.open.as_ref().is_some_and(|open| !open.fits(&record));
        let sealed = if full { self.seal(key, out)? } else { None };
        let text = record.text()?;
        self.take(&record, &text);
        Record::append_text(&text, out);
        Ok(sealed)
    }

    /// Seals the chunk under way, if there is one.
    pub fn seal(&mut self, key: BootKey, out: &mut Vec<u8>) -> serde_json::Result<Option<Chunk>> {
        let Some(chunk) = self.close() else { return Ok(None) };
        let seal = Record { vehicle: key.0, boot: key.1, observed: Observed::Seal(chunk.clone()) };
        Record::append_text(&seal.text()?, out);
        self.push(&chunk);
        Ok(Some(chunk))
    }

    fn close(&mut self) -> Option<Chunk> {
        let open = self.open.take()?;
        Some(Chunk {
            n: self.tree.size() + 1,
            from: open.from,
            to: open.to,
            first_seq: open.first_seq,
            last_seq: open.last_seq,
            records: open.records,
            digest: Hash::from_bytes(open.hasher.finalize().into()),
        })
    }

    fn push(&mut self, chunk: &Chunk) {
        let first = self.tree.size() == 0;
        self.first_seq = if first { chunk.first_seq } else { self.first_seq.min(chunk.first_seq) };
        self.last_seq = self.last_seq.max(chunk.last_seq);
        self.tree.push(Hash::of_leaf(chunk.digest.as_bytes()));
    }

    /// Everything sealed up to now; `None` before the first chunk.
    pub fn sealed(&self, boot: BootId) -> Option<Sealed> {
        let (chunks, root) = (self.tree.size(), self.tree.root());
        (chunks > 0).then_some(Sealed { boot, chunks, root, first_seq: self.first_seq, last_seq: self.last_seq })
    }

    /// Whether records wait for their seal.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

/// The root over the digests of some chunks.
pub fn root<'a>(digests: impl Iterator<Item = &'a Hash>) -> Hash {
    let mut tree = Frontier::default();
    digests.for_each(|digest| tree.push(Hash::of_leaf(digest.as_bytes())));
    tree.root()
}
