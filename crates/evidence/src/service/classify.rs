//! Every entry by the clauses that it speaks to (EVD-1, EVD-2), counted as entries come; violations raise issues (EVD-7).

use std::sync::{Arc, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundles::compliance::{Assessor, ClauseResult, Framework, Needs, Tally};
use bundles::statement::{Statement, sign};
use bundles::{ClauseRef, Role, Sha256Digest};
use journal::Entry;
use kernel::id::IssueId;
use kernel::{Aggregate, BoxFuture, Envelope, Subject, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::port::{Fault, ListQuery};
use store::subscribe::{Subscriber, step_over_refusal};
use store::{CommandError, Expected, RowBody, RowWrite, TableSpec};

use super::collect::SigningKey;
use super::{CLASSIFY_RULE, Evidence, event_of, id_of};
use crate::issue::events::IssueRaised;
use crate::issue::{ComplianceIssue, IssueKind, decide};
use crate::ports::KeyPurpose;
use crate::profile::ComplianceProfile;
use crate::report::ComplianceReport;

/// What is counted of each clause, so that a start goes on from it.
pub const TALLIES: TableSpec = TableSpec::observations("compliance_tallies", &[]);

/// The name of the cursor.
const NAME: &str = "evidence.classify";
/// The key of the one row of a tenant.
const KEY: &str = "newest";
/// After so many entries what is counted is written down.
const SAVE_EVERY: u64 = 512;
/// Entries of each kind that a clause names.
const KEEPS: usize = 16;
/// Entries of the journal in one read.
const PAGE: usize = 500;
/// How long somebody has to resolve a violation, in milliseconds.
const VIOLATION_DUE_MS: i64 = 72 * 3_600_000;
/// What is said of an entry that was classified.
const CLASSIFICATION: &str = "https://atlasmesh.io/classification/v1";

/// What is counted of a tenant's entries.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Live {
    /// Of the mapping: with another one everything is counted again.
    mapping: String,
    last: Option<u64>,
    tallies: Vec<Tally>,
    /// Entries that show, and that break, what some clause asks for, each counted once.
    adhering: u64,
    violating: u64,
    #[serde(skip)]
    saved: u64,
}

impl Live {
    /// Adhering among adhering and violating entries.
    pub(crate) fn adherence(&self) -> Option<f64> {
        let all = self.adhering + self.violating;
        (all > 0).then(|| self.adhering as f64 / all as f64)
    }

    /// Whether a violation is still not answered in any clause.
    fn is_open(&self, entry: u64) -> bool {
        self.tallies.iter().any(|tally| tally.is_open(entry))
    }
}

/// A clause with what is said of it now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClauseView {
    pub clause: String,
    /// What it asks for, in our own words.
    pub words: String,
    pub population: String,
    /// `satisfied`, `not_satisfied` or `not_evaluable`.
    pub verdict: String,
    pub reason: String,
    /// How old evidence may be, in days; nothing where its age says nothing.
    pub fresh_days: Option<u32>,
    /// When the newest evidence was recorded, in milliseconds since 1970.
    pub newest_at_ms: Option<i64>,
    pub evidence: u64,
    pub violations: u64,
    pub open: u64,
    pub mitigations: u64,
    pub unreadable: u64,
    /// The newest entries of each kind, by their place in the journal.
    pub evidence_entries: Vec<u64>,
    pub open_entries: Vec<u64>,
    pub mitigation_entries: Vec<u64>,
}

/// A framework with its clauses.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FrameworkView {
    pub framework: String,
    pub title: String,
    /// The edition of the framework's own text.
    pub version: String,
    /// When the mapping was last compared with that text.
    pub mapped_on: String,
    pub disclaimer: String,
    /// Whether the tenant's profile names it.
    pub applies: bool,
    pub satisfied: u32,
    pub not_satisfied: u32,
    pub not_evaluable: u32,
    pub clauses: Vec<ClauseView>,
}

