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
        SiteCommand::Close { site, corners, class, reason } => {
            let polygon = corners.iter().map(|corner| place(corner)).collect::<Result<Vec<Value>>>()?;
            let body = json!({ "class": class, "polygon": polygon, "reason": reason });
            let made = session.client.post(&format!("/v1/sites/{site}/closures"), &body).await?;
            output::answer(session.format, &made, |made| {
                output::line(format!("closed: {}", output::text(made, "/id")));
            });
        }
        SiteCommand::Lift { site, restriction } => {
            let done = session.client.delete(&format!("/v1/sites/{site}/restrictions/{restriction}")).await?;
            output::answer(session.format, &done, |_| output::line(format!("lifted: {restriction}")));
        }
    }
    Ok(())
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
