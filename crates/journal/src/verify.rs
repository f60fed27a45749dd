//! The verifier: reads a log from its first entry and names the first thing that is not as it was written. Streaming:
//! it keeps the chains' tips and the tree's right edge, never the entries.

use std::collections::BTreeMap;

use kernel::{Subject, TenantId};

use crate::checkpoint::{Checkpoint, NoteVerifier};
use crate::entry::{ChainTip, Entry, Link, leaf_of};
use crate::tree::Frontier;

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log of {tenant}, {}: {what}", place(*index, event.as_deref()))]
pub struct Finding {
    /// Whose log.
    pub tenant: TenantId,
    /// At which position; `None` for the head.
    pub index: Option<u64>,
    /// The event there, as far as it can be read.
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
    pub root: crate::Hash,
    /// The number of subjects whose chains are gap-free.
    pub subjects: usize,
}

/// A verification under way.
#[derive(Debug)]
pub struct LogVerifier {
    tenant: TenantId,
    frontier: Frontier,
    tips: BTreeMap<Subject, ChainTip>,
}

impl LogVerifier {
    /// A verification of a tenant's log from its first entry.
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, frontier: Frontier::default(), tips: BTreeMap::new() }
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
        if entry.index != self.frontier.size() {
            return Err(self.finding(entry, format!("entry {} is missing", self.frontier.size())));
        }
        if entry.leaf != leaf_of(&entry.envelope_json, &entry.links_json) {
            return Err(self.finding(entry, "the text was changed: its hash is not the leaf"));
        }
        let envelope = entry.envelope().map_err(|error| self.finding(entry, format!("the envelope cannot be read: {}", cause(&error))))?;
        let links = entry.links().map_err(|error| self.finding(entry, format!("the links cannot be read: {}", cause(&error))))?;
        let rebuilt = Entry::build(entry.index, &envelope, &links);
        if !rebuilt.is_ok_and(|rebuilt| rebuilt == *entry) {
            return Err(self.finding(entry, "the text is not in canonical form"));
        }
        if envelope.tenant != self.tenant {
            return Err(self.finding(entry, format!("the entry belongs to tenant {}", envelope.tenant)));
        }
        let subjects = std::iter::once(&envelope.stream).chain(&envelope.about);
        if !subjects.eq(links.iter().map(|link| &link.subject)) {
            return Err(self.finding(entry, "the links are not those of the stream and of what it is about"));
        }
        for link in &links {
            self.follow(entry, link)?;
        }
        if links.first().is_none_or(|link| link.n != envelope.stream_seq) {
            return Err(self.finding(entry, "the place in the stream is not that of the stream's chain"));
        }
        self.frontier.push(entry.leaf);
        Ok(())
    }

    fn follow(&mut self, entry: &Entry, link: &Link) -> Result<(), Finding> {
        let expected = Link::after(link.subject.clone(), self.tips.get(&link.subject).copied());
        if *link != expected {
            let what = format!("the chain of {} is broken: place {} where {} is next", link.subject, link.n, expected.n);
            return Err(self.finding(entry, what));
        }
        self.tips.insert(link.subject.clone(), ChainTip { n: link.n, leaf: entry.leaf });
        Ok(())
    }

    /// Compares everything taken with the signed head.
    ///
    /// # Errors
    /// The finding, if the note is not signed by the verifier's key or states another size or root.
    pub fn finish(self, note: &str, verifier: &NoteVerifier) -> Result<Report, Finding> {
        let finding = |what: String| Finding { tenant: self.tenant.clone(), index: None, event: None, what };
        let head = Checkpoint::open(note, verifier).map_err(|error| finding(error.to_string()))?;
        let (size, root) = (self.frontier.size(), self.frontier.root());
        if head.size != size {
            return Err(finding(format!("it covers {} entries where the log holds {size}", head.size)));
        }
        if head.root != root {
            return Err(finding(format!("its root is {} where the entries give {root}", head.root)));
        }
        Ok(Report { size, root, subjects: self.tips.len() })
    }
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
