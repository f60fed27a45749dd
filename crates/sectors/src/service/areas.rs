//! Service areas of a city.

use kernel::{Ctx, SiteId, TenantId};
use store::CommandError;
use store::port::Fault;

use super::Sectors;
use crate::area::{self, NewServiceArea, ServiceArea, ServiceAreaId};

/// What a tenant needs to serve areas of a city.
pub const FEATURE: &str = "cities";
/// What a tenant needs to serve people with a wheelchair.
pub const WHEELCHAIR: &str = "wav";

impl Sectors {
    /// Draws a service area.
    ///
    /// # Errors
    /// `NOT_FOUND` of the site, the field that is wrong, a feature that is not in effect, a fault.
    pub async fn draw_area(&self, ctx: &Ctx, drawn: &NewServiceArea) -> Result<ServiceAreaId, CommandError> {
        self.require(ctx, FEATURE).await?;
        if drawn.wheelchair {
            self.require(ctx, WHEELCHAIR).await?;
        }
        self.require_site(ctx, &drawn.site).await?;
        let id: ServiceAreaId = ctx.new_id();
        self.command(ctx, &id, None, |state| area::draw(state, drawn, &ctx.actor.id)).await?;
        metrics::counter!("atlasmesh_sectors_areas_total").increment(1);
        tracing::info!(tenant = %ctx.tenant, site = %drawn.site, area = %id, "a service area is drawn");
        Ok(id)
    }

    /// Gives a service area up.
    ///
    /// # Errors
    /// `NOT_FOUND`, a fault.
    pub async fn give_up_area(&self, ctx: &Ctx, id: ServiceAreaId) -> Result<(), CommandError> {
        self.command(ctx, &id, None, |state| area::give_up(state, &ctx.actor.id)).await?;
        tracing::info!(tenant = %ctx.tenant, area = %id, "a service area is given up");
        Ok(())
    }

    /// The areas of a site that are served.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn areas_of(&self, tenant: &TenantId, site: &SiteId) -> Result<Vec<(ServiceAreaId, ServiceArea)>, Fault> {
        self.all(tenant, "served_at", site.as_str()).await
    }
}
