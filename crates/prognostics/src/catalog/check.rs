//! Readings that can not be true. A reading that is set aside may neither ground nor clear a vehicle; it asks for a
//! look.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ComponentClass;

/// Why a reading is kept out of every decision.
#[derive(Debug, Clone, PartialEq, Error, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum SetAside {
    #[error("the class has no such signal: {signal}")]
    UnknownSignal { signal: String },
    #[error("the value is not a finite number")]
    NotFinite,
    #[error("the value {value} is outside {min} to {max}")]
    OutOfRange { value: f64, min: f64, max: f64 },
    /// The change since the last reading is more than noise and the greatest physical rate explain, in units.
    #[error("the value changed by {change}, and {allowed} was possible")]
    TooFast { change: f64, allowed: f64 },
    #[error("the same value {readings} times while the component was used")]
    Stuck { readings: u32 },
}

/// Checks one reading against the catalog. `previous` is the last reading of the same sensor that was not set aside;
/// leave it out after a repair, because a new part jumps. Times are milliseconds since any fixed moment, in any order.
pub fn check_reading(
    class: ComponentClass,
    signal: &str,
    value: f64,
    previous: Option<(u64, f64)>,
    at_ms: u64,
) -> Result<(), SetAside> {
    let spec = class.signal(signal).ok_or_else(|| SetAside::UnknownSignal { signal: signal.to_owned() })?;
    if !value.is_finite() {
        return Err(SetAside::NotFinite);
    }
    if value < spec.min || value > spec.max {
        return Err(SetAside::OutOfRange { value, min: spec.min, max: spec.max });
    }
    if let Some((previous_ms, previous)) = previous {
        let apart_s = at_ms.abs_diff(previous_ms) as f64 / 1_000.0;
        let allowed = spec.noise + spec.max_rate_per_s * apart_s;
        let change = (value - previous).abs();
        if change > allowed {
            return Err(SetAside::TooFast { change, allowed });
        }
    }
    Ok(())
}

/// Watches one sensor of one component for a value that no longer moves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StuckDetector {
    run: Option<Run>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Run {
    value: f64,
    readings: u32,
    from_usage: f64,
    last_usage: f64,
}

impl StuckDetector {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next reading, with the component's usage at that moment. Readings without new usage count for nothing:
    /// a vehicle at rest has quiet sensors.
    pub fn observe(&mut self, class: ComponentClass, signal: &str, value: f64, usage: f64) -> Result<(), SetAside> {
        let spec = class.signal(signal).ok_or_else(|| SetAside::UnknownSignal { signal: signal.to_owned() })?;
        let Some(rule) = spec.stuck else { return Ok(()) };
        if !value.is_finite() {
            self.run = None;
            return Err(SetAside::NotFinite);
        }
        let run = match &mut self.run {
            // Usage that went back means another part.
            Some(run) if run.value == value && usage >= run.last_usage => run,
            other => {
                *other = Some(Run { value, readings: 1, from_usage: usage, last_usage: usage });
                return Ok(());
            }
        };
        if usage > run.last_usage {
            run.readings = run.readings.saturating_add(1);
            run.last_usage = usage;
        }
        if run.readings >= rule.readings && run.last_usage - run.from_usage >= rule.usage {
            return Err(SetAside::Stuck { readings: run.readings });
        }
        Ok(())
    }
}
