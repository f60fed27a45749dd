//! Identities of vehicles: how one is given, looked at and taken away; and the keys behind all of them.

use std::sync::Arc;

use api_types::identities as api;
use api_types::{ReasonGiven, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use fleet::actions::MAY_READ_FLEET;
use identity::permissions::{MAY_ENROL_VEHICLE, MAY_REVOKE_IDENTITY};
use kernel::{Code, VehicleId};
use keys::{KeyId, KeyState, Purpose};
use serde_json::Value;

use super::auth::Caller;
use super::endpoint::{self, Access, Endpoint};
use super::extract::{Body, Id};
use super::problem::Problem;
use crate::Gateway;

/// How long a join token is good for where nobody says, in minutes.
const JOIN_TOKEN_MINUTES: u64 = 60;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Show a vehicle's identity",
        answer: endpoint::json::<api::Identity>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/vehicles/{vehicle}/identity", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Make a join token for a vehicle, answered once with the file to carry to it; the one before is worth nothing",
        body: endpoint::takes::<api::NewJoinToken>(),
        status: 201,
        answer: endpoint::json::<api::JoinTokenIssued>(),
        handle: |request, gateway| Handler::call(invite, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/join-token", MAY_ENROL_VEHICLE)
    },
    Endpoint {
        summary: "Make key and certificate for a vehicle that cannot make its own; answered once, good for a day",
        status: 201,
        answer: endpoint::json::<api::Credentials>(),
        handle: |request, gateway| Handler::call(make_credentials, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/credentials", MAY_ENROL_VEHICLE)
    },
    Endpoint {
        summary: "Take a vehicle's identity away: at once where it is parked, else as soon as it was stopped",
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<api::IdentityRevoked>(),
        handle: |request, gateway| Handler::call(revoke, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/identity/revoke", MAY_REVOKE_IDENTITY)
    },
    Endpoint {
        summary: "Take a vehicle out of the fleet for good; its identity ends",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::Identity>(),
        handle: |request, gateway| Handler::call(decommission, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/decommission", MAY_ENROL_VEHICLE)
    },
    Endpoint {
        summary: "The trust bundle of this installation (SPIFFE, a JWK Set)",
        answer: endpoint::json::<Value>(),
        handle: |request, gateway| Handler::call(bundle, request, gateway),
        ..endpoint::open("/v1/trust-bundle")
    },
    Endpoint {
        summary: "List the keys of the installation with their history, and who does not know yet what is in force",
        answer: endpoint::json::<api::Keys>(),
        handle: |request, gateway| Handler::call(list_keys, request, gateway),
        ..endpoint::endpoint("get", "/v1/keys", Access::Platform)
    },
    Endpoint {
        summary: "Prepare a key that is to follow the one that signs now: everybody learns of it first",
        body: endpoint::takes::<api::NewKey>(),
        status: 201,
        answer: endpoint::json::<api::Key>(),
        handle: |request, gateway| Handler::call(prepare_key, request, gateway),
        ..endpoint::endpoint("post", "/v1/keys", Access::Platform)
    },
    Endpoint {
        summary: "Take a key on in its life: active, retired, tainted, revoked",
        body: endpoint::takes::<api::KeyChange>(),
        answer: endpoint::json::<api::Key>(),
        handle: |request, gateway| Handler::call(change_key, request, gateway),
        ..endpoint::endpoint("post", "/v1/keys/{key}", Access::Platform)
    },
];

impl Gateway {
    async fn identity(&self, caller: &Caller, vehicle: VehicleId) -> Result<api::Identity, Problem> {
        let tenant = &caller.authenticated.tenant;
        let identity = self.identities.get(tenant, vehicle).await?;
        let identity = identity.ok_or_else(|| Problem::not_found("identity of vehicle", vehicle))?;
        Ok((identity, self.sessions.is_open(tenant, vehicle)).into())
    }
}

/// `GET /v1/vehicles/{vehicle}/identity`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(vehicle): Id<VehicleId>,
) -> Result<Json<api::Identity>, Problem> {
    gateway.known(&caller, vehicle).await?;
    Ok(Json(gateway.identity(&caller, vehicle).await?))
}

/// `POST /v1/vehicles/{vehicle}/join-token`
pub async fn invite(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(vehicle): Id<VehicleId>,
    body: Body<api::NewJoinToken>,
) -> Result<(StatusCode, Json<api::JoinTokenIssued>), Problem> {
    let known = gateway.known(&caller, vehicle).await?;
    let ctx = caller.ctx_at(known.vehicle.site);
    let minutes = body.value.valid_minutes.map_or(JOIN_TOKEN_MINUTES, |Within(minutes)| minutes);
    let valid_ms = i64::try_from(minutes * 60_000).unwrap_or(i64::MAX);
    let made = gateway.identities.invite(&ctx, vehicle, valid_ms).await?;
    let signing = gateway.identities.keyring().signing()?;
    let bootstrap = api::Bootstrap {
        vehicle,
        tenant: ctx.tenant.clone(),
        trust_domain: gateway.identities.keyring().trust_domain().to_string(),
        enrol: gateway.link.enrolment.clone(),
        link: gateway.link.address.clone(),
        updates: gateway.link.updates.clone(),
        update_root_key: gateway.ota.root_key_id(),
        device_authority_sha256: pki::certificate::fingerprint(signing.devices.certificate()),
        join_token: made.token.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(api::JoinTokenIssued { expires_at: made.expires_at, bootstrap })))
}

/// `POST /v1/vehicles/{vehicle}/credentials`
pub async fn make_credentials(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(vehicle): Id<VehicleId>,
) -> Result<(StatusCode, Json<api::Credentials>), Problem> {
    let known = gateway.known(&caller, vehicle).await?;
    let made = gateway.identities.make_credentials(&caller.ctx_at(known.vehicle.site), vehicle).await?;
    let signing = gateway.identities.keyring().signing()?;
    let made = api::Credentials {
        key_pem: made.key_pem.expose().to_owned(),
        certificate_pem: pki::certificate::pem(&made.certificate),
        device_authorities_pem: signing.device_authorities.iter().map(|der| pki::certificate::pem(der)).collect(),
        not_after: made.not_after,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// `POST /v1/vehicles/{vehicle}/identity/revoke`
pub async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(vehicle): Id<VehicleId>,
    body: Body<ReasonGiven>,
) -> Result<(StatusCode, Json<api::IdentityRevoked>), Problem> {
    let known = gateway.known(&caller, vehicle).await?;
    let ctx = caller.ctx_at(known.vehicle.site);
    let revocation = gateway.identities.revoke(&ctx, vehicle, &body.value.reason).await?;
    let revoked = api::IdentityRevoked::of(revocation, gateway.source.now());
    Ok((StatusCode::ACCEPTED, Json(revoked)))
}

/// `POST /v1/vehicles/{vehicle}/decommission`
pub async fn decommission(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(vehicle): Id<VehicleId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::Identity>, Problem> {
    let known = gateway.known(&caller, vehicle).await?;
    let ctx = caller.ctx_at(known.vehicle.site);
    gateway.fleet.decommission(&ctx, vehicle, &body.value.reason).await?;
    gateway.identities.retire(&ctx, vehicle, &body.value.reason).await?;
    Ok(Json(gateway.identity(&caller, vehicle).await?))
}

/// `GET /v1/trust-bundle`
pub async fn bundle(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, Problem> {
    Ok(Json(gateway.identities.keyring().signing()?.bundle.jwks()))
}

/// `GET /v1/keys`
pub async fn list_keys(State(gateway): State<Arc<Gateway>>, _: Caller) -> Result<Json<api::Keys>, Problem> {
    let register = gateway.identities.keyring().register().await?;
    Ok(Json(api::Keys {
        bundle_sequence: register.bundle_sequence,
        items: register.keys.into_iter().map(api::Key::from).collect(),
        behind: gateway.behind_the_bundle().into_iter().map(|(_, vehicle)| vehicle).collect(),
    }))
}

impl Gateway {
    async fn key(&self, key: &str) -> Result<api::Key, Problem> {
        let register = self.identities.keyring().register().await?;
        let known = register.key(key).cloned().ok_or_else(|| Problem::not_found("key", key))?;
        Ok(known.into())
    }

    /// Refuses a step that would leave vehicles outside, where nobody asked for that.
    async fn check_key_change(&self, key: &str, to: KeyState) -> Result<(), Problem> {
        let register = self.identities.keyring().register().await?;
        let purpose = register.key(key).map(|known| known.purpose);
        let behind = self.behind_the_bundle();
        if to == KeyState::Active && purpose != Some(Purpose::DeviceAuthority) && !behind.is_empty() {
            let text =
                format!("{} connected vehicles do not know this key yet: list the keys, or use force", behind.len());
            return Err(Problem::new(Code::IllegalTransition, text));
        }
        if to == KeyState::Revoked && purpose == Some(Purpose::CertificateAuthority) {
            let working = self.identities.working_by(key).await?;
            if working > 0 {
                let text = format!(
                    "{working} vehicles still work by a certificate that this key signed: wait until they have renewed, or use force"
                );
                return Err(Problem::new(Code::IllegalTransition, text));
            }
        }
        Ok(())
    }
}

/// `POST /v1/keys`
pub async fn prepare_key(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::NewKey>,
) -> Result<(StatusCode, Json<api::Key>), Problem> {
    let key = gateway.identities.keyring().prepare(&caller.ctx(), body.value.purpose.into()).await?;
    Ok((StatusCode::CREATED, Json(gateway.key(&key).await?)))
}

/// `POST /v1/keys/{key}`
pub async fn change_key(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(key): Id<KeyId>,
    body: Body<api::KeyChange>,
) -> Result<Json<api::Key>, Problem> {
    let (key, to) = (key.to_string(), KeyState::from(body.value.to));
    if !body.value.force {
        gateway.check_key_change(&key, to).await?;
    }
    gateway.identities.keyring().go_on(&caller.ctx(), &key, to, &body.value.reason).await?;
    Ok(Json(gateway.key(&key).await?))
}
