//! Effective is what is installed, entitled, switched on by its flag, and not forbidden by policy. Each can only take away.

use std::collections::BTreeSet;

use entitlements::{Ask, check};
use flags::Context;
use kernel::{Code, Ctx, Reject, Sector};
use store::CommandError;

use super::views::RefusedBy;
use super::{EffectiveFeature, Installed, Sectors};
use crate::actions::USE_FEATURE;
use crate::tenant::Tenant;
use crate::tenant::sector::not_entitled;

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
        let concerns =
            |feature: &&entitlements::Feature| feature.sectors.is_empty() || feature.sectors.contains(sector.as_str());
        let entitled = self.entitled(tenant, sector);
        let layers = self.layers(tenant, installed);
        let context = self.flag_context(tenant, sector, Context::default());
        let used = installed.features();
        let features = self.catalogue.features().filter(concerns);
        features
            .map(|feature| {
                let id = feature.id.as_str();
                let is_installed = feature.sectors.is_empty() || used.contains(id);
                let flag = layers.flag(id).is_none_or(|flag| flag.evaluate(&context, self.now_ms()).is_on());
                let decision = self.parts.policy.decide(&self.ask(ctx, USE_FEATURE).fact("feature", id));
                let asked = [
                    (is_installed, RefusedBy::Installed, "the overlay in force does not have it".to_owned()),
                    (entitled.contains(id), RefusedBy::Entitled, "the subscription does not have it".to_owned()),
                    (flag, RefusedBy::Flag, "its flag is off".to_owned()),
                    (decision.is_allowed(), RefusedBy::Policy, decision.reason_text()),
                ];
                let refused = asked.iter().find(|(says_yes, ..)| !says_yes);
                EffectiveFeature {
                    feature: id.to_owned(),
                    title: feature.title.clone(),
                    installed: asked[0].0,
                    entitled: asked[1].0,
                    flag: asked[2].0,
                    policy: asked[3].0,
                    effective: refused.is_none(),
                    refused_by: refused.map(|(_, by, _)| *by),
                    why: refused.map_or_else(|| "nothing says no".to_owned(), |(.., why)| why.clone()),
                }
            })
            .collect()
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
        let known = self.effective(ctx, &tenant, self.installed(sector)?, sector);
        let Some(found) = known.into_iter().find(|known| known.feature == feature) else {
            let text = format!("{feature} is not in use: the sector {sector} does not have it");
            return Err(Reject::new(Code::FeatureOff, text).into());
        };
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
