//! Entries on their way into a bundle: which are wanted, what is checked of each, and what was written, read again.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::Range;

use journal::{Entry, Hash};
use kernel::{Envelope, Subject, TenantId};
use store::port::{Fault, Store};

use super::classify::envelope_of;
use crate::bundle::REASONS_MAX;
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

/// The entries of a part of the log, page by page: all of them, or those of one subject's chain.
pub(super) struct Pages<'a> {
    store: &'a dyn Store,
    tenant: &'a TenantId,
    about: Option<&'a Subject>,
    part: Range<u64>,
    /// The place of the next entry in the log; in the chain of its subject, that of the one before.
    next: u64,
}

impl<'a> Pages<'a> {
    pub fn new(store: &'a dyn Store, tenant: &'a TenantId, about: Option<&'a Subject>, part: Range<u64>) -> Self {
        let next = if about.is_some() { 0 } else { part.start };
        Self { store, tenant, about, part, next }
    }

    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, Fault> {
        loop {
            let mut page = match self.about {
                Some(about) => self.store.timeline(self.tenant, about, self.next, PAGE).await?,
                None => self.store.entries(self.tenant, self.next, PAGE).await?,
            };
            let Some(last) = page.last().map(|entry| entry.index) else { return Ok(None) };
            self.next = if self.about.is_some() { self.next + page.len() as u64 } else { last + 1 };
            page.retain(|entry| self.part.contains(&entry.index));
            match page.is_empty() {
                true if last >= self.part.end => return Ok(None),
                true => {}
                false => return Ok(Some(page)),
            }
        }
    }
}

/// How much earlier a command may have taken its time than the ones that are committed before it, in milliseconds.
const SLACK_MS: i64 = 30_000;

/// The part of the log of a time, within the first `size` entries: from the first entry that was recorded at `from_ms` or
/// after it, to the last before `until_ms`. Times follow the order of the log only within [`SLACK_MS`], so both ends are
/// looked for around where they should be.
pub(super) async fn part_of(
    store: &dyn Store,
    tenant: &TenantId,
    size: u64,
    from_ms: i64,
    until_ms: i64,
) -> Result<Range<u64>, Fault> {
    let (mut start, mut is_found) = (about_at(store, tenant, size, from_ms - SLACK_MS).await?, false);
    while !is_found && start < size {
        let page = store.entries(tenant, start, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            if recorded_ms(&entry)? >= from_ms {
                is_found = true;
                break;
            }
            start = entry.index + 1;
        }
    }
    let mut end = about_at(store, tenant, size, until_ms - SLACK_MS).await?;
    let mut next = end;
    'looking: while next < size {
        let page = store.entries(tenant, next, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            let at_ms = recorded_ms(&entry)?;
            if entry.index >= size || at_ms >= until_ms + SLACK_MS {
                break 'looking;
            }
            next = entry.index + 1;
            if at_ms < until_ms {
                end = next;
            }
        }
    }
    Ok(start.min(size)..end.max(start).min(size))
}

fn recorded_ms(entry: &Entry) -> Result<i64, Fault> {
    Ok(envelope_of(entry)?.recorded_at.as_ms())
}

/// A place before which every entry was recorded within [`SLACK_MS`] after a time, or before it.
async fn about_at(store: &dyn Store, tenant: &TenantId, size: u64, at_ms: i64) -> Result<u64, Fault> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        let entries = store.entries(tenant, middle, 1).await?;
        let Some(entry) = entries.first() else { return Ok(middle) };
        match recorded_ms(entry)? < at_ms {
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

#[cfg(test)]
mod tests {
    use kernel::envelope::NewEvent;
    use kernel::testing::{HandClock, START};
    use kernel::{Actor, Ctx};
    use pollster::block_on;
    use store::conformance::PlainSigner;
    use store::port::Commit;
    use store::{CommandError, MemoryStore};

    use super::*;

    /// A log whose entries were recorded so many seconds after the start, in the order of the log.
    fn log(seconds: &[i64]) -> Result<(MemoryStore, TenantId), CommandError> {
        let (store, tenant) = (MemoryStore::new(std::sync::Arc::new(PlainSigner)), TenantId::platform());
        let source = HandClock::default();
        let mut at = 0;
        for second in seconds {
            source.pass_ms((second - at) * 1_000);
            at = *second;
            let ctx = Ctx::new(&source, tenant.clone(), Actor::automation("test"));
            let event = NewEvent::new(&ctx, Subject::new("thing", second), "thing.made", 1, serde_json::json!({}));
            block_on(store.commit(Commit::new(tenant.clone(), Vec::new(), vec![event])?)).unwrap();
        }
        Ok((store, tenant))
    }

    #[test]
    fn a_part_has_every_entry_of_its_time_also_where_times_do_not_follow_the_log() {
        let seconds = [0, 10, 25, 12, 40, 100, 95, 101, 130, 300];
        let (store, tenant) = log(&seconds).unwrap();
        let size = seconds.len() as u64;
        for from in 0..310 {
            for until in [from + 1, from + 20, 400] {
                let at = |second: i64| START.plus_ms(second * 1_000).as_ms();
                let part = block_on(part_of(&store, &tenant, size, at(from), at(until))).unwrap();
                for (index, second) in seconds.iter().enumerate() {
                    let is_of_time = (from..until).contains(second);
                    assert!(!is_of_time || part.contains(&(index as u64)), "{second} of {from} to {until} in {part:?}");
                }
            }
        }
        let at = |second: i64| START.plus_ms(second * 1_000).as_ms();
        assert_eq!(block_on(part_of(&store, &tenant, size, at(96), at(110))).unwrap(), 5..8);
        assert_eq!(block_on(part_of(&store, &tenant, 6, at(96), at(400))).unwrap(), 5..6);
        assert!(block_on(part_of(&store, &tenant, size, at(150), at(200))).unwrap().is_empty());
    }
}
