//! Rollouts, and what vehicles run because of them.

use std::sync::Arc;

use api_types::approvals::Approval;
use api_types::updates as api;
use api_types::{List, Named, ReasonGiven, Within};
use approvals::NewApproval;
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use kernel::{Code, Role, Subject};
use ota::actions::{
    ADVANCE_ROLLOUT, MAY_PLAN_ROLLOUT, MAY_READ_UPDATES, MAY_RUN_ROLLOUT, MAY_STOP_ROLLOUT, RESUME_ROLLOUT,
    REVERT_ROLLOUT, START_ROLLOUT,
};
use ota::rollout::Status;
use ota::rollout::decide::PERSON;
use ota::{Rollout, RolloutId};

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// Rollouts of one answer where the caller says nothing.
const ROLLOUTS_DEFAULT: usize = 100;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Plan a rollout of a release; nobody gets anything yet",
        body: endpoint::takes::<api::RolloutRequest>(),
        status: 201,
        answer: endpoint::json::<Named<RolloutId>>(),
        handle: |request, gateway| Handler::call(plan, request, gateway),
        ..endpoint::post("/v1/rollouts", MAY_PLAN_ROLLOUT)
    },
    Endpoint {
        summary: "List rollouts, the newest first",
        query: endpoint::takes::<api::RolloutPage>(),
        answer: endpoint::list::<api::RolloutView, RolloutId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/rollouts", MAY_READ_UPDATES)
    },
    Endpoint {
        summary: "Show a rollout: its stages, what vehicles have proven, and why it holds",
        answer: endpoint::json::<api::RolloutView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/rollouts/{rollout}", MAY_READ_UPDATES)
    },
    Endpoint {
        summary: "Who gets the release, in which stage, and who does not and why",
        answer: endpoint::json::<api::RolloutPreview>(),
        handle: |request, gateway| Handler::call(preview, request, gateway),
        ..endpoint::get("/v1/rollouts/{rollout}/preview", MAY_READ_UPDATES)
    },
    Endpoint {
        summary: "Start a rollout: its first stage opens",
        answer: endpoint::json::<api::RolloutView>(),
        asks: Some(START_ROLLOUT),
        handle: |request, gateway| Handler::call(start, request, gateway),
        ..endpoint::post("/v1/rollouts/{rollout}/start", MAY_RUN_ROLLOUT)
    },
    Endpoint {
        summary: "Open the next stage by a person's word; after the last one the rollout is complete",
        answer: endpoint::json::<api::RolloutView>(),
        asks: Some(ADVANCE_ROLLOUT),
        handle: |request, gateway| Handler::call(advance, request, gateway),
        ..endpoint::post("/v1/rollouts/{rollout}/advance", MAY_RUN_ROLLOUT)
    },
    Endpoint {
        summary: "Pause a rollout: nobody is offered it any more",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::RolloutView>(),
        handle: |request, gateway| Handler::call(pause, request, gateway),
        ..endpoint::post("/v1/rollouts/{rollout}/pause", MAY_STOP_ROLLOUT)
    },
    Endpoint {
        summary: "Ask that a paused rollout go on: a second person decides",
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<Approval>(),
        handle: |request, gateway| Handler::call(ask_resume, request, gateway),
        ..endpoint::post("/v1/rollouts/{rollout}/resume", MAY_RUN_ROLLOUT)
    },
    Endpoint {
        summary: "End a rollout for good",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::RolloutView>(),
        handle: |request, gateway| Handler::call(abort, request, gateway),
        ..endpoint::post("/v1/rollouts/{rollout}/abort", MAY_STOP_ROLLOUT)
    },
    Endpoint {
        summary: "Take a release back: a rollout of the release that it reverts to starts for the vehicles that run it",
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<api::Reverted>(),
        asks: Some(REVERT_ROLLOUT),
        handle: |request, gateway| Handler::call(revert, request, gateway),
        ..endpoint::post("/v1/rollouts/{rollout}/revert", MAY_RUN_ROLLOUT)
    },
];

impl Gateway {
    pub(super) async fn rollout(&self, caller: &Caller, id: RolloutId) -> Result<Rollout, Problem> {
        let rollout = self.ota.rollout(&caller.authenticated.tenant, id).await?;
        rollout.ok_or_else(|| Problem::not_found("rollout", id))
    }

