//! The page in a browser while a large fleet moves: what a frame costs in script, and how much a first visit loads. The
//! server is the real one, and each vehicle's sample goes the way of every sample: on disk first, then from the newest
//! samples over the WebSocket. Only the vehicles' own connections are left out: they would measure this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fleet::vehicle::Mode;
use gateway::connections::Limits;
use gateway::{Gateway, http, sockets};
use kernel::id::{BootId, TypedId};
use kernel::{Actor, Bearing, Coordinate, Ctx, Sector, SiteId, TenantId, VehicleId};
use serde::Deserialize;
use telemetry::{Batch, RawSample};
use tenancy::NewTenant;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::{Bar, bar};
use crate::cli::args::ServeOptions;
use crate::cli::client::Client;
use crate::cli::output::{line, text};
use crate::demo::city::{self, City};
use crate::demo::setup::{self, SITE};
use crate::serve::folder::DataFolder;
use crate::serve::witnesses::WitnessAt;
use crate::serve::{loops, wiring};

/// What looks at the page, from the root of the repository.
const BROWSER: &str = "ui/bench/page.mjs";
/// How often a moving vehicle samples.
const EVERY: Duration = Duration::from_secs(1);
/// Samples that wait for one fsync together: as many as a busy listener has.
const WRITERS: usize = 32;
/// Each vehicle drives a circle of this radius, at the speed of a city's street.
const RADIUS_M: f64 = 120.0;
const SPEED_MPS: f64 = 12.0;
const METRES_PER_DEGREE: f64 = 111_320.0;
/// Longer than the bench: vehicles without a connection must not become silent while it measures.
const OFFLINE_AFTER_S: u32 = 86_400;

/// What the browser found.
#[derive(Debug, Deserialize)]
struct Found {
    frames: usize,
    seconds: f64,
    scripting_p50_ms: f64,
    scripting_p95_ms: f64,
    scripting_max_ms: f64,
    first_load_kb: f64,
    map_library_kb: f64,
}

/// A vehicle that drives in a circle.
#[derive(Debug, Clone)]
struct Driven {
    id: VehicleId,
    boot: BootId,
    centre: Coordinate,
    /// Where on its circle it began, in radians.
    phase: f64,
}

pub async fn run(count: usize) -> Result<()> {
    ensure!(Path::new(BROWSER).exists(), "{BROWSER} is not here: `cargo xtask bench page` runs it from the root");
    let folder = tempfile::tempdir()?;
    let (gateway, url, _stop) = serve(folder.path()).await?;
    let (tenant, token) = tenant(&gateway, "coquimbo-city").await?;
    let client = Client::new(&url, Some(token.clone()))?;
    setup::map(&client, &city::FACTS).await?;
    let driven = register(&gateway, &client, &tenant, count).await?;
    line(format!(
        "page: {count} vehicles, each with a sample a second, a map of Coquimbo and La Serena, 1440 × 900 pixels"
    ));
    let mut driving = JoinSet::new();
    driving.spawn(drive(gateway, tenant, Arc::new(driven)));
    let found = tokio::select! {
        found = browse(&url, &token) => found?,
        ended = driving.join_next() => anyhow::bail!("the vehicles stopped: {ended:?}"),
    };
    report(&found);
    Ok(())
}

/// A server in this process; it ends when the last value goes.
pub(super) async fn serve(folder: &Path) -> Result<(Arc<Gateway>, String, watch::Sender<bool>)> {
    serve_with(folder, Vec::new()).await
}

/// The same, with witnesses of its logs.
pub(super) async fn serve_with(
    folder: &Path,
    witness: Vec<WitnessAt>,
) -> Result<(Arc<Gateway>, String, watch::Sender<bool>)> {
    serve_counting(folder, witness, 0).await
}

/// The same, where each principal may ask so many times a second; 0 for no limit.
pub(super) async fn serve_counting(
    folder: &Path,
    witness: Vec<WitnessAt>,
    rate_limit: u32,
) -> Result<(Arc<Gateway>, String, watch::Sender<bool>)> {
    let options = ServeOptions {
        data: folder.to_owned(),
        http: "127.0.0.1:0".into(),
        link: "127.0.0.1:0".into(),
        enrol: "127.0.0.1:0".into(),
        updates: "127.0.0.1:0".into(),
        update_poll_s: 60,
        trust_domain: "bench.local".parse()?,
        svid_valid_s: 3_600,
        master_key: None,
        policies: None,
        offline_after_s: OFFLINE_AFTER_S,
        sample_every_ms: 1_000,
        claim_valid_s: 120,
        store_mib_max: None,
        rate_limit,
        streams_max: gateway::streams::PER_TENANT,
        witness,
        timestamps: None,
        timestamps_every: 3_600,
    };
    let (stop, stopping) = watch::channel(false);
    let listener = TcpListener::bind(&options.http).await?;
    let address = listener.local_addr()?;
    let listeners = wiring::Listeners { link: address, enrolment: address, updates: address };
    let parts = wiring::wire(&options, &DataFolder::open(folder)?, listeners, stopping.clone())?;
    parts.gateway.identities.keyring().start().await?;
    let (gateway, loops) = (Arc::clone(&parts.gateway), loops::start(&parts, &stopping));
    tokio::spawn(loops.ended());
    let limits = Limits::for_files(sockets::file_limit());
    tokio::spawn(http::listen(Arc::clone(&gateway), listener, limits, stopping));
    Ok((gateway, format!("http://{address}"), stop))
}

