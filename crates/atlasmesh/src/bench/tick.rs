//! What dispatch costs a tick while nothing waits, in a store that holds many trips that ended.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kernel::envelope::NewEvent;
use kernel::id::TypedId;
use kernel::{Actor, Aggregate, Coordinate, Ctx, DecisionId, DomainEvent, EventMeta, Subject, TenantId, TripId};
use policy::{Bundle, Engine};
use store::port::{Commit, Store};
use store::{Expected, RowBody, RowWrite, TableSpec};
use store_sqlite::{Options, SqliteStore};
use trips::trip::events::{TripCreated, TripExpired};
use trips::trip::types::{Kind, Requirements, Stop, Window};
use trips::{Dispatch, Status, Trip, TripEvent, Trips};

use super::{Bar, bar, percentile_ms};
use crate::cli::output::line;
use crate::serve::maps::MapFolder;
use crate::serve::ports::{
    FeaturesOf, InServiceNow, MaintainedVehicles, Neighbours, OneAtATime, TenantsOf, TripsOfJobs, WorkOfTrips,
};
use crate::serve::signer::AuditSigner;
use crate::system_clock::SystemSource;
use tenancy::sectors::SectorParts;

/// Trips that ended before.
const ENDED: usize = 200_000;
/// Trips of one transaction.
const BATCH: usize = 256;
/// Ticks that are measured.
const TICKS: usize = 1_000;

pub async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let signer = AuditSigner::in_folder(&folder.path().join("keys"))?;
    let options = Options { folder: folder.path().join("store"), pages_max: None };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&options, Arc::new(signer))?);
    let tenant: TenantId = "bench".parse()?;
    for first in (0..ENDED).step_by(BATCH) {
        store.commit(ended_trips(&tenant, first..ENDED.min(first + BATCH))?).await?;
    }
    let dispatch = service(folder.path(), Arc::clone(&store))?;
    let mut ticks = Vec::with_capacity(TICKS);
    let mut reads = Vec::with_capacity(TICKS);
    for _ in 0..TICKS {
        ticks.push(time(dispatch.run_batches()).await?);
        reads.push(time(store.get(TableSpec::of::<Trip>(), &tenant, "trip_none")).await?);
    }
    let row = |name: &str, durations: &mut [Duration]| {
        let (p50, p99) = (percentile_ms(durations, 0.50), percentile_ms(durations, 0.99));
        line(format!("{name:24} p50 {p50:8.3} ms   p99 {p99:8.3} ms"));
        p99
    };
    line(format!("dispatch while nothing waits: {TICKS} ticks, {ENDED} trips that ended, one tenant"));
    row("read of a row", &mut reads);
    let tick_p99 = row("tick of dispatch", &mut ticks);
    bar("trip.idle_tick_p99", tick_p99, "ms", Bar::AtMost(1.0));
    Ok(())
}

async fn time<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<Duration, E> {
    let began = Instant::now();
    work.await?;
    Ok(began.elapsed())
}

fn service(folder: &Path, store: Arc<dyn Store>) -> Result<Dispatch> {
    let source = Arc::new(SystemSource::start());
    let engine = Arc::new(Engine::new(Bundle::shipped(&gateway::policy_modules())?));
    let settings = fleet::Settings { offline_after_ms: 30_000 };
    let tenancy = Arc::new(tenancy::Tenancy::new(Arc::clone(&store), source.clone()));
    let tenants = Arc::new(TenantsOf(Arc::clone(&tenancy)));
    let fleet = fleet::Fleet::new(Arc::clone(&store), Arc::clone(&engine), source.clone(), tenants, settings);
    let fleet = Arc::new(fleet);
    let maintained = Arc::new(MaintainedVehicles { fleet: Arc::clone(&fleet), tenancy: Arc::clone(&tenancy) });
    let of = (Arc::clone(&store), Arc::clone(&engine), source.clone());
    let maintenance = maintenance::Maintenance::new(of.0, of.1, of.2, maintained, Arc::new(OneAtATime::new()));
    let in_service = Arc::new(InServiceNow { store: Arc::clone(&store), fleet: Arc::clone(&fleet) });
    let parts =
        SectorParts { store: Arc::clone(&store), source: source.clone(), policy: Arc::clone(&engine), in_service };
    let in_force = Arc::new(tenancy::Sectors::new(parts).map_err(anyhow::Error::msg)?);
    let neighbours = Arc::new(Neighbours {
        fleet,
        tenancy,
        maintenance: Arc::new(maintenance),
        telemetry: Arc::new(telemetry::Ingest::new(folder.join("telemetry"))),
        maps: Arc::new(MapFolder::new(folder.join("maps"))),
        sectors: Arc::clone(&in_force),
        abilities: Default::default(),
    });
    let features = Arc::new(FeaturesOf(Arc::clone(&in_force)));
    let work = sectors::Sectors::new(sectors::Parts {
        store: Arc::clone(&store),
        policy: Arc::clone(&engine),
        source: source.clone(),
        grounds: neighbours.clone(),
        features,
        trips: Arc::new(TripsOfJobs),
    });
    let ports = trips::Ports {
        tenants: neighbours.clone(),
        fleet: neighbours.clone(),
        routing: neighbours.clone(),
        positions: neighbours.clone(),
        listener: neighbours,
        sector_work: Arc::new(WorkOfTrips { work: Arc::new(work), sectors: in_force }),
    };
    let settings = trips::Settings { claim_valid_for_s: trips::CLAIM_VALID_FOR_S };
    Ok(Dispatch::new(Arc::new(Trips::new(store, engine, ports, source, settings))))
}

/// One transaction with trips that were asked for and expired.
fn ended_trips(tenant: &TenantId, numbers: std::ops::Range<usize>) -> Result<Commit> {
    let ctx = Ctx::new(&SystemSource::start(), tenant.clone(), Actor::automation("bench"));
    let (mut rows, mut events) = (Vec::new(), Vec::new());
    for _ in numbers {
        let id: TripId = ctx.new_id();
        let lived: [TripEvent; 2] = [created(&ctx, id)?.into(), TripExpired { reason: "bench".into() }.into()];
        let meta = EventMeta { recorded_at: ctx.now };
        let trip = lived.iter().fold(None, |trip, event| Trip::evolve(trip, event, &meta)).context("no trip")?;
        rows.push(RowWrite::put(TableSpec::of::<Trip>(), id.to_string(), Expected::Absent, RowBody::of(&trip)?));
        let entry = |event: &TripEvent| {
            NewEvent::new(&ctx, Subject::new(Trip::KIND, id), event.event_type(), event.version(), event.body())
        };
        events.extend(lived.iter().map(entry));
    }
    Ok(Commit::new(tenant.clone(), rows, events)?)
}

fn created(ctx: &Ctx, trip: TripId) -> Result<TripCreated> {
    let stops = vec![Stop { at: Coordinate::new(60.17, 24.94)? }, Stop { at: Coordinate::new(60.18, 24.95)? }];
    Ok(TripCreated {
        trip,
        status: Status::Created,
        site: "bench".parse()?,
        kind: Kind::Delivery,
        stops,
        requirements: Requirements::default(),
        priority: 0,
        window: Window::default(),
        constraints: policy::Constraints::default(),
        decision: DecisionId::from_u128(1),
        policy_bundle: String::new(),
        requested_by: "bench".into(),
        standing: None,
        frozen: None,
        simulated: true,
        expires_at: ctx.now,
        due_at: ctx.now,
    })
}
