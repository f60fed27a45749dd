//! Places of a site.

use kernel::{Ctx, SiteId, TenantId};
use store::CommandError;
use store::port::Fault;

use super::Sectors;
use crate::place::{self, NewPlace, Place, PlaceId};

impl Sectors {
    /// Names a place of a site.
    ///
    /// # Errors
    /// `NOT_FOUND` of the site, the fields that are wrong, a fault.
    pub async fn name_place(&self, ctx: &Ctx, place: &NewPlace) -> Result<PlaceId, CommandError> {
        self.require_site(ctx, &place.site).await?;
        let id: PlaceId = ctx.new_id();
        self.command(ctx, &id, None, |state| place::name(state, place, &ctx.actor.id)).await?;
        tracing::info!(tenant = %ctx.tenant, site = %place.site, place = %id, "a place is named");
        Ok(id)
    }

    /// Gives a place up.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn give_up_place(&self, ctx: &Ctx, id: PlaceId) -> Result<(), CommandError> {
        self.command(ctx, &id, None, |state| place::give_up(state, &ctx.actor.id)).await?;
        tracing::info!(tenant = %ctx.tenant, place = %id, "a place is given up");
        Ok(())
    }

    /// The places of a site that are used.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn places_of(&self, tenant: &TenantId, site: &SiteId) -> Result<Vec<(PlaceId, Place)>, Fault> {
        self.all(tenant, "used_at", site.as_str()).await
    }
}
