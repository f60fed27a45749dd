//! Time is a command: long flows are rows with a `due_at`, and one worker at a time takes what is due under a lease
//! with a fencing number that every commit checks.

use std::collections::BTreeMap;
use std::error::Error;
use std::marker::PhantomData;
use std::sync::Arc;

use kernel::{Aggregate, BoxFuture, CtxSource, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::command::CommandError;
use crate::port::{CommitError, Fault, Guard, Store};
use crate::table::{Expected, Row, RowBody, RowWrite, TableSpec};

/// Leases of workers; the first filter column is the fencing number.
pub const LEASES: TableSpec = TableSpec::machinery("worker_leases", &["fence"]);

/// How many due rows one round takes: a round stays below a second, so that a lease is renewed in time.
pub const DUE_BATCH_MAX: usize = 256;

/// How far a look for due rows goes behind those that are stepped over.
const LOOK_MAX: usize = 65_536;

/// How long a row that failed is stepped over at first, in milliseconds; each time twice as long …
const PAUSE_MS: i64 = 1_000;
/// … up to this.
const PAUSE_MAX_MS: i64 = 5 * 60_000;

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

/// A handler that calls a service with the id of each due row of the aggregate `A`.
pub fn due_handler<A, S, F>(service: &Arc<S>, on_due: F) -> Arc<dyn DueHandler>
where
    A: Aggregate,
    S: Send + Sync + 'static,
    F: for<'a> Fn(&'a S, &'a TenantId, A::Id, Guard) -> BoxFuture<'a, Result<(), CommandError>>,
    F: Send + Sync + 'static,
{
    Arc::new(Calling { service: Arc::clone(service), on_due, aggregate: PhantomData::<fn(A)> })
}

struct Calling<A, S, F> {
    service: Arc<S>,
    on_due: F,
    aggregate: PhantomData<fn(A)>,
}

impl<A, S, F> DueHandler for Calling<A, S, F>
where
    A: Aggregate,
    S: Send + Sync,
    F: for<'a> Fn(&'a S, &'a TenantId, A::Id, Guard) -> BoxFuture<'a, Result<(), CommandError>> + Send + Sync,
{
    fn table(&self) -> TableSpec {
        TableSpec::of::<A>()
    }

    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, guard: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        match key.parse() {
            Ok(id) => (self.on_due)(&self.service, tenant, id, guard),
            Err(_) => Box::pin(async { Err(Fault::Misuse("the key of a due row is no id").into()) }),
        }
    }
}

/// Rows that failed, and how long each is stepped over: what fails again and again holds up nothing behind it.
#[derive(Debug, Default)]
pub struct Backoff {
    failed: BTreeMap<(TenantId, String), Failure>,
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    times: u32,
    until: Timestamp,
}

impl Backoff {
    fn waits(&self, tenant: &TenantId, row: &Row, now: Timestamp) -> bool {
        self.failed.get(&(tenant.clone(), row.key.clone())).is_some_and(|failure| now < failure.until)
    }

    /// Notes how a row fared.
    pub fn note(&mut self, tenant: &TenantId, key: &str, failed: bool, now: Timestamp) {
        let row = (tenant.clone(), key.to_owned());
        if !failed {
            self.failed.remove(&row);
            return;
        }
        let times = self.failed.get(&row).map_or(1, |failure| failure.times.saturating_add(1));
        let pause_ms = PAUSE_MS.saturating_mul(1 << times.min(16).saturating_sub(1)).min(PAUSE_MAX_MS);
        self.failed.insert(row, Failure { times, until: now.plus_ms(pause_ms) });
    }

    /// Forgets rows that were not tried for long: they are not due any more.
    fn forget_old(&mut self, now: Timestamp) {
        self.failed.retain(|_, failure| now < failure.until.plus_ms(PAUSE_MAX_MS));
    }
}

/// One round of due rows, by tenant, longest overdue first.
pub type Round = BTreeMap<TenantId, Vec<Row>>;

/// What is due in a table and may be tried now: rows that failed lately are stepped over, and so are tenants that are busy
/// with an earlier round. The round is bounded by [`DUE_BATCH_MAX`]; behind what is stepped over it looks further.
pub async fn take_round(
    store: &dyn Store,
    table: TableSpec,
    now: Timestamp,
    backoff: &mut Backoff,
    is_busy: impl Fn(&TenantId) -> bool + Send,
) -> Result<Round, Fault> {
    backoff.forget_old(now);
    let mut limit = DUE_BATCH_MAX + backoff.failed.len();
    loop {
        let due = store.due(table, now, limit).await?;
        let is_all = due.len() < limit;
        let mut round = Round::new();
        let free = due.into_iter().filter(|(tenant, row)| !is_busy(tenant) && !backoff.waits(tenant, row, now));
        for (tenant, row) in free.take(DUE_BATCH_MAX) {
            round.entry(tenant).or_default().push(row);
        }
        if is_all || !round.is_empty() || limit >= LOOK_MAX {
            return Ok(round);
        }
        limit *= 4;
    }
}

/// Decides a tenant's rows in order; answers for each whether it failed. A row that fails is logged and stays due, the
/// others go on; with the lease gone the rest is another's.
pub async fn decide_rows(
    handler: &dyn DueHandler,
    guard: &Guard,
    tenant: &TenantId,
    rows: Vec<Row>,
) -> Vec<(String, bool)> {
    let mut done = Vec::new();
    for row in rows {
        let decided = handler.due(tenant, &row.key, guard.clone()).await;
        if let Err(CommandError::Fenced(_)) = decided {
            break;
        }
        if let Err(error) = &decided {
            let (table, cause) = (handler.table().name, error.source().map(ToString::to_string));
            tracing::warn!(%tenant, table, key = row.key, %error, cause, "due work failed and stays due");
        }
        done.push((row.key, decided.is_err()));
    }
    done
}

/// Takes one round of what is due in a handler's table, one row after the other. Answers how many rows were decided.
pub async fn run_due(
    store: &dyn Store,
    source: &dyn CtxSource,
    handler: &dyn DueHandler,
    guard: &Guard,
) -> Result<usize, Fault> {
    let round = take_round(store, handler.table(), source.now(), &mut Backoff::default(), |_| false).await?;
    let mut decided = 0;
    for (tenant, rows) in round {
        let done = decide_rows(handler, guard, &tenant, rows).await;
        decided += done.iter().filter(|(_, failed)| !failed).count();
    }
    Ok(decided)
}

/// The table of an aggregate that falls due, for [`DueHandler::table`].
pub const fn table_of<A: Aggregate>() -> TableSpec {
    TableSpec::of::<A>()
}
