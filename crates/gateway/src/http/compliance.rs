//! What applies, how far it is kept to, what is wrong and what is done about it (EVD-7); legal holds, erasure, collisions.

use std::sync::Arc;

use api_types::evidence as api;
use api_types::{List, Named, Page, ReasonGiven, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use evidence::actions::{ERASE, MAY_GOVERN, MAY_READ_EVIDENCE, MAY_REPORT, MITIGATE};
use evidence::collision::Collision;
use evidence::{ComplianceIssue, ComplianceProfile, KnownCollision, LegalHold, Profile};
use kernel::Subject;
use kernel::id::{CollisionId, IssueId, LegalHoldId};

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::evidence::PAGE_DEFAULT;
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Every framework with its clauses: what is said of each, how fresh its evidence is, and the entries behind it",
        answer: endpoint::json::<api::Compliance>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/compliance", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "What applies to this tenant",
        answer: endpoint::json::<api::ProfileView>(),
        handle: |request, gateway| Handler::call(profile, request, gateway),
        ..endpoint::get("/v1/compliance/profile", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "Say what applies to this tenant, all of it",
        body: endpoint::takes::<Profile>(),
        answer: endpoint::json::<api::ProfileView>(),
        handle: |request, gateway| Handler::call(set_profile, request, gateway),
        ..endpoint::put("/v1/compliance/profile", MAY_GOVERN)
    },
    Endpoint {
        summary: "List issues: violations, and evidence that is missing, late or cannot be verified; the newest first",
        query: endpoint::takes::<api::IssuePage>(),
        answer: endpoint::list::<api::IssueView, IssueId>(),
        handle: |request, gateway| Handler::call(issues, request, gateway),
        ..endpoint::get("/v1/compliance/issues", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "Have something done about an issue",
        body: endpoint::takes::<api::MitigationRequest>(),
        answer: endpoint::json::<api::IssueView>(),
        asks: Some(MITIGATE),
        handle: |request, gateway| Handler::call(mitigate, request, gateway),
        ..endpoint::post("/v1/compliance/issues/{issue}/mitigate", MAY_REPORT)
    },
    Endpoint {
        summary: "Say that an issue is over, and how",
        body: endpoint::takes::<api::Resolution>(),
        answer: endpoint::json::<api::IssueView>(),
        handle: |request, gateway| Handler::call(resolve, request, gateway),
        ..endpoint::post("/v1/compliance/issues/{issue}/resolve", MAY_REPORT)
    },
    Endpoint {
        summary: "List legal holds and erasures, the newest first",
        query: endpoint::takes::<Page<LegalHoldId>>(),
        answer: endpoint::list::<api::LegalHoldView, LegalHoldId>(),
        handle: |request, gateway| Handler::call(holds, request, gateway),
        ..endpoint::get("/v1/evidence/holds", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "Place a legal hold: nothing personal of its subject is erased while it is in force",
        body: endpoint::takes::<api::LegalHoldRequest>(),
        status: 201,
        answer: endpoint::json::<Named<LegalHoldId>>(),
        handle: |request, gateway| Handler::call(place_hold, request, gateway),
        ..endpoint::post("/v1/evidence/holds", MAY_GOVERN)
    },
    Endpoint {
        summary: "Release a legal hold",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<Named<LegalHoldId>>(),
        handle: |request, gateway| Handler::call(release_hold, request, gateway),
        ..endpoint::post("/v1/evidence/holds/{legal_hold}/release", MAY_GOVERN)
    },
    Endpoint {
        summary: "Erase personal values of a vehicle or a person that is not in use any more; every proof stays as it is",
        body: endpoint::takes::<api::ErasureRequest>(),
        answer: endpoint::json::<api::Erased>(),
        asks: Some(ERASE),
        handle: |request, gateway| Handler::call(erase, request, gateway),
        ..endpoint::post("/v1/evidence/erasures", MAY_GOVERN)
    },
    Endpoint {
        summary: "List collisions, the newest first",
        query: endpoint::takes::<Page<CollisionId>>(),
        answer: endpoint::list::<api::CollisionView, CollisionId>(),
        handle: |request, gateway| Handler::call(collisions, request, gateway),
        ..endpoint::get("/v1/collisions", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "Record a collision: authorities have their terms from when it was noticed",
        body: endpoint::takes::<Collision>(),
        status: 201,
        answer: endpoint::json::<api::CollisionView>(),
        handle: |request, gateway| Handler::call(record_collision, request, gateway),
        ..endpoint::post("/v1/collisions", MAY_REPORT)
    },
];

/// `GET /v1/compliance`
pub async fn show(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<api::Compliance>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let (frameworks, adherence) = gateway.evidence.compliance(tenant).await?;
    let open_issues = gateway.evidence.open_issues(tenant).await?.len() as u64;
    Ok(Json(api::Compliance { frameworks, adherence, open_issues }))
}

/// `GET /v1/compliance/profile`
pub async fn profile(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<api::ProfileView>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let known = gateway.evidence.one::<ComplianceProfile>(tenant, tenant).await?;
    Ok(Json(known.ok_or_else(|| Problem::not_found("compliance profile of", tenant))?.into()))
}

/// `PUT /v1/compliance/profile`
pub async fn set_profile(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<Profile>,
) -> Result<Json<api::ProfileView>, Problem> {
    gateway.evidence.set_profile(&caller.ctx(), &body.value).await?;
    profile(State(gateway), caller).await
}

impl Gateway {
    async fn shown_issue(&self, caller: &Caller, id: IssueId) -> Result<Json<api::IssueView>, Problem> {
        let issue = self.evidence.one::<ComplianceIssue>(&caller.authenticated.tenant, &id).await?;
        Ok(Json((id, issue.ok_or_else(|| Problem::not_found("issue", id))?).into()))
    }

    /// Whether personal values of a subject are needed still: of a vehicle in service, of a person who may sign in.
    async fn is_in_use(&self, caller: &Caller, subject: &Subject) -> Result<bool, Problem> {
        let tenant = &caller.authenticated.tenant;
        match (subject.kind(), subject.id().parse(), subject.id().parse()) {
            ("vehicle", Ok(vehicle), _) => {
                let known = self.fleet.vehicle(tenant, vehicle).await?;
                Ok(known.is_some_and(|known| known.vehicle.status != fleet::vehicle::Status::Decommissioned))
            }
            ("user", _, Ok(person)) => {
                let known = self.people.user(tenant, person).await?;
                Ok(known.is_some_and(|known| known.user.status != identity::UserStatus::Disabled))
            }
            _ => Ok(false),
        }
    }
}

/// `GET /v1/compliance/issues`
pub async fn issues(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<api::IssuePage>,
) -> Result<Json<List<api::IssueView, IssueId>>, Problem> {
    let tenant = &caller.authenticated.tenant;
    if page.open == Some(true) {
        return Ok(Json(List::whole(gateway.evidence.open_issues(tenant).await?)));
    }
    let limit = page.limit.map_or(PAGE_DEFAULT, Within::as_usize);
    let found = gateway.evidence.page::<ComplianceIssue>(tenant, page.after, limit).await?;
    Ok(Json(List::page(found, limit, |(id, _)| *id)))
}

/// `POST /v1/compliance/issues/{issue}/mitigate`
pub async fn mitigate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IssueId>,
    body: Body<api::MitigationRequest>,
) -> Result<Json<api::IssueView>, Problem> {
    gateway.evidence.mitigate(&caller.ctx(), id, body.value.mitigation, false).await?;
    gateway.shown_issue(&caller, id).await
}

/// `POST /v1/compliance/issues/{issue}/resolve`
pub async fn resolve(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<IssueId>,
    body: Body<api::Resolution>,
) -> Result<Json<api::IssueView>, Problem> {
    gateway.evidence.resolve(&caller.ctx(), id, &body.value.how).await?;
    gateway.shown_issue(&caller, id).await
}

/// `GET /v1/evidence/holds`
pub async fn holds(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page<LegalHoldId>>,
) -> Result<Json<List<api::LegalHoldView, LegalHoldId>>, Problem> {
    let limit = page.limit.map_or(PAGE_DEFAULT, Within::as_usize);
    let found = gateway.evidence.page::<LegalHold>(&caller.authenticated.tenant, page.after, limit).await?;
    Ok(Json(List::page(found, limit, |(id, _)| *id)))
}

/// `POST /v1/evidence/holds`
pub async fn place_hold(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::LegalHoldRequest>,
) -> Result<(StatusCode, Json<Named<LegalHoldId>>), Problem> {
    let api::LegalHoldRequest { subject, reason } = body.value;
    let id = gateway.evidence.place_hold(&caller.ctx(), subject, &reason).await?;
    Ok((StatusCode::CREATED, Json(Named { id })))
}

/// `POST /v1/evidence/holds/{legal_hold}/release`
pub async fn release_hold(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<LegalHoldId>,
    body: Body<ReasonGiven>,
) -> Result<Json<Named<LegalHoldId>>, Problem> {
    gateway.evidence.release_hold(&caller.ctx(), id, &body.value.reason).await?;
    Ok(Json(Named { id }))
}

/// `POST /v1/evidence/erasures`
pub async fn erase(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::ErasureRequest>,
) -> Result<Json<api::Erased>, Problem> {
    let api::ErasureRequest { subject, reason } = body.value;
    let in_use = gateway.is_in_use(&caller, &subject).await?;
    let fields = gateway.evidence.erase(&caller.ctx(), &subject, &reason, in_use).await?;
    Ok(Json(api::Erased { subject, fields }))
}

/// `GET /v1/collisions`
pub async fn collisions(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page<CollisionId>>,
) -> Result<Json<List<api::CollisionView, CollisionId>>, Problem> {
    let limit = page.limit.map_or(PAGE_DEFAULT, Within::as_usize);
    let found = gateway.evidence.page::<KnownCollision>(&caller.authenticated.tenant, page.after, limit).await?;
    Ok(Json(List::page(found, limit, |(id, _)| *id)))
}

/// `POST /v1/collisions`
pub async fn record_collision(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<Collision>,
) -> Result<(StatusCode, Json<api::CollisionView>), Problem> {
    let ctx = caller.ctx();
    gateway.known(&caller, body.value.vehicle).await?;
    let id = gateway.evidence.record_collision(&ctx, &body.value).await?;
    let known = gateway.evidence.one::<KnownCollision>(&ctx.tenant, &id).await?;
    let known = known.ok_or_else(|| Problem::not_found("collision", id))?;
    Ok((StatusCode::CREATED, Json((id, known).into())))
}
