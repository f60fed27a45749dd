//! Emission states of sites, and clearances of people and vehicles.

use journal::Hash;
use kernel::id::TypedId;
use kernel::{Aggregate, Ctx, SiteId, Subject, TenantId};
use policy::Request;
use store::port::Fault;
use store::{CommandError, Extras, execute};

use super::Sectors;
use crate::actions::{GRANT, RELAX};
use crate::clearance::{self, Clearance, ClearanceGranted, ClearanceId, Cleared, Level};
use crate::emission::{self, Emission, EmissionRelaxed, Emissions};

/// What a tenant needs to control emissions.
pub const EMISSIONS: &str = "emcon";
/// What a tenant needs to clear people and vehicles.
pub const CLEARANCES: &str = "clearances";

/// The clearance of somebody: the same however often it is asked for.
fn id_of(kind: Cleared, id: &str) -> ClearanceId {
    let hash = Hash::of_bytes(format!("{}/{id}", kind.as_str()).as_bytes());
    let mut first = [0_u8; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    ClearanceId::from_u128(u128::from_be_bytes(first))
}

impl Sectors {
    /// The emission state of a site; unrestricted where nobody said anything.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn emissions(&self, tenant: &TenantId, site: &SiteId) -> Result<Option<Emission>, Fault> {
        self.one::<Emission>(tenant, site).await
    }

    /// Lets less be sent out at a site, at once.
    ///
    /// # Errors
    /// `NOT_FOUND` of the site, `ILLEGAL_TRANSITION` where it would be looser, a fault.
    pub async fn tighten(&self, ctx: &Ctx, site: &SiteId, to: Emissions, reason: &str) -> Result<(), CommandError> {
        self.require_site(ctx, site).await?;
        self.command(ctx, site, None, |state| emission::tighten(state, to, &ctx.actor.id, reason)).await?;
        note_emissions(ctx, site, to);
        Ok(())
    }

    /// Whether a wanted state is looser than what holds, so that two people are needed; with what holds.
    ///
    /// # Errors
    /// `NOT_FOUND` of the site, a feature that is not in effect, a fault.
    pub async fn is_looser(&self, ctx: &Ctx, site: &SiteId, to: Emissions) -> Result<Option<Emissions>, CommandError> {
        self.require_site(ctx, site).await?;
        let now = self.emissions(&ctx.tenant, site).await?.map_or_else(Emissions::default, |known| known.state);
        if to >= now {
            return Ok(None);
        }
        self.require(ctx, EMISSIONS).await?;
        Ok(Some(now))
    }

    /// Lets more be sent out at a site, as two people said.
    ///
    /// # Errors
    /// `POLICY_VIOLATION`, `ILLEGAL_TRANSITION` where it is tighter meanwhile, a fault.
    pub async fn relax(
        &self,
        ctx: &Ctx,
        site: &SiteId,
        from: Emissions,
        to: Emissions,
        reason: &str,
    ) -> Result<(), CommandError> {
        let approved_by = ctx.actor.second_approver.clone();
        let gather = |_| async {
            let question = Request::new(ctx, RELAX, emission::subject(site))
                .fact("from_state", from.as_str())
                .fact("to_state", to.as_str())
                .fact("second_person", ctx.actor.second_approver.is_some());
            Ok(self.ask(question))
        };
        let (by, reason) = (ctx.actor.id.clone(), reason.to_owned());
        let relaxed = EmissionRelaxed { state: to, by, approved_by, reason };
        let decide = |state: Option<&Emission>, answer: &_| emission::relax(state, &relaxed, from, answer);
        execute(&*self.parts.store, ctx, site, Extras::default(), gather, decide).await?;
        note_emissions(ctx, site, to);
        Ok(())
    }

    /// Clears a person or a vehicle up to a level.
    ///
    /// # Errors
    /// `POLICY_VIOLATION`, `/until`, a feature that is not in effect, a fault.
    pub async fn grant(&self, ctx: &Ctx, granted: &ClearanceGranted) -> Result<ClearanceId, CommandError> {
        self.require(ctx, CLEARANCES).await?;
        let id = id_of(granted.kind, &granted.id);
        let gather = |_| async {
            let is_own = granted.kind == Cleared::Principal && granted.id == ctx.actor.id;
            let question = Request::new(ctx, GRANT, Subject::new(Clearance::KIND, id))
                .about(Subject::new(granted.kind.as_str(), &granted.id))
                .fact("level", granted.level.rank())
                .fact("to_caller", is_own);
            Ok(self.ask(question))
        };
        let decide = |state: Option<&Clearance>, answer: &_| clearance::grant(state, granted, ctx.now, answer);
        execute(&*self.parts.store, ctx, &id, Extras::default(), gather, decide).await?;
        metrics::counter!("atlasmesh_sectors_clearances_total", "level" => granted.level.as_str()).increment(1);
        tracing::info!(
            tenant = %ctx.tenant, clearance = %id, kind = granted.kind.as_str(), of = granted.id,
            level = granted.level.as_str(), "somebody is cleared"
        );
        Ok(id)
    }

    /// The clearance of somebody, whether it holds still or not.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn clearance(&self, tenant: &TenantId, kind: Cleared, id: &str) -> Result<Option<Clearance>, Fault> {
        self.one::<Clearance>(tenant, &id_of(kind, id)).await
    }

    pub(crate) async fn level_of(&self, ctx: &Ctx, kind: Cleared, id: &str) -> Result<Level, Fault> {
        let known = self.clearance(&ctx.tenant, kind, id).await?;
        Ok(known.map_or_else(Level::default, |known| known.level_at(ctx.now)))
    }
}

fn note_emissions(ctx: &Ctx, site: &SiteId, to: Emissions) {
    metrics::counter!("atlasmesh_sectors_emission_changes_total", "state" => to.as_str()).increment(1);
    tracing::info!(tenant = %ctx.tenant, %site, state = to.as_str(), by = %ctx.actor.id, "the emission state of a site");
}
