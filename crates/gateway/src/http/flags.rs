//! Feature flags: as the page lists them, and as clients of the OpenFeature Remote Evaluation Protocol (OFREP 0.3) ask for them.
//! An OFREP answer has its own shape for what went wrong, which clients read instead of problem details.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api_types::approvals::Approval;
use api_types::{List, sectors as api};
use approvals::NewApproval;
use axum::Json;
use axum::body::{Body as Bytes, Bytes as Frame};
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use flags::ContextError;
use flags::ErrorCode;
use flags::ofrep::{BulkFailure, Evaluated, Failure, RefetchEvaluation};
use kernel::{Role, Subject};
use serde_json::{Value, json};
use tenancy::sectors::FlagState;
use tenancy::{MAY_CHOOSE_FLAGS, MAY_READ_SUBSCRIPTION};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::auth::Caller;
use super::endpoint::{self, Access, Answer, Endpoint};
use super::extract::{Body, Id, IfNoneMatch};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "The flags of the sector in force, with what each answers and why",
        answer: endpoint::list::<FlagState, String>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/flags", MAY_READ_SUBSCRIPTION)
    },
    Endpoint {
        summary: "Choose a variant of a flag; a switch goes to its safe side at once and back by a second person (202)",
        body: endpoint::takes::<api::FlagChosen>(),
        also: Some(202),
        answer: endpoint::json::<FlagState>(),
        handle: |request, gateway| Handler::call(choose, request, gateway),
        ..endpoint::put("/v1/flags/{flag}", MAY_CHOOSE_FLAGS)
    },
    Endpoint {
        summary: "Evaluate a flag (OFREP)",
        body: endpoint::takes::<api::OfrepAsked>(),
        answer: endpoint::json::<Value>(),
        handle: |request, gateway| Handler::call(evaluate, request, gateway),
        ..endpoint::endpoint("post", "/ofrep/v1/evaluate/flags/{flag}", Access::Authenticated)
    },
    Endpoint {
        summary: "Evaluate all flags (OFREP)",
        headers: endpoint::TAGGED,
        body: endpoint::takes::<api::OfrepAsked>(),
        answer: endpoint::json::<Value>(),
        handle: |request, gateway| Handler::call(evaluate_all, request, gateway),
        ..endpoint::endpoint("post", "/ofrep/v1/evaluate/flags", Access::Authenticated)
    },
    Endpoint {
        summary: "Hear when flags may answer otherwise (OFREP, server-sent events)",
        answer: Answer::Events,
        handle: |request, gateway| Handler::call(events, request, gateway),
        ..endpoint::endpoint("get", "/ofrep/v1/events", Access::Authenticated)
    },
];

/// The command that leads a switch away from its safe side.
pub const RESTORE_FLAG: &str = "flag.restore";
/// How many events wait for a client before it is cut off.
const BUFFER_MAX: usize = 8;
/// How often a client hears that the stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// `GET /v1/flags`
pub async fn list(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<List<FlagState>>, Problem> {
    Ok(Json(List::whole(gateway.sectors.flags(&caller.ctx()).await?)))
}

/// `PUT /v1/flags/{flag}`
pub async fn choose(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(flag): Id<String>,
    body: Body<api::FlagChosen>,
) -> Result<Response, Problem> {
    let api::FlagChosen { variant, reason } = body.value;
    let ctx = caller.ctx();
    if gateway.sectors.takes_two(&ctx, &flag, variant.as_deref()).await? {
        let asked = NewApproval {
            command: RESTORE_FLAG,
            subject: Subject::new("tenant", &ctx.tenant),
            summary: format!("Lead the switch {flag} away from its safe side"),
            reason: reason.0,
            arguments: json!({ "flag": flag, "variant": variant }),
            deciding_roles: [Role::Administrator, Role::SafetyOfficer].into(),
        };
        let (id, approval) = gateway.approvals.ask(&ctx, asked).await?;
        return Ok((StatusCode::ACCEPTED, Json(Approval::of(id, approval, &ctx.actor, ctx.now))).into_response());
    }
    let chosen = gateway.sectors.choose_flag(&ctx, &flag, variant.as_deref(), &reason.0, false).await?;
    Ok(Json(chosen).into_response())
}

fn wrong_context(wrong: &ContextError) -> (ErrorCode, String) {
    (ErrorCode::InvalidContext, wrong.to_string())
}

/// `POST /ofrep/v1/evaluate/flags/{flag}`
pub async fn evaluate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(flag): Id<String>,
    body: Body<api::OfrepAsked>,
) -> Result<Response, Problem> {
    let evaluated = match gateway.sectors.evaluate_flag(&caller.ctx(), &flag, body.value.context).await? {
        Ok(resolution) => Evaluated::from(resolution),
        Err(wrong) => {
            let (error_code, error_details) = wrong_context(&wrong);
            Evaluated::Failure(Failure { key: flag, error_code, error_details })
        }
    };
    let status = match &evaluated {
        Evaluated::Success(_) => StatusCode::OK,
        Evaluated::Failure(failure) => StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::BAD_REQUEST),
    };
    Ok((status, Json(evaluated)).into_response())
}

