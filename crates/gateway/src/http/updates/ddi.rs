//! Update clients of others: Eclipse hawkBit's Direct Device Integration API v1, over the same assignments as our agent's.
//! Such a client signs nothing: its "done" is a claim, and what counts is the version that it names after its boot.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use interop::ddi::cancel::Cancel;
use interop::ddi::config_data::ConfigData;
use interop::ddi::deployment::{Artifact, Chunk, Deployment, Handling, Metadata, Window};
use interop::ddi::feedback::{CancelMeaning, Feedback, Meaning};
use interop::ddi::poll::{DeploymentLink, Poll};
use interop::ddi::{BodyError, action_id};
use kernel::{Code, TenantId, VehicleId};
use ota::rollout::Truth;
use ota::update::{InstallationReport, Installed, Status};
use ota::{Directive, VehicleUpdates};
use serde_json::Value;

use super::Vehicle;
use crate::Gateway;
use crate::http::problem::Problem;

/// The shortest sleep between two polls, in seconds.
const SHORTEST_SLEEP_S: u32 = 1;
/// The attribute that names the version that a client runs; the second where the first is missing.
const VERSION_ATTRIBUTES: [&str; 2] = ["sw_version", "version"];
/// The attribute that names the hardware.
const HARDWARE_ATTRIBUTES: [&str; 3] = ["hw_revision", "hardware_id", "hwRevision"];

/// The most characters that are kept of what a client says of an update.
const DETAIL_CHARACTERS: usize = 500;

/// A client with its token, on the addresses of its own vehicle.
pub struct Client {
    vehicle: Vehicle,
    /// Where its addresses begin.
    base: String,
    /// The rest of the address: an action, a module, a file.
    rest: Vec<String>,
}

impl FromRequestParts<Arc<Gateway>> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let nowhere = || Problem::new(Code::NotFound, "the address names nothing");
        let Path(all) =
            Path::<Vec<(String, String)>>::from_request_parts(parts, gateway).await.map_err(|_| nowhere())?;
        let mut values = all.into_iter().map(|(_, value)| value);
        let tenant: TenantId = values.next().and_then(|text| text.to_lowercase().parse().ok()).ok_or_else(nowhere)?;
        let id: VehicleId = values.next().and_then(|text| text.parse().ok()).ok_or_else(nowhere)?;
        let vehicle = gateway.vehicle_by_token(id, &tenant, parts).await?;
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.unwrap_or(&gateway.link.updates);
        let base = format!("https://{host}/{tenant}/controller/v1/{id}");
        Ok(Self { vehicle, base, rest: values.collect() })
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLarge(_) => Code::PayloadTooLarge,
            _ => Code::InvalidRequest,
        };
        Problem::new(code, error.to_string())
    }
}

fn hal(body: Value) -> Response {
    ([(header::CONTENT_TYPE, interop::ddi::CONTENT_TYPE)], Json(body).into_response().into_body()).into_response()
}

fn number_of(update: &ota::Update) -> i32 {
    i32::try_from(update.number).unwrap_or(i32::MAX)
}

fn deployment_of(client: &Client, directive: &Directive, history: bool) -> Deployment {
    let (image, content) = (&directive.content.image, &directive.content);
    let url = format!("{}/softwaremodules/{}/artifacts/{}", client.base, number_of(&directive.update), content.file);
    let artifact = Artifact {
        filename: content.file.clone(),
        sha1: image.sha1.clone(),
        md5: image.md5.clone(),
        sha256: image.sha256.clone(),
        size: image.length,
        urls: vec![url],
    };
    let metadata = vec![
        Metadata { key: "plan.sha256".into(), value: directive.update.plan_digest.clone() },
        Metadata { key: "release.counter".into(), value: content.counter.to_string() },
    ];
    let chunk = Chunk {
        part: "os".into(),
        version: content.name.clone(),
        name: content.name.clone(),
        encrypted: false,
        artifacts: vec![artifact],
        metadata,
    };
    Deployment {
        id: number_of(&directive.update),
        download: Handling::Forced,
        update: Handling::Forced,
        window: Some(Window::Available).filter(|_| history),
        chunks: vec![chunk],
        history: None,
    }
}

impl Gateway {
    async fn updates_of(&self, client: &Client) -> Result<VehicleUpdates, Problem> {
        Ok(self.ota.updates(&client.vehicle.tenant, client.vehicle.id).await?.unwrap_or_default())
    }

    async fn directive(&self, client: &Client) -> Result<Option<Directive>, Problem> {
        Ok(self.ota.next(&client.vehicle.tenant, client.vehicle.id).await?)
    }

    async fn claims(&self, client: &Client, told: &InstallationReport) -> Result<(), Problem> {
        let ctx = self.vehicle_ctx(&client.vehicle).await?;
        Ok(self.ota.claim(&ctx, client.vehicle.id, told).await?)
    }
}

