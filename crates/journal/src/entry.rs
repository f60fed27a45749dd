//! One entry of the log: the envelope as committed and its places in the chains of everything that it is about.
//!
//! A Merkle tree proves that an entry is in the log; it cannot prove that nothing is missing for a vehicle. The links
//! do: every subject's entries count from 1 and each names the one before, so a timeline is provably gap-free.

use std::collections::BTreeSet;

use kernel::{Envelope, Subject};
use serde::{Deserialize, Serialize};

use crate::{Hash, JournalError, canonical};

/// The most bytes of an entry: bundles of the log give lengths in 16 bits (C2SP tlog-tiles, "Log Entries").
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// The end of a subject's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainTip {
    /// How many entries the chain has.
    pub n: u64,
    /// The leaf hash of its newest entry.
    pub leaf: Hash,
}

/// An entry's place in the chain of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Whose chain.
    pub subject: Subject,
    /// The place in it, from 1.
    pub n: u64,
    /// The leaf hash of the entry before, [`Hash::ZERO`] where there is none.
    pub previous: Hash,
}

impl Link {
    /// The place behind a chain's tip, or the first place of a new chain.
    pub fn after(subject: Subject, tip: Option<ChainTip>) -> Self {
        match tip {
            Some(tip) => Self { subject, n: tip.n + 1, previous: tip.leaf },
            None => Self { subject, n: 1, previous: Hash::ZERO },
        }
    }

    /// The places of an event: in its stream first, then in the chain of everything else that it is about.
    ///
    /// # Errors
    /// What `tip` fails with.
    pub fn all<E>(
        envelope: &Envelope,
        mut tip: impl FnMut(&Subject) -> Result<Option<ChainTip>, E>,
    ) -> Result<Vec<Self>, E> {
        subjects(envelope).map(|subject| Ok(Self::after(subject.clone(), tip(subject)?))).collect()
    }
}

/// Every subject whose chain an event extends, its stream first.
fn subjects(envelope: &Envelope) -> impl Iterator<Item = &Subject> {
    std::iter::once(&envelope.stream).chain(&envelope.about)
}

/// An entry of the log, as the texts that its leaf hash covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The place in the log, from 0.
    pub index: u64,
    /// The RFC 6962 leaf hash over both texts, one after the other.
    pub leaf: Hash,
    /// The canonical JSON of the envelope.
    pub envelope_json: String,
    /// The canonical JSON of the links: the stream's first, then those of `about`, in their order.
    pub links_json: String,
}

impl Entry {
    /// The entry of an event at a place of the log.
    ///
    /// # Errors
    /// [`JournalError::Links`] when the links are not those of the envelope; [`JournalError::NumberTooLarge`],
    /// [`JournalError::TooDeep`], [`JournalError::TooLarge`], [`JournalError::Json`] and [`JournalError::Unstable`] for
    /// what cannot be written so that it reads back as the same.
    pub fn build(index: u64, envelope: &Envelope, links: &[Link]) -> Result<Self, JournalError> {
        if !links_fit(envelope, links) {
            return Err(JournalError::Links);
        }
        check_numbers(envelope)?;
        canonical::check_body(&envelope.body)?;
        let (envelope_json, links_json) = texts(envelope, links)?;
        let bytes = envelope_json.len() + links_json.len();
        if bytes > ENTRY_BYTES_MAX {
            return Err(JournalError::TooLarge { bytes, max: ENTRY_BYTES_MAX });
        }
        let entry = Self { index, leaf: leaf_of(&envelope_json, &links_json), envelope_json, links_json };
        // A verifier will read the text for ever after. An entry that fails there cannot be mended, so it is not let in:
        // a double that is no number would be written as null, a year of five digits as a text that is no time.
        let read = Envelope { body: envelope.body.clone(), ..entry.envelope()? };
        if read != *envelope {
            return Err(JournalError::Unstable);
        }
        Ok(entry)
    }

