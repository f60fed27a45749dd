//! Judging components when their vehicle has said something new (PDM-3, PDM-4, PDM-5).

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use journal::Hash;
use kernel::{BoxFuture, Ctx, TenantId, Timestamp, VehicleId};
use prognostics::catalog::{ComponentClass, UsageUnit};
use prognostics::features::{Served, Window};
use prognostics::rul::Model;
use prognostics::survival::Weibull;
use store::due::DueHandler;
use store::port::{CommitError, Fault, Guard, ListQuery, Store};
use store::{CommandError, Expected, Extras, RowBody, RowWrite, TableSpec, execute_plain, load};

use super::{DIAGNOSTICS, FEATURES, JUDGE_RULE, MODELS, Maintenance, component_key};
use crate::diagnostics::{Kept, features_of};
use crate::health::decide::{self, NewAssessment};
use crate::health::{Component, VehicleHealth, Verdict};
use crate::judge::{Evidence, Predictor, judge};
use crate::model::{Models, Version};
use crate::order::{OrderId, WorkOrder};
use crate::workshop::{Utilisation, Workshop};

/// Frames older than this are history that a vehicle caught up with: they teach, but nobody acts on them.
const HISTORY_AFTER_MS: i64 = 3_600_000;
/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// What classes are judged with.
enum Judge {
    Model(Version, Arc<Model>),
    Lives(u64, Weibull),
    Nothing,
}

impl Judge {
    fn predictor(&self) -> Predictor<'_> {
        match self {
            Self::Model(version, model) => Predictor::Model { version: version.number, digest: &version.digest, model },
            Self::Lives(units, lives) => Predictor::Lives { units: *units, lives: *lives },
            Self::Nothing => Predictor::Nothing,
        }
    }
}

struct Judging(Arc<Maintenance>);

impl DueHandler for Judging {
    fn table(&self) -> TableSpec {
        DIAGNOSTICS
    }

    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, _: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let vehicle = key.parse().map_err(|_| Fault::Misuse("a row of diagnostics has another key"))?;
            self.0.judge_vehicle(tenant, vehicle).await
        })
    }
}

impl Maintenance {
    pub(crate) fn judging(self: &Arc<Self>) -> Arc<dyn DueHandler> {
        Arc::new(Judging(Arc::clone(self)))
    }