/// An entry with the clauses that it speaks to, signed (EVD-1, EVD-2).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Classified {
    pub index: u64,
    pub event: String,
    pub r#type: String,
    /// The decision of policy behind it.
    pub decision: Option<String>,
    /// What it is to each clause.
    pub clauses: Vec<ClauseRole>,
    /// Of the mapping by which it was classified.
    pub mapping: String,
    /// The leaf of the entry in the journal's tree.
    pub leaf: String,
    /// A Sigstore bundle with a DSSE envelope over all of this, by the key that signs evidence.
    #[schemars(with = "serde_json::Value")]
    pub signature: serde_json::Value,
}

/// What an entry is to a clause: `evidence`, `violation` or `mitigation`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClauseRole {
    pub clause: String,
    pub role: String,
}

struct Classifier(Arc<Evidence>);

impl Subscriber for Classifier {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handle<'a>(&'a self, index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            let roles = self.0.count(index, event).await?;
            step_over_refusal(NAME, self.0.follow(index, event, &roles).await)?;
            self.0.save(&event.tenant)
        })
    }
}

impl Evidence {
    pub(crate) fn classifying(self: &Arc<Self>) -> Arc<dyn Subscriber> {
        Arc::new(Classifier(Arc::clone(self)))
    }

    pub(crate) fn lives(&self) -> MutexGuard<'_, std::collections::BTreeMap<TenantId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an entry; answers what it is to which clause. One that was counted before is counted once.
    async fn count(&self, index: u64, event: &Envelope) -> Result<Vec<(ClauseRef, Role)>, Fault> {
        self.warm(&event.tenant, index).await?;
        let mut lives = self.lives();
        let live = lives.entry(event.tenant.clone()).or_default();
        Ok(self.push(live, index, event))
    }

    fn push(&self, live: &mut Live, index: u64, event: &Envelope) -> Vec<(ClauseRef, Role)> {
        let seen = event_of(index, event);
        let roles = self.mapping.roles(&seen);
        if live.last.is_some_and(|last| last >= index) {
            return roles;
        }
        let tallies = std::mem::take(&mut live.tallies);
        let mut assessor = Assessor::resume(&self.mapping, i64::MAX, live.last, tallies, KEEPS);
        if let Err(error) = assessor.push(&seen) {
            tracing::error!(%error, "an entry was counted out of order");
        }
        live.tallies = assessor.into_tallies();
        live.last = Some(index);
        live.adhering += u64::from(roles.iter().any(|(_, role)| *role == Role::Evidence));
        live.violating += u64::from(roles.iter().any(|(_, role)| *role == Role::Violation));
        roles
    }

    /// Goes on from what was written down last, and counts what came since.
    pub(crate) async fn warm(&self, tenant: &TenantId, until: u64) -> Result<(), Fault> {
        if self.lives().contains_key(tenant) {
            return Ok(());
        }
        let mapping = self.mapping.digest().to_string();
        let row = self.parts.store.get(TALLIES, tenant, KEY).await?;
        let known = row.and_then(|row| row.decode::<Live>().ok()).filter(|known| known.mapping == mapping);
        let mut live = known.unwrap_or(Live { mapping, ..Live::default() });
        live.saved = live.last.map_or(0, |last| last + 1);
        let mut from = live.saved;
        while from < until {
            let entries = self.parts.store.entries(tenant, from, PAGE).await?;
            let Some(last) = entries.last() else { break };
            from = last.index + 1;
            for entry in entries.iter().filter(|entry| entry.index < until) {
                self.push(&mut live, entry.index, &envelope_of(entry)?);
            }
        }
        self.lives().entry(tenant.clone()).or_insert(live);
        Ok(())
    }

    /// The row of what is counted, from time to time.
    fn save(&self, tenant: &TenantId) -> Result<Vec<RowWrite>, Fault> {
        let mut lives = self.lives();
        let Some(live) = lives.get_mut(tenant) else { return Ok(Vec::new()) };
        let next = live.last.map_or(0, |last| last + 1);
        if next < live.saved + SAVE_EVERY {
            return Ok(Vec::new());
        }
        live.saved = next;
        Ok(vec![RowWrite::put(TALLIES, KEY, Expected::Any, RowBody::new(live, Vec::new())?)])
    }

