//! `atlasmesh site …`

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::args::SiteCommand;
use super::pages::{List, Listed};
use super::{Session, items, kilometres, names, output, read};

pub async fn run(session: &Session, command: SiteCommand) -> Result<()> {
    match command {
        SiteCommand::Import { site, osm: Some(osm), .. } => {
            let sent = (read(&osm)?, "application/vnd.openstreetmap.data+pbf");
            import(session, &site, sent).await?;
        }
        SiteCommand::Import { site, nodes: Some(nodes), links: Some(links), turns, no_stop, .. } => {
            let tables = json!({
                "nodes": text(&nodes)?, "links": text(&links)?,
                "turns": turns.as_deref().map(text).transpose()?, "no_stop": no_stop.as_deref().map(text).transpose()?,
            });
            import(session, &site, (serde_json::to_vec(&tables)?, "application/json")).await?;
        }
        SiteCommand::Import { .. } => bail!("name a road network: --osm FILE, or --nodes FILE and --links FILE"),
        SiteCommand::List(most) => {
            let sites = List::of("/v1/sites").first(&session.client, most.limit).await?;
            sites.print(session.format, |sites| {
                output::table(&["SITE", "MAP", "DIGEST"], &items(sites, &["/site", "/map/version", "/map/digest"]));
            });
        }
        SiteCommand::Show { site } => {
            let site = session.client.get(&format!("/v1/sites/{site}")).await?;
            output::answer(session.format, &site, show);
        }
        SiteCommand::Close { site, corners, class, reason, from, until } => {
            let body = json!({ "class": class, "polygon": corners, "reason": reason, "from": from, "until": until });
            let made = session.client.post(&format!("/v1/sites/{site}/closures"), &body).await?;
            output::answer(session.format, &made, |made| {
                output::line(format!("closed: {}", output::text(made, "/id")));
            });
        }
        SiteCommand::Route { site, from, to, via, kind, vehicle } => {
            let vehicle = match vehicle {
                Some(vehicle) => Some(names::vehicle(&session.client, &vehicle).await?),
                None => None,
            };
            let body = json!({ "kind": kind, "origin": from, "destination": to, "stops": via, "vehicle": vehicle });
            let found = session.client.post(&format!("/v1/sites/{site}/routes"), &body).await?;
            output::answer(session.format, &found, route);
        }
        SiteCommand::Closures { most, site } => {
            let mut closures = session.client.get(&format!("/v1/sites/{site}/closures")).await?;
            let mut zones = session.client.get(&format!("/v1/sites/{site}/zones")).await?;
            if let (Some(all), Some(zones)) = (closures["items"].as_array_mut(), zones["items"].as_array_mut()) {
                all.append(zones);
            }
            Listed::of_whole(closures, most.limit).print(session.format, restrictions);
        }
        SiteCommand::LimitSpeed { site, max_speed_mps, place, corners, reason, from, until } => {
            let body = json!({
                "max_speed_mps": max_speed_mps, "place": place, "polygon": corners, "reason": reason,
                "from": from, "until": until,
            });
            let made = session.client.post(&format!("/v1/sites/{site}/speed-limits"), &body).await?;
            output::answer(session.format, &made, |made| {
                output::line(format!("limited to {max_speed_mps} m/s: {}", output::text(made, "/id")));
            });
        }
        SiteCommand::SpeedLimits { most, site } => {
            let limits = session.client.get(&format!("/v1/sites/{site}/speed-limits")).await?;
            Listed::of_whole(limits, most.limit).print(session.format, speed_limits);
        }
        SiteCommand::Lift { site, restriction } => {
            let done = session.client.delete(&format!("/v1/sites/{site}/restrictions/{restriction}")).await?;
            output::answer(session.format, &done, |_| output::line(format!("lifted: {restriction}")));
        }
    }
    Ok(())
}

/// `3.4 km in 6 min 12 s`, the approach, and what bound it.
fn route(found: &Value) {
    let way = |metres: &str, ms: &str| {
        let (metres, ms) = (found[metres].as_f64()?, found[ms].as_u64()?);
        let seconds = (ms + 500) / 1_000;
        Some(format!("{} in {} min {} s", kilometres(metres), seconds / 60, seconds % 60))
    };
    output::line(way("distance_m", "duration_ms").unwrap_or_default());
    if let Some(approach) = way("approach_m", "approach_ms") {
        output::line(format!("approach {approach}"));
    }
    let binding = found["binding"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = binding.iter().filter_map(Value::as_str).collect();
    if !names.is_empty() {
        output::line(format!("bound by {}", names.join(", ")));
    }
}

const RESTRICTION: [&str; 7] = ["ID", "TYPE", "CLASS", "WHAT", "FROM", "UNTIL", "OWNER"];

/// Closures and zones, each with its line about the vehicles.
fn restrictions(page: &Value) {
    with_in_force(page, &RESTRICTION, restriction);
}

fn restriction(item: &Value) -> Vec<String> {
    let what = if item["name"].is_string() { "/name" } else { "/reason" };
    ["/id", "/type", "/class", what, "/from", "/until", "/owner"].map(|pointer| output::cell(item, pointer)).into()
}

fn speed_limits(page: &Value) {
    with_in_force(page, &["ID", "M/S", "PLACE", "REASON", "FROM", "UNTIL", "OWNER"], |limit| {
        let cells = ["/id", "/in_force/max_speed_mps", "/place", "/reason", "/from", "/until", "/owner"];
        cells.map(|pointer| output::cell(limit, pointer)).into()
    });
}

fn with_in_force(page: &Value, columns: &[&str], cells: impl Fn(&Value) -> Vec<String>) {
    let all = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = all.iter().map(|item| [cells(item), vec![in_force(&item["in_force"])]].concat());
    output::table(&[columns, &["IN FORCE"]].concat(), &rows.collect::<Vec<_>>());
}

fn show(site: &Value) {
    let cell = |pointer| output::cell(site, pointer);
    output::summary(&[
        ("SITE", cell("/site")),
        ("MAP", cell("/map/version")),
        ("DIGEST", cell("/map/digest")),
        ("NODES", cell("/map/nodes")),
        ("EDGES", cell("/map/edges")),
    ]);
    let all = site["restrictions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !all.is_empty() {
        output::line("");
        output::table(&RESTRICTION, &all.iter().map(restriction).collect::<Vec<_>>());
    }
}

/// `on 28 of 30 vehicles; not confirmed: taxi-07, …`
fn in_force(told: &Value) -> String {
    let (on, of) = (output::text(told, "/on"), output::text(told, "/of"));
    let waiting = told["waiting"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = waiting.iter().filter_map(|vehicle| vehicle["name"].as_str()).collect();
    let missing = if names.is_empty() { String::new() } else { format!("; not confirmed: {}", names.join(", ")) };
    format!("on {on} of {of} vehicles{missing}")
}

fn text(path: &Path) -> Result<String> {
    let bytes = routing::import::decompress(&read(path)?)?;
    String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("{} is not UTF-8 text", path.display()))
}

async fn import(session: &Session, site: &str, (network, content_type): (Vec<u8>, &str)) -> Result<()> {
    let made = session.client.put(&format!("/v1/sites/{site}/map"), network, content_type).await?;
    output::answer(session.format, &made, |made| {
        let text = |pointer| output::text(made, pointer);
        output::line(format!(
            "map {} of {}: {} nodes, {} edges",
            text("/version"),
            text("/site"),
            text("/nodes"),
            text("/edges")
        ));
        output::line(format!("digest {}", text("/digest")));
    });
    Ok(())
}
