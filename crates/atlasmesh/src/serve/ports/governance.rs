//! Changes of the rules that two people decide.

use std::sync::Arc;

use ::governance::{DraftId, Governance, WaiverId};
use approvals::ApprovedCommand;
use gateway::http::policies::{ACTIVATE, ROLL_BACK, WAIVE};
use kernel::{BoxFuture, Code, Ctx, Reject, Subject, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use store::CommandError;

/// Puts a draft in force.
pub struct ActivatePolicy(pub Arc<Governance>);

/// Puts rules of before in force again.
pub struct RollBackPolicy(pub Arc<Governance>);

/// Lifts a rule for a time.
pub struct GrantWaiver(pub Arc<Governance>);

#[derive(Deserialize)]
struct WhichDraft {
    draft: DraftId,
    digest: String,
}

#[derive(Deserialize)]
struct WhichGeneration {
    generation: u64,
}

#[derive(Deserialize)]
struct WhichWaiver {
    waiver: WaiverId,
    rule: String,
    until: Timestamp,
}

fn read<T: for<'de> Deserialize<'de>>(arguments: &Value) -> Result<T, Reject> {
    let unreadable = |_| Reject::new(Code::IllegalTransition, "this approval is of another version: ask again");
    T::deserialize(arguments).map_err(unreadable)
}

impl ApprovedCommand for ActivatePolicy {
    fn command(&self) -> &'static str {
        ACTIVATE
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        _: &'a Subject,
        arguments: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let WhichDraft { draft, digest } = read(arguments)?;
            self.0.activate(ctx, draft, &digest, reason).await.map(drop)
        })
    }
}

impl ApprovedCommand for RollBackPolicy {
    fn command(&self) -> &'static str {
        ROLL_BACK
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        _: &'a Subject,
        arguments: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let WhichGeneration { generation } = read(arguments)?;
            self.0.roll_back(ctx, generation, reason).await.map(drop)
        })
    }
}

impl ApprovedCommand for GrantWaiver {
    fn command(&self) -> &'static str {
        WAIVE
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        _: &'a Subject,
        arguments: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let WhichWaiver { waiver, rule, until } = read(arguments)?;
            self.0.grant_waiver(ctx, waiver, &rule, until, reason).await
        })
    }
}
