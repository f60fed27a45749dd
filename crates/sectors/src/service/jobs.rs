//! Jobs of a yard: asked for, released at the gate, and ended by their trips.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::{Aggregate, Code, Ctx, Envelope, Reject, SiteId, Subject, TenantId, TripId};
use policy::Request;
use store::port::{Fault, ListQuery, Order};
use store::subscribe::{Subscriber, subscriber};
use store::{CommandError, Extras, execute};

use super::Sectors;
use crate::actions::RELEASE_JOB;
use crate::job::events::JobAsked;
use crate::job::{Job, JobId, Status, decide};
use crate::place::Place;
use crate::ports::TripNews;
use crate::{PlaceId, Word, hazards};

/// What a tenant needs for jobs that a gate releases.
pub const FEATURE: &str = "gate.release";
/// What a tenant needs to move dangerous goods.
pub const DANGEROUS_GOODS: &str = "dg.rules";
/// The name of the cursor, and the rule by which jobs follow their trips.
const FOLLOW: &str = "sectors.follow_trips";

impl Sectors {
    /// Asks for a container to be moved.
    ///
    /// # Errors
    /// `NOT_FOUND` of the site, the field that is wrong, a feature that is not in effect, a fault.
    pub async fn ask_job(&self, ctx: &Ctx, asked: &JobAsked) -> Result<JobId, CommandError> {
        self.require(ctx, FEATURE).await?;
        if !asked.hazards.is_empty() {
            self.require(ctx, DANGEROUS_GOODS).await?;
        }
        self.require_site(ctx, &asked.site).await?;
        for (field, place) in [("/from", asked.from), ("/to", asked.to)] {
            let known = self.one::<Place>(&ctx.tenant, &place).await?;
            if !known.is_some_and(|known| known.is_used() && known.of.site == asked.site) {
                return Err(Reject::invalid_field(field, "must be a place of this site").into());
            }
        }
        let id: JobId = ctx.new_id();
        self.command(ctx, &id, None, |state| decide::ask(state, asked)).await?;
        note(ctx, id, "ask");
        Ok(id)
    }

