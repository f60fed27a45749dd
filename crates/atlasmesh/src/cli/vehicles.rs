//! `atlasmesh vehicles …`

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::args::VehicleCommand;
use super::pages::List;
use super::{Session, items, kilometres, names, output, place};

pub async fn run(session: &Session, command: VehicleCommand) -> Result<()> {
    let client = &session.client;
    match command {
        VehicleCommand::List(most) => {
            let vehicles = List::of("/v1/vehicles").first(client, most.limit).await?;
            vehicles.print(session.format, |vehicles| {
                let columns = ["/name", "/status", "/mode", "/ready", "/claim/trip", "/seen/battery_pct", "/id"];
                let heads = ["VEHICLE", "STATUS", "MODE", "READY", "TRIP", "BATTERY %", "ID"];
                output::table(&heads, &names::told(items(vehicles, &columns), &BTreeMap::new()));
            });
        }
        VehicleCommand::Show { vehicle } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            output::answer(session.format, &client.get(&format!("/v1/vehicles/{vehicle}")).await?, show);
        }
        VehicleCommand::Stop { vehicle, class, place, reason } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            let body = json!({ "class": class, "place": place, "reason": reason });
            let done = client.post(&format!("/v1/vehicles/{vehicle}/stop"), &body).await?;
            output::answer(session.format, &done, |done| {
                output::line(format!("stop {} is {}", output::text(done, "/stop"), output::text(done, "/delivery")));
            });
        }
        VehicleCommand::Clear { vehicle, stop } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            let done = client.post(&format!("/v1/vehicles/{vehicle}/clear"), &json!({ "stop": stop })).await?;
            output::answer(session.format, &done, |_| {
                output::line(format!("cleared {stop}; the vehicle waits for a dispatch"))
            });
        }
        VehicleCommand::Hold { vehicle, kind, timing, reason } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            let body = json!({ "kind": kind, "timing": timing, "reason": reason });
            let done = client.post(&format!("/v1/vehicles/{vehicle}/holds"), &body).await?;
            output::answer(session.format, &done, |done| output::line(format!("hold {}", output::text(done, "/id"))));
        }
        VehicleCommand::Release { vehicle, hold } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            let done = client.delete(&format!("/v1/vehicles/{vehicle}/holds/{hold}")).await?;
            output::answer(session.format, &done, |_| output::line(format!("released {hold}")));
        }
    }
    Ok(())
}

fn show(vehicle: &Value) {
    let cell = |pointer| output::cell(vehicle, pointer);
    let number = |pointer| vehicle.pointer(pointer).and_then(Value::as_f64);
    let battery = number("/seen/battery_pct").map(|pct| format!("{} %", output::rounded(pct)));
    output::summary(&[
        ("VEHICLE", cell("/name")),
        ("ID", cell("/id")),
        ("SITE", cell("/site")),
        ("STATUS", cell("/status")),
        ("MODE", cell("/mode")),
        ("READY", cell("/ready")),
        ("BATTERY", battery.unwrap_or_default()),
        ("IS AT", place(vehicle, "/seen/position")),
        ("ODOMETER", number("/seen/odometer_m").map(kilometres).unwrap_or_default()),
        ("SEEN AT", cell("/seen/at")),
        ("TRIP", names::short(&cell("/claim/trip"))),
        ("STOP", cell("/stop/id")),
        ("STOPPED FOR", cell("/stop/reason")),
        ("REGISTERED AT", cell("/registered_at")),
    ]);
    for hold in vehicle["holds"].as_array().into_iter().flatten() {
        let text = |pointer| output::cell(hold, pointer);
        let hold = format!("{}, {}: {} (by {})", text("/id"), text("/kind"), text("/reason"), text("/owner"));
        output::summary(&[("HOLD", hold)]);
    }
}
