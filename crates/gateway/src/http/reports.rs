//! Reports to authorities and what is due to them (EVD-5, EVD-6).

use std::sync::Arc;

use ::reports::form::{Kind, Source, Submission};
use ::reports::{Form, Origin};
use api_types::reports as api;
use api_types::{List, Page, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::response::Response;
use evidence::actions::{MAY_READ_EVIDENCE, MAY_REPORT, SUBMIT};
use evidence::{ComplianceReport, Composed, NewReport};
use kernel::id::ReportId;

use super::auth::Caller;
use super::endpoint::{self, Answer, Endpoint};
use super::evidence::{KeptFile, PAGE_DEFAULT};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "List the forms of authorities, with their fields",
        answer: endpoint::list::<api::FormView, String>(),
        handle: |request, gateway| Handler::call(forms, request, gateway),
        ..endpoint::get("/v1/evidence/forms", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "List what is due to authorities, the soonest first",
        answer: endpoint::list::<api::ObligationView, String>(),
        handle: |request, gateway| Handler::call(obligations, request, gateway),
        ..endpoint::get("/v1/evidence/obligations", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "List reports, the newest first",
        query: endpoint::takes::<Page<ReportId>>(),
        answer: endpoint::list::<api::ReportView, ReportId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/evidence/reports", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "Begin a report; the bundle that it rests on is made meanwhile",
        body: endpoint::takes::<api::ReportRequest>(),
        status: 201,
        answer: endpoint::json::<api::ReportView>(),
        handle: |request, gateway| Handler::call(draft, request, gateway),
        ..endpoint::post("/v1/evidence/reports", MAY_REPORT)
    },
    Endpoint {
        summary: "Show a report with its versions and their answers",
        answer: endpoint::json::<api::ReportView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/evidence/reports/{report}", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "A report as it would be written down now: every field with where its value came from, and what is missing",
        answer: endpoint::json::<api::ReportPreview>(),
        handle: |request, gateway| Handler::call(preview, request, gateway),
        ..endpoint::get("/v1/evidence/reports/{report}/preview", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "Say what no entry says, all of it",
        body: endpoint::takes::<api::ReportValues>(),
        answer: endpoint::json::<api::ReportView>(),
        handle: |request, gateway| Handler::call(give_values, request, gateway),
        ..endpoint::put("/v1/evidence/reports/{report}/values", MAY_REPORT)
    },
    Endpoint {
        summary: "Write the next version down and sign it",
        answer: endpoint::json::<api::ReportView>(),
        handle: |request, gateway| Handler::call(sign, request, gateway),
        ..endpoint::post("/v1/evidence/reports/{report}/sign", MAY_REPORT)
    },
    Endpoint {
        summary: "Hand the signed version to the authority; a form that stays in the house is logged as an internal audit",
        answer: endpoint::json::<api::ReportView>(),
        asks: Some(SUBMIT),
        handle: |request, gateway| Handler::call(submit, request, gateway),
        ..endpoint::post("/v1/evidence/reports/{report}/submit", MAY_REPORT)
    },
    Endpoint {
        summary: "Say what was corrected after a rejection: the next version can be signed",
        body: endpoint::takes::<api::CorrectionMade>(),
        answer: endpoint::json::<api::ReportView>(),
        handle: |request, gateway| Handler::call(correct, request, gateway),
        ..endpoint::post("/v1/evidence/reports/{report}/correct", MAY_REPORT)
    },
    Endpoint {
        summary: "A document of a version: HTML, PDF, the fields as a table, or the signature",
        query: endpoint::takes::<api::DocumentChoice>(),
        answer: Answer::Bytes,
        handle: |request, gateway| Handler::call(document, request, gateway),
        ..endpoint::get("/v1/evidence/reports/{report}/document", MAY_READ_EVIDENCE)
    },
];

fn form_view(form: &Form) -> api::FormView {
    let field = |field: &::reports::form::Field| api::FormFieldView {
        id: field.id.clone(),
        title: field.title.clone(),
        required: field.required,
        max_chars: field.max_chars.map(|most| most as u64),
        choices: field.choices.clone(),
        setting: match &field.source {
            Source::Setting { setting } => Some(setting.clone()),
            Source::Manual | Source::Events(_) => None,
        },
    };
    api::FormView {
        form: form.id.clone(),
        title: form.title.clone(),
        authority: form.authority.clone(),
        framework: form.framework.clone(),
        words: form.words.clone(),
        disclaimer: form.disclaimer.clone(),
        submitted: form.submission == Submission::Required,
        about_collision: form.kind == Kind::Occurrence,
        fields: form.fields.iter().map(field).collect(),
    }
}

fn preview_of(composed: Composed) -> api::ReportPreview {
    let html = ::reports::html(&composed.report);
    let fields = composed.filled.fields.into_iter().map(|field| {
        let (from, entries) = match field.from {
            Origin::Entries(entries) => ("entries", entries),
            Origin::Setting => ("setting", Vec::new()),
            Origin::Person => ("person", Vec::new()),
            Origin::Nothing => ("nothing", Vec::new()),
        };
        api::FilledFieldView {
            id: field.id,
            title: field.title,
            value: field.value,
            required: field.required,
            from: from.to_owned(),
            entries,
            counted: field.counted,
        }
    });
    let faults = composed.filled.faults.into_iter();
    api::ReportPreview {
        fields: fields.collect(),
        missing: composed.filled.missing,
        faults: faults.map(|fault| api::FieldFault { field: fault.field, reason: fault.reason }).collect(),
        html,
    }
}

impl Gateway {
    pub(super) async fn shown_report(&self, caller: &Caller, id: ReportId) -> Result<Json<api::ReportView>, Problem> {
        let report = self.evidence.one::<ComplianceReport>(&caller.authenticated.tenant, &id).await?;
        Ok(Json((id, report.ok_or_else(|| Problem::not_found("report", id))?).into()))
    }

    pub(super) async fn report_document(
        self: &Arc<Self>,
        caller: &Caller,
        id: ReportId,
        choice: &api::DocumentChoice,
    ) -> Result<Response, Problem> {
        let tenant = &caller.authenticated.tenant;
        let number = choice.version.map(|Within(number)| u32::try_from(number).unwrap_or(u32::MAX));
        let format = choice.format.unwrap_or(evidence::report::Format::Pdf);
        let (document, version) = self.evidence.document(tenant, id, number, format).await?;
        let extension = match format {
            evidence::report::Format::Signature => "sigstore.json",
            format => format.as_str(),
        };
        let name = format!("{id}-{version}.{extension}");
        let file = KeptFile { sha256: &document.sha256, bytes: document.bytes, name: &name };
        Ok(self.kept_file(tenant, &file))
    }
}

/// `GET /v1/evidence/forms`
pub async fn forms(State(gateway): State<Arc<Gateway>>) -> Json<List<api::FormView>> {
    Json(List::whole(gateway.evidence.known_forms().map(form_view)))
}

/// `GET /v1/evidence/obligations`
pub async fn obligations(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<List<api::ObligationView>>, Problem> {
    Ok(Json(List::whole(gateway.evidence.open_obligations(&caller.authenticated.tenant).await?)))
}

/// `GET /v1/evidence/reports`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page<ReportId>>,
) -> Result<Json<List<api::ReportView, ReportId>>, Problem> {
    let limit = page.limit.map_or(PAGE_DEFAULT, Within::as_usize);
    let found = gateway.evidence.page::<ComplianceReport>(&caller.authenticated.tenant, page.after, limit).await?;
    Ok(Json(List::page(found, limit, |(id, _)| *id)))
}

/// `POST /v1/evidence/reports`
pub async fn draft(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::ReportRequest>,
) -> Result<(StatusCode, Json<api::ReportView>), Problem> {
    let api::ReportRequest { form, covered, collision, obligation, values } = body.value;
    let new = NewReport { form: form.0, covered, collision, obligation, values };
    let id = gateway.evidence.draft(&caller.ctx(), new).await?;
    Ok((StatusCode::CREATED, gateway.shown_report(&caller, id).await?))
}

/// `GET /v1/evidence/reports/{report}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
) -> Result<Json<api::ReportView>, Problem> {
    gateway.shown_report(&caller, id).await
}

/// `GET /v1/evidence/reports/{report}/preview`
pub async fn preview(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
) -> Result<Json<api::ReportPreview>, Problem> {
    Ok(Json(preview_of(gateway.evidence.preview(&caller.authenticated.tenant, id).await?)))
}

/// `PUT /v1/evidence/reports/{report}/values`
pub async fn give_values(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
    body: Body<api::ReportValues>,
) -> Result<Json<api::ReportView>, Problem> {
    gateway.evidence.give_values(&caller.ctx(), id, &body.value.values).await?;
    gateway.shown_report(&caller, id).await
}

/// `POST /v1/evidence/reports/{report}/sign`
pub async fn sign(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
) -> Result<Json<api::ReportView>, Problem> {
    gateway.evidence.sign(&caller.ctx(), id).await?;
    gateway.shown_report(&caller, id).await
}

/// `POST /v1/evidence/reports/{report}/submit`
pub async fn submit(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
) -> Result<Json<api::ReportView>, Problem> {
    gateway.evidence.submit(&caller.ctx(), id).await?;
    gateway.shown_report(&caller, id).await
}

/// `POST /v1/evidence/reports/{report}/correct`
pub async fn correct(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
    body: Body<api::CorrectionMade>,
) -> Result<Json<api::ReportView>, Problem> {
    gateway.evidence.correct(&caller.ctx(), id, &body.value.what).await?;
    gateway.shown_report(&caller, id).await
}

/// `GET /v1/evidence/reports/{report}/document`
pub async fn document(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReportId>,
    Parameters(choice): Parameters<api::DocumentChoice>,
) -> Result<Response, Problem> {
    gateway.report_document(&caller, id, &choice).await
}