    async fn shown(&self, caller: &Caller, id: RolloutId) -> Result<Json<api::RolloutView>, Problem> {
        let rollout = self.rollout(caller, id).await?;
        let funnel = self.ota.funnel(&caller.authenticated.tenant, id).await?;
        Ok(Json((id, rollout, Some(funnel)).into()))
    }
}

/// `POST /v1/rollouts`
pub async fn plan(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::RolloutRequest>,
) -> Result<(StatusCode, Json<Named<RolloutId>>), Problem> {
    let id = gateway.ota.plan(&caller.ctx(), body.value.into()).await?;
    Ok((StatusCode::CREATED, Json(Named { id })))
}

/// `GET /v1/rollouts`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<api::RolloutPage>,
) -> Result<Json<List<api::RolloutView, RolloutId>>, Problem> {
    let limit = page.limit.map_or(ROLLOUTS_DEFAULT, Within::as_usize);
    let found = gateway.ota.rollouts(&caller.authenticated.tenant, page.after, limit).await?;
    let found = found.into_iter().map(|(id, rollout)| (id, rollout, None)).collect();
    Ok(Json(List::page(found, limit, |(id, _, _)| *id)))
}

/// `GET /v1/rollouts/{rollout}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<RolloutId>,
) -> Result<Json<api::RolloutView>, Problem> {
    gateway.shown(&caller, id).await
}

/// `GET /v1/rollouts/{rollout}/preview`
pub async fn preview(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<RolloutId>,
) -> Result<Json<api::RolloutPreview>, Problem> {
    Ok(Json(gateway.ota.preview(&caller.ctx(), id).await?.into()))
}

/// `POST /v1/rollouts/{rollout}/start`
pub async fn start(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<RolloutId>,
) -> Result<Json<api::RolloutView>, Problem> {
    gateway.ota.start_rollout(&caller.ctx(), id).await?;
    gateway.shown(&caller, id).await
}

/// `POST /v1/rollouts/{rollout}/advance`
pub async fn advance(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<RolloutId>,
) -> Result<Json<api::RolloutView>, Problem> {
    gateway.ota.advance_rollout(&caller.ctx(), id).await?;
    gateway.shown(&caller, id).await
}

/// `POST /v1/rollouts/{rollout}/pause`
pub async fn pause(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<RolloutId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::RolloutView>, Problem> {
    gateway.ota.pause_rollout(&caller.ctx(), id, PERSON, &body.value.reason).await?;
    gateway.shown(&caller, id).await
}

/// `POST /v1/rollouts/{rollout}/resume`
pub async fn ask_resume(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<RolloutId>,
    body: Body<ReasonGiven>,
) -> Result<(StatusCode, Json<Approval>), Problem> {
    let rollout = gateway.rollout(&caller, id).await?;
    if rollout.status != Status::Paused {
        return Err(Problem::new(Code::IllegalTransition, "this rollout is not paused"));
    }
    let ctx = caller.ctx();
    let asked = NewApproval {
        command: RESUME_ROLLOUT.as_str(),
        subject: Subject::new("rollout", id),
        summary: format!("Let the rollout {} go on", rollout.plan.name),
        reason: body.value.reason.0,
        arguments: serde_json::json!({}),
        deciding_roles: [Role::Administrator, Role::SafetyOfficer].into(),
    };
    let (id, approval) = gateway.approvals.ask(&ctx, asked).await?;
    Ok((StatusCode::ACCEPTED, Json(Approval::of(id, approval, &ctx.actor, ctx.now))))
}

/// `POST /v1/rollouts/{rollout}/abort`
pub async fn abort(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<RolloutId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::RolloutView>, Problem> {
    gateway.ota.abort_rollout(&caller.ctx(), id, &body.value.reason).await?;
    gateway.shown(&caller, id).await
}

/// `POST /v1/rollouts/{rollout}/revert`
pub async fn revert(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<RolloutId>,
    body: Body<ReasonGiven>,
) -> Result<(StatusCode, Json<api::Reverted>), Problem> {
    let ota::RevertedBy(reverted_by) = gateway.ota.revert_rollout(&caller.ctx(), id, &body.value.reason).await?;
    Ok((StatusCode::ACCEPTED, Json(api::Reverted { reverted_by })))
}
