//! `atlasmesh trips …`

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::args::TripCommand;
use super::pages::List;
use super::{Session, items, kilometres, names, output, place};

/// How long one request waits for the next step of a trip, in milliseconds: below every proxy's patience.
const WATCH_WAIT_MS: u32 = 20_000;

pub async fn run(session: &Session, command: TripCommand) -> Result<()> {
    let client = &session.client;
    match command {
        TripCommand::Create { site, from, to, kind, passengers, payload_kg, capabilities, idempotency_key } => {
            let body = json!({
                "site": site, "kind": kind, "origin": from, "destination": to,
                "requirements": { "passengers": passengers, "payload_kg": payload_kg, "capabilities": capabilities },
            });
            let made = match idempotency_key {
                Some(key) => client.post_once("/v1/trips", &body, &key).await?,
                None => client.post("/v1/trips", &body).await?,
            };
            output::answer(session.format, &made, |made| {
                output::line(format!("trip {} is {}", output::text(made, "/id"), status(made)));
            });
        }
        TripCommand::List { most, status, vehicle } => {
            let vehicle = match vehicle {
                Some(vehicle) => Some(names::vehicle(client, &vehicle).await?),
                None => None,
            };
            let status = status.map(|status| status.to_uppercase().replace('-', "_"));
            let trips = List::of("/v1/trips").filter("status", status).filter("vehicle", vehicle);
            let trips = trips.first(client, most.limit).await?;
            let vehicles = session.vehicles_of(&trips.page, "/vehicle").await;
            trips.print(session.format, |trips| {
                let columns = ["/id", "/kind", "/status", "/vehicle", "/created_at"];
                let heads = ["TRIP", "KIND", "STATUS", "VEHICLE", "ASKED FOR AT"];
                output::table(&heads, &names::told(items(trips, &columns), &vehicles));
            });
        }
        TripCommand::Show { trip } => {
            let trip = client.get(&format!("/v1/trips/{}", names::trip(client, &trip).await?)).await?;
            let vehicles = session.vehicles_of(&json!({ "items": [trip] }), "/vehicle").await;
            output::answer(session.format, &trip, |trip| show(trip, &vehicles));
        }
        TripCommand::Watch { trip } => watch(session, &names::trip(client, &trip).await?).await?,
        TripCommand::Why { trip } => {
            let story = client.get(&format!("/v1/trips/{}/why", names::trip(client, &trip).await?)).await?;
            output::answer(session.format, &story, print_story);
        }
        TripCommand::Cancel { trip, reason } => change(session, &trip, "cancel", &reason).await?,
        TripCommand::Resume { trip, reason } => change(session, &trip, "resume", &reason).await?,
        TripCommand::Fail { trip, reason } => change(session, &trip, "fail", &reason).await?,
    }
    Ok(())
}

async fn change(session: &Session, trip: &str, what: &str, reason: &str) -> Result<()> {
    let trip = names::trip(&session.client, trip).await?;
    let done = session.client.post(&format!("/v1/trips/{trip}/{what}"), &json!({ "reason": reason })).await?;
    output::answer(session.format, &done, |done| {
        output::line(format!("trip {} is {}", output::text(done, "/id"), status(done)));
    });
    Ok(())
}

/// Follows the trip's part of the journal. A server that goes away is waited for.
async fn watch(session: &Session, trip: &str) -> Result<()> {
    let mut after = 0;
    loop {
        let path = format!("/v1/trips/{trip}/history?after={after}&wait_ms={WATCH_WAIT_MS}");
        let page = session.client.get(&path).await?;
        for step in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            after = step.get("n").and_then(Value::as_u64).unwrap_or(after);
            output::answer(session.format, step, print_step);
        }
        if page.get("ended").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
    }
}

fn print_step(step: &Value) {
    let text = |pointer| output::text(step, pointer);
    output::line(format!("{}  {:24}  {}", text("/at"), text("/event"), text("/summary")));
}

fn print_story(story: &Value) {
    let text = |pointer| output::text(story, pointer);
    output::line(format!("trip {} is {}", text("/trip"), output::painted(&text("/status"))));
    for step in story.get("steps").and_then(Value::as_array).into_iter().flatten() {
        print_step(step);
        for reason in step.pointer("/decision/reasons").and_then(Value::as_array).into_iter().flatten() {
            let because = format!("{}: {}", output::text(reason, "/policy_id"), output::text(reason, "/text"));
            output::line(format!("{:30}because {because}", ""));
        }
    }
}

fn status(trip: &Value) -> String {
    output::painted(&output::text(trip, "/status"))
}

fn show(trip: &Value, vehicles: &BTreeMap<String, String>) {
    let cell = |pointer| output::cell(trip, pointer);
    let metres = |pointer| trip.pointer(pointer).and_then(Value::as_f64).map(kilometres).unwrap_or_default();
    let last = trip["stops"].as_array().map_or(0, |stops| stops.len().saturating_sub(1));
    let vehicle = cell("/vehicle");
    let load = |pointer| Some(cell(pointer)).filter(|load| load != "0").unwrap_or_default();
    output::summary(&[
        ("TRIP", cell("/id")),
        ("STATUS", cell("/status")),
        ("KIND", cell("/kind")),
        ("SITE", cell("/site")),
        ("FROM", place(trip, "/stops/0/at")),
        ("TO", place(trip, &format!("/stops/{last}/at"))),
        ("LENGTH", metres("/route/distance_m")),
        ("PASSENGERS", load("/requirements/passengers")),
        ("PAYLOAD KG", load("/requirements/payload_kg")),
        ("VEHICLE", vehicles.get(&vehicle).cloned().unwrap_or(vehicle)),
        ("OCCUPIED", cell("/occupied")),
        ("TO GO", metres("/progress/remaining_m")),
        ("ARRIVES AT", cell("/progress/eta")),
        ("WAITS FOR", cell("/wait/reason")),
        ("BLOCKED BY", cell("/blocked/reason")),
        ("ENDED", cell("/ended/reason")),
        ("ASKED FOR AT", cell("/created_at")),
        ("CHANGED AT", cell("/changed_at")),
    ]);
}
