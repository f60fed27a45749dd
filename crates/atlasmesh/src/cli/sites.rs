//! `atlasmesh site …`

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::args::SiteCommand;
use super::{Session, items, output, place, read};

pub async fn run(session: &Session, command: SiteCommand) -> Result<()> {
    match command {
        SiteCommand::Import { site, osm: Some(osm), .. } => {
            let path = format!("/v1/sites/{site}/map");
            let made = session.client.put(&path, read(&osm)?, "application/vnd.openstreetmap.data+pbf").await?;
            imported(session, &made);
        }
        SiteCommand::Import { site, nodes: Some(nodes), links: Some(links), turns, no_stop, .. } => {
            let mut body = json!({ "nodes": text(&nodes)?, "links": text(&links)? });
            if let Some(turns) = turns {
                body["turns"] = text(&turns)?.into();
            }
            if let Some(no_stop) = no_stop {
                body["no_stop"] = text(&no_stop)?.into();
            }
            let path = format!("/v1/sites/{site}/map");
            let made = session.client.put(&path, serde_json::to_vec(&body)?, "application/json").await?;
            imported(session, &made);
        }
        SiteCommand::Import { .. } => bail!("name a road network: --osm FILE, or --nodes FILE and --links FILE"),
        SiteCommand::List => {
            let sites = session.client.get("/v1/sites").await?;
            output::answer(session.format, &sites, |sites| {
                output::table(&["SITE", "MAP", "DIGEST"], &items(sites, &["/site", "/map/version", "/map/digest"]));
            });
        }
        SiteCommand::Show { site } => {
            let site = session.client.get(&format!("/v1/sites/{site}")).await?;
            output::answer(session.format, &site, |site| {
                output::line(serde_json::to_string_pretty(site).unwrap_or_default());
            });
        }
        SiteCommand::Close { site, corners, class, reason, from, until } => {
            let polygon = corners.iter().map(|corner| place(corner)).collect::<Result<Vec<Value>>>()?;
            let body = json!({ "class": class, "polygon": polygon, "reason": reason, "from": from, "until": until });
            let made = session.client.post(&format!("/v1/sites/{site}/closures"), &body).await?;
            output::answer(session.format, &made, |made| {
                output::line(format!("closed: {}", output::text(made, "/id")));
            });
        }
        SiteCommand::Route { site, from, to, via, kind, vehicle } => {
            let stops = via.iter().map(|stop| place(stop)).collect::<Result<Vec<Value>>>()?;
            let body = json!({
                "kind": kind, "origin": place(&from)?, "destination": place(&to)?, "stops": stops, "vehicle": vehicle,
            });
            let found = session.client.post(&format!("/v1/sites/{site}/routes"), &body).await?;
            output::answer(session.format, &found, route);
        }
        SiteCommand::Closures { site } => {
            let mut closures = session.client.get(&format!("/v1/sites/{site}/closures")).await?;
            let mut zones = session.client.get(&format!("/v1/sites/{site}/zones")).await?;
            if let (Some(all), Some(zones)) = (closures["items"].as_array_mut(), zones["items"].as_array_mut()) {
                all.append(zones);
            }
            output::answer(session.format, &closures, restrictions);
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
        Some(format!("{:.1} km in {} min {} s", metres / 1_000.0, seconds / 60, seconds % 60))
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

/// Closures and zones, each with its line about the vehicles.
fn restrictions(page: &Value) {
    let pointers = ["/id", "/type", "/class", "/from", "/until", "/owner"];
    let mut rows = items(page, &pointers);
    let all = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (row, item) in rows.iter_mut().zip(all) {
        row.insert(3, item["name"].as_str().or(item["reason"].as_str()).unwrap_or("-").to_owned());
        row.push(in_force(&item["in_force"]));
    }
    output::table(&["ID", "TYPE", "CLASS", "WHAT", "FROM", "UNTIL", "OWNER", "IN FORCE"], &rows);
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

fn imported(session: &Session, made: &Value) {
    output::answer(session.format, made, |made| {
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
}
