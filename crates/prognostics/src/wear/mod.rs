//! A component that exists only in numbers: it is used, it wears where nobody sees it, its sensors show some of that,
//! and one day it fails. The same seed and the same steps give the same life.

mod history;
mod physics;
mod rng;

use serde::{Deserialize, Serialize};

use crate::catalog::{ComponentClass, Status, TroubleCode};
pub use history::{Outcome, Row, UnitHistory, history};
use rng::Rng;

/// Seconds over which the load on a component and its condition indicators are averaged, as a control unit does it.
const AVERAGING_S: f64 = 60.0;
/// Below this speed, metres per second, a vehicle counts as standing.
const MOVING_MPS: f64 = 1.0;
/// Standard deviation of the logarithm of a unit's own rate of wear.
const UNIT_SD: f64 = 0.07;
/// Standard deviation of the logarithm of the severity of use that no duty explains.
const SEVERITY_SD: f64 = 0.15;
/// The share of a life after which that severity has forgotten itself.
const SEVERITY_LIFE_SHARE: f64 = 0.05;
/// The part of all damage that comes as shocks, and the mean size of one.
const SHOCK_SHARE: f64 = 0.1;
const SHOCK_DAMAGE: f64 = 0.005;
/// Failure has a Weibull hazard over damage with this shape and mean 1: it grows with the 19th power of damage.
const FAILURE_SHAPE: f64 = 20.0;
/// The mean of a Weibull distribution of that shape and scale 1: the gamma function at 1.05.
const FAILURE_MEAN: f64 = 0.973_504;
/// A longer step is divided into parts of about this much damage.
const DAMAGE_STEP: f64 = 0.005;
/// Damage from which the early trouble code is pending, and from which it is confirmed.
const CODE_PENDING: f64 = 0.82;
const CODE_CONFIRMED: f64 = 0.9;
/// The share of the damage at failure from which the late trouble code is confirmed.
const LATE_CODE_SHARE: f64 = 0.97;

/// What the vehicle does to its components.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Duty {
    /// Speed, metres per second.
    pub speed_mps: f64,
    /// Deceleration by braking, metres per second squared, not negative. Over a long step it is the mean over distance:
    /// one stop from 14 m/s each kilometre is 0.1.
    pub braking_mps2: f64,
    /// Payload as a share of the greatest payload.
    pub load_ratio: f64,
    /// Slope as a share, positive uphill.
    pub grade: f64,
    /// Temperature of the air, degrees Celsius.
    pub ambient_c: f64,
}

impl Duty {
    /// The duty at which a life is what the catalog says.
    pub const ORDINARY: Self =
        Self { speed_mps: 14.0, braking_mps2: 0.1, load_ratio: 0.6, grade: 0.0, ambient_c: 20.0 };
    /// Standing with the high voltage on.
    pub const STANDING: Self = Self { speed_mps: 0.0, braking_mps2: 0.0, ..Self::ORDINARY };

    /// The same within what a vehicle can do; what is no number counts as the ordinary value.
    fn bounded(self) -> Self {
        let bound = |value: f64, low: f64, high: f64, else_value: f64| {
            if value.is_finite() { value.clamp(low, high) } else { else_value }
        };
        let ordinary = Self::ORDINARY;
        Self {
            speed_mps: bound(self.speed_mps, 0.0, 40.0, 0.0),
            braking_mps2: bound(self.braking_mps2, 0.0, 12.0, 0.0),
            load_ratio: bound(self.load_ratio, 0.0, 1.2, ordinary.load_ratio),
            grade: bound(self.grade, -0.3, 0.3, 0.0),
            ambient_c: bound(self.ambient_c, -40.0, 50.0, ordinary.ambient_c),
        }
    }
}

/// What can be wrong with a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// It repeats the next reading for ever.
    Stuck,
    /// It moves away from the truth, in units of the signal per second of real time.
    Drift { per_s: f64 },
    /// It gives something that is not a number.
    NotANumber,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Injected {
    signal: usize,
    fault: Fault,
    since_s: f64,
    held: Option<f64>,
}