    /// The gate lets a job go, under a seal.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn release_job(&self, ctx: &Ctx, id: JobId, seal: &str, reason: &str) -> Result<(), CommandError> {
        self.require(ctx, FEATURE).await?;
        let word = Word { by: &ctx.actor.id, reason };
        let gather = |state: Option<Arc<Job>>| async move {
            let conflicts = match &state {
                Some(job) => self.conflicts(&ctx.tenant, id, job).await?,
                None => BTreeSet::new(),
            };
            let question = Request::new(ctx, RELEASE_JOB, Subject::new(Job::KIND, id));
            Ok(self.ask(question.fact("segregation_conflicts", conflicts)))
        };
        let decide = |state: Option<&Job>, answer: &_| decide::release(state, seal, word, answer);
        execute(&*self.parts.store, ctx, &id, Extras::default(), gather, decide).await?;
        note(ctx, id, "release");
        Ok(())
    }

    /// Calls a job off.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION` once a trip moves it, a fault.
    pub async fn cancel_job(&self, ctx: &Ctx, id: JobId, reason: &str) -> Result<(), CommandError> {
        let word = Word { by: &ctx.actor.id, reason };
        self.command(ctx, &id, None, |state| decide::cancel(state, word)).await?;
        note(ctx, id, "cancel");
        Ok(())
    }

    /// The jobs of a site, or of all sites, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn jobs(
        &self,
        tenant: &TenantId,
        site: Option<&SiteId>,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<(JobId, Job)>, Fault> {
        let filters = site.map(|site| ("site", site.to_string())).into_iter().collect();
        let after = after.map(|id| id.to_string());
        self.list(tenant, ListQuery { filters, after, limit, order: Order::Descending }).await
    }

    /// What speaks against setting a job's container down where it is to go, in words; nothing of one that has ended.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn conflicts(&self, tenant: &TenantId, id: JobId, job: &Job) -> Result<BTreeSet<String>, Fault> {
        if job.hazards.is_empty() || matches!(job.status, Status::Done | Status::Cancelled) {
            return Ok(BTreeSet::new());
        }
        let refused =
            self.one::<Place>(tenant, &job.to).await?.map(|place| place.of.hazards_refused).unwrap_or_default();
        let there = self.all::<Job>(tenant, "stands_at", &job.to.to_string()).await?;
        let others = there.iter().filter(|(other, _)| *other != id);
        let others = others.filter(|(_, other)| other.container != job.container);
        let standing = others.map(|(_, other)| (other.container.as_str(), &other.hazards));
        Ok(hazards::conflicts(&job.hazards, &refused, standing))
    }

    pub(crate) fn following(self: &Arc<Self>) -> Arc<dyn Subscriber> {
        subscriber(FOLLOW, self, |sectors: &Self, event| Box::pin(sectors.follow(event)))
    }

    /// Begins and ends jobs as their trips do.
    async fn follow(&self, event: &Envelope) -> Result<(), CommandError> {
        let Some(news) = self.parts.trips.read(event) else { return Ok(()) };
        let tenant = &event.tenant;
        match news {
            TripNews::Asked { trip, job } => {
                let Ok(job) = job.parse::<JobId>() else { return Ok(()) };
                if self.one::<Job>(tenant, &job).await?.is_none() {
                    return Ok(());
                }
                let ctx = self.automation(tenant, FOLLOW).await?.caused_by(event.id);
                self.command(&ctx, &job, None, |state| decide::begin(state, trip)).await?;
                note(&ctx, job, "begin");
            }
            TripNews::Completed { trip } => {
                let ctx = self.automation(tenant, FOLLOW).await?.caused_by(event.id);
                for (id, job) in self.all::<Job>(tenant, "under_way_by", &trip.to_string()).await? {
                    // First what it leaves: a crash between the two ends it once more.
                    self.leave(&ctx, id, &job).await?;
                    self.command(&ctx, &id, None, |state| decide::finish(state, trip)).await?;
                    note(&ctx, id, "finish");
                }
            }
            TripNews::Ended { trip } => self.fall_back(event, trip).await?,
        }
        Ok(())
    }

    async fn fall_back(&self, event: &Envelope, trip: TripId) -> Result<(), CommandError> {
        let ctx = self.automation(&event.tenant, FOLLOW).await?.caused_by(event.id);
        for (id, _) in self.all::<Job>(&event.tenant, "under_way_by", &trip.to_string()).await? {
            self.command(&ctx, &id, None, |state| decide::fall_back(state, trip)).await?;
            note(&ctx, id, "fall_back");
        }
        Ok(())
    }

    /// The container of a job stands no more where earlier jobs had brought it.
    async fn leave(&self, ctx: &Ctx, by_job: JobId, job: &Job) -> Result<(), CommandError> {
        for (id, other) in self.all::<Job>(&ctx.tenant, "stands_at", &job.from.to_string()).await? {
            if other.container == job.container && id != by_job {
                self.command(ctx, &id, None, |state| decide::move_away(state, by_job)).await?;
            }
        }
        Ok(())
    }

    /// What a trip that names a job must know of it.
    pub(crate) async fn job_facts(&self, tenant: &TenantId, named: &str) -> Result<(bool, BTreeSet<String>), Fault> {
        let Ok(id) = named.parse::<JobId>() else { return Ok((false, BTreeSet::new())) };
        let Some(job) = self.one::<Job>(tenant, &id).await? else { return Ok((false, BTreeSet::new())) };
        Ok((job.status == Status::Released, self.conflicts(tenant, id, &job).await?))
    }

    /// One place that must be there.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn place(&self, tenant: &TenantId, id: PlaceId) -> Result<Place, CommandError> {
        let known = self.one::<Place>(tenant, &id).await?;
        Ok(known.ok_or_else(|| Reject::new(Code::NotFound, "there is no such place"))?)
    }
}

fn note(ctx: &Ctx, id: JobId, step: &'static str) {
    metrics::counter!("atlasmesh_sectors_job_steps_total", "step" => step).increment(1);
    tracing::info!(tenant = %ctx.tenant, job = %id, step, by = %ctx.actor.id, "a step of a job");
}
