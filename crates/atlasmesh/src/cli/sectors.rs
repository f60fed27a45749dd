//! `atlasmesh place|blast|job|area|emission|clearance …`: the sectors' own work.

use anyhow::Result;
use serde_json::{Value, json};

use super::args::{AreaCommand, BlastCommand, ClearanceCommand, EmissionCommand, JobCommand, PlaceCommand};
use super::pages::List;
use super::{Session, items, output};

/// Prints a list as a table.
async fn list(session: &Session, list: List<'_>, limit: u64, heads: &[&str], columns: &[&str]) -> Result<()> {
    let found = list.first(&session.client, limit).await?;
    found.print(session.format, |found| output::table(heads, &items(found, columns)));
    Ok(())
}

fn told(session: &Session, answer: &Value, what: &str, pointer: &str) {
    output::answer(session.format, answer, |answer| {
        output::line(format!("{what} {}: {}", output::text(answer, "/id"), output::text(answer, pointer)));
    });
}

pub async fn place(session: &Session, command: PlaceCommand) -> Result<()> {
    match command {
        PlaceCommand::List { site, most } => {
            let (heads, columns) = (["PLACE", "SITE", "NAME", "KIND"], ["/id", "/site", "/name", "/kind"]);
            list(session, List::of("/v1/places").filter("site", site), most.limit, &heads, &columns).await
        }
        PlaceCommand::Name { site, name, kind, at, radius_m, bucket_kg, passes, wheelchair, refuses } => {
            let loader = bucket_kg.map(|bucket_kg| json!({ "bucket_kg": bucket_kg, "passes_max": passes }));
            let body = json!({
                "site": site, "name": name, "kind": kind, "at": at, "radius_m": radius_m, "loader": loader,
                "wheelchair": wheelchair, "hazards_refused": refuses,
            });
            told(session, &session.client.post("/v1/places", &body).await?, "place", "/name");
            Ok(())
        }
        PlaceCommand::Remove { place } => {
            let done = session.client.delete(&format!("/v1/places/{place}")).await?;
            output::answer(session.format, &done, |_| output::line(format!("given up: {place}")));
            Ok(())
        }
    }
}

pub async fn blast(session: &Session, command: BlastCommand) -> Result<()> {
    let reason = |reason: String| json!({ "reason": reason });
    match command {
        BlastCommand::List(most) => {
            let heads = ["BLAST", "SITE", "NAME", "STATE", "FIRE AT", "WAITS FOR"];
            let columns = ["/id", "/site", "/name", "/state", "/fire_at", "/waits_for"];
            list(session, List::of("/v1/blasts"), most.limit, &heads, &columns).await
        }
        BlastCommand::Show { blast } => {
            let known = session.client.get(&format!("/v1/blasts/{blast}")).await?;
            output::answer(session.format, &known, show_blast);
            Ok(())
        }
        BlastCommand::Plan { site, name, fire_at, corners } => {
            let body = json!({ "site": site, "name": name, "area": corners, "fire_at": fire_at });
            told(session, &session.client.post("/v1/blasts", &body).await?, "blast", "/state");
            Ok(())
        }
        BlastCommand::Clear { blast, reason: why } => step(session, &blast, "clear", reason(why)).await,
        BlastCommand::Guard { blast, posts, reason: why } => {
            step(session, &blast, "guard", json!({ "posts": posts, "reason": why })).await
        }
        BlastCommand::Fire { blast, reason: why } => step(session, &blast, "fire", reason(why)).await,
        BlastCommand::Examine { blast, misfire, reason: why } => {
            step(session, &blast, "examine", json!({ "safe": !misfire, "reason": why })).await
        }
        BlastCommand::Release { blast, reason: why } => step(session, &blast, "release", reason(why)).await,
        BlastCommand::CallOff { blast, reason: why } => step(session, &blast, "call-off", reason(why)).await,
    }
}

async fn step(session: &Session, blast: &str, step: &str, body: Value) -> Result<()> {
    told(session, &session.client.post(&format!("/v1/blasts/{blast}/{step}"), &body).await?, "blast", "/state");
    Ok(())
}

fn show_blast(blast: &Value) {
    let cell = |pointer| output::cell(blast, pointer);
    output::summary(&[
        ("BLAST", cell("/id")),
        ("SITE", cell("/site")),
        ("NAME", cell("/name")),
        ("STATE", cell("/state")),
        ("FIRE AT", cell("/fire_at")),
        ("POSTS", cell("/posts")),
        ("NEXT", cell("/next")),
        ("WAITS FOR", cell("/waits_for")),
    ]);
    steps(blast);
}

/// The steps of a piece of work, as a table.
fn steps(work: &Value) {
    let steps = json!({ "items": work["steps"] });
    output::table(&["STEP", "BY", "AT", "NOTE"], &items(&steps, &["/step", "/by", "/at", "/note"]));
}

