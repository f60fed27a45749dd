//! The newest entries of each journal, read and written out once for all who follow it: a thousand screens cost the store
//! as much as one. Entries never change, so what is kept here cannot disagree with the journal.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Bytes;
use journal::Entry;
use kernel::TenantId;
use serde::Deserialize;
use store::port::{Fault, Store};
use tokio::sync::{Mutex as AsyncMutex, watch};

/// Entries that are read at once.
pub const PAGE: usize = 32;
/// Entries that are kept of a journal: what a busy fleet does in some seconds, 12 MiB of the largest. Whoever is farther
/// behind reads the store.
const KEPT_MAX: usize = 256;

/// An entry as it goes out.
#[derive(Debug)]
pub struct Line {
    pub index: u64,
    pub event_type: String,
    /// Its stream, then what else it is about.
    subjects: Vec<String>,
    /// One event of a `text/event-stream`. The envelope is there byte by byte as it is hashed.
    pub frame: Bytes,
}

impl Line {
    fn of(entry: &Entry) -> Arc<Self> {
        #[derive(Deserialize, Default)]
        struct Told {
            r#type: String,
            stream: String,
            about: Vec<String>,
        }
        let (index, envelope) = (entry.index, &entry.envelope_json);
        let Told { r#type: event_type, stream, about } = serde_json::from_str(envelope).unwrap_or_default();
        let subjects = std::iter::once(stream).chain(about).collect();
        // Canonical JSON has no line breaks (RFC 8785 §3.2), so one `data:` holds it.
        let frame = format!("id: {index}\nevent: {event_type}\ndata: {{\"index\":{index},\"event\":{envelope}}}\n\n");
        Arc::new(Self { index, event_type, subjects, frame: frame.into() })
    }

    /// Whether it is on a subject's timeline.
    pub fn is_about(&self, subject: &str) -> bool {
        self.subjects.iter().any(|of| of == subject)
    }
}

/// Some entries in a row.
#[derive(Debug)]
pub struct Page {
    /// The entries; none where the journal ends.
    pub lines: Vec<Arc<Line>>,
    /// How often anybody's access was changed since the tail is followed. Whoever sees another number than before must
    /// look whether its own still stands.
    pub access_changes: u64,
}

/// The tails that somebody follows.
#[derive(Debug, Default)]
pub struct Tails(Mutex<BTreeMap<TenantId, Weak<Tail>>>);

impl Tails {
    /// The tail of a tenant's journal: one for all who hold it at the same time.
    pub fn of(&self, store: &Arc<dyn Store>, tenant: &TenantId) -> Arc<Tail> {
        let mut tails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tails.retain(|_, tail| tail.strong_count() > 0);
        if let Some(tail) = tails.get(tenant).and_then(Weak::upgrade) {
            return tail;
        }
        let (newest, grown) = (AsyncMutex::default(), watch::Sender::default());
        let tail = Arc::new(Tail { tenant: tenant.clone(), newest, grown });
        tails.insert(tenant.clone(), Arc::downgrade(&tail));
        tokio::spawn(keep_up(Arc::clone(store), Arc::downgrade(&tail)));
        tail
    }
}

/// Reads what is committed for all who follow a tail, until nobody does.
async fn keep_up(store: Arc<dyn Store>, tail: Weak<Tail>) {
    loop {
        let level = store.committed();
        {
            let Some(tail) = tail.upgrade() else { return };
            // Whoever follows meets a fault itself, and is woken for it.
            let _ = tail.caught_up(&*store, |_| ()).await;
        }
        store.wait_committed(level).await;
    }
}

/// The end of one journal.
#[derive(Debug)]
pub struct Tail {
    tenant: TenantId,
    newest: AsyncMutex<Option<Newest>>,
    /// Changes whenever there are new lines, and when they could not be read.
    grown: watch::Sender<u64>,
}

impl Tail {
    /// The entries from `from` on, at most [`PAGE`]. What was committed before the call is among them.
    pub async fn page(&self, store: &dyn Store, from: u64) -> Result<Page, Fault> {
        let look = |newest: &Newest| (newest.from(from), newest.access_changes);
        let (kept, access_changes) = self.caught_up(store, look).await?;
        let lines = match kept {
            Some(lines) => lines,
            None => read(store, &self.tenant, from).await?,
        };
        Ok(Page { lines, access_changes })
    }

    /// Changes when there may be another page. Look at a page after each change, and once before the first.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    /// Reads what was committed meanwhile, and tells everybody if that is something.
    async fn caught_up<T>(&self, store: &dyn Store, look: impl FnOnce(&Newest) -> T) -> Result<T, Fault> {
        let mut newest = self.newest.lock().await;
        let newest = match &mut *newest {
            Some(newest) => newest,
            none => none.insert(Newest::behind(store.head(&self.tenant).await?.map_or(0, |head| head.size))),
        };
        let before = newest.next;
        let caught_up = newest.catch_up(store, &self.tenant).await;
        if caught_up.is_err() || newest.next != before {
            self.grown.send_modify(|times| *times += 1);
        }
        caught_up.map(|()| look(newest))
    }
}

/// What is kept of one journal.
#[derive(Debug)]
struct Newest {
    /// What the engine had committed when it was read.
    level: Option<u64>,
    /// The index behind the last line.
    next: u64,
    lines: VecDeque<Arc<Line>>,
    access_changes: u64,
}

impl Newest {
    fn behind(next: u64) -> Self {
        Self { level: None, next, lines: VecDeque::new(), access_changes: 0 }
    }

    async fn catch_up(&mut self, store: &dyn Store, tenant: &TenantId) -> Result<(), Fault> {
        let level = store.committed();
        if self.level == Some(level) {
            return Ok(());
        }
        loop {
            let lines = read(store, tenant, self.next).await?;
            let is_last = lines.len() < PAGE;
            self.next = lines.last().map_or(self.next, |last| last.index + 1);
            let changes = lines.iter().filter(|line| tenancy::changes_access(&line.event_type));
            self.access_changes += changes.count() as u64;
            self.lines.extend(lines);
            self.lines.drain(..self.lines.len().saturating_sub(KEPT_MAX));
            if is_last {
                break;
            }
        }
        self.level = Some(level);
        Ok(())
    }

    /// A page of what is kept; nothing if it begins before that.
    fn from(&self, from: u64) -> Option<Vec<Arc<Line>>> {
        let first = self.next - self.lines.len() as u64;
        let skipped = usize::try_from(from.checked_sub(first)?).unwrap_or(usize::MAX);
        Some(self.lines.iter().skip(skipped).take(PAGE).cloned().collect())
    }
}

async fn read(store: &dyn Store, tenant: &TenantId, from: u64) -> Result<Vec<Arc<Line>>, Fault> {
    Ok(store.entries(tenant, from, PAGE).await?.iter().map(Line::of).collect())
}
