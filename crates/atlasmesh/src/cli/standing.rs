//! `atlasmesh standing …`

use anyhow::Result;
use serde_json::{Value, json};

use super::args::StandingCommand;
use super::{Session, items, output, place};

pub async fn run(session: &Session, command: StandingCommand) -> Result<()> {
    let client = &session.client;
    match command {
        StandingCommand::Open { site, from, to, kind, payload_kg, quantity_kg, trips, at_once } => {
            let goal = quantity_kg.map_or_else(|| json!({ "trips": trips }), |kg| json!({ "quantity_kg": kg }));
            let trip = json!({
                "site": site, "kind": kind, "origin": place(&from)?, "destination": place(&to)?,
                "requirements": { "payload_kg": payload_kg },
            });
            let body = json!({ "trip": trip, "goal": goal, "at_once": at_once });
            print(session, &client.post("/v1/standing-orders", &body).await?);
        }
        StandingCommand::List => {
            let orders = client.get("/v1/standing-orders").await?;
            output::answer(session.format, &orders, |orders| {
                let columns = ["/id", "/kind", "/status", "/trips_done", "/moved_kg", "/pause/reason"];
                let heads = ["ORDER", "KIND", "STATUS", "TRIPS DONE", "MOVED KG", "PAUSES FOR"];
                output::table(&heads, &items(orders, &columns));
            });
        }
        StandingCommand::Show { standing } => {
            let order = client.get(&format!("/v1/standing-orders/{standing}")).await?;
            output::answer(session.format, &order, |order| {
                output::line(serde_json::to_string_pretty(order).unwrap_or_default());
            });
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
