//! Drafts: written, tested, replayed, run in shadow, withdrawn.

use kernel::{Ctx, Reject, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use store::CommandError;
use store::port::Fault as StoreFault;

use super::{Governance, ReplayReport, ShadowCounts, no_draft, wrong_text};
use crate::draft::{
    self, DraftEvent, DraftId, DraftReplayed, DraftShadowStarted, DraftShadowStopped, DraftState, DraftTested,
    DraftWritten, PolicyDraft, ReplayedDraft, Tested,
};

/// The most bytes of a draft's text and cases together, as the journal writes them.
const WRITTEN_BYTES_MAX: usize = 40 * 1024;
/// Drafts of one answer.
const DRAFTS_MAX: usize = 200;

/// A draft, as it is shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyDraft")]
pub struct DraftView {
    pub id: DraftId,
    pub name: String,
    pub reason: String,
    pub text: String,
    pub cases: String,
    pub revision: u64,
    /// SHA-256 of text and cases.
    pub digest: String,
    pub state: DraftState,
    pub created_by: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    /// Of this very text; of another one it does not count.
    pub tested: Option<Tested>,
    pub replayed: Option<ReplayedDraft>,
    pub shadow: Option<ShadowCounts>,
    /// The generation as which it was put in force.
    pub generation: Option<u64>,
}

fn digest_of(text: &str, cases: &str) -> String {
    policy::digest_of([text, cases])
}

impl Governance {
    pub(super) async fn draft(&self, tenant: &TenantId, id: DraftId) -> Result<PolicyDraft, CommandError> {
        Ok(self.one::<PolicyDraft>(tenant, &id).await?.ok_or_else(no_draft)?)
    }

    async fn shown(&self, tenant: &TenantId, id: DraftId) -> Result<DraftView, CommandError> {
        let draft = self.draft(tenant, id).await?;
        let shadow = match &draft.shadow {
            Some(_) => Some(self.shadow_counts(tenant, id, &draft).await?),
            None => None,
        };
        Ok(view(id, draft, shadow))
    }

    /// The drafts of a tenant, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn drafts(&self, tenant: &TenantId) -> Result<Vec<DraftView>, StoreFault> {
        let drafts = self.page::<PolicyDraft>(tenant, DRAFTS_MAX).await?;
        Ok(drafts.into_iter().map(|(id, draft)| view(id, draft, None)).collect())
    }

    /// One draft, with what its shadow has counted.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn draft_view(&self, tenant: &TenantId, id: DraftId) -> Result<DraftView, CommandError> {
        self.shown(tenant, id).await
    }

    /// Writes a draft (`None`), or its next revision. A text that does not compile is refused, naming its line.
    ///
    /// # Errors
    /// `INVALID_REQUEST`; `NOT_FOUND`; `ILLEGAL_TRANSITION`.
    pub async fn write_draft(
        &self,
        ctx: &Ctx,
        id: Option<DraftId>,
        name: Option<&str>,
        reason: &str,
        (text, cases): (&str, &str),
    ) -> Result<DraftView, CommandError> {
        if serde_json::json!([text, cases]).to_string().len() > WRITTEN_BYTES_MAX {
            return Err(Reject::invalid_field("/text", "is too long, with its cases: split it into several").into());
        }
        self.compile(&ctx.tenant, text).map_err(|fault| wrong_text(&fault))?;
        let known = match id {
            Some(id) => Some(self.draft(&ctx.tenant, id).await?),
            None => None,
        };
        let name = name.map(str::to_owned).or(known.map(|known| known.name)).unwrap_or_default();
        let is_new = id.is_none();
        let id = id.unwrap_or_else(|| ctx.new_id());
        let written = DraftWritten {
            name,
            reason: reason.into(),
            text: text.into(),
            cases: cases.into(),
            digest: digest_of(text, cases),
            by: ctx.actor.id.clone(),
        };
        self.command::<PolicyDraft, ()>(ctx, &id, None, |state| draft::write(state, is_new, &written)).await?;
        tracing::info!(tenant = %ctx.tenant, draft = %id, "a draft of policies was written");
        self.shown(&ctx.tenant, id).await
    }

    /// Runs a draft's cases.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where they are no cases; `NOT_FOUND`; `ILLEGAL_TRANSITION`.
    pub async fn test_draft(&self, ctx: &Ctx, id: DraftId) -> Result<policy::CaseReport, CommandError> {
        let draft = self.draft(&ctx.tenant, id).await?;
        let layer = self.compile(&ctx.tenant, &draft.text).map_err(|fault| wrong_text(&fault))?;
        let report = self.parts.policy.run_cases(&ctx.tenant, &layer, &draft.cases);
        let report = report.map_err(|problem| Reject::invalid_field("/cases", problem))?;
        let tested = DraftTested {
            digest: draft.digest.clone(),
            passed: report.passed,
            failed: report.failed,
            untested: report.untested.clone(),
            by: ctx.actor.id.clone(),
        };
        let event: DraftEvent = tested.into();
        self.command::<PolicyDraft, ()>(ctx, &id, None, |state| draft::note(state, &draft.digest, event.clone()))
            .await?;
        Ok(report)
    }

    /// Asks past decisions again under a draft's rules, the newest so many.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION`; a fault of the store.
    pub async fn replay_draft(&self, ctx: &Ctx, id: DraftId, most: u64) -> Result<ReplayReport, CommandError> {
        let draft = self.draft(&ctx.tenant, id).await?;
        let layer = self.compile(&ctx.tenant, &draft.text).map_err(|fault| wrong_text(&fault))?;
        let report = self.replay(&ctx.tenant, &layer, most).await?;
        let by = ctx.actor.id.clone();
        let event: DraftEvent = DraftReplayed { digest: draft.digest.clone(), counts: report.counts, by }.into();
        self.command::<PolicyDraft, ()>(ctx, &id, None, |state| draft::note(state, &draft.digest, event.clone()))
            .await?;
        Ok(report)
    }

    /// Begins or ends the shadow of a draft.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION`.
    pub async fn shadow_draft(
        &self,
        ctx: &Ctx,
        id: DraftId,
        on: bool,
        reason: &str,
    ) -> Result<DraftView, CommandError> {
        let known = self.draft(&ctx.tenant, id).await?;
        let (reason, by) = (reason.to_owned(), ctx.actor.id.clone());
        let event: DraftEvent = if on {
            let from = self.parts.store.head(&ctx.tenant).await?.map_or(0, |head| head.size);
            DraftShadowStarted { from, reason, by }.into()
        } else {
            let counts = match &known.shadow {
                Some(_) => self.shadow_counts(&ctx.tenant, id, &known).await?.counts,
                None => draft::ReplayCounts::default(),
            };
            DraftShadowStopped { counts, reason, by }.into()
        };
        self.command::<PolicyDraft, ()>(ctx, &id, None, |state| draft::shadow(state, event.clone())).await?;
        self.forget_shadow(&ctx.tenant, id);
        self.shown(&ctx.tenant, id).await
    }

    /// Withdraws a draft.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION`.
    pub async fn withdraw_draft(&self, ctx: &Ctx, id: DraftId, reason: &str) -> Result<DraftView, CommandError> {
        let by = ctx.actor.id.clone();
        self.command::<PolicyDraft, ()>(ctx, &id, None, |state| draft::withdraw(state, reason, &by)).await?;
        self.forget_shadow(&ctx.tenant, id);
        self.shown(&ctx.tenant, id).await
    }
}

fn view(id: DraftId, draft: PolicyDraft, shadow: Option<ShadowCounts>) -> DraftView {
    let digest = draft.digest.clone();
    DraftView {
        id,
        name: draft.name,
        reason: draft.reason,
        text: draft.text,
        cases: draft.cases,
        revision: draft.revision,
        state: draft.state,
        created_by: draft.created_by,
        created_at: draft.created_at,
        changed_at: draft.changed_at,
        tested: draft.tested.filter(|tested| tested.digest == digest),
        replayed: draft.replayed.filter(|replayed| replayed.digest == digest),
        shadow,
        generation: draft.generation,
        digest,
    }
}