    /// A violation of a framework that applies raises an issue; what answers it resolves it.
    async fn follow(&self, index: u64, event: &Envelope, roles: &[(ClauseRef, Role)]) -> Result<(), CommandError> {
        let has = |role: Role| roles.iter().any(|(_, other)| *other == role);
        if !has(Role::Violation) && !has(Role::Mitigation) {
            return Ok(());
        }
        let Some(known) = self.one::<ComplianceProfile>(&event.tenant, &event.tenant).await? else { return Ok(()) };
        let applies = |clause: &ClauseRef| known.profile.frameworks.contains(&*clause.framework);
        let broken = roles.iter().filter(|(clause, role)| *role == Role::Violation && applies(clause));
        let clauses: Vec<String> = broken.map(|(clause, _)| clause.to_string()).collect();
        if !clauses.is_empty() {
            self.raise_violation(index, event, clauses).await?;
        }
        if has(Role::Mitigation) {
            self.resolve_answered(event).await?;
        }
        Ok(())
    }

    async fn raise_violation(&self, index: u64, event: &Envelope, clauses: Vec<String>) -> Result<(), CommandError> {
        // What an authority rejects is an issue of its own, with the authority's date.
        if event.stream.kind() == ComplianceReport::KIND {
            return Ok(());
        }
        let ctx = self.automation(&event.tenant, CLASSIFY_RULE).await?.caused_by(event.id);
        let named = |kind: &str| {
            let all = std::iter::once(&event.stream).chain(&event.about);
            all.into_iter().find(|subject| subject.kind() == kind).cloned()
        };
        let about: Subject = named("vehicle").unwrap_or_else(|| event.stream.clone());
        let raised = IssueRaised {
            kind: IssueKind::Violation,
            title: format!("{} of {about}", event.r#type),
            clauses,
            entry: Some(index),
            event: Some(event.id),
            about: Some(about),
            owner: "safety_officer".into(),
            due_at: ctx.now.plus_ms(VIOLATION_DUE_MS),
        };
        let id: IssueId = id_of(&format!("violation/{}", event.id));
        self.raise(&ctx, id, &raised).await
    }

    /// Resolves issues whose violation was answered.
    async fn resolve_answered(&self, event: &Envelope) -> Result<(), CommandError> {
        let open = self.list::<ComplianceIssue>(&event.tenant, ListQuery::of("open", "open")).await?;
        for (id, issue) in open {
            let Some(entry) = issue.entry.filter(|_| issue.kind == IssueKind::Violation) else { continue };
            if self.lives().get(&event.tenant).is_some_and(|live| live.is_open(entry)) {
                continue;
            }
            let ctx = self.automation(&event.tenant, CLASSIFY_RULE).await?.caused_by(event.id);
            let how = format!("{} answered it", event.r#type);
            self.command(&ctx, &id, None, |state| decide::resolve(state, &ctx.actor.id, &how, true)).await?;
        }
        Ok(())
    }

    /// What is said of each clause now, in the order of the mapping, and the adherence.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn results(&self, tenant: &TenantId) -> Result<(Vec<ClauseResult>, Option<f64>), Fault> {
        let size = self.parts.store.head(tenant).await?.map_or(0, |head| head.size);
        self.warm(tenant, size).await?;
        let now_ms = self.parts.source.now().as_ms();
        let lives = self.lives();
        let live = lives.get(tenant).cloned().unwrap_or_default();
        drop(lives);
        let mut tallies = live.tallies.clone();
        tallies.resize(self.mapping.clauses().len(), Tally::default());
        let clauses = self.mapping.clauses().iter().zip(tallies);
        let results = clauses.map(|(clause, tally)| tally.result(clause, now_ms)).collect();
        Ok((results, live.adherence()))
    }

    /// Every framework with its clauses, as far as the journal tells.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn compliance(&self, tenant: &TenantId) -> Result<(Vec<FrameworkView>, Option<f64>), Fault> {
        let (results, adherence) = self.results(tenant).await?;
        let profile = self.one::<ComplianceProfile>(tenant, tenant).await?;
        let views = self.mapping.frameworks().iter().map(|framework| {
            let applies = profile.as_ref().is_some_and(|known| known.profile.frameworks.contains(&*framework.id));
            self.framework_view(framework, applies, &results)
        });
        Ok((views.collect(), adherence))
    }

