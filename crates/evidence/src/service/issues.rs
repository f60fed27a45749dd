//! Issues and what is done about them (EVD-7): policy answers with mitigations, which are ordered in the journal, carried out
//! behind it, and noted with their outcome.

use std::sync::Arc;

use kernel::id::{BundleId, IssueId};
use kernel::{Aggregate, BoxFuture, Ctx, Envelope, Subject, TenantId, Timestamp, VehicleId};
use policy::Request;
use store::port::{Fault, Guard, ListQuery};
use store::subscribe::{Subscriber, step_over_refusal};
use store::verify::verify;
use store::{CommandError, Extras, RowWrite, execute};

use super::{Asked, Evidence, MITIGATE_RULE, id_of};
use crate::actions::MITIGATE;
use crate::bundle::Wanted;
use crate::collision::{CollisionEvent, KnownCollision};
use crate::issue::events::{IssueEvent, IssueRaised};
use crate::issue::{ComplianceIssue, Mitigation, decide};
use crate::profile::ComplianceProfile;
use crate::report::ComplianceReport;

/// The name of the cursor.
const NAME: &str = "evidence.mitigate";
const MINUTE_MS: i64 = 60_000;
/// Evidence of an issue reaches back so far, in milliseconds.
const BACK_MS: i64 = 24 * 3_600_000;

struct Mitigator(Arc<Evidence>);

impl Subscriber for Mitigator {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handle<'a>(&'a self, _: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            step_over_refusal(NAME, self.0.after(event).await)?;
            Ok(Vec::new())
        })
    }
}

impl Evidence {
    pub(crate) fn mitigating(self: &Arc<Self>) -> Arc<dyn Subscriber> {
        Arc::new(Mitigator(Arc::clone(self)))
    }

    /// What follows from what happens to issues, reports and collisions.
    async fn after(&self, event: &Envelope) -> Result<(), CommandError> {
        if let Some((id, happened)) = ComplianceIssue::event_in(event) {
            return match happened {
                IssueEvent::Raised(raised) => self.answer(event, id, &raised).await,
                IssueEvent::Ordered(ordered) => self.carry_out(event, id, ordered.mitigation).await,
                _ => Ok(()),
            };
        }
        if let Some((id, happened)) = ComplianceReport::event_in(event) {
            return self.after_report(event, id, &happened).await;
        }
        let Some((_, CollisionEvent::Recorded(recorded))) = KnownCollision::event_in(event) else { return Ok(()) };
        let ctx = self.automation(&event.tenant, MITIGATE_RULE).await?.caused_by(event.id);
        let Some(profile) = self.one::<ComplianceProfile>(&event.tenant, &event.tenant).await? else { return Ok(()) };
        let of = (recorded.collision, recorded.known.noticed_at, recorded.report);
        self.oblige_collision(&ctx, &profile, of).await
    }

    pub(crate) async fn raise(&self, ctx: &Ctx, id: IssueId, raised: &IssueRaised) -> Result<(), CommandError> {
        let is_new = self.one::<ComplianceIssue>(&ctx.tenant, &id).await?.is_none_or(|known| !known.is_open());
        self.command(ctx, &id, None, |state| decide::raise(state, raised)).await?;
        if is_new {
            metrics::counter!("atlasmesh_compliance_issues_total", "kind" => raised.kind.as_str()).increment(1);
            tracing::warn!(tenant = %ctx.tenant, issue = %id, kind = raised.kind.as_str(), title = raised.title, "an issue");
        }
        Ok(())
    }

