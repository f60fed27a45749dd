//! What our agent asks: it reports and is told what to do, has signatures verified, gets an address to download from, and asks
//! before it installs and before it switches (OTA-4 … OTA-7).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::id::IncidentId;
use kernel::{Code, Timestamp};
use ota::documents::Directed;
use ota::rollout::Truth;
use ota::update::{InstallationReport, Installed, Report, Status};
use ota::{Directive, Permission, VehicleState, Verification};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uptane::manifest::{SignedManifest, VehicleManifest};

use super::{Vehicle, document, no_document, unauthenticated};
use crate::Gateway;
use crate::http::problem::Problem;

/// The answer to a poll.
#[derive(Serialize)]
pub struct Polled {
    /// When to ask again, in seconds.
    sleep_s: u64,
    /// The server's time, for vehicles whose clock lost it.
    now: Timestamp,
    update: Option<Offered>,
    /// The incident for which the vehicle is to send its state, logs and metrics (SEC-6).
    forensics: Option<IncidentId>,
}

/// What the vehicle is to install.
#[derive(Serialize)]
pub struct Offered {
    number: u32,
    attempt: u32,
    release: String,
    /// What it changes, for whoever operates the vehicle.
    notes: String,
    estimated_s: u64,
    estimated_wh: f64,
    bandwidth_max: Option<u64>,
    director: Directed,
}

impl From<Directive> for Offered {
    fn from(directive: Directive) -> Self {
        let Directive { update, content, directed, bandwidth_max } = directive;
        Self {
            number: update.number,
            attempt: update.attempt,
            release: content.name,
            notes: content.notes,
            estimated_s: content.estimated_s,
            estimated_wh: content.estimated_wh,
            bandwidth_max,
            director: directed,
        }
    }
}

fn refused(text: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, text)
}

/// A report as the domain takes it.
fn report_of(vehicle: &Vehicle, manifest: VehicleManifest, kept: Value) -> Result<Report, Problem> {
    if manifest.vehicle != vehicle.id.to_string() {
        return Err(refused(format!("this is the report of {}", manifest.vehicle)));
    }
    let primary = manifest.ecu_version_manifests.get(&manifest.primary_ecu_serial);
    let ecu = primary.ok_or_else(|| refused("the report has nothing of its own computer"))?;
    let installed = Installed {
        release: ecu.release.clone(),
        release_counter: ecu.release_counter,
        sha256: ecu.installed_image.fileinfo.hashes.sha256.to_string(),
        hardware_id: ecu.hardware_id.clone(),
        ecu_serial: ecu.ecu_serial.clone(),
        slot: ecu.booted_slot.clone(),
        truth: Truth::Attested,
    };
    let installation = manifest.installation_report.as_ref().map(|told| {
        let number = told.update.parse().map_err(|_| refused("the report names no update by its number"))?;
        let status: Status = told.state.parse().map_err(|_| refused(format!("{} is no status", told.state)))?;
        let word = |text: &String| Some(text.chars().take(500).collect::<String>()).filter(|text| !text.is_empty());
        Ok::<_, Problem>(InstallationReport { number, status, code: word(&told.code), detail: word(&told.detail) })
    });
    let attack = manifest.ecu_version_manifests.values().map(|ecu| ecu.attacks_detected.as_str());
    Ok(Report {
        installed,
        report_counter: manifest.report_counter,
        attack: attack.filter(|attack| !attack.is_empty()).collect::<Vec<_>>().join(","),
        installation: installation.transpose()?,
        manifest: kept,
    })
}

/// The same with its members in the order in which the journal has them: rows are compared with it byte by byte.
fn sorted(value: &Value) -> Result<Value, Problem> {
    let bytes = uptane::canonical::canonical(value).map_err(|error| refused(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))
}

