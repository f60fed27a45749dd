//! A store as it stands after a year: ended trips, vehicles, commands, written through the engine in large batches.

use std::time::Instant;

use anyhow::Result;
use commands::VEHICLE_COMMANDS;
use kernel::envelope::NewEvent;
use kernel::{Actor, Ctx, Subject, TenantId};
use store::port::{COMMIT_EVENTS_MAX, Commit, Store};
use store::{Expected, RowBody, RowClass, RowWrite, TableSpec};

use super::commit::TENANTS;
use crate::cli::output::line;
use crate::system_clock::SystemSource;

const TRIPS: usize = 200_000;
const VEHICLES: usize = 5_000;
const COMMANDS: usize = 1_000_000;

/// Rows of a table: how many, how large each is, and what its filter columns say.
struct Part {
    table: TableSpec,
    count: usize,
    bytes: usize,
    index: fn(usize) -> Vec<String>,
}

const PARTS: [Part; 3] = [
    Part {
        table: TableSpec::of::<fleet::Vehicle>(),
        count: VEHICLES,
        bytes: 1_000,
        index: |_| vec!["ONLINE".into(), "city".into()],
    },
    Part {
        table: TableSpec::of::<trips::Trip>(),
        count: TRIPS,
        bytes: 2_500,
        index: |n| vec!["COMPLETED".into(), vehicle(n), "city".into()],
    },
    Part { table: VEHICLE_COMMANDS, count: COMMANDS, bytes: 400, index: |n| vec![vehicle(n), "no".into()] },
];

fn vehicle(n: usize) -> String {
    format!("veh_{:026}", n % VEHICLES)
}

pub async fn fill(store: &dyn Store) -> Result<()> {
    let began = Instant::now();
    for part in &PARTS {
        for first in (0..part.count).step_by(COMMIT_EVENTS_MAX) {
            // A batch is of one tenant, as a transaction is.
            let tenant: TenantId = format!("tenant-{}", first / COMMIT_EVENTS_MAX % TENANTS).parse()?;
            write(store, part, &tenant, first..part.count.min(first + COMMIT_EVENTS_MAX)).await?;
        }
    }
    line(format!(
        "filled with {TRIPS} ended trips, {VEHICLES} vehicles, {COMMANDS} commands in {:.0} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

async fn write(store: &dyn Store, part: &Part, tenant: &TenantId, numbers: std::ops::Range<usize>) -> Result<()> {
    let doc = "x".repeat(part.bytes);
    let key = |n: usize| format!("{}_{n:026}", part.table.name);
    let rows = numbers.clone().map(|n| {
        let mut index = (part.index)(n);
        // Columns that this bench does not know are empty.
        index.resize(part.table.columns.len(), String::new());
        Ok(RowWrite::put(part.table, key(n), Expected::Absent, RowBody::new(&doc, index)?))
    });
    let rows = rows.collect::<Result<Vec<_>>>()?;
    if part.table.class != RowClass::State {
        return Ok(store.write(tenant, rows).await?);
    }
    let ctx = Ctx::new(&SystemSource::start(), tenant.clone(), Actor::automation("bench"));
    let made = |n: usize| {
        let stream = Subject::new(part.table.name, key(n));
        NewEvent::new(&ctx, stream, "thing.made", 1, serde_json::json!({ "text": "x".repeat(700) }))
    };
    store.commit(Commit::new(tenant.clone(), rows, numbers.map(made).collect())?).await?;
    Ok(())
}
