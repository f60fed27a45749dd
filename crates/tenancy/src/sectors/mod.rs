//! Sectors of tenants: what is installed, what the subscription allows, what is in force, and which of the four (installed,
//! entitled, flag, policy) says no to a feature (SECTOR-1 to SECTOR-4).

mod activate;
mod features;
mod flag_choices;
mod flag_layers;
mod shipped;
mod subscriptions;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use entitlements::Catalogue;
use flags::{Context, Layers};
use kernel::{BoxFuture, Code, Ctx, CtxSource, Reject, Sector, Subject, TenantId, TripId};
use policy::{Engine as Policy, Request};
use serde_json::{Value, json};
use store::port::{Fault, Store};
use store::{CommandError, load};

use flag_layers::FlagLayers;
pub use shipped::Installed;
pub use views::{
    ChosenVariant, EffectiveFeature, EntitlementAnswer, FlagState, Lacking, PartPreview, RefusedBy, SectorInForce,
    SectorLimit, SectorOffer, SectorPreview, SubscribedFeature, SubscriptionState, TripPreview,
};

use crate::tenant::{Tenant, no_tenant};

/// A trip under way, with the decision that let it begin.
#[derive(Debug, Clone)]
pub struct RunningTrip {
    pub trip: TripId,
    /// As the journal has it.
    pub decision: Option<Value>,
}

/// A vehicle in service.
#[derive(Debug, Clone)]
pub struct ServingVehicle {
    pub name: String,
    /// The sectors that it was admitted to; none: all.
    pub sectors: Vec<Sector>,
}

/// What a change of the sector meets.
pub trait InService: Send + Sync {
    /// The trips that are not over.
    fn trips<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Vec<RunningTrip>, Fault>>;

    fn vehicles<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Vec<ServingVehicle>, Fault>>;
}

/// What the service is made of.
pub struct SectorParts {
    pub store: Arc<dyn Store>,
    pub source: Arc<dyn CtxSource>,
    pub policy: Arc<Policy>,
    pub in_service: Arc<dyn InService>,
}

/// The service.
pub struct Sectors {
    parts: SectorParts,
    catalogue: Catalogue,
    installed: BTreeMap<Sector, Installed>,
    layers: FlagLayers,
}

impl Sectors {
    /// The service with what the product ships.
    ///
    /// # Errors
    /// What is wrong with the catalogue or an overlay.
    pub fn new(parts: SectorParts) -> Result<Self, String> {
        let catalogue = entitlements::shipped().map_err(|error| format!("the catalogue: {error}"))?;
        let installed = shipped::installed()?;
        Ok(Self { parts, catalogue, installed, layers: FlagLayers::default() })
    }

    /// What can be had.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(crate) async fn tenant(&self, tenant: &TenantId) -> Result<Tenant, CommandError> {
        let known = load::<Tenant>(&*self.parts.store, tenant, tenant).await?;
        known.map(|known| known.state).ok_or_else(|| no_tenant().into())
    }

    /// The installed overlay of a sector.
    ///
    /// # Errors
    /// `NOT_FOUND`: every sector that there is has one, so only a program of another version asks for more.
    pub(crate) fn installed(&self, sector: Sector) -> Result<&Installed, Reject> {
        let text = || format!("no overlay of the sector {sector} is installed");
        self.installed.get(&sector).ok_or_else(|| Reject::new(Code::NotFound, text()))
    }

    /// The overlay that is in force for a tenant; `None` where it activated none.
    pub(crate) fn in_force<'a>(&'a self, tenant: &Tenant) -> Option<&'a Installed> {
        tenant.in_force.as_ref().and_then(|known| self.installed.get(&known.sector))
    }

    fn now_ms(&self) -> i64 {
        self.parts.source.now().as_ms()
    }

    pub(crate) fn ask(&self, ctx: &Ctx, action: policy::Action) -> Request {
        Request::new(ctx, action, Subject::new("tenant", &ctx.tenant))
    }

    /// The flags that hold for a tenant in a sector.
    pub(crate) fn layers(&self, tenant: &Tenant, installed: &Installed) -> Arc<Layers> {
        self.layers.of(tenant, installed)
    }

    /// What the server knows of a tenant better than whoever asks for a flag.
    pub(crate) fn flag_context(&self, tenant: &Tenant, sector: Sector, asked: Context) -> Context {
        let entitled: Vec<String> = self.entitled(tenant, sector).into_iter().collect();
        let plan = tenant.subscription().plan;
        asked
            .with("tenant", tenant.name.as_str())
            .with("sector", sector.as_str())
            .with("tier", plan)
            .with("entitlements", json!(entitled))
    }

    /// What is in force for a tenant.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn in_force_for(&self, ctx: &Ctx) -> Result<SectorInForce, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let (Some(known), Some(installed)) = (&tenant.in_force, self.in_force(&tenant)) else {
            let (sector, generation) = (tenant.sector, tenant.generation);
            return Ok(SectorInForce { sector, generation, ..SectorInForce::default() });
        };
        let overlay = &installed.overlay;
        let features = self.effective(ctx, &tenant, installed, known.sector).into_iter();
        let flags = self.flag_values(&tenant, known.sector, installed);
        Ok(SectorInForce {
            sector: Some(known.sector),
            title: overlay.manifest.title.clone(),
            version: known.version.clone(),
            digest: known.digest.clone(),
            generation: tenant.generation,
            active: true,
            activated_at: Some(known.at),
            activated_by: Some(known.by.clone()),
            can_roll_back: tenant.before.is_some(),
            terms: overlay.terms.clone(),
            ui: overlay.ui.clone(),
            logo: overlay.logo.clone(),
            features: features.filter(|known| known.effective).map(|known| known.feature).collect(),
            flags,
            limits: views::limits_of(&overlay.limits),
            parameters: overlay.parameters.iter().cloned().collect(),
            signals: overlay.signals.clone(),
            clauses: overlay.clauses.clone(),
        })
    }

    /// The speed that the sector in force allows in each kind of place, in metres per second; empty where none is in force.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn speed_limits(&self, tenant: &TenantId) -> Result<BTreeMap<String, f64>, Fault> {
        let Some(known) = load::<Tenant>(&*self.parts.store, tenant, tenant).await? else { return Ok(BTreeMap::new()) };
        Ok(self.in_force(&known.state).map(|installed| installed.overlay.limits.speeds()).unwrap_or_default())
    }

    /// The sector's words for a tenant; `None` where it activated none.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn spoken(&self, tenant: &TenantId) -> Result<Option<Spoken>, Fault> {
        let Some(known) = load::<Tenant>(&*self.parts.store, tenant, tenant).await? else { return Ok(None) };
        let Some(sector) = known.state.sector else { return Ok(None) };
        let generation = known.state.generation;
        let overlay = self.in_force(&known.state).map(|installed| &installed.overlay);
        let terms = overlay.map(|overlay| overlay.terms.clone());
        Ok(Some(Spoken { sector, generation, digest: overlay.map(|overlay| overlay.digest.clone()), terms }))
    }
}

/// In which sector, generation and words a tenant is answered.
#[derive(Debug, Clone)]
pub struct Spoken {
    pub sector: Sector,
    pub generation: u64,
    /// Of the overlay in force.
    pub digest: Option<String>,
    pub terms: Option<overlays::terms::Terms>,
}
