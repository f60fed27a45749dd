//! The life of a policy: what is in force, drafts and what came of them, activation by two people, waivers.

use std::sync::Arc;

use api_types::approvals::Approval;
use api_types::{List, ReasonGiven, policies as api};
use approvals::NewApproval;
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use governance::actions::{MAY_ACTIVATE_POLICIES, MAY_READ_POLICIES, MAY_WRITE_POLICIES};
use governance::{Checked, DraftId, DraftView, InForceRules, ReplayReport, WaiverId};
use kernel::{Code, Reject, Role, Subject};
use policy::{CaseReport, Decision, Fact, Request};
use serde_json::{Value, json};

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "The rules that decide for the tenant, and the generations of its own",
        answer: endpoint::json::<InForceRules>(),
        handle: |request, gateway| Handler::call(in_force, request, gateway),
        ..endpoint::get("/v1/policies", MAY_READ_POLICIES)
    },
    Endpoint {
        summary: "The acts, facts, roles and annotations that rules can speak of",
        answer: endpoint::json::<api::PolicyVocabulary>(),
        handle: |request, gateway| Handler::call(vocabulary, request, gateway),
        ..endpoint::get("/v1/policies/vocabulary", MAY_READ_POLICIES)
    },
    Endpoint {
        summary: "Check a text, and run cases; nothing is kept",
        body: endpoint::takes::<api::PolicyText>(),
        answer: endpoint::json::<Checked>(),
        handle: |request, gateway| Handler::call(check, request, gateway),
        ..endpoint::post("/v1/policies/check", MAY_WRITE_POLICIES)
    },
    Endpoint {
        summary: "What would be decided, and why; nothing follows from it",
        body: endpoint::takes::<api::Explained>(),
        answer: endpoint::json::<Decision>(),
        handle: |request, gateway| Handler::call(explain, request, gateway),
        ..endpoint::post("/v1/policies/explain", MAY_WRITE_POLICIES)
    },
    Endpoint {
        summary: "Ask for rules of before to be put in force again; a second person decides",
        body: endpoint::takes::<api::PolicyRollback>(),
        status: 202,
        answer: endpoint::json::<Approval>(),
        handle: |request, gateway| Handler::call(roll_back, request, gateway),
        ..endpoint::post("/v1/policies/rollback", MAY_ACTIVATE_POLICIES)
    },
    Endpoint {
        summary: "List drafts, the newest first",
        answer: endpoint::list::<DraftView, String>(),
        handle: |request, gateway| Handler::call(drafts, request, gateway),
        ..endpoint::get("/v1/policy-drafts", MAY_READ_POLICIES)
    },
    Endpoint {
        summary: "Write a draft of rules of the tenant's own",
        body: endpoint::takes::<api::NewDraft>(),
        status: 201,
        answer: endpoint::json::<DraftView>(),
        handle: |request, gateway| Handler::call(write, request, gateway),
        ..endpoint::post("/v1/policy-drafts", MAY_WRITE_POLICIES)
    },
    Endpoint {
        summary: "Show a draft, with what came of it",
        answer: endpoint::json::<DraftView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/policy-drafts/{draft}", MAY_READ_POLICIES)
    },
    Endpoint {
        summary: "Write a draft's next revision; what was tested or replayed counts no more",
        body: endpoint::takes::<api::NextRevision>(),
        answer: endpoint::json::<DraftView>(),
        handle: |request, gateway| Handler::call(revise, request, gateway),
        ..endpoint::put("/v1/policy-drafts/{draft}", MAY_WRITE_POLICIES)
    },
    Endpoint {
        summary: "Run a draft's cases",
        answer: endpoint::json::<CaseReport>(),
        handle: |request, gateway| Handler::call(test, request, gateway),
        ..endpoint::post("/v1/policy-drafts/{draft}/test", MAY_WRITE_POLICIES)
    },
    Endpoint {
        summary: "Ask past decisions again under a draft: what would be denied, allowed, tighter, looser",
        body: endpoint::takes::<api::ReplayAsked>(),
        answer: endpoint::json::<ReplayReport>(),
        handle: |request, gateway| Handler::call(replay, request, gateway),
        ..endpoint::post("/v1/policy-drafts/{draft}/replay", MAY_WRITE_POLICIES)
    },
    Endpoint {
        summary: "Begin or end a draft's shadow: what it would decide is counted, and nothing follows",
        body: endpoint::takes::<api::ShadowAsked>(),
        answer: endpoint::json::<DraftView>(),
        handle: |request, gateway| Handler::call(shadow, request, gateway),
        ..endpoint::post("/v1/policy-drafts/{draft}/shadow", MAY_WRITE_POLICIES)
    },
    Endpoint {
        summary: "Ask for a draft to be put in force; a second person decides",
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<Approval>(),
        handle: |request, gateway| Handler::call(activate, request, gateway),
        ..endpoint::post("/v1/policy-drafts/{draft}/activate", MAY_ACTIVATE_POLICIES)
    },
    Endpoint {
        summary: "Withdraw a draft",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<DraftView>(),
        handle: |request, gateway| Handler::call(withdraw, request, gateway),
        ..endpoint::post("/v1/policy-drafts/{draft}/withdraw", MAY_WRITE_POLICIES)
    },
    Endpoint {
        summary: "List waivers, the newest first",
        answer: endpoint::list::<api::WaiverView, String>(),
        handle: |request, gateway| Handler::call(waivers, request, gateway),
        ..endpoint::get("/v1/waivers", MAY_READ_POLICIES)
    },
    Endpoint {
        summary: "Ask for a rule to be lifted for a time; a second person decides",
        body: endpoint::takes::<api::NewWaiver>(),
        status: 202,
        answer: endpoint::json::<Approval>(),
        handle: |request, gateway| Handler::call(waive, request, gateway),
        ..endpoint::post("/v1/waivers", MAY_ACTIVATE_POLICIES)
    },
    Endpoint {
        summary: "End a waiver before its time: the rule holds again at once",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::WaiverView>(),
        handle: |request, gateway| Handler::call(end_waiver, request, gateway),
        ..endpoint::post("/v1/waivers/{waiver}/end", MAY_ACTIVATE_POLICIES)
    },
];

