//! Many tenants in one process: each with a sector in force and with rules of its own. What they take of memory, and
//! how much longer one of them waits for a cheap read while another asks as fast as it can. Server and clients are one process.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use gateway::Gateway;
use hyper::Method;
use hyper::body::Bytes;
use kernel::{Actor, Ctx, Sector, TenantId};
use tenancy::NewTenant;
use tokio::task::JoinSet;

use super::flags::administrator;
use super::load::{Asked, measure_by};
use super::page::serve_counting;
use super::{Bar, bar};
use crate::cli::output::line;

/// Rules of each tenant's own.
const RULES: usize = 4;
/// Tenants that are made at once, so that they wait for one fsync together.
const WRITERS: usize = 32;
/// What the quiet tenant asks a second, by so many clients.
const QUIET: (usize, f64) = (4, 200.0);
/// Clients of the noisy tenant.
const NOISY: usize = 16;
/// The noise comes and goes so often, so that both meet the same machine.
const ROUNDS: usize = 5;

pub async fn run(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (gateway, url, _stop) = serve_counting(folder.path(), Vec::new(), gateway::rates::PER_SECOND).await?;
    line(format!(
        "tenants: {count}, each with a sector in force and {RULES} rules of its own; each may ask {}/s",
        gateway::rates::PER_SECOND
    ));
    let (before, began) = (resident_mb()?, Instant::now());
    let tokens = make(&gateway, count).await?;
    let after = resident_mb()?;
    line(format!("made in {:.0} s; resident {before:.0} MB without them", began.elapsed().as_secs_f64()));
    line(format!("  {:.1} kB a tenant", (after - before) * 1_000.0 / count as f64));
    bar("tenants.resident", after, "MB", Bar::AtMost(1_000.0));
    let mut tokens = tokens.into_iter();
    let (quiet, noisy) = tokens.next().zip(tokens.next()).context("there are not two tenants")?;
    noise(&url, quiet, noisy).await
}

/// Makes the tenants; the tokens of some of them.
async fn make(gateway: &Arc<Gateway>, count: usize) -> Result<Vec<String>> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let gateway = Arc::clone(gateway);
        writers.spawn(async move {
            let mut tokens = Vec::new();
            for n in (writer..count).step_by(WRITERS) {
                tokens.push(make_one(&gateway, n).await?);
            }
            Ok::<_, anyhow::Error>(tokens.into_iter().next())
        });
    }
    let mut tokens = Vec::new();
    while let Some(made) = writers.join_next().await {
        tokens.extend(made??);
    }
    Ok(tokens)
}

async fn make_one(gateway: &Gateway, n: usize) -> Result<String> {
    let by = Ctx::new(&*gateway.source, TenantId::platform(), Actor::automation("bench"));
    let sector = Sector::ALL[n % Sector::ALL.len()];
    let new = NewTenant { name: format!("tenant-{n}").parse()?, sector, simulated: true };
    let (tenant, token) = gateway.tenancy.create_tenant(&by, new).await?;
    let ctx = Ctx::new(&*gateway.source, tenant.name.clone(), Actor::automation("bench")).in_sector(sector);
    let in_force = gateway.sectors.activate(&administrator(ctx), sector, "the bench").await;
    in_force.map_err(|error| anyhow::anyhow!("{error:?}")).context("the sector cannot be put in force")?;
    let layer = gateway.engine.active().own_layer(&tenant.name, &rules(n)?)?;
    gateway.engine.put_own(&tenant.name, Some(layer));
    Ok(token.expose().to_owned())
}

/// Rules of one tenant, other than those of the next.
fn rules(n: usize) -> Result<String> {
    let mut text = String::new();
    for rule in 0..RULES {
        write!(
            text,
            "@id(\"tenant.r{rule}\")\n@version(\"1\")\n@purpose(\"A rule of the bench.\")\n@reason(\"no\")\n\
             forbid (principal, action == Fleet::Action::\"trip.request\", resource)\n\
             when {{ context.payload_kg.greaterThan(decimal(\"{}.0\")) }};\n",
            10_000 + n + rule
        )?;
    }
    Ok(text)
}

/// A cheap read of one tenant with another's noise beside it and without, in turns.
async fn noise(url: &str, quiet: String, noisy: String) -> Result<()> {
    let asked = |token: String| Asked {
        method: Method::GET,
        path: "/v1/subscription".into(),
        bodies: Arc::new(vec![Bytes::new()]),
        token,
        authority: url.trim_start_matches("http://").to_owned(),
    };
    let (quiet, noisy) = (asked(quiet), asked(noisy));
    let (mut alone, mut beside, mut noise) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..ROUNDS {
        alone.push(measure_by(QUIET.0, &quiet, Some(QUIET.1)).await?.p99_ms);
        let (heard, made) = tokio::join!(measure_by(QUIET.0, &quiet, Some(QUIET.1)), measure_by(NOISY, &noisy, None));
        beside.push(heard?.p99_ms);
        noise = made?.per_second;
    }
    let (alone, beside) = (median(alone), median(beside));
    line(format!(
        "a cheap read, {:.0}/s   p99 {alone:.2} ms alone, {beside:.2} ms beside {noise:.0}/s of another",
        QUIET.1
    ));
    bar("tenants.p99_moved", (beside / alone - 1.0) * 100.0, "%", Bar::AtMost(10.0));
    Ok(())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// What this process has resident (proc_pid_status(5), `VmRSS`).
fn resident_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map(|kib: f64| kib * 1.024 / 1_000.0).context("the process does not tell its memory")
}
