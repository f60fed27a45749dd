//! What applies to a tenant is assessed from time to time (EVD-7): evidence that is missing or too old, vehicles that say
//! nothing, a log that no witness saw, bundles that could not be verified. Each is an issue, and ends with what mends it.

use std::collections::BTreeSet;

use bundles::compliance::{ClauseResult, Reason};
use kernel::id::{BundleId, IssueId};
use kernel::{Aggregate, Ctx, Subject, TenantId};
use store::CommandError;
use store::port::{Fault, Guard};

use super::contents::verdicts;
use super::{CLASSIFY_RULE, Evidence, id_of};
use crate::bundle::{EvidenceBundle, Status, Wanted};
use crate::issue::events::IssueRaised;
use crate::issue::{IssueKind, decide};
use crate::obligation::Obligation;
use crate::profile::{self, ComplianceProfile, Profile, ProfileAssessed};

/// How long somebody has to close a gap, in milliseconds.
const GAP_DUE_MS: i64 = 7 * 24 * 3_600_000;
/// A vehicle in service that was not heard for so long is silent, in milliseconds.
const SILENT_MS: i64 = 24 * 3_600_000;
/// What a witness may lag behind, in milliseconds: within it one that answers has seen every head.
const WITNESS_LAG_MS: i64 = 15 * 60_000;
/// Bundles that are looked at for those that are incomplete.
const BUNDLES_MAX: usize = 100;
/// Gaps of one kind that are raised at once: a fleet that is switched off is one thing to look at and not thousands.
const GAPS_MAX: usize = 100;

/// A gap as it is found: what tells it from others, and what is raised.
struct Gap {
    key: String,
    kind: IssueKind,
    title: String,
    clauses: Vec<String>,
    about: Option<Subject>,
}

impl Evidence {
    /// Says what applies to a tenant.
    ///
    /// # Errors
    /// The field that is wrong, a fault.
    pub async fn set_profile(&self, ctx: &Ctx, profile: &Profile) -> Result<(), CommandError> {
        let (frameworks, forms) = (self.frameworks(), self.forms());
        let tenant = ctx.tenant.clone();
        self.command(ctx, &tenant, None, |state| profile::set(state, profile, &frameworks, &forms)).await
    }

    pub(crate) async fn assess_due(&self, tenant: &TenantId, id: TenantId, guard: Guard) -> Result<(), CommandError> {
        let Some(known) = self.one::<ComplianceProfile>(tenant, &id).await? else { return Ok(()) };
        let ctx = self.automation(tenant, CLASSIFY_RULE).await?;
        let (results, adherence) = self.results(tenant).await?;
        let applies = |result: &&ClauseResult| known.profile.frameworks.contains(&*result.clause.framework);
        let results: Vec<ClauseResult> = results.iter().filter(applies).cloned().collect();
        let mut gaps = clause_gaps(&results);
        gaps.extend(self.silent(&ctx).await?);
        gaps.extend(self.unwitnessed(&ctx).await?);
        gaps.extend(self.unverifiable(tenant).await?);
        self.follow_gaps(&ctx, gaps).await?;
        self.oblige_periods(&ctx, &known).await?;
        self.oblige_known_collisions(&ctx, &known).await?;
        let bundle = match known.wants_bundle(ctx.now) {
            true => Some(self.scheduled(&ctx, &known).await?),
            false => None,
        };
        let open = self.open_issues(tenant).await?.len();
        let open_issues = u32::try_from(open).unwrap_or(u32::MAX);
        let assessed = ProfileAssessed { verdicts: verdicts(&results), adherence, open_issues, bundle };
        self.command(&ctx, &id, Some(guard), |state| profile::assessed(state, &assessed)).await
    }

    /// Raises what is new and resolves what is mended.
    async fn follow_gaps(&self, ctx: &Ctx, gaps: Vec<Gap>) -> Result<(), CommandError> {
        let mut still: BTreeSet<IssueId> = BTreeSet::new();
        for gap in gaps {
            let id: IssueId = id_of(&format!("gap/{}/{}", ctx.tenant, gap.key));
            still.insert(id);
            let raised = IssueRaised {
                kind: gap.kind,
                title: gap.title,
                clauses: gap.clauses,
                entry: None,
                event: None,
                about: gap.about,
                owner: "safety_officer".into(),
                due_at: ctx.now.plus_ms(GAP_DUE_MS),
            };
            self.raise(ctx, id, &raised).await?;
        }
        for (id, issue) in self.open_issues(&ctx.tenant).await? {
            // What is late for an authority ends when the authority has it.
            let is_of_obligation = issue.about.as_ref().is_some_and(|of| of.kind() == Obligation::KIND);
            let is_gap = issue.kind != IssueKind::Violation && !is_of_obligation;
            if is_gap && !still.contains(&id) {
                let resolve = |state: Option<&crate::ComplianceIssue>| {
                    decide::resolve(state, &ctx.actor.id, "it is not found any more", true)
                };
                self.command(ctx, &id, None, resolve).await?;
            }
        }
        Ok(())
    }

