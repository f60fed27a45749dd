//! No effect is performed from memory: it is performed by a subscriber that reads the journal behind a durable cursor.
//! The cursor and the rows that the subscriber writes move in one transaction, so a crash repeats an entry at most.

use std::sync::Arc;

use kernel::{BoxFuture, Envelope, TenantId};
use serde::{Deserialize, Serialize};

use crate::command::CommandError;
use crate::port::{CommitError, Fault, Store};
use crate::table::{Expected, RowBody, RowWrite, TableSpec};

/// Durable cursors of subscribers: name of the subscriber → position of the next entry.
pub const CURSORS: TableSpec = TableSpec::machinery("cursors", &[]);

/// How many entries one transaction moves a cursor over: their rows stay one short transaction.
pub const PUMP_BATCH_MAX: usize = 256;

#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    next: u64,
}

/// A subscriber of the journal. At least once, in order, per tenant.
pub trait Subscriber: Send + Sync {
    /// The name of its cursor. Never changes.
    fn name(&self) -> &'static str;

    /// Handles one entry; answers rows of machinery or observation to be written with the cursor. Effects that leave
    /// the process are idempotent by (stream, sequence, effect).
    fn handle<'a>(&'a self, index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>>;
}

/// A subscriber that calls a service with each entry, and writes no rows but what the service commits. What the service
/// refuses is logged and stepped over, as [`step_over_refusal`] says.
pub fn subscriber<S, F>(name: &'static str, service: &Arc<S>, on_entry: F) -> Arc<dyn Subscriber>
where
    S: Send + Sync + 'static,
    F: for<'a> Fn(&'a S, &'a Envelope) -> BoxFuture<'a, Result<(), CommandError>> + Send + Sync + 'static,
{
    Arc::new(Calling { name, service: Arc::clone(service), on_entry })
}

struct Calling<S, F> {
    name: &'static str,
    service: Arc<S>,
    on_entry: F,
}

impl<S, F> Subscriber for Calling<S, F>
where
    S: Send + Sync,
    F: for<'a> Fn(&'a S, &'a Envelope) -> BoxFuture<'a, Result<(), CommandError>> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn handle<'a>(&'a self, _index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            step_over_refusal(self.name, (self.on_entry)(&self.service, event).await)?;
            Ok(Vec::new())
        })
    }
}

/// A refusal is an answer: the same command would be refused again, so it is logged. Only a fault is tried again.
pub fn step_over_refusal<T>(what: &str, result: Result<T, CommandError>) -> Result<(), Fault> {
    match result {
        Ok(_) => Ok(()),
        Err(CommandError::Fault(fault)) => Err(fault),
        Err(error) => {
            tracing::info!(what, %error, "what follows from an event was refused");
            Ok(())
        }
    }
}

/// Lets a subscriber handle what is new in a tenant's log, at most one batch. Answers how many entries it handled.
pub async fn pump(store: &dyn Store, subscriber: &dyn Subscriber, tenant: &TenantId) -> Result<usize, Fault> {
    let row = store.get(CURSORS, tenant, subscriber.name()).await?;
    let (next, expected) = match &row {
        None => (0, Expected::Absent),
        Some(row) => (row.decode::<Cursor>()?.next, Expected::Version(row.version)),
    };
    let entries = store.entries(tenant, next, PUMP_BATCH_MAX).await?;
    let Some(last) = entries.last() else { return Ok(0) };
    let end = last.index + 1;
    let mut rows = Vec::new();
    for entry in &entries {
        let event = entry.envelope().map_err(|source| Fault::Corrupt {
            what: format!("entry {} of the log of {tenant}", entry.index),
            source: Box::new(source),
        })?;
        rows.extend(subscriber.handle(entry.index, &event).await?);
    }
    rows.push(RowWrite::put(CURSORS, subscriber.name(), expected, RowBody::new(&Cursor { next: end }, Vec::new())?));
    match store.write(tenant, rows).await {
        Ok(()) => Ok(entries.len()),
        // Another replica moved the cursor or wrote the same effect: the entries are its work now.
        Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(0),
        Err(CommitError::Fault(fault)) => Err(fault),
    }
}
