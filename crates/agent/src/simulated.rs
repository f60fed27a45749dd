//! A vehicle that exists only in numbers: a point that keeps to its path, with bounded acceleration and deceleration,
//! an odometer and a battery. The same seed and the same steps give the same drive.

use std::sync::Arc;

use kernel::{Bearing, Coordinate};
use link::{Mode, Position, StopClass};

use crate::path::Path;
use crate::vehicle::{Footing, Help, STANDSTILL_MPS, Service, Vehicle, VehicleCommand, VehicleState};

/// Comfortable acceleration, metres per second squared.
const ACCELERATION_MPS2: f64 = 1.2;
/// Comfortable deceleration, metres per second squared.
const DECELERATION_MPS2: f64 = 2.0;
/// Deceleration of a stop NOW, metres per second squared.
const EMERGENCY_MPS2: f64 = 6.0;
/// Usable energy of the battery in watt-hours: a small shuttle.
pub const BATTERY_WH: f64 = 40_000.0;
/// Energy per metre in watt-hours at cruise: 180 Wh/km.
const WH_PER_M: f64 = 0.18;
/// Energy while standing, in watts: computers and climate.
const STANDBY_W: f64 = 400.0;
/// The longest step of integration in seconds; longer ones are divided.
const STEP_S_MAX: f64 = 0.1;
/// How long those aboard take to leave when their trip was ended by a person, in seconds.
const LEAVE_S: f64 = 20.0;
/// Below this state of charge the simulated vehicle is charged where it stands, in percent: no charging trips yet.
const RECHARGE_BELOW_PCT: f64 = 15.0;

#[derive(Debug, Clone, PartialEq)]
enum Motion {
    Hold,
    /// Driving to a place, no faster than the cap.
    Follow {
        until_m: f64,
        cap_mps: f64,
    },
    /// Stopping, at a place or as soon as possible.
    Stop {
        at_m: Option<f64>,
        deceleration_mps2: f64,
    },
    Serve {
        service: Service,
        left_s: f64,
    },
    /// Holding, while those of a trip that is over leave.
    Empty {
        left_s: f64,
    },
}

/// The simulated vehicle.
#[derive(Debug, Clone)]
pub struct SimulatedVehicle {
    state: VehicleState,
    path: Option<Arc<Path>>,
    motion: Motion,
    /// This driver's temper: 0.92 to 1.0 of the planned speed, from the seed.
    temper: f64,
    /// Where something stands on its way, by its odometer.
    obstacle_m: Option<f64>,
    /// Whether a component has failed.
    broken: bool,
}

