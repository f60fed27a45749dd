//! Maintenance over the store: what vehicles say, what is predicted of it, work orders by people, models, and what follows
//! from each.

mod assess;
mod effects;
mod grounding;
mod histories;
mod ingest;
mod orders;
mod schedule;
mod training;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Ctx, CtxSource, TenantId, VehicleId};
use policy::{Engine, PolicyAnswer, Request};
use prognostics::catalog::ComponentClass;
use prognostics::rul::Model;
use prognostics::survival::Weibull;
use store::TableSpec;
use store::port::{Fault, Store};

pub use histories::{HistoryRow, NewHistory};
pub use ingest::ReadingRow;
pub use orders::NewOrder;

use crate::ports::{Compute, Vehicles};

/// What each vehicle said of its components last; due when it is to be judged.
pub const DIAGNOSTICS: TableSpec = TableSpec::observations("diagnostics", &[]);
/// The features of each component, by vehicle and component.
pub const FEATURES: TableSpec = TableSpec::observations("component_features", &[]);
/// The readings of each component, one for each step of its life, by vehicle, component, part and time.
pub const READINGS: TableSpec = TableSpec::observations("component_readings", &["component"]);
/// The lives of parts that models learn from, by class and part.
pub const HISTORIES: TableSpec = TableSpec::observations("component_histories", &["class"]);
/// Models by their digest.
pub const MODELS: TableSpec = TableSpec::observations("model_files", &[]);
/// What models meet, by class: the newest features and predictions, which drift is found in.
pub const MET: TableSpec = TableSpec::observations("model_inputs", &[]);

/// The rule by which components are judged.
pub(crate) const JUDGE_RULE: &str = "maintenance.predict";
/// The rule by which vehicles are grounded and let go: it owns the holds.
pub(crate) const GROUND_RULE: &str = "maintenance.ground";
/// The rule by which the workshop is planned.
pub(crate) const PLAN_RULE: &str = "maintenance.plan";
/// The rule by which models are trained and moved.
pub(crate) const TRAIN_RULE: &str = "maintenance.train";

/// How long parts live, and of how many that is known; `None`: too few have failed.
type Fitted = Option<(u64, Weibull)>;

/// The service.
pub struct Maintenance {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) source: Arc<dyn CtxSource>,
    pub(crate) vehicles: Arc<dyn Vehicles>,
    pub(crate) compute: Arc<dyn Compute>,
    /// Models that were read and checked against their digests; a digest never means another model.
    loaded: Mutex<BTreeMap<String, Arc<Model>>>,
    /// How long parts of a class live, as far as histories tell; forgotten when one is added.
    fitted: Mutex<BTreeMap<(TenantId, ComponentClass), Fitted>>,
    /// How far trainings are, 0 to 1; for who looks, not for decisions.
    progress: Arc<Mutex<BTreeMap<(TenantId, ComponentClass), f32>>>,
}

impl Maintenance {
    /// The service over a store.
    pub fn new(
        store: Arc<dyn Store>,
        engine: Arc<Engine>,
        source: Arc<dyn CtxSource>,
        vehicles: Arc<dyn Vehicles>,
        compute: Arc<dyn Compute>,
    ) -> Self {
        let (loaded, fitted, progress) = (Mutex::default(), Mutex::default(), Arc::default());
        Self { store, engine, source, vehicles, compute, loaded, fitted, progress }
    }

    pub(crate) fn ask(&self, request: Request) -> PolicyAnswer {
        self.engine.decide(&request).into()
    }

    /// The context of something that maintenance does by itself, by a named rule.
    pub(crate) async fn automation(&self, tenant: &TenantId, rule: &str) -> Result<Ctx, Fault> {
        Ok(Ctx::automation(&*self.source, tenant.clone(), self.vehicles.about(tenant).await?, rule))
    }

    /// How far the training of a class is, 0 to 1.
    pub fn training_progress(&self, tenant: &TenantId, class: ComponentClass) -> Option<f32> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.get(&(tenant.clone(), class)).copied()
    }
}

/// The key of what belongs to a component.
pub(crate) fn component_key(vehicle: VehicleId, component: &str) -> String {
    format!("{vehicle}/{component}")
}

/// An answer of policy, with whatever else was gathered.
pub(crate) struct Asked<T> {
    pub answer: PolicyAnswer,
    pub with: T,
}

impl<T: Send + Sync> kernel::decided::Facts for Asked<T> {
    fn decisions(&self) -> &[kernel::envelope::DecisionRecord] {
        self.answer.decisions()
    }
}
