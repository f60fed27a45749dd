//! The blast clock of a mine.

use std::sync::Arc;

use api_types::blasts as api;
use api_types::{List, Page, ReasonGiven, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use kernel::Ctx;
use sectors::actions::{CALL_OFF, EXAMINE, FIRE, GUARD, MAY_ANSWER_FOR_SAFETY, MAY_READ_WORK, MAY_WORK, RELEASE_BLAST};
use sectors::blast::events::BlastPlanned;
use sectors::{Blast, BlastId};

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "List blasts, the newest first",
        query: endpoint::takes::<Page<BlastId>>(),
        answer: endpoint::list::<api::BlastView, BlastId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/blasts", MAY_READ_WORK)
    },
    Endpoint {
        summary: "Show a blast: its steps, who took them, and what it waits for",
        answer: endpoint::json::<api::BlastView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/blasts/{blast}", MAY_READ_WORK)
    },
    Endpoint {
        summary: "Announce a blast",
        body: endpoint::takes::<api::BlastRequest>(),
        status: 201,
        answer: endpoint::json::<api::BlastView>(),
        handle: |request, gateway| Handler::call(plan, request, gateway),
        ..endpoint::post("/v1/blasts", MAY_WORK)
    },
    Endpoint {
        summary: "Close the area of a blast, and have everybody leave it",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::BlastView>(),
        counted: false,
        handle: |request, gateway| Handler::call(clear, request, gateway),
        ..endpoint::post("/v1/blasts/{blast}/clear", MAY_WORK)
    },
    Endpoint {
        summary: "Say that everybody is out and every way in is guarded",
        body: endpoint::takes::<api::GuardRequest>(),
        answer: endpoint::json::<api::BlastView>(),
        asks: Some(GUARD),
        handle: |request, gateway| Handler::call(guard, request, gateway),
        ..endpoint::post("/v1/blasts/{blast}/guard", MAY_WORK)
    },
    Endpoint {
        summary: "Say that it is fired, as another than who guarded",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::BlastView>(),
        asks: Some(FIRE),
        handle: |request, gateway| Handler::call(fire, request, gateway),
        ..endpoint::post("/v1/blasts/{blast}/fire", MAY_ANSWER_FOR_SAFETY)
    },
    Endpoint {
        summary: "Sign the examination, as another than who fired: all is well, or not everything went off",
        body: endpoint::takes::<api::ExaminationRequest>(),
        answer: endpoint::json::<api::BlastView>(),
        asks: Some(EXAMINE),
        handle: |request, gateway| Handler::call(examine, request, gateway),
        ..endpoint::post("/v1/blasts/{blast}/examine", MAY_ANSWER_FOR_SAFETY)
    },
    Endpoint {
        summary: "Open the area again; nothing moves by it",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::BlastView>(),
        asks: Some(RELEASE_BLAST),
        handle: |request, gateway| Handler::call(release, request, gateway),
        ..endpoint::post("/v1/blasts/{blast}/release", MAY_ANSWER_FOR_SAFETY)
    },
    Endpoint {
        summary: "Call a blast off, and open its area",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::BlastView>(),
        asks: Some(CALL_OFF),
        handle: |request, gateway| Handler::call(call_off, request, gateway),
        ..endpoint::post("/v1/blasts/{blast}/call-off", MAY_WORK)
    },
];

/// Blasts of one answer where the caller says nothing.
const BLASTS_DEFAULT: usize = 50;

type Answer = Result<Json<api::BlastView>, Problem>;

impl Gateway {
    async fn blast(&self, caller: &Caller, id: BlastId) -> Result<Blast, Problem> {
        let known = self.work.one::<Blast>(&caller.authenticated.tenant, &id).await?;
        known.ok_or_else(|| Problem::not_found("blast", id))
    }

    /// The context of a step of a blast, at the blast's site.
    async fn at_blast(&self, caller: &Caller, id: BlastId) -> Result<Ctx, Problem> {
        Ok(caller.ctx_at(self.blast(caller, id).await?.site))
    }

    async fn shown_blast(&self, caller: &Caller, id: BlastId) -> Answer {
        Ok(Json((id, self.blast(caller, id).await?).into()))
    }
}

/// `GET /v1/blasts`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page<BlastId>>,
) -> Result<Json<List<api::BlastView, BlastId>>, Problem> {
    let limit = page.limit.map_or(BLASTS_DEFAULT, Within::as_usize);
    let found = gateway.work.page::<Blast>(&caller.authenticated.tenant, page.after, limit).await?;
    Ok(Json(List::page(found, limit, |(id, _)| *id)))
}

/// `GET /v1/blasts/{blast}`
pub async fn show(State(gateway): State<Arc<Gateway>>, caller: Caller, Id(id): Id<BlastId>) -> Answer {
    gateway.shown_blast(&caller, id).await
}

/// `POST /v1/blasts`
pub async fn plan(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::BlastRequest>,
) -> Result<(StatusCode, Json<api::BlastView>), Problem> {
    let api::BlastRequest { site, name, area, fire_at } = body.value;
    let ctx = caller.ctx_at(site.clone());
    let planned = BlastPlanned { site, name: name.0, area, fire_at, by: ctx.actor.id.clone() };
    let id = gateway.work.plan_blast(&ctx, &planned).await?;
    Ok((StatusCode::CREATED, gateway.shown_blast(&caller, id).await?))
}

/// `POST /v1/blasts/{blast}/clear`
pub async fn clear(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<BlastId>,
    body: Body<ReasonGiven>,
) -> Answer {
    let ctx = gateway.at_blast(&caller, id).await?;
    gateway.work.clear_blast(&ctx, id, &body.value.reason).await?;
    gateway.shown_blast(&caller, id).await
}

/// `POST /v1/blasts/{blast}/guard`
pub async fn guard(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<BlastId>,
    body: Body<api::GuardRequest>,
) -> Answer {
    let ctx = gateway.at_blast(&caller, id).await?;
    let posts: Vec<String> = body.value.posts.into_iter().map(|post| post.0).collect();
    gateway.work.guard_blast(&ctx, id, &posts, &body.value.reason).await?;
    gateway.shown_blast(&caller, id).await
}

/// `POST /v1/blasts/{blast}/fire`
pub async fn fire(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<BlastId>,
    body: Body<ReasonGiven>,
) -> Answer {
    let ctx = gateway.at_blast(&caller, id).await?;
    gateway.work.fire_blast(&ctx, id, &body.value.reason).await?;
    gateway.shown_blast(&caller, id).await
}

/// `POST /v1/blasts/{blast}/examine`
pub async fn examine(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<BlastId>,
    body: Body<api::ExaminationRequest>,
) -> Answer {
    let ctx = gateway.at_blast(&caller, id).await?;
    gateway.work.examine_blast(&ctx, id, body.value.safe, &body.value.reason).await?;
    gateway.shown_blast(&caller, id).await
}

/// `POST /v1/blasts/{blast}/release`
pub async fn release(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<BlastId>,
    body: Body<ReasonGiven>,
) -> Answer {
    let ctx = gateway.at_blast(&caller, id).await?;
    gateway.work.release_blast(&ctx, id, &body.value.reason).await?;
    gateway.shown_blast(&caller, id).await
}

/// `POST /v1/blasts/{blast}/call-off`
pub async fn call_off(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<BlastId>,
    body: Body<ReasonGiven>,
) -> Answer {
    let ctx = gateway.at_blast(&caller, id).await?;
    gateway.work.call_off_blast(&ctx, id, &body.value.reason).await?;
    gateway.shown_blast(&caller, id).await
}