    /// The entry from the data of a leaf: both texts, one after the other.
    ///
    /// # Errors
    /// [`JournalError::Json`] where the data does not begin with a JSON text in UTF-8, [`JournalError::TooLarge`] for
    /// more bytes than an entry has.
    pub fn from_leaf_data(index: u64, data: &[u8]) -> Result<Self, JournalError> {
        let unreadable = |source| JournalError::Json { what: "the data of a leaf", source };
        if data.len() > ENTRY_BYTES_MAX {
            return Err(JournalError::TooLarge { bytes: data.len(), max: ENTRY_BYTES_MAX });
        }
        let text = std::str::from_utf8(data).map_err(|error| unreadable(serde::de::Error::custom(error)))?;
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
        values.next().transpose().map_err(unreadable)?;
        let (envelope_json, links_json) = text.split_at(values.byte_offset());
        let leaf = leaf_of(envelope_json, links_json);
        Ok(Self { index, leaf, envelope_json: envelope_json.into(), links_json: links_json.into() })
    }

    /// The data of the leaf: what the leaf hash covers and what a bundle of the log carries.
    pub fn leaf_data(&self) -> Vec<u8> {
        [self.envelope_json.as_bytes(), self.links_json.as_bytes()].concat()
    }

    /// Appends the entry to a bundle (C2SP tlog-tiles, "Log entries"): its data behind their length as two bytes, the most
    /// significant first.
    pub fn append_to_bundle(&self, bundle: &mut Vec<u8>) {
        let data = self.leaf_data();
        // An entry has at most [`ENTRY_BYTES_MAX`] bytes, which is the most that two bytes count.
        bundle.extend((data.len() as u16).to_be_bytes());
        bundle.extend(data);
    }

    /// The envelope.
    ///
    /// # Errors
    /// [`JournalError::Json`] when the text is not one.
    pub fn envelope(&self) -> Result<Envelope, JournalError> {
        serde_json::from_str(&self.envelope_json).map_err(|source| JournalError::Json { what: "the envelope", source })
    }

    /// The links.
    ///
    /// # Errors
    /// [`JournalError::Json`] when the text is not some.
    pub fn links(&self) -> Result<Vec<Link>, JournalError> {
        serde_json::from_str(&self.links_json).map_err(|source| JournalError::Json { what: "the links", source })
    }

    /// Whether the texts are the canonical ones of these values.
    pub(crate) fn is_canonical(&self, envelope: &Envelope, links: &[Link]) -> bool {
        texts(envelope, links).is_ok_and(|(a, b)| a == self.envelope_json && b == self.links_json)
    }
}

/// The leaf of an entry's two texts.
pub(crate) fn leaf_of(envelope_json: &str, links_json: &str) -> Hash {
    Hash::of_parts(&[&[0], envelope_json.as_bytes(), links_json.as_bytes()])
}

fn texts(envelope: &Envelope, links: &[Link]) -> Result<(String, String), JournalError> {
    Ok((canonical::to_string("the envelope", envelope)?, canonical::to_string("the links", &links)?))
}

/// Whether the links are one for each subject of the event, in order, none twice, and the stream's is the event's place.
pub(crate) fn links_fit(envelope: &Envelope, links: &[Link]) -> bool {
    let same = subjects(envelope).eq(links.iter().map(|link| &link.subject));
    let mut seen = BTreeSet::new();
    let once = links.iter().all(|link| seen.insert(&link.subject));
    same && once && links.first().is_some_and(|stream| stream.n == envelope.stream_seq)
}

/// The whole numbers of the envelope outside its body.
fn check_numbers(envelope: &Envelope) -> Result<(), JournalError> {
    let occurred = &envelope.occurred_at;
    let offset = occurred.offset_us.as_option().copied().unwrap_or_default();
    let uncertainty = occurred.uncertainty_us.as_option().copied().unwrap_or_default();
    canonical::check_whole("stream_seq", envelope.stream_seq, envelope.stream_seq)?;
    canonical::check_whole("occurred_at.offset_us", offset.unsigned_abs(), offset)?;
    canonical::check_whole("occurred_at.uncertainty_us", uncertainty, uncertainty)
}
