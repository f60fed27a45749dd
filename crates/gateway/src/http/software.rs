//! What a vehicle runs: its updates, their evidence, and the token of an update client of others.

use std::sync::Arc;

use api_types::updates as api;
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bundles::statement::pae;
use identity::permissions::MAY_ENROL_VEHICLE;
use kernel::{Aggregate, Subject, TenantId, VehicleId};
use keys::Signer;
use ota::VehicleUpdates;
use ota::actions::MAY_READ_UPDATES;
use serde_json::{Value, json};
use store::port::Fault;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Id, Ids};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "What a vehicle runs, by its own signed word, and its updates",
        answer: endpoint::json::<api::Software>(),
        handle: |request, gateway| Handler::call(software, request, gateway),
        ..endpoint::get("/v1/vehicles/{vehicle}/updates", MAY_READ_UPDATES)
    },
    Endpoint {
        summary: "The evidence of an update: a signed statement (in-toto, DSSE) with metadata, decisions, reports and proofs",
        answer: endpoint::json::<api::Envelope>(),
        handle: |request, gateway| Handler::call(evidence, request, gateway),
        ..endpoint::get("/v1/vehicles/{vehicle}/updates/{number}/evidence", MAY_READ_UPDATES)
    },
    Endpoint {
        summary: "The public key that evidence is signed with",
        answer: endpoint::json::<api::EvidenceKey>(),
        handle: |request, gateway| Handler::call(evidence_key, request, gateway),
        ..endpoint::open("/v1/evidence-key")
    },
    Endpoint {
        summary: "Make a token for an update client of others (hawkBit's DDI), answered once; the one before is worth nothing",
        status: 201,
        answer: endpoint::json::<api::UpdateToken>(),
        handle: |request, gateway| Handler::call(issue_token, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/update-token", MAY_ENROL_VEHICLE)
    },
];

/// The type of the payload of an envelope (in-toto attestation framework, v1).
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The type of the statement.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What the predicate of an update is called.
const PREDICATE_TYPE: &str = "urn:atlasmesh:vehicle-update:v1";
/// How many entries of a vehicle's timeline are looked at once.
const PAGE: usize = 500;

/// `GET /v1/vehicles/{vehicle}/updates`
pub async fn software(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(vehicle): Id<VehicleId>,
) -> Result<Json<api::Software>, Problem> {
    gateway.known(&caller, vehicle).await?;
    let known = gateway.ota.updates(&caller.authenticated.tenant, vehicle).await?.unwrap_or_default();
    Ok(Json(known.into()))
}

/// `POST /v1/vehicles/{vehicle}/update-token`
pub async fn issue_token(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(vehicle): Id<VehicleId>,
) -> Result<(StatusCode, Json<api::UpdateToken>), Problem> {
    let known = gateway.known(&caller, vehicle).await?;
    let ctx = caller.ctx_at(known.vehicle.site);
    let token = gateway.ota.issue_token(&ctx, vehicle).await?;
    let signing = gateway.identities.keyring().signing()?;
    let issued = api::UpdateToken {
        base_url: format!("https://{}", gateway.link.updates),
        controller: vehicle,
        tenant: ctx.tenant.to_string(),
        token: token.expose().to_owned(),
        authority_pem: signing.device_authorities.iter().map(|der| pki::certificate::pem(der)).collect(),
    };
    Ok((StatusCode::CREATED, Json(issued)))
}

impl Gateway {
    /// The entries of one update in the order in which they happened, each with its proof.
    async fn timeline(&self, tenant: &TenantId, vehicle: VehicleId, number: u32) -> Result<Vec<Value>, Problem> {
        let stream = Subject::new(VehicleUpdates::KIND, vehicle);
        // Places in the stream's chain, which has no gaps; not places in the log.
        let (mut behind, mut is_inside, mut found) = (0, false, Vec::new());
        loop {
            let page = self.store.timeline(tenant, &stream, behind, PAGE).await?;
            if page.is_empty() {
                return Ok(found);
            }
            behind += page.len() as u64;
            for entry in &page {
                let event = store::sequence::envelope(entry)?;
                let of = event.body.get("number").and_then(Value::as_u64);
                // From its first entry to that of the next update: decisions and reports between belong to it.
                match of {
                    Some(of) => is_inside = of == u64::from(number),
                    None if !is_inside => continue,
                    None => {}
                }
                if is_inside {
                    let receipt = self.receipt(tenant, event.id).await?;
                    found.push(serde_json::to_value(receipt).map_err(|_| Fault::Misuse("a proof cannot be written"))?);
                }
            }
        }
    }

    /// Signs a statement (DSSE v1).
    fn sealed(&self, statement: &Value) -> Result<api::Envelope, Problem> {
        let payload = serde_json::to_vec(statement).map_err(|_| Fault::Misuse("a statement cannot be written"))?;
        let unsignable = |source| Fault::Unavailable { what: "sign evidence", source: Box::new(source) };
        let sig = self.evidence_key.sign(&pae(PAYLOAD_TYPE, &payload)).map_err(unsignable)?;
        let keyid = self.evidence_key.key_id().to_string();
        Ok(api::Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: vec![api::EnvelopeSignature { keyid, sig: STANDARD.encode(sig) }],
        })
    }
}

/// `GET /v1/evidence-key`
pub async fn evidence_key(State(gateway): State<Arc<Gateway>>) -> Json<api::EvidenceKey> {
    let key = gateway.evidence_key.verifying_key();
    Json(api::EvidenceKey { keyid: key.id().to_string(), public_pem: key.to_pem() })
}

/// `GET /v1/vehicles/{vehicle}/updates/{number}/evidence`
pub async fn evidence(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(vehicle, number): Ids<VehicleId, u32>,
) -> Result<Json<api::Envelope>, Problem> {
    gateway.known(&caller, vehicle).await?;
    let tenant = &caller.authenticated.tenant;
    let evidence = gateway.ota.evidence(tenant, vehicle, number).await?;
    let evidence = evidence.ok_or_else(|| Problem::not_found("update", number))?;
    let statement = json!({
        "_type": STATEMENT_TYPE,
        "subject": [evidence.subject],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "tenant": tenant,
            "vehicle": vehicle,
            "update": evidence.update,
            "plan": evidence.plan,
            "cohort": evidence.cohort,
            "metadata": evidence.metadata,
            "timeline": gateway.timeline(tenant, vehicle, number).await?,
            "log": gateway.note_verifier(tenant).vkey(),
        },
    });
    Ok(Json(gateway.sealed(&statement)?))
}