pub(super) async fn tenant(gateway: &Gateway, name: &str) -> Result<(TenantId, String)> {
    let by = Ctx::new(&*gateway.source, TenantId::platform(), Actor::automation("bench"));
    let new = NewTenant { name: name.parse()?, sector: Sector::RideHail, simulated: true };
    let (tenant, token) = gateway.tenancy.create_tenant(&by, new).await?;
    Ok((tenant.name, token.expose().to_owned()))
}

/// Registers vehicles all over the city, and has each come online.
async fn register(gateway: &Gateway, client: &Client, tenant: &TenantId, count: usize) -> Result<Vec<Driven>> {
    let (mut city, site): (City, SiteId) = (City::read()?, SITE.parse()?);
    let mut driven = Vec::with_capacity(count);
    for n in 0..count {
        let made = client.post("/v1/vehicles", &setup::profile(n)).await?;
        let id: VehicleId = text(&made, "/id").parse().ok().context("the new vehicle has no id")?;
        let boot = BootId::from_u128(gateway.source.entropy());
        let ctx = Ctx::new(&*gateway.source, tenant.clone(), Actor::vehicle(id)).at_site(site.clone());
        let capabilities = setup::CAPABILITIES.map(str::to_owned).into();
        gateway.fleet.come_online(&ctx, id, boot, capabilities, Vec::new(), Mode::Autonomous).await?;
        let place = city.place();
        driven.push(Driven { id, boot, centre: Coordinate::new(place.lat, place.lon)?, phase: n as f64 });
    }
    Ok(driven)
}

/// Moves all vehicles once a second, for ever.
async fn drive(gateway: Arc<Gateway>, tenant: TenantId, driven: Arc<Vec<Driven>>) -> Result<()> {
    let began = Instant::now();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for seq in 1.. {
        tick.tick().await;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (gateway, tenant, driven) = (Arc::clone(&gateway), tenant.clone(), Arc::clone(&driven));
            writers.spawn_blocking(move || {
                let own = driven.iter().skip(writer).step_by(WRITERS);
                own.into_iter().try_for_each(|vehicle| sample(&gateway, &tenant, vehicle, seq, began.elapsed()))
            });
        }
        while let Some(written) = writers.join_next().await {
            written??;
        }
    }
    Ok(())
}

fn sample(gateway: &Gateway, tenant: &TenantId, vehicle: &Driven, seq: u64, driven: Duration) -> Result<()> {
    let angle = vehicle.phase + driven.as_secs_f64() * SPEED_MPS / RADIUS_M;
    let degrees = RADIUS_M / METRES_PER_DEGREE;
    let east = angle.sin() * degrees / vehicle.centre.lat().to_radians().cos();
    let position = Coordinate::new(vehicle.centre.lat() + angle.cos() * degrees, vehicle.centre.lon() + east)?;
    let now = gateway.source.now();
    let sample = RawSample {
        seq,
        vehicle_time: now,
        position,
        // Along the circle, clockwise.
        heading: Bearing::from_degrees(angle.to_degrees() + 90.0),
        speed_mps: SPEED_MPS,
        battery_pct: 80.0,
        odometer_m: driven.as_secs_f64() * SPEED_MPS,
        mode: "AUTONOMOUS",
        trip: None,
        progress_m: 0.0,
        flags: 0,
    };
    let batch = Batch { vehicle: vehicle.id, boot: vehicle.boot, samples: &[sample], kept_from_seq: seq };
    let ack = gateway.telemetry.ingest(tenant, batch, now)?;
    ensure!(ack.refused.is_empty(), "a sample was refused: {:?}", ack.refused);
    Ok(())
}

/// Runs the browser; what it prints is what it found.
async fn browse(url: &str, token: &str) -> Result<Found> {
    let mut node = Command::new("node");
    node.arg(PathBuf::from(BROWSER)).env("ATLASMESH_PAGE", url).env("ATLASMESH_TOKEN", token).kill_on_drop(true);
    let output = node.stderr(std::process::Stdio::inherit()).output().await.context("`node` cannot be started")?;
    ensure!(output.status.success(), "the page could not be measured ({})", output.status);
    serde_json::from_slice(&output.stdout).context("the browser's figures cannot be read")
}

fn report(found: &Found) {
    let Found { frames, seconds, scripting_p50_ms, scripting_p95_ms, scripting_max_ms, .. } = found;
    line(format!(
        "frames            {frames} in {seconds:.0} s; drawn by software, so that their number means nothing"
    ));
    line(format!(
        "script per frame  CPU p50 {scripting_p50_ms:.2} ms  p95 {scripting_p95_ms:.2} ms  max {scripting_max_ms:.2} ms"
    ));
    line(format!(
        "first load        {:.0} kB, and the map library {:.0} kB",
        found.first_load_kb, found.map_library_kb
    ));
    bar("page.scripting_ms", found.scripting_p95_ms, "ms", Bar::AtMost(8.0));
    bar("page.first_load_kb", found.first_load_kb, "kB", Bar::AtMost(600.0));
}
