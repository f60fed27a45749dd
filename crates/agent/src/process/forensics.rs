//! What a vehicle of an incident tells of itself (SEC-6): its state, its metrics and the newest lines of its log, each part
//! signed with the key of its SVID. Only where it stands: whoever looks into a vehicle must not need it to drive.

use std::sync::Arc;

use kernel::VehicleId;
use kernel::id::IncidentId;
use serde_json::{Value, json};

use super::clock;
use super::diagnostics::sign;
use super::identity::Held;
use super::log_tail;
use super::update::World;
use super::update::client::{Client, ClientError};

/// Lines of the log in one part.
const LINES_PER_PART: usize = 200;

/// Who tells, and for which incident.
pub(super) struct Asked<'a> {
    pub vehicle: VehicleId,
    pub incident: IncidentId,
    pub boot_id: &'a str,
    /// What is installed where, as the slots have it.
    pub software: Value,
}

/// Sends everything; the last part says that it is whole.
pub(super) async fn send(
    client: &mut Client,
    held: &Arc<Held>,
    asked: &Asked<'_>,
    world: World,
) -> Result<(), ClientError> {
    let lines = log_tail::lines_of(&asked.vehicle.to_string());
    let logs = lines.chunks(LINES_PER_PART).map(|lines| json!({ "log": lines }));
    let contents: Vec<Value> = logs.chain([state(asked, world)]).collect();
    let parts = contents.len();
    for (n, content) in contents.into_iter().enumerate() {
        let statement = json!({
            "vehicle": asked.vehicle, "incident": asked.incident, "part": n + 1, "parts": parts,
            "at": clock::now(), "boot": asked.boot_id, "standstill": world.standstill && world.parking_brake,
            "content": content,
        });
        let signed = sign(statement.to_string(), held).map_err(ClientError::Answer)?;
        let path = format!("/v1/forensics/{}", asked.incident);
        client.post::<Value>(&path, &signed).await?;
    }
    tracing::info!(vehicle = %asked.vehicle, incident = %asked.incident, parts, "forensic data are sent");
    Ok(())
}

fn state(asked: &Asked<'_>, world: World) -> Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let metric = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok())
    };
    json!({
        "system": {
            "agent": env!("CARGO_PKG_VERSION"), "os": std::env::consts::OS, "architecture": std::env::consts::ARCH,
            "process": std::process::id(), "software": asked.software,
        },
        "state": {
            "standstill": world.standstill, "parking_brake": world.parking_brake, "occupied": world.occupied,
            "on_trip": world.on_trip, "grade_pct": world.grade_pct, "battery_pct": world.battery_pct,
        },
        "metrics": { "memory_kb": metric("VmRSS"), "threads": metric("Threads") },
    })
}
