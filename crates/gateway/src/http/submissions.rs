//! The authority's side (EVD-6): what was submitted to it, its own checks, and its answers under its own key.

use std::sync::Arc;

use api_types::reports as api;
use api_types::{List, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::response::Response;
use evidence::actions::{DECIDE, MAY_DECIDE};
use evidence::report::Check;
use evidence::report::decide::Verdict;
use evidence::{ComplianceReport, SignedText};
use kernel::Reject;
use kernel::id::ReportId;

use super::auth::Caller;
use super::endpoint::{self, Answer, Endpoint};
use super::evidence::KeptFile;
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "List what was submitted to the authority, the newest first",
        answer: endpoint::list::<api::ReportView, String>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/submissions", MAY_DECIDE)
    },
    Endpoint {
        summary: "Say by which key the authority signs what it decides",
        body: endpoint::takes::<api::AuthorityKeyRequest>(),
        answer: endpoint::json::<api::AuthorityView>(),
        handle: |request, gateway| Handler::call(register_key, request, gateway),
        ..endpoint::put("/v1/submissions/key", MAY_DECIDE)
    },
    Endpoint {
        summary: "Show a submitted report with its versions",
        answer: endpoint::json::<api::ReportView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/submissions/{report}", MAY_DECIDE)
    },
    Endpoint {
        summary: "A document of a submitted version: HTML, PDF, the fields as a table, or the signature",
        query: endpoint::takes::<api::DocumentChoice>(),
        answer: Answer::Bytes,
        handle: |request, gateway| Handler::call(document, request, gateway),
        ..endpoint::get("/v1/submissions/{report}/document", MAY_DECIDE)
    },
    Endpoint {
        summary: "The bundle that the submitted version rests on (tar in zstd). It is noted who took it",
        answer: Answer::Bytes,
        handle: |request, gateway| Handler::call(bundle, request, gateway),
        ..endpoint::get("/v1/submissions/{report}/bundle", MAY_DECIDE)
    },
    Endpoint {
        summary: "Check the format and the signatures of the submitted version, and note what was found",
        answer: endpoint::json::<Check>(),
        handle: |request, gateway| Handler::call(check, request, gateway),
        ..endpoint::post("/v1/submissions/{report}/check", MAY_DECIDE)
    },
    Endpoint {
        summary: "Accept or reject the submitted version, signed by the authority's own key",
        body: endpoint::takes::<api::DecisionRequest>(),
        answer: endpoint::json::<api::ReportView>(),
        asks: Some(DECIDE),
        handle: |request, gateway| Handler::call(decide, request, gateway),
        ..endpoint::post("/v1/submissions/{report}/decision", MAY_DECIDE)
    },
];

impl Gateway {
    /// A report that the authority has; one that it has not is none to it.
    async fn submitted(&self, caller: &Caller, id: ReportId) -> Result<ComplianceReport, Problem> {
        let report = self.evidence.one::<ComplianceReport>(&caller.authenticated.tenant, &id).await?;
        let report = report.filter(|report| report.submitted().is_some());
        report.ok_or_else(|| Problem::not_found("submission", id))
    }
}

/// `GET /v1/submissions`
pub async fn list(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<List<api::ReportView>>, Problem> {
    Ok(Json(List::whole(gateway.evidence.submissions(&caller.authenticated.tenant).await?)))
}

/// `PUT /v1/submissions/key`
pub async fn register_key(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::AuthorityKeyRequest>,
) -> Result<Json<api::AuthorityView>, Problem> {
    Ok(Json(gateway.evidence.register_authority(&caller.ctx(), &body.value.key).await?.into()))
}

/// `GET /v1/submissions/{report}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
) -> Result<Json<api::ReportView>, Problem> {
    Ok(Json((id, gateway.submitted(&caller, id).await?).into()))
}

/// `GET /v1/submissions/{report}/document`
pub async fn document(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
    Parameters(choice): Parameters<api::DocumentChoice>,
) -> Result<Response, Problem> {
    let report = gateway.submitted(&caller, id).await?;
    let newest = report.submitted().map(|version| u64::from(version.version));
    let wanted = choice.version.map(|Within(number)| number).or(newest);
    // What was signed and never submitted is not the authority's.
    let is_theirs = report
        .versions
        .iter()
        .any(|version| Some(u64::from(version.version)) == wanted && version.submitted_at.is_some());
    if !is_theirs {
        return Err(Problem::not_found("submitted version of", id));
    }
    gateway.report_document(&caller, id, &api::DocumentChoice { version: wanted.map(Within), ..choice }).await
}

/// `GET /v1/submissions/{report}/bundle`
pub async fn bundle(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
) -> Result<Response, Problem> {
    let report = gateway.submitted(&caller, id).await?;
    let bundle = report.submitted().map(|version| version.bundle);
    let bundle = bundle.ok_or_else(|| Problem::not_found("submission", id))?;
    let ctx = caller.ctx();
    let archive = gateway.evidence.disclose(&ctx, bundle).await?;
    let name = format!("{bundle}.tar.zst");
    let file = KeptFile { sha256: &archive.sha256, bytes: archive.bytes, name: &name };
    Ok(gateway.kept_file(&ctx.tenant, &file))
}

/// `POST /v1/submissions/{report}/check`
pub async fn check(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
) -> Result<Json<Check>, Problem> {
    gateway.submitted(&caller, id).await?;
    Ok(Json(gateway.evidence.check_submission(&caller.ctx(), id).await?))
}

fn verdict(asked: &api::DecisionRequest) -> Result<Verdict, Problem> {
    let text = |field: &str, given: Option<&str>| {
        given
            .map(str::to_owned)
            .ok_or_else(|| Problem::from(Reject::invalid_field(field, "is needed for this verdict")))
    };
    Ok(match asked.verdict {
        api::VerdictGiven::Accept => Verdict::Accept {
            confirmation: text("/confirmation", asked.confirmation.as_deref())?,
            next_due_at: asked.next_due_at,
        },
        api::VerdictGiven::Reject => Verdict::Reject {
            reason: text("/reason", asked.reason.as_deref())?,
            correction: text("/correction", asked.correction.as_deref())?,
            owner: asked.owner.as_deref().unwrap_or("safety_officer").to_owned(),
            due_at: asked.due_at.ok_or_else(|| Reject::invalid_field("/due_at", "is needed for this verdict"))?,
        },
    })
}

/// `POST /v1/submissions/{report}/decision`
pub async fn decide(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
    body: Body<api::DecisionRequest>,
) -> Result<Json<api::ReportView>, Problem> {
    gateway.submitted(&caller, id).await?;
    let asked = body.value;
    let verdict = verdict(&asked)?;
    let Within(number) = asked.version;
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let signed = SignedText { statement: asked.statement.0, signature: asked.signature.0 };
    gateway.evidence.decide_submission(&caller.ctx(), id, number, &verdict, signed).await?;
    gateway.shown_report(&caller, id).await
}