/// The update that the address names.
fn number(client: &Client) -> Result<u32, Problem> {
    let action = client.rest.first().and_then(|text| action_id(text));
    let none = || Problem::new(Code::NotFound, "there is no such action");
    action.and_then(|action| u32::try_from(action).ok()).ok_or_else(none)
}

/// hawkBit answers 410 for an action that is over, which makes clients stop.
fn gone() -> Response {
    (StatusCode::GONE, Problem::new(Code::IllegalTransition, "this action is over").into_response().into_body())
        .into_response()
}

/// The update that was cancelled last, which the client may still be working on.
fn cancelled(known: &VehicleUpdates) -> Option<i32> {
    let last = known.history.last().filter(|_| known.current.is_none())?;
    (last.status == Status::Cancelled && last.code.as_deref() == Some("CANCELLED")).then(|| number_of(last))
}

/// `GET /{tenant}/controller/v1/{controller}`
pub async fn poll(State(gateway): State<Arc<Gateway>>, client: Client) -> Result<Response, Problem> {
    let directive = gateway.directive(&client).await?;
    let known = gateway.updates_of(&client).await?;
    // A client that has said that it is done is told nothing until it names its version.
    let open = directive.filter(|directive| directive.update.status < Status::Claimed);
    let deployment = open.map(|directive| {
        let deployment = deployment_of(&client, &directive, false);
        DeploymentLink { action: deployment.id, c: deployment.revision() }
    });
    let cancel = cancelled(&known).filter(|_| deployment.is_none());
    let poll = Poll {
        sleep_s: u32::try_from(gateway.ota.settings().poll_s).unwrap_or(300),
        shortest_s: SHORTEST_SLEEP_S,
        base: &client.base,
        // Asked for whenever there is nothing else to do: it is how such a client proves what it runs. Beside a deployment
        // SWUpdate would do nothing but answer it, for ever.
        config_data: deployment.is_none() && cancel.is_none(),
        cancel,
        deployment,
        installed: None,
    };
    Ok(hal(poll.json()))
}

/// `PUT …/configData`
pub async fn config_data(
    State(gateway): State<Arc<Gateway>>,
    client: Client,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let told = ConfigData::read(&body)?;
    let known = gateway.updates_of(&client).await?.installed;
    let attribute = |names: &[&str]| names.iter().find_map(|name| told.data.get(*name)).cloned();
    let release = attribute(&VERSION_ATTRIBUTES).or_else(|| known.as_ref().map(|known| known.release.clone()));
    let hardware = attribute(&HARDWARE_ATTRIBUTES).or_else(|| known.as_ref().map(|known| known.hardware_id.clone()));
    let (Some(release), Some(hardware_id)) = (release, hardware) else { return Ok(StatusCode::OK) };
    let repository = gateway.ota.repository(&client.vehicle.tenant).await?;
    let content = repository.named(&release).map(|(_, release)| &release.content);
    let installed = Installed {
        release_counter: content.map_or(0, |content| content.counter),
        sha256: content.map_or_else(String::new, |content| content.image.sha256.clone()),
        release,
        hardware_id,
        ecu_serial: client.vehicle.id.to_string(),
        slot: String::new(),
        truth: Truth::Reported,
    };
    let ctx = gateway.vehicle_ctx(&client.vehicle).await?;
    gateway.ota.report_version(&ctx, client.vehicle.id, &installed).await?;
    Ok(StatusCode::OK)
}

/// `GET …/deploymentBase/{action}`
pub async fn deployment(State(gateway): State<Arc<Gateway>>, client: Client) -> Result<Response, Problem> {
    let number = number(&client)?;
    let none = || Problem::new(Code::NotFound, "there is no such action");
    let directive = gateway.directive(&client).await?;
    let directive = directive.filter(|directive| directive.update.number == number).ok_or_else(none)?;
    let told = InstallationReport { number, status: Status::Retrieved, code: None, detail: None };
    gateway.claims(&client, &told).await?;
    Ok(hal(deployment_of(&client, &directive, true).json()))
}

/// What is kept of a client's messages: their end, where the reason of a failure is. The last one of SWUpdate's alone says no
/// more than that there was one.
fn end_of(messages: &[String]) -> Option<String> {
    let text = messages.join("; ");
    let before = text.chars().count().saturating_sub(DETAIL_CHARACTERS);
    Some(text.chars().skip(before).collect::<String>()).filter(|text| !text.is_empty())
}

