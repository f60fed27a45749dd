//! The components of a simulated vehicle: they wear as it drives, say how they are, fail, and are as new when the server says that a
//! new part is fitted. The same seed and the same drive give the same wear.

use std::collections::BTreeMap;

use kernel::Timestamp;
use prognostics::catalog::{Component, ComponentClass, VehicleKind, components_of_vehicle};
use prognostics::messages::{CodeReport, Frame};
use prognostics::wear::{Duty, Wear};
use serde::{Deserialize, Serialize};

/// Steps of a life, each half a percent of it, of which a vehicle with used components has readings: its first ones, and the last
/// weeks'.
const LOGGED_FIRST: u32 = 15;
const LOGGED_LAST: u32 = 40;
const STEP: f64 = 0.005;
/// The time between two of them, in milliseconds: hours of work.
const LOGGED_EVERY_MS: i64 = 4 * 3_600_000;
/// How much warmer than its mean the air is in each four hours of a day, in kelvins.
const SWING_C: [f64; 6] = [-3.0, -4.0, 0.0, 4.0, 5.0, 1.0];
/// How much components differ from vehicle to vehicle.
const SPREAD: f64 = 1.0;

/// How the components of a simulated vehicle begin.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wearing {
    /// How much of their life is gone, 0 to 0.99; those that are not named have done a third.
    #[serde(default)]
    pub used: BTreeMap<String, f64>,
    /// How many times faster than the vehicle's world they wear.
    #[serde(default = "as_in_life")]
    pub faster: f64,
    /// What chance begins with; none: the vehicle's own.
    #[serde(default)]
    pub seed: Option<u64>,
    /// How often their readings are taken, in milliseconds.
    #[serde(default = "ten_seconds")]
    pub every_ms: u64,
}

fn as_in_life() -> f64 {
    1.0
}

fn ten_seconds() -> u64 {
    10_000
}

/// One component with its wear.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    id: String,
    /// Counts the parts that were fitted in this place.
    number: u32,
    wear: Wear,
}

/// The components of one vehicle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Components {
    parts: Vec<Part>,
    /// Readings of the time before the agent ran, the oldest first.
    #[serde(skip)]
    logged: Vec<Frame>,
}

fn register() -> impl Iterator<Item = &'static Component> {
    // One of each class: what is learned of a left brake holds for the right one.
    ComponentClass::ALL
        .into_iter()
        .filter_map(|class| components_of_vehicle(VehicleKind::Truck).iter().find(|component| component.class == class))
}

impl Components {
    /// Components that were used before, with the readings of that time. `seed` is the vehicle's.
    pub fn new(wearing: &Wearing, seed: u64, now: Timestamp) -> Self {
        let mut components = Self { parts: Vec::new(), logged: Vec::new() };
        let seed = wearing.seed.unwrap_or(seed);
        for (n, component) in (0_u64..).zip(register()) {
            let used = wearing.used.get(component.id).copied().unwrap_or(0.3).clamp(0.0, 0.99);
            let seed = seed.wrapping_mul(31).wrapping_add(n);
            let first = (1..=LOGGED_FIRST).map(|step| f64::from(step) * STEP);
            let last = (0..LOGGED_LAST).rev().map(|step| used - f64::from(step) * STEP);
            let shares: Vec<f64> =
                first.take_while(|share| *share < used).chain(last.filter(|share| *share > 0.08)).collect();
            for (row, share) in (1_i64..).zip(&shares) {
                let mut wear = Wear::new(component.class, seed, SPREAD).aged(*share);
                // Nights and days: a sensor that says the same for weeks is taken to be stuck.
                let ambient_c = Duty::ORDINARY.ambient_c + SWING_C[usize::try_from(row % 6).unwrap_or(0)];
                wear.step(120.0, &Duty { ambient_c, ..Duty::ORDINARY });
                let before_ms = LOGGED_EVERY_MS * (i64::try_from(shares.len()).unwrap_or(0) - row + 1);
                components.logged.push(frame(component, 1, &mut wear, now.plus_ms(-before_ms)));
            }
            let mut wear = Wear::new(component.class, seed, SPREAD).aged(used);
            wear.accelerate(wearing.faster.clamp(0.0, 100_000.0));
            components.parts.push(Part { id: component.id.to_owned(), number: 1, wear });
        }
        components
    }

    /// Readings of the time before the agent ran, once.
    pub fn take_logged(&mut self) -> Vec<Frame> {
        let mut logged = std::mem::take(&mut self.logged);
        logged.sort_by_key(|frame| frame.at);
        logged
    }

    /// Lets time of the vehicle's world pass.
    pub fn advance(&mut self, seconds: f64, speed_before_mps: f64, speed_mps: f64) {
        if seconds <= 0.0 {
            return;
        }
        let duty = Duty {
            speed_mps: (speed_before_mps + speed_mps) / 2.0,
            braking_mps2: ((speed_before_mps - speed_mps) / seconds).max(0.0),
            ..Duty::ORDINARY
        };
        self.parts.iter_mut().for_each(|part| part.wear.step(seconds, &duty));
    }

    /// What every component says now; `seq` is set by whoever sends it.
    pub fn frames(&mut self, at: Timestamp) -> Vec<Frame> {
        let components = register();
        components
            .filter_map(|component| {
                let part = self.parts.iter_mut().find(|part| part.id == component.id)?;
                Some(frame(component, part.number, &mut part.wear, at))
            })
            .collect()
    }

    /// Takes the numbers of the parts that are fitted: a higher one is a new part. Answers whether any is.
    pub fn fit(&mut self, numbers: &BTreeMap<String, u32>) -> bool {
        let mut any = false;
        for part in &mut self.parts {
            if let Some(number) = numbers.get(&part.id).filter(|number| **number > part.number) {
                part.number = *number;
                part.wear.repair();
                any = true;
            }
        }
        any
    }

    /// A component that does not do its work any more, and without which the vehicle does not drive.
    pub fn failed(&self) -> Option<&str> {
        let failed = |part: &&Part| part.wear.failed() && part.wear.class().spec().safety_critical;
        self.parts.iter().find(failed).map(|part| part.id.as_str())
    }
}

fn frame(component: &Component, part: u32, wear: &mut Wear, at: Timestamp) -> Frame {
    let spec = component.class.spec();
    let path = |name: &str| {
        let signal = spec.signals.iter().find(|signal| signal.name == name);
        signal.map_or_else(|| name.to_owned(), |signal| component.path(signal))
    };
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let code = |code: prognostics::catalog::TroubleCode| CodeReport {
        source: code.source(),
        ecu: code.ecu().to_owned(),
        code: code.code().to_owned(),
        failure_type: code.failure_type(),
        status: code.status().0,
    };
    Frame {
        seq: 0,
        at,
        component: component.id.to_owned(),
        class: component.class,
        part: Some(part),
        usage: wear.usage(),
        readings: wear.readings().into_iter().map(|(name, value)| (path(name), finite(value))).collect(),
        codes: wear.codes().into_iter().map(code).collect(),
    }
}