    async fn silent(&self, ctx: &Ctx) -> Result<Vec<Gap>, Fault> {
        let since = ctx.now.plus_ms(-SILENT_MS);
        let silent = self.parts.vehicles.silent_since(&ctx.tenant, since).await?;
        let gap = |(vehicle, at)| Gap {
            key: format!("silent/{vehicle}"),
            kind: IssueKind::Silent,
            title: format!("{vehicle} was last heard {at}"),
            clauses: Vec::new(),
            about: Some(Subject::new("vehicle", vehicle)),
        };
        Ok(silent.into_iter().take(GAPS_MAX).map(gap).collect())
    }

    async fn unwitnessed(&self, ctx: &Ctx) -> Result<Vec<Gap>, Fault> {
        if !self.parts.witnesses.are_configured() {
            return Ok(Vec::new());
        }
        let (store, tenant) = (&*self.parts.store, &ctx.tenant);
        let seen = self.parts.witnesses.newest(tenant).await?.map_or(0, |head| head.size);
        let Some(oldest) = store.entries(tenant, seen, 1).await?.pop() else { return Ok(Vec::new()) };
        let waits_since = super::classify::envelope_of(&oldest)?.recorded_at;
        if ctx.now.since_ms(waits_since) < WITNESS_LAG_MS {
            return Ok(Vec::new());
        }
        Ok(vec![Gap {
            key: "unwitnessed".into(),
            kind: IssueKind::Unwitnessed,
            title: format!("witnesses have seen {seen} entries, and none since {waits_since}"),
            clauses: Vec::new(),
            about: Some(Subject::new("log", tenant)),
        }])
    }

    async fn unverifiable(&self, tenant: &TenantId) -> Result<Vec<Gap>, Fault> {
        let newest = self.page::<EvidenceBundle>(tenant, None, BUNDLES_MAX).await?;
        // A bundle about a time with nothing in it is empty and not wrong.
        let is_wrong = |bundle: &EvidenceBundle| match (bundle.status, &bundle.archive) {
            (Status::Failed, _) => true,
            (Status::Incomplete, Some(archive)) => archive.events > 0,
            _ => false,
        };
        let gap = |(id, bundle): (BundleId, EvidenceBundle)| {
            let why = bundle.archive.and_then(|archive| archive.incomplete.into_iter().next()).or(bundle.failure);
            Gap {
                key: format!("bundle/{id}"),
                kind: IssueKind::Unverifiable,
                title: format!("{id}: {}", why.unwrap_or_default()),
                clauses: Vec::new(),
                about: Some(Subject::new("bundle", id)),
            }
        };
        Ok(newest.into_iter().filter(|(_, bundle)| is_wrong(bundle)).map(gap).collect())
    }

    /// The schedule's bundle: everything since the last one. Its id follows from where it begins.
    async fn scheduled(&self, ctx: &Ctx, known: &ComplianceProfile) -> Result<BundleId, CommandError> {
        let id: BundleId = id_of(&format!("scheduled/{}/{}", ctx.tenant, known.bundled_until));
        let wanted = Wanted {
            frameworks: known.profile.frameworks.clone(),
            about: None,
            from: known.bundled_until,
            until: ctx.now,
            purpose: "the schedule".into(),
            disclose: false,
        };
        self.request_bundle(ctx, id, &wanted).await?;
        Ok(id)
    }
}

/// Clauses that ask for evidence that is not there, or is too old.
fn clause_gaps(results: &[ClauseResult]) -> Vec<Gap> {
    let gap = |result: &ClauseResult| {
        let kind = match result.reason {
            Reason::NoEvidence => IssueKind::Missing,
            Reason::Stale { .. } => IssueKind::Late,
            Reason::Unreadable { .. } | Reason::FromTheFuture => IssueKind::Unverifiable,
            Reason::Evidence | Reason::OpenViolations { .. } | Reason::NoOccurrence | Reason::Elsewhere { .. } => {
                return None;
            }
        };
        Some(Gap {
            key: format!("clause/{}", result.clause),
            kind,
            title: format!("{}: {}", result.clause, result.reason),
            clauses: vec![result.clause.to_string()],
            about: None,
        })
    };
    results.iter().filter_map(gap).collect()
}
