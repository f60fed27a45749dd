//! `atlasmesh garage …`: a vehicle's way into the fleet and out of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::args::GarageCommand;
use super::{Session, names, output, read};

pub async fn run(session: &Session, command: GarageCommand) -> Result<()> {
    let client = &session.client;
    match command {
        GarageCommand::Register { profile } => register(session, &profile).await?,
        GarageCommand::Token { vehicle, minutes } => {
            let made = invite(session, &vehicle, minutes).await?;
            output::answer(session.format, &made, |made| {
                let text = |pointer| output::text(made, pointer);
                output::line(format!("join token, shown this once: {}", text("/bootstrap/join_token")));
                output::line(format!("good until {}", text("/expires_at")));
            });
        }
        GarageCommand::Bootstrap { vehicle, out, minutes } => {
            let made = invite(session, &vehicle, minutes).await?;
            write_private(&out, serde_json::to_string_pretty(&made["bootstrap"])?.as_bytes())?;
            output::answer(session.format, &made["bootstrap"], |_| {
                let until = output::text(&made, "/expires_at");
                output::line(format!("{}: carry it to the vehicle before {until}, then", out.display()));
                output::line(format!("  atlasmesh-agent run --bootstrap {} --state FOLDER …", out.display()));
            });
        }
        GarageCommand::Credentials { vehicle, out } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            fs::DirBuilder::new()
                .mode(0o700)
                .create(&out)
                .with_context(|| format!("the folder {} cannot be made: name one that is not there", out.display()))?;
            let made = client.post(&format!("/v1/vehicles/{vehicle}/credentials"), &json!({})).await?;
            let text = |pointer| output::text(&made, pointer);
            write_private(&out.join("device.key"), text("/key_pem").as_bytes())?;
            write_private(&out.join("device.pem"), text("/certificate_pem").as_bytes())?;
            write_private(&out.join("device-authorities.pem"), text("/device_authorities_pem").as_bytes())?;
            output::line(format!("{}: key and certificate, good until {}", out.display(), text("/not_after")));
        }
        GarageCommand::Show { vehicle } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            let identity = client.get(&format!("/v1/vehicles/{vehicle}/identity")).await?;
            output::answer(session.format, &identity, show);
        }
        GarageCommand::Revoke { vehicle, reason } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            let path = format!("/v1/vehicles/{vehicle}/identity/revoke");
            let done = client.post(&path, &json!({ "reason": reason })).await?;
            output::answer(session.format, &done, |done| match output::text(done, "/state").as_str() {
                "revoked" => output::line("revoked: nothing of this identity is accepted any more"),
                _ => output::line(
                    "in quarantine: commands, tokens and data are refused; revoked when the vehicle stands",
                ),
            });
        }
        GarageCommand::Decommission { vehicle, reason } => {
            let vehicle = names::vehicle(client, &vehicle).await?;
            let done =
                client.post(&format!("/v1/vehicles/{vehicle}/decommission"), &json!({ "reason": reason })).await?;
            output::answer(session.format, &done, |_| output::line("decommissioned, and its identity is over"));
        }
    }
    Ok(())
}

/// Registers a vehicle by its profile.
pub async fn register(session: &Session, profile: &Path) -> Result<()> {
    let profile: Value = serde_json::from_slice(&read(profile)?).context("the profile is not JSON")?;
    let made = session.client.post("/v1/vehicles", &profile).await?;
    output::answer(session.format, &made, |made| {
        let text = |pointer| output::text(made, pointer);
        output::line(format!("vehicle {} ({})", text("/id"), text("/name")));
        output::line(format!("is {}", text("/spiffe_id")));
        output::line(format!("next: atlasmesh garage bootstrap {} --out {}.json", text("/name"), text("/name")));
    });
    Ok(())
}

async fn invite(session: &Session, vehicle: &str, minutes: u32) -> Result<Value> {
    let vehicle = names::vehicle(&session.client, vehicle).await?;
    let body = json!({ "valid_minutes": minutes });
    session.client.post(&format!("/v1/vehicles/{vehicle}/join-token"), &body).await
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.as_mut().map_err(|error| std::io::Error::new(error.kind(), error.to_string()));
    written.and_then(|file| file.write_all(bytes)).with_context(|| format!("{} cannot be written", path.display()))
}

fn show(identity: &Value) {
    let cell = |pointer| output::cell(identity, pointer);
    output::summary(&[
        ("IS", cell("/spiffe_id")),
        ("STATUS", cell("/status")),
        ("CONNECTED", cell("/connected")),
        ("REASON", cell("/reason")),
        ("EPOCH", cell("/epoch")),
        ("JOIN TOKEN UNTIL", cell("/join_token/expires_at")),
        ("USED AT", cell("/join_token/used_at")),
        ("ENROLLED AT", cell("/device/enrolled_at")),
        ("ENROLLED UNTIL", cell("/device/not_after")),
        ("KEY MADE BY", cell("/device/key_origin")),
    ]);
    for svid in identity["svids"].as_array().into_iter().flatten() {
        let text = |pointer| output::cell(svid, pointer);
        output::summary(&[("CERTIFICATE", format!("{}, until {}", text("/serial"), text("/not_after")))]);
    }
}
