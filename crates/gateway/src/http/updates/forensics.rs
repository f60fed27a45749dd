//! What a vehicle of an incident sends of itself: state, logs and metrics, signed with the key of its certificate (SEC-6).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::id::IncidentId;
use kernel::{Code, VehicleId};
use pki::statement::SignedStatement;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Vehicle, unauthenticated};
use crate::Gateway;
use crate::http::problem::Problem;

/// What the statement must say of itself.
#[derive(Deserialize)]
struct Collected {
    vehicle: VehicleId,
    incident: IncidentId,
    part: u32,
    parts: u32,
    standstill: bool,
}

/// `POST /v1/forensics/{incident}`
pub async fn receive(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(incident): Path<IncidentId>,
    Json(signed): Json<SignedStatement>,
) -> Result<Json<Value>, Problem> {
    let certificate = vehicle.certificate.as_deref().ok_or_else(unauthenticated)?;
    let refused = |text: String| Problem::new(Code::InvalidRequest, text);
    signed.verify(&certificate.public_key).map_err(|error| refused(error.to_string()))?;
    let collected: Collected = serde_json::from_str(&signed.statement).map_err(|error| refused(error.to_string()))?;
    if collected.vehicle != vehicle.id || collected.incident != incident {
        return Err(refused("the statement is about another vehicle or another incident".into()));
    }
    if !collected.standstill {
        return Err(refused("forensic data are taken where the vehicle stands".into()));
    }
    if !gateway.security.takes_from(&vehicle.tenant, vehicle.id, incident).await? {
        return Err(Problem::new(Code::NotFound, "no incident wants this vehicle's data"));
    }
    // Whoever reads it later checks it by the certificate of its key.
    let kept = json!({
        "certificate": STANDARD.encode(&certificate.der),
        "signature": signed.signature,
        "statement": signed.statement,
    });
    let ctx = gateway.vehicle_ctx(&vehicle).await?;
    let name = format!("vehicle-{}-of-{}", collected.part, collected.parts);
    gateway.security.keep_artefact(&ctx, incident, &name, kept.to_string(), collected.part == collected.parts).await?;
    Ok(Json(json!({})))
}
