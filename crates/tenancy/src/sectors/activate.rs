//! Putting a sector in force: previewed, then done as a whole, and taken back in one step.

use std::collections::BTreeSet;
use std::sync::Arc;

use entitlements::{Ask, Decision, Denied, check};
use kernel::{Ctx, Sector};
use policy::PolicyAnswer;
use store::{CommandError, Extras, execute};

use super::views::{Lacking, PartPreview, SectorOffer, SectorPreview, TripPreview};
use super::{Installed, SectorInForce, Sectors};
use crate::actions::{ACTIVATE_SECTOR, ROLL_BACK_SECTOR};
use crate::tenant::Tenant;
use crate::tenant::sector::{self, AppearanceApplied, Asked, FlagsActivated, PoliciesLoaded, Proposal, SectorEntitled};

/// The files that decide how the page looks and speaks.
const APPEARANCE: [&str; 3] = ["terms.yaml", "ui.yaml", "logo.svg"];

fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl From<Denied> for Lacking {
    fn from(denied: Denied) -> Self {
        Self { reason: word(denied.reason), required: denied.required, upgrade_options: denied.upgrade_options }
    }
}

impl Sectors {
    /// Why the subscription does not allow a sector; `None` where it does.
    fn denial(&self, tenant: &Tenant, installed: &Installed, sector: Sector) -> Option<Denied> {
        let (subscription, now) = (tenant.subscription(), self.now_ms());
        let denials = installed.overlay.requires.iter().filter_map(|feature| {
            let ask = Ask::feature(feature).in_sector(sector.as_str());
            match check(&self.catalogue, &subscription, &ask, now) {
                Decision::Denied(denied) => Some(denied),
                Decision::Allowed(_) => None,
            }
        });
        denials.reduce(|mut all, one| {
            all.required.extend(one.required);
            all.required.sort();
            all.required.dedup();
            // Only what helps with everything helps.
            all.upgrade_options.retain(|option| one.upgrade_options.iter().any(|other| other.id == option.id));
            all
        })
    }

