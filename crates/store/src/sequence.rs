//! Giving events their places: in the log, in their stream, and in the chain of everything that they are about. Every
//! engine sequences through this, so that all of them write the same bytes.

use std::collections::BTreeMap;

use journal::{ChainTip, Entry, Frontier, Hash, Link};
use kernel::envelope::NewEvent;
use kernel::{Envelope, Subject, TenantId};

use crate::port::{EVENT_BODY_BYTES_MAX, Fault, Head};

/// Signs heads with the key of purpose `audit`.
pub trait HeadSigner: Send + Sync {
    /// The signed note over a head of a tenant's log.
    fn sign(&self, tenant: &TenantId, size: u64, root: Hash) -> Result<String, Fault>;
}

/// The end of one log, as far as it is known in memory: the tree's frontier and the tips of the chains that were
/// touched. What fails is undone to a mark, so that one command of a batch can fail alone.
#[derive(Debug, Clone, Default)]
pub struct LogTip {
    frontier: Frontier,
    tips: BTreeMap<Subject, ChainTip>,
    undo: Vec<(Subject, Option<ChainTip>)>,
}

/// A point to which a [`LogTip`] can be undone.
#[derive(Debug, Clone)]
pub struct Mark {
    frontier: Frontier,
    undo_length: usize,
}

/// The most chain tips that are kept in memory per log; beyond it they are read again.
const TIPS_KEPT_MAX: usize = 50_000;

impl LogTip {
    /// The end of a log whose tree has this frontier.
    pub fn new(frontier: Frontier) -> Self {
        Self { frontier, tips: BTreeMap::new(), undo: Vec::new() }
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The tree's frontier, for keeping.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// A point to come back to.
    pub fn mark(&self) -> Mark {
        Mark { frontier: self.frontier.clone(), undo_length: self.undo.len() }
    }

    /// Forgets everything behind a mark.
    pub fn undo_to(&mut self, mark: Mark) {
        self.frontier = mark.frontier;
        for (subject, before) in self.undo.drain(mark.undo_length..).rev() {
            match before {
                Some(tip) => self.tips.insert(subject, tip),
                None => self.tips.remove(&subject),
            };
        }
    }

    /// Keeps everything: marks taken before are void.
    pub fn settle(&mut self) {
        self.undo.clear();
        if self.tips.len() > TIPS_KEPT_MAX {
            self.tips.clear();
        }
    }

    /// Gives an event its places. `stored_tip` reads the tip of a chain that is not in memory.
    ///
    /// # Errors
    /// A body that is too large, or whatever `stored_tip` fails with; then nothing has changed.
    pub fn append(
        &mut self,
        event: NewEvent,
        mut stored_tip: impl FnMut(&Subject) -> Result<Option<ChainTip>, Fault>,
    ) -> Result<Entry, Fault> {
        let header = event.unsequenced();
        let subjects: Vec<Subject> = std::iter::once(&header.stream).chain(&header.about).cloned().collect();
        let mut links = Vec::with_capacity(subjects.len());
        for subject in &subjects {
            let tip = match self.tips.get(subject) {
                Some(tip) => Some(*tip),
                None => stored_tip(subject)?,
            };
            links.push(Link::after(subject.clone(), tip));
        }
        let stream_seq = links.first().map_or(1, |link| link.n);
        let envelope = event.sequenced(stream_seq);
        let entry = Entry::build(self.frontier.size(), &envelope, &links).map_err(|source| Fault::Corrupt {
            what: format!("event {} to be written", envelope.r#type),
            source: Box::new(source),
        })?;
        if entry.envelope_json.len() > EVENT_BODY_BYTES_MAX {
            return Err(Fault::Misuse("an event is larger than an entry of the log may be"));
        }
        self.frontier.push(entry.leaf);
        for link in links {
            let tip = ChainTip { n: link.n, leaf: entry.leaf };
            let before = self.tips.insert(link.subject.clone(), tip);
            self.undo.push((link.subject, before));
        }
        Ok(entry)
    }

    /// The signed head over everything appended.
    pub fn sign(&self, signer: &dyn HeadSigner, tenant: &TenantId) -> Result<Head, Fault> {
        let (size, root) = (self.frontier.size(), self.frontier.root());
        Ok(Head { size, root, note: signer.sign(tenant, size, root)? })
    }
}

/// The envelope of an entry that was read or just made.
pub fn envelope(entry: &Entry) -> Result<Envelope, Fault> {
    entry
        .envelope()
        .map_err(|source| Fault::Corrupt { what: format!("entry {} of a log", entry.index), source: Box::new(source) })
}
