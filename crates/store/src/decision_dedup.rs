//! A decision equal to the last one, on a command that changes no state, is counted and journaled once a minute: a
//! client that asks again and again must not fill the journal with the same refusal.

use kernel::envelope::DecisionRecord;
use kernel::{Ctx, Reject, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::port::{CommitError, Fault, Store};
use crate::table::{Expected, RowBody, RowWrite, TableSpec};

/// An unchanged decision is journaled at most once in this time.
pub const REPEATED_DECISION_MS: i64 = 60_000;

/// Decisions that changed nothing: when each was last journaled and how often it came again.
pub const REPEATED_DECISIONS: TableSpec = TableSpec::machinery("repeated_decisions", &[]);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counted {
    journaled_at: Timestamp,
    decision: String,
    again: u64,
}

/// A decision, and what is remembered of its equals.
pub(crate) struct RepeatedDecision {
    key: String,
    decision: String,
    remembered: Option<(Counted, u64)>,
    recent: bool,
}

impl RepeatedDecision {
    pub(crate) fn is_recent(&self) -> bool {
        self.recent
    }

    /// The row after this decision is journaled anew.
    pub(crate) fn restarted(&self, now: Timestamp) -> Result<RowWrite, Fault> {
        self.write(Counted { journaled_at: now, decision: self.decision.clone(), again: 0 })
    }

    fn write(&self, counted: Counted) -> Result<RowWrite, Fault> {
        let expected = self.remembered.as_ref().map_or(Expected::Absent, |(_, version)| Expected::Version(*version));
        Ok(RowWrite::put(REPEATED_DECISIONS, self.key.clone(), expected, RowBody::new(&counted, Vec::new())?))
    }
}

/// Equal means: principal, action, site, bundle, verdict, the rules that were the reasons, and the subjects. What is
/// asked about a thing that does not exist names a new one each time, so that its subjects make no difference.
fn identity(ctx: &Ctx, decision: &DecisionRecord, exists: bool) -> String {
    let reasons = decision.body.get("reasons").and_then(Value::as_array).into_iter().flatten();
    let rules: Vec<String> = reasons.map(rule).collect();
    let equal = json!({
        "principal": ctx.actor.id,
        "action": decision.body.get("action"),
        "site": ctx.site.as_option(),
        "bundle": decision.bundle,
        "allowed": decision.allowed,
        "rules": rules,
        "subjects": exists.then_some(&decision.about),
    });
    journal::Hash::of_leaf(equal.to_string().as_bytes()).to_string()
}

/// A reason without its text, in which facts stand.
fn rule(reason: &Value) -> String {
    match (reason.get("policy_id"), reason.get("version")) {
        (Some(id), version) => format!("{id} {version:?}"),
        (None, _) => reason.to_string(),
    }
}

/// The refusal with the id under which its decision is in the journal.
pub(crate) fn as_journaled(mut reject: Reject, repeats: &[RepeatedDecision]) -> Reject {
    if let Some(Value::String(id)) = reject.decision.as_deref_mut().and_then(|decision| decision.get_mut("id"))
        && let Some(repeat) = repeats.iter().find(|repeat| repeat.decision == *id)
        && let Some((counted, _)) = &repeat.remembered
    {
        id.clone_from(&counted.decision);
    }
    reject
}

/// What is remembered of equal decisions; `exists` says whether the thing that was asked about does.
pub(crate) async fn look_up(
    store: &dyn Store,
    ctx: &Ctx,
    decisions: &[DecisionRecord],
    exists: bool,
) -> Result<Vec<RepeatedDecision>, Fault> {
    let mut repeats = Vec::with_capacity(decisions.len());
    for decision in decisions {
        let key = identity(ctx, decision, exists);
        let row = store.get(REPEATED_DECISIONS, &ctx.tenant, &key).await?;
        let remembered = row.map(|row| Ok::<_, Fault>((row.decode::<Counted>()?, row.version))).transpose()?;
        let recent = remembered
            .as_ref()
            .is_some_and(|(counted, _)| (0..REPEATED_DECISION_MS).contains(&ctx.now.since_ms(counted.journaled_at)));
        repeats.push(RepeatedDecision { key, decision: decision.id.to_string(), remembered, recent });
    }
    Ok(repeats)
}

/// Counts decisions that are not journaled again, and remembers the reply under the client's key.
///
/// # Errors
/// [`CommitError::Conflict`] where another asked under the key at the same moment, and any fault.
pub(crate) async fn count(
    store: &dyn Store,
    ctx: &Ctx,
    repeats: &[RepeatedDecision],
    remembered: Option<RowWrite>,
) -> Result<(), CommitError> {
    let rows = repeats
        .iter()
        .filter_map(|repeat| repeat.remembered.as_ref().map(|(counted, _)| (repeat, counted.clone())))
        .map(|(repeat, counted)| repeat.write(Counted { again: counted.again + 1, ..counted }))
        .chain(remembered.clone().map(Ok))
        .collect::<Result<Vec<_>, Fault>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    match store.write(&ctx.tenant, rows).await {
        // Somebody counted at the same moment. One less in a count of repeats decides nothing; the reply must be kept.
        Err(CommitError::Conflict { table, .. }) if table == REPEATED_DECISIONS.name => match remembered {
            Some(reply) => store.write(&ctx.tenant, vec![reply]).await,
            None => Ok(()),
        },
        done => done,
    }
}
