//! Training, moving and watching models (PDM-7). Training is due work beside everything else: a server that is killed in it begins
//! it again, and the same histories and seed give the same model.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use journal::Hash;
use kernel::{Ctx, Subject, TenantId};
use policy::Request;
use prognostics::catalog::ComponentClass;
use prognostics::drift::{Bins, FeaturePsi, Monitor, Round, Thresholds, ks};
use prognostics::features::{Compiled, Features, Window};
use prognostics::rul::promote::Cost;
use prognostics::rul::{self, Example, Model, Settings};
use serde::{Deserialize, Serialize};
use store::port::{Fault, Guard};
use store::{CommandError, Expected, Extras, RowBody, RowWrite, execute, execute_plain};

use super::histories::{NewHistory, row_of};
use super::{Asked, MET, MODELS, Maintenance, TRAIN_RULE};
use crate::actions::{PROMOTE_MODEL, ROLL_BACK_MODEL};
use crate::diagnostics::features_of;
use crate::model::events::ModelTrained;
use crate::model::{Comparison, Metrics, Models, Trigger, Version, decide};

/// Trees of a model.
const TREES: usize = 150;
/// How much each of them corrects.
const LEARNING_RATE: f64 = 0.08;
/// Trees that say how far off it is.
const SCALE_TREES: usize = 60;
/// One part in so many is held out of every training, to compare models on; which ones follows from their names alone.
const HELD_OUT: u8 = 5;
/// A life gives at most so many examples.
const EXAMPLES_OF_A_LIFE: usize = 60;
/// A row with fewer before it gives no example.
const ROWS_BEFORE: usize = 5;
/// What a missed failure costs, with a part pulled too early as 1.
const MISSED: f64 = 10.0;

/// The worst score that is told.
const SCORE_MAX: f64 = 1e12;
/// What a model met in service, and what it learned from, are compared on so many vectors.
const MET_MAX: usize = 240;
/// Drift is looked for when so many vectors are new.
const MET_ROUND: u32 = 60;
/// A few components are no population.
const MET_COMPONENTS: usize = 8;

/// What a model learned from, a sample.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Reference {
    vectors: Vec<Vec<Option<f64>>>,
    predictions: Vec<f64>,
}

/// What a model meets.
#[derive(Debug, Serialize, Deserialize)]
struct Met {
    version: u32,
    /// The newest row of each component that was noted.
    at: BTreeMap<String, i64>,
    vectors: VecDeque<Vec<Option<f64>>>,
    predictions: VecDeque<f64>,
    since_round: u32,
    monitor: Monitor,
}

/// What a training gave.
struct Outcome {
    text: String,
    reference: Reference,
    trained: ModelTrained,
}

/// The places of the features that drift is looked for in: the newest value, the mean and the slope of each signal.
fn watched(compiled: &Compiled) -> Vec<usize> {
    let names = compiled.names();
    let is_watched = |name: &str| [".last", ".mean30", ".slope30"].iter().any(|end| name.ends_with(end));
    names.iter().enumerate().filter(|(_, name)| is_watched(name)).map(|(place, _)| place).collect()
}

fn chosen(values: &[f64], places: &[usize]) -> Vec<Option<f64>> {
    places.iter().map(|place| values.get(*place).copied().filter(|value| value.is_finite())).collect()
}

/// Examples of a life, as known at each moment of it: features see no later row.
fn examples_of(compiled: &Compiled, unit: u32, history: &NewHistory) -> Vec<Example> {
    let mut window = Window::new(compiled, 0.0);
    let every = (history.rows.len() / EXAMPLES_OF_A_LIFE).max(1);
    let mut examples = Vec::new();
    for (n, row) in history.rows.iter().enumerate() {
        let row = row_of(row);
        if window.push(&row).is_err() || n < ROWS_BEFORE || n % every != 0 {
            continue;
        }
        let Ok(served) = window.vector(compiled, row.at_ms) else { continue };
        let Some(features) = served.fresh() else { continue };
        let rul = (history.end_usage - row.usage).max(0.0);
        examples.push(Example { unit, features: features.values.clone(), rul, label: history.label });
    }
    examples
}

fn is_held_out(key: &str) -> bool {
    Hash::of_bytes(key.as_bytes()).as_bytes()[0].is_multiple_of(HELD_OUT)
}