/// What one specimen of a component is born with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Specimen {
    /// Its own rate of wear; 1 is ordinary.
    rate: f64,
    /// The damage at which it fails; 1 is ordinary.
    limit: f64,
    /// How far its sensors are off, in standard deviations.
    bias: [f64; 4],
}

impl Specimen {
    fn draw(rng: &mut Rng, spread: f64) -> Self {
        let sd = UNIT_SD * spread;
        let rate = (sd * rng.normal() - sd * sd / 2.0).exp();
        let limit = rng.exponential().powf(1.0 / FAILURE_SHAPE) / FAILURE_MEAN;
        let limit = (1.0 + spread * (limit - 1.0)).clamp(0.7, 1.2);
        let bias = [0; 4].map(|_: i32| (rng.normal() * spread).clamp(-2.0, 2.0));
        Self { rate, limit, bias }
    }
}

/// Duty averaged over [`AVERAGING_S`]; braking and slope over distance, so that brake work is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Averages {
    speed: f64,
    /// Speed while it moved: a control unit reports vibration and currents of driving, and keeps them at rest.
    moving_speed: f64,
    braking_by_speed: f64,
    grade_by_speed: f64,
    load: f64,
    ambient_c: f64,
}

impl Averages {
    fn of(duty: &Duty) -> Self {
        Self {
            speed: duty.speed_mps,
            moving_speed: if duty.speed_mps > MOVING_MPS { duty.speed_mps } else { Duty::ORDINARY.speed_mps },
            braking_by_speed: duty.braking_mps2 * duty.speed_mps,
            grade_by_speed: duty.grade * duty.speed_mps,
            load: duty.load_ratio,
            ambient_c: duty.ambient_c,
        }
    }

    fn follow(&mut self, duty: &Duty, dt_s: f64) {
        let share = 1.0 - (-dt_s / AVERAGING_S).exp();
        let now = Self::of(duty);
        self.speed += share * (now.speed - self.speed);
        if duty.speed_mps > MOVING_MPS {
            self.moving_speed += share * (now.moving_speed - self.moving_speed);
        }
        self.braking_by_speed += share * (now.braking_by_speed - self.braking_by_speed);
        self.grade_by_speed += share * (now.grade_by_speed - self.grade_by_speed);
        self.load += share * (now.load - self.load);
        self.ambient_c += share * (now.ambient_c - self.ambient_c);
    }

    fn duty(&self) -> Duty {
        let per_speed = |value: f64| if self.speed > 1e-6 { value / self.speed } else { 0.0 };
        Duty {
            speed_mps: self.speed,
            braking_mps2: per_speed(self.braking_by_speed),
            load_ratio: self.load,
            grade: per_speed(self.grade_by_speed),
            ambient_c: self.ambient_c,
        }
    }

    /// The duty that condition indicators speak of.
    fn moving_duty(&self) -> Duty {
        Duty { speed_mps: self.moving_speed, ..self.duty() }
    }
}

/// One simulated component and its successors after repairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wear {
    class: ComponentClass,
    spread: f64,
    /// Damage for one unit of stress, so that a life at ordinary duty is what the catalog says.
    scale: f64,
    rng: Rng,
    specimen: Specimen,
    /// How often it was repaired.
    repairs: u32,
    factor: f64,
    elapsed_s: f64,
    usage: f64,
    damage: f64,
    failed: bool,
    severity: f64,
    temperature_c: f64,
    averages: Averages,
    faults: Vec<Injected>,
}

impl Wear {
    /// A new component. `spread` is how much specimens, use and sensors differ: 0 not at all, 1 as in a fleet, at most
    /// 2.
    pub fn new(class: ComponentClass, seed: u64, spread: f64) -> Self {
        let spread = if spread.is_finite() { spread.clamp(0.0, 2.0) } else { 1.0 };
        let mut rng = Rng::new(seed);
        let specimen = Specimen::draw(&mut rng, spread);
        Self {
            class,
            spread,
            scale: damage_per_stress(class),
            rng,
            specimen,
            repairs: 0,
            factor: 1.0,
            elapsed_s: 0.0,
            usage: 0.0,
            damage: 0.0,
            failed: false,
            severity: 0.0,
            temperature_c: Duty::STANDING.ambient_c,
            averages: Averages::of(&Duty::STANDING),
            faults: Vec::new(),
        }
    }