    fn framework_view(&self, framework: &Framework, applies: bool, results: &[ClauseResult]) -> FrameworkView {
        let of = |result: &&ClauseResult| result.clause.framework == framework.id;
        let clauses: Vec<ClauseView> = results.iter().filter(of).map(|result| self.clause_view(result)).collect();
        let count = |verdict: &str| {
            let count = clauses.iter().filter(|clause| clause.verdict == verdict).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        FrameworkView {
            framework: framework.id.to_string(),
            title: framework.title.clone(),
            version: framework.version.clone(),
            mapped_on: framework.date.clone(),
            disclaimer: framework.disclaimer.clone(),
            applies,
            satisfied: count("satisfied"),
            not_satisfied: count("not_satisfied"),
            not_evaluable: count("not_evaluable"),
            clauses,
        }
    }

    fn clause_view(&self, result: &ClauseResult) -> ClauseView {
        let clause = self.mapping.clauses().iter().find(|clause| clause.of == result.clause);
        let fresh_days = clause.and_then(|clause| match clause.needs {
            Needs::Fresh { days } => Some(days),
            Needs::Occurrence | Needs::Elsewhere { .. } => None,
        });
        ClauseView {
            clause: result.clause.clause.to_string(),
            words: clause.map(|clause| clause.words.clone()).unwrap_or_default(),
            population: clause.map(|clause| clause.population.clone()).unwrap_or_default(),
            verdict: super::contents::verdict_name(result.verdict).to_owned(),
            reason: result.reason.to_string(),
            fresh_days,
            newest_at_ms: result.freshness.newest_at_ms,
            evidence: result.counts.evidence,
            violations: result.counts.violations,
            open: result.counts.open,
            mitigations: result.counts.mitigations,
            unreadable: result.counts.unreadable,
            evidence_entries: result.evidence.clone(),
            open_entries: result.open.clone(),
            mitigation_entries: result.mitigations.clone(),
        }
    }

    /// An entry with the clauses that it speaks to, signed.
    ///
    /// # Errors
    /// A fault; `None` where there is no such entry.
    pub async fn classified(
        &self,
        tenant: &TenantId,
        event: kernel::EventId,
    ) -> Result<Option<Classified>, CommandError> {
        let Some(entry) = self.parts.store.entry(tenant, event).await? else { return Ok(None) };
        let envelope = envelope_of(&entry)?;
        let seen = event_of(entry.index, &envelope);
        let role = |role: Role| match role {
            Role::Evidence => "evidence",
            Role::Violation => "violation",
            Role::Mitigation => "mitigation",
        };
        let clauses: Vec<ClauseRole> = self
            .mapping
            .roles(&seen)
            .into_iter()
            .map(|(clause, of)| ClauseRole { clause: clause.to_string(), role: role(of).to_owned() })
            .collect();
        let mut classified = Classified {
            index: entry.index,
            event: event.to_string(),
            r#type: envelope.r#type.clone(),
            decision: envelope.decision_id.map(|id| id.to_string()),
            clauses,
            mapping: self.mapping.digest().to_string(),
            leaf: STANDARD.encode(entry.leaf.as_bytes()),
            signature: serde_json::Value::Null,
        };
        classified.signature = self.sign_classification(&classified, &entry)?;
        Ok(Some(classified))
    }

    fn sign_classification(&self, classified: &Classified, entry: &Entry) -> Result<serde_json::Value, Fault> {
        let unwritable = |_| Fault::Misuse("a classification cannot be written");
        let predicate = serde_json::to_value(classified).map_err(unwritable)?;
        let digest = Sha256Digest::of(&entry.leaf_data());
        let statement = Statement::about(&classified.event, digest, CLASSIFICATION, predicate);
        let signed = sign(&statement, &SigningKey::of(&*self.parts.signing, KeyPurpose::Evidence))
            .map_err(|error| Fault::Unavailable { what: "sign evidence", source: error.to_string().into() })?;
        let text = signed.text().map_err(|_| Fault::Misuse("a signature cannot be written"))?;
        serde_json::from_str(&text).map_err(|_| Fault::Misuse("a signature cannot be read"))
    }
}

/// The event of an entry.
pub(crate) fn envelope_of(entry: &Entry) -> Result<Envelope, Fault> {
    let corrupt = |error| Fault::Corrupt { what: format!("entry {}", entry.index), source: Box::new(error) };
    entry.envelope().map_err(corrupt)
}
