//! Emission states of sites, and clearances of people and vehicles.

use std::sync::Arc;

use api_types::approvals::Approval;
use api_types::units as api;
use api_types::{List, Page, Within};
use approvals::NewApproval;
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use kernel::id::PrincipalId;
use kernel::{Role, SiteId, VehicleId};
use sectors::actions::{GRANT, MAY_ANSWER_FOR_SAFETY, MAY_READ_WORK, MAY_WORK, RELAX};
use sectors::clearance::{ClearanceGranted, Cleared};
use sectors::{Clearance, ClearanceId, emission};
use store::ListQuery;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Ids, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "The emission state of a site, or of all sites",
        query: endpoint::takes::<api::EmissionAsked>(),
        answer: endpoint::list::<api::EmissionView, String>(),
        handle: |request, gateway| Handler::call(emissions, request, gateway),
        ..endpoint::get("/v1/emission", MAY_READ_WORK)
    },
    Endpoint {
        summary: "Set the emission state of a site: tighter at once, looser where a second person agrees",
        body: endpoint::takes::<api::EmissionRequest>(),
        also: Some(202),
        answer: endpoint::json::<api::EmissionAnswer>(),
        counted: false,
        handle: |request, gateway| Handler::call(set_emission, request, gateway),
        ..endpoint::put("/v1/sites/{site}/emission", MAY_WORK)
    },
    Endpoint {
        summary: "List clearances, those that ended too",
        query: endpoint::takes::<Page<ClearanceId>>(),
        answer: endpoint::list::<api::ClearanceView, ClearanceId>(),
        handle: |request, gateway| Handler::call(clearances, request, gateway),
        ..endpoint::get("/v1/clearances", MAY_READ_WORK)
    },
    Endpoint {
        summary: "The clearance of a person or a vehicle",
        answer: endpoint::json::<api::ClearanceView>(),
        handle: |request, gateway| Handler::call(clearance, request, gateway),
        ..endpoint::get("/v1/clearances/{kind}/{id}", MAY_READ_WORK)
    },
    Endpoint {
        summary: "Clear a person or a vehicle up to a level, until a time",
        body: endpoint::takes::<api::ClearanceRequest>(),
        answer: endpoint::json::<api::ClearanceView>(),
        asks: Some(GRANT),
        handle: |request, gateway| Handler::call(grant, request, gateway),
        ..endpoint::put("/v1/clearances/{kind}/{id}", MAY_ANSWER_FOR_SAFETY)
    },
];

/// Clearances of one answer where the caller says nothing.
const CLEARANCES_DEFAULT: usize = 100;

/// `GET /v1/emission`
pub async fn emissions(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(asked): Parameters<api::EmissionAsked>,
) -> Result<Json<List<api::EmissionView>>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let sites: Vec<SiteId> = match asked.site {
        Some(site) => {
            gateway.known_site(&caller, &site).await?;
            vec![site]
        }
        None => gateway.fleet.sites(tenant, ListQuery::all()).await?.into_iter().map(|(id, _)| id).collect(),
    };
    let mut items = Vec::new();
    for site in sites {
        let known = gateway.work.emissions(tenant, &site).await?;
        items.push(api::EmissionView::of(site, known));
    }
    Ok(Json(List { items, next: None }))
}

/// `PUT /v1/sites/{site}/emission`
pub async fn set_emission(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    body: Body<api::EmissionRequest>,
) -> Result<(StatusCode, Json<api::EmissionAnswer>), Problem> {
    let api::EmissionRequest { state, reason } = body.value;
    let ctx = caller.ctx_at(site.clone());
    if let Some(from) = gateway.work.is_looser(&ctx, &site, state).await? {
        let asked = NewApproval {
            command: RELAX.as_str(),
            subject: emission::subject(&site),
            summary: format!("Relax the emissions of {site} from {} to {}", from.as_str(), state.as_str()),
            reason: reason.0,
            arguments: serde_json::json!({ "from": from, "to": state }),
            deciding_roles: [Role::Administrator, Role::SafetyOfficer].into(),
        };
        let (id, approval) = gateway.approvals.ask(&ctx, asked).await?;
        let approval = Approval::of(id, approval, &ctx.actor, ctx.now);
        return Ok((StatusCode::ACCEPTED, Json(api::EmissionAnswer::Asked(Box::new(approval)))));
    }
    gateway.work.tighten(&ctx, &site, state, &reason).await?;
    let known = gateway.work.emissions(&ctx.tenant, &site).await?;
    Ok((StatusCode::OK, Json(api::EmissionAnswer::Now(api::EmissionView::of(site, known)))))
}

/// `GET /v1/clearances`
pub async fn clearances(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page<ClearanceId>>,
) -> Result<Json<List<api::ClearanceView, ClearanceId>>, Problem> {
    let ctx = caller.ctx();
    let limit = page.limit.map_or(CLEARANCES_DEFAULT, Within::as_usize);
    let found = gateway.work.page::<Clearance>(&ctx.tenant, page.after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|(id, _)| *id);
    let items = found.into_iter().map(|(_, known)| api::ClearanceView::of(known, ctx.now)).collect();
    Ok(Json(List { items, next }))
}

impl Gateway {
    /// The id of somebody who can be cleared and is known to the tenant.
    async fn cleared(&self, caller: &Caller, kind: Cleared, id: &str) -> Result<(), Problem> {
        let unknown = || Problem::not_found(kind.as_str(), id);
        let tenant = &caller.authenticated.tenant;
        let is_known = match kind {
            Cleared::Vehicle => {
                let id: VehicleId = id.parse().map_err(|_| unknown())?;
                self.fleet.vehicle(tenant, id).await?.is_some()
            }
            Cleared::Principal => {
                let id: PrincipalId = id.parse().map_err(|_| unknown())?;
                self.tenancy.principal(tenant, id).await?.is_some() || self.people.user(tenant, id).await?.is_some()
            }
        };
        if is_known { Ok(()) } else { Err(unknown()) }
    }

    async fn shown_clearance(
        &self,
        caller: &Caller,
        kind: Cleared,
        id: &str,
    ) -> Result<Json<api::ClearanceView>, Problem> {
        let ctx = caller.ctx();
        let known = self.work.clearance(&ctx.tenant, kind, id).await?;
        let known = known.ok_or_else(|| Problem::not_found("clearance", id))?;
        Ok(Json(api::ClearanceView::of(known, ctx.now)))
    }
}

/// `GET /v1/clearances/{kind}/{id}`
pub async fn clearance(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(kind, id): Ids<Cleared, String>,
) -> Result<Json<api::ClearanceView>, Problem> {
    gateway.shown_clearance(&caller, kind, &id).await
}

/// `PUT /v1/clearances/{kind}/{id}`
pub async fn grant(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(kind, id): Ids<Cleared, String>,
    body: Body<api::ClearanceRequest>,
) -> Result<Json<api::ClearanceView>, Problem> {
    gateway.cleared(&caller, kind, &id).await?;
    let ctx = caller.ctx();
    let api::ClearanceRequest { level, until, reason } = body.value;
    let (by, reason) = (ctx.actor.id.clone(), reason.0);
    gateway.work.grant(&ctx, &ClearanceGranted { kind, id: id.clone(), level, until, by, reason }).await?;
    gateway.shown_clearance(&caller, kind, &id).await
}