    /// The same with a past: so much of its own life, 0 to 0.99, is gone, at ordinary duty.
    pub fn aged(mut self, life_share: f64) -> Self {
        self.damage = self.specimen.limit * life_share.clamp(0.0, 0.99);
        self.usage = self.usage_between(&Duty::ORDINARY, 0.0, self.damage).unwrap_or(0.0);
        self
    }

    /// From now on each second counts so many times for usage and damage. Temperatures and sensor faults keep real
    /// time. Brake pads at a factor of 30,000 last about a minute of even duty. In stop-and-go they wear by stops: one
    /// from 14 m/s takes about the factor divided by 25,000 of a life, two thirds of that with cold discs.
    pub fn accelerate(&mut self, factor: f64) {
        if factor.is_finite() {
            self.factor = factor.clamp(0.0, 1e7);
        }
    }

    pub fn class(&self) -> ComponentClass {
        self.class
    }

    /// Usage since new or since the last repair, in the unit of the class.
    pub fn usage(&self) -> f64 {
        self.usage
    }

    pub fn repairs(&self) -> u32 {
        self.repairs
    }

    /// Whether it no longer does its work. Nothing but a repair takes this back.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// The truth that no sensor shows: 0 is new, and about 1 is failure. For tests and oracles only.
    pub fn hidden_damage(&self) -> f64 {
        self.damage
    }

    /// Usage until this specimen fails if the duty lasts, in the unit of the class, with neither luck nor acceleration;
    /// `None` when this duty never makes it fail. For tests and oracles only.
    pub fn true_remaining_usage(&self, duty: &Duty) -> Option<f64> {
        if self.failed {
            return Some(0.0);
        }
        self.usage_between(&duty.bounded(), self.damage, self.specimen.limit)
    }

    fn usage_between(&self, duty: &Duty, from: f64, to: f64) -> Option<f64> {
        let usage = physics::usage_between(self.class, duty, from, to)?;
        Some(usage / (self.scale * self.specimen.rate))
    }

    /// Lets time pass, in seconds of real time.
    pub fn step(&mut self, dt_s: f64, duty: &Duty) {
        if !(dt_s.is_finite() && dt_s > 0.0) {
            return;
        }
        let duty = duty.bounded();
        self.elapsed_s += dt_s;
        self.averages.follow(&duty, dt_s);
        let load = self.averages.duty();
        let target_c = physics::temperature_c(self.class, &load, self.damage);
        let share = 1.0 - (-dt_s / physics::thermal_s(self.class)).exp();
        self.temperature_c += share * (target_c - self.temperature_c);

        let wear_s = dt_s * self.factor;
        let rate = self.scale * self.specimen.rate;
        let stress = physics::stress(self.class, &load, self.temperature_c, self.damage);
        let parts = (rate * stress * wear_s / DAMAGE_STEP).ceil().clamp(1.0, 1_000.0);
        for _ in 0..parts as u32 {
            self.wear(wear_s / parts, &duty, &load, rate);
        }
    }

    fn wear(&mut self, wear_s: f64, duty: &Duty, load: &Duty, rate: f64) {
        let usage = physics::usage_per_s(self.class, duty) * wear_s;
        self.usage += usage;
        if self.failed {
            return;
        }
        let sd = SEVERITY_SD * self.spread;
        let kept = (-usage / self.class.spec().life / SEVERITY_LIFE_SHARE).exp();
        self.severity = kept * self.severity + sd * (1.0 - kept * kept).sqrt() * self.rng.normal();
        let mean = rate * physics::stress(self.class, load, self.temperature_c, self.damage) * wear_s;
        let shock_share = SHOCK_SHARE * self.spread.min(1.0);
        let mut damage = (1.0 - shock_share) * mean * (self.severity - sd * sd / 2.0).exp();
        for _ in 0..self.rng.count(shock_share * mean / SHOCK_DAMAGE) {
            damage += SHOCK_DAMAGE * self.rng.exponential();
        }
        self.damage += damage;
        if self.damage >= self.specimen.limit {
            self.damage = self.specimen.limit;
            self.failed = true;
        }
    }

