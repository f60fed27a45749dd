//! Durable, signed commands on the embedded store, against bare inserts of the same rows with the same syncs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use kernel::envelope::NewEvent;
use kernel::{Actor, Ctx, Subject, TenantId};
use store::port::{Commit, Store};
use store::{Expected, RowBody, RowWrite, TableSpec};
use store_sqlite::{Options, SqliteStore};

use super::fill::fill;
use super::{Bar, bar, percentile_ms};
use crate::cli::output::line;
use crate::serve::signer::AuditSigner;
use crate::system_clock::SystemSource;

const WRITERS: usize = 256;
pub const TENANTS: usize = 20;
const BODY_BYTES: usize = 700;
const THINGS: TableSpec = TableSpec::state("bench_things", &[]);

pub async fn run(count: usize, filled: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let signer = AuditSigner::in_folder(&folder.path().join("keys"))?;
    let options = Options { folder: folder.path().join("store"), pages_max: None };
    let store = Arc::new(SqliteStore::open(&options, Arc::new(signer))?);
    line(format!(
        "commit: {count} commands, {WRITERS} writers, {TENANTS} tenants, bodies of {BODY_BYTES} B, one state row each, \
         SQLite synchronous=FULL, heads signed with Ed25519"
    ));
    measure(&store, folder.path(), count, "commit").await?;
    if filled {
        fill(&*store).await?;
        measure(&store, folder.path(), count, "commit.filled").await?;
    }
    Ok(())
}

async fn measure(store: &Arc<SqliteStore>, folder: &Path, count: usize, name: &'static str) -> Result<()> {
    let before = store.transactions();
    let (elapsed, mut latencies) = write_commands(store, count, name).await?;
    let batch = (count as f64 / (store.transactions() - before) as f64).max(1.0);
    let rate = count as f64 / elapsed.as_secs_f64();
    line(format!("commands/s      {rate:.0}   ({batch:.1} commands per fsync)"));
    let (p50, p99) = (percentile_ms(&mut latencies, 0.50), percentile_ms(&mut latencies, 0.99));
    line(format!("latency ms      p50 {p50:.2}  p99 {p99:.2}"));
    let bare = bare_inserts(&folder.join(format!("{name}.sqlite")), count, batch.round() as usize)?;
    let bare_rate = count as f64 / bare.as_secs_f64();
    line(format!("bare inserts/s  {bare_rate:.0}   (prepared, same batch, same syncs)"));
    let [of_rate, of_ratio, of_p99] = ["rate", "ratio_to_bare", "p99"].map(|figure| format!("{name}.{figure}"));
    bar(&of_rate, rate, "commands/s", Bar::AtLeast(8_000.0));
    bar(&of_ratio, rate / bare_rate, "x", Bar::AtLeast(0.5));
    bar(&of_p99, p99, "ms", Bar::AtMost(250.0));
    Ok(())
}

async fn write_commands(
    store: &Arc<SqliteStore>,
    count: usize,
    name: &'static str,
) -> Result<(Duration, Vec<Duration>)> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, next) = (Arc::clone(store), Arc::clone(&next));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return anyhow::Ok(latencies);
                    }
                    let began = Instant::now();
                    store.commit(command(name, n)?).await?;
                    latencies.push(began.elapsed());
                }
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(count);
    for writer in writers {
        latencies.extend(writer.await??);
    }
    Ok((began.elapsed(), latencies))
}

fn command(name: &str, n: usize) -> Result<Commit> {
    let tenant: TenantId = format!("tenant-{}", n % TENANTS).parse()?;
    let ctx = Ctx::new(&SystemSource::start(), tenant.clone(), Actor::automation("bench"));
    let key = format!("{name}-{n}");
    let body = serde_json::json!({ "text": "x".repeat(BODY_BYTES) });
    let event = NewEvent::new(&ctx, Subject::new(THINGS.name, &key), "thing.made", 1, body);
    let row = RowWrite::put(THINGS, key, Expected::Absent, RowBody::new(&"a row of state", Vec::new())?);
    Ok(Commit::new(tenant, vec![row], vec![event])?)
}

/// What SQLite alone does: the same number of rows of the same size in the same batches.
fn bare_inserts(database: &Path, count: usize, batch: usize) -> Result<Duration> {
    let mut connection = rusqlite::Connection::open(database)?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         CREATE TABLE journal (tenant TEXT, idx INTEGER, envelope TEXT, PRIMARY KEY (tenant, idx)) WITHOUT ROWID;
         CREATE TABLE things (tenant TEXT, key TEXT, doc TEXT, PRIMARY KEY (tenant, key)) WITHOUT ROWID;",
    )?;
    let body = "x".repeat(BODY_BYTES + 900);
    let began = Instant::now();
    let mut n = 0;
    while n < count {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut event = transaction.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3)")?;
            let mut row = transaction.prepare_cached("INSERT INTO things VALUES (?1, ?2, ?3)")?;
            for _ in 0..batch.min(count - n) {
                let tenant = format!("tenant-{}", n % TENANTS);
                event.execute(rusqlite::params![tenant, n as i64, body])?;
                row.execute(rusqlite::params![tenant, format!("thing-{n}"), "a row of state"])?;
                n += 1;
            }
        }
        transaction.commit()?;
    }
    Ok(began.elapsed())
}
