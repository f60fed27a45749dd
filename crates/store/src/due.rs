//! Time is a command: long flows are rows with a `due_at`, and one worker at a time takes what is due under a lease
//! with a fencing number that every commit checks.

use std::error::Error;

use kernel::{Aggregate, BoxFuture, CtxSource, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::command::CommandError;
use crate::port::{CommitError, Fault, Guard, Store};
use crate::table::{Expected, RowBody, RowWrite, TableSpec};

/// Leases of workers; the first filter column is the fencing number.
pub const LEASES: TableSpec = TableSpec::machinery("worker_leases", &["fence"]);

/// How many due rows one round takes: a round stays below a second, so that a lease is renewed in time.
pub const DUE_BATCH_MAX: usize = 256;

#[derive(Debug, Serialize, Deserialize)]
struct Lease {
    holder: String,
    until: Timestamp,
    fence: u64,
}

/// Takes or renews the lease `name` for `holder` until `ttl_ms` from now; `None` while another holds it. A new holder
/// gets a higher fencing number, so that whatever the old one still has in hand is refused at commit.
pub async fn take_lease(
    store: &dyn Store,
    name: &str,
    holder: &str,
    now: Timestamp,
    ttl_ms: i64,
) -> Result<Option<Guard>, Fault> {
    let platform = TenantId::platform();
    let row = store.get(LEASES, &platform, name).await?;
    let (fence, expected) = match row {
        None => (1, Expected::Absent),
        Some(row) => {
            let lease: Lease = row.decode()?;
            if lease.holder != holder && now < lease.until {
                return Ok(None);
            }
            (lease.fence + u64::from(lease.holder != holder), Expected::Version(row.version))
        }
    };
    let lease = Lease { holder: holder.into(), until: now.plus_ms(ttl_ms), fence };
    let body = RowBody::new(&lease, vec![fence.to_string()])?;
    match store.write(&platform, vec![RowWrite::put(LEASES, name, expected, body)]).await {
        Ok(()) => Ok(Some(Guard { tenant: platform, table: LEASES, key: name.into(), value: fence.to_string() })),
        Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(None),
        Err(CommitError::Fault(fault)) => Err(fault),
    }
}

/// What a domain does with one of its rows that is due: runs `decide` with `Due { now }` under the guard.
pub trait DueHandler: Send + Sync {
    /// The table whose rows fall due.
    fn table(&self) -> TableSpec;
    /// Decides one row.
    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, guard: Guard) -> BoxFuture<'a, Result<(), CommandError>>;
}

/// Takes one round of what is due in a handler's table. Answers how many rows were decided. A row that fails is logged
/// and stays due; the others go on.
pub async fn run_due(
    store: &dyn Store,
    source: &dyn CtxSource,
    handler: &dyn DueHandler,
    guard: &Guard,
) -> Result<usize, Fault> {
    let table = handler.table();
    let due = store.due(table, source.now(), DUE_BATCH_MAX).await?;
    let mut decided = 0;
    for (tenant, row) in due {
        match handler.due(&tenant, &row.key, guard.clone()).await {
            Ok(()) => decided += 1,
            Err(CommandError::Fenced(_)) => return Ok(decided),
            Err(error) => {
                let cause = error.source().map(ToString::to_string);
                tracing::warn!(%tenant, table = table.name, key = row.key, %error, cause, "due work failed and stays due");
            }
        }
    }
    Ok(decided)
}

/// The table of an aggregate that falls due, for [`DueHandler::table`].
pub const fn table_of<A: Aggregate>() -> TableSpec {
    TableSpec::of::<A>()
}
