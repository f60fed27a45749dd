//! The blast clock: each step with what policy says of it, and the closure that begins before it and ends after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::id::{RestrictionId, TypedId};
use kernel::{Aggregate, Ctx, Decided, SiteId, Subject, TenantId, polygon};
use policy::{Action, PolicyAnswer, Request};
use store::port::{Fault, Guard};
use store::{CommandError, Extras, execute};

use super::Sectors;
use crate::Word;
use crate::actions::{CALL_OFF, EXAMINE, FIRE, GUARD, RELEASE_BLAST};
use crate::blast::events::BlastPlanned;
use crate::blast::{Blast, BlastEvent, BlastId, decide};
use crate::ports::{Closure, Whereabouts};

/// What a tenant needs to plan blasts.
pub const FEATURE: &str = "blast.coordination";
/// The rule by which the clock goes on.
const CLOCK_RULE: &str = "sectors.blast_clock";
/// A vehicle that drives is known to be somewhere else for so long, in milliseconds.
const POSITION_VALID_MS: i64 = 60_000;

/// Vehicles that speak against a blast.
#[derive(Default)]
struct Vehicles {
    inside: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

/// The closure of a blast's area: the same however often it is asked for.
fn closure_of(blast: BlastId) -> RestrictionId {
    RestrictionId::from_u128(blast.as_u128())
}

impl Sectors {
    /// Announces a blast.
    ///
    /// # Errors
    /// `NOT_FOUND` of the site, `/area`, a feature that is not in effect, a fault.
    pub async fn plan_blast(&self, ctx: &Ctx, planned: &BlastPlanned) -> Result<BlastId, CommandError> {
        self.require(ctx, FEATURE).await?;
        self.require_site(ctx, &planned.site).await?;
        let id: BlastId = ctx.new_id();
        self.command(ctx, &id, None, |state| decide::plan(state, planned)).await?;
        note(ctx, id, "plan");
        Ok(id)
    }

    /// Closes the area of a blast, and has those inside leave. The closure comes first: a crash between the two leaves an
    /// area that is closed, and the step is taken again.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn clear_blast(&self, ctx: &Ctx, id: BlastId, reason: &str) -> Result<(), CommandError> {
        let (restriction, word) = (closure_of(id), Word { by: &ctx.actor.id, reason });
        let known = self.one::<Blast>(&ctx.tenant, &id).await?;
        let decided = decide::clear(known.as_ref(), restriction, word);
        decided.reply?;
        if let (Some(blast), false) = (&known, decided.events.is_empty()) {
            let closure = Closure { restriction, name: &blast.name, area: &blast.area, reason };
            self.parts.grounds.close(ctx, &blast.site, closure).await?;
        }
        self.command(ctx, &id, None, |state| decide::clear(state, restriction, word)).await?;
        note(ctx, id, "clear");
        Ok(())
    }

    /// Everybody is out, and every way in is guarded.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION` while a vehicle is inside or may be, a fault.
    pub async fn guard_blast(
        &self,
        ctx: &Ctx,
        id: BlastId,
        posts: &[String],
        reason: &str,
    ) -> Result<(), CommandError> {
        let word = Word { by: &ctx.actor.id, reason };
        let gather = |state: Option<Arc<Blast>>| async move {
            let vehicles = self.vehicles_at(ctx, state.as_deref()).await?;
            let question = about(ctx, GUARD, id)
                .fact("vehicles_inside", vehicles.inside)
                .fact("vehicles_unknown", vehicles.unknown)
                .fact("posts", u32::try_from(posts.len()).unwrap_or(u32::MAX));
            Ok(self.ask(question))
        };
        self.blast_step(ctx, id, "guard", gather, |state, answer| decide::guard(state, posts, word, answer)).await
    }

    /// Fires.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `FORBIDDEN`, `POLICY_VIOLATION`, a fault.
    pub async fn fire_blast(&self, ctx: &Ctx, id: BlastId, reason: &str) -> Result<(), CommandError> {
        self.require(ctx, FEATURE).await?;
        let word = Word { by: &ctx.actor.id, reason };
        let gather = |state: Option<Arc<Blast>>| async move {
            let vehicles = self.vehicles_at(ctx, state.as_deref()).await?;
            let guarded_by = state.as_ref().and_then(|blast| blast.guarded_by.clone());
            let question = about(ctx, FIRE, id)
                .fact("vehicles_inside", vehicles.inside)
                .fact("vehicles_unknown", vehicles.unknown)
                .fact("guarded_by_caller", guarded_by.as_deref() == Some(&*ctx.actor.id));
            Ok(self.ask(question))
        };
        self.blast_step(ctx, id, "fire", gather, |state, answer| decide::fire(state, word, answer)).await
    }