/// `POST /v1/poll`
pub async fn poll(State(gateway): State<Arc<Gateway>>, vehicle: Vehicle, body: Bytes) -> Result<Response, Problem> {
    let signed = SignedManifest::read(&body).map_err(|error| refused(error.to_string()))?;
    let certificate = vehicle.certificate.as_deref().ok_or_else(unauthenticated)?;
    let manifest = signed.verify(&certificate.public_key).map_err(|error| {
        metrics::counter!("atlasmesh_update_reports_refused_total").increment(1);
        tracing::warn!(tenant = %vehicle.tenant, vehicle = %vehicle.id, %error, "a report was refused");
        refused(error.to_string())
    })?;
    // Whoever reads the report later checks it by the certificate of its key.
    let kept = json!({
        "signed": signed.signed,
        "signatures": signed.signatures,
        "certificate": STANDARD.encode(&certificate.der),
    });
    let report = report_of(&vehicle, manifest, sorted(&kept)?)?;
    let ctx = gateway.vehicle_ctx(&vehicle).await?;
    gateway.ota.report(&ctx, vehicle.id, &report).await?;
    let update = gateway.ota.next(&vehicle.tenant, vehicle.id).await?.map(Offered::from);
    let forensics = gateway.security.wanted_of(&vehicle.tenant, vehicle.id).await?;
    let polled = Polled { sleep_s: gateway.ota.settings().poll_s, now: ctx.now, update, forensics };
    Ok(Json(polled).into_response())
}

/// An assignment that is to be verified.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToVerify {
    targets: String,
}

/// `POST /v1/updates/{number}/verify`
pub async fn verify(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(_): Path<u32>,
    Json(body): Json<ToVerify>,
) -> Result<Json<Verification>, Problem> {
    Ok(Json(gateway.ota.verify(&vehicle.tenant, vehicle.id, &body.targets).await?))
}

/// Where an image is, for a while and for one vehicle.
#[derive(Serialize)]
pub struct Address {
    path: String,
    chunks_path: String,
    sha256: String,
    length: u64,
    expires_at: Timestamp,
}

/// `POST /v1/updates/{number}/download`
pub async fn download(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(number): Path<u32>,
) -> Result<Json<Address>, Problem> {
    let over = || Problem::new(Code::IllegalTransition, format!("update {number} of this vehicle is not offered"));
    let directive = gateway.ota.next(&vehicle.tenant, vehicle.id).await?;
    let directive = directive.filter(|directive| directive.update.number == number).ok_or_else(over)?;
    let valid_ms = i64::try_from(gateway.ota.settings().address_valid_s * 1_000).unwrap_or(i64::MAX);
    let expires_at = gateway.source.now().plus_ms(valid_ms);
    let image = directive.content.image;
    let query = gateway.downloads.sign(&vehicle, &image.sha256, expires_at);
    Ok(Json(Address {
        path: format!("/v1/downloads/{}?{query}", image.sha256),
        chunks_path: format!("/v1/downloads/{}/chunks?{query}", image.sha256),
        sha256: image.sha256,
        length: image.length,
        expires_at,
    }))
}

#[derive(Serialize)]
pub struct Permitted {
    allowed: bool,
}

async fn permit(
    gateway: &Gateway,
    vehicle: &Vehicle,
    number: u32,
    step: Permission,
    state: &VehicleState,
) -> Result<Json<Permitted>, Problem> {
    let ctx = gateway.vehicle_ctx(vehicle).await?;
    gateway.ota.permit(&ctx, vehicle.id, number, step, state).await?;
    Ok(Json(Permitted { allowed: true }))
}

/// `POST /v1/updates/{number}/install`
pub async fn install(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(number): Path<u32>,
    Json(state): Json<VehicleState>,
) -> Result<Json<Permitted>, Problem> {
    permit(&gateway, &vehicle, number, Permission::Install, &state).await
}

/// `POST /v1/updates/{number}/switch`
pub async fn switch(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(number): Path<u32>,
    Json(state): Json<VehicleState>,
) -> Result<Json<Permitted>, Problem> {
    permit(&gateway, &vehicle, number, Permission::Switch, &state).await
}

/// `GET /v1/director/{version}.root.json`
pub async fn director_root(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(file): Path<String>,
) -> Result<Response, Problem> {
    let version = file.strip_suffix(".root.json").and_then(|version| version.parse().ok());
    let Some(version) = version else { return Ok(no_document()) };
    let root = gateway.ota.director_root(&vehicle.tenant, version).await?;
    Ok(root.map_or_else(no_document, document))
}

/// `GET /v1/images/{file}`
pub async fn image_document(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(file): Path<String>,
) -> Result<Response, Problem> {
    let found = gateway.ota.image_document(&vehicle.tenant, &file).await?;
    Ok(found.map_or_else(no_document, document))
}