    /// How the components of a vehicle are.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn health(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<VehicleHealth>, Fault> {
        Ok(load::<VehicleHealth>(&*self.store, tenant, &vehicle).await?.map(|known| known.state))
    }

    /// A page of vehicles with what is known of their components, by id.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn fleet_health(
        &self,
        tenant: &TenantId,
        after: Option<VehicleId>,
        limit: usize,
    ) -> Result<Vec<(VehicleId, VehicleHealth)>, Fault> {
        let query = ListQuery { after: after.map(|id| id.to_string()), limit, ..ListQuery::all() };
        let rows = self.store.list(TableSpec::of::<VehicleHealth>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// The workshop, as it was said.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn workshop(&self, tenant: &TenantId) -> Result<Workshop, Fault> {
        Ok(load::<Workshop>(&*self.store, tenant, tenant).await?.map(|known| known.state).unwrap_or_default())
    }

    async fn judge_vehicle(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<(), CommandError> {
        let Some((mut kept, version)) = self.kept(tenant, vehicle).await? else { return Ok(()) };
        let ctx = self.automation(tenant, JUDGE_RULE).await?;
        let facts = self.vehicles.vehicle(tenant, vehicle).await?;
        if facts.is_some_and(|facts| !facts.decommissioned) {
            let health = self.health(tenant, vehicle).await?.unwrap_or_default();
            let names: Vec<String> = kept.components.keys().cloned().collect();
            let within_budget = self.within_budget(tenant, ctx.now).await?;
            for name in names {
                self.judge_component(&ctx, vehicle, &mut kept, &health, &name, within_budget).await?;
            }
        }
        kept.assessed_at = Some(ctx.now);
        // Where the vehicle has said more meanwhile, that is judged next, and what was counted here is counted again.
        let row = RowBody::new(&kept, Vec::new())?;
        let write = RowWrite::put(DIAGNOSTICS, vehicle.to_string(), Expected::Version(version), row);
        match self.store.write(tenant, vec![write]).await {
            Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }

    async fn judge_component(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        kept: &mut Kept,
        health: &VehicleHealth,
        name: &str,
        within_budget: bool,
    ) -> Result<(), CommandError> {
        let Some(known) = kept.components.get(name) else { return Ok(()) };
        if ctx.now.as_ms() - known.at.as_ms() > HISTORY_AFTER_MS {
            return Ok(());
        }
        let class = known.class;
        let (confirmed_codes, safety_codes) = kept.confirmed_codes(name, class);
        let compiled = features_of(class).map_err(|_| Fault::Misuse("a class of the catalogue has no features"))?;
        let row = self.store.get(FEATURES, &ctx.tenant, &component_key(vehicle, name)).await?;
        let served = match row {
            Some(row) => row.decode::<Window>()?.vector(&compiled, ctx.now.as_ms()).unwrap_or(Served::Empty),
            None => Served::Empty,
        };
        let judge_with = self.judge_of(&ctx.tenant, class).await?;
        let workshop = self.workshop(&ctx.tenant).await?;
        let evidence = Evidence {
            spec: class.spec(),
            compiled: &compiled,
            served: &served,
            at: known.at,
            usage: known.usage,
            distrusted: known.distrusted > 0,
            low_before: known.low,
            confirmed_codes,
            safety_codes,
            per_hour: workshop.utilisation.per_hour(class.spec().unit),
        };
        let (assessment, low) = judge(&evidence, &judge_with.predictor());
        let (usage, verdict) = (known.usage, assessment.verdict);
        if let (Judge::Model(version, model), Served::Fresh(features)) = (&judge_with, &served) {
            self.note_met(ctx, class, &component_key(vehicle, name), version, model, features).await?;
        }
        if let Some(known) = kept.components.get_mut(name) {
            known.low = low;
        }
        let new = NewAssessment {
            component: name.to_owned(),
            class,
            usage,
            assessment,
            order: ctx.new_id::<OrderId>(),
            within_budget,
            now: ctx.now,
        };
        // Most judgements are no news.
        let news = decide::assess(Some(health), &new);
        if news.reply.is_ok() && news.events.is_empty() {
            return Ok(());
        }
        let judged = execute_plain(&*self.store, ctx, &vehicle, Extras::default(), |state| decide::assess(state, &new));
        match judged.await {
            Ok(_) => {
                metrics::counter!("atlasmesh_components_judged_total", "verdict" => verdict.as_str()).increment(1);
                let level = verdict >= Verdict::Plan;
                tracing::info!(tenant = %ctx.tenant, %vehicle, component = name, verdict = verdict.as_str(), urgent = level, "a component was judged");
                Ok(())
            }
            Err(CommandError::Reject(reject)) => {
                tracing::warn!(tenant = %ctx.tenant, %vehicle, component = name, %reject, "a component is not judged");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether predictions may open more cases today.
    async fn within_budget(&self, tenant: &TenantId, now: Timestamp) -> Result<bool, Fault> {
        let workshop = self.workshop(tenant).await?;
        let open = self.open_orders(tenant).await?;
        let today = |order: &WorkOrder| now.as_ms() - order.requested_at.as_ms() < DAY_MS;
        let predicted = open.iter().filter(|(_, order)| order.requested_by == "atlasmesh" && today(order)).count();
        Ok(predicted < usize::try_from(workshop.alerts_a_day).unwrap_or(usize::MAX))
    }

    /// What a class is judged with: its champion, or the lives of parts so far.
    async fn judge_of(&self, tenant: &TenantId, class: ComponentClass) -> Result<Judge, Fault> {
        let models = self.models(tenant).await?;
        if let Some(version) = models.lines.get(&class).and_then(|line| line.champion())
            && let Some(model) = self.model(tenant, &version.digest).await?
        {
            return Ok(Judge::Model(version.clone(), model));
        }
        Ok(self.fitted(tenant, class).await?.map_or(Judge::Nothing, |(units, fitted)| Judge::Lives(units, fitted)))
    }

    /// The models of a tenant.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn models(&self, tenant: &TenantId) -> Result<Models, Fault> {
        Ok(load::<Models>(&*self.store, tenant, tenant).await?.map(|known| known.state).unwrap_or_default())
    }

    /// A model by its digest; `None` where its bytes are missing or are not what the digest says: then nobody decides by it.
    pub(super) async fn model(&self, tenant: &TenantId, digest: &str) -> Result<Option<Arc<Model>>, Fault> {
        let known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(text) = read_model(&*self.store, tenant, digest).await? else { return Ok(None) };
        let is_it = Hash::of_bytes(text.as_bytes()).to_string() == digest;
        match Model::from_bytes(text.as_bytes()).ok().filter(|_| is_it) {
            None => {
                metrics::counter!("atlasmesh_models_damaged_total").increment(1);
                tracing::error!(%tenant, digest, "the bytes of a model are not what its digest says: nobody decides by it");
                Ok(None)
            }
            Some(model) => {
                let model = Arc::new(model);
                let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
                loaded.insert(digest.to_owned(), Arc::clone(&model));
                Ok(Some(model))
            }
        }
    }

    /// How far vehicles may drive before the chance that a safety-critical part fails exceeds 5 %, in metres; of those
    /// only whose parts are near their end. What is not calibrated limits nothing: a person decides about it.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn safe_ranges(&self, tenant: &TenantId) -> Result<BTreeMap<VehicleId, f64>, Fault> {
        let mut ranges = BTreeMap::new();
        let mut utilisation = None;
        for worst in [Verdict::Plan, Verdict::Ground] {
            let query = ListQuery::of("worst", worst.as_str());
            for row in store::list_all(&*self.store, TableSpec::of::<VehicleHealth>(), tenant, query).await? {
                let planned = match utilisation {
                    Some(planned) => planned,
                    None => *utilisation.insert(self.workshop(tenant).await?.utilisation),
                };
                let (Ok(vehicle), health) = (row.key.parse(), row.decode::<VehicleHealth>()?) else { continue };
                ranges.extend(safe_range_m(&health, planned).map(|range_m| (vehicle, range_m)));
            }
        }
        Ok(ranges)
    }
}

impl Maintenance {
    /// The same of one vehicle; `None` where nothing limits it.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn safe_range(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<f64>, Fault> {
        let Some(health) = self.health(tenant, vehicle).await? else { return Ok(None) };
        if health.worst().is_none_or(|worst| worst < Verdict::Plan) {
            return Ok(None);
        }
        Ok(safe_range_m(&health, self.workshop(tenant).await?.utilisation))
    }
}

/// The 5 % quantile of what is left of the part that ends first, as metres that the vehicle drives.
fn safe_range_m(health: &VehicleHealth, planned: Utilisation) -> Option<f64> {
    let range_m = |component: &Component| {
        let spec = component.class.spec();
        let remaining = component.assessment.as_ref()?.remaining?;
        let counts = spec.safety_critical && remaining.calibrated;
        counts.then(|| remaining.lower90 / planned.per_hour(spec.unit) * planned.per_hour(UsageUnit::Km) * 1_000.0)
    };
    health.components.values().filter_map(range_m).min_by(f64::total_cmp)
}

async fn read_model(store: &dyn Store, tenant: &TenantId, digest: &str) -> Result<Option<String>, Fault> {
    store.get(MODELS, tenant, digest).await?.map(|row| row.decode()).transpose()
}
