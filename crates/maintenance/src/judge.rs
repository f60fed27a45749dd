//! What features, codes and models mean for a component (PDM-4): a pure function, so that each verdict can be replayed.

use std::collections::BTreeMap;

use kernel::Timestamp;
use prognostics::catalog::ClassSpec;
use prognostics::features::{Compiled, Features, Served};
use prognostics::rul::Model;
use prognostics::survival::Weibull;

use crate::health::{Assessment, Basis, RemainingLife, Verdict};

/// A vehicle that may fail within so many hours is grounded (PDM-6).
pub const GROUND_WITHIN_H: f64 = 24.0;
/// Below this confidence features neither ground nor clear a component.
pub const CONFIDENCE_MIN: f64 = 0.3;
/// The hours count twice in a row before they ground a vehicle: one reading is no trend.
pub const LOW_TWICE: u32 = 2;

/// What a model is asked with.
pub enum Predictor<'a> {
    Model { version: u32, digest: &'a str, model: &'a Model },
    Lives { units: u64, lives: Weibull },
    Nothing,
}

/// What is known of a component now.
pub struct Evidence<'a> {
    pub spec: &'static ClassSpec,
    pub compiled: &'a Compiled,
    pub served: &'a Served,
    /// When the newest frame was taken.
    pub at: Timestamp,
    pub usage: f64,
    /// Whether readings of late were set aside.
    pub distrusted: bool,
    /// How many judgements in a row before this one said that it may fail within the day.
    pub low_before: u32,
    pub confirmed_codes: Vec<String>,
    pub safety_codes: Vec<String>,
    /// How much the vehicle is planned to do in an hour, in the usage unit.
    pub per_hour: f64,
}

/// A verdict, and how many in a row say that the component may fail within the day.
pub fn judge(evidence: &Evidence<'_>, predictor: &Predictor<'_>) -> (Assessment, u32) {
    let features = evidence.served.fresh();
    let (remaining, basis) = predict(evidence, features, predictor);
    let hours_left = remaining.map(|remaining| (remaining.lower80 / evidence.per_hour).max(0.0));
    let confidence = features.map_or(0.0, |features| features.confidence.score());
    let mut reasons: Vec<String> = evidence.safety_codes.clone();
    let is_low = hours_left.is_some_and(|hours| hours <= GROUND_WITHIN_H);
    let low = if is_low && !evidence.distrusted { evidence.low_before.saturating_add(1) } else { 0 };
    let by_life = by_life(evidence.spec, remaining, low);
    let verdict = if !evidence.safety_codes.is_empty() {
        Verdict::Ground
    } else if evidence.distrusted {
        reasons.push("readings of late cannot be true: look at the sensor".into());
        Verdict::Inspect
    } else if matches!(basis, Basis::Model { .. }) && confidence < CONFIDENCE_MIN {
        reasons.push(format!("the readings are incomplete: confidence {confidence:.2}"));
        if by_life > Verdict::Advise { Verdict::Inspect } else { by_life }
    } else {
        by_life
    };
    if let Some(remaining) = remaining.filter(|_| verdict > Verdict::Healthy) {
        let (lower, median) = (remaining.lower80, remaining.median);
        reasons.push(format!(
            "{lower:.0} to {:.0} {} left, most likely {median:.0}",
            remaining.upper80,
            unit(evidence)
        ));
    }
    reasons.extend(main_features(evidence, features, predictor, verdict));
    reasons.extend(evidence.confirmed_codes.iter().filter(|code| !evidence.safety_codes.contains(code)).cloned());
    let basis = if evidence.safety_codes.is_empty() { basis } else { Basis::TroubleCode };
    let assessment = Assessment {
        verdict,
        readings_at: evidence.at,
        age: evidence.usage,
        remaining,
        hours_left,
        basis,
        confidence,
        reasons,
        codes: evidence.confirmed_codes.clone(),
        features: decided_on(evidence, features, verdict),
    };
    (assessment, low)
}

fn unit(evidence: &Evidence<'_>) -> &'static str {
    evidence.spec.unit.into()
}

fn by_life(spec: &ClassSpec, remaining: Option<RemainingLife>, low: u32) -> Verdict {
    let Some(remaining) = remaining else { return Verdict::Unknown };
    if low >= LOW_TWICE {
        Verdict::Ground
    } else if low > 0 || remaining.lower80 <= spec.plan {
        Verdict::Plan
    } else if remaining.lower80 <= spec.advise {
        Verdict::Advise
    } else {
        Verdict::Healthy
    }
}

fn predict(
    evidence: &Evidence<'_>,
    features: Option<&Features>,
    predictor: &Predictor<'_>,
) -> (Option<RemainingLife>, Basis) {
    match predictor {
        Predictor::Model { version, digest, model } => {
            let predicted = features.and_then(|features| model.predict(&features.values).ok());
            // What it did since the newest row is gone already.
            let since = features.map_or(0.0, |features| (evidence.usage - features.age).max(0.0));
            let left = |value: f64| (value - since).max(0.0);
            let remaining = predicted.map(|predicted| RemainingLife {
                median: left(predicted.median),
                lower80: left(predicted.lower80),
                upper80: left(predicted.upper80),
                lower90: left(predicted.lower90),
                upper90: left(predicted.upper90),
                calibrated: predicted.calibrated,
            });
            (remaining, Basis::Model { version: *version, digest: (*digest).to_owned() })
        }
        Predictor::Lives { units, lives } => {
            let left = |quantile: f64| lives.remaining(evidence.usage, quantile).ok();
            let remaining = (|| {
                Some(RemainingLife {
                    median: left(0.5)?,
                    lower80: left(0.1)?,
                    upper80: left(0.9)?,
                    lower90: left(0.05)?,
                    upper90: left(0.95)?,
                    calibrated: false,
                })
            })();
            (remaining, Basis::Lives { units: *units })
        }
        Predictor::Nothing => (None, Basis::Nothing),
    }
}

/// The features that moved the prediction most, in words.
fn main_features(
    evidence: &Evidence<'_>,
    features: Option<&Features>,
    predictor: &Predictor<'_>,
    verdict: Verdict,
) -> Vec<String> {
    let (Predictor::Model { model, .. }, Some(features)) = (predictor, features) else { return Vec::new() };
    if verdict <= Verdict::Healthy {
        return Vec::new();
    }
    let names = evidence.compiled.names();
    let reasons = model.reasons(&features.values).unwrap_or_default();
    let in_words = |reason: prognostics::rul::Reason| {
        let name = names.get(reason.feature)?;
        let value = features.values.get(reason.feature)?;
        let direction = if reason.contribution < 0.0 { "shortens" } else { "lengthens" };
        let by = reason.contribution.abs();
        Some(format!("{name} = {value:.2} {direction} what is left by {by:.0} {}", unit(evidence)))
    };
    reasons.into_iter().filter_map(in_words).collect()
}

/// The features as they were, where something follows from them.
fn decided_on(evidence: &Evidence<'_>, features: Option<&Features>, verdict: Verdict) -> BTreeMap<String, f64> {
    let Some(features) = features.filter(|_| verdict >= Verdict::Plan) else { return BTreeMap::new() };
    let named = evidence.compiled.names().into_iter().zip(features.values.iter().copied());
    named.filter(|(_, value)| value.is_finite()).collect()
}