/// `POST /ofrep/v1/evaluate/flags`
pub async fn evaluate_all(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    known: IfNoneMatch,
    body: Body<api::OfrepAsked>,
) -> Result<Response, Problem> {
    match gateway.sectors.evaluate_flags(&caller.ctx(), body.value.context).await? {
        Ok(all) => Ok(known.tagged(all.etag.trim_matches('"'), Json(all.body).into_response())),
        Err(wrong) => {
            let (error_code, error_details) = wrong_context(&wrong);
            Ok((StatusCode::BAD_REQUEST, Json(BulkFailure { error_code, error_details })).into_response())
        }
    }
}

/// `GET /ofrep/v1/events`
pub async fn events(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    let slot = gateway.streams.open(&caller.authenticated.tenant)?;
    let (sender, receiver) = mpsc::channel::<Frame>(BUFFER_MAX);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = slot.stopped() => {}
            () = sender.closed() => {}
            () = refetch(&gateway, &caller, &sender) => {}
        }
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, Bytes::from_stream(ReceiverStream::new(receiver).map(Ok::<_, Infallible>))))
}

/// Tells a client to ask again: at once, for what it missed before it heard or while it was away, and whenever something of
/// its tenant changed that flags follow. Ends with its access.
async fn refetch(gateway: &Gateway, caller: &Caller, to: &mpsc::Sender<Frame>) {
    let tenant = &caller.authenticated.tenant;
    let tail = gateway.tails.of(&gateway.store, tenant);
    let mut news = tail.news();
    let Ok(head) = gateway.store.head(tenant).await else { return };
    let mut from = head.map_or(0, |head| head.size);
    let mut is_due = true;
    loop {
        news.mark_unchanged();
        let Ok(page) = tail.page(&*gateway.store, from).await else { return };
        is_due |= page.lines.iter().any(|line| line.event_type.starts_with("tenant."));
        if is_due && tell_to_refetch(gateway, to).is_none() {
            return;
        }
        is_due = false;
        if let Some(last) = page.lines.last() {
            from = last.index + 1;
            continue;
        }
        tokio::select! {
            _ = news.changed() => {}
            () = tokio::time::sleep(HEARTBEAT) => {
                let is_valid = caller.is_still_valid().await.unwrap_or(false);
                if !is_valid || to.try_send(Frame::from_static(b": alive\n\n")).is_err() {
                    return;
                }
            }
        }
    }
}

/// Nothing where the client does not follow.
fn tell_to_refetch(gateway: &Gateway, to: &mpsc::Sender<Frame>) -> Option<()> {
    let changed = RefetchEvaluation::new(None, Some(gateway.source.now().as_ms() / 1_000));
    let text = serde_json::to_string(&changed).ok()?;
    to.try_send(Frame::from(format!("data: {text}\n\n"))).ok()
}