    /// Open issues, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn open_issues(&self, tenant: &TenantId) -> Result<Vec<(IssueId, ComplianceIssue)>, Fault> {
        let mut open = self.list::<ComplianceIssue>(tenant, ListQuery::of("open", "open")).await?;
        open.sort_by_key(|(_, issue)| std::cmp::Reverse(issue.raised_at));
        Ok(open)
    }

    /// What a rule may do about a new issue.
    async fn answer(&self, event: &Envelope, id: IssueId, raised: &IssueRaised) -> Result<(), CommandError> {
        for mitigation in raised.kind.mitigations() {
            let ctx = self.automation(&event.tenant, MITIGATE_RULE).await?.caused_by(event.id);
            self.mitigate(&ctx, id, *mitigation, true).await?;
        }
        Ok(())
    }

    /// Has something done about an issue, as far as policy allows.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn mitigate(
        &self,
        ctx: &Ctx,
        id: IssueId,
        mitigation: Mitigation,
        by_rule: bool,
    ) -> Result<(), CommandError> {
        let recent = match mitigation {
            Mitigation::CollectEvidence => self.recently_collected(&ctx.tenant, ctx.now).await?,
            Mitigation::Assign | Mitigation::VerifyJournal | Mitigation::HoldVehicle => 0,
        };
        let gather = |state: Option<Arc<ComplianceIssue>>| async move {
            let vehicle = state.as_ref().and_then(|issue| vehicle_of(issue));
            let kind = state.as_ref().map_or("", |issue| issue.kind.as_str());
            let about = state.as_ref().and_then(|issue| issue.about.clone());
            let question = Request::new(ctx, MITIGATE, Subject::new(ComplianceIssue::KIND, id))
                .fact("kind", kind)
                .fact("mitigation", mitigation.as_str())
                .fact("about_vehicle", vehicle.is_some())
                .fact("mitigated_in_minute", u32::try_from(recent).unwrap_or(u32::MAX));
            let question = about.into_iter().fold(question, Request::about);
            Ok(Asked { answer: self.ask(question) })
        };
        let decide = |state: Option<&ComplianceIssue>, asked: &Asked| {
            decide::order(state, mitigation, &ctx.actor.id, by_rule, &asked.answer)
        };
        execute(&*self.parts.store, ctx, &id, Extras::default(), gather, decide).await?;
        Ok(())
    }

    /// How many open issues had evidence collected within the last minute.
    async fn recently_collected(&self, tenant: &TenantId, now: Timestamp) -> Result<usize, Fault> {
        let open = self.list::<ComplianceIssue>(tenant, ListQuery::of("open", "open")).await?;
        let steps = open.iter().flat_map(|(_, issue)| &issue.steps);
        let recent = steps.filter(|step| step.mitigation == Mitigation::CollectEvidence);
        Ok(recent.filter(|step| now.since_ms(step.ordered_at) < MINUTE_MS).count())
    }

    /// Does what was ordered, and notes what came of it.
    async fn carry_out(&self, event: &Envelope, id: IssueId, mitigation: Mitigation) -> Result<(), CommandError> {
        let tenant = &event.tenant;
        let Some(issue) = self.one::<ComplianceIssue>(tenant, &id).await? else { return Ok(()) };
        let ctx = self.automation(tenant, MITIGATE_RULE).await?.caused_by(event.id);
        let outcome = match mitigation {
            Mitigation::Assign => Ok(format!("the {} answers for it until {}", issue.owner, issue.due_at)),
            Mitigation::CollectEvidence => self.collect_for(&ctx, id, &issue).await?,
            Mitigation::VerifyJournal => self.verify_journal(tenant).await?,
            Mitigation::HoldVehicle => self.hold_for(&ctx, id, &issue).await?,
        };
        let succeeded = outcome.is_ok();
        self.command(&ctx, &id, None, |state| decide::executed(state, mitigation, &outcome)).await?;
        let labels = [("mitigation", mitigation.as_str().to_owned()), ("succeeded", succeeded.to_string())];
        metrics::counter!("atlasmesh_mitigations_total", &labels).increment(1);
        tracing::info!(%tenant, issue = %id, mitigation = mitigation.as_str(), succeeded, "a mitigation");
        Ok(())
    }

    /// The bundle has the id that follows from the issue, so that a crash asks for one and not for two.
    async fn collect_for(
        &self,
        ctx: &Ctx,
        id: IssueId,
        issue: &ComplianceIssue,
    ) -> Result<Result<String, String>, CommandError> {
        let bundle: BundleId = id_of(&format!("bundle/{id}"));
        let wanted = Wanted {
            frameworks: Default::default(),
            about: issue.about.clone().filter(|about| crate::bundle::decide::KINDS.contains(&about.kind())),
            from: issue.raised_at.plus_ms(-BACK_MS),
            until: issue.raised_at.plus_ms(1),
            purpose: format!("issue {id}: {}", issue.title),
            disclose: false,
        };
        settled(self.request_bundle(ctx, bundle, &wanted).await, || format!("bundle {bundle} is made"))
    }

    async fn hold_for(
        &self,
        ctx: &Ctx,
        id: IssueId,
        issue: &ComplianceIssue,
    ) -> Result<Result<String, String>, CommandError> {
        let Some(vehicle) = vehicle_of(issue) else { return Ok(Err("the issue is about no vehicle".into())) };
        // The hold follows from the issue, so that a crash places one and not two.
        let hold = id_of(&format!("hold/{id}"));
        let held = self.parts.vehicles.hold(ctx, vehicle, hold, &format!("issue {id}: {}", issue.title)).await;
        settled(held, || format!("{vehicle} is not dispatched any more"))
    }

    async fn verify_journal(&self, tenant: &TenantId) -> Result<Result<String, String>, CommandError> {
        let (verifier, _) = self.parts.signing.log(tenant);
        let go_on = |_| std::ops::ControlFlow::Continue(());
        match verify(&*self.parts.store, tenant, &verifier, &Vec::new, &go_on).await {
            Ok(report) => Ok(Ok(format!("the journal is intact: {} entries, root {}", report.size, report.root))),
            Err(store::verify::VerifyError::Fault(fault)) => Err(fault.into()),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    /// Somebody resolves an issue.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn resolve(&self, ctx: &Ctx, id: IssueId, how: &str) -> Result<(), CommandError> {
        self.command(ctx, &id, None, |state| decide::resolve(state, &ctx.actor.id, how, false)).await
    }

    pub(crate) async fn issue_due(&self, tenant: &TenantId, id: IssueId, guard: Guard) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, MITIGATE_RULE).await?;
        self.command(&ctx, &id, Some(guard), |state| decide::due(state, ctx.now)).await
    }
}

/// A refusal is an outcome; a fault is tried again.
fn settled(
    result: Result<(), CommandError>,
    done: impl FnOnce() -> String,
) -> Result<Result<String, String>, CommandError> {
    match result {
        Ok(()) => Ok(Ok(done())),
        Err(CommandError::Reject(reject)) => Ok(Err(reject.message)),
        Err(other) => Err(other),
    }
}

fn vehicle_of(issue: &ComplianceIssue) -> Option<VehicleId> {
    let about = issue.about.as_ref().filter(|about| about.kind() == "vehicle")?;
    about.id().parse().ok()
}
