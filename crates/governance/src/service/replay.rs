//! Past decisions, asked again under other rules. A shadow is the same over what has been decided since it began: it is counted
//! when somebody looks, from the journal, so that it costs no decision anything and survives a restart.

use std::sync::PoisonError;

use kernel::envelope::DecisionRecord;
use kernel::{DecisionId, Envelope, TenantId, Timestamp};
use policy::{OwnLayer, ReplayChange, Replayed};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::CommandError;
use store::port::Fault as StoreFault;
use store::sequence;

use super::{Governance, wrong_text};
use crate::draft::{DraftId, PolicyDraft, ReplayCounts};

/// Entries that are read at once.
const PAGE: usize = 500;
/// The most entries that one replay looks at: decisions are about every third.
const ENTRIES_MAX: u64 = 200_000;
/// The most entries that one look at a shadow counts.
const SHADOW_ENTRIES_MAX: u64 = 20_000;
/// The most rows of a report; all are counted.
const ROWS_MAX: usize = 200;

/// A decision that would be another one.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyReplayRow")]
pub struct ReplayRow {
    pub decision: Option<DecisionId>,
    pub at: Timestamp,
    pub action: String,
    /// `kind/id`.
    pub resource: String,
    pub change: ReplayChange,
    /// The rules that determined it then.
    pub before: Vec<String>,
    /// The rules that determine it now.
    pub after: Vec<String>,
    /// Why it would be denied, or which limits change.
    pub text: String,
}

/// What comes of past decisions.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(rename = "PolicyReplayReport")]
pub struct ReplayReport {
    #[serde(flatten)]
    pub counts: ReplayCounts,
    /// The newest first; at most 200, what allows more before the rest.
    pub rows: Vec<ReplayRow>,
}

/// What a shadow has counted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyShadow")]
pub struct ShadowCounts {
    pub since: Timestamp,
    /// Decisions since then.
    pub decisions: u64,
    pub would_deny: u64,
    /// Only rules that were taken away can do so.
    pub would_allow: u64,
    pub would_tighten: u64,
    /// Entries of the journal since then that are not counted yet: the next look goes on with them.
    pub behind: u64,
    #[serde(skip)]
    pub(super) counts: ReplayCounts,
}

impl ShadowCounts {
    fn of(since: Timestamp, counts: ReplayCounts, behind: u64) -> Self {
        Self {
            since,
            decisions: counts.evaluated,
            would_deny: counts.allow_to_deny,
            would_allow: counts.deny_to_allow,
            would_tighten: counts.tighter,
            behind,
            counts,
        }
    }
}

/// How far a shadow was counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    next: u64,
    counts: ReplayCounts,
}

fn strings(body: &Value, pointer: &str, name: &str) -> Vec<String> {
    let items = body.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get(name).and_then(Value::as_str).map(str::to_owned)).collect()
}

fn text_of(body: &Value, name: &str) -> String {
    match body.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

impl ReplayReport {
    fn add(&mut self, entry: &Envelope, replayed: Replayed) {
        self.counts.evaluated += 1;
        let (change, now) = match replayed {
            Replayed::NotReplayable(_) => {
                self.counts.not_replayable += 1;
                return;
            }
            Replayed::Unchanged => {
                self.counts.unchanged += 1;
                return;
            }
            Replayed::Changed { change, now } => (change, now),
        };
        match change {
            ReplayChange::AllowToDeny => self.counts.allow_to_deny += 1,
            ReplayChange::DenyToAllow => self.counts.deny_to_allow += 1,
            ReplayChange::Tighter => self.counts.tighter += 1,
            ReplayChange::Looser => self.counts.looser += 1,
        }
        let limits = || serde_json::to_value(&now.constraints).unwrap_or_default().to_string();
        let row = ReplayRow {
            decision: entry.body.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()),
            at: entry.recorded_at,
            action: text_of(&entry.body, "action"),
            resource: text_of(&entry.body, "resource"),
            change,
            before: strings(&entry.body, "/reasons", "policy_id"),
            after: now.reasons.iter().map(|reason| reason.policy_id.clone()).collect(),
            text: if now.is_allowed() { limits() } else { now.reason_text() },
        };
        if self.rows.len() < ROWS_MAX || change == ReplayChange::DenyToAllow {
            self.rows.push(row);
        }
    }

    fn sorted(mut self) -> Self {
        let is_wider = |row: &ReplayRow| matches!(row.change, ReplayChange::DenyToAllow | ReplayChange::Looser);
        self.rows.sort_by_key(|row| (!is_wider(row), std::cmp::Reverse(row.at)));
        self.rows.truncate(ROWS_MAX);
        self
    }
}

impl Governance {
    /// The newest decisions under other rules.
    pub(super) async fn replay(
        &self,
        tenant: &TenantId,
        layer: &OwnLayer,
        most: u64,
    ) -> Result<ReplayReport, StoreFault> {
        let size = self.parts.store.head(tenant).await?.map_or(0, |head| head.size);
        let oldest = size.saturating_sub(ENTRIES_MAX);
        let (mut report, mut to) = (ReplayReport::default(), size);
        while to > oldest && report.counts.evaluated < most {
            let from = to.saturating_sub(PAGE as u64).max(oldest);
            let length = usize::try_from(to - from).unwrap_or(PAGE);
            let entries = self.parts.store.entries(tenant, from, length).await?;
            for entry in entries.iter().rev() {
                if report.counts.evaluated >= most {
                    break;
                }
                self.replay_entry(&mut report, &sequence::envelope(entry)?, layer);
            }
            to = from;
        }
        Ok(report.sorted())
    }

    fn replay_entry(&self, report: &mut ReplayReport, entry: &Envelope, layer: &OwnLayer) {
        if entry.r#type == DecisionRecord::EVENT_TYPE {
            report.add(entry, self.parts.policy.replay(&entry.body, Some(layer)));
        }
    }

    /// What a draft would have done since its shadow began.
    pub(super) async fn shadow_counts(
        &self,
        tenant: &TenantId,
        id: DraftId,
        draft: &PolicyDraft,
    ) -> Result<ShadowCounts, CommandError> {
        let Some(shadow) = &draft.shadow else {
            return Ok(ShadowCounts::of(draft.changed_at, ReplayCounts::default(), 0));
        };
        let layer = self.compile(tenant, &draft.text).map_err(|fault| wrong_text(&fault))?;
        let key = (tenant.clone(), id);
        let known = self.shadows.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        let known = known.unwrap_or(Counted { next: shadow.from, counts: ReplayCounts::default() });
        let mut report = ReplayReport { counts: known.counts, rows: Vec::new() };
        let mut next = known.next;
        let size = self.parts.store.head(tenant).await?.map_or(0, |head| head.size);
        while next < size.min(known.next + SHADOW_ENTRIES_MAX) {
            let entries = self.parts.store.entries(tenant, next, PAGE).await?;
            for entry in &entries {
                self.replay_entry(&mut report, &sequence::envelope(entry)?, &layer);
            }
            report.rows.clear();
            next += entries.len() as u64;
            if entries.is_empty() {
                break;
            }
        }
        let counted = Counted { next, counts: report.counts };
        self.shadows.lock().unwrap_or_else(PoisonError::into_inner).insert(key, counted);
        Ok(ShadowCounts::of(shadow.since, report.counts, size.saturating_sub(next)))
    }

    pub(super) fn forget_shadow(&self, tenant: &TenantId, id: DraftId) {
        self.shadows.lock().unwrap_or_else(PoisonError::into_inner).remove(&(tenant.clone(), id));
    }
}