/// Trains a model on the lives of a class, and compares it with the champion on lives that neither learned from.
fn train(
    class: ComponentClass,
    number: u32,
    histories: &[(String, NewHistory)],
    champion: Option<&Model>,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<Outcome, String> {
    let compiled = features_of(class).map_err(|error| error.to_string())?;
    let (mut learned, mut held_out) = (Vec::new(), Vec::new());
    for (unit, (key, history)) in (0_u32..).zip(histories) {
        let examples = examples_of(&compiled, unit, history);
        if is_held_out(key) { held_out.extend(examples) } else { learned.extend(examples) }
    }
    let spec = class.spec();
    let seed = u64::from(number);
    let settings = Settings {
        trees: TREES,
        scale_trees: SCALE_TREES,
        learning_rate: LEARNING_RATE,
        ..Settings::new(seed, spec.rul_cap)
    };
    let report = rul::cross_validate(&learned, &settings, 3, &mut |done| progress(done * 0.6));
    let report = report.map_err(|error| error.to_string())?;
    let trained = rul::train(&learned, &settings, &mut |done| progress(0.6 + done * 0.4));
    let model = trained.map_err(|error| error.to_string())?.model;
    let comparison = compare(class, champion, &model, &held_out)?;
    let bytes = model.to_bytes().map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    let places = watched(&compiled);
    let every = (learned.len() / MET_MAX).max(1);
    let sample: Vec<&Example> = learned.iter().step_by(every).collect();
    let predictions = sample.iter().filter_map(|example| model.predict(&example.features).ok());
    let reference = Reference {
        vectors: sample.iter().map(|example| chosen(&example.features, &places)).collect(),
        predictions: predictions.map(|predicted| predicted.median).collect(),
    };
    let data = serde_json::to_vec(histories).map_err(|error| error.to_string())?;
    let trained = ModelTrained {
        class,
        number,
        digest: Hash::of_bytes(text.as_bytes()).to_string(),
        data_digest: Hash::of_bytes(&data).to_string(),
        code: env!("CARGO_PKG_VERSION").into(),
        seed,
        calibrated: model.is_calibrated(),
        metrics: Metrics {
            units: report.units as u64,
            examples: learned.len() as u64,
            rmse: report.per_unit.rmse,
            // It grows by the power of the error: one unit that was far off makes it no number.
            score: report.per_unit.nasa_score.min(SCORE_MAX),
            coverage90: report.per_unit.coverage90,
            coverage80: report.per_unit.coverage80,
            width90: report.per_unit.width90,
        },
        comparison,
    };
    Ok(Outcome { text, reference, trained })
}

/// What deciding by either would have cost. Without a champion a model must beat running to failure.
fn compare(
    class: ComponentClass,
    champion: Option<&Model>,
    challenger: &Model,
    held_out: &[Example],
) -> Result<Comparison, String> {
    let spec = class.spec();
    let cost = Cost { missed: MISSED, false_pull: 1.0, threshold: spec.ground, early: spec.plan };
    let mut units: Vec<u32> = held_out.iter().map(|example| example.unit).collect();
    units.dedup();
    let units = units.len() as u64;
    if held_out.is_empty() {
        return Err("no life is held out to compare with: import more".into());
    }
    let compared = rul::compare(champion.unwrap_or(challenger), challenger, held_out, &cost, 1);
    let compared = compared.map_err(|error| error.to_string())?;
    let better = match champion {
        Some(_) => compared.better,
        None => compared.challenger_cost < MISSED,
    };
    Ok(Comparison {
        champion_cost: champion.map(|_| compared.champion_cost),
        challenger_cost: compared.challenger_cost,
        units,
        better,
    })
}

impl Maintenance {
    /// Asks for a training; answers the number of the version that it will give.
    ///
    /// # Errors
    /// `CONFLICT` where one is under way, a fault.
    pub async fn ask_training(&self, ctx: &Ctx, class: ComponentClass) -> Result<u32, CommandError> {
        let decide = |state: Option<&Models>| decide::ask_training(state, class, Trigger::Person);
        Ok(execute_plain(&*self.store, ctx, &ctx.tenant, Extras::default(), decide).await?.reply)
    }

    /// A training that was asked for.
    pub(crate) async fn train_due(&self, tenant: &TenantId, _: Guard) -> Result<(), CommandError> {
        let models = self.models(tenant).await?;
        let asked = models.lines.iter().filter_map(|(class, line)| Some((*class, line.training.as_ref()?, line)));
        let Some((class, training, line)) = asked.min_by_key(|(_, training, _)| training.asked_at) else {
            return Ok(());
        };
        let number = training.number;
        let champion = match line.champion() {
            Some(version) => self.model(tenant, &version.digest).await?,
            None => None,
        };
        let histories = self.histories(tenant, class).await?;
        let outcome = self.run_training(tenant, class, number, histories, champion).await;
        let ctx = self.automation(tenant, TRAIN_RULE).await?;
        match outcome {
            Err(reason) => {
                tracing::warn!(%tenant, ?class, number, reason, "a training gave no model");
                let decide = |state: Option<&Models>| decide::training_failed(state, class, number, &reason);
                execute_plain(&*self.store, &ctx, tenant, Extras::default(), decide).await?;
                Ok(())
            }
            Ok(outcome) => self.keep_trained(&ctx, class, number, &outcome).await,
        }
    }

    async fn run_training(
        &self,
        tenant: &TenantId,
        class: ComponentClass,
        number: u32,
        histories: Vec<(String, NewHistory)>,
        champion: Option<Arc<Model>>,
    ) -> Result<Outcome, String> {
        let key = (tenant.clone(), class);
        let found: Arc<Mutex<Option<Result<Outcome, String>>>> = Arc::default();
        let (there, progress, told) = (Arc::clone(&found), Arc::clone(&self.progress), key.clone());
        let job = move || {
            let mut tell = |done: f32| {
                progress.lock().unwrap_or_else(PoisonError::into_inner).insert(told.clone(), done);
                true
            };
            let outcome = train(class, number, &histories, champion.as_deref(), &mut tell);
            *there.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        };
        self.compute.run(Box::new(job)).await;
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let outcome = found.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.unwrap_or_else(|| Err("the training was cut off".into()))
    }

    /// Keeps a model and its event as one, and lets it decide where it is better.
    async fn keep_trained(
        &self,
        ctx: &Ctx,
        class: ComponentClass,
        number: u32,
        outcome: &Outcome,
    ) -> Result<(), CommandError> {
        let digest = &outcome.trained.digest;
        let reference = RowBody::new(&outcome.reference, Vec::new())?;
        let rows = vec![
            RowWrite::put(MODELS, digest.clone(), Expected::Any, RowBody::new(&outcome.text, Vec::new())?),
            RowWrite::put(MODELS, format!("{digest}/reference"), Expected::Any, reference),
        ];
        let extras = Extras { rows, ..Extras::default() };
        let decide = |state: Option<&Models>| decide::trained(state, &outcome.trained);
        execute_plain(&*self.store, ctx, &ctx.tenant, extras, decide).await?;
        let better = outcome.trained.comparison.better;
        tracing::info!(tenant = %ctx.tenant, ?class, number, better, "a model was trained");
        match self.promote_model(ctx, class, number, "better on lives that were held out").await {
            Ok(()) => Ok(()),
            Err(CommandError::Reject(reject)) => {
                tracing::info!(tenant = %ctx.tenant, ?class, number, %reject, "the model does not decide");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Lets a version decide.
    ///
    /// # Errors
    /// `NOT_FOUND`, `POLICY_VIOLATION`, a fault.
    pub async fn promote_model(
        &self,
        ctx: &Ctx,
        class: ComponentClass,
        number: u32,
        reason: &str,
    ) -> Result<(), CommandError> {
        let name: &str = class.into();
        let gather = |state: Option<Arc<Models>>| async move {
            let line = state.as_ref().and_then(|models| models.lines.get(&class));
            let version = line.and_then(|line| line.version(number));
            let question = Request::new(ctx, PROMOTE_MODEL, Subject::new("model", name))
                .fact("better", version.is_some_and(|version| version.comparison.better))
                .fact("calibrated", version.is_some_and(|version| version.calibrated))
                .fact("was_champion", line.is_some_and(|line| line.previous == Some(number)));
            Ok(Asked { answer: self.ask(question), with: () })
        };
        let decide =
            |state: Option<&Models>, asked: &Asked<()>| decide::promote(state, class, number, reason, &asked.answer);
        execute(&*self.store, ctx, &ctx.tenant, Extras::default(), gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, class = name, number, "a model decides from now on");
        Ok(())
    }

    /// Lets the version before decide again.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` where no model decides, `POLICY_VIOLATION`, a fault.
    pub async fn roll_back_model(&self, ctx: &Ctx, class: ComponentClass, reason: &str) -> Result<(), CommandError> {
        let name: &str = class.into();
        let gather = |_| async move {
            let question = Request::new(ctx, ROLL_BACK_MODEL, Subject::new("model", name));
            Ok(Asked { answer: self.ask(question), with: () })
        };
        let decide = |state: Option<&Models>, asked: &Asked<()>| decide::roll_back(state, class, reason, &asked.answer);
        execute(&*self.store, ctx, &ctx.tenant, Extras::default(), gather, decide).await?;
        tracing::warn!(tenant = %ctx.tenant, class = name, reason, "a model was taken back");
        Ok(())
    }

    /// Notes what the champion met, once for each step of a component's life, and looks for drift from time to time.
    pub(super) async fn note_met(
        &self,
        ctx: &Ctx,
        class: ComponentClass,
        component: &str,
        version: &Version,
        model: &Model,
        features: &Features,
    ) -> Result<(), CommandError> {
        let name: &str = class.into();
        let row = self.store.get(MET, &ctx.tenant, name).await?;
        let (known, expected) = match row {
            Some(row) => (Some(row.decode::<Met>()?), Expected::Version(row.version)),
            None => (None, Expected::Absent),
        };
        let mut met = known.filter(|met| met.version == version.number).unwrap_or_else(|| Met {
            version: version.number,
            at: BTreeMap::new(),
            vectors: VecDeque::new(),
            predictions: VecDeque::new(),
            since_round: 0,
            monitor: Monitor::new(Thresholds::default()),
        });
        if met.at.insert(component.to_owned(), features.at_ms) == Some(features.at_ms) {
            return Ok(());
        }
        let Ok(predicted) = model.predict(&features.values) else { return Ok(()) };
        let compiled = features_of(class).map_err(|_| Fault::Misuse("a class of the catalogue has no features"))?;
        met.vectors.push_back(chosen(&features.values, &watched(&compiled)));
        met.predictions.push_back(predicted.median);
        if met.vectors.len() > MET_MAX {
            met.vectors.pop_front();
            met.predictions.pop_front();
        }
        met.since_round += 1;
        let mut reasons = Vec::new();
        if met.since_round >= MET_ROUND && met.at.len() >= MET_COMPONENTS {
            met.since_round = 0;
            reasons = self.look_for_drift(&ctx.tenant, version, &compiled, &mut met).await?;
        }
        let write = RowWrite::put(MET, name, expected, RowBody::new(&met, Vec::new())?);
        match self.write(&ctx.tenant, vec![write]).await {
            // Another vehicle's judgement noted something at the same moment: a sample more or less.
            Ok(()) | Err(CommandError::Reject(_)) => {}
            Err(error) => return Err(error),
        }
        if reasons.is_empty() {
            return Ok(());
        }
        tracing::warn!(tenant = %ctx.tenant, class = name, version = version.number, ?reasons, "a model drifts");
        let decide = |state: Option<&Models>| decide::notice_drift(state, class, version.number, &reasons);
        execute_plain(&*self.store, ctx, &ctx.tenant, Extras::default(), decide).await?;
        Ok(())
    }

    async fn look_for_drift(
        &self,
        tenant: &TenantId,
        version: &Version,
        compiled: &Compiled,
        met: &mut Met,
    ) -> Result<Vec<String>, Fault> {
        let row = self.store.get(MODELS, tenant, &format!("{}/reference", version.digest)).await?;
        let Some(reference) = row.map(|row| row.decode::<Reference>()).transpose()? else { return Ok(Vec::new()) };
        let names = compiled.names();
        let mut features = Vec::new();
        for (n, place) in watched(compiled).into_iter().enumerate() {
            let column = |vectors: &mut dyn Iterator<Item = &Vec<Option<f64>>>| -> Vec<f64> {
                vectors.filter_map(|vector| vector.get(n).copied().flatten()).collect()
            };
            let (before, now) = (column(&mut reference.vectors.iter()), column(&mut met.vectors.iter()));
            let psi = Bins::from_reference(&before, 10).and_then(|bins| bins.psi(&now));
            if let (Some(feature), Ok(psi)) = (names.get(place), psi) {
                features.push(FeaturePsi { feature: feature.clone(), psi });
            }
        }
        let now: Vec<f64> = met.predictions.iter().copied().collect();
        let predictions = ks(&reference.predictions, &now).ok();
        let round = Round { features, predictions, coverage: None, residuals: None };
        Ok(met.monitor.assess(&round).reasons.iter().map(ToString::to_string).collect())
    }
}