    /// The sectors that a tenant can have, with what each lacks.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn offers(&self, ctx: &Ctx) -> Result<Vec<SectorOffer>, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let offers = self.installed.iter().map(|(&sector, installed)| {
            let overlay = &installed.overlay;
            let denied = self.denial(&tenant, installed, sector);
            SectorOffer {
                sector,
                title: overlay.manifest.title.clone(),
                version: overlay.manifest.version.clone(),
                digest: overlay.digest.clone(),
                active: tenant.in_force.as_ref().is_some_and(|known| known.sector == sector),
                entitled: denied.is_none(),
                missing: denied.as_ref().map(|denied| denied.required.clone()).unwrap_or_default(),
                upgrade_options: denied.map(|denied| denied.upgrade_options).unwrap_or_default(),
                requires: overlay.requires.clone(),
                uses: overlay.uses.clone(),
            }
        });
        Ok(offers.collect())
    }

    fn proposal(&self, tenant: &Tenant, installed: &Installed, sector: Sector) -> Result<Proposal, Denied> {
        if let Some(denied) = self.denial(tenant, installed, sector) {
            return Err(denied);
        }
        let overlay = &installed.overlay;
        let used = installed.features();
        let is_used = |id: &String| {
            used.contains(id.as_str()) || self.catalogue.feature(id).is_some_and(|feature| feature.sectors.is_empty())
        };
        let features = self.entitled(tenant, sector).into_iter().filter(is_used).collect();
        let rules = overlay.policies.iter().flat_map(|file| file.rules.iter().cloned());
        let limits = overlay.limits.iter().flat_map(|(_, limit)| limit.rules.iter().cloned());
        let files =
            APPEARANCE.iter().filter_map(|name| Some(((*name).to_owned(), overlay.manifest.files.get(*name)?.clone())));
        Ok(Proposal {
            entitled: SectorEntitled { sector, plan: tenant.subscription().plan, features },
            policies: PoliciesLoaded {
                sector,
                rules: rules.chain(limits).collect(),
                bundle: self.parts.policy.active().digest().to_owned(),
            },
            flags: FlagsActivated {
                sector,
                digest: self.layers(tenant, installed).digest().to_owned(),
                values: self.flag_values(tenant, sector, installed),
            },
            appearance: AppearanceApplied { sector, files: files.collect(), modules: overlay.ui.modules.clone() },
            version: overlay.manifest.version.clone(),
            digest: overlay.digest.clone(),
        })
    }

    /// Puts a sector's overlay in force: rules, flags, words and colours together, or none of them (SECTOR-1 to SECTOR-4).
    ///
    /// # Errors
    /// `ENTITLEMENT_REQUIRED` with what is needed and what would give it; `POLICY_VIOLATION`.
    pub async fn activate(&self, ctx: &Ctx, sector: Sector, reason: &str) -> Result<SectorInForce, CommandError> {
        let installed = self.installed(sector)?;
        let gather = |state: Option<Arc<Tenant>>| async move {
            let proposed = match state.as_deref() {
                Some(tenant) => self.proposal(tenant, installed, sector),
                None => return Err(crate::tenant::no_tenant().into()),
            };
            let question = self.ask(ctx, ACTIVATE_SECTOR).fact("wanted", sector.as_str());
            let policy: PolicyAnswer = self.parts.policy.decide(&question.fact("entitled", proposed.is_ok())).into();
            Ok(Asked { policy, proposed, sector })
        };
        let by = ctx.actor.id.clone();
        let decide = |state: Option<&Tenant>, asked: &Asked| sector::activate(state, asked, reason, &by);
        let done = execute(&*self.parts.store, ctx, &ctx.tenant, Extras::default(), gather, decide).await;
        let outcome = if done.is_ok() { "activated" } else { "refused" };
        metrics::counter!("atlasmesh_sectors_activated_total", "sector" => sector.as_str(), "outcome" => outcome)
            .increment(1);
        tracing::info!(tenant = %ctx.tenant, %sector, outcome, "a sector was asked for");
        done?;
        self.in_force_for(ctx).await
    }

    /// Puts what was in force before in force again.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` where nothing was; `POLICY_VIOLATION`.
    pub async fn roll_back(&self, ctx: &Ctx, reason: &str) -> Result<SectorInForce, CommandError> {
        let policy: PolicyAnswer = self.parts.policy.decide(&self.ask(ctx, ROLL_BACK_SECTOR)).into();
        let by = ctx.actor.id.clone();
        let gather = |_: Option<Arc<Tenant>>| {
            let policy = policy.clone();
            async move { Ok(policy) }
        };
        let decide = |state: Option<&Tenant>, policy: &PolicyAnswer| sector::roll_back(state, policy, reason, &by);
        execute(&*self.parts.store, ctx, &ctx.tenant, Extras::default(), gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, "a sector was rolled back");
        self.in_force_for(ctx).await
    }

    /// What an activation would change, without doing it.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn preview(&self, ctx: &Ctx, sector: Sector) -> Result<SectorPreview, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let installed = self.installed(sector)?;
        let denied = self.denial(&tenant, installed, sector);
        let vehicles = self.parts.in_service.vehicles(&ctx.tenant).await?;
        let running = self.parts.in_service.trips(&ctx.tenant).await?;
        let trips = running.iter().filter_map(|trip| {
            let loses = self.parts.policy.replay_in(trip.decision.as_ref()?, sector)?;
            Some(TripPreview { trip: trip.trip, loses })
        });
        let is_outside = |sectors: &[Sector]| !sectors.is_empty() && !sectors.contains(&sector);
        Ok(SectorPreview {
            sector,
            allowed: denied.is_none(),
            denial: denied.map(Into::into),
            parts: self.parts_of(&tenant, installed, sector),
            trips: trips.collect(),
            vehicles: vehicles.len(),
            vehicles_not_admitted: vehicles
                .into_iter()
                .filter(|vehicle| is_outside(&vehicle.sectors))
                .map(|vehicle| vehicle.name)
                .collect(),
        })
    }

    fn parts_of(&self, tenant: &Tenant, installed: &Installed, sector: Sector) -> Vec<PartPreview> {
        let before = self.in_force(tenant).map(|known| &known.overlay);
        let after = &installed.overlay;
        let rules = |overlay: &overlays::Overlay| -> BTreeSet<String> {
            overlay.policies.iter().flat_map(|file| file.rules.iter().cloned()).collect()
        };
        let limits = |overlay: &overlays::Overlay| -> BTreeSet<String> {
            super::views::limits_of(&overlay.limits)
                .into_iter()
                .map(|limit| {
                    let scope = limit.scope.map(|scope| format!(" at {scope}")).unwrap_or_default();
                    format!("{}{scope}: {}", limit.limit, limit.value)
                })
                .collect()
        };
        let flags = |overlay: &overlays::Overlay| -> BTreeSet<String> {
            overlay.flags.flags().map(|flag| flag.key.to_string()).collect()
        };
        let features = |overlay: &overlays::Overlay| -> BTreeSet<String> {
            overlay.requires.iter().chain(&overlay.uses).cloned().collect()
        };
        let words = |overlay: &overlays::Overlay| -> BTreeSet<String> {
            overlay.terms.nouns.iter().map(|(noun, word)| format!("{noun}: {}", word.one)).collect()
        };
        let part = |name: &str, of: &dyn Fn(&overlays::Overlay) -> BTreeSet<String>| {
            let (old, new) = (before.map(of).unwrap_or_default(), of(after));
            let gone = old.difference(&new).map(|text| format!("no longer: {text}"));
            let come = new.difference(&old).map(|text| format!("new: {text}"));
            PartPreview { part: name.to_owned(), changes: gone.chain(come).collect() }
        };
        let looks = match tenant.in_force.as_ref().is_some_and(|known| known.sector == sector) {
            true => Vec::new(),
            false => vec![format!("colours and logo of {}", after.manifest.title), after.ui.modules.join(", ")],
        };
        vec![
            part("policies", &rules),
            part("limits", &limits),
            part("flags", &flags),
            part("features", &features),
            part("words", &words),
            PartPreview { part: "appearance".into(), changes: looks },
        ]
    }
}