    /// What the sensors say now, in the order of the catalog, under the catalog's names. Every call draws new noise.
    pub fn readings(&mut self) -> Vec<(&'static str, f64)> {
        let load = self.averages.moving_duty();
        let truth = physics::signals(self.class, &load, self.temperature_c, self.damage, &self.specimen.bias);
        let mut readings = Vec::with_capacity(truth.len());
        for (index, (signal, truth)) in self.class.spec().signals.iter().zip(truth).enumerate() {
            let noisy = truth + signal.noise / 8.0 * self.rng.normal().clamp(-4.0, 4.0);
            let steps = 1.0 / signal.resolution;
            let mut value = ((noisy * steps).round() / steps).clamp(signal.min, signal.max);
            for injected in self.faults.iter_mut().filter(|injected| injected.signal == index) {
                value = match injected.fault {
                    Fault::Stuck => *injected.held.get_or_insert(value),
                    Fault::Drift { per_s } => value + per_s * (self.elapsed_s - injected.since_s),
                    Fault::NotANumber => f64::NAN,
                };
            }
            readings.push((signal.name, value));
        }
        readings
    }

    /// Breaks a sensor. Returns whether it did: the class has such a signal, and a drift is a finite number.
    pub fn inject(&mut self, signal: &str, fault: Fault) -> bool {
        if matches!(fault, Fault::Drift { per_s } if !per_s.is_finite()) {
            return false;
        }
        let Some(spec) = self.class.signal(signal) else { return false };
        let Some(signal) = self.class.spec().signals.iter().position(|of| of.name == spec.name) else { return false };
        self.faults.push(Injected { signal, fault, since_s: self.elapsed_s, held: None });
        true
    }

    /// Makes every sensor sound again.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The trouble codes that its control unit holds now: the early one when damage is advanced, the late one just
    /// before failure and after it. A specimen that fails young has the late one only.
    pub fn codes(&self) -> Vec<TroubleCode> {
        let set = Status::TEST_FAILED
            | Status::TEST_FAILED_THIS_OPERATION_CYCLE
            | Status::PENDING
            | Status::TEST_FAILED_SINCE_LAST_CLEAR;
        let confirmed = set | Status::CONFIRMED;
        let early = match self.damage {
            damage if damage >= CODE_CONFIRMED => Some(confirmed),
            damage if damage >= CODE_PENDING => Some(set),
            _ => None,
        };
        let late = self.failed || self.damage >= LATE_CODE_SHARE * self.specimen.limit;
        let late = late.then_some(confirmed | Status::WARNING_INDICATOR_REQUESTED);
        let specs = self.class.spec().codes.iter().zip([early, late]);
        specs
            .filter_map(|(spec, status)| {
                TroubleCode::new(spec.source, spec.ecu, spec.code, spec.failure_type, Status(status?)).ok()
            })
            .collect()
    }

    /// Puts a new specimen in: no usage, no damage, sound sensors. The acceleration stays.
    pub fn repair(&mut self) {
        self.specimen = Specimen::draw(&mut self.rng, self.spread);
        self.repairs = self.repairs.saturating_add(1);
        self.usage = 0.0;
        self.damage = 0.0;
        self.severity = 0.0;
        self.failed = false;
        self.faults.clear();
    }
}

/// Damage for one unit of stress at which a life under ordinary duty is what the catalog says.
fn damage_per_stress(class: ComponentClass) -> f64 {
    let life = class.spec().life;
    physics::usage_between(class, &Duty::ORDINARY, 0.0, 1.0).unwrap_or(life) / life
}
