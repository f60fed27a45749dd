//! `atlasmesh vehicles …`

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::args::VehicleCommand;
use super::{Session, items, output, read};

pub async fn run(session: &Session, command: VehicleCommand) -> Result<()> {
    let client = &session.client;
    match command {
        VehicleCommand::Register { profile } => {
            let profile: Value = serde_json::from_slice(&read(&profile)?).context("the profile is not JSON")?;
            let made = client.post("/v1/vehicles", &profile).await?;
            output::answer(session.format, &made, |made| {
                let text = |pointer| output::text(made, pointer);
                output::line(format!("vehicle {} ({})", text("/id"), text("/name")));
                output::line(format!("secret, shown this once: {}", text("/secret")));
                output::line(format!(
                    "connects to {} with certificate SHA-256 {}",
                    text("/link/address"),
                    text("/link/certificate_sha256")
                ));
            });
        }
        VehicleCommand::List => {
            let vehicles = client.get("/v1/vehicles").await?;
            output::answer(session.format, &vehicles, |vehicles| {
                let columns = ["/id", "/name", "/status", "/mode", "/ready", "/claim/trip", "/seen/battery_pct"];
                output::table(
                    &["VEHICLE", "NAME", "STATUS", "MODE", "READY", "TRIP", "BATTERY %"],
                    &items(vehicles, &columns),
                );
            });
        }
        VehicleCommand::Show { vehicle } => show(session, client.get(&format!("/v1/vehicles/{vehicle}")).await?),
        VehicleCommand::Stop { vehicle, class, reason } => {
            let body = json!({ "class": class, "reason": reason });
            let done = client.post(&format!("/v1/vehicles/{vehicle}/stop"), &body).await?;
            output::answer(session.format, &done, |done| {
                output::line(format!("stop {} is {}", output::text(done, "/stop"), output::text(done, "/delivery")));
            });
        }
        VehicleCommand::Clear { vehicle, stop } => {
            let done = client.post(&format!("/v1/vehicles/{vehicle}/clear"), &json!({ "stop": stop })).await?;
            output::answer(session.format, &done, |_| {
                output::line(format!("cleared {stop}; the vehicle waits for a dispatch"))
            });
        }
        VehicleCommand::Hold { vehicle, kind, timing, reason } => {
            let body = json!({ "kind": kind, "timing": timing, "reason": reason });
            let done = client.post(&format!("/v1/vehicles/{vehicle}/holds"), &body).await?;
            output::answer(session.format, &done, |done| output::line(format!("hold {}", output::text(done, "/id"))));
        }
        VehicleCommand::Release { vehicle, hold } => {
            let done = client.delete(&format!("/v1/vehicles/{vehicle}/holds/{hold}")).await?;
            output::answer(session.format, &done, |_| output::line(format!("released {hold}")));
        }
    }
    Ok(())
}

fn show(session: &Session, value: Value) {
    output::answer(session.format, &value, |value| {
        output::line(serde_json::to_string_pretty(value).unwrap_or_default())
    });
}
