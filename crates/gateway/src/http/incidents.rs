//! Security incidents: from what a detection found to a vehicle that is back (SEC-3 … SEC-8).

use std::sync::Arc;

use api_types::approvals::Approval;
use api_types::incidents as api;
use api_types::{List, Named, ReasonGiven, Within};
use approvals::NewApproval;
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use kernel::id::IncidentId;
use kernel::{Role, Subject};
use security::Report;
use security::actions::{ISOLATE, MAY_ISOLATE, MAY_READ_INCIDENTS, MAY_RESPOND, RESTORE, REVOKE};
use security::incident::Containment;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Ids, Parameters};
use super::problem::Problem;
use super::releases::Digest;
use crate::Gateway;

/// Incidents of one answer where the caller says nothing.
const INCIDENTS_DEFAULT: usize = 50;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "List incidents, the newest first",
        query: endpoint::takes::<api::IncidentPage>(),
        answer: endpoint::list::<api::IncidentView, IncidentId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/incidents", MAY_READ_INCIDENTS)
    },
    Endpoint {
        summary: "Show an incident: what was found, what is contained, who has it",
        answer: endpoint::json::<api::IncidentView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/incidents/{incident}", MAY_READ_INCIDENTS)
    },
    Endpoint {
        summary: "The forensic timeline: every entry of the journal about the incident and its subject, and the calls",
        answer: endpoint::json::<api::Timeline>(),
        handle: |request, gateway| Handler::call(timeline, request, gateway),
        ..endpoint::get("/v1/incidents/{incident}/timeline", MAY_READ_INCIDENTS)
    },
    Endpoint {
        summary: "The report, drafted from the journal",
        answer: endpoint::json::<Report>(),
        handle: |request, gateway| Handler::call(report, request, gateway),
        ..endpoint::get("/v1/incidents/{incident}/report", MAY_READ_INCIDENTS)
    },
    Endpoint {
        summary: "What is kept of an incident under a digest",
        answer: endpoint::json::<api::ArtefactText>(),
        handle: |request, gateway| Handler::call(artefact, request, gateway),
        ..endpoint::get("/v1/incidents/{incident}/artefacts/{sha256}", MAY_READ_INCIDENTS)
    },
    Endpoint {
        summary: "Say that you have it: nobody else is called",
        answer: endpoint::json::<api::IncidentView>(),
        handle: |request, gateway| Handler::call(acknowledge, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/acknowledge", MAY_ISOLATE)
    },
    Endpoint {
        summary: "Say how bad it is; an emergency is contained",
        body: endpoint::takes::<api::SeverityGiven>(),
        answer: endpoint::json::<api::IncidentView>(),
        handle: |request, gateway| Handler::call(severity, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/severity", MAY_RESPOND)
    },
    Endpoint {
        summary: "Isolate the vehicle: it stops where it may stand, and is kept",
        answer: endpoint::json::<api::IncidentView>(),
        asks: Some(ISOLATE),
        handle: |request, gateway| Handler::call(isolate, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/isolate", MAY_ISOLATE)
    },
    Endpoint {
        summary: "Revoke the access: certificates, tokens and sessions end; a vehicle that drives is stopped first",
        answer: endpoint::json::<api::IncidentView>(),
        asks: Some(REVOKE),
        handle: |request, gateway| Handler::call(revoke, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/revoke", MAY_RESPOND)
    },
    Endpoint {
        summary: "Look into it",
        answer: endpoint::json::<api::IncidentView>(),
        handle: |request, gateway| Handler::call(investigate, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/investigate", MAY_RESPOND)
    },
    Endpoint {
        summary: "Ask the vehicle for its state, logs and metrics; it sends them, signed, where it stands",
        answer: endpoint::json::<api::IncidentView>(),
        handle: |request, gateway| Handler::call(diagnostics, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/diagnostics", MAY_RESPOND)
    },
    Endpoint {
        summary: "Ask that the access be restored: a second person decides",
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<Approval>(),
        handle: |request, gateway| Handler::call(recover, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/recover", MAY_RESPOND)
    },
    Endpoint {
        summary: "Give it to an expert team; what is isolated stays so",
        body: endpoint::takes::<api::EscalationRequest>(),
        answer: endpoint::json::<api::IncidentView>(),
        handle: |request, gateway| Handler::call(escalate, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/escalate", MAY_RESPOND)
    },
    Endpoint {
        summary: "Close it, with what was learned",
        body: endpoint::takes::<api::Lessons>(),
        answer: endpoint::json::<api::IncidentView>(),
        handle: |request, gateway| Handler::call(close, request, gateway),
        ..endpoint::post("/v1/incidents/{incident}/close", MAY_RESPOND)
    },
    Endpoint {
        summary: "Begin a drill: the same way as an attack, marked everywhere, and nothing is taken away",
        body: endpoint::takes::<api::DrillRequest>(),
        status: 201,
        answer: endpoint::json::<Named<IncidentId>>(),
        handle: |request, gateway| Handler::call(drill, request, gateway),
        ..endpoint::post("/v1/drills", MAY_RESPOND)
    },
];

impl Gateway {
    async fn shown_incident(&self, caller: &Caller, id: IncidentId) -> Result<Json<api::IncidentView>, Problem> {
        let incident = self.security.incident(&caller.authenticated.tenant, id).await?;
        let incident = incident.ok_or_else(|| Problem::not_found("incident", id))?;
        Ok(Json((id, incident).into()))
    }
}

/// `GET /v1/incidents`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<api::IncidentPage>,
) -> Result<Json<List<api::IncidentView, IncidentId>>, Problem> {
    let limit = page.limit.map_or(INCIDENTS_DEFAULT, Within::as_usize);
    let found = gateway.security.incidents(&caller.authenticated.tenant, page.after, limit).await?;
    Ok(Json(List::page(found, limit, |(id, _)| *id)))
}

/// `GET /v1/incidents/{incident}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Result<Json<api::IncidentView>, Problem> {
    gateway.shown_incident(&caller, id).await
}

/// `GET /v1/incidents/{incident}/timeline`
pub async fn timeline(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Result<Json<api::Timeline>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let entries = gateway.security.timeline(tenant, id).await?;
    let notices = gateway.security.notices(tenant, id).await?;
    Ok(Json(api::Timeline { entries, notices }))
}

/// `GET /v1/incidents/{incident}/report`
pub async fn report(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Result<Json<Report>, Problem> {
    Ok(Json(gateway.security.report(&caller.authenticated.tenant, id).await?))
}

/// `GET /v1/incidents/{incident}/artefacts/{sha256}`
pub async fn artefact(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(id, Digest(sha256)): Ids<IncidentId, Digest>,
) -> Result<Json<api::ArtefactText>, Problem> {
    let text = gateway.security.artefact(&caller.authenticated.tenant, id, &sha256).await?;
    let text = text.ok_or_else(|| Problem::not_found("artefact", &sha256))?;
    Ok(Json(api::ArtefactText { sha256, text }))
}

/// `POST /v1/incidents/{incident}/acknowledge`
pub async fn acknowledge(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Result<Json<api::IncidentView>, Problem> {
    gateway.security.acknowledge(&caller.ctx(), id).await?;
    gateway.shown_incident(&caller, id).await
}

/// `POST /v1/incidents/{incident}/severity`
pub async fn severity(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
    body: Body<api::SeverityGiven>,
) -> Result<Json<api::IncidentView>, Problem> {
    let api::SeverityGiven { severity, reason } = body.value;
    gateway.security.set_severity(&caller.ctx(), id, severity, &reason).await?;
    gateway.shown_incident(&caller, id).await
}

/// `POST /v1/incidents/{incident}/isolate`
pub async fn isolate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Result<Json<api::IncidentView>, Problem> {
    let wanted = Containment { isolate: true, revoke: false };
    gateway.security.contain(&caller.ctx(), id, wanted, false).await?;
    gateway.shown_incident(&caller, id).await
}

/// `POST /v1/incidents/{incident}/revoke`
pub async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Result<Json<api::IncidentView>, Problem> {
    let wanted = Containment { isolate: false, revoke: true };
    gateway.security.contain(&caller.ctx(), id, wanted, false).await?;
    gateway.shown_incident(&caller, id).await
}

/// `POST /v1/incidents/{incident}/investigate`
pub async fn investigate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Result<Json<api::IncidentView>, Problem> {
    gateway.security.investigate(&caller.ctx(), id).await?;
    gateway.shown_incident(&caller, id).await
}

/// `POST /v1/incidents/{incident}/diagnostics`
pub async fn diagnostics(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Result<Json<api::IncidentView>, Problem> {
    gateway.security.ask_diagnostics(&caller.ctx(), id).await?;
    gateway.shown_incident(&caller, id).await
}

/// `POST /v1/incidents/{incident}/recover`
pub async fn recover(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
    body: Body<ReasonGiven>,
) -> Result<(StatusCode, Json<Approval>), Problem> {
    let ctx = caller.ctx();
    let incident = gateway.security.begin_recovery(&ctx, id).await?;
    let asked = NewApproval {
        command: RESTORE.as_str(),
        subject: Subject::new("incident", id),
        summary: format!("Restore the access of {} after the incident {}", incident.subject, incident.title),
        reason: body.value.reason.0,
        arguments: serde_json::json!({}),
        deciding_roles: [Role::Administrator, Role::SecurityAnalyst].into(),
    };
    let (id, approval) = gateway.approvals.ask(&ctx, asked).await?;
    Ok((StatusCode::ACCEPTED, Json(Approval::of(id, approval, &ctx.actor, ctx.now))))
}

/// `POST /v1/incidents/{incident}/escalate`
pub async fn escalate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
    body: Body<api::EscalationRequest>,
) -> Result<Json<api::IncidentView>, Problem> {
    let api::EscalationRequest { team, reason } = body.value;
    gateway.security.escalate(&caller.ctx(), id, &reason, &team.0).await?;
    gateway.shown_incident(&caller, id).await
}

/// `POST /v1/incidents/{incident}/close`
pub async fn close(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IncidentId>,
    body: Body<api::Lessons>,
) -> Result<Json<api::IncidentView>, Problem> {
    gateway.security.close(&caller.ctx(), id, &body.value.lessons.0).await?;
    gateway.shown_incident(&caller, id).await
}

/// `POST /v1/drills`
pub async fn drill(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::DrillRequest>,
) -> Result<(StatusCode, Json<Named<IncidentId>>), Problem> {
    let api::DrillRequest { vehicle, severity } = body.value;
    let id = gateway.security.drill(&caller.ctx(), vehicle, severity).await?;
    Ok((StatusCode::CREATED, Json(Named { id })))
}
