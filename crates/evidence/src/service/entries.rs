//! Entries on their way into a bundle: which are wanted, what is checked of each, and what was written, read again.

use std::collections::BTreeSet;
use std::io::{self, Read};

use journal::{Entry, Hash};
use kernel::{Envelope, Subject, TenantId};
use store::port::{Fault, Store};

use super::classify::envelope_of;
use crate::bundle::{REASONS_MAX, Wanted};
use crate::ports::Archives;

/// Entries of the journal in one read.
const PAGE: usize = 500;
/// Bytes of an archive in one read.
pub(super) const READ_BYTES: usize = 1 << 20;

/// What is checked of each entry, and what entries are about.
#[derive(Default)]
pub(super) struct Checks {
    about: Option<Subject>,
    /// The end of the subject's chain.
    before: Option<(u64, Hash)>,
    pub policies: BTreeSet<String>,
    pub subjects: BTreeSet<Subject>,
    pub problems: Vec<String>,
}

impl Checks {
    /// Of entries about a subject, whose chain must have no gap; of any where none is named.
    pub fn of(about: Option<Subject>) -> Self {
        Self { about, ..Self::default() }
    }

    pub fn problem(&mut self, text: String) {
        if self.problems.len() < REASONS_MAX {
            self.problems.push(text);
        }
    }

    pub fn check(&mut self, entry: &Entry, envelope: &Envelope) {
        if Entry::from_leaf_data(entry.index, &entry.leaf_data()).map(|again| again.leaf).ok() != Some(entry.leaf) {
            self.problem(format!("entry {} is not what its leaf says", entry.index));
        }
        self.policies.extend(envelope.digests.policy_bundle.as_option().cloned());
        self.subjects.insert(envelope.stream.clone());
        self.subjects.extend(envelope.about.iter().cloned());
        let Some(about) = self.about.clone() else { return };
        let links = entry.links().unwrap_or_default();
        let Some(link) = links.iter().find(|link| link.subject == about) else {
            self.problem(format!("entry {} has no place in the chain of {about}", entry.index));
            return;
        };
        if self.before.is_some_and(|(n, leaf)| link.n != n + 1 || link.previous != leaf) {
            self.problem(format!("entries of {about} before {} are missing", entry.index));
        }
        self.before = Some((link.n, entry.leaf));
    }
}

/// The entries that are wanted, page by page.
pub(super) struct Pages<'a> {
    store: &'a dyn Store,
    tenant: &'a TenantId,
    wanted: &'a Wanted,
    size: u64,
    /// The place of the next entry in the log; in the chain of its subject, that of the one before.
    from: u64,
    is_over: bool,
}

impl<'a> Pages<'a> {
    pub async fn new(store: &'a dyn Store, tenant: &'a TenantId, wanted: &'a Wanted, size: u64) -> Result<Self, Fault> {
        let from = match wanted.about {
            Some(_) => 0,
            None => first_at(store, tenant, size, wanted.from.as_ms()).await?,
        };
        Ok(Self { store, tenant, wanted, size, from, is_over: false })
    }

    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, Fault> {
        while !self.is_over {
            let page = match &self.wanted.about {
                Some(about) => self.store.timeline(self.tenant, about, self.from, PAGE).await?,
                None => self.store.entries(self.tenant, self.from, PAGE).await?,
            };
            let Some(last) = page.last() else { return Ok(None) };
            self.from = match self.wanted.about {
                Some(_) => self.from + page.len() as u64,
                None => last.index + 1,
            };
            let mut wanted = Vec::with_capacity(page.len());
            for entry in page {
                let at = envelope_of(&entry)?.recorded_at;
                if at >= self.wanted.until || entry.index >= self.size {
                    self.is_over = true;
                    break;
                }
                if at >= self.wanted.from {
                    wanted.push(entry);
                }
            }
            if !wanted.is_empty() {
                return Ok(Some(wanted));
            }
        }
        Ok(None)
    }
}

/// The first entry that was recorded at a time or after it: the journal's times never go back.
pub(super) async fn first_at(store: &dyn Store, tenant: &TenantId, size: u64, at_ms: i64) -> Result<u64, Fault> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        let entries = store.entries(tenant, middle, 1).await?;
        let Some(entry) = entries.first() else { return Ok(middle) };
        match envelope_of(entry)?.recorded_at.as_ms() < at_ms {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    Ok(low)
}

/// A kept file as something to read.
pub(super) struct Stored<'a> {
    pub archives: &'a dyn Archives,
    pub tenant: &'a TenantId,
    pub sha256: &'a str,
    pub at: u64,
    pub buffer: Vec<u8>,
}

impl Read for Stored<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() {
            let read = self.archives.read(self.tenant, self.sha256, self.at, READ_BYTES);
            self.buffer = read.map_err(io::Error::other)?;
            self.at += self.buffer.len() as u64;
        }
        let count = self.buffer.len().min(into.len());
        into.iter_mut().zip(self.buffer.drain(..count)).for_each(|(to, byte)| *to = byte);
        Ok(count)
    }
}
