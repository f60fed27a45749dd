//! Flags: how long an evaluation with targeting takes in process, and how many are answered a second over HTTP, against
//! an operation that does nothing. Each request is authenticated, and its tenant's row is read.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use flags::{Context, FlagSet, Layers};
use hyper::Method;
use hyper::body::Bytes;
use kernel::{Actor, Ctx, Sector};
use serde_json::json;

use super::load::{Asked, CLIENTS, FOR, measure};
use super::page::{serve, tenant};
use super::{Bar, bar, percentile_ms};
use crate::cli::output::line;

/// A flag of the sector whose rule looks at what the client sends.
const FLAG: &str = "unprotected-left";
/// Clients whose answers differ.
const KEYS: usize = 500;

pub async fn run(count: usize) -> Result<()> {
    line(format!(
        "flags: {count} evaluations in process; {CLIENTS} clients over HTTP, {:.0} s a part",
        FOR.as_secs_f64()
    ));
    in_process(count)?;
    let folder = tempfile::tempdir()?;
    let (gateway, url, _stop) = serve(folder.path()).await?;
    let (name, token) = tenant(&gateway, "coquimbo-city").await?;
    let ctx = Ctx::new(&*gateway.source, name, Actor::automation("bench")).in_sector(Sector::RideHail);
    let in_force = gateway.sectors.activate(&administrator(ctx), Sector::RideHail, "the bench").await;
    in_force.map_err(|error| anyhow::anyhow!("{error:?}")).context("the sector cannot be put in force")?;
    let body = |n: usize| {
        let weather = ["clear", "rain", "snow", "ice"][n % 4];
        serde_json::to_vec(&json!({ "context": { "targetingKey": format!("veh-{n}"), "weather": weather } }))
    };
    let bodies = (0..KEYS).map(|n| Ok(Bytes::from(body(n)?))).collect::<Result<Vec<_>>>()?;
    let asked = |method: Method, path: String, bodies: Vec<Bytes>| Asked {
        method,
        path,
        bodies: Arc::new(bodies),
        token: token.clone(),
        authority: url.trim_start_matches("http://").to_owned(),
    };
    let idle = measure(&asked(Method::GET, "/healthz".into(), vec![Bytes::new()]), None).await?;
    let one = measure(&asked(Method::POST, format!("/ofrep/v1/evaluate/flags/{FLAG}"), bodies.clone()), None).await?;
    let all = measure(&asked(Method::POST, "/ofrep/v1/evaluate/flags".into(), bodies), None).await?;
    line(format!("an operation that does nothing  {:10.0} /s", idle.per_second));
    for (what, found) in [("one flag", &one), ("all flags of the sector", &all)] {
        let ratio = found.per_second / idle.per_second;
        line(format!("{what:30}  {:10.0} /s   {ratio:.2} of it, p99 {:.1} ms", found.per_second, found.p99_ms));
    }
    bar("flags.http", one.per_second, "/s", Bar::AtLeast(30_000.0));
    Ok(())
}

/// Who may put a sector in force.
pub(super) fn administrator(ctx: Ctx) -> Ctx {
    let mut ctx = ctx;
    ctx.actor.role = "administrator".into();
    ctx
}

fn in_process(count: usize) -> Result<()> {
    let text = json!({ "flags": { "route.optimizer": {
        "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off",
        "targeting": { "if": [
            { "and": [
                { "in": [{ "var": "site" }, ["s1", "s2", "s3", "s4"]] },
                { "sem_ver": [{ "var": "agent" }, ">=", "2.1.0"] }
            ] },
            { "fractional": [["on", 10], ["off", 90]] },
            null
        ] },
        "metadata": { "class": "release", "owner": "routing", "expires": "2027-01-31" }
    } } });
    let set = FlagSet::parse(&text.to_string()).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let layers = Layers::new([("sector:ride-hail", &set)])?;
    let mut took = Vec::with_capacity(count);
    for n in 0..count {
        let sent = json!({ "targetingKey": format!("veh-{n}"), "site": "s4", "agent": "2.4.0" });
        let began = Instant::now();
        let context = Context::from_client(Some(sent))?.with("tenant", "bench").with("sector", "ride-hail");
        black_box(layers.evaluate("route.optimizer", &context, i64::try_from(n)?));
        took.push(began.elapsed());
    }
    let us = |took: &mut Vec<_>, share| percentile_ms(took, share) * 1_000.0;
    let (p50, p99) = (us(&mut took, 0.5), us(&mut took, 0.99));
    line(format!("an evaluation with its context  p50 {p50:.1} us  p99 {p99:.1} us"));
    bar("flags.evaluation_p50", p50, "us", Bar::AtMost(20.0));
    Ok(())
}
