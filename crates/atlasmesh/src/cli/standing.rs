//! `atlasmesh standing …`

use anyhow::Result;
use serde_json::{Value, json};

use super::args::StandingCommand;
use super::pages::List;
use super::{Session, items, names, output, place};

pub async fn run(session: &Session, command: StandingCommand) -> Result<()> {
    let client = &session.client;
    match command {
        StandingCommand::Open { site, from, to, kind, payload_kg, quantity_kg, trips, at_once } => {
            let goal = quantity_kg.map_or_else(|| json!({ "trips": trips }), |kg| json!({ "quantity_kg": kg }));
            let trip = json!({
                "site": site, "kind": kind, "origin": from, "destination": to,
                "requirements": { "payload_kg": payload_kg },
            });
            let body = json!({ "trip": trip, "goal": goal, "at_once": at_once });
            print(session, &client.post("/v1/standing-orders", &body).await?);
        }
        StandingCommand::List(most) => {
            let orders = List::of("/v1/standing-orders").first(client, most.limit).await?;
            orders.print(session.format, |orders| {
                let columns = ["/id", "/kind", "/status", "/trips_done", "/moved_kg", "/pause/reason"];
                let heads = ["ORDER", "KIND", "STATUS", "TRIPS DONE", "MOVED KG", "PAUSES FOR"];
                output::table(&heads, &items(orders, &columns));
            });
        }
        StandingCommand::Show { standing } => {
            let order = client.get(&format!("/v1/standing-orders/{standing}")).await?;
            output::answer(session.format, &order, show);
        }
        StandingCommand::Cancel { standing, reason } => {
            let path = format!("/v1/standing-orders/{standing}/cancel");
            print(session, &client.post(&path, &json!({ "reason": reason })).await?);
        }
    }
    Ok(())
}

fn print(session: &Session, order: &Value) {
    output::answer(session.format, order, |order| {
        output::line(format!("standing order {} is {}", output::text(order, "/id"), output::text(order, "/status")));
    });
}

fn show(order: &Value) {
    let cell = |pointer| output::cell(order, pointer);
    let open = order["open"].as_object().into_iter().flatten().map(|(trip, _)| names::short(trip));
    let last = order["stops"].as_array().map_or(0, |stops| stops.len().saturating_sub(1));
    output::summary(&[
        ("ORDER", cell("/id")),
        ("STATUS", cell("/status")),
        ("SITE", cell("/site")),
        ("KIND", cell("/kind")),
        ("FROM", place(order, "/stops/0/at")),
        ("TO", place(order, &format!("/stops/{last}/at"))),
        ("GOAL KG", cell("/goal/quantity_kg")),
        ("GOAL TRIPS", cell("/goal/trips")),
        ("MOVED KG", cell("/moved_kg")),
        ("TRIPS DONE", cell("/trips_done")),
        ("TRIPS OPEN", open.collect::<Vec<_>>().join(", ")),
        ("PAUSES FOR", cell("/pause/reason")),
        ("ASKED FOR AT", cell("/created_at")),
    ]);
}
