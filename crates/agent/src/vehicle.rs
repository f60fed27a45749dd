//! The port to the vehicle itself: what the agent may ask of it and what it tells. Small on purpose, because every
//! driving system has to be fitted behind it. The vehicle's own safety system outranks it always.

use std::sync::Arc;

use link::{Mode, Position, StopClass};

use crate::path::Path;

/// Below this speed a vehicle stands, in metres per second.
pub const STANDSTILL_MPS: f64 = 0.05;

/// The vehicle's state at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VehicleState {
    pub position: Position,
    pub speed_mps: f64,
    pub battery_pct: f64,
    /// Distance of its life in metres.
    pub odometer_m: f64,
    pub mode: Mode,
    pub parked: bool,
    pub occupied: bool,
    /// Metres along the path that it was last told to follow; `None`: it follows none since it started.
    pub along_m: Option<f64>,
    /// Whether the boarding or alighting that was last asked for is over.
    pub served: bool,
    /// What it cannot solve by itself; it stands, or is about to.
    pub help: Option<Help>,
}

/// What a driving system asks a person for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Help {
    /// Something lies or stands on its way and it may not pass by itself.
    Obstacle,
    /// A component has failed without which it does not drive.
    Breakdown,
}

impl Help {
    /// The stable code of the request.
    pub fn code(self) -> &'static str {
        match self {
            Help::Obstacle => "OBSTACLE",
            Help::Breakdown => "BREAKDOWN",
        }
    }
}

impl VehicleState {
    pub fn stands(&self) -> bool {
        self.speed_mps < STANDSTILL_MPS
    }
}

/// What happens at a stop of the trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Pickup,
    Dropoff,
}

/// What the agent asks of the vehicle. The newest counts; each holds until the next.
#[derive(Debug, Clone, PartialEq)]
pub enum VehicleCommand {
    /// Drive along the path and stand at `until_m`. The only command that allows motion to begin.
    FollowRoute {
        path: Arc<Path>,
        /// Where on it the vehicle is now, in metres.
        from_m: f64,
        /// Where to stand, in metres.
        until_m: f64,
        /// No faster than this, in metres per second, beside the path's own speeds.
        max_speed_mps: f64,
    },
    /// Go on as before, no faster than this; reached with a bounded deceleration (SAFE-14).
    SlowTo {
        max_speed_mps: f64,
    },
    Stop {
        class: StopClass,
        /// Where on the path, in metres; `None`: as soon as the class allows.
        at_m: Option<f64>,
    },
    Hold,
    /// Stand and let people or load in or out.
    Serve {
        service: Service,
        dwell_ms: u64,
    },
}

/// Where a vehicle stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Footing {
    /// The slope, in percent.
    pub grade_pct: f64,
    /// Whether it may be left standing there: off the carriageway and away from emergency access (SAFE-12).
    pub admissible: bool,
}

/// A vehicle.
pub trait Vehicle {
    fn state(&self) -> VehicleState;
    fn footing(&self) -> Footing;
    fn apply(&mut self, command: VehicleCommand);
}
