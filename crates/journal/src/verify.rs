//! The verifier: reads a log from its first entry and names the first thing that is not as it was written. Streaming:
//! it keeps the chains' tips and the tree's right edge, never the entries.

use std::collections::BTreeMap;
use std::error::Error;

use kernel::{Envelope, Subject, TenantId};

use crate::checkpoint::{Checkpoint, NoteVerifier};
use crate::entry::{ChainTip, Entry, Link, leaf_of, links_fit};
use crate::{Frontier, Hash, JournalError};

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log of {tenant}, {}: {what}", place(*index, event.as_deref()))]
pub struct Finding {
    /// Whose log.
    pub tenant: TenantId,
    /// At which position; `None` for the head.
    pub index: Option<u64>,
    /// The event there, as far as it can be read: its type and id.
    pub event: Option<String>,
    /// What is wrong.
    pub what: String,
}

fn place(index: Option<u64>, event: Option<&str>) -> String {
    match (index, event) {
        (None, _) => "signed head".into(),
        (Some(index), None) => format!("entry {index}"),
        (Some(index), Some(event)) => format!("entry {index} ({event})"),
    }
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The number of subjects whose chains are gap-free.
    pub subjects: usize,
}

/// Verifies a log at once; see [`LogVerifier`].
///
/// # Errors
/// The first finding.
pub fn verify_log(
    tenant: &TenantId,
    entries: impl IntoIterator<Item = Entry>,
    note: &str,
    verifier: &NoteVerifier,
) -> Result<Report, Finding> {
    let mut log = LogVerifier::new(tenant.clone());
    entries.into_iter().try_for_each(|entry| log.take(&entry))?;
    log.finish(note, verifier)
}

/// A verification under way.
#[derive(Debug)]
pub struct LogVerifier {
    tenant: TenantId,
    frontier: Frontier,
    tips: BTreeMap<Subject, ChainTip>,
    /// The size of the last head that agreed, to narrow down where a root parts.
    agreed: u64,
}

impl LogVerifier {
    /// A verification of a tenant's log from its first entry.
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, frontier: Frontier::default(), tips: BTreeMap::new(), agreed: 0 }
    }

    /// How many entries were taken.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    fn finding(&self, entry: &Entry, what: impl Into<String>) -> Finding {
        let event = entry.envelope().ok().map(|envelope| format!("{} {}", envelope.r#type, envelope.id));
        Finding { tenant: self.tenant.clone(), index: Some(entry.index), event, what: what.into() }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The finding, if the entry is not what was written or does not stand where it was written.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Finding> {
        let next = self.frontier.size();
        if entry.index != next {
            let what = if entry.index > next { "is missing before it" } else { "should stand here" };
            return Err(self.finding(entry, format!("entry {next} {what}")));
        }
        if entry.leaf != leaf_of(&entry.envelope_json, &entry.links_json) {
            return Err(self.finding(entry, "its text was changed: the hash of it is not the leaf"));
        }
        let (envelope, links) = self.read(entry)?;
        if envelope.tenant != self.tenant {
            return Err(self.finding(entry, format!("it belongs to the log of {}", envelope.tenant)));
        }
        if !links_fit(&envelope, &links) {
            return Err(self.finding(
                entry,
                "its links are not one for the stream, at the event's place there, and one for each subject in `about`",
            ));
        }
        links.iter().try_for_each(|link| self.check_link(entry, link))?;
        for link in links {
            self.tips.insert(link.subject, ChainTip { n: link.n, leaf: entry.leaf });
        }
        self.frontier.push(entry.leaf);
        Ok(())
    }

    fn read(&self, entry: &Entry) -> Result<(Envelope, Vec<Link>), Finding> {
        let unreadable = |error: JournalError| self.finding(entry, with_cause(&error));
        let (envelope, links) = (entry.envelope().map_err(unreadable)?, entry.links().map_err(unreadable)?);
        if !entry.is_canonical(&envelope, &links) {
            return Err(self.finding(entry, "its text is not in canonical form (RFC 8785)"));
        }
        Ok((envelope, links))
    }

    fn check_link(&self, entry: &Entry, link: &Link) -> Result<(), Finding> {
        let expected = Link::after(link.subject.clone(), self.tips.get(&link.subject).copied());
        let what = if link.n != expected.n {
            format!("the chain of {} goes on at {} where {} is next", link.subject, link.n, expected.n)
        } else if link.previous != expected.previous {
            format!(
                "the chain of {} goes on after {} where its last entry is {}",
                link.subject, link.previous, expected.previous
            )
        } else {
            return Ok(());
        };
        Err(self.finding(entry, what))
    }

    /// Compares everything taken so far with a signed head of that size. Each head on the way that agrees narrows down
    /// where a later one parts.
    ///
    /// # Errors
    /// The finding, if the note is not signed by the verifier's key or states another size or root.
    pub fn check_head(&mut self, note: &str, verifier: &NoteVerifier) -> Result<(), Finding> {
        let finding = |what: String| Finding { tenant: self.tenant.clone(), index: None, event: None, what };
        let head = Checkpoint::open(note, verifier).map_err(|error| finding(with_cause(&error)))?;
        let (size, root) = (self.frontier.size(), self.frontier.root());
        if head.size != size {
            return Err(finding(format!("it covers {} entries where the log holds {size}", head.size)));
        }
        if head.root != root {
            let since = self.agreed;
            return Err(finding(format!(
                "its root is {} where the entries give {root}: one of the entries from {since} on was replaced",
                head.root
            )));
        }
        self.agreed = size;
        Ok(())
    }

    /// Compares everything taken with the log's last signed head.
    ///
    /// # Errors
    /// As [`LogVerifier::check_head`].
    pub fn finish(mut self, note: &str, verifier: &NoteVerifier) -> Result<Report, Finding> {
        self.check_head(note, verifier)?;
        Ok(Report { size: self.frontier.size(), root: self.frontier.root(), subjects: self.tips.len() })
    }
}

/// An error with what caused it, in one line.
fn with_cause(error: &JournalError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