pub async fn job(session: &Session, command: JobCommand) -> Result<()> {
    let path = |job: &str, verb: &str| format!("/v1/jobs/{job}/{verb}");
    match command {
        JobCommand::List { site, most } => {
            let heads = ["JOB", "SITE", "CONTAINER", "HAZARDS", "STATE", "CONFLICTS"];
            let columns = ["/id", "/site", "/container", "/hazards", "/state", "/conflicts"];
            list(session, List::of("/v1/jobs").filter("site", site), most.limit, &heads, &columns).await?;
        }
        JobCommand::Show { job } => {
            let known = session.client.get(&format!("/v1/jobs/{job}")).await?;
            output::answer(session.format, &known, |known| {
                told_job(known);
                steps(known);
            });
        }
        JobCommand::Ask { site, container, from, to, mass_kg, hazards } => {
            let body = json!({
                "site": site, "container": container, "from": from, "to": to, "mass_kg": mass_kg, "hazards": hazards,
            });
            let made = session.client.post("/v1/jobs", &body).await?;
            output::answer(session.format, &made, told_job);
        }
        JobCommand::Release { job, seal, reason } => {
            let body = json!({ "seal": seal, "reason": reason });
            told(session, &session.client.post(&path(&job, "release"), &body).await?, "job", "/state");
        }
        JobCommand::Cancel { job, reason } => {
            let body = json!({ "reason": reason });
            told(session, &session.client.post(&path(&job, "cancel"), &body).await?, "job", "/state");
        }
    }
    Ok(())
}

fn told_job(job: &Value) {
    let cell = |pointer| output::cell(job, pointer);
    output::summary(&[
        ("JOB", cell("/id")),
        ("CONTAINER", cell("/container")),
        ("HAZARDS", cell("/hazards")),
        ("STATE", cell("/state")),
        ("SEAL", cell("/seal")),
        ("TRIP", cell("/trip")),
        ("CONFLICTS", cell("/conflicts")),
    ]);
}

pub async fn area(session: &Session, command: AreaCommand) -> Result<()> {
    match command {
        AreaCommand::List(most) => {
            let heads = ["AREA", "SITE", "NAME", "WHEELCHAIR", "OPEN NOW"];
            let columns = ["/id", "/site", "/name", "/wheelchair", "/open_now"];
            list(session, List::of("/v1/service-areas"), most.limit, &heads, &columns).await
        }
        AreaCommand::Draw { site, name, corners, days, from, to, utc_offset_min, wheelchair } => {
            let hours = json!([{ "days": days, "from": from, "to": to }]);
            let body = json!({
                "site": site, "name": name, "area": corners, "hours": hours, "utc_offset_min": utc_offset_min,
                "wheelchair": wheelchair,
            });
            told(session, &session.client.post("/v1/service-areas", &body).await?, "area", "/name");
            Ok(())
        }
        AreaCommand::Remove { area } => {
            let done = session.client.delete(&format!("/v1/service-areas/{area}")).await?;
            output::answer(session.format, &done, |_| output::line(format!("given up: {area}")));
            Ok(())
        }
    }
}

pub async fn emission(session: &Session, command: EmissionCommand) -> Result<()> {
    match command {
        EmissionCommand::Show { site } => {
            let query = site.map(|site| format!("?site={site}")).unwrap_or_default();
            let found = session.client.get(&format!("/v1/emission{query}")).await?;
            output::answer(session.format, &found, |found| {
                output::table(&["SITE", "STATE", "SINCE", "BY"], &items(found, &["/site", "/state", "/since", "/by"]));
            });
        }
        EmissionCommand::Set { site, state, reason } => {
            let body = serde_json::to_vec(&json!({ "state": state, "reason": reason }))?;
            let path = format!("/v1/sites/{site}/emission");
            let answer = session.client.put(&path, body, "application/json").await?;
            output::answer(session.format, &answer, |answer| {
                let text = match answer["action"].is_string() {
                    true => format!("a second person decides: approval {}", output::text(answer, "/id")),
                    false => format!("{site} is {}", output::text(answer, "/state")),
                };
                output::line(text);
            });
        }
    }
    Ok(())
}

pub async fn clearance(session: &Session, command: ClearanceCommand) -> Result<()> {
    match command {
        ClearanceCommand::List(most) => {
            let heads = ["KIND", "ID", "LEVEL", "UNTIL", "IN FORCE"];
            let columns = ["/kind", "/id", "/level", "/until", "/in_force"];
            list(session, List::of("/v1/clearances"), most.limit, &heads, &columns).await
        }
        ClearanceCommand::Show { kind, id } => {
            let known = session.client.get(&format!("/v1/clearances/{kind}/{id}")).await?;
            told(session, &known, &kind, "/level");
            Ok(())
        }
        ClearanceCommand::Grant { kind, id, level, until, reason } => {
            let body = serde_json::to_vec(&json!({ "level": level, "until": until, "reason": reason }))?;
            let path = format!("/v1/clearances/{kind}/{id}");
            told(session, &session.client.put(&path, body, "application/json").await?, &kind, "/level");
            Ok(())
        }
    }
}