/// The commands that a second person decides.
pub const ACTIVATE: &str = "policy.activate";
pub const ROLL_BACK: &str = "policy.roll_back";
pub const WAIVE: &str = "waiver.grant";

/// Decisions that are asked again where nobody says how many.
const REPLAY_DEFAULT: u64 = 10_000;

/// `GET /v1/policies`
pub async fn in_force(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<InForceRules>, Problem> {
    let who = &caller.authenticated;
    Ok(Json(gateway.governance.in_force(&who.tenant, who.sector).await?))
}

/// `GET /v1/policies/vocabulary`
pub async fn vocabulary(State(gateway): State<Arc<Gateway>>) -> Json<api::PolicyVocabulary> {
    let annotations = api::ANNOTATIONS.iter().map(|&(name, meaning)| api::Annotation { name, meaning });
    Json(api::PolicyVocabulary {
        actions: gateway.engine.active().vocabulary(),
        annotations: annotations.collect(),
        roles: kernel::role::names().map(str::to_owned).collect(),
    })
}

/// `POST /v1/policies/check`
pub async fn check(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::PolicyText>,
) -> Result<Json<Checked>, Problem> {
    let api::PolicyText { text, cases } = body.value;
    Ok(Json(gateway.governance.check(&caller.authenticated.tenant, &text, cases.as_deref())))
}

/// `POST /v1/policies/explain`
pub async fn explain(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::Explained>,
) -> Result<Json<Decision>, Problem> {
    let api::Explained { action, resource, role, facts, draft } = body.value;
    let mut known = crate::policy_modules().into_iter().flat_map(|module| module.actions).copied();
    let unknown = || Reject::invalid_field("/action", "is no act that rules decide: see the vocabulary");
    let action = known.find(|known| known.as_str() == action).ok_or_else(unknown)?;
    let subject = Subject::parse(&resource).ok_or_else(|| Reject::invalid_field("/resource", "is no kind/id"))?;
    let mut ctx = caller.ctx();
    if let Some(role) = role {
        if !kernel::role::names().any(|known| known == role) {
            return Err(Reject::invalid_field("/role", "is no role that anybody can have").into());
        }
        ctx.actor.role = role;
    }
    let decimal = |name: &str| {
        let words = gateway.engine.active().vocabulary();
        let of = words.iter().find(|words| words.action == action.as_str());
        of.is_some_and(|of| of.facts.iter().any(|fact| fact.name == name && fact.type_name == "decimal"))
    };
    let facts = facts.into_iter().map(|(name, value)| {
        let value = match value {
            // A person who types 3 means 3.0.
            policy::FactValue::Long(number) if decimal(&name) => policy::FactValue::Decimal(number as f64),
            other => other,
        };
        Fact { name, value, observed_at: ctx.now }
    });
    let facts: Vec<Fact> = facts.collect();
    let entitlements = caller.authenticated.entitlements.iter().cloned();
    let request = Request::new(&ctx, action, subject).entitled_to(entitlements).facts(facts);
    Ok(Json(gateway.governance.explain(&request, &ctx.tenant, draft).await?))
}

impl Gateway {
    /// Asks for a change of the rules, which a second person decides.
    async fn ask_for(
        &self,
        caller: &Caller,
        command: &'static str,
        summary: String,
        reason: String,
        arguments: Value,
    ) -> Result<(StatusCode, Json<Approval>), Problem> {
        let ctx = caller.ctx();
        let asked = NewApproval {
            command,
            subject: Subject::new("tenant", &ctx.tenant),
            summary,
            reason,
            arguments,
            deciding_roles: [Role::Administrator, Role::SafetyOfficer].into(),
        };
        let (id, approval) = self.approvals.ask(&ctx, asked).await?;
        Ok((StatusCode::ACCEPTED, Json(Approval::of(id, approval, &ctx.actor, ctx.now))))
    }
}

/// `POST /v1/policies/rollback`
pub async fn roll_back(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::PolicyRollback>,
) -> Result<(StatusCode, Json<Approval>), Problem> {
    let api::PolicyRollback { generation, reason } = body.value;
    let who = &caller.authenticated;
    let known = gateway.governance.in_force(&who.tenant, who.sector).await?;
    if generation != 0 && !known.generations.iter().any(|kept| kept.generation == generation) {
        let text = format!("generation {generation} is not kept: list them to see which are");
        return Err(Problem::new(Code::NotFound, text));
    }
    if generation == 0 && known.own.is_none() {
        return Err(Problem::new(Code::IllegalTransition, "there are no rules of your own to take back"));
    }
    let summary = match generation {
        0 => "Take all rules of the tenant's own out of force".to_owned(),
        _ => format!("Put the rules of generation {generation} in force again"),
    };
    gateway.ask_for(&caller, ROLL_BACK, summary, reason.0, json!({ "generation": generation })).await
}

/// `GET /v1/policy-drafts`
pub async fn drafts(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<List<DraftView>>, Problem> {
    Ok(Json(List::whole(gateway.governance.drafts(&caller.authenticated.tenant).await?)))
}

/// `POST /v1/policy-drafts`
pub async fn write(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::NewDraft>,
) -> Result<(StatusCode, Json<DraftView>), Problem> {
    let ctx = caller.ctx();
    gateway.sectors.needs_entitlement(&ctx, "policies.own").await?;
    let api::NewDraft { name, text, cases, reason } = body.value;
    let made = gateway.governance.write_draft(&ctx, None, Some(&name.0), &reason.0, (&text, &cases)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// `GET /v1/policy-drafts/{draft}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(draft): Id<DraftId>,
) -> Result<Json<DraftView>, Problem> {
    Ok(Json(gateway.governance.draft_view(&caller.authenticated.tenant, draft).await?))
}

/// `PUT /v1/policy-drafts/{draft}`
pub async fn revise(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(draft): Id<DraftId>,
    body: Body<api::NextRevision>,
) -> Result<Json<DraftView>, Problem> {
    let api::NextRevision { text, cases, reason } = body.value;
    let reason = reason.map_or_else(|| "another revision".to_owned(), |reason| reason.0);
    let texts = (text.as_str(), cases.as_str());
    Ok(Json(gateway.governance.write_draft(&caller.ctx(), Some(draft), None, &reason, texts).await?))
}

/// `POST /v1/policy-drafts/{draft}/test`
pub async fn test(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(draft): Id<DraftId>,
) -> Result<Json<CaseReport>, Problem> {
    Ok(Json(gateway.governance.test_draft(&caller.ctx(), draft).await?))
}

/// `POST /v1/policy-drafts/{draft}/replay`
pub async fn replay(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(draft): Id<DraftId>,
    body: Body<api::ReplayAsked>,
) -> Result<Json<ReplayReport>, Problem> {
    let most = body.value.limit.unwrap_or(REPLAY_DEFAULT);
    let (governance, ctx) = (Arc::clone(&gateway.governance), caller.ctx());
    let runtime = tokio::runtime::Handle::current();
    let replay = move || runtime.block_on(governance.replay_draft(&ctx, draft, most));
    Ok(Json(gateway.replaying.run("other policies are replayed at this moment: try again", replay).await??))
}

/// `POST /v1/policy-drafts/{draft}/shadow`
pub async fn shadow(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(draft): Id<DraftId>,
    body: Body<api::ShadowAsked>,
) -> Result<Json<DraftView>, Problem> {
    let api::ShadowAsked { on, reason } = body.value;
    Ok(Json(gateway.governance.shadow_draft(&caller.ctx(), draft, on, &reason.0).await?))
}

/// `POST /v1/policy-drafts/{draft}/activate`
pub async fn activate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(draft): Id<DraftId>,
    body: Body<ReasonGiven>,
) -> Result<(StatusCode, Json<Approval>), Problem> {
    let known = gateway.governance.ready_to_activate(&caller.ctx(), draft).await?;
    let summary = format!("Put the policy \"{}\" in force", known.name);
    let arguments = json!({ "draft": draft, "digest": known.digest });
    gateway.ask_for(&caller, ACTIVATE, summary, body.value.reason.0, arguments).await
}

/// `POST /v1/policy-drafts/{draft}/withdraw`
pub async fn withdraw(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(draft): Id<DraftId>,
    body: Body<ReasonGiven>,
) -> Result<Json<DraftView>, Problem> {
    Ok(Json(gateway.governance.withdraw_draft(&caller.ctx(), draft, &body.value.reason).await?))
}

/// `GET /v1/waivers`
pub async fn waivers(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<List<api::WaiverView>>, Problem> {
    let known = gateway.governance.waivers(&caller.authenticated.tenant).await?;
    Ok(Json(List::whole(known)))
}

/// `POST /v1/waivers`
pub async fn waive(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::NewWaiver>,
) -> Result<(StatusCode, Json<Approval>), Problem> {
    let api::NewWaiver { rule, until, reason } = body.value;
    let ctx = caller.ctx();
    gateway.governance.ready_to_waive(&ctx, &rule, until)?;
    let id: WaiverId = ctx.new_id();
    let summary = format!("Waive the rule {rule} until {until}");
    let arguments = json!({ "waiver": id, "rule": rule, "until": until });
    gateway.ask_for(&caller, WAIVE, summary, reason.0, arguments).await
}

/// `POST /v1/waivers/{waiver}/end`
pub async fn end_waiver(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(waiver): Id<WaiverId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::WaiverView>, Problem> {
    let ended = gateway.governance.end_waiver(&caller.ctx(), waiver, &body.value.reason).await?;
    Ok(Json((waiver, ended).into()))
}
