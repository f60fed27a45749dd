//! Effective is what is installed, entitled, switched on by its flag, and not forbidden by policy. Each can only take away.

use std::collections::BTreeSet;
use std::sync::Arc;

use entitlements::{Ask, Feature, Subscription, check};
use flags::{Context, Layers};
use kernel::{Code, Ctx, Reject, Sector};
use store::CommandError;

use super::views::RefusedBy;
use super::{EffectiveFeature, Installed, Sectors};
use crate::actions::USE_FEATURE;
use crate::tenant::Tenant;
use crate::tenant::sector::not_entitled;

/// Whether a feature is one of a sector.
fn concerns(feature: &Feature, sector: Sector) -> bool {
    feature.sectors.is_empty() || feature.sectors.contains(sector.as_str())
}

/// What the four are asked with.
struct Judge<'a> {
    sectors: &'a Sectors,
    ctx: &'a Ctx,
    sector: Sector,
    subscription: Subscription,
    used: BTreeSet<&'a str>,
    layers: Arc<Layers>,
    context: Context,
}

impl<'a> Judge<'a> {
    fn new(sectors: &'a Sectors, ctx: &'a Ctx, tenant: &Tenant, installed: &'a Installed, sector: Sector) -> Self {
        Self {
            sectors,
            ctx,
            sector,
            subscription: tenant.subscription(),
            used: installed.features(),
            layers: sectors.layers(tenant, installed),
            context: sectors.flag_context(tenant, sector, Context::default()),
        }
    }

    fn judge(&self, feature: &Feature) -> EffectiveFeature {
        let (id, now) = (feature.id.as_str(), self.sectors.now_ms());
        let is_installed = feature.sectors.is_empty() || self.used.contains(id);
        let ask = Ask::feature(id).in_sector(self.sector.as_str());
        let is_entitled = check(&self.sectors.catalogue, &self.subscription, &ask, now).is_allowed();
        let is_on = self.layers.flag(id).is_none_or(|flag| flag.evaluate(&self.context, now).is_on());
        let decision = self.sectors.parts.policy.decide(&self.sectors.ask(self.ctx, USE_FEATURE).fact("feature", id));
        let asked = [
            (is_installed, RefusedBy::Installed, "the overlay in force does not have it".to_owned()),
            (is_entitled, RefusedBy::Entitled, "the subscription does not have it".to_owned()),
            (is_on, RefusedBy::Flag, "its flag is off".to_owned()),
            (decision.is_allowed(), RefusedBy::Policy, decision.reason_text()),
        ];
        let refused = asked.iter().find(|(says_yes, ..)| !says_yes);
        EffectiveFeature {
            feature: id.to_owned(),
            title: feature.title.clone(),
            installed: is_installed,
            entitled: is_entitled,
            flag: is_on,
            policy: decision.is_allowed(),
            effective: refused.is_none(),
            refused_by: refused.map(|(_, by, _)| *by),
            why: refused.map_or_else(|| "nothing says no".to_owned(), |(.., why)| why.clone()),
        }
    }
}

impl Sectors {
    /// The features that the subscription allows in a sector now.
    pub(crate) fn entitled(&self, tenant: &Tenant, sector: Sector) -> BTreeSet<String> {
        let (subscription, now) = (tenant.subscription(), self.now_ms());
        let is_allowed = |id: &str| {
            check(&self.catalogue, &subscription, &Ask::feature(id).in_sector(sector.as_str()), now).is_allowed()
        };
        let ids = self.catalogue.features().map(|feature| feature.id.clone());
        ids.filter(|id| is_allowed(id)).collect()
    }

    /// Every feature that concerns a sector, with who says no.
    pub(crate) fn effective(
        &self,
        ctx: &Ctx,
        tenant: &Tenant,
        installed: &Installed,
        sector: Sector,
    ) -> Vec<EffectiveFeature> {
        let judge = Judge::new(self, ctx, tenant, installed, sector);
        let features = self.catalogue.features().filter(|feature| concerns(feature, sector));
        features.map(|feature| judge.judge(feature)).collect()
    }

    /// Every feature that concerns the tenant's sector, with who says no.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn features(&self, ctx: &Ctx) -> Result<Vec<EffectiveFeature>, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let sector = tenant.sector.ok_or_else(crate::tenant::no_tenant)?;
        Ok(self.effective(ctx, &tenant, self.installed(sector)?, sector))
    }

    /// Lets the caller go on only where the subscription has a feature, in whatever sector.
    ///
    /// # Errors
    /// `ENTITLEMENT_REQUIRED` with what would help; a fault of the store.
    pub async fn needs_entitlement(&self, ctx: &Ctx, feature: &str) -> Result<(), CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        match check(&self.catalogue, &tenant.subscription(), &Ask::feature(feature), self.now_ms()) {
            entitlements::Decision::Denied(denied) => Err(not_entitled(feature, &denied).into()),
            entitlements::Decision::Allowed(_) => Ok(()),
        }
    }

    /// Lets the caller go on only where a feature is effective.
    ///
    /// # Errors
    /// `ENTITLEMENT_REQUIRED` with what would help; `FEATURE_OFF` with who says no; a fault of the store.
    pub async fn needs(&self, ctx: &Ctx, feature: &str) -> Result<(), CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let sector = tenant.sector.ok_or_else(crate::tenant::no_tenant)?;
        let known = self.catalogue.feature(feature).filter(|known| concerns(known, sector)).ok_or_else(|| {
            let text = format!("{feature} is not in use: the sector {sector} does not have it");
            Reject::new(Code::FeatureOff, text)
        })?;
        let found = Judge::new(self, ctx, &tenant, self.installed(sector)?, sector).judge(known);
        match found.refused_by {
            None => Ok(()),
            Some(RefusedBy::Entitled) => {
                let ask = Ask::feature(feature).in_sector(sector.as_str());
                let denied = match check(&self.catalogue, &tenant.subscription(), &ask, self.now_ms()) {
                    entitlements::Decision::Denied(denied) => denied,
                    entitlements::Decision::Allowed(_) => return Ok(()),
                };
                Err(not_entitled(&format!("{feature} ({})", found.title), &denied).into())
            }
            Some(_) => Err(Reject::new(Code::FeatureOff, format!("{feature} is not in use: {}", found.why)).into()),
        }
    }
}
