//! `atlasmesh trips …`

use anyhow::Result;
use serde_json::{Value, json};

use super::args::TripCommand;
use super::{Session, items, output, place};

/// How long one request waits for the next step of a trip, in milliseconds: below every proxy's patience.
const WATCH_WAIT_MS: u32 = 20_000;

pub async fn run(session: &Session, command: TripCommand) -> Result<()> {
    let client = &session.client;
    match command {
        TripCommand::Create { site, from, to, kind, passengers, payload_kg, capabilities, idempotency_key } => {
            let body = json!({
                "site": site, "kind": kind, "origin": place(&from)?, "destination": place(&to)?,
                "requirements": { "passengers": passengers, "payload_kg": payload_kg, "capabilities": capabilities },
            });
            let made = match idempotency_key {
                Some(key) => client.post_once("/v1/trips", &body, &key).await?,
                None => client.post("/v1/trips", &body).await?,
            };
            output::answer(session.format, &made, |made| {
                output::line(format!("trip {} is {}", output::text(made, "/id"), output::text(made, "/status")));
            });
        }
        TripCommand::List { status, limit } => {
            let filter = status.map(|status| format!("&status={status}")).unwrap_or_default();
            let trips = client.get(&format!("/v1/trips?limit={limit}{filter}")).await?;
            output::answer(session.format, &trips, |trips| {
                let columns = ["/id", "/kind", "/status", "/vehicle", "/created_at"];
                output::table(&["TRIP", "KIND", "STATUS", "VEHICLE", "ASKED FOR AT"], &items(trips, &columns));
            });
        }
        TripCommand::Show { trip } => {
            let trip = client.get(&format!("/v1/trips/{trip}")).await?;
            output::answer(session.format, &trip, |trip| {
                output::line(serde_json::to_string_pretty(trip).unwrap_or_default())
            });
        }
        TripCommand::Watch { trip } => watch(session, &trip).await?,
        TripCommand::Why { trip } => {
            let story = client.get(&format!("/v1/trips/{trip}/why")).await?;
            output::answer(session.format, &story, print_story);
        }
        TripCommand::Cancel { trip, reason } => change(session, &trip, "cancel", &reason).await?,
        TripCommand::Resume { trip, reason } => change(session, &trip, "resume", &reason).await?,
        TripCommand::Fail { trip, reason } => change(session, &trip, "fail", &reason).await?,
    }
    Ok(())
}

async fn change(session: &Session, trip: &str, what: &str, reason: &str) -> Result<()> {
    let done = session.client.post(&format!("/v1/trips/{trip}/{what}"), &json!({ "reason": reason })).await?;
    output::answer(session.format, &done, |done| {
        output::line(format!("trip {} is {}", output::text(done, "/id"), output::text(done, "/status")));
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
    output::line(format!("trip {} is {}", text("/trip"), text("/status")));
    for step in story.get("steps").and_then(Value::as_array).into_iter().flatten() {
        print_step(step);
        for reason in step.pointer("/decision/reasons").and_then(Value::as_array).into_iter().flatten() {
            let because = format!("{}: {}", output::text(reason, "/policy_id"), output::text(reason, "/text"));
            output::line(format!("{:30}because {because}", ""));
        }
    }
}