impl SimulatedVehicle {
    /// A vehicle that stands at a place with a charged battery. `seed` sets how briskly it drives.
    pub fn new(start: Coordinate, seed: u64) -> Self {
        let spread = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1u32 << 24);
        let state = VehicleState {
            position: Position { at: start, heading: Bearing::from_degrees(0.0) },
            speed_mps: 0.0,
            battery_pct: 70.0 + 30.0 * spread,
            odometer_m: 0.0,
            mode: Mode::Autonomous,
            parked: true,
            occupied: false,
            along_m: None,
            served: false,
            help: None,
        };
        Self { state, path: None, motion: Motion::Hold, temper: 0.92 + 0.08 * spread, obstacle_m: None, broken: false }
    }

    /// The same, and once, after so many metres, something stands on its way that it may not pass by itself.
    pub fn with_obstacle_after(mut self, distance_m: f64) -> Self {
        self.obstacle_m = Some(self.state.odometer_m + distance_m);
        self
    }

    /// A vehicle as it was when its agent last wrote: it stands there now.
    pub fn resumed(last: VehicleState, seed: u64) -> Self {
        let mut vehicle = Self::new(last.position.at, seed);
        vehicle.state = VehicleState { speed_mps: 0.0, parked: true, along_m: None, served: false, help: None, ..last };
        vehicle
    }

    /// Says whether a component has failed without which the vehicle does not drive: it stops, and asks for help until the
    /// component is replaced. Answers whether that is news.
    pub fn break_down(&mut self, broken: bool) -> bool {
        let news = broken && !self.broken;
        self.broken = broken;
        if news {
            self.state.help = Some(Help::Breakdown);
            self.motion = Motion::Stop { at_m: None, deceleration_mps2: DECELERATION_MPS2 };
        }
        news
    }

    /// Changes how it is driven, as a person with a key would.
    pub fn switch_mode(&mut self, mode: Mode) {
        self.state.mode = mode;
    }

    /// Lets time pass, in seconds of the vehicle's world.
    pub fn advance(&mut self, seconds: f64) {
        let mut left_s = seconds.max(0.0);
        while left_s > 0.0 {
            let dt_s = left_s.min(STEP_S_MAX);
            self.advance_step(dt_s);
            left_s -= dt_s;
        }
    }

    fn advance_step(&mut self, dt_s: f64) {
        let target_mps = self.target_mps(dt_s);
        let brake_mps2 = match self.motion {
            Motion::Stop { deceleration_mps2, .. } => deceleration_mps2,
            // Holding a place on the line may need a little more than comfort.
            _ => DECELERATION_MPS2 * 1.5,
        };
        let before_mps = self.state.speed_mps;
        let speed_mps =
            target_mps.clamp(before_mps - brake_mps2 * dt_s, before_mps + ACCELERATION_MPS2 * dt_s).max(0.0);
        self.state.speed_mps = if speed_mps < STANDSTILL_MPS && target_mps == 0.0 { 0.0 } else { speed_mps };
        self.roll((before_mps + self.state.speed_mps) / 2.0 * dt_s, dt_s);
        self.meet_obstacle();
        self.serve(dt_s);
        let driving = matches!(self.motion, Motion::Follow { .. });
        self.state.parked = self.state.speed_mps == 0.0 && !driving;
    }

    /// The speed wanted now: the plan's, and low enough to meet every lower speed and the end ahead.
    fn target_mps(&self, dt_s: f64) -> f64 {
        let (Some(path), Some(along_m)) = (&self.path, self.state.along_m) else { return 0.0 };
        let (end_m, cap_mps) = match self.motion {
            Motion::Follow { until_m, cap_mps } => (until_m, cap_mps),
            Motion::Stop { at_m: Some(at_m), .. } => (at_m, self.state.speed_mps.max(1.0)),
            Motion::Stop { at_m: None, .. } | Motion::Hold | Motion::Serve { .. } | Motion::Empty { .. } => {
                return 0.0;
            }
        };
        let ahead_m = end_m - along_m;
        if ahead_m <= 0.05 {
            return 0.0;
        }
        // Reaching the last metres slower than one step of time allows would overshoot.
        let within =
            |speed_mps: f64, distance_m: f64| (speed_mps.powi(2) + 2.0 * DECELERATION_MPS2 * distance_m).sqrt();
        let mut target_mps =
            (path.speed_at(along_m) * self.temper).min(cap_mps).min(within(0.0, ahead_m)).min(ahead_m / dt_s);
        let horizon_m = self.state.speed_mps.powi(2) / DECELERATION_MPS2 + 10.0;
        for (from_m, speed_mps) in path.speeds_after(along_m) {
            if from_m - along_m > horizon_m {
                break;
            }
            target_mps = target_mps.min(within(speed_mps * self.temper, from_m - along_m));
        }
        target_mps.max(0.2_f64.min(ahead_m / dt_s))
    }

    fn roll(&mut self, rolled_m: f64, dt_s: f64) {
        let drawn_wh = rolled_m * WH_PER_M + STANDBY_W * dt_s / 3_600.0;
        self.state.battery_pct = (self.state.battery_pct - drawn_wh / BATTERY_WH * 100.0).max(0.0);
        if self.state.battery_pct < RECHARGE_BELOW_PCT && self.state.parked && self.motion == Motion::Hold {
            self.state.battery_pct = 100.0;
        }
        self.state.odometer_m += rolled_m;
        if let (Some(path), Some(along_m)) = (&self.path, self.state.along_m) {
            let along_m = (along_m + rolled_m).min(path.length_m());
            self.state.along_m = Some(along_m);
            if rolled_m > 0.0 {
                self.state.position = path.position_at(along_m);
            }
        }
    }

    fn meet_obstacle(&mut self) {
        let met = self.obstacle_m.is_some_and(|at_m| self.state.odometer_m >= at_m);
        if met && matches!(self.motion, Motion::Follow { .. }) {
            self.obstacle_m = None;
            self.state.help = Some(Help::Obstacle);
            self.motion = Motion::Stop { at_m: None, deceleration_mps2: EMERGENCY_MPS2 };
        }
    }

    fn serve(&mut self, dt_s: f64) {
        if !self.state.stands() {
            return;
        }
        match &mut self.motion {
            Motion::Serve { service, left_s } => {
                *left_s -= dt_s;
                if *left_s <= 0.0 {
                    self.state.occupied = *service == Service::Pickup;
                    self.state.served = true;
                }
            }
            Motion::Empty { left_s } => {
                *left_s -= dt_s;
                if *left_s <= 0.0 {
                    self.state.occupied = false;
                    self.motion = Motion::Hold;
                }
            }
            Motion::Hold | Motion::Follow { .. } | Motion::Stop { .. } => {}
        }
    }
}

impl Vehicle for SimulatedVehicle {
    fn state(&self) -> VehicleState {
        self.state
    }

    /// Its world is flat, and it parks where it may.
    fn footing(&self) -> Footing {
        Footing { grade_pct: 0.0, admissible: self.state.parked }
    }

    fn apply(&mut self, command: VehicleCommand) {
        self.motion = match command {
            // Whatever it is told: it does not drive.
            VehicleCommand::FollowRoute { .. } if self.broken => {
                self.state.help = Some(Help::Breakdown);
                Motion::Hold
            }
            VehicleCommand::FollowRoute { path, from_m, until_m, max_speed_mps } => {
                self.state.along_m = Some(from_m);
                self.state.served = false;
                // Whoever lets it go on has seen what it asked about.
                self.state.help = None;
                self.path = Some(path);
                Motion::Follow { until_m, cap_mps: max_speed_mps }
            }
            VehicleCommand::SlowTo { max_speed_mps } => match self.motion {
                Motion::Follow { until_m, .. } => Motion::Follow { until_m, cap_mps: max_speed_mps },
                ref other => other.clone(),
            },
            VehicleCommand::Stop { class: StopClass::Now, .. } => {
                Motion::Stop { at_m: None, deceleration_mps2: EMERGENCY_MPS2 }
            }
            VehicleCommand::Stop { at_m, .. } => Motion::Stop { at_m, deceleration_mps2: DECELERATION_MPS2 * 1.5 },
            // Autonomous and told to hold, it has no trip any more.
            VehicleCommand::Hold if self.state.occupied && self.state.mode == Mode::Autonomous => {
                Motion::Empty { left_s: LEAVE_S }
            }
            VehicleCommand::Hold => Motion::Hold,
            VehicleCommand::Serve { service, dwell_ms } => {
                self.state.served = false;
                Motion::Serve { service, left_s: dwell_ms as f64 / 1_000.0 }
            }
        };
    }
}
