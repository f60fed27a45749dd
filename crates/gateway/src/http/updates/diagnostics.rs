//! What vehicles say of their components (PDM-1), and their signed word that they stand (PDM-8).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Code;
use kernel::id::HoldId;
use pki::statement::SignedStatement;
use prognostics::messages::{Ack, Batch, Standstill};
use serde_json::{Value, json};

use super::{Vehicle, unauthenticated};
use crate::Gateway;
use crate::http::problem::Problem;

/// `POST /v1/diagnostics`
pub async fn receive(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Json(batch): Json<Batch>,
) -> Result<Json<Ack>, Problem> {
    Ok(Json(gateway.maintenance.receive(&vehicle.tenant, vehicle.id, &batch).await?))
}

/// `POST /v1/groundings/{hold}`
pub async fn confirm(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(hold): Path<HoldId>,
    Json(signed): Json<SignedStatement>,
) -> Result<Json<Value>, Problem> {
    let certificate = vehicle.certificate.as_deref().ok_or_else(unauthenticated)?;
    let refused = |text: String| Problem::new(Code::InvalidRequest, text);
    signed.verify(&certificate.public_key).map_err(|error| {
        metrics::counter!("atlasmesh_standstills_refused_total").increment(1);
        tracing::warn!(tenant = %vehicle.tenant, vehicle = %vehicle.id, %error, "a confirmation was refused");
        refused(error.to_string())
    })?;
    let standstill: Standstill = serde_json::from_str(&signed.statement).map_err(|error| refused(error.to_string()))?;
    if standstill.vehicle != vehicle.id || standstill.hold != hold {
        return Err(refused("the statement is about another vehicle or another hold".into()));
    }
    if !(standstill.standstill && standstill.parking_brake && standstill.maintenance_mode) {
        return Err(refused("the vehicle does not say that it stands with its parking brake set".into()));
    }
    let kept = json!({
        "certificate": STANDARD.encode(&certificate.der),
        "signature": signed.signature,
        "statement": signed.statement,
    });
    let ctx = gateway.vehicle_ctx(&vehicle).await?;
    gateway.maintenance.confirm_grounding(&ctx, vehicle.id, hold, standstill.at, kept).await?;
    Ok(Json(json!({})))
}