/// `POST …/deploymentBase/{action}/feedback`
pub async fn feedback(State(gateway): State<Arc<Gateway>>, client: Client, body: Bytes) -> Result<Response, Problem> {
    let number = number(&client)?;
    let feedback = Feedback::read(&body)?;
    let current = gateway.updates_of(&client).await?.current.filter(|update| update.number == number);
    let Some(current) = current else { return Ok(gone()) };
    let detail = end_of(&feedback.details);
    let (status, code) = match feedback.means() {
        Meaning::Downloading => (Status::Downloading, None),
        Meaning::Downloaded => (Status::Downloaded, None),
        // SWUpdate says so before it has asked for the image. Until it has all of it, it can still be called back.
        Meaning::Installing if current.status < Status::Downloaded => (Status::Downloading, None),
        Meaning::Installing => (Status::Installing, None),
        Meaning::Claimed => (Status::Claimed, None),
        Meaning::Rejected | Meaning::Canceled => (Status::Rejected, Some("REJECTED".to_owned())),
        Meaning::Failed => (Status::Failed, Some("CLIENT_FAILED".to_owned())),
    };
    gateway.claims(&client, &InstallationReport { number, status, code, detail }).await?;
    Ok(StatusCode::OK.into_response())
}

/// `GET …/cancelAction/{action}`
pub async fn cancel(State(gateway): State<Arc<Gateway>>, client: Client) -> Result<Response, Problem> {
    let number = number(&client)?;
    let known = gateway.updates_of(&client).await?;
    let action = cancelled(&known).filter(|action| u32::try_from(*action) == Ok(number));
    let action = action.ok_or_else(|| Problem::new(Code::NotFound, "nothing of this is cancelled"))?;
    Ok(hal(Cancel::of(action).json()))
}

/// `POST …/cancelAction/{action}/feedback`
pub async fn cancel_feedback(
    State(gateway): State<Arc<Gateway>>,
    client: Client,
    body: Bytes,
) -> Result<Response, Problem> {
    let number = number(&client)?;
    let feedback = Feedback::read(&body)?;
    let known = gateway.updates_of(&client).await?;
    if known.history.iter().all(|update| update.number != number) {
        return Ok((StatusCode::METHOD_NOT_ALLOWED, "").into_response());
    }
    if feedback.answers_cancel() != CancelMeaning::Open {
        let ctx = gateway.vehicle_ctx(&client.vehicle).await?;
        gateway.ota.cancel_answered(&ctx, client.vehicle.id, number).await?;
    }
    Ok(StatusCode::OK.into_response())
}

/// `GET …/softwaremodules/{module}/artifacts/{file}`, and its MD5 where the name ends so.
pub async fn artifact(
    State(gateway): State<Arc<Gateway>>,
    client: Client,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let none = || Problem::new(Code::NotFound, "there is no such image");
    let number = number(&client).map_err(|_| none())?;
    let file = client.rest.get(1).cloned().unwrap_or_default();
    let known = gateway.updates_of(&client).await?;
    // The module is the update: an image is given while its update is under way.
    let update = known.current.filter(|update| update.number == number).ok_or_else(none)?;
    let repository = gateway.ota.repository(&client.vehicle.tenant).await?;
    let content = repository.releases.get(&update.release).map(|release| &release.content).ok_or_else(none)?;
    if file.strip_suffix(".MD5SUM") == Some(content.file.as_str()) {
        return Ok(format!("{}  {}\n", content.image.md5, content.file).into_response());
    }
    if file != content.file {
        return Err(none());
    }
    let response = gateway.image_response(&client.vehicle.tenant, &content.image.sha256, &method, &headers).await?;
    match method == Method::GET && reaches_the_end(&response, content.image.length) {
        true => Ok(noting_the_end(gateway, client, number, response)),
        false => Ok(response),
    }
}

/// Whether an answer has the last byte of an image.
fn reaches_the_end(response: &Response, length: u64) -> bool {
    match response.headers().get(header::CONTENT_RANGE) {
        Some(range) => {
            let end = format!("-{}/{length}", length.saturating_sub(1));
            response.status() == StatusCode::PARTIAL_CONTENT && range.to_str().is_ok_and(|range| range.ends_with(&end))
        }
        None => response.status() == StatusCode::OK,
    }
}

/// The same answer; when the last of it is given out, the image counts as downloaded.
fn noting_the_end(gateway: Arc<Gateway>, client: Client, number: u32, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let (left, client): (u64, _) = (length.unwrap_or(u64::MAX), Arc::new(client));
    let blocks = stream::try_unfold((body.into_data_stream(), left), move |(mut blocks, left)| {
        let (gateway, client) = (Arc::clone(&gateway), Arc::clone(&client));
        async move {
            let Some(block) = blocks.next().await.transpose()? else { return Ok::<_, axum::Error>(None) };
            let left = left.saturating_sub(block.len() as u64);
            let told = InstallationReport { number, status: Status::Downloaded, code: None, detail: None };
            if left == 0 && gateway.claims(&client, &told).await.is_err() {
                tracing::debug!(vehicle = %client.vehicle.id, update = number, "the end of a download was not noted");
            }
            Ok(Some((block, (blocks, left))))
        }
    });
    Response::from_parts(parts, Body::from_stream(blocks))
}
