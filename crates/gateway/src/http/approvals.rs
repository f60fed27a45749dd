//! Approvals: what waits for a second person, and what that person says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api_types::approvals as api;
use api_types::{List, ReasonGiven, Within};
use approvals::{Approval, ApprovalId, ApprovalState, MAY_APPROVE, MAY_READ_APPROVALS};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use kernel::{Aggregate, Subject};

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "List approvals, the newest first; those that are open, or all",
        query: endpoint::takes::<api::ApprovalFilter>(),
        answer: endpoint::list::<api::Approval, ApprovalId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/approvals", MAY_READ_APPROVALS)
    },
    Endpoint {
        summary: "Show an approval",
        answer: endpoint::json::<api::Approval>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/approvals/{approval}", MAY_READ_APPROVALS)
    },
    Endpoint {
        summary: "Approve what another person asked for; it is carried out, and the journal names both",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::Approval>(),
        handle: |request, gateway| Handler::call(approve, request, gateway),
        ..endpoint::post("/v1/approvals/{approval}/approve", MAY_APPROVE)
    },
    Endpoint {
        summary: "Reject what another person asked for",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::Approval>(),
        handle: |request, gateway| Handler::call(reject, request, gateway),
        ..endpoint::post("/v1/approvals/{approval}/reject", MAY_APPROVE)
    },
];

/// Approvals of one answer where the caller says nothing.
const APPROVALS_DEFAULT: usize = 100;
/// How long the answer to an approval waits for what it carries out, which takes milliseconds.
const CARRIED_OUT_WITHIN: Duration = Duration::from_secs(2);

impl Gateway {
    async fn approval(&self, caller: &Caller, id: ApprovalId) -> Result<Approval, Problem> {
        let approval = self.approvals.get(&caller.authenticated.tenant, id).await?;
        approval.ok_or_else(|| Problem::not_found("approval", id))
    }
}

fn view(caller: &Caller, id: ApprovalId, approval: Approval) -> api::Approval {
    api::Approval::of(id, approval, &caller.ctx().actor, caller.ctx().now)
}

/// `GET /v1/approvals`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(filter): Parameters<api::ApprovalFilter>,
) -> Result<Json<List<api::Approval, ApprovalId>>, Problem> {
    let only_open = !matches!(filter.which, Some(api::Which::All));
    let limit = filter.limit.map_or(APPROVALS_DEFAULT, Within::as_usize);
    let found = gateway.approvals.list(&caller.authenticated.tenant, only_open, filter.after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|(id, _)| *id);
    let items = found.into_iter().map(|(id, approval)| view(&caller, id, approval)).collect();
    Ok(Json(List { items, next }))
}

/// `GET /v1/approvals/{approval}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ApprovalId>,
) -> Result<Json<api::Approval>, Problem> {
    let approval = gateway.approval(&caller, id).await?;
    Ok(Json(view(&caller, id, approval)))
}

/// `POST /v1/approvals/{approval}/approve`
pub async fn approve(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ApprovalId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::Approval>, Problem> {
    let ctx = caller.ctx();
    let from = gateway.store.head(&ctx.tenant).await?.map_or(0, |head| head.size);
    gateway.approval(&caller, id).await?;
    let mut approval = gateway.approvals.approve(&ctx, id, &body.value.reason).await?;
    let until = Instant::now() + CARRIED_OUT_WITHIN;
    let stream = Subject::new(Approval::KIND, id);
    while approval.state == ApprovalState::Approved {
        let left = until.saturating_duration_since(Instant::now());
        let ended = |line: &crate::tail::Line| line.is_about(stream.as_str()) && line.event_type != "approval.approved";
        if left.is_zero() || !gateway.wait_for_entry(&ctx.tenant, from, left, ended).await? {
            break;
        }
        approval = gateway.approval(&caller, id).await?;
    }
    Ok(Json(view(&caller, id, approval)))
}

/// `POST /v1/approvals/{approval}/reject`
pub async fn reject(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ApprovalId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::Approval>, Problem> {
    gateway.approval(&caller, id).await?;
    let approval = gateway.approvals.reject(&caller.ctx(), id, &body.value.reason).await?;
    Ok(Json(view(&caller, id, approval)))
}
