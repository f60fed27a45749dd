//! Policies over the store: drafts, what is in force, waivers; and the engine, which decides by them.

mod drafts;
mod in_force;
mod replay;
mod waivers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kernel::ctx::About;
use kernel::{Aggregate, BoxFuture, Code, Ctx, CtxSource, Decided, Reject, Subject, TenantId};
use policy::{BundleError, Engine, OwnLayer, Request, RuleWords};
use schemars::JsonSchema;
use serde::Serialize;
use store::port::{Fault as StoreFault, Guard, ListQuery, Order, Store};
use store::{CommandError, Extras, TableSpec, execute_plain, load};

pub use drafts::DraftView;
pub use in_force::InForceRules;
pub use replay::{ReplayReport, ReplayRow, ShadowCounts};

use crate::draft::DraftId;

/// What every context of a tenant says of it.
pub trait Tenants: Send + Sync {
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, StoreFault>>;
}

/// What the service is made of.
pub struct GovernanceParts {
    pub store: Arc<dyn Store>,
    pub source: Arc<dyn CtxSource>,
    pub policy: Arc<Engine>,
    pub tenants: Arc<dyn Tenants>,
}

/// The service.
pub struct Governance {
    parts: GovernanceParts,
    /// How far the decisions since the beginning of each shadow were counted.
    shadows: Mutex<BTreeMap<(TenantId, DraftId), replay::Counted>>,
}

/// What is wrong with a text, where.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyFault")]
pub struct Fault {
    /// From 1.
    pub line: usize,
    pub policy: Option<String>,
    pub problem: String,
}

/// What a check finds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyCheck")]
pub struct Checked {
    pub ok: bool,
    pub faults: Vec<Fault>,
    pub rules: Vec<RuleWords>,
    /// What is worth a second look.
    pub warnings: Vec<Fault>,
    /// What came of the cases, where some were given.
    pub tested: Option<policy::CaseReport>,
}

impl From<BundleError> for Fault {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Syntax { line, problem, .. } => Self { line, policy: None, problem },
            BundleError::Rule { policy_id, line, problem, .. } => Self { line, policy: Some(policy_id), problem },
            other => Self { line: 1, policy: None, problem: other.to_string() },
        }
    }
}

/// The refusal of a text that is wrong, naming its line.
fn wrong_text(fault: &Fault) -> Reject {
    let policy = fault.policy.as_ref().map(|id| format!("policy {id}: ")).unwrap_or_default();
    Reject::invalid_field("/text", format!("line {}: {policy}{}", fault.line, fault.problem))
}

impl Governance {
    /// The service over a store.
    pub fn new(parts: GovernanceParts) -> Self {
        Self { parts, shadows: Mutex::default() }
    }

    /// A text compiled against the bundle in force.
    fn compile(&self, tenant: &TenantId, text: &str) -> Result<OwnLayer, Fault> {
        self.parts.policy.active().own_layer(tenant, text).map_err(Into::into)
    }

    /// Checks a text, and runs cases where some are given; nothing is kept.
    pub fn check(&self, tenant: &TenantId, text: &str, cases: Option<&str>) -> Checked {
        let bundle = self.parts.policy.active();
        let layer = match self.compile(tenant, text) {
            Ok(layer) => layer,
            Err(fault) => {
                return Checked { ok: false, faults: vec![fault], rules: vec![], warnings: vec![], tested: None };
            }
        };
        let rules = bundle.own_rule_words(&layer);
        let line_of = |id: &str| rules.iter().find(|rule| rule.id == id).map_or(1, |rule| rule.line);
        let warnings = bundle.warnings(&layer).into_iter();
        let warnings = warnings.map(|(id, problem)| Fault { line: line_of(&id), policy: Some(id), problem }).collect();
        let (tested, faults) = match cases.filter(|cases| !cases.trim().is_empty()) {
            None => (None, Vec::new()),
            Some(cases) => match self.parts.policy.run_cases(tenant, &layer, cases) {
                Ok(report) => (Some(report), Vec::new()),
                Err(problem) => (None, vec![Fault { line: 1, policy: None, problem: format!("the cases: {problem}") }]),
            },
        };
        Checked { ok: faults.is_empty(), faults, rules, warnings, tested }
    }

    /// What would be decided, by what is in force or with a draft's rules instead; nothing follows from it.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown draft; `INVALID_REQUEST` where its text does not hold any more.
    pub async fn explain(
        &self,
        request: &Request,
        tenant: &TenantId,
        draft: Option<DraftId>,
    ) -> Result<policy::Decision, CommandError> {
        let Some(id) = draft else {
            return Ok(self.parts.policy.explain(request, self.parts.policy.own(tenant).as_deref()));
        };
        let draft = self.draft(tenant, id).await?;
        let layer = self.compile(tenant, &draft.text).map_err(|fault| wrong_text(&fault))?;
        Ok(self.parts.policy.explain(request, Some(&layer)))
    }

    /// What is asked about the rules themselves is decided without the tenant's own: they never keep anybody from taking them
    /// back.
    fn decide(&self, request: &Request) -> policy::PolicyAnswer {
        self.parts.policy.explain(request, None).into()
    }

    fn ask(&self, ctx: &Ctx, action: policy::Action, second: bool) -> Request {
        Request::new(ctx, action, Subject::new("tenant", &ctx.tenant)).fact("second_person", second)
    }

    async fn command<A: Aggregate, R: Send>(
        &self,
        ctx: &Ctx,
        id: &A::Id,
        guard: Option<Guard>,
        decide: impl Fn(Option<&A>) -> Decided<A::Event, R> + Send + Sync,
    ) -> Result<R, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        Ok(execute_plain(&*self.parts.store, ctx, id, extras, decide).await?.reply)
    }

    async fn one<A: Aggregate>(&self, tenant: &TenantId, id: &A::Id) -> Result<Option<A>, StoreFault> {
        Ok(load::<A>(&*self.parts.store, tenant, id).await?.map(|known| known.state))
    }

    async fn page<A: Aggregate>(&self, tenant: &TenantId, limit: usize) -> Result<Vec<(A::Id, A)>, StoreFault> {
        let query = ListQuery { filters: Vec::new(), after: None, limit, order: Order::Descending };
        let rows = self.parts.store.list(TableSpec::of::<A>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }
}

/// The refusal of an id that no draft has.
fn no_draft() -> Reject {
    Reject::new(Code::NotFound, "there is no such draft: list them to see which there are")
}
