//! The HTTP API under load: reads of a trip, and trips asked for and answered once they are durable, by many clients that
//! each keep their connection. Against an operation that does nothing, in the same run. Before that, [`streams`].

use std::sync::Arc;

use anyhow::Result;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::json;

use super::fill::fill;
use super::load::{Asked, CLIENTS, FOR, measure};
use super::page::{serve, tenant};
use super::{Bar, bar, streams};
use crate::cli::client::Client;
use crate::cli::output::{line, text};
use crate::demo::city::{self, City};
use crate::demo::setup::{self, SITE};

pub async fn run(count: usize, filled: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (gateway, url, _stop) = serve(folder.path()).await?;
    if filled {
        fill(&*gateway.store).await?;
    }
    let (_, token) = tenant(&gateway, "coquimbo-city").await?;
    let client = Client::new(&url, Some(token.clone()))?;
    let map = setup::map(&client, &city::FACTS).await?;
    line(format!(
        "api: {CLIENTS} clients, each with its own connection, {:.0} s a part, a map of {} nodes and {} edges, SQLite synchronous=FULL",
        FOR.as_secs_f64(),
        text(&map, "/nodes"),
        text(&map, "/edges")
    ));
    streams::measure(&gateway, &url).await?;
    let bodies = Arc::new(trip_requests(count)?);
    let authority = url.trim_start_matches("http://").to_owned();
    let made = client.post("/v1/trips", &serde_json::from_slice(&bodies[0])?).await?;
    let asked = |method: Method, path: String, bodies: Arc<Vec<Bytes>>| Asked {
        method,
        path,
        bodies,
        token: token.clone(),
        authority: authority.clone(),
    };
    let nothing = Arc::new(vec![Bytes::new()]);
    let idle = measure(&asked(Method::GET, "/healthz".into(), Arc::clone(&nothing)), None).await?;
    let reads = measure(&asked(Method::GET, format!("/v1/trips/{}", text(&made, "/id")), nothing), None).await?;
    let creations = asked(Method::POST, "/v1/trips".into(), bodies);
    let made = measure(&creations, None).await?;
    let half = measure(&creations, Some(made.per_second / 2.0)).await?;
    line(format!("an operation that does nothing  {:10.0} /s", idle.per_second));
    line(format!(
        "reads of a trip                 {:10.0} /s   {:.2} of it",
        reads.per_second,
        reads.per_second / idle.per_second
    ));
    line(format!(
        "trips asked for, durable        {:10.0} /s   {:.2} of it",
        made.per_second,
        made.per_second / idle.per_second
    ));
    line(format!("at half that                    {:10.0} /s   p99 {:.1} ms", half.per_second, half.p99_ms));
    bar("api.reads", reads.per_second, "/s", Bar::AtLeast(20_000.0));
    bar("api.creations", made.per_second, "/s", Bar::AtLeast(2_000.0));
    bar("api.creations_p99_at_half", half.p99_ms, "ms", Bar::AtMost(50.0));
    Ok(())
}

/// Trips between places of the city.
fn trip_requests(count: usize) -> Result<Vec<Bytes>> {
    let mut city = City::read()?;
    let wish = |_| {
        let (from, to) = city.pair();
        let body = json!({
            "site": SITE, "kind": "passenger", "origin": from.to_json(), "destination": to.to_json(),
            "requirements": { "passengers": 1 },
        });
        Ok(Bytes::from(serde_json::to_vec(&body)?))
    };
    (0..count.max(1)).map(wish).collect()
}
