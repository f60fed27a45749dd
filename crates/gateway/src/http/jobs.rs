//! Jobs of a yard: asked for, released at the gate, called off. They begin and end by their trips.

use std::sync::Arc;

use api_types::blasts as api;
use api_types::places::OfSite;
use api_types::{List, ReasonGiven, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use sectors::actions::{MAY_READ_WORK, MAY_WORK, RELEASE_JOB};
use sectors::job::events::JobAsked;
use sectors::{Job, JobId};

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "List jobs of a site, or of all sites, the newest first",
        query: endpoint::takes::<OfSite<JobId>>(),
        answer: endpoint::list::<api::JobView, JobId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/jobs", MAY_READ_WORK)
    },
    Endpoint {
        summary: "Show a job: its trip, and what speaks against setting it down",
        answer: endpoint::json::<api::JobView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/jobs/{job}", MAY_READ_WORK)
    },
    Endpoint {
        summary: "Ask for a container to be moved",
        body: endpoint::takes::<api::JobRequest>(),
        status: 201,
        answer: endpoint::json::<api::JobView>(),
        handle: |request, gateway| Handler::call(ask, request, gateway),
        ..endpoint::post("/v1/jobs", MAY_WORK)
    },
    Endpoint {
        summary: "Let a job go at the gate, under a seal",
        body: endpoint::takes::<api::JobReleaseRequest>(),
        answer: endpoint::json::<api::JobView>(),
        asks: Some(RELEASE_JOB),
        handle: |request, gateway| Handler::call(release, request, gateway),
        ..endpoint::post("/v1/jobs/{job}/release", MAY_WORK)
    },
    Endpoint {
        summary: "Call a job off, as long as no trip moves it",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::JobView>(),
        handle: |request, gateway| Handler::call(cancel, request, gateway),
        ..endpoint::post("/v1/jobs/{job}/cancel", MAY_WORK)
    },
];

/// Jobs of one answer where the caller says nothing.
const JOBS_DEFAULT: usize = 50;

impl Gateway {
    async fn job(&self, caller: &Caller, id: JobId) -> Result<Job, Problem> {
        let known = self.work.one::<Job>(&caller.authenticated.tenant, &id).await?;
        known.ok_or_else(|| Problem::not_found("job", id))
    }

    async fn job_view(&self, caller: &Caller, id: JobId, job: Job) -> Result<api::JobView, Problem> {
        let conflicts = self.work.conflicts(&caller.authenticated.tenant, id, &job).await?;
        Ok(api::JobView::of(id, job, conflicts))
    }

    async fn shown_job(&self, caller: &Caller, id: JobId) -> Result<Json<api::JobView>, Problem> {
        let job = self.job(caller, id).await?;
        Ok(Json(self.job_view(caller, id, job).await?))
    }
}

/// `GET /v1/jobs`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(asked): Parameters<OfSite<JobId>>,
) -> Result<Json<List<api::JobView, JobId>>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let limit = asked.limit.map_or(JOBS_DEFAULT, Within::as_usize);
    let found = gateway.work.jobs(tenant, asked.site.as_ref(), asked.after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|(id, _)| *id);
    let mut items = Vec::new();
    for (id, job) in found {
        items.push(gateway.job_view(&caller, id, job).await?);
    }
    Ok(Json(List { items, next }))
}

/// `GET /v1/jobs/{job}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<JobId>,
) -> Result<Json<api::JobView>, Problem> {
    gateway.shown_job(&caller, id).await
}

/// `POST /v1/jobs`
pub async fn ask(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::JobRequest>,
) -> Result<(StatusCode, Json<api::JobView>), Problem> {
    let api::JobRequest { site, container, from, to, hazards, mass_kg } = body.value;
    let ctx = caller.ctx_at(site.clone());
    let (container, hazards, by) = (container.0, hazards.unwrap_or_default(), ctx.actor.id.clone());
    let id = gateway.work.ask_job(&ctx, &JobAsked { site, container, from, to, hazards, mass_kg, by }).await?;
    Ok((StatusCode::CREATED, gateway.shown_job(&caller, id).await?))
}

/// `POST /v1/jobs/{job}/release`
pub async fn release(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<JobId>,
    body: Body<api::JobReleaseRequest>,
) -> Result<Json<api::JobView>, Problem> {
    let ctx = caller.ctx_at(gateway.job(&caller, id).await?.site);
    gateway.work.release_job(&ctx, id, &body.value.seal, &body.value.reason).await?;
    gateway.shown_job(&caller, id).await
}

/// `POST /v1/jobs/{job}/cancel`
pub async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<JobId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::JobView>, Problem> {
    let ctx = caller.ctx_at(gateway.job(&caller, id).await?.site);
    gateway.work.cancel_job(&ctx, id, &body.value.reason).await?;
    gateway.shown_job(&caller, id).await
}