    /// Signs the examination after a blast: all is well, or not everything went off.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `FORBIDDEN`, `POLICY_VIOLATION`, a fault.
    pub async fn examine_blast(&self, ctx: &Ctx, id: BlastId, is_safe: bool, reason: &str) -> Result<(), CommandError> {
        let word = Word { by: &ctx.actor.id, reason };
        let gather = |state: Option<Arc<Blast>>| async move {
            let fired_by = state.as_ref().and_then(|blast| blast.fired_by.clone());
            let question = about(ctx, EXAMINE, id)
                .fact("fired_by_caller", fired_by.as_deref() == Some(&*ctx.actor.id))
                .fact("found_safe", is_safe);
            Ok(self.ask(question))
        };
        let decide =
            |state: Option<&Blast>, answer: &PolicyAnswer| decide::examine(state, is_safe, word, ctx.now, answer);
        self.blast_step(ctx, id, if is_safe { "examine" } else { "misfire" }, gather, decide).await
    }

    /// Opens the area again. The closure ends first: it was examined, and the step is taken again after a crash.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn release_blast(&self, ctx: &Ctx, id: BlastId, reason: &str) -> Result<(), CommandError> {
        let word = Word { by: &ctx.actor.id, reason };
        let known = self.one::<Blast>(&ctx.tenant, &id).await?;
        let decided = decide::release(known.as_ref(), word, &self.ask(about(ctx, RELEASE_BLAST, id)));
        if decided.reply.is_ok() && !decided.events.is_empty() {
            self.open(ctx, known.as_ref()).await?;
        }
        let gather = |_| async { Ok(self.ask(about(ctx, RELEASE_BLAST, id))) };
        self.blast_step(ctx, id, "release", gather, |state, answer| decide::release(state, word, answer)).await
    }

    /// Calls a blast off, then opens its area: a crash between the two leaves an area that is closed, and the step is
    /// taken again.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, `POLICY_VIOLATION`, a fault.
    pub async fn call_off_blast(&self, ctx: &Ctx, id: BlastId, reason: &str) -> Result<(), CommandError> {
        let word = Word { by: &ctx.actor.id, reason };
        let gather = |state: Option<Arc<Blast>>| async move {
            let is_closed = state.is_some_and(|blast| blast.phase.closes_area());
            Ok(self.ask(about(ctx, CALL_OFF, id).fact("area_closed", is_closed)))
        };
        self.blast_step(ctx, id, "call-off", gather, |state, answer| decide::call_off(state, word, answer)).await?;
        let known = self.one::<Blast>(&ctx.tenant, &id).await?;
        self.open(ctx, known.as_ref()).await
    }

    async fn open(&self, ctx: &Ctx, blast: Option<&Blast>) -> Result<(), CommandError> {
        let Some((blast, restriction)) = blast.and_then(|blast| Some((blast, blast.restriction?))) else {
            return Ok(());
        };
        self.parts.grounds.open(ctx, &blast.site, restriction).await
    }

    async fn blast_step<G, F>(
        &self,
        ctx: &Ctx,
        id: BlastId,
        step: &'static str,
        gather: G,
        decide: impl Fn(Option<&Blast>, &PolicyAnswer) -> Decided<BlastEvent, ()> + Send + Sync,
    ) -> Result<(), CommandError>
    where
        G: Fn(Option<Arc<Blast>>) -> F + Send + Sync,
        F: Future<Output = Result<PolicyAnswer, CommandError>> + Send,
    {
        execute(&*self.parts.store, ctx, &id, Extras::default(), gather, decide).await?;
        note(ctx, id, step);
        Ok(())
    }

    /// Which vehicles of the site are in the area of a blast, and of which nobody knows where they are.
    async fn vehicles_at(&self, ctx: &Ctx, blast: Option<&Blast>) -> Result<Vehicles, CommandError> {
        let Some(blast) = blast else { return Ok(Vehicles::default()) };
        let mut found = Vehicles::default();
        for Whereabouts { vehicle, last, parked } in self.parts.grounds.vehicles(&ctx.tenant, &blast.site).await? {
            let is_inside = last.is_some_and(|(at, _)| polygon::contains(&blast.area, at));
            let is_known = last.is_some_and(|(_, seen)| parked || ctx.now.since_ms(seen) <= POSITION_VALID_MS);
            if is_inside {
                found.inside.insert(vehicle.to_string());
            } else if !is_known {
                found.unknown.insert(vehicle.to_string());
            }
        }
        Ok(found)
    }

    /// The blasts whose area is closed now, at a site.
    pub(crate) async fn closed_blasts(&self, tenant: &TenantId, site: &SiteId) -> Result<Vec<(BlastId, Blast)>, Fault> {
        self.all(tenant, "closed_at", site.as_str()).await
    }

    pub(crate) async fn blast_due(&self, tenant: &TenantId, id: BlastId, guard: Guard) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, CLOCK_RULE).await?;
        self.command(&ctx, &id, Some(guard), |state| decide::due(state, ctx.now)).await?;
        tracing::warn!(%tenant, blast = %id, "a blast waits for people");
        Ok(())
    }
}

fn about(ctx: &Ctx, action: Action, id: BlastId) -> Request {
    Request::new(ctx, action, Subject::new(Blast::KIND, id))
}

fn note(ctx: &Ctx, id: BlastId, step: &'static str) {
    metrics::counter!("atlasmesh_sectors_blast_steps_total", "step" => step).increment(1);
    tracing::info!(tenant = %ctx.tenant, blast = %id, step, by = %ctx.actor.id, "a step of a blast");
}
